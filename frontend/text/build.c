/* SPDX-License-Identifier: Apache-2.0
 *
 * What the grammar's actions make of the text: the messages of a document.
 */
#include "frontend/text/build.h"

#include "frontend/text/number.h"
#include "runtime/element.h"

#include <string.h>

#define PRINTED(string) (int)((string).length < 60 ? (string).length : 60), (string).data

/* ---- Lists and names --------------------------------------------------------------------- */

PointerList *list_of(TextParser *parser, void *first)
{
    PointerList *list = ARENA_NEW(parser->arena, PointerList);
    return first ? list_add(parser, list, first) : list;
}

PointerList *list_add(TextParser *parser, PointerList *list, void *item)
{
    array_push(parser->arena, list, item);
    return list;
}

NameList *names_of(TextParser *parser, TnString first)
{
    return names_add(parser, ARENA_NEW(parser->arena, NameList), first);
}

NameList *names_add(TextParser *parser, NameList *names, TnString name)
{
    array_push(parser->arena, names, name);
    return names;
}

DottedName *dotted_name(TextParser *parser, DottedName *before, TnString name)
{
    DottedName *dotted = ARENA_NEW(parser->arena, DottedName);
    dotted->name = name;
    if (before && before->domain.length) {
        const char *joined =
            arena_format(parser->arena, "%.*s.%.*s", (int)before->domain.length,
                         before->domain.data, (int)before->name.length, before->name.data);
        dotted->domain = proto_string(joined);
    } else if (before) {
        dotted->domain = before->name;
    }
    return dotted;
}

static void place(Message *message, TextRange range)
{
    message->begin = range.begin;
    message->end = range.end;
}

/* The items of a generic list at the end of a typed one. */
#define APPEND_ALL(parser, array, list)                                                            \
    do {                                                                                           \
        for (int64_t append_i = 0; (list) && append_i < (list)->count; append_i++)                 \
            array_push((parser)->arena, (array), (list)->items[append_i]);                         \
    } while (0)

/* ---- Literals and headers ---------------------------------------------------------------- */

Literal *build_literal(TextParser *parser, TextRange range, LiteralKind kind, TnString text,
                       void *message)
{
    Literal *literal = ARENA_NEW(parser->arena, Literal);
    *literal = (Literal){.kind = kind, .range = range, .text = text, .message = message};
    return literal;
}

Pair *build_pair(TextParser *parser, TextRange range, TnString key, TnString value, bool is_integer)
{
    Pair *pair = ARENA_NEW(parser->arena, Pair);
    *pair = (Pair){range, key, value, is_integer};
    return pair;
}

HeaderItem *build_header_item(TextParser *parser, TextRange range, TnString key, Literal *value)
{
    HeaderItem *item = ARENA_NEW(parser->arena, HeaderItem);
    *item = (HeaderItem){range, key, value};
    return item;
}

static bool header_string(TextParser *parser, const HeaderItem *item, TnString *value, bool *has)
{
    *has = true;
    *value = item->value->text;
    return item->value->kind == LITERAL_string ||
           parser_error(parser, item->value->range, "%.*s must be a string", PRINTED(item->key));
}

static bool header_integer(TextParser *parser, const HeaderItem *item, int64_t *value, bool *has)
{
    *has = true;
    if (item->value->kind != LITERAL_integer)
        return parser_error(parser, item->value->range, "%.*s must be an integer",
                            PRINTED(item->key));
    return number_to_int64(item->value->text, value) ||
           parser_error(parser, item->value->range, "%.*s is out of the range of int64",
                        PRINTED(item->value->text));
}

/* The key's pairs, all of them numbers or all of them strings; NULL where they are not. */
static const PointerList *header_pairs(TextParser *parser, const HeaderItem *item, bool integers)
{
    const char *form = integers ? "[\"domain\" : version, ...]" : "[\"key\" : \"value\", ...]";
    if (item->value->kind != LITERAL_list) {
        parser_error(parser, item->value->range, "%.*s must have the form %s", PRINTED(item->key),
                     form);
        return NULL;
    }
    for (int64_t i = 0; i < item->value->list->count; i++) {
        const Pair *pair = item->value->list->items[i];
        if (pair->is_integer != integers) {
            parser_error(parser, pair->range, "%.*s must have the form %s", PRINTED(item->key),
                         form);
            return NULL;
        }
    }
    return item->value->list;
}

