/* SPDX-License-Identifier: Apache-2.0
 *
 * Names are kept in a table for each graph, which is made when the graph is first edited. A name
 * maps to what makes it: the ValueInfoProto of an input, the TensorProto of a constant, the
 * NodeProto of a node's output.
 */
#include "frontend/draft.h"

#include "frontend/exporter.h"
#include "frontend/importer.h"
#include "frontend/onnx/tensor.h"
#include "frontend/opset/upgrade.h"
#include "frontend/text/text.h"
#include "runtime/element.h"
#include "runtime/strings.h"

#include <string.h>

/* ---- Making and finding ------------------------------------------------------------------ */

static const char *keep(Draft *draft, const char *text)
{
    return arena_string(draft->arena, text, strlen(text));
}

static TnString keep_string(Draft *draft, const char *text)
{
    return proto_string(keep(draft, text));
}

Draft *draft_open(Arena *arena, Document *document, Diagnostics *diagnostics)
{
    Draft *draft = ARENA_NEW(arena, Draft);
    *draft = (Draft){.arena = arena,
                     .document = document,
                     .diagnostics = diagnostics,
                     .graphs = map_create(arena),
                     .nodes = map_create(arena)};
    return draft;
}

Document *draft_new_document(Arena *arena, const char *name)
{
    Document *document = ARENA_NEW(arena, Document);
    ModelProto *model = MESSAGE_NEW(arena, ModelProto);
    GraphProto *graph = MESSAGE_NEW(arena, GraphProto);
    OperatorSetIdProto *import = MESSAGE_NEW(arena, OperatorSetIdProto);
    PROTO_SET(import, domain, proto_string(""));
    PROTO_SET(import, version, NEWEST_OPSET);
    PROTO_SET(graph, name, proto_string(arena_string(arena, name, strlen(name))));
    PROTO_SET(model, ir_version, export_ir_version(NEWEST_OPSET, false));
    PROTO_SET(model, producer_name, proto_string("tenon"));
    PROTO_SET(model, graph, graph);
    array_push(arena, &model->opset_import, import);
    document->model = model;
    return document;
}

static void note_name(DraftGraph *graph, TnString name, void *maker)
{
    if (name.length)
        map_set_bytes(&graph->names, name.data, (size_t)name.length, maker);
}

static void free_name(DraftGraph *graph, TnString name)
{
    if (name.length && map_get_bytes(&graph->names, name.data, (size_t)name.length))
        map_set_bytes(&graph->names, name.data, (size_t)name.length, NULL);
}

DraftGraph *draft_graph(Draft *draft, GraphProto *proto, DraftGraph *outer)
{
    DraftGraph *graph = map_get_pointer(&draft->graphs, proto);
    if (graph)
        return graph;
    graph = ARENA_NEW(draft->arena, DraftGraph);
    *graph = (DraftGraph){draft, proto, outer, map_create(draft->arena)};
    for (int64_t i = 0; i < proto->input.count; i++)
        note_name(graph, proto->input.items[i]->name, proto->input.items[i]);
    for (int64_t i = 0; i < proto->initializer.count; i++)
        note_name(graph, proto->initializer.items[i]->name, proto->initializer.items[i]);
    for (int64_t i = 0; i < proto->sparse_initializer.count; i++)
        if (proto->sparse_initializer.items[i]->values)
            note_name(graph, proto->sparse_initializer.items[i]->values->name,
                      proto->sparse_initializer.items[i]);
    for (int64_t i = 0; i < proto->node.count; i++)
        for (int64_t k = 0; k < proto->node.items[i]->output.count; k++)
            note_name(graph, proto->node.items[i]->output.items[k], proto->node.items[i]);
    map_set_pointer(&draft->graphs, proto, graph);
    return graph;
}

