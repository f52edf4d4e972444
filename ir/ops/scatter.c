/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing where an index tensor says: ScatterElements, ScatterND, TensorScatter.
 *
 * A scatter is a copy of the data, and then the updates in row-major order on top. Negative indices
 * count from the end; what lies beyond is not written. TensorScatter, whose updates lie in a row,
 * is a map: each element knows which update it takes, if any.
 */
#include "ir/ops/elements.h"
#include "ir/ops/lowering.h"
#include "ir/support/array.h"

static const OperandDef scatter_operands[] = {
    {.name = "data", .types = TYPES_TENSOR, .group = 'T'},
    {.name = "indices", .types = TYPES_INDEX},
    {.name = "updates", .types = TYPES_TENSOR, .group = 'T'},
};
static const OperandDef results[] = {{.name = "output", .types = TYPES_TENSOR, .group = 'T'}};

#define REDUCTIONS "none|add|mul|max|min"

/* How an update joins what is there. Of bools, max is or. */
static Combine reduction_of(int reduction, TnElementType element)
{
    static const Combine numbers[] = {COMBINE_none, COMBINE_sum, COMBINE_product, COMBINE_max,
                                      COMBINE_min};
    static const Combine bools[] = {COMBINE_none, COMBINE_or, COMBINE_and, COMBINE_or, COMBINE_and};
    return element == TN_BOOL ? bools[reduction] : numbers[reduction];
}

static bool check_reduction(InferContext *context, const Node *node, int reduction)
{
    TnElementType element = operand_type(node, 0)->element;
    if (reduction != 0 && !((TYPES_NUMBER | TYPES_BOOL) & TYPE_BIT(element)))
        return infer_unsupported(context, node, "a reduction of %s", element_name(element));
    return true;
}

static void lower_copy(Lowering *l)
{
    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *indices[MAX_RANK];
    lower_indices(l, map, indices);
    map->body = expr_load(l->pool, l->in[0], indices);
}

/* An index read from data, counted from the front; not clamped. */
static const Expr *wrapped_index(ExprPool *pool, const Expr *value, const Expr *extent)
{
    const Expr *index = expr_to_index(pool, value);
    const Expr *negative = expr_compare(pool, EXPR_less, index, expr_integer(pool, 0));
    return expr_select(pool, negative, expr_plus(pool, index, extent), index);
}

/* ---- ScatterElements --------------------------------------------------------------------- */

typedef struct ScatterElementsAttributes {
    int64_t axis;
    int reduction;
} ScatterElementsAttributes;

static const AttributeDef scatter_elements_attributes[] = {
    ATTRIBUTE_INT(ScatterElementsAttributes, axis, 0, "which dimension the indices are of"),
    ATTRIBUTE_CHOICE(ScatterElementsAttributes, reduction, REDUCTIONS, 0,
                     "how an update joins what is there"),
};

static bool infer_scatter_elements(InferContext *context, Node *node)
{
    const ScatterElementsAttributes *scatter = node->attributes;
    const Type *data = operand_type(node, 0), *indices = operand_type(node, 1);
    const Type *updates = operand_type(node, 2);
    int axis;
    if (!infer_axis(context, node, scatter->axis, data->rank, &axis) ||
        !check_reduction(context, node, scatter->reduction))
        return false;
    if (indices->rank != data->rank || updates->rank != data->rank)
        return infer_error(context, node,
                           "ranks %d of the indices and %d of the updates, expected %d",
                           indices->rank, updates->rank, data->rank);
    for (int d = 0; d < data->rank; d++)
        if (!infer_equal(context, node, indices->dims[d], updates->dims[d],
                         "sizes of the indices and of the updates"))
            return false;
    return infer_same_as_first(context, node);
}

static void lower_scatter_elements(Lowering *l)
{
    const ScatterElementsAttributes *scatter = l->node->attributes;
    const Tensor *out = l->out[0], *indices = l->in[1];
    int axis = (int)(scatter->axis < 0 ? scatter->axis + out->rank : scatter->axis);
    lower_copy(l);
    Compute *compute = kernel_scatter(
        l->kernel, out, reduction_of(scatter->reduction, out->element), out->rank, indices->shape);
    const Expr *i[MAX_RANK];
    lower_indices(l, compute, i);
    for (int d = 0; d < out->rank; d++)
        compute->target[d] = i[d];
    compute->target[axis] =
        wrapped_index(l->pool, expr_load(l->pool, indices, i), out->shape[axis]);
    compute->body = expr_load(l->pool, l->in[2], i);
}

