/* SPDX-License-Identifier: Apache-2.0
 *
 * The oldest operator set of a graph: for each node the oldest version of its operator that takes
 * its operands, results and attributes, and means the same by them. schemas.def knows what versions
 * take; versions that mean something else are not in it (upgrade.def). What is left are meanings
 * that were added without a trace in the types: the tables below.
 */
#include "frontend/opset/lowest.h"

#include "ir/graph/attribute.h"
#include "ir/graph/constant.h"
#include "ir/graph/type.h"
#include "ir/ops/op.h"
#include "ir/support/array.h"

#include <string.h>

enum { NEWEST = 28, OLDEST = 7, NEGATIVE_AXES = 11, MOST_INPUTS = 10, MOST_OUTPUTS = 6 };

typedef struct Schema {
    const char *op;
    int since;
    uint32_t inputs[MOST_INPUTS], outputs[MOST_OUTPUTS]; /* end with 0 */
    const char *attributes;                              /* "axis keepdims" */
} Schema;

static const Schema schemas[] = {
#define TYPES(...)                                                                                 \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define SCHEMA(op, since, inputs, outputs, attributes) {op, since, inputs, outputs, attributes},
#include "frontend/opset/schemas.def"
};

/* Versions that widened a meaning for the same types: broadcasting of all operands, indices that
 * count from the end. */
static const struct {
    const char *op;
    int since;
} widened[] = {{"Max", 8}, {"Mean", 8}, {"Min", 8}, {"Sum", 8}, {"Gather", 11}, {"OneHot", 11}};

/* Words that attributes learned. */
static const struct {
    const char *op, *attribute, *word;
    int since;
} words[] = {
    {"Pad", "mode", "wrap", 19},
    {"Resize", "coordinate_transformation_mode", "half_pixel_symmetric", 19},
    {"ScatterElements", "reduction", "max", 18},
    {"ScatterElements", "reduction", "min", 18},
    {"ScatterND", "reduction", "max", 18},
    {"ScatterND", "reduction", "min", 18},
};

/* ---- Types ------------------------------------------------------------------------------- */

static uint32_t type_bit(const Type *type)
{
    if (!type)
        return 0;
    switch (type->kind) {
    case TYPE_tensor: return (uint32_t)1 << type->element;
    case TYPE_sequence: return (uint32_t)1 << 29;
    case TYPE_optional: return (uint32_t)1 << 30;
    case TYPE_map:
    case TYPE_sparse_tensor: break;
    }
    return (uint32_t)1 << 31;
}

/* The set of the i-th input or output; 0 if there are not so many. */
static uint32_t types_at(const uint32_t *sets, int most, int i)
{
    int count = 0;
    while (count < most && sets[count])
        count++;
    if (count > 0 && i >= count && sets[count - 1] & 1)
        i = count - 1;
    return i < count ? sets[i] & ~(uint32_t)1 : 0;
}

static bool takes(const uint32_t *sets, int most, int i, const Type *type)
{
    uint32_t types = types_at(sets, most, i);
    return types && (!type || types & type_bit(type));
}

/* Captured values are operands beyond those that the operator names, and no schema speaks of them.
 */
static int declared_operands(const Node *node)
{
    int count = node->operand_count;
    if (node->region_count == 0 || node->op->control != CONTROL_if)
        return count;
    return count < 1 ? count : 1;
}

static bool takes_types(const Schema *schema, const Node *node)
{
    int count = declared_operands(node);
    for (int i = 0; i < count; i++) {
        const Value *value = operand(node, i);
        if (value && !takes(schema->inputs, MOST_INPUTS, i, value->type))
            return false;
    }
    for (int i = 0; i < node->result_count; i++) {
        const Value *value = result(node, i);
        bool wanted = value->first_use || value->name[0];
        if (wanted && !takes(schema->outputs, MOST_OUTPUTS, i, value->type))
            return false;
    }
    return true;
}

/* ---- Attributes -------------------------------------------------------------------------- */

static bool has_word(const char *words_, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = words_; (at = strstr(at, word)); at += length) {
        bool begins = at == words_ || at[-1] == ' ';
        if (begins && (at[length] == ' ' || !at[length]))
            return true;
    }
    return false;
}

static bool takes_attributes(const Schema *schema, const Node *node)
{
    for (int i = 0; i < node->op->attribute_count; i++) {
        const AttributeDef *def = &node->op->attributes[i];
        if (!attribute_is_default(def, node->attributes) &&
            !has_word(schema->attributes, def->name))
            return false;
    }
    return true;
}

