/* SPDX-License-Identifier: Apache-2.0
 *
 * Reshape: the operand's elements under a shape that another operand tells.
 *
 * Each number of the shape is a size; or 0, the operand's size at the same place (unless
 * allowzero); or -1, once, whatever is left. Where exporters compute the shape, the numbers are
 * expressions over sizes, known at compile time; a size that happens to be 0 then means 0. Numbers
 * that only running tells may still be 0 or -1, and the sizes say so with conditions.
 *
 * What is left is found by cancelling factors, so that [N, S, 768] as [N, -1, 12, 64] gives S, also
 * for N = 0, and not N*S*768 / (N*768).
 */
#include "ir/ops/view.h"
#include "ir/support/array.h"

/* ---- Products ---------------------------------------------------------------------------- */

/* number * factors[0] * factors[1] * ... */
typedef struct Product {
    int64_t number;
    int count;
    const Expr *factors[64];
} Product;

static void product_add(Product *p, const Expr *e)
{
    int64_t number;
    if (expr_known(e, &number) && !__builtin_mul_overflow(p->number, number, &p->number))
        return;
    if (e->kind == EXPR_times && p->count + 2 <= (int)COUNT_OF(p->factors)) {
        product_add(p, e->src[0]);
        product_add(p, e->src[1]);
    } else if (e->kind == EXPR_linear && e->count == 1 && e->integer == 0 &&
               !__builtin_mul_overflow(p->number, e->factors[0], &number)) {
        p->number = number;
        product_add(p, e->src[0]);
    } else {
        p->factors[p->count++] = e;
    }
}

static bool product_remove(Product *p, const Expr *factor)
{
    for (int i = 0; i < p->count; i++) {
        if (p->factors[i] == factor) {
            p->factors[i] = p->factors[--p->count];
            return true;
        }
    }
    return false;
}

static int64_t greatest_common_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

static void product_cancel(Product *a, Product *b)
{
    int kept = 0;
    for (int i = 0; i < b->count; i++)
        if (!product_remove(a, b->factors[i]))
            b->factors[kept++] = b->factors[i];
    b->count = kept;
    int64_t divisor = greatest_common_divisor(a->number, b->number);
    if (divisor > 1) {
        a->number /= divisor;
        b->number /= divisor;
    }
}

static const Expr *product_value(ExprPool *pool, const Product *p)
{
    const Expr *value = expr_integer(pool, p->number);
    for (int i = 0; i < p->count; i++)
        value = expr_times(pool, value, p->factors[i]);
    return value;
}

/* ---- Inference --------------------------------------------------------------------------- */

const Expr *infer_missing_size(InferContext *context, const Node *node, const Type *of, int rank,
                               const Expr *const *dims, int inferred)
{
    ExprPool *pool = context->pool;
    Product whole = {.number = 1}, rest = {.number = 1};
    bool used[MAX_RANK] = {false};
    for (int d = 0; d < rank; d++) {
        int match = 0;
        while (match < of->rank && (used[match] || of->dims[match] != dims[d]))
            match++;
        if (d != inferred && match < of->rank)
            used[match] = true;
        else if (d != inferred)
            product_add(&rest, dims[d]);
    }
    for (int d = 0; d < of->rank; d++)
        if (!used[d])
            product_add(&whole, of->dims[d]);
    product_cancel(&whole, &rest);
    const Expr *total = product_value(pool, &whole), *divisor = product_value(pool, &rest);
    if (expr_is(divisor, 0))
        return expr_integer(pool, 0);
    const Expr *size = expr_quotient(pool, total, positive_size(pool, divisor));
    if (!infer_equal(context, node, expr_times(pool, size, divisor), total, "element counts"))
        return NULL;
    return size;
}

typedef struct ReshapeAttributes {
    int64_t allowzero;
} ReshapeAttributes;

static const AttributeDef attributes[] = {
    ATTRIBUTE_INT(ReshapeAttributes, allowzero, 0, "0 means 0, not the operand's size there"),
};

static const OperandDef operands[] = {
    {.name = "data", .types = TYPES_TENSOR, .group = 'T'},
    {.name = "shape", .types = TYPE_BIT(TN_INT64)},
};
static const OperandDef results[] = {{.name = "reshaped", .types = TYPES_TENSOR, .group = 'T'}};

