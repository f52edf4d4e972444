/* SPDX-License-Identifier: Apache-2.0
 *
 * TreeEnsemble: each row of X goes from the root of each tree to a leaf, whose weight counts for
 * the leaf's target. Sizes and numbers of nodes were checked by inference; that no path comes back
 * to itself is checked as it is walked.
 */
#include "runtime/host/host.h"

#include <math.h>
#include <string.h>

typedef enum Mode { MODE_leq, MODE_lt, MODE_gte, MODE_gt, MODE_eq, MODE_neq, MODE_member } Mode;
typedef enum Aggregate { AGGREGATE_average, AGGREGATE_sum, AGGREGATE_min, AGGREGATE_max } Aggregate;
typedef struct Trees {
    HostCall *call;
    IntList roots, features, true_nodes, false_nodes, true_leafs, false_leafs, missing, targets;
    const TnTensor *modes, *splits, *members, *weights;
    int64_t *member_begins; /* of each node that tests membership: where its set begins */
    int64_t target_count;
    Aggregate aggregate;
} Trees;

static double real_at(const TnTensor *tensor, int64_t i)
{
    return tensor->element == TN_FLOAT ? (double)((const float *)tensor->data)[i]
                                       : ((const double *)tensor->data)[i];
}

/* Sets end with a NaN, and lie in the order of the nodes that test them. */
static bool find_sets(Trees *trees)
{
    int64_t count = trees->features.count, at = 0;
    int64_t most = trees->members ? tensor_count(trees->members) : 0;
    trees->member_begins = host_scratch(trees->call, (count + 1) * (int64_t)sizeof(int64_t));
    for (int64_t i = 0; trees->member_begins && i < count; i++) {
        trees->member_begins[i] = at;
        if (((const uint8_t *)trees->modes->data)[i] != MODE_member)
            continue;
        while (at < most && !isnan(real_at(trees->members, at)))
            at++;
        at += at < most;
    }
    return trees->member_begins != NULL;
}

static bool is_member(const Trees *trees, int64_t node, double x)
{
    int64_t most = trees->members ? tensor_count(trees->members) : 0;
    for (int64_t i = trees->member_begins[node]; i < most; i++) {
        double member = real_at(trees->members, i);
        if (isnan(member))
            return false;
        if (member == x)
            return true;
    }
    return false;
}

static bool is_true(const Trees *trees, int64_t node, double x)
{
    double split = real_at(trees->splits, node);
    if (isnan(x) && trees->missing.count && trees->missing.items[node])
        return true;
    switch ((Mode)((const uint8_t *)trees->modes->data)[node]) {
    case MODE_leq: return x <= split;
    case MODE_lt: return x < split;
    case MODE_gte: return x >= split;
    case MODE_gt: return x > split;
    case MODE_eq: return x == split;
    case MODE_neq: return x != split;
    case MODE_member: return is_member(trees, node, x);
    }
    return false;
}

/* -1 where the path does not end. */
static int64_t find_leaf(const Trees *trees, int64_t root, const TnTensor *x, int64_t row)
{
    int64_t node = root;
    for (int64_t step = 0; step < trees->features.count; step++) {
        double value = real_at(x, row * x->dims[1] + trees->features.items[node]);
        bool goes = is_true(trees, node, value);
        int64_t next = goes ? trees->true_nodes.items[node] : trees->false_nodes.items[node];
        if (goes ? trees->true_leafs.items[node] : trees->false_leafs.items[node])
            return next;
        node = next;
    }
    return -1;
}

static double combine(Aggregate aggregate, double a, double b, bool first)
{
    if (first)
        return b;
    switch (aggregate) {
    case AGGREGATE_average:
    case AGGREGATE_sum: return a + b;
    case AGGREGATE_min: return b < a ? b : a;
    case AGGREGATE_max: return b > a ? b : a;
    }
    return a;
}

static TnStatus score_row(const Trees *trees, const TnTensor *x, int64_t row, double *scores,
                          bool *reached)
{
    memset(reached, 0, (size_t)trees->target_count);
    memset(scores, 0, (size_t)trees->target_count * sizeof *scores);
    for (int64_t i = 0; i < trees->roots.count; i++) {
        int64_t leaf = find_leaf(trees, trees->roots.items[i], x, row);
        if (leaf < 0)
            return host_error(trees->call, "the path from root %lld does not end", (long long)i);
        int64_t target = trees->targets.items[leaf];
        scores[target] = combine(trees->aggregate, scores[target], real_at(trees->weights, leaf),
                                 !reached[target]);
        reached[target] = true;
    }
    for (int64_t t = 0; t < trees->target_count && trees->aggregate == AGGREGATE_average; t++)
        scores[t] /= (double)trees->roots.count;
    return TN_OK;
}

TnStatus host_tree_ensemble(HostCall *call)
{
    const TnTensor *x = host_tensor(call, 0);
    Trees trees = {
        .call = call,
        .roots = host_ints(call, "tree_roots"),
        .features = host_ints(call, "nodes_featureids"),
        .true_nodes = host_ints(call, "nodes_truenodeids"),
        .false_nodes = host_ints(call, "nodes_falsenodeids"),
        .true_leafs = host_ints(call, "nodes_trueleafs"),
        .false_leafs = host_ints(call, "nodes_falseleafs"),
        .missing = host_ints(call, "nodes_missing_value_tracks_true"),
        .targets = host_ints(call, "leaf_targetids"),
        .modes = host_tensor_attribute(call, "nodes_modes"),
        .splits = host_tensor_attribute(call, "nodes_splits"),
        .members = host_tensor_attribute(call, "membership_values"),
        .weights = host_tensor_attribute(call, "leaf_weights"),
        .target_count = host_int(call, "n_targets"),
        .aggregate = (Aggregate)host_int(call, "aggregate_function"),
    };
    const int64_t dims[] = {x->dims[0], trees.target_count};
    void *y = host_output(call, 0, 2, dims);
    double *scores = host_scratch(call, (trees.target_count + 1) * (int64_t)sizeof *scores);
    bool *reached = host_scratch(call, trees.target_count + 1);
    if (!y || !scores || !reached || !find_sets(&trees))
        return call->status;
    for (int64_t row = 0; row < x->dims[0]; row++) {
        TnStatus status = score_row(&trees, x, row, scores, reached);
        if (status != TN_OK)
            return status;
        for (int64_t t = 0; t < trees.target_count; t++) {
            int64_t at = row * trees.target_count + t;
            if (x->element == TN_FLOAT)
                ((float *)y)[at] = (float)scores[t];
            else
                ((double *)y)[at] = scores[t];
        }
    }
    return TN_OK;
}
