/* SPDX-License-Identifier: Apache-2.0
 *
 * Resize. Nearest: one map, through a table of positions for each axis that is resized, or through
 * plain arithmetic where the factor is whole. Linear and cubic are separable: one pass for each
 * axis, a reduce over the taps of weight times element, with the weights in a table.
 *
 * A tap t of n reads the element base + t - n/2 + 1, where base = ceil(x) - 1 is left of the
 * coordinate x. With antialias the filter is stretched by 1 / scale when shrinking.
 */
#include "ir/ops/resize.h"

#include <math.h>

#define REAL(value) expr_real(pool, TN_DOUBLE, (value))

static bool infer(InferContext *context, Node *node)
{
    const ResizeAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, RESIZE_X);
    const Type *scales = operand(node, RESIZE_SCALES) ? operand_type(node, RESIZE_SCALES) : NULL;
    bool by_scales = scales && !(scales->rank == 1 && expr_is(scales->dims[0], 0));
    if (by_scales && !infer_constant(context, node, RESIZE_SCALES))
        return false;
    if (!by_scales && operand(node, RESIZE_SIZES) &&
        !infer_elements(context, node, RESIZE_SIZES, NULL))
        return false;
    ResizePlan plan;
    const char *problem = resize_plan(context->pool, node, x->dims, &plan);
    if (problem)
        return infer_error(context, node, "%s", problem);
    if (attributes->coordinate_transformation_mode == COORDINATE_tf_crop_and_resize) {
        const Type *roi = operand(node, RESIZE_ROI) ? operand_type(node, RESIZE_ROI) : NULL;
        if (!roi || roi->rank != 1)
            return infer_error(context, node, "roi must be a vector");
        if (!infer_equal(context, node, roi->dims[0],
                         expr_integer(context->pool, 2 * (int64_t)plan.place_count),
                         "the size of roi and twice the number of resized axes"))
            return false;
    }
    if (attributes->antialias && attributes->mode == MODE_nearest)
        return infer_error(context, node, "antialias does not go with nearest");
    const Expr *dims[MAX_RANK];
    for (int d = 0; d < x->rank; d++) {
        dims[d] = plan.axes[d].output;
        int64_t lower, upper;
        expr_bounds(dims[d], &lower, &upper);
        if (upper < 0)
            return infer_error(context, node, "axis %d gets a negative size", d);
        if (lower < 0)
            dims[d] = expr_larger(context->pool, dims[d], expr_integer(context->pool, 0));
    }
    infer_set(context, node, 0, x->element, x->rank, dims);
    return true;
}

/* ---- Nearest ----------------------------------------------------------------------------- */

/* The position by arithmetic on indices, where the factor is a whole number or its inverse. */
static const Expr *whole_position(ExprPool *pool, const ResizePlan *plan, int d, const Expr *o)
{
    const ResizeAxis *axis = &plan->axes[d];
    int mode = plan->attributes->coordinate_transformation_mode;
    int rounding = plan->attributes->nearest_mode;
    int64_t input, output;
    double scale = axis->scale;
    if (!axis->has_scale) {
        if (plan->attributes->keep_aspect_ratio_policy != POLICY_stretch ||
            !expr_known(axis->input, &input) || !expr_known(axis->output, &output) || input < 1 ||
            output < 1)
            return NULL;
        scale = (double)output / (double)input;
    }
    bool rounds = rounding == NEAREST_round_prefer_floor || rounding == NEAREST_round_prefer_ceil;
    if (scale >= 1 && scale == floor(scale) && scale < 1 << 20 &&
        ((mode == COORDINATE_asymmetric && rounding == NEAREST_floor) ||
         (mode == COORDINATE_half_pixel && rounds)))
        return expr_quotient(pool, o, expr_integer(pool, (int64_t)scale));
    double inverse = 1 / scale;
    if (scale < 1 && inverse == floor(inverse) && inverse < 1 << 20 &&
        mode == COORDINATE_asymmetric)
        return expr_scale(pool, o, (int64_t)inverse);
    return NULL;
}

