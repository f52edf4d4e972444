/* SPDX-License-Identifier: Apache-2.0
 *
 * Golden vectors: inputs drawn at random, and what the interpreter makes of them.
 */
#ifndef TOOLS_GOLDEN_H
#define TOOLS_GOLDEN_H

#include "session.h"

/* Sets request->golden_inputs and golden_outputs, in the session's arena, for the session's model.
 * The interpreter's results are those of any machine; it is slow where a model is large. */
bool session_golden(Session *session, ArtifactRequest *request);

#endif
