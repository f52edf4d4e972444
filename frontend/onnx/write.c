/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer, in two passes that walk alike: the first notes the length of each sub-message and
 * packed list in the order in which they are met, the second writes and takes the lengths back in
 * the same order. Bytes are gathered in a buffer; long ones go to the sink as they are.
 */
#include "frontend/onnx/wire.h"
#include "frontend/onnx/wire_type.h"

#include <string.h>

enum { BUFFER_BYTES = 1 << 16 };

typedef struct Writer {
    Arena *arena;
    ARRAY(size_t) lengths;
    int64_t next; /* length to be taken */
    WireSink *sink;
    void *user;
    bool stopped;
    size_t used;
    char buffer[BUFFER_BYTES];
} Writer;

typedef ARRAY(char) AnyArray;

static size_t varint_bytes(uint64_t value)
{
    size_t bytes = 1;
    while (value >>= 7)
        bytes++;
    return bytes;
}

/* A number as a varint carries it: int32 is extended to 64 bits with its sign. */
static uint64_t number_bits(const FieldDef *field, const void *at)
{
    int32_t narrow;
    uint64_t wide;
    if (field->kind == FIELD_int32) {
        memcpy(&narrow, at, 4);
        return (uint64_t)(int64_t)narrow;
    }
    memcpy(&wide, at, 8);
    return wide;
}

static size_t number_bytes(const FieldDef *field, const void *at)
{
    return wire_type(field->kind) == WIRE_varint ? varint_bytes(number_bits(field, at))
                                                 : field_item_bytes(field);
}

/* ---- First pass ---------------------------------------------------------------------------- */

static size_t measure(Writer *writer, MessageKind kind, const void *message);

static size_t measure_item(Writer *writer, const FieldDef *field, const void *at)
{
    size_t tag = varint_bytes((uint64_t)field->number << 3), length = 0;
    switch (field->kind) {
    case FIELD_string:
    case FIELD_bytes: length = (size_t)((const TnString *)at)->length; break;
    case FIELD_message: length = measure(writer, field->message, *(void *const *)at); break;
    case FIELD_int32:
    case FIELD_int64:
    case FIELD_uint64:
    case FIELD_float:
    case FIELD_double: return tag + number_bytes(field, at);
    }
    return tag + varint_bytes(length) + length;
}

static size_t measure_list(Writer *writer, const FieldDef *field, const AnyArray *list)
{
    size_t bytes = field_item_bytes(field), total = 0;
    if (list->count == 0)
        return 0;
    if (field->cardinality != FIELD_PACKED) {
        for (int64_t i = 0; i < list->count; i++)
            total += measure_item(writer, field, list->items + (size_t)i * bytes);
        return total;
    }
    for (int64_t i = 0; i < list->count; i++)
        total += number_bytes(field, list->items + (size_t)i * bytes);
    array_push(writer->arena, &writer->lengths, total);
    return varint_bytes((uint64_t)field->number << 3) + varint_bytes(total) + total;
}

static size_t measure(Writer *writer, MessageKind kind, const void *message)
{
    const MessageDef *def = &message_defs[kind];
    const Message *base = message;
    size_t total = 0;
    int64_t slot = writer->lengths.count;
    array_push(writer->arena, &writer->lengths, 0);
    for (int i = 0; i < def->field_count; i++) {
        const FieldDef *field = &def->fields[i];
        const char *at = (const char *)message + field->offset;
        if (!field->has_offset)
            total += measure_list(writer, field, (const AnyArray *)at);
        else if (*((const bool *)message + field->has_offset))
            total += measure_item(writer, field, at);
    }
    for (int64_t i = 0; base->unknown && i < base->unknown->spans.count; i++)
        total += (size_t)base->unknown->spans.items[i].length;
    writer->lengths.items[slot] = total;
    return total;
}

/* ---- Second pass --------------------------------------------------------------------------- */

static void flush(Writer *writer)
{
    if (!writer->stopped && writer->used &&
        !writer->sink(writer->user, writer->buffer, writer->used))
        writer->stopped = true;
    writer->used = 0;
}

static void put_bytes(Writer *writer, const void *data, size_t length)
{
    if (length > BUFFER_BYTES - writer->used)
        flush(writer);
    if (length > BUFFER_BYTES) {
        if (!writer->stopped && !writer->sink(writer->user, data, length))
            writer->stopped = true;
    } else if (length) {
        memcpy(writer->buffer + writer->used, data, length);
        writer->used += length;
    }
}

