/* SPDX-License-Identifier: Apache-2.0
 *
 * The runtime as LLVM bitcode, for each architecture that artifacts can be made for; made when
 * Tenon is built (tools/cmake/bitcode.cmake).
 */
#ifndef CODEGEN_LLVM_RUNTIME_BITCODE_H
#define CODEGEN_LLVM_RUNTIME_BITCODE_H

typedef struct RuntimeBitcode {
    const char *architecture;
    const char *data, *end;
} RuntimeBitcode;

/* NULL: there is none for this triple. */
const RuntimeBitcode *runtime_bitcode(const char *triple);

#endif
