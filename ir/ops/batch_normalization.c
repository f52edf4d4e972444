/* SPDX-License-Identifier: Apache-2.0
 *
 * BatchNormalization. Inference: a map with the given moments. Training: the batch's own mean and
 * population variance over all axes but the channels, and the running moments
 * running = given * momentum + current * (1 - momentum).
 */
#include "ir/ops/moments.h"

typedef struct BatchNormalizationAttributes {
    float epsilon, momentum;
    int64_t training_mode;
} BatchNormalizationAttributes;

enum { X, SCALE, B, MEAN, VARIANCE };

static bool infer(InferContext *context, Node *node)
{
    const BatchNormalizationAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, X);
    const Expr *channels = x->rank > 1 ? x->dims[1] : expr_integer(context->pool, 1);
    if (x->rank < 1)
        return infer_error(context, node, "X must have rank 1 or more");
    for (int i = SCALE; i <= VARIANCE; i++) {
        const Type *vector = operand_type(node, i);
        if (vector->rank != 1)
            return infer_error(context, node, "%s has rank %d, expected 1",
                               node->op->operands[i].name, vector->rank);
        if (!infer_equal(context, node, vector->dims[0], channels,
                         "X's channels and the size of a per-channel operand"))
            return false;
    }
    if (!attributes->training_mode && node->result_count > 1 &&
        (result(node, 1)->first_use || (node->result_count > 2 && result(node, 2)->first_use)))
        return infer_error(context, node, "running moments are results of training_mode = 1 only");
    infer_set_type(node, 0, x);
    for (int i = 1; i < node->result_count; i++)
        infer_set(context, node, i, operand_type(node, MEAN)->element, 1, &channels);
    return true;
}

/* (x - mean) / sqrt(variance + epsilon) * scale + b */
static const Expr *normalized(const Lowering *l, const Expr *const *at, const Expr *mean,
                              const Expr *variance)
{
    const BatchNormalizationAttributes *attributes = l->node->attributes;
    ExprPool *pool = l->pool;
    TnElementType type = mean->type;
    const Expr *channel = l->in[X]->rank > 1 ? at[1] : expr_integer(pool, 0);
    const Expr *scale = expr_convert(pool, type, lower_vector(l, l->in[SCALE], channel));
    const Expr *b = expr_convert(pool, type, lower_vector(l, l->in[B], channel));
    const Expr *x = expr_convert(pool, type, expr_load(pool, l->in[X], at));
    scale = product_of(pool, scale, inverse_deviation(pool, variance, attributes->epsilon));
    return sum_of(pool, product_of(pool, difference_of(pool, x, mean), scale), b);
}

static void lower_running(Lowering *l, const Tensor *out, const Tensor *given,
                          const Tensor *current, TnElementType type)
{
    const BatchNormalizationAttributes *attributes = l->node->attributes;
    ExprPool *pool = l->pool;
    Compute *map = kernel_map(l->kernel, out);
    const Expr *at[] = {compute_axis(l->kernel, map, 0)};
    const Expr *momentum = expr_real(pool, type, attributes->momentum);
    const Expr *rest = expr_real(pool, type, 1.0 - (double)attributes->momentum);
    const Expr *old = expr_convert(pool, type, expr_load(pool, given, at));
    const Expr *value = sum_of(pool, product_of(pool, old, momentum),
                               product_of(pool, expr_load(pool, current, at), rest));
    map->body = expr_convert(pool, element_compute_type(out->element), value);
}

static void lower(Lowering *l)
{
    const BatchNormalizationAttributes *attributes = l->node->attributes;
    const Tensor *x = l->in[X], *y = l->out[0];
    ExprPool *pool = l->pool;
    TnElementType type = element_compute_type(y->element);
    if (element_compute_type(l->in[MEAN]->element) == TN_DOUBLE)
        type = TN_DOUBLE;
    const Expr *at[MAX_RANK], *mean, *variance;
    if (!attributes->training_mode) {
        Compute *map = kernel_map(l->kernel, y);
        lower_indices(l, map, at);
        const Expr *channel = x->rank > 1 ? at[1] : expr_integer(pool, 0);
        mean = expr_convert(pool, type, lower_vector(l, l->in[MEAN], channel));
        variance = expr_convert(pool, type, lower_vector(l, l->in[VARIANCE], channel));
        map->body =
            expr_convert(pool, element_compute_type(y->element), normalized(l, at, mean, variance));
        return;
    }
    bool summed[MAX_RANK];
    for (int d = 0; d < x->rank; d++)
        summed[d] = d != 1;
    Moments moments = moments_create(l, x, type, summed);
    Compute *map = kernel_map(l->kernel, y);
    lower_indices(l, map, at);
    mean = moments_mean(l, &moments, x->rank, at);
    variance = moments_variance(l, &moments, x->rank, at);
    map->body =
        expr_convert(pool, element_compute_type(y->element), normalized(l, at, mean, variance));
    if (lower_out(l, 1))
        lower_running(l, l->out[1], l->in[MEAN], moments.mean, type);
    if (lower_out(l, 2))
        lower_running(l, l->out[2], l->in[VARIANCE], moments.variance, type);
}

static const OperandDef operands[] = {
    {.name = "X", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "scale", .types = TYPES_FLOAT, .group = 'S'},
    {.name = "B", .types = TYPES_FLOAT, .group = 'S'},
    {.name = "input_mean", .types = TYPES_FLOAT, .group = 'M'},
    {.name = "input_var", .types = TYPES_FLOAT, .group = 'M'},
};
static const OperandDef results[] = {
    {.name = "Y", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "running_mean", .types = TYPES_FLOAT, .group = 'M', .optional = true},
    {.name = "running_var", .types = TYPES_FLOAT, .group = 'M', .optional = true},
};
static const AttributeDef attributes[] = {
    ATTRIBUTE_FLOAT(BatchNormalizationAttributes, epsilon, 1e-5f, "added to the variance"),
    ATTRIBUTE_FLOAT(BatchNormalizationAttributes, momentum, 0.9f,
                    "share of the given moments in the running ones"),
    ATTRIBUTE_INT(BatchNormalizationAttributes, training_mode, 0,
                  "1: normalise with the batch's own moments"),
};

const OpDef op_batch_normalization = {
    .name = "BatchNormalization",
    .domain = "",
    .summary = "y = (x - mean) / sqrt(var + epsilon) * scale + b, per channel",
    .since = 15,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, BatchNormalizationAttributes),
    .infer = infer,
    .lower = lower,
};
