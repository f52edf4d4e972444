/* SPDX-License-Identifier: Apache-2.0
 *
 * Data files of ONNX's tests (input_0.pb, output_0.pb) and values: a file is one TensorProto,
 * SequenceProto or OptionalProto, which one only the model's type tells.
 */
#ifndef FRONTEND_TENSOR_FILE_H
#define FRONTEND_TENSOR_FILE_H

#include "ir/graph/type.h"
#include "ir/support/diagnostic.h"

/* `kind` is that of the model's input or output. The value lives in the arena, aligned, elements as
 * in memory. NULL after diagnostics. *name is the file's name of the value, "" if it has none; may
 * be NULL. */
const TnValue *tensor_file_read(Arena *arena, const char *path, TypeKind kind, const char **name,
                                Diagnostics *diagnostics);
bool tensor_file_write(Arena *arena, const char *path, const char *name, const TnValue *value,
                       Diagnostics *diagnostics);

#endif
