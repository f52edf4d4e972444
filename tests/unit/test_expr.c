/* SPDX-License-Identifier: Apache-2.0
 *
 * Expressions: the normal form, and every simplification against brute force: random expressions
 * are built twice, by the simplifying builders and as a plain tree of our own, and both evaluated
 * for many values of symbols and axes.
 */
#include "ir/expr/expr.h"
#include "ir/expr/scalar.h"
#include "ir/kernel/kernel.h"
#include "ir/support/array.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct Fixture {
    Boundary boundary;
    Arena *arena;
    ExprPool *pool;
} Fixture;

static int setup(void **state)
{
    Fixture *f = calloc(1, sizeof *f);
    f->arena = arena_create(&f->boundary);
    f->pool = expr_pool_create(f->arena);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;
    arena_destroy(f->arena);
    free(f);
    return 0;
}

static ExprPool *pool_of(void **state)
{
    return ((Fixture *)*state)->pool;
}

static const char *printed(ExprPool *pool, const Expr *e)
{
    Text text = text_create(expr_pool_arena(pool));
    expr_print(e, &text);
    return text.data;
}

#define EXPECT(text, e) assert_string_equal(printed(pool, (e)), (text))

static const Expr *axis(ExprPool *pool, const char *name, const Expr *extent)
{
    return expr_axis(pool, axis_create(pool, name, extent));
}

static const Expr *number(ExprPool *pool, int64_t value)
{
    return expr_integer(pool, value);
}

static const Expr *size(ExprPool *pool, const char *text)
{
    const Expr *e = expr_parse_size(pool, text);
    assert_non_null(e);
    return e;
}

/* ---- Examples ---------------------------------------------------------------------------- */

static void test_normal_form(void **state)
{
    ExprPool *pool = pool_of(state);
    EXPECT("2*N + 1", size(pool, "N + 1 + N"));
    EXPECT("M + N", size(pool, "N + M"));
    EXPECT("0", size(pool, "N - N"));
    EXPECT("-N + 3", size(pool, "3 - N"));
    EXPECT("K*M*N", size(pool, "N*(M*K)"));
    EXPECT("2*M + N + M*N + 2", size(pool, "(N + 2)*(M + 1)"));
    EXPECT("floor((H + 1) / 2) - 1", size(pool, "(H + 2*1 - 3 - 2) / 2 + 1"));
    EXPECT("max(M, N)", size(pool, "max(N, M, N)"));
    EXPECT("floor(N / 6)", size(pool, "N / 2 / 3"));
    EXPECT("4*(N % 2)", size(pool, "4*N % 8"));
    EXPECT("N", size(pool, "N / 4 * 4 + N % 4"));
    EXPECT("N % 4", size(pool, "N - N / 4 * 4"));
    EXPECT("N", size(pool, "N / M * M + N % M"));
    EXPECT("M", size(pool, "(N*M) / N"));
    EXPECT("'batch size' + 1", size(pool, "'batch size' + 1"));
    assert_ptr_equal(size(pool, "N*M*2 + 1"), size(pool, "1 + M*2*N"));
    assert_null(expr_parse_size(pool, "unknown_thing +"));
    assert_null(expr_parse_size(pool, "N / 0"));
    assert_null(expr_parse_size(pool, "99999999999999999999"));
    int before = expr_pool_symbol_count(pool);
    assert_null(expr_parse_size(pool, "fresh_a + fresh_b )"));
    assert_int_equal(expr_pool_symbol_count(pool), before);
}

static void test_symbolic_reshape(void **state)
{
    ExprPool *pool = pool_of(state);
    const Expr *n = size(pool, "N"), *h = size(pool, "H"), *w = size(pool, "W + 1");
    const Expr *i = axis(pool, "i", n), *j = axis(pool, "j", h), *k = axis(pool, "k", w);
    const Expr *row = expr_plus(pool, expr_times(pool, i, h), j);
    const Expr *flat = expr_plus(pool, expr_times(pool, row, w), k);
    assert_ptr_equal(expr_modulus(pool, flat, w), k);
    assert_ptr_equal(expr_quotient(pool, flat, w), row);
    assert_ptr_equal(expr_modulus(pool, expr_quotient(pool, flat, w), h), j);
    assert_ptr_equal(expr_quotient(pool, flat, expr_times(pool, h, w)), i);
    assert_true(expr_is(expr_quotient(pool, flat, expr_times(pool, n, expr_times(pool, h, w))), 0));

    /* There and back: the flat index over an axis of the whole size. */
    const Expr *all = expr_times(pool, n, expr_times(pool, h, w));
    const Expr *f = axis(pool, "f", all);
    const Expr *fk = expr_modulus(pool, f, w), *rest = expr_quotient(pool, f, w);
    const Expr *fj = expr_modulus(pool, rest, h), *fi = expr_quotient(pool, rest, h);
    const Expr *again =
        expr_plus(pool, expr_times(pool, expr_plus(pool, expr_times(pool, fi, h), fj), w), fk);
    assert_ptr_equal(again, f);
    assert_true(expr_inside(pool, fi, n) == expr_bool(pool, true));
    assert_true(expr_inside(pool, fj, h) == expr_bool(pool, true));
}

