/* SPDX-License-Identifier: Apache-2.0
 *
 * What Conv, ConvInteger and QLinearConv share: float[N, C, D1, ...] x, float[M, C/group, K1, ...]
 * w.
 */
#ifndef IR_OPS_CONV_H
#define IR_OPS_CONV_H

#include "ir/ops/window.h"

typedef struct ConvAttributes {
    WindowAttributes window;
    int64_t group;
} ConvAttributes;

#define CONV_ATTRIBUTES                                                                            \
    WINDOW_AUTO_PAD, WINDOW_KERNEL_SHAPE, WINDOW_STRIDES, WINDOW_DILATIONS, WINDOW_PADS,           \
        ATTRIBUTE_INT(ConvAttributes, group, 1, "into how many groups the channels are divided")

/* Checks the operands x, w and bias (-1: has none) and gives the result's sizes. */
bool conv_infer_dims(InferContext *context, const Node *node, int x, int w, int bias,
                     const Expr **dims);
Window conv_window(ExprPool *pool, const ConvAttributes *attributes, int rank,
                   const Expr *const *x_shape, const Expr *const *w_shape);

/* The two factors of a convolution's sum, in a compute type, at the axes of a compute over
 * [N, M, O1, ...] and of reduce axes [C/group, K1, ...] that this adds to it. */
typedef struct ConvTerm {
    const Expr *x, *w;
} ConvTerm;
/* `fill`: what the padding holds, a value of x's compute type. */
ConvTerm conv_term(const Lowering *l, Compute *compute, const Tensor *x, const Tensor *w,
                   const Window *window, int64_t group, TnElementType type, const Expr *fill);

#endif
