/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention: softmax(softcap(scale Q K') + bias) V, as one kernel of several computes:
 *
 *   present_key, present_value   past and new along the sequence, where there is a past
 *   product[b, h, i, j]          sum over d of q k
 *   logits                       scale, softcap, mask, causal and window limits: a map
 *   maximum, weights, sum        exp(logits - maximum) and its row sum
 *   output[b, h, i, d]           sum over j of weights v; divided by the sum in the last map
 *
 * Heads of q share those of k and v in runs of q_heads / kv_heads (grouped queries). Operands of
 * rank 3, [batch, sequence, heads * size], are read through their indices, without a transpose.
 * What is not attended has the logit -inf; a row without any attended key has the sum 0 and gives
 * zeros.
 */
#include "ir/ops/lowering.h"

#include <math.h>

typedef struct AttentionAttributes {
    int64_t is_causal, q_num_heads, kv_num_heads;
    int64_t left_window_size, right_window_size;
    int64_t qk_matmul_output_mode;
    float scale, softcap; /* scale NaN: 1 / sqrt(head size) */
    int softmax_precision;
} AttentionAttributes;

enum { Q, K, V, MASK, PAST_KEY, PAST_VALUE, LENGTHS };
enum { Y, PRESENT_KEY, PRESENT_VALUE, QK_OUTPUT };
enum { QK_RAW, QK_CAPPED, QK_BIASED, QK_PROBABILITIES };

typedef struct Sizes {
    const Expr *batch, *q_heads, *kv_heads, *queries, *fresh, *past, *keys, *depth, *value_depth;
} Sizes;

/* Of q, k, v, and the past's length; ranks 3 or 4. */
static Sizes sizes_create(ExprPool *pool, const AttentionAttributes *attributes, int rank,
                          const Expr *const *q, const Expr *const *k, const Expr *const *v,
                          const Expr *past)
{
    Sizes s = {.batch = q[0]};
    if (rank == 3) {
        s.q_heads = expr_integer(pool, attributes->q_num_heads);
        s.kv_heads = expr_integer(pool, attributes->kv_num_heads);
        s.queries = q[1];
        s.fresh = k[1];
        s.depth = expr_quotient(pool, q[2], s.q_heads);
        s.value_depth = expr_quotient(pool, v[2], s.kv_heads);
    } else {
        s.q_heads = q[1];
        s.kv_heads = k[1];
        s.queries = q[2];
        s.fresh = k[2];
        s.depth = q[3];
        s.value_depth = v[3];
    }
    s.past = past ? past : expr_integer(pool, 0);
    s.keys = expr_plus(pool, s.past, s.fresh);
    return s;
}

/* ---- Inference --------------------------------------------------------------------------- */

static bool check_attributes(InferContext *context, const Node *node, int rank)
{
    const AttentionAttributes *attributes = node->attributes;
    if (rank == 3 && (attributes->q_num_heads < 1 || attributes->kv_num_heads < 1))
        return infer_error(context, node, "operands of rank 3 need q_num_heads and kv_num_heads");
    if (attributes->left_window_size < -1 || attributes->right_window_size < -1)
        return infer_error(context, node, "a window size must be -1 or more");
    if (attributes->qk_matmul_output_mode < QK_RAW ||
        attributes->qk_matmul_output_mode > QK_PROBABILITIES)
        return infer_error(context, node, "qk_matmul_output_mode is %lld, expected 0 to 3",
                           (long long)attributes->qk_matmul_output_mode);
    return true;
}

static bool check_equal(InferContext *context, const Node *node, const Expr *a, const Expr *b,
                        const char *what)
{
    return infer_equal(context, node, a, b, what) != NULL;
}

static bool check_operands(InferContext *context, const Node *node, int rank)
{
    const Type *q = operand_type(node, Q), *k = operand_type(node, K), *v = operand_type(node, V);
    if (rank != 3 && rank != 4)
        return infer_error(context, node, "Q has rank %d, expected 3 or 4", rank);
    if (k->rank != rank || v->rank != rank)
        return infer_error(context, node, "Q, K and V have ranks %d, %d and %d", rank, k->rank,
                           v->rank);
    bool has_past = operand(node, PAST_KEY) != NULL;
    if (has_past != (operand(node, PAST_VALUE) != NULL))
        return infer_error(context, node, "past_key and past_value come together");
    if (has_past && operand(node, LENGTHS))
        return infer_error(context, node, "nonpad_kv_seqlen and past_key exclude each other");
    if (has_past &&
        (operand_type(node, PAST_KEY)->rank != 4 || operand_type(node, PAST_VALUE)->rank != 4))
        return infer_error(context, node, "past_key and past_value must have rank 4");
    if (operand(node, MASK) &&
        (operand_type(node, MASK)->rank < 1 || operand_type(node, MASK)->rank > 4))
        return infer_error(context, node, "attn_mask has rank %d, expected 1 to 4",
                           operand_type(node, MASK)->rank);
    int sequence = rank - 2;
    return check_equal(context, node, k->dims[0], q->dims[0], "the batches of K and Q") &&
           check_equal(context, node, v->dims[0], q->dims[0], "the batches of V and Q") &&
           check_equal(context, node, v->dims[sequence], k->dims[sequence],
                       "the lengths of V and K");
}

static bool check_heads(InferContext *context, const Node *node, const Sizes *s)
{
    int64_t q_heads, kv_heads;
    if (expr_known(s->q_heads, &q_heads) && expr_known(s->kv_heads, &kv_heads) &&
        (kv_heads == 0 ? q_heads != 0 : q_heads % kv_heads != 0))
        return infer_error(context, node, "%lld heads of Q cannot share %lld heads of K",
                           (long long)q_heads, (long long)kv_heads);
    return true;
}

static bool infer(InferContext *context, Node *node)
{
    const AttentionAttributes *attributes = node->attributes;
    const Type *q = operand_type(node, Q), *k = operand_type(node, K), *v = operand_type(node, V);
    ExprPool *pool = context->pool;
    if (!check_operands(context, node, q->rank) || !check_attributes(context, node, q->rank))
        return false;
    const Expr *past = operand(node, PAST_KEY) ? operand_type(node, PAST_KEY)->dims[2] : NULL;
    Sizes s = sizes_create(pool, attributes, q->rank, q->dims, k->dims, v->dims, past);
    if (!check_heads(context, node, &s))
        return false;
    const Expr *y3[] = {s.batch, s.queries, expr_times(pool, s.q_heads, s.value_depth)};
    const Expr *y4[] = {s.batch, s.q_heads, s.queries, s.value_depth};
    const Expr *key[] = {s.batch, s.kv_heads, s.keys, s.depth};
    const Expr *value[] = {s.batch, s.kv_heads, s.keys, s.value_depth};
    const Expr *qk[] = {s.batch, s.q_heads, s.queries, s.keys};
    infer_set(context, node, Y, q->element, q->rank, q->rank == 3 ? y3 : y4);
    if (node->result_count > PRESENT_KEY)
        infer_set(context, node, PRESENT_KEY, k->element, 4, key);
    if (node->result_count > PRESENT_VALUE)
        infer_set(context, node, PRESENT_VALUE, v->element, 4, value);
    if (node->result_count > QK_OUTPUT)
        infer_set(context, node, QK_OUTPUT, q->element, 4, qk);
    return true;
}

/* ---- Lowering ---------------------------------------------------------------------------- */

typedef struct Attention {
    Lowering *l;
    const AttentionAttributes *attributes;
    Sizes s;
    TnElementType type, softmax_type;
    const Tensor *key, *value; /* with the past: [batch, heads, keys, size]; or the operands */
    const Tensor *product, *logits, *maximum, *weights, *sum;
} Attention;

/* Element [b, h, i, d] of a tensor of rank 4, or of rank 3 as [b, i, h * size + d]. */
static const Expr *head_load(const Lowering *l, const Tensor *tensor, const Expr *b, const Expr *h,
                             const Expr *i, const Expr *d, const Expr *size)
{
    const Expr *at4[] = {b, h, i, d};
    const Expr *at3[] = {b, i, expr_plus(l->pool, expr_times(l->pool, h, size), d)};
    return expr_load(l->pool, tensor, tensor->rank == 3 ? at3 : at4);
}

/* Past and new along the sequence: the result where it is wanted, else a temporary; the operand
 * itself where there is neither. */
static const Tensor *make_present(Attention *a, int fresh, int past, int present, const Expr *size,
                                  const char *name)
{
    Lowering *l = a->l;
    ExprPool *pool = l->pool;
    const Tensor *out = lower_out(l, present), *old = lower_in(l, past), *in = l->in[fresh];
    if (!out && !old)
        return in;
    const Expr *shape[] = {a->s.batch, a->s.kv_heads, a->s.keys, size};
    if (!out)
        out = lower_temporary(l, name, element_compute_type(in->element), 4, shape);
    Compute *map = kernel_map(l->kernel, out);
    const Expr *at[MAX_RANK];
    lower_indices(l, map, at);
    if (!old) {
        map->body = head_load(l, in, at[0], at[1], at[2], at[3], size);
        return out;
    }
    const Expr *zero = expr_integer(pool, 0);
    const Expr *is_old = expr_compare(pool, EXPR_less, at[2], a->s.past);
    const Expr *old_at[] = {at[0], at[1], lower_clamp(pool, at[2], a->s.past), at[3]};
    const Expr *number = expr_larger(pool, expr_minus(pool, at[2], a->s.past), zero);
    const Expr *none = expr_real(pool, element_compute_type(in->element), 0);
    map->body = expr_select(pool, is_old, expr_load_or(pool, old, old_at, none),
                            head_load(l, in, at[0], at[1], number, at[3], size));
    return out;
}

/* The head of k and v that head h of q reads. */
static const Expr *shared_head(const Attention *a, const Expr *h)
{
    if (a->s.q_heads == a->s.kv_heads)
        return h;
    ExprPool *pool = a->l->pool;
    return expr_quotient(pool, h, expr_quotient(pool, a->s.q_heads, a->s.kv_heads));
}

static void make_product(Attention *a)
{
    Lowering *l = a->l;
    const Expr *shape[] = {a->s.batch, a->s.q_heads, a->s.queries, a->s.keys}, *at[MAX_RANK];
    a->product = lower_temporary(l, "product", a->type, 4, shape);
    Compute *reduce = kernel_reduce(l->kernel, a->product, COMBINE_sum);
    lower_indices(l, reduce, at);
    const Expr *d = compute_reduce_axis(l->kernel, reduce, a->s.depth);
    const Expr *q = head_load(l, l->in[Q], at[0], at[1], at[2], d, a->s.depth);
    const Expr *k = head_load(l, a->key, at[0], shared_head(a, at[1]), at[3], d, a->s.depth);
    reduce->body =
        product_of(l->pool, expr_convert(l->pool, a->type, q), expr_convert(l->pool, a->type, k));
}

static const Expr *capped(const Attention *a, const Expr *value)
{
    ExprPool *pool = a->l->pool;
    float cap = a->attributes->softcap;
    if (!(cap > 0))
        return value;
    const Expr *limit = expr_real(pool, a->type, cap);
    return product_of(pool, limit, expr_unary(pool, EXPR_tanh, ratio_of(pool, value, limit)));
}

/* scale q k, before or after the softcap */
static const Expr *scaled(const Attention *a, const Expr *const *at)
{
    ExprPool *pool = a->l->pool;
    const Expr *scale;
    int64_t depth;
    if (!isnan(a->attributes->scale))
        scale = expr_real(pool, a->type, a->attributes->scale);
    else if (expr_known(a->s.depth, &depth))
        scale = expr_real(pool, a->type, 1.0 / sqrt((double)depth));
    else
        scale = ratio_of(pool, expr_real(pool, a->type, 1),
                         expr_unary(pool, EXPR_sqrt, expr_from_index(pool, a->type, a->s.depth)));
    return product_of(pool, expr_load(pool, a->product, at), scale);
}

/* Whether query i may attend key j, by causality, window and lengths. */
static const Expr *is_allowed(const Attention *a, const Expr *const *at)
{
    Lowering *l = a->l;
    ExprPool *pool = l->pool;
    const AttentionAttributes *attributes = a->attributes;
    const Tensor *lengths = lower_in(l, LENGTHS);
    const Expr *allowed = expr_bool(pool, true), *length = NULL, *offset = a->s.past;
    if (lengths) {
        length = expr_to_index(pool, lower_vector(l, lengths, at[0]));
        offset = expr_minus(pool, length, a->s.queries);
        allowed = expr_compare(pool, EXPR_less, at[3], length);
    }
    const Expr *position = expr_plus(pool, at[2], offset), *j = at[3];
    if (attributes->is_causal)
        allowed = expr_both(pool, allowed, expr_compare(pool, EXPR_less_equal, j, position));
    if (attributes->right_window_size >= 0) {
        const Expr *last = expr_plus_integer(pool, position, attributes->right_window_size);
        allowed = expr_both(pool, allowed, expr_compare(pool, EXPR_less_equal, j, last));
    }
    if (attributes->left_window_size >= 0) {
        const Expr *first = expr_plus_integer(pool, position, -attributes->left_window_size);
        allowed = expr_both(pool, allowed, expr_compare(pool, EXPR_less_equal, first, j));
    }
    return allowed;
}

/* The mask's element, -inf (false) beyond its end. */
static const Expr *mask_load(const Attention *a, const Tensor *mask, const Expr *const *at)
{
    ExprPool *pool = a->l->pool;
    const Expr *own[MAX_RANK];
    for (int d = 0; d < mask->rank; d++) {
        const Expr *index = at[4 - mask->rank + d];
        bool is_stretched = d < mask->rank - 1 && expr_is(mask->shape[d], 1);
        own[d] = is_stretched ? expr_integer(pool, 0) : index;
        if (d < mask->rank - 1 && !is_stretched && !expr_known(mask->shape[d], NULL))
            own[d] = expr_smaller(pool, index, expr_plus_integer(pool, mask->shape[d], -1));
    }
    if (mask->shape[mask->rank - 1] == a->s.keys)
        return expr_load(pool, mask, own);
    TnElementType type = element_compute_type(mask->element);
    const Expr *fill = type == TN_BOOL ? expr_bool(pool, false) : expr_lowest(pool, type);
    return expr_load_or(pool, mask, own, fill);
}

static const Expr *biased(const Attention *a, const Expr *value, const Expr *const *at)
{
    Lowering *l = a->l;
    ExprPool *pool = l->pool;
    const Expr *never = expr_lowest(pool, a->type), *allowed = is_allowed(a, at);
    const Tensor *mask = lower_in(l, MASK);
    if (mask && mask->element == TN_BOOL) {
        allowed = expr_both(pool, allowed, mask_load(a, mask, at));
    } else if (mask) {
        const Expr *added = expr_convert(pool, a->type, mask_load(a, mask, at));
        allowed = expr_both(pool, allowed, expr_compare(pool, EXPR_not_equal, added, never));
        value = sum_of(pool, value, added);
    }
    return expr_select(pool, allowed, value, never);
}

/* The first three of the four things that qk_matmul_output can show. */
static void make_output_of_logits(Attention *a)
{
    const Tensor *out = lower_out(a->l, QK_OUTPUT);
    int64_t mode = a->attributes->qk_matmul_output_mode;
    if (!out || mode == QK_PROBABILITIES)
        return;
    Compute *map = kernel_map(a->l->kernel, out);
    const Expr *at[MAX_RANK];
    lower_indices(a->l, map, at);
    const Expr *value = scaled(a, at);
    if (mode >= QK_CAPPED)
        value = capped(a, value);
    if (mode == QK_BIASED)
        value = biased(a, value, at);
    map->body = expr_convert(a->l->pool, element_compute_type(out->element), value);
}

static void make_weights(Attention *a)
{
    Lowering *l = a->l;
    ExprPool *pool = l->pool;
    TnElementType type = a->softmax_type;
    const Expr *at[MAX_RANK];
    a->logits = lower_temporary(l, "logits", a->type, 4, a->product->shape);
    Compute *logits = kernel_map(l->kernel, a->logits);
    lower_indices(l, logits, at);
    logits->body = biased(a, capped(a, scaled(a, at)), at);

    a->maximum = lower_temporary(l, "maximum", a->type, 3, a->product->shape);
    Compute *maximum = kernel_reduce(l->kernel, a->maximum, COMBINE_max);
    lower_indices(l, maximum, at);
    at[3] = compute_reduce_axis(l->kernel, maximum, a->s.keys);
    maximum->body = expr_load(pool, a->logits, at);

    a->weights = lower_temporary(l, "weights", type, 4, a->product->shape);
    Compute *weights = kernel_map(l->kernel, a->weights);
    lower_indices(l, weights, at);
    const Expr *none = expr_lowest(pool, a->type), *top = expr_load(pool, a->maximum, at);
    top = expr_select(pool, equal_to(pool, top, none), expr_real(pool, a->type, 0), top);
    const Expr *below = difference_of(pool, expr_load(pool, a->logits, at), top);
    weights->body = expr_unary(pool, EXPR_exp, expr_convert(pool, type, below));

    a->sum = lower_temporary(l, "sum", type, 3, a->product->shape);
    Compute *sum = kernel_reduce(l->kernel, a->sum, COMBINE_sum);
    lower_indices(l, sum, at);
    at[3] = compute_reduce_axis(l->kernel, sum, a->s.keys);
    sum->body = expr_load(pool, a->weights, at);
}

/* The row's sum, 1 where nothing is attended. */
static const Expr *divisor(const Attention *a, const Expr *const *row)
{
    ExprPool *pool = a->l->pool;
    const Expr *sum = expr_load(pool, a->sum, row);
    return expr_select(pool, equal_to(pool, sum, expr_real(pool, sum->type, 0)),
                       expr_real(pool, sum->type, 1), sum);
}

static void make_probabilities(Attention *a)
{
    const Tensor *out = lower_out(a->l, QK_OUTPUT);
    if (!out || a->attributes->qk_matmul_output_mode != QK_PROBABILITIES)
        return;
    ExprPool *pool = a->l->pool;
    Compute *map = kernel_map(a->l->kernel, out);
    const Expr *at[MAX_RANK];
    lower_indices(a->l, map, at);
    const Expr *share = ratio_of(pool, expr_load(pool, a->weights, at), divisor(a, at));
    map->body = expr_convert(pool, element_compute_type(out->element), share);
}

static void make_result(Attention *a)
{
    Lowering *l = a->l;
    ExprPool *pool = l->pool;
    const Tensor *y = l->out[Y];
    TnElementType type = a->softmax_type;
    const Expr *shape[] = {a->s.batch, a->s.q_heads, a->s.queries, a->s.value_depth};
    const Expr *at[MAX_RANK];
    const Tensor *mixed = lower_temporary(l, "mixed", type, 4, shape);
    Compute *reduce = kernel_reduce(l->kernel, mixed, COMBINE_sum);
    lower_indices(l, reduce, at);
    const Expr *j = compute_reduce_axis(l->kernel, reduce, a->s.keys);
    const Expr *weight_at[] = {at[0], at[1], at[2], j};
    const Expr *v =
        head_load(l, a->value, at[0], shared_head(a, at[1]), j, at[3], a->s.value_depth);
    reduce->body =
        product_of(pool, expr_load(pool, a->weights, weight_at), expr_convert(pool, type, v));

    Compute *map = kernel_map(l->kernel, y);
    lower_indices(l, map, at);
    if (y->rank == 3) {
        const Expr *i = at[1], *channel = at[2];
        at[1] = expr_quotient(pool, channel, a->s.value_depth);
        at[2] = i;
        at[3] = expr_modulus(pool, channel, a->s.value_depth);
    }
    const Expr *value = ratio_of(pool, expr_load(pool, mixed, at), divisor(a, at));
    map->body = expr_convert(pool, element_compute_type(y->element), value);
}

static void lower(Lowering *l)
{
    const AttentionAttributes *attributes = l->node->attributes;
    const Tensor *q = l->in[Q], *k = l->in[K], *v = l->in[V], *past = lower_in(l, PAST_KEY);
    Attention a = {.l = l, .attributes = attributes, .type = element_compute_type(q->element)};
    a.softmax_type = attributes->softmax_precision == TN_DOUBLE ? TN_DOUBLE : a.type;
    a.s = sizes_create(l->pool, attributes, q->rank, q->shape, k->shape, v->shape,
                       past ? past->shape[2] : NULL);
    a.key = make_present(&a, K, PAST_KEY, PRESENT_KEY, a.s.depth, "keys");
    a.value = make_present(&a, V, PAST_VALUE, PRESENT_VALUE, a.s.value_depth, "values");
    make_product(&a);
    make_output_of_logits(&a);
    make_weights(&a);
    make_probabilities(&a);
    make_result(&a);
}

static const OperandDef operands[] = {
    {.name = "Q", .types = TYPES_FLOAT, .group = 'Q'},
    {.name = "K", .types = TYPES_FLOAT, .group = 'Q'},
    {.name = "V", .types = TYPES_FLOAT, .group = 'V'},
    {.name = "attn_mask", .types = TYPES_NUMBER | TYPES_BOOL, .optional = true},
    {.name = "past_key", .types = TYPES_FLOAT, .group = 'Q', .optional = true},
    {.name = "past_value", .types = TYPES_FLOAT, .group = 'V', .optional = true},
    {.name = "nonpad_kv_seqlen", .types = TYPE_BIT(TN_INT64), .optional = true},
};
static const OperandDef results[] = {
    {.name = "Y", .types = TYPES_FLOAT, .group = 'Q'},
    {.name = "present_key", .types = TYPES_FLOAT, .group = 'Q', .optional = true},
    {.name = "present_value", .types = TYPES_FLOAT, .group = 'V', .optional = true},
    {.name = "qk_matmul_output", .types = TYPES_FLOAT, .group = 'Q', .optional = true},
};
static const AttributeDef attributes[] = {
    ATTRIBUTE_INT(AttentionAttributes, is_causal, 0, "whether a query sees no later key"),
    ATTRIBUTE_INT(AttentionAttributes, kv_num_heads, ATTRIBUTE_ABSENT,
                  "heads of K and V, for operands of rank 3"),
    ATTRIBUTE_INT(AttentionAttributes, left_window_size, -1,
                  "how many earlier keys a query sees; -1: all"),
    ATTRIBUTE_INT(AttentionAttributes, q_num_heads, ATTRIBUTE_ABSENT,
                  "heads of Q, for operands of rank 3"),
    ATTRIBUTE_INT(AttentionAttributes, qk_matmul_output_mode, 0,
                  "0 scaled product, 1 after softcap, 2 after bias, 3 probabilities"),
    ATTRIBUTE_INT(AttentionAttributes, right_window_size, -1,
                  "how many later keys a query sees; -1: all"),
    ATTRIBUTE_FLOAT(AttentionAttributes, scale, NAN, "factor of Q K'; absent: 1 / sqrt(size)"),
    ATTRIBUTE_FLOAT(AttentionAttributes, softcap, 0.0f, "bounds the logits smoothly; 0: not"),
    ATTRIBUTE_ELEMENT(AttentionAttributes, softmax_precision, TN_UNDEFINED, false,
                      "element type of the softmax; at least float"),
};

const OpDef op_attention = {
    .name = "Attention",
    .domain = "",
    .summary = "y = softmax(softcap(scale * q k') + bias) v, per head",
    .since = 25,
    .first = 23,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, AttentionAttributes),
    .infer = infer,
    .lower = lower,
};
