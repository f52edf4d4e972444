/* SPDX-License-Identifier: Apache-2.0
 *
 * What a backend provides. Nothing above codegen/ knows which one runs.
 *
 * lower.c turns each group of the graph into kernels; `schedule` turns a kernel into functions in
 * the backend's nests; `compile` turns all functions of a program into code, at once, so that a
 * backend may share, batch and parallelise. The interpreter is a backend whose functions evaluate
 * kernels.
 */
#ifndef CODEGEN_BACKEND_H
#define CODEGEN_BACKEND_H

#include "ir/kernel/nest.h"
#include "ir/support/diagnostic.h"
#include "runtime/threads.h"

/* What a schedule may know of the machine. */
typedef struct Target {
    const char *triple, *cpu, *features; /* NULL: the host */
    int vector_bytes;                    /* 16, 32, 64 */
    int vector_registers;
    int fmas, loads; /* of vectors, in a cycle */
    int fma_latency; /* cycles from one to the next that needs its result */
    bool has_fma;
    int64_t l1_bytes, l2_bytes;
    int shared_lanes; /* of the widest processor, where code for several, or for several sizes of
                         the inputs, reads the same packed constants: panels (contraction.h); else 0
                       */
    bool strict;      /* no sum is restated in a way that rounds otherwise */
    uint64_t needed;  /* TN_CPU_...: what its code takes for granted */
    bool quick;       /* code soon rather than fast code; it computes the same bits */
    struct Tuning
        *tuning; /* measured choices (tuning.h), which schedules also note theirs in; or NULL */
} Target;

typedef struct Backend Backend;

/* A kernel made ready: run as phases, one after the other, each cut in parts over its parallel
 * axis. */
typedef struct Phase {
    const Kernel *kernel;
    Function *function;   /* NULL for the interpreter */
    const char *symbol;   /* the function's name, or that of an equal one: functions_share() */
    KernelFunction *code; /* after compile */
    /* The interpreter's: */
    Evaluator *evaluator;
    double cost; /* of one step of the parallel axis, in cycles */
} Phase;

struct Backend {
    const char *name;
    bool lays_out; /* whether tensors between its kernels get the layouts that suit them */
    /* Whether a scalar operation exists natively on a type; the rest is rewritten to polynomials
     * and the like (codegen/math.c) before the backend sees it. */
    bool (*has_operation)(const Target *target, ExprKind kind, TnElementType type);
    /* Cuts a kernel into phases. NULL and a diagnostic on failure. */
    Phase *(*schedule)(const Target *target, Arena *arena, const Kernel *kernel, int *phase_count,
                       Diagnostics *diagnostics);
    /* Makes code for all phases, on the host's threads; *module owns it. */
    TnStatus (*compile)(const Target *target, const Parallel *parallel, Arena *arena,
                        Phase *const *phases, int count, void **module, Diagnostics *diagnostics);
    void (*destroy)(void *module);
    /* Whether it moves elements without arithmetic, strings and complex numbers; else their kernels
     * are interpreted. */
    bool moves_everything;
};

extern const Backend backend_interpreter, backend_llvm;

/* The host's processor. */
void target_host(Target *target);
/* A target by the names that clang takes: --target, --mcpu, --mattr; any may be NULL. Without a
 * triple it is the host's, without a processor the host's own for its architecture, else a generic
 * one. "native" is the host's processor. False and a diagnostic if there is no such target. */
bool target_named(Arena *arena, const char *triple, const char *cpu, const char *features,
                  Target *target, Diagnostics *diagnostics);
/* What a target is called, all in words, and what it asks of the processor (TN_CPU_...). */
void target_describe(Arena *arena, const Target *target, const char **triple, const char **cpu,
                     const char **features, uint64_t *needed);

#endif
