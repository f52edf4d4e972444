/* SPDX-License-Identifier: Apache-2.0
 *
 * A compiled model as one file of C: its kernels, as much of the runtime as they need, its tables
 * and its weights. It takes no header but those that come with a compiler.
 */
#ifndef CODEGEN_C_FILE_H
#define CODEGEN_C_FILE_H

#include "codegen/artifact/image.h"
#include "codegen/artifact/interface.h"
#include "codegen/artifact/weights.h"

typedef struct CFileRequest {
    const Lowered *lowered;
    const CompileSettings *settings;
    const Interface *interface;
    const Weights *weights;
    const char *weights_file; /* what an assembler shall include; NULL: they are written out */
} CFileRequest;

/* Weights up to here are written out; more than that takes compilers long. */
enum { C_FILE_WEIGHTS = 16 << 10 };

void c_file_write(const CFileRequest *request, Text *text);

#endif
