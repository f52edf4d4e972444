/* SPDX-License-Identifier: Apache-2.0
 *
 * Chooses a register tile and blocks from extents and steps: a cost model of a few lines, no
 * operator in sight. What it knows of the machine is in the Target.
 */
#include "codegen/tuning.h"

enum {
    MAX_VECTORS = 8,   /* of a tile */
    MAX_UNROLLED = 64, /* multiply-adds in one iteration: compile time is linear in them */
};

typedef struct Axes {
    int count;
    const Axis *axes[MAX_CONTRACTION_AXES]; /* smallest step first */
} Axes;

static Axes of_role(const Contraction *c, Role role, const Operand *by)
{
    Axes found = {0};
    for (int i = 0; i < c->axis_count; i++) {
        if (c->roles[i] != role)
            continue;
        int at = found.count++;
        int64_t step = operand_step(c->pool, by, c->axes[i]);
        for (; at > 0 && operand_step(c->pool, by, found.axes[at - 1]) > step; at--)
            found.axes[at] = found.axes[at - 1];
        found.axes[at] = c->axes[i];
    }
    return found;
}

static void order_rows(const Contraction *c, Axes *rows)
{
    for (int i = 1; i < rows->count; i++) {
        const Axis *axis = rows->axes[i];
        int at = i;
        for (; at > 0 && contraction_rows_before(c, axis, rows->axes[at - 1]); at--)
            rows->axes[at] = rows->axes[at - 1];
        rows->axes[at] = axis;
    }
}

static double product(const Axes *axes)
{
    double total = 1;
    for (int i = 0; i < axes->count; i++)
        total *= (double)extent_or(axes->axes[i]->extent, OPEN_EXTENT);
    return total;
}

typedef struct Problem {
    const Contraction *c;
    const Target *target;
    int lanes;
    Axes m, n, k;
    double rows, steps;
    int64_t lane_extent, lane_vectors; /* of the lane axis */
    double vectors;                    /* of all columns */
    bool constant;                     /* b */
} Problem;

static Problem state_problem(const Contraction *c, const Target *target)
{
    Problem p = {.c = c, .target = target, .lanes = target_lanes(target)};
    p.constant = c->b.tensor->role == TENSOR_constant;
    p.m = of_role(c, ROLE_m, &c->out);
    order_rows(c, &p.m);
    p.n = of_role(c, ROLE_n, &c->out);
    p.k = of_role(c, ROLE_k, &c->a);
    p.rows = product(&p.m);
    p.steps = product(&p.k);
    p.vectors = p.lane_vectors = 1;
    for (int i = 0; i < p.n.count; i++) {
        int64_t extent = extent_or(p.n.axes[i]->extent, OPEN_EXTENT);
        bool is_lane = operand_step(c->pool, &c->out, p.n.axes[i]) == 1;
        if (is_lane) {
            p.lane_extent = extent;
            p.lane_vectors = (extent + p.lanes - 1) / p.lanes;
        }
        p.vectors *= (double)(is_lane ? p.lane_vectors : extent);
    }
    return p;
}

/* With these the model picks for convolutions and products, on one core of a Zen 5, what measuring
 * picks, or a tile within 3 % of it. */
static const struct {
    double row, vector; /* cycles a step that loads of a and of b do not overlap; b comes from L2 */
    double cell;        /* cycles to set a vector of the tile at first, and to store it at last */
    double
        cell_of_code; /* part of the cost for each vector of the tile: code that must be fetched */
    double fork;      /* part of the cost for each tile of another size */
} weights = {.row = 0.05, .vector = 0.2, .cell = 3, .cell_of_code = 0.0002, .fork = 0.01};

/* Cycles of one step of the sum: what limits it, and what does not overlap. */
static double step_cycles(const Target *target, double rows, double vectors)
{
    double fma = rows * vectors / target->fmas, loads = (rows + vectors) / target->loads;
    double most = fma > loads ? fma : loads;
    return (most > target->fma_latency ? most : target->fma_latency) + weights.row * rows +
           weights.vector * vectors;
}

static double tile_cycles(const Problem *p, double rows, double vectors)
{
    return step_cycles(p->target, rows, vectors) + rows * vectors * weights.cell / p->steps;
}

/* Cycles per step over all tiles of the M axes; the last cut leaves a smaller tile. */
static double rows_cost(const Problem *p, int64_t rows, double vectors, int64_t *height)
{
    double tiles = 1, cost = 0;
    int64_t left = rows, whole = 1;
    bool cut = false;
    for (int i = 0; i < p->m.count; i++) {
        int64_t extent = extent_or(p->m.axes[i]->extent, OPEN_EXTENT);
        if (cut || left == 1) {
            tiles *= (double)extent;
        } else if (extent <= left) {
            whole *= extent;
            left /= extent;
        } else {
            int64_t full = extent / left, rest = extent % left;
            cost = (double)full * tile_cycles(p, (double)(whole * left), vectors);
            if (rest)
                cost += tile_cycles(p, (double)(whole * rest), vectors);
            cut = true;
            whole *= left;
        }
    }
    *height = whole;
    return tiles * (cut ? cost : tile_cycles(p, (double)whole, vectors));
}

