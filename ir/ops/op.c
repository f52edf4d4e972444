/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of operators.
 */
#include "ir/ops/op.h"
#include "ir/support/array.h"

#include <assert.h>
#include <string.h>

const OpDef *const op_table[] = {
#define OP(name) &op_##name,
#include "ir/ops/ops.def"
};

const int op_count = (int)COUNT_OF(op_table);

const OpDef *op_find(const char *domain, const char *name)
{
    if (!domain || !strcmp(domain, "ai.onnx"))
        domain = "";
    for (int i = 0; i < op_count; i++) {
        const OpDef *op = op_table[i];
        if (op->name[0] == name[0] && !strcmp(op->name, name) && !strcmp(op->domain, domain))
            return op;
    }
    return NULL;
}

static const AttributeDef *attribute_def(const OpDef *op, const char *name)
{
    for (int i = 0; i < op->attribute_count; i++)
        if (!strcmp(op->attributes[i].name, name))
            return &op->attributes[i];
    assert(!"the operator has no such attribute");
    return NULL;
}

void *op_attribute(const OpDef *op, void *attributes, const char *name)
{
    return (char *)attributes + attribute_def(op, name)->offset;
}

void *op_attributes(Arena *arena, const OpDef *op)
{
    void *attributes = arena_allocate(arena, op->attributes_size);
    attributes_set_defaults(op->attributes, op->attribute_count, attributes);
    return attributes;
}

int64_t node_int(const Node *node, const char *name)
{
    return *(const int64_t *)op_attribute(node->op, node->attributes, name);
}

float node_float(const Node *node, const char *name)
{
    return *(const float *)op_attribute(node->op, node->attributes, name);
}

IntList node_ints(const Node *node, const char *name)
{
    return *(const IntList *)op_attribute(node->op, node->attributes, name);
}

bool node_choice_is(const Node *node, const char *name, const char *choice)
{
    const AttributeDef *def = attribute_def(node->op, name);
    int value = *(const int *)op_attribute(node->op, node->attributes, name);
    return value >= 0 && value == choice_find(def->choices, choice, strlen(choice));
}

static bool is_beyond_kernels(const Value *value)
{
    return value && value->name[0] &&
           (!type_is_tensor(value->type) || value->type->element == TN_STRING);
}

bool node_uses_host(const Node *node)
{
    if (!node->op->host || !node->op->lower)
        return node->op->host != NULL;
    bool found = false;
    for (int i = 0; i < node->operand_count; i++)
        found = found || is_beyond_kernels(operand(node, i));
    for (int i = 0; i < node->result_count; i++)
        found = found || is_beyond_kernels(result(node, i));
    return found;
}
