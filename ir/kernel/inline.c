/* SPDX-License-Identifier: Apache-2.0
 *
 * Inlining of maps: a load of a temporary becomes the body that would have made the element.
 *
 * It is legal where one map alone makes the temporary, whole, before it is read, and what that map
 * reads is the same at the place of the load: nothing that it loads is written in between. A load
 * with a fill becomes a choice; the body is then evaluated where the indices are out of range, too,
 * so that its own loads get fills.
 */
#include "kernel.h"

#include <assert.h>

typedef struct Inlining {
    ExprPool *pool;
    const Tensor *temporary;
    const Compute *maker;
    int count;
} Inlining;

/* ---- Legality ---------------------------------------------------------------------------- */

/* The one map that makes the tensor, and its position; or NULL. */
static const Compute *find_maker(const Kernel *kernel, const Tensor *tensor, int *position)
{
    const Compute *maker = NULL;
    for (int i = 0; i < kernel->compute_count; i++) {
        if (kernel->computes[i]->out != tensor)
            continue;
        if (maker)
            return NULL;
        maker = kernel->computes[i];
        *position = i;
    }
    return maker && maker->kind == COMPUTE_map ? maker : NULL;
}

static bool is_legal(const Kernel *kernel, const Compute *maker, int position)
{
    int last = position;
    for (int i = 0; i < kernel->compute_count; i++) {
        if (!compute_reads(kernel->pool, kernel->computes[i], maker->out))
            continue;
        if (i <= position)
            return false;
        last = i;
    }
    for (int i = position + 1; i < last; i++)
        if (compute_reads(kernel->pool, maker, kernel->computes[i]->out))
            return false;
    /* The last reader may write over what the maker reads only element by element. */
    return last == position || !compute_reads(kernel->pool, maker, kernel->computes[last]->out);
}

/* ---- Replacing --------------------------------------------------------------------------- */

typedef struct Placement {
    ExprPool *pool;
    const Compute *maker;
    const Expr *const *indices;
    bool guarded; /* the indices may be out of range */
} Placement;

/* Where a guarded body would read out of range it reads zero; nobody sees that value. */
static const Expr *place(void *user, const Expr *e)
{
    Placement *p = user;
    if (e->kind == EXPR_axis)
        for (int d = 0; d < p->maker->axis_count; d++)
            if (e->object == p->maker->axes[d])
                return p->indices[d];
    if (p->guarded && e->kind == EXPR_load && !e->has_fill)
        return expr_load_or(p->pool, e->object, e->src, expr_bits(p->pool, e->type, 0));
    return e;
}

static const Expr *inside_all(ExprPool *pool, const Tensor *tensor, const Expr *const *indices)
{
    const Expr *inside = expr_bool(pool, true);
    for (int d = 0; d < tensor->rank; d++)
        inside = expr_both(pool, inside, expr_inside(pool, indices[d], tensor->shape[d]));
    return inside;
}

/* What memory would have given back: rounded to the element type, in its compute type. */
static const Expr *through_memory(ExprPool *pool, TnElementType element, const Expr *value)
{
    return expr_convert(pool, element_compute_type(element), expr_convert(pool, element, value));
}

static const Expr *replace_load(void *user, const Expr *e)
{
    Inlining *inlining = user;
    ExprPool *pool = inlining->pool;
    if (e->kind != EXPR_load || e->object != inlining->temporary)
        return e;
    inlining->count++;
    Placement placement = {pool, inlining->maker, e->src, e->has_fill};
    const Expr *body = expr_rewrite(pool, inlining->maker->body, place, &placement);
    body = through_memory(pool, inlining->temporary->element, body);
    if (!e->has_fill)
        return body;
    const Expr *inside = inside_all(pool, inlining->temporary, e->src);
    return expr_select(pool, inside, body, e->src[e->count - 1]);
}

int kernel_inline(Kernel *kernel, const Tensor *temporary)
{
    int position = 0;
    assert(temporary->role == TENSOR_temporary || temporary->role == TENSOR_scratch);
    const Compute *maker = find_maker(kernel, temporary, &position);
    if (!maker || !is_legal(kernel, maker, position))
        return 0;
    Inlining inlining = {kernel->pool, temporary, maker, 0};
    for (int i = position + 1; i < kernel->compute_count; i++) {
        Compute *reader = kernel->computes[i];
        reader->body = expr_rewrite(kernel->pool, reader->body, replace_load, &inlining);
        for (int d = 0; reader->kind == COMPUTE_scatter && d < reader->out->rank; d++)
            reader->target[d] =
                expr_rewrite(kernel->pool, reader->target[d], replace_load, &inlining);
    }
    return inlining.count;
}
