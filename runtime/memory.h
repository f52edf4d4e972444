/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory of a run: one arena, given by the caller or the context.
 *
 *   | planned buffers | tail: grows up ->      <- scratch: grows down | scratch of the workers |
 *
 * Nothing here calls malloc. An allocation that does not fit answers NULL and notes how many bytes
 * would have done, so that the caller can come back with a larger arena.
 */
#ifndef RUNTIME_MEMORY_H
#define RUNTIME_MEMORY_H

#include "tenon.h"

enum { MEMORY_ALIGNMENT = 64 };

/* Bytes in whole units of alignment; `bytes` must be well below INT64_MAX. */
static inline int64_t memory_align(int64_t bytes)
{
    return (bytes + MEMORY_ALIGNMENT - 1) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
}

typedef struct HostMemory {
    char *base;
    int64_t tail; /* the first free byte */
    int64_t top;  /* the first byte above the free ones */
    int64_t initial_top;
    int64_t needed;  /* arena bytes that the largest failed allocation asked for; 0: none failed */
    int64_t reserve; /* bytes of the arena that lie above `top` at the start */
    int64_t peak;    /* highest use of tail and scratch together */
} HostMemory;

/* Aligned to 64, not cleared; zero bytes give a valid pointer. */
void *memory_tail(HostMemory *memory, int64_t bytes);
void *memory_scratch(HostMemory *memory, int64_t bytes);
/* a * b * ..., false if it overflows or is negative. */
bool memory_product(int64_t a, int64_t b, int64_t *product);

/* A copy of a tensor with memory of its own at the tail, the bytes of strings included. */
bool memory_copy_tensor(HostMemory *memory, const TnTensor *from, TnTensor *to);
/* A deep copy of a value at the tail, or NULL. */
const TnValue *memory_copy_value(HostMemory *memory, const TnValue *value);
/* Bytes of a tensor's data; -1 if that overflows. */
int64_t memory_tensor_bytes(const TnTensor *tensor);

#endif
