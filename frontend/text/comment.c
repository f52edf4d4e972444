/* SPDX-License-Identifier: Apache-2.0
 *
 * Structured comments as they are read: after the text is parsed, each is applied to the message
 * that begins where the token after the comment does.
 */
#include "frontend/text/comment.h"

#include "frontend/text/number.h"

#include <ctype.h>
#include <string.h>

enum { MAX_VALUE_DEPTH = 24 }; /* so that no type is nested deeper than text can say */

typedef struct CommentReader {
    TextParser *parser;
    const char *text; /* of the whole source */
    size_t at, end;   /* what is left of the comment */
} CommentReader;

static bool fail(CommentReader *reader, const char *expected)
{
    TextRange range = {reader->at, reader->at + (reader->at < reader->end)};
    return parser_error(reader->parser, range, "in a structured comment: expected %s", expected);
}

/* ---- Tokens ------------------------------------------------------------------------------ */

static char next_byte(CommentReader *reader)
{
    while (reader->at < reader->end && isspace((unsigned char)reader->text[reader->at]))
        reader->at++;
    return reader->at < reader->end ? reader->text[reader->at] : 0;
}

static bool accept(CommentReader *reader, char byte)
{
    bool found = next_byte(reader) == byte && reader->at < reader->end;
    reader->at += found;
    return found;
}

static bool expect(CommentReader *reader, char byte)
{
    char expected[] = {'\'', byte, '\'', 0};
    return accept(reader, byte) || fail(reader, expected);
}

