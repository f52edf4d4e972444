/* SPDX-License-Identifier: Apache-2.0
 *
 * Comparisons, conditions, choices: larger, smaller, select.
 *
 * A comparison of indices is brought to one form: the difference of the sides, divided by what its
 * coefficients share; then terms of positive sign to the side where they stay positive. "At most"
 * is "less than one more". So i <= N - 1, i < N and 2 i < 2 N are one expression.
 */
#include "pool.h"
#include "scalar.h"

#include <assert.h>

const Expr *expr_bool(ExprPool *pool, bool value)
{
    return expr_bits(pool, TN_BOOL, value);
}

static bool is_bool(const Expr *e, bool value)
{
    return e->kind == EXPR_constant && e->type == TN_BOOL && e->bits == value;
}

static const Expr *intern_bool(ExprPool *pool, ExprKind kind, const Expr *a, const Expr *b)
{
    const Expr *src[] = {a, b};
    return pool_intern(pool, &(Expr){.kind = kind, .type = TN_BOOL, .count = 2, .src = src});
}

/* ---- Comparisons of indices -------------------------------------------------------------- */

/* The positive terms of d on one side, the negative ones on the other. */
static void spread(ExprPool *pool, const Expr *d, int64_t divisor, int64_t constant,
                   const Expr **positive, const Expr **negative)
{
    Terms terms;
    Sum plus, minus;
    terms_of(d, &terms);
    sum_start(&plus, pool);
    sum_start(&minus, pool);
    for (int i = 0; i < terms.count; i++) {
        int64_t factor = terms.factors[i] / divisor;
        sum_add(factor > 0 ? &plus : &minus, terms.atoms[i], factor > 0 ? factor : -factor);
    }
    *(constant > 0 ? &plus.constant : &minus.constant) = constant > 0 ? constant : -constant;
    *positive = sum_finish(&plus);
    *negative = sum_finish(&minus);
}

static int64_t common_divisor(const Terms *terms)
{
    int64_t divisor = 0;
    for (int i = 0; i < terms->count; i++)
        divisor = greatest_common_divisor(divisor, terms->factors[i]);
    return divisor;
}

/* d > 0 */
static const Expr *compare_positive(ExprPool *pool, const Expr *d)
{
    if (expr_is_nonnegative(pool, expr_plus_integer(pool, d, -1)))
        return expr_bool(pool, true);
    if (expr_is_nonnegative(pool, expr_scale(pool, d, -1)))
        return expr_bool(pool, false);
    Terms terms;
    const Expr *greater, *less;
    terms_of(d, &terms);
    /* g t + c >= 1: t >= ceil((1 - c) / g), t + 1 - that > 0 */
    int64_t g = common_divisor(&terms);
    int64_t constant = g == 1 ? terms.constant : 1 + floor_divide(terms.constant - 1, g);
    spread(pool, d, g, constant, &greater, &less);
    return intern_bool(pool, EXPR_less, less, greater);
}

/* d = 0 */
static const Expr *compare_zero(ExprPool *pool, ExprKind kind, const Expr *d)
{
    bool equal = kind == EXPR_equal;
    Terms terms;
    terms_of(d, &terms);
    int64_t g = common_divisor(&terms);
    if (g == 0)
        return expr_bool(pool, (terms.constant == 0) == equal);
    if (terms.constant % g != 0 || node_of(d)->lower > 0 || node_of(d)->upper < 0 ||
        expr_is_nonnegative(pool, expr_plus_integer(pool, d, -1)) ||
        expr_is_nonnegative(pool, expr_plus_integer(pool, expr_scale(pool, d, -1), -1)))
        return expr_bool(pool, !equal);
    const Expr *left, *right;
    g = terms.factors[0] < 0 ? -g : g;
    spread(pool, d, g, terms.constant / g, &left, &right);
    return intern_bool(pool, kind, left, right);
}

