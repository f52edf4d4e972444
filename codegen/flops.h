/* SPDX-License-Identifier: Apache-2.0
 *
 * Floating-point operations of a kernel as its computes state them: what a direct execution takes,
 * whatever the schedule saves. An fma is two, a conversion or a comparison none.
 */
#ifndef CODEGEN_FLOPS_H
#define CODEGEN_FLOPS_H

#include "ir/kernel/kernel.h"

/* An index over symbols. */
const Expr *kernel_flops(const Kernel *kernel);

#endif
