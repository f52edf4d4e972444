/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers of the text format. Most decimal numbers have a mantissa of at most 19 digits and a small
 * exponent: then one exact multiplication or division is correctly rounded (Clinger 1990, "How to
 * read floating point numbers accurately"). The rest goes through strtod().
 */
#include "frontend/text/number.h"
#include "runtime/bits.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LITERAL = 1100 }; /* no double needs more digits to be told from its neighbours */

/* A decimal number taken apart: mantissa * 10^exponent. */
typedef struct Decimal {
    uint64_t mantissa;
    int64_t exponent;
    bool negative, exact; /* exact: all digits are in the mantissa */
} Decimal;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool number_to_uint64(TnString text, uint64_t *value)
{
    uint64_t result = 0;
    bool negative = text.length > 0 && text.data[0] == '-';
    for (int64_t i = negative; i < text.length; i++) {
        if (__builtin_mul_overflow(result, 10, &result) ||
            __builtin_add_overflow(result, (uint64_t)(text.data[i] - '0'), &result))
            return false;
    }
    *value = result;
    return !negative || result == 0;
}

bool number_to_int64(TnString text, int64_t *value)
{
    bool negative = text.length > 0 && text.data[0] == '-';
    TnString digits = {text.data + negative, text.length - negative};
    uint64_t magnitude;
    if (!number_to_uint64(digits, &magnitude) || magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

static Decimal take_apart(TnString text)
{
    Decimal decimal = {.exact = true};
    const char *p = text.data, *end = text.data + text.length;
    if (p < end && *p == '-') {
        decimal.negative = true;
        p++;
    }
    bool fraction = false;
    for (; p < end && (is_digit(*p) || *p == '.'); p++) {
        if (*p == '.') {
            fraction = true;
        } else if (decimal.mantissa <= (UINT64_MAX - 9) / 10) {
            decimal.mantissa = decimal.mantissa * 10 + (uint64_t)(*p - '0');
            decimal.exponent -= fraction;
        } else {
            decimal.exact = false;
            decimal.exponent += !fraction;
        }
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        bool negative = p < end && *p == '-';
        p += p < end && (*p == '-' || *p == '+');
        int64_t exponent = 0;
        for (; p < end && is_digit(*p); p++)
            exponent = exponent < 1000000 ? exponent * 10 + (*p - '0') : exponent;
        decimal.exponent += negative ? -exponent : exponent;
    }
    return decimal;
}

/* The literal for the C library, with the locale's decimal point. Digits beyond MAX_LITERAL, which
 * only tell on which side of a half-way point the number is, are folded into one. */
static double slow_double(TnString text, bool as_float)
{
    char buffer[MAX_LITERAL + 64];
    size_t length = 0;
    const char *point = localeconv()->decimal_point;
    int64_t i = 0, dropped = 0;
    bool fraction = false, sticky = false;
    for (; i < text.length && text.data[i] != 'e' && text.data[i] != 'E'; i++) {
        char c = text.data[i];
        if (c == '.') {
            fraction = true;
            if (!dropped) {
                size_t bytes = strlen(point);
                memcpy(buffer + length, point, bytes < 8 ? bytes : 8);
                length += bytes < 8 ? bytes : 8;
            }
        } else if (length < MAX_LITERAL) {
            buffer[length++] = c;
        } else {
            sticky |= c != '0';
            dropped += !fraction;
        }
    }
    if (sticky && length)
        buffer[length - 1] = '1';
    int64_t exponent = dropped;
    if (i < text.length) {
        bool negative = text.data[i + 1] == '-';
        int64_t magnitude = 0;
        for (i += 1 + !is_digit(text.data[i + 1]); i < text.length; i++)
            magnitude = magnitude < 1000000 ? magnitude * 10 + (text.data[i] - '0') : magnitude;
        exponent += negative ? -magnitude : magnitude;
    }
    char digits[24];
    int count = 0;
    uint64_t rest = (uint64_t)(exponent < 0 ? -exponent : exponent);
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    buffer[length++] = 'e';
    if (exponent < 0)
        buffer[length++] = '-';
    while (count)
        buffer[length++] = digits[--count];
    buffer[length] = 0;
    return as_float ? (double)strtof(buffer, NULL) : strtod(buffer, NULL);
}

static bool is_special(TnString text, double *value)
{
    bool negative = text.length > 0 && text.data[0] == '-';
    char first = text.length > negative ? text.data[negative] : '0';
    if (is_digit(first))
        return false;
    *value = first == 'n' || first == 'N' ? (double)NAN : (double)INFINITY;
    *value = copysign(*value, negative ? -1 : 1);
    return true;
}

/* Exact powers of ten in a double. */
static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static bool fast_double(TnString text, double *value)
{
    Decimal decimal = take_apart(text);
    if (!decimal.exact || decimal.mantissa > (uint64_t)1 << 53 || decimal.exponent < -22 ||
        decimal.exponent > 22)
        return false;
    double magnitude = (double)decimal.mantissa;
    magnitude = decimal.exponent < 0 ? magnitude / powers[-decimal.exponent]
                                     : magnitude * powers[decimal.exponent];
    *value = decimal.negative ? -magnitude : magnitude;
    return true;
}

double number_to_double(TnString text)
{
    double value;
    if (is_special(text, &value) || fast_double(text, &value))
        return value;
    return slow_double(text, false);
}

float number_to_float(TnString text)
{
    double value;
    if (is_special(text, &value))
        return (float)value;
    if (!fast_double(text, &value))
        return (float)slow_double(text, true);
    /* Rounding twice is wrong only where the double lies half-way between two floats, or where the
     * float is subnormal. */
    bool half_way = (double_to_bits(value) & 0x1fffffff) == 0x10000000;
    if (half_way || (value != 0 && fabs(value) < FLT_MIN))
        return (float)slow_double(text, true);
    return (float)value;
}
