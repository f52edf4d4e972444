/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums of products of two loads: matrix products, convolutions, their relatives.
 *
 *   out[.., tile, .., row] = sum over reduce of a[..] * b[..]
 *
 * Where the indices of both loads are affine in the inner axes (row, tile, reduce), an index is
 * what the outer loops make of it plus coefficient * axis, so that no instruction has to run
 * inside. A tile of up to four results (where only `a` has the tile's axis) times a chunk of the
 * row is accumulated in doubles: for each step of the sums, b's row is read once and used for each
 * of the four. Without a row (is_dot: both factors lie along the innermost sum) each result is a
 * dot product.
 *
 * Windows: an index that may leave its tensor narrows the range of the one summed axis that decides
 * it, or the lanes of the row; what is outside contributes nothing (its fill is zero). Axes that
 * occur in such indices are summed outermost.
 *
 * The order of additions depends on the sizes alone: bits do not depend on threads or vector width.
 */
#include "ir/kernel/evaluate.h"
#include "runtime/bits.h"

#include <assert.h>
#include <string.h>

enum { TILE = 4, MAX_GUARDS = 2 * MAX_RANK };

/* ---- Recognition ------------------------------------------------------------------------- */

static bool is_factor(const Expr *e)
{
    if (e->kind != EXPR_load)
        return false;
    const Tensor *tensor = e->object;
    double fill;
    if (tensor->element != TN_FLOAT && tensor->element != TN_DOUBLE &&
        tensor->element != TN_FLOAT16 && tensor->element != TN_BFLOAT16)
        return false;
    return tensor_is_row_major(tensor) &&
           (!e->has_fill || (expr_is_constant(e->src[tensor->rank], &fill) && fill == 0));
}

static bool load_has_axis(const Expr *load, const Axis *axis)
{
    for (int d = 0; d < ((const Tensor *)load->object)->rank; d++)
        if (expr_contains_axis(load->src[d], axis))
            return true;
    return false;
}

/* Splits an index into rest + coefficient * axis; false if it is not affine in the axis. */
static bool split_index(ExprPool *pool, const Expr **index, const Axis *axis, int64_t *coefficient)
{
    *coefficient = expr_coefficient(*index, axis);
    *index = expr_minus(pool, *index, expr_scale(pool, expr_axis(pool, axis), *coefficient));
    return !expr_contains_axis(*index, axis);
}

static bool split_factor(ExprPool *pool, const Expr *load, const Product *product,
                         ProductFactor *factor, const Expr **rest)
{
    for (int d = 0; d < ((const Tensor *)load->object)->rank; d++) {
        rest[d] = load->src[d];
        if (product->row && !split_index(pool, &rest[d], product->row, &factor->row[d]))
            return false;
        if (product->tile && !split_index(pool, &rest[d], product->tile, &factor->tile[d]))
            return false;
        for (int r = 0; r < product->reduce_count; r++)
            if (!split_index(pool, &rest[d], product->reduce[r], &factor->reduce[d][r]))
                return false;
    }
    return true;
}

/* Whether every index of a load is affine in the axis. */
static bool is_affine_in(ExprPool *pool, const Expr *load, const Axis *axis)
{
    int64_t coefficient;
    for (int d = 0; d < ((const Tensor *)load->object)->rank; d++) {
        const Expr *index = load->src[d];
        if (!split_index(pool, &index, axis, &coefficient))
            return false;
    }
    return true;
}

/* An axis that one factor has and the other has not: the longest. Swaps them so that it is in the
 * first. */
static void choose_tile(ExprPool *pool, const Compute *compute, Product *product,
                        const Expr *loads[2])
{
    int64_t best = 1;
    product->tile_dim = -1;
    for (int d = 0; d < compute->axis_count; d++) {
        const Axis *axis = compute->axes[d];
        bool in_a = load_has_axis(loads[0], axis), in_b = load_has_axis(loads[1], axis);
        if (axis == product->row || in_a == in_b || !is_affine_in(pool, loads[in_a ? 0 : 1], axis))
            continue;
        /* The other factor must be the one with the row, so that its row is shared. */
        if (product->row && !load_has_axis(loads[in_a ? 1 : 0], product->row))
            continue;
        if (product->row && load_has_axis(loads[in_a ? 0 : 1], product->row))
            continue;
        int64_t extent;
        if (!expr_known(axis->extent, &extent))
            extent = 64;
        if (extent > best) {
            best = extent;
            product->tile = axis;
            product->tile_dim = d;
        }
    }
    bool second_has_tile = product->tile && load_has_axis(loads[1], product->tile);
    bool row_is_first = !product->tile && product->row && !load_has_axis(loads[1], product->row);
    if (second_has_tile || row_is_first) {
        const Expr *first = loads[0];
        loads[0] = loads[1];
        loads[1] = first;
    }
}

/* Whether an index of the load that the axis is part of may leave the tensor. */
static bool in_window(ExprPool *pool, const Expr *load, const Axis *axis)
{
    const Tensor *tensor = load->object;
    for (int d = 0; d < tensor->rank; d++) {
        double inside;
        if (expr_contains_axis(load->src[d], axis) &&
            !(expr_is_constant(expr_inside(pool, load->src[d], tensor->shape[d]), &inside) &&
              inside != 0))
            return true;
    }
    return false;
}

/* Axes that windows depend on first, the one that memory lies along last. */
static void order_reduce_axes(ExprPool *pool, const Compute *compute, Product *product,
                              const Expr *loads[2], const Axis *row)
{
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < compute->reduce_count; i++) {
            const Axis *axis = compute->reduce_axes[i];
            if (expr_is(axis->extent, 1) || (product->is_dot && axis == row))
                continue;
            bool outer = in_window(pool, loads[0], axis) || in_window(pool, loads[1], axis);
            if (outer == (pass == 0))
                product->reduce[product->reduce_count++] = axis;
        }
    if (product->is_dot)
        product->reduce[product->reduce_count++] = row;
}

