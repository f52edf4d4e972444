/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader. Each message is walked twice: once to count the items of its lists (stepping over
 * contents by their lengths), once to fill lists of exactly that size. Protocol buffers' rules for
 * merging hold: of a singular number the last one counts, a singular message that comes again is
 * merged into the first, of a oneof the last member counts, and lists may be packed or not.
 *
 * Every length is compared with what is left before it is used, so no sum can wrap.
 */
#include "frontend/onnx/wire.h"
#include "frontend/onnx/wire_type.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { MAX_FIELDS = 32, MAX_FIELD_NUMBER = (1 << 29) - 1, MAX_PATH_BYTES = 400 };

/* Where the reader is, for messages of errors. */
typedef struct Frame {
    const struct Frame *parent;
    const FieldDef *field;
    int64_t index; /* -1: not in a list */
} Frame;

typedef struct Reader {
    Arena *arena;
    const Source *source;
    const uint8_t *data;
    Diagnostics *diagnostics;
    size_t budget; /* bytes of structs that the source may still take */
} Reader;

/* One field as it stands in the bytes. */
typedef struct Field {
    uint32_t number;
    WireType type;
    size_t at;         /* of the tag */
    size_t begin, end; /* of the contents */
    uint64_t value;    /* of a varint or fixed */
} Field;

static size_t append_path(char *path, size_t length, const Frame *frame)
{
    if (!frame || !frame->field)
        return length;
    length = append_path(path, length, frame->parent);
    if (length + 64 > MAX_PATH_BYTES)
        return length;
    length += (size_t)snprintf(path + length, 40, "%s%s", length ? "." : "", frame->field->name);
    if (frame->index >= 0)
        length += (size_t)snprintf(path + length, 24, "[%lld]", (long long)frame->index);
    return length;
}

static Location place(Reader *reader, const Frame *frame, size_t offset)
{
    char path[MAX_PATH_BYTES] = "";
    size_t length = append_path(path, 0, frame);
    return (Location){
        .source = reader->source,
        .begin = offset,
        .end = offset,
        .path = length ? arena_string(reader->arena, path, length) : "model",
    };
}

#define FAIL(reader, frame, offset, ...)                                                           \
    error_at((reader)->diagnostics, place((reader), (frame), (offset)), __VA_ARGS__)

/* ---- Primitives ---------------------------------------------------------------------------- */

/* False where the varint is cut off or has more than 64 bits; *at is past it otherwise. */
static bool varint(const uint8_t *data, size_t *at, size_t end, uint64_t *value)
{
    uint64_t bits = 0;
    size_t i = *at;
    for (int shift = 0; shift < 70; shift += 7) {
        if (i >= end)
            return false;
        uint8_t byte = data[i++];
        if (shift == 63 && byte > 1)
            return false;
        bits |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *at = i;
            *value = bits;
            return true;
        }
    }
    return false;
}

static uint64_t fixed(const uint8_t *data, size_t at, int bytes)
{
    uint64_t bits = 0;
    for (int i = bytes - 1; i >= 0; i--)
        bits = bits << 8 | data[at + (size_t)i];
    return bits;
}

static bool read_field(Reader *reader, const Frame *frame, size_t *at, size_t end, Field *field);

/* Steps over the fields of a group up to its end tag. */
static bool skip_group(Reader *reader, const Frame *frame, size_t *at, size_t end, uint32_t number)
{
    uint32_t open[WIRE_MAX_DEPTH];
    int depth = 0;
    open[depth++] = number;
    while (depth) {
        uint64_t tag;
        size_t begin = *at;
        size_t ahead = begin;
        if (ahead < end && varint(reader->data, &ahead, end, &tag)) {
            uint32_t inner = (uint32_t)(tag >> 3);
            if ((tag & 7) == WIRE_group_end) {
                if (inner != open[depth - 1])
                    return FAIL(reader, frame, begin, "group %u ends inside group %u", inner,
                                open[depth - 1]);
                depth--;
                *at = ahead;
                continue;
            }
            if ((tag & 7) == WIRE_group_begin && inner && tag >> 3 <= MAX_FIELD_NUMBER) {
                if (depth == WIRE_MAX_DEPTH)
                    return FAIL(reader, frame, begin, "groups are nested deeper than %d",
                                WIRE_MAX_DEPTH);
                open[depth++] = inner;
                *at = ahead;
                continue;
            }
        } else if (begin >= end) {
            return FAIL(reader, frame, begin, "group %u is not closed", open[depth - 1]);
        }
        Field field;
        if (!read_field(reader, frame, at, end, &field))
            return false;
    }
    return true;
}

