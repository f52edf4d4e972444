/* SPDX-License-Identifier: Apache-2.0
 *
 * Maps that follow a reduction and read its result point by point are attached to it: their value
 * is the epilogue, over the cell ACCUMULATOR, which stands for the result. So it is computed in
 * registers, before the one store.
 */
#ifndef CODEGEN_EPILOGUE_H
#define CODEGEN_EPILOGUE_H

#include "ir/kernel/nest.h"

extern const Array ACCUMULATOR;

typedef struct Epilogue {
    const Expr *value;             /* over loads and ACCUMULATOR */
    const Tensor *result;          /* what is stored */
    const Expr *indices[MAX_RANK]; /* of result, over the reduction's axes */
    int compute_count;             /* the reduction and what is attached to it */
} Epilogue;

/* Of the reduction number `first`, which is carried in float. */
Epilogue epilogue_collect(const Kernel *kernel, int first);
/* The epilogue with a value for the sum. */
const Expr *epilogue_apply(ExprPool *pool, const Expr *epilogue, const Expr *sum);

#endif
