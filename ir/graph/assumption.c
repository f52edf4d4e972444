/* SPDX-License-Identifier: Apache-2.0
 *
 * What is assumed of a model's sizes, and whether it can be checked: a symbol gets its value from
 * the sizes of an input, from those of the value that it is called after, or from an element of
 * that value. Where the value is gone, or inference has found better names for what it tells,
 * nothing gives the symbol a value any more.
 */
#include "ir/graph/graph.h"
#include "ir/support/array.h"

void model_assume(Model *model, const Expr *condition, const char *message)
{
    double known;
    if (expr_is_constant(condition, &known) && known != 0)
        return;
    for (int64_t i = 0; i < model->assumption_count; i++) {
        Assumption *old = &model->assumptions[i];
        if (old->condition != condition)
            continue;
        if (!model->branch) /* about all, from now on */
            old->branch = NULL;
        if (!old->branch || old->branch == model->branch)
            return;
    }
    if (model->assumption_count == model->assumption_capacity)
        model->assumptions = array_grow(model->arena, model->assumptions, model->assumption_count,
                                        &model->assumption_capacity, sizeof *model->assumptions);
    model->assumptions[model->assumption_count++] = (Assumption){condition, message, model->branch};
}

void model_assume_as(Model *model, const Expr *condition, const char *message)
{
    model_assume(model, condition, message);
    for (int64_t i = 0; i < model->assumption_count; i++) {
        Assumption *assumption = &model->assumptions[i];
        if (assumption->condition == condition &&
            (!assumption->branch || assumption->branch == model->branch))
            assumption->message = message;
    }
}

/* Whether the value's elements are known by these symbols: inference may have found better since.
 */
static bool is_current(const Binding *binding)
{
    const Value *value = binding->value;
    if (value->element_count != binding->count)
        return false;
    for (int64_t i = 0; i < binding->count; i++)
        if (value->elements[i] != binding->symbols[i])
            return false;
    return true;
}

int64_t value_bound_count(const Value *value)
{
    const Model *model = value->graph->model;
    for (int64_t i = 0; value->symbols && i < model->binding_count; i++)
        if (model->bindings[i].value == value && is_current(&model->bindings[i]))
            return model->bindings[i].count;
    return -1;
}

typedef struct OriginSearch {
    const Model *model;
    const Expr *symbol;
    bool found;
} OriginSearch;

static void look_for_symbol(void *user, const Expr *e)
{
    OriginSearch *search = user;
    search->found |= e == search->symbol;
}

static void look_in_type(OriginSearch *search, const Type *type)
{
    for (; type; type = type->inner)
        for (int d = 0; type_is_tensor(type) && d < type->rank; d++)
            if (type->dims[d])
                expr_walk(search->model->pool, type->dims[d], look_for_symbol, search);
}

/* Whether neither the value nor a graph that it lies in was removed. */
static bool is_there(const Value *value)
{
    if (!value->graph || (value->producer && !value->producer->graph))
        return false;
    const Graph *graph = value->graph;
    while (graph && graph->owner)
        graph = graph->owner->graph;
    return graph != NULL;
}

/* Whether an input's sizes tell the symbol, or the value that it is said to be of. */
static bool is_told(const Model *model, const Expr *symbol)
{
    OriginSearch search = {model, symbol, false};
    const Graph *graph = model->graph;
    for (int i = 0; i < graph->input_count; i++)
        look_in_type(&search, graph->inputs[i]->type);
    const Value *owner = map_get_pointer(&model->symbol_owners, symbol);
    if (search.found || !owner || !is_there(owner))
        return search.found;
    look_in_type(&search, owner->type);
    for (int64_t i = 0; i < model->binding_count; i++) {
        const Binding *binding = &model->bindings[i];
        for (int64_t k = 0; binding->value == owner && k < binding->count; k++)
            search.found |= binding->symbols[k] == symbol && is_current(binding);
    }
    return search.found;
}

typedef struct UntoldSearch {
    const Model *model;
    bool found;
} UntoldSearch;

static void look_for_untold(void *user, const Expr *e)
{
    UntoldSearch *search = user;
    if (e->kind == EXPR_symbol && !is_told(search->model, e))
        search->found = true;
}

bool model_may_check(const Model *model, const Expr *condition)
{
    UntoldSearch search = {model, false};
    expr_walk(model->pool, condition, look_for_untold, &search);
    return !search.found;
}

typedef struct SymbolSearch {
    const Value *value;
    bool found;
} SymbolSearch;

static void look_for_own(void *user, const Expr *e)
{
    SymbolSearch *search = user;
    const Model *model = search->value->graph->model;
    if (e->kind == EXPR_symbol && map_get_pointer(&model->symbol_owners, e) == search->value)
        search->found = true;
}

bool value_is_assumed(const Value *value)
{
    if (!value->symbols)
        return false;
    const Model *model = value->graph->model;
    SymbolSearch search = {value, false};
    for (int64_t i = 0; i < model->assumption_count && !search.found; i++)
        expr_walk(model->pool, model->assumptions[i].condition, look_for_own, &search);
    return search.found;
}
