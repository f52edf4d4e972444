/* SPDX-License-Identifier: Apache-2.0
 *
 * From a contraction and a tiling to a nest. Loops are placed by role,
 *
 *     batch > block of N > [pack b] > M > N > tile
 *
 * and choosing a loop means rewriting an axis in the three offsets. A Plan is copied where the nest
 * forks (full tiles and the rest of an axis), so that each fork rewrites its own offsets.
 *
 * A packed operand is the operand with its axes in loop order, zero where a tile sticks out or a
 * load fills: constants once, at compile time, what is computed block by block into scratch.
 */
#include "contraction.h"

#include <assert.h>

typedef struct Plan {
    Contraction c; /* c.axes: those that have no place yet */
    const Target *target;
    const Tiling *tiling;
    NestBuilder *b;
    Function *function;
    const Axis *lane, *edge; /* edge: the M axis that the tile cuts */
    const Axis *tile;        /* the loop over its tiles, the last one may be smaller */
    int64_t edge_rows;
    int row_count, vector_count;
    const Axis *rows[4], *vectors[4];
} Plan;

static const Expr *number(const Plan *p, int64_t value)
{
    return expr_integer(p->c.pool, value);
}

static const Expr *axis_of(const Plan *p, const Axis *axis)
{
    return expr_axis(p->c.pool, axis);
}

static int64_t divisor_at_most(int64_t extent, int64_t limit)
{
    int64_t divisor = limit < extent ? limit : extent;
    while (extent % divisor)
        divisor--;
    return divisor;
}

/* The unplaced axis of a role with the smallest or largest step in an operand, or NULL. */
static const Axis *find(const Plan *p, Role role, const Operand *by, bool largest)
{
    const Axis *found = NULL;
    int64_t best = 0;
    for (int i = 0; i < p->c.axis_count; i++) {
        if (p->c.roles[i] != role)
            continue;
        int64_t step = operand_step(p->c.pool, by, p->c.axes[i]);
        if (!found || (largest ? step > best : step < best)) {
            found = p->c.axes[i];
            best = step;
        }
    }
    return found;
}

static const Axis *place(Plan *p, const Axis *axis)
{
    contraction_drop(&p->c, axis);
    return axis;
}

static void close_all(Plan *p, int count)
{
    while (count-- > 0)
        nest_close(p->b);
}

static void open_all(Plan *p, int count, const Axis *const *axes)
{
    for (int i = count - 1; i >= 0; i--)
        nest_open(p->b, axes[i], LOOP_unrolled);
}

/* ---- Choosing the tile ------------------------------------------------------------------- */

/* Splits off the innermost `count` steps; what sticks out is guarded. */
static const Axis *take(Plan *p, const Axis *axis, int64_t count)
{
    const Axis *outer, *inner;
    if (extent_or(axis->extent, INT64_MAX) <= count)
        return place(p, axis);
    contraction_split(&p->c, axis, count, &outer, &inner);
    return place(p, inner);
}

static void choose_lane(Plan *p)
{
    const Axis *axis = NULL, *outer, *inner;
    for (int i = 0; i < p->c.axis_count; i++)
        if (operand_step(p->c.pool, &p->c.out, p->c.axes[i]) == 1)
            axis = p->c.axes[i];
    contraction_split(&p->c, axis, p->tiling->lanes, &outer, &inner);
    p->lane = place(p, inner);
    if (p->function->lane) { /* the function's other members use it, too */
        contraction_substitute(&p->c, p->lane, axis_of(p, p->function->lane));
        p->lane = p->function->lane;
    }
    p->function->lane = p->lane;
}

/* Takes whole axes, innermost first, as long as they fit; the next one is split. */
static void choose_vectors(Plan *p)
{
    for (int64_t left = p->tiling->vectors; left > 1 && p->vector_count < 4;) {
        const Axis *axis = find(p, ROLE_n, &p->c.out, false);
        if (!axis)
            return;
        int64_t extent = extent_or(axis->extent, INT64_MAX);
        p->vectors[p->vector_count++] = take(p, axis, left);
        left = extent < left ? left / extent : 1;
    }
}

static const Axis *find_rows(const Plan *p)
{
    const Axis *found = NULL;
    for (int i = 0; i < p->c.axis_count; i++)
        if (p->c.roles[i] == ROLE_m &&
            (!found || contraction_rows_before(&p->c, p->c.axes[i], found)))
            found = p->c.axes[i];
    return found;
}

