/* SPDX-License-Identifier: Apache-2.0
 *
 * Range: start + i * delta for i < n, with n = max(ceil((limit - start) / delta), 0).
 *
 * Integer bounds, and floats computed from sizes, may be sizes or numbers that only running tells;
 * delta's sign must be known. The length of any other float range is known when the model is
 * compiled; the importer says the rest in terms of these (frontend/opset/range.c).
 */
#include "ir/ops/elements.h"
#include "ir/ops/lowering.h"
#include "ir/support/array.h"

#include <math.h>

typedef struct RangeAttributes {
    int64_t stash_type;
} RangeAttributes;

static const AttributeDef attributes[] = {
    ATTRIBUTE_INT(RangeAttributes, stash_type, TN_FLOAT, "what small floats are computed in"),
};

#define TYPES_RANGE (TYPES_FLOAT | TYPES_INDEX | TYPE_BIT(TN_INT16))

static const OperandDef operands[] = {
    {.name = "start", .types = TYPES_RANGE, .group = 'T'},
    {.name = "limit", .types = TYPES_RANGE, .group = 'T'},
    {.name = "delta", .types = TYPES_RANGE, .group = 'T'},
};
static const OperandDef results[] = {{.name = "output", .types = TYPES_RANGE, .group = 'T'}};

static const Expr *float_length(InferContext *context, const Node *node)
{
    const Constant *constants[3];
    for (int i = 0; i < 3; i++)
        constants[i] = infer_constant(context, node, i);
    if (!constants[0] || !constants[1] || !constants[2])
        return NULL;
    double start = constant_get_double(constants[0], 0);
    double limit = constant_get_double(constants[1], 0);
    double delta = constant_get_double(constants[2], 0);
    double length = ceil((limit - start) / delta);
    if (!(fabs(length) < 0x1p47)) {
        infer_error(context, node, "%g .. %g by %g is no range", start, limit, delta);
        return NULL;
    }
    return expr_integer(context->pool, length > 0 ? (int64_t)length : 0);
}

/* -1, 1, or 0 where it is not known. */
static int sign_of(const Expr *e)
{
    int64_t lower, upper;
    expr_bounds(e, &lower, &upper);
    return lower >= 1 ? 1 : upper <= -1 ? -1 : 0;
}

/* start, limit and delta as indices. */
typedef struct Bounds {
    const Expr *at[3];
} Bounds;

static bool get_bounds(InferContext *context, const Node *node, bool is_float, Bounds *bounds)
{
    for (int i = 0; i < 3; i++) {
        int64_t count;
        const Expr *const *known = known_elements(node, i, &count);
        if (!known && !is_float)
            known = infer_elements(context, node, i, &count);
        if (!known)
            return false;
        bounds->at[i] = known[0];
    }
    return true;
}

static const Expr *whole_length(InferContext *context, const Node *node, const Bounds *bounds)
{
    ExprPool *pool = context->pool;
    const Expr *start = bounds->at[0], *limit = bounds->at[1], *delta = bounds->at[2];
    int sign = sign_of(delta);
    if (expr_is(delta, 0)) {
        infer_error(context, node, "delta is 0");
        return NULL;
    }
    if (sign == 0) {
        infer_constant(context, node, 2);
        return NULL;
    }
    const Expr *span = sign > 0 ? expr_minus(pool, limit, start) : expr_minus(pool, start, limit);
    const Expr *step = sign > 0 ? delta : expr_scale(pool, delta, -1);
    const Expr *length = expr_round_up_quotient(pool, span, step);
    return expr_larger(pool, length, expr_integer(pool, 0));
}

static void propagate(InferContext *context, Node *node, const Bounds *bounds)
{
    int64_t count;
    if (!result_may_have_elements(node, 0, &count))
        return;
    const Expr **elements = ARENA_ARRAY(context->arena, const Expr *, count + 1);
    for (int64_t i = 0; i < count; i++)
        elements[i] =
            expr_plus(context->pool, bounds->at[0], expr_scale(context->pool, bounds->at[2], i));
    infer_set_elements(context, node, 0, elements, count);
}

/* A tensor of one element will do. Where only running tells how many a list has, one is assumed. */
static bool check_scalar(InferContext *context, const Node *node, int i, bool is_float)
{
    const Type *type = operand_type(node, i);
    const Expr *count = type_element_count(context->pool, type);
    if (expr_is(count, 1))
        return true;
    if (expr_known(count, NULL) || type->rank != 1)
        return infer_error(context, node, "%s must be a scalar", operands[i].name);
    const char *what = arena_format(context->arena, "lengths of '%s'", operand(node, i)->name);
    return infer_equal(context, node, count, expr_integer(context->pool, 1), what) &&
           (is_float || infer_length(context, node, i, 1));
}

static bool infer(InferContext *context, Node *node)
{
    TnElementType element = operand_type(node, 0)->element;
    bool is_float = element_kind(element) == ELEMENT_KIND_FLOAT;
    for (int i = 0; i < 3; i++)
        if (!check_scalar(context, node, i, is_float))
            return false;
    Bounds bounds;
    bool is_whole = get_bounds(context, node, is_float, &bounds);
    if (!is_whole && !is_float)
        return false;
    const Expr *length =
        is_whole ? whole_length(context, node, &bounds) : float_length(context, node);
    if (!length)
        return false;
    infer_set(context, node, 0, element, 1, &length);
    if (is_whole)
        propagate(context, node, &bounds);
    return true;
}

static void lower(Lowering *l)
{
    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *i = compute_axis(l->kernel, map, 0);
    TnElementType type = element_compute_type(l->out[0]->element);
    const Expr *steps =
        expr_binary(l->pool, EXPR_multiply, expr_from_index(l->pool, type, i), lower_scalar(l, 2));
    map->body = expr_binary(l->pool, EXPR_add, lower_scalar(l, 0), steps);
}

const OpDef op_range = {
    .name = "Range",
    .domain = "",
    .summary = "start, start + delta, ... before limit",
    .since = 27,
    .first = 11,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, RangeAttributes),
    .infer = infer,
    .lower = lower,
};
