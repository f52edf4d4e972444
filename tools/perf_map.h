/* SPDX-License-Identifier: Apache-2.0
 *
 * /tmp/perf-PID.map, in which perf looks for the names of code that no file has.
 */
#ifndef TOOLS_PERF_MAP_H
#define TOOLS_PERF_MAP_H

#include "session.h"

/* Writes it for the kernels of the session's program, each under the name of a node that it
 * computes. It stays there when the process ends, since perf reads it later. */
bool perf_map_write(Session *session);

#endif
