/* SPDX-License-Identifier: Apache-2.0
 *
 * Identity, Flatten, Squeeze and Unsqueeze, and what they share with Reshape (reshape.c).
 */
#include "ir/ops/view.h"

#include "ir/support/array.h"
#include "ir/support/text.h"

/* ---- Lowering ---------------------------------------------------------------------------- */

static const Expr *product(ExprPool *pool, const Expr *const *shape, int begin, int end)
{
    const Expr *size = expr_integer(pool, 1);
    for (int d = begin; d < end; d++)
        size = expr_times(pool, size, shape[d]);
    return size;
}

/* The ends of the smallest group of dimensions from *in and *out on that have one product; the end
 * of both shapes where there is none. */
static void next_group(const Lowering *l, int *in, int *out)
{
    const Tensor *from = l->in[0], *to = l->out[0];
    int most = from->rank - *in + to->rank - *out;
    for (int sum = 1; sum < most; sum++) {
        for (int a = sum < from->rank - *in ? sum : from->rank - *in; a >= 0; a--) {
            int b = sum - a;
            if (b <= to->rank - *out && product(l->pool, from->shape, *in, *in + a) ==
                                            product(l->pool, to->shape, *out, *out + b)) {
                *in += a;
                *out += b;
                return;
            }
        }
    }
    *in = from->rank;
    *out = to->rank;
}

void lower_view(Lowering *l)
{
    const Tensor *from = l->in[0], *to = l->out[0];
    Compute *map = kernel_map(l->kernel, to);
    const Expr *indices[MAX_RANK], *own[MAX_RANK];
    lower_indices(l, map, indices);
    for (int in = 0, out = 0; in < from->rank || out < to->rank;) {
        int in_end = in, out_end = out;
        if (in < from->rank && out < to->rank && from->shape[in] == to->shape[out]) {
            in_end++;
            out_end++;
        } else {
            next_group(l, &in_end, &out_end);
        }
        const Expr *flat = lower_flatten(l->pool, out_end - out, to->shape + out, indices + out);
        lower_unflatten(l->pool, flat, in_end - in, from->shape + in, own + in);
        in = in_end;
        out = out_end;
    }
    map->body = expr_load(l->pool, from, own);
}

/* ---- Identity ---------------------------------------------------------------------------- */

static const OperandDef any_operand[] = {{.name = "input", .types = TYPES_ANY, .group = 'V'}};
static const OperandDef any_result[] = {{.name = "output", .types = TYPES_ANY, .group = 'V'}};
static const OperandDef tensor_operand[] = {{.name = "input", .types = TYPES_TENSOR, .group = 'T'}};
static const OperandDef tensor_result[] = {{.name = "output", .types = TYPES_TENSOR, .group = 'T'}};
static const OperandDef operand_and_axes[] = {
    {.name = "data", .types = TYPES_TENSOR, .group = 'T'},
    {.name = "axes", .types = TYPE_BIT(TN_INT64)},
};
static const OperandDef operand_and_optional_axes[] = {
    {.name = "data", .types = TYPES_TENSOR, .group = 'T'},
    {.name = "axes", .types = TYPE_BIT(TN_INT64), .optional = true},
};

static bool infer_identity(InferContext *context, Node *node)
{
    infer_set_type(node, 0, operand(node, 0)->type);
    int64_t count;
    const Expr *const *known = known_elements(node, 0, &count);
    infer_set_elements(context, node, 0, known, known ? count : 0);
    return true;
}

const OpDef op_identity = {
    .name = "Identity",
    .domain = "",
    .summary = "x",
    .since = 25,
    .first = 1,
    .traits = TRAIT_view | TRAIT_idempotent,
    OPERANDS(any_operand),
    RESULTS(any_result),
    .infer = infer_identity,
    .lower = lower_view,
};

/* ---- Flatten ----------------------------------------------------------------------------- */

typedef struct FlattenAttributes {
    int64_t axis;
} FlattenAttributes;

static const AttributeDef flatten_attributes[] = {
    ATTRIBUTE_INT(FlattenAttributes, axis, 1, "the first dimension of the inner half"),
};

static bool infer_flatten(InferContext *context, Node *node)
{
    const FlattenAttributes *flatten = node->attributes;
    const Type *type = operand_type(node, 0);
    int axis = type->rank;
    if (flatten->axis != type->rank && !infer_axis(context, node, flatten->axis, type->rank, &axis))
        return false;
    const Expr *dims[2] = {product(context->pool, type->dims, 0, axis),
                           product(context->pool, type->dims, axis, type->rank)};
    infer_set(context, node, 0, type->element, 2, dims);
    propagate_copy(context, node);
    return true;
}

