/* SPDX-License-Identifier: Apache-2.0
 *
 * Data files: messages of onnx-data.proto and values. The depth of what is read is bounded by the
 * wire reader.
 */
#include "frontend/tensor_file.h"
#include "frontend/onnx/file.h"
#include "frontend/onnx/tensor.h"
#include "frontend/onnx/wire.h"

#include <string.h>

/* SequenceProto.DataType and OptionalProto.DataType */
enum { DATA_UNDEFINED = 0, DATA_TENSOR = 1, DATA_SEQUENCE = 3, DATA_OPTIONAL = 5 };

typedef struct Reader {
    Arena *arena;
    const Source *source;
    Diagnostics *diagnostics;
} Reader;

static Location place(const Reader *reader, const Message *message)
{
    return (Location){.source = reader->source, .begin = message->begin, .end = message->end};
}

/* ---- Reading ------------------------------------------------------------------------------- */

static const TnValue *read_tensor(Reader *reader, const TensorProto *proto)
{
    const Constant *constant =
        tensor_import(reader->arena, proto, place(reader, &proto->base), NULL, reader->diagnostics);
    if (!constant)
        return NULL;
    size_t bytes = constant_bytes(constant);
    void *data = arena_try(reader->arena, bytes + 1);
    if (!data) {
        error_at(reader->diagnostics, place(reader, &proto->base), "out of memory for %zu bytes",
                 bytes);
        return NULL;
    }
    if (bytes)
        memcpy(data, constant->data, bytes);
    TnValue *value = ARENA_NEW(reader->arena, TnValue);
    value->kind = TN_TENSOR;
    value->tensor.element = constant->element;
    value->tensor.rank = constant->rank;
    memcpy(value->tensor.dims, constant->dims, sizeof value->tensor.dims);
    value->tensor.data = data;
    return value;
}

static const TnValue *read_sequence(Reader *reader, const SequenceProto *proto);

static const TnValue *read_optional(Reader *reader, const OptionalProto *proto)
{
    const TnValue *item = NULL;
    if (proto->tensor_value)
        item = read_tensor(reader, proto->tensor_value);
    else if (proto->sequence_value)
        item = read_sequence(reader, proto->sequence_value);
    else if (proto->optional_value)
        item = read_optional(reader, proto->optional_value);
    bool is_empty = proto->elem_type == DATA_UNDEFINED;
    if (!item && !is_empty) {
        unsupported_at(reader->diagnostics, place(reader, &proto->base),
                       "an optional of element kind %d", proto->elem_type);
        return NULL;
    }
    const TnValue **items = ARENA_ARRAY(reader->arena, const TnValue *, 1);
    items[0] = item;
    TnValue *value = ARENA_NEW(reader->arena, TnValue);
    *value = (TnValue){.kind = TN_OPTIONAL, .count = is_empty ? 0 : 1, .items = items};
    return value;
}

static const TnValue *read_sequence(Reader *reader, const SequenceProto *proto)
{
    int64_t count =
        proto->tensor_values.count + proto->sequence_values.count + proto->optional_values.count;
    const TnValue **items = ARENA_ARRAY(reader->arena, const TnValue *, count + 1);
    int64_t i = 0;
    if (proto->sparse_tensor_values.count || proto->map_values.count) {
        unsupported_at(reader->diagnostics, place(reader, &proto->base),
                       "a sequence of sparse tensors or maps");
        return NULL;
    }
    for (int64_t j = 0; j < proto->tensor_values.count; j++)
        items[i++] = read_tensor(reader, proto->tensor_values.items[j]);
    for (int64_t j = 0; j < proto->sequence_values.count; j++)
        items[i++] = read_sequence(reader, proto->sequence_values.items[j]);
    for (int64_t j = 0; j < proto->optional_values.count; j++)
        items[i++] = read_optional(reader, proto->optional_values.items[j]);
    for (int64_t j = 0; j < count; j++)
        if (!items[j])
            return NULL;
    TnValue *value = ARENA_NEW(reader->arena, TnValue);
    *value = (TnValue){.kind = TN_SEQUENCE, .count = count, .items = items};
    return value;
}

static const char *name_of(Arena *arena, TnString name)
{
    return arena_string(arena, name.data, (size_t)name.length);
}

