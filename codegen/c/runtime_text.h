/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of the runtime that a model in C needs, as one piece of C: no more than what the roots
 * reach, and nothing of it visible from outside.
 */
#ifndef CODEGEN_C_RUNTIME_TEXT_H
#define CODEGEN_C_RUNTIME_TEXT_H

#include "ir/support/array.h"
#include "ir/support/hash.h"
#include "ir/support/text.h"

typedef struct RuntimeText {
    Text text;
    Map names; /* all that the text declares, for others to keep away from */
} RuntimeText;

/* roots: names of functions and types. never: labels of cases that do not occur (name -> anything),
 * which are left out with what they alone reach. */
RuntimeText runtime_text(Arena *arena, const char *const *roots, int count, const Map *never);

#endif
