/* SPDX-License-Identifier: Apache-2.0
 *
 * MaxRoiPool and RoiAlign: pooling of regions of interest, float[N, C, H, W] X, one region a row.
 *
 * What a bin reads depends on data, so the reduces run over a range that surely suffices and leave
 * out what lies outside: for MaxRoiPool the whole image; for RoiAlign sampling_ratio samples or, if
 * that is 0, those samples that can lie in the image: their distance is more than 1/2.
 */
#include "ir/ops/lowering.h"

typedef struct MaxRoiPoolAttributes {
    IntList pooled_shape;
    float spatial_scale;
} MaxRoiPoolAttributes;

typedef struct RoiAlignAttributes {
    int coordinate_transformation_mode, mode;
    int64_t output_height, output_width, sampling_ratio;
    float spatial_scale;
} RoiAlignAttributes;

enum { X, ROIS, BATCH };
enum { COORDINATE_half_pixel, COORDINATE_output_half_pixel };
enum { POOL_avg, POOL_max };

static const Expr *roi_element(const Lowering *l, const Expr *n, int i)
{
    const Expr *at[] = {n, expr_integer(l->pool, i)};
    return expr_load(l->pool, l->in[ROIS], at);
}

static bool infer_pooled(InferContext *context, Node *node, int64_t columns, int64_t height,
                         int64_t width)
{
    const Type *x = operand_type(node, X), *rois = operand_type(node, ROIS);
    if (x->rank != 4 || rois->rank != 2)
        return infer_error(context, node, "X and rois have ranks %d and %d, expected 4 and 2",
                           x->rank, rois->rank);
    if (height < 1 || width < 1)
        return infer_error(context, node, "the pooled sizes must be 1 or more");
    ExprPool *pool = context->pool;
    if (!infer_equal(context, node, rois->dims[1], expr_integer(pool, columns),
                     "the columns of rois and"))
        return false;
    const Expr *dims[] = {rois->dims[0], x->dims[1], expr_integer(pool, height),
                          expr_integer(pool, width)};
    infer_set(context, node, 0, x->element, 4, dims);
    return true;
}

/* ---- MaxRoiPool -------------------------------------------------------------------------- */

static bool infer_max(InferContext *context, Node *node)
{
    const MaxRoiPoolAttributes *attributes = node->attributes;
    if (attributes->pooled_shape.count != 2)
        return infer_error(context, node, "pooled_shape must have two elements");
    return infer_pooled(context, node, 5, attributes->pooled_shape.items[0],
                        attributes->pooled_shape.items[1]);
}

/* Whether row (column) h belongs to bin p of a region whose corners are columns `first` and
 * `first + 2` of rois. */
static const Expr *in_bin(const Lowering *l, const Expr *n, const Expr *p, const Expr *h, int first,
                          int64_t bins)
{
    const MaxRoiPoolAttributes *attributes = l->node->attributes;
    ExprPool *pool = l->pool;
    TnElementType type = element_compute_type(l->in[ROIS]->element);
    const Expr *scale = expr_real(pool, type, attributes->spatial_scale);
    const Expr *half = expr_real(pool, type, 0.5), *one = expr_real(pool, type, 1);
    const Expr *ends[2];
    for (int i = 0; i < 2; i++) {
        /* half away from zero, as C's round() */
        const Expr *end = product_of(pool, roi_element(l, n, first + 2 * i), scale);
        const Expr *size = expr_unary(pool, EXPR_absolute, end);
        size = expr_unary(pool, EXPR_floor, sum_of(pool, size, half));
        ends[i] = expr_binary(pool, EXPR_copysign, size, end);
    }
    const Expr *length = sum_of(pool, difference_of(pool, ends[1], ends[0]), one);
    const Expr *bin =
        ratio_of(pool, maximum_of(pool, length, one), expr_real(pool, type, (double)bins));
    const Expr *place = expr_from_index(pool, type, p);
    const Expr *from = expr_unary(pool, EXPR_floor, product_of(pool, place, bin));
    const Expr *to = expr_unary(pool, EXPR_ceil, product_of(pool, sum_of(pool, place, one), bin));
    const Expr *at = difference_of(pool, expr_from_index(pool, type, h), ends[0]);
    return expr_both(pool, at_most(pool, from, at), less_than(pool, at, to));
}

