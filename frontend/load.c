/* SPDX-License-Identifier: Apache-2.0
 *
 * Which form a file has is told by its name, and where the name says nothing, by its first bytes: a
 * protocol buffer of a model begins with a field's tag, most often ir_version's, 0x08, while text
 * begins with "<", a comment, white space or a word.
 */
#include "frontend/load.h"
#include "frontend/onnx/file.h"
#include "frontend/onnx/wire.h"
#include "frontend/text/text.h"

#include <ctype.h>
#include <string.h>

static bool has_extension(const char *path, const char *extension)
{
    size_t length = strlen(path), wanted = strlen(extension);
    return length >= wanted && !strcmp(path + length - wanted, extension);
}

static bool is_text_path(const char *path)
{
    return has_extension(path, ".onnxtxt") || has_extension(path, ".txt");
}

/* No control bytes but white space among the first ones, and a beginning that a text has. */
static bool looks_like_text(const Source *source)
{
    size_t i = 0, end = source->length < 512 ? source->length : 512;
    for (size_t j = 0; j < end; j++)
        if ((unsigned char)source->data[j] < ' ' && !isspace((unsigned char)source->data[j]))
            return false;
    while (i < end && isspace((unsigned char)source->data[i]))
        i++;
    return i < end && (source->data[i] == '<' || source->data[i] == '#' || source->data[i] == '/' ||
                       isalpha((unsigned char)source->data[i]));
}

static Document *read_document(Arena *arena, Source *source, const char *path, bool is_text,
                               Diagnostics *diagnostics)
{
    Document *document = ARENA_NEW(arena, Document);
    source->is_binary = !is_text;
    document->source = source;
    document->path = path;
    if (source->length == 0) {
        error_at(diagnostics, (Location){.source = source}, "the file is empty");
        return NULL;
    }
    if (is_text)
        return text_parse(arena, source, document, diagnostics) ? document : NULL;
    document->model = wire_read(arena, MESSAGE_ModelProto, source, diagnostics);
    return document->model ? document : NULL;
}

Document *document_load(Arena *arena, const char *path, Diagnostics *diagnostics)
{
    Source *source = file_map(arena, path, diagnostics);
    if (!source)
        return NULL;
    bool is_text = is_text_path(path) || (!has_extension(path, ".onnx") && looks_like_text(source));
    return read_document(arena, source, source->name, is_text, diagnostics);
}

Document *document_parse(Arena *arena, const char *name, const void *data, size_t length,
                         Diagnostics *diagnostics)
{
    Source *source = ARENA_NEW(arena, Source);
    *source =
        (Source){.name = arena_string(arena, name, strlen(name)), .data = data, .length = length};
    return read_document(arena, source, NULL, looks_like_text(source), diagnostics);
}

Model *model_load(Arena *arena, const char *path, const LoadOptions *options,
                  Diagnostics *diagnostics)
{
    Document *document = document_load(arena, path, diagnostics);
    if (options && options->needs)
        *options->needs = (ImportNeeds){0};
    if (!document)
        return NULL;
    return model_import(arena, document, options ? &options->import : NULL,
                        options ? options->needs : NULL, diagnostics);
}

/* ---- Saving -------------------------------------------------------------------------------- */

bool document_save(Arena *arena, const Document *document, const char *path,
                   Diagnostics *diagnostics)
{
    FileWriter writer;
    bool ok;
    if (!file_writer_open(&writer, arena, path, diagnostics))
        return false;
    if (is_text_path(path)) {
        Text text = text_create(arena);
        text_write(document, &text, NULL);
        ok = file_writer_put(&writer, text.data, text.length);
    } else {
        ok = wire_write(arena, MESSAGE_ModelProto, document->model, file_writer_put, &writer);
    }
    return file_writer_close(&writer, ok) && ok;
}

bool model_save(Arena *arena, const Model *model, const char *path, const ExportOptions *options,
                Diagnostics *diagnostics)
{
    Document *document = model_export(arena, model, options, diagnostics);
    return document && document_save(arena, document, path, diagnostics);
}
