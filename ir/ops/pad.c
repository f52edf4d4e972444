/* SPDX-License-Identifier: Apache-2.0
 *
 * Pad: elements around a tensor, or fewer of it (negative pads). CenterCropPad: the middle of a
 * tensor, or zeros around it.
 *
 * Pads may be sizes or numbers that only running tells; axes decide the structure. The modes other
 * than constant see the tensor that negative pads leave, of size n, as NumPy does:
 *
 *   edge      clamp(j, 0, n - 1)
 *   reflect   period 2(n - 1): 0 1 2 ... n-1 ... 2 1 | 0 1 ...
 *   wrap      j mod n
 */
#include "ir/ops/elements.h"
#include "ir/ops/lowering.h"
#include "ir/support/array.h"

typedef struct PadAttributes {
    int mode;
} PadAttributes;

enum { PAD_constant, PAD_reflect, PAD_edge, PAD_wrap };

static const AttributeDef pad_attributes[] = {
    ATTRIBUTE_CHOICE(PadAttributes, mode, "constant|reflect|edge|wrap", PAD_constant,
                     "where the new elements come from"),
};

static const OperandDef pad_operands[] = {
    {.name = "data", .types = TYPES_TENSOR, .group = 'T'},
    {.name = "pads", .types = TYPE_BIT(TN_INT64)},
    {.name = "constant_value", .types = TYPES_TENSOR, .group = 'T', .optional = true},
    {.name = "axes", .types = TYPES_INDEX, .optional = true},
};
static const OperandDef results[] = {{.name = "output", .types = TYPES_TENSOR, .group = 'T'}};

enum { PADS = 1, VALUE, PAD_AXES };

typedef struct Pads {
    const Expr *begin[MAX_RANK], *end[MAX_RANK];
} Pads;

static Pads get_pads(ExprPool *pool, const Node *node, int rank)
{
    Pads pads;
    int64_t count;
    IntList axes = {0};
    const Expr *const *known = known_elements(node, PADS, &count);
    if (operand(node, PAD_AXES))
        known_integers(pool, node, PAD_AXES, &axes);
    for (int d = 0; d < rank; d++)
        pads.begin[d] = pads.end[d] = expr_integer(pool, 0);
    for (int64_t i = 0; i < count / 2; i++) {
        int64_t axis = axes.items ? axes.items[i] : i;
        axis = axis < 0 ? axis + rank : axis;
        pads.begin[axis] = known[i];
        pads.end[axis] = known[count / 2 + i];
    }
    return pads;
}

/* How much a pad takes away. */
static const Expr *cropped(ExprPool *pool, const Expr *pad)
{
    return expr_larger(pool, expr_scale(pool, pad, -1), expr_integer(pool, 0));
}

/* The size that negative pads leave. */
static const Expr *kept_size(ExprPool *pool, const Pads *pads, const Expr *size, int d)
{
    size = expr_minus(pool, size, cropped(pool, pads->begin[d]));
    return expr_minus(pool, size, cropped(pool, pads->end[d]));
}

/* Numbers whose sums with sizes could overflow, and sizes below 0, are the model's mistakes. */
static bool check_pads(InferContext *context, const Node *node, const Pads *pads, const Type *type)
{
    const int64_t limit = (int64_t)1 << 48;
    for (int d = 0; d < type->rank; d++) {
        int64_t size = 0, begin = 0, end = 0;
        bool is_known = expr_known(type->dims[d], &size);
        is_known = expr_known(pads->begin[d], &begin) && is_known;
        is_known = expr_known(pads->end[d], &end) && is_known;
        if (begin < -limit || begin > limit || end < -limit || end > limit)
            return infer_error(context, node, "the pads of dimension %d are too large", d);
        if (is_known && size + begin + end < 0)
            return infer_error(context, node, "dimension %d gets the size %lld", d,
                               (long long)(size + begin + end));
    }
    return true;
}

static bool infer_pad(InferContext *context, Node *node)
{
    const PadAttributes *pad = node->attributes;
    const Type *type = operand_type(node, 0);
    int64_t count;
    IntList axes = {0};
    bool is_axis[MAX_RANK];
    if (!infer_elements(context, node, PADS, &count))
        return false;
    if (operand(node, PAD_AXES) && !infer_integers(context, node, PAD_AXES, &axes))
        return false;
    if (axes.count > 0 && !infer_axes(context, node, axes, type->rank, is_axis))
        return false;
    int64_t expected = 2 * (axes.items ? axes.count : type->rank);
    if (count != expected)
        return infer_error(context, node, "pads has %lld numbers, expected %lld", (long long)count,
                           (long long)expected);
    const Expr *dims[MAX_RANK];
    Pads pads = get_pads(context->pool, node, type->rank);
    if (!check_pads(context, node, &pads, type))
        return false;
    for (int d = 0; d < type->rank; d++) {
        dims[d] = expr_plus(context->pool, expr_plus(context->pool, type->dims[d], pads.begin[d]),
                            pads.end[d]);
        dims[d] = expr_larger(context->pool, dims[d], expr_integer(context->pool, 0));
    }
    infer_set(context, node, 0, type->element, type->rank, dims);
    for (int d = 0; d < type->rank && pad->mode != PAD_constant; d++)
        if (dims[d] != type->dims[d] &&
            !infer_nonempty(context, node, kept_size(context->pool, &pads, type->dims[d], d),
                            "a padded dimension"))
            return false;
    return true;
}

