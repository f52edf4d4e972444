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

typedef struct Parallel {
    TnParallelFor *run; /* NULL: one piece after the other, on the calling thread */
    void *user;
    int threads; /* at least 1 */
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

typedef struct ThreadPool ThreadPool;

/* threads - 1 workers beside the caller; NULL if they cannot be started. One loop at a time: a pool
 * belongs to one calling thread. */
ThreadPool *thread_pool_create(int threads);
void thread_pool_destroy(ThreadPool *pool);      /* accepts NULL */
Parallel thread_pool_parallel(ThreadPool *pool); /* NULL: the calling thread alone */
int thread_processors(void); /* that this process may use, cgroup quota included */

#endif
