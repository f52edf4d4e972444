/* SPDX-License-Identifier: Apache-2.0
 *
 * The tail and the scratch of a run's arena: two bump allocators that grow towards each other.
 */
#include "runtime/memory.h"

#include "runtime/element.h"

#include <string.h>

bool memory_product(int64_t a, int64_t b, int64_t *product)
{
    return a >= 0 && b >= 0 && !__builtin_mul_overflow(a, b, product);
}

int64_t memory_tensor_bytes(const TnTensor *tensor)
{
    int64_t bytes = (int64_t)element_bytes(tensor->element);
    bool is_empty = false, fits = true;
    for (int d = 0; d < tensor->rank; d++) {
        if (tensor->dims[d] < 0)
            return -1;
        is_empty |= tensor->dims[d] == 0;
        fits = fits && memory_product(bytes, tensor->dims[d], &bytes);
    }
    return is_empty ? 0 : fits ? bytes : -1;
}

/* Notes what the arena would have needed for `bytes` more. */
static void *refuse(HostMemory *memory, int64_t bytes)
{
    int64_t used = memory->tail + memory->reserve, needed;
    if (__builtin_add_overflow(used, bytes, &needed))
        needed = INT64_MAX;
    if (needed > memory->needed)
        memory->needed = needed;
    return NULL;
}

static bool round_up(int64_t bytes, int64_t *rounded)
{
    if (bytes < 0 || bytes > INT64_MAX - MEMORY_ALIGNMENT)
        return false;
    *rounded = memory_align(bytes);
    return true;
}

static void note_peak(HostMemory *memory)
{
    int64_t used = memory->tail + (memory->initial_top - memory->top);
    if (used > memory->peak)
        memory->peak = used;
}

void *memory_tail(HostMemory *memory, int64_t bytes)
{
    int64_t rounded;
    if (!round_up(bytes, &rounded))
        return refuse(memory, INT64_MAX);
    if (rounded > memory->top - memory->tail)
        return refuse(memory, rounded + (memory->initial_top - memory->top));
    void *result = memory->base + memory->tail;
    memory->tail += rounded;
    note_peak(memory);
    return result;
}

void *memory_scratch(HostMemory *memory, int64_t bytes)
{
    int64_t rounded;
    if (!round_up(bytes, &rounded))
        return refuse(memory, INT64_MAX);
    if (rounded > memory->top - memory->tail)
        return refuse(memory, rounded + (memory->initial_top - memory->top));
    memory->top -= rounded;
    note_peak(memory);
    return memory->base + memory->top;
}

static bool copy_strings(HostMemory *memory, const TnTensor *from, TnString *to)
{
    const TnString *strings = from->data;
    int64_t count = memory_tensor_bytes(from) / (int64_t)sizeof *strings, bytes = 0;
    for (int64_t i = 0; i < count; i++)
        bytes += strings[i].length;
    char *text = memory_tail(memory, bytes);
    if (!text)
        return false;
    for (int64_t i = 0; i < count; i++) {
        if (strings[i].length)
            memcpy(text, strings[i].data, (size_t)strings[i].length);
        to[i] = (TnString){text, strings[i].length};
        text += strings[i].length;
    }
    return true;
}

bool memory_copy_tensor(HostMemory *memory, const TnTensor *from, TnTensor *to)
{
    int64_t bytes = memory_tensor_bytes(from);
    *to = *from;
    to->data = memory_tail(memory, bytes);
    if (!to->data)
        return false;
    if (from->element == TN_STRING)
        return copy_strings(memory, from, to->data);
    if (bytes)
        memcpy(to->data, from->data, (size_t)bytes);
    return true;
}

const TnValue *memory_copy_value(HostMemory *memory, const TnValue *value)
{
    TnValue *copy = memory_tail(memory, sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *value;
    if (value->kind == TN_TENSOR)
        return memory_copy_tensor(memory, &value->tensor, &copy->tensor) ? copy : NULL;
    const TnValue **items = memory_tail(memory, value->count * (int64_t)sizeof *items);
    if (!items)
        return NULL;
    for (int64_t i = 0; i < value->count; i++) {
        items[i] = memory_copy_value(memory, value->items[i]);
        if (!items[i])
            return NULL;
    }
    copy->items = items;
    return copy;
}
