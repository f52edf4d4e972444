/* SPDX-License-Identifier: Apache-2.0
 *
 * Concat: tensors one after the other along an axis. Split: a tensor in parts along an axis.
 */
#include "ir/ops/elements.h"
#include "ir/support/array.h"

/* ---- Concat ------------------------------------------------------------------------------ */

typedef struct ConcatAttributes {
    int64_t axis;
} ConcatAttributes;

static const AttributeDef concat_attributes[] = {
    ATTRIBUTE_INT_REQUIRED(ConcatAttributes, axis, "along which to put them together"),
};

static const OperandDef concat_operands[] = {
    {.name = "inputs", .types = TYPES_TENSOR, .group = 'T', .variadic = true, .min_variadic = 1},
};
static const OperandDef concat_results[] = {
    {.name = "concat_result", .types = TYPES_TENSOR, .group = 'T'},
};

static void propagate_concat(InferContext *context, Node *node, int axis)
{
    int64_t count, known_count, filled = 0;
    if (axis != 0 || !result_may_have_elements(node, 0, &count))
        return;
    const Expr **elements = ARENA_ARRAY(context->arena, const Expr *, count + 1);
    for (int i = 0; i < node->operand_count; i++) {
        const Expr *const *known = known_elements(node, i, &known_count);
        if (!known)
            return;
        for (int64_t k = 0; k < known_count && filled < count; k++)
            elements[filled++] = known[k];
    }
    infer_set_elements(context, node, 0, elements, count);
}

static bool infer_concat(InferContext *context, Node *node)
{
    const ConcatAttributes *concat = node->attributes;
    const Type *type = operand_type(node, 0);
    const Expr *dims[MAX_RANK];
    int axis;
    if (!infer_axis(context, node, concat->axis, type->rank, &axis))
        return false;
    for (int d = 0; d < type->rank; d++)
        dims[d] = type->dims[d];
    for (int i = 1; i < node->operand_count; i++) {
        const Type *next = operand_type(node, i);
        if (next->rank != type->rank)
            return infer_error(context, node, "operand %d has rank %d, expected %d as operand 0", i,
                               next->rank, type->rank);
        for (int d = 0; d < type->rank; d++) {
            if (d == axis)
                dims[d] = expr_plus(context->pool, dims[d], next->dims[d]);
            else
                dims[d] = infer_equal(context, node, dims[d], next->dims[d], "sizes");
            if (!dims[d])
                return false;
        }
    }
    infer_set(context, node, 0, type->element, type->rank, dims);
    propagate_concat(context, node, axis);
    return true;
}

/* Each operand where its own indices are in range, else what the operands after it say. */
static void lower_concat(Lowering *l)
{
    const ConcatAttributes *concat = l->node->attributes;
    const Tensor *out = l->out[0];
    int axis = (int)(concat->axis < 0 ? concat->axis + out->rank : concat->axis);
    Compute *map = kernel_map(l->kernel, out);
    const Expr *indices[MAX_RANK];
    lower_indices(l, map, indices);
    const Expr *along = indices[axis], *end = out->shape[axis];
    const Expr *body = zero_value(l->pool, out->element);
    for (int i = l->node->operand_count - 1; i >= 0; i--) {
        end = expr_minus(l->pool, end, l->in[i]->shape[axis]);
        indices[axis] = expr_minus(l->pool, along, end);
        body = expr_load_or(l->pool, l->in[i], indices, body);
    }
    map->body = body;
}

const OpDef op_concat = {
    .name = "Concat",
    .domain = "",
    .summary = "tensors one after the other along an axis",
    .since = 13,
    .first = 1,
    OPERANDS(concat_operands),
    RESULTS(concat_results),
    ATTRIBUTES(concat_attributes, ConcatAttributes),
    .infer = infer_concat,
    .lower = lower_concat,
};

/* ---- Split ------------------------------------------------------------------------------- */

typedef struct SplitAttributes {
    int64_t axis, num_outputs;
} SplitAttributes;

static const AttributeDef split_attributes[] = {
    ATTRIBUTE_INT(SplitAttributes, axis, 0, "along which to split"),
    ATTRIBUTE_INT(SplitAttributes, num_outputs, ATTRIBUTE_ABSENT,
                  "parts of equal size, the last one maybe smaller"),
};

