/* SPDX-License-Identifier: Apache-2.0
 *
 * The interpreter against plain loops: every kind of compute, windows, gathers, small floats,
 * parts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ir/kernel/kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Fixture {
    Boundary boundary;
    Arena *arena;
    ExprPool *pool;
    Kernel *kernel;
    int64_t sizes[16];
    void *data[16];
} Fixture;

static Fixture fixture;

static int set_up(void **state)
{
    (void)state;
    memset(&fixture, 0, sizeof fixture);
    fixture.arena = arena_create(&fixture.boundary);
    fixture.pool = expr_pool_create(fixture.arena);
    fixture.kernel = kernel_create(fixture.pool, "test");
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

/* A tensor with memory of exactly its size, filled with small numbers. */
static Tensor *tensor(const char *name, TensorRole role, TnElementType element, int rank,
                      const Expr *const *shape)
{
    Tensor *t = kernel_tensor(fixture.kernel, name, role, element, rank, shape);
    int64_t count = 1;
    for (int d = 0; d < rank; d++)
        count *= expr_evaluate(shape[d], fixture.sizes);
    size_t bytes = element_bytes(element);
    char *data = arena_allocate(fixture.arena, (size_t)count * bytes + 1);
    for (int64_t i = 0; i < count; i++)
        element_from_double(element, (double)((i * 37 + 11 * rank) % 19 - 9) / 4, true,
                            data + (size_t)i * bytes);
    fixture.data[t->slot] = data;
    return t;
}

static Tensor *fixed_tensor(const char *name, TensorRole role, TnElementType element, int rank,
                            const int64_t *dims)
{
    const Expr *shape[MAX_RANK];
    for (int d = 0; d < rank; d++)
        shape[d] = number(dims[d]);
    return tensor(name, role, element, rank, shape);
}

static float *floats(const Tensor *t)
{
    return fixture.data[t->slot];
}

static void evaluate(void)
{
    const Evaluator *evaluator = evaluator_create(fixture.arena, fixture.kernel);
    void *scratch = aligned_alloc(64, (evaluator_scratch_bytes(evaluator) + 63) / 64 * 64);
    assert_non_null(scratch);
    evaluator_run(evaluator, fixture.sizes, fixture.data, scratch, 0, -1);
    free(scratch);
}

/* In three parts along the first axis that has more than one element. */
static void evaluate_in_parts(void)
{
    Evaluator *evaluator = evaluator_create(fixture.arena, fixture.kernel);
    const Axis *axis = evaluator_parallel(evaluator);
    assert_non_null(axis);
    void *scratch = aligned_alloc(64, (evaluator_scratch_bytes(evaluator) + 63) / 64 * 64);
    assert_non_null(scratch);
    int64_t extent = expr_evaluate(axis->extent, fixture.sizes), cut = extent / 3;
    evaluator_run(evaluator, fixture.sizes, fixture.data, scratch, 0, cut);
    evaluator_run(evaluator, fixture.sizes, fixture.data, scratch, cut, 2 * cut);
    evaluator_run(evaluator, fixture.sizes, fixture.data, scratch, 2 * cut, extent);
    free(scratch);
}

static const Expr *axis_plus(const Expr *a, int64_t scale, const Expr *b, int64_t b_scale,
                             int64_t offset)
{
    ExprPool *pool = fixture.pool;
    return expr_plus_integer(
        pool, expr_plus(pool, expr_scale(pool, a, scale), expr_scale(pool, b, b_scale)), offset);
}

/* ---- Maps -------------------------------------------------------------------------------- */

