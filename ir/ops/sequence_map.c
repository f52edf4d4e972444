/* SPDX-License-Identifier: Apache-2.0
 *
 * SequenceMap: the body, applied to each item of the sequences. Decomposes into a Loop over the
 * length of the first sequence, which takes the items out, runs the body, and appends its results
 * to sequences that it carries. Operands that are tensors are the same for all items.
 */
#include "ir/ops/build.h"
#include "ir/ops/control.h"

typedef struct MapAttributes {
    int body;
} MapAttributes;

static const AttributeDef attributes[] = {
    ATTRIBUTE_REGION(MapAttributes, body, 0, "what to do with each item"),
};

static const OperandDef operands[] = {
    {.name = "input_sequence", .types = TYPES_ANY},
    {.name = "additional_inputs", .types = TYPES_ANY, .variadic = true},
};

static const OperandDef results[] = {
    {.name = "out_sequence", .types = TYPES_ANY, .variadic = true, .min_variadic = 1},
};

static bool is_sequence(const Value *value)
{
    return value && value->type && value->type->kind == TYPE_sequence;
}

/* Bodies take the sequences' items, with symbols where sizes differ, and other operands as they
 * are.
 */
static bool seed(InferContext *context, Node *node)
{
    Graph *body = node->regions[0];
    int own = node->operand_count - node->capture_count;
    if (!is_sequence(operand(node, 0)))
        return infer_error(context, node, "operand 0 must be a sequence");
    if (body->input_count != node->operand_count)
        return infer_error(context, node, "the body has %d inputs, expected %d",
                           body->input_count - node->capture_count, own);
    for (int i = 0; i < own; i++) {
        const Type *type = operand(node, i)->type;
        body->inputs[i]->type = type;
        if (type->kind != TYPE_sequence)
            continue;
        if (!type_is_tensor(type->inner) || type->inner->rank < 0)
            return infer_unsupported(context, node, "items whose rank is not known");
        const char *what = arena_format(context->arena, "in%d_", i);
        body->inputs[i]->type = infer_item_sizes(context, node, 0, what, type->inner);
    }
    control_pass_captures(node, body);
    return true;
}

static bool infer(InferContext *context, Node *node)
{
    Graph *body = node->regions[0];
    if (!seed(context, node))
        return false;
    if (body->output_count != node->result_count)
        return infer_error(context, node, "the body has %d outputs, expected %d",
                           body->output_count, node->result_count);
    if (!graph_infer(context, body))
        return false;
    for (int i = 0; i < node->result_count; i++) {
        const Type *item = graph_output(body, i)->type;
        if (!type_is_tensor(item))
            return infer_unsupported(context, node, "a body that gives no tensors");
        infer_set_type(node, i,
                       type_sequence(context->arena, type_unranked(context->arena, item->element)));
    }
    return true;
}

/* The loop's body: takes the items, runs the map's body, appends its results. */
static bool make_body(Editor *around, const Node *node, Node *loop)
{
    Graph *body = loop->regions[0];
    int state_count = node->result_count, first = 2 + state_count;
    Editor editor = edit_at_end(around->context, body);
    editor.model = node;
    Value *inputs[64], *made[64];
    for (int i = 0; i < node->operand_count; i++) {
        inputs[i] = body->inputs[first + i];
        if (i < node->operand_count - node->capture_count && is_sequence(inputs[i]))
            inputs[i] = build(&editor, "SequenceAt", 2, (Value *[]){inputs[i], body->inputs[0]});
    }
    if (editor.failed)
        return false;
    graph_inline(node->regions[0], body, NULL, inputs, made);
    if (!graph_infer(around->context, body))
        return false;
    graph_add_output(body, build(&editor, "Identity", 1, &body->inputs[1]), NULL);
    for (int i = 0; i < state_count && !editor.failed; i++)
        graph_add_output(
            body, build(&editor, "SequenceInsert", 2, (Value *[]){body->inputs[2 + i], made[i]}),
            NULL);
    return !editor.failed;
}

static bool decompose(Editor *editor, const Node *node, Value **values)
{
    enum { MOST = 64 };
    Value *loop_operands[2 + 2 * MOST];
    int count = 0, state_count = node->result_count;
    if (node->operand_count > MOST || state_count > MOST)
        return infer_unsupported(editor->context, node, "more than %d operands or results", MOST);
    Value *sequence = operand(node, 0);
    loop_operands[count++] = build(editor, "SequenceLength", 1, &sequence);
    loop_operands[count++] = NULL;
    for (int i = 0; i < state_count; i++) {
        const Type *item = result(node, i)->type->inner;
        loop_operands[count++] =
            build_with(editor, "SequenceEmpty", BUILD_INT("dtype", item->element), 0, NULL);
    }
    for (int i = 0; i < node->operand_count; i++)
        loop_operands[count++] = operand(node, i);
    Node *loop = editor->failed ? NULL
                                : edit_node(editor, &op_loop, &(LoopAttributes){0}, count,
                                            loop_operands, state_count, 1);
    if (!loop)
        return false;
    loop->capture_count = node->operand_count;
    for (int i = 0; i < count; i++)
        graph_add_input(loop->regions[0], NULL, NULL);
    if (!control_seed_regions(editor->context, loop) || !make_body(editor, node, loop) ||
        !edit_infer(editor, loop)) {
        editor->failed = true;
        return false;
    }
    for (int i = 0; i < state_count; i++)
        values[i] = result(loop, i);
    return true;
}

const OpDef op_sequence_map = {
    .name = "SequenceMap",
    .domain = "",
    .summary = "The body, applied to each item of the sequences",
    .since = 17,
    .first = 17,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, MapAttributes),
    .region_count = 1,
    .infer = infer,
    .seed_regions = seed,
    .decompose = decompose,
};
