/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts about the kernels of nodes.
 */
#include "passes/kernel_facts.h"

/* ---- Estimates --------------------------------------------------------------------------- */

double estimate_elements(ExprPool *pool, const Type *type)
{
    double count = 1;
    for (int d = 0; d < type->rank; d++)
        count *= expr_estimate(pool, type->dims[d]);
    return count;
}

/* ---- Bodies ------------------------------------------------------------------------------ */

/* What a walk over a body finds. */
typedef struct BodyFacts {
    const Compute *compute;
    int load_count;
    const Expr *summed; /* a load whose indices move with the reduce axes; the last one */
    bool sums_two;      /* there are such loads of two tensors */
    bool has_product, computes;
} BodyFacts;

static bool is_summed(const Compute *compute, const Expr *e)
{
    for (int i = 0; i < compute->reduce_count; i++)
        if (expr_contains_axis(e, compute->reduce_axes[i]))
            return true;
    return false;
}

static void look(void *user, const Expr *e)
{
    BodyFacts *facts = user;
    if (e->kind == EXPR_load) {
        facts->load_count++;
        facts->computes |= e->has_fill;
        if (is_summed(facts->compute, e)) {
            facts->sums_two |= facts->summed && facts->summed->object != e->object;
            facts->summed = e;
        }
    } else if (e->kind == EXPR_multiply || e->kind == EXPR_fma || e->kind == EXPR_dot4) {
        facts->has_product = true;
    } else if (e->type != EXPR_INDEX && e->kind != EXPR_constant && e->kind != EXPR_convert) {
        facts->computes = true;
    }
}

static BodyFacts body_facts(ExprPool *pool, const Compute *compute)
{
    BodyFacts facts = {.compute = compute};
    expr_walk(pool, compute->body, look, &facts);
    return facts;
}

/* ---- Maps -------------------------------------------------------------------------------- */

typedef struct StrideSearch {
    ExprPool *pool;
    const Axis *axis;
    bool strided, divided;
} StrideSearch;

static bool is_divided(const Expr *e)
{
    return expr_contains_kind(e, EXPR_quotient) || expr_contains_kind(e, EXPR_modulus) ||
           expr_contains_kind(e, EXPR_load);
}

static void look_for_stride(void *user, const Expr *e)
{
    StrideSearch *search = user;
    if (e->kind != EXPR_load)
        return;
    const Expr *offset = tensor_offset(search->pool, e->object, e->src);
    search->divided |= is_divided(offset);
    if (!search->axis)
        return;
    int64_t step = expr_coefficient(offset, search->axis);
    const Expr *moved = expr_scale(search->pool, expr_axis(search->pool, search->axis), step);
    const Expr *rest = expr_minus(search->pool, offset, moved);
    search->strided |= (step != 0 && step != 1) || expr_contains_axis(rest, search->axis);
}

static void map_facts(ExprPool *pool, const Kernel *kernel, KernelFacts *facts)
{
    const Compute *compute = kernel->computes[0];
    facts->shape = kernel->compute_count == 1 ? SHAPE_map : SHAPE_other;
    BodyFacts body = body_facts(pool, compute);
    StrideSearch search = {.pool = pool};
    for (int i = compute->axis_count - 1; i >= 0 && !search.axis; i--)
        if (!expr_is(compute->axes[i]->extent, 1))
            search.axis = compute->axes[i];
    expr_walk(pool, compute->body, look_for_stride, &search);
    facts->strided = search.strided;
    facts->moves = body.load_count == 1 && !body.computes && !search.divided;
}

/* ---- Reductions -------------------------------------------------------------------------- */

static bool is_reduce_axis(const Compute *compute, const Expr *e)
{
    for (int i = 0; i < compute->reduce_count; i++)
        if (e->kind == EXPR_axis && e->object == compute->reduce_axes[i])
            return true;
    return false;
}

/* How many last dimensions of the load's tensor the compute reduces, whole; 0 unless exactly those
 * and each row by itself. */
static int reduced_tail(const Compute *compute, const Expr *load)
{
    const Tensor *tensor = load->object;
    int tail = 0;
    while (tail < tensor->rank && is_reduce_axis(compute, load->src[tensor->rank - 1 - tail]))
        tail++;
    for (int d = 0; d < tensor->rank - tail; d++)
        if (load->src[d]->kind != EXPR_axis && !expr_is(load->src[d], 0))
            return 0;
    return tail == compute->reduce_count ? tail : 0;
}

static bool same_shape(const Tensor *tensor, int rank, const Expr *const *dims)
{
    bool same = tensor->rank == rank;
    for (int d = 0; same && d < rank; d++)
        same = tensor->shape[d] == dims[d];
    return same;
}

