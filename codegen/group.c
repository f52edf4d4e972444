/* SPDX-License-Identifier: Apache-2.0
 *
 * See group.h.
 */
#include "group.h"

#include "contraction.h"

#include <math.h>
#include <string.h>

enum {
    MAX_COMPUTES = 16,
    MAX_SHORT = 8,  /* steps of a short axis */
    MAX_CELLS = 64, /* values of a chain's member that are in registers at once */
    UNROLLED_WEIGHT =
        8, /* operations of an epilogue that are done for every cell in its own code */
};

typedef struct Group {
    ExprPool *pool;
    const Target *target;
    const Kernel *kernel;
    Function *function;
    NestBuilder b;
    int64_t tile;
    const Axis *block;               /* the loop over tiles */
    const Axis *split[MAX_COMPUTES]; /* of each compute */
    const Tensor **tiles;            /* by slot: what stands for a temporary; or NULL */
    const Expr *start;               /* of the tile, in the indices of the member under way */
} Group;

static const Expr *number(const Group *g, int64_t value)
{
    return expr_integer(g->pool, value);
}

/* ---- Splits ------------------------------------------------------------------------------ */

static int maker_of(const Kernel *kernel, const Tensor *tensor, int before)
{
    while (--before >= 0)
        if (kernel->computes[before]->out == tensor)
            return before;
    return -1;
}

typedef struct Spread {
    Group *g;
    int reader;
    bool failed;
} Spread;

static void spread_split(void *user, const Expr *e)
{
    Spread *spread = user;
    Group *g = spread->g;
    int maker = e->kind == EXPR_load ? maker_of(g->kernel, e->object, spread->reader) : -1;
    if (maker < 0)
        return;
    const Compute *made = g->kernel->computes[maker];
    const Axis *split = g->split[spread->reader];
    for (int d = 0; d < made->axis_count; d++) {
        const Expr *index = e->src[d];
        if (!expr_contains_axis(index, split))
            continue;
        bool agrees = !g->split[maker] || g->split[maker] == made->axes[d];
        spread->failed |= index->kind != EXPR_axis || !agrees;
        g->split[maker] = made->axes[d];
    }
}

static bool spread_splits(Group *g)
{
    Spread spread = {.g = g};
    for (int i = g->kernel->compute_count - 1; i >= 0; i--) {
        spread.reader = i;
        if (!g->split[i])
            return false;
        expr_walk(g->pool, g->kernel->computes[i]->body, spread_split, &spread);
    }
    return !spread.failed;
}

/* ---- Members ----------------------------------------------------------------------------- */

static bool is_table(const Expr *e)
{
    const Tensor *tensor = e->object;
    return e->kind == EXPR_load && tensor->role == TENSOR_constant && tensor->values &&
           tensor->element == TN_FLOAT && tensor->rank == 2 && !e->has_fill;
}

/* A sum of products with numbers of a table: sum over r of table[row, r] * value. */
static bool is_table_sum(const Compute *compute, const Expr **table, const Expr **value)
{
    const Expr *body = compute->body;
    int64_t taps;
    if (compute->kind != COMPUTE_reduce || compute->combine != COMBINE_sum ||
        compute->reduce_count != 1 || body->kind != EXPR_multiply || body->type != TN_FLOAT ||
        compute->accumulate != TN_FLOAT || !expr_known(compute->reduce_axes[0]->extent, &taps) ||
        taps > MAX_SHORT)
        return false;
    int at = is_table(body->src[1]);
    if (!is_table(body->src[at]) || body->src[at]->src[0]->kind != EXPR_axis ||
        body->src[at]->src[1]->kind != EXPR_axis ||
        body->src[at]->src[1]->object != compute->reduce_axes[0])
        return false;
    *table = body->src[at];
    *value = body->src[!at];
    return true;
}

static bool is_chained(const Compute *compute)
{
    const Expr *table, *value;
    return compute->kind == COMPUTE_map ||
           (compute->kind == COMPUTE_scatter && compute->combine == COMBINE_none) ||
           is_table_sum(compute, &table, &value);
}

