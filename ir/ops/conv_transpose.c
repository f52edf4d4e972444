/* SPDX-License-Identifier: Apache-2.0
 *
 * ConvTranspose, in gather form: an output position sums the input positions that the transposed
 * window would have scattered to it. Along each spatial axis, with kernel position k,
 *
 *   i * stride = o + begin - k * dilation
 *
 * has a solution where the right side divides by the stride; the load of x is zero outside of x.
 * With stride 1 that is a plain convolution with the kernel turned around; with a larger one it is
 * one for each position in a block of a stride, all of which read the same inputs: channels of a
 * plain convolution whose results are interleaved.
 *
 * Sizes: output = stride * (input - 1) + output_padding + (kernel - 1) * dilation + 1 - pads. Where
 * output_shape or SAME says the output size, the pads follow from it; the odd one goes to the end
 * for SAME_UPPER and to the start otherwise.
 */
#include "ir/ops/window.h"

typedef struct ConvTransposeAttributes {
    WindowAttributes window;
    int64_t group;
    IntList output_padding, output_shape;
} ConvTransposeAttributes;

typedef struct Geometry {
    int rank;
    int64_t strides[MAX_RANK], dilations[MAX_RANK];
    const Expr *begin[MAX_RANK], *output[MAX_RANK];
} Geometry;

static int64_t item_or(IntList list, int64_t i, int64_t otherwise)
{
    return list.count > i ? list.items[i] : otherwise;
}

static Geometry geometry_create(ExprPool *pool, const ConvTransposeAttributes *attributes, int rank,
                                const Expr *const *input, const Expr *const *kernel)
{
    Geometry g = {.rank = rank};
    int auto_pad = attributes->window.auto_pad;
    for (int d = 0; d < rank; d++) {
        g.strides[d] = item_or(attributes->window.strides, d, 1);
        g.dilations[d] = item_or(attributes->window.dilations, d, 1);
        const Expr *reach =
            expr_scale(pool, expr_plus_integer(pool, kernel[d], -1), g.dilations[d]);
        const Expr *steps = expr_scale(pool, expr_plus_integer(pool, input[d], -1), g.strides[d]);
        const Expr *full = expr_plus_integer(pool, expr_plus(pool, steps, reach),
                                             1 + item_or(attributes->output_padding, d, 0));
        bool is_same = auto_pad == AUTO_PAD_SAME_UPPER || auto_pad == AUTO_PAD_SAME_LOWER;
        if (!attributes->output_shape.count && !is_same) {
            int64_t begin = auto_pad == AUTO_PAD_VALID ? 0 : item_or(attributes->window.pads, d, 0);
            int64_t end =
                auto_pad == AUTO_PAD_VALID ? 0 : item_or(attributes->window.pads, rank + d, 0);
            g.begin[d] = expr_integer(pool, begin);
            g.output[d] = expr_plus_integer(pool, full, -begin - end);
            continue;
        }
        /* output_shape has the spatial sizes, or all of them. */
        int64_t skip = attributes->output_shape.count - rank;
        g.output[d] = attributes->output_shape.count
                          ? expr_integer(pool, attributes->output_shape.items[skip + d])
                          : expr_scale(pool, input[d], g.strides[d]);
        const Expr *total = expr_minus(pool, full, g.output[d]);
        total = expr_larger(pool, total, expr_integer(pool, 0));
        const Expr *small = expr_quotient(pool, total, expr_integer(pool, 2));
        g.begin[d] = auto_pad == AUTO_PAD_SAME_UPPER ? small : expr_minus(pool, total, small);
    }
    return g;
}

static bool check_attributes(InferContext *context, const Node *node, int rank)
{
    const ConvTransposeAttributes *attributes = node->attributes;
    if (attributes->group < 1)
        return infer_error(context, node, "group is %lld, expected 1 or more",
                           (long long)attributes->group);
    if (!window_check(context, node, &attributes->window, rank))
        return false;
    int64_t count = attributes->output_shape.count;
    if (count && count != rank && count != rank + 2)
        return infer_error(context, node, "output_shape has %lld elements, expected %d",
                           (long long)count, rank);
    count = attributes->output_padding.count;
    if (count && count != rank)
        return infer_error(context, node, "output_padding has %lld elements, expected %d",
                           (long long)count, rank);
    return true;
}

