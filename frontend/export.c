/* SPDX-License-Identifier: Apache-2.0
 *
 * Export. Every value gets the name that the document calls it by before its graph is written: its
 * own, unless an output asks for another or the name is taken in a graph around. The captures of a
 * region are called what they are called outside. Where ONNX wants an output to be the result of a
 * node of its own graph, an Identity is put between.
 */
#include "frontend/exporter.h"
#include "frontend/onnx/tensor.h"

#include <stdlib.h>
#include <string.h>

typedef struct Exporter {
    Arena *arena;
    const Model *model;
    ModelProto *proto;
    Diagnostics *diagnostics;
    int64_t opset;
    bool with_types, out_of_memory;
    Map function_names;
} Exporter;

/* The names of a graph and of those around it. A function's body begins anew. */
typedef struct Names {
    Map taken; /* name -> any */
    Map of;    /* Value -> name */
    Map bytes; /* data of a constant -> its Value, for regions that share it */
} Names;

/* What a graph becomes: the lists of a GraphProto or of a FunctionProto. */
typedef ARRAY(NodeProto *) NodeList;
typedef ARRAY(ValueInfoProto *) ValueInfoList;

/* ---- Names --------------------------------------------------------------------------------- */

static Names names_create(Arena *arena)
{
    return (Names){map_create(arena), map_create(arena), map_create(arena)};
}

static const char *take_name(Exporter *exporter, Names *names, const char *wanted)
{
    const char *name = wanted;
    for (int64_t number = 1; map_get(&names->taken, name); number++)
        name = arena_format(exporter->arena, "%s_%lld", wanted, (long long)number);
    map_set(&names->taken, name, exporter);
    return name;
}

static const char *name_of(const Names *names, const Value *value)
{
    return value ? map_get_pointer(&names->of, value) : "";
}

static void name_value(Exporter *exporter, Names *names, const Value *value)
{
    if (value->name[0] && !map_get_pointer(&names->of, value))
        map_set_pointer(&names->of, value, (void *)take_name(exporter, names, value->name));
}

static void name_values(Exporter *exporter, Names *names, const Graph *graph)
{
    for (int i = 0; i < graph->input_count; i++)
        name_value(exporter, names, graph->inputs[i]);
    for (int i = 0; i < graph->constant_count; i++)
        name_value(exporter, names, graph->constants[i]);
    FOR_EACH_NODE (node, graph)
        for (int i = 0; i < node->result_count; i++)
            name_value(exporter, names, node->results[i]);
}

/* ---- Values -------------------------------------------------------------------------------- */

/* Notes as the fields doc_string and metadata_props of a message. */
#define EXPORT_NOTES(exporter, proto, notes)                                                       \
    do {                                                                                           \
        const Notes *export_notes = (notes);                                                       \
        if (export_notes && export_notes->doc)                                                     \
            PROTO_SET(proto, doc_string, proto_string(export_notes->doc));                         \
        for (int i_ = 0; export_notes && i_ < export_notes->property_count; i_++)                  \
            array_push((exporter)->arena, &(proto)->metadata_props,                                \
                       export_property((exporter)->arena, &export_notes->properties[i_]));         \
    } while (0)

static StringStringEntryProto *export_property(Arena *arena, const Property *property)
{
    StringStringEntryProto *entry = MESSAGE_NEW(arena, StringStringEntryProto);
    PROTO_SET(entry, key, proto_string(property->key));
    PROTO_SET(entry, value, proto_string(property->value));
    return entry;
}

/* Whether import would call the symbol otherwise than it is called. */
static bool needs_note(Exporter *exporter, const Value *value, const char *name,
                       const ValueSymbol *own)
{
    const char *derived = arena_format(exporter->arena, "%s_%s", name, own->what);
    return value_symbol(value, own->what) == own->symbol &&
           strcmp(((const Symbol *)own->symbol->object)->name, derived) != 0;
}

/* How many elements became symbols, where no reader would make them so: -1, it need not be said. */
static int64_t noted_elements(const Value *value)
{
    int64_t count = value_bound_count(value);
    if (count < 0 || !type_is_tensor(value->type) || value->type->rank < 0)
        return -1;
    const Expr *length = type_element_count(value->graph->model->pool, value->type);
    return expr_known(length, NULL) && !value_is_assumed(value) ? -1 : count;
}