static int chain_length(const Group *g, int first)
{
    int count = 0;
    while (first + count < g->kernel->compute_count &&
           is_chained(g->kernel->computes[first + count]))
        count++;
    return count;
}

/* ---- Tiles ------------------------------------------------------------------------------- */

/* The temporary's elements of one tile, row major. Rows a large power of two apart, which would
 * drive each other out of the cache, are moved by a vector. */
static const Tensor *create_tile(Group *g, const Compute *maker, const Axis *split)
{
    enum { ALIASING = 64 };
    ExprPool *pool = g->pool;
    const Tensor *whole = maker->out;
    Tensor *tile = ARENA_NEW(expr_pool_arena(pool), Tensor);
    int last = whole->rank - 1;
    int64_t length, row;
    *tile = *whole;
    tile->role = TENSOR_scratch;
    tile->slot = -1;
    for (int d = 0; d < whole->rank; d++)
        if (maker->axes[d] == split)
            tile->shape[d] = number(g, g->tile);
    const Expr *extent = tile->shape[last];
    if (expr_known(extent, &row) && row % ALIASING == 0)
        tile->shape[last] = number(g, row + target_lanes(g->target));
    tensor_set_layout(pool, tile, NULL, NULL, NULL);
    tile->shape[last] = extent;
    if (!expr_known(tile->length, &length))
        return NULL;
    function_add_scratch(g->function, tile);
    return tile;
}

static bool read_beyond(const Group *g, const Tensor *tensor, int end)
{
    for (int i = end; i < g->kernel->compute_count; i++)
        if (compute_reads(g->pool, g->kernel->computes[i], tensor))
            return true;
    return false;
}

static bool create_tiles(Group *g, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        const Compute *compute = g->kernel->computes[i];
        bool crosses = read_beyond(g, compute->out, first + count);
        if (compute->out->role != TENSOR_temporary || !crosses)
            continue;
        if (g->function->scratch_count + 2 > (int)COUNT_OF(g->function->scratch) ||
            !(g->tiles[compute->out->slot] = create_tile(g, compute, g->split[i])))
            return false;
    }
    return true;
}

/* The indices of an element of a temporary, in its tile. */
static void tile_indices(const Group *g, const Tensor *tensor, const Expr *const *indices,
                         const Expr **local)
{
    int maker = maker_of(g->kernel, tensor, g->kernel->compute_count);
    for (int d = 0; d < tensor->rank; d++) {
        bool is_split = g->kernel->computes[maker]->axes[d] == g->split[maker];
        local[d] = is_split ? expr_minus(g->pool, indices[d], g->start) : indices[d];
    }
}

static const Expr *load_tile(void *user, const Expr *e)
{
    Group *g = user;
    const Tensor *tensor = e->object;
    const Expr *indices[MAX_RANK];
    if (e->kind != EXPR_load || e->has_fill || tensor->slot < 0 ||
        tensor->slot >= g->kernel->tensor_count || !g->tiles[tensor->slot])
        return e;
    tile_indices(g, tensor, e->src, indices);
    return expr_load(g->pool, g->tiles[tensor->slot], indices);
}

/* ---- Contractions ------------------------------------------------------------------------ */

/* The compute over the rows of a tile, as a kernel of its own. */
static Kernel *restate(Group *g, int at)
{
    Arena *arena = expr_pool_arena(g->pool);
    Kernel *kernel = kernel_single(g->kernel, at);
    Compute *compute = ARENA_NEW(arena, Compute), **computes = ARENA_NEW(arena, Compute *);
    *compute = *g->kernel->computes[at];
    g->start = number(g, 0);
    Axis *row = axis_create(g->pool, "row", number(g, g->tile));
    for (int d = 0; d < compute->axis_count; d++)
        if (compute->axes[d] == g->split[at])
            compute->axes[d] = row;
    compute->body = expr_substitute(g->pool, compute->body, g->split[at], expr_axis(g->pool, row));
    compute->body = expr_rewrite(g->pool, compute->body, load_tile, g);
    if (g->tiles[compute->out->slot])
        compute->out = g->tiles[compute->out->slot];
    computes[0] = compute;
    kernel->computes = computes;
    return kernel;
}

