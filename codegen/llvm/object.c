/* SPDX-License-Identifier: Apache-2.0
 *
 * The module of an artifact: kernels and tables. Only NAME_run and NAME_model are visible from
 * outside. Where the module is for reading, the runtime is linked into it, and what neither of them
 * reaches is removed, so that a model without strings has no code for strings.
 */
#include "object.h"

#include "machine.h"
#include "runtime_code.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/BitReader.h>
#include <llvm-c/Error.h>
#include <llvm-c/Linker.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <string.h>

typedef struct Assembly {
    const ObjectRequest *request;
    Machine machine, part_machine;
    bool has_variants; /* parts are for different processors */
    LLVMContextRef context;
    LLVMModuleRef module;
    Map globals; /* ImageObject -> LLVM global */
    LLVMTypeRef i8, i32, i64, pointer;
    LLVMValueRef weights;
    LLVMMemoryBufferRef buffer;
    char *problem;
    Diagnostics *diagnostics;
} Assembly;

/* Also called by the arena, where memory ends on the way. */
static void assembly_close(void *user)
{
    Assembly *a = user;
    if (a->buffer)
        LLVMDisposeMemoryBuffer(a->buffer);
    LLVMDisposeMessage(a->problem);
    if (a->module)
        LLVMDisposeModule(a->module);
    if (a->context)
        LLVMContextDispose(a->context);
    machine_destroy(&a->machine);
    machine_destroy(&a->part_machine);
    a->buffer = NULL;
    a->problem = NULL;
    a->module = NULL;
    a->context = NULL;
}

/* Without one, LLVM prints its complaints and ends the process. */
static void take_diagnostic(LLVMDiagnosticInfoRef info, void *user)
{
    Assembly *a = user;
    if (LLVMGetDiagInfoSeverity(info) != LLVMDSError || a->problem)
        return;
    a->problem = LLVMGetDiagInfoDescription(info);
}

static bool fail(Assembly *a, const char *what)
{
    return error_at(a->diagnostics, (Location){0}, "internal error: %s%s%s", what,
                    a->problem ? ": " : "", a->problem ? a->problem : "");
}

/* ---- Data -------------------------------------------------------------------------------- */

/* An object under construction: bytes, and pointers among them, in order. */
typedef struct ObjectLayout {
    Assembly *assembly;
    Arena *arena;
    ARRAY(LLVMValueRef) parts;
    char *bytes; /* of the object, pointers left zero */
    size_t done; /* up to here there are parts */
} ObjectLayout;

static void flush_bytes(ObjectLayout *layout, size_t end)
{
    if (end == layout->done)
        return;
    LLVMValueRef run = LLVMConstStringInContext2(
        layout->assembly->context, layout->bytes + layout->done, end - layout->done, true);
    array_push(layout->arena, &layout->parts, run);
    layout->done = end;
}

static void add_pointer(ObjectLayout *layout, size_t at, LLVMValueRef value)
{
    if (!value)
        return;
    flush_bytes(layout, at);
    array_push(layout->arena, &layout->parts, value);
    layout->done = at + 8;
}

/* A function of the module, or a declaration that the runtime will define. */
static LLVMValueRef function_named(Assembly *a, const char *name)
{
    LLVMValueRef known = LLVMGetNamedFunction(a->module, name);
    if (known)
        return known;
    return LLVMAddFunction(a->module, name,
                           LLVMFunctionType(LLVMVoidTypeInContext(a->context), NULL, 0, false));
}

static void lay_element(ObjectLayout *layout, const ImageRecord *record, const char *element,
                        size_t at);

static void lay_field(ObjectLayout *layout, const ImageRecord *record, const ImageField *field,
                      const char *element, size_t base)
{
    Assembly *a = layout->assembly;
    const Image *image = a->request->image;
    size_t at = base + field->offset, length = field->length ? (size_t)field->length : 1, bytes = 1;
    if (!image_field_is_there(record, field, element))
        return;
    switch (field->kind) {
    case IMAGE_record:
        for (size_t i = 0; i < length; i++)
            lay_element(layout, field->record, element + field->offset + i * field->record->size,
                        at + i * field->record->size);
        return;
    case IMAGE_pointer:
    case IMAGE_string: {
        const ImageObject *target = image_target(image, field, element);
        add_pointer(layout, at, target ? map_get_pointer(&a->globals, target) : NULL);
        return;
    }
    case IMAGE_function:
        add_pointer(layout, at, function_named(a, image_function(image, field, element)));
        return;
    case IMAGE_weights: add_pointer(layout, at, a->weights); return;
    case IMAGE_bool:
    case IMAGE_byte: break;
    case IMAGE_int32:
    case IMAGE_uint32:
    case IMAGE_float: bytes = 4; break;
    case IMAGE_int64:
    case IMAGE_double: bytes = 8; break;
    }
    memcpy(layout->bytes + at, element + field->offset, bytes * length);
}

