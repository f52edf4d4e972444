/* SPDX-License-Identifier: Apache-2.0
 *
 * GlobalAveragePool, GlobalMaxPool and GlobalLpPool: reductions over all spatial axes, whose sizes
 * become 1.
 */
#include "ir/ops/lowering.h"

typedef struct GlobalLpPoolAttributes {
    int64_t p;
} GlobalLpPoolAttributes;

static bool infer(InferContext *context, Node *node)
{
    const Type *x = operand_type(node, 0);
    if (x->rank < 2)
        return infer_error(context, node, "X has rank %d, expected 2 or more", x->rank);
    const Expr *dims[MAX_RANK] = {x->dims[0], x->dims[1]};
    for (int d = 2; d < x->rank; d++)
        dims[d] = expr_integer(context->pool, 1);
    infer_set(context, node, 0, x->element, x->rank, dims);
    return true;
}

static bool infer_lp(InferContext *context, Node *node)
{
    const GlobalLpPoolAttributes *attributes = node->attributes;
    if (attributes->p < 1)
        return infer_error(context, node, "p is %lld, expected 1 or more",
                           (long long)attributes->p);
    return infer(context, node);
}

static const Expr *spatial(Lowering *l, Compute *reduce)
{
    const Expr *at[MAX_RANK];
    const Tensor *x = l->in[0];
    for (int d = 0; d < x->rank; d++)
        at[d] = d < 2 ? compute_axis(l->kernel, reduce, d)
                      : compute_reduce_axis(l->kernel, reduce, x->shape[d]);
    return expr_load(l->pool, x, at);
}

static void lower_max(Lowering *l)
{
    Compute *reduce = kernel_reduce(l->kernel, l->out[0], COMBINE_max);
    reduce->body = spatial(l, reduce);
}

static void lower_average(Lowering *l)
{
    const Tensor *x = l->in[0], *y = l->out[0];
    TnElementType type = element_compute_type(y->element);
    const Tensor *sum = lower_temporary(l, "sum", type, y->rank, y->shape);
    Compute *reduce = kernel_reduce(l->kernel, sum, COMBINE_sum);
    reduce->body = spatial(l, reduce);
    Compute *map = kernel_map(l->kernel, y);
    const Expr *at[MAX_RANK], *count = expr_integer(l->pool, 1);
    lower_indices(l, map, at);
    for (int d = 2; d < x->rank; d++)
        count = expr_times(l->pool, count, x->shape[d]);
    map->body =
        ratio_of(l->pool, expr_load(l->pool, sum, at), expr_from_index(l->pool, type, count));
}

static void lower_lp(Lowering *l)
{
    const GlobalLpPoolAttributes *attributes = l->node->attributes;
    const Tensor *y = l->out[0];
    TnElementType type = element_compute_type(y->element);
    const Tensor *sum = lower_temporary(l, "sum", type, y->rank, y->shape);
    Compute *reduce = kernel_reduce(l->kernel, sum, COMBINE_sum);
    reduce->body = lower_norm_term(l->pool, spatial(l, reduce), attributes->p);
    Compute *map = kernel_map(l->kernel, y);
    const Expr *at[MAX_RANK];
    lower_indices(l, map, at);
    map->body = lower_norm_root(l->pool, expr_load(l->pool, sum, at), attributes->p);
}

static const OperandDef operands[] = {{.name = "X", .types = TYPES_FLOAT, .group = 'T'}};
static const OperandDef results[] = {{.name = "Y", .types = TYPES_FLOAT, .group = 'T'}};
static const AttributeDef lp_attributes[] = {
    ATTRIBUTE_INT(GlobalLpPoolAttributes, p, 2, "which norm"),
};

const OpDef op_global_average_pool = {
    .name = "GlobalAveragePool",
    .domain = "",
    .summary = "the mean over all spatial axes",
    .since = 22,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    .infer = infer,
    .lower = lower_average,
};

const OpDef op_global_max_pool = {
    .name = "GlobalMaxPool",
    .domain = "",
    .summary = "the maximum over all spatial axes",
    .since = 22,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    .infer = infer,
    .lower = lower_max,
};

const OpDef op_global_lp_pool = {
    .name = "GlobalLpPool",
    .domain = "",
    .summary = "the p-norm over all spatial axes",
    .since = 22,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(lp_attributes, GlobalLpPoolAttributes),
    .infer = infer_lp,
    .lower = lower_lp,
};
