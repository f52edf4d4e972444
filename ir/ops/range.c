/* SPDX-License-Identifier: Apache-2.0
 *
 * Range: start + i * delta for i < n, with n = max(ceil((limit - start) / delta), 0).
 *
 * Integer bounds may be sizes or numbers that only running tells; delta's sign must be known. The
 * length of a float range is known when the model is compiled.
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
    double values[3];
    for (int i = 0; i < 3; i++) {
        const Constant *constant = infer_constant(context, node, i);
        if (!constant)
            return NULL;
        values[i] = constant_get_double(constant, 0);
    }
    double length = ceil((values[1] - values[0]) / values[2]);
    if (!(fabs(length) < 0x1p47)) {
        infer_error(context, node, "%g .. %g by %g is no range", values[0], values[1], values[2]);
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

static const Expr *integer_length(InferContext *context, Node *node)
{
    ExprPool *pool = context->pool;
    const Expr *const *bounds[3];
    for (int i = 0; i < 3; i++) {
        bounds[i] = infer_elements(context, node, i, NULL);
        if (!bounds[i])
            return NULL;
    }
    const Expr *start = bounds[0][0], *limit = bounds[1][0], *delta = bounds[2][0];
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

static void propagate(InferContext *context, Node *node)
{
    int64_t count, one;
    if (!result_may_have_elements(node, 0, &count))
        return;
    const Expr *start = known_elements(node, 0, &one)[0], *delta = known_elements(node, 2, &one)[0];
    const Expr **elements = ARENA_ARRAY(context->arena, const Expr *, count + 1);
    for (int64_t i = 0; i < count; i++)
        elements[i] = expr_plus(context->pool, start, expr_scale(context->pool, delta, i));
    infer_set_elements(context, node, 0, elements, count);
}

static bool infer(InferContext *context, Node *node)
{
    for (int i = 0; i < 3; i++) {
        const Type *type = operand_type(node, i);
        if (type->rank > 0 && !expr_is(type_element_count(context->pool, type), 1))
            return infer_error(context, node, "%s must be a scalar", operands[i].name);
    }
    TnElementType element = operand_type(node, 0)->element;
    bool is_float = element_kind(element) == ELEMENT_KIND_FLOAT;
    const Expr *length = is_float ? float_length(context, node) : integer_length(context, node);
    if (!length)
        return false;
    infer_set(context, node, 0, element, 1, &length);
    if (!is_float)
        propagate(context, node);
    return true;
}

static void lower(Lowering *l)
{
    Compute *map = kernel_map(l->kernel, l->out[0]);
    const Expr *i = compute_axis(l->kernel, map, 0);
    TnElementType type = element_compute_type(l->out[0]->element);
    const Expr *steps = expr_binary(l->pool, EXPR_multiply, expr_from_index(l->pool, type, i),
                                    lower_scalar(l, 2));
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
