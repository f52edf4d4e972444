/* SPDX-License-Identifier: Apache-2.0
 *
 * Several maps and reductions over the same rows as one function: softmax, normalisations, and what
 * surrounds them.
 *
 * What is the same row is read off the loads between the computes: where one loads what another
 * made at an axis, the two axes are one. Axes that every member has, and none sums, are the rows:
 * loops around all members, which follow one another inside. So a row is read from memory once and
 * what the members pass on stays in the first cache; a temporary of known size that nobody else
 * reads shrinks to a row of scratch. Inside, each member is scheduled as if it stood alone.
 */
#include "contraction.h"
#include "schedule_generic.h"

enum {
    MAX_MEMBERS = 16,
    MAX_MEMBER_AXES = 2 * MAX_RANK,
    MAX_SCRATCH_ELEMENTS = 1 << 16, /* of a row: 256 KiB of floats, which a second cache holds */
};

typedef struct Sweep {
    ExprPool *pool;
    const Target *target;
    const Kernel *kernel;
    int first, count;
    Member members[MAX_MEMBERS];
    /* Classes of axes that are the same, over all members' axes and then summed axes. */
    int classes[MAX_MEMBERS][2 * MAX_MEMBER_AXES];
    bool apart[MAX_MEMBERS * 2 * MAX_MEMBER_AXES]; /* by class: may not be a row */
    int row_count;
    const Axis *rows[MAX_MEMBER_AXES]; /* outermost first */
    Function *function;
    NestBuilder b;
} Sweep;

/* ---- Which axes are the same ------------------------------------------------------------- */

static int *class_of(Sweep *s, int member, const Axis *axis)
{
    const Compute *compute = s->kernel->computes[s->first + member];
    for (int i = 0; i < compute->axis_count; i++)
        if (compute->axes[i] == axis)
            return &s->classes[member][i];
    for (int i = 0; i < compute->reduce_count; i++)
        if (compute->reduce_axes[i] == axis)
            return &s->classes[member][MAX_MEMBER_AXES + i];
    return NULL;
}

static void join_classes(Sweep *s, int a, int b)
{
    for (int m = 0; m < s->count; m++)
        for (int i = 0; i < 2 * MAX_MEMBER_AXES; i++)
            if (s->classes[m][i] == b)
                s->classes[m][i] = a;
    s->apart[a] |= s->apart[b];
}

typedef struct Reading {
    Sweep *s;
    int member;
} Reading;

static int maker_of(const Sweep *s, const Tensor *tensor, int before)
{
    for (int m = before - 1; m >= 0; m--)
        if (s->kernel->computes[s->first + m]->out == tensor)
            return m;
    return -1;
}

static void set_apart(Sweep *s, int member, const Expr *index)
{
    const Compute *compute = s->kernel->computes[s->first + member];
    for (int i = 0; i < compute->axis_count + compute->reduce_count; i++) {
        const Axis *axis = i < compute->axis_count ? compute->axes[i]
                                                   : compute->reduce_axes[i - compute->axis_count];
        if (expr_contains_axis(index, axis))
            s->apart[*class_of(s, member, axis)] = true;
    }
}

/* A load of what another member made: each of its axes is one of mine, or may not be a row. */
static void unify_load(void *user, const Expr *e)
{
    const Reading *reading = user;
    Sweep *s = reading->s;
    int maker = e->kind == EXPR_load ? maker_of(s, e->object, reading->member) : -1;
    if (maker < 0)
        return;
    const Compute *made = s->kernel->computes[s->first + maker];
    for (int d = 0; d < made->axis_count; d++) {
        const Expr *index = e->src[d];
        int *theirs = class_of(s, maker, made->axes[d]);
        int *mine = index->kind == EXPR_axis ? class_of(s, reading->member, index->object) : NULL;
        const Axis *axis = mine ? index->object : NULL;
        if (expr_is(made->axes[d]->extent, 1) && expr_is(index, 0))
            continue;
        if (axis && axis->extent == made->axes[d]->extent && !e->has_fill) {
            join_classes(s, *mine, *theirs);
        } else {
            s->apart[*theirs] = true;
            set_apart(s, reading->member, index);
        }
    }
}

