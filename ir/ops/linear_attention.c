/* SPDX-License-Identifier: Apache-2.0
 *
 * LinearAttention: for each head a matrix S[key size, value size] that is updated and read once for
 * each position, in float:
 *
 *   S = exp(decay) * S                                 update rules gated, gated_delta
 *   v = beta * (v - k' S)                              update rules delta, gated_delta
 *   S = S + k v'        output = scale * q' S
 *
 * Decomposed into a Scan over the sequence. Queries are grouped by the head of k and v that they
 * share, so that one product reads a state for all of its group.
 */
#include "ir/ops/build.h"
#include "ir/ops/control.h"

#include <math.h>

typedef struct LinearAttributes {
    int64_t chunk_size, kv_num_heads, q_num_heads;
    float scale;
    int update_rule;
} LinearAttributes;

enum { QUERY, KEY, VALUE, PAST, DECAY, BETA };
enum { RULE_linear, RULE_gated, RULE_delta, RULE_gated_delta };

static bool is_gated(const LinearAttributes *attributes)
{
    return attributes->update_rule == RULE_gated || attributes->update_rule == RULE_gated_delta;
}

static bool is_delta(const LinearAttributes *attributes)
{
    return attributes->update_rule == RULE_delta || attributes->update_rule == RULE_gated_delta;
}

static bool check(InferContext *context, const Node *node)
{
    const LinearAttributes *attributes = node->attributes;
    int64_t queries = attributes->q_num_heads, keys = attributes->kv_num_heads;
    if (queries < 1 || keys < 1 || queries % keys)
        return infer_error(context, node, "%lld heads of the query cannot share %lld",
                           (long long)queries, (long long)keys);
    if (is_gated(attributes) != (operand(node, DECAY) != NULL))
        return infer_error(context, node, "the update rule and the operand decay do not fit");
    if (is_delta(attributes) != (operand(node, BETA) != NULL))
        return infer_error(context, node, "the update rule and the operand beta do not fit");
    for (int i = 0; i < node->operand_count; i++)
        if (operand(node, i) && operand_type(node, i)->rank != (i == PAST ? 4 : 3))
            return infer_error(context, node, "%s has rank %d, expected %d",
                               node->op->operands[i].name, operand_type(node, i)->rank,
                               i == PAST ? 4 : 3);
    return true;
}

static bool infer(InferContext *context, Node *node)
{
    const LinearAttributes *attributes = node->attributes;
    ExprPool *pool = context->pool;
    if (!check(context, node))
        return false;
    const Type *q = operand_type(node, QUERY), *v = operand_type(node, VALUE);
    const Expr *q_heads = expr_integer(pool, attributes->q_num_heads);
    const Expr *kv_heads = expr_integer(pool, attributes->kv_num_heads);
    const Expr *depth = expr_quotient(pool, q->dims[2], q_heads);
    const Expr *width = expr_quotient(pool, v->dims[2], kv_heads);
    const Expr *y[] = {q->dims[0], q->dims[1], expr_scale(pool, width, attributes->q_num_heads)};
    const Expr *state[] = {q->dims[0], kv_heads, depth, width};
    infer_set(context, node, 0, q->element, 3, y);
    if (node->result_count > 1) {
        TnElementType element =
            operand(node, PAST) ? operand_type(node, PAST)->element : q->element;
        infer_set(context, node, 1, element, 4, state);
    }
    return true;
}

/* [batch, time, heads * size] in float as [batch, time, sizes...]; -1 stands for the rest. */
static Value *spread(Editor *editor, Value *value, int count, const int64_t *sizes)
{
    int64_t shape[5] = {0, 0};
    for (int i = 0; i < count; i++)
        shape[2 + i] = sizes[i];
    value = build_cast(editor, value, TN_FLOAT);
    if (editor->failed)
        return NULL;
    return build(editor, "Reshape", 2, (Value *[]){value, edit_int64s(editor, 2 + count, shape)});
}

/* A known size, so that Reshape need not divide by sizes of 0; else -1. */
static int64_t size_or_rest(const Expr *size, int64_t parts)
{
    int64_t known;
    return expr_known(size, &known) ? known / parts : -1;
}

