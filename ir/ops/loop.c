/* SPDX-License-Identifier: Apache-2.0
 *
 * Loop: for (i = 0; i < M && condition; i++). Operands: M, condition, carried values; the body
 * takes i, condition, carried values, and gives condition, carried values, and elements of the
 * stacked results. M and the condition may be absent: no limit, true.
 */
#include "ir/ops/control.h"

enum { TRIP_COUNT, CONDITION, FIRST_CARRIED };

Carried loop_carried(const Node *node)
{
    const Graph *body = node->regions[0];
    int own = node->operand_count - node->capture_count;
    int count = own > FIRST_CARRIED ? own - FIRST_CARRIED : 0;
    return (Carried){
        .count = count,
        .first_operand = FIRST_CARRIED,
        .first_input = 2,
        .first_output = 1,
        .scan_output_count = body->output_count - 1 - count,
    };
}

/* The sizes of i and the condition: scalars, or as old exporters say [1]. */
static void set_scalar(InferContext *context, Value *input, TnElementType element)
{
    const Expr *one = expr_integer(context->pool, 1);
    bool is_vector = type_is_tensor(input->type) && input->type->rank == 1;
    input->type = type_tensor(context->arena, element, is_vector, &one);
    input->elements = NULL;
    input->element_count = 0;
}

static bool seed(InferContext *context, Node *node)
{
    Graph *body = node->regions[0];
    Carried carried = loop_carried(node);
    if (body->input_count != 2 + carried.count + node->capture_count)
        return infer_error(context, node, "the body has %d inputs, expected 2 and %d carried ones",
                           body->input_count - node->capture_count, carried.count);
    set_scalar(context, body->inputs[0], TN_INT64);
    set_scalar(context, body->inputs[1], TN_BOOL);
    for (int i = 0; i < carried.count; i++)
        body->inputs[2 + i]->type = operand(node, FIRST_CARRIED + i)->type;
    control_pass_captures(node, body);
    return true;
}

/* Whether nothing but M ends the loop. */
static bool runs_to_the_end(const Node *node)
{
    const Graph *body = node->regions[0];
    const Value *first = operand(node, CONDITION), *next = graph_output(body, 0);
    if (first && !control_is_true(first))
        return false;
    return control_origin(next) == body->inputs[1] || control_is_true(next);
}

static bool trip_count(InferContext *context, Node *node, int result, const Expr **trips)
{
    const Expr *limit = NULL;
    if (operand(node, TRIP_COUNT)) {
        int64_t count;
        const Expr *const *elements = infer_elements(context, node, TRIP_COUNT, &count);
        if (!elements || count != 1)
            return infer_error(context, node, "M must be one number");
        limit = expr_larger(context->pool, expr_integer(context->pool, 0), elements[0]);
    }
    bool is_certain = limit && runs_to_the_end(node);
    *trips = is_certain ? limit : infer_fresh_size(context, node, result, "trips", limit);
    return true;
}

static bool infer_stacked(InferContext *context, Node *node, int result, const Value *element,
                          const Expr *trips)
{
    const Type *type = element->type;
    const Graph *body = node->regions[0];
    if (!type_is_tensor(type) || type->rank < 0 || type->rank == MAX_RANK)
        return infer_unsupported(context, node, "stacking '%s'", element->name);
    const Expr *dims[MAX_RANK] = {trips};
    for (int d = 0; d < type->rank; d++) {
        dims[d + 1] = type->dims[d];
        if (control_is_local(context, body, type->dims[d]))
            dims[d + 1] = infer_fresh_size(context, node, result,
                                           arena_format(context->arena, "d%d", d + 1), NULL);
    }
    infer_set(context, node, result, type->element, type->rank + 1, dims);
    return true;
}

static bool infer(InferContext *context, Node *node)
{
    Graph *body = node->regions[0];
    Carried carried = loop_carried(node);
    if (!seed(context, node))
        return false;
    if (carried.scan_output_count < 0 || node->result_count != body->output_count - 1)
        return infer_error(context, node,
                           "the body has %d outputs, the node %d results, expected one less and "
                           "at least %d carried ones",
                           body->output_count, node->result_count, carried.count);
    if (!control_infer_carried(context, node, &carried))
        return false;
    const Type *next = graph_output(body, 0)->type;
    if (!type_is_tensor(next) || next->element != TN_BOOL)
        return infer_error(context, node, "the body's first output must be a bool");
    if (!carried.scan_output_count)
        return true;
    const Expr *trips = NULL;
    if (!trip_count(context, node, carried.count, &trips))
        return false;
    for (int i = carried.count; i < node->result_count; i++)
        if (!infer_stacked(context, node, i, graph_output(body, 1 + i), trips))
            return false;
    return true;
}

static const OperandDef operands[] = {
    {.name = "M", .types = TYPES_INDEX, .optional = true},
    {.name = "cond", .types = TYPES_BOOL, .optional = true},
    {.name = "v_initial", .types = TYPES_ANY, .variadic = true},
};
static const OperandDef results[] = {
    {.name = "v_final_and_scan_outputs", .types = TYPES_ANY, .variadic = true, .min_variadic = 1},
};
static const AttributeDef attributes[] = {
    ATTRIBUTE_REGION(LoopAttributes, body, 0, "one iteration"),
};

const OpDef op_loop = {
    .name = "Loop",
    .domain = "",
    .summary = "repeats a graph at most M times, while a condition holds",
    .since = 25,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, LoopAttributes),
    .region_count = 1,
    .infer = infer,
    .seed_regions = seed,
    .control = CONTROL_loop,
};
