/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver of passes.
 *
 * Passes are deterministic, so the graph before a failing pass need not be kept: the driver keeps
 * one copy of the model as it was at first, and if a pass fails, runs the pipeline on it again up
 * to that pass. That graph, printed, with the command that fails, is the reproducer.
 */
#include "passes/run.h"
#include "ir/support/array.h"
#include "ir/support/budget.h"
#include "passes/model_text.h"
#include "passes/state.h"

#include <assert.h>
#include <string.h>

RunOptions run_options_default(void)
{
    return (RunOptions){.bisect = -1};
}

static PassStatistics *statistics_of(RunReport *report, const PassDef *def)
{
    for (int64_t i = 0; i < report->pass_count; i++)
        if (report->passes[i].def == def)
            return &report->passes[i];
    if (report->pass_count == report->pass_capacity)
        report->passes = array_grow(report->arena, report->passes, report->pass_count,
                                    &report->pass_capacity, sizeof *report->passes);
    PassStatistics *statistics = &report->passes[report->pass_count++];
    *statistics = (PassStatistics){.def = def};
    return statistics;
}

static bool is_wanted(const char *option, const char *pass, bool changed)
{
    return option && (!strcmp(option, pass) || !strcmp(option, "all") ||
                      (changed && !strcmp(option, "change")));
}

static const char *print_model(const Model *model, Arena *arena, int64_t element_limit)
{
    Text text = text_create(arena);
    return model_print(model, element_limit, &text) ? text.data : NULL;
}

static void dump(PassRun *run, const PassDef *def, bool before)
{
    const char *text = print_model(run->model, run->scratch, MODEL_ELEMENTS_SHOWN);
    if (text && run->options->dump)
        run->options->dump(run->options->dump_user, def->name, before, text);
}

/* Runs the pass on the regions inside a graph, innermost first, then on the graph. */
static PassResult visit(Pass *pass, Graph *graph)
{
    if (pass->def->scope == SCOPE_graphs) {
        FOR_EACH_NODE (node, graph) {
            if (node->op->control == CONTROL_group)
                continue;
            for (int i = 0; i < node->region_count; i++)
                if (visit(pass, node->regions[i]) == PASS_FAILED)
                    return PASS_FAILED;
        }
    }
    const int64_t before = pass->changes;
    (void)before; /* where assertions are off */
    PassResult result = pass->def->run(pass, graph);
    assert(result == PASS_FAILED || result == pass_result(pass, before));
    return result;
}

static bool fail(PassRun *run, TnStatus status)
{
    run->status = status;
    run->report->failed_pass = run->pass->name;
    return false;
}

static bool check_roundtrip(PassRun *run)
{
    const char *first = print_model(run->model, run->scratch, 0);
    if (!first)
        return false;
    Diagnostics *own = diagnostics_create(run->scratch); /* they speak of what goes with it */
    Model *again = model_parse(run->scratch, run->pass->name, first, strlen(first), own);
    if (!again)
        return error_at(run->model->diagnostics, (Location){0},
                        "after %s, the printed model cannot be read: %s", run->pass->name,
                        own->count ? own->items[own->count - 1].message : "no memory");
    const char *second = print_model(again, run->scratch, 0);
    if (second && !strcmp(first, second))
        return true;
    size_t line = 1, i = 0;
    for (; second && first[i] && first[i] == second[i]; i++)
        line += first[i] == '\n';
    return error_at(run->model->diagnostics, (Location){0},
                    "after %s, the printed model, read and printed again, differs in line %zu",
                    run->pass->name, line);
}

/* What --verify-each and --roundtrip-each look at after a pass. `before` is the text before it, or
 * NULL. */
static bool check(PassRun *run, PassResult result, const char *before)
{
    const RunOptions *options = run->options;
    if (options->verify_each && !model_verify(run->model, run->model->diagnostics))
        return fail(run, TN_INTERNAL);
    if (before && result == PASS_UNCHANGED) {
        const char *after = print_model(run->model, run->scratch, MODEL_ELEMENTS_SHOWN);
        if (after && strcmp(before, after)) {
            error_at(run->model->diagnostics, (Location){0},
                     "%s changed the model and says that it did not", run->pass->name);
            return fail(run, TN_INTERNAL);
        }
    }
    if (options->roundtrip_each && !check_roundtrip(run))
        return fail(run, TN_INTERNAL);
    return true;
}

/* Constants without uses mean nothing, and their order should not tell of the past. */
static void order_constants(Graph *graph)
{
    graph_order_constants(graph);
    FOR_EACH_NODE (node, graph)
        for (int i = 0; i < node->region_count; i++)
            order_constants(node->regions[i]);
}

static bool run_pass(PassRun *run, const PipelineStep *step, bool *changed)
{
    const RunOptions *options = run->options;
    if (run->executed == run->replay) {
        run->stopped = true;
        return true;
    }
    run->executed++;
    run->pass = step->pass;
    run->step = step;
    if (budget_is_spent(arena_budget(run->model->arena)))
        return fail(run, TN_CANCELLED);
    run->statistics = statistics_of(run->report, step->pass);
    ArenaMark mark = arena_mark(run->scratch);
    if (is_wanted(options->print_before, step->pass->name, false))
        dump(run, step->pass, true);
    const char *before =
        options->verify_each ? print_model(run->model, run->scratch, MODEL_ELEMENTS_SHOWN) : NULL;
    Pass pass = {.def = step->pass,
                 .options = step->options,
                 .model = run->model,
                 .infer = &run->infer,
                 .diagnostics = run->model->diagnostics,
                 .scratch = run->scratch,
                 .run = run};
    int64_t start = monotonic_ns();
    PassResult result = visit(&pass, run->model->graph);
    run->statistics->nanoseconds += monotonic_ns() - start;
    run->statistics->runs++;
    if (result != PASS_FAILED)
        result = pass_result(&pass, 0);
    order_constants(run->model->graph);
    bool good = result != PASS_FAILED || fail(run, diagnostics_status(run->model->diagnostics));
    good = good && check(run, result, before);
    if (good && is_wanted(options->print_after, step->pass->name, result == PASS_CHANGED))
        dump(run, step->pass, false);
    if (options->stop_after && !strcmp(options->stop_after, step->pass->name))
        run->stopped = true;
    *changed |= result == PASS_CHANGED;
    arena_release(run->scratch, mark);
    return good;
}