/* A list of OperatorSetIdProto; NULL after a diagnostic. */
static PointerList *header_opsets(TextParser *parser, const HeaderItem *item)
{
    const PointerList *pairs = header_pairs(parser, item, true);
    if (!pairs)
        return NULL;
    PointerList *imports = list_of(parser, NULL);
    for (int64_t i = 0; i < pairs->count; i++) {
        const Pair *pair = pairs->items[i];
        OperatorSetIdProto *import = MESSAGE_NEW(parser->arena, OperatorSetIdProto);
        place(&import->base, pair->range);
        PROTO_SET(import, domain, pair->key);
        import->has_version = true;
        if (!number_to_int64(pair->value, &import->version)) {
            parser_error(parser, pair->range, "%.*s is out of the range of int64",
                         PRINTED(pair->value));
            return NULL;
        }
        list_add(parser, imports, import);
    }
    return imports;
}

static StringStringEntryProto *new_entry(TextParser *parser, const Pair *pair)
{
    StringStringEntryProto *entry = MESSAGE_NEW(parser->arena, StringStringEntryProto);
    place(&entry->base, pair->range);
    PROTO_SET(entry, key, pair->key);
    PROTO_SET(entry, value, pair->value);
    return entry;
}

/* A list of StringStringEntryProto; NULL after a diagnostic. */
static PointerList *header_entries(TextParser *parser, const HeaderItem *item)
{
    const PointerList *pairs = header_pairs(parser, item, false);
    if (!pairs)
        return NULL;
    PointerList *entries = list_of(parser, NULL);
    for (int64_t i = 0; i < pairs->count; i++)
        list_add(parser, entries, new_entry(parser, pairs->items[i]));
    return entries;
}

/* ---- Types ------------------------------------------------------------------------------- */

TensorShapeProtoDimension *build_dimension(TextParser *parser, TextRange range, Literal *size)
{
    TensorShapeProtoDimension *dimension = MESSAGE_NEW(parser->arena, TensorShapeProtoDimension);
    place(&dimension->base, range);
    if (size && size->kind == LITERAL_string) {
        PROTO_SET(dimension, dim_param, size->text);
    } else if (size) {
        dimension->has_dim_value = true;
        if (!number_to_int64(size->text, &dimension->dim_value)) {
            parser_error(parser, range, "%.*s is out of the range of int64", PRINTED(size->text));
            return NULL;
        }
    }
    return dimension;
}

static int type_depth(const TypeProto *type)
{
    int depth = 0;
    while (type) {
        depth++;
        type = type->sequence_type   ? type->sequence_type->elem_type
               : type->optional_type ? type->optional_type->elem_type
               : type->map_type      ? type->map_type->value_type
                                     : NULL;
    }
    return depth;
}

static TypeProto *new_type(TextParser *parser, TextRange range, const TypeProto *inner)
{
    if (type_depth(inner) >= MAX_TYPE_DEPTH) {
        parser_error(parser, range, "types are nested more than %d deep", MAX_TYPE_DEPTH);
        return NULL;
    }
    TypeProto *type = MESSAGE_NEW(parser->arena, TypeProto);
    place(&type->base, range);
    return type;
}

TypeProto *build_tensor_type(TextParser *parser, TextRange range, TnElementType element,
                             PointerList *dims)
{
    TypeProto *type = new_type(parser, range, NULL);
    TypeProtoTensor *tensor = MESSAGE_NEW(parser->arena, TypeProtoTensor);
    place(&tensor->base, range);
    PROTO_SET(tensor, elem_type, (int32_t)element);
    if (dims) {
        TensorShapeProto *shape = MESSAGE_NEW(parser->arena, TensorShapeProto);
        place(&shape->base, range);
        APPEND_ALL(parser, &shape->dim, dims);
        PROTO_SET(tensor, shape, shape);
    }
    PROTO_SET(type, tensor_type, tensor);
    return type;
}