static void lay_element(ObjectLayout *layout, const ImageRecord *record, const char *element,
                        size_t at)
{
    for (int i = 0; i < record->field_count; i++)
        lay_field(layout, record, &record->fields[i], element, at);
}

static LLVMValueRef object_value(Assembly *a, const ImageObject *object)
{
    Arena *arena = a->request->image->arena;
    if (!object->record)
        return LLVMConstStringInContext2(a->context, object->data, (size_t)object->count, true);
    size_t bytes = (size_t)object->count * object->record->size;
    ObjectLayout layout = {.assembly = a, .arena = arena, .bytes = arena_allocate(arena, bytes)};
    for (int64_t i = 0; i < object->count; i++) {
        size_t at = (size_t)i * object->record->size;
        lay_element(&layout, object->record, object->data + at, at);
    }
    flush_bytes(&layout, bytes);
    return LLVMConstStructInContext(a->context, layout.parts.items, (unsigned)layout.parts.count,
                                    true);
}

static void set_private(LLVMValueRef global)
{
    LLVMSetLinkage(global, LLVMInternalLinkage);
    LLVMSetVisibility(global, LLVMDefaultVisibility);
}

static void add_objects(Assembly *a)
{
    const Image *image = a->request->image;
    for (int64_t i = 0; i < image->objects.count; i++) {
        const ImageObject *object = &image->objects.items[i];
        bool is_last = i + 1 == image->objects.count;
        LLVMValueRef value = object_value(a, object);
        LLVMValueRef global =
            LLVMAddGlobal(a->module, LLVMTypeOf(value), is_last ? "model" : object->name);
        LLVMSetInitializer(global, value);
        LLVMSetGlobalConstant(global, true);
        set_private(global);
        LLVMSetUnnamedAddress(global, is_last ? LLVMNoUnnamedAddr : LLVMGlobalUnnamedAddr);
        LLVMSetAlignment(global, object->record ? (unsigned)object->record->alignment : 1);
        map_set_pointer(&a->globals, object, global);
        if (is_last)
            LLVMAddAlias2(a->module, LLVMTypeOf(value), 0, global, object->name);
    }
}

static void add_weights(Assembly *a)
{
    if (!a->request->has_weights)
        return;
    LLVMTypeRef type = LLVMArrayType2(a->i8, 64);
    a->weights = LLVMAddGlobal(a->module, type, "weights");
    LLVMSetInitializer(a->weights, LLVMConstNull(type));
    LLVMSetGlobalConstant(a->weights, true);
    set_private(a->weights);
    LLVMSetSection(a->weights, OBJECT_WEIGHTS);
    LLVMSetAlignment(a->weights, 4096);
}

/* ---- Code -------------------------------------------------------------------------------- */

static void set_text_attribute(Assembly *a, LLVMValueRef function, const char *name,
                               const char *value)
{
    LLVMAddAttributeAtIndex(function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                            LLVMCreateStringAttribute(a->context, name, (unsigned)strlen(name),
                                                      value, (unsigned)strlen(value)));
}

/* Where there are several kinds of processors, each function says which one it is for. */
static bool add_kernels(Assembly *a, const ObjectPart *part)
{
    Machine *machine = &a->part_machine;
    machine_destroy(machine);
    if (!machine_create(machine, part->target, a->diagnostics) ||
        !machine_emit(machine, a->module, part->pool, part->functions, part->function_count,
                      a->request->source, &a->problem, a->diagnostics))
        return false;
    for (int i = 0; a->has_variants && i < part->function_count; i++) {
        LLVMValueRef function = LLVMGetNamedFunction(a->module, part->functions[i]->name);
        set_text_attribute(a, function, "target-cpu", machine->cpu);
        set_text_attribute(a, function, "target-features", machine->features);
    }
    return true;
}

/* TnStatus NAME_run(inputs, outputs, arena, arena_bytes, options), which the tables name. */
static LLVMValueRef declare_run(Assembly *a)
{
    const Image *image = a->request->image;
    LLVMTypeRef own[] = {a->pointer, a->pointer, a->pointer, a->i64, a->pointer};
    const char *name = arena_format(image->arena, "%s_run", image->name);
    return LLVMAddFunction(a->module, name, LLVMFunctionType(a->i32, own, 5, false));
}