static void choose_rows(Plan *p)
{
    for (int64_t left = p->tiling->rows; left > 1 && p->row_count < 3;) {
        const Axis *axis = find_rows(p);
        if (!axis)
            return;
        int64_t extent = extent_or(axis->extent, INT64_MAX);
        if (extent > left) {
            p->edge = axis;
            p->edge_rows = left;
            p->tile =
                axis_create(p->c.pool, arena_format(expr_pool_arena(p->c.pool), "%so", axis->name),
                            expr_round_up_quotient(p->c.pool, axis->extent, number(p, left)));
            return;
        }
        p->rows[p->row_count++] = place(p, axis);
        left /= extent;
    }
}

/* Splits the outermost N axis so that about `limit` vectors stay inside. */
static const Axis *choose_block(Plan *p)
{
    const Axis *axis = find(p, ROLE_n, &p->c.out, true), *outer, *inner;
    int64_t limit = p->tiling->n_block;
    if (!limit || !axis)
        return NULL;
    for (int i = 0; i < p->vector_count; i++)
        limit /= extent_or(p->vectors[i]->extent, 1);
    for (int i = 0; i < p->c.axis_count; i++)
        if (p->c.roles[i] == ROLE_n && p->c.axes[i] != axis)
            limit /= extent_or(p->c.axes[i]->extent, 1);
    int64_t extent = extent_or(axis->extent, -1);
    limit = limit < 1 ? 1 : limit;
    if (extent > 0 && extent <= limit)
        return NULL;
    if (extent > 0) { /* even blocks */
        int64_t blocks = (extent + limit - 1) / limit;
        limit = (extent + blocks - 1) / blocks;
    }
    contraction_split(&p->c, axis, limit, &outer, &inner);
    if (!outer)
        return NULL;
    if (expr_is(inner->extent, 1))
        place(p, inner);
    return place(p, outer);
}

/* ---- Packing ----------------------------------------------------------------------------- */

static void packing_add(Packing *packing, const Axis *axis)
{
    packing->axes[packing->axis_count++] = axis;
}

static void packing_guard(Packing *packing, const Expr *condition)
{
    if (condition->kind == EXPR_constant && condition->bits)
        return;
    assert(packing->guard_count < (int)COUNT_OF(packing->guards));
    packing->guards[packing->guard_count++] = condition;
}

static void packing_add_role(const Plan *p, Packing *packing, Role role, const Operand *by)
{
    Plan rest = *p;
    for (const Axis *axis; (axis = find(&rest, role, by, true));) {
        place(&rest, axis);
        if (role != ROLE_batch || operand_step(p->c.pool, by, axis) != 0)
            packing_add(packing, axis);
    }
}

/* Places the axes in order: the offset in packed memory, and its length. */
static const Expr *packing_place(const Plan *p, Packing *packing, int64_t *length)
{
    const Expr *to = number(p, 0);
    *length = 1;
    for (int i = packing->axis_count - 1; i >= 0; i--) {
        const Axis *axis = packing->axes[i];
        to = expr_plus(p->c.pool, to, expr_scale(p->c.pool, axis_of(p, axis), *length));
        *length *= extent_or(axis->extent, 1);
    }
    return to;
}

/* A constant, rearranged at compile time. */
static Operand pack_constant(Plan *p, Packing *packing, const char *name, const Operand *source)
{
    Arena *arena = expr_pool_arena(p->c.pool);
    int64_t length;
    Tensor *packed = ARENA_NEW(arena, Tensor);
    packing->mixing = source->tensor->mixing;
    packing->source = packing->mixing ? packing->mixing->source : source->tensor;
    packing->from = source->offset;
    if (source->inside)
        packing_guard(packing, source->inside);
    packing->to = packing_place(p, packing, &length);
    packed->name = name;
    packed->role = TENSOR_constant;
    packed->element = source->tensor->element;
    packed->rank = 1;
    packed->shape[0] = packed->length = number(p, length);
    packed->layout.piece_count = 1;
    packed->layout.pieces[0] =
        (Piece){.dim = 0, .divisor = 1, .stride = number(p, 1), .extent = packed->length};
    packed->slot = p->function->tensor_count;
    function_add_tensor(arena, p->function, packed);
    packing->packed = packed;
    packing->next = p->function->packings;
    p->function->packings = packing;
    return (Operand){.tensor = packed, .offset = packing->to};
}