static bool recognise(ExprPool *pool, const Compute *compute, const Axis *row, Product *product,
                      const Expr *loads[2])
{
    if (compute->kind != COMPUTE_reduce || compute->combine != COMBINE_sum || !row ||
        compute->body->kind != EXPR_multiply || !tensor_is_row_major(compute->out) ||
        (compute->accumulate != TN_UNDEFINED && compute->accumulate != TN_FLOAT &&
         compute->accumulate != TN_DOUBLE))
        return false;
    loads[0] = compute->body->src[0];
    loads[1] = compute->body->src[1];
    if (!is_factor(loads[0]) || !is_factor(loads[1]))
        return false;
    product->type = ((const Tensor *)loads[0]->object)->element;
    if (((const Tensor *)loads[1]->object)->element != product->type)
        return false;
    product->row_dim = -1;
    for (int d = 0; d < compute->axis_count; d++)
        if (compute->axes[d] == row) {
            product->row = row;
            product->row_dim = d;
        }
    product->is_dot = !product->row;
    choose_tile(pool, compute, product, loads);
    order_reduce_axes(pool, compute, product, loads, row);
    return product->reduce_count > 0;
}

bool product_plan(PlanBuilder *builder, Arena *arena, ExprPool *pool, const Axis *row,
                  ComputePlan *plan)
{
    const Compute *compute = plan->compute;
    Product *product = ARENA_NEW(arena, Product);
    const Expr *loads[2], *rest[2][MAX_RANK], *indices[MAX_RANK];
    if (!recognise(pool, compute, row, product, loads))
        return false;
    for (int i = 0; i < 2; i++)
        if (!split_factor(pool, loads[i], product, &product->factors[i], rest[i]))
            return false;
    const Axis *cut = plan_cut_axis(compute);
    for (int d = 0; d < compute->axis_count; d++) {
        const Axis *axis = compute->axes[d];
        bool is_inner = axis == product->row || axis == product->tile;
        indices[d] = is_inner ? expr_integer(pool, 0) : expr_axis(pool, axis);
        if (!is_inner && !expr_is(axis->extent, 1))
            plan->loops[plan->loop_count++] = (Loop){.axis = axis, .is_cut = axis == cut};
    }
    product->row_is_cut = product->row && product->row == cut;
    product->tile_is_cut = product->tile && product->tile == cut;
    plan->row = plan->loop_count;
    plan->loops[plan->loop_count++] = (Loop){.is_row = true};
    plan->reduce_begin = plan->loop_count;
    for (int i = 0; i < plan->loop_count; i++)
        plan->loops[i].extent = plan_register(
            builder, plan->loops[i].axis ? plan->loops[i].axis->extent : expr_integer(pool, 1));
    for (int i = 0; i < 2; i++)
        plan_access(builder, loads[i]->object, rest[i], &product->factors[i].access);
    plan_access(builder, compute->out, indices, &plan->out);
    const Expr *one = expr_integer(pool, 1);
    product->row_extent = plan_register(builder, product->row ? product->row->extent : one);
    product->tile_extent = plan_register(builder, product->tile ? product->tile->extent : one);
    for (int r = 0; r < product->reduce_count; r++)
        product->reduce_extent[r] = plan_register(builder, product->reduce[r]->extent);
    plan->body = product->row_extent;
    plan->product = product;
    return true;
}