TypeProto *build_sequence_type(TextParser *parser, TextRange range, TypeProto *inner)
{
    TypeProto *type = new_type(parser, range, inner);
    if (type) {
        TypeProtoSequence *sequence = MESSAGE_NEW(parser->arena, TypeProtoSequence);
        PROTO_SET(sequence, elem_type, inner);
        PROTO_SET(type, sequence_type, sequence);
    }
    return type;
}

TypeProto *build_optional_type(TextParser *parser, TextRange range, TypeProto *inner)
{
    TypeProto *type = new_type(parser, range, inner);
    if (type) {
        TypeProtoOptional *optional = MESSAGE_NEW(parser->arena, TypeProtoOptional);
        PROTO_SET(optional, elem_type, inner);
        PROTO_SET(type, optional_type, optional);
    }
    return type;
}

TypeProto *build_map_type(TextParser *parser, TextRange range, TnElementType key, TypeProto *value)
{
    TypeProto *type = new_type(parser, range, value);
    if (type) {
        TypeProtoMap *map = MESSAGE_NEW(parser->arena, TypeProtoMap);
        PROTO_SET(map, key_type, (int32_t)key);
        PROTO_SET(map, value_type, value);
        PROTO_SET(type, map_type, map);
    }
    return type;
}

TypeProto *build_sparse_type(TextParser *parser, TextRange range, TypeProto *tensor)
{
    TypeProto *type = new_type(parser, range, NULL);
    TypeProtoSparseTensor *sparse = MESSAGE_NEW(parser->arena, TypeProtoSparseTensor);
    PROTO_SET(sparse, elem_type, tensor->tensor_type->elem_type);
    if (tensor->tensor_type->shape)
        PROTO_SET(sparse, shape, tensor->tensor_type->shape);
    PROTO_SET(type, sparse_tensor_type, sparse);
    return type;
}

/* opaque(domain.of.it, name), or a name alone. */
TypeProto *build_opaque_type(TextParser *parser, TextRange range, DottedName *first,
                             TnString second)
{
    TypeProto *type = new_type(parser, range, NULL);
    TypeProtoOpaque *opaque = MESSAGE_NEW(parser->arena, TypeProtoOpaque);
    if (first && second.length) {
        TnString none = {"", 0};
        PROTO_SET(opaque, domain, dotted_name(parser, first, none)->domain);
        PROTO_SET(opaque, name, second);
    } else if (first) {
        if (first->domain.length)
            PROTO_SET(opaque, domain, first->domain);
        PROTO_SET(opaque, name, first->name);
    }
    PROTO_SET(type, opaque_type, opaque);
    return type;
}

/* ---- Values ------------------------------------------------------------------------------ */

Declaration *build_declaration(TextParser *parser, TextRange range, TypeProto *type, TnString name)
{
    Declaration *declaration = ARENA_NEW(parser->arena, Declaration);
    declaration->info = MESSAGE_NEW(parser->arena, ValueInfoProto);
    place(&declaration->info->base, range);
    PROTO_SET(declaration->info, name, name);
    if (type)
        PROTO_SET(declaration->info, type, type);
    return declaration;
}

bool build_external_data(TextParser *parser, TensorProto *tensor, PointerList *pairs)
{
    for (int64_t i = 0; i < pairs->count; i++) {
        const Pair *pair = pairs->items[i];
        if (pair->is_integer)
            return parser_error(
                parser, pair->range,
                "where a tensor's data lies is said in strings: \"%.*s\" : \"%.*s\"",
                PRINTED(pair->key), PRINTED(pair->value));
        array_push(parser->arena, &tensor->external_data, new_entry(parser, pair));
    }
    PROTO_SET(tensor, data_location, PROTO_LOCATION_EXTERNAL);
    return true;
}

