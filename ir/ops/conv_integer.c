/* SPDX-License-Identifier: Apache-2.0
 *
 * ConvInteger and QLinearConv: convolutions of 8-bit integers with zero points, summed in int32.
 *
 * The sum runs over the stored numbers, so that it is a plain contraction of two 8-bit operands;
 * the zero points come in afterwards, which is exact in wrapping arithmetic:
 *
 *   sum (x - zx)(w - zw) = sum x w  -  zx sum w  -  zw sum x  +  count zx zw
 *
 * Padding holds zx. A term whose zero point is known to be 0 is left out.
 */
#include "ir/ops/conv.h"

typedef struct Sums {
    const Lowering *l;
    const Tensor *x, *w, *zero_x, *zero_w; /* NULL: the zero point is 0 */
    int zero_x_operand;
    Window window;
    int64_t group;
    const Tensor *products, *sum_w, *sum_x;
} Sums;

static const Expr *padding(const Sums *s)
{
    TnElementType type = element_compute_type(s->x->element);
    return s->zero_x ? lower_scalar(s->l, s->zero_x_operand) : expr_whole(s->l->pool, type, 0);
}

static Compute *open_sum(Sums *s, const Tensor *out, ConvTerm *term)
{
    Compute *reduce = kernel_reduce(s->l->kernel, out, COMBINE_sum);
    *term = conv_term(s->l, reduce, s->x, s->w, &s->window, s->group, TN_INT32, padding(s));
    return reduce;
}

/* float[M]: the sum of the weights of an output channel. */
static const Tensor *make_sum_w(const Sums *s)
{
    const Lowering *l = s->l;
    const Tensor *sum = lower_temporary(l, "sum_w", TN_INT32, 1, s->w->shape);
    Compute *reduce = kernel_reduce(l->kernel, sum, COMBINE_sum);
    const Expr *at[MAX_RANK];
    at[0] = compute_axis(l->kernel, reduce, 0);
    for (int d = 1; d < s->w->rank; d++)
        at[d] = compute_reduce_axis(l->kernel, reduce, s->w->shape[d]);
    reduce->body = expr_convert(l->pool, TN_INT32, expr_load(l->pool, s->w, at));
    return sum;
}

static Sums make_sums(const Lowering *l, int x, int zero_x, int w, int zero_w, const Tensor *out)
{
    const ConvAttributes *attributes = l->node->attributes;
    Sums s = {
        .l = l, .x = l->in[x], .w = l->in[w], .zero_x_operand = zero_x, .group = attributes->group};
    s.window = conv_window(l->pool, attributes, s.x->rank, s.x->shape, s.w->shape);
    s.zero_x = operand_is_zero(l->node, zero_x) ? NULL : lower_in(l, zero_x);
    s.zero_w = operand_is_zero(l->node, zero_w) ? NULL : lower_in(l, zero_w);
    s.products = out;
    if (s.zero_x || s.zero_w || out->element != TN_INT32)
        s.products = lower_temporary(l, "products", TN_INT32, out->rank, out->shape);
    ConvTerm term;
    Compute *products = open_sum(&s, s.products, &term);
    products->body = product_of(l->pool, term.x, term.w);
    if (s.zero_x)
        s.sum_w = make_sum_w(&s);
    if (s.zero_w) {
        s.sum_x = lower_temporary(l, "sum_x", TN_INT32, out->rank, out->shape);
        Compute *sum_x = open_sum(&s, s.sum_x, &term);
        sum_x->body = term.x;
    }
    return s;
}

/* The exact sum at [n, m, o...]. */
static const Expr *corrected(const Sums *s, const Expr *const *at)
{
    const Lowering *l = s->l;
    ExprPool *pool = l->pool;
    const Expr *value = expr_load(pool, s->products, at);
    const Expr *zero_x = NULL, *zero_w = NULL;
    if (s->zero_x) {
        zero_x = expr_convert(pool, TN_INT32, lower_scalar(l, s->zero_x_operand));
        value =
            difference_of(pool, value, product_of(pool, zero_x, expr_load(pool, s->sum_w, &at[1])));
    }
    if (s->zero_w) {
        zero_w = expr_convert(pool, TN_INT32, lower_vector(l, s->zero_w, at[1]));
        value = difference_of(pool, value, product_of(pool, zero_w, expr_load(pool, s->sum_x, at)));
    }
    if (zero_x && zero_w) {
        const Expr *count = expr_integer(pool, 1);
        for (int d = 1; d < s->w->rank; d++)
            count = expr_times(pool, count, s->w->shape[d]);
        const Expr *both = product_of(pool, zero_x, zero_w);
        value = sum_of(pool, value, product_of(pool, both, expr_from_index(pool, TN_INT32, count)));
    }
    return value;
}

/* A zero point or scale of w: one number or one for each output channel. */
static bool check_per_channel(InferContext *context, const Node *node, int i, const Type *w)
{
    const Value *value = operand(node, i);
    if (!value || value->type->rank == 0 || expr_is(value->type->dims[0], 1))
        return true;
    if (value->type->rank != 1)
        return infer_error(context, node, "%s has rank %d, expected 0 or 1",
                           node->op->operands[i].name, value->type->rank);
    return infer_equal(context, node, value->type->dims[0], w->dims[0],
                       "the sizes of a per-channel operand and of w's first axis") != NULL;
}

