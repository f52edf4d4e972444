/* SPDX-License-Identifier: Apache-2.0
 *
 * Reductions: definitions made from the rows of reduce.def, and ReduceLogSumExp, which needs the
 * maximum first.
 *
 * The axes are an operand that must be known when the model is compiled. Without axes all are
 * reduced, or none with noop_with_empty_axes; then the formula still applies to each element alone.
 * An empty set gives the combination's neutral element, put through `after`.
 */
#include "ir/ops/formula.h"
#include "ir/ops/reduction.h"
#include "ir/support/array.h"

#include <assert.h>

#define TYPES_REDUCED (TYPES_FLOAT | TYPES_INDEX | TYPE_BIT(TN_UINT32) | TYPE_BIT(TN_UINT64))
#define TYPES_ORDERED (TYPES_REDUCED | TYPE_BIT(TN_INT8) | TYPE_BIT(TN_UINT8) | TYPES_BOOL)

typedef struct ReduceAttributes {
    int64_t keepdims, noop_with_empty_axes;
} ReduceAttributes;

static const AttributeDef attributes[] = {
    ATTRIBUTE_INT(ReduceAttributes, keepdims, 1, "keep reduced axes, with size 1"),
    ATTRIBUTE_INT(ReduceAttributes, noop_with_empty_axes, 0, "no axes: reduce none, not all"),
};

/* ---- Axes -------------------------------------------------------------------------------- */

static void choose_all_or_none(const Node *node, IntList axes, int rank, bool *is_axis)
{
    const ReduceAttributes *reduce = node->attributes;
    if (axes.count == 0 && reduce->noop_with_empty_axes)
        for (int d = 0; d < rank; d++)
            is_axis[d] = false;
}

static bool infer_reduced_axes(InferContext *context, const Node *node, bool *is_axis)
{
    IntList axes = {0};
    int rank = operand_type(node, 0)->rank;
    if (operand(node, 1) && !infer_integers(context, node, 1, &axes))
        return false;
    if (!infer_axes(context, node, axes, rank, is_axis))
        return false;
    choose_all_or_none(node, axes, rank, is_axis);
    return true;
}

static void lower_reduced_axes(const Lowering *l, bool *is_axis)
{
    IntList axes = {0};
    int rank = l->in[0]->rank;
    if (operand(l->node, 1))
        known_integers(l->pool, l->node, 1, &axes);
    for (int d = 0; d < rank; d++)
        is_axis[d] = axes.count == 0;
    for (int64_t i = 0; i < axes.count; i++)
        is_axis[axes.items[i] < 0 ? axes.items[i] + rank : axes.items[i]] = true;
    choose_all_or_none(l->node, axes, rank, is_axis);
}

/* Exporters multiply sizes by ReduceProd of a Shape. */
static void propagate_reduce(InferContext *context, Node *node, IndexFunction *combine)
{
    int64_t count, known_count;
    const Expr *const *known = known_elements(node, 0, &known_count);
    if (!combine || !known || known_count == 0 || operand_type(node, 0)->rank != 1 ||
        !result_may_have_elements(node, 0, &count) || count != 1)
        return;
    const Expr *combined = known[0];
    for (int64_t i = 1; i < known_count; i++)
        combined = combine(context->pool, combined, known[i]);
    if (element_is_exact(combined, result(node, 0)->type->element))
        infer_set_elements(context, node, 0, &combined, 1);
}

static bool infer_reduce(InferContext *context, Node *node, IndexFunction *on_indices)
{
    bool is_axis[MAX_RANK];
    const ReduceAttributes *reduce = node->attributes;
    if (!infer_reduced_axes(context, node, is_axis))
        return false;
    infer_reduced(context, node, operand_type(node, 0)->element, is_axis, reduce->keepdims);
    propagate_reduce(context, node, on_indices);
    return true;
}

/* ---- Rows -------------------------------------------------------------------------------- */

/* Bools are ordered false < true. */
static Combine combine_for(Combine combine, TnElementType type)
{
    if (type != TN_BOOL)
        return combine;
    return combine == COMBINE_max ? COMBINE_or : COMBINE_and;
}

static const Expr *square_root(const Formula *f, const Expr *sum)
{
    if (element_kind(f->type) == ELEMENT_KIND_FLOAT)
        return CALL(sqrt, sum);
    const Expr *root = CALL(sqrt, expr_convert(f->pool, TN_DOUBLE, sum));
    return expr_convert(f->pool, f->type, root);
}

/* How many elements are combined into one. */
static const Expr *reduced_count(const Lowering *l, const bool *is_axis)
{
    const Expr *count = expr_integer(l->pool, 1);
    for (int d = 0; d < l->in[0]->rank; d++)
        if (is_axis[d])
            count = expr_times(l->pool, count, l->in[0]->shape[d]);
    return count;
}

