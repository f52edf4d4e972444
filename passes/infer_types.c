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
        bool changed = false;
        if (!pass_infer_again(pass, node, &changed))
            return PASS_FAILED;
        if (changed)
            pass_count(pass, "type");
    }
    return pass_result(pass, before);
}
