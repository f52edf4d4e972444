/* SPDX-License-Identifier: Apache-2.0
 *
 * The interface of a compiled model: the C names of its inputs, outputs and sizes, the layout of
 * their structs, and the TnArtifactInfo that says so to programs. header.c writes it down for
 * people.
 *
 *   NAME_inputs    a pointer for each input, then an int64_t for each size that the inputs' shapes
 *                  decide
 *   NAME_outputs   a pointer for each output: the caller's memory, or NULL to be given some of the
 *                  arena. One whose sizes depend on data has `size_t Y_bytes`, what the caller's
 *                  memory holds, and `int64_t Y_dims[]`, which the run fills in. Sequences and
 *                  optionals are TnValues.
 */
#ifndef CODEGEN_ARTIFACT_INTERFACE_H
#define CODEGEN_ARTIFACT_INTERFACE_H

#include "codegen/artifact/weights.h"
#include "frontend/import.h"
#include "tenon_model.h"

typedef struct InterfacePort {
    const char *c_name, *c_type; /* "const float *" */
    const Type *type;
    TnArtifactPort *port;
} InterfacePort;

/* A symbol that formulas speak of: one that the inputs give a value. */
typedef struct InterfaceSize {
    const char *c_name;
    const Symbol *symbol;
    const TnArtifactSize *size; /* NULL: the elements of an input decide it, no struct has it */
} InterfaceSize;

/* One program of the file. */
typedef struct ArtifactPart {
    const Lowered *lowered;
    const CompileSettings *settings; /* parts for one processor have the same */
    int size_count;
    const DimSetting *sizes; /* of the inputs, that it was compiled for; none: for all */
} ArtifactPart;

typedef struct Interface {
    const char *name;
    int part_count;
    const ArtifactPart *parts;
    const Lowered *lowered; /* of the first part, which is for all sizes */
    TnArtifactInfo info; /* complete but for what the code generator knows: triple, cpu, features */
    InterfacePort *inputs, *outputs;
    InterfaceSize *sizes;
    int size_count;
} Interface;

/* name: a C identifier. Links the programs of the parts, which are in the order of
 * artifact_write(). */
Interface *interface_create(Arena *arena, const ArtifactPart *parts, int part_count,
                            const Weights *weights, const char *name, bool has_weights);

/* Inputs of the program for all sizes, and what they give, by port. */
void interface_add_selftest(Interface *interface, const TnTensor *inputs, const TnTensor *outputs);

/* `text` as an identifier of C and C++ that is no keyword. */
const char *port_identifier(Arena *arena, const char *text);

/* ---- header.c ---------------------------------------------------------------------------- */

/* The header that C programs include. */
void header_write(const Interface *interface, Text *text);
/* A main() that runs the model once on zeroes; it includes `header`. */
void example_write(const Interface *interface, const char *header, Text *text);
/* An index over symbols as an expression in C. names: by symbol. */
void size_write_c(const Expr *e, const char *const *names, Text *text);

#endif
