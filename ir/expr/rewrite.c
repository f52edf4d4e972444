/* SPDX-License-Identifier: Apache-2.0
 *
 * Rewriting, walking and evaluating. Each distinct node is visited once, with a stack of its own:
 * neither the number of paths through a DAG nor its depth matters.
 */
#include "pool.h"

#include <assert.h>
#include <stdlib.h>

/* ---- Rebuilding -------------------------------------------------------------------------- */

static const Expr *rebuild_linear(ExprPool *pool, const Expr *e, const Expr *const *src)
{
    Sum sum;
    sum_start(&sum, pool);
    sum.constant = e->integer;
    for (int i = 0; i < e->count; i++)
        sum_add(&sum, src[i], e->factors[i]);
    return sum_finish(&sum);
}

const Expr *expr_rebuild(ExprPool *pool, const Expr *e, const Expr *const *src)
{
    switch (e->kind) {
    case EXPR_integer:
    case EXPR_symbol:
    case EXPR_axis:
    case EXPR_constant: return e;
    case EXPR_linear: return rebuild_linear(pool, e, src);
    case EXPR_times: return expr_times(pool, src[0], src[1]);
    case EXPR_quotient: return expr_quotient(pool, src[0], src[1]);
    case EXPR_modulus: return expr_modulus(pool, src[0], src[1]);
    case EXPR_larger: return expr_larger(pool, src[0], src[1]);
    case EXPR_smaller: return expr_smaller(pool, src[0], src[1]);
    case EXPR_to_index: return expr_to_index(pool, src[0]);
    case EXPR_from_index: return expr_from_index(pool, e->type, src[0]);
    case EXPR_convert: return expr_convert_with(pool, e->type, src[0], e->integer);
    case EXPR_bitcast: return expr_bitcast(pool, e->type, src[0]);
    case EXPR_load:
        return e->has_fill ? expr_load_or(pool, e->object, src, src[e->count - 1])
                           : expr_load(pool, e->object, src);
    case EXPR_fetch:
        return expr_fetch(pool, e->object, src[0], e->has_fill ? src[1] : NULL,
                          e->has_fill ? src[2] : NULL);
    case EXPR_cell:
        return expr_cell(pool, e->object, src[0]);
        /* clang-format off */
#define UNARY(name, cost, floats, integers)                                                              \
    case EXPR_##name: return expr_unary(pool, e->kind, src[0]);
#define BINARY(name, cost, floats, integers)                                                             \
    case EXPR_##name: return expr_binary(pool, e->kind, src[0], src[1]);
#define COMPARE(name, meaning)                                                                     \
    case EXPR_##name: return expr_compare(pool, e->kind, src[0], src[1]);
#include "expr.def"
    /* clang-format on */
    case EXPR_fma: return expr_fma(pool, src[0], src[1], src[2]);
    case EXPR_select: return expr_select(pool, src[0], src[1], src[2]);
    case EXPR_dot4: return expr_dot4(pool, src[0], src[1], src[2]);
    case EXPR_across_sum:
    case EXPR_across_max:
    case EXPR_across_min: return expr_across(pool, e->kind, src[0]);
    case EXPR_KIND_COUNT: break;
    }
    assert(!"no such kind");
    return e;
}

/* ---- Memory of a traversal --------------------------------------------------------------- */

static Memo *memo_enter(ExprPool *pool)
{
    assert(pool->depth < MEMO_DEPTH);
    Memo *memo = &pool->memos[pool->depth++];
    memo->stack.count = 0;
    memo->used = 0;
    memo->generation++;
    return memo;
}

static void memo_leave(ExprPool *pool)
{
    pool->depth--;
}

static MemoSlot *memo_slot(const Memo *memo, int id)
{
    uint64_t mask = (uint64_t)memo->slot_count - 1;
    uint64_t at = (uint64_t)id * UINT64_C(0x9e3779b97f4a7c15) >> 20 & mask;
    while (memo->slots[at].generation == memo->generation && memo->slots[at].id != id)
        at = (at + 1) & mask;
    return &memo->slots[at];
}

static const Expr *memo_get(const Memo *memo, const Expr *e)
{
    if (!memo->slot_count)
        return NULL;
    const MemoSlot *slot = memo_slot(memo, e->id);
    return slot->generation == memo->generation ? slot->result : NULL;
}

static void memo_grow(ExprPool *pool, Memo *memo)
{
    MemoSlot *old = memo->slots;
    int64_t old_count = memo->slot_count;
    memo->slot_count = old_count ? old_count * 4 : 256;
    memo->slots = ARENA_ARRAY(pool->arena, MemoSlot, memo->slot_count);
    for (int64_t i = 0; i < old_count; i++)
        if (old[i].generation == memo->generation)
            *memo_slot(memo, old[i].id) = old[i];
}

static void memo_set(ExprPool *pool, Memo *memo, const Expr *e, const Expr *result)
{
    if (2 * (memo->used + 1) > memo->slot_count)
        memo_grow(pool, memo);
    *memo_slot(memo, e->id) = (MemoSlot){e->id, memo->generation, result};
    memo->used++;
}