static bool build_contraction(Group *g, int at)
{
    Contraction contraction;
    Kernel *kernel = restate(g, at);
    if (!contraction_analyse(kernel, 0, g->target, &contraction))
        return false;
    Tiling tiling = tiling_choose(&contraction, g->target);
    contraction_build(&contraction, g->target, &tiling, g->function, &g->b);
    return true;
}

/* ---- Chains ------------------------------------------------------------------------------ */

/* One compute of a chain, over the loops of the last one and its own short axes. */
typedef struct Link {
    const Compute *compute;
    const Expr *body, *table, *value; /* of a table sum: its factors */
    bool is_sum;
    bool is_short[MAX_RANK * 2];    /* of its axes */
    const Expr *axes[MAX_RANK * 2]; /* of those that are not, what they are */
    const Array *cells;             /* by position of the short axes; NULL: it is the last one */
    const Expr *target[MAX_RANK];
} Link;

typedef struct Chain {
    Group *g;
    int first, count;
    Link links[MAX_COMPUTES];
    const Axis *along; /* the loop axis that lanes run along, */
    const Expr *at;    /* and its value in a vector: put in last, when bounds have been proved */
} Chain;

static Link *last_link(Chain *c)
{
    return &c->links[c->count - 1];
}

static int axis_number(const Compute *compute, const Expr *index)
{
    for (int i = 0; i < compute->axis_count; i++)
        if (index->kind == EXPR_axis && index->object == compute->axes[i])
            return i;
    return -1;
}

typedef struct Shortening {
    Chain *chain;
    int reader;
    bool changed;
} Shortening;

static bool is_short_index(const Link *link, const Expr *index)
{
    int i = axis_number(link->compute, index);
    bool is_summed =
        link->is_sum && index->kind == EXPR_axis && index->object == link->compute->reduce_axes[0];
    return is_summed || (i >= 0 && link->is_short[i]);
}

/* Where one link loads another at an axis, both are short or none is. */
static void relate_short(void *user, const Expr *e)
{
    Shortening *s = user;
    Chain *c = s->chain;
    Link *reader = &c->links[s->reader];
    for (int m = 0; e->kind == EXPR_load && m < s->reader; m++) {
        Link *maker = &c->links[m];
        for (int d = 0; maker->compute->out == e->object && d < maker->compute->axis_count; d++) {
            int i = axis_number(reader->compute, e->src[d]);
            if (is_short_index(reader, e->src[d]) && !maker->is_short[d])
                s->changed = maker->is_short[d] = true;
            if (i >= 0 && maker->is_short[d] && !reader->is_short[i])
                s->changed = reader->is_short[i] = true;
        }
    }
}

static void find_short_axes(Chain *c)
{
    Shortening s = {.chain = c, .changed = true};
    for (int m = 0; m < c->count; m++)
        if (c->links[m].is_sum)
            c->links[m].is_short[axis_number(c->links[m].compute, c->links[m].table->src[0])] =
                true;
    while (s.changed) {
        s.changed = false;
        for (s.reader = 1; s.reader < c->count; s.reader++)
            expr_walk(c->g->pool, c->links[s.reader].body, relate_short, &s);
    }
}

/* Cells of the link's short axes; 0 if there are too many. */
static int64_t cell_count(const Link *link)
{
    int64_t count = 1, extent;
    for (int i = 0; i < link->compute->axis_count; i++) {
        if (!link->is_short[i])
            continue;
        if (!expr_known(link->compute->axes[i]->extent, &extent) || extent > MAX_SHORT)
            return 0;
        count *= extent;
    }
    return count <= MAX_CELLS ? count : 0;
}

static void link_substitute(Chain *c, Link *link, const Axis *axis, const Expr *by)
{
    ExprPool *pool = c->g->pool;
    link->body = expr_substitute(pool, link->body, axis, by);
    if (link->is_sum)
        link->value = expr_substitute(pool, link->value, axis, by);
    for (int i = 0; i < link->compute->axis_count; i++)
        if (link->axes[i])
            link->axes[i] = expr_substitute(pool, link->axes[i], axis, by);
    for (int d = 0; d < link->compute->out->rank; d++)
        if (link->target[d])
            link->target[d] = expr_substitute(pool, link->target[d], axis, by);
}

