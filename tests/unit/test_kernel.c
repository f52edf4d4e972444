/* SPDX-License-Identifier: Apache-2.0
 *
 * Kernels: printed forms, layouts, inlining, pruning, what the verifier finds; nests as text.
 */
#include "ir/kernel/nest.h"
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
    Kernel *kernel;
} Fixture;

static int setup(void **state)
{
    Fixture *f = calloc(1, sizeof *f);
    f->arena = arena_create(&f->boundary);
    f->pool = expr_pool_create(f->arena);
    f->kernel = kernel_create(f->pool, "k");
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

/* sizes: "N, 10" */
static Tensor *tensor(Fixture *f, const char *name, TensorRole role, TnElementType type,
                      const char *sizes)
{
    const Expr *shape[MAX_RANK];
    int rank = 0;
    char *copy = arena_string(f->arena, sizes, strlen(sizes)), *rest;
    for (char *part = strtok_r(copy, ",", &rest); part; part = strtok_r(NULL, ",", &rest))
        shape[rank++] = expr_parse_size(f->pool, part);
    return kernel_tensor(f->kernel, name, role, type, rank, shape);
}

static const Expr *load(Fixture *f, const Tensor *x, ...)
{
    const Expr *indices[MAX_RANK];
    va_list list;
    va_start(list, x);
    for (int d = 0; d < x->rank; d++)
        indices[d] = va_arg(list, const Expr *);
    va_end(list);
    return expr_load(f->pool, x, indices);
}

static void expect_kernel(Fixture *f, const char *expected)
{
    Text text = text_create(f->arena);
    kernel_print(f->kernel, &text);
    assert_string_equal(text.data, expected);
}

static const char *offset_of(Fixture *f, const Tensor *x, const char *const *indices)
{
    const Expr *parsed[MAX_RANK];
    for (int d = 0; d < x->rank; d++)
        parsed[d] = expr_parse_size(f->pool, indices[d]);
    Text text = text_create(f->arena);
    expr_print(tensor_offset(f->pool, x, parsed), &text);
    return text.data;
}

/* ---- Text -------------------------------------------------------------------------------- */

static void test_softmax_prints(void **state)
{
    Fixture *f = *state;
    f->kernel->name = "softmax";
    Tensor *x = tensor(f, "x", TENSOR_input, TN_FLOAT, "N, 10");
    Tensor *y = tensor(f, "y", TENSOR_output, TN_FLOAT, "N, 10");
    Tensor *m = tensor(f, "m", TENSOR_temporary, TN_FLOAT, "N");
    Compute *max = kernel_reduce(f->kernel, m, COMBINE_max);
    const Expr *r = compute_reduce_axis(f->kernel, max, expr_integer(f->pool, 10));
    max->body = load(f, x, compute_axis(f->kernel, max, 0), r);
    Compute *map = kernel_map(f->kernel, y);
    const Expr *i = compute_axis(f->kernel, map, 0), *j = compute_axis(f->kernel, map, 1);
    map->body = expr_unary(f->pool, EXPR_exp,
                           expr_binary(f->pool, EXPR_subtract, load(f, x, i, j), load(f, m, i)));
    assert_null(kernel_verify(f->kernel));
    expect_kernel(f, "kernel softmax (x: float[N, 10]) => (y: float[N, 10])\n"
                     "  m: float[N]\n"
                     "  m[i0] = max x[i0, r0]   for i0 < N   over r0 < 10\n"
                     "  y[i0, i1] = exp(x[i0, i1] - m[i0])   for i0 < N, i1 < 10\n");
}

static void test_other_computes_print(void **state)
{
    Fixture *f = *state;
    Tensor *x = tensor(f, "x", TENSOR_input, TN_INT32, "8");
    Tensor *y = tensor(f, "y", TENSOR_output, TN_INT32, "8");
    Tensor *z = tensor(f, "y", TENSOR_output, TN_INT32, "4");
    assert_string_equal(z->name, "y_2");
    Compute *scan = kernel_scan(f->kernel, y, COMBINE_sum, 0);
    scan->reverse = true;
    scan->body = load(f, x, compute_axis(f->kernel, scan, 0));
    Compute *fill = kernel_map(f->kernel, z);
    fill->body = expr_whole(f->pool, TN_INT32, 0);
    const Expr *extent = expr_integer(f->pool, 8);
    Compute *scatter = kernel_scatter(f->kernel, z, COMBINE_sum, 1, &extent);
    const Expr *i = compute_axis(f->kernel, scatter, 0);
    scatter->body = expr_whole(f->pool, TN_INT32, 1);
    scatter->target[0] = expr_to_index(f->pool, load(f, x, i));
    assert_null(kernel_verify(f->kernel));
    expect_kernel(f, "kernel k (x: int32[8]) => (y: int32[8], y_2: int32[4])\n"
                     "  y[i0] = sum along 0 backward x[i0]   for i0 < 8\n"
                     "  y_2[i0] = 0   for i0 < 4\n"
                     "  y_2[index(x[i0])] sum= 1   for i0 < 8\n");
}

static void test_nest_prints(void **state)
{
    Fixture *f = *state;
    ExprPool *pool = f->pool;
    Tensor *x = tensor(f, "x", TENSOR_input, TN_FLOAT, "N, 16");
    NestBuilder b = nest_builder(pool);
    Axis *row = axis_create(pool, "row", x->shape[0]);
    Axis *lane = axis_create(pool, "lane", expr_integer(pool, 16));
    Axis *once = axis_create(pool, "once", expr_integer(pool, 1));
    const Array *sum = nest_array(&b, "sum", TN_FLOAT, 1);
    const Expr *zero = expr_integer(pool, 0),
               *indices[] = {expr_axis(pool, row), expr_axis(pool, lane)};
    const Expr *offset = tensor_offset(pool, x, indices);
    nest_open(&b, row, LOOP_parallel);
    nest_open(&b, once, LOOP_serial);
    nest_set(&b, sum, zero, expr_fetch(pool, x, offset, NULL, NULL));
    nest_open_if(&b, expr_compare(pool, EXPR_less, indices[0], expr_integer(pool, 3)));
    nest_store(&b, x, offset, expr_cell(pool, sum, zero), NULL);
    nest_otherwise(&b);
    nest_barrier(&b);
    nest_close(&b);
    nest_store(&b, x, offset, expr_cell(pool, sum, zero), expr_bool(pool, false));
    nest_close(&b);
    nest_close(&b);
    nest_prefetch(&b, x, zero, 1, true);
    Text text = text_create(f->arena);
    nest_print(b.first, 0, NULL, &text);
    assert_string_equal(text.data, "for parallel row < N\n"
                                   "  sum[0] = x[16*row + lane]\n"
                                   "  if row < 3\n"
                                   "    x[16*row + lane] = sum[0]\n"
                                   "  else\n"
                                   "    barrier\n"
                                   "prefetch write x[0] into 1\n");
}

/* ---- Layouts ----------------------------------------------------------------------------- */

static void test_layouts(void **state)
{
    Fixture *f = *state;
    Tensor *x = tensor(f, "x", TENSOR_input, TN_FLOAT, "2, 24, 7, W");
    const char *indices[] = {"a", "b", "c", "d"};
    assert_true(tensor_is_row_major(x));
    assert_string_equal(offset_of(f, x, indices), "d + 168*W*a + 7*W*b + W*c");
    tensor_set_layout(f->pool, x, "0 1/16 2 3 1%16", NULL, NULL);
    assert_false(tensor_is_row_major(x));
    assert_ptr_equal(x->length, expr_parse_size(f->pool, "2*2*7*W*16"));
    assert_string_equal(offset_of(f, x, indices),
                        "16*d + 224*W*a + 16*W*c + 112*W*floor(b / 16) + b % 16");
    int64_t halo[] = {0, 0, 1, 2};
    tensor_set_layout(f->pool, x, "0 1 2 3", halo, NULL);
    assert_ptr_equal(x->length, expr_parse_size(f->pool, "2*24*9*(W + 4)"));
    const char *first[] = {"0", "0", "0", "0"};
    assert_string_equal(offset_of(f, x, first), "W + 6");
    expect_kernel(
        f, "kernel k (x: float[2, 24, 7, W] as \"0 1 2 3\" halo (0, 0, 1, 2) of 0.0) => ()\n");
    /* Blocked offsets become affine once the axis is split at the block. */
    tensor_set_layout(f->pool, x, "0 1/8 2 3 1%8", NULL, NULL);
    Axis *outer = axis_create(f->pool, "o", expr_integer(f->pool, 3));
    Axis *inner = axis_create(f->pool, "i", expr_integer(f->pool, 8));
    const Expr *zero = expr_integer(f->pool, 0);
    const Expr *channel = expr_plus(f->pool, expr_scale(f->pool, expr_axis(f->pool, outer), 8),
                                    expr_axis(f->pool, inner));
    const Expr *split[] = {zero, channel, zero, zero};
    const Expr *offset = tensor_offset(f->pool, x, split);
    assert_int_equal(expr_coefficient(offset, inner), 1);
    assert_false(expr_contains_kind(offset, EXPR_quotient));
}

/* ---- Inlining ---------------------------------------------------------------------------- */

static void test_inline_and_prune(void **state)
{
    Fixture *f = *state;
    ExprPool *pool = f->pool;
    Tensor *x = tensor(f, "x", TENSOR_input, TN_FLOAT16, "6, 8");
    Tensor *t = tensor(f, "t", TENSOR_temporary, TN_FLOAT16, "6, 8");
    Tensor *y = tensor(f, "y", TENSOR_output, TN_FLOAT16, "8, 6");
    Compute *a = kernel_map(f->kernel, t);
    a->body = expr_unary(pool, EXPR_exp,
                         load(f, x, compute_axis(f->kernel, a, 0), compute_axis(f->kernel, a, 1)));
    Compute *b = kernel_map(f->kernel, y);
    const Expr *transposed =
        load(f, t, compute_axis(f->kernel, b, 1), compute_axis(f->kernel, b, 0));
    b->body = expr_binary(pool, EXPR_add, transposed, transposed);
    assert_int_equal(kernel_inline(f->kernel, t), 1); /* one load, used twice */
    kernel_prune(f->kernel);
    assert_null(kernel_verify(f->kernel));
    expect_kernel(f, "kernel k (x: float16[6, 8]) => (y: float16[8, 6])\n"
                     "  y[i0, i1] = float(float16(exp(x[i1, i0]))) + float(float16(exp(x[i1, i0])))"
                     "   for i0 < 8, i1 < 6\n");
}

static void test_inline_under_a_fill(void **state)
{
    Fixture *f = *state;
    ExprPool *pool = f->pool;
    Tensor *x = tensor(f, "x", TENSOR_input, TN_FLOAT, "8");
    Tensor *t = tensor(f, "t", TENSOR_temporary, TN_FLOAT, "8");
    Tensor *y = tensor(f, "y", TENSOR_output, TN_FLOAT, "8");
    Compute *a = kernel_map(f->kernel, t);
    a->body = expr_unary(pool, EXPR_sin, load(f, x, compute_axis(f->kernel, a, 0)));
    Compute *b = kernel_map(f->kernel, y);
    const Expr *before = expr_plus_integer(pool, compute_axis(f->kernel, b, 0), -1);
    b->body = expr_load_or(pool, t, &before, expr_real(pool, TN_FLOAT, 5));
    assert_int_equal(kernel_inline(f->kernel, t), 1);
    kernel_prune(f->kernel);
    expect_kernel(f, "kernel k (x: float[8]) => (y: float[8])\n"
                     "  y[i0] = select(0 < i0, sin(x[i0 - 1 else 0.0]), 5.0)   for i0 < 8\n");
}

static void test_inline_refuses(void **state)
{
    Fixture *f = *state;
    ExprPool *pool = f->pool;
    Tensor *x = tensor(f, "x", TENSOR_output, TN_FLOAT, "8");
    Tensor *t = tensor(f, "t", TENSOR_temporary, TN_FLOAT, "8");
    Tensor *s = tensor(f, "s", TENSOR_temporary, TN_FLOAT, "");
    Tensor *y = tensor(f, "y", TENSOR_output, TN_FLOAT, "8");
    Compute *start = kernel_map(f->kernel, x);
    start->body = expr_real(pool, TN_FLOAT, 1);
    Compute *copy = kernel_map(f->kernel, t);
    copy->body = load(f, x, compute_axis(f->kernel, copy, 0));
    Compute *over = kernel_map(f->kernel, x); /* what t read is gone after this */
    over->body = expr_real(pool, TN_FLOAT, 2);
    Compute *sum = kernel_reduce(f->kernel, s, COMBINE_sum);
    sum->body = load(f, t, compute_reduce_axis(f->kernel, sum, expr_integer(pool, 8)));
    Compute *last = kernel_map(f->kernel, y);
    last->body = load(f, s);
    assert_null(kernel_verify(f->kernel));
    assert_int_equal(kernel_inline(f->kernel, t), 0);
    assert_int_equal(kernel_inline(f->kernel, s), 0); /* not a map */
    kernel_prune(f->kernel);
    assert_int_equal(f->kernel->compute_count, 5);
}

/* ---- The verifier ------------------------------------------------------------------------ */

static void test_verifier(void **state)
{
    Fixture *f = *state;
    Tensor *x = tensor(f, "x", TENSOR_input, TN_FLOAT, "8");
    Tensor *t = tensor(f, "t", TENSOR_temporary, TN_FLOAT, "8");
    Tensor *y = tensor(f, "y", TENSOR_output, TN_INT32, "8");
    Compute *map = kernel_map(f->kernel, y);
    assert_string_equal(kernel_verify(f->kernel), "y has no body");
    const Expr *i = compute_axis(f->kernel, map, 0);
    map->body = load(f, x, i);
    assert_string_equal(kernel_verify(f->kernel), "y: float is stored as int32");
    map->body = expr_convert(f->pool, TN_INT32, load(f, t, i));
    assert_string_equal(kernel_verify(f->kernel), "y loads t, which is not made before");
    Axis *other = axis_create(f->pool, "q", expr_integer(f->pool, 8));
    map->body = expr_convert(f->pool, TN_INT32, load(f, x, expr_axis(f->pool, other)));
    assert_string_equal(kernel_verify(f->kernel), "y uses the axis q, which is not in scope");
    map->body = expr_convert(f->pool, TN_INT32, load(f, x, i));
    assert_null(kernel_verify(f->kernel));
    map->combine = COMBINE_sum;
    assert_string_equal(kernel_verify(f->kernel), "y is a map and combines");
    map->combine = COMBINE_none;
    Compute *wrong = kernel_map(f->kernel, x);
    wrong->body = expr_real(f->pool, TN_FLOAT, 0);
    assert_string_equal(kernel_verify(f->kernel), "a compute writes to x, which is read only");
}

static void test_combinations(void **state)
{
    Fixture *f = *state;
    for (int c = COMBINE_sum; c < COMBINE_COUNT; c++) {
        bool is_bitwise = c == COMBINE_and || c == COMBINE_or;
        TnElementType type = is_bitwise ? TN_BOOL : TN_INT16;
        Tensor *x = tensor(f, "x", TENSOR_input, type, "");
        const Expr *value = expr_load(f->pool, x, NULL);
        const Expr *neutral = combine_neutral(f->pool, (Combine)c, type);
        assert_ptr_equal(combine_apply(f->pool, (Combine)c, neutral, value), value);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_softmax_prints),   TEST(test_other_computes_print),
        TEST(test_nest_prints),      TEST(test_layouts),
        TEST(test_inline_and_prune), TEST(test_inline_under_a_fill),
        TEST(test_inline_refuses),   TEST(test_verifier),
        TEST(test_combinations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
