/* SPDX-License-Identifier: Apache-2.0
 *
 * LLVM's code generator and ORC's LLJIT.
 *
 * The IR is made on the calling thread (it needs the expression pool), then a module is turned into
 * an object file and linked into memory. No IR pass is run. The machine scheduler is switched off:
 * it hoists loads in front of a full register file, and accumulators of register tiles spill.
 */
#include "jit.h"

#include "emitter.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct JitModule {
    LLVMOrcLLJITRef jit;
};

static void initialize(void)
{
    const char *options[] = {"tenon", "-enable-misched=false"};
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
    LLVMParseCommandLineOptions(2, options, NULL);
}

static void initialize_once(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, initialize);
}

/* ---- Targets ----------------------------------------------------------------------------- */

/* A target whose strings are all there. */
typedef struct Machine {
    Target target;
    char *triple, *cpu, *features; /* LLVM's own where the target had none */
    LLVMTargetMachineRef machine;
} Machine;

static void machine_destroy(Machine *machine)
{
    if (machine->machine)
        LLVMDisposeTargetMachine(machine->machine);
    LLVMDisposeMessage(machine->triple);
    LLVMDisposeMessage(machine->cpu);
    LLVMDisposeMessage(machine->features);
}

static bool machine_create(Machine *machine, const Target *target, Diagnostics *diagnostics)
{
    LLVMTargetRef found;
    char *message = NULL;
    initialize_once();
    *machine = (Machine){.target = *target};
    machine->triple =
        target->triple ? LLVMCreateMessage(target->triple) : LLVMGetDefaultTargetTriple();
    machine->cpu = target->cpu ? LLVMCreateMessage(target->cpu) : LLVMGetHostCPUName();
    machine->features =
        target->features ? LLVMCreateMessage(target->features) : LLVMGetHostCPUFeatures();
    machine->target.triple = machine->triple;
    machine->target.cpu = machine->cpu;
    machine->target.features = machine->features;
    if (LLVMGetTargetFromTriple(machine->triple, &found, &message)) {
        unsupported_at(diagnostics, (Location){0}, "target '%s': %s", machine->triple, message);
        LLVMDisposeMessage(message);
        return false;
    }
    machine->machine =
        LLVMCreateTargetMachine(found, machine->triple, machine->cpu, machine->features,
                                LLVMCodeGenLevelDefault, LLVMRelocPIC, LLVMCodeModelDefault);
    return machine->machine != NULL;
}

/* ---- From functions to a module ---------------------------------------------------------- */

static LLVMModuleRef build_module(const Machine *machine, LLVMContextRef context, ExprPool *pool,
                                  const Function *const *functions, int count,
                                  Diagnostics *diagnostics)
{
    LLVMModuleRef module = LLVMModuleCreateWithNameInContext("kernels", context);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine->machine);
    LLVMSetModuleDataLayout(module, layout);
    LLVMSetTarget(module, machine->triple);
    LLVMDisposeTargetData(layout);
    for (int i = 0; i < count; i++)
        emit_function(module, &machine->target, pool, functions[i]);
    char *problem = NULL;
    bool broken = LLVMVerifyModule(module, LLVMReturnStatusAction, &problem);
    if (broken)
        error_at(diagnostics, (Location){0}, "internal error: the code generator made %s", problem);
    LLVMDisposeMessage(problem);
    if (!broken)
        return module;
    LLVMDisposeModule(module);
    return NULL;
}

static LLVMMemoryBufferRef generate(const Machine *machine, LLVMModuleRef module,
                                    LLVMCodeGenFileType type, Diagnostics *diagnostics)
{
    LLVMMemoryBufferRef buffer = NULL;
    char *problem = NULL;
    if (LLVMTargetMachineEmitToMemoryBuffer(machine->machine, module, type, &problem, &buffer)) {
        error_at(diagnostics, (Location){0}, "internal error: no code: %s", problem);
        LLVMDisposeMessage(problem);
        return NULL;
    }
    return buffer;
}

static LLVMMemoryBufferRef compile_functions(const Machine *machine, ExprPool *pool,
                                             const Function *const *functions, int count,
                                             LLVMCodeGenFileType type, Diagnostics *diagnostics)
{
    LLVMContextRef context = LLVMContextCreate();
    LLVMMemoryBufferRef buffer = NULL;
    LLVMModuleRef module = build_module(machine, context, pool, functions, count, diagnostics);
    if (module) {
        buffer = generate(machine, module, type, diagnostics);
        LLVMDisposeModule(module);
    }
    LLVMContextDispose(context);
    return buffer;
}

char *jit_assembly(const Target *target, ExprPool *pool, const Function *const *functions,
                   int count, Diagnostics *diagnostics)
{
    Machine machine;
    char *text = NULL;
    if (machine_create(&machine, target, diagnostics)) {
        LLVMMemoryBufferRef buffer =
            compile_functions(&machine, pool, functions, count, LLVMAssemblyFile, diagnostics);
        if (buffer) {
            text = arena_string(expr_pool_arena(pool), LLVMGetBufferStart(buffer),
                                LLVMGetBufferSize(buffer));
            LLVMDisposeMemoryBuffer(buffer);
        }
    }
    machine_destroy(&machine);
    return text;
}

/* ---- From an object file to addresses ---------------------------------------------------- */

