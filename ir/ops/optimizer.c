/* SPDX-License-Identifier: Apache-2.0
 *
 * Adagrad, Adam and Momentum: one step of a stochastic optimiser for any number of tensors.
 * Operands: the learning rate R, the update count T, then all X, all gradients G, and the
 * optimiser's states. Results: the new X, then the new states. With r = norm_coefficient * X + G:
 *
 *   Adagrad   H += r^2                       X -= R / (1 + T decay) * r / (sqrt(H) + epsilon)
 *   Adam      V = alpha V + (1 - alpha) r    H = beta H + (1 - beta) r^2
 *             X -= R' V / (sqrt(H) + epsilon), R' = R sqrt(1 - beta^T) / (1 - alpha^T) if T > 0
 *             X *= 1 - norm_coefficient_post
 *   Momentum  V = alpha V + (T > 0 ? beta : 1) r
 *             X -= R V, or with Nesterov's rule X -= R (r + alpha V)
 */
#include "ir/ops/lowering.h"

typedef struct AdagradAttributes {
    float decay_factor, epsilon, norm_coefficient;
} AdagradAttributes;

typedef struct AdamAttributes {
    float alpha, beta, epsilon, norm_coefficient, norm_coefficient_post;
} AdamAttributes;

typedef struct MomentumAttributes {
    float alpha, beta, norm_coefficient;
    int mode;
} MomentumAttributes;

enum { RATE, COUNT, FIRST_TENSOR };
enum { MODE_nesterov, MODE_standard };

static bool infer_states(InferContext *context, Node *node, int states)
{
    int tensors = (node->operand_count - FIRST_TENSOR) / (2 + states);
    if (node->operand_count != FIRST_TENSOR + tensors * (2 + states) || tensors < 1)
        return infer_error(context, node, "%d operands do not divide into X, G and %d states",
                           node->operand_count - FIRST_TENSOR, states);
    if (node->result_count != tensors * (1 + states))
        return infer_error(context, node, "the node has %d results, expected %d",
                           node->result_count, tensors * (1 + states));
    for (int i = 0; i < tensors; i++) {
        const Type *x = operand_type(node, FIRST_TENSOR + i);
        for (int group = 1; group < 2 + states; group++) {
            const Type *other = operand_type(node, FIRST_TENSOR + group * tensors + i);
            if (other->rank != x->rank || other->element != x->element)
                return infer_error(context, node, "tensors of X number %d have different types", i);
            for (int d = 0; d < x->rank; d++)
                if (!infer_equal(context, node, other->dims[d], x->dims[d],
                                 "the sizes of X and of its gradient or state"))
                    return false;
        }
        for (int group = 0; group < 1 + states; group++)
            infer_set_type(node, group * tensors + i, x);
    }
    return true;
}

/* One tensor's step, at an element. */
typedef struct Update {
    const Lowering *l;
    TnElementType type;
    int tensors, i;
    const Expr *at[MAX_RANK];
    const Expr *x, *gradient, *rate;
} Update;

static const Expr *real(const Update *u, double value)
{
    return expr_real(u->l->pool, u->type, value);
}

/* Operand X (0), G (1) or a state (2, 3). */
static const Expr *element(const Update *u, int group)
{
    const Tensor *tensor = u->l->in[FIRST_TENSOR + group * u->tensors + u->i];
    return expr_load(u->l->pool, tensor, u->at);
}

static const Expr *count_of(const Update *u)
{
    return expr_convert(u->l->pool, u->type, lower_scalar(u->l, COUNT));
}

/* Opens the map of result `group`, and regularises the gradient. */
static Compute *open_update(const Lowering *l, Update *u, int tensors, int i, int group,
                            float norm_coefficient)
{
    const Tensor *out = l->out[group * tensors + i];
    ExprPool *pool = l->pool;
    *u = (Update){.l = l, .type = element_compute_type(out->element), .tensors = tensors, .i = i};
    Compute *map = kernel_map(l->kernel, out);
    lower_indices(l, map, u->at);
    u->x = element(u, 0);
    u->gradient = element(u, 1);
    if (norm_coefficient != 0)
        u->gradient = sum_of(pool, product_of(pool, real(u, norm_coefficient), u->x), u->gradient);
    u->rate = expr_convert(pool, u->type, lower_scalar(l, RATE));
    return map;
}

