/* SPDX-License-Identifier: Apache-2.0
 *
 * Types of values: a tensor's element type and symbolic shape, sequences, optionals, maps.
 *
 * Types are immutable, in a model's arena, and compared with type_equal(). A dimension is an index
 * over symbols; in the type of a sequence's or optional's items NULL, where items differ or nothing
 * is known. rank -1 means that not even the rank is known, which only a sequence's or
 * optional's element, or a value between import and inference, may have.
 */
#ifndef IR_GRAPH_TYPE_H
#define IR_GRAPH_TYPE_H

#include "ir/expr/expr.h"

typedef enum TypeKind {
    TYPE_tensor,
    TYPE_sequence,
    TYPE_optional,
    TYPE_map,
    TYPE_sparse_tensor,
} TypeKind;

typedef struct Type Type;
struct Type {
    TypeKind kind;
    TnElementType element; /* of a tensor; the key type of a map */
    int rank;
    const Expr *dims[MAX_RANK];
    const Type *inner; /* of a sequence, an optional, a map's values; NULL: unknown */
};

const Type *type_tensor(Arena *arena, TnElementType element, int rank, const Expr *const *dims);
const Type *type_unranked(Arena *arena, TnElementType element);
const Type *type_sequence(Arena *arena, const Type *inner);
const Type *type_optional(Arena *arena, const Type *inner);
/* A type as that of a sequence's or optional's items: sizes that are no numbers are NULL. */
const Type *type_of_items(Arena *arena, const Type *type);
bool type_equal(const Type *a, const Type *b);
bool type_is_tensor(const Type *type); /* false for NULL */
bool type_is_static(const Type *type); /* a tensor all of whose sizes are numbers */
const Expr *type_element_count(ExprPool *pool, const Type *type); /* of a ranked tensor */
/* "float[N, 3]", "seq(float[2])" as in ONNX's textual syntax; sizes that are not a plain name or a
 * number are quoted. */
void type_print(const Type *type, Text *text);
const char *type_text(Arena *arena, const Type *type); /* the same as a string */

#endif