static const Expr *compare_indices(ExprPool *pool, ExprKind kind, const Expr *a, const Expr *b)
{
    const Expr *result = pool_recall(pool, kind, a, b);
    if (result)
        return result;
    const Expr *d = expr_minus(pool, b, a);
    if (kind == EXPR_less_equal)
        d = expr_plus_integer(pool, d, 1);
    if (kind == EXPR_less || kind == EXPR_less_equal)
        result = compare_positive(pool, d);
    else
        result = compare_zero(pool, kind, d);
    return pool_remember(pool, kind, a, b, result);
}

/* ---- Comparisons of values --------------------------------------------------------------- */

static const Expr *compare_values(ExprPool *pool, ExprKind kind, const Expr *a, const Expr *b)
{
    bool is_float = element_kind(a->type) == ELEMENT_KIND_FLOAT;
    if (a->kind == EXPR_constant && b->kind == EXPR_constant)
        return expr_bool(pool, scalar_compare(kind, a->type, a->bits, b->bits));
    if (a == b && kind == EXPR_less)
        return expr_bool(pool, false);
    if (a == b && !is_float)
        return expr_bool(pool, kind != EXPR_not_equal);
    if (kind == EXPR_equal || kind == EXPR_not_equal) {
        expr_sort(&a, &b);
        if (a->type == TN_BOOL && b->kind == EXPR_constant)
            return (kind == EXPR_equal) == b->bits ? a : expr_not(pool, a);
    }
    return intern_bool(pool, kind, a, b);
}

const Expr *expr_compare(ExprPool *pool, ExprKind kind, const Expr *a, const Expr *b)
{
    assert(a->type == b->type);
    return a->type == EXPR_INDEX ? compare_indices(pool, kind, a, b)
                                 : compare_values(pool, kind, a, b);
}

const Expr *expr_inside(ExprPool *pool, const Expr *index, const Expr *extent)
{
    const Expr *zero = expr_integer(pool, 0);
    return expr_both(pool, expr_compare(pool, EXPR_less_equal, zero, index),
                     expr_compare(pool, EXPR_less, index, extent));
}

const Expr *expr_is_nan(ExprPool *pool, const Expr *a)
{
    if (element_kind(a->type) != ELEMENT_KIND_FLOAT)
        return expr_bool(pool, false);
    return expr_compare(pool, EXPR_not_equal, a, a);
}

/* ---- Logic ------------------------------------------------------------------------------- */

/* x and (x and y), x and not x: the operand `part` of a chain of `kind`. */
static bool chain_has(const Expr *chain, ExprKind kind, const Expr *part)
{
    for (; chain->kind == kind && chain->type == TN_BOOL; chain = chain->src[0])
        if (chain->src[1] == part)
            return true;
    return chain == part;
}

/* neutral: true for and, false for or. */
static const Expr *combine(ExprPool *pool, ExprKind kind, const Expr *a, const Expr *b,
                           bool neutral)
{
    assert(a->type == TN_BOOL && b->type == TN_BOOL);
    if (is_bool(a, neutral) || is_bool(b, !neutral) || chain_has(b, kind, a))
        return b;
    if (is_bool(b, neutral) || is_bool(a, !neutral) || chain_has(a, kind, b))
        return a;
    const Expr *opposite = expr_not(pool, b);
    if (opposite == a || chain_has(a, kind, opposite) || chain_has(b, kind, expr_not(pool, a)))
        return expr_bool(pool, !neutral);
    if (b->kind == kind) { /* chains hang to the left */
        const Expr *left = combine(pool, kind, a, b->src[0], neutral);
        return combine(pool, kind, left, b->src[1], neutral);
    }
    if (a->kind != kind)
        expr_sort(&a, &b);
    return intern_bool(pool, kind, a, b);
}

const Expr *expr_both(ExprPool *pool, const Expr *a, const Expr *b)
{
    return combine(pool, EXPR_and, a, b, true);
}

const Expr *expr_either(ExprPool *pool, const Expr *a, const Expr *b)
{
    return combine(pool, EXPR_or, a, b, false);
}