SparseTensorProto *build_sparse(TextParser *parser, TextRange range, const TypeProto *type,
                                TnString name, TensorProto *values, TensorProto *indices)
{
    SparseTensorProto *sparse = MESSAGE_NEW(parser->arena, SparseTensorProto);
    place(&sparse->base, range);
    const TensorShapeProto *shape =
        type && type->sparse_tensor_type ? type->sparse_tensor_type->shape : NULL;
    if (!shape) {
        parser_error(parser, range,
                     "values with indices need a type such as sparse_tensor(float[3, 4])");
        return NULL;
    }
    for (int64_t i = 0; i < shape->dim.count; i++) {
        if (!shape->dim.items[i]->has_dim_value) {
            parser_error(parser, range, "the sizes of a tensor with data must be numbers");
            return NULL;
        }
        array_push(parser->arena, &sparse->dims, shape->dim.items[i]->dim_value);
    }
    if (name.length)
        PROTO_SET(values, name, name);
    PROTO_SET(sparse, values, values);
    PROTO_SET(sparse, indices, indices);
    return sparse;
}

/* ---- Attributes -------------------------------------------------------------------------- */

static bool find_type(TextParser *parser, TextRange range, TnString name, ProtoAttributeType *type)
{
    for (int i = 1; i <= PROTO_ATTRIBUTE_TYPES; i++) {
        if (proto_equals(name, attribute_type_name(i))) {
            *type = (ProtoAttributeType)i;
            return true;
        }
    }
    return parser_error(parser, range,
                        "'%.*s' is no type of attributes; expected int, float, string, tensor, "
                        "graph, type_proto, or the plural of one",
                        PRINTED(name));
}

/* The attribute type of a list of values of a type. */
static ProtoAttributeType plural(ProtoAttributeType type)
{
    switch (type) {
    case PROTO_ATTRIBUTE_FLOAT: return PROTO_ATTRIBUTE_FLOATS;
    case PROTO_ATTRIBUTE_INT: return PROTO_ATTRIBUTE_INTS;
    case PROTO_ATTRIBUTE_STRING: return PROTO_ATTRIBUTE_STRINGS;
    case PROTO_ATTRIBUTE_TENSOR: return PROTO_ATTRIBUTE_TENSORS;
    case PROTO_ATTRIBUTE_GRAPH: return PROTO_ATTRIBUTE_GRAPHS;
    case PROTO_ATTRIBUTE_TYPE: return PROTO_ATTRIBUTE_TYPES;
    case PROTO_ATTRIBUTE_SPARSE_TENSOR: return PROTO_ATTRIBUTE_SPARSE_TENSORS;
    default: return PROTO_ATTRIBUTE_UNDEFINED;
    }
}

static ProtoAttributeType type_of_literal(const Literal *literal)
{
    switch (literal->kind) {
    case LITERAL_integer: return PROTO_ATTRIBUTE_INT;
    case LITERAL_fraction: return PROTO_ATTRIBUTE_FLOAT;
    case LITERAL_string: return PROTO_ATTRIBUTE_STRING;
    case LITERAL_type: return PROTO_ATTRIBUTE_TYPE;
    case LITERAL_tensor: return PROTO_ATTRIBUTE_TENSOR;
    case LITERAL_sparse: return PROTO_ATTRIBUTE_SPARSE_TENSOR;
    case LITERAL_graph: return PROTO_ATTRIBUTE_GRAPH;
    case LITERAL_reference:
    case LITERAL_list: break;
    }
    return PROTO_ATTRIBUTE_UNDEFINED;
}

/* The type that all items have; integers among numbers with fractions are such numbers, too. */
static ProtoAttributeType type_of_list(const PointerList *list)
{
    ProtoAttributeType common = PROTO_ATTRIBUTE_UNDEFINED;
    for (int64_t i = 0; i < list->count; i++) {
        ProtoAttributeType type = type_of_literal(list->items[i]);
        if (i == 0 || (common == PROTO_ATTRIBUTE_INT && type == PROTO_ATTRIBUTE_FLOAT))
            common = type;
    }
    return plural(common);
}

static bool is_number(const Literal *literal)
{
    return literal->kind == LITERAL_integer || literal->kind == LITERAL_fraction;
}

