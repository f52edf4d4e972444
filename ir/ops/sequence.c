/* SPDX-License-Identifier: Apache-2.0
 *
 * Sequences and optionals: host functions over values that are not tensors.
 *
 * The type of a sequence's items says what all of them have in common: a size that differs from
 * item to item, or is not known, is NULL there, and an unknown rank is -1. A tensor that leaves a
 * sequence gets a symbol for each such size.
 */
#include "ir/ops/op.h"
#include "ir/support/array.h"

static bool is_kind(const Type *type, TypeKind kind)
{
    return type && type->kind == kind;
}

/* What two types of items have in common; NULL where they are of different kinds. */
static const Type *join(InferContext *context, const Type *a, const Type *b)
{
    a = type_of_items(context->arena, a);
    b = type_of_items(context->arena, b);
    if (!a || !b || type_equal(a, b))
        return a ? a : b;
    if (a->kind != b->kind || a->element != b->element)
        return NULL;
    if (!type_is_tensor(a)) {
        const Type *inner = join(context, a->inner, b->inner);
        return a->kind == TYPE_sequence ? type_sequence(context->arena, inner)
                                        : type_optional(context->arena, inner);
    }
    if (a->rank != b->rank)
        return type_unranked(context->arena, a->element);
    const Expr *dims[MAX_RANK];
    for (int d = 0; d < a->rank; d++)
        dims[d] = a->dims[d] == b->dims[d] ? a->dims[d] : NULL;
    return type_tensor(context->arena, a->element, a->rank, dims);
}

/* Gives result 0 the type of an item that leaves its sequence or optional. */
static bool infer_taken(InferContext *context, Node *node, const Type *item)
{
    if (!item)
        return infer_unsupported(context, node, "items of an unknown type");
    if (!type_is_tensor(item)) {
        infer_set_type(node, 0, item);
        return true;
    }
    if (item->rank < 0)
        return infer_unsupported(context, node, "items whose rank is not known");
    infer_set_type(node, 0, infer_item_sizes(context, node, 0, "size", item));
    return true;
}

static bool need(InferContext *context, Node *node, int i, TypeKind kind)
{
    const Value *value = operand(node, i);
    if (value && is_kind(value->type, kind))
        return true;
    return infer_error(context, node, "operand %d must be %s", i,
                       kind == TYPE_sequence ? "a sequence" : "an optional");
}

static const OperandDef sequence_result[] = {{.name = "output_sequence", .types = TYPES_ANY}};
static const OperandDef tensor_result[] = {{.name = "tensor", .types = TYPES_ANY}};

/* ---- SequenceEmpty, SequenceConstruct ---------------------------------------------------- */

typedef struct EmptyAttributes {
    int dtype;
} EmptyAttributes;

static const AttributeDef empty_attributes[] = {
    ATTRIBUTE_ELEMENT(EmptyAttributes, dtype, TN_FLOAT, false, "element type of the items"),
};

static bool infer_empty(InferContext *context, Node *node)
{
    const EmptyAttributes *attributes = node->attributes;
    const Type *item = type_unranked(context->arena, (TnElementType)attributes->dtype);
    infer_set_type(node, 0, type_sequence(context->arena, item));
    return true;
}

const OpDef op_sequence_empty = {
    .name = "SequenceEmpty",
    .domain = "",
    .summary = "A sequence without items",
    .since = 11,
    .first = 11,
    RESULTS(sequence_result),
    ATTRIBUTES(empty_attributes, EmptyAttributes),
    .infer = infer_empty,
    .host = "sequence_empty",
};

static const OperandDef construct_operands[] = {
    {.name = "inputs", .types = TYPES_TENSOR, .group = 'T', .variadic = true, .min_variadic = 1},
};

static bool infer_construct(InferContext *context, Node *node)
{
    const Type *item = NULL;
    for (int i = 0; i < node->operand_count; i++) {
        item = join(context, item, operand(node, i)->type);
        if (!item)
            return infer_error(context, node, "operand %d is of another type than the first", i);
    }
    infer_set_type(node, 0, type_sequence(context->arena, item));
    return true;
}

const OpDef op_sequence_construct = {
    .name = "SequenceConstruct",
    .domain = "",
    .summary = "A sequence of the operands",
    .since = 11,
    .first = 11,
    OPERANDS(construct_operands),
    RESULTS(sequence_result),
    .infer = infer_construct,
    .host = "sequence_construct",
};

/* ---- SequenceAt, SequenceLength, SequenceInsert, SequenceErase --------------------------- */

static const OperandDef at_operands[] = {
    {.name = "input_sequence", .types = TYPES_ANY},
    {.name = "position", .types = TYPES_INDEX},
};

static bool infer_at(InferContext *context, Node *node)
{
    return need(context, node, 0, TYPE_sequence) &&
           infer_taken(context, node, operand(node, 0)->type->inner);
}

