/* SPDX-License-Identifier: Apache-2.0
 *
 * Documents as text. One form for each thing, so that equal documents give equal texts and reading
 * a text back gives the same document. Attribute types are written where the value does not tell.
 *
 * What the syntax that ONNX's own reader takes cannot say stands in structured comments
 * (comment.h).
 */
#include "frontend/text/write.h"

#include "frontend/text/build.h"
#include "frontend/text/comment.h"
#include "runtime/element.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

static const WriteOptions no_options = {0};

static Writer writer_create(Text *text, const WriteOptions *options)
{
    return (Writer){.text = text, .options = options ? options : &no_options};
}

/* ---- Names and lines --------------------------------------------------------------------- */

void write_new_line(Writer *writer)
{
    text_format(writer->text, "\n%*s", writer->indent, "");
}

size_t write_column(const Writer *writer)
{
    size_t column = 0;
    while (column < writer->text->length &&
           writer->text->data[writer->text->length - 1 - column] != '\n')
        column++;
    return column;
}

void write_string(Writer *writer, TnString string)
{
    text_append_quoted(writer->text, string.data, (size_t)string.length);
}

static bool is_identifier(TnString name)
{
    if (name.length == 0 || isdigit((unsigned char)name.data[0]))
        return false;
    for (int64_t i = 0; i < name.length; i++) {
        unsigned char c = (unsigned char)name.data[i];
        if (c >= 0x80 || (!isalnum(c) && c != '_'))
            return false;
    }
    return true;
}

void write_name(Writer *writer, TnString name, bool words)
{
    TnElementType element;
    if (is_identifier(name) && (words || !parser_keyword(name, &element)))
        text_append_bytes(writer->text, name.data, (size_t)name.length);
    else
        write_string(writer, name);
}

static void write_names(Writer *writer, int64_t count, const TnString *names)
{
    for (int64_t i = 0; i < count; i++) {
        text_append(writer->text, i ? ", " : "");
        write_name(writer, names[i], true);
    }
}

/* ---- Types ------------------------------------------------------------------------------- */

void write_shape(Writer *writer, const TensorShapeProto *shape)
{
    if (!shape || shape->dim.count == 0) {
        text_append(writer->text, shape ? "" : "[]");
        return;
    }
    for (int64_t i = 0; i < shape->dim.count; i++) {
        const TensorShapeProtoDimension *dim = shape->dim.items[i];
        text_append(writer->text, i ? ", " : "[");
        if (dim->has_dim_value)
            text_format(writer->text, "%" PRId64, dim->dim_value);
        else if (dim->has_dim_param && dim->dim_param.length)
            write_name(writer, dim->dim_param, true);
        else
            text_append(writer->text, "?");
    }
    text_append(writer->text, "]");
}

static void write_element(Writer *writer, int32_t element)
{
    text_append(writer->text, element_is_valid(element) && element != TN_UNDEFINED
                                  ? element_name((TnElementType)element)
                                  : "undefined");
}

bool is_writable(const TypeProto *type)
{
    if (!type)
        return false;
    if (type->tensor_type)
        return type->tensor_type->elem_type > 0 && element_is_valid(type->tensor_type->elem_type);
    if (type->sparse_tensor_type)
        return type->sparse_tensor_type->elem_type > 0 &&
               element_is_valid(type->sparse_tensor_type->elem_type);
    if (type->sequence_type)
        return is_writable(type->sequence_type->elem_type);
    if (type->optional_type)
        return is_writable(type->optional_type->elem_type);
    if (type->map_type)
        return type->map_type->key_type > 0 && element_is_valid(type->map_type->key_type) &&
               is_writable(type->map_type->value_type);
    return type->opaque_type &&
           (type->opaque_type->name.length || !type->opaque_type->domain.length);
}

static void write_opaque(Writer *writer, const TypeProtoOpaque *opaque)
{
    text_append(writer->text, "opaque(");
    if (opaque->domain.length) {
        write_name(writer, opaque->domain, true);
        text_append(writer->text, ", ");
    }
    if (opaque->domain.length || opaque->name.length)
        write_name(writer, opaque->name, true);
    text_append(writer->text, ")");
}

