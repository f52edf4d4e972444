/* SPDX-License-Identifier: Apache-2.0
 *
 * Export: a model of the graph IR becomes a document, which either writer prints.
 *
 * Regions are opened again: a region's extra inputs go, and its nodes use the names of the values
 * outside. Names are unique across scopes. A tenon.group becomes a call of a model-local function
 * of the domain "tenon". The document asks for the lowest opset and IR version that
 * mean the same: of 13 and newer ones, or, for other tools, of those in which operands were
 * attributes (opset/forms.def), too.
 */
#ifndef FRONTEND_EXPORT_H
#define FRONTEND_EXPORT_H

#include "frontend/document.h"
#include "ir/graph/graph.h"

/* Zeroed is a good default. */
typedef struct ExportOptions {
    int64_t opset;      /* of ai.onnx; 0: the lowest that will do */
    bool older_forms;   /* that lowest one may turn operands into attributes: for other tools, not
                           for dumps, which show the graph as it is */
    bool without_types; /* no value_info for values between nodes */
} ExportOptions;

/* NULL after diagnostics: where an operator cannot be said in the opset asked for. Bytes of
 * constants are borrowed from the model. */
Document *model_export(Arena *arena, const Model *model, const ExportOptions *options,
                       Diagnostics *diagnostics);

#endif
