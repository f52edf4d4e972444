/* SPDX-License-Identifier: Apache-2.0
 *
 * BatchNormalization, GroupNormalization and Dropout: training modes, and what was normalised.
 */
#include "frontend/opset/rules.h"

#include "ir/ops/op.h"

#include <string.h>

static const Setting exact_shape[] = {{"allowzero", .integer = 1}, {NULL, 0, 0, NULL}};

/* With spatial = 0 each place of a channel was normalised by itself: that is a batch of rows whose
 * elements are all channels. */
static bool normalize_places(Upgrade *upgrade, NodeProto *node)
{
    static const int64_t flat = -1;
    const Setting rows[] = {{"axis", .integer = 1}, {NULL, 0, 0, NULL}};
    Value *operands[5];
    for (int i = 0; i < 5; i++) {
        operands[i] = rule_operand(upgrade, i);
        if (!operands[i])
            return rule_error(upgrade, "operand %d is missing", i);
    }
    Value *x = operands[0], *shape = edit_int64s(upgrade->editor, 1, &flat);
    operands[0] = rule_make(upgrade, "Flatten", rows, 1, x);
    for (int i = 1; i < 5; i++)
        operands[i] = rule_make(upgrade, "Reshape", NULL, 2, operands[i], shape);
    if (upgrade->editor->failed || !upgrade_finish(upgrade, node, 5, operands))
        return false;
    Value *dims = rule_make(upgrade, "Shape", NULL, 1, x);
    upgrade->results[0] =
        dims ? rule_make(upgrade, "Reshape", exact_shape, 2, upgrade->results[0], dims) : NULL;
    return upgrade->results[0] != NULL;
}

/* Until 14 asking for statistics meant training; until 7 is_test = 0, the default, did, too. */
bool upgrade_batch_normalization(Upgrade *upgrade)
{
    NodeProto *node = upgrade_copy_without(upgrade, "is_test");
    upgrade_remove_attribute(node, "spatial");
    bool is_training = upgrade->version < 7 && rule_int(upgrade, "is_test", 0) == 0;
    for (int i = 1; i < upgrade->result_count; i++)
        is_training |= rule_wants(upgrade, i);
    bool places = upgrade->version < 9 && rule_int(upgrade, "spatial", 1) == 0;
    if (!is_training)
        return places ? normalize_places(upgrade, node) : rule_keep(upgrade, node);
    if (places)
        return rule_unsupported(upgrade, "training with spatial = 0");
    if (rule_wants(upgrade, 3) || rule_wants(upgrade, 4))
        return rule_unsupported(upgrade, "its outputs saved_mean and saved_var");
    upgrade_set_int(upgrade, node, "training_mode", 1);
    if (node->output.count > 3)
        node->output.count = 3;
    return rule_keep(upgrade, node);
}

/* Scale and bias were one number a group; they are one a channel today:
 * float[G] -> float[G, 1] -> float[G, C / G] -> float[C]. */
static Value *spread(Upgrade *upgrade, Value *value, int64_t groups, int64_t channels)
{
    const int64_t column[] = {groups, 1}, matrix[] = {groups, channels / groups}, flat[] = {-1};
    Editor *editor = upgrade->editor;
    value = rule_make(upgrade, "Reshape", NULL, 2, value, edit_int64s(editor, 2, column));
    value =
        value ? rule_make(upgrade, "Expand", NULL, 2, value, edit_int64s(editor, 2, matrix)) : NULL;
    return value ? rule_make(upgrade, "Reshape", NULL, 2, value, edit_int64s(editor, 1, flat))
                 : NULL;
}

bool upgrade_group_normalization(Upgrade *upgrade)
{
    NodeProto *node = upgrade_copy(upgrade);
    int rank;
    int64_t groups = rule_int(upgrade, "num_groups", 0), channels;
    if (!rule_rank(upgrade, 0, &rank))
        return false;
    if (rank < 2 || !rule_operand(upgrade, 1) || !rule_operand(upgrade, 2))
        return rule_error(upgrade, "it needs channels, a scale and a bias");
    if (!expr_known(upgrade->operands[0]->type->dims[1], &channels))
        return rule_unsupported(upgrade, "the number of channels must be known");
    if (groups < 1 || channels % groups)
        return rule_error(upgrade, "%lld channels do not make %lld groups", (long long)channels,
                          (long long)groups);
    if (rule_element(upgrade, 0) == TN_DOUBLE)
        upgrade_set_int(upgrade, node, "stash_type", TN_DOUBLE);
    Value *scale = spread(upgrade, upgrade->operands[1], groups, channels);
    Value *bias = spread(upgrade, upgrade->operands[2], groups, channels);
    Value *operands[] = {upgrade->operands[0], scale, bias};
    return scale && bias && upgrade_finish(upgrade, node, 3, operands);
}

static Value *truth(Upgrade *upgrade)
{
    void *data;
    Constant *constant = constant_allocate(rule_arena(upgrade), TN_BOOL, 0, NULL, &data);
    memset(data, 1, 1);
    return edit_constant(upgrade->editor, constant, NULL);
}

/* Until 7 is_test = 0, the default, was training; from then to 12 nothing was. The mask was of the
 * data's type until 10. */
bool upgrade_dropout(Upgrade *upgrade)
{
    NodeProto *node = upgrade_copy_without(upgrade, "ratio");
    upgrade_remove_attribute(node, "is_test");
    bool is_training = upgrade->version < 7 && rule_int(upgrade, "is_test", 0) == 0;
    Value *operands[3] = {rule_operand(upgrade, 0), NULL, NULL};
    if (is_training) {
        operands[1] = edit_real(upgrade->editor, TN_FLOAT, rule_float(upgrade, "ratio", 0.5));
        operands[2] = truth(upgrade);
    }
    if (!upgrade_finish(upgrade, node, is_training ? 3 : 1, operands))
        return false;
    if (upgrade->version < 10 && rule_wants(upgrade, 1)) {
        const Setting to[] = {{"to", .integer = rule_element(upgrade, 0)}, {NULL, 0, 0, NULL}};
        upgrade->results[1] = rule_make(upgrade, "Cast", to, 1, upgrade->results[1]);
        return upgrade->results[1] != NULL;
    }
    return true;
}
