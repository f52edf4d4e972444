/* SPDX-License-Identifier: Apache-2.0
 *
 * The analysis of contractions: from loads over logical indices to roles of axes.
 */
#include "contraction.h"

#include <assert.h>

/* ---- Affine structure -------------------------------------------------------------------- */

static void operand_substitute(ExprPool *pool, Operand *operand, const Axis *axis, const Expr *by)
{
    operand->offset = expr_substitute(pool, operand->offset, axis, by);
    if (operand->inside)
        operand->inside = expr_substitute(pool, operand->inside, axis, by);
}

void contraction_substitute(Contraction *c, const Axis *axis, const Expr *by)
{
    operand_substitute(c->pool, &c->a, axis, by);
    operand_substitute(c->pool, &c->b, axis, by);
    operand_substitute(c->pool, &c->out, axis, by);
    c->epilogue = expr_substitute(c->pool, c->epilogue, axis, by);
    for (int i = 0; i < c->guard_count; i++)
        c->guards[i].condition = expr_substitute(c->pool, c->guards[i].condition, axis, by);
}

static int find_axis(const Contraction *c, const Axis *axis)
{
    int at = 0;
    while (c->axes[at] != axis)
        at++;
    return at;
}

void contraction_drop(Contraction *c, const Axis *axis)
{
    int at = find_axis(c, axis);
    c->axis_count--;
    for (; at < c->axis_count; at++) {
        c->axes[at] = c->axes[at + 1];
        c->roles[at] = c->roles[at + 1];
    }
}

void contraction_split(Contraction *c, const Axis *axis, int64_t factor, const Axis **outer,
                       const Axis **inner)
{
    ExprPool *pool = c->pool;
    Arena *arena = expr_pool_arena(pool);
    int at = find_axis(c, axis);
    int64_t extent = extent_or(axis->extent, -1);
    const Expr *width = expr_integer(pool, factor);
    Axis *high = axis_create(pool, arena_format(arena, "%so", axis->name),
                             expr_round_up_quotient(pool, axis->extent, width));
    Axis *low = axis_create(pool, arena_format(arena, "%si", axis->name), width);
    const Expr *by =
        expr_plus(pool, expr_scale(pool, expr_axis(pool, high), factor), expr_axis(pool, low));
    bool summed = c->roles[at] == ROLE_k;
    contraction_substitute(c, axis, by);
    if (extent < 0 ? !expr_divisible(axis->extent, factor) : extent % factor != 0) {
        assert(c->guard_count < MAX_GUARDS);
        c->guards[c->guard_count++] =
            (Guard){expr_compare(pool, EXPR_less, by, axis->extent), summed};
    }
    assert(c->axis_count < MAX_CONTRACTION_AXES);
    for (int i = c->axis_count++; i > at; i--) {
        c->axes[i] = c->axes[i - 1];
        c->roles[i] = c->roles[i - 1];
    }
    c->axes[at] = *outer = high;
    c->axes[at + 1] = *inner = low;
    if (expr_is(high->extent, 1)) {
        contraction_drop(c, high);
        *outer = NULL;
    }
}

int64_t operand_step(ExprPool *pool, const Operand *operand, const Axis *axis)
{
    const Expr *step = index_step(pool, operand->offset, axis);
    return step ? extent_or(step, SYMBOLIC_STEP) : 0;
}

/* An axis that an index divides, alone or beside what the divisor divides; and the divisor. */
typedef struct Division {
    const Axis *axis;
    int64_t factor;
} Division;

static void find_division(void *user, const Expr *e)
{
    Division *found = user;
    int64_t divisor;
    if (found->axis || (e->kind != EXPR_quotient && e->kind != EXPR_modulus) ||
        !expr_known(e->src[1], &divisor))
        return;
    const Expr *index = e->src[0];
    const Expr *const *atoms = index->kind == EXPR_linear ? index->src : &index;
    for (int i = 0; i < (index->kind == EXPR_linear ? index->count : 1); i++) {
        int64_t factor = index->kind == EXPR_linear ? index->factors[i] : 1;
        if (atoms[i]->kind != EXPR_axis || factor <= 0 || divisor % factor)
            continue;
        *found = (Division){atoms[i]->object, divisor / factor};
        return;
    }
}

static bool has_axis(const Contraction *c, const Axis *axis)
{
    for (int i = 0; i < c->axis_count; i++)
        if (c->axes[i] == axis)
            return true;
    return false;
}

/* Splits axes where an offset divides them (tiles of layouts, groups) until every offset is affine.
 */
static bool split_at_divisions(Contraction *c)
{
    for (int splits = 0; splits < 6; splits++) {
        const Expr *roots[] = {c->a.offset, c->b.offset, c->out.offset};
        Division found = {0};
        const Axis *outer, *inner;
        for (int i = 0; i < 3 && !found.axis; i++)
            expr_walk(c->pool, roots[i], find_division, &found);
        if (!found.axis)
            return true;
        if (!has_axis(c, found.axis) || found.factor <= 1 ||
            !expr_divisible(found.axis->extent, found.factor) ||
            expr_is(found.axis->extent, found.factor))
            return false;
        contraction_split(c, found.axis, found.factor, &outer, &inner);
    }
    return false;
}

