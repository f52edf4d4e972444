/* SPDX-License-Identifier: Apache-2.0
 *
 * The verifier: what must hold of every graph between passes. A violation is a bug of ours, and the
 * messages say so by speaking of graphs, not of models. All violations are reported.
 */
#include "ir/graph/constant.h"
#include "ir/graph/graph.h"
#include "ir/ops/op.h"

typedef struct Verifier {
    Diagnostics *diagnostics;
    const Graph *graph;
    Map defined; /* nodes passed so far */
    bool good;
} Verifier;

#define FAIL(verifier, location, ...)                                                              \
    ((verifier)->good = error_at((verifier)->diagnostics, (location), __VA_ARGS__))

static Location graph_location(const Graph *graph)
{
    return graph->owner ? node_location(graph->owner) : (Location){.node = graph->name};
}

static bool use_is_linked(const Use *use)
{
    return use->link && *use->link == use;
}

/* The list of a value's uses, each of which must be where it says it is. */
static void verify_uses(Verifier *v, const Value *value, Location location)
{
    Use *const *link = &value->first_use;
    FOR_EACH_USE (use, value) {
        const Use *home = !use->user                              ? v->graph->outputs
                          : use->index < use->user->operand_count ? use->user->operands
                                                                  : NULL;
        if (use->value != value || use->link != link || !home || home + use->index != use) {
            FAIL(v, location, "the use list of '%s' is broken", value->name);
            return;
        }
        if (use->user && use->user->graph != v->graph)
            FAIL(v, location, "'%s' is used by a node outside its graph", value->name);
        link = &use->next;
    }
}

static void verify_value(Verifier *v, const Value *value, ValueKind kind, int index,
                         Location location)
{
    if (value->kind != kind || value->index != index || value->graph != v->graph)
        FAIL(v, location, "'%s' does not know its place", value->name);
    if (value->name[0] ? graph_find(v->graph, value->name) != value : value->first_use != NULL)
        FAIL(v, location, "the name '%s' is not that of one value", value->name);
    verify_uses(v, value, location);
}

static void verify_constant(Verifier *v, const Value *value, int index)
{
    Location location = graph_location(v->graph);
    verify_value(v, value, VALUE_constant, index, location);
    const Constant *constant = value->constant;
    const Type *type = value->type;
    bool same = constant && type_is_tensor(type) && type->element == constant->element &&
                type->rank == constant->rank;
    for (int d = 0; same && d < type->rank; d++)
        same = expr_is(type->dims[d], constant->dims[d]);
    if (!same)
        FAIL(v, location, "the type of constant '%s' is not that of its data", value->name);
}

static void verify_operand(Verifier *v, const Node *node, int i)
{
    const Use *use = &node->operands[i];
    const Value *value = use->value;
    Location location = node_location(node);
    if (use->user != node || use->index != i)
        FAIL(v, location, "operand %d does not know its place", i);
    if (!value)
        return;
    if (!use_is_linked(use))
        FAIL(v, location, "operand %d is not on the use list of '%s'", i, value->name);
    if (value->graph != v->graph)
        FAIL(v, location, "operand %d, '%s', belongs to another graph", i, value->name);
    else if (value->kind == VALUE_result && !map_get_pointer(&v->defined, value->producer))
        FAIL(v, location, "operand %d, '%s', is used before it is made", i, value->name);
}

static void verify_node(Verifier *v, const Node *node)
{
    Location location = node_location(node);
    if (node->graph != v->graph)
        FAIL(v, location, "the node does not know its graph");
    for (int i = 0; i < node->operand_count; i++)
        verify_operand(v, node, i);
    bool typed = true;
    for (int i = 0; i < node->result_count; i++) {
        const Value *value = node->results[i];
        verify_value(v, value, VALUE_result, i, location);
        if (value->producer != node)
            FAIL(v, location, "result %d does not know its producer", i);
        if (!value->type && value->name[0]) {
            typed = false;
            FAIL(v, location, "result '%s' has no type", value->name);
        }
    }
    if (typed && !node_check(node, v->diagnostics))
        v->good = false;
    for (int i = 0; i < node->region_count; i++) {
        if (node->regions[i]->owner != node)
            FAIL(v, location, "region %d does not know its owner", i);
        if (!graph_verify(node->regions[i], v->diagnostics))
            v->good = false;
    }
}

static void verify_nodes(Verifier *v)
{
    const Graph *graph = v->graph;
    int count = 0;
    const Node *prev = NULL;
    FOR_EACH_NODE (node, graph) {
        if (node->prev != prev)
            FAIL(v, node_location(node), "the list of nodes is broken");
        verify_node(v, node);
        map_set_pointer(&v->defined, node, node);
        prev = node;
        count++;
    }
    if (graph->last != prev || graph->node_count != count)
        FAIL(v, graph_location(graph), "the list of nodes is broken: %d of %d nodes", count,
             graph->node_count);
}

bool graph_verify(const Graph *graph, Diagnostics *diagnostics)
{
    Verifier v = {diagnostics, graph, map_create(diagnostics->arena), true};
    Location location = graph_location(graph);
    for (int i = 0; i < graph->input_count; i++)
        verify_value(&v, graph->inputs[i], VALUE_input, i, location);
    for (int i = 0; i < graph->constant_count; i++)
        verify_constant(&v, graph->constants[i], i);
    verify_nodes(&v);
    for (int i = 0; i < graph->output_count; i++) {
        const Use *use = &graph->outputs[i];
        if (!use->value || use->value->graph != graph || use->user || use->index != i ||
            !use_is_linked(use))
            FAIL(&v, location, "output '%s' is broken", graph->output_names[i]);
    }
    return v.good;
}

bool model_verify(const Model *model, Diagnostics *diagnostics)
{
    return graph_verify(model->graph, diagnostics);
}
