/* SPDX-License-Identifier: Apache-2.0
 *
 * Models from files and to files, in either form: protocol buffers (.onnx) or text (.onnxtxt).
 */
#ifndef FRONTEND_LOAD_H
#define FRONTEND_LOAD_H

#include "frontend/export.h"
#include "frontend/import.h"

/* Zeroed is a good default. */
typedef struct LoadOptions {
    ImportOptions import;
    ImportNeeds *needs; /* or NULL */
} LoadOptions;

/* The file as a document: mapped, and unmapped with the arena. Text by the extension (.onnxtxt,
 * .txt) or where the first bytes can only be text. NULL after diagnostics. */
Document *document_load(Arena *arena, const char *path, Diagnostics *diagnostics);
/* The same through the host's functions, into memory of the arena. */
Document *document_read(Arena *arena, const char *name, const TnReader *reader,
                        Diagnostics *diagnostics);
/* The same from bytes, which must outlive the arena. `name` is what diagnostics call them. */
Document *document_parse(Arena *arena, const char *name, const void *data, size_t length,
                         Diagnostics *diagnostics);
Model *model_load(Arena *arena, const char *path, const LoadOptions *options,
                  Diagnostics *diagnostics);

/* Text where the path ends in .onnxtxt or .txt, else protocol buffers. Beside a text, tensors of
 * more than 64 KiB lie in a file <path>.weights. Files appear whole or not at all. */
bool document_save(Arena *arena, const Document *document, const char *path,
                   Diagnostics *diagnostics);
bool model_save(Arena *arena, const Model *model, const char *path, const ExportOptions *options,
                Diagnostics *diagnostics);

#endif
