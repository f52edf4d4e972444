/* SPDX-License-Identifier: Apache-2.0
 *
 * What the driver says on stderr beside dumps: text for people, or with --diagnostics=json a JSON
 * object a line:
 *
 *     {"type": "diagnostic", "severity": "error", "message": "…", "file": "m.onnxtxt", "line": 5,
 * …}
 *     {"type": "statistics", "passes": […]}, {"type": "explanations", "explanations": […]}, …
 *
 * docs/debugging.md lists the fields.
 */
#ifndef TOOLS_MESSAGES_H
#define TOOLS_MESSAGES_H

#include "codegen/tuning.h"
#include "ir/support/diagnostic.h"
#include "passes/run.h"

#include <jansson.h>
#include <stdarg.h>

/* Text that need not be UTF-8, as JSON must: bytes that are not become '?'. */
json_t *text_json(const char *text);
/* A listing on stdout, which is released; answers the exit status. */
int print_listing(json_t *json);

/* Found on the command line before it is read, so that wrong usage is told in the same form. */
void messages_choose_form(int argc, char **argv);

/* "tenon: …": something that no place in a model is to blame for; file may be NULL. */
void tell(Severity severity, const char *file, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void tell_list(Severity severity, const char *file, const char *format, va_list list)
    __attribute__((format(printf, 3, 0)));
/* `file` is named where the diagnostic does not. */
void tell_diagnostic(const Diagnostic *diagnostic, const char *file, Arena *arena);
void tell_statistics(const RunReport *report, bool times, Arena *arena);
void tell_explanations(const RunReport *report, Arena *arena);
/* The candidates for the tiles of each contraction. */
void tell_tiles(const Tuning *tuning, Arena *arena);
void tell_bisection(const RunReport *report);

#endif
