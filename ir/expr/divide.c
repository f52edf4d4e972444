/* SPDX-License-Identifier: Apache-2.0
 *
 * Quotients and moduli of indices, divisors being numbers, products or sums of symbols.
 *
 * a is split into whole * d + rest, with integer coefficients; then a / d = whole + rest / d and
 * a % d = rest % d. What is left follows from these, for 0 <= r < g:
 *
 *     rest / d = k, rest % d = rest - k d     where k d <= rest < (k + 1) d
 *     (g x + r) / (g d) = x / d               (g x + r) % (g d) = g (x % d) + r
 *     (x / c + k) / d = (x + k c) / (c d)     for a number k
 *     (x % (c d)) / d = (x / d) % c           (f (x % (c d)) + y) % d = (f x + y) % d
 */
#include "pool.h"

#include <assert.h>

/* ---- Splitting --------------------------------------------------------------------------- */

/* A divisor of one term: number * factors. */
typedef struct Divisor {
    int64_t number;
    Product product;
} Divisor;

static bool divisor_of(const Expr *d, Divisor *divisor)
{
    Terms terms;
    terms_of(d, &terms);
    divisor->number = terms.count ? terms.constant : 0;
    divisor->product.count = 0;
    if (terms.count == 0) {
        divisor->number = terms.constant;
        return divisor->number > 0;
    }
    if (terms.count > 1 || terms.constant != 0 || terms.factors[0] < 0)
        return false;
    divisor->number = terms.factors[0];
    return product_of(terms.atoms[0], &divisor->product);
}

/* atom without the factors, or NULL where one of them is not in it. */
static const Expr *atom_without(ExprPool *pool, const Expr *atom, const Product *factors)
{
    Product of, left = {0};
    if (factors->count == 0)
        return atom;
    if (!product_of(atom, &of))
        return NULL;
    int taken = 0;
    for (int i = 0; i < of.count; i++) {
        if (taken < factors->count && of.factors[i] == factors->factors[taken])
            taken++;
        else
            left.factors[left.count++] = of.factors[i];
    }
    return taken == factors->count ? product_build(pool, &left) : NULL;
}

static void split_by_term(ExprPool *pool, const Expr *a, const Divisor *d, Sum *whole, Sum *rest)
{
    Terms terms;
    terms_of(a, &terms);
    rest->constant = terms.constant;
    if (d->product.count == 0) {
        whole->constant = floor_divide(terms.constant, d->number);
        rest->constant = terms.constant - whole->constant * d->number;
    }
    for (int i = 0; i < terms.count; i++) {
        const Expr *atom = atom_without(pool, terms.atoms[i], &d->product);
        int64_t times = atom ? terms.factors[i] / d->number : 0;
        if (times)
            sum_add(whole, atom, times);
        sum_add(rest, terms.atoms[i], terms.factors[i] - times * d->number);
    }
}

/* The term with the most symbols leads. */
static int leading_term(const Terms *terms)
{
    int best = 0, best_count = 0;
    for (int i = 0; i < terms->count; i++) {
        int count = 1;
        for (const Expr *e = terms->atoms[i]; e->kind == EXPR_times; e = e->src[0])
            count++;
        if (count > best_count || (count == best_count && terms->factors[i] == 1)) {
            best = i;
            best_count = count;
        }
    }
    return best;
}

/* Polynomial division by a divisor of several terms, as far as its leading term goes. */
static void split_by_sum(ExprPool *pool, const Expr *a, const Expr *d, Sum *whole, Sum *rest)
{
    Terms divisor;
    Product leading;
    terms_of(d, &divisor);
    int lead = leading_term(&divisor);
    sum_add(rest, a, 1);
    if (divisor.factors[lead] < 0 || !product_of(divisor.atoms[lead], &leading))
        return;
    for (int steps = 0; steps < 16; steps++) {
        const Expr *atom = NULL;
        int64_t times = 0;
        for (int i = 0; i < rest->count && !times; i++) {
            atom = atom_without(pool, rest->terms[i].atom, &leading);
            times = atom ? rest->terms[i].factor / divisor.factors[lead] : 0;
        }
        if (!times)
            return;
        sum_add(whole, atom, times);
        sum_add(rest, expr_times(pool, atom, d), -times);
    }
}

