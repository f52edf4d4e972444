/* SPDX-License-Identifier: Apache-2.0
 *
 * Packing. Both offsets and the guards are affine, so that walking the axes is adding steps.
 */
#include "packing.h"

#include "schedule.h"

#include <assert.h>

enum { MAX_PACKING_GUARDS = 8 };

/* An affine index: its value where all axes are 0, and its step along each of them. */
typedef struct Affine {
    int64_t start, steps[2 * MAX_RANK];
} Affine;

typedef struct Walk {
    int axis_count, guard_count;
    size_t bytes; /* of an element */
    int64_t extents[2 * MAX_RANK];
    Affine from, to, guards[MAX_PACKING_GUARDS]; /* inside where all guards are positive */
    const char *source;
    char *packed;
} Walk;

static Affine affine_of(ExprPool *pool, const Expr *e, const Packing *packing)
{
    Affine affine = {0};
    for (int i = 0; i < packing->axis_count; i++) {
        const Expr *step = index_step(pool, e, packing->axes[i]);
        assert(step);
        affine.steps[i] = extent_or(step, 0);
    }
    for (int i = 0; i < packing->axis_count; i++)
        e = expr_substitute(pool, e, packing->axes[i], expr_integer(pool, 0));
    affine.start = extent_or(e, 0);
    return affine;
}

static Affine guard_of(ExprPool *pool, const Expr *condition, const Packing *packing)
{
    assert(condition->kind == EXPR_less || condition->kind == EXPR_less_equal);
    const Expr *room = expr_minus(pool, condition->src[1], condition->src[0]);
    if (condition->kind == EXPR_less_equal)
        room = expr_plus_integer(pool, room, 1);
    return affine_of(pool, room, packing);
}

static void copy_row(const Walk *w, int64_t from, int64_t to, const int64_t *guards)
{
    int last = w->axis_count - 1;
    int64_t first_false = w->extents[last];
    for (int g = 0; g < w->guard_count; g++) {
        int64_t step = w->guards[g].steps[last];
        int64_t end = guards[g] <= 0 && step <= 0 ? 0 : first_false;
        if (step < 0 && guards[g] > 0)
            end = (guards[g] - step - 1) / -step;
        first_false = end < first_false ? end : first_false;
    }
    for (int64_t i = 0; i < first_false; i++)
        memcpy(w->packed + (size_t)(to + i * w->to.steps[last]) * w->bytes,
               w->source + (size_t)(from + i * w->from.steps[last]) * w->bytes, w->bytes);
}

static void copy_axes(const Walk *w, int axis, int64_t from, int64_t to, const int64_t *guards)
{
    int64_t moved[MAX_PACKING_GUARDS];
    if (axis == w->axis_count - 1) {
        copy_row(w, from, to, guards);
        return;
    }
    for (int64_t i = 0; i < w->extents[axis]; i++) {
        for (int g = 0; g < w->guard_count; g++)
            moved[g] = guards[g] + i * w->guards[g].steps[axis];
        copy_axes(w, axis + 1, from + i * w->from.steps[axis], to + i * w->to.steps[axis], moved);
    }
}

size_t packing_bytes(const Packing *packing)
{
    return (size_t)extent_or(packing->packed->length, 0) * element_bytes(packing->packed->element);
}

void packing_run(ExprPool *pool, const Packing *packing, const void *source, void *packed)
{
    Walk w = {.axis_count = packing->axis_count,
              .guard_count = packing->guard_count,
              .bytes = element_bytes(packing->source->element),
              .source = source,
              .packed = packed};
    int64_t guards[MAX_PACKING_GUARDS];
    assert(w.guard_count <= MAX_PACKING_GUARDS);
    for (int i = 0; i < w.axis_count; i++)
        w.extents[i] = extent_or(packing->axes[i]->extent, 0);
    w.from = affine_of(pool, packing->from, packing);
    w.to = affine_of(pool, packing->to, packing);
    for (int g = 0; g < w.guard_count; g++) {
        w.guards[g] = guard_of(pool, packing->guards[g], packing);
        guards[g] = w.guards[g].start;
    }
    memset(packed, 0, packing_bytes(packing));
    copy_axes(&w, 0, w.from.start, w.to.start, guards);
}
