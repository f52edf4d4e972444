/* SPDX-License-Identifier: Apache-2.0
 *
 * Pipelines: reading, printing, and checking their order. Reading is recursive descent over the
 * text; named pipelines are opened as they are met, and one that is met while it is open is
 * refused.
 */
#include "passes/pipeline.h"
#include "ir/support/array.h"
#include "ir/support/nearest.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const PipelineDef pipeline_table[] = {
#define PIPELINE(name, text) {name, text},
#include "passes/pipelines.def"
};
const int pipeline_count = (int)COUNT_OF(pipeline_table);

const OrderDef order_table[] = {
#define ORDER(before, after, why) {before, after, why},
#include "passes/order.def"
};
const int order_count = (int)COUNT_OF(order_table);

const PipelineDef *pipeline_find(const char *name)
{
    for (int i = 0; i < pipeline_count; i++)
        if (!strcmp(pipeline_table[i].name, name))
            return &pipeline_table[i];
    return NULL;
}

/* A text being read. `outer` are the named pipelines that are open. */
typedef struct Reader {
    Arena *arena;
    Diagnostics *diagnostics;
    Source *source;
    size_t at;
    int depth;
    const char *name;
    const struct Reader *outer;
} Reader;

static Location here(const Reader *r, size_t begin)
{
    return (Location){
        .source = r->source, .begin = begin, .end = r->at > begin ? r->at : begin + 1};
}

static char peek(Reader *r)
{
    while (isspace((unsigned char)r->source->data[r->at]))
        r->at++;
    return r->source->data[r->at];
}

static bool accept(Reader *r, char c)
{
    if (peek(r) != c)
        return false;
    r->at++;
    return true;
}

static bool expect(Reader *r, char c)
{
    if (accept(r, c))
        return true;
    char found = peek(r);
    return found ? error_at(r->diagnostics, here(r, r->at), "expected '%c', found '%c'", c, found)
                 : error_at(r->diagnostics, here(r, r->at), "expected '%c' before the end", c);
}

/* A word of letters, digits, '-' and '_'; NULL and a diagnostic if there is none. */
static const char *read_word(Reader *r, const char *what)
{
    peek(r);
    size_t begin = r->at;
    while (isalnum((unsigned char)r->source->data[r->at]) ||
           (r->source->data[r->at] && strchr("-_", r->source->data[r->at])))
        r->at++;
    if (r->at == begin) {
        error_at(r->diagnostics, here(r, begin), "expected %s", what);
        return NULL;
    }
    return arena_string(r->arena, r->source->data + begin, r->at - begin);
}

/* A whole number from 0 on. */
static bool read_number(Reader *r, const char *option, int64_t *number)
{
    char *end;
    peek(r);
    size_t begin = r->at;
    const char *word = read_word(r, "a number");
    if (!word)
        return false;
    errno = 0;
    *number = strtoll(word, &end, 10);
    if (!errno && !*end && *number >= 0)
        return true;
    return error_at(r->diagnostics, here(r, begin),
                    "option '%s' needs a whole number of at least 0, found '%s'", option, word);
}

static const PassOption *find_option(const PassOption *options, const char *name)
{
    while (options && strcmp(options->name, name) != 0)
        options = options->next;
    return options;
}

/* { key = number, ... }, in order. */
static bool read_options(Reader *r, const PassOption **options)
{
    const PassOption **tail = options;
    *options = NULL;
    if (!accept(r, '{'))
        return true;
    do {
        PassOption *option = ARENA_NEW(r->arena, PassOption);
        peek(r);
        size_t begin = r->at;
        option->name = read_word(r, "the name of an option");
        if (!option->name)
            return false;
        option->location = here(r, begin);
        if (find_option(*options, option->name))
            return error_at(r->diagnostics, option->location, "option '%s' is given twice",
                            option->name);
        if (!expect(r, '=') || !read_number(r, option->name, &option->value))
            return false;
        *tail = option;
        tail = (const PassOption **)&option->next;
    } while (accept(r, ','));
    return expect(r, '}');
}

static bool has_option(const PassDef *pass, const char *name)
{
    for (int i = 0; i < pass_option_table_count; i++)
        if (!strcmp(pass_option_table[i].pass, pass->name) &&
            !strcmp(pass_option_table[i].name, name))
            return true;
    return false;
}

static bool check_options(const Reader *r, const PipelineStep *step)
{
    for (const PassOption *option = step->options; option; option = option->next)
        if (!has_option(step->pass, option->name))
            return error_at(r->diagnostics, option->location, "%s has no option '%s'",
                            step->pass->name, option->name);
    return true;
}

static bool read_steps(Reader *r, char end, const PipelineStep **steps);

static bool read_repeat(Reader *r, PipelineStep *step)
{
    const PassOption *options;
    step->kind = STEP_repeat;
    step->rounds = ROUNDS_DEFAULT;
    if (!read_options(r, &options))
        return false;
    for (; options; options = options->next) {
        if (strcmp(options->name, "rounds") || options->value < 1 || options->value > ROUNDS_MOST)
            return error_at(r->diagnostics, options->location,
                            "repeat has one option, rounds, a number from 1 to %d", ROUNDS_MOST);
        step->rounds = (int)options->value;
    }
    return expect(r, '(') && read_steps(r, ')', &step->body) && expect(r, ')');
}

