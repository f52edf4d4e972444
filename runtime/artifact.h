/* SPDX-License-Identifier: Apache-2.0
 *
 * Compiled models as shared libraries: what their files promise beyond ELF, and loading one without
 * the system's loader.
 *
 * The file has a note of owner "Tenon" with an ArtifactNote. All of the file but the weights is
 * covered by one checksum in it, the weights by another; nothing of the file is mapped for
 * execution before the first of them, the sizes, the ABI, the layout of the tables and the
 * processor have been found good.
 */
#ifndef RUNTIME_ARTIFACT_H
#define RUNTIME_ARTIFACT_H

#include "runtime/checksum.h"
#include "runtime/program.h"
#include "tenon_model.h"

enum { ARTIFACT_NOTE_TYPE = 1 };

/* The description of the note, in the file's byte order. */
typedef struct ArtifactNote {
    unsigned char checksum[CHECKSUM_BYTES]; /* zero while the sum is taken */
    uint64_t file_bytes, weights_offset;    /* weights: from here to the end; none: the end */
    uint64_t model;                         /* address of the TnArtifactInfo */
    uint64_t abi;                           /* TN_ARTIFACT_ABI */
    unsigned char weights[CHECKSUM_BYTES];  /* the checksum of the weights, wherever they are */
} ArtifactNote;

void artifact_weights_checksum(const void *data, size_t bytes, unsigned char sum[CHECKSUM_BYTES]);
/* The checksum of the first bytes of a file, but for the checksum itself, which is in it twice. */
void artifact_checksum(const char *data, size_t bytes, size_t build_id, size_t note,
                       unsigned char sum[CHECKSUM_BYTES]);

typedef struct Artifact Artifact;

typedef struct ArtifactOptions {
    uint64_t layout;       /* what TnArtifactInfo.layout has to be for the tables to be read */
    const char *weights;   /* the file of weights, for a model that has one; NULL: as the model
                              says, beside it */
    bool to_look;          /* nothing of it will run: it may be for any architecture and processor,
                              and weights that are in another file are not there */
    bool trusts_weights;   /* without a look at their checksum */
    TnReader reader;       /* of the file of weights; NULL functions: it is mapped */
    TnAllocator allocator; /* of what the reader reads */
    /* Gives a step of an operator of the host's its function. NULL: there are none. Else false,
     * and why in *reason. */
    bool (*bind)(void *user, HostStep *step, const char **reason);
    void *bind_user;
} ArtifactOptions;

/* Loads a shared library that was compiled for this machine. On failure *artifact is NULL and
 * `message` says why: TN_IO, TN_INVALID_MODEL (no artifact, or damaged), TN_UNSUPPORTED (another
 * version, another processor, an operator that nobody gives), TN_OUT_OF_MEMORY. */
TnStatus artifact_load(const char *path, const ArtifactOptions *options, Artifact **artifact,
                       char *message, size_t message_bytes);
/* Whether the file begins as a shared library does. */
bool artifact_is_one(const char *path);
const TnArtifactInfo *artifact_model(const Artifact *artifact);
/* The one of its variants that artifact_program() is. */
const TnArtifactVariant *artifact_variant(const Artifact *artifact);
/* The program, as long as the artifact lives; program->destroy() is artifact_destroy(). */
Program *artifact_program(Artifact *artifact);
void artifact_destroy(Artifact *artifact); /* accepts NULL */

#endif