static bool has_notes(Exporter *exporter, const Value *value, const char *name)
{
    for (const ValueSymbol *own = value->symbols; own; own = own->next)
        if (needs_note(exporter, value, name, own))
            return true;
    return value->notes != NULL || noted_elements(value) >= 0;
}

/* An output may have another name than its value; symbols are noted beside the value's own. */
static ValueInfoProto *export_value_info(Exporter *exporter, const Names *names, const char *name,
                                         const Value *value)
{
    ValueInfoProto *info = MESSAGE_NEW(exporter->arena, ValueInfoProto);
    PROTO_SET(info, name, proto_string(name));
    if (value->type)
        PROTO_SET(info, type, export_type(exporter->arena, value->type));
    EXPORT_NOTES(exporter, info, value->notes);
    int64_t elements = noted_elements(value);
    if (elements >= 0 && !strcmp(name, name_of(names, value))) {
        Property note = {ELEMENTS_PROPERTY,
                         arena_format(exporter->arena, "%lld", (long long)elements)};
        array_push(exporter->arena, &info->metadata_props, export_property(exporter->arena, &note));
    }
    for (const ValueSymbol *own = value->symbols; own; own = own->next) {
        Property note = {arena_format(exporter->arena, SYMBOL_PROPERTY "%s", own->what),
                         ((const Symbol *)own->symbol->object)->name};
        if (!strcmp(name, name_of(names, value)) && needs_note(exporter, value, name, own))
            array_push(exporter->arena, &info->metadata_props,
                       export_property(exporter->arena, &note));
    }
    return info;
}

static int compare_properties(const void *left, const void *right)
{
    return strcmp(((const Property *)left)->key, ((const Property *)right)->key);
}

/* What is assumed of the graph, in the order of what it says. What nothing can check any more, or
 * would not read back, is left out. */
static void push_assumptions(Exporter *exporter, const Graph *graph, GraphProto *proto)
{
    Model *model = graph->model;
    ARRAY(Property) notes = {0};
    for (int64_t i = 0; i < model->assumption_count; i++) {
        const Assumption *assumption = &model->assumptions[i];
        if (assumption->branch != (graph->owner ? graph : NULL) ||
            !model_may_check(model, assumption->condition))
            continue;
        Text key = text_create(exporter->arena);
        text_append(&key, ASSUMPTION_PROPERTY);
        size_t prefix = key.length;
        expr_print(assumption->condition, &key);
        if (expr_parse_condition(model->pool, key.data + prefix) == assumption->condition)
            array_push(exporter->arena, &notes, ((Property){key.data, assumption->message}));
    }
    if (notes.count)
        qsort(notes.items, (size_t)notes.count, sizeof *notes.items, compare_properties);
    for (int64_t i = 0; i < notes.count; i++)
        array_push(exporter->arena, &proto->metadata_props,
                   export_property(exporter->arena, &notes.items[i]));
}

/* Of values between nodes: all of them, or those with notes. */
static ValueInfoList value_infos(Exporter *exporter, const Names *names, const Graph *graph,
                                 bool all)
{
    ValueInfoList infos = {0};
    FOR_EACH_NODE (node, graph) {
        for (int i = 0; i < node->result_count; i++) {
            const Value *value = node->results[i];
            const char *name = value->name[0] ? name_of(names, value) : "";
            bool is_wanted =
                name[0] && (all ? value->type != NULL : has_notes(exporter, value, name));
            if (is_wanted && !value_is_output(value))
                array_push(exporter->arena, &infos,
                           export_value_info(exporter, names, name, value));
        }
    }
    return infos;
}

static TensorProto *export_tensor(Exporter *exporter, const Constant *constant, const char *name)
{
    TensorProto *tensor = tensor_export(exporter->arena, constant, name);
    if (!tensor)
        exporter->out_of_memory = true;
    return tensor;
}

static NodeProto *create_node(Exporter *exporter, const char *op, const char *domain)
{
    NodeProto *node = MESSAGE_NEW(exporter->arena, NodeProto);
    PROTO_SET(node, op_type, proto_string(op));
    if (domain[0])
        PROTO_SET(node, domain, proto_string(domain));
    return node;
}

