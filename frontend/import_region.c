/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies: the regions of If, Loop, Scan and SequenceMap, and functions that are called. All regions
 * of a node have their formal inputs before any of them captures, so that captures come last and
 * stand at the same places in all of them.
 */
#include "frontend/importer.h"
#include "ir/ops/control.h"

#include <string.h>

#define FAIL(importer, location, ...) error_at((importer)->diagnostics, (location), __VA_ARGS__)

/* ---- Regions ------------------------------------------------------------------------------- */

/* As declared; control_seed_regions() replaces it by what the node says. */
static bool add_formal_input(Importer *importer, Scope *scope, const ValueInfoProto *input,
                             int64_t i)
{
    Location location =
        import_location(importer, &input->base, import_path(importer, scope->path, "input", i));
    const char *name = import_name(importer, input->name, location);
    if (!name)
        return false;
    if (!name[0])
        return FAIL(importer, location, "an input without name");
    const Type *type = NULL;
    if (input->type && !(type = import_type(importer, input->type, name, location)))
        return false;
    Value *value = graph_add_input(scope->graph, name, type);
    import_claim_symbols(importer, scope, value, name);
    return scope_define(importer, scope, name, value, location);
}

static bool add_outputs(Importer *importer, Scope *scope, const GraphProto *graph)
{
    for (int64_t i = 0; i < graph->output.count; i++) {
        const ValueInfoProto *output = graph->output.items[i];
        Location location = import_location(importer, &output->base,
                                            import_path(importer, scope->path, "output", i));
        const char *name = import_name(importer, output->name, location);
        if (!name)
            return false;
        Value *value = scope_find(scope, name);
        if (!value || value == &absent_value)
            return import_report_missing(importer, scope, -1, name, location);
        graph_add_output(scope->graph, value, name);
    }
    return true;
}

bool import_region(Importer *importer, Scope *scope, const GraphProto *graph)
{
    if (!import_initializers(importer, scope, graph) ||
        !import_nodes(importer, scope, scope->path) || !add_outputs(importer, scope, graph) ||
        !import_assumptions(importer, scope->graph, graph))
        return false;
    graph_order_constants(scope->graph);
    import_graph_notes(importer, scope->graph, graph);
    return true;
}

Scope *scope_create(Importer *importer, Graph *graph, Scope *parent, const char *path)
{
    Scope *scope = ARENA_NEW(importer->arena, Scope);
    scope->parent = parent;
    scope->graph = graph;
    scope->path = path;
    scope->values = map_create(importer->arena);
    scope->initializers = map_create(importer->arena);
    scope->captures = map_create(importer->arena);
    if (parent) {
        scope->imports = parent->imports;
        scope->attributes = parent->attributes;
    }
    return scope;
}

/* The attribute that is region r. */
static const AttributeDef *region_def(const OpDef *op, int r)
{
    for (int i = 0; i < op->attribute_count; i++)
        if (op->attributes[i].kind == ATTRIBUTE_graph && op->attributes[i].default_int == r)
            return &op->attributes[i];
    return NULL;
}

/* The graph of region r, and where it stands. */
static const GraphProto *region_graph(Importer *importer, const OpDef *op, const NodeProto *proto,
                                      int r, const char *path, const char **own_path)
{
    const AttributeDef *def = region_def(op, r);
    const char *name = def ? def->name : NULL;
    for (int64_t i = 0; name && i < proto->attribute.count; i++)
        if (proto_equals(proto->attribute.items[i]->name, name)) {
            const char *at = import_path(importer, path, "attribute", i);
            *own_path = at ? arena_format(importer->arena, "%s.g", at) : NULL;
            return proto->attribute.items[i]->g;
        }
    return NULL;
}

