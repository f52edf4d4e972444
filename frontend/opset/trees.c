/* SPDX-License-Identifier: Apache-2.0
 *
 * TreeEnsembleRegressor, which TreeEnsemble replaced in version 5 of ai.onnx.ml.
 *
 * It names nodes by tree and number, leaves among them, and gives weights to (tree, leaf, target).
 * TreeEnsemble numbers nodes and leaves apart, and a leaf has one target: where a leaf has several,
 * the trees are repeated, the k-th time with the k-th weight of each leaf.
 */
#include "frontend/opset/rules.h"
#include "ir/support/hash.h"

#include <string.h>

enum { MOST_VISITS = 1 << 26 }; /* of nodes and weights, over all copies */

typedef ARRAY(int64_t) Integers;
typedef ARRAY(float) Reals;

typedef struct Place {
    int64_t tree, node;
} Place;

/* The old node's lists, and where each old node went. */
typedef struct Trees {
    Upgrade *upgrade;
    int64_t count; /* nodes, leaves included */
    const int64_t *tree_ids, *node_ids, *true_ids, *false_ids, *features, *missing;
    const float *values;
    const TnString *modes;
    const int64_t *target_trees, *target_nodes, *targets;
    const float *weights;
    int64_t target_count, most; /* weights in all; of the leaf that has the most */
    Map numbers;                /* Place -> number of the old node, from 1 */
    int64_t *is_child;          /* of each old node */
    int64_t *position; /* among the new nodes or the new leaves, in the copy that is made */
} Trees;

/* What the new node says. */
typedef struct NewTrees {
    Integers roots, features, true_nodes, true_leafs, false_nodes, false_leafs, missing, targets;
    Reals splits, weights;
    ARRAY(uint8_t) modes;
} NewTrees;

static const char *const mode_names[] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE",
                                         "BRANCH_GT",  "BRANCH_EQ", "BRANCH_NEQ"};

static bool is_leaf(const Trees *trees, int64_t i)
{
    return proto_equals(trees->modes[i], "LEAF");
}

/* ---- Reading ----------------------------------------------------------------------------- */

/* False after a diagnostic where the list has another length. */
static bool get_ints(Upgrade *upgrade, const char *name, int64_t count, const int64_t **items)
{
    const AttributeProto *list = node_proto_attribute(upgrade->node, name);
    int64_t found = list ? list->ints.count : 0;
    *items = found ? list->ints.items : NULL;
    return found == count || rule_error(upgrade, "%s has %lld elements, expected %lld", name,
                                        (long long)found, (long long)count);
}

static bool get_floats(Upgrade *upgrade, const char *name, int64_t count, const float **items)
{
    const AttributeProto *list = node_proto_attribute(upgrade->node, name);
    int64_t found = list ? list->floats.count : 0;
    *items = found ? list->floats.items : NULL;
    return found == count || rule_error(upgrade, "%s has %lld elements, expected %lld", name,
                                        (long long)found, (long long)count);
}

static bool read_lists(Trees *trees)
{
    static const char *const others[] = {"nodes_values_as_tensor", "target_weights_as_tensor",
                                         "base_values_as_tensor"};
    Upgrade *upgrade = trees->upgrade;
    const AttributeProto *modes = node_proto_attribute(upgrade->node, "nodes_modes");
    const AttributeProto *targets = node_proto_attribute(upgrade->node, "target_ids");
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (rule_has(upgrade, others[i]))
            return rule_unsupported(upgrade, "its attribute %s", others[i]);
    trees->count = modes ? modes->strings.count : 0;
    trees->modes = modes ? modes->strings.items : NULL;
    trees->target_count = targets ? targets->ints.count : 0;
    if (!trees->count || !trees->target_count)
        return rule_error(upgrade, "it has no trees");
    if (rule_has(upgrade, "nodes_missing_value_tracks_true") &&
        !get_ints(upgrade, "nodes_missing_value_tracks_true", trees->count, &trees->missing))
        return false;
    return get_ints(upgrade, "nodes_treeids", trees->count, &trees->tree_ids) &&
           get_ints(upgrade, "nodes_nodeids", trees->count, &trees->node_ids) &&
           get_ints(upgrade, "nodes_truenodeids", trees->count, &trees->true_ids) &&
           get_ints(upgrade, "nodes_falsenodeids", trees->count, &trees->false_ids) &&
           get_ints(upgrade, "nodes_featureids", trees->count, &trees->features) &&
           get_floats(upgrade, "nodes_values", trees->count, &trees->values) &&
           get_ints(upgrade, "target_ids", trees->target_count, &trees->targets) &&
           get_ints(upgrade, "target_treeids", trees->target_count, &trees->target_trees) &&
           get_ints(upgrade, "target_nodeids", trees->target_count, &trees->target_nodes) &&
           get_floats(upgrade, "target_weights", trees->target_count, &trees->weights);
}

