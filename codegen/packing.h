/* SPDX-License-Identifier: Apache-2.0
 *
 * Constants rearranged at compile time, as a schedule asks (Function.packings).
 */
#ifndef CODEGEN_PACKING_H
#define CODEGEN_PACKING_H

#include "ir/kernel/nest.h"

size_t packing_bytes(const Packing *packing);
/* Fills packed, of packing_bytes() bytes, from the source tensor's elements. */
void packing_run(ExprPool *pool, const Packing *packing, const void *source, void *packed);

#endif
