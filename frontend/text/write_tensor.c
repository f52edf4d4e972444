/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensors as text: what elements.c reads. Small floats are bit patterns, elements of 4 and 2 bits
 * the bytes that hold them packed, as ONNX's own reader takes them.
 */
#include "frontend/tensor_proto_bytes.h"
#include "frontend/text/write.h"
#include "runtime/element.h"

#include <inttypes.h>
#include <string.h>

void write_tensor_type(Writer *writer, const TensorProto *tensor)
{
    const char *name = element_is_valid(tensor->data_type)
                           ? element_name((TnElementType)tensor->data_type)
                           : "undefined";
    text_append(writer->text, name);
    if (tensor->dims.count == 0)
        return;
    for (int64_t i = 0; i < tensor->dims.count; i++)
        text_format(writer->text, "%s%" PRId64, i ? ", " : "[", tensor->dims.items[i]);
    text_append(writer->text, "]");
}

/* ---- Elements ---------------------------------------------------------------------------- */

/* How a type's entries lie in raw data. */
typedef enum EntryForm { ENTRY_float, ENTRY_double, ENTRY_signed, ENTRY_unsigned } EntryForm;

static EntryForm entry_form(TnElementType element, size_t *bytes)
{
    int bits = element_bits(element);
    *bytes = bits < 8 ? 1 : (size_t)bits / 8;
    if (element == TN_FLOAT || element == TN_COMPLEX64) {
        *bytes = sizeof(float);
        return ENTRY_float;
    }
    if (element == TN_DOUBLE || element == TN_COMPLEX128) {
        *bytes = sizeof(double);
        return ENTRY_double;
    }
    return bits >= 8 && element_kind(element) == ELEMENT_KIND_SIGNED ? ENTRY_signed
                                                                     : ENTRY_unsigned;
}

static void write_entry(Text *text, EntryForm form, const char *data, size_t bytes)
{
    if (form == ENTRY_float) {
        float value;
        memcpy(&value, data, sizeof value);
        text_append_float(text, value);
    } else if (form == ENTRY_double) {
        double value;
        memcpy(&value, data, sizeof value);
        text_append_double(text, value);
    } else {
        uint64_t value = 0;
        memcpy(&value, data, bytes);
        int unused = 64 - 8 * (int)bytes;
        if (form == ENTRY_signed)
            text_format(text, "%" PRId64, (int64_t)(value << unused) >> unused);
        else
            text_format(text, "%" PRIu64, value);
    }
}

/* Equal elements come in long rows, and to find the shortest digits takes time: what was written
 * for the element before serves again. */
typedef struct LastEntry {
    const char *data; /* NULL: there is none */
    char digits[40];
    size_t length;
} LastEntry;

static void write_next_entry(Text *text, EntryForm form, const char *data, size_t bytes,
                             LastEntry *last)
{
    if (last->data && memcmp(last->data, data, bytes) == 0) {
        text_append_bytes(text, last->digits, last->length);
        return;
    }
    size_t begin = text->length;
    write_entry(text, form, data, bytes);
    last->length = text->length - begin;
    last->data = last->length <= sizeof last->digits ? data : NULL;
    if (last->data)
        memcpy(last->digits, text->data + begin, last->length);
}

/* Between elements: a comma, and a new line where the next would pass the line's end. */
static void separate(Writer *writer, size_t *line, int64_t i)
{
    enum { LONGEST = 16 };
    if (i == 0)
        return;
    text_append(writer->text, ",");
    if (writer->text->length - *line + LONGEST > LINE_WIDTH) {
        writer->indent += 2;
        write_new_line(writer);
        writer->indent -= 2;
        *line = writer->text->length - (size_t)writer->indent - 2;
    } else {
        text_append(writer->text, " ");
    }
}

static void write_elements(Writer *writer, const TensorProto *tensor, TnString raw)
{
    Text *text = writer->text;
    TnElementType element = (TnElementType)tensor->data_type;
    bool is_string = element == TN_STRING;
    size_t bytes = 1;
    EntryForm form = is_string ? ENTRY_unsigned : entry_form(element, &bytes);
    int64_t count = is_string ? tensor->string_data.count : raw.length / (int64_t)bytes;
    int64_t limit = writer->options->element_limit;
    int64_t shown = limit && limit < count ? limit : count;
    size_t line = text->length - write_column(writer);
    LastEntry last = {.data = NULL};
    text_append(text, "{");
    for (int64_t i = 0; i < shown; i++) {
        separate(writer, &line, i);
        if (is_string)
            write_string(writer, tensor->string_data.items[i]);
        else
            write_next_entry(text, form, raw.data + (size_t)i * bytes, bytes, &last);
    }
    text_append(text, shown < count ? ", ...}" : "}");
}

/* 6-bit elements are written one by one. */
static TnString unpack_six_bits(Arena *arena, const TensorProto *tensor, TnString raw)
{
    int64_t count = raw.length * 8 / 6, asked = 1;
    for (int64_t i = 0; i < tensor->dims.count; i++) {
        if (__builtin_mul_overflow(asked, tensor->dims.items[i], &asked))
            return raw;
    }
    count = asked >= 0 && asked < count ? asked : count;
    char *elements = arena_allocate(arena, (size_t)count);
    element_unpack((TnElementType)tensor->data_type, count, raw.data, elements);
    return (TnString){elements, count};
}

/* ---- Data -------------------------------------------------------------------------------- */

static void write_external(Writer *writer, const TensorProto *tensor)
{
    text_append(writer->text, "[");
    for (int64_t i = 0; i < tensor->external_data.count; i++) {
        const StringStringEntryProto *entry = tensor->external_data.items[i];
        text_append(writer->text, i ? ", " : "");
        write_string(writer, entry->key);
        text_append(writer->text, " : ");
        write_string(writer, entry->value);
    }
    text_append(writer->text, "]");
}

void write_tensor_data(Writer *writer, const TensorProto *tensor, bool is_initializer)
{
    Text *text = writer->text;
    const WriteOptions *options = writer->options;
    if (tensor->data_location == PROTO_LOCATION_EXTERNAL && tensor->external_data.count) {
        write_external(writer, tensor);
        return;
    }
    if (!element_is_valid(tensor->data_type)) {
        text_append(text, "{}");
        return;
    }
    TnString raw = tensor_proto_bytes(text->arena, tensor);
    TnString location;
    int64_t offset;
    if (is_initializer && options->external && options->external_threshold > 0 &&
        raw.length > options->external_threshold &&
        options->external(options->user, tensor, raw.data, raw.length, &location, &offset)) {
        text_append(text, "[\"location\" : ");
        write_string(writer, location);
        text_format(text, ", \"offset\" : \"%" PRId64 "\", \"length\" : \"%" PRId64 "\"]", offset,
                    raw.length);
        return;
    }
    if (tensor->data_type != TN_STRING && element_bits((TnElementType)tensor->data_type) == 6)
        raw = unpack_six_bits(text->arena, tensor, raw);
    write_elements(writer, tensor, raw);
}
