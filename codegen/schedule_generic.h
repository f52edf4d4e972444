/* SPDX-License-Identifier: Apache-2.0
 *
 * The schedule for any compute, alone or as a member of a function that shares loops around
 * several.
 */
#ifndef CODEGEN_SCHEDULE_GENERIC_H
#define CODEGEN_SCHEDULE_GENERIC_H

#include "codegen/schedule.h"

typedef struct Member {
    ExprPool *pool;
    const Target *target;
    const Compute *compute;
    Function *function;
    NestBuilder *b;
    const Tensor *out;     /* compute->out, or what stands for it */
    const Expr *body, *to; /* over fetches; the offset in out */
    const Expr *epilogue;  /* of a reduction, what is stored for ACCUMULATOR; NULL: that itself */
    int axis_count, reduce_count;
    const Axis *axes[2 * MAX_RANK], *reduce[2 * MAX_RANK]; /* outermost first, none of extent 1 */
    const Axis *scan;
    const Axis *along; /* the axis that lanes run along, or NULL; its loop is innermost */
    int lanes;
    bool is_inner;         /* loops around it are open: nothing is left to share between threads */
    int opened;            /* outer loops */
    const Array *partials; /* of a sum over lanes */
} Member;

/* body: over fetches already; to: the offset in `out` of the compute's indices. */
void member_begin(Member *m, const Target *target, Function *function, NestBuilder *b,
                  const Compute *compute);
void member_substitute(Member *m, const Axis *axis, const Expr *by);
/* Makes outer * extent(inner) + inner one axis. */
bool member_can_fuse(const Member *m, const Axis *outer, const Axis *inner);
void member_build(Member *m);
/* Cycles of all steps that the member does inside the loops around it, a guess. */
double member_cost(const Member *m);

#endif