static void test_conditions(void **state)
{
    ExprPool *pool = pool_of(state);
    const Expr *n = size(pool, "N"), *i = axis(pool, "i", n), *two = number(pool, 2);
    EXPECT("true", expr_inside(pool, i, n));
    EXPECT("i + 1 < N", expr_inside(pool, expr_plus_integer(pool, i, 1), n));
    assert_ptr_equal(expr_compare(pool, EXPR_less_equal, expr_plus_integer(pool, i, 2), n),
                     expr_compare(pool, EXPR_less, expr_plus_integer(pool, i, 1), n));
    const Expr *j = axis(pool, "j", number(pool, 10));
    const Expr *less = expr_compare(pool, EXPR_less, j, number(pool, 5));
    EXPECT("j < 5", less);
    EXPECT("4 < j", expr_not(pool, less));
    EXPECT("false", expr_both(pool, less, expr_not(pool, less)));
    EXPECT("true", expr_either(pool, less, expr_not(pool, less)));
    assert_ptr_equal(expr_compare(pool, EXPR_less, expr_times(pool, two, j), number(pool, 9)),
                     less);
    EXPECT("false", expr_compare(pool, EXPR_equal, expr_times(pool, two, j), number(pool, 5)));
    /* Broadcast of a and b: min(i, a - 1) is inside a. */
    const Expr *a = size(pool, "A"), *b = size(pool, "B");
    const Expr *x = axis(pool, "x", expr_larger(pool, a, b));
    const Expr *last = expr_plus_integer(pool, a, -1);
    symbol_restrict(pool, a, 1, INT64_MAX);
    EXPECT("true", expr_inside(pool, expr_smaller(pool, x, last), a));
    /* A window of 3 that moves by 2 over a size of n, with a halo of 1: 2 floor(n / 2) <= n. */
    const Expr *places = expr_quotient(pool, expr_plus_integer(pool, n, 1), two);
    const Expr *o = axis(pool, "o", places), *k = axis(pool, "k", number(pool, 3));
    const Expr *window = expr_plus(pool, expr_scale(pool, o, 2), k);
    EXPECT("true", expr_inside(pool, window, expr_plus_integer(pool, n, 2)));
    EXPECT("2*o + k < N + 1", expr_inside(pool, window, expr_plus_integer(pool, n, 1)));
}

static void test_restriction_sharpens(void **state)
{
    ExprPool *pool = pool_of(state);
    const Expr *s = expr_symbol(pool, "S"), *e = size(pool, "max(S, 1)*4 + 3");
    int64_t lower, upper;
    symbol_restrict(pool, s, 2, 8);
    expr_bounds(e, &lower, &upper);
    assert_int_equal(lower, 11);
    assert_int_equal(upper, 35);
    assert_ptr_equal(expr_larger(pool, s, number(pool, 1)), s);
    assert_true(expr_divisible(size(pool, "8*S + 4"), 4));
    assert_false(expr_divisible(size(pool, "8*S + 4"), 8));
}

static void test_saturation(void **state)
{
    ExprPool *pool = pool_of(state);
    const Expr *e = number(pool, INT64_C(1) << 40);
    e = expr_times(pool, e, expr_times(pool, e, e));
    assert_true(expr_is(e, EXPR_LIMIT));
    const Expr *s = expr_symbol(pool, "big");
    const Expr *cube = expr_times(pool, s, expr_times(pool, s, s));
    int64_t lower, upper, sizes[1] = {INT64_C(1) << 30};
    expr_bounds(cube, &lower, &upper);
    assert_true(lower == 0 && upper == EXPR_LIMIT);
    assert_true(expr_evaluate(cube, sizes) == EXPR_LIMIT);
}

