/* SPDX-License-Identifier: Apache-2.0
 *
 * log and its kin. x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2), from the bits of x; then
 * log(x) = k ln 2 + log(1 + f). For float log(1 + f) is a polynomial in f; for double
 * 2 atanh(s), s = f / (2 + f), arranged as in fdlibm's e_log.c (Sun Microsystems 1993), so that f
 * itself stays exact.
 */
#include "math_builder.h"
#include "math_coefficients.inc"

/* k * ln2_high is exact. */
static const double ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;
static const double ln2_high_of_float = 0x1.63p-1, ln2_low_of_float = -0x1.bd0105c610ca8p-13;

typedef struct LogParts {
    const Expr *f, *k;
    const Expr *is_near_one; /* k = 0 */
} LogParts;

/* Of a positive, finite x. */
static LogParts log_parts(const Math *m, const Expr *x)
{
    bool twice = math_is_double(m);
    int digits = twice ? 52 : 23;
    const Expr *is_denormal = less(m, x, number(m, twice ? 0x1p-1022 : 0x1p-126));
    const Expr *normal = choose(m, is_denormal, scaled(m, twice ? 0x1p52 : 0x1p23, x), x);
    const Expr *bits = to_bits(m, normal);
    int64_t root_half = twice ? 0x3fe6a09e667f3bcd : 0x3f3504f3;
    const Expr *k = bits_operation(m, EXPR_subtract, bits, root_half);
    k = bits_operation(m, EXPR_shift_right, k, digits);
    const Expr *mantissa =
        expr_binary(m->pool, EXPR_subtract, bits, bits_operation(m, EXPR_shift_left, k, digits));
    const Expr *f = minus(m, from_bits(m, mantissa), number(m, 1));
    const Expr *exponent = expr_convert(m->pool, m->type, expr_convert(m->pool, TN_INT32, k));
    exponent = minus(m, exponent, choose(m, is_denormal, number(m, digits), number(m, 0)));
    return (LogParts){f, exponent, is_equal_to(m, exponent, 0)};
}

/* k ln 2 + log(1 + f) + c, c being small. */
static const Expr *log_of_parts(const Math *m, const Expr *f, const Expr *k, const Expr *c)
{
    const Expr *square = times(m, f, f);
    if (!math_is_double(m)) {
        const Expr *y = fused(m, times(m, f, square), polynomial(m, f, log_single), c);
        y = fused(m, k, number(m, ln2_low_of_float), y);
        y = fused(m, square, number(m, -0.5), y);
        return fused(m, k, number(m, ln2_high_of_float), plus(m, f, y));
    }
    const Expr *s = over(m, f, plus(m, f, number(m, 2))), *z = times(m, s, s);
    const Expr *r = times(m, z, polynomial(m, z, log_double));
    const Expr *half = scaled(m, 0.5, square);
    const Expr *low = fused(m, k, number(m, ln2_low), c);
    const Expr *inner = minus(m, half, fused(m, s, plus(m, half, r), low));
    return fused(m, k, number(m, ln2_high), minus(m, f, inner));
}

static const Expr *with_ends(const Math *m, const Expr *x, const Expr *pole, const Expr *result)
{
    result = choose(m, is_equal_to(m, x, INFINITY), x, result);
    result = choose(m, expr_compare(m->pool, EXPR_equal, x, pole), number(m, -INFINITY), result);
    return choose(m, expr_compare(m->pool, EXPR_less_equal, pole, x), result, number(m, NAN));
}

const Expr *math_log(const Math *m, const Expr *x)
{
    LogParts parts = log_parts(m, x);
    const Expr *result = log_of_parts(m, parts.f, parts.k, number(m, -0.0));
    return with_ends(m, x, number(m, 0), result);
}

/* The logarithm of u = 1 + x, corrected by what the sum lost: + (1 + x - u) / u. */
const Expr *math_log1p(const Math *m, const Expr *x)
{
    const Expr *one = number(m, 1), *u = plus(m, one, x);
    LogParts parts = log_parts(m, u);
    const Expr *lost =
        choose(m, less(m, x, one), minus(m, x, minus(m, u, one)), minus(m, one, minus(m, u, x)));
    const Expr *c = choose(m, parts.is_near_one, number(m, 0), over(m, lost, u));
    const Expr *f = choose(m, parts.is_near_one, x, parts.f);
    const Expr *result = with_ends(m, x, number(m, -1), log_of_parts(m, f, parts.k, c));
    return choose(m, is_equal_to(m, x, 0), x, result);
}

