/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers as text and back, and the few functions that host functions need, without the C library:
 * the same bits in the library and in artifacts.
 */
#ifndef RUNTIME_REAL_H
#define RUNTIME_REAL_H

#include <stddef.h>

/* The first `count` (1 .. 17) decimal digits of a finite value's magnitude, rounded to nearest
 * even, as '0' .. '9'; and the exponent of the first. */
void real_digits(double value, int count, char *digits, int *exponent);
/* The number that text begins with, correctly rounded: sign, digits, point, exponent; "inf",
 * "infinity", "nan" in any case; 0 where it begins with none. */
double real_parse(const char *text, size_t length);

/* |x| <= pi / 4. Largest error about 0.6 units in the last place. */
double real_sin(double x);
double real_cos(double x);

#endif
