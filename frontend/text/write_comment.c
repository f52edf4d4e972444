/* SPDX-License-Identifier: Apache-2.0
 *
 * Structured comments as text.
 */
#include "frontend/text/comment.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

static const struct {
    MessageKind kind;
    size_t offset;
    CommentRole role;
} roles[] = {
#define COMMENT(Message, field) {MESSAGE_##Message, offsetof(Message, field), ROLE_comment},
#define ITEM(Message, field)    {MESSAGE_##Message, offsetof(Message, field), ROLE_item},
#include "frontend/text/comment.def"
};

CommentRole comment_role(MessageKind kind, const FieldDef *field)
{
    for (size_t i = 0; i < COUNT_OF(roles); i++)
        if (roles[i].kind == kind && roles[i].offset == field->offset)
            return roles[i].role;
    return ROLE_text;
}

/* ---- Values ------------------------------------------------------------------------------ */

/* Bytes, unlike strings, need not be UTF-8. */
static void append_string(Text *text, TnString string, bool is_bytes)
{
    text_append(text, "\"");
    for (int64_t i = 0; i < string.length; i++) {
        unsigned char c = (unsigned char)string.data[i];
        if (c == '\n')
            text_append(text, "\\n");
        else if (c < ' ' || c == 0x7f || (is_bytes && c > 0x7f))
            text_format(text, "\\x%02x", c);
        else if (c == '"' || c == '\\')
            text_format(text, "\\%c", c);
        else
            text_append_bytes(text, (const char *)&string.data[i], 1);
    }
    text_append(text, "\"");
}

static void append_field(Text *text, const FieldDef *field, const char *message);

static bool is_present(const FieldDef *field, const char *message)
{
    const PointerList *list = (const PointerList *)(message + field->offset);
    return field->has_offset ? *((const bool *)message + field->has_offset) : list->count > 0;
}

static void append_message(Text *text, MessageKind kind, const char *message)
{
    const StringStringEntryProto *entry = (const StringStringEntryProto *)message;
    if (kind == MESSAGE_StringStringEntryProto && entry->has_key && entry->has_value) {
        append_string(text, entry->key, false);
        text_append(text, " : ");
        append_string(text, entry->value, false);
        return;
    }
    const MessageDef *def = &message_defs[kind];
    bool first = true;
    text_append(text, "{");
    for (int i = 0; i < def->field_count; i++) {
        if (!is_present(&def->fields[i], message))
            continue;
        text_format(text, "%s%s: ", first ? "" : ", ", def->fields[i].name);
        append_field(text, &def->fields[i], message);
        first = false;
    }
    text_append(text, "}");
}

static void append_item(Text *text, const FieldDef *field, const void *item)
{
    switch (field->kind) {
    case FIELD_int32: text_format(text, "%" PRId32, *(const int32_t *)item); break;
    case FIELD_int64: text_format(text, "%" PRId64, *(const int64_t *)item); break;
    case FIELD_uint64: text_format(text, "%" PRIu64, *(const uint64_t *)item); break;
    case FIELD_float: text_append_float(text, *(const float *)item); break;
    case FIELD_double: text_append_double(text, *(const double *)item); break;
    case FIELD_string:
    case FIELD_bytes:
        append_string(text, *(const TnString *)item, field->kind == FIELD_bytes);
        break;
    case FIELD_message: append_message(text, field->message, *(const char *const *)item); break;
    }
}

static void append_field(Text *text, const FieldDef *field, const char *message)
{
    const char *at = message + field->offset;
    if (field->has_offset) {
        append_item(text, field, at);
        return;
    }
    const PointerList *list = (const PointerList *)at;
    text_append(text, "[");
    for (int64_t i = 0; i < list->count; i++) {
        text_append(text, i ? ", " : "");
        append_item(text, field, (const char *)list->items + (size_t)i * field_item_bytes(field));
    }
    text_append(text, "]");
}

/* ---- Comments ---------------------------------------------------------------------------- */

/* Where in the message of the comment a field lies. */
typedef struct Path {
    const struct Path *parent;
    const FieldDef *field;
    int64_t index; /* -1: not in a list */
} Path;

static void append_path(Text *text, const Path *path)
{
    if (!path)
        return;
    append_path(text, path->parent);
    text_append(text, path->field->name);
    if (path->index >= 0)
        text_format(text, "[%" PRId64 "]", path->index);
    text_append(text, ".");
}

/* Writes the comments (writer NULL: only looks for them); answers whether there are any. */
static bool walk(Writer *writer, MessageKind kind, const char *message, const Path *parent);

/* Sub-messages of a field that have no text of their own to stand before. */
static bool walk_into(Writer *writer, const FieldDef *field, const char *message,
                      const Path *parent)
{
    const char *at = message + field->offset;
    Path path = {parent, field, -1};
    if (field->has_offset)
        return walk(writer, field->message, *(const char *const *)at, &path);
    const PointerList *list = (const PointerList *)at;
    bool found = false;
    for (path.index = 0; path.index < list->count; path.index++)
        found |= walk(writer, field->message, list->items[path.index], &path);
    return found;
}

static bool says_something(const FieldDef *field, const char *message)
{
    bool is_string = field->has_offset && field->kind == FIELD_string;
    return is_present(field, message) &&
           !(is_string && ((const TnString *)(message + field->offset))->length == 0);
}

static bool walk(Writer *writer, MessageKind kind, const char *message, const Path *parent)
{
    const MessageDef *def = &message_defs[kind];
    bool found = false;
    for (int i = 0; i < def->field_count; i++) {
        const FieldDef *field = &def->fields[i];
        if (!says_something(field, message))
            continue;
        CommentRole role = comment_role(kind, field);
        bool is_type = role == ROLE_comment && field->message == MESSAGE_TypeProto;
        if (is_type && is_writable(*(TypeProto *const *)(message + field->offset)))
            role = ROLE_text;
        if (role == ROLE_text && field->kind == FIELD_message)
            found |= walk_into(writer, field, message, parent);
        if (role != ROLE_comment)
            continue;
        found = true;
        if (!writer)
            break;
        text_append(writer->text, "#@ ");
        append_path(writer->text, parent);
        text_format(writer->text, "%s: ", field->name);
        append_field(writer->text, field, message);
        write_new_line(writer);
    }
    return found;
}

bool has_comments(MessageKind kind, const void *message)
{
    return walk(NULL, kind, message, NULL);
}

void write_comments(Writer *writer, MessageKind kind, const void *message)
{
    walk(writer, kind, message, NULL);
}
