/* SPDX-License-Identifier: Apache-2.0
 *
 * FlexAttention: softmax(score_mod(scale Q K')), prob_mod of that, times V, where score_mod and
 * prob_mod are regions of one input and one output (the identity where the model has none).
 * Decomposed into products and Softmax, with the regions inlined between them. Heads of Q that
 * share a head of K and V are batched in an axis of their own.
 */
#include "ir/ops/build.h"
#include "ir/ops/control.h"

#include <math.h>

typedef struct FlexAttributes {
    int score_mod, prob_mod;
    float scale;
    int softmax_precision;
} FlexAttributes;

enum { Q, K, V };

/* The type in which scores and probabilities are computed. */
static TnElementType softmax_type(const Node *node)
{
    const FlexAttributes *attributes = node->attributes;
    if (attributes->softmax_precision)
        return (TnElementType)attributes->softmax_precision;
    return operand_type(node, Q)->element == TN_DOUBLE ? TN_DOUBLE : TN_FLOAT;
}

static bool seed(InferContext *context, Node *node)
{
    const Type *q = operand_type(node, Q), *k = operand_type(node, K), *v = operand_type(node, V);
    if (q->rank != 4 || k->rank != 4 || v->rank != 4)
        return infer_error(context, node, "Q, K and V have ranks %d, %d and %d, expected 4",
                           q->rank, k->rank, v->rank);
    const Expr *dims[] = {q->dims[0], q->dims[1], q->dims[2], k->dims[2]};
    const Type *scores = type_tensor(context->arena, softmax_type(node), 4, dims);
    for (int r = 0; r < node->region_count; r++) {
        Graph *region = node->regions[r];
        if (region->input_count != 1 + node->capture_count)
            return infer_error(context, node, "a modifier has %d inputs, expected 1",
                               region->input_count - node->capture_count);
        region->inputs[0]->type = scores;
        control_pass_captures(node, region);
    }
    return true;
}

static bool check_sizes(InferContext *context, const Node *node)
{
    const Type *q = operand_type(node, Q), *k = operand_type(node, K), *v = operand_type(node, V);
    int64_t q_heads, kv_heads;
    if (!infer_equal(context, node, q->dims[0], k->dims[0], "the batches of Q and K") ||
        !infer_equal(context, node, q->dims[0], v->dims[0], "the batches of Q and V") ||
        !infer_equal(context, node, q->dims[3], k->dims[3], "the head sizes of Q and K") ||
        !infer_equal(context, node, k->dims[1], v->dims[1], "the heads of K and V") ||
        !infer_equal(context, node, k->dims[2], v->dims[2], "the lengths of K and V"))
        return false;
    if (!expr_known(q->dims[1], &q_heads) || !expr_known(k->dims[1], &kv_heads))
        return true;
    if (kv_heads == 0 ? q_heads != 0 : q_heads % kv_heads != 0)
        return infer_error(context, node, "%lld heads of Q cannot share %lld heads of K",
                           (long long)q_heads, (long long)kv_heads);
    return true;
}

static bool infer(InferContext *context, Node *node)
{
    if (!seed(context, node) || !check_sizes(context, node))
        return false;
    for (int r = 0; r < node->region_count; r++) {
        Graph *region = node->regions[r];
        if (!graph_infer(context, region))
            return false;
        const Type *type = region->output_count == 1 ? graph_output(region, 0)->type : NULL;
        if (!type_is_tensor(type) || type->rank != 4 || type->element != softmax_type(node))
            return infer_error(context, node,
                               "a modifier must have one output, of the type of its input");
    }
    const Type *q = operand_type(node, Q), *v = operand_type(node, V);
    const Expr *dims[] = {q->dims[0], q->dims[1], q->dims[2], v->dims[3]};
    infer_set(context, node, 0, q->element, 4, dims);
    return true;
}

/* A value in the shape that int64[1] sizes say. */
static Value *reshaped(Editor *e, Value *value, int count, Value *const *sizes)
{
    Value *shape = e->failed ? NULL : build_concat(e, 0, count, sizes);
    return build_with(e, "Reshape", BUILD_INT("allowzero", 1), 2, (Value *[]){value, shape});
}

/* left right, where heads of the left share heads of the right: both become
 * [b, shared heads, heads that share one, ...]. */
