/* SPDX-License-Identifier: Apache-2.0
 *
 * If, Loop and Scan become steps with blocks of their own.
 *
 * The states of a loop live in buffers of the outer block, which are the node's results as well:
 * the operands are assigned to them before the loop, and after each iteration the loop moves what
 * the body made into them. Where the size of a state may change from one iteration to the next (its
 * type has symbols of its own) the buffer is dynamic, and the symbols get new values with it.
 */
#include "codegen/builder.h"
#include "ir/ops/control.h"

#include <string.h>

/* Captures are the last operands of the node and the last inputs of each region. */
static void define_captures(Builder *b, const Node *node, const Graph *region)
{
    for (int i = 0; i < node->capture_count; i++) {
        Value *outer = operand(node, node->operand_count - node->capture_count + i);
        Value *inner = region->inputs[region->input_count - node->capture_count + i];
        define_value(b, inner, value_of(b, outer));
    }
}

static void touch_operands(Builder *b, const Node *node)
{
    for (int i = 0; i < node->operand_count; i++) {
        ProgramValue value = value_of(b, operand(node, i));
        touch_value(b, &value);
    }
}

/* ---- If ---------------------------------------------------------------------------------- */

static const Block *lower_branch(Builder *b, const Node *node, Graph *branch,
                                 const ProgramValue *results)
{
    const Graph *outer = b->branch;
    scope_open(b);
    b->branch = branch;
    define_captures(b, node, branch);
    emit_assumptions(b);
    lower_graph_nodes(b, branch);
    for (int i = 0; i < node->result_count && !b->failed; i++) {
        Value *made = graph_output(branch, i), *value = result(node, i);
        if (!value->name[0])
            continue;
        ProgramValue from = value_of(b, made), to = results[i];
        bind_dims(b, node, value->type, made->type, &from, NULL);
        memcpy(to.dims, from.dims, sizeof to.dims);
        emit_assign(b, node_location(node).node, to, from);
    }
    b->branch = outer;
    return scope_close(b);
}

static void lower_if(Builder *b, Node *node)
{
    const IfAttributes *attributes = node->attributes;
    ProgramValue *results = ARENA_ARRAY(b->arena, ProgramValue, node->result_count + 1);
    for (int i = 0; i < node->result_count; i++)
        if (result(node, i)->name[0])
            results[i] = new_value(b, result(node, i)->type);
    IfStep branch = {.condition = value_of(b, operand(node, 0))};
    touch_operands(b, node);
    branch.branches[0] = lower_branch(b, node, node->regions[attributes->then_branch], results);
    branch.branches[1] = lower_branch(b, node, node->regions[attributes->else_branch], results);
    if (b->failed)
        return;
    touch_operands(b, node);
    append_step(b, &(Step){.kind = STEP_if,
                           .name = node_location(node).node,
                           .operator= "If",
                           .branch = branch});
    for (int i = 0; i < node->result_count; i++) {
        Value *value = result(node, i);
        if (!value->name[0])
            continue;
        for (int d = 0; d < value->type->rank && type_is_tensor(value->type); d++) {
            int symbol = symbol_unbound(b, value->type->dims[d]);
            if (symbol >= 0)
                symbol_bind(b, symbol);
        }
        program_value_dims(b, value->type, &results[i]);
        define_value(b, value, results[i]);
    }
}

/* ---- Loop and Scan ----------------------------------------------------------------------- */

typedef struct LoopLowering {
    Builder *b;
    Node *node;
    Graph *body;
    Carried shape;
    LoopStep step;
    LoopState *states;
    LoopSlice *inputs, *outputs;
    BindList binds;
    uint32_t *unbound; /* by state: dimensions of the body's input that are its own symbols */
} LoopLowering;

static Value *state_input(const LoopLowering *l, int i)
{
    return l->body->inputs[l->shape.first_input + i];
}

