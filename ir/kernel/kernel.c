/* SPDX-License-Identifier: Apache-2.0
 *
 * Building kernels: tensors, computes, axes; what combinations are; pruning.
 */
#include "kernel.h"

#include "ir/support/array.h"

#include <assert.h>
#include <string.h>

Kernel *kernel_create(ExprPool *pool, const char *name)
{
    Kernel *kernel = ARENA_NEW(expr_pool_arena(pool), Kernel);
    kernel->pool = pool;
    kernel->name = name;
    return kernel;
}

/* Room for one more pointer. */
static void *grow(Kernel *kernel, void *items, int count, int *capacity)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity ? *capacity * 2 : 4;
    void **grown = ARENA_ARRAY(expr_pool_arena(kernel->pool), void *, *capacity);
    if (count)
        memcpy(grown, items, (size_t)count * sizeof *grown);
    return grown;
}

static bool name_is_taken(const Kernel *kernel, const char *name)
{
    for (int i = 0; i < kernel->tensor_count; i++)
        if (strcmp(kernel->tensors[i]->name, name) == 0)
            return true;
    return false;
}

static const char *unique_name(Kernel *kernel, const char *name)
{
    const char *unique = name;
    for (int i = 2; name_is_taken(kernel, unique); i++)
        unique = arena_format(expr_pool_arena(kernel->pool), "%s_%d", name, i);
    return unique;
}

Tensor *kernel_tensor(Kernel *kernel, const char *name, TensorRole role, TnElementType element,
                      int rank, const Expr *const *shape)
{
    assert(rank >= 0 && rank <= MAX_RANK);
    Tensor *tensor = ARENA_NEW(expr_pool_arena(kernel->pool), Tensor);
    tensor->name = unique_name(kernel, name);
    tensor->role = role;
    tensor->element = element;
    tensor->rank = rank;
    tensor->slot = kernel->tensor_count;
    for (int d = 0; d < rank; d++)
        tensor->shape[d] = shape[d];
    tensor_set_layout(kernel->pool, tensor, NULL, NULL, NULL);
    kernel->tensors = grow(kernel, kernel->tensors, kernel->tensor_count, &kernel->tensor_capacity);
    return kernel->tensors[kernel->tensor_count++] = tensor;
}

/* ---- Computes ---------------------------------------------------------------------------- */

static const Axis *new_axis(Kernel *kernel, char letter, int number, const Expr *extent)
{
    static const char *const small[] = {"i0", "i1", "i2", "i3", "i4", "i5", "i6", "i7",
                                        "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"};
    const char *name = number < 8
                           ? small[number + (letter == 'r' ? 8 : 0)]
                           : arena_format(expr_pool_arena(kernel->pool), "%c%d", letter, number);
    return axis_create(kernel->pool, name, extent);
}

static Compute *add_compute(Kernel *kernel, ComputeKind kind, const Tensor *out, Combine combine)
{
    Compute *compute = ARENA_NEW(expr_pool_arena(kernel->pool), Compute);
    compute->kind = kind;
    compute->combine = combine;
    compute->out = out;
    compute->accumulate = element_compute_type(out->element);
    if (kind != COMPUTE_scatter)
        for (int d = 0; d < out->rank; d++)
            compute->axes[compute->axis_count++] = new_axis(kernel, 'i', d, out->shape[d]);
    kernel->computes =
        grow(kernel, kernel->computes, kernel->compute_count, &kernel->compute_capacity);
    return kernel->computes[kernel->compute_count++] = compute;
}

Compute *kernel_map(Kernel *kernel, const Tensor *out)
{
    return add_compute(kernel, COMPUTE_map, out, COMBINE_none);
}

Compute *kernel_reduce(Kernel *kernel, const Tensor *out, Combine combine)
{
    return add_compute(kernel, COMPUTE_reduce, out, combine);
}

Compute *kernel_scan(Kernel *kernel, const Tensor *out, Combine combine, int scan_dim)
{
    assert(scan_dim >= 0 && scan_dim < out->rank);
    Compute *compute = add_compute(kernel, COMPUTE_scan, out, combine);
    compute->scan_dim = scan_dim;
    return compute;
}

Compute *kernel_scatter(Kernel *kernel, const Tensor *out, Combine combine, int axis_count,
                        const Expr *const *extents)
{
    assert(axis_count <= 2 * MAX_RANK);
    Compute *compute = add_compute(kernel, COMPUTE_scatter, out, combine);
    for (int i = 0; i < axis_count; i++)
        compute->axes[compute->axis_count++] = new_axis(kernel, 'i', i, extents[i]);
    return compute;
}

const Expr *compute_reduce_axis(Kernel *kernel, Compute *compute, const Expr *extent)
{
    assert(compute->reduce_count < 2 * MAX_RANK);
    const Axis *axis = new_axis(kernel, 'r', compute->reduce_count, extent);
    compute->reduce_axes[compute->reduce_count++] = axis;
    return expr_axis(kernel->pool, axis);
}

