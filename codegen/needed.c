/* SPDX-License-Identifier: Apache-2.0
 *
 * Which nodes a graph must run. Shapes that a model computes flow through operands that no kernel
 * loads: their elements are known as expressions over sizes. What only such operands need is not
 * run.
 */
#include "codegen/builder.h"

static bool kernel_reads(const Kernel *kernel, const Tensor *tensor)
{
    for (int i = 0; i < kernel->compute_count; i++)
        if (compute_reads(kernel->pool, kernel->computes[i], tensor))
            return true;
    return false;
}

/* The kernel's tensor for operand i: they stand for the distinct operands, in order. */
static const Tensor *operand_tensor(const Kernel *kernel, const Node *node, int i)
{
    int slot = 0;
    for (int k = 0; k < i; k++) {
        bool is_first = operand(node, k) != NULL;
        for (int j = 0; j < k; j++)
            is_first = is_first && operand(node, j) != operand(node, k);
        slot += is_first;
        if (operand(node, k) == operand(node, i))
            return operand_tensor(kernel, node, k);
    }
    return kernel->tensors[slot];
}

static bool is_read(ExprPool *pool, const Value *value);

static bool reads_operand(ExprPool *pool, const Node *node, int i)
{
    const Value *value = operand(node, i);
    if (node->op->traits & TRAIT_view)
        return i == 0;
    if (!value->elements)
        return true;
    if (node->op->control == CONTROL_group)
        return is_read(pool, node->regions[0]->inputs[i]);
    if (!node->op->lower)
        return true;
    const Kernel *kernel = node_lower(pool, node);
    return kernel_reads(kernel, operand_tensor(kernel, node, i));
}

/* Whether somebody needs the elements of the value. */
static bool is_read(ExprPool *pool, const Value *value)
{
    FOR_EACH_USE (use, value)
        if (!use->user || reads_operand(pool, use->user, use->index))
            return true;
    return false;
}

bool *find_needed_nodes(Builder *b, Graph *graph)
{
    graph_number(graph);
    bool *needed = ARENA_ARRAY(b->arena, bool, graph->node_count + 1);
    for (int i = 0; i < graph->output_count; i++)
        if (graph_output(graph, i)->producer)
            needed[graph_output(graph, i)->producer->id] = true;
    for (int64_t i = 0; i < b->model->binding_count; i++) {
        const Value *value = b->model->bindings[i].value;
        if (value->graph == graph && value->producer)
            needed[value->producer->id] = true;
    }
    for (Node *node = graph->last; node; node = node->prev) {
        needed[node->id] |= !node->op->lower && node->op->control != CONTROL_group;
        for (int i = 0; needed[node->id] && i < node->operand_count; i++) {
            const Value *value = operand(node, i);
            if (value && value->producer && !needed[value->producer->id])
                needed[value->producer->id] = reads_operand(b->pool, node, i);
        }
    }
    return needed;
}