static void add_member(Sweep *s)
{
    int m = s->count++;
    Reading reading = {s, m};
    for (int i = 0; i < 2 * MAX_MEMBER_AXES; i++)
        s->classes[m][i] = m * 2 * MAX_MEMBER_AXES + i;
    expr_walk(s->pool, s->kernel->computes[s->first + m]->body, unify_load, &reading);
}

/* ---- Rows -------------------------------------------------------------------------------- */

/* The member's own axis of a class, if it has exactly one and does not sum over it. */
static const Axis *axis_in(const Sweep *s, int member, int class)
{
    const Compute *compute = s->kernel->computes[s->first + member];
    const Axis *found = NULL;
    for (int i = 0; i < compute->reduce_count; i++)
        if (s->classes[member][MAX_MEMBER_AXES + i] == class)
            return NULL;
    for (int i = 0; i < compute->axis_count; i++) {
        if (s->classes[member][i] != class)
            continue;
        if (found)
            return NULL;
        found = compute->axes[i];
    }
    return found;
}

static bool is_row(const Sweep *s, int class)
{
    const Axis *first = axis_in(s, 0, class);
    if (s->apart[class] || !first || expr_is(first->extent, 1))
        return false;
    for (int m = 1; m < s->count; m++) {
        const Axis *axis = axis_in(s, m, class);
        if (!axis || axis->extent != first->extent)
            return false;
    }
    return true;
}

/* The member with the most axes: what it reads and writes decides where lanes go. */
static int widest_member(const Sweep *s)
{
    int widest = 0, most = -1;
    for (int m = 0; m < s->count; m++) {
        const Compute *compute = s->kernel->computes[s->first + m];
        int count = 0;
        for (int i = 0; i < compute->axis_count; i++)
            count += !expr_is(compute->axes[i]->extent, 1);
        for (int i = 0; i < compute->reduce_count; i++)
            count += !expr_is(compute->reduce_axes[i]->extent, 1);
        if (count >= most) {
            most = count;
            widest = m;
        }
    }
    return widest;
}

typedef struct Contiguity {
    ExprPool *pool;
    const Compute *compute;
    const Axis *axis;
    int most; /* axes in the offset that decided */
    bool is_contiguous;
} Contiguity;

static int axes_in(const Compute *compute, const Expr *offset)
{
    int count = 0;
    for (int i = 0; i < compute->axis_count; i++)
        count += expr_contains_axis(offset, compute->axes[i]);
    for (int i = 0; i < compute->reduce_count; i++)
        count += expr_contains_axis(offset, compute->reduce_axes[i]);
    return count;
}

static void ask_contiguity(void *user, const Expr *e)
{
    Contiguity *c = user;
    if (e->kind != EXPR_fetch)
        return;
    int count = axes_in(c->compute, e->src[0]);
    if (count < c->most)
        return;
    const Expr *step = index_step(c->pool, e->src[0], c->axis);
    c->is_contiguous = step && expr_is(step, 1);
    c->most = count;
}

static bool is_contiguous(const Sweep *s, int class)
{
    int widest = widest_member(s);
    const Compute *compute = s->kernel->computes[s->first + widest];
    Contiguity c = {s->pool, compute, axis_in(s, widest, class), 0, false};
    expr_walk(s->pool, lower_loads(s->pool, compute->body), ask_contiguity, &c);
    return c.is_contiguous;
}

/* Rows are shared loops, but for the axis that lies contiguous in memory: lanes run along it. */
static int row_classes(Sweep *s, int *classes)
{
    const Compute *last = s->kernel->computes[s->first + s->count - 1];
    int count = 0;
    for (int i = 0; i < last->axis_count; i++) {
        int class = s->classes[s->count - 1][i];
        if (is_row(s, class) && !is_contiguous(s, class))
            classes[count++] = class;
    }
    return count;
}

