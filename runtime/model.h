/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a compiled model through the structs of its own header. The one function behind every
 * NAME_run.
 *
 *   arena:  | ModelRun | tables of the run | values of inputs, outputs | arena of the run ... |
 */
#ifndef RUNTIME_MODEL_H
#define RUNTIME_MODEL_H

#include "runtime/program.h"
#include "tenon_model.h"

/* What a run takes of the arena before the planned buffers, a multiple of 64. */
int64_t model_head_bytes(const Program *program);
/* Bytes of an arena for `threads`, where the planned buffers take `planned`; -1: too many. */
int64_t model_arena_bytes(const Program *program, int64_t planned, int threads);

/* The code for this processor; or NULL, and what it lacks for the variant that asks least. */
const TnArtifactVariant *model_variant(const TnArtifactInfo *model, uint64_t *missing);

/* Its name, and those of all that is linked with it, end neither in _run nor in _model: models take
 * such names. */
TnStatus model_enter(const TnArtifactInfo *model, const void *inputs, void *outputs, void *arena,
                     size_t arena_bytes, const TnRunOptions *options);

#endif
