/* SPDX-License-Identifier: Apache-2.0
 *
 * sink-into-branches: exporters write squeeze() of a size that may or may not be 1 as an If whose
 * branches give results of different rank. Such a result has no type that its users could work
 * with, so its users move into both branches, one by one, until what leaves the If has one rank:
 *
 *     r = If (c) <then: Squeeze (x), else: Identity (x)>          y = If (c) <
 *     a = Neg (r)                                          ->         then: Reshape (Neg (Squeeze
 * (x)), s), y = Reshape (a, s)                                              else: Reshape (Neg
 * (Identity (x)), s)>
 *
 * Inference has left the users without ranks; they are inferred in the branches. Where such a
 * result leaves the graph, the model is refused.
 */
#include "ir/ops/control.h"
#include "passes/rewrite.h"

static bool is_unranked(const Value *value)
{
    return type_is_tensor(value->type) && value->type->rank < 0;
}

/* The first user of a result without rank; NULL if there is none. */
static Node *first_user(const Node *branching)
{
    for (Node *node = branching->next; node; node = node->next)
        for (int i = 0; i < node->operand_count; i++) {
            const Value *value = operand(node, i);
            if (value && value->producer == branching && is_unranked(value))
                return node;
        }
    return NULL;
}

static bool uses_result_of(const Node *node, const Node *producer)
{
    for (int i = 0; i < node->operand_count; i++)
        if (operand(node, i) && operand(node, i)->producer == producer)
            return true;
    return false;
}

/* Brings the If and the user together; false if other nodes are in the way. */
static bool bring_together(Node *branching, Node *user)
{
    for (const Node *node = branching->next; node != user; node = node->next)
        if (uses_result_of(node, branching))
            return false;
    node_move_before(branching, user);
    return true;
}

/* What stands in each region for an operand of the user; others[r] for region r. */
static void bring_in(Node *branching, Value *value, Value **others)
{
    if (value && value->producer == branching) {
        for (int r = 0; r < branching->region_count; r++)
            others[r] = graph_output(branching->regions[r], value->index);
        return;
    }
    int first = branching->operand_count - branching->capture_count, capture = 0;
    while (value && capture < branching->capture_count &&
           operand(branching, first + capture) != value)
        capture++;
    bool is_new = value && !value->constant && capture == branching->capture_count;
    if (is_new) {
        node_add_operand(branching, value);
        branching->capture_count++;
    }
    for (int r = 0; r < branching->region_count; r++) {
        Graph *region = branching->regions[r];
        if (is_new)
            graph_add_input(region, value->name, value->type);
        others[r] = !value            ? NULL
                    : value->constant ? graph_add_constant(region, value->name, value->constant)
                                      : region->inputs[capture];
    }
}

/* A copy of the user at the end of a region; its wanted results leave the region. */
static void copy_user(Graph *region, const Node *user, Value *const *operands)
{
    Node *copy = graph_insert(region, NULL, user->op, user->operand_count, operands,
                              user->result_count, user->attributes, 0);
    copy->name = user->name;
    copy->location = user->location;
    copy->capture_count = user->capture_count;
    copy->region_count = user->region_count;
    copy->regions = ARENA_ARRAY(region->model->arena, Graph *, user->region_count + 1);
    for (int i = 0; i < user->region_count; i++)
        copy->regions[i] = graph_clone(user->regions[i], region->model, copy);
    for (int i = 0; i < user->result_count; i++)
        if (result(user, i)->first_use)
            graph_add_output(region, result(copy, i), result(user, i)->name);
}

static void remove_unused_results(Node *branching)
{
    for (int i = branching->result_count - 1; i >= 0; i--) {
        if (result(branching, i)->first_use || branching->result_count == 1)
            continue;
        node_remove_result(branching, i);
        for (int r = 0; r < branching->region_count; r++)
            graph_remove_output(branching->regions[r], i);
    }
}

static void sink(Pass *pass, Node *branching, Node *user)
{
    Value **operands = ARENA_ARRAY(pass->scratch, Value *, 2 * user->operand_count + 1);
    for (int i = 0; i < user->operand_count; i++) {
        Value *others[2];
        bring_in(branching, operand(user, i), others);
        operands[i] = others[0];
        operands[user->operand_count + i] = others[1];
    }
    for (int r = 0; r < branching->region_count; r++)
        copy_user(branching->regions[r], user, operands + r * user->operand_count);
    for (int i = 0; i < user->result_count; i++) {
        Value *old_value = result(user, i);
        if (!old_value->first_use)
            continue;
        const char *name = old_value->name;
        value_rename(old_value, "");
        value_replace_uses(old_value, node_add_result(branching, name));
    }
    node_remove(user);
    remove_unused_results(branching);
}

static bool settle(Pass *pass, Node *branching)
{
    for (Node *user; (user = first_user(branching)) && pass_allows(pass);) {
        if (!bring_together(branching, user))
            return infer_unsupported(pass->infer, branching,
                                     "results of different rank in each branch are used apart");
        sink(pass, branching, user);
        pass_count(pass, "user");
        if (!node_infer(pass->infer, branching))
            return false;
    }
    return true;
}

static bool settle_graph(Pass *pass, Graph *graph)
{
    for (Node *node = graph->first; node; node = node->next) {
        if (node->op == &op_if && !settle(pass, node))
            return false;
        /* What waited for a rank has it now. */
        if (pass->changes && !node_infer(pass->infer, node))
            return false;
        for (int i = 0; i < node->region_count; i++)
            if (!settle_graph(pass, node->regions[i]))
                return false;
        for (int i = 0; i < node->result_count; i++)
            if (pass_allows(pass) && is_unranked(result(node, i)) && result(node, i)->first_use)
                return infer_unsupported(pass->infer, node, "the rank of '%s' is not known",
                                         result(node, i)->name);
    }
    return true;
}

PassResult pass_sink_into_branches(Pass *pass, Graph *graph)
{
    int64_t before = pass->changes;
    return settle_graph(pass, graph) ? pass_result(pass, before) : PASS_FAILED;
}
