/* SPDX-License-Identifier: Apache-2.0
 *
 * What grouping wants to know of a node, read off the kernel that its operator lowers to: no
 * operator is named.
 */
#ifndef PASSES_KERNEL_FACTS_H
#define PASSES_KERNEL_FACTS_H

#include "ir/ops/op.h"

typedef enum KernelShape {
    SHAPE_none,        /* no kernel: host functions, control flow, strings */
    SHAPE_view,        /* the operand's bytes: costs nothing, stands between kernels */
    SHAPE_map,         /* every element of the result by itself */
    SHAPE_reduction,   /* the last axes of an operand are reduced, each row by itself */
    SHAPE_rows,        /* rows are reduced, and the result has their elements again: softmax */
    SHAPE_contraction, /* sums of products, and other reductions over windows */
    SHAPE_other,       /* scans, scatters, several results: a kernel that stays alone */
} KernelShape;

typedef struct KernelFacts {
    KernelShape shape;
    double elements, bytes; /* of the result; sizes that only running tells are guessed */
    bool moves;             /* a map that only moves elements, by affine indices */
    bool strided;           /* a map that reads across memory while it writes along it */
    /* Of a contraction: the operand whose vectors are multiplied, -1 if none is known, and whether
     * all sums have a known length, so that it can be packed. */
    int lane_operand;
    bool sums_known;
    /* Of a reduction, and of rows: what is walked over, and how many last axes a row has. */
    int full_rank, row_axes;
    const Expr *full[MAX_RANK];
} KernelFacts;

KernelFacts kernel_facts(ExprPool *pool, const Node *node);
/* expr_estimate() of how many elements there are. */
double estimate_elements(ExprPool *pool, const Type *type);

#endif