size_t product_scratch_bytes(const ComputePlan *plan)
{
    return plan->product
               ? sizeof(double) * TILE * EVALUATE_MAX_CHUNK + sizeof(double) * EVALUATE_MAX_CHUNK
               : 0;
}

/* ---- Inner loops ------------------------------------------------------------------------- */

/* The same C for several instruction sets: without contraction of a * b + c all give equal bits. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&                             \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define FOR_ALL_MACHINES __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define FOR_ALL_MACHINES
#endif

/* Strides, in elements, along the tile, the innermost sum, the row. */
typedef struct Steps {
    int64_t a_tile, a_sum, a_row, b_sum, b_row;
} Steps;

static inline double read_float(float x)
{
    return (double)x;
}
static inline double read_double(double x)
{
    return x;
}

/* Exponents are 112 apart; scaling makes denormals right, and infinities are put right by hand. */
static inline double read_half(uint16_t x)
{
    uint32_t magnitude = (uint32_t)(x & 0x7fff) << 13;
    float scaled = float_from_bits(magnitude) * 0x1p112f;
    float finite = (x & 0x7c00) == 0x7c00 ? float_from_bits(magnitude | 0x7f800000) : scaled;
    return x & 0x8000 ? -(double)finite : (double)finite;
}

static inline double read_brain(uint16_t x)
{
    return (double)float_from_bits((uint32_t)x << 16);
}

#define INNER_LOOPS(name, Type)                                                                    \
    FOR_ALL_MACHINES                                                                               \
    static void tile_##name(int64_t count, const void *a_data, const void *b_data, Steps s,        \
                            int64_t n, double *restrict sums)                                      \
    {                                                                                              \
        const Type *restrict a = a_data, *restrict b = b_data;                                     \
        double *restrict s0 = sums, *restrict s1 = s0 + EVALUATE_MAX_CHUNK;                        \
        double *restrict s2 = s1 + EVALUATE_MAX_CHUNK, *restrict s3 = s2 + EVALUATE_MAX_CHUNK;     \
        for (int64_t k = 0; k < count; k++, a += s.a_sum, b += s.b_sum) {                          \
            double a0 = read_##name(a[0]), a1 = read_##name(a[s.a_tile]);                          \
            double a2 = read_##name(a[2 * s.a_tile]), a3 = read_##name(a[3 * s.a_tile]);           \
            if (s.b_row == 1)                                                                      \
                for (int64_t l = 0; l < n; l++) {                                                  \
                    double x = read_##name(b[l]);                                                  \
                    s0[l] += a0 * x;                                                               \
                    s1[l] += a1 * x;                                                               \
                    s2[l] += a2 * x;                                                               \
                    s3[l] += a3 * x;                                                               \
                }                                                                                  \
            else                                                                                   \
                for (int64_t l = 0; l < n; l++) {                                                  \
                    double x = read_##name(b[l * s.b_row]);                                        \
                    s0[l] += a0 * x;                                                               \
                    s1[l] += a1 * x;                                                               \
                    s2[l] += a2 * x;                                                               \
                    s3[l] += a3 * x;                                                               \
                }                                                                                  \
        }                                                                                          \
    }                                                                                              \
    FOR_ALL_MACHINES                                                                               \
    static void line_##name(int64_t count, const void *a_data, const void *b_data, Steps s,        \
                            int64_t n, double *restrict sums)                                      \
    {                                                                                              \
        const Type *restrict a = a_data, *restrict b = b_data;                                     \
        for (int64_t k = 0; k < count; k++, a += s.a_sum, b += s.b_sum) {                          \
            double first = read_##name(a[0]);                                                      \
            if (s.a_row == 0 && s.b_row == 1)                                                      \
                for (int64_t l = 0; l < n; l++)                                                    \
                    sums[l] += first * read_##name(b[l]);                                          \
            else if (s.a_row == 1 && s.b_row == 1)                                                 \
                for (int64_t l = 0; l < n; l++)                                                    \
                    sums[l] += read_##name(a[l]) * read_##name(b[l]);                              \
            else                                                                                   \
                for (int64_t l = 0; l < n; l++)                                                    \
                    sums[l] += read_##name(a[l * s.a_row]) * read_##name(b[l * s.b_row]);          \
        }                                                                                          \
    }                                                                                              \
    FOR_ALL_MACHINES                                                                               \
    static double dot_##name(int64_t count, const void *a_data, const void *b_data, Steps s)       \
    {                                                                                              \
        const Type *restrict a = a_data, *restrict b = b_data;                                     \
        double sums[8] = {0};                                                                      \
        int64_t k = 0;                                                                             \
        if (s.a_sum == 1 && s.b_sum == 1)                                                          \
            for (; k + 8 <= count; k += 8)                                                         \
                for (int i = 0; i < 8; i++)                                                        \
                    sums[i] += read_##name(a[k + i]) * read_##name(b[k + i]);                      \
        for (; k < count; k++)                                                                     \
            sums[k % 8] += read_##name(a[k * s.a_sum]) * read_##name(b[k * s.b_sum]);              \
        return ((sums[0] + sums[4]) + (sums[2] + sums[6])) +                                       \
               ((sums[1] + sums[5]) + (sums[3] + sums[7]));                                        \
    }
