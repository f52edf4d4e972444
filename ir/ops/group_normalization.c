/* SPDX-License-Identifier: Apache-2.0
 *
 * GroupNormalization: the channels, divided into groups of C / num_groups neighbours, by the
 * moments of each group; scale and bias are per channel.
 */
#include "ir/ops/moments.h"

typedef struct GroupNormalizationAttributes {
    float epsilon;
    int64_t num_groups, stash_type;
} GroupNormalizationAttributes;

static bool infer(InferContext *context, Node *node)
{
    const GroupNormalizationAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, 0);
    if (x->rank < 2 || x->rank == MAX_RANK)
        return infer_error(context, node, "X has rank %d, expected 2 to %d", x->rank, MAX_RANK - 1);
    int64_t channels;
    if (attributes->num_groups < 1 ||
        (expr_known(x->dims[1], &channels) && channels % attributes->num_groups))
        return infer_error(context, node, "the channels do not divide into num_groups = %lld",
                           (long long)attributes->num_groups);
    for (int i = 1; i < 3; i++)
        if (operand_type(node, i)->rank != 1 ||
            !infer_equal(context, node, operand_type(node, i)->dims[0], x->dims[1],
                         "the channels and the size of scale or bias"))
            return infer_error(context, node, "%s must have one element for each channel",
                               node->op->operands[i].name);
    infer_set_type(node, 0, x);
    return true;
}

static void lower(Lowering *l)
{
    const GroupNormalizationAttributes *attributes = l->node->attributes;
    const Tensor *x = l->in[0], *y = l->out[0];
    ExprPool *pool = l->pool;
    TnElementType own = element_compute_type(x->element);
    TnElementType type =
        own == TN_DOUBLE ? own : element_compute_type((TnElementType)attributes->stash_type);
    const Expr *per_group =
        expr_quotient(pool, x->shape[1], expr_integer(pool, attributes->num_groups));
    Moments moments = moments_of_groups(l, x, type, attributes->num_groups);
    Compute *map = kernel_map(l->kernel, y);
    const Expr *at[MAX_RANK];
    lower_indices(l, map, at);
    const Expr *group[MAX_RANK] = {at[0], expr_quotient(pool, at[1], per_group)};
    const Expr *value = expr_convert(pool, type, expr_load(pool, x, at));
    value = difference_of(pool, value, expr_load(pool, moments.mean, group));
    const Expr *variance = expr_load(pool, moments.variance, group);
    value = product_of(pool, value, inverse_deviation(pool, variance, attributes->epsilon));
    if (x->element != type) { /* rounded between the stages */
        value = expr_convert(pool, x->element, value);
        value = expr_convert(pool, own, value);
    }
    value = product_of(pool, value, lower_vector(l, l->in[1], at[1]));
    map->body = sum_of(pool, value, lower_vector(l, l->in[2], at[1]));
}

static const OperandDef operands[] = {
    {.name = "X", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "scale", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "bias", .types = TYPES_FLOAT, .group = 'T'},
};
static const OperandDef results[] = {{.name = "Y", .types = TYPES_FLOAT, .group = 'T'}};
static const AttributeDef attributes[] = {
    ATTRIBUTE_FLOAT(GroupNormalizationAttributes, epsilon, 1e-5f, "added to the variance"),
    ATTRIBUTE_INT_REQUIRED(GroupNormalizationAttributes, num_groups, "how many groups"),
    ATTRIBUTE_INT(GroupNormalizationAttributes, stash_type, 1, "element type of the first stage"),
};

const OpDef op_group_normalization = {
    .name = "GroupNormalization",
    .domain = "",
    .summary = "y = scale * (x - mean) / sqrt(variance + epsilon) + bias, per group of channels",
    .since = 21,
    .first = 18,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, GroupNormalizationAttributes),
    .infer = infer,
    .lower = lower,
};