static void pack_constant_b(Plan *p)
{
    Packing *packing = ARENA_NEW(expr_pool_arena(p->c.pool), Packing);
    packing_add_role(p, packing, ROLE_batch, &p->c.b);
    packing_add_role(p, packing, ROLE_n, &p->c.out);
    packing_add_role(p, packing, ROLE_k, &p->c.a);
    for (int i = p->vector_count - 1; i >= 0; i--)
        packing_add(packing, p->vectors[i]);
    packing_add(packing, p->lane);
    for (int i = 0; i < p->c.guard_count; i++)
        packing_guard(packing, p->c.guards[i].condition);
    p->c.b = pack_constant(p, packing, "packed_b", &p->c.b);
}

static const Axis *find_rows(const Plan *p);

/* What shares its constants packs them before there is a tile: in panels along `axis`, the one of
 * b's vectors or of a's rows. */
static void pack_panels(Plan *p, const Axis *axis, int64_t width, Role role, Operand *operand,
                        const char *name)
{
    ExprPool *pool = p->c.pool;
    Packing *packing = ARENA_NEW(expr_pool_arena(pool), Packing);
    Operand source = *operand;
    Plan rest = *p;
    const Expr *by = number(p, width);
    Axis *panel = axis_create(pool, "panel", expr_round_up_quotient(pool, axis->extent, by));
    Axis *column = axis_create(pool, "column", by);
    const Expr *at =
        expr_plus(pool, expr_scale(pool, axis_of(p, panel), width), axis_of(p, column));
    place(&rest, axis);
    packing_add_role(&rest, packing, ROLE_batch, operand);
    packing_add_role(&rest, packing, role, &p->c.out);
    packing_add(packing, panel);
    packing_add_role(&rest, packing, ROLE_k, &p->c.a);
    packing_add(packing, column);
    source.offset = expr_substitute(pool, source.offset, axis, at);
    if (source.inside)
        source.inside = expr_substitute(pool, source.inside, axis, at);
    packing_guard(packing, expr_compare(pool, EXPR_less, at, axis->extent));
    *operand = pack_constant(p, packing, name, &source);
    /* Back to the axis, which loops will rewrite. */
    const Expr *to = operand->offset, *whole = axis_of(p, axis);
    to = expr_substitute(pool, to, panel, expr_quotient(pool, whole, by));
    operand->offset = expr_substitute(pool, to, column, expr_modulus(pool, whole, by));
}

static void pack_shared_constants(Plan *p)
{
    const Axis *rows = find_rows(p), *lane = NULL;
    for (int i = 0; i < p->c.axis_count; i++)
        if (operand_step(p->c.pool, &p->c.out, p->c.axes[i]) == 1)
            lane = p->c.axes[i];
    if (p->c.b.tensor->role == TENSOR_constant)
        pack_panels(p, lane, panel_columns(p->target, extent_or(lane->extent, 1)), ROLE_n, &p->c.b,
                    "packed_b");
    if (p->tiling->pack_a)
        pack_panels(p, rows, panel_rows(extent_or(rows->extent, 1)), ROLE_m, &p->c.a, "packed_a");
}

/* [batch, tiles of M, K, rows]: a tile's rows lie together for each step of the sum. */
static void pack_constant_a(Plan *p)
{
    ExprPool *pool = p->c.pool;
    Packing *packing = ARENA_NEW(expr_pool_arena(pool), Packing);
    Operand source = p->c.a;
    const Axis *tile = NULL, *row = NULL;
    packing_add_role(p, packing, ROLE_batch, &p->c.a);
    Plan rest = *p;
    if (p->edge) {
        const Expr *width = number(p, p->edge_rows);
        tile = axis_create(pool, "tile", expr_round_up_quotient(pool, p->edge->extent, width));
        row = axis_create(pool, "row", width);
        place(&rest, p->edge);
    }
    packing_add_role(&rest, packing, ROLE_m, &p->c.out);
    if (tile)
        packing_add(packing, tile);
    packing_add_role(p, packing, ROLE_k, &p->c.a);
    if (row)
        packing_add(packing, row);
    for (int i = p->row_count - 1; i >= 0; i--)
        packing_add(packing, p->rows[i]);
    if (p->edge) {
        const Expr *at =
            expr_plus(pool, expr_scale(pool, axis_of(p, tile), p->edge_rows), axis_of(p, row));
        source.offset = expr_substitute(pool, source.offset, p->edge, at);
        packing_guard(packing, expr_compare(pool, EXPR_less, at, p->edge->extent));
    }
    p->c.a = pack_constant(p, packing, "packed_a", &source);
    if (p->edge) { /* back to the axis that forks substitute */
        const Expr *edge = axis_of(p, p->edge), *width = number(p, p->edge_rows);
        const Expr *to = p->c.a.offset;
        to = expr_substitute(pool, to, tile, expr_quotient(pool, edge, width));
        p->c.a.offset = expr_substitute(pool, to, row, expr_modulus(pool, edge, width));
    }
}

