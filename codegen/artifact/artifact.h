/* SPDX-License-Identifier: Apache-2.0
 *
 * Ahead of time: a lowered program becomes files.
 *
 * image.h says how a program becomes data, interface.h what callers see, weights.h where constants
 * lie, codegen/llvm/object.h how all of that becomes an object file, elf.h how that becomes a
 * shared library, output.h how files appear.
 */
#ifndef CODEGEN_ARTIFACT_ARTIFACT_H
#define CODEGEN_ARTIFACT_ARTIFACT_H

#include "codegen/artifact/interface.h"
#include "codegen/artifact/output.h"

typedef enum ArtifactForm {
    ARTIFACT_shared,
    ARTIFACT_object,
    ARTIFACT_archive,
    ARTIFACT_assembly,
    ARTIFACT_ir,
    ARTIFACT_c,
    ARTIFACT_kernels, /* the text of kernels and nests */
    ARTIFACT_graph,   /* the model, optimised: model_save() writes it, not artifact_write() */
} ArtifactForm;

/* An input and an output that callers see as one thing. */
typedef struct ArtifactState {
    const char *past, *present;
    const TnTensor *initial; /* or NULL */
} ArtifactState;

typedef struct ArtifactRequest {
    const char *path; /* of the file */
    ArtifactForm form;
    const char *name;    /* prefix of what it exports; NULL: the file's stem */
    const char *header;  /* path; NULL: none is written */
    const char *example; /* path of a C program that runs it; or NULL */
    const char *weights; /* path of a file of their own; NULL: they are in the file */
    const char *source; /* with debugging information: path of the text, written too, that its lines
                           are in; or NULL */
    const ArtifactState *states;
    int state_count;
    const TnTensor *golden_inputs, *golden_outputs; /* for NAME_selftest; or NULL */
} ArtifactRequest;

/* Writes one program, or several of the same model over one copy of the weights: for each kind of
 * processor, the one that asks most of it first, the program for all sizes, then those for certain
 * ones. Where there are several, target.shared_lanes must have been set when they were lowered,
 * and settings->moves_constants always. Either all files are there afterwards, or none is. */
TnStatus artifact_write(const ArtifactPart *parts, int part_count, const ArtifactRequest *request,
                        Diagnostics *diagnostics);

/* The form that the file's ending says; false if it says none. */
bool artifact_form_of(const char *path, ArtifactForm *form);

#endif
