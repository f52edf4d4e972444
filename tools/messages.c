/* SPDX-License-Identifier: Apache-2.0 */
#include "messages.h"

#include "options.h"

#include <stdlib.h>
#include <string.h>

static const char *const severities[] = {"error", "warning", "note"};
static bool as_json;

void messages_choose_form(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--diagnostics=json") ||
            (!strcmp(argv[i], "--diagnostics") && i + 1 < argc && !strcmp(argv[i + 1], "json")))
            as_json = true;
}

json_t *text_json(const char *text)
{
    size_t length = strlen(text);
    json_t *string = json_stringn(text, length);
    if (string)
        return string;
    char *copy = malloc(length + 1);
    if (!copy)
        return NULL;
    for (size_t i = 0; i < length; i++)
        copy[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
    string = json_stringn(copy, length);
    free(copy);
    return string;
}

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text && *text)
        json_object_set_new(object, key, text_json(text));
}

static void print_line(json_t *object)
{
    json_dumpf(object, stderr, JSON_COMPACT);
    fputc('\n', stderr);
    json_decref(object);
}

static json_t *message_json(Severity severity, const char *message)
{
    json_t *object =
        json_pack("{s:s, s:s}", "type", "diagnostic", "severity", severities[severity]);
    set_text(object, "message", message);
    return object;
}

int print_listing(json_t *json)
{
    int status = json_dumpf(json, stdout, JSON_INDENT(2)) == 0 ? EXIT_GOOD : EXIT_WRONG_MODEL;
    putchar('\n');
    json_decref(json);
    return status;
}

void tell_list(Severity severity, const char *file, const char *format, va_list list)
{
    char message[1024];
    vsnprintf(message, sizeof message, format, list);
    if (as_json) {
        json_t *object = message_json(severity, message);
        set_text(object, "file", file);
        print_line(object);
    } else {
        fprintf(stderr, "%s: %s: %s\n", file ? file : "tenon", severities[severity], message);
    }
}

void tell(Severity severity, const char *file, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    tell_list(severity, file, format, list);
    va_end(list);
}

/* ---- Diagnostics --------------------------------------------------------------------------- */

static void set_place(json_t *object, const Location *location)
{
    const Source *source = location->source;
    bool is_text = source && !source->is_binary && source->data;
    if (is_text) {
        int line, column;
        source_position(source, location->begin, &line, &column);
        json_object_set_new(object, "line", json_integer(line));
        json_object_set_new(object, "column", json_integer(column));
    }
    if (is_text || (source && location->path)) {
        json_object_set_new(object, "byte", json_integer((json_int_t)location->begin));
        json_object_set_new(object, "end_byte", json_integer((json_int_t)location->end));
    }
    set_text(object, "path", location->path);
    set_text(object, "node", location->node);
    set_text(object, "operator", location->op);
}

void tell_diagnostic(const Diagnostic *diagnostic, const char *file, Arena *arena)
{
    const Source *source = diagnostic->location.source;
    if (as_json) {
        json_t *object = message_json(diagnostic->severity, diagnostic->message);
        json_object_set_new(object, "unsupported", json_boolean(diagnostic->unsupported));
        set_text(object, "file", source ? source->name : file);
        set_place(object, &diagnostic->location);
        set_text(object, "found", diagnostic->found);
        set_text(object, "expected", diagnostic->expected);
        print_line(object);
        return;
    }
    Text text = text_create(arena);
    if (!source && file)
        text_format(&text, "%s: ", file);
    diagnostic_render(diagnostic, &text);
    fputs(text.data, stderr);
}

/* ---- Reports ------------------------------------------------------------------------------- */

void tell_statistics(const RunReport *report, bool times, Arena *arena)
{
    if (!as_json) {
        Text text = text_create(arena);
        report_print_statistics(report, times, &text);
        fputs(text.data, stderr);
        return;
    }
    json_t *passes = json_array();
    for (int64_t i = 0; i < report->pass_count; i++) {
        const PassStatistics *pass = &report->passes[i];
        json_t *rules = json_object();
        for (int r = 0; r < pass->rule_count; r++)
            json_object_set_new(rules, pass->rules[r].rule, json_integer(pass->rules[r].count));
        json_t *object =
            json_pack("{s:s, s:I, s:I, s:o}", "pass", pass->def->name, "runs",
                      (json_int_t)pass->runs, "changes", (json_int_t)pass->changes, "rules", rules);
        if (times)
            json_object_set_new(object, "ms", json_real((double)pass->nanoseconds * 1e-6));
        json_array_append_new(passes, object);
    }
    print_line(json_pack("{s:s, s:o}", "type", "statistics", "passes", passes));
}

void tell_explanations(const RunReport *report, Arena *arena)
{
    Text text = text_create(arena);
    if (as_json) {
        report_print_explanations_json(report, &text);
        print_line(json_pack("{s:s, s:o?}", "type", "explanations", "explanations",
                             json_loadb(text.data, text.length, 0, NULL)));
    } else {
        report_print_explanations(report, &text);
        fputs(text.data, stderr);
    }
}

static json_t *candidates_json(const TuningEntry *entry)
{
    json_t *list = json_array();
    for (int i = 0; i < entry->count; i++) {
        const TuningCandidate *c = &entry->candidates[i];
        json_t *item = json_pack("{s:i, s:i, s:i, s:I, s:b, s:f}", "rows", c->rows, "vectors",
                                 c->vectors, "unroll", c->unroll, "n_block", (json_int_t)c->n_block,
                                 "chosen", i == entry->chosen, "predicted_cycles", c->cycles);
        if (c->predicted_us > 0)
            json_object_set_new(item, "predicted_us", json_real(c->predicted_us));
        if (c->measured_us > 0)
            json_object_set_new(item, "measured_us", json_real(c->measured_us));
        json_array_append_new(list, item);
    }
    return list;
}

void tell_tiles(const Tuning *tuning, Arena *arena)
{
    Text text = text_create(arena);
    if (!as_json) {
        tuning_print(tuning, &text);
        fputs(text.data, stderr);
        return;
    }
    json_t *list = json_array();
    for (int64_t i = 0; i < tuning->entries.count; i++) {
        const TuningEntry *entry = tuning->entries.items[i];
        if (entry->is_offered)
            json_array_append_new(list, json_pack("{s:s, s:o}", "key", entry->key, "candidates",
                                                  candidates_json(entry)));
    }
    print_line(json_pack("{s:s, s:o}", "type", "tiles", "contractions", list));
}

void tell_bisection(const RunReport *report)
{
    if (as_json)
        print_line(json_pack("{s:s, s:I, s:s}", "type", "bisection", "changes",
                             (json_int_t)report->changes, "last", report->last_change));
    else
        fprintf(stderr, "%lld changes; the last one: %s\n", (long long)report->changes,
                report->last_change);
}
