/* SPDX-License-Identifier: Apache-2.0
 *
 * Softmax, LogSoftmax and LpNormalization: each element beside a sum over its whole axis.
 *
 *   softmax(x) = exp(x - m) / sum(exp(x - m)),  log_softmax(x) = x - m - log(sum(exp(x - m)))
 *
 * with m the maximum along the axis: subtracting it changes nothing mathematically and keeps exp()
 * finite.
 */
#include "ir/ops/formula.h"
#include "ir/ops/reduction.h"
#include "ir/support/array.h"

typedef struct SoftmaxAttributes {
    int64_t axis;
} SoftmaxAttributes;

static const AttributeDef softmax_attributes[] = {
    ATTRIBUTE_INT(SoftmaxAttributes, axis, -1, "along which to normalise"),
};

static const OperandDef operands[] = {{.name = "input", .types = TYPES_FLOAT, .group = 'T'}};
static const OperandDef results[] = {{.name = "output", .types = TYPES_FLOAT, .group = 'T'}};

static bool infer_softmax(InferContext *context, Node *node)
{
    const SoftmaxAttributes *softmax = node->attributes;
    int axis;
    return infer_axis(context, node, softmax->axis, operand_type(node, 0)->rank, &axis) &&
           infer_same_as_first(context, node);
}

/* The parts of both: the maximum, x - m, its exponential and their sum. */
typedef struct Parts {
    int axis;
    bool is_axis[MAX_RANK];
    TnElementType type;
    const Tensor *most, *exponential, *sum;
} Parts;

static Parts lower_parts(Lowering *l, bool keep_exponential)
{
    const SoftmaxAttributes *softmax = l->node->attributes;
    const Tensor *in = l->in[0];
    Parts p = {.type = element_compute_type(in->element)};
    p.is_axis[softmax->axis < 0 ? softmax->axis + in->rank : softmax->axis] = true;
    Formula formula = {.pool = l->pool, .type = p.type}, *f = &formula;

    p.most = reduced_temporary(l, "most", p.type, in, p.is_axis);
    Reduction r = lower_reduction(l, in, p.most, p.is_axis, COMBINE_max);
    r.compute->body = expr_load(l->pool, in, r.indices);

    const Expr *indices[MAX_RANK], *own[MAX_RANK];
    if (keep_exponential) {
        p.exponential = lower_temporary(l, "exponential", p.type, in->rank, in->shape);
        Compute *map = kernel_map(l->kernel, p.exponential);
        lower_indices(l, map, indices);
        reduced_indices(l, in->rank, indices, p.is_axis, p.most, own);
        map->body =
            CALL(exp, SUBTRACT(expr_load(l->pool, in, indices), expr_load(l->pool, p.most, own)));
    }
    p.sum = reduced_temporary(l, "sum", p.type, in, p.is_axis);
    r = lower_reduction(l, in, p.sum, p.is_axis, COMBINE_sum);
    if (keep_exponential) {
        r.compute->body = expr_load(l->pool, p.exponential, r.indices);
    } else {
        reduced_indices(l, in->rank, r.indices, p.is_axis, p.most, own);
        r.compute->body =
            CALL(exp, SUBTRACT(expr_load(l->pool, in, r.indices), expr_load(l->pool, p.most, own)));
    }
    return p;
}

static void lower_softmax(Lowering *l)
{
    Parts p = lower_parts(l, true);
    Formula formula = {.pool = l->pool, .type = p.type}, *f = &formula;
    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *indices[MAX_RANK], *own[MAX_RANK];
    lower_indices(l, map, indices);
    reduced_indices(l, l->in[0]->rank, indices, p.is_axis, p.sum, own);
    map->body = DIVIDE(expr_load(l->pool, p.exponential, indices), expr_load(l->pool, p.sum, own));
}

static void lower_log_softmax(Lowering *l)
{
    Parts p = lower_parts(l, false);
    Formula formula = {.pool = l->pool, .type = p.type}, *f = &formula;
    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *indices[MAX_RANK], *own[MAX_RANK];
    lower_indices(l, map, indices);
    reduced_indices(l, l->in[0]->rank, indices, p.is_axis, p.sum, own);
    const Expr *moved =
        SUBTRACT(expr_load(l->pool, l->in[0], indices), expr_load(l->pool, p.most, own));
    map->body = SUBTRACT(moved, CALL(log, expr_load(l->pool, p.sum, own)));
}

const OpDef op_softmax = {
    .name = "Softmax",
    .domain = "",
    .summary = "exp(x) / sum of exp(x) along an axis",
    .since = 13,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(softmax_attributes, SoftmaxAttributes),
    .infer = infer_softmax,
    .lower = lower_softmax,
};

const OpDef op_log_softmax = {
    .name = "LogSoftmax",
    .domain = "",
    .summary = "x - log of the sum of exp(x) along an axis",
    .since = 13,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(softmax_attributes, SoftmaxAttributes),
    .infer = infer_softmax,
    .lower = lower_log_softmax,
};

/* ---- LpNormalization --------------------------------------------------------------------- */

typedef struct LpNormalizationAttributes {
    int64_t axis, p;
} LpNormalizationAttributes;

static const AttributeDef lp_attributes[] = {
    ATTRIBUTE_INT(LpNormalizationAttributes, axis, -1, "along which to normalise"),
    ATTRIBUTE_INT(LpNormalizationAttributes, p, 2, "of the norm: 1 or 2"),
};

static bool infer_lp_normalization(InferContext *context, Node *node)
{
    const LpNormalizationAttributes *lp = node->attributes;
    int axis;
    if (lp->p != 1 && lp->p != 2)
        return infer_error(context, node, "p is %lld, expected 1 or 2", (long long)lp->p);
    return infer_axis(context, node, lp->axis, operand_type(node, 0)->rank, &axis) &&
           infer_same_as_first(context, node);
}

/* Vectors of norm 0 stay 0. */
static void lower_lp_normalization(Lowering *l)
{
    const LpNormalizationAttributes *lp = l->node->attributes;
    const Tensor *in = l->in[0];
    bool is_axis[MAX_RANK] = {false};
    is_axis[lp->axis < 0 ? lp->axis + in->rank : lp->axis] = true;
    Formula formula = {.pool = l->pool, .type = element_compute_type(in->element)}, *f = &formula;

    const Tensor *sum = reduced_temporary(l, "sum", f->type, in, is_axis);
    Reduction r = lower_reduction(l, in, sum, is_axis, COMBINE_sum);
    const Expr *x = expr_load(l->pool, in, r.indices);
    r.compute->body = lp->p == 1 ? CALL(absolute, x) : MULTIPLY(x, x);

    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *indices[MAX_RANK], *own[MAX_RANK];
    lower_indices(l, map, indices);
    reduced_indices(l, in->rank, indices, is_axis, sum, own);
    const Expr *total = expr_load(l->pool, sum, own);
    const Expr *norm = lp->p == 1 ? total : CALL(sqrt, total);
    const Expr *is_zero = COMPARE(equal, norm, K(0));
    map->body = SELECT(is_zero, K(0), DIVIDE(expr_load(l->pool, in, indices), norm));
}

const OpDef op_lp_normalization = {
    .name = "LpNormalization",
    .domain = "",
    .summary = "x / its p-norm along an axis",
    .since = 22,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(lp_attributes, LpNormalizationAttributes),
    .infer = infer_lp_normalization,
    .lower = lower_lp_normalization,
};