/* ---- Random indices ---------------------------------------------------------------------- */

typedef struct Random {
    uint64_t state;
} Random;

static uint32_t draw(Random *random, uint32_t count)
{
    random->state = random->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(random->state >> 33) % count;
}

enum { SYMBOLS = 3, AXES = 4, LEAVES = SYMBOLS + AXES, TREES = 24 };

/* A plain tree: how an expression was asked for. */
typedef struct Tree {
    int operation; /* 0 number, 1 leaf, 2 + 3 - 4 scale 5 times 6 quotient 7 modulus 8 max 9 min */
    int64_t number;
    int a, b;
} Tree;

static int64_t tree_value(const Tree *trees, int at, const int64_t *leaves, bool *valid)
{
    const Tree *t = &trees[at];
    if (t->operation == 0)
        return t->number;
    if (t->operation == 1)
        return leaves[t->number];
    int64_t a = tree_value(trees, t->a, leaves, valid);
    int64_t b = t->operation == 4 ? t->number : tree_value(trees, t->b, leaves, valid);
    int64_t quotient = 0;
    if (t->operation == 6 || t->operation == 7) {
        if (b <= 0) {
            *valid = false;
            return 0;
        }
        quotient = a / b - (a % b < 0);
    }
    switch (t->operation) {
    case 2: return a + b;
    case 3: return a - b;
    case 4:
    case 5: return a * b;
    case 6: return quotient;
    case 7: return a - quotient * b;
    case 8: return a > b ? a : b;
    case 9: return a < b ? a : b;
    }
    return 0;
}

static const Expr *tree_build(ExprPool *pool, const Tree *t, const Expr *a, const Expr *b)
{
    switch (t->operation) {
    case 2: return expr_plus(pool, a, b);
    case 3: return expr_minus(pool, a, b);
    case 4: return expr_scale(pool, a, t->number);
    case 5: return expr_times(pool, a, b);
    case 6: return expr_quotient(pool, a, b);
    case 7: return expr_modulus(pool, a, b);
    case 8: return expr_larger(pool, a, b);
    }
    return expr_smaller(pool, a, b);
}

typedef struct Setting {
    ExprPool *pool;
    const Expr *leaves[LEAVES];
    const Axis *axes[AXES];
    const Symbol *symbols[SYMBOLS];
    Tree trees[TREES];
    const Expr *built[TREES];
} Setting;

static void setting_start(Setting *s, ExprPool *pool, Random *random)
{
    static const char *const symbol_names[] = {"N", "H", "W"}, *const axis_names[] = {"i", "j", "k",
                                                                                      "l"};
    s->pool = pool;
    for (int i = 0; i < SYMBOLS; i++) {
        s->leaves[i] = expr_symbol(pool, symbol_names[i]);
        s->symbols[i] = s->leaves[i]->object;
        symbol_restrict(pool, s->leaves[i], i == 0 ? 0 : 1, 9);
    }
    for (int i = 0; i < AXES; i++) {
        const Expr *extent = draw(random, 2) ? s->leaves[draw(random, SYMBOLS)]
                                             : expr_integer(pool, 2 + draw(random, 14));
        if (draw(random, 4) == 0)
            extent = expr_times(pool, extent, s->leaves[draw(random, SYMBOLS)]);
        Axis *made = axis_create(pool, axis_names[i], extent);
        s->axes[i] = made;
        s->leaves[SYMBOLS + i] = expr_axis(pool, made);
    }
}

