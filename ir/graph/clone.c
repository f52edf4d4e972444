/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies of graphs and models. Within a model, types and attributes are shared, being immutable;
 * between models they are copied, and sizes are rebuilt in the other pool. The bytes of constants
 * are always shared.
 */
#include "ir/graph/constant.h"
#include "ir/graph/graph.h"
#include "ir/ops/op.h"
#include "ir/support/array.h"

#include <assert.h>

typedef struct Copy {
    const Model *from;
    Model *to;
    bool deep;       /* another model */
    Map values;      /* Value -> its copy */
    Map expressions; /* Expr -> its copy, between models */
} Copy;

static Copy copy_begin(const Model *from, Model *to)
{
    return (Copy){from, to, from != to, map_create(to->arena), map_create(to->arena)};
}

static const Expr *copy_expr(Copy *copy, const Expr *e)
{
    if (!copy->deep || !e)
        return e;
    const Expr *known = map_get_pointer(&copy->expressions, e);
    if (known)
        return known;
    const Expr *result;
    if (e->kind == EXPR_symbol) {
        const Symbol *symbol = e->object;
        result = expr_symbol(copy->to->pool, symbol->name);
    } else if (e->kind == EXPR_integer) {
        result = expr_integer(copy->to->pool, e->integer);
    } else if (e->kind == EXPR_constant) {
        result = expr_bits(copy->to->pool, e->type, e->bits);
    } else {
        const Expr **src = ARENA_ARRAY(copy->to->arena, const Expr *, e->count + 1);
        for (int i = 0; i < e->count; i++)
            src[i] = copy_expr(copy, e->src[i]);
        result = expr_rebuild(copy->to->pool, e, src);
    }
    map_set_pointer(&copy->expressions, e, (void *)result);
    return result;
}

static const Expr *const *copy_exprs(Copy *copy, int64_t count, const Expr *const *exprs)
{
    if (!copy->deep || !exprs)
        return exprs;
    const Expr **result = ARENA_ARRAY(copy->to->arena, const Expr *, count + 1);
    for (int64_t i = 0; i < count; i++)
        result[i] = copy_expr(copy, exprs[i]);
    return result;
}

static const Type *copy_type(Copy *copy, const Type *type)
{
    if (!copy->deep || !type)
        return type;
    Type *result = arena_copy(copy->to->arena, type, sizeof *type);
    for (int d = 0; d < type->rank; d++)
        result->dims[d] = copy_expr(copy, type->dims[d]);
    result->inner = copy_type(copy, type->inner);
    return result;
}

static const char *copy_text(Copy *copy, const char *text)
{
    return text && copy->deep ? intern(copy->to->names, text) : text;
}

static const Notes *copy_notes(Copy *copy, const Notes *notes)
{
    if (!copy->deep || !notes)
        return notes;
    Arena *arena = copy->to->arena;
    Notes *result = arena_copy(arena, notes, sizeof *notes);
    Property *properties = ARENA_ARRAY(arena, Property, notes->property_count + 1);
    for (int i = 0; i < notes->property_count; i++)
        properties[i] = (Property){copy_text(copy, notes->properties[i].key),
                                   copy_text(copy, notes->properties[i].value)};
    result->doc = copy_text(copy, notes->doc);
    result->properties = properties;
    return result;
}

static const Constant *copy_constant(Copy *copy, const Constant *constant)
{
    if (!copy->deep || !constant)
        return constant;
    Constant *result = arena_copy(copy->to->arena, constant, sizeof *constant);
    result->external_location = copy_text(copy, constant->external_location);
    return result;
}

static TnString copy_string(Copy *copy, TnString string)
{
    return (TnString){arena_string(copy->to->arena, string.data, (size_t)string.length),
                      string.length};
}

