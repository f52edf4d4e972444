/* SPDX-License-Identifier: Apache-2.0
 *
 * What the grammar's actions call: makes the messages of a document. Private to the text frontend.
 *
 * Functions that answer a pointer or a bool have reported the error where they answer NULL or
 * false; the grammar then gives up. Strings are views of the source, except where backslashes had
 * to go.
 */
#ifndef FRONTEND_TEXT_BUILD_H
#define FRONTEND_TEXT_BUILD_H

#include "frontend/document.h"

/* How deep graphs may lie in attributes, and types in types: what a binary model can hold, too. */
enum { MAX_GRAPH_DEPTH = 30, MAX_TYPE_DEPTH = 16 };

typedef struct TextRange {
    size_t begin, end; /* bytes of the source */
} TextRange;

typedef struct PointerList {
    void **items;
    int64_t count, capacity;
} PointerList;

typedef struct NameList {
    TnString *items;
    int64_t count, capacity;
} NameList;

typedef enum LiteralKind {
    LITERAL_integer,
    LITERAL_fraction,
    LITERAL_string,
    LITERAL_reference, /* @name */
    LITERAL_type,
    LITERAL_tensor,
    LITERAL_sparse,
    LITERAL_graph,
    LITERAL_list,
} LiteralKind;

/* The value of an attribute or of a header's key. */
typedef struct Literal {
    LiteralKind kind;
    TextRange range;
    TnString text; /* of the first four kinds */
    void *message; /* of a type, tensor, sparse tensor or graph */
    PointerList *list;
} Literal;

/* "key" : "value" or "key" : number */
typedef struct Pair {
    TextRange range;
    TnString key, value;
    bool is_integer;
} Pair;

typedef struct HeaderItem {
    TextRange range;
    TnString key;
    Literal *value; /* an integer, a string, or a list of pairs */
} HeaderItem;

typedef struct DottedName {
    TnString domain, name;
} DottedName;

/* A value's declaration, perhaps with data. */
typedef struct Declaration {
    ValueInfoProto *info;
    TensorProto *tensor;
    SparseTensorProto *sparse;
} Declaration;

/* A tensor whose elements are being read. */
typedef struct Elements {
    TensorProto *tensor;
    TnElementType element;
    TextRange range;  /* of the tensor's type */
    int64_t expected; /* entries that the shape asks for */
    int64_t count;    /* entries read */
    int64_t capacity; /* entries for which there is room */
    size_t entry_bytes;
    unsigned char *data; /* NULL for strings */
    bool has_fractions;  /* a narrow type was written as values rather than as bit patterns */
    bool comma, value;   /* what the last token was */
} Elements;

/* "#@ field: value": see comment.h. */
typedef struct Comment {
    TextRange range;
    size_t target; /* where the token after it begins */
    bool is_aimed; /* that token has been read */
    bool is_applied;
} Comment;

typedef struct TextParser {
    Arena *arena;
    const Source *source;
    Diagnostics *diagnostics;
    void *scanner;
    size_t read;              /* bytes given to the scanner */
    size_t offset;            /* bytes scanned */
    TextRange last, previous; /* of the last two tokens; empty where they are no plain names */
    int start;                /* a token that says what is to be read; 0 once it is consumed */
    int graph_depth;
    Elements elements;
    ARRAY(Comment) comments;
    void *result;
} TextParser;

/* ---- For the scanner --------------------------------------------------------------------- */

