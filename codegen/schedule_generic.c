/* SPDX-License-Identifier: Apache-2.0
 *
 * The schedule for any compute.
 *
 * Axes that move all accesses as one are fused, so that an element-wise compute is one long axis.
 * The lane runs along the innermost axis of out, or for a reduction, where that is better, along
 * the innermost summed axis: four partial vectors, a fixed tree over them, a fixed tree over lanes.
 * A lane axis is cut in full vectors and a masked rest; sizes may be known at run time only. Parts
 * of out are computed in the same way wherever a parallel loop is cut: bits do not depend on it.
 */
#include "schedule_generic.h"

#include "codegen/epilogue.h"

#include "ir/support/hash.h"

#include <assert.h>

enum {
    PARTIALS = 4,         /* vectors in flight of a reduction */
    UNROLLED_WEIGHT = 96, /* operations in the unrolled steps of a small window */
    BLOCK_VECTORS = 64,   /* of a part, where one axis is all there is */
    LONG_EXTENT = 1024,   /* what an open extent counts for where lanes are chosen: long enough that
                             the tree at the end of a sum across lanes is nothing */
};

static const Expr *number(const Member *s, int64_t value)
{
    return expr_integer(s->pool, value);
}

static const Expr *axis_of(const Member *s, const Axis *axis)
{
    return expr_axis(s->pool, axis);
}

void member_substitute(Member *s, const Axis *axis, const Expr *by)
{
    s->body = expr_substitute(s->pool, s->body, axis, by);
    if (s->epilogue)
        s->epilogue = expr_substitute(s->pool, s->epilogue, axis, by);
    s->to = expr_substitute(s->pool, s->to, axis, by);
}

/* ---- Axes -------------------------------------------------------------------------------- */

static int keep_axes(const Axis *const *from, int count, const Axis **to)
{
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (!expr_is(from[i]->extent, 1))
            to[kept++] = from[i];
    return kept;
}

static void remove_axis(const Axis **axes, int *count, int at)
{
    for (--*count; at < *count; at++)
        axes[at] = axes[at + 1];
}

bool member_can_fuse(const Member *s, const Axis *outer, const Axis *inner)
{
    return axes_fusable(s->pool, s->body, outer, inner) &&
           axes_fusable(s->pool, s->to, outer, inner) &&
           (!s->epilogue || axes_fusable(s->pool, s->epilogue, outer, inner));
}

static void fuse(Member *s, const Axis **axes, int *count)
{
    for (int i = *count - 2; i >= 0; i--) {
        const Axis *outer = axes[i], *inner = axes[i + 1];
        if (!member_can_fuse(s, outer, inner))
            continue;
        const Expr *extent = expr_times(s->pool, outer->extent, inner->extent);
        const Axis *fused = axis_create(s->pool, outer->name, extent);
        member_substitute(s, outer, number(s, 0));
        member_substitute(s, inner, axis_of(s, fused));
        axes[i] = fused;
        remove_axis(axes, count, i + 1);
    }
}

/* ---- The lane ---------------------------------------------------------------------------- */

/* How the accesses of a step lie to lanes along an axis. */
typedef struct Accesses {
    ExprPool *pool;
    const Axis *axis;
    int together, apart; /* the same for all lanes or contiguous; anything else */
} Accesses;

static void count_offset(Accesses *accesses, const Expr *offset)
{
    const Expr *along = expr_axis(accesses->pool, accesses->axis);
    bool is_apart = expr_contains_axis(offset, accesses->axis) &&
                    expr_contains_axis(expr_minus(accesses->pool, offset, along), accesses->axis);
    accesses->apart += is_apart;
    accesses->together += !is_apart;
}

static void count_access(void *user, const Expr *e)
{
    Accesses *accesses = user;
    if (e->kind == EXPR_fetch)
        count_offset(accesses, e->src[0]);
}

/* Cycles of one step for a vector along the axis. */
static double step_cycles(const Member *s, const Axis *axis, const Expr *value)
{
    Accesses accesses = {s->pool, axis, 0, 0};
    expr_walk(s->pool, value, count_access, &accesses);
    return accesses.together + accesses.apart * s->lanes + expr_weight(s->pool, value);
}

/* Cycles of one result of a sum with lanes along an axis, its own (stored) or a summed one. Across
 * summed lanes there is a tree at the end, and what is done with the sum is done for it alone. */
