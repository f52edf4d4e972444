/* SPDX-License-Identifier: Apache-2.0
 *
 * Geometry of sliding windows; see window.h. The output size is a closed form, so that it stays an
 * expression where the input is symbolic:
 *
 *   floor mode  floor((input + begin + end - reach) / stride) + 1
 *   ceil mode   the same rounded up, but a window that begins in the end padding is dropped:
 *               min(ceil(...), floor((input + begin - 1) / stride)) + 1
 *   SAME        ceil(input / stride), and padding to make that true
 *
 * where reach = (kernel - 1) * dilation + 1.
 */
#include "ir/ops/window.h"

static bool check_list(InferContext *context, const Node *node, const char *name, IntList list,
                       int64_t count, int64_t lowest)
{
    if (list.count == 0)
        return true;
    if (list.count != count)
        return infer_error(context, node, "%s has %lld elements, expected %lld", name,
                           (long long)list.count, (long long)count);
    for (int64_t i = 0; i < count; i++)
        if (list.items[i] < lowest || list.items[i] > INT32_MAX)
            return infer_error(context, node, "%s[%lld] is %lld, expected %lld or more", name,
                               (long long)i, (long long)list.items[i], (long long)lowest);
    return true;
}

bool window_check(InferContext *context, const Node *node, const WindowAttributes *attributes,
                  int rank)
{
    return check_list(context, node, "kernel_shape", attributes->kernel_shape, rank, 1) &&
           check_list(context, node, "strides", attributes->strides, rank, 1) &&
           check_list(context, node, "dilations", attributes->dilations, rank, 1) &&
           check_list(context, node, "pads", attributes->pads, 2 * (int64_t)rank, INT32_MIN);
}

static void pad_same(ExprPool *pool, Window *w, int d, const Expr *reach, bool upper)
{
    const Expr *last = expr_scale(pool, expr_plus_integer(pool, w->output[d], -1), w->strides[d]);
    const Expr *total = expr_minus(pool, expr_plus(pool, last, reach), w->input[d]);
    total = expr_larger(pool, expr_integer(pool, 0), total);
    const Expr *small = expr_quotient(pool, total, expr_integer(pool, 2));
    const Expr *large = expr_minus(pool, total, small);
    w->begin[d] = upper ? small : large;
    w->end[d] = upper ? large : small;
}

static const Expr *explicit_output(ExprPool *pool, const Window *w, int d, const Expr *reach,
                                   bool ceil_mode)
{
    const Expr *stride = expr_integer(pool, w->strides[d]);
    const Expr *padded = expr_plus(pool, w->input[d], w->begin[d]);
    const Expr *room = expr_minus(pool, expr_plus(pool, padded, w->end[d]), reach);
    const Expr *last = expr_quotient(pool, room, stride);
    if (ceil_mode && w->strides[d] > 1) {
        const Expr *begins = expr_quotient(pool, expr_plus_integer(pool, padded, -1), stride);
        last = expr_smaller(pool, expr_round_up_quotient(pool, room, stride), begins);
    }
    return expr_plus_integer(pool, last, 1);
}

