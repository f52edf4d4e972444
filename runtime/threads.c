/* SPDX-License-Identifier: Apache-2.0
 *
 * A pool of threads for hosts that have none.
 *
 * A job is opened by publishing its number. A worker that sees it joins (`active`) and works; the
 * caller does the same, closes the job and waits for those who joined, but never for one that the
 * system has not woken or scheduled yet.
 *
 * Waiting spins for some microseconds, then sleeps on a futex. Both matter: a futex alone costs
 * more than most kernels take, and who spins for ever on one processor keeps the system from moving
 * a thread there whose own processor somebody else has taken.
 */
#include "runtime/threads.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    IDLE_SPIN_NS = 200 * 1000,   /* of a worker without a job: the next one often is near */
    BARRIER_SPIN_NS = 50 * 1000, /* within a job */
};

typedef struct Worker {
    struct ThreadPool *pool;
    int index;
    pthread_t thread;
} Worker;

struct ThreadPool {
    /* The number of the open job; 0 while none is open. Futex of the workers. */
    _Atomic uint32_t open;
    _Atomic uint32_t sleepers, active; /* active: futex of the caller */
    atomic_bool stop;
    uint32_t serial;
    ThreadWork *work;
    void *context;
    int thread_count, started;
    Worker workers[];
};

/* ---- Waiting ----------------------------------------------------------------------------- */

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
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

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Spins; false once it has taken too long. *begin is 0 at first. */
static bool spin(int64_t *begin, int64_t most_ns)
{
    enum { TURNS = 32 };
    for (int i = 0; i < TURNS; i++)
        relax();
    if (!*begin)
        *begin = now();
    return now() - *begin < most_ns;
}

void thread_count_up(ThreadCount *count, uint32_t awaited)
{
    if (atomic_fetch_add(&count->value, 1) + 1 == awaited && atomic_load(&count->sleepers) > 0)
        futex_wake(&count->value);
}

void thread_wait(ThreadCount *count, uint32_t value)
{
    int64_t begin = 0;
    while (atomic_load(&count->value) < value)
        if (!spin(&begin, BARRIER_SPIN_NS))
            break;
    if (atomic_load(&count->value) >= value)
        return;
    atomic_fetch_add(&count->sleepers, 1);
    for (uint32_t here; (here = atomic_load(&count->value)) < value;)
        futex_wait(&count->value, here);
    atomic_fetch_sub(&count->sleepers, 1);
}

/* ---- Workers ----------------------------------------------------------------------------- */

/* Waits until `open` differs from `seen`; the new value. */
static uint32_t wait_for_job(ThreadPool *pool, uint32_t seen)
{
    for (;;) {
        int64_t begin = 0;
        do {
            uint32_t open = atomic_load(&pool->open);
            if (open != seen || atomic_load(&pool->stop))
                return open;
        } while (spin(&begin, IDLE_SPIN_NS));
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
        uint32_t open = wait_for_job(pool, seen);
        if (open == 0) {
            seen = 0;
            continue;
        }
        atomic_fetch_add(&pool->active, 1);
        uint32_t still = atomic_load(&pool->open);
        if (still != 0 && !atomic_load(&pool->stop))
            pool->work(pool->context, worker->index);
        seen = still;
        if (atomic_fetch_sub(&pool->active, 1) == 1)
            futex_wake(&pool->active);
    }
    return NULL;
}

void thread_pool_call(ThreadPool *pool, bool wake, ThreadWork *job, void *context)
{
    pool->work = job;
    pool->context = context;
    if (++pool->serial == 0)
        pool->serial = 1;
    atomic_store(&pool->open, pool->serial);
    if (wake && atomic_load(&pool->sleepers) > 0)
        futex_wake(&pool->open);
    job(context, 0);
    atomic_store(&pool->open, 0);
    int64_t begin = 0;
    for (uint32_t active; (active = atomic_load(&pool->active)) != 0;)
        if (!spin(&begin, BARRIER_SPIN_NS))
            futex_wait(&pool->active, active);
}

/* ---- Parallel loops ---------------------------------------------------------------------- */

typedef struct PieceLoop {
    _Atomic int64_t next;
    int64_t count;
    TnPiece *piece;
    void *context;
} PieceLoop;

static void take_pieces(void *context, int worker)
{
    PieceLoop *loop = context;
    for (int64_t i; (i = atomic_fetch_add(&loop->next, 1)) < loop->count;)
        loop->piece(loop->context, i, worker);
}

static void run_pool(void *user, int64_t count, TnPiece *piece, void *context)
{
    PieceLoop loop = {.count = count, .piece = piece, .context = context};
    thread_pool_call(user, true, take_pieces, &loop);
}

/* ---- The pool ---------------------------------------------------------------------------- */

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
    return (Parallel){.run = run_pool, .user = pool, .threads = pool->thread_count, .pool = pool};
}
