/* SPDX-License-Identifier: Apache-2.0
 *
 * Compiled programs kept on disk, from one process to the next.
 *
 * An entry is an artifact, a shared library that needs nothing, under a name made of the checksum
 * of all that decides what is in it: the model, byte by byte, the options, the processor, the
 * version. It appears whole or not at all. One that is damaged, or was made by another version
 * under the same name, is made again. Reading an entry sets its time; where the folder has more
 * bytes than it may, those that were read longest ago go. An entry that somebody has mapped stays
 * good when its name is gone, so several processes may share a folder without asking each other.
 */
#include "codegen/api/cache.h"

#include "codegen/artifact/artifact.h"
#include "codegen/artifact/image.h"
#include "frontend/onnx/wire.h"
#include "runtime/artifact.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRY_PREFIX "tenon-"
#define ENTRY_SUFFIX ".so"

static const int64_t default_limit = (int64_t)1 << 30; /* bytes */

/* ---- Keys -------------------------------------------------------------------------------- */

/* Pieces are told apart by their lengths. */
static bool add_piece(void *user, const void *data, size_t length)
{
    uint64_t bytes = length;
    checksum_add(user, &bytes, sizeof bytes);
    if (length)
        checksum_add(user, data, length);
    return true;
}

static void add_text(Checksum *sum, const char *text)
{
    add_piece(sum, text ? text : "", text ? strlen(text) + 1 : 0);
}

static void add_number(Checksum *sum, int64_t number)
{
    checksum_add(sum, &number, sizeof number);
}

/* External data counts by where it lies, its size and when it was changed. */
static bool add_external(Checksum *sum, const Document *document, const TensorProto *tensor)
{
    const char *slash = document->path ? strrchr(document->path, '/') : NULL;
    int folder = slash ? (int)(slash - document->path) + 1 : 0;
    for (int64_t i = 0; i < tensor->external_data.count; i++) {
        const StringStringEntryProto *entry = tensor->external_data.items[i];
        struct stat status;
        char path[4096];
        if (!proto_equals(entry->key, "location"))
            continue;
        int length = snprintf(path, sizeof path, "%.*s%.*s", folder, document->path,
                              (int)entry->value.length, entry->value.data);
        if (!document->path || document->reader || length < 0 || (size_t)length >= sizeof path ||
            stat(path, &status) != 0)
            return false;
        add_text(sum, path);
        add_number(sum, (int64_t)status.st_ino);
        add_number(sum, status.st_size);
        add_number(sum, status.st_mtim.tv_sec);
        add_number(sum, status.st_mtim.tv_nsec);
    }
    return true;
}

/* The files outside that a message speaks of. */
static bool add_files(Checksum *sum, const Document *document, MessageKind kind,
                      const void *message)
{
    const MessageDef *def = &message_defs[kind];
    if (kind == MESSAGE_TensorProto)
        return add_external(sum, document, message);
    for (int i = 0; i < def->field_count; i++) {
        const FieldDef *field = &def->fields[i];
        const char *at = (const char *)message + field->offset;
        if (field->kind != FIELD_message)
            continue;
        void *const *items = (void *const *)at;
        int64_t count = *items != NULL;
        if (!field->has_offset) {
            const ARRAY(void *) *list = (const void *)at;
            items = list->items;
            count = list->count;
        }
        for (int64_t k = 0; k < count; k++)
            if (!add_files(sum, document, field->message, items[k]))
                return false;
    }
    return true;
}

static void add_options(Checksum *sum, const TnCompileOptions *options)
{
    add_text(sum, options->pipeline);
    add_number(sum, options->size_count);
    for (int i = 0; i < options->size_count; i++) {
        add_text(sum, options->sizes[i].symbol);
        add_number(sum, options->sizes[i].size);
    }
    add_number(sum, options->shape_count);
    for (int i = 0; i < options->shape_count; i++) {
        const TnInputShape *shape = &options->shapes[i];
        add_text(sum, shape->input);
        add_piece(sum, shape->dims, (size_t)shape->rank * sizeof *shape->dims);
    }
    add_number(sum, options->state_count); /* whose capacities decide what code there is */
    for (int i = 0; i < options->state_count; i++) {
        add_text(sum, options->states[i].past);
        add_text(sum, options->states[i].present);
        add_number(sum, options->states[i].capacity);
    }
    add_number(sum, options->value_count);
    for (int i = 0; i < options->value_count; i++) {
        const TnTensor *tensor = &options->values[i].tensor;
        add_text(sum, options->values[i].input);
        add_number(sum, tensor->element);
        add_piece(sum, tensor->dims, (size_t)tensor->rank * sizeof *tensor->dims);
        add_piece(sum, tensor->data, (size_t)memory_tensor_bytes(tensor));
    }
}

static void add_target(Checksum *sum, const Target *target)
{
    add_text(sum, tn_version());
    add_number(sum, (int64_t)image_layout());
    add_number(sum, TN_ARTIFACT_ABI);
    add_number(sum, target->vector_bytes);
    add_number(sum, target->vector_registers);
    add_number(sum, target->fmas);
    add_number(sum, target->loads);
    add_number(sum, target->fma_latency);
    add_number(sum, target->has_fma);
    add_number(sum, target->l1_bytes);
    add_number(sum, target->l2_bytes);
    add_number(sum, target->strict);
    add_number(sum, (int64_t)target->needed);
}

