/* SPDX-License-Identifier: Apache-2.0
 *
 * See winograd.h.
 */
#include "winograd.h"

#include "group.h"

#include <math.h>

enum { MOST_POINTS = 6, MOST_PLACES = MAX_RANK };

/* ---- Tables ------------------------------------------------------------------------------ */

/* m results of a filter of so many taps from size = m + taps - 1 products. */
typedef struct Tables {
    int m, taps, size;
    float bt[MOST_POINTS * MOST_POINTS], at[MOST_POINTS * MOST_POINTS];
    double g[MOST_POINTS * MOST_POINTS];
} Tables;

/* The points beside infinity. With 3/4 and 3/2 the tables have as many zeros as with 1 and 2, and a
 * third of the error. */
static const double few_points[] = {0, 1, -1}, many_points[] = {0, 0.75, -0.75, 1.5, -1.5};

/* polynomial *= x - root */
static void times_root(double *polynomial, int degree, double root)
{
    for (int i = degree; i >= 0; i--) {
        polynomial[i + 1] += polynomial[i];
        polynomial[i] *= -root;
    }
}

static Tables *make_tables(Arena *arena, int m, int taps)
{
    Tables *t = ARENA_NEW(arena, Tables);
    *t = (Tables){.m = m, .taps = taps, .size = m + taps - 1};
    const double *points = t->size <= 4 ? few_points : many_points;
    for (int j = 0; j < t->size; j++) {
        bool is_infinity = j == t->size - 1;
        double polynomial[MOST_POINTS + 2] = {1}, scale = 1;
        int degree = 0;
        for (int l = 0; l < t->size - 1; l++) {
            if (!is_infinity && l == j)
                continue;
            times_root(polynomial, degree++, points[l]);
            scale *= is_infinity ? 1 : points[j] - points[l];
        }
        for (int i = 0; i < t->size; i++)
            t->bt[j * t->size + i] = i <= degree ? (float)polynomial[i] : 0;
        for (int i = 0; i < m; i++)
            t->at[i * t->size + j] = is_infinity ? i == m - 1 : (float)pow(points[j], i);
        for (int i = 0; i < taps; i++)
            t->g[j * taps + i] = is_infinity ? i == taps - 1 : pow(points[j], i) / scale;
    }
    return t;
}

/* ---- The structure ----------------------------------------------------------------------- */

/* index = place + tap + shift */
typedef struct Window {
    int dim; /* of x */
    const Axis *place, *tap;
    int64_t shift;
} Window;

typedef struct WindowSum {
    const Kernel *kernel;
    const Compute *sum;
    const Expr *x, *w; /* loads: computed, constant */
    int window_count, place_count, channel_dim;
    Window windows[2];
    const Axis *places[MOST_PLACES]; /* other axes that x and the result have in common */
    const Axis *channel, *column;    /* summed; the result's that the constant has */
    Epilogue epilogue;
} WindowSum;

static bool contains_axis(const Axis *const *axes, int count, const Axis *axis)
{
    for (int i = 0; i < count; i++)
        if (axes[i] == axis)
            return true;
    return false;
}

static bool is_own(const WindowSum *s, const Axis *axis)
{
    return contains_axis(s->sum->axes, s->sum->axis_count, axis);
}

static bool read_window(WindowSum *s, int d, const Expr *index)
{
    if (index->kind != EXPR_linear || index->count != 2 || s->window_count == 2 ||
        index->src[0]->kind != EXPR_axis || index->src[1]->kind != EXPR_axis ||
        index->factors[0] != 1 || index->factors[1] != 1)
        return false;
    const Axis *a = index->src[0]->object, *b = index->src[1]->object;
    bool first = is_own(s, a);
    if (first == is_own(s, b))
        return false;
    s->windows[s->window_count++] = (Window){d, first ? a : b, first ? b : a, index->integer};
    return true;
}

static bool read_index(WindowSum *s, int d, const Expr *index)
{
    if (index->kind != EXPR_axis)
        return expr_is(index, 0) || read_window(s, d, index);
    const Axis *axis = index->object;
    if (is_own(s, axis)) {
        s->places[s->place_count++] = axis;
        return true;
    }
    if (s->channel)
        return false;
    s->channel = axis;
    s->channel_dim = d;
    return true;
}

