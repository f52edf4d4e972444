/* SPDX-License-Identifier: Apache-2.0
 *
 * What the targets that compile share: a model through a pipeline, and on to a program of the
 * interpreter. Whatever the model and the pipeline, an error has words, and none of ours is found.
 */
#ifndef TESTS_FUZZ_COMPILING_H
#define TESTS_FUZZ_COMPILING_H

#include "codegen/compile.h"
#include "passes/run.h"

#include <stdio.h>
#include <stdlib.h>

static inline void fuzz_fail(const Diagnostics *diagnostics, const char *what)
{
    fprintf(stderr, "%s\n", what);
    for (int64_t i = 0; i < diagnostics->count; i++)
        fprintf(stderr, "  %s\n", diagnostics->items[i].message);
    abort();
}

static inline bool fuzz_check(TnStatus status, const Diagnostics *diagnostics, const char *what)
{
    if (status == TN_INTERNAL || (status != TN_OK && diagnostics->error_count == 0))
        fuzz_fail(diagnostics, what);
    return status == TN_OK;
}

/* A sparse tensor of a few bytes may stand for a million elements, which take minutes to print and
 * read again after each pass. */
enum { LARGEST_PRINTED = 2 << 20 };

static inline bool fuzz_optimise(Model *model, const char *pipeline, bool roundtrip, Arena *scratch)
{
    RunReport report;
    RunOptions options = run_options_default();
    options.pipeline = pipeline;
    options.verify_each = true;
    options.roundtrip_each = roundtrip && arena_bytes(model->arena) <= LARGEST_PRINTED;
    return fuzz_check(passes_run(model, &options, scratch, &report), model->diagnostics, pipeline);
}

/* NULL where that is not possible. */
static inline Program *fuzz_compile(Model *model)
{
    Program *program;
    CompileSettings settings;
    compile_settings_default(&settings);
    settings.backend = &backend_interpreter;
    fuzz_check(program_compile(model, &settings, &program, model->diagnostics), model->diagnostics,
               "compile");
    return program;
}

#endif
