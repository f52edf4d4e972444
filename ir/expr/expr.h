/* SPDX-License-Identifier: Apache-2.0
 *
 * Expressions: one language for symbolic sizes, indices and scalar arithmetic.
 *
 * Expressions are hash-consed: within a pool equal expressions are the same pointer, so a DAG is
 * shared by construction and equality is a comparison of addresses. They are immutable and belong
 * to the pool's arena. Builders simplify.
 *
 * There are two worlds. An *index* (type EXPR_INDEX) is a mathematical integer that never
 * overflows: sizes, subscripts, offsets. Indices are kept in one normal form, a sum of
 * factor * atom + constant, so that "the coefficient of an axis" is a lookup, and bounds decide
 * comparisons. A *value* has an element type and that type's arithmetic: integers wrap, floats
 * round. Arithmetic exists for bool, the integers of 8 to 64 bits, float and double; every other
 * element type occurs only at a load, a store and a conversion (see expr_load: a load of float16
 * gives a float).
 *
 * Functions that take a pool may change it, and are for one thread at a time; the others only read.
 */
#ifndef IR_EXPR_EXPR_H
#define IR_EXPR_EXPR_H

#include "ir/support/arena.h"
#include "ir/support/text.h"
#include "runtime/element.h"

enum { MAX_RANK = 10 };

/* The type of an index; a value's type is its element type. */
#define EXPR_INDEX TN_UNDEFINED

/* The kinds in the order in which operands stand that may stand in any. */
typedef enum ExprKind {
    /* Leaves */
    EXPR_integer,  /* an index: integer */
    EXPR_symbol,   /* an index: a size known at run time; object is a Symbol */
    EXPR_axis,     /* an index: 0 <= axis < extent; object is an Axis */
    EXPR_constant, /* a value: bits, of its type */
    /* Indices */
    EXPR_linear,   /* sum of factors[i] * src[i], plus integer */
    EXPR_times,    /* src[0] * src[1], neither constant */
    EXPR_quotient, /* src[0] / src[1] rounded down; src[1] > 0 */
    EXPR_modulus,  /* src[0] - src[0] / src[1] * src[1] */
    EXPR_larger,   /* of two indices */
    EXPR_smaller,
    /* Between the worlds */
    EXPR_to_index,   /* an integer value as an index */
    EXPR_from_index, /* an index as a value of this type */
    EXPR_convert, /* a value in another type, as ONNX's Cast does; integer: saturate small floats */
    EXPR_bitcast, /* the same bits in another type of the same width */
    /* Memory */
    EXPR_cell,  /* in nests: register array[src[0]] */
    EXPR_load,  /* tensor[src[0..rank)], logical indices; if has_fill, src[rank] where out of range
                 */
    EXPR_fetch, /* in nests: the tensor's memory at flat offset src[0]; if has_fill, src[1] is a
                 * condition and src[2] the value where it is false, and no memory is touched there
                 */
/* Values: table */
#define UNARY(name, cost, floats, integers)  EXPR_##name,
#define BINARY(name, cost, floats, integers) EXPR_##name,
#define COMPARE(name, meaning)               EXPR_##name, /* of indices or of values; a bool */
#include "expr.def"
    EXPR_fma,    /* src[0] * src[1] + src[2], rounded once */
    EXPR_select, /* src[0], a bool, ? src[1] : src[2]; of values or of indices */
    EXPR_dot4,   /* four products of bytes of src[0] (unsigned) and src[1] (signed), plus src[2] */
    EXPR_across_sum, /* in nests: of the lanes, always in the same tree; the same in every lane */
    EXPR_across_max,
    EXPR_across_min,
    EXPR_KIND_COUNT
} ExprKind;

typedef struct Expr Expr;

struct Expr {
    ExprKind kind;
    TnElementType type; /* EXPR_INDEX for indices */
    bool has_fill;
    int count; /* of src */
    int id;    /* dense, in order of creation */
    const Expr *const *src;
    const int64_t *factors; /* linear only */
    int64_t integer;
    uint64_t bits;      /* constants: the element's bits, zero-extended */
    const void *object; /* Symbol, Axis, Tensor or Array */
};

/* A size that is known at run time. lower <= value <= upper always holds: where it does not follow,
 * it is checked when the symbol gets its value. */
typedef struct Symbol {
    const char *name; /* unique in its pool */
    int id;           /* dense: the slot in a program's table of sizes */
    int64_t lower, upper;
    const Expr *limit; /* it is no larger than this, whatever other symbols are; or NULL */
} Symbol;

/* A loop variable, 0 <= axis < extent. */
typedef struct Axis {
    const char *name;
    const Expr *extent;
    int id; /* dense */
} Axis;

typedef struct ExprPool ExprPool;

