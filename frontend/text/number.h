/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers of the text format to machine numbers, whatever the locale. The text has the scanner's
 * form: -?digits, with a fraction or exponent, or -?(inf|infinity|nan) in any case.
 */
#ifndef FRONTEND_TEXT_NUMBER_H
#define FRONTEND_TEXT_NUMBER_H

#include "tenon.h"

/* false if the number does not fit. */
bool number_to_int64(TnString text, int64_t *value);
bool number_to_uint64(TnString text, uint64_t *value);
/* Rounded to nearest even once; too large a number gives infinity. */
float number_to_float(TnString text);
double number_to_double(TnString text);

#endif
