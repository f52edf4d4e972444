/* SPDX-License-Identifier: Apache-2.0
 *
 * Schedules: from a kernel's computes to nests. A kernel becomes functions that run one after the
 * other. A contraction with the maps that follow it, or a sweep of maps and reductions over the
 * same rows, is one function; every other compute is one of its own, by the generic schedule, which
 * can do anything.
 */
#ifndef CODEGEN_SCHEDULE_H
#define CODEGEN_SCHEDULE_H

#include "codegen/backend.h"
#include "ir/support/array.h"

typedef ARRAY(Function *) FunctionList;

void schedule_kernel(const Target *target, Arena *arena, const Kernel *kernel,
                     FunctionList *functions);

/* The same as phases: Backend.schedule of every backend that emits code. */
Phase *schedule_phases(const Target *target, Arena *arena, const Kernel *kernel, int *phase_count,
                       Diagnostics *diagnostics);

/* A correct nest for compute number `first`, whatever it is: loops over its axes, lanes along the
 * best of them. *count: it and the maps that were attached to it. */
Function *schedule_generic(const Target *target, const Kernel *kernel, int first, int *count);

/* The computes from `first` on that work on the same rows, as one function; NULL if there are fewer
 * than two of them. */
Function *schedule_sweep(const Target *target, const Kernel *kernel, int first, int *count);

/* Whether it moves elements of 16 bytes (strings, complex doubles), which no vector has lanes for.
 */
bool kernel_is_wide(const Kernel *kernel);

/* ---- What schedules share ---------------------------------------------------------------- */

/* With the kernel's tensors by slot, no nest. */
Function *function_create(const Kernel *kernel, const char *name);
/* Adds a tensor to the function's pointers. */
void function_add_tensor(Arena *arena, Function *function, const Tensor *tensor);
/* Private memory of a call; name is its identity within the function. */
const Tensor *function_scratch(ExprPool *pool, Function *function, const char *name,
                               TnElementType element, int64_t length);

/* The same for a tensor that is there, by its length. */
void function_add_scratch(Function *function, Tensor *tensor);

/* Loads become fetches of flat offsets; what bounds prove to be in range loses its condition. */
const Expr *lower_loads(ExprPool *pool, const Expr *value);
/* The same, and functions that the processor lacks become polynomials. */
const Expr *lower_value(const Target *target, ExprPool *pool, const Expr *value);
bool target_has_operation(const Target *target, ExprKind kind, TnElementType type);
/* Whether everything in e depends on outer * extent(inner) + inner alone, so that the two axes can
 * be one: substitute 0 for outer and the new axis for inner. */
bool axes_fusable(ExprPool *pool, const Expr *e, const Axis *outer, const Axis *inner);

/* What an index grows by with an axis, which may be a product of sizes; NULL if it is not affine.
 */
const Expr *index_step(ExprPool *pool, const Expr *e, const Axis *axis);

/* Chooses which of some nested loops, outermost first, threads share: the first that is certainly
 * long, else the first that may be, and where it has few turns another one with it. Loops beyond
 * the first `cheap` repeat work in every part (packing): they are chosen only if those before are
 * too short. */
void choose_parallel(Function *function, const Axis *const *axes, int count, int cheap);
/* The kind of the loop over an axis, after that. */
LoopKind loop_kind(const Function *function, const Axis *axis);

/* Elements of a 4-byte type in a vector. */
int target_lanes(const Target *target);
/* What an extent that only running tells counts for in costs: most often many, and not a multiple
 * of any tile. */
enum { OPEN_EXTENT = 256 };
/* How much an axis runs, `otherwise` where only running tells. */
int64_t extent_or(const Expr *extent, int64_t otherwise);
/* Arithmetic operations in an expression, shared ones once. */
int expr_weight(ExprPool *pool, const Expr *e);

#endif