/* One value into the attribute's singular field, or at the end of its list. */
static bool add_value(TextParser *parser, AttributeProto *attribute, ProtoAttributeType type,
                      const Literal *literal)
{
    Arena *arena = parser->arena;
    ProtoAttributeType found = type_of_literal(literal);
    bool single = type == found || (type == PROTO_ATTRIBUTE_FLOAT && is_number(literal));
    bool item = type == plural(found) || (type == PROTO_ATTRIBUTE_FLOATS && is_number(literal));
    if (!single && !item)
        return parser_error(parser, literal->range, "attribute '%.*s': expected %s here",
                            PRINTED(attribute->name), attribute_type_name(type));
    int64_t integer = 0;
    if (literal->kind == LITERAL_integer && type != PROTO_ATTRIBUTE_FLOAT &&
        type != PROTO_ATTRIBUTE_FLOATS && !number_to_int64(literal->text, &integer))
        return parser_error(parser, literal->range, "%.*s is out of the range of int64",
                            PRINTED(literal->text));
    switch (type) {
    case PROTO_ATTRIBUTE_FLOAT: PROTO_SET(attribute, f, number_to_float(literal->text)); break;
    case PROTO_ATTRIBUTE_INT: PROTO_SET(attribute, i, integer); break;
    case PROTO_ATTRIBUTE_STRING: PROTO_SET(attribute, s, literal->text); break;
    case PROTO_ATTRIBUTE_TENSOR: PROTO_SET(attribute, t, literal->message); break;
    case PROTO_ATTRIBUTE_GRAPH: PROTO_SET(attribute, g, literal->message); break;
    case PROTO_ATTRIBUTE_TYPE: PROTO_SET(attribute, tp, literal->message); break;
    case PROTO_ATTRIBUTE_FLOATS:
        array_push(arena, &attribute->floats, number_to_float(literal->text));
        break;
    case PROTO_ATTRIBUTE_INTS: array_push(arena, &attribute->ints, integer); break;
    case PROTO_ATTRIBUTE_STRINGS: array_push(arena, &attribute->strings, literal->text); break;
    case PROTO_ATTRIBUTE_TENSORS: array_push(arena, &attribute->tensors, literal->message); break;
    case PROTO_ATTRIBUTE_GRAPHS: array_push(arena, &attribute->graphs, literal->message); break;
    case PROTO_ATTRIBUTE_TYPES: array_push(arena, &attribute->type_protos, literal->message); break;
    case PROTO_ATTRIBUTE_SPARSE_TENSOR:
        PROTO_SET(attribute, sparse_tensor, literal->message);
        break;
    case PROTO_ATTRIBUTE_SPARSE_TENSORS:
        array_push(arena, &attribute->sparse_tensors, literal->message);
        break;
    case PROTO_ATTRIBUTE_UNDEFINED: break;
    }
    return true;
}

AttributeProto *build_attribute(TextParser *parser, TextRange range, TnString name,
                                TnString annotation, Literal *value)
{
    AttributeProto *attribute = MESSAGE_NEW(parser->arena, AttributeProto);
    place(&attribute->base, range);
    PROTO_SET(attribute, name, name);
    ProtoAttributeType type =
        value->kind == LITERAL_list ? type_of_list(value->list) : type_of_literal(value);
    if (annotation.length && !find_type(parser, range, annotation, &type))
        return NULL;
    PROTO_SET(attribute, type, (int32_t)type);
    if (type == PROTO_ATTRIBUTE_UNDEFINED) {
        parser_error(parser, range, "%s needs the attribute's type, as in '%.*s: %s'",
                     value->kind == LITERAL_list ? "an empty list" : "a reference", PRINTED(name),
                     value->kind == LITERAL_list ? "ints = []" : "int = @name");
        return NULL;
    }
    if (value->kind == LITERAL_reference) {
        PROTO_SET(attribute, ref_attr_name, value->text);
        return attribute;
    }
    if (value->kind != LITERAL_list) {
        if (type != type_of_literal(value) &&
            !(type == PROTO_ATTRIBUTE_FLOAT && is_number(value))) {
            parser_error(parser, value->range, "attribute '%.*s': expected %s here", PRINTED(name),
                         attribute_type_name(type));
            return NULL;
        }
        return add_value(parser, attribute, type, value) ? attribute : NULL;
    }
    if (plural(type) != PROTO_ATTRIBUTE_UNDEFINED) {
        parser_error(parser, value->range, "attribute '%.*s': found a list, expected %s",
                     PRINTED(name), attribute_type_name(type));
        return NULL;
    }
    for (int64_t i = 0; i < value->list->count; i++) {
        if (!add_value(parser, attribute, type, value->list->items[i]))
            return NULL;
    }
    return attribute;
}