static const Expr *everywhere(const Plan *p)
{
    return expr_bool(p->c.pool, true);
}

static const Expr *all_guards(const Plan *p, const Operand *operand)
{
    const Expr *inside = operand->inside ? operand->inside : everywhere(p);
    for (int i = 0; i < p->c.guard_count; i++)
        inside = expr_both(p->c.pool, inside, p->c.guards[i].condition);
    return inside;
}

/* a has elements for all lanes, or all columns, where these are a batch. */
static const Expr *guards_of_a(const Plan *p)
{
    const Expr *offset = p->c.a.offset, *zero = number(p, 0);
    const Expr *first = expr_substitute(p->c.pool, offset, p->lane, zero);
    for (int v = 0; v < p->vector_count; v++)
        first = expr_substitute(p->c.pool, first, p->vectors[v], zero);
    if (first != offset)
        return all_guards(p, &p->c.a);
    return p->c.a.inside ? p->c.a.inside : everywhere(p);
}

static const Expr *fetch_or_zero(const Plan *p, const Operand *operand, const Expr *offset,
                                 const Expr *inside)
{
    ExprPool *pool = p->c.pool;
    bool always = inside->kind == EXPR_constant && inside->bits;
    return expr_fetch(pool, operand->tensor, offset, always ? NULL : inside,
                      always ? NULL : expr_real(pool, TN_FLOAT, 0));
}

/* Opens a branch for what exists of a tile of columns at all. Guards that hold for all of it then
 * are left out inside. */
static void open_guards(Plan *p)
{
    ExprPool *pool = p->c.pool;
    const Expr *inside = expr_bool(pool, true);
    int kept = 0;
    for (int i = 0; i < p->c.guard_count; i++) {
        const Guard *guard = &p->c.guards[i];
        const Expr *first = expr_substitute(pool, guard->condition, p->lane, number(p, 0));
        for (int v = 0; v < p->vector_count; v++)
            first = expr_substitute(pool, first, p->vectors[v], number(p, 0));
        if (guard->summed || first != guard->condition)
            p->c.guards[kept++] = *guard;
        if (!guard->summed)
            inside = expr_both(pool, inside, first);
    }
    p->c.guard_count = kept;
    nest_open_if(p->b, inside);
}

/* Opens the loops of a packing over all but the lane: N, what exists of it, then the others. */
static int open_packing(Plan *p, const Packing *packing, int n_count, const Axis *axis,
                        const Axis *outer)
{
    for (int i = 0; i + 1 < packing->axis_count; i++) {
        if (i == n_count)
            open_guards(p);
        nest_open(p->b, packing->axes[i] == axis ? outer : packing->axes[i], LOOP_serial);
    }
    if (n_count == packing->axis_count - 1)
        open_guards(p);
    return packing->axis_count;
}

/* Copies lane by lane: vectors where the source is contiguous along the lane, else gathers. */
static void copy_along(const Plan *plan, const Packing *packing, int n_count, const Tensor *packed)
{
    Plan fork = *plan, *p = &fork;
    const Operand *source = &p->c.b;
    int opened = open_packing(p, packing, n_count, NULL, NULL);
    nest_store(p->b, packed, packing->to,
               fetch_or_zero(p, source, source->offset, all_guards(p, source)), NULL);
    close_all(p, opened);
}

/* Copies where the source is contiguous along `axis`, the target along the lanes: squares of
 * registers, transposed. */
