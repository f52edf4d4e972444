/* SPDX-License-Identifier: Apache-2.0
 *
 * Editing graphs: uses, names, inputs and outputs. A use is first on its value's list when it is
 * made; a replaced value's uses keep their order and precede those that the new value had.
 */
#include "ir/graph/graph.h"
#include "ir/ops/op.h"

#include <assert.h>
#include <string.h>

void use_set(Use *use, Value *value)
{
    if (use->value == value)
        return;
    if (use->value) {
        *use->link = use->next;
        if (use->next)
            use->next->link = use->link;
    }
    use->value = value;
    use->next = NULL;
    use->link = NULL;
    if (!value)
        return;
    assert(!use->user || use->user->graph == value->graph);
    use->next = value->first_use;
    use->link = &value->first_use;
    if (use->next)
        use->next->link = &use->next;
    value->first_use = use;
}

void node_set_operand(Node *node, int i, Value *value)
{
    assert(i < node->operand_count);
    use_set(&node->operands[i], value);
}

void node_remove_operand(Node *node, int i)
{
    for (; i + 1 < node->operand_count; i++)
        use_set(&node->operands[i], node->operands[i + 1].value);
    use_set(&node->operands[i], NULL);
    node->operand_count--;
}

const Expr *value_symbol(const Value *value, const char *what)
{
    const Map *owners = &value->graph->model->symbol_owners;
    for (const ValueSymbol *own = value->symbols; own; own = own->next)
        if (!strcmp(own->what, what) && map_get_pointer(owners, own->symbol) == value)
            return own->symbol;
    return NULL;
}

void value_set_symbol(Value *value, const char *what, const Expr *symbol)
{
    Model *model = value->graph->model;
    ValueSymbol **own = &value->symbols;
    while (*own && strcmp((*own)->what, what))
        own = &(*own)->next;
    if (!*own) {
        *own = ARENA_NEW(model->arena, ValueSymbol);
        (*own)->what = intern(model->names, what);
    }
    (*own)->symbol = symbol;
    map_set_pointer(&model->symbol_owners, symbol, value);
}

/* Symbols that tell of the old value tell of the new one, which may have some of its own. */
static void move_symbols(Value *old_value, Value *new_value, bool keep_own)
{
    for (const ValueSymbol *own = old_value->symbols; own; own = own->next)
        if (value_symbol(old_value, own->what) && !(keep_own && value_symbol(new_value, own->what)))
            value_set_symbol(new_value, own->what, own->symbol);
}

/* What is known of the old value is known of the new one. */
static void move_facts(Value *old_value, Value *new_value)
{
    Model *model = old_value->graph->model;
    for (int64_t i = 0; i < model->binding_count; i++)
        if (model->bindings[i].value == old_value)
            model->bindings[i].value = new_value;
    if (!new_value->elements) {
        new_value->elements = old_value->elements;
        new_value->element_count = old_value->element_count;
    }
}

void node_remove_result(Node *node, int i)
{
    Value *value = node->results[i];
    assert(!value->first_use && "the removed result is used");
    value_rename(value, "");
    value->graph = NULL;
    for (; i + 1 < node->result_count; i++) {
        node->results[i] = node->results[i + 1];
        node->results[i]->index = i;
    }
    node->result_count--;
}

void value_replace_uses(Value *old_value, Value *new_value)
{
    assert(old_value->graph == new_value->graph);
    if (old_value == new_value)
        return;
    move_facts(old_value, new_value);
    move_symbols(old_value, new_value, true);
    if (!old_value->first_use)
        return;
    Use *last = NULL;
    for (Use *use = old_value->first_use; use; use = use->next) {
        use->value = new_value;
        last = use;
    }
    last->next = new_value->first_use;
    if (last->next)
        last->next->link = &last->next;
    new_value->first_use = old_value->first_use;
    new_value->first_use->link = &new_value->first_use;
    old_value->first_use = NULL;
}

void value_replace(Value *old_value, Value *new_value)
{
    const char *name = old_value->name;
    move_symbols(old_value, new_value, false);
    value_replace_uses(old_value, new_value);
    value_rename(old_value, "");
    value_rename(new_value, name);
}

void value_rename(Value *value, const char *name)
{
    Graph *graph = value->graph;
    if (value->name[0] && map_get(&graph->names, value->name) == value)
        map_set(&graph->names, value->name, NULL);
    if (!name[0]) {
        value->name = "";
        return;
    }
    value->name = graph_fresh_name(graph, name);
    map_set(&graph->names, value->name, value);
}

int value_use_count(const Value *value)
{
    int count = 0;
    FOR_EACH_USE (use, value)
        count++;
    return count;
}

bool value_is_output(const Value *value)
{
    FOR_EACH_USE (use, value)
        if (!use->user)
            return true;
    return false;
}

void graph_remove_input(Graph *graph, int i)
{
    Value *value = graph->inputs[i];
    assert(!value->first_use && "the removed input is used");
    map_set(&graph->names, value->name, NULL);
    value->graph = NULL;
    for (; i + 1 < graph->input_count; i++) {
        graph->inputs[i] = graph->inputs[i + 1];
        graph->inputs[i]->index = i;
    }
    graph->input_count--;
}

void graph_remove_output(Graph *graph, int i)
{
    for (; i + 1 < graph->output_count; i++) {
        use_set(&graph->outputs[i], graph->outputs[i + 1].value);
        graph->output_names[i] = graph->output_names[i + 1];
    }
    use_set(&graph->outputs[i], NULL);
    graph->output_count--;
}

static void place_constant(Value *value, Value **placed, int *count)
{
    if (!value || value->kind != VALUE_constant || value->index >= 0)
        return;
    value->index = *count;
    placed[(*count)++] = value;
}

int graph_order_constants(Graph *graph)
{
    int count = 0, total = graph->constant_count;
    Value **old = graph->constants;
    for (int i = 0; i < total; i++)
        old[i]->index = -1;
    graph->constants = ARENA_ARRAY(graph->model->arena, Value *, total + 1);
    graph->constant_capacity = total + 1;
    FOR_EACH_NODE (node, graph)
        for (int i = 0; i < node->operand_count; i++)
            place_constant(operand(node, i), graph->constants, &count);
    for (int i = 0; i < graph->output_count; i++)
        place_constant(graph_output(graph, i), graph->constants, &count);
    graph->constant_count = count;
    for (int i = 0; i < total; i++) {
        if (old[i]->index >= 0)
            continue;
        map_set(&graph->names, old[i]->name, NULL);
        old[i]->graph = NULL;
    }
    return total - count;
}

int node_own_constants(Node *node)
{
    int count = 0;
    for (int i = node->operand_count - node->capture_count; i < node->operand_count;) {
        const Constant *constant = operand(node, i) ? operand(node, i)->constant : NULL;
        if (!constant) {
            i++;
            continue;
        }
        for (int r = 0; r < node->region_count; r++) {
            Graph *region = node->regions[r];
            Value *input = region->inputs[region->input_count - (node->operand_count - i)];
            value_replace_uses(input, graph_add_constant(region, input->name, constant));
            graph_remove_input(region, input->index);
        }
        node_remove_operand(node, i);
        node->capture_count--;
        count++;
    }
    return count;
}