static void copy_field(Copy *copy, AttributeKind kind, void *field)
{
    Arena *arena = copy->to->arena;
    switch (kind) {
    case ATTRIBUTE_int:
    case ATTRIBUTE_float:
    case ATTRIBUTE_choice:
    case ATTRIBUTE_element:
    case ATTRIBUTE_graph:
    case ATTRIBUTE_type_list: break;
    case ATTRIBUTE_string: *(TnString *)field = copy_string(copy, *(TnString *)field); break;
    case ATTRIBUTE_ints: {
        IntList *list = field;
        if (list->count)
            list->items = arena_copy(arena, list->items, (size_t)list->count * sizeof(int64_t));
        break;
    }
    case ATTRIBUTE_floats: {
        FloatList *list = field;
        if (list->count)
            list->items = arena_copy(arena, list->items, (size_t)list->count * sizeof(float));
        break;
    }
    case ATTRIBUTE_strings: {
        StringList *list = field;
        TnString *items = ARENA_ARRAY(arena, TnString, list->count + 1);
        for (int64_t i = 0; i < list->count; i++)
            items[i] = copy_string(copy, list->items[i]);
        list->items = items;
        break;
    }
    case ATTRIBUTE_tensor:
        *(const Constant **)field = copy_constant(copy, *(const Constant **)field);
        break;
    case ATTRIBUTE_type: *(const Type **)field = copy_type(copy, *(const Type **)field); break;
    }
}

static void copy_attributes(Copy *copy, Node *node)
{
    if (!copy->deep)
        return;
    const OpDef *op = node->op;
    for (int i = 0; i < op->attribute_count; i++)
        copy_field(copy, op->attributes[i].kind,
                   (char *)node->attributes + op->attributes[i].offset);
}

static Value *copy_of(const Copy *copy, const Value *value)
{
    return value ? map_get_pointer(&copy->values, value) : NULL;
}

/* Inference, run again, finds the symbols that it made for a value before. */
static void copy_symbols_of(Copy *copy, const Value *value, Value *result)
{
    for (const ValueSymbol *own = value->symbols; own; own = own->next)
        if (value_symbol(value, own->what) && !value_symbol(result, own->what))
            value_set_symbol(result, own->what, copy_expr(copy, own->symbol));
}

static void copy_facts(Copy *copy, const Value *value, Value *result)
{
    result->type = copy_type(copy, value->type);
    result->elements = copy_exprs(copy, value->element_count, value->elements);
    result->element_count = value->element_count;
    result->notes = copy_notes(copy, value->notes);
    copy_symbols_of(copy, value, result);
    map_set_pointer(&copy->values, value, result);
}

static Graph *copy_graph(Copy *copy, const Graph *graph, Node *owner);

static void copy_results(Copy *copy, const Node *node, Node *result)
{
    for (int i = 0; i < node->result_count; i++)
        value_rename(result->results[i], ""); /* the invented names must not be in the way */
    for (int i = 0; i < node->result_count; i++) {
        value_rename(result->results[i], copy_text(copy, node->results[i]->name));
        copy_facts(copy, node->results[i], result->results[i]);
    }
}

static void copy_node(Copy *copy, const Node *node, Graph *to, Node *before)
{
    Value **operands = ARENA_ARRAY(copy->to->arena, Value *, node->operand_count + 1);
    for (int i = 0; i < node->operand_count; i++)
        operands[i] = copy_of(copy, node->operands[i].value);
    Node *result = graph_insert(to, before, node->op, node->operand_count, operands,
                                node->result_count, node->attributes, 0);
    result->name = copy_text(copy, node->name);
    result->location = node->location;
    result->location.node = copy_text(copy, node->location.node);
    result->location.op = node->op->name;
    result->notes = copy_notes(copy, node->notes);
    copy_attributes(copy, result);
    copy_results(copy, node, result);
    result->region_count = node->region_count;
    result->capture_count = node->capture_count;
    result->regions = ARENA_ARRAY(copy->to->arena, Graph *, node->region_count + 1);
    for (int i = 0; i < node->region_count; i++)
        result->regions[i] = copy_graph(copy, node->regions[i], result);
}

static void copy_constants(Copy *copy, const Graph *graph, Graph *to)
{
    for (int i = 0; i < graph->constant_count; i++) {
        const Value *value = graph->constants[i];
        Value *result = graph_add_constant(to, copy_text(copy, value->name),
                                           copy_constant(copy, value->constant));
        copy_facts(copy, value, result);
    }
}

/* A copied value that symbols are bound to binds them, too. */
static void copy_bindings(Copy *copy)
{
    Model *to = copy->to;
    int64_t count = copy->from->binding_count;
    for (int64_t i = 0; i < count; i++) {
        Binding binding = copy->from->bindings[i];
        binding.value = copy_of(copy, binding.value);
        if (!binding.value)
            continue;
        binding.symbols = copy_exprs(copy, binding.count, binding.symbols);
        if (to->binding_count == to->binding_capacity)
            to->bindings = array_grow(to->arena, to->bindings, to->binding_count,
                                      &to->binding_capacity, sizeof *to->bindings);
        to->bindings[to->binding_count++] = binding;
    }
}