static void copy_across(const Plan *plan, const Packing *packing, int n_count, const Tensor *packed,
                        const Axis *axis)
{
    Plan fork = *plan, *p = &fork;
    ExprPool *pool = p->c.pool;
    int64_t lanes = p->tiling->lanes;
    const Axis *outer =
        axis_create(pool, "square", expr_round_up_quotient(pool, axis->extent, number(p, lanes)));
    int opened = open_packing(p, packing, n_count, axis, outer);
    const Axis *row = axis_create(pool, "row", number(p, lanes));
    const Axis *hold = axis_create(pool, "hold", number(p, lanes));
    const Expr *base = expr_scale(pool, axis_of(p, outer), lanes), *lane = axis_of(p, p->lane);
    const Expr *along = expr_plus(pool, base, lane);
    const Expr *across = expr_plus(pool, base, axis_of(p, row));
    const Expr *roots[] = {p->c.b.offset, all_guards(p, &p->c.b)};
    for (int i = 0; i < 2; i++) { /* the lane becomes the row, the axis the lane */
        roots[i] = expr_substitute(pool, roots[i], p->lane, axis_of(p, hold));
        roots[i] = expr_substitute(pool, roots[i], axis, along);
        roots[i] = expr_substitute(pool, roots[i], hold, axis_of(p, row));
    }
    const Expr *inside =
        expr_both(pool, roots[1], expr_compare(pool, EXPR_less, along, axis->extent));
    const Array *square = nest_array(p->b, "square", TN_FLOAT, (int)lanes);
    nest_open(p->b, row, LOOP_unrolled);
    nest_set(p->b, square, axis_of(p, row), fetch_or_zero(p, &p->c.b, roots[0], inside));
    nest_close(p->b);
    nest_transpose(p->b, square);
    nest_open(p->b, row, LOOP_unrolled);
    nest_store(p->b, packed, expr_substitute(pool, packing->to, axis, across),
               expr_cell(pool, square, axis_of(p, row)),
               expr_compare(pool, EXPR_less, across, axis->extent));
    close_all(p, opened + 1);
}

/* What is computed is packed in blocks, inside the loops around. */
static void pack_computed_b(Plan *p)
{
    ExprPool *pool = p->c.pool;
    Packing packing = {0};
    const Axis *across = NULL;
    int64_t length;
    packing_add_role(p, &packing, ROLE_n, &p->c.out);
    int n_count = packing.axis_count;
    packing_add_role(p, &packing, ROLE_k, &p->c.a);
    for (int i = n_count; i < packing.axis_count; i++)
        if (operand_step(pool, &p->c.b, packing.axes[i]) == 1 &&
            extent_or(packing.axes[i]->extent, 0) >= p->tiling->lanes)
            across = packing.axes[i];
    for (int i = p->vector_count - 1; i >= 0; i--)
        packing_add(&packing, p->vectors[i]);
    packing_add(&packing, p->lane);
    packing.to = packing_place(p, &packing, &length);
    const Tensor *packed = function_scratch(pool, p->function, "packed_b", TN_FLOAT, length);
    if (across && operand_step(pool, &p->c.b, p->lane) != 1)
        copy_across(p, &packing, n_count, packed, across);
    else
        copy_along(p, &packing, n_count, packed);
    p->c.b = (Operand){.tensor = packed, .offset = packing.to};
}

/* ---- The epilogue ------------------------------------------------------------------------ */

static const Expr *with_sum(const Plan *p, const Expr *value)
{
    return epilogue_apply(p->c.pool, p->c.epilogue, value);
}

static bool varies_over_rows(const Plan *p, const Expr *e)
{
    for (int i = 0; i < p->row_count; i++)
        if (expr_contains_axis(e, p->rows[i]))
            return true;
    return false;
}

/* Takes "sum + x" out of the epilogue where x is the same for all rows (a bias): the sum starts
 * from it. */
static const Expr *peel_initial_value(Plan *p)
{
    ExprPool *pool = p->c.pool;
    const Expr *sum = expr_cell(pool, &ACCUMULATOR, number(p, 0)), *e = p->c.epilogue;
    if (e->kind == EXPR_add && (e->src[0] == sum || e->src[1] == sum)) {
        const Expr *other = e->src[e->src[0] == sum];
        if (!varies_over_rows(p, other) && !expr_contains_kind(other, EXPR_cell)) {
            p->c.epilogue = sum;
            return other;
        }
    }
    return expr_real(pool, TN_FLOAT, 0);
}

/* ---- The register tile ------------------------------------------------------------------- */

static void open_tile(Plan *p)
{
    open_all(p, p->row_count, p->rows);
    open_all(p, p->vector_count, p->vectors);
}

static void close_tile(Plan *p)
{
    close_all(p, p->row_count + p->vector_count);
}

/* The part of the columns that exists. */
static const Expr *stored_part(const Plan *p)
{
    const Expr *inside = everywhere(p);
    for (int i = 0; i < p->c.guard_count; i++)
        if (!p->c.guards[i].summed)
            inside = expr_both(p->c.pool, inside, p->c.guards[i].condition);
    return inside;
}

static void set_tile(Plan *p, const Array *sum, const Expr *cell, const Expr *value)
{
    const Expr *zero = expr_real(p->c.pool, TN_FLOAT, 0);
    open_tile(p);
    nest_set(p->b, sum, cell, zero);
    if (value != zero) { /* what does not exist must not be read */
        nest_open_if(p->b, stored_part(p));
        nest_set(p->b, sum, cell, value);
        nest_close(p->b);
    }
    close_tile(p);
}

