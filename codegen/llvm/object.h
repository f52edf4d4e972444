/* SPDX-License-Identifier: Apache-2.0
 *
 * A compiled model as an object file: kernels and the image of the program. What it needs of the
 * runtime is not in it: runtime_code() has an object for elf_link(). Text that people read has all
 * of it, from bitcode: nothing in that refers to anything outside.
 *
 * Weights do not pass through here: the object has a section OBJECT_WEIGHTS of 64 bytes, for which
 * the writers of files put the real ones.
 */
#ifndef CODEGEN_LLVM_OBJECT_H
#define CODEGEN_LLVM_OBJECT_H

#include "codegen/artifact/image.h"

#define OBJECT_WEIGHTS ".tenon_weights"

typedef enum ObjectForm {
    OBJECT_file,
    OBJECT_assembly,
    OBJECT_ir, /* as text */
} ObjectForm;

/* Kernels of one program, for one kind of processor. */
typedef struct ObjectPart {
    const Target *target;
    ExprPool *pool;
    const Function *const *functions;
    int function_count;
} ObjectPart;

typedef struct ObjectRequest {
    int part_count;
    const ObjectPart *parts; /* the last one asks least of the processor */
    Image *image;
    bool has_weights, has_selftest;
    const SourceLines *source; /* for debugging information; or NULL */
    ObjectForm form;
} ObjectRequest;

/* In the image's arena. False and a diagnostic on failure. */
bool object_make(const ObjectRequest *request, char **data, size_t *length,
                 Diagnostics *diagnostics);

#endif