static void test_map_transposes_and_computes(void **state)
{
    (void)state;
    ExprPool *pool = fixture.pool;
    const Tensor *x = fixed_tensor("x", TENSOR_input, TN_FLOAT, 2, (int64_t[]){7, 300});
    const Tensor *y = fixed_tensor("y", TENSOR_output, TN_FLOAT, 2, (int64_t[]){300, 7});
    Compute *c = kernel_map(fixture.kernel, y);
    const Expr *i = compute_axis(fixture.kernel, c, 0), *j = compute_axis(fixture.kernel, c, 1);
    const Expr *load = expr_load(pool, x, (const Expr *[]){j, i});
    c->body = expr_binary(pool, EXPR_maximum, expr_binary(pool, EXPR_multiply, load, load),
                          expr_real(pool, TN_FLOAT, 0.5));
    evaluate();
    for (int a = 0; a < 300; a++)
        for (int b = 0; b < 7; b++) {
            float v = floats(x)[b * 300 + a];
            assert_true(floats(y)[a * 7 + b] == fmaxf(v * v, 0.5f));
        }
}

static void test_map_pads_and_selects(void **state)
{
    (void)state;
    ExprPool *pool = fixture.pool;
    const Tensor *x = fixed_tensor("x", TENSOR_input, TN_INT32, 1, (int64_t[]){5});
    const Tensor *y = fixed_tensor("y", TENSOR_output, TN_INT32, 1, (int64_t[]){11});
    int32_t *in = fixture.data[x->slot];
    for (int k = 0; k < 5; k++)
        in[k] = k + 1;
    Compute *c = kernel_map(fixture.kernel, y);
    const Expr *i = expr_plus_integer(pool, compute_axis(fixture.kernel, c, 0), -3);
    const Expr *padded = expr_load_or(pool, x, &i, expr_whole(pool, TN_INT32, -1));
    c->body = expr_select(
        pool, expr_compare(pool, EXPR_less, compute_axis(fixture.kernel, c, 0), number(10)), padded,
        expr_whole(pool, TN_INT32, 77));
    evaluate();
    const int32_t expected[] = {-1, -1, -1, 1, 2, 3, 4, 5, -1, -1, 77};
    assert_memory_equal(fixture.data[y->slot], expected, sizeof expected);
}

/* Reversed and strided indices, clipped at both ends. */
static void test_map_clips_any_step(void **state)
{
    (void)state;
    ExprPool *pool = fixture.pool;
    const Tensor *x = fixed_tensor("x", TENSOR_input, TN_INT64, 1, (int64_t[]){10});
    const Tensor *y = fixed_tensor("y", TENSOR_output, TN_INT64, 2, (int64_t[]){7, 25});
    int64_t *in = fixture.data[x->slot], *out = fixture.data[y->slot];
    for (int k = 0; k < 10; k++)
        in[k] = 100 + k;
    Compute *c = kernel_map(fixture.kernel, y);
    const Expr *s = compute_axis(fixture.kernel, c, 0), *j = compute_axis(fixture.kernel, c, 1);
    const Expr *sum = expr_whole(pool, TN_INT64, 0);
    for (int step = -3; step <= 3; step++) {
        const Expr *index = expr_plus_integer(pool, expr_scale(pool, j, step), 4);
        const Expr *load = expr_load_or(pool, x, &index, expr_whole(pool, TN_INT64, -1));
        sum = expr_select(pool, expr_compare(pool, EXPR_equal, s, number(step + 3)), load, sum);
    }
    c->body = sum;
    evaluate();
    for (int step = -3; step <= 3; step++)
        for (int l = 0; l < 25; l++) {
            int at = 4 + step * l;
            assert_int_equal(out[(step + 3) * 25 + l], at >= 0 && at < 10 ? 100 + at : -1);
        }
}

