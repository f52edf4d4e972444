/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the interpreter: what evaluate_compile.c makes of a compute and evaluate.c runs.
 *
 * A compute becomes a nest of loops, one of which is the *row*: it is done in chunks, a whole chunk
 * at a time. Its expressions become a list of instructions on registers, each with the *level* at
 * which it has to be done again: the number of loops around it that it depends on. So what does not
 * depend on inner loops is computed outside them, and each node of the DAG once.
 *
 * A register of an index holds base + step * lane where that is what it is (found out while
 * running, so that min(i, N - 1) is a copy of i or a constant in nearly every row), a row of int64
 * otherwise. A register of values holds a row, or one element where it does not depend on the row.
 */
#ifndef IR_KERNEL_EVALUATE_H
#define IR_KERNEL_EVALUATE_H

#include "ir/kernel/evaluate_row.h"

enum { EVALUATE_MAX_LOOPS = 4 * MAX_RANK + 1, EVALUATE_MAX_CHUNK = 512 };

typedef enum Action {
    /* Indices */
    ACTION_integer,
    ACTION_symbol,
    ACTION_axis,
    ACTION_linear,
    ACTION_times,
    ACTION_quotient,
    ACTION_modulus,
    ACTION_larger,
    ACTION_smaller,
    ACTION_select_index,
    ACTION_to_index,
    /* Values */
    ACTION_constant,
    ACTION_from_index,
    ACTION_load,
    ACTION_operation, /* unary, binary, compare */
    ACTION_compare_index,
    ACTION_fma,
    ACTION_dot4,
    ACTION_select,
    ACTION_convert, /* between compute types */
    ACTION_round,   /* to a type without arithmetic */
    ACTION_bitcast,
} Action;

/* A tensor's element at indices held in registers. */
typedef struct Access {
    const Tensor *tensor;
    int rank;
    int index[MAX_RANK], extent[MAX_RANK], stride[MAX_RANK]; /* registers */
    int offset; /* register of the flat offset where the layout is not row major; -1 */
    int fill;   /* register; -1: zero */
} Access;

typedef struct Instruction {
    Action action;
    const Expr *e;
    TnElementType type; /* of the result in its register; EXPR_INDEX */
    int target, source_count, level, loop;
    const int *sources;
    bool is_row;
    RowOperation *operation;
    const Access *access;
} Instruction;

/* Where a register lives in a frame. */
typedef struct RegisterInfo {
    TnElementType type;
    bool is_row;
    int level;
    size_t offset; /* of its storage in the frame */
} RegisterInfo;

typedef struct Loop {
    const Axis *axis;                /* NULL: runs once */
    int extent;                      /* register */
    bool is_row, is_reverse, is_cut; /* cut: begin and end of the evaluation apply */
} Loop;

/* One factor of a sum of products: a load whose indices are affine in the inner axes. */
enum { PRODUCT_MAX_REDUCE = 2 * MAX_RANK };
typedef struct ProductFactor {
    Access access; /* without the contribution of the inner axes */
    /* Coefficients of the inner axes in each index. */
    int64_t row[MAX_RANK], tile[MAX_RANK], reduce[MAX_RANK][PRODUCT_MAX_REDUCE];
} ProductFactor;

/* See evaluate_product.c. Inner axes: row, tile, and the reduce axes. */
typedef struct Product {
    TnElementType type;       /* of both factors */
    ProductFactor factors[2]; /* the tile's axis is in the first alone, if there is one */
    bool is_dot;              /* no row: the innermost sum is along memory */
    const Axis *row, *tile;   /* axes of out; or NULL */
    int row_dim, tile_dim, row_extent, tile_extent; /* the extents are registers */
    bool row_is_cut, tile_is_cut;
    int reduce_count;
    const Axis *reduce[PRODUCT_MAX_REDUCE];
    int reduce_extent[PRODUCT_MAX_REDUCE];
} Product;

typedef struct ComputePlan {
    const Compute *compute;
    int loop_count, row, reduce_begin; /* loops from reduce_begin on are folded */
    Loop loops[EVALUATE_MAX_LOOPS];
    int register_count, instruction_count;
    RegisterInfo *registers;
    Instruction *instructions; /* by level */
    int level_begin[EVALUATE_MAX_LOOPS + 2];
    int body;
    TnElementType body_type, carried; /* carried: what the combination is done in */
    RowOperation *combine;
    const Expr *neutral;
    Access out;
    int chunk;
    size_t frame_bytes;     /* of the registers' storage */
    const Product *product; /* NULL: the loops above do it */
} ComputePlan;

struct Evaluator {
    const Kernel *kernel;
    int plan_count;
    ComputePlan *plans;
    size_t scratch_bytes;
    const Axis *parallel;
};

/* A register at run time. */
typedef struct Cell {
    int64_t base, step;
    bool is_affine;
    void *data; /* what the value is now; may be a tensor's memory */
    void *storage;
} Cell;

typedef struct Frame {
    const ComputePlan *plan;
    const int64_t *sizes;
    void *const *data; /* the kernel's tensors */
    Cell *cells;
    int64_t position[EVALUATE_MAX_LOOPS];
    int64_t begin, end; /* of the loop that is cut; end < 0: all */
    int64_t n;          /* lanes of the chunk */
    int64_t *offsets;   /* a row, for accesses that are not affine */
    char *carried;      /* a row of the carried type */
    char *converted;    /* a row, for conversions before a store */
    char *scratch;      /* product_scratch_bytes() */
} Frame;

/* How an access lies over the lanes. */
typedef struct Resolved {
    bool is_affine;
    int64_t offset, step, lower, upper; /* affine: lanes lower .. upper are inside */
} Resolved;

void compute_plan(Arena *arena, ExprPool *pool, const Compute *compute, ComputePlan *plan);
typedef struct PlanBuilder PlanBuilder;
int plan_register(PlanBuilder *builder, const Expr *e);
void plan_access(PlanBuilder *builder, const Tensor *tensor, const Expr *const *indices,
                 Access *access);
const Axis *plan_cut_axis(const Compute *compute);
bool product_plan(PlanBuilder *builder, Arena *arena, ExprPool *pool, const Axis *row,
                  ComputePlan *plan);
/* Memory beyond the registers. */
size_t product_scratch_bytes(const ComputePlan *plan);
void product_run(Frame *frame);

static inline int64_t cell_at(const Cell *cell, int64_t lane)
{
    return cell->is_affine ? cell->base + cell->step * lane : ((const int64_t *)cell->data)[lane];
}

/* Narrows lower .. upper to the x with 0 <= base + step * x < extent. */
void clip_range(int64_t base, int64_t step, int64_t extent, int64_t *lower, int64_t *upper);

#endif
