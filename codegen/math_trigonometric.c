/* SPDX-License-Identifier: Apache-2.0
 *
 * sin, cos, tan and their inverses. An argument becomes q pi / 2 + r, |r| <= pi / 4, as accurate
 * for the largest numbers as for small ones:
 *
 * - a float, in double arithmetic: 2 / pi in three parts whose products with 24 digits are exact;
 * for large arguments, which are multiples of 2^(24 j), 2 / pi * 2^(24 j) modulo 4 in its stead;
 * - a double below 2^20: q pi / 2 subtracted in three parts (Cody and Waite 1980);
 * - larger ones: the digits of 2 / pi that matter, in integer arithmetic (Payne and Hanek 1983).
 */
#include "math_builder.h"
#include "math_coefficients.inc"

static const double half_pi = 0x1.921fb54442d18p+0, half_pi_low = 0x1.1a62633145c07p-54;
static const double two_over_pi = 0x1.45f306dc9c883p-1;

typedef struct Reduced {
    Pair r;
    const Expr *q; /* int64 */
} Reduced;

/* ---- Reduction of a float, held in a double ---------------------------------------------- */

/* 2 / pi * 2^(24 j) modulo 4 in parts of 29, 29 and 53 digits. */
static const double turns[][3] = {
    {0x1.45f306d000000p-1, 0x1.9391054000000p-30, 0x1.4fe13abe8fa9ap-59},
    {0x1.b727220000000p+1, 0x1.529fc27000000p-28, 0x1.5f47d4d377037p-58},
    {0x1.529fc27000000p-4, 0x1.5f47d4d000000p-34, 0x1.bb81b6c52b328p-65},
    {0x1.3abe8fa000000p-3, 0x1.34ddc0d000000p-32, 0x1.6c52b32788721p-61},
    {0x1.f534ddc000000p+0, 0x1.b6c52b3000000p-33, 0x1.3c439041fe516p-64},
};

/* The nearest whole number of a, and its low bits. */
static const Expr *nearest(const Math *m, const Expr *a, const Expr **bits)
{
    const Expr *shifter = number(m, 0x1.8p52), *shifted = plus(m, a, shifter);
    *bits = to_bits(m, shifted);
    return minus(m, shifted, shifter);
}

static const Expr *fraction(const Math *m, const Expr *a, const Expr **q)
{
    const Expr *bits, *whole = nearest(m, a, &bits);
    *q = *q ? expr_binary(m->pool, EXPR_add, *q, bits) : bits;
    return minus(m, a, whole);
}

static Reduced reduce_float(const Math *m, const Expr *a)
{
    const Expr *scale = number(m, 1), *parts[3];
    for (int i = 0; i < 3; i++)
        parts[i] = number(m, turns[0][i]);
    for (int j = 1; j < (int)COUNT_OF(turns); j++) {
        const Expr *is_beyond = less(m, number(m, ldexp(1, 24 + 24 * j) * (1 - 0x1p-53)), a);
        scale = choose(m, is_beyond, number(m, ldexp(1, -24 * j)), scale);
        for (int i = 0; i < 3; i++)
            parts[i] = choose(m, is_beyond, number(m, turns[j][i]), parts[i]);
    }
    Reduced result = {0};
    const Expr *y = times(m, a, scale);
    const Expr *f1 = fraction(m, times(m, y, parts[0]), &result.q);
    const Expr *f2 = fraction(m, times(m, y, parts[1]), &result.q);
    const Expr *f = plus(m, plus(m, f1, f2), times(m, y, parts[2]));
    f = fraction(m, f, &result.q);
    result.r.high = scaled(m, half_pi, f);
    return result;
}

/* ---- Reduction of a double --------------------------------------------------------------- */

static Reduced reduce_medium(const Math *m, const Expr *a)
{
    static const double part1 = 0x1.921fb54400000p+0, part2 = 0x1.0b4611a600000p-34,
                        part3 = 0x1.3198a2e037073p-69;
    Reduced result;
    const Expr *n = nearest(m, scaled(m, two_over_pi, a), &result.q);
    const Expr *first = minus(m, a, scaled(m, part1, n)); /* exact, as is n * part2 */
    Pair r = sum_of(m, first, scaled(m, -part2, n));
    r.low = fused(m, n, number(m, -part3), r.low);
    result.r = sum_of(m, r.high, r.low);
    return result;
}

