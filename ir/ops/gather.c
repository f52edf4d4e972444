/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading where an index tensor says: Gather, GatherElements, GatherND, OneHot.
 *
 * Negative indices count from the end. Indices beyond are clamped, so that no data can make a
 * kernel read outside; OneHot's have no place and light nothing.
 */
#include "ir/ops/elements.h"
#include "ir/ops/lowering.h"
#include "ir/support/array.h"

static const OperandDef gather_operands[] = {
    {.name = "data", .types = TYPES_TENSOR, .group = 'T'},
    {.name = "indices", .types = TYPES_INDEX},
};
static const OperandDef results[] = {{.name = "output", .types = TYPES_TENSOR, .group = 'T'}};

typedef struct GatherAttributes {
    int64_t axis;
} GatherAttributes;

static const AttributeDef gather_attributes[] = {
    ATTRIBUTE_INT(GatherAttributes, axis, 0, "which dimension the indices are of"),
};

static int gather_axis(const Node *node, int rank)
{
    const GatherAttributes *gather = node->attributes;
    return (int)(gather->axis < 0 ? gather->axis + rank : gather->axis);
}

/* ---- Gather ------------------------------------------------------------------------------ */

/* Rows of known elements at known places. */
static void propagate_gather(InferContext *context, Node *node, int axis)
{
    int64_t count, known_count;
    IntList places;
    const Expr *const *known = known_elements(node, 0, &known_count);
    if (!known || axis != 0 || !known_integers(context->pool, node, 1, &places) ||
        !result_may_have_elements(node, 0, &count) || places.count == 0)
        return;
    int64_t row = count / places.count, rows = row ? known_count / row : 0;
    const Expr **elements = ARENA_ARRAY(context->arena, const Expr *, count + 1);
    for (int64_t i = 0; i < count; i++) {
        int64_t place = places.items[i / row];
        place = place < 0 ? place + rows : place;
        if (place < 0 || place >= rows)
            return;
        elements[i] = known[place * row + i % row];
    }
    infer_set_elements(context, node, 0, elements, count);
}

static bool infer_gather(InferContext *context, Node *node)
{
    const GatherAttributes *gather = node->attributes;
    const Type *data = operand_type(node, 0), *indices = operand_type(node, 1);
    int axis;
    if (!infer_axis(context, node, gather->axis, data->rank, &axis))
        return false;
    int rank = data->rank - 1 + indices->rank;
    if (rank > MAX_RANK)
        return infer_unsupported(context, node, "a rank above %d", MAX_RANK);
    const Expr *dims[MAX_RANK];
    for (int d = 0; d < axis; d++)
        dims[d] = data->dims[d];
    for (int d = 0; d < indices->rank; d++)
        dims[axis + d] = indices->dims[d];
    for (int d = axis + 1; d < data->rank; d++)
        dims[indices->rank + d - 1] = data->dims[d];
    infer_set(context, node, 0, data->element, rank, dims);
    propagate_gather(context, node, axis);
    return infer_nonempty(context, node, data->dims[axis], "the dimension that is gathered from");
}

static void lower_gather(Lowering *l)
{
    const Tensor *data = l->in[0], *indices = l->in[1];
    int axis = gather_axis(l->node, data->rank);
    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *i[MAX_RANK], *own[MAX_RANK];
    lower_indices(l, map, i);
    const Expr *place = expr_load(l->pool, indices, i + axis);
    for (int d = 0; d < data->rank; d++)
        own[d] = d < axis ? i[d] : i[indices->rank + d - 1 + (d == axis)];
    own[axis] = lower_data_index(l->pool, place, data->shape[axis]);
    map->body = expr_load(l->pool, data, own);
}

const OpDef op_gather = {
    .name = "Gather",
    .domain = "",
    .summary = "slices of x along an axis, as indices say",
    .since = 13,
    .first = 1,
    OPERANDS(gather_operands),
    RESULTS(results),
    ATTRIBUTES(gather_attributes, GatherAttributes),
    .infer = infer_gather,
    .lower = lower_gather,
};

/* ---- GatherElements ---------------------------------------------------------------------- */

static bool infer_gather_elements(InferContext *context, Node *node)
{
    const GatherAttributes *gather = node->attributes;
    const Type *data = operand_type(node, 0), *indices = operand_type(node, 1);
    int axis;
    if (!infer_axis(context, node, gather->axis, data->rank, &axis))
        return false;
    if (indices->rank != data->rank)
        return infer_error(context, node, "indices have rank %d, expected %d as the data",
                           indices->rank, data->rank);
    infer_set(context, node, 0, data->element, indices->rank, indices->dims);
    ExprPool *pool = context->pool;
    for (int d = 0; d < data->rank; d++) {
        if (d == axis)
            continue;
        const Expr *fits = expr_compare(pool, EXPR_less_equal, indices->dims[d], data->dims[d]);
        double known;
        if (expr_is_constant(fits, &known) && !known)
            return infer_error(context, node, "indices are larger than the data in dimension %d",
                               d);
        model_assume(context->model, fits,
                     "GatherElements: indices must not be larger than the data off the axis");
    }
    return infer_nonempty(context, node, data->dims[axis], "the dimension that is gathered from");
}

