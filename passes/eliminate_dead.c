/* SPDX-License-Identifier: Apache-2.0
 *
 * eliminate-dead: removes nodes none of whose results is used or assumed about, constants without
 * uses, and captures that no region reads. One walk backward is enough: users come after what they
 * use. No operator has effects beyond its results.
 */
#include "passes/rewrite.h"

static bool capture_is_unused(const Node *node, int from_end)
{
    for (int r = 0; r < node->region_count; r++) {
        const Graph *region = node->regions[r];
        const Value *input = region->inputs[region->input_count - from_end];
        if (input->first_use || value_is_assumed(input))
            return false;
    }
    return true;
}

/* Captures that no region reads any more. */
static void remove_captures(Pass *pass, Node *node)
{
    for (int from_end = node->capture_count; from_end > 0 && pass_allows(pass); from_end--) {
        if (!capture_is_unused(node, from_end))
            continue;
        for (int r = 0; r < node->region_count; r++)
            graph_remove_input(node->regions[r], node->regions[r]->input_count - from_end);
        node_remove_operand(node, node->operand_count - from_end);
        node->capture_count--;
        pass_count(pass, "capture");
    }
}

PassResult pass_eliminate_dead(Pass *pass, Graph *graph)
{
    int64_t before = pass->changes;
    Node *previous;
    for (Node *node = graph->last; node && pass_allows(pass); node = previous) {
        previous = node->prev;
        if (!is_unused(node)) {
            remove_captures(pass, node);
            continue;
        }
        node_remove(node);
        pass_count(pass, "node");
    }
    return pass_result(pass, before);
}
