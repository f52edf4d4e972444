/* SPDX-License-Identifier: Apache-2.0
 *
 * Inference: the driver, and what the operators' infer functions are made of.
 *
 * Inference may run again after any change. A symbol that it makes for a value (a size that only
 * running tells, an element of a tensor) is kept with the value (value_set_symbol), so that the
 * second run finds it again instead of making another.
 */
#include "ir/ops/elements.h"
#include "ir/ops/evaluate_node.h"
#include "ir/ops/op.h"
#include "ir/support/array.h"

#include <assert.h>

static const char *op_label(Arena *arena, const OpDef *op)
{
    return op->domain[0] ? arena_format(arena, "%s.%s", op->domain, op->name) : op->name;
}

bool infer_error(InferContext *context, const Node *node, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    const char *message = arena_format_list(context->arena, format, list);
    va_end(list);
    return error_at(context->diagnostics, node_location(node), "%s: %s",
                    op_label(context->arena, node->op), message);
}

bool infer_unsupported(InferContext *context, const Node *node, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    const char *message = arena_format_list(context->arena, format, list);
    va_end(list);
    return unsupported_at(context->diagnostics, node_location(node), "%s-%d: %s",
                          op_label(context->arena, node->op), node->op->since, message);
}

/* ---- Results ----------------------------------------------------------------------------- */

void infer_set(InferContext *context, Node *node, int result, TnElementType element, int rank,
               const Expr *const *dims)
{
    infer_set_type(node, result, type_tensor(context->arena, element, rank, dims));
}

void infer_set_type(Node *node, int result, const Type *type)
{
    Value *value = node->results[result];
    if (!type_equal(value->type, type))
        value->type = type;
}

void infer_set_elements(InferContext *context, Node *node, int result, const Expr *const *elements,
                        int64_t count)
{
    Value *value = node->results[result];
    if (!elements) {
        value->elements = NULL;
        value->element_count = 0;
        return;
    }
    const Expr **copy = ARENA_ARRAY(context->arena, const Expr *, count + 1);
    for (int64_t i = 0; i < count; i++)
        copy[i] = elements[i];
    value->elements = copy;
    value->element_count = count;
}

/* ---- Operands ---------------------------------------------------------------------------- */

const Type *operand_type(const Node *node, int i)
{
    const Value *value = operand(node, i);
    assert(value && type_is_tensor(value->type) && value->type->rank >= 0);
    return value->type;
}

Constant *elements_constant(Model *model, const Value *value)
{
    const Type *type = value->type;
    int64_t dims[MAX_RANK];
    if (!value->elements || !type_is_static(type))
        return NULL;
    for (int d = 0; d < type->rank; d++)
        expr_known(type->dims[d], &dims[d]);
    for (int64_t i = 0; i < value->element_count; i++)
        if (!element_is_number(value->elements[i]))
            return NULL;
    void *data;
    Constant *constant = constant_allocate(model->arena, type->element, type->rank, dims, &data);
    if (!constant || constant->count != value->element_count)
        return NULL;
    size_t bytes = element_bytes(type->element);
    for (int64_t i = 0; i < value->element_count; i++) {
        int64_t element = 0;
        expr_known(value->elements[i], &element);
        element_from_int64(type->element, element, (char *)data + (size_t)i * bytes);
    }
    return constant;
}

const Constant *operand_constant(const Node *node, int i)
{
    const Value *value = operand(node, i);
    if (!value)
        return NULL;
    return value->constant ? value->constant : elements_constant(node->graph->model, value);
}

static void note_needed(InferContext *context, Value *input)
{
    for (int64_t i = 0; i < context->needed_count; i++)
        if (context->needed[i] == input)
            return;
    if (context->needed_count == context->needed_capacity)
        context->needed = array_grow(context->arena, context->needed, context->needed_count,
                                     &context->needed_capacity, sizeof *context->needed);
    context->needed[context->needed_count++] = input;
}

