/* SPDX-License-Identifier: Apache-2.0
 *
 * Geometry of Resize; see resize.h. Coordinates follow the operator's text, in double:
 *
 *   half_pixel             (o + 0.5) / scale - 0.5
 *   half_pixel_symmetric   the same, moved so that the centres of input and output meet
 *   pytorch_half_pixel     the same as half_pixel, 0 where the output has one element
 *   align_corners          o * (input - 1) / (output - 1), 0 where the output has one element
 *   asymmetric             o / scale
 *   tf_crop_and_resize     begin * (input - 1) + o * (end - begin) * (input - 1) / (output - 1)
 */
#include "ir/ops/resize.h"

#include <math.h>

/* floor(size * scale), exactly: a float is m / 2^e, or m * 2^e. scale < 2^31. */
static const Expr *scaled_size(ExprPool *pool, const Expr *size, double scale)
{
    int exponent;
    int64_t known;
    if (expr_known(size, &known))
        return expr_integer(pool, (int64_t)floor((double)known * scale));
    double fraction = frexp(scale, &exponent);
    int64_t mantissa = (int64_t)ldexp(fraction, 24);
    exponent -= 24;
    while (mantissa % 2 == 0 && mantissa) {
        mantissa /= 2;
        exponent++;
    }
    if (exponent >= 0)
        return expr_scale(pool, size, mantissa << exponent);
    if (exponent < -40)
        return expr_integer(pool, 0);
    return expr_quotient(pool, expr_scale(pool, size, mantissa),
                         expr_integer(pool, (int64_t)1 << -exponent));
}

static const char *find_axes(const ResizeAttributes *attributes, ResizePlan *plan)
{
    int64_t count = attributes->axes.count ? attributes->axes.count : plan->rank;
    if (count > plan->rank)
        return "axes has more elements than the operand dimensions";
    for (int d = 0; d < plan->rank; d++)
        plan->axes[d].place = -1;
    for (int64_t i = 0; i < count; i++) {
        int64_t axis = attributes->axes.count ? attributes->axes.items[i] : i;
        axis += axis < 0 ? plan->rank : 0;
        if (axis < 0 || axis >= plan->rank)
            return "an element of axes is out of range";
        if (plan->axes[axis].place >= 0)
            return "axes has an element twice";
        plan->axes[axis].place = (int)i;
        plan->axis_of[i] = (int)axis;
    }
    plan->place_count = (int)count;
    return NULL;
}

/* scales: numbers. With tf_crop_and_resize the size is that of the region. */
static const char *plan_scales(ExprPool *pool, const Node *node, const Constant *scales,
                               ResizePlan *plan)
{
    const Constant *roi = operand_constant(node, RESIZE_ROI);
    if (scales->count != plan->place_count)
        return "scales must have one element for each resized axis";
    for (int i = 0; i < plan->place_count; i++) {
        ResizeAxis *axis = &plan->axes[plan->axis_of[i]];
        axis->has_scale = true;
        axis->scale = constant_get_double(scales, i);
        if (!(axis->scale > 0) || axis->scale > INT32_MAX)
            return "an element of scales is not a positive number";
        double factor = axis->scale;
        if (plan->attributes->coordinate_transformation_mode == COORDINATE_tf_crop_and_resize) {
            if (!roi || roi->count != 2 * (int64_t)plan->place_count)
                return "tf_crop_and_resize by scales needs a constant roi";
            factor *= constant_get_double(roi, plan->place_count + i) - constant_get_double(roi, i);
            factor = factor > 0 ? factor : 0;
        }
        axis->output = scaled_size(pool, axis->input, factor);
    }
    return NULL;
}

/* sizes, under keep_aspect_ratio_policy: all axes get the smallest (largest) factor, and the size
 * round(factor * input) is the smallest (largest) of the rounded sizes. */
static const char *plan_sizes(ExprPool *pool, const Node *node, ResizePlan *plan)
{
    const Value *sizes = operand(node, RESIZE_SIZES);
    int policy = plan->attributes->keep_aspect_ratio_policy;
    if (!sizes->elements || sizes->element_count != plan->place_count)
        return "sizes must have one element for each resized axis";
    for (int i = 0; i < plan->place_count; i++)
        plan->wanted[i] = sizes->elements[i];
    for (int i = 0; i < plan->place_count; i++) {
        ResizeAxis *axis = &plan->axes[plan->axis_of[i]];
        axis->output = plan->wanted[i];
        if (policy == POLICY_stretch)
            continue;
        axis->output = NULL;
        for (int j = 0; j < plan->place_count; j++) {
            const Expr *input = plan->axes[plan->axis_of[j]].input;
            const Expr *twice = expr_scale(pool, expr_times(pool, plan->wanted[j], axis->input), 2);
            const Expr *size =
                expr_quotient(pool, expr_plus(pool, twice, input),
                              expr_larger(pool, expr_scale(pool, input, 2), expr_integer(pool, 1)));
            axis->output = !axis->output                 ? size
                           : policy == POLICY_not_larger ? expr_smaller(pool, axis->output, size)
                                                         : expr_larger(pool, axis->output, size);
        }
    }
    return NULL;
}

