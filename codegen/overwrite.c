/* SPDX-License-Identifier: Apache-2.0
 *
 * See overwrite.h.
 */
#include "codegen/overwrite.h"

#include "codegen/schedule.h"

enum { MOST_LOOPS = 24, MOST_ACCESSES = 96, MOST_LIMITS = 8 };

/* index < extent, from a branch that an access stands in: an axis, or a sum of axes. */
typedef struct Limit {
    const Expr *index, *extent;
} Limit;

typedef struct Access {
    const Expr *offset; /* elements */
    bool is_store;
    int order; /* of its statement */
    int loop_count, limit_count;
    const Nest *loops[MOST_LOOPS]; /* outermost first */
    Limit limits[MOST_LIMITS];
    const Axis *fixed; /* has its last value alone here: the rest after whole tiles; or NULL */
} Access;

typedef struct Search {
    ExprPool *pool;
    const Function *function;
    const Tensor *result;
    const bool *is_operand; /* by slot */
    int slot_count;
    bool failed;
    int order, count;
    Access here; /* the loops and limits of the statement under way */
    Access accesses[MOST_ACCESSES];
} Search;

static bool is_operand(const Search *s, const Tensor *tensor)
{
    return tensor->slot >= 0 && tensor->slot < s->slot_count && s->is_operand[tensor->slot];
}

/* ---- Accesses of a nest ------------------------------------------------------------------ */

static void add_access(Search *s, const Expr *offset, bool is_store)
{
    if (s->count == MOST_ACCESSES) {
        s->failed = true;
        return;
    }
    Access *access = &s->accesses[s->count++];
    *access = s->here;
    access->offset = offset;
    access->is_store = is_store;
    access->order = s->order;
}

static void look(void *user, const Expr *e)
{
    Search *s = user;
    if (e->kind != EXPR_fetch && e->kind != EXPR_load)
        return;
    const Tensor *tensor = e->object;
    if (!is_operand(s, tensor))
        return;
    if (e->kind == EXPR_fetch)
        add_access(s, e->src[0], false);
    else
        s->failed = true;
}

static void look_into(Search *s, const Expr *e)
{
    if (e)
        expr_walk(s->pool, e, look, s);
}

/* index < a size, and conjunctions of such. */
static void add_limits(Search *s, const Expr *condition)
{
    if (condition->kind == EXPR_and) {
        add_limits(s, condition->src[0]);
        add_limits(s, condition->src[1]);
    }
    if (condition->kind != EXPR_less || condition->src[0]->type != EXPR_INDEX ||
        expr_contains_kind(condition->src[1], EXPR_axis) || s->here.limit_count == MOST_LIMITS)
        return;
    s->here.limits[s->here.limit_count++] = (Limit){condition->src[0], condition->src[1]};
}

static void walk(Search *s, const Nest *nest);

static void walk_loop(Search *s, const Nest *nest)
{
    if (s->here.loop_count == MOST_LOOPS) {
        s->failed = true;
        return;
    }
    s->here.loops[s->here.loop_count++] = nest;
    walk(s, nest->body);
    s->here.loop_count--;
}

/* The axis of "axis < extent - 1", which is at its last value where that does not hold. */
static const Axis *fixed_otherwise(ExprPool *pool, const Expr *condition)
{
    if (condition->kind != EXPR_less || condition->src[0]->kind != EXPR_axis)
        return NULL;
    const Axis *axis = condition->src[0]->object;
    return expr_plus_integer(pool, condition->src[1], 1) == axis->extent ? axis : NULL;
}

static void walk_branch(Search *s, const Nest *nest)
{
    int limits = s->here.limit_count;
    const Axis *fixed = s->here.fixed;
    look_into(s, nest->condition);
    add_limits(s, nest->condition);
    walk(s, nest->body);
    s->here.limit_count = limits;
    if (!fixed)
        s->here.fixed = fixed_otherwise(s->pool, nest->condition);
    walk(s, nest->otherwise);
    s->here.fixed = fixed;
}

static void walk_store(Search *s, const Nest *nest)
{
    int limits = s->here.limit_count;
    if (nest->condition)
        add_limits(s, nest->condition);
    if (nest->tensor == s->result)
        add_access(s, nest->index, true);
    s->here.limit_count = limits;
}

static void walk(Search *s, const Nest *nest)
{
    for (; nest && !s->failed; nest = nest->next) {
        s->order++;
        if (nest->kind == NEST_for) {
            walk_loop(s, nest);
        } else if (nest->kind == NEST_if) {
            walk_branch(s, nest);
        } else if (nest->kind != NEST_prefetch) {
            look_into(s, nest->condition);
            look_into(s, nest->index);
            look_into(s, nest->value);
            if (nest->kind == NEST_store)
                walk_store(s, nest);
        }
    }
}

