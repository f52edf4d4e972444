/* SPDX-License-Identifier: Apache-2.0
 *
 * eliminate-dead: removes nodes none of whose results is used, and constants without uses. One walk
 * backward is enough: users come after what they use. No operator has effects beyond its results.
 */
#include "passes/pass.h"

static bool is_dead(const Node *node)
{
    for (int i = 0; i < node->result_count; i++)
        if (result(node, i)->first_use)
            return false;
    return true;
}

PassResult pass_eliminate_dead(Pass *pass, Graph *graph)
{
    int64_t before = pass->changes;
    Node *previous;
    for (Node *node = graph->last; node && pass_allows(pass); node = previous) {
        previous = node->prev;
        if (!is_dead(node))
            continue;
        node_remove(node);
        pass_count(pass, "node");
    }
    if (pass_allows(pass) && graph_remove_unused_constants(graph))
        pass_count(pass, "constants");
    return pass_result(pass, before);
}
