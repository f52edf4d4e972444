/* SPDX-License-Identifier: Apache-2.0
 *
 * A translation unit in C: kernels, and ahead of them the types and helpers that they turned out to
 * need.
 *
 * The text is for GCC 12 or Clang 19 and later, and relies on their vector extensions. It asks the
 * compiler for the target's instructions by itself (pragmas), so that no -m option is needed, and
 * forbids it to contract or reorder floating point: what is computed is what the nest says.
 */
#ifndef CODEGEN_C_UNIT_H
#define CODEGEN_C_UNIT_H

#include "codegen/backend.h"
#include "ir/support/hash.h"

/* A dialect of C: how the things that differ are spelled. */
typedef struct Dialect {
    const char *name;
    const char *helper;         /* ahead of a helper function */
    const char *private_kernel; /* ahead of a kernel that the unit keeps for itself */
    const char *public_kernel;
    bool has_vectors; /* else lanes must be 1 */
} Dialect;

extern const Dialect dialect_c;

typedef struct CUnit CUnit;

CUnit *c_unit_create(Arena *arena, const Target *target, const Dialect *dialect);
/* Names that functions of the unit must not have: the keys. */
void c_unit_reserve(CUnit *unit, const Map *names);
/* Adds the function; `comment` lines (without the marks) stand above it. Its name becomes an
 * identifier that is unique in the unit, which is the answer. */
const char *c_unit_function(CUnit *unit, ExprPool *pool, const Function *function,
                            const char *comment, bool is_public);
/* Appends all that was added: pragmas, types, helpers, kernels. */
void c_unit_write(const CUnit *unit, Text *text);

#endif
