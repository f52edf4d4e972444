/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators whose results come from sizes and not from data: Shape, Size, ConstantOfShape, Range,
 * EyeLike.
 */
#include "ir/ops/elements.h"
#include "ir/support/array.h"

static const OperandDef tensor_operand[] = {{.name = "data", .types = TYPES_TENSOR}};
static const OperandDef int64_result[] = {{.name = "shape", .types = TYPE_BIT(TN_INT64)}};

/* ---- Shape ------------------------------------------------------------------------------- */

typedef struct ShapeAttributes {
    int64_t start, end;
} ShapeAttributes;

static const AttributeDef shape_attributes[] = {
    ATTRIBUTE_INT(ShapeAttributes, start, 0, "the first dimension asked for"),
    ATTRIBUTE_INT(ShapeAttributes, end, ATTRIBUTE_ABSENT, "the one after the last"),
};

static int clamp_dimension(int64_t d, int rank)
{
    d = d < 0 ? d + rank : d;
    return (int)(d < 0 ? 0 : d > rank ? rank : d);
}

static int shape_range(const Node *node, int rank, int *begin)
{
    const ShapeAttributes *shape = node->attributes;
    *begin = clamp_dimension(shape->start, rank);
    int end = shape->end == ATTRIBUTE_ABSENT ? rank : clamp_dimension(shape->end, rank);
    return end > *begin ? end - *begin : 0;
}

static bool infer_shape(InferContext *context, Node *node)
{
    const Type *type = operand_type(node, 0);
    int begin, count = shape_range(node, type->rank, &begin);
    const Expr *length = expr_integer(context->pool, count);
    infer_set(context, node, 0, TN_INT64, 1, &length);
    infer_set_elements(context, node, 0, type->dims + begin, count);
    return true;
}

static void lower_shape(Lowering *l)
{
    Compute *map = kernel_map(l->kernel, l->out[0]);
    int begin, count = shape_range(l->node, l->in[0]->rank, &begin);
    const Expr *i = compute_axis(l->kernel, map, 0), *size = expr_integer(l->pool, 0);
    for (int d = count - 1; d >= 0; d--) {
        const Expr *here = expr_compare(l->pool, EXPR_equal, i, expr_integer(l->pool, d));
        const Expr *own = l->in[0]->shape[begin + d];
        size = d == count - 1 ? own : expr_select(l->pool, here, own, size);
    }
    map->body = expr_from_index(l->pool, TN_INT64, size);
}

const OpDef op_shape = {
    .name = "Shape",
    .domain = "",
    .summary = "the sizes of x",
    .since = 25,
    .first = 1,
    OPERANDS(tensor_operand),
    RESULTS(int64_result),
    ATTRIBUTES(shape_attributes, ShapeAttributes),
    .infer = infer_shape,
    .lower = lower_shape,
};

/* ---- Size -------------------------------------------------------------------------------- */

static bool infer_size(InferContext *context, Node *node)
{
    const Expr *count = type_element_count(context->pool, operand_type(node, 0));
    infer_set(context, node, 0, TN_INT64, 0, NULL);
    infer_set_elements(context, node, 0, &count, 1);
    return true;
}

static void lower_size(Lowering *l)
{
    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *count = expr_integer(l->pool, 1);
    for (int d = 0; d < l->in[0]->rank; d++)
        count = expr_times(l->pool, count, l->in[0]->shape[d]);
    map->body = expr_from_index(l->pool, TN_INT64, count);
}

const OpDef op_size = {
    .name = "Size",
    .domain = "",
    .summary = "how many elements x has",
    .since = 25,
    .first = 1,
    OPERANDS(tensor_operand),
    RESULTS(int64_result),
    .infer = infer_size,
    .lower = lower_size,
};

/* ---- ConstantOfShape --------------------------------------------------------------------- */

typedef struct ConstantOfShapeAttributes {
    const Constant *value;
} ConstantOfShapeAttributes;

static const AttributeDef constant_of_shape_attributes[] = {
    ATTRIBUTE_OPTIONAL(ConstantOfShapeAttributes, value, tensor, "the one element; absent: 0.0"),
};

static const OperandDef shape_operand[] = {{.name = "input", .types = TYPE_BIT(TN_INT64)}};
static const OperandDef filled_result[] = {
    {.name = "output", .types = TYPES_NUMBER | TYPES_BOOL | TYPES_SMALL},
};

