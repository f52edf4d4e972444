/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies of operators as ONNX text, a file each: <name>.onnxtxt, embedded. OpDef.function names
 * one; frontend/function.h reads it.
 */
#ifndef IR_FUNCTIONS_FUNCTIONS_H
#define IR_FUNCTIONS_FUNCTIONS_H

/* The text of ir/functions/<name>.onnxtxt; NULL if there is none. */
const char *function_text(const char *name);

#endif