/* The old node's number; -1 after a diagnostic. */
static int64_t find_node(const Trees *trees, int64_t tree, int64_t node)
{
    Place place = {tree, node};
    intptr_t number = (intptr_t)map_get_bytes(&trees->numbers, &place, sizeof place);
    if (!number)
        rule_error(trees->upgrade, "tree %lld has no node %lld", (long long)tree, (long long)node);
    return number - 1;
}

static bool number_nodes(Trees *trees)
{
    Arena *arena = rule_arena(trees->upgrade);
    trees->numbers = map_create(arena);
    trees->is_child = ARENA_ARRAY(arena, int64_t, trees->count);
    trees->position = ARENA_ARRAY(arena, int64_t, trees->count);
    memset(trees->is_child, 0, (size_t)trees->count * sizeof(int64_t));
    for (int64_t i = 0; i < trees->count; i++) {
        Place *place = ARENA_NEW(arena, Place);
        *place = (Place){trees->tree_ids[i], trees->node_ids[i]};
        if (map_get_bytes(&trees->numbers, place, sizeof *place))
            return rule_error(trees->upgrade, "tree %lld has two nodes %lld",
                              (long long)place->tree, (long long)place->node);
        map_set_bytes(&trees->numbers, place, sizeof *place, (void *)(intptr_t)(i + 1));
    }
    for (int64_t i = 0; i < trees->count; i++) {
        if (is_leaf(trees, i))
            continue;
        int64_t yes = find_node(trees, trees->tree_ids[i], trees->true_ids[i]);
        int64_t no = yes < 0 ? -1 : find_node(trees, trees->tree_ids[i], trees->false_ids[i]);
        if (no < 0)
            return false;
        trees->is_child[yes] = trees->is_child[no] = 1;
    }
    return true;
}

/* ---- Writing ----------------------------------------------------------------------------- */

static int mode_of(TnString name)
{
    for (int mode = 0; mode < (int)COUNT_OF(mode_names); mode++)
        if (proto_equals(name, mode_names[mode]))
            return mode;
    return -1;
}

static void add_node(Arena *arena, NewTrees *made, int64_t feature, int mode, float split,
                     bool missing)
{
    array_push(arena, &made->features, feature);
    array_push(arena, &made->modes, (uint8_t)mode);
    array_push(arena, &made->splits, split);
    array_push(arena, &made->missing, missing);
}

static void add_branches(Arena *arena, NewTrees *made, int64_t yes, bool yes_is_leaf, int64_t no,
                         bool no_is_leaf)
{
    array_push(arena, &made->true_nodes, yes);
    array_push(arena, &made->true_leafs, yes_is_leaf);
    array_push(arena, &made->false_nodes, no);
    array_push(arena, &made->false_leafs, no_is_leaf);
}