static void add_identity(Exporter *exporter, NodeList *nodes, const char *from, const char *to)
{
    NodeProto *node = create_node(exporter, "Identity", "");
    array_push(exporter->arena, &node->input, proto_string(from));
    array_push(exporter->arena, &node->output, proto_string(to));
    array_push(exporter->arena, nodes, node);
}

static void add_constant_node(Exporter *exporter, NodeList *nodes, const Constant *constant,
                              const char *name)
{
    NodeProto *node = create_node(exporter, "Constant", "");
    AttributeProto *attribute = MESSAGE_NEW(exporter->arena, AttributeProto);
    PROTO_SET(attribute, name, proto_string("value"));
    PROTO_SET(attribute, type, PROTO_ATTRIBUTE_TENSOR);
    PROTO_SET(attribute, t, export_tensor(exporter, constant, NULL));
    array_push(exporter->arena, &node->attribute, attribute);
    array_push(exporter->arena, &node->output, proto_string(name));
    array_push(exporter->arena, nodes, node);
}

/* ---- Nodes --------------------------------------------------------------------------------- */

static void export_nodes(Exporter *exporter, Names *names, const Graph *graph, NodeList *nodes);
static GraphProto *export_region(Exporter *exporter, Names *names, const Node *node, int region);
static void add_function(Exporter *exporter, const Node *node, const char *name);

static void push_operands(Exporter *exporter, const Names *names, const Node *node,
                          NodeProto *proto)
{
    int count = node->operand_count - node->capture_count;
    while (count > 0 && !operand(node, count - 1))
        count--;
    for (int i = 0; i < count; i++)
        if (!export_is_moved(node, i, exporter->opset))
            array_push(exporter->arena, &proto->input,
                       proto_string(name_of(names, operand(node, i))));
    while (proto->input.count && !proto->input.items[proto->input.count - 1].length)
        proto->input.count--;
}

static void push_results(Exporter *exporter, const Names *names, const Node *node, NodeProto *proto)
{
    int count = node->result_count;
    while (count > 1 && !node->results[count - 1]->name[0])
        count--;
    for (int i = 0; i < count; i++) {
        const Value *value = node->results[i];
        array_push(exporter->arena, &proto->output,
                   proto_string(value->name[0] ? name_of(names, value) : ""));
    }
}

static void push_attributes(Exporter *exporter, Names *names, const Node *node, NodeProto *proto)
{
    const OpDef *op = node->op;
    for (int i = 0; i < op->attribute_count; i++) {
        const AttributeDef *def = &op->attributes[i];
        if (export_is_default(node, def, exporter->opset))
            continue;
        AttributeProto *attribute = export_attribute(exporter->arena, def, node->attributes);
        if (!attribute) {
            exporter->out_of_memory = true;
            return;
        }
        if (def->kind == ATTRIBUTE_graph)
            PROTO_SET(attribute, g, export_region(exporter, names, node, (int)def->default_int));
        array_push(exporter->arena, &proto->attribute, attribute);
    }
}

static const char *function_name(Exporter *exporter, const Node *node)
{
    const char *wanted = node->regions[0]->name;
    const char *name = wanted && wanted[0] ? wanted : "group";
    for (int64_t number = 1; map_get(&exporter->function_names, name); number++)
        name = arena_format(exporter->arena, "%s_%lld", wanted, (long long)number);
    map_set(&exporter->function_names, name, exporter);
    return name;
}

static void export_node(Exporter *exporter, Names *names, const Node *node, NodeList *nodes)
{
    bool is_group = node->op->control == CONTROL_group;
    const char *op = is_group ? function_name(exporter, node) : node->op->name;
    NodeProto *proto = create_node(exporter, op, node->op->domain);
    if (node->name)
        PROTO_SET(proto, name, proto_string(node->name));
    EXPORT_NOTES(exporter, proto, node->notes);
    push_operands(exporter, names, node, proto);
    push_results(exporter, names, node, proto);
    if (is_group)
        add_function(exporter, node, op);
    else
        push_attributes(exporter, names, node, proto);
    GraphProto before = {0};
    if (!export_older_form(exporter->arena, node, exporter->opset, proto, &before))
        exporter->out_of_memory = true;
    for (int64_t i = 0; i < before.node.count; i++) {
        TnString *made = &before.node.items[i]->output.items[0];
        const char *name = take_name(exporter, names, made->data);
        for (int64_t j = 0; j < proto->input.count; j++)
            if (proto_equals(proto->input.items[j], made->data))
                proto->input.items[j] = proto_string(name);
        *made = proto_string(name);
        array_push(exporter->arena, nodes, before.node.items[i]);
    }
    array_push(exporter->arena, nodes, proto);
}

