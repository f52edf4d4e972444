/* SPDX-License-Identifier: Apache-2.0
 *
 * An open-addressing index over an array of entries in order of insertion. The hash is FNV-1a over
 * 8 bytes at a time with a final mix.
 */
#include "hash.h"

#include "array.h"

#include <string.h>

static uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    return x ^ x >> 32;
}

uint64_t hash_bytes(const void *data, size_t length, uint64_t seed)
{
    const unsigned char *bytes = data;
    uint64_t hash = 0xcbf29ce484222325u ^ seed ^ (length * 0x9e3779b97f4a7c15u);
    while (length >= 8) {
        uint64_t word;
        memcpy(&word, bytes, sizeof word);
        hash = (hash ^ word) * 0x100000001b3u;
        hash ^= hash >> 29;
        bytes += 8;
        length -= 8;
    }
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return mix(hash);
}

uint64_t hash_combine(uint64_t hash, uint64_t value)
{
    return mix(hash * 0x9e3779b97f4a7c15u + value);
}

Map map_create(Arena *arena)
{
    return (Map){.arena = arena};
}

static uint64_t key_hash(const void *key, size_t length)
{
    return length ? hash_bytes(key, length, 0) : hash_combine(0, (uintptr_t)key);
}

/* Where the key's entry number stands, or the empty slot where it belongs. */
static int64_t find_slot(const Map *map, const void *key, size_t length)
{
    int64_t at = (int64_t)(key_hash(key, length) & (uint64_t)(map->slot_count - 1));
    for (; map->slots[at]; at = (at + 1) & (map->slot_count - 1)) {
        const MapEntry *entry = &map->entries[map->slots[at] - 1];
        if (entry->length == length &&
            (length ? memcmp(entry->key, key, length) == 0 : entry->key == key))
            break;
    }
    return at;
}

static void grow(Map *map)
{
    map->slot_count = map->slot_count ? map->slot_count * 2 : 16;
    map->slots = ARENA_ARRAY(map->arena, int32_t, map->slot_count);
    for (int64_t i = 0; i < map->count; i++)
        map->slots[find_slot(map, map->entries[i].key, map->entries[i].length)] = (int32_t)(i + 1);
}

static void *get(const Map *map, const void *key, size_t length)
{
    if (!map->count)
        return NULL;
    int32_t entry = map->slots[find_slot(map, key, length)];
    return entry ? map->entries[entry - 1].value : NULL;
}

static void set(Map *map, const void *key, size_t length, void *value)
{
    if (2 * (map->count + 1) > map->slot_count)
        grow(map);
    int64_t slot = find_slot(map, key, length);
    if (map->slots[slot]) {
        map->entries[map->slots[slot] - 1].value = value;
        return;
    }
    if (map->count == map->capacity)
        map->entries =
            array_grow(map->arena, map->entries, map->count, &map->capacity, sizeof *map->entries);
    map->entries[map->count++] = (MapEntry){key, length, value};
    map->slots[slot] = (int32_t)map->count;
}

/* A byte key has its terminator counted in, so that the empty string is not taken for a pointer. */
void *map_get(const Map *map, const char *key)
{
    return get(map, key, strlen(key) + 1);
}
void map_set(Map *map, const char *key, void *value)
{
    set(map, key, strlen(key) + 1, value);
}

void *map_get_bytes(const Map *map, const void *key, size_t length)
{
    return get(map, key, length);
}

void map_set_bytes(Map *map, const void *key, size_t length, void *value)
{
    set(map, key, length, value);
}

void *map_get_pointer(const Map *map, const void *key)
{
    return get(map, key, 0);
}
void map_set_pointer(Map *map, const void *key, void *value)
{
    set(map, key, 0, value);
}