static void chain_substitute(Chain *c, const Axis *axis, const Expr *by)
{
    for (int m = 0; m < c->count; m++)
        link_substitute(c, &c->links[m], axis, by);
}

typedef struct Joining {
    Chain *chain;
    Link *reader, *maker;
    bool found, failed;
} Joining;

static void join_load(void *user, const Expr *e)
{
    Joining *j = user;
    const Compute *made = j->maker->compute;
    if (e->kind != EXPR_load || e->object != made->out)
        return;
    for (int d = 0; d < made->axis_count; d++) {
        if (j->maker->is_short[d])
            continue;
        j->failed |= j->found && j->maker->axes[d] != e->src[d];
        j->maker->axes[d] = e->src[d];
    }
    j->failed |= e->has_fill;
    j->found = true;
}

/* Puts all links over the loops of the last one. */
static bool join_links(Chain *c)
{
    for (int m = c->count - 1; m >= 0; m--) {
        Link *link = &c->links[m];
        Joining joining = {.chain = c, .maker = link};
        for (int i = 0; i < link->compute->axis_count; i++)
            if (m == c->count - 1 && !link->is_short[i])
                link->axes[i] = expr_axis(c->g->pool, link->compute->axes[i]);
        if (m < c->count - 1) {
            joining.reader = &c->links[m + 1];
            expr_walk(c->g->pool, joining.reader->body, join_load, &joining);
            if (!joining.found || joining.failed)
                return false;
        }
        for (int i = 0; i < link->compute->axis_count; i++) {
            const Expr *by = link->axes[i];
            if (by && m < c->count - 1)
                link_substitute(c, link, link->compute->axes[i], by);
        }
    }
    return true;
}

static bool make_links(Chain *c)
{
    for (int m = 0; m < c->count; m++) {
        Link *link = &c->links[m];
        const Compute *compute = c->g->kernel->computes[c->first + m];
        *link = (Link){.compute = compute, .body = compute->body};
        link->is_sum = is_table_sum(compute, &link->table, &link->value);
        for (int d = 0; compute->kind == COMPUTE_scatter && d < compute->out->rank; d++)
            link->target[d] = compute->target[d];
        if (m < c->count - 1 && compute->kind == COMPUTE_scatter)
            return false;
    }
    find_short_axes(c);
    for (int m = 0; m < c->count; m++)
        if (!cell_count(&c->links[m]))
            return false;
    return join_links(c);
}

/* ---- Code of a chain --------------------------------------------------------------------- */

/* A position of a link's short axes: walks them, the last one fastest, but for `fixed`. */
typedef struct Position {
    const Link *link;
    int fixed;
    int64_t at[MAX_RANK * 2];
} Position;

static bool position_next(Position *p)
{
    const Compute *compute = p->link->compute;
    for (int i = compute->axis_count - 1; i >= 0; i--) {
        if (!p->link->is_short[i] || i == p->fixed)
            continue;
        if (++p->at[i] < extent_or(compute->axes[i]->extent, 0))
            return true;
        p->at[i] = 0;
    }
    return false;
}

static int64_t position_cell(const Position *p)
{
    const Compute *compute = p->link->compute;
    int64_t cell = 0;
    for (int i = 0; i < compute->axis_count; i++)
        if (p->link->is_short[i])
            cell = cell * extent_or(compute->axes[i]->extent, 0) + p->at[i];
    return cell;
}

static const Expr *at_position(const Chain *c, const Position *p, const Expr *e)
{
    const Compute *compute = p->link->compute;
    for (int i = 0; i < compute->axis_count; i++)
        if (p->link->is_short[i])
            e = expr_substitute(c->g->pool, e, compute->axes[i], number(c->g, p->at[i]));
    return e;
}