const Expr *expr_not(ExprPool *pool, const Expr *a)
{
    assert(a->type == TN_BOOL);
    if (a->kind == EXPR_constant)
        return expr_bool(pool, !a->bits);
    if (a->kind == EXPR_not)
        return a->src[0];
    if (a->kind == EXPR_equal || a->kind == EXPR_not_equal)
        return intern_bool(pool, a->kind == EXPR_equal ? EXPR_not_equal : EXPR_equal, a->src[0],
                           a->src[1]);
    /* Not so for floats: with NaN neither holds. */
    if (a->kind == EXPR_less && element_kind(a->src[0]->type) != ELEMENT_KIND_FLOAT)
        return expr_compare(pool, EXPR_less_equal, a->src[1], a->src[0]);
    if (a->kind == EXPR_less_equal && element_kind(a->src[0]->type) != ELEMENT_KIND_FLOAT)
        return expr_compare(pool, EXPR_less, a->src[1], a->src[0]);
    return pool_intern(pool, &(Expr){.kind = EXPR_not, .type = TN_BOOL, .count = 1, .src = &a});
}

/* ---- Choices ----------------------------------------------------------------------------- */

static const Expr *choose(ExprPool *pool, ExprKind kind, const Expr *a, const Expr *b)
{
    assert(a->type == EXPR_INDEX && b->type == EXPR_INDEX);
    if (a == b || (a->kind == kind && (a->src[0] == b || a->src[1] == b)))
        return a;
    if (b->kind == kind && (b->src[0] == a || b->src[1] == a))
        return b;
    expr_sort(&a, &b);
    const Expr *result = pool_recall(pool, kind, a, b);
    if (result)
        return result;
    const Expr *difference = expr_minus(pool, a, b);
    if (expr_is_nonnegative(pool, difference))
        result = kind == EXPR_larger ? a : b;
    else if (expr_is_nonnegative(pool, expr_scale(pool, difference, -1)))
        result = kind == EXPR_larger ? b : a;
    if (!result) {
        const Expr *src[] = {a, b};
        result = pool_intern(pool, &(Expr){.kind = kind, .count = 2, .src = src});
    }
    return pool_remember(pool, kind, a, b, result);
}

const Expr *expr_larger(ExprPool *pool, const Expr *a, const Expr *b)
{
    return choose(pool, EXPR_larger, a, b);
}

const Expr *expr_smaller(ExprPool *pool, const Expr *a, const Expr *b)
{
    return choose(pool, EXPR_smaller, a, b);
}

/* The operand that select gives where the condition is known to have that value. */
static const Expr *assume(const Expr *e, const Expr *condition, bool value)
{
    while (e->kind == EXPR_select && e->src[0] == condition)
        e = e->src[value ? 1 : 2];
    return e;
}

const Expr *expr_select(ExprPool *pool, const Expr *condition, const Expr *a, const Expr *b)
{
    assert(condition->type == TN_BOOL && a->type == b->type);
    if (condition->kind == EXPR_constant)
        return condition->bits ? a : b;
    if (condition->kind == EXPR_not)
        return expr_select(pool, condition->src[0], b, a);
    a = assume(a, condition, true);
    b = assume(b, condition, false);
    if (a == b)
        return a;
    if (a->type == TN_BOOL && (a->kind == EXPR_constant || b->kind == EXPR_constant)) {
        if (is_bool(a, true) || is_bool(b, false))
            return is_bool(a, true) ? expr_either(pool, condition, b)
                                    : expr_both(pool, condition, a);
        const Expr *opposite = expr_not(pool, condition);
        return is_bool(a, false) ? expr_both(pool, opposite, b) : expr_either(pool, opposite, a);
    }
    const Expr *src[] = {condition, a, b};
    return pool_intern(pool, &(Expr){.kind = EXPR_select, .type = a->type, .count = 3, .src = src});
}
