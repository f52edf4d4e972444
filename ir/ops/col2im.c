/* SPDX-License-Identifier: Apache-2.0
 *
 * Col2Im: the sum of sliding blocks put back into an image.
 *
 * Each pixel gathers what the blocks hold of it, instead of each block scattering: with block
 * position l and place k in the block, pixel = l * stride + k * dilation - pad, so that over k
 *
 *   out[n, c, p] = sum of in[n, (c, k), l]  where l = (p + pad - k * dilation) / stride is whole
 *                                           and a position
 */
#include "ir/ops/elements.h"
#include "ir/support/array.h"

typedef struct Col2imAttributes {
    IntList dilations, pads, strides;
} Col2imAttributes;

static const AttributeDef attributes[] = {
    ATTRIBUTE_OPTIONAL(Col2imAttributes, dilations, ints, "between places in a block; absent: 1"),
    ATTRIBUTE_OPTIONAL(Col2imAttributes, pads, ints, "around the image: begins, then ends"),
    ATTRIBUTE_OPTIONAL(Col2imAttributes, strides, ints, "between block positions; absent: 1"),
};

#define TYPES_SUMMED (TYPES_NUMBER)

static const OperandDef operands[] = {
    {.name = "input", .types = TYPES_SUMMED, .group = 'T'},
    {.name = "image_shape", .types = TYPE_BIT(TN_INT64)},
    {.name = "block_shape", .types = TYPE_BIT(TN_INT64)},
};
static const OperandDef results[] = {{.name = "output", .types = TYPES_SUMMED, .group = 'T'}};

static int64_t item_or(IntList list, int i, int64_t otherwise)
{
    return i < list.count ? list.items[i] : otherwise;
}

/* How many positions the block has along dimension d. */
static const Expr *position_count(ExprPool *pool, const Col2imAttributes *col2im, int n, int d,
                                  const Expr *image, const Expr *block)
{
    int64_t pads = item_or(col2im->pads, d, 0) + item_or(col2im->pads, n + d, 0);
    const Expr *reach =
        expr_scale(pool, expr_plus_integer(pool, block, -1), item_or(col2im->dilations, d, 1));
    const Expr *room = expr_plus_integer(pool, expr_minus(pool, image, reach), pads - 1);
    const Expr *stride = expr_integer(pool, item_or(col2im->strides, d, 1));
    return expr_plus_integer(pool, expr_quotient(pool, room, stride), 1);
}

static bool check_attributes(InferContext *context, const Node *node, int64_t n)
{
    const Col2imAttributes *col2im = node->attributes;
    if ((col2im->dilations.count && col2im->dilations.count != n) ||
        (col2im->strides.count && col2im->strides.count != n) ||
        (col2im->pads.count && col2im->pads.count != 2 * n))
        return infer_error(context, node, "dilations, strides or pads do not fit %lld dimensions",
                           (long long)n);
    for (int d = 0; d < n; d++)
        if (item_or(col2im->strides, d, 1) < 1 || item_or(col2im->dilations, d, 1) < 1)
            return infer_error(context, node, "a stride or a dilation is below 1");
    return true;
}

static bool infer(InferContext *context, Node *node)
{
    ExprPool *pool = context->pool;
    const Type *type = operand_type(node, 0);
    int64_t n, block_count;
    const Expr *const *image = infer_sizes(context, node, 1, &n);
    const Expr *const *block = image ? infer_sizes(context, node, 2, &block_count) : NULL;
    if (!block || !check_attributes(context, node, n))
        return false;
    if (type->rank != 3 || n != block_count || n < 1 || n > MAX_RANK - 2)
        return infer_error(context, node,
                           "an operand of rank %d, %lld image sizes and %lld block sizes",
                           type->rank, (long long)n, (long long)block_count);
    const Expr *places = expr_integer(pool, 1), *positions = places;
    const Expr *dims[MAX_RANK];
    for (int d = 0; d < n; d++) {
        dims[2 + d] = image[d];
        places = expr_times(pool, places, block[d]);
        positions = expr_times(
            pool, positions, position_count(pool, node->attributes, (int)n, d, image[d], block[d]));
    }
    dims[0] = type->dims[0];
    dims[1] = expr_quotient(pool, type->dims[1], positive_size(pool, places));
    if (!infer_equal(context, node, type->dims[2], positions, "blocks and block positions") ||
        !infer_equal(context, node, expr_times(pool, dims[1], places), type->dims[1],
                     "channels, with the places of a block,"))
        return false;
    infer_set(context, node, 0, type->element, (int)n + 2, dims);
    return true;
}

static void lower(Lowering *l)
{
    const Col2imAttributes *col2im = l->node->attributes;
    const Tensor *in = l->in[0], *out = l->out[0];
    ExprPool *pool = l->pool;
    int n = out->rank - 2;
    int64_t ignored;
    const Expr *const *block = known_elements(l->node, 2, &ignored);
    Compute *reduce = kernel_reduce(l->kernel, out, COMBINE_sum);
    const Expr *i[MAX_RANK], *place = compute_axis(l->kernel, reduce, 1);
    const Expr *zero = expr_integer(pool, 0), *position = zero, *hit = expr_bool(pool, true);
    lower_indices(l, reduce, i);
    for (int d = 0; d < n; d++) {
        const Expr *k = compute_reduce_axis(l->kernel, reduce, block[d]);
        const Expr *stride = expr_integer(pool, item_or(col2im->strides, d, 1));
        const Expr *count = position_count(pool, col2im, n, d, out->shape[2 + d], block[d]);
        const Expr *offset =
            expr_minus(pool, expr_plus_integer(pool, i[2 + d], item_or(col2im->pads, d, 0)),
                       expr_scale(pool, k, item_or(col2im->dilations, d, 1)));
        const Expr *at = expr_quotient(pool, offset, stride);
        const Expr *is_whole =
            expr_compare(pool, EXPR_equal, expr_modulus(pool, offset, stride), zero);
        hit = expr_both(pool, hit, expr_both(pool, is_whole, expr_inside(pool, at, count)));
        place = expr_plus(pool, expr_times(pool, place, block[d]), k);
        position = expr_plus(pool, expr_times(pool, position, count), at);
    }
    const Expr *own[3] = {i[0], place, expr_select(pool, hit, position, expr_integer(pool, -1))};
    reduce->body = expr_load_or(pool, in, own, zero_value(pool, in->element));
}

const OpDef op_col2im = {
    .name = "Col2Im",
    .domain = "",
    .summary = "the sum of sliding blocks as an image",
    .since = 18,
    .first = 18,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, Col2imAttributes),
    .infer = infer,
    .lower = lower,
};
