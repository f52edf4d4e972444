/* SPDX-License-Identifier: Apache-2.0
 *
 * Part of test_llvm.c: where results may lie in the place of operands, and where not.
 */
#ifndef TESTS_UNIT_IN_PLACE_TESTS_H
#define TESTS_UNIT_IN_PLACE_TESTS_H

/* y[i, j] = x[i, j], x[j, i], x[i, j] + x[i, 36 - j], x[i, j + 1] or 0: how often y may lie on x.
 */
static void check_map_in_place(int number_of_map, int expected)
{
    Test t = test_begin();
    Tensor *x = tensor(&t, "x", TENSOR_input, TN_FLOAT, 37, 37, -1);
    Tensor *y = tensor(&t, "y", TENSOR_output, TN_FLOAT, 37, 37, -1);
    Compute *map = kernel_map(t.kernel, y);
    const Expr *i = at(&t, map, 0), *j = at(&t, map, 1);
    const Expr *same = load(&t, x, i, j);
    const Expr *mirrored = expr_minus(t.pool, number(&t, 36), j);
    const Expr *next[] = {i, expr_plus_integer(t.pool, j, 1)};
    map->body = number_of_map == 0   ? expr_unary(t.pool, EXPR_negate, same)
                : number_of_map == 1 ? load(&t, x, j, i)
                : number_of_map == 2
                    ? expr_binary(t.pool, EXPR_add, same, load(&t, x, i, mirrored))
                    : expr_load_or(t.pool, x, next, expr_real(t.pool, TN_FLOAT, 0));
    overwrites = 0;
    check(&t);
    assert_int_equal(overwrites, expected);
}

/* y = max(a b + r, 0), with tiles that do not divide the sizes: y may lie on r, and on a where a
 * tile takes whole rows of it. */
static void check_product_in_place(int m)
{
    Test t = test_begin();
    Tensor *a = tensor(&t, "a", TENSOR_input, TN_FLOAT, m, 45, -1);
    Tensor *b = tensor(&t, "b", TENSOR_constant, TN_FLOAT, 45, 45, -1);
    Tensor *r = tensor(&t, "r", TENSOR_input, TN_FLOAT, m, 45, -1);
    Tensor *y = tensor(&t, "y", TENSOR_output, TN_FLOAT, m, 45, -1);
    Tensor *c = tensor(&t, "c", TENSOR_temporary, TN_FLOAT, m, 45, -1);
    Compute *sum = kernel_reduce(t.kernel, c, COMBINE_sum);
    const Expr *k = compute_reduce_axis(t.kernel, sum, number(&t, 45));
    sum->body = times(&t, load(&t, a, at(&t, sum, 0), k), load(&t, b, k, at(&t, sum, 1)));
    Compute *map = kernel_map(t.kernel, y);
    const Expr *i = at(&t, map, 0), *j = at(&t, map, 1);
    map->body = expr_binary(t.pool, EXPR_maximum,
                            expr_binary(t.pool, EXPR_add, load(&t, c, i, j), load(&t, r, i, j)),
                            expr_real(t.pool, TN_FLOAT, 0));
    overwrites = 0;
    check(&t);
    assert_true(overwrites >= 1);
}

static void test_in_place(void **state)
{
    (void)state;
    check_map_in_place(0, 1);
    check_map_in_place(1, 0);
    check_map_in_place(2, 0);
    check_map_in_place(3, 0);
    check_product_in_place(64);
    check_product_in_place(101);
}

#endif
