/* SPDX-License-Identifier: Apache-2.0
 *
 * Softmax, LogSoftmax and Hardmax until opset 12 saw a matrix: the dimensions before `axis` (1
 * where it was absent) were its rows, all others its columns.
 */
#include "frontend/opset/rules.h"

bool upgrade_softmax(Upgrade *upgrade)
{
    static const Setting last[] = {{"axis", .integer = -1}, {NULL, 0, 0, NULL}};
    static const Setting exact[] = {{"allowzero", .integer = 1}, {NULL, 0, 0, NULL}};
    int rank;
    if (!rule_rank(upgrade, 0, &rank))
        return false;
    int64_t given = rule_int(upgrade, "axis", 1), axis = given;
    axis += axis < 0 ? rank : 0;
    if (axis < 0 || axis > rank)
        return rule_error(upgrade, "axis %lld is out of the range of rank %d", (long long)axis,
                          rank);
    if (axis == rank - 1) {
        NodeProto *node = upgrade_copy(upgrade);
        upgrade_set_int(upgrade, node, "axis", given);
        return rule_keep(upgrade, node);
    }
    const Setting rows[] = {{"axis", .integer = axis}, {NULL, 0, 0, NULL}};
    char name[16] = "";
    for (int64_t i = 0; i < upgrade->node->op_type.length && i < (int64_t)sizeof name - 1; i++)
        name[i] = upgrade->node->op_type.data[i];
    Value *x = upgrade->operands[0];
    Value *matrix = rule_make(upgrade, "Flatten", rows, 1, x);
    Value *result = matrix ? rule_make(upgrade, name, last, 1, matrix) : NULL;
    Value *shape = result ? rule_make(upgrade, "Shape", NULL, 1, x) : NULL;
    upgrade->results[0] = shape ? rule_make(upgrade, "Reshape", exact, 2, result, shape) : NULL;
    return upgrade->results[0] != NULL;
}
