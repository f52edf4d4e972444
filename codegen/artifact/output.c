/* SPDX-License-Identifier: Apache-2.0 */
#include "codegen/artifact/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

static bool fail(Diagnostics *diagnostics, const char *path, int error)
{
    return error_at(diagnostics, (Location){0}, "'%s' cannot be written: %s", path,
                    strerror(error));
}

bool output_open(Arena *arena, OutputFile *file, const char *path, size_t bytes,
                 Diagnostics *diagnostics)
{
    *file = (OutputFile){.path = path, .bytes = bytes, .file = new_file_open(arena, path)};
    if (!file->file)
        return fail(diagnostics, path, errno);
    int descriptor = file->file->descriptor;
    /* Room on the disk now: a mapped file that cannot grow would end the process. */
    int error = bytes ? posix_fallocate(descriptor, 0, (off_t)bytes) : 0;
    void *memory = MAP_FAILED;
    if (!error && bytes) {
        memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
        error = memory == MAP_FAILED ? errno : 0;
    }
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
        if (!new_file_commit(files[i].file)) {
            int error = errno;
            output_drop(files + i, count - i);
            return fail(diagnostics, files[i].path, error);
        }
    }
    return true;
}

void output_drop(OutputFile *files, int count)
{
    for (int i = 0; i < count; i++) {
        unmap(&files[i]);
        if (files[i].file)
            new_file_drop(files[i].file);
    }
}
