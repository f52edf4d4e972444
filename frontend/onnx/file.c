/* SPDX-License-Identifier: Apache-2.0
 *
 * Mapping and replacing files.
 */
#include "frontend/onnx/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void file_close(OpenFile *file)
{
    if (file->descriptor >= 0)
        close(file->descriptor);
    file->descriptor = -1;
}

static void close_guarded(void *user)
{
    file_close(user);
}

OpenFile *file_guard(Arena *arena)
{
    OpenFile *file = ARENA_NEW(arena, OpenFile);
    file->descriptor = -1;
    arena_defer(arena, close_guarded, file);
    return file;
}

typedef struct Mapping {
    void *data;
    size_t length;
} Mapping;

static void unmap(void *user)
{
    const Mapping *mapping = user;
    if (mapping->data)
        munmap(mapping->data, mapping->length);
}

/* Up to `length` bytes; answers how many there were, -1 on an error. */
static ssize_t read_fully(int descriptor, char *data, size_t length)
{
    size_t done = 0;
    while (done < length) {
        ssize_t got = read(descriptor, data + done, length - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

const void *file_map_descriptor(Arena *arena, int descriptor, size_t length, bool copy)
{
    if (length == 0)
        return "";
    if (copy) {
        char *data = arena_try(arena, length);
        return data && read_fully(descriptor, data, length) == (ssize_t)length ? data : NULL;
    }
    Mapping *mapping = ARENA_NEW(arena, Mapping);
    arena_defer(arena, unmap, mapping);
    void *data = mmap(NULL, length, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (data == MAP_FAILED)
        return NULL;
    *mapping = (Mapping){data, length};
    return data;
}

/* A pipe, say, to its end. */
static char *read_stream(Arena *arena, int descriptor, size_t *length)
{
    size_t capacity = 1 << 16, used = 0;
    char *data = arena_try(arena, capacity);
    while (data) {
        ssize_t got = read_fully(descriptor, data + used, capacity - used);
        if (got < 0)
            return NULL;
        used += (size_t)got;
        if (used < capacity)
            break;
        char *larger = arena_try(arena, 2 * capacity);
        if (larger)
            memcpy(larger, data, used);
        data = larger;
        capacity *= 2;
    }
    *length = used;
    return data;
}

Source *file_map(Arena *arena, const char *path, Diagnostics *diagnostics)
{
    struct stat status;
    Source *source = ARENA_NEW(arena, Source);
    *source = (Source){.name = arena_string(arena, path, strlen(path)), .is_binary = true};
    Location location = {.source = source};
    OpenFile *file = file_guard(arena);
    file->descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (file->descriptor < 0 || fstat(file->descriptor, &status) < 0) {
        system_error_at(diagnostics, location, "cannot open the file");
        source = NULL;
    } else if (S_ISDIR(status.st_mode)) {
        error_at(diagnostics, location, "this is a folder, expected a file");
        source = NULL;
    } else {
        bool is_file = S_ISREG(status.st_mode) && status.st_size > 0;
        source->length = (size_t)status.st_size;
        source->data = is_file ? file_map_descriptor(arena, file->descriptor, source->length, false)
                               : read_stream(arena, file->descriptor, &source->length);
        if (!source->data) {
            system_error_at(diagnostics, location, "cannot read the file");
            source = NULL;
        }
    }
    file_close(file);
    return source;
}

/* ---- Writing ------------------------------------------------------------------------------- */

static bool writer_fail(FileWriter *writer, const char *what)
{
    return error_at(writer->diagnostics, (Location){0}, "%s: %s: %s", writer->path, what,
                    strerror(errno));
}

bool file_writer_open(FileWriter *writer, Arena *arena, const char *path, Diagnostics *diagnostics)
{
    struct stat status;
    *writer = (FileWriter){.path = path, .descriptor = -1, .diagnostics = diagnostics};
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        writer->descriptor = open(path, O_WRONLY | O_CLOEXEC); /* a device or a pipe */
    } else {
        writer->file = new_file_open(arena, path);
        writer->descriptor = writer->file ? writer->file->descriptor : -1;
    }
    return writer->descriptor >= 0 || writer_fail(writer, "cannot create the file");
}

bool file_writer_put(void *user, const void *data, size_t length)
{
    FileWriter *writer = user;
    const char *at = data;
    while (length) {
        ssize_t put = write(writer->descriptor, at, length);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return writer_fail(writer, "cannot write");
        at += put;
        length -= (size_t)put;
    }
    return true;
}

bool file_writer_close(FileWriter *writer, bool keep)
{
    if (writer->descriptor < 0)
        return false;
    if (!writer->file)
        keep = (close(writer->descriptor) == 0 || writer_fail(writer, "cannot write")) && keep;
    else if (!keep)
        new_file_drop(writer->file);
    else if (!new_file_commit(writer->file))
        keep = writer_fail(writer, "cannot create the file");
    writer->descriptor = -1;
    return keep;
}