/* 2 atanh(s) = 2 s (1 + z / 3 + z^2 Q(z)), all but Q as pairs. */
Pair math_log_pair(const Math *m, const Expr *x)
{
    static const double third = 0x1.5555555555555p-2, third_low = 0x1.5555555555555p-56;
    LogParts parts = log_parts(m, x);
    const Expr *f = parts.f;
    Pair below = sum_of_ordered(m, number(m, 2), f);
    const Expr *s = over(m, f, below.high);
    Pair whole = product_of(m, s, below.high);
    const Expr *rest = minus(m, minus(m, f, whole.high), whole.low);
    rest = minus(m, rest, times(m, s, below.low));
    const Expr *s_low = over(m, rest, below.high);

    Pair z = product_of(m, s, s);
    z.low = fused(m, plus(m, s, s), s_low, z.low);
    Pair a = product_of(m, z.high, number(m, third));
    a.low = plus(m, a.low, fused(m, z.high, number(m, third_low), scaled(m, third, z.low)));
    const Expr *q = times(m, times(m, z.high, z.high), polynomial(m, z.high, log_extended));
    Pair c = sum_of_ordered(m, a.high, q);
    c.low = plus(m, c.low, a.low);

    Pair d = product_of(m, s, c.high);
    d.low = plus(m, d.low, fused(m, s, c.low, times(m, s_low, c.high)));
    Pair sum = sum_of_ordered(m, s, d.high);
    sum.low = plus(m, sum.low, plus(m, d.low, s_low));

    /* k ln 2 + 2 sum */
    const Expr *k_high = scaled(m, ln2_high, parts.k), *twice = scaled(m, 2, sum.high);
    Pair result = sum_of(m, k_high, twice);
    result.low = plus(m, result.low, fused(m, parts.k, number(m, ln2_low), scaled(m, 2, sum.low)));
    return sum_of_ordered(m, result.high, result.low);
}

/* ---- Inverse hyperbolic functions -------------------------------------------------------- */

/* A float's function by way of double. */
static const Expr *in_double(const Math *m, MathUnary *function, const Expr *x)
{
    Math twice = math_in_double(m);
    const Expr *wide = function(&twice, expr_convert(m->pool, TN_DOUBLE, x));
    return expr_convert(m->pool, TN_FLOAT, wide);
}

/* log(1 + inner), or for large x log(x) + ln 2, squares of x being out of range there. */
static const Expr *log_of_doubled(const Math *m, const Expr *x, const Expr *inner)
{
    const Expr *is_large = less(m, number(m, 0x1p60), x);
    const Expr *result = math_log1p(m, choose(m, is_large, x, inner));
    return plus(m, result, choose(m, is_large, number(m, M_LN2), number(m, 0)));
}

/* log1p(a + a^2 / (1 + sqrt(1 + a^2))), a = |x| */
const Expr *math_asinh(const Math *m, const Expr *x)
{
    if (!math_is_double(m))
        return in_double(m, math_asinh, x);
    const Expr *a = magnitude(m, x), *square = times(m, a, a), *one = number(m, 1);
    const Expr *root = square_root(m, plus(m, square, one));
    const Expr *inner = plus(m, a, over(m, square, plus(m, root, one)));
    return with_sign_of(m, log_of_doubled(m, a, inner), x);
}

/* log1p(t + sqrt(2 t + t^2)), t = x - 1 */
const Expr *math_acosh(const Math *m, const Expr *x)
{
    if (!math_is_double(m))
        return in_double(m, math_acosh, x);
    const Expr *t = minus(m, x, number(m, 1));
    const Expr *root = square_root(m, fused(m, t, t, plus(m, t, t)));
    const Expr *result = log_of_doubled(m, x, plus(m, t, root));
    return choose(m, less(m, x, number(m, 1)), number(m, NAN), result);
}

/* log1p(2 a / (1 - a)) / 2, a = |x| */
const Expr *math_atanh(const Math *m, const Expr *x)
{
    if (!math_is_double(m))
        return in_double(m, math_atanh, x);
    const Expr *a = magnitude(m, x), *twice = plus(m, a, a);
    const Expr *rest = minus(m, number(m, 1), a);
    const Expr *small = plus(m, twice, over(m, times(m, twice, a), rest));
    const Expr *inner = choose(m, less(m, a, number(m, 0.5)), small, over(m, twice, rest));
    const Expr *result = scaled(m, 0.5, math_log1p(m, inner));
    result = choose(m, less(m, number(m, 1), a), number(m, NAN), result);
    return with_sign_of(m, result, x);
}
