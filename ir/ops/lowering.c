/* SPDX-License-Identifier: Apache-2.0
 *
 * Helpers that lowerings of several families share.
 */
#include "ir/ops/lowering.h"

const Expr *lower_stretch(ExprPool *pool, const Expr *index, const Expr *size, const Expr *extent)
{
    if (size == extent)
        return index;
    if (expr_is(size, 1))
        return expr_integer(pool, 0);
    int64_t ignored;
    if (expr_known(size, &ignored))
        return index;
    return expr_smaller(pool, index, expr_plus_integer(pool, size, -1));
}

const Expr *lower_clamp(ExprPool *pool, const Expr *index, const Expr *extent)
{
    const Expr *last = expr_plus_integer(pool, extent, -1);
    return expr_larger(pool, expr_integer(pool, 0), expr_smaller(pool, index, last));
}

const Expr *lower_vector(const Lowering *l, const Tensor *tensor, const Expr *index)
{
    if (tensor->rank == 0)
        return expr_load(l->pool, tensor, NULL);
    const Expr *size = tensor->shape[0], *at = index;
    bool runs_over = index->kind == EXPR_axis && ((const Axis *)index->object)->extent == size;
    if (expr_is(size, 1))
        at = expr_integer(l->pool, 0);
    else if (!runs_over && !expr_known(size, NULL)) /* may turn out to be 1 */
        at = expr_smaller(l->pool, index, expr_plus_integer(l->pool, size, -1));
    return expr_load(l->pool, tensor, &at);
}

const Expr *lower_first(const Lowering *l, const Tensor *tensor)
{
    const Expr *zeros[MAX_RANK];
    for (int d = 0; d < tensor->rank; d++)
        zeros[d] = expr_integer(l->pool, 0);
    return expr_load(l->pool, tensor, zeros);
}

bool operand_is_zero(const Node *node, int i)
{
    const Constant *constant = operand_constant(node, i);
    if (!constant)
        return false;
    for (int64_t e = 0; e < constant->count; e++)
        if (constant_get_double(constant, e) != 0)
            return false;
    return true;
}

const Expr *lower_scalar(const Lowering *l, int i)
{
    const Tensor *tensor = l->in[i];
    TnElementType type = element_compute_type(tensor->element);
    const Constant *constant = operand_constant(l->node, i);
    if (!constant || constant->count < 1)
        return lower_first(l, tensor);
    switch (element_kind(type)) {
    case ELEMENT_KIND_FLOAT: return expr_real(l->pool, type, constant_get_double(constant, 0));
    case ELEMENT_KIND_SIGNED:
    case ELEMENT_KIND_UNSIGNED: return expr_whole(l->pool, type, constant_get_int64(constant, 0));
    case ELEMENT_KIND_BOOL: return expr_bool(l->pool, constant_get_int64(constant, 0) != 0);
    case ELEMENT_KIND_NONE:
    case ELEMENT_KIND_COMPLEX:
    case ELEMENT_KIND_STRING: break;
    }
    return lower_first(l, tensor);
}

const Expr *lower_norm_term(ExprPool *pool, const Expr *value, int64_t p)
{
    if (p == 2)
        return product_of(pool, value, value);
    const Expr *size = expr_unary(pool, EXPR_absolute, value);
    if (p == 1)
        return size;
    return expr_binary(pool, EXPR_power, size, expr_real(pool, value->type, (double)p));
}

const Expr *lower_norm_root(ExprPool *pool, const Expr *sum, int64_t p)
{
    if (p == 1)
        return sum;
    if (p == 2)
        return expr_unary(pool, EXPR_sqrt, sum);
    return expr_binary(pool, EXPR_power, sum, expr_real(pool, sum->type, 1.0 / (double)p));
}

const Expr *lower_quantize(ExprPool *pool, const Expr *value, const Expr *zero_point,
                           TnElementType element)
{
    if (element_kind(element) == ELEMENT_KIND_FLOAT) {
        if (zero_point)
            value = sum_of(pool, value, expr_convert(pool, value->type, zero_point));
        return expr_convert(pool, element, value);
    }
    const Expr *rounded = expr_unary(pool, EXPR_round, value);
    if (zero_point)
        rounded = sum_of(pool, rounded, expr_convert(pool, value->type, zero_point));
    int bits = element_bits(element);
    bool is_signed = element_kind(element) == ELEMENT_KIND_SIGNED;
    double low = is_signed ? -(double)((int64_t)1 << (bits - 1)) : 0;
    double high = (double)(((int64_t)1 << (is_signed ? bits - 1 : bits)) - 1);
    rounded = maximum_of(pool, rounded, expr_real(pool, value->type, low));
    rounded = minimum_of(pool, rounded, expr_real(pool, value->type, high));
    return expr_convert(pool, element, rounded);
}