DraftNode *draft_node(DraftGraph *graph, NodeProto *proto)
{
    DraftNode *node = map_get_pointer(&graph->draft->nodes, proto);
    if (node)
        return node;
    node = ARENA_NEW(graph->draft->arena, DraftNode);
    *node = (DraftNode){graph, proto};
    map_set_pointer(&graph->draft->nodes, proto, node);
    return node;
}

static void *maker_of(const DraftGraph *graph, TnString name)
{
    return map_get_bytes(&graph->names, name.data, (size_t)name.length);
}

static bool is_visible(const DraftGraph *graph, TnString name)
{
    for (; graph; graph = graph->outer)
        if (maker_of(graph, name))
            return true;
    return false;
}

/* ---- Errors ------------------------------------------------------------------------------ */

#define FAIL(draft, name, ...)                                                                     \
    error_at((draft)->diagnostics, (Location){.node = (name)}, __VA_ARGS__)

/* What messages call a node: its name, or that of its first output. */
static const char *label(Draft *draft, const NodeProto *node)
{
    TnString name = node->name;
    if (!name.length && node->output.count)
        name = node->output.items[0];
    return arena_string(draft->arena, name.data ? name.data : "", (size_t)name.length);
}

static bool check_new_name(DraftGraph *graph, const char *name)
{
    if (!name || !*name)
        return FAIL(graph->draft, NULL, "a value needs a name");
    if (is_visible(graph, proto_string(name)))
        return FAIL(graph->draft, NULL, "'%s' is there already; a name may be given once", name);
    return true;
}

/* Snippets have places of their own, which mean nothing in the document. */
static void forget_places(MessageKind kind, void *message)
{
    const MessageDef *def = &message_defs[kind];
    Message *base = message;
    base->begin = base->end = 0;
    for (int i = 0; i < def->field_count; i++) {
        const FieldDef *field = &def->fields[i];
        if (field->kind != FIELD_message)
            continue;
        char *at = (char *)message + field->offset;
        if (!field->has_offset) {
            ARRAY(void *) *list = (void *)at;
            for (int64_t k = 0; k < list->count; k++)
                forget_places(field->message, list->items[k]);
        } else if (*(void **)at) {
            forget_places(field->message, *(void **)at);
        }
    }
}

static Source *snippet(Draft *draft, const char *name, const char *text)
{
    Source *source = ARENA_NEW(draft->arena, Source);
    *source = (Source){.name = name, .data = keep(draft, text), .length = strlen(text)};
    return source;
}

/* ---- The model --------------------------------------------------------------------------- */

static OperatorSetIdProto *find_import(Draft *draft, TnString domain)
{
    ModelProto *model = draft->document->model;
    for (int64_t i = 0; i < model->opset_import.count; i++) {
        TnString own = proto_domain(model->opset_import.items[i]->domain);
        if (own.length == domain.length &&
            (!own.length || !memcmp(own.data, domain.data, (size_t)own.length)))
            return model->opset_import.items[i];
    }
    return NULL;
}

static OperatorSetIdProto *add_import(Draft *draft, TnString domain, int64_t version)
{
    OperatorSetIdProto *import = MESSAGE_NEW(draft->arena, OperatorSetIdProto);
    PROTO_SET(import, domain, domain);
    PROTO_SET(import, version, version);
    array_push(draft->arena, &draft->document->model->opset_import, import);
    return import;
}

bool draft_set_opset(Draft *draft, const char *domain, int64_t version)
{
    TnString own = proto_domain(keep_string(draft, domain));
    if (version < 1 || (!own.length && version > NEWEST_OPSET))
        return FAIL(draft, NULL, "version %lld of the operator set '%s'; the newest known is %d",
                    (long long)version, domain, NEWEST_OPSET);
    OperatorSetIdProto *import = find_import(draft, own);
    if (!import)
        import = add_import(draft, own, version);
    PROTO_SET(import, version, version);
    ModelProto *model = draft->document->model;
    if (!own.length)
        PROTO_SET(model, ir_version, export_ir_version(version, model->functions.count > 0));
    return true;
}

