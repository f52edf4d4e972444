/* SPDX-License-Identifier: Apache-2.0
 *
 * What makes two functions the same code: layers of a model that differ in their data alone share
 * one.
 */
#ifndef CODEGEN_FUNCTION_KEY_H
#define CODEGEN_FUNCTION_KEY_H

#include "codegen/backend.h"
#include "ir/support/array.h"
#include "ir/support/hash.h"

/* Text that is equal for functions with equal code: tensors and axes by position, not by name. It
 * lives in the pool's arena. */
const char *function_key(ExprPool *pool, const Function *function);

/* The functions of all phases, equal ones once, under names of their own; functions[chosen[i]] is
 * that of phase i, whose `symbol` is its name. Answers how many. */
int functions_share(Arena *arena, Phase *const *phases, int count, const Function **functions,
                    int *chosen);

/* The same over several programs for one processor. Their names end in `suffix`. */
typedef struct FunctionSharing {
    Arena *arena;
    const char *suffix;
    bool apart; /* each phase keeps a function of its own */
    Map by_key;
    int phase_count; /* seen so far: functions are numbered by it */
    ARRAY(const Function *) functions;
} FunctionSharing;

FunctionSharing function_sharing(Arena *arena, const char *suffix);
void functions_add(FunctionSharing *sharing, Phase *const *phases, int count);

#endif
