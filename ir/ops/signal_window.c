/* SPDX-License-Identifier: Apache-2.0
 *
 * HannWindow, HammingWindow and BlackmanWindow: a - b cos(2 pi n / N) + c cos(4 pi n / N), where N
 * is the size, or size - 1 if not periodic. Computed in double, rounded once.
 */
#include "ir/ops/elements.h"
#include "ir/ops/lowering.h"

#define TWO_PI 6.283185307179586476925286766559

typedef struct WindowFunctionAttributes {
    int output_datatype;
    int64_t periodic;
} WindowFunctionAttributes;

static bool infer_window(InferContext *context, Node *node)
{
    const WindowFunctionAttributes *attributes = node->attributes;
    const Expr *size = infer_one_size(context, node, 0);
    if (!size)
        return false;
    infer_set(context, node, 0, (TnElementType)attributes->output_datatype, 1, &size);
    return true;
}

static void lower_window(Lowering *l, double a, double b, double c)
{
    const WindowFunctionAttributes *attributes = l->node->attributes;
    ExprPool *pool = l->pool;
    const Tensor *y = l->out[0];
    Compute *map = kernel_map(l->kernel, y);
    const Expr *period = expr_plus_integer(pool, y->shape[0], attributes->periodic ? 0 : -1);
    const Expr *n = expr_from_index(pool, TN_DOUBLE, compute_axis(l->kernel, map, 0));
    const Expr *angle = product_of(pool, n, expr_real(pool, TN_DOUBLE, TWO_PI));
    angle = ratio_of(pool, angle, expr_from_index(pool, TN_DOUBLE, period));
    const Expr *cosine = expr_unary(pool, EXPR_cos, angle);
    const Expr *value = difference_of(pool, expr_real(pool, TN_DOUBLE, a),
                                      product_of(pool, cosine, expr_real(pool, TN_DOUBLE, b)));
    if (c != 0) {
        const Expr *twice = product_of(pool, angle, expr_real(pool, TN_DOUBLE, 2));
        value = sum_of(
            pool, value,
            product_of(pool, expr_unary(pool, EXPR_cos, twice), expr_real(pool, TN_DOUBLE, c)));
    }
    map->body = expr_convert(pool, element_compute_type(y->element), value);
}

static const OperandDef window_operands[] = {{.name = "size", .types = TYPES_INDEX}};
static const OperandDef window_results[] = {{.name = "output", .types = TYPES_NUMBER}};
static const AttributeDef window_attributes[] = {
    ATTRIBUTE_ELEMENT(WindowFunctionAttributes, output_datatype, TN_FLOAT, false,
                      "element type of the result"),
    ATTRIBUTE_INT(WindowFunctionAttributes, periodic, 1, "0: symmetric"),
};

#define WINDOW(name_, onnx_name, summary_, a, b, c)                                                \
    static void lower_##name_(Lowering *l)                                                         \
    {                                                                                              \
        lower_window(l, (a), (b), (c));                                                            \
    }                                                                                              \
    const OpDef op_##name_ = {                                                                     \
        .name = (onnx_name),                                                                       \
        .domain = "",                                                                              \
        .summary = (summary_),                                                                     \
        .since = 17,                                                                               \
        .first = 17,                                                                               \
        OPERANDS(window_operands),                                                                 \
        RESULTS(window_results),                                                                   \
        ATTRIBUTES(window_attributes, WindowFunctionAttributes),                                   \
        .infer = infer_window,                                                                     \
        .lower = lower_##name_,                                                                    \
    };

WINDOW(hann_window, "HannWindow", "0.5 - 0.5 cos(2 pi n / N)", 0.5, 0.5, 0)
WINDOW(hamming_window, "HammingWindow", "25/46 - 21/46 cos(2 pi n / N)", 25.0 / 46.0, 21.0 / 46.0,
       0)
WINDOW(blackman_window, "BlackmanWindow", "0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N)", 0.42,
       0.5, 0.08)