static bool is_function(const FunctionProto *function, TnString domain, TnString name)
{
    return string_equal(proto_domain(function->domain), proto_domain(domain)) &&
           string_equal(function->name, name);
}

static bool has_function(const Draft *draft, TnString domain, TnString name)
{
    const ModelProto *model = draft->document->model;
    for (int64_t i = 0; i < model->functions.count; i++)
        if (is_function(model->functions.items[i], domain, name))
            return true;
    return false;
}

bool draft_add_function(Draft *draft, const char *text)
{
    FunctionProto *function =
        text_parse_function(draft->arena, snippet(draft, "<function>", text), draft->diagnostics);
    if (!function)
        return false;
    if (!function->name.length)
        return FAIL(draft, NULL, "a function without name");
    if (document_find_operator(draft->document, function->domain, function->name))
        return FAIL(draft, NULL, "'%.*s' is an operator", (int)function->name.length,
                    function->name.data);
    if (has_function(draft, function->domain, function->name))
        return FAIL(draft, NULL, "the function '%.*s' is there already", (int)function->name.length,
                    function->name.data);
    forget_places(MESSAGE_FunctionProto, function);
    ModelProto *model = draft->document->model;
    array_push(draft->arena, &model->functions, function);
    if (!find_import(draft, proto_domain(function->domain)))
        add_import(draft, proto_domain(function->domain), 1);
    int64_t least =
        export_ir_version(opset_imports_version(model->opset_import.items,
                                                model->opset_import.count, proto_string("")),
                          true);
    if (model->ir_version < least)
        PROTO_SET(model, ir_version, least);
    return true;
}

bool draft_add_operator(Draft *draft, const OpDef *op)
{
    TnString domain = proto_string(op->domain), name = proto_string(op->name);
    if (document_find_operator(draft->document, domain, name))
        return FAIL(draft, NULL, "the operator '%s%s%s' is there already", op->domain,
                    *op->domain ? "." : "", op->name);
    if (has_function(draft, domain, name))
        return FAIL(draft, NULL, "'%s%s%s' is a function of the model", op->domain,
                    *op->domain ? "." : "", op->name);
    OperatorSetIdProto *import = find_import(draft, proto_domain(domain));
    if (import && import->version < op->since)
        return FAIL(draft, NULL,
                    "the operator '%s' is there since version %d of '%s', and the model imports "
                    "version %lld",
                    op->name, op->since, op->domain, (long long)import->version);
    if (!import)
        add_import(draft, proto_domain(domain), op->since);
    array_push(draft->arena, &draft->document->operators, op);
    return true;
}

/* ---- Inputs, outputs, constants ---------------------------------------------------------- */

static ValueInfoProto *make_value(Draft *draft, const char *name, const char *type)
{
    ValueInfoProto *value = MESSAGE_NEW(draft->arena, ValueInfoProto);
    PROTO_SET(value, name, keep_string(draft, name));
    if (!type)
        return value;
    const char *what = arena_format(draft->arena, "<type of '%s'>", name);
    TypeProto *proto =
        text_parse_type(draft->arena, snippet(draft, what, type), draft->diagnostics);
    if (!proto)
        return NULL;
    forget_places(MESSAGE_TypeProto, proto);
    PROTO_SET(value, type, proto);
    return value;
}

bool draft_add_input(DraftGraph *graph, const char *name, const char *type)
{
    Draft *draft = graph->draft;
    if (!check_new_name(graph, name))
        return false;
    if (!type)
        return FAIL(draft, NULL, "input '%s' needs a type", name);
    ValueInfoProto *value = make_value(draft, name, type);
    if (!value)
        return false;
    array_push(draft->arena, &graph->proto->input, value);
    note_name(graph, value->name, value);
    return true;
}

