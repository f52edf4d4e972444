/* SPDX-License-Identifier: Apache-2.0
 *
 * From an optimised model to a program.
 */
#ifndef CODEGEN_COMPILE_H
#define CODEGEN_COMPILE_H

#include "codegen/backend.h"
#include "ir/graph/graph.h"
#include "runtime/program.h"

typedef struct CompileSettings {
    const Backend *backend;
    Target target;
    Text *listing;      /* receives kernels and loop nests; or NULL */
    Parallel parallel;  /* for packing constants; zeroed: the calling thread alone */
    bool split_kernels; /* a step for each compute; what passes between them lies in memory */
} CompileSettings;

/* For this machine, with LLVM. */
void compile_settings_default(CompileSettings *settings);

/* All nodes must have a meaning of their own (decompose has run). The program borrows from the
 * model's arena and constants, which must outlive it; program_destroy() releases the rest. On
 * failure *program is NULL and the diagnostics say why. The model's symbols may gain new ones. */
TnStatus program_compile(Model *model, const CompileSettings *settings, Program **program,
                         Diagnostics *diagnostics);

void program_destroy(Program *program); /* accepts NULL */

/* The steps as text, for --explain and tests. */
void program_print(const Program *program, Text *text);

#endif
