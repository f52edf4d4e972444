/* SPDX-License-Identifier: Apache-2.0
 *
 * DeformConv: a convolution whose window positions are moved by offsets, which are data. First the
 * samples, a map: samples[n, c, k..., o...] is x at o * stride + k * dilation - pad + offset,
 * interpolated linearly with zeros outside, times the mask. Then a plain contraction with w.
 */
#include "ir/ops/window.h"

typedef struct DeformConvAttributes {
    WindowAttributes window;
    int64_t group, offset_group;
} DeformConvAttributes;

enum { X, W, OFFSET, BIAS, MASK };

static Window make_window(ExprPool *pool, const DeformConvAttributes *attributes, int rank,
                          const Expr *const *x, const Expr *const *w)
{
    return window_create(pool, &attributes->window, rank - 2, x + 2, w + 2);
}

static bool check_channels(InferContext *context, const Node *node)
{
    const DeformConvAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, X), *w = operand_type(node, W);
    ExprPool *pool = context->pool;
    const Expr *points = expr_integer(pool, attributes->offset_group);
    for (int d = 2; d < w->rank; d++)
        points = expr_times(pool, points, w->dims[d]);
    if (!infer_equal(context, node, x->dims[1], expr_scale(pool, w->dims[1], attributes->group),
                     "X's channels and W's channels times group") ||
        !infer_equal(context, node, operand_type(node, OFFSET)->dims[1],
                     expr_scale(pool, points, x->rank - 2),
                     "the channels of offset and offset_group * window * rank"))
        return false;
    return !operand(node, MASK) ||
           infer_equal(context, node, operand_type(node, MASK)->dims[1], points,
                       "the channels of mask and offset_group * window");
}

static bool infer(InferContext *context, Node *node)
{
    const DeformConvAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, X), *w = operand_type(node, W);
    const Type *offset = operand_type(node, OFFSET);
    if (x->rank < 3 || x->rank > 5 || w->rank != x->rank || offset->rank != x->rank)
        return infer_error(context, node,
                           "X, W and offset have ranks %d, %d and %d, expected 3 "
                           "to 5, the same",
                           x->rank, w->rank, offset->rank);
    if (operand(node, MASK) && operand_type(node, MASK)->rank != x->rank)
        return infer_error(context, node, "mask must have the rank of X");
    if (attributes->group < 1 || attributes->offset_group < 1)
        return infer_error(context, node, "group and offset_group must be 1 or more");
    if (!window_check(context, node, &attributes->window, x->rank - 2) ||
        !check_channels(context, node))
        return false;
    Window window = make_window(context->pool, attributes, x->rank, x->dims, w->dims);
    if (!window_check_output(context, node, &window))
        return false;
    const Expr *dims[MAX_RANK] = {x->dims[0], w->dims[0]};
    for (int d = 0; d < window.rank; d++) {
        dims[d + 2] = infer_equal(context, node, window.output[d], offset->dims[d + 2],
                                  "the sizes of the result and of offset");
        if (!dims[d + 2])
            return false;
    }
    infer_set(context, node, 0, x->element, x->rank, dims);
    return true;
}

/* x[n, c, ...] between the elements around `where`, zero outside. */
static const Expr *interpolated(const Lowering *l, const Expr *n, const Expr *c, int rank,
                                const Expr *const *where)
{
    ExprPool *pool = l->pool;
    const Tensor *x = l->in[X];
    TnElementType type = element_compute_type(x->element);
    const Expr *sum = NULL, *one = expr_real(pool, type, 1), *zero = expr_real(pool, type, 0);
    for (int corner = 0; corner < 1 << rank; corner++) {
        const Expr *at[MAX_RANK] = {n, c}, *weight = NULL;
        for (int d = 0; d < rank; d++) {
            const Expr *low = expr_unary(pool, EXPR_floor, where[d]);
            const Expr *part = difference_of(pool, where[d], low);
            bool is_upper = corner >> d & 1;
            const Expr *share = is_upper ? part : difference_of(pool, one, part);
            const Expr *index = expr_to_index(pool, expr_convert(pool, TN_INT64, low));
            at[d + 2] = is_upper ? expr_plus_integer(pool, index, 1) : index;
            weight = weight ? product_of(pool, weight, share) : share;
        }
        const Expr *term = product_of(pool, weight, expr_load_or(pool, x, at, zero));
        sum = sum ? sum_of(pool, sum, term) : term;
    }
    return sum;
}

