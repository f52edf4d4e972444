/* SPDX-License-Identifier: Apache-2.0 */
#include "codegen/listing.h"

#include <string.h>

Listing listing_create(Arena *arena)
{
    return (Listing){text_create(arena), map_create(arena)};
}

void listing_add(Listing *listing, Phase *const *phases, int64_t count)
{
    const Kernel *previous = NULL;
    for (int64_t i = 0; i < count; i++) {
        const Phase *phase = phases[i];
        if (phase->kernel != previous)
            kernel_print(phase->kernel, &listing->text);
        previous = phase->kernel;
        if (phase->function && phase->symbol && strcmp(phase->symbol, phase->function->name) != 0)
            text_format(&listing->text, "function %s is %s\n", phase->function->name,
                        phase->symbol);
        else if (phase->function)
            function_print(phase->function, &listing->places, &listing->text);
    }
}

SourceLines *listing_lines(const Listing *listing, const char *file)
{
    Arena *arena = listing->text.arena;
    SourceLines *lines = ARENA_NEW(arena, SourceLines);
    *lines = (SourceLines){file, map_create(arena)};
    uintptr_t at = 0, line = 1;
    for (int64_t i = 0; i < listing->places.count; i++) { /* in the order of the text */
        const MapEntry *entry = &listing->places.entries[i];
        for (; at < (uintptr_t)entry->value - 1; at++)
            line += listing->text.data[at] == '\n';
        map_set_pointer(&lines->numbers, entry->key, (void *)line);
    }
    return lines;
}

unsigned source_line(const SourceLines *lines, const void *statement)
{
    return (unsigned)(uintptr_t)map_get_pointer(&lines->numbers, statement);
}
