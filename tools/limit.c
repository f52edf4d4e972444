/* SPDX-License-Identifier: Apache-2.0
 *
 * --max NAME=N: the largest value of a size. What a declared output is said to have does not name
 * one; sizes of inputs do, and those that inference has named after the values that tell them.
 */
#include "parts.h"

#include <stdlib.h>
#include <string.h>

/* The sizes of a model that only running tells, each once. */
typedef struct SizeList {
    const Model *model;
    Map symbols;
} SizeList;

static void add_symbol(void *user, const Expr *e)
{
    SizeList *list = user;
    if (e->kind == EXPR_symbol)
        map_set_pointer(&list->symbols, e, list);
}

static SizeList find_sizes(Arena *arena, const Model *model)
{
    SizeList list = {model, map_create(arena)};
    const Graph *graph = model->graph;
    for (int i = 0; i < graph->input_count; i++) {
        const Type *type = graph->inputs[i]->type;
        for (int d = 0; type_is_tensor(type) && d < type->rank; d++)
            expr_walk(model->pool, type->dims[d], add_symbol, &list);
    }
    for (int i = 0; i < expr_pool_symbol_count(model->pool); i++) {
        const Expr *symbol = expr_symbol(model->pool, expr_pool_symbol(model->pool, i)->name);
        const Value *owner = map_get_pointer(&model->symbol_owners, symbol);
        if (owner && owner->graph)
            add_symbol(&list, symbol);
    }
    return list;
}

static const Expr *find_size(const SizeList *list, const char *name)
{
    for (int i = 0; i < expr_pool_symbol_count(list->model->pool); i++)
        if (!strcmp(expr_pool_symbol(list->model->pool, i)->name, name)) {
            const Expr *symbol = expr_symbol(list->model->pool, name);
            return map_get_pointer(&list->symbols, symbol) ? symbol : NULL;
        }
    return NULL;
}

static bool refuse(Session *session, const SizeList *list, const char *name)
{
    Text known = text_create(session->arena);
    for (int i = 0; i < expr_pool_symbol_count(list->model->pool); i++) {
        const char *other = expr_pool_symbol(list->model->pool, i)->name;
        if (find_size(list, other))
            text_format(&known, "%s'%s'", known.length ? ", " : "", other);
    }
    return session_fail(session, TN_BAD_ARGUMENT, "there is no size '%s'; %s%s", name,
                        known.length ? "open are " : "all are known", known.data);
}

bool session_limit(Session *session)
{
    const char *text;
    if (!option_given(session->options, OPTION_max))
        return true;
    SizeList list = find_sizes(session->arena, session->model);
    for (int i = 0; (text = option_each(session->options, OPTION_max, i)); i++) {
        const char *at = strrchr(text, '=');
        char *end = NULL;
        long long most = at ? strtoll(at + 1, &end, 10) : 0;
        if (!at || end == at + 1 || *end || most < 0)
            wrong_usage("option '--max' needs NAME=N, not '%s'", text);
        const char *name = arena_string(session->arena, text, (size_t)(at - text));
        const Expr *symbol = find_size(&list, name);
        if (symbol)
            symbol_restrict(session->model->pool, symbol, 0, most);
        else if (!session->is_again)
            return refuse(session, &list, name);
    }
    return true;
}
