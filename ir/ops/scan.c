/* SPDX-License-Identifier: Apache-2.0
 *
 * Scan: runs its body once for each slice of the scan inputs along their scan axes, forward or
 * backward, carrying state; the scan outputs are stacked along their axes.
 */
#include "ir/ops/control.h"

Carried scan_carried(const Node *node)
{
    const ScanAttributes *attributes = node->attributes;
    const Graph *body = node->regions[0];
    int own = node->operand_count - node->capture_count;
    int count = own - (int)attributes->num_scan_inputs;
    return (Carried){
        .count = count,
        .scan_input_count = (int)attributes->num_scan_inputs,
        .scan_output_count = body->output_count - count,
    };
}

static int64_t item_or(IntList list, int64_t i, int64_t otherwise)
{
    return i < list.count ? list.items[i] : otherwise;
}

/* The type of one slice of scan input i; the length of the axis must be that of the others. */
static bool slice(InferContext *context, Node *node, int i, const Type *type, Value *input,
                  const Expr **length)
{
    const ScanAttributes *attributes = node->attributes;
    int axis;
    if (!type_is_tensor(type) || type->rank < 1)
        return infer_error(context, node, "scan input %d must be a tensor of rank 1 or more", i);
    if (!infer_axis(context, node, item_or(attributes->scan_input_axes, i, 0), type->rank, &axis))
        return false;
    *length = *length ? infer_equal(context, node, *length, type->dims[axis],
                                    "the lengths of the scan inputs")
                      : type->dims[axis];
    if (!*length)
        return false;
    const Expr *dims[MAX_RANK];
    int rank = 0;
    for (int d = 0; d < type->rank; d++)
        if (d != axis)
            dims[rank++] = type->dims[d];
    input->type = type_tensor(context->arena, type->element, rank, dims);
    input->elements = NULL;
    input->element_count = 0;
    return true;
}

/* *length: the common length of the scanned axes. */
static bool seed_slices(InferContext *context, Node *node, const Expr **length)
{
    Graph *body = node->regions[0];
    Carried carried = scan_carried(node);
    *length = NULL;
    if (carried.scan_input_count < 1 || carried.count < 0)
        return infer_error(context, node, "num_scan_inputs is %d, the node has %d inputs",
                           carried.scan_input_count, node->operand_count - node->capture_count);
    if (body->input_count != node->operand_count)
        return infer_error(context, node, "the body has %d inputs, expected %d",
                           body->input_count - node->capture_count,
                           node->operand_count - node->capture_count);
    for (int i = 0; i < carried.count; i++)
        body->inputs[i]->type = operand(node, i)->type;
    for (int i = 0; i < carried.scan_input_count; i++)
        if (!slice(context, node, i, operand(node, carried.count + i)->type,
                   body->inputs[carried.count + i], length))
            return false;
    control_pass_captures(node, body);
    return true;
}

static bool seed(InferContext *context, Node *node)
{
    const Expr *length;
    return seed_slices(context, node, &length);
}

/* One item for each scanned operand or stacked result, or none at all; directions are 0 or 1. */
static bool check_list(InferContext *context, const Node *node, const char *name, IntList list,
                       int count, bool is_direction)
{
    if (list.count && list.count != count)
        return infer_error(context, node, "%s has %lld items, expected %d", name,
                           (long long)list.count, count);
    for (int64_t i = 0; is_direction && i < list.count; i++)
        if (list.items[i] != 0 && list.items[i] != 1)
            return infer_error(context, node, "%s[%lld] is %lld, expected 0 or 1", name,
                               (long long)i, (long long)list.items[i]);
    return true;
}

static bool check_lists(InferContext *context, const Node *node, const Carried *carried)
{
    const ScanAttributes *a = node->attributes;
    int inputs = carried->scan_input_count, outputs = carried->scan_output_count;
    return check_list(context, node, "scan_input_axes", a->scan_input_axes, inputs, false) &&
           check_list(context, node, "scan_input_directions", a->scan_input_directions, inputs,
                      true) &&
           check_list(context, node, "scan_output_axes", a->scan_output_axes, outputs, false) &&
           check_list(context, node, "scan_output_directions", a->scan_output_directions, outputs,
                      true);
}

static bool stack(InferContext *context, Node *node, int i, int result, const Type *type,
                  const Expr *length)
{
    const ScanAttributes *attributes = node->attributes;
    int axis;
    if (!type_is_tensor(type) || type->rank < 0 || type->rank == MAX_RANK)
        return infer_error(context, node, "scan output %d must be a tensor", i);
    if (!infer_axis(context, node, item_or(attributes->scan_output_axes, i, 0), type->rank + 1,
                    &axis))
        return false;
    const Expr *dims[MAX_RANK];
    for (int d = 0; d <= type->rank; d++) {
        if (d == axis) {
            dims[d] = length;
            continue;
        }
        dims[d] = type->dims[d > axis ? d - 1 : d];
        if (control_is_local(context, node->regions[0], dims[d]))
            dims[d] = infer_fresh_size(context, node, result,
                                       arena_format(context->arena, "d%d", d), NULL);
    }
    infer_set(context, node, result, type->element, type->rank + 1, dims);
    return true;
}

static bool infer(InferContext *context, Node *node)
{
    Graph *body = node->regions[0];
    Carried carried = scan_carried(node);
    const Expr *length = NULL;
    if (!seed_slices(context, node, &length))
        return false;
    if (carried.scan_output_count < 0 || node->result_count != body->output_count)
        return infer_error(context, node, "the body has %d outputs, the node %d results",
                           body->output_count, node->result_count);
    if (!check_lists(context, node, &carried) || !control_infer_carried(context, node, &carried))
        return false;
    for (int i = 0; i < carried.scan_output_count; i++) {
        int result = carried.count + i;
        if (!stack(context, node, i, result, graph_output(body, result)->type, length))
            return false;
    }
    return true;
}

static const OperandDef operands[] = {
    {.name = "initial_state_and_scan_inputs",
     .types = TYPES_ANY,
     .variadic = true,
     .min_variadic = 1},
};
static const OperandDef results[] = {
    {.name = "final_state_and_scan_outputs",
     .types = TYPES_ANY,
     .variadic = true,
     .min_variadic = 1},
};
static const AttributeDef attributes[] = {
    ATTRIBUTE_REGION(ScanAttributes, body, 0, "one step"),
    ATTRIBUTE_INT_REQUIRED(ScanAttributes, num_scan_inputs, "how many operands are scanned"),
    ATTRIBUTE_OPTIONAL(ScanAttributes, scan_input_axes, ints, "scanned axis of each scan input; 0"),
    ATTRIBUTE_OPTIONAL(ScanAttributes, scan_input_directions, ints, "1: backward; 0"),
    ATTRIBUTE_OPTIONAL(ScanAttributes, scan_output_axes, ints, "new axis of each scan output; 0"),
    ATTRIBUTE_OPTIONAL(ScanAttributes, scan_output_directions, ints, "1: prepend; 0"),
};

const OpDef op_scan = {
    .name = "Scan",
    .domain = "",
    .summary = "runs a graph for each slice of its inputs, carrying state",
    .since = 25,
    .first = 9,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, ScanAttributes),
    .region_count = 1,
    .infer = infer,
    .seed_regions = seed,
    .control = CONTROL_scan,
};
