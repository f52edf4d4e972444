/* SPDX-License-Identifier: Apache-2.0
 *
 * Sizes of inputs that are expressions of symbols which stand alone nowhere: float[2*N, 3].
 *
 * Such a dimension gets a symbol of its own, which the input binds when the program is entered.
 * The symbol in it follows, N = floor(dimension / 2), and a check says whether the dimension has
 * that form at all.
 */
#include "codegen/builder.h"

/* Symbols that some input has as a whole dimension. */
static Map find_alone(const Model *model)
{
    Map alone = map_create(model->arena);
    const Graph *graph = model->graph;
    for (int i = 0; i < graph->input_count; i++)
        for (int d = 0; type_is_tensor(graph->inputs[i]->type) && d < graph->inputs[i]->type->rank;
             d++)
            if (graph->inputs[i]->type->dims[d]->kind == EXPR_symbol)
                map_set_pointer(&alone, graph->inputs[i]->type->dims[d], &alone);
    return alone;
}

typedef struct SymbolSearch {
    const Map *alone;
    bool found;
} SymbolSearch;

static void look_for_symbol(void *user, const Expr *e)
{
    SymbolSearch *search = user;
    search->found |= e->kind == EXPR_symbol && !map_get_pointer(search->alone, e);
}

static const Expr *new_symbol(Model *model, const char *input, int d)
{
    const char *name = arena_format(model->arena, "%s.%d", input, d);
    const Expr *symbol;
    while (!(symbol = expr_new_symbol(model->pool, name, 0, SIZE_LIMIT)))
        name = arena_format(model->arena, "%s'", name);
    return symbol;
}

InputSize *input_sizes_find(Model *model)
{
    const Graph *graph = model->graph;
    InputSize *first = NULL, **tail = &first;
    Map alone = find_alone(model);
    for (int i = 0; i < graph->input_count; i++) {
        const Value *input = graph->inputs[i];
        for (int d = 0; type_is_tensor(input->type) && d < input->type->rank; d++) {
            SymbolSearch search = {&alone, false};
            expr_walk(model->pool, input->type->dims[d], look_for_symbol, &search);
            if (!search.found)
                continue;
            InputSize *size = ARENA_NEW(model->arena, InputSize);
            *size = (InputSize){i, d, input->type->dims[d], NULL, NULL};
            size->given = new_symbol(model, input->name, d);
            *tail = size;
            tail = &size->next;
        }
    }
    return first;
}

typedef struct UnboundSearch {
    const Builder *b;
    const Symbol *symbol;
    int count;
} UnboundSearch;

static void look_for_unbound(void *user, const Expr *e)
{
    UnboundSearch *search = user;
    if (e->kind != EXPR_symbol || search->b->is_bound[((const Symbol *)e->object)->id])
        return;
    search->symbol = e->object;
    search->count++;
}

/* Gives its value to the symbol that is left in the expression, if there is just one. */
static bool solve(Builder *b, const InputSize *size)
{
    ExprPool *pool = b->pool;
    UnboundSearch search = {.b = b};
    int64_t factor;
    const Expr *rest;
    expr_walk(pool, size->size, look_for_unbound, &search);
    if (search.count != 1 || !expr_split_symbol(pool, size->size, search.symbol, &factor, &rest))
        return false;
    const Expr *product =
        factor > 0 ? expr_minus(pool, size->given, rest) : expr_minus(pool, rest, size->given);
    const Expr *divisor = expr_integer(pool, factor > 0 ? factor : -factor);
    symbol_bind_entry_to(b, search.symbol->id, expr_quotient(pool, product, divisor));
    return true;
}

void input_sizes_bind(Builder *b, const Graph *graph)
{
    bool found = true;
    while (found) {
        found = false;
        for (const InputSize *size = b->input_sizes; size; size = size->next)
            found |= solve(b, size);
    }
    for (const InputSize *size = b->input_sizes; size; size = size->next) {
        const Value *input = graph->inputs[size->input];
        const char *type = type_text(b->arena, input->type);
        if (size_is_bound(b, size->size)) {
            emit_check(b, expr_compare(b->pool, EXPR_equal, size->given, size->size),
                       arena_format(b->arena,
                                    "input '%s' is %s, and no sizes give it its dimension %d",
                                    input->name, type, size->dim));
            continue;
        }
        unsupported_at(b->diagnostics, (Location){.node = input->name},
                       "input '%s' is %s: the size in dimension %d does not tell its symbols, and "
                       "no other input does",
                       input->name, type, size->dim);
        b->failed = true;
    }
}