static void put_varint(Writer *writer, uint64_t value)
{
    uint8_t bytes[10];
    size_t length = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[length++] = (uint8_t)(value | 0x80);
    bytes[length++] = (uint8_t)value;
    put_bytes(writer, bytes, length);
}

static void put_tag(Writer *writer, const FieldDef *field, int type)
{
    put_varint(writer, (uint64_t)field->number << 3 | (uint64_t)type);
}

static void put_number(Writer *writer, const FieldDef *field, const void *at)
{
    uint8_t bytes[8];
    uint64_t bits = 0;
    size_t width = field_item_bytes(field);
    if (wire_type(field->kind) == WIRE_varint) {
        put_varint(writer, number_bits(field, at));
        return;
    }
    if (width == 8) {
        memcpy(&bits, at, 8);
    } else {
        uint32_t narrow;
        memcpy(&narrow, at, 4);
        bits = narrow;
    }
    for (size_t i = 0; i < width; i++)
        bytes[i] = (uint8_t)(bits >> 8 * i);
    put_bytes(writer, bytes, width);
}

static void put(Writer *writer, MessageKind kind, const void *message);

static void put_item(Writer *writer, const FieldDef *field, const void *at)
{
    const TnString *view = at;
    put_tag(writer, field, wire_type(field->kind));
    switch (field->kind) {
    case FIELD_string:
    case FIELD_bytes:
        put_varint(writer, (uint64_t)view->length);
        put_bytes(writer, view->data, (size_t)view->length);
        break;
    case FIELD_message:
        put_varint(writer, writer->lengths.items[writer->next]);
        put(writer, field->message, *(void *const *)at);
        break;
    case FIELD_int32:
    case FIELD_int64:
    case FIELD_uint64:
    case FIELD_float:
    case FIELD_double: put_number(writer, field, at); break;
    }
}

static void put_list(Writer *writer, const FieldDef *field, const AnyArray *list)
{
    size_t bytes = field_item_bytes(field);
    bool packed = field->cardinality == FIELD_PACKED;
    if (packed && list->count) {
        put_tag(writer, field, 2);
        put_varint(writer, writer->lengths.items[writer->next++]);
    }
    for (int64_t i = 0; i < list->count; i++) {
        const void *at = list->items + (size_t)i * bytes;
        if (packed)
            put_number(writer, field, at);
        else
            put_item(writer, field, at);
    }
}

static void put(Writer *writer, MessageKind kind, const void *message)
{
    const MessageDef *def = &message_defs[kind];
    const Message *base = message;
    writer->next++;
    for (int i = 0; i < def->field_count && !writer->stopped; i++) {
        const FieldDef *field = &def->fields[i];
        const char *at = (const char *)message + field->offset;
        if (!field->has_offset)
            put_list(writer, field, (const AnyArray *)at);
        else if (*((const bool *)message + field->has_offset))
            put_item(writer, field, at);
    }
    for (int64_t i = 0; base->unknown && i < base->unknown->spans.count; i++)
        put_bytes(writer, base->unknown->spans.items[i].data,
                  (size_t)base->unknown->spans.items[i].length);
}

bool wire_write(Arena *arena, MessageKind kind, const void *message, WireSink *sink, void *user)
{
    ArenaMark mark = arena_mark(arena);
    Writer *writer = ARENA_NEW(arena, Writer);
    writer->arena = arena;
    writer->sink = sink;
    writer->user = user;
    measure(writer, kind, message);
    put(writer, kind, message);
    flush(writer);
    bool ok = !writer->stopped;
    arena_release(arena, mark);
    return ok;
}

static bool append_to_memory(void *user, const void *data, size_t length)
{
    char **at = user;
    memcpy(*at, data, length);
    *at += length;
    return true;
}

void *wire_write_bytes(Arena *arena, MessageKind kind, const void *message, size_t *length)
{
    ArenaMark mark = arena_mark(arena);
    Writer *writer = ARENA_NEW(arena, Writer);
    writer->arena = arena;
    size_t total = measure(writer, kind, message);
    arena_release(arena, mark);
    char *bytes = arena_try(arena, total ? total : 1), *at = bytes;
    if (!bytes || !wire_write(arena, kind, message, append_to_memory, &at))
        return NULL;
    *length = total;
    return bytes;
}
