/* SPDX-License-Identifier: Apache-2.0
 *
 * Models: read, written, let go.
 */
#include "codegen/api/api.h"

#include "frontend/onnx/wire.h"
#include "frontend/text/text.h"

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
    sight_destroy(model->sight);
    arena_destroy(model->arena);
    pthread_mutex_destroy(&model->looking);
    free(model->name);
    free(model);
}

static bool options_are_valid(const TnLoadOptions *options)
{
    return !options->allocator.allocate == !options->allocator.release &&
           !options->reader.read == !options->reader.length;
}

TnStatus model_make(const char *name, const TnLoadOptions *given, TnModel **model)
{
    TnLoadOptions options = {.size = sizeof options};
    api_copy_options(&options, sizeof options, given);
    if (!model)
        return TN_BAD_ARGUMENT;
    *model = NULL;
    if (!name || !options_are_valid(&options))
        return TN_BAD_ARGUMENT;
    TnModel *made = calloc(1, sizeof *made);
    if (!made)
        return TN_OUT_OF_MEMORY;
    atomic_init(&made->users, 1);
    atomic_init(&made->stale, true);
    pthread_mutex_init(&made->looking, NULL);
    made->allocator = options.allocator;
    made->reader = options.reader;
    made->listener =
        (Listener){options.log, options.log_user, options.diagnose, options.diagnose_user};
    made->name = strdup(name);
    made->arena = arena_create_for(&made->boundary, &made->allocator, NULL);
    if (!made->name || !made->arena) {
        tn_model_destroy(made);
        return TN_OUT_OF_MEMORY;
    }
    *model = made;
    return TN_OK;
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
    Diagnostics *diagnostics = diagnostics_create(model->arena);
    model->document = read_document(model, data, length, diagnostics);
    if (model->document && model->reader.read)
        model->document->reader = &model->reader;
    api_tell(&model->listener, model->arena, diagnostics, 0);
    return model->document ? TN_OK : diagnostics_status(diagnostics);
}

/* Reads into a model that was made; ends it where that fails. */
static TnStatus fill_model(const void *data, size_t length, TnModel **model)
{
    TnStatus status = read_model(*model, data, length);
    if (status != TN_OK) {
        tn_model_destroy(*model);
        *model = NULL;
    }
    return status;
}

static bool exists(const TnModel *model, const char *path)
{
    const TnReader *reader = &model->reader;
    return reader->read ? reader->length(reader->user, path) >= 0 : access(path, R_OK) == 0;
}

TnStatus tn_model_load(const char *path, const TnLoadOptions *options, TnModel **model)
{
    TnStatus status = model_make(path, options, model);
    if (status != TN_OK)
        return status;
    if (exists(*model, path))
        return fill_model(NULL, 0, model);
    tn_model_destroy(*model);
    *model = NULL;
    return TN_IO;
}

TnStatus tn_model_parse(const void *data, size_t length, const char *name,
                        const TnLoadOptions *options, TnModel **model)
{
    TnStatus status = model_make(name ? name : "<memory>", options, model);
    if (status != TN_OK)
        return status;
    if (data)
        return fill_model(data, length, model);
    tn_model_destroy(*model);
    *model = NULL;
    return TN_BAD_ARGUMENT;
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