static int64_t find_value(ValueInfoProto *const *items, int64_t count, const char *name)
{
    for (int64_t i = 0; i < count; i++)
        if (proto_equals(items[i]->name, name))
            return i;
    return -1;
}

bool draft_add_output(DraftGraph *graph, const char *name, const char *type)
{
    Draft *draft = graph->draft;
    if (!name || !maker_of(graph, proto_string(name)))
        return FAIL(draft, NULL, "output '%s': nothing makes a value of that name",
                    name ? name : "");
    if (find_value(graph->proto->output.items, graph->proto->output.count, name) >= 0)
        return FAIL(draft, NULL, "'%s' is an output already", name);
    ValueInfoProto *value = make_value(draft, name, type);
    if (!value)
        return false;
    array_push(draft->arena, &graph->proto->output, value);
    return true;
}

static void remove_at(void *items, int64_t *count, int64_t i)
{
    void **pointers = items;
    memmove(pointers + i, pointers + i + 1, (size_t)(*count - i - 1) * sizeof *pointers);
    --*count;
}

static bool reads(const GraphProto *graph, const char *name, const NodeProto **reader);

static bool node_reads(const NodeProto *node, const char *name)
{
    for (int64_t i = 0; i < node->input.count; i++)
        if (proto_equals(node->input.items[i], name))
            return true;
    const NodeProto *inner;
    for (int64_t a = 0; a < node->attribute.count; a++)
        if (node->attribute.items[a]->g && reads(node->attribute.items[a]->g, name, &inner))
            return true;
    return false;
}

/* Whether a node, or a body's output, reads the name. */
static bool reads(const GraphProto *graph, const char *name, const NodeProto **reader)
{
    for (int64_t i = 0; i < graph->node.count; i++)
        if (node_reads(graph->node.items[i], name)) {
            *reader = graph->node.items[i];
            return true;
        }
    *reader = NULL;
    return find_value(graph->output.items, graph->output.count, name) >= 0;
}

static bool check_unused(DraftGraph *graph, const char *what, const char *name)
{
    const NodeProto *reader;
    if (!reads(graph->proto, name, &reader))
        return true;
    if (reader)
        return FAIL(graph->draft, NULL, "%s '%s' is used by '%s'", what, name,
                    label(graph->draft, reader));
    return FAIL(graph->draft, NULL, "%s '%s' is an output of the graph", what, name);
}

bool draft_remove_input(DraftGraph *graph, const char *name)
{
    int64_t i = find_value(graph->proto->input.items, graph->proto->input.count, name);
    if (i < 0)
        return FAIL(graph->draft, NULL, "there is no input '%s'", name);
    if (!check_unused(graph, "input", name))
        return false;
    free_name(graph, graph->proto->input.items[i]->name);
    remove_at(graph->proto->input.items, &graph->proto->input.count, i);
    return true;
}

bool draft_remove_output(DraftGraph *graph, const char *name)
{
    int64_t i = find_value(graph->proto->output.items, graph->proto->output.count, name);
    if (i < 0)
        return FAIL(graph->draft, NULL, "there is no output '%s'", name);
    remove_at(graph->proto->output.items, &graph->proto->output.count, i);
    return true;
}

static bool copy_strings(Arena *arena, TnString *strings, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        char *copy = arena_try(arena, (size_t)strings[i].length + 1);
        if (!copy)
            return false;
        if (strings[i].length)
            memcpy(copy, strings[i].data, (size_t)strings[i].length);
        strings[i].data = copy;
    }
    return true;
}

