/* SPDX-License-Identifier: Apache-2.0
 *
 * Constants: tensors known at compile time. They may borrow their bytes, from a mapped file say;
 * their owner outlives the model. Elements lie as in memory (one byte at least each), row major;
 * string elements are TnStrings.
 */
#ifndef IR_GRAPH_CONSTANT_H
#define IR_GRAPH_CONSTANT_H

#include "ir/expr/expr.h"
#include "ir/support/hash.h"

typedef struct Constant Constant;
struct Constant {
    TnElementType element;
    int rank;
    int64_t dims[MAX_RANK];
    int64_t count;    /* elements */
    const void *data; /* may be unaligned where borrowed */
    /* Where the bytes came from, for the writers; NULL: from the model itself or made here. */
    const char *external_location;
    int64_t external_offset;
};

size_t constant_bytes(const Constant *constant);
/* Borrows data. NULL if the element count overflows. */
Constant *constant_create(Arena *arena, TnElementType element, int rank, const int64_t *dims,
                          const void *data);
/* With zeroed memory of its own, to be filled through *data. NULL if the element count overflows.
 */
Constant *constant_allocate(Arena *arena, TnElementType element, int rank, const int64_t *dims,
                            void **data);
/* The same for data as large as a file says; NULL, too, if there is no memory. */
Constant *constant_try(Arena *arena, TnElementType element, int rank, const int64_t *dims,
                       void **data);
Constant *constant_scalar_int64(Arena *arena, int64_t value);
Constant *constant_int64s(Arena *arena, int64_t count, const int64_t *values); /* rank 1 */
Constant *constant_scalar_real(Arena *arena, TnElementType element, double value);
int64_t constant_get_int64(const Constant *constant, int64_t i);
double constant_get_double(const Constant *constant, int64_t i);
bool constant_equal(const Constant *a, const Constant *b); /* bit for bit */
uint64_t constant_hash(const Constant *constant);
/* Whether all elements are the same bits. */
bool constant_is_uniform(const Constant *constant);

#endif