/* Every axis must have a part: own ones as places or the column, summed ones as taps or channel. */
static bool assign_axes(WindowSum *s)
{
    const Compute *sum = s->sum;
    const Window *w = s->windows;
    for (int i = 0; i < sum->axis_count; i++) {
        const Axis *axis = sum->axes[i];
        if (contains_axis(s->places, s->place_count, axis)) /* of any size: so many tiles more */
            continue;
        if (!expr_known(axis->extent, NULL))
            return false;
        if (expr_is(axis->extent, 1) || axis == w[0].place || axis == w[1].place)
            continue;
        if (s->column)
            return false;
        s->column = axis;
    }
    for (int i = 0; i < sum->reduce_count; i++) {
        const Axis *axis = sum->reduce_axes[i];
        if (!expr_known(axis->extent, NULL) || (!expr_is(axis->extent, 1) && axis != w[0].tap &&
                                                axis != w[1].tap && axis != s->channel))
            return false;
    }
    return s->channel && s->column && w[0].tap->extent == w[1].tap->extent;
}

/* The constant moves with the column, the channel and the taps alone. */
static bool constant_fits(const WindowSum *s)
{
    ExprPool *pool = s->kernel->pool;
    const Expr *offset = tensor_offset(pool, s->w->object, s->w->src);
    const Axis *axes[] = {s->column, s->channel, s->windows[0].tap, s->windows[1].tap};
    for (int i = 0; i < 4; i++) {
        const Expr *step = index_step(pool, offset, axes[i]);
        if (!step || !expr_known(step, NULL))
            return false;
        offset = expr_substitute(pool, offset, axes[i], expr_integer(pool, 0));
    }
    return expr_is(offset, 0);
}

static bool read_window_sum(const Kernel *kernel, int first, WindowSum *s)
{
    const Compute *sum = kernel->computes[first];
    const Expr *body = sum->body;
    double fill = 0;
    *s = (WindowSum){.kernel = kernel, .sum = sum};
    if (sum->kind != COMPUTE_reduce || sum->combine != COMBINE_sum || sum->accumulate != TN_FLOAT ||
        body->kind != EXPR_multiply || body->type != TN_FLOAT || body->src[0]->kind != EXPR_load ||
        body->src[1]->kind != EXPR_load)
        return false;
    int at = ((const Tensor *)body->src[1]->object)->role == TENSOR_constant;
    s->w = body->src[at];
    s->x = body->src[!at];
    const Tensor *w = s->w->object, *x = s->x->object;
    if (w->role != TENSOR_constant || w->element != TN_FLOAT || w->mixing || s->w->has_fill ||
        x->role == TENSOR_constant ||
        (s->x->has_fill && !(expr_is_constant(s->x->src[x->rank], &fill) && fill == 0)))
        return false;
    for (int d = 0; d < x->rank; d++)
        if (!read_index(s, d, s->x->src[d]))
            return false;
    if (s->window_count != 2 || !assign_axes(s) || !constant_fits(s))
        return false;
    s->epilogue = epilogue_collect(kernel, first);
    return true;
}

/* ---- Restating --------------------------------------------------------------------------- */

typedef struct Restated {
    const WindowSum *s;
    ExprPool *pool;
    Kernel *kernel;
    const Tables *tables;
    int64_t down, across; /* tiles of a plane */
    const Expr *total;    /* of all planes */
    const Tensor *bt, *at;
} Restated;

static const Expr *whole(const Restated *r, int64_t value)
{
    return expr_integer(r->pool, value);
}

static Tensor *temporary(Restated *r, const char *name, int rank, const Expr *const *shape)
{
    return kernel_tensor(r->kernel, name, TENSOR_temporary, TN_FLOAT, rank, shape);
}

static const Tensor *table(Restated *r, const char *name, int rows, const float *values)
{
    const Expr *shape[] = {whole(r, rows), whole(r, r->tables->size)};
    Tensor *tensor = kernel_tensor(r->kernel, name, TENSOR_constant, TN_FLOAT, 2, shape);
    tensor->values = values;
    return tensor;
}

static int64_t tiles_along(const Axis *axis, int m)
{
    return (extent_or(axis->extent, 0) + m - 1) / m;
}

