/* SPDX-License-Identifier: Apache-2.0
 *
 * Outlining: nodes become the body of a tenon.group. Nodes and values are moved, not copied, so
 * that facts about them (bindings, owners of symbols) stay true.
 */
#include "ir/graph/constant.h"
#include "ir/graph/graph.h"
#include "ir/ops/op.h"
#include "ir/support/array.h"

#include <assert.h>

typedef struct Outline {
    Graph *outer, *body;
    Node *group;
    Map inside; /* values outside -> inputs and constants of the body */
    ARRAY(Value *) operands, results;
} Outline;

static bool is_inside(const Outline *o, const Node *node)
{
    return node && node->graph == o->body;
}

/* What stands inside for a value from outside. */
static Value *bring_in(Outline *o, Value *value)
{
    Value *own = map_get_pointer(&o->inside, value);
    if (own)
        return own;
    if (value->constant) {
        own = graph_add_constant(o->body, value->name, value->constant);
    } else {
        own = graph_add_input(o->body, value->name, value->type);
        own->elements = value->elements;
        own->element_count = value->element_count;
        array_push(o->body->model->arena, &o->operands, value);
    }
    map_set_pointer(&o->inside, value, own);
    return own;
}

/* Takes the node out of the outer graph and to the end of the body. Its operands are not touched.
 */
static void move_node(Outline *o, Node *node)
{
    Graph *outer = o->outer, *body = o->body;
    *(node->prev ? &node->prev->next : &outer->first) = node->next;
    *(node->next ? &node->next->prev : &outer->last) = node->prev;
    outer->node_count--;
    node->prev = body->last;
    node->next = NULL;
    *(body->last ? &body->last->next : &body->first) = node;
    body->last = node;
    body->node_count++;
    node->graph = body;
    for (int i = 0; i < node->result_count; i++) {
        Value *value = result(node, i);
        if (value->name[0])
            map_set(&outer->names, value->name, NULL);
        value->graph = body;
    }
}

/* The same names inside as outside, where they are free. */
static void name_results(Outline *o, Node *node)
{
    for (int i = 0; i < node->result_count; i++) {
        Value *value = result(node, i);
        if (!value->name[0])
            continue;
        value->name = graph_fresh_name(o->body, value->name);
        map_set(&o->body->names, value->name, value);
    }
}

static void close_operands(Outline *o, Node *node)
{
    for (int i = 0; i < node->operand_count; i++) {
        Value *value = operand(node, i);
        if (!value || value->graph == o->body)
            continue;
        Value *own = bring_in(o, value);
        use_set(&node->operands[i], NULL);
        use_set(&node->operands[i], own);
    }
}

static bool escapes(const Outline *o, const Value *value)
{
    FOR_EACH_USE (use, value)
        if (!is_inside(o, use->user))
            return true;
    return false;
}

/* Uses outside go over to the group's result. */
static void replace_outside(const Outline *o, Value *value, Value *by)
{
    for (Use *use = value->first_use, *next; use; use = next) {
        next = use->next;
        if (!is_inside(o, use->user)) {
            use_set(use, NULL);
            use_set(use, by);
        }
    }
}

Node *graph_outline(Graph *graph, Node *const *nodes, int count, Node *before)
{
    Model *model = graph->model;
    Outline o = {.outer = graph, .inside = map_create(model->arena)};
    Graph *body = graph_create(model, NULL, "body");
    o.body = body;
    for (int i = 0; i < count; i++) {
        assert(nodes[i]->graph == graph && nodes[i] != before);
        move_node(&o, nodes[i]);
    }
    for (int i = 0; i < count; i++) {
        for (int r = 0; r < nodes[i]->result_count; r++)
            if (escapes(&o, result(nodes[i], r)))
                array_push(model->arena, &o.results, result(nodes[i], r));
    }
    for (int i = 0; i < count; i++)
        close_operands(&o, nodes[i]);
    for (int i = 0; i < count; i++)
        name_results(&o, nodes[i]);
    Node *group = graph_insert(graph, before, &op_group, (int)o.operands.count, o.operands.items,
                               (int)o.results.count, NULL, 0);
    group->region_count = 1;
    group->regions[0] = body;
    body->owner = group;
    group->name = nodes[count - 1]->name;
    group->location = nodes[count - 1]->location;
    for (int i = 0; i < group->result_count; i++) {
        Value *value = o.results.items[i], *own = result(group, i);
        own->type = value->type;
        own->elements = value->elements;
        own->element_count = value->element_count;
        replace_outside(&o, value, own);
        graph_add_output(body, value, value->name);
    }
    for (int i = 0; i < group->result_count; i++)
        value_rename(result(group, i), "");
    for (int i = 0; i < group->result_count; i++)
        value_rename(result(group, i), o.results.items[i]->name);
    return group;
}