static const Expr *root_plus(const Update *u, const Expr *h, float epsilon)
{
    return sum_of(u->l->pool, expr_unary(u->l->pool, EXPR_sqrt, h), real(u, epsilon));
}

/* ---- Adagrad ----------------------------------------------------------------------------- */

static bool infer_adagrad(InferContext *context, Node *node)
{
    return infer_states(context, node, 1);
}

static void lower_adagrad(Lowering *l)
{
    const AdagradAttributes *attributes = l->node->attributes;
    ExprPool *pool = l->pool;
    int tensors = l->node->result_count / 2;
    Update u;
    for (int i = 0; i < tensors; i++)
        for (int group = 0; group < 2; group++) {
            Compute *map = open_update(l, &u, tensors, i, group, attributes->norm_coefficient);
            const Expr *h = sum_of(pool, element(&u, 2), product_of(pool, u.gradient, u.gradient));
            const Expr *slower =
                sum_of(pool, real(&u, 1),
                       product_of(pool, count_of(&u), real(&u, attributes->decay_factor)));
            const Expr *step = product_of(pool, ratio_of(pool, u.rate, slower), u.gradient);
            step = ratio_of(pool, step, root_plus(&u, h, attributes->epsilon));
            map->body = group ? h : difference_of(pool, u.x, step);
        }
}

/* ---- Adam -------------------------------------------------------------------------------- */

static bool infer_adam(InferContext *context, Node *node)
{
    return infer_states(context, node, 2);
}

/* share * old + (1 - share) * fresh */
static const Expr *mixed(const Update *u, float share, const Expr *old, const Expr *fresh)
{
    ExprPool *pool = u->l->pool;
    return sum_of(pool, product_of(pool, real(u, share), old),
                  product_of(pool, real(u, 1.0 - (double)share), fresh));
}

/* 1 - base^T */
static const Expr *bias_of(const Update *u, float base)
{
    ExprPool *pool = u->l->pool;
    return difference_of(pool, real(u, 1),
                         expr_binary(pool, EXPR_power, real(u, base), count_of(u)));
}

static const Expr *adam_step(const Update *u, const AdamAttributes *attributes, const Expr *v,
                             const Expr *h)
{
    ExprPool *pool = u->l->pool;
    const Expr *root = expr_unary(pool, EXPR_sqrt, bias_of(u, attributes->beta));
    const Expr *rate =
        ratio_of(pool, product_of(pool, u->rate, root), bias_of(u, attributes->alpha));
    rate = expr_select(pool, less_than(pool, real(u, 0), count_of(u)), rate, u->rate);
    const Expr *step =
        product_of(pool, rate, ratio_of(pool, v, root_plus(u, h, attributes->epsilon)));
    const Expr *x = difference_of(pool, u->x, step);
    return product_of(pool, real(u, 1.0 - (double)attributes->norm_coefficient_post), x);
}

static void lower_adam(Lowering *l)
{
    const AdamAttributes *attributes = l->node->attributes;
    int tensors = l->node->result_count / 3;
    Update u;
    for (int i = 0; i < tensors; i++)
        for (int group = 0; group < 3; group++) {
            Compute *map = open_update(l, &u, tensors, i, group, attributes->norm_coefficient);
            const Expr *square = product_of(l->pool, u.gradient, u.gradient);
            const Expr *v = mixed(&u, attributes->alpha, element(&u, 2), u.gradient);
            const Expr *h = mixed(&u, attributes->beta, element(&u, 3), square);
            map->body = group == 0 ? adam_step(&u, attributes, v, h) : group == 1 ? v : h;
        }
}

/* ---- Momentum ---------------------------------------------------------------------------- */

