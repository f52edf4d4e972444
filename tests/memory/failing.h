/* SPDX-License-Identifier: Apache-2.0
 *
 * An allocator that fails on demand, in front of the system's. A copy of the library is linked
 * with its calls of malloc, mmap, open, pthread_create and their like renamed to these functions
 * (renamed.txt), so that what fails is the library's own, never LLVM's or the C library's.
 */
#ifndef TESTS_MEMORY_FAILING_H
#define TESTS_MEMORY_FAILING_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Failing {
    int64_t fail_at;    /* the number of the call that fails, from 1; 0: none */
    bool fail_after;    /* and all after it */
    int64_t calls;      /* so far */
    bool has_failed;    /* the call was reached */
    bool was_a_file;    /* it was open() */
    int64_t live;       /* blocks and mappings that are not released */
    int64_t live_files; /* descriptors open in the process */
} Failing;

/* Starts to count anew. */
void failing_begin(int64_t fail_at, bool fail_after);
Failing failing_end(void);

#endif