const OpDef op_sequence_at = {
    .name = "SequenceAt",
    .domain = "",
    .summary = "The item at a position, counted from the end where negative",
    .since = 11,
    .first = 11,
    .traits = TRAIT_data_dependent,
    OPERANDS(at_operands),
    RESULTS(tensor_result),
    .infer = infer_at,
    .host = "sequence_at",
};

static const OperandDef length_operands[] = {{.name = "input_sequence", .types = TYPES_ANY}};
static const OperandDef length_result[] = {{.name = "length", .types = TYPE_BIT(TN_INT64)}};

static bool infer_length(InferContext *context, Node *node)
{
    if (!need(context, node, 0, TYPE_sequence))
        return false;
    infer_set(context, node, 0, TN_INT64, 0, NULL);
    return true;
}

const OpDef op_sequence_length = {
    .name = "SequenceLength",
    .domain = "",
    .summary = "The number of items",
    .since = 11,
    .first = 11,
    OPERANDS(length_operands),
    RESULTS(length_result),
    .infer = infer_length,
    .host = "sequence_length",
};

static const OperandDef insert_operands[] = {
    {.name = "input_sequence", .types = TYPES_ANY},
    {.name = "tensor", .types = TYPES_ANY},
    {.name = "position", .types = TYPES_INDEX, .optional = true},
};

static bool infer_insert(InferContext *context, Node *node)
{
    if (!need(context, node, 0, TYPE_sequence))
        return false;
    const Type *sequence = operand(node, 0)->type;
    /* Of a sequence that is known to be empty, nothing but the element type is known. */
    const Node *producer = operand(node, 0)->producer;
    bool is_empty = producer && producer->op == &op_sequence_empty;
    const Type *item = type_of_items(context->arena, operand(node, 1)->type);
    if (!is_empty)
        item = join(context, sequence->inner, item);
    if (!item || (sequence->inner && sequence->inner->element != item->element))
        return infer_error(context, node, "the item's type is not that of the sequence");
    infer_set_type(node, 0, type_sequence(context->arena, item));
    return true;
}

const OpDef op_sequence_insert = {
    .name = "SequenceInsert",
    .domain = "",
    .summary = "The sequence with one more item, at a position or at the end",
    .since = 11,
    .first = 11,
    OPERANDS(insert_operands),
    RESULTS(sequence_result),
    .infer = infer_insert,
    .host = "sequence_insert",
};

static const OperandDef erase_operands[] = {
    {.name = "input_sequence", .types = TYPES_ANY},
    {.name = "position", .types = TYPES_INDEX, .optional = true},
};

static bool infer_erase(InferContext *context, Node *node)
{
    if (!need(context, node, 0, TYPE_sequence))
        return false;
    infer_set_type(node, 0, operand(node, 0)->type);
    return true;
}

const OpDef op_sequence_erase = {
    .name = "SequenceErase",
    .domain = "",
    .summary = "The sequence without the item at a position, or without the last",
    .since = 11,
    .first = 11,
    OPERANDS(erase_operands),
    RESULTS(sequence_result),
    .infer = infer_erase,
    .host = "sequence_erase",
};

/* ---- ConcatFromSequence, SplitToSequence ------------------------------------------------- */

typedef struct ConcatAttributes {
    int64_t axis, new_axis;
} ConcatAttributes;

static const AttributeDef concat_attributes[] = {
    ATTRIBUTE_INT_REQUIRED(ConcatAttributes, axis, "along which to join"),
    ATTRIBUTE_INT(ConcatAttributes, new_axis, 0, "1: a new axis, along which to stack"),
};

static const OperandDef concat_result[] = {{.name = "concat_result", .types = TYPES_TENSOR}};

static bool infer_concat(InferContext *context, Node *node)
{
    const ConcatAttributes *attributes = node->attributes;
    if (!need(context, node, 0, TYPE_sequence))
        return false;
    const Type *item = operand(node, 0)->type->inner;
    if (!item || !type_is_tensor(item) || item->rank < 0)
        return infer_unsupported(context, node, "items whose rank is not known");
    bool is_new = attributes->new_axis != 0;
    int rank = item->rank + is_new, axis;
    if (rank > MAX_RANK)
        return infer_unsupported(context, node, "a result of rank %d", rank);
    if (!infer_axis(context, node, attributes->axis, rank, &axis))
        return false;
    const Expr *dims[MAX_RANK];
    for (int d = 0; d < rank; d++)
        dims[d] = d == axis ? NULL : item->dims[d - (is_new && d > axis)];
    const Type *joined = type_tensor(context->arena, item->element, rank, dims);
    infer_set_type(node, 0, infer_item_sizes(context, node, 0, "size", joined));
    return true;
}

