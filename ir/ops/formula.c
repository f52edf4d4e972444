/* SPDX-License-Identifier: Apache-2.0
 *
 * Inference and lowering of formulas: see formula.h.
 */
#include "ir/ops/formula.h"

#include "ir/support/array.h"

#include <assert.h>

/* The element type that a result's table row and the operands decide. */
static TnElementType result_element(const Node *node)
{
    const OperandDef *def = &node->op->results[0];
    for (int i = 0; def->group && i < node->operand_count && i < node->op->operand_count; i++) {
        if (node->op->operands[i].group == def->group && operand(node, i))
            return operand_type(node, i)->element;
    }
    int element = TN_UNDEFINED;
    while (!(def->types & TYPE_BIT(element)))
        element++;
    return (TnElementType)element;
}

bool infer_formula(InferContext *context, Node *node, IndexFunction *on_indices)
{
    const Type **types = ARENA_ARRAY(context->arena, const Type *, node->operand_count);
    int count = 0;
    for (int i = 0; i < node->operand_count; i++) {
        if (operand(node, i))
            types[count++] = operand_type(node, i);
    }
    int rank;
    const Expr *dims[MAX_RANK];
    if (!infer_broadcast(context, node, count, types, &rank, dims))
        return false;
    infer_set(context, node, 0, result_element(node), rank, dims);
    propagate_elementwise(context, node, on_indices);
    return true;
}

void lower_formula(Lowering *l, FormulaFunction *formula)
{
    const Tensor *out = l->out[0];
    Compute *map = kernel_map(l->kernel, out);
    const Expr *indices[MAX_RANK];
    lower_indices(l, map, indices);
    Formula f = {
        .pool = l->pool,
        .type = element_compute_type(l->in[0]->element),
        .result = element_compute_type(out->element),
        .attributes = l->node->attributes,
    };
    assert(l->node->operand_count <= (int)COUNT_OF(f.src));
    for (int i = 0; i < l->node->operand_count; i++)
        f.src[i] = l->in[i] ? lower_broadcast(l, l->in[i], out->rank, indices) : NULL;
    map->body = formula(&f);
}
