/* SPDX-License-Identifier: Apache-2.0
 *
 * The weights of lowered programs: constants as they are and packed ones, one behind the other,
 * each aligned to 64, equal ones once.
 */
#ifndef CODEGEN_ARTIFACT_WEIGHTS_H
#define CODEGEN_ARTIFACT_WEIGHTS_H

#include "codegen/compile.h"
#include "codegen/pack.h"

typedef struct Weight {
    int64_t offset, bytes;
    const void *source; /* NULL: packed constant number `index` of `packed` */
    const PackedConstants *packed;
    int64_t index;
} Weight;

typedef struct Weights {
    Weight *items;
    int64_t count;
    int64_t bytes; /* of all, a multiple of 64 */
    uint64_t hash; /* of the model's constants */
    bool has_sum;  /* the last SELFTEST_SUM_BYTES are a checksum of all before them */
} Weights;

/* Gives every constant of some programs but strings a place, and turns their buffers into
 * BUFFER_weight. Packed constants whose source and movement are equal are one, too. */
Weights *weights_plan(Arena *arena, const Lowered *const *lowered, int count, bool has_sum);
/* Writes weights->bytes bytes to zeroed memory, aligned to 64: a mapped file, say. */
void weights_write(const Weights *weights, const Parallel *parallel, char *memory);

#endif