/* The copy in which the k-th weight of each leaf counts. */
static bool add_copy(const Trees *trees, NewTrees *made, const int64_t *weight_of)
{
    Arena *arena = rule_arena(trees->upgrade);
    int64_t nodes = made->features.count;
    for (int64_t i = 0; i < trees->count; i++) {
        if (is_leaf(trees, i)) {
            int64_t weight = weight_of[i];
            trees->position[i] = made->targets.count;
            array_push(arena, &made->targets, weight < 0 ? 0 : trees->targets[weight]);
            array_push(arena, &made->weights, weight < 0 ? 0 : trees->weights[weight]);
        } else {
            trees->position[i] = nodes++;
        }
    }
    for (int64_t i = 0; i < trees->count; i++) {
        int mode = mode_of(trees->modes[i]);
        if (!is_leaf(trees, i) && mode < 0)
            return rule_unsupported(trees->upgrade, "the mode '%.*s'", (int)trees->modes[i].length,
                                    trees->modes[i].data);
        if (!is_leaf(trees, i)) {
            int64_t yes = find_node(trees, trees->tree_ids[i], trees->true_ids[i]);
            int64_t no = find_node(trees, trees->tree_ids[i], trees->false_ids[i]);
            add_node(arena, made, trees->features[i], mode, trees->values[i],
                     trees->missing && trees->missing[i]);
            add_branches(arena, made, trees->position[yes], is_leaf(trees, yes),
                         trees->position[no], is_leaf(trees, no));
        }
        if (!trees->is_child[i] && !is_leaf(trees, i))
            array_push(arena, &made->roots, trees->position[i]);
    }
    for (int64_t i = 0; i < trees->count; i++) { /* a tree of one leaf needs a node before it */
        if (trees->is_child[i] || !is_leaf(trees, i))
            continue;
        array_push(arena, &made->roots, made->features.count);
        add_node(arena, made, 0, 0, 0, false);
        add_branches(arena, made, trees->position[i], true, trees->position[i], true);
    }
    return true;
}

/* A copy for each weight of the leaf that has the most. */
static bool make_copies(Trees *trees, NewTrees *made)
{
    Arena *arena = rule_arena(trees->upgrade);
    int64_t *weight_of = ARENA_ARRAY(arena, int64_t, trees->count);
    bool *used = ARENA_ARRAY(arena, bool, trees->target_count);
    int64_t rest = trees->target_count;
    memset(used, 0, (size_t)trees->target_count * sizeof *used);
    while (rest > 0) {
        for (int64_t i = 0; i < trees->count; i++)
            weight_of[i] = -1;
        for (int64_t w = 0; w < trees->target_count; w++) {
            int64_t leaf =
                used[w] ? -1 : find_node(trees, trees->target_trees[w], trees->target_nodes[w]);
            if (!used[w] && (leaf < 0 || !is_leaf(trees, leaf)))
                return leaf >= 0 && rule_error(trees->upgrade,
                                               "node %lld, which has a weight, is "
                                               "no leaf",
                                               (long long)trees->target_nodes[w]);
            if (leaf < 0 || weight_of[leaf] >= 0)
                continue;
            weight_of[leaf] = w;
            used[w] = true;
            rest--;
        }
        if (++trees->most * (trees->count + trees->target_count) > MOST_VISITS)
            return rule_unsupported(trees->upgrade, "so many weights a leaf");
        if (!add_copy(trees, made, weight_of))
            return false;
    }
    return true;
}

static void set_tensor(Upgrade *upgrade, NodeProto *node, const char *name, TnElementType element,
                       int64_t count, const void *data, size_t bytes)
{
    Arena *arena = rule_arena(upgrade);
    AttributeProto *attribute = MESSAGE_NEW(arena, AttributeProto);
    TensorProto *tensor = MESSAGE_NEW(arena, TensorProto);
    array_push(arena, &tensor->dims, count);
    PROTO_SET(tensor, data_type, (int32_t)element);
    PROTO_SET(tensor, raw_data, (TnString){data, count * (int64_t)bytes});
    PROTO_SET(attribute, name, proto_string(name));
    PROTO_SET(attribute, type, PROTO_ATTRIBUTE_TENSOR);
    PROTO_SET(attribute, t, tensor);
    array_push(arena, &node->attribute, attribute);
}

