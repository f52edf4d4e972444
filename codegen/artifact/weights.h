/* SPDX-License-Identifier: Apache-2.0
 *
 * The weights of a lowered program: constants as they are and packed ones, one behind the other,
 * each aligned to 64, equal ones once.
 */
#ifndef CODEGEN_ARTIFACT_WEIGHTS_H
#define CODEGEN_ARTIFACT_WEIGHTS_H

#include "codegen/compile.h"

typedef struct Weight {
    int64_t offset, bytes;
    const void *source; /* NULL: packed constant number `packed` */
    int64_t packed;
} Weight;

typedef struct Weights {
    const Lowered *lowered;
    Weight *items;
    int64_t count;
    int64_t bytes; /* of all, a multiple of 64 */
    uint64_t hash; /* of the model's constants */
} Weights;

/* Gives every constant but strings a place, and turns the program's buffers into BUFFER_weight. */
Weights *weights_plan(const Lowered *lowered);
/* Writes weights->bytes bytes to zeroed memory, aligned to 64: a mapped file, say. */
void weights_write(const Weights *weights, const Parallel *parallel, char *memory);

#endif
