/* SPDX-License-Identifier: Apache-2.0
 *
 * Values whose rank depends on data. The branches of an If may give tensors of different ranks; a
 * value has one rank here. So the nodes that read such a result move into the branches, where the
 * rank is known:
 *
 *     y = If (c) <then: float[2, 3] a, else: float[1, 2, 3] b>;  n = Size (y)
 *     n = If (c) <then: Size (a), else: Size (b)>
 *
 * What they make becomes a further result of the If, until ranks agree again. Results of unknown
 * rank that nobody reads any more are dropped at the end; one that leaves the graph is refused.
 *
 * Exporters write such an If where the rank was in fact known (torch's squeeze): a reader then
 * makes sense in one branch only. That branch is taken (import_branch.c).
 */
#include "frontend/importer.h"
#include "ir/ops/control.h"

static bool is_unranked(const Value *value)
{
    return value && value != &absent_value && type_is_tensor(value->type) && value->type->rank < 0;
}

static bool is_result_of(const Value *value, const Node *node)
{
    return value->kind == VALUE_result && value->producer == node;
}

/* The values of unknown rank that a node reads, or that its bodies do. */
typedef struct Unranked {
    int64_t count;
    Node *branch; /* the If that gives all of them; NULL: there is none, or several */
} Unranked;

static void note_unranked(Unranked *unranked, const Value *value)
{
    if (!is_unranked(value))
        return;
    Node *producer = value->kind == VALUE_result ? value->producer : NULL;
    if (producer && producer->op->control != CONTROL_if)
        producer = NULL;
    if (unranked->count++ == 0)
        unranked->branch = producer;
    else if (unranked->branch != producer)
        unranked->branch = NULL;
}

static void note_name(Unranked *unranked, const Scope *scope, TnString name)
{
    const Graph *graph = scope->graph;
    if (!name.length)
        return;
    const char *text = intern_bytes(graph->model->names, name.data, (size_t)name.length);
    for (const Value *value = NULL; scope && scope->graph == graph && !value;
         scope = scope->parent) {
        value = map_get(&scope->values, text);
        note_unranked(unranked, value);
    }
}

static void find_in_bodies(const Scope *scope, const NodeProto *proto, Unranked *unranked)
{
    for (int64_t a = 0; a < proto->attribute.count; a++) {
        const GraphProto *graph = proto->attribute.items[a]->g;
        for (int64_t n = 0; graph && n < graph->node.count; n++) {
            const NodeProto *node = graph->node.items[n];
            for (int64_t i = 0; i < node->input.count; i++)
                note_name(unranked, scope, node->input.items[i]);
            find_in_bodies(scope, node, unranked);
        }
        for (int64_t i = 0; graph && i < graph->output.count; i++)
            note_name(unranked, scope, graph->output.items[i]->name);
    }
}

static Unranked find_unranked(const Scope *scope, const PulledNode *pulled)
{
    Unranked unranked = {0};
    for (int i = 0; i < pulled->operand_count; i++)
        if (pulled->operands[i])
            note_unranked(&unranked, pulled->operands[i]);
    find_in_bodies(scope, pulled->proto, &unranked);
    return unranked;
}

bool import_needs_pull(const Scope *scope, const PulledNode *pulled)
{
    return find_unranked(scope, pulled).count > 0;
}

/* Whether a node after `branch` reads one of its results. */
static bool is_read_later(const Node *branch)
{
    for (const Node *node = branch->next; node; node = node->next)
        for (int i = 0; i < node->operand_count; i++)
            if (operand(node, i) && is_result_of(operand(node, i), branch))
                return true;
    return false;
}

/* Whether all that the node reads is made before it. */
static bool is_in_order(const Node *node)
{
    for (const Node *later = node->next; later; later = later->next)
        for (int i = 0; i < node->operand_count; i++)
            if (operand(node, i) && is_result_of(operand(node, i), later))
                return false;
    return true;
}

/* Further results for a node: fresh values, taken from a node that is then removed. */
static void add_results(Node *node, int count, Value **results)
{
    Arena *arena = node->graph->model->arena;
    int before = node->result_count;
    Node *giver = graph_insert(node->graph, NULL, node->op, 0, NULL, count, NULL, 0);
    Value **all = ARENA_ARRAY(arena, Value *, before + count + 1);
    for (int i = 0; i < before; i++)
        all[i] = node->results[i];
    for (int i = 0; i < count; i++) {
        all[before + i] = results[i] = giver->results[i];
        results[i]->producer = node;
        results[i]->index = before + i;
    }
    node->results = all;
    node->result_count = before + count;
    giver->result_count = 0;
    node_remove(giver);
}

/* Scopes of the If's regions as they were when its bodies were imported. */
static Scope **reopen_regions(Importer *importer, Scope *scope, Node *branch)
{
    Scope **scopes = ARENA_ARRAY(importer->arena, Scope *, branch->region_count);
    for (int r = 0; r < branch->region_count; r++) {
        Graph *region = branch->regions[r];
        scopes[r] = ARENA_NEW(importer->arena, Scope);
        *scopes[r] = (Scope){
            .parent = scope,
            .graph = region,
            .imports = scope->imports,
            .path = scope->path,
            .values = map_create(importer->arena),
            .initializers = map_create(importer->arena),
            .captures = map_create(importer->arena),
            .attributes = scope->attributes,
            .siblings = scopes,
            .sibling_count = branch->region_count,
        };
        for (int i = 0; i < branch->capture_count; i++)
            map_set_pointer(&scopes[r]->captures,
                            operand(branch, branch->operand_count - branch->capture_count + i),
                            region->inputs[region->input_count - branch->capture_count + i]);
    }
    return scopes;
}

