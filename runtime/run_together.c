/* SPDX-License-Identifier: Apache-2.0
 *
 * Kernels that follow each other, run by all threads of a pool as one job.
 *
 * Every thread walks the same list of steps. A kernel's pieces are numbered through all kernels of
 * the list; a thread takes the next number (`next`) as long as it belongs to the kernel that the
 * thread is at, then waits until all pieces up to the kernel's end are done (`done`), and goes on
 * to the next one. Nothing else is exchanged: who comes late, because it slept or its processor was
 * busy, finds the numbers further on and runs after the others, who never wait for it, only for
 * pieces. Pieces are taken one by one, so a thread with half a processor takes half as many.
 *
 * Kernels that are too small to be shared have one piece. Of several in a row one thread runs all,
 * as one piece: what one writes the next finds in its cache.
 *
 * Bits do not depend on who ran what: pieces write parts of results that do not overlap, and are
 * cut by sizes alone.
 */
#include "runtime/run_internal.h"

typedef struct Walk {
    Run *run;
    const Step *steps;
    int64_t count;
    _Alignas(64) _Atomic int64_t next;
    _Alignas(64) ThreadCount done;
} Walk;

/* Steps of a walk that are taken as one: a kernel in pieces, or several that are one piece. */
typedef struct Item {
    int64_t first, count, pieces;
} Item;

static int64_t pieces_of(const Walk *w, int64_t i)
{
    const Step *step = &w->steps[i];
    return step->kind == STEP_phase ? phase_pieces(&step->phase, w->run->sizes) : 1;
}

/* The item after this one; false at the end. */
static bool next_item(const Walk *w, Item *item)
{
    item->first += item->count;
    if (item->first == w->count)
        return false;
    item->count = 1;
    item->pieces = pieces_of(w, item->first);
    while (item->pieces == 1 && item->first + item->count < w->count &&
           pieces_of(w, item->first + item->count) == 1)
        item->count++;
    return true;
}

static void run_item(const Walk *w, const Item *item, int64_t piece, int worker)
{
    Run *run = w->run;
    void **pointers = run->team_pointers + (size_t)worker * run->team_stride;
    for (int64_t i = item->first; i < item->first + item->count; i++) {
        const Step *step = &w->steps[i];
        if (run_is_cancelled(run))
            return;
        if (step->kind == STEP_halo)
            run_halo(run, step);
        else
            run_phase_piece(run, &step->phase, pointers, piece, item->pieces, worker);
    }
}

/* The number of the next piece, if it is below `end`. */
static bool take(Walk *w, int64_t end, int64_t *number)
{
    *number = atomic_load(&w->next);
    while (*number < end)
        if (atomic_compare_exchange_weak(&w->next, number, *number + 1))
            return true;
    return false;
}

static void walk(void *context, int worker)
{
    Walk *w = context;
    int64_t end = 0, number;
    for (Item item = {0}; next_item(w, &item);) {
        int64_t begin = end;
        end += item.pieces;
        while (take(w, end, &number)) {
            run_item(w, &item, number - begin, worker);
            thread_count_up(&w->done, (uint32_t)end);
        }
        if (worker == 0 || item.first + item.count < w->count)
            thread_wait(&w->done, (uint32_t)end);
    }
}

/* Whether threads share any of the steps, and the cycles of those. */
static bool is_shared(const Walk *w, double *cycles)
{
    bool shared = false;
    *cycles = 0;
    for (int64_t i = 0; i < w->count; i++) {
        if (pieces_of(w, i) == 1)
            continue;
        const PhaseStep *phase = &w->steps[i].phase;
        *cycles += phase->cost * (double)size_get(phase->extent, w->run->sizes);
        shared = true;
    }
    return shared;
}

/* A kernel, or what goes with one: nothing that changes sizes or where buffers lie. */
static bool goes_together(const Step *step)
{
    return step->kind == STEP_phase || step->kind == STEP_halo;
}

TnStatus run_together(Run *run, const Block *block, int64_t first, int64_t *count)
{
    enum { WAKING_CYCLES = 100000 }; /* what is worth waking threads that sleep */
    Walk w = {.run = run, .steps = &block->steps[first]};
    double cycles;
    while (first + w.count < block->step_count && goes_together(&w.steps[w.count]))
        w.count++;
    *count = w.count;
    if (!is_shared(&w, &cycles)) {
        TnStatus status = TN_OK;
        for (int64_t i = 0; i < w.count && status == TN_OK; i++)
            status = run_step(run, &w.steps[i]);
        return status;
    }
    thread_pool_call(run->parallel.pool, cycles > WAKING_CYCLES, walk, &w);
    return run_is_cancelled(run) ? run_fail(run, TN_CANCELLED, NULL, "cancelled") : TN_OK;
}
