/* SPDX-License-Identifier: Apache-2.0
 *
 * LLVM's code generator and ORC's LLJIT.
 *
 * The IR is made on the calling thread (it needs the expression pool), in one module for each piece
 * of work; then the host's threads turn modules into object files, which are linked into memory. No
 * IR pass is run. The machine scheduler is switched off: it hoists loads in front of a full
 * register file, and accumulators of register tiles spill.
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

static LLVMTargetMachineRef create_machine(const Machine *machine, char **problem)
{
    LLVMTargetRef found;
    if (LLVMGetTargetFromTriple(machine->triple, &found, problem))
        return NULL;
    return LLVMCreateTargetMachine(found, machine->triple, machine->cpu, machine->features,
                                   LLVMCodeGenLevelDefault, LLVMRelocPIC, LLVMCodeModelDefault);
}

static bool machine_create(Machine *machine, const Target *target, Diagnostics *diagnostics)
{
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
    machine->machine = create_machine(machine, &message);
    if (machine->machine)
        return true;
    unsupported_at(diagnostics, (Location){0}, "target '%s': %s", machine->triple,
                   message ? message : "no such processor");
    LLVMDisposeMessage(message);
    return false;
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

/* A module on its way to a file. */
typedef struct CodePiece {
    const Machine *machine;
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMCodeGenFileType type;
    LLVMMemoryBufferRef buffer;
    char *problem;
} CodePiece;

/* On any thread: each piece has a context and a target machine of its own. */
static void generate(void *context, int64_t number, int worker)
{
    CodePiece *piece = (CodePiece *)context + number;
    (void)worker;
    LLVMTargetMachineRef machine = create_machine(piece->machine, &piece->problem);
    if (!machine)
        return;
    LLVMTargetMachineEmitToMemoryBuffer(machine, piece->module, piece->type, &piece->problem,
                                        &piece->buffer);
    LLVMDisposeTargetMachine(machine);
}

static bool piece_open(CodePiece *piece, const Machine *machine, ExprPool *pool,
                       const Function *const *functions, int count, Diagnostics *diagnostics)
{
    piece->machine = machine;
    piece->context = LLVMContextCreate();
    piece->module = build_module(machine, piece->context, pool, functions, count, diagnostics);
    return piece->module != NULL;
}

/* False, and a diagnostic, if the piece has no file. */
static bool piece_close(CodePiece *piece, Diagnostics *diagnostics)
{
    if (piece->problem)
        error_at(diagnostics, (Location){0}, "internal error: no code: %s", piece->problem);
    LLVMDisposeMessage(piece->problem);
    if (piece->module)
        LLVMDisposeModule(piece->module);
    if (piece->context)
        LLVMContextDispose(piece->context);
    return piece->buffer != NULL;
}

char *jit_assembly(const Target *target, ExprPool *pool, const Function *const *functions,
                   int count, Diagnostics *diagnostics)
{
    Machine machine;
    char *text = NULL;
    if (machine_create(&machine, target, diagnostics)) {
        CodePiece piece = {.type = LLVMAssemblyFile};
        if (piece_open(&piece, &machine, pool, functions, count, diagnostics))
            generate(&piece, 0, 0);
        if (piece_close(&piece, diagnostics)) {
            text = arena_string(expr_pool_arena(pool), LLVMGetBufferStart(piece.buffer),
                                LLVMGetBufferSize(piece.buffer));
            LLVMDisposeMemoryBuffer(piece.buffer);
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

/* Every n-th function to one piece, so that neighbours, which are often alike, are spread. */
static bool open_pieces(CodePiece *pieces, int piece_count, const Machine *machine, ExprPool *pool,
                        const Function *const *functions, int count, Diagnostics *diagnostics)
{
    Arena *arena = expr_pool_arena(pool);
    for (int p = 0; p < piece_count; p++) {
        const Function **own = ARENA_ARRAY(arena, const Function *, count / piece_count + 1);
        int own_count = 0;
        for (int i = p; i < count; i += piece_count)
            own[own_count++] = functions[i];
        pieces[p].type = LLVMObjectFile;
        if (!piece_open(&pieces[p], machine, pool, own, own_count, diagnostics))
            return false;
    }
    return true;
}

/* Links the files of all pieces; takes their buffers. */
static JitModule *link_pieces(CodePiece *pieces, int piece_count, const Target *target,
                              const Function *const *functions, int count,
                              KernelFunction **addresses, Diagnostics *diagnostics)
{
    JitModule *module = calloc(1, sizeof *module);
    LLVMOrcLLJITRef jit = module ? create_jit(target, diagnostics) : NULL;
    bool done = jit != NULL;
    for (int p = 0; p < piece_count; p++) {
        if (done)
            done = succeeded(
                LLVMOrcLLJITAddObjectFile(jit, LLVMOrcLLJITGetMainJITDylib(jit), pieces[p].buffer),
                diagnostics);
        else
            LLVMDisposeMemoryBuffer(pieces[p].buffer);
    }
    if (done && look_up(jit, functions, count, addresses, diagnostics)) {
        module->jit = jit;
        return module;
    }
    if (jit)
        succeeded(LLVMOrcDisposeLLJIT(jit), diagnostics);
    free(module);
    return NULL;
}

JitModule *jit_compile(const Target *target, const Parallel *parallel, ExprPool *pool,
                       const Function *const *functions, int count, KernelFunction **addresses,
                       Diagnostics *diagnostics)
{
    enum { PIECES_PER_THREAD = 3 };
    Machine machine;
    int threads = parallel->threads > 1 ? parallel->threads : 1;
    int piece_count = threads == 1 ? 1 : threads * PIECES_PER_THREAD;
    piece_count = piece_count < count ? piece_count : count;
    CodePiece *pieces = ARENA_ARRAY(expr_pool_arena(pool), CodePiece, piece_count);
    JitModule *module = NULL;
    bool done = machine_create(&machine, target, diagnostics) &&
                open_pieces(pieces, piece_count, &machine, pool, functions, count, diagnostics);
    if (done)
        parallel_run(parallel, piece_count, generate, pieces);
    for (int p = 0; p < piece_count; p++)
        done &= piece_close(&pieces[p], diagnostics);
    if (done)
        module = link_pieces(pieces, piece_count, target, functions, count, addresses, diagnostics);
    for (int p = 0; p < piece_count && !done; p++)
        if (pieces[p].buffer)
            LLVMDisposeMemoryBuffer(pieces[p].buffer);
    machine_destroy(&machine);
    return module;
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
