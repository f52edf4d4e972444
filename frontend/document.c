/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables that describe the messages, and small questions about them.
 */
#include "frontend/document.h"

#include "ir/ops/op.h"
#include "runtime/strings.h"

#include <string.h>

#define HAS_OFFSET_ONE(Message, name)    offsetof(Message, has_##name)
#define HAS_OFFSET_ONEOF(Message, name)  offsetof(Message, has_##name)
#define HAS_OFFSET_MANY(Message, name)   0
#define HAS_OFFSET_PACKED(Message, name) 0

#define MESSAGE(Name)                    static const FieldDef fields_##Name[] = {
#define FIELD(Message, name_, number_, cardinality_, kind_, Type)                                  \
    {                                                                                              \
        .name = #name_,                                                                            \
        .number = (number_),                                                                       \
        .cardinality = FIELD_##cardinality_,                                                       \
        .kind = FIELD_##kind_,                                                                     \
        .message = MESSAGE_##Type,                                                                 \
        .offset = offsetof(Message, name_),                                                        \
        .has_offset = HAS_OFFSET_##cardinality_(Message, name_),                                   \
    },
#define END_MESSAGE(Name)                                                                          \
    }                                                                                              \
    ;
#include "frontend/onnx/schema.def"

const MessageDef message_defs[MESSAGE_KIND_COUNT] = {
#define MESSAGE(Name) {#Name, sizeof(Name), fields_##Name, (int)COUNT_OF(fields_##Name)},
#define FIELD(Message, name, number, cardinality, kind, Type)
#define END_MESSAGE(Name)
#include "frontend/onnx/schema.def"
};

TnString proto_string(const char *text)
{
    return (TnString){text, (int64_t)strlen(text)};
}

bool proto_equals(TnString string, const char *text)
{
    size_t length = strlen(text);
    return (size_t)string.length == length &&
           (length == 0 || memcmp(string.data, text, length) == 0);
}

TnString proto_domain(TnString domain)
{
    return proto_equals(domain, "ai.onnx") ? proto_string("") : domain;
}

const AttributeProto *node_proto_attribute(const NodeProto *node, const char *name)
{
    for (int64_t i = 0; i < node->attribute.count; i++)
        if (proto_equals(node->attribute.items[i]->name, name))
            return node->attribute.items[i];
    return NULL;
}

const OpDef *document_find_operator(const Document *document, TnString domain, TnString name)
{
    domain = proto_domain(domain);
    for (int64_t i = 0; i < document->operators.count; i++) {
        const OpDef *op = document->operators.items[i];
        if (proto_equals(domain, op->domain) && proto_equals(name, op->name))
            return op;
    }
    for (int i = 0; i < op_count; i++)
        if (proto_equals(name, op_table[i]->name) && proto_equals(domain, op_table[i]->domain))
            return op_table[i];
    return NULL;
}

bool node_proto_is_constant(const NodeProto *node)
{
    return proto_equals(node->op_type, "Constant") && !proto_domain(node->domain).length;
}

const char *attribute_type_name(int32_t type)
{
    static const char *const names[] = {
        [PROTO_ATTRIBUTE_FLOAT] = "float",
        [PROTO_ATTRIBUTE_INT] = "int",
        [PROTO_ATTRIBUTE_STRING] = "string",
        [PROTO_ATTRIBUTE_TENSOR] = "tensor",
        [PROTO_ATTRIBUTE_GRAPH] = "graph",
        [PROTO_ATTRIBUTE_FLOATS] = "floats",
        [PROTO_ATTRIBUTE_INTS] = "ints",
        [PROTO_ATTRIBUTE_STRINGS] = "strings",
        [PROTO_ATTRIBUTE_TENSORS] = "tensors",
        [PROTO_ATTRIBUTE_GRAPHS] = "graphs",
        [PROTO_ATTRIBUTE_SPARSE_TENSOR] = "sparse_tensor",
        [PROTO_ATTRIBUTE_SPARSE_TENSORS] = "sparse_tensors",
        [PROTO_ATTRIBUTE_TYPE] = "type_proto",
        [PROTO_ATTRIBUTE_TYPES] = "type_protos",
    };
    return type > 0 && type < (int32_t)COUNT_OF(names) ? names[type] : NULL;
}