static double lane_cycles(const Member *s, const Axis *axis, bool stored)
{
    enum { TREE = 20 };
    double steps = 1, extent = (double)extent_or(axis->extent, LONG_EXTENT), lanes = s->lanes;
    double vectors = (double)(((int64_t)extent + s->lanes - 1) / s->lanes);
    double after = s->epilogue ? step_cycles(s, axis, s->epilogue) : 0;
    for (int i = 0; i < s->reduce_count; i++)
        if (s->reduce[i] != axis)
            steps *= (double)extent_or(s->reduce[i]->extent, LONG_EXTENT);
    if (!stored)
        return steps * vectors * step_cycles(s, axis, s->body) + after + TREE;
    Accesses store = {s->pool, axis, 0, 0};
    count_offset(&store, s->to);
    after += store.apart ? lanes : 1;
    return (steps * step_cycles(s, axis, s->body) + after) * vectors / extent;
}

static bool crosses_lanes(Combine combine)
{
    return combine == COMBINE_sum || combine == COMBINE_max || combine == COMBINE_min;
}

/* Elements of 16 bytes (strings, complex doubles) are moved one by one. */
static bool has_lanes(const Member *s)
{
    return element_bytes(s->out->element) <= 8;
}

static void choose_lane(Member *s)
{
    if (!has_lanes(s))
        return;
    const Axis *own = s->axis_count ? s->axes[s->axis_count - 1] : NULL;
    const Axis *summed = s->reduce_count ? s->reduce[s->reduce_count - 1] : NULL;
    if (summed && crosses_lanes(s->compute->combine) &&
        (!own || lane_cycles(s, summed, false) < lane_cycles(s, own, true)))
        s->along = summed;
    else
        s->along = own;
    if (!s->along)
        return;
    if (!s->function->lane)
        s->function->lane = axis_create(s->pool, "lane", number(s, s->lanes));
}

static bool lane_is_summed(const Member *s)
{
    return s->reduce_count && s->along == s->reduce[s->reduce_count - 1];
}

/* ---- Loops ------------------------------------------------------------------------------- */

static void close_loops(Member *s, int count)
{
    while (count-- > 0)
        nest_close(s->b);
}

/* Opens the loops over out's axes but the lane's. */
static void open_outer(Member *s)
{
    int count = s->axis_count - (s->along && !lane_is_summed(s));
    if (!s->is_inner)
        choose_parallel(s->function, s->axes, count, count);
    for (int i = 0; i < count; i++, s->opened++)
        nest_open(s->b, s->axes[i], loop_kind(s->function, s->axes[i]));
}

static void close_outer(Member *s)
{
    close_loops(s, s->opened);
    s->opened = 0;
}

/* What is done for `vectors` vectors that begin at `at`; inside: the lanes that exist, NULL: all.
 */
typedef void VectorBody(Member *s, const Expr *at, int64_t vectors, const Expr *inside);

/* Full vectors in groups, single ones, and the rest, from base on. */
static void open_vectors(Member *s, const Expr *base, const Expr *count, int64_t group,
                         VectorBody *body)
{
    ExprPool *pool = s->pool;
    const Expr *lane = axis_of(s, s->function->lane), *done = number(s, 0);
    for (int64_t vectors = group; vectors >= 1; vectors = vectors > 1 ? 1 : 0) {
        const Expr *step = number(s, vectors * s->lanes);
        const Expr *times = expr_quotient(pool, expr_minus(pool, count, done), step);
        if (!expr_is(times, 0)) {
            const Axis *v = axis_create(pool, "v", times);
            nest_open(s->b, v, LOOP_serial);
            const Expr *at = expr_plus(pool, done, expr_times(pool, axis_of(s, v), step));
            body(s, expr_plus(pool, expr_plus(pool, base, at), lane), vectors, NULL);
            nest_close(s->b);
        }
        done = expr_times(pool, expr_quotient(pool, count, step), step);
    }
    const Expr *rest = expr_minus(pool, count, done);
    if (expr_is(rest, 0))
        return;
    nest_open_if(s->b, expr_compare(pool, EXPR_less, number(s, 0), rest));
    body(s, expr_plus(pool, expr_plus(pool, base, done), lane), 1,
         expr_compare(pool, EXPR_less, lane, rest));
    nest_close(s->b);
}

