/* SPDX-License-Identifier: Apache-2.0
 *
 * Giving sizes other values: in all types, elements and assumptions of a model at once.
 */
#ifndef PASSES_SIZES_H
#define PASSES_SIZES_H

#include "ir/graph/graph.h"

/* Replaces a symbol by an expression that is free of it, in the whole model. */
void model_substitute_size(Model *model, const Symbol *symbol, const Expr *by);

#endif
