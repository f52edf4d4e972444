/* SPDX-License-Identifier: Apache-2.0 */
#include "array.h"

void *array_grow(Arena *arena, void *items, int64_t count, int64_t *capacity, size_t item_bytes)
{
    int64_t larger = *capacity ? *capacity * 2 : 8;
    void *copy = arena_allocate_array(arena, (size_t)larger, item_bytes);
    if (count)
        memcpy(copy, items, (size_t)count * item_bytes);
    *capacity = larger;
    return copy;
}
