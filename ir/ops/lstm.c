/* SPDX-License-Identifier: Apache-2.0
 *
 * LSTM, gates in the order i, o, f, c; peepholes in the order i, o, f:
 *
 *   i = f(Wi x + Ri h + Pi * c + bi)      f = f(Wf x + Rf h + Pf * c + bf), or 1 - i: input_forget
 *   c = f * c + i * g(Wc x + Rc h + bc)   o = f(Wo x + Ro h + Po * c + bo), with the new c
 *   h = o * h(c)
 */
#include "ir/ops/recurrent.h"

#include <math.h>

enum { GATE_INPUT, GATE_OUTPUT, GATE_FORGET, GATE_CELL, GATE_COUNT };

/* Captured: R, and the three peepholes if there are any. */
static void prepare(Cell *cell, Value *r, Value *input_bias, Value *recurrent_bias, Value **bias)
{
    cell_capture(cell, r);
    if (input_bias)
        *bias = build_add(cell->around, input_bias, recurrent_bias);
    Value *peepholes = cell_operand(cell, RECURRENT_P), *parts[3];
    if (peepholes && build_split(cell->around, peepholes, 0, 3, parts))
        for (int i = 0; i < 3; i++)
            cell_capture(cell, parts[i]);
}

static Value *with_peephole(Cell *cell, int gate, Value *sum, Value *c)
{
    if (cell->weight_count == 1)
        return sum;
    Editor *editor = &cell->inside;
    return build_add(editor, sum, build_multiply(editor, cell->weights[1 + gate], c));
}

static void step(Cell *cell, Value *x, Value **state)
{
    Editor *editor = &cell->inside;
    Value *sums = build_add(editor, x, build_matmul(editor, state[0], cell->weights[0]));
    Value *gates[GATE_COUNT], *c = state[1], *forget;
    if (!build_split(editor, sums, 1, GATE_COUNT, gates))
        return;
    Value *input = cell_activate(cell, 0, with_peephole(cell, GATE_INPUT, gates[GATE_INPUT], c));
    if (editor->failed)
        return;
    if (cell->attributes->input_forget)
        forget = build_subtract(editor, edit_real(editor, x->type->element, 1), input);
    else
        forget = cell_activate(cell, 0, with_peephole(cell, GATE_FORGET, gates[GATE_FORGET], c));
    Value *candidate = cell_activate(cell, 1, gates[GATE_CELL]);
    Value *kept = build_multiply(editor, forget, c);
    c = build_add(editor, kept, build_multiply(editor, input, candidate));
    Value *output = cell_activate(cell, 0, with_peephole(cell, GATE_OUTPUT, gates[GATE_OUTPUT], c));
    state[0] = build_multiply(editor, output, cell_activate_state(cell, 2, c));
    state[1] = c;
}

static const char *const usual_activations[] = {"Sigmoid", "Tanh", "Tanh"};
static const CellKind kind = {GATE_COUNT, 2, 3, usual_activations, prepare, step};

static bool infer(InferContext *context, Node *node)
{
    return recurrent_infer(context, node, &kind);
}

static bool decompose(Editor *editor, const Node *node, Value **values)
{
    return recurrent_decompose(editor, node, values, &kind);
}

static const AttributeDef attributes[] = {
    RECURRENT_ATTRIBUTES,
    ATTRIBUTE_INT(RecurrentAttributes, input_forget, 0, "whether f = 1 - i"),
};

const OpDef op_lstm = {
    .name = "LSTM",
    .domain = "",
    .summary = "c = f * c + i * g(W x + R h); h = o * tanh(c), with gates i, o and f, over time",
    .since = 22,
    .first = 1,
    RECURRENT_OPERANDS(8, 3),
    ATTRIBUTES(attributes, RecurrentAttributes),
    .infer = infer,
    .decompose = decompose,
};