/* Letters, digits, '_' and what numbers have besides. Empty where none stand. */
static TnString read_word(CommentReader *reader)
{
    next_byte(reader);
    size_t begin = reader->at;
    while (reader->at < reader->end && (isalnum((unsigned char)reader->text[reader->at]) ||
                                        (reader->text[reader->at] && /* a NUL is none of these */
                                         strchr("_+-.", reader->text[reader->at]))))
        reader->at++;
    return (TnString){reader->text + begin, (int64_t)(reader->at - begin)};
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte after a backslash; false where it is no escape. */
static bool read_escape(CommentReader *reader, char *byte)
{
    char c = reader->at < reader->end ? reader->text[reader->at++] : 0;
    *byte = c == 'n' ? '\n' : c;
    if (c == 'n' || c == '"' || c == '\\')
        return true;
    int high = c == 'x' && reader->at + 2 <= reader->end ? hex_digit(reader->text[reader->at]) : -1;
    int low = high >= 0 ? hex_digit(reader->text[reader->at + 1]) : -1;
    if (low < 0)
        return false;
    *byte = (char)(high << 4 | low);
    reader->at += 2;
    return true;
}

static bool read_string(CommentReader *reader, TnString *string)
{
    if (!expect(reader, '"'))
        return false;
    char *bytes = arena_allocate(reader->parser->arena, reader->end - reader->at + 1);
    int64_t length = 0;
    while (reader->at < reader->end && reader->text[reader->at] != '"') {
        size_t begin = reader->at;
        char byte = reader->text[reader->at++];
        if (byte == '\\' && !read_escape(reader, &byte)) {
            reader->at = begin;
            return fail(reader, "one of the escapes \\n, \\xHH, \\\" and \\\\");
        }
        bytes[length++] = byte;
    }
    *string = (TnString){bytes, length};
    return expect(reader, '"');
}

/* -?digits, with a fraction or an exponent where `real`; or inf, -inf, nan. */
static bool is_number(TnString word, bool real)
{
    char text[64];
    if (word.length == 0 || word.length >= (int64_t)sizeof text)
        return false;
    memcpy(text, word.data, (size_t)word.length);
    text[word.length] = 0;
    if (real && (!strcmp(text, "inf") || !strcmp(text, "-inf") || !strcmp(text, "nan")))
        return true;
    const char *digits = text + (text[0] == '-');
    size_t whole = strspn(digits, "0123456789");
    const char *rest = digits + whole;
    if (!whole || !real)
        return whole && !*rest;
    if (*rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    if (*rest == 'e') {
        rest += 1 + (rest[1] == '-' || rest[1] == '+');
        size_t exponent = strspn(rest, "0123456789");
        rest += exponent;
        if (!exponent)
            return false;
    }
    return !*rest;
}

static bool read_number(CommentReader *reader, const FieldDef *field, void *slot)
{
    TnString word = read_word(reader);
    bool real = field->kind == FIELD_float || field->kind == FIELD_double;
    int64_t integer = 0;
    bool good = is_number(word, real);
    if (good && field->kind == FIELD_float)
        *(float *)slot = number_to_float(word);
    else if (good && field->kind == FIELD_double)
        *(double *)slot = number_to_double(word);
    else if (good && field->kind == FIELD_uint64)
        good = number_to_uint64(word, slot);
    else if (good)
        good = number_to_int64(word, &integer);
    if (good && field->kind == FIELD_int32)
        good = (*(int32_t *)slot = (int32_t)integer) == integer;
    else if (good && field->kind == FIELD_int64)
        *(int64_t *)slot = integer;
    if (good)
        return true;
    reader->at -= (size_t)word.length;
    return fail(reader, real ? "a number" : "an integer that fits");
}

/* ---- Values ------------------------------------------------------------------------------ */

static bool read_field(CommentReader *reader, const FieldDef *field, char *message, int depth);

static const FieldDef *find_field(MessageKind kind, TnString name)
{
    const MessageDef *def = &message_defs[kind];
    for (int i = 0; i < def->field_count; i++)
        if (proto_equals(name, def->fields[i].name))
            return &def->fields[i];
    return NULL;
}

static const FieldDef *read_field_name(CommentReader *reader, MessageKind kind)
{
    TnString name = read_word(reader);
    const FieldDef *field = find_field(kind, name);
    if (!field) {
        reader->at -= (size_t)name.length;
        fail(reader,
             arena_format(reader->parser->arena, "a field of a %s", message_defs[kind].name));
    }
    return field;
}

static bool read_entry(CommentReader *reader, StringStringEntryProto *entry)
{
    entry->has_key = entry->has_value = true;
    return read_string(reader, &entry->key) && expect(reader, ':') &&
           read_string(reader, &entry->value);
}

static bool read_message(CommentReader *reader, MessageKind kind, char *message, int depth)
{
    if (kind == MESSAGE_StringStringEntryProto && next_byte(reader) == '"')
        return read_entry(reader, (StringStringEntryProto *)message);
    if (depth > MAX_VALUE_DEPTH)
        return fail(reader, "less nesting");
    if (!expect(reader, '{'))
        return false;
    if (accept(reader, '}'))
        return true;
    do {
        const FieldDef *field = read_field_name(reader, kind);
        if (!field || !expect(reader, ':') || !read_field(reader, field, message, depth))
            return false;
    } while (accept(reader, ','));
    return expect(reader, '}');
}

static bool read_item(CommentReader *reader, const FieldDef *field, void *slot, int depth)
{
    if (field->kind == FIELD_string || field->kind == FIELD_bytes)
        return read_string(reader, slot);
    if (field->kind != FIELD_message)
        return read_number(reader, field, slot);
    char *message = arena_allocate(reader->parser->arena, message_defs[field->message].bytes);
    memset(message, 0, message_defs[field->message].bytes);
    *(char **)slot = message;
    return read_message(reader, field->message, message, depth + 1);
}

typedef ARRAY(char) AnyList;

static bool read_list(CommentReader *reader, const FieldDef *field, AnyList *list, int depth)
{
    if (!expect(reader, '['))
        return false;
    if (accept(reader, ']'))
        return true;
    size_t bytes = field_item_bytes(field);
    do {
        if (list->count == list->capacity)
            list->items =
                array_grow(reader->parser->arena, list->items, list->count, &list->capacity, bytes);
        if (!read_item(reader, field, list->items + (size_t)list->count * bytes, depth))
            return false;
        list->count++;
    } while (accept(reader, ','));
    return expect(reader, ']');
}

static bool read_field(CommentReader *reader, const FieldDef *field, char *message, int depth)
{
    char *at = message + field->offset;
    AnyList *list = (AnyList *)at;
    bool *has = (bool *)(message + field->has_offset);
    if (field->has_offset ? *has : list->count > 0)
        return fail(reader, arena_format(reader->parser->arena,
                                         "another field: '%s' has a value already", field->name));
    if (!field->has_offset)
        return read_list(reader, field, list, depth);
    *has = true;
    return read_item(reader, field, at, depth);
}

/* ---- Comments ---------------------------------------------------------------------------- */

/* Into the sub-message that a field of a path names, with "[i]" behind it where it is a list. */
static char *step_into(CommentReader *reader, const FieldDef *field, char *message)
{
    char *at = message + field->offset;
    if (field->kind == FIELD_message && field->has_offset) {
        if (*((bool *)message + field->has_offset))
            return *(char **)at;
        fail(reader, "a message that is there");
        return NULL;
    }
    const PointerList *list = (const PointerList *)at;
    int64_t index = -1;
    if (field->kind == FIELD_message && expect(reader, '[')) {
        TnString word = read_word(reader);
        bool known = is_number(word, false) && number_to_int64(word, &index);
        if (known && index >= 0 && index < list->count && expect(reader, ']'))
            return list->items[index];
    }
    fail(reader, "a message that is there");
    return NULL;
}

/* "path.field: value" */
static bool apply(CommentReader *reader, MessageKind kind, char *message)
{
    for (;;) {
        TnString name;
        next_byte(reader);
        size_t begin = reader->at;
        while (reader->at < reader->end && (isalnum((unsigned char)reader->text[reader->at]) ||
                                            reader->text[reader->at] == '_'))
            reader->at++;
        name = (TnString){reader->text + begin, (int64_t)(reader->at - begin)};
        const FieldDef *field = find_field(kind, name);
        CommentRole role = field ? comment_role(kind, field) : ROLE_item;
        if (role == ROLE_comment && accept(reader, ':'))
            return read_field(reader, field, message, 0) &&
                   (!next_byte(reader) || fail(reader, "the end of the line"));
        if (role == ROLE_item || field->kind != FIELD_message) {
            reader->at = begin;
            return fail(reader, arena_format(reader->parser->arena,
                                             "a field of a %s that the syntax itself cannot say",
                                             message_defs[kind].name));
        }
        message = step_into(reader, field, message);
        if (!message || !expect(reader, '.'))
            return false;
        kind = field->message;
    }
}

typedef struct Applier {
    TextParser *parser;
    bool failed;
} Applier;

/* The first comment whose token begins there or later. */
static int64_t first_comment(const TextParser *parser, size_t target)
{
    int64_t low = 0, high = parser->comments.count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (parser->comments.items[middle].target < target)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void apply_all(Applier *applier, MessageKind kind, char *message, size_t target)
{
    TextParser *parser = applier->parser;
    for (int64_t i = first_comment(parser, target); i < parser->comments.count; i++) {
        Comment *comment = &parser->comments.items[i];
        if (comment->target != target)
            return;
        if (comment->is_applied || applier->failed)
            continue;
        comment->is_applied = true;
        CommentReader reader = {parser, parser->source->data, comment->range.begin + 2,
                                comment->range.end};
        applier->failed = !apply(&reader, kind, message);
    }
}

/* Outer messages first, so that they take the comments that they share with inner ones. */
static void visit(Applier *applier, MessageKind kind, char *message)
{
    const Message *base = (const Message *)message;
    const MessageDef *def = &message_defs[kind];
    if (base->end > base->begin)
        apply_all(applier, kind, message, base->begin);
    for (int i = 0; i < def->field_count && !applier->failed; i++) {
        const FieldDef *field = &def->fields[i];
        char *at = message + field->offset;
        if (field->kind != FIELD_message)
            continue;
        if (field->has_offset && *((bool *)message + field->has_offset))
            visit(applier, field->message, *(char **)at);
        const PointerList *list = (const PointerList *)at;
        for (int64_t j = 0; !field->has_offset && j < list->count; j++)
            visit(applier, field->message, list->items[j]);
    }
}

bool comments_apply(TextParser *parser, MessageKind kind, void *message)
{
    Applier applier = {.parser = parser};
    if (parser->comments.count)
        visit(&applier, kind, message);
    for (int64_t i = 0; i < parser->comments.count && !applier.failed; i++)
        if (!parser->comments.items[i].is_applied)
            applier.failed = !parser_error(parser, parser->comments.items[i].range,
                                           "nothing that this could be about begins after it");
    return !applier.failed;
}
