/* SPDX-License-Identifier: Apache-2.0
 *
 * Rewriting by rules.
 */
#include "passes/rewrite.h"

#include <assert.h>

Editor rewrite_editor(Pass *pass, Node *node)
{
    return edit_before(pass->infer, node);
}

Node *operand_node(const Node *node, int i, const OpDef *op)
{
    const Value *value = operand(node, i);
    return value && value->producer && value->producer->op == op ? value->producer : NULL;
}

bool has_one_use(const Value *value)
{
    const Use *use = value->first_use;
    return use && !use->next && use->user;
}

bool known_list(Pass *pass, const Node *node, int i, IntList *list)
{
    const Value *value = operand(node, i);
    if (!value || !value->elements)
        return false;
    int64_t *items = ARENA_ARRAY(pass->scratch, int64_t, value->element_count + 1);
    for (int64_t k = 0; k < value->element_count; k++)
        if (!expr_known(value->elements[k], &items[k]))
            return false;
    *list = (IntList){value->element_count, items};
    return true;
}

bool is_uniform(const Node *node, int i, double number)
{
    const Value *value = operand(node, i);
    if (!value || !value->constant || value->constant->count == 0)
        return false;
    ElementKind kind = element_kind(value->constant->element);
    return kind != ELEMENT_KIND_STRING && kind != ELEMENT_KIND_COMPLEX &&
           constant_get_double(value->constant, 0) == number &&
           constant_is_uniform(value->constant);
}

void transpose_permutation(const Node *transpose, int rank, int64_t *permutation)
{
    IntList given = node_ints(transpose, "perm");
    for (int d = 0; d < rank; d++)
        permutation[d] = given.count == rank ? given.items[d] : rank - 1 - d;
}

bool is_unused(const Node *node)
{
    for (int i = 0; i < node->result_count; i++)
        if (result(node, i)->first_use || value_is_assumed(result(node, i)))
            return false;
    return true;
}

void remove_dead(Node *node)
{
    if (!is_unused(node))
        return;
    for (int i = node->operand_count - 1; i >= 0; i--) {
        Value *value = operand(node, i);
        if (!value)
            continue;
        node_set_operand(node, i, NULL);
        if (value->producer && value->producer->graph)
            remove_dead(value->producer);
    }
    node_remove(node);
}

/* The state of one rewriting of a graph. */
typedef struct Rewriting {
    Pass *pass;
    const Rule *const *rules;
    int rule_count;
    bool refined, failed;
} Rewriting;

static bool fits(const Rule *rule, const Value *old_value, const Value *new_value)
{
    const Type *a = old_value->type, *b = new_value->type;
    if (type_equal(a, b))
        return true;
    return rule->refines && a && b && a->kind == b->kind && a->element == b->element &&
           (a->rank == b->rank || a->rank < 0);
}

/* Takes back what a rule made that is not needed after all: nodes between `last` and `node`, and
 * what inference assumed of them. */
static void take_back(Node *last, Node *node, int64_t assumption_count)
{
    node->graph->model->assumption_count = assumption_count;
    for (Node *made = node->prev, *previous; made != last; made = previous) {
        previous = made->prev;
        if (is_unused(made))
            node_remove(made);
    }
}

static bool is_between(const Node *last, const Node *node, const Node *sought)
{
    for (const Node *made = node->prev; made != last; made = made->prev)
        if (made == sought)
            return true;
    return false;
}

/* Tries one rule; *next is where rewriting goes on if it applied. */
static bool apply_rule(Rewriting *r, const Rule *rule, Node *node, Node **next)
{
    Node *last = node->prev, *after = node->next;
    int constant_count = node->graph->constant_count;
    int64_t assumption_count = r->pass->model->assumption_count;
    Value *old_value = result(node, 0);
    Value *new_value = rule->apply(r->pass, node);
    if (!new_value) {
        take_back(last, node, assumption_count);
        return false;
    }
    if (new_value == old_value) {
        bool refined = false;
        r->failed |= !pass_infer_again(r->pass, node, &refined);
        assert(rule->refines || r->failed || !refined);
        r->refined |= refined;
        *next = node;
    } else {
        if (!fits(rule, old_value, new_value)) {
            take_back(last, node, assumption_count);
            return false;
        }
        r->refined |= !type_equal(old_value->type, new_value->type);
        bool is_new = new_value->producer
                          ? is_between(last, node, new_value->producer)
                          : new_value->kind == VALUE_constant && new_value->index >= constant_count;
        r->refined |= old_value->elements && !new_value->elements;
        if (is_new)
            value_replace(old_value, new_value);
        else
            value_replace_uses(old_value, new_value);
        Node *first = last ? last->next : node->graph->first;
        *next = first == node ? after : first;
        remove_dead(node);
    }
    pass_count(r->pass, rule->name);
    return true;
}

static bool has_rank(const Value *value)
{
    return !value || !type_is_tensor(value->type) || value->type->rank >= 0;
}

/* Rules may ask for the rank of any tensor; a node that waits for one is left alone. */
static bool has_ranks(const Node *node)
{
    for (int i = 0; i < node->operand_count; i++)
        if (!has_rank(operand(node, i)))
            return false;
    for (int i = 0; i < node->result_count; i++)
        if (!has_rank(result(node, i)))
            return false;
    return true;
}

static bool apply_rules(Rewriting *r, Node *node, Node **next)
{
    if (!has_ranks(node))
        return false;
    for (int i = 0; i < r->rule_count && !r->failed; i++) {
        const Rule *rule = r->rules[i];
        if ((!rule->op || rule->op == node->op) && apply_rule(r, rule, node, next))
            return true;
    }
    return false;
}

PassResult rewrite_graph(Pass *pass, Graph *graph, const Rule *const *rules, int rule_count)
{
    int64_t before = pass->changes, errors = pass->diagnostics->error_count;
    /* Rules that undo each other would go on for ever: that is our bug, and it ends here. */
    int64_t most = before + 1000 + 100 * (int64_t)graph->node_count;
    Rewriting r = {pass, rules, rule_count, false, false};
    bool again = true;
    while (again) {
        again = false;
        for (Node *node = graph->first, *next; node; node = next) {
            next = node->next;
            if (!pass_allows(pass) || pass->changes > most)
                break;
            again |= apply_rules(&r, node, &next);
            if (r.failed || pass->diagnostics->error_count > errors)
                return PASS_FAILED;
        }
        again = again && pass_allows(pass) && pass->changes <= most;
    }
    assert(pass->changes <= most && "rules undo each other");
    if (r.refined && !graph_infer(pass->infer, pass->model->graph))
        return PASS_FAILED;
    return pass_result(pass, before);
}
