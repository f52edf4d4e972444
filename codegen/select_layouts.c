/* SPDX-License-Identifier: Apache-2.0
 *
 * Chooses the layouts of the values between the kernels of a graph.
 *
 * A contraction with a constant operand (a convolution, say) is fastest where its vectors run along
 * the axis that only the constant has in common with the result: its channels. The constant is then
 * packed once, at compile time, and the other operand is read one number at a time, so that nothing
 * is rearranged while the model runs. For that the channels must lie together in memory.
 *
 * 1. Each such contraction proposes the dimension of its result, and of the operand that it sums
 *    over, to lie innermost.
 * 2. Proposals travel through maps and reductions whose indices carry the dimension along
 *    unchanged, forwards and backwards, until nothing changes.
 * 3. A value is laid out as proposed if all that touches it are kernels of the same graph; inputs,
 *    outputs, views, host functions and regions see row-major tensors.
 * 4. A laid-out value whose readers go beyond its edges and find a number there gets a halo of that
 *    number, so that they need not look. A value that windows are read of and that cannot be laid
 *    out is copied into one that can.
 *
 * Graphs without a window (a sum over neighbours) are left alone: their matrices lie right already.
 */
#include "codegen/builder.h"

#include <string.h>

enum {
    MAX_HALO = 8, /* a side; windows that reach further look where they are */
    MIN_CHANNELS =
        8, /* fewer would leave most of a vector empty, where it is the widest (16 floats) */
};

typedef struct Choice {
    Value *value; /* NULL: a temporary of one kernel */
    int rank;
    int innermost;    /* the proposed dimension; -1: none */
    bool has_window;  /* a contraction reads it in windows */
    const Expr *fill; /* what readers find beyond its edges: the first ones, where they disagree */
    int64_t halo[MAX_RANK];
} Choice;

typedef struct Selection {
    Builder *b;
    Map choices; /* Value or Tensor -> Choice */
    bool changed, has_window;
} Selection;

/* ---- Choices ----------------------------------------------------------------------------- */

static const void *key_of(const KernelOfNode *k, const Tensor *tensor)
{
    Value *value = tensor->slot < k->kernel->tensor_count ? k->values[tensor->slot] : NULL;
    return value ? (const void *)value : tensor;
}

/* NULL for constants. */
static Choice *choice_of(Selection *s, const KernelOfNode *k, const Tensor *tensor)
{
    if (tensor->role == TENSOR_constant)
        return NULL;
    const void *key = key_of(k, tensor);
    Choice *choice = map_get_pointer(&s->choices, key);
    if (choice)
        return choice;
    choice = ARENA_NEW(s->b->arena, Choice);
    *choice = (Choice){
        .value = key == tensor ? NULL : (Value *)key, .rank = tensor->rank, .innermost = -1};
    map_set_pointer(&s->choices, key, choice);
    return choice;
}

static void propose(Selection *s, Choice *choice, const Tensor *tensor, int dimension)
{
    int64_t extent;
    if (!choice || choice->innermost >= 0 || tensor->rank < 3 ||
        !expr_known(tensor->shape[dimension], &extent) || extent < MIN_CHANNELS)
        return;
    choice->innermost = dimension;
    s->changed = true;
}

/* ---- Contractions ------------------------------------------------------------------------ */

static int rank_of(const Expr *load)
{
    return ((const Tensor *)load->object)->rank;
}

/* Whether the index goes along with the axis; not where it only tells the places in a block of so
 * many from each other (axis % 2), of which every block has the same. */
static bool index_follows(const Expr *index, const Axis *axis)
{
    if (index->kind == EXPR_modulus)
        return false;
    if (index->kind == EXPR_axis)
        return index->object == axis;
    for (int i = 0; i < index->count; i++)
        if (index_follows(index->src[i], axis))
            return true;
    return false;
}

static bool load_follows(const Expr *load, const Axis *axis)
{
    for (int i = 0; i < rank_of(load); i++)
        if (index_follows(load->src[i], axis))
            return true;
    return false;
}

typedef struct Product {
    const Compute *sum;
    const Expr *x, *w; /* loads: computed, constant */
} Product;