bool import_regions(Importer *importer, Scope *scope, Node *node, const NodeProto *proto,
                    const char *path, Misfit *misfit)
{
    int count = node->region_count;
    Scope **scopes = ARENA_ARRAY(importer->arena, Scope *, count);
    const GraphProto **graphs = ARENA_ARRAY(importer->arena, const GraphProto *, count);
    for (int r = 0; r < count; r++) {
        const char *own_path = NULL;
        graphs[r] = region_graph(importer, node->op, proto, r, path, &own_path);
        if (!graphs[r] && region_def(node->op, r)->required)
            return FAIL(importer, node->location, "%s: its graph %d is missing", node->op->name, r);
        scopes[r] = scope_create(importer, node->regions[r], scope, own_path);
        scopes[r]->siblings = scopes;
        scopes[r]->sibling_count = count;
        if (!graphs[r]) { /* an optional one that is absent: the identity */
            Value *input = graph_add_input(node->regions[r], NULL, NULL);
            graph_add_output(node->regions[r], input, NULL);
            continue;
        }
        scopes[r]->body = graphs[r];
        scopes[r]->nodes = graphs[r]->node.items;
        scopes[r]->node_count = graphs[r]->node.count;
    }
    for (int r = 0; r < count; r++) {
        if (!graphs[r])
            continue;
        const char *name = import_name(importer, graphs[r]->name, node->location);
        if (!name)
            return false;
        if (name[0])
            node->regions[r]->name = name;
        for (int64_t i = 0; i < graphs[r]->input.count; i++)
            if (!add_formal_input(importer, scopes[r], graphs[r]->input.items[i], i))
                return false;
    }
    if (!node_check_operands(node, importer->diagnostics) ||
        !control_seed_regions(&importer->context, node)) {
        importer->context.failed = true;
        return false;
    }
    if (node->op->control == CONTROL_if)
        return import_branches(importer, scopes, graphs, misfit);
    for (int r = 0; r < count; r++)
        if (graphs[r] && !import_region(importer, scopes[r], graphs[r]))
            return false;
    return true;
}

/* ---- Calls of functions -------------------------------------------------------------------- */

static bool is_parameter(const FunctionProto *function, TnString name)
{
    for (int64_t i = 0; i < function->attribute.count; i++)
        if (function->attribute.items[i].length == name.length &&
            !memcmp(function->attribute.items[i].data, name.data, (size_t)name.length))
            return true;
    return false;
}

/* Defaults of the function, then what the call gives; NULL after a diagnostic. */
static const Map *call_attributes(Importer *importer, const FunctionProto *function,
                                  const NodeProto *proto, Location location)
{
    Map *map = ARENA_NEW(importer->arena, Map);
    *map = map_create(importer->arena);
    for (int64_t i = 0; i < function->attribute_proto.count; i++) {
        AttributeProto *attribute = function->attribute_proto.items[i];
        map_set_bytes(map, attribute->name.data, (size_t)attribute->name.length, attribute);
    }
    for (int64_t i = 0; i < proto->attribute.count; i++) {
        AttributeProto *attribute = proto->attribute.items[i];
        TnString name = attribute->name;
        bool is_note = name.length >= 2 && !memcmp(name.data, "__", 2);
        if (!is_note && !is_parameter(function, name) &&
            !map_get_bytes(map, name.data, (size_t)name.length)) {
            FAIL(importer, location, "the function %.*s has no attribute '%.*s'",
                 (int)function->name.length, function->name.data, (int)name.length, name.data);
            return NULL;
        }
        map_set_bytes(map, name.data, (size_t)name.length, attribute);
    }
    return map;
}

static bool define_parameters(Importer *importer, Scope *scope, const FunctionProto *function,
                              int operand_count, Value *const *operands, Location location)
{
    if (operand_count > function->input.count)
        return FAIL(importer, location, "the function %.*s takes %lld operands and gets %d",
                    (int)function->name.length, function->name.data,
                    (long long)function->input.count, operand_count);
    for (int64_t i = 0; i < function->input.count; i++) {
        const char *name = import_name(importer, function->input.items[i], location);
        Value *value = i < operand_count ? operands[i] : NULL;
        if (!name ||
            !scope_define(importer, scope, name, value ? value : (Value *)&absent_value, location))
            return false;
    }
    return true;
}