/* Sums of products of leaves, with divisions by small numbers, symbols and products above. */
static void setting_draw(Setting *s, Random *random)
{
    static const int64_t numbers[] = {1, 2, 3, 4, 6, 8, 12, 16, -1, -2, 5, 7};
    for (int i = 0; i < TREES; i++) {
        Tree *t = &s->trees[i];
        *t = (Tree){0};
        if (i < 10) {
            t->operation = draw(random, 4) != 0;
            t->number = t->operation ? draw(random, LEAVES) : numbers[draw(random, 8)];
            s->built[i] = t->operation ? s->leaves[t->number] : expr_integer(s->pool, t->number);
            continue;
        }
        t->operation = 2 + (int)draw(random, 8);
        if (t->operation == 8 && draw(random, 2))
            t->operation = 2;
        if (t->operation == 9 && draw(random, 2))
            t->operation = 7;
        t->a = (int)draw(random, (uint32_t)i);
        t->b = (int)draw(random, t->operation == 5 ? 10 : (uint32_t)i);
        if (t->operation == 4)
            t->number = numbers[draw(random, COUNT_OF(numbers))];
        int64_t lower, upper;
        if (t->operation == 6 || t->operation == 7) {
            t->b = (int)draw(random, 10);
            expr_bounds(s->built[t->b], &lower, &upper);
            if (lower < 1)
                t->operation = 2;
        }
        if (t->operation == 5) { /* keep numbers small */
            expr_bounds(s->built[t->a], &lower, &upper);
            if (lower < -100000 || upper > 100000)
                t->operation = 3;
        }
        s->built[i] = tree_build(s->pool, t, s->built[t->a], s->built[t->b]);
    }
}

static bool draw_leaves(const Setting *s, Random *random, int64_t *leaves)
{
    int64_t sizes[64] = {0};
    for (int i = 0; i < SYMBOLS; i++)
        sizes[s->symbols[i]->id] = leaves[i] =
            s->symbols[i]->lower +
            (int64_t)draw(random, (uint32_t)(s->symbols[i]->upper - s->symbols[i]->lower + 1));
    for (int i = 0; i < AXES; i++) {
        int64_t extent = expr_evaluate(s->axes[i]->extent, sizes);
        if (extent < 1)
            return false;
        uint32_t where = draw(random, 4); /* the ends are where things go wrong */
        leaves[SYMBOLS + i] = where == 0   ? 0
                              : where == 1 ? extent - 1
                                           : draw(random, (uint32_t)extent);
    }
    return true;
}

static const Expr *with_axes(const Setting *s, const Expr *e, const int64_t *leaves)
{
    for (int i = 0; i < AXES; i++)
        e = expr_substitute(s->pool, e, s->axes[i], expr_integer(s->pool, leaves[SYMBOLS + i]));
    return e;
}

static void check_setting(const Setting *s, Random *random)
{
    int64_t leaves[LEAVES], sizes[64] = {0};
    for (int round = 0; round < 20; round++) {
        if (!draw_leaves(s, random, leaves))
            continue;
        for (int i = 0; i < SYMBOLS; i++)
            sizes[s->symbols[i]->id] = leaves[i];
        for (int i = 10; i < TREES; i++) {
            bool valid = true;
            int64_t wanted = tree_value(s->trees, i, leaves, &valid), lower, upper;
            if (!valid)
                continue;
            const Expr *e = s->built[i];
            const Expr *fixed = with_axes(s, e, leaves);
            int64_t got = expr_evaluate(fixed, sizes);
            if (got != wanted)
                fail_msg("%s gives %lld, not %lld", printed(s->pool, e), (long long)got,
                         (long long)wanted);
            expr_bounds(e, &lower, &upper);
            if (wanted < lower || wanted > upper)
                fail_msg("%s = %lld is not in %lld .. %lld", printed(s->pool, e), (long long)wanted,
                         (long long)lower, (long long)upper);
            for (int64_t by = 2; by < 9; by++)
                if (expr_divisible(e, by))
                    assert_int_equal(wanted % by, 0);
        }
    }
}

static void test_random_indices(void **state)
{
    (void)state;
    Random random = {7};
    for (int round = 0; round < 400; round++) {
        Boundary boundary;
        Arena *arena = arena_create(&boundary);
        Setting s;
        setting_start(&s, expr_pool_create(arena), &random);
        for (int again = 0; again < 4; again++) {
            setting_draw(&s, &random);
            check_setting(&s, &random);
        }
        arena_destroy(arena);
    }
}

