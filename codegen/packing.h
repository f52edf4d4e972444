/* SPDX-License-Identifier: Apache-2.0
 *
 * Constants rearranged at compile time, as a schedule asks (Function.packings).
 */
#ifndef CODEGEN_PACKING_H
#define CODEGEN_PACKING_H

#include "ir/kernel/nest.h"

/* An affine index: its value where all axes are 0, and its step along each of them. */
typedef struct Affine {
    int64_t start, steps[MAX_PACKING_AXES];
} Affine;

/* A packing whose offsets and guards are affine, as numbers. */
typedef struct PackingPlan {
    int axis_count, guard_count; /* axes without the mixed ones */
    size_t bytes;                /* of an element */
    const Mixing *mixing;
    int64_t mixed_steps[MAX_MIXED]; /* of the mixed axes in packed memory */
    int64_t extents[MAX_PACKING_AXES];
    Affine from, to, guards[MAX_PACKING_GUARDS]; /* inside where all guards are positive */
} PackingPlan;

size_t packing_bytes(const Packing *packing);
/* What a packing with a mixing stores for the value of its `from`. */
float packing_mixed(const Mixing *mixing, const void *source, int64_t from);
/* False if something in it is not affine, or not known. */
bool packing_plan(ExprPool *pool, const Packing *packing, PackingPlan *plan);
/* Writes the packed elements, the source being the tensor's; what the guards exclude is left as it
 * is. Several threads may do it at once. */
void packing_run(const PackingPlan *plan, const void *source, void *packed);

#endif
