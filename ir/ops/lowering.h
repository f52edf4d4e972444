/* SPDX-License-Identifier: Apache-2.0
 *
 * Small words for lowerings: arithmetic on values without naming the operation's kind each time,
 * operands that may be absent, scalars, and the index of a broadcast dimension.
 */
#ifndef IR_OPS_LOWERING_H
#define IR_OPS_LOWERING_H

#include "ir/ops/op.h"
#include "ir/support/array.h"

/* The tensor of operand or result i, NULL where it is absent. */
static inline const Tensor *lower_in(const Lowering *l, int i)
{
    return i < l->node->operand_count ? l->in[i] : NULL;
}
static inline const Tensor *lower_out(const Lowering *l, int i)
{
    return i < l->node->result_count && result(l->node, i)->name[0] ? l->out[i] : NULL;
}

static inline const Expr *sum_of(ExprPool *pool, const Expr *a, const Expr *b)
{
    return expr_binary(pool, EXPR_add, a, b);
}
static inline const Expr *difference_of(ExprPool *pool, const Expr *a, const Expr *b)
{
    return expr_binary(pool, EXPR_subtract, a, b);
}
static inline const Expr *product_of(ExprPool *pool, const Expr *a, const Expr *b)
{
    return expr_binary(pool, EXPR_multiply, a, b);
}
static inline const Expr *ratio_of(ExprPool *pool, const Expr *a, const Expr *b)
{
    return expr_binary(pool, EXPR_divide, a, b);
}
static inline const Expr *maximum_of(ExprPool *pool, const Expr *a, const Expr *b)
{
    return expr_binary(pool, EXPR_maximum, a, b);
}
static inline const Expr *minimum_of(ExprPool *pool, const Expr *a, const Expr *b)
{
    return expr_binary(pool, EXPR_minimum, a, b);
}
static inline const Expr *less_than(ExprPool *pool, const Expr *a, const Expr *b)
{
    return expr_compare(pool, EXPR_less, a, b);
}
static inline const Expr *at_most(ExprPool *pool, const Expr *a, const Expr *b)
{
    return expr_compare(pool, EXPR_less_equal, a, b);
}
static inline const Expr *equal_to(ExprPool *pool, const Expr *a, const Expr *b)
{
    return expr_compare(pool, EXPR_equal, a, b);
}

/* The element at an index of a rank-1 tensor, or of its only element where `size` is 1. */
const Expr *lower_vector(const Lowering *l, const Tensor *tensor, const Expr *index);
/* The only element of operand i: a number where it is constant, else a load. */
const Expr *lower_scalar(const Lowering *l, int i);
/* Whether operand i is constant and all zero. */
bool operand_is_zero(const Node *node, int i);
/* The element 0, 0, ... of a tensor. */
const Expr *lower_first(const Lowering *l, const Tensor *tensor);
/* `index` runs over a dimension of size `extent`; the index in an operand's dimension of that size
 * or of 1. */
const Expr *lower_stretch(ExprPool *pool, const Expr *index, const Expr *size, const Expr *extent);
/* An index between 0 and extent - 1, whatever it was. */
const Expr *lower_clamp(ExprPool *pool, const Expr *index, const Expr *extent);
/* |value|^p, what a p-norm sums, and the root of the sum. */
const Expr *lower_norm_term(ExprPool *pool, const Expr *value, int64_t p);
const Expr *lower_norm_root(ExprPool *pool, const Expr *sum, int64_t p);
/* round(value) + zero_point, saturated, in the element type of a quantised tensor; `value` is a
 * float, zero_point NULL or a value of the compute type of `element`. */
const Expr *lower_quantize(ExprPool *pool, const Expr *value, const Expr *zero_point,
                           TnElementType element);

#endif
