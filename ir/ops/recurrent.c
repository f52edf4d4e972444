/* SPDX-License-Identifier: Apache-2.0
 *
 * The frame of RNN, GRU and LSTM; see recurrent.h.
 */
#include "ir/ops/recurrent.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

const OperandDef recurrent_operands[] = {
    {.name = "X", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "W", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "R", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "B", .types = TYPES_FLOAT, .group = 'T', .optional = true},
    {.name = "sequence_lens", .types = TYPE_BIT(TN_INT32), .optional = true},
    {.name = "initial_h", .types = TYPES_FLOAT, .group = 'T', .optional = true},
    {.name = "initial_c", .types = TYPES_FLOAT, .group = 'T', .optional = true},
    {.name = "P", .types = TYPES_FLOAT, .group = 'T', .optional = true},
};
const OperandDef recurrent_results[] = {
    {.name = "Y", .types = TYPES_FLOAT, .group = 'T', .optional = true},
    {.name = "Y_h", .types = TYPES_FLOAT, .group = 'T', .optional = true},
    {.name = "Y_c", .types = TYPES_FLOAT, .group = 'T', .optional = true},
};

/* ---- Activations ------------------------------------------------------------------------- */

/* Parameters: how many of alpha and beta an activation has, and their defaults. */
typedef struct Activation {
    const char *name;
    int parameter_count;
    float alpha, beta;
} Activation;

static const Activation activations[] = {
    {"Relu", 0, 0, 0},          {"Tanh", 0, 0, 0},
    {"Sigmoid", 0, 0, 0},       {"Affine", 2, 1, 0},
    {"LeakyRelu", 1, 0.01f, 0}, {"ThresholdedRelu", 1, 1, 0},
    {"ScaledTanh", 2, 1, 1},    {"HardSigmoid", 2, 0.2f, 0.5f},
    {"Elu", 1, 1, 0},           {"Softsign", 0, 0, 0},
    {"Softplus", 0, 0, 0},
};

