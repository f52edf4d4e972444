/* SPDX-License-Identifier: Apache-2.0
 *
 * What reductions over axes share: see reduction.h.
 */
#include "ir/ops/reduction.h"

void infer_reduced(InferContext *context, Node *node, TnElementType element, const bool *is_axis,
                   bool keep)
{
    const Type *type = operand_type(node, 0);
    const Expr *dims[MAX_RANK];
    int rank = 0;
    for (int d = 0; d < type->rank; d++) {
        if (!is_axis[d])
            dims[rank++] = type->dims[d];
        else if (keep)
            dims[rank++] = expr_integer(context->pool, 1);
    }
    infer_set(context, node, 0, element, rank, dims);
}

Reduction lower_reduction(const Lowering *l, const Tensor *operand, const Tensor *out,
                          const bool *is_axis, Combine combine)
{
    Reduction r = {.compute = kernel_reduce(l->kernel, out, combine)};
    bool keep = out->rank == operand->rank;
    int kept = 0;
    for (int d = 0; d < operand->rank; d++) {
        if (is_axis[d]) {
            r.reduced[d] = compute_reduce_axis(l->kernel, r.compute, operand->shape[d]);
            r.indices[d] = r.reduced[d];
        } else {
            r.indices[d] = compute_axis(l->kernel, r.compute, keep ? d : kept);
            kept++;
        }
    }
    return r;
}

void reduced_indices(const Lowering *l, int rank, const Expr *const *indices, const bool *is_axis,
                     const Tensor *reduced, const Expr **own)
{
    bool keep = reduced->rank == rank;
    int kept = 0;
    for (int d = 0; d < rank; d++) {
        if (!is_axis[d])
            own[keep ? d : kept++] = indices[d];
        else if (keep)
            own[d] = expr_integer(l->pool, 0);
    }
}

const Tensor *reduced_temporary(const Lowering *l, const char *name, TnElementType element,
                                const Tensor *operand, const bool *is_axis)
{
    const Expr *shape[MAX_RANK];
    for (int d = 0; d < operand->rank; d++)
        shape[d] = is_axis[d] ? expr_integer(l->pool, 1) : operand->shape[d];
    return lower_temporary(l, name, element, operand->rank, shape);
}
