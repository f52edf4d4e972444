/* SPDX-License-Identifier: Apache-2.0
 *
 * widen-halves: values of float16 and bfloat16 between nodes become floats. A processor without
 * arithmetic of 16 bits computes in float anyway; what is saved is rounding every value on its way,
 * which costs both time and accuracy. Operands, results and constants of the model keep their
 * types:
 *
 *     y = Add (a, b)    ->    y = Cast <to = float16> (Add (Cast <to = float> (a), ...))
 *
 * and a cast to a half whose only readers cast it back goes away. This changes rounding: results
 * are those of float arithmetic, rounded once at the end.
 */
#include "ir/ops/build.h"
#include "passes/pass.h"

static bool is_half(const Value *value)
{
    return value && type_is_tensor(value->type) &&
           (value->type->element == TN_FLOAT16 || value->type->element == TN_BFLOAT16);
}

/* The row of a table that operand or result i belongs to. */
static const OperandDef *row_of(const OperandDef *rows, int count, int i)
{
    return &rows[i < count ? i : count - 1];
}

static bool takes_float(const OperandDef *row)
{
    return row->group && (row->types & TYPE_BIT(TN_FLOAT));
}

/* Whether the node would do the same in float: all its halves are of one group that takes floats,
 * and no attribute says a type. */
static bool can_widen(const Node *node)
{
    const OpDef *op = node->op;
    char group = 0;
    if (op->control != CONTROL_none || op->region_count ||
        op->traits & (TRAIT_random | TRAIT_data_dependent))
        return false;
    for (int i = 0; i < op->attribute_count; i++)
        if (op->attributes[i].kind == ATTRIBUTE_element)
            return false;
    for (int i = 0; i < node->operand_count; i++) {
        const OperandDef *row = row_of(op->operands, op->operand_count, i);
        if (!is_half(operand(node, i)))
            continue;
        if (!takes_float(row) || (group && group != row->group))
            return false;
        group = row->group;
    }
    for (int i = 0; i < node->result_count; i++) {
        const OperandDef *row = row_of(op->results, op->result_count, i);
        if (is_half(node->results[i]) && (!takes_float(row) || row->group != group))
            return false;
    }
    return group != 0;
}

/* The value as a float: what was cast to a half is taken from before the cast. */
static Value *widened(Editor *editor, Value *value)
{
    const Node *producer = value->producer;
    if (producer && producer->op == &op_cast && operand(producer, 0)->type->element == TN_FLOAT)
        return operand(producer, 0);
    return build_cast(editor, value, TN_FLOAT);
}

static bool widen(Pass *pass, Node *node)
{
    TnElementType element = TN_UNDEFINED;
    Editor editor = edit_before(pass->infer, node);
    editor.model = node;
    for (int i = 0; i < node->operand_count; i++) {
        Value *value = operand(node, i);
        if (!is_half(value))
            continue;
        element = value->type->element;
        Value *wide = widened(&editor, value);
        if (!wide)
            return false;
        node_set_operand(node, i, wide);
    }
    if (!node_infer(pass->infer, node))
        return false;
    Editor after =
        node->next ? edit_before(pass->infer, node->next) : edit_at_end(pass->infer, node->graph);
    after.model = node;
    for (int i = 0; i < node->result_count; i++) {
        Value *value = result(node, i);
        if (!type_is_tensor(value->type) || value->type->element != TN_FLOAT ||
            !takes_float(row_of(node->op->results, node->op->result_count, i)) ||
            (!value->first_use && !value_is_output(value)))
            continue;
        Value *narrow = build_cast(&after, value, element);
        if (!narrow)
            return false;
        value_replace_uses(value, narrow);
        node_set_operand(narrow->producer, 0, value);
    }
    return true;
}

PassResult pass_widen_halves(Pass *pass, Graph *graph)
{
    int64_t before = pass->changes;
    FOR_EACH_NODE_SAFE (node, graph) {
        if (!can_widen(node))
            continue;
        if (!pass_allows(pass))
            break;
        if (!widen(pass, node))
            return PASS_FAILED;
        pass_count(pass, "node");
    }
    return pass_result(pass, before);
}