static bool same_name(const char *name, TnString text)
{
    size_t length = strlen(name);
    if (length != (size_t)text.length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (tolower((unsigned char)name[i]) != tolower((unsigned char)text.data[i]))
            return false;
    return true;
}

static const Activation *activation_find(TnString name)
{
    for (size_t i = 0; i < COUNT_OF(activations); i++)
        if (same_name(activations[i].name, name))
            return &activations[i];
    return NULL;
}

/* The i-th activation of all directions, NULL if its name means nothing. */
static const Activation *activation_at(const RecurrentAttributes *attributes, const CellKind *kind,
                                       int i)
{
    if (i < attributes->activations.count)
        return activation_find(attributes->activations.items[i]);
    const char *name = kind->activations[i % kind->activation_count];
    return activation_find((TnString){name, (int64_t)strlen(name)});
}

/* The same with its own numbers: alphas and betas are used up in order. */
static Activation activation_with_parameters(const RecurrentAttributes *attributes,
                                             const CellKind *kind, int i)
{
    Activation found = {0};
    int64_t alphas = 0, betas = 0;
    for (int j = 0; j <= i; j++) {
        found = *activation_at(attributes, kind, j);
        if (found.parameter_count > 0 && alphas < attributes->activation_alpha.count)
            found.alpha = attributes->activation_alpha.items[alphas];
        if (found.parameter_count > 1 && betas < attributes->activation_beta.count)
            found.beta = attributes->activation_beta.items[betas];
        alphas += found.parameter_count > 0;
        betas += found.parameter_count > 1;
    }
    return found;
}

static Value *affine(Editor *editor, Value *value, float scale, float offset)
{
    if (editor->failed)
        return NULL;
    TnElementType element = value->type->element;
    if (scale != 1)
        value = build_multiply(editor, value, edit_real(editor, element, scale));
    if (offset != 0)
        value = build_add(editor, value, edit_real(editor, element, offset));
    return value;
}

Value *cell_activate_state(Cell *cell, int place, Value *value)
{
    Editor *editor = &cell->inside;
    if (editor->failed)
        return NULL;
    int i = cell->direction * cell->kind->activation_count + place;
    Activation act = activation_with_parameters(cell->attributes, cell->kind, i);
    if (!strcmp(act.name, "Affine"))
        return affine(editor, value, act.alpha, act.beta);
    if (!strcmp(act.name, "ScaledTanh")) {
        value = build(editor, "Tanh", 1, (Value *[]){affine(editor, value, act.beta, 0)});
        return affine(editor, value, act.alpha, 0);
    }
    if (act.parameter_count == 0)
        return build(editor, act.name, 1, &value);
    if (act.parameter_count == 1)
        return build_with(editor, act.name, BUILD_FLOAT("alpha", act.alpha), 1, &value);
    return build_with(editor, act.name, BUILD_FLOATS("alpha", act.alpha, "beta", act.beta), 1,
                      &value);
}

Value *cell_activate(Cell *cell, int place, Value *value)
{
    Editor *editor = &cell->inside;
    float clip = cell->attributes->clip;
    if (!editor->failed && isfinite(clip)) {
        TnElementType element = value->type->element;
        Value *low = edit_real(editor, element, -clip), *high = edit_real(editor, element, clip);
        value = build(editor, "Clip", 3, (Value *[]){value, low, high});
    }
    return cell_activate_state(cell, place, value);
}

/* ---- Inference --------------------------------------------------------------------------- */

static int direction_count(const RecurrentAttributes *attributes)
{
    return attributes->direction == DIRECTION_bidirectional ? 2 : 1;
}

/* An operand of that rank whose sizes are `sizes`; absent is fine. */
static bool check_operand(InferContext *context, const Node *node, int i, int rank,
                          const Expr *const *sizes)
{
    if (!operand(node, i))
        return true;
    const Type *type = operand_type(node, i);
    const char *name = node->op->operands[i].name;
    if (type->rank != rank)
        return infer_error(context, node, "%s has rank %d, expected %d", name, type->rank, rank);
    for (int d = 0; d < rank; d++)
        if (!infer_equal(context, node, type->dims[d], sizes[d],
                         arena_format(context->arena, "%s's axis %d: sizes", name, d)))
            return false;
    return true;
}

static bool check_activations(InferContext *context, const Node *node, const CellKind *kind)
{
    const RecurrentAttributes *attributes = node->attributes;
    int count = direction_count(attributes) * kind->activation_count;
    if (attributes->activations.count && attributes->activations.count < count)
        return infer_error(context, node, "activations has %lld elements, expected %d",
                           (long long)attributes->activations.count, count);
    for (int i = 0; i < count; i++)
        if (!activation_at(attributes, kind, i))
            return infer_error(context, node, "activation \"%.*s\" is unknown",
                               (int)attributes->activations.items[i].length,
                               attributes->activations.items[i].data);
    return true;
}

/* Exchanges the first two sizes: from [directions, batch, hidden] to batch first. */
static void batch_first(const Expr **dims)
{
    const Expr *first = dims[0];
    dims[0] = dims[1];
    dims[1] = first;
}

bool recurrent_infer(InferContext *context, Node *node, const CellKind *kind)
{
    const RecurrentAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, RECURRENT_X), *r = operand_type(node, RECURRENT_R);
    ExprPool *pool = context->pool;
    if (x->rank != 3 || r->rank != 3)
        return infer_error(context, node, "X and R have ranks %d and %d, expected 3", x->rank,
                           r->rank);
    bool is_batch_first = attributes->layout != 0;
    const Expr *time = x->dims[is_batch_first], *batch = x->dims[!is_batch_first];
    const Expr *hidden = r->dims[2];
    const Expr *directions = expr_integer(pool, direction_count(attributes));
    if (attributes->hidden_size != ATTRIBUTE_ABSENT) {
        hidden = infer_equal(context, node, expr_integer(pool, attributes->hidden_size), hidden,
                             "hidden_size and R's last size");
        if (!hidden)
            return false;
    }
    const Expr *gates = expr_scale(pool, hidden, kind->gate_count);
    const Expr *w_sizes[] = {directions, gates, x->dims[2]};
    const Expr *r_sizes[] = {directions, gates, hidden};
    const Expr *b_sizes[] = {directions, expr_scale(pool, gates, 2)};
    const Expr *p_sizes[] = {directions, expr_scale(pool, hidden, 3)};
    const Expr *state[] = {directions, batch, hidden};
    if (is_batch_first)
        batch_first(state);
    if (!check_operand(context, node, RECURRENT_W, 3, w_sizes) ||
        !check_operand(context, node, RECURRENT_R, 3, r_sizes) ||
        !check_operand(context, node, RECURRENT_B, 2, b_sizes) ||
        !check_operand(context, node, RECURRENT_LENGTHS, 1, &batch) ||
        !check_operand(context, node, RECURRENT_H, 3, state) ||
        !check_operand(context, node, RECURRENT_C, 3, state) ||
        !check_operand(context, node, RECURRENT_P, 2, p_sizes) ||
        !check_activations(context, node, kind))
        return false;
    const Expr *time_first[] = {time, directions, batch, hidden};
    const Expr *batch_then_time[] = {batch, time, directions, hidden};
    infer_set(context, node, 0, x->element, 4, is_batch_first ? batch_then_time : time_first);
    for (int i = 1; i < node->result_count; i++)
        infer_set(context, node, i, x->element, 3, state);
    return true;
}

