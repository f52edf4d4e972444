/* SPDX-License-Identifier: Apache-2.0 */
#include "intern.h"

#include <string.h>

Interner interner_create(Arena *arena)
{
    return (Interner){map_create(arena)};
}

const char *intern_bytes(Interner *interner, const char *text, size_t length)
{
    Arena *arena = interner->map.arena;
    if (length == 0)
        return "";
    char *known = map_get_bytes(&interner->map, text, length);
    if (known)
        return known;
    char *copy = arena_string(arena, text, length);
    map_set_bytes(&interner->map, copy, length, copy);
    return copy;
}

const char *intern(Interner *interner, const char *text)
{
    return intern_bytes(interner, text, strlen(text));
}
