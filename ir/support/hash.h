/* SPDX-License-Identifier: Apache-2.0
 *
 * A hash table from byte strings or pointers to pointers, in an arena; insertion order is kept, so
 * that walking a table never depends on addresses.
 */
#ifndef IR_SUPPORT_HASH_H
#define IR_SUPPORT_HASH_H

#include "arena.h"

#include <stdbool.h>

uint64_t hash_bytes(const void *data, size_t length, uint64_t seed);
uint64_t hash_combine(uint64_t hash, uint64_t value);

typedef struct MapEntry {
    const void *key; /* bytes, or for a pointer map the pointer itself */
    size_t length;   /* of the key; 0 in a pointer map */
    void *value;
} MapEntry;

typedef struct Map {
    Arena *arena;
    MapEntry *entries; /* in order of insertion */
    int64_t count, capacity;
    int32_t *slots;
    int64_t slot_count;
} Map;

Map map_create(Arena *arena);
/* The value of a key, NULL if absent. Text keys are compared byte by byte and not copied. */
void *map_get(const Map *map, const char *key);
void map_set(Map *map, const char *key, void *value);
void *map_get_bytes(const Map *map, const void *key, size_t length);
void map_set_bytes(Map *map, const void *key, size_t length, void *value);
void *map_get_pointer(const Map *map, const void *key);
void map_set_pointer(Map *map, const void *key, void *value);

#endif