/* Runs along out's innermost axis. If there is no other, blocks of it are what threads share. */
static void open_own_lane(Member *s, int64_t group, VectorBody *body)
{
    ExprPool *pool = s->pool;
    const Expr *extent = s->along->extent, *base = number(s, 0), *count = extent;
    int64_t block = BLOCK_VECTORS * s->lanes, known;
    bool cut = !s->function->parallel && !s->is_inner && extent_or(extent, INT64_MAX) > block;
    if (cut) {
        const Axis *part =
            axis_create(pool, "part", expr_round_up_quotient(pool, extent, number(s, block)));
        s->function->parallel = part;
        nest_open(s->b, part, LOOP_parallel);
        base = expr_scale(pool, axis_of(s, part), block);
        count = number(s, block);
        if (!expr_known(extent, &known) || known % block)
            count = expr_smaller(pool, count, expr_minus(pool, extent, base));
    }
    open_vectors(s, base, count, group, body);
    if (cut)
        nest_close(s->b);
}

static const Expr *at_lane(const Member *s, const Expr *e, const Expr *at)
{
    return s->along ? expr_substitute(s->pool, e, s->along, at) : e;
}

static void store(Member *s, const Expr *at, const Expr *value)
{
    nest_store(s->b, s->out, at_lane(s, s->to, at), value, NULL);
}

/* ---- What the lanes do not change -------------------------------------------------------- */

enum { MAX_HOISTED = 12 };

/* Values that are the same for all steps of the inner loops are computed ahead of them. */
typedef struct Hoisting {
    Member *s;
    Map seen; /* Expr -> Expr */
    int count;
} Hoisting;

static bool varies_inside(const Member *s, const Expr *e)
{
    if (expr_contains_kind(e, EXPR_cell))
        return true;
    if (s->along && expr_contains_axis(e, s->along))
        return true;
    for (int i = 0; i < s->reduce_count; i++)
        if (expr_contains_axis(e, s->reduce[i]))
            return true;
    return s->scan && expr_contains_axis(e, s->scan);
}

static const Expr *hoist(Hoisting *h, const Expr *e);

static const Expr *hoist_operands(Hoisting *h, const Expr *e)
{
    const Expr *src[4];
    if (e->count == 0 || e->count > 4 || e->kind == EXPR_fetch)
        return e;
    for (int i = 0; i < e->count; i++)
        src[i] = hoist(h, e->src[i]);
    return expr_rebuild(h->s->pool, e, src);
}

static const Expr *hoist_new(Hoisting *h, const Expr *e)
{
    Member *s = h->s;
    bool is_value = e->type != EXPR_INDEX && element_compute_type(e->type) == e->type;
    if (!is_value || e->kind == EXPR_constant || e->kind == EXPR_cell)
        return e;
    if (varies_inside(s, e) || e->type == TN_BOOL || h->count == MAX_HOISTED)
        return hoist_operands(h, e);
    const Expr *zero = number(s, 0);
    const Array *array = nest_array(s->b, "fixed", e->type, 1);
    nest_set(s->b, array, zero, e);
    h->count++;
    return expr_cell(s->pool, array, zero);
}

static const Expr *hoist(Hoisting *h, const Expr *e)
{
    const Expr *known = map_get_pointer(&h->seen, e);
    if (known)
        return known;
    const Expr *result = hoist_new(h, e);
    map_set_pointer(&h->seen, e, (void *)result);
    return result;
}

/* To be called between the outer loops and those inside. */
static void hoist_fixed(Member *s)
{
    Hoisting h = {.s = s, .seen = map_create(expr_pool_arena(s->pool))};
    if (!s->along)
        return;
    s->body = hoist(&h, s->body);
    if (s->epilogue)
        s->epilogue = hoist(&h, s->epilogue);
}

/* ---- Maps -------------------------------------------------------------------------------- */

static void map_vectors(Member *s, const Expr *at, int64_t vectors, const Expr *inside)
{
    const Axis *unrolled = axis_create(s->pool, "u", number(s, vectors));
    at = expr_plus(s->pool, at, expr_scale(s->pool, axis_of(s, unrolled), s->lanes));
    nest_open(s->b, unrolled, LOOP_unrolled);
    nest_open_if(s->b, inside ? inside : expr_bool(s->pool, true));
    store(s, at, at_lane(s, s->body, at));
    close_loops(s, 2);
}