/* Hands its own parameters on, behind the model. */
static void define_entry(Assembly *a, LLVMValueRef entry, const char *runtime_function)
{
    unsigned count = LLVMCountParams(entry);
    unsigned nounwind = LLVMGetEnumAttributeKindForName("nounwind", 8);
    LLVMAddAttributeAtIndex(entry, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                            LLVMCreateEnumAttribute(a->context, nounwind, 0));
    LLVMTypeRef types[8] = {a->pointer};
    LLVMValueRef args[8] = {LLVMGetNamedGlobal(a->module, "model")};
    for (unsigned i = 0; i < count; i++) {
        args[i + 1] = LLVMGetParam(entry, i);
        types[i + 1] = LLVMTypeOf(args[i + 1]);
    }
    LLVMTypeRef type = LLVMFunctionType(a->i32, types, count + 1, false);
    LLVMValueRef callee = LLVMAddFunction(a->module, runtime_function, type);
    LLVMBuilderRef builder = LLVMCreateBuilderInContext(a->context);
    LLVMPositionBuilderAtEnd(builder, LLVMAppendBasicBlockInContext(a->context, entry, "entry"));
    LLVMValueRef call = LLVMBuildCall2(builder, type, callee, args, count + 1, "");
    LLVMSetTailCall(call, true);
    LLVMBuildRet(builder, call);
    LLVMDisposeBuilder(builder);
}

/* TnStatus NAME_selftest(arena, arena_bytes, options) */
static void define_selftest(Assembly *a)
{
    const Image *image = a->request->image;
    LLVMTypeRef own[] = {a->pointer, a->i64, a->pointer};
    const char *name = arena_format(image->arena, "%s_selftest", image->name);
    define_entry(a, LLVMAddFunction(a->module, name, LLVMFunctionType(a->i32, own, 3, false)),
                 "selftest_enter");
}

static bool link_runtime(Assembly *a, const RuntimeFile *bitcode)
{
    LLVMModuleRef runtime;
    LLVMMemoryBufferRef buffer =
        LLVMCreateMemoryBufferWithMemoryRange(bitcode->data, bitcode->bytes, "runtime", false);
    bool broken = LLVMParseBitcodeInContext2(a->context, buffer, &runtime);
    LLVMDisposeMemoryBuffer(buffer);
    if (broken)
        return fail(a, "the runtime cannot be read");
    LLVMSetTarget(runtime, a->machine.triple);
    LLVMSetDataLayout(runtime, LLVMGetDataLayoutStr(a->module));
    return !LLVMLinkModules2(a->module, runtime) || fail(a, "the runtime does not fit");
}

/* What the code generator calls on its own account: always, and for an intrinsic of that name where
 * the processor has no instruction. */
static const struct {
    const char *name, *intrinsic;
} helpers[] = {
    {"memcpy", NULL},        {"memset", NULL},         {"memmove", NULL},
    {"floor", "llvm.floor"}, {"floorf", "llvm.floor"}, {"ceil", "llvm.ceil"},
    {"ceilf", "llvm.ceil"},  {"trunc", "llvm.trunc"},  {"truncf", "llvm.trunc"},
    {"rint", "llvm.rint"},   {"rintf", "llvm.rint"},   {"fma", "llvm.fma"},
    {"fmaf", "llvm.fma"},
};

static bool has_intrinsic(Assembly *a, const char *prefix)
{
    size_t length, size = strlen(prefix);
    for (LLVMValueRef f = LLVMGetFirstFunction(a->module); f; f = LLVMGetNextFunction(f)) {
        const char *name = LLVMGetValueName2(f, &length);
        if (length > size && !memcmp(name, prefix, size) && name[size] == '.')
            return true;
    }
    return false;
}

/* Helpers stay, though nothing calls them yet. */
static void keep_helpers(Assembly *a)
{
    LLVMValueRef kept[COUNT_OF(helpers)];
    unsigned count = 0;
    for (size_t i = 0; i < COUNT_OF(helpers); i++) {
        LLVMValueRef function = LLVMGetNamedFunction(a->module, helpers[i].name);
        if (function && (!helpers[i].intrinsic || has_intrinsic(a, helpers[i].intrinsic)))
            kept[count++] = function;
    }
    LLVMValueRef list = LLVMConstArray2(a->pointer, kept, count);
    LLVMValueRef used = LLVMAddGlobal(a->module, LLVMTypeOf(list), "llvm.compiler.used");
    LLVMSetLinkage(used, LLVMAppendingLinkage);
    LLVMSetInitializer(used, list);
    LLVMSetSection(used, "llvm.metadata");
}

