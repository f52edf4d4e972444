/* SPDX-License-Identifier: Apache-2.0
 *
 * MaxUnpool: scatters the elements of X to the positions that MaxPool gave, zeros elsewhere. The
 * positions number the elements of the tensor that MaxPool read, whose shape follows from the
 * window; where output_shape is larger, that tensor lies in the corner of the result.
 */
#include "ir/ops/window.h"

enum { X, POSITIONS, OUTPUT_SHAPE };

/* (input - 1) * stride + kernel - pads */
static void unpooled_shape(ExprPool *pool, const WindowAttributes *attributes, int rank,
                           const Expr *const *input, const Expr **shape)
{
    shape[0] = input[0];
    shape[1] = input[1];
    for (int d = 0; d < rank - 2; d++) {
        int64_t stride = attributes->strides.count ? attributes->strides.items[d] : 1;
        int64_t pads = attributes->pads.count
                           ? attributes->pads.items[d] + attributes->pads.items[rank - 2 + d]
                           : 0;
        const Expr *steps = expr_scale(pool, expr_plus_integer(pool, input[d + 2], -1), stride);
        shape[d + 2] = expr_plus_integer(pool, steps, attributes->kernel_shape.items[d] - pads);
    }
}

static bool infer(InferContext *context, Node *node)
{
    const WindowAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, X), *positions = operand_type(node, POSITIONS);
    if (x->rank < 3 || positions->rank != x->rank)
        return infer_error(context, node,
                           "X and I have ranks %d and %d, expected the same, 3 or "
                           "more",
                           x->rank, positions->rank);
    if (attributes->kernel_shape.count != x->rank - 2)
        return infer_error(context, node, "kernel_shape has %lld elements, expected %d",
                           (long long)attributes->kernel_shape.count, x->rank - 2);
    if (!window_check(context, node, attributes, x->rank - 2))
        return false;
    for (int d = 0; d < x->rank; d++)
        if (!infer_equal(context, node, x->dims[d], positions->dims[d], "the sizes of X and I"))
            return false;
    const Expr *shape[MAX_RANK];
    unpooled_shape(context->pool, attributes, x->rank, x->dims, shape);
    if (operand(node, OUTPUT_SHAPE)) {
        int64_t count;
        const Expr *const *wanted = infer_elements(context, node, OUTPUT_SHAPE, &count);
        if (!wanted || count != x->rank)
            return infer_error(context, node, "output_shape must have %d elements", x->rank);
        infer_set(context, node, 0, x->element, x->rank, wanted);
        return true;
    }
    for (int d = 2; d < x->rank; d++) {
        int64_t lower, upper;
        expr_bounds(shape[d], &lower, &upper);
        if (lower < 0)
            shape[d] = expr_larger(context->pool, shape[d], expr_integer(context->pool, 0));
    }
    infer_set(context, node, 0, x->element, x->rank, shape);
    return true;
}

static void lower(Lowering *l)
{
    const WindowAttributes *attributes = l->node->attributes;
    const Tensor *x = l->in[X], *positions = l->in[POSITIONS], *y = l->out[0];
    ExprPool *pool = l->pool;
    const Expr *shape[MAX_RANK], *at[MAX_RANK], *to[MAX_RANK];
    unpooled_shape(pool, attributes, x->rank, x->shape, shape);
    Compute *zeros = kernel_map(l->kernel, y);
    zeros->body = expr_real(pool, element_compute_type(y->element), 0);
    Compute *scatter = kernel_scatter(l->kernel, y, COMBINE_none, x->rank, x->shape);
    lower_indices(l, scatter, at);
    const Expr *total = expr_integer(pool, 1), *one = expr_integer(pool, 1);
    for (int d = 0; d < x->rank; d++) {
        shape[d] = expr_larger(pool, shape[d], one);
        total = expr_times(pool, total, shape[d]);
    }
    const Expr *position =
        lower_clamp(pool, expr_to_index(pool, expr_load(pool, positions, at)), total);
    lower_unflatten(pool, position, x->rank, shape, to);
    for (int d = 0; d < x->rank; d++)
        scatter->target[d] = lower_clamp(pool, to[d], y->shape[d]);
    scatter->body = expr_load(pool, x, at);
}

static const OperandDef operands[] = {
    {.name = "X", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "I", .types = TYPE_BIT(TN_INT64)},
    {.name = "output_shape", .types = TYPE_BIT(TN_INT64), .optional = true},
};
static const OperandDef results[] = {{.name = "output", .types = TYPES_FLOAT, .group = 'T'}};
static const AttributeDef attributes[] = {
    WINDOW_KERNEL_SHAPE_REQUIRED,
    WINDOW_PADS,
    WINDOW_STRIDES,
};

const OpDef op_max_unpool = {
    .name = "MaxUnpool",
    .domain = "",
    .summary = "puts elements back where MaxPool found them, zeros elsewhere",
    .since = 22,
    .first = 9,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, WindowAttributes),
    .infer = infer,
    .lower = lower,
};