static void lower_max(Lowering *l)
{
    const MaxRoiPoolAttributes *attributes = l->node->attributes;
    const Tensor *x = l->in[X], *y = l->out[0];
    ExprPool *pool = l->pool;
    TnElementType type = element_compute_type(x->element);
    const Expr *at[MAX_RANK], *none = expr_lowest(pool, type);
    const Tensor *best = lower_temporary(l, "best", type, 4, y->shape);
    Compute *reduce = kernel_reduce(l->kernel, best, COMBINE_max);
    lower_indices(l, reduce, at);
    const Expr *h = compute_reduce_axis(l->kernel, reduce, x->shape[2]);
    const Expr *w = compute_reduce_axis(l->kernel, reduce, x->shape[3]);
    const Expr *is_inside =
        expr_both(pool, in_bin(l, at[0], at[2], h, 2, attributes->pooled_shape.items[0]),
                  in_bin(l, at[0], at[3], w, 1, attributes->pooled_shape.items[1]));
    const Expr *batch = expr_convert(pool, TN_INT64, roi_element(l, at[0], 0));
    const Expr *from[] = {lower_data_index(pool, batch, x->shape[0]), at[1], h, w};
    reduce->body = expr_select(pool, is_inside, expr_load(pool, x, from), none);
    Compute *map = kernel_map(l->kernel, y);
    lower_indices(l, map, at);
    const Expr *value = expr_load(pool, best, at);
    map->body = expr_select(pool, equal_to(pool, value, none), expr_real(pool, type, 0), value);
}

/* ---- RoiAlign ---------------------------------------------------------------------------- */

static bool infer_align(InferContext *context, Node *node)
{
    const RoiAlignAttributes *attributes = node->attributes;
    if (attributes->sampling_ratio < 0)
        return infer_error(context, node, "sampling_ratio is %lld, expected 0 or more",
                           (long long)attributes->sampling_ratio);
    const Type *batch = operand_type(node, BATCH);
    if (batch->rank != 1 ||
        !infer_equal(context, node, batch->dims[0], operand_type(node, ROIS)->dims[0],
                     "the sizes of rois and batch_indices"))
        return infer_error(context, node, "batch_indices must have one element for each region");
    return infer_pooled(context, node, 4, attributes->output_height, attributes->output_width);
}

/* Along one axis: the samples of a bin. */
typedef struct Samples {
    const Expr *count;      /* in the bin, a float */
    const Expr *is_counted; /* whether sample r is one of them */
    const Expr *is_inside;  /* and lies in the image */
    const Expr *low, *high; /* indices of the elements on both sides */
    const Expr *share;      /* of the upper one */
} Samples;

