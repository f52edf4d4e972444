/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs in memory of their own, which grows as it is needed.
 */
#include "runtime/run_internal.h"

#include "runtime/allocator.h"

#include <time.h>

static int64_t clock_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void release_arena(Run *run)
{
    if (run->grow)
        allocator_release(&run->allocator, run->arena, (size_t)run->arena_bytes);
    run->arena = NULL;
    run->arena_bytes = 0;
}

static TnStatus grow(Run *run, int64_t bytes)
{
    release_arena(run);
    if (bytes > INT64_MAX - MEMORY_ALIGNMENT)
        bytes = INT64_MAX - MEMORY_ALIGNMENT;
    bytes = memory_align(bytes);
    run->arena = allocator_take(&run->allocator, (size_t)bytes, MEMORY_ALIGNMENT);
    if (!run->arena)
        return run_fail(run, TN_OUT_OF_MEMORY, NULL, "no memory for an arena of %lld bytes",
                        (long long)bytes);
    run->arena_bytes = bytes;
    return TN_OK;
}

/* The run, and its tables behind it. */
enum { HEAD_BYTES = (sizeof(Run) + 15) / 16 * 16 };

/* Pointers of the phase with most of them, in whole lines: each thread writes its own. */
static size_t team_stride(const Program *program)
{
    enum { LINE = 64 / sizeof(void *) };
    size_t most = ((size_t)program->pointer_count + LINE) / LINE * LINE;
    for (int32_t i = 0; i < program->special_count; i++) {
        size_t special = team_stride(program->specials[i].program);
        most = special > most ? special : most;
    }
    return most;
}

Run *run_create_with(const TnAllocator *allocator, const Program *program, Parallel parallel)
{
    size_t tables = (size_t)run_table_bytes(program), stride = team_stride(program);
    size_t team = parallel.pool ? stride * (size_t)parallel.threads * sizeof(void *) : 0;
    size_t before = (HEAD_BYTES + tables + 63) / 64 * 64, bytes = before + team;
    Run *run = allocator_take(allocator, bytes, 64);
    if (!run)
        return NULL;
    run_open(run, program, parallel, (char *)run + HEAD_BYTES);
    run->bytes = bytes;
    if (parallel.pool) {
        run->together = run_together;
        run->team_stride = stride;
        run->team_pointers = (void **)(void *)((char *)run + before);
    }
    run->allocator = allocator ? *allocator : (TnAllocator){0};
    run->grow = grow;
    run->clock = clock_now;
    return run;
}

Run *run_create(const Program *program, Parallel parallel)
{
    return run_create_with(NULL, program, parallel);
}

void run_destroy(Run *run)
{
    if (!run)
        return;
    const TnAllocator allocator = run->allocator;
    release_arena(run);
    allocator_release(&allocator, run, run->bytes);
}

void run_set_arena(Run *run, void *arena, int64_t bytes)
{
    release_arena(run);
    run->grow = arena ? NULL : grow;
    run_use_arena(run, arena, bytes);
}
