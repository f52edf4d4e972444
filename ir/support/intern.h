/* SPDX-License-Identifier: Apache-2.0
 *
 * One pointer per distinct string, so that names compare by address.
 */
#ifndef IR_SUPPORT_INTERN_H
#define IR_SUPPORT_INTERN_H

#include "hash.h"

typedef struct Interner {
    Map map;
} Interner;

Interner interner_create(Arena *arena);
const char *intern(Interner *interner, const char *text);
const char *intern_bytes(Interner *interner, const char *text, size_t length);

#endif
