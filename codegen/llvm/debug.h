/* SPDX-License-Identifier: Apache-2.0
 *
 * What debuggers are told: functions are called as the nodes of the model that they compute, and an
 * instruction's line is that of its statement in the text of the nests (codegen/listing.h).
 */
#ifndef CODEGEN_LLVM_DEBUG_H
#define CODEGEN_LLVM_DEBUG_H

#include "codegen/listing.h"

#include <llvm-c/DebugInfo.h>

/* Of one module. */
typedef struct DebugUnit {
    const SourceLines *source;
    LLVMContextRef context;
    LLVMDIBuilderRef builder;
    LLVMMetadataRef file, type, parameters[5]; /* of functions, all alike */
} DebugUnit;

/* The arena closes it where memory ends on the way. */
DebugUnit *debug_open(Arena *arena, LLVMModuleRef module, const SourceLines *source);
/* Before the module is verified. */
void debug_close(DebugUnit *unit);

/* The scope for debug_place(). Parameters have names from the block's end on. */
LLVMMetadataRef debug_function(DebugUnit *unit, LLVMValueRef function, LLVMBasicBlockRef block,
                               const Function *source);
/* What is built from here on belongs to the statement: a Nest, or the Function. */
void debug_place(DebugUnit *unit, LLVMBuilderRef builder, LLVMMetadataRef scope,
                 const void *statement);

#endif
