/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of canonicalize: views, transposes and copies of a part.
 *
 * All views become Reshape, with a constant shape where that can be said: a size that the operand
 * has at the same place is 0, one other size may be -1. With it, shapes that exporters compute at
 * run time from the sizes of the same tensor need not be computed at all.
 */
#include "ir/ops/build.h"
#include "ir/support/array.h"
#include "passes/rules.h"

/* ---- Views ------------------------------------------------------------------------------- */

/* The numbers that reshape `from` to `to`; false if constants cannot say it. */
static bool state_shape(const Type *from, const Type *to, int64_t *shape)
{
    bool inferred = false;
    for (int d = 0; d < to->rank; d++) {
        int64_t size;
        bool same = d < from->rank && from->dims[d] == to->dims[d];
        if (expr_known(to->dims[d], &size) && (size != 0 || same))
            shape[d] = size;
        else if (same)
            shape[d] = 0;
        else if (!inferred && !expr_known(to->dims[d], &size)) {
            inferred = true;
            shape[d] = -1;
        } else
            return false;
    }
    return true;
}

static bool is_ranked(const Value *value)
{
    return type_is_tensor(value->type) && value->type->rank >= 0;
}

/* Reshape(x) to the type of the node's result; NULL if constants cannot say the shape. */
static Value *reshape_to_result(Pass *pass, Node *node, Value *x)
{
    int64_t shape[MAX_RANK];
    const Type *to = result(node, 0)->type;
    if (!is_ranked(x) || !type_is_tensor(to) || to->rank < 0 || !state_shape(x->type, to, shape))
        return NULL;
    if (type_equal(x->type, to))
        return x;
    Editor editor = rewrite_editor(pass, node);
    return edit(&editor, &op_reshape, NULL, 2, x, edit_int64s(&editor, to->rank, shape));
}

/* Squeeze, Unsqueeze and Flatten are Reshape. */
RULE(squeeze_as_reshape, squeeze)
{
    return reshape_to_result(pass, node, operand(node, 0));
}
RULE(unsqueeze_as_reshape, unsqueeze)
{
    return reshape_to_result(pass, node, operand(node, 0));
}
RULE(flatten_as_reshape, flatten)
{
    return reshape_to_result(pass, node, operand(node, 0));
}

/* Reshape(x) = x where nothing changes */
RULE(reshape_away, reshape)
{
    return type_equal(operand(node, 0)->type, result(node, 0)->type) ? operand(node, 0) : NULL;
}

/* Reshape(x, computed shape) = Reshape(x, constant) */
RULE(reshape_by_constant, reshape)
{
    return operand(node, 1)->constant ? NULL : reshape_to_result(pass, node, operand(node, 0));
}

/* Reshape(Reshape(x)) = Reshape(x) */
RULE(reshape_of_reshape, reshape)
{
    const Node *inner = operand_node(node, 0, &op_reshape);
    return inner ? reshape_to_result(pass, node, operand(inner, 0)) : NULL;
}

/* ---- Transposes -------------------------------------------------------------------------- */

/* Transpose(x) = x where every axis stays */
RULE(transpose_away, transpose)
{
    int rank = operand_type(node, 0)->rank;
    int64_t perm[MAX_RANK];
    transpose_permutation(node, rank, perm);
    for (int d = 0; d < rank; d++)
        if (perm[d] != d)
            return NULL;
    return operand(node, 0);
}

/* Transpose(Transpose(x, p), q) = Transpose(x, p[q]) */
RULE(transpose_of_transpose, transpose)
{
    const Node *inner = operand_node(node, 0, &op_transpose);
    if (!inner)
        return NULL;
    int rank = operand_type(node, 0)->rank;
    int64_t p[MAX_RANK], q[MAX_RANK], both[MAX_RANK];
    transpose_permutation(inner, rank, p);
    transpose_permutation(node, rank, q);
    for (int d = 0; d < rank; d++)
        both[d] = p[q[d]];
    Editor editor = rewrite_editor(pass, node);
    return build_transpose(&editor, operand(inner, 0), rank, both);
}

/* Transpose(x) = Reshape(x) where only axes of size 1 move past others */
RULE(transpose_as_reshape, transpose)
{
    const Type *type = operand_type(node, 0);
    int64_t perm[MAX_RANK], last = -1;
    transpose_permutation(node, type->rank, perm);
    for (int d = 0; d < type->rank; d++) {
        if (expr_is(type->dims[perm[d]], 1))
            continue;
        if (perm[d] < last)
            return NULL;
        last = perm[d];
    }
    return reshape_to_result(pass, node, operand(node, 0));
}

/* Whether sizes[0] * ... * sizes[count - 1] is `whole`. */
static bool is_product(ExprPool *pool, const Expr *const *sizes, int count, const Expr *whole)
{
    const Expr *product = expr_integer(pool, 1);
    for (int d = 0; d < count; d++)
        product = expr_times(pool, product, sizes[d]);
    return product == whole;
}

/* Where `coarse` is `fine` with neighbours merged: first[d] is the first fine dimension of coarse
 * dimension d, first[rank] the fine rank. */