static const Expr *rounded(ExprPool *pool, int mode, const Expr *x)
{
    const Expr *half = expr_real(pool, TN_DOUBLE, 0.5);
    switch (mode) {
    case NEAREST_round_prefer_floor:
        return expr_unary(pool, EXPR_ceil, difference_of(pool, x, half));
    case NEAREST_round_prefer_ceil: return expr_unary(pool, EXPR_floor, sum_of(pool, x, half));
    case NEAREST_floor: return expr_unary(pool, EXPR_floor, x);
    default: return expr_unary(pool, EXPR_ceil, x);
    }
}

/* A table of one entry for each output position of axis d. */
static const Tensor *table(const Lowering *l, const ResizePlan *plan, int d, const char *name,
                           TnElementType element, Compute **map)
{
    const Tensor *made = lower_temporary(l, arena_format(expr_pool_arena(l->pool), "%s%d", name, d),
                                         element, 1, &plan->axes[d].output);
    *map = kernel_map(l->kernel, made);
    return made;
}

/* The entry of a table of positions, made into an index of axis d. */
static const Expr *position_at(const Lowering *l, const Tensor *positions, const Expr *o,
                               int64_t offset, const Expr *tap, const Expr *input)
{
    const Expr *at = expr_to_index(l->pool, expr_load(l->pool, positions, &o));
    at = expr_plus_integer(l->pool, at, offset);
    return lower_clamp(l->pool, tap ? expr_plus(l->pool, at, tap) : at, input);
}

static const Tensor *nearest_table(const Lowering *l, const ResizePlan *plan, int d)
{
    Compute *map;
    const Tensor *positions = table(l, plan, d, "position", TN_INT64, &map);
    const Expr *x = resize_coordinate(l, plan, d, compute_axis(l->kernel, map, 0));
    map->body =
        expr_convert(l->pool, TN_INT64, rounded(l->pool, plan->attributes->nearest_mode, x));
    return positions;
}

/* ---- Outside ----------------------------------------------------------------------------- */

/* value, or with tf_crop_and_resize the extrapolation value where a coordinate leaves the input. */
static const Expr *or_extrapolated(const Lowering *l, const ResizePlan *plan, const Expr *value,
                                   const Expr *const *at)
{
    ExprPool *pool = l->pool;
    if (plan->attributes->coordinate_transformation_mode != COORDINATE_tf_crop_and_resize)
        return value;
    const Expr *inside = expr_bool(pool, true), *zero = expr_real(pool, TN_DOUBLE, 0);
    for (int d = 0; d < plan->rank; d++) {
        if (plan->axes[d].place < 0)
            continue;
        const Expr *x = resize_coordinate(l, plan, d, at[d]);
        const Expr *last =
            expr_from_index(pool, TN_DOUBLE, expr_plus_integer(pool, plan->axes[d].input, -1));
        inside = expr_both(pool, inside,
                           expr_both(pool, at_most(pool, zero, x), at_most(pool, x, last)));
    }
    const Expr *other = expr_convert(
        pool, value->type, expr_real(pool, TN_DOUBLE, plan->attributes->extrapolation_value));
    return expr_select(pool, inside, value, other);
}

static void lower_nearest(Lowering *l, const ResizePlan *plan)
{
    const Tensor *x = l->in[RESIZE_X], *y = l->out[0], *tables[MAX_RANK] = {NULL};
    ExprPool *pool = l->pool;
    const Expr *at[MAX_RANK], *from[MAX_RANK], *zero = expr_integer(pool, 0);
    for (int d = 0; d < plan->rank; d++)
        if (!resize_is_identity(plan, d) && !whole_position(pool, plan, d, zero))
            tables[d] = nearest_table(l, plan, d);
    Compute *map = kernel_map(l->kernel, y);
    lower_indices(l, map, at);
    for (int d = 0; d < plan->rank; d++) {
        if (tables[d])
            from[d] = position_at(l, tables[d], at[d], 0, NULL, x->shape[d]);
        else
            from[d] = resize_is_identity(plan, d) ? at[d] : whole_position(pool, plan, d, at[d]);
    }
    map->body = or_extrapolated(l, plan, expr_load(pool, x, from), at);
}

