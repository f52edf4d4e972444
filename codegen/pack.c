/* SPDX-License-Identifier: Apache-2.0
 *
 * Packed constants: packed[to] = source[from], done once, at compile time.
 *
 * Where offsets and guards are affine, which they are but for axes that were fused, packing.c walks
 * them; else they are evaluated for each element. Equal packings of the same bytes are made once.
 */
#include "codegen/pack.h"

#include "codegen/builder.h"
#include "codegen/packing.h"
#include "runtime/allocator.h"
#include "runtime/memory.h"

#include <string.h>

typedef struct PackJob {
    const Packing *packing;
    const char *key;
    int32_t buffer;
    size_t element, count; /* bytes of an element, elements */
    bool is_affine;
    PackingPlan plan;
    char *memory;
    size_t bytes; /* of it */
} PackJob;

struct PackedConstants {
    const TnAllocator *allocator;
    ARRAY(PackJob) jobs;
    Map by_key; /* text -> job number + 1 */
};

/* ---- Asking ------------------------------------------------------------------------------ */

/* The weights by their bits. */
static void write_mixing(Text *text, const Mixing *mixing)
{
    for (int d = 0; d < mixing->count; d++) {
        const MixedDim *dim = &mixing->dims[d];
        text_format(text, " ; mixed %d of %d by %lld:", dim->extent, dim->taps,
                    (long long)dim->step);
        for (int i = 0; i < dim->extent * dim->taps; i++)
            text_format(text, " %a", dim->weights[i]);
    }
}

/* The same key for the same movement of the same bytes: axes by position. */
static const char *packing_key(Builder *b, const Packing *packing)
{
    ExprPool *pool = b->pool;
    Text text = text_create(b->arena);
    const Expr *from = packing->from, *to = packing->to;
    const Expr *guards[MAX_PACKING_GUARDS];
    for (int g = 0; g < packing->guard_count; g++)
        guards[g] = packing->guards[g];
    text_format(&text, "%p %d:", packing->source->values, (int)packing->source->element);
    for (int i = 0; i < packing->axis_count; i++) {
        text_append(&text, " < ");
        expr_print(packing->axes[i]->extent, &text);
        Axis *axis = axis_create(pool, arena_format(b->arena, "p%d", i), packing->axes[i]->extent);
        const Expr *by = expr_axis(pool, axis);
        from = expr_substitute(pool, from, packing->axes[i], by);
        to = expr_substitute(pool, to, packing->axes[i], by);
        for (int g = 0; g < packing->guard_count; g++)
            guards[g] = expr_substitute(pool, guards[g], packing->axes[i], by);
    }
    text_append(&text, " ; ");
    expr_print(from, &text);
    text_append(&text, " ; ");
    expr_print(to, &text);
    for (int g = 0; g < packing->guard_count; g++) {
        text_append(&text, " ; ");
        expr_print(guards[g], &text);
    }
    text_append(&text, " ; ");
    expr_print(packing->packed->length, &text);
    if (packing->mixing)
        write_mixing(&text, packing->mixing);
    return text.data;
}

int32_t packed_buffer(Builder *b, const Packing *packing)
{
    PackedConstants *packed = b->packed;
    if (!packed) {
        packed = b->packed = ARENA_NEW(b->arena, PackedConstants);
        arena_defer(b->arena, packed_destroy, packed);
        packed->allocator = arena_allocator(b->arena);
        packed->by_key = map_create(b->arena);
    }
    const char *key = packing_key(b, packing);
    intptr_t known = (intptr_t)map_get(&packed->by_key, key);
    if (known)
        return packed->jobs.items[known - 1].buffer;
    int64_t count = 0;
    if (!packing->source->values || !expr_known(packing->packed->length, &count)) {
        error_at(b->diagnostics, (Location){0}, "a packed constant of unknown bytes or size");
        b->failed = true;
        return -1;
    }
    PackJob job = {.packing = packing,
                   .key = key,
                   .buffer = add_buffer(b, (BufferPlan){.kind = BUFFER_constant}),
                   .element = element_bytes(packing->packed->element),
                   .count = (size_t)count};
    job.is_affine = packing_plan(b->pool, packing, &job.plan);
    array_push(b->arena, &packed->jobs, job);
    map_set(&packed->by_key, key, (void *)(intptr_t)packed->jobs.count);
    return job.buffer;
}

/* ---- Doing ------------------------------------------------------------------------------- */

typedef struct PackRun {
    const PackJob *job;
    char *memory;
    int64_t position[MAX_PACKING_AXES];
} PackRun;

