/* SPDX-License-Identifier: Apache-2.0
 *
 * The elements of a tensor in text, straight into the packed bytes that a file would hold.
 *
 * Entries are ONNX's: floats of fewer than 32 bits as bit patterns, or (ours only) as numbers with
 * a fraction or exponent; complex numbers as two entries; elements of 4 and 2 bits as the bytes
 * that hold them packed, or (ours only, where the count says so) one by one.
 *
 * Room is made once, for the entries that the shape asks for or, if that is less, for as many as
 * the rest of the text can hold: a lying shape costs nothing.
 */
#include "frontend/text/build.h"
#include "frontend/text/number.h"
#include "runtime/element.h"

#include <string.h>

static bool is_packed(TnElementType element)
{
    return element_bits(element) < 8;
}

/* Sub-byte types whose entries are packed bytes; those of 6 bits are written one by one. */
static bool packs_bytes(TnElementType element)
{
    return element_bits(element) == 4 || element_bits(element) == 2;
}

static bool is_complex(TnElementType element)
{
    return element_kind(element) == ELEMENT_KIND_COMPLEX;
}

static size_t entry_bytes(TnElementType element)
{
    size_t bits = (size_t)element_bits(element);
    return is_packed(element) ? 1 : is_complex(element) ? bits / 16 : bits / 8;
}

TensorProto *build_tensor(TextParser *parser, TextRange range, const TypeProto *type, TnString name)
{
    TensorProto *tensor = MESSAGE_NEW(parser->arena, TensorProto);
    tensor->base.begin = range.begin;
    tensor->base.end = range.end;
    if (!type || !type->tensor_type || !type->tensor_type->shape) {
        parser_error(parser, range,
                     "a tensor's data needs a tensor type with a shape, such as float[2, 3]");
        return NULL;
    }
    const TypeProtoTensor *tensor_type = type->tensor_type;
    int64_t count = 1;
    for (int64_t i = 0; i < tensor_type->shape->dim.count; i++) {
        const TensorShapeProtoDimension *dim = tensor_type->shape->dim.items[i];
        TextRange place = {dim->base.begin, dim->base.end};
        if (!dim->has_dim_value || dim->dim_value < 0) {
            parser_error(parser, place,
                         "the sizes of a tensor with data must be numbers, "
                         "0 or more");
            return NULL;
        }
        if (__builtin_mul_overflow(count, dim->dim_value, &count)) {
            parser_error(parser, place, "the tensor has too many elements");
            return NULL;
        }
        array_push(parser->arena, &tensor->dims, dim->dim_value);
    }
    TnElementType element = (TnElementType)tensor_type->elem_type;
    PROTO_SET(tensor, data_type, tensor_type->elem_type);
    if (name.length)
        PROTO_SET(tensor, name, name);

    Elements *elements = &parser->elements;
    *elements = (Elements){.tensor = tensor, .element = element, .range = range};
    if (__builtin_mul_overflow(count, is_complex(element) ? 2 : 1, &elements->expected)) {
        parser_error(parser, range, "the tensor has too many elements");
        return NULL;
    }
    return tensor;
}

/* ---- One entry --------------------------------------------------------------------------- */

/* Where the next entry goes; NULL if the tensor is full: the entry is only counted then. */
static unsigned char *next_entry(TextParser *parser)
{
    Elements *elements = &parser->elements;
    if (elements->count == 0) {
        int64_t possible = (int64_t)(parser->source->length - parser->offset) / 2 + 1;
        elements->capacity = elements->expected < possible ? elements->expected : possible;
        elements->entry_bytes = entry_bytes(elements->element);
        if (elements->capacity)
            elements->data =
                arena_try(parser->arena, (size_t)elements->capacity * elements->entry_bytes);
        if (elements->capacity && !elements->data)
            parser_out_of_memory(parser);
    }
    int64_t i = elements->count++;
    return i < elements->capacity ? elements->data + (size_t)i * elements->entry_bytes : NULL;
}

static bool separated(TextParser *parser, TextRange range)
{
    Elements *elements = &parser->elements;
    if (elements->value) {
        parser_error(parser, range, "found '%.*s', expected ',' or '}' after an element",
                     (int)(range.end - range.begin < 40 ? range.end - range.begin : 40),
                     parser->source->data + range.begin);
        return false;
    }
    elements->value = true;
    elements->comma = false;
    return true;
}

static bool wrong_kind(TextParser *parser, TextRange range, const char *found)
{
    TnElementType element = parser->elements.element;
    const char *wanted = element == TN_STRING                         ? "a string"
                         : element_kind(element) == ELEMENT_KIND_BOOL ? "0 or 1"
                         : element_kind(element) == ELEMENT_KIND_FLOAT ||
                                 element_kind(element) == ELEMENT_KIND_COMPLEX
                             ? "a number"
                             : "an integer";
    return parser_error(parser, range, "found %s, expected %s: the tensor is of type %s", found,
                        wanted, element_name(element));
}

static bool out_of_range(TextParser *parser, TextRange range)
{
    return parser_error(parser, range, "%.*s is out of the range of %s",
                        (int)(range.end - range.begin < 40 ? range.end - range.begin : 40),
                        parser->source->data + range.begin, element_name(parser->elements.element));
}

static bool is_real(TnElementType element)
{
    return element == TN_FLOAT || element == TN_DOUBLE || is_complex(element);
}

static void put_real(TnElementType element, TnString text, unsigned char *entry)
{
    if (element == TN_FLOAT || element == TN_COMPLEX64) {
        float value = number_to_float(text);
        memcpy(entry, &value, sizeof value);
    } else {
        double value = number_to_double(text);
        memcpy(entry, &value, sizeof value);
    }
}