static void store_tile(Plan *p, const Expr *value, LoopKind rows)
{
    for (int i = p->row_count - 1; i >= 0; i--)
        nest_open(p->b, p->rows[i], rows);
    open_all(p, p->vector_count, p->vectors);
    nest_open_if(p->b, stored_part(p));
    nest_store(p->b, p->c.out.tensor, p->c.out.offset, value, NULL);
    nest_close(p->b);
    close_tile(p);
}

/* The sum: serial loops outside, the innermost steps unrolled. */
static void sum_tile(Plan *p, const Array *sum, const Expr *cell, const Expr *vector, int vectors)
{
    ExprPool *pool = p->c.pool;
    const Axis *unrolled = NULL, *axis = find(p, ROLE_k, &p->c.b, false), *outer, *inner;
    int opened = 0;
    int64_t extent = axis ? extent_or(axis->extent, 0) : 0;
    int64_t count = extent > 0 ? divisor_at_most(extent, p->tiling->unroll) : 1;
    if (count > 1 && count < extent) {
        contraction_split(&p->c, axis, count, &outer, &inner);
        unrolled = place(p, inner);
    } else if (count > 1) {
        unrolled = place(p, axis);
    }
    for (; (axis = find(p, ROLE_k, &p->c.b, true)); opened++)
        nest_open(p->b, place(p, axis), LOOP_serial);
    open_all(p, unrolled != NULL, &unrolled);
    const Array *a = nest_array(p->b, "va", TN_FLOAT, 1);
    const Array *b = nest_array(p->b, "vb", TN_FLOAT, vectors);
    const Expr *zero = number(p, 0);
    bool direct = p->c.b.tensor->role != TENSOR_scratch && p->c.b.tensor->role != TENSOR_constant;
    nest_barrier(p->b);
    open_all(p, p->vector_count, p->vectors);
    nest_set(
        p->b, b, vector,
        fetch_or_zero(p, &p->c.b, p->c.b.offset, direct ? all_guards(p, &p->c.b) : everywhere(p)));
    if (p->tiling->prefetch_b) {
        const Expr *ahead = expr_substitute(pool, p->c.b.offset, p->lane, zero);
        nest_prefetch(p->b, p->c.b.tensor, expr_plus_integer(pool, ahead, p->tiling->prefetch_b), 3,
                      false);
    }
    close_all(p, p->vector_count);
    open_all(p, p->row_count, p->rows);
    nest_set(p->b, a, zero, fetch_or_zero(p, &p->c.a, p->c.a.offset, guards_of_a(p)));
    open_all(p, p->vector_count, p->vectors);
    const Expr *va = expr_cell(pool, a, zero), *vb = expr_cell(pool, b, vector);
    const Expr *before = expr_cell(pool, sum, cell);
    nest_set(p->b, sum, cell,
             p->target->has_fma
                 ? expr_fma(pool, va, vb, before)
                 : expr_binary(pool, EXPR_add, expr_binary(pool, EXPR_multiply, va, vb), before));
    close_all(p, p->vector_count + p->row_count + (unrolled != NULL) + opened);
}

/* Mixed-radix number of a position in the given axes. */
static const Expr *position(Plan *p, int count, const Axis *const *axes, int64_t *total)
{
    const Expr *at = number(p, 0);
    *total = 1;
    for (int i = 0; i < count; i++) {
        at = expr_plus(p->c.pool, at, expr_scale(p->c.pool, axis_of(p, axes[i]), *total));
        *total *= extent_or(axes[i]->extent, 1);
    }
    return at;
}

/* Asks for the lines that the epilogue will read (what varies over the rows) while the sum runs. */
static void prefetch_read(void *user, const Expr *e)
{
    Plan *p = user;
    if (e->kind == EXPR_fetch && varies_over_rows(p, e->src[0]) &&
        expr_contains_axis(e->src[0], p->lane))
        nest_prefetch(p->b, e->object, expr_substitute(p->c.pool, e->src[0], p->lane, number(p, 0)),
                      3, false);
}

static void prefetch_tile(Plan *p)
{
    open_tile(p);
    nest_prefetch(p->b, p->c.out.tensor,
                  expr_substitute(p->c.pool, p->c.out.offset, p->lane, number(p, 0)), 3, true);
    expr_walk(p->c.pool, p->c.epilogue, prefetch_read, p);
    close_tile(p);
}