static void build_map(Member *s)
{
    open_outer(s);
    hoist_fixed(s);
    if (s->along)
        open_own_lane(s, expr_weight(s->pool, s->body) <= 4 ? 4 : 1, map_vectors);
    else
        store(s, NULL, s->body);
    close_outer(s);
}

/* ---- Combining --------------------------------------------------------------------------- */

static TnElementType carried_type(const Compute *compute)
{
    return compute->accumulate ? compute->accumulate : element_compute_type(compute->out->element);
}

static const Expr *carried(const Member *s, const Expr *value)
{
    TnElementType type = carried_type(s->compute);
    return value->type == type ? value : expr_convert(s->pool, type, value);
}

/* A sum of products is a chain of fused multiply-adds. */
static const Expr *combine(const Member *s, const Expr *sum, const Expr *value)
{
    bool is_float = value->type == TN_FLOAT || value->type == TN_DOUBLE;
    if (s->compute->combine == COMBINE_sum && value->kind == EXPR_multiply && is_float &&
        s->target->has_fma)
        return expr_fma(s->pool, value->src[0], value->src[1], sum);
    return combine_apply(s->pool, s->compute->combine, sum, value);
}

static void store_result(Member *s, const Expr *at, const Expr *value)
{
    TnElementType type = element_compute_type(s->compute->out->element);
    if (value->type != type)
        value = expr_convert(s->pool, type, value);
    if (s->epilogue)
        value = epilogue_apply(s->pool, at_lane(s, s->epilogue, at), value);
    store(s, at, value);
}

static const Expr *neutral(const Member *s)
{
    return combine_neutral(s->pool, s->compute->combine, carried_type(s->compute));
}

/* ---- Reductions -------------------------------------------------------------------------- */

/* Loops of a small window are unrolled: what depends on its position folds. */
static LoopKind window_loops(const Member *s, int64_t vectors)
{
    int64_t steps = vectors * (1 + expr_weight(s->pool, s->body));
    for (int i = 0; i < s->reduce_count; i++) {
        int64_t extent = extent_or(s->reduce[i]->extent, UNROLLED_WEIGHT + 1);
        steps *= extent > UNROLLED_WEIGHT ? UNROLLED_WEIGHT + 1 : extent;
        if (extent == 0 || steps > UNROLLED_WEIGHT)
            return LOOP_serial;
    }
    return LOOP_unrolled;
}

typedef struct Split {
    Member *s;
    const Expr *common, *own; /* conditions: the same in all lanes, and the rest */
} Split;

static void split_condition(Split *split, const Expr *condition)
{
    if (condition->kind == EXPR_and) {
        split_condition(split, condition->src[0]);
        split_condition(split, condition->src[1]);
    } else if (split->s->along && expr_contains_axis(condition, split->s->along)) {
        split->own = expr_both(split->s->pool, split->own, condition);
    } else {
        split->common = expr_both(split->s->pool, split->common, condition);
    }
}

/* A step of a window that lies outside contributes nothing: where that is so for all lanes alike, a
 * branch skips the step. Answers the condition, and the value inside. */
static const Expr *skip_outside(Member *s, const Expr **value)
{
    ExprPool *pool = s->pool;
    const Expr *always = expr_bool(pool, true), *body = *value, *fetch = body;
    bool product = body->kind == EXPR_multiply && s->compute->combine == COMBINE_sum;
    int at = 0;
    if (product) {
        at = body->src[1]->kind == EXPR_fetch && body->src[1]->has_fill;
        fetch = body->src[at];
    }
    if (fetch->kind != EXPR_fetch || !fetch->has_fill || fetch->type != carried_type(s->compute) ||
        fetch->src[2] != combine_neutral(pool, s->compute->combine, fetch->type))
        return always;
    Split split = {s, always, always};
    split_condition(&split, fetch->src[1]);
    bool all = split.own == always;
    fetch = expr_fetch(pool, fetch->object, fetch->src[0], all ? NULL : split.own,
                       all ? NULL : fetch->src[2]);
    *value = fetch;
    if (product)
        *value = expr_binary(pool, EXPR_multiply, fetch, body->src[!at]);
    return split.common;
}

