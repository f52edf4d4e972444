/* SPDX-License-Identifier: Apache-2.0
 *
 * What is behind the handles of include/tenon.h; for the files of this folder alone.
 *
 * A model is a document; each compilation imports it anew, with its own sizes and values, into an
 * arena of its own, which then belongs to the program. The bytes of weights stay the document's, so
 * a program holds on to its model. Memory that ends while a call works leads back to it by longjmp.
 */
#ifndef CODEGEN_API_API_H
#define CODEGEN_API_API_H

#include "codegen/compile.h"
#include "frontend/draft.h"
#include "frontend/load.h"
#include "ir/support/array.h"
#include "ir/support/budget.h"
#include "runtime/run.h"

#include <pthread.h>
#include <stdatomic.h>

/* Who hears of diagnostics. */
typedef struct Listener {
    TnLog *log;
    void *log_user;
    TnDiagnose *diagnose;
    void *diagnose_user;
} Listener;

typedef struct Sight Sight; /* model_info.c */

struct TnModel {
    atomic_int users;
    Boundary boundary;
    TnAllocator allocator;
    TnReader reader;
    Listener listener;
    Arena *arena;
    Document *document;
    char *name;
    Draft *draft;             /* NULL until somebody edits */
    Diagnostics *diagnostics; /* of edits */
    /* What there is to see of it (model_info.c): made anew where it is stale. */
    atomic_bool stale;
    pthread_mutex_t looking;
    Sight *sight; /* or NULL */
};

/* A step with its place in the tree. */
typedef struct StepEntry {
    const Step *step;
    int depth;
} StepEntry;

/* A pair of ports that the contexts keep a value for. */
typedef struct StatePair {
    int input, output; /* numbers of the inner program's */
    bool has_initial;
    TnTensor initial;
    int axis;         /* that runs append along, in memory with room for `capacity` of it */
    int64_t capacity; /* 0: they do not */
} StatePair;

/* The value of a weight, shared by the program and the runs that began with it. */
typedef struct HeldWeight {
    int64_t users; /* under the program's lock */
    size_t bytes;
    _Alignas(64) char data[];
} HeldWeight;

typedef struct FreeWeight {
    const char *name;
    int input; /* of the inner program's; -1: nobody reads it */
    TnTensor original;
    HeldWeight *held; /* NULL: the original */
} FreeWeight;

struct TnProgram {
    Boundary boundary;
    TnAllocator allocator;
    Arena *arena;
    TnModel *model;
    Program *program;
    Model *graph; /* what it was compiled from; NULL: it was loaded */
    /* While compiling: */
    Budget budget;
    ThreadPool *pool;
    StepEntry *steps; /* in order of execution */
    int step_count, kernel_count;
    bool from_cache;
    atomic_bool is_quick;
    Map step_numbers; /* Step -> its number + 1 */
    const char *reports[6];
    /* The ports that callers see, by numbers of the inner program's. */
    int input_count, output_count, state_count, weight_count;
    int *inputs, *outputs;
    StatePair *states;
    FreeWeight *weights;
    pthread_mutex_t lock;     /* of the weights' `held` */
    pthread_mutex_t building; /* of the arena, the graph and what is made of them */
};

typedef struct StepTime {
    int64_t runs, nanoseconds;
} StepTime;

/* A state's value, and the memory of the one that a run makes from it. */
typedef struct ContextState {
    bool is_set;
    TnTensor value; /* in memory[current] */
    char *memory[2];
    size_t capacity[2]; /* bytes */
    int current;        /* 0 of one that runs append to: memory[1] is for callers to look at */
} ContextState;

struct TnContext {
    const TnProgram *program;
    TnAllocator allocator;
    Run *run;
    ThreadPool *pool;
    atomic_bool cancelled;
    StepTime *times; /* by step; NULL: nobody wants them */
    /* Where the program has states or weights of its own: */
    TnValue *inputs, *outputs; /* the inner program's */
    ContextState *states;
    HeldWeight **held; /* by weight, while a run is under way */
};

/* ---- message.c --------------------------------------------------------------------------- */

/* Options of an older caller may be shorter than ours. */
void api_copy_options(void *own, size_t own_size, const void *given);
/* Fills a struct that begins with its `size`, which may be that of an older header, from ours. */
void api_give(void *to, const void *own, size_t own_size);
/* Tells of the diagnostics from number `from` on. */
void api_tell(const Listener *listener, Arena *arena, const Diagnostics *diagnostics, int64_t from);

/* ---- model.c ----------------------------------------------------------------------------- */

TnModel *model_hold(TnModel *model); /* one user more */
/* A model without a document. */
TnStatus model_make(const char *name, const TnLoadOptions *given, TnModel **model);

void sight_destroy(Sight *sight); /* accepts NULL */

/* ---- build.c ----------------------------------------------------------------------------- */

Draft *model_draft(TnModel *model);
/* After an edit: the model looks otherwise, or its listeners hear why not. */
TnStatus model_edited(TnModel *model, bool done);

/* ---- program.c --------------------------------------------------------------------------- */

/* Fills the list of steps. */
void program_list_steps(TnProgram *program);

/* ---- operator.c -------------------------------------------------------------------------- */

bool operator_is_called(const TnOperator *op, const char *name); /* "acme.Swish" */
/* Gives a step of a loaded program its function; false, and why, if the operator cannot be what the
 * model was compiled for. */
bool operator_bind(Arena *arena, const TnOperator *op, HostStep *step, const char **reason);

/* ---- ports.c ----------------------------------------------------------------------------- */

/* Which of the inner program's ports callers see, and which are ends of states and weights. */
TnStatus program_set_ports(TnProgram *program, const TnCompileOptions *options,
                           const FreedWeight *freed, Diagnostics *diagnostics);

/* ---- state.c ----------------------------------------------------------------------------- */

/* Before and after a run: past values go in, memory for present ones is there; what was made takes
 * their place. */
TnStatus context_open_states(TnContext *context);
void context_close_states(TnContext *context);
TnStatus context_lend_states(TnContext *context);
TnStatus context_take_states(TnContext *context);

/* ---- weight.c ---------------------------------------------------------------------------- */

void context_hold_weights(TnContext *context);
void context_release_weights(TnContext *context);
void program_release_weights(TnProgram *program);

#endif