void write_type(Writer *writer, const TypeProto *type)
{
    Text *text = writer->text;
    if (type->tensor_type) {
        write_element(writer, type->tensor_type->elem_type);
        write_shape(writer, type->tensor_type->shape);
    } else if (type->sequence_type || type->optional_type) {
        text_append(text, type->sequence_type ? "seq(" : "optional(");
        write_type(writer, type->sequence_type ? type->sequence_type->elem_type
                                               : type->optional_type->elem_type);
        text_append(text, ")");
    } else if (type->map_type) {
        text_append(text, "map(");
        write_element(writer, type->map_type->key_type);
        text_append(text, ", ");
        write_type(writer, type->map_type->value_type);
        text_append(text, ")");
    } else if (type->sparse_tensor_type) {
        text_append(text, "sparse_tensor(");
        write_element(writer, type->sparse_tensor_type->elem_type);
        write_shape(writer, type->sparse_tensor_type->shape);
        text_append(text, ")");
    } else if (type->opaque_type) {
        write_opaque(writer, type->opaque_type);
    }
}

static void write_value(Writer *writer, const ValueInfoProto *value)
{
    write_comments(writer, MESSAGE_ValueInfoProto, value);
    bool typed = is_writable(value->type);
    if (typed) {
        write_type(writer, value->type);
        text_append(writer->text, " ");
    }
    write_name(writer, value->name, typed);
}

/* "(float[N] x, float[N] y)": on one line where it fits, else, or where there are comments, a value
 * a line. */
static void write_values(Writer *writer, int64_t count, ValueInfoProto *const *values)
{
    Text line = text_create(writer->text->arena);
    Writer inner = {.text = &line, .options = writer->options};
    bool has_any = false;
    for (int64_t i = 0; i < count; i++) {
        has_any |= has_comments(MESSAGE_ValueInfoProto, values[i]);
        text_append(&line, i ? ", " : "");
        write_value(&inner, values[i]);
    }
    text_append(writer->text, "(");
    bool fits = write_column(writer) + line.length + 1 <= LINE_WIDTH || count < 2;
    if (fits && !has_any) {
        text_append_bytes(writer->text, line.data, line.length);
    } else {
        writer->indent += 2;
        for (int64_t i = 0; i < count; i++) {
            text_append(writer->text, i ? "," : "");
            write_new_line(writer);
            write_value(writer, values[i]);
        }
        writer->indent -= 2;
        write_new_line(writer);
    }
    text_append(writer->text, ")");
}

/* ---- Attributes -------------------------------------------------------------------------- */

static void write_graph(Writer *writer, const GraphProto *graph);

/* What an attribute is, also where an old model does not say so. */
static ProtoAttributeType attribute_type(const AttributeProto *attribute)
{
    if (attribute->type != PROTO_ATTRIBUTE_UNDEFINED)
        return (ProtoAttributeType)attribute->type;
    return attribute->has_f                  ? PROTO_ATTRIBUTE_FLOAT
           : attribute->has_i                ? PROTO_ATTRIBUTE_INT
           : attribute->has_s                ? PROTO_ATTRIBUTE_STRING
           : attribute->t                    ? PROTO_ATTRIBUTE_TENSOR
           : attribute->g                    ? PROTO_ATTRIBUTE_GRAPH
           : attribute->tp                   ? PROTO_ATTRIBUTE_TYPE
           : attribute->sparse_tensor        ? PROTO_ATTRIBUTE_SPARSE_TENSOR
           : attribute->floats.count         ? PROTO_ATTRIBUTE_FLOATS
           : attribute->strings.count        ? PROTO_ATTRIBUTE_STRINGS
           : attribute->tensors.count        ? PROTO_ATTRIBUTE_TENSORS
           : attribute->graphs.count         ? PROTO_ATTRIBUTE_GRAPHS
           : attribute->type_protos.count    ? PROTO_ATTRIBUTE_TYPES
           : attribute->sparse_tensors.count ? PROTO_ATTRIBUTE_SPARSE_TENSORS
                                             : PROTO_ATTRIBUTE_INTS;
}