/* ---- Linear and cubic -------------------------------------------------------------------- */

/* One axis of a separable resize. */
typedef struct Filter {
    const ResizePlan *plan;
    int axis;
    bool is_stretched;                    /* antialias, and it may shrink */
    const Expr *taps, *half;              /* n, n / 2 */
    const Tensor *bases, *weights, *sums; /* sums: NULL where the weights add up to 1 */
} Filter;

/* ceil(support / min(scale, 1)) */
static const Expr *half_taps(ExprPool *pool, const ResizePlan *plan, int d, int64_t support)
{
    const ResizeAxis *axis = &plan->axes[d];
    const Expr *least = expr_integer(pool, support);
    if (!plan->attributes->antialias)
        return least;
    if (axis->has_scale)
        return axis->scale >= 1 ? least
                                : expr_integer(pool, (int64_t)ceil((double)support / axis->scale));
    const Expr *half = least;
    for (int i = 0; i < plan->place_count; i++) {
        /* Under a policy the common factor is one of these ratios; more taps have no weight. */
        if (plan->attributes->keep_aspect_ratio_policy == POLICY_stretch && plan->axis_of[i] != d)
            continue;
        const Expr *input = plan->axes[plan->axis_of[i]].input;
        const Expr *output = expr_larger(pool, plan->wanted[i], expr_integer(pool, 1));
        half = expr_larger(pool, half,
                           expr_round_up_quotient(pool, expr_scale(pool, input, support), output));
    }
    return half;
}

/* a |x|^3 ... : the cubic convolution kernel with parameter a. */
static const Expr *cubic_weight(ExprPool *pool, const Expr *x, double a)
{
    /* ((a + 2) x - (a + 3)) x^2 + 1 and ((a x - 5 a) x + 8 a) x - 4 a */
    const Expr *square = product_of(pool, x, x);
    const Expr *near = difference_of(pool, product_of(pool, x, REAL(a + 2)), REAL(a + 3));
    near = sum_of(pool, product_of(pool, near, square), REAL(1));
    const Expr *far = difference_of(pool, product_of(pool, x, REAL(a)), REAL(5 * a));
    far = sum_of(pool, product_of(pool, far, x), REAL(8 * a));
    far = difference_of(pool, product_of(pool, far, x), REAL(4 * a));
    const Expr *tail = expr_select(pool, less_than(pool, x, REAL(2)), far, REAL(0));
    return expr_select(pool, at_most(pool, x, REAL(1)), near, tail);
}

static const Expr *weight(ExprPool *pool, const ResizePlan *plan, const Expr *distance)
{
    if (plan->attributes->mode == MODE_cubic)
        return cubic_weight(pool, distance, plan->attributes->cubic_coeff_a);
    return maximum_of(pool, REAL(0), difference_of(pool, REAL(1), distance));
}

