/* SPDX-License-Identifier: Apache-2.0
 *
 * Scan-8 ran over the second dimension of a batch. The newest Scan knows no batches: each member of
 * the batch gets a Scan of its own, and the results are put together again.
 *
 * Members could have lengths of their own, sequence_lens; that is not supported.
 */
#include "frontend/opset/rules.h"

enum { MOST_MEMBERS = 64 };

/* Member i of a batch: operand[i], without the batch's dimension. */
static Value *member(Upgrade *upgrade, Value *batch, int64_t i, int64_t count)
{
    static const int64_t first = 0;
    if (count == 1)
        return rule_make(upgrade, "Squeeze", NULL, 2, batch,
                         edit_int64s(upgrade->editor, 1, &first));
    return rule_make(upgrade, "Gather", NULL, 2, batch, edit_int64(upgrade->editor, i));
}

/* One result of all members as a batch; NULL after a diagnostic. */
static Value *join(Upgrade *upgrade, Value *const *members, int count)
{
    static const int64_t first = 0;
    static const Setting along[] = {{"axis", .integer = 0}, {NULL, 0, 0, NULL}};
    Value *batch = NULL;
    for (int i = 0; i < count; i++) {
        Value *row = rule_make(upgrade, "Unsqueeze", NULL, 2, members[i],
                               edit_int64s(upgrade->editor, 1, &first));
        batch = row && batch ? rule_make(upgrade, "Concat", along, 2, batch, row) : row;
        if (!batch)
            return NULL;
    }
    return batch;
}

/* The size of the batch, which all operands share. */
static bool batch_size(Upgrade *upgrade, int64_t *size)
{
    for (int i = 1; i < upgrade->operand_count; i++) {
        int rank;
        int64_t own;
        if (!rule_rank(upgrade, i, &rank))
            return false;
        if (rank < 1 || !expr_known(upgrade->operands[i]->type->dims[0], &own) || own < 1 ||
            own > MOST_MEMBERS)
            return rule_unsupported(upgrade, "a batch whose size is not a number from 1 to %d",
                                    MOST_MEMBERS);
        if (i > 1 && own != *size)
            return rule_error(upgrade, "batches of %lld and of %lld", (long long)*size,
                              (long long)own);
        *size = own;
    }
    return true;
}

/* The Scan of one member; its results into row[i]. */
static bool scan_member(Upgrade *upgrade, const NodeProto *node, int64_t i, int64_t members,
                        Value **row)
{
    int count = upgrade->operand_count - 1;
    Value **operands = ARENA_ARRAY(rule_arena(upgrade), Value *, count);
    for (int k = 0; k < count; k++) {
        operands[k] = member(upgrade, upgrade->operands[k + 1], i, members);
        if (!operands[k])
            return false;
    }
    if (!upgrade_finish(upgrade, node, count, operands))
        return false;
    for (int k = 0; k < upgrade->result_count; k++)
        row[k] = upgrade->results[k];
    return true;
}

bool upgrade_scan(Upgrade *upgrade)
{
    NodeProto *node = upgrade_copy_without(upgrade, "directions");
    const AttributeProto *directions = node_proto_attribute(upgrade->node, "directions");
    if (directions)
        upgrade_set_ints(upgrade, node, "scan_input_directions", directions->ints.count,
                         directions->ints.items);
    int64_t members = 0;
    if (rule_operand(upgrade, 0))
        return rule_unsupported(upgrade, "its input sequence_lens");
    if (upgrade->operand_count < 2)
        return rule_error(upgrade, "it has no operands");
    if (!batch_size(upgrade, &members))
        return false;
    int results = upgrade->result_count;
    Value *rows[MOST_MEMBERS];
    Value **made = ARENA_ARRAY(rule_arena(upgrade), Value *, members * results + 1);
    for (int64_t i = 0; i < members; i++) {
        if (!scan_member(upgrade, node, i, members, made + i * results))
            return false;
    }
    for (int k = 0; k < results; k++) {
        for (int64_t i = 0; i < members; i++)
            rows[i] = made[i * results + k];
        if (!rule_wants(upgrade, k))
            continue;
        upgrade->results[k] = join(upgrade, rows, (int)members);
        if (!upgrade->results[k])
            return false;
    }
    return true;
}