static int64_t list_count(const AttributeProto *attribute, ProtoAttributeType type)
{
    switch (type) {
    case PROTO_ATTRIBUTE_FLOATS: return attribute->floats.count;
    case PROTO_ATTRIBUTE_INTS: return attribute->ints.count;
    case PROTO_ATTRIBUTE_STRINGS: return attribute->strings.count;
    case PROTO_ATTRIBUTE_TENSORS: return attribute->tensors.count;
    case PROTO_ATTRIBUTE_GRAPHS: return attribute->graphs.count;
    case PROTO_ATTRIBUTE_TYPES: return attribute->type_protos.count;
    case PROTO_ATTRIBUTE_SPARSE_TENSORS: return attribute->sparse_tensors.count;
    default: return -1;
    }
}

static void write_tensor(Writer *writer, const TensorProto *tensor, bool is_initializer)
{
    write_tensor_type(writer, tensor);
    text_append(writer->text, " ");
    if (tensor->name.length || is_initializer) {
        write_name(writer, tensor->name, true);
        text_append(writer->text, " ");
    }
    if (is_initializer || tensor->external_data.count)
        text_append(writer->text, "= ");
    write_tensor_data(writer, tensor, is_initializer);
}

/* sparse_tensor(float[3, 4]) name = [values, indices] */
static void write_sparse(Writer *writer, const SparseTensorProto *sparse)
{
    static const TensorProto nothing = {0};
    const TensorProto *values = sparse->values ? sparse->values : &nothing;
    TensorProto head = {.data_type = values->data_type};
    head.dims.items = sparse->dims.items;
    head.dims.count = sparse->dims.count;
    text_append(writer->text, "sparse_tensor(");
    write_tensor_type(writer, &head);
    text_append(writer->text, ") ");
    if (values->name.length) {
        write_name(writer, values->name, true);
        text_append(writer->text, " ");
    }
    text_append(writer->text, "= [");
    TensorProto unnamed = *values;
    unnamed.name.length = 0;
    write_tensor(writer, &unnamed, false);
    text_append(writer->text, ", ");
    write_tensor(writer, sparse->indices ? sparse->indices : &nothing, false);
    text_append(writer->text, "]");
}

static void write_item(Writer *writer, const AttributeProto *attribute, ProtoAttributeType type,
                       int64_t i)
{
    Text *text = writer->text;
    switch (type) {
    case PROTO_ATTRIBUTE_FLOAT: text_append_float(text, attribute->f); break;
    case PROTO_ATTRIBUTE_INT: text_format(text, "%" PRId64, attribute->i); break;
    case PROTO_ATTRIBUTE_STRING: write_string(writer, attribute->s); break;
    case PROTO_ATTRIBUTE_TENSOR: write_tensor(writer, attribute->t, false); break;
    case PROTO_ATTRIBUTE_GRAPH: write_graph(writer, attribute->g); break;
    case PROTO_ATTRIBUTE_TYPE: write_type(writer, attribute->tp); break;
    case PROTO_ATTRIBUTE_SPARSE_TENSOR: write_sparse(writer, attribute->sparse_tensor); break;
    case PROTO_ATTRIBUTE_FLOATS: text_append_float(text, attribute->floats.items[i]); break;
    case PROTO_ATTRIBUTE_INTS: text_format(text, "%" PRId64, attribute->ints.items[i]); break;
    case PROTO_ATTRIBUTE_STRINGS: write_string(writer, attribute->strings.items[i]); break;
    case PROTO_ATTRIBUTE_TENSORS: write_tensor(writer, attribute->tensors.items[i], false); break;
    case PROTO_ATTRIBUTE_GRAPHS: write_graph(writer, attribute->graphs.items[i]); break;
    case PROTO_ATTRIBUTE_TYPES: write_type(writer, attribute->type_protos.items[i]); break;
    case PROTO_ATTRIBUTE_SPARSE_TENSORS:
        write_sparse(writer, attribute->sparse_tensors.items[i]);
        break;
    case PROTO_ATTRIBUTE_UNDEFINED: break;
    }
}

static bool has_message(const AttributeProto *attribute, ProtoAttributeType type)
{
    return type == PROTO_ATTRIBUTE_TENSOR          ? attribute->t != NULL
           : type == PROTO_ATTRIBUTE_GRAPH         ? attribute->g != NULL
           : type == PROTO_ATTRIBUTE_TYPE          ? is_writable(attribute->tp)
           : type == PROTO_ATTRIBUTE_SPARSE_TENSOR ? attribute->sparse_tensor != NULL
                                                   : true;
}

