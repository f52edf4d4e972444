/* SPDX-License-Identifier: Apache-2.0
 *
 * tenon.group: nodes that become one kernel. The region's inputs are the operands, its outputs the
 * results; in text it is a model-local function of the domain "tenon". A group means what its nodes
 * mean one after the other: which of their values reach memory is not part of the meaning.
 */
#include "ir/ops/op.h"
#include "ir/support/array.h"

typedef struct GroupAttributes {
    int body;
} GroupAttributes;

static const AttributeDef attributes[] = {
    ATTRIBUTE_REGION(GroupAttributes, body, 0, "the nodes"),
};

static const OperandDef operands[] = {
    {.name = "inputs", .types = TYPES_ANY, .variadic = true},
};

static const OperandDef results[] = {
    {.name = "outputs", .types = TYPES_ANY, .variadic = true, .min_variadic = 1},
};

static bool infer(InferContext *context, Node *node)
{
    Graph *body = node->regions[0];
    if (body->input_count != node->operand_count || body->output_count != node->result_count)
        return infer_error(
            context, node, "the body has %d inputs and %d outputs, the node %d and %d",
            body->input_count, body->output_count, node->operand_count, node->result_count);
    for (int i = 0; i < body->input_count; i++) {
        const Value *value = operand(node, i);
        if (!value)
            return infer_error(context, node, "operand %d is absent", i);
        body->inputs[i]->type = value->type;
        body->inputs[i]->elements = value->elements;
        body->inputs[i]->element_count = value->element_count;
    }
    if (!graph_infer(context, body))
        return false;
    for (int i = 0; i < body->output_count; i++) {
        const Value *value = graph_output(body, i);
        infer_set_type(node, i, value->type);
        infer_set_elements(context, node, i, value->elements, value->element_count);
    }
    return true;
}

const OpDef op_group = {
    .name = "group",
    .domain = "tenon",
    .summary = "The nodes of the body, as one kernel",
    .since = 1,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, GroupAttributes),
    .region_count = 1,
    .infer = infer,
    .control = CONTROL_group,
};
