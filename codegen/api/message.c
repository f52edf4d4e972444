/* SPDX-License-Identifier: Apache-2.0
 *
 * What the library says: versions, statuses, diagnostics.
 */
#include "codegen/api/api.h"

#include <string.h>

const char *tn_version(void)
{
#define TEXT(x)                      #x
#define VERSION(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)
    return VERSION(TN_VERSION_MAJOR, TN_VERSION_MINOR, TN_VERSION_PATCH);
#undef VERSION
#undef TEXT
}

const char *tn_status_text(TnStatus status)
{
    return tn_status_words(status);
}

void api_copy_options(void *own, size_t own_size, const void *given)
{
    size_t size;
    if (!given)
        return;
    memcpy(&size, given, sizeof size);
    memcpy(own, given, size < own_size ? size : own_size);
}

void api_give(void *to, const void *own, size_t own_size)
{
    size_t size;
    memcpy(&size, to, sizeof size);
    size_t shared = size < own_size ? size : own_size;
    if (shared > sizeof size)
        memcpy((char *)to + sizeof size, (const char *)own + sizeof size, shared - sizeof size);
}

static TnSeverity severity_of(const Diagnostic *diagnostic)
{
    switch (diagnostic->severity) {
    case SEVERITY_ERROR: return TN_ERROR;
    case SEVERITY_WARNING: return TN_WARNING;
    case SEVERITY_NOTE: break;
    }
    return TN_NOTE;
}

static TnDiagnostic as_data(const Diagnostic *diagnostic, const char *text)
{
    const Location *location = &diagnostic->location;
    const Source *source = location->source;
    TnDiagnostic data = {.size = sizeof data,
                         .severity = severity_of(diagnostic),
                         .message = diagnostic->message,
                         .text = text,
                         .file = source ? source->name : NULL,
                         .begin = -1,
                         .end = -1,
                         .path = location->path,
                         .node = location->node && *location->node ? location->node : NULL};
    if (source && source->data) {
        data.begin = (int64_t)location->begin;
        data.end = (int64_t)location->end;
        if (!source->is_binary)
            source_position(source, location->begin, &data.line, &data.column);
    }
    return data;
}

void api_tell(const Listener *listener, Arena *arena, const Diagnostics *diagnostics, int64_t from)
{
    for (int64_t i = from; i < diagnostics->count && (listener->log || listener->diagnose); i++) {
        Text text = text_create(arena);
        const Diagnostic *diagnostic = &diagnostics->items[i];
        diagnostic_render(diagnostic, &text);
        if (listener->log)
            listener->log(listener->log_user, severity_of(diagnostic), text.data);
        if (listener->diagnose) {
            TnDiagnostic data = as_data(diagnostic, text.data);
            listener->diagnose(listener->diagnose_user, &data);
        }
    }
}
