/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to the exporter.
 */
#ifndef FRONTEND_EXPORTER_H
#define FRONTEND_EXPORTER_H

#include "frontend/export.h"
#include "ir/ops/op.h"

/* The lowest operator set that is ever written. Older ones differ in ways that no table tells
 * (negative axes, broadcasting), and whatever reads ONNX today reads this one. */
enum { OLDEST_WRITTEN_OPSET = 13 };

/* The lowest opset of ai.onnx in which all nodes of the model mean the same; at least `wanted`. 0
 * after diagnostics: with `wanted` set, nodes that need a higher one. */
int64_t export_opset(const Model *model, int64_t wanted, Diagnostics *diagnostics);
/* The IR version that came with an opset. */
int64_t export_ir_version(int64_t opset, bool has_functions);

TypeProto *export_type(Arena *arena, const Type *type);
/* An attribute; regions are left to the caller. NULL if there is no memory. */
AttributeProto *export_attribute(Arena *arena, const AttributeDef *def, const void *attributes);

#endif
