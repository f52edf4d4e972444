/* SPDX-License-Identifier: Apache-2.0
 *
 * AveragePool and LpPool: sums over windows whose load is zero in the padding. The average divides
 * by the number of elements that count: all that lie in the input or, with count_include_pad, in
 * the padding asked for; what ceil_mode adds beyond never counts.
 */
#include "ir/ops/window.h"

typedef struct AveragePoolAttributes {
    WindowAttributes window;
    int64_t count_include_pad;
} AveragePoolAttributes;

typedef struct LpPoolAttributes {
    WindowAttributes window;
    int64_t p;
} LpPoolAttributes;

static bool infer_lp(InferContext *context, Node *node)
{
    const LpPoolAttributes *attributes = node->attributes;
    if (attributes->p < 1)
        return infer_error(context, node, "p is %lld, expected 1 or more",
                           (long long)attributes->p);
    return pool_infer(context, node);
}

/* The element of x under the window, 0 in the padding. */
static const Expr *windowed(Lowering *l, Compute *reduce, const Window *w)
{
    const Expr *at[MAX_RANK];
    const Tensor *x = l->in[0];
    pool_open(l, reduce, w, at);
    TnElementType type = element_compute_type(x->element);
    return w->is_padded ? expr_load_or(l->pool, x, at, expr_real(l->pool, type, 0))
                        : expr_load(l->pool, x, at);
}

/* How many k in 0 .. kernel - 1 have 0 <= first + k * dilation < extent. */
static const Expr *count_inside(ExprPool *pool, const Expr *first, const Expr *extent,
                                int64_t dilation, const Expr *kernel)
{
    const Expr *zero = expr_integer(pool, 0), *step = expr_integer(pool, dilation);
    const Expr *end = expr_round_up_quotient(pool, expr_minus(pool, extent, first), step);
    const Expr *begin = expr_round_up_quotient(pool, expr_minus(pool, zero, first), step);
    const Expr *count =
        expr_minus(pool, expr_smaller(pool, end, kernel), expr_larger(pool, begin, zero));
    return expr_larger(pool, count, zero);
}

static const Expr *divisor(ExprPool *pool, const Window *w, const Expr *const *at, bool include_pad)
{
    const Expr *count = expr_integer(pool, 1);
    for (int d = 0; d < w->rank; d++) {
        const Expr *first = window_index(pool, w, d, at[d + 2], expr_integer(pool, 0));
        const Expr *extent = w->input[d];
        if (include_pad) {
            first = expr_plus(pool, first, w->begin[d]);
            extent = expr_plus(pool, extent, expr_plus(pool, w->begin[d], w->end[d]));
        }
        const Expr *inside = w->is_padded
                                 ? count_inside(pool, first, extent, w->dilations[d], w->kernel[d])
                                 : w->kernel[d];
        count = expr_times(pool, count, inside);
    }
    return count;
}

static void lower_average(Lowering *l)
{
    const AveragePoolAttributes *attributes = l->node->attributes;
    const Tensor *x = l->in[0], *y = l->out[0];
    TnElementType type = element_compute_type(y->element);
    Window w = pool_window(l->pool, &attributes->window, x->rank, x->shape);
    const Tensor *sum = lower_temporary(l, "sum", type, y->rank, y->shape);
    Compute *reduce = kernel_reduce(l->kernel, sum, COMBINE_sum);
    reduce->body = windowed(l, reduce, &w);
    Compute *map = kernel_map(l->kernel, y);
    const Expr *at[MAX_RANK];
    lower_indices(l, map, at);
    const Expr *count = divisor(l->pool, &w, at, attributes->count_include_pad != 0);
    map->body =
        ratio_of(l->pool, expr_load(l->pool, sum, at), expr_from_index(l->pool, type, count));
}

static void lower_lp(Lowering *l)
{
    const LpPoolAttributes *attributes = l->node->attributes;
    const Tensor *x = l->in[0], *y = l->out[0];
    ExprPool *pool = l->pool;
    TnElementType type = element_compute_type(y->element);
    Window w = pool_window(pool, &attributes->window, x->rank, x->shape);
    const Tensor *sum = attributes->p == 1 ? y : lower_temporary(l, "sum", type, y->rank, y->shape);
    Compute *reduce = kernel_reduce(l->kernel, sum, COMBINE_sum);
    const Expr *value = windowed(l, reduce, &w);
    reduce->body = lower_norm_term(pool, value, attributes->p);
    if (attributes->p == 1)
        return;
    Compute *map = kernel_map(l->kernel, y);
    const Expr *at[MAX_RANK];
    lower_indices(l, map, at);
    map->body = lower_norm_root(pool, expr_load(pool, sum, at), attributes->p);
}

static const OperandDef operands[] = {{.name = "X", .types = TYPES_FLOAT, .group = 'T'}};
static const OperandDef results[] = {{.name = "Y", .types = TYPES_FLOAT, .group = 'T'}};
static const AttributeDef average_attributes[] = {
    WINDOW_AUTO_PAD,
    WINDOW_CEIL_MODE,
    ATTRIBUTE_INT(AveragePoolAttributes, count_include_pad, 0, "whether padding counts"),
    WINDOW_DILATIONS,
    WINDOW_KERNEL_SHAPE_REQUIRED,
    WINDOW_PADS,
    WINDOW_STRIDES,
};
static const AttributeDef lp_attributes[] = {
    WINDOW_AUTO_PAD,
    WINDOW_CEIL_MODE,
    WINDOW_DILATIONS,
    WINDOW_KERNEL_SHAPE_REQUIRED,
    ATTRIBUTE_INT(LpPoolAttributes, p, 2, "which norm"),
    WINDOW_PADS,
    WINDOW_STRIDES,
};

const OpDef op_average_pool = {
    .name = "AveragePool",
    .domain = "",
    .summary = "the mean of each window",
    .since = 22,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(average_attributes, AveragePoolAttributes),
    .infer = pool_infer,
    .lower = lower_average,
};

const OpDef op_lp_pool = {
    .name = "LpPool",
    .domain = "",
    .summary = "the p-norm of each window: (sum |x|^p)^(1/p)",
    .since = 22,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(lp_attributes, LpPoolAttributes),
    .infer = infer_lp,
    .lower = lower_lp,
};
