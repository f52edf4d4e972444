/* SPDX-License-Identifier: Apache-2.0
 *
 * Resize and its forerunner Upsample.
 *
 * Until 11 pixel i of the result lay at i / scale. The nearest pixel was the one before where an
 * axis grew, the one after where it shrank: where both happen, each has a node of its own.
 */
#include "frontend/opset/rules.h"

#include "ir/graph/type.h"

static bool is_empty(const Value *value)
{
    return value && type_is_tensor(value->type) && value->type->rank == 1 &&
           expr_is(value->type->dims[0], 0);
}

static NodeProto *asymmetric(Upgrade *upgrade, const char *nearest_mode)
{
    NodeProto *node = upgrade_copy(upgrade);
    upgrade_remove_attribute(node, "scales");
    upgrade_remove_attribute(node, "height_scale");
    upgrade_remove_attribute(node, "width_scale");
    PROTO_SET(node, op_type, proto_string("Resize"));
    upgrade_set_string(upgrade, node, "coordinate_transformation_mode", "asymmetric");
    upgrade_set_string(upgrade, node, "nearest_mode", nearest_mode);
    if (rule_string_is(upgrade, "mode", "bilinear"))
        upgrade_set_string(upgrade, node, "mode", "linear");
    return node;
}

/* The scales' numbers where they are known. */
static bool known_scales(const Value *scales, int64_t *count, float *values)
{
    if (!scales || !scales->constant || scales->constant->count > MAX_RANK)
        return false;
    *count = scales->constant->count;
    for (int64_t i = 0; i < *count; i++)
        values[i] = (float)constant_get_double(scales->constant, i);
    return true;
}

/* Resize-10. */
static bool resize_by_scales(Upgrade *upgrade)
{
    Value *x = rule_operand(upgrade, 0), *scales = rule_operand(upgrade, 1);
    float all[MAX_RANK], growing[MAX_RANK], shrinking[MAX_RANK];
    int64_t count = 0;
    bool grows = false, shrinks = false;
    if (rule_string_is(upgrade, "mode", "linear")) {
        Value *operands[] = {x, NULL, scales};
        return upgrade_finish(upgrade, asymmetric(upgrade, "floor"), 3, operands);
    }
    if (!known_scales(scales, &count, all))
        return rule_unsupported(upgrade, "the scales must be constants");
    for (int64_t i = 0; i < count; i++) {
        growing[i] = all[i] > 1 ? all[i] : 1;
        shrinking[i] = all[i] < 1 ? all[i] : 1;
        grows |= all[i] > 1;
        shrinks |= all[i] < 1;
    }
    if (grows && shrinks) {
        static const Setting before[] = {{"coordinate_transformation_mode", .string = "asymmetric"},
                                         {"nearest_mode", .string = "floor"},
                                         {"mode", .string = "nearest"},
                                         {NULL, 0, 0, NULL}};
        x = rule_make(upgrade, "Resize", before, 3, x, NULL, rule_floats(upgrade, count, growing));
        if (!x)
            return false;
        scales = rule_floats(upgrade, count, shrinking);
    }
    Value *operands[] = {x, NULL, scales};
    return upgrade_finish(upgrade, asymmetric(upgrade, shrinks ? "ceil" : "floor"), 3, operands);
}

/* tf_half_pixel_for_nn, of 11 and 12, is half_pixel moved by half a pixel, which another way of
 * rounding does as well. */
static bool move_half_pixel(Upgrade *upgrade, NodeProto *node)
{
    if (!rule_string_is(upgrade, "coordinate_transformation_mode", "tf_half_pixel_for_nn"))
        return true;
    upgrade_set_string(upgrade, node, "coordinate_transformation_mode", "half_pixel");
    if (rule_string_is(upgrade, "nearest_mode", "floor"))
        upgrade_set_string(upgrade, node, "nearest_mode", "round_prefer_ceil");
    else if (!rule_has(upgrade, "nearest_mode") ||
             rule_string_is(upgrade, "nearest_mode", "round_prefer_floor"))
        upgrade_set_string(upgrade, node, "nearest_mode", "ceil");
    else
        return rule_unsupported(upgrade, "tf_half_pixel_for_nn with this nearest_mode");
    return true;
}

/* Until 13 a tensor without elements stood for an absent roi, scales or sizes. */
bool upgrade_resize(Upgrade *upgrade)
{
    if (upgrade->version < 11)
        return resize_by_scales(upgrade);
    NodeProto *node = upgrade_copy(upgrade);
    if (!move_half_pixel(upgrade, node))
        return false;
    Value *operands[4];
    int count = 0;
    for (int i = 0; i < 4; i++) {
        Value *operand = rule_operand(upgrade, i);
        operands[i] = i > 0 && is_empty(operand) ? NULL : operand;
        count = operands[i] ? i + 1 : count;
    }
    return upgrade_finish(upgrade, node, count, operands);
}

/* Scales were attributes for height and width until 7, a list until 9, then an input. */
bool upgrade_upsample(Upgrade *upgrade)
{
    Value *operands[] = {rule_operand(upgrade, 0), NULL, rule_operand(upgrade, 1)};
    const AttributeProto *scales = node_proto_attribute(upgrade->node, "scales");
    if (scales && !operands[2]) {
        operands[2] = rule_floats(upgrade, scales->floats.count, scales->floats.items);
    } else if (!operands[2]) {
        const float sizes[] = {1, 1, (float)rule_float(upgrade, "height_scale", 1),
                               (float)rule_float(upgrade, "width_scale", 1)};
        operands[2] = rule_floats(upgrade, 4, sizes);
    }
    return upgrade_finish(upgrade, asymmetric(upgrade, "floor"), 3, operands);
}