/* Where tile number `tile` begins, along both windows, and its other places. */
static void tile_start(const Restated *r, const Expr *tile, const Expr **start, const Expr **places)
{
    ExprPool *pool = r->pool;
    const Expr *down = whole(r, r->down), *across = whole(r, r->across);
    start[1] = expr_scale(pool, expr_modulus(pool, tile, across), r->tables->m);
    tile = expr_quotient(pool, tile, across);
    start[0] = expr_scale(pool, expr_modulus(pool, tile, down), r->tables->m);
    tile = expr_quotient(pool, tile, down);
    for (int i = r->s->place_count - 1; i >= 0; i--) {
        const Expr *extent = r->s->places[i]->extent;
        places[i] = expr_modulus(pool, tile, extent);
        tile = expr_quotient(pool, tile, extent);
    }
}

static const Expr *sum_of(const Restated *r, const Tensor *a, const Expr *row, const Expr *column,
                          const Expr *value)
{
    const Expr *indices[] = {row, column};
    return expr_binary(r->pool, EXPR_multiply, expr_load(r->pool, a, indices), value);
}

/* half[tile, c, a, j] = sum over i of bt[a, i] x[m y + i, m x + j] */
static const Tensor *restate_half(Restated *r)
{
    ExprPool *pool = r->pool;
    const WindowSum *s = r->s;
    const Tensor *x = s->x->object;
    const Expr *size = whole(r, r->tables->size), *start[2], *places[MOST_PLACES];
    const Expr *shape[] = {r->total, s->channel->extent, size, size};
    const Tensor *half = temporary(r, "half", 4, shape);
    Compute *c = kernel_reduce(r->kernel, half, COMBINE_sum);
    const Expr *i = compute_reduce_axis(r->kernel, c, size), *indices[MAX_RANK + 1];
    const Expr *steps[] = {i, compute_axis(r->kernel, c, 3)};
    tile_start(r, compute_axis(r->kernel, c, 0), start, places);
    for (int d = 0, p = 0; d < x->rank; d++) {
        indices[d] = whole(r, 0);
        if (s->x->src[d]->kind == EXPR_axis)
            indices[d] = d == s->channel_dim ? compute_axis(r->kernel, c, 1) : places[p++];
        for (int k = 0; k < 2; k++)
            if (s->windows[k].dim == d)
                indices[d] = expr_plus_integer(pool, expr_plus(pool, start[k], steps[k]),
                                               s->windows[k].shift);
    }
    const Expr *load = expr_load_or(pool, x, indices, expr_real(pool, TN_FLOAT, 0));
    c->body = sum_of(r, r->bt, compute_axis(r->kernel, c, 2), i, load);
    return half;
}

/* v[a, e, tile, c] = sum over j of bt[e, j] half[tile, c, a, j] */
static const Tensor *restate_v(Restated *r, const Tensor *half)
{
    const Expr *size = whole(r, r->tables->size);
    const Expr *shape[] = {size, size, half->shape[0], half->shape[1]};
    const Tensor *v = temporary(r, "v", 4, shape);
    Compute *c = kernel_reduce(r->kernel, v, COMBINE_sum);
    const Expr *j = compute_reduce_axis(r->kernel, c, size);
    const Expr *indices[] = {compute_axis(r->kernel, c, 2), compute_axis(r->kernel, c, 3),
                             compute_axis(r->kernel, c, 0), j};
    c->body = sum_of(r, r->bt, compute_axis(r->kernel, c, 1), j, expr_load(r->pool, half, indices));
    return v;
}

/* u[a, e, o, c]: made of the constant where it is packed. */
static const Tensor *mixed_constant(Restated *r)
{
    ExprPool *pool = r->pool;
    const WindowSum *s = r->s;
    const Tensor *w = s->w->object;
    const Expr *offset = tensor_offset(pool, w, s->w->src), *size = whole(r, r->tables->size);
    const Expr *shape[] = {size, size, s->column->extent, s->channel->extent};
    Tensor *u = kernel_tensor(r->kernel, "u", TENSOR_constant, TN_FLOAT, 4, shape);
    Mixing *mixing = ARENA_NEW(expr_pool_arena(pool), Mixing);
    *mixing = (Mixing){.source = w, .count = 2};
    for (int k = 0; k < 2; k++) {
        mixing->dims[k] =
            (MixedDim){.extent = r->tables->size, .taps = r->tables->taps, .weights = r->tables->g};
        expr_known(index_step(pool, offset, s->windows[k].tap), &mixing->dims[k].step);
    }
    u->mixing = mixing;
    u->layout.pieces[0].stride = whole(r, MIXED_STRIDE << 8);
    u->layout.pieces[1].stride = whole(r, MIXED_STRIDE);
    u->layout.pieces[2].stride = index_step(pool, offset, s->column);
    u->layout.pieces[3].stride = index_step(pool, offset, s->channel);
    return u;
}

