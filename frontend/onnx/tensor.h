/* SPDX-License-Identifier: Apache-2.0
 *
 * TensorProto and SparseTensorProto as constants, and constants as TensorProto.
 */
#ifndef FRONTEND_ONNX_TENSOR_H
#define FRONTEND_ONNX_TENSOR_H

#include "frontend/onnx/external_data.h"
#include "ir/graph/constant.h"

/* Borrows the document's bytes, or those of the mapped external file, where they lie as memory
 * wants them; else unpacked. NULL after a diagnostic at the location. `external` NULL: none is
 * allowed. */
const Constant *tensor_import(Arena *arena, const TensorProto *tensor, Location location,
                              ExternalData *external, Diagnostics *diagnostics);
/* As a dense tensor. */
const Constant *sparse_tensor_import(Arena *arena, const SparseTensorProto *tensor,
                                     Location location, ExternalData *external,
                                     Diagnostics *diagnostics);
/* With raw_data that is borrowed, or packed where a file holds less than a byte an element. NULL if
 * there is no memory. */
TensorProto *tensor_export(Arena *arena, const Constant *constant, const char *name);

#endif
