/* SPDX-License-Identifier: Apache-2.0
 *
 * Attributes: each operator has a struct of its own, described by a table. Operator code reads
 * attributes->axis, typed; the importers, the writers, hashing, comparison, the verifier and the
 * docs walk the table.
 *
 *     typedef struct SoftmaxAttributes {
 *         int64_t axis;
 *     } SoftmaxAttributes;
 *     static const AttributeDef attributes[] = {
 *         ATTRIBUTE_INT(SoftmaxAttributes, axis, -1, "along which to normalise"),
 *     };
 */
#ifndef IR_GRAPH_ATTRIBUTE_H
#define IR_GRAPH_ATTRIBUTE_H

#include "ir/graph/constant.h"
#include "ir/graph/type.h"
#include "runtime/list.h"

#include <stddef.h>

typedef enum AttributeKind {
    ATTRIBUTE_int,       /* int64_t */
    ATTRIBUTE_float,     /* float */
    ATTRIBUTE_string,    /* TnString */
    ATTRIBUTE_choice,    /* int: the position of the string among `choices`, "constant|reflect" */
    ATTRIBUTE_element,   /* int64_t in the file: TnElementType (an int) */
    ATTRIBUTE_ints,      /* IntList */
    ATTRIBUTE_floats,    /* FloatList */
    ATTRIBUTE_strings,   /* StringList */
    ATTRIBUTE_tensor,    /* const Constant * */
    ATTRIBUTE_graph,     /* int: the region's number; always present */
    ATTRIBUTE_type,      /* const Type * */
    ATTRIBUTE_type_list, /* unused by the standard's implemented operators; reserved */
} AttributeKind;

/* The default of an optional int that has none: the writers leave it out. */
#define ATTRIBUTE_ABSENT INT64_MIN

typedef struct AttributeDef {
    const char *name;
    AttributeKind kind;
    size_t offset;
    bool required;
    int64_t default_int; /* int, choice, element */
    float default_float;
    const char *default_string; /* NULL: empty */
    const char *choices;
    const char *doc;
} AttributeDef;

#define ATTRIBUTE_AT(Struct, field, kind_, ...)                                                    \
    {                                                                                              \
        .name = #field, .kind = ATTRIBUTE_##kind_, .offset = offsetof(Struct, field), __VA_ARGS__  \
    }
#define ATTRIBUTE_INT(Struct, field, default_, doc_)                                               \
    ATTRIBUTE_AT(Struct, field, int, .default_int = (default_), .doc = (doc_))
#define ATTRIBUTE_INT_REQUIRED(Struct, field, doc_)                                                \
    ATTRIBUTE_AT(Struct, field, int, .required = true, .doc = (doc_))
#define ATTRIBUTE_FLOAT(Struct, field, default_, doc_)                                             \
    ATTRIBUTE_AT(Struct, field, float, .default_float = (default_), .doc = (doc_))
/* choices: "constant|reflect|edge|wrap"; default_: a position among them, -1 where required */
#define ATTRIBUTE_CHOICE(Struct, field, choices_, default_, doc_)                                  \
    ATTRIBUTE_AT(Struct, field, choice, .choices = (choices_), .default_int = (default_),          \
                 .required = (default_) < 0, .doc = (doc_))
/* default_: TN_UNDEFINED where there is none */
#define ATTRIBUTE_ELEMENT(Struct, field, default_, required_, doc_)                                \
    ATTRIBUTE_AT(Struct, field, element, .default_int = (default_), .required = (required_),       \
                 .doc = (doc_))
/* Optional, of kinds string, ints, floats, strings, tensor, type: empty or NULL where absent. */
#define ATTRIBUTE_OPTIONAL(Struct, field, kind_, doc_)                                             \
    ATTRIBUTE_AT(Struct, field, kind_, .doc = (doc_))
#define ATTRIBUTE_REQUIRED(Struct, field, kind_, doc_)                                             \
    ATTRIBUTE_AT(Struct, field, kind_, .required = true, .doc = (doc_))
#define ATTRIBUTE_REGION(Struct, field, number, doc_)                                              \
    ATTRIBUTE_AT(Struct, field, graph, .required = true, .default_int = (number), .doc = (doc_))

void attributes_set_defaults(const AttributeDef *defs, int count, void *attributes);
bool attributes_equal(const AttributeDef *defs, int count, const void *a, const void *b);
uint64_t attributes_hash(const AttributeDef *defs, int count, const void *attributes);
/* Whether the field holds its default (an optional one that is absent, too). */
bool attribute_is_default(const AttributeDef *def, const void *attributes);
/* The position of `text` among "a|b|c", -1 if it is none of them. */
int choice_find(const char *choices, const char *text, size_t length);
/* The i-th of "a|b|c" and its length. */
const char *choice_name(const char *choices, int i, size_t *length);

#endif