static bool is_affine(const Contraction *c, const Axis *axis)
{
    return index_step(c->pool, c->a.offset, axis) && index_step(c->pool, c->b.offset, axis) &&
           index_step(c->pool, c->out.offset, axis);
}

static bool classify(Contraction *c)
{
    for (int i = 0; i < c->axis_count; i++) {
        const Axis *axis = c->axes[i];
        if (expr_is(axis->extent, 1)) {
            contraction_drop(c, axis);
            i--;
            continue;
        }
        bool a = operand_step(c->pool, &c->a, axis) != 0,
             b = operand_step(c->pool, &c->b, axis) != 0;
        bool out = operand_step(c->pool, &c->out, axis) != 0;
        if (!is_affine(c, axis) || a + b + out < 2)
            return false;
        c->roles[i] = !out ? ROLE_k : !b ? ROLE_m : !a ? ROLE_n : ROLE_batch;
    }
    return true;
}

static const Axis *contiguous_axis(const Contraction *c)
{
    for (int i = 0; i < c->axis_count; i++)
        if (operand_step(c->pool, &c->out, c->axes[i]) == 1)
            return c->axes[i];
    return NULL;
}

/* b is the operand that moves along out's contiguous axis. */
static bool orient(Contraction *c)
{
    const Axis *axis = contiguous_axis(c);
    if (!axis)
        return false;
    if (operand_step(c->pool, &c->b, axis) != 0)
        return true;
    Operand swap = c->a;
    c->a = c->b;
    c->b = swap;
    return classify(c);
}

/* ---- Fusing axes ------------------------------------------------------------------------- */

static bool operand_fusable(ExprPool *pool, const Operand *operand, const Axis *outer,
                            const Axis *inner)
{
    return axes_fusable(pool, operand->offset, outer, inner) &&
           (!operand->inside || axes_fusable(pool, operand->inside, outer, inner));
}

/* Rows enough for tiles of every height, so that what is left over in each turn of a loop around
 * them does not matter. */
enum { MANY_ROWS = 64 };

static bool can_fuse(const Contraction *c, const Axis *outer, const Axis *inner)
{
    /* A size that only running tells would need tiles of every height for its last rows. */
    if (extent_or(outer->extent, -1) < 0 && extent_or(inner->extent, -1) >= MANY_ROWS)
        return false;
    return operand_fusable(c->pool, &c->a, outer, inner) &&
           operand_fusable(c->pool, &c->b, outer, inner) &&
           operand_fusable(c->pool, &c->out, outer, inner) &&
           axes_fusable(c->pool, c->epilogue, outer, inner);
}

static void fuse(Contraction *c, const Axis *outer, const Axis *inner)
{
    const Expr *extent = expr_times(c->pool, outer->extent, inner->extent);
    const Axis *fused = axis_create(c->pool, outer->name, extent);
    contraction_substitute(c, outer, expr_integer(c->pool, 0));
    contraction_substitute(c, inner, expr_axis(c->pool, fused));
    c->axes[find_axis(c, inner)] = fused;
    contraction_drop(c, outer);
}

/* Axes that move everything as one become one. */
static void fuse_axes(Contraction *c)
{
    for (int i = 0; i < c->axis_count; i++) {
        for (int j = 0; j < c->axis_count; j++) {
            if (i == j || !can_fuse(c, c->axes[i], c->axes[j]))
                continue;
            fuse(c, c->axes[i], c->axes[j]);
            i = -1;
            break;
        }
    }
}

/* Where a window keeps rows of out apart and lanes along short rows would be mostly empty, the rows
 * become one axis: contiguous in out, divided in b, which therefore is packed lane by lane. */
static void fuse_short_rows(Contraction *c, int lanes)
{
    ExprPool *pool = c->pool;
    const Axis *inner = contiguous_axis(c), *outer = NULL;
    int64_t columns = extent_or(inner->extent, -1), rows;
    for (int i = 0; i < c->axis_count; i++)
        if (c->roles[i] == ROLE_n && operand_step(c->pool, &c->out, c->axes[i]) == columns)
            outer = c->axes[i];
    if (columns < 0 || !outer || c->b.tensor->role == TENSOR_constant ||
        c->roles[find_axis(c, inner)] != ROLE_n || !expr_known(outer->extent, &rows) ||
        !axes_fusable(pool, c->epilogue, outer, inner) ||
        !axes_fusable(pool, c->out.offset, outer, inner))
        return;
    int64_t apart = rows * ((columns + lanes - 1) / lanes);
    int64_t together = (rows * columns + lanes - 1) / lanes;
    if (together * 5 > apart * 4)
        return;
    const Axis *fused = axis_create(pool, outer->name, expr_integer(pool, rows * columns));
    const Expr *at = expr_axis(pool, fused), *width = expr_integer(pool, columns);
    Operand b = c->b;
    operand_substitute(pool, &b, outer, expr_quotient(pool, at, width));
    operand_substitute(pool, &b, inner, expr_modulus(pool, at, width));
    contraction_substitute(c, outer, expr_integer(pool, 0));
    contraction_substitute(c, inner, at);
    c->b = b;
    c->b_scattered = true;
    c->axes[find_axis(c, inner)] = fused;
    contraction_drop(c, outer);
}