typedef struct Step {
    Editor editor;
    const LinearAttributes *attributes;
    Value *state, *query, *key, *value, *decay, *beta;
} Step;

/* The new state in step->state; answers what the queries read. */
static Value *make_step(Step *step)
{
    Editor *e = &step->editor;
    Value *state = step->state;
    if (step->decay) {
        Value *kept = build(e, "Exp", 1, &step->decay);
        state = build_multiply(e, state, build_unsqueeze(e, kept, -1));
    }
    Value *value = build_unsqueeze(e, step->value, -2);
    if (step->beta) {
        Value *read = build_matmul(e, build_unsqueeze(e, step->key, -2), state);
        value = build_multiply(e, step->beta, build_subtract(e, value, read));
    }
    Value *added = build_multiply(e, build_unsqueeze(e, step->key, -1), value);
    step->state = build_add(e, state, added);
    return build_matmul(e, step->query, step->state);
}

static Value *initial_state(Editor *editor, const Node *node)
{
    const LinearAttributes *attributes = node->attributes;
    if (operand(node, PAST))
        return build_cast(editor, operand(node, PAST), TN_FLOAT);
    if (editor->failed)
        return NULL;
    Value *heads[] = {edit_int64s(editor, 1, &attributes->q_num_heads),
                      edit_int64s(editor, 1, &attributes->kv_num_heads)};
    Value *depth =
        build(editor, "Div", 2, (Value *[]){build_size(editor, operand(node, QUERY), 2), heads[0]});
    Value *width =
        build(editor, "Div", 2, (Value *[]){build_size(editor, operand(node, VALUE), 2), heads[1]});
    Value *sizes[] = {build_size(editor, operand(node, QUERY), 0), heads[1], depth, width};
    return editor->failed ? NULL : build_fill(editor, TN_FLOAT, 0, 4, sizes);
}

static Node *make_scan(Editor *editor, const Node *node)
{
    static const int64_t second[] = {1, 1, 1, 1, 1};
    const LinearAttributes *attributes = node->attributes;
    int64_t heads = attributes->kv_num_heads, group = attributes->q_num_heads / heads;
    const Expr *q_width = operand_type(node, QUERY)->dims[2];
    const Expr *v_width = operand_type(node, VALUE)->dims[2];
    int64_t depth = size_or_rest(q_width, attributes->q_num_heads);
    int64_t q_shape[] = {heads, group, depth}, k_shape[] = {heads, depth};
    int64_t v_shape[] = {heads, size_or_rest(v_width, heads)};
    Value *operands[6];
    int count = 0;
    operands[count++] = initial_state(editor, node);
    operands[count++] = spread(editor, operand(node, QUERY), 3, q_shape);
    operands[count++] = spread(editor, operand(node, KEY), 2, k_shape);
    operands[count++] = spread(editor, operand(node, VALUE), 2, v_shape);
    if (is_gated(attributes)) {
        const Expr *width = operand_type(node, DECAY)->dims[2];
        int64_t shape[] = {heads, size_or_rest(width, heads)};
        operands[count++] = spread(editor, operand(node, DECAY), 2, shape);
    }
    if (is_delta(attributes)) {
        static const int64_t shape[] = {0, 1, 1};
        operands[count++] = spread(editor, operand(node, BETA), 3, shape);
    }
    ScanAttributes scan_attributes = {
        .num_scan_inputs = count - 1,
        .scan_input_axes = {count - 1, second},
        .scan_output_axes = {1, second},
    };
    Node *scan = edit_node(editor, &op_scan, &scan_attributes, count, operands, 2, 1);
    for (int i = 0; scan && i < count; i++)
        graph_add_input(scan->regions[0], NULL, NULL);
    return scan;
}

