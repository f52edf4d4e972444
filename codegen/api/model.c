/* SPDX-License-Identifier: Apache-2.0
 *
 * Models: read, written, let go.
 */
#include "codegen/api/api.h"

#include "frontend/onnx/wire.h"
#include "frontend/text/text.h"
#include "runtime/allocator.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Life -------------------------------------------------------------------------------- */

TnModel *model_hold(TnModel *model)
{
    atomic_fetch_add(&model->users, 1);
    return model;
}

void tn_model_destroy(TnModel *model)
{
    if (!model || atomic_fetch_sub(&model->users, 1) > 1)
        return;
    arena_destroy(model->arena);
    free(model->name);
    free(model);
}

/* ---- Reading ----------------------------------------------------------------------------- */

static Document *read_document(TnModel *model, const void *data, size_t length,
                               Diagnostics *diagnostics)
{
    if (data)
        return document_parse(model->arena, model->name, data, length, diagnostics);
    if (model->reader.read)
        return document_read(model->arena, model->name, &model->reader, diagnostics);
    return document_load(model->arena, model->name, diagnostics);
}

/* From a file where data is NULL. */
static TnStatus read_model(TnModel *model, const void *data, size_t length)
{
    if (setjmp(model->boundary.jump))
        return TN_OUT_OF_MEMORY;
    model->arena = arena_create_for(&model->boundary, &model->allocator, NULL);
    if (!model->arena)
        return TN_OUT_OF_MEMORY;
    Diagnostics *diagnostics = diagnostics_create(model->arena);
    model->document = read_document(model, data, length, diagnostics);
    if (model->document && model->reader.read)
        model->document->reader = &model->reader;
    api_tell(&model->listener, model->arena, diagnostics, 0);
    if (!model->document)
        return diagnostics_status(diagnostics);
    model_look(model);
    return TN_OK;
}

static TnStatus make_model(const char *name, const void *data, size_t length,
                           const TnLoadOptions *options, TnModel **model)
{
    TnModel *made = calloc(1, sizeof *made);
    if (!made)
        return TN_OUT_OF_MEMORY;
    atomic_init(&made->users, 1);
    made->allocator = options->allocator;
    made->reader = options->reader;
    made->listener =
        (Listener){options->log, options->log_user, options->diagnose, options->diagnose_user};
    made->name = strdup(name);
    TnStatus status = made->name ? read_model(made, data, length) : TN_OUT_OF_MEMORY;
    if (status != TN_OK)
        tn_model_destroy(made);
    else
        *model = made;
    return status;
}

static bool options_are_valid(const TnLoadOptions *options)
{
    return !options->allocator.allocate == !options->allocator.release &&
           !options->reader.read == !options->reader.length;
}

TnStatus tn_model_load(const char *path, const TnLoadOptions *given, TnModel **model)
{
    TnLoadOptions options = {.size = sizeof options};
    api_copy_options(&options, sizeof options, given);
    if (!model)
        return TN_BAD_ARGUMENT;
    *model = NULL;
    if (!path || !options_are_valid(&options))
        return TN_BAD_ARGUMENT;
    if (options.reader.read ? options.reader.length(options.reader.user, path) < 0
                            : access(path, R_OK) != 0)
        return TN_IO;
    return make_model(path, NULL, 0, &options, model);
}

TnStatus tn_model_parse(const void *data, size_t length, const char *name,
                        const TnLoadOptions *given, TnModel **model)
{
    TnLoadOptions options = {.size = sizeof options};
    api_copy_options(&options, sizeof options, given);
    if (!model)
        return TN_BAD_ARGUMENT;
    *model = NULL;
    if (!data || !options_are_valid(&options))
        return TN_BAD_ARGUMENT;
    return make_model(name ? name : "<memory>", data, length, &options, model);
}

/* ---- Writing ----------------------------------------------------------------------------- */

/* Writing works in an arena of its own, so that a model stays as it is and several threads may
 * write it. */
typedef struct Writing {
    Boundary boundary;
    const TnModel *model;
    Arena *arena;
    Diagnostics *diagnostics;
    TnWriter *writer;
    void *user;
    const char *path;
    TnFormat format;
    int64_t elements;
    TnStatus status;
} Writing;

static TnStatus run_writing(Writing *writing, TnStatus (*write)(Writing *writing))
{
    if (!setjmp(writing->boundary.jump)) {
        writing->status = TN_OUT_OF_MEMORY;
        writing->arena = arena_create_for(&writing->boundary, &writing->model->allocator, NULL);
        if (writing->arena) {
            writing->diagnostics = diagnostics_create(writing->arena);
            writing->status = write(writing);
            api_tell(&writing->model->listener, writing->arena, writing->diagnostics, 0);
        }
    } else {
        writing->status = TN_OUT_OF_MEMORY;
    }
    arena_destroy(writing->arena);
    return writing->status;
}

static TnStatus write_out(Writing *writing)
{
    const Document *document = writing->model->document;
    if (writing->format == TN_BINARY)
        return wire_write(writing->arena, MESSAGE_ModelProto, document->model, writing->writer,
                          writing->user)
                   ? TN_OK
                   : TN_IO;
    Text text = text_create(writing->arena);
    WriteOptions options = {.element_limit = writing->elements};
    text_write(document, &text, &options);
    return writing->writer(writing->user, text.data, text.length) ? TN_OK : TN_IO;
}

TnStatus tn_model_write(const TnModel *model, TnFormat format, TnWriter *writer, void *user)
{
    if (!model || !writer || (format != TN_BINARY && format != TN_TEXT))
        return TN_BAD_ARGUMENT;
    Writing writing = {.model = model, .writer = writer, .user = user, .format = format};
    return run_writing(&writing, write_out);
}

TnStatus tn_model_print(const TnModel *model, int64_t elements, TnWriter *writer, void *user)
{
    if (!model || !writer || elements < 0)
        return TN_BAD_ARGUMENT;
    Writing writing = {
        .model = model, .writer = writer, .user = user, .format = TN_TEXT, .elements = elements};
    return run_writing(&writing, write_out);
}

static TnStatus save(Writing *writing)
{
    return document_save(writing->arena, writing->model->document, writing->path,
                         writing->diagnostics)
               ? TN_OK
               : TN_IO;
}

TnStatus tn_model_save(const TnModel *model, const char *path)
{
    if (!model || !path)
        return TN_BAD_ARGUMENT;
    Writing writing = {.model = model, .path = path};
    return run_writing(&writing, save);
}