/* A load of another link's value is its cell. */
static const Expr *load_cell(void *user, const Expr *e)
{
    Chain *c = user;
    for (int m = 0; e->kind == EXPR_load && m < c->count; m++) {
        const Link *maker = &c->links[m];
        int64_t cell = 0, at;
        if (maker->compute->out != e->object)
            continue;
        for (int d = 0; d < maker->compute->axis_count; d++)
            if (maker->is_short[d] && expr_known(e->src[d], &at))
                cell = cell * extent_or(maker->compute->axes[d]->extent, 0) + at;
        return expr_cell(c->g->pool, maker->cells, number(c->g, cell));
    }
    return e;
}

static const Expr *value_of(Chain *c, const Expr *e)
{
    ExprPool *pool = c->g->pool;
    e = expr_rewrite(pool, e, load_cell, c);
    e = expr_rewrite(pool, e, load_tile, c->g);
    return expr_substitute(pool, lower_value(c->g->target, pool, e), c->along, c->at);
}

/* Where the last link's value at the position goes, and whether that is in range. */
static const Tensor *place_of(Chain *c, const Position *p, const Expr **offset, const Expr **inside)
{
    ExprPool *pool = c->g->pool;
    const Link *last = last_link(c);
    const Tensor *out = last->compute->out, *tile = c->g->tiles[out->slot];
    const Expr *indices[MAX_RANK], *local[MAX_RANK];
    *inside = expr_bool(pool, true);
    for (int d = 0; d < out->rank; d++) {
        bool scatters = last->compute->kind == COMPUTE_scatter;
        const Expr *index = scatters            ? last->target[d]
                            : last->is_short[d] ? expr_axis(pool, last->compute->axes[d])
                                                : last->axes[d];
        indices[d] = at_position(c, p, index);
        if (scatters)
            *inside = expr_both(pool, *inside, expr_inside(pool, indices[d], out->shape[d]));
    }
    if (tile)
        tile_indices(c->g, out, indices, local);
    *offset = tensor_offset(pool, tile ? tile : out, tile ? local : indices);
    if (c->along)
        *offset = expr_substitute(pool, *offset, c->along, c->at);
    return tile ? tile : out;
}

static void put(Chain *c, const Position *p, const Expr *value)
{
    Group *g = c->g;
    const Expr *offset, *inside;
    if (p->link->cells) {
        nest_set(&g->b, p->link->cells, number(g, position_cell(p)), value);
        return;
    }
    const Tensor *out = place_of(c, p, &offset, &inside);
    nest_open_if(&g->b, inside);
    nest_store(&g->b, out, offset, value, NULL);
    nest_close(&g->b);
}

static double table_number(const Link *link, int64_t row, int64_t column)
{
    const Tensor *tensor = link->table->object;
    int64_t columns = extent_or(tensor->shape[1], 0);
    return (double)((const float *)tensor->values)[row * columns + column];
}

/* Which numbers of a row take part in a sum. */
typedef bool TakesPart(double mine, double other);

static bool takes_all(double mine, double other)
{
    (void)other;
    return mine != 0;
}

static bool takes_equal(double mine, double other)
{
    return mine != 0 && mine == other;
}

static bool takes_opposite(double mine, double other)
{
    return mine != 0 && mine == -other;
}

/* The sum of a row's numbers times the values; NULL: there are none. */
static const Expr *row_sum(Chain *c, const Link *link, int64_t row, int64_t other,
                           const Expr *const *values, TakesPart *takes)
{
    ExprPool *pool = c->g->pool;
    const Expr *sum = NULL;
    int64_t columns = extent_or(link->compute->reduce_axes[0]->extent, 0);
    for (int64_t i = 0; i < columns; i++) {
        double factor = table_number(link, row, i);
        if (!takes(factor, table_number(link, other, i)))
            continue;
        const Expr *by = expr_real(pool, TN_FLOAT, factor);
        if (factor == 1)
            sum = sum ? expr_binary(pool, EXPR_add, sum, values[i]) : values[i];
        else if (factor == -1 && sum)
            sum = expr_binary(pool, EXPR_subtract, sum, values[i]);
        else if (!sum)
            sum = expr_binary(pool, EXPR_multiply, by, values[i]);
        else if (c->g->target->has_fma)
            sum = expr_fma(pool, by, values[i], sum);
        else
            sum = expr_binary(pool, EXPR_add, sum, expr_binary(pool, EXPR_multiply, by, values[i]));
    }
    return sum;
}

