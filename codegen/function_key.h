/* SPDX-License-Identifier: Apache-2.0
 *
 * What makes two functions the same code: layers of a model that differ in their data alone share
 * one.
 */
#ifndef CODEGEN_FUNCTION_KEY_H
#define CODEGEN_FUNCTION_KEY_H

#include "ir/kernel/nest.h"

/* Text that is equal for functions with equal code: tensors and axes by position, not by name. It
 * lives in the pool's arena. */
const char *function_key(ExprPool *pool, const Function *function);

#endif