static void lower_gather_elements(Lowering *l)
{
    const Tensor *data = l->in[0];
    int axis = gather_axis(l->node, data->rank);
    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *own[MAX_RANK];
    lower_indices(l, map, own);
    const Expr *place = expr_load(l->pool, l->in[1], own);
    own[axis] = lower_data_index(l->pool, place, data->shape[axis]);
    map->body = expr_load(l->pool, data, own);
}

const OpDef op_gather_elements = {
    .name = "GatherElements",
    .domain = "",
    .summary = "out[i, j] = x[index[i, j], j]",
    .since = 13,
    .first = 11,
    OPERANDS(gather_operands),
    RESULTS(results),
    ATTRIBUTES(gather_attributes, GatherAttributes),
    .infer = infer_gather_elements,
    .lower = lower_gather_elements,
};

/* ---- GatherND ---------------------------------------------------------------------------- */

typedef struct GatherNdAttributes {
    int64_t batch_dims;
} GatherNdAttributes;

static const AttributeDef gather_nd_attributes[] = {
    ATTRIBUTE_INT(GatherNdAttributes, batch_dims, 0, "leading dimensions in common"),
};

static const OperandDef gather_nd_operands[] = {
    {.name = "data", .types = TYPES_TENSOR, .group = 'T'},
    {.name = "indices", .types = TYPE_BIT(TN_INT64)},
};

/* Indices' last dimension, how many dimensions of the data each tuple decides, must be a number. */
static bool tuple_length(InferContext *context, const Node *node, int batch, int *length)
{
    const Type *data = operand_type(node, 0), *indices = operand_type(node, 1);
    int64_t last;
    if (batch < 0 || indices->rank < 1 || batch >= indices->rank || batch >= data->rank + 1)
        return infer_error(context, node, "batch_dims %d does not fit ranks %d and %d", batch,
                           data->rank, indices->rank);
    if (!expr_known(indices->dims[indices->rank - 1], &last))
        return infer_constant(context, node, 1) != NULL;
    if (last < 0 || last > data->rank - batch)
        return infer_error(context, node, "indices have tuples of %lld, the data's rank is %d",
                           (long long)last, data->rank);
    *length = (int)last;
    return true;
}

static bool infer_gather_nd(InferContext *context, Node *node)
{
    const GatherNdAttributes *gather = node->attributes;
    const Type *data = operand_type(node, 0), *indices = operand_type(node, 1);
    int batch = gather->batch_dims > MAX_RANK ? MAX_RANK + 1 : (int)gather->batch_dims;
    int length = 0;
    if (!tuple_length(context, node, batch, &length))
        return false;
    int outer = indices->rank - 1, rank = outer + data->rank - batch - length;
    if (rank > MAX_RANK)
        return infer_unsupported(context, node, "a rank above %d", MAX_RANK);
    const Expr *dims[MAX_RANK];
    for (int d = 0; d < outer; d++)
        dims[d] = indices->dims[d];
    for (int d = 0; d < batch; d++) {
        dims[d] = infer_equal(context, node, data->dims[d], indices->dims[d], "batch sizes");
        if (!dims[d])
            return false;
    }
    for (int d = batch + length; d < data->rank; d++)
        dims[outer + d - batch - length] = data->dims[d];
    infer_set(context, node, 0, data->element, rank, dims);
    for (int d = batch; d < batch + length; d++)
        if (!infer_nonempty(context, node, data->dims[d], "a dimension that is gathered from"))
            return false;
    return true;
}

static void lower_gather_nd(Lowering *l)
{
    const GatherNdAttributes *gather = l->node->attributes;
    const Tensor *data = l->in[0], *indices = l->in[1];
    int batch = (int)gather->batch_dims, outer = indices->rank - 1;
    int length = outer + data->rank - batch - l->out[0]->rank;
    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *i[MAX_RANK], *at[MAX_RANK], *own[MAX_RANK];
    lower_indices(l, map, i);
    for (int d = 0; d < outer; d++)
        at[d] = i[d];
    for (int d = 0; d < data->rank; d++) {
        if (d < batch) {
            own[d] = i[d];
        } else if (d < batch + length) {
            at[outer] = expr_integer(l->pool, d - batch);
            own[d] = lower_data_index(l->pool, expr_load(l->pool, indices, at), data->shape[d]);
        } else {
            own[d] = i[outer + d - batch - length];
        }
    }
    map->body = expr_load(l->pool, data, own);
}

