/* SPDX-License-Identifier: Apache-2.0
 *
 * See failing.h. Calls may come from several threads.
 */
#include "failing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static Failing state;
static _Atomic int64_t calls, live;

static int64_t open_files(void)
{
    int64_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

void failing_begin(int64_t fail_at, bool fail_after)
{
    state = (Failing){.fail_at = fail_at, .fail_after = fail_after, .live_files = open_files()};
    calls = 0;
    live = 0;
}

Failing failing_end(void)
{
    Failing result = state;
    result.calls = calls;
    result.live = live;
    result.live_files = open_files() - state.live_files;
    state.fail_at = 0;
    return result;
}

static bool fails(bool is_file)
{
    int64_t call = atomic_fetch_add(&calls, 1) + 1;
    bool now = state.fail_at && (state.fail_after ? call >= state.fail_at : call == state.fail_at);
    if (now && call == state.fail_at) {
        state.has_failed = true;
        state.was_a_file = is_file;
    }
    if (now)
        errno = is_file ? EMFILE : ENOMEM;
    return now;
}

static void *counted(void *block)
{
    live += block != NULL;
    return block;
}

void *failing_malloc(size_t bytes);
void *failing_calloc(size_t count, size_t bytes);
void *failing_realloc(void *block, size_t bytes);
void *failing_aligned_alloc(size_t alignment, size_t bytes);
int failing_posix_memalign(void **block, size_t alignment, size_t bytes);
char *failing_strdup(const char *text);
void failing_free(void *block);
void *failing_mmap(void *at, size_t bytes, int protection, int flags, int file, off_t offset);
int failing_munmap(void *at, size_t bytes);
int failing_open(const char *path, int flags, ...);
FILE *failing_fopen(const char *path, const char *mode);
int failing_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                           void *(*start)(void *), void *user);

void *failing_malloc(size_t bytes)
{
    return fails(false) ? NULL : counted(malloc(bytes));
}

void *failing_calloc(size_t count, size_t bytes)
{
    return fails(false) ? NULL : counted(calloc(count, bytes));
}

void *failing_realloc(void *block, size_t bytes)
{
    if (fails(false))
        return NULL;
    void *moved = realloc(block, bytes);
    live += !block && moved;
    return moved;
}

void *failing_aligned_alloc(size_t alignment, size_t bytes)
{
    return fails(false) ? NULL : counted(aligned_alloc(alignment, bytes));
}

int failing_posix_memalign(void **block, size_t alignment, size_t bytes)
{
    int problem = fails(false) ? ENOMEM : posix_memalign(block, alignment, bytes);
    live += problem == 0;
    return problem;
}

char *failing_strdup(const char *text)
{
    return fails(false) ? NULL : counted(strdup(text));
}

void failing_free(void *block)
{
    live -= block != NULL;
    free(block);
}

void *failing_mmap(void *at, size_t bytes, int protection, int flags, int file, off_t offset)
{
    void *data = fails(false) ? MAP_FAILED : mmap(at, bytes, protection, flags, file, offset);
    live += data != MAP_FAILED;
    return data;
}

int failing_munmap(void *at, size_t bytes)
{
    live--;
    return munmap(at, bytes);
}

int failing_open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    bool has_mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
    unsigned mode = has_mode ? va_arg(list, unsigned) : 0;
    va_end(list);
    return fails(true) ? -1 : open(path, flags, mode);
}

FILE *failing_fopen(const char *path, const char *mode)
{
    return fails(true) ? NULL : fopen(path, mode);
}

int failing_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                           void *(*start)(void *), void *user)
{
    return fails(false) ? EAGAIN : pthread_create(thread, attributes, start, user);
}