/* A buffer for each state, with the operand's value in it, and the sizes of the body's inputs. */
static void enter_states(LoopLowering *l)
{
    Builder *b = l->b;
    const char *name = node_location(l->node).node;
    for (int i = 0; i < l->shape.count; i++) {
        Value *from = operand(l->node, l->shape.first_operand + i), *inner = state_input(l, i);
        ProgramValue first = value_of(b, from);
        ProgramValue state = new_value(b, inner->type);
        memcpy(state.dims, first.dims, sizeof state.dims);
        l->unbound[i] = unbound_dims(b, inner->type);
        emit_assign(b, name, state, first);
        l->states[i].state = state;
        l->states[i].by_pointer = !buffer_is_planned(b, state.buffer);
    }
    /* All are bound here, before the body, and again after each iteration; the scope of the body
     * computes what follows from them each time. */
    for (int i = 0; i < l->shape.count; i++) {
        Value *from = operand(l->node, l->shape.first_operand + i), *inner = state_input(l, i);
        ProgramValue first = value_of(b, from);
        if (inner->type->kind != TYPE_tensor)
            continue;
        BindList binds = {0};
        for (int d = 0; d < inner->type->rank; d++)
            if (l->unbound[i] >> d & 1)
                array_push(b->arena, &binds,
                           (Bind){.target = symbol_unbound(b, inner->type->dims[d]),
                                  .source = first.dims[d]});
        if (binds.count)
            append_step(b, &(Step){.kind = STEP_bind,
                                   .name = name,
                                   .bind = {.count = (int32_t)binds.count, .binds = binds.items}});
    }
}

static void bind_type(Builder *b, const Type *type)
{
    for (int d = 0; d < type->rank && type->kind == TYPE_tensor; d++) {
        int symbol = symbol_unbound(b, type->dims[d]);
        if (symbol >= 0)
            symbol_bind(b, symbol);
    }
}

static int32_t scalar_buffer(Builder *b, int64_t bytes)
{
    return add_buffer(b,
                      (BufferPlan){.kind = BUFFER_planned, .bytes = expr_integer(b->pool, bytes)});
}

static ProgramValue scalar_value(Builder *b, const Type *type, int32_t buffer)
{
    ProgramValue value = {
        .kind = TN_TENSOR, .buffer = buffer, .element = type->element, .rank = type->rank};
    program_value_dims(b, type, &value);
    return value;
}

static bool is_reversed(IntList list, int64_t i)
{
    return i < list.count && list.items[i] != 0;
}

static int slice_axis(IntList list, int64_t i, int rank)
{
    int64_t axis = i < list.count ? list.items[i] : 0;
    return (int)(axis < 0 ? axis + rank : axis);
}

/* The scanned operands; slices along the first axis are pointers into them. */
static void define_slices(LoopLowering *l)
{
    Builder *b = l->b;
    const ScanAttributes *attributes = l->node->attributes;
    for (int i = 0; i < l->shape.scan_input_count; i++) {
        Value *whole = operand(l->node, l->shape.count + i);
        Value *inner = l->body->inputs[l->shape.count + i];
        LoopSlice *slice = &l->inputs[i];
        slice->whole = value_of(b, whole);
        slice->axis = slice_axis(attributes->scan_input_axes, i, whole->type->rank);
        slice->reverse = is_reversed(attributes->scan_input_directions, i);
        slice->by_pointer = slice->axis == 0;
        slice->slice = new_value(b, inner->type);
        BufferPlan *plan = &b->buffers.items[slice->slice.buffer];
        if (slice->by_pointer) {
            plan->kind = BUFFER_dynamic;
            plan->is_borrowed = true;
        } else if (plan->kind != BUFFER_planned) {
            append_step(b, &(Step){.kind = STEP_allocate,
                                   .name = node_location(l->node).node,
                                   .allocate = {.buffer = slice->slice.buffer,
                                                .bytes = size_of(b, type_bytes(b, inner->type))}});
        }
    }
}

static void define_body_inputs(LoopLowering *l)
{
    Builder *b = l->b;
    bool is_loop = l->node->op->control == CONTROL_loop;
    for (int i = 0; i < l->shape.count; i++)
        bind_type(b, state_input(l, i)->type);
    if (is_loop) {
        define_value(b, l->body->inputs[0],
                     scalar_value(b, l->body->inputs[0]->type, l->step.iteration));
        define_value(b, l->body->inputs[1],
                     scalar_value(b, l->body->inputs[1]->type, l->step.condition_in));
    }
    for (int i = 0; i < l->shape.count; i++) {
        ProgramValue state = l->states[i].state;
        program_value_dims(b, state_input(l, i)->type, &state);
        define_value(b, state_input(l, i), state);
    }
    for (int i = 0; i < l->shape.scan_input_count; i++)
        define_value(b, l->body->inputs[l->shape.count + i], l->inputs[i].slice);
    define_captures(b, l->node, l->body);
}

