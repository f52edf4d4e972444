/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a kernel may put a result where an operand lies that nobody needs afterwards.
 *
 * It may if no element of the operand is read after something was stored in its place. That is read
 * off the nests, whatever schedule made them, for each pair of a fetch and a store:
 *
 * - in one iteration of the loops that are around both, the fetch comes first, or they are proved
 *   to be apart;
 * - two different iterations of those loops touch different memory: the loops' strides, from the
 *   smallest to the largest, each exceed all that lies below them.
 *
 * Where a function stores each element once, it is enough that each statement fetches from where it
 * stores.
 *
 * Strides and extents may be symbolic; what cannot be proved is not done. Threads share iterations
 * of the parallel loop, which must be around both, so the second point covers them.
 */
#ifndef CODEGEN_OVERWRITE_H
#define CODEGEN_OVERWRITE_H

#include "codegen/backend.h"

/* The kernel's phases in order; is_operand[slot]: whether the tensor lies in the operand's memory.
 * Both begin at the same address. */
bool may_overwrite(const Phase *phases, int count, const Tensor *result, const bool *is_operand);

#endif
