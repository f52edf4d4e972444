/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Text text_create(Arena *arena)
{
    return (Text){.arena = arena, .data = arena_allocate(arena, 64), .capacity = 64};
}

/* Room for `more` bytes and the terminator. */
static void reserve(Text *text, size_t more)
{
    if (text->capacity - text->length > more)
        return;
    size_t capacity = 2 * text->capacity + more + 1;
    char *data = arena_allocate(text->arena, capacity);
    memcpy(data, text->data, text->length);
    text->data = data;
    text->capacity = capacity;
}

void text_append_bytes(Text *text, const char *data, size_t length)
{
    reserve(text, length);
    if (length)
        memcpy(text->data + text->length, data, length);
    text->length += length;
    text->data[text->length] = '\0';
}

void text_append(Text *text, const char *string)
{
    text_append_bytes(text, string, strlen(string));
}

void text_format(Text *text, const char *format, ...)
{
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length > 0) {
        reserve(text, (size_t)length);
        vsnprintf(text->data + text->length, (size_t)length + 1, format, list);
        text->length += (size_t)length;
    }
    va_end(list);
}

/* Puts the digits that "%.*g" made into the form that cannot be an integer's, with a point whatever
 * the locale says. */
static void append_digits(Text *text, char *digits)
{
    char *at = digits;
    bool is_whole = true;
    for (; *at; at++) {
        if (*at == 'e')
            is_whole = false;
        else if (*at != '-' && *at != '+' && (*at < '0' || *at > '9'))
            *at = '.', is_whole = false;
    }
    text_append(text, digits);
    if (is_whole)
        text_append(text, ".0");
}

static bool append_special(Text *text, double value)
{
    if (!isnan(value) && !isinf(value))
        return false;
    text_append(text, isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
    return true;
}

/* Significant digits of "d.ddde+xx" without zeros at their end. */
static int count_digits(const char *digits)
{
    int count = 0, last = 0;
    for (; *digits && *digits != 'e'; digits++) {
        if (*digits < '0' || *digits > '9')
            continue;
        count++;
        last = *digits == '0' ? last : count;
    }
    return last > 0 ? last : 1;
}

/* How many digits read back as the number: at most `most`. If it has no more than `sure`, which
 * holds for all numbers but subnormal ones, they are the first of its own, with zeros after them.
 */
static int shortest(double value, int sure, int most, bool is_float)
{
    char digits[40];
    for (int precision = sure; precision < most; precision++) {
        snprintf(digits, sizeof digits, "%.*e", precision - 1, value);
        if (is_float ? (double)strtof(digits, NULL) == value : strtod(digits, NULL) == value)
            return count_digits(digits);
    }
    return most;
}

/* The same for floats of ordinary size, in double arithmetic, whose error is far below a float's.
 * 0 where it does not apply. */
static int shortest_of_float(float value)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    double magnitude = fabs((double)value);
    if (!(magnitude >= 1e-12 && magnitude < 1e5))
        return 0;
    int scale = 0; /* magnitude * 10^scale has one digit before the point */
    while (magnitude * powers[scale] < 1)
        scale++;
    while (scale <= 0 && magnitude / powers[-scale] >= 10)
        scale--;
    for (int precision = 6; precision < 9; precision++) {
        int shift = precision - 1 + scale;
        double whole = rint(magnitude * powers[shift]), back = whole / powers[shift];
        if ((double)(float)back != magnitude)
            continue;
        int digits = precision;
        while (digits > 1 && fmod(whole, powers[precision - digits + 1]) == 0)
            digits--;
        return digits;
    }
    return 9;
}

/* 10.0 rather than 1e+01: numbers below ten million are written out. */
static int written_out(double value, int precision)
{
    double size = fabs(value), limit = 10;
    int digits = 1;
    for (; digits < 8 && size >= limit; digits++)
        limit *= 10;
    return digits < 8 && digits > precision ? digits : precision;
}

void text_append_float(Text *text, float value)
{
    char digits[40];
    if (append_special(text, (double)value))
        return;
    int precision = shortest_of_float(value);
    if (!precision)
        precision = shortest((double)value, fabsf(value) < FLT_MIN ? 1 : 6, 9, true);
    snprintf(digits, sizeof digits, "%.*g", written_out((double)value, precision), (double)value);
    append_digits(text, digits);
}

void text_append_double(Text *text, double value)
{
    char digits[40];
    if (append_special(text, value))
        return;
    int precision = value == 0 ? 1 : shortest(value, 15, 17, false);
    snprintf(digits, sizeof digits, "%.*g", written_out(value, precision), value);
    append_digits(text, digits);
}

void text_append_quoted(Text *text, const char *data, size_t length)
{
    text_append(text, "\"");
    for (size_t i = 0; i < length; i++) {
        if (data[i] == '"' || data[i] == '\\')
            text_append(text, "\\");
        text_append_bytes(text, data + i, 1);
    }
    text_append(text, "\"");
}