static double row_total(const Sweep *s, const int *classes, int count)
{
    double total = 1;
    for (int i = 0; i < count; i++)
        total *= (double)extent_or(axis_in(s, 0, classes[i])->extent, OPEN_EXTENT);
    return total;
}

/* ---- Temporaries ------------------------------------------------------------------------- */

static bool read_outside(const Sweep *s, const Tensor *tensor)
{
    for (int i = 0; i < s->kernel->compute_count; i++) {
        bool is_member = i >= s->first && i < s->first + s->count;
        if (!is_member && compute_reads(s->pool, s->kernel->computes[i], tensor))
            return true;
    }
    return false;
}

/* A temporary's place in a row of scratch: the indices of its maker's other axes. */
typedef struct Local {
    ExprPool *pool;
    const Tensor *tensor, *scratch;
    const Expr *strides[MAX_RANK]; /* NULL: a row's */
} Local;

static const Expr *local_offset(const Local *local, const Expr *const *indices)
{
    const Expr *offset = expr_integer(local->pool, 0);
    for (int d = 0; d < local->tensor->rank; d++)
        if (local->strides[d])
            offset = expr_plus(local->pool, offset,
                               expr_times(local->pool, indices[d], local->strides[d]));
    return offset;
}

static const Expr *replace_load(void *user, const Expr *e)
{
    const Local *local = user;
    if (e->kind != EXPR_load || e->object != local->tensor)
        return e;
    const Expr *inside = NULL, *offset = local_offset(local, e->src);
    if (!e->has_fill)
        return expr_fetch(local->pool, local->scratch, offset, NULL, NULL);
    inside = expr_bool(local->pool, true);
    for (int d = 0; d < local->tensor->rank; d++)
        inside = expr_both(local->pool, inside,
                           expr_inside(local->pool, e->src[d], local->tensor->shape[d]));
    return expr_fetch(local->pool, local->scratch, offset, inside, e->src[e->count - 1]);
}

static bool has_row(const int *classes, int count, int class)
{
    for (int i = 0; i < count; i++)
        if (classes[i] == class)
            return true;
    return false;
}

/* Gives the member's out a row of scratch, if it is a private temporary of known size. */
static void make_local(Sweep *s, int member, const int *rows, int row_count, const Expr **bodies)
{
    const Compute *compute = s->kernel->computes[s->first + member];
    const Tensor *tensor = compute->out;
    Local local = {.pool = s->pool, .tensor = tensor};
    int64_t length = 1;
    if (tensor->role != TENSOR_temporary || read_outside(s, tensor))
        return;
    for (int d = tensor->rank - 1; d >= 0; d--) {
        int64_t extent = extent_or(tensor->shape[d], -1);
        if (has_row(rows, row_count, s->classes[member][d]))
            continue;
        if (extent < 0 || extent > MAX_SCRATCH_ELEMENTS)
            return;
        local.strides[d] = expr_integer(s->pool, length);
        length *= extent;
        if (length > MAX_SCRATCH_ELEMENTS)
            return;
    }
    if (s->function->scratch_count == (int)COUNT_OF(s->function->scratch))
        return;
    local.scratch = function_scratch(s->pool, s->function, tensor->name, tensor->element, length);
    for (int m = member + 1; m < s->count; m++)
        bodies[m] = expr_rewrite(s->pool, bodies[m], replace_load, &local);
    Member *m = &s->members[member];
    const Expr *indices[MAX_RANK];
    for (int d = 0; d < tensor->rank; d++)
        indices[d] = expr_axis(s->pool, compute->axes[d]);
    m->out = local.scratch;
    m->to = local_offset(&local, indices);
}

/* ---- The nest ---------------------------------------------------------------------------- */

static void remove_from(const Axis **axes, int *count, const Axis *axis)
{
    int kept = 0;
    for (int i = 0; i < *count; i++)
        if (axes[i] != axis)
            axes[kept++] = axes[i];
    *count = kept;
}

