/* SPDX-License-Identifier: Apache-2.0
 *
 * Lowered functions against <math.h> in higher precision: long double for double, double for float.
 * Expressions are evaluated with the scalar operations that constant folding and the interpreter
 * use. The bounds are those of math.def, with and without fma and scaling in the "hardware".
 */
#include "codegen/math.h"

#include "ir/expr/scalar.h"
#include "ir/kernel/kernel.h"
#include "ir/support/array.h"

#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- Evaluation -------------------------------------------------------------------------- */

typedef struct Code {
    int count;
    const Expr *nodes[20000];
    uint64_t *values; /* by id */
    const Expr *x, *y;
} Code;

static void collect(void *user, const Expr *e)
{
    Code *code = user;
    assert_true(code->count < (int)COUNT_OF(code->nodes));
    code->nodes[code->count++] = e;
}

static uint64_t evaluate_node(const Code *code, const Expr *e)
{
    uint64_t v[3] = {0};
    for (int i = 0; i < e->count; i++)
        v[i] = code->values[e->src[i]->id];
    TnElementType from = e->count ? e->src[0]->type : e->type;
    switch ((int)e->kind) {
    case EXPR_constant: return e->bits;
    case EXPR_convert: return scalar_convert(e->type, from, true, v[0]);
    case EXPR_bitcast: return v[0];
    case EXPR_select: return v[0] ? v[1] : v[2];
    case EXPR_fma: return scalar_fma(e->type, v[0], v[1], v[2]);
    case EXPR_less:
    case EXPR_less_equal:
    case EXPR_equal:
    case EXPR_not_equal: return scalar_compare(e->kind, from, v[0], v[1]);
    }
    return e->count == 1 ? scalar_unary(e->kind, e->type, v[0])
                         : scalar_binary(e->kind, e->type, v[0], v[1]);
}

static double evaluate(const Code *code, TnElementType type, double x, double y)
{
    code->values[code->x->id] = scalar_from_double(type, x);
    if (code->y)
        code->values[code->y->id] = scalar_from_double(type, y);
    for (int i = 0; i < code->count; i++)
        if (code->nodes[i]->kind != EXPR_load)
            code->values[code->nodes[i]->id] = evaluate_node(code, code->nodes[i]);
    return scalar_to_double(type, code->values[code->nodes[code->count - 1]->id]);
}

/* ---- Hardware ---------------------------------------------------------------------------- */

typedef struct Hardware {
    const char *name;
    bool has_fma, has_scale2, has_copysign;
} Hardware;

static const Hardware machines[] = {
    {"all", true, true, true}, {"fma", true, false, true}, {"bare", false, false, false}};

static bool has_operation(ExprKind kind, TnElementType type, const void *context)
{
    const Hardware *hardware = context;
    (void)type;
    switch ((int)kind) {
#define MATH_UNARY(name, single, twice, from, to) case EXPR_##name:
#define MATH_BINARY(name, single, twice)          case EXPR_##name:
#include "codegen/math.def"
        return (kind == EXPR_scale2 && hardware->has_scale2) ||
               (kind == EXPR_copysign && hardware->has_copysign);
    case EXPR_fma: return hardware->has_fma;
    }
    return true;
}

static void check_kinds(const Code *code, const Hardware *hardware)
{
    for (int i = 0; i < code->count; i++)
        if (element_kind(code->nodes[i]->type) == ELEMENT_KIND_FLOAT)
            assert_true(has_operation(code->nodes[i]->kind, code->nodes[i]->type, hardware));
}

/* ---- Oracles ----------------------------------------------------------------------------- */

static long double oracle(ExprKind kind, long double x, long double y)
{
    switch ((int)kind) {
    case EXPR_exp: return expl(x);
    case EXPR_expm1: return expm1l(x);
    case EXPR_log: return logl(x);
    case EXPR_log1p: return log1pl(x);
    case EXPR_sin: return sinl(x);
    case EXPR_cos: return cosl(x);
    case EXPR_tan: return tanl(x);
    case EXPR_asin: return asinl(x);
    case EXPR_acos: return acosl(x);
    case EXPR_atan: return atanl(x);
    case EXPR_sinh: return sinhl(x);
    case EXPR_cosh: return coshl(x);
    case EXPR_tanh: return tanhl(x);
    case EXPR_asinh: return asinhl(x);
    case EXPR_acosh: return acoshl(x);
    case EXPR_atanh: return atanhl(x);
    case EXPR_erf: return erfl(x);
    case EXPR_power: return powl(x, y);
    case EXPR_atan2: return atan2l(x, y);
    case EXPR_remainder: return fmodl(x, y);
    case EXPR_scale2: return isnan(y) ? y : ldexpl(x, scale2_exponent((double)y));
    case EXPR_copysign: return copysignl(x, y);
    }
    return NAN;
}