AttributeProto *build_attribute_name(TextParser *parser, TextRange range, TnString name)
{
    AttributeProto *attribute = MESSAGE_NEW(parser->arena, AttributeProto);
    place(&attribute->base, range);
    PROTO_SET(attribute, name, name);
    return attribute;
}

/* ---- Nodes and graphs -------------------------------------------------------------------- */

NodeProto *build_node(TextParser *parser, TextRange range, TnString label, NameList *outputs,
                      DottedName *type, TnString overload, NameList *inputs,
                      PointerList *attributes)
{
    NodeProto *node = MESSAGE_NEW(parser->arena, NodeProto);
    place(&node->base, range);
    if (label.data)
        PROTO_SET(node, name, label);
    PROTO_SET(node, op_type, type->name);
    if (type->domain.length)
        PROTO_SET(node, domain, type->domain);
    if (overload.data)
        PROTO_SET(node, overload, overload);
    for (int64_t i = 0; inputs && i < inputs->count; i++)
        array_push(parser->arena, &node->input, inputs->items[i]);
    for (int64_t i = 0; outputs && i < outputs->count; i++)
        array_push(parser->arena, &node->output, outputs->items[i]);
    APPEND_ALL(parser, &node->attribute, attributes);
    return node;
}

bool build_enter_graph(TextParser *parser, TextRange range)
{
    return ++parser->graph_depth <= MAX_GRAPH_DEPTH ||
           parser_error(parser, range, "graphs are nested more than %d deep", MAX_GRAPH_DEPTH);
}

GraphProto *build_graph(TextParser *parser, TextRange range, TnString name, PointerList *inputs,
                        PointerList *outputs, PointerList *values, PointerList *nodes)
{
    GraphProto *graph = MESSAGE_NEW(parser->arena, GraphProto);
    place(&graph->base, range);
    if (name.length)
        PROTO_SET(graph, name, name);
    for (int64_t i = 0; inputs && i < inputs->count; i++) {
        Declaration *input = inputs->items[i];
        array_push(parser->arena, &graph->input, input->info);
        if (input->tensor)
            array_push(parser->arena, &graph->initializer, input->tensor);
        if (input->sparse)
            array_push(parser->arena, &graph->sparse_initializer, input->sparse);
    }
    for (int64_t i = 0; outputs && i < outputs->count; i++)
        array_push(parser->arena, &graph->output, ((Declaration *)outputs->items[i])->info);
    for (int64_t i = 0; values && i < values->count; i++) {
        Declaration *value = values->items[i];
        if (value->tensor)
            array_push(parser->arena, &graph->initializer, value->tensor);
        else if (value->sparse)
            array_push(parser->arena, &graph->sparse_initializer, value->sparse);
        else
            array_push(parser->arena, &graph->value_info, value->info);
    }
    APPEND_ALL(parser, &graph->node, nodes);
    return graph;
}

GraphProto *build_nodes(TextParser *parser, PointerList *nodes)
{
    GraphProto *graph = MESSAGE_NEW(parser->arena, GraphProto);
    APPEND_ALL(parser, &graph->node, nodes);
    return graph;
}

/* ---- Functions and models ---------------------------------------------------------------- */

static bool function_header(TextParser *parser, const HeaderItem *item, FunctionProto *function)
{
    if (proto_equals(item->key, "domain"))
        return header_string(parser, item, &function->domain, &function->has_domain);
    if (proto_equals(item->key, "overload"))
        return header_string(parser, item, &function->overload, &function->has_overload);
    if (proto_equals(item->key, "doc_string"))
        return header_string(parser, item, &function->doc_string, &function->has_doc_string);
    if (proto_equals(item->key, "opset_import")) {
        const PointerList *imports = header_opsets(parser, item);
        APPEND_ALL(parser, &function->opset_import, imports);
        return imports != NULL;
    }
    if (proto_equals(item->key, "metadata_props")) {
        const PointerList *entries = header_entries(parser, item);
        APPEND_ALL(parser, &function->metadata_props, entries);
        return entries != NULL;
    }
    return parser_error(parser, item->range,
                        "found '%.*s', expected domain, overload, opset_import, doc_string or "
                        "metadata_props: the header of a function has no other keys",
                        PRINTED(item->key));
}