/* Names of the If's results mean the branch's own values inside, for bodies that capture them. */
static void name_outputs(Scope *inner, const Scope *scope, const Node *branch)
{
    if (scope->parent && scope->parent->graph == scope->graph)
        name_outputs(inner, scope->parent, branch);
    for (int64_t i = 0; i < scope->values.count; i++) {
        const MapEntry *entry = &scope->values.entries[i];
        const Value *value = entry->value;
        if (value && is_result_of(value, branch))
            map_set_bytes(&inner->values, entry->key, entry->length,
                          graph_output(inner->graph, value->index));
    }
}

static bool import_inside(Importer *importer, Scope *inner, const Scope *scope, Node *branch,
                          const PulledNode *pulled, Value **results)
{
    Value **operands = ARENA_ARRAY(importer->arena, Value *, pulled->operand_count + 1);
    name_outputs(inner, scope, branch);
    for (int i = 0; i < pulled->operand_count; i++) {
        Value *value = pulled->operands[i];
        if (!value)
            continue;
        operands[i] = is_result_of(value, branch) ? graph_output(inner->graph, value->index)
                                                  : scope_import_value(inner, value);
    }
    return import_make(importer, inner, pulled->proto, pulled->path, pulled->location,
                       pulled->operand_count, operands, results);
}

/* Imports the reader into region r, and its results as further outputs of the region. */
static bool pull_into(Importer *importer, Scope *inner, const Scope *scope, Node *branch, int r,
                      const PulledNode *pulled)
{
    const NodeProto *proto = pulled->proto;
    int count = (int)proto->output.count;
    Value **made = ARENA_ARRAY(importer->arena, Value *, count + 1);
    if (!import_inside(importer, inner, scope, branch, pulled, made))
        return false;
    for (int i = 0; i < count; i++) {
        if (!made[i] && proto->output.items[i].length)
            return error_at(importer->diagnostics, pulled->location,
                            "%.*s does not make its output %d", (int)proto->op_type.length,
                            proto->op_type.data, i);
        /* One that is not wanted gets a value all the same, to keep the numbers in step. */
        graph_add_output(branch->regions[r],
                         made[i] ? made[i] : graph_output(branch->regions[r], 0), NULL);
    }
    return true;
}

bool import_pull(Importer *importer, Scope *scope, const PulledNode *pulled, Value **results)
{
    const NodeProto *proto = pulled->proto;
    Node *branch = find_unranked(scope, pulled).branch;
    if (!branch || branch->graph != scope->graph)
        return unsupported_at(importer->diagnostics, pulled->location,
                              "%.*s reads a value whose rank is not known",
                              (int)proto->op_type.length, proto->op_type.data);
    if (importer->pull_count++ >= MAX_PULLED_NODES)
        return unsupported_at(importer->diagnostics, pulled->location,
                              "more than %d readers of values whose rank depends on data",
                              MAX_PULLED_NODES);
    if (!is_read_later(branch))
        node_move_before(branch, NULL);
    int count = (int)proto->output.count;
    Diagnostics before = *importer->diagnostics;
    Scope **scopes = reopen_regions(importer, scope, branch);
    bool fits[2];
    for (int r = 0; r < 2; r++)
        fits[r] = pull_into(importer, scopes[r], scope, branch, r, pulled);
    if (!fits[0] && !fits[1])
        return false;
    if (!fits[0] || !fits[1]) {
        Misfit misfit = {fits[0] ? 1 : 0, import_misfit_text(importer, &before)};
        return import_take_other(importer, scope, branch, &misfit, &before, count, results);
    }
    if (!is_in_order(branch))
        return unsupported_at(importer->diagnostics, pulled->location,
                              "%.*s reads a value whose rank is not known, and one made later",
                              (int)proto->op_type.length, proto->op_type.data);
    add_results(branch, count, results);
    return node_infer(&importer->context, branch);
}

/* ---- The end ------------------------------------------------------------------------------- */

static void drop_result(Node *node, int i)
{
    for (int r = 0; r < node->region_count; r++)
        graph_remove_output(node->regions[r], i);
    node_remove_result(node, i);
}

bool import_drop_unranked(Importer *importer, Graph *graph)
{
    FOR_EACH_NODE_SAFE (node, graph) {
        bool is_if = node->op->control == CONTROL_if, dropped = false;
        for (int i = node->result_count - 1; i >= 0; i--) {
            const Value *value = node->results[i];
            if (!is_unranked(value))
                continue;
            if (!is_if || value->first_use)
                return unsupported_at(importer->diagnostics, node_location(node),
                                      "'%s', whose rank depends on data, leaves the graph",
                                      value->name);
            drop_result(node, i);
            dropped = true;
        }
        for (int r = 0; r < node->region_count; r++)
            if (!import_drop_unranked(importer, node->regions[r]))
                return false;
        if (dropped && node->result_count == 0)
            node_remove(node);
    }
    return true;
}
