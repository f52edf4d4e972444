/* SPDX-License-Identifier: Apache-2.0
 *
 * From an optimised model to a program.
 */
#ifndef CODEGEN_COMPILE_H
#define CODEGEN_COMPILE_H

#include "codegen/backend.h"
#include "codegen/listing.h"
#include "ir/graph/graph.h"
#include "runtime/program.h"

/* A state that a run adds to along one axis, and the most that it may have of it. */
typedef struct GrowingState {
    const char *past, *present; /* names of an input and an output */
    int64_t capacity;
} GrowingState;

typedef struct CompileSettings {
    const Backend *backend;
    Target target;
    bool writes_c; /* the nests become C, which has no type for strings and complex numbers */
    bool moves_constants; /* the bytes of constants will be copied: they need not be aligned */
    Listing *listing;     /* receives kernels and loop nests; or NULL */
    Text *choices;        /* receives what schedules were chosen of; or NULL */
    Parallel parallel;    /* for packing constants; zeroed: the calling thread alone */
    const GrowingState *growing; /* to be appended to where they lie, if that can be */
    int growing_count;
    bool split_kernels; /* a step for each compute; what passes between them lies in memory */
} CompileSettings;

/* For this machine, with LLVM. */
void compile_settings_default(CompileSettings *settings);

/* An input that is a weight of the model's which may be replaced, and its own value. */
typedef struct FreedInput {
    int input;
    const void *data;
    int64_t bytes;
} FreedInput;

/* A program without code: its phases hold a Phase in `kernel`, and packed constants are not made
 * yet. Of it program_compile() makes one that runs here, and codegen/artifact one for a file. */
typedef struct Lowered {
    Model *model;
    Program *program;
    Phase **phases; /* those that have a function */
    int phase_count;
    const bool *is_entry; /* by symbol: the inputs give it its value */
    const Expr *arena;    /* bytes of the planned buffers */
    void *packed;         /* PackedConstants; or NULL */
    const FreedInput *freed;
    int freed_count;
} Lowered;

/* All nodes must have a meaning of their own (decompose has run). The program borrows from the
 * model's arena and constants, which must outlive it. The diagnostics say why it failed. The
 * model's symbols may gain new ones. */
TnStatus program_lower(Model *model, const CompileSettings *settings, Lowered *lowered,
                       Diagnostics *diagnostics);

/* program_lower() and code for this process. program_destroy() releases the code. On failure
 * *program is NULL. */
TnStatus program_compile(Model *model, const CompileSettings *settings, Program **program,
                         Diagnostics *diagnostics);

/* Of a program that was compiled for a quick target: the code that it would have otherwise, in the
 * quick code's stead. Runs may go on meanwhile: those under way change over between two steps. The
 * quick code stays until the program is destroyed. */
TnStatus program_recompile(Program *program, const Parallel *parallel, Diagnostics *diagnostics);

void program_destroy(Program *program); /* accepts NULL */

/* The steps as text, for --explain and tests. */
void program_print(const Program *program, Text *text);

#endif