/* ---- Decomposition ----------------------------------------------------------------------- */

/* Element `direction` along an axis as long as there are directions. */
static Value *pick(Cell *cell, Value *value, int64_t axis)
{
    if (!value || cell->around->failed)
        return NULL;
    if (cell->direction_count == 1)
        return build_squeeze(cell->around, value, axis);
    Value *which = edit_int64(cell->around, cell->direction);
    return build_with(cell->around, "Gather", BUILD_INT("axis", axis), 2,
                      (Value *[]){value, which});
}

Value *cell_operand(Cell *cell, int i)
{
    return pick(cell, operand(cell->node, i), 0);
}

void cell_capture(Cell *cell, Value *weight)
{
    cell->weights[cell->weight_count++] = weight;
}

/* [time, batch, gates]: W x + bias for all steps. */
static Value *input_product(Cell *cell, Value *x)
{
    Editor *editor = cell->around;
    static const int64_t flipped[] = {1, 0};
    Value *w = build_transpose(editor, cell_operand(cell, RECURRENT_W), 2, flipped);
    Value *r = build_transpose(editor, cell_operand(cell, RECURRENT_R), 2, flipped);
    Value *biases[2] = {NULL, NULL}, *bias = NULL;
    Value *b = cell_operand(cell, RECURRENT_B);
    if (b)
        build_split(editor, b, 0, 2, biases);
    cell->kind->prepare(cell, r, biases[0], biases[1], &bias);
    Value *product = build_matmul(editor, x, w);
    return bias ? build_add(editor, product, bias) : product;
}

/* [batch, hidden], x being [time, batch, ...]. A given state whose batch goes by another symbol is
 * told to be x's: the operator says that they are equal, a Scan does not. */
static Value *initial_state(Cell *cell, int i, Value *x)
{
    Editor *editor = cell->around;
    Value *given = operand(cell->node, i);
    Value *state = given ? pick(cell, given, cell->attributes->layout != 0) : NULL;
    if (editor->failed || (state && state->type->dims[0] == x->type->dims[1]))
        return state;
    Value *sizes[] = {build_size(editor, x, 1),
                      build_size(editor, operand(cell->node, RECURRENT_R), 2)};
    if (editor->failed)
        return NULL;
    if (!state)
        return build_fill(editor, x->type->element, 0, 2, sizes);
    return build(editor, "Reshape", 2, (Value *[]){state, build_concat(editor, 0, 2, sizes)});
}

/* 0, 1, ... for each step: int64[time]. */
static Value *time_steps(Cell *cell, Value *x)
{
    Editor *editor = cell->around;
    Value *length = build_squeeze(editor, build_size(editor, x, 0), 0);
    if (editor->failed)
        return NULL;
    Value *operands[] = {edit_int64(editor, 0), length, edit_int64(editor, 1)};
    return build(editor, "Range", 3, operands);
}

/* int64[batch, 1] */
static Value *lengths(Cell *cell)
{
    Value *given = operand(cell->node, RECURRENT_LENGTHS);
    return given ? build_unsqueeze(cell->around, build_cast(cell->around, given, TN_INT64), 1)
                 : NULL;
}

/* The body: inputs are the states, x, the time (with lengths) and the captured weights. */
static void make_body(Cell *cell, Node *scan, bool has_lengths, bool has_output)
{
    Graph *body = scan->regions[0];
    int state_count = cell->kind->state_count, next = state_count;
    Value *old[MAX_STATES], *state[MAX_STATES];
    for (int i = 0; i < state_count; i++)
        old[i] = state[i] = body->inputs[i];
    Value *x = body->inputs[next++];
    Value *time = has_lengths ? body->inputs[next++] : NULL;
    for (int i = 0; i < cell->weight_count; i++)
        cell->weights[i] = body->inputs[next++];
    Editor *editor = &cell->inside;
    *editor = edit_at_end(cell->around->context, body);
    editor->model = cell->node;
    cell->kind->step(cell, x, state);
    Value *output = state[0];
    if (has_lengths && !editor->failed) {
        Value *valid = build(editor, "Less", 2, (Value *[]){time, body->inputs[next]});
        Value *zero = edit_real(editor, x->type->element, 0);
        if (has_output)
            output = build(editor, "Where", 3, (Value *[]){valid, output, zero});
        for (int i = 0; i < state_count; i++)
            state[i] = build(editor, "Where", 3, (Value *[]){valid, state[i], old[i]});
    } else if (has_output) {
        output = build(editor, "Identity", 1, &output);
    }
    if (editor->failed)
        return;
    for (int i = 0; i < state_count; i++)
        graph_add_output(body, state[i], NULL);
    if (has_output)
        graph_add_output(body, output, NULL);
}