static bool is_product(const Compute *sum, Product *product)
{
    const Expr *body = sum->body;
    if (sum->kind != COMPUTE_reduce || sum->combine != COMBINE_sum || body->kind != EXPR_multiply)
        return false;
    const Expr *x = body->src[0], *w = body->src[1];
    if (x->kind != EXPR_load || w->kind != EXPR_load)
        return false;
    bool first = ((const Tensor *)x->object)->role == TENSOR_constant;
    bool second = ((const Tensor *)w->object)->role == TENSOR_constant;
    *product = first ? (Product){sum, w, x} : (Product){sum, x, w};
    return first != second;
}

/* The dimension of the result that the constant has too. */
static int result_channel(const Product *p)
{
    int found = -1;
    for (int d = 0; d < p->sum->axis_count; d++) {
        if (!load_follows(p->w, p->sum->axes[d]))
            continue;
        if (found >= 0)
            return -1;
        found = d;
    }
    return found;
}

/* Whether the index moves with a place of the result: an axis that the constant does not have. */
static bool moves_with_place(const Product *p, const Expr *index)
{
    for (int d = 0; d < p->sum->axis_count; d++)
        if (expr_contains_axis(index, p->sum->axes[d]) && !load_follows(p->w, p->sum->axes[d]))
            return true;
    return false;
}

static bool contains_any(const Expr *index, const Axis *const *axes, int count)
{
    for (int i = 0; i < count; i++)
        if (expr_contains_axis(index, axes[i]))
            return true;
    return false;
}

static int operand_channel(const Product *p)
{
    int found = -1;
    for (int e = 0; e < rank_of(p->x); e++) {
        const Expr *index = p->x->src[e];
        if (moves_with_place(p, index) ||
            !(contains_any(index, p->sum->axes, p->sum->axis_count) ||
              contains_any(index, p->sum->reduce_axes, p->sum->reduce_count)))
            continue;
        if (found >= 0)
            return -1;
        found = e;
    }
    return found;
}

static bool has_window(const Product *p)
{
    for (int e = 0; e < rank_of(p->x); e++)
        if (moves_with_place(p, p->x->src[e]) &&
            contains_any(p->x->src[e], p->sum->reduce_axes, p->sum->reduce_count))
            return true;
    return false;
}

static void propose_contraction(Selection *s, const KernelOfNode *k, const Compute *compute)
{
    Product product;
    if (!is_product(compute, &product))
        return;
    int channel = result_channel(&product), summed = operand_channel(&product);
    const Tensor *x = product.x->object;
    Choice *operand = choice_of(s, k, x);
    if (has_window(&product) && operand)
        s->has_window = operand->has_window = true;
    if (channel >= 0)
        propose(s, choice_of(s, k, compute->out), compute->out, channel);
    if (summed >= 0)
        propose(s, operand, x, summed);
}

/* ---- Propagation ------------------------------------------------------------------------- */

typedef struct Visit {
    Selection *s;
    const KernelOfNode *k;
    const Compute *compute;
} Visit;

static int dimension_of_axis(const Compute *compute, const Expr *index)
{
    for (int d = 0; d < compute->axis_count; d++)
        if (index->kind == EXPR_axis && index->object == compute->axes[d])
            return d;
    return -1;
}

static void relate_load(void *user, const Expr *e)
{
    Visit *v = user;
    const Tensor *tensor = e->object;
    if (e->kind != EXPR_load || tensor->role == TENSOR_constant)
        return;
    Choice *from = choice_of(v->s, v->k, tensor), *to = choice_of(v->s, v->k, v->compute->out);
    for (int i = 0; i < tensor->rank; i++) {
        int d = dimension_of_axis(v->compute, e->src[i]);
        if (d < 0)
            continue;
        if (from->innermost == i)
            propose(v->s, to, v->compute->out, d);
        if (to->innermost == d)
            propose(v->s, from, tensor, i);
    }
}

static void relate(Selection *s, const KernelOfNode *k, const Compute *compute)
{
    Product product;
    Visit visit = {s, k, compute};
    if (compute->kind == COMPUTE_scatter || is_product(compute, &product))
        return;
    expr_walk(k->kernel->pool, compute->body, relate_load, &visit);
}

/* ---- What must stay row major ------------------------------------------------------------ */

static bool is_kernel(const Builder *b, const Node *node)
{
    return map_get_pointer(&b->kernels, node) != NULL;
}

