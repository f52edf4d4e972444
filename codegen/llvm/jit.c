/* SPDX-License-Identifier: Apache-2.0
 *
 * LLVM's code generator and ORC's LLJIT.
 *
 * The IR is made on the calling thread (it needs the expression pool), in one module for each piece
 * of work; then the host's threads turn modules into object files, which are linked into memory. No
 * IR pass is run.
 *
 * What is LLVM's is released by the arena, too, where memory of ours ends on the way.
 */
#include "jit.h"

#include "emitter.h"
#include "ir/support/budget.h"
#include "machine.h"

#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <math.h>
#include <string.h>

struct JitModule {
    LLVMOrcLLJITRef jit;
};

/* ---- From functions to a module ---------------------------------------------------------- */

/* A module on its way to a file. */
typedef struct CodePiece {
    const Machine *machine;
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMCodeGenFileType type;
    const SourceLines *source; /* or NULL: no debugging information */
    Budget *budget;
    LLVMMemoryBufferRef buffer;
    char *problem;
} CodePiece;

static void piece_release(CodePiece *piece)
{
    if (piece->buffer)
        LLVMDisposeMemoryBuffer(piece->buffer);
    LLVMDisposeMessage(piece->problem);
    if (piece->module)
        LLVMDisposeModule(piece->module);
    if (piece->context)
        LLVMContextDispose(piece->context);
    *piece = (CodePiece){0};
}

/* A machine and the pieces that are made for it. */
typedef struct CodeWork {
    Machine machine;
    CodePiece *pieces;
    int piece_count;
} CodeWork;

static void work_close(void *user)
{
    CodeWork *work = user;
    for (int p = 0; p < work->piece_count; p++)
        piece_release(&work->pieces[p]);
    machine_destroy(&work->machine);
}

static CodeWork *work_open(Arena *arena, const Target *target, int piece_count,
                           Diagnostics *diagnostics)
{
    CodeWork *work = ARENA_NEW(arena, CodeWork);
    work->pieces = ARENA_ARRAY(arena, CodePiece, piece_count);
    work->piece_count = piece_count;
    arena_defer(arena, work_close, work);
    return machine_create(&work->machine, target, diagnostics) ? work : NULL;
}

static bool build_module(CodePiece *piece, ExprPool *pool, const Function *const *functions,
                         int count, Diagnostics *diagnostics)
{
    const Machine *machine = piece->machine;
    piece->context = LLVMContextCreate();
    piece->budget = arena_budget(expr_pool_arena(pool));
    piece->module = machine_open_module(machine, "kernels", piece->context);
    return machine_emit(machine, piece->module, pool, functions, count, piece->source,
                        &piece->problem, diagnostics);
}

/* On any thread: each piece has a context and a target machine of its own. */
static void generate(void *context, int64_t number, int worker)
{
    CodePiece *piece = (CodePiece *)context + number;
    (void)worker;
    if (budget_is_spent(piece->budget))
        return;
    LLVMTargetMachineRef machine = machine_open(piece->machine, &piece->problem);
    if (!machine)
        return;
    LLVMTargetMachineEmitToMemoryBuffer(machine, piece->module, piece->type, &piece->problem,
                                        &piece->buffer);
    LLVMDisposeTargetMachine(machine);
}

/* Every n-th function to one piece, so that neighbours, which are often alike, are spread. */
static bool build_pieces(CodeWork *work, LLVMCodeGenFileType type, ExprPool *pool,
                         const Function *const *functions, int count, Diagnostics *diagnostics)
{
    Arena *arena = expr_pool_arena(pool);
    for (int p = 0; p < work->piece_count; p++) {
        const Function **own = ARENA_ARRAY(arena, const Function *, count / work->piece_count + 1);
        int own_count = 0;
        for (int i = p; i < count; i += work->piece_count)
            own[own_count++] = functions[i];
        work->pieces[p].machine = &work->machine;
        work->pieces[p].type = type;
        if (!build_module(&work->pieces[p], pool, own, own_count, diagnostics))
            return false;
    }
    return true;
}