static bool infer_constant_of_shape(InferContext *context, Node *node)
{
    const ConstantOfShapeAttributes *fill = node->attributes;
    if (fill->value && fill->value->count != 1)
        return infer_error(context, node, "value has %lld elements, expected 1",
                           (long long)fill->value->count);
    int64_t rank, count;
    const Expr *const *dims = infer_sizes(context, node, 0, &rank);
    if (!dims)
        return false;
    if (rank > MAX_RANK)
        return infer_unsupported(context, node, "a rank above %d", MAX_RANK);
    infer_set(context, node, 0, fill->value ? fill->value->element : TN_FLOAT, (int)rank, dims);
    bool is_whole = fill->value && element_kind(fill->value->element) != ELEMENT_KIND_FLOAT;
    if (!is_whole || !result_may_have_elements(node, 0, &count))
        return true;
    const Expr **elements = ARENA_ARRAY(context->arena, const Expr *, count + 1);
    for (int64_t i = 0; i < count; i++)
        elements[i] = expr_integer(context->pool, constant_get_int64(fill->value, 0));
    infer_set_elements(context, node, 0, elements, count);
    return true;
}

static void lower_constant_of_shape(Lowering *l)
{
    const ConstantOfShapeAttributes *fill = l->node->attributes;
    Compute *map = kernel_map(l->kernel, l->out[0]);
    map->body =
        fill->value ? constant_value(l->pool, fill->value, 0) : expr_real(l->pool, TN_FLOAT, 0);
}

const OpDef op_constant_of_shape = {
    .name = "ConstantOfShape",
    .domain = "",
    .summary = "a tensor of one value",
    .since = 25,
    .first = 9,
    OPERANDS(shape_operand),
    RESULTS(filled_result),
    ATTRIBUTES(constant_of_shape_attributes, ConstantOfShapeAttributes),
    .infer = infer_constant_of_shape,
    .lower = lower_constant_of_shape,
};

/* ---- EyeLike ----------------------------------------------------------------------------- */

typedef struct EyeLikeAttributes {
    int dtype;
    int64_t k;
} EyeLikeAttributes;

static const AttributeDef eye_like_attributes[] = {
    ATTRIBUTE_ELEMENT(EyeLikeAttributes, dtype, TN_UNDEFINED, false, "absent: as the operand"),
    ATTRIBUTE_INT(EyeLikeAttributes, k, 0, "which diagonal; above the main one if positive"),
};

static const OperandDef matrix_operand[] = {
    {.name = "input", .types = TYPES_NUMBER | TYPES_BOOL},
};
static const OperandDef matrix_result[] = {
    {.name = "output", .types = TYPES_NUMBER | TYPES_BOOL},
};

static bool infer_eye_like(InferContext *context, Node *node)
{
    const EyeLikeAttributes *eye = node->attributes;
    const Type *type = operand_type(node, 0);
    if (type->rank != 2)
        return infer_error(context, node, "the operand has rank %d, expected 2", type->rank);
    TnElementType element = eye->dtype == TN_UNDEFINED ? type->element : (TnElementType)eye->dtype;
    infer_set(context, node, 0, element, 2, type->dims);
    return true;
}

static void lower_eye_like(Lowering *l)
{
    const EyeLikeAttributes *eye = l->node->attributes;
    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *row = compute_axis(l->kernel, map, 0), *column = compute_axis(l->kernel, map, 1);
    const Expr *on =
        expr_compare(l->pool, EXPR_equal, column, expr_plus_integer(l->pool, row, eye->k));
    TnElementType type = element_compute_type(l->out[0]->element);
    map->body = type == TN_BOOL ? on
                                : expr_select(l->pool, on, expr_whole(l->pool, type, 1),
                                              expr_whole(l->pool, type, 0));
}

const OpDef op_eye_like = {
    .name = "EyeLike",
    .domain = "",
    .summary = "ones on a diagonal, in the operand's shape",
    .since = 22,
    .first = 9,
    OPERANDS(matrix_operand),
    RESULTS(matrix_result),
    ATTRIBUTES(eye_like_attributes, EyeLikeAttributes),
    .infer = infer_eye_like,
    .lower = lower_eye_like,
};
