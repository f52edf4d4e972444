/* SPDX-License-Identifier: Apache-2.0
 *
 * Models as text and back, by the frontends: what the driver of passes prints with.
 */
#ifndef PASSES_MODEL_TEXT_H
#define PASSES_MODEL_TEXT_H

#include "ir/graph/graph.h"

/* Of a tensor, in a dump for the eye. */
enum { MODEL_ELEMENTS_SHOWN = 64 };

/* The model in canonical text. Of tensors with more elements than element_limit only the first ones
 * are written (0: all are), and the text cannot be read back. False after a diagnostic. */
bool model_print(const Model *model, int64_t element_limit, Text *text);
/* The text must outlive the model. NULL after diagnostics. */
Model *model_parse(Arena *arena, const char *name, const char *text, size_t length,
                   Diagnostics *diagnostics);

#endif
