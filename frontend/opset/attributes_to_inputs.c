/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributes that became inputs: their values become constants.
 */
#include "frontend/opset/rules.h"

#include "runtime/element.h"

/* Squeeze, Unsqueeze and the reductions: axes, the second input today. */
bool upgrade_axes(Upgrade *upgrade)
{
    NodeProto *node = upgrade_copy_without(upgrade, "axes");
    Value *operands[] = {rule_operand(upgrade, 0), rule_ints(upgrade, "axes")};
    return upgrade_finish(upgrade, node, operands[1] ? 2 : upgrade->operand_count,
                          operands[1] ? operands : upgrade->operands);
}

/* Until 28 of integers, too: their logarithm is one of floats, cut off. */
bool upgrade_reduce_log(Upgrade *upgrade)
{
    TnElementType element = rule_element(upgrade, 0);
    ElementKind kind = element_kind(element);
    if (kind != ELEMENT_KIND_SIGNED && kind != ELEMENT_KIND_UNSIGNED)
        return upgrade_axes(upgrade);
    const Setting to_double[] = {{"to", TN_DOUBLE, 0, NULL}, {NULL, 0, 0, NULL}};
    const Setting back[] = {{"to", (int64_t)element, 0, NULL}, {NULL, 0, 0, NULL}};
    NodeProto *node = upgrade_copy_without(upgrade, "axes");
    Value *operands[] = {rule_make(upgrade, "Cast", to_double, 1, rule_operand(upgrade, 0)),
                         rule_ints(upgrade, "axes")};
    if (!operands[1])
        operands[1] = rule_operand(upgrade, 1);
    if (!operands[0] || !upgrade_finish(upgrade, node, operands[1] ? 2 : 1, operands))
        return false;
    if (upgrade->result_count > 0)
        upgrade->results[0] = rule_make(upgrade, "Cast", back, 1, upgrade->results[0]);
    return upgrade->result_count == 0 || upgrade->results[0];
}

bool upgrade_reshape(Upgrade *upgrade)
{
    NodeProto *node = upgrade_copy_without(upgrade, "shape");
    Value *operands[] = {rule_operand(upgrade, 0), rule_ints(upgrade, "shape")};
    return upgrade_finish(upgrade, node, 2, operands);
}

bool upgrade_slice(Upgrade *upgrade)
{
    NodeProto *node = upgrade_copy_without(upgrade, "starts");
    upgrade_remove_attribute(node, "ends");
    upgrade_remove_attribute(node, "axes");
    Value *operands[] = {rule_operand(upgrade, 0), rule_ints(upgrade, "starts"),
                         rule_ints(upgrade, "ends"), rule_ints(upgrade, "axes")};
    return upgrade_finish(upgrade, node, operands[3] ? 4 : 3, operands);
}

/* Until 2 the sizes were an input as today, until 13 an attribute; until 18 nothing said that the
 * parts are equal but the absence of sizes, and they had to divide the whole. */
bool upgrade_split(Upgrade *upgrade)
{
    NodeProto *node = upgrade_copy_without(upgrade, "split");
    Value *sizes = rule_operand(upgrade, 1);
    if (!sizes)
        sizes = rule_ints(upgrade, "split");
    if (!sizes && !rule_has(upgrade, "num_outputs"))
        upgrade_set_int(upgrade, node, "num_outputs", upgrade->result_count);
    Value *operands[] = {rule_operand(upgrade, 0), sizes};
    return upgrade_finish(upgrade, node, sizes ? 2 : 1, operands);
}

bool upgrade_top_k(Upgrade *upgrade)
{
    NodeProto *node = upgrade_copy_without(upgrade, "k");
    int64_t k = rule_int(upgrade, "k", 0);
    Value *operands[] = {rule_operand(upgrade, 0), edit_int64s(upgrade->editor, 1, &k)};
    return upgrade_finish(upgrade, node, 2, operands);
}

/* A float attribute as a scalar of the first operand's type. */
static Value *limit(Upgrade *upgrade, const char *attribute)
{
    return rule_has(upgrade, attribute) && rule_element(upgrade, 0) != TN_UNDEFINED
               ? rule_number(upgrade, rule_float(upgrade, attribute, 0))
               : NULL;
}

/* From 6 to 10 an absent limit was the largest number; none has been meant by it, and infinities
 * pass as they do today. */
bool upgrade_clip(Upgrade *upgrade)
{
    NodeProto *node = upgrade_copy_without(upgrade, "min");
    upgrade_remove_attribute(node, "max");
    Value *operands[] = {rule_operand(upgrade, 0), limit(upgrade, "min"), limit(upgrade, "max")};
    return upgrade_finish(upgrade, node, operands[2] ? 3 : operands[1] ? 2 : 1, operands);
}

/* Until 2 `pads` was called `paddings`. */
bool upgrade_pad(Upgrade *upgrade)
{
    NodeProto *node = upgrade_copy_without(upgrade, "pads");
    upgrade_remove_attribute(node, "paddings");
    upgrade_remove_attribute(node, "value");
    const char *pads = rule_has(upgrade, "pads") ? "pads" : "paddings";
    Value *operands[] = {rule_operand(upgrade, 0), rule_ints(upgrade, pads),
                         limit(upgrade, "value")};
    return upgrade_finish(upgrade, node, operands[2] ? 3 : 2, operands);
}

/* The axis counted from the start until 20, and was 1 where it was absent. */
bool upgrade_dft(Upgrade *upgrade)
{
    NodeProto *node = upgrade_copy_without(upgrade, "axis");
    Value *operands[] = {rule_operand(upgrade, 0), rule_operand(upgrade, 1),
                         edit_int64(upgrade->editor, rule_int(upgrade, "axis", 1))};
    return upgrade_finish(upgrade, node, 3, operands);
}

static bool known_integer(const Value *value, int64_t *integer)
{
    if (value && value->constant && value->constant->count == 1) {
        *integer = constant_get_int64(value->constant, 0);
        return true;
    }
    return false;
}

/* Until 6 one axis was repeated: inputs `tiles` and `axis`, of any number type. */
bool upgrade_tile(Upgrade *upgrade)
{
    int rank;
    int64_t tiles, axis, repeats[MAX_RANK];
    if (!rule_rank(upgrade, 0, &rank))
        return false;
    if (!known_integer(rule_operand(upgrade, 1), &tiles) ||
        !known_integer(rule_operand(upgrade, 2), &axis))
        return rule_unsupported(upgrade, "its inputs tiles and axis must be constants");
    axis += axis < 0 ? rank : 0;
    if (axis < 0 || axis >= rank)
        return rule_error(upgrade, "axis %lld is out of the range of rank %d", (long long)axis,
                          rank);
    for (int i = 0; i < rank; i++)
        repeats[i] = i == axis ? tiles : 1;
    Value *operands[] = {upgrade->operands[0], edit_int64s(upgrade->editor, rank, repeats)};
    return upgrade_finish(upgrade, upgrade_copy(upgrade), 2, operands);
}
