/* SPDX-License-Identifier: Apache-2.0
 *
 * A host of `open`, whose results are as large as data wants: memory of the capacities that the
 * header states for N does where all elements are taken, and no less.
 */
#include "open.h"

#include <stdio.h>
#include <stdlib.h>

static TnStatus run(int64_t rows, size_t missing)
{
    size_t bytes = open_arena_bytes(1, rows) + (1 << 20);
    void *arena = aligned_alloc(64, (bytes + 63) / 64 * 64);
    float *x = malloc((size_t)rows * 3 * sizeof *x);
    open_outputs outputs = {.at_bytes = open_at_capacity(rows) - missing,
                            .rows_bytes = open_rows_capacity(rows),
                            .flat_bytes = open_flat_capacity(rows)};
    outputs.at = malloc(open_at_capacity(rows));
    outputs.rows = malloc(outputs.rows_bytes);
    outputs.flat = malloc(outputs.flat_bytes);
    for (int64_t i = 0; i < rows * 3; i++)
        x[i] = (float)(i + 1);
    TnStatus status = open_run(&(open_inputs){.x = x, .N = rows}, &outputs, arena, bytes, NULL);
    if (status == TN_OK &&
        (outputs.at_dims[1] != rows * 3 || outputs.rows_dims[0] != rows ||
         outputs.flat_dims[0] != rows * 3 || outputs.flat[rows * 3 - 1] != (float)(rows * 3)))
        status = TN_INTERNAL;
    free(outputs.at), free(outputs.rows), free(outputs.flat), free(x), free(arena);
    return status;
}

int main(void)
{
    for (int64_t rows = 1; rows < 20; rows += 6)
        if (run(rows, 0) != TN_OK || run(rows, 1) == TN_OK) {
            printf("%d rows: %s, and with a byte less %s\n", (int)rows,
                   tn_status_words(run(rows, 0)), tn_status_words(run(rows, 1)));
            return 1;
        }
    return 0;
}
