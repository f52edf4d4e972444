/* SPDX-License-Identifier: Apache-2.0
 *
 * The machine scheduler is switched off: it hoists loads in front of a full register file, and
 * accumulators of register tiles spill.
 */
#include "machine.h"

#include "emitter.h"
#include "ir/support/budget.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <pthread.h>

static void initialize(void)
{
    const char *options[] = {"tenon", "-enable-misched=false"};
#define INITIALIZE(Name)                                                                           \
    LLVMInitialize##Name##TargetInfo();                                                            \
    LLVMInitialize##Name##Target();                                                                \
    LLVMInitialize##Name##TargetMC();                                                              \
    LLVMInitialize##Name##AsmPrinter();                                                            \
    LLVMInitialize##Name##AsmParser();
    INITIALIZE(X86)
    INITIALIZE(AArch64)
    INITIALIZE(RISCV)
#undef INITIALIZE
    LLVMParseCommandLineOptions(2, options, NULL);
}

void machine_initialize(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, initialize);
}

/* ---- Targets ----------------------------------------------------------------------------- */

void machine_destroy(Machine *machine)
{
    if (machine->machine)
        LLVMDisposeTargetMachine(machine->machine);
    LLVMDisposeMessage(machine->triple);
    LLVMDisposeMessage(machine->cpu);
    LLVMDisposeMessage(machine->features);
    *machine = (Machine){0};
}

LLVMTargetMachineRef machine_open(const Machine *machine, char **problem)
{
    LLVMTargetRef found;
    if (LLVMGetTargetFromTriple(machine->triple, &found, problem))
        return NULL;
    return LLVMCreateTargetMachine(found, machine->triple, machine->cpu, machine->features,
                                   machine->target.quick ? LLVMCodeGenLevelNone
                                                         : LLVMCodeGenLevelDefault,
                                   LLVMRelocPIC, LLVMCodeModelDefault);
}

bool machine_create(Machine *machine, const Target *target, Diagnostics *diagnostics)
{
    char *message = NULL;
    machine_initialize();
    *machine = (Machine){.target = *target};
    machine->triple =
        target->triple ? LLVMCreateMessage(target->triple) : LLVMGetDefaultTargetTriple();
    machine->cpu = target->cpu ? LLVMCreateMessage(target->cpu) : LLVMGetHostCPUName();
    machine->features =
        target->features ? LLVMCreateMessage(target->features) : LLVMGetHostCPUFeatures();
    machine->target.triple = machine->triple;
    machine->target.cpu = machine->cpu;
    machine->target.features = machine->features;
    machine->machine = machine_open(machine, &message);
    if (machine->machine)
        return true;
    unsupported_at(diagnostics, (Location){0}, "target '%s': %s", machine->triple,
                   message ? message : "no such processor");
    LLVMDisposeMessage(message);
    return false;
}

/* ---- From functions to a module ---------------------------------------------------------- */

LLVMModuleRef machine_open_module(const Machine *machine, const char *name, LLVMContextRef context)
{
    LLVMModuleRef module = LLVMModuleCreateWithNameInContext(name, context);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine->machine);
    LLVMSetModuleDataLayout(module, layout);
    LLVMSetTarget(module, machine->triple);
    LLVMDisposeTargetData(layout);
    return module;
}

bool machine_emit(const Machine *machine, LLVMModuleRef module, ExprPool *pool,
                  const Function *const *functions, int count, const SourceLines *source,
                  char **problem, Diagnostics *diagnostics)
{
    Budget *budget = arena_budget(expr_pool_arena(pool));
    DebugUnit *debug = source ? debug_open(expr_pool_arena(pool), module, source) : NULL;
    for (int i = 0; i < count && !budget_is_spent(budget); i++)
        emit_function(module, &machine->target, pool, functions[i], debug);
    if (debug)
        debug_close(debug);
    if (budget_is_spent(budget))
        return false;
    if (LLVMVerifyModule(module, LLVMReturnStatusAction, problem))
        return error_at(diagnostics, (Location){0}, "internal error: the code generator made %s",
                        *problem);
    LLVMDisposeMessage(*problem);
    *problem = NULL;
    return true;
}
