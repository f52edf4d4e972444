/* SPDX-License-Identifier: Apache-2.0
 *
 * Means and variances over some axes of a tensor, in two passes (the mean first, then the mean of
 * squared differences), as the normalisations need them.
 */
#ifndef IR_OPS_MOMENTS_H
#define IR_OPS_MOMENTS_H

#include "ir/ops/lowering.h"

/* Which elements are normalised together: axis d of the tensor is summed where summed[d]. The
 * temporaries have one dimension for each axis that is not, in order. */
typedef struct Moments {
    const Tensor *mean, *variance; /* in the compute type; mean is NULL for mean squares */
    bool summed[MAX_RANK];
} Moments;

Moments moments_create(const Lowering *l, const Tensor *x, TnElementType type, const bool *summed);
/* The mean of squares in `variance`, no mean. */
Moments mean_square_create(const Lowering *l, const Tensor *x, TnElementType type,
                           const bool *summed);
/* The moments of groups of channels, for each [n, group]: axis 1 of x is cut in `groups` groups. */
Moments moments_of_groups(const Lowering *l, const Tensor *x, TnElementType type, int64_t groups);
/* The moments of the group that x's element at[] belongs to. */
const Expr *moments_mean(const Lowering *l, const Moments *moments, int rank,
                         const Expr *const *at);
const Expr *moments_variance(const Lowering *l, const Moments *moments, int rank,
                             const Expr *const *at);
/* 1 / sqrt(variance + epsilon) */
const Expr *inverse_deviation(ExprPool *pool, const Expr *variance, double epsilon);

#endif