TensorProto *draft_tensor(Draft *draft, const char *name, const TnTensor *tensor)
{
    bool valid = tensor && tensor->rank >= 0 && tensor->rank <= TN_MAX_RANK &&
                 element_is_valid(tensor->element);
    void *data = NULL;
    for (int d = 0; valid && d < tensor->rank; d++)
        valid = tensor->dims[d] >= 0;
    if (!valid) {
        FAIL(draft, NULL, "tensor '%s' has no valid type", name);
        return NULL;
    }
    Constant *constant =
        constant_allocate(draft->arena, tensor->element, tensor->rank, tensor->dims, &data);
    if (constant && constant_bytes(constant) > 0 && !tensor->data) {
        FAIL(draft, NULL, "tensor '%s' has no data", name);
        return NULL;
    }
    if (constant && constant_bytes(constant) > 0)
        memcpy(data, tensor->data, constant_bytes(constant));
    bool copied = constant && (tensor->element != TN_STRING ||
                               copy_strings(draft->arena, data, constant->count));
    TensorProto *proto =
        copied ? tensor_export(draft->arena, constant, *name ? keep(draft, name) : NULL) : NULL;
    if (!proto)
        no_memory_at(draft->diagnostics, (Location){0}, "tensor '%s'", name);
    return proto;
}

bool draft_set_constant(DraftGraph *graph, const char *name, const TnTensor *tensor, bool replace)
{
    Draft *draft = graph->draft;
    GraphProto *proto = graph->proto;
    int64_t at = -1;
    for (int64_t i = 0; i < proto->initializer.count && name; i++)
        if (proto_equals(proto->initializer.items[i]->name, name))
            at = i;
    if (replace && at < 0)
        return FAIL(draft, NULL, "there is no constant '%s'", name ? name : "");
    if (!replace && !check_new_name(graph, name))
        return false;
    TensorProto *made = draft_tensor(draft, name, tensor);
    if (!made)
        return false;
    if (replace)
        proto->initializer.items[at] = made;
    else
        array_push(draft->arena, &proto->initializer, made);
    note_name(graph, made->name, made);
    return true;
}

static void replace_in(Draft *draft, GraphProto *graph, const char *name, TnString by)
{
    for (int64_t i = 0; i < graph->node.count; i++) {
        NodeProto *node = graph->node.items[i];
        for (int64_t k = 0; k < node->input.count; k++)
            if (proto_equals(node->input.items[k], name))
                node->input.items[k] = by;
        for (int64_t a = 0; a < node->attribute.count; a++)
            if (node->attribute.items[a]->g)
                replace_in(draft, node->attribute.items[a]->g, name, by);
    }
}

bool draft_replace(DraftGraph *graph, const char *name, const char *by)
{
    Draft *draft = graph->draft;
    if (!maker_of(graph, proto_string(name)))
        return FAIL(draft, NULL, "there is no value '%s'", name);
    if (!is_visible(graph, proto_string(by)))
        return FAIL(draft, NULL, "there is no value '%s'", by);
    replace_in(draft, graph->proto, name, keep_string(draft, by));
    return true;
}

/* ---- Nodes ------------------------------------------------------------------------------- */

static const OpDef *find_op(const Draft *draft, const NodeProto *node)
{
    return document_find_operator(draft->document, node->domain, node->op_type);
}

/* The operator's table where it speaks of the version that the model uses; NULL: not known. */
static const OpDef *table_of(const Draft *draft, const NodeProto *node)
{
    const ModelProto *model = draft->document->model;
    if (has_function(draft, node->domain, node->op_type))
        return NULL;
    const OpDef *op = find_op(draft, node);
    int64_t version =
        opset_imports_version(model->opset_import.items, model->opset_import.count, node->domain);
    return op && (!version || version >= op->since) ? op : NULL;
}

static bool check_operator(const Draft *draft, const NodeProto *node, const char *name)
{
    const ModelProto *model = draft->document->model;
    if (!node->op_type.length)
        return FAIL(draft, name, "a node without operator");
    if (has_function(draft, node->domain, node->op_type) || find_op(draft, node) ||
        node_proto_is_constant(node))
        return true;
    int64_t version =
        opset_imports_version(model->opset_import.items, model->opset_import.count, node->domain);
    if (upgrade_find(proto_domain(node->domain), node->op_type, version))
        return true;
    return unsupported_at(draft->diagnostics, (Location){.node = name},
                          "%.*s%s%.*s: no such operator is known", (int)node->domain.length,
                          node->domain.data, node->domain.length ? "." : "",
                          (int)node->op_type.length, node->op_type.data);
}

