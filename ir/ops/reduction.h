/* SPDX-License-Identifier: Apache-2.0
 *
 * What reductions over axes share: which axes, the result's shape, and one reduce compute.
 */
#ifndef IR_OPS_REDUCTION_H
#define IR_OPS_REDUCTION_H

#include "ir/ops/elements.h"

/* The operand's type without the axes, or with 1 in their place. */
void infer_reduced(InferContext *context, Node *node, TnElementType element, const bool *is_axis,
                   bool keep);

/* One reduce compute under construction: out[kept axes] = combine over the others of body. */
typedef struct Reduction {
    Compute *compute;
    const Expr *indices[MAX_RANK]; /* of an element of the operand */
    const Expr *reduced[MAX_RANK]; /* the same, NULL at kept axes */
} Reduction;

/* `out` has the operand's shape without the axes, or with 1 in their place. */
Reduction lower_reduction(const Lowering *l, const Tensor *operand, const Tensor *out,
                          const bool *is_axis, Combine combine);
/* The indices of a tensor shaped like `out` above, given those of an element of the operand. */
void reduced_indices(const Lowering *l, int rank, const Expr *const *indices, const bool *is_axis,
                     const Tensor *reduced, const Expr **own);
/* A temporary shaped as the operand with 1 at the axes. */
const Tensor *reduced_temporary(const Lowering *l, const char *name, TnElementType element,
                                const Tensor *operand, const bool *is_axis);

#endif
