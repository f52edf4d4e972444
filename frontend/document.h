/* SPDX-License-Identifier: Apache-2.0
 *
 * Documents: a model as a file says it, message by message, before anything is made of it.
 *
 * Each message of frontend/onnx/schema.def is a struct of its name. A singular number or string
 * `x` has a companion `has_x`; a sub-message has one too, and is NULL where absent; a list is an
 * ARRAY (of pointers, where its items are messages). Strings and bytes are views: into the mapped
 * file, or whatever the maker of the document keeps alive. Both frontends make documents, and both
 * writers print them.
 *
 *     NodeProto *node = MESSAGE_NEW(arena, NodeProto);
 *     PROTO_SET(node, op_type, proto_string("Relu"));
 *     array_push(arena, &node->input, proto_string("x"));
 *     array_push(arena, &graph->node, node);
 */
#ifndef FRONTEND_DOCUMENT_H
#define FRONTEND_DOCUMENT_H

#include "ir/graph/attribute.h"
#include "ir/support/array.h"
#include "ir/support/diagnostic.h"
#include "tenon.h"

/* The bytes of fields that the schema does not know, tags included, in order. */
typedef struct UnknownFields {
    ARRAY(TnString) spans;
} UnknownFields;

/* What every message begins with. */
typedef struct Message {
    size_t begin, end;      /* where it stands in its source, in bytes */
    UnknownFields *unknown; /* NULL: none */
} Message;

#define MESSAGE(Name) typedef struct Name Name;
#define FIELD(Message, name, number, cardinality, kind, Type)
#define END_MESSAGE(Name)
#include "frontend/onnx/schema.def"

#define PROTO_C_int32(Type)   int32_t
#define PROTO_C_int64(Type)   int64_t
#define PROTO_C_uint64(Type)  uint64_t
#define PROTO_C_float(Type)   float
#define PROTO_C_double(Type)  double
#define PROTO_C_string(Type)  TnString
#define PROTO_C_bytes(Type)   TnString
#define PROTO_C_message(Type) Type *

#define PROTO_FIELD_ONE(kind, name, Type)                                                          \
    PROTO_C_##kind(Type) name;                                                                     \
    bool has_##name;
#define PROTO_FIELD_ONEOF(kind, name, Type)  PROTO_FIELD_ONE(kind, name, Type)
#define PROTO_FIELD_MANY(kind, name, Type)   ARRAY(PROTO_C_##kind(Type)) name;
#define PROTO_FIELD_PACKED(kind, name, Type) PROTO_FIELD_MANY(kind, name, Type)

#define MESSAGE(Name)                                                                              \
    struct Name {                                                                                  \
        Message base;
#define FIELD(Message, name, number, cardinality, kind, Type)                                      \
    PROTO_FIELD_##cardinality(kind, name, Type)
#define END_MESSAGE(Name)                                                                          \
    }                                                                                              \
    ;
#include "frontend/onnx/schema.def"

/* AttributeProto.type */
typedef enum ProtoAttributeType {
    PROTO_ATTRIBUTE_UNDEFINED = 0,
    PROTO_ATTRIBUTE_FLOAT = 1,
    PROTO_ATTRIBUTE_INT = 2,
    PROTO_ATTRIBUTE_STRING = 3,
    PROTO_ATTRIBUTE_TENSOR = 4,
    PROTO_ATTRIBUTE_GRAPH = 5,
    PROTO_ATTRIBUTE_FLOATS = 6,
    PROTO_ATTRIBUTE_INTS = 7,
    PROTO_ATTRIBUTE_STRINGS = 8,
    PROTO_ATTRIBUTE_TENSORS = 9,
    PROTO_ATTRIBUTE_GRAPHS = 10,
    PROTO_ATTRIBUTE_SPARSE_TENSOR = 11,
    PROTO_ATTRIBUTE_SPARSE_TENSORS = 12,
    PROTO_ATTRIBUTE_TYPE = 13,
    PROTO_ATTRIBUTE_TYPES = 14,
} ProtoAttributeType;

/* TensorProto.data_location */
enum { PROTO_LOCATION_DEFAULT = 0, PROTO_LOCATION_EXTERNAL = 1 };

#define MESSAGE_NEW(arena, Type) ARENA_NEW(arena, Type)
/* Sets a singular field and its presence; sub-messages, too. */
#define PROTO_SET(message, field, ...)                                                             \
    ((void)((message)->field = (__VA_ARGS__), (message)->has_##field = true))

TnString proto_string(const char *text); /* a view of a terminated string */
bool proto_equals(TnString string, const char *text);
/* "" and "ai.onnx" are the same domain: gives "" for either. */
TnString proto_domain(TnString domain);
/* NULL if the node has no attribute of that name. */
const AttributeProto *node_proto_attribute(const NodeProto *node, const char *name);
/* A Constant of ai.onnx, unless the model has a function of that name. */
bool node_proto_is_constant(const NodeProto *node);
/* "ints" of PROTO_ATTRIBUTE_INTS, as in ONNX's textual syntax; NULL if there is no such type. */
const char *attribute_type_name(int32_t type);
/* The type that a file has for attributes of an operator's table. */
ProtoAttributeType attribute_kind_type(AttributeKind kind);
/* The version of a domain among imports; 0 if it is not there. */
int64_t opset_imports_version(OperatorSetIdProto *const *imports, int64_t count, TnString domain);

/* A model as its file says it, with that file. */
typedef struct Document {
    ModelProto *model;
    const Source *source;
    const char
        *path; /* of the file; external data lies beneath its folder; NULL: not from a file */
    const TnReader *reader; /* of external data, instead of files; or NULL */
    /* Operators that the host brought beside those of the tables. */
    ARRAY(const struct OpDef *) operators;
} Document;

/* Among the tables' operators and the document's own; NULL if there is none. */
const struct OpDef *document_find_operator(const Document *document, TnString domain,
                                           TnString name);

/* ---- Descriptions, from the schema --------------------------------------------------------- */

typedef enum MessageKind {
#define MESSAGE(Name) MESSAGE_##Name,
#define FIELD(Message, name, number, cardinality, kind, Type)
#define END_MESSAGE(Name)
#include "frontend/onnx/schema.def"
    MESSAGE_KIND_COUNT,
    MESSAGE_ = MESSAGE_KIND_COUNT, /* the "message kind" of a field that is not a message */
} MessageKind;

typedef enum FieldKind {
    FIELD_int32,
    FIELD_int64,
    FIELD_uint64,
    FIELD_float,
    FIELD_double,
    FIELD_string,
    FIELD_bytes,
    FIELD_message,
} FieldKind;

typedef enum FieldCardinality { FIELD_ONE, FIELD_ONEOF, FIELD_MANY, FIELD_PACKED } FieldCardinality;

typedef struct FieldDef {
    const char *name;
    uint32_t number;
    FieldCardinality cardinality;
    FieldKind kind;
    MessageKind message; /* of a sub-message */
    size_t offset;       /* of the field, or of its ARRAY */
    size_t has_offset;   /* of its presence; 0 for a list */
} FieldDef;

typedef struct MessageDef {
    const char *name;
    size_t bytes;
    const FieldDef *fields;
    int field_count;
} MessageDef;

extern const MessageDef message_defs[MESSAGE_KIND_COUNT];

size_t field_item_bytes(const FieldDef *field); /* of one element, as a struct holds it */
/* NULL if the message has no such field. */
const FieldDef *message_find_field(const MessageDef *message, uint32_t number);
/* Whether two messages of a kind say the same; unknown fields and places are left out. */
bool messages_equal(MessageKind kind, const void *a, const void *b);

#endif