static bool run_steps(PassRun *run, const PipelineStep *steps, bool *changed);

static bool run_repeat(PassRun *run, const PipelineStep *step, bool *changed)
{
    for (int round = 0; round < step->rounds; round++) {
        bool again = false;
        if (!run_steps(run, step->body, &again))
            return false;
        *changed |= again;
        if (!again || run->stopped)
            return true;
    }
    Text text = text_create(run->scratch);
    pipeline_print(step->body, &text);
    diagnose(run->model->diagnostics, SEVERITY_WARNING, (Location){0},
             "repeat(%s) still changes the model after %d rounds", text.data, step->rounds);
    return true;
}

static bool run_steps(PassRun *run, const PipelineStep *steps, bool *changed)
{
    for (const PipelineStep *step = steps; step && !run->stopped; step = step->next) {
        bool good = false;
        switch (step->kind) {
        case STEP_pass: good = run_pass(run, step, changed); break;
        case STEP_repeat: good = run_repeat(run, step, changed); break;
        case STEP_named: good = run_steps(run, step->body, changed); break;
        }
        if (!good)
            return false;
    }
    return true;
}

static PassRun start_run(Model *model, const RunOptions *options, Arena *scratch, RunReport *report)
{
    return (PassRun){
        .model = model,
        .options = options,
        .scratch = scratch,
        .report = report,
        .infer = {.model = model,
                  .pool = model->pool,
                  .arena = model->arena,
                  .diagnostics = model->diagnostics},
        .replay = -1,
    };
}

/* The failing pass with its options, and what of the driver's options makes it fail. */
static const char *failing_command(const PassRun *run)
{
    PipelineStep alone = *run->step;
    alone.next = NULL;
    Text text = text_create(run->report->arena);
    text_append(&text, "# RUN: tenon opt --passes='");
    pipeline_print(&alone, &text);
    text_append(&text, run->options->verify_each ? "' --verify-each" : "'");
    text_append(&text, run->options->roundtrip_each ? " --roundtrip-each %s\n" : " %s\n");
    return text.data;
}

static void make_reproducer(const PassRun *failed, Model *original, const PipelineStep *steps)
{
    RunOptions options = *failed->options;
    options.print_before = options.print_after = NULL;
    options.verify_each = options.roundtrip_each = options.explain = false;
    RunReport *report = failed->report, replay_report = {.arena = report->arena};
    PassRun again = start_run(original, &options, failed->scratch, &replay_report);
    again.replay = failed->executed - 1;
    bool changed = false;
    if (!run_steps(&again, steps, &changed))
        return;
    const char *text = print_model(original, report->arena, 0);
    if (text)
        report->reproducer = arena_format(report->arena, "%s%s", failing_command(failed), text);
}

/* print_before, print_after and stop_after must name a pass that runs. */
static bool check_names(const RunOptions *options, const PipelineStep *steps,
                        Diagnostics *diagnostics)
{
    const struct {
        const char *option, *name;
        bool is_word;
    } given[] = {
        {"print-before", options->print_before, is_wanted(options->print_before, "", false)},
        {"print-after", options->print_after, is_wanted(options->print_after, "", true)},
        {"stop-after", options->stop_after, false},
    };
    for (size_t i = 0; i < COUNT_OF(given); i++) {
        const char *option = given[i].option, *name = given[i].name;
        if (!name || given[i].is_word || pipeline_find_step(steps, name))
            continue;
        return pass_find(name, strlen(name))
                   ? error_at(diagnostics, (Location){0}, "%s: the pipeline does not run '%s'",
                              option, name)
                   : error_at(diagnostics, (Location){0}, "%s: no pass is called '%s'", option,
                              name);
    }
    return true;
}

TnStatus passes_run(Model *model, const RunOptions *options, Arena *scratch, RunReport *report)
{
    *report = (RunReport){.arena = model->arena};
    const PipelineStep *steps;
    const char *text = options->pipeline ? options->pipeline : "@default";
    if (!pipeline_parse(model->arena, text, model->diagnostics, &steps) ||
        !pipeline_check_order(steps, model->diagnostics) ||
        !check_names(options, steps, model->diagnostics))
        return TN_BAD_ARGUMENT;
    ArenaMark mark = arena_mark(scratch);
    Model *original = options->reproduce ? model_clone(model, model->arena) : NULL;
    PassRun run = start_run(model, options, scratch, report);
    order_constants(model->graph);
    bool changed = false;
    if (!run_steps(&run, steps, &changed) && original && run.status == TN_INTERNAL)
        make_reproducer(&run, original, steps);
    report->needed = run.infer.needed;
    report->needed_count = run.infer.needed_count;
    arena_release(scratch, mark);
    return run.status;
}
