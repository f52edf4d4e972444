/* SPDX-License-Identifier: Apache-2.0
 *
 * Conv: a reduce of x times w whose load of x is zero in the padding. Output channel m reads the
 * input channels m / (M / group) * (C / group) + c, so grouped and depthwise convolutions are the
 * same kernel. The bias is a map of its own over the sum.
 */
#include "ir/ops/conv.h"

Window conv_window(ExprPool *pool, const ConvAttributes *attributes, int rank,
                   const Expr *const *x_shape, const Expr *const *w_shape)
{
    return window_create(pool, &attributes->window, rank - 2, x_shape + 2, w_shape + 2);
}

static bool check_kernel(InferContext *context, const Node *node, IntList kernel, const Type *w)
{
    for (int64_t d = 0; d < kernel.count; d++)
        if (!infer_equal(context, node, expr_integer(context->pool, kernel.items[d]),
                         w->dims[d + 2], "kernel_shape and the sizes of W"))
            return false;
    return true;
}

bool conv_infer_dims(InferContext *context, const Node *node, int x_operand, int w_operand,
                     int bias, const Expr **dims)
{
    const ConvAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, x_operand), *w = operand_type(node, w_operand);
    ExprPool *pool = context->pool;
    if (x->rank < 3 || w->rank != x->rank)
        return infer_error(context, node,
                           "X and W have ranks %d and %d, expected the same rank of 3 or more",
                           x->rank, w->rank);
    if (attributes->group < 1)
        return infer_error(context, node, "group is %lld, expected 1 or more",
                           (long long)attributes->group);
    if (!window_check(context, node, &attributes->window, x->rank - 2) ||
        !check_kernel(context, node, attributes->window.kernel_shape, w))
        return false;
    if (!infer_equal(context, node, x->dims[1], expr_scale(pool, w->dims[1], attributes->group),
                     "X's channels and W's channels times group"))
        return false;
    int64_t channels;
    if (expr_known(w->dims[0], &channels) && channels % attributes->group)
        return infer_error(context, node, "%lld output channels do not divide into %lld groups",
                           (long long)channels, (long long)attributes->group);
    const Value *b = bias < 0 ? NULL : operand(node, bias);
    if (b && (b->type->rank != 1 || !infer_equal(context, node, b->type->dims[0], w->dims[0],
                                                 "the sizes of B and W's first axis")))
        return b->type->rank == 1 ? false : infer_error(context, node, "B must have rank 1");
    Window window = conv_window(pool, attributes, x->rank, x->dims, w->dims);
    if (!window_check_output(context, node, &window))
        return false;
    dims[0] = x->dims[0];
    dims[1] = w->dims[0];
    for (int d = 0; d < window.rank; d++)
        dims[d + 2] = window.output[d];
    return true;
}

ConvTerm conv_term(const Lowering *l, Compute *compute, const Tensor *x, const Tensor *w,
                   const Window *window, int64_t group, TnElementType type, const Expr *fill)
{
    ExprPool *pool = l->pool;
    const Expr *x_at[MAX_RANK], *w_at[MAX_RANK];
    const Expr *m = compute_axis(l->kernel, compute, 1);
    const Expr *c = compute_reduce_axis(l->kernel, compute, w->shape[1]);
    x_at[0] = compute_axis(l->kernel, compute, 0);
    x_at[1] = c;
    if (group > 1) {
        const Expr *per_group = expr_quotient(pool, w->shape[0], expr_integer(pool, group));
        const Expr *g = expr_quotient(pool, m, per_group);
        x_at[1] = expr_plus(pool, expr_times(pool, g, w->shape[1]), c);
    }
    w_at[0] = m;
    w_at[1] = c;
    for (int d = 0; d < window->rank; d++) {
        const Expr *k = compute_reduce_axis(l->kernel, compute, window->kernel[d]);
        const Expr *o = compute_axis(l->kernel, compute, d + 2);
        x_at[d + 2] = window_index(pool, window, d, o, k);
        w_at[d + 2] = k;
    }
    const Expr *from_x =
        window->is_padded ? expr_load_or(pool, x, x_at, fill) : expr_load(pool, x, x_at);
    return (ConvTerm){
        .x = expr_convert(pool, type, from_x),
        .w = expr_convert(pool, type, expr_load(pool, w, w_at)),
    };
}

static bool infer(InferContext *context, Node *node)
{
    const Expr *dims[MAX_RANK];
    if (!conv_infer_dims(context, node, 0, 1, 2, dims))
        return false;
    const Type *x = operand_type(node, 0);
    infer_set(context, node, 0, x->element, x->rank, dims);
    return true;
}

static void lower(Lowering *l)
{
    const ConvAttributes *attributes = l->node->attributes;
    const Tensor *x = l->in[0], *w = l->in[1], *bias = lower_in(l, 2), *y = l->out[0];
    TnElementType type = element_compute_type(y->element);
    Window window = conv_window(l->pool, attributes, x->rank, x->shape, w->shape);
    const Tensor *sum = bias ? lower_temporary(l, "sum", type, y->rank, y->shape) : y;
    Compute *reduce = kernel_reduce(l->kernel, sum, COMBINE_sum);
    ConvTerm term =
        conv_term(l, reduce, x, w, &window, attributes->group, type, expr_real(l->pool, type, 0));
    reduce->body = product_of(l->pool, term.x, term.w);
    if (!bias)
        return;
    Compute *map = kernel_map(l->kernel, y);
    const Expr *at[MAX_RANK];
    lower_indices(l, map, at);
    map->body = sum_of(l->pool, expr_load(l->pool, sum, at), lower_vector(l, bias, at[1]));
}

static const OperandDef operands[] = {
    {.name = "X", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "W", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "B", .types = TYPES_FLOAT, .group = 'T', .optional = true},
};
static const OperandDef results[] = {{.name = "Y", .types = TYPES_FLOAT, .group = 'T'}};
static const AttributeDef attributes[] = {CONV_ATTRIBUTES};

const OpDef op_conv = {
    .name = "Conv",
    .domain = "",
    .summary = "y[n, m, o] = sum over c, k of x[n, c, o * stride + k * dilation - pad] * w[m, c, "
               "k] + b[m]",
    .since = 22,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, ConvAttributes),
    .infer = infer,
    .lower = lower,
};
