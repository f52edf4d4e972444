/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known of an index whatever its axes and symbols are: an interval and a divisor, kept with
 * each node, and proofs of inequalities between symbolic indices.
 *
 * +-EXPR_LIMIT as a bound means "anything beyond". A proof of e >= 0 puts in the place of an atom
 * something that makes e smaller and has fewer axes, until an interval decides: of -i, i < N, the
 * least is 1 - N, which then meets an N elsewhere in the sum.
 */
#include "pool.h"

#include <assert.h>

typedef struct Range {
    int64_t lower, upper;
} Range;

static const Range everything = {-EXPR_LIMIT, EXPR_LIMIT};

static bool is_infinite(int64_t a)
{
    return a >= EXPR_LIMIT || a <= -EXPR_LIMIT;
}

static Range range_of(const Expr *e)
{
    return (Range){node_of(e)->lower, node_of(e)->upper};
}

static int64_t smallest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
static int64_t largest(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static Range range_union(Range a, Range b)
{
    return (Range){smallest(a.lower, b.lower), largest(a.upper, b.upper)};
}

static Range range_of_linear(const Expr *e)
{
    Range sum = {e->integer, e->integer};
    bool no_lower = is_infinite(e->integer), no_upper = no_lower;
    for (int i = 0; i < e->count; i++) {
        Range r = range_of(e->src[i]);
        int64_t f = e->factors[i];
        int64_t low = limited_multiply(f, f > 0 ? r.lower : r.upper);
        int64_t high = limited_multiply(f, f > 0 ? r.upper : r.lower);
        no_lower |= is_infinite(low);
        no_upper |= is_infinite(high);
        sum = (Range){limited_add(sum.lower, low), limited_add(sum.upper, high)};
        no_lower |= is_infinite(sum.lower);
        no_upper |= is_infinite(sum.upper);
    }
    return (Range){no_lower ? -EXPR_LIMIT : sum.lower, no_upper ? EXPR_LIMIT : sum.upper};
}

static Range range_of_times(Range a, Range b)
{
    int64_t corners[] = {limited_multiply(a.lower, b.lower), limited_multiply(a.lower, b.upper),
                         limited_multiply(a.upper, b.lower), limited_multiply(a.upper, b.upper)};
    Range result = {corners[0], corners[0]};
    for (int i = 1; i < 4; i++)
        result = range_union(result, (Range){corners[i], corners[i]});
    return result;
}

static Range range_of_quotient(Range a, Range b)
{
    int64_t least = largest(b.lower, 1), most = largest(b.upper, 1);
    Range result = everything;
    if (!is_infinite(a.lower))
        result.lower = floor_divide(a.lower, a.lower >= 0 ? most : least);
    if (!is_infinite(a.upper))
        result.upper = floor_divide(a.upper, a.upper >= 0 ? least : most);
    return result;
}

static Range range_of_modulus(Range a, Range b)
{
    int64_t upper = largest(b.upper, 1);
    upper = is_infinite(upper) ? upper : upper - 1;
    return (Range){0, a.lower >= 0 ? smallest(a.upper, upper) : upper};
}

static Range range_of_integer_value(const Expr *value)
{
    int bits = element_bits(value->type);
    if (value->type == TN_BOOL)
        return (Range){0, 1};
    if (element_kind(value->type) == ELEMENT_KIND_UNSIGNED)
        return (Range){0, bits < 62 ? (INT64_C(1) << bits) - 1 : EXPR_LIMIT};
    if (bits > 62)
        return everything;
    return (Range){-(INT64_C(1) << (bits - 1)), (INT64_C(1) << (bits - 1)) - 1};
}

static Range range_of_index(const Expr *e)
{
    switch ((int)e->kind) {
    case EXPR_integer: return (Range){e->integer, e->integer};
    case EXPR_symbol: {
        const Symbol *symbol = e->object;
        return (Range){symbol->lower, symbol->upper};
    }
    case EXPR_axis: {
        int64_t extent = node_of(((const Axis *)e->object)->extent)->upper;
        return (Range){0, is_infinite(extent) ? extent : largest(extent - 1, 0)};
    }
    case EXPR_linear: return range_of_linear(e);
    case EXPR_times: return range_of_times(range_of(e->src[0]), range_of(e->src[1]));
    case EXPR_quotient: return range_of_quotient(range_of(e->src[0]), range_of(e->src[1]));
    case EXPR_modulus: return range_of_modulus(range_of(e->src[0]), range_of(e->src[1]));
    case EXPR_larger: {
        Range a = range_of(e->src[0]), b = range_of(e->src[1]);
        return (Range){largest(a.lower, b.lower), largest(a.upper, b.upper)};
    }
    case EXPR_smaller: {
        Range a = range_of(e->src[0]), b = range_of(e->src[1]);
        return (Range){smallest(a.lower, b.lower), smallest(a.upper, b.upper)};
    }
    case EXPR_select: return range_union(range_of(e->src[1]), range_of(e->src[2]));
    case EXPR_to_index: return range_of_integer_value(e->src[0]);
    }
    return everything;
}

static int64_t multiple_of(const Expr *e)
{
    int64_t result;
    switch ((int)e->kind) {
    case EXPR_integer:
        return is_infinite(e->integer) ? 1 : e->integer < 0 ? -e->integer : e->integer;
    case EXPR_linear:
        result = e->integer;
        for (int i = 0; i < e->count; i++)
            result = greatest_common_divisor(
                result, limited_multiply(e->factors[i], node_of(e->src[i])->multiple));
        return is_infinite(result) ? 1 : result;
    case EXPR_times:
        result = limited_multiply(node_of(e->src[0])->multiple, node_of(e->src[1])->multiple);
        return is_infinite(result) ? 1 : result;
    case EXPR_modulus:
    case EXPR_larger:
    case EXPR_smaller:
        return greatest_common_divisor(node_of(e->src[0])->multiple, node_of(e->src[1])->multiple);
    case EXPR_select:
        return greatest_common_divisor(node_of(e->src[1])->multiple, node_of(e->src[2])->multiple);
    }
    return 1;
}

void node_measure(Node *node)
{
    Range range = range_of_index(&node->e);
    node->lower = range.lower;
    node->upper = range.upper;
    node->multiple = multiple_of(&node->e);
}

void expr_bounds(const Expr *e, int64_t *lower, int64_t *upper)
{
    assert(e->type == EXPR_INDEX);
    *lower = node_of(e)->lower;
    *upper = node_of(e)->upper;
}

bool expr_divisible(const Expr *e, int64_t by)
{
    assert(e->type == EXPR_INDEX && by > 0);
    return node_of(e)->multiple % by == 0;
}

/* ---- Proofs ------------------------------------------------------------------------------ */

static const Expr *replace_all(ExprPool *pool, const Expr *e, bool upward);

/* The extreme of a product of nonnegative factors is the product of the extremes. */
static const Expr *extreme_of_product(ExprPool *pool, const Expr *atom, bool upward);

/* Something with fewer axes that is never below the atom (upward) or never above it; or NULL. */
static const Expr *extreme_of(ExprPool *pool, const Expr *atom, bool upward)
{
    if (!node_of(atom)->symbolic)
        return NULL;
    switch ((int)atom->kind) {
    case EXPR_axis:
        return upward ? expr_plus_integer(pool, ((const Axis *)atom->object)->extent, -1)
                      : expr_integer(pool, 0);
    case EXPR_modulus:
        return upward ? expr_plus_integer(pool, atom->src[1], -1) : expr_integer(pool, 0);
    case EXPR_quotient: {
        const Expr *x = replace_all(pool, atom->src[0], upward);
        return x == atom->src[0] ? NULL : expr_quotient(pool, x, atom->src[1]);
    }
    case EXPR_times: return extreme_of_product(pool, atom, upward);
    }
    return NULL;
}

static const Expr *extreme_of_product(ExprPool *pool, const Expr *atom, bool upward)
{
    Product product;
    const Expr *result = expr_integer(pool, 1);
    bool changed = false;
    if (!product_of(atom, &product))
        return NULL;
    for (int i = 0; i < product.count; i++) {
        const Expr *factor = product.factors[i];
        if (node_of(factor)->lower < 0)
            return NULL;
        const Expr *end = extreme_of(pool, factor, upward);
        changed |= end != NULL;
        result = expr_times(pool, result, end ? end : factor);
    }
    return changed ? result : NULL;
}

/* All terms of a sum at their extremes. */
static const Expr *replace_all(ExprPool *pool, const Expr *e, bool upward)
{
    Terms terms;
    Sum sum;
    terms_of(e, &terms);
    sum_start(&sum, pool);
    sum.constant = terms.constant;
    for (int i = 0; i < terms.count; i++) {
        const Expr *end = extreme_of(pool, terms.atoms[i], upward == (terms.factors[i] > 0));
        sum_add(&sum, end ? end : terms.atoms[i], terms.factors[i]);
    }
    return sum_finish(&sum);
}

static bool prove(ExprPool *pool, const Expr *e, int *budget);

/* e with `by` in the place of factor * atom, which is not below factor * by. */
static bool prove_with(ExprPool *pool, const Expr *e, const Expr *atom, int64_t factor,
                       const Expr *by, int *budget)
{
    Sum sum;
    sum_start(&sum, pool);
    sum_add(&sum, e, 1);
    sum_add(&sum, atom, -factor);
    sum_add(&sum, by, factor);
    return prove(pool, sum_finish(&sum), budget);
}

/* Of a multiple m d of floor(x / d): m (x - d + 1) <= m d floor(x / d) <= m x. */
static bool prove_by_dividend(ExprPool *pool, const Expr *e, const Expr *atom, int64_t factor,
                              int *budget)
{
    int64_t divisor;
    if (atom->kind != EXPR_quotient || !expr_known(atom->src[1], &divisor) || factor % divisor)
        return false;
    Sum sum;
    sum_start(&sum, pool);
    sum_add(&sum, e, 1);
    sum_add(&sum, atom, -factor);
    sum_add(&sum, atom->src[0], factor / divisor);
    if (factor > 0)
        sum.constant = limited_add(sum.constant, limited_multiply(factor / divisor, 1 - divisor));
    return prove(pool, sum_finish(&sum), budget);
}

/* Terms that may be weakened in more than one way: a minimum, a maximum, a product of symbols. */
static bool prove_by_cases(ExprPool *pool, const Expr *e, const Expr *atom, int64_t factor,
                           int *budget)
{
    if (atom->kind == (factor < 0 ? EXPR_smaller : EXPR_larger))
        return prove_with(pool, e, atom, factor, atom->src[0], budget) ||
               prove_with(pool, e, atom, factor, atom->src[1], budget);
    if (atom->kind == (factor < 0 ? EXPR_larger : EXPR_smaller) || atom->kind == EXPR_select) {
        int first = atom->kind == EXPR_select;
        return prove_with(pool, e, atom, factor, atom->src[first], budget) &&
               prove_with(pool, e, atom, factor, atom->src[first + 1], budget);
    }
    if (prove_by_dividend(pool, e, atom, factor, budget))
        return true;
    Product product;
    if (factor < 0 || atom->kind != EXPR_times || node_of(atom)->lower < 0 ||
        !product_of(atom, &product))
        return false;
    for (int i = 0; i < product.count; i++) {
        Product others = product;
        int64_t least = node_of(product.factors[i])->lower;
        if (least < 1)
            continue;
        for (int j = i; j + 1 < product.count; j++)
            others.factors[j] = product.factors[j + 1];
        others.count--;
        const Expr *by = expr_scale(pool, product_build(pool, &others), least);
        if (node_of(by)->lower >= 0 && prove_with(pool, e, atom, factor, by, budget))
            return true;
    }
    return false;
}

static bool prove(ExprPool *pool, const Expr *e, int *budget)
{
    const Node *node = node_of(e);
    if (node->lower >= 0)
        return true;
    if (node->upper < 0 || !node->symbolic || --*budget < 0)
        return false;
    Terms terms;
    terms_of(e, &terms);
    for (int i = 0; i < terms.count; i++) {
        if (terms.factors[i] > 0)
            continue;
        const Expr *end = extreme_of(pool, terms.atoms[i], true);
        if (end)
            return prove_with(pool, e, terms.atoms[i], terms.factors[i], end, budget);
    }
    for (int i = 0; i < terms.count; i++)
        if (node_of(terms.atoms[i])->symbolic &&
            prove_by_cases(pool, e, terms.atoms[i], terms.factors[i], budget))
            return true;
    return false;
}

bool expr_is_nonnegative(ExprPool *pool, const Expr *e)
{
    int budget = 32;
    return prove(pool, e, &budget);
}

bool expr_is_below(ExprPool *pool, const Expr *a, const Expr *b)
{
    if (node_of(a)->upper < node_of(b)->lower)
        return true;
    if (a == b || node_of(a)->lower >= node_of(b)->upper)
        return false;
    Sum sum;
    sum_start(&sum, pool);
    sum_add(&sum, b, 1);
    sum_add(&sum, a, -1);
    sum.constant = limited_add(sum.constant, -1);
    return expr_is_nonnegative(pool, sum_finish(&sum));
}
