/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributes: each operator's table says which exist, of what type, and where they go. Whatever the
 * table does not know is an error, as a misspelt attribute would silently change the meaning;
 * names that begin with "__" are other tools' notes.
 *
 * An attribute's type may be missing (IR version 1): then the field that is there tells. Numbers
 * that are 0 may be missing from a file, as writers of the third protocol buffer syntax leave them
 * out; anything else that contradicts the type is an error.
 */
#include "frontend/importer.h"
#include "frontend/onnx/tensor.h"

#include <assert.h>
#include <string.h>

#define FAIL(importer, location, ...) error_at((importer)->diagnostics, (location), __VA_ARGS__)

/* ---- Types --------------------------------------------------------------------------------- */

/* Which fields are there, by bit of ProtoAttributeType. */
static uint32_t present_fields(const AttributeProto *attribute)
{
    return (uint32_t)attribute->has_f << PROTO_ATTRIBUTE_FLOAT |
           (uint32_t)attribute->has_i << PROTO_ATTRIBUTE_INT |
           (uint32_t)attribute->has_s << PROTO_ATTRIBUTE_STRING |
           (uint32_t)(attribute->t != NULL) << PROTO_ATTRIBUTE_TENSOR |
           (uint32_t)(attribute->g != NULL) << PROTO_ATTRIBUTE_GRAPH |
           (uint32_t)(attribute->floats.count > 0) << PROTO_ATTRIBUTE_FLOATS |
           (uint32_t)(attribute->ints.count > 0) << PROTO_ATTRIBUTE_INTS |
           (uint32_t)(attribute->strings.count > 0) << PROTO_ATTRIBUTE_STRINGS |
           (uint32_t)(attribute->tensors.count > 0) << PROTO_ATTRIBUTE_TENSORS |
           (uint32_t)(attribute->graphs.count > 0) << PROTO_ATTRIBUTE_GRAPHS |
           (uint32_t)(attribute->sparse_tensor != NULL) << PROTO_ATTRIBUTE_SPARSE_TENSOR |
           (uint32_t)(attribute->sparse_tensors.count > 0) << PROTO_ATTRIBUTE_SPARSE_TENSORS |
           (uint32_t)(attribute->tp != NULL) << PROTO_ATTRIBUTE_TYPE |
           (uint32_t)(attribute->type_protos.count > 0) << PROTO_ATTRIBUTE_TYPES;
}

ProtoAttributeType import_attribute_type(const AttributeProto *attribute)
{
    if (attribute->type > PROTO_ATTRIBUTE_UNDEFINED && attribute->type <= PROTO_ATTRIBUTE_TYPES)
        return (ProtoAttributeType)attribute->type;
    uint32_t fields = present_fields(attribute);
    bool single = fields && !(fields & (fields - 1)) && attribute->type == 0;
    return single ? (ProtoAttributeType)__builtin_ctz(fields) : PROTO_ATTRIBUTE_UNDEFINED;
}

static bool may_be_missing(ProtoAttributeType type)
{
    return type == PROTO_ATTRIBUTE_FLOAT || type == PROTO_ATTRIBUTE_INT ||
           type == PROTO_ATTRIBUTE_STRING || type == PROTO_ATTRIBUTE_FLOATS ||
           type == PROTO_ATTRIBUTE_INTS || type == PROTO_ATTRIBUTE_STRINGS;
}

/* One type, and the fields that belong to it. */
static bool check_fields(Importer *importer, const AttributeProto *attribute, Location location)
{
    ProtoAttributeType type = import_attribute_type(attribute);
    uint32_t fields = present_fields(attribute), own = (uint32_t)1 << type;
    const char *name =
        arena_string(importer->arena, attribute->name.data, (size_t)attribute->name.length);
    if (!type)
        return FAIL(importer, location, "attribute '%s' has no valid type", name);
    if (fields & ~own)
        return FAIL(importer, location, "attribute '%s' is of type %s and holds a %s", name,
                    attribute_type_name(type), attribute_type_name(__builtin_ctz(fields & ~own)));
    if (!fields && !may_be_missing(type))
        return FAIL(importer, location, "attribute '%s' is of type %s and holds none", name,
                    attribute_type_name(type));
    return true;
}

/* ---- Values -------------------------------------------------------------------------------- */

static bool store_choice(Importer *importer, const AttributeDef *def, TnString text, int *field,
                         Location location)
{
    *field = choice_find(def->choices, text.data ? text.data : "", (size_t)text.length);
    return *field >= 0 || FAIL(importer, location, "attribute '%s' is '%.*s', expected one of %s",
                               def->name, (int)text.length, text.data, def->choices);
}

