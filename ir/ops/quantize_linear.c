/* SPDX-License-Identifier: Apache-2.0
 *
 * QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear.
 *
 *   y = saturate(round(x / scale) + zero_point)         x = (y - zero_point) * scale
 *
 * Scale and zero point are of one shape: a scalar for the whole tensor, a vector along an axis, or
 * for blocked quantisation a tensor whose size along the axis is that of x over the block size,
 * rounded up. Quotients are rounded to the scale's type, or to `precision`; products to the
 * result's.
 */
#include "ir/ops/elements.h"
#include "ir/ops/lowering.h"
#include "ir/support/array.h"

enum { SCALE = 1, ZERO_POINT };

#define TYPES_SMALL_QUANTIZED                                                                      \
    (TYPES_SMALL & ~TYPE_BIT(TN_FLOAT8E8M0)) /* float8e8m0 is for scales */
#define TYPES_QUANTIZED                                                                            \
    (TYPES_SMALL_QUANTIZED | TYPE_BIT(TN_INT8) | TYPE_BIT(TN_UINT8) | TYPE_BIT(TN_INT16) |         \
     TYPE_BIT(TN_UINT16))
#define TYPES_REAL (TYPE_BIT(TN_FLOAT) | TYPE_BIT(TN_FLOAT16) | TYPE_BIT(TN_BFLOAT16))

/* ---- Scales ------------------------------------------------------------------------------ */

static bool is_scalar(const Type *scale)
{
    return scale->rank == 0 || (scale->rank == 1 && expr_is(scale->dims[0], 1));
}

/* The granularity is told by ranks: of the scale and of x. */
static bool is_blocked(const Type *x, const Type *scale, int64_t block_size)
{
    return block_size > 0 && scale->rank == x->rank && x->rank > 0;
}

static bool check_blocks(InferContext *context, const Node *node, int axis, int64_t block_size)
{
    const Type *x = operand_type(node, 0), *scale = operand_type(node, SCALE);
    for (int d = 0; d < x->rank; d++) {
        const Expr *expected = x->dims[d];
        if (d == axis)
            expected = expr_round_up_quotient(context->pool, expected,
                                              expr_integer(context->pool, block_size));
        if (!infer_equal(context, node, scale->dims[d], expected, "sizes of the scale and blocks"))
            return false;
    }
    return true;
}

/* The zero point has the scale's shape; one element is one element, of rank 0 or 1. */
static bool check_zero_point(InferContext *context, const Node *node)
{
    const Type *scale = operand_type(node, SCALE), *zero = operand_type(node, ZERO_POINT);
    const char *what = "sizes of the scale and the zero point";
    if (scale->rank + zero->rank == 1)
        return infer_equal(context, node, type_element_count(context->pool, scale),
                           type_element_count(context->pool, zero), what) != NULL;
    if (scale->rank != zero->rank)
        return infer_error(context, node, "the scale has rank %d, the zero point %d", scale->rank,
                           zero->rank);
    for (int d = 0; d < scale->rank; d++)
        if (!infer_equal(context, node, scale->dims[d], zero->dims[d], what))
            return false;
    return true;
}

static bool check_scale(InferContext *context, const Node *node, int64_t axis_attribute,
                        int64_t block_size)
{
    const Type *x = operand_type(node, 0), *scale = operand_type(node, SCALE);
    int axis;
    if (operand(node, ZERO_POINT) && !check_zero_point(context, node))
        return false;
    if (block_size < 0)
        return infer_error(context, node, "block_size is %lld", (long long)block_size);
    if (is_scalar(scale))
        return true;
    if (!infer_axis(context, node, axis_attribute, x->rank, &axis))
        return false;
    if (is_blocked(x, scale, block_size))
        return check_blocks(context, node, axis, block_size);
    if (scale->rank != 1)
        return infer_error(context, node, "the scale has rank %d, x %d, and block_size is %lld",
                           scale->rank, x->rank, (long long)block_size);
    return infer_equal(context, node, scale->dims[0], x->dims[axis],
                       "the scale's size and x's along the axis") != NULL;
}

/* The scale or the zero point of the element at these indices. */
static const Expr *parameter_at(const Lowering *l, int operand_number, const Expr *const *indices,
                                int64_t axis, int64_t block_size)
{
    const Tensor *parameter = l->in[operand_number];
    const Type *x = operand_type(l->node, 0), *scale = operand_type(l->node, SCALE);
    axis = axis < 0 ? axis + x->rank : axis;
    if (is_scalar(scale) || parameter->rank == 0)
        return lower_scalar(l, operand_number);
    if (!is_blocked(x, scale, block_size))
        return lower_vector(l, parameter, indices[axis]);
    const Expr *own[MAX_RANK];
    for (int d = 0; d < x->rank; d++)
        own[d] = d == axis ? expr_quotient(l->pool, indices[d], expr_integer(l->pool, block_size))
                           : indices[d];
    return expr_load(l->pool, parameter, own);
}