/* [n, c, k..., o...] */
static const Tensor *make_samples(Lowering *l, const Window *window)
{
    const DeformConvAttributes *attributes = l->node->attributes;
    const Tensor *x = l->in[X], *mask = lower_in(l, MASK), *offset = l->in[OFFSET];
    ExprPool *pool = l->pool;
    TnElementType type = element_compute_type(x->element);
    int rank = window->rank;
    const Expr *shape[MAX_RANK] = {x->shape[0], x->shape[1]}, *at[MAX_RANK];
    for (int d = 0; d < rank; d++) {
        shape[2 + d] = window->kernel[d];
        shape[2 + rank + d] = l->out[0]->shape[d + 2];
    }
    const Tensor *samples = lower_temporary(l, "samples", type, 2 + 2 * rank, shape);
    Compute *map = kernel_map(l->kernel, samples);
    lower_indices(l, map, at);
    const Expr *const *k = at + 2, *const *o = at + 2 + rank;
    const Expr *per_group =
        expr_quotient(pool, x->shape[1], expr_integer(pool, attributes->offset_group));
    const Expr *point = attributes->offset_group == 1 ? expr_integer(pool, 0)
                                                      : expr_quotient(pool, at[1], per_group);
    for (int d = 0; d < rank; d++)
        point = expr_plus(pool, expr_times(pool, point, window->kernel[d]), k[d]);
    const Expr *from[MAX_RANK] = {at[0]}, *where[MAX_RANK];
    for (int d = 0; d < rank; d++)
        from[d + 2] = o[d];
    for (int d = 0; d < rank; d++) {
        from[1] = expr_plus_integer(pool, expr_scale(pool, point, rank), d);
        const Expr *start = window_index(pool, window, d, o[d], k[d]);
        where[d] = sum_of(pool, expr_from_index(pool, type, start), expr_load(pool, offset, from));
    }
    map->body = interpolated(l, at[0], at[1], rank, where);
    if (mask) {
        from[1] = point;
        map->body = product_of(pool, map->body, expr_load(pool, mask, from));
    }
    return samples;
}

static void lower(Lowering *l)
{
    const DeformConvAttributes *attributes = l->node->attributes;
    const Tensor *x = l->in[X], *w = l->in[W], *bias = lower_in(l, BIAS), *y = l->out[0];
    ExprPool *pool = l->pool;
    TnElementType type = element_compute_type(y->element);
    Window window = make_window(pool, attributes, x->rank, x->shape, w->shape);
    const Tensor *samples = make_samples(l, &window);
    const Tensor *sum = bias ? lower_temporary(l, "sum", type, y->rank, y->shape) : y;
    Compute *reduce = kernel_reduce(l->kernel, sum, COMBINE_sum);
    const Expr *at[MAX_RANK], *from[MAX_RANK], *w_at[MAX_RANK];
    lower_indices(l, reduce, at);
    const Expr *c = compute_reduce_axis(l->kernel, reduce, w->shape[1]);
    from[0] = at[0];
    from[1] = w_at[1] = c;
    w_at[0] = at[1];
    if (attributes->group > 1) {
        const Expr *per_group =
            expr_quotient(pool, w->shape[0], expr_integer(pool, attributes->group));
        const Expr *group = expr_quotient(pool, at[1], per_group);
        from[1] = expr_plus(pool, expr_times(pool, group, w->shape[1]), c);
    }
    for (int d = 0; d < window.rank; d++) {
        w_at[d + 2] = compute_reduce_axis(l->kernel, reduce, w->shape[d + 2]);
        from[d + 2] = w_at[d + 2];
        from[d + 2 + window.rank] = at[d + 2];
    }
    reduce->body = product_of(pool, expr_load(pool, samples, from), expr_load(pool, w, w_at));
    if (!bias)
        return;
    Compute *map = kernel_map(l->kernel, y);
    lower_indices(l, map, at);
    map->body = sum_of(pool, expr_load(pool, sum, at), lower_vector(l, bias, at[1]));
}

static const OperandDef operands[] = {
    {.name = "X", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "W", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "offset", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "B", .types = TYPES_FLOAT, .group = 'T', .optional = true},
    {.name = "mask", .types = TYPES_FLOAT, .group = 'T', .optional = true},
};
static const OperandDef results[] = {{.name = "Y", .types = TYPES_FLOAT, .group = 'T'}};
static const AttributeDef attributes[] = {
    WINDOW_DILATIONS,
    ATTRIBUTE_INT(DeformConvAttributes, group, 1, "into how many groups the channels are divided"),
    WINDOW_KERNEL_SHAPE,
    ATTRIBUTE_INT(DeformConvAttributes, offset_group, 1,
                  "into how many groups of equal offsets the channels are divided"),
    WINDOW_PADS,
    WINDOW_STRIDES,
};

const OpDef op_deform_conv = {
    .name = "DeformConv",
    .domain = "",
    .summary = "a convolution whose window positions are moved by offsets",
    .since = 22,
    .first = 19,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, DeformConvAttributes),
    .infer = infer,
    .lower = lower,
};
