/* SPDX-License-Identifier: Apache-2.0
 *
 * fold-constants: nodes whose operands are all known become constants.
 *
 * Folding must not make a model large: a result that is larger than what it is made from stays a
 * node, unless it is small. (A constant of a million equal numbers is better made when it is
 * needed, where it will be fused into its reader.)
 */
#include "ir/ops/evaluate_node.h"
#include "passes/rewrite.h"

/* What is read more than once by each reader, as weights are, is better packed at compile time than
 * made in every run: "small" counts this many times. */
enum { REREAD = 32 }; /* 2 MiB: embeddings and masks, not a second copy of the weights */

/* Large weights that are transposed for a matrix product are read through the transpose when they
 * are packed; folding would only keep them twice. */
enum { TRANSPOSE_MOST = 1 << 20 }; /* bytes */

static bool may_fold(const Node *node)
{
    if (node->operand_count == 0 || node->region_count || (node->op->traits & TRAIT_random))
        return false;
    for (int i = 0; i < node->operand_count; i++)
        if (operand(node, i) && !operand(node, i)->constant)
            return false;
    return true;
}

static double bytes_of(Pass *pass, const Value *value)
{
    const Type *type = value->type;
    if (!type_is_static(type))
        return 0;
    int64_t count = 0;
    return expr_known(type_element_count(pass->model->pool, type), &count)
               ? (double)count * (double)element_bytes(type->element)
               : 0;
}

/* What the model may grow to: in proportion to its files, so that a chain of nodes that each double
 * their operand ends early. */
static double memory_budget(const Pass *pass)
{
    enum { ALWAYS = 1 << 26, GROWTH = 4 };
    const Model *model = pass->model;
    double bytes = model->source ? (double)model->source->length : 0;
    for (int i = 0; i < model->graph->constant_count; i++)
        if (model->graph->constants[i]->constant->external_location)
            bytes += (double)constant_bytes(model->graph->constants[i]->constant);
    return ALWAYS + GROWTH * bytes;
}

static bool is_reread(const Node *node)
{
    for (int i = 0; i < node->result_count; i++)
        FOR_EACH_USE (use, result(node, i))
            if (use->user && !(use->user->op->traits & (TRAIT_elementwise | TRAIT_view)))
                return true;
    return false;
}

static bool is_worth_it(Pass *pass, const Node *node)
{
    double from = 0, to = 0;
    for (int i = 0; i < node->operand_count; i++)
        from += operand(node, i) ? bytes_of(pass, operand(node, i)) : 0;
    for (int i = 0; i < node->result_count; i++)
        to += bytes_of(pass, result(node, i));
    if (node->op == &op_transpose && to > (double)TRANSPOSE_MOST)
        return false;
    double small = (double)pass_option(pass, "small");
    double most = (double)pass_option(pass, "most");
    double grown = is_reread(node) ? REREAD * small : 2 * from;
    return to <= small || (to <= most && (to <= grown || to <= 2 * from) &&
                           (double)arena_bytes(pass->model->arena) + to <= memory_budget(pass));
}

/* Gives regions that capture the constant one of their own; sets *refined if more is known of their
 * node's results then. */
static bool replace_captures(Pass *pass, Value *constant, bool *refined)
{
    for (Use *use = constant->first_use, *next; use; use = next) {
        Node *user = use->user;
        next = use->next;
        if (!user || !user->capture_count || !node_own_constants(user))
            continue;
        if (!pass_infer_again(pass, user, refined))
            return false;
        next = constant->first_use; /* the list has changed */
    }
    return true;
}

/* *failed is set after a diagnostic. */
static bool fold(Pass *pass, Node *node, bool *refined, bool *failed)
{
    const Constant **constants =
        ARENA_ARRAY(pass->scratch, const Constant *, node->result_count + 1);
    if (!node_evaluate(node, pass->model->arena, pass->scratch, constants))
        return false;
    for (int i = 0; i < node->result_count; i++) {
        Value *value = result(node, i);
        if (!value->first_use || !constants[i])
            continue;
        Value *constant = graph_add_constant(node->graph, value->name, constants[i]);
        value_replace(value, constant);
        *failed |= !replace_captures(pass, constant, refined);
    }
    remove_dead(node);
    return true;
}

PassResult pass_fold_constants(Pass *pass, Graph *graph)
{
    int64_t before = pass->changes;
    bool refined = false, failed = false;
    FOR_EACH_NODE_SAFE (node, graph) {
        const char *op = node->op->name;
        if (!failed && pass_allows(pass) && may_fold(node) && is_worth_it(pass, node) &&
            fold(pass, node, &refined, &failed))
            pass_count(pass, op);
    }
    if (failed || (refined && !graph_infer(pass->infer, pass->model->graph)))
        return PASS_FAILED;
    return pass_result(pass, before);
}
