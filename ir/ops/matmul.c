/* SPDX-License-Identifier: Apache-2.0
 *
 * MatMul, as NumPy's matmul.
 */
#include "ir/ops/matmul.h"

const Expr *matmul_depth(const Tensor *a, const Tensor *b)
{
    const Expr *rows = b->shape[b->rank > 1 ? b->rank - 2 : 0];
    return expr_known(rows, NULL) ? rows : a->shape[a->rank - 1];
}

/* The batch axes of an operand, as a type that can be broadcast. */
static Type batch_of(const Type *type)
{
    Type batch = *type;
    batch.rank = type->rank > 2 ? type->rank - 2 : 0;
    return batch;
}

bool matmul_infer_dims(InferContext *context, const Node *node, int a_operand, int b_operand,
                       int *rank, const Expr **dims)
{
    const Type *a = operand_type(node, a_operand), *b = operand_type(node, b_operand);
    if (a->rank < 1 || b->rank < 1)
        return infer_error(context, node, "operands have ranks %d and %d, expected 1 or more",
                           a->rank, b->rank);
    const Expr *rows = b->dims[b->rank == 1 ? 0 : b->rank - 2];
    if (!infer_equal(context, node, a->dims[a->rank - 1], rows, "A's columns and B's rows"))
        return false;
    Type batches[] = {batch_of(a), batch_of(b)};
    const Type *both[] = {&batches[0], &batches[1]};
    if (!infer_broadcast(context, node, 2, both, rank, dims))
        return false;
    if (a->rank > 1)
        dims[(*rank)++] = a->dims[a->rank - 2];
    if (b->rank > 1)
        dims[(*rank)++] = b->dims[b->rank - 1];
    return true;
}

MatMulIndices matmul_indices(ExprPool *pool, const Tensor *a, const Tensor *b, const Tensor *out,
                             const Expr *const *at, const Expr *k)
{
    MatMulIndices indices;
    int batch = out->rank - (a->rank > 1) - (b->rank > 1);
    for (int d = 0; d < a->rank - 2; d++) {
        int from = batch - (a->rank - 2) + d;
        indices.a[d] = lower_stretch(pool, at[from], a->shape[d], out->shape[from]);
    }
    for (int d = 0; d < b->rank - 2; d++) {
        int from = batch - (b->rank - 2) + d;
        indices.b[d] = lower_stretch(pool, at[from], b->shape[d], out->shape[from]);
    }
    if (a->rank > 1)
        indices.a[a->rank - 2] = at[batch];
    indices.a[a->rank - 1] = k;
    indices.b[b->rank == 1 ? 0 : b->rank - 2] = k;
    if (b->rank > 1)
        indices.b[b->rank - 1] = at[out->rank - 1];
    return indices;
}

static bool infer(InferContext *context, Node *node)
{
    int rank;
    const Expr *dims[2 * MAX_RANK];
    if (!matmul_infer_dims(context, node, 0, 1, &rank, dims))
        return false;
    infer_set(context, node, 0, operand_type(node, 0)->element, rank, dims);
    return true;
}

static void lower(Lowering *l)
{
    const Tensor *a = l->in[0], *b = l->in[1], *y = l->out[0];
    Compute *reduce = kernel_reduce(l->kernel, y, COMBINE_sum);
    const Expr *at[MAX_RANK];
    lower_indices(l, reduce, at);
    const Expr *k = compute_reduce_axis(l->kernel, reduce, matmul_depth(a, b));
    MatMulIndices indices = matmul_indices(l->pool, a, b, y, at, k);
    reduce->body =
        product_of(l->pool, expr_load(l->pool, a, indices.a), expr_load(l->pool, b, indices.b));
}

#define TYPES_MATMUL                                                                               \
    (TYPES_FLOAT | TYPE_BIT(TN_UINT32) | TYPE_BIT(TN_UINT64) | TYPE_BIT(TN_INT32) |                \
     TYPE_BIT(TN_INT64))

static const OperandDef operands[] = {
    {.name = "A", .types = TYPES_MATMUL, .group = 'T'},
    {.name = "B", .types = TYPES_MATMUL, .group = 'T'},
};
static const OperandDef results[] = {{.name = "Y", .types = TYPES_MATMUL, .group = 'T'}};

const OpDef op_matmul = {
    .name = "MatMul",
    .domain = "",
    .summary = "y[..., i, j] = sum over k of a[..., i, k] * b[..., k, j]",
    .since = 13,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    .infer = infer,
    .lower = lower,
};
