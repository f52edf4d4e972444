/* SPDX-License-Identifier: Apache-2.0
 *
 * Growable arrays in an arena.
 *
 *     ARRAY(Value *) values = {0};
 *     array_push(arena, &values, value);
 *     for (int64_t i = 0; i < values.count; i++) use(values.items[i]);
 */
#ifndef IR_SUPPORT_ARRAY_H
#define IR_SUPPORT_ARRAY_H

#include "arena.h"

#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

#define ARRAY(Type)                                                                                \
    struct {                                                                                       \
        Type *items;                                                                               \
        int64_t count, capacity;                                                                   \
    }

void *array_grow(Arena *arena, void *items, int64_t count, int64_t *capacity, size_t item_bytes);

#define array_push(arena, array, ...)                                                              \
    ((array)->count == (array)->capacity                                                           \
         ? (void)((array)->items = array_grow((arena), (array)->items, (array)->count,             \
                                              &(array)->capacity, sizeof *(array)->items))         \
         : (void)0,                                                                                \
     (array)->items[(array)->count++] = (__VA_ARGS__))

#endif
