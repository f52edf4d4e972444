/* SPDX-License-Identifier: Apache-2.0
 *
 * The programs of one artifact: --mcpu=A,B makes one for each processor, --specialize N=1,8 one for
 * each of these sizes beside the one for all.
 */
#ifndef TOOLS_PARTS_H
#define TOOLS_PARTS_H

#include "session.h"

typedef struct Parts {
    int count;
    ArtifactPart *items; /* as artifact_write() wants them */
} Parts;

/* Lowers them; the first one is of session->model, the others are imported and optimised again.
 * settings: for the processor at hand, or the one that is named; without --mcpu's list. */
bool session_parts(Session *session, const CompileSettings *settings, Parts *parts);

#endif
