/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

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

void text_append_float(Text *text, float value)
{
    char digits[40];
    if (append_special(text, (double)value))
        return;
    for (int precision = 1; precision <= 9; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, (double)value);
        if (strtof(digits, NULL) == value)
            break;
    }
    append_digits(text, digits);
}

void text_append_double(Text *text, double value)
{
    char digits[40];
    if (append_special(text, value))
        return;
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
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
