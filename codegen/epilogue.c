/* SPDX-License-Identifier: Apache-2.0
 *
 * Attaching maps to the reduction that they read.
 */
#include "epilogue.h"

const Array ACCUMULATOR = {.name = "sum", .type = TN_FLOAT, .count = 1, .id = -1};

typedef struct Attachment {
    ExprPool *pool;
    const Tensor *result;
    const Expr *value;
    const Axis *axes[MAX_RANK]; /* of the map, by dimension of the result */
    bool failed;
} Attachment;

static const Expr *attach_load(void *user, const Expr *e)
{
    Attachment *at = user;
    if (e->kind != EXPR_load || e->object != at->result)
        return e;
    for (int d = 0; d < at->result->rank; d++) {
        const Expr *index = e->src[d];
        if (index->kind == EXPR_axis && (!at->axes[d] || at->axes[d] == index->object))
            at->axes[d] = index->object;
        else if (!expr_is(index, 0) || !expr_is(at->result->shape[d], 1))
            at->failed = true;
    }
    at->failed |= e->has_fill;
    return at->value;
}

/* Whether the tensor is a temporary that only compute number `reader` reads. */
static bool is_private(const Kernel *kernel, const Tensor *tensor, int reader)
{
    if (tensor->role != TENSOR_temporary)
        return false;
    for (int i = 0; i < kernel->compute_count; i++)
        if (i != reader && compute_reads(kernel->pool, kernel->computes[i], tensor))
            return false;
    return compute_reads(kernel->pool, kernel->computes[reader], tensor);
}

/* The value of `sum` as it is read back from a tensor of that element type. */
static const Expr *as_stored(ExprPool *pool, const Tensor *tensor, const Expr *sum)
{
    TnElementType compute = element_compute_type(tensor->element);
    if (sum->type != tensor->element)
        sum = expr_convert(pool, tensor->element, sum);
    return sum->type == compute ? sum : expr_convert(pool, compute, sum);
}

/* Whether a tile of `from` is one of `to`: where `from` was laid out for the reduction's vectors,
 * `to` must lie in the same way. If it does not, a step of its own rearranges and computes at once.
 */
static bool keeps_layout(const Tensor *from, const Tensor *to)
{
    bool same = from->rank == to->rank;
    if (tensor_is_row_major(from))
        return true;
    for (int i = 0; same && i < from->layout.piece_count; i++)
        same = from->layout.pieces[i].dim == to->layout.pieces[i].dim;
    return same && from->layout.piece_count == to->layout.piece_count;
}

/* Makes a map the epilogue's outermost part. */
static bool attach_map(ExprPool *pool, Epilogue *e, const Compute *map)
{
    const Tensor *result = e->result;
    if (map->kind != COMPUTE_map || !keeps_layout(result, map->out))
        return false;
    Attachment at = {.pool = pool, .result = result, .value = as_stored(pool, result, e->value)};
    const Expr *value = expr_rewrite(pool, map->body, attach_load, &at), *moved[MAX_RANK];
    if (at.failed)
        return false;
    for (int i = 0; i < map->axis_count; i++) {
        bool known = expr_is(map->axes[i]->extent, 1);
        moved[i] = expr_axis(pool, map->axes[i]);
        for (int d = 0; d < result->rank; d++) {
            if (at.axes[d] != map->axes[i])
                continue;
            moved[i] = e->indices[d];
            known = result->shape[d] == map->axes[i]->extent;
        }
        if (!known)
            return false;
    }
    for (int d = 0; d < result->rank; d++) {
        if (!at.axes[d] && !expr_is(result->shape[d], 1))
            return false;
        if (at.axes[d])
            value = expr_substitute(pool, value, at.axes[d], e->indices[d]);
    }
    for (int i = 0; i < map->axis_count; i++)
        e->indices[i] = moved[i];
    e->value = value;
    e->result = map->out;
    e->compute_count++;
    return true;
}

Epilogue epilogue_collect(const Kernel *kernel, int first)
{
    ExprPool *pool = kernel->pool;
    const Compute *sum = kernel->computes[first];
    Epilogue e = {.result = sum->out, .compute_count = 1};
    e.value = expr_cell(pool, &ACCUMULATOR, expr_integer(pool, 0));
    for (int d = 0; d < sum->out->rank; d++)
        e.indices[d] = expr_axis(pool, sum->axes[d]);
    for (int i = first + 1; i < kernel->compute_count && is_private(kernel, e.result, i); i++)
        if (!attach_map(pool, &e, kernel->computes[i]))
            break;
    return e;
}

static const Expr *replace_sum(void *user, const Expr *e)
{
    return e->kind == EXPR_cell && e->object == &ACCUMULATOR ? user : e;
}

const Expr *epilogue_apply(ExprPool *pool, const Expr *epilogue, const Expr *sum)
{
    return expr_rewrite(pool, epilogue, replace_sum, (void *)sum);
}