static bool is_between_kernels(const Builder *b, const Value *value)
{
    if (value->kind != VALUE_result || !is_kernel(b, value->producer) ||
        map_get_pointer(&b->bindings, value))
        return false;
    FOR_EACH_USE (use, value)
        if (!use->user || use->user->graph != value->graph || !is_kernel(b, use->user))
            return false;
    return true;
}

/* ---- Halos ------------------------------------------------------------------------------- */

/* The smallest halo along dimension d that the index stays in; more than MAX_HALO: none. */
static int64_t reach_of(ExprPool *pool, const Tensor *tensor, int d, const Expr *index)
{
    int64_t halo = 0;
    while (halo <= MAX_HALO && !tensor_halo_covers(pool, tensor, d, index, halo))
        halo++;
    return halo;
}

/* A load that goes further than halos do looks by itself, and so does one that wants another fill.
 */
static void widen_for_load(void *user, const Expr *e)
{
    Visit *v = user;
    double value;
    int64_t reach[MAX_RANK];
    if (e->kind != EXPR_load || !e->has_fill)
        return;
    const Tensor *tensor = e->object;
    const Expr *fill = e->src[tensor->rank];
    Choice *choice = choice_of(v->s, v->k, tensor);
    if (!choice || !expr_is_constant(fill, &value) || (choice->fill && choice->fill != fill))
        return;
    for (int d = 0; d < tensor->rank; d++)
        if ((reach[d] = reach_of(v->k->kernel->pool, tensor, d, e->src[d])) > MAX_HALO)
            return;
    choice->fill = fill;
    for (int d = 0; d < tensor->rank; d++)
        if (reach[d] > choice->halo[d])
            choice->halo[d] = reach[d];
}

/* ---- The whole --------------------------------------------------------------------------- */

static void for_each_compute(Selection *s, const Graph *graph,
                             void (*visit)(Selection *, const KernelOfNode *, const Compute *))
{
    FOR_EACH_NODE (node, graph) {
        const KernelOfNode *k = map_get_pointer(&s->b->kernels, node);
        for (int i = 0; k && i < k->kernel->compute_count; i++)
            visit(s, k, k->kernel->computes[i]);
    }
}

static void find_halos(Selection *s, const KernelOfNode *k, const Compute *compute)
{
    Visit visit = {s, k, compute};
    expr_walk(k->kernel->pool, compute->body, widen_for_load, &visit);
}

static void set_layout(Selection *s, const KernelOfNode *k, Tensor *tensor)
{
    Choice *choice = map_get_pointer(&s->choices, key_of(k, tensor));
    bool has_room = !tensor_is_row_major(tensor); /* append_states.c laid it out */
    if (!choice || tensor->role == TENSOR_constant || has_room)
        return;
    bool is_copy = false, is_whole = choice->value && dims_are_entry(s->b, choice->value->type);
    if (choice->value && !is_between_kernels(s->b, choice->value)) {
        is_copy = is_whole && choice->has_window && choice->fill && tensor->role == TENSOR_input;
        if (!is_copy)
            return;
    } else if (choice->innermost < 0) {
        return;
    }
    Text pieces = text_create(s->b->arena);
    for (int d = 0; d < tensor->rank; d++)
        if (d != choice->innermost)
            text_format(&pieces, "%d ", d);
    if (choice->innermost >= 0)
        text_format(&pieces, "%d", choice->innermost);
    bool has_halo = is_whole && choice->fill;
    tensor_set_layout(s->b->pool, tensor, pieces.data, has_halo ? choice->halo : NULL,
                      choice->fill);
    k->is_copy[tensor->slot] = is_copy;
}

void select_layouts(Builder *b, Graph *graph)
{
    Selection s = {.b = b, .choices = map_create(b->arena)};
    for_each_compute(&s, graph, propose_contraction);
    if (!s.has_window)
        return;
    do {
        s.changed = false;
        for_each_compute(&s, graph, relate);
    } while (s.changed);
    for_each_compute(&s, graph, find_halos);
    FOR_EACH_NODE (node, graph) {
        const KernelOfNode *k = map_get_pointer(&b->kernels, node);
        for (int i = 0; k && i < k->kernel->tensor_count; i++)
            set_layout(&s, k, k->kernel->tensors[i]);
    }
}
