/* SPDX-License-Identifier: Apache-2.0
 *
 * Import: a document becomes a model of the graph IR.
 *
 * First everything that is not supported is listed at once: operators that nobody knows, operators
 * newer than the model's opset. Then the graph is made, node by node. Each node is upgraded to the
 * newest version of its operator and inferred as it is made, so that whatever follows sees types.
 * Model-local functions are inlined; those of the domain "tenon" are fused groups and become
 * tenon.group nodes. Initialisers and Constant nodes become constants, which borrow the document's
 * bytes where they lie as memory wants them.
 *
 * Regions are closed: the inputs of every region of a node are its formal inputs and then all
 * captures of the node's regions, in order of first use; the captured values are the node's last
 * operands. A captured constant becomes a constant of the region instead.
 *
 * An initialiser of the name of an input is a constant (a default that nobody overrides), whatever
 * the IR version.
 */
#ifndef FRONTEND_IMPORT_H
#define FRONTEND_IMPORT_H

#include "frontend/document.h"
#include "ir/graph/constant.h"
#include "ir/graph/graph.h"

/* What is read and written. */
enum { NEWEST_IR_VERSION = 14, NEWEST_OPSET = 28 };

/* A symbolic size that gets a number: --dim N=8. */
typedef struct DimSetting {
    const char *symbol;
    int64_t size;
} DimSetting;

/* The shape of an input: --shape x:1x3x224x224. */
typedef struct ShapeSetting {
    const char *input;
    int rank;
    int64_t dims[MAX_RANK]; /* -1: as the model says */
} ShapeSetting;

/* An input whose value is known: it becomes a constant and is no input any more. */
typedef struct ConstantSetting {
    const char *input;
    const Constant *constant;
} ConstantSetting;

/* An initializer that is to become an input: the last ones, in this order. */
typedef struct FreedWeight {
    const char *name;
    const Constant *constant; /* set by the import: what it was */
} FreedWeight;

/* Zeroed is a good default. */
typedef struct ImportOptions {
    const DimSetting *dims;
    const ShapeSetting *shapes;
    const ConstantSetting *constants;
    int dim_count, shape_count, constant_count;
    FreedWeight *freed;
    int freed_count;
    bool allow_links; /* external data may be reached through symbolic and hard links */
    bool copy_data;   /* external data is read into memory, not mapped */
} ImportOptions;

/* Inputs that must be constants for the model to compile, by name (see infer_constant). */
typedef struct ImportNeeds {
    const char **inputs;
    int64_t count;
} ImportNeeds;

/* NULL after diagnostics. The document must outlive the model. `options` and `needs` may be NULL;
 * needs->count is set in either case. */
Model *model_import(Arena *arena, const Document *document, const ImportOptions *options,
                    ImportNeeds *needs, Diagnostics *diagnostics);

#endif