/* Sample r of bin p; `first` is the column of rois where the region begins. */
static Samples make_samples(const Lowering *l, const Expr *n, const Expr *p, const Expr *r,
                            int first, int64_t bins, const Expr *extent)
{
    const RoiAlignAttributes *attributes = l->node->attributes;
    ExprPool *pool = l->pool;
    TnElementType type = element_compute_type(l->in[ROIS]->element);
#define REAL(value) expr_real(pool, type, value)
    bool has_half = attributes->coordinate_transformation_mode == COORDINATE_half_pixel;
    const Expr *scale = REAL(attributes->spatial_scale), *offset = REAL(has_half ? 0.5 : 0);
    const Expr *start =
        difference_of(pool, product_of(pool, roi_element(l, n, first), scale), offset);
    const Expr *end =
        difference_of(pool, product_of(pool, roi_element(l, n, first + 2), scale), offset);
    const Expr *length = difference_of(pool, end, start);
    if (!has_half)
        length = maximum_of(pool, length, REAL(1));
    const Expr *bin = ratio_of(pool, length, REAL((double)bins));
    start = sum_of(pool, start, product_of(pool, expr_from_index(pool, type, p), bin));
    const Expr *number = expr_from_index(pool, type, r);
    Samples s = {.count = REAL((double)attributes->sampling_ratio)};
    if (!attributes->sampling_ratio) {
        s.count = expr_unary(pool, EXPR_ceil, bin);
        /* Begin with the first sample that is not left of the image. */
        const Expr *step = ratio_of(pool, bin, s.count);
        const Expr *skipped = ratio_of(pool, difference_of(pool, REAL(-1), start), step);
        skipped = expr_unary(pool, EXPR_ceil, difference_of(pool, skipped, REAL(0.5)));
        number = sum_of(pool, number, maximum_of(pool, skipped, REAL(0)));
    }
    s.is_counted = less_than(pool, number, s.count);
    const Expr *along = product_of(pool, sum_of(pool, number, REAL(0.5)), bin);
    const Expr *at = sum_of(pool, start, ratio_of(pool, along, s.count));
    const Expr *size = expr_from_index(pool, type, extent);
    s.is_inside = expr_both(pool, at_most(pool, REAL(-1), at), at_most(pool, at, size));
    s.is_inside = expr_both(pool, s.is_inside, s.is_counted);
    at = maximum_of(pool, at, REAL(0));
    const Expr *whole = expr_unary(pool, EXPR_floor, at);
    const Expr *index = expr_to_index(pool, expr_convert(pool, TN_INT64, whole));
    s.low = lower_clamp(pool, index, extent);
    s.high = lower_clamp(pool, expr_plus_integer(pool, index, 1), extent);
    const Expr *is_last = at_most(pool, difference_of(pool, size, REAL(1)), whole);
    s.share = expr_select(pool, is_last, REAL(0), difference_of(pool, at, whole));
#undef REAL
    return s;
}

/* How many samples along an axis of that size are looked at. */
static const Expr *sample_count(ExprPool *pool, int64_t ratio, const Expr *extent)
{
    return ratio ? expr_integer(pool, ratio)
                 : expr_plus_integer(pool, expr_scale(pool, extent, 2), 3);
}

static const Expr *bilinear(const Lowering *l, const Expr *batch, const Expr *c,
                            const Samples *rows, const Samples *columns)
{
    ExprPool *pool = l->pool;
    const Expr *one = expr_real(pool, rows->share->type, 1), *sum = NULL;
    for (int corner = 0; corner < 4; corner++) {
        bool down = corner & 2, right = corner & 1;
        const Expr *at[] = {batch, c, down ? rows->high : rows->low,
                            right ? columns->high : columns->low};
        const Expr *y = down ? rows->share : difference_of(pool, one, rows->share);
        const Expr *x = right ? columns->share : difference_of(pool, one, columns->share);
        const Expr *term = product_of(pool, product_of(pool, y, x), expr_load(pool, l->in[X], at));
        sum = sum ? sum_of(pool, sum, term) : term;
    }
    return sum;
}