/* Comparisons that fold must fold to what is true. */
static void test_random_conditions(void **state)
{
    (void)state;
    static const ExprKind kinds[] = {EXPR_less, EXPR_less_equal, EXPR_equal, EXPR_not_equal};
    Random random = {11};
    int folded = 0;
    for (int round = 0; round < 300; round++) {
        Boundary boundary;
        Arena *arena = arena_create(&boundary);
        Setting s;
        setting_start(&s, expr_pool_create(arena), &random);
        setting_draw(&s, &random);
        for (int trial = 0; trial < 20; trial++) {
            int a = (int)draw(&random, TREES), b = (int)draw(&random, TREES);
            ExprKind kind = kinds[draw(&random, COUNT_OF(kinds))];
            const Expr *e = expr_compare(s.pool, kind, s.built[a], s.built[b]);
            const Expr *opposite = expr_not(s.pool, e);
            assert_ptr_equal(expr_not(s.pool, opposite), e);
            folded += e->kind == EXPR_constant;
            for (int sample = 0; sample < 10; sample++) {
                int64_t leaves[LEAVES];
                bool valid = true;
                if (!draw_leaves(&s, &random, leaves))
                    continue;
                int64_t x = tree_value(s.trees, a, leaves, &valid);
                int64_t y = tree_value(s.trees, b, leaves, &valid);
                bool wanted = kind == EXPR_less         ? x < y
                              : kind == EXPR_less_equal ? x <= y
                              : kind == EXPR_equal      ? x == y
                                                        : x != y;
                const Expr *fixed = with_axes(&s, e, leaves);
                for (int i = 0; i < SYMBOLS; i++)
                    fixed = expr_substitute_symbol(s.pool, fixed, s.symbols[i],
                                                   expr_integer(s.pool, leaves[i]));
                assert_int_equal(fixed->kind, EXPR_constant);
                if (valid && (fixed->bits != 0) != wanted)
                    fail_msg("%s is %d for %lld and %lld", printed(s.pool, e), (int)fixed->bits,
                             (long long)x, (long long)y);
            }
        }
        arena_destroy(arena);
    }
    assert_true(folded > 500);
}

static void test_print_and_parse(void **state)
{
    (void)state;
    Random random = {3};
    int read = 0;
    for (int round = 0; round < 300; round++) {
        Boundary boundary;
        Arena *arena = arena_create(&boundary);
        Setting s;
        setting_start(&s, expr_pool_create(arena), &random);
        setting_draw(&s, &random);
        for (int i = 10; i < TREES; i++) {
            const Expr *e = s.built[i];
            for (int a = 0; a < AXES; a++)
                e = expr_substitute(s.pool, e, s.axes[a], s.leaves[a % SYMBOLS]);
            const char *text = printed(s.pool, e);
            const Expr *again = expr_parse_size(s.pool, text);
            if (again != e)
                fail_msg("%s reads back as %s", text, again ? printed(s.pool, again) : "nothing");
            read++;
        }
        arena_destroy(arena);
    }
    assert_true(read > 1000);
}

static void test_conditions_read_back(void **state)
{
    Fixture *f = *state;
    static const char *const conditions[] = {
        "N == M",
        "N != 1",
        "N == M | N == 1 | M == 1",
        "(N == 1 | M == 1) & N + M != 1",
        "N == 1 | M == 1 & N + M != 1",
        "not(N == M & M < 3)",
        "2*N + 3 < 5*floor(M / 3)",
        "max(N, M) <= 7",
        "select(N == 1, M, 2*N) == 'odd name'",
        "(N + 1) * 2 == M",
    };
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
        const Expr *e = expr_parse_condition(f->pool, conditions[i]);
        assert_non_null(e);
        const char *text = printed(f->pool, e);
        if (expr_parse_condition(f->pool, text) != e)
            fail_msg("%s prints as %s, which does not read back", conditions[i], text);
        assert_null(expr_parse_size(f->pool, text));
    }
    int count = expr_pool_symbol_count(f->pool);
    static const char *const others[] = {"A",
                                         "A + 1",
                                         "A == ",
                                         "(A == B) + 1 == 2",
                                         "A == B == C",
                                         "A < B & C",
                                         "not(A)",
                                         "select(A, B, C) == 1",
                                         "select(A == B, C) == 1",
                                         "-(A == B) == 1",
                                         ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_null(expr_parse_condition(f->pool, others[i]));
    assert_int_equal(expr_pool_symbol_count(f->pool), count);
    assert_non_null(expr_parse_size(f->pool, "select + not"));
}

/* The same size in pools that met the symbols in another order. */
static void test_print_is_canonical(void **state)
{
    Fixture *f = *state;
    ExprPool *one = f->pool, *two = expr_pool_create(f->arena);
    const char *text = "(B + 2*A)*C - max(B, A*C) / 3 + C % 4";
    expr_symbol(two, "C");
    expr_symbol(two, "A");
    assert_string_equal(printed(one, size(one, text)), printed(two, size(two, text)));
}