/* Vectors that a tile of v covers, whole axes first, and how many of such tiles there are. */
static double vector_tiles(const Problem *p, int64_t v)
{
    double tiles = 1;
    for (int i = 0; i < p->n.count; i++) {
        int64_t extent = extent_or(p->n.axes[i]->extent, OPEN_EXTENT);
        if (operand_step(p->c->pool, &p->c->out, p->n.axes[i]) == 1)
            extent = p->lane_vectors;
        int64_t taken = extent < v ? extent : v;
        tiles *= (double)((extent + taken - 1) / taken);
        v /= taken;
    }
    return tiles;
}

/* Tiles of other sizes that the rest of the rows needs: each is as much code again. */
static int forks(const Problem *p, int64_t rows)
{
    for (int i = 0; i < p->m.count; i++) {
        int64_t extent = extent_or(p->m.axes[i]->extent, -1), count = 0;
        if (extent < 0)
            for (int64_t part = 1; part < rows; part *= 2)
                count++;
        if (extent < 0)
            return (int)count;
        if (extent > rows)
            return extent % rows != 0;
        rows /= extent;
    }
    return 0;
}

/* ---- Panels ------------------------------------------------------------------------------ */

/* The widest with little padding; no narrower than the widest vectors there are. */
int64_t panel_columns(const Target *target, int64_t extent)
{
    int64_t columns = 4 * target->shared_lanes;
    while (columns > target->shared_lanes &&
           (extent + columns - 1) / columns * columns * 4 > extent * 5)
        columns /= 2;
    return columns;
}

int64_t panel_rows(int64_t extent)
{
    enum { MOST = 12 }; /* a number with many divisors */
    return extent < MOST ? extent : MOST;
}

/* Whether a tile reads whole panels or pieces of one. It may be a whole axis, too. */
static bool fits_panels(const Problem *p, int64_t rows, int64_t vectors)
{
    if (!p->target->shared_lanes)
        return true;
    if (p->constant && vectors < p->lane_vectors &&
        panel_columns(p->target, p->lane_extent) % (vectors * p->lanes))
        return false;
    int64_t extent = p->m.count ? extent_or(p->m.axes[0]->extent, OPEN_EXTENT) : 0;
    return p->c->a.tensor->role != TENSOR_constant || rows >= extent ||
           panel_rows(extent) % rows == 0;
}

/* ---- Choosing ---------------------------------------------------------------------------- */

/* Cycles for a step of the sum over all of out, with what code costs; 0: no such tile. */
static double tile_cost(const Problem *p, int64_t rows, int64_t vectors)
{
    enum { SPARE = 4 }; /* for what is loaded, and for the lanes' constants of the epilogue */
    int registers = p->target->vector_registers;
    int64_t height;
    double cost = rows_cost(p, rows, (double)vectors, &height);
    cost *= vector_tiles(p, vectors) * (1 + weights.cell_of_code * (double)(height * vectors));
    cost *= 1 + weights.fork * forks(p, rows);
    bool fits = height == rows && height * vectors <= registers - SPARE &&
                height * vectors + vectors + 1 <= registers && fits_panels(p, rows, vectors);
    return fits ? cost : 0;
}

typedef struct Tile {
    int rows, vectors;
    double cost;
} Tile;

/* The tiles of least cost, in that order; how many. Of equal ones the smaller is first. */
static int best_tiles(const Problem *p, Tile *tiles, int most)
{
    int count = 0;
    for (int64_t v = 1; v <= MAX_VECTORS && (double)v <= p->vectors; v++) {
        for (int64_t r = 1; r <= p->target->vector_registers; r++) {
            Tile tile = {(int)r, (int)v, tile_cost(p, r, v)};
            int at = count;
            if (tile.cost == 0)
                continue;
            while (at > 0 && tile.cost < tiles[at - 1].cost)
                at--;
            if (at == most)
                continue;
            count += count < most;
            for (int i = count - 1; i > at; i--)
                tiles[i] = tiles[i - 1];
            tiles[at] = tile;
        }
    }
    return count;
}

static void choose_unroll(const Problem *p, Tiling *t)
{
    int most = MAX_UNROLLED / (t->rows * t->vectors);
    t->unroll = p->k.count && most > 1 ? (most < 4 ? most : 4) : 1;
}