/* ---- Where an access goes ---------------------------------------------------------------- */

static bool holds(const Expr *condition)
{
    return condition->kind == EXPR_constant && condition->bits;
}

static bool is_less(ExprPool *pool, const Expr *a, const Expr *b)
{
    return holds(expr_compare(pool, EXPR_less, a, b));
}

/* How many values the axis has where the access is done, at the most. */
static const Expr *extent_of(ExprPool *pool, const Access *access, const Axis *axis)
{
    const Expr *extent = axis->extent;
    for (int i = 0; i < access->limit_count; i++)
        if (access->limits[i].index == expr_axis(pool, axis))
            extent = expr_smaller(pool, extent, access->limits[i].extent);
    return extent;
}

/* first .. last: the memory of an access in one iteration of the loops around it and another. */
typedef struct Range {
    const Expr *first, *last;
} Range;

/* What the offset grows by with the axis: a size; or NULL. */
static const Expr *step_of(ExprPool *pool, const Access *access, const Axis *axis)
{
    const Expr *step = index_step(pool, access->offset, axis);
    return step && !expr_contains_kind(step, EXPR_axis) ? step : NULL;
}

static bool extend(ExprPool *pool, const Access *access, const Axis *axis, Range *range)
{
    const Expr *step = step_of(pool, access, axis), *zero = expr_integer(pool, 0);
    int64_t lower = 0, upper;
    if (step)
        expr_bounds(step, &lower, &upper);
    if (!step || lower < 0)
        return false;
    const Expr *most = expr_plus_integer(pool, extent_of(pool, access, axis), -1);
    range->first = expr_substitute(pool, range->first, axis, zero);
    range->last = expr_plus(pool, expr_substitute(pool, range->last, axis, zero),
                            expr_times(pool, step, most));
    return true;
}

/* Digits of an offset, as far as they are in a span. */
typedef struct Digits {
    const Axis *axes[MOST_LOOPS + 1];
    const Expr *extents[MOST_LOOPS + 1];
    int count;
} Digits;

static void add_digit(Digits *digits, const Axis *axis, const Expr *extent)
{
    if (digits->count < (int)COUNT_OF(digits->axes)) {
        digits->axes[digits->count] = axis;
        digits->extents[digits->count++] = extent;
    }
}

static bool has_limit(const Access *access, const Limit *limit)
{
    for (int i = 0; i < access->limit_count; i++)
        if (access->limits[i].index == limit->index && access->limits[i].extent == limit->extent)
            return true;
    return false;
}

/* How much less than its axes allow the sum of a limit is: its terms must be digits of both
 * offsets. NULL if they are not. */
static const Expr *excess_of(const Search *s, const Access *a, const Access *b,
                             const Digits *digits, const Limit *limit)
{
    ExprPool *pool = s->pool;
    const Expr *zero = expr_integer(pool, 0), *rest = limit->index, *most = zero;
    int count = 0;
    for (int i = 0; i < digits->count; i++) {
        const Expr *step = index_step(pool, limit->index, digits->axes[i]);
        if (!step)
            return NULL;
        if (expr_is(step, 0))
            continue;
        if (step != step_of(pool, a, digits->axes[i]) || step != step_of(pool, b, digits->axes[i]))
            return NULL;
        rest = expr_substitute(pool, rest, digits->axes[i], zero);
        most = expr_plus(pool, most,
                         expr_times(pool, step, expr_plus_integer(pool, digits->extents[i], -1)));
        count++;
    }
    const Expr *excess = expr_minus(pool, most, expr_plus_integer(pool, limit->extent, -1));
    return count > 1 && expr_is(rest, 0) && is_less(pool, zero, excess) ? excess : NULL;
}

/* The lanes and the loops from number `common` on. */
static void inner_digits(const Search *s, const Access *access, int common, Digits *digits)
{
    digits->count = 0;
    for (int i = common; i < access->loop_count; i++)
        add_digit(digits, access->loops[i]->axis,
                  extent_of(s->pool, access, access->loops[i]->axis));
    if (s->function->lane)
        add_digit(digits, s->function->lane, extent_of(s->pool, access, s->function->lane));
}

/* Takes off a span what limits on sums say cannot be; each of them once. */
static const Expr *cap_span(const Search *s, const Access *a, const Access *b, const Digits *digits,
                            bool *is_used, const Expr *span)
{
    for (int i = 0; i < a->limit_count; i++) {
        const Expr *excess = is_used[i] || !has_limit(b, &a->limits[i])
                                 ? NULL
                                 : excess_of(s, a, b, digits, &a->limits[i]);
        if (!excess)
            continue;
        span = expr_minus(s->pool, span, excess);
        is_used[i] = true;
    }
    return span;
}

