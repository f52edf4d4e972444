/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks of a node against the tables of its operator: how many operands and results, which may be
 * absent, which element types they have, and which have the same one. Import, inference and the
 * verifier share it.
 */
#include "ir/ops/op.h"
#include "ir/support/text.h"

#include <string.h>

/* "Gather" or "tenon.group": how messages call an operator. */
static const char *spelled(Arena *arena, const OpDef *op)
{
    return op->domain[0] ? arena_format(arena, "%s.%s", op->domain, op->name) : op->name;
}

static const char *types_text(Arena *arena, uint32_t types)
{
    Text text = text_create(arena);
    const char *comma = "";
    for (int i = 1; i < ELEMENT_TYPE_COUNT; i++) {
        if (!(types & TYPE_BIT(i)))
            continue;
        text_format(&text, "%s%s", comma, element_name((TnElementType)i));
        comma = ", ";
    }
    return text.data;
}

/* The row of operand i; the last row of a variadic operator stands for all that follow. */
static const OperandDef *def_of(const OperandDef *defs, int count, int i)
{
    if (i < count)
        return &defs[i];
    return count && defs[count - 1].variadic ? &defs[count - 1] : NULL;
}

static int least(const OperandDef *defs, int count)
{
    int required = 0;
    for (int i = 0; i < count; i++) {
        if (defs[i].variadic)
            required = i + defs[i].min_variadic;
        else if (!defs[i].optional)
            required = i + 1;
    }
    return required;
}

static const char *range_text(Arena *arena, const OperandDef *defs, int count)
{
    int low = least(defs, count);
    if (count && defs[count - 1].variadic)
        return arena_format(arena, "at least %d", low);
    return low == count ? arena_format(arena, "%d", low)
                        : arena_format(arena, "%d to %d", low, count);
}

/* One side of a node: its operands or its results. */
typedef struct Side {
    const char *noun;
    const OperandDef *defs;
    int def_count, count;
} Side;

static bool check_count(const Node *node, Diagnostics *diagnostics, const Side *side)
{
    bool open = side->def_count && side->defs[side->def_count - 1].variadic;
    if (side->count >= least(side->defs, side->def_count) &&
        (open || side->count <= side->def_count))
        return true;
    Arena *arena = diagnostics->arena;
    const char *expected = range_text(arena, side->defs, side->def_count);
    error_at(diagnostics, node_location(node), "%s has %d %ss, expected %s",
             spelled(arena, node->op), side->count, side->noun, expected);
    diagnostic_set_mismatch(diagnostics, arena_format(arena, "%d", side->count), expected);
    return false;
}

static bool check_presence(const Node *node, Diagnostics *diagnostics)
{
    for (int i = 0; i < node->operand_count; i++) {
        const OperandDef *def = def_of(node->op->operands, node->op->operand_count, i);
        if (!operand(node, i) && !def->optional)
            return error_at(diagnostics, node_location(node),
                            "%s needs its operand %d, %s, and it is absent",
                            spelled(diagnostics->arena, node->op), i, def->name);
    }
    return true;
}

/* The first value of each group. */
typedef struct Groups {
    const Value *first[128];
    int index[128];
} Groups;

static bool check_value(const Node *node, Diagnostics *diagnostics, const Side *side, int i,
                        const Value *value, Groups *groups)
{
    const OperandDef *def = def_of(side->defs, side->def_count, i);
    Arena *arena = diagnostics->arena;
    const char *op = spelled(arena, node->op);
    Location location = node_location(node);
    if (!value->type)
        return error_at(diagnostics, location, "%s: the type of %s %d, '%s', is not known", op,
                        side->noun, i, value->name);
    if (def->types == TYPES_ANY)
        return true;
    if (!type_is_tensor(value->type))
        return error_at(diagnostics, location, "%s: %s %d (%s), '%s', is a %s, expected a tensor",
                        op, side->noun, i, def->name, value->name, type_text(arena, value->type));
    TnElementType element = value->type->element;
    if (element == TN_UNDEFINED && value->type->rank < 0)
        return true; /* postponed */
    if (!(def->types & TYPE_BIT(element))) {
        const char *expected = types_text(arena, def->types);
        error_at(diagnostics, location,
                 "%s: %s %d (%s), '%s', has element type %s, expected one of %s", op, side->noun, i,
                 def->name, value->name, element_name(element), expected);
        diagnostic_set_mismatch(diagnostics, element_name(element), expected);
        return false;
    }
    if (!def->group)
        return true;
    int group = def->group & 127;
    const Value *first = groups->first[group];
    if (!first) {
        groups->first[group] = value;
        groups->index[group] = i;
    } else if (first->type->element != element) {
        return error_at(
            diagnostics, location,
            "%s: %s %d (%s), '%s', has element type %s, expected %s as operand %d, '%s'", op,
            side->noun, i, def->name, value->name, element_name(element),
            element_name(first->type->element), groups->index[group], first->name);
    }
    return true;
}

bool node_check_operands(const Node *node, Diagnostics *diagnostics)
{
    const OpDef *op = node->op;
    Side operands = {"operand", op->operands, op->operand_count, node->operand_count};
    Side results = {"result", op->results, op->result_count, node->result_count};
    if (!check_count(node, diagnostics, &operands) || !check_count(node, diagnostics, &results) ||
        !check_presence(node, diagnostics))
        return false;
    if (node->region_count != op->region_count)
        return error_at(diagnostics, node_location(node), "%s has %d regions, expected %d",
                        spelled(diagnostics->arena, op), node->region_count, op->region_count);
    Groups groups = {0};
    for (int i = 0; i < node->operand_count; i++)
        if (operand(node, i) &&
            !check_value(node, diagnostics, &operands, i, operand(node, i), &groups))
            return false;
    return true;
}

bool node_check(const Node *node, Diagnostics *diagnostics)
{
    if (!node_check_operands(node, diagnostics))
        return false;
    const OpDef *op = node->op;
    Side results = {"result", op->results, op->result_count, node->result_count};
    Groups groups = {0};
    for (int i = 0; i < node->result_count; i++) {
        const Value *value = node->results[i];
        if (value->name[0] && !check_value(node, diagnostics, &results, i, value, &groups))
            return false;
    }
    return true;
}