static bool may_be_negative(const Expr *e)
{
    int64_t lower, upper;
    expr_bounds(e, &lower, &upper);
    return lower < 0;
}

/* One number of the shape, with 0 resolved; -1 stays. */
static const Expr *resolve_zero(InferContext *context, const Node *node, const Expr *e, int d)
{
    const ReshapeAttributes *reshape = node->attributes;
    const Type *type = operand_type(node, 0);
    int64_t number;
    if (reshape->allowzero || (!expr_known(e, &number) && !may_be_negative(e)) ||
        (expr_known(e, &number) && number != 0))
        return e;
    if (d >= type->rank) {
        if (!expr_known(e, &number))
            return e;
        infer_error(context, node, "the shape has 0 at %d, beyond the operand's rank %d", d,
                    type->rank);
        return NULL;
    }
    const Expr *is_zero =
        expr_compare(context->pool, EXPR_equal, e, expr_integer(context->pool, 0));
    return expr_select(context->pool, is_zero, type->dims[d], e);
}

/* Sizes that may turn out to be -1 when the model runs. */
static void resolve_unknown(InferContext *context, const Type *type, int rank, const Expr **dims)
{
    ExprPool *pool = context->pool;
    const Expr *one = expr_integer(pool, 1), *rest = one;
    const Expr *is_missing[MAX_RANK] = {NULL};
    for (int d = 0; d < rank; d++) {
        if (may_be_negative(dims[d]))
            is_missing[d] = expr_compare(pool, EXPR_equal, dims[d], expr_integer(pool, -1));
        const Expr *size = is_missing[d] ? expr_select(pool, is_missing[d], one, dims[d]) : dims[d];
        rest = expr_times(pool, rest, expr_larger(pool, size, expr_integer(pool, 0)));
    }
    const Expr *whole = type_element_count(pool, type);
    const Expr *missing = expr_quotient(pool, whole, positive_size(pool, rest));
    for (int d = 0; d < rank; d++)
        if (is_missing[d])
            dims[d] = expr_larger(pool, expr_select(pool, is_missing[d], missing, dims[d]),
                                  expr_integer(pool, 0));
}

static bool infer_sizes_left(InferContext *context, Node *node, int rank, const Expr **dims,
                             int inferred)
{
    const Type *type = operand_type(node, 0);
    if (inferred >= 0) {
        for (int d = 0; d < rank; d++)
            dims[d] = d == inferred
                          ? dims[d]
                          : expr_larger(context->pool, dims[d], expr_integer(context->pool, 0));
        dims[inferred] = infer_missing_size(context, node, type, rank, dims, inferred);
        return dims[inferred] != NULL;
    }
    resolve_unknown(context, type, rank, dims);
    const Expr *count = expr_integer(context->pool, 1);
    for (int d = 0; d < rank; d++)
        count = expr_times(context->pool, count, dims[d]);
    return infer_equal(context, node, type_element_count(context->pool, type), count,
                       "element counts") != NULL;
}

static bool infer(InferContext *context, Node *node)
{
    const Type *type = operand_type(node, 0);
    int64_t count;
    const Expr *const *shape = infer_elements(context, node, 1, &count);
    if (!shape)
        return false;
    if (count > MAX_RANK)
        return infer_unsupported(context, node, "a rank above %d", MAX_RANK);
    const Expr *dims[MAX_RANK];
    int inferred = -1, rank = (int)count;
    for (int d = 0; d < rank; d++) {
        int64_t number = 0;
        dims[d] = resolve_zero(context, node, shape[d], d);
        if (!dims[d])
            return false;
        if (!expr_known(shape[d], &number) || number >= 0)
            continue;
        if (number < -1 || inferred >= 0)
            return infer_error(context, node,
                               number < -1 ? "the shape has a size of %lld"
                                           : "the shape has %lld twice",
                               (long long)number);
        inferred = d;
    }
    if (!infer_sizes_left(context, node, rank, dims, inferred))
        return false;
    infer_set(context, node, 0, type->element, rank, dims);
    propagate_copy(context, node);
    return true;
}

const OpDef op_reshape = {
    .name = "Reshape",
    .domain = "",
    .summary = "x under another shape",
    .since = 25,
    .first = 1,
    .traits = TRAIT_view,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, ReshapeAttributes),
    .infer = infer,
    .lower = lower_view,
};
