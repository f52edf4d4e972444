/* SPDX-License-Identifier: Apache-2.0
 *
 * What one core of this machine can do at most: GFLOP/s of float multiply-adds that wait for
 * nothing (16 independent sums), GB/s of reading 256 MiB, the best of many passes. Build with -O3
 * -march=native; prints one JSON object.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(__AVX512F__)
enum { LANES = 16, SUMS = 16 };
#elif defined(__AVX__)
enum { LANES = 8, SUMS = 12 };
#else
enum { LANES = 4, SUMS = 12 };
#endif

typedef float Vector __attribute__((vector_size(LANES * 4)));

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double multiply_adds(float factor)
{
    enum { STEPS = 1000000 };
    Vector sums[SUMS], by = factor - (Vector){0};
    for (int i = 0; i < SUMS; i++)
        sums[i] = by * (float)i;
    double begin = now();
    for (int step = 0; step < STEPS; step++)
#pragma GCC unroll 16
        for (int i = 0; i < SUMS; i++)
            sums[i] = sums[i] * by + by;
    double seconds = now() - begin, flops = 2.0 * LANES * SUMS * STEPS;
    volatile float keep = 0;
    for (int i = 0; i < SUMS; i++)
        keep += sums[i][0];
    return flops / seconds * 1e-9;
}

static double reads(const Vector *data, size_t count)
{
    Vector sums[8] = {{0}};
    double begin = now();
    for (size_t i = 0; i < count; i += 8)
#pragma GCC unroll 8
        for (size_t j = 0; j < 8; j++)
            sums[j] += data[i + j];
    double seconds = now() - begin;
    volatile float keep = 0;
    for (int j = 0; j < 8; j++)
        keep += sums[j][0];
    return (double)(count * sizeof *data) / seconds * 1e-9;
}

int main(int argc, char **argv)
{
    size_t bytes = (size_t)256 << 20, count = bytes / sizeof(Vector);
    Vector *data = aligned_alloc(64, bytes);
    double gflops = 0, gbytes = 0;
    if (!data)
        return 1;
    for (size_t i = 0; i < count; i++)
        data[i] = (Vector){0} + (float)argc;
    (void)argv;
    for (int pass = 0; pass < 20; pass++) {
        double f = multiply_adds(0.5f + (float)argc * 1e-3f), g = reads(data, count);
        gflops = f > gflops ? f : gflops;
        gbytes = g > gbytes ? g : gbytes;
    }
    printf("{\"gflops\": %.1f, \"gbytes\": %.1f}\n", gflops, gbytes);
    free(data);
    return 0;
}
