/* SPDX-License-Identifier: Apache-2.0
 *
 * decompose: replaces operators that are said in terms of others, by C code (op->decompose) or by a
 * body in ONNX text (op->function), until none is left. What a decomposition makes is decomposed,
 * too; one that comes back to its own operator inside itself is our bug and refused by its depth.
 */
#include "frontend/function.h"
#include "passes/rewrite.h"

enum { DEEPEST = 16 };

/* Replaces all wanted results; those that the decomposition made keep the names of the old ones. */
static bool replace_results(Pass *pass, Node *node, Value **values)
{
    for (int i = 0; i < node->result_count; i++) {
        Value *old_value = result(node, i);
        if (!old_value->first_use)
            continue;
        if (!values[i])
            return infer_unsupported(pass->infer, node, "result %d is wanted", i);
        if (values[i]->kind == VALUE_result)
            value_replace(old_value, values[i]);
        else
            value_replace_uses(old_value, values[i]);
    }
    remove_dead(node);
    return true;
}

typedef enum Answer { ANSWER_failed, ANSWER_kept, ANSWER_replaced } Answer;

static Answer expand(Pass *pass, Node *node)
{
    const OpDef *op = node->op;
    if (!op->decompose && !op->function)
        return ANSWER_kept;
    Value **values = ARENA_ARRAY(pass->scratch, Value *, node->result_count + 1);
    Editor editor = rewrite_editor(pass, node);
    if (op->decompose) {
        bool done = op->decompose(&editor, node, values);
        if (editor.failed)
            return ANSWER_failed;
        if (!done && !op->function)
            return ANSWER_kept;
        if (done)
            return replace_results(pass, node, values) ? ANSWER_replaced : ANSWER_failed;
    }
    if (!function_expand(pass->infer, node, values))
        return ANSWER_failed;
    return replace_results(pass, node, values) ? ANSWER_replaced : ANSWER_failed;
}

/* Decomposes node and what it becomes. *next is the first node after it that was there before. */
static bool expand_fully(Pass *pass, Graph *graph, Node *node, int depth);

static bool expand_range(Pass *pass, Graph *graph, Node *first, const Node *end, int depth)
{
    for (Node *node = first, *next; node && node != end; node = next) {
        next = node->next;
        if (!expand_fully(pass, graph, node, depth))
            return false;
    }
    return true;
}

static bool expand_fully(Pass *pass, Graph *graph, Node *node, int depth)
{
    if (!pass_allows(pass))
        return true;
    Node *last = node->prev, *end = node->next;
    const OpDef *op = node->op;
    if (depth > DEEPEST)
        return infer_unsupported(pass->infer, node, "its decomposition does not end");
    for (int i = 0; i < node->region_count; i++)
        if (!expand_range(pass, node->regions[i], node->regions[i]->first, NULL, depth + 1))
            return false;
    switch (expand(pass, node)) {
    case ANSWER_failed: return false;
    case ANSWER_kept: return true;
    case ANSWER_replaced: break;
    }
    pass_count(pass, op->name);
    Node *first = last ? last->next : graph->first;
    for (Node *made = first; made && made != end; made = made->next)
        node_own_constants(made); /* a constant operand may have become a capture */
    return expand_range(pass, graph, first, end, depth + 1);
}

PassResult pass_decompose(Pass *pass, Graph *graph)
{
    int64_t before = pass->changes;
    bool good = expand_range(pass, graph, graph->first, NULL, 0);
    return good ? pass_result(pass, before) : PASS_FAILED;
}
