/* SPDX-License-Identifier: Apache-2.0
 *
 * Editing graphs with inference.
 */
#include "ir/ops/edit.h"
#include "ir/ops/op.h"

#include <assert.h>

Editor edit_before(InferContext *context, Node *node)
{
    return (Editor){.context = context, .graph = node->graph, .before = node, .model = node};
}

Editor edit_at_end(InferContext *context, Graph *graph)
{
    return (Editor){.context = context, .graph = graph};
}

Node *edit_node(Editor *editor, const OpDef *op, const void *attributes, int operand_count,
                Value *const *operands, int result_count, int region_count)
{
    if (editor->failed)
        return NULL;
    Node *node = graph_insert(editor->graph, editor->before, op, operand_count, operands,
                              result_count, attributes, region_count);
    if (editor->model) {
        node->name = editor->model->name;
        node->location = editor->model->location;
    }
    return node;
}

bool edit_infer(Editor *editor, Node *node)
{
    if (!editor->failed && !node_infer(editor->context, node))
        editor->failed = true;
    return !editor->failed;
}

Value *edit(Editor *editor, const OpDef *op, const void *attributes, int operand_count, ...)
{
    enum { MOST = 16 };
    Value *operands[MOST];
    assert(operand_count <= MOST);
    va_list list;
    va_start(list, operand_count);
    for (int i = 0; i < operand_count; i++)
        operands[i] = va_arg(list, Value *);
    va_end(list);
    Node *node = edit_node(editor, op, attributes, operand_count, operands, 1, 0);
    return node && edit_infer(editor, node) ? result(node, 0) : NULL;
}

Value *edit_constant(Editor *editor, const Constant *constant, const char *hint)
{
    return graph_add_constant(editor->graph, hint, constant);
}

Value *edit_int64s(Editor *editor, int64_t count, const int64_t *values)
{
    Arena *arena = editor->context->model->arena;
    return graph_add_constant(editor->graph, NULL, constant_int64s(arena, count, values));
}

Value *edit_int64(Editor *editor, int64_t value)
{
    Arena *arena = editor->context->model->arena;
    return graph_add_constant(editor->graph, NULL, constant_scalar_int64(arena, value));
}

Value *edit_real(Editor *editor, TnElementType element, double value)
{
    Arena *arena = editor->context->model->arena;
    return graph_add_constant(editor->graph, NULL, constant_scalar_real(arena, element, value));
}
