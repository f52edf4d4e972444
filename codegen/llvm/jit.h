/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions of nests to machine code in this process. Each piece of work has an LLVM context of its
 * own; nothing is shared but the options of this private copy of LLVM, which are set once.
 */
#ifndef CODEGEN_LLVM_JIT_H
#define CODEGEN_LLVM_JIT_H

#include "codegen/backend.h"

typedef struct JitModule JitModule;

/* Compiles functions, which must have different names, for the host, on its threads; addresses[i]
 * is that of functions[i]. NULL, and a diagnostic, on failure. The pool's arena releases the module
 * unless jit_destroy() did. */
JitModule *jit_compile(const Target *target, const Parallel *parallel, ExprPool *pool,
                       const Function *const *functions, int count, KernelFunction **addresses,
                       Diagnostics *diagnostics);
void jit_destroy(JitModule *module); /* accepts NULL */

/* Assembly of the functions for a target, in the arena of the pool; NULL and a diagnostic on
 * failure. For tests and for people who want to look. */
char *jit_assembly(const Target *target, ExprPool *pool, const Function *const *functions,
                   int count, Diagnostics *diagnostics);

#endif
