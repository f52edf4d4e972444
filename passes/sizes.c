/* SPDX-License-Identifier: Apache-2.0
 *
 * Giving sizes other values.
 */
#include "passes/sizes.h"

typedef struct Change {
    Model *model;
    const Symbol *symbol;
    const Expr *by;
} Change;

static const Expr *change_expr(const Change *change, const Expr *e)
{
    return expr_substitute_symbol(change->model->pool, e, change->symbol, change->by);
}

static const Type *change_type(const Change *change, const Type *type)
{
    if (!type)
        return NULL;
    Type changed = *type;
    changed.inner = change_type(change, type->inner);
    for (int d = 0; d < type->rank; d++)
        changed.dims[d] = change_expr(change, type->dims[d]);
    return type_equal(&changed, type) ? type
                                      : arena_copy(change->model->arena, &changed, sizeof changed);
}

static void change_value(const Change *change, Value *value)
{
    value->type = change_type(change, value->type);
    if (!value->elements)
        return;
    Arena *arena = change->model->arena;
    const Expr **elements = ARENA_ARRAY(arena, const Expr *, value->element_count + 1);
    for (int64_t i = 0; i < value->element_count; i++)
        elements[i] = change_expr(change, value->elements[i]);
    value->elements = elements;
}

static void change_graph(const Change *change, Graph *graph)
{
    for (int i = 0; i < graph->input_count; i++)
        change_value(change, graph->inputs[i]);
    FOR_EACH_NODE (node, graph) {
        for (int i = 0; i < node->result_count; i++)
            change_value(change, result(node, i));
        for (int i = 0; i < node->region_count; i++)
            change_graph(change, node->regions[i]);
    }
}

void model_substitute_size(Model *model, const Symbol *symbol, const Expr *by)
{
    Change change = {model, symbol, by};
    change_graph(&change, model->graph);
    int64_t kept = 0;
    for (int64_t i = 0; i < model->assumption_count; i++) {
        Assumption assumption = model->assumptions[i];
        double known;
        assumption.condition = change_expr(&change, assumption.condition);
        if (!expr_is_constant(assumption.condition, &known) || known == 0)
            model->assumptions[kept++] = assumption;
    }
    model->assumption_count = kept;
}
