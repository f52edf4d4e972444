/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of canonicalize: branches that are decided, and values known from sizes alone.
 */
#include "ir/ops/control.h"
#include "ir/support/array.h"
#include "passes/rules.h"

/* A node whose result's elements are all known numbers is a constant. */
RULE_ANY(known_elements)
{
    if (node->result_count != 1 || !result(node, 0)->elements || node->region_count)
        return NULL;
    const Value *value = result(node, 0);
    Constant *constant = elements_constant(pass->model, value);
    if (!constant)
        return NULL;
    return graph_add_constant(node->graph, value->name, constant);
}

/* If(true, a, b) = a, If(false, a, b) = b. The branch's types may be more precise. */
RULE_REFINES(if_decided, if)
{
    const Constant *condition = operand_constant(node, 0);
    if (!condition || condition->count != 1)
        return NULL;
    const IfAttributes *attributes = node->attributes;
    bool holds = constant_get_int64(condition, 0) != 0;
    Graph *branch = node->regions[holds ? attributes->then_branch : attributes->else_branch];
    Value **captures = ARENA_ARRAY(pass->scratch, Value *, node->capture_count + 1);
    Value **outputs = ARENA_ARRAY(pass->scratch, Value *, node->result_count + 1);
    for (int i = 0; i < node->capture_count; i++)
        captures[i] = operand(node, 1 + i);
    graph_inline(branch, node->graph, node, captures, outputs);
    for (int i = 1; i < node->result_count; i++)
        value_replace_uses(result(node, i), outputs[i]);
    return outputs[0];
}

/* A region that captures a constant has one of its own, and its results' types may follow from what
 * it is: the iterations of a Loop, for one. */
RULE_ANY_REFINES(capture_of_constant)
{
    return node_own_constants(node) ? result(node, 0) : NULL;
}

static const Rule *const rules[] = {
    &rule_if_decided,
    &rule_capture_of_constant,
    &rule_known_elements,
};

const RuleSet control_rules = {rules, (int)COUNT_OF(rules)};
