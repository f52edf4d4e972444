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

enum {
    LARGEST_TENSOR_IN_TEXT = 1 << 16, /* bytes */
    SIDE_ALIGNMENT = 4096,
};

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

static bool is_text_file(const char *path, const Source *source)
{
    return is_text_path(path) || (!has_extension(path, ".onnx") && looks_like_text(source));
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
    return read_document(arena, source, source->name, is_text_file(path, source), diagnostics);
}

Document *document_read(Arena *arena, const char *name, const TnReader *reader,
                        Diagnostics *diagnostics)
{
    Source *source = ARENA_NEW(arena, Source);
    int64_t length = reader->length(reader->user, name);
    char *data = length < 0 ? NULL : arena_try(arena, (size_t)length + 1);
    *source = (Source){.name = arena_string(arena, name, strlen(name)), .data = data};
    Location location = {.source = source};
    if (length >= 0 && !data) {
        no_memory_at(diagnostics, location, "a file of %lld bytes", (long long)length);
        return NULL;
    }
    if (length < 0 || (length > 0 && !reader->read(reader->user, name, 0, data, length))) {
        diagnostics->no_file = true;
        error_at(diagnostics, location, "the host's reader cannot read the file");
        return NULL;
    }
    source->length = (size_t)length;
    return read_document(arena, source, NULL, is_text_file(name, source), diagnostics);
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

/* Where the tensors of a text lie that are too big to be read by anybody: model.onnxtxt.weights.
 * The file is made when the first of them comes. */
typedef struct SideFile {
    Arena *arena;
    Diagnostics *diagnostics;
    const char *path;
    FileWriter writer;
    int64_t offset;
    bool is_open, failed;
} SideFile;

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool put_outside(void *user, const TensorProto *tensor, const void *data, int64_t bytes,
                        TnString *location, int64_t *offset)
{
    static const char zeros[SIDE_ALIGNMENT];
    SideFile *side = user;
    (void)tensor;
    if (!side->is_open && !side->failed) {
        side->is_open = file_writer_open(&side->writer, side->arena, side->path, side->diagnostics);
        side->failed = !side->is_open;
    }
    int64_t padding = -side->offset & (SIDE_ALIGNMENT - 1);
    side->failed = side->failed || !file_writer_put(&side->writer, zeros, (size_t)padding) ||
                   !file_writer_put(&side->writer, data, (size_t)bytes);
    *location = proto_string(base_name(side->path));
    *offset = side->offset + padding;
    side->offset = *offset + bytes;
    return true;
}

static bool save_text(Arena *arena, const Document *document, const char *path, FileWriter *writer,
                      Diagnostics *diagnostics)
{
    SideFile side = {.arena = arena,
                     .diagnostics = diagnostics,
                     .path = arena_format(arena, "%s.weights", path)};
    WriteOptions options = {
        .external_threshold = LARGEST_TENSOR_IN_TEXT, .external = put_outside, .user = &side};
    Text text = text_create(arena);
    text_write(document, &text, &options);
    bool ok = !side.failed && file_writer_put(writer, text.data, text.length);
    return side.is_open ? file_writer_close(&side.writer, ok) && ok : ok;
}

bool document_save(Arena *arena, const Document *document, const char *path,
                   Diagnostics *diagnostics)
{
    FileWriter writer;
    if (!file_writer_open(&writer, arena, path, diagnostics))
        return false;
    bool ok = is_text_path(path) ? save_text(arena, document, path, &writer, diagnostics)
                                 : wire_write(arena, MESSAGE_ModelProto, document->model,
                                              file_writer_put, &writer);
    return file_writer_close(&writer, ok) && ok;
}

bool model_save(Arena *arena, const Model *model, const char *path, const ExportOptions *options,
                Diagnostics *diagnostics)
{
    Document *document = model_export(arena, model, options, diagnostics);
    return document && document_save(arena, document, path, diagnostics);
}