/* ---- Values ------------------------------------------------------------------------------ */

static const Expr *input(ExprPool *pool, TnElementType type)
{
    Kernel *kernel = kernel_create(pool, "k");
    Tensor *x = kernel_tensor(kernel, "x", TENSOR_input, type, 0, NULL);
    return expr_load(pool, x, NULL);
}

/* Sums and products of the same operands, made in this order or the other, in a pool of its own. */
static const char *made_in_order(Arena *arena, bool other)
{
    ExprPool *pool = expr_pool_create(arena);
    const Expr *x = input(pool, TN_FLOAT), *i = axis(pool, "i", size(pool, "N"));
    const Expr *j = axis(pool, "j", size(pool, "N")), *part[2], *value[2], *is[2];
    for (int k = 0; k < 2; k++) {
        int which = k ^ other;
        part[which] = which ? expr_quotient(pool, i, number(pool, 3))
                            : expr_modulus(pool, expr_plus(pool, i, j), number(pool, 5));
        value[which] = expr_unary(pool, which ? EXPR_exp : EXPR_tanh, x);
        is[which] = which ? expr_compare(pool, EXPR_less, i, number(pool, 2))
                          : expr_compare(pool, EXPR_less, value[which], x);
    }
    const Expr *index =
        expr_plus(pool, expr_larger(pool, part[0], part[1]), expr_times(pool, part[0], part[1]));
    const Expr *sum = expr_binary(pool, EXPR_add, value[0], value[1]);
    const Expr *fma = expr_fma(pool, value[0], value[1], sum);
    const Expr *same = expr_compare(pool, EXPR_equal, value[0], value[1]);
    const Expr *all =
        expr_select(pool, expr_both(pool, expr_both(pool, is[0], is[1]), same), fma,
                    expr_convert(pool, TN_FLOAT, expr_from_index(pool, TN_INT64, index)));
    return printed(pool, all);
}

static void test_order_is_not_that_of_creation(void **state)
{
    Arena *arena = ((Fixture *)*state)->arena;
    assert_string_equal(made_in_order(arena, false), made_in_order(arena, true));
}

static void test_value_identities(void **state)
{
    ExprPool *pool = pool_of(state);
    const Expr *x = input(pool, TN_FLOAT), *n = input(pool, TN_INT32);
    const Expr *zero = expr_real(pool, TN_FLOAT, 0), *one = expr_real(pool, TN_FLOAT, 1);
    EXPECT("x[] + 0.0", expr_binary(pool, EXPR_add, x, zero));
    assert_ptr_equal(expr_binary(pool, EXPR_subtract, x, zero), x);
    assert_ptr_equal(expr_binary(pool, EXPR_multiply, one, x), x);
    EXPECT("x[] * 0.0", expr_binary(pool, EXPR_multiply, x, zero));
    EXPECT("x[] * 0.25", expr_binary(pool, EXPR_divide, x, expr_real(pool, TN_FLOAT, 4)));
    EXPECT("x[] / 3.0", expr_binary(pool, EXPR_divide, x, expr_real(pool, TN_FLOAT, 3)));
    EXPECT("x[] - x[]", expr_binary(pool, EXPR_subtract, x, x));
    EXPECT("x[] != x[]", expr_is_nan(pool, x));
    EXPECT("0", expr_binary(pool, EXPR_subtract, n, n));
    EXPECT("x[] + 5", expr_binary(pool, EXPR_add,
                                  expr_binary(pool, EXPR_add, n, expr_whole(pool, TN_INT32, 2)),
                                  expr_whole(pool, TN_INT32, 3)));
    EXPECT("0", expr_binary(pool, EXPR_multiply, n, expr_whole(pool, TN_INT32, 0)));
    assert_ptr_equal(expr_unary(pool, EXPR_negate, expr_unary(pool, EXPR_negate, x)), x);
    assert_ptr_equal(expr_select(pool, expr_is_nan(pool, x), x, x), x);
    const Expr *less = expr_compare(pool, EXPR_less, x, one);
    EXPECT("not(x[] < 1.0)", expr_not(pool, less));
    assert_ptr_equal(expr_select(pool, less, expr_bool(pool, true), expr_bool(pool, false)), less);
}