static bool infer(InferContext *context, Node *node)
{
    const ConvTransposeAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, 0), *w = operand_type(node, 1);
    ExprPool *pool = context->pool;
    if (x->rank < 3 || w->rank != x->rank)
        return infer_error(context, node,
                           "X and W have ranks %d and %d, expected the same rank of 3 or more",
                           x->rank, w->rank);
    if (!check_attributes(context, node, x->rank - 2) ||
        !infer_equal(context, node, x->dims[1], w->dims[0], "X's channels and W's first axis"))
        return false;
    Geometry g = geometry_create(pool, attributes, x->rank - 2, x->dims + 2, w->dims + 2);
    const Expr *dims[MAX_RANK] = {x->dims[0], expr_scale(pool, w->dims[1], attributes->group)};
    for (int d = 0; d < g.rank; d++) {
        int64_t lower, upper;
        expr_bounds(g.output[d], &lower, &upper);
        if (upper < 0)
            return infer_error(context, node, "the output has no room along spatial axis %d", d);
        if (lower < 0) /* an empty input, or pads larger than all */
            g.output[d] = expr_larger(pool, g.output[d], expr_integer(pool, 0));
        dims[d + 2] = g.output[d];
    }
    infer_set(context, node, 0, x->element, x->rank, dims);
    return true;
}

/* How the sum along one spatial axis is stated. In blocks of a stride, kernel position
 * k = stride * j + (o + first) % stride meets input position (o + first) / stride + base - j: only
 * j is left to sum over and nothing has to divide. A dilation other than 1, or a kernel whose size
 * only running tells, keeps the general form, which sums over k. */
typedef struct Blocks {
    int64_t step; /* the stride; 0: the general form */
    int64_t taps; /* values of j */
    const Expr *first, *base;
    const Expr *size; /* of the sum: whole blocks that hold `first` positions and the result */
} Blocks;

static Blocks blocks_along(ExprPool *pool, const Geometry *g, int d, const Expr *kernel)
{
    int64_t stride = g->strides[d], taps;
    Blocks blocks = {.first = expr_integer(pool, 0), .size = g->output[d]};
    if (stride == 1 || g->dilations[d] != 1 || !expr_known(kernel, &taps))
        return blocks;
    const Expr *step = expr_integer(pool, stride);
    blocks.step = stride;
    blocks.taps = (taps + stride - 1) / stride;
    blocks.first = expr_modulus(pool, g->begin[d], step);
    blocks.base = expr_quotient(pool, g->begin[d], step);
    blocks.size = expr_plus(pool, g->output[d], blocks.first);
    if (!expr_divisible(blocks.size, stride))
        blocks.size = expr_scale(pool, expr_round_up_quotient(pool, blocks.size, step), stride);
    return blocks;
}

/* Adds the sum along spatial axis d: where x and w are read; *exists becomes false where no input
 * or no weight meets the position. */
static void sum_along(const Lowering *l, Compute *reduce, const Geometry *g, const Blocks *blocks,
                      int d, const Expr **x_at, const Expr **w_at, const Expr **exists)
{
    ExprPool *pool = l->pool;
    const Expr *kernel = l->in[1]->shape[d + 2], *o = compute_axis(l->kernel, reduce, d + 2);
    const Expr *stride = expr_integer(pool, g->strides[d]);
    if (blocks->step) {
        const Expr *j = compute_reduce_axis(l->kernel, reduce, expr_integer(pool, blocks->taps));
        const Expr *block = expr_plus(pool, expr_quotient(pool, o, stride), blocks->base);
        *x_at = expr_minus(pool, block, j);
        *w_at = expr_plus(pool, expr_scale(pool, j, blocks->step), expr_modulus(pool, o, stride));
        if (!expr_divisible(kernel, blocks->step))
            *exists = expr_both(pool, *exists, expr_compare(pool, EXPR_less, *w_at, kernel));
        return;
    }
    const Expr *k = compute_reduce_axis(l->kernel, reduce, kernel);
    const Expr *from =
        expr_minus(pool, expr_plus(pool, o, g->begin[d]), expr_scale(pool, k, g->dilations[d]));
    *x_at = expr_quotient(pool, from, stride);
    *w_at = k;
    *exists = expr_both(
        pool, *exists,
        expr_compare(pool, EXPR_equal, expr_modulus(pool, from, stride), expr_integer(pool, 0)));
}

