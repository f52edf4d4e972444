/* SPDX-License-Identifier: Apache-2.0
 *
 * Attribute structs, walked by their tables.
 */
#include "ir/graph/attribute.h"
#include "runtime/strings.h"

#include <string.h>

static const void *field_of(const AttributeDef *def, const void *attributes)
{
    return (const char *)attributes + def->offset;
}

static TnString default_string(const AttributeDef *def)
{
    const char *text = def->default_string ? def->default_string : "";
    return (TnString){text, (int64_t)strlen(text)};
}

void attributes_set_defaults(const AttributeDef *defs, int count, void *attributes)
{
    for (int i = 0; i < count; i++) {
        void *field = (char *)attributes + defs[i].offset;
        switch (defs[i].kind) {
        case ATTRIBUTE_int: *(int64_t *)field = defs[i].default_int; break;
        case ATTRIBUTE_float: *(float *)field = defs[i].default_float; break;
        case ATTRIBUTE_string: *(TnString *)field = default_string(&defs[i]); break;
        case ATTRIBUTE_choice:
        case ATTRIBUTE_element:
        case ATTRIBUTE_graph: *(int *)field = (int)defs[i].default_int; break;
        case ATTRIBUTE_ints: *(IntList *)field = (IntList){0}; break;
        case ATTRIBUTE_floats: *(FloatList *)field = (FloatList){0}; break;
        case ATTRIBUTE_strings: *(StringList *)field = (StringList){0}; break;
        case ATTRIBUTE_tensor: *(const Constant **)field = NULL; break;
        case ATTRIBUTE_type: *(const Type **)field = NULL; break;
        case ATTRIBUTE_type_list: break;
        }
    }
}

static bool list_equal(int64_t a_count, const void *a, int64_t b_count, const void *b, size_t bytes)
{
    return a_count == b_count && (!a_count || !memcmp(a, b, (size_t)a_count * bytes));
}

static bool strings_equal(const StringList *a, const StringList *b)
{
    if (a->count != b->count)
        return false;
    for (int64_t i = 0; i < a->count; i++)
        if (!string_equal(a->items[i], b->items[i]))
            return false;
    return true;
}

static bool field_equal(const AttributeDef *def, const void *a, const void *b)
{
    switch (def->kind) {
    case ATTRIBUTE_int: return *(const int64_t *)a == *(const int64_t *)b;
    case ATTRIBUTE_float: return !memcmp(a, b, sizeof(float));
    case ATTRIBUTE_string: return string_equal(*(const TnString *)a, *(const TnString *)b);
    case ATTRIBUTE_choice:
    case ATTRIBUTE_element:
    case ATTRIBUTE_graph: return *(const int *)a == *(const int *)b;
    case ATTRIBUTE_ints: {
        const IntList *x = a, *y = b;
        return list_equal(x->count, x->items, y->count, y->items, sizeof(int64_t));
    }
    case ATTRIBUTE_floats: {
        const FloatList *x = a, *y = b;
        return list_equal(x->count, x->items, y->count, y->items, sizeof(float));
    }
    case ATTRIBUTE_strings: return strings_equal(a, b);
    case ATTRIBUTE_tensor: {
        const Constant *x = *(const Constant *const *)a, *y = *(const Constant *const *)b;
        return x == y || (x && y && constant_equal(x, y));
    }
    case ATTRIBUTE_type: return type_equal(*(const Type *const *)a, *(const Type *const *)b);
    case ATTRIBUTE_type_list: return true;
    }
    return false;
}

bool attributes_equal(const AttributeDef *defs, int count, const void *a, const void *b)
{
    for (int i = 0; i < count; i++)
        if (!field_equal(&defs[i], field_of(&defs[i], a), field_of(&defs[i], b)))
            return false;
    return true;
}

static uint64_t strings_hash(const StringList *list, uint64_t hash)
{
    for (int64_t i = 0; i < list->count; i++)
        hash = hash_bytes(list->items[i].data, (size_t)list->items[i].length, hash);
    return hash;
}

static uint64_t field_hash(const AttributeDef *def, const void *field, uint64_t hash)
{
    switch (def->kind) {
    case ATTRIBUTE_int: return hash_bytes(field, sizeof(int64_t), hash);
    case ATTRIBUTE_float: return hash_bytes(field, sizeof(float), hash);
    case ATTRIBUTE_string: {
        const TnString *string = field;
        return hash_bytes(string->data, (size_t)string->length, hash);
    }
    case ATTRIBUTE_choice:
    case ATTRIBUTE_element:
    case ATTRIBUTE_graph: return hash_bytes(field, sizeof(int), hash);
    case ATTRIBUTE_ints: {
        const IntList *list = field;
        return hash_bytes(list->items, (size_t)list->count * sizeof(int64_t), hash);
    }
    case ATTRIBUTE_floats: {
        const FloatList *list = field;
        return hash_bytes(list->items, (size_t)list->count * sizeof(float), hash);
    }
    case ATTRIBUTE_strings: return strings_hash(field, hash);
    case ATTRIBUTE_tensor: {
        const Constant *constant = *(const Constant *const *)field;
        return constant ? hash_combine(hash, constant_hash(constant)) : hash;
    }
    case ATTRIBUTE_type: {
        const Type *type = *(const Type *const *)field;
        return type ? hash_combine(hash, (uint64_t)type->kind * 64 + (uint64_t)type->element)
                    : hash;
    }
    case ATTRIBUTE_type_list: return hash;
    }
    return hash;
}

uint64_t attributes_hash(const AttributeDef *defs, int count, const void *attributes)
{
    uint64_t hash = 0;
    for (int i = 0; i < count; i++)
        hash =
            field_hash(&defs[i], field_of(&defs[i], attributes), hash_combine(hash, (uint64_t)i));
    return hash;
}

bool attribute_is_default(const AttributeDef *def, const void *attributes)
{
    if (def->kind == ATTRIBUTE_graph) /* its number tells nothing about what is in it */
        return false;
    /* A field of its default, at the same place as in the struct, compares equal. */
    union {
        int64_t whole;
        float real;
        TnString string;
        IntList ints;
        const void *pointer;
    } value = {0};
    AttributeDef alone = *def;
    alone.offset = 0;
    attributes_set_defaults(&alone, 1, &value);
    return field_equal(def, field_of(def, attributes), &value);
}

int choice_find(const char *choices, const char *text, size_t length)
{
    for (int i = 0;; i++) {
        size_t name_length;
        const char *name = choice_name(choices, i, &name_length);
        if (!name)
            return -1;
        if (name_length == length && !memcmp(name, text, length))
            return i;
    }
}

const char *choice_name(const char *choices, int i, size_t *length)
{
    for (; i > 0 && choices; i--) {
        choices = strchr(choices, '|');
        if (choices)
            choices++;
    }
    *length = choices ? strcspn(choices, "|") : 0;
    return choices;
}
