/* SPDX-License-Identifier: Apache-2.0
 *
 * LRN: local response normalisation across channels. The window of `size` channels around c begins
 * at c - floor((size - 1) / 2) and is cut at the borders.
 */
#include "ir/ops/lowering.h"

typedef struct LrnAttributes {
    float alpha, beta, bias;
    int64_t size;
} LrnAttributes;

static bool infer(InferContext *context, Node *node)
{
    const LrnAttributes *attributes = node->attributes;
    if (operand_type(node, 0)->rank < 2)
        return infer_error(context, node, "X has rank %d, expected 2 or more",
                           operand_type(node, 0)->rank);
    if (attributes->size < 1)
        return infer_error(context, node, "size is %lld, expected 1 or more",
                           (long long)attributes->size);
    return infer_same_as_first(context, node);
}

static void lower(Lowering *l)
{
    const LrnAttributes *attributes = l->node->attributes;
    const Tensor *x = l->in[0], *y = l->out[0];
    ExprPool *pool = l->pool;
    TnElementType type = element_compute_type(y->element);
    const Expr *at[MAX_RANK];
    const Tensor *sum = lower_temporary(l, "squares", type, y->rank, y->shape);
    Compute *reduce = kernel_reduce(l->kernel, sum, COMBINE_sum);
    lower_indices(l, reduce, at);
    const Expr *k = compute_reduce_axis(l->kernel, reduce, expr_integer(pool, attributes->size));
    at[1] = expr_plus_integer(pool, expr_plus(pool, at[1], k), -((attributes->size - 1) / 2));
    const Expr *value = expr_load_or(pool, x, at, expr_real(pool, type, 0));
    reduce->body = product_of(pool, value, value);
    Compute *map = kernel_map(l->kernel, y);
    lower_indices(l, map, at);
    const Expr *factor = expr_real(pool, type, attributes->alpha / (double)attributes->size);
    const Expr *base = sum_of(pool, expr_real(pool, type, attributes->bias),
                              product_of(pool, factor, expr_load(pool, sum, at)));
    const Expr *norm = expr_binary(pool, EXPR_power, base, expr_real(pool, type, attributes->beta));
    map->body = ratio_of(pool, expr_load(pool, x, at), norm);
}

static const OperandDef operands[] = {{.name = "X", .types = TYPES_FLOAT, .group = 'T'}};
static const OperandDef results[] = {{.name = "Y", .types = TYPES_FLOAT, .group = 'T'}};
static const AttributeDef attributes[] = {
    ATTRIBUTE_FLOAT(LrnAttributes, alpha, 0.0001f, "factor of the mean square"),
    ATTRIBUTE_FLOAT(LrnAttributes, beta, 0.75f, "exponent"),
    ATTRIBUTE_FLOAT(LrnAttributes, bias, 1.0f, "added to the mean square"),
    ATTRIBUTE_INT_REQUIRED(LrnAttributes, size, "how many channels are summed"),
};

const OpDef op_lrn = {
    .name = "LRN",
    .domain = "",
    .summary = "y = x / (bias + alpha / size * sum of x^2 over neighbouring channels)^beta",
    .since = 13,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, LrnAttributes),
    .infer = infer,
    .lower = lower,
};
