/* SPDX-License-Identifier: Apache-2.0
 *
 * Constants. Borrowed bytes may be unaligned, so single elements are copied out before they are
 * read.
 */
#include "ir/graph/constant.h"
#include "runtime/strings.h"

#include <assert.h>
#include <string.h>

size_t constant_bytes(const Constant *constant)
{
    return (size_t)constant->count * element_bytes(constant->element);
}

/* The number of elements, -1 if it or the bytes overflow. */
static int64_t count_elements(TnElementType element, int rank, const int64_t *dims)
{
    int64_t count = 1, bytes;
    for (int d = 0; d < rank; d++)
        if (dims[d] < 0 || __builtin_mul_overflow(count, dims[d], &count))
            return -1;
    if (__builtin_mul_overflow(count, (int64_t)element_bytes(element), &bytes))
        return -1;
    return count;
}

Constant *constant_create(Arena *arena, TnElementType element, int rank, const int64_t *dims,
                          const void *data)
{
    assert(rank <= MAX_RANK);
    int64_t count = count_elements(element, rank, dims);
    if (count < 0)
        return NULL;
    Constant *constant = ARENA_NEW(arena, Constant);
    constant->element = element;
    constant->rank = rank;
    for (int d = 0; d < rank; d++)
        constant->dims[d] = dims[d];
    constant->count = count;
    constant->data = data;
    return constant;
}

Constant *constant_try(Arena *arena, TnElementType element, int rank, const int64_t *dims,
                       void **data)
{
    Constant *constant = constant_create(arena, element, rank, dims, NULL);
    *data = NULL;
    if (!constant)
        return NULL;
    size_t bytes = constant_bytes(constant);
    *data = arena_try(arena, bytes ? bytes : 1);
    constant->data = *data;
    return *data ? constant : NULL;
}

Constant *constant_allocate(Arena *arena, TnElementType element, int rank, const int64_t *dims,
                            void **data)
{
    Constant *constant = constant_try(arena, element, rank, dims, data);
    if (!constant && count_elements(element, rank, dims) >= 0)
        longjmp(arena_boundary(arena)->jump, 1);
    return constant;
}

Constant *constant_scalar_int64(Arena *arena, int64_t value)
{
    return constant_create(arena, TN_INT64, 0, NULL, arena_copy(arena, &value, sizeof value));
}

Constant *constant_int64s(Arena *arena, int64_t count, const int64_t *values)
{
    int64_t none = 0;
    const void *data = count ? arena_copy(arena, values, (size_t)count * sizeof *values)
                             : arena_copy(arena, &none, sizeof none);
    return constant_create(arena, TN_INT64, 1, &count, data);
}

Constant *constant_scalar_real(Arena *arena, TnElementType element, double value)
{
    void *data = arena_allocate(arena, 16);
    element_from_double(element, value, true, data);
    return constant_create(arena, element, 0, NULL, data);
}

/* An aligned copy of element i. */
typedef struct Cell {
    _Alignas(16) unsigned char bytes[16];
} Cell;

static Cell element_cell(const Constant *constant, int64_t i)
{
    assert(i >= 0 && i < constant->count);
    Cell cell = {{0}};
    size_t bytes = element_bytes(constant->element);
    memcpy(cell.bytes, (const char *)constant->data + (size_t)i * bytes, bytes);
    return cell;
}

int64_t constant_get_int64(const Constant *constant, int64_t i)
{
    Cell cell = element_cell(constant, i);
    return element_to_int64(constant->element, cell.bytes);
}

double constant_get_double(const Constant *constant, int64_t i)
{
    Cell cell = element_cell(constant, i);
    return element_to_double(constant->element, cell.bytes);
}

static TnString get_string(const Constant *constant, int64_t i)
{
    Cell cell = element_cell(constant, i);
    TnString string;
    memcpy(&string, cell.bytes, sizeof string);
    return string;
}

bool constant_equal(const Constant *a, const Constant *b)
{
    if (a == b)
        return true;
    if (a->element != b->element || a->rank != b->rank)
        return false;
    for (int d = 0; d < a->rank; d++)
        if (a->dims[d] != b->dims[d])
            return false;
    if (a->element != TN_STRING)
        return a->data == b->data || !memcmp(a->data, b->data, constant_bytes(a));
    for (int64_t i = 0; i < a->count; i++)
        if (!string_equal(get_string(a, i), get_string(b, i)))
            return false;
    return true;
}

uint64_t constant_hash(const Constant *constant)
{
    uint64_t hash = hash_combine((uint64_t)constant->element, (uint64_t)constant->rank);
    for (int d = 0; d < constant->rank; d++)
        hash = hash_combine(hash, (uint64_t)constant->dims[d]);
    if (constant->element != TN_STRING)
        return hash_bytes(constant->data, constant_bytes(constant), hash);
    for (int64_t i = 0; i < constant->count; i++) {
        TnString string = get_string(constant, i);
        hash = hash_bytes(string.data, (size_t)string.length, hash);
    }
    return hash;
}

bool constant_is_uniform(const Constant *constant)
{
    size_t bytes = element_bytes(constant->element);
    if (constant->element == TN_STRING)
        return constant->count <= 1;
    for (int64_t i = 1; i < constant->count; i++)
        if (memcmp(constant->data, (const char *)constant->data + (size_t)i * bytes, bytes))
            return false;
    return true;
}
