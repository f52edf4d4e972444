/* SPDX-License-Identifier: Apache-2.0
 *
 * The C library of artifacts: the few functions that the runtime calls, and those that a code
 * generator calls on its own account. Compiled with -fno-builtin, so that no loop here becomes a
 * call of the function that it is in.
 */
#include "runtime/bits.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* ---- Memory ------------------------------------------------------------------------------ */

/* Words that may lie anywhere and be of any type. */
typedef struct __attribute__((packed, may_alias)) Word {
    uint64_t bits;
} Word;

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    char *t = to;
    const char *f = from;
    for (; bytes >= 32; bytes -= 32, t += 32, f += 32) {
        Word a = ((const Word *)f)[0], b = ((const Word *)f)[1];
        Word c = ((const Word *)f)[2], d = ((const Word *)f)[3];
        ((Word *)t)[0] = a, ((Word *)t)[1] = b;
        ((Word *)t)[2] = c, ((Word *)t)[3] = d;
    }
    for (; bytes >= 8; bytes -= 8, t += 8, f += 8)
        *(Word *)t = *(const Word *)f;
    for (; bytes; bytes--)
        *t++ = *f++;
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    char *t = to;
    const char *f = from;
    if ((uintptr_t)t - (uintptr_t)f >= bytes) {
        for (; bytes >= 8; bytes -= 8, t += 8, f += 8)
            *(Word *)t = *(const Word *)f;
        for (; bytes; bytes--)
            *t++ = *f++;
        return to;
    }
    for (; bytes >= 8; bytes -= 8) {
        Word word = *(const Word *)(f + bytes - 8);
        *(Word *)(t + bytes - 8) = word;
    }
    for (; bytes; bytes--)
        t[bytes - 1] = f[bytes - 1];
    return to;
}

void *memset(void *to, int byte, size_t bytes)
{
    char *t = to;
    Word word = {(uint64_t)(unsigned char)byte * 0x0101010101010101u};
    for (; bytes >= 8; bytes -= 8, t += 8)
        *(Word *)t = word;
    for (; bytes; bytes--)
        *t++ = (char)byte;
    return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
    const unsigned char *x = a, *y = b;
    for (; bytes; bytes--, x++, y++)
        if (*x != *y)
            return *x < *y ? -1 : 1;
    return 0;
}

void *memchr(const void *data, int byte, size_t bytes)
{
    const unsigned char *at = data;
    for (; bytes; bytes--, at++)
        if (*at == (unsigned char)byte)
            return (void *)(uintptr_t)at;
    return NULL;
}

void *memmem(const void *data, size_t bytes, const void *part, size_t part_bytes)
{
    const char *at = data;
    for (; bytes >= part_bytes; bytes--, at++)
        if (!memcmp(at, part, part_bytes))
            return (void *)(uintptr_t)at;
    return NULL;
}

size_t strlen(const char *text)
{
    const char *at = text;
    while (*at)
        at++;
    return (size_t)(at - text);
}

int strcmp(const char *a, const char *b)
{
    for (; *a && *a == *b; a++)
        b++;
    return (unsigned char)*a - (unsigned char)*b;
}

char *strchr(const char *text, int c)
{
    for (;; text++)
        if (*text == (char)c)
            return (char *)(uintptr_t)text;
        else if (!*text)
            return NULL;
}

/* ---- Numbers ----------------------------------------------------------------------------- */

double frexp(double x, int *exponent)
{
    uint64_t bits = double_to_bits(x);
    int field = (int)(bits >> 52 & 0x7ff), shift = 0;
    *exponent = 0;
    if (field == 0x7ff || bits << 1 == 0)
        return x;
    if (field == 0) {
        bits = double_to_bits(x * 0x1p64);
        field = (int)(bits >> 52 & 0x7ff);
        shift = 64;
    }
    *exponent = field - 1022 - shift;
    return double_from_bits((bits & 0x800fffffffffffff) | (uint64_t)1022 << 52);
}

/* To a whole number by adding and taking away 2^52 (2^23), which rounds half to even. */
double rint(double x)
{
    double big = (double_to_bits(x) >> 63) ? -0x1p52 : 0x1p52;
    if (!(__builtin_fabs(x) < 0x1p52))
        return x;
    volatile double sum = x + big;
    return __builtin_copysign(sum - big, x);
}

double trunc(double x)
{
    if (!(__builtin_fabs(x) < 0x1p52))
        return x;
    return __builtin_copysign((double)(int64_t)x, x);
}

double floor(double x)
{
    double whole = trunc(x);
    return whole > x ? whole - 1 : whole;
}

double ceil(double x)
{
    double whole = trunc(x);
    return whole < x ? __builtin_copysign(whole + 1, x) : whole;
}

float rintf(float x)
{
    return (float)rint(x);
}
float truncf(float x)
{
    return (float)trunc(x);
}
float floorf(float x)
{
    return (float)floor(x);
}
float ceilf(float x)
{
    return (float)ceil(x);
}

/* The product is exact in double; the sum is rounded to odd, so that rounding it to float is the
 * only rounding. */
float fmaf(float x, float y, float z)
{
    double product = (double)x * y, sum = product + z;
    uint64_t bits = double_to_bits(sum);
    if ((bits & 0x1fffffff) != 0x10000000 || !isfinite(sum))
        return (float)sum;
    double back = sum - product, error = (product - (sum - back)) + (z - back); /* what sum lost */
    if (error == 0)
        return (float)sum;
    bits += (error > 0) == (sum > 0) ? 1 : (uint64_t)-1;
    return (float)double_from_bits(bits);
}

typedef struct Pair {
    double high, low;
} Pair;

static Pair two_sum(double a, double b)
{
    double sum = a + b, back = sum - a;
    return (Pair){sum, (a - (sum - back)) + (b - back)};
}

static Pair two_product(double a, double b)
{
    double p = a * b, ca = a * 134217729.0, cb = b * 134217729.0;
    double ah = ca - (ca - a), al = a - ah, bh = cb - (cb - b), bl = b - bh;
    return (Pair){p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
}

/* By exact products and sums of pairs, the last but one sum rounded to odd (Boldo and Melquiond
 * 2008). Exact where neither overflows nor falls among the denormals. */
double fma(double x, double y, double z)
{
    if (!isfinite(x) || !isfinite(y) || !isfinite(z))
        return x * y + z;
    Pair product = two_product(x, y);
    Pair high = two_sum(product.high, z), low = two_sum(high.low, product.low);
    if (!isfinite(product.high) || !isfinite(product.low))
        return x * y + z;
    if (low.low != 0 && (double_to_bits(low.high) & 1) == 0) {
        bool up = (low.low > 0) == (low.high > 0);
        low.high = low.high == 0
                       ? low.low
                       : double_from_bits(double_to_bits(low.high) + (up ? 1 : (uint64_t)-1));
    }
    return high.high + low.high;
}
