/* SPDX-License-Identifier: Apache-2.0
 *
 * ArgMax and ArgMin: where along an axis the extreme element is; Hardmax: 1 there, 0 elsewhere.
 *
 * Two reductions: the extreme itself, then the smallest (or largest) index where the operand equals
 * it. A NaN is more extreme than any number, and equal to the extreme that it made.
 */
#include "ir/ops/reduction.h"
#include "ir/support/array.h"

typedef struct ArgAttributes {
    int64_t axis, keepdims, select_last_index;
} ArgAttributes;

static const AttributeDef arg_attributes[] = {
    ATTRIBUTE_INT(ArgAttributes, axis, 0, "along which to look"),
    ATTRIBUTE_INT(ArgAttributes, keepdims, 1, "keep the axis, with size 1"),
    ATTRIBUTE_INT(ArgAttributes, select_last_index, 0, "of equal elements, the last"),
};

static const OperandDef arg_operands[] = {{.name = "data", .types = TYPES_NUMBER, .group = 'T'}};
static const OperandDef arg_results[] = {{.name = "reduced", .types = TYPE_BIT(TN_INT64)}};

static bool infer_arg(InferContext *context, Node *node)
{
    const ArgAttributes *arg = node->attributes;
    const Type *type = operand_type(node, 0);
    bool is_axis[MAX_RANK] = {false};
    int axis;
    if (!infer_axis(context, node, arg->axis, type->rank, &axis))
        return false;
    is_axis[axis] = true;
    infer_reduced(context, node, TN_INT64, is_axis, arg->keepdims);
    return infer_nonempty(context, node, type->dims[axis], "the axis");
}

static const Expr *is_extreme(ExprPool *pool, const Expr *x, const Expr *extreme)
{
    const Expr *equal = expr_compare(pool, EXPR_equal, x, extreme);
    if (element_kind(x->type) != ELEMENT_KIND_FLOAT)
        return equal;
    return expr_either(pool, equal, expr_is_nan(pool, x));
}

/* out[kept axes] = the index along `axis` of the extreme element. */
static void lower_index_of_extreme(Lowering *l, const Tensor *out, int axis, Combine combine,
                                   bool last)
{
    const Tensor *in = l->in[0];
    bool is_axis[MAX_RANK] = {false};
    is_axis[axis] = true;
    const Tensor *extreme =
        reduced_temporary(l, "extreme", element_compute_type(in->element), in, is_axis);
    Reduction r = lower_reduction(l, in, extreme, is_axis, combine);
    r.compute->body = expr_load(l->pool, in, r.indices);

    r = lower_reduction(l, in, out, is_axis, last ? COMBINE_max : COMBINE_min);
    const Expr *own[MAX_RANK];
    reduced_indices(l, in->rank, r.indices, is_axis, extreme, own);
    const Expr *found =
        is_extreme(l->pool, expr_load(l->pool, in, r.indices), expr_load(l->pool, extreme, own));
    const Expr *never = last ? expr_lowest(l->pool, TN_INT64) : expr_highest(l->pool, TN_INT64);
    const Expr *index = expr_from_index(l->pool, TN_INT64, r.reduced[axis]);
    r.compute->body = expr_select(l->pool, found, index, never);
}

static void lower_arg(Lowering *l, Combine combine)
{
    const ArgAttributes *arg = l->node->attributes;
    int axis = (int)(arg->axis < 0 ? arg->axis + l->in[0]->rank : arg->axis);
    lower_index_of_extreme(l, l->out[0], axis, combine, arg->select_last_index != 0);
}

static void lower_arg_max(Lowering *l)
{
    lower_arg(l, COMBINE_max);
}

static void lower_arg_min(Lowering *l)
{
    lower_arg(l, COMBINE_min);
}

const OpDef op_arg_max = {
    .name = "ArgMax",
    .domain = "",
    .summary = "the index of the largest element along an axis",
    .since = 13,
    .first = 1,
    OPERANDS(arg_operands),
    RESULTS(arg_results),
    ATTRIBUTES(arg_attributes, ArgAttributes),
    .infer = infer_arg,
    .lower = lower_arg_max,
};

const OpDef op_arg_min = {
    .name = "ArgMin",
    .domain = "",
    .summary = "the index of the smallest element along an axis",
    .since = 13,
    .first = 1,
    OPERANDS(arg_operands),
    RESULTS(arg_results),
    ATTRIBUTES(arg_attributes, ArgAttributes),
    .infer = infer_arg,
    .lower = lower_arg_min,
};

/* ---- Hardmax ----------------------------------------------------------------------------- */

typedef struct HardmaxAttributes {
    int64_t axis;
} HardmaxAttributes;

static const AttributeDef hardmax_attributes[] = {
    ATTRIBUTE_INT(HardmaxAttributes, axis, -1, "along which to look"),
};

static const OperandDef float_operands[] = {{.name = "input", .types = TYPES_FLOAT, .group = 'T'}};
static const OperandDef float_results[] = {{.name = "output", .types = TYPES_FLOAT, .group = 'T'}};

static bool infer_hardmax(InferContext *context, Node *node)
{
    const HardmaxAttributes *hardmax = node->attributes;
    int axis;
    return infer_axis(context, node, hardmax->axis, operand_type(node, 0)->rank, &axis) &&
           infer_same_as_first(context, node);
}

static void lower_hardmax(Lowering *l)
{
    const HardmaxAttributes *hardmax = l->node->attributes;
    const Tensor *in = l->in[0];
    int axis = (int)(hardmax->axis < 0 ? hardmax->axis + in->rank : hardmax->axis);
    bool is_axis[MAX_RANK] = {false};
    is_axis[axis] = true;
    const Tensor *first = reduced_temporary(l, "first", TN_INT64, in, is_axis);
    lower_index_of_extreme(l, first, axis, COMBINE_max, false);

    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *indices[MAX_RANK], *own[MAX_RANK];
    lower_indices(l, map, indices);
    reduced_indices(l, in->rank, indices, is_axis, first, own);
    TnElementType type = element_compute_type(in->element);
    const Expr *here = expr_compare(l->pool, EXPR_equal, expr_load(l->pool, first, own),
                                    expr_from_index(l->pool, TN_INT64, indices[axis]));
    map->body =
        expr_select(l->pool, here, expr_real(l->pool, type, 1), expr_real(l->pool, type, 0));
}

const OpDef op_hardmax = {
    .name = "Hardmax",
    .domain = "",
    .summary = "1 at the first largest element along an axis, else 0",
    .since = 13,
    .first = 1,
    OPERANDS(float_operands),
    RESULTS(float_results),
    ATTRIBUTES(hardmax_attributes, HardmaxAttributes),
    .infer = infer_hardmax,
    .lower = lower_hardmax,
};