/* Whether two rows differ in signs alone: then they are the sum and the difference of two parts. */
static bool is_pair(const Link *link, int64_t a, int64_t b)
{
    int equal = 0, opposite = 0;
    int64_t columns = extent_or(link->compute->reduce_axes[0]->extent, 0);
    for (int64_t i = 0; i < columns; i++) {
        double x = table_number(link, a, i), y = table_number(link, b, i);
        if (fabs(x) != fabs(y))
            return false;
        equal += x != 0 && x == y;
        opposite += x != 0 && x != y;
    }
    return equal && opposite && equal + opposite > 2;
}

/* All rows of the table at a position of the other short axes. */
static void sum_rows(Chain *c, Link *link, Position *p, const Expr *const *values)
{
    Group *g = c->g;
    int axis = axis_number(link->compute, link->table->src[0]);
    int64_t rows = extent_or(link->compute->axes[axis]->extent, 0);
    bool done[MAX_SHORT] = {false};
    for (int64_t row = 0; row < rows; row++) {
        int64_t other = row + 1;
        while (other < rows && (done[other] || !is_pair(link, row, other)))
            other++;
        if (done[row])
            continue;
        done[row] = true;
        p->at[axis] = row;
        if (other >= rows) {
            const Expr *sum = row_sum(c, link, row, row, values, takes_all);
            put(c, p, sum ? sum : expr_real(g->pool, TN_FLOAT, 0));
            continue;
        }
        const Array *parts = nest_array(&g->b, "parts", TN_FLOAT, 2);
        const Expr *a = expr_cell(g->pool, parts, number(g, 0));
        const Expr *b = expr_cell(g->pool, parts, number(g, 1));
        nest_set(&g->b, parts, number(g, 0), row_sum(c, link, row, other, values, takes_equal));
        nest_set(&g->b, parts, number(g, 1), row_sum(c, link, row, other, values, takes_opposite));
        put(c, p, expr_binary(g->pool, EXPR_add, a, b));
        p->at[axis] = other;
        done[other] = true;
        put(c, p, expr_binary(g->pool, EXPR_subtract, a, b));
    }
    p->at[axis] = 0;
}

static void build_sum(Chain *c, Link *link)
{
    Group *g = c->g;
    const Axis *summed = link->compute->reduce_axes[0];
    Position p = {.link = link, .fixed = axis_number(link->compute, link->table->src[0])};
    int64_t columns = extent_or(summed->extent, 0);
    const Expr *values[MAX_SHORT];
    do {
        const Array *read = nest_array(&g->b, "read", TN_FLOAT, (int)columns);
        for (int64_t i = 0; i < columns; i++) {
            const Expr *value = at_position(c, &p, link->value);
            value = value_of(c, expr_substitute(g->pool, value, summed, number(g, i)));
            values[i] = value;
            if (value->kind == EXPR_cell)
                continue;
            nest_set(&g->b, read, number(g, i), value);
            values[i] = expr_cell(g->pool, read, number(g, i));
        }
        sum_rows(c, link, &p, values);
    } while (position_next(&p));
}

/* A map or a scatter over cells: for each of them its own code, or, where that is much, vectors go
 * to scratch, in L1, and a loop goes over them. */
static void build_light_map(Chain *c, Link *link)
{
    Position p = {.link = link, .fixed = -1};
    do
        put(c, &p, value_of(c, at_position(c, &p, link->body)));
    while (position_next(&p));
}

typedef struct Spill {
    Chain *chain;
    const Link *maker;
    const Tensor *scratch;
} Spill;

