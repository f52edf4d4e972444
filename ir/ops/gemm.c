/* SPDX-License-Identifier: Apache-2.0
 *
 * Gemm: alpha A' B' + beta C, where ' is an optional transpose: an exchange of two indices. The
 * product is a compute of its own; alpha, beta and C are a map over it.
 */
#include "ir/ops/lowering.h"

typedef struct GemmAttributes {
    float alpha, beta;
    int64_t transA, transB;
} GemmAttributes;

/* C is broadcast to the product: its sizes are the product's, or 1. */
static bool check_added(InferContext *context, const Node *node, const Type *c,
                        const Expr *const *dims)
{
    ExprPool *pool = context->pool;
    if (c->rank > 2)
        return infer_error(context, node, "C has rank %d, expected at most 2", c->rank);
    for (int d = 0; d < c->rank; d++) {
        const Expr *size = dims[2 - c->rank + d], *own = c->dims[d];
        double known;
        const Expr *fits =
            expr_either(pool, expr_compare(pool, EXPR_equal, own, expr_integer(pool, 1)),
                        expr_compare(pool, EXPR_equal, own, size));
        if (expr_is_constant(fits, &known) && !known)
            return infer_equal(context, node, size, own, "the sizes of C and of A B") != NULL;
        model_assume(context->model, fits, "Gemm: the sizes of C must be those of A B, or 1");
    }
    return true;
}

static bool infer(InferContext *context, Node *node)
{
    const GemmAttributes *attributes = node->attributes;
    const Type *a = operand_type(node, 0), *b = operand_type(node, 1);
    if (a->rank != 2 || b->rank != 2)
        return infer_error(context, node, "A and B have ranks %d and %d, expected 2", a->rank,
                           b->rank);
    bool flip_a = attributes->transA != 0, flip_b = attributes->transB != 0;
    if (!infer_equal(context, node, a->dims[!flip_a], b->dims[flip_b], "A's columns and B's rows"))
        return false;
    const Expr *dims[] = {a->dims[flip_a], b->dims[!flip_b]};
    if (operand(node, 2) && !check_added(context, node, operand_type(node, 2), dims))
        return false;
    infer_set(context, node, 0, a->element, 2, dims);
    return true;
}

static const Expr *factor(ExprPool *pool, TnElementType type, float value)
{
    return element_kind(type) == ELEMENT_KIND_FLOAT ? expr_real(pool, type, value)
                                                    : expr_whole(pool, type, (int64_t)value);
}

static void lower(Lowering *l)
{
    const GemmAttributes *attributes = l->node->attributes;
    const Tensor *a = l->in[0], *b = l->in[1], *c = lower_in(l, 2), *y = l->out[0];
    ExprPool *pool = l->pool;
    TnElementType type = element_compute_type(y->element);
    bool flip_a = attributes->transA != 0, flip_b = attributes->transB != 0;
    bool with_c = c && attributes->beta != 0;
    bool is_product = attributes->alpha == 1 && !with_c;
    const Tensor *product = is_product ? y : lower_temporary(l, "product", type, 2, y->shape);
    Compute *reduce = kernel_reduce(l->kernel, product, COMBINE_sum);
    const Expr *i = compute_axis(l->kernel, reduce, 0), *j = compute_axis(l->kernel, reduce, 1);
    const Expr *rows = b->shape[flip_b];
    const Expr *depth = expr_known(rows, NULL) ? rows : a->shape[!flip_a];
    const Expr *k = compute_reduce_axis(l->kernel, reduce, depth);
    const Expr *a_at[] = {flip_a ? k : i, flip_a ? i : k};
    const Expr *b_at[] = {flip_b ? j : k, flip_b ? k : j};
    reduce->body = product_of(pool, expr_load(pool, a, a_at), expr_load(pool, b, b_at));
    if (is_product)
        return;
    Compute *map = kernel_map(l->kernel, y);
    const Expr *at[MAX_RANK];
    lower_indices(l, map, at);
    const Expr *value = expr_load(pool, product, at);
    if (attributes->alpha != 1)
        value = product_of(pool, value, factor(pool, type, attributes->alpha));
    if (with_c) {
        const Expr *added = lower_broadcast(l, c, 2, at);
        if (attributes->beta != 1)
            added = product_of(pool, added, factor(pool, type, attributes->beta));
        value = sum_of(pool, value, added);
    }
    map->body = value;
}

#define TYPES_GEMM                                                                                 \
    (TYPES_FLOAT | TYPE_BIT(TN_UINT32) | TYPE_BIT(TN_UINT64) | TYPE_BIT(TN_INT32) |                \
     TYPE_BIT(TN_INT64))

static const OperandDef operands[] = {
    {.name = "A", .types = TYPES_GEMM, .group = 'T'},
    {.name = "B", .types = TYPES_GEMM, .group = 'T'},
    {.name = "C", .types = TYPES_GEMM, .group = 'T', .optional = true},
};
static const OperandDef results[] = {{.name = "Y", .types = TYPES_GEMM, .group = 'T'}};
static const AttributeDef attributes[] = {
    ATTRIBUTE_FLOAT(GemmAttributes, alpha, 1.0f, "factor of A B"),
    ATTRIBUTE_FLOAT(GemmAttributes, beta, 1.0f, "factor of C"),
    ATTRIBUTE_INT(GemmAttributes, transA, 0, "whether A is transposed"),
    ATTRIBUTE_INT(GemmAttributes, transB, 0, "whether B is transposed"),
};

const OpDef op_gemm = {
    .name = "Gemm",
    .domain = "",
    .summary = "y = alpha * A' * B' + beta * C",
    .since = 13,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, GemmAttributes),
    .infer = infer,
    .lower = lower,
};