static const Tensor *restate_products(Restated *r, const Tensor *v)
{
    ExprPool *pool = r->pool;
    Kernel *k = r->kernel;
    const Tensor *u = mixed_constant(r);
    const Expr *shape[] = {v->shape[0], v->shape[1], v->shape[2], r->s->column->extent};
    const Tensor *products = temporary(r, "products", 4, shape);
    Compute *c = kernel_reduce(k, products, COMBINE_sum);
    const Expr *channel = compute_reduce_axis(k, c, r->s->channel->extent);
    const Expr *in_v[] = {compute_axis(k, c, 0), compute_axis(k, c, 1), compute_axis(k, c, 2),
                          channel};
    const Expr *in_u[] = {compute_axis(k, c, 0), compute_axis(k, c, 1), compute_axis(k, c, 3),
                          channel};
    c->body = expr_binary(pool, EXPR_multiply, expr_load(pool, v, in_v), expr_load(pool, u, in_u));
    return products;
}

/* back[tile, o, p, e] = sum over a of at[p, a] products[a, e, tile, o], and the same for the other
 * axis: results[tile, o, p, q] */
static const Tensor *restate_results(Restated *r, const Tensor *products)
{
    Kernel *k = r->kernel;
    const Expr *m = whole(r, r->tables->m), *size = whole(r, r->tables->size);
    const Expr *half_shape[] = {products->shape[2], products->shape[3], m, size};
    const Expr *shape[] = {products->shape[2], products->shape[3], m, m};
    const Tensor *back = temporary(r, "back", 4, half_shape);
    Compute *c = kernel_reduce(k, back, COMBINE_sum);
    const Expr *a = compute_reduce_axis(k, c, size);
    const Expr *in_products[] = {a, compute_axis(k, c, 3), compute_axis(k, c, 0),
                                 compute_axis(k, c, 1)};
    c->body = sum_of(r, r->at, compute_axis(k, c, 2), a, expr_load(r->pool, products, in_products));
    const Tensor *results = temporary(r, "results", 4, shape);
    c = kernel_reduce(k, results, COMBINE_sum);
    const Expr *e = compute_reduce_axis(k, c, size);
    const Expr *in_back[] = {compute_axis(k, c, 0), compute_axis(k, c, 1), compute_axis(k, c, 2),
                             e};
    c->body = sum_of(r, r->at, compute_axis(k, c, 3), e, expr_load(r->pool, back, in_back));
    return results;
}

/* The maps that follow, tile by tile; what a tile has beyond the edges goes nowhere. */
static void restate_epilogue(Restated *r, const Tensor *results)
{
    ExprPool *pool = r->pool;
    Kernel *k = r->kernel;
    const WindowSum *s = r->s;
    Compute *c = kernel_scatter(k, s->epilogue.result, COMBINE_none, 4, results->shape);
    const Expr *indices[4], *start[2], *places[MOST_PLACES];
    for (int i = 0; i < 4; i++)
        indices[i] = compute_axis(k, c, i);
    tile_start(r, indices[0], start, places);
    c->body = epilogue_apply(pool, s->epilogue.value, expr_load(pool, results, indices));
    for (int d = 0; d < s->epilogue.result->rank; d++)
        c->target[d] = s->epilogue.indices[d];
    for (int i = 0; i < s->place_count + 3; i++) {
        const Axis *axis = i < s->place_count    ? s->places[i]
                           : i == s->place_count ? s->column
                                                 : s->windows[i - s->place_count - 1].place;
        int window = i - s->place_count - 1;
        const Expr *by = i < s->place_count ? places[i]
                         : i == s->place_count
                             ? indices[1]
                             : expr_plus(pool, start[window], indices[2 + window]);
        c->body = expr_substitute(pool, c->body, axis, by);
        for (int d = 0; d < s->epilogue.result->rank; d++)
            c->target[d] = expr_substitute(pool, c->target[d], axis, by);
    }
}

