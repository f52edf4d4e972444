/* SPDX-License-Identifier: Apache-2.0
 *
 * exp and its kin. exp(x) = 2^n exp(r), n the whole number nearest to x / ln 2 and r = x - n ln 2
 * in two steps (Cody and Waite 1980); exp(r) - 1 is a polynomial. n comes out of the low bits of x
 * / ln 2 + 1.5 * 2^23 (2^52), so that nothing is converted to an integer.
 */
#include "math_builder.h"
#include "math_coefficients.inc"

typedef struct ExpConstants {
    double lowest, highest; /* beyond, the result is 0 or infinite */
    double shifter, ln2_high, ln2_low;
} ExpConstants;

/* n * ln2_high is exact for all n that occur. */
static const ExpConstants constants_of_float = {-104, 90, 0x1.8p23, 0x1.63p-1,
                                                -0x1.bd0105c610ca8p-13};
static const ExpConstants constants_of_double = {-746, 711, 0x1.8p52, 0x1.62e42feep-1,
                                                 0x1.a39ef35793c76p-33};

ExpParts math_exp_parts(const Math *m, const Expr *x, const Expr *low, bool to_single)
{
    const ExpConstants *c = math_is_double(m) ? &constants_of_double : &constants_of_float;
    /* NaN fails the comparison and stays. */
    x = choose(m, less(m, number(m, c->highest), x), number(m, c->highest), x);
    const Expr *shifter = number(m, c->shifter);
    const Expr *shifted = fused(m, x, number(m, 1 / 0x1.62e42fefa39efp-1), shifter);
    const Expr *n = minus(m, shifted, shifter);
    const Expr *r = fused(m, n, number(m, -c->ln2_high), x);
    r = fused(m, n, number(m, -c->ln2_low), r);
    if (low)
        r = plus(m, r, low);
    const Expr *q = to_single ? polynomial(m, r, exp_single) : polynomial(m, r, exp_double);
    const Expr *bits =
        expr_binary(m->pool, EXPR_subtract, to_bits(m, shifted), to_bits(m, shifter));
    return (ExpParts){fused(m, times(m, r, r), q, r), n, bits};
}

/* 2^n for a whole n within the exponents. */
static const Expr *power_of_two(const Math *m, const Expr *n_bits)
{
    bool twice = math_is_double(m);
    const Expr *biased = bits_operation(m, EXPR_add, n_bits, twice ? 1023 : 127);
    return from_bits(m, bits_operation(m, EXPR_shift_left, biased, twice ? 52 : 23));
}

/* x * 2^n in two steps, of which the first is exact for |x| near 1: rounded once. */
const Expr *math_scale(const Math *m, const Expr *x, const Expr *n, const Expr *n_bits)
{
    if (m->has_operation(EXPR_scale2, m->type, m->context))
        return expr_binary(m->pool, EXPR_scale2, x, n);
    const Expr *half = bits_operation(m, EXPR_shift_right, n_bits, 1);
    const Expr *rest = expr_binary(m->pool, EXPR_subtract, n_bits, half);
    return times(m, times(m, x, power_of_two(m, half)), power_of_two(m, rest));
}

/* Masked elements of a softmax come as -inf or close: scaling down to their 0 would underflow,
 * which costs processors a hundred cycles, so they take another way. */
const Expr *math_exp(const Math *m, const Expr *x)
{
    const ExpConstants *c = math_is_double(m) ? &constants_of_double : &constants_of_float;
    const Expr *is_low = less(m, x, number(m, c->lowest)), *zero = number(m, 0);
    ExpParts e = math_exp_parts(m, choose(m, is_low, zero, x), NULL, !math_is_double(m));
    return choose(m, is_low, zero, math_scale(m, plus(m, e.p, number(m, 1)), e.n, e.n_bits));
}

/* exp(x) / 2, which does not overflow where exp(x) just does. */
static const Expr *half_exp(const Math *m, const Expr *x)
{
    ExpParts e = math_exp_parts(m, x, NULL, !math_is_double(m));
    return math_scale(m, plus(m, e.p, number(m, 1)), minus(m, e.n, number(m, 1)),
                      bits_operation(m, EXPR_subtract, e.n_bits, 1));
}

