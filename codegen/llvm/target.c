/* SPDX-License-Identifier: Apache-2.0
 *
 * Targets: what schedules may know of a processor (vector width, registers, caches), and what its
 * code asks of the machine that runs it.
 *
 * LLVM's C API does not say what a processor of a given name can do, so it is tried: a few small
 * functions are compiled for it, and the instructions that come out tell.
 */
#include "codegen/backend.h"
#include "ir/support/array.h"
#include "machine.h"
#include "tenon_model.h"

#include <string.h>
#include <unistd.h>

/* Whether "+name" is one of the comma-separated features. */
static bool has_feature(const char *features, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = features; (at = strstr(at, name)); at += length) {
        bool begins = at > features && at[-1] == '+' && (at == features + 1 || at[-2] == ',');
        if (begins && (at[length] == ',' || at[length] == 0))
            return true;
    }
    return false;
}

static int64_t cache_bytes(int name, int64_t otherwise)
{
    long bytes = sysconf(name);
    return bytes > 0 ? bytes : otherwise;
}

static uint64_t host_features(const char *features)
{
    static const struct {
        const char *names[5];
        uint64_t feature;
    } table[] = {
        {{"sse4.1"}, TN_CPU_SSE41},
        {{"avx"}, TN_CPU_AVX},
        {{"avx2"}, TN_CPU_AVX2},
        {{"fma"}, TN_CPU_FMA},
        {{"f16c"}, TN_CPU_F16C},
        {{"bmi", "bmi2", "lzcnt"}, TN_CPU_BMI2},
        {{"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd"}, TN_CPU_AVX512},
        {{"avx512vnni"}, TN_CPU_VNNI},
    };
    uint64_t all = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        bool has = true;
        for (int k = 0; k < 5 && table[i].names[k]; k++)
            has = has && has_feature(features, table[i].names[k]);
        all |= has ? table[i].feature : 0;
    }
    return all;
}

/* Of a processor that is not there, or does not say. */
enum { USUAL_L1_BYTES = 32 << 10, USUAL_L2_BYTES = 1 << 20 };

/* What follows from the features for schedules. Two units for fma and two for loads, and an fma in
 * four cycles, is what desktop and server cores have had since Skylake, Zen 3 and Neoverse N1. */
static void set_vectors(Target *target, bool is_x86, bool is_aarch64, uint64_t features)
{
    target->vector_bytes = 16;
    target->vector_registers = is_x86 ? 16 : 32;
    target->fmas = target->loads = 2;
    target->fma_latency = 4;
    target->has_fma = is_x86 ? features & TN_CPU_FMA : is_aarch64;
    if (features & TN_CPU_AVX512) {
        target->vector_bytes = 64;
        target->vector_registers = 32;
    } else if (features & TN_CPU_AVX2) {
        target->vector_bytes = 32;
    }
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

void target_host(Target *target)
{
    char *features = LLVMGetHostCPUFeatures(), *triple = LLVMGetDefaultTargetTriple();
    bool is_x86 = begins(triple, "x86_64");
    *target = (Target){0};
    target->needed = is_x86 ? host_features(features) : 0;
    set_vectors(target, is_x86, begins(triple, "aarch64"), target->needed);
    target->l1_bytes = cache_bytes(_SC_LEVEL1_DCACHE_SIZE, USUAL_L1_BYTES);
    target->l2_bytes = cache_bytes(_SC_LEVEL2_CACHE_SIZE, USUAL_L2_BYTES);
    LLVMDisposeMessage(features);
    LLVMDisposeMessage(triple);
}

/* ---- By name ----------------------------------------------------------------------------- */

/* void f(T *a, T *b, T *c): *a = the operation of what is there. */
typedef struct Trial {
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMBuilderRef builder;
    LLVMValueRef function;
} Trial;

static void open_function(Trial *t, const char *name)
{
    LLVMTypeRef pointer = LLVMPointerTypeInContext(t->context, 0),
                all[] = {pointer, pointer, pointer};
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(t->context), all, 3, false);
    t->function = LLVMAddFunction(t->module, name, type);
    LLVMPositionBuilderAtEnd(t->builder,
                             LLVMAppendBasicBlockInContext(t->context, t->function, "entry"));
}

static LLVMValueRef load(Trial *t, LLVMTypeRef type, unsigned i)
{
    return LLVMBuildLoad2(t->builder, type, LLVMGetParam(t->function, i), "");
}

static void close_function(Trial *t, LLVMValueRef value)
{
    LLVMBuildStore(t->builder, value, LLVMGetParam(t->function, 0));
    LLVMBuildRetVoid(t->builder);
}

