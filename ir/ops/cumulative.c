/* SPDX-License-Identifier: Apache-2.0
 *
 * CumSum and CumProd: the sum or product of all elements up to each one along an axis.
 */
#include "ir/ops/elements.h"
#include "ir/support/array.h"

typedef struct CumulativeAttributes {
    int64_t exclusive, reverse;
} CumulativeAttributes;

static const AttributeDef attributes[] = {
    ATTRIBUTE_INT(CumulativeAttributes, exclusive, 0, "leave the element itself out"),
    ATTRIBUTE_INT(CumulativeAttributes, reverse, 0, "from the end"),
};

#define TYPES_CUMULATED (TYPES_FLOAT | TYPES_INDEX | TYPE_BIT(TN_UINT32) | TYPE_BIT(TN_UINT64))

static const OperandDef operands[] = {
    {.name = "x", .types = TYPES_CUMULATED, .group = 'T'},
    {.name = "axis", .types = TYPES_INDEX},
};
static const OperandDef results[] = {{.name = "y", .types = TYPES_CUMULATED, .group = 'T'}};

static bool infer(InferContext *context, Node *node)
{
    IntList axes;
    int axis;
    if (!infer_integers(context, node, 1, &axes))
        return false;
    if (axes.count != 1)
        return infer_error(context, node, "axis has %lld elements, expected 1",
                           (long long)axes.count);
    return infer_axis(context, node, axes.items[0], operand_type(node, 0)->rank, &axis) &&
           infer_same_as_first(context, node);
}

static void lower(Lowering *l, Combine combine)
{
    const CumulativeAttributes *cumulative = l->node->attributes;
    const Tensor *in = l->in[0], *out = l->out[0];
    IntList axes;
    known_integers(l->pool, l->node, 1, &axes);
    int axis = (int)(axes.items[0] < 0 ? axes.items[0] + in->rank : axes.items[0]);
    /* What is carried from element to element is rounded to a small float only in the end. */
    TnElementType type = element_compute_type(in->element);
    bool direct = type == out->element;
    const Tensor *carried =
        direct ? out : lower_temporary(l, "carried", type, out->rank, out->shape);
    Compute *scan = kernel_scan(l->kernel, carried, combine, axis);
    scan->reverse = cumulative->reverse != 0;
    scan->exclusive = cumulative->exclusive != 0;
    const Expr *indices[MAX_RANK];
    lower_indices(l, scan, indices);
    scan->body = expr_load(l->pool, in, indices);
    if (direct)
        return;
    Compute *map = kernel_map(l->kernel, out);
    lower_indices(l, map, indices);
    map->body = expr_load(l->pool, carried, indices);
}

static void lower_sum(Lowering *l)
{
    lower(l, COMBINE_sum);
}

static void lower_product(Lowering *l)
{
    lower(l, COMBINE_product);
}

const OpDef op_cum_sum = {
    .name = "CumSum",
    .domain = "",
    .summary = "sums of all elements up to each one along an axis",
    .since = 14,
    .first = 11,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, CumulativeAttributes),
    .infer = infer,
    .lower = lower_sum,
};

const OpDef op_cum_prod = {
    .name = "CumProd",
    .domain = "",
    .summary = "products of all elements up to each one along an axis",
    .since = 26,
    .first = 26,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, CumulativeAttributes),
    .infer = infer,
    .lower = lower_product,
};
