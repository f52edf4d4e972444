/* SPDX-License-Identifier: Apache-2.0
 *
 * sink-views: moves Transposes and Reshapes from the operands of element-wise nodes to their
 * results: f(T(x), T(y)) = T(f(x, y)).
 *
 * A view that stands between two element-wise nodes, or between a product and what is done with it,
 * keeps them from being one kernel; at the end of the chain it meets its inverse, or an operator
 * that reads through it, or becomes a view of a finished buffer. Views only ever go down, so the
 * pass ends.
 *
 * Conditions: Transposes have no other use (else they would stay, and work be added), all full-size
 * operands are viewed alike, and the node's result is as large as they are. Operands that are
 * constant are viewed the other way round, at compile time; single elements fit anywhere.
 */
#include "ir/ops/build.h"
#include "ir/support/array.h"
#include "passes/rewrite.h"

/* The operand that decides: the first view of that operator. A Transpose is a copy, so it must have
 * no other use; a Reshape costs nothing. */
static bool may_move(const Value *value)
{
    return value->producer->op == &op_reshape || has_one_use(value);
}

static Node *leading_view(const Node *node, const OpDef *op)
{
    if (!(node->op->traits & TRAIT_elementwise) || node->result_count != 1)
        return NULL;
    for (int i = 0; i < node->operand_count; i++) {
        Node *view = operand_node(node, i, op);
        if (view && may_move(result(view, 0)))
            return view;
    }
    return NULL;
}

static bool is_single(const Value *value)
{
    for (int d = 0; d < value->type->rank; d++)
        if (!expr_is(value->type->dims[d], 1))
            return false;
    return true;
}

/* How many of the last dimensions of two types are the same. */
static int common_tail(const Type *a, const Type *b)
{
    int count = 0;
    while (count < a->rank && count < b->rank &&
           a->dims[a->rank - 1 - count] == b->dims[b->rank - 1 - count])
        count++;
    return count;
}

static bool same_dims(const Type *a, const Type *b)
{
    return a->rank == b->rank && common_tail(a, b) == a->rank;
}

/* The node on other operands. */
static Value *apply_below(Editor *editor, const Node *node, Value *const *operands)
{
    Node *moved =
        edit_node(editor, node->op, node->attributes, node->operand_count, operands, 1, 0);
    return moved && edit_infer(editor, moved) ? result(moved, 0) : NULL;
}

/* ---- Transposes -------------------------------------------------------------------------- */

static bool same_permutation(const Node *a, const Node *b)
{
    int rank = operand_type(a, 0)->rank;
    int64_t p[MAX_RANK], q[MAX_RANK];
    if (operand_type(b, 0)->rank != rank)
        return false;
    transpose_permutation(a, rank, p);
    transpose_permutation(b, rank, q);
    for (int d = 0; d < rank; d++)
        if (p[d] != q[d])
            return false;
    return true;
}

/* Bytes of a constant that may be transposed, once more than it is, at compile time. */
enum { MOST_UNTRANSPOSED = 1 << 16 };

static bool may_sink_transpose(const Node *node, const Node *view)
{
    const Type *type = result(view, 0)->type;
    if (!type_is_tensor(result(node, 0)->type) || !same_dims(result(node, 0)->type, type))
        return false;
    for (int i = 0; i < node->operand_count; i++) {
        const Value *value = operand(node, i);
        const Node *other = operand_node(node, i, &op_transpose);
        if (!value || is_single(value) ||
            (value->constant && constant_bytes(value->constant) < MOST_UNTRANSPOSED))
            continue;
        if (!other || !same_permutation(view, other) || !(has_one_use(value) || other == view))
            return false;
    }
    return true;
}