/* Runs one direction: states[] become the last states, *output float[time, batch, hidden]. */
static bool run_direction(Cell *cell, Value *x, bool has_output, Value **states, Value **output)
{
    Editor *editor = cell->around;
    static const int64_t backward[] = {1, 1};
    Value *operands[MAX_STATES + MAX_WEIGHTS + 3], *valid_lengths = lengths(cell);
    int count = 0, state_count = cell->kind->state_count;
    for (int i = 0; i < state_count; i++)
        operands[count++] = initial_state(cell, RECURRENT_H + i, x);
    operands[count++] = input_product(cell, x);
    if (valid_lengths)
        operands[count++] = time_steps(cell, x);
    ScanAttributes attributes = {.num_scan_inputs = count - state_count};
    bool is_backward = cell->attributes->direction == DIRECTION_reverse || cell->direction == 1;
    if (is_backward) {
        attributes.scan_input_directions = (IntList){attributes.num_scan_inputs, backward};
        attributes.scan_output_directions = (IntList){has_output, backward};
    }
    int first_capture = count;
    for (int i = 0; i < cell->weight_count; i++)
        operands[count++] = cell->weights[i];
    if (valid_lengths)
        operands[count++] = valid_lengths;
    Node *scan =
        edit_node(editor, &op_scan, &attributes, count, operands, state_count + has_output, 1);
    if (!scan)
        return false;
    scan->capture_count = count - first_capture;
    for (int i = 0; i < count; i++)
        graph_add_input(scan->regions[0], NULL, NULL);
    if (!control_seed_regions(editor->context, scan))
        editor->failed = true;
    else
        make_body(cell, scan, valid_lengths != NULL, has_output);
    editor->failed |= cell->inside.failed;
    if (!edit_infer(editor, scan))
        return false;
    for (int i = 0; i < state_count; i++)
        states[i] = result(scan, i);
    *output = has_output ? result(scan, state_count) : NULL;
    return true;
}

/* The directions side by side along a new axis. */
static Value *join_directions(Editor *editor, int count, Value **values, int64_t axis)
{
    for (int i = 0; i < count; i++)
        values[i] = build_unsqueeze(editor, values[i], axis);
    return editor->failed ? NULL : build_concat(editor, axis, count, values);
}

bool recurrent_decompose(Editor *editor, const Node *node, Value **results, const CellKind *kind)
{
    const RecurrentAttributes *attributes = node->attributes;
    static const int64_t time_first[] = {1, 0, 2}, batch_first_again[] = {2, 0, 1, 3};
    bool is_batch_first = attributes->layout != 0;
    bool has_output = result(node, 0)->first_use != NULL;
    int directions = direction_count(attributes);
    Value *x = operand(node, RECURRENT_X);
    if (is_batch_first)
        x = build_transpose(editor, x, 3, time_first);
    Value *outputs[2], *states[MAX_STATES][2];
    for (int d = 0; d < directions; d++) {
        Cell cell = {.kind = kind,
                     .node = node,
                     .attributes = attributes,
                     .around = editor,
                     .direction = d,
                     .direction_count = directions};
        Value *last[MAX_STATES];
        if (!run_direction(&cell, x, has_output, last, &outputs[d]))
            return false;
        for (int i = 0; i < kind->state_count; i++)
            states[i][d] = last[i];
    }
    if (has_output) {
        results[0] = join_directions(editor, directions, outputs, 1);
        if (is_batch_first)
            results[0] = build_transpose(editor, results[0], 4, batch_first_again);
    }
    for (int i = 0; i < kind->state_count; i++)
        if (1 + i < node->result_count && result(node, 1 + i)->first_use)
            results[1 + i] = join_directions(editor, directions, states[i], is_batch_first);
    return !editor->failed;
}
