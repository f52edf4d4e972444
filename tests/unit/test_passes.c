/* SPDX-License-Identifier: Apache-2.0
 *
 * Passes keep what a model computes. Every model of tests/passes is computed by folding all of it,
 * its inputs bound to numbers, once as it is and once after a pipeline; exact pipelines must give
 * the same bits. And the driver: bisection, determinism, stopping, reports, inputs that do not fit.
 */
#include "frontend/load.h"
#include "ir/graph/constant.h"
#include "ir/support/array.h"
#include "ir/support/hash.h"
#include "passes/model_text.h"
#include "passes/rules.h"
#include "passes/run.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/fixture.h"

static Model *parse(Fixture *f, const char *text)
{
    Model *model = model_parse(f->arena, "<test>", text, strlen(text), f->diagnostics);
    if (!model)
        fail_msg("%s", f->diagnostics->items[f->diagnostics->count - 1].message);
    return model;
}

static const char *print(Fixture *f, const Model *model)
{
    Text text = text_create(f->arena);
    assert_true(model_print(model, 0, &text));
    return text.data;
}

static TnStatus run(Fixture *f, Model *model, RunOptions options, RunReport *report)
{
    RunReport ignored;
    return passes_run(model, &options, f->scratch, report ? report : &ignored);
}

static void run_good(Fixture *f, Model *model, RunOptions options, RunReport *report)
{
    if (run(f, model, options, report) != TN_OK)
        fail_msg("%s: %s", options.pipeline,
                 f->diagnostics->items[f->diagnostics->count - 1].message);
}

/* ---- The same numbers -------------------------------------------------------------------- */

/* Sizes of symbols: small, and not all alike. */
static int64_t size_of_dim(const Expr *e)
{
    int64_t size;
    if (expr_known(e, &size))
        return size;
    const Symbol *symbol = e->object;
    return 2 + symbol->name[0] % 3;
}

static const Constant *number_input(Fixture *f, const Value *input, unsigned seed)
{
    const Type *type = input->type;
    int64_t dims[MAX_RANK];
    void *data;
    for (int d = 0; d < type->rank; d++)
        dims[d] = size_of_dim(type->dims[d]);
    Constant *constant = constant_allocate(f->arena, type->element, type->rank, dims, &data);
    for (int64_t i = 0; i < constant->count; i++) {
        seed = seed * 1664525 + 1013904223;
        double value = (int)(seed >> 20) % 257 / 64.0 - 2;
        element_from_double(type->element, value, true,
                            (char *)data + (size_t)i * element_bytes(type->element));
    }
    return constant;
}

/* Computes the model by folding all of it. */
static void compute(Fixture *f, Model *model)
{
    Graph *graph = model->graph;
    InputValue *inputs = ARENA_ARRAY(f->arena, InputValue, graph->input_count + 1);
    for (int i = 0; i < graph->input_count; i++)
        inputs[i] = (InputValue){graph->inputs[i]->name,
                                 number_input(f, graph->inputs[i], (unsigned)i + 1)};
    RunOptions options = run_options_default();
    options.pipeline = "specialize-inputs, "
                       "repeat(canonicalize, fold-constants, eliminate-dead)";
    options.inputs = inputs;
    options.input_count = graph->input_count;
    run_good(f, model, options, NULL);
}

static void assert_same(const Constant *a, const Constant *b, bool exact, const char *what)
{
    bool same = a->element == b->element && a->rank == b->rank && a->count == b->count;
    if (same && exact)
        same = constant_equal(a, b);
    for (int64_t i = 0; same && !exact && i < a->count; i++) {
        double x = constant_get_double(a, i), y = constant_get_double(b, i);
        same = x == y || fabs(x - y) <= 1e-5 * (1 + fabs(x));
    }
    if (!same)
        fail_msg("%s: another result", what);
}

/* Whether the pipeline keeps the results of the model in that file. Outputs that folding cannot
 * reach (data-dependent sizes, draws) are not compared; answers how many were. */
