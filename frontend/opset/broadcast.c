/* SPDX-License-Identifier: Apache-2.0
 *
 * Broadcasting until opset 6: only the second operand was broadcast, only where the attribute
 * `broadcast` said so, and `axis` said at which dimension of the first operand its own begin.
 */
#include "frontend/opset/rules.h"

/* The second operand with dimensions of one at its end, so that it begins at `axis` of the first:
 * float[2, 3, 4, 5] + float[3, 4] at axis 1 is float[2, 3, 4, 5] + float[3, 4, 1]. */
static Value *align(Upgrade *upgrade, int64_t axis)
{
    Value *b = rule_operand(upgrade, 1);
    int rank_a, rank_b;
    if (!rule_rank(upgrade, 0, &rank_a) || !rule_rank(upgrade, 1, &rank_b))
        return NULL;
    int64_t begin = axis < 0 ? axis + rank_a : axis;
    int64_t missing = rank_a - begin - rank_b;
    if (begin < 0 || missing < 0) {
        rule_error(upgrade, "operands of ranks %d and %d cannot be broadcast at axis %lld", rank_a,
                   rank_b, (long long)axis);
        return NULL;
    }
    if (missing == 0)
        return b;
    int64_t axes[MAX_RANK];
    for (int64_t i = 0; i < missing; i++)
        axes[i] = rank_b + i;
    return rule_make(upgrade, "Unsqueeze", NULL, 2, b, edit_int64s(upgrade->editor, missing, axes));
}

bool upgrade_legacy_broadcast(Upgrade *upgrade)
{
    NodeProto *node = upgrade_copy(upgrade);
    upgrade_remove_attribute(node, "broadcast");
    upgrade_remove_attribute(node, "axis");
    if (!rule_int(upgrade, "broadcast", 0) || !rule_has(upgrade, "axis") ||
        upgrade->operand_count != 2)
        return rule_keep(upgrade, node);
    Value *operands[] = {upgrade->operands[0], align(upgrade, rule_int(upgrade, "axis", 0))};
    return operands[1] && upgrade_finish(upgrade, node, 2, operands);
}

/* C was broadcast to the product's shape only if it had to be. */
bool upgrade_gemm(Upgrade *upgrade)
{
    return rule_keep(upgrade, upgrade_copy_without(upgrade, "broadcast"));
}

/* A slope of rank 1 was one for each channel, which is dimension 1. */
bool upgrade_prelu(Upgrade *upgrade)
{
    NodeProto *node = upgrade_copy(upgrade);
    Value *x = rule_operand(upgrade, 0), *slope = rule_operand(upgrade, 1);
    int rank_x, rank_slope;
    if (!x || !slope)
        return rule_keep(upgrade, node);
    if (!rule_rank(upgrade, 0, &rank_x) || !rule_rank(upgrade, 1, &rank_slope))
        return false;
    bool shared = rank_slope != 1 || expr_is(slope->type->dims[0], 1);
    if (shared || rank_x < 3)
        return rule_keep(upgrade, node);
    slope = align(upgrade, 1);
    Value *operands[] = {x, slope};
    return slope && upgrade_finish(upgrade, node, 2, operands);
}
