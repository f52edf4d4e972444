/* SPDX-License-Identifier: Apache-2.0
 *
 * What the operators' lower functions are made of.
 */
#include "ir/graph/constant.h"
#include "ir/ops/op.h"

/* Whether an index stays below `size` by construction: it is an axis of that extent. */
static bool runs_over(const Expr *index, const Expr *size)
{
    return index->kind == EXPR_axis && ((const Axis *)index->object)->extent == size;
}

const Expr *lower_broadcast(const Lowering *l, const Tensor *tensor, int rank,
                            const Expr *const *indices)
{
    const Expr *own[MAX_RANK];
    for (int d = 0; d < tensor->rank; d++) {
        const Expr *index = indices[rank - tensor->rank + d], *size = tensor->shape[d];
        if (expr_is(size, 1))
            own[d] = expr_integer(l->pool, 0);
        else if (runs_over(index, size))
            own[d] = index;
        else
            own[d] = expr_smaller(l->pool, index, expr_plus_integer(l->pool, size, -1));
    }
    return expr_load(l->pool, tensor, own);
}

const Tensor *lower_temporary(const Lowering *l, const char *name, TnElementType element, int rank,
                              const Expr *const *shape)
{
    return kernel_tensor(l->kernel, name, TENSOR_temporary, element, rank, shape);
}

void lower_indices(const Lowering *l, const Compute *compute, const Expr **indices)
{
    for (int i = 0; i < compute->axis_count; i++)
        indices[i] = compute_axis(l->kernel, compute, i);
}

const Expr *lower_flatten(ExprPool *pool, int rank, const Expr *const *shape,
                          const Expr *const *indices)
{
    const Expr *flat = expr_integer(pool, 0);
    for (int d = 0; d < rank; d++)
        flat = expr_plus(pool, expr_times(pool, flat, shape[d]), indices[d]);
    return flat;
}

void lower_unflatten(ExprPool *pool, const Expr *flat, int rank, const Expr *const *shape,
                     const Expr **indices)
{
    for (int d = rank - 1; d > 0; d--) {
        indices[d] = expr_modulus(pool, flat, shape[d]);
        flat = expr_quotient(pool, flat, shape[d]);
    }
    if (rank > 0)
        indices[0] = flat;
}

const Expr *lower_data_index(ExprPool *pool, const Expr *value, const Expr *extent)
{
    const Expr *index = expr_to_index(pool, value);
    const Expr *zero = expr_integer(pool, 0);
    const Expr *negative = expr_compare(pool, EXPR_less, index, zero);
    const Expr *counted = expr_select(pool, negative, expr_plus(pool, index, extent), index);
    const Expr *last = expr_plus_integer(pool, extent, -1);
    return expr_larger(pool, expr_smaller(pool, counted, last), zero);
}

static Tensor *add_tensor(Kernel *kernel, const Value *value, const char *name, TensorRole role)
{
    const Type *type = value->type;
    Tensor *tensor = kernel_tensor(kernel, name, role, type->element, type->rank, type->dims);
    if (value->constant)
        tensor->values = value->constant->data;
    return tensor;
}

Kernel *node_lower(ExprPool *pool, const Node *node)
{
    Arena *arena = expr_pool_arena(pool);
    const char *name = node_location(node).node;
    Kernel *kernel = kernel_create(pool, name ? name : node->op->name);
    const Tensor **in = ARENA_ARRAY(arena, const Tensor *, node->operand_count + 1);
    const Tensor **out = ARENA_ARRAY(arena, const Tensor *, node->result_count + 1);
    for (int i = 0; i < node->operand_count; i++) {
        const Value *value = operand(node, i);
        for (int k = 0; k < i && !in[i]; k++)
            in[i] = operand(node, k) == value ? in[k] : NULL;
        if (value && !in[i])
            in[i] = add_tensor(kernel, value, value->name,
                               value->constant ? TENSOR_constant : TENSOR_input);
    }
    for (int i = 0; i < node->result_count; i++)
        if (result(node, i)->name[0])
            out[i] = add_tensor(kernel, result(node, i), result(node, i)->name, TENSOR_output);
    Lowering lowering = {pool, kernel, node, in, out};
    node->op->lower(&lowering);
    return kernel;
}