const Expr *compute_axis(const Kernel *kernel, const Compute *compute, int i)
{
    assert(i >= 0 && i < compute->axis_count);
    return expr_axis(kernel->pool, compute->axes[i]);
}

/* ---- Combinations ------------------------------------------------------------------------ */

const Expr *combine_neutral(ExprPool *pool, Combine combine, TnElementType type)
{
    switch (combine) {
    case COMBINE_none:
    case COMBINE_sum:
    case COMBINE_or: return expr_bits(pool, type, 0);
    case COMBINE_product: return expr_whole(pool, type, 1);
    case COMBINE_max: return expr_lowest(pool, type);
    case COMBINE_min: return expr_highest(pool, type);
    case COMBINE_and: return type == TN_BOOL ? expr_bool(pool, true) : expr_whole(pool, type, -1);
    case COMBINE_COUNT: break;
    }
    assert(!"a combination");
    return NULL;
}

const Expr *combine_apply(ExprPool *pool, Combine combine, const Expr *a, const Expr *b)
{
    static const ExprKind kinds[COMBINE_COUNT] = {
        [COMBINE_sum] = EXPR_add,     [COMBINE_product] = EXPR_multiply,
        [COMBINE_max] = EXPR_maximum, [COMBINE_min] = EXPR_minimum,
        [COMBINE_and] = EXPR_and,     [COMBINE_or] = EXPR_or,
    };
    return combine == COMBINE_none ? b : expr_binary(pool, kinds[combine], a, b);
}

const char *combine_name(Combine combine)
{
    static const char *const names[COMBINE_COUNT] = {
        [COMBINE_none] = "store", [COMBINE_sum] = "sum", [COMBINE_product] = "product",
        [COMBINE_max] = "max",    [COMBINE_min] = "min", [COMBINE_and] = "and",
        [COMBINE_or] = "or",
    };
    return names[combine];
}

/* ---- Reading ----------------------------------------------------------------------------- */

typedef struct TensorSearch {
    const Tensor *tensor;
    bool found;
} TensorSearch;

static void look_for_tensor(void *user, const Expr *e)
{
    TensorSearch *search = user;
    search->found |= (e->kind == EXPR_load || e->kind == EXPR_fetch) && e->object == search->tensor;
}

bool expr_reads(ExprPool *pool, const Expr *e, const Tensor *tensor)
{
    TensorSearch search = {tensor, false};
    expr_walk(pool, e, look_for_tensor, &search);
    return search.found;
}

bool compute_reads(ExprPool *pool, const Compute *compute, const Tensor *tensor)
{
    bool reads = expr_reads(pool, compute->body, tensor);
    for (int d = 0; compute->kind == COMPUTE_scatter && !reads && d < compute->out->rank; d++)
        reads = expr_reads(pool, compute->target[d], tensor);
    return reads;
}

/* ---- Pruning ----------------------------------------------------------------------------- */

static void mark_load(void *user, const Expr *e)
{
    if (e->kind == EXPR_load)
        ((bool *)user)[((const Tensor *)e->object)->slot] = true;
}

static void mark_loads(const Kernel *kernel, const Compute *compute, bool *read)
{
    expr_walk(kernel->pool, compute->body, mark_load, read);
    for (int d = 0; compute->kind == COMPUTE_scatter && d < compute->out->rank; d++)
        expr_walk(kernel->pool, compute->target[d], mark_load, read);
}

/* Backwards: a compute stays if its tensor is a result or a later compute that stays reads it. */
void kernel_prune(Kernel *kernel)
{
    bool *wanted = ARENA_ARRAY(expr_pool_arena(kernel->pool), bool, kernel->tensor_count + 1);
    bool *stays = ARENA_ARRAY(expr_pool_arena(kernel->pool), bool, kernel->compute_count + 1);
    for (int i = kernel->compute_count - 1; i >= 0; i--) {
        const Compute *compute = kernel->computes[i];
        TensorRole role = compute->out->role;
        stays[i] =
            wanted[compute->out->slot] || (role != TENSOR_temporary && role != TENSOR_scratch);
        if (stays[i])
            mark_loads(kernel, compute, wanted);
    }
    int count = 0;
    for (int i = 0; i < kernel->compute_count; i++)
        if (stays[i])
            kernel->computes[count++] = kernel->computes[i];
    kernel->compute_count = count;
}

Kernel *kernel_single(const Kernel *kernel, int i)
{
    Kernel *single = ARENA_NEW(expr_pool_arena(kernel->pool), Kernel);
    *single = *kernel;
    single->compute_count = single->compute_capacity = 1;
    single->computes = &kernel->computes[i];
    return single;
}