static void export_nodes(Exporter *exporter, Names *names, const Graph *graph, NodeList *nodes)
{
    FOR_EACH_NODE (node, graph)
        export_node(exporter, names, node, nodes);
}

/* ---- Regions ------------------------------------------------------------------------------- */

/* Not if all that use it have an attribute in its place. */
static bool is_operand(const Exporter *exporter, const Value *constant)
{
    FOR_EACH_USE (use, constant)
        if (!use->user || !export_is_moved(use->user, use->index, exporter->opset))
            return true;
    return false;
}

/* An outer constant of the same bytes, which a region can refer to. */
static const Value *shared_constant(const Exporter *exporter, const Names *names,
                                    const Constant *constant)
{
    const Value *outer = map_get_pointer(&names->bytes, constant->data);
    bool is_used = outer && is_operand(exporter, outer); /* else import would not keep it outside */
    return is_used && constant->count && constant_equal(outer->constant, constant) ? outer : NULL;
}

static void note_constant(Map *order, const Value *value)
{
    if (value && value->kind == VALUE_constant && !map_get_pointer(order, value))
        map_set_pointer(order, value, (void *)value);
}

/* In order of first use, which is the order in which import makes them. */
static Map constants_in_order(Arena *arena, const Graph *graph)
{
    Map order = map_create(arena);
    FOR_EACH_NODE (node, graph)
        for (int i = 0; i < node->operand_count; i++)
            note_constant(&order, operand(node, i));
    for (int i = 0; i < graph->output_count; i++)
        note_constant(&order, graph_output(graph, i));
    for (int i = 0; i < graph->constant_count; i++)
        note_constant(&order, graph->constants[i]);
    return order;
}

static void push_initializers(Exporter *exporter, Names *names, const Graph *graph,
                              GraphProto *proto)
{
    Map order = constants_in_order(exporter->arena, graph);
    for (int64_t i = 0; i < order.count; i++) {
        const Value *value = order.entries[i].value;
        const Value *outer =
            graph->owner ? shared_constant(exporter, names, value->constant) : NULL;
        if (outer) {
            map_set_pointer(&names->of, value, (void *)name_of(names, outer));
            continue;
        }
        if (value->first_use && !is_operand(exporter, value))
            continue;
        TensorProto *tensor = export_tensor(exporter, value->constant, name_of(names, value));
        if (tensor)
            EXPORT_NOTES(exporter, tensor, value->notes);
        array_push(exporter->arena, &proto->initializer, tensor);
    }
}

/* Outputs of a body: made, or given, inside, each at most once. Inputs from `captured` on are not.
 */
static const char **output_names(Exporter *exporter, Names *names, const Graph *graph, int captured,
                                 NodeList *nodes)
{
    Map seen = map_create(exporter->arena);
    const char **outputs = ARENA_ARRAY(exporter->arena, const char *, graph->output_count + 1);
    for (int i = 0; i < graph->output_count; i++) {
        const Value *value = graph_output(graph, i);
        outputs[i] = name_of(names, value);
        bool is_inside =
            value->kind == VALUE_result || (value->kind == VALUE_input && value->index < captured);
        if (!is_inside || map_get_pointer(&seen, value)) {
            const char *name = take_name(exporter, names, value->name);
            add_identity(exporter, nodes, outputs[i], name);
            outputs[i] = name;
        }
        map_set_pointer(&seen, value, exporter);
    }
    return outputs;
}