static const OperandDef split_operands[] = {
    {.name = "input", .types = TYPES_TENSOR, .group = 'T'},
    {.name = "split", .types = TYPE_BIT(TN_INT64), .optional = true},
};
static const OperandDef split_results[] = {
    {.name = "outputs", .types = TYPES_TENSOR, .group = 'T', .variadic = true, .min_variadic = 1},
};

/* The sizes of the parts that are said by their number: rounded up, and what is left. */
static void equal_parts(ExprPool *pool, const Expr *size, int count, const Expr **parts)
{
    const Expr *part = expr_round_up_quotient(pool, size, expr_integer(pool, count));
    for (int i = 0; i < count; i++) {
        const Expr *left = expr_minus(pool, size, expr_scale(pool, part, i));
        const Expr *own = expr_divisible(size, count) ? part : expr_smaller(pool, part, left);
        parts[i] = expr_larger(pool, own, expr_integer(pool, 0));
    }
}

static bool given_parts(InferContext *context, Node *node, const Expr *size, const Expr **parts)
{
    int64_t count;
    const Expr *const *sizes = infer_sizes(context, node, 1, &count);
    if (!sizes)
        return false;
    if (count != node->result_count)
        return infer_error(context, node, "split has %lld sizes for %d results", (long long)count,
                           node->result_count);
    const Expr *sum = expr_integer(context->pool, 0);
    for (int64_t i = 0; i < count; i++) {
        parts[i] = sizes[i];
        sum = expr_plus(context->pool, sum, sizes[i]);
    }
    return infer_equal(context, node, size, sum, "the size and the sum of split") != NULL;
}

static void propagate_split(InferContext *context, Node *node)
{
    int64_t known_count, count, begin = 0;
    const Expr *const *known = known_elements(node, 0, &known_count);
    if (!known || operand_type(node, 0)->rank != 1)
        return;
    for (int i = 0; i < node->result_count; i++) {
        if (!result_may_have_elements(node, i, &count) || begin + count > known_count)
            return;
        infer_set_elements(context, node, i, known + begin, count);
        begin += count;
    }
}

static bool infer_split(InferContext *context, Node *node)
{
    const SplitAttributes *split = node->attributes;
    const Type *type = operand_type(node, 0);
    int axis;
    if (!infer_axis(context, node, split->axis, type->rank, &axis))
        return false;
    if (split->num_outputs != ATTRIBUTE_ABSENT && split->num_outputs != node->result_count)
        return infer_error(context, node, "num_outputs is %lld for %d results",
                           (long long)split->num_outputs, node->result_count);
    const Expr **parts = ARENA_ARRAY(context->arena, const Expr *, node->result_count + 1);
    if (!operand(node, 1))
        equal_parts(context->pool, type->dims[axis], node->result_count, parts);
    else if (!given_parts(context, node, type->dims[axis], parts))
        return false;
    const Expr *dims[MAX_RANK];
    for (int d = 0; d < type->rank; d++)
        dims[d] = type->dims[d];
    for (int i = 0; i < node->result_count; i++) {
        dims[axis] = parts[i];
        infer_set(context, node, i, type->element, type->rank, dims);
    }
    propagate_split(context, node);
    return true;
}

static void lower_split(Lowering *l)
{
    const SplitAttributes *split = l->node->attributes;
    const Tensor *in = l->in[0];
    int axis = (int)(split->axis < 0 ? split->axis + in->rank : split->axis);
    const Expr *begin = expr_integer(l->pool, 0);
    for (int i = 0; i < l->node->result_count; i++) {
        const Expr *size = result(l->node, i)->type->dims[axis];
        if (l->out[i]) {
            Compute *map = kernel_map(l->kernel, l->out[i]);
            const Expr *indices[MAX_RANK];
            lower_indices(l, map, indices);
            indices[axis] = expr_plus(l->pool, indices[axis], begin);
            map->body = expr_load(l->pool, in, indices);
        }
        begin = expr_plus(l->pool, begin, size);
    }
}

const OpDef op_split = {
    .name = "Split",
    .domain = "",
    .summary = "x in parts along an axis",
    .since = 18,
    .first = 1,
    OPERANDS(split_operands),
    RESULTS(split_results),
    ATTRIBUTES(split_attributes, SplitAttributes),
    .infer = infer_split,
    .lower = lower_split,
};