/* weights[o, t] = weight(|base + t - n/2 + 1 - x|), stretched, and 0 where it must not count. */
static void make_weights(const Lowering *l, Filter *f)
{
    ExprPool *pool = l->pool;
    const ResizeAxis *axis = &f->plan->axes[f->axis];
    const Expr *shape[] = {axis->output, f->taps}, *at[MAX_RANK];
    const char *name = arena_format(expr_pool_arena(pool), "weight%d", f->axis);
    f->weights = lower_temporary(l, name, TN_DOUBLE, 2, shape);
    Compute *map = kernel_map(l->kernel, f->weights);
    lower_indices(l, map, at);
    const Expr *x = resize_coordinate(l, f->plan, f->axis, at[0]);
    const Expr *base = expr_load(pool, f->bases, at);
    const Expr *step = expr_plus_integer(pool, expr_minus(pool, at[1], f->half), 1);
    const Expr *place = sum_of(pool, base, expr_from_index(pool, TN_INT64, step));
    const Expr *distance = difference_of(pool, expr_convert(pool, TN_DOUBLE, place), x);
    distance = expr_unary(pool, EXPR_absolute, distance);
    if (f->is_stretched)
        distance = product_of(pool, distance,
                              minimum_of(pool, resize_scale(pool, f->plan, f->axis), REAL(1)));
    map->body = weight(pool, f->plan, distance);
    if (f->plan->attributes->exclude_outside) {
        const Expr *size = expr_from_index(pool, TN_INT64, axis->input);
        const Expr *is_inside = expr_both(pool, at_most(pool, expr_whole(pool, TN_INT64, 0), place),
                                          less_than(pool, place, size));
        map->body = expr_select(pool, is_inside, map->body, REAL(0));
    }
}

static Filter make_filter(const Lowering *l, const ResizePlan *plan, int d)
{
    ExprPool *pool = l->pool;
    Filter f = {.plan = plan, .axis = d, .is_stretched = plan->attributes->antialias != 0};
    f.half = half_taps(pool, plan, d, plan->attributes->mode == MODE_cubic ? 2 : 1);
    f.taps = expr_scale(pool, f.half, 2);
    Compute *map;
    f.bases = table(l, plan, d, "base", TN_INT64, &map);
    const Expr *x = resize_coordinate(l, plan, d, compute_axis(l->kernel, map, 0));
    map->body =
        expr_convert(pool, TN_INT64, difference_of(pool, expr_unary(pool, EXPR_ceil, x), REAL(1)));
    make_weights(l, &f);
    if (!f.is_stretched && !plan->attributes->exclude_outside)
        return f;
    const char *name = arena_format(expr_pool_arena(pool), "weights%d", d);
    f.sums = lower_temporary(l, name, TN_DOUBLE, 1, &plan->axes[d].output);
    Compute *sum = kernel_reduce(l->kernel, f.sums, COMBINE_sum);
    const Expr *o = compute_axis(l->kernel, sum, 0);
    const Expr *at[] = {o, compute_reduce_axis(l->kernel, sum, f.taps)};
    sum->body = expr_load(pool, f.weights, at);
    return f;
}

/* Resizes axis f->axis of `from` into `to`, both in the type of the computation or the operand's.
 */
static void pass(const Lowering *l, const Filter *f, const Tensor *from, const Tensor *to,
                 TnElementType type)
{
    ExprPool *pool = l->pool;
    int d = f->axis;
    const Expr *at[MAX_RANK];
    Compute *reduce = kernel_reduce(l->kernel, to, COMBINE_sum);
    lower_indices(l, reduce, at);
    const Expr *o = at[d], *t = compute_reduce_axis(l->kernel, reduce, f->taps);
    const Expr *weight_at[] = {o, t};
    const Expr *factor = expr_load(pool, f->weights, weight_at);
    if (f->sums)
        factor = ratio_of(pool, factor, expr_load(pool, f->sums, &o));
    const Expr *tap = expr_minus(pool, t, f->half);
    at[d] = position_at(l, f->bases, o, 1, tap, f->plan->axes[d].input);
    const Expr *value = expr_convert(pool, type, expr_load(pool, from, at));
    reduce->body = product_of(pool, expr_convert(pool, type, factor), value);
}

static const Expr *in_element(ExprPool *pool, const Expr *value, TnElementType element)
{
    if (element_kind(element) == ELEMENT_KIND_FLOAT)
        return expr_convert(pool, element_compute_type(element), value);
    if (element_bits(element) == 64) {
        return expr_convert(pool, element, expr_unary(pool, EXPR_round, value));
    }
    return lower_quantize(pool, value, NULL, element);
}

