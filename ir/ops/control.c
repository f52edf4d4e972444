/* SPDX-License-Identifier: Apache-2.0
 *
 * Types through regions: joins of branches and the fixed point of loops; see control.h.
 */
#include "ir/ops/control.h"

#include <string.h>

/* ---- Conditions -------------------------------------------------------------------------- */

const Value *control_origin(const Value *value)
{
    while (value->kind == VALUE_result && !strcmp(value->producer->op->name, "Identity") &&
           !value->producer->op->domain[0])
        value = operand(value->producer, 0);
    return value;
}

bool control_is_true(const Value *value)
{
    value = control_origin(value);
    return value->kind == VALUE_constant && value->constant->count == 1 &&
           constant_get_int64(value->constant, 0) != 0;
}

/* ---- Sizes ------------------------------------------------------------------------------- */

static bool is_inside(const Graph *graph, const Graph *region)
{
    for (; graph; graph = graph->owner ? graph->owner->graph : NULL)
        if (graph == region)
            return true;
    return false;
}

typedef struct LocalSearch {
    const Model *model;
    const Graph *region;
    bool found;
} LocalSearch;

static void look_for_local(void *user, const Expr *e)
{
    LocalSearch *search = user;
    if (e->kind != EXPR_symbol)
        return;
    const Value *owner = map_get_pointer(&search->model->symbol_owners, e);
    if (owner && (is_inside(owner->graph, search->region) ||
                  (search->region->owner && owner->producer == search->region->owner)))
        search->found = true;
}

bool control_is_local(InferContext *context, const Graph *region, const Expr *e)
{
    LocalSearch search = {context->model, region, false};
    expr_walk(context->pool, e, look_for_local, &search);
    return search.found;
}

/* ---- Joins ------------------------------------------------------------------------------- */

static const Type *join_elements(InferContext *context, const Node *node, const Type *a,
                                 const Type *b);

/* Of tensors inside sequences and optionals, which have no sizes to be named after. */
static const Type *join_inner(InferContext *context, const Node *node, const Type *a, const Type *b)
{
    if (!a || !b || type_equal(a, b))
        return a ? a : b;
    if (type_is_tensor(a) && type_is_tensor(b) && a->element == b->element)
        return type_unranked(context->arena, a->element);
    return join_elements(context, node, a, b);
}

static const Type *join_elements(InferContext *context, const Node *node, const Type *a,
                                 const Type *b)
{
    if (a->kind == b->kind && (a->kind == TYPE_sequence || a->kind == TYPE_optional)) {
        const Type *inner = join_inner(context, node, a->inner, b->inner);
        if (a->inner && b->inner && !inner)
            return NULL;
        return a->kind == TYPE_sequence ? type_sequence(context->arena, inner)
                                        : type_optional(context->arena, inner);
    }
    Text text = text_create(context->arena);
    type_print(a, &text);
    text_append(&text, " and ");
    type_print(b, &text);
    infer_error(context, node, "one value has two types that do not fit: %s", text.data);
    return NULL;
}

/* An optional that a body replaces by something that it could hold stays an optional inside, and is
 * what it holds as a result. NULL: this is not the case. */
static const Type *join_filled(InferContext *context, const Node *node, const Type *a,
                               const Type *b, bool is_result)
{
    if (a->kind != TYPE_optional || b->kind == TYPE_optional ||
        (a->inner && a->inner->kind != b->kind))
        return NULL;
    const Type *inner = join_inner(context, node, a->inner, b);
    if (!inner)
        return NULL;
    return is_result ? inner : type_optional(context->arena, inner);
}

const Type *control_join(InferContext *context, Node *node, int i, const char *prefix,
                         const Type *a, const Type *b, const Graph *region)
{
    if (!type_is_tensor(a) || !type_is_tensor(b) || a->element != b->element) {
        const Type *filled = join_filled(context, node, a, b, region != NULL);
        return filled ? filled : type_equal(a, b) ? a : join_elements(context, node, a, b);
    }
    if (a->rank != b->rank || a->rank < 0) {
        if (node->op->control == CONTROL_if) /* import moves the readers into the branches */
            return type_unranked(context->arena, a->element);
        infer_unsupported(context, node, "a value of changing rank, %d and %d", a->rank, b->rank);
        return NULL;
    }
    const Expr *dims[MAX_RANK];
    for (int d = 0; d < a->rank; d++) {
        dims[d] = a->dims[d];
        bool is_own =
            a->dims[d] == b->dims[d] && !(region && control_is_local(context, region, a->dims[d]));
        if (is_own)
            continue;
        const char *what = arena_format(context->arena, "%sd%d", prefix, d);
        dims[d] = infer_fresh_size(context, node, i, what, NULL);
    }
    return type_tensor(context->arena, a->element, a->rank, dims);
}

/* ---- Regions ----------------------------------------------------------------------------- */

void control_pass_captures(Node *node, Graph *region)
{
    for (int i = 0; i < node->capture_count; i++) {
        const Value *from = operand(node, node->operand_count - node->capture_count + i);
        Value *to = region->inputs[region->input_count - node->capture_count + i];
        to->type = from->type;
        to->elements = from->elements;
        to->element_count = from->element_count;
    }
}

static void set_input(Value *input, const Type *type)
{
    if (!type_equal(input->type, type))
        input->type = type;
    input->elements = NULL;
    input->element_count = 0;
}

/* What enters the next iteration through input i is what entered this one. */
static bool is_passed_through(const Graph *body, const Carried *carried, int i)
{
    const Value *output = graph_output(body, carried->first_output + i);
    return control_origin(output) == body->inputs[carried->first_input + i];
}

bool control_infer_carried(InferContext *context, Node *node, const Carried *carried)
{
    enum { MOST_ROUNDS = 8 };
    Graph *body = node->regions[0];
    const Type **types = ARENA_ARRAY(context->arena, const Type *, carried->count + 1);
    for (int i = 0; i < carried->count; i++)
        types[i] = operand(node, carried->first_operand + i)->type;
    bool changed = true;
    for (int round = 0; changed; round++) {
        if (round == MOST_ROUNDS)
            return infer_unsupported(context, node, "a value whose type changes without end");
        for (int i = 0; i < carried->count; i++) {
            Value *input = body->inputs[carried->first_input + i];
            const Value *from = operand(node, carried->first_operand + i);
            set_input(input, types[i]);
            if (is_passed_through(body, carried, i)) {
                input->elements = from->elements;
                input->element_count = from->element_count;
            }
        }
        if (!graph_infer(context, body))
            return false;
        changed = false;
        for (int i = 0; i < carried->count; i++) {
            const Value *output = graph_output(body, carried->first_output + i);
            const Type *joined =
                control_join(context, node, i, "in_", types[i], output->type, NULL);
            if (!joined)
                return false;
            changed |= !type_equal(joined, types[i]);
            types[i] = joined;
        }
    }
    for (int i = 0; i < carried->count; i++) {
        const Type *first = operand(node, carried->first_operand + i)->type;
        const Type *last = types[i];
        if (last->kind == TYPE_optional)
            last = graph_output(body, carried->first_output + i)->type;
        const Type *type = control_join(context, node, i, "", first, last, body);
        if (!type)
            return false;
        infer_set_type(node, i, type);
    }
    return true;
}

bool control_seed_regions(InferContext *context, Node *node)
{
    if (node->op->seed_regions)
        return node->op->seed_regions(context, node);
    for (int r = 0; r < node->region_count; r++)
        control_pass_captures(node, node->regions[r]);
    return true;
}
