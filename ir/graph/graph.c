/* SPDX-License-Identifier: Apache-2.0
 *
 * Building graphs. Names live in a map per graph; one that is removed leaves an entry of NULL,
 * which is how a name becomes free again. Invented names are a hint and a number; a counter per
 * hint keeps inventing cheap in graphs of many thousands of nodes, and the same edits give the same
 * names.
 */
#include "ir/graph/graph.h"
#include "ir/graph/constant.h"
#include "ir/ops/op.h"
#include "ir/support/array.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

Model *model_create(Arena *arena, Diagnostics *diagnostics)
{
    Model *model = ARENA_NEW(arena, Model);
    model->arena = arena;
    model->pool = expr_pool_create(arena);
    model->names = ARENA_NEW(arena, Interner);
    *model->names = interner_create(arena);
    model->diagnostics = diagnostics;
    model->symbol_owners = map_create(arena);
    model->graph = graph_create(model, NULL, "graph");
    return model;
}

Graph *graph_create(Model *model, Node *owner, const char *name)
{
    Graph *graph = ARENA_NEW(model->arena, Graph);
    graph->model = model;
    graph->owner = owner;
    graph->name = intern(model->names, name ? name : "graph");
    graph->names = map_create(model->arena);
    graph->name_counters = map_create(model->arena);
    return graph;
}

Value *graph_find(const Graph *graph, const char *name)
{
    return map_get(&graph->names, name);
}

const char *graph_fresh_name(Graph *graph, const char *hint)
{
    Model *model = graph->model;
    const char *name = intern(model->names, hint && hint[0] ? hint : "value");
    if (!map_get(&graph->names, name))
        return name;
    intptr_t number = (intptr_t)map_get(&graph->name_counters, name);
    for (;;) {
        const char *candidate =
            intern(model->names, arena_format(model->arena, "%s_%lld", name, (long long)++number));
        if (!map_get(&graph->names, candidate)) {
            map_set(&graph->name_counters, name, (void *)number);
            return candidate;
        }
    }
}

static Value *add_value(Graph *graph, ValueKind kind, const char *name, const Type *type)
{
    Value *value = ARENA_NEW(graph->model->arena, Value);
    value->kind = kind;
    value->graph = graph;
    value->type = type;
    value->name = graph_fresh_name(graph, name);
    map_set(&graph->names, value->name, value);
    return value;
}

/* Room for one more in an array of pointers that starts empty. */
static void grow(Arena *arena, Value ***items, int count, int *capacity)
{
    if (count < *capacity)
        return;
    *capacity = *capacity ? 2 * *capacity : 4;
    Value **larger = ARENA_ARRAY(arena, Value *, *capacity);
    if (count)
        memcpy(larger, *items, (size_t)count * sizeof *larger);
    *items = larger;
}

Value *graph_add_input(Graph *graph, const char *name, const Type *type)
{
    Value *value = add_value(graph, VALUE_input, name ? name : "input", type);
    grow(graph->model->arena, &graph->inputs, graph->input_count, &graph->input_capacity);
    value->index = graph->input_count;
    graph->inputs[graph->input_count++] = value;
    return value;
}

/* The elements of a small integer tensor are known to shape arithmetic. */
static void set_constant_elements(Value *value)
{
    enum { MOST = 1024 };
    const Constant *constant = value->constant;
    ElementKind kind = element_kind(constant->element);
    bool whole =
        kind == ELEMENT_KIND_SIGNED || kind == ELEMENT_KIND_UNSIGNED || kind == ELEMENT_KIND_BOOL;
    if (!whole || constant->element == TN_UINT64 || constant->count > MOST)
        return;
    Model *model = value->graph->model;
    const Expr **elements = ARENA_ARRAY(model->arena, const Expr *, constant->count + 1);
    for (int64_t i = 0; i < constant->count; i++)
        elements[i] = expr_integer(model->pool, constant_get_int64(constant, i));
    value->elements = elements;
    value->element_count = constant->count;
}

Value *graph_add_constant(Graph *graph, const char *name, const Constant *constant)
{
    Model *model = graph->model;
    const Expr *dims[MAX_RANK];
    for (int d = 0; d < constant->rank; d++)
        dims[d] = expr_integer(model->pool, constant->dims[d]);
    const Type *type = type_tensor(model->arena, constant->element, constant->rank, dims);
    Value *value = add_value(graph, VALUE_constant, name ? name : "constant", type);
    value->constant = constant;
    set_constant_elements(value);
    grow(model->arena, &graph->constants, graph->constant_count, &graph->constant_capacity);
    value->index = graph->constant_count;
    graph->constants[graph->constant_count++] = value;
    return value;
}

/* Moves an array of uses to new memory; the lists that thread them follow. */
static Use *move_uses(Arena *arena, Use *uses, int count, int capacity)
{
    Use *moved = ARENA_ARRAY(arena, Use, capacity);
    for (int i = 0; i < count; i++) {
        moved[i] = uses[i];
        if (!moved[i].value)
            continue;
        *moved[i].link = &moved[i];
        if (moved[i].next)
            moved[i].next->link = &moved[i].next;
    }
    return moved;
}

