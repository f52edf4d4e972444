/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions that a backend lacks, as polynomials and simpler operations.
 */
#ifndef CODEGEN_MATH_H
#define CODEGEN_MATH_H

#include "ir/expr/expr.h"

/* The same value with only such operations on floats and doubles as has_operation() admits. What
 * may be left in any case: add, subtract, multiply, divide, sqrt, negate, absolute, roundings,
 * compare, select, convert, bitcast, and integer arithmetic. Nothing branches, so that all of it
 * vectorises. The error is what math.def states; NaN, infinities, zeros and denormals come out as
 * in C. */
const Expr *math_lower(ExprPool *pool, const Expr *e,
                       bool (*has_operation)(ExprKind kind, TnElementType type,
                                             const void *context),
                       const void *context);

#endif