/* The inputs of the main graph that a value is computed from. Through a region's input, all that
 * its owner reads. */
static void trace_inputs(InferContext *context, Value *value, Map *seen)
{
    if (!value || map_get_pointer(seen, value))
        return;
    map_set_pointer(seen, value, value);
    const Node *node = value->producer;
    if (value->kind == VALUE_input) {
        node = value->graph->owner;
        if (!node && value->graph == context->model->graph)
            note_needed(context, value);
    }
    for (int i = 0; node && i < node->operand_count; i++)
        trace_inputs(context, operand(node, i), seen);
}

/* Specialising on the inputs behind a value would help. */
static void note_inputs_of(InferContext *context, Value *value)
{
    Map seen = map_create(context->arena);
    trace_inputs(context, value, &seen);
}

const Constant *infer_constant(InferContext *context, const Node *node, int i)
{
    Value *value = operand(node, i);
    if (!value)
        return NULL;
    const Constant *constant = operand_constant(node, i);
    if (constant)
        return constant;
    note_inputs_of(context, value);
    int row = i < node->op->operand_count ? i : node->op->operand_count - 1;
    infer_unsupported(context, node,
                      "operand %d (%s), '%s', decides the structure of the node and must be known "
                      "at compile time",
                      i, node->op->operands[row].name, value->name);
    return NULL;
}

/* ---- Symbols ----------------------------------------------------------------------------- */

typedef struct SymbolSearch {
    const Symbol *symbol;
    bool found;
} SymbolSearch;

static void look_for_symbol(void *user, const Expr *e)
{
    SymbolSearch *search = user;
    if (e->kind == EXPR_symbol && e->object == search->symbol)
        search->found = true;
}

/* Whether the sizes of the model's inputs speak of the symbol: it is the user's. */
static bool is_size_of_input(InferContext *context, const Expr *symbol)
{
    const Graph *graph = context->model->graph;
    SymbolSearch search = {symbol->object, false};
    for (int i = 0; i < graph->input_count; i++) {
        const Type *type = graph->inputs[i]->type;
        for (int d = 0; type_is_tensor(type) && d < type->rank; d++)
            expr_walk(context->pool, type->dims[d], look_for_symbol, &search);
    }
    return search.found;
}

/* The symbol that tells what of the value. A new one is called after both, with a number behind it
 * if another symbol is called so. */
static const Expr *own_symbol(InferContext *context, Value *value, const char *what, int64_t lower,
                              int64_t upper)
{
    const Expr *symbol = value_symbol(value, what);
    if (symbol) {
        symbol_restrict(context->pool, symbol, lower, upper);
        return symbol;
    }
    const char *name = arena_format(context->arena, "%s_%s", value->name, what);
    const char *candidate = name;
    for (int number = 1;; number++) {
        symbol = expr_symbol_between(context->pool, candidate, lower, upper);
        if (!map_get_pointer(&context->model->symbol_owners, symbol) &&
            !is_size_of_input(context, symbol))
            break;
        candidate = arena_format(context->arena, "%s_%d", name, number);
    }
    value_set_symbol(value, what, symbol);
    return symbol;
}

const Expr *infer_fresh_size(InferContext *context, Node *node, int result, const char *what,
                             const Expr *upper)
{
    Value *value = node->results[result];
    int64_t low = 0, high = SIZE_LIMIT, bound;
    if (upper) {
        expr_bounds(upper, &low, &bound);
        high = bound < high ? bound : high;
    }
    const Expr *symbol = own_symbol(context, value, what, 0, high);
    symbol_limit(symbol, upper);
    return symbol;
}

const Type *infer_item_sizes(InferContext *context, Node *node, int result, const char *what,
                             const Type *item)
{
    const Expr *dims[MAX_RANK];
    for (int d = 0; d < item->rank; d++)
        dims[d] = item->dims[d]
                      ? item->dims[d]
                      : infer_fresh_size(context, node, result,
                                         arena_format(context->arena, "%s%d", what, d), NULL);
    return type_tensor(context->arena, item->element, item->rank, dims);
}

