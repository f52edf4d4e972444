/* SPDX-License-Identifier: Apache-2.0
 *
 * Nests: loops over flat memory and registers, all that an emitter has to understand.
 *
 * There is no vector loop. One axis of a nest is the *lane*: a statement that mentions it is done
 * for all lanes at once. What an offset does over the lanes says how memory is accessed: not at all
 * is a scalar and a broadcast, 0, 1, 2, ... is a vector, anything else a gather; a condition that
 * mentions the lane is a mask. Register arrays hold one vector a cell and are indexed by
 * expressions that are constant once unrolled loops are, so an emitter turns cells into SSA values.
 */
#ifndef IR_KERNEL_NEST_H
#define IR_KERNEL_NEST_H

#include "ir/kernel/kernel.h"
#include "ir/support/hash.h"

typedef struct Array {
    const char *name;
    TnElementType type; /* a compute type */
    int count, id;
} Array;

typedef enum NestKind {
    NEST_for,       /* axis over 0 .. extent, of a LoopKind */
    NEST_if,        /* condition; body, otherwise */
    NEST_set,       /* array[index] = value */
    NEST_store,     /* tensor[offset] = value, where condition (if any) holds */
    NEST_transpose, /* array, as a square of lanes x lanes, in place */
    NEST_barrier,   /* for the compiler only: nothing moves across */
    NEST_prefetch,  /* tensor[offset], into cache level `locality`, to write or to read */
} NestKind;

typedef enum LoopKind { LOOP_serial, LOOP_parallel, LOOP_unrolled } LoopKind;

typedef struct Nest Nest;
struct Nest {
    NestKind kind;
    LoopKind loop;
    const Axis *axis;
    const Expr *condition;
    const Array *array;
    const Tensor *tensor;
    const Expr *index; /* of the array, or the offset in the tensor's memory */
    const Expr *value;
    int locality;
    bool write;
    Nest *body, *otherwise;
    Nest *next; /* the statement after this one */
};

/* A nest under construction: statements are appended, loops opened and closed. */
typedef struct NestBuilder {
    ExprPool *pool;
    Nest *first, **tail;
    int array_count, depth;
    Nest *open[64];
} NestBuilder;

NestBuilder nest_builder(ExprPool *pool);
void nest_open(NestBuilder *b, const Axis *axis, LoopKind loop); /* extent 1 is no loop */
void nest_open_if(NestBuilder *b, const Expr *condition);        /* true is no branch */
void nest_otherwise(NestBuilder *b);
void nest_close(NestBuilder *b);
const Array *nest_array(NestBuilder *b, const char *name, TnElementType type, int count);
void nest_set(NestBuilder *b, const Array *array, const Expr *index, const Expr *value);
void nest_store(NestBuilder *b, const Tensor *tensor, const Expr *offset, const Expr *value,
                const Expr *condition);
void nest_transpose(NestBuilder *b, const Array *array);
void nest_barrier(NestBuilder *b);
void nest_prefetch(NestBuilder *b, const Tensor *tensor, const Expr *offset, int locality,
                   bool write);

/* Whether a statement reads, writes or prefetches the tensor. */
bool nest_touches(ExprPool *pool, const Nest *nest, const Tensor *tensor);

/* places, unless it is NULL, receives where each statement begins: Nest -> byte of the text + 1. */
void nest_print(const Nest *nest, int indent, Map *places, Text *text);

enum { MAX_PACKING_AXES = 2 * MAX_RANK, MAX_PACKING_GUARDS = 8 };

/* A constant operand rearranged once, at compile time: packed[to] = source[from] for all axes,
 * where the guards hold, else zero. With a mixing, `from` holds the mixed dimensions, too, and what
 * is stored is the sum over their taps. */
typedef struct Packing {
    int axis_count, guard_count;
    const Axis *axes[MAX_PACKING_AXES]; /* outermost first */
    const Expr *guards[MAX_PACKING_GUARDS];
    const Tensor *source, *packed;
    const Mixing *mixing; /* or NULL */
    const Expr *from, *to;
    struct Packing *next;
} Packing;

/* A nest with what it needs to become machine code:
 *
 *   void f(void *const *data, const int64_t *sizes, int64_t begin, int64_t end, void *scratch)
 *
 * data: the pointers of `tensors`, in that order. begin, end: the part of the parallel loop to run;
 * of a pair of parallel loops, one inside the other, the turns of the inner one are counted through
 * all turns of the outer one. scratch: scratch_bytes of private memory for this call, 64-aligned.
 */
typedef struct Function {
    const char *name; /* no other in a program has it, once functions_add() has seen them */
    const char *node; /* what the kernel is called */
    const char *key;  /* of the structure that its tile was chosen for; or NULL */
    int tensor_count, tensor_capacity;
    const Tensor **tensors;
    int scratch_count;
    const Tensor *scratch[16]; /* live in the scratch memory, at scratch_offsets */
    int64_t scratch_offsets[16];
    int64_t scratch_bytes;
    const Axis *lane; /* its extent is the number of lanes; NULL: scalar code */
    int array_count;
    const Axis *parallel;       /* the loop that may be cut in parts; NULL: runs once */
    const Axis *parallel_inner; /* one inside it, which may be, too; or NULL */
    bool stores_once; /* no element of a result is computed a second time, as overlapping tails
                         would */
    bool flushes_denormals; /* takes them for zero where that is faster */
    double cost;            /* of one turn of the parallel loop, in cycles, a guess */
    Packing *packings;
    const char *choice; /* what the schedule was chosen of, for who asks; or NULL */
    Nest *nest;
} Function;

typedef void KernelFunction(void *const *data, const int64_t *sizes, int64_t begin, int64_t end,
                            void *scratch);

/* Turns of the parallel loop, or of the pair of them: 1 without. */
const Expr *function_turns(ExprPool *pool, const Function *function);
/* Whether parts of the loop over this axis are run. */
static inline bool function_shares(const Function *function, const Axis *axis)
{
    return axis && (axis == function->parallel || axis == function->parallel_inner);
}

/* places: as of nest_print(), and of the function. */
void function_print(const Function *function, Map *places, Text *text);

#endif
