/* SPDX-License-Identifier: Apache-2.0
 *
 * How large a result can become whose sizes only running tells: an expression over the sizes that
 * the inputs have.
 */
#ifndef CODEGEN_ARTIFACT_CAPACITY_H
#define CODEGEN_ARTIFACT_CAPACITY_H

#include "codegen/compile.h"

/* Whether sizes and elements of the inputs alone decide a size. */
bool size_is_of_inputs(const Lowered *lowered, const Expr *e);
/* Elements that a tensor of the type has at most, over symbols of the inputs; NULL: data may ask
 * for any number. */
const Expr *capacity_elements(const Lowered *lowered, const Type *type);

#endif