static GraphProto *export_region(Exporter *exporter, Names *names, const Node *node, int region)
{
    const Graph *graph = node->regions[region];
    GraphProto *proto = MESSAGE_NEW(exporter->arena, GraphProto);
    NodeList nodes = {0};
    int formal = graph->input_count - node->capture_count;
    PROTO_SET(proto, name, proto_string(graph->name));
    EXPORT_NOTES(exporter, proto, graph->notes);
    push_assumptions(exporter, graph, proto);
    for (int i = formal; i < graph->input_count; i++) {
        const Value *outer = operand(node, node->operand_count - graph->input_count + i);
        map_set_pointer(&names->of, graph->inputs[i], (void *)name_of(names, outer));
    }
    name_values(exporter, names, graph);
    push_initializers(exporter, names, graph, proto);
    for (int i = 0; i < formal; i++) {
        const Value *input = graph->inputs[i];
        array_push(exporter->arena, &proto->input,
                   export_value_info(exporter, names, name_of(names, input), input));
    }
    export_nodes(exporter, names, graph, &nodes);
    const char **outputs = output_names(exporter, names, graph, formal, &nodes);
    for (int i = 0; i < graph->output_count; i++)
        array_push(exporter->arena, &proto->output,
                   export_value_info(exporter, names, outputs[i], graph_output(graph, i)));
    ValueInfoList infos = value_infos(exporter, names, graph, false);
    memcpy(&proto->value_info, &infos, sizeof infos);
    memcpy(&proto->node, &nodes, sizeof nodes);
    return proto;
}

/* ---- Groups -------------------------------------------------------------------------------- */

static void push_opset(Exporter *exporter, FunctionProto *function, const char *domain,
                       int64_t version)
{
    OperatorSetIdProto *import = MESSAGE_NEW(exporter->arena, OperatorSetIdProto);
    PROTO_SET(import, domain, proto_string(domain));
    PROTO_SET(import, version, version);
    array_push(exporter->arena, &function->opset_import, import);
}

/* Other domains than ai.onnx that nodes of a graph and its regions use, with their versions. */
static void find_domains(const Graph *graph, Map *domains)
{
    FOR_EACH_NODE (node, graph) {
        const OpDef *op = node->op;
        if (op->domain[0]) {
            intptr_t version = (intptr_t)map_get(domains, op->domain);
            if (op->since > version)
                map_set(domains, op->domain, (void *)(intptr_t)op->since);
        }
        for (int i = 0; i < node->region_count; i++)
            find_domains(node->regions[i], domains);
    }
}

static void add_function(Exporter *exporter, const Node *node, const char *name)
{
    const Graph *graph = node->regions[0];
    FunctionProto *function = MESSAGE_NEW(exporter->arena, FunctionProto);
    Names names = names_create(exporter->arena);
    Map domains = map_create(exporter->arena);
    NodeList nodes = {0};
    PROTO_SET(function, name, proto_string(name));
    PROTO_SET(function, domain, proto_string("tenon"));
    EXPORT_NOTES(exporter, function, graph->notes);
    push_opset(exporter, function, "", exporter->opset);
    find_domains(graph, &domains);
    for (int64_t i = 0; i < domains.count; i++)
        push_opset(exporter, function, domains.entries[i].key, (intptr_t)domains.entries[i].value);
    name_values(exporter, &names, graph);
    for (int i = 0; i < graph->input_count; i++)
        array_push(exporter->arena, &function->input,
                   proto_string(name_of(&names, graph->inputs[i])));
    Map constants = constants_in_order(exporter->arena, graph);
    for (int64_t i = 0; i < constants.count; i++) {
        const Value *value = constants.entries[i].value;
        if (value->first_use && !is_operand(exporter, value))
            continue;
        add_constant_node(exporter, &nodes, value->constant, name_of(&names, value));
    }
    export_nodes(exporter, &names, graph, &nodes);
    const char **outputs = output_names(exporter, &names, graph, 0, &nodes);
    for (int i = 0; i < graph->output_count; i++)
        array_push(exporter->arena, &function->output, proto_string(outputs[i]));
    ValueInfoList infos = value_infos(exporter, &names, graph, false);
    memcpy(&function->value_info, &infos, sizeof infos);
    memcpy(&function->node, &nodes, sizeof nodes);
    array_push(exporter->arena, &exporter->proto->functions, function);
}

/* ---- The model ----------------------------------------------------------------------------- */

/* An output's name belongs to the value that leaves there, if that is a node's result and has no
 * such name yet; all output names are taken before others. */
