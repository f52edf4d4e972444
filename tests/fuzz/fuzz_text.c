/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a model in text: an error or a document, whose text reads back as itself, and which
 * is imported, or an error says why not.
 */
#include "frontend/import.h"
#include "frontend/text/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(Arena *arena, const uint8_t *data, size_t size)
{
    Diagnostics *diagnostics = diagnostics_create(arena);
    Source source = {.name = "fuzz", .data = (const char *)data, .length = size};
    Document document = {0}, again = {0};
    if (!text_parse(arena, &source, &document, diagnostics)) {
        Text message = text_create(arena);
        if (diagnostics->count == 0)
            abort(); /* failed without a word */
        diagnostic_render(&diagnostics->items[0], &message);
        return;
    }
    Text first = text_create(arena), second = text_create(arena);
    text_write(&document, &first, NULL);
    Source written = {.name = "written", .data = first.data, .length = first.length};
    if (!text_parse(arena, &written, &again, diagnostics))
        abort();
    text_write(&again, &second, NULL);
    if (first.length != second.length || memcmp(first.data, second.data, first.length) != 0)
        abort();
    diagnostics->error_count = 0;
    Model *model = model_import(arena, &document, NULL, NULL, diagnostics);
    if (model ? !model_verify(model, diagnostics) : diagnostics->error_count == 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Boundary boundary;
    Arena *volatile arena = NULL;
    if (setjmp(boundary.jump) == 0) {
        arena = arena_create(&boundary);
        if (arena)
            check(arena, data, size);
    }
    arena_destroy(arena);
    return 0;
}
