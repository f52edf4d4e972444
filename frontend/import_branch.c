/* SPDX-License-Identifier: Apache-2.0
 *
 * Branches of an If that take its place: the one that a known condition says, and the one that is
 * left where the other has no meaning.
 *
 * An exporter puts what it could not decide into an If, a model for two sample rates or a squeeze
 * of an axis that may be longer than one. Once the sizes of the inputs are given, inference of one
 * branch may fail. This is no error of the model: it fails if that branch is run. So the other one
 * takes the place of the If, under an assumption on the condition that is checked at run time and
 * whose message says why. Both fail: both are reported. What is not supported, or is malformed,
 * stays an error.
 */
#include "frontend/importer.h"
#include "ir/ops/control.h"

#define FAIL(importer, location, ...) error_at((importer)->diagnostics, (location), __VA_ARGS__)

/* ---- The condition is known ----------------------------------------------------------------- */

static bool is_known(const Value *condition, bool *taken)
{
    int64_t value;
    if (!condition || !type_is_tensor(condition->type) || condition->type->element != TN_BOOL)
        return false;
    if (condition->constant && condition->constant->count == 1) {
        *taken = constant_get_int64(condition->constant, 0) != 0;
        return true;
    }
    if (!condition->elements || condition->element_count != 1 ||
        !expr_known(condition->elements[0], &value))
        return false;
    *taken = value != 0;
    return true;
}

const AttributeProto *import_taken_branch(const NodeProto *proto, int operand_count,
                                          Value *const *operands)
{
    bool taken;
    if (!proto_equals(proto->op_type, "If") || proto_domain(proto->domain).length ||
        operand_count != 1 || proto->attribute.count != 2 || !is_known(operands[0], &taken))
        return NULL;
    const AttributeProto *branch =
        node_proto_attribute(proto, taken ? "then_branch" : "else_branch");
    const AttributeProto *other =
        node_proto_attribute(proto, taken ? "else_branch" : "then_branch");
    return branch && branch->g && other && other->g ? branch : NULL;
}

bool import_branch(Importer *importer, Scope *scope, const NodeProto *proto,
                   const AttributeProto *branch, const char *path, Value **results)
{
    const GraphProto *graph = branch->g;
    Location location = import_location(importer, &proto->base, path);
    int64_t number = branch == proto->attribute.items[0] ? 0 : 1;
    const char *at = import_path(importer, path, "attribute", number);
    Scope *inner = scope_create(importer, scope->graph, scope,
                                at ? arena_format(importer->arena, "%s.g", at) : NULL);
    inner->body = graph;
    inner->nodes = graph->node.items;
    inner->node_count = graph->node.count;
    if (graph->input.count || graph->output.count != proto->output.count)
        return FAIL(importer, location,
                    "If: a branch has %lld inputs and %lld outputs, expected none and %lld",
                    (long long)graph->input.count, (long long)graph->output.count,
                    (long long)proto->output.count);
    if (!import_initializers(importer, inner, graph) || !import_nodes(importer, inner, inner->path))
        return false;
    for (int64_t i = 0; i < graph->output.count; i++) {
        const char *name = import_name(importer, graph->output.items[i]->name, location);
        if (!name)
            return false;
        results[i] = scope_find(inner, name);
        if (!results[i] || results[i] == &absent_value)
            return import_report_missing(importer, inner, -1, name, location);
    }
    return true;
}

/* ---- One branch has no meaning --------------------------------------------------------------- */

const char *import_misfit_text(Importer *importer, const Diagnostics *before)
{
    const Diagnostics *diagnostics = importer->diagnostics;
    for (int64_t i = before->count; i < diagnostics->count; i++) {
        const Diagnostic *found = &diagnostics->items[i];
        if (found->severity != SEVERITY_ERROR)
            continue;
        if (!found->location.node)
            return found->message;
        return arena_format(importer->arena, "node '%s': %s", found->location.node, found->message);
    }
    return "";
}

bool import_branches(Importer *importer, Scope *const *scopes, const GraphProto *const *graphs,
                     Misfit *misfit)
{
    Diagnostics *diagnostics = importer->diagnostics;
    for (int r = 0; r < 2; r++) {
        Diagnostics before = *diagnostics;
        importer->context.failed = false;
        if (!graphs[r] || import_region(importer, scopes[r], graphs[r]))
            continue;
        bool is_misfit = importer->context.failed && diagnostics->unsupported == before.unsupported;
        if (!is_misfit || misfit->why)
            return false;
        *misfit = (Misfit){r, import_misfit_text(importer, &before)};
    }
    return true;
}

/* Names of the If's results mean the values that took their places. */
static void rename_results(Scope *scope, const Node *branch, Value *const *places)
{
    const Graph *graph = scope->graph;
    for (; scope && scope->graph == graph; scope = scope->parent)
        for (int64_t i = 0; i < scope->values.count; i++) {
            const Value *value = scope->values.entries[i].value;
            if (value && value->kind == VALUE_result && value->producer == branch)
                scope->values.entries[i].value = places[value->index];
        }
}

/* Assumes that the condition does not say the misfit; false if it must. */
static bool assume_other(InferContext *context, const Node *branch, const Misfit *misfit)
{
    const IfAttributes *attributes = branch->attributes;
    int64_t count;
    double known;
    const Expr *const *elements = infer_elements(context, branch, 0, &count);
    if (!elements || count != 1)
        return false;
    bool then_fails = misfit->region == attributes->then_branch;
    const Expr *wanted = expr_integer(context->pool, !then_fails);
    const Expr *condition = expr_compare(context->pool, EXPR_equal, elements[0], wanted);
    if (expr_is_constant(condition, &known) && known == 0)
        return false;
    context->model->branch = graph_branch(branch->graph);
    model_assume(
        context->model, condition,
        arena_format(
            context->arena, "If '%s': its %s would run, which has no meaning with these sizes: %s",
            node_location(branch).node, then_fails ? "then_branch" : "else_branch", misfit->why));
    context->model->branch = NULL;
    return true;
}

bool import_take_other(Importer *importer, Scope *scope, Node *branch, const Misfit *misfit,
                       const Diagnostics *before, int count, Value **results)
{
    Graph *region = branch->regions[1 - misfit->region];
    if (!assume_other(&importer->context, branch, misfit))
        return false;
    diagnostics_rewind(importer->diagnostics, before);
    Value **inputs = ARENA_ARRAY(importer->arena, Value *, region->input_count + 1);
    Value **outputs = ARENA_ARRAY(importer->arena, Value *, region->output_count + 1);
    for (int i = 0; i < region->input_count; i++)
        inputs[i] = operand(branch, branch->operand_count - region->input_count + i);
    graph_inline(region, branch->graph, branch, inputs, outputs);
    for (int i = 0; i < branch->result_count; i++)
        if (branch->results[i]->first_use)
            value_replace_uses(branch->results[i], outputs[i]);
    rename_results(scope, branch, outputs);
    for (int i = 0; i < count; i++)
        results[i] = outputs[region->output_count - count + i];
    node_remove(branch);
    return true;
}
