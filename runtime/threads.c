/* SPDX-License-Identifier: Apache-2.0
 *
 * A pool of threads for hosts that have none.
 *
 * A loop is opened by publishing its number. A worker that sees it joins (`active`), and takes
 * pieces until there are none; the caller does the same, closes the loop and waits for those who
 * joined, but never for one that the system has not woken yet. Waiting spins for a few
 * microseconds, then sleeps on a futex.
 */
#include "runtime/threads.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SPIN_COUNT = 2000 };

typedef struct Worker {
    struct ThreadPool *pool;
    int index;
    pthread_t thread;
} Worker;

struct ThreadPool {
    /* The number of the open loop; 0 while none is open. Futex of the workers. */
    _Atomic uint32_t open;
    _Atomic uint32_t sleepers, active; /* active: futex of the caller */
    _Atomic int64_t next;
    atomic_bool stop;
    uint32_t serial;
    int64_t count;
    TnPiece *piece;
    void *context;
    int thread_count, started;
    Worker workers[];
};

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void futex_wait(_Atomic uint32_t *word, uint32_t expected)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void take_pieces(ThreadPool *pool, int worker)
{
    for (;;) {
        int64_t i = atomic_fetch_add(&pool->next, 1);
        if (i >= pool->count)
            return;
        pool->piece(pool->context, i, worker);
    }
}

/* Waits until `open` differs from `seen`; the new value. */
static uint32_t wait_for_loop(ThreadPool *pool, uint32_t seen)
{
    for (;;) {
        for (int i = 0; i < SPIN_COUNT; i++) {
            uint32_t open = atomic_load(&pool->open);
            if (open != seen || atomic_load(&pool->stop))
                return open;
            relax();
        }
        atomic_fetch_add(&pool->sleepers, 1);
        if (atomic_load(&pool->open) == seen && !atomic_load(&pool->stop))
            futex_wait(&pool->open, seen);
        atomic_fetch_sub(&pool->sleepers, 1);
    }
}

static void *work(void *user)
{
    Worker *worker = user;
    ThreadPool *pool = worker->pool;
    uint32_t seen = 0;
    while (!atomic_load(&pool->stop)) {
        uint32_t open = wait_for_loop(pool, seen);
        if (open == 0) {
            seen = 0;
            continue;
        }
        atomic_fetch_add(&pool->active, 1);
        uint32_t still = atomic_load(&pool->open);
        if (still != 0) {
            take_pieces(pool, worker->index);
            seen = still;
        } else {
            seen = 0;
        }
        if (atomic_fetch_sub(&pool->active, 1) == 1)
            futex_wake(&pool->active);
    }
    return NULL;
}

static void run_pool(void *user, int64_t count, TnPiece *piece, void *context)
{
    ThreadPool *pool = user;
    pool->count = count;
    pool->piece = piece;
    pool->context = context;
    atomic_store(&pool->next, 0);
    if (++pool->serial == 0)
        pool->serial = 1;
    atomic_store(&pool->open, pool->serial);
    if (atomic_load(&pool->sleepers) > 0)
        futex_wake(&pool->open);
    take_pieces(pool, 0);
    atomic_store(&pool->open, 0);
    int spins = 0;
    for (uint32_t active; (active = atomic_load(&pool->active)) != 0;) {
        if (++spins < SPIN_COUNT)
            relax();
        else
            futex_wait(&pool->active, active);
    }
}

ThreadPool *thread_pool_create(int threads)
{
    int extra = threads > 1 ? threads - 1 : 0;
    ThreadPool *pool = calloc(1, sizeof *pool + (size_t)extra * sizeof *pool->workers);
    if (!pool)
        return NULL;
    pool->thread_count = extra + 1;
    for (int i = 0; i < extra; i++) {
        pool->workers[i].pool = pool;
        pool->workers[i].index = i + 1;
        if (pthread_create(&pool->workers[i].thread, NULL, work, &pool->workers[i])) {
            thread_pool_destroy(pool);
            return NULL;
        }
        pool->started++;
    }
    return pool;
}

void thread_pool_destroy(ThreadPool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->stop, true);
    /* A change of the word, so that nobody goes to sleep on the old value. */
    atomic_store(&pool->open, UINT32_MAX);
    futex_wake(&pool->open);
    for (int i = 0; i < pool->started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    free(pool);
}

Parallel thread_pool_parallel(ThreadPool *pool)
{
    if (!pool)
        return (Parallel){.threads = 1};
    return (Parallel){.run = run_pool, .user = pool, .threads = pool->thread_count};
}

/* "max 100000" or "200000 100000": quota and period in microseconds. */
static int cgroup_processors(void)
{
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
    long long quota = 0, period = 0;
    if (!file)
        return INT_MAX;
    int fields = fscanf(file, "%lld %lld", &quota, &period);
    fclose(file);
    if (fields != 2 || quota <= 0 || period <= 0)
        return INT_MAX;
    long long processors = (quota + period - 1) / period;
    return processors < INT_MAX ? (int)processors : INT_MAX;
}

int thread_processors(void)
{
    cpu_set_t set;
    int allowed = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
    int quota = cgroup_processors();
    int processors = allowed < quota ? allowed : quota;
    return processors > 0 ? processors : 1;
}
