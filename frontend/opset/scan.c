/* SPDX-License-Identifier: Apache-2.0
 *
 * Scan-8 ran over the second dimension of a batch, each member with a length of its own. The newest
 * Scan knows no batches: what can be said with it is a batch of one, of full length.
 */
#include "frontend/opset/rules.h"

static Value *change_rank(Upgrade *upgrade, const char *op, Value *value)
{
    static const int64_t first = 0;
    return rule_make(upgrade, op, NULL, 2, value, edit_int64s(upgrade->editor, 1, &first));
}

bool upgrade_scan(Upgrade *upgrade)
{
    NodeProto *node = upgrade_copy_without(upgrade, "directions");
    const AttributeProto *directions = node_proto_attribute(upgrade->node, "directions");
    if (directions)
        upgrade_set_ints(upgrade, node, "scan_input_directions", directions->ints.count,
                         directions->ints.items);
    if (rule_operand(upgrade, 0))
        return rule_unsupported(upgrade, "its input sequence_lens");
    int count = upgrade->operand_count - 1;
    if (count < 1)
        return rule_error(upgrade, "it has no operands");
    Value **operands = ARENA_ARRAY(rule_arena(upgrade), Value *, count);
    for (int i = 0; i < count; i++) {
        int rank;
        if (!rule_rank(upgrade, i + 1, &rank))
            return false;
        Value *operand = upgrade->operands[i + 1];
        if (rank < 1 || !expr_is(operand->type->dims[0], 1))
            return rule_unsupported(upgrade, "a batch size other than 1");
        operands[i] = change_rank(upgrade, "Squeeze", operand);
        if (!operands[i])
            return false;
    }
    if (!upgrade_finish(upgrade, node, count, operands))
        return false;
    for (int i = 0; i < upgrade->result_count; i++) {
        if (rule_wants(upgrade, i))
            upgrade->results[i] = change_rank(upgrade, "Unsqueeze", upgrade->results[i]);
        if (rule_wants(upgrade, i) && !upgrade->results[i])
            return false;
    }
    return true;
}
