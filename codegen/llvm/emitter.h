/* SPDX-License-Identifier: Apache-2.0
 *
 * The emitter's state, shared by its files: emit.c (functions, loops, statements), address.c
 * (indices and pointers), memory.c (fetch, store), values.c (operations), convert.c (element
 * types).
 *
 * A value of the nest is an LLVM scalar where all lanes agree and a vector otherwise; cells of
 * register arrays always hold vectors (scalars if the function has no lane). bool is i1; element
 * types without arithmetic are their bits, i8 or i16.
 *
 * Every open loop has a setup block ahead of its body, without a terminator until the loop closes:
 * what depends on outer loops only (parts of addresses, indices) is computed once, there. So no IR
 * pass is needed, only the code generator.
 */
#ifndef CODEGEN_LLVM_EMITTER_H
#define CODEGEN_LLVM_EMITTER_H

#include "codegen/backend.h"
#include "codegen/llvm/debug.h"
#include "ir/support/array.h"
#include "ir/support/hash.h"

#include <llvm-c/Core.h>

typedef LLVMValueRef Llvm;

enum { MAX_LANES = 64, MAX_LOOP_DEPTH = 48 };

/* What an axis is at this point of the nest. */
typedef struct LoopBinding {
    Llvm value; /* NULL: an unrolled loop's number */
    int64_t number;
    int depth;
} LoopBinding;

/* A number, or with a tensor a pointer, that was computed in the setup block of a loop. */
typedef struct Hoisted {
    const Tensor *tensor;
    const Expr *expr;
    Llvm value;
    int depth;
} Hoisted;

typedef struct Memo {
    const Expr *expr;
    Llvm value;
    uint32_t statement;
} Memo;

typedef struct Emitter {
    const Function *source;
    ExprPool *pool;
    const Target *target;
    Arena *arena;
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMBuilderRef builder;
    Llvm function;
    DebugUnit *debug; /* or NULL */
    LLVMMetadataRef scope;
    LLVMTypeRef i1, i8, i16, i32, i64, f16, f32, f64, pointer, nothing;
    bool has_f16c;
    unsigned lanes; /* 1: no lane */
    Map bindings;   /* Axis -> LoopBinding */
    Map pointers;   /* Tensor -> LLVM value */
    Llvm **cells;   /* by array, then cell; NULL: no value yet */
    int *cell_counts;
    Llvm mask;  /* of the statement: a vector of i1, or NULL */
    Llvm spare; /* memory that may be read in place of what must not be touched */
    int depth;
    LLVMBasicBlockRef setup[MAX_LOOP_DEPTH];
    ARRAY(Hoisted) hoisted;
    Memo *memo; /* of the current statement */
    uint32_t memo_mask, memo_used, statement;
} Emitter;

/* The floats that have arithmetic. */
static inline bool is_real(TnElementType type)
{
    return type == TN_FLOAT || type == TN_DOUBLE;
}

static inline bool is_signed(TnElementType type)
{
    return element_kind(type) == ELEMENT_KIND_SIGNED;
}

/* ---- emit.c ------------------------------------------------------------------------------ */

/* Adds the function to the module, under its name; with debugging information unless that is NULL.
 */
void emit_function(LLVMModuleRef module, const Target *target, ExprPool *pool,
                   const Function *function, DebugUnit *debug);
LLVMBasicBlockRef emit_block(Emitter *em, const char *name);

/* ---- address.c --------------------------------------------------------------------------- */

typedef enum LaneShape {
    LANES_same,       /* one address for all */
    LANES_contiguous, /* 0, 1, 2, ... */
    LANES_steps,      /* a constant for each lane */
    LANES_general,    /* anything */
} LaneShape;

bool mentions_lane(const Emitter *em, const Expr *e);
/* An index that is the same in all lanes, as i64. */
Llvm emit_index(Emitter *em, const Expr *e);
/* One value a lane: a vector of i64, or of i32 where bounds allow. */
Llvm emit_lane_index(Emitter *em, const Expr *e);
/* e compares two indices: i1, or a vector of them. */
Llvm emit_index_compare(Emitter *em, const Expr *e);
/* How lanes move an offset; steps[lane] are filled for all but LANES_general. */
LaneShape lane_shape(Emitter *em, const Expr *offset, int64_t *steps);
/* Address of tensor[offset] for all lanes alike: terms that mention the lane are left out. */
Llvm emit_address(Emitter *em, const Tensor *tensor, const Expr *offset);
/* The terms that mention the lane, as a vector of indices. */
Llvm emit_lane_offset(Emitter *em, const Expr *offset);
/* The number of a cell: constant, as all its axes are unrolled. */
int64_t emit_cell_number(Emitter *em, const Expr *index);

/* ---- memory.c ---------------------------------------------------------------------------- */

Llvm emit_fetch(Emitter *em, const Expr *e);
void emit_store(Emitter *em, const Nest *nest);
void emit_prefetch(Emitter *em, const Nest *nest);

/* ---- values.c ---------------------------------------------------------------------------- */

Llvm emit_value(Emitter *em, const Expr *e);
/* An intrinsic that is overloaded by these types. */
Llvm emit_overloaded(Emitter *em, const char *name, LLVMTypeRef *types, unsigned type_count,
                     Llvm *args, unsigned count);
/* By one type, or none where it is NULL. */
Llvm emit_intrinsic(Emitter *em, const char *name, LLVMTypeRef type, Llvm *args, unsigned count);
bool is_vector(Llvm value);
Llvm splat(Emitter *em, Llvm scalar);         /* itself if it is a vector */
Llvm both_masks(Emitter *em, Llvm a, Llvm b); /* either may be NULL */
Llvm constant_int(Emitter *em, LLVMTypeRef type, int64_t value);
/* A vector constant; values[lane] */
Llvm constant_lanes(Emitter *em, LLVMTypeRef element, const int64_t *values);
/* The scalar type, or a vector of it if `like` is a vector. */
LLVMTypeRef type_like(Emitter *em, LLVMTypeRef scalar, Llvm like);
/* An integer constant of value's own type, splat if that is a vector. */
Llvm constant_like(Emitter *em, Llvm value, int64_t number);
Llvm real_like(Emitter *em, Llvm value, double number);

/* ---- convert.c --------------------------------------------------------------------------- */

LLVMTypeRef value_type(Emitter *em, TnElementType type);  /* bool: i1 */
LLVMTypeRef memory_type(Emitter *em, TnElementType type); /* bool: i8 */
/* Between element types, as ONNX's Cast; scalars or vectors. */
Llvm emit_convert(Emitter *em, Llvm value, TnElementType from, TnElementType to, bool saturate);

#endif