/* The range of an entry written as an integer. */
static void integer_range(TnElementType element, int64_t *low, int64_t *high)
{
    int bits = element_bits(element);
    bool is_signed = element_kind(element) == ELEMENT_KIND_SIGNED;
    if (packs_bytes(element)) {
        *low = -128;
        *high = 255;
    } else {
        *low = is_signed ? INT64_MIN >> (64 - bits) : 0;
        *high = is_signed ? INT64_MAX >> (64 - bits) : (int64_t)(UINT64_MAX >> (64 - bits));
    }
}

bool elements_add_integer(TextParser *parser, TextRange range, TnString text)
{
    TnElementType element = parser->elements.element;
    if (!separated(parser, range))
        return false;
    if (element == TN_STRING)
        return wrong_kind(parser, range, "an integer");
    unsigned char *entry = next_entry(parser);
    if (is_real(element)) {
        if (entry)
            put_real(element, text, entry);
        return true;
    }
    if (element == TN_UINT64) {
        uint64_t value;
        if (!number_to_uint64(text, &value))
            return out_of_range(parser, range);
        if (entry)
            memcpy(entry, &value, sizeof value);
        return true;
    }
    int64_t value, low, high;
    integer_range(element, &low, &high);
    if (!number_to_int64(text, &value) || value < low || value > high)
        return out_of_range(parser, range);
    if (entry)
        memcpy(entry, &value, parser->elements.entry_bytes); /* little-endian */
    return true;
}

bool elements_add_fraction(TextParser *parser, TextRange range, TnString text)
{
    TnElementType element = parser->elements.element;
    if (!separated(parser, range))
        return false;
    if (element_kind(element) != ELEMENT_KIND_FLOAT && !is_complex(element))
        return wrong_kind(parser, range, "a number with a fraction");
    unsigned char *entry = next_entry(parser);
    if (!is_real(element))
        parser->elements.has_fractions = true;
    if (!entry)
        return true;
    if (is_real(element))
        put_real(element, text, entry);
    else
        element_from_double(element, number_to_double(text), true, entry);
    return true;
}

bool elements_add_string(TextParser *parser, TextRange range, TnString text)
{
    if (!separated(parser, range))
        return false;
    if (parser->elements.element != TN_STRING)
        return wrong_kind(parser, range, "a string");
    parser->elements.count++;
    array_push(parser->arena, &parser->elements.tensor->string_data, text);
    return true;
}

bool elements_comma(TextParser *parser, TextRange range)
{
    if (!parser->elements.value)
        return parser_error(parser, range, "found ',', expected an element");
    parser->elements.value = false;
    parser->elements.comma = true;
    return true;
}

void parser_bad_element(TextParser *parser, TextRange range)
{
    unsigned char byte = (unsigned char)parser->source->data[range.begin];
    if (byte < ' ' || byte >= 0x7f)
        parser_bad_byte(parser, range);
    else
        parser_error(parser, range, "found '%.*s', expected an element of the tensor, ',' or '}'",
                     (int)(range.end - range.begin < 40 ? range.end - range.begin : 40),
                     parser->source->data + range.begin);
}

/* ---- The end ----------------------------------------------------------------------------- */

/* Elements that were written one by one, packed in place. */
static bool pack(TextParser *parser)
{
    Elements *elements = &parser->elements;
    int bits = element_bits(elements->element);
    bool is_signed = element_kind(elements->element) == ELEMENT_KIND_SIGNED;
    int limit = 1 << (is_signed ? bits - 1 : bits);
    for (int64_t i = 0; i < elements->count; i++) {
        int value = is_signed ? (signed char)elements->data[i] : elements->data[i];
        if (value >= limit || value < (is_signed ? -limit : 0))
            return parser_error(parser, elements->range,
                                "element %lld is out of the range of %s: %d", (long long)i,
                                element_name(elements->element), value);
    }
    unsigned char *packed = arena_try(parser->arena, (size_t)elements->count);
    if (!packed)
        parser_out_of_memory(parser);
    element_pack(elements->element, elements->count, elements->data, packed);
    elements->data = packed;
    return true;
}

static bool wrong_count(TextParser *parser)
{
    Elements *elements = &parser->elements;
    return parser_error(parser, elements->range,
                        "the tensor has %lld %s, and its shape asks for %lld",
                        (long long)elements->count,
                        is_complex(elements->element) ? "real and imaginary parts" : "elements",
                        (long long)elements->expected);
}

bool elements_end(TextParser *parser, TextRange range)
{
    Elements *elements = &parser->elements;
    if (elements->comma)
        return parser_error(parser, range, "found '}', expected an element after ','");
    if (elements->count == 0) /* a tensor without data */
        return true;
    if (elements->element == TN_STRING)
        return elements->count == elements->expected || wrong_count(parser);
    int64_t packed_bytes;
    if (!element_packed_bytes(elements->element,
                              elements->expected / (is_complex(elements->element) ? 2 : 1),
                              &packed_bytes))
        return parser_error(parser, elements->range, "the tensor has too many elements");
    bool packed_form = packs_bytes(elements->element) && elements->count == packed_bytes &&
                       !elements->has_fractions;
    if (!packed_form && elements->count != elements->expected)
        return wrong_count(parser);
    if (is_packed(elements->element) && !packed_form && !pack(parser))
        return false;
    TnString raw = {(const char *)elements->data, packed_bytes};
    PROTO_SET(elements->tensor, raw_data, raw);
    return true;
}
