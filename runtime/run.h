/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs of a program. A Run has the tables and the arena of one run at a time; a program may have
 * many.
 *
 * run.c, run_step.c and run_loop.c are also part of artifacts: they allocate nothing and need no C
 * library but memcpy() and the like. What does is in run_context.c: runs with memory of their own.
 */
#ifndef RUNTIME_RUN_H
#define RUNTIME_RUN_H

#include "runtime/memory.h"
#include "runtime/program.h"

#include <stdatomic.h>

enum { RUN_FIRST_TAIL_BYTES = 1 << 16 }; /* what a run with a tail begins with */

/* What a step took, for profiles. */
typedef void RunObserver(void *user, const Step *step, int64_t nanoseconds);

typedef struct Run Run;

struct Run {
    const Program *program; /* the one that runs: `general` or one of its specials */
    const Program *general;
    char *tables;
    Parallel parallel;
    void **data;     /* by buffer */
    int64_t *sizes;  /* the program's table */
    void **pointers; /* of the step under way */
    TnValue *values; /* operands and results of the host step under way */
    const TnValue **operands;
    char *arena; /* aligned to 64; NULL: none yet */
    int64_t arena_bytes;
    /* Replaces the arena by a larger one; NULL: the arena is the caller's. */
    TnStatus (*grow)(Run *run, int64_t bytes);
    const void *weights;   /* the program's, or the caller's */
    int64_t planned_bytes; /* of the arena, in this run */
    char *worker_scratch;
    HostMemory memory;
    /* Runs the steps from block->steps[first] on that threads of a pool can walk together; *count
     * of them, maybe none. NULL: there is no such pool. */
    TnStatus (*together)(Run *run, const Block *block, int64_t first, int64_t *count);
    void **team_pointers; /* as `pointers`, of each thread, team_stride apart */
    size_t team_stride;
    size_t bytes;         /* of the run and its tables, in memory of its own */
    int64_t arena_needed; /* after TN_ARENA_TOO_SMALL */
    RunObserver *observer;
    void *observer_user;
    int64_t (*clock)(void);       /* nanoseconds; for the observer */
    const atomic_bool *cancelled; /* looked at between steps and pieces of them; or NULL */
    TnAllocator allocator;        /* of all that the run owns; zeroed: the C library's */
    char error[512];
};

/* Bytes of the tables of a run, aligned to 16; its specials have room in them, too. */
int64_t run_table_bytes(const Program *program);
/* A run whose tables lie in the caller's memory, without an arena. */
void run_open(Run *run, const Program *program, Parallel parallel, void *tables);
void run_use_arena(Run *run, void *arena, int64_t bytes);
/* Symbols that the shapes of inputs bind get their values from `bind`, then what follows from them
 * is computed, as a run does first; inputs[i] is the data of tensor i, or the TnValue. Afterwards
 * sizes are known. */
typedef TnStatus RunBinder(void *user, Run *run);
TnStatus run_enter_sizes(Run *run, const void *const *inputs, RunBinder *bind, void *user);

/* ---- run_context.c ------------------------------------------------------------------------- */

/* NULL if there is no memory. The program must outlive the run. */
Run *run_create(const Program *program, Parallel parallel);
Run *run_create_with(const TnAllocator *allocator, const Program *program, Parallel parallel);
void run_destroy(Run *run); /* accepts NULL */
/* The caller's memory instead of the run's own; NULL: the run's own again. */
void run_set_arena(Run *run, void *arena, int64_t bytes);

/* ---- run.c --------------------------------------------------------------------------------- */

/* inputs[i]: the program's i-th input. outputs[i]: absent, or a tensor whose dims and data the
 * caller gives and which is filled in place. On return outputs are tensors, sequences and optionals
 * in the run's memory (or the caller's), valid until its next run.
 *
 * With an arena of its own a run grows it; with the caller's it answers TN_ARENA_TOO_SMALL and sets
 * `arena_needed`. run->error says in words what went wrong. */
TnStatus run_program(Run *run, int input_count, const TnValue *inputs, int output_count,
                     TnValue *outputs);
/* The arena's bytes for inputs of these sizes, without what is dynamic. Inputs whose elements
 * decide sizes need their data. */
TnStatus run_arena_bytes(Run *run, int input_count, const TnValue *inputs, int64_t *bytes);

/* Floating-point operations of the last run, as the operators state them. Steps of a Scan count
 * once for each of its iterations; which way an If went and how often a Loop ran is not known: they
 * count as nothing and as once. */
double run_flops(const Run *run);
/* The same before any run; -1 where it depends on sizes that inputs bring. */
double program_flops(const Program *program);
/* Bytes of the memory that a kernel touches, each buffer counted whole and once, with the sizes of
 * the last run; 0 for steps that are no kernel. What is dynamic is not counted. */
double step_bytes(const Run *run, const Step *step);
const char *step_kind_name(const Step *step); /* "kernel", "host", "loop" */

#endif