static void write_attribute(Writer *writer, const AttributeProto *attribute)
{
    Text *text = writer->text;
    ProtoAttributeType type = attribute_type(attribute);
    const char *type_name = attribute_type_name((int32_t)type);
    int64_t count = list_count(attribute, type);
    bool is_reference = attribute->has_ref_attr_name && attribute->ref_attr_name.length;
    write_comments(writer, MESSAGE_AttributeProto, attribute);
    write_name(writer, attribute->name, true);
    if ((is_reference || count == 0) && type_name)
        text_format(text, ": %s", type_name);
    text_append(text, " = ");
    if (is_reference) {
        text_append(text, "@");
        write_name(writer, attribute->ref_attr_name, true);
    } else if (count < 0) {
        if (has_message(attribute, type))
            write_item(writer, attribute, type, 0);
    } else {
        text_append(text, "[");
        for (int64_t i = 0; i < count; i++) {
            text_append(text, i ? ", " : "");
            write_item(writer, attribute, type, i);
        }
        text_append(text, "]");
    }
}

/* Graphs and comments need lines of their own. */
static bool needs_lines(const NodeProto *node)
{
    for (int64_t i = 0; i < node->attribute.count; i++) {
        const AttributeProto *attribute = node->attribute.items[i];
        if (attribute->g || attribute->graphs.count ||
            has_comments(MESSAGE_AttributeProto, attribute))
            return true;
    }
    return false;
}

/* Whether the attributes fit in the rest of the line. */
static bool fit_in_line(Writer *writer, const NodeProto *node)
{
    if (needs_lines(node))
        return false;
    Text line = text_create(writer->text->arena);
    Writer inner = {.text = &line, .options = writer->options};
    size_t room = LINE_WIDTH - 2;
    for (int64_t i = 0; i < node->attribute.count; i++) {
        write_attribute(&inner, node->attribute.items[i]);
        text_append(&line, ", ");
        if (write_column(writer) + line.length > room)
            return node->attribute.count == 1;
    }
    return true;
}

/* On one line, or an attribute a line. */
static void write_attributes(Writer *writer, const NodeProto *node)
{
    bool lines = !fit_in_line(writer, node);
    text_append(writer->text, "<");
    writer->indent += 2;
    for (int64_t i = 0; i < node->attribute.count; i++) {
        text_append(writer->text, i ? (lines ? "," : ", ") : "");
        if (lines)
            write_new_line(writer);
        write_attribute(writer, node->attribute.items[i]);
    }
    writer->indent -= 2;
    if (lines)
        write_new_line(writer);
    text_append(writer->text, "> ");
}

/* ---- Nodes and graphs -------------------------------------------------------------------- */

/* Whether a domain is identifiers with points between. */
static bool is_dotted(TnString domain)
{
    int64_t start = 0;
    for (int64_t i = 0; i <= domain.length; i++) {
        if (i < domain.length && domain.data[i] != '.')
            continue;
        if (!is_identifier((TnString){domain.data + start, i - start}))
            return false;
        start = i + 1;
    }
    return true;
}

/* Domain and name of an operator: "ai.onnx.ml.Scaler", "\"my-domain\".Op". */
static void write_operator(Writer *writer, const NodeProto *node)
{
    if (node->domain.length) {
        if (is_dotted(node->domain))
            text_append_bytes(writer->text, node->domain.data, (size_t)node->domain.length);
        else
            write_string(writer, node->domain);
        text_append(writer->text, ".");
    }
    write_name(writer, node->op_type, true);
    if (node->overload.length) {
        text_append(writer->text, ":");
        write_name(writer, node->overload, true);
    }
}

static void write_node(Writer *writer, const NodeProto *node)
{
    Text *text = writer->text;
    write_comments(writer, MESSAGE_NodeProto, node);
    if (node->name.length) {
        text_append(text, "[");
        write_name(writer, node->name, true);
        text_append(text, "] ");
    }
    write_names(writer, node->output.count, node->output.items);
    text_append(text, node->output.count ? " = " : "= ");
    write_operator(writer, node);
    text_append(text, " ");
    if (node->attribute.count)
        write_attributes(writer, node);
    text_append(text, "(");
    write_names(writer, node->input.count, node->input.items);
    text_append(text, ")");
}

