/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that appear whole or not at all (ir/support/new_file.h), written through a mapping, with
 * room for all of it on the disk from the beginning.
 */
#ifndef CODEGEN_ARTIFACT_OUTPUT_H
#define CODEGEN_ARTIFACT_OUTPUT_H

#include "ir/support/diagnostic.h"
#include "ir/support/new_file.h"

typedef struct OutputFile {
    const char *path;
    NewFile *file;
    char *memory; /* the file's bytes, zero at first */
    size_t bytes;
} OutputFile;

/* False, and a diagnostic, if there is no room or no right. */
bool output_open(Arena *arena, OutputFile *file, const char *path, size_t bytes,
                 Diagnostics *diagnostics);
/* The same, with these bytes in it. */
bool output_text(Arena *arena, OutputFile *file, const char *path, const char *text, size_t bytes,
                 Diagnostics *diagnostics);
/* Gives all files their names; where one fails, those before it stay and the rest is dropped. */
bool output_commit(OutputFile *files, int count, Diagnostics *diagnostics);
void output_drop(OutputFile *files, int count);

#endif
