/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel of a node, or of all the nodes of a group.
 *
 * In a group the values between nodes become temporaries. One that a map makes is put into its only
 * reader where that does not repeat work: as many elements are read as are made, or all that the
 * map does is move them.
 */
#include "codegen/builder.h"

#include <string.h>

typedef struct Assembly {
    ExprPool *pool;
    Arena *arena;
    Kernel *kernel;
    Map tensors; /* Value -> Tensor */
    ARRAY(Value *) values;
} Assembly;

static const Tensor *add_tensor(Assembly *a, Value *value, TensorRole role)
{
    const Type *type = value->type;
    Tensor *tensor =
        kernel_tensor(a->kernel, value->name, role, type->element, type->rank, type->dims);
    if (value->constant)
        tensor->values = value->constant->data;
    array_push(a->arena, &a->values, role == TENSOR_temporary ? NULL : value);
    map_set_pointer(&a->tensors, value, tensor);
    return tensor;
}

static const Tensor *tensor_of(Assembly *a, Value *value, TensorRole role)
{
    if (!value || !value->name[0])
        return NULL;
    const Tensor *known = map_get_pointer(&a->tensors, value);
    if (known)
        return known;
    return add_tensor(a, value, value->constant ? TENSOR_constant : role);
}

/* Lowers a node whose results are outputs, or temporaries where nobody said what they are. */
static void add_node(Assembly *a, const Node *node, TensorRole role)
{
    const Tensor **in = ARENA_ARRAY(a->arena, const Tensor *, node->operand_count + 1);
    const Tensor **out = ARENA_ARRAY(a->arena, const Tensor *, node->result_count + 1);
    for (int i = 0; i < node->operand_count; i++)
        in[i] = tensor_of(a, operand(node, i), TENSOR_input);
    for (int i = 0; i < node->result_count; i++)
        out[i] = tensor_of(a, result(node, i), role);
    Lowering lowering = {a->pool, a->kernel, node, in, out};
    node->op->lower(&lowering);
    /* The operator's own temporaries. */
    while (a->values.count < a->kernel->tensor_count)
        array_push(a->arena, &a->values, NULL);
}

/* ---- Inlining ---------------------------------------------------------------------------- */

typedef struct Reads {
    const Tensor *tensor;
    int loads, arithmetic;
} Reads;

static void count_reads(void *user, const Expr *e)
{
    Reads *reads = user;
    if (e->kind == EXPR_load)
        reads->loads += e->object == reads->tensor;
    else if (e->type != EXPR_INDEX && e->kind != EXPR_constant && e->kind != EXPR_convert)
        reads->arithmetic++;
}

static const Expr *points_of(ExprPool *pool, const Compute *compute)
{
    const Expr *points = expr_integer(pool, 1);
    for (int i = 0; i < compute->axis_count; i++)
        points = expr_times(pool, points, compute->axes[i]->extent);
    for (int i = 0; i < compute->reduce_count; i++)
        points = expr_times(pool, points, compute->reduce_axes[i]->extent);
    return points;
}

static bool is_worth_inlining(const Kernel *kernel, const Tensor *temporary)
{
    const Compute *maker = NULL, *reader = NULL;
    Reads in_reader = {temporary, 0, 0};
    int readers = 0;
    for (int i = 0; i < kernel->compute_count; i++) {
        const Compute *compute = kernel->computes[i];
        Reads reads = {temporary, 0, 0};
        expr_walk(kernel->pool, compute->body, count_reads, &reads);
        for (int d = 0; compute->kind == COMPUTE_scatter && d < compute->out->rank; d++)
            expr_walk(kernel->pool, compute->target[d], count_reads, &reads);
        if (compute->out == temporary)
            maker = compute;
        if (reads.loads > 0) {
            reader = compute;
            in_reader = reads;
            readers++;
        }
    }
    if (!maker || maker->kind != COMPUTE_map || readers != 1)
        return false;
    Reads in_maker = {NULL, 0, 0};
    expr_walk(kernel->pool, maker->body, count_reads, &in_maker);
    if (in_maker.arithmetic == 0)
        return true;
    return in_reader.loads == 1 &&
           points_of(kernel->pool, reader) == points_of(kernel->pool, maker);
}

static void inline_temporaries(Kernel *kernel)
{
    for (int i = 0; i < kernel->tensor_count; i++)
        if (kernel->tensors[i]->role == TENSOR_temporary &&
            is_worth_inlining(kernel, kernel->tensors[i]))
            kernel_inline(kernel, kernel->tensors[i]);
    kernel_prune(kernel);
}

/* ---- Scalars ----------------------------------------------------------------------------- */

/* A constant of one element is a number: x^2 is a product, x * 0.5 needs no load. */
static const Expr *replace_scalar(void *user, const Expr *e)
{
    const Tensor *tensor = e->kind == EXPR_load ? e->object : NULL;
    bool is_float = e->type == TN_FLOAT || e->type == TN_DOUBLE;
    if (!tensor || e->has_fill || !is_float || !tensor->values || !expr_is(tensor->length, 1))
        return e;
    double element = 0; /* aligned, which values need not be */
    memcpy(&element, tensor->values, element_bytes(tensor->element));
    return expr_real(user, e->type, element_to_double(tensor->element, &element));
}

static void inline_scalars(Kernel *kernel)
{
    for (int i = 0; i < kernel->compute_count; i++)
        kernel->computes[i]->body =
            expr_rewrite(kernel->pool, kernel->computes[i]->body, replace_scalar, kernel->pool);
}

/* ---- Groups ------------------------------------------------------------------------------ */

static void add_group(Assembly *a, const Node *group)
{
    const Graph *body = group->regions[0];
    for (int i = 0; i < body->input_count; i++) {
        const Tensor *tensor = tensor_of(a, operand(group, i), TENSOR_input);
        map_set_pointer(&a->tensors, body->inputs[i], (void *)tensor);
    }
    for (int i = 0; i < body->output_count; i++) {
        Value *inner = graph_output(body, i), *outer = result(group, i);
        const Tensor *known = map_get_pointer(&a->tensors, inner);
        if (!outer->name[0])
            continue;
        const Tensor *tensor = add_tensor(a, outer, TENSOR_output);
        if (!known)
            map_set_pointer(&a->tensors, inner, (void *)tensor);
    }
    FOR_EACH_NODE (node, body)
        add_node(a, node, TENSOR_temporary);
    inline_temporaries(a->kernel);
}

KernelOfNode kernel_of_node(ExprPool *pool, const Node *node)
{
    const char *name = node_location(node).node;
    Arena *arena = expr_pool_arena(pool);
    Assembly assembly = {.pool = pool,
                         .arena = arena,
                         .kernel = kernel_create(pool, name ? name : node->op->name),
                         .tensors = map_create(arena)};
    if (node->op->control == CONTROL_group)
        add_group(&assembly, node);
    else
        add_node(&assembly, node, TENSOR_output);
    inline_scalars(assembly.kernel);
    return (KernelOfNode){assembly.kernel, assembly.values.items,
                          ARENA_ARRAY(arena, bool, assembly.kernel->tensor_count + 1)};
}