typedef struct LibrarySymbol {
    const char *name;
    void *address;
} LibrarySymbol;

/* What generated code may call. */
#define BOTH(function)                                                                             \
    {#function, (void *)function},                                                                 \
    {                                                                                              \
#function "f", (void *)function##f                                                         \
    }
static const LibrarySymbol library[] = {
    BOTH(exp),
    BOTH(log),
    BOTH(log1p),
    BOTH(expm1),
    BOTH(sin),
    BOTH(cos),
    BOTH(tan),
    BOTH(asin),
    BOTH(acos),
    BOTH(atan),
    BOTH(sinh),
    BOTH(cosh),
    BOTH(tanh),
    BOTH(asinh),
    BOTH(acosh),
    BOTH(atanh),
    BOTH(erf),
    BOTH(pow),
    BOTH(atan2),
    BOTH(fmod),
    BOTH(floor),
    BOTH(ceil),
    BOTH(trunc),
    BOTH(rint),
    BOTH(fma),
    BOTH(ldexp),
    {"memcpy", (void *)memcpy},
    {"memset", (void *)memset},
};
#undef BOTH

static LLVMErrorRef define_library(LLVMOrcLLJITRef jit)
{
    LLVMOrcCSymbolMapPair pairs[COUNT_OF(library)];
    for (size_t i = 0; i < COUNT_OF(library); i++) {
        pairs[i].Name = LLVMOrcLLJITMangleAndIntern(jit, library[i].name);
        pairs[i].Sym.Address = (LLVMOrcExecutorAddress)(uintptr_t)library[i].address;
        pairs[i].Sym.Flags.GenericFlags =
            LLVMJITSymbolGenericFlagsExported | LLVMJITSymbolGenericFlagsCallable;
        pairs[i].Sym.Flags.TargetFlags = 0;
    }
    LLVMOrcMaterializationUnitRef unit = LLVMOrcAbsoluteSymbols(pairs, COUNT_OF(library));
    return LLVMOrcJITDylibDefine(LLVMOrcLLJITGetMainJITDylib(jit), unit);
}

/* Takes an LLVM error; false if it is one. */
static bool succeeded(LLVMErrorRef error, Diagnostics *diagnostics)
{
    if (!error)
        return true;
    char *message = LLVMGetErrorMessage(error);
    error_at(diagnostics, (Location){0}, "internal error: %s", message);
    LLVMDisposeErrorMessage(message);
    return false;
}

static LLVMOrcLLJITRef create_jit(const Target *target, Diagnostics *diagnostics)
{
    LLVMOrcLLJITRef jit = NULL;
    Machine machine;
    if (!machine_create(&machine, target, diagnostics)) {
        machine_destroy(&machine);
        return NULL;
    }
    LLVMOrcLLJITBuilderRef builder = LLVMOrcCreateLLJITBuilder();
    LLVMOrcLLJITBuilderSetJITTargetMachineBuilder(
        builder, LLVMOrcJITTargetMachineBuilderCreateFromTargetMachine(machine.machine));
    machine.machine = NULL; /* the builder took it */
    machine_destroy(&machine);
    if (!succeeded(LLVMOrcCreateLLJIT(&jit, builder), diagnostics))
        return NULL;
    if (succeeded(define_library(jit), diagnostics))
        return jit;
    succeeded(LLVMOrcDisposeLLJIT(jit), diagnostics);
    return NULL;
}

static bool look_up(LLVMOrcLLJITRef jit, const Function *const *functions, int count,
                    KernelFunction **addresses, Diagnostics *diagnostics)
{
    for (int i = 0; i < count; i++) {
        LLVMOrcExecutorAddress address = 0;
        if (!succeeded(LLVMOrcLLJITLookup(jit, &address, functions[i]->name), diagnostics))
            return false;
        addresses[i] = (KernelFunction *)(uintptr_t)address;
    }
    return true;
}

JitModule *jit_compile(const Target *target, ExprPool *pool, const Function *const *functions,
                       int count, KernelFunction **addresses, Diagnostics *diagnostics)
{
    Machine machine;
    LLVMMemoryBufferRef object = NULL;
    if (machine_create(&machine, target, diagnostics))
        object = compile_functions(&machine, pool, functions, count, LLVMObjectFile, diagnostics);
    machine_destroy(&machine);
    if (!object)
        return NULL;
    LLVMOrcLLJITRef jit = create_jit(target, diagnostics);
    if (!jit) {
        LLVMDisposeMemoryBuffer(object);
        return NULL;
    }
    JitModule *module = calloc(1, sizeof *module);
    bool done = module != NULL;
    if (done)
        done = succeeded(LLVMOrcLLJITAddObjectFile(jit, LLVMOrcLLJITGetMainJITDylib(jit), object),
                         diagnostics);
    else
        LLVMDisposeMemoryBuffer(object);
    if (done && look_up(jit, functions, count, addresses, diagnostics)) {
        module->jit = jit;
        return module;
    }
    free(module);
    succeeded(LLVMOrcDisposeLLJIT(jit), diagnostics);
    return NULL;
}

void jit_destroy(JitModule *module)
{
    if (!module)
        return;
    LLVMErrorRef error = LLVMOrcDisposeLLJIT(module->jit);
    if (error)
        LLVMConsumeError(error);
    free(module);
}