const OpDef op_scatter_elements = {
    .name = "ScatterElements",
    .domain = "",
    .summary = "out[index[i, j], j] = update[i, j] on a copy of x",
    .since = 18,
    .first = 11,
    OPERANDS(scatter_operands),
    RESULTS(results),
    ATTRIBUTES(scatter_elements_attributes, ScatterElementsAttributes),
    .infer = infer_scatter_elements,
    .lower = lower_scatter_elements,
};

/* ---- ScatterND --------------------------------------------------------------------------- */

typedef struct ScatterNdAttributes {
    int reduction;
} ScatterNdAttributes;

static const AttributeDef scatter_nd_attributes[] = {
    ATTRIBUTE_CHOICE(ScatterNdAttributes, reduction, REDUCTIONS, 0,
                     "how an update joins what is there"),
};

static const OperandDef scatter_nd_operands[] = {
    {.name = "data", .types = TYPES_TENSOR, .group = 'T'},
    {.name = "indices", .types = TYPE_BIT(TN_INT64)},
    {.name = "updates", .types = TYPES_TENSOR, .group = 'T'},
};

/* Exporters put numbers into shapes this way: single elements of a vector. */
static void propagate_scatter_nd(InferContext *context, Node *node)
{
    const ScatterNdAttributes *scatter = node->attributes;
    int64_t count, known_count, update_count;
    IntList places;
    const Expr *const *known = known_elements(node, 0, &known_count);
    const Expr *const *updates = known_elements(node, 2, &update_count);
    if (!known || !updates || operand_type(node, 0)->rank != 1 || scatter->reduction != 0 ||
        !known_integers(context->pool, node, 1, &places) || places.count != update_count ||
        !result_may_have_elements(node, 0, &count))
        return;
    const Expr **elements = ARENA_ARRAY(context->arena, const Expr *, count + 1);
    for (int64_t i = 0; i < count; i++)
        elements[i] = known[i];
    for (int64_t i = 0; i < places.count; i++) {
        int64_t place = places.items[i] < 0 ? places.items[i] + count : places.items[i];
        if (place >= 0 && place < count)
            elements[place] = updates[i];
    }
    infer_set_elements(context, node, 0, elements, count);
}

static bool infer_scatter_nd(InferContext *context, Node *node)
{
    const ScatterNdAttributes *scatter = node->attributes;
    const Type *data = operand_type(node, 0), *indices = operand_type(node, 1);
    const Type *updates = operand_type(node, 2);
    int64_t length;
    if (!check_reduction(context, node, scatter->reduction))
        return false;
    if (indices->rank < 1)
        return infer_error(context, node, "indices are a scalar");
    int outer = indices->rank - 1;
    if (!expr_known(indices->dims[outer], &length))
        return infer_constant(context, node, 1) != NULL;
    if (length > data->rank || updates->rank != outer + data->rank - (int)length)
        return infer_error(context, node, "ranks %d, %d and %d with tuples of %lld do not fit",
                           data->rank, indices->rank, updates->rank, (long long)length);
    for (int d = 0; d < updates->rank; d++) {
        const Expr *size = d < outer ? indices->dims[d] : data->dims[d - outer + (int)length];
        if (!infer_equal(context, node, updates->dims[d], size, "sizes of the updates"))
            return false;
    }
    if (!infer_same_as_first(context, node))
        return false;
    propagate_scatter_nd(context, node);
    return true;
}

