/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows that slide over the spatial axes of float[N, C, D1, D2, ...] x: what Conv and the pools
 * share. For output position o and kernel position k along a spatial axis the window reads the
 * input at o * stride + k * dilation - begin.
 */
#ifndef IR_OPS_WINDOW_H
#define IR_OPS_WINDOW_H

#include "ir/ops/lowering.h"

enum { AUTO_PAD_NOTSET, AUTO_PAD_SAME_UPPER, AUTO_PAD_SAME_LOWER, AUTO_PAD_VALID };

/* The first member of each such operator's attributes. */
typedef struct WindowAttributes {
    int auto_pad;
    IntList kernel_shape, strides, dilations, pads;
    int64_t ceil_mode;
} WindowAttributes;

#define WINDOW_AUTO_PAD                                                                            \
    ATTRIBUTE_CHOICE(WindowAttributes, auto_pad, "NOTSET|SAME_UPPER|SAME_LOWER|VALID",             \
                     AUTO_PAD_NOTSET, "how pads are found where they are not given")
#define WINDOW_KERNEL_SHAPE                                                                        \
    ATTRIBUTE_OPTIONAL(WindowAttributes, kernel_shape, ints, "the window; inferred from W")
#define WINDOW_KERNEL_SHAPE_REQUIRED                                                               \
    ATTRIBUTE_REQUIRED(WindowAttributes, kernel_shape, ints, "the window")
#define WINDOW_STRIDES                                                                             \
    ATTRIBUTE_OPTIONAL(WindowAttributes, strides, ints, "step along each spatial axis; 1")
#define WINDOW_DILATIONS                                                                           \
    ATTRIBUTE_OPTIONAL(WindowAttributes, dilations, ints, "distance between window elements; 1")
#define WINDOW_PADS      ATTRIBUTE_OPTIONAL(WindowAttributes, pads, ints, "all begins, then all ends; 0")
#define WINDOW_CEIL_MODE ATTRIBUTE_INT(WindowAttributes, ceil_mode, 0, "round the output size up")

typedef struct Window {
    int rank; /* spatial axes */
    int64_t strides[MAX_RANK], dilations[MAX_RANK];
    const Expr *kernel[MAX_RANK], *input[MAX_RANK];
    const Expr *begin[MAX_RANK], *end[MAX_RANK]; /* padding */
    const Expr *output[MAX_RANK];
    bool is_padded; /* a window may stick out of the input */
} Window;

/* Checks the attributes' lengths and values for `rank` spatial axes. */
bool window_check(InferContext *context, const Node *node, const WindowAttributes *attributes,
                  int rank);
/* kernel[]: the sizes of the kernel, from the attribute or the weights. */
Window window_create(ExprPool *pool, const WindowAttributes *attributes, int rank,
                     const Expr *const *input, const Expr *const *kernel);
/* Reports sizes that are not positive, and assumes the others to be. */
bool window_check_output(InferContext *context, const Node *node, const Window *window);
/* Where axis d of the window reads the input. */
const Expr *window_index(ExprPool *pool, const Window *window, int d, const Expr *output,
                         const Expr *kernel);

/* ---- Pools: kernel_shape is required, channels stay apart --------------------------------- */

Window pool_window(ExprPool *pool, const WindowAttributes *attributes, int rank,
                   const Expr *const *shape);
/* infer() of a pool, whose attributes begin with WindowAttributes; a second result is positions. */
bool pool_infer(InferContext *context, Node *node);
/* Adds the window's reduce axes to a compute over the result; at[] becomes where x is read. */
void pool_open(const Lowering *l, Compute *reduce, const Window *window, const Expr **at);

#endif
