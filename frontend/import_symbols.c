/* SPDX-License-Identifier: Apache-2.0
 *
 * What Tenon's own notes in a file say of sizes that only running tells (graph.h has the keys).
 *
 * Inference calls the symbol of such a size after its value. Where the value is called otherwise by
 * now, export says the symbol's name in a note, metadata_props ["tenon.symbol.count" : "nz_count"],
 * and here it is taken back. The names of all notes are taken before the first one is invented, so
 * that no other value gets one. A name that a size of an input has already is the input's.
 *
 * That the elements of a value are symbols, and how many, is noted where no reader says so: its
 * length is open, or all that is left of them is an assumption. Assumptions are noted on the graph
 * that they are about, and read when its nodes are there.
 */
#include "frontend/importer.h"

#include <stdlib.h>
#include <string.h>

/* What a note says of a symbol, and the next one on the same value. */
typedef struct SymbolNote {
    const char *what;
    const Expr *symbol;
    struct SymbolNote *next;
} SymbolNote;

/* What notes say of a value. */
typedef struct ValueNote {
    const SymbolNote *symbols;
    int64_t element_count; /* that are symbols; -1: not said */
    Location location;
} ValueNote;

/* Has the symbols that no value has claimed yet. */
static const Value nobody = {.name = ""};

static bool has_prefix(TnString key, const char *prefix)
{
    size_t length = strlen(prefix);
    return (size_t)key.length > length && !memcmp(key.data, prefix, length);
}

bool import_is_own_note(TnString key)
{
    return has_prefix(key, SYMBOL_PROPERTY) || has_prefix(key, ASSUMPTION_PROPERTY) ||
           proto_equals(key, ELEMENTS_PROPERTY);
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

/* NULL after a diagnostic; *symbol is NULL if the name is an input's. */
static bool read_symbol(Importer *importer, const StringStringEntryProto *entry, Location location,
                        SymbolNote *note)
{
    const char *what = import_name(importer, entry->key, location);
    const char *name = import_name(importer, entry->value, location);
    if (!what || !name)
        return false;
    *note = (SymbolNote){what + strlen(SYMBOL_PROPERTY), reserve(importer->model, name), NULL};
    return true;
}

static bool read_count(Importer *importer, const StringStringEntryProto *entry, Location location,
                       int64_t *count)
{
    const char *text = import_name(importer, entry->value, location);
    if (!text)
        return false;
    char *end;
    *count = strtoll(text, &end, 10);
    if (end != text && !*end && *count >= 0)
        return true;
    return error_at(importer->diagnostics, location,
                    "'" ELEMENTS_PROPERTY "' is '%s', expected a number", text);
}

static bool reserve_of_info(Importer *importer, const void *body, const ValueInfoProto *info)
{
    const SymbolNote **tail;
    ValueNote value = {.element_count = -1,
                       .location = import_location(importer, &info->base, NULL)};
    tail = &value.symbols;
    for (int64_t i = 0; i < info->metadata_props.count; i++) {
        const StringStringEntryProto *entry = info->metadata_props.items[i];
        if (proto_equals(entry->key, ELEMENTS_PROPERTY) &&
            !read_count(importer, entry, value.location, &value.element_count))
            return false;
        if (!has_prefix(entry->key, SYMBOL_PROPERTY))
            continue;
        SymbolNote *note = ARENA_NEW(importer->arena, SymbolNote);
        if (!read_symbol(importer, entry, value.location, note))
            return false;
        if (!note->symbol)
            continue;
        *tail = note;
        tail = (const SymbolNote **)&note->next;
    }
    if (value.symbols || value.element_count >= 0) {
        size_t length;
        const char *key = key_of(importer, body, info->name, &length);
        map_set_bytes(&importer->value_notes, key, length,
                      arena_copy(importer->arena, &value, sizeof value));
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

static const ValueNote *note_of(Importer *importer, const Scope *scope, const char *name)
{
    if (!importer->value_notes.count)
        return NULL;
    size_t length;
    const char *key = key_of(importer, scope->body, proto_string(name), &length);
    return map_get_bytes(&importer->value_notes, key, length);
}

void import_claim_symbols(Importer *importer, const Scope *scope, Value *value, const char *name)
{
    const ValueNote *of_value = note_of(importer, scope, name);
    for (const SymbolNote *note = of_value ? of_value->symbols : NULL; note; note = note->next)
        if (map_get_pointer(&importer->model->symbol_owners, note->symbol) == &nobody)
            value_set_symbol(value, note->what, note->symbol);
}

bool import_bind_elements(Importer *importer, const Scope *scope, Value *value, const char *name)
{
    const ValueNote *note = note_of(importer, scope, name);
    if (!note || note->element_count < 0 ||
        infer_bind_elements(&importer->context, value, note->element_count))
        return true;
    return error_at(importer->diagnostics, note->location,
                    "'" ELEMENTS_PROPERTY
                    "' says that '%s', a %s, has %lld elements that sizes are "
                    "made of",
                    name, type_text(importer->arena, value->type), (long long)note->element_count);
}

/* ---- Assumptions --------------------------------------------------------------------------- */

/* With the sizes that the options give. */
static const Expr *fix_sizes(const Importer *importer, const Expr *condition)
{
    ExprPool *pool = importer->model->pool;
    for (int i = 0; i < importer->options->dim_count; i++) {
        const DimSetting *dim = &importer->options->dims[i];
        condition = expr_substitute_symbol(pool, condition, expr_symbol(pool, dim->symbol)->object,
                                           expr_integer(pool, dim->size));
    }
    return condition;
}

bool import_assumptions(Importer *importer, const Graph *graph, const GraphProto *proto)
{
    Model *model = importer->model;
    const Graph *outer = model->branch;
    Location location = import_location(importer, &proto->base, NULL);
    for (int64_t i = 0; i < proto->metadata_props.count; i++) {
        const StringStringEntryProto *entry = proto->metadata_props.items[i];
        if (!has_prefix(entry->key, ASSUMPTION_PROPERTY))
            continue;
        const char *key = import_name(importer, entry->key, location);
        const char *message = import_name(importer, entry->value, location);
        if (!key || !message)
            return false;
        const char *text = key + strlen(ASSUMPTION_PROPERTY);
        const Expr *condition = expr_parse_condition(model->pool, text);
        if (!condition)
            return error_at(importer->diagnostics, location, "'%s' is no condition on sizes", text);
        model->branch = graph_branch(graph);
        model_assume_as(model, fix_sizes(importer, condition), message);
        model->branch = outer;
    }
    return true;
}