const OpDef op_flatten = {
    .name = "Flatten",
    .domain = "",
    .summary = "x as a matrix",
    .since = 25,
    .first = 1,
    .traits = TRAIT_view,
    OPERANDS(tensor_operand),
    RESULTS(tensor_result),
    ATTRIBUTES(flatten_attributes, FlattenAttributes),
    .infer = infer_flatten,
    .lower = lower_view,
};

/* ---- Squeeze ----------------------------------------------------------------------------- */

static void assume_not_one(InferContext *context, const Node *node, const Expr *size)
{
    Text message = text_create(context->arena);
    const char *name = node_location(node).node;
    text_format(&message, "Squeeze%s%s%s has no axes: the size ", name ? " '" : "",
                name ? name : "", name ? "'" : "");
    expr_print(size, &message);
    text_append(&message, " must not be 1");
    model_assume(context->model,
                 expr_compare(context->pool, EXPR_not_equal, size, expr_integer(context->pool, 1)),
                 message.data);
}

/* Without axes all sizes of 1 go. The rank must be known, so a symbolic size stays, and is not 1:
 * that is checked when the program is entered. */
static bool choose_ones(InferContext *context, Node *node, bool *is_axis)
{
    const Type *type = operand_type(node, 0);
    for (int d = 0; d < type->rank; d++) {
        is_axis[d] = expr_is(type->dims[d], 1);
        if (!expr_known(type->dims[d], NULL))
            assume_not_one(context, node, type->dims[d]);
    }
    return true;
}

static bool choose_given(InferContext *context, Node *node, IntList axes, bool *is_axis)
{
    const Type *type = operand_type(node, 0);
    if (axes.count > 0 && !infer_axes(context, node, axes, type->rank, is_axis))
        return false;
    for (int d = 0; d < type->rank; d++)
        if (is_axis[d] && !infer_equal(context, node, type->dims[d], expr_integer(context->pool, 1),
                                       "a squeezed size and 1"))
            return false;
    return true;
}

static bool infer_squeeze(InferContext *context, Node *node)
{
    const Type *type = operand_type(node, 0);
    bool is_axis[MAX_RANK] = {false};
    IntList axes = {0};
    if (operand(node, 1) && !infer_integers(context, node, 1, &axes))
        return false;
    if (operand(node, 1) ? !choose_given(context, node, axes, is_axis)
                         : !choose_ones(context, node, is_axis))
        return false;
    const Expr *dims[MAX_RANK];
    int rank = 0;
    for (int d = 0; d < type->rank; d++)
        if (!is_axis[d])
            dims[rank++] = type->dims[d];
    infer_set(context, node, 0, type->element, rank, dims);
    propagate_copy(context, node);
    return true;
}

const OpDef op_squeeze = {
    .name = "Squeeze",
    .domain = "",
    .summary = "x without dimensions of size 1",
    .since = 25,
    .first = 1,
    .traits = TRAIT_view,
    OPERANDS(operand_and_optional_axes),
    RESULTS(tensor_result),
    .infer = infer_squeeze,
    .lower = lower_view,
};

/* ---- Unsqueeze --------------------------------------------------------------------------- */

static bool infer_unsqueeze(InferContext *context, Node *node)
{
    const Type *type = operand_type(node, 0);
    bool is_axis[MAX_RANK] = {false};
    IntList axes;
    if (!infer_integers(context, node, 1, &axes))
        return false;
    if (axes.count > MAX_RANK - type->rank)
        return infer_unsupported(context, node, "a rank above %d", MAX_RANK);
    int rank = type->rank + (int)axes.count;
    if (axes.count > 0 && !infer_axes(context, node, axes, rank, is_axis))
        return false;
    const Expr *dims[MAX_RANK];
    for (int d = 0, from = 0; d < rank; d++)
        dims[d] = is_axis[d] ? expr_integer(context->pool, 1) : type->dims[from++];
    infer_set(context, node, 0, type->element, rank, dims);
    propagate_copy(context, node);
    return true;
}

const OpDef op_unsqueeze = {
    .name = "Unsqueeze",
    .domain = "",
    .summary = "x with dimensions of size 1 put in",
    .since = 25,
    .first = 1,
    .traits = TRAIT_view,
    OPERANDS(operand_and_axes),
    RESULTS(tensor_result),
    .infer = infer_unsqueeze,
    .lower = lower_view,
};