/* A float rounded to a type's precision, still a float. */
static const Expr *rounded_to(ExprPool *pool, const Expr *x, TnElementType type)
{
    return expr_convert(pool, element_compute_type(type), expr_convert(pool, type, x));
}

/* ---- QuantizeLinear ---------------------------------------------------------------------- */

typedef struct QuantizeAttributes {
    int64_t axis, block_size;
    int output_dtype, precision;
    int64_t saturate;
} QuantizeAttributes;

static const AttributeDef quantize_attributes[] = {
    ATTRIBUTE_INT(QuantizeAttributes, axis, 1, "along which scales differ"),
    ATTRIBUTE_INT(QuantizeAttributes, block_size, 0, "elements that share a scale; 0: no blocks"),
    ATTRIBUTE_ELEMENT(QuantizeAttributes, output_dtype, TN_UNDEFINED, false,
                      "absent: the zero point's type, or uint8"),
    ATTRIBUTE_ELEMENT(QuantizeAttributes, precision, TN_UNDEFINED, false,
                      "of the division; absent: the scale's type"),
    ATTRIBUTE_INT(QuantizeAttributes, saturate, 1,
                  "8-bit floats: the largest number, not infinity"),
};

static const OperandDef quantize_operands[] = {
    {.name = "x", .types = TYPES_REAL | TYPE_BIT(TN_INT32)},
    {.name = "y_scale", .types = TYPES_REAL | TYPE_BIT(TN_INT32) | TYPE_BIT(TN_FLOAT8E8M0)},
    {.name = "y_zero_point", .types = TYPES_QUANTIZED, .group = 'Z', .optional = true},
};
static const OperandDef quantize_results[] = {
    {.name = "y", .types = TYPES_QUANTIZED, .group = 'Z'}};

static bool infer_quantize(InferContext *context, Node *node)
{
    const QuantizeAttributes *quantize = node->attributes;
    const Type *x = operand_type(node, 0);
    if (!check_scale(context, node, quantize->axis, quantize->block_size))
        return false;
    TnElementType element = TN_UINT8;
    if (operand(node, ZERO_POINT))
        element = operand_type(node, ZERO_POINT)->element;
    else if (quantize->output_dtype != TN_UNDEFINED)
        element = (TnElementType)quantize->output_dtype;
    if (quantize->output_dtype != TN_UNDEFINED && quantize->output_dtype != (int)element)
        return infer_error(context, node, "output_dtype is %s, the zero point is %s",
                           element_name((TnElementType)quantize->output_dtype),
                           element_name(element));
    infer_set(context, node, 0, element, x->rank, x->dims);
    return true;
}

/* x / scale in the precision asked for. */
static const Expr *quotient(const Lowering *l, const Expr *x, const Expr *scale)
{
    const QuantizeAttributes *quantize = l->node->attributes;
    ExprPool *pool = l->pool;
    TnElementType precision = quantize->precision != TN_UNDEFINED
                                  ? (TnElementType)quantize->precision
                                  : l->in[SCALE]->element;
    if (precision != TN_FLOAT16 && precision != TN_BFLOAT16)
        return ratio_of(pool, expr_convert(pool, TN_FLOAT, x), expr_convert(pool, TN_FLOAT, scale));
    return rounded_to(
        pool, ratio_of(pool, rounded_to(pool, x, precision), rounded_to(pool, scale, precision)),
        precision);
}

static void lower_quantize_linear(Lowering *l)
{
    const QuantizeAttributes *quantize = l->node->attributes;
    ExprPool *pool = l->pool;
    TnElementType element = l->out[0]->element;
    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *i[MAX_RANK], *zero_point = NULL;
    lower_indices(l, map, i);
    const Expr *scale = parameter_at(l, SCALE, i, quantize->axis, quantize->block_size);
    if (lower_in(l, ZERO_POINT) && !operand_is_zero(l->node, ZERO_POINT))
        zero_point = parameter_at(l, ZERO_POINT, i, quantize->axis, quantize->block_size);
    const Expr *y = quotient(l, expr_load(pool, l->in[0], i), scale);
    if (element_kind(element) != ELEMENT_KIND_FLOAT) {
        map->body = lower_quantize(pool, y, zero_point, element);
        return;
    }
    if (zero_point)
        y = sum_of(pool, y, zero_point);
    map->body = expr_convert_with(pool, element, y, quantize->saturate != 0);
}

