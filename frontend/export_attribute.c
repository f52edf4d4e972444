/* SPDX-License-Identifier: Apache-2.0
 *
 * Types and attributes as messages.
 */
#include "frontend/exporter.h"
#include "frontend/onnx/tensor.h"

#include <string.h>

/* ---- Types --------------------------------------------------------------------------------- */

static TensorShapeProtoDimension *export_dim(Arena *arena, const Expr *size)
{
    TensorShapeProtoDimension *dim = MESSAGE_NEW(arena, TensorShapeProtoDimension);
    int64_t number;
    if (!size) /* of a sequence's items, which differ */
        return dim;
    if (expr_known(size, &number)) {
        PROTO_SET(dim, dim_value, number);
    } else {
        Text text = text_create(arena);
        expr_print(size, &text);
        PROTO_SET(dim, dim_param, (TnString){text.data, (int64_t)text.length});
    }
    return dim;
}

static TypeProtoTensor *export_tensor_type(Arena *arena, const Type *type)
{
    TypeProtoTensor *tensor = MESSAGE_NEW(arena, TypeProtoTensor);
    PROTO_SET(tensor, elem_type, (int32_t)type->element);
    if (type->rank < 0)
        return tensor;
    TensorShapeProto *shape = MESSAGE_NEW(arena, TensorShapeProto);
    for (int d = 0; d < type->rank; d++)
        array_push(arena, &shape->dim, export_dim(arena, type->dims[d]));
    PROTO_SET(tensor, shape, shape);
    return tensor;
}

TypeProto *export_type(Arena *arena, const Type *type)
{
    TypeProto *proto = MESSAGE_NEW(arena, TypeProto);
    switch (type->kind) {
    case TYPE_tensor: PROTO_SET(proto, tensor_type, export_tensor_type(arena, type)); break;
    case TYPE_sequence:
        PROTO_SET(proto, sequence_type, MESSAGE_NEW(arena, TypeProtoSequence));
        if (type->inner)
            PROTO_SET(proto->sequence_type, elem_type, export_type(arena, type->inner));
        break;
    case TYPE_optional:
        PROTO_SET(proto, optional_type, MESSAGE_NEW(arena, TypeProtoOptional));
        if (type->inner)
            PROTO_SET(proto->optional_type, elem_type, export_type(arena, type->inner));
        break;
    case TYPE_map:
    case TYPE_sparse_tensor: break; /* import refuses them */
    }
    return proto;
}

/* ---- Attributes ---------------------------------------------------------------------------- */

#define COPY_LIST(arena, array, list)                                                              \
    do {                                                                                           \
        for (int64_t i_ = 0; i_ < (list)->count; i_++)                                             \
            array_push(arena, array, (list)->items[i_]);                                           \
    } while (0)

static TnString choice_string(const AttributeDef *def, int value)
{
    size_t length;
    const char *text = choice_name(def->choices, value, &length);
    return (TnString){text, (int64_t)length};
}

static bool set_value(Arena *arena, AttributeProto *proto, const AttributeDef *def,
                      const void *field)
{
    switch (def->kind) {
    case ATTRIBUTE_int: PROTO_SET(proto, i, *(const int64_t *)field); return true;
    case ATTRIBUTE_element: PROTO_SET(proto, i, *(const int *)field); return true;
    case ATTRIBUTE_float: PROTO_SET(proto, f, *(const float *)field); return true;
    case ATTRIBUTE_string: PROTO_SET(proto, s, *(const TnString *)field); return true;
    case ATTRIBUTE_choice:
        PROTO_SET(proto, s, choice_string(def, *(const int *)field));
        return true;
    case ATTRIBUTE_ints: COPY_LIST(arena, &proto->ints, (const IntList *)field); return true;
    case ATTRIBUTE_floats: COPY_LIST(arena, &proto->floats, (const FloatList *)field); return true;
    case ATTRIBUTE_strings:
        COPY_LIST(arena, &proto->strings, (const StringList *)field);
        return true;
    case ATTRIBUTE_tensor:
        PROTO_SET(proto, t, tensor_export(arena, *(const Constant *const *)field, NULL));
        return proto->t != NULL;
    case ATTRIBUTE_type:
        PROTO_SET(proto, tp, export_type(arena, *(const Type *const *)field));
        return true;
    case ATTRIBUTE_graph: return true;
    case ATTRIBUTE_type_list: break;
    }
    return false;
}

AttributeProto *export_attribute(Arena *arena, const AttributeDef *def, const void *attributes)
{
    AttributeProto *proto = MESSAGE_NEW(arena, AttributeProto);
    PROTO_SET(proto, name, proto_string(def->name));
    PROTO_SET(proto, type, (int32_t)attribute_kind_type(def->kind));
    return set_value(arena, proto, def, (const char *)attributes + def->offset) ? proto : NULL;
}