static void test_conversions(void **state)
{
    ExprPool *pool = pool_of(state);
    const Expr *x = input(pool, TN_FLOAT), *n = input(pool, TN_INT8), *big = input(pool, TN_INT64);
    const Expr *half = expr_convert(pool, TN_FLOAT16, x);
    EXPECT("float(float16(x[]))", expr_convert(pool, TN_FLOAT, half));
    assert_ptr_equal(expr_convert(pool, TN_FLOAT16, expr_convert(pool, TN_FLOAT, half)), half);
    assert_ptr_equal(expr_convert(pool, TN_FLOAT, expr_convert(pool, TN_DOUBLE, x)), x);
    EXPECT("double(float(x[]))", expr_convert(pool, TN_DOUBLE, expr_convert(pool, TN_FLOAT, big)));
    assert_ptr_equal(expr_convert(pool, TN_INT8, expr_convert(pool, TN_FLOAT, n)), n);
    EXPECT("int8(x[])", expr_convert(pool, TN_INT8, expr_convert(pool, TN_INT32, big)));
    EXPECT("float8e4m3fn.saturate(x[])", expr_convert(pool, TN_FLOAT8E4M3FN, x));
    EXPECT("int4(int8(int32(x[])))", expr_convert(pool, TN_INT4, x));
    assert_ptr_equal(expr_to_index(pool, expr_convert(pool, TN_INT64, n)), expr_to_index(pool, n));
    const Expr *i = axis(pool, "i", number(pool, 300));
    assert_ptr_equal(expr_to_index(pool, expr_from_index(pool, TN_INT32, i)), i);
    EXPECT("index(int8(i))", expr_to_index(pool, expr_from_index(pool, TN_INT8, i)));
    double value;
    assert_true(
        expr_is_constant(expr_convert(pool, TN_INT32, expr_real(pool, TN_FLOAT, -2.7)), &value));
    assert_true(value == -2);
}

static const Expr *replace_load(void *user, const Expr *x)
{
    const Expr **pair = user;
    return x == pair[0] ? pair[1] : x;
}

/* The double that rounds twice to the wrong half: just above the middle between two. */
static void test_double_to_half_rounds_once(void **state)
{
    ExprPool *pool = pool_of(state);
    Kernel *kernel = kernel_create(pool, "k");
    Tensor *t = kernel_tensor(kernel, "t", TENSOR_input, TN_DOUBLE, 0, NULL);
    const Expr *load = expr_load(pool, t, NULL), *e = expr_convert(pool, TN_FLOAT16, load);
    static const double values[] = {
        1 + 0x1p-11 + 0x1p-40, -1 - 0x1p-11 - 0x1p-40, 1 + 0x1p-11, 1 + 0x3p-11, 1e300, -1e-300,
        0x1p-25 + 0x1p-70,     65519.999999,           0.1};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        const Expr *constant = expr_real(pool, TN_DOUBLE, values[i]);
        const Expr *direct = expr_convert(pool, TN_FLOAT16, constant);
        /* Put the constant under the lowered form. */
        const Expr *odd = e->src[0];
        const Expr *pair[] = {load, constant};
        const Expr *folded = expr_rewrite(pool, odd, replace_load, pair);
        assert_int_equal(folded->kind, EXPR_constant);
        assert_ptr_equal(expr_convert(pool, TN_FLOAT16, folded), direct);
    }
}

