/* SPDX-License-Identifier: Apache-2.0
 *
 * Part of test_llvm.c: convolutions, summed directly and restated.
 */
#ifndef TESTS_UNIT_CONVOLUTION_TESTS_H
#define TESTS_UNIT_CONVOLUTION_TESTS_H

typedef struct Convolution {
    int batch, groups, in, out, height, width, kernel, stride, dilation, pad;
    bool symbolic; /* the batch is known at run time only */
} Convolution;

/* By tiles of m x m results, so many at a time, channels last. */
typedef struct Winograd {
    Convolution convolution;
    int m, tile;
} Winograd;

static Tensor *image_tensor(Test *t, const char *name, TensorRole role, const Expr *images,
                            int channels, int height, int width)
{
    const Expr *shape[] = {images, number(t, channels), number(t, height), number(t, width)};
    return kernel_tensor(t->kernel, name, role, TN_FLOAT, 4, shape);
}

static void check_convolution(const Convolution *c, const Winograd *tiles)
{
    Test t = test_begin();
    int reach = (c->kernel - 1) * c->dilation + 1;
    int oh = (c->height + 2 * c->pad - reach) / c->stride + 1;
    int ow = (c->width + 2 * c->pad - reach) / c->stride + 1;
    int per_group = c->in / c->groups, out_per_group = c->out / c->groups;
    const Expr *images = c->symbolic ? expr_symbol(t.pool, "images") : number(&t, c->batch);
    t.sizes[0] = c->batch;
    Tensor *x = image_tensor(&t, "x", TENSOR_input, images, c->in, c->height, c->width);
    Tensor *w =
        tensor(&t, "w", TENSOR_constant, TN_FLOAT, c->out, per_group, c->kernel, c->kernel, -1);
    Tensor *bias = tensor(&t, "bias", TENSOR_input, TN_FLOAT, c->out, -1);
    Tensor *sum = image_tensor(&t, "sum", TENSOR_temporary, images, c->out, oh, ow);
    Tensor *rest = image_tensor(&t, "rest", TENSOR_input, images, c->out, oh, ow);
    Tensor *y = image_tensor(&t, "y", TENSOR_output, images, c->out, oh, ow);
    Compute *reduce = kernel_reduce(t.kernel, sum, COMBINE_sum);
    const Expr *channel = compute_reduce_axis(t.kernel, reduce, number(&t, per_group));
    const Expr *ky = compute_reduce_axis(t.kernel, reduce, number(&t, c->kernel));
    const Expr *kx = compute_reduce_axis(t.kernel, reduce, number(&t, c->kernel));
    const Expr *n = at(&t, reduce, 0), *o = at(&t, reduce, 1);
    const Expr *group = expr_quotient(t.pool, o, number(&t, out_per_group));
    const Expr *indices[] = {
        n, expr_plus(t.pool, expr_scale(t.pool, group, per_group), channel),
        expr_plus_integer(t.pool,
                          expr_plus(t.pool, expr_scale(t.pool, at(&t, reduce, 2), c->stride),
                                    expr_scale(t.pool, ky, c->dilation)),
                          -c->pad),
        expr_plus_integer(t.pool,
                          expr_plus(t.pool, expr_scale(t.pool, at(&t, reduce, 3), c->stride),
                                    expr_scale(t.pool, kx, c->dilation)),
                          -c->pad)};
    const Expr *from = expr_load_or(t.pool, x, indices, expr_real(t.pool, TN_FLOAT, 0));
    reduce->body = times(&t, from, load(&t, w, o, channel, ky, kx));
    Compute *map = kernel_map(t.kernel, y);
    const Expr *indices_y[] = {at(&t, map, 0), at(&t, map, 1), at(&t, map, 2), at(&t, map, 3)};
    const Expr *value = plus(&t, expr_load(t.pool, sum, indices_y), load(&t, bias, at(&t, map, 1)));
    value = plus(&t, value, expr_load(t.pool, rest, indices_y));
    map->body = expr_binary(t.pool, EXPR_maximum, value, expr_real(t.pool, TN_FLOAT, 0));
    if (!tiles) {
        check(&t);
        return;
    }
    Tensor *images_last[] = {x, sum, rest, y};
    for (int i = 0; i < 4; i++)
        tensor_set_layout(t.pool, images_last[i], "0 2 3 1", NULL, NULL);
    int count;
    Phase phase = {.kernel = t.kernel};
    phase.function = winograd_build(t.kernel, 0, &t.target, tiles->m, tiles->tile, &count);
    assert_non_null(phase.function);
    assert_int_equal(count, 2);
    t.tolerance = (tiles->m == 2 ? 1 : 2) * ldexp(1, -24) * c->kernel * sqrt(c->in);
    check_phases(&t, &phase, 1);
}

