/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of canonicalize: views, transposes and copies of a part.
 *
 * All views become Reshape, with a constant shape where that can be said: a size that the operand
 * has at the same place is 0, one other size may be -1. With it, shapes that exporters compute at
 * run time from the sizes of the same tensor need not be computed at all.
 */
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

/* The permutation of a Transpose; the default is the reversed order. */
static void permutation(const Node *node, int rank, int64_t *perm)
{
    IntList given = node_ints(node, "perm");
    for (int d = 0; d < rank; d++)
        perm[d] = given.count == rank ? given.items[d] : rank - 1 - d;
}

/* Transpose(x) = x where every axis stays */
RULE(transpose_away, transpose)
{
    int rank = operand_type(node, 0)->rank;
    int64_t perm[MAX_RANK];
    permutation(node, rank, perm);
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
    permutation(inner, rank, p);
    permutation(node, rank, q);
    for (int d = 0; d < rank; d++)
        both[d] = p[q[d]];
    void *attributes = op_attributes(pass->model->arena, &op_transpose);
    *(IntList *)op_attribute(&op_transpose, attributes, "perm") =
        (IntList){rank, arena_copy(pass->model->arena, both, (size_t)rank * sizeof *both)};
    Editor editor = rewrite_editor(pass, node);
    return edit(&editor, &op_transpose, attributes, 1, operand(inner, 0));
}

/* Transpose(x) = Reshape(x) where only axes of size 1 move past others */
RULE(transpose_as_reshape, transpose)
{
    const Type *type = operand_type(node, 0);
    int64_t perm[MAX_RANK], last = -1;
    permutation(node, type->rank, perm);
    for (int d = 0; d < type->rank; d++) {
        if (expr_is(type->dims[perm[d]], 1))
            continue;
        if (perm[d] < last)
            return NULL;
        last = perm[d];
    }
    return reshape_to_result(pass, node, operand(node, 0));
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
};

const RuleSet view_rules = {rules, (int)COUNT_OF(rules)};