/* a = whole * d + rest */
static void split(ExprPool *pool, const Expr *a, const Expr *d, const Expr **whole,
                  const Expr **rest)
{
    Divisor divisor;
    Sum quotient, left;
    sum_start(&quotient, pool);
    sum_start(&left, pool);
    if (divisor_of(d, &divisor))
        split_by_term(pool, a, &divisor, &quotient, &left);
    else
        split_by_sum(pool, a, d, &quotient, &left);
    *whole = sum_finish(&quotient);
    *rest = sum_finish(&left);
}

/* a / d where that is exact for every value; or NULL. */
static const Expr *divide_exactly(ExprPool *pool, const Expr *a, const Expr *d)
{
    const Expr *whole, *rest;
    split(pool, a, d, &whole, &rest);
    return expr_is(rest, 0) ? whole : NULL;
}

/* 0 <= e < end, end being a divisor, so that it is not 0 even if its bounds allow that. */
static bool is_in_range(ExprPool *pool, const Expr *e, const Expr *end)
{
    if (expr_is(e, 0))
        return true;
    return expr_is_below(pool, e, end) && expr_is_nonnegative(pool, e);
}

/* ---- Common factors ---------------------------------------------------------------------- */

/* e = g x + r with 0 <= r < g, and divisor = g d. */
typedef struct Common {
    const Expr *g, *x, *r, *d;
} Common;

static bool common_with(ExprPool *pool, const Expr *e, const Expr *divisor, const Expr *g,
                        Common *common)
{
    common->g = g;
    common->d = divide_exactly(pool, divisor, g);
    if (!common->d || expr_is(common->d, 1))
        return false;
    split(pool, e, g, &common->x, &common->r);
    return common->x->kind != EXPR_integer && is_in_range(pool, common->r, g);
}

/* The numbers and the symbols of the divisor are tried, one at a time. */
static bool find_common(ExprPool *pool, const Expr *e, const Expr *divisor, Common *common)
{
    Divisor d;
    Terms terms;
    if (!divisor_of(divisor, &d))
        return false;
    terms_of(e, &terms);
    int64_t last = INT64_MAX;
    for (;;) { /* the greatest first */
        int64_t best = 1;
        for (int i = 0; i < terms.count; i++) {
            int64_t g = greatest_common_divisor(d.number, terms.factors[i]);
            if (g > best && g < last)
                best = g;
        }
        if (best == 1)
            break;
        if (common_with(pool, e, divisor, expr_integer(pool, best), common))
            return true;
        last = best;
    }
    for (int i = 0; i < d.product.count; i++)
        if (common_with(pool, e, divisor, d.product.factors[i], common))
            return true;
    return false;
}

/* k where k d <= e < (k + 1) d for all values, d being a number, or k = -1. */
static bool find_period(ExprPool *pool, const Expr *e, const Expr *d, int64_t *k)
{
    int64_t divisor, lower = node_of(e)->lower, upper = node_of(e)->upper;
    if (expr_known(d, &divisor)) {
        if (lower <= -EXPR_LIMIT || upper >= EXPR_LIMIT)
            return false;
        *k = floor_divide(lower, divisor);
        return *k == floor_divide(upper, divisor);
    }
    *k = -1;
    return upper < 0 && is_in_range(pool, expr_plus(pool, e, d), d);
}

/* ---- Quotient ---------------------------------------------------------------------------- */

