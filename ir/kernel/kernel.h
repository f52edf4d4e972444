/* SPDX-License-Identifier: Apache-2.0
 *
 * Kernels: what to compute over logical indices, before saying in what order.
 *
 * A kernel is a list of computes; a later one may load what an earlier one made. Each compute is of
 * one of four kinds, and together they carry every operator that is not a host function or control
 * flow. With i over the parallel axes, r over the reduce axes:
 *
 *   map      out[i] = body
 *   reduce   out[i] = combine over all r of body         (in row-major order of r)
 *   scan     out[i, t] = combine(out[i, t-1], body)      along one axis t of out, forward or
 * backward scatter  for all i in row-major order: out[target(i)] = combine(out[target(i)], body),
 *            where target(i) is in range; out keeps what an earlier compute put there
 *
 * Bodies are values over loads of tensors. A body's type is the compute type of out's element type,
 * or exactly that element type by a final conversion; the store rounds.
 *
 * Printed form (see kernel_print), which tests read:
 *
 *   kernel softmax (x: float[N, 10]) => (y: float[N, 10])
 *     m: float[N]
 *     m[i0] = max x[i0, r0]   for i0 < N   over r0 < 10
 */
#ifndef IR_KERNEL_KERNEL_H
#define IR_KERNEL_KERNEL_H

#include "ir/expr/expr.h"

typedef enum TensorRole {
    TENSOR_input,
    TENSOR_constant, /* read only, known at compile time */
    TENSOR_output,
    TENSOR_temporary, /* made and read in the kernel */
    TENSOR_scratch,   /* of a schedule: packed operands, tiles */
} TensorRole;

/* A layout maps logical indices to an offset: pieces from the outermost to the innermost, each an
 * axis divided and reduced. "n c/16 h w c%16" is NCHW16c. */
typedef struct Piece {
    int dim;
    int64_t divisor, modulus; /* index / divisor % modulus; modulus 0: no % */
    const Expr *stride;       /* elements */
    const Expr *extent;
} Piece;

typedef struct Layout {
    int piece_count;
    Piece pieces[2 * MAX_RANK];
    int64_t halo[MAX_RANK]; /* elements of fill before and after each dimension */
    const Expr *fill;       /* what the halo holds; NULL: there is none */
} Layout;

typedef struct Tensor {
    const char *name; /* unique in its kernel */
    TensorRole role;
    TnElementType element;
    int rank, slot; /* slot: the position among the kernel's pointers */
    const Expr *shape[MAX_RANK];
    Layout layout;
    const Expr *length;          /* elements in memory, halo included */
    const void *values;          /* of a constant, where known, row major, anywhere; or NULL */
    const struct Mixing *mixing; /* of a constant that is made of another one; or NULL */
} Tensor;

enum { MAX_MIXED = 2 };

/* One dimension of a mixed constant: element i is the sum of weights[i * taps + t] times what lies
 * `step` * t behind the offset in the source. */
typedef struct MixedDim {
    int extent, taps;
    int64_t step;
    const double *weights;
} MixedDim;

/* A constant of weighted sums of the elements of another: it exists packed only, and is made then
 * (Packing). Its first dimensions are the mixed ones, with strides of MIXED_STRIDE << 8 * d, beyond
 * any offset in the source; the others move in the source. */
#define MIXED_STRIDE ((int64_t)1 << 44)
typedef struct Mixing {
    const Tensor *source;
    int count;
    MixedDim dims[MAX_MIXED];
} Mixing;

typedef enum ComputeKind { COMPUTE_map, COMPUTE_reduce, COMPUTE_scan, COMPUTE_scatter } ComputeKind;

typedef enum Combine {
    COMBINE_none, /* a scatter with it stores */
    COMBINE_sum,
    COMBINE_product,
    COMBINE_max, /* NaN wins, as in EXPR_maximum */
    COMBINE_min,
    COMBINE_and,
    COMBINE_or,
    COMBINE_COUNT
} Combine;

typedef struct Compute {
    ComputeKind kind;
    Combine combine;
    const Tensor *out;
    int axis_count, reduce_count;
    const Axis *axes[2 * MAX_RANK]; /* map, reduce, scan: axes[d] indexes out's dimension d */
    const Axis *reduce_axes[2 * MAX_RANK];
    const Expr *body;
    /* Reduce: the type that the combination is carried in; the compute type of `out` unless the
     * operator asks for more (DFT sums in double). */
    TnElementType accumulate;
    /* Scan */
    int scan_dim;
    bool reverse, exclusive;
    /* Scatter: where each element goes */
    const Expr *target[MAX_RANK];
} Compute;

