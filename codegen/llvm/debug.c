/* SPDX-License-Identifier: Apache-2.0
 *
 * DWARF through LLVM's DIBuilder. Nothing in it says where or when it was made: the file has a name
 * and no folder, so that a debugger looks for it where it looks for sources.
 */
#include "debug.h"

#include "ir/support/array.h"

#include <llvm-c/Core.h>
#include <string.h>

enum { DWARF_VERSION = 5, ENCODING_SIGNED = 5 /* DW_ATE_signed */ };

static void add_flag(LLVMModuleRef module, LLVMContextRef context, const char *name, unsigned value)
{
    if (LLVMGetModuleFlag(module, name, strlen(name)))
        return;
    LLVMValueRef number = LLVMConstInt(LLVMInt32TypeInContext(context), value, false);
    LLVMAddModuleFlag(module, LLVMModuleFlagBehaviorWarning, name, strlen(name),
                      LLVMValueAsMetadata(number));
}

/* void f(void *const *data, const int64_t *sizes, int64_t begin, int64_t end, void *scratch) */
static void make_types(DebugUnit *unit)
{
    LLVMDIBuilderRef b = unit->builder;
    LLVMMetadataRef number =
        LLVMDIBuilderCreateBasicType(b, "int64_t", 7, 64, ENCODING_SIGNED, LLVMDIFlagZero);
    LLVMMetadataRef memory = LLVMDIBuilderCreatePointerType(b, NULL, 64, 0, 0, "", 0);
    LLVMMetadataRef tensors = LLVMDIBuilderCreatePointerType(b, memory, 64, 0, 0, "", 0);
    LLVMMetadataRef sizes = LLVMDIBuilderCreatePointerType(b, number, 64, 0, 0, "", 0);
    LLVMMetadataRef all[] = {NULL, tensors, sizes, number, number, memory};
    unit->type =
        LLVMDIBuilderCreateSubroutineType(b, unit->file, all, COUNT_OF(all), LLVMDIFlagZero);
    memcpy(unit->parameters, all + 1, sizeof unit->parameters);
}

static void drop_builder(void *user)
{
    DebugUnit *unit = user;
    if (unit->builder)
        LLVMDisposeDIBuilder(unit->builder);
    unit->builder = NULL;
}

DebugUnit *debug_open(Arena *arena, LLVMModuleRef module, const SourceLines *source)
{
    static const char producer[] = "tenon";
    DebugUnit *unit = ARENA_NEW(arena, DebugUnit);
    *unit = (DebugUnit){.source = source,
                        .context = LLVMGetModuleContext(module),
                        .builder = LLVMCreateDIBuilder(module)};
    add_flag(module, unit->context, "Debug Info Version", LLVMDebugMetadataVersion());
    add_flag(module, unit->context, "Dwarf Version", DWARF_VERSION);
    unit->file = LLVMDIBuilderCreateFile(unit->builder, source->file, strlen(source->file), ".", 1);
    LLVMDIBuilderCreateCompileUnit(unit->builder, LLVMDWARFSourceLanguageC11, unit->file, producer,
                                   strlen(producer), true, "", 0, 0, "", 0, LLVMDWARFEmissionFull,
                                   0, false, false, "", 0, "", 0);
    make_types(unit);
    arena_defer(arena, drop_builder, unit);
    return unit;
}

void debug_close(DebugUnit *unit)
{
    LLVMDIBuilderFinalize(unit->builder);
    drop_builder(unit);
}

static LLVMMetadataRef location(const DebugUnit *unit, LLVMMetadataRef scope, const void *statement)
{
    return LLVMDIBuilderCreateDebugLocation(unit->context, source_line(unit->source, statement), 0,
                                            scope, NULL);
}

static void name_parameters(DebugUnit *unit, LLVMMetadataRef scope, LLVMValueRef function,
                            LLVMBasicBlockRef block, const Function *source)
{
    static const char *const names[] = {"data", "sizes", "begin", "end", "scratch"};
    LLVMMetadataRef none = LLVMDIBuilderCreateExpression(unit->builder, NULL, 0);
    for (unsigned i = 0; i < COUNT_OF(names); i++) {
        LLVMMetadataRef variable = LLVMDIBuilderCreateParameterVariable(
            unit->builder, scope, names[i], strlen(names[i]), i + 1, unit->file,
            source_line(unit->source, source), unit->parameters[i], true, LLVMDIFlagZero);
        LLVMDIBuilderInsertDbgValueRecordAtEnd(unit->builder, LLVMGetParam(function, i), variable,
                                               none, location(unit, scope, source), block);
    }
}

LLVMMetadataRef debug_function(DebugUnit *unit, LLVMValueRef function, LLVMBasicBlockRef block,
                               const Function *source)
{
    unsigned line = source_line(unit->source, source);
    /* gdb would call it by its linkage name, if there were one. */
    LLVMMetadataRef scope = LLVMDIBuilderCreateFunction(
        unit->builder, unit->file, source->node, strlen(source->node), "", 0, unit->file, line,
        unit->type, true, true, line, LLVMDIFlagPrototyped, true);
    LLVMSetSubprogram(function, scope);
    name_parameters(unit, scope, function, block, source);
    return scope;
}

void debug_place(DebugUnit *unit, LLVMBuilderRef builder, LLVMMetadataRef scope,
                 const void *statement)
{
    LLVMSetCurrentDebugLocation2(builder, location(unit, scope, statement));
}
