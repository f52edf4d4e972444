/* SPDX-License-Identifier: Apache-2.0
 *
 * If: one of two regions, which take no inputs but captures. Where the condition is known the
 * results have the types of the branch that is taken. A result whose rank differs between the
 * branches has none (see frontend/import_pull.c).
 */
#include "ir/ops/control.h"

static bool check_branches(InferContext *context, Node *node)
{
    for (int r = 0; r < 2; r++) {
        Graph *branch = node->regions[r];
        if (branch->input_count != node->capture_count ||
            node->operand_count != 1 + node->capture_count)
            return infer_error(context, node, "a branch has %d inputs, expected none",
                               branch->input_count - node->capture_count);
        if (branch->output_count != node->result_count)
            return infer_error(context, node, "a branch has %d outputs, the node %d results",
                               branch->output_count, node->result_count);
        control_pass_captures(node, branch);
    }
    return true;
}

static bool infer(InferContext *context, Node *node)
{
    const IfAttributes *attributes = node->attributes;
    if (!check_branches(context, node))
        return false;
    const Graph *then_branch = node->regions[attributes->then_branch];
    const Graph *else_branch = node->regions[attributes->else_branch];
    const Constant *condition = operand_constant(node, 0);
    if (condition && condition->count != 1)
        return infer_error(context, node, "the condition has %lld elements, expected 1",
                           (long long)condition->count);
    if (!graph_infer(context, node->regions[0]) || !graph_infer(context, node->regions[1]))
        return false;
    for (int i = 0; i < node->result_count; i++) {
        const Value *a = graph_output(then_branch, i), *b = graph_output(else_branch, i);
        if (condition) {
            const Value *taken = constant_get_int64(condition, 0) ? a : b;
            infer_set_type(node, i, taken->type);
            infer_set_elements(context, node, i, taken->elements, taken->element_count);
            continue;
        }
        const Type *type = control_join(context, node, i, "", a->type, b->type, NULL);
        if (!type)
            return false;
        infer_set_type(node, i, type);
    }
    return true;
}

static const OperandDef operands[] = {
    {.name = "cond", .types = TYPES_BOOL},
    {.name = "captures", .types = TYPES_ANY, .variadic = true},
};
static const OperandDef results[] = {
    {.name = "outputs", .types = TYPES_ANY, .variadic = true, .min_variadic = 1},
};
static const AttributeDef attributes[] = {
    ATTRIBUTE_REGION(IfAttributes, then_branch, 0, "what is run if the condition holds"),
    ATTRIBUTE_REGION(IfAttributes, else_branch, 1, "what is run otherwise"),
};

const OpDef op_if = {
    .name = "If",
    .domain = "",
    .summary = "the results of one of two graphs",
    .since = 25,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, IfAttributes),
    .region_count = 2,
    .infer = infer,
    .control = CONTROL_if,
};
