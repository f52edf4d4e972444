/* SPDX-License-Identifier: Apache-2.0 */
#include "ir/support/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MODE = 0666, MOST_TRIES = 100 };

/* ---- Without a name ---------------------------------------------------------------------- */

/* The way to an open file that has no name. */
typedef struct SelfPath {
    char text[40];
} SelfPath;

static SelfPath self_path(int descriptor)
{
    SelfPath path;
    snprintf(path.text, sizeof path.text, "/proc/self/fd/%d", descriptor);
    return path;
}

/* A file without a name that can be given one later; or -1. */
static int open_nameless(Arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *folder = slash ? arena_string(arena, path, (size_t)(slash + 1 - path)) : ".";
    int descriptor = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, MODE);
    if (descriptor >= 0 && access(self_path(descriptor).text, F_OK) != 0) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}

static bool link_as(const NewFile *file, const char *name)
{
    SelfPath self = self_path(file->descriptor);
    return linkat(AT_FDCWD, self.text, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0;
}

/* The name is taken: an instant under another one, then in its place. Others may do the same at the
 * same time, and take the other name away or leave it behind: then once more. */
static bool replace(const NewFile *file, const char *between)
{
    for (int i = 0; i < MOST_TRIES; i++) {
        if (!link_as(file, between)) {
            if (errno != EEXIST)
                return false;
            unlink(between);
        } else if (rename(between, file->path) == 0) {
            unlink(between); /* rename() leaves it where both names are this file's already */
            return true;
        } else if (errno != ENOENT) {
            int error = errno;
            unlink(between);
            errno = error;
            return false;
        }
    }
    return false;
}

static bool give_name(const NewFile *file)
{
    char between[4096];
    int length = snprintf(between, sizeof between, "%s.new", file->path);
    if (link_as(file, file->path))
        return true;
    if (errno != EEXIST)
        return false;
    if (length >= (int)sizeof between) {
        errno = ENAMETOOLONG;
        return false;
    }
    return replace(file, between);
}

/* ---- With one ---------------------------------------------------------------------------- */

/* Whether the name is that of the open file, which is ours alone. */
static bool is_ours(int descriptor, const char *name)
{
    struct stat open_file, named;
    return fstat(descriptor, &open_file) == 0 && lstat(name, &named) == 0 &&
           open_file.st_ino == named.st_ino && open_file.st_dev == named.st_dev &&
           S_ISREG(named.st_mode) && named.st_nlink == 1 && named.st_uid == geteuid();
}

static int open_named(Arena *arena, const char *path, const char **name)
{
    int descriptor = -1;
    for (int i = 0; i < MOST_TRIES && descriptor < 0; i++) {
        *name =
            i ? arena_format(arena, "%s.part%d", path, i) : arena_format(arena, "%s.part", path);
        descriptor = open(*name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, MODE);
        if (descriptor < 0 && errno != EACCES && errno != ELOOP && errno != EISDIR)
            return -1;
        if (descriptor >= 0 && (flock(descriptor, LOCK_EX | LOCK_NB) != 0 ||
                                !is_ours(descriptor, *name) || ftruncate(descriptor, 0) != 0)) {
            close(descriptor);
            descriptor = -1;
            errno = EBUSY;
        }
    }
    return descriptor;
}

/* The lock is held until the name is another. Such files may be far away: what went wrong with
 * writing shows when it is waited for. */
static bool change_name(const NewFile *file)
{
    return fsync(file->descriptor) == 0 && rename(file->temporary, file->path) == 0;
}

/* ---- Life -------------------------------------------------------------------------------- */

void new_file_drop(NewFile *file)
{
    if (file->descriptor < 0)
        return;
    if (file->temporary)
        unlink(file->temporary);
    close(file->descriptor);
    file->descriptor = -1;
}

static void drop_deferred(void *file)
{
    new_file_drop(file);
}

NewFile *new_file_open(Arena *arena, const char *path)
{
    NewFile *file = ARENA_NEW(arena, NewFile);
    *file = (NewFile){.path = arena_string(arena, path, strlen(path)), .descriptor = -1};
    arena_defer(arena, drop_deferred, file);
    file->descriptor = open_nameless(arena, path);
    if (file->descriptor < 0)
        file->descriptor = open_named(arena, path, &file->temporary);
    return file->descriptor < 0 ? NULL : file;
}

bool new_file_commit(NewFile *file)
{
    bool done = file->temporary ? change_name(file) : give_name(file);
    int error = errno;
    if (done)
        file->temporary = NULL;
    new_file_drop(file);
    errno = error;
    return done;
}