static void write_nodes(Writer *writer, int64_t count, NodeProto *const *nodes)
{
    write_new_line(writer);
    text_append(writer->text, "{");
    writer->indent += 2;
    for (int64_t i = 0; i < count; i++) {
        write_new_line(writer);
        write_node(writer, nodes[i]);
    }
    writer->indent -= 2;
    write_new_line(writer);
    text_append(writer->text, "}");
}

static void begin_line(Writer *writer, bool *first)
{
    text_append(writer->text, *first ? "" : ",");
    *first = false;
    write_new_line(writer);
}

/* Initializers and types of values between '<' and '>'. */
static void write_graph_values(Writer *writer, const GraphProto *graph)
{
    if (!graph->initializer.count && !graph->sparse_initializer.count && !graph->value_info.count)
        return;
    bool first = true;
    write_new_line(writer);
    text_append(writer->text, "<");
    writer->indent += 2;
    for (int64_t i = 0; i < graph->initializer.count; i++) {
        begin_line(writer, &first);
        write_comments(writer, MESSAGE_TensorProto, graph->initializer.items[i]);
        write_tensor(writer, graph->initializer.items[i], true);
    }
    for (int64_t i = 0; i < graph->sparse_initializer.count; i++) {
        begin_line(writer, &first);
        write_comments(writer, MESSAGE_SparseTensorProto, graph->sparse_initializer.items[i]);
        write_sparse(writer, graph->sparse_initializer.items[i]);
    }
    for (int64_t i = 0; i < graph->value_info.count; i++) {
        begin_line(writer, &first);
        write_value(writer, graph->value_info.items[i]);
    }
    writer->indent -= 2;
    write_new_line(writer);
    text_append(writer->text, ">");
}

static void write_graph(Writer *writer, const GraphProto *graph)
{
    write_name(writer, graph->name, false);
    text_append(writer->text, " ");
    write_values(writer, graph->input.count, graph->input.items);
    text_append(writer->text, " => ");
    write_values(writer, graph->output.count, graph->output.items);
    write_graph_values(writer, graph);
    write_nodes(writer, graph->node.count, graph->node.items);
}

/* ---- Headers, functions, models ---------------------------------------------------------- */

/* "<a: 1, b: 2>": on one line for up to two keys that fit, else a key a line. */
typedef struct Header {
    Text items[8];
    int count;
    size_t length;
} Header;

static Writer header_item(Header *header, Writer *writer, const char *key)
{
    Text *text = &header->items[header->count++];
    *text = text_create(writer->text->arena);
    text_format(text, "%s: ", key);
    return (Writer){.text = text, .options = writer->options};
}

static void header_string(Header *header, Writer *writer, const char *key, TnString value)
{
    if (value.length) {
        Writer item = header_item(header, writer, key);
        write_string(&item, value);
    }
}

static void header_opsets(Header *header, Writer *writer, int64_t count,
                          OperatorSetIdProto *const *imports)
{
    Writer item = header_item(header, writer, "opset_import");
    text_append(item.text, "[");
    for (int64_t i = 0; i < count; i++) {
        text_append(item.text, i ? ", " : "");
        write_string(&item, imports[i]->domain);
        text_format(item.text, " : %" PRId64, imports[i]->version);
    }
    text_append(item.text, "]");
}

static void header_properties(Header *header, Writer *writer, int64_t count,
                              StringStringEntryProto *const *entries)
{
    if (count == 0)
        return;
    Writer item = header_item(header, writer, "metadata_props");
    text_append(item.text, "[");
    for (int64_t i = 0; i < count; i++) {
        text_append(item.text, i ? ", " : "");
        write_string(&item, entries[i]->key);
        text_append(item.text, " : ");
        write_string(&item, entries[i]->value);
    }
    text_append(item.text, "]");
}

static void write_header(Writer *writer, const Header *header)
{
    size_t length = 0;
    for (int i = 0; i < header->count; i++)
        length += header->items[i].length + 2;
    bool lines = header->count > 2 || length > LINE_WIDTH;
    text_append(writer->text, "<");
    for (int i = 0; i < header->count; i++) {
        text_append(writer->text, i == 0 ? (lines ? "\n  " : "") : (lines ? ",\n  " : ", "));
        text_append_bytes(writer->text, header->items[i].data, header->items[i].length);
    }
    text_append(writer->text, lines ? "\n>\n" : ">\n");
}