static Kernel *over_same_tensors(const Kernel *kernel)
{
    Arena *arena = expr_pool_arena(kernel->pool);
    Kernel *copy = kernel_create(kernel->pool, kernel->name);
    copy->tensor_count = copy->tensor_capacity = kernel->tensor_count;
    copy->tensors = ARENA_ARRAY(arena, Tensor *, kernel->tensor_count + 1);
    for (int i = 0; i < kernel->tensor_count; i++)
        copy->tensors[i] = kernel->tensors[i];
    return copy;
}

static Kernel *restate(const WindowSum *s, int m)
{
    ExprPool *pool = s->kernel->pool;
    int taps = (int)extent_or(s->windows[0].tap->extent, 0);
    Restated r = {.s = s, .pool = pool, .kernel = over_same_tensors(s->kernel)};
    if (taps < 2 || m + taps - 1 > MOST_POINTS)
        return NULL;
    r.tables = make_tables(expr_pool_arena(pool), m, taps);
    r.down = tiles_along(s->windows[0].place, m);
    r.across = tiles_along(s->windows[1].place, m);
    r.total = expr_integer(pool, r.down * r.across);
    for (int i = 0; i < s->place_count; i++)
        r.total = expr_times(pool, r.total, s->places[i]->extent);
    r.bt = table(&r, "bt", r.tables->size, r.tables->bt);
    r.at = table(&r, "at", m, r.tables->at);
    const Tensor *v = restate_v(&r, restate_half(&r));
    restate_epilogue(&r, restate_results(&r, restate_products(&r, v)));
    return r.kernel;
}

/* ---- Choosing ---------------------------------------------------------------------------- */

/* Bytes in a cycle from beyond the second cache: from memory, where weights are when a model comes
 * round to a layer again, and from the third cache, where they are when the next tiles come. */
enum { MEMORY_RATE = 4, FAR_RATE = 8 };

/* A group, or what it would be. */
typedef struct Candidate {
    const WindowSum *s;
    const Target *target;
    const Tables *tables;
    Kernel *kernel;
    Contraction products;
    const Axis *rows;
    double channels, columns, total;
    int64_t tile;
    double cycles;
} Candidate;

static int numbers_of(const float *values, int count)
{
    int found = 0;
    for (int i = 0; i < count; i++)
        found += values[i] != 0;
    return found;
}

/* Cycles of both transforms of a tile, for a vector of channels: what is loaded and stored of it,
 * and the sums; rows in pairs save a third of these. */
static double transform_cycles(const Candidate *c)
{
    const Tables *t = c->tables;
    const double saved = 0.67, store = 1.5;
    double size = t->size, m = t->m, squared = size * size;
    double forth = numbers_of(t->bt, t->size * t->size) * 2 * size * saved / c->target->fmas;
    double back = numbers_of(t->at, t->m * t->size) * (size + m) * saved / c->target->fmas;
    forth += squared / c->target->loads + squared * store;
    back += squared / c->target->loads + m * m * store;
    double lanes = target_lanes(c->target);
    return ceil(c->channels / lanes) * forth + ceil(c->columns / lanes) * back;
}

/* The products of `tile` tiles, as a contraction. */
static double products_cycles(const Candidate *c, int64_t tile)
{
    Contraction part = c->products;
    const Axis *rows = axis_create(part.pool, "row", expr_integer(part.pool, tile));
    contraction_substitute(&part, c->rows, expr_axis(part.pool, rows));
    for (int i = 0; i < part.axis_count; i++)
        if (part.axes[i] == c->rows)
            part.axes[i] = rows;
    return tiling_cycles(&part, c->target);
}

static double group_cycles(const Candidate *c, int64_t tile)
{
    double squared = (double)c->tables->size * c->tables->size;
    double weights = 4 * squared * c->channels * c->columns;
    double values = 4 * squared * (double)tile * (c->channels + c->columns);
    double l2 = (double)c->target->l2_bytes, tiles = ceil(c->total / (double)tile);
    double products = tiles * products_cycles(c, tile);
    double cycles = c->total * transform_cycles(c) + weights / MEMORY_RATE;
    double again = weights + values > l2 ? (tiles - 1) * weights / FAR_RATE : 0;
    if (values > l2 * 0.75) /* written, and read */
        cycles += 2 * tiles * values / FAR_RATE;
    return cycles + (products > again ? products : again);
}