static void test_gather_stays_inside_for_any_data(void **state)
{
    (void)state;
    ExprPool *pool = fixture.pool;
    const Tensor *x = fixed_tensor("x", TENSOR_input, TN_FLOAT, 1, (int64_t[]){8});
    const Tensor *at = fixed_tensor("at", TENSOR_input, TN_INT64, 1, (int64_t[]){6});
    const Tensor *y = fixed_tensor("y", TENSOR_output, TN_FLOAT, 1, (int64_t[]){6});
    const int64_t wild[] = {3, INT64_MAX, INT64_MIN, -1, 7, 8};
    memcpy(fixture.data[at->slot], wild, sizeof wild);
    Compute *c = kernel_map(fixture.kernel, y);
    const Expr *i = compute_axis(fixture.kernel, c, 0);
    const Expr *index = expr_to_index(pool, expr_load(pool, at, &i));
    c->body = expr_load_or(pool, x, &index, expr_real(pool, TN_FLOAT, -5));
    evaluate();
    const float expected[] = {floats(x)[3], -5, -5, -5, floats(x)[7], -5};
    assert_memory_equal(floats(y), expected, sizeof expected);
}

/* Symbolic broadcasting: min(i, N - 1), N 1 or more; quotients and remainders of the row. */
static void test_map_symbolic_sizes(void **state)
{
    (void)state;
    ExprPool *pool = fixture.pool;
    const Expr *n = expr_symbol(pool, "N");
    symbol_restrict(pool, n, 1, 1000);
    for (int64_t size = 1; size <= 40; size += 39) {
        fixture.kernel = kernel_create(pool, "test");
        fixture.sizes[((const Symbol *)n->object)->id] = size;
        const Tensor *x = tensor("x", TENSOR_input, TN_FLOAT, 1, &n);
        const Tensor *y = fixed_tensor("y", TENSOR_output, TN_FLOAT, 1, (int64_t[]){40});
        Compute *c = kernel_map(fixture.kernel, y);
        const Expr *i = compute_axis(fixture.kernel, c, 0);
        const Expr *clamped = expr_smaller(pool, i, expr_plus_integer(pool, n, -1));
        const Expr *part =
            expr_smaller(pool, expr_quotient(pool, i, number(3)), expr_plus_integer(pool, n, -1));
        c->body = expr_binary(
            pool, EXPR_add, expr_load(pool, x, &clamped),
            expr_binary(pool, EXPR_multiply, expr_load(pool, x, &part),
                        expr_from_index(pool, TN_FLOAT, expr_modulus(pool, i, number(3)))));
        evaluate();
        for (int64_t k = 0; k < 40; k++) {
            float a = floats(x)[k < size ? k : size - 1];
            float b = floats(x)[k / 3 < size ? k / 3 : size - 1];
            assert_true(floats(y)[k] == a + b * (float)(k % 3));
        }
    }
}

static void test_small_floats_round_once(void **state)
{
    (void)state;
    ExprPool *pool = fixture.pool;
    const Tensor *x = fixed_tensor("x", TENSOR_input, TN_FLOAT16, 1, (int64_t[]){100});
    const Tensor *y = fixed_tensor("y", TENSOR_output, TN_FLOAT16, 1, (int64_t[]){100});
    Compute *c = kernel_map(fixture.kernel, y);
    const Expr *i = compute_axis(fixture.kernel, c, 0);
    const Expr *v = expr_load(pool, x, &i);
    c->body = expr_binary(pool, EXPR_divide, v, expr_real(pool, TN_FLOAT, 3));
    evaluate();
    for (int k = 0; k < 100; k++) {
        const uint16_t *in = fixture.data[x->slot], *out = fixture.data[y->slot];
        float third = element_small_to_float(TN_FLOAT16, in[k]) / 3;
        assert_int_equal(out[k], element_float_to_small(TN_FLOAT16, third, false));
    }
}

/* ---- Sums of products -------------------------------------------------------------------- */

static void check_close(const float *actual, const double *expected, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!(fabs(actual[i] - expected[i]) <= 1e-6 * (1 + fabs(expected[i]))))
            fail_msg("element %lld is %g, expected %g", (long long)i, (double)actual[i],
                     expected[i]);
}

typedef struct Convolution {
    int64_t batch, in, out, height, width, kernel, stride, pad, groups;
} Convolution;

