/* SPDX-License-Identifier: Apache-2.0
 *
 * LayerNormalization and RMSNormalization: rows (all axes from `axis` on) by their own moments. The
 * first stage is computed in stash_type, at least float; its result is rounded to the operand's
 * type before scale and bias, as the standard says.
 */
#include "ir/ops/moments.h"

typedef struct NormalizationAttributes {
    int64_t axis;
    float epsilon;
    int64_t stash_type;
} NormalizationAttributes;

static bool check(InferContext *context, const Node *node, int *axis)
{
    const NormalizationAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, 0);
    if (!infer_axis(context, node, attributes->axis, x->rank, axis))
        return false;
    int64_t stash = attributes->stash_type;
    if (stash != TN_FLOAT && stash != TN_BFLOAT16 && stash != TN_DOUBLE && stash != TN_FLOAT16)
        return infer_error(context, node, "stash_type is %lld, expected a float type",
                           (long long)stash);
    for (int i = 1; i < node->operand_count; i++) {
        if (!operand(node, i))
            continue;
        const Type *type = operand_type(node, i);
        if (type->rank > x->rank)
            return infer_error(context, node, "%s has rank %d, more than X's",
                               node->op->operands[i].name, type->rank);
        for (int d = 0; d < type->rank; d++)
            if (!expr_is(type->dims[d], 1) &&
                !infer_equal(context, node, type->dims[d], x->dims[x->rank - type->rank + d],
                             "the sizes of X and of scale or bias"))
                return false;
    }
    return true;
}

static bool infer_layer(InferContext *context, Node *node)
{
    const NormalizationAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, 0);
    int axis;
    if (!check(context, node, &axis))
        return false;
    infer_set_type(node, 0, x);
    const Expr *dims[MAX_RANK];
    for (int d = 0; d < x->rank; d++)
        dims[d] = d < axis ? x->dims[d] : expr_integer(context->pool, 1);
    for (int i = 1; i < node->result_count; i++)
        infer_set(context, node, i, (TnElementType)attributes->stash_type, x->rank, dims);
    return true;
}

static bool infer_rms(InferContext *context, Node *node)
{
    const Type *x = operand_type(node, 0);
    int axis;
    if (!check(context, node, &axis))
        return false;
    infer_set(context, node, 0, operand_type(node, 1)->element, x->rank, x->dims);
    return true;
}

/* Rounded to a type that has no arithmetic of its own, and back. */
static const Expr *rounded(ExprPool *pool, const Expr *value, TnElementType element)
{
    TnElementType compute = element_compute_type(element);
    value = expr_convert(pool, element, value);
    return element == compute ? value : expr_convert(pool, compute, value);
}

typedef struct Stage {
    TnElementType type; /* of the computation */
    bool summed[MAX_RANK];
} Stage;

static Stage first_stage(const Lowering *l)
{
    const NormalizationAttributes *attributes = l->node->attributes;
    const Tensor *x = l->in[0];
    Stage stage = {.type = element_compute_type((TnElementType)attributes->stash_type)};
    if (x->element == TN_DOUBLE)
        stage.type = TN_DOUBLE;
    int axis = (int)(attributes->axis < 0 ? attributes->axis + x->rank : attributes->axis);
    for (int d = axis; d < x->rank; d++)
        stage.summed[d] = true;
    return stage;
}

static void lower_moment(Lowering *l, const Tensor *out, const Moments *moments, bool is_mean)
{
    const NormalizationAttributes *attributes = l->node->attributes;
    Compute *map = kernel_map(l->kernel, out);
    const Expr *at[MAX_RANK];
    lower_indices(l, map, at);
    const Expr *value =
        is_mean ? moments_mean(l, moments, out->rank, at)
                : inverse_deviation(l->pool, moments_variance(l, moments, out->rank, at),
                                    attributes->epsilon);
    map->body = expr_convert(l->pool, element_compute_type(out->element), value);
}

