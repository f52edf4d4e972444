/* SPDX-License-Identifier: Apache-2.0
 *
 * What RNN, GRU and LSTM share: each is decomposed, one direction at a time, into a Scan over time
 * whose body is one step. The product of the inputs with W is hoisted out: one MatMul for all
 * steps. sequence_lens masks: beyond its length a sequence keeps its state and gives zeros, so that
 * the backward direction begins at a sequence's own end.
 */
#ifndef IR_OPS_RECURRENT_H
#define IR_OPS_RECURRENT_H

#include "ir/ops/build.h"
#include "ir/ops/control.h"

/* Attributes of all three; each operator's table offers those that it has. */
typedef struct RecurrentAttributes {
    FloatList activation_alpha, activation_beta;
    StringList activations;
    float clip; /* +inf: none */
    int direction;
    int64_t hidden_size, layout;
    int64_t input_forget;        /* LSTM */
    int64_t linear_before_reset; /* GRU */
} RecurrentAttributes;

#define RECURRENT_ATTRIBUTES                                                                       \
    ATTRIBUTE_OPTIONAL(RecurrentAttributes, activation_alpha, floats,                              \
                       "of the activations that have one, in order"),                              \
        ATTRIBUTE_OPTIONAL(RecurrentAttributes, activation_beta, floats,                           \
                           "of the activations that have one, in order"),                          \
        ATTRIBUTE_OPTIONAL(RecurrentAttributes, activations, strings,                              \
                           "for each direction, one for each place"),                              \
        ATTRIBUTE_FLOAT(RecurrentAttributes, clip, INFINITY,                                       \
                        "bounds the gates before their activations, from both sides"),             \
        ATTRIBUTE_CHOICE(RecurrentAttributes, direction, "forward|reverse|bidirectional", 0,       \
                         "in which direction time runs"),                                          \
        ATTRIBUTE_INT(RecurrentAttributes, hidden_size, ATTRIBUTE_ABSENT,                          \
                      "size of the state; R says it, too"),                                        \
        ATTRIBUTE_INT(RecurrentAttributes, layout, 0, "0: time first; 1: batch first")

enum { DIRECTION_forward, DIRECTION_reverse, DIRECTION_bidirectional };

/* Operands and results in ONNX's order; the last two operands and the last result are LSTM's. */
extern const OperandDef recurrent_operands[], recurrent_results[];
#define RECURRENT_OPERANDS(operand_count_, result_count_)                                          \
    .operands = recurrent_operands, .operand_count = (operand_count_),                             \
    .results = recurrent_results, .result_count = (result_count_)

enum {
    RECURRENT_X,
    RECURRENT_W,
    RECURRENT_R,
    RECURRENT_B,
    RECURRENT_LENGTHS,
    RECURRENT_H,
    RECURRENT_C,
    RECURRENT_P
};

enum { MAX_STATES = 2, MAX_WEIGHTS = 8 };

/* One direction of one node, while it is decomposed. */
typedef struct Cell {
    const struct CellKind *kind;
    const Node *node;
    const RecurrentAttributes *attributes;
    Editor *around; /* outside of the Scan */
    Editor inside;  /* its body */
    int direction, direction_count;
    /* What the steps capture: made by prepare() outside, then the same inside. */
    Value *weights[MAX_WEIGHTS];
    int weight_count;
} Cell;

typedef struct CellKind {
    int gate_count, state_count, activation_count;
    const char *const *activations; /* by default */
    /* Captures weights outside. The bias that the steps do not add goes into *bias: input_bias is
     * Wb, recurrent_bias is Rb, both NULL where there is no B. */
    void (*prepare)(Cell *cell, Value *r, Value *input_bias, Value *recurrent_bias, Value **bias);
    /* One step: x is W x_t + bias; state[] becomes the new state. */
    void (*step)(Cell *cell, Value *x, Value **state);
} CellKind;

bool recurrent_infer(InferContext *context, Node *node, const CellKind *kind);
bool recurrent_decompose(Editor *editor, const Node *node, Value **results, const CellKind *kind);

/* For prepare(): adds a weight that the steps need; weights[] in the order of the calls. */
void cell_capture(Cell *cell, Value *weight);
/* Row `direction` of an operand, NULL if it is absent. */
Value *cell_operand(Cell *cell, int i);
/* For step(): the activation at a place, of a gate after clipping, or of the state as it is. */
Value *cell_activate(Cell *cell, int place, Value *gate);
Value *cell_activate_state(Cell *cell, int place, Value *state);

#endif