static void test_convolutions(void **state)
{
    (void)state;
    static const Convolution convolutions[] = {
        {1, 1, 16, 32, 14, 14, 3, 1, 1, 1, false},  {2, 1, 5, 40, 13, 13, 3, 1, 1, 1, false},
        {1, 1, 3, 20, 30, 31, 7, 2, 1, 3, false},   {1, 1, 24, 40, 7, 7, 3, 1, 1, 1, false},
        {1, 1, 64, 70, 7, 7, 1, 1, 1, 0, false},    {1, 1, 20, 33, 28, 28, 1, 1, 1, 0, false},
        {1, 1, 20, 33, 28, 28, 1, 2, 1, 0, false},  {1, 2, 8, 12, 20, 20, 3, 1, 2, 2, false},
        {1, 12, 12, 12, 15, 40, 3, 1, 1, 1, false}, {1, 12, 12, 12, 15, 40, 3, 2, 1, 1, false},
        {1, 8, 32, 32, 9, 9, 3, 1, 1, 1, false},    {1, 1, 16, 17, 1, 1, 1, 1, 1, 0, false},
        {3, 1, 4, 5, 3, 3, 3, 1, 1, 1, false},      {1, 1, 16, 32, 14, 14, 3, 1, 1, 1, true},
        {3, 1, 24, 40, 7, 7, 3, 1, 1, 1, true},     {2, 1, 64, 70, 7, 7, 1, 1, 1, 0, true},
        {2, 12, 12, 12, 15, 40, 3, 2, 1, 1, true},
    };
    for (size_t i = 0; i < COUNT_OF(convolutions); i++)
        check_convolution(&convolutions[i], NULL);
}

/* The error against sums in double, as a part of the largest result: that of float times the square
 * root of the sum's length, and with the points that four results take twice that. docs/speed.md
 * has what was measured. */
static void test_winograd(void **state)
{
    (void)state;
    static const Winograd cases[] = {
        {{1, 1, 16, 16, 8, 8, 3, 1, 1, 1, false}, 2, 4},
        {{1, 1, 16, 16, 8, 8, 3, 1, 1, 1, false}, 4, 4},
        {{2, 1, 24, 40, 13, 11, 3, 1, 1, 1, false}, 2, 13},
        {{2, 1, 24, 40, 13, 11, 3, 1, 1, 1, false}, 4, 7},
        {{3, 1, 20, 33, 9, 14, 3, 1, 1, 0, true}, 4, 5},
        {{1, 1, 20, 33, 14, 9, 3, 1, 1, 2, true}, 2, 6},
        {{1, 1, 17, 18, 10, 10, 5, 1, 1, 2, false}, 2, 5},
        {{1, 1, 64, 64, 28, 28, 3, 1, 1, 1, false}, 2, 14},
        {{1, 1, 64, 64, 28, 28, 3, 1, 1, 1, false}, 4, 14},
        {{1, 1, 256, 32, 14, 14, 3, 1, 1, 1, false}, 2, 14},
        {{1, 1, 256, 32, 14, 14, 3, 1, 1, 1, false}, 4, 16},
        {{1, 1, 512, 16, 7, 7, 3, 1, 1, 1, false}, 4, 4},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_convolution(&cases[i].convolution, &cases[i]);
    for (vector_bytes = 16; vector_bytes <= 32; vector_bytes *= 2)
        for (size_t i = 2; i < 7; i++)
            check_convolution(&cases[i].convolution, &cases[i]);
    vector_bytes = 0;
}

#endif