/* What is declared is the runtime's, and will be in the same file. */
static void hide_functions(Assembly *a)
{
    const Image *image = a->request->image;
    const char *run = arena_format(image->arena, "%s_run", image->name);
    const char *selftest = arena_format(image->arena, "%s_selftest", image->name);
    for (LLVMValueRef f = LLVMGetFirstFunction(a->module); f; f = LLVMGetNextFunction(f)) {
        if (LLVMGetIntrinsicID(f))
            continue;
        if (LLVMIsDeclaration(f))
            LLVMSetVisibility(f, LLVMHiddenVisibility);
        else if (strcmp(LLVMGetValueName(f), run) != 0 &&
                 strcmp(LLVMGetValueName(f), selftest) != 0)
            set_private(f);
    }
    for (LLVMValueRef g = LLVMGetFirstGlobal(a->module); g; g = LLVMGetNextGlobal(g))
        if (!LLVMIsDeclaration(g) && strncmp(LLVMGetValueName(g), "llvm.", 5) != 0)
            set_private(g);
}

static bool remove_unused(Assembly *a)
{
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    LLVMErrorRef error = LLVMRunPasses(a->module, "globaldce", a->machine.machine, options);
    LLVMDisposePassBuilderOptions(options);
    if (!error)
        return true;
    char *message = LLVMGetErrorMessage(error);
    fail(a, message);
    LLVMDisposeErrorMessage(message);
    return false;
}

/* ---- The file ---------------------------------------------------------------------------- */

static bool build(Assembly *a)
{
    const ObjectRequest *request = a->request;
    RuntimeCode code;
    if (!runtime_code(a->machine.triple, &code))
        return unsupported_at(a->diagnostics, (Location){0},
                              "artifacts for '%s': x86_64, aarch64 and riscv64 Linux are known",
                              a->machine.triple);
    a->module = machine_open_module(&a->machine, "kernels", a->context);
    for (int i = 0; i < request->part_count; i++)
        a->has_variants |= request->parts[i].target != request->parts[0].target;
    for (int i = 0; i < request->part_count; i++)
        if (!add_kernels(a, &request->parts[i]))
            return false;
    LLVMSetModuleIdentifier(a->module, request->image->name, strlen(request->image->name));
    LLVMSetSourceFileName(a->module, request->image->name, strlen(request->image->name));
    a->i8 = LLVMInt8TypeInContext(a->context);
    a->i32 = LLVMInt32TypeInContext(a->context);
    a->i64 = LLVMInt64TypeInContext(a->context);
    a->pointer = LLVMPointerTypeInContext(a->context, 0);
    LLVMValueRef run = declare_run(a);
    add_weights(a);
    add_objects(a);
    define_entry(a, run, "model_enter");
    if (request->has_selftest)
        define_selftest(a);
    if (request->form != OBJECT_file) {
        if (!link_runtime(a, &code.bitcode))
            return false;
        keep_helpers(a);
    }
    hide_functions(a);
    if (request->form != OBJECT_file && !remove_unused(a))
        return false;
    return !LLVMVerifyModule(a->module, LLVMReturnStatusAction, &a->problem) ||
           fail(a, "the artifact's module is broken");
}

/* LLVM's bytes, in the arena. */
static bool keep_bytes(Assembly *a, const char *bytes, size_t count, char **data, size_t *length)
{
    *data = arena_try(a->request->image->arena, count);
    if (!*data)
        return no_memory_at(a->diagnostics, (Location){0}, "the compiled model");
    memcpy(*data, bytes, count);
    *length = count;
    return true;
}

static bool write(Assembly *a, char **data, size_t *length)
{
    if (a->request->form == OBJECT_ir) {
        char *text = LLVMPrintModuleToString(a->module);
        bool done = keep_bytes(a, text, strlen(text), data, length);
        LLVMDisposeMessage(text);
        return done;
    }
    LLVMCodeGenFileType type = a->request->form == OBJECT_file ? LLVMObjectFile : LLVMAssemblyFile;
    LLVMDisposeMessage(a->problem);
    a->problem = NULL;
    if (LLVMTargetMachineEmitToMemoryBuffer(a->machine.machine, a->module, type, &a->problem,
                                            &a->buffer))
        return fail(a, "no code");
    return keep_bytes(a, LLVMGetBufferStart(a->buffer), LLVMGetBufferSize(a->buffer), data, length);
}

bool object_make(const ObjectRequest *request, char **data, size_t *length,
                 Diagnostics *diagnostics)
{
    Arena *arena = request->image->arena;
    Assembly *a = ARENA_NEW(arena, Assembly);
    a->request = request;
    a->diagnostics = diagnostics;
    a->globals = map_create(arena);
    arena_defer(arena, assembly_close, a);
    const Target *least = request->parts[request->part_count - 1].target;
    bool done = machine_create(&a->machine, least, diagnostics);
    if (done) {
        a->context = LLVMContextCreate();
        LLVMContextSetDiagnosticHandler(a->context, take_diagnostic, a);
        done = build(a) && write(a, data, length);
    }
    assembly_close(a);
    return done;
}
