/* SPDX-License-Identifier: Apache-2.0
 *
 * Arenas: memory that lives as long as a compilation, or as a pass.
 *
 * Objects made in an arena are never freed one by one. Small allocations do not return NULL: where
 * memory ends, control goes to the boundary, a jump buffer that the API function has set, which
 * releases what it registered and answers TN_OUT_OF_MEMORY. Data whose size comes from the user
 * (weights, tensors) is allocated with arena_try(), which can fail in the ordinary way.
 */
#ifndef IR_SUPPORT_ARENA_H
#define IR_SUPPORT_ARENA_H

#include "tenon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* Where a failed small allocation lands. Set `jump` with setjmp() before the first allocation. */
typedef struct Boundary {
    jmp_buf jump;
} Boundary;

typedef struct Budget Budget; /* ir/support/budget.h */
typedef struct Arena Arena;

/* NULL if there is no memory. The boundary must outlive the arena. */
Arena *arena_create(Boundary *boundary);
/* With memory from the host's allocator, and for work that has a budget; both must outlive the
 * arena and may be NULL. */
Arena *arena_create_for(Boundary *boundary, const TnAllocator *allocator, Budget *budget);
/* One with the same boundary, allocator and budget that is destroyed with its parent, if not
 * before. */
Arena *arena_create_child(Arena *parent);
void arena_destroy(Arena *arena); /* accepts NULL */
Boundary *arena_boundary(const Arena *arena);
const TnAllocator *arena_allocator(const Arena *arena); /* or NULL */
Budget *arena_budget(const Arena *arena);               /* or NULL */
size_t arena_bytes(const Arena *arena);                 /* taken from the system so far */

/* Zeroed, aligned to 16 bytes. */
void *arena_allocate(Arena *arena, size_t bytes);
void *arena_allocate_array(Arena *arena, size_t count, size_t bytes); /* checks the product */
/* Zeroed and aligned to 64 bytes, for user-sized data: NULL if there is no memory. */
void *arena_try(Arena *arena, size_t bytes);
void *arena_copy(Arena *arena, const void *data, size_t bytes);
char *arena_string(Arena *arena, const char *text, size_t length); /* a terminated copy */
char *arena_format(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_format_list(Arena *arena, const char *format, va_list list)
    __attribute__((format(printf, 2, 0)));

/* Calls function(user) when the arena is destroyed, or released to before this moment: for mapped
 * files and other resources that are not memory. The last one deferred is the first one called. */
void arena_defer(Arena *arena, void (*function)(void *user), void *user);

/* Everything allocated after the mark is released. */
typedef struct ArenaMark {
    void *chunk, *deferred;
    size_t used;
} ArenaMark;
ArenaMark arena_mark(const Arena *arena);
void arena_release(Arena *arena, ArenaMark mark);

#define ARENA_NEW(arena, Type) ((Type *)arena_allocate((arena), sizeof(Type)))
#define ARENA_ARRAY(arena, Type, count)                                                            \
    ((Type *)arena_allocate_array((arena), (size_t)(count), sizeof(Type)))

#endif
