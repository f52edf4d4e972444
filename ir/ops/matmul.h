/* SPDX-License-Identifier: Apache-2.0
 *
 * What MatMul, MatMulInteger and QLinearMatMul share: A[..., M, K] times B[..., K, N], batches
 * broadcast; an operand of rank 1 is a row (A) or a column (B) whose axis leaves the result again.
 */
#ifndef IR_OPS_MATMUL_H
#define IR_OPS_MATMUL_H

#include "ir/ops/lowering.h"

/* Sets the result's type from operands a and b. */
bool matmul_infer_dims(InferContext *context, const Node *node, int a, int b, int *rank,
                       const Expr **dims);

/* Where the axes of a compute over the result read the operands. */
typedef struct MatMulIndices {
    const Expr *a[MAX_RANK], *b[MAX_RANK];
} MatMulIndices;
/* `at`: indices of the result; k: of the contracted axis. */
MatMulIndices matmul_indices(ExprPool *pool, const Tensor *a, const Tensor *b, const Tensor *out,
                             const Expr *const *at, const Expr *k);
/* The size of the contracted axis: a number where either operand says so. */
const Expr *matmul_depth(const Tensor *a, const Tensor *b);

#endif
