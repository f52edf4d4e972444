/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of an expression pool, for the files of ir/expr.
 *
 * Each expression is the head of a Node that also holds what analyses ask for: bounds, the axes in
 * it, its kinds. These facts are worked out when the node is made, from those of its operands, so
 * that no question about a DAG ever walks it, and questions may be asked by several threads.
 */
#ifndef IR_EXPR_POOL_H
#define IR_EXPR_POOL_H

#include "ir/expr/expr.h"
#include "ir/support/array.h"
#include "ir/support/hash.h"

/* A sorted set of ids; equal sets of a pool are the same pointer. */
typedef struct IdSet {
    int count;
    const int *ids;
    uint64_t hash;
    const struct IdSet *next_in_bucket;
} IdSet;

typedef struct Node {
    Expr e;
    uint64_t hash;
    const IdSet *axes, *symbols;
    uint64_t kinds[2];    /* the kinds in it, a bit each */
    int64_t lower, upper; /* of an index */
    int64_t multiple;     /* an index is a multiple of it; 0: it is 0 */
    uint32_t tree_size;   /* nodes if it were written as a tree; saturates */
    bool symbolic;        /* a symbol is in it, or in the extent of an axis in it */
} Node;

static inline const Node *node_of(const Expr *e)
{
    return (const Node *)e;
}

/* What one running rewrite or walk remembers. They nest, where a visitor rewrites in turn; each
 * depth has its own memory, which the next one at that depth uses again. */
typedef struct MemoSlot {
    int id;
    uint32_t generation;
    const Expr *result;
} MemoSlot;

typedef struct Frame {
    const Expr *e;
    int next; /* operand */
} Frame;

typedef struct Memo {
    MemoSlot *slots;
    int64_t slot_count, used;
    uint32_t generation;
    ARRAY(Frame) stack;
    ARRAY(const Expr *) operands;
} Memo;

typedef struct CacheEntry {
    ExprKind kind;
    const Expr *a, *b, *result;
} CacheEntry;

enum { CACHE_SIZE = 4096, MEMO_DEPTH = 16 };

/* Of the table of expressions, which is probed linearly. */
typedef struct PoolSlot {
    uint32_t hash;   /* the upper half */
    uint32_t number; /* id + 1; 0: free */
} PoolSlot;

struct ExprPool {
    Arena *arena;
    PoolSlot *slots;
    int64_t slot_count;
    ARRAY(Node *) nodes; /* by id */
    Map symbols_by_name;
    ARRAY(const Expr *) symbols; /* by symbol id */
    int axis_count;
    const IdSet **set_buckets;
    int64_t set_bucket_count, set_count;
    const IdSet *empty_set;
    CacheEntry *cache; /* results of operations that take thought to simplify */
    Memo memos[MEMO_DEPTH];
    int depth; /* of running rewrites */
};

/* The one stored expression that is equal to *key; key->src and key->factors are copied. */
const Expr *pool_intern(ExprPool *pool, const Expr *key);
/* The results of operations that take thought to simplify are kept, until a newer one of the same
 * hash takes the place. NULL: not there. */
const Expr *pool_recall(ExprPool *pool, ExprKind kind, const Expr *a, const Expr *b);
const Expr *pool_remember(ExprPool *pool, ExprKind kind, const Expr *a, const Expr *b,
                          const Expr *result);

/* Fills in bounds and multiple, from the operands' ones. */
void node_measure(Node *node);

bool set_contains(const IdSet *set, int id);

/* ---- Order --------------------------------------------------------------------------------- */

/* Below 0 where a comes before b as operands whose order has no meaning, 0 for the same one. */
int expr_order(const Expr *a, const Expr *b);

static inline void expr_sort(const Expr **a, const Expr **b)
{
    if (expr_order(*a, *b) > 0) {
        const Expr *first = *b;
        *b = *a;
        *a = first;
    }
}

/* ---- Numbers that saturate at +-EXPR_LIMIT, which stands for infinity ---------------------- */

int64_t limited_add(int64_t a, int64_t b);
int64_t limited_multiply(int64_t a, int64_t b);
int64_t floor_divide(int64_t a, int64_t b);            /* b > 0 */
int64_t greatest_common_divisor(int64_t a, int64_t b); /* of the absolute values */

/* ---- Sums ---------------------------------------------------------------------------------- */

typedef struct Term {
    const Expr *atom; /* neither an integer nor linear */
    int64_t factor;   /* not 0 */
} Term;

/* A sum under construction; sorted by expr_order. Not to be copied. */
typedef struct Sum {
    ExprPool *pool;
    int64_t constant;
    int count, capacity;
    Term *terms;
    Term first_terms[12];
} Sum;

void sum_start(Sum *sum, ExprPool *pool);
void sum_add(Sum *sum, const Expr *e, int64_t factor);
int64_t sum_factor(const Sum *sum, const Expr *atom); /* 0 if it is not there */
const Expr *sum_finish(Sum *sum);

/* The terms of any index, without copying: a linear's, or the index itself times 1. */
typedef struct Terms {
    int count;
    int64_t constant;
    const Expr *const *atoms;
    const int64_t *factors;
    const Expr *single[1];
} Terms;
void terms_of(const Expr *e, Terms *terms);

/* The atoms that are multiplied in an atom, sorted by expr_order; false if there are more than fit.
 */
enum { MAX_FACTORS = 16 };
typedef struct Product {
    int count;
    const Expr *factors[MAX_FACTORS];
} Product;
bool product_of(const Expr *atom, Product *product);
const Expr *product_build(ExprPool *pool, const Product *product);

/* ---- Proofs -------------------------------------------------------------------------------- */

/* Whether e >= 0 can be shown, by intervals and by putting the ends of axes in their place. */
bool expr_is_nonnegative(ExprPool *pool, const Expr *e);
bool expr_is_below(ExprPool *pool, const Expr *a, const Expr *b); /* a < b */

#endif