/* Over the lanes and the loops from number `common` on; the axes of those before are 0. */
static bool range_of(const Search *s, const Access *access, int common, Range *range)
{
    ExprPool *pool = s->pool;
    *range = (Range){access->offset, access->offset};
    for (int i = common; i < access->loop_count; i++)
        if (!extend(pool, access, access->loops[i]->axis, range))
            return false;
    if (s->function->lane && !extend(pool, access, s->function->lane, range))
        return false;
    Digits digits;
    bool is_used[MOST_LIMITS] = {false};
    inner_digits(s, access, common, &digits);
    range->last = cap_span(s, access, access, &digits, is_used, range->last);
    for (int i = 0; i < common; i++) {
        const Expr *zero = expr_integer(pool, 0);
        range->first = expr_substitute(pool, range->first, access->loops[i]->axis, zero);
        range->last = expr_substitute(pool, range->last, access->loops[i]->axis, zero);
    }
    return true;
}

/* ---- Pairs ------------------------------------------------------------------------------- */

/* Whether different iterations of the common loops touch different memory: `span` is what lies
 * between the lowest and the highest element of one. */
static bool iterations_are_apart(const Search *s, const Access *a, const Access *b, int common,
                                 const Expr *span)
{
    ExprPool *pool = s->pool;
    const Axis *axes[MOST_LOOPS];
    const Expr *steps[MOST_LOOPS];
    Digits digits;
    bool is_used[MOST_LIMITS] = {false};
    int count = 0;
    inner_digits(s, a, common, &digits);
    cap_span(s, a, b, &digits, is_used, span); /* of what is inside, range_of() did */
    for (int i = 0; i < common; i++) {
        const Axis *axis = a->loops[i]->axis;
        if (expr_is(axis->extent, 1) || (a->fixed == axis && b->fixed == axis))
            continue;
        axes[count] = axis;
        steps[count] = step_of(pool, a, axis);
        if (!steps[count] || steps[count] != step_of(pool, b, axis))
            return false;
        count++;
    }
    while (count > 0) {
        int next = 0; /* the smallest step */
        for (int i = 1; i < count; i++)
            if (is_less(pool, steps[i], steps[next]))
                next = i;
        if (!is_less(pool, span, steps[next]))
            return false;
        const Expr *most = expr_plus_integer(pool, axes[next]->extent, -1);
        span = expr_plus(pool, span, expr_times(pool, steps[next], most));
        add_digit(&digits, axes[next], axes[next]->extent);
        span = cap_span(s, a, b, &digits, is_used, span);
        count--;
        axes[next] = axes[count];
        steps[next] = steps[count];
    }
    return true;
}

static int common_loops(const Access *a, const Access *b)
{
    int common = 0;
    while (common < a->loop_count && common < b->loop_count && a->loops[common] == b->loops[common])
        common++;
    return common;
}

/* Whether all loops that threads share are among the first `common` ones. */
static bool has_parallel(const Search *s, const Access *access, int common)
{
    int shared = (s->function->parallel != NULL) + (s->function->parallel_inner != NULL);
    for (int i = 0; i < common; i++)
        shared -= access->loops[i]->loop == LOOP_parallel;
    return shared <= 0;
}

/* With the first `common` loops taken as common, and all others as inside. */
static bool pair_is_safe_in(const Search *s, const Access *fetch, const Access *store, int common,
                            bool fetch_is_first)
{
    ExprPool *pool = s->pool;
    Range read, written;
    if (!range_of(s, fetch, common, &read) || !range_of(s, store, common, &written))
        return false;
    if (!fetch_is_first && !is_less(pool, read.last, written.first) &&
        !is_less(pool, written.last, read.first))
        return false;
    const Expr *span = expr_minus(pool, expr_larger(pool, read.last, written.last),
                                  expr_smaller(pool, read.first, written.first));
    return iterations_are_apart(s, fetch, store, common, span);
}

static bool pair_is_safe(const Search *s, const Access *fetch, const Access *store)
{
    int common = common_loops(fetch, store);
    bool is_first = fetch->order <= store->order && has_parallel(s, fetch, common);
    bool safe = is_first && pair_is_safe_in(s, fetch, store, common, true);
    for (; !safe && common >= 0; common--)
        safe = pair_is_safe_in(s, fetch, store, common, false);
    return safe;
}