static void lower_momentum(Lowering *l)
{
    const MomentumAttributes *attributes = l->node->attributes;
    ExprPool *pool = l->pool;
    int tensors = l->node->result_count / 2;
    Update u;
    for (int i = 0; i < tensors; i++)
        for (int group = 0; group < 2; group++) {
            Compute *map = open_update(l, &u, tensors, i, group, attributes->norm_coefficient);
            const Expr *beta = expr_select(pool, less_than(pool, real(&u, 0), count_of(&u)),
                                           real(&u, attributes->beta), real(&u, 1));
            const Expr *alpha = real(&u, attributes->alpha);
            const Expr *v = sum_of(pool, product_of(pool, alpha, element(&u, 2)),
                                   product_of(pool, beta, u.gradient));
            const Expr *direction = v;
            if (attributes->mode == MODE_nesterov)
                direction = sum_of(pool, u.gradient, product_of(pool, alpha, v));
            map->body = group ? v : difference_of(pool, u.x, product_of(pool, u.rate, direction));
        }
}

#define TYPES_TRAINED (TYPE_BIT(TN_FLOAT) | TYPE_BIT(TN_DOUBLE))

static const OperandDef operands[] = {
    {.name = "R", .types = TYPES_TRAINED},
    {.name = "T", .types = TYPE_BIT(TN_INT64)},
    {.name = "inputs", .types = TYPES_TRAINED, .variadic = true, .min_variadic = 1},
};
static const OperandDef results[] = {
    {.name = "outputs", .types = TYPES_TRAINED, .variadic = true, .min_variadic = 1},
};
static const AttributeDef adagrad_attributes[] = {
    ATTRIBUTE_FLOAT(AdagradAttributes, decay_factor, 0.0f, "of the learning rate with T"),
    ATTRIBUTE_FLOAT(AdagradAttributes, epsilon, 1e-6f, "added to the root"),
    ATTRIBUTE_FLOAT(AdagradAttributes, norm_coefficient, 0.0f, "of the penalty 0.5 |X|^2"),
};
static const AttributeDef adam_attributes[] = {
    ATTRIBUTE_FLOAT(AdamAttributes, alpha, 0.9f, "share of the old mean of gradients"),
    ATTRIBUTE_FLOAT(AdamAttributes, beta, 0.999f, "share of the old mean of squares"),
    ATTRIBUTE_FLOAT(AdamAttributes, epsilon, 1e-6f, "added to the root"),
    ATTRIBUTE_FLOAT(AdamAttributes, norm_coefficient, 0.0f, "of the penalty 0.5 |X|^2"),
    ATTRIBUTE_FLOAT(AdamAttributes, norm_coefficient_post, 0.0f, "of the penalty after the step"),
};
static const AttributeDef momentum_attributes[] = {
    ATTRIBUTE_AT(MomentumAttributes, alpha, float, .required = true,
                 .doc = "share of the old momentum"),
    ATTRIBUTE_AT(MomentumAttributes, beta, float, .required = true,
                 .doc = "share of the gradient, after the first step"),
    ATTRIBUTE_CHOICE(MomentumAttributes, mode, "nesterov|standard", -1, "which rule"),
    ATTRIBUTE_AT(MomentumAttributes, norm_coefficient, float, .required = true,
                 .doc = "of the penalty 0.5 |X|^2"),
};

const OpDef op_adagrad = {
    .name = "Adagrad",
    .domain = "ai.onnx.preview.training",
    .summary = "one step of the optimiser Adagrad",
    .since = 1,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(adagrad_attributes, AdagradAttributes),
    .infer = infer_adagrad,
    .lower = lower_adagrad,
};

const OpDef op_adam = {
    .name = "Adam",
    .domain = "ai.onnx.preview.training",
    .summary = "one step of the optimiser Adam",
    .since = 1,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(adam_attributes, AdamAttributes),
    .infer = infer_adam,
    .lower = lower_adam,
};

const OpDef op_momentum = {
    .name = "Momentum",
    .domain = "ai.onnx.preview.training",
    .summary = "one step of stochastic gradient descent with momentum",
    .since = 1,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(momentum_attributes, MomentumAttributes),
    .infer = infer_adagrad,
    .lower = lower_momentum,
};
