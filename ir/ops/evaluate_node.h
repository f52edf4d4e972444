/* SPDX-License-Identifier: Apache-2.0
 *
 * Evaluating a node whose operands are all known, with the interpreter.
 */
#ifndef IR_OPS_EVALUATE_NODE_H
#define IR_OPS_EVALUATE_NODE_H

#include "ir/graph/constant.h"
#include "ir/graph/graph.h"

/* results[i]: result i as a constant in `arena`, NULL where it is absent. false where this cannot
 * be done, which is no error: an operand is not known, the node has no kernel, its result is drawn
 * and not determined, is no tensor, or takes more than 256 MB on the way. `scratch` is left as it
 * was found. */
bool node_evaluate(const Node *node, Arena *arena, Arena *scratch, const Constant **results);

#endif
