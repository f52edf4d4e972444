/* SPDX-License-Identifier: Apache-2.0
 *
 * What perf is told of code that no file has.
 *
 * --perf-map writes /tmp/perf-PID.map, names and addresses, in which perf report looks. --jitdump
 * writes jit-PID.dump into the current folder, which has the code itself, too, so that perf
 * annotate can show it:
 *
 *     perf record -k mono tenon bench model.onnx --jitdump
 *     perf inject --jit -i perf.data -o perf.jit.data
 *     perf annotate -i perf.jit.data
 */
#ifndef TOOLS_PERF_H
#define TOOLS_PERF_H

#include "session.h"

/* Writes what the options ask for, for the kernels of the session's program, each under the name of
 * a node that it computes. The files stay there when the process ends, since perf reads them later.
 */
bool perf_tell(Session *session);

#endif
