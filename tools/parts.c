/* SPDX-License-Identifier: Apache-2.0 */
#include "parts.h"

#include "messages.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_PARTS = 64 };

/* ---- Processors -------------------------------------------------------------------------- */

typedef struct Processors {
    int count;
    CompileSettings *items; /* the one that asks most first */
} Processors;

static int features_asked(const CompileSettings *settings)
{
    return __builtin_popcountll(settings->target.needed);
}

static bool add_processor(Session *session, Processors *list, const CompileSettings *settings,
                          const char *cpu)
{
    const Options *options = session->options;
    CompileSettings made = *settings;
    if (!target_named(session->arena, option_text(options, OPTION_target, NULL), cpu,
                      option_text(options, OPTION_mattr, NULL), &made.target, session->diagnostics))
        return session_fail(session, TN_UNSUPPORTED, NULL);
    made.target.strict = settings->target.strict;
    if (strncmp(made.target.triple, "x86_64", 6) != 0)
        return session_fail(session, TN_UNSUPPORTED,
                            "one file for several processors of '%s': they can be told apart on "
                            "x86_64 only",
                            made.target.triple);
    int at = list->count++;
    for (; at > 0 && features_asked(&list->items[at - 1]) < features_asked(&made); at--)
        list->items[at] = list->items[at - 1];
    list->items[at] = made;
    return true;
}

static bool check_processors(Session *session, const Processors *list)
{
    for (int i = 1; i < list->count; i++) {
        const Target *more = &list->items[i - 1].target, *less = &list->items[i].target;
        if (less->needed & ~more->needed)
            return session_fail(session, TN_BAD_ARGUMENT,
                                "--mcpu: of '%s' and '%s' neither has all that the other has",
                                more->cpu, less->cpu);
        if (less->needed == more->needed)
            return session_fail(session, TN_BAD_ARGUMENT,
                                "--mcpu: '%s' and '%s' ask the same of a processor", more->cpu,
                                less->cpu);
    }
    return true;
}

static bool list_processors(Session *session, const CompileSettings *settings, Processors *list)
{
    const char *text = option_text(session->options, OPTION_mcpu, "");
    list->items = ARENA_ARRAY(session->arena, CompileSettings, strlen(text) + 1);
    if (!strchr(text, ',')) {
        list->items[list->count++] = *settings;
        return true;
    }
    while (*text) {
        size_t length = strcspn(text, ",");
        const char *cpu = arena_string(session->arena, text, length);
        if (!length)
            return session_fail(session, TN_BAD_ARGUMENT, "--mcpu: an empty name");
        if (!add_processor(session, list, settings, cpu))
            return false;
        text += length + (text[length] == ',');
    }
    return check_processors(session, list);
}

/* ---- Sizes ------------------------------------------------------------------------------- */

typedef struct Cases {
    int count, size_count;
    DimSetting *sizes; /* [count, size_count] */
} Cases;

/* "N=1,8": each case so far, once for each number. */
static void multiply_cases(Session *session, Cases *cases, const char *text)
{
    const char *at = strchr(text, '=');
    if (!at || at == text)
        wrong_usage("option '--specialize' needs NAME=N,N.., not '%s'", text);
    const char *name = arena_string(session->arena, text, (size_t)(at - text));
    int before = cases->count, width = cases->size_count + 1;
    Cases made = {.size_count = width,
                  .sizes = ARENA_ARRAY(session->arena, DimSetting, MAX_PARTS * width)};
    do {
        char *end;
        long long size = strtoll(at + 1, &end, 10);
        if (end == at + 1 || (*end && *end != ',') || size < 0)
            wrong_usage("option '--specialize' needs NAME=N,N.., not '%s'", text);
        if (made.count + before > MAX_PARTS)
            wrong_usage("option '--specialize' asks for more than %d fast paths", (int)MAX_PARTS);
        for (int i = 0; i < before; i++) {
            DimSetting *sizes = &made.sizes[width * made.count++];
            if (width > 1)
                memcpy(sizes, &cases->sizes[(width - 1) * i], sizeof *sizes * (size_t)(width - 1));
            sizes[width - 1] = (DimSetting){.symbol = name, .size = size};
        }
        at = end;
    } while (*at);
    *cases = made;
}

/* Whether the shapes of inputs decide a size of that name. */
static bool is_size(const Graph *graph, const char *name)
{
    for (int i = 0; i < graph->input_count; i++) {
        const Type *type = graph->inputs[i]->type;
        for (int d = 0; type_is_tensor(type) && d < type->rank; d++)
            if (type->dims[d]->kind == EXPR_symbol &&
                !strcmp(((const Symbol *)type->dims[d]->object)->name, name))
                return true;
    }
    return false;
}

static bool list_cases(Session *session, Cases *cases)
{
    const char *text;
    *cases = (Cases){.count = 1};
    for (int i = 0; (text = option_each(session->options, OPTION_specialize, i)); i++)
        multiply_cases(session, cases, text);
    for (int i = 0; i < cases->size_count; i++)
        if (!is_size(session->model->graph, cases->sizes[i].symbol))
            return session_fail(session, TN_BAD_ARGUMENT,
                                "--specialize: the inputs have no size '%s'",
                                cases->sizes[i].symbol);
    if (cases->size_count == 0)
        cases->count = 0;
    return true;
}

/* ---- Parts ------------------------------------------------------------------------------- */

static bool add_part(Session *session, const CompileSettings *settings, int size_count,
                     const DimSetting *sizes, Parts *parts)
{
    Session again = *session, *from = session;
    if (parts->count) {
        again.is_again = true;
        again.sizes = sizes;
        again.size_count = size_count;
        from = &again;
        if (!session_import(from) || !session_optimize(from, session_pipeline(session)) ||
            !session_limit(from)) {
            session->status = from->status;
            return false;
        }
    }
    Lowered *lowered = ARENA_NEW(session->arena, Lowered);
    TnStatus status = program_lower(from->model, settings, lowered, session->diagnostics);
    parts->items[parts->count++] = (ArtifactPart){
        .lowered = lowered, .settings = settings, .size_count = size_count, .sizes = sizes};
    return status == TN_OK || session_fail(session, status, NULL);
}

bool session_parts(Session *session, const CompileSettings *settings, Parts *parts)
{
    Processors processors = {0};
    Cases cases;
    if (!list_processors(session, settings, &processors) || !list_cases(session, &cases))
        return false;
    int count = processors.count * (cases.count + 1);
    *parts = (Parts){.items = ARENA_ARRAY(session->arena, ArtifactPart, count)};
    for (int i = 0; i < processors.count; i++) {
        CompileSettings *own = &processors.items[i];
        own->target.shared_lanes =
            count > 1 ? processors.items[0].target.vector_bytes / (int)sizeof(float) : 0;
        if (!add_part(session, own, 0, NULL, parts))
            return false;
        for (int k = 0; k < cases.count; k++)
            if (!add_part(session, own, cases.size_count, &cases.sizes[k * cases.size_count],
                          parts))
                return false;
    }
    return true;
}
