/* SPDX-License-Identifier: Apache-2.0
 *
 * Text under construction, in an arena. Numbers are printed as the locale "C" would.
 */
#ifndef IR_SUPPORT_TEXT_H
#define IR_SUPPORT_TEXT_H

#include "arena.h"

#include <stdbool.h>

typedef struct Text {
    Arena *arena;
    char *data; /* always terminated */
    size_t length, capacity;
} Text;

Text text_create(Arena *arena);
void text_append(Text *text, const char *string);
void text_append_bytes(Text *text, const char *data, size_t length);
void text_format(Text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The shortest decimal that reads back to the same value; "inf", "-inf", "nan". A fraction or an
 * exponent is always there, so that it cannot be taken for an integer. */
void text_append_float(Text *text, float value);
void text_append_double(Text *text, double value);
/* "…", with backslashes before quotes and backslashes. */
void text_append_quoted(Text *text, const char *data, size_t length);

#endif