static bool check_arity(const Draft *draft, const NodeProto *node, const char *name)
{
    const OpDef *op = table_of(draft, node);
    if (!op)
        return true;
    bool many_in = op->operand_count && op->operands[op->operand_count - 1].variadic;
    bool many_out = op->result_count && op->results[op->result_count - 1].variadic;
    if (!many_in && node->input.count > op->operand_count)
        return FAIL(draft, name, "%s takes at most %d inputs, not %lld", op->name,
                    op->operand_count, (long long)node->input.count);
    if (!many_out && node->output.count > op->result_count)
        return FAIL(draft, name, "%s makes at most %d outputs, not %lld", op->name,
                    op->result_count, (long long)node->output.count);
    for (int i = 0; i < op->operand_count; i++) {
        const OperandDef *operand = &op->operands[i];
        bool given = i < node->input.count && node->input.items[i].length;
        if (!given && !operand->optional && !(operand->variadic && !operand->min_variadic))
            return FAIL(draft, name, "%s needs the input '%s'", op->name, operand->name);
    }
    return true;
}

static const AttributeDef *attribute_of(const OpDef *op, TnString name)
{
    for (int i = 0; i < op->attribute_count; i++)
        if (proto_equals(name, op->attributes[i].name))
            return &op->attributes[i];
    return NULL;
}

static bool check_attribute(const Draft *draft, const NodeProto *node, TnString name,
                            ProtoAttributeType type)
{
    const char *node_name = label((Draft *)draft, node);
    const OpDef *op = table_of(draft, node);
    const AttributeDef *def = op ? attribute_of(op, name) : NULL;
    if (!op || (name.length >= 2 && !memcmp(name.data, "__", 2)))
        return true;
    if (!def)
        return FAIL(draft, node_name, "%s has no attribute '%.*s'", op->name, (int)name.length,
                    name.data);
    if (attribute_kind_type(def->kind) != type)
        return FAIL(draft, node_name, "attribute '%s' of %s is of type %s, not %s", def->name,
                    op->name, attribute_type_name(attribute_kind_type(def->kind)),
                    attribute_type_name(type));
    return true;
}

static bool check_outputs(DraftGraph *graph, const NodeProto *node, const char *name)
{
    for (int64_t i = 0; i < node->output.count; i++) {
        TnString output = node->output.items[i];
        if (!output.length)
            continue;
        bool twice = is_visible(graph, output);
        for (int64_t k = 0; k < i; k++)
            twice |= string_equal(node->output.items[k], output);
        if (twice)
            return FAIL(graph->draft, name, "'%.*s' is there already; a name may be given once",
                        (int)output.length, output.data);
    }
    return true;
}

static bool check_node(DraftGraph *graph, const NodeProto *node)
{
    Draft *draft = graph->draft;
    const char *name = label(draft, node);
    if (!check_operator(draft, node, name) || !check_arity(draft, node, name))
        return false;
    for (int64_t i = 0; i < node->input.count; i++) {
        TnString input = node->input.items[i];
        if (input.length && !is_visible(graph, input))
            return FAIL(draft, name, "nothing makes the value '%.*s'", (int)input.length,
                        input.data);
    }
    for (int64_t i = 0; i < node->attribute.count; i++)
        if (!check_attribute(draft, node, node->attribute.items[i]->name,
                             import_attribute_type(node->attribute.items[i])))
            return false;
    return check_outputs(graph, node, name);
}

static void append_node(DraftGraph *graph, NodeProto *node)
{
    array_push(graph->draft->arena, &graph->proto->node, node);
    for (int64_t i = 0; i < node->output.count; i++)
        note_name(graph, node->output.items[i], node);
}

