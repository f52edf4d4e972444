/* SPDX-License-Identifier: Apache-2.0
 *
 * CausalConvWithState: a depthwise convolution along the last axis that sees no later element. What
 * comes before the input is past_state, or zeros; the last K - 1 elements are the next state.
 */
#include "ir/ops/lowering.h"

typedef struct CausalConvAttributes {
    int activation;
} CausalConvAttributes;

enum { X, W, BIAS, PAST };
enum { ACTIVATION_none };

static bool infer(InferContext *context, Node *node)
{
    const Type *x = operand_type(node, X), *w = operand_type(node, W);
    ExprPool *pool = context->pool;
    if (x->rank != 3 || w->rank != 3)
        return infer_error(context, node, "input and weight have ranks %d and %d, expected 3",
                           x->rank, w->rank);
    if (!infer_equal(context, node, x->dims[1], w->dims[0], "the channels of input and weight") ||
        !infer_equal(context, node, w->dims[1], expr_integer(pool, 1), "weight's second size and"))
        return false;
    const Expr *state[] = {x->dims[0], x->dims[1], expr_plus_integer(pool, w->dims[2], -1)};
    if (operand(node, PAST)) {
        const Type *past = operand_type(node, PAST);
        if (past->rank != 3)
            return infer_error(context, node, "past_state has rank %d, expected 3", past->rank);
        for (int d = 0; d < 3; d++)
            if (!infer_equal(context, node, past->dims[d], state[d], "the sizes of past_state and"))
                return false;
    }
    infer_set_type(node, 0, x);
    if (node->result_count > 1)
        infer_set(context, node, 1, x->element, 3, state);
    return true;
}

/* Element p of past and input side by side. */
static const Expr *padded(const Lowering *l, const Expr *b, const Expr *c, const Expr *p)
{
    ExprPool *pool = l->pool;
    const Tensor *x = l->in[X], *past = lower_in(l, PAST);
    const Expr *before = expr_plus_integer(pool, l->in[W]->shape[2], -1);
    const Expr *zero = expr_real(pool, element_compute_type(x->element), 0);
    const Expr *at[] = {b, c, expr_minus(pool, p, before)};
    const Expr *value = expr_load_or(pool, x, at, zero);
    if (!past)
        return value;
    const Expr *past_at[] = {b, c, p};
    return expr_select(pool, expr_compare(pool, EXPR_less, p, before),
                       expr_load_or(pool, past, past_at, zero), value);
}

static void lower(Lowering *l)
{
    const CausalConvAttributes *attributes = l->node->attributes;
    const Tensor *x = l->in[X], *w = l->in[W], *bias = lower_in(l, BIAS), *y = l->out[0];
    const Tensor *present = lower_out(l, 1);
    ExprPool *pool = l->pool;
    TnElementType type = element_compute_type(y->element);
    const Expr *at[MAX_RANK];
    bool is_plain = !bias && attributes->activation == ACTIVATION_none;
    const Tensor *sum = is_plain ? y : lower_temporary(l, "sum", type, 3, y->shape);
    Compute *reduce = kernel_reduce(l->kernel, sum, COMBINE_sum);
    lower_indices(l, reduce, at);
    const Expr *k = compute_reduce_axis(l->kernel, reduce, w->shape[2]);
    const Expr *w_at[] = {at[1], expr_integer(pool, 0), k};
    reduce->body = product_of(pool, padded(l, at[0], at[1], expr_plus(pool, at[2], k)),
                              expr_load(pool, w, w_at));
    if (!is_plain) {
        Compute *map = kernel_map(l->kernel, y);
        lower_indices(l, map, at);
        const Expr *value = expr_load(pool, sum, at);
        if (bias)
            value = sum_of(pool, value, lower_vector(l, bias, at[1]));
        if (attributes->activation != ACTIVATION_none) { /* x / (1 + exp(-x)) */
            const Expr *e = expr_unary(pool, EXPR_exp, expr_unary(pool, EXPR_negate, value));
            value = ratio_of(pool, value, sum_of(pool, expr_real(pool, type, 1), e));
        }
        map->body = value;
    }
    if (!present)
        return;
    Compute *state = kernel_map(l->kernel, present);
    lower_indices(l, state, at);
    state->body = padded(l, at[0], at[1], expr_plus(pool, at[2], x->shape[2]));
}

#define TYPES_CONV (TYPE_BIT(TN_FLOAT) | TYPE_BIT(TN_FLOAT16) | TYPE_BIT(TN_BFLOAT16))

static const OperandDef operands[] = {
    {.name = "input", .types = TYPES_CONV, .group = 'T'},
    {.name = "weight", .types = TYPES_CONV, .group = 'T'},
    {.name = "bias", .types = TYPES_CONV, .group = 'T', .optional = true},
    {.name = "past_state", .types = TYPES_CONV, .group = 'T', .optional = true},
};
static const OperandDef results[] = {
    {.name = "output", .types = TYPES_CONV, .group = 'T'},
    {.name = "present_state", .types = TYPES_CONV, .group = 'T', .optional = true},
};
static const AttributeDef attributes[] = {
    ATTRIBUTE_CHOICE(CausalConvAttributes, activation, "none|silu|swish", ACTIVATION_none,
                     "applied to the sum"),
};

const OpDef op_causal_conv_with_state = {
    .name = "CausalConvWithState",
    .domain = "",
    .summary =
        "y[b, c, t] = sum over k of w[c, k] * x[b, c, t + k - K + 1]; before x lies the past",
    .since = 27,
    .first = 27,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, CausalConvAttributes),
    .infer = infer,
    .lower = lower,
};
