/* SPDX-License-Identifier: Apache-2.0
 *
 * Packing by affine offsets: walking the axes is adding steps. The innermost axis is a run, which
 * ends where a guard does.
 */
#include "packing.h"

#include "schedule.h"

#include <assert.h>
#include <string.h>

/* ---- Planning ---------------------------------------------------------------------------- */

static bool plan_index(ExprPool *pool, const Expr *e, const Packing *packing, Affine *affine)
{
    *affine = (Affine){0};
    for (int i = 0; i < packing->axis_count; i++) {
        const Expr *step = index_step(pool, e, packing->axes[i]);
        if (!step || !expr_known(step, &affine->steps[i]))
            return false;
    }
    for (int i = 0; i < packing->axis_count; i++)
        e = expr_substitute(pool, e, packing->axes[i], expr_integer(pool, 0));
    return expr_known(e, &affine->start);
}

/* a < b as b - a > 0 */
static bool plan_guard(ExprPool *pool, const Expr *condition, const Packing *packing,
                       Affine *affine)
{
    if (condition->kind != EXPR_less || condition->src[0]->type != EXPR_INDEX)
        return false;
    const Expr *room = expr_minus(pool, condition->src[1], condition->src[0]);
    return plan_index(pool, room, packing, affine);
}

bool packing_plan(ExprPool *pool, const Packing *packing, PackingPlan *plan)
{
    assert(packing->guard_count <= MAX_PACKING_GUARDS);
    plan->axis_count = packing->axis_count;
    plan->guard_count = packing->guard_count;
    plan->bytes = element_bytes(packing->source->element);
    for (int i = 0; i < packing->axis_count; i++)
        if (!expr_known(packing->axes[i]->extent, &plan->extents[i]))
            return false;
    for (int g = 0; g < packing->guard_count; g++)
        if (!plan_guard(pool, packing->guards[g], packing, &plan->guards[g]))
            return false;
    return plan_index(pool, packing->from, packing, &plan->from) &&
           plan_index(pool, packing->to, packing, &plan->to);
}

size_t packing_bytes(const Packing *packing)
{
    return (size_t)extent_or(packing->packed->length, 0) * element_bytes(packing->packed->element);
}

/* ---- Running ----------------------------------------------------------------------------- */

typedef struct Walk {
    const PackingPlan *plan;
    const char *source;
    char *packed;
} Walk;

/* How far into a row of `extent` a guard holds that is `room` at its start; *first is where it
 * begins to. */
static int64_t guard_end(int64_t room, int64_t step, int64_t extent, int64_t *first)
{
    if (step == 0)
        return room > 0 ? extent : 0;
    if (step > 0) {
        int64_t begin = room > 0 ? 0 : -room / step + 1;
        *first = begin > *first ? begin : *first;
        return extent;
    }
    if (room <= 0)
        return 0;
    int64_t end = (room - step - 1) / -step;
    return end < extent ? end : extent;
}

/* The source may lie at any address. */
#define COPY(Type)                                                                                 \
    for (int64_t i = 0; i < count; i++)                                                            \
    memcpy((Type *)to + i * to_step, from + i * from_step * (int64_t)sizeof(Type), sizeof(Type))

static void copy_run(size_t bytes, char *to, int64_t to_step, const char *from, int64_t from_step,
                     int64_t count)
{
    if (to_step == 1 && from_step == 1) {
        memcpy(to, from, (size_t)count * bytes);
        return;
    }
    switch (bytes) {
    case 1: COPY(uint8_t); return;
    case 2: COPY(uint16_t); return;
    case 4: COPY(uint32_t); return;
    case 8: COPY(uint64_t); return;
    }
    assert(!"elements have 1, 2, 4 or 8 bytes");
}

static void copy_row(const Walk *w, int64_t from, int64_t to, const int64_t *guards)
{
    const PackingPlan *plan = w->plan;
    int last = plan->axis_count - 1;
    int64_t first = 0, end = plan->extents[last];
    int64_t from_step = plan->from.steps[last], to_step = plan->to.steps[last];
    for (int g = 0; g < plan->guard_count; g++)
        end = guard_end(guards[g], plan->guards[g].steps[last], end, &first);
    if (first >= end)
        return;
    from += first * from_step;
    to += first * to_step;
    copy_run(plan->bytes, w->packed + to * (int64_t)plan->bytes, to_step,
             w->source + from * (int64_t)plan->bytes, from_step, end - first);
}

static void copy_axes(const Walk *w, int axis, int64_t from, int64_t to, const int64_t *guards)
{
    const PackingPlan *plan = w->plan;
    int64_t moved[MAX_PACKING_GUARDS];
    if (axis == plan->axis_count - 1) {
        copy_row(w, from, to, guards);
        return;
    }
    for (int64_t i = 0; i < plan->extents[axis]; i++) {
        for (int g = 0; g < plan->guard_count; g++)
            moved[g] = guards[g] + i * plan->guards[g].steps[axis];
        copy_axes(w, axis + 1, from + i * plan->from.steps[axis], to + i * plan->to.steps[axis],
                  moved);
    }
}

void packing_run(const PackingPlan *plan, const void *source, void *packed)
{
    Walk w = {.plan = plan, .source = source, .packed = packed};
    int64_t guards[MAX_PACKING_GUARDS];
    if (plan->axis_count == 0)
        return;
    for (int g = 0; g < plan->guard_count; g++)
        guards[g] = plan->guards[g].start;
    copy_axes(&w, 0, plan->from.start, plan->to.start, guards);
}