static void check_convolution(Convolution p, bool in_parts)
{
    ExprPool *pool = fixture.pool;
    fixture.kernel = kernel_create(pool, "conv");
    int64_t oh = (p.height + 2 * p.pad - p.kernel) / p.stride + 1;
    int64_t ow = (p.width + 2 * p.pad - p.kernel) / p.stride + 1;
    int64_t ic = p.in / p.groups, oc = p.out / p.groups;
    const Tensor *x =
        fixed_tensor("x", TENSOR_input, TN_FLOAT, 4, (int64_t[]){p.batch, p.in, p.height, p.width});
    const Tensor *w =
        fixed_tensor("w", TENSOR_input, TN_FLOAT, 4, (int64_t[]){p.out, ic, p.kernel, p.kernel});
    const Tensor *y =
        fixed_tensor("y", TENSOR_output, TN_FLOAT, 4, (int64_t[]){p.batch, p.out, oh, ow});
    Compute *c = kernel_reduce(fixture.kernel, y, COMBINE_sum);
    const Expr *n = compute_axis(fixture.kernel, c, 0), *o = compute_axis(fixture.kernel, c, 1);
    const Expr *h = compute_axis(fixture.kernel, c, 2), *v = compute_axis(fixture.kernel, c, 3);
    const Expr *i = compute_reduce_axis(fixture.kernel, c, number(ic));
    const Expr *kh = compute_reduce_axis(fixture.kernel, c, number(p.kernel));
    const Expr *kw = compute_reduce_axis(fixture.kernel, c, number(p.kernel));
    const Expr *channel =
        expr_plus(pool, expr_scale(pool, expr_quotient(pool, o, number(oc)), ic), i);
    const Expr *at[] = {n, channel, axis_plus(h, p.stride, kh, 1, -p.pad),
                        axis_plus(v, p.stride, kw, 1, -p.pad)};
    const Expr *weight[] = {o, i, kh, kw};
    c->body =
        expr_binary(pool, EXPR_multiply, expr_load_or(pool, x, at, expr_real(pool, TN_FLOAT, 0)),
                    expr_load(pool, w, weight));
    if (in_parts)
        evaluate_in_parts();
    else
        evaluate();
    double *expected = calloc((size_t)(p.batch * p.out * oh * ow), sizeof *expected);
    int64_t e = 0;
    for (int64_t b = 0; b < p.batch; b++)
        for (int64_t k = 0; k < p.out; k++)
            for (int64_t a = 0; a < oh; a++)
                for (int64_t d = 0; d < ow; d++, e++)
                    for (int64_t q = 0; q < ic; q++)
                        for (int64_t r = 0; r < p.kernel; r++)
                            for (int64_t s = 0; s < p.kernel; s++) {
                                int64_t row = a * p.stride + r - p.pad;
                                int64_t column = d * p.stride + s - p.pad;
                                if (row < 0 || row >= p.height || column < 0 || column >= p.width)
                                    continue;
                                expected[e] +=
                                    (double)floats(
                                        x)[((b * p.in + k / oc * ic + q) * p.height + row) *
                                               p.width +
                                           column] *
                                    floats(w)[((k * ic + q) * p.kernel + r) * p.kernel + s];
                            }
    check_close(floats(y), expected, p.batch * p.out * oh * ow);
    free(expected);
}