static bool store_element(Importer *importer, const AttributeDef *def, int64_t value, int *field,
                          Location location)
{
    bool is_default = value == def->default_int && !def->required;
    if (!is_default && !element_is_valid(value))
        return FAIL(importer, location, "attribute '%s' is %lld, expected an element type",
                    def->name, (long long)value);
    *field = (int)value;
    return true;
}

static bool store(Importer *importer, const AttributeDef *def, const AttributeProto *attribute,
                  void *attributes, Location location)
{
    void *field = (char *)attributes + def->offset;
    switch (def->kind) {
    case ATTRIBUTE_int: *(int64_t *)field = attribute->i; return true;
    case ATTRIBUTE_float: *(float *)field = attribute->f; return true;
    case ATTRIBUTE_string: *(TnString *)field = attribute->s; return true;
    case ATTRIBUTE_choice: return store_choice(importer, def, attribute->s, field, location);
    case ATTRIBUTE_element: return store_element(importer, def, attribute->i, field, location);
    case ATTRIBUTE_ints:
        *(IntList *)field = (IntList){attribute->ints.count, attribute->ints.items};
        return true;
    case ATTRIBUTE_floats:
        *(FloatList *)field = (FloatList){attribute->floats.count, attribute->floats.items};
        return true;
    case ATTRIBUTE_strings:
        *(StringList *)field = (StringList){attribute->strings.count, attribute->strings.items};
        return true;
    case ATTRIBUTE_tensor: {
        const Constant *constant = tensor_import(importer->arena, attribute->t, location,
                                                 &importer->external, importer->diagnostics);
        *(const Constant **)field = constant;
        return constant != NULL;
    }
    case ATTRIBUTE_type: {
        const Type *type = import_type(importer, attribute->tp, def->name, location);
        *(const Type **)field = type;
        return type != NULL;
    }
    case ATTRIBUTE_graph: return true; /* the region follows */
    case ATTRIBUTE_type_list: break;
    }
    return unsupported_at(importer->diagnostics, location, "attribute '%s': a list of types",
                          def->name);
}

static const AttributeDef *find_def(const OpDef *op, TnString name)
{
    for (int i = 0; i < op->attribute_count; i++)
        if (proto_equals(name, op->attributes[i].name))
            return &op->attributes[i];
    return NULL;
}

static const char *known_names(Arena *arena, const OpDef *op)
{
    Text text = text_create(arena);
    for (int i = 0; i < op->attribute_count; i++)
        text_format(&text, "%s%s", i ? ", " : "", op->attributes[i].name);
    return op->attribute_count ? text.data : "none";
}

/* `seen` has a bit for each row of the table. */
static bool import_one(Importer *importer, const OpDef *op, const AttributeProto *attribute,
                       Location location, void *attributes, uint64_t *seen)
{
    const AttributeDef *def = find_def(op, attribute->name);
    TnString name = attribute->name;
    if (!def && name.length >= 2 && !memcmp(name.data, "__", 2))
        return true;
    if (!def)
        return FAIL(importer, location, "%s has no attribute '%.*s'; known: %s", op->name,
                    (int)name.length, name.data, known_names(importer->arena, op));
    uint64_t bit = (uint64_t)1 << (def - op->attributes);
    if (*seen & bit)
        return FAIL(importer, location, "attribute '%s' is given twice", def->name);
    *seen |= bit;
    if (!check_fields(importer, attribute, location))
        return false;
    ProtoAttributeType found = import_attribute_type(attribute),
                       expected = attribute_kind_type(def->kind);
    if (found != expected)
        return FAIL(importer, location, "attribute '%s' of %s is of type %s, expected %s",
                    def->name, op->name, attribute_type_name(found), attribute_type_name(expected));
    return store(importer, def, attribute, attributes, location);
}

bool import_attributes(Importer *importer, const OpDef *op, const NodeProto *node, const char *path,
                       void *attributes)
{
    uint64_t seen = 0;
    const char *name = node->name.length ? arena_string(importer->arena, node->name.data,
                                                        (size_t)node->name.length)
                                         : NULL;
    Location own = import_location(importer, &node->base, path);
    own.node = name;
    assert(op->attribute_count <= 64);
    attributes_set_defaults(op->attributes, op->attribute_count, attributes);
    for (int64_t i = 0; i < node->attribute.count; i++) {
        const AttributeProto *attribute = node->attribute.items[i];
        Location location = import_location(importer, &attribute->base,
                                            import_path(importer, path, "attribute", i));
        location.node = name;
        if (!import_one(importer, op, attribute, location, attributes, &seen))
            return false;
    }
    for (int i = 0; i < op->attribute_count; i++)
        if (op->attributes[i].required && !(seen >> i & 1))
            return FAIL(importer, own, "%s needs the attribute '%s'", op->name,
                        op->attributes[i].name);
    return true;
}

