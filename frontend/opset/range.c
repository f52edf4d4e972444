/* SPDX-License-Identifier: Apache-2.0
 *
 * Range of floats whose bounds only running tells: ceil((limit - start) / delta), in double, is the
 * limit of a range of whole numbers, whose length then is a size that data decide; they are scaled
 * and moved. The operator itself takes floats where it knows the length.
 */
#include "frontend/opset/rules.h"

#include "ir/graph/type.h"

static Value *cast(Upgrade *upgrade, Value *value, TnElementType element)
{
    const Setting to[] = {{"to", (int64_t)element, 0, NULL}, {NULL, 0, 0, NULL}};
    if (value && type_is_tensor(value->type) && value->type->element == element)
        return value;
    return value ? rule_make(upgrade, "Cast", to, 1, value) : NULL;
}

static Value *combine(Upgrade *upgrade, const char *op, Value *a, Value *b)
{
    return a && b ? rule_make(upgrade, op, NULL, 2, a, b) : NULL;
}

/* 0, 1, 2, ... as floats, as many as the range has. */
static Value *count_steps(Upgrade *upgrade, TnElementType element)
{
    Value *bounds[3];
    for (int i = 0; i < 3; i++)
        bounds[i] = cast(upgrade, upgrade->operands[i], TN_DOUBLE);
    Value *span = combine(upgrade, "Sub", bounds[1], bounds[0]);
    Value *steps = combine(upgrade, "Div", span, bounds[2]);
    Value *length = steps ? rule_make(upgrade, "Ceil", NULL, 1, steps) : NULL;
    length = cast(upgrade, length, TN_INT64);
    if (!length)
        return NULL;
    Value *zero = edit_int64(upgrade->editor, 0), *one = edit_int64(upgrade->editor, 1);
    Value *numbers = rule_make(upgrade, "Range", NULL, 3, zero, length, one);
    return cast(upgrade, numbers, element);
}

static bool is_known(const Value *value)
{
    if (value && value->constant)
        return true;
    return value && value->elements && value->element_count == 1;
}

bool upgrade_range(Upgrade *upgrade)
{
    TnElementType element = rule_element(upgrade, 0);
    bool known = true;
    for (int i = 0; i < 3; i++)
        known = known && (!rule_operand(upgrade, i) || is_known(rule_operand(upgrade, i)));
    if (known || element == TN_UNDEFINED || element_kind(element) != ELEMENT_KIND_FLOAT)
        return upgrade_finish(upgrade, upgrade->node, upgrade->operand_count, upgrade->operands);
    TnElementType wide = element == TN_DOUBLE ? TN_DOUBLE : TN_FLOAT;
    Value *steps = count_steps(upgrade, wide);
    Value *start = cast(upgrade, upgrade->operands[0], wide);
    Value *delta = cast(upgrade, upgrade->operands[2], wide);
    Value *value = combine(upgrade, "Add", start, combine(upgrade, "Mul", steps, delta));
    value = element == wide ? value : cast(upgrade, value, element);
    if (upgrade->result_count > 0)
        upgrade->results[0] = value;
    return value != NULL;
}
