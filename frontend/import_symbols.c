/* SPDX-License-Identifier: Apache-2.0
 *
 * Symbols of sizes that only running tells, as notes on values in a file.
 *
 * Inference calls such a symbol after its value. Where the value is called otherwise by now, export
 * says the symbol's name in a note, metadata_props ["tenon.symbol.count" : "nz_count"], and here it
 * is taken back. The names of all notes are taken before the first one is invented, so that no
 * other value gets one. A name that a size of an input has already is the input's.
 */
#include "frontend/importer.h"

#include <string.h>

/* What a note says, and the next one on the same value. */
typedef struct SymbolNote {
    const char *what;
    const Expr *symbol;
    struct SymbolNote *next;
} SymbolNote;

/* Has the symbols that no value has claimed yet. */
static const Value nobody = {.name = ""};

bool import_is_symbol_note(TnString key)
{
    size_t length = strlen(SYMBOL_PROPERTY);
    return (size_t)key.length > length && !memcmp(key.data, SYMBOL_PROPERTY, length);
}

/* ---- Reserving ----------------------------------------------------------------------------- */

/* Of a value of a body, which is a GraphProto or a FunctionProto. */
static const char *key_of(Importer *importer, const void *body, TnString name, size_t *length)
{
    Text key = text_create(importer->arena);
    text_append_bytes(&key, (const char *)&body, sizeof body);
    text_append_bytes(&key, name.data, (size_t)name.length);
    *length = key.length;
    return key.data;
}

static const Expr *reserve(Model *model, const char *name)
{
    const Expr *symbol = expr_new_symbol(model->pool, name, -EXPR_LIMIT, EXPR_LIMIT);
    if (symbol)
        map_set_pointer(&model->symbol_owners, symbol, (void *)&nobody);
    return symbol;
}

static bool reserve_of_info(Importer *importer, const void *body, const ValueInfoProto *info)
{
    SymbolNote *first = NULL, **tail = &first;
    Location location = import_location(importer, &info->base, NULL);
    for (int64_t i = 0; i < info->metadata_props.count; i++) {
        const StringStringEntryProto *entry = info->metadata_props.items[i];
        if (!import_is_symbol_note(entry->key))
            continue;
        const char *what = import_name(importer, entry->key, location);
        const char *name = import_name(importer, entry->value, location);
        if (!what || !name)
            return false;
        const Expr *symbol = reserve(importer->model, name);
        if (!symbol)
            continue;
        *tail = ARENA_NEW(importer->arena, SymbolNote);
        **tail = (SymbolNote){what + strlen(SYMBOL_PROPERTY), symbol, NULL};
        tail = &(*tail)->next;
    }
    if (first) {
        size_t length;
        const char *key = key_of(importer, body, info->name, &length);
        map_set_bytes(&importer->symbol_notes, key, length, first);
    }
    return true;
}

static bool reserve_of_infos(Importer *importer, const void *body, int64_t count,
                             ValueInfoProto *const *infos)
{
    for (int64_t i = 0; i < count; i++)
        if (!reserve_of_info(importer, body, infos[i]))
            return false;
    return true;
}

static bool reserve_of_graph(Importer *importer, const GraphProto *graph);

static bool reserve_of_nodes(Importer *importer, int64_t count, NodeProto *const *nodes)
{
    for (int64_t i = 0; i < count; i++)
        for (int64_t a = 0; a < nodes[i]->attribute.count; a++)
            if (nodes[i]->attribute.items[a]->g &&
                !reserve_of_graph(importer, nodes[i]->attribute.items[a]->g))
                return false;
    return true;
}

static bool reserve_of_graph(Importer *importer, const GraphProto *graph)
{
    return reserve_of_infos(importer, graph, graph->input.count, graph->input.items) &&
           reserve_of_infos(importer, graph, graph->output.count, graph->output.items) &&
           reserve_of_infos(importer, graph, graph->value_info.count, graph->value_info.items) &&
           reserve_of_nodes(importer, graph->node.count, graph->node.items);
}

bool import_reserve_symbols(Importer *importer)
{
    const ModelProto *model = importer->document->model;
    bool ok = reserve_of_graph(importer, model->graph);
    for (int64_t i = 0; ok && i < model->functions.count; i++) {
        const FunctionProto *function = model->functions.items[i];
        ok = reserve_of_infos(importer, function, function->value_info.count,
                              function->value_info.items) &&
             reserve_of_nodes(importer, function->node.count, function->node.items);
    }
    return ok;
}

/* ---- Claiming ------------------------------------------------------------------------------ */

void import_claim_symbols(Importer *importer, const Scope *scope, Value *value, const char *name)
{
    if (!importer->symbol_notes.count)
        return;
    size_t length;
    const char *key = key_of(importer, scope->body, proto_string(name), &length);
    const SymbolNote *note = map_get_bytes(&importer->symbol_notes, key, length);
    for (; note; note = note->next)
        if (map_get_pointer(&importer->model->symbol_owners, note->symbol) == &nobody)
            value_set_symbol(value, note->what, note->symbol);
}