const OpDef op_gather_nd = {
    .name = "GatherND",
    .domain = "",
    .summary = "slices of x at tuples of indices",
    .since = 13,
    .first = 11,
    OPERANDS(gather_nd_operands),
    RESULTS(results),
    ATTRIBUTES(gather_nd_attributes, GatherNdAttributes),
    .infer = infer_gather_nd,
    .lower = lower_gather_nd,
};

/* ---- OneHot ------------------------------------------------------------------------------ */

typedef struct OneHotAttributes {
    int64_t axis;
} OneHotAttributes;

static const AttributeDef one_hot_attributes[] = {
    ATTRIBUTE_INT(OneHotAttributes, axis, -1, "where the new dimension goes"),
};

static const OperandDef one_hot_operands[] = {
    {.name = "indices", .types = TYPES_NUMBER},
    {.name = "depth", .types = TYPES_NUMBER},
    {.name = "values", .types = TYPES_TENSOR, .group = 'T'},
};

/* A float depth is known when the model is compiled, an integer one at the latest when it runs. */
static const Expr *depth_of(InferContext *context, const Node *node)
{
    const Type *type = operand_type(node, 1);
    if (!expr_is(type_element_count(context->pool, type), 1)) {
        infer_error(context, node, "depth must be a scalar, or have one element");
        return NULL;
    }
    if (element_kind(type->element) != ELEMENT_KIND_FLOAT) {
        const Expr *const *depth = infer_sizes(context, node, 1, NULL);
        return depth ? depth[0] : NULL;
    }
    const Constant *constant = infer_constant(context, node, 1);
    if (!constant)
        return NULL;
    double depth = constant_get_double(constant, 0);
    if (!(depth >= 0 && depth < 0x1p47)) {
        infer_error(context, node, "depth is %g", depth);
        return NULL;
    }
    return expr_integer(context->pool, (int64_t)depth);
}

static bool infer_one_hot(InferContext *context, Node *node)
{
    const OneHotAttributes *one_hot = node->attributes;
    const Type *indices = operand_type(node, 0), *values = operand_type(node, 2);
    int axis, rank = indices->rank + 1;
    if (rank > MAX_RANK)
        return infer_unsupported(context, node, "a rank above %d", MAX_RANK);
    if (values->rank != 1 ||
        !infer_equal(context, node, values->dims[0], expr_integer(context->pool, 2),
                     "the number of values and 2"))
        return values->rank == 1 ? false : infer_error(context, node, "values must have rank 1");
    const Expr *depth = depth_of(context, node);
    if (!depth || !infer_axis(context, node, one_hot->axis, rank, &axis))
        return false;
    const Expr *dims[MAX_RANK];
    for (int d = 0, from = 0; d < rank; d++)
        dims[d] = d == axis ? depth : indices->dims[from++];
    infer_set(context, node, 0, values->element, rank, dims);
    return true;
}

static void lower_one_hot(Lowering *l)
{
    const OneHotAttributes *one_hot = l->node->attributes;
    const Tensor *out = l->out[0], *values = l->in[2];
    ExprPool *pool = l->pool;
    int axis = (int)(one_hot->axis < 0 ? one_hot->axis + out->rank : one_hot->axis);
    Compute *map = kernel_map(l->kernel, out);
    const Expr *i[MAX_RANK], *at[MAX_RANK];
    lower_indices(l, map, i);
    for (int d = 0, to = 0; d < out->rank; d++)
        if (d != axis)
            at[to++] = i[d];
    const Expr *value = expr_convert(pool, TN_INT64, expr_load(pool, l->in[0], at));
    const Expr *here = expr_from_index(pool, TN_INT64, i[axis]);
    const Expr *depth = expr_from_index(pool, TN_INT64, out->shape[axis]);
    const Expr *from_end = expr_binary(pool, EXPR_add, value, depth);
    const Expr *lit = expr_either(pool, expr_compare(pool, EXPR_equal, value, here),
                                  expr_compare(pool, EXPR_equal, from_end, here));
    const Expr *zero = expr_integer(pool, 0), *one = expr_integer(pool, 1);
    map->body =
        expr_select(pool, lit, expr_load(pool, values, &one), expr_load(pool, values, &zero));
}

const OpDef op_one_hot = {
    .name = "OneHot",
    .domain = "",
    .summary = "a dimension that is on at one place and off elsewhere",
    .since = 28,
    .first = 9,
    OPERANDS(one_hot_operands),
    RESULTS(results),
    ATTRIBUTES(one_hot_attributes, OneHotAttributes),
    .infer = infer_one_hot,
    .lower = lower_one_hot,
};
