/* SPDX-License-Identifier: Apache-2.0
 *
 * MelWeightMatrix: the bands of a spectrum are triangles whose corners are equally far apart in
 * mel = 2595 log10(1 + hertz / 700). Computed in double, rounded once.
 */
#include "ir/ops/elements.h"
#include "ir/ops/lowering.h"

#define LOG_10 2.302585092994045684017991454684

typedef struct MelAttributes {
    int output_datatype;
} MelAttributes;

enum { MEL_BINS, DFT_LENGTH, SAMPLE_RATE, LOWER_EDGE, UPPER_EDGE };

static bool infer(InferContext *context, Node *node)
{
    const MelAttributes *attributes = node->attributes;
    ExprPool *pool = context->pool;
    const Expr *bins = infer_one_size(context, node, MEL_BINS);
    const Expr *length = infer_one_size(context, node, DFT_LENGTH);
    if (!bins || !length)
        return false;
    const Expr *rows =
        expr_plus_integer(pool, expr_quotient(pool, length, expr_integer(pool, 2)), 1);
    const Expr *dims[] = {rows, bins};
    infer_set(context, node, 0, (TnElementType)attributes->output_datatype, 2, dims);
    return true;
}

static const Expr *scalar(const Lowering *l, int i)
{
    return expr_convert(l->pool, TN_DOUBLE, lower_scalar(l, i));
}

/* 2595 log10(1 + hertz / 700) */
static const Expr *mel_of(ExprPool *pool, const Expr *hertz)
{
    const Expr *ratio = ratio_of(pool, hertz, expr_real(pool, TN_DOUBLE, 700));
    return product_of(pool, expr_unary(pool, EXPR_log1p, ratio),
                      expr_real(pool, TN_DOUBLE, 2595 / LOG_10));
}

/* int64[bins + 2]: the spectrogram bins at the corners of the triangles. */
static const Tensor *make_corners(const Lowering *l)
{
    ExprPool *pool = l->pool;
    const Expr *count = expr_plus_integer(pool, l->out[0]->shape[1], 2);
    const Tensor *corners = lower_temporary(l, "corners", TN_INT64, 1, &count);
    Compute *map = kernel_map(l->kernel, corners);
    const Expr *i = expr_from_index(pool, TN_DOUBLE, compute_axis(l->kernel, map, 0));
    const Expr *low = mel_of(pool, scalar(l, LOWER_EDGE));
    const Expr *high = mel_of(pool, scalar(l, UPPER_EDGE));
    const Expr *step =
        ratio_of(pool, difference_of(pool, high, low), expr_from_index(pool, TN_DOUBLE, count));
    const Expr *mel = sum_of(pool, product_of(pool, i, step), low);
    const Expr *hertz =
        product_of(pool,
                   expr_unary(pool, EXPR_expm1,
                              product_of(pool, mel, expr_real(pool, TN_DOUBLE, LOG_10 / 2595))),
                   expr_real(pool, TN_DOUBLE, 700));
    const Expr *points = sum_of(pool, scalar(l, DFT_LENGTH), expr_real(pool, TN_DOUBLE, 1));
    const Expr *bin = ratio_of(pool, product_of(pool, points, hertz), scalar(l, SAMPLE_RATE));
    map->body = expr_convert(pool, TN_INT64, expr_unary(pool, EXPR_floor, bin));
    return corners;
}

static void lower(Lowering *l)
{
    ExprPool *pool = l->pool;
    const Tensor *y = l->out[0], *corners = make_corners(l);
    Compute *map = kernel_map(l->kernel, y);
    const Expr *at[MAX_RANK], *corner[3];
    lower_indices(l, map, at);
    for (int i = 0; i < 3; i++) {
        const Expr *index = expr_plus_integer(pool, at[1], i);
        corner[i] = expr_load(pool, corners, &index);
    }
    const Expr *row = expr_from_index(pool, TN_INT64, at[0]);
    const Expr *rise = difference_of(pool, corner[1], corner[0]);
    const Expr *fall = difference_of(pool, corner[2], corner[1]);
    const Expr *zero = expr_whole(pool, TN_INT64, 0), *none = expr_real(pool, TN_DOUBLE, 0);
    const Expr *rising =
        ratio_of(pool, expr_convert(pool, TN_DOUBLE, difference_of(pool, row, corner[0])),
                 expr_convert(pool, TN_DOUBLE, rise));
    const Expr *falling =
        ratio_of(pool, expr_convert(pool, TN_DOUBLE, difference_of(pool, corner[2], row)),
                 expr_convert(pool, TN_DOUBLE, fall));
    const Expr *is_center = equal_to(pool, row, corner[1]);
    const Expr *rises =
        expr_both(pool, at_most(pool, corner[0], row), at_most(pool, row, corner[1]));
    const Expr *falls =
        expr_both(pool, at_most(pool, corner[1], row), less_than(pool, row, corner[2]));
    const Expr *flat = expr_select(pool, is_center, expr_real(pool, TN_DOUBLE, 1), none);
    const Expr *value =
        expr_select(pool, equal_to(pool, rise, zero), flat, expr_select(pool, rises, rising, none));
    falls = expr_both(pool, falls, less_than(pool, zero, fall));
    map->body = expr_convert(pool, element_compute_type(y->element),
                             expr_select(pool, falls, falling, value));
}

static const OperandDef operands[] = {
    {.name = "num_mel_bins", .types = TYPES_INDEX, .group = 'I'},
    {.name = "dft_length", .types = TYPES_INDEX, .group = 'I'},
    {.name = "sample_rate", .types = TYPES_INDEX, .group = 'I'},
    {.name = "lower_edge_hertz", .types = TYPES_FLOAT, .group = 'F'},
    {.name = "upper_edge_hertz", .types = TYPES_FLOAT, .group = 'F'},
};
static const OperandDef results[] = {{.name = "output", .types = TYPES_NUMBER}};
static const AttributeDef attributes[] = {
    ATTRIBUTE_ELEMENT(MelAttributes, output_datatype, TN_FLOAT, false,
                      "element type of the result"),
};

const OpDef op_mel_weight_matrix = {
    .name = "MelWeightMatrix",
    .domain = "",
    .summary = "weights that turn a spectrum into bands that are equally wide in mel",
    .since = 17,
    .first = 17,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, MelAttributes),
    .infer = infer,
    .lower = lower,
};
