/* SPDX-License-Identifier: Apache-2.0
 *
 * TreeEnsemble, ai.onnx.ml: a host function, which relies on what is checked here, and for its
 * post_transform other operators.
 */
#include "ir/ops/build.h"

#define TYPES_SCORE (TYPE_BIT(TN_FLOAT) | TYPE_BIT(TN_DOUBLE))

enum { MODE_COUNT = 7, AGGREGATE_COUNT = 4, MOST_TARGETS = 1 << 20 };

enum {
    TRANSFORM_none,
    TRANSFORM_softmax,
    TRANSFORM_logistic,
    TRANSFORM_softmax_zero,
    TRANSFORM_probit
};

typedef struct TreeEnsembleAttributes {
    int64_t aggregate_function, n_targets, post_transform;
    IntList leaf_targetids, nodes_falseleafs, nodes_falsenodeids, nodes_featureids,
        nodes_missing_value_tracks_true, nodes_trueleafs, nodes_truenodeids, tree_roots;
    const Constant *leaf_weights, *membership_values, *nodes_hitrates, *nodes_modes, *nodes_splits;
} TreeEnsembleAttributes;

#define REQUIRED(field, kind, doc) ATTRIBUTE_REQUIRED(TreeEnsembleAttributes, field, kind, doc)
#define OPTIONAL(field, kind, doc) ATTRIBUTE_OPTIONAL(TreeEnsembleAttributes, field, kind, doc)
static const AttributeDef attributes[] = {
    ATTRIBUTE_INT(TreeEnsembleAttributes, aggregate_function, 1,
                  "0: average, 1: sum, 2: min, 3: max"),
    REQUIRED(leaf_targetids, ints, "what each leaf counts for"),
    REQUIRED(leaf_weights, tensor, "how much each leaf counts"),
    OPTIONAL(membership_values, tensor, "sets, each ended by a NaN, of the nodes of mode 6"),
    OPTIONAL(n_targets, int, "how many targets there are"),
    REQUIRED(nodes_falseleafs, ints, "whether a node's false branch is a leaf"),
    REQUIRED(nodes_falsenodeids, ints, "a node's false branch: a node or a leaf"),
    REQUIRED(nodes_featureids, ints, "the column that each node tests"),
    OPTIONAL(nodes_hitrates, tensor, "not used"),
    OPTIONAL(nodes_missing_value_tracks_true, ints, "whether a NaN goes to the true branch"),
    REQUIRED(nodes_modes, tensor, "x <= < >= > == != split, or x in a set"),
    REQUIRED(nodes_splits, tensor, "what each node compares with"),
    REQUIRED(nodes_trueleafs, ints, "whether a node's true branch is a leaf"),
    REQUIRED(nodes_truenodeids, ints, "a node's true branch: a node or a leaf"),
    ATTRIBUTE_INT(TreeEnsembleAttributes, post_transform, 0,
                  "0: none, 1: softmax, 2: logistic, 3: softmax of what is not 0"),
    REQUIRED(tree_roots, ints, "the root of each tree"),
};

static const OperandDef operands[] = {{.name = "X", .types = TYPES_SCORE, .group = 'T'}};
static const OperandDef results[] = {{.name = "Y", .types = TYPES_SCORE, .group = 'T'}};

/* Each number is in 0 .. limit - 1. */
static bool check_range(InferContext *context, const Node *node, const char *name, IntList list,
                        int64_t limit)
{
    for (int64_t i = 0; i < list.count; i++)
        if (list.items[i] < 0 || list.items[i] >= limit)
            return infer_error(context, node, "%s holds %lld, expected 0 to %lld", name,
                               (long long)list.items[i], (long long)limit - 1);
    return true;
}

static bool check_count(InferContext *context, const Node *node, const char *name, int64_t count,
                        int64_t expected)
{
    return count == expected || infer_error(context, node, "%s has %lld elements, expected %lld",
                                            name, (long long)count, (long long)expected);
}

static bool check_branches(InferContext *context, const Node *node, const char *name, IntList ids,
                           IntList are_leafs, int64_t node_count, int64_t leaf_count)
{
    if (!check_count(context, node, name, ids.count, node_count) ||
        !check_count(context, node, name, are_leafs.count, node_count))
        return false;
    for (int64_t i = 0; i < node_count; i++) {
        int64_t limit = are_leafs.items[i] ? leaf_count : node_count;
        if (ids.items[i] < 0 || ids.items[i] >= limit)
            return infer_error(context, node, "%s %lld leads to %lld, expected 0 to %lld", name,
                               (long long)i, (long long)ids.items[i], (long long)limit - 1);
    }
    return true;
}

static bool check_numbers(InferContext *context, const Node *node, const char *name,
                          const Constant *tensor, TnElementType element, int64_t count)
{
    if (tensor->element != element)
        return infer_error(context, node, "%s has element type %s, expected %s", name,
                           element_name(tensor->element), element_name(element));
    return count < 0 || check_count(context, node, name, tensor->count, count);
}

