/* SPDX-License-Identifier: Apache-2.0
 *
 * The normal form of indices: sums of factor * atom + constant, sorted by the atoms (expr_order),
 * products distributed over sums, atoms of a product sorted. Two rules join divisions:
 *
 *     d * (x / d) + x % d  =  x            x - d * (x / d)  =  x % d
 */
#include "pool.h"

#include <assert.h>
#include <string.h>

enum { MAX_DISTRIBUTED = 256 };

/* ---- Numbers ----------------------------------------------------------------------------- */

static int64_t limit(int64_t a)
{
    return a > EXPR_LIMIT ? EXPR_LIMIT : a < -EXPR_LIMIT ? -EXPR_LIMIT : a;
}

int64_t limited_add(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return a < 0 ? -EXPR_LIMIT : EXPR_LIMIT;
    return limit(sum);
}

int64_t limited_multiply(int64_t a, int64_t b)
{
    int64_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return (a < 0) == (b < 0) ? EXPR_LIMIT : -EXPR_LIMIT;
    return limit(product);
}

int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t greatest_common_divisor(int64_t a, int64_t b)
{
    a = a < 0 ? -a : a;
    b = b < 0 ? -b : b;
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* ---- Sums -------------------------------------------------------------------------------- */

void sum_start(Sum *sum, ExprPool *pool)
{
    sum->pool = pool;
    sum->constant = 0;
    sum->count = 0;
    sum->capacity = COUNT_OF(sum->first_terms);
    sum->terms = sum->first_terms;
}

/* Where the atom is, or where it belongs. */
static int sum_find(const Sum *sum, const Expr *atom)
{
    int low = 0, high = sum->count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (expr_order(sum->terms[middle].atom, atom) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t sum_factor(const Sum *sum, const Expr *atom)
{
    int at = sum_find(sum, atom);
    return at < sum->count && sum->terms[at].atom == atom ? sum->terms[at].factor : 0;
}

static void sum_grow(Sum *sum)
{
    Term *terms = ARENA_ARRAY(sum->pool->arena, Term, sum->capacity * 2);
    memcpy(terms, sum->terms, (size_t)sum->count * sizeof *terms);
    sum->terms = terms;
    sum->capacity *= 2;
}

static void sum_add_atom(Sum *sum, const Expr *atom, int64_t factor)
{
    int at = sum_find(sum, atom);
    Term *term = &sum->terms[at];
    if (at < sum->count && term->atom == atom) {
        term->factor = limited_add(term->factor, factor);
        if (term->factor == 0)
            memmove(term, term + 1, (size_t)(--sum->count - at) * sizeof *term);
        return;
    }
    if (sum->count == sum->capacity) {
        sum_grow(sum);
        term = &sum->terms[at];
    }
    memmove(term + 1, term, (size_t)(sum->count++ - at) * sizeof *term);
    *term = (Term){atom, factor};
}

void sum_add(Sum *sum, const Expr *e, int64_t factor)
{
    assert(e->type == EXPR_INDEX);
    if (factor == 0)
        return;
    Terms terms;
    terms_of(e, &terms);
    sum->constant = limited_add(sum->constant, limited_multiply(factor, terms.constant));
    for (int i = 0; i < terms.count; i++)
        sum_add_atom(sum, terms.atoms[i], limited_multiply(factor, terms.factors[i]));
}

void terms_of(const Expr *e, Terms *terms)
{
    static const int64_t one = 1;
    if (e->kind == EXPR_integer || e->kind == EXPR_linear) {
        *terms = (Terms){e->count, e->integer, e->src, e->factors, {NULL}};
        return;
    }
    terms->count = 1;
    terms->constant = 0;
    terms->single[0] = e;
    terms->atoms = terms->single;
    terms->factors = &one;
}

/* Whether factor times each term of e is a term of the sum, constants aside. */
static bool sum_has(const Sum *sum, const Expr *e, int64_t factor)
{
    Terms terms;
    terms_of(e, &terms);
    for (int i = 0; i < terms.count; i++)
        if (sum_factor(sum, terms.atoms[i]) != limited_multiply(factor, terms.factors[i]))
            return false;
    return terms.count > 0;
}

/* d * (x / d) + x % d = x */
static bool join_modulus(Sum *sum, const Expr *modulus, int64_t factor)
{
    const Expr *x = modulus->src[0], *d = modulus->src[1];
    const Expr *whole = expr_times(sum->pool, expr_quotient(sum->pool, x, d), d);
    if (!sum_has(sum, whole, factor))
        return false;
    sum_add(sum, whole, -factor);
    sum_add(sum, modulus, -factor);
    sum_add(sum, x, factor);
    return true;
}

/* x - d * (x / d) = x % d, for a number d */
static bool join_quotient(Sum *sum, const Expr *quotient, int64_t factor)
{
    int64_t d;
    const Expr *x = quotient->src[0];
    if (!expr_known(quotient->src[1], &d) || factor % d != 0 || !sum_has(sum, x, -factor / d))
        return false;
    const Expr *rest = expr_modulus(sum->pool, x, quotient->src[1]);
    sum_add(sum, quotient, -factor);
    sum_add(sum, x, factor / d);
    sum_add(sum, rest, -factor / d);
    return true;
}

static bool join_divisions(Sum *sum)
{
    for (int i = 0; i < sum->count && sum->count > 1; i++) {
        Term term = sum->terms[i];
        if (term.atom->kind == EXPR_modulus && join_modulus(sum, term.atom, term.factor))
            return true;
        if (term.atom->kind == EXPR_quotient && join_quotient(sum, term.atom, term.factor))
            return true;
    }
    return false;
}

const Expr *sum_finish(Sum *sum)
{
    while (join_divisions(sum))
        ;
    if (sum->count == 0)
        return expr_integer(sum->pool, sum->constant);
    if (sum->count == 1 && sum->terms[0].factor == 1 && sum->constant == 0)
        return sum->terms[0].atom;
    const Expr *local_atoms[32], **atoms = local_atoms;
    int64_t local_factors[32], *factors = local_factors;
    if (sum->count > (int)COUNT_OF(local_atoms)) {
        atoms = ARENA_ARRAY(sum->pool->arena, const Expr *, sum->count);
        factors = ARENA_ARRAY(sum->pool->arena, int64_t, sum->count);
    }
    for (int i = 0; i < sum->count; i++) {
        atoms[i] = sum->terms[i].atom;
        factors[i] = sum->terms[i].factor;
    }
    return pool_intern(sum->pool, &(Expr){.kind = EXPR_linear,
                                          .count = sum->count,
                                          .src = atoms,
                                          .factors = factors,
                                          .integer = sum->constant});
}

const Expr *expr_plus(ExprPool *pool, const Expr *a, const Expr *b)
{
    if (expr_is(a, 0))
        return b;
    if (expr_is(b, 0))
        return a;
    Sum sum;
    sum_start(&sum, pool);
    sum_add(&sum, a, 1);
    sum_add(&sum, b, 1);
    return sum_finish(&sum);
}

const Expr *expr_plus_integer(ExprPool *pool, const Expr *a, int64_t b)
{
    Sum sum;
    if (b == 0)
        return a;
    sum_start(&sum, pool);
    sum_add(&sum, a, 1);
    sum.constant = limited_add(sum.constant, b);
    return sum_finish(&sum);
}

const Expr *expr_minus(ExprPool *pool, const Expr *a, const Expr *b)
{
    Sum sum;
    if (expr_is(b, 0))
        return a;
    sum_start(&sum, pool);
    sum_add(&sum, a, 1);
    sum_add(&sum, b, -1);
    return sum_finish(&sum);
}

const Expr *expr_scale(ExprPool *pool, const Expr *a, int64_t factor)
{
    Sum sum;
    if (factor == 1)
        return a;
    sum_start(&sum, pool);
    sum_add(&sum, a, factor);
    return sum_finish(&sum);
}

/* ---- Products ---------------------------------------------------------------------------- */

bool product_of(const Expr *atom, Product *product)
{
    product->count = 0;
    while (atom->kind == EXPR_times) { /* built from the left */
        if (product->count == MAX_FACTORS - 1)
            return false;
        product->factors[product->count++] = atom->src[1];
        atom = atom->src[0];
    }
    product->factors[product->count++] = atom;
    for (int i = 0, j = product->count - 1; i < j; i++, j--) {
        const Expr *other = product->factors[i];
        product->factors[i] = product->factors[j];
        product->factors[j] = other;
    }
    return true;
}

const Expr *product_build(ExprPool *pool, const Product *product)
{
    if (product->count == 0)
        return expr_integer(pool, 1);
    const Expr *result = product->factors[0];
    for (int i = 1; i < product->count; i++) {
        const Expr *src[] = {result, product->factors[i]};
        result = pool_intern(pool, &(Expr){.kind = EXPR_times, .count = 2, .src = src});
    }
    return result;
}

/* Of two atoms. */
static const Expr *multiply_atoms(ExprPool *pool, const Expr *a, const Expr *b)
{
    Product left, right, both = {0};
    if (!product_of(a, &left) || !product_of(b, &right) || left.count + right.count > MAX_FACTORS) {
        expr_sort(&a, &b);
        const Expr *src[] = {a, b};
        return pool_intern(pool, &(Expr){.kind = EXPR_times, .count = 2, .src = src});
    }
    for (int i = 0, j = 0; i < left.count || j < right.count;) {
        bool from_left = j == right.count ||
                         (i < left.count && expr_order(left.factors[i], right.factors[j]) <= 0);
        both.factors[both.count++] = from_left ? left.factors[i++] : right.factors[j++];
    }
    return product_build(pool, &both);
}

const Expr *expr_times(ExprPool *pool, const Expr *a, const Expr *b)
{
    assert(a->type == EXPR_INDEX && b->type == EXPR_INDEX);
    if (a->kind == EXPR_integer)
        return expr_scale(pool, b, a->integer);
    if (b->kind == EXPR_integer)
        return expr_scale(pool, a, b->integer);
    Terms left, right;
    terms_of(a, &left);
    terms_of(b, &right);
    if (left.count * right.count > MAX_DISTRIBUTED)
        return multiply_atoms(pool, a, b);
    if (a->kind != EXPR_linear && b->kind != EXPR_linear)
        return multiply_atoms(pool, a, b);
    Sum sum;
    sum_start(&sum, pool);
    sum_add(&sum, a, right.constant);
    sum_add(&sum, b, left.constant);
    sum.constant = limited_multiply(left.constant, right.constant);
    for (int i = 0; i < left.count; i++)
        for (int j = 0; j < right.count; j++)
            sum_add(&sum, multiply_atoms(pool, left.atoms[i], right.atoms[j]),
                    limited_multiply(left.factors[i], right.factors[j]));
    return sum_finish(&sum);
}
