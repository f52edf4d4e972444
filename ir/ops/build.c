/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes by name; see build.h.
 */
#include "ir/ops/build.h"

#include <assert.h>
#include <string.h>

static void set_attribute(const OpDef *op, void *attributes, const BuildAttribute *value)
{
    for (int i = 0; i < op->attribute_count; i++) {
        const AttributeDef *def = &op->attributes[i];
        if (strcmp(def->name, value->name))
            continue;
        void *field = (char *)attributes + def->offset;
        switch (value->kind) {
        case ATTRIBUTE_int:
            if (def->kind == ATTRIBUTE_element || def->kind == ATTRIBUTE_choice)
                *(int *)field = (int)value->integer;
            else
                *(int64_t *)field = value->integer;
            return;
        case ATTRIBUTE_float: *(float *)field = value->real; return;
        case ATTRIBUTE_ints: *(IntList *)field = value->ints; return;
        case ATTRIBUTE_tensor: *(const Constant **)field = value->tensor; return;
        case ATTRIBUTE_string:
        case ATTRIBUTE_choice:
        case ATTRIBUTE_element:
        case ATTRIBUTE_floats:
        case ATTRIBUTE_strings:
        case ATTRIBUTE_graph:
        case ATTRIBUTE_type:
        case ATTRIBUTE_type_list: break;
        }
    }
    assert(!"an attribute that the operator does not have");
}

bool build_many(Editor *editor, const char *name, BuildAttributes settings, int operand_count,
                Value *const *operands, int result_count, Value **results)
{
    const OpDef *op = op_find("", name);
    assert(op && "an operator that does not exist");
    if (editor->failed || !op) {
        editor->failed = true;
        return false;
    }
    Arena *arena = editor->context->arena;
    void *attributes = arena_allocate(arena, op->attributes_size + 1);
    attributes_set_defaults(op->attributes, op->attribute_count, attributes);
    for (int i = 0; i < (int)COUNT_OF(settings.items); i++) {
        BuildAttribute *setting = &settings.items[i];
        if (!setting->name)
            continue;
        if (setting->kind == ATTRIBUTE_ints)
            setting->ints.items =
                arena_copy(editor->context->model->arena, setting->ints.items,
                           (size_t)setting->ints.count * sizeof *setting->ints.items);
        set_attribute(op, attributes, setting);
    }
    Node *node = edit_node(editor, op, attributes, operand_count, operands, result_count, 0);
    if (!node || !edit_infer(editor, node))
        return false;
    for (int i = 0; i < result_count; i++)
        results[i] = result(node, i);
    return true;
}

Value *build_with(Editor *editor, const char *op, BuildAttributes attributes, int operand_count,
                  Value *const *operands)
{
    Value *made = NULL;
    return build_many(editor, op, attributes, operand_count, operands, 1, &made) ? made : NULL;
}

Value *build(Editor *editor, const char *op, int operand_count, Value *const *operands)
{
    return build_with(editor, op, (BuildAttributes){.items = {{.name = NULL}}}, operand_count,
                      operands);
}

Value *build_add(Editor *editor, Value *a, Value *b)
{
    return build(editor, "Add", 2, (Value *[]){a, b});
}

Value *build_subtract(Editor *editor, Value *a, Value *b)
{
    return build(editor, "Sub", 2, (Value *[]){a, b});
}

Value *build_multiply(Editor *editor, Value *a, Value *b)
{
    return build(editor, "Mul", 2, (Value *[]){a, b});
}

Value *build_matmul(Editor *editor, Value *a, Value *b)
{
    return build(editor, "MatMul", 2, (Value *[]){a, b});
}

Value *build_transpose(Editor *editor, Value *a, int rank, const int64_t *permutation)
{
    return build_with(editor, "Transpose", BUILD_INTS("perm", rank, permutation), 1,
                      (Value *[]){a});
}

Value *build_cast(Editor *editor, Value *a, TnElementType element)
{
    if (a && a->type->element == element)
        return a;
    return build_with(editor, "Cast", BUILD_INT("to", element), 1, (Value *[]){a});
}

Value *build_squeeze(Editor *editor, Value *a, int64_t axis)
{
    if (editor->failed)
        return NULL;
    return build(editor, "Squeeze", 2, (Value *[]){a, edit_int64s(editor, 1, &axis)});
}

Value *build_unsqueeze(Editor *editor, Value *a, int64_t axis)
{
    if (editor->failed)
        return NULL;
    return build(editor, "Unsqueeze", 2, (Value *[]){a, edit_int64s(editor, 1, &axis)});
}

Value *build_concat(Editor *editor, int64_t axis, int count, Value *const *values)
{
    return count == 1 ? values[0]
                      : build_with(editor, "Concat", BUILD_INT("axis", axis), count, values);
}

Value *build_size(Editor *editor, Value *a, int64_t axis)
{
    return build_with(editor, "Shape", BUILD_RANGE("start", axis, "end", axis + 1), 1,
                      (Value *[]){a});
}

Value *build_fill(Editor *editor, TnElementType element, double value, int count,
                  Value *const *sizes)
{
    if (editor->failed)
        return NULL;
    Arena *arena = editor->context->model->arena;
    int64_t one = 1;
    void *data;
    Constant *constant = constant_allocate(arena, element, 1, &one, &data);
    element_from_double(element, value, true, data);
    Value *shape = build_concat(editor, 0, count, sizes);
    return build_with(editor, "ConstantOfShape", BUILD_TENSOR("value", constant), 1,
                      (Value *[]){shape});
}

bool build_split(Editor *editor, Value *a, int64_t axis, int count, Value **parts)
{
    return build_many(editor, "Split", BUILD_RANGE("axis", axis, "num_outputs", count), 1,
                      (Value *[]){a}, count, parts);
}