/* The binary digits of 2 / pi behind 64 zeros, 64 a word. */
static const uint64_t digits[] = {
    0x0000000000000000, 0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041,
    0xfe5163abdebbc561, 0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e,
    0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b,
    0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d,
    0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab,
};

static const Expr *whole(const Math *m, ExprKind kind, const Expr *a, const Expr *b)
{
    return expr_binary(m->pool, kind, a, b);
}

static const Expr *upper(const Math *m, const Expr *a)
{
    return bits_operation(m, EXPR_shift_right, a, 32);
}

static const Expr *lower(const Math *m, const Expr *a)
{
    return bits_operation(m, EXPR_and, a, 0xffffffff);
}

/* The upper 64 bits of the product of a, of less than 53 bits, and b. */
static const Expr *upper_product(const Math *m, const Expr *a, const Expr *b)
{
    const Expr *a1 = upper(m, a), *a0 = lower(m, a), *b1 = upper(m, b), *b0 = lower(m, b);
    const Expr *t = whole(m, EXPR_add, whole(m, EXPR_multiply, a1, b0),
                          upper(m, whole(m, EXPR_multiply, a0, b0)));
    const Expr *u = whole(m, EXPR_add, whole(m, EXPR_multiply, a0, b1), lower(m, t));
    const Expr *high = whole(m, EXPR_add, whole(m, EXPR_multiply, a1, b1), upper(m, t));
    return whole(m, EXPR_add, high, upper(m, u));
}

/* 192 digits of 2 / pi from the place `from` on, in three words. */
static void digits_from(const Math *m, const Expr *from, const Expr *words[3])
{
    enum { PLACES = 36 };
    const Expr *table[PLACES];
    for (int i = 0; i < PLACES; i++)
        table[i] = expr_bits(m->pool, TN_UINT64, i < (int)COUNT_OF(digits) ? digits[i] : 0);
    const Expr *index = bits_operation(m, EXPR_shift_right, from, 6);
    int needed = PLACES - 16;
    for (int step = 16; step > 0; step /= 2) { /* table[index ...] to the front */
        const Expr *bit = bits_operation(m, EXPR_and, index, step);
        const Expr *moves = expr_compare(m->pool, EXPR_not_equal, bit, bits_number(m, 0));
        for (int i = 0; i < needed; i++)
            table[i] = choose(m, moves, table[i + step], table[i]);
        needed -= step / 2;
    }
    const Expr *shift = expr_convert(m->pool, TN_UINT64, bits_operation(m, EXPR_and, from, 63));
    const Expr *back = whole(m, EXPR_subtract, expr_bits(m->pool, TN_UINT64, 64), shift);
    for (int i = 0; i < 3; i++) /* a shift by 64 gives 0 */
        words[i] = whole(m, EXPR_or, whole(m, EXPR_shift_left, table[i], shift),
                         whole(m, EXPR_shift_right, table[i + 1], back));
}

static const Expr *real_of(const Math *m, const Expr *bits, double unit)
{
    return scaled(m, unit, expr_convert(m->pool, TN_DOUBLE, bits));
}

static Reduced reduce_large(const Math *m, const Expr *a)
{
    ExprPool *pool = m->pool;
    const Expr *bits = to_bits(m, a), *words[3];
    const Expr *exponent = bits_operation(m, EXPR_shift_right, bits, 52);
    /* a = mantissa * 2^(exponent - 1075); digits of weight 4 and more do not matter */
    digits_from(m, bits_operation(m, EXPR_add, exponent, 62 - 1075), words);
    const Expr *mantissa = bits_operation(m, EXPR_and, bits, 0xfffffffffffff);
    mantissa = bits_operation(m, EXPR_or, mantissa, 0x10000000000000);
    mantissa = expr_convert(pool, TN_UINT64, mantissa);

    const Expr *carried = upper_product(m, mantissa, words[2]);
    const Expr *next = whole(m, EXPR_add, whole(m, EXPR_multiply, mantissa, words[1]), carried);
    const Expr *carry = expr_convert(pool, TN_UINT64, expr_compare(pool, EXPR_less, next, carried));
    const Expr *top = whole(m, EXPR_add, whole(m, EXPR_multiply, mantissa, words[0]),
                            upper_product(m, mantissa, words[1]));
    top = whole(m, EXPR_add, top, carry);

    /* top: two digits before the point, 62 behind it; next: 64 more. */
    const Expr *quarter = bits_operation(m, EXPR_add, top, (int64_t)1 << 61);
    quarter = bits_operation(m, EXPR_shift_right, quarter, 62);
    const Expr *rest =
        whole(m, EXPR_subtract, top, bits_operation(m, EXPR_shift_left, quarter, 62));
    rest = expr_convert(pool, TN_INT64, rest);
    Pair f = sum_of(m, real_of(m, upper(m, rest), 0x1p-30), real_of(m, lower(m, rest), 0x1p-62));
    const Expr *tail =
        plus(m, real_of(m, upper(m, next), 0x1p-94), real_of(m, lower(m, next), 0x1p-126));
    f = sum_of(m, f.high, plus(m, f.low, tail));
    Pair r = product_of(m, f.high, number(m, half_pi));
    r.low = plus(m, r.low, scaled(m, half_pi_low, f.high));
    r.low = fused(m, f.low, number(m, half_pi), r.low);
    return (Reduced){sum_of_ordered(m, r.high, r.low), expr_convert(pool, TN_INT64, quarter)};
}

