/* SPDX-License-Identifier: Apache-2.0
 *
 * The emitter's state, shared by its files: unit.c (the file as a whole), emit.c (functions, loops,
 * statements), index.c, memory.c (fetch, store), values.c (operations), convert.c (element types),
 * helpers.c and helpers.txt (what the language lacks).
 *
 * A value is text with a type. As in the other emitter it is a scalar where all lanes agree and a
 * vector otherwise, and cells of register arrays are vectors if the function has lanes. Shared and
 * long parts of an expression are given names first, in statements of their own.
 *
 * A condition is a bool, or a vector of 32-bit lanes that are 0 or -1 whatever was compared.
 */
#ifndef CODEGEN_C_EMITTER_H
#define CODEGEN_C_EMITTER_H

#include "codegen/c/unit.h"
#include "ir/support/array.h"
#include "ir/support/hash.h"

/* Of the operator outside, as C ranks them: what binds tightest comes first. */
typedef enum Precedence {
    PRIMARY,
    UNARY,
    MULTIPLICATIVE,
    ADDITIVE,
    SHIFT,
    RELATIONAL,
    EQUALITY,
    BITWISE,
    LOGICAL_AND,
    LOGICAL_OR,
    CONDITIONAL,
} Precedence;

typedef struct CValue {
    const char *text;
    Precedence precedence;
    TnElementType type; /* EXPR_INDEX: int64_t, or lanes of it */
    bool is_vector;
} CValue;

typedef struct CEmitter {
    CUnit *unit;
    const Function *source;
    ExprPool *pool;
    Arena *arena;
    int lanes; /* 1: no lane */
    Text *out;
    int depth;                     /* of indentation */
    Map names;                     /* in use, by name */
    Map reserved;                  /* Tensor -> the name that it gets if it is used */
    Map axes;                      /* Axis -> name */
    Map tensors;                   /* Tensor -> name */
    Map symbols;                   /* Symbol -> name, in order of first use */
    Map written;                   /* Tensor -> itself */
    const char **cells;            /* by array: the name, once it is declared */
    bool *is_set;                  /* by array */
    bool *is_new;                  /* by array: it has a name, and no declaration yet */
    const struct ArraySet *masked; /* arrays that are set under masks */
    Map mentions;                  /* Expr -> ArraySet that it reads; Nest -> that it mentions */
    Map reads;                     /* Nest -> ArraySet that it reads */
    bool uses_part;                /* begin and end */
    Map values;                    /* Expr -> CValue, of the statement under way */
    Map uses;                      /* Expr -> how often the statement uses it */
    int temporaries;
    const char *mask; /* of the statement: a vector's name, or NULL */
} CEmitter;

struct CUnit {
    Arena *arena;
    const Target *target;
    const Dialect *dialect;
    Map types;     /* names that are declared */
    Map instances; /* helpers that are written */
    Map functions; /* names that are taken */
    Text type_text, helper_text, kernel_text;
    bool uses_unroll;
};

/* ---- unit.c ------------------------------------------------------------------------------ */

/* "f32x16", of the type that an element has in memory or as a value; declared on first use. bool is
 * "bool" or "boolx16"; EXPR_INDEX is "int64_t" or "i64x16". */
const char *c_type(CUnit *unit, TnElementType type, int lanes);
bool c_is_x86(const Target *target);
/* What x86 processors must have, as compilers name it: "avx2,fma"; empty: what all have. */
const char *c_features(const CUnit *unit);
/* The type of the same width in memory: bytes for bool, codes for small floats. */
TnElementType c_memory_type(TnElementType type);

/* ---- helpers.c --------------------------------------------------------------------------- */

/* The name of a helper's instance for a type, and of a second one where it has two; written into
 * the unit on first use. */
const char *c_helper(CUnit *unit, const char *name, TnElementType type, int lanes);
const char *c_helper_between(CUnit *unit, const char *name, TnElementType type,
                             TnElementType second, int lanes);
const char *c_helper_across(CUnit *unit, ExprKind kind, TnElementType type, int lanes);
const char *c_helper_transpose(CUnit *unit, TnElementType type, int lanes);
/* From a code to a float, and back. */
const char *c_helper_read(CUnit *unit, TnElementType small, int lanes);
const char *c_helper_write(CUnit *unit, TnElementType small, bool saturate, int lanes);

/* ---- emit.c ------------------------------------------------------------------------------ */

void c_line(CEmitter *em, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A name that is not in use: the wanted one, with a number after it if need be. */
const char *c_name(CEmitter *em, const char *wanted);

/* ---- index.c ----------------------------------------------------------------------------- */

bool c_mentions_lane(const CEmitter *em, const Expr *e);
CValue c_index(CEmitter *em, const Expr *e);      /* the same in all lanes */
CValue c_lane_index(CEmitter *em, const Expr *e); /* one a lane */
CValue c_index_compare(CEmitter *em, const Expr *e);

/* ---- memory.c ---------------------------------------------------------------------------- */

CValue c_fetch(CEmitter *em, const Expr *e);
void c_store(CEmitter *em, const Nest *nest);
void c_prefetch(CEmitter *em, const Nest *nest);

/* ---- values.c ---------------------------------------------------------------------------- */

/* Forgets the values of the statement before, and counts what this one uses. */
void c_begin_statement(CEmitter *em, const Expr *const *roots, int count);
CValue c_value(CEmitter *em, const Expr *e);
CValue c_atom(const char *text, TnElementType type, bool is_vector);
/* The text, in brackets if it binds less tightly than `most`. */
const char *c_operand(CEmitter *em, CValue value, Precedence most);
CValue c_call(CEmitter *em, TnElementType type, bool is_vector, const char *function, int count,
              const CValue *arguments);
CValue c_splat(CEmitter *em, CValue value); /* itself if it is a vector */
/* Gives it a name in a statement of its own, if it has none. */
CValue c_bind(CEmitter *em, CValue value, const char *wanted);
CValue c_both(CEmitter *em, CValue a, CValue b); /* of two conditions */
/* A vector condition in lanes as wide as those of a type. */
CValue c_widen_mask(CEmitter *em, CValue mask, TnElementType type);
CValue c_select(CEmitter *em, CValue condition, CValue a, CValue b);
/* a OPERATION b, of values of one type that are both scalars or both vectors; unit and lanes only.
 */
const char *c_binary_text(CUnit *unit, ExprKind kind, TnElementType type, int lanes, const char *a,
                          const char *b);

/* ---- convert.c --------------------------------------------------------------------------- */

CValue c_convert(CEmitter *em, CValue value, TnElementType from, TnElementType to, bool saturate);

#endif