static void lower_filtered(Lowering *l, const ResizePlan *plan)
{
    const Tensor *y = l->out[0], *from = l->in[RESIZE_X];
    ExprPool *pool = l->pool;
    bool is_float = element_kind(y->element) == ELEMENT_KIND_FLOAT;
    TnElementType type = is_float ? element_compute_type(y->element) : TN_DOUBLE;
    const Expr *shape[MAX_RANK], *at[MAX_RANK];
    for (int d = 0; d < plan->rank; d++)
        shape[d] = plan->axes[d].input;
    for (int d = 0; d < plan->rank; d++) {
        if (resize_is_identity(plan, d))
            continue;
        Filter filter = make_filter(l, plan, d);
        shape[d] = y->shape[d];
        const char *name = arena_format(expr_pool_arena(pool), "resized%d", d);
        const Tensor *to = lower_temporary(l, name, type, plan->rank, shape);
        pass(l, &filter, from, to, type);
        from = to;
    }
    Compute *map = kernel_map(l->kernel, y);
    lower_indices(l, map, at);
    const Expr *value = expr_convert(pool, type, expr_load(pool, from, at));
    map->body = in_element(pool, or_extrapolated(l, plan, value, at), y->element);
}

static void lower(Lowering *l)
{
    ResizePlan plan;
    resize_plan(l->pool, l->node, l->in[RESIZE_X]->shape, &plan);
    for (int d = 0; d < plan.rank; d++)
        plan.axes[d].output = l->out[0]->shape[d];
    if (plan.attributes->mode == MODE_nearest)
        lower_nearest(l, &plan);
    else
        lower_filtered(l, &plan);
}

#define TYPES_RESIZED (TYPES_NUMBER | TYPES_BOOL)

static const OperandDef operands[] = {
    {.name = "X", .types = TYPES_RESIZED, .group = 'T'},
    {.name = "roi", .types = TYPES_FLOAT, .optional = true},
    {.name = "scales", .types = TYPE_BIT(TN_FLOAT), .optional = true},
    {.name = "sizes", .types = TYPE_BIT(TN_INT64), .optional = true},
};
static const OperandDef results[] = {{.name = "Y", .types = TYPES_RESIZED, .group = 'T'}};
static const AttributeDef attributes[] = {
    ATTRIBUTE_INT(ResizeAttributes, antialias, 0, "whether to widen the filter when shrinking"),
    ATTRIBUTE_OPTIONAL(ResizeAttributes, axes, ints, "which axes roi, scales and sizes speak of"),
    ATTRIBUTE_CHOICE(ResizeAttributes, coordinate_transformation_mode,
                     "half_pixel|half_pixel_symmetric|pytorch_half_pixel|align_corners|asymmetric|"
                     "tf_crop_and_resize",
                     COORDINATE_half_pixel, "where an output position lies in the input"),
    ATTRIBUTE_FLOAT(ResizeAttributes, cubic_coeff_a, -0.75f, "parameter of the cubic filter"),
    ATTRIBUTE_INT(ResizeAttributes, exclude_outside, 0,
                  "whether taps outside of the input have no weight"),
    ATTRIBUTE_FLOAT(ResizeAttributes, extrapolation_value, 0.0f,
                    "tf_crop_and_resize: what lies outside of the input"),
    ATTRIBUTE_CHOICE(ResizeAttributes, keep_aspect_ratio_policy, "stretch|not_larger|not_smaller",
                     POLICY_stretch, "how to read sizes"),
    ATTRIBUTE_CHOICE(ResizeAttributes, mode, "nearest|linear|cubic", MODE_nearest, "the filter"),
    ATTRIBUTE_CHOICE(ResizeAttributes, nearest_mode,
                     "round_prefer_floor|round_prefer_ceil|floor|ceil", NEAREST_round_prefer_floor,
                     "how nearest rounds coordinates"),
};

const OpDef op_resize = {
    .name = "Resize",
    .domain = "",
    .summary = "x at other sizes, by the nearest element, linear or cubic interpolation",
    .since = 19,
    .first = 10,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, ResizeAttributes),
    .infer = infer,
    .lower = lower,
};