/* 2^n (p + (1 - 2^-n)); below the lowest bound all is -1. */
const Expr *math_expm1(const Math *m, const Expr *x)
{
    const Expr *lowest = number(m, -50), *one = number(m, 1);
    const Expr *bounded = choose(m, less(m, x, lowest), lowest, x);
    ExpParts e = math_exp_parts(m, bounded, NULL, !math_is_double(m));
    const Expr *minus_n = expr_unary(m->pool, EXPR_negate, e.n_bits);
    const Expr *rest = minus(m, one, math_scale(m, one, negated(m, e.n), minus_n));
    Pair sum = sum_of(m, rest, e.p);
    const Expr *result = math_scale(m, plus(m, sum.high, sum.low), e.n, e.n_bits);
    return with_sign_of(m, result, x); /* -0 */
}

/* With t = exp(|x|) - 1: (t + t / (t + 1)) / 2; where that could overflow, exp(|x|) / 2. */
const Expr *math_sinh(const Math *m, const Expr *x)
{
    if (!math_is_double(m)) {
        Math twice = math_in_double(m);
        const Expr *wide = math_sinh(&twice, expr_convert(m->pool, TN_DOUBLE, x));
        return expr_convert(m->pool, TN_FLOAT, wide);
    }
    const Expr *a = magnitude(m, x), *limit = number(m, 22);
    const Expr *t = math_expm1(m, choose(m, less(m, a, limit), a, limit));
    const Expr *small = scaled(m, 0.5, plus(m, t, over(m, t, plus(m, t, number(m, 1)))));
    const Expr *result = choose(m, less(m, limit, a), half_exp(m, a), small);
    return choose(m, expr_is_nan(m->pool, x), x, with_sign_of(m, result, x));
}

const Expr *math_cosh(const Math *m, const Expr *x)
{
    const Expr *half = half_exp(m, magnitude(m, x));
    return plus(m, half, over(m, number(m, 0.25), half));
}

/* Small |x|: an odd polynomial. Else 1 - 2 / (exp(2 |x|) + 1). */
static const Expr *tanh_of_float(const Math *m, const Expr *x)
{
    const Expr *a = magnitude(m, x), *z = times(m, x, x), *one = number(m, 1);
    const Expr *small = fused(m, times(m, x, z), polynomial(m, z, tanh_single), x);
    const Expr *e = math_exp(m, plus(m, a, a));
    const Expr *large = minus(m, one, over(m, number(m, 2), plus(m, e, one)));
    return with_sign_of(m, choose(m, less(m, a, number(m, 0.625)), small, large), x);
}

/* With t = exp(2 |x|) - 1: t / (t + 2), or 1 - 2 / (t + 2) where that is more exact. */
const Expr *math_tanh(const Math *m, const Expr *x)
{
    if (!math_is_double(m))
        return tanh_of_float(m, x);
    const Expr *a = magnitude(m, x), *two = number(m, 2), *limit = number(m, 22);
    const Expr *bounded = choose(m, less(m, limit, a), limit, a);
    const Expr *t = math_expm1(m, plus(m, bounded, bounded)), *below = plus(m, t, two);
    const Expr *is_large = less(m, number(m, 1), a);
    const Expr *quotient = over(m, choose(m, is_large, two, t), below);
    const Expr *result = choose(m, is_large, minus(m, number(m, 1), quotient), quotient);
    return with_sign_of(m, result, x);
}

/* ---- erf --------------------------------------------------------------------------------- */

/* Small |x|: x + x E(x^2). Else 1 - exp(t G(t)), where t G(t) approximates log(erfc(t)): after an
 * idea of N. Juffa, https://stackoverflow.com/q/35148198. */
const Expr *math_erf(const Math *m, const Expr *x)
{
    bool twice = math_is_double(m);
    const Expr *a = magnitude(m, x), *z = times(m, x, x), *last = number(m, twice ? 6 : 4);
    const Expr *series = twice ? polynomial(m, z, erf_double) : polynomial(m, z, erf_single);
    const Expr *small = fused(m, x, series, x);
    const Expr *t = choose(m, less(m, last, a), last, a);
    const Expr *logarithm =
        times(m, t, twice ? polynomial(m, t, erfc_double) : polynomial(m, t, erfc_single));
    const Expr *large = minus(m, number(m, 1), math_exp(m, logarithm));
    return choose(m, less(m, a, number(m, twice ? 1 : 0.921875)), small, with_sign_of(m, large, x));
}

