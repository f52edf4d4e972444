/* SPDX-License-Identifier: Apache-2.0
 *
 * A size that data decides has a bound from the operator that makes it (there are no more elements
 * that are not zero than there are elements), kept with its symbol, and one from its range (--max).
 * An expression over such sizes is bounded by putting the bounds in, where it grows with them.
 */
#include "codegen/artifact/capacity.h"

enum { DEEPEST = 16 }; /* bounds that speak of sizes that have bounds */

typedef struct Bounding {
    const Lowered *lowered;
    ExprPool *pool;
    int depth;
} Bounding;

static const Expr *at_most(Bounding *b, const Expr *e);

/* ---- What inputs decide ------------------------------------------------------------------ */

typedef struct EntryQuestion {
    const Lowered *lowered;
    bool answer;
} EntryQuestion;

static void look_at_symbol(void *user, const Expr *e)
{
    EntryQuestion *question = user;
    if (e->kind == EXPR_symbol)
        question->answer &= question->lowered->is_entry[((const Symbol *)e->object)->id];
}

bool size_is_of_inputs(const Lowered *lowered, const Expr *e)
{
    EntryQuestion question = {lowered, true};
    expr_walk(lowered->model->pool, e, look_at_symbol, &question);
    return question.answer;
}

/* ---- Bounds ------------------------------------------------------------------------------ */

/* A number, from ranges; NULL where they say nothing. */
static const Expr *highest(const Bounding *b, const Expr *e)
{
    int64_t lower, upper;
    expr_bounds(e, &lower, &upper);
    return upper < SIZE_LIMIT ? expr_integer(b->pool, upper) : NULL;
}

static const Expr *smaller_of(const Bounding *b, const Expr *x, const Expr *y)
{
    return !x ? y : !y ? x : expr_smaller(b->pool, x, y);
}

static const Expr *symbol_at_most(Bounding *b, const Expr *e)
{
    const Expr *limit = ((const Symbol *)e->object)->limit;
    if (!limit || b->depth == DEEPEST)
        return NULL;
    b->depth++;
    const Expr *bound = at_most(b, limit);
    b->depth--;
    return bound;
}

/* Terms that grow with their sizes; from others their least is taken. */
static const Expr *linear_at_most(Bounding *b, const Expr *e)
{
    const Expr *sum = expr_integer(b->pool, e->integer);
    for (int i = 0; i < e->count; i++) {
        int64_t lower, upper;
        expr_bounds(e->src[i], &lower, &upper);
        const Expr *bound = size_is_of_inputs(b->lowered, e->src[i]) ? e->src[i]
                            : e->factors[i] > 0                      ? at_most(b, e->src[i])
                            : lower > -SIZE_LIMIT                    ? expr_integer(b->pool, lower)
                                                                     : NULL;
        if (!bound)
            return NULL;
        sum = expr_plus(b->pool, sum, expr_scale(b->pool, bound, e->factors[i]));
    }
    return sum;
}

/* Of an operation that grows with each of its operands, none of which is negative. */
static const Expr *growing_at_most(Bounding *b, const Expr *e)
{
    const Expr *bounds[2];
    if (e->count != 2)
        return NULL;
    for (int i = 0; i < 2; i++) {
        int64_t lower, upper;
        expr_bounds(e->src[i], &lower, &upper);
        bounds[i] = at_most(b, e->src[i]);
        if (!bounds[i] || lower < 0)
            return NULL;
    }
    return expr_rebuild(b->pool, e, bounds);
}

static const Expr *quotient_at_most(Bounding *b, const Expr *e)
{
    const Expr *bound = at_most(b, e->src[0]);
    return bound && size_is_of_inputs(b->lowered, e->src[1])
               ? expr_quotient(b->pool, bound, e->src[1])
               : NULL;
}

static const Expr *at_most(Bounding *b, const Expr *e)
{
    const Expr *bound = NULL;
    if (size_is_of_inputs(b->lowered, e))
        return e;
    switch ((int)e->kind) {
    case EXPR_symbol: bound = symbol_at_most(b, e); break;
    case EXPR_linear: bound = linear_at_most(b, e); break;
    case EXPR_times:
    case EXPR_larger: bound = growing_at_most(b, e); break;
    case EXPR_smaller:
        for (int i = 0; i < e->count; i++)
            bound = smaller_of(b, bound, at_most(b, e->src[i]));
        break;
    case EXPR_quotient: bound = quotient_at_most(b, e); break;
    }
    return smaller_of(b, bound, highest(b, e));
}

const Expr *capacity_elements(const Lowered *lowered, const Type *type)
{
    Bounding b = {lowered, lowered->model->pool, 0};
    const Expr *elements = expr_integer(b.pool, 1);
    for (int d = 0; d < type->rank; d++) {
        const Expr *bound = at_most(&b, type->dims[d]);
        if (!bound)
            return NULL;
        bound = expr_larger(b.pool, expr_integer(b.pool, 0), bound);
        elements = expr_times(b.pool, elements, bound);
    }
    return elements;
}
