/* SPDX-License-Identifier: Apache-2.0
 *
 * MaxPool: a reduce whose load is the type's lowest in the padding. The positions of the maxima, if
 * asked for, are a second reduce: the smallest position in the window, in row-major order, that
 * holds the maximum (or a NaN, which wins).
 */
#include "ir/ops/window.h"

typedef struct MaxPoolAttributes {
    WindowAttributes window;
    int64_t storage_order;
} MaxPoolAttributes;

/* The number of an element in x; the spatial part column-major if asked for. */
static const Expr *position(ExprPool *pool, const Tensor *x, const Expr *const *at,
                            bool column_major)
{
    if (!column_major)
        return lower_flatten(pool, x->rank, x->shape, at);
    const Expr *shape[MAX_RANK] = {x->shape[0], x->shape[1]};
    const Expr *flipped[MAX_RANK] = {at[0], at[1]};
    for (int d = 2; d < x->rank; d++) {
        shape[d] = x->shape[x->rank + 1 - d];
        flipped[d] = at[x->rank + 1 - d];
    }
    return lower_flatten(pool, x->rank, shape, flipped);
}

static void lower(Lowering *l)
{
    const MaxPoolAttributes *attributes = l->node->attributes;
    const Tensor *x = l->in[0], *y = l->out[0], *indices = lower_out(l, 1);
    ExprPool *pool = l->pool;
    TnElementType type = element_compute_type(x->element);
    Window w = pool_window(pool, &attributes->window, x->rank, x->shape);
    const Expr *lowest = expr_lowest(pool, type), *at[MAX_RANK], *y_at[MAX_RANK];
    Compute *maximum = kernel_reduce(l->kernel, y, COMBINE_max);
    pool_open(l, maximum, &w, at);
    maximum->body = w.is_padded ? expr_load_or(pool, x, at, lowest) : expr_load(pool, x, at);
    if (!indices)
        return;
    Compute *first = kernel_reduce(l->kernel, indices, COMBINE_min);
    pool_open(l, first, &w, at);
    lower_indices(l, first, y_at);
    const Expr *value = expr_load_or(pool, x, at, lowest);
    const Expr *found = expr_either(pool, equal_to(pool, value, expr_load(pool, y, y_at)),
                                    expr_is_nan(pool, value));
    for (int d = 0; d < w.rank; d++)
        found = expr_both(pool, found, expr_inside(pool, at[d + 2], x->shape[d + 2]));
    const Expr *where = position(pool, x, at, attributes->storage_order != 0);
    first->body = expr_select(pool, found, expr_from_index(pool, TN_INT64, where),
                              expr_whole(pool, TN_INT64, INT64_MAX));
}

#define TYPES_POOLED (TYPES_FLOAT | TYPE_BIT(TN_INT8) | TYPE_BIT(TN_UINT8))

static const OperandDef operands[] = {{.name = "X", .types = TYPES_POOLED, .group = 'T'}};
static const OperandDef results[] = {
    {.name = "Y", .types = TYPES_POOLED, .group = 'T'},
    {.name = "Indices", .types = TYPE_BIT(TN_INT64), .optional = true},
};
static const AttributeDef attributes[] = {
    WINDOW_AUTO_PAD,
    WINDOW_CEIL_MODE,
    WINDOW_DILATIONS,
    WINDOW_KERNEL_SHAPE_REQUIRED,
    WINDOW_PADS,
    ATTRIBUTE_INT(MaxPoolAttributes, storage_order, 0, "Indices: 0 row major, 1 column major"),
    WINDOW_STRIDES,
};

const OpDef op_max_pool = {
    .name = "MaxPool",
    .domain = "",
    .summary = "the largest element of each window",
    .since = 22,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, MaxPoolAttributes),
    .infer = pool_infer,
    .lower = lower,
};