static void fuse_rows(Sweep *s)
{
    for (int i = s->row_count - 2; i >= 0; i--) {
        const Axis *outer = s->rows[i], *inner = s->rows[i + 1];
        bool fits = true;
        for (int m = 0; m < s->count; m++)
            fits &= member_can_fuse(&s->members[m], outer, inner);
        if (!fits)
            continue;
        const Axis *fused =
            axis_create(s->pool, outer->name, expr_times(s->pool, outer->extent, inner->extent));
        for (int m = 0; m < s->count; m++) {
            member_substitute(&s->members[m], outer, expr_integer(s->pool, 0));
            member_substitute(&s->members[m], inner, expr_axis(s->pool, fused));
        }
        s->rows[i] = fused;
        remove_from(s->rows, &s->row_count, inner);
    }
}

static void open_rows(Sweep *s)
{
    choose_parallel(s->function, s->rows, s->row_count, s->row_count);
    for (int i = 0; i < s->row_count; i++)
        nest_open(&s->b, s->rows[i], loop_kind(s->function, s->rows[i]));
}

static Function *build(Sweep *s)
{
    int classes[MAX_MEMBER_AXES], count = row_classes(s, classes);
    const Expr *bodies[MAX_MEMBERS];
    double cost = 0;
    s->b = nest_builder(s->pool);
    s->function = function_create(s->kernel, s->kernel->name);
    for (int m = 0; m < s->count; m++) {
        member_begin(&s->members[m], s->target, s->function, &s->b,
                     s->kernel->computes[s->first + m]);
        bodies[m] = s->kernel->computes[s->first + m]->body;
    }
    for (int m = 0; m < s->count; m++)
        make_local(s, m, classes, count, bodies);
    for (int i = 0; i < count; i++) {
        const Axis *row = axis_create(s->pool, "row", axis_in(s, 0, classes[i])->extent);
        for (int m = 0; m < s->count; m++) {
            Member *member = &s->members[m];
            const Axis *own = axis_in(s, m, classes[i]);
            member->body = i == 0 ? lower_value(s->target, s->pool, bodies[m]) : member->body;
            member_substitute(member, own, expr_axis(s->pool, row));
            remove_from(member->axes, &member->axis_count, own);
            member->is_inner = true;
        }
        s->rows[s->row_count++] = row;
    }
    fuse_rows(s);
    open_rows(s);
    for (int m = 0; m < s->count; m++) {
        member_build(&s->members[m]);
        cost += member_cost(&s->members[m]);
    }
    for (int i = 0; i < s->row_count; i++)
        nest_close(&s->b);
    for (int i = 0; i < s->row_count; i++)
        if (!function_shares(s->function, s->rows[i]))
            cost *= expr_estimate(s->pool, s->rows[i]->extent);
    s->function->array_count = s->b.array_count;
    s->function->nest = s->b.first;
    s->function->cost = cost;
    return s->function;
}

static bool can_join(const Sweep *s, int at)
{
    Contraction contraction;
    const Compute *compute = s->kernel->computes[at];
    if (compute->kind != COMPUTE_map && compute->kind != COMPUTE_reduce)
        return false;
    return !contraction_analyse(s->kernel, at, s->target, &contraction);
}

/* How many computes could be members, one after the other. */
static int longest_run(const Sweep *s)
{
    int count = 0;
    while (count < MAX_MEMBERS && s->first + count < s->kernel->compute_count &&
           can_join(s, s->first + count))
        count++;
    return count;
}

Function *schedule_sweep(const Target *target, const Kernel *kernel, int first, int *count)
{
    enum { LEAST_ROWS = 4 }; /* fewer leave threads idle, which could share a long row */
    Sweep *s = ARENA_NEW(expr_pool_arena(kernel->pool), Sweep);
    *s = (Sweep){.pool = kernel->pool, .target = target, .kernel = kernel, .first = first};
    for (*count = longest_run(s); *count >= 2; --*count) {
        int classes[MAX_MEMBER_AXES];
        s->count = 0;
        memset(s->apart, 0, sizeof s->apart);
        for (int m = 0; m < *count; m++)
            add_member(s);
        if (row_total(s, classes, row_classes(s, classes)) >= LEAST_ROWS)
            return build(s);
    }
    return NULL;
}