INNER_LOOPS(float, float)
INNER_LOOPS(double, double)
INNER_LOOPS(half, uint16_t)
INNER_LOOPS(brain, uint16_t)

typedef struct InnerLoops {
    void (*tile)(int64_t count, const void *a, const void *b, Steps s, int64_t n, double *sums);
    void (*line)(int64_t count, const void *a, const void *b, Steps s, int64_t n, double *sums);
    double (*dot)(int64_t count, const void *a, const void *b, Steps s);
} InnerLoops;

static InnerLoops inner_loops(TnElementType type)
{
    switch ((int)type) {
    case TN_DOUBLE: return (InnerLoops){tile_double, line_double, dot_double};
    case TN_FLOAT16: return (InnerLoops){tile_half, line_half, dot_half};
    case TN_BFLOAT16: return (InnerLoops){tile_brain, line_brain, dot_brain};
    }
    return (InnerLoops){tile_float, line_float, dot_float};
}

/* ---- Windows ----------------------------------------------------------------------------- */

/* An index that may leave 0 .. extent. */
typedef struct Guard {
    int64_t extent, row;
    const int64_t *reduce; /* coefficients */
    int last;              /* the innermost summed axis with a coefficient; -1: none */
} Guard;

typedef struct Tile {
    const Frame *frame;
    const Product *product;
    int count; /* results along the tile's axis */
    int64_t extents[PRODUCT_MAX_REDUCE];
    int64_t steps[2][PRODUCT_MAX_REDUCE];
    Steps inner;
    int guard_count;
    Guard guards[MAX_GUARDS];
    double *sums;
} Tile;

static const char *at(const Tile *tile, int factor, int64_t offset)
{
    const Tensor *tensor = tile->product->factors[factor].access.tensor;
    return (const char *)tile->frame->data[tensor->slot] +
           offset * (int64_t)element_bytes(tensor->element);
}

