/* SPDX-License-Identifier: Apache-2.0
 *
 * Views: the same elements in the same order under another shape.
 */
#ifndef IR_OPS_VIEW_H
#define IR_OPS_VIEW_H

#include "ir/ops/elements.h"

/* out[i] = in[the indices of the element with the same row-major number]. Dimensions that are the
 * same on both sides keep their index; only groups of dimensions with one product between them are
 * divided and put together. */
void lower_view(Lowering *l);

/* The size s with product(dims other than `inferred`) * s = product(of): what -1 means in a
 * Reshape. Records that the division leaves nothing. NULL and an error where it cannot be. */
const Expr *infer_missing_size(InferContext *context, const Node *node, const Type *of, int rank,
                               const Expr *const *dims, int inferred);

#endif