static void lower_layer(Lowering *l)
{
    const NormalizationAttributes *attributes = l->node->attributes;
    const Tensor *x = l->in[0], *bias = lower_in(l, 2), *y = l->out[0];
    ExprPool *pool = l->pool;
    Stage stage = first_stage(l);
    Moments moments = moments_create(l, x, stage.type, stage.summed);
    Compute *map = kernel_map(l->kernel, y);
    const Expr *at[MAX_RANK];
    lower_indices(l, map, at);
    const Expr *value = expr_convert(pool, stage.type, expr_load(pool, x, at));
    value = difference_of(pool, value, moments_mean(l, &moments, x->rank, at));
    const Expr *variance = moments_variance(l, &moments, x->rank, at);
    value = product_of(pool, value, inverse_deviation(pool, variance, attributes->epsilon));
    value = rounded(pool, value, x->element);
    value = product_of(pool, value, lower_broadcast(l, l->in[1], x->rank, at));
    map->body = bias ? sum_of(pool, value, lower_broadcast(l, bias, x->rank, at)) : value;
    if (lower_out(l, 1))
        lower_moment(l, l->out[1], &moments, true);
    if (lower_out(l, 2))
        lower_moment(l, l->out[2], &moments, false);
}

static void lower_rms(Lowering *l)
{
    const NormalizationAttributes *attributes = l->node->attributes;
    const Tensor *x = l->in[0], *scale = l->in[1], *y = l->out[0];
    ExprPool *pool = l->pool;
    Stage stage = first_stage(l);
    Moments moments = mean_square_create(l, x, stage.type, stage.summed);
    Compute *map = kernel_map(l->kernel, y);
    const Expr *at[MAX_RANK];
    lower_indices(l, map, at);
    const Expr *value = expr_convert(pool, stage.type, expr_load(pool, x, at));
    const Expr *variance = moments_variance(l, &moments, x->rank, at);
    value = product_of(pool, value, inverse_deviation(pool, variance, attributes->epsilon));
    value =
        expr_convert(pool, element_compute_type(scale->element), rounded(pool, value, x->element));
    map->body = product_of(pool, value, lower_broadcast(l, scale, x->rank, at));
}

#define TYPES_STASH                                                                                \
    (TYPE_BIT(TN_FLOAT) | TYPE_BIT(TN_BFLOAT16) | TYPE_BIT(TN_DOUBLE) | TYPE_BIT(TN_FLOAT16))

static const OperandDef layer_operands[] = {
    {.name = "X", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "Scale", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "B", .types = TYPES_FLOAT, .group = 'T', .optional = true},
};
static const OperandDef layer_results[] = {
    {.name = "Y", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "Mean", .types = TYPES_STASH, .group = 'U', .optional = true},
    {.name = "InvStdDev", .types = TYPES_STASH, .group = 'U', .optional = true},
};
static const OperandDef rms_operands[] = {
    {.name = "X", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "scale", .types = TYPES_FLOAT, .group = 'V'},
};
static const OperandDef rms_results[] = {{.name = "Y", .types = TYPES_FLOAT, .group = 'V'}};
static const AttributeDef attributes[] = {
    ATTRIBUTE_INT(NormalizationAttributes, axis, -1, "the first axis that is normalised"),
    ATTRIBUTE_FLOAT(NormalizationAttributes, epsilon, 1e-5f, "added to the variance"),
    ATTRIBUTE_INT(NormalizationAttributes, stash_type, 1, "element type of the first stage"),
};

const OpDef op_layer_normalization = {
    .name = "LayerNormalization",
    .domain = "",
    .summary =
        "y = (x - mean) / sqrt(variance + epsilon) * scale + b, over the axes from `axis` on",
    .since = 17,
    .first = 17,
    OPERANDS(layer_operands),
    RESULTS(layer_results),
    ATTRIBUTES(attributes, NormalizationAttributes),
    .infer = infer_layer,
    .lower = lower_layer,
};

const OpDef op_rms_normalization = {
    .name = "RMSNormalization",
    .domain = "",
    .summary = "y = x / sqrt(mean of x^2 + epsilon) * scale, over the axes from `axis` on",
    .since = 23,
    .first = 23,
    OPERANDS(rms_operands),
    RESULTS(rms_results),
    ATTRIBUTES(attributes, NormalizationAttributes),
    .infer = infer_rms,
    .lower = lower_rms,
};