static Reduced reduce_double(const Math *m, const Expr *a)
{
    const Expr *is_medium = less(m, a, number(m, 0x1p20));
    Reduced medium = reduce_medium(m, a), large = reduce_large(m, a), result;
    result.r.high = choose(m, is_medium, medium.r.high, large.r.high);
    result.r.low = choose(m, is_medium, medium.r.low, large.r.low);
    result.q = choose(m, is_medium, medium.q, large.q);
    return result;
}

/* ---- sin, cos, tan ----------------------------------------------------------------------- */

typedef struct SinCos {
    const Expr *sin, *cos;
} SinCos;

/* Of r.high + r.low, at most pi / 4; r.low may be NULL. */
static SinCos sin_cos(const Math *m, Pair r, bool to_single)
{
    const Expr *x = r.high, *z = times(m, x, x), *half = scaled(m, 0.5, z);
    const Expr *sine = to_single ? polynomial(m, z, sin_single) : polynomial(m, z, sin_double);
    const Expr *cosine = to_single ? polynomial(m, z, cos_single) : polynomial(m, z, cos_double);
    const Expr *sine_low = times(m, times(m, x, z), sine);
    const Expr *one = number(m, 1), *high = minus(m, one, half);
    const Expr *cosine_low = fused(m, times(m, z, z), cosine, minus(m, minus(m, one, high), half));
    if (r.low) { /* sin x + low cos x, cos x - low sin x */
        sine_low = plus(m, sine_low, fused(m, negated(m, r.low), half, r.low));
        cosine_low = fused(m, negated(m, x), r.low, cosine_low);
    }
    return (SinCos){plus(m, x, sine_low), plus(m, high, cosine_low)};
}

static const Expr *has_bit(const Math *m, const Expr *q, int64_t bit)
{
    const Expr *masked = bits_operation(m, EXPR_and, q, bit);
    return expr_compare(m->pool, EXPR_not_equal, masked, expr_whole(m->pool, q->type, 0));
}

/* Reduced |x|, in x's own type. */
static Reduced reduce(const Math *m, const Expr *x)
{
    if (math_is_double(m))
        return reduce_double(m, magnitude(m, x));
    Math twice = math_in_double(m);
    Reduced wide = reduce_float(&twice, expr_convert(m->pool, TN_DOUBLE, magnitude(m, x)));
    const Expr *high = expr_convert(m->pool, TN_FLOAT, wide.r.high);
    const Expr *low = minus(&twice, wide.r.high, expr_convert(m->pool, TN_DOUBLE, high));
    return (Reduced){{high, expr_convert(m->pool, TN_FLOAT, low)},
                     expr_convert(m->pool, TN_INT32, wide.q)};
}

/* sin(|x| + shift pi / 2) */
static const Expr *sin_shifted(const Math *m, const Expr *x, int shift)
{
    Reduced reduced = reduce(m, x);
    SinCos both = sin_cos(m, reduced.r, !math_is_double(m));
    const Expr *q = bits_operation(m, EXPR_add, reduced.q, shift);
    const Expr *result = choose(m, has_bit(m, q, 1), both.cos, both.sin);
    result = choose(m, has_bit(m, q, 2), negated(m, result), result);
    return choose(m, less(m, magnitude(m, x), number(m, INFINITY)), result, number(m, NAN));
}

