/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory from the host's allocator, or from the C library where the host has none.
 */
#ifndef RUNTIME_ALLOCATOR_H
#define RUNTIME_ALLOCATOR_H

#include "tenon.h"

/* `allocator` may be NULL, and its functions, too: the C library's. Alignment is a power of two, at
 * least that of a pointer. NULL if there is no memory; not cleared. */
void *allocator_take(const TnAllocator *allocator, size_t bytes, size_t alignment);
/* Cleared, aligned for any scalar; NULL also where count * bytes overflows. */
void *allocator_zeroed(const TnAllocator *allocator, size_t count, size_t bytes);
/* `data` may be NULL; `bytes` as they were asked for. */
void allocator_release(const TnAllocator *allocator, void *data, size_t bytes);

#endif