static const Expr *load_spilled(void *user, const Expr *e)
{
    Spill *s = user;
    ExprPool *pool = s->chain->g->pool;
    const Compute *made = s->maker->compute;
    const Expr *cell = expr_integer(pool, 0);
    if (e->kind != EXPR_load || e->object != made->out)
        return e;
    for (int d = 0; d < made->axis_count; d++)
        if (s->maker->is_short[d])
            cell = expr_plus(pool, expr_times(pool, cell, made->axes[d]->extent), e->src[d]);
    int64_t lanes = target_lanes(s->chain->g->target);
    const Expr *offset = expr_plus(pool, expr_scale(pool, cell, lanes),
                                   expr_axis(pool, s->chain->g->function->lane));
    return expr_fetch(pool, s->scratch, offset, NULL, NULL);
}

static void build_heavy_map(Chain *c, Link *link, const Link *maker)
{
    Group *g = c->g;
    ExprPool *pool = g->pool;
    int64_t lanes = target_lanes(g->target), count = cell_count(maker);
    Spill spill = {c, maker, function_scratch(pool, g->function, "cells", TN_FLOAT, count * lanes)};
    const Expr *lane = expr_axis(pool, g->function->lane), *offset, *inside;
    for (int64_t i = 0; i < count; i++)
        nest_store(&g->b, spill.scratch, expr_plus_integer(pool, lane, i * lanes),
                   expr_cell(pool, maker->cells, number(g, i)), NULL);
    int opened = 0;
    Link rolled = *link;
    for (int i = 0; i < link->compute->axis_count; i++) {
        if (!link->is_short[i])
            continue;
        nest_open(&g->b, link->compute->axes[i], LOOP_serial);
        rolled.is_short[i] = false;
        rolled.axes[i] = expr_axis(pool, link->compute->axes[i]);
        opened++;
    }
    Position p = {.link = &rolled, .fixed = -1};
    const Expr *value = expr_rewrite(pool, link->body, load_spilled, &spill);
    const Tensor *out = place_of(c, &p, &offset, &inside);
    nest_open_if(&g->b, inside);
    nest_store(&g->b, out, offset, value_of(c, value), NULL);
    for (opened++; opened > 0; opened--)
        nest_close(&g->b);
}

static void build_links(Chain *c)
{
    for (int m = 0; m < c->count; m++) {
        Link *link = &c->links[m];
        bool is_last = m == c->count - 1;
        if (!is_last)
            link->cells =
                nest_array(&c->g->b, link->compute->out->name, TN_FLOAT, (int)cell_count(link));
        bool is_heavy = is_last && m > 0 && !link->is_sum &&
                        expr_weight(c->g->pool, link->body) > UNROLLED_WEIGHT;
        if (link->is_sum)
            build_sum(c, link);
        else if (is_heavy)
            build_heavy_map(c, link, &c->links[m - 1]);
        else
            build_light_map(c, link);
    }
}

/* ---- The loops of a chain ---------------------------------------------------------------- */

/* The loop axis that the last link's store is contiguous along. */
static const Axis *lane_axis(Chain *c)
{
    const Link *last = last_link(c);
    Position p = {.link = last, .fixed = -1};
    const Expr *offset, *inside;
    place_of(c, &p, &offset, &inside);
    for (int i = 0; i < last->compute->axis_count; i++) {
        const Axis *axis = last->compute->axes[i];
        const Expr *step = last->is_short[i] ? NULL : index_step(c->g->pool, offset, axis);
        if (step && expr_is(step, 1))
            return axis;
    }
    return NULL;
}

typedef struct Contiguity {
    ExprPool *pool;
    const Axis *along;
    bool holds;
} Contiguity;

static void check_contiguity(void *user, const Expr *e)
{
    Contiguity *c = user;
    if (e->kind != EXPR_fetch || !expr_contains_axis(e->src[0], c->along))
        return;
    const Expr *step = index_step(c->pool, e->src[0], c->along);
    c->holds &= step && expr_is(step, 1);
}

/* Whether what the first link reads lies contiguous along the lanes, too. */
static bool reads_along(const Chain *c)
{
    const Link *first = &c->links[0];
    Contiguity contiguity = {c->g->pool, c->along, true};
    const Expr *read = expr_rewrite(c->g->pool, first->body, load_tile, c->g);
    expr_walk(c->g->pool, lower_loads(c->g->pool, read), check_contiguity, &contiguity);
    return contiguity.holds;
}