/* What was assumed about a region of an If holds of what it became: a region again, or a part of
 * `branch`. */
static void copy_assumptions(Copy *copy, const Graph *from, const Graph *branch)
{
    const Graph *outer = copy->to->branch;
    int64_t count = copy->from->assumption_count;
    copy->to->branch = branch;
    for (int64_t i = 0; i < count; i++)
        if (copy->from->assumptions[i].branch == from)
            model_assume(copy->to, copy_expr(copy, copy->from->assumptions[i].condition),
                         copy_text(copy, copy->from->assumptions[i].message));
    copy->to->branch = outer;
}

static Graph *copy_graph(Copy *copy, const Graph *graph, Node *owner)
{
    Graph *result = graph_create(copy->to, owner, graph->name);
    result->notes = copy_notes(copy, graph->notes);
    for (int i = 0; i < graph->input_count; i++)
        copy_facts(copy, graph->inputs[i],
                   graph_add_input(result, copy_text(copy, graph->inputs[i]->name), NULL));
    copy_constants(copy, graph, result);
    FOR_EACH_NODE (node, graph)
        copy_node(copy, node, result, NULL);
    for (int i = 0; i < graph->output_count; i++)
        graph_add_output(result, copy_of(copy, graph_output(graph, i)),
                         copy_text(copy, graph->output_names[i]));
    if (graph_branch(graph) == graph)
        copy_assumptions(copy, graph, result);
    return result;
}

Graph *graph_clone(Graph *graph, Model *model, Node *owner)
{
    Copy copy = copy_begin(graph->model, model);
    Graph *result = copy_graph(&copy, graph, owner);
    copy_bindings(&copy);
    return result;
}

void graph_inline(Graph *from, Graph *to, Node *before, Value *const *inputs, Value **outputs)
{
    assert(from->model == to->model);
    Copy copy = copy_begin(from->model, to->model);
    for (int i = 0; i < from->input_count; i++) {
        copy_symbols_of(&copy, from->inputs[i], inputs[i]);
        map_set_pointer(&copy.values, from->inputs[i], inputs[i]);
    }
    copy_constants(&copy, from, to);
    FOR_EACH_NODE (node, from)
        copy_node(&copy, node, to, before);
    for (int i = 0; i < from->output_count; i++)
        outputs[i] = copy_of(&copy, graph_output(from, i));
    if (graph_branch(from) == from)
        copy_assumptions(&copy, from, graph_branch(to));
    copy_bindings(&copy);
}

/* All symbols, in order, so that each keeps its number. */
static void copy_symbols(const Model *from, Model *to)
{
    int count = expr_pool_symbol_count(from->pool);
    for (int i = 0; i < count; i++) {
        const Symbol *symbol = expr_pool_symbol(from->pool, i);
        symbol_restrict(to->pool, expr_symbol(to->pool, intern(to->names, symbol->name)),
                        symbol->lower, symbol->upper);
    }
}

/* What symbols are never larger than. */
static void copy_limits(Copy *copy)
{
    int count = expr_pool_symbol_count(copy->from->pool);
    for (int i = 0; i < count; i++) {
        const Symbol *symbol = expr_pool_symbol(copy->from->pool, i);
        symbol_limit(expr_symbol(copy->to->pool, symbol->name), copy_expr(copy, symbol->limit));
    }
}

static void copy_header(Copy *copy)
{
    const Model *from = copy->from;
    Model *to = copy->to;
    to->ir_version = from->ir_version;
    to->model_version = from->model_version;
    to->producer_name = copy_text(copy, from->producer_name);
    to->producer_version = copy_text(copy, from->producer_version);
    to->domain = copy_text(copy, from->domain);
    to->notes = copy_notes(copy, from->notes);
    to->source = from->source;
}

Model *model_clone(const Model *model, Arena *arena)
{
    Model *result = model_create(arena, model->diagnostics);
    copy_symbols(model, result);
    Copy copy = copy_begin(model, result);
    copy_header(&copy);
    result->graph = copy_graph(&copy, model->graph, NULL);
    copy_bindings(&copy);
    copy_limits(&copy);
    for (int64_t i = 0; i < model->assumption_count; i++)
        if (!model->assumptions[i].branch)
            model_assume(result, copy_expr(&copy, model->assumptions[i].condition),
                         copy_text(&copy, model->assumptions[i].message));
    return result;
}
