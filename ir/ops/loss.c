/* SPDX-License-Identifier: Apache-2.0
 *
 * NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss. For class probabilities
 * float[N, C, D1, ...] and targets int[N, D1, ...]:
 *
 *   loss[n, d...] = -weight[target] * p[n, target, d...]     p: the operand, or its log-softmax
 *
 * An element whose target is ignore_index has the loss and the weight 0. The mean divides by the
 * sum of the weights. A target out of range reads the nearest class.
 */
#include "ir/ops/lowering.h"

typedef struct LossAttributes {
    int64_t ignore_index;
    int reduction;
} LossAttributes;

enum { SCORES, TARGET, WEIGHT };
enum { REDUCTION_none, REDUCTION_sum, REDUCTION_mean };

static bool infer(InferContext *context, Node *node)
{
    const LossAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, SCORES), *target = operand_type(node, TARGET);
    if (x->rank < 2 || target->rank != x->rank - 1)
        return infer_error(context, node,
                           "ranks are %d and %d, expected 2 or more, and one less for the targets",
                           x->rank, target->rank);
    for (int d = 0; d < target->rank; d++)
        if (!infer_equal(context, node, target->dims[d], x->dims[d ? d + 1 : 0],
                         "the sizes of scores and targets"))
            return false;
    if (operand(node, WEIGHT)) {
        const Type *weight = operand_type(node, WEIGHT);
        if (weight->rank != 1)
            return infer_error(context, node, "weight has rank %d, expected 1", weight->rank);
        if (!infer_equal(context, node, weight->dims[0], x->dims[1],
                         "the number of classes and of weights"))
            return false;
    }
    infer_set(context, node, 0, x->element,
              attributes->reduction == REDUCTION_none ? target->rank : 0, target->dims);
    if (node->result_count > 1)
        infer_set_type(node, 1, x);
    return true;
}

typedef struct Loss {
    Lowering *l;
    TnElementType type;
    const Tensor *maximum, *log_sum; /* of the softmax over classes; NULL: the operand is a log */
} Loss;

/* [n, d...] as indices of the scores, for class c. */
static void class_indices(int rank, const Expr *const *at, const Expr *c, const Expr **from)
{
    from[0] = at[0];
    from[1] = c;
    for (int d = 1; d < rank; d++)
        from[d + 1] = at[d];
}

/* maximum[n, d...] and log_sum[n, d...] = log of the sum of exp(x - maximum). */
static void make_softmax(Loss *loss)
{
    Lowering *l = loss->l;
    ExprPool *pool = l->pool;
    const Tensor *x = l->in[SCORES];
    int rank = x->rank - 1;
    const Expr *shape[MAX_RANK], *at[MAX_RANK], *from[MAX_RANK];
    for (int d = 0; d < rank; d++)
        shape[d] = x->shape[d ? d + 1 : 0];
    loss->maximum = lower_temporary(l, "maximum", loss->type, rank, shape);
    Compute *maximum = kernel_reduce(l->kernel, loss->maximum, COMBINE_max);
    lower_indices(l, maximum, at);
    class_indices(rank, at, compute_reduce_axis(l->kernel, maximum, x->shape[1]), from);
    maximum->body = expr_load(pool, x, from);

    const Tensor *sum = lower_temporary(l, "sum", loss->type, rank, shape);
    Compute *reduce = kernel_reduce(l->kernel, sum, COMBINE_sum);
    lower_indices(l, reduce, at);
    class_indices(rank, at, compute_reduce_axis(l->kernel, reduce, x->shape[1]), from);
    reduce->body = expr_unary(
        pool, EXPR_exp,
        difference_of(pool, expr_load(pool, x, from), expr_load(pool, loss->maximum, at)));
    loss->log_sum = lower_temporary(l, "log_sum", loss->type, rank, shape);
    Compute *map = kernel_map(l->kernel, loss->log_sum);
    lower_indices(l, map, at);
    map->body = expr_unary(pool, EXPR_log, expr_load(pool, sum, at));
}

/* The log-probability of the class that from[] names, at [n, d...]. */
static const Expr *log_probability(const Loss *loss, const Expr *const *at, const Expr *const *from)
{
    ExprPool *pool = loss->l->pool;
    const Expr *value = expr_load(pool, loss->l->in[SCORES], from);
    if (!loss->maximum)
        return value;
    value = difference_of(pool, value, expr_load(pool, loss->maximum, at));
    return difference_of(pool, value, expr_load(pool, loss->log_sum, at));
}

static void make_log_probabilities(const Loss *loss, const Tensor *out)
{
    Lowering *l = loss->l;
    Compute *map = kernel_map(l->kernel, out);
    const Expr *from[MAX_RANK], *at[MAX_RANK];
    lower_indices(l, map, from);
    at[0] = from[0];
    for (int d = 2; d < out->rank; d++)
        at[d - 1] = from[d];
    map->body = log_probability(loss, at, from);
}

typedef struct Term {
    const Expr *loss, *weight;
} Term;

