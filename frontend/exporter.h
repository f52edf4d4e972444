/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to the exporter.
 */
#ifndef FRONTEND_EXPORTER_H
#define FRONTEND_EXPORTER_H

#include "frontend/export.h"
#include "ir/ops/op.h"

enum {
    /* The lowest operator set that is written: broadcasting came with it. */
    OLDEST_WRITTEN_OPSET = 7,
    /* The lowest one of dumps, in which hardly any node has another form than the newest. */
    OLDEST_DUMPED_OPSET = 13,
};

/* ---- Which opset: export_opset.c ----------------------------------------------------------- */

/* The lowest opset of ai.onnx, from the options' on, in which all nodes of the model mean the same.
 * 0 after diagnostics: where one is asked for, each node that needs another, and why. */
int64_t export_opset(const Model *model, const ExportOptions *options, Diagnostics *diagnostics);
/* The IR version that came with an opset. */
int64_t export_ir_version(int64_t opset, bool has_functions);

/* ---- Forms of nodes: export_form.c --------------------------------------------------------- */

/* Why an opset of ai.onnx has no form of the node that means the same; NULL where it has one. */
const char *export_misfit(Arena *arena, const Node *node, int64_t opset);
/* Whether the opset has an attribute in place of the node's operand. */
bool export_is_moved(const Node *node, int operand, int64_t opset);
/* Whether the node is written otherwise than the graph has it. */
bool export_changes_form(const Node *node, int64_t opset);
/* Whether the attribute says nothing that the opset would not take it to be: its default, or an
 * axis that is, as the opset counts it. */
bool export_is_default(const Node *node, const AttributeDef *def, int64_t opset);
/* Changes what the newest opset calls the node to what an older one does, without its moved
 * operands; constants that must stand before it are added to `before`,
 * by names that the caller makes unique. False if there is no memory. */
bool export_older_form(Arena *arena, const Node *node, int64_t opset, NodeProto *proto,
                       GraphProto *before);

/* ---- Types and attributes: export_attribute.c ---------------------------------------------- */

TypeProto *export_type(Arena *arena, const Type *type);
/* An attribute; regions are left to the caller. NULL if there is no memory. */
AttributeProto *export_attribute(Arena *arena, const AttributeDef *def, const void *attributes);

#endif
