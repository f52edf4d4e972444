/* SPDX-License-Identifier: Apache-2.0 */
#include "codegen/artifact/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool fail(Diagnostics *diagnostics, const char *path, int error)
{
    return error_at(diagnostics, (Location){0}, "'%s' cannot be written: %s", path,
                    strerror(error));
}

/* A file of a new name beside `path`; -1 and errno on failure. */
static int create(Arena *arena, OutputFile *file)
{
    int descriptor = -1;
    for (int i = 0; i < 100 && descriptor < 0; i++) {
        file->temporary = arena_format(arena, "%s.%d-%d", file->path, (int)getpid(), i);
        descriptor = open(file->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (descriptor < 0 && errno != EEXIST)
            break;
    }
    if (descriptor < 0)
        file->temporary = NULL;
    return descriptor;
}

bool output_open(Arena *arena, OutputFile *file, const char *path, size_t bytes,
                 Diagnostics *diagnostics)
{
    *file = (OutputFile){.path = path, .bytes = bytes};
    int descriptor = create(arena, file);
    if (descriptor < 0)
        return fail(diagnostics, path, errno);
    /* Room on the disk now: a mapped file that cannot grow would end the process. */
    int error = bytes ? posix_fallocate(descriptor, 0, (off_t)bytes) : 0;
    void *memory = MAP_FAILED;
    if (!error && bytes) {
        memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
        error = memory == MAP_FAILED ? errno : 0;
    }
    close(descriptor);
    if (!error) {
        file->memory = bytes ? memory : NULL;
        return true;
    }
    output_drop(file, 1);
    return fail(diagnostics, path, error);
}

bool output_text(Arena *arena, OutputFile *file, const char *path, const char *text, size_t bytes,
                 Diagnostics *diagnostics)
{
    if (!output_open(arena, file, path, bytes, diagnostics))
        return false;
    if (bytes)
        memcpy(file->memory, text, bytes);
    return true;
}

static void unmap(OutputFile *file)
{
    if (file->memory)
        munmap(file->memory, file->bytes);
    file->memory = NULL;
}

bool output_commit(OutputFile *files, int count, Diagnostics *diagnostics)
{
    for (int i = 0; i < count; i++) {
        unmap(&files[i]);
        if (rename(files[i].temporary, files[i].path)) {
            int error = errno;
            output_drop(files + i, count - i);
            return fail(diagnostics, files[i].path, error);
        }
        files[i].temporary = NULL;
    }
    return true;
}

void output_drop(OutputFile *files, int count)
{
    for (int i = 0; i < count; i++) {
        unmap(&files[i]);
        if (files[i].temporary)
            unlink(files[i].temporary);
        files[i].temporary = NULL;
    }
}