DraftNode *draft_add_node(DraftGraph *graph, const char *op_type, const char *name, int input_count,
                          const char *const *inputs, int output_count, const char *const *outputs)
{
    Draft *draft = graph->draft;
    NodeProto *node = MESSAGE_NEW(draft->arena, NodeProto);
    const char *dot = strrchr(op_type, '.');
    if (dot) {
        const char *domain = arena_string(draft->arena, op_type, (size_t)(dot - op_type));
        PROTO_SET(node, domain, proto_string(domain));
    }
    PROTO_SET(node, op_type, keep_string(draft, dot ? dot + 1 : op_type));
    if (name && *name)
        PROTO_SET(node, name, keep_string(draft, name));
    for (int i = 0; i < input_count; i++)
        array_push(draft->arena, &node->input, keep_string(draft, inputs[i] ? inputs[i] : ""));
    for (int i = 0; i < output_count; i++)
        array_push(draft->arena, &node->output, keep_string(draft, outputs[i] ? outputs[i] : ""));
    if (!check_node(graph, node))
        return NULL;
    append_node(graph, node);
    return draft_node(graph, node);
}

bool draft_add_text(DraftGraph *graph, const char *text)
{
    Draft *draft = graph->draft;
    GraphProto *nodes =
        text_parse_nodes(draft->arena, snippet(draft, "<nodes>", text), draft->diagnostics);
    if (!nodes)
        return false;
    forget_places(MESSAGE_GraphProto, nodes);
    int64_t before = graph->proto->node.count;
    for (int64_t i = 0; i < nodes->node.count; i++) {
        if (check_node(graph, nodes->node.items[i])) {
            append_node(graph, nodes->node.items[i]);
            continue;
        }
        while (graph->proto->node.count > before) { /* all or none */
            NodeProto *added = graph->proto->node.items[--graph->proto->node.count];
            for (int64_t k = 0; k < added->output.count; k++)
                free_name(graph, added->output.items[k]);
        }
        return false;
    }
    return true;
}

DraftNode *draft_find_node(DraftGraph *graph, const char *name)
{
    for (int64_t i = 0; i < graph->proto->node.count; i++)
        if (proto_equals(graph->proto->node.items[i]->name, name))
            return draft_node(graph, graph->proto->node.items[i]);
    for (int64_t i = 0; i < graph->proto->node.count; i++) {
        NodeProto *node = graph->proto->node.items[i];
        for (int64_t k = 0; k < node->output.count; k++)
            if (proto_equals(node->output.items[k], name))
                return draft_node(graph, node);
    }
    return NULL;
}

static int64_t position_of(const DraftNode *node)
{
    const GraphProto *graph = node->graph->proto;
    for (int64_t i = 0; i < graph->node.count; i++)
        if (graph->node.items[i] == node->proto)
            return i;
    return -1;
}

bool draft_remove_node(DraftNode *node)
{
    DraftGraph *graph = node->graph;
    for (int64_t i = 0; i < node->proto->output.count; i++) {
        TnString output = node->proto->output.items[i];
        const char *name = arena_string(graph->draft->arena, output.data ? output.data : "",
                                        (size_t)output.length);
        if (*name && !check_unused(graph, "value", name))
            return false;
    }
    for (int64_t i = 0; i < node->proto->output.count; i++)
        free_name(graph, node->proto->output.items[i]);
    remove_at(graph->proto->node.items, &graph->proto->node.count, position_of(node));
    node->graph = NULL;
    return true;
}

/* Whether one node reads what the other makes. */
static bool depends(const NodeProto *reader, const NodeProto *maker, Arena *arena)
{
    for (int64_t i = 0; i < maker->output.count; i++) {
        TnString output = maker->output.items[i];
        if (output.length &&
            node_reads(reader, arena_string(arena, output.data, (size_t)output.length)))
            return true;
    }
    return false;
}