/* What the values of the node's attributes ask for. */
static int lowest_of_values(const Node *node)
{
    int lowest = 1;
    for (int i = 0; i < node->op->attribute_count; i++) {
        const AttributeDef *def = &node->op->attributes[i];
        const void *field = (const char *)node->attributes + def->offset;
        if (def->kind == ATTRIBUTE_int && !strcmp(def->name, "axis") &&
            *(const int64_t *)field < 0 && !attribute_is_default(def, node->attributes))
            lowest = NEGATIVE_AXES > lowest ? NEGATIVE_AXES : lowest;
        if (def->kind != ATTRIBUTE_choice)
            continue;
        size_t length;
        const char *chosen = choice_name(def->choices, *(const int *)field, &length);
        for (size_t w = 0; chosen && w < COUNT_OF(words); w++) {
            if (!strcmp(words[w].op, node->op->name) && !strcmp(words[w].attribute, def->name) &&
                strlen(words[w].word) == length && !memcmp(words[w].word, chosen, length) &&
                words[w].since > lowest)
                lowest = words[w].since;
        }
    }
    return lowest;
}

/* ---- Nodes and graphs -------------------------------------------------------------------- */

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Floats have a remainder that rounds down only since 28. */
static int lowest_of_meaning(const Node *node)
{
    const Type *type = operand(node, 0) ? operand(node, 0)->type : NULL;
    if (!strcmp(node->op->name, "Mod") && type_is_tensor(type)) {
        const AttributeDef *def = &node->op->attributes[0];
        bool is_fmod = !attribute_is_default(def, node->attributes);
        if (!is_fmod && TYPES_FLOAT & TYPE_BIT(type->element))
            return NEWEST;
    }
    for (size_t i = 0; i < COUNT_OF(widened); i++) {
        if (!strcmp(widened[i].op, node->op->name))
            return widened[i].since;
    }
    return 1;
}

int64_t opset_lowest_of_node(const Node *node)
{
    if (node->op->domain && node->op->domain[0])
        return 1;
    for (size_t i = 0; i < COUNT_OF(schemas); i++) {
        if (!strcmp(schemas[i].op, node->op->name) && takes_types(&schemas[i], node) &&
            takes_attributes(&schemas[i], node))
            return larger(schemas[i].since,
                          larger(lowest_of_values(node), lowest_of_meaning(node)));
    }
    return NEWEST;
}

int64_t opset_lowest(const Graph *graph)
{
    int64_t lowest = OLDEST;
    FOR_EACH_NODE (node, graph) {
        lowest = larger(lowest, opset_lowest_of_node(node));
        for (int i = 0; i < node->region_count; i++)
            lowest = larger(lowest, opset_lowest(node->regions[i]));
    }
    return lowest;
}

int64_t ir_version_of_opset(int64_t opset)
{
    static const struct {
        int opset, ir;
    } releases[] = {{8, 3},  {9, 4},   {10, 5},  {11, 6},  {14, 7}, {18, 8},
                    {20, 9}, {22, 10}, {23, 11}, {24, 12}, {27, 13}};
    for (size_t i = 0; i < COUNT_OF(releases); i++) {
        if (opset <= releases[i].opset)
            return releases[i].ir;
    }
    return 14;
}

static int64_t ir_version_of_element(TnElementType element)
{
    switch (element) {
    case TN_BFLOAT16: return 4;
    case TN_FLOAT8E4M3FN:
    case TN_FLOAT8E4M3FNUZ:
    case TN_FLOAT8E5M2:
    case TN_FLOAT8E5M2FNUZ: return 9;
    case TN_UINT4:
    case TN_INT4: return 10;
    case TN_FLOAT4E2M1: return 11;
    case TN_FLOAT8E8M0: return 12;
    case TN_UINT2:
    case TN_INT2: return 13;
    case TN_FLOAT6E2M3:
    case TN_FLOAT6E3M2: return 14;
    case TN_UNDEFINED:
    case TN_FLOAT:
    case TN_UINT8:
    case TN_INT8:
    case TN_UINT16:
    case TN_INT16:
    case TN_INT32:
    case TN_INT64:
    case TN_STRING:
    case TN_BOOL:
    case TN_FLOAT16:
    case TN_DOUBLE:
    case TN_UINT32:
    case TN_UINT64:
    case TN_COMPLEX64:
    case TN_COMPLEX128: break;
    }
    return 3;
}

static int64_t ir_version_of_type(const Type *type)
{
    if (!type)
        return 3;
    int64_t own = type->kind == TYPE_optional ? 8 : ir_version_of_element(type->element);
    return larger(own, ir_version_of_type(type->inner));
}

int64_t ir_version_lowest(const Graph *graph, int64_t opset)
{
    /* Until 4 initializers had to be inputs, too, and writers do not do that. */
    int64_t lowest = larger(4, ir_version_of_opset(opset));
    for (int i = 0; i < graph->input_count; i++)
        lowest = larger(lowest, ir_version_of_type(graph->inputs[i]->type));
    for (int i = 0; i < graph->constant_count; i++)
        lowest = larger(lowest, ir_version_of_element(graph->constants[i]->constant->element));
    FOR_EACH_NODE (node, graph) {
        if (node->op->control == CONTROL_group)
            lowest = larger(lowest, 10); /* functions with overloads */
        for (int i = 0; i < node->result_count; i++)
            lowest = larger(lowest, ir_version_of_type(result(node, i)->type));
        for (int i = 0; i < node->region_count; i++)
            lowest = larger(lowest, ir_version_lowest(node->regions[i], opset));
    }
    return lowest;
}