static const Expr *reflect(ExprPool *pool, const Expr *j, const Expr *size)
{
    const Expr *once = expr_plus_integer(pool, size, -1);
    const Expr *period = positive_size(pool, expr_scale(pool, once, 2));
    const Expr *m = expr_modulus(pool, j, period);
    return expr_smaller(pool, m, expr_minus(pool, period, m));
}

/* The operand's index along d from which the result's index i comes. */
static const Expr *source_index(const Lowering *l, const Pads *pads, int d, const Expr *i)
{
    const PadAttributes *pad = l->node->attributes;
    ExprPool *pool = l->pool;
    if (pad->mode == PAD_constant)
        return expr_minus(pool, i, pads->begin[d]);
    if (l->in[0]->shape[d] == l->out[0]->shape[d] && expr_is(pads->begin[d], 0))
        return i;
    const Expr *added = expr_larger(pool, pads->begin[d], expr_integer(pool, 0));
    const Expr *j = expr_minus(pool, i, added);
    const Expr *size = kept_size(pool, pads, l->in[0]->shape[d], d), *from;
    if (pad->mode == PAD_edge)
        from = lower_clamp(pool, j, size);
    else if (pad->mode == PAD_wrap)
        from = expr_modulus(pool, j, positive_size(pool, size));
    else
        from = reflect(pool, j, size);
    return expr_plus(pool, from, cropped(pool, pads->begin[d]));
}

static void lower_pad(Lowering *l)
{
    const PadAttributes *pad = l->node->attributes;
    const Tensor *in = l->in[0];
    Compute *map = kernel_map(l->kernel, l->out[0]);
    Pads pads = get_pads(l->pool, l->node, in->rank);
    const Expr *own[MAX_RANK];
    for (int d = 0; d < in->rank; d++)
        own[d] = source_index(l, &pads, d, compute_axis(l->kernel, map, d));
    const Expr *fill =
        lower_in(l, VALUE) ? lower_scalar(l, VALUE) : zero_value(l->pool, in->element);
    map->body = pad->mode == PAD_constant ? expr_load_or(l->pool, in, own, fill)
                                          : expr_load(l->pool, in, own);
}

const OpDef op_pad = {
    .name = "Pad",
    .domain = "",
    .summary = "x with elements added, or taken away, around it",
    .since = 25,
    .first = 1,
    OPERANDS(pad_operands),
    RESULTS(results),
    ATTRIBUTES(pad_attributes, PadAttributes),
    .infer = infer_pad,
    .lower = lower_pad,
};

/* ---- CenterCropPad ----------------------------------------------------------------------- */

typedef struct CenterCropPadAttributes {
    IntList axes;
} CenterCropPadAttributes;

static const AttributeDef center_attributes[] = {
    ATTRIBUTE_OPTIONAL(CenterCropPadAttributes, axes, ints, "what shape speaks of; absent: all"),
};

static const OperandDef center_operands[] = {
    {.name = "input_data", .types = TYPES_TENSOR, .group = 'T'},
    {.name = "shape", .types = TYPES_INDEX},
};

static bool infer_center_crop_pad(InferContext *context, Node *node)
{
    const CenterCropPadAttributes *center = node->attributes;
    const Type *type = operand_type(node, 0);
    int64_t count;
    bool is_axis[MAX_RANK];
    const Expr *const *sizes = infer_sizes(context, node, 1, &count);
    if (!sizes)
        return false;
    if (center->axes.count > 0 && !infer_axes(context, node, center->axes, type->rank, is_axis))
        return false;
    int64_t expected = center->axes.count > 0 ? center->axes.count : type->rank;
    if (count != expected)
        return infer_error(context, node, "shape has %lld sizes, expected %lld", (long long)count,
                           (long long)expected);
    const Expr *dims[MAX_RANK];
    for (int d = 0; d < type->rank; d++)
        dims[d] = type->dims[d];
    for (int64_t i = 0; i < count; i++) {
        int64_t axis = center->axes.count > 0 ? center->axes.items[i] : i;
        dims[axis < 0 ? axis + type->rank : axis] = sizes[i];
    }
    infer_set(context, node, 0, type->element, type->rank, dims);
    return true;
}

/* A crop begins at half of what goes, a padding takes half of what comes; both rounded down. */
static void lower_center_crop_pad(Lowering *l)
{
    const Tensor *in = l->in[0], *out = l->out[0];
    ExprPool *pool = l->pool;
    Compute *map = kernel_map(l->kernel, out);
    const Expr *own[MAX_RANK], *two = expr_integer(pool, 2), *zero = expr_integer(pool, 0);
    for (int d = 0; d < in->rank; d++) {
        const Expr *surplus = expr_minus(pool, in->shape[d], out->shape[d]);
        const Expr *crop = expr_quotient(pool, expr_larger(pool, surplus, zero), two);
        const Expr *lack = expr_larger(pool, expr_scale(pool, surplus, -1), zero);
        const Expr *pad = expr_quotient(pool, lack, two);
        own[d] = expr_plus(pool, compute_axis(l->kernel, map, d), expr_minus(pool, crop, pad));
    }
    map->body = expr_load_or(pool, in, own, zero_value(pool, in->element));
}

const OpDef op_center_crop_pad = {
    .name = "CenterCropPad",
    .domain = "",
    .summary = "the middle of x, or zeros around it",
    .since = 18,
    .first = 18,
    OPERANDS(center_operands),
    RESULTS(results),
    ATTRIBUTES(center_attributes, CenterCropPadAttributes),
    .infer = infer_center_crop_pad,
    .lower = lower_center_crop_pad,
};