static int compare(Fixture *f, const char *path, const char *pipeline, bool exact)
{
    int compared = 0;
    Model *before = model_load(f->arena, path, NULL, f->diagnostics);
    Model *after = model_load(f->arena, path, NULL, f->diagnostics);
    assert_non_null(before);
    RunOptions options = run_options_default();
    options.pipeline = pipeline;
    options.verify_each = true;
    run_good(f, after, options, NULL);
    compute(f, before);
    compute(f, after);
    for (int i = 0; i < before->graph->output_count; i++) {
        const Constant *a = graph_output(before->graph, i)->constant;
        const Constant *b = graph_output(after->graph, i)->constant;
        if (!a || !b)
            continue;
        assert_same(a, b, exact, arena_format(f->arena, "%s, %s", path, pipeline));
        compared++;
    }
    return compared;
}

/* Visits every model of tests/passes. */
static void for_each_model(Fixture *f, void (*visit)(Fixture *f, const char *path, void *user),
                           void *user)
{
    const char *folder = TESTS_FOLDER "/passes";
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory));)
        if (strstr(entry->d_name, ".onnxtxt"))
            visit(f, arena_format(f->arena, "%s/%s", folder, entry->d_name), user);
    closedir(directory);
}

static void compare_pipelines(Fixture *f, const char *path, void *user)
{
    int *compared = user;
    *compared += compare(f, path, "@cleanup", true);
    *compared += compare(f, path, "repeat(sink-views, canonicalize)", true);
    *compared += compare(f, path, "repeat(eliminate-common, eliminate-dead)", true);
    *compared += compare(f, path, "@unfused", false);
}

static void test_results_stay(void **state)
{
    Fixture *f = *state;
    int compared = 0;
    for_each_model(f, compare_pipelines, &compared);
    assert_true(compared > 60);
}

static void collect_rules(Fixture *f, const char *path, void *user)
{
    RunOptions options = run_options_default();
    RunReport report;
    options.pipeline = "repeat(canonicalize, fold-constants, eliminate-dead)";
    run_good(f, model_load(f->arena, path, NULL, f->diagnostics), options, &report);
    for (int64_t p = 0; p < report.pass_count; p++)
        for (int r = 0; r < report.passes[p].rule_count; r++)
            map_set(user, report.passes[p].rules[r].rule, f);
}

/* What no model shows no test of results has looked at. */
static void test_each_rule_applies_somewhere(void **state)
{
    static const RuleSet *const sets[] = {&arithmetic_rules, &view_rules, &window_rules,
                                          &control_rules};
    Fixture *f = *state;
    Map applied = map_create(f->arena);
    for_each_model(f, collect_rules, &applied);
    for (size_t s = 0; s < COUNT_OF(sets); s++)
        for (int i = 0; i < sets[s]->count; i++)
            if (!map_get(&applied, sets[s]->rules[i]->name))
                fail_msg("no model of tests/passes shows '%s'", sets[s]->rules[i]->name);
}

/* ---- The driver -------------------------------------------------------------------------- */

static const char chain[] = "<ir_version: 10, opset_import: [\"\" : 21]>\n"
                            "g (float[N, 4] x) => (float[N, 4] y)\n"
                            "{\n"
                            "  a = Relu (x)\n"
                            "  b = Relu (a)\n"
                            "  c = Neg (b)\n"
                            "  d = Neg (c)\n"
                            "  e = Identity (d)\n"
                            "  y = Abs (e)\n"
                            "}\n";

static void test_bisection(void **state)
{
    Fixture *f = *state;
    RunReport report;
    RunOptions options = run_options_default();
    options.pipeline = "canonicalize, eliminate-dead, group-kernels";
    run_good(f, parse(f, chain), options, &report);
    int64_t all = report.changes;
    assert_true(all >= 4);
    options.verify_each = true;
    for (int64_t n = 0; n <= all; n++) {
        options.bisect = n;
        run_good(f, parse(f, chain), options, &report);
        assert_int_equal(report.changes, n);
        assert_int_equal(report.last_change != NULL, n > 0);
    }
}

static void test_runs_are_alike(void **state)
{
    Fixture *f = *state;
    RunOptions options = run_options_default();
    const char *texts[2];
    for (int i = 0; i < 2; i++) {
        Model *model = parse(f, chain);
        run_good(f, model, options, NULL);
        texts[i] = print(f, model);
    }
    assert_string_equal(texts[0], texts[1]);
}