/* ---- References ---------------------------------------------------------------------------- */

const NodeProto *import_resolve_references(Importer *importer, const Scope *scope,
                                           const NodeProto *node)
{
    bool any = false;
    for (int64_t i = 0; i < node->attribute.count; i++)
        any |= node->attribute.items[i]->ref_attr_name.length > 0;
    if (!any)
        return node;
    NodeProto *copy = arena_copy(importer->arena, node, sizeof *node);
    memset(&copy->attribute, 0, sizeof copy->attribute);
    for (int64_t i = 0; i < node->attribute.count; i++) {
        AttributeProto *attribute = node->attribute.items[i];
        TnString name = attribute->ref_attr_name;
        if (name.length) {
            const AttributeProto *given =
                scope->attributes ? map_get_bytes(scope->attributes, name.data, (size_t)name.length)
                                  : NULL;
            if (!given)
                continue; /* the operator's default */
            AttributeProto *renamed = arena_copy(importer->arena, given, sizeof *given);
            renamed->name = attribute->name;
            attribute = renamed;
        }
        array_push(importer->arena, &copy->attribute, attribute);
    }
    return copy;
}

/* ---- Constant nodes ------------------------------------------------------------------------ */

static const Constant *vector_of(Importer *importer, TnElementType element, int rank, int64_t count,
                                 const void *items)
{
    return constant_create(importer->arena, element, rank, &count, items ? items : "");
}

static const Constant *constant_of(Importer *importer, const AttributeProto *attribute,
                                   Location location)
{
    Arena *arena = importer->arena;
    TnString name = attribute->name;
    ProtoAttributeType type = import_attribute_type(attribute);
    if (proto_equals(name, "value") && type == PROTO_ATTRIBUTE_TENSOR)
        return tensor_import(arena, attribute->t, location, &importer->external,
                             importer->diagnostics);
    if (proto_equals(name, "sparse_value") && type == PROTO_ATTRIBUTE_SPARSE_TENSOR)
        return sparse_tensor_import(arena, attribute->sparse_tensor, location, &importer->external,
                                    importer->diagnostics);
    if (proto_equals(name, "value_float") && type == PROTO_ATTRIBUTE_FLOAT)
        return vector_of(importer, TN_FLOAT, 0, 1, &attribute->f);
    if (proto_equals(name, "value_int") && type == PROTO_ATTRIBUTE_INT)
        return vector_of(importer, TN_INT64, 0, 1, &attribute->i);
    if (proto_equals(name, "value_string") && type == PROTO_ATTRIBUTE_STRING)
        return vector_of(importer, TN_STRING, 0, 1, &attribute->s);
    if (proto_equals(name, "value_floats") && type == PROTO_ATTRIBUTE_FLOATS)
        return vector_of(importer, TN_FLOAT, 1, attribute->floats.count, attribute->floats.items);
    if (proto_equals(name, "value_ints") && type == PROTO_ATTRIBUTE_INTS)
        return vector_of(importer, TN_INT64, 1, attribute->ints.count, attribute->ints.items);
    if (proto_equals(name, "value_strings") && type == PROTO_ATTRIBUTE_STRINGS)
        return vector_of(importer, TN_STRING, 1, attribute->strings.count,
                         attribute->strings.items);
    FAIL(importer, location, "Constant: attribute '%.*s' of type %s is not one of its values",
         (int)name.length, name.data, attribute_type_name(type));
    return NULL;
}

const Constant *import_constant_node(Importer *importer, const NodeProto *node, const char *path)
{
    const Constant *constant = NULL;
    Location location = import_location(importer, &node->base, path);
    int64_t values = 0;
    for (int64_t i = 0; i < node->attribute.count; i++) {
        const AttributeProto *attribute = node->attribute.items[i];
        if (attribute->name.length >= 2 && !memcmp(attribute->name.data, "__", 2))
            continue;
        const char *own = import_path(importer, path, "attribute", i);
        Location at = import_location(importer, &attribute->base, own);
        if (!check_fields(importer, attribute, at))
            return NULL;
        values++;
        constant = constant_of(importer, attribute, at);
        if (!constant)
            return NULL;
    }
    if (values == 1 && node->output.count == 1 && node->input.count == 0)
        return constant;
    FAIL(importer, location,
         "a Constant needs one value and one output, no input; this has %lld, %lld and %lld",
         (long long)values, (long long)node->output.count, (long long)node->input.count);
    return NULL;
}
