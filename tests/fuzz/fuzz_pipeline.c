/* SPDX-License-Identifier: Apache-2.0
 *
 * Any text as a pipeline: an error, or steps whose printed form reads back as itself.
 */
#include "passes/pipeline.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(Arena *arena, const char *given)
{
    Diagnostics *diagnostics = diagnostics_create(arena);
    const PipelineStep *steps, *again;
    if (!pipeline_parse(arena, given, diagnostics, &steps)) {
        if (diagnostics->error_count == 0)
            abort(); /* failed without a word */
        return;
    }
    pipeline_check_order(steps, diagnostics);
    Text first = text_create(arena), second = text_create(arena);
    pipeline_print(steps, &first);
    if (!pipeline_parse(arena, first.data, diagnostics, &again))
        abort();
    pipeline_print(again, &second);
    if (strcmp(first.data, second.data) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Boundary boundary;
    Arena *volatile arena = NULL;
    if (setjmp(boundary.jump) == 0) {
        arena = arena_create(&boundary);
        if (arena)
            check(arena, arena_string(arena, (const char *)data, size));
    }
    arena_destroy(arena);
    return 0;
}
