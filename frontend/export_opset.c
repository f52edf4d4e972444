/* SPDX-License-Identifier: Apache-2.0
 *
 * Which operator set a model needs: the lowest whose version of each operator takes the node as it
 * is, by operands, results, attributes and element types (opset/history.def), and means the same by
 * it (the few rows below).
 */
#include "frontend/exporter.h"
#include "frontend/import.h"

#include <string.h>

typedef struct History {
    const char *name;
    int version, most_operands, most_results;
    uint32_t types; /* 29: sequences, 30: optionals */
    const char *attributes;
} History;

static const History history[] = {
#define HISTORY(name, version, operands, results, types, attributes)                               \
    {#name, version, operands, results, types, attributes},
#include "frontend/opset/history.def"
};

/* Operators that took the same form and meant something else before a version. */
static const struct {
    const char *name;
    int version;
} meanings[] = {
    {"BatchNormalization", 14}, /* whether it trained was told by the count of outputs */
    {"DFT", 20},
    {"GridSample", 20},
    {"GroupNormalization", 21},
    {"OptionalHasElement", 18},
    {"RoiAlign", 16},
};

/* Strings that an attribute could not have before a version. */
static const struct {
    const char *name, *attribute, *value;
    int version;
} choices[] = {
    {"Pad", "mode", "wrap", 19},
    {"Resize", "coordinate_transformation_mode", "half_pixel_symmetric", 19},
    {"ScatterElements", "reduction", "max", 18},
    {"ScatterElements", "reduction", "min", 18},
    {"ScatterND", "reduction", "max", 18},
    {"ScatterND", "reduction", "min", 18},
};

static bool has_word(const char *words, const char *word)
{
    return choice_find(words, word, strlen(word)) >= 0;
}

static uint32_t type_bits(const Type *type)
{
    if (!type)
        return 0;
    switch (type->kind) {
    case TYPE_tensor: return TYPE_BIT(type->element);
    case TYPE_sequence: return (uint32_t)1 << 29;
    case TYPE_optional: return (uint32_t)1 << 30;
    case TYPE_map:
    case TYPE_sparse_tensor: break;
    }
    return 0;
}

static uint32_t node_types(const Node *node)
{
    uint32_t types = 0;
    for (int i = 0; i < node->operand_count - node->capture_count; i++)
        if (operand(node, i))
            types |= type_bits(operand(node, i)->type);
    for (int i = 0; i < node->result_count; i++)
        types |= type_bits(node->results[i]->type);
    return types;
}

/* Operands or results up to the last one that is there. */
static int used_operands(const Node *node)
{
    int count = node->operand_count - node->capture_count;
    while (count > 0 && !operand(node, count - 1))
        count--;
    return count;
}

static int used_results(const Node *node)
{
    int count = node->result_count;
    while (count > 0 && !node->results[count - 1]->name[0])
        count--;
    return count;
}

static bool attributes_fit(const Node *node, const History *row)
{
    for (int i = 0; i < node->op->attribute_count; i++) {
        const AttributeDef *def = &node->op->attributes[i];
        bool written = def->required || !attribute_is_default(def, node->attributes);
        if (written && !has_word(row->attributes, def->name))
            return false;
    }
    return true;
}

static bool fits(const Node *node, const History *row)
{
    return used_operands(node) <= row->most_operands && used_results(node) <= row->most_results &&
           !(node_types(node) & ~row->types) && attributes_fit(node, row);
}

static int least_meaning(const Node *node)
{
    const OpDef *op = node->op;
    int least = OLDEST_WRITTEN_OPSET;
    for (size_t i = 0; i < COUNT_OF(meanings); i++)
        if (!strcmp(meanings[i].name, op->name))
            least = meanings[i].version;
    for (size_t i = 0; i < COUNT_OF(choices); i++) {
        if (strcmp(choices[i].name, op->name))
            continue;
        for (int a = 0; a < op->attribute_count; a++) {
            const AttributeDef *def = &op->attributes[a];
            if (def->kind != ATTRIBUTE_choice || strcmp(def->name, choices[i].attribute))
                continue;
            int value = *(const int *)((const char *)node->attributes + def->offset);
            if (value == choice_find(def->choices, choices[i].value, strlen(choices[i].value)) &&
                least < choices[i].version)
                least = choices[i].version;
        }
    }
    bool is_float = operand(node, 0) && type_is_tensor(operand(node, 0)->type) &&
                    element_kind(operand(node, 0)->type->element) == ELEMENT_KIND_FLOAT;
    /* Before, fmod had to be 1 for floats. */
    if (!strcmp(op->name, "Mod") && op->attribute_count && is_float &&
        attribute_is_default(&op->attributes[0], node->attributes))
        least = 28;
    return least;
}

/* The lowest opset that takes the node; that of its operator where the table knows none. */
static int64_t node_opset(const Node *node)
{
    int least = least_meaning(node);
    for (size_t i = 0; i < COUNT_OF(history); i++) {
        const History *row = &history[i];
        if (strcmp(row->name, node->op->name))
            continue;
        bool superseded = i + 1 < COUNT_OF(history) && !strcmp(history[i + 1].name, row->name) &&
                          history[i + 1].version <= least;
        if (!superseded && fits(node, row))
            return row->version > least ? row->version : least;
    }
    return node->op->since;
}

/* The writers put an Identity before an output that no node of the graph makes. */
static int64_t identity_opset(const Type *type)
{
    for (size_t i = 0; i < COUNT_OF(history); i++)
        if (!strcmp(history[i].name, "Identity") && !(type_bits(type) & ~history[i].types))
            return history[i].version;
    return 0;
}

static void find_opset(const Graph *graph, int64_t wanted, int64_t *opset, Diagnostics *diagnostics)
{
    FOR_EACH_NODE (node, graph) {
        int64_t own = node->op->domain[0] ? 0 : node_opset(node);
        if (own > *opset)
            *opset = own;
        if (wanted && own > wanted)
            unsupported_at(diagnostics, node_location(node),
                           "%s as it is here in opset %lld; it needs %lld", node->op->name,
                           (long long)wanted, (long long)own);
        for (int i = 0; i < node->region_count; i++)
            find_opset(node->regions[i], wanted, opset, diagnostics);
    }
    for (int i = 0; i < graph->output_count; i++) {
        const Value *value = graph_output(graph, i);
        int64_t own = value->kind == VALUE_result ? 0 : identity_opset(value->type);
        if (own > *opset)
            *opset = own;
    }
}

int64_t export_opset(const Model *model, int64_t wanted, Diagnostics *diagnostics)
{
    int64_t opset = OLDEST_WRITTEN_OPSET, errors = diagnostics->error_count;
    if (wanted && wanted < OLDEST_WRITTEN_OPSET) {
        unsupported_at(diagnostics, (Location){0}, "writing opset %lld; %d and newer are",
                       (long long)wanted, OLDEST_WRITTEN_OPSET);
        return 0;
    }
    if (wanted > NEWEST_OPSET) {
        unsupported_at(diagnostics, (Location){0}, "writing opset %lld; the newest known is %d",
                       (long long)wanted, NEWEST_OPSET);
        return 0;
    }
    find_opset(model->graph, wanted, &opset, diagnostics);
    if (diagnostics->error_count > errors)
        return 0;
    return wanted > opset ? wanted : opset;
}

int64_t export_ir_version(int64_t opset, bool has_functions)
{
    static const struct {
        int64_t opset, ir_version;
    } releases[] = {{28, 14}, {25, 13}, {24, 12}, {23, 11}, {21, 10}, {19, 9}, {15, 8}};
    for (size_t i = 0; i < COUNT_OF(releases); i++)
        if (opset >= releases[i].opset)
            return releases[i].ir_version;
    return has_functions ? 8 : 7;
}
