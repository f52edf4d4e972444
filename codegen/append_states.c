/* SPDX-License-Identifier: Apache-2.0
 *
 * States that grow where they lie: the present value of a state is the past one with something
 * added at the end of an axis, and its memory has room for more of that axis than there is yet.
 *
 *     present[.., i, ..] = past[.., i, ..]   where i is in past's range, else something new
 *
 * With the same strides, those of a row-major tensor whose axis is as long as the room, both are
 * the same memory, and only the new part is to be written: the map becomes a scatter of the
 * elements at past's size and beyond. What reads past stays within it, and nobody writes there, so
 * that kernels may run in any order, and again.
 *
 * Views of the two (a cache whose heads are merged with the batch, say) have such a layout, too,
 * where one of their dimensions is the axis and as much lies within each step of it. A state is
 * left alone, and copied, where something else than kernels and such views touches it.
 */
#include "codegen/builder.h"

#include <string.h>

/* The past or present value of a state, or a view of it. */
typedef struct Member {
    int axis;
    const Expr *capacity;
} Member;

typedef struct Family {
    Builder *b;
    Graph *graph;
    const bool *needed;
    const char *obstacle; /* why the state cannot be appended to in place; or NULL */
    Map members;          /* Value -> Member */
} Family;

/* ---- Who touches it ---------------------------------------------------------------------- */

static const Expr *step_of_axis(Builder *b, const Type *type, int axis)
{
    const Expr *elements = expr_integer(b->pool, 1);
    for (int d = axis + 1; d < type->rank; d++)
        elements = expr_times(b->pool, elements, type->dims[d]);
    return elements;
}

/* The view's dimension that is the axis; -1: none is. */
static int axis_of_view(Builder *b, const Type *type, int axis, const Type *view)
{
    const Expr *step = step_of_axis(b, type, axis);
    for (int d = 0; type_is_tensor(view) && d < view->rank; d++)
        if (view->dims[d] == type->dims[axis] && step_of_axis(b, view, d) == step)
            return d;
    return -1;
}

static bool fails(Family *f, const char *obstacle)
{
    f->obstacle = obstacle;
    return false;
}

static bool add_member(Family *f, const Value *value, int axis, const Expr *capacity, bool ends);

static bool add_view(Family *f, const Node *node, int axis, const Expr *capacity)
{
    const Value *view = result(node, 0);
    int own = axis_of_view(f->b, operand(node, 0)->type, axis, view->type);
    if (own < 0)
        return fails(f, "it is read in another shape");
    return add_member(f, view, own, capacity, false);
}

/* ends: it is an output, once. */
static bool add_member(Family *f, const Value *value, int axis, const Expr *capacity, bool ends)
{
    Member *member = ARENA_NEW(f->b->arena, Member);
    int outputs = 0;
    *member = (Member){axis, capacity};
    map_set_pointer(&f->members, value, member);
    if (map_get_pointer(&f->b->bindings, value))
        return fails(f, "sizes follow from its elements");
    FOR_EACH_USE (use, value) {
        const Node *node = use->user;
        if (!node) {
            outputs++;
            continue;
        }
        if (node->graph != f->graph)
            return fails(f, "a branch or a loop reads it");
        if (!f->needed[node->id] || map_get_pointer(&f->b->kernels, node))
            continue;
        if (!(node->op->traits & TRAIT_view))
            return fails(f, "something else than machine code reads it");
        if (use->index == 0 && !add_view(f, node, axis, capacity))
            return false;
    }
    return outputs == (ends ? 1 : 0) || fails(f, "it is another output, too");
}

/* ---- How it is made ---------------------------------------------------------------------- */

static const Tensor *tensor_of(const KernelOfNode *k, const Value *value)
{
    for (int i = 0; i < k->kernel->tensor_count; i++)
        if (k->values[i] == value)
            return k->kernel->tensors[i];
    return NULL;
}

/* The compute that alone makes the tensor, by number; -1. */
static int maker_of(const Kernel *kernel, const Tensor *tensor)
{
    int found = -1;
    for (int i = 0; i < kernel->compute_count; i++) {
        if (kernel->computes[i]->out != tensor)
            continue;
        if (found >= 0)
            return -1;
        found = i;
    }
    return found;
}

/* Whether it is past's elements at their places, and something else beyond. */
static bool extends(const Compute *map, const Tensor *past)
{
    const Expr *body = map->body;
    bool same = map->kind == COMPUTE_map && body->kind == EXPR_load && body->object == past &&
                body->has_fill && past->rank == map->out->rank;
    for (int d = 0; same && d < past->rank; d++)
        same = body->src[d]->kind == EXPR_axis && body->src[d]->object == map->axes[d];
    return same;
}