/* The tile, in rows of the products: few different ones are tried, all that threads can share. */
static void choose_rows(Candidate *c)
{
    static const int64_t wanted[] = {7, 14, 28, 56, 112, 224};
    enum { LEAST_TILES = 4 };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        double tiles = ceil(c->total / (double)wanted[i]);
        int64_t tile = (int64_t)ceil(c->total / (tiles < LEAST_TILES ? LEAST_TILES : tiles));
        double cycles = group_cycles(c, tile);
        if (!c->cycles || cycles < c->cycles) {
            c->cycles = cycles;
            c->tile = tile;
        }
    }
}

static bool make_candidate(const WindowSum *s, int m, const Target *target, Candidate *c)
{
    enum { PRODUCTS = 2 }; /* the number of their compute */
    *c = (Candidate){.s = s, .target = target, .kernel = restate(s, m)};
    if (!c->kernel || !contraction_analyse(c->kernel, PRODUCTS, target, &c->products))
        return false;
    c->tables = make_tables(expr_pool_arena(s->kernel->pool), m,
                            (int)extent_or(s->windows[0].tap->extent, 0));
    c->channels = (double)extent_or(s->channel->extent, 0);
    c->columns = (double)extent_or(s->column->extent, 0);
    c->total = (double)(tiles_along(s->windows[0].place, m) * tiles_along(s->windows[1].place, m));
    for (int i = 0; i < s->place_count; i++)
        c->total *= (double)extent_or(s->places[i]->extent, 1);
    for (int i = 0; i < c->products.axis_count; i++)
        if (c->products.roles[i] == ROLE_m)
            c->rows = c->products.axes[i];
    if (!c->rows)
        return false;
    choose_rows(c);
    return true;
}

static double direct_cycles(const WindowSum *s, const Contraction *direct, const Target *target)
{
    const Tensor *w = s->w->object;
    return tiling_cycles(direct, target) + 4 * (double)extent_or(w->length, 0) / MEMORY_RATE;
}

Function *winograd_build(const Kernel *kernel, int first, const Target *target, int m, int64_t tile,
                         int *count)
{
    WindowSum s;
    if (!read_window_sum(kernel, first, &s))
        return NULL;
    Kernel *restated = restate(&s, m);
    *count = s.epilogue.compute_count;
    return restated ? group_schedule(target, restated, 0, tile) : NULL;
}

/* What was reckoned, as text for who asks why. */
static const char *describe(const WindowSum *s, double direct, const Candidate *candidates,
                            int count)
{
    Text text = text_create(expr_pool_arena(s->kernel->pool));
    text_format(&text, "cycles: direct %.0f", direct);
    for (int i = 0; i < count; i++) {
        const Candidate *c = &candidates[i];
        text_format(&text, ", F(%dx%d, %dx%d) %.0f in tiles of %d", c->tables->m, c->tables->m,
                    c->tables->taps, c->tables->taps, c->cycles, (int)c->tile);
    }
    return text.data;
}

Function *winograd_schedule(const Kernel *kernel, int first, const Target *target,
                            const Contraction *direct, int *count)
{
    /* A group is much code, and sums of few channels are not worth their transforms. */
    enum { LEAST_CHANNELS = 16, LEAST_CYCLES = 50000 };
    static const int sizes[] = {2, 4};
    WindowSum s;
    Candidate candidates[2], *best = NULL;
    int candidate_count = 0;
    if (target->shared_lanes || target->strict || !read_window_sum(kernel, first, &s) ||
        extent_or(s.channel->extent, 0) < LEAST_CHANNELS ||
        extent_or(s.column->extent, 0) < LEAST_CHANNELS)
        return NULL;
    double whole = direct_cycles(&s, direct, target);
    if (whole < LEAST_CYCLES)
        return NULL;
    for (int i = 0; i < 2; i++) {
        Candidate *candidate = &candidates[candidate_count];
        if (!make_candidate(&s, sizes[i], target, candidate))
            continue;
        candidate_count++;
        if (candidate->cycles < (best ? best->cycles : whole))
            best = candidate;
    }
    Function *function = best ? group_schedule(target, best->kernel, 0, best->tile) : NULL;
    if (!function)
        return NULL;
    function->cost = best->cycles * (double)best->tile / best->total;
    function->choice = describe(&s, whole, candidates, candidate_count);
    *count = s.epilogue.compute_count;
    return function;
}