typedef struct Kernel {
    ExprPool *pool;
    const char *name;
    int tensor_count, tensor_capacity, compute_count, compute_capacity;
    Tensor **tensors; /* by slot */
    Compute **computes;
} Kernel;

Kernel *kernel_create(ExprPool *pool, const char *name);
/* Row major, without halo. */
Tensor *kernel_tensor(Kernel *kernel, const char *name, TensorRole role, TnElementType element,
                      int rank, const Expr *const *shape);
/* Replaces the layout: pieces by dimension number, "0 1/16 2 3 1%16"; halo may be NULL. `fill`: a
 * constant of the tensor's compute type; NULL: zero. */
void tensor_set_layout(ExprPool *pool, Tensor *tensor, const char *pieces, const int64_t *halo,
                       const Expr *fill);
/* Row major, with room for `capacity` in dimension `dim` instead of what its shape says. */
void tensor_set_room(ExprPool *pool, Tensor *tensor, int dim, const Expr *capacity);
bool tensor_has_halo(const Tensor *tensor);
/* Whether the index stays within dimension d and `halo` elements around it, whatever the axes and
 * symbols are. */
bool tensor_halo_covers(ExprPool *pool, const Tensor *tensor, int d, const Expr *index,
                        int64_t halo);
/* Whether elements of the same indices lie at the same offsets, and halos hold the same. */
bool tensor_same_layout(const Tensor *a, const Tensor *b);
const Expr *tensor_offset(ExprPool *pool, const Tensor *tensor, const Expr *const *indices);
bool tensor_is_row_major(const Tensor *tensor);

/* A compute of that kind, with one axis i0, i1, ... for each dimension of out; body to be set. A
 * scatter has axes of its own: compute_scatter_axes(). */
Compute *kernel_map(Kernel *kernel, const Tensor *out);
Compute *kernel_reduce(Kernel *kernel, const Tensor *out, Combine combine);
Compute *kernel_scan(Kernel *kernel, const Tensor *out, Combine combine, int scan_dim);
Compute *kernel_scatter(Kernel *kernel, const Tensor *out, Combine combine, int axis_count,
                        const Expr *const *extents);
/* Adds a reduce axis r0, r1, ...; answers it as an index. */
const Expr *compute_reduce_axis(Kernel *kernel, Compute *compute, const Expr *extent);
/* The i-th axis as an index. */
const Expr *compute_axis(const Kernel *kernel, const Compute *compute, int i);

/* The value that a combination starts from: 0, 1, -inf, ... */
const Expr *combine_neutral(ExprPool *pool, Combine combine, TnElementType type);
const Expr *combine_apply(ExprPool *pool, Combine combine, const Expr *a, const Expr *b);
const char *combine_name(Combine combine);

/* Whether the value loads or fetches from the tensor. */
bool expr_reads(ExprPool *pool, const Expr *e, const Tensor *tensor);
/* The same of all that the compute evaluates, a scatter's targets included. */
bool compute_reads(ExprPool *pool, const Compute *compute, const Tensor *tensor);

void kernel_print(const Kernel *kernel, Text *text);
/* NULL, or what is wrong, in the pool's arena. */
const char *kernel_verify(const Kernel *kernel);

/* Replaces loads of a temporary by the body of the map that makes it, where that is legal (one map,
 * row-major or not, whole). A value that was rounded to a small float on its way through memory is
 * rounded in the same way. Answers how many loads were replaced. */
int kernel_inline(Kernel *kernel, const Tensor *temporary);
/* Removes computes whose tensors nobody reads. */
void kernel_prune(Kernel *kernel);
/* Compute number i as a kernel of its own, over the same tensors. */
Kernel *kernel_single(const Kernel *kernel, int i);

/* ---- The interpreter --------------------------------------------------------------------- */

/* A kernel made ready to be interpreted, one row of an innermost axis at a time. Float sums are
 * carried in double. Immutable: may run on many threads. No data makes it touch memory outside the
 * tensors. */
typedef struct Evaluator Evaluator;
Evaluator *evaluator_create(Arena *arena, const Kernel *kernel);
size_t evaluator_scratch_bytes(const Evaluator *evaluator);
/* The axis that a run may be cut along: the first of out that is not of extent 1, in kernels of one
 * compute; NULL where the order of the compute forbids it. */
const Axis *evaluator_parallel(const Evaluator *evaluator);
/* data[] follows tensors[] by slot, in the tensors' layouts, temporaries included; sizes[] is by
 * symbol id. Only the part begin <= x < end of the parallel axis is computed when end >= 0.
 * `scratch`: evaluator_scratch_bytes(), 64-aligned, for this call alone. */
void evaluator_run(const Evaluator *evaluator, const int64_t *sizes, void *const *data,
                   void *scratch, int64_t begin, int64_t end);

#endif