ProtoAttributeType attribute_kind_type(AttributeKind kind)
{
    switch (kind) {
    case ATTRIBUTE_int:
    case ATTRIBUTE_element: return PROTO_ATTRIBUTE_INT;
    case ATTRIBUTE_float: return PROTO_ATTRIBUTE_FLOAT;
    case ATTRIBUTE_string:
    case ATTRIBUTE_choice: return PROTO_ATTRIBUTE_STRING;
    case ATTRIBUTE_ints: return PROTO_ATTRIBUTE_INTS;
    case ATTRIBUTE_floats: return PROTO_ATTRIBUTE_FLOATS;
    case ATTRIBUTE_strings: return PROTO_ATTRIBUTE_STRINGS;
    case ATTRIBUTE_tensor: return PROTO_ATTRIBUTE_TENSOR;
    case ATTRIBUTE_graph: return PROTO_ATTRIBUTE_GRAPH;
    case ATTRIBUTE_type: return PROTO_ATTRIBUTE_TYPE;
    case ATTRIBUTE_type_list: return PROTO_ATTRIBUTE_TYPES;
    }
    return PROTO_ATTRIBUTE_UNDEFINED;
}

int64_t opset_imports_version(OperatorSetIdProto *const *imports, int64_t count, TnString domain)
{
    domain = proto_domain(domain);
    for (int64_t i = 0; i < count; i++)
        if (string_equal(proto_domain(imports[i]->domain), domain))
            return imports[i]->version;
    return 0;
}

size_t field_item_bytes(const FieldDef *field)
{
    switch (field->kind) {
    case FIELD_int32:
    case FIELD_float: return 4;
    case FIELD_int64:
    case FIELD_uint64:
    case FIELD_double: return 8;
    case FIELD_string:
    case FIELD_bytes: return sizeof(TnString);
    case FIELD_message: return sizeof(void *);
    }
    return 0;
}

const FieldDef *message_find_field(const MessageDef *message, uint32_t number)
{
    for (int i = 0; i < message->field_count; i++)
        if (message->fields[i].number == number)
            return &message->fields[i];
    return NULL;
}

static bool items_equal(const FieldDef *field, const char *a, const char *b, int64_t count)
{
    size_t bytes = field_item_bytes(field);
    for (int64_t i = 0; i < count; i++, a += bytes, b += bytes) {
        bool equal;
        if (field->kind == FIELD_message)
            equal = messages_equal(field->message, *(void *const *)a, *(void *const *)b);
        else if (field->kind == FIELD_string || field->kind == FIELD_bytes)
            equal = string_equal(*(const TnString *)a, *(const TnString *)b);
        else
            equal = memcmp(a, b, bytes) == 0;
        if (!equal)
            return false;
    }
    return true;
}

typedef ARRAY(char) AnyArray;

bool messages_equal(MessageKind kind, const void *a, const void *b)
{
    const MessageDef *def = &message_defs[kind];
    for (int i = 0; i < def->field_count; i++) {
        const FieldDef *field = &def->fields[i];
        const char *x = (const char *)a + field->offset, *y = (const char *)b + field->offset;
        if (field->has_offset) {
            bool in_a = *((const bool *)a + field->has_offset);
            bool in_b = *((const bool *)b + field->has_offset);
            if (in_a != in_b || (in_a && !items_equal(field, x, y, 1)))
                return false;
        } else {
            const AnyArray *list = (const AnyArray *)x, *other = (const AnyArray *)y;
            if (list->count != other->count ||
                !items_equal(field, list->items, other->items, list->count))
                return false;
        }
    }
    return true;
}