/* modulo's own rounding is part of its definition */
static long double expected(ExprKind kind, TnElementType type, double x, double y)
{
    if (kind == EXPR_modulo)
        return type == TN_FLOAT ? (long double)floor_modulo_float((float)x, (float)y)
                                : (long double)floor_modulo_double(x, y);
    return oracle(kind, (long double)x, (long double)y);
}

/* In units in the last place of the expected value. */
static double error_of(TnElementType type, double got, long double wanted)
{
    bool single = type == TN_FLOAT;
    double rounded = single ? (double)(float)wanted : (double)wanted;
    if (isnan(rounded) || isnan(got))
        return isnan(rounded) && isnan(got) ? 0 : INFINITY;
    if (isinf(rounded) || isinf(got) || rounded == 0)
        return got == rounded || (fabs(got) <= (single ? 0x1p-149 : 0x1p-1074) && rounded == 0) ||
                       (isinf(rounded) && fabs(got) >= (single ? (double)FLT_MAX : DBL_MAX))
                   ? 0
                   : INFINITY;
    int exponent;
    frexpl(wanted, &exponent);
    int lowest = single ? -149 : -1074, digits = single ? 24 : 53;
    int unit = exponent - digits > lowest ? exponent - digits : lowest;
    return (double)fabsl(ldexpl((long double)got - wanted, -unit));
}

static bool has_right_zero(double got, long double wanted)
{
    return got != 0 || wanted != 0 || !signbit(got) == !signbit(wanted);
}

/* ---- Inputs ------------------------------------------------------------------------------ */

static uint64_t draw(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    return *random ^= *random << 17;
}

static double unit(uint64_t *random)
{
    return (double)(draw(random) >> 11) * 0x1p-53;
}

static double any_bits(TnElementType type, uint64_t *random)
{
    return scalar_to_double(type, type == TN_FLOAT ? draw(random) & 0xffffffff : draw(random));
}

static double rounded_to(TnElementType type, double x)
{
    return type == TN_FLOAT ? (double)(float)x : x;
}

static const double specials[] = {0.0,
                                  -0.0,
                                  1,
                                  -1,
                                  2,
                                  -2,
                                  0.5,
                                  -0.5,
                                  3,
                                  -3,
                                  INFINITY,
                                  -INFINITY,
                                  NAN,
                                  0x1p-149,
                                  -0x1p-149,
                                  0x1p-126,
                                  0x1p-127,
                                  0x1p-1074,
                                  0x1p-1022,
                                  1e-300,
                                  1e300,
                                  -1e300,
                                  FLT_MAX,
                                  -(double)FLT_MAX,
                                  DBL_MAX,
                                  -DBL_MAX,
                                  1e-30,
                                  -1e-30,
                                  1e-10,
                                  1e10,
                                  1.5707963267948966,
                                  3.141592653589793,
                                  1e22,
                                  1e5,
                                  0x1p20,
                                  1048575.75,
                                  0x1p53,
                                  0x1p100,
                                  88.72283,
                                  88.7229,
                                  -103.97,
                                  -104.5,
                                  709.78,
                                  709.79,
                                  710.47,
                                  -745.13,
                                  -745.2,
                                  0.99999999999999989,
                                  0.9999999,
                                  1.0000001,
                                  1.0000000000000002,
                                  0.84375,
                                  1.25,
                                  2.857,
                                  6,
                                  22,
                                  0.41421356,
                                  2.4142135,
                                  7,
                                  -7,
                                  1e9,
                                  5.319372648326541e255,
                                  6381956970095103.0 * 0x1p797,
                                  4.0,
                                  9.5,
                                  10.5};

typedef struct Worst {
    double error, x, y;
} Worst;

static void check(const Code *code, ExprKind kind, TnElementType type, double x, double y,
                  Worst *worst)
{
    x = rounded_to(type, x);
    y = rounded_to(type, y);
    double got = evaluate(code, type, x, y);
    long double wanted = expected(kind, type, x, y);
    double error = error_of(type, got, wanted);
    if (!has_right_zero(got, wanted))
        error = INFINITY;
    if (error > worst->error)
        *worst = (Worst){error, x, y};
}

/* ---- Runs -------------------------------------------------------------------------------- */

enum { SAMPLES = 4000 };

static void check_unary(const Code *code, ExprKind kind, TnElementType type, double from, double to,
                        Worst *worst)
{
    uint64_t random = 88172645463325252;
    for (size_t i = 0; i < COUNT_OF(specials); i++) {
        check(code, kind, type, specials[i], 0, worst);
        check(code, kind, type, nextafter(specials[i], 0), 0, worst);
    }
    for (int i = 0; i < SAMPLES; i++) {
        double u = unit(&random);
        check(code, kind, type, from + (to - from) * u, 0, worst);
        check(code, kind, type, ldexp(u - 0.5, (int)(draw(&random) % 80) - 70), 0, worst);
        check(code, kind, type, 1 + ldexp(u - 0.5, -(int)(draw(&random) % 50)), 0, worst);
        check(code, kind, type, any_bits(type, &random), 0, worst);
    }
    /* Near multiples of pi / 2. */
    for (int i = 1; i < 2000; i++)
        check(code, kind, type, i * 1.5707963267948966, 0, worst);
}

