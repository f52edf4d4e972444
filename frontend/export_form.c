/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes as operator sets have them. The graph IR has the newest version of each operator; an older
 * set takes the node if the version that it has takes its operands, results, attributes and element
 * types (opset/history.def), perhaps after operands have become attributes, and means the same by
 * it (opset/forms.def). Resize, whose forms differ more, has rules of its own.
 *
 * Axes that count from the end came with opset 11; before, they are written as they count from the
 * front.
 */
#include "frontend/exporter.h"
#include "frontend/onnx/tensor.h"
#include "ir/graph/constant.h"
#include "ir/graph/type.h"

#include <string.h>

typedef struct History {
    const char *name;
    int version, least_operands, most_operands, most_results;
    uint32_t types; /* 29: sequences, 30: optionals */
    const char *attributes;
} History;

static const History history[] = {
#define HISTORY(name, version, least, operands, results, types, attributes)                        \
    {#name, version, least, operands, results, types, attributes},
#include "frontend/opset/history.def"
};

enum { OPSET_OF_NEGATIVE_AXES = 11 };

static bool is_op(const Node *node, const char *name)
{
    return !strcmp(node->op->name, name);
}

/* ---- Nodes of which something holds -------------------------------------------------------- */

static int formal_count(const Node *node)
{
    return node->operand_count - node->capture_count;
}

static int used_results(const Node *node)
{
    int count = node->result_count;
    while (count > 0 && !node->results[count - 1]->name[0])
        count--;
    return count;
}

/* -1: not known. */
static int rank_of(const Value *value)
{
    return value && value->type && type_is_tensor(value->type) ? value->type->rank : -1;
}

static bool always(const Node *node)
{
    (void)node;
    return true;
}

static bool has_more_results(const Node *node)
{
    return used_results(node) > 1;
}

static bool carries_nothing(const Node *node)
{
    return formal_count(node) <= 2;
}

static bool has_inner_axes(const Node *node)
{
    int64_t axis = node_int(node, "axis"), rank = rank_of(operand(node, 0));
    return rank < 0 || (axis != -1 && axis != rank - 1);
}

static bool scales_an_axis(const Node *node)
{
    return rank_of(operand(node, 1)) != 0;
}

static bool broadcasts(const Node *node)
{
    const Type *first = operand(node, 0) ? operand(node, 0)->type : NULL;
    for (int i = 1; i < node->operand_count; i++) {
        const Type *type = operand(node, i) ? operand(node, i)->type : NULL;
        if (!first || !type || first->rank < 0 || first->rank != type->rank)
            return true;
        for (int d = 0; d < type->rank; d++)
            if (type->dims[d] != first->dims[d])
                return true;
    }
    return false;
}

/* An operand that is not known to have no negative elements. */
static bool may_be_negative(const Node *node, int i)
{
    const Constant *constant = operand_constant(node, i);
    for (int64_t j = 0; constant && j < constant->count; j++)
        if (constant_get_int64(constant, j) < 0)
            return true;
    return operand(node, i) && !constant;
}

static bool counts_from_end(const Node *node)
{
    return may_be_negative(node, 1);
}

static bool steps_back(const Node *node)
{
    return may_be_negative(node, 4);
}

static bool floors_floats(const Node *node)
{
    const Type *type = operand(node, 0) ? operand(node, 0)->type : NULL;
    return type && type_is_tensor(type) && element_kind(type->element) == ELEMENT_KIND_FLOAT &&
           !node_int(node, "fmod");
}

/* Into as many parts as there are results. */
static bool splits_evenly(const Node *node)
{
    const Value *value = operand(node, 0);
    int64_t axis = node_int(node, "axis"), size;
    int rank = rank_of(value);
    axis += axis < 0 ? rank : 0;
    return node_int(node, "num_outputs") == node->result_count && axis >= 0 && axis < rank &&
           expr_known(value->type->dims[axis], &size) && size % node->result_count == 0;
}

/* ---- Tables -------------------------------------------------------------------------------- */

typedef enum MovedKind { MOVED_int, MOVED_float, MOVED_ints, MOVED_floats } MovedKind;

typedef struct Moved {
    const char *name;
    int before, operand;
    const char *attribute;
    MovedKind kind;
} Moved;

static const Moved moved_table[] = {
#define MOVED(name, before, operand, attribute, kind)                                              \
    {#name, before, operand, #attribute, MOVED_##kind},
#include "frontend/opset/forms.def"
};

static const struct {
    const char *name;
    int before;
    const char *attribute;
} explicit_table[] = {
#define EXPLICIT(name, before, attribute) {#name, before, #attribute},
#include "frontend/opset/forms.def"
};

static const struct {
    const char *name;
    int before;
    const char *attribute;
    bool (*where)(const Node *node);
} left_out_table[] = {
#define LEFT_OUT(name, before, attribute, where) {#name, before, #attribute, where},
#include "frontend/opset/forms.def"
};

static const struct {
    const char *name;
    int since;
    bool (*where)(const Node *node);
    const char *why;
} meaning_table[] = {
#define MEANING(name, since, where, why) {#name, since, where, why},
#include "frontend/opset/forms.def"
};

static const struct {
    const char *name;
    int since;
    const char *attribute, *value;
} choice_table[] = {
#define CHOICE(name, since, attribute, value) {#name, since, #attribute, #value},
#include "frontend/opset/forms.def"
};

/* The first of an operator's rows, which stand in order of versions; NULL if there is none. */
static const History *find_history(const char *name)
{
    size_t low = 0, high = COUNT_OF(history);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(history[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < COUNT_OF(history) && !strcmp(history[low].name, name) ? &history[low] : NULL;
}

/* The version that an opset has; NULL: none. */
static const History *version_in(const char *name, int64_t opset)
{
    const History *found = NULL, *end = history + COUNT_OF(history);
    for (const History *row = find_history(name); row && row < end && !strcmp(row->name, name);
         row++)
        if (row->version <= opset)
            found = row;
    return found;
}

static const Moved *find_moved(const Node *node, int i, int64_t opset)
{
    for (size_t row = 0; row < COUNT_OF(moved_table); row++)
        if (is_op(node, moved_table[row].name) && moved_table[row].operand == i &&
            opset < moved_table[row].before)
            return &moved_table[row];
    return NULL;
}

bool export_is_moved(const Node *node, int i, int64_t opset)
{
    return !node->op->domain[0] && find_moved(node, i, opset);
}

/* Whether the opset has the attribute even where it has its default. */
static bool is_explicit(const Node *node, const AttributeDef *def, int64_t opset)
{
    for (size_t i = 0; i < COUNT_OF(explicit_table); i++)
        if (is_op(node, explicit_table[i].name) && opset < explicit_table[i].before &&
            !strcmp(def->name, explicit_table[i].attribute))
            return true;
    return false;
}

static bool is_left_out(const Node *node, const AttributeDef *def, int64_t opset)
{
    for (size_t i = 0; i < COUNT_OF(left_out_table); i++)
        if (is_op(node, left_out_table[i].name) && opset < left_out_table[i].before &&
            !strcmp(def->name, left_out_table[i].attribute))
            return left_out_table[i].where(node);
    return false;
}

bool export_changes_form(const Node *node, int64_t opset)
{
    for (int i = 0; i < formal_count(node); i++)
        if (operand(node, i) && export_is_moved(node, i, opset))
            return true;
    for (int i = 0; i < node->op->attribute_count; i++)
        if (!attribute_is_default(&node->op->attributes[i], node->attributes) &&
            is_left_out(node, &node->op->attributes[i], opset))
            return true;
    return false;
}

/* ---- Whether a version has a form ---------------------------------------------------------- */

static const char *operand_name(const Node *node, int i)
{
    int last = node->op->operand_count - 1;
    return last < 0 ? "an operand" : node->op->operands[i < last ? i : last].name;
}

static const char *operands_misfit(Arena *arena, const Node *node, const History *row,
                                   int64_t opset)
{
    for (int i = 0; i < formal_count(node); i++) {
        const Value *value = operand(node, i);
        const Moved *moved = find_moved(node, i, opset);
        const Constant *constant = value ? value->constant : NULL;
        bool is_float = moved && (moved->kind == MOVED_float || moved->kind == MOVED_floats);
        if (value && moved && !constant)
            return arena_format(arena, "its operand %s must be a constant", operand_name(node, i));
        if (value && !moved && i >= row->most_operands)
            return arena_format(arena, "it has no operand %s", operand_name(node, i));
        for (int64_t j = 0; value && is_float && j < constant->count; j++) {
            double number = constant_get_double(constant, j);
            if (number == number && (double)(float)number != number)
                return arena_format(arena, "its attribute %s is no double", moved->attribute);
        }
    }
    for (int i = 0; i < row->least_operands; i++)
        if (!operand(node, i) && !find_moved(node, i, opset))
            return arena_format(arena, "it needs an operand %s", operand_name(node, i));
    if (used_results(node) > row->most_results)
        return arena_format(arena, "it has no result %d", row->most_results);
    return NULL;
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

static const char *type_misfit(Arena *arena, const Value *value, const History *row)
{
    return value && type_bits(value->type) & ~row->types
               ? arena_format(arena, "it does not take %s", type_text(arena, value->type))
               : NULL;
}

static const char *types_misfit(Arena *arena, const Node *node, const History *row, int64_t opset)
{
    const char *misfit = NULL;
    for (int i = 0; i < formal_count(node) && !misfit; i++)
        if (!find_moved(node, i, opset))
            misfit = type_misfit(arena, operand(node, i), row);
    for (int i = 0; i < node->result_count && !misfit; i++)
        misfit = type_misfit(arena, node->results[i], row);
    return misfit;
}

static bool is_written(const Node *node, const AttributeDef *def, int64_t opset)
{
    return def->required || is_explicit(node, def, opset) ||
           (!attribute_is_default(def, node->attributes) && !is_left_out(node, def, opset));
}

static const char *attributes_misfit(Arena *arena, const Node *node, const History *row,
                                     int64_t opset)
{
    for (int i = 0; i < node->op->attribute_count; i++) {
        const AttributeDef *def = &node->op->attributes[i];
        if (is_written(node, def, opset) &&
            choice_find(row->attributes, def->name, strlen(def->name)) < 0)
            return arena_format(arena, "it has no attribute %s", def->name);
    }
    for (size_t i = 0; i < COUNT_OF(choice_table); i++)
        if (is_op(node, choice_table[i].name) && opset < choice_table[i].since &&
            node_choice_is(node, choice_table[i].attribute, choice_table[i].value))
            return arena_format(arena, "its %s cannot be %s", choice_table[i].attribute,
                                choice_table[i].value);
    return NULL;
}

static const char *meaning_misfit(const Node *node, int64_t opset)
{
    for (size_t i = 0; i < COUNT_OF(meaning_table); i++)
        if (is_op(node, meaning_table[i].name) && opset < meaning_table[i].since &&
            meaning_table[i].where(node))
            return meaning_table[i].why;
    return NULL;
}

/* ---- Axes ---------------------------------------------------------------------------------- */

static bool is_axis(const char *attribute)
{
    return !strcmp(attribute, "axis") || !strcmp(attribute, "axes");
}

/* Of the tensor whose axes a node counts. */
static int counted_rank(const Node *node)
{
    return rank_of(is_op(node, "Unsqueeze") ? node->results[0] : operand(node, 0));
}

bool export_is_default(const Node *node, const AttributeDef *def, int64_t opset)
{
    if (def->required || is_explicit(node, def, opset))
        return false;
    if (attribute_is_default(def, node->attributes))
        return true;
    if (opset >= OPSET_OF_NEGATIVE_AXES || node->op->domain[0] || def->kind != ATTRIBUTE_int ||
        strcmp(def->name, "axis") != 0)
        return false;
    int64_t axis = *(const int64_t *)((const char *)node->attributes + def->offset);
    return axis < 0 && axis + counted_rank(node) == def->default_int;
}

static void count_axes_from_front(const Node *node, NodeProto *proto)
{
    int rank = counted_rank(node);
    for (int64_t i = 0; i < proto->attribute.count; i++) {
        AttributeProto *attribute = proto->attribute.items[i];
        if (!proto_equals(attribute->name, "axis") && !proto_equals(attribute->name, "axes"))
            continue;
        attribute->i += attribute->i < 0 ? rank : 0;
        for (int64_t j = 0; j < attribute->ints.count; j++)
            attribute->ints.items[j] += attribute->ints.items[j] < 0 ? rank : 0;
    }
}

/* ---- Resize -------------------------------------------------------------------------------- */

/* Until 11 there was one way to place pixels, and each scale was at least 1. */
static const char *resize_misfit(Arena *arena, const Node *node, int64_t opset)
{
    const Constant *scales = operand_constant(node, 2);
    if (opset >= 11)
        return NULL;
    if (!node_choice_is(node, "coordinate_transformation_mode", "asymmetric") ||
        node_choice_is(node, "mode", "cubic") ||
        (node_choice_is(node, "mode", "nearest") && !node_choice_is(node, "nearest_mode", "floor")))
        return "pixels lay at i / scale, and the nearest one was that before";
    for (int i = 0; i < node->op->attribute_count; i++) {
        const AttributeDef *def = &node->op->attributes[i];
        bool is_said = !strcmp(def->name, "mode") || !strcmp(def->name, "nearest_mode") ||
                       !strcmp(def->name, "coordinate_transformation_mode");
        if (!is_said && !attribute_is_default(def, node->attributes))
            return arena_format(arena, "it has no attribute %s", def->name);
    }
    if (operand(node, 1) || operand(node, 3) || !scales)
        return "its scales must be constants";
    for (int64_t i = 0; i < scales->count; i++)
        if (constant_get_double(scales, i) < 1)
            return "its scales must not be below 1";
    return type_misfit(arena, operand(node, 0),
                       version_in(opset < 10 ? "Upsample" : "Resize", opset));
}

static TensorProto *no_numbers(Arena *arena)
{
    const int64_t dims[] = {0};
    return tensor_export(arena, constant_create(arena, TN_FLOAT, 1, dims, ""), NULL);
}

/* 11 and 12 want roi and scales, without elements where they do not count. */
static bool fill_resize(Arena *arena, NodeProto *proto, GraphProto *before)
{
    for (int i = 1; i < 3; i++) {
        if (i < proto->input.count && proto->input.items[i].length)
            continue;
        const char *name = arena_format(arena, "%.*s_no_%s", (int)proto->output.items[0].length,
                                        proto->output.items[0].data, i == 1 ? "roi" : "scales");
        NodeProto *constant = MESSAGE_NEW(arena, NodeProto);
        AttributeProto *value = MESSAGE_NEW(arena, AttributeProto);
        PROTO_SET(value, name, proto_string("value"));
        PROTO_SET(value, type, PROTO_ATTRIBUTE_TENSOR);
        PROTO_SET(value, t, no_numbers(arena));
        PROTO_SET(constant, op_type, proto_string("Constant"));
        array_push(arena, &constant->attribute, value);
        array_push(arena, &constant->output, proto_string(name));
        array_push(arena, &before->node, constant);
        if (i == proto->input.count)
            array_push(arena, &proto->input, proto_string(name));
        else
            proto->input.items[i] = proto_string(name);
        if (!value->t)
            return false;
    }
    return true;
}

static bool older_resize(Arena *arena, int64_t opset, NodeProto *proto, GraphProto *before)
{
    if (opset >= 11)
        return fill_resize(arena, proto, before);
    PROTO_SET(proto, op_type, proto_string(opset < 10 ? "Upsample" : "Resize"));
    int64_t kept = 0;
    for (int64_t i = 0; i < proto->attribute.count; i++)
        if (proto_equals(proto->attribute.items[i]->name, "mode") ||
            proto_equals(proto->attribute.items[i]->name, "scales"))
            proto->attribute.items[kept++] = proto->attribute.items[i];
    proto->attribute.count = kept;
    if (proto->input.count > 2)
        proto->input.items[1] = proto->input.items[2];
    proto->input.count = opset < 9 ? 1 : 2;
    return true;
}

/* ---- Forms --------------------------------------------------------------------------------- */

static const char *axes_misfit(const Node *node)
{
    bool negative = false;
    for (int i = 0; i < node->op->attribute_count; i++) {
        const AttributeDef *def = &node->op->attributes[i];
        if (is_axis(def->name) && def->kind == ATTRIBUTE_int)
            negative |= node_int(node, def->name) < 0;
    }
    for (int i = 0; i < formal_count(node); i++) {
        const Moved *moved = find_moved(node, i, OPSET_OF_NEGATIVE_AXES - 1);
        negative |= moved && is_axis(moved->attribute) && may_be_negative(node, i);
    }
    return negative && counted_rank(node) < 0 ? "axes did not count from the end" : NULL;
}

const char *export_misfit(Arena *arena, const Node *node, int64_t opset)
{
    if (node->op->domain[0]) /* what others make of it may be said in this set's operators */
        return opset < OLDEST_DUMPED_OPSET && node->op->control != CONTROL_group
                   ? "operators of other domains come with newer ones"
                   : NULL;
    if (is_op(node, "Resize") && opset < 11)
        return resize_misfit(arena, node, opset);
    const History *row = version_in(node->op->name, opset);
    if (!row)
        return opset >= node->op->since ? NULL : "it came with a later one";
    const char *misfit = types_misfit(arena, node, row, opset);
    History without_least = *row;
    without_least.least_operands = 1;
    if (is_op(node, "Resize"))
        row = &without_least; /* fill_resize() makes them */
    misfit = misfit ? misfit : operands_misfit(arena, node, row, opset);
    misfit = misfit ? misfit : attributes_misfit(arena, node, row, opset);
    misfit = misfit ? misfit : meaning_misfit(node, opset);
    return !misfit && opset < OPSET_OF_NEGATIVE_AXES ? axes_misfit(node) : misfit;
}

static AttributeProto *moved_attribute(Arena *arena, const Moved *moved, const Constant *constant)
{
    AttributeProto *proto = MESSAGE_NEW(arena, AttributeProto);
    PROTO_SET(proto, name, proto_string(moved->attribute));
    proto->has_type = true;
    for (int64_t i = 0; i < constant->count; i++) {
        int64_t integer = moved->kind == MOVED_int || moved->kind == MOVED_ints
                              ? constant_get_int64(constant, i)
                              : 0;
        float real = moved->kind == MOVED_float || moved->kind == MOVED_floats
                         ? (float)constant_get_double(constant, i)
                         : 0;
        switch (moved->kind) {
        case MOVED_int: PROTO_SET(proto, i, integer); break;
        case MOVED_float: PROTO_SET(proto, f, real); break;
        case MOVED_ints: array_push(arena, &proto->ints, integer); break;
        case MOVED_floats: array_push(arena, &proto->floats, real); break;
        }
    }
    static const ProtoAttributeType types[] = {PROTO_ATTRIBUTE_INT, PROTO_ATTRIBUTE_FLOAT,
                                               PROTO_ATTRIBUTE_INTS, PROTO_ATTRIBUTE_FLOATS};
    proto->type = (int32_t)types[moved->kind];
    return proto;
}

static void remove_left_out(const Node *node, int64_t opset, NodeProto *proto)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < proto->attribute.count; i++) {
        bool left_out = false;
        for (int a = 0; a < node->op->attribute_count; a++)
            left_out |=
                proto_equals(proto->attribute.items[i]->name, node->op->attributes[a].name) &&
                is_left_out(node, &node->op->attributes[a], opset);
        if (!left_out)
            proto->attribute.items[kept++] = proto->attribute.items[i];
    }
    proto->attribute.count = kept;
}

/* An empty list of axes means all of them, which older versions say by the absence of one. */
static bool means_absent(const Node *node, const Moved *moved, const Constant *constant)
{
    return constant->count == 0 && is_axis(moved->attribute) && !is_op(node, "Unsqueeze");
}

bool export_older_form(Arena *arena, const Node *node, int64_t opset, NodeProto *proto,
                       GraphProto *before)
{
    if (node->op->domain[0])
        return true;
    remove_left_out(node, opset, proto);
    for (int i = 0; i < formal_count(node); i++) {
        const Moved *moved = find_moved(node, i, opset);
        if (moved && operand(node, i) && !means_absent(node, moved, operand(node, i)->constant))
            array_push(arena, &proto->attribute,
                       moved_attribute(arena, moved, operand(node, i)->constant));
    }
    if (opset < OPSET_OF_NEGATIVE_AXES)
        count_axes_from_front(node, proto);
    return is_op(node, "Resize") && opset < 13 ? older_resize(arena, opset, proto, before) : true;
}
