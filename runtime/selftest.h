/* SPDX-License-Identifier: Apache-2.0
 *
 * The function behind every NAME_selftest: the checksum over the weights, and a run on the inputs
 * that are in the file, compared with the results that are.
 *
 *   arena:  | NAME_inputs | NAME_outputs | arena of the run ... |
 */
#ifndef RUNTIME_SELFTEST_H
#define RUNTIME_SELFTEST_H

#include "tenon_model.h"

enum { SELFTEST_SUM_BYTES = 64 }; /* behind the weights: their checksum, and zeroes */

/* What the selftest takes of the arena before the run's, a multiple of 64. */
int64_t selftest_head_bytes(const TnArtifactInfo *model);

/* TN_INVALID_MODEL, and in options.message what is wrong, if the file or the machine does not do
 * what it should. */
TnStatus selftest_enter(const TnArtifactInfo *model, void *arena, size_t arena_bytes,
                        const TnRunOptions *options);

#endif