ExprPool *expr_pool_create(Arena *arena);
Arena *expr_pool_arena(const ExprPool *pool);
int expr_pool_symbol_count(const ExprPool *pool);
const Symbol *expr_pool_symbol(const ExprPool *pool, int id);

/* ---- Indices ----------------------------------------------------------------------------- */

const Expr *expr_integer(ExprPool *pool, int64_t value);
/* No size is larger. */
#define SIZE_LIMIT (((int64_t)1 << 48) - 1)
/* The symbol of that name, made as a size, 0 <= value <= SIZE_LIMIT, if it is new. */
const Expr *expr_symbol(ExprPool *pool, const char *name);
/* The same, made with that range if it is new: elements of tensors may be negative. */
const Expr *expr_symbol_between(ExprPool *pool, const char *name, int64_t lower, int64_t upper);
/* A new symbol of that name and range; NULL if there is one of that name. */
const Expr *expr_new_symbol(ExprPool *pool, const char *name, int64_t lower, int64_t upper);
/* Says what a symbol is never larger than, an expression of the same pool; NULL: nothing is known.
 */
void symbol_limit(const Expr *symbol, const Expr *limit);
/* Narrows a symbol's range. */
void symbol_restrict(ExprPool *pool, const Expr *symbol, int64_t lower, int64_t upper);
Axis *axis_create(ExprPool *pool, const char *name, const Expr *extent);
const Expr *expr_axis(ExprPool *pool, const Axis *axis); /* 0 if the extent is 1 */

const Expr *expr_plus(ExprPool *pool, const Expr *a, const Expr *b);
const Expr *expr_plus_integer(ExprPool *pool, const Expr *a, int64_t b);
const Expr *expr_minus(ExprPool *pool, const Expr *a, const Expr *b);
const Expr *expr_scale(ExprPool *pool, const Expr *a, int64_t factor);
const Expr *expr_times(ExprPool *pool, const Expr *a, const Expr *b);
const Expr *expr_quotient(ExprPool *pool, const Expr *a, const Expr *b); /* rounded down, b > 0 */
const Expr *expr_modulus(ExprPool *pool, const Expr *a, const Expr *b);
const Expr *expr_round_up_quotient(ExprPool *pool, const Expr *a, const Expr *b);
const Expr *expr_larger(ExprPool *pool, const Expr *a, const Expr *b);
const Expr *expr_smaller(ExprPool *pool, const Expr *a, const Expr *b);

/* Whether an index is a known number, and which; value may be NULL. */
bool expr_known(const Expr *e, int64_t *value);
bool expr_is(const Expr *e, int64_t value);

/* ---- Conditions: bools ------------------------------------------------------------------- */

/* Of two indices or two values of one type. Comparisons of indices fold by bounds. */
const Expr *expr_compare(ExprPool *pool, ExprKind kind, const Expr *a, const Expr *b);
const Expr *expr_both(ExprPool *pool, const Expr *a, const Expr *b);
const Expr *expr_either(ExprPool *pool, const Expr *a, const Expr *b);
const Expr *expr_not(ExprPool *pool, const Expr *a);
/* 0 <= index < extent */
const Expr *expr_inside(ExprPool *pool, const Expr *index, const Expr *extent);
/* Of two values of one type, or two indices. */
const Expr *expr_select(ExprPool *pool, const Expr *condition, const Expr *a, const Expr *b);

/* ---- Values ------------------------------------------------------------------------------ */

const Expr *expr_bool(ExprPool *pool, bool value);
/* A number in a compute type (see element_compute_type); rounded, or wrapped, to it. */
const Expr *expr_real(ExprPool *pool, TnElementType type, double value);
const Expr *expr_whole(ExprPool *pool, TnElementType type, int64_t value);
const Expr *expr_bits(ExprPool *pool, TnElementType type, uint64_t bits);
const Expr *expr_lowest(ExprPool *pool, TnElementType type);  /* -inf for floats */
const Expr *expr_highest(ExprPool *pool, TnElementType type); /* +inf for floats */
bool expr_is_constant(const Expr *e, double *value);

const Expr *expr_unary(ExprPool *pool, ExprKind kind, const Expr *a);
const Expr *expr_binary(ExprPool *pool, ExprKind kind, const Expr *a, const Expr *b);
const Expr *expr_fma(ExprPool *pool, const Expr *a, const Expr *b, const Expr *c);
const Expr *expr_dot4(ExprPool *pool, const Expr *a, const Expr *b, const Expr *c);
const Expr *expr_across(ExprPool *pool, ExprKind kind, const Expr *a);
const Expr *expr_is_nan(ExprPool *pool, const Expr *a);