static bool check_modes(InferContext *context, const Node *node, const Constant *modes)
{
    for (int64_t i = 0; i < modes->count; i++)
        if (constant_get_int64(modes, i) >= MODE_COUNT)
            return infer_error(context, node, "nodes_modes holds %lld, expected 0 to %d",
                               (long long)constant_get_int64(modes, i), MODE_COUNT - 1);
    return true;
}

static bool check_nodes(InferContext *context, const Node *node, TnElementType element)
{
    const TreeEnsembleAttributes *a = node->attributes;
    int64_t nodes = a->nodes_featureids.count, leafs = a->leaf_targetids.count;
    return check_range(context, node, "tree_roots", a->tree_roots, nodes) &&
           check_range(context, node, "leaf_targetids", a->leaf_targetids, a->n_targets) &&
           check_numbers(context, node, "leaf_weights", a->leaf_weights, element, leafs) &&
           check_numbers(context, node, "nodes_splits", a->nodes_splits, element, nodes) &&
           check_numbers(context, node, "nodes_modes", a->nodes_modes, TN_UINT8, nodes) &&
           check_modes(context, node, a->nodes_modes) &&
           (!a->membership_values ||
            check_numbers(context, node, "membership_values", a->membership_values, element, -1)) &&
           (!a->nodes_missing_value_tracks_true.count ||
            check_count(context, node, "nodes_missing_value_tracks_true",
                        a->nodes_missing_value_tracks_true.count, nodes)) &&
           check_branches(context, node, "the true branch of node", a->nodes_truenodeids,
                          a->nodes_trueleafs, nodes, leafs) &&
           check_branches(context, node, "the false branch of node", a->nodes_falsenodeids,
                          a->nodes_falseleafs, nodes, leafs);
}

static bool infer(InferContext *context, Node *node)
{
    const TreeEnsembleAttributes *a = node->attributes;
    const Type *x = operand_type(node, 0);
    int64_t columns;
    if (x->rank != 2)
        return infer_error(context, node, "X is of rank %d, expected [rows, features]", x->rank);
    if (!expr_known(x->dims[1], &columns))
        return infer_unsupported(context, node, "an unknown number of features");
    if (a->n_targets < 1 || a->n_targets > MOST_TARGETS)
        return infer_error(context, node, "n_targets is %lld", (long long)a->n_targets);
    if (a->aggregate_function < 0 || a->aggregate_function >= AGGREGATE_COUNT)
        return infer_error(context, node, "aggregate_function is %lld, expected 0 to %d",
                           (long long)a->aggregate_function, AGGREGATE_COUNT - 1);
    if (a->post_transform == TRANSFORM_probit)
        return infer_unsupported(context, node, "post_transform PROBIT");
    if (a->post_transform < 0 || a->post_transform > TRANSFORM_probit)
        return infer_error(context, node, "post_transform is %lld, expected 0 to %d",
                           (long long)a->post_transform, TRANSFORM_probit);
    if (!check_range(context, node, "nodes_featureids", a->nodes_featureids, columns) ||
        !check_nodes(context, node, x->element))
        return false;
    const Expr *dims[] = {x->dims[0], expr_integer(context->pool, a->n_targets)};
    infer_set(context, node, 0, x->element, 2, dims);
    return true;
}

/* The softmax of what is not 0, which stays. */
static Value *softmax_zero(Editor *e, Value *scores, TnElementType element)
{
    Value *zero = edit_real(e, element, 0);
    Value *is_zero = build(e, "Equal", 2, (Value *[]){scores, zero});
    Value *most = build(e, "ReduceMax", 2, (Value *[]){scores, edit_int64s(e, 1, (int64_t[]){1})});
    Value *power = build(e, "Exp", 1, (Value *[]){build_subtract(e, scores, most)});
    power = build(e, "Where", 3, (Value *[]){is_zero, zero, power});
    Value *sum = build(e, "ReduceSum", 2, (Value *[]){power, edit_int64s(e, 1, (int64_t[]){1})});
    Value *share = build(e, "Div", 2, (Value *[]){power, sum});
    return build(e, "Where", 3, (Value *[]){is_zero, zero, share});
}

static bool decompose(Editor *e, const Node *node, Value **values)
{
    const TreeEnsembleAttributes *a = node->attributes;
    TreeEnsembleAttributes plain = *a;
    plain.post_transform = TRANSFORM_none;
    if (a->post_transform == TRANSFORM_none)
        return false;
    Value *scores = edit(e, node->op, &plain, 1, operand(node, 0));
    values[0] = a->post_transform == TRANSFORM_softmax ? build(e, "Softmax", 1, &scores)
                : a->post_transform == TRANSFORM_logistic
                    ? build(e, "Sigmoid", 1, &scores)
                    : softmax_zero(e, scores, operand_type(node, 0)->element);
    return values[0] != NULL;
}

const OpDef op_tree_ensemble = {
    .name = "TreeEnsemble",
    .domain = "ai.onnx.ml",
    .summary = "what the trees' leaves say of each row, added up for each target",
    .since = 5,
    .first = 5,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, TreeEnsembleAttributes),
    .infer = infer,
    .decompose = decompose,
    .host = "tree_ensemble",
};