/* A file for every piece, on the host's threads; false, and a diagnostic, if one has none. */
static bool generate_pieces(CodeWork *work, const Parallel *parallel, Diagnostics *diagnostics)
{
    parallel_run(parallel, work->piece_count, generate, work->pieces);
    if (budget_is_spent(work->pieces[0].budget))
        return false;
    for (int p = 0; p < work->piece_count; p++)
        if (!work->pieces[p].buffer)
            return error_at(diagnostics, (Location){0}, "internal error: no code: %s",
                            work->pieces[p].problem ? work->pieces[p].problem : "no reason given");
    return true;
}

char *jit_assembly(const Target *target, ExprPool *pool, const Function *const *functions,
                   int count, Diagnostics *diagnostics)
{
    char *text = NULL;
    Arena *arena = expr_pool_arena(pool);
    CodeWork *work = work_open(arena, target, 1, diagnostics);
    if (work && build_pieces(work, LLVMAssemblyFile, pool, functions, count, diagnostics) &&
        generate_pieces(work, &(Parallel){.threads = 1}, diagnostics)) {
        LLVMMemoryBufferRef buffer = work->pieces[0].buffer;
        text = arena_string(arena, LLVMGetBufferStart(buffer), LLVMGetBufferSize(buffer));
    }
    if (work)
        work_close(work);
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

/* Links the files of all pieces; takes their buffers. */
static bool link_pieces(JitModule *module, CodeWork *work, const Target *target,
                        Diagnostics *diagnostics)
{
    module->jit = create_jit(target, diagnostics);
    for (int p = 0; p < work->piece_count && module->jit; p++) {
        LLVMMemoryBufferRef buffer = work->pieces[p].buffer;
        LLVMOrcJITDylibRef main = LLVMOrcLLJITGetMainJITDylib(module->jit);
        work->pieces[p].buffer = NULL;
        if (!succeeded(LLVMOrcLLJITAddObjectFile(module->jit, main, buffer), diagnostics))
            return false;
    }
    return module->jit != NULL;
}

static void release_module(void *user)
{
    jit_destroy(user);
}

JitModule *jit_compile(const Target *target, const Parallel *parallel, ExprPool *pool,
                       const Function *const *functions, int count, KernelFunction **addresses,
                       Diagnostics *diagnostics)
{
    enum { PIECES_PER_THREAD = 3, FUNCTIONS_BETWEEN_LOOKS = 8 };
    Arena *arena = expr_pool_arena(pool);
    int threads = parallel->threads > 1 ? parallel->threads : 1;
    int piece_count = threads == 1 ? 1 : threads * PIECES_PER_THREAD;
    if (arena_budget(arena) && piece_count < count / FUNCTIONS_BETWEEN_LOOKS)
        piece_count = count / FUNCTIONS_BETWEEN_LOOKS; /* the budget is looked at between pieces */
    piece_count = piece_count < count ? piece_count : count;
    JitModule *module = ARENA_NEW(arena, JitModule);
    arena_defer(arena, release_module, module);
    CodeWork *work = work_open(arena, target, piece_count, diagnostics);
    bool done = work && build_pieces(work, LLVMObjectFile, pool, functions, count, diagnostics) &&
                generate_pieces(work, parallel, diagnostics) &&
                link_pieces(module, work, target, diagnostics) &&
                look_up(module->jit, functions, count, addresses, diagnostics);
    if (work)
        work_close(work);
    if (!done)
        jit_destroy(module);
    return done ? module : NULL;
}

void jit_destroy(JitModule *module)
{
    if (!module || !module->jit)
        return;
    LLVMErrorRef error = LLVMOrcDisposeLLJIT(module->jit);
    if (error)
        LLVMConsumeError(error);
    module->jit = NULL;
}