/* One result a lane (or one in all): the loops of the sum are inside. */
static void reduce_apart(Member *s, const Expr *at, int64_t vectors, const Expr *inside)
{
    ExprPool *pool = s->pool;
    const Array *sum = nest_array(s->b, "sum", carried_type(s->compute), (int)vectors);
    const Axis *unrolled = axis_create(pool, "u", number(s, vectors));
    const Expr *u = axis_of(s, unrolled), *cell = expr_cell(pool, sum, u);
    LoopKind loops = window_loops(s, vectors);
    if (at)
        at = expr_plus(pool, at, expr_scale(pool, u, s->lanes));
    nest_open(s->b, unrolled, LOOP_unrolled);
    nest_set(s->b, sum, u, neutral(s));
    nest_close(s->b);
    for (int i = 0; i < s->reduce_count; i++)
        nest_open(s->b, s->reduce[i], loops);
    const Expr *value = s->body;
    nest_open_if(s->b, skip_outside(s, &value));
    nest_open(s->b, unrolled, LOOP_unrolled);
    nest_open_if(s->b, inside ? inside : expr_bool(pool, true));
    nest_set(s->b, sum, u, combine(s, cell, carried(s, at_lane(s, value, at))));
    close_loops(s, s->reduce_count + 3);
    nest_open(s->b, unrolled, LOOP_unrolled);
    nest_open_if(s->b, inside ? inside : expr_bool(pool, true));
    store_result(s, at, cell);
    close_loops(s, 2);
}

/* Lanes of the sum itself, into partial sums. */
static void reduce_together(Member *s, const Expr *at, int64_t vectors, const Expr *inside)
{
    ExprPool *pool = s->pool;
    const Axis *unrolled = axis_create(pool, "u", number(s, vectors));
    const Expr *u = axis_of(s, unrolled), *cell = expr_cell(pool, s->partials, u);
    at = expr_plus(pool, at, expr_scale(pool, u, s->lanes));
    nest_open(s->b, unrolled, LOOP_unrolled);
    nest_open_if(s->b, inside ? inside : expr_bool(pool, true));
    nest_set(s->b, s->partials, u, combine(s, cell, carried(s, at_lane(s, s->body, at))));
    close_loops(s, 2);
}

/* (0 + 2) + (1 + 3), then over the lanes. */
static const Expr *finish_partials(Member *s)
{
    static const ExprKind across[COMBINE_COUNT] = {[COMBINE_sum] = EXPR_across_sum,
                                                   [COMBINE_max] = EXPR_across_max,
                                                   [COMBINE_min] = EXPR_across_min};
    ExprPool *pool = s->pool;
    const Array *sums = s->partials;
    for (int half = PARTIALS / 2; half; half /= 2)
        for (int u = 0; u < half; u++)
            nest_set(s->b, sums, number(s, u),
                     combine_apply(pool, s->compute->combine, expr_cell(pool, sums, number(s, u)),
                                   expr_cell(pool, sums, number(s, u + half))));
    return expr_across(pool, across[s->compute->combine], expr_cell(pool, sums, number(s, 0)));
}

static void build_reduce(Member *s)
{
    open_outer(s);
    hoist_fixed(s);
    if (!s->along) {
        reduce_apart(s, NULL, 1, NULL);
    } else if (!lane_is_summed(s)) {
        int64_t vectors = extent_or(s->along->extent, INT64_MAX) / s->lanes;
        open_own_lane(s, vectors >= PARTIALS ? PARTIALS : 1, reduce_apart);
    } else {
        s->partials = nest_array(s->b, "sum", carried_type(s->compute), PARTIALS);
        for (int u = 0; u < PARTIALS; u++)
            nest_set(s->b, s->partials, number(s, u), neutral(s));
        for (int i = 0; i + 1 < s->reduce_count; i++)
            nest_open(s->b, s->reduce[i], LOOP_serial);
        open_vectors(s, number(s, 0), s->along->extent, PARTIALS, reduce_together);
        close_loops(s, s->reduce_count - 1);
        store_result(s, NULL, finish_partials(s));
    }
    close_outer(s);
}

/* ---- Scans ------------------------------------------------------------------------------- */

static void scan_vectors(Member *s, const Expr *at, int64_t vectors, const Expr *inside)
{
    ExprPool *pool = s->pool;
    const Expr *zero = number(s, 0);
    const Array *carry = nest_array(s->b, "carry", carried_type(s->compute), 1);
    const Expr *before = expr_cell(pool, carry, zero);
    assert(vectors == 1);
    (void)vectors;
    nest_set(s->b, carry, zero, neutral(s));
    nest_open(s->b, s->scan, LOOP_serial);
    nest_open_if(s->b, inside ? inside : expr_bool(pool, true));
    if (s->compute->exclusive)
        store_result(s, at, before);
    nest_set(s->b, carry, zero, combine(s, before, carried(s, at_lane(s, s->body, at))));
    if (!s->compute->exclusive)
        store_result(s, at, before);
    close_loops(s, 2);
}

