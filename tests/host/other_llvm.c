/* SPDX-License-Identifier: Apache-2.0
 *
 * A host that has an LLVM of its own in the process, its symbols open to everybody, and works with
 * it before, between and after what Tenon does.
 *
 *     other_llvm LIBRARY        e.g. libLLVM-14.so.1
 *
 * Exit status 77: that library is not here.
 */
#include "tenon.h"

#include <dlfcn.h>
#include <llvm-c/Core.h>
#include <llvm-c/ExecutionEngine.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTIONS(X)                                                                               \
    X(LLVMContextCreate)                                                                           \
    X(LLVMContextDispose)                                                                          \
    X(LLVMModuleCreateWithNameInContext)                                                           \
    X(LLVMInt32TypeInContext)                                                                      \
    X(LLVMFunctionType)                                                                            \
    X(LLVMAddFunction)                                                                             \
    X(LLVMAppendBasicBlockInContext)                                                               \
    X(LLVMCreateBuilderInContext)                                                                  \
    X(LLVMPositionBuilderAtEnd)                                                                    \
    X(LLVMGetParam)                                                                                \
    X(LLVMBuildMul)                                                                                \
    X(LLVMBuildRet)                                                                                \
    X(LLVMDisposeBuilder)                                                                          \
    X(LLVMLinkInMCJIT)                                                                             \
    X(LLVMCreateMCJITCompilerForModule)                                                            \
    X(LLVMGetFunctionAddress)                                                                      \
    X(LLVMDisposeExecutionEngine)                                                                  \
    X(LLVMDisposeMessage)

typedef struct Other {
#define FIELD(name) __typeof__(name) *name##_;
    FUNCTIONS(FIELD)
#undef FIELD
} Other;

static bool find_functions(void *library, Other *other)
{
    bool found = true;
#define FIND(name)                                                                                 \
    other->name##_ = (__typeof__(name) *)dlsym(library, #name);                                    \
    found &= other->name##_ != NULL;
    FUNCTIONS(FIND)
#undef FIND
    static const char *const parts[] = {"TargetInfo", "Target", "TargetMC", "AsmPrinter"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char name[64];
#if defined(__aarch64__)
        snprintf(name, sizeof name, "LLVMInitializeAArch64%s", parts[i]);
#else
        snprintf(name, sizeof name, "LLVMInitializeX86%s", parts[i]);
#endif
        void (*initialize)(void) = (void (*)(void))dlsym(library, name);
        found &= initialize != NULL;
        if (initialize)
            initialize();
    }
    return found;
}

/* A square by the other LLVM's JIT. */
static int other_squares(const Other *o, int x)
{
    LLVMContextRef context = o->LLVMContextCreate_();
    LLVMModuleRef module = o->LLVMModuleCreateWithNameInContext_("host", context);
    LLVMTypeRef type = o->LLVMInt32TypeInContext_(context);
    LLVMTypeRef signature = o->LLVMFunctionType_(type, &type, 1, 0);
    LLVMValueRef function = o->LLVMAddFunction_(module, "square", signature);
    LLVMBuilderRef builder = o->LLVMCreateBuilderInContext_(context);
    o->LLVMPositionBuilderAtEnd_(builder,
                                 o->LLVMAppendBasicBlockInContext_(context, function, "entry"));
    LLVMValueRef argument = o->LLVMGetParam_(function, 0);
    o->LLVMBuildRet_(builder, o->LLVMBuildMul_(builder, argument, argument, ""));
    o->LLVMDisposeBuilder_(builder);
    LLVMExecutionEngineRef engine = NULL;
    struct LLVMMCJITCompilerOptions options;
    char *problem = NULL;
    memset(&options, 0, sizeof options);
    int result = -1;
    if (o->LLVMCreateMCJITCompilerForModule_(&engine, module, &options, sizeof options, &problem)) {
        fprintf(stderr, "the other LLVM: %s\n", problem);
        o->LLVMDisposeMessage_(problem);
    } else {
        int (*square)(int) = (int (*)(int))o->LLVMGetFunctionAddress_(engine, "square");
        result = square ? square(x) : -1;
        o->LLVMDisposeExecutionEngine_(engine);
    }
    o->LLVMContextDispose_(context);
    return result;
}

static const char text[] = "<ir_version: 10, opset_import: [\"\" : 21]>\n"
                           "net (float[N, 3] x) => (float[N, 2] y)\n"
                           "<float[3, 2] w = {1, 2, 3, 4, 5, 6}> {\n"
                           "  h = MatMul (x, w)\n"
                           "  y = Tanh (h)\n"
                           "}\n";

static TnProgram *compile(void)
{
    TnModel *model = NULL;
    TnProgram *program = NULL;
    if (tn_model_parse(text, sizeof text - 1, "net", NULL, &model) == TN_OK &&
        tn_compile(model, NULL, &program) != TN_OK)
        program = NULL;
    tn_model_destroy(model);
    return program;
}

static bool runs(TnProgram *program)
{
    float x[] = {0, 0, 0};
    TnContext *context = NULL;
    TnValue input = {TN_TENSOR, {TN_FLOAT, 2, {1, 3}, x}, 0, NULL}, y = {0};
    bool good = program && tn_context_create(program, NULL, &context) == TN_OK &&
                tn_run(context, 1, &input, 1, &y) == TN_OK && *(float *)y.tensor.data == 0;
    tn_context_destroy(context);
    return good;
}

static int check(bool good, const char *what)
{
    if (!good)
        fprintf(stderr, "wrong: %s\n", what);
    return !good;
}

int main(int argc, char **argv)
{
    Other other;
    void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL) : NULL;
    if (!library || !find_functions(library, &other)) {
        fprintf(stderr, "skipped: %s\n", library ? "its functions are not there" : dlerror());
        return 77;
    }
    int wrong = check(other_squares(&other, 3) == 9, "the other LLVM, before");
    TnProgram *first = compile();
    wrong += check(runs(first), "a program");
    wrong += check(other_squares(&other, 5) == 25, "the other LLVM, between");
    TnProgram *second = compile();
    wrong += check(runs(second) && runs(first), "two programs");
    tn_program_destroy(first);
    wrong += check(other_squares(&other, 7) == 49, "the other LLVM, after");
    wrong += check(runs(second), "a program, at the end");
    tn_program_destroy(second);
    printf("%s and Tenon: %s\n", argv[1], wrong ? "wrong" : "good");
    return wrong ? 1 : 0;
}