static bool infer_integer(InferContext *context, Node *node)
{
    const Expr *dims[MAX_RANK];
    if (!conv_infer_dims(context, node, 0, 1, -1, dims) ||
        !check_per_channel(context, node, 3, operand_type(node, 1)))
        return false;
    infer_set(context, node, 0, TN_INT32, operand_type(node, 0)->rank, dims);
    return true;
}

static void lower_integer(Lowering *l)
{
    Sums sums = make_sums(l, 0, 2, 1, 3, l->out[0]);
    if (sums.products == l->out[0])
        return;
    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *at[MAX_RANK];
    lower_indices(l, map, at);
    map->body = corrected(&sums, at);
}

enum { X, X_SCALE, X_ZERO, W, W_SCALE, W_ZERO, Y_SCALE, Y_ZERO, BIAS };

static bool infer_linear(InferContext *context, Node *node)
{
    const Expr *dims[MAX_RANK];
    const Type *w = operand_type(node, W);
    if (!conv_infer_dims(context, node, X, W, BIAS, dims) ||
        !check_per_channel(context, node, W_SCALE, w) ||
        !check_per_channel(context, node, W_ZERO, w))
        return false;
    infer_set(context, node, 0, operand_type(node, Y_ZERO)->element, w->rank, dims);
    return true;
}

static void lower_linear(Lowering *l)
{
    ExprPool *pool = l->pool;
    const Tensor *bias = lower_in(l, BIAS), *y = l->out[0];
    Sums sums = make_sums(l, X, X_ZERO, W, W_ZERO, y);
    Compute *map = kernel_map(l->kernel, y);
    const Expr *at[MAX_RANK];
    lower_indices(l, map, at);
    const Expr *value = corrected(&sums, at);
    if (bias)
        value = sum_of(pool, value, lower_vector(l, bias, at[1]));
    const Expr *scale =
        product_of(pool, lower_scalar(l, X_SCALE), lower_vector(l, l->in[W_SCALE], at[1]));
    scale = ratio_of(pool, scale, lower_scalar(l, Y_SCALE));
    value = product_of(pool, expr_convert(pool, TN_FLOAT, value), scale);
    map->body = lower_quantize(pool, value, lower_scalar(l, Y_ZERO), y->element);
}

#define TYPES_BYTE (TYPE_BIT(TN_INT8) | TYPE_BIT(TN_UINT8))

static const OperandDef integer_operands[] = {
    {.name = "x", .types = TYPES_BYTE, .group = 'X'},
    {.name = "w", .types = TYPES_BYTE, .group = 'W'},
    {.name = "x_zero_point", .types = TYPES_BYTE, .group = 'X', .optional = true},
    {.name = "w_zero_point", .types = TYPES_BYTE, .group = 'W', .optional = true},
};
static const OperandDef integer_results[] = {{.name = "y", .types = TYPE_BIT(TN_INT32)}};

static const OperandDef linear_operands[] = {
    {.name = "x", .types = TYPES_BYTE, .group = 'X'},
    {.name = "x_scale", .types = TYPE_BIT(TN_FLOAT)},
    {.name = "x_zero_point", .types = TYPES_BYTE, .group = 'X'},
    {.name = "w", .types = TYPES_BYTE, .group = 'W'},
    {.name = "w_scale", .types = TYPE_BIT(TN_FLOAT)},
    {.name = "w_zero_point", .types = TYPES_BYTE, .group = 'W'},
    {.name = "y_scale", .types = TYPE_BIT(TN_FLOAT)},
    {.name = "y_zero_point", .types = TYPES_BYTE, .group = 'Y'},
    {.name = "B", .types = TYPE_BIT(TN_INT32), .optional = true},
};
static const OperandDef linear_results[] = {{.name = "y", .types = TYPES_BYTE, .group = 'Y'}};
static const AttributeDef attributes[] = {CONV_ATTRIBUTES};

const OpDef op_conv_integer = {
    .name = "ConvInteger",
    .domain = "",
    .summary = "y = Conv(x - x_zero_point, w - w_zero_point), in int32",
    .since = 10,
    .first = 10,
    OPERANDS(integer_operands),
    RESULTS(integer_results),
    ATTRIBUTES(attributes, ConvAttributes),
    .infer = infer_integer,
    .lower = lower_integer,
};

const OpDef op_qlinear_conv = {
    .name = "QLinearConv",
    .domain = "",
    .summary =
        "y = quantize(x_scale * w_scale / y_scale * Conv(x - x_zero_point, w - w_zero_point) + B)",
    .since = 10,
    .first = 10,
    OPERANDS(linear_operands),
    RESULTS(linear_results),
    ATTRIBUTES(attributes, ConvAttributes),
    .infer = infer_linear,
    .lower = lower_linear,
};
