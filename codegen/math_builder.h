/* SPDX-License-Identifier: Apache-2.0
 *
 * A small vocabulary for writing numerical algorithms as expressions, for codegen/math*.c.
 */
#ifndef CODEGEN_MATH_BUILDER_H
#define CODEGEN_MATH_BUILDER_H

#include "ir/expr/expr.h"
#include "ir/support/array.h"

#include <math.h>

/* In what type and with which operations an algorithm is written. */
typedef struct Math {
    ExprPool *pool;
    TnElementType type; /* float or double */
    bool (*has_operation)(ExprKind kind, TnElementType type, const void *context);
    const void *context;
} Math;

typedef const Expr *MathUnary(const Math *m, const Expr *x);
typedef const Expr *MathBinary(const Math *m, const Expr *x, const Expr *y);

#define MATH_UNARY(name, single, twice, from, to) MathUnary math_##name;
#define MATH_BINARY(name, single, twice)          MathBinary math_##name;
#include "codegen/math.def"

/* A number as an unevaluated sum, low being at most half a unit in the last place of high. */
typedef struct Pair {
    const Expr *high, *low;
} Pair;

/* exp(x) = (1 + p) * 2^n */
typedef struct ExpParts {
    const Expr *p, *n;
    const Expr *n_bits; /* n as an integer of the type's width */
} ExpParts;
/* `low` may be NULL; else x + low is meant. Where exp(x) overflows so does (1 + p) * 2^n; x must
 * not be below -1000 (-104 for float). */
ExpParts math_exp_parts(const Math *m, const Expr *x, const Expr *low, bool to_single);
const Expr *math_scale(const Math *m, const Expr *x, const Expr *n, const Expr *n_bits);
/* log(x) of a positive, finite x, to twice the precision. */
Pair math_log_pair(const Math *m, const Expr *x);

static inline bool math_is_double(const Math *m)
{
    return m->type == TN_DOUBLE;
}

static inline Math math_in_double(const Math *m)
{
    Math result = *m;
    result.type = TN_DOUBLE;
    return result;
}

static inline const Expr *number(const Math *m, double value)
{
    return expr_real(m->pool, m->type, value);
}

static inline const Expr *plus(const Math *m, const Expr *a, const Expr *b)
{
    return expr_binary(m->pool, EXPR_add, a, b);
}

static inline const Expr *minus(const Math *m, const Expr *a, const Expr *b)
{
    return expr_binary(m->pool, EXPR_subtract, a, b);
}

static inline const Expr *times(const Math *m, const Expr *a, const Expr *b)
{
    return expr_binary(m->pool, EXPR_multiply, a, b);
}

static inline const Expr *scaled(const Math *m, double factor, const Expr *a)
{
    return times(m, a, number(m, factor));
}

static inline const Expr *over(const Math *m, const Expr *a, const Expr *b)
{
    return expr_binary(m->pool, EXPR_divide, a, b);
}

static inline const Expr *negated(const Math *m, const Expr *a)
{
    return expr_unary(m->pool, EXPR_negate, a);
}

static inline const Expr *magnitude(const Math *m, const Expr *a)
{
    return expr_unary(m->pool, EXPR_absolute, a);
}

static inline const Expr *square_root(const Math *m, const Expr *a)
{
    return expr_unary(m->pool, EXPR_sqrt, a);
}

/* a * b + c; rounded once where the backend can. */
static inline const Expr *fused(const Math *m, const Expr *a, const Expr *b, const Expr *c)
{
    if (m->has_operation(EXPR_fma, m->type, m->context))
        return expr_fma(m->pool, a, b, c);
    return plus(m, times(m, a, b), c);
}

static inline const Expr *less(const Math *m, const Expr *a, const Expr *b)
{
    return expr_compare(m->pool, EXPR_less, a, b);
}

