/* SPDX-License-Identifier: Apache-2.0
 *
 * Formatting of messages without the C library, for code that also runs in artifacts.
 */
#ifndef RUNTIME_FORMAT_H
#define RUNTIME_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* As vsnprintf(), for %s, %.*s, %c, %d, %lld, %llu, %zu and %%: at most `size` bytes, always
 * terminated where size > 0; answers the length of the whole text. */
int format_list(char *buffer, size_t size, const char *format, va_list list);
int format_text(char *buffer, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
