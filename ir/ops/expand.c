/* SPDX-License-Identifier: Apache-2.0
 *
 * Expand: broadcasting to a shape. Tile: repetition along each dimension. Transpose: dimensions in
 * another order.
 */
#include "ir/ops/elements.h"
#include "ir/support/array.h"

/* ---- Expand ------------------------------------------------------------------------------ */

static const OperandDef expand_operands[] = {
    {.name = "input", .types = TYPES_TENSOR, .group = 'T'},
    {.name = "shape", .types = TYPE_BIT(TN_INT64)},
};
static const OperandDef results[] = {{.name = "output", .types = TYPES_TENSOR, .group = 'T'}};

static bool infer_expand(InferContext *context, Node *node)
{
    int64_t count, known_count;
    const Expr *const *shape = infer_sizes(context, node, 1, &count);
    if (!shape)
        return false;
    if (count > MAX_RANK)
        return infer_unsupported(context, node, "a rank above %d", MAX_RANK);
    const Type *type = operand_type(node, 0);
    const Type *types[2] = {type, type_tensor(context->arena, type->element, (int)count, shape)};
    int rank;
    const Expr *dims[MAX_RANK];
    if (!infer_broadcast(context, node, 2, types, &rank, dims))
        return false;
    infer_set(context, node, 0, type->element, rank, dims);
    const Expr *const *known = known_elements(node, 0, &known_count);
    if (!known || !result_may_have_elements(node, 0, &count))
        return true;
    const Expr **elements = ARENA_ARRAY(context->arena, const Expr *, count + 1);
    for (int64_t i = 0; i < count; i++)
        elements[i] = known[broadcast_position(result(node, 0)->type, i, type)];
    infer_set_elements(context, node, 0, elements, count);
    return true;
}

static void lower_expand(Lowering *l)
{
    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *indices[MAX_RANK];
    lower_indices(l, map, indices);
    map->body = lower_broadcast(l, l->in[0], l->out[0]->rank, indices);
}

const OpDef op_expand = {
    .name = "Expand",
    .domain = "",
    .summary = "x broadcast together with a shape",
    .since = 13,
    .first = 8,
    OPERANDS(expand_operands),
    RESULTS(results),
    .infer = infer_expand,
    .lower = lower_expand,
};

/* ---- Tile -------------------------------------------------------------------------------- */

static const OperandDef tile_operands[] = {
    {.name = "input", .types = TYPES_TENSOR, .group = 'T'},
    {.name = "repeats", .types = TYPE_BIT(TN_INT64)},
};

static bool infer_tile(InferContext *context, Node *node)
{
    const Type *type = operand_type(node, 0);
    int64_t count, known_count;
    const Expr *const *repeats = infer_sizes(context, node, 1, &count);
    if (!repeats)
        return false;
    if (count != type->rank)
        return infer_error(context, node, "repeats has %lld elements, expected the rank %d",
                           (long long)count, type->rank);
    const Expr *dims[MAX_RANK];
    for (int d = 0; d < type->rank; d++)
        dims[d] = expr_times(context->pool, type->dims[d], repeats[d]);
    infer_set(context, node, 0, type->element, type->rank, dims);
    const Expr *const *known = known_elements(node, 0, &known_count);
    if (!known || type->rank != 1 || !result_may_have_elements(node, 0, &count))
        return true;
    const Expr **elements = ARENA_ARRAY(context->arena, const Expr *, count + 1);
    for (int64_t i = 0; i < count; i++)
        elements[i] = known[i % known_count];
    infer_set_elements(context, node, 0, elements, count);
    return true;
}

static void lower_tile(Lowering *l)
{
    const Tensor *in = l->in[0], *out = l->out[0];
    Compute *map = kernel_map(l->kernel, out);
    const Expr *indices[MAX_RANK];
    lower_indices(l, map, indices);
    for (int d = 0; d < in->rank; d++)
        if (in->shape[d] != out->shape[d])
            indices[d] = expr_modulus(l->pool, indices[d], positive_size(l->pool, in->shape[d]));
    map->body = expr_load(l->pool, in, indices);
}

const OpDef op_tile = {
    .name = "Tile",
    .domain = "",
    .summary = "x repeated along each dimension",
    .since = 13,
    .first = 1,
    OPERANDS(tile_operands),
    RESULTS(results),
    .infer = infer_tile,
    .lower = lower_tile,
};

/* ---- Transpose --------------------------------------------------------------------------- */

typedef struct TransposeAttributes {
    IntList perm;
} TransposeAttributes;

static const AttributeDef transpose_attributes[] = {
    ATTRIBUTE_OPTIONAL(TransposeAttributes, perm, ints,
                       "result dimension d is operand dimension "
                       "perm[d]; absent: all reversed"),
};

static const OperandDef transpose_operands[] = {
    {.name = "data", .types = TYPES_TENSOR, .group = 'T'},
};

/* The operand's dimension that is the result's d-th. */
static int permuted(const Node *node, int rank, int d)
{
    const TransposeAttributes *transpose = node->attributes;
    return transpose->perm.count == 0 ? rank - 1 - d : (int)transpose->perm.items[d];
}

static bool infer_transpose(InferContext *context, Node *node)
{
    const TransposeAttributes *transpose = node->attributes;
    const Type *type = operand_type(node, 0);
    bool is_axis[MAX_RANK];
    for (int64_t i = 0; i < transpose->perm.count; i++)
        if (transpose->perm.items[i] < 0)
            return infer_error(context, node, "perm has %lld", (long long)transpose->perm.items[i]);
    if (transpose->perm.count > 0) {
        if (transpose->perm.count != type->rank)
            return infer_error(context, node, "perm has %lld numbers, expected the rank %d",
                               (long long)transpose->perm.count, type->rank);
        if (!infer_axes(context, node, transpose->perm, type->rank, is_axis))
            return false;
    }
    const Expr *dims[MAX_RANK];
    for (int d = 0; d < type->rank; d++)
        dims[d] = type->dims[permuted(node, type->rank, d)];
    infer_set(context, node, 0, type->element, type->rank, dims);
    if (type->rank <= 1)
        propagate_copy(context, node);
    return true;
}

static void lower_transpose(Lowering *l)
{
    const Tensor *in = l->in[0];
    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *own[MAX_RANK];
    for (int d = 0; d < in->rank; d++)
        own[permuted(l->node, in->rank, d)] = compute_axis(l->kernel, map, d);
    map->body = expr_load(l->pool, in, own);
}

const OpDef op_transpose = {
    .name = "Transpose",
    .domain = "",
    .summary = "x with its dimensions in another order",
    .since = 25,
    .first = 1,
    OPERANDS(transpose_operands),
    RESULTS(results),
    ATTRIBUTES(transpose_attributes, TransposeAttributes),
    .infer = infer_transpose,
    .lower = lower_transpose,
};