/* Elements are integers of any sign; offsets beyond 2^47 are no use to anybody. */
#define ELEMENT_LIMIT ((int64_t)1 << 47)

/* The elements of a value as symbols, for a node that reads it, or NULL. */
static const Expr *const *bind_elements(InferContext *context, const Node *node, Value *value,
                                        int64_t count)
{
    Model *model = context->model;
    for (int64_t i = 0; i < model->binding_count; i++)
        if (model->bindings[i].value == value && model->bindings[i].count == count)
            return model->bindings[i].symbols;
    FOR_EACH_USE (use, value)
        context->bound_late |= use->user && use->user != node;
    int64_t lower = -ELEMENT_LIMIT, upper = ELEMENT_LIMIT;
    if (value->type->element == TN_BOOL) {
        lower = 0;
        upper = 1;
    } else if (element_kind(value->type->element) == ELEMENT_KIND_UNSIGNED) {
        lower = 0;
    }
    const Expr **symbols = ARENA_ARRAY(context->arena, const Expr *, count + 1);
    for (int64_t i = 0; i < count; i++) {
        const char *what = arena_format(context->arena, "%lld", (long long)i);
        symbols[i] = own_symbol(context, value, what, lower, upper);
    }
    if (model->binding_count == model->binding_capacity)
        model->bindings = array_grow(model->arena, model->bindings, model->binding_count,
                                     &model->binding_capacity, sizeof *model->bindings);
    model->bindings[model->binding_count++] = (Binding){value, symbols, count};
    return symbols;
}

bool infer_length(InferContext *context, const Node *node, int i, int64_t count)
{
    Value *value = operand(node, i);
    const Type *type = value->type;
    if (value->elements || type->rank != 1 || expr_known(type->dims[0], NULL))
        return true;
    const Expr *length = expr_integer(context->pool, count);
    const char *what = arena_format(context->arena, "lengths of '%s'", value->name);
    if (!infer_equal(context, node, type->dims[0], length, what))
        return false;
    value->elements = bind_elements(context, node, value, count);
    value->element_count = count;
    return true;
}

/* Those of a longer tensor do not become symbols. */
enum { MOST_BOUND = 1024 };

static bool is_integer_tensor(const Type *type)
{
    if (!type_is_tensor(type))
        return false;
    ElementKind kind = element_kind(type->element);
    return kind == ELEMENT_KIND_SIGNED || kind == ELEMENT_KIND_UNSIGNED ||
           kind == ELEMENT_KIND_BOOL;
}

bool infer_bind_elements(InferContext *context, Value *value, int64_t count)
{
    int64_t known;
    if (!value->type || !is_integer_tensor(value->type) || value->type->rank < 0 || count < 0 ||
        count > MOST_BOUND)
        return false;
    if (expr_known(type_element_count(context->pool, value->type), &known) && known != count)
        return false;
    if (value->elements)
        return value->element_count == count;
    value->elements = bind_elements(context, NULL, value, count);
    value->element_count = count;
    return true;
}

const Expr *const *infer_elements(InferContext *context, const Node *node, int i, int64_t *count)
{
    Value *value = operand(node, i);
    int64_t ignored;
    if (!count)
        count = &ignored;
    if (value->elements) {
        *count = value->element_count;
        return value->elements;
    }
    const Type *type = value->type;
    if (!is_integer_tensor(type)) {
        infer_error(context, node, "operand %d, '%s', must be an integer tensor", i, value->name);
        return NULL;
    }
    int64_t elements = -1;
    if (type->rank >= 0)
        expr_known(type_element_count(context->pool, type), &elements);
    if (elements < 0 || elements > MOST_BOUND) {
        note_inputs_of(context, value);
        infer_unsupported(context, node,
                          "operand %d, '%s', decides sizes; its element count must be known at "
                          "compile time and at most %d",
                          i, value->name, MOST_BOUND);
        return NULL;
    }
    *count = elements;
    value->elements = bind_elements(context, node, value, elements);
    value->element_count = elements;
    return value->elements;
}