static inline const Expr *is_equal_to(const Math *m, const Expr *a, double value)
{
    return expr_compare(m->pool, EXPR_equal, a, number(m, value));
}

static inline const Expr *choose(const Math *m, const Expr *condition, const Expr *a, const Expr *b)
{
    return expr_select(m->pool, condition, a, b);
}

/* -limit <= x <= limit; NaN stays */
static inline const Expr *bounded(const Math *m, const Expr *x, double limit)
{
    x = choose(m, less(m, number(m, limit), x), number(m, limit), x);
    return choose(m, less(m, x, number(m, -limit)), number(m, -limit), x);
}

/* The integers of the type's width. */
static inline TnElementType bits_type(const Math *m)
{
    return math_is_double(m) ? TN_INT64 : TN_INT32;
}

static inline const Expr *to_bits(const Math *m, const Expr *a)
{
    return expr_bitcast(m->pool, bits_type(m), a);
}

static inline const Expr *from_bits(const Math *m, const Expr *a)
{
    return expr_bitcast(m->pool, m->type, a);
}

static inline const Expr *bits_number(const Math *m, int64_t value)
{
    return expr_whole(m->pool, bits_type(m), value);
}

static inline const Expr *bits_operation(const Math *m, ExprKind kind, const Expr *a, int64_t b)
{
    return expr_binary(m->pool, kind, a, expr_whole(m->pool, a->type, b));
}

static inline const Expr *with_sign_of(const Math *m, const Expr *a, const Expr *sign)
{
    return math_copysign(m, a, sign);
}

static inline const Expr *is_sign_set(const Math *m, const Expr *a)
{
    return expr_compare(m->pool, EXPR_less, to_bits(m, a), bits_number(m, 0));
}

/* coefficients[0] + x * (coefficients[1] + ...), Horner's scheme. */
static inline const Expr *polynomial_of(const Math *m, const Expr *x, const double *coefficients,
                                        size_t count)
{
    const Expr *result = number(m, coefficients[count - 1]);
    for (size_t i = count - 1; i-- > 0;)
        result = fused(m, result, x, number(m, coefficients[i]));
    return result;
}
#define polynomial(m, x, coefficients) polynomial_of(m, x, coefficients, COUNT_OF(coefficients))

/* ---- Pairs ------------------------------------------------------------------------------- */

/* |a| >= |b|, or a = 0 */
static inline Pair sum_of_ordered(const Math *m, const Expr *a, const Expr *b)
{
    const Expr *high = plus(m, a, b);
    return (Pair){high, minus(m, b, minus(m, high, a))};
}

static inline Pair sum_of(const Math *m, const Expr *a, const Expr *b)
{
    const Expr *high = plus(m, a, b), *from_b = minus(m, high, a);
    const Expr *from_a = minus(m, high, from_b);
    return (Pair){high, plus(m, minus(m, a, from_a), minus(m, b, from_b))};
}

/* The upper half of a's digits (Veltkamp 1968). */
static inline const Expr *upper_half(const Math *m, const Expr *a)
{
    const Expr *c = scaled(m, math_is_double(m) ? 134217729.0 : 4097.0, a);
    return minus(m, c, minus(m, c, a));
}

/* Exact: with fma, else as Dekker 1971. */
static inline Pair product_of(const Math *m, const Expr *a, const Expr *b)
{
    const Expr *high = times(m, a, b);
    if (m->has_operation(EXPR_fma, m->type, m->context))
        return (Pair){high, expr_fma(m->pool, a, b, negated(m, high))};
    const Expr *a1 = upper_half(m, a), *b1 = upper_half(m, b);
    const Expr *a2 = minus(m, a, a1), *b2 = minus(m, b, b1);
    const Expr *low = minus(m, times(m, a1, b1), high);
    low = plus(m, low, times(m, a1, b2));
    low = plus(m, low, times(m, a2, b1));
    return (Pair){high, plus(m, low, times(m, a2, b2))};
}

#endif
