/* SPDX-License-Identifier: Apache-2.0
 *
 * External data: tensors whose bytes lie in other files, beneath the model's folder and nowhere
 * else. Each file is mapped once and shared by its tensors. Where the host reads for us, each
 * tensor is read into memory of its own.
 */
#ifndef FRONTEND_ONNX_EXTERNAL_DATA_H
#define FRONTEND_ONNX_EXTERNAL_DATA_H

#include "frontend/document.h"
#include "ir/support/hash.h"

typedef struct ExternalData {
    Arena *arena;
    const TnReader *reader; /* of the host: gives the bytes of files by their locations; or NULL */
    const char *folder;     /* of the model; NULL: it has none, and no external data can be had */
    bool allow_links, copy;
    Map files; /* location -> mapped file */
    Diagnostics *diagnostics;
} ExternalData;

ExternalData external_data_create(Arena *arena, const char *model_path, bool allow_links, bool copy,
                                  Diagnostics *diagnostics);
/* The bytes of a tensor, exactly `bytes` of them; NULL after a diagnostic. *file is the location as
 * the model says it, *offset where the bytes begin there. */
const void *external_data_find(ExternalData *data, const TensorProto *tensor, Location location,
                               int64_t bytes, const char **file, int64_t *offset);

#endif