static LLVMValueRef intrinsic(Trial *t, const char *name, LLVMTypeRef type, LLVMValueRef *args,
                              unsigned count)
{
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef callee = LLVMGetIntrinsicDeclaration(t->module, id, &type, 1);
    return LLVMBuildCall2(t->builder, LLVMIntrinsicGetType(t->context, id, &type, 1), callee, args,
                          count, "");
}

static void build_trial(Trial *t)
{
    LLVMTypeRef i8 = LLVMInt8TypeInContext(t->context), i32 = LLVMInt32TypeInContext(t->context);
    LLVMTypeRef f32 = LLVMFloatTypeInContext(t->context), f16 = LLVMHalfTypeInContext(t->context);
    LLVMTypeRef bytes = LLVMVectorType(i8, 64), floats = LLVMVectorType(f32, 8);
    open_function(t, "widths"); /* zmm: AVX-512 BW; ymm: AVX2 */
    LLVMValueRef a = load(t, bytes, 1), b = load(t, bytes, 2);
    close_function(t, LLVMBuildAdd(t->builder, a, b, ""));
    open_function(t, "floats"); /* ymm: AVX */
    a = load(t, floats, 1);
    b = load(t, floats, 2);
    close_function(t, LLVMBuildFAdd(t->builder, a, b, ""));
    open_function(t, "fused");
    LLVMValueRef terms[] = {load(t, f32, 0), load(t, f32, 1), load(t, f32, 2)};
    close_function(t, intrinsic(t, "llvm.fma", f32, terms, 3));
    open_function(t, "rounding");
    LLVMValueRef x = load(t, f32, 1);
    close_function(t, intrinsic(t, "llvm.floor", f32, &x, 1));
    open_function(t, "halves");
    close_function(t, LLVMBuildFPExt(t->builder, load(t, f16, 1), f32, ""));
    open_function(t, "shifts");
    a = load(t, i32, 1);
    b = load(t, i32, 2);
    close_function(t, LLVMBuildShl(t->builder, a, b, ""));
}

/* Whether the text has the word within the function of that name. */
static bool function_has(const char *assembly, const char *function, const char *word)
{
    const char *begin = strstr(assembly, function), *found;
    const char *end = begin ? strstr(begin, ".size") : NULL;
    return end && (found = strstr(begin, word)) && found < end;
}

static uint64_t read_trial(const char *text)
{
    uint64_t needed = 0;
    needed |= function_has(text, "\nwidths:", "zmm") ? TN_CPU_AVX512 : 0;
    needed |= function_has(text, "\nwidths:", "ymm") ? TN_CPU_AVX2 : 0;
    needed |= needed & TN_CPU_AVX512 ? TN_CPU_AVX2 : 0;
    needed |= function_has(text, "\nfloats:", "ymm") ? TN_CPU_AVX : 0;
    needed |= function_has(text, "\nfused:", "vfm") ? TN_CPU_FMA : 0;
    needed |= function_has(text, "\nrounding:", "round") ? TN_CPU_SSE41 : 0;
    needed |= function_has(text, "\nhalves:", "vcvtph2ps") ? TN_CPU_F16C : 0;
    needed |= function_has(text, "\nshifts:", "shlx") ? TN_CPU_BMI2 : 0;
    return needed;
}

static uint64_t try_processor(const Machine *machine)
{
    Trial t = {.context = LLVMContextCreate()};
    LLVMMemoryBufferRef buffer = NULL;
    char *problem = NULL;
    uint64_t needed = 0;
    t.module = LLVMModuleCreateWithNameInContext("trial", t.context);
    t.builder = LLVMCreateBuilderInContext(t.context);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine->machine);
    LLVMSetModuleDataLayout(t.module, layout);
    LLVMSetTarget(t.module, machine->triple);
    LLVMDisposeTargetData(layout);
    build_trial(&t);
    if (!LLVMTargetMachineEmitToMemoryBuffer(machine->machine, t.module, LLVMAssemblyFile, &problem,
                                             &buffer)) {
        needed = read_trial(LLVMGetBufferStart(buffer));
        LLVMDisposeMemoryBuffer(buffer);
    }
    LLVMDisposeMessage(problem);
    LLVMDisposeBuilder(t.builder);
    LLVMDisposeModule(t.module);
    LLVMContextDispose(t.context);
    return needed;
}

static const char *host_triple(Arena *arena)
{
    char *triple = LLVMGetDefaultTargetTriple();
    const char *copy = arena_string(arena, triple, strlen(triple));
    LLVMDisposeMessage(triple);
    return copy;
}

/* "aarch64-linux-gnu" -> "aarch64-unknown-linux-gnu" */
static const char *normal_triple(Arena *arena, const char *triple)
{
    char *normal = LLVMNormalizeTargetTriple(triple);
    const char *copy = arena_string(arena, normal, strlen(normal));
    LLVMDisposeMessage(normal);
    return copy;
}