/* An index or a condition at the position; a small interpreter, for what is not affine. */
static int64_t evaluate(const PackRun *run, const Expr *e)
{
    int64_t a, b;
    switch ((int)e->kind) {
    case EXPR_integer: return e->integer;
    case EXPR_constant: return (int64_t)e->bits;
    case EXPR_axis:
        for (int i = 0; i < run->job->packing->axis_count; i++)
            if (run->job->packing->axes[i] == e->object)
                return run->position[i];
        return 0;
    case EXPR_linear:
        a = e->integer;
        for (int i = 0; i < e->count; i++)
            a += e->factors[i] * evaluate(run, e->src[i]);
        return a;
    case EXPR_not: return !evaluate(run, e->src[0]);
    case EXPR_select: return evaluate(run, e->src[evaluate(run, e->src[0]) ? 1 : 2]);
    }
    a = evaluate(run, e->src[0]);
    b = evaluate(run, e->src[1]);
    switch ((int)e->kind) {
    case EXPR_times: return a * b;
    case EXPR_quotient: return b > 0 ? a / b - (a % b < 0) : 0;
    case EXPR_modulus: return b > 0 ? a - (a / b - (a % b < 0)) * b : 0;
    case EXPR_larger: return a > b ? a : b;
    case EXPR_smaller: return a < b ? a : b;
    case EXPR_and: return a && b;
    case EXPR_or: return a || b;
    case EXPR_less: return a < b;
    case EXPR_less_equal: return a <= b;
    case EXPR_equal: return a == b;
    case EXPR_not_equal: return a != b;
    }
    return 0;
}

static bool guards_hold(const PackRun *run)
{
    const Packing *packing = run->job->packing;
    for (int g = 0; g < packing->guard_count; g++)
        if (!evaluate(run, packing->guards[g]))
            return false;
    return true;
}

static void pack_element(const PackRun *run)
{
    const PackJob *job = run->job;
    const Packing *packing = job->packing;
    if (!guards_hold(run))
        return;
    const char *source = packing->source->values;
    int64_t from = evaluate(run, packing->from), to = evaluate(run, packing->to);
    if (to < 0 || (size_t)to >= job->count)
        return;
    if (packing->mixing)
        ((float *)(void *)run->memory)[to] =
            packing_mixed(packing->mixing, packing->source->values, from);
    else
        memcpy(run->memory + (size_t)to * job->element, source + from * (int64_t)job->element,
               job->element);
}

static void pack_axes(PackRun *run, int axis)
{
    const Packing *packing = run->job->packing;
    if (axis == packing->axis_count) {
        pack_element(run);
        return;
    }
    int64_t extent = 0;
    expr_known(packing->axes[axis]->extent, &extent);
    for (int64_t i = 0; i < extent; i++) {
        run->position[axis] = i;
        pack_axes(run, axis + 1);
    }
}

int64_t packed_count(const PackedConstants *packed)
{
    return packed ? packed->jobs.count : 0;
}

int32_t packed_buffer_of(const PackedConstants *packed, int64_t i)
{
    return packed->jobs.items[i].buffer;
}

int64_t packed_bytes(const PackedConstants *packed, int64_t i)
{
    const PackJob *job = &packed->jobs.items[i];
    return memory_align((int64_t)(job->count * job->element));
}

const Tensor *packed_source(const PackedConstants *packed, int64_t i)
{
    return packed->jobs.items[i].packing->source;
}

const char *packed_movement(const PackedConstants *packed, int64_t i)
{
    return strchr(packed->jobs.items[i].key, ' '); /* behind the address */
}

void packed_write(const PackedConstants *packed, int64_t i, void *memory)
{
    PackRun run = {.job = &packed->jobs.items[i], .memory = memory};
    if (run.job->is_affine && run.job->plan.axis_count > 0)
        packing_run(&run.job->plan, run.job->packing->source->values, memory);
    else
        pack_axes(&run, 0);
}

static void pack_piece(void *context, int64_t piece, int worker)
{
    const PackedConstants *packed = context;
    (void)worker;
    packed_write(packed, piece, packed->jobs.items[piece].memory);
}

TnStatus pack_constants(PackedConstants *packed, const Parallel *parallel, Program *program,
                        Diagnostics *diagnostics)
{
    for (int64_t i = 0; i < packed_count(packed); i++) {
        PackJob *job = &packed->jobs.items[i];
        size_t bytes = (size_t)packed_bytes(packed, i);
        job->bytes = bytes ? bytes : MEMORY_ALIGNMENT;
        job->memory = allocator_take(packed->allocator, job->bytes, MEMORY_ALIGNMENT);
        if (!job->memory) {
            no_memory_at(diagnostics, (Location){0}, "packed constants");
            return TN_OUT_OF_MEMORY;
        }
        memset(job->memory, 0, bytes);
        program->packed_bytes += (int64_t)bytes;
        program->buffers[job->buffer].constant = job->memory;
        program->buffers[job->buffer].bytes = size_number((int64_t)bytes);
    }
    if (packed)
        parallel_run(parallel, packed->jobs.count, pack_piece, packed);
    return TN_OK;
}

void packed_destroy(void *user)
{
    PackedConstants *packed = user;
    for (int64_t i = 0; packed && i < packed->jobs.count; i++) {
        allocator_release(packed->allocator, packed->jobs.items[i].memory,
                          packed->jobs.items[i].bytes);
        packed->jobs.items[i].memory = NULL;
    }
}
