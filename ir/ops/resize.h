/* SPDX-License-Identifier: Apache-2.0
 *
 * Geometry of Resize: which axes change, by which factor, and where an output position lies in the
 * input.
 */
#ifndef IR_OPS_RESIZE_H
#define IR_OPS_RESIZE_H

#include "ir/ops/lowering.h"

typedef struct ResizeAttributes {
    int64_t antialias;
    IntList axes;
    int coordinate_transformation_mode;
    float cubic_coeff_a;
    int64_t exclude_outside;
    float extrapolation_value;
    int keep_aspect_ratio_policy, mode, nearest_mode;
} ResizeAttributes;

enum { RESIZE_X, RESIZE_ROI, RESIZE_SCALES, RESIZE_SIZES };
enum { MODE_nearest, MODE_linear, MODE_cubic };
enum { NEAREST_round_prefer_floor, NEAREST_round_prefer_ceil, NEAREST_floor, NEAREST_ceil };
enum { POLICY_stretch, POLICY_not_larger, POLICY_not_smaller };
enum {
    COORDINATE_half_pixel,
    COORDINATE_half_pixel_symmetric,
    COORDINATE_pytorch_half_pixel,
    COORDINATE_align_corners,
    COORDINATE_asymmetric,
    COORDINATE_tf_crop_and_resize
};

/* One axis of the operand. `place` is its position among the axes that are resized, -1 if it is
 * not. The factor is a number, or sizes[i] / inputs[i]: the smallest or largest of `count` such
 * ratios. */
typedef struct ResizeAxis {
    int place;
    const Expr *input, *output;
    bool has_scale;
    double scale;
} ResizeAxis;

typedef struct ResizePlan {
    int rank, place_count;
    ResizeAxis axes[MAX_RANK];
    int axis_of[MAX_RANK];              /* of a place */
    const Expr *wanted[MAX_RANK];       /* of a place: the operand `sizes`; NULL: has scales */
    const ResizeAttributes *attributes; /* of the node */
} ResizePlan;

/* From what inference has established: NULL, or what is wrong. Sets plan->axes[].output. */
const char *resize_plan(ExprPool *pool, const Node *node, const Expr *const *input,
                        ResizePlan *plan);
/* Whether axis d keeps its size and its elements their places. */
bool resize_is_identity(const ResizePlan *plan, int d);
/* The factor of axis d as a double. */
const Expr *resize_scale(ExprPool *pool, const ResizePlan *plan, int d);
/* Where output position o of axis d lies in the input, as a double. */
const Expr *resize_coordinate(const Lowering *l, const ResizePlan *plan, int d, const Expr *o);

#endif
