/* SPDX-License-Identifier: Apache-2.0
 *
 * The readers of the text format: what holds scanner and grammar together.
 */
#include "frontend/text/text.h"

#include "frontend/text/build.h"
#include "frontend/text/comment.h"
#include "frontend/text/parser.tab.h"
#include "runtime/element.h"

#include <string.h>

/* In the order of the start tokens in parser.y. */
typedef enum Start {
    START_model,
    START_graph,
    START_function,
    START_nodes,
    START_type,
    START_tensor
} Start;

bool parser_error(TextParser *parser, TextRange range, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    const char *message = arena_format_list(parser->arena, format, list);
    va_end(list);
    Location location = {.source = parser->source, .begin = range.begin, .end = range.end};
    return error_at(parser->diagnostics, location, "%s", message);
}

/* ---- Memory and input of the scanner ----------------------------------------------------- */

size_t parser_read(TextParser *parser, char *buffer, size_t size)
{
    size_t rest = parser->source->length - parser->read;
    size_t bytes = rest < size ? rest : size;
    memcpy(buffer, parser->source->data + parser->read, bytes);
    parser->read += bytes;
    return bytes;
}

_Noreturn void parser_out_of_memory(TextParser *parser)
{
    longjmp(arena_boundary(parser->arena)->jump, 1);
}

void *parser_allocate(TextParser *parser, void *old, size_t bytes)
{
    enum { HEADER = 16 }; /* holds the size, and keeps the alignment */
    size_t old_bytes = 0;
    if (old)
        memcpy(&old_bytes, (char *)old - HEADER, sizeof old_bytes);
    if (bytes <= old_bytes)
        return old;
    char *block = arena_allocate(parser->arena, bytes + HEADER);
    memcpy(block, &bytes, sizeof bytes);
    if (old)
        memcpy(block + HEADER, old, old_bytes);
    return block + HEADER;
}

/* ---- Tokens ------------------------------------------------------------------------------ */

int parser_keyword(TnString word, TnElementType *element)
{
    char text[16];
    if (word.length >= (int64_t)sizeof text)
        return 0;
    memcpy(text, word.data, (size_t)word.length);
    text[word.length] = 0;
    *element = element_by_name(text);
    if (*element != TN_UNDEFINED)
        return ELEMENT;
    return !strcmp(text, "seq")             ? SEQ
           : !strcmp(text, "map")           ? MAP
           : !strcmp(text, "optional")      ? OPTIONAL
           : !strcmp(text, "sparse_tensor") ? SPARSE
           : !strcmp(text, "opaque")        ? OPAQUE
                                            : 0;
}

/* A backslash makes the byte after it an ordinary one; there are no other escapes. */
TnString parser_unquote(TextParser *parser, TnString quoted)
{
    TnString inside = {quoted.data + 1, quoted.length - 2};
    if (!memchr(inside.data, '\\', (size_t)inside.length))
        return inside;
    char *bytes = arena_allocate(parser->arena, (size_t)inside.length);
    int64_t length = 0;
    for (int64_t i = 0; i < inside.length; i++) {
        i += inside.data[i] == '\\';
        bytes[length++] = inside.data[i];
    }
    return (TnString){bytes, length};
}

void parser_add_comment(TextParser *parser, TextRange range)
{
    array_push(parser->arena, &parser->comments, (Comment){.range = range});
}

void parser_bad_byte(TextParser *parser, TextRange range)
{
    unsigned char byte = (unsigned char)parser->source->data[range.begin];
    if (byte > ' ' && byte < 0x7f)
        parser_error(parser, range, "found '%c', which has no meaning here", byte);
    else
        parser_error(parser, range,
                     "found the byte 0x%02x, which may stand in strings and comments only", byte);
}

/* ---- Entry points ------------------------------------------------------------------------ */

static void *parse(Arena *arena, const Source *source, Diagnostics *diagnostics, Start start)
{
    static const MessageKind kinds[] = {MESSAGE_ModelProto,    MESSAGE_GraphProto,
                                        MESSAGE_FunctionProto, MESSAGE_GraphProto,
                                        MESSAGE_TypeProto,     MESSAGE_TensorProto};
    TextParser *parser = ARENA_NEW(arena, TextParser);
    *parser = (TextParser){
        .arena = arena, .source = source, .diagnostics = diagnostics, .start = (int)start};
    if (!parser_open_scanner(parser))
        parser_out_of_memory(parser);
    bool good = grammar_parse(parser) == 0 && comments_apply(parser, kinds[start], parser->result);
    return good ? parser->result : NULL;
}

bool text_parse(Arena *arena, const Source *source, Document *document, Diagnostics *diagnostics)
{
    document->source = source;
    document->model = parse(arena, source, diagnostics, START_model);
    return document->model != NULL;
}

GraphProto *text_parse_graph(Arena *arena, const Source *source, Diagnostics *diagnostics)
{
    return parse(arena, source, diagnostics, START_graph);
}

FunctionProto *text_parse_function(Arena *arena, const Source *source, Diagnostics *diagnostics)
{
    return parse(arena, source, diagnostics, START_function);
}

GraphProto *text_parse_nodes(Arena *arena, const Source *source, Diagnostics *diagnostics)
{
    return parse(arena, source, diagnostics, START_nodes);
}

TypeProto *text_parse_type(Arena *arena, const Source *source, Diagnostics *diagnostics)
{
    return parse(arena, source, diagnostics, START_type);
}

TensorProto *text_parse_tensor(Arena *arena, const Source *source, Diagnostics *diagnostics)
{
    return parse(arena, source, diagnostics, START_tensor);
}