const OpDef op_quantize_linear = {
    .name = "QuantizeLinear",
    .domain = "",
    .summary = "saturate(round(x / scale) + zero_point)",
    .since = 28,
    .first = 10,
    OPERANDS(quantize_operands),
    RESULTS(quantize_results),
    ATTRIBUTES(quantize_attributes, QuantizeAttributes),
    .infer = infer_quantize,
    .lower = lower_quantize_linear,
};

/* ---- DequantizeLinear -------------------------------------------------------------------- */

typedef struct DequantizeAttributes {
    int64_t axis, block_size;
    int output_dtype;
} DequantizeAttributes;

static const AttributeDef dequantize_attributes[] = {
    ATTRIBUTE_INT(DequantizeAttributes, axis, 1, "along which scales differ"),
    ATTRIBUTE_INT(DequantizeAttributes, block_size, 0, "elements that share a scale; 0: no blocks"),
    ATTRIBUTE_ELEMENT(DequantizeAttributes, output_dtype, TN_UNDEFINED, false,
                      "absent: the scale's type"),
};

static const OperandDef dequantize_operands[] = {
    {.name = "x", .types = TYPES_QUANTIZED | TYPE_BIT(TN_INT32), .group = 'X'},
    {.name = "x_scale", .types = TYPES_REAL | TYPE_BIT(TN_FLOAT8E8M0)},
    {.name = "x_zero_point",
     .types = TYPES_QUANTIZED | TYPE_BIT(TN_INT32),
     .group = 'X',
     .optional = true},
};
static const OperandDef dequantize_results[] = {{.name = "y", .types = TYPES_REAL}};

static bool infer_dequantize(InferContext *context, Node *node)
{
    const DequantizeAttributes *dequantize = node->attributes;
    const Type *x = operand_type(node, 0);
    if (!check_scale(context, node, dequantize->axis, dequantize->block_size))
        return false;
    TnElementType element = dequantize->output_dtype != TN_UNDEFINED
                                ? (TnElementType)dequantize->output_dtype
                                : operand_type(node, SCALE)->element;
    if (!(TYPES_REAL & TYPE_BIT(element)))
        return infer_error(context, node, "the result cannot be %s", element_name(element));
    infer_set(context, node, 0, element, x->rank, x->dims);
    return true;
}

static void lower_dequantize_linear(Lowering *l)
{
    const DequantizeAttributes *dequantize = l->node->attributes;
    ExprPool *pool = l->pool;
    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *i[MAX_RANK];
    lower_indices(l, map, i);
    const Expr *x = expr_load(pool, l->in[0], i);
    TnElementType carried = element_kind(x->type) == ELEMENT_KIND_FLOAT ? x->type : TN_INT32;
    if (lower_in(l, ZERO_POINT) && !operand_is_zero(l->node, ZERO_POINT)) {
        const Expr *zero = parameter_at(l, ZERO_POINT, i, dequantize->axis, dequantize->block_size);
        x = difference_of(pool, expr_convert(pool, carried, x), expr_convert(pool, carried, zero));
    }
    const Expr *scale = parameter_at(l, SCALE, i, dequantize->axis, dequantize->block_size);
    map->body = product_of(pool, expr_convert(pool, TN_FLOAT, x), scale);
}

const OpDef op_dequantize_linear = {
    .name = "DequantizeLinear",
    .domain = "",
    .summary = "(x - zero_point) * scale",
    .since = 28,
    .first = 10,
    OPERANDS(dequantize_operands),
    RESULTS(dequantize_results),
    ATTRIBUTES(dequantize_attributes, DequantizeAttributes),
    .infer = infer_dequantize,
    .lower = lower_dequantize_linear,
};

/* ---- DynamicQuantizeLinear --------------------------------------------------------------- */

static const OperandDef dynamic_operands[] = {{.name = "x", .types = TYPE_BIT(TN_FLOAT)}};
static const OperandDef dynamic_results[] = {
    {.name = "y", .types = TYPE_BIT(TN_UINT8)},
    {.name = "y_scale", .types = TYPE_BIT(TN_FLOAT)},
    {.name = "y_zero_point", .types = TYPE_BIT(TN_UINT8)},
};

static bool infer_dynamic(InferContext *context, Node *node)
{
    const Type *x = operand_type(node, 0);
    infer_set(context, node, 0, TN_UINT8, x->rank, x->dims);
    if (node->result_count > 1)
        infer_set(context, node, 1, TN_FLOAT, 0, NULL);
    if (node->result_count > 2)
        infer_set(context, node, 2, TN_UINT8, 0, NULL);
    return true;
}

const OpDef op_dynamic_quantize_linear = {
    .name = "DynamicQuantizeLinear",
    .domain = "",
    .summary = "x quantised over the range of its elements",
    .since = 11,
    .first = 11,
    OPERANDS(dynamic_operands),
    RESULTS(dynamic_results),
    .infer = infer_dynamic,
    .function = "dynamic_quantize_linear",
};
