/* SPDX-License-Identifier: Apache-2.0
 *
 * Between run.c (entry, memory, blocks) and run_step.c and run_loop.c (what steps do).
 */
#ifndef RUNTIME_RUN_INTERNAL_H
#define RUNTIME_RUN_INTERNAL_H

#include "runtime/run.h"

/* Sets the error text and answers the status. */
TnStatus run_fail(Run *run, TnStatus status, const Step *step, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
TnStatus run_no_memory(Run *run); /* TN_ARENA_TOO_SMALL */

static inline bool run_is_cancelled(const Run *run)
{
    return run->cancelled && atomic_load_explicit(run->cancelled, memory_order_relaxed);
}

TnStatus run_block(Run *run, const Block *block);
TnStatus run_step(Run *run, const Step *step);
TnStatus run_loop(Run *run, const Step *step);
TnStatus run_halo(Run *run, const Step *step);
/* One of the pieces of a phase; `pointers` has room for those of its buffers. */
void run_phase_piece(const Run *run, const PhaseStep *phase, void **pointers, int64_t piece,
                     int64_t pieces, int worker);
/* Run.together of runs with a pool. */
TnStatus run_together(Run *run, const Block *block, int64_t first, int64_t *count);
/* After the states have moved, while sizes are still those of the iteration: gives back what lies
 * at the tail beyond `base` and is not live. */
void run_compact(Run *run, const LoopStep *loop, int64_t base);
/* The memory of a dynamic result that grows, from the pointer in its buffer. */
void run_growing_extent(void *data, char **begin, char **end);

/* Gives a symbol its value, if that is in range. */
TnStatus run_bind_symbol(Run *run, const Step *step, int32_t symbol, int64_t value);
/* The value with its sizes and memory of now. */
TnTensor run_tensor(const Run *run, const ProgramValue *value);
/* Bytes of a value; -1 if that overflows. */
int64_t run_bytes(const Run *run, const ProgramValue *value);

#endif
