/* SPDX-License-Identifier: Apache-2.0
 *
 * Sampling along grids: AffineGrid makes one, GridSample reads an image at one.
 *
 * A grid holds normalised coordinates, -1 .. 1 over the image, x first. With align_corners they are
 * of the centres of the outermost pixels, without of their outer edges:
 *
 *   align:  pixel = (g + 1) / 2 * (size - 1)        else:  pixel = ((g + 1) * size - 1) / 2
 *
 * GridSample first makes pixel positions, moved into the image as padding_mode says; then each
 * result is a sum over the 2^n or 4^n pixels around its position, of weight * pixel. The weights
 * are linear, or those of cubic convolution with a = -3/4 (Keys 1981).
 */
#include "ir/ops/elements.h"
#include "ir/ops/lowering.h"
#include "ir/support/array.h"

/* ---- AffineGrid -------------------------------------------------------------------------- */

typedef struct AffineGridAttributes {
    int64_t align_corners;
} AffineGridAttributes;

static const AttributeDef affine_grid_attributes[] = {
    ATTRIBUTE_INT(AffineGridAttributes, align_corners, 0, "what -1 and 1 are: centres, or edges"),
};

static const OperandDef affine_grid_operands[] = {
    {.name = "theta", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "size", .types = TYPE_BIT(TN_INT64)},
};
static const OperandDef affine_grid_results[] = {
    {.name = "grid", .types = TYPES_FLOAT, .group = 'T'},
};

static bool infer_affine_grid(InferContext *context, Node *node)
{
    ExprPool *pool = context->pool;
    const Type *theta = operand_type(node, 0);
    int64_t count;
    const Expr *const *size = infer_sizes(context, node, 1, &count);
    if (!size)
        return false;
    if (count < 3 || count > MAX_RANK - 1 || theta->rank != 3)
        return infer_error(context, node, "theta of rank %d and %lld sizes do not fit", theta->rank,
                           (long long)count);
    int n = (int)count - 2;
    const Expr *dims[MAX_RANK];
    dims[0] = infer_equal(context, node, theta->dims[0], size[0], "the batch sizes");
    if (!dims[0] ||
        !infer_equal(context, node, theta->dims[1], expr_integer(pool, n), "rows of theta") ||
        !infer_equal(context, node, theta->dims[2], expr_integer(pool, n + 1), "columns of theta"))
        return false;
    for (int d = 0; d < n; d++)
        dims[1 + d] = size[2 + d];
    dims[1 + n] = expr_integer(pool, n);
    infer_set(context, node, 0, theta->element, n + 2, dims);
    return true;
}

/* Where pixel i of a line lies between -1 and 1. */
static const Expr *normalised(ExprPool *pool, TnElementType type, const Expr *i, const Expr *size,
                              bool align)
{
    const Expr *doubled = expr_scale(pool, i, 2);
    const Expr *above = align ? doubled : expr_plus_integer(pool, doubled, 1);
    const Expr *below = align ? positive_size(pool, expr_plus_integer(pool, size, -1)) : size;
    const Expr *ratio =
        ratio_of(pool, expr_from_index(pool, type, above), expr_from_index(pool, type, below));
    return difference_of(pool, ratio, expr_real(pool, type, 1));
}

static void lower_affine_grid(Lowering *l)
{
    const AffineGridAttributes *grid = l->node->attributes;
    const Tensor *theta = l->in[0], *out = l->out[0];
    ExprPool *pool = l->pool;
    TnElementType type = element_compute_type(theta->element);
    int n = out->rank - 2;
    Compute *map = kernel_map(l->kernel, out);
    const Expr *i[MAX_RANK];
    lower_indices(l, map, i);
    const Expr *at[3] = {i[0], i[n + 1], expr_integer(pool, n)};
    const Expr *sum = expr_load(pool, theta, at);
    for (int j = 0; j < n; j++) {
        int d = n - j; /* x runs along the last dimension */
        const Expr *position =
            normalised(pool, type, i[d], out->shape[d], grid->align_corners != 0);
        at[2] = expr_integer(pool, j);
        sum = sum_of(pool, sum, product_of(pool, expr_load(pool, theta, at), position));
    }
    map->body = sum;
}

const OpDef op_affine_grid = {
    .name = "AffineGrid",
    .domain = "",
    .summary = "the pixels of an image put through an affine map",
    .since = 20,
    .first = 20,
    OPERANDS(affine_grid_operands),
    RESULTS(affine_grid_results),
    ATTRIBUTES(affine_grid_attributes, AffineGridAttributes),
    .infer = infer_affine_grid,
    .lower = lower_affine_grid,
};

/* ---- GridSample -------------------------------------------------------------------------- */

typedef struct GridSampleAttributes {
    int64_t align_corners;
    int mode, padding_mode;
} GridSampleAttributes;

enum { MODE_linear, MODE_nearest, MODE_cubic };
enum { PADDING_zeros, PADDING_border, PADDING_reflection };

