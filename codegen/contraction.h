/* SPDX-License-Identifier: Apache-2.0
 *
 * Contractions: a sum of a product of two loads, whatever operator it came from.
 *
 * After layouts are substituted three flat offsets are left, of the operands a and b and of the
 * result. Where an axis has a nonzero coefficient is all that is known about it, and all that a
 * schedule needs. b is the operand with the vectors: the one that has out's contiguous axis.
 *
 * Maps that read the result point by point are attached (epilogue.h).
 */
#ifndef CODEGEN_CONTRACTION_H
#define CODEGEN_CONTRACTION_H

#include "codegen/epilogue.h"
#include "codegen/schedule.h"

enum { MAX_CONTRACTION_AXES = 24, MAX_GUARDS = 8 };
#define SYMBOLIC_STEP ((int64_t)1 << 40)

typedef enum Role {
    ROLE_m,     /* in a and out */
    ROLE_n,     /* in b and out */
    ROLE_k,     /* in a and b, summed */
    ROLE_batch, /* in all three */
} Role;

typedef struct Operand {
    const Tensor *tensor;
    const Expr *offset;
    const Expr *inside; /* zero where it is false; NULL: everywhere inside */
} Operand;

/* Where a tile sticks out of an axis, the part that exists. */
typedef struct Guard {
    const Expr *condition;
    bool summed; /* of a summed axis: packed operands hold zeros there, stores do not care */
} Guard;

typedef struct Contraction {
    ExprPool *pool;
    const Kernel *kernel;
    int axis_count, guard_count, compute_count; /* computes of the kernel that it replaces */
    const Axis *axes[MAX_CONTRACTION_AXES];
    Role roles[MAX_CONTRACTION_AXES];
    Operand a, b, out;
    bool b_scattered; /* b's offset is not affine along the lane: it must be packed */
    const Expr *epilogue;
    Guard guards[MAX_GUARDS];
} Contraction;

/* Reads the computes from `first` on: a contraction and the maps that follow it. False if there is
 * none that schedules could do better than the generic one. */
bool contraction_analyse(const Kernel *kernel, int first, const Target *target, Contraction *c);
/* Whether a tile takes rows along axis a rather than b: extents that are known first, since a batch
 * that may be 1 would leave it one row; then what lies closer together in out. */
bool contraction_rows_before(const Contraction *c, const Axis *a, const Axis *b);
void contraction_print(const Contraction *c, Text *text);

/* What an operand's offset grows by; SYMBOLIC_STEP where only running tells. */
int64_t operand_step(ExprPool *pool, const Operand *operand, const Axis *axis);
/* Replaces an axis by an expression everywhere. */
void contraction_substitute(Contraction *c, const Axis *axis, const Expr *by);
/* Removes an axis from the list, not from the expressions. */
void contraction_drop(Contraction *c, const Axis *axis);
/* axis = outer * factor + inner; a factor that does not divide the extent adds a guard. An outer
 * axis of extent 1 is dropped, and *outer is NULL. */
void contraction_split(Contraction *c, const Axis *axis, int64_t factor, const Axis **outer,
                       const Axis **inner);

/* ---- Panels ------------------------------------------------------------------------------ */

/* Where code of several processors and sizes reads one copy of the weights (Target.shared_lanes),
 * constants are packed in panels whose width follows from the constant's own extent, not from the
 * tile: [.., panel, K, column]. A tile is a whole panel or a piece of one. These say how many
 * columns (of b) or rows (of a) a panel has. */
int64_t panel_columns(const Target *target, int64_t extent);
int64_t panel_rows(int64_t extent);

/* ---- Schedules --------------------------------------------------------------------------- */

/* A register tile and what surrounds it: all that a schedule may choose. */
typedef struct Tiling {
    int lanes;         /* elements of a vector */
    int rows, vectors; /* of the register tile */
    int unroll;        /* steps of the sum per iteration */
    int64_t n_block;   /* vectors of b that are packed at a time; 0: all */
    bool pack_a, pack_b;
    int prefetch_b;      /* elements ahead, 0: none */
    int unrolled_weight; /* epilogues up to this many operations are unrolled over the tile */
    double cycles;       /* of the whole contraction, a guess */
    const char *key;     /* of the structure, where choices are recorded (tuning.h); or NULL */
} Tiling;

/* What the target's tuning says, else what the model of costs picks. */
Tiling tiling_choose(const Contraction *c, const Target *target);
/* What the best tile takes in all, operands being in the second cache. */
double tiling_cycles(const Contraction *c, const Target *target);
/* Tilings that are worth measuring, the model's own first; how many. */
enum { MAX_TILINGS = 10 };
int tiling_candidates(const Contraction *c, const Target *target, Tiling candidates[MAX_TILINGS]);
Function *contraction_schedule(const Contraction *c, const Target *target, const Tiling *tiling);
/* The same as a member of a function whose loops stand around it: those that threads share, if it
 * has any, and its lane. */
void contraction_build(const Contraction *c, const Target *target, const Tiling *tiling,
                       Function *function, NestBuilder *builder);

#endif