bool draft_move_node(DraftNode *node, DraftNode *before)
{
    DraftGraph *graph = node->graph;
    Draft *draft = graph->draft;
    NodeProto **nodes = graph->proto->node.items;
    if (before && before->graph != graph)
        return FAIL(draft, label(draft, node->proto), "cannot move to another graph");
    int64_t from = position_of(node);
    int64_t to = before ? position_of(before) : graph->proto->node.count;
    for (int64_t i = from + 1; i < to; i++)
        if (depends(nodes[i], node->proto, draft->arena))
            return FAIL(draft, label(draft, node->proto), "'%s' needs what the node makes",
                        label(draft, nodes[i]));
    for (int64_t i = to; i < from; i++)
        if (depends(node->proto, nodes[i], draft->arena))
            return FAIL(draft, label(draft, node->proto), "the node needs what '%s' makes",
                        label(draft, nodes[i]));
    to -= to > from;
    int64_t low = from < to ? from : to, high = from < to ? to : from;
    memmove(nodes + low + (from > to), nodes + low + (from < to),
            (size_t)(high - low) * sizeof *nodes);
    nodes[to] = node->proto;
    return true;
}

bool draft_set_node_input(DraftNode *node, int i, const char *name)
{
    DraftGraph *graph = node->graph;
    Draft *draft = graph->draft;
    const char *own = label(draft, node->proto);
    if (i < 0 || i > node->proto->input.count)
        return FAIL(draft, own, "there is no input %d", i);
    if (!is_visible(graph, proto_string(name)))
        return FAIL(draft, own, "nothing makes the value '%s'", name);
    const NodeProto *maker = maker_of(graph, proto_string(name));
    for (int64_t k = position_of(node); k < graph->proto->node.count; k++)
        if (graph->proto->node.items[k] == maker)
            return FAIL(draft, own, "'%s' is made after the node", name);
    if (i == node->proto->input.count)
        array_push(draft->arena, &node->proto->input, (TnString){0});
    node->proto->input.items[i] = keep_string(draft, name);
    return true;
}

/* ---- Attributes -------------------------------------------------------------------------- */

static int64_t find_attribute(const NodeProto *node, const char *name)
{
    for (int64_t i = 0; i < node->attribute.count; i++)
        if (proto_equals(node->attribute.items[i]->name, name))
            return i;
    return -1;
}

AttributeProto *draft_attribute(DraftNode *node, const char *name, ProtoAttributeType type)
{
    Draft *draft = node->graph->draft;
    if (!check_attribute(draft, node->proto, proto_string(name), type))
        return NULL;
    AttributeProto *attribute = MESSAGE_NEW(draft->arena, AttributeProto);
    PROTO_SET(attribute, name, keep_string(draft, name));
    PROTO_SET(attribute, type, (int32_t)type);
    int64_t at = find_attribute(node->proto, name);
    if (at >= 0)
        node->proto->attribute.items[at] = attribute;
    else
        array_push(draft->arena, &node->proto->attribute, attribute);
    return attribute;
}

bool draft_remove_attribute(DraftNode *node, const char *name)
{
    int64_t at = find_attribute(node->proto, name);
    if (at < 0)
        return FAIL(node->graph->draft, label(node->graph->draft, node->proto),
                    "the node has no attribute '%s'", name);
    remove_at(node->proto->attribute.items, &node->proto->attribute.count, at);
    return true;
}

DraftGraph *draft_add_body(DraftNode *node, const char *attribute)
{
    Draft *draft = node->graph->draft;
    AttributeProto *made = draft_attribute(node, attribute, PROTO_ATTRIBUTE_GRAPH);
    if (!made)
        return NULL;
    GraphProto *graph = MESSAGE_NEW(draft->arena, GraphProto);
    PROTO_SET(graph, name, keep_string(draft, attribute));
    PROTO_SET(made, g, graph);
    return draft_graph(draft, graph, node->graph);
}