/* As ONNX's Cast: to integers toward zero, floats to nearest even, to bool "not zero"; `saturate`
 * matters for the 8-bit floats alone. A conversion to a type without arithmetic of its own
 * (float16, int4, ...) may only be stored or converted on; converting a value of such a type gives
 * it in its compute type first. What is left of a conversion is one between compute types, or
 * between a type without arithmetic and its compute type: other ways are built of these, rounding
 * once. */
const Expr *expr_convert(ExprPool *pool, TnElementType type, const Expr *a);
const Expr *expr_convert_with(ExprPool *pool, TnElementType type, const Expr *a, bool saturate);
const Expr *expr_bitcast(ExprPool *pool, TnElementType type, const Expr *a);
const Expr *expr_to_index(ExprPool *pool, const Expr *value);
const Expr *expr_from_index(ExprPool *pool, TnElementType type, const Expr *index);

/* ---- Memory ------------------------------------------------------------------------------ */

struct Tensor; /* ir/kernel/kernel.h */
struct Array;  /* ir/kernel/nest.h */

/* The element at logical indices, converted to the compute type of the tensor's element type
 * (float16 -> float, int4 -> int8, ...: element_compute_type). The indices must be in range. */
const Expr *expr_load(ExprPool *pool, const struct Tensor *tensor, const Expr *const *indices);
/* The same, where the indices are out of range the fill, a value of the compute type. */
const Expr *expr_load_or(ExprPool *pool, const struct Tensor *tensor, const Expr *const *indices,
                         const Expr *fill);
/* In nests. `inside` may be NULL; else fill where it is false. */
const Expr *expr_fetch(ExprPool *pool, const struct Tensor *tensor, const Expr *offset,
                       const Expr *inside, const Expr *fill);
const Expr *expr_cell(ExprPool *pool, const struct Array *array, const Expr *index);

/* ---- Rewriting and analysis -------------------------------------------------------------- */

/* The same operation on other operands, simplified again. */
const Expr *expr_rebuild(ExprPool *pool, const Expr *e, const Expr *const *src);
/* Rebuilds e bottom-up, each shared node once; visit() may replace any rebuilt node, and returns it
 * otherwise. */
typedef const Expr *ExprVisitor(void *user, const Expr *e);
const Expr *expr_rewrite(ExprPool *pool, const Expr *e, ExprVisitor *visit, void *user);
const Expr *expr_substitute(ExprPool *pool, const Expr *e, const Axis *axis, const Expr *by);
const Expr *expr_substitute_symbol(ExprPool *pool, const Expr *e, const Symbol *symbol,
                                   const Expr *by);
/* Calls visit once for each distinct node, operands first. */
void expr_walk(ExprPool *pool, const Expr *e, void (*visit)(void *user, const Expr *e), void *user);

int64_t expr_coefficient(const Expr *e, const Axis *axis); /* at the top level of an index */
bool expr_contains_axis(const Expr *e, const Axis *axis);
bool expr_contains_kind(const Expr *e, ExprKind kind);

/* *lower <= e <= *upper for every value of axes and symbols; saturates at +-EXPR_LIMIT. */
#define EXPR_LIMIT ((int64_t)1 << 62)
void expr_bounds(const Expr *e, int64_t *lower, int64_t *upper);
/* e = factor * symbol + rest, where the factor is a number that is not 0 and the symbol does not
 * occur in rest; false if e is not of that form. */
bool expr_split_symbol(ExprPool *pool, const Expr *e, const Symbol *symbol, int64_t *factor,
                       const Expr **rest);
/* Whether e is a multiple of `by` for every value of axes and symbols. */
bool expr_divisible(const Expr *e, int64_t by);

/* The value of an index that has no axes and loads, given sizes[symbol id]. */
int64_t expr_evaluate(const Expr *e, const int64_t *sizes);
/* A number to weigh such an index by: its value where every symbol is SIZE_GUESS, or as near to it
 * as its bounds allow; at least 0. */
enum { SIZE_GUESS = 64 };
double expr_estimate(ExprPool *pool, const Expr *e);

/* A rough price of one operation on values, in multiplications (expr.def); 0 for what is no
 * arithmetic on values: leaves, indices, loads, and bits under another type. */
int expr_kind_cost(ExprKind kind);

/* ---- Text -------------------------------------------------------------------------------- */

const char *expr_kind_name(ExprKind kind);
/* Canonical: "2*N + 1", "floor(H / 2)"; equal expressions print alike. Shared parts of a large
 * expression are written once, as "%1:exp(x[i0])", and then called "%1". */
void expr_print(const Expr *e, struct Text *text);
/* Reads an index as expr_print writes it (sizes only: names, numbers, + - * / % max min floor
 * select); NULL if the text is not one. */
const Expr *expr_parse_size(ExprPool *pool, const char *text);
/* The same for a condition on such sizes: == != < <= & | not. */
const Expr *expr_parse_condition(ExprPool *pool, const char *text);

#endif
