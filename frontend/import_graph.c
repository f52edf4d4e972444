/* SPDX-License-Identifier: Apache-2.0
 *
 * Scopes: what a name means, and how a value from outside reaches a region. Looking a name up makes
 * it available: an initialiser becomes a constant of the graph that uses it, and a value from an
 * outer graph becomes an operand of the region's node and an input of all its regions.
 */
#include "frontend/importer.h"
#include "frontend/onnx/tensor.h"

#include <string.h>

#define FAIL(importer, location, ...) error_at((importer)->diagnostics, (location), __VA_ARGS__)

const Value absent_value = {.name = ""};

/* ---- Names --------------------------------------------------------------------------------- */

const char *import_name(Importer *importer, TnString name, Location location)
{
    if (name.length && memchr(name.data, 0, (size_t)name.length)) {
        FAIL(importer, location, "a name holds a NUL byte");
        return NULL;
    }
    return intern_bytes(importer->model->names, name.data ? name.data : "", (size_t)name.length);
}

const char *import_path(Importer *importer, const char *path, const char *field, int64_t i)
{
    if (!importer->document->source || !importer->document->source->is_binary)
        return NULL;
    return arena_format(importer->arena, "%s%s%s[%lld]", path ? path : "",
                        path && path[0] ? "." : "", field, (long long)i);
}

Location import_location(Importer *importer, const Message *message, const char *path)
{
    const Source *source = importer->document->source;
    if (!message->end) /* made by an editor: the file does not have it */
        source = NULL;
    return (Location){
        .source = source,
        .begin = message->begin,
        .end = message->end,
        .path = source && source->is_binary ? path : NULL,
    };
}

bool scope_define(Importer *importer, Scope *scope, const char *name, Value *value,
                  Location location)
{
    if (map_get(&scope->values, name) || map_get(&scope->initializers, name))
        return FAIL(importer, location, "'%s' is made twice; a name may be given once", name);
    map_set(&scope->values, name, value);
    return true;
}

/* ---- Looking up ---------------------------------------------------------------------------- */

/* A new input in every region of the node, for a value of the graph around it. */
static Value *capture(Scope *scope, Value *outer, const char *name)
{
    Value *inner = map_get_pointer(&scope->captures, outer);
    if (inner)
        return inner;
    node_add_operand(scope->graph->owner, outer);
    scope->graph->owner->capture_count++;
    for (int i = 0; i < scope->sibling_count; i++) {
        Scope *sibling = scope->siblings[i];
        Value *input = graph_add_input(sibling->graph, name, outer->type);
        input->elements = outer->elements;
        input->element_count = outer->element_count;
        map_set_pointer(&sibling->captures, outer, input);
    }
    return map_get_pointer(&scope->captures, outer);
}

Value *scope_import_value(Scope *scope, Value *outer)
{
    return outer->kind == VALUE_constant
               ? graph_add_constant(scope->graph, outer->name, outer->constant)
               : capture(scope, outer, outer->name);
}

/* The constant of that name in the scope or one around it; NULL if the name is something else. */
static const Constant *find_constant(const Scope *scope, const char *name)
{
    for (; scope; scope = scope->parent) {
        const Value *value = map_get(&scope->values, name);
        if (value)
            return value->kind == VALUE_constant ? value->constant : NULL;
        const Constant *constant = map_get(&scope->initializers, name);
        if (constant)
            return constant;
    }
    return NULL;
}

Value *scope_find(Scope *scope, const char *name)
{
    Value *value = map_get(&scope->values, name);
    if (value)
        return value;
    bool shares_graph = scope->parent && scope->parent->graph == scope->graph;
    const Constant *constant =
        shares_graph ? map_get(&scope->initializers, name) : find_constant(scope, name);
    if (constant) {
        value = graph_add_constant(scope->graph, name, constant);
    } else if (shares_graph) {
        return scope_find(scope->parent, name);
    } else if (scope->parent) {
        Value *outer = scope_find(scope->parent, name);
        if (!outer || outer == &absent_value)
            return outer;
        value = capture(scope, outer, name);
    }
    if (value)
        map_set(&scope->values, name, value);
    return value;
}

/* ---- Initialisers -------------------------------------------------------------------------- */

bool scope_define_constant(Importer *importer, Scope *scope, const char *name,
                           const Constant *constant, Location location)
{
    if (map_get(&scope->values, name) || map_get(&scope->initializers, name))
        return FAIL(importer, location, "'%s' is made twice; a name may be given once", name);
    map_set(&scope->initializers, name, (void *)constant);
    return true;
}

