/* SPDX-License-Identifier: Apache-2.0 */
#include "diagnostic.h"

#include "array.h"
#include "text.h"

#include <errno.h>
#include <string.h>

void source_position(const Source *source, size_t offset, int *line, int *column)
{
    if (offset > source->length)
        offset = source->length;
    size_t line_begin = 0;
    *line = 1;
    for (size_t i = 0; i < offset; i++)
        if (source->data[i] == '\n')
            ++*line, line_begin = i + 1;
    *column = (int)(offset - line_begin) + 1;
}

Diagnostics *diagnostics_create(Arena *arena)
{
    Diagnostics *diagnostics = ARENA_NEW(arena, Diagnostics);
    diagnostics->arena = arena;
    return diagnostics;
}

static void add(Diagnostics *diagnostics, Severity severity, Location location, const char *message)
{
    Diagnostic diagnostic = {.severity = severity, .location = location, .message = message};
    array_push(diagnostics->arena, diagnostics, diagnostic);
    diagnostics->error_count += severity == SEVERITY_ERROR;
}

void diagnose(Diagnostics *diagnostics, Severity severity, Location location, const char *format,
              ...)
{
    va_list list;
    va_start(list, format);
    add(diagnostics, severity, location, arena_format_list(diagnostics->arena, format, list));
    va_end(list);
}

bool error_at(Diagnostics *diagnostics, Location location, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    add(diagnostics, SEVERITY_ERROR, location, arena_format_list(diagnostics->arena, format, list));
    va_end(list);
    return false;
}

bool unsupported_at(Diagnostics *diagnostics, Location location, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    const char *what = arena_format_list(diagnostics->arena, format, list);
    va_end(list);
    add(diagnostics, SEVERITY_ERROR, location,
        arena_format(diagnostics->arena, "not supported: %s", what));
    diagnostics->items[diagnostics->count - 1].unsupported = true;
    diagnostics->unsupported = true;
    return false;
}

bool no_memory_at(Diagnostics *diagnostics, Location location, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    const char *what = arena_format_list(diagnostics->arena, format, list);
    va_end(list);
    add(diagnostics, SEVERITY_ERROR, location,
        arena_format(diagnostics->arena, "out of memory for %s", what));
    diagnostics->out_of_memory = true;
    return false;
}

bool system_error_at(Diagnostics *diagnostics, Location location, const char *format, ...)
{
    int reason = errno;
    va_list list;
    va_start(list, format);
    const char *what = arena_format_list(diagnostics->arena, format, list);
    va_end(list);
    add(diagnostics, SEVERITY_ERROR, location,
        arena_format(diagnostics->arena, "%s: %s", what, strerror(reason)));
    if (reason == ENOMEM)
        diagnostics->out_of_memory = true;
    else
        diagnostics->no_file = true;
    return false;
}

void diagnostics_rewind(Diagnostics *diagnostics, const Diagnostics *before)
{
    diagnostics->count = before->count;
    diagnostics->error_count = before->error_count;
    diagnostics->unsupported = before->unsupported;
    diagnostics->no_file = before->no_file;
    diagnostics->out_of_memory = before->out_of_memory;
}

TnStatus diagnostics_status(const Diagnostics *diagnostics)
{
    return diagnostics->out_of_memory ? TN_OUT_OF_MEMORY
           : diagnostics->no_file     ? TN_IO
           : diagnostics->unsupported ? TN_UNSUPPORTED
                                      : TN_INVALID_MODEL;
}

void diagnostic_set_mismatch(Diagnostics *diagnostics, const char *found, const char *expected)
{
    if (diagnostics->count == 0)
        return;
    diagnostics->items[diagnostics->count - 1].found = found;
    diagnostics->items[diagnostics->count - 1].expected = expected;
}

/* The line that the range begins in, and a caret and tildes under the range. */
static void render_excerpt(const Location *location, Text *text)
{
    const Source *source = location->source;
    size_t begin = location->begin < source->length ? location->begin : source->length;
    size_t from = begin, to = begin;
    while (from > 0 && source->data[from - 1] != '\n')
        from--;
    while (to < source->length && source->data[to] != '\n')
        to++;
    if (to - from > 200) /* a line of numbers: show what is around the place */
        from = begin - from > 80 ? begin - 80 : from, to = to - begin > 80 ? begin + 80 : to;
    text_append(text, "  ");
    text_append_bytes(text, source->data + from, to - from);
    text_append(text, "\n  ");
    for (size_t i = from; i < begin; i++)
        text_append(text, source->data[i] == '\t' ? "\t" : " ");
    text_append(text, "^");
    for (size_t i = begin + 1; i < location->end && i < to; i++)
        text_append(text, "~");
    text_append(text, "\n");
}

void diagnostic_render(const Diagnostic *diagnostic, Text *text)
{
    static const char *const severities[] = {"error", "warning", "note"};
    const Location *location = &diagnostic->location;
    const Source *source = location->source;
    bool is_text = source && !source->is_binary;
    if (source)
        text_append(text, source->name);
    if (is_text && source->data) {
        int line, column;
        source_position(source, location->begin, &line, &column);
        text_format(text, ":%d:%d", line, column);
    }
    if (source)
        text_append(text, ": ");
    if (source && source->is_binary && location->path)
        text_format(text, "at byte %zu, %s: ", location->begin, location->path);
    if (location->node && *location->node)
        text_format(text, "node '%s': ", location->node);
    text_format(text, "%s: %s\n", severities[diagnostic->severity], diagnostic->message);
    if (is_text && source->data && location->end > location->begin)
        render_excerpt(location, text);
}
