/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations of the interpreter on rows: n elements of one type at a time.
 *
 * Rows hold compute types (float, double, integers, bool) as plain C arrays. Strings and complex
 * numbers are moved, never computed with.
 */
#ifndef IR_KERNEL_EVALUATE_ROW_H
#define IR_KERNEL_EVALUATE_ROW_H

#include "ir/kernel/kernel.h"

/* Bits of `uniform`: operand a, b, c is one element that holds for the whole row. */
enum { ROW_UNIFORM_A = 1, ROW_UNIFORM_B = 2, ROW_UNIFORM_C = 4 };

typedef void RowOperation(int64_t n, void *out, const void *a, const void *b, int uniform);

/* NULL where the operation does not exist on the type. Comparisons make bools of rows of `type`;
 * EXPR_INDEX stands for rows of int64. */
RowOperation *row_unary(ExprKind kind, TnElementType type);
RowOperation *row_binary(ExprKind kind, TnElementType type);

void row_fma(TnElementType type, int64_t n, void *out, const void *a, const void *b, const void *c,
             int uniform);
void row_dot4(int64_t n, void *out, const void *a, const void *b, const void *c, int uniform);
/* condition ? a : b; uniform bits in that order. Any type. */
void row_select(TnElementType type, int64_t n, void *out, const void *condition, const void *a,
                const void *b, int uniform);
/* Between compute types; as ONNX's Cast. */
void row_convert(TnElementType to, TnElementType from, int64_t n, void *out, const void *a);
/* Rounds a row of compute type to a type without arithmetic, in place (float16, int4, ...). */
void row_round(TnElementType to, bool saturate, int64_t n, void *row);
void row_fill(TnElementType type, int64_t n, void *out, const void *value);

/* out[i] = memory[i * step], from an element type to its compute type. */
void row_load(TnElementType element, int64_t n, void *out, const void *memory, int64_t step);
/* out[i] = memory[offsets[i]], or fill[i] where offsets[i] < 0 (fill: a row or one value). */
void row_gather(TnElementType element, int64_t n, void *out, const void *memory,
                const int64_t *offsets, const void *fill, bool uniform_fill);
/* memory[i * step] = row[i]; the inverse of row_load. */
void row_store(TnElementType element, int64_t n, void *memory, int64_t step, const void *row,
               bool uniform);
void row_scatter(TnElementType element, int64_t n, void *memory, const int64_t *offsets,
                 const void *row, bool uniform);

/* *value = combine(*value, row[0], row[1], ...). Sums of floats: value is a double, row may be of
 * floats, in a fixed tree. */
void row_fold(Combine combine, TnElementType carried, TnElementType type, int64_t n, void *value,
              const void *row);
/* values[i] += row[i], doubles and floats. */
void row_add_widened(int64_t n, double *values, const float *row);

ExprKind combine_operation(Combine combine);

#endif
