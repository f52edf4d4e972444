/* SPDX-License-Identifier: Apache-2.0
 *
 * Parallel loops. The library starts no thread unless the host asks: a run gets a Parallel from its
 * host, which is a pool made here or the host's own.
 *
 * A loop is cut into fixed pieces, which do not depend on the number of threads; workers take
 * pieces as they become free. Every piece writes its own part of the results, so bits depend on
 * neither.
 */
#ifndef RUNTIME_THREADS_H
#define RUNTIME_THREADS_H

#include "tenon.h"

#include <stdatomic.h>

typedef struct ThreadPool ThreadPool;

typedef struct Parallel {
    TnParallelFor *run; /* NULL: one piece after the other, on the calling thread */
    void *user;
    int threads;      /* at least 1 */
    ThreadPool *pool; /* the one behind `run`, if it was made here; or NULL */
} Parallel;

static inline void parallel_run(const Parallel *parallel, int64_t count, TnPiece *piece,
                                void *context)
{
    if (parallel->run && parallel->threads > 1 && count > 1)
        parallel->run(parallel->user, count, piece, context);
    else
        for (int64_t i = 0; i < count; i++)
            piece(context, i, 0);
}

/* threads - 1 workers beside the caller; NULL if they cannot be started. One loop or call at a
 * time: a pool belongs to one calling thread. */
ThreadPool *thread_pool_create(int threads);
void thread_pool_destroy(ThreadPool *pool);      /* accepts NULL */
Parallel thread_pool_parallel(ThreadPool *pool); /* NULL: the calling thread alone */

/* What each thread does once in a call. */
typedef void ThreadWork(void *context, int worker);
/* Calls work(context, 0) on the caller, and work(context, i) on those workers that come while the
 * caller is at it; returns when all calls have ended. wake: fetch those that sleep, too. Work must
 * not rely on anybody else to come. */
void thread_pool_call(ThreadPool *pool, bool wake, ThreadWork *work, void *context);

/* How much is done, to wait for; zeroed at first. */
typedef struct ThreadCount {
    _Atomic uint32_t value, sleepers;
} ThreadCount;

/* awaited: the value that others wait for, or will. */
void thread_count_up(ThreadCount *count, uint32_t awaited);
/* Until the count is at least `value`. What was written before it was counted up is seen. */
void thread_wait(ThreadCount *count, uint32_t value);

/* ---- processors.c ------------------------------------------------------------------------ */

/* Processors that this process may use: its affinity mask, and the quota of its control groups,
 * rounded up. */
int thread_processors(void);

#endif
