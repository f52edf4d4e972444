/* SPDX-License-Identifier: Apache-2.0
 *
 * canonicalize: one way of saying a thing where there are several, and nothing that does nothing.
 * The rules are in rules_*.c; none changes a bit of any result.
 */
#include "ir/support/array.h"
#include "passes/rules.h"

#include <assert.h>
#include <string.h>

PassResult pass_canonicalize(Pass *pass, Graph *graph)
{
    enum { MOST_RULES = 128 };
    const RuleSet *const sets[] = {&arithmetic_rules, &view_rules, &window_rules, &control_rules};
    const Rule *rules[MOST_RULES];
    int count = 0;
    for (size_t i = 0; i < COUNT_OF(sets); i++) {
        assert(count + sets[i]->count <= MOST_RULES);
        memcpy(rules + count, sets[i]->rules, (size_t)sets[i]->count * sizeof *rules);
        count += sets[i]->count;
    }
    return rewrite_graph(pass, graph, rules, count);
}