static bool add_initializer(Importer *importer, Scope *scope, TnString proto_name,
                            const Constant *constant, Location location)
{
    const char *name = import_name(importer, proto_name, location);
    if (!name)
        return false;
    if (!name[0])
        return FAIL(importer, location, "an initializer without name");
    return scope_define_constant(importer, scope, name, constant, location);
}

bool import_initializers(Importer *importer, Scope *scope, const GraphProto *proto)
{
    for (int64_t i = 0; i < proto->initializer.count; i++) {
        const TensorProto *tensor = proto->initializer.items[i];
        Location location = import_location(importer, &tensor->base,
                                            import_path(importer, scope->path, "initializer", i));
        if (tensor->name.length)
            location.node =
                arena_string(importer->arena, tensor->name.data, (size_t)tensor->name.length);
        const Constant *constant = tensor_import(importer->arena, tensor, location,
                                                 &importer->external, importer->diagnostics);
        if (!constant || !add_initializer(importer, scope, tensor->name, constant, location))
            return false;
    }
    for (int64_t i = 0; i < proto->sparse_initializer.count; i++) {
        const SparseTensorProto *tensor = proto->sparse_initializer.items[i];
        Location location = import_location(
            importer, &tensor->base, import_path(importer, scope->path, "sparse_initializer", i));
        const Constant *constant = sparse_tensor_import(importer->arena, tensor, location,
                                                        &importer->external, importer->diagnostics);
        if (!constant ||
            !add_initializer(importer, scope, tensor->values->name, constant, location))
            return false;
    }
    return true;
}

/* ---- Nodes --------------------------------------------------------------------------------- */

bool import_nodes(Importer *importer, Scope *scope, const char *field_path)
{
    for (int64_t i = 0; i < scope->node_count; i++)
        if (!import_node(importer, scope, i, import_path(importer, field_path, "node", i)))
            return false;
    return true;
}

/* The node of the scope that makes a name, -1 if none does. */
static int64_t find_producer(const Scope *scope, const char *name)
{
    for (int64_t i = 0; i < scope->node_count; i++)
        for (int64_t j = 0; j < scope->nodes[i]->output.count; j++)
            if (proto_equals(scope->nodes[i]->output.items[j], name))
                return i;
    return -1;
}

/* Names of all producers, for the search for a cycle. */
static Map producers_of(Arena *arena, const Scope *scope)
{
    Map producers = map_create(arena);
    for (int64_t i = 0; i < scope->node_count; i++)
        for (int64_t j = 0; j < scope->nodes[i]->output.count; j++) {
            TnString name = scope->nodes[i]->output.items[j];
            if (name.length)
                map_set_bytes(&producers, name.data, (size_t)name.length, scope->nodes[i]);
        }
    return producers;
}

/* Whether `from` needs, through any number of nodes, what `target` makes. Depth first, with a stack
 * of its own; regions are not looked into. */
static bool depends_on(Arena *arena, const Scope *scope, const NodeProto *from,
                       const NodeProto *target)
{
    Map producers = producers_of(arena, scope);
    Map seen = map_create(arena);
    ARRAY(const NodeProto *) stack = {0};
    array_push(arena, &stack, from);
    while (stack.count) {
        const NodeProto *node = stack.items[--stack.count];
        if (node == target)
            return true;
        if (map_get_pointer(&seen, node))
            continue;
        map_set_pointer(&seen, node, (void *)node);
        for (int64_t i = 0; i < node->input.count; i++) {
            TnString name = node->input.items[i];
            const NodeProto *next =
                name.length ? map_get_bytes(&producers, name.data, (size_t)name.length) : NULL;
            if (next)
                array_push(arena, &stack, next);
        }
    }
    return false;
}

bool import_report_missing(Importer *importer, Scope *scope, int64_t node, const char *name,
                           Location location)
{
    int64_t producer = find_producer(scope, name);
    if (producer < 0 && scope->parent)
        return import_report_missing(importer, scope->parent, -1, name, location);
    if (producer < 0)
        return FAIL(importer, location, "nothing makes the value '%s'", name);
    if (node >= 0 && depends_on(importer->arena, scope, scope->nodes[producer], scope->nodes[node]))
        return FAIL(importer, location, "a cycle: '%s' is needed to make itself", name);
    return FAIL(importer, location,
                "'%s' is used before node %lld makes it; nodes must stand in an order in which "
                "they can be computed",
                name, (long long)producer);
}
