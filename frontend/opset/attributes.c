/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributes that were renamed, had other types, or another value where they were absent.
 */
#include "frontend/opset/rules.h"

#include "runtime/element.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

/* The type was a word until 6: "FLOAT16". */
bool upgrade_cast(Upgrade *upgrade)
{
    NodeProto *node = upgrade_copy_without(upgrade, "to");
    const AttributeProto *to = node_proto_attribute(upgrade->node, "to");
    char name[32] = "";
    if (!to || to->has_i)
        return rule_keep(upgrade, upgrade_copy(upgrade));
    for (int64_t i = 0; i < to->s.length && i < (int64_t)sizeof name - 1; i++)
        name[i] = (char)tolower((unsigned char)to->s.data[i]);
    TnElementType element = element_by_name(name);
    if (element == TN_UNDEFINED)
        return rule_error(upgrade, "'%.*s' is no element type", (int)to->s.length, to->s.data);
    upgrade_set_int(upgrade, node, "to", element);
    return rule_keep(upgrade, node);
}

bool upgrade_concat(Upgrade *upgrade)
{
    NodeProto *node = upgrade_copy(upgrade);
    upgrade_set_int(upgrade, node, "axis", rule_int(upgrade, "axis", 1));
    return rule_keep(upgrade, node);
}

/* p was a float until 2. */
bool upgrade_lp_pool(Upgrade *upgrade)
{
    NodeProto *node = upgrade_copy_without(upgrade, "p");
    const AttributeProto *attribute = node_proto_attribute(upgrade->node, "p");
    bool is_int = attribute && attribute->has_i;
    double p = is_int ? (double)attribute->i : rule_float(upgrade, "p", 2);
    if (!(p >= 1 && p <= INT32_MAX) || p != floor(p))
        return rule_unsupported(upgrade,
                                "p = %g, which is not a number from 1 on without a fraction", p);
    upgrade_set_int(upgrade, node, "p", (int64_t)p);
    return rule_keep(upgrade, node);
}

bool upgrade_grid_sample(Upgrade *upgrade)
{
    NodeProto *node = upgrade_copy(upgrade);
    if (!rule_has(upgrade, "mode") || rule_string_is(upgrade, "mode", "bilinear"))
        upgrade_set_string(upgrade, node, "mode", "linear");
    else if (rule_string_is(upgrade, "mode", "bicubic"))
        upgrade_set_string(upgrade, node, "mode", "cubic");
    return rule_keep(upgrade, node);
}

/* An absent output says today what output_sequence = 0 said until 7. */
bool upgrade_recurrent(Upgrade *upgrade)
{
    NodeProto *node = upgrade_copy_without(upgrade, "output_sequence");
    if (rule_string_is(upgrade, "direction", "foward"))
        upgrade_set_string(upgrade, node, "direction", "forward");
    return rule_keep(upgrade, node);
}

bool upgrade_roi_align(Upgrade *upgrade)
{
    NodeProto *node = upgrade_copy(upgrade);
    if (!rule_has(upgrade, "coordinate_transformation_mode"))
        upgrade_set_string(upgrade, node, "coordinate_transformation_mode", "output_half_pixel");
    return rule_keep(upgrade, node);
}

bool upgrade_selu(Upgrade *upgrade)
{
    NodeProto *node = upgrade_copy(upgrade);
    upgrade_set_float(upgrade, node, "alpha", (float)rule_float(upgrade, "alpha", 1.6732));
    upgrade_set_float(upgrade, node, "gamma", (float)rule_float(upgrade, "gamma", 1.0507));
    return rule_keep(upgrade, node);
}
