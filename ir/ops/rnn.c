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

static const AttributeDef attributes[] = {RECURRENT_ATTRIBUTES};

const OpDef op_rnn = {
    .name = "RNN",
    .domain = "",
    .summary = "h = f(W x + R h + Wb + Rb), over time",
    .since = 22,
    .first = 1,
    RECURRENT_OPERANDS(6, 2),
    ATTRIBUTES(attributes, RecurrentAttributes),
    .infer = infer,
    .decompose = decompose,
};
