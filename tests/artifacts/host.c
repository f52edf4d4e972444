/* SPDX-License-Identifier: Apache-2.0
 *
 * A host of two compiled models, dense and found: what they compute, what they answer to callers
 * that break the contract, and that a run allocates nothing. Prints a line for each check.
 */
#include "dense.h"
#include "found.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        bool good = (condition);                                                                   \
        printf("%s: %s\n", good ? "ok" : "WRONG", #condition);                                     \
        failures += !good;                                                                         \
    } while (0)

/* Counts what is asked of the C library. */
static int allocations;
void *__libc_malloc(size_t bytes);
void *malloc(size_t bytes)
{
    allocations++;
    return __libc_malloc(bytes);
}

static char message[200];
static size_t needed;
static const TnRunOptions options = {.size = sizeof options,
                                     .message = message,
                                     .message_bytes = sizeof message,
                                     .arena_needed = &needed};

static TnStatus run_dense(int64_t rows, const float *x, float *y, char *arena, size_t bytes)
{
    dense_inputs inputs = {.x = x, .N = rows};
    dense_outputs outputs = {.y = y};
    message[0] = 0;
    return dense_run(&inputs, &outputs, arena, bytes, &options);
}

static void check_dense(char *arena)
{
    float x[15], y[20];
    for (int i = 0; i < 15; i++)
        x[i] = (float)(i % 7) - 2;
    for (int64_t rows = 0; rows <= 5; rows++) {
        bool good = run_dense(rows, x, y, arena, dense_arena_bytes(1, rows)) == TN_OK;
        for (int64_t i = 0; i < rows * 4; i++) {
            float sum = 0;
            for (int k = 0; k < 3; k++)
                sum += x[i / 4 * 3 + k] * (float)(k * 4 + i % 4 + 1);
            good = good && y[i] == (sum > 0 ? sum : 0);
        }
        printf("%s: dense of %d rows\n", good ? "ok" : "WRONG", (int)rows);
        failures += !good;
    }
    size_t enough = dense_arena_bytes(1, 5);
    CHECK(run_dense(5, x, y, arena, 100) == TN_ARENA_TOO_SMALL && needed > 100);
    CHECK(run_dense(5, x, y, arena, enough) == TN_OK);
    CHECK(run_dense(5, x, y, NULL, 0) == TN_ARENA_TOO_SMALL);
    CHECK(run_dense(5, x, y, arena + 4, enough) == TN_BAD_ARGUMENT && strstr(message, "aligned"));
    CHECK(run_dense(-1, x, y, arena, enough) == TN_BAD_ARGUMENT && strstr(message, "size N is -1"));
    CHECK(run_dense(5, NULL, y, arena, enough) == TN_BAD_ARGUMENT && strstr(message, "'x'"));
    CHECK(dense_run(NULL, NULL, arena, enough, NULL) == TN_BAD_ARGUMENT);
    CHECK(run_dense(2, x, NULL, arena, enough) == TN_OK);
}

static void check_found(char *arena, size_t bytes)
{
    float x[8] = {0, 1, 0, 2, 0, 0, 3, 0}, twice[8];
    int64_t at[8];
    found_inputs inputs = {.x = x};
    found_outputs outputs = {.at = at, .at_bytes = sizeof at, .twice = twice};
    CHECK(found_run(&inputs, &outputs, arena, bytes, &options) == TN_OK);
    CHECK(outputs.at_dims[0] == 1 && outputs.at_dims[1] == 3);
    CHECK(at[0] == 1 && at[1] == 3 && at[2] == 6 && twice[6] == 6);
    outputs = (found_outputs){.at = at, .at_bytes = 8};
    CHECK(found_run(&inputs, &outputs, arena, bytes, &options) == TN_BAD_ARGUMENT);
    outputs = (found_outputs){0};
    CHECK(found_run(&inputs, &outputs, arena, bytes, &options) == TN_OK && outputs.at[2] == 6);
    CHECK((char *)outputs.at > arena && (char *)outputs.at < arena + bytes);
}

int main(void)
{
    static _Alignas(64) char arena[1 << 18];
    setvbuf(stdout, NULL, _IONBF, 0);
    CHECK(FOUND_ARENA_BYTES <= sizeof arena && dense_arena_bytes(1, 5) <= sizeof arena);
    allocations = 0;
    check_dense(arena);
    check_found(arena, sizeof arena);
    CHECK(allocations == 0);
    CHECK(!memcmp(dense_model.magic, "TNMODEL", 8) && dense_model.abi == TN_ARTIFACT_ABI);
    CHECK(dense_model.input_count == 1 && !strcmp(dense_model.inputs[0].type, "float[N, 3]"));
    return failures != 0;
}