/* Whether each statement fetches from where it stores, and nothing else is fetched. */
static bool is_pointwise(const Search *s)
{
    for (int i = 0; i < s->count; i++) {
        bool stored = s->accesses[i].is_store;
        for (int k = 0; k < s->count && !stored; k++)
            stored = s->accesses[k].is_store && s->accesses[k].order == s->accesses[i].order &&
                     s->accesses[k].offset == s->accesses[i].offset;
        if (!stored)
            return false;
    }
    return true;
}

static bool function_may_overwrite(Search *s, const Function *function)
{
    s->function = function;
    s->count = s->order = 0;
    s->here = (Access){0};
    walk(s, function->nest);
    if (!s->failed && function->stores_once && is_pointwise(s))
        return true;
    for (int i = 0; i < s->count && !s->failed; i++)
        for (int k = 0; k < s->count && !s->failed; k++)
            if (!s->accesses[i].is_store && s->accesses[k].is_store)
                s->failed = !pair_is_safe(s, &s->accesses[i], &s->accesses[k]);
    return !s->failed;
}

/* ---- Phases that are interpreted --------------------------------------------------------- */

typedef struct Loads {
    const Search *s;
    const Compute *compute;
    bool reads, elsewhere;
} Loads;

static void look_at_load(void *user, const Expr *e)
{
    Loads *loads = user;
    const Tensor *tensor = e->object, *out = loads->compute->out;
    if (e->kind != EXPR_load || !is_operand(loads->s, tensor))
        return;
    bool same = tensor_same_layout(tensor, out);
    for (int d = 0; same && d < out->rank; d++)
        same = e->src[d] == expr_axis(loads->s->pool, loads->compute->axes[d]);
    loads->reads = true;
    loads->elsewhere |= !same;
}

/* The interpreter stores a row after it has read all that the row needs. */
static bool compute_may_overwrite(const Search *s, const Compute *compute)
{
    Loads loads = {.s = s, .compute = compute};
    expr_walk(s->pool, compute->body, look_at_load, &loads);
    return !loads.reads || (compute->kind == COMPUTE_map && !loads.elsewhere);
}

/* ---- Kernels ----------------------------------------------------------------------------- */

typedef struct Touch {
    const Search *s;
    bool operand, result;
} Touch;

static void look_at_tensor(void *user, const Expr *e)
{
    Touch *touch = user;
    if (e->kind != EXPR_load && e->kind != EXPR_fetch)
        return;
    touch->operand |= is_operand(touch->s, e->object);
    touch->result |= e->object == touch->s->result;
}

static void touch_expr(Touch *touch, const Expr *e)
{
    if (e)
        expr_walk(touch->s->pool, e, look_at_tensor, touch);
}

static void touch_nest(Touch *touch, const Nest *nest)
{
    for (; nest; nest = nest->next) {
        touch_expr(touch, nest->condition);
        touch_expr(touch, nest->index);
        touch_expr(touch, nest->value);
        touch->result |= nest->kind == NEST_store && nest->tensor == touch->s->result;
        touch_nest(touch, nest->body);
        touch_nest(touch, nest->otherwise);
    }
}

static Touch touches(const Search *s, const Phase *phase)
{
    Touch touch = {.s = s};
    if (phase->function) {
        touch_nest(&touch, phase->function->nest);
        return touch;
    }
    for (int i = 0; i < phase->kernel->compute_count; i++) {
        const Compute *compute = phase->kernel->computes[i];
        touch_expr(&touch, compute->body);
        for (int d = 0; compute->kind == COMPUTE_scatter && d < compute->out->rank; d++)
            touch_expr(&touch, compute->target[d]);
        touch.result |= compute->out == s->result;
    }
    return touch;
}

static bool phase_may_overwrite(Search *s, const Phase *phase)
{
    if (phase->function)
        return function_may_overwrite(s, phase->function);
    return phase->kernel->compute_count == 1 &&
           compute_may_overwrite(s, phase->kernel->computes[0]);
}

bool may_overwrite(const Phase *phases, int count, const Tensor *result,
                   const bool *is_operand_slot)
{
    if (count == 0)
        return false;
    Arena *scratch = arena_create_child(expr_pool_arena(phases[0].kernel->pool));
    if (!scratch)
        return false;
    Search *s = ARENA_NEW(scratch, Search);
    s->pool = phases[0].kernel->pool;
    s->result = result;
    s->is_operand = is_operand_slot;
    s->slot_count = phases[0].kernel->tensor_count;
    bool is_touched = false, allowed = true;
    for (int i = 0; i < count && allowed; i++) {
        Touch touch = touches(s, &phases[i]);
        if (touch.operand && touch.result)
            allowed = !is_touched && phase_may_overwrite(s, &phases[i]);
        else if (touch.operand)
            allowed = !is_touched;
        is_touched |= touch.result;
    }
    arena_destroy(scratch);
    return allowed;
}
