/* SPDX-License-Identifier: Apache-2.0
 *
 * Types of values.
 */
#include "ir/graph/type.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

const Type *type_tensor(Arena *arena, TnElementType element, int rank, const Expr *const *dims)
{
    assert(rank >= 0 && rank <= MAX_RANK);
    Type *type = ARENA_NEW(arena, Type);
    type->kind = TYPE_tensor;
    type->element = element;
    type->rank = rank;
    for (int d = 0; d < rank; d++)
        type->dims[d] = dims[d];
    return type;
}

const Type *type_unranked(Arena *arena, TnElementType element)
{
    Type *type = ARENA_NEW(arena, Type);
    type->kind = TYPE_tensor;
    type->element = element;
    type->rank = -1;
    return type;
}

static const Type *type_around(Arena *arena, TypeKind kind, const Type *inner)
{
    Type *type = ARENA_NEW(arena, Type);
    type->kind = kind;
    type->inner = inner;
    return type;
}

const Type *type_sequence(Arena *arena, const Type *inner)
{
    return type_around(arena, TYPE_sequence, inner);
}

const Type *type_optional(Arena *arena, const Type *inner)
{
    return type_around(arena, TYPE_optional, inner);
}

const Type *type_of_items(Arena *arena, const Type *type)
{
    const Expr *dims[MAX_RANK];
    if (!type_is_tensor(type) || type->rank < 0)
        return type;
    for (int d = 0; d < type->rank; d++)
        dims[d] = type->dims[d] && expr_known(type->dims[d], NULL) ? type->dims[d] : NULL;
    return type_tensor(arena, type->element, type->rank, dims);
}

bool type_equal(const Type *a, const Type *b)
{
    if (a == b)
        return true;
    if (!a || !b || a->kind != b->kind || a->element != b->element || a->rank != b->rank)
        return false;
    for (int d = 0; d < a->rank; d++)
        if (a->dims[d] != b->dims[d])
            return false;
    return type_equal(a->inner, b->inner);
}

bool type_is_tensor(const Type *type)
{
    return type && type->kind == TYPE_tensor;
}

bool type_is_static(const Type *type)
{
    if (!type_is_tensor(type) || type->rank < 0)
        return false;
    for (int d = 0; d < type->rank; d++)
        if (!type->dims[d] || !expr_known(type->dims[d], NULL))
            return false;
    return true;
}

const Expr *type_element_count(ExprPool *pool, const Type *type)
{
    const Expr *count = expr_integer(pool, 1);
    for (int d = 0; d < type->rank; d++)
        count = expr_times(pool, count, type->dims[d]);
    return count;
}

static bool is_plain(const char *text)
{
    bool digits = true, word = isalpha((unsigned char)text[0]) || text[0] == '_';
    for (const char *c = text; *c; c++) {
        digits = digits && isdigit((unsigned char)*c);
        word = word && (isalnum((unsigned char)*c) || *c == '_');
    }
    return digits || word;
}

static void print_tensor(const Type *type, Text *text)
{
    text_append(text, element_name(type->element));
    if (type->rank < 0)
        text_append(text, "[]");
    if (type->rank <= 0)
        return;
    for (int d = 0; d < type->rank; d++) {
        text_append(text, d ? ", " : "[");
        if (!type->dims[d]) { /* of a sequence's items: differs, or not known */
            text_append(text, "?");
            continue;
        }
        Text size = text_create(text->arena);
        expr_print(type->dims[d], &size);
        if (is_plain(size.data))
            text_append(text, size.data);
        else
            text_append_quoted(text, size.data, size.length);
    }
    text_append(text, "]");
}

void type_print(const Type *type, Text *text)
{
    if (!type) {
        text_append(text, "?");
        return;
    }
    switch (type->kind) {
    case TYPE_tensor: print_tensor(type, text); return;
    case TYPE_sequence: text_append(text, "seq("); break;
    case TYPE_optional: text_append(text, "optional("); break;
    case TYPE_map: text_format(text, "map(%s, ", element_name(type->element)); break;
    case TYPE_sparse_tensor:
        text_append(text, "sparse_tensor(");
        print_tensor(type, text);
        text_append(text, ")");
        return;
    }
    type_print(type->inner, text);
    text_append(text, ")");
}

const char *type_text(Arena *arena, const Type *type)
{
    Text text = text_create(arena);
    type_print(type, &text);
    return text.data;
}