/* ---- Traversal --------------------------------------------------------------------------- */

typedef struct Rewrite {
    ExprPool *pool;
    ExprVisitor *visit;
    void *user;
    bool (*concerns)(const void *user, const Expr *e); /* NULL: all; else what is not is kept */
} Rewrite;

static const Expr *rebuild_from_memo(const Rewrite *rewrite, Memo *memo, const Expr *e)
{
    bool changed = false;
    memo->operands.count = 0;
    for (int i = 0; i < e->count; i++) {
        const Expr *operand = memo_get(memo, e->src[i]);
        operand = operand ? operand : e->src[i]; /* it was not concerned */
        changed |= operand != e->src[i];
        array_push(rewrite->pool->arena, &memo->operands, operand);
    }
    return changed ? expr_rebuild(rewrite->pool, e, memo->operands.items) : e;
}

static bool is_wanted(const Rewrite *rewrite, const Memo *memo, const Expr *e)
{
    return (!rewrite->concerns || rewrite->concerns(rewrite->user, e)) && !memo_get(memo, e);
}

static const Expr *run(const Rewrite *rewrite, const Expr *root)
{
    ExprPool *pool = rewrite->pool;
    if (rewrite->concerns && !rewrite->concerns(rewrite->user, root))
        return root;
    Memo *memo = memo_enter(pool);
    array_push(pool->arena, &memo->stack, (Frame){root, 0});
    while (memo->stack.count) {
        Frame *top = &memo->stack.items[memo->stack.count - 1];
        const Expr *e = top->e;
        if (top->next < e->count) {
            const Expr *operand = e->src[top->next++];
            if (is_wanted(rewrite, memo, operand))
                array_push(pool->arena, &memo->stack, (Frame){operand, 0});
            continue;
        }
        memo->stack.count--;
        if (!memo_get(memo, e))
            memo_set(pool, memo, e,
                     rewrite->visit(rewrite->user, rebuild_from_memo(rewrite, memo, e)));
    }
    const Expr *result = memo_get(memo, root);
    memo_leave(pool);
    return result;
}

const Expr *expr_rewrite(ExprPool *pool, const Expr *e, ExprVisitor *visit, void *user)
{
    return run(&(Rewrite){pool, visit, user, NULL}, e);
}

typedef struct Substitution {
    const void *object; /* Axis or Symbol */
    int id;
    const Expr *by;
} Substitution;

static const Expr *substitute(void *user, const Expr *e)
{
    const Substitution *s = user;
    bool is_leaf = e->kind == EXPR_axis || e->kind == EXPR_symbol;
    return is_leaf && e->object == s->object ? s->by : e;
}

static bool has_axis(const void *user, const Expr *e)
{
    return set_contains(node_of(e)->axes, ((const Substitution *)user)->id);
}

static bool has_symbol(const void *user, const Expr *e)
{
    return set_contains(node_of(e)->symbols, ((const Substitution *)user)->id);
}

const Expr *expr_substitute(ExprPool *pool, const Expr *e, const Axis *axis, const Expr *by)
{
    Substitution s = {axis, axis->id, by};
    return run(&(Rewrite){pool, substitute, &s, has_axis}, e);
}

const Expr *expr_substitute_symbol(ExprPool *pool, const Expr *e, const Symbol *symbol,
                                   const Expr *by)
{
    Substitution s = {symbol, symbol->id, by};
    return run(&(Rewrite){pool, substitute, &s, has_symbol}, e);
}

void expr_walk(ExprPool *pool, const Expr *root, void (*visit)(void *user, const Expr *e),
               void *user)
{
    Memo *memo = memo_enter(pool);
    array_push(pool->arena, &memo->stack, (Frame){root, 0});
    while (memo->stack.count) {
        Frame *top = &memo->stack.items[memo->stack.count - 1];
        const Expr *e = top->e;
        if (top->next < e->count) {
            const Expr *operand = e->src[top->next++];
            if (!memo_get(memo, operand))
                array_push(pool->arena, &memo->stack, (Frame){operand, 0});
            continue;
        }
        memo->stack.count--;
        if (!memo_get(memo, e)) {
            memo_set(pool, memo, e, e);
            visit(user, e);
        }
    }
    memo_leave(pool);
}

bool expr_split_symbol(ExprPool *pool, const Expr *e, const Symbol *symbol, int64_t *factor,
                       const Expr **rest)
{
    *rest = expr_substitute_symbol(pool, e, symbol, expr_integer(pool, 0));
    const Expr *product = expr_minus(pool, e, *rest);
    bool is_linear = product->kind == EXPR_linear && product->count == 1 && !product->integer;
    const Expr *atom = is_linear ? product->src[0] : product;
    *factor = is_linear ? product->factors[0] : 1;
    return atom->kind == EXPR_symbol && atom->object == symbol;
}

/* ---- Questions --------------------------------------------------------------------------- */

