/* SPDX-License-Identifier: Apache-2.0
 *
 * LLVM's targets: setting this private copy of LLVM up, target machines, empty modules.
 */
#ifndef CODEGEN_LLVM_MACHINE_H
#define CODEGEN_LLVM_MACHINE_H

#include "codegen/backend.h"
#include "codegen/llvm/debug.h"

#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>

/* A target whose strings are all there. */
typedef struct Machine {
    Target target;
    char *triple, *cpu, *features; /* LLVM's own where the target had none */
    LLVMTargetMachineRef machine;
} Machine;

/* Once in a process, whatever the number of callers. */
void machine_initialize(void);
/* False, and a diagnostic, where LLVM does not know the target. Destroy it in either case. */
bool machine_create(Machine *machine, const Target *target, Diagnostics *diagnostics);
void machine_destroy(Machine *machine);
/* One more target machine, for a thread of its own; NULL and a message of LLVM's on failure. */
LLVMTargetMachineRef machine_open(const Machine *machine, char **problem);
/* An empty module for the target. */
LLVMModuleRef machine_open_module(const Machine *machine, const char *name, LLVMContextRef context);
/* Adds the functions to a module, with debugging information if source is not NULL, and verifies
 * it. False and a diagnostic on failure, or where the arena's budget is spent. *problem may be left
 * with a message of LLVM's, which the caller releases, also where memory ends on the way. */
bool machine_emit(const Machine *machine, LLVMModuleRef module, ExprPool *pool,
                  const Function *const *functions, int count, const SourceLines *source,
                  char **problem, Diagnostics *diagnostics);

#endif