const TnValue *tensor_file_read(Arena *arena, const char *path, TypeKind kind, const char **name,
                                Diagnostics *diagnostics)
{
    Reader reader = {arena, file_map(arena, path, diagnostics), diagnostics};
    const char *ignored;
    if (!name)
        name = &ignored;
    *name = "";
    if (!reader.source)
        return NULL;
    switch (kind) {
    case TYPE_tensor: {
        TensorProto *proto = wire_read(arena, MESSAGE_TensorProto, reader.source, diagnostics);
        if (!proto)
            return NULL;
        *name = name_of(arena, proto->name);
        return read_tensor(&reader, proto);
    }
    case TYPE_sequence: {
        SequenceProto *proto = wire_read(arena, MESSAGE_SequenceProto, reader.source, diagnostics);
        if (!proto)
            return NULL;
        *name = name_of(arena, proto->name);
        return read_sequence(&reader, proto);
    }
    case TYPE_optional: {
        OptionalProto *proto = wire_read(arena, MESSAGE_OptionalProto, reader.source, diagnostics);
        if (!proto)
            return NULL;
        *name = name_of(arena, proto->name);
        return read_optional(&reader, proto);
    }
    case TYPE_map:
    case TYPE_sparse_tensor: break;
    }
    unsupported_at(diagnostics, (Location){.source = reader.source},
                   "data files of maps and sparse tensors");
    return NULL;
}

/* ---- Writing ------------------------------------------------------------------------------- */

/* NULL if there is no memory. */
static TensorProto *write_tensor(Arena *arena, const TnTensor *tensor, const char *name)
{
    const Constant *constant =
        constant_create(arena, tensor->element, tensor->rank, tensor->dims, tensor->data);
    return constant ? tensor_export(arena, constant, name) : NULL;
}

static SequenceProto *write_sequence(Arena *arena, const TnValue *value, const char *name);

static OptionalProto *write_optional(Arena *arena, const TnValue *value, const char *name)
{
    OptionalProto *proto = MESSAGE_NEW(arena, OptionalProto);
    if (name)
        PROTO_SET(proto, name, proto_string(name));
    PROTO_SET(proto, elem_type, DATA_UNDEFINED);
    if (value->count == 0)
        return proto;
    const TnValue *item = value->items[0];
    if (item->kind == TN_TENSOR) {
        PROTO_SET(proto, elem_type, DATA_TENSOR);
        PROTO_SET(proto, tensor_value, write_tensor(arena, &item->tensor, NULL));
        return proto->tensor_value ? proto : NULL;
    }
    PROTO_SET(proto, elem_type, DATA_SEQUENCE);
    PROTO_SET(proto, sequence_value, write_sequence(arena, item, NULL));
    return proto->sequence_value ? proto : NULL;
}

static SequenceProto *write_sequence(Arena *arena, const TnValue *value, const char *name)
{
    SequenceProto *proto = MESSAGE_NEW(arena, SequenceProto);
    if (name)
        PROTO_SET(proto, name, proto_string(name));
    PROTO_SET(proto, elem_type, DATA_TENSOR);
    for (int64_t i = 0; i < value->count; i++) {
        const TnValue *item = value->items[i];
        void *made = NULL;
        if (item->kind == TN_TENSOR) {
            TensorProto *tensor = made = write_tensor(arena, &item->tensor, NULL);
            array_push(arena, &proto->tensor_values, tensor);
        } else if (item->kind == TN_SEQUENCE) {
            SequenceProto *sequence = made = write_sequence(arena, item, NULL);
            proto->elem_type = DATA_SEQUENCE;
            array_push(arena, &proto->sequence_values, sequence);
        } else if (item->kind == TN_OPTIONAL) {
            OptionalProto *optional = made = write_optional(arena, item, NULL);
            proto->elem_type = DATA_OPTIONAL;
            array_push(arena, &proto->optional_values, optional);
        }
        if (!made)
            return NULL;
    }
    return proto;
}

bool tensor_file_write(Arena *arena, const char *path, const char *name, const TnValue *value,
                       Diagnostics *diagnostics)
{
    FileWriter writer;
    const void *message = NULL;
    MessageKind kind = MESSAGE_TensorProto;
    switch (value->kind) {
    case TN_ABSENT: break;
    case TN_TENSOR: message = write_tensor(arena, &value->tensor, name); break;
    case TN_SEQUENCE:
        kind = MESSAGE_SequenceProto;
        message = write_sequence(arena, value, name);
        break;
    case TN_OPTIONAL:
        kind = MESSAGE_OptionalProto;
        message = write_optional(arena, value, name);
        break;
    }
    if (!message)
        return error_at(diagnostics, (Location){0},
                        "%s: there is no value to be written, or no "
                        "memory for it",
                        path);
    if (!file_writer_open(&writer, arena, path, diagnostics))
        return false;
    bool ok = wire_write(arena, kind, message, file_writer_put, &writer);
    return file_writer_close(&writer, ok) && ok;
}
