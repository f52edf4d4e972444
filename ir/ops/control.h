/* SPDX-License-Identifier: Apache-2.0
 *
 * What If, Loop and Scan share. Their regions are closed: a node's operands are the operator's own,
 * in ONNX's order, and then node->capture_count captures; the inputs of each region are the body's
 * own and then all captures.
 *
 * Sizes. A value that is carried from iteration to iteration may change its size; the region's
 * input and the node's result then have symbols of their own in their types. Whoever runs the node
 * sets them: those of the region's inputs whenever the region is entered, those of the results when
 * the node is done, to the sizes that the tensors have then.
 */
#ifndef IR_OPS_CONTROL_H
#define IR_OPS_CONTROL_H

#include "ir/ops/op.h"
#include "ir/support/array.h"

typedef struct IfAttributes {
    int then_branch, else_branch;
} IfAttributes;

typedef struct LoopAttributes {
    int body;
} LoopAttributes;

typedef struct ScanAttributes {
    int body;
    int64_t num_scan_inputs;
    IntList scan_input_axes, scan_input_directions, scan_output_axes, scan_output_directions;
} ScanAttributes;

/* How many of a Loop's or Scan's values are carried, and where its operands begin. */
typedef struct Carried {
    int count;
    int first_operand;     /* among the node's operands */
    int first_input;       /* among the body's inputs */
    int first_output;      /* among the body's outputs */
    int scan_input_count;  /* operands after the carried ones that are cut in slices */
    int scan_output_count; /* results after the carried ones that are stacked */
} Carried;
Carried loop_carried(const Node *node);
Carried scan_carried(const Node *node);

/* The operator's seed_regions(), or captures alone. */
bool control_seed_regions(InferContext *context, Node *node);

/* The value behind any number of Identities, and whether it is the constant true. */
const Value *control_origin(const Value *value);
bool control_is_true(const Value *value);

/* Whether e mentions a size that is known only inside the region. */
bool control_is_local(InferContext *context, const Graph *region, const Expr *e);
/* A type that holds a and b, with sizes of its own, called after result i, where they differ or are
 * local to `region` (NULL: do not ask). NULL and an error if there is none. */
const Type *control_join(InferContext *context, Node *node, int i, const char *prefix,
                         const Type *a, const Type *b, const Graph *region);
/* Infers the body until the types of its carried inputs hold its carried outputs, and sets the
 * carried results. */
bool control_infer_carried(InferContext *context, Node *node, const Carried *carried);
/* Captures: the types and elements of the node's last operands, for one region. */
void control_pass_captures(Node *node, Graph *region);

#endif
