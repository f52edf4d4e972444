/* SPDX-License-Identifier: Apache-2.0
 *
 * infer-types: infers every node again, in order. Import infers nodes as it makes them; this pass
 * is for models whose inputs changed since (sizes fixed, inputs bound), and finds what a rewrite
 * made more precise. It counts the nodes whose types changed.
 */
#include "passes/pass.h"

PassResult pass_infer_types(Pass *pass, Graph *graph)
{
    int64_t before = pass->changes;
    FOR_EACH_NODE (node, graph) {
        const Type **types = ARENA_ARRAY(pass->scratch, const Type *, node->result_count + 1);
        for (int i = 0; i < node->result_count; i++)
            types[i] = result(node, i)->type;
        if (!node_infer(pass->infer, node))
            return PASS_FAILED;
        bool changed = false;
        for (int i = 0; i < node->result_count; i++)
            changed |= !type_equal(types[i], result(node, i)->type);
        if (changed)
            pass_count(pass, "type");
    }
    return pass_result(pass, before);
}
