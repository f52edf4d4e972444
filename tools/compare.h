/* SPDX-License-Identifier: Apache-2.0
 *
 * Judging a result: element by element |a - e| <= max(atol, F * max|e|) + rtol * |e|, NaN equal to
 * NaN, infinities equal in place and sign; kinds, element types and shapes exactly; strings, too.
 */
#ifndef TOOLS_COMPARE_H
#define TOOLS_COMPARE_H

#include "ir/support/text.h"
#include "options.h"
#include "tenon.h"

typedef struct Tolerance {
    double rtol, atol, atol_max; /* atol_max: F */
} Tolerance;

/* The driver's --rtol, --atol and --atol-max. */
Tolerance tolerance_of(const Options *options);
/* bfloat16 is judged with rtol 2^-6 at least. On a mismatch describes the worst element in `why`.
 */
bool values_agree(const TnValue *actual, const TnValue *expected, const Tolerance *tolerance,
                  Text *why);
/* For what is drawn at random: the same kind, element types and shapes, and no number further
 * outside of the range of the expected ones than four times its width; of few, than their
 * magnitude. */
bool values_alike(const TnValue *actual, const TnValue *expected, Text *why);

#endif
