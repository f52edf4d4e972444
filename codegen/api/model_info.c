/* SPDX-License-Identifier: Apache-2.0
 *
 * What there is to see of a model before it is compiled. All of it is taken from the document at
 * once, so that asking needs no memory and any thread may.
 */
#include "codegen/api/api.h"

#include "frontend/text/text.h"

#include <string.h>

/* ---- Ports ------------------------------------------------------------------------------- */

static const char *copy_string(Arena *arena, TnString string)
{
    return arena_string(arena, string.data, (size_t)string.length);
}

static void add_symbol(TnModel *model, TnString name)
{
    for (int i = 0; i < model->symbol_count; i++)
        if (proto_equals(name, model->symbols[i]))
            return;
    const char **symbols = ARENA_ARRAY(model->arena, const char *, model->symbol_count + 1);
    if (model->symbol_count)
        memcpy(symbols, model->symbols, (size_t)model->symbol_count * sizeof *symbols);
    symbols[model->symbol_count++] = copy_string(model->arena, name);
    model->symbols = symbols;
}

static void describe_tensor(TnModel *model, const TypeProtoTensor *type, TnPort *port,
                            bool is_input)
{
    port->kind = TN_TENSOR;
    port->element = (TnElementType)type->elem_type;
    port->rank = -1;
    if (!type->shape || type->shape->dim.count > TN_MAX_RANK)
        return;
    port->rank = (int)type->shape->dim.count;
    for (int d = 0; d < port->rank; d++) {
        const TensorShapeProtoDimension *dim = type->shape->dim.items[d];
        port->dims[d] = dim->has_dim_value ? dim->dim_value : -1;
        if (dim->dim_param.length && is_input)
            add_symbol(model, dim->dim_param);
    }
}

static TnPort describe(TnModel *model, const ValueInfoProto *proto, bool is_input)
{
    TnPort port = {.name = copy_string(model->arena, proto->name), .type = "", .rank = -1};
    if (!proto->type)
        return port;
    Text text = text_create(model->arena);
    text_write_type(proto->type, &text);
    port.type = text.data;
    if (proto->type->tensor_type)
        describe_tensor(model, proto->type->tensor_type, &port, is_input);
    else if (proto->type->sequence_type)
        port.kind = TN_SEQUENCE;
    else if (proto->type->optional_type)
        port.kind = TN_OPTIONAL;
    return port;
}

static Map names_of_defaults(Arena *arena, const GraphProto *graph)
{
    Map names = map_create(arena);
    for (int64_t i = 0; i < graph->initializer.count; i++) {
        TnString name = graph->initializer.items[i]->name;
        map_set_bytes(&names, name.data, (size_t)name.length, graph->initializer.items[i]);
    }
    for (int64_t i = 0; i < graph->sparse_initializer.count; i++) {
        const TensorProto *values = graph->sparse_initializer.items[i]->values;
        if (values)
            map_set_bytes(&names, values->name.data, (size_t)values->name.length,
                          graph->sparse_initializer.items[i]);
    }
    return names;
}

static bool is_in(const Map *names, TnString name)
{
    return map_get_bytes(names, name.data, (size_t)name.length) != NULL;
}

static void look_at_ports(TnModel *model, const GraphProto *graph)
{
    Map defaults = names_of_defaults(model->arena, graph);
    model->inputs = ARENA_ARRAY(model->arena, TnPort, graph->input.count + 1);
    model->outputs = ARENA_ARRAY(model->arena, TnPort, graph->output.count + 1);
    for (int64_t i = 0; i < graph->input.count; i++)
        if (!is_in(&defaults, graph->input.items[i]->name))
            model->inputs[model->input_count++] = describe(model, graph->input.items[i], true);
    for (int64_t i = 0; i < graph->output.count; i++)
        model->outputs[model->output_count++] = describe(model, graph->output.items[i], false);
}

/* ---- Census ------------------------------------------------------------------------------ */

static const char *operator_name(Arena *arena, const NodeProto *node)
{
    TnString domain = proto_domain(node->domain);
    return arena_format(arena, "%.*s%s%.*s", (int)domain.length, domain.data,
                        domain.length ? "." : "", (int)node->op_type.length, node->op_type.data);
}

