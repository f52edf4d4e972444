/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan of an arena: an offset for every buffer, so that buffers that live at the same time do
 * not overlap.
 */
#ifndef CODEGEN_PLAN_MEMORY_H
#define CODEGEN_PLAN_MEMORY_H

#include "ir/expr/expr.h"

typedef struct PlanItem {
    const Expr *bytes;   /* a number, or an index over symbols */
    int64_t first, last; /* steps, inclusive */
    const Expr *offset;  /* the plan's answer, a multiple of MEMORY_ALIGNMENT */
} PlanItem;

/* Bytes of the whole arena: a number where all sizes are. Buffers of known size come first, placed
 * by size, each at the lowest offset that is free for its life. Buffers of symbolic size follow:
 * those whose lives do not meet share a slot as large as the largest of them; the offset of a slot
 * is the sum of those before it. NULL if a number overflows. */
const Expr *plan_memory(ExprPool *pool, Arena *arena, PlanItem *items, int64_t count);

#endif