/* Inputs and outputs may carry types, which a function keeps apart. */
static void add_function_values(TextParser *parser, FunctionProto *function,
                                const PointerList *values)
{
    for (int64_t i = 0; values && i < values->count; i++) {
        Declaration *value = values->items[i];
        if (value->info->has_type)
            array_push(parser->arena, &function->value_info, value->info);
    }
}

FunctionProto *build_function(TextParser *parser, TextRange range, PointerList *header,
                              TnString name, PointerList *attributes, PointerList *inputs,
                              PointerList *outputs, PointerList *values, PointerList *nodes)
{
    FunctionProto *function = MESSAGE_NEW(parser->arena, FunctionProto);
    place(&function->base, range);
    PROTO_SET(function, name, name);
    for (int64_t i = 0; header && i < header->count; i++) {
        if (!function_header(parser, header->items[i], function))
            return NULL;
    }
    for (int64_t i = 0; attributes && i < attributes->count; i++) {
        AttributeProto *attribute = attributes->items[i];
        if (attribute->has_type)
            array_push(parser->arena, &function->attribute_proto, attribute);
        else
            array_push(parser->arena, &function->attribute, attribute->name);
    }
    for (int64_t i = 0; inputs && i < inputs->count; i++)
        array_push(parser->arena, &function->input, ((Declaration *)inputs->items[i])->info->name);
    for (int64_t i = 0; outputs && i < outputs->count; i++)
        array_push(parser->arena, &function->output,
                   ((Declaration *)outputs->items[i])->info->name);
    add_function_values(parser, function, inputs);
    add_function_values(parser, function, outputs);
    for (int64_t i = 0; values && i < values->count; i++)
        array_push(parser->arena, &function->value_info, ((Declaration *)values->items[i])->info);
    APPEND_ALL(parser, &function->node, nodes);
    return function;
}

static bool model_header(TextParser *parser, const HeaderItem *item, ModelProto *model)
{
    if (proto_equals(item->key, "ir_version"))
        return header_integer(parser, item, &model->ir_version, &model->has_ir_version);
    if (proto_equals(item->key, "model_version"))
        return header_integer(parser, item, &model->model_version, &model->has_model_version);
    if (proto_equals(item->key, "opset_import")) {
        const PointerList *imports = header_opsets(parser, item);
        APPEND_ALL(parser, &model->opset_import, imports);
        return imports != NULL;
    }
    if (proto_equals(item->key, "producer_name"))
        return header_string(parser, item, &model->producer_name, &model->has_producer_name);
    if (proto_equals(item->key, "producer_version"))
        return header_string(parser, item, &model->producer_version, &model->has_producer_version);
    if (proto_equals(item->key, "domain"))
        return header_string(parser, item, &model->domain, &model->has_domain);
    if (proto_equals(item->key, "doc_string"))
        return header_string(parser, item, &model->doc_string, &model->has_doc_string);
    if (proto_equals(item->key, "metadata_props")) {
        const PointerList *entries = header_entries(parser, item);
        APPEND_ALL(parser, &model->metadata_props, entries);
        return entries != NULL;
    }
    return parser_error(parser, item->range,
                        "found '%.*s', expected ir_version, opset_import, producer_name, "
                        "producer_version, domain, model_version, doc_string or metadata_props: "
                        "the header of a model has no other keys",
                        PRINTED(item->key));
}

ModelProto *build_model(TextParser *parser, TextRange range, PointerList *header, GraphProto *graph,
                        PointerList *functions)
{
    ModelProto *model = MESSAGE_NEW(parser->arena, ModelProto);
    place(&model->base, range);
    for (int64_t i = 0; header && i < header->count; i++) {
        if (!model_header(parser, header->items[i], model))
            return NULL;
    }
    PROTO_SET(model, graph, graph);
    APPEND_ALL(parser, &model->functions, functions);
    return model;
}
