/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators that exist no longer: Scatter, and experimental ones that old models still hold.
 */
#include "frontend/opset/rules.h"

bool upgrade_scatter(Upgrade *upgrade)
{
    NodeProto *node = upgrade_copy(upgrade);
    PROTO_SET(node, op_type, proto_string("ScatterElements"));
    return rule_keep(upgrade, node);
}

/* The value times a number, plus a number, both of its type. */
static Value *scale_and_add(Upgrade *upgrade, Value *value, double scale, double offset)
{
    Value *factor = value && scale != 1 ? rule_number(upgrade, scale) : NULL;
    if (factor)
        value = rule_make(upgrade, "Mul", NULL, 2, value, factor);
    Value *term = value && offset != 0 ? rule_number(upgrade, offset) : NULL;
    if (term)
        value = rule_make(upgrade, "Add", NULL, 2, value, term);
    return upgrade->editor->failed ? NULL : value;
}

static bool answer(Upgrade *upgrade, Value *value)
{
    if (upgrade->result_count > 0)
        upgrade->results[0] = value;
    return value != NULL;
}

static bool has_data(Upgrade *upgrade)
{
    return rule_element(upgrade, 0) != TN_UNDEFINED || rule_error(upgrade, "operand 0 is missing");
}

/* alpha x + beta */
bool upgrade_affine(Upgrade *upgrade)
{
    return has_data(upgrade) && answer(upgrade, scale_and_add(upgrade, upgrade->operands[0],
                                                              rule_float(upgrade, "alpha", 1),
                                                              rule_float(upgrade, "beta", 0)));
}

/* alpha tanh(beta x) */
bool upgrade_scaled_tanh(Upgrade *upgrade)
{
    if (!has_data(upgrade))
        return false;
    Value *x = scale_and_add(upgrade, upgrade->operands[0], rule_float(upgrade, "beta", 1), 0);
    x = x ? rule_make(upgrade, "Tanh", NULL, 1, x) : NULL;
    return answer(upgrade, scale_and_add(upgrade, x, rule_float(upgrade, "alpha", 1), 0));
}

/* alpha ln(1 + exp(beta x)) */
bool upgrade_parametric_softplus(Upgrade *upgrade)
{
    if (!has_data(upgrade))
        return false;
    Value *x = scale_and_add(upgrade, upgrade->operands[0], rule_float(upgrade, "beta", 1), 0);
    x = x ? rule_make(upgrade, "Softplus", NULL, 1, x) : NULL;
    return answer(upgrade, scale_and_add(upgrade, x, rule_float(upgrade, "alpha", 1), 0));
}

/* scale x + bias[channel] */
bool upgrade_image_scaler(Upgrade *upgrade)
{
    if (!has_data(upgrade))
        return false;
    Value *x = scale_and_add(upgrade, upgrade->operands[0], rule_float(upgrade, "scale", 1), 0);
    const AttributeProto *bias = node_proto_attribute(upgrade->node, "bias");
    if (x && bias) {
        static const int64_t axes[] = {1, 2};
        Value *column = rule_floats(upgrade, bias->floats.count, bias->floats.items);
        column =
            rule_make(upgrade, "Unsqueeze", NULL, 2, column, edit_int64s(upgrade->editor, 2, axes));
        x = column ? rule_make(upgrade, "Add", NULL, 2, x, column) : NULL;
    }
    return answer(upgrade, x);
}