static bool build_chain(Group *g, int first, int count)
{
    ExprPool *pool = g->pool;
    Chain *c = ARENA_NEW(expr_pool_arena(pool), Chain);
    *c = (Chain){.g = g, .first = first, .count = count};
    g->start = number(g, 0);
    if (count > MAX_COMPUTES || !make_links(c))
        return false;
    c->along = lane_axis(c);
    if (!c->along || !reads_along(c))
        return false;
    const Link *last = last_link(c);
    const Axis *split = g->split[first + count - 1], *axes[2 * MAX_RANK], *along = c->along;
    int64_t lanes = target_lanes(g->target), extent;
    if (along == split || !expr_known(along->extent, &extent))
        return false;
    int axis_count = last->compute->axis_count, opened = 0;
    for (int i = 0; i < axis_count; i++)
        axes[i] = last->compute->axes[i];
    const Expr *total = split->extent;
    const Expr *start = g->start = expr_scale(pool, expr_axis(pool, g->block), g->tile);
    const Expr *rest = expr_smaller(pool, number(g, g->tile), expr_minus(pool, total, start));
    const Axis *row = axis_create(pool, "row", rest);
    const Axis *vector = axis_create(pool, "v", number(g, (extent + lanes - 1) / lanes));
    const Expr *at = expr_plus(pool, expr_scale(pool, expr_axis(pool, vector), lanes),
                               expr_axis(pool, g->function->lane));
    chain_substitute(c, split, expr_plus(pool, start, expr_axis(pool, row)));
    c->at = at;
    nest_open(&g->b, row, LOOP_serial);
    for (int i = 0; i < axis_count; i++) {
        if (last->is_short[i] || axes[i] == split || axes[i] == along)
            continue;
        nest_open(&g->b, axes[i], LOOP_serial);
        opened++;
    }
    nest_open(&g->b, vector, LOOP_serial);
    nest_open_if(&g->b, expr_compare(pool, EXPR_less, at, along->extent));
    build_links(c);
    for (opened += 3; opened > 0; opened--)
        nest_close(&g->b);
    return true;
}

/* ---- The whole --------------------------------------------------------------------------- */

static bool build_members(Group *g)
{
    for (int i = 0; i < g->kernel->compute_count;) {
        int count = chain_length(g, i);
        if (!create_tiles(g, i, count ? count : 1))
            return false;
        if (count ? !build_chain(g, i, count) : !build_contraction(g, i))
            return false;
        i += count ? count : 1;
    }
    return true;
}

Function *group_schedule(const Target *target, const Kernel *kernel, int axis, int64_t tile)
{
    ExprPool *pool = kernel->pool;
    Arena *arena = expr_pool_arena(pool);
    Group *g = ARENA_NEW(arena, Group);
    *g = (Group){.pool = pool, .target = target, .kernel = kernel, .tile = tile};
    const Axis *split = kernel->computes[kernel->compute_count - 1]->axes[axis];
    if (kernel->compute_count > MAX_COMPUTES)
        return NULL;
    g->tiles = ARENA_ARRAY(arena, const Tensor *, kernel->tensor_count + 1);
    g->b = nest_builder(pool);
    g->function = function_create(kernel, kernel->name);
    g->function->lane = axis_create(pool, "lane", number(g, target_lanes(target)));
    g->split[kernel->compute_count - 1] = split;
    g->block =
        axis_create(pool, "tile", expr_round_up_quotient(pool, split->extent, number(g, tile)));
    g->function->parallel = g->block;
    if (!spread_splits(g))
        return NULL;
    nest_open(&g->b, g->block, LOOP_parallel);
    if (!build_members(g))
        return NULL;
    nest_close(&g->b);
    if (expr_is(g->block->extent, 1))
        g->function->parallel = NULL;
    g->function->array_count = g->b.array_count;
    g->function->nest = g->b.first;
    return g->function;
}