static void check_binary(const Code *code, ExprKind kind, TnElementType type, Worst *worst)
{
    uint64_t random = 88172645463325252;
    for (size_t i = 0; i < COUNT_OF(specials); i++)
        for (size_t j = 0; j < COUNT_OF(specials); j++)
            if (kind != EXPR_scale2 || isnan(specials[j]) || specials[j] == floor(specials[j]))
                check(code, kind, type, specials[i], specials[j], worst);
    for (int i = 0; i < SAMPLES; i++) {
        double x = any_bits(type, &random), y = any_bits(type, &random);
        if (kind == EXPR_scale2) {
            check(code, kind, type, x, (double)(int64_t)(draw(&random) % 4400) - 2200, worst);
            continue;
        }
        check(code, kind, type, x, y, worst);
        check(code, kind, type, x, ldexp(unit(&random) - 0.5, (int)(draw(&random) % 16)), worst);
        x = 20 * unit(&random);
        y = 60 * (unit(&random) - 0.5);
        check(code, kind, type, x, y, worst);
        check(code, kind, type, 1 + ldexp(x - 10, -(int)(draw(&random) % 40) - 5),
              ldexp(y, (int)(draw(&random) % 40)), worst);
    }
}

static void run(ExprKind kind, TnElementType type, double bound, double from, double to,
                bool is_binary)
{
    for (size_t h = 0; h < COUNT_OF(machines); h++) {
        Boundary boundary;
        Arena *arena = arena_create(&boundary);
        ExprPool *pool = expr_pool_create(arena);
        Kernel *kernel = kernel_create(pool, "k");
        const Expr *x =
            expr_load(pool, kernel_tensor(kernel, "x", TENSOR_input, type, 0, NULL), NULL);
        const Expr *y =
            expr_load(pool, kernel_tensor(kernel, "y", TENSOR_input, type, 0, NULL), NULL);
        const Expr *e = is_binary ? expr_binary(pool, kind, x, y) : expr_unary(pool, kind, x);
        Code *code = calloc(1, sizeof *code);
        code->x = x;
        code->y = is_binary ? y : NULL;
        e = math_lower(pool, e, has_operation, &machines[h]);
        expr_walk(pool, e, collect, code);
        check_kinds(code, &machines[h]);
        code->values = calloc((size_t)e->id + 1000, sizeof *code->values);
        Worst worst = {0};
        if (is_binary)
            check_binary(code, kind, type, &worst);
        else
            check_unary(code, kind, type, from, to, &worst);
        if (getenv("TENON_TEST_VERBOSE"))
            printf("%-10s %-7s %-5s %5d nodes  %.3f at %a %a\n", expr_kind_name(kind),
                   element_name(type), machines[h].name, code->count, worst.error, worst.x,
                   worst.y);
        /* Without fma a few more roundings. */
        double allowed = machines[h].has_fma ? bound : bound + 1;
        if (!(worst.error <= allowed))
            fail_msg("%s of %s, hardware %s: %g ulp at %a, %a; got %a, expected %La",
                     expr_kind_name(kind), element_name(type), machines[h].name, worst.error,
                     worst.x, worst.y, evaluate(code, type, worst.x, worst.y),
                     expected(kind, type, worst.x, worst.y));
        free(code->values);
        free(code);
        arena_destroy(arena);
    }
}

#define MATH_UNARY(name, single, twice, from, to)                                                  \
    static void test_##name##_of_float(void **state)                                               \
    {                                                                                              \
        (void)state;                                                                               \
        run(EXPR_##name, TN_FLOAT, single, from, to, false);                                       \
    }                                                                                              \
    static void test_##name##_of_double(void **state)                                              \
    {                                                                                              \
        (void)state;                                                                               \
        run(EXPR_##name, TN_DOUBLE, twice, from, to, false);                                       \
    }
#define MATH_BINARY(name, single, twice)                                                           \
    static void test_##name##_of_float(void **state)                                               \
    {                                                                                              \
        (void)state;                                                                               \
        run(EXPR_##name, TN_FLOAT, single, 0, 0, true);                                            \
    }                                                                                              \
    static void test_##name##_of_double(void **state)                                              \
    {                                                                                              \
        (void)state;                                                                               \
        run(EXPR_##name, TN_DOUBLE, twice, 0, 0, true);                                            \
    }
#include "codegen/math.def"

int main(void)
{
    const struct CMUnitTest tests[] = {
#define MATH_UNARY(name, single, twice, from, to)                                                  \
    cmocka_unit_test(test_##name##_of_float), cmocka_unit_test(test_##name##_of_double),
#define MATH_BINARY(name, single, twice)                                                           \
    cmocka_unit_test(test_##name##_of_float), cmocka_unit_test(test_##name##_of_double),
#include "codegen/math.def"
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