static void build_scan(Member *s)
{
    ExprPool *pool = s->pool;
    if (s->compute->reverse && !expr_is(s->scan->extent, 1)) {
        const Axis *back = axis_create(pool, s->scan->name, s->scan->extent);
        const Expr *last = expr_plus_integer(pool, back->extent, -1);
        member_substitute(s, s->scan, expr_minus(pool, last, axis_of(s, back)));
        s->scan = back;
    }
    open_outer(s);
    if (s->along)
        open_own_lane(s, 1, scan_vectors);
    else
        scan_vectors(s, NULL, 1, NULL);
    close_outer(s);
}

/* ---- Scatters ---------------------------------------------------------------------------- */

static const Expr *scatter_inside(Member *s, const Expr **targets)
{
    const Tensor *out = s->compute->out;
    const Expr *inside = expr_bool(s->pool, true);
    for (int d = 0; d < out->rank; d++) {
        targets[d] = lower_value(s->target, s->pool, s->compute->target[d]);
        inside = expr_both(s->pool, inside, expr_inside(s->pool, targets[d], out->shape[d]));
    }
    return inside;
}

static void scatter_vectors(Member *s, const Expr *at, int64_t vectors, const Expr *masked)
{
    ExprPool *pool = s->pool;
    const Tensor *out = s->compute->out;
    const Expr *targets[MAX_RANK], *inside = at_lane(s, scatter_inside(s, targets), at);
    const Expr *to = at_lane(s, s->to, at), *value = at_lane(s, s->body, at);
    assert(vectors == 1);
    (void)vectors;
    nest_open_if(s->b, masked ? masked : expr_bool(pool, true));
    nest_open_if(s->b, inside);
    if (s->compute->combine != COMBINE_none)
        value =
            combine_apply(pool, s->compute->combine, expr_fetch(pool, out, to, NULL, NULL), value);
    nest_store(s->b, out, to, value, NULL);
    close_loops(s, 2);
}

/* In order, one element after the other; lanes only along an axis that moves the target by one, so
 * that they go to different places. */
static void build_scatter(Member *s)
{
    const Expr *targets[MAX_RANK];
    scatter_inside(s, targets);
    s->to = tensor_offset(s->pool, s->compute->out, targets);
    s->along = NULL;
    if (s->axis_count && has_lanes(s)) {
        const Axis *last = s->axes[s->axis_count - 1];
        const Expr *rest = expr_minus(s->pool, s->to, axis_of(s, last));
        if (!expr_contains_axis(rest, last))
            s->along = last;
    }
    if (s->along)
        s->function->lane = axis_create(s->pool, "lane", number(s, s->lanes));
    int outer = s->axis_count - (s->along != NULL);
    for (int i = 0; i < outer; i++)
        nest_open(s->b, s->axes[i], LOOP_serial);
    if (s->along)
        open_vectors(s, number(s, 0), s->along->extent, 1, scatter_vectors);
    else
        scatter_vectors(s, NULL, 1, NULL);
    close_loops(s, outer);
}

/* ---- All --------------------------------------------------------------------------------- */

static void collect_axes(Member *s)
{
    const Compute *compute = s->compute;
    const Axis *axes[2 * MAX_RANK];
    int count = 0;
    for (int i = 0; i < compute->axis_count; i++) {
        if (compute->kind == COMPUTE_scan && i == compute->scan_dim)
            s->scan = compute->axes[i];
        else
            axes[count++] = compute->axes[i];
    }
    s->axis_count = keep_axes(axes, count, s->axes);
    s->reduce_count = keep_axes(compute->reduce_axes, compute->reduce_count, s->reduce);
}

void member_begin(Member *m, const Target *target, Function *function, NestBuilder *b,
                  const Compute *compute)
{
    const Expr *indices[MAX_RANK];
    *m = (Member){.pool = b->pool,
                  .target = target,
                  .compute = compute,
                  .function = function,
                  .b = b,
                  .out = compute->out,
                  .lanes = target_lanes(target)};
    m->body = lower_value(target, m->pool, compute->body);
    m->to = number(m, 0);
    collect_axes(m);
    if (compute->kind == COMPUTE_scatter)
        return;
    for (int d = 0; d < compute->out->rank; d++)
        indices[d] = expr_axis(m->pool, compute->axes[d]);
    m->to = tensor_offset(m->pool, compute->out, indices);
}