size_t parser_read(TextParser *parser, char *buffer, size_t size);
_Noreturn void parser_out_of_memory(TextParser *parser);
void *parser_allocate(TextParser *parser, void *old, size_t bytes); /* as realloc, from the arena */
bool parser_open_scanner(TextParser *parser);
void parser_begin_elements(TextParser *parser);
void parser_add_comment(TextParser *parser, TextRange range);
TnString parser_unquote(TextParser *parser, TnString quoted);
/* The token of a type word (*element set where it is an element type); 0 for an ordinary name. */
int parser_keyword(TnString word, TnElementType *element);
bool parser_error(TextParser *parser, TextRange range, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void parser_bad_byte(TextParser *parser, TextRange range);
void parser_bad_element(TextParser *parser, TextRange range);
bool elements_add_integer(TextParser *parser, TextRange range, TnString text);
bool elements_add_fraction(TextParser *parser, TextRange range, TnString text);
bool elements_add_string(TextParser *parser, TextRange range, TnString text);
bool elements_comma(TextParser *parser, TextRange range);
bool elements_end(TextParser *parser, TextRange range);

/* ---- For the grammar --------------------------------------------------------------------- */

PointerList *list_of(TextParser *parser, void *first); /* NULL: an empty list */
PointerList *list_add(TextParser *parser, PointerList *list, void *item);
NameList *names_of(TextParser *parser, TnString first);
NameList *names_add(TextParser *parser, NameList *names, TnString name);
DottedName *dotted_name(TextParser *parser, DottedName *before, TnString name);

bool build_enter_graph(TextParser *parser, TextRange range);
Literal *build_literal(TextParser *parser, TextRange range, LiteralKind kind, TnString text,
                       void *message);
Pair *build_pair(TextParser *parser, TextRange range, TnString key, TnString value,
                 bool is_integer);
HeaderItem *build_header_item(TextParser *parser, TextRange range, TnString key, Literal *value);

TensorShapeProtoDimension *build_dimension(TextParser *parser, TextRange range, Literal *size);
/* dims NULL: the rank is unknown. */
TypeProto *build_tensor_type(TextParser *parser, TextRange range, TnElementType element,
                             PointerList *dims);
TypeProto *build_sequence_type(TextParser *parser, TextRange range, TypeProto *inner);
TypeProto *build_optional_type(TextParser *parser, TextRange range, TypeProto *inner);
TypeProto *build_map_type(TextParser *parser, TextRange range, TnElementType key, TypeProto *value);
TypeProto *build_sparse_type(TextParser *parser, TextRange range, TypeProto *tensor);
TypeProto *build_opaque_type(TextParser *parser, TextRange range, DottedName *first,
                             TnString second);

Declaration *build_declaration(TextParser *parser, TextRange range, TypeProto *type, TnString name);
/* A tensor of a type, whose elements come next. */
TensorProto *build_tensor(TextParser *parser, TextRange range, const TypeProto *type,
                          TnString name);
SparseTensorProto *build_sparse(TextParser *parser, TextRange range, const TypeProto *type,
                                TnString name, TensorProto *values, TensorProto *indices);
bool build_external_data(TextParser *parser, TensorProto *tensor, PointerList *pairs);
AttributeProto *build_attribute(TextParser *parser, TextRange range, TnString name,
                                TnString annotation, Literal *value);
NodeProto *build_node(TextParser *parser, TextRange range, TnString label, NameList *outputs,
                      DottedName *type, TnString overload, NameList *inputs,
                      PointerList *attributes);
/* A graph of nodes alone, which no comment stands before. */
GraphProto *build_nodes(TextParser *parser, PointerList *nodes);
GraphProto *build_graph(TextParser *parser, TextRange range, TnString name, PointerList *inputs,
                        PointerList *outputs, PointerList *values, PointerList *nodes);
FunctionProto *build_function(TextParser *parser, TextRange range, PointerList *header,
                              TnString name, PointerList *attributes, PointerList *inputs,
                              PointerList *outputs, PointerList *values, PointerList *nodes);
ModelProto *build_model(TextParser *parser, TextRange range, PointerList *header, GraphProto *graph,
                        PointerList *functions);

/* A node's or function's attribute list may hold plain names (functions only) as attributes without
 * a type. */
AttributeProto *build_attribute_name(TextParser *parser, TextRange range, TnString name);

#endif
