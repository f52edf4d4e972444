/* SPDX-License-Identifier: Apache-2.0
 *
 * What the runtime takes of <string.h>, for artifacts, which have no C library: runtime/bare/bare.c
 * defines it.
 */
#ifndef BARE_STRING_H
#define BARE_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
void *memchr(const void *data, int byte, size_t bytes);
void *memmem(const void *data, size_t bytes, const void *part, size_t part_bytes);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
char *strchr(const char *text, int c);

#endif
