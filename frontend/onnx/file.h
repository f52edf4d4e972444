/* SPDX-License-Identifier: Apache-2.0
 *
 * Files: whole ones mapped for reading, and written so that they appear whole or not at all.
 */
#ifndef FRONTEND_ONNX_FILE_H
#define FRONTEND_ONNX_FILE_H

#include "ir/support/diagnostic.h"
#include "ir/support/new_file.h"

/* A descriptor that the arena closes, unless file_close() did. */
typedef struct OpenFile {
    int descriptor; /* -1: none */
} OpenFile;
OpenFile *file_guard(Arena *arena);
void file_close(OpenFile *file);

/* Maps a file; what cannot be mapped (a pipe) is read. The bytes live as long as the arena. NULL
 * after a diagnostic. The source is binary until somebody says otherwise. */
Source *file_map(Arena *arena, const char *path, Diagnostics *diagnostics);
/* Maps, or reads with `copy`, an open file of that many bytes; NULL if that fails. Empty ones give
 * a pointer, too. */
const void *file_map_descriptor(Arena *arena, int descriptor, size_t length, bool copy);

/* A new file that takes its place at the end, or a device or a pipe that is there. */
typedef struct FileWriter {
    const char *path;
    NewFile *file; /* NULL: a device or a pipe */
    int descriptor;
    Diagnostics *diagnostics;
} FileWriter;

bool file_writer_open(FileWriter *writer, Arena *arena, const char *path, Diagnostics *diagnostics);
/* Fits WireSink: `writer` is a FileWriter. */
bool file_writer_put(void *writer, const void *data, size_t length);
/* With `keep` false, or after a failed put, the file is as it was before. */
bool file_writer_close(FileWriter *writer, bool keep);

#endif
