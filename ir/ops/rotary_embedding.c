/* SPDX-License-Identifier: Apache-2.0
 *
 * RotaryEmbedding: pairs of a head's elements, turned by an angle that depends on the position. The
 * pairs are (d, d + half) or, interleaved, (2 d, 2 d + 1); elements beyond rotary_embedding_dim
 * stay. Operands are [batch, heads, sequence, size] or [batch, sequence, heads * size].
 */
#include "ir/ops/lowering.h"

typedef struct RotaryEmbeddingAttributes {
    int64_t interleaved, num_heads, rotary_embedding_dim;
} RotaryEmbeddingAttributes;

enum { X, COS, SIN, POSITIONS };

static bool infer(InferContext *context, Node *node)
{
    const RotaryEmbeddingAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, X);
    int cache_rank = operand(node, POSITIONS) ? 2 : 3;
    if (x->rank != 3 && x->rank != 4)
        return infer_error(context, node, "X has rank %d, expected 3 or 4", x->rank);
    if (x->rank == 3 && attributes->num_heads < 1)
        return infer_error(context, node, "an operand of rank 3 needs num_heads");
    if (attributes->rotary_embedding_dim < 0 || attributes->rotary_embedding_dim % 2)
        return infer_error(context, node, "rotary_embedding_dim is %lld, expected an even number",
                           (long long)attributes->rotary_embedding_dim);
    if (operand_type(node, COS)->rank != cache_rank || operand_type(node, SIN)->rank != cache_rank)
        return infer_error(context, node, "cos_cache and sin_cache must have rank %d", cache_rank);
    if (cache_rank == 2 && operand_type(node, POSITIONS)->rank != 2)
        return infer_error(context, node, "position_ids must have rank 2");
    return infer_same_as_first(context, node);
}

/* cos or sin of pair p at [batch, position]. */
static const Expr *cached(const Lowering *l, const Tensor *cache, const Expr *batch,
                          const Expr *position, const Expr *pair)
{
    ExprPool *pool = l->pool;
    const Tensor *positions = lower_in(l, POSITIONS);
    if (positions) {
        const Expr *at[] = {lower_stretch(pool, batch, positions->shape[0], l->in[X]->shape[0]),
                            position};
        const Expr *row = lower_data_index(pool, expr_load(pool, positions, at), cache->shape[0]);
        const Expr *from[] = {row, pair};
        return expr_load(pool, cache, from);
    }
    const Expr *from[] = {lower_stretch(pool, batch, cache->shape[0], l->in[X]->shape[0]), position,
                          pair};
    return expr_load(pool, cache, from);
}

static void lower(Lowering *l)
{
    const RotaryEmbeddingAttributes *attributes = l->node->attributes;
    const Tensor *x = l->in[X], *y = l->out[0];
    ExprPool *pool = l->pool;
    TnElementType type = element_compute_type(x->element);
    Compute *map = kernel_map(l->kernel, y);
    const Expr *at[MAX_RANK], *from[MAX_RANK];
    lower_indices(l, map, at);
    for (int d = 0; d < x->rank; d++)
        from[d] = at[d];
    int last = x->rank - 1;
    const Expr *size = x->shape[last], *head = expr_integer(pool, 0), *d = at[last];
    if (x->rank == 3) {
        size = expr_quotient(pool, size, expr_integer(pool, attributes->num_heads));
        head = expr_times(pool, expr_quotient(pool, d, size), size);
        d = expr_modulus(pool, d, size);
    }
    const Expr *position = at[x->rank == 3 ? 1 : 2], *two = expr_integer(pool, 2);
    const Expr *turned = attributes->rotary_embedding_dim
                             ? expr_integer(pool, attributes->rotary_embedding_dim)
                             : size;
    const Expr *half = expr_quotient(pool, turned, two);
    const Expr *is_first, *pair, *partner;
    if (attributes->interleaved) {
        const Expr *side = expr_modulus(pool, d, two);
        is_first = expr_compare(pool, EXPR_equal, side, expr_integer(pool, 0));
        pair = expr_quotient(pool, d, two);
        partner = expr_minus(pool, expr_plus_integer(pool, d, 1), expr_scale(pool, side, 2));
    } else {
        is_first = expr_compare(pool, EXPR_less, d, half);
        pair = expr_select(pool, is_first, d, expr_minus(pool, d, half));
        partner = expr_select(pool, is_first, expr_plus(pool, d, half), expr_minus(pool, d, half));
    }
    const Expr *is_turned = expr_compare(pool, EXPR_less, d, turned);
    pair = expr_larger(pool, expr_integer(pool, 0),
                       expr_smaller(pool, pair, expr_plus_integer(pool, half, -1)));
    from[last] = expr_plus(pool, head, partner);
    const Expr *value = expr_load(pool, x, at);
    const Expr *other = expr_load_or(pool, x, from, expr_real(pool, type, 0));
    const Expr *cosine = cached(l, l->in[COS], at[0], position, pair);
    const Expr *sine = cached(l, l->in[SIN], at[0], position, pair);
    const Expr *cross = product_of(pool, sine, other);
    const Expr *along = product_of(pool, cosine, value);
    const Expr *turn =
        expr_select(pool, is_first, difference_of(pool, along, cross), sum_of(pool, along, cross));
    map->body = expr_select(pool, is_turned, turn, value);
}

#define TYPES_ROTARY (TYPE_BIT(TN_FLOAT) | TYPE_BIT(TN_FLOAT16) | TYPE_BIT(TN_BFLOAT16))

static const OperandDef operands[] = {
    {.name = "X", .types = TYPES_ROTARY, .group = 'T'},
    {.name = "cos_cache", .types = TYPES_ROTARY, .group = 'T'},
    {.name = "sin_cache", .types = TYPES_ROTARY, .group = 'T'},
    {.name = "position_ids", .types = TYPE_BIT(TN_INT64), .optional = true},
};
static const OperandDef results[] = {{.name = "Y", .types = TYPES_ROTARY, .group = 'T'}};
static const AttributeDef attributes[] = {
    ATTRIBUTE_INT(RotaryEmbeddingAttributes, interleaved, 0, "whether pairs are neighbours"),
    ATTRIBUTE_INT(RotaryEmbeddingAttributes, num_heads, ATTRIBUTE_ABSENT,
                  "heads, for operands of rank 3"),
    ATTRIBUTE_INT(RotaryEmbeddingAttributes, rotary_embedding_dim, 0,
                  "how many elements of a head are turned; 0: all"),
};

const OpDef op_rotary_embedding = {
    .name = "RotaryEmbedding",
    .domain = "",
    .summary = "turns pairs of elements by an angle of the position",
    .since = 23,
    .first = 23,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, RotaryEmbeddingAttributes),
    .infer = infer,
    .lower = lower,
};