static int dumps;
static void count_dumps(void *user, const char *pass, bool before, const char *text)
{
    (void)user, (void)pass, (void)text;
    dumps += before ? 100 : 1;
}

static void test_dumps_and_stopping(void **state)
{
    Fixture *f = *state;
    RunOptions options = run_options_default();
    options.pipeline = "canonicalize, eliminate-common, eliminate-dead, group-kernels";
    options.dump = count_dumps;
    options.print_before = "eliminate-dead";
    options.print_after = "change";
    options.stop_after = "eliminate-dead";
    RunReport report;
    dumps = 0;
    run_good(f, parse(f, chain), options, &report);
    assert_int_equal(dumps, 101); /* canonicalize alone changes something */
    assert_int_equal(report.pass_count, 3);
    Text text = text_create(f->arena);
    report_print_statistics(&report, false, &text);
    assert_non_null(strstr(text.data, "   applied_twice                     2\n"));
}

static void test_repeat_stops_and_complains(void **state)
{
    Fixture *f = *state;
    RunOptions options = run_options_default();
    RunReport report;
    options.pipeline = "repeat(canonicalize)";
    run_good(f, parse(f, chain), options, &report);
    assert_int_equal(report.passes[0].runs, 2);
    assert_int_equal(f->diagnostics->count, 0);
    options.pipeline = "repeat{rounds=1}(canonicalize)";
    run_good(f, parse(f, chain), options, &report);
    assert_int_equal(f->diagnostics->count, 1);
    assert_non_null(strstr(f->diagnostics->items[0].message, "still changes the model after 1"));
}

static void test_bound_inputs_must_fit(void **state)
{
    Fixture *f = *state;
    int64_t dims[] = {3, 5};
    void *data;
    InputValue input = {"x", constant_allocate(f->arena, TN_FLOAT, 2, dims, &data)};
    RunOptions options = run_options_default();
    options.pipeline = "specialize-inputs";
    options.inputs = &input;
    options.input_count = 1;
    assert_int_equal(run(f, parse(f, chain), options, NULL), TN_INVALID_MODEL);
    assert_string_equal(f->diagnostics->items[0].message,
                        "input 'x' is bound to a value of type float[3, 5], expected float[3, 4]");
}

static void test_our_bugs_leave_a_test(void **state)
{
    Fixture *f = *state;
    Model *model = parse(f, chain);
    RunOptions options = run_options_default();
    options.pipeline = "canonicalize, eliminate-dead";
    options.verify_each = options.reproduce = true;
    /* A broken model stands for a broken pass: a type that the node does not have. */
    model->graph->inputs[0]->type = type_unranked(f->arena, TN_STRING);
    RunReport report;
    assert_int_equal(run(f, model, options, &report), TN_INTERNAL);
    assert_string_equal(report.failed_pass, "canonicalize");
    assert_non_null(report.reproducer);
    assert_non_null(
        strstr(report.reproducer, "# RUN: tenon opt --passes='canonicalize' --verify-each %s\n"));
    assert_non_null(strstr(report.reproducer, "a = Relu (x)"));
}

static void test_explanations_as_json(void **state)
{
    Fixture *f = *state;
    RunOptions options = run_options_default();
    options.pipeline = "group-kernels";
    options.explain = true;
    RunReport report;
    run_good(f, parse(f, chain), options, &report);
    assert_int_equal(report.explanation_count, 5);
    Text text = text_create(f->arena);
    report_print_explanations_json(&report, &text);
    assert_non_null(strstr(text.data, "\"subject\": \"Relu a -> Relu b\", \"done\": true"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_results_stay),
        TEST(test_each_rule_applies_somewhere),
        TEST(test_bisection),
        TEST(test_runs_are_alike),
        TEST(test_dumps_and_stopping),
        TEST(test_repeat_stops_and_complains),
        TEST(test_bound_inputs_must_fit),
        TEST(test_our_bugs_leave_a_test),
        TEST(test_explanations_as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