static const AttributeDef grid_sample_attributes[] = {
    ATTRIBUTE_INT(GridSampleAttributes, align_corners, 0, "what -1 and 1 are: centres, or edges"),
    ATTRIBUTE_CHOICE(GridSampleAttributes, mode, "linear|nearest|cubic", MODE_linear,
                     "how pixels are interpolated"),
    ATTRIBUTE_CHOICE(GridSampleAttributes, padding_mode, "zeros|border|reflection", PADDING_zeros,
                     "what lies outside the image"),
};

#define TYPES_PIXEL (TYPES_NUMBER | TYPES_BOOL)

static const OperandDef grid_sample_operands[] = {
    {.name = "X", .types = TYPES_PIXEL, .group = 'T'},
    {.name = "grid", .types = TYPES_FLOAT},
};
static const OperandDef grid_sample_results[] = {
    {.name = "Y", .types = TYPES_PIXEL, .group = 'T'},
};

static bool infer_grid_sample(InferContext *context, Node *node)
{
    const GridSampleAttributes *sample = node->attributes;
    const Type *x = operand_type(node, 0), *grid = operand_type(node, 1);
    if (x->rank < 3 || grid->rank != x->rank)
        return infer_error(context, node, "ranks %d and %d, expected the same, 3 or more", x->rank,
                           grid->rank);
    int n = x->rank - 2;
    const Expr *dims[MAX_RANK];
    dims[0] = infer_equal(context, node, x->dims[0], grid->dims[0], "the batch sizes");
    dims[1] = x->dims[1];
    if (!dims[0] || !infer_equal(context, node, grid->dims[n + 1], expr_integer(context->pool, n),
                                 "the coordinates of a grid point and the image's dimensions"))
        return false;
    for (int d = 0; d < n; d++)
        dims[2 + d] = grid->dims[1 + d];
    infer_set(context, node, 0, x->element, x->rank, dims);
    for (int d = 0; d < n && sample->padding_mode != PADDING_zeros; d++)
        if (!infer_nonempty(context, node, x->dims[2 + d], "the image"))
            return false;
    return true;
}

/* The pixel position that a coordinate means. */
static const Expr *pixel_position(const GridSampleAttributes *sample, ExprPool *pool, const Expr *g,
                                  const Expr *size)
{
    TnElementType type = g->type;
    const Expr *one = expr_real(pool, type, 1), *extent = expr_from_index(pool, type, size);
    const Expr *x = sum_of(pool, g, one);
    if (sample->align_corners)
        x = product_of(pool, x, difference_of(pool, extent, one));
    else
        x = difference_of(pool, product_of(pool, x, extent), one);
    x = product_of(pool, x, expr_real(pool, type, 0.5));
    if (sample->mode == MODE_nearest)
        x = expr_unary(pool, EXPR_round, x);
    /* So far out that no pixel is near, and small enough for an index. */
    const Expr *far = expr_real(pool, type, 0x1p30);
    return maximum_of(pool, expr_unary(pool, EXPR_negate, far), minimum_of(pool, x, far));
}

/* positions[n, point, d] of every grid point. */
static const Tensor *lower_positions(Lowering *l)
{
    const Tensor *x = l->in[0], *grid = l->in[1];
    int n = x->rank - 2;
    const Tensor *positions = lower_temporary(l, "positions", element_compute_type(grid->element),
                                              grid->rank, grid->shape);
    Compute *map = kernel_map(l->kernel, positions);
    const Expr *i[MAX_RANK], *d = compute_axis(l->kernel, map, n + 1);
    lower_indices(l, map, i);
    /* x comes first in a grid, and is the last dimension of an image. */
    i[n + 1] = expr_minus(l->pool, expr_integer(l->pool, n - 1), d);
    const Expr *size = x->shape[n + 1];
    for (int k = n - 2; k >= 0; k--) {
        const Expr *here = equal_to(l->pool, d, expr_integer(l->pool, k));
        size = expr_select(l->pool, here, x->shape[2 + k], size);
    }
    map->body = pixel_position(l->node->attributes, l->pool, expr_load(l->pool, grid, i), size);
    return positions;
}

/* The pixel that stands for one beyond the image. */
static const Expr *pixel_index(const GridSampleAttributes *sample, ExprPool *pool, const Expr *i,
                               const Expr *size)
{
    if (sample->padding_mode == PADDING_zeros)
        return i;
    if (sample->padding_mode == PADDING_reflection) {
        const Expr *once = sample->align_corners ? expr_plus_integer(pool, size, -1) : size;
        const Expr *period = positive_size(pool, expr_scale(pool, once, 2));
        const Expr *m = expr_modulus(pool, i, period);
        const Expr *back =
            expr_plus_integer(pool, expr_minus(pool, period, m), sample->align_corners ? 0 : -1);
        i = expr_smaller(pool, m, back);
    }
    return lower_clamp(pool, i, size);
}

static const Expr *pixel_at(const Lowering *l, const Expr *const *indices)
{
    const GridSampleAttributes *sample = l->node->attributes;
    const Tensor *x = l->in[0];
    return sample->padding_mode == PADDING_zeros
               ? expr_load_or(l->pool, x, indices, zero_value(l->pool, x->element))
               : expr_load(l->pool, x, indices);
}

