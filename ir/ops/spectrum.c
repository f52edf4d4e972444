/* SPDX-License-Identifier: Apache-2.0
 *
 * DFT, a fast transform on the host, and STFT, whose frames are short: sums over a table of roots
 * of unity. A complex number is a last axis of size 2, a real one of size 1. With m = j k mod N,
 *
 *   out[k, c] = sum over j, e of x[j, e] * roots[c, e, m]
 *   roots[0, 0] = roots[1, 1] = cos(2 pi m / N)      roots[0, 1] = -roots[1, 0] = sin(2 pi m / N)
 *
 * STFT is summed in double and rounded once.
 */
#include "ir/ops/lowering.h"

typedef struct DftAttributes {
    int64_t inverse, onesided;
} DftAttributes;

typedef struct StftAttributes {
    int64_t onesided;
} StftAttributes;

#define TWO_PI 6.283185307179586476925286766559

/* ---- DFT --------------------------------------------------------------------------------- */

/* The axis of the transform, from the optional operand. */
static bool find_axis(InferContext *context, const Node *node, int rank, int *axis)
{
    int64_t given = -2;
    if (operand(node, 2)) {
        const Constant *constant = infer_constant(context, node, 2);
        if (!constant)
            return false;
        given = constant_get_int64(constant, 0);
    }
    return infer_axis(context, node, given, rank, axis);
}

/* How many points the transform has: the operand, or what the input suggests. */
static const Expr *find_length(InferContext *context, const Node *node, const Expr *input)
{
    const DftAttributes *attributes = node->attributes;
    if (operand(node, 1)) {
        int64_t count;
        const Expr *const *elements = infer_elements(context, node, 1, &count);
        return elements && count == 1 ? elements[0] : NULL;
    }
    if (attributes->inverse && attributes->onesided)
        return expr_scale(context->pool, expr_plus_integer(context->pool, input, -1), 2);
    return input;
}

static const Expr *half_of(ExprPool *pool, const Expr *length)
{
    return expr_plus_integer(pool, expr_quotient(pool, length, expr_integer(pool, 2)), 1);
}

/* The last size of a signal: 1 for real numbers, 2 for complex ones. */
static bool check_parts(InferContext *context, const Node *node, const Expr *parts)
{
    ExprPool *pool = context->pool;
    const Expr *fits = expr_both(pool, expr_compare(pool, EXPR_less, expr_integer(pool, 0), parts),
                                 expr_compare(pool, EXPR_less, parts, expr_integer(pool, 3)));
    const char *message = "the input's last size must be 1 (real) or 2 (complex)";
    double known;
    if (expr_is_constant(fits, &known) && !known)
        return infer_error(context, node, "%s", message);
    model_assume(context->model, fits,
                 arena_format(context->arena, "%s: %s", node->op->name, message));
    return true;
}

static bool infer_dft(InferContext *context, Node *node)
{
    const DftAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, 0);
    ExprPool *pool = context->pool;
    int axis;
    if (x->rank < 2)
        return infer_error(context, node, "the input has rank %d, expected 2 or more", x->rank);
    if (!check_parts(context, node, x->dims[x->rank - 1]))
        return false;
    if (!find_axis(context, node, x->rank, &axis))
        return false;
    if (axis == x->rank - 1)
        return infer_error(context, node, "the last axis cannot be transformed");
    const Expr *length = find_length(context, node, x->dims[axis]);
    if (!length)
        return infer_error(context, node, "dft_length must be one number");
    const Expr *dims[MAX_RANK];
    for (int d = 0; d < x->rank; d++)
        dims[d] = x->dims[d];
    bool to_real = attributes->inverse && attributes->onesided;
    dims[axis] = attributes->onesided && !to_real ? half_of(pool, length) : length;
    dims[x->rank - 1] = expr_integer(pool, to_real ? 1 : 2);
    infer_set(context, node, 0, x->element, x->rank, dims);
    return true;
}

/* ---- STFT -------------------------------------------------------------------------------- */

enum { SIGNAL, STEP, WINDOW, FRAME_LENGTH };

/* One number of an integer operand. */
static const Expr *one_element(InferContext *context, const Node *node, int i)
{
    int64_t count;
    const Expr *const *elements = infer_elements(context, node, i, &count);
    return elements && count == 1 ? elements[0] : NULL;
}

static bool infer_stft(InferContext *context, Node *node)
{
    const StftAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, SIGNAL);
    ExprPool *pool = context->pool;
    int64_t known;
    if (x->rank != 3 && x->rank != 2) /* [batch, length], real, is what PyTorch writes */
        return infer_error(context, node, "signal has rank %d, expected 3, or 2", x->rank);
    if (x->rank == 3 && !check_parts(context, node, x->dims[2]))
        return false;
    const Expr *step = one_element(context, node, STEP), *frame = x->dims[1];
    if (operand(node, WINDOW)) {
        if (operand_type(node, WINDOW)->rank != 1)
            return infer_error(context, node, "window must have rank 1");
        frame = operand_type(node, WINDOW)->dims[0];
    }
    if (operand(node, FRAME_LENGTH)) {
        const Expr *given = one_element(context, node, FRAME_LENGTH);
        if (given && operand(node, WINDOW))
            given = infer_equal(context, node, frame, given, "the window's size and frame_length");
        frame = given;
    }
    if (!step || !frame)
        return infer_error(context, node, "frame_step and frame_length must be one number");
    if (expr_known(step, &known) && known < 1)
        return infer_error(context, node, "frame_step is %lld, expected 1 or more",
                           (long long)known);
    step = expr_larger(pool, step, expr_integer(pool, 1));
    const Expr *room = expr_minus(pool, x->dims[1], frame);
    const Expr *frames = expr_plus_integer(pool, expr_quotient(pool, room, step), 1);
    int64_t lower, upper;
    expr_bounds(frames, &lower, &upper);
    if (lower < 0)
        frames = expr_larger(pool, frames, expr_integer(pool, 0));
    const Expr *dims[] = {x->dims[0], frames, attributes->onesided ? half_of(pool, frame) : frame,
                          expr_integer(pool, 2)};
    infer_set(context, node, 0, x->element, 4, dims);
    return true;
}