/* ---- Axes -------------------------------------------------------------------------------- */

bool infer_axis(InferContext *context, const Node *node, int64_t a, int rank, int *axis)
{
    if (a < -rank || a >= rank)
        return infer_error(context, node, "axis %lld is outside of %d .. %d, for rank %d",
                           (long long)a, -rank, rank - 1, rank);
    *axis = (int)(a < 0 ? a + rank : a);
    return true;
}

bool infer_axes(InferContext *context, const Node *node, IntList axes, int rank, bool *is_axis)
{
    for (int d = 0; d < rank; d++)
        is_axis[d] = axes.count == 0;
    for (int64_t i = 0; i < axes.count; i++) {
        int axis = 0;
        if (!infer_axis(context, node, axes.items[i], rank, &axis))
            return false;
        if (is_axis[axis])
            return infer_error(context, node, "axis %d is given twice", axis);
        is_axis[axis] = true;
    }
    return true;
}

/* ---- Sizes that must agree --------------------------------------------------------------- */

static const char *expr_text(Arena *arena, const Expr *e)
{
    Text text = text_create(arena);
    expr_print(e, &text);
    return text.data;
}

/* "Add 'add_1'": how run-time messages call a node. */
static const char *node_text(Arena *arena, const Node *node)
{
    const char *name = node_location(node).node;
    const char *op = op_label(arena, node->op);
    return name ? arena_format(arena, "%s '%s'", op, name) : op;
}

/* Records the condition; false if it cannot hold. */
static bool assume(InferContext *context, const Node *node, const Expr *condition, const Expr *a,
                   const Expr *b, const char *what)
{
    double known;
    if (expr_is_constant(condition, &known))
        return known != 0;
    Arena *arena = context->arena;
    model_assume(context->model, condition,
                 arena_format(arena, "%s: %s %s and %s must be equal", node_text(arena, node), what,
                              expr_text(arena, a), expr_text(arena, b)));
    return true;
}

/* Of two equal sizes, the one to go on with: a number, else a plain symbol, else the first. */
static const Expr *simpler(const Expr *a, const Expr *b)
{
    if (expr_known(a, NULL))
        return a;
    if (expr_known(b, NULL))
        return b;
    return b->kind == EXPR_symbol && a->kind != EXPR_symbol ? b : a;
}

const Expr *infer_equal(InferContext *context, const Node *node, const Expr *a, const Expr *b,
                        const char *what)
{
    if (a == b)
        return a;
    const Expr *condition = expr_compare(context->pool, EXPR_equal, a, b);
    if (assume(context, node, condition, a, b, what))
        return simpler(a, b);
    const char *expected = expr_text(context->arena, a), *found = expr_text(context->arena, b);
    infer_error(context, node, "%s must be equal: %s and %s differ", what, expected, found);
    diagnostic_set_mismatch(context->diagnostics, found, expected);
    return NULL;
}

static const Expr *broadcast_size(InferContext *context, const Node *node, const Expr *a,
                                  const Expr *b)
{
    ExprPool *pool = context->pool;
    if (a == b || expr_is(b, 1))
        return a;
    if (expr_is(a, 1))
        return b;
    const Expr *one = expr_integer(pool, 1);
    const Expr *equal = expr_compare(pool, EXPR_equal, a, b);
    const Expr *a_is_one = expr_compare(pool, EXPR_equal, a, one);
    const Expr *b_is_one = expr_compare(pool, EXPR_equal, b, one);
    const Expr *condition = expr_either(pool, equal, expr_either(pool, a_is_one, b_is_one));
    if (!assume(context, node, condition, a, b, "unless one is 1, sizes")) {
        infer_error(context, node, "shapes cannot be broadcast: %s and %s differ and neither is 1",
                    expr_text(context->arena, a), expr_text(context->arena, b));
        return NULL;
    }
    double known;
    bool a_may_be_one = !expr_is_constant(a_is_one, &known);
    bool b_may_be_one = !expr_is_constant(b_is_one, &known);
    if (!a_may_be_one && !b_may_be_one)
        return simpler(a, b);
    if (!a_may_be_one || !b_may_be_one)
        return a_may_be_one ? b : a;
    /* The larger one is right but for 0 and 1. */
    assume(context, node, expr_compare(pool, EXPR_not_equal, expr_plus(pool, a, b), one), a, b,
           "unless neither is 0, sizes");
    return expr_larger(pool, a, b);
}