/* The weight of pixel `tap` of those around a position, `t` behind the pixel before it. */
static const Expr *tap_weight(ExprPool *pool, bool cubic, const Expr *tap, const Expr *t)
{
    TnElementType type = t->type;
    const Expr *one = expr_real(pool, type, 1);
    if (!cubic)
        return expr_select(pool, equal_to(pool, tap, expr_integer(pool, 0)),
                           difference_of(pool, one, t), t);
    const double a = -0.75;
#define NUMBER(value)        expr_real(pool, type, (value))
#define HORNER(low, s, high) sum_of(pool, product_of(pool, high, s), NUMBER(low))
    const Expr *offset = expr_from_index(pool, type, expr_plus_integer(pool, tap, -1));
    const Expr *s = expr_unary(pool, EXPR_absolute, difference_of(pool, t, offset));
    const Expr *near = HORNER(1, s, HORNER(0, s, HORNER(-(a + 3), s, NUMBER(a + 2))));
    const Expr *far = HORNER(-4 * a, s, HORNER(8 * a, s, HORNER(-5 * a, s, NUMBER(a))));
#undef HORNER
#undef NUMBER
    const Expr *is_near = expr_either(pool, equal_to(pool, tap, expr_integer(pool, 1)),
                                      equal_to(pool, tap, expr_integer(pool, 2)));
    return expr_select(pool, is_near, near, far);
}

static const Expr *position_of(const Lowering *l, const Tensor *positions,
                               const Expr *const *indices, int d)
{
    int n = positions->rank - 2;
    const Expr *at[MAX_RANK];
    at[0] = indices[0];
    for (int k = 0; k < n; k++)
        at[1 + k] = indices[2 + k];
    at[1 + n] = expr_integer(l->pool, d);
    return expr_load(l->pool, positions, at);
}

static const Expr *whole_index(ExprPool *pool, const Expr *x)
{
    return expr_to_index(pool, expr_convert(pool, TN_INT64, x));
}

static void lower_nearest(Lowering *l, const Tensor *positions)
{
    const Tensor *x = l->in[0];
    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *i[MAX_RANK], *own[MAX_RANK];
    lower_indices(l, map, i);
    own[0] = i[0];
    own[1] = i[1];
    for (int d = 0; d < x->rank - 2; d++) {
        const Expr *whole = whole_index(l->pool, position_of(l, positions, i, d));
        own[2 + d] = pixel_index(l->node->attributes, l->pool, whole, x->shape[2 + d]);
    }
    map->body = pixel_at(l, own);
}

static void lower_interpolation(Lowering *l, const Tensor *positions, bool cubic)
{
    const Tensor *x = l->in[0], *out = l->out[0];
    ExprPool *pool = l->pool;
    TnElementType type = element_compute_type(x->element);
    bool is_float = element_kind(type) == ELEMENT_KIND_FLOAT;
    TnElementType carried = is_float ? type : TN_FLOAT;
    const Tensor *sum = is_float ? out : lower_temporary(l, "sum", carried, out->rank, out->shape);
    Compute *reduce = kernel_reduce(l->kernel, sum, COMBINE_sum);
    const Expr *i[MAX_RANK], *own[MAX_RANK], *weight = expr_real(pool, carried, 1);
    lower_indices(l, reduce, i);
    own[0] = i[0];
    own[1] = i[1];
    for (int d = 0; d < x->rank - 2; d++) {
        const Expr *tap = compute_reduce_axis(l->kernel, reduce, expr_integer(pool, cubic ? 4 : 2));
        const Expr *position = position_of(l, positions, i, d);
        const Expr *before = expr_unary(pool, EXPR_floor, position);
        const Expr *t = expr_convert(pool, carried, difference_of(pool, position, before));
        const Expr *index = expr_plus(pool, whole_index(pool, before), tap);
        index = cubic ? expr_plus_integer(pool, index, -1) : index;
        own[2 + d] = pixel_index(l->node->attributes, pool, index, x->shape[2 + d]);
        weight = product_of(pool, weight, tap_weight(pool, cubic, tap, t));
    }
    reduce->body = product_of(pool, weight, expr_convert(pool, carried, pixel_at(l, own)));
    if (is_float)
        return;
    Compute *map = kernel_map(l->kernel, out);
    lower_indices(l, map, i);
    map->body = expr_convert(pool, type, expr_load(pool, sum, i));
}

static void lower_grid_sample(Lowering *l)
{
    const GridSampleAttributes *sample = l->node->attributes;
    const Tensor *positions = lower_positions(l);
    if (sample->mode == MODE_nearest)
        lower_nearest(l, positions);
    else
        lower_interpolation(l, positions, sample->mode == MODE_cubic);
}

const OpDef op_grid_sample = {
    .name = "GridSample",
    .domain = "",
    .summary = "an image read at the points of a grid",
    .since = 22,
    .first = 16,
    OPERANDS(grid_sample_operands),
    RESULTS(grid_sample_results),
    ATTRIBUTES(grid_sample_attributes, GridSampleAttributes),
    .infer = infer_grid_sample,
    .lower = lower_grid_sample,
};
