/* SPDX-License-Identifier: Apache-2.0
 *
 * Small integer tensors as lists of indices.
 *
 * Exporters compute shapes with ordinary operators: Shape, Gather, Mul, Concat, Reshape. Inference
 * follows such arithmetic element by element (value->elements), so that a Reshape in the middle of
 * a model still knows its result's sizes as expressions over the sizes of the graph's inputs. An
 * operator that computes integers says here, beside its meaning on tensors, what it means on
 * indices.
 */
#ifndef IR_OPS_ELEMENTS_H
#define IR_OPS_ELEMENTS_H

#include "ir/ops/op.h"

/* Longer tensors are not followed. */
enum { ELEMENTS_LIMIT = 256 };

/* What is known of an operand's elements, NULL if nothing is. Makes no symbols. In a lower(), this
 * gives what infer_elements() gave in infer(). Of a float constant, its whole numbers. */
const Expr *const *known_elements(const Node *node, int i, int64_t *count);
/* The same where all of them are numbers; false otherwise. */
bool known_integers(ExprPool *pool, const Node *node, int i, IntList *list);
/* Integers that decide the structure of the node: known ones, or those of infer_constant(). */
bool infer_integers(InferContext *context, const Node *node, int i, IntList *list);
/* Before infer_elements(): a vector whose length only running tells has `count` elements, since the
 * operator says so. Checked where it is run. */
bool infer_length(InferContext *context, const Node *node, int i, int64_t count);
/* As infer_elements(), of sizes: what running tells must not be negative. */
const Expr *const *infer_sizes(InferContext *context, const Node *node, int i, int64_t *count);

/* The one element of an operand as a size: at least 0, whatever running tells. NULL after an
 * error. */
const Expr *infer_one_size(InferContext *context, const Node *node, int i);

/* Whether elements of this type are followed. */
bool elements_may_be_known(TnElementType element);
/* Whether a result is small, static, and of such a type; *count: its elements. */
bool result_may_have_elements(const Node *node, int result, int64_t *count);

/* Whether the element is a number that is known exactly: all beyond EXPR_LIMIT, such as the ends of
 * slices, are one. */
bool element_is_number(const Expr *e);
/* Whether what indices say is what arithmetic of the type gives. */
bool element_is_exact(const Expr *e, TnElementType type);
/* result[i] = f(a[i], b[i]) over broadcast operands. f answers NULL where it does not know. */
typedef const Expr *IndexFunction(ExprPool *pool, const Expr *a, const Expr *b);
void propagate_elementwise(InferContext *context, Node *node, IndexFunction *f);
/* The result's elements are the first operand's, in the same order. */
void propagate_copy(InferContext *context, Node *node);
/* Row-major position of element `flat` of a static type in an operand broadcast to it. */
int64_t broadcast_position(const Type *result, int64_t flat, const Type *operand);

/* Records that `extent` is at least 1 unless result 0 is empty: its elements are read there. */
bool infer_nonempty(InferContext *context, const Node *node, const Expr *extent, const char *what);

/* The i-th element of a constant as a value of its compute type. */
const Expr *constant_value(ExprPool *pool, const Constant *constant, int64_t i);
/* Zero bits of a tensor's elements as expr_load() gives them. */
const Expr *zero_value(ExprPool *pool, TnElementType element);
/* The size as a divisor: at least 1. Where it is 0, nothing is computed with it. */
const Expr *positive_size(ExprPool *pool, const Expr *size);

#endif
