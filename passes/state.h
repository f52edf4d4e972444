/* SPDX-License-Identifier: Apache-2.0
 *
 * What the driver keeps while it runs a pipeline; for the files of the driver alone.
 */
#ifndef PASSES_STATE_H
#define PASSES_STATE_H

#include "passes/run.h"

typedef struct PassRun {
    Model *model;
    const RunOptions *options;
    Arena *scratch;
    RunReport *report;
    InferContext infer;
    PassStatistics *statistics; /* of the pass that runs now */
    int64_t executed;           /* runs of passes so far */
    int64_t replay;             /* stop before this one; -1: do not */
    bool stopped;
    TnStatus status;
    const PassDef *pass;      /* that runs now, or ran last */
    const PipelineStep *step; /* its step */
} PassRun;

#endif
