/* SPDX-License-Identifier: Apache-2.0
 *
 * Slice: x[start : end : step] along some axes, as Python does.
 *
 * Starts and ends may be sizes or numbers that only running tells; axes and steps decide the
 * structure. Negative ones count from the end; then both are clamped: to 0 .. size for positive
 * steps, to -1 .. size - 1 for negative ones.
 */
#include "ir/ops/elements.h"
#include "ir/support/array.h"

static const OperandDef operands[] = {
    {.name = "data", .types = TYPES_TENSOR, .group = 'T'},
    {.name = "starts", .types = TYPES_INDEX, .group = 'I'},
    {.name = "ends", .types = TYPES_INDEX, .group = 'I'},
    {.name = "axes", .types = TYPES_INDEX, .group = 'I', .optional = true},
    {.name = "steps", .types = TYPES_INDEX, .group = 'I', .optional = true},
};
static const OperandDef results[] = {{.name = "output", .types = TYPES_TENSOR, .group = 'T'}};

enum { STARTS = 1, ENDS, AXES, STEPS };

/* No size reaches it, and sums with it cannot overflow. */
#define FAR ((int64_t)1 << 47)

/* What is taken of one dimension. */
typedef struct Cut {
    const Expr *start; /* clamped */
    const Expr *count;
    int64_t step;
} Cut;

/* A start or an end as an index from the front, between low and high. */
static const Expr *clamp(ExprPool *pool, const Expr *e, const Expr *size, const Expr *low,
                         const Expr *high)
{
    int64_t number, lower, upper;
    if (expr_known(e, &number) && number >= FAR)
        return high;
    if (expr_known(e, &number) && number <= -FAR)
        return low;
    expr_bounds(e, &lower, &upper);
    if (lower < 0) {
        const Expr *negative = expr_compare(pool, EXPR_less, e, expr_integer(pool, 0));
        e = expr_select(pool, negative, expr_plus(pool, e, size), e);
    }
    return expr_larger(pool, low, expr_smaller(pool, high, e));
}

static Cut cut_dimension(ExprPool *pool, const Expr *size, const Expr *start, const Expr *end,
                         int64_t step)
{
    const Expr *zero = expr_integer(pool, 0), *last = expr_plus_integer(pool, size, -1);
    const Expr *before = expr_integer(pool, -1);
    Cut cut = {.step = step};
    const Expr *stop, *span;
    if (step > 0) {
        cut.start = clamp(pool, start, size, zero, size);
        stop = clamp(pool, end, size, zero, size);
        span = expr_minus(pool, stop, cut.start);
    } else {
        cut.start = clamp(pool, start, size, before, last);
        stop = clamp(pool, end, size, before, last);
        span = expr_minus(pool, cut.start, stop);
    }
    const Expr *stride = expr_integer(pool, step < 0 ? -step : step);
    cut.count = expr_larger(pool, expr_round_up_quotient(pool, span, stride), zero);
    return cut;
}

/* The cuts of all dimensions, from operands that inference has looked at. */
static void cut_all(ExprPool *pool, const Node *node, int rank, const Expr *const *sizes, Cut *cuts)
{
    int64_t count = 0;
    const Expr *const *starts = known_elements(node, STARTS, &count);
    const Expr *const *ends = known_elements(node, ENDS, &count);
    IntList axes = {0}, steps = {0};
    if (operand(node, AXES))
        known_integers(pool, node, AXES, &axes);
    if (operand(node, STEPS))
        known_integers(pool, node, STEPS, &steps);
    for (int d = 0; d < rank; d++)
        cuts[d] = (Cut){expr_integer(pool, 0), sizes[d], 1};
    for (int64_t i = 0; i < count; i++) {
        int64_t axis = axes.items ? axes.items[i] : i;
        axis = axis < 0 ? axis + rank : axis;
        int64_t step = steps.items ? steps.items[i] : 1;
        step = step > FAR ? FAR : step < -FAR ? -FAR : step;
        cuts[axis] = cut_dimension(pool, sizes[axis], starts[i], ends[i], step);
    }
}

static bool check(InferContext *context, Node *node)
{
    int64_t start_count, end_count;
    int rank = operand_type(node, 0)->rank;
    /* As many starts and ends as axes, also where only running tells how many. */
    const Value *given = operand(node, AXES);
    if (given && given->elements &&
        (!infer_length(context, node, STARTS, given->element_count) ||
         !infer_length(context, node, ENDS, given->element_count)))
        return false;
    if (!infer_elements(context, node, STARTS, &start_count) ||
        !infer_elements(context, node, ENDS, &end_count))
        return false;
    if (start_count != end_count)
        return infer_error(context, node, "there are %lld starts and %lld ends",
                           (long long)start_count, (long long)end_count);
    IntList axes = {0}, steps = {0};
    bool axes_known = !operand(node, AXES) || infer_integers(context, node, AXES, &axes);
    bool steps_known = !operand(node, STEPS) || infer_integers(context, node, STEPS, &steps);
    if (!axes_known || !steps_known)
        return false;
    bool is_axis[MAX_RANK];
    if ((axes.items && axes.count != start_count) || (steps.items && steps.count != start_count) ||
        (!axes.items && start_count > rank))
        return infer_error(context, node,
                           "%lld starts do not fit the axes, the steps, or the rank %d",
                           (long long)start_count, rank);
    for (int64_t i = 0; i < steps.count; i++)
        if (steps.items[i] == 0 || steps.items[i] == INT64_MIN)
            return infer_error(context, node, "step %lld", (long long)steps.items[i]);
    return axes.count == 0 || infer_axes(context, node, axes, rank, is_axis);
}

static void propagate(InferContext *context, Node *node, const Cut *cuts)
{
    int64_t count, known_count, start;
    const Expr *const *known = known_elements(node, 0, &known_count);
    if (!known || operand_type(node, 0)->rank != 1 || !result_may_have_elements(node, 0, &count) ||
        !expr_known(cuts[0].start, &start))
        return;
    const Expr **elements = ARENA_ARRAY(context->arena, const Expr *, count + 1);
    for (int64_t i = 0; i < count; i++)
        elements[i] = known[start + i * cuts[0].step];
    infer_set_elements(context, node, 0, elements, count);
}

static bool infer(InferContext *context, Node *node)
{
    const Type *type = operand_type(node, 0);
    if (!check(context, node))
        return false;
    Cut cuts[MAX_RANK];
    cut_all(context->pool, node, type->rank, type->dims, cuts);
    const Expr *dims[MAX_RANK];
    for (int d = 0; d < type->rank; d++)
        dims[d] = cuts[d].count;
    infer_set(context, node, 0, type->element, type->rank, dims);
    propagate(context, node, cuts);
    return true;
}

static void lower(Lowering *l)
{
    const Tensor *in = l->in[0];
    Compute *map = kernel_map(l->kernel, l->out[0]);
    Cut cuts[MAX_RANK];
    cut_all(l->pool, l->node, in->rank, in->shape, cuts);
    const Expr *own[MAX_RANK];
    for (int d = 0; d < in->rank; d++) {
        const Expr *steps = expr_scale(l->pool, compute_axis(l->kernel, map, d), cuts[d].step);
        own[d] = expr_plus(l->pool, cuts[d].start, steps);
    }
    map->body = expr_load(l->pool, in, own);
}

const OpDef op_slice = {
    .name = "Slice",
    .domain = "",
    .summary = "x[start : end : step]",
    .since = 13,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    .infer = infer,
    .lower = lower,
};
