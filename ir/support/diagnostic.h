/* SPDX-License-Identifier: Apache-2.0
 *
 * Diagnostics: errors, warnings and notes, with the place that they speak of.
 *
 * A place is a range of bytes in a source (line and column are worked out only to print), or in a
 * binary model the byte offset and the path of the message, and the user's node name where there is
 * one. Messages say what was found and what was expected.
 */
#ifndef IR_SUPPORT_DIAGNOSTIC_H
#define IR_SUPPORT_DIAGNOSTIC_H

#include "arena.h"
#include "tenon.h"

#include <stdbool.h>

/* Where text or bytes came from. */
typedef struct Source {
    const char *name; /* a path, or "<memory>" */
    const char *data;
    size_t length;
    bool is_binary;
} Source;

/* 1-based line and column (in bytes) of an offset. */
void source_position(const Source *source, size_t offset, int *line, int *column);

typedef struct Location {
    const Source *source; /* NULL: unknown */
    size_t begin, end;    /* bytes */
    const char *path;     /* binary: "graph.node[3].attribute[0]"; or NULL */
    const char *node;     /* the user's node name; or NULL */
    const char *op;       /* the operator of the node; or NULL */
} Location;

typedef enum Severity { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_NOTE } Severity;

typedef struct Diagnostic {
    Severity severity;
    Location location;
    const char *message;
    bool unsupported;             /* legal, and not implemented */
    const char *found, *expected; /* where the message says them, for tools to read; or NULL */
} Diagnostic;

typedef struct Diagnostics {
    Arena *arena;
    Diagnostic *items;
    int64_t count, capacity;
    int64_t error_count;
    bool unsupported;   /* at least one error was "not supported:" */
    bool no_file;       /* at least one was a file that could not be read */
    bool out_of_memory; /* at least one was for want of memory */
} Diagnostics;

Diagnostics *diagnostics_create(Arena *arena);
void diagnose(Diagnostics *diagnostics, Severity severity, Location location, const char *format,
              ...) __attribute__((format(printf, 4, 5)));
/* diagnose(…, SEVERITY_ERROR, …), answering false, so that a check can end in "return error_at(…)".
 */
bool error_at(Diagnostics *diagnostics, Location location, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* As error_at; the message begins with "not supported: ". */
bool unsupported_at(Diagnostics *diagnostics, Location location, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* As error_at; the message begins with "out of memory for ". */
bool no_memory_at(Diagnostics *diagnostics, Location location, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* As error_at, after a system call that failed on a file: errno's text follows after ": ". */
bool system_error_at(Diagnostics *diagnostics, Location location, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Takes back all that was reported since `before` was a copy of it. */
void diagnostics_rewind(Diagnostics *diagnostics, const Diagnostics *before);
/* What an API function answers after errors: the gravest of them. */
TnStatus diagnostics_status(const Diagnostics *diagnostics);

/* What the last diagnostic found and what was expected there. */
void diagnostic_set_mismatch(Diagnostics *diagnostics, const char *found, const char *expected);

/* "file:5:7: error: …" with the line and a caret for text, and
 * "file: at byte 123, graph.node[3] (conv_1): error: …" for binary models. */
struct Text;
void diagnostic_render(const Diagnostic *diagnostic, struct Text *text);

#endif
