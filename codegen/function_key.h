/* SPDX-License-Identifier: Apache-2.0
 *
 * What makes two functions the same code: layers of a model that differ in their data alone share
 * one.
 */
#ifndef CODEGEN_FUNCTION_KEY_H
#define CODEGEN_FUNCTION_KEY_H

#include "codegen/backend.h"

/* Text that is equal for functions with equal code: tensors and axes by position, not by name. It
 * lives in the pool's arena. */
const char *function_key(ExprPool *pool, const Function *function);

/* The functions of all phases, equal ones once, under names of their own; functions[chosen[i]] is
 * that of phase i, whose `symbol` is its name. Answers how many. */
int functions_share(Arena *arena, Phase *const *phases, int count, const Function **functions,
                    int *chosen);

#endif