Window window_create(ExprPool *pool, const WindowAttributes *attributes, int rank,
                     const Expr *const *input, const Expr *const *kernel)
{
    Window w = {.rank = rank};
    const Expr *zero = expr_integer(pool, 0);
    for (int d = 0; d < rank; d++) {
        w.strides[d] = attributes->strides.count ? attributes->strides.items[d] : 1;
        w.dilations[d] = attributes->dilations.count ? attributes->dilations.items[d] : 1;
        w.kernel[d] = kernel[d];
        w.input[d] = input[d];
        w.begin[d] = w.end[d] = zero;
        const Expr *reach = expr_plus_integer(
            pool, expr_scale(pool, expr_plus_integer(pool, kernel[d], -1), w.dilations[d]), 1);
        switch (attributes->auto_pad) {
        case AUTO_PAD_SAME_UPPER:
        case AUTO_PAD_SAME_LOWER:
            w.output[d] = expr_round_up_quotient(pool, input[d], expr_integer(pool, w.strides[d]));
            pad_same(pool, &w, d, reach, attributes->auto_pad == AUTO_PAD_SAME_UPPER);
            break;
        case AUTO_PAD_VALID: w.output[d] = explicit_output(pool, &w, d, reach, false); break;
        default:
            if (attributes->pads.count) {
                w.begin[d] = expr_integer(pool, attributes->pads.items[d]);
                w.end[d] = expr_integer(pool, attributes->pads.items[rank + d]);
            }
            w.output[d] = explicit_output(pool, &w, d, reach, attributes->ceil_mode != 0);
            w.is_padded |= attributes->ceil_mode != 0 && w.strides[d] > 1;
        }
        w.is_padded |= !expr_is(w.begin[d], 0) || !expr_is(w.end[d], 0);
    }
    return w;
}

bool window_check_output(InferContext *context, const Node *node, const Window *w)
{
    ExprPool *pool = context->pool;
    for (int d = 0; d < w->rank; d++) {
        int64_t lower, upper;
        expr_bounds(w->output[d], &lower, &upper);
        if (upper < 0)
            return infer_error(context, node,
                               "the window is larger than the padded input along spatial axis %d",
                               d);
        if (lower < 0)
            model_assume(context->model,
                         expr_compare(pool, EXPR_less_equal, expr_integer(pool, 0), w->output[d]),
                         arena_format(context->arena,
                                      "%s: the window must fit the padded input along spatial "
                                      "axis %d",
                                      node->op->name, d));
    }
    return true;
}

const Expr *window_index(ExprPool *pool, const Window *w, int d, const Expr *output,
                         const Expr *kernel)
{
    const Expr *at = expr_plus(pool, expr_scale(pool, output, w->strides[d]),
                               expr_scale(pool, kernel, w->dilations[d]));
    return expr_minus(pool, at, w->begin[d]);
}

Window pool_window(ExprPool *pool, const WindowAttributes *attributes, int rank,
                   const Expr *const *shape)
{
    const Expr *kernel[MAX_RANK];
    for (int d = 0; d < rank - 2; d++)
        kernel[d] = expr_integer(pool, attributes->kernel_shape.items[d]);
    return window_create(pool, attributes, rank - 2, shape + 2, kernel);
}

bool pool_infer(InferContext *context, Node *node)
{
    const Expr *dims[MAX_RANK];
    const WindowAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, 0);
    if (x->rank < 3)
        return infer_error(context, node, "X has rank %d, expected 3 or more", x->rank);
    if (attributes->kernel_shape.count != x->rank - 2)
        return infer_error(context, node, "kernel_shape has %lld elements, expected %d",
                           (long long)attributes->kernel_shape.count, x->rank - 2);
    if (!window_check(context, node, attributes, x->rank - 2))
        return false;
    Window w = pool_window(context->pool, attributes, x->rank, x->dims);
    dims[0] = x->dims[0];
    dims[1] = x->dims[1];
    for (int d = 0; d < w.rank; d++)
        dims[d + 2] = w.output[d];
    if (!window_check_output(context, node, &w))
        return false;
    infer_set(context, node, 0, x->element, x->rank, dims);
    if (node->result_count > 1)
        infer_set(context, node, 1, TN_INT64, x->rank, dims);
    return true;
}

void pool_open(const Lowering *l, Compute *reduce, const Window *w, const Expr **at)
{
    at[0] = compute_axis(l->kernel, reduce, 0);
    at[1] = compute_axis(l->kernel, reduce, 1);
    for (int d = 0; d < w->rank; d++) {
        const Expr *k = compute_reduce_axis(l->kernel, reduce, w->kernel[d]);
        at[d + 2] = window_index(l->pool, w, d, compute_axis(l->kernel, reduce, d + 2), k);
    }
}
