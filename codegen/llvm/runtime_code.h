/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of the runtime that artifacts contain, for each architecture that they can be made for,
 * in two forms: bitcode, for those that people read, and objects, with a section for each function.
 * They ask for no more than every processor of the architecture has. Made when Tenon is built
 * (tools/cmake/bitcode.cmake).
 */
#ifndef CODEGEN_LLVM_RUNTIME_CODE_H
#define CODEGEN_LLVM_RUNTIME_CODE_H

#include <stddef.h>

typedef struct RuntimeFile {
    const char *data; /* aligned to 16 */
    size_t bytes;
} RuntimeFile;

typedef struct RuntimeCode {
    const char *architecture;
    RuntimeFile bitcode, object;
} RuntimeCode;

/* False: there is none for this triple. */
_Bool runtime_code(const char *triple, RuntimeCode *code);

#endif
