/* SPDX-License-Identifier: Apache-2.0
 *
 * The packed constants of a program: which there are, and making them, in memory or where the
 * caller says.
 */
#ifndef CODEGEN_PACK_H
#define CODEGEN_PACK_H

#include "ir/kernel/kernel.h"
#include "ir/support/diagnostic.h"
#include "runtime/program.h"

/* All of them accept NULL: there are none. */
typedef struct PackedConstants PackedConstants;

int64_t packed_count(const PackedConstants *packed);
int32_t packed_buffer_of(const PackedConstants *packed, int64_t i);
int64_t packed_bytes(const PackedConstants *packed, int64_t i);
/* What it is made of, and how its elements move, as text: with equal bytes and text, two constants
 * are equal, also those of two programs. */
const Tensor *packed_source(const PackedConstants *packed, int64_t i);
const char *packed_movement(const PackedConstants *packed, int64_t i);
/* Writes constant i to zeroed memory. Several threads may do it at once. */
void packed_write(const PackedConstants *packed, int64_t i, void *memory);

/* Makes all of them in memory, and lets the program's buffers point to it. */
TnStatus pack_constants(PackedConstants *packed, const Parallel *parallel, Program *program,
                        Diagnostics *diagnostics);
void packed_destroy(void *packed); /* for arena_defer(), too */

#endif