static void build_tile(Plan *p)
{
    ExprPool *pool = p->c.pool;
    int64_t rows, vectors;
    const Expr *vector = position(p, p->vector_count, p->vectors, &vectors);
    const Expr *row = position(p, p->row_count, p->rows, &rows);
    const Expr *cell = expr_plus(pool, vector, expr_scale(pool, row, vectors));
    const Array *sum = nest_array(p->b, "sum", TN_FLOAT, (int)(rows * vectors));
    const Expr *here = expr_cell(pool, sum, cell), *initial = peel_initial_value(p);
    prefetch_tile(p);
    set_tile(p, sum, cell, initial);
    sum_tile(p, sum, cell, vector, (int)vectors);
    bool heavy = expr_weight(pool, p->c.epilogue) > p->tiling->unrolled_weight;
    if (!heavy || rows * vectors == 1) {
        store_tile(p, with_sum(p, here), LOOP_unrolled);
        return;
    }
    /* Too much code for every cell: whole vectors of sums go to scratch, in L1, and a loop goes
     * over them. */
    int64_t lanes = p->tiling->lanes, length = p->tiling->rows * p->tiling->vectors * lanes;
    const Tensor *tile = function_scratch(pool, p->function, "tile", TN_FLOAT, length);
    const Expr *at = expr_plus(pool, expr_scale(pool, cell, lanes), axis_of(p, p->lane));
    open_tile(p);
    nest_store(p->b, tile, at, here, NULL);
    close_tile(p);
    store_tile(p, with_sum(p, expr_fetch(pool, tile, at, NULL, NULL)), LOOP_serial);
}

/* ---- The loops around it ----------------------------------------------------------------- */

/* Opens a loop over an axis of out. Loops and packing around the one that threads share are run by
 * every thread, each for its own part of out. */
static void open_outer(Plan *p, const Axis *axis)
{
    nest_open(p->b, axis, loop_kind(p->function, axis));
}

static int open_role(Plan *p, Role role, const Operand *by)
{
    int opened = 0;
    for (const Axis *axis; (axis = find(p, role, by, true)); opened++)
        open_outer(p, place(p, axis));
    return opened;
}

static void build_row_of_tiles(Plan *p)
{
    int opened = open_role(p, ROLE_n, &p->c.out);
    open_guards(p);
    opened++;
    build_tile(p);
    close_all(p, opened);
}

/* A fork for `rows` rows of the edge axis from `base` on. */
static void build_edge(const Plan *p, const Expr *base, int64_t rows)
{
    Plan fork = *p;
    const Axis *row = axis_create(p->c.pool, "row", number(p, rows));
    contraction_substitute(&fork.c, p->edge, expr_plus(p->c.pool, base, axis_of(p, row)));
    if (rows > 1)
        fork.rows[fork.row_count++] = row;
    build_row_of_tiles(&fork);
}

/* A rest known at run time only is a sum of powers of two. */
static void build_symbolic_rest(Plan *p, const Expr *done, const Expr *rest)
{
    ExprPool *pool = p->c.pool;
    int64_t part = 1;
    while (part * 2 < p->edge_rows)
        part *= 2;
    for (; part; part /= 2) {
        const Expr *bit =
            expr_modulus(pool, expr_quotient(pool, rest, number(p, part)), number(p, 2));
        const Expr *larger = expr_quotient(pool, rest, number(p, 2 * part));
        nest_open_if(p->b, expr_compare(pool, EXPR_less, number(p, 0), bit));
        build_edge(p, expr_plus(pool, done, expr_scale(pool, larger, 2 * part)), part);
        nest_close(p->b);
    }
}

static void build_rows(Plan *p)
{
    ExprPool *pool = p->c.pool;
    int opened = 0;
    if (p->edge)
        place(p, p->edge);
    opened += open_role(p, ROLE_m, &p->c.out);
    if (!p->edge) {
        build_row_of_tiles(p);
        close_all(p, opened);
        return;
    }
    const Expr *extent = p->edge->extent, *height = number(p, p->edge_rows);
    const Expr *full = expr_quotient(pool, extent, height);
    const Expr *rest = expr_modulus(pool, extent, height);
    open_outer(p, p->tile);
    nest_open_if(p->b, expr_compare(pool, EXPR_less, axis_of(p, p->tile), full));
    build_edge(p, expr_scale(pool, axis_of(p, p->tile), p->edge_rows), p->edge_rows);
    const Expr *done = expr_times(pool, full, height);
    int64_t known = extent_or(rest, -1);
    if (known != 0)
        nest_otherwise(p->b);
    if (known > 0)
        build_edge(p, done, known);
    else if (known < 0)
        build_symbolic_rest(p, done, rest);
    close_all(p, opened + 2);
}

