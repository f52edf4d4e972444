/* SPDX-License-Identifier: Apache-2.0
 *
 * What must hold of a kernel: the right counts of axes, bodies of the type that is stored, loads of
 * tensors of this kernel that have been made, and no axis that is not in scope.
 */
#include "kernel.h"

#include "ir/support/array.h"

typedef struct Verifier {
    const Kernel *kernel;
    const Compute *compute;
    bool *made; /* by slot */
    const char *problem;
} Verifier;

#define PROBLEM(v, ...)                                                                            \
    ((v)->problem = (v)->problem ? (v)->problem                                                    \
                                 : arena_format(expr_pool_arena((v)->kernel->pool), __VA_ARGS__))

static bool in_scope(const Compute *compute, const Axis *axis)
{
    for (int i = 0; i < compute->axis_count; i++)
        if (compute->axes[i] == axis)
            return true;
    for (int i = 0; i < compute->reduce_count; i++)
        if (compute->reduce_axes[i] == axis)
            return true;
    return false;
}

static bool is_of_kernel(const Kernel *kernel, const Tensor *tensor)
{
    return tensor->slot >= 0 && tensor->slot < kernel->tensor_count &&
           kernel->tensors[tensor->slot] == tensor;
}

static void verify_load(Verifier *v, const Expr *e)
{
    const Tensor *tensor = e->object;
    const char *out = v->compute->out->name;
    if (!is_of_kernel(v->kernel, tensor))
        PROBLEM(v, "%s loads a tensor %s of another kernel", out, tensor->name);
    else if (!v->made[tensor->slot])
        PROBLEM(v, "%s loads %s, which is not made before", out, tensor->name);
    else if (e->count != tensor->rank + e->has_fill)
        PROBLEM(v, "%s loads %s with %d indices, its rank is %d", out, tensor->name,
                e->count - e->has_fill, tensor->rank);
    else if (e->type != element_compute_type(tensor->element))
        PROBLEM(v, "%s loads %s as %s", out, tensor->name, element_name(e->type));
    for (int d = 0; !v->problem && d < tensor->rank; d++)
        if (e->src[d]->type != EXPR_INDEX)
            PROBLEM(v, "%s loads %s at a value, not an index", out, tensor->name);
    if (!v->problem && e->has_fill && e->src[e->count - 1]->type != e->type)
        PROBLEM(v, "%s loads %s with a fill of another type", out, tensor->name);
}

static void verify_node(void *user, const Expr *e)
{
    Verifier *v = user;
    if (e->kind == EXPR_load)
        verify_load(v, e);
    else if (e->kind == EXPR_fetch || e->kind == EXPR_cell)
        PROBLEM(v, "%s has a %s, which is for nests", v->compute->out->name,
                expr_kind_name(e->kind));
    else if (e->kind == EXPR_axis && !in_scope(v->compute, e->object))
        PROBLEM(v, "%s uses the axis %s, which is not in scope", v->compute->out->name,
                ((const Axis *)e->object)->name);
}

static void verify_axes(Verifier *v)
{
    const Compute *compute = v->compute;
    const Tensor *out = compute->out;
    if (compute->kind != COMPUTE_scatter) {
        if (compute->axis_count != out->rank)
            PROBLEM(v, "%s has %d axes, its rank is %d", out->name, compute->axis_count, out->rank);
        for (int d = 0; !v->problem && d < out->rank; d++)
            if (compute->axes[d]->extent != out->shape[d])
                PROBLEM(v, "%s: axis %d is not as long as the dimension", out->name, d);
    }
    if (compute->kind != COMPUTE_reduce && compute->reduce_count)
        PROBLEM(v, "%s is no reduction and has reduce axes", out->name);
    if ((compute->kind == COMPUTE_reduce || compute->kind == COMPUTE_scan) &&
        compute->combine == COMBINE_none)
        PROBLEM(v, "%s does not say how to combine", out->name);
    if (compute->kind == COMPUTE_map && compute->combine != COMBINE_none)
        PROBLEM(v, "%s is a map and combines", out->name);
    if (compute->kind == COMPUTE_scan && (compute->scan_dim < 0 || compute->scan_dim >= out->rank))
        PROBLEM(v, "%s scans along dimension %d of %d", out->name, compute->scan_dim, out->rank);
}

static void verify_compute(Verifier *v)
{
    const Compute *compute = v->compute;
    const Tensor *out = compute->out;
    if (!is_of_kernel(v->kernel, out)) {
        PROBLEM(v, "a compute makes %s, a tensor of another kernel", out->name);
        return;
    }
    if (out->role == TENSOR_input || out->role == TENSOR_constant)
        PROBLEM(v, "a compute writes to %s, which is read only", out->name);
    verify_axes(v);
    if (!compute->body) {
        PROBLEM(v, "%s has no body", out->name);
        return;
    }
    TnElementType type = compute->body->type;
    if (type != element_compute_type(out->element) && type != out->element &&
        !(compute->kind == COMPUTE_reduce && type == compute->accumulate))
        PROBLEM(v, "%s: %s is stored as %s", out->name,
                type == EXPR_INDEX ? "an index" : element_name(type), element_name(out->element));
    expr_walk(v->kernel->pool, compute->body, verify_node, v);
    for (int d = 0; compute->kind == COMPUTE_scatter && !v->problem && d < out->rank; d++) {
        if (!compute->target[d] || compute->target[d]->type != EXPR_INDEX)
            PROBLEM(v, "%s: target %d is not an index", out->name, d);
        else
            expr_walk(v->kernel->pool, compute->target[d], verify_node, v);
    }
}

const char *kernel_verify(const Kernel *kernel)
{
    Verifier v = {.kernel = kernel};
    v.made = ARENA_ARRAY(expr_pool_arena(kernel->pool), bool, kernel->tensor_count + 1);
    for (int i = 0; i < kernel->tensor_count; i++) {
        TensorRole role = kernel->tensors[i]->role;
        v.made[i] = role == TENSOR_input || role == TENSOR_constant;
        if (kernel->tensors[i]->slot != i)
            return "a tensor is not at its slot";
    }
    for (int i = 0; i < kernel->compute_count && !v.problem; i++) {
        v.compute = kernel->computes[i];
        verify_compute(&v);
        if (!v.problem)
            v.made[v.compute->out->slot] = true;
    }
    return v.problem;
}