static void test_scalar_corners(void **state)
{
    (void)state;
#define BITS(type, value) scalar_from_int64(type, value)
    assert_int_equal(
        scalar_binary(EXPR_divide, TN_INT32, BITS(TN_INT32, INT32_MIN), BITS(TN_INT32, -1)),
        BITS(TN_INT32, INT32_MIN));
    assert_int_equal(scalar_binary(EXPR_divide, TN_UINT8, 7, 0), 0);
    assert_int_equal(scalar_binary(EXPR_modulo, TN_INT16, BITS(TN_INT16, -7), 3), 2);
    assert_int_equal(scalar_binary(EXPR_modulo, TN_INT16, 7, BITS(TN_INT16, -3)),
                     BITS(TN_INT16, -2));
    assert_int_equal(scalar_binary(EXPR_remainder, TN_INT64, BITS(TN_INT64, -7), 3),
                     BITS(TN_INT64, -1));
    assert_int_equal(scalar_binary(EXPR_multiply, TN_UINT16, 65535, 65535), 1);
    assert_int_equal(scalar_binary(EXPR_shift_right, TN_INT8, 0x80, 9), 0xff);
    assert_int_equal(scalar_binary(EXPR_shift_right, TN_UINT8, 0x80, 9), 0);
    assert_int_equal(scalar_binary(EXPR_shift_left, TN_INT32, 1, BITS(TN_INT32, -1)), 0);
    assert_int_equal(scalar_binary(EXPR_power, TN_INT32, BITS(TN_INT32, -2), 3),
                     BITS(TN_INT32, -8));
    assert_int_equal(scalar_binary(EXPR_power, TN_INT8, BITS(TN_INT8, -1), BITS(TN_INT8, -3)),
                     0xff);
    assert_int_equal(scalar_unary(EXPR_absolute, TN_INT8, 0x80), 0x80);
    double nan_and_one = scalar_to_double(
        TN_FLOAT, scalar_binary(EXPR_maximum, TN_FLOAT, scalar_from_double(TN_FLOAT, 1),
                                scalar_from_double(TN_FLOAT, NAN)));
    assert_true(isnan(nan_and_one));
    assert_true(floor_modulo(-1.0, INFINITY) == INFINITY);
    assert_true(signbit(floor_modulo(0.0, -3.0)));
    assert_false(scalar_exists(EXPR_exp, TN_INT32));
    assert_false(scalar_exists(EXPR_and, TN_FLOAT));
    assert_true(scalar_exists(EXPR_power, TN_DOUBLE));
    assert_true(scalar_convert(TN_FLOAT, TN_UINT64, true, UINT64_MAX) ==
                scalar_from_double(TN_FLOAT, 0x1p64));
}

/* ---- Sharing ----------------------------------------------------------------------------- */

static void count_visit(void *user, const Expr *e)
{
    (void)e;
    ++*(int *)user;
}

/* x = x + f(x), 200 times: 2^200 paths. */
static void test_sharing_is_kept(void **state)
{
    ExprPool *pool = pool_of(state);
    const Expr *n = number(pool, 8);
    Kernel *kernel = kernel_create(pool, "k");
    Tensor *t = kernel_tensor(kernel, "x", TENSOR_input, TN_FLOAT, 1, &n);
    Axis *i = axis_create(pool, "i", n), *j = axis_create(pool, "j", n);
    const Expr *index = expr_axis(pool, i), *x = expr_load(pool, t, &index);
    const Expr *other = expr_axis(pool, j), *y = expr_load(pool, t, &other);
    for (int depth = 0; depth < 200; depth++) {
        x = expr_binary(pool, EXPR_add, x, expr_unary(pool, EXPR_sin, x));
        y = expr_binary(pool, EXPR_add, y, expr_unary(pool, EXPR_sin, y));
    }
    assert_ptr_equal(expr_substitute(pool, x, i, other), y);
    int visited = 0;
    expr_walk(pool, x, count_visit, &visited);
    assert_int_equal(visited, 402);
    assert_true(strlen(printed(pool, x)) < 10000);
    assert_true(expr_contains_axis(x, i));
    assert_false(expr_contains_axis(x, j));
    assert_true(expr_contains_kind(x, EXPR_sin));
    assert_false(expr_contains_kind(x, EXPR_cos));
    const Expr *s = size(pool, "N");
    for (int depth = 0; depth < 100; depth++)
        s = expr_larger(
            pool, expr_quotient(pool, s, number(pool, 2)),
            expr_plus_integer(pool, expr_modulus(pool, s, number(pool, 1000003)), depth - 50));
    assert_true(strlen(printed(pool, s)) < 100000);
    int64_t sizes[64] = {0};
    sizes[0] = 1 << 20;
    assert_true(expr_evaluate(s, sizes) > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_normal_form),
        TEST(test_symbolic_reshape),
        TEST(test_conditions),
        TEST(test_restriction_sharpens),
        TEST(test_saturation),
        TEST(test_random_indices),
        TEST(test_random_conditions),
        TEST(test_print_and_parse),
        TEST(test_conditions_read_back),
        TEST(test_print_is_canonical),
        TEST(test_value_identities),
        TEST(test_conversions),
        TEST(test_double_to_half_rounds_once),
        TEST(test_scalar_corners),
        TEST(test_sharing_is_kept),
        TEST(test_order_is_not_that_of_creation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