/* Axes in the order of out's memory, the largest step outside. A step that only running tells is a
 * product with the size of a whole dimension: larger than those that are known. */
static void order_axes(Member *m)
{
    int64_t steps[2 * MAX_RANK];
    for (int i = 0; i < m->axis_count; i++) {
        const Axis *axis = m->axes[i];
        const Expr *step = index_step(m->pool, m->to, axis);
        int64_t known = step ? extent_or(step, INT64_MAX) : INT64_MAX;
        int at = i;
        for (; at > 0 && steps[at - 1] < known; at--) {
            m->axes[at] = m->axes[at - 1];
            steps[at] = steps[at - 1];
        }
        m->axes[at] = axis;
        steps[at] = known;
    }
}

static void arrange(Member *m)
{
    order_axes(m);
    fuse(m, m->axes, &m->axis_count);
    fuse(m, m->reduce, &m->reduce_count);
    choose_lane(m);
}

void member_build(Member *m)
{
    if (m->compute->kind != COMPUTE_scatter)
        arrange(m);
    switch (m->compute->kind) {
    case COMPUTE_map: build_map(m); break;
    case COMPUTE_reduce: build_reduce(m); break;
    case COMPUTE_scan: build_scan(m); break;
    case COMPUTE_scatter: build_scatter(m); break;
    }
}

double member_cost(const Member *m)
{
    double steps = 1, lanes = m->along ? m->lanes : 1;
    for (int i = 0; i < m->axis_count; i++)
        if (!function_shares(m->function, m->axes[i]))
            steps *= expr_estimate(m->pool, m->axes[i]->extent);
    for (int i = 0; i < m->reduce_count; i++)
        steps *= expr_estimate(m->pool, m->reduce[i]->extent);
    if (m->scan)
        steps *= expr_estimate(m->pool, m->scan->extent);
    return steps / lanes * (2 + expr_weight(m->pool, m->body));
}

/* Attaches the maps that follow a reduction; answers how many computes that makes. */
static int attach(Member *m, const Kernel *kernel, int first)
{
    const Compute *compute = kernel->computes[first];
    if (compute->kind != COMPUTE_reduce || carried_type(compute) != TN_FLOAT ||
        element_compute_type(compute->out->element) != TN_FLOAT)
        return 1;
    Epilogue epilogue = epilogue_collect(kernel, first);
    if (epilogue.compute_count == 1)
        return 1;
    m->epilogue = lower_value(m->target, m->pool, epilogue.value);
    m->out = epilogue.result;
    m->to = tensor_offset(m->pool, m->out, epilogue.indices);
    return epilogue.compute_count;
}

/* Whether much would be done with single numbers: with each sum that is made across lanes. */
static bool is_heavy_after_lanes(const Member *m)
{
    enum { HEAVY = 16 };
    Member trial = *m;
    double results = 1;
    arrange(&trial);
    for (int i = 0; i < trial.axis_count; i++)
        results *= (double)extent_or(trial.axes[i]->extent, LONG_EXTENT);
    return trial.along && lane_is_summed(&trial) && results >= trial.lanes &&
           expr_weight(m->pool, m->epilogue) > HEAVY;
}

Function *schedule_generic(const Target *target, const Kernel *kernel, int first, int *count)
{
    ExprPool *pool = kernel->pool;
    Member *m = ARENA_NEW(expr_pool_arena(pool), Member);
    NestBuilder builder = nest_builder(pool);
    Function *function = function_create(kernel, kernel->name);
    member_begin(m, target, function, &builder, kernel->computes[first]);
    *count = attach(m, kernel, first);
    if (*count > 1 && is_heavy_after_lanes(m)) { /* a sweep of its own does it with vectors */
        member_begin(m, target, function, &builder, kernel->computes[first]);
        *count = 1;
    }
    member_build(m);
    function->array_count = builder.array_count;
    function->nest = builder.first;
    function->cost = member_cost(m);
    function->stores_once = kernel->computes[first]->kind == COMPUTE_map;
    return function;
}