static bool find_outputs(Importer *importer, Scope *scope, const FunctionProto *function,
                         int64_t count, Location location, Value **results)
{
    if (count > function->output.count)
        return FAIL(importer, location, "the function %.*s makes %lld results, not %lld",
                    (int)function->name.length, function->name.data,
                    (long long)function->output.count, (long long)count);
    for (int64_t i = 0; i < count; i++) {
        const char *name = import_name(importer, function->output.items[i], location);
        if (!name)
            return false;
        Value *value = scope_find(scope, name);
        if (!value || value == &absent_value)
            return import_report_missing(importer, scope, -1, name, location);
        results[i] = value;
    }
    return true;
}

static Scope *function_scope(Importer *importer, const Function *function, Graph *graph)
{
    const FunctionProto *proto = function->proto;
    Scope *scope = scope_create(importer, graph, NULL, function->path);
    scope->imports = (Imports){proto->opset_import.items, proto->opset_import.count};
    scope->body = proto;
    scope->nodes = proto->node.items;
    scope->node_count = proto->node.count;
    return scope;
}

/* A function of the domain "tenon" is a fused group. */
static bool import_group(Importer *importer, Scope *caller, Function *function,
                         const NodeProto *proto, Location location, int operand_count,
                         Value *const *operands, Value **results)
{
    int count = (int)proto->output.count;
    Node *node =
        graph_insert(caller->graph, NULL, &op_group, operand_count, operands, count, NULL, 1);
    Graph *body = node->regions[0];
    Value **inputs = ARENA_ARRAY(importer->arena, Value *, operand_count + 1);
    Value **outputs = ARENA_ARRAY(importer->arena, Value *, count + 1);
    node->location = location;
    node->name = location.node;
    body->name = import_name(importer, function->proto->name, location);
    for (int i = 0; i < operand_count; i++) {
        if (!operands[i])
            return FAIL(importer, location, "operand %d of a group is absent", i);
        const char *name = i < function->proto->input.count
                               ? import_name(importer, function->proto->input.items[i], location)
                               : NULL;
        inputs[i] = graph_add_input(body, name, operands[i]->type);
        inputs[i]->elements = operands[i]->elements;
        inputs[i]->element_count = operands[i]->element_count;
    }
    Scope *scope = function_scope(importer, function, body);
    if (!body->name ||
        !define_parameters(importer, scope, function->proto, operand_count, inputs, location) ||
        !import_nodes(importer, scope, scope->path) ||
        !find_outputs(importer, scope, function->proto, count, location, outputs))
        return false;
    for (int i = 0; i < count; i++) {
        graph_add_output(body, outputs[i], NULL);
        results[i] = node->results[i];
    }
    graph_order_constants(body);
    node->notes = import_notes(importer, proto->doc_string, proto->metadata_props.count,
                               proto->metadata_props.items);
    const FunctionProto *written = function->proto;
    body->notes = import_notes(importer, written->doc_string, written->metadata_props.count,
                               written->metadata_props.items);
    import_value_notes(importer, body, written->value_info.count, written->value_info.items);
    return node_infer(&importer->context, node);
}

bool import_call(Importer *importer, Scope *scope, Function *function, const NodeProto *proto,
                 const char *path, int operand_count, Value *const *operands, Value **results)
{
    const FunctionProto *body = function->proto;
    Location location = import_location(importer, &proto->base, path);
    if (proto->name.length)
        location.node = import_name(importer, proto->name, location);
    if (proto_equals(proto->domain, "tenon"))
        return import_group(importer, scope, function, proto, location, operand_count, operands,
                            results);
    Scope *inner = function_scope(importer, function, scope->graph);
    inner->attributes = call_attributes(importer, body, proto, location);
    return inner->attributes &&
           define_parameters(importer, inner, body, operand_count, operands, location) &&
           import_nodes(importer, inner, inner->path) &&
           find_outputs(importer, inner, body, proto->output.count, location, results);
}
