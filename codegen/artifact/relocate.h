/* SPDX-License-Identifier: Apache-2.0
 *
 * Relocations within one file: what an address becomes in an instruction or a datum, for x86-64,
 * AArch64 and RISC-V.
 */
#ifndef CODEGEN_ARTIFACT_RELOCATE_H
#define CODEGEN_ARTIFACT_RELOCATE_H

#include <stdbool.h>
#include <stdint.h>

/* R_..._RELATIVE of a machine; 0: an unknown one. */
uint32_t relocation_relative(int machine);
/* Whether it is a whole address: the loader adds the base to it. */
bool relocation_is_absolute(int machine, uint32_t type);
/* Whether its value is that of another relocation, at the symbol's address (RISC-V's LO12). */
bool relocation_is_low_part(int machine, uint32_t type);

typedef enum RelocationResult {
    RELOCATION_done,
    RELOCATION_unknown,
    RELOCATION_too_far,
} RelocationResult;

/* Writes at `place`, whose address is `address`, a reference to `target` = symbol + addend; for a
 * low part target - address is the distance of the high part. */
RelocationResult relocate(int machine, uint32_t type, char *place, uint64_t address,
                          uint64_t target);

#endif