static void lower_reduce(Lowering *l, Combine combine, FormulaFunction *before,
                         FormulaFunction *after, bool has_after)
{
    const Tensor *in = l->in[0], *out = l->out[0];
    bool is_axis[MAX_RANK];
    lower_reduced_axes(l, is_axis);
    TnElementType type = element_compute_type(in->element);
    const Tensor *sum =
        has_after ? lower_temporary(l, "combined", type, out->rank, out->shape) : out;
    Formula f = {.pool = l->pool, .type = type, .result = type};
    Reduction r = lower_reduction(l, in, sum, is_axis, combine_for(combine, type));
    f.src[0] = expr_load(l->pool, in, r.indices);
    r.compute->body = before(&f);
    if (!has_after)
        return;
    Compute *map = kernel_map(l->kernel, out);
    const Expr *indices[MAX_RANK];
    lower_indices(l, map, indices);
    f.src[0] = expr_load(l->pool, sum, indices);
    f.src[1] = expr_from_index(l->pool, type, reduced_count(l, is_axis));
    map->body = after(&f);
}

/* In `after`: the combination, and the count. */
#define S X
#define N Y

#define REDUCTION(name_, onnx_name, since_, types_, combine_, summary_, before, after, on_indices) \
    static const Expr *before_##name_(const Formula *f)                                            \
    {                                                                                              \
        return before;                                                                             \
    }                                                                                              \
    static const Expr *after_##name_(const Formula *f)                                             \
    {                                                                                              \
        return after;                                                                              \
    }                                                                                              \
    static void lower_##name_(Lowering *l)                                                         \
    {                                                                                              \
        bool has_after = sizeof(#after) > sizeof("S");                                             \
        lower_reduce(l, COMBINE_##combine_, before_##name_, after_##name_, has_after);             \
    }                                                                                              \
    static bool infer_##name_(InferContext *context, Node *node)                                   \
    {                                                                                              \
        return infer_reduce(context, node, on_indices);                                            \
    }                                                                                              \
    static const OperandDef operands_##name_[] = {                                                 \
        {.name = "data", .types = (types_), .group = 'T'},                                         \
        {.name = "axes", .types = TYPE_BIT(TN_INT64), .optional = true},                           \
    };                                                                                             \
    static const OperandDef results_##name_[] = {                                                  \
        {.name = "reduced", .types = (types_), .group = 'T'},                                      \
    };                                                                                             \
    const OpDef op_##name_ = {                                                                     \
        .name = (onnx_name),                                                                       \
        .domain = "",                                                                              \
        .summary = (summary_),                                                                     \
        .since = (since_),                                                                         \
        .first = 1,                                                                                \
        OPERANDS(operands_##name_),                                                                \
        RESULTS(results_##name_),                                                                  \
        ATTRIBUTES(attributes, ReduceAttributes),                                                  \
        .infer = infer_##name_,                                                                    \
        .lower = lower_##name_,                                                                    \
    };

#include "ir/ops/reduce.def"

/* ---- ReduceLogSumExp --------------------------------------------------------------------- */

/* log(sum(exp(x))) = m + log(sum(exp(x - m))) with m the maximum, or 0 where that is infinite. */
static void lower_reduce_log_sum_exp(Lowering *l)
{
    const Tensor *in = l->in[0], *out = l->out[0];
    bool is_axis[MAX_RANK];
    lower_reduced_axes(l, is_axis);
    Formula formula = {.pool = l->pool, .type = element_compute_type(in->element)}, *f = &formula;

    const Tensor *most = lower_temporary(l, "most", f->type, out->rank, out->shape);
    Reduction r = lower_reduction(l, in, most, is_axis, COMBINE_max);
    r.compute->body = expr_load(l->pool, in, r.indices);

    const Tensor *shift = lower_temporary(l, "shift", f->type, out->rank, out->shape);
    Compute *map = kernel_map(l->kernel, shift);
    const Expr *indices[MAX_RANK];
    lower_indices(l, map, indices);
    const Expr *m = expr_load(l->pool, most, indices);
    map->body = SELECT(LESS(CALL(absolute, m), expr_highest(l->pool, f->type)), m, K(0));

    const Tensor *sum = lower_temporary(l, "sum", f->type, out->rank, out->shape);
    r = lower_reduction(l, in, sum, is_axis, COMBINE_sum);
    reduced_indices(l, in->rank, r.indices, is_axis, shift, indices);
    r.compute->body =
        CALL(exp, SUBTRACT(expr_load(l->pool, in, r.indices), expr_load(l->pool, shift, indices)));

    map = kernel_map(l->kernel, out);
    lower_indices(l, map, indices);
    map->body =
        ADD(CALL(log, expr_load(l->pool, sum, indices)), expr_load(l->pool, shift, indices));
}

static bool infer_reduce_log_sum_exp(InferContext *context, Node *node)
{
    return infer_reduce(context, node, NULL);
}

static const OperandDef log_sum_exp_operands[] = {
    {.name = "data", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "axes", .types = TYPE_BIT(TN_INT64), .optional = true},
};
static const OperandDef log_sum_exp_results[] = {
    {.name = "reduced", .types = TYPES_FLOAT, .group = 'T'},
};

const OpDef op_reduce_log_sum_exp = {
    .name = "ReduceLogSumExp",
    .domain = "",
    .summary = "log of the sum of exp(x), without overflow",
    .since = 28,
    .first = 1,
    OPERANDS(log_sum_exp_operands),
    RESULTS(log_sum_exp_results),
    ATTRIBUTES(attributes, ReduceAttributes),
    .infer = infer_reduce_log_sum_exp,
    .lower = lower_reduce_log_sum_exp,
};