int64_t expr_coefficient(const Expr *e, const Axis *axis)
{
    Terms terms;
    terms_of(e, &terms);
    for (int i = 0; i < terms.count; i++)
        if (terms.atoms[i]->kind == EXPR_axis && terms.atoms[i]->object == axis)
            return terms.factors[i];
    return 0;
}

bool expr_contains_axis(const Expr *e, const Axis *axis)
{
    return set_contains(node_of(e)->axes, axis->id);
}

bool expr_contains_kind(const Expr *e, ExprKind kind)
{
    return node_of(e)->kinds[kind / 64] >> kind % 64 & 1;
}

/* ---- Evaluation -------------------------------------------------------------------------- */

enum { LARGEST_TREE = 4096 }; /* written out as a tree, where remembering does not pay */

typedef struct Evaluation {
    const int64_t *sizes;
    int64_t *results; /* by id; or NULL: nothing is remembered */
    bool *is_done;
} Evaluation;

static int64_t evaluate(const Evaluation *evaluation, const Expr *e);

static bool evaluate_condition(const Evaluation *evaluation, const Expr *e)
{
    const Expr *a = e->count > 0 ? e->src[0] : NULL, *b = e->count > 1 ? e->src[1] : NULL;
    switch ((int)e->kind) {
    case EXPR_constant: return e->bits != 0;
    case EXPR_not: return !evaluate_condition(evaluation, a);
    case EXPR_and: return evaluate_condition(evaluation, a) && evaluate_condition(evaluation, b);
    case EXPR_or: return evaluate_condition(evaluation, a) || evaluate_condition(evaluation, b);
    case EXPR_less: return evaluate(evaluation, a) < evaluate(evaluation, b);
    case EXPR_equal: return evaluate(evaluation, a) == evaluate(evaluation, b);
    case EXPR_not_equal: return evaluate(evaluation, a) != evaluate(evaluation, b);
    }
    assert(!"a condition on sizes");
    return false;
}

static int64_t evaluate_node(const Evaluation *evaluation, const Expr *e)
{
    switch ((int)e->kind) {
    case EXPR_integer: return e->integer;
    case EXPR_symbol: return evaluation->sizes[((const Symbol *)e->object)->id];
    case EXPR_select:
        return evaluate(evaluation, e->src[evaluate_condition(evaluation, e->src[0]) ? 1 : 2]);
    case EXPR_linear: {
        int64_t sum = e->integer;
        for (int i = 0; i < e->count; i++)
            sum =
                limited_add(sum, limited_multiply(e->factors[i], evaluate(evaluation, e->src[i])));
        return sum;
    }
    }
    assert(e->count == 2 && e->type == EXPR_INDEX);
    int64_t a = evaluate(evaluation, e->src[0]), b = evaluate(evaluation, e->src[1]);
    switch ((int)e->kind) {
    case EXPR_times: return limited_multiply(a, b);
    case EXPR_quotient: return b > 0 ? floor_divide(a, b) : 0;
    case EXPR_modulus: return b > 0 ? a - floor_divide(a, b) * b : 0;
    case EXPR_larger: return a > b ? a : b;
    case EXPR_smaller: return a < b ? a : b;
    }
    assert(!"an index without axes and loads");
    return 0;
}

static int64_t evaluate(const Evaluation *evaluation, const Expr *e)
{
    if (!evaluation->results)
        return evaluate_node(evaluation, e);
    if (!evaluation->is_done[e->id]) {
        evaluation->results[e->id] = evaluate_node(evaluation, e);
        evaluation->is_done[e->id] = true;
    }
    return evaluation->results[e->id];
}

int64_t expr_evaluate(const Expr *e, const int64_t *sizes)
{
    Evaluation evaluation = {.sizes = sizes};
    if (node_of(e)->tree_size > LARGEST_TREE) {
        evaluation.results = malloc(((size_t)e->id + 1) * sizeof *evaluation.results);
        evaluation.is_done = calloc((size_t)e->id + 1, sizeof *evaluation.is_done);
        if (!evaluation.is_done) { /* slower without */
            free(evaluation.results);
            evaluation.results = NULL;
        }
    }
    int64_t result = evaluate(&evaluation, e);
    free(evaluation.results);
    free(evaluation.is_done);
    return result;
}

double expr_estimate(ExprPool *pool, const Expr *e)
{
    int64_t known;
    if (expr_known(e, &known))
        return (double)known;
    int count = expr_pool_symbol_count(pool);
    int64_t *sizes = ARENA_ARRAY(expr_pool_arena(pool), int64_t, count + 1);
    for (int i = 0; i < count; i++) {
        const Symbol *symbol = expr_pool_symbol(pool, i);
        int64_t least = symbol->lower > SIZE_GUESS ? symbol->lower : SIZE_GUESS;
        sizes[i] = symbol->upper < least ? symbol->upper : least;
    }
    int64_t value = expr_evaluate(e, sizes);
    return value > 0 ? (double)value : 0;
}