static Value *product(Editor *e, Value *left, Value *right)
{
    if (e->failed || left->type->dims[1] == right->type->dims[1])
        return build_matmul(e, left, right);
    int64_t one = 1;
    Value *batch = build_size(e, left, 0), *heads = build_size(e, left, 1);
    Value *rows = build_size(e, left, 2), *columns = build_size(e, right, 3);
    Value *shared = build_size(e, right, 1);
    Value *group = build(e, "Div", 2, (Value *[]){heads, shared});
    Value *left_sizes[] = {batch, shared, group, rows, build_size(e, left, 3)};
    Value *right_sizes[] = {batch, shared, edit_int64s(e, 1, &one), build_size(e, right, 2),
                            columns};
    left = reshaped(e, left, 5, left_sizes);
    right = reshaped(e, right, 5, right_sizes);
    Value *sizes[] = {batch, heads, rows, columns};
    return reshaped(e, build_matmul(e, left, right), 4, sizes);
}

static Value *modified(Editor *e, const Node *node, int r, Value *value)
{
    Value *inputs[64], *output = NULL;
    if (e->failed || node->capture_count > (int)COUNT_OF(inputs) - 1) {
        e->failed = true;
        return NULL;
    }
    inputs[0] = value;
    for (int i = 0; i < node->capture_count; i++)
        inputs[1 + i] = operand(node, node->operand_count - node->capture_count + i);
    graph_inline(node->regions[r], e->graph, e->before, inputs, &output);
    return output;
}

static Value *scale_of(Editor *e, const Node *node, TnElementType type)
{
    const FlexAttributes *attributes = node->attributes;
    int64_t size;
    if (!isnan(attributes->scale))
        return edit_real(e, type, attributes->scale);
    if (expr_known(operand_type(node, Q)->dims[3], &size))
        return edit_real(e, type, 1 / sqrt((double)size));
    Value *depth = build_size(e, operand(node, Q), 3);
    depth = build_cast(e, build_squeeze(e, depth, 0), type);
    Value *root = build(e, "Sqrt", 1, &depth);
    return build(e, "Reciprocal", 1, &root);
}

static bool decompose(Editor *e, const Node *node, Value **values)
{
    static const int64_t flipped[] = {0, 1, 3, 2};
    const FlexAttributes *attributes = node->attributes;
    TnElementType type = softmax_type(node), element = operand_type(node, Q)->element;
    Value *q = build_cast(e, operand(node, Q), type), *v = build_cast(e, operand(node, V), type);
    Value *k = build_transpose(e, build_cast(e, operand(node, K), type), 4, flipped);
    Value *scores = product(e, q, k);
    scores = build_multiply(e, scores, scale_of(e, node, type));
    scores = modified(e, node, attributes->score_mod, scores);
    Value *shares = build_with(e, "Softmax", BUILD_INT("axis", -1), 1, &scores);
    shares = modified(e, node, attributes->prob_mod, shares);
    values[0] = build_cast(e, product(e, shares, v), element);
    return !e->failed;
}

static const OperandDef operands[] = {
    {.name = "Q", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "K", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "V", .types = TYPES_FLOAT, .group = 'T'},
    {.name = "captures", .types = TYPES_ANY, .variadic = true},
};
static const OperandDef results[] = {{.name = "Y", .types = TYPES_FLOAT, .group = 'T'}};
static const AttributeDef attributes[] = {
    {.name = "score_mod",
     .kind = ATTRIBUTE_graph,
     .offset = offsetof(FlexAttributes, score_mod),
     .default_int = 0,
     .doc = "changes the scores; absent: the identity"},
    {.name = "prob_mod",
     .kind = ATTRIBUTE_graph,
     .offset = offsetof(FlexAttributes, prob_mod),
     .default_int = 1,
     .doc = "changes the probabilities; absent: the identity"},
    ATTRIBUTE_FLOAT(FlexAttributes, scale, NAN, "factor of Q K'; absent: 1 / sqrt(size)"),
    ATTRIBUTE_ELEMENT(FlexAttributes, softmax_precision, TN_UNDEFINED, false,
                      "element type of scores and probabilities"),
};

const OpDef op_flex_attention = {
    .name = "FlexAttention",
    .domain = "ai.onnx.preview",
    .summary = "y = prob_mod(softmax(score_mod(scale * q k'))) v",
    .since = 1,
    .first = 1,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, FlexAttributes),
    .region_count = 2,
    .infer = infer,
    .seed_regions = seed,
    .decompose = decompose,
};