/* SUM, AVERAGE, MIN or MAX as TreeEnsemble numbers them; -1 after a diagnostic. */
static int64_t aggregate_of(const Trees *trees)
{
    static const char *const names[] = {"AVERAGE", "SUM", "MIN", "MAX"};
    int64_t found = rule_has(trees->upgrade, "aggregate_function") ? -1 : 1;
    for (int64_t i = 0; i < (int64_t)COUNT_OF(names); i++)
        if (rule_string_is(trees->upgrade, "aggregate_function", names[i]))
            found = i;
    if (found < 0)
        rule_error(trees->upgrade, "its aggregate_function is none of AVERAGE, SUM, MIN and MAX");
    if (found >= 0 && found != 1 && trees->most > 1) {
        rule_unsupported(trees->upgrade, "leaves with several weights that are not added up");
        return -1;
    }
    return found;
}

static NodeProto *make_proto(const Trees *trees, const NewTrees *made, int64_t aggregate)
{
    Upgrade *upgrade = trees->upgrade;
    NodeProto *node = upgrade_copy(upgrade);
    node->attribute.count = 0;
    PROTO_SET(node, op_type, proto_string("TreeEnsemble"));
    upgrade_set_int(upgrade, node, "n_targets", rule_int(upgrade, "n_targets", 1));
    upgrade_set_int(upgrade, node, "aggregate_function", aggregate);
    const struct {
        const char *name;
        const Integers *list;
    } lists[] = {
        {"tree_roots", &made->roots},
        {"nodes_featureids", &made->features},
        {"nodes_truenodeids", &made->true_nodes},
        {"nodes_trueleafs", &made->true_leafs},
        {"nodes_falsenodeids", &made->false_nodes},
        {"nodes_falseleafs", &made->false_leafs},
        {"nodes_missing_value_tracks_true", &made->missing},
        {"leaf_targetids", &made->targets},
    };
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        upgrade_set_ints(upgrade, node, lists[i].name, lists[i].list->count, lists[i].list->items);
    set_tensor(upgrade, node, "nodes_modes", TN_UINT8, made->modes.count, made->modes.items, 1);
    set_tensor(upgrade, node, "nodes_splits", TN_FLOAT, made->splits.count, made->splits.items,
               sizeof(float));
    set_tensor(upgrade, node, "leaf_weights", TN_FLOAT, made->weights.count, made->weights.items,
               sizeof(float));
    return node;
}

/* base_values, then post_transform. */
static Value *finish_scores(Upgrade *upgrade, Value *scores)
{
    const AttributeProto *base = node_proto_attribute(upgrade->node, "base_values");
    if (base && base->floats.count)
        scores = rule_make(upgrade, "Add", NULL, 2, scores,
                           rule_floats(upgrade, base->floats.count, base->floats.items));
    if (scores && rule_string_is(upgrade, "post_transform", "LOGISTIC"))
        return rule_make(upgrade, "Sigmoid", NULL, 1, scores);
    if (scores && rule_string_is(upgrade, "post_transform", "SOFTMAX"))
        return rule_make(upgrade, "Softmax", NULL, 1, scores);
    if (rule_has(upgrade, "post_transform") && !rule_string_is(upgrade, "post_transform", "NONE")) {
        rule_unsupported(upgrade, "this post_transform");
        return NULL;
    }
    return scores;
}

bool upgrade_tree_ensemble_regressor(Upgrade *upgrade)
{
    Trees trees = {.upgrade = upgrade};
    NewTrees made = {0};
    if (rule_element(upgrade, 0) == TN_DOUBLE)
        return rule_unsupported(upgrade, "features of type double");
    if (!read_lists(&trees) || !number_nodes(&trees) || !make_copies(&trees, &made))
        return false;
    int64_t aggregate = aggregate_of(&trees);
    const Setting to_float[] = {{"to", TN_FLOAT, 0, NULL}, {NULL, 0, 0, NULL}};
    Value *x = rule_operand(upgrade, 0);
    if (x && rule_element(upgrade, 0) != TN_FLOAT)
        x = rule_make(upgrade, "Cast", to_float, 1, x);
    if (aggregate < 0 || !upgrade_finish(upgrade, make_proto(&trees, &made, aggregate), 1, &x))
        return false;
    if (upgrade->result_count == 0 || !upgrade->results[0])
        return true;
    upgrade->results[0] = finish_scores(upgrade, upgrade->results[0]);
    return upgrade->results[0] != NULL;
}
