/* SPDX-License-Identifier: Apache-2.0
 *
 * A translation unit in C: kernels, and ahead of them the types and helpers that they turned out to
 * need.
 *
 * The text is for GCC 12 or Clang 17 and later, and relies on their vector extensions. It asks the
 * compiler for the target's instructions by itself (pragmas), so that no -m option is needed, and
 * forbids it to contract or reorder floating point: what is computed is what the nest says.
 */
#ifndef CODEGEN_C_UNIT_H
#define CODEGEN_C_UNIT_H

#include "codegen/backend.h"

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
/* Adds the function; `comment` lines (without the marks) stand above it. Its name becomes an
 * identifier that is unique in the unit, which is the answer. */
const char *c_unit_function(CUnit *unit, ExprPool *pool, const Function *function,
                            const char *comment, bool is_public);
/* Appends all that was added: pragmas, types, helpers, kernels. */
void c_unit_write(const CUnit *unit, Text *text);

/* `name` as an identifier of C: other characters become '_'. Reserved words get one more. */
const char *c_identifier(Arena *arena, const char *name);

#endif
