/* SPDX-License-Identifier: Apache-2.0
 *
 * Evaluating a node. A view shares its operand's bytes; what has a kernel is interpreted.
 */
#include "ir/ops/evaluate_node.h"
#include "ir/ops/op.h"

#include <string.h>

typedef struct Evaluation {
    const Node *node;
    Arena *arena, *scratch;
    const Constant **operands, **results;
    size_t taken; /* of scratch */
} Evaluation;

static bool is_wanted(const Node *node, int i)
{
    return result(node, i)->name[0] != '\0';
}

static bool know_operands(Evaluation *e)
{
    const Node *node = e->node;
    for (int i = 0; i < node->operand_count; i++) {
        e->operands[i] = operand_constant(node, i);
        if (operand(node, i) && !e->operands[i])
            return false;
    }
    return true;
}

/* ---- Kernels ----------------------------------------------------------------------------- */

static bool results_are_static(const Node *node)
{
    for (int i = 0; i < node->result_count; i++)
        if (is_wanted(node, i) && !type_is_static(result(node, i)->type))
            return false;
    return true;
}

enum { MOST_SCRATCH = 1 << 28 };

/* Memory for the evaluation alone, aligned to 64; NULL if that is more than it may take. */
static void *take(Evaluation *e, size_t bytes)
{
    if (bytes > MOST_SCRATCH - e->taken)
        return NULL;
    void *data = arena_try(e->scratch, bytes + 1);
    if (!data)
        longjmp(arena_boundary(e->scratch)->jump, 1);
    e->taken += bytes;
    return data;
}

/* Bytes where the interpreter may read elements: aligned. */
static void *aligned_data(Evaluation *e, const Constant *constant)
{
    size_t bytes = element_bytes(constant->element);
    size_t alignment = bytes > 8 ? 8 : bytes;
    if ((uintptr_t)constant->data % alignment == 0)
        return (void *)constant->data;
    void *copy = take(e, constant_bytes(constant));
    if (copy)
        memcpy(copy, constant->data, constant_bytes(constant));
    return copy;
}

static void *result_data(Evaluation *e, int i)
{
    const Type *type = result(e->node, i)->type;
    int64_t dims[MAX_RANK];
    void *data = NULL;
    for (int d = 0; d < type->rank; d++)
        expr_known(type->dims[d], &dims[d]);
    e->results[i] = constant_allocate(e->arena, type->element, type->rank, dims, &data);
    return data;
}

/* The kernel's tensors are the distinct operands, the wanted results, and temporaries. */
static bool place_tensors(Evaluation *e, const Kernel *kernel, void **data)
{
    const Node *node = e->node;
    int slot = 0;
    for (int i = 0; i < node->operand_count; i++) {
        bool is_first = operand(node, i) != NULL;
        for (int k = 0; k < i; k++)
            is_first = is_first && operand(node, k) != operand(node, i);
        if (is_first && !(data[slot++] = aligned_data(e, e->operands[i])))
            return false;
    }
    for (int i = 0; i < node->result_count; i++)
        if (is_wanted(node, i) && !(data[slot++] = result_data(e, i)))
            return false;
    for (; slot < kernel->tensor_count; slot++) {
        const Tensor *tensor = kernel->tensors[slot];
        int64_t length;
        if (!expr_known(tensor->length, &length))
            return false;
        if (length > MOST_SCRATCH)
            return false;
        data[slot] = take(e, (size_t)length * element_bytes(tensor->element));
        if (!data[slot])
            return false;
    }
    return true;
}

static bool interpret(Evaluation *e)
{
    ExprPool *pool = e->node->graph->model->pool;
    if (!results_are_static(e->node))
        return false;
    const Kernel *kernel = node_lower(pool, e->node);
    void **data = ARENA_ARRAY(e->scratch, void *, kernel->tensor_count + 1);
    int64_t *sizes = ARENA_ARRAY(e->scratch, int64_t, expr_pool_symbol_count(pool) + 1);
    if (!place_tensors(e, kernel, data))
        return false;
    const Evaluator *evaluator = evaluator_create(e->scratch, kernel);
    void *scratch = take(e, evaluator_scratch_bytes(evaluator));
    if (scratch)
        evaluator_run(evaluator, sizes, data, scratch, 0, -1);
    return scratch != NULL;
}

static bool share(Evaluation *e)
{
    const Type *type = result(e->node, 0)->type;
    const Constant *from = e->operands[0];
    int64_t dims[MAX_RANK];
    if (!type_is_static(type))
        return false;
    for (int d = 0; d < type->rank; d++)
        expr_known(type->dims[d], &dims[d]);
    e->results[0] = constant_create(e->arena, type->element, type->rank, dims, from->data);
    return e->results[0] && e->results[0]->count == from->count;
}

/* ---- Operators --------------------------------------------------------------------------- */

static bool may_evaluate(const Node *node)
{
    if (node->region_count || (node->op->traits & TRAIT_random) || node_uses_host(node))
        return false;
    for (int i = 0; i < node->result_count; i++)
        if (is_wanted(node, i) &&
            (!type_is_tensor(result(node, i)->type) || result(node, i)->type->rank < 0))
            return false;
    return node->op->lower || (node->op->traits & TRAIT_view);
}

bool node_evaluate(const Node *node, Arena *arena, Arena *scratch, const Constant **results)
{
    if (!may_evaluate(node))
        return false;
    ArenaMark mark = arena_mark(scratch);
    Evaluation e = {.node = node, .arena = arena, .scratch = scratch, .results = results};
    e.operands = ARENA_ARRAY(scratch, const Constant *, node->operand_count + 1);
    for (int i = 0; i < node->result_count; i++)
        results[i] = NULL;
    bool done = know_operands(&e) && ((node->op->traits & TRAIT_view) ? share(&e) : interpret(&e));
    arena_release(scratch, mark);
    return done;
}