static void count_nodes(TnModel *model, NodeProto *const *nodes, int64_t count, Map *counts)
{
    for (int64_t i = 0; i < count; i++) {
        const char *name = operator_name(model->arena, nodes[i]);
        map_set(counts, name, (void *)((intptr_t)map_get(counts, name) + 1));
        model->info.node_count++;
        for (int64_t a = 0; a < nodes[i]->attribute.count; a++) {
            const GraphProto *graph = nodes[i]->attribute.items[a]->g;
            if (graph)
                count_nodes(model, graph->node.items, graph->node.count, counts);
        }
    }
}

static void take_census(TnModel *model, const GraphProto *graph)
{
    Map counts = map_create(model->arena);
    count_nodes(model, graph->node.items, graph->node.count, &counts);
    model->operators = ARENA_ARRAY(model->arena, const char *, counts.count + 1);
    model->operator_counts = ARENA_ARRAY(model->arena, int64_t, counts.count + 1);
    for (int64_t i = 0; i < counts.count; i++) {
        model->operators[i] = counts.entries[i].key;
        model->operator_counts[i] = (intptr_t)counts.entries[i].value;
    }
    model->info.operator_count = (int)counts.count;
}

static int64_t weight_elements(const GraphProto *graph)
{
    int64_t total = 0;
    for (int64_t i = 0; i < graph->initializer.count; i++) {
        const TensorProto *tensor = graph->initializer.items[i];
        int64_t count = 1;
        for (int64_t d = 0; d < tensor->dims.count; d++)
            if (tensor->dims.items[d] < 0 ||
                __builtin_mul_overflow(count, tensor->dims.items[d], &count))
                count = 0;
        if (__builtin_add_overflow(total, count, &total))
            total = INT64_MAX;
    }
    return total;
}

void model_look(TnModel *model)
{
    const ModelProto *proto = model->document->model;
    const GraphProto *graph = proto->graph;
    TnString producer = proto->producer_name, version = proto->producer_version;
    model->input_count = model->output_count = model->symbol_count = 0;
    model->info = (TnModelInfo){
        .size = sizeof(TnModelInfo),
        .name = graph ? copy_string(model->arena, graph->name) : "",
        .producer = arena_format(model->arena, "%.*s%s%.*s", (int)producer.length, producer.data,
                                 version.length ? " " : "", (int)version.length, version.data),
        .ir_version = proto->ir_version,
        .opset = opset_imports_version(proto->opset_import.items, proto->opset_import.count,
                                       proto_string("")),
        .weight_count = graph ? graph->initializer.count : 0,
        .weight_elements = graph ? weight_elements(graph) : 0,
    };
    if (!graph)
        return;
    look_at_ports(model, graph);
    take_census(model, graph);
}

/* ---- Asking ------------------------------------------------------------------------------ */

int tn_model_input_count(const TnModel *model)
{
    return model->input_count;
}

int tn_model_output_count(const TnModel *model)
{
    return model->output_count;
}

static TnStatus give_port(const TnPort *ports, int count, int i, TnPort *port)
{
    if (i < 0 || i >= count || !port)
        return TN_BAD_ARGUMENT;
    *port = ports[i];
    return TN_OK;
}

TnStatus tn_model_input(const TnModel *model, int i, TnPort *port)
{
    return give_port(model->inputs, model->input_count, i, port);
}

TnStatus tn_model_output(const TnModel *model, int i, TnPort *port)
{
    return give_port(model->outputs, model->output_count, i, port);
}

const char *tn_model_symbol(const TnModel *model, int i)
{
    return i >= 0 && i < model->symbol_count ? model->symbols[i] : NULL;
}

TnStatus tn_model_info(const TnModel *model, TnModelInfo *info)
{
    if (!model || !info)
        return TN_BAD_ARGUMENT;
    api_give(info, &model->info, sizeof model->info);
    return TN_OK;
}

const char *tn_model_operator(const TnModel *model, int i, int64_t *count)
{
    if (i < 0 || i >= model->info.operator_count)
        return NULL;
    if (count)
        *count = model->operator_counts[i];
    return model->operators[i];
}