const Expr *math_sin(const Math *m, const Expr *x)
{
    const Expr *result = sin_shifted(m, x, 0);
    return choose(m, is_sign_set(m, x), negated(m, result), result);
}

const Expr *math_cos(const Math *m, const Expr *x)
{
    return sin_shifted(m, x, 1);
}

static const Expr *tan_of(const Math *m, const Expr *x, Reduced reduced, bool to_single)
{
    SinCos both = sin_cos(m, reduced.r, to_single);
    const Expr *is_odd = has_bit(m, reduced.q, 1);
    const Expr *result = over(m, choose(m, is_odd, both.cos, both.sin),
                              choose(m, is_odd, negated(m, both.sin), both.cos));
    result = choose(m, less(m, magnitude(m, x), number(m, INFINITY)), result, number(m, NAN));
    return choose(m, is_sign_set(m, x), negated(m, result), result);
}

const Expr *math_tan(const Math *m, const Expr *x)
{
    if (math_is_double(m))
        return tan_of(m, x, reduce(m, x), false);
    Math twice = math_in_double(m);
    const Expr *wide = expr_convert(m->pool, TN_DOUBLE, x);
    Reduced reduced = reduce_float(&twice, magnitude(&twice, wide));
    return expr_convert(m->pool, TN_FLOAT, tan_of(&twice, wide, reduced, true));
}

/* ---- asin, acos -------------------------------------------------------------------------- */

/* Above 1/2: asin(a) = pi / 2 - 2 asin(s), s = sqrt((1 - a) / 2) = high + low. */
typedef struct Arc {
    const Expr *is_small;
    const Expr *high, *low; /* of s, or a itself and 0 */
    const Expr *tail;       /* asin(high + low) - high */
} Arc;

static Arc arc_of(const Math *m, const Expr *a, bool to_single)
{
    Arc arc;
    arc.is_small = less(m, a, number(m, 0.5));
    const Expr *z =
        choose(m, arc.is_small, times(m, a, a), fused(m, a, number(m, -0.5), number(m, 0.5)));
    const Expr *root = square_root(m, z), *zero = number(m, 0);
    const Expr *below = choose(m, is_equal_to(m, root, 0), number(m, 1), plus(m, root, root));
    Pair square = product_of(m, root, root);
    const Expr *lost = minus(m, minus(m, z, square.high), square.low);
    arc.high = choose(m, arc.is_small, a, root);
    arc.low = choose(m, arc.is_small, zero, over(m, lost, below));
    const Expr *series = to_single ? polynomial(m, z, asin_single) : polynomial(m, z, asin_double);
    arc.tail = fused(m, times(m, arc.high, z), series, arc.low);
    return arc;
}

static const Expr *asin_of(const Math *m, const Expr *x, bool to_single)
{
    Arc arc = arc_of(m, magnitude(m, x), to_single);
    const Expr *twice_tail = plus(m, arc.tail, arc.tail);
    Pair rest = sum_of_ordered(m, number(m, half_pi), scaled(m, -2, arc.high));
    const Expr *large =
        plus(m, rest.high, plus(m, rest.low, minus(m, number(m, half_pi_low), twice_tail)));
    const Expr *result = choose(m, arc.is_small, plus(m, arc.high, arc.tail), large);
    return with_sign_of(m, result, x);
}

static const Expr *acos_of(const Math *m, const Expr *x, bool to_single)
{
    Arc arc = arc_of(m, magnitude(m, x), to_single);
    const Expr *is_negative = is_sign_set(m, x);
    /* Small: pi / 2 -+ asin |x|. Else 2 asin(s), or pi less that. */
    const Expr *signed_high = choose(m, is_negative, negated(m, arc.high), arc.high);
    const Expr *signed_tail = choose(m, is_negative, negated(m, arc.tail), arc.tail);
    Pair rest = sum_of_ordered(m, number(m, half_pi), negated(m, signed_high));
    const Expr *small =
        plus(m, rest.high, plus(m, rest.low, minus(m, number(m, half_pi_low), signed_tail)));
    const Expr *near_one = scaled(m, 2, plus(m, arc.high, arc.tail));
    Pair around = sum_of_ordered(m, number(m, 2 * half_pi), scaled(m, -2, arc.high));
    const Expr *low = minus(m, number(m, 2 * half_pi_low), plus(m, arc.tail, arc.tail));
    const Expr *near_minus_one = plus(m, around.high, plus(m, around.low, low));
    return choose(m, arc.is_small, small, choose(m, is_negative, near_minus_one, near_one));
}