static bool read_contents(Reader *reader, const Frame *frame, size_t *at, size_t end, Field *field)
{
    uint64_t length;
    size_t width = field->type == WIRE_fixed64 ? 8 : 4;
    field->begin = *at;
    switch (field->type) {
    case WIRE_varint:
        if (!varint(reader->data, at, end, &field->value))
            return FAIL(reader, frame, field->begin,
                        "the number in field %u is cut off or has more than 64 bits",
                        field->number);
        break;
    case WIRE_fixed64:
    case WIRE_fixed32:
        if (end - *at < width)
            return FAIL(reader, frame, field->begin,
                        "the %zu-byte number in field %u is cut off: %zu bytes are left", width,
                        field->number, end - *at);
        field->value = fixed(reader->data, *at, (int)width);
        *at += width;
        break;
    case WIRE_length:
        if (!varint(reader->data, at, end, &length))
            return FAIL(reader, frame, field->begin, "the length of field %u is cut off",
                        field->number);
        if (length > end - *at)
            return FAIL(reader, frame, field->begin,
                        "field %u claims %llu bytes, and only %zu are left", field->number,
                        (unsigned long long)length, end - *at);
        field->begin = *at;
        *at += (size_t)length;
        break;
    case WIRE_group_begin:
        if (!skip_group(reader, frame, at, end, field->number))
            return false;
        break;
    case WIRE_group_end:
        return FAIL(reader, frame, field->at, "group %u ends without having begun", field->number);
    }
    field->end = *at;
    return true;
}

static bool read_field(Reader *reader, const Frame *frame, size_t *at, size_t end, Field *field)
{
    uint64_t tag;
    *field = (Field){.at = *at};
    if (!varint(reader->data, at, end, &tag))
        return FAIL(reader, frame, field->at, "a field's tag is cut off or malformed");
    if (tag >> 3 == 0 || tag >> 3 > MAX_FIELD_NUMBER)
        return FAIL(reader, frame, field->at, "field number %llu is not valid%s",
                    (unsigned long long)(tag >> 3), frame->field ? "" : "; is this an ONNX file?");
    if ((tag & 7) > WIRE_fixed32)
        return FAIL(reader, frame, field->at, "wire type %d of field %llu is not valid%s",
                    (int)(tag & 7), (unsigned long long)(tag >> 3),
                    frame->field ? "" : "; is this an ONNX file?");
    field->number = (uint32_t)(tag >> 3);
    field->type = (WireType)(tag & 7);
    return read_contents(reader, frame, at, end, field);
}

/* ---- Lists --------------------------------------------------------------------------------- */

typedef ARRAY(char) AnyArray;

static const char *wire_type_name(WireType type)
{
    static const char *const names[] = {"a varint", "a 64-bit number", "a length and bytes",
                                        "a group",  "a group's end",   "a 32-bit number"};
    return names[type];
}

static bool is_packed(const FieldDef *def, const Field *field)
{
    return !def->has_offset && field->type == WIRE_length && wire_type(def->kind) != WIRE_length;
}

static bool check_type(Reader *reader, const Frame *frame, const FieldDef *def, const Field *field)
{
    if (field->type == wire_type(def->kind) || is_packed(def, field))
        return true;
    return FAIL(reader, frame, field->at, "%s is stored as %s, expected %s", def->name,
                wire_type_name(field->type), wire_type_name(wire_type(def->kind)));
}

/* How many items a field adds to a list. Varints end where the top bit is clear. */
static bool count_items(Reader *reader, const Frame *frame, const FieldDef *def, const Field *field,
                        int64_t *count)
{
    size_t length = field->end - field->begin;
    WireType type = wire_type(def->kind);
    if (!is_packed(def, field)) {
        *count += 1;
    } else if (type == WIRE_varint) {
        int64_t ends = 0;
        for (size_t i = field->begin; i < field->end; i++)
            ends += !(reader->data[i] & 0x80);
        *count += ends;
    } else {
        size_t width = type == WIRE_fixed64 ? 8 : 4;
        if (length % width)
            return FAIL(reader, frame, field->begin, "%s has %zu bytes, not a multiple of %zu",
                        def->name, length, width);
        *count += (int64_t)(length / width);
    }
    return true;
}