static const Expr *quotient_of_rest(ExprPool *pool, const Expr *rest, const Expr *d)
{
    int64_t k;
    Common common;
    Terms terms;
    if (is_in_range(pool, rest, d))
        return expr_integer(pool, 0);
    if (find_period(pool, rest, d, &k))
        return expr_integer(pool, k);
    if (find_common(pool, rest, d, &common))
        return expr_quotient(pool, common.x, common.d);
    terms_of(rest, &terms);
    if (terms.count == 1 && terms.factors[0] == 1 && terms.atoms[0]->kind == EXPR_quotient) {
        const Expr *x = terms.atoms[0]->src[0], *c = terms.atoms[0]->src[1];
        return expr_quotient(pool, expr_plus(pool, x, expr_scale(pool, c, terms.constant)),
                             expr_times(pool, c, d));
    }
    if (rest->kind == EXPR_modulus) {
        const Expr *c = divide_exactly(pool, rest->src[1], d);
        if (c)
            return expr_modulus(pool, expr_quotient(pool, rest->src[0], d), c);
    }
    const Expr *src[] = {rest, d};
    return pool_intern(pool, &(Expr){.kind = EXPR_quotient, .count = 2, .src = src});
}

const Expr *expr_quotient(ExprPool *pool, const Expr *a, const Expr *b)
{
    assert(a->type == EXPR_INDEX && b->type == EXPR_INDEX);
    if (expr_is(b, 1) || expr_is(a, 0))
        return a;
    if (b->kind == EXPR_integer && b->integer <= 0) /* a lie: keep it total */
        return expr_integer(pool, 0);
    if (a == b)
        return expr_integer(pool, 1);
    const Expr *known = pool_recall(pool, EXPR_quotient, a, b), *whole, *rest;
    if (known)
        return known;
    split(pool, a, b, &whole, &rest);
    return pool_remember(pool, EXPR_quotient, a, b,
                         expr_plus(pool, whole, quotient_of_rest(pool, rest, b)));
}

/* ---- Modulus ----------------------------------------------------------------------------- */

/* In a sum that is taken modulo d, x % (c d) may as well be x. */
static const Expr *drop_moduli(ExprPool *pool, const Expr *a, const Expr *d)
{
    Terms terms;
    terms_of(a, &terms);
    for (int i = 0; i < terms.count; i++) {
        const Expr *atom = terms.atoms[i];
        if (atom->kind != EXPR_modulus || !divide_exactly(pool, atom->src[1], d))
            continue;
        Sum sum;
        sum_start(&sum, pool);
        sum_add(&sum, a, 1);
        sum_add(&sum, atom, -terms.factors[i]);
        sum_add(&sum, atom->src[0], terms.factors[i]);
        return drop_moduli(pool, sum_finish(&sum), d);
    }
    return a;
}

static const Expr *modulus_of(ExprPool *pool, const Expr *a, const Expr *d)
{
    const Expr *whole, *rest;
    Common common;
    int64_t k;
    if (is_in_range(pool, a, d))
        return a;
    split(pool, drop_moduli(pool, a, d), d, &whole, &rest);
    if (is_in_range(pool, rest, d))
        return rest;
    if (find_period(pool, rest, d, &k))
        return expr_minus(pool, rest, expr_scale(pool, d, k));
    if (find_common(pool, rest, d, &common)) {
        const Expr *inner = expr_modulus(pool, common.x, common.d);
        return expr_plus(pool, expr_times(pool, inner, common.g), common.r);
    }
    const Expr *src[] = {rest, d};
    return pool_intern(pool, &(Expr){.kind = EXPR_modulus, .count = 2, .src = src});
}

const Expr *expr_modulus(ExprPool *pool, const Expr *a, const Expr *b)
{
    assert(a->type == EXPR_INDEX && b->type == EXPR_INDEX);
    if (expr_is(b, 1) || a == b || expr_is(a, 0) || (b->kind == EXPR_integer && b->integer <= 0))
        return expr_integer(pool, 0);
    const Expr *known = pool_recall(pool, EXPR_modulus, a, b);
    return known ? known : pool_remember(pool, EXPR_modulus, a, b, modulus_of(pool, a, b));
}

const Expr *expr_round_up_quotient(ExprPool *pool, const Expr *a, const Expr *b)
{
    return expr_quotient(pool, expr_plus_integer(pool, expr_plus(pool, a, b), -1), b);
}