/* y = sum, without the positions of the first block that lie before it, plus the bias. */
static void lower_result(Lowering *l, const Tensor *sum, const Tensor *bias, const Blocks *blocks)
{
    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *at[MAX_RANK], *sum_at[MAX_RANK];
    lower_indices(l, map, at);
    for (int d = 0; d < sum->rank; d++)
        sum_at[d] = d < 2 ? at[d] : expr_plus(l->pool, at[d], blocks[d - 2].first);
    map->body = expr_load(l->pool, sum, sum_at);
    if (bias)
        map->body = sum_of(l->pool, map->body, lower_vector(l, bias, at[1]));
}

static void lower(Lowering *l)
{
    const ConvTransposeAttributes *attributes = l->node->attributes;
    const Tensor *x = l->in[0], *w = l->in[1], *bias = lower_in(l, 2), *y = l->out[0];
    ExprPool *pool = l->pool;
    TnElementType type = element_compute_type(y->element);
    Geometry g = geometry_create(pool, attributes, x->rank - 2, x->shape + 2, w->shape + 2);
    Blocks blocks[MAX_RANK];
    const Expr *shape[MAX_RANK] = {y->shape[0], y->shape[1]};
    bool is_whole = true;
    for (int d = 0; d < g.rank; d++) {
        blocks[d] = blocks_along(pool, &g, d, w->shape[d + 2]);
        shape[d + 2] = blocks[d].size;
        is_whole &= blocks[d].size == g.output[d];
    }
    bool is_direct = !bias && is_whole;
    const Tensor *sum = is_direct ? y : lower_temporary(l, "sum", type, y->rank, shape);
    Compute *reduce = kernel_reduce(l->kernel, sum, COMBINE_sum);
    const Expr *group = expr_integer(pool, attributes->group);
    const Expr *channels = expr_quotient(pool, w->shape[0], group);
    const Expr *m = compute_axis(l->kernel, reduce, 1);
    const Expr *c = compute_reduce_axis(l->kernel, reduce, channels);
    const Expr *which =
        attributes->group == 1 ? expr_integer(pool, 0) : expr_quotient(pool, m, w->shape[1]);
    const Expr *x_at[MAX_RANK], *w_at[MAX_RANK];
    x_at[0] = compute_axis(l->kernel, reduce, 0);
    x_at[1] = w_at[0] = expr_plus(pool, expr_times(pool, which, channels), c);
    w_at[1] = attributes->group == 1 ? m : expr_modulus(pool, m, w->shape[1]);
    const Expr *exists = expr_bool(pool, true), *zero = expr_real(pool, type, 0);
    for (int d = 0; d < g.rank; d++)
        sum_along(l, reduce, &g, &blocks[d], d, &x_at[d + 2], &w_at[d + 2], &exists);
    bool is_total = exists == expr_bool(pool, true);
    const Expr *weight = is_total ? expr_load(pool, w, w_at) : expr_load_or(pool, w, w_at, zero);
    const Expr *product = product_of(pool, expr_load_or(pool, x, x_at, zero), weight);
    reduce->body = expr_select(pool, exists, product, zero);
    if (!is_direct)
        lower_result(l, sum, bias, blocks);
}

static const OperandDef operands[] = {
    {.name = "X", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "W", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "B", .types = TYPES_FLOAT, .group = 'T', .optional = true},
};
static const OperandDef results[] = {{.name = "Y", .types = TYPES_FLOAT, .group = 'T'}};
static const AttributeDef attributes[] = {
    WINDOW_AUTO_PAD,
    WINDOW_DILATIONS,
    ATTRIBUTE_INT(ConvTransposeAttributes, group, 1,
                  "into how many groups the channels are divided"),
    WINDOW_KERNEL_SHAPE,
    ATTRIBUTE_OPTIONAL(ConvTransposeAttributes, output_padding, ints,
                       "added to the output sizes, at the end"),
    ATTRIBUTE_OPTIONAL(ConvTransposeAttributes, output_shape, ints,
                       "the output's spatial sizes; pads follow from them"),
    WINDOW_PADS,
    WINDOW_STRIDES,
};

const OpDef op_conv_transpose = {
    .name = "ConvTranspose",
    .domain = "",
    .summary = "y[n, m, i * stride + k * dilation - pad] += x[n, c, i] * w[c, m, k]; plus b[m]",
    .since = 22,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, ConvTransposeAttributes),
    .infer = infer,
    .lower = lower,
};