static bool make_body(Editor *editor, const Node *node, Node *scan)
{
    const LinearAttributes *attributes = node->attributes;
    Graph *body = scan->regions[0];
    if (!control_seed_regions(editor->context, scan))
        return false;
    Value **inputs = body->inputs;
    Step step = {.editor = edit_at_end(editor->context, body),
                 .attributes = attributes,
                 .state = inputs[0],
                 .query = inputs[1],
                 .key = inputs[2],
                 .value = inputs[3]};
    step.editor.model = node;
    step.decay = is_gated(attributes) ? inputs[4] : NULL;
    step.beta = is_delta(attributes) ? inputs[body->input_count - 1] : NULL;
    Value *output = make_step(&step);
    if (step.editor.failed)
        return false;
    graph_add_output(body, step.state, NULL);
    graph_add_output(body, output, NULL);
    return edit_infer(editor, scan);
}

static bool decompose(Editor *editor, const Node *node, Value **values)
{
    const LinearAttributes *attributes = node->attributes;
    TnElementType element = operand_type(node, QUERY)->element;
    Node *scan = make_scan(editor, node);
    if (!scan || !make_body(editor, node, scan)) {
        editor->failed = true;
        return false;
    }
    /* [batch, time, heads, group, size] to [batch, time, heads * group * size] */
    const Expr *v_width = operand_type(node, VALUE)->dims[2];
    int64_t width = size_or_rest(v_width, attributes->kv_num_heads);
    int64_t shape[] = {0, 0, width < 0 ? -1 : width * attributes->q_num_heads};
    Value *read =
        build(editor, "Reshape", 2, (Value *[]){result(scan, 1), edit_int64s(editor, 3, shape)});
    Value *scale;
    int64_t q_width;
    if (attributes->scale != 0) {
        scale = edit_real(editor, TN_FLOAT, attributes->scale);
    } else if (expr_known(operand_type(node, QUERY)->dims[2], &q_width)) {
        double depth = (double)(q_width / attributes->q_num_heads);
        scale = edit_real(editor, TN_FLOAT, 1 / sqrt(depth));
    } else {
        Value *depth = build_cast(editor, build_size(editor, result(scan, 0), 2), TN_FLOAT);
        Value *root = build(editor, "Sqrt", 1, &depth);
        scale = build(editor, "Reciprocal", 1, &root);
    }
    values[0] = build_cast(editor, build_multiply(editor, read, scale), element);
    if (node->result_count > 1 && !editor->failed)
        values[1] = build_cast(editor, result(scan, 0), result(node, 1)->type->element);
    return !editor->failed;
}

#define TYPES_LINEAR (TYPE_BIT(TN_FLOAT) | TYPE_BIT(TN_FLOAT16) | TYPE_BIT(TN_BFLOAT16))

static const OperandDef operands[] = {
    {.name = "query", .types = TYPES_LINEAR, .group = 'T'},
    {.name = "key", .types = TYPES_LINEAR, .group = 'T'},
    {.name = "value", .types = TYPES_LINEAR, .group = 'T'},
    {.name = "past_state", .types = TYPES_LINEAR, .group = 'S', .optional = true},
    {.name = "decay", .types = TYPES_LINEAR, .group = 'T', .optional = true},
    {.name = "beta", .types = TYPES_LINEAR, .group = 'T', .optional = true},
};
static const OperandDef results[] = {
    {.name = "output", .types = TYPES_LINEAR, .group = 'T'},
    {.name = "present_state", .types = TYPES_LINEAR, .group = 'S', .optional = true},
};
static const AttributeDef attributes[] = {
    ATTRIBUTE_INT(LinearAttributes, chunk_size, 64, "a hint; the result does not depend on it"),
    ATTRIBUTE_INT_REQUIRED(LinearAttributes, kv_num_heads, "heads of key and value"),
    ATTRIBUTE_INT_REQUIRED(LinearAttributes, q_num_heads, "heads of the query"),
    ATTRIBUTE_FLOAT(LinearAttributes, scale, 0.0f, "of the result; 0: 1 / sqrt(key size)"),
    ATTRIBUTE_CHOICE(LinearAttributes, update_rule, "linear|gated|delta|gated_delta",
                     RULE_gated_delta, "how the state is updated"),
};

const OpDef op_linear_attention = {
    .name = "LinearAttention",
    .domain = "",
    .summary = "reads and updates a matrix of memory at each position of a sequence",
    .since = 27,
    .first = 27,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, LinearAttributes),
    .infer = infer,
    .decompose = decompose,
};