static void name_outputs(Exporter *exporter, Names *names, const Graph *graph)
{
    for (int i = 0; i < graph->input_count; i++)
        name_value(exporter, names, graph->inputs[i]);
    for (int i = 0; i < graph->output_count; i++) {
        const Value *value = graph_output(graph, i);
        if (map_get(&names->taken, graph->output_names[i]))
            continue;
        map_set(&names->taken, graph->output_names[i], exporter);
        if (value->kind == VALUE_result && !map_get_pointer(&names->of, value))
            map_set_pointer(&names->of, value, (void *)graph->output_names[i]);
    }
}

static GraphProto *export_main_graph(Exporter *exporter)
{
    const Graph *graph = exporter->model->graph;
    GraphProto *proto = MESSAGE_NEW(exporter->arena, GraphProto);
    Names names = names_create(exporter->arena);
    NodeList nodes = {0};
    PROTO_SET(proto, name, proto_string(graph->name));
    EXPORT_NOTES(exporter, proto, graph->notes);
    push_assumptions(exporter, graph, proto);
    name_outputs(exporter, &names, graph);
    name_values(exporter, &names, graph);
    for (int i = 0; i < graph->constant_count; i++)
        map_set_pointer(&names.bytes, graph->constants[i]->constant->data, graph->constants[i]);
    push_initializers(exporter, &names, graph, proto);
    for (int i = 0; i < graph->input_count; i++)
        array_push(exporter->arena, &proto->input,
                   export_value_info(exporter, &names, name_of(&names, graph->inputs[i]),
                                     graph->inputs[i]));
    export_nodes(exporter, &names, graph, &nodes);
    for (int i = 0; i < graph->output_count; i++) {
        const Value *value = graph_output(graph, i);
        const char *name = graph->output_names[i];
        if (strcmp(name, name_of(&names, value)))
            add_identity(exporter, &nodes, name_of(&names, value), name);
        array_push(exporter->arena, &proto->output,
                   export_value_info(exporter, &names, name, value));
    }
    memcpy(&proto->node, &nodes, sizeof nodes);
    ValueInfoList infos = value_infos(exporter, &names, graph, exporter->with_types);
    memcpy(&proto->value_info, &infos, sizeof infos);
    return proto;
}

static void push_import(Exporter *exporter, const char *domain, int64_t version)
{
    OperatorSetIdProto *import = MESSAGE_NEW(exporter->arena, OperatorSetIdProto);
    PROTO_SET(import, domain, proto_string(domain));
    PROTO_SET(import, version, version);
    array_push(exporter->arena, &exporter->proto->opset_import, import);
}

static void export_facts(Exporter *exporter)
{
    const Model *model = exporter->model;
    ModelProto *proto = exporter->proto;
    Map domains = map_create(exporter->arena);
    find_domains(model->graph, &domains);
    push_import(exporter, "", exporter->opset);
    for (int64_t i = 0; i < domains.count; i++)
        push_import(exporter, domains.entries[i].key, (intptr_t)domains.entries[i].value);
    PROTO_SET(proto, producer_name,
              proto_string(model->producer_name ? model->producer_name : "tenon"));
    if (model->producer_version)
        PROTO_SET(proto, producer_version, proto_string(model->producer_version));
    if (model->domain)
        PROTO_SET(proto, domain, proto_string(model->domain));
    if (model->model_version)
        PROTO_SET(proto, model_version, model->model_version);
    EXPORT_NOTES(exporter, proto, model->notes);
}

Document *model_export(Arena *arena, const Model *model, const ExportOptions *options,
                       Diagnostics *diagnostics)
{
    static const ExportOptions defaults = {0};
    if (!options)
        options = &defaults;
    Exporter exporter = {
        .arena = arena,
        .model = model,
        .proto = MESSAGE_NEW(arena, ModelProto),
        .diagnostics = diagnostics,
        .opset = export_opset(model, options, diagnostics),
        .with_types = !options->without_types,
        .function_names = map_create(arena),
    };
    if (!exporter.opset)
        return NULL;
    export_facts(&exporter);
    PROTO_SET(exporter.proto, graph, export_main_graph(&exporter));
    PROTO_SET(exporter.proto, ir_version,
              export_ir_version(exporter.opset, exporter.proto->functions.count > 0));
    if (exporter.out_of_memory) {
        no_memory_at(diagnostics, (Location){0}, "the tensors of the model");
        return NULL;
    }
    Document *document = ARENA_NEW(arena, Document);
    document->model = exporter.proto;
    return document;
}