/* Up to the first '-'. */
static bool same_architecture(const char *a, const char *b)
{
    size_t length = strcspn(a, "-");
    return length == strcspn(b, "-") && !strncmp(a, b, length);
}

static const char *generic_processor(const char *triple)
{
    return begins(triple, "x86_64")    ? "x86-64"
           : begins(triple, "riscv64") ? "generic-rv64"
                                       : "generic";
}

/* What LLVM knows by name. */
typedef struct Known {
    const char *architecture, *name;
} Known;

static const Known processors[] = {
#define PROCESSOR(architecture, name) {architecture, name},
#define FEATURE(architecture, name)
#include "codegen/llvm/processors.inc"
#undef PROCESSOR
#undef FEATURE
};

static const Known known_features[] = {
#define PROCESSOR(architecture, name)
#define FEATURE(architecture, name) {architecture, name},
#include "codegen/llvm/processors.inc"
#undef PROCESSOR
#undef FEATURE
};

static bool is_known(const Known *table, size_t count, const char *triple, const char *name,
                     size_t length)
{
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if (!same_architecture(table[i].architecture, triple))
            continue;
        any = true;
        if (strlen(table[i].name) == length && !strncmp(table[i].name, name, length))
            return true;
    }
    return !any; /* nothing is known of the architecture: machine_create() says so */
}

/* LLVM would complain on standard error, and go on. */
static bool check_names(const char *triple, const char *cpu, const char *features,
                        Diagnostics *diagnostics)
{
    if (cpu && !is_known(processors, COUNT_OF(processors), triple, cpu, strlen(cpu)))
        return unsupported_at(diagnostics, (Location){0}, "the processor '%s' of '%s'", cpu,
                              triple);
    for (const char *at = features; at && *at;) {
        size_t length = strcspn(at, ",");
        if (length < 2 || (*at != '+' && *at != '-') ||
            !is_known(known_features, COUNT_OF(known_features), triple, at + 1, length - 1))
            return unsupported_at(diagnostics, (Location){0}, "the feature '%.*s' of '%s'",
                                  (int)length, at, triple);
        at += length + (at[length] == ',');
    }
    return true;
}

bool target_named(Arena *arena, const char *triple, const char *cpu, const char *features,
                  Target *target, Diagnostics *diagnostics)
{
    const char *host = host_triple(arena);
    triple = triple ? normal_triple(arena, triple) : host;
    bool at_home = same_architecture(triple, host);
    if (at_home && (!cpu || !strcmp(cpu, "native")) && !features) {
        target_host(target);
        target->triple = triple;
        return true;
    }
    if (cpu && !strcmp(cpu, "native") && !at_home)
        return error_at(diagnostics, (Location){0}, "'native' is a processor of '%s', not of '%s'",
                        host, triple);
    *target = (Target){.triple = triple, .l1_bytes = USUAL_L1_BYTES, .l2_bytes = USUAL_L2_BYTES};
    if (!cpu || !strcmp(cpu, "native"))
        cpu = at_home ? NULL : generic_processor(triple);
    if (!check_names(triple, cpu, features, diagnostics))
        return false;
    target->cpu = cpu;
    bool is_riscv = begins(triple, "riscv64");
    target->features = features ? features : cpu ? "" : NULL;
    if (is_riscv) /* what Linux asks of it; and no instructions that a linker would shorten */
        target->features = arena_format(arena, "+m,+a,+f,+d,+c,-relax%s%s", features ? "," : "",
                                        features ? features : "");
    Machine machine;
    bool known = machine_create(&machine, target, diagnostics);
    if (known) {
        target->needed = begins(triple, "x86_64") ? try_processor(&machine) : 0;
        set_vectors(target, begins(triple, "x86_64"), begins(triple, "aarch64"), target->needed);
        target->has_fma |= is_riscv;
    }
    machine_destroy(&machine);
    return known;
}

void target_describe(Arena *arena, const Target *target, const char **triple, const char **cpu,
                     const char **features, uint64_t *needed)
{
    *triple = target->triple ? target->triple : host_triple(arena);
    *cpu = target->cpu;
    *features = target->features;
    *needed = target->needed;
    if (!target->cpu) {
        char *name = LLVMGetHostCPUName();
        *cpu = arena_string(arena, name, strlen(name));
        LLVMDisposeMessage(name);
    }
    if (!target->features) {
        char *list = LLVMGetHostCPUFeatures();
        *features = arena_string(arena, list, strlen(list));
        LLVMDisposeMessage(list);
    }
}