/* A constant as it was before the transpose: first given the rank, then the inverse permutation. */
static Value *untranspose(Editor *editor, Value *value, int rank, const int64_t *perm)
{
    int64_t shape[MAX_RANK], inverse[MAX_RANK];
    if (value->type->rank < rank) {
        int missing = rank - value->type->rank;
        for (int d = 0; d < rank; d++) {
            shape[d] = 1;
            if (d >= missing)
                expr_known(value->type->dims[d - missing], &shape[d]);
        }
        value = edit(editor, &op_reshape, NULL, 2, value, edit_int64s(editor, rank, shape));
    }
    for (int d = 0; d < rank; d++)
        inverse[perm[d]] = d;
    return build_transpose(editor, value, rank, inverse);
}

/* f(Transpose(x), ...) = Transpose(f(x, ...)) */
RULE_ANY(sink_transpose)
{
    const Node *view = leading_view(node, &op_transpose);
    if (!view || !may_sink_transpose(node, view))
        return NULL;
    int rank = operand_type(view, 0)->rank;
    int64_t perm[MAX_RANK];
    transpose_permutation(view, rank, perm);
    Editor editor = rewrite_editor(pass, node);
    Value **operands = ARENA_ARRAY(pass->scratch, Value *, node->operand_count + 1);
    for (int i = 0; i < node->operand_count; i++) {
        Value *value = operand(node, i);
        const Node *other = operand_node(node, i, &op_transpose);
        if (other && same_permutation(view, other))
            operands[i] = operand(other, 0);
        else
            operands[i] =
                !value || is_single(value) ? value : untranspose(&editor, value, rank, perm);
    }
    Value *below = apply_below(&editor, node, operands);
    return below ? build_transpose(&editor, below, rank, perm) : NULL;
}

/* ---- Reshapes ---------------------------------------------------------------------------- */

/* Whether the operand means the same on both sides of the reshape: it varies only along the last
 * dimensions, which both sides share, and its rank does not add dimensions inside. */
static bool fits_both_sides(const Value *value, const Node *view)
{
    const Type *inside = operand_type(view, 0);
    int rank = value->type->rank, tail = common_tail(inside, result(view, 0)->type);
    for (int d = 0; d < rank - tail; d++)
        if (!expr_is(value->type->dims[d], 1))
            return false;
    return rank <= inside->rank;
}

/* Whether operand i is viewed as `view` views its own. */
static bool is_viewed_alike(const Node *node, int i, const Node *view)
{
    const Node *other = operand_node(node, i, &op_reshape);
    return other && same_dims(operand_type(other, 0), operand_type(view, 0)) &&
           same_dims(result(other, 0)->type, result(view, 0)->type);
}

static bool may_sink_reshape(const Node *node, const Node *view)
{
    const Type *to = result(node, 0)->type;
    if (!operand(view, 1)->constant || !type_is_tensor(to) || !same_dims(to, result(view, 0)->type))
        return false;
    for (int i = 0; i < node->operand_count; i++) {
        const Value *value = operand(node, i);
        if (value && !is_viewed_alike(node, i, view) && !fits_both_sides(value, view))
            return false;
    }
    return true;
}

/* f(Reshape(x, s), ...) = Reshape(f(x, ...), s) */
RULE_ANY(sink_reshape)
{
    const Node *view = leading_view(node, &op_reshape);
    if (!view || !may_sink_reshape(node, view))
        return NULL;
    Editor editor = rewrite_editor(pass, node);
    Value **operands = ARENA_ARRAY(pass->scratch, Value *, node->operand_count + 1);
    for (int i = 0; i < node->operand_count; i++) {
        Value *value = operand(node, i);
        operands[i] = is_viewed_alike(node, i, view) ? operand(value->producer, 0) : value;
    }
    Value *below = apply_below(&editor, node, operands);
    return below ? edit(&editor, &op_reshape, view->attributes, 2, below, operand(view, 1)) : NULL;
}

PassResult pass_sink_views(Pass *pass, Graph *graph)
{
    static const Rule *const rules[] = {&rule_sink_transpose, &rule_sink_reshape};
    return rewrite_graph(pass, graph, rules, (int)COUNT_OF(rules));
}