/* ---- The whole --------------------------------------------------------------------------- */

static bool is_product_of_loads(const Compute *sum)
{
    const Expr *body = sum->body;
    TnElementType carried = sum->accumulate ? sum->accumulate : TN_FLOAT;
    return sum->kind == COMPUTE_reduce && sum->combine == COMBINE_sum && carried == TN_FLOAT &&
           sum->reduce_count > 0 && body->kind == EXPR_multiply && body->type == TN_FLOAT &&
           body->src[0]->kind == EXPR_load && body->src[1]->kind == EXPR_load;
}

/* False if the load fills with something that does not vanish in a product. */
static bool operand_of(Contraction *c, const Expr *load, Operand *operand)
{
    const Expr *fetch = lower_loads(c->pool, load);
    double fill = 0;
    *operand = (Operand){.tensor = fetch->object, .offset = fetch->src[0]};
    if (!fetch->has_fill)
        return true;
    operand->inside = fetch->src[1];
    return expr_is_constant(fetch->src[2], &fill) && fill == 0;
}

static void add_axes(Contraction *c, const Axis *const *axes, int count)
{
    for (int i = 0; i < count; i++)
        c->axes[c->axis_count++] = axes[i];
}

/* Whether a register tile is of use: some operand is used more than once, along the other's axis.
 */
static bool is_worth_a_tile(const Contraction *c)
{
    bool m = false, k = false, n = false;
    for (int i = 0; i < c->axis_count; i++) {
        if (expr_is(c->axes[i]->extent, 0))
            return false;
        m |= c->roles[i] == ROLE_m;
        n |= c->roles[i] == ROLE_n;
        k |= c->roles[i] == ROLE_k;
    }
    return k && (m || (n && c->b.tensor->role == TENSOR_constant));
}

/* What is rearranged at compile time must be counted then. */
static bool constants_have_sizes(const Contraction *c)
{
    const Operand *operands[] = {&c->a, &c->b};
    for (int i = 0; i < 2; i++)
        for (int j = 0; operands[i]->tensor->role == TENSOR_constant && j < c->axis_count; j++)
            if (operand_step(c->pool, operands[i], c->axes[j]) &&
                extent_or(c->axes[j]->extent, -1) < 0)
                return false;
    return true;
}

bool contraction_analyse(const Kernel *kernel, int first, const Target *target, Contraction *c)
{
    ExprPool *pool = kernel->pool;
    const Compute *sum = kernel->computes[first];
    if (!is_product_of_loads(sum))
        return false;
    Epilogue epilogue = epilogue_collect(kernel, first);
    *c = (Contraction){.pool = pool, .kernel = kernel, .compute_count = epilogue.compute_count};
    add_axes(c, sum->axes, sum->axis_count);
    add_axes(c, sum->reduce_axes, sum->reduce_count);
    if (!operand_of(c, sum->body->src[0], &c->a) || !operand_of(c, sum->body->src[1], &c->b))
        return false;
    c->epilogue = lower_value(target, pool, epilogue.value);
    c->out = (Operand){.tensor = epilogue.result,
                       .offset = tensor_offset(pool, epilogue.result, epilogue.indices)};
    fuse_axes(c);
    if (!split_at_divisions(c) || !classify(c) || !orient(c) || !constants_have_sizes(c))
        return false;
    fuse_short_rows(c, target_lanes(target));
    return is_worth_a_tile(c);
}

bool contraction_rows_before(const Contraction *c, const Axis *a, const Axis *b)
{
    bool a_known = extent_or(a->extent, -1) > 0, b_known = extent_or(b->extent, -1) > 0;
    if (a_known != b_known)
        return a_known;
    return operand_step(c->pool, &c->out, a) < operand_step(c->pool, &c->out, b);
}

void contraction_print(const Contraction *c, Text *text)
{
    static const char *const roles[] = {"M", "N", "K", "batch"};
    for (int i = 0; i < c->axis_count; i++) {
        text_format(text, "  %-6s %-6s < ", roles[c->roles[i]], c->axes[i]->name);
        expr_print(c->axes[i]->extent, text);
        text_format(text, "   a %lld, b %lld, out %lld\n",
                    (long long)operand_step(c->pool, &c->a, c->axes[i]),
                    (long long)operand_step(c->pool, &c->b, c->axes[i]),
                    (long long)operand_step(c->pool, &c->out, c->axes[i]));
    }
    text_append(text, "  epilogue ");
    expr_print(c->epilogue, text);
    text_append(text, "\n");
}