static const Expr *element_of(const Lowering *l, int i)
{
    const Value *value = operand(l->node, i);
    return value->elements[0];
}

/* double[2, parts, N] roots */
static const Tensor *make_roots(const Lowering *l, const Expr *length, const Expr *parts)
{
    ExprPool *pool = l->pool;
    const Expr *shape[] = {expr_integer(pool, 2), parts, length}, *at[MAX_RANK];
    const Tensor *roots = lower_temporary(l, "roots", TN_DOUBLE, 3, shape);
    Compute *map = kernel_map(l->kernel, roots);
    lower_indices(l, map, at);
    const Expr *zero = expr_integer(pool, 0);
    const Expr *angle = ratio_of(pool, expr_from_index(pool, TN_DOUBLE, at[2]),
                                 expr_from_index(pool, TN_DOUBLE, length));
    angle = product_of(pool, angle, expr_real(pool, TN_DOUBLE, TWO_PI));
    const Expr *cosine = expr_unary(pool, EXPR_cos, angle);
    const Expr *sine = expr_unary(pool, EXPR_sin, angle);
    const Expr *negative = expr_unary(pool, EXPR_negate, sine);
    const Expr *is_diagonal = expr_compare(pool, EXPR_equal, at[0], at[1]);
    const Expr *is_upper = expr_compare(pool, EXPR_equal, at[0], zero);
    map->body = expr_select(pool, is_diagonal, cosine, expr_select(pool, is_upper, sine, negative));
    return roots;
}

static void lower_stft(Lowering *l)
{
    const Tensor *x = l->in[SIGNAL], *window = lower_in(l, WINDOW), *y = l->out[0];
    ExprPool *pool = l->pool;
    const Expr *step = expr_larger(pool, element_of(l, STEP), expr_integer(pool, 1));
    const Expr *frame = lower_in(l, FRAME_LENGTH) ? element_of(l, FRAME_LENGTH)
                        : window                  ? window->shape[0]
                                                  : x->shape[1];
    const Expr *parts = x->rank == 3 ? x->shape[2] : expr_integer(pool, 1);
    const Tensor *roots = make_roots(l, frame, parts);
    const Tensor *sum = lower_temporary(l, "sum", TN_DOUBLE, 4, y->shape);
    Compute *reduce = kernel_reduce(l->kernel, sum, COMBINE_sum);
    const Expr *at[MAX_RANK];
    lower_indices(l, reduce, at);
    const Expr *j = compute_reduce_axis(l->kernel, reduce, frame);
    const Expr *part = compute_reduce_axis(l->kernel, reduce, parts);
    const Expr *from[] = {at[0], expr_plus(pool, expr_times(pool, at[1], step), j), part};
    const Expr *turns = expr_modulus(pool, expr_times(pool, j, at[2]), frame);
    const Expr *root_at[] = {at[3], part, turns};
    const Expr *value = expr_convert(pool, TN_DOUBLE, expr_load(pool, x, from));
    if (window)
        value = product_of(pool, value, expr_convert(pool, TN_DOUBLE, expr_load(pool, window, &j)));
    reduce->body = product_of(pool, value, expr_load(pool, roots, root_at));
    Compute *map = kernel_map(l->kernel, y);
    lower_indices(l, map, at);
    map->body = expr_convert(pool, element_compute_type(y->element), expr_load(pool, sum, at));
}

static const OperandDef dft_operands[] = {
    {.name = "input", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "dft_length", .types = TYPES_INDEX, .optional = true},
    {.name = "axis", .types = TYPE_BIT(TN_INT64), .optional = true},
};
static const OperandDef stft_operands[] = {
    {.name = "signal", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "frame_step", .types = TYPES_INDEX, .group = 'I'},
    {.name = "window", .types = TYPES_FLOAT, .group = 'T', .optional = true},
    {.name = "frame_length", .types = TYPES_INDEX, .group = 'I', .optional = true},
};
static const OperandDef results[] = {{.name = "output", .types = TYPES_FLOAT, .group = 'T'}};
static const AttributeDef dft_attributes[] = {
    ATTRIBUTE_INT(DftAttributes, inverse, 0, "whether to transform back"),
    ATTRIBUTE_INT(DftAttributes, onesided, 0, "whether the spectrum is its first half"),
};
static const AttributeDef stft_attributes[] = {
    ATTRIBUTE_INT(StftAttributes, onesided, 1, "whether the spectrum is its first half"),
};

const OpDef op_dft = {
    .name = "DFT",
    .domain = "",
    .summary = "y[k] = sum over j of x[j] * exp(-2 pi i j k / N), or its inverse",
    .since = 20,
    .first = 17,
    OPERANDS(dft_operands),
    RESULTS(results),
    ATTRIBUTES(dft_attributes, DftAttributes),
    .infer = infer_dft,
    .host = "dft",
};

const OpDef op_stft = {
    .name = "STFT",
    .domain = "",
    .summary = "DFT of windows of a signal",
    .since = 17,
    .first = 17,
    OPERANDS(stft_operands),
    RESULTS(results),
    ATTRIBUTES(stft_attributes, StftAttributes),
    .infer = infer_stft,
    .lower = lower_stft,
};