static void lower_align(Lowering *l)
{
    const RoiAlignAttributes *attributes = l->node->attributes;
    const Tensor *x = l->in[X], *y = l->out[0];
    ExprPool *pool = l->pool;
    TnElementType type = element_compute_type(x->element);
    int64_t ratio = attributes->sampling_ratio;
    bool is_max = attributes->mode == POOL_max;
    const Expr *at[MAX_RANK], *zero = expr_real(pool, type, 0);
    const Tensor *pooled = lower_temporary(l, "pooled", type, 4, y->shape);
    Compute *reduce = kernel_reduce(l->kernel, pooled, is_max ? COMBINE_max : COMBINE_sum);
    lower_indices(l, reduce, at);
    const Expr *r0 = compute_reduce_axis(l->kernel, reduce, sample_count(pool, ratio, x->shape[2]));
    const Expr *r1 = compute_reduce_axis(l->kernel, reduce, sample_count(pool, ratio, x->shape[3]));
    Samples rows = make_samples(l, at[0], at[2], r0, 1, attributes->output_height, x->shape[2]);
    Samples columns = make_samples(l, at[0], at[3], r1, 0, attributes->output_width, x->shape[3]);
    const Expr *number = lower_vector(l, l->in[BATCH], at[0]);
    const Expr *batch = lower_data_index(pool, number, x->shape[0]);
    const Expr *value = bilinear(l, batch, at[1], &rows, &columns);
    value = expr_select(pool, expr_both(pool, rows.is_inside, columns.is_inside), value, zero);
    if (is_max)
        value = expr_select(pool, expr_both(pool, rows.is_counted, columns.is_counted), value,
                            expr_lowest(pool, type));
    reduce->body = value;

    Compute *map = kernel_map(l->kernel, y);
    lower_indices(l, map, at);
    value = expr_load(pool, pooled, at);
    if (is_max) {
        const Expr *is_empty = equal_to(pool, value, expr_lowest(pool, type));
        map->body = expr_select(pool, is_empty, zero, value);
        return;
    }
    const Expr *first = expr_integer(pool, 0), *one = expr_real(pool, type, 1);
    rows = make_samples(l, at[0], at[2], first, 1, attributes->output_height, x->shape[2]);
    columns = make_samples(l, at[0], at[3], first, 0, attributes->output_width, x->shape[3]);
    const Expr *count = product_of(pool, rows.count, columns.count);
    map->body = ratio_of(pool, value, maximum_of(pool, count, one));
}

static const OperandDef max_operands[] = {
    {.name = "X", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "rois", .types = TYPES_FLOAT, .group = 'T'},
};
static const OperandDef align_operands[] = {
    {.name = "X", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "rois", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "batch_indices", .types = TYPE_BIT(TN_INT64)},
};
static const OperandDef results[] = {{.name = "Y", .types = TYPES_FLOAT, .group = 'T'}};
static const AttributeDef max_attributes[] = {
    ATTRIBUTE_REQUIRED(MaxRoiPoolAttributes, pooled_shape, ints, "height and width of the result"),
    ATTRIBUTE_FLOAT(MaxRoiPoolAttributes, spatial_scale, 1.0f, "from regions to X"),
};
static const AttributeDef align_attributes[] = {
    ATTRIBUTE_CHOICE(RoiAlignAttributes, coordinate_transformation_mode,
                     "half_pixel|output_half_pixel", COORDINATE_half_pixel,
                     "whether regions are moved by half a pixel"),
    ATTRIBUTE_CHOICE(RoiAlignAttributes, mode, "avg|max", POOL_avg, "of the samples of a bin"),
    ATTRIBUTE_INT(RoiAlignAttributes, output_height, 1, "bins along the height"),
    ATTRIBUTE_INT(RoiAlignAttributes, output_width, 1, "bins along the width"),
    ATTRIBUTE_INT(RoiAlignAttributes, sampling_ratio, 0, "samples along a bin; 0: one a pixel"),
    ATTRIBUTE_FLOAT(RoiAlignAttributes, spatial_scale, 1.0f, "from regions to X"),
};

const OpDef op_max_roi_pool = {
    .name = "MaxRoiPool",
    .domain = "",
    .summary = "the largest element of each bin of each region",
    .since = 22,
    .first = 1,
    OPERANDS(max_operands),
    RESULTS(results),
    ATTRIBUTES(max_attributes, MaxRoiPoolAttributes),
    .infer = infer_max,
    .lower = lower_max,
};

const OpDef op_roi_align = {
    .name = "RoiAlign",
    .domain = "",
    .summary = "mean or maximum of interpolated samples in each bin of each region",
    .since = 22,
    .first = 10,
    OPERANDS(align_operands),
    RESULTS(results),
    ATTRIBUTES(align_attributes, RoiAlignAttributes),
    .infer = infer_align,
    .lower = lower_align,
};