/* ---- Powers ------------------------------------------------------------------------------ */

/* What holds whatever the magnitude is: signs, integers, infinities, NaN. */
static const Expr *power_with_cases(const Math *m, const Expr *x, const Expr *y,
                                    const Expr *magnitude_of_result)
{
    ExprPool *pool = m->pool;
    const Expr *half = scaled(m, 0.5, y), *one = number(m, 1);
    const Expr *is_whole = expr_compare(pool, EXPR_equal, expr_unary(pool, EXPR_round, y), y);
    const Expr *is_odd =
        expr_both(pool, is_whole,
                  expr_compare(pool, EXPR_not_equal, expr_unary(pool, EXPR_round, half), half));
    const Expr *result = choose(m, expr_both(pool, is_odd, is_sign_set(m, x)),
                                negated(m, magnitude_of_result), magnitude_of_result);
    const Expr *is_negative =
        expr_both(pool, less(m, x, number(m, 0)), less(m, number(m, -INFINITY), x));
    result =
        choose(m, expr_both(pool, is_negative, expr_not(pool, is_whole)), number(m, NAN), result);
    const Expr *stays_one =
        expr_both(pool, is_equal_to(m, x, -1), is_equal_to(m, magnitude(m, y), INFINITY));
    result = choose(m, expr_either(pool, expr_is_nan(pool, x), expr_is_nan(pool, y)), plus(m, x, y),
                    result);
    stays_one = expr_either(pool, stays_one, is_equal_to(m, x, 1));
    return choose(m, expr_either(pool, stays_one, is_equal_to(m, y, 0)), one, result);
}

/* log |x| with its ends, where `inside` is right for finite positive |x|. */
static const Expr *log_with_ends(const Math *m, const Expr *a, const Expr *inside)
{
    const Expr *result = choose(m, is_equal_to(m, a, 0), number(m, -INFINITY), inside);
    return choose(m, is_equal_to(m, a, INFINITY), number(m, INFINITY), result);
}

/* In double arithmetic there is enough to spare for a float's power. */
static const Expr *power_single(const Math *m, const Expr *x, const Expr *y)
{
    const Expr *a = magnitude(m, x), *p = times(m, y, math_log(m, a));
    ExpParts e = math_exp_parts(m, bounded(m, p, 1000), NULL, true);
    const Expr *result = math_scale(m, plus(m, e.p, number(m, 1)), e.n, e.n_bits);
    return power_with_cases(m, x, y, result);
}

/* A few products, where y is a small whole number; else NULL. */
static const Expr *power_by_products(const Math *m, const Expr *x, const Expr *y)
{
    double exponent;
    if (!expr_is_constant(y, &exponent))
        return NULL;
    return exponent == 2    ? times(m, x, x)
           : exponent == 3  ? times(m, times(m, x, x), x)
           : exponent == -1 ? expr_binary(m->pool, EXPR_divide, number(m, 1), x)
                            : NULL;
}

/* exp(y log |x|), the logarithm and the product to twice the precision. */
const Expr *math_power(const Math *m, const Expr *x, const Expr *y)
{
    const Expr *products = power_by_products(m, x, y);
    if (products)
        return products;
    if (!math_is_double(m)) {
        Math twice = math_in_double(m);
        const Expr *result = power_single(&twice, expr_convert(m->pool, TN_DOUBLE, x),
                                          expr_convert(m->pool, TN_DOUBLE, y));
        return expr_convert(m->pool, TN_FLOAT, result);
    }
    const Expr *a = magnitude(m, x), *factor = bounded(m, y, 0x1p100); /* more changes nothing */
    Pair logarithm = math_log_pair(m, a);
    const Expr *high = times(m, factor, log_with_ends(m, a, logarithm.high));
    Pair product = product_of(m, factor, logarithm.high);
    const Expr *low = fused(m, factor, logarithm.low, product.low);
    const Expr *is_moderate = less(m, magnitude(m, high), number(m, 2000));
    low = choose(m, is_moderate, low, number(m, 0));
    ExpParts e = math_exp_parts(m, bounded(m, high, 1000), low, false);
    const Expr *result = math_scale(m, plus(m, e.p, number(m, 1)), e.n, e.n_bits);
    return power_with_cases(m, x, y, result);
}