bool infer_broadcast(InferContext *context, const Node *node, int count, const Type *const *types,
                     int *rank, const Expr **dims)
{
    int most = 0;
    for (int i = 0; i < count; i++)
        if (types[i]->rank > most)
            most = types[i]->rank;
    for (int d = 0; d < most; d++) {
        const Expr *size = expr_integer(context->pool, 1);
        for (int i = 0; i < count && size; i++) {
            int own = d - (most - types[i]->rank);
            if (own >= 0)
                size = broadcast_size(context, node, size, types[i]->dims[own]);
        }
        if (!size)
            return false;
        dims[d] = size;
    }
    *rank = most;
    return true;
}

/* ---- Shared infer functions -------------------------------------------------------------- */

bool infer_same_as_first(InferContext *context, Node *node)
{
    (void)context;
    for (int i = 0; i < node->result_count; i++)
        infer_set_type(node, i, operand(node, 0)->type);
    return true;
}

bool infer_elementwise(InferContext *context, Node *node)
{
    const Type **types = ARENA_ARRAY(context->arena, const Type *, node->operand_count + 1);
    int count = 0, rank;
    for (int i = 0; i < node->operand_count; i++)
        if (operand(node, i))
            types[count++] = operand_type(node, i);
    const Expr *dims[MAX_RANK];
    if (!infer_broadcast(context, node, count, types, &rank, dims))
        return false;
    infer_set(context, node, 0, types[0]->element, rank, dims);
    return true;
}

/* ---- The driver -------------------------------------------------------------------------- */

/* Operators read ranks of their tensors freely, so they must be known; those that take anything
 * look for themselves. */
static bool knows_ranks(const Node *node)
{
    for (int i = 0; i < node->operand_count; i++) {
        const Value *value = operand(node, i);
        int row = i < node->op->operand_count ? i : node->op->operand_count - 1;
        if (value && node->op->operands[row].types != TYPES_ANY && value->type->rank < 0)
            return false;
    }
    return true;
}

TnElementType element_of_result(const Node *node, const OperandDef *result)
{
    for (int i = 0; result->group && i < node->operand_count; i++) {
        int row = i < node->op->operand_count ? i : node->op->operand_count - 1;
        const Value *value = operand(node, i);
        if (value && node->op->operands[row].group == result->group && type_is_tensor(value->type))
            return value->type->element;
    }
    for (int type = 1; type < ELEMENT_TYPE_COUNT; type++)
        if (result->types == TYPE_BIT(type))
            return (TnElementType)type;
    return TN_UNDEFINED;
}

/* The results of an If whose branches differ in rank have none until the importer has moved
 * their users into the branches. What is computed from them waits. */
static void postpone(InferContext *context, Node *node)
{
    const OpDef *op = node->op;
    for (int i = 0; i < node->result_count; i++) {
        const OperandDef *def = &op->results[i < op->result_count ? i : op->result_count - 1];
        infer_set_type(node, i, type_unranked(context->arena, element_of_result(node, def)));
        infer_set_elements(context, node, i, NULL, 0);
    }
}

/* What node_infer() puts back when the operator refuses. */
typedef struct Facts {
    const Type *type;
    const Expr *const *elements;
    int64_t element_count;
} Facts;

/* The node alone in a graph of its own, with constants for operands; NULL if one is not known or is
 * large. */
