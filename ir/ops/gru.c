/* SPDX-License-Identifier: Apache-2.0
 *
 * GRU, gates in the order z, r, h:
 *
 *   z = f(Wz x + Rz h + bz)        r = f(Wr x + Rr h + br)
 *   n = g(Wh x + Wbh + Rh (r * h) + Rbh)         or, with linear_before_reset,
 *   n = g(Wh x + Wbh + r * (Rh h + Rbh))
 *   h = (1 - z) * n + z * h
 */
#include "ir/ops/recurrent.h"

#include <math.h>

/* Captured: R of z and r, R of h; with linear_before_reset R of all, and its bias if there is one.
 */
static void prepare(Cell *cell, Value *r, Value *input_bias, Value *recurrent_bias, Value **bias)
{
    Editor *editor = cell->around;
    if (cell->attributes->linear_before_reset) {
        cell_capture(cell, r);
        if (recurrent_bias)
            cell_capture(cell, recurrent_bias);
        *bias = input_bias;
        return;
    }
    Value *parts[3] = {NULL};
    if (!build_split(editor, r, 1, 3, parts))
        return;
    cell_capture(cell, build_concat(editor, 1, 2, parts));
    cell_capture(cell, parts[2]);
    if (input_bias)
        *bias = build_add(editor, input_bias, recurrent_bias);
}

/* (1 - z) * n + z * h */
static Value *blend(Editor *editor, Value *z, Value *n, Value *h)
{
    if (editor->failed)
        return NULL;
    Value *rest = build_subtract(editor, edit_real(editor, z->type->element, 1), z);
    Value *fresh = build_multiply(editor, rest, n), *kept = build_multiply(editor, z, h);
    return build_add(editor, fresh, kept);
}

static void step_linear_first(Cell *cell, Value *const *x, Value **state)
{
    Editor *editor = &cell->inside;
    Value *product = build_matmul(editor, state[0], cell->weights[0]), *parts[3];
    if (cell->weight_count > 1)
        product = build_add(editor, product, cell->weights[1]);
    if (!build_split(editor, product, 1, 3, parts))
        return;
    Value *z = cell_activate(cell, 0, build_add(editor, x[0], parts[0]));
    Value *r = cell_activate(cell, 0, build_add(editor, x[1], parts[1]));
    Value *n = build_add(editor, x[2], build_multiply(editor, r, parts[2]));
    state[0] = blend(editor, z, cell_activate(cell, 1, n), state[0]);
}

static void step(Cell *cell, Value *x, Value **state)
{
    Editor *editor = &cell->inside;
    Value *inputs[3], *parts[2];
    if (!build_split(editor, x, 1, 3, inputs))
        return;
    if (cell->attributes->linear_before_reset) {
        step_linear_first(cell, inputs, state);
        return;
    }
    if (!build_split(editor, build_matmul(editor, state[0], cell->weights[0]), 1, 2, parts))
        return;
    Value *z = cell_activate(cell, 0, build_add(editor, inputs[0], parts[0]));
    Value *r = cell_activate(cell, 0, build_add(editor, inputs[1], parts[1]));
    Value *reset = build_multiply(editor, r, state[0]);
    Value *n = build_add(editor, inputs[2], build_matmul(editor, reset, cell->weights[1]));
    state[0] = blend(editor, z, cell_activate(cell, 1, n), state[0]);
}

static const char *const usual_activations[] = {"Sigmoid", "Tanh"};
static const CellKind kind = {3, 1, 2, usual_activations, prepare, step};

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
    ATTRIBUTE_INT(RecurrentAttributes, linear_before_reset, 0,
                  "whether R h is computed before the reset gate is applied"),
};

const OpDef op_gru = {
    .name = "GRU",
    .domain = "",
    .summary = "h = (1 - z) * g(W x, r, R h) + z * h with gates z and r, over time",
    .since = 22,
    .first = 1,
    RECURRENT_OPERANDS(6, 2),
    ATTRIBUTES(attributes, RecurrentAttributes),
    .infer = infer,
    .decompose = decompose,
};
