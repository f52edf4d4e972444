/* SPDX-License-Identifier: Apache-2.0
 *
 * Packing by affine offsets: walking the axes is adding steps. The innermost axis is a run, which
 * ends where a guard does. A mixing is done for a run at once: its taps are read where the run is,
 * and all the mixed elements of it are stored.
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

static int64_t mixed_stride(const Mixing *mixing, int d)
{
    return MIXED_STRIDE << 8 * (mixing->count - 1 - d);
}

static void remove_axis(PackingPlan *plan, int axis)
{
    plan->axis_count--;
    for (int i = axis; i < plan->axis_count; i++) {
        plan->extents[i] = plan->extents[i + 1];
        plan->from.steps[i] = plan->from.steps[i + 1];
        plan->to.steps[i] = plan->to.steps[i + 1];
        for (int g = 0; g < plan->guard_count; g++)
            plan->guards[g].steps[i] = plan->guards[g].steps[i + 1];
    }
}

/* Takes the mixed axes out of the loops. False where an axis is a part of one, or more. */
static bool plan_mixing(PackingPlan *plan, const Mixing *mixing)
{
    plan->mixing = mixing;
    for (int d = 0; d < mixing->count; d++) {
        int axis = 0;
        while (axis < plan->axis_count && plan->from.steps[axis] != mixed_stride(mixing, d))
            axis++;
        if (axis == plan->axis_count || plan->extents[axis] != mixing->dims[d].extent)
            return false;
        for (int g = 0; g < plan->guard_count; g++)
            if (plan->guards[g].steps[axis])
                return false;
        plan->mixed_steps[d] = plan->to.steps[axis];
        remove_axis(plan, axis);
    }
    for (int i = 0; i < plan->axis_count; i++)
        if (plan->from.steps[i] >= MIXED_STRIDE)
            return false;
    return plan->axis_count > 0;
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
    plan->mixing = NULL;
    return plan_index(pool, packing->from, packing, &plan->from) &&
           plan_index(pool, packing->to, packing, &plan->to) &&
           (!packing->mixing || plan_mixing(plan, packing->mixing));
}

size_t packing_bytes(const Packing *packing)
{
    return (size_t)extent_or(packing->packed->length, 0) * element_bytes(packing->packed->element);
}

/* ---- Mixing ------------------------------------------------------------------------------ */

enum { MOST_TAPS = 5, RUN = 16 };

static const MixedDim unmixed = {.extent = 1, .taps = 1, .weights = (const double[]){1}};

static const MixedDim *mixed_dim(const Mixing *mixing, int d)
{
    return d < mixing->count ? &mixing->dims[d] : &unmixed;
}

/* Element i of floats at any address. */
static double float_at(const char *source, int64_t i)
{
    float value;
    memcpy(&value, source + i * (int64_t)sizeof value, sizeof value);
    return (double)value;
}

float packing_mixed(const Mixing *mixing, const void *source, int64_t from)
{
    const MixedDim *outer = mixed_dim(mixing, 0), *inner = mixed_dim(mixing, 1);
    int64_t mixed = from / MIXED_STRIDE, i = mixing->count == 2 ? mixed >> 8 : mixed;
    int64_t j = mixing->count == 2 ? mixed & 255 : 0;
    double sum = 0;
    from %= MIXED_STRIDE;
    for (int p = 0; p < outer->taps; p++)
        for (int q = 0; q < inner->taps; q++)
            sum += outer->weights[i * outer->taps + p] * inner->weights[j * inner->taps + q] *
                   float_at(source, from + p * outer->step + q * inner->step);
    return (float)sum;
}

/* The taps of the places of a run, and their sums over the first mixed dimension. Loops over places
 * go over RUN of them, also where there are fewer: compilers vectorise those. */
typedef struct MixedRun {
    double taps[MOST_TAPS][MOST_TAPS][RUN], rows[MOST_TAPS][RUN];
} MixedRun;

static void add_scaled(double *sum, const double *values, double weight)
{
    for (int l = 0; l < RUN; l++)
        sum[l] += weight * values[l];
}

static void read_taps(MixedRun *run, const MixedDim *outer, const MixedDim *inner, const char *from,
                      int64_t from_step, int64_t count)
{
    for (int p = 0; p < outer->taps; p++)
        for (int q = 0; q < inner->taps; q++)
            for (int64_t l = 0; l < RUN; l++)
                run->taps[p][q][l] =
                    l < count ? float_at(from, l * from_step + p * outer->step + q * inner->step)
                              : 0;
}

static void mix_store(const MixedRun *run, const MixedDim *inner, int64_t j, float *to,
                      int64_t to_step, int64_t count)
{
    double sum[RUN] = {0};
    for (int q = 0; q < inner->taps; q++)
        add_scaled(sum, run->rows[q], inner->weights[j * inner->taps + q]);
    for (int64_t l = 0; l < count; l++)
        to[l * to_step] = (float)sum[l];
}

/* All mixed elements of at most RUN places. */
static void mix_run(const PackingPlan *plan, float *to, int64_t to_step, const char *from,
                    int64_t from_step, int64_t count)
{
    const MixedDim *outer = mixed_dim(plan->mixing, 0), *inner = mixed_dim(plan->mixing, 1);
    MixedRun run;
    assert(outer->taps <= MOST_TAPS && inner->taps <= MOST_TAPS && count <= RUN);
    read_taps(&run, outer, inner, from, from_step, count);
    for (int64_t i = 0; i < outer->extent; i++) {
        memset(run.rows, 0, (size_t)inner->taps * sizeof run.rows[0]);
        for (int p = 0; p < outer->taps; p++)
            for (int q = 0; q < inner->taps; q++)
                add_scaled(run.rows[q], run.taps[p][q], outer->weights[i * outer->taps + p]);
        for (int64_t j = 0; j < inner->extent; j++)
            mix_store(&run, inner, j, to + i * plan->mixed_steps[0] + j * plan->mixed_steps[1],
                      to_step, count);
    }
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
    for (int64_t done = first; plan->mixing && done < end; done += RUN)
        mix_run(plan, (float *)w->packed + to + (done - first) * to_step, to_step,
                w->source + (from + (done - first) * from_step) * (int64_t)sizeof(float), from_step,
                end - done < RUN ? end - done : RUN);
    if (plan->mixing)
        return;
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