static Node *isolate(InferContext *context, const Node *node)
{
    Value **operands = ARENA_ARRAY(context->arena, Value *, node->operand_count + 1);
    Graph *graph = NULL;
    for (int i = 0; i < node->operand_count; i++) {
        const Constant *constant = operand_constant(node, i);
        if (!operand(node, i))
            continue;
        if (!constant || constant->count > ELEMENTS_LIMIT)
            return NULL;
        if (!graph)
            graph = graph_create(context->model, NULL, "evaluation");
        operands[i] = graph_add_constant(graph, NULL, constant);
    }
    if (!graph)
        return NULL;
    Node *alone =
        graph_insert(graph, NULL, node->op, node->operand_count, operands, 1, node->attributes, 0);
    alone->results[0]->type = result(node, 0)->type;
    return alone;
}

/* Elements that the operator does not tell itself (of a transpose, say), where everything is known:
 * by computing them. */
static void evaluate_elements(InferContext *context, Node *node)
{
    int64_t count;
    if (node->result_count != 1 || node->region_count || (node->op->traits & TRAIT_random) ||
        result(node, 0)->elements || !result_may_have_elements(node, 0, &count))
        return;
    ElementKind kind = element_kind(result(node, 0)->type->element);
    if (kind != ELEMENT_KIND_SIGNED && kind != ELEMENT_KIND_UNSIGNED && kind != ELEMENT_KIND_BOOL)
        return;
    Node *alone = isolate(context, node);
    Arena *scratch = alone ? arena_create_child(context->arena) : NULL;
    const Constant *constant = NULL;
    if (scratch && node_evaluate(alone, context->arena, scratch, &constant) && constant) {
        const Expr **elements = ARENA_ARRAY(context->arena, const Expr *, count + 1);
        for (int64_t i = 0; i < count; i++)
            elements[i] = expr_integer(context->pool, constant_get_int64(constant, i));
        infer_set_elements(context, node, 0, elements, count);
    }
    arena_destroy(scratch);
}

/* Elements that a reader has made symbols of are these, still. */
static void restore_elements(const Model *model, Value *value)
{
    int64_t count;
    if (value->elements || !value->symbols || !type_is_tensor(value->type) || value->type->rank < 0)
        return;
    bool is_known = expr_known(type_element_count(model->pool, value->type), &count);
    for (int64_t i = 0; i < model->binding_count; i++) {
        const Binding *binding = &model->bindings[i];
        if (binding->value != value || (is_known && binding->count != count))
            continue;
        value->elements = binding->symbols;
        value->element_count = binding->count;
    }
}

bool node_infer(InferContext *context, Node *node)
{
    if (!node_check_operands(node, context->diagnostics)) {
        context->failed = true;
        return false;
    }
    if (!knows_ranks(node)) {
        postpone(context, node);
        return true;
    }
    Facts *old = ARENA_ARRAY(context->arena, Facts, node->result_count + 1);
    for (int i = 0; i < node->result_count; i++) {
        Value *value = node->results[i];
        old[i] = (Facts){value->type, value->elements, value->element_count};
        value->elements = NULL;
        value->element_count = 0;
    }
    const Graph *branch = context->model->branch;
    context->model->branch = graph_branch(node->graph);
    bool good = node->op->infer(context, node);
    context->model->branch = branch;
    if (good) {
        evaluate_elements(context, node);
        for (int i = 0; i < node->result_count; i++)
            restore_elements(context->model, node->results[i]);
        return true;
    }
    for (int i = 0; i < node->result_count; i++) {
        Value *value = node->results[i];
        value->type = old[i].type;
        value->elements = old[i].elements;
        value->element_count = old[i].element_count;
    }
    context->failed = true;
    return false;
}

bool graph_infer(InferContext *context, Graph *graph)
{
    FOR_EACH_NODE (node, graph)
        if (!node_infer(context, node))
            return false;
    return true;
}