static bool find_merges(ExprPool *pool, const Type *fine, const Type *coarse, int *first)
{
    int from = 0;
    for (int d = 0; d < coarse->rank; d++) {
        int to = from + 1;
        while (to < fine->rank && !is_product(pool, fine->dims + from, to - from, coarse->dims[d]))
            to++;
        if (to > fine->rank || !is_product(pool, fine->dims + from, to - from, coarse->dims[d]))
            return false;
        first[d] = from;
        from = to;
    }
    first[coarse->rank] = from;
    return from == fine->rank;
}

/* Reshape(Transpose(Reshape(x))) = Reshape(Transpose(x)), where the first reshape merges
 * neighbouring dimensions, which the transpose then moves together. Most often the last one splits
 * them again, and is not needed. */
RULE(transpose_of_merged, reshape)
{
    const Node *middle = operand_node(node, 0, &op_transpose);
    const Node *merge = middle ? operand_node(middle, 0, &op_reshape) : NULL;
    if (!merge || !has_one_use(result(middle, 0)))
        return NULL;
    const Type *fine = operand_type(merge, 0), *coarse = operand_type(middle, 0);
    int64_t shape[MAX_RANK], perm[MAX_RANK], moved[MAX_RANK];
    int first[MAX_RANK + 1], count = 0;
    if (!find_merges(pass->model->pool, fine, coarse, first))
        return NULL;
    transpose_permutation(middle, coarse->rank, perm);
    Type type = *fine;
    for (int d = 0; d < coarse->rank; d++)
        for (int k = first[perm[d]]; k < first[perm[d] + 1]; k++) {
            type.dims[count] = fine->dims[k];
            moved[count++] = k;
        }
    if (!state_shape(&type, result(node, 0)->type, shape))
        return NULL;
    Editor editor = rewrite_editor(pass, node);
    Value *transposed = build_transpose(&editor, operand(merge, 0), fine->rank, moved);
    return transposed ? reshape_to_result(pass, node, transposed) : NULL;
}

/* ---- Copies ------------------------------------------------------------------------------ */

static Value *first_if_same_type(const Node *node)
{
    return type_equal(operand(node, 0)->type, result(node, 0)->type) ? operand(node, 0) : NULL;
}

/* Expand(x) = x, Tile(x) = x where nothing is repeated */
RULE(expand_away, expand)
{
    return first_if_same_type(node);
}
RULE(tile_away, tile)
{
    IntList repeats;
    if (!known_list(pass, node, 1, &repeats))
        return NULL;
    for (int64_t d = 0; d < repeats.count; d++)
        if (repeats.items[d] != 1)
            return NULL;
    return operand(node, 0);
}

/* Slice(x) = x where all is taken, in order */
RULE(slice_away, slice)
{
    IntList steps;
    if (operand(node, 4) && !known_list(pass, node, 4, &steps))
        return NULL;
    for (int64_t i = 0; operand(node, 4) && i < steps.count; i++)
        if (steps.items[i] != 1)
            return NULL;
    return first_if_same_type(node);
}

/* Split(x) = x where there is one part */
RULE(split_away, split)
{
    return node->result_count == 1 ? first_if_same_type(node) : NULL;
}

/* Concat(x) = x */
RULE(concat_of_one, concat)
{
    return node->operand_count == 1 ? operand(node, 0) : NULL;
}

static int concat_axis(const Node *node)
{
    int64_t axis = node_int(node, "axis");
    return (int)(axis < 0 ? axis + result(node, 0)->type->rank : axis);
}

/* Concat(x, empty) = Concat(x) */
RULE(concat_of_empty, concat)
{
    int axis = concat_axis(node);
    for (int i = 0; node->operand_count > 1 && i < node->operand_count; i++) {
        if (!expr_is(operand_type(node, i)->dims[axis], 0))
            continue;
        node_remove_operand(node, i);
        return result(node, 0);
    }
    return NULL;
}

/* Concat(Concat(x, y), z) = Concat(x, y, z) */
RULE(concat_of_concat, concat)
{
    enum { MOST = 64 };
    Value *operands[2 * MOST];
    int count = 0, inner_count = 0;
    for (int i = 0; i < node->operand_count && count < MOST; i++) {
        const Node *inner = operand_node(node, i, &op_concat);
        bool opens = inner && has_one_use(operand(node, i)) && inner->operand_count < MOST &&
                     concat_axis(inner) == concat_axis(node);
        inner_count += opens;
        for (int k = 0; k < (opens ? inner->operand_count : 1); k++)
            operands[count++] = opens ? operand(inner, k) : operand(node, i);
    }
    if (!inner_count || count >= MOST)
        return NULL;
    Editor editor = rewrite_editor(pass, node);
    Node *made = edit_node(&editor, &op_concat, node->attributes, count, operands, 1, 0);
    return made && edit_infer(&editor, made) ? result(made, 0) : NULL;
}

static const Rule *const rules[] = {
    &rule_squeeze_as_reshape,
    &rule_unsqueeze_as_reshape,
    &rule_flatten_as_reshape,
    &rule_reshape_away,
    &rule_reshape_by_constant,
    &rule_reshape_of_reshape,
    &rule_transpose_away,
    &rule_transpose_of_transpose,
    &rule_transpose_as_reshape,
    &rule_expand_away,
    &rule_tile_away,
    &rule_transpose_of_merged,
    &rule_slice_away,
    &rule_split_away,
    &rule_concat_of_one,
    &rule_concat_of_empty,
    &rule_concat_of_concat,
};

const RuleSet view_rules = {rules, (int)COUNT_OF(rules)};