static bool read_named(Reader *r, PipelineStep *step, size_t begin)
{
    step->kind = STEP_named;
    step->name = read_word(r, "the name of a pipeline");
    if (!step->name)
        return false;
    step->location = here(r, begin);
    const PipelineDef *def = pipeline_find(step->name);
    if (!def)
        return error_at(r->diagnostics, step->location, "no pipeline is called '%s'", step->name);
    for (const Reader *outer = r; outer; outer = outer->outer)
        if (outer->name && !strcmp(outer->name, step->name))
            return error_at(r->diagnostics, step->location, "pipeline '%s' contains itself",
                            step->name);
    Source *source = ARENA_NEW(r->arena, Source);
    *source = (Source){.name = arena_format(r->arena, "@%s", def->name),
                       .data = def->text,
                       .length = strlen(def->text)};
    Reader inner = {r->arena, r->diagnostics, source, 0, r->depth, def->name, r};
    return read_steps(&inner, '\0', &step->body);
}

static bool refuse_pass(Reader *r, Location location, const char *name)
{
    Nearest nearest = nearest_to(name);
    for (int i = 0; i < pass_table_count; i++)
        nearest_consider(&nearest, pass_table[i].name);
    return error_at(r->diagnostics, location, "no pass is called '%s'%s%s%s", name,
                    nearest.name ? "; did you mean '" : "", nearest.name ? nearest.name : "",
                    nearest.name ? "'?" : "");
}

static bool read_step(Reader *r, PipelineStep *step)
{
    peek(r);
    size_t begin = r->at;
    if (accept(r, '@'))
        return read_named(r, step, begin);
    const char *name = read_word(r, "the name of a pass");
    if (!name)
        return false;
    step->location = here(r, begin);
    if (!strcmp(name, "repeat"))
        return read_repeat(r, step);
    step->kind = STEP_pass;
    step->pass = pass_find(name, strlen(name));
    if (!step->pass)
        return refuse_pass(r, step->location, name);
    return read_options(r, &step->options) && check_options(r, step);
}

static bool read_steps(Reader *r, char end, const PipelineStep **steps)
{
    enum { DEEPEST = 32 };
    const PipelineStep **tail = steps;
    *steps = NULL;
    if (++r->depth > DEEPEST)
        return error_at(r->diagnostics, here(r, r->at), "repeats are nested too deep");
    if (peek(r) != end) {
        do {
            PipelineStep *step = ARENA_NEW(r->arena, PipelineStep);
            if (!read_step(r, step))
                return false;
            *tail = step;
            tail = (const PipelineStep **)&step->next;
        } while (accept(r, ','));
    }
    r->depth--;
    return true;
}

bool pipeline_parse(Arena *arena, const char *text, Diagnostics *diagnostics,
                    const PipelineStep **steps)
{
    Source *source = ARENA_NEW(arena, Source);
    size_t length = strlen(text);
    *source = (Source){"<passes>", arena_string(arena, text, length), length, false};
    Reader r = {arena, diagnostics, source, 0, 0, NULL, NULL};
    if (!read_steps(&r, '\0', steps))
        return false;
    if (peek(&r))
        return error_at(diagnostics, here(&r, r.at), "expected ',' or the end, found '%c'",
                        peek(&r));
    return true;
}

static void print_step(const PipelineStep *step, Text *text)
{
    switch (step->kind) {
    case STEP_named: text_format(text, "@%s", step->name); return;
    case STEP_repeat:
        text_append(text, "repeat");
        if (step->rounds != ROUNDS_DEFAULT)
            text_format(text, "{rounds=%d}", step->rounds);
        text_append(text, "(");
        pipeline_print(step->body, text);
        text_append(text, ")");
        return;
    case STEP_pass:
        text_append(text, step->pass->name);
        for (const PassOption *option = step->options; option; option = option->next)
            text_format(text, "%s%s=%lld%s", option == step->options ? "{" : ", ", option->name,
                        (long long)option->value, option->next ? "" : "}");
    }
}

void pipeline_print(const PipelineStep *steps, Text *text)
{
    for (const PipelineStep *step = steps; step; step = step->next) {
        print_step(step, text);
        if (step->next)
            text_append(text, ", ");
    }
}

/* The first run of a pass; *at is counted up by the runs before it. */
static const PipelineStep *find_step(const PipelineStep *steps, const char *name, int *at)
{
    for (const PipelineStep *step = steps; step; step = step->next) {
        const PipelineStep *found = step->kind != STEP_pass ? find_step(step->body, name, at)
                                    : strcmp(step->pass->name, name) ? NULL
                                                                     : step;
        if (found)
            return found;
        *at += step->kind == STEP_pass;
    }
    return NULL;
}

const PipelineStep *pipeline_find_step(const PipelineStep *steps, const char *pass)
{
    int at = 0;
    return find_step(steps, pass, &at);
}

bool pipeline_check_order(const PipelineStep *steps, Diagnostics *diagnostics)
{
    bool good = true;
    for (int i = 0; i < order_count; i++) {
        const OrderDef *order = &order_table[i];
        int from = 0, to = 0;
        const PipelineStep *before = find_step(steps, order->before, &from);
        const PipelineStep *after = find_step(steps, order->after, &to);
        if (before && after && from > to)
            good = error_at(diagnostics, before->location, "%s must come before %s: %s",
                            order->before, order->after, order->why);
    }
    return good;
}