/* b: unless it lies contiguous along the lane and is read only a few times. */
static void choose_packing(const Problem *p, Tiling *t)
{
    const Contraction *c = p->c;
    const Axis *lane = NULL;
    for (int i = 0; i < c->axis_count; i++)
        if (operand_step(c->pool, &c->out, c->axes[i]) == 1)
            lane = c->axes[i];
    bool contiguous = lane && operand_step(c->pool, &c->b, lane) == 1;
    bool packable = true;
    for (int i = 0; i < p->k.count; i++)
        packable &= extent_or(p->k.axes[i]->extent, 0) > 0;
    bool often = p->rows > 3.0 * t->rows;
    t->pack_a = c->a.tensor->role == TENSOR_constant && p->m.count > 0;
    t->pack_b = !p->constant && packable && (!contiguous || c->b.inside || c->b_scattered || often);
    int64_t columns = p->target->shared_lanes ? panel_columns(p->target, p->lane_extent)
                                              : (int64_t)t->vectors * t->lanes;
    t->prefetch_b = !p->constant ? 0 : p->rows > t->rows ? (int)(8 * columns) : 2048;
}

/* b's block, which is used for every row tile, stays in half of L2. */
static void choose_block(const Problem *p, Tiling *t)
{
    bool once = p->rows <= t->rows;
    double vector_bytes = p->steps * t->lanes * 4, fit = (double)p->target->l2_bytes / 2;
    double block = fit / vector_bytes;
    block = block < t->vectors ? t->vectors : block;
    if (p->constant && once) /* read once: any cut would only break its stream */
        return;
    bool open = p->n.count && extent_or(p->n.axes[0]->extent, -1) < 0;
    if (block < p->vectors || (t->pack_b && open))
        t->n_block = (int64_t)block;
}

/* All that follows from a tile. */
static Tiling complete(const Problem *p, const Tile *tile)
{
    Tiling t = {.rows = tile->rows,
                .vectors = tile->vectors,
                .lanes = p->lanes,
                .unrolled_weight = 8,
                .cycles = tile->cost * p->steps};
    for (int i = 0; i < p->c->axis_count; i++)
        if (p->c->roles[i] == ROLE_batch)
            t.cycles *= expr_estimate(p->c->pool, p->c->axes[i]->extent);
    choose_unroll(p, &t);
    choose_packing(p, &t);
    choose_block(p, &t);
    return t;
}

double tiling_cycles(const Contraction *c, const Target *target)
{
    Tile tile = {0};
    Problem p = state_problem(c, target);
    Axes batch = of_role(c, ROLE_batch, &c->out);
    best_tiles(&p, &tile, 1);
    return tile.cost * p.steps * product(&batch);
}

static int add_candidate(Tiling *candidates, int count, Tiling t)
{
    for (int i = 0; i < count; i++)
        if (candidates[i].rows == t.rows && candidates[i].vectors == t.vectors &&
            candidates[i].unroll == t.unroll && candidates[i].n_block == t.n_block)
            return count;
    candidates[count] = t;
    return count + (count < MAX_TILINGS);
}

/* The best tile with other blocks and unrolling, then the tiles that come next. */
int tiling_candidates(const Contraction *c, const Target *target, Tiling candidates[MAX_TILINGS])
{
    enum { TILES = 6 };
    static const double worst = 1.5; /* times the best: no hope beyond */
    Tile tiles[TILES] = {{.rows = 1, .vectors = 1}};
    Tiling list[MAX_TILINGS + 1];
    Problem p = state_problem(c, target);
    int tile_count = best_tiles(&p, tiles, TILES), count = 1;
    Tiling own = list[0] = complete(&p, &tiles[0]), other = own;
    other.unroll = own.unroll > 1 ? own.unroll / 2 : 2;
    count = add_candidate(list, count, other);
    other = own;
    other.n_block = own.n_block ? own.n_block / 2 : (int64_t)(p.vectors / 2);
    if (other.n_block >= own.vectors && p.rows > own.rows)
        count = add_candidate(list, count, other);
    other.n_block = own.n_block * 2;
    if (own.n_block)
        count = add_candidate(list, count, other);
    for (int i = 1; i < tile_count && tiles[i].cost < worst * tiles[0].cost; i++)
        count = add_candidate(list, count, complete(&p, &tiles[i]));
    for (int i = 0; i < count; i++)
        candidates[i] = list[i];
    return count;
}

Tiling tiling_choose(const Contraction *c, const Target *target)
{
    Tiling candidates[MAX_TILINGS];
    if (!target->tuning) {
        Tile tile = {.rows = 1, .vectors = 1};
        Problem p = state_problem(c, target);
        best_tiles(&p, &tile, 1);
        return complete(&p, &tile);
    }
    int count = tiling_candidates(c, target, candidates), choice;
    const TuningEntry *entry = tuning_choose(target->tuning, c, candidates, count, &choice);
    candidates[choice].key = entry->key;
    return candidates[choice];
}