static bool spend(Reader *reader, const Frame *frame, size_t offset, size_t bytes)
{
    if (bytes > reader->budget)
        return FAIL(reader, frame, offset, "too many parts for a file of %zu bytes",
                    reader->source->length);
    reader->budget -= bytes;
    return true;
}

/* Room for `more` items. A list that grows again (its message is being merged) at least doubles. */
static bool reserve(Reader *reader, const Frame *frame, size_t offset, AnyArray *list,
                    size_t item_bytes, int64_t more)
{
    int64_t wanted = list->count + more;
    if (wanted <= list->capacity)
        return true;
    if (list->count && wanted < 2 * list->count)
        wanted = 2 * list->count;
    if (!spend(reader, frame, offset, (size_t)wanted * item_bytes))
        return false;
    char *items = arena_try(reader->arena, (size_t)wanted * item_bytes);
    if (!items)
        return no_memory_at(reader->diagnostics, place(reader, frame, offset), "%lld items",
                            (long long)wanted);
    if (list->count)
        memcpy(items, list->items, (size_t)list->count * item_bytes);
    list->items = items;
    list->capacity = wanted;
    return true;
}

static bool reserve_lists(Reader *reader, const MessageDef *def, char *message, size_t begin,
                          size_t end, const Frame *frame)
{
    int64_t counts[MAX_FIELDS] = {0};
    Field field;
    for (size_t at = begin; at < end;) {
        if (!read_field(reader, frame, &at, end, &field))
            return false;
        const FieldDef *known = message_find_field(def, field.number);
        if (!known)
            continue;
        if (!check_type(reader, frame, known, &field) ||
            !count_items(reader, frame, known, &field, &counts[known - def->fields]))
            return false;
    }
    for (int i = 0; i < def->field_count; i++) {
        const FieldDef *known = &def->fields[i];
        if (known->has_offset == 0 && counts[i] &&
            !reserve(reader, frame, begin, (AnyArray *)(message + known->offset),
                     field_item_bytes(known), counts[i]))
            return false;
    }
    return true;
}

/* ---- Messages ------------------------------------------------------------------------------ */

static bool read_message(Reader *reader, const MessageDef *def, void *message, size_t begin,
                         size_t end, int depth, const Frame *frame);

static bool read_sub_message(Reader *reader, const FieldDef *def, void **slot, const Field *field,
                             int depth, const Frame *frame)
{
    const MessageDef *sub = &message_defs[def->message];
    if (depth >= WIRE_MAX_DEPTH)
        return FAIL(reader, frame, field->at, "messages are nested deeper than %d", WIRE_MAX_DEPTH);
    if (!*slot) {
        if (!spend(reader, frame, field->at, sub->bytes))
            return false;
        *slot = arena_allocate(reader->arena, sub->bytes);
    }
    return read_message(reader, sub, *slot, field->begin, field->end, depth + 1, frame);
}

static void store_number(const FieldDef *def, void *at, uint64_t value)
{
    int32_t narrow = (int32_t)(uint32_t)value;
    switch (def->kind) {
    case FIELD_int32:
    case FIELD_float: memcpy(at, &narrow, 4); break;
    case FIELD_int64:
    case FIELD_uint64:
    case FIELD_double: memcpy(at, &value, 8); break;
    case FIELD_string:
    case FIELD_bytes:
    case FIELD_message: break;
    }
}

/* Stores an item at `at`, in a struct or a list. */
static bool store(Reader *reader, const FieldDef *def, void *at, const Field *field, int depth,
                  const Frame *frame)
{
    TnString view = {(const char *)reader->data + field->begin,
                     (int64_t)(field->end - field->begin)};
    if (def->kind == FIELD_message)
        return read_sub_message(reader, def, at, field, depth, frame);
    if (def->kind == FIELD_string || def->kind == FIELD_bytes)
        memcpy(at, &view, sizeof view);
    else
        store_number(def, at, field->value);
    return true;
}

