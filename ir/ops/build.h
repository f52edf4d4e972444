/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes by the names of operators and attributes, for decompositions that are written as a text of
 * many nodes:
 *
 *     Value *gates = build(editor, "Add", 2, (Value *[]){x, product});
 *     Value *both = build_with(editor, "Concat", BUILD_INT("axis", 1), 2, (Value *[]){a, b});
 *
 * Each answers NULL once the editor has failed, and takes NULL operands then.
 */
#ifndef IR_OPS_BUILD_H
#define IR_OPS_BUILD_H

#include "ir/ops/op.h"
#include "ir/support/array.h"

typedef struct BuildAttribute {
    const char *name; /* NULL: none */
    AttributeKind kind;
    int64_t integer; /* int, element */
    float real;
    IntList ints;
    const Constant *tensor;
} BuildAttribute;

/* At most two attributes. */
typedef struct BuildAttributes {
    BuildAttribute items[2];
} BuildAttributes;

#define BUILD_INT_ITEM(name_, value)                                                               \
    {                                                                                              \
        .name = (name_), .kind = ATTRIBUTE_int, .integer = (value)                                 \
    }
#define BUILD_FLOAT_ITEM(name_, value)                                                             \
    {                                                                                              \
        .name = (name_), .kind = ATTRIBUTE_float, .real = (value)                                  \
    }
#define BUILD_INT(name, value)   ((BuildAttributes){.items = {BUILD_INT_ITEM(name, value)}})
#define BUILD_FLOAT(name, value) ((BuildAttributes){.items = {BUILD_FLOAT_ITEM(name, value)}})
#define BUILD_FLOATS(a, value_a, b, value_b)                                                       \
    ((BuildAttributes){.items = {BUILD_FLOAT_ITEM(a, value_a), BUILD_FLOAT_ITEM(b, value_b)}})
#define BUILD_RANGE(a, value_a, b, value_b)                                                        \
    ((BuildAttributes){.items = {BUILD_INT_ITEM(a, value_a), BUILD_INT_ITEM(b, value_b)}})
#define BUILD_INTS(name_, count_, values)                                                          \
    ((BuildAttributes){.items = {{.name = (name_),                                                 \
                                  .kind = ATTRIBUTE_ints,                                          \
                                  .ints = {.count = (count_), .items = (values)}}}})
#define BUILD_TENSOR(name_, value)                                                                 \
    ((BuildAttributes){.items = {{.name = (name_), .kind = ATTRIBUTE_tensor, .tensor = (value)}}})

Value *build(Editor *editor, const char *op, int operand_count, Value *const *operands);
Value *build_with(Editor *editor, const char *op, BuildAttributes attributes, int operand_count,
                  Value *const *operands);
/* Several results, into results[]; false once the editor has failed. */
bool build_many(Editor *editor, const char *op, BuildAttributes attributes, int operand_count,
                Value *const *operands, int result_count, Value **results);

/* The usual ones. */
Value *build_add(Editor *editor, Value *a, Value *b);
Value *build_subtract(Editor *editor, Value *a, Value *b);
Value *build_multiply(Editor *editor, Value *a, Value *b);
Value *build_matmul(Editor *editor, Value *a, Value *b);
Value *build_transpose(Editor *editor, Value *a, int rank, const int64_t *permutation);
Value *build_cast(Editor *editor, Value *a, TnElementType element);
Value *build_squeeze(Editor *editor, Value *a, int64_t axis);
Value *build_unsqueeze(Editor *editor, Value *a, int64_t axis);
Value *build_concat(Editor *editor, int64_t axis, int count, Value *const *values);
/* Dimension `axis` of a tensor, as int64[1]. */
Value *build_size(Editor *editor, Value *a, int64_t axis);
/* A tensor of the shape that a concatenation of int64[1] sizes says, all `value`. */
Value *build_fill(Editor *editor, TnElementType element, double value, int count,
                  Value *const *sizes);
/* Cut in equal parts. */
bool build_split(Editor *editor, Value *a, int64_t axis, int count, Value **parts);

#endif