/* `count` steps of the innermost sum on lanes lower .. upper. */
static void run_inner(const Tile *t, int64_t count, int64_t a, int64_t b, int64_t lower,
                      int64_t upper)
{
    const InnerLoops loops = inner_loops(t->product->type);
    const void *y = at(t, 1, b + lower * t->inner.b_row);
    int64_t n = upper - lower;
    double *sums = t->sums + lower;
    a += lower * t->inner.a_row;
    if (!t->product->is_dot && t->count == TILE) {
        loops.tile(count, at(t, 0, a), y, t->inner, n, sums);
        return;
    }
    for (int i = 0; i < t->count; i++, a += t->inner.a_tile, sums += EVALUATE_MAX_CHUNK) {
        if (t->product->is_dot)
            *sums += loops.dot(count, at(t, 0, a), y, t->inner);
        else
            loops.line(count, at(t, 0, a), y, t->inner, n, sums);
    }
}

/* Sums over the axes from `level` on. values: the guarded indices so far. */
static void descend(const Tile *t, int level, int64_t a, int64_t b, const int64_t *values,
                    int64_t lower, int64_t upper)
{
    int64_t from = 0, to = t->extents[level];
    bool is_last = level + 1 == t->product->reduce_count, lanes_vary = false;
    for (int g = 0; g < t->guard_count; g++) {
        if (t->guards[g].last != level)
            continue;
        if (t->guards[g].row == 0)
            clip_range(values[g], t->guards[g].reduce[level], t->guards[g].extent, &from, &to);
        else
            lanes_vary = true;
    }
    int64_t a_step = t->steps[0][level], b_step = t->steps[1][level];
    a += from * a_step;
    b += from * b_step;
    if (is_last && !lanes_vary) {
        if (from < to && lower < upper)
            run_inner(t, to - from, a, b, lower, upper);
        return;
    }
    for (int64_t x = from; x < to; x++, a += a_step, b += b_step) {
        int64_t next[MAX_GUARDS], first = lower, end = upper;
        for (int g = 0; g < t->guard_count; g++) {
            next[g] = values[g] + x * t->guards[g].reduce[level];
            if (t->guards[g].last == level && t->guards[g].row != 0)
                clip_range(next[g], t->guards[g].row, t->guards[g].extent, &first, &end);
        }
        if (first >= end)
            continue;
        if (is_last)
            run_inner(t, 1, a, b, first, end);
        else
            descend(t, level + 1, a, b, next, first, end);
    }
}

/* ---- Tiles ------------------------------------------------------------------------------- */

/* Adds the guards of a factor for the tile at (m, l); false if the tile's axis itself leaves. */
static bool find_guards(Tile *t, int factor, int64_t m, int64_t l, int64_t n, int64_t *values)
{
    const ProductFactor *f = &t->product->factors[factor];
    for (int d = 0; d < f->access.rank; d++) {
        int64_t base = t->frame->cells[f->access.index[d]].base + m * f->tile[d] + l * f->row[d];
        int64_t extent = t->frame->cells[f->access.extent[d]].base;
        int64_t low = base, high = base, step = f->tile[d] * (t->count - 1);
        int last = -1;
        low += step < 0 ? step : 0;
        high += step > 0 ? step : 0;
        bool tile_leaves = f->tile[d] && (low < 0 || high >= extent);
        step = f->row[d] * (n - 1);
        low += step < 0 ? step : 0;
        high += step > 0 ? step : 0;
        for (int r = 0; r < t->product->reduce_count; r++) {
            step = f->reduce[d][r] * (t->extents[r] - 1);
            low += step < 0 ? step : 0;
            high += step > 0 ? step : 0;
            if (f->reduce[d][r])
                last = r;
        }
        if (low >= 0 && high < extent && base <= EXPR_LIMIT)
            continue;
        if (t->count > 1 && (tile_leaves || f->tile[d]))
            return false;
        values[t->guard_count] = base;
        t->guards[t->guard_count++] =
            (Guard){.extent = extent, .row = f->row[d], .reduce = f->reduce[d], .last = last};
    }
    return true;
}

static int64_t factor_offset(const Tile *t, int factor, int64_t m, int64_t l)
{
    const ProductFactor *f = &t->product->factors[factor];
    int64_t offset = 0;
    for (int d = 0; d < f->access.rank; d++)
        offset += (t->frame->cells[f->access.index[d]].base + m * f->tile[d] + l * f->row[d]) *
                  t->frame->cells[f->access.stride[d]].base;
    return offset;
}

