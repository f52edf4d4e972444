/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports in words and as JSON.
 */
#include "passes/run.h"

#include <stdlib.h>
#include <string.h>

static int compare_rules(const void *a, const void *b)
{
    return strcmp(((const RuleCount *)a)->rule, ((const RuleCount *)b)->rule);
}

void report_print_statistics(const RunReport *report, bool times, Text *text)
{
    for (int64_t i = 0; i < report->pass_count; i++) {
        const PassStatistics *pass = &report->passes[i];
        text_format(text, "%-24s %6lld changes", pass->def->name, (long long)pass->changes);
        if (times)
            text_format(text, " %10.3f ms", (double)pass->nanoseconds * 1e-6);
        text_append(text, "\n");
        RuleCount *rules = ARENA_ARRAY(text->arena, RuleCount, pass->rule_count + 1);
        if (pass->rule_count)
            memcpy(rules, pass->rules, (size_t)pass->rule_count * sizeof *rules);
        qsort(rules, (size_t)pass->rule_count, sizeof *rules, compare_rules);
        for (int r = 0; r < pass->rule_count; r++)
            text_format(text, "   %-28s %6lld\n", rules[r].rule, (long long)rules[r].count);
    }
}

static void print_figure(const Figure *figure, Text *text)
{
    if (figure->value == (double)(int64_t)figure->value)
        text_format(text, "%lld", (long long)figure->value);
    else
        text_format(text, "%.3g", figure->value);
}

void report_print_explanations(const RunReport *report, Text *text)
{
    for (int64_t i = 0; i < report->explanation_count; i++) {
        const Explanation *e = &report->explanations[i];
        text_format(text, "%s: %s: %s: %s", e->pass, e->subject, e->done ? "yes" : "no", e->reason);
        for (int f = 0; f < e->figure_count; f++) {
            text_format(text, "%s%s ", f ? ", " : " (", e->figures[f].name);
            print_figure(&e->figures[f], text);
        }
        text_append(text, e->figure_count ? ")\n" : "\n");
    }
}

void report_print_explanations_json(const RunReport *report, Text *text)
{
    text_append(text, "[");
    for (int64_t i = 0; i < report->explanation_count; i++) {
        const Explanation *e = &report->explanations[i];
        text_append(text, i ? ",\n {\"pass\": " : "\n {\"pass\": ");
        text_append_quoted(text, e->pass, strlen(e->pass));
        text_append(text, ", \"subject\": ");
        text_append_quoted(text, e->subject, strlen(e->subject));
        text_format(text, ", \"done\": %s, \"reason\": ", e->done ? "true" : "false");
        text_append_quoted(text, e->reason, strlen(e->reason));
        for (int f = 0; f < e->figure_count; f++) {
            text_append(text, ", ");
            text_append_quoted(text, e->figures[f].name, strlen(e->figures[f].name));
            text_append(text, ": ");
            print_figure(&e->figures[f], text);
        }
        text_append(text, "}");
    }
    text_append(text, report->explanation_count ? "\n]\n" : "]\n");
}
