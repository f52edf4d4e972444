/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/format.h"

#include <stdint.h>
#include <string.h>

typedef struct Writer {
    char *buffer;
    size_t size, length;
} Writer;

static void put(Writer *w, char c)
{
    if (w->length + 1 < w->size)
        w->buffer[w->length] = c;
    w->length++;
}

static void put_string(Writer *w, const char *text, int most)
{
    for (; *text && most != 0; text++, most--)
        put(w, *text);
}

static void put_unsigned(Writer *w, unsigned long long value)
{
    char digits[24];
    int count = 0;
    do
        digits[count++] = (char)('0' + value % 10);
    while (value /= 10);
    while (count)
        put(w, digits[--count]);
}

static void put_signed(Writer *w, long long value)
{
    if (value < 0)
        put(w, '-');
    put_unsigned(w, value < 0 ? -(unsigned long long)value : (unsigned long long)value);
}

int format_list(char *buffer, size_t size, const char *format, va_list list)
{
    Writer w = {.buffer = buffer, .size = size};
    for (const char *at = format; *at; at++) {
        int most = -1;
        if (*at != '%') {
            put(&w, *at);
            continue;
        }
        at++;
        if (at[0] == '.' && at[1] == '*') {
            most = va_arg(list, int);
            at += 2;
        }
        if (at[0] == 'l' && at[1] == 'l') {
            at += 2;
            if (*at == 'u')
                put_unsigned(&w, va_arg(list, unsigned long long));
            else
                put_signed(&w, va_arg(list, long long));
        } else if (at[0] == 'z') {
            at++;
            put_unsigned(&w, va_arg(list, size_t));
        } else if (*at == 'd') {
            put_signed(&w, va_arg(list, int));
        } else if (*at == 's') {
            put_string(&w, va_arg(list, const char *), most);
        } else if (*at == 'c') {
            put(&w, (char)va_arg(list, int));
        } else {
            put(&w, *at);
        }
    }
    if (size)
        buffer[w.length < size ? w.length : size - 1] = '\0';
    return (int)w.length;
}

int format_text(char *buffer, size_t size, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int length = format_list(buffer, size, format, list);
    va_end(list);
    return length;
}
