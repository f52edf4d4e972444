/* SPDX-License-Identifier: Apache-2.0
 *
 * A node's attributes as host functions read them.
 */
#include "codegen/host_attributes.h"

#include "ir/graph/constant.h"
#include "ir/ops/op.h"

#include <string.h>

static const TnTensor *constant_tensor(Arena *arena, const Constant *constant)
{
    if (!constant)
        return NULL;
    TnTensor *tensor = ARENA_NEW(arena, TnTensor);
    *tensor = (TnTensor){
        .element = constant->element, .rank = constant->rank, .data = (void *)constant->data};
    memcpy(tensor->dims, constant->dims, sizeof constant->dims);
    return tensor;
}

static HostAttribute host_attribute(Arena *arena, const AttributeDef *def, const void *attributes)
{
    const void *field = (const char *)attributes + def->offset;
    HostAttribute a = {.name = def->name};
    switch (def->kind) {
    case ATTRIBUTE_int: a.integer = *(const int64_t *)field; break;
    case ATTRIBUTE_choice:
    case ATTRIBUTE_element:
    case ATTRIBUTE_graph: a.integer = *(const int *)field; break;
    case ATTRIBUTE_float:
        a.kind = HOST_ATTRIBUTE_float;
        a.real = *(const float *)field;
        break;
    case ATTRIBUTE_string:
        a.kind = HOST_ATTRIBUTE_string;
        a.string = *(const TnString *)field;
        break;
    case ATTRIBUTE_ints:
        a.kind = HOST_ATTRIBUTE_ints;
        a.integers = *(const IntList *)field;
        break;
    case ATTRIBUTE_floats:
        a.kind = HOST_ATTRIBUTE_floats;
        a.reals = *(const FloatList *)field;
        break;
    case ATTRIBUTE_strings:
        a.kind = HOST_ATTRIBUTE_strings;
        a.strings = *(const StringList *)field;
        break;
    case ATTRIBUTE_tensor:
        a.kind = HOST_ATTRIBUTE_tensor;
        a.tensor = constant_tensor(arena, *(const Constant *const *)field);
        break;
    case ATTRIBUTE_type:
    case ATTRIBUTE_type_list: break;
    }
    return a;
}

const HostAttribute *host_attributes(Arena *arena, const Node *node)
{
    const OpDef *op = node->op;
    HostAttribute *attributes = ARENA_ARRAY(arena, HostAttribute, op->attribute_count + 1);
    for (int i = 0; i < op->attribute_count; i++)
        attributes[i] = host_attribute(arena, &op->attributes[i], node->attributes);
    return attributes;
}
