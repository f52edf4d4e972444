/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory plans: nothing that lives at the same time overlaps, peaks are exact where they can be,
 * and symbolic plans hold for every size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codegen/plan_memory.h"
#include "runtime/memory.h"

typedef struct Fixture {
    Boundary boundary;
    Arena *arena;
    ExprPool *pool;
} Fixture;

static Fixture fixture;

static int set_up(void **state)
{
    (void)state;
    fixture.arena = arena_create(&fixture.boundary);
    fixture.pool = expr_pool_create(fixture.arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(fixture.arena);
    return 0;
}

static const Expr *number(int64_t value)
{
    return expr_integer(fixture.pool, value);
}

static int64_t known(const Expr *e)
{
    int64_t value = -1;
    assert_true(expr_known(e, &value));
    return value;
}

/* Every pair, at the given sizes; and all within the arena. */
static void check_plan(const PlanItem *items, int64_t count, const Expr *total,
                       const int64_t *sizes)
{
    int64_t end = expr_evaluate(total, sizes);
    for (int64_t i = 0; i < count; i++) {
        int64_t a = expr_evaluate(items[i].offset, sizes);
        int64_t a_end = a + expr_evaluate(items[i].bytes, sizes);
        assert_true(a >= 0 && a % MEMORY_ALIGNMENT == 0 && a_end <= end);
        for (int64_t k = 0; k < i; k++) {
            int64_t b = expr_evaluate(items[k].offset, sizes);
            int64_t b_end = b + expr_evaluate(items[k].bytes, sizes);
            bool meet = items[i].first <= items[k].last && items[k].first <= items[i].last;
            if (meet && a < a_end && b < b_end)
                assert_true(a_end <= b || b_end <= a);
        }
    }
}

static void test_a_chain_needs_its_largest_pair(void **state)
{
    (void)state;
    PlanItem items[] = {
        {number(1000), 0, 1, NULL}, {number(3000), 1, 2, NULL}, {number(2000), 2, 3, NULL},
        {number(500), 3, 4, NULL},  {number(64), 4, 5, NULL},
    };
    const Expr *total = plan_memory(fixture.pool, fixture.arena, items, 5);
    assert_int_equal(known(total), 3008 + 2048);
    check_plan(items, 5, total, NULL);
}

static void test_empty_buffers_take_nothing(void **state)
{
    (void)state;
    PlanItem items[] = {{number(0), 0, 9, NULL}, {number(0), 0, 9, NULL}};
    assert_int_equal(known(plan_memory(fixture.pool, fixture.arena, items, 2)), 0);
    assert_int_equal(known(plan_memory(fixture.pool, fixture.arena, items, 0)), 0);
}

static void test_too_much_is_refused(void **state)
{
    (void)state;
    PlanItem items[] = {{number(EXPR_LIMIT - 100), 0, 1, NULL}, {number(1), 0, 1, NULL}};
    assert_null(plan_memory(fixture.pool, fixture.arena, items, 2));
}

/* Lives and sizes without order, the same each time. */
static void make_items(PlanItem *items, int count, const Expr *const *sizes, int size_count)
{
    uint32_t random = 12345;
    for (int i = 0; i < count; i++) {
        random = random * 1664525 + 1013904223;
        items[i].first = random >> 8 & 63;
        items[i].last = items[i].first + (random >> 16 & 15);
        items[i].bytes =
            expr_plus_integer(fixture.pool, sizes[(random >> 20) % (uint32_t)size_count],
                              (int64_t)(random >> 24 & 3) * 100);
    }
}

static void test_nothing_overlaps(void **state)
{
    (void)state;
    enum { COUNT = 200 };
    static PlanItem items[COUNT], again[COUNT];
    const Expr *sizes[] = {number(0), number(64), number(777), number(4096), number(100000)};
    make_items(items, COUNT, sizes, 5);
    make_items(again, COUNT, sizes, 5);
    const Expr *total = plan_memory(fixture.pool, fixture.arena, items, COUNT);
    check_plan(items, COUNT, total, NULL);
    assert_ptr_equal(plan_memory(fixture.pool, fixture.arena, again, COUNT), total);
    for (int i = 0; i < COUNT; i++)
        assert_ptr_equal(items[i].offset, again[i].offset);
    /* Not much above what lives at once at the worst step. */
    int64_t peak = 0;
    for (int64_t step = 0; step < 80; step++) {
        int64_t live = 0;
        for (int i = 0; i < COUNT; i++)
            if (items[i].first <= step && step <= items[i].last)
                live += (known(items[i].bytes) + 63) / 64 * 64;
        peak = live > peak ? live : peak;
    }
    assert_true(known(total) >= peak && known(total) <= peak + peak / 4);
}

static void test_symbolic_sizes_hold_for_all_values(void **state)
{
    (void)state;
    enum { COUNT = 60 };
    static PlanItem items[COUNT];
    ExprPool *pool = fixture.pool;
    const Expr *n = expr_symbol(pool, "N"), *m = expr_symbol(pool, "M");
    const Expr *sizes[] = {expr_scale(pool, n, 12), expr_times(pool, n, m), number(500),
                           expr_scale(pool, m, 4), number(0)};
    make_items(items, COUNT, sizes, 5);
    const Expr *total = plan_memory(pool, fixture.arena, items, COUNT);
    assert_false(expr_known(total, NULL));
    for (int64_t a = 0; a < 400; a += 57)
        for (int64_t b = 0; b < 2000; b += 499)
            check_plan(items, COUNT, total, (int64_t[]){a, b});
}

static void test_symbolic_buffers_share_memory(void **state)
{
    (void)state;
    const Expr *bytes = expr_scale(fixture.pool, expr_symbol(fixture.pool, "N"), 64);
    PlanItem items[10];
    for (int i = 0; i < 10; i++)
        items[i] = (PlanItem){bytes, i, i + 1, NULL};
    const Expr *total = plan_memory(fixture.pool, fixture.arena, items, 10);
    assert_ptr_equal(total, expr_scale(fixture.pool, bytes, 2));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_chain_needs_its_largest_pair),
        TEST(test_empty_buffers_take_nothing),
        TEST(test_too_much_is_refused),
        TEST(test_nothing_overlaps),
        TEST(test_symbolic_sizes_hold_for_all_values),
        TEST(test_symbolic_buffers_share_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