static void write_function(Writer *writer, const FunctionProto *function)
{
    Text *text = writer->text;
    Header header = {0};
    header_string(&header, writer, "domain", function->domain);
    header_string(&header, writer, "overload", function->overload);
    header_opsets(&header, writer, function->opset_import.count, function->opset_import.items);
    header_string(&header, writer, "doc_string", function->doc_string);
    write_comments(writer, MESSAGE_FunctionProto, function);
    write_header(writer, &header);
    write_name(writer, function->name, true);
    text_append(text, " ");
    if (function->attribute.count || function->attribute_proto.count) {
        text_append(text, "<");
        for (int64_t i = 0; i < function->attribute.count; i++) {
            text_append(text, i ? ", " : "");
            write_name(writer, function->attribute.items[i], true);
        }
        for (int64_t i = 0; i < function->attribute_proto.count; i++) {
            const AttributeProto *attribute = function->attribute_proto.items[i];
            text_append(text, i || function->attribute.count ? ", " : "");
            if (has_comments(MESSAGE_AttributeProto, attribute))
                write_new_line(writer);
            write_attribute(writer, attribute);
        }
        text_append(text, "> ");
    }
    text_append(text, "(");
    write_names(writer, function->input.count, function->input.items);
    text_append(text, ") => (");
    write_names(writer, function->output.count, function->output.items);
    text_append(text, ")");
    if (function->value_info.count) {
        bool first = true;
        text_append(text, "\n<");
        writer->indent += 2;
        for (int64_t i = 0; i < function->value_info.count; i++) {
            begin_line(writer, &first);
            write_value(writer, function->value_info.items[i]);
        }
        writer->indent -= 2;
        text_append(text, "\n>");
    }
    write_nodes(writer, function->node.count, function->node.items);
    text_append(text, "\n");
}

static void write_model(Writer *writer, const ModelProto *model)
{
    static const GraphProto nothing = {0};
    Header header = {0};
    Writer item = header_item(&header, writer, "ir_version");
    text_format(item.text, "%" PRId64, model->ir_version);
    header_opsets(&header, writer, model->opset_import.count, model->opset_import.items);
    header_string(&header, writer, "producer_name", model->producer_name);
    header_string(&header, writer, "producer_version", model->producer_version);
    header_string(&header, writer, "domain", model->domain);
    if (model->model_version) {
        item = header_item(&header, writer, "model_version");
        text_format(item.text, "%" PRId64, model->model_version);
    }
    header_string(&header, writer, "doc_string", model->doc_string);
    header_properties(&header, writer, model->metadata_props.count, model->metadata_props.items);
    const GraphProto *graph = model->graph ? model->graph : &nothing;
    write_comments(writer, MESSAGE_ModelProto, model);
    write_header(writer, &header);
    write_comments(writer, MESSAGE_GraphProto, graph);
    write_graph(writer, graph);
    text_append(writer->text, "\n");
    for (int64_t i = 0; i < model->functions.count; i++) {
        text_append(writer->text, "\n");
        write_function(writer, model->functions.items[i]);
    }
}

/* ---- Entry points ------------------------------------------------------------------------ */

void text_write(const Document *document, Text *text, const WriteOptions *options)
{
    text_write_model(document->model, text, options);
}

void text_write_model(const ModelProto *model, Text *text, const WriteOptions *options)
{
    Writer writer = writer_create(text, options);
    write_model(&writer, model);
}

void text_write_graph(const GraphProto *graph, Text *text, const WriteOptions *options)
{
    Writer writer = writer_create(text, options);
    write_comments(&writer, MESSAGE_GraphProto, graph);
    write_graph(&writer, graph);
    text_append(text, "\n");
}

void text_write_function(const FunctionProto *function, Text *text, const WriteOptions *options)
{
    Writer writer = writer_create(text, options);
    write_function(&writer, function);
}

void text_write_node(const NodeProto *node, Text *text, const WriteOptions *options)
{
    Writer writer = writer_create(text, options);
    write_node(&writer, node);
}

void text_write_type(const TypeProto *type, Text *text)
{
    Writer writer = writer_create(text, NULL);
    write_type(&writer, type);
}

void text_write_tensor(const TensorProto *tensor, Text *text, const WriteOptions *options)
{
    Writer writer = writer_create(text, options);
    write_tensor(&writer, tensor, false);
}
