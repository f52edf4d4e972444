/* SPDX-License-Identifier: Apache-2.0
 *
 * Arenas as lists of chunks. A chunk that a request does not fit into is left as it is and a new
 * one, twice as large up to a limit, takes its place; large requests get a chunk of their own.
 */
#include "arena.h"

#include "runtime/allocator.h"

#include <stdio.h>
#include <string.h>

#ifdef ARENA_OBJECTS_APART /* a test's: every object has a chunk of its own, and each may fail */
enum { FIRST_CHUNK_BYTES = 1, LARGEST_CHUNK_BYTES = 1 };
#else
enum { FIRST_CHUNK_BYTES = 1 << 16, LARGEST_CHUNK_BYTES = 1 << 24 };
#endif

enum { CHUNK_ALIGNMENT = 64 };

typedef struct Chunk {
    struct Chunk *previous;
    size_t capacity, used;
    size_t whole; /* bytes, this head included */
    _Alignas(CHUNK_ALIGNMENT) char data[];
} Chunk;

typedef struct Deferred {
    void (*function)(void *user);
    void *user;
    struct Deferred *previous;
} Deferred;

struct Arena {
    Boundary *boundary;
    const TnAllocator *allocator;
    Budget *budget;
    Chunk *newest;
    Deferred *deferred;
    size_t next_capacity, total;
    Arena *parent, *children, *next_sibling, *previous_sibling;
};

Arena *arena_create_for(Boundary *boundary, const TnAllocator *allocator, Budget *budget)
{
    Arena *arena = allocator_zeroed(allocator, 1, sizeof *arena);
    if (arena)
        *arena = (Arena){.boundary = boundary,
                         .allocator = allocator,
                         .budget = budget,
                         .next_capacity = FIRST_CHUNK_BYTES};
    return arena;
}

Arena *arena_create(Boundary *boundary)
{
    return arena_create_for(boundary, NULL, NULL);
}

Arena *arena_create_child(Arena *parent)
{
    Arena *child = arena_create_for(parent->boundary, parent->allocator, parent->budget);
    if (!child)
        return NULL;
    child->parent = parent;
    child->next_sibling = parent->children;
    if (parent->children)
        parent->children->previous_sibling = child;
    parent->children = child;
    return child;
}

static void leave_parent(Arena *child)
{
    if (!child->parent)
        return;
    if (child->next_sibling)
        child->next_sibling->previous_sibling = child->previous_sibling;
    if (child->previous_sibling)
        child->previous_sibling->next_sibling = child->next_sibling;
    else
        child->parent->children = child->next_sibling;
}

static void release_until(Arena *arena, const Chunk *last)
{
    while (arena->newest != last) {
        Chunk *chunk = arena->newest;
        arena->newest = chunk->previous;
        arena->total -= chunk->capacity;
        allocator_release(arena->allocator, chunk, chunk->whole);
    }
}

static void call_deferred_until(Arena *arena, const Deferred *last)
{
    while (arena->deferred != last) {
        Deferred *deferred = arena->deferred;
        arena->deferred = deferred->previous;
        deferred->function(deferred->user);
    }
}

void arena_destroy(Arena *arena)
{
    if (!arena)
        return;
    while (arena->children)
        arena_destroy(arena->children);
    leave_parent(arena);
    call_deferred_until(arena, NULL);
    release_until(arena, NULL);
    allocator_release(arena->allocator, arena, sizeof *arena);
}

Boundary *arena_boundary(const Arena *arena)
{
    return arena->boundary;
}

const TnAllocator *arena_allocator(const Arena *arena)
{
    return arena->allocator;
}

Budget *arena_budget(const Arena *arena)
{
    return arena->budget;
}

size_t arena_bytes(const Arena *arena)
{
    return arena->total;
}

static size_t round_up(size_t bytes, size_t to)
{
    return (bytes + to - 1) / to * to;
}

/* Room for `bytes` at the alignment, zeroed; NULL if there is no memory. */
static void *take(Arena *arena, size_t bytes, size_t alignment)
{
    Chunk *chunk = arena->newest;
    size_t at = chunk ? round_up(chunk->used, alignment) : 0;
    if (!chunk || at > chunk->capacity || bytes > chunk->capacity - at) {
        size_t capacity = arena->next_capacity;
        if (bytes > SIZE_MAX - sizeof(Chunk) - CHUNK_ALIGNMENT)
            return NULL;
        if (bytes > capacity)
            capacity = bytes;
        else if (arena->next_capacity < LARGEST_CHUNK_BYTES)
            arena->next_capacity *= 2;
        size_t whole = round_up(sizeof(Chunk) + capacity, CHUNK_ALIGNMENT);
        Chunk *fresh = allocator_take(arena->allocator, whole, CHUNK_ALIGNMENT);
        if (!fresh)
            return NULL;
        *fresh = (Chunk){.previous = chunk, .capacity = capacity, .whole = whole};
        arena->total += capacity;
        arena->newest = chunk = fresh;
        at = 0;
    }
    chunk->used = at + bytes;
    return memset(chunk->data + at, 0, bytes);
}

void *arena_allocate(Arena *arena, size_t bytes)
{
    void *data = take(arena, bytes, 16);
    if (!data)
        longjmp(arena->boundary->jump, 1);
    return data;
}

void *arena_allocate_array(Arena *arena, size_t count, size_t bytes)
{
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total))
        longjmp(arena->boundary->jump, 1);
    return arena_allocate(arena, total);
}

void *arena_try(Arena *arena, size_t bytes)
{
    return take(arena, bytes, CHUNK_ALIGNMENT);
}

void *arena_copy(Arena *arena, const void *data, size_t bytes)
{
    void *copy = arena_allocate(arena, bytes);
    if (bytes)
        memcpy(copy, data, bytes);
    return copy;
}

char *arena_string(Arena *arena, const char *text, size_t length)
{
    char *copy = arena_allocate(arena, length + 1);
    if (length)
        memcpy(copy, text, length);
    return copy;
}

char *arena_format_list(Arena *arena, const char *format, va_list list)
{
    va_list again;
    va_copy(again, list);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = arena_allocate(arena, (size_t)(length < 0 ? 0 : length) + 1);
    if (length > 0)
        vsnprintf(text, (size_t)length + 1, format, list);
    return text;
}

char *arena_format(Arena *arena, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    char *text = arena_format_list(arena, format, list);
    va_end(list);
    return text;
}

void arena_defer(Arena *arena, void (*function)(void *user), void *user)
{
    Deferred *deferred = ARENA_NEW(arena, Deferred);
    *deferred = (Deferred){function, user, arena->deferred};
    arena->deferred = deferred;
}

ArenaMark arena_mark(const Arena *arena)
{
    return (ArenaMark){arena->newest, arena->deferred, arena->newest ? arena->newest->used : 0};
}

void arena_release(Arena *arena, ArenaMark mark)
{
    call_deferred_until(arena, mark.deferred);
    release_until(arena, mark.chunk);
    if (arena->newest)
        arena->newest->used = mark.used;
}
