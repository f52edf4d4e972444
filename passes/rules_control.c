/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of canonicalize: branches that are decided, and values known from sizes alone.
 */
#include "ir/graph/constant.h"
#include "ir/support/array.h"
#include "passes/rules.h"

/* A node whose result's elements are all known numbers is a constant. */
RULE_ANY(known_elements)
{
    if (node->result_count != 1 || !result(node, 0)->elements || node->region_count)
        return NULL;
    const Value *value = result(node, 0);
    const Type *type = value->type;
    int64_t dims[MAX_RANK];
    if (!type_is_static(type))
        return NULL;
    for (int d = 0; d < type->rank; d++)
        expr_known(type->dims[d], &dims[d]);
    for (int64_t i = 0; i < value->element_count; i++)
        if (!expr_known(value->elements[i], NULL))
            return NULL;
    void *data;
    Constant *constant =
        constant_allocate(pass->model->arena, type->element, type->rank, dims, &data);
    if (!constant || constant->count != value->element_count)
        return NULL;
    for (int64_t i = 0; i < value->element_count; i++) {
        int64_t element = 0;
        expr_known(value->elements[i], &element);
        element_from_int64(type->element, element,
                           (char *)data + (size_t)i * element_bytes(type->element));
    }
    return graph_add_constant(node->graph, value->name, constant);
}

static const Rule *const rules[] = {
    &rule_known_elements,
};

const RuleSet control_rules = {rules, (int)COUNT_OF(rules)};