/* ---- The whole --------------------------------------------------------------------------- */

static double cost_of(const Contraction *c, const Tiling *t, const Function *function)
{
    double steps = 1, turns = expr_estimate(c->pool, function_turns(c->pool, function));
    for (int i = 0; i < c->axis_count; i++)
        steps *= expr_estimate(c->pool, c->axes[i]->extent);
    return steps / (2 * t->lanes) / (turns > 0 ? turns : 1);
}

/* Images of a batch of unknown size are packed one by one. */
static void separate_symbolic_columns(Plan *p)
{
    for (int i = 0; i < p->c.axis_count; i++)
        if (p->c.roles[i] == ROLE_n && extent_or(p->c.axes[i]->extent, -1) < 0 &&
            operand_step(p->c.pool, &p->c.out, p->c.axes[i]) != 1)
            p->c.roles[i] = ROLE_batch;
}

/* Channels of their own that lie together between the places (a depthwise convolution, channels
 * last) go inside the places, as columns: what is read of a place is then read at once. Not where
 * all their weights together would drive each other out of the cache. */
static void take_channels_inside(Plan *p)
{
    int64_t place = 0, bytes = 4;
    for (int i = 0; i < p->c.axis_count; i++) {
        int64_t step = operand_step(p->c.pool, &p->c.out, p->c.axes[i]);
        if (p->c.roles[i] == ROLE_m && step > place)
            place = step;
        if (operand_step(p->c.pool, &p->c.b, p->c.axes[i]))
            bytes *= extent_or(p->c.axes[i]->extent, 1);
    }
    if (p->tiling->pack_b || bytes * p->tiling->lanes > p->target->l2_bytes / 2)
        return;
    for (int i = 0; i < p->c.axis_count; i++)
        if (p->c.roles[i] == ROLE_batch && operand_step(p->c.pool, &p->c.out, p->c.axes[i]) < place)
            p->c.roles[i] = ROLE_n;
}

/* In the order of the loops. */
static void choose_shared(Plan *p, const Axis *n_outer)
{
    const Axis *axes[MAX_CONTRACTION_AXES + 2], *axis;
    int count = 0, outside;
    Plan rest = *p;
    while ((axis = find(&rest, ROLE_batch, &p->c.out, true)))
        axes[count++] = place(&rest, axis);
    if (n_outer)
        axes[count++] = n_outer;
    outside = count; /* of what is packed */
    while ((axis = find(&rest, ROLE_m, &p->c.out, true))) {
        place(&rest, axis);
        if (axis != p->edge)
            axes[count++] = axis;
    }
    if (p->tile)
        axes[count++] = p->tile;
    while ((axis = find(&rest, ROLE_n, &p->c.out, true)))
        axes[count++] = place(&rest, axis);
    choose_parallel(p->function, axes, count, p->tiling->pack_b ? outside : count);
}

void contraction_build(const Contraction *c, const Target *target, const Tiling *tiling,
                       Function *function, NestBuilder *builder)
{
    Plan plan = {.c = *c, .target = target, .tiling = tiling, .b = builder, .function = function};
    Plan *p = &plan;
    if (tiling->pack_b)
        separate_symbolic_columns(p);
    if (target->shared_lanes)
        pack_shared_constants(p);
    choose_lane(p);
    choose_vectors(p);
    choose_rows(p);
    if (p->c.b.tensor->role == TENSOR_constant && !target->shared_lanes)
        pack_constant_b(p);
    if (tiling->pack_a && !target->shared_lanes)
        pack_constant_a(p);
    const Axis *n_outer = choose_block(p);
    take_channels_inside(p);
    if (!function->parallel)
        choose_shared(p, n_outer);
    int opened = open_role(p, ROLE_batch, &p->c.out);
    if (n_outer) {
        open_outer(p, n_outer);
        opened++;
    }
    if (tiling->pack_b)
        pack_computed_b(p);
    build_rows(p);
    close_all(p, opened);
    function->flushes_denormals = true; /* a product with one takes a hundred cycles */
}

Function *contraction_schedule(const Contraction *c, const Target *target, const Tiling *tiling)
{
    NestBuilder builder = nest_builder(c->pool);
    Function *function = function_create(c->kernel, c->kernel->name);
    contraction_build(c, target, tiling, function, &builder);
    function->array_count = builder.array_count;
    function->nest = builder.first;
    function->cost = cost_of(c, tiling, function);
    function->key = tiling->key;
    return function;
}
