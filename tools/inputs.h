/* SPDX-License-Identifier: Apache-2.0
 *
 * The inputs of a run: from files (-i), or drawn at random with a seed.
 */
#ifndef TOOLS_INPUTS_H
#define TOOLS_INPUTS_H

#include "session.h"

/* Fills values[program input]; what is made lives in the session's arena. A size that no given
 * input tells is 1, which is said on stderr unless the session is quiet. */
bool inputs_prepare(Session *session, TnValue *values);
/* An InputFinder: integers out of the file that -i gives for the name. */
const TnValue *inputs_find(Session *session, const char *name, const void *user);

#endif
