/* SPDX-License-Identifier: Apache-2.0
 *
 * RNN: h = f(W x + R h + bias).
 */
#include "ir/ops/recurrent.h"

#include <math.h>

static void prepare(Cell *cell, Value *r, Value *input_bias, Value *recurrent_bias, Value **bias)
{
    cell_capture(cell, r);
    if (input_bias)
        *bias = build_add(cell->around, input_bias, recurrent_bias);
}

static void step(Cell *cell, Value *x, Value **state)
{
    Editor *editor = &cell->inside;
    Value *sum = build_add(editor, x, build_matmul(editor, state[0], cell->weights[0]));
    state[0] = cell_activate(cell, 0, sum);
}

static const char *const usual_activations[] = {"Tanh"};
static const CellKind kind = {1, 1, 1, usual_activations, prepare, step};

static bool infer(InferContext *context, Node *node)
{
    return recurrent_infer(context, node, &kind);
}

static bool decompose(Editor *editor, const Node *node, Value **values)
{
    return recurrent_decompose(editor, node, values, &kind);
}

static const OperandDef operands[] = {
    {.name = "X", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "W", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "R", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "B", .types = TYPES_FLOAT, .group = 'T', .optional = true},
    {.name = "sequence_lens", .types = TYPE_BIT(TN_INT32), .optional = true},
    {.name = "initial_h", .types = TYPES_FLOAT, .group = 'T', .optional = true},
};
static const OperandDef results[] = {
    {.name = "Y", .types = TYPES_FLOAT, .group = 'T', .optional = true},
    {.name = "Y_h", .types = TYPES_FLOAT, .group = 'T', .optional = true},
};
static const AttributeDef attributes[] = {RECURRENT_ATTRIBUTES};

const OpDef op_rnn = {
    .name = "RNN",
    .domain = "",
    .summary = "h = f(W x + R h + Wb + Rb), over time",
    .since = 22,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, RecurrentAttributes),
    .infer = infer,
    .decompose = decompose,
};