const OpDef op_concat_from_sequence = {
    .name = "ConcatFromSequence",
    .domain = "",
    .summary = "The items joined along an axis, or stacked along a new one",
    .since = 11,
    .first = 11,
    .traits = TRAIT_data_dependent,
    OPERANDS(length_operands),
    RESULTS(concat_result),
    ATTRIBUTES(concat_attributes, ConcatAttributes),
    .infer = infer_concat,
    .host = "concat_from_sequence",
};

typedef struct SplitAttributes {
    int64_t axis, keepdims;
} SplitAttributes;

static const AttributeDef split_attributes[] = {
    ATTRIBUTE_INT(SplitAttributes, axis, 0, "along which to split"),
    ATTRIBUTE_INT(SplitAttributes, keepdims, 1, "0: without the axis, where no split is given"),
};

static const OperandDef split_operands[] = {
    {.name = "input", .types = TYPES_TENSOR},
    {.name = "split", .types = TYPES_INDEX, .optional = true},
};

static bool infer_split(InferContext *context, Node *node)
{
    const SplitAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, 0);
    const Expr *dims[MAX_RANK];
    int axis, rank = 0;
    if (!infer_axis(context, node, attributes->axis, x->rank, &axis))
        return false;
    bool has_split = operand(node, 1) != NULL;
    if (has_split && operand_type(node, 1)->rank > 1)
        return infer_error(context, node, "split must be a scalar or a vector");
    for (int d = 0; d < x->rank; d++)
        if (d != axis)
            dims[rank++] = x->dims[d];
        else if (has_split || attributes->keepdims)
            dims[rank++] = has_split ? NULL : expr_integer(context->pool, 1);
    const Type *item = type_tensor(context->arena, x->element, rank, dims);
    infer_set_type(node, 0, type_sequence(context->arena, type_of_items(context->arena, item)));
    return true;
}

const OpDef op_split_to_sequence = {
    .name = "SplitToSequence",
    .domain = "",
    .summary = "The parts of a tensor along an axis, as a sequence",
    .since = 24,
    .first = 11,
    OPERANDS(split_operands),
    RESULTS(sequence_result),
    ATTRIBUTES(split_attributes, SplitAttributes),
    .infer = infer_split,
    .host = "split_to_sequence",
};

/* ---- Optional ---------------------------------------------------------------------------- */

typedef struct OptionalAttributes {
    const Type *type;
} OptionalAttributes;

static const AttributeDef optional_attributes[] = {
    ATTRIBUTE_OPTIONAL(OptionalAttributes, type, type, "of the item, where there is none"),
};

static const OperandDef optional_operands[] = {
    {.name = "input", .types = TYPES_ANY, .optional = true},
};

static const OperandDef optional_result[] = {{.name = "output", .types = TYPES_ANY}};

static bool infer_optional(InferContext *context, Node *node)
{
    const OptionalAttributes *attributes = node->attributes;
    const Value *item = operand(node, 0);
    if (!item && !attributes->type)
        return infer_error(context, node, "has neither an operand nor a type");
    const Type *type = item ? item->type : attributes->type;
    infer_set_type(node, 0, type_optional(context->arena, type_of_items(context->arena, type)));
    return true;
}

const OpDef op_optional = {
    .name = "Optional",
    .domain = "",
    .summary = "An optional that holds the operand, or nothing",
    .since = 28,
    .first = 15,
    OPERANDS(optional_operands),
    RESULTS(optional_result),
    ATTRIBUTES(optional_attributes, OptionalAttributes),
    .infer = infer_optional,
    .host = "optional",
};

static bool infer_has_element(InferContext *context, Node *node)
{
    infer_set(context, node, 0, TN_BOOL, 0, NULL);
    return true;
}

static const OperandDef bool_result[] = {{.name = "output", .types = TYPES_BOOL}};

const OpDef op_optional_has_element = {
    .name = "OptionalHasElement",
    .domain = "",
    .summary = "Whether an optional holds something; true for what is no optional",
    .since = 28,
    .first = 15,
    OPERANDS(optional_operands),
    RESULTS(bool_result),
    .infer = infer_has_element,
    .host = "optional_has_element",
};

static const OperandDef get_operands[] = {{.name = "input", .types = TYPES_ANY}};

static bool infer_get_element(InferContext *context, Node *node)
{
    const Type *type = operand(node, 0)->type;
    if (is_kind(type, TYPE_optional))
        return infer_taken(context, node, type->inner);
    infer_set_type(node, 0, type);
    return true;
}

const OpDef op_optional_get_element = {
    .name = "OptionalGetElement",
    .domain = "",
    .summary = "What an optional holds",
    .since = 28,
    .first = 15,
    .traits = TRAIT_data_dependent,
    OPERANDS(get_operands),
    RESULTS(optional_result),
    .infer = infer_get_element,
    .host = "optional_get_element",
};