typedef const Expr *Inverse(const Math *m, const Expr *x, bool to_single);

static const Expr *inverse(const Math *m, const Expr *x, Inverse *function)
{
    if (math_is_double(m))
        return function(m, x, false);
    Math twice = math_in_double(m);
    const Expr *wide = function(&twice, expr_convert(m->pool, TN_DOUBLE, x), true);
    return expr_convert(m->pool, TN_FLOAT, wide);
}

const Expr *math_asin(const Math *m, const Expr *x)
{
    return inverse(m, x, asin_of);
}

const Expr *math_acos(const Math *m, const Expr *x)
{
    return inverse(m, x, acos_of);
}

/* ---- atan, atan2 ------------------------------------------------------------------------- */

/* The angle of (x, y), x, y >= 0, not NaN, as the angle of (larger, smaller) above one axis or the
 * other; above tan(pi / 8) less pi / 4, by the difference formula. Then k pi / 4 +- atan(t). */
static const Expr *angle_of(const Math *m, const Expr *y, const Expr *x, const Expr *x_is_negative,
                            bool to_single)
{
    const Expr *zero = number(m, 0), *one = number(m, 1);
    const Expr *is_steep = less(m, x, y);
    const Expr *less_one = choose(m, is_steep, x, y), *more = choose(m, is_steep, y, x);
    /* The sum of both must not overflow. */
    const Expr *scale = choose(m, less(m, number(m, 0x1p1000), more), number(m, 0.25), one);
    less_one = times(m, less_one, scale);
    more = times(m, more, scale);
    const Expr *is_wide = less(m, scaled(m, 0.41421356237309503, more), less_one);
    const Expr *above = choose(m, is_wide, minus(m, less_one, more), less_one);
    const Expr *below = choose(m, is_wide, plus(m, less_one, more), more);
    const Expr *t = over(m, above, below);
    t = choose(m, is_equal_to(m, more, 0), zero, t);
    t = choose(m, is_equal_to(m, less_one, INFINITY), zero, t);
    is_wide = expr_either(m->pool, is_wide, is_equal_to(m, less_one, INFINITY));

    const Expr *z = times(m, t, t);
    const Expr *series = to_single ? polynomial(m, z, atan_single) : polynomial(m, z, atan_double);
    const Expr *tail = times(m, times(m, t, z), series);
    const Expr *k = choose(m, is_wide, one, zero);
    k = choose(m, is_steep, minus(m, number(m, 2), k), k);
    const Expr *falls = is_steep;
    if (x_is_negative) {
        k = choose(m, x_is_negative, minus(m, number(m, 4), k), k);
        falls = expr_binary(m->pool, EXPR_xor, is_steep, x_is_negative);
    }
    t = choose(m, falls, negated(m, t), t);
    tail = choose(m, falls, negated(m, tail), tail);
    Pair sum = sum_of_ordered(m, scaled(m, half_pi / 2, k), t);
    tail = fused(m, k, number(m, half_pi_low / 2), tail);
    return plus(m, sum.high, plus(m, sum.low, tail));
}

static const Expr *atan_of(const Math *m, const Expr *x, bool to_single)
{
    const Expr *result = angle_of(m, magnitude(m, x), number(m, 1), NULL, to_single);
    return choose(m, expr_is_nan(m->pool, x), x, with_sign_of(m, result, x));
}

const Expr *math_atan(const Math *m, const Expr *x)
{
    return inverse(m, x, atan_of);
}

static const Expr *atan2_of(const Math *m, const Expr *y, const Expr *x, bool to_single)
{
    const Expr *result =
        angle_of(m, magnitude(m, y), magnitude(m, x), is_sign_set(m, x), to_single);
    const Expr *is_nan = expr_either(m->pool, expr_is_nan(m->pool, x), expr_is_nan(m->pool, y));
    return choose(m, is_nan, plus(m, x, y), with_sign_of(m, result, y));
}

const Expr *math_atan2(const Math *m, const Expr *y, const Expr *x)
{
    if (math_is_double(m))
        return atan2_of(m, y, x, false);
    Math twice = math_in_double(m);
    const Expr *wide = atan2_of(&twice, expr_convert(m->pool, TN_DOUBLE, y),
                                expr_convert(m->pool, TN_DOUBLE, x), true);
    return expr_convert(m->pool, TN_FLOAT, wide);
}