static void store_tile(const Tile *t, int64_t m, int64_t l, int64_t n)
{
    const Frame *frame = t->frame;
    const Access *access = &frame->plan->out;
    const Tensor *out = access->tensor;
    TnElementType type = element_compute_type(out->element);
    int64_t offset = 0, tile_step = 0, row_step = 1;
    for (int d = 0; d < access->rank; d++) {
        int64_t stride = frame->cells[access->stride[d]].base;
        offset += frame->cells[access->index[d]].base * stride;
        if (d == t->product->tile_dim)
            tile_step = stride;
        if (d == t->product->row_dim)
            row_step = stride;
    }
    offset += m * tile_step + l * row_step;
    for (int i = 0; i < t->count; i++, offset += tile_step) {
        const void *row = t->sums + i * EVALUATE_MAX_CHUNK;
        if (type != TN_DOUBLE) {
            row_convert(type, TN_DOUBLE, n, frame->converted, row);
            row = frame->converted;
        }
        char *memory = frame->data[out->slot];
        row_store(out->element, n, memory + offset * (int64_t)element_bytes(out->element), row_step,
                  row, false);
    }
}

static void run_tile(Tile *t, int64_t m, int count, int64_t l, int64_t n)
{
    int64_t values[MAX_GUARDS], lower = 0, upper = n;
    t->count = count;
    t->guard_count = 0;
    if (!find_guards(t, 0, m, l, n, values) || !find_guards(t, 1, m, l, n, values)) {
        for (int i = 0; i < count; i++)
            run_tile(t, m + i, 1, l, n);
        return;
    }
    for (int i = 0; i < count; i++)
        memset(t->sums + i * EVALUATE_MAX_CHUNK, 0, (size_t)n * sizeof(double));
    for (int g = 0; g < t->guard_count; g++)
        if (t->guards[g].last < 0)
            clip_range(values[g], t->guards[g].row, t->guards[g].extent, &lower, &upper);
    bool is_empty = lower >= upper;
    for (int r = 0; r < t->product->reduce_count; r++)
        is_empty |= t->extents[r] <= 0;
    if (!is_empty)
        descend(t, 0, factor_offset(t, 0, m, l), factor_offset(t, 1, m, l), values, lower, upper);
    store_tile(t, m, l, n);
}

static void set_steps(Tile *t)
{
    const Product *p = t->product;
    int64_t row[2] = {0}, along_tile = 0;
    for (int r = 0; r < p->reduce_count; r++)
        t->extents[r] = t->frame->cells[p->reduce_extent[r]].base;
    for (int i = 0; i < 2; i++) {
        const ProductFactor *f = &p->factors[i];
        for (int d = 0; d < f->access.rank; d++) {
            int64_t stride = t->frame->cells[f->access.stride[d]].base;
            row[i] += f->row[d] * stride;
            along_tile += f->tile[d] * stride;
            for (int r = 0; r < p->reduce_count; r++)
                t->steps[i][r] += f->reduce[d][r] * stride;
        }
    }
    t->inner = (Steps){.a_tile = along_tile,
                       .a_sum = t->steps[0][p->reduce_count - 1],
                       .a_row = row[0],
                       .b_sum = t->steps[1][p->reduce_count - 1],
                       .b_row = row[1]};
}

void product_run(Frame *frame)
{
    const Product *p = frame->plan->product;
    Tile t = {.frame = frame, .product = p, .sums = (double *)frame->scratch};
    int64_t row_begin = 0, row_end = frame->cells[p->row_extent].base;
    int64_t tile_begin = 0, tile_end = frame->cells[p->tile_extent].base;
    if (frame->end >= 0 && p->row_is_cut) {
        row_begin = frame->begin;
        row_end = frame->end < row_end ? frame->end : row_end;
    }
    if (frame->end >= 0 && p->tile_is_cut) {
        tile_begin = frame->begin;
        tile_end = frame->end < tile_end ? frame->end : tile_end;
    }
    set_steps(&t);
    for (int64_t l = row_begin; l < row_end; l += EVALUATE_MAX_CHUNK) {
        int64_t n = row_end - l < EVALUATE_MAX_CHUNK ? row_end - l : EVALUATE_MAX_CHUNK;
        for (int64_t m = tile_begin; m < tile_end; m += TILE)
            run_tile(&t, m, tile_end - m < TILE ? (int)(tile_end - m) : TILE, l, n);
    }
}
