/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of canonicalize: padding that windows can do themselves.
 */
#include "ir/ops/window.h"
#include "ir/support/array.h"
#include "passes/rules.h"

#include <math.h>

/* Pads of every dimension, all begins and then all ends; false where they are not known. */
static bool known_pads(Pass *pass, const Node *pad, int rank, int64_t *pads)
{
    IntList given, axes;
    bool has_axes = operand(pad, 3) != NULL;
    if (!node_choice_is(pad, "mode", "constant") || !known_list(pass, pad, 1, &given) ||
        (has_axes && !known_list(pass, pad, 3, &axes)))
        return false;
    int64_t count = has_axes ? axes.count : rank;
    if (given.count != 2 * count)
        return false;
    for (int d = 0; d < 2 * rank; d++)
        pads[d] = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t axis = has_axes ? axes.items[i] : i;
        axis = axis < 0 ? axis + rank : axis;
        pads[axis] = given.items[i];
        pads[rank + axis] = given.items[count + i];
    }
    return true;
}

/* Whether only spatial dimensions are padded, and none is cut. */
static bool is_spatial(int rank, const int64_t *pads)
{
    for (int d = 0; d < 2 * rank; d++)
        if (pads[d] < 0 || (d % rank < 2 && pads[d] != 0))
            return false;
    return true;
}

static bool pads_with(const Node *pad, double value)
{
    return operand(pad, 2) ? is_uniform(pad, 2, value) : value == 0;
}

/* The window's node on the operand of the Pad before it, whose pads join its own. */
static Value *take_pads(Pass *pass, Node *node, const Node *pad, bool counts)
{
    int rank = operand_type(pad, 0)->rank, spatial = rank - 2;
    int64_t pads[2 * MAX_RANK];
    const WindowAttributes *window = node->attributes;
    if (window->auto_pad != AUTO_PAD_NOTSET || spatial < 1 || !known_pads(pass, pad, rank, pads) ||
        !is_spatial(rank, pads))
        return NULL;
    Arena *arena = pass->model->arena;
    int64_t *sums = ARENA_ARRAY(arena, int64_t, 2 * spatial + 1);
    for (int d = 0; d < 2 * spatial; d++) {
        int64_t own = window->pads.count ? window->pads.items[d] : 0;
        sums[d] = own + pads[d / spatial * rank + 2 + d % spatial];
    }
    void *attributes = arena_copy(arena, node->attributes, node->op->attributes_size);
    ((WindowAttributes *)attributes)->pads = (IntList){2 * spatial, sums};
    if (counts)
        *(int64_t *)op_attribute(node->op, attributes, "count_include_pad") = 1;
    Value **operands = ARENA_ARRAY(pass->scratch, Value *, node->operand_count + 1);
    for (int i = 0; i < node->operand_count; i++)
        operands[i] = i ? operand(node, i) : operand(pad, 0);
    Editor editor = rewrite_editor(pass, node);
    Node *made = edit_node(&editor, node->op, attributes, node->operand_count, operands, 1, 0);
    return made && edit_infer(&editor, made) ? result(made, 0) : NULL;
}

/* Conv(Pad(x, 0)) = Conv(x), padded */
RULE(pad_into_conv, conv)
{
    const Node *pad = operand_node(node, 0, &op_pad);
    return pad && pads_with(pad, 0) ? take_pads(pass, node, pad, false) : NULL;
}

/* MaxPool(Pad(x, -inf)) = MaxPool(x), padded */
RULE(pad_into_max_pool, max_pool)
{
    const Node *pad = operand_node(node, 0, &op_pad);
    if (!pad || node->result_count != 1 || !pads_with(pad, -INFINITY))
        return NULL;
    return take_pads(pass, node, pad, false);
}

/* AveragePool(Pad(x, 0)) = AveragePool(x), padded, which counts the padding; it must not have any
 * that does not count. */
RULE(pad_into_average_pool, average_pool)
{
    const Node *pad = operand_node(node, 0, &op_pad);
    const WindowAttributes *window = node->attributes;
    if (!pad || !pads_with(pad, 0) || window->ceil_mode)
        return NULL;
    for (int64_t d = 0; d < window->pads.count; d++)
        if (window->pads.items[d] && !node_int(node, "count_include_pad"))
            return NULL;
    return take_pads(pass, node, pad, true);
}

/* Pad(x) = x where nothing is added */
RULE(pad_away, pad)
{
    int rank = operand_type(node, 0)->rank;
    int64_t pads[2 * MAX_RANK];
    if (!known_pads(pass, node, rank, pads))
        return NULL;
    for (int d = 0; d < 2 * rank; d++)
        if (pads[d])
            return NULL;
    return operand(node, 0);
}

static const Rule *const rules[] = {
    &rule_pad_into_conv,
    &rule_pad_into_max_pool,
    &rule_pad_into_average_pool,
    &rule_pad_away,
};

const RuleSet window_rules = {rules, (int)COUNT_OF(rules)};
