/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/allocator.h"

#include <stdlib.h>
#include <string.h>

void *allocator_take(const TnAllocator *allocator, size_t bytes, size_t alignment)
{
    if (allocator && allocator->allocate)
        return allocator->allocate(allocator->user, bytes, alignment);
    if (bytes > SIZE_MAX - alignment)
        return NULL;
    return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

void *allocator_zeroed(const TnAllocator *allocator, size_t count, size_t bytes)
{
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total))
        return NULL;
    void *data = allocator_take(allocator, total, _Alignof(max_align_t));
    return data ? memset(data, 0, total) : NULL;
}

void allocator_release(const TnAllocator *allocator, void *data, size_t bytes)
{
    if (!data)
        return;
    if (allocator && allocator->allocate)
        allocator->release(allocator->user, data, bytes);
    else
        free(data);
}
