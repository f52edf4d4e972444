/* SPDX-License-Identifier: Apache-2.0
 *
 * InstanceNormalization: each channel of each instance by its own moments over the spatial axes;
 * and MeanVarianceNormalization: over any axes, without scale.
 */
#include "ir/ops/moments.h"

typedef struct InstanceNormalizationAttributes {
    float epsilon;
} InstanceNormalizationAttributes;

typedef struct MeanVarianceNormalizationAttributes {
    IntList axes;
} MeanVarianceNormalizationAttributes;

static bool infer_instance(InferContext *context, Node *node)
{
    const Type *x = operand_type(node, 0);
    if (x->rank < 3)
        return infer_error(context, node, "input has rank %d, expected 3 or more", x->rank);
    for (int i = 1; i < 3; i++) {
        const Type *vector = operand_type(node, i);
        if (vector->rank != 1)
            return infer_error(context, node, "%s has rank %d, expected 1",
                               node->op->operands[i].name, vector->rank);
        if (!infer_equal(context, node, x->dims[1], vector->dims[0],
                         "the input's channels and the size of scale or B"))
            return false;
    }
    infer_set_type(node, 0, x);
    return true;
}

static void lower_instance(Lowering *l)
{
    const InstanceNormalizationAttributes *attributes = l->node->attributes;
    const Tensor *x = l->in[0], *y = l->out[0];
    ExprPool *pool = l->pool;
    bool summed[MAX_RANK];
    for (int d = 0; d < x->rank; d++)
        summed[d] = d > 1;
    Moments moments = moments_create(l, x, element_compute_type(x->element), summed);
    Compute *map = kernel_map(l->kernel, y);
    const Expr *at[MAX_RANK];
    lower_indices(l, map, at);
    const Expr *value =
        difference_of(pool, expr_load(pool, x, at), moments_mean(l, &moments, x->rank, at));
    const Expr *variance = moments_variance(l, &moments, x->rank, at);
    const Expr *scale = product_of(pool, lower_vector(l, l->in[1], at[1]),
                                   inverse_deviation(pool, variance, attributes->epsilon));
    map->body = sum_of(pool, product_of(pool, value, scale), lower_vector(l, l->in[2], at[1]));
}

static bool infer_mean_variance(InferContext *context, Node *node)
{
    const MeanVarianceNormalizationAttributes *attributes = node->attributes;
    static const int64_t usual[] = {0, 2, 3};
    IntList axes = attributes->axes.count ? attributes->axes : (IntList){3, usual};
    int rank = operand_type(node, 0)->rank, axis;
    for (int64_t i = 0; i < axes.count; i++)
        if (!infer_axis(context, node, axes.items[i], rank, &axis))
            return false;
    return infer_same_as_first(context, node);
}

static const OperandDef instance_operands[] = {
    {.name = "input", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "scale", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "B", .types = TYPES_FLOAT, .group = 'T'},
};
static const OperandDef instance_results[] = {
    {.name = "output", .types = TYPES_FLOAT, .group = 'T'}};
static const AttributeDef instance_attributes[] = {
    ATTRIBUTE_FLOAT(InstanceNormalizationAttributes, epsilon, 1e-5f, "added to the variance"),
};

static const OperandDef mean_variance_operands[] = {
    {.name = "X", .types = TYPES_FLOAT, .group = 'T'}};
static const OperandDef mean_variance_results[] = {
    {.name = "Y", .types = TYPES_FLOAT, .group = 'T'}};
static const AttributeDef mean_variance_attributes[] = {
    ATTRIBUTE_OPTIONAL(MeanVarianceNormalizationAttributes, axes, ints, "by default 0, 2, 3"),
};

const OpDef op_instance_normalization = {
    .name = "InstanceNormalization",
    .domain = "",
    .summary = "y = scale * (x - mean) / sqrt(variance + epsilon) + b, per instance and channel",
    .since = 22,
    .first = 1,
    OPERANDS(instance_operands),
    RESULTS(instance_results),
    ATTRIBUTES(instance_attributes, InstanceNormalizationAttributes),
    .infer = infer_instance,
    .lower = lower_instance,
};

const OpDef op_mean_variance_normalization = {
    .name = "MeanVarianceNormalization",
    .domain = "",
    .summary = "y = (x - mean) / (sqrt(variance) + 1e-9) over the axes",
    .since = 13,
    .first = 9,
    OPERANDS(mean_variance_operands),
    RESULTS(mean_variance_results),
    ATTRIBUTES(mean_variance_attributes, MeanVarianceNormalizationAttributes),
    .infer = infer_mean_variance,
    .function = "mean_variance_normalization",
};
