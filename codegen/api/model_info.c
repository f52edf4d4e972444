/* SPDX-License-Identifier: Apache-2.0
 *
 * What there is to see of a model before it is compiled. All of it is taken from the document at
 * once, when somebody first asks after a change; any thread may.
 */
#include "codegen/api/api.h"

#include "frontend/text/text.h"

#include <stdlib.h>
#include <string.h>

/* Made from a document, in an arena of its own. */
struct Sight {
    Boundary boundary;
    Arena *arena;
    TnModelInfo info;
    int input_count, output_count, symbol_count;
    TnPort *inputs, *outputs;
    const char **symbols;
    const char **operators;
    int64_t *operator_counts;
};

/* ---- Ports ------------------------------------------------------------------------------- */

static const char *copy_string(Arena *arena, TnString string)
{
    return arena_string(arena, string.data, (size_t)string.length);
}

static void add_symbol(Sight *sight, TnString name)
{
    for (int i = 0; i < sight->symbol_count; i++)
        if (proto_equals(name, sight->symbols[i]))
            return;
    const char **symbols = ARENA_ARRAY(sight->arena, const char *, sight->symbol_count + 1);
    if (sight->symbol_count)
        memcpy(symbols, sight->symbols, (size_t)sight->symbol_count * sizeof *symbols);
    symbols[sight->symbol_count++] = copy_string(sight->arena, name);
    sight->symbols = symbols;
}

static void describe_tensor(Sight *sight, const TypeProtoTensor *type, TnPort *port, bool is_input)
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
            add_symbol(sight, dim->dim_param);
    }
}

static TnPort describe(Sight *sight, const ValueInfoProto *proto, bool is_input)
{
    TnPort port = {.name = copy_string(sight->arena, proto->name), .type = "", .rank = -1};
    if (!proto->type)
        return port;
    Text text = text_create(sight->arena);
    text_write_type(proto->type, &text);
    port.type = text.data;
    if (proto->type->tensor_type)
        describe_tensor(sight, proto->type->tensor_type, &port, is_input);
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

static void look_at_ports(Sight *sight, const GraphProto *graph)
{
    Map defaults = names_of_defaults(sight->arena, graph);
    sight->inputs = ARENA_ARRAY(sight->arena, TnPort, graph->input.count + 1);
    sight->outputs = ARENA_ARRAY(sight->arena, TnPort, graph->output.count + 1);
    for (int64_t i = 0; i < graph->input.count; i++)
        if (!is_in(&defaults, graph->input.items[i]->name))
            sight->inputs[sight->input_count++] = describe(sight, graph->input.items[i], true);
    for (int64_t i = 0; i < graph->output.count; i++)
        sight->outputs[sight->output_count++] = describe(sight, graph->output.items[i], false);
}

/* ---- Census ------------------------------------------------------------------------------ */

static const char *operator_name(Arena *arena, const NodeProto *node)
{
    TnString domain = proto_domain(node->domain);
    return arena_format(arena, "%.*s%s%.*s", (int)domain.length, domain.data,
                        domain.length ? "." : "", (int)node->op_type.length, node->op_type.data);
}

static void count_nodes(Sight *sight, NodeProto *const *nodes, int64_t count, Map *counts)
{
    for (int64_t i = 0; i < count; i++) {
        const char *name = operator_name(sight->arena, nodes[i]);
        map_set(counts, name, (void *)((intptr_t)map_get(counts, name) + 1));
        sight->info.node_count++;
        for (int64_t a = 0; a < nodes[i]->attribute.count; a++) {
            const GraphProto *graph = nodes[i]->attribute.items[a]->g;
            if (graph)
                count_nodes(sight, graph->node.items, graph->node.count, counts);
        }
    }
}

static void take_census(Sight *sight, const GraphProto *graph)
{
    Map counts = map_create(sight->arena);
    count_nodes(sight, graph->node.items, graph->node.count, &counts);
    sight->operators = ARENA_ARRAY(sight->arena, const char *, counts.count + 1);
    sight->operator_counts = ARENA_ARRAY(sight->arena, int64_t, counts.count + 1);
    for (int64_t i = 0; i < counts.count; i++) {
        sight->operators[i] = counts.entries[i].key;
        sight->operator_counts[i] = (intptr_t)counts.entries[i].value;
    }
    sight->info.operator_count = (int)counts.count;
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

static void look(Sight *sight, const ModelProto *proto)
{
    const GraphProto *graph = proto->graph;
    TnString producer = proto->producer_name, version = proto->producer_version;
    sight->info = (TnModelInfo){
        .size = sizeof(TnModelInfo),
        .name = graph ? copy_string(sight->arena, graph->name) : "",
        .producer = arena_format(sight->arena, "%.*s%s%.*s", (int)producer.length, producer.data,
                                 version.length ? " " : "", (int)version.length, version.data),
        .ir_version = proto->ir_version,
        .opset = opset_imports_version(proto->opset_import.items, proto->opset_import.count,
                                       proto_string("")),
        .weight_count = graph ? graph->initializer.count : 0,
        .weight_elements = graph ? weight_elements(graph) : 0,
    };
    if (!graph)
        return;
    look_at_ports(sight, graph);
    take_census(sight, graph);
}

/* ---- Asking ------------------------------------------------------------------------------ */

static const Sight nothing = {.info = {.name = "", .producer = ""}};

void sight_destroy(Sight *sight)
{
    if (!sight)
        return;
    arena_destroy(sight->arena);
    free(sight);
}

static void look_again(TnModel *model)
{
    Sight *sight = calloc(1, sizeof *sight);
    if (!sight)
        return;
    sight->arena = arena_create_for(&sight->boundary, &model->allocator, NULL);
    if (!sight->arena || setjmp(sight->boundary.jump)) {
        sight_destroy(sight);
        return;
    }
    look(sight, model->document->model);
    sight_destroy(model->sight);
    model->sight = sight;
    atomic_store(&model->stale, false);
}

/* The model as it is now; without memory there is nothing to see. */
static const Sight *seen(const TnModel *given)
{
    TnModel *model = (TnModel *)given;
    if (!model)
        return &nothing;
    if (atomic_load(&model->stale)) {
        pthread_mutex_lock(&model->looking);
        if (atomic_load(&model->stale))
            look_again(model);
        pthread_mutex_unlock(&model->looking);
    }
    return atomic_load(&model->stale) ? &nothing : model->sight;
}

int tn_model_input_count(const TnModel *model)
{
    return seen(model)->input_count;
}

int tn_model_output_count(const TnModel *model)
{
    return seen(model)->output_count;
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
    const Sight *sight = seen(model);
    return give_port(sight->inputs, sight->input_count, i, port);
}

TnStatus tn_model_output(const TnModel *model, int i, TnPort *port)
{
    const Sight *sight = seen(model);
    return give_port(sight->outputs, sight->output_count, i, port);
}

const char *tn_model_symbol(const TnModel *model, int i)
{
    const Sight *sight = seen(model);
    return i >= 0 && i < sight->symbol_count ? sight->symbols[i] : NULL;
}

TnStatus tn_model_info(const TnModel *model, TnModelInfo *info)
{
    if (!model || !info)
        return TN_BAD_ARGUMENT;
    api_give(info, &seen(model)->info, sizeof(TnModelInfo));
    return TN_OK;
}

const char *tn_model_operator(const TnModel *model, int i, int64_t *count)
{
    const Sight *sight = seen(model);
    if (i < 0 || i >= sight->info.operator_count)
        return NULL;
    if (count)
        *count = sight->operator_counts[i];
    return sight->operators[i];
}
