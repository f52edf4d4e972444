/* SPDX-License-Identifier: Apache-2.0
 *
 * Pipelines as text: what is read is printed the same, mistakes are found where they are, and every
 * named pipeline obeys order.def.
 */
#include "passes/pipeline.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/fixture.h"

static void assert_prints(Fixture *f, const char *text, const char *expected)
{
    const PipelineStep *steps;
    assert_true(pipeline_parse(f->arena, text, f->diagnostics, &steps));
    Text printed = text_create(f->arena);
    pipeline_print(steps, &printed);
    assert_string_equal(printed.data, expected);
}

static void test_print_is_canonical(void **state)
{
    Fixture *f = *state;
    assert_prints(f, "", "");
    assert_prints(f, " canonicalize ,eliminate-dead", "canonicalize, eliminate-dead");
    assert_prints(f, "make-dynamic{ones=1}", "make-dynamic{ones=1}");
    assert_prints(f, "fold-constants{small = 8,most=9}", "fold-constants{small=8, most=9}");
    assert_prints(f, "repeat( canonicalize, repeat{rounds=3}(eliminate-dead))",
                  "repeat(canonicalize, repeat{rounds=3}(eliminate-dead))");
    assert_prints(f, "@cleanup, decompose", "@cleanup, decompose");
}

static void assert_refused(Fixture *f, const char *text, size_t at, const char *message)
{
    const PipelineStep *steps;
    int64_t before = f->diagnostics->count;
    assert_false(pipeline_parse(f->arena, text, f->diagnostics, &steps));
    assert_int_equal(f->diagnostics->count, before + 1);
    const Diagnostic *d = &f->diagnostics->items[before];
    assert_non_null(strstr(d->message, message));
    assert_int_equal(d->location.begin, at);
}

static void test_mistakes_have_places(void **state)
{
    Fixture *f = *state;
    assert_refused(f, "canonicalize, polish", 14, "no pass is called 'polish'");
    assert_refused(f, "canonicalize,", 13, "expected the name of a pass");
    assert_refused(f, "canonicalize eliminate-dead", 13, "expected ',' or the end, found 'e'");
    assert_refused(f, "repeat(canonicalize", 19, "expected ')' before the end");
    assert_refused(f, "repeat{rounds=0}(canonicalize)", 7, "rounds, a number from 1 to 1000");
    assert_refused(f, "repeat{rounds=99999}(canonicalize)", 7, "rounds, a number from 1 to 1000");
    assert_refused(f, "canonicalize{fast=1}", 13, "canonicalize has no option 'fast'");
    assert_refused(f, "fold-constants{small=abc}", 21, "at least 0, found 'abc'");
    assert_refused(f, "fold-constants{small=-5}", 21, "at least 0, found '-5'");
    assert_refused(f, "fold-constants{small=99999999999999999999}", 21, "at least 0, found '99");
    assert_refused(f, "fold-constants{small=1, most=2, small=3}", 32, "'small' is given twice");
    assert_refused(f, "make-dynamic{ones}", 17, "expected '=', found '}'");
    assert_refused(f, "@nothing", 0, "no pipeline is called 'nothing'");
}

static void test_depth_is_limited(void **state)
{
    Fixture *f = *state;
    Text text = text_create(f->arena);
    for (int i = 0; i < 100000; i++)
        text_append(&text, "repeat(");
    const PipelineStep *steps;
    assert_false(pipeline_parse(f->arena, text.data, f->diagnostics, &steps));
}

static void test_named_pipelines_are_in_order(void **state)
{
    Fixture *f = *state;
    for (int i = 0; i < pipeline_count; i++) {
        const PipelineStep *steps;
        assert_true(pipeline_parse(f->arena, pipeline_table[i].text, f->diagnostics, &steps));
        assert_true(pipeline_check_order(steps, f->diagnostics));
    }
}

static void test_order_names_are_passes(void **state)
{
    (void)state;
    for (int i = 0; i < order_count; i++) {
        assert_non_null(pass_find(order_table[i].before, strlen(order_table[i].before)));
        assert_non_null(pass_find(order_table[i].after, strlen(order_table[i].after)));
    }
    for (int i = 0; i < pass_option_table_count; i++)
        assert_non_null(pass_find(pass_option_table[i].pass, strlen(pass_option_table[i].pass)));
}

static void test_wrong_order_is_refused(void **state)
{
    Fixture *f = *state;
    const PipelineStep *steps;
    assert_true(
        pipeline_parse(f->arena, "group-kernels, @cleanup, decompose", f->diagnostics, &steps));
    assert_false(pipeline_check_order(steps, f->diagnostics));
    const Diagnostic *d = &f->diagnostics->items[0];
    assert_non_null(strstr(d->message, "decompose must come before group-kernels"));
    assert_int_equal(d->location.begin, strlen("group-kernels, @cleanup, "));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_print_is_canonical),     TEST(test_mistakes_have_places),
        TEST(test_depth_is_limited),       TEST(test_named_pipelines_are_in_order),
        TEST(test_order_names_are_passes), TEST(test_wrong_order_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