void graph_add_output(Graph *graph, Value *value, const char *name)
{
    Model *model = graph->model;
    assert(value && value->graph == graph);
    if (graph->output_count == graph->output_capacity) {
        graph->output_capacity = graph->output_capacity ? 2 * graph->output_capacity : 4;
        graph->outputs =
            move_uses(model->arena, graph->outputs, graph->output_count, graph->output_capacity);
        const char **names = ARENA_ARRAY(model->arena, const char *, graph->output_capacity);
        for (int i = 0; i < graph->output_count; i++)
            names[i] = graph->output_names[i];
        graph->output_names = names;
    }
    int i = graph->output_count++;
    graph->output_names[i] = intern(model->names, name ? name : value->name);
    graph->outputs[i] = (Use){.index = i};
    use_set(&graph->outputs[i], value);
}

void node_add_operand(Node *node, Value *value)
{
    node->operands = move_uses(node->graph->model->arena, node->operands, node->operand_count,
                               node->operand_count + 1);
    int i = node->operand_count++;
    node->operands[i] = (Use){.user = node, .index = i};
    use_set(&node->operands[i], value);
}

Value *node_add_result(Node *node, const char *name)
{
    Value **results = ARENA_ARRAY(node->graph->model->arena, Value *, node->result_count + 1);
    for (int i = 0; i < node->result_count; i++)
        results[i] = node->results[i];
    Value *value = add_value(node->graph, VALUE_result, name, NULL);
    value->producer = node;
    value->index = node->result_count;
    results[node->result_count++] = value;
    node->results = results;
    return value;
}

static void link_node(Graph *graph, Node *node, Node *before)
{
    Node *prev = before ? before->prev : graph->last;
    node->prev = prev;
    node->next = before;
    *(prev ? &prev->next : &graph->first) = node;
    *(before ? &before->prev : &graph->last) = node;
    graph->node_count++;
}

static void unlink_node(Graph *graph, Node *node)
{
    *(node->prev ? &node->prev->next : &graph->first) = node->next;
    *(node->next ? &node->next->prev : &graph->last) = node->prev;
    node->prev = node->next = NULL;
    graph->node_count--;
}

void node_move_before(Node *node, Node *before)
{
    if (node == before || (node->next == before && before))
        return;
    Graph *graph = node->graph;
    assert(!before || before->graph == graph);
    unlink_node(graph, node);
    link_node(graph, node, before);
}

/* A hint for the names of an operator's results: "layer_normalization" would be long, so the
 * operator's own spelling in lower case. */
static const char *result_hint(Model *model, const OpDef *op)
{
    char *hint = arena_string(model->arena, op->name, strlen(op->name));
    for (char *c = hint; *c; c++)
        *c = isalnum((unsigned char)*c) ? (char)tolower((unsigned char)*c) : '_';
    return hint;
}

static void *create_attributes(Model *model, const OpDef *op, const void *attributes)
{
    if (attributes)
        return arena_copy(model->arena, attributes, op->attributes_size);
    void *defaults = arena_allocate(model->arena, op->attributes_size);
    attributes_set_defaults(op->attributes, op->attribute_count, defaults);
    return defaults;
}

static const char *region_name(const OpDef *op, int region)
{
    for (int i = 0; i < op->attribute_count; i++)
        if (op->attributes[i].kind == ATTRIBUTE_graph && op->attributes[i].default_int == region)
            return op->attributes[i].name;
    return "body";
}

Node *graph_insert(Graph *graph, Node *before, const OpDef *op, int operand_count,
                   Value *const *operands, int result_count, const void *attributes,
                   int region_count)
{
    Model *model = graph->model;
    assert(!before || before->graph == graph);
    Node *node = ARENA_NEW(model->arena, Node);
    node->op = op;
    node->graph = graph;
    if (op->attributes_size)
        node->attributes = create_attributes(model, op, attributes);
    node->operand_count = operand_count;
    node->operands = ARENA_ARRAY(model->arena, Use, operand_count + 1);
    for (int i = 0; i < operand_count; i++) {
        node->operands[i] = (Use){.user = node, .index = i};
        use_set(&node->operands[i], operands[i]);
    }
    node->result_count = result_count;
    node->results = ARENA_ARRAY(model->arena, Value *, result_count + 1);
    const char *hint = result_count ? result_hint(model, op) : NULL;
    for (int i = 0; i < result_count; i++) {
        node->results[i] = add_value(graph, VALUE_result, hint, NULL);
        node->results[i]->producer = node;
        node->results[i]->index = i;
    }
    node->region_count = region_count;
    node->regions = ARENA_ARRAY(model->arena, Graph *, region_count + 1);
    for (int i = 0; i < region_count; i++)
        node->regions[i] = graph_create(model, node, region_name(op, i));
    link_node(graph, node, before);
    return node;
}

void node_remove(Node *node)
{
    Graph *graph = node->graph;
    for (int i = 0; i < node->result_count; i++) {
        assert(!node->results[i]->first_use && "a result of the removed node is used");
        if (node->results[i]->name[0])
            map_set(&graph->names, node->results[i]->name, NULL);
    }
    for (int i = 0; i < node->operand_count; i++)
        use_set(&node->operands[i], NULL);
    unlink_node(graph, node);
    node->graph = NULL;
}

void graph_number(Graph *graph)
{
    int id = 0;
    FOR_EACH_NODE (node, graph)
        node->id = id++;
}

Location node_location(const Node *node)
{
    Location location = node->location;
    location.op = node->op ? node->op->name : location.op;
    if (!location.node)
        location.node = node->name;
    for (int i = 0; !location.node && i < node->result_count; i++)
        if (node->results[i]->name[0])
            location.node = node->results[i]->name;
    return location;
}

const Graph *graph_branch(const Graph *graph)
{
    for (; graph && graph->owner; graph = graph->owner->graph)
        if (graph->owner->op->control == CONTROL_if)
            return graph;
    return NULL;
}
