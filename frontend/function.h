/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators whose meaning is a body in ONNX text (OpDef.function, ir/functions/).
 */
#ifndef FRONTEND_FUNCTION_H
#define FRONTEND_FUNCTION_H

#include "ir/ops/op.h"

/* Puts the nodes of the body before `node`, with its name and location; results[i] is what takes
 * the place of result i. False after a diagnostic. */
bool function_expand(InferContext *context, Node *node, Value **results);

#endif