const char *resize_plan(ExprPool *pool, const Node *node, const Expr *const *input,
                        ResizePlan *plan)
{
    *plan =
        (ResizePlan){.rank = operand_type(node, RESIZE_X)->rank, .attributes = node->attributes};
    const char *problem = find_axes(node->attributes, plan);
    if (problem)
        return problem;
    for (int d = 0; d < plan->rank; d++) {
        plan->axes[d].input = plan->axes[d].output = input[d];
        plan->axes[d].scale = 1;
        plan->axes[d].has_scale = plan->axes[d].place < 0;
    }
    const Constant *scales = operand_constant(node, RESIZE_SCALES);
    if (scales && scales->count)
        return plan_scales(pool, node, scales, plan);
    if (operand(node, RESIZE_SIZES))
        return plan_sizes(pool, node, plan);
    return "either scales or sizes must be given";
}

bool resize_is_identity(const ResizePlan *plan, int d)
{
    const ResizeAxis *axis = &plan->axes[d];
    if (axis->place < 0)
        return true;
    if (plan->attributes->coordinate_transformation_mode == COORDINATE_tf_crop_and_resize)
        return false;
    return axis->input == axis->output &&
           (axis->has_scale ? axis->scale == 1
                            : plan->attributes->keep_aspect_ratio_policy == POLICY_stretch);
}

static const Expr *real(ExprPool *pool, const Expr *index)
{
    return expr_from_index(pool, TN_DOUBLE, index);
}

const Expr *resize_scale(ExprPool *pool, const ResizePlan *plan, int d)
{
    const ResizeAxis *axis = &plan->axes[d];
    if (axis->has_scale)
        return expr_real(pool, TN_DOUBLE, axis->scale);
    int policy = plan->attributes->keep_aspect_ratio_policy;
    if (policy == POLICY_stretch)
        return ratio_of(pool, real(pool, axis->output), real(pool, axis->input));
    const Expr *common = NULL;
    for (int i = 0; i < plan->place_count; i++) {
        const Expr *ratio = ratio_of(pool, real(pool, plan->wanted[i]),
                                     real(pool, plan->axes[plan->axis_of[i]].input));
        common = !common                       ? ratio
                 : policy == POLICY_not_larger ? minimum_of(pool, common, ratio)
                                               : maximum_of(pool, common, ratio);
    }
    return common;
}

/* Number i of the operand roi, as a double. */
static const Expr *roi_element(const Lowering *l, int i)
{
    const Tensor *roi = lower_in(l, RESIZE_ROI);
    const Expr *at = expr_integer(l->pool, i);
    return expr_convert(l->pool, TN_DOUBLE, expr_load(l->pool, roi, &at));
}

/* first + o * (last - first) / (output - 1); `otherwise` where the output has one element. */
static const Expr *spread(ExprPool *pool, const ResizeAxis *axis, const Expr *o, const Expr *first,
                          const Expr *length, const Expr *otherwise)
{
    const Expr *one = expr_integer(pool, 1);
    const Expr *steps = expr_larger(pool, expr_plus_integer(pool, axis->output, -1), one);
    const Expr *at = ratio_of(pool, product_of(pool, real(pool, o), length), real(pool, steps));
    at = sum_of(pool, at, first);
    return expr_select(pool, expr_compare(pool, EXPR_less, one, axis->output), at, otherwise);
}

const Expr *resize_coordinate(const Lowering *l, const ResizePlan *plan, int d, const Expr *o)
{
    ExprPool *pool = l->pool;
    const ResizeAxis *axis = &plan->axes[d];
    const Expr *scale = resize_scale(pool, plan, d), *half = expr_real(pool, TN_DOUBLE, 0.5);
    const Expr *zero = expr_real(pool, TN_DOUBLE, 0), *position = real(pool, o);
    const Expr *last = real(pool, expr_plus_integer(pool, axis->input, -1));
    const Expr *centred =
        difference_of(pool, ratio_of(pool, sum_of(pool, position, half), scale), half);
    switch (plan->attributes->coordinate_transformation_mode) {
    case COORDINATE_half_pixel: return centred;
    case COORDINATE_half_pixel_symmetric: {
        const Expr *exact = product_of(pool, scale, real(pool, axis->input));
        const Expr *share = ratio_of(pool, real(pool, axis->output), exact);
        const Expr *middle = product_of(pool, real(pool, axis->input), half);
        const Expr *one = expr_real(pool, TN_DOUBLE, 1);
        return sum_of(pool, product_of(pool, middle, difference_of(pool, one, share)), centred);
    }
    case COORDINATE_pytorch_half_pixel:
        return expr_select(pool, expr_compare(pool, EXPR_less, expr_integer(pool, 1), axis->output),
                           centred, zero);
    case COORDINATE_align_corners: return spread(pool, axis, o, zero, last, zero);
    case COORDINATE_tf_crop_and_resize: {
        const Expr *begin = roi_element(l, axis->place);
        const Expr *end = roi_element(l, plan->place_count + axis->place);
        const Expr *first = product_of(pool, begin, last);
        const Expr *length = product_of(pool, difference_of(pool, end, begin), last);
        const Expr *middle =
            product_of(pool, product_of(pool, half, sum_of(pool, begin, end)), last);
        return spread(pool, axis, o, first, length, middle);
    }
    default: return ratio_of(pool, position, scale); /* asymmetric */
    }
}
