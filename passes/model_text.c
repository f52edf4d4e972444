/* SPDX-License-Identifier: Apache-2.0
 *
 * Models as text and back: export and the text writer, the text parser and import.
 */
#include "passes/model_text.h"
#include "frontend/load.h"
#include "frontend/text/text.h"

#include <string.h>

bool model_print(const Model *model, int64_t element_limit, Text *text)
{
    Document *document = model_export(text->arena, model, NULL, model->diagnostics);
    if (!document)
        return false;
    WriteOptions options = {.element_limit = element_limit};
    text_write(document, text, &options);
    return true;
}

Model *model_parse(Arena *arena, const char *name, const char *text, size_t length,
                   Diagnostics *diagnostics)
{
    Source *source = ARENA_NEW(arena, Source);
    Document *document = ARENA_NEW(arena, Document);
    *source =
        (Source){.name = arena_string(arena, name, strlen(name)), .data = text, .length = length};
    return text_parse(arena, source, document, diagnostics)
               ? model_import(arena, document, NULL, NULL, diagnostics)
               : NULL;
}
