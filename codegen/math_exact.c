/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations that are exact or rounded once: copysign, scale2, remainder, modulo.
 */
#include "math_builder.h"

#include <float.h>

const Expr *math_copysign(const Math *m, const Expr *a, const Expr *sign)
{
    if (m->has_operation(EXPR_copysign, m->type, m->context))
        return expr_binary(m->pool, EXPR_copysign, a, sign);
    int64_t sign_bit = math_is_double(m) ? INT64_MIN : INT32_MIN;
    const Expr *bits = bits_operation(m, EXPR_and, to_bits(m, a), ~sign_bit);
    const Expr *bit = bits_operation(m, EXPR_and, to_bits(m, sign), sign_bit);
    return from_bits(m, expr_binary(m->pool, EXPR_or, bits, bit));
}

/* 2^n for a whole n within the exponents. */
static const Expr *power_of_two(const Math *m, const Expr *n)
{
    bool twice = math_is_double(m);
    const Expr *bits = bits_operation(m, EXPR_add, n, twice ? 1023 : 127);
    return from_bits(m, bits_operation(m, EXPR_shift_left, bits, twice ? 52 : 23));
}

/* By steps, each within the exponents. Downward, |a| is first brought near 1, so that the last step
 * alone rounds: a = f * 2^e, |f| in [1, 2); f * 2^(n + e) then goes by two steps. */
const Expr *math_scale2(const Math *m, const Expr *a, const Expr *n)
{
    bool twice = math_is_double(m);
    int digits = twice ? 52 : 23, bias = twice ? 1023 : 127;
    const Expr *is_denormal =
        less(m, magnitude(m, a), number(m, twice ? DBL_MIN : (double)FLT_MIN));
    const Expr *normal = choose(m, is_denormal, scaled(m, ldexp(1, digits + 1), a), a);
    const Expr *exponent = bits_operation(m, EXPR_shift_right, to_bits(m, normal), digits);
    exponent = bits_operation(m, EXPR_and, exponent, 2 * bias + 1);
    exponent = bits_operation(m, EXPR_subtract, exponent, bias);
    const Expr *shift = bits_operation(m, EXPR_shift_left, exponent, digits);
    const Expr *f = from_bits(m, expr_binary(m->pool, EXPR_subtract, to_bits(m, normal), shift));

    const Expr *whole = expr_convert(m->pool, bits_type(m), bounded(m, n, 8 * bias));
    whole = expr_binary(m->pool, EXPR_add, whole, exponent);
    const Expr *lost = choose(m, is_denormal, bits_number(m, digits + 1), bits_number(m, 0));
    whole = expr_binary(m->pool, EXPR_subtract, whole, lost);
    const Expr *limit = bits_number(m, bias + bias / 2);
    whole = expr_binary(m->pool, EXPR_minimum, whole, limit);
    whole = expr_binary(m->pool, EXPR_maximum, whole, expr_unary(m->pool, EXPR_negate, limit));
    const Expr *half = bits_operation(m, EXPR_shift_right, whole, 1);
    const Expr *rest = expr_binary(m->pool, EXPR_subtract, whole, half);
    const Expr *result = times(m, times(m, f, power_of_two(m, half)), power_of_two(m, rest));
    const Expr *is_plain = expr_both(m->pool, less(m, number(m, 0), magnitude(m, a)),
                                     less(m, magnitude(m, a), number(m, INFINITY)));
    result = choose(m, is_plain, result, a);
    return choose(m, expr_is_nan(m->pool, n), n, result);
}

/* rest -= (rest / b, rounded and cut to a whole number) * b, which is exact. The quotient of
 * numbers too far apart for it is taken by a multiple of b. */
static const Expr *divide_step(const Math *m, const Expr *rest, const Expr *b, const Expr *scale)
{
    const Expr *far = scaled(m, 0x1p600, b), *farther = scaled(m, 0x1p600, far);
    const Expr *down = scaled(m, 0x1p-700, magnitude(m, rest));
    const Expr *divisor = choose(m, less(m, b, down), far, b);
    divisor = choose(m, less(m, b, scaled(m, 0x1p-700, down)), farther, divisor);
    rest = times(m, rest, scale);
    divisor = times(m, divisor, scale);
    Pair product = product_of(m, expr_unary(m->pool, EXPR_trunc, over(m, rest, divisor)), divisor);
    return minus(m, minus(m, rest, product.high), product.low);
}

/* x by a power of two that leaves room for products, where it is large; and what undoes that. */
static const Expr *make_room(const Math *m, const Expr *x, const Expr **undo)
{
    const Expr *is_large = less(m, number(m, 0x1p900), x), *one = number(m, 1);
    *undo = choose(m, is_large, number(m, 0x1p150), one);
    return choose(m, is_large, number(m, 0x1p-150), one);
}

/* Long division, 51 bits a step. A rest that became negative, because a quotient was rounded up, is
 * mended at the end. a, b >= 0. */
static const Expr *divide_long(const Math *m, const Expr *a, const Expr *b, int steps)
{
    const Expr *undo_both, *undo_first;
    const Expr *both = make_room(m, b, &undo_both);
    a = times(m, a, both);
    b = times(m, b, both);
    const Expr *first = make_room(m, a, &undo_first);
    const Expr *rest = times(m, divide_step(m, a, b, first), undo_first);
    for (int step = 1; step < steps; step++)
        rest = divide_step(m, rest, b, number(m, 1));
    rest = choose(m, less(m, rest, number(m, 0)), plus(m, rest, b), rest);
    return times(m, rest, undo_both);
}

/* Floats are 2^277 apart at most, doubles 2^2098. */
const Expr *math_remainder(const Math *m, const Expr *a, const Expr *b)
{
    if (m->has_operation(EXPR_remainder, m->type, m->context))
        return expr_binary(m->pool, EXPR_remainder, a, b);
    const Expr *x = magnitude(m, a), *y = magnitude(m, b), *rest;
    if (math_is_double(m)) {
        rest = divide_long(m, x, y, 42);
    } else {
        Math twice = math_in_double(m);
        rest = divide_long(&twice, expr_convert(m->pool, TN_DOUBLE, x),
                           expr_convert(m->pool, TN_DOUBLE, y), 6);
        rest = expr_convert(m->pool, TN_FLOAT, rest);
    }
    rest = choose(m, less(m, x, y), a, with_sign_of(m, rest, a));
    const Expr *is_valid = expr_both(
        m->pool, less(m, x, number(m, INFINITY)),
        expr_both(m->pool, less(m, number(m, 0), y), expr_not(m->pool, expr_is_nan(m->pool, b))));
    return choose(m, is_valid, rest, number(m, NAN));
}

/* The remainder brought to b's sign. */
const Expr *math_modulo(const Math *m, const Expr *a, const Expr *b)
{
    const Expr *rest = math_remainder(m, a, b), *zero = number(m, 0);
    const Expr *differs =
        expr_compare(m->pool, EXPR_not_equal, less(m, rest, zero), less(m, b, zero));
    const Expr *result = choose(m, differs, plus(m, rest, b), rest);
    return choose(m, is_equal_to(m, rest, 0), with_sign_of(m, zero, b), result);
}