typedef struct LaneSearch {
    const Axis *lane;
    const Tensor *found;
} LaneSearch;

static void look_for_lane(void *user, const Expr *e)
{
    LaneSearch *search = user;
    for (int i = 0; e->kind == EXPR_load && i < e->count; i++)
        if (expr_contains_axis(e->src[i], search->lane))
            search->found = e->object;
}

/* The vectors of a contraction run along the last axis of its sum. */
static void contraction_facts(ExprPool *pool, const Kernel *kernel, KernelFacts *facts)
{
    const Compute *sum = kernel->computes[0];
    int64_t known;
    LaneSearch search = {NULL, NULL};
    facts->sums_known = true;
    for (int i = 0; i < sum->reduce_count; i++)
        facts->sums_known &= expr_known(sum->reduce_axes[i]->extent, &known);
    for (int i = sum->axis_count - 1; i >= 0 && !search.lane; i--)
        if (!expr_is(sum->axes[i]->extent, 1))
            search.lane = sum->axes[i];
    if (search.lane)
        expr_walk(pool, sum->body, look_for_lane, &search);
    facts->lane_operand = search.found ? search.found->slot : -1;
}

/* Rows, if every reduction reduces the last axes of one space. */
static void reduction_facts(ExprPool *pool, const Kernel *kernel, KernelFacts *facts)
{
    facts->shape = SHAPE_contraction;
    contraction_facts(pool, kernel, facts);
    int row_axes = 0;
    const Tensor *full = NULL;
    for (int i = 0; i < kernel->compute_count; i++) {
        const Compute *compute = kernel->computes[i];
        if (compute->kind != COMPUTE_reduce)
            continue;
        BodyFacts body = body_facts(pool, compute);
        if (!body.summed || (body.has_product && body.sums_two))
            return;
        int tail = reduced_tail(compute, body.summed);
        const Tensor *tensor = body.summed->object;
        if (tail == 0 ||
            (full && (tail != row_axes || !same_shape(tensor, full->rank, full->shape))))
            return;
        row_axes = tail;
        full = tensor;
    }
    if (!full)
        return;
    const Tensor *out = kernel->computes[kernel->compute_count - 1]->out;
    bool is_full = same_shape(out, full->rank, full->shape);
    facts->shape = is_full ? SHAPE_rows : SHAPE_reduction;
    facts->full_rank = full->rank;
    facts->row_axes = row_axes;
    for (int d = 0; d < full->rank; d++)
        facts->full[d] = full->shape[d];
}

/* ---- Nodes ------------------------------------------------------------------------------- */

/* Whether the value can be in a kernel at all. */
static bool is_numeric(const Value *value)
{
    return type_is_tensor(value->type) && value->type->rank >= 0 &&
           value->type->element != TN_STRING &&
           element_kind(value->type->element) != ELEMENT_KIND_COMPLEX;
}

static bool has_kernel(const Node *node)
{
    if (!node->op->lower || node->region_count || (node->op->traits & TRAIT_random))
        return false;
    for (int i = 0; i < node->operand_count; i++)
        if (operand(node, i) && !is_numeric(operand(node, i)))
            return false;
    for (int i = 0; i < node->result_count; i++)
        if (result(node, i)->name[0] && !is_numeric(result(node, i)))
            return false;
    return true;
}

static int wanted_results(const Node *node)
{
    int count = 0;
    for (int i = 0; i < node->result_count; i++)
        count += result(node, i)->first_use != NULL;
    return count;
}

KernelFacts kernel_facts(ExprPool *pool, const Node *node)
{
    KernelFacts facts = {.shape = SHAPE_none};
    if (!has_kernel(node))
        return facts;
    const Type *type = result(node, 0)->type;
    facts.elements = estimate_elements(pool, type);
    facts.bytes = facts.elements * (double)element_bytes(type->element);
    facts.shape = SHAPE_view;
    if (node->op->traits & TRAIT_view)
        return facts;
    const Kernel *kernel = node_lower(pool, node);
    facts.shape = SHAPE_other;
    if (wanted_results(node) > 1 || !result(node, 0)->first_use || kernel->compute_count == 0)
        return facts;
    bool reduces = false;
    for (int i = 0; i < kernel->compute_count; i++) {
        ComputeKind kind = kernel->computes[i]->kind;
        if (kind == COMPUTE_scan || kind == COMPUTE_scatter)
            return facts;
        reduces |= kind == COMPUTE_reduce;
    }
    if (reduces)
        reduction_facts(pool, kernel, &facts);
    else
        map_facts(pool, kernel, &facts);
    return facts;
}