/* The weighted loss and the weight at [n, d...]. */
static Term term_at(const Loss *loss, const Expr *const *at)
{
    Lowering *l = loss->l;
    ExprPool *pool = l->pool;
    const LossAttributes *attributes = l->node->attributes;
    const Tensor *x = l->in[SCORES], *target = l->in[TARGET], *weights = lower_in(l, WEIGHT);
    const Expr *label = expr_load(pool, target, at), *from[MAX_RANK];
    const Expr *c = lower_clamp(pool, expr_to_index(pool, label), x->shape[1]);
    class_indices(x->rank - 1, at, c, from);
    const Expr *value = expr_unary(pool, EXPR_negate, log_probability(loss, at, from));
    const Expr *weight = expr_real(pool, loss->type, 1), *zero = expr_real(pool, loss->type, 0);
    if (weights) {
        weight = expr_load(pool, weights, &c);
        value = product_of(pool, value, weight);
    }
    if (attributes->ignore_index != ATTRIBUTE_ABSENT) {
        const Expr *ignored =
            equal_to(pool, label, expr_whole(pool, label->type, attributes->ignore_index));
        value = expr_select(pool, ignored, zero, value);
        weight = expr_select(pool, ignored, zero, weight);
    }
    return (Term){value, weight};
}

/* The sum over all elements of the losses, or of the weights. */
static const Tensor *make_total(const Loss *loss, const char *name, bool of_weights)
{
    Lowering *l = loss->l;
    const Tensor *target = l->in[TARGET];
    const Tensor *total = lower_temporary(l, name, loss->type, 0, NULL);
    Compute *reduce = kernel_reduce(l->kernel, total, COMBINE_sum);
    const Expr *at[MAX_RANK];
    for (int d = 0; d < target->rank; d++)
        at[d] = compute_reduce_axis(l->kernel, reduce, target->shape[d]);
    Term term = term_at(loss, at);
    reduce->body = of_weights ? term.weight : term.loss;
    return total;
}

static void make_loss(const Loss *loss)
{
    Lowering *l = loss->l;
    ExprPool *pool = l->pool;
    const LossAttributes *attributes = l->node->attributes;
    const Expr *at[MAX_RANK];
    if (attributes->reduction == REDUCTION_none) {
        Compute *map = kernel_map(l->kernel, l->out[0]);
        lower_indices(l, map, at);
        map->body = term_at(loss, at).loss;
        return;
    }
    const Tensor *losses = make_total(loss, "losses", false), *weights = NULL;
    if (attributes->reduction == REDUCTION_mean)
        weights = make_total(loss, "weights", true);
    Compute *map = kernel_map(l->kernel, l->out[0]);
    map->body = expr_load(pool, losses, NULL);
    if (weights)
        map->body = ratio_of(pool, map->body, expr_load(pool, weights, NULL));
}

static void lower_likelihood(Lowering *l)
{
    Loss loss = {.l = l, .type = element_compute_type(l->in[SCORES]->element)};
    make_loss(&loss);
}

static void lower_entropy(Lowering *l)
{
    Loss loss = {.l = l, .type = element_compute_type(l->in[SCORES]->element)};
    make_softmax(&loss);
    if (lower_out(l, 1))
        make_log_probabilities(&loss, l->out[1]);
    make_loss(&loss);
}

static const OperandDef likelihood_operands[] = {
    {.name = "input", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "target", .types = TYPES_INDEX},
    {.name = "weight", .types = TYPES_FLOAT, .group = 'T', .optional = true},
};
static const OperandDef likelihood_results[] = {
    {.name = "loss", .types = TYPES_FLOAT, .group = 'T'}};
static const OperandDef entropy_operands[] = {
    {.name = "scores", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "labels", .types = TYPES_INDEX},
    {.name = "weights", .types = TYPES_FLOAT, .group = 'T', .optional = true},
};
static const OperandDef entropy_results[] = {
    {.name = "output", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "log_prob", .types = TYPES_FLOAT, .group = 'T', .optional = true},
};
static const AttributeDef attributes[] = {
    ATTRIBUTE_INT(LossAttributes, ignore_index, ATTRIBUTE_ABSENT, "a target that does not count"),
    ATTRIBUTE_CHOICE(LossAttributes, reduction, "none|sum|mean", REDUCTION_mean,
                     "of the elements' losses"),
};

const OpDef op_negative_log_likelihood_loss = {
    .name = "NegativeLogLikelihoodLoss",
    .domain = "",
    .summary = "loss[n, d] = -weight[target[n, d]] * input[n, target[n, d], d], reduced",
    .since = 22,
    .first = 12,
    OPERANDS(likelihood_operands),
    RESULTS(likelihood_results),
    ATTRIBUTES(attributes, LossAttributes),
    .infer = infer,
    .lower = lower_likelihood,
};

const OpDef op_softmax_cross_entropy_loss = {
    .name = "SoftmaxCrossEntropyLoss",
    .domain = "",
    .summary = "NegativeLogLikelihoodLoss of LogSoftmax(scores)",
    .since = 13,
    .first = 12,
    OPERANDS(entropy_operands),
    RESULTS(entropy_results),
    ATTRIBUTES(attributes, LossAttributes),
    .infer = infer,
    .lower = lower_entropy,
};