/* What an artifact cannot hold, or what cannot be told by its bytes, is not kept. */
static bool may_be_kept(const TnModel *model, const TnCompileOptions *options)
{
    bool has_strings = false;
    for (int i = 0; i < options->value_count; i++)
        has_strings |= options->values[i].tensor.element == TN_STRING;
    return options->cache && options->cache->folder && !options->reports && !has_strings &&
           !options->replaceable_count && !model->document->operators.count && !options->tuning;
}

bool cache_open(CacheEntry *entry, Arena *arena, const TnModel *model,
                const TnCompileOptions *options, const CompileSettings *settings)
{
    unsigned char key[CHECKSUM_BYTES];
    Checksum sum;
    *entry = (CacheEntry){0};
    if (!may_be_kept(model, options) || settings->backend != &backend_llvm)
        return false;
    const Document *document = model->document;
    checksum_begin(&sum);
    add_target(&sum, &settings->target);
    add_options(&sum, options);
    if (!wire_write(arena, MESSAGE_ModelProto, document->model, add_piece, &sum) ||
        !add_files(&sum, document, MESSAGE_ModelProto, document->model))
        return false;
    checksum_end(&sum, key);
    Text path = text_create(arena);
    text_format(&path, "%s/%s", options->cache->folder, ENTRY_PREFIX);
    for (int i = 0; i < CHECKSUM_BYTES; i++)
        text_format(&path, "%02x", key[i]);
    text_append(&path, ENTRY_SUFFIX);
    entry->folder = arena_string(arena, options->cache->folder, strlen(options->cache->folder));
    entry->path = path.data;
    entry->limit = options->cache->limit > 0 ? options->cache->limit : default_limit;
    return true;
}

/* ---- Entries ----------------------------------------------------------------------------- */

Program *cache_load(const CacheEntry *entry)
{
    Artifact *artifact;
    char message[512];
    if (access(entry->path, F_OK) != 0)
        return NULL;
    ArtifactOptions options = {.layout = image_layout()};
    TnStatus status = artifact_load(entry->path, &options, &artifact, message, sizeof message);
    if (status == TN_OK) {
        utimensat(AT_FDCWD, entry->path, NULL, 0);
        return artifact_program(artifact);
    }
    if (status == TN_INVALID_MODEL || status == TN_UNSUPPORTED)
        unlink(entry->path);
    return NULL;
}

typedef struct Kept {
    char name[64];
    int64_t bytes;
    struct timespec used;
} Kept;

static bool is_entry(const char *name)
{
    size_t length = strlen(name);
    return length == strlen(ENTRY_PREFIX ENTRY_SUFFIX) + 2 * CHECKSUM_BYTES &&
           !strncmp(name, ENTRY_PREFIX, strlen(ENTRY_PREFIX)) &&
           !strcmp(name + length - strlen(ENTRY_SUFFIX), ENTRY_SUFFIX);
}

static int compare_use(const void *a, const void *b)
{
    const struct timespec *x = &((const Kept *)a)->used, *y = &((const Kept *)b)->used;
    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? -1 : 1;
    return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

static void close_folder(void *folder)
{
    closedir(folder);
}

/* Lets the entries go that were used longest ago, until the rest has no more bytes than it may; the
 * one that was made just now stays. */
static void evict(const CacheEntry *entry, Arena *arena)
{
    ARRAY(Kept) kept = {0};
    int64_t total = 0;
    ArenaMark mark = arena_mark(arena);
    DIR *folder = opendir(entry->folder);
    if (!folder)
        return;
    arena_defer(arena, close_folder, folder);
    for (struct dirent *file; (file = readdir(folder));) {
        struct stat status;
        if (!is_entry(file->d_name) || fstatat(dirfd(folder), file->d_name, &status, 0) != 0)
            continue;
        Kept one = {.bytes = status.st_size, .used = status.st_mtim};
        memcpy(one.name, file->d_name, strlen(file->d_name) + 1);
        array_push(arena, &kept, one);
        total += one.bytes;
    }
    if (kept.count)
        qsort(kept.items, (size_t)kept.count, sizeof *kept.items, compare_use);
    const char *own = strrchr(entry->path, '/') + 1;
    for (int64_t i = 0; i < kept.count && total > entry->limit; i++) {
        if (!strcmp(kept.items[i].name, own))
            continue;
        unlinkat(dirfd(folder), kept.items[i].name, 0);
        total -= kept.items[i].bytes;
    }
    arena_release(arena, mark);
}

Program *cache_make(const CacheEntry *entry, Model *model, const CompileSettings *settings)
{
    CompileSettings own = *settings;
    ArtifactRequest request = {.path = entry->path, .form = ARTIFACT_shared, .name = "model"};
    Diagnostics *unheard = diagnostics_create(model->arena);
    Lowered lowered;
    ArtifactPart part = {.lowered = &lowered, .settings = &own};
    own.moves_constants = true;
    if (mkdir(entry->folder, 0700) != 0 && errno != EEXIST)
        return NULL;
    if (program_lower(model, &own, &lowered, unheard) != TN_OK ||
        artifact_write(&part, 1, &request, unheard) != TN_OK)
        return NULL;
    Program *program = cache_load(entry);
    evict(entry, model->arena);
    return program;
}