/* Whether the buffer is another state's, or one that the loop writes before all states have moved.
 */
static bool is_in_the_way(const LoopLowering *l, int i, int32_t buffer)
{
    if (buffer == l->step.iteration || buffer == l->step.condition_in)
        return true;
    for (int k = 0; k < l->shape.count; k++)
        if (k != i && l->states[k].state.buffer == buffer)
            return true;
    return false;
}

static void collect_states(LoopLowering *l)
{
    Builder *b = l->b;
    for (int i = 0; i < l->shape.count; i++) {
        Value *made = graph_output(l->body, l->shape.first_output + i);
        const Type *type = state_input(l, i)->type;
        ProgramValue next = value_of(b, made);
        if (is_in_the_way(l, i, next.buffer)) {
            ProgramValue copy = new_value(b, made->type);
            emit_assign(b, node_location(l->node).node, copy, next);
            next = copy;
        }
        l->states[i].next = next;
        touch_value(b, &next);
        for (int d = 0; d < type->rank && type->kind == TYPE_tensor; d++) {
            if (l->unbound[i] >> d & 1)
                array_push(b->arena, &l->binds,
                           (Bind){.target = ((const Symbol *)type->dims[d]->object)->id,
                                  .source = next.dims[d]});
            else if (type->dims[d] != made->type->dims[d])
                emit_check(b, expr_compare(b->pool, EXPR_equal, type->dims[d], made->type->dims[d]),
                           arena_format(b->arena, "%s: a carried value changes its size",
                                        node_location(l->node).node));
        }
    }
}

/* The stacked results: planned where their size is known at entry. */
static void collect_outputs(LoopLowering *l)
{
    Builder *b = l->b;
    const ScanAttributes *attributes =
        l->node->op->control == CONTROL_scan ? l->node->attributes : NULL;
    for (int i = 0; i < l->shape.scan_output_count; i++) {
        int from = l->shape.first_output + l->shape.count + i;
        LoopSlice *slice = &l->outputs[i];
        Value *whole = result(l->node, l->shape.count + i);
        slice->slice = value_of(b, graph_output(l->body, from));
        touch_value(b, &slice->slice);
        if (attributes) {
            slice->axis = slice_axis(attributes->scan_output_axes, i, whole->type->rank);
            slice->reverse = is_reversed(attributes->scan_output_directions, i);
        }
    }
}

static void prepare_outputs(LoopLowering *l)
{
    Builder *b = l->b;
    for (int i = 0; i < l->shape.scan_output_count; i++) {
        Value *whole = result(l->node, l->shape.count + i);
        LoopSlice *slice = &l->outputs[i];
        slice->whole = new_value(b, whole->type);
        slice->is_dynamic = !buffer_is_planned(b, slice->whole.buffer);
    }
}

/* Which dimensions of the stacked results are symbols that the loop gives their values. */
static void bind_outputs(LoopLowering *l)
{
    Builder *b = l->b;
    for (int i = 0; i < l->shape.scan_output_count; i++) {
        Value *whole = result(l->node, l->shape.count + i);
        LoopSlice *slice = &l->outputs[i];
        slice->count_symbol = -1;
        for (int d = 0; d < whole->type->rank; d++) {
            const Expr *dim = whole->type->dims[d];
            int symbol = symbol_unbound(b, dim);
            if (symbol < 0) {
                if (size_is_bound(b, dim))
                    slice->whole.dims[d] = size_of(b, dim);
                continue;
            }
            slice->whole.dims[d] = size_slot(symbol);
            if (d == slice->axis)
                slice->count_symbol = symbol;
            else
                slice->binds |= (uint32_t)1 << d;
        }
    }
}

