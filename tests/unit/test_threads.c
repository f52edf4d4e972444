/* SPDX-License-Identifier: Apache-2.0
 *
 * The pool of threads: each piece once, workers apart, many short loops, ends at any time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum { PIECES = 1000, WORKERS = 8 };

typedef struct Tally {
    atomic_int done[PIECES];
    atomic_int busy[WORKERS];
    atomic_int wrong;
    int64_t plain[PIECES]; /* written without atomics: the loop's end must publish it */
    int threads;
} Tally;

static void count_piece(void *context, int64_t piece, int worker)
{
    Tally *tally = context;
    if (worker < 0 || worker >= tally->threads || atomic_fetch_add(&tally->busy[worker], 1) != 0)
        atomic_fetch_add(&tally->wrong, 1);
    atomic_fetch_add(&tally->done[piece], 1);
    tally->plain[piece] += piece;
    atomic_fetch_sub(&tally->busy[worker], 1);
}

static Tally tally;

static void test_each_piece_once(void **state)
{
    (void)state;
    for (int threads = 1; threads <= WORKERS; threads++) {
        ThreadPool *pool = thread_pool_create(threads);
        assert_non_null(pool);
        Parallel parallel = thread_pool_parallel(pool);
        assert_int_equal(parallel.threads, threads);
        memset(&tally, 0, sizeof tally);
        tally.threads = threads;
        parallel_run(&parallel, PIECES, count_piece, &tally);
        for (int i = 0; i < PIECES; i++) {
            assert_int_equal(atomic_load(&tally.done[i]), 1);
            assert_int_equal(tally.plain[i], i);
        }
        assert_int_equal(atomic_load(&tally.wrong), 0);
        thread_pool_destroy(pool);
    }
}

/* Back to back, and with pauses that let the workers fall asleep. */
static void test_many_short_loops(void **state)
{
    (void)state;
    enum { LOOPS = 3000, SHORT = 5 };
    ThreadPool *pool = thread_pool_create(3);
    Parallel parallel = thread_pool_parallel(pool);
    memset(&tally, 0, sizeof tally);
    tally.threads = 3;
    for (int i = 0; i < LOOPS; i++) {
        parallel_run(&parallel, SHORT, count_piece, &tally);
        if (i % 300 == 0)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    for (int i = 0; i < SHORT; i++)
        assert_int_equal(tally.plain[i], (int64_t)LOOPS * i);
    assert_int_equal(atomic_load(&tally.wrong), 0);
    thread_pool_destroy(pool);
}

static void test_no_loop_at_all(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++)
        thread_pool_destroy(thread_pool_create(1 + i % 4));
    thread_pool_destroy(NULL);
    Parallel alone = thread_pool_parallel(NULL);
    memset(&tally, 0, sizeof tally);
    tally.threads = 1;
    parallel_run(&alone, 10, count_piece, &tally);
    parallel_run(&alone, 0, count_piece, &tally);
    assert_int_equal(tally.plain[9], 9);
    assert_int_equal(atomic_load(&tally.wrong), 0);
}

static void test_processors(void **state)
{
    cpu_set_t all, one;
    (void)state;
    assert_true(thread_processors() >= 1);
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    int first = 0;
    while (!CPU_ISSET(first, &all))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(thread_processors(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

/* What another thread wrote before it counted up is seen after the wait, round after round. */
typedef struct Rounds {
    ThreadCount count;
    int64_t sums[2];
    atomic_int wrong, numbers;
} Rounds;

static void meet(Rounds *r, uint32_t *met)
{
    *met += 2;
    thread_count_up(&r->count, *met);
    thread_wait(&r->count, *met);
}

static void *go_rounds(void *user)
{
    enum { ROUNDS = 300 };
    Rounds *r = user;
    int own = atomic_fetch_add(&r->numbers, 1);
    uint32_t met = 0;
    for (int round = 1; round <= ROUNDS; round++) {
        if (round % 100 == 0 && own == 1) /* long enough for the other one to fall asleep */
            nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        r->sums[own] += round;
        meet(r, &met);
        if (r->sums[1 - own] != r->sums[own])
            atomic_fetch_add(&r->wrong, 1);
        meet(r, &met);
    }
    return NULL;
}

static void test_waiting(void **state)
{
    (void)state;
    static Rounds rounds;
    pthread_t other;
    assert_int_equal(pthread_create(&other, NULL, go_rounds, &rounds), 0);
    go_rounds(&rounds);
    pthread_join(other, NULL);
    assert_int_equal(atomic_load(&rounds.wrong), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_piece_once), cmocka_unit_test(test_many_short_loops),
        cmocka_unit_test(test_no_loop_at_all),  cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_processors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