/* The only dimension in which the two differ; -1. */
static int growing_axis(const Type *past, const Type *present)
{
    int axis = -1;
    if (past->rank != present->rank || past->element != present->element)
        return -1;
    for (int d = 0; d < past->rank; d++) {
        if (past->dims[d] == present->dims[d])
            continue;
        if (axis >= 0)
            return -1;
        axis = d;
    }
    return axis;
}

/* What was made for the whole tensor is made for what lies beyond past alone. */
static void make_new_part(Kernel *kernel, int number, int axis, const Expr *past)
{
    ExprPool *pool = kernel->pool;
    Compute *map = kernel->computes[number];
    const Tensor *out = map->out;
    const Expr *extents[MAX_RANK], *value = map->body->src[out->rank];
    for (int d = 0; d < out->rank; d++)
        extents[d] = d == axis ? expr_minus(pool, out->shape[d], past) : out->shape[d];
    Compute *scatter = kernel_scatter(kernel, out, COMBINE_none, out->rank, extents);
    for (int d = 0; d < out->rank; d++) {
        const Expr *index = compute_axis(kernel, scatter, d);
        scatter->target[d] = d == axis ? expr_plus(pool, past, index) : index;
        value = expr_substitute(pool, value, map->axes[d], scatter->target[d]);
    }
    scatter->body = value;
    kernel->computes[number] = scatter;
    kernel->compute_count--;
}

/* ---- The whole --------------------------------------------------------------------------- */

static void set_layouts(const Family *f)
{
    FOR_EACH_NODE (node, f->graph) {
        const KernelOfNode *k = map_get_pointer(&f->b->kernels, node);
        for (int i = 0; k && i < k->kernel->tensor_count; i++) {
            const Member *member = k->values[i] ? map_get_pointer(&f->members, k->values[i]) : NULL;
            if (member)
                tensor_set_room(f->b->pool, k->kernel->tensors[i], member->axis, member->capacity);
        }
    }
}

static int find_input(const Graph *graph, const char *name)
{
    for (int i = 0; i < graph->input_count; i++)
        if (!strcmp(graph->inputs[i]->name, name))
            return i;
    return -1;
}

static int find_output(const Graph *graph, const char *name)
{
    for (int i = 0; i < graph->output_count; i++)
        if (!strcmp(graph->output_names[i], name))
            return i;
    return -1;
}

/* NULL where the state was made to grow in place; else why it is not. */
static const char *append(Builder *b, Graph *graph, const bool *needed, const GrowingState *state)
{
    int input = find_input(graph, state->past), output = find_output(graph, state->present);
    if (input < 0 || output < 0)
        return "it has no such ends";
    const Value *past = graph->inputs[input], *present = graph_output(graph, output);
    const KernelOfNode *k =
        present->producer ? map_get_pointer(&b->kernels, present->producer) : NULL;
    if (!type_is_tensor(past->type) || past->type->rank < 0 || !k)
        return "no machine code makes it";
    const Tensor *from = tensor_of(k, past), *to = tensor_of(k, present);
    int axis = growing_axis(past->type, present->type), number = to ? maker_of(k->kernel, to) : -1;
    if (!from || number < 0 || axis < 0 || !extends(k->kernel->computes[number], from))
        return "it is not its past value with something added to the end of one axis";
    if (!size_is_entry(b, present->type->dims[axis]))
        return "how far it grows depends on data";
    const Expr *capacity = expr_integer(b->pool, state->capacity);
    Family family = {.b = b, .graph = graph, .needed = needed, .members = map_create(b->arena)};
    if (!add_member(&family, past, axis, capacity, false) ||
        !add_member(&family, present, axis, capacity, true))
        return family.obstacle;
    make_new_part(k->kernel, number, axis, past->type->dims[axis]);
    set_layouts(&family);
    emit_check(b, expr_compare(b->pool, EXPR_less_equal, present->type->dims[axis], capacity),
               arena_format(b->arena, "the state '%s' would be longer than its capacity, %lld",
                            state->past, (long long)state->capacity));
    array_push(b->arena, &b->appended, (AppendedState){input, output, axis, state->capacity});
    return NULL;
}

void append_states(Builder *b, Graph *graph, const bool *needed)
{
    for (int i = 0; i < b->settings->growing_count; i++) {
        const GrowingState *state = &b->settings->growing[i];
        const char *obstacle = append(b, graph, needed, state);
        if (obstacle)
            diagnose(b->diagnostics, SEVERITY_NOTE, (Location){.node = state->past},
                     "the state '%s' is copied by each run: %s", state->past, obstacle);
    }
}

const AppendedState *appended_output(const Builder *b, const Value *value)
{
    for (int64_t i = 0; i < b->appended.count; i++)
        if (graph_output(b->model->graph, b->appended.items[i].output) == value)
            return &b->appended.items[i];
    return NULL;
}