static void lower_scatter_nd(Lowering *l)
{
    const ScatterNdAttributes *scatter = l->node->attributes;
    const Tensor *out = l->out[0], *indices = l->in[1], *updates = l->in[2];
    int outer = indices->rank - 1, length = outer + out->rank - updates->rank;
    lower_copy(l);
    Compute *compute =
        kernel_scatter(l->kernel, out, reduction_of(scatter->reduction, out->element),
                       updates->rank, updates->shape);
    const Expr *i[2 * MAX_RANK], *at[MAX_RANK];
    lower_indices(l, compute, i);
    for (int d = 0; d < outer; d++)
        at[d] = i[d];
    for (int d = 0; d < out->rank; d++) {
        if (d < length) {
            at[outer] = expr_integer(l->pool, d);
            compute->target[d] =
                wrapped_index(l->pool, expr_load(l->pool, indices, at), out->shape[d]);
        } else {
            compute->target[d] = i[outer + d - length];
        }
    }
    compute->body = expr_load(l->pool, updates, i);
}

const OpDef op_scatter_nd = {
    .name = "ScatterND",
    .domain = "",
    .summary = "slices at tuples of indices on a copy of x",
    .since = 18,
    .first = 11,
    OPERANDS(scatter_nd_operands),
    RESULTS(results),
    ATTRIBUTES(scatter_nd_attributes, ScatterNdAttributes),
    .infer = infer_scatter_nd,
    .lower = lower_scatter_nd,
};

/* ---- TensorScatter ----------------------------------------------------------------------- */

typedef struct TensorScatterAttributes {
    int64_t axis;
    int mode;
} TensorScatterAttributes;

enum { MODE_linear, MODE_circular };

static const AttributeDef tensor_scatter_attributes[] = {
    ATTRIBUTE_INT(TensorScatterAttributes, axis, -2, "the dimension along a sequence"),
    ATTRIBUTE_CHOICE(TensorScatterAttributes, mode, "linear|circular", MODE_linear,
                     "what happens at the end of the cache"),
};

static const OperandDef tensor_scatter_operands[] = {
    {.name = "past_cache", .types = TYPES_TENSOR, .group = 'T'},
    {.name = "update", .types = TYPES_TENSOR, .group = 'T'},
    {.name = "write_indices", .types = TYPE_BIT(TN_INT64), .optional = true},
};

static bool infer_tensor_scatter(InferContext *context, Node *node)
{
    const TensorScatterAttributes *scatter = node->attributes;
    const Type *past = operand_type(node, 0), *update = operand_type(node, 1);
    int axis;
    if (!infer_axis(context, node, scatter->axis, past->rank, &axis))
        return false;
    if (axis == 0 || update->rank != past->rank)
        return infer_error(context, node, "axis %d, ranks %d and %d do not fit", axis, past->rank,
                           update->rank);
    for (int d = 0; d < past->rank; d++)
        if (d != axis && !infer_equal(context, node, past->dims[d], update->dims[d],
                                      "sizes of the cache and of the update"))
            return false;
    if (operand(node, 2)) {
        const Type *starts = operand_type(node, 2);
        if (starts->rank != 1)
            return infer_error(context, node, "write_indices have rank %d, expected 1",
                               starts->rank);
        if (!infer_equal(context, node, starts->dims[0], past->dims[0],
                         "the batch size and the number of write indices"))
            return false;
    }
    return infer_same_as_first(context, node);
}

static void lower_tensor_scatter(Lowering *l)
{
    const TensorScatterAttributes *scatter = l->node->attributes;
    const Tensor *past = l->in[0], *update = l->in[1];
    ExprPool *pool = l->pool;
    int axis = (int)(scatter->axis < 0 ? scatter->axis + past->rank : scatter->axis);
    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *i[MAX_RANK];
    lower_indices(l, map, i);
    const Expr *kept = expr_load(pool, past, i);
    if (lower_in(l, 2)) {
        const Expr *start = expr_to_index(pool, lower_vector(l, l->in[2], i[0]));
        i[axis] = expr_minus(pool, i[axis], start);
    }
    if (scatter->mode == MODE_circular)
        i[axis] = expr_modulus(pool, i[axis], positive_size(pool, past->shape[axis]));
    map->body = expr_load_or(pool, update, i, kept);
}

const OpDef op_tensor_scatter = {
    .name = "TensorScatter",
    .domain = "",
    .summary = "a cache with a row of updates written at an index",
    .since = 24,
    .first = 24,
    OPERANDS(tensor_scatter_operands),
    RESULTS(results),
    ATTRIBUTES(tensor_scatter_attributes, TensorScatterAttributes),
    .infer = infer_tensor_scatter,
    .lower = lower_tensor_scatter,
};
