/* SPDX-License-Identifier: Apache-2.0
 *
 * What the runtime, and code that a compiler makes, take of <math.h>, for artifacts.
 */
#ifndef BARE_MATH_H
#define BARE_MATH_H

#define NAN             __builtin_nanf("")
#define INFINITY        __builtin_inff()
#define isnan(x)        __builtin_isnan(x)
#define isinf(x)        __builtin_isinf(x)
#define isfinite(x)     __builtin_isfinite(x)
#define signbit(x)      __builtin_signbit(x)
#define fabs(x)         __builtin_fabs(x)
#define copysignf(x, y) __builtin_copysignf(x, y)

double frexp(double x, int *exponent);

/* Instructions on most processors; what code for the others calls. */
float floorf(float x);
double floor(double x);
float ceilf(float x);
double ceil(double x);
float truncf(float x);
double trunc(double x);
float rintf(float x); /* half to even */
double rint(double x);
float fmaf(float x, float y, float z);
double fma(double x, double y, double z);

#endif