static bool append_packed(Reader *reader, const FieldDef *def, AnyArray *list, const Field *field,
                          const Frame *frame)
{
    size_t bytes = field_item_bytes(def), length = field->end - field->begin;
    if (wire_type(def->kind) != WIRE_varint) {
        if (length)
            memcpy(list->items + (size_t)list->count * bytes, reader->data + field->begin, length);
        list->count += (int64_t)(length / bytes);
        return true;
    }
    for (size_t at = field->begin; at < field->end; list->count++) {
        uint64_t value;
        if (!varint(reader->data, &at, field->end, &value))
            return FAIL(reader, frame, at, "number %lld of %s is cut off or has more than 64 bits",
                        (long long)list->count, def->name);
        store_number(def, list->items + (size_t)list->count * bytes, value);
    }
    return true;
}

/* The last member of a oneof counts: the others go. */
static void clear_other_members(const MessageDef *def, char *message, const FieldDef *member)
{
    for (int i = 0; i < def->field_count; i++) {
        const FieldDef *other = &def->fields[i];
        if (other->cardinality == FIELD_ONEOF && other != member) {
            memset(message + other->offset, 0, field_item_bytes(other));
            *(bool *)(message + other->has_offset) = false;
        }
    }
}

static bool keep_unknown(Reader *reader, Message *message, const Field *field, const Frame *frame)
{
    TnString span = {(const char *)reader->data + field->at, (int64_t)(field->end - field->at)};
    if (!message->unknown)
        message->unknown = ARENA_NEW(reader->arena, UnknownFields);
    TnString *spans = message->unknown->spans.items;
    int64_t count = message->unknown->spans.count;
    if (count && spans[count - 1].data + spans[count - 1].length == span.data) {
        spans[count - 1].length += span.length;
        return true;
    }
    if (!spend(reader, frame, field->at, 2 * sizeof span))
        return false;
    array_push(reader->arena, &message->unknown->spans, span);
    return true;
}

static bool read_known(Reader *reader, const MessageDef *def, char *message, const FieldDef *known,
                       const Field *field, int depth, const Frame *frame)
{
    Frame inner = {frame, known, -1};
    char *at = message + known->offset;
    if (known->has_offset) {
        if (known->cardinality == FIELD_ONEOF)
            clear_other_members(def, message, known);
        *(bool *)(message + known->has_offset) = true;
        return store(reader, known, at, field, depth, &inner);
    }
    AnyArray *list = (AnyArray *)at;
    if (is_packed(known, field))
        return append_packed(reader, known, list, field, frame);
    inner.index = list->count++;
    return store(reader, known, list->items + (size_t)inner.index * field_item_bytes(known), field,
                 depth, &inner);
}

static bool read_message(Reader *reader, const MessageDef *def, void *message, size_t begin,
                         size_t end, int depth, const Frame *frame)
{
    Message *base = message;
    assert(def->field_count <= MAX_FIELDS);
    if (!base->end) {
        base->begin = begin;
        base->end = end;
    }
    if (!reserve_lists(reader, def, message, begin, end, frame))
        return false;
    for (size_t at = begin; at < end;) {
        Field field;
        if (!read_field(reader, frame, &at, end, &field))
            return false;
        const FieldDef *known = message_find_field(def, field.number);
        bool ok = known ? read_known(reader, def, message, known, &field, depth, frame)
                        : keep_unknown(reader, base, &field, frame);
        if (!ok)
            return false;
    }
    return true;
}

void *wire_read(Arena *arena, MessageKind kind, const Source *source, Diagnostics *diagnostics)
{
    const MessageDef *def = &message_defs[kind];
    Reader reader = {
        .arena = arena,
        .source = source,
        .data = (const uint8_t *)source->data,
        .diagnostics = diagnostics,
        .budget = ((size_t)48 << 20) +
                  (source->length < SIZE_MAX / 64 ? 32 * source->length : SIZE_MAX / 2),
    };
    Frame root = {NULL, NULL, -1};
    void *message = arena_allocate(arena, def->bytes);
    return read_message(&reader, def, message, 0, source->length, 0, &root) ? message : NULL;
}