static void test_convolutions(void **state)
{
    (void)state;
    const Convolution cases[] = {
        {2, 3, 8, 13, 13, 3, 1, 1, 1},   {1, 16, 7, 9, 9, 3, 2, 1, 1},
        {1, 8, 8, 14, 14, 5, 1, 2, 8},   {1, 12, 18, 7, 7, 1, 1, 0, 1},
        {1, 8, 6, 10, 11, 3, 1, 1, 2},   {1, 4, 5, 1, 1, 3, 1, 1, 1},
        {1, 1, 1, 600, 601, 7, 2, 3, 1}, {3, 6, 6, 5, 5, 5, 1, 4, 6},
        {1, 2, 3, 3, 2, 2, 1, 5, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_convolution(cases[i], false);
    check_convolution(cases[0], true);
    check_convolution(cases[1], true);
    check_convolution(cases[6], true);
}

static void check_matmul(int64_t m, int64_t n, int64_t k, bool a_transposed, bool b_transposed)
{
    ExprPool *pool = fixture.pool;
    fixture.kernel = kernel_create(pool, "matmul");
    const Tensor *a = fixed_tensor("a", TENSOR_input, TN_FLOAT, 2,
                                   a_transposed ? (int64_t[]){k, m} : (int64_t[]){m, k});
    const Tensor *b = fixed_tensor("b", TENSOR_input, TN_FLOAT, 2,
                                   b_transposed ? (int64_t[]){n, k} : (int64_t[]){k, n});
    const Tensor *y = fixed_tensor("y", TENSOR_output, TN_FLOAT, 2, (int64_t[]){m, n});
    Compute *c = kernel_reduce(fixture.kernel, y, COMBINE_sum);
    const Expr *i = compute_axis(fixture.kernel, c, 0), *j = compute_axis(fixture.kernel, c, 1);
    const Expr *r = compute_reduce_axis(fixture.kernel, c, number(k));
    const Expr *at_a[] = {a_transposed ? r : i, a_transposed ? i : r};
    const Expr *at_b[] = {b_transposed ? j : r, b_transposed ? r : j};
    c->body = expr_binary(pool, EXPR_multiply, expr_load(pool, a, at_a), expr_load(pool, b, at_b));
    evaluate();
    double *expected = calloc((size_t)(m * n), sizeof *expected);
    for (int64_t p = 0; p < m; p++)
        for (int64_t q = 0; q < n; q++)
            for (int64_t s = 0; s < k; s++)
                expected[p * n + q] += (double)floats(a)[a_transposed ? s * m + p : p * k + s] *
                                       floats(b)[b_transposed ? q * k + s : s * n + q];
    check_close(floats(y), expected, m * n);
    free(expected);
}

static void test_matrix_products(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        check_matmul(9, 33, 70, i & 1, i & 2);
        check_matmul(1, 5, 600, i & 1, i & 2);
        check_matmul(6, 1, 17, i & 1, i & 2);
        check_matmul(5, 700, 3, i & 1, i & 2);
        check_matmul(1, 1, 9, i & 1, i & 2);
    }
}

/* Halves of every kind: denormals, the largest, infinity. */
static void test_products_of_halves(void **state)
{
    (void)state;
    ExprPool *pool = fixture.pool;
    const TnElementType types[] = {TN_FLOAT16, TN_BFLOAT16};
    const uint16_t patterns[] = {0x0000, 0x8001, 0x03ff, 0x0400, 0x3c00, 0xbc01, 0x7bff, 0x7c00};
    for (int i = 0; i < 2; i++) {
        fixture.kernel = kernel_create(pool, "halves");
        const Tensor *a = fixed_tensor("a", TENSOR_input, types[i], 2, (int64_t[]){8, 1});
        const Tensor *b = fixed_tensor("b", TENSOR_input, types[i], 2, (int64_t[]){1, 9});
        const Tensor *y = fixed_tensor("y", TENSOR_output, TN_FLOAT, 2, (int64_t[]){8, 9});
        memcpy(fixture.data[a->slot], patterns, sizeof patterns);
        for (int k = 0; k < 9; k++)
            ((uint16_t *)fixture.data[b->slot])[k] = 0x3f80;
        Compute *c = kernel_reduce(fixture.kernel, y, COMBINE_sum);
        const Expr *r = compute_reduce_axis(fixture.kernel, c, expr_symbol(pool, "K"));
        fixture.sizes[0] = 1;
        const Expr *at_a[] = {compute_axis(fixture.kernel, c, 0), r};
        const Expr *at_b[] = {r, compute_axis(fixture.kernel, c, 1)};
        c->body =
            expr_binary(pool, EXPR_multiply, expr_load(pool, a, at_a), expr_load(pool, b, at_b));
        evaluate();
        float factor = element_small_to_float(types[i], 0x3f80);
        for (int k = 0; k < 8; k++)
            for (int j = 0; j < 9; j++)
                assert_true(floats(y)[k * 9 + j] ==
                            element_small_to_float(types[i], patterns[k]) * factor);
    }
}

/* ---- Other reductions, scans, scatters --------------------------------------------------- */

static void test_reductions(void **state)
{
    (void)state;
    ExprPool *pool = fixture.pool;
    const Tensor *x = fixed_tensor("x", TENSOR_input, TN_FLOAT, 2, (int64_t[]){5, 700});
    const Tensor *high = fixed_tensor("high", TENSOR_output, TN_FLOAT, 1, (int64_t[]){5});
    const Tensor *sum = fixed_tensor("sum", TENSOR_output, TN_FLOAT, 1, (int64_t[]){5});
    const Tensor *low = fixed_tensor("low", TENSOR_output, TN_FLOAT, 1, (int64_t[]){700});
    const Tensor *count = fixed_tensor("count", TENSOR_output, TN_INT64, 1, (int64_t[]){5});
    floats(x)[3 * 700 + 10] = NAN;
    Compute *c = kernel_reduce(fixture.kernel, high, COMBINE_max);
    const Expr *r = compute_reduce_axis(fixture.kernel, c, number(700));
    const Expr *at[] = {compute_axis(fixture.kernel, c, 0), r};
    c->body = expr_load(pool, x, at);
    c = kernel_reduce(fixture.kernel, sum, COMBINE_sum);
    r = compute_reduce_axis(fixture.kernel, c, number(700));
    const Expr *at_sum[] = {compute_axis(fixture.kernel, c, 0), r};
    c->body = expr_unary(pool, EXPR_absolute, expr_load(pool, x, at_sum));
    c = kernel_reduce(fixture.kernel, low, COMBINE_min);
    r = compute_reduce_axis(fixture.kernel, c, number(5));
    const Expr *at_low[] = {r, compute_axis(fixture.kernel, c, 0)};
    c->body = expr_load(pool, x, at_low);
    c = kernel_reduce(fixture.kernel, count, COMBINE_sum);
    compute_reduce_axis(fixture.kernel, c, number(700));
    c->body = expr_whole(pool, TN_INT64, 2);
    evaluate();
    for (int i = 0; i < 5; i++) {
        double expected_sum = 0;
        float expected_high = -INFINITY;
        for (int j = 0; j < 700; j++) {
            expected_sum += fabsf(floats(x)[i * 700 + j]);
            expected_high = fmaxf(expected_high, floats(x)[i * 700 + j]);
        }
        if (i == 3) {
            assert_true(isnan(floats(high)[i]) && isnan(floats(sum)[i]));
        } else {
            assert_true(floats(high)[i] == expected_high);
            assert_true(fabs(floats(sum)[i] - expected_sum) < 1e-3);
        }
        assert_int_equal(((int64_t *)fixture.data[count->slot])[i], 1400);
    }
    assert_true(isnan(floats(low)[10]));
    assert_true(floats(low)[11] <= floats(x)[11]);
}

static void check_scan(int dim, bool reverse, bool exclusive)
{
    ExprPool *pool = fixture.pool;
    fixture.kernel = kernel_create(pool, "scan");
    const int64_t dims[] = {3, 600, 4};
    const Tensor *x = fixed_tensor("x", TENSOR_input, TN_INT32, 3, dims);
    const Tensor *y = fixed_tensor("y", TENSOR_output, TN_INT32, 3, dims);
    Compute *c = kernel_scan(fixture.kernel, y, COMBINE_sum, dim);
    c->reverse = reverse;
    c->exclusive = exclusive;
    const Expr *at[3];
    for (int d = 0; d < 3; d++)
        at[d] = compute_axis(fixture.kernel, c, d);
    c->body = expr_load(pool, x, at);
    evaluate();
    const int32_t *in = fixture.data[x->slot], *out = fixture.data[y->slot];
    const int64_t strides[] = {2400, 4, 1};
    for (int64_t e = 0; e < 7200; e++) {
        int64_t position = e / strides[dim] % dims[dim], expected = 0;
        for (int64_t t = 0; t < dims[dim]; t++) {
            bool counts = reverse ? t > position : t < position;
            if (counts || (t == position && !exclusive))
                expected += in[e + (t - position) * strides[dim]];
        }
        assert_int_equal(out[e], expected);
    }
}

static void test_scans(void **state)
{
    (void)state;
    for (int dim = 0; dim < 3; dim++)
        for (int i = 0; i < 4; i++)
            check_scan(dim, i & 1, i & 2);
}

static void test_scatter_adds_in_order_and_stays_inside(void **state)
{
    (void)state;
    ExprPool *pool = fixture.pool;
    const Tensor *at = fixed_tensor("at", TENSOR_input, TN_INT64, 1, (int64_t[]){6});
    const Tensor *x = fixed_tensor("x", TENSOR_input, TN_FLOAT, 1, (int64_t[]){6});
    const Tensor *y = fixed_tensor("y", TENSOR_output, TN_FLOAT, 1, (int64_t[]){4});
    memcpy(fixture.data[at->slot], (int64_t[]){1, 3, 1, 4, -1, 0}, 6 * sizeof(int64_t));
    Compute *zero = kernel_map(fixture.kernel, y);
    zero->body = expr_real(pool, TN_FLOAT, 10);
    const Expr *extent = number(6);
    Compute *c = kernel_scatter(fixture.kernel, y, COMBINE_sum, 1, &extent);
    const Expr *i = compute_axis(fixture.kernel, c, 0);
    c->body = expr_load(pool, x, &i);
    c->target[0] = expr_to_index(pool, expr_load(pool, at, &i));
    evaluate();
    const float *v = floats(x);
    const float expected[] = {10 + v[5], 10 + v[0] + v[2], 10, 10 + v[1]};
    assert_memory_equal(floats(y), expected, sizeof expected);
}

static void test_empty_extents(void **state)
{
    (void)state;
    ExprPool *pool = fixture.pool;
    const Expr *n = expr_symbol(pool, "N");
    fixture.sizes[((const Symbol *)n->object)->id] = 0;
    const Expr *shape[] = {number(3), n};
    const Tensor *x = tensor("x", TENSOR_input, TN_FLOAT, 2, shape);
    const Tensor *y = fixed_tensor("y", TENSOR_output, TN_FLOAT, 1, (int64_t[]){3});
    Compute *c = kernel_reduce(fixture.kernel, y, COMBINE_sum);
    const Expr *r = compute_reduce_axis(fixture.kernel, c, n);
    const Expr *at[] = {compute_axis(fixture.kernel, c, 0), r};
    const Expr *load = expr_load(pool, x, at);
    c->body = expr_binary(pool, EXPR_multiply, load, load);
    evaluate();
    for (int i = 0; i < 3; i++)
        assert_true(floats(y)[i] == 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_map_transposes_and_computes),
        TEST(test_map_pads_and_selects),
        TEST(test_map_clips_any_step),
        TEST(test_gather_stays_inside_for_any_data),
        TEST(test_map_symbolic_sizes),
        TEST(test_small_floats_round_once),
        TEST(test_convolutions),
        TEST(test_matrix_products),
        TEST(test_products_of_halves),
        TEST(test_reductions),
        TEST(test_scans),
        TEST(test_scatter_adds_in_order_and_stays_inside),
        TEST(test_empty_extents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