static void define_results(LoopLowering *l)
{
    Builder *b = l->b;
    for (int i = 0; i < l->shape.count; i++)
        bind_type(b, state_input(l, i)->type);
    for (int i = 0; i < l->shape.count; i++) {
        Value *value = result(l->node, i);
        const Type *inner = state_input(l, i)->type;
        ProgramValue state = l->states[i].state;
        program_value_dims(b, inner, &state);
        bind_dims(b, l->node, value->type, inner, &state, NULL);
        program_value_dims(b, value->type, &state);
        if (value->name[0])
            define_value(b, value, state);
    }
    for (int i = 0; i < l->shape.scan_output_count; i++)
        bind_type(b, result(l->node, l->shape.count + i)->type);
    for (int i = 0; i < l->shape.scan_output_count; i++) {
        Value *value = result(l->node, l->shape.count + i);
        ProgramValue whole = l->outputs[i].whole;
        program_value_dims(b, value->type, &whole);
        if (value->name[0])
            define_value(b, value, whole);
    }
}

/* Everything that the loop reads or writes lives until its end. */
static void touch_loop(LoopLowering *l)
{
    Builder *b = l->b;
    touch_operands(b, l->node);
    touch_buffer(b, l->step.iteration);
    touch_buffer(b, l->step.condition_in);
    touch_value(b, &l->step.condition_out);
    for (int i = 0; i < l->shape.count; i++) {
        touch_value(b, &l->states[i].state);
        touch_value(b, &l->states[i].next);
    }
    for (int i = 0; i < l->shape.scan_input_count; i++)
        touch_value(b, &l->inputs[i].slice);
    for (int i = 0; i < l->shape.scan_output_count; i++) {
        touch_value(b, &l->outputs[i].whole);
        touch_value(b, &l->outputs[i].slice);
    }
}

static void lower_body(LoopLowering *l)
{
    Builder *b = l->b;
    scope_open(b);
    define_body_inputs(l);
    lower_graph_nodes(b, l->body);
    if (!b->failed) {
        if (l->node->op->control == CONTROL_loop)
            l->step.condition_out = value_of(b, graph_output(l->body, 0));
        collect_states(l);
        collect_outputs(l);
    }
    l->step.body = scope_close(b);
}

static void lower_loop(Builder *b, Node *node)
{
    bool is_scan = node->op->control == CONTROL_scan;
    LoopLowering l = {.b = b,
                      .node = node,
                      .body = node->regions[0],
                      .shape = is_scan ? scan_carried(node) : loop_carried(node)};
    l.states = ARENA_ARRAY(b->arena, LoopState, l.shape.count + 1);
    l.inputs = ARENA_ARRAY(b->arena, LoopSlice, l.shape.scan_input_count + 1);
    l.outputs = ARENA_ARRAY(b->arena, LoopSlice, l.shape.scan_output_count + 1);
    l.unbound = ARENA_ARRAY(b->arena, uint32_t, l.shape.count + 1);
    l.step = (LoopStep){.is_scan = is_scan, .iteration = -1, .condition_in = -1};
    l.step.length = size_number(0);
    l.step.condition_out = (ProgramValue){.kind = TN_ABSENT, .buffer = -1};
    if (is_scan) {
        Value *first = operand(node, l.shape.count);
        const ScanAttributes *attributes = node->attributes;
        int axis = slice_axis(attributes->scan_input_axes, 0, first->type->rank);
        l.step.length = size_of(b, first->type->dims[axis]);
    } else {
        l.step.trip_count = value_of(b, operand(node, 0));
        l.step.condition = value_of(b, operand(node, 1));
        l.step.iteration = scalar_buffer(b, sizeof(int64_t));
        l.step.condition_in = scalar_buffer(b, 1);
    }
    prepare_outputs(&l);
    enter_states(&l);
    define_slices(&l);
    if (b->failed)
        return;
    lower_body(&l);
    if (b->failed)
        return;
    bind_outputs(&l);
    touch_loop(&l);
    l.step.carried_count = l.shape.count;
    l.step.input_count = l.shape.scan_input_count;
    l.step.output_count = l.shape.scan_output_count;
    l.step.carried = l.states;
    l.step.inputs = l.inputs;
    l.step.outputs = l.outputs;
    l.step.bind_count = (int32_t)l.binds.count;
    l.step.binds = l.binds.items;
    append_step(b, &(Step){.kind = STEP_loop,
                           .name = node_location(node).node,
                           .operator= node->op->name,
                           .loop = l.step});
    define_results(&l);
}

void lower_control(Builder *b, Node *node)
{
    if (node->op->control == CONTROL_if)
        lower_if(b, node);
    else
        lower_loop(b, node);
}
