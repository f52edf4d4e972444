/* SPDX-License-Identifier: Apache-2.0
 *
 * The grammar of ONNX's textual syntax (docs/text-format.md), LALR(1) without conflicts.
 *
 * Words that are special in one place are names in all others: type words are tokens of their own
 * that `name` takes back; header keys and attribute types are plain names whose meaning the actions
 * check. Brackets are told apart by position, types in attribute values by the token after them.
 *
 * A start token, which text.c puts in front of the scanner's tokens, says what is to be read. The
 * stack is as deep as nesting may be and never grows; actions give up with YYABORT once they have
 * reported an error. Everything is in an arena, so there is nothing to destroy.
 */
%require "3.8"
%define api.pure full
%define api.prefix {grammar_}
%define api.location.type {TextRange}
%define parse.error custom
%define lr.default-reduction consistent
%locations
%expect 0
%parse-param {TextParser *parser}
%lex-param {TextParser *parser}

%code requires {
#include "frontend/text/build.h"
}

%code provides {
int scanner_lex(GRAMMAR_STYPE *value, TextRange *range, void *scanner);
}

%union {
    TnString span;
    TnElementType element;
    Literal *literal;
    PointerList *list;
    NameList *names;
    DottedName *dotted;
    Pair *pair;
    HeaderItem *item;
    TypeProto *type;
    TensorShapeProtoDimension *dimension;
    TensorProto *tensor;
    Declaration *declaration;
    AttributeProto *attribute;
    NodeProto *node;
    GraphProto *graph;
    FunctionProto *function;
    ModelProto *model;
}

%code {
#include "ir/support/text.h"

#define YYMAXDEPTH 2000
#define YYINITDEPTH YYMAXDEPTH
/* From the first part that is not empty. */
#define YYLLOC_DEFAULT(current, parts, count)                                                      \
    do {                                                                                           \
        int first = 1;                                                                             \
        while (first < (count) && YYRHSLOC(parts, first).begin == YYRHSLOC(parts, first).end)      \
            first++;                                                                               \
        (current).begin = (count) ? YYRHSLOC(parts, first).begin : YYRHSLOC(parts, 0).end;         \
        (current).end = YYRHSLOC(parts, count).end;                                                \
    } while (0)

/* The result of an action that has reported an error is NULL or false. */
#define TRY(expression)                                                                            \
    do {                                                                                           \
        if (!(expression))                                                                         \
            YYABORT;                                                                               \
    } while (0)

static const TnString none = {"", 0};

static int grammar_lex(GRAMMAR_STYPE *value, TextRange *range, TextParser *parser);
static void grammar_error(TextRange *range, TextParser *parser, const char *message);
}

%token YYEOF 0 "the end of the text"
%token <span> NAME "a name" INFINITE "inf or nan" STRING "a string" INTEGER "an integer"
%token <span> FRACTION "a number" SEQ "seq" MAP "map" OPTIONAL "optional" SPARSE "sparse_tensor"
%token <span> OPAQUE "opaque"
%token <element> ELEMENT "an element type"
%token ARROW "=>" ELEMENTS_END "a tensor's elements"
%token START_MODEL START_GRAPH START_FUNCTION START_NODES START_TYPE START_TENSOR

%type <span> name type_word bare any_name bare_or_string annotation annotation_opt label overload
%type <span> graph_name
%type <names> names names_some names_comma
%type <dotted> dotted
%type <type> type
%type <list> shape dimensions graph_inputs graph_outputs graph_values declarations
%type <list> initialisable pairs attributes attributes_opt attribute_list literals
%type <list> nodes node_list header header_items functions function_attributes
%type <list> function_attribute_list function_values function_io
%type <dimension> dimension
%type <declaration> declaration declaration_data
%type <tensor> tensor tensor_opening data_opening
%type <pair> pair
%type <attribute> attribute function_attribute
%type <literal> value single header_value
%type <graph> graph graph_rest
%type <node> node
%type <item> header_item
%type <function> function
%type <model> model

%%

start:
    START_MODEL model           { parser->result = $2; }
  | START_GRAPH graph           { parser->result = $2; }
  | START_FUNCTION function     { parser->result = $2; }
  | START_NODES node_list       { parser->result = build_nodes(parser, $2); }
  | START_TYPE type             { parser->result = $2; }
  | START_TENSOR tensor         { parser->result = $2; }
  ;

/* ---- Names ------------------------------------------------------------------------------- */

type_word:
    ELEMENT                     { $$ = (TnString){parser->source->data + @1.begin,
                                                  (int64_t)(@1.end - @1.begin)}; }
  | SEQ | MAP | OPTIONAL | SPARSE | OPAQUE
  ;

bare: NAME | INFINITE ;
name: bare | type_word ;
any_name: name | STRING ;
bare_or_string: bare | STRING ;

dotted:
    any_name                    { $$ = dotted_name(parser, NULL, $1); }
  | dotted '.' any_name         { $$ = dotted_name(parser, $1, $3); }
  ;

/* Op(,x) has two operands, Op(x,) one, Op(,) an absent one. */
names:
    %empty                      { $$ = NULL; }
  | names_some
  ;
names_some:
    any_name                    { $$ = names_of(parser, $1); }
  | names_comma
  | names_comma any_name        { $$ = names_add(parser, $1, $2); }
  ;
names_comma:
    ','                         { $$ = names_of(parser, none); }
  | any_name ','                { $$ = names_of(parser, $1); }
  | names_comma ','             { $$ = names_add(parser, $1, none); }
  | names_comma any_name ','    { $$ = names_add(parser, $1, $2); }
  ;

/* ---- Types ------------------------------------------------------------------------------- */

type:
    ELEMENT shape               { TRY($$ = build_tensor_type(parser, @$, $1, $2)); }
  | SEQ '(' type ')'            { TRY($$ = build_sequence_type(parser, @$, $3)); }
  | OPTIONAL '(' type ')'       { TRY($$ = build_optional_type(parser, @$, $3)); }
  | MAP '(' ELEMENT ',' type ')'
                                { TRY($$ = build_map_type(parser, @$, $3, $5)); }
  | SPARSE '(' ELEMENT shape ')'
                                { TypeProto *inner = build_tensor_type(parser, @3, $3, $4);
                                  TRY(inner && ($$ = build_sparse_type(parser, @$, inner))); }
  | OPAQUE '(' ')'              { TRY($$ = build_opaque_type(parser, @$, NULL, none)); }
  | OPAQUE '(' dotted ')'       { TRY($$ = build_opaque_type(parser, @$, $3, none)); }
  | OPAQUE '(' dotted ',' any_name ')'
                                { TRY($$ = build_opaque_type(parser, @$, $3, $5)); }
  ;

/* float: a scalar; float[]: of unknown rank. */
shape:
    %empty                      { $$ = list_of(parser, NULL); }
  | '[' ']'                     { $$ = NULL; }
  | '[' dimensions ']'          { $$ = $2; }
  ;
dimensions:
    dimension                   { $$ = list_of(parser, $1); }
  | dimensions ',' dimension    { $$ = list_add(parser, $1, $3); }
  ;
dimension:
    '?'                         { $$ = build_dimension(parser, @$, NULL); }
  | INTEGER                     { TRY($$ = build_dimension(parser, @$,
                                          build_literal(parser, @$, LITERAL_integer, $1, NULL))); }
  | any_name                    { $$ = build_dimension(parser, @$,
                                          build_literal(parser, @$, LITERAL_string, $1, NULL)); }
  ;

/* ---- Values and their data --------------------------------------------------------------- */

declaration:
    type any_name               { $$ = build_declaration(parser, @$, $1, $2); }
  | bare_or_string              { $$ = build_declaration(parser, @$, NULL, $1); }
  ;
declarations:
    declaration                 { $$ = list_of(parser, $1); }
  | declarations ',' declaration
                                { $$ = list_add(parser, $1, $3); }
  ;

declaration_data:
    declaration
  | declaration '=' data_opening ELEMENTS_END
                                { $$ = $1; $$->tensor = $3; $3->base.end = @4.end; }
  | declaration '=' '[' pairs ']'
                                { $$ = $1;
                                  $$->tensor = build_tensor(parser, @1, $1->info->type,
                                                            $1->info->name);
                                  TRY($$->tensor && build_external_data(parser, $$->tensor, $4)); }
/* A sparse tensor: its values, and where they are. */
  | declaration '=' '[' tensor ',' tensor ']'
                                { $$ = $1;
                                  TRY($$->sparse = build_sparse(parser, @$, $1->info->type,
                                                                $1->info->name, $4, $6)); }
  ;
/* From here to its closing brace the scanner reads elements. */
data_opening:
    '{'                         { Declaration *declaration = $<declaration>-1;
                                  TRY($$ = build_tensor(parser, @-1, declaration->info->type,
                                                        declaration->info->name));
                                  parser_begin_elements(parser); }
  ;
initialisable:
    declaration_data            { $$ = list_of(parser, $1); }
  | initialisable ',' declaration_data
                                { $$ = list_add(parser, $1, $3); }
  ;

pairs:
    pair                        { $$ = list_of(parser, $1); }
  | pairs ',' pair              { $$ = list_add(parser, $1, $3); }
  ;
pair:
    STRING ':' STRING           { $$ = build_pair(parser, @$, $1, $3, false); }
  | STRING ':' INTEGER          { $$ = build_pair(parser, @$, $1, $3, true); }
  ;

tensor:
    tensor_opening ELEMENTS_END { $$ = $1; $$->base.end = @$.end; }
  | type '=' '[' pairs ']'      { $$ = build_tensor(parser, @1, $1, none);
                                  TRY($$ && build_external_data(parser, $$, $4)); }
  | type any_name '=' '[' pairs ']'
                                { $$ = build_tensor(parser, @1, $1, $2);
                                  TRY($$ && build_external_data(parser, $$, $5)); }
  ;
tensor_opening:
    type '{'                    { TRY($$ = build_tensor(parser, @1, $1, none));
                                  parser_begin_elements(parser); }
  | type '=' '{'                { TRY($$ = build_tensor(parser, @1, $1, none));
                                  parser_begin_elements(parser); }
  | type any_name '{'           { TRY($$ = build_tensor(parser, @1, $1, $2));
                                  parser_begin_elements(parser); }
  | type any_name '=' '{'       { TRY($$ = build_tensor(parser, @1, $1, $2));
                                  parser_begin_elements(parser); }
  ;

/* ---- Attributes -------------------------------------------------------------------------- */

attributes:
    '<' attribute_list '>'      { $$ = $2; }
  | '<' '>'                     { $$ = NULL; }
  ;
attributes_opt:
    %empty                      { $$ = NULL; }
  | attributes
  ;
attribute_list:
    attribute                   { $$ = list_of(parser, $1); }
  | attribute_list ',' attribute
                                { $$ = list_add(parser, $1, $3); }
  ;
attribute:
    any_name annotation_opt '=' value
                                { TRY($$ = build_attribute(parser, @$, $1, $2, $4)); }
  ;
annotation: ':' name            { $$ = $2; } ;
annotation_opt:
    %empty                      { $$ = none; }
  | annotation
  ;

value:
    single
  | '[' ']'                     { $$ = build_literal(parser, @$, LITERAL_list, none, NULL);
                                  $$->list = list_of(parser, NULL); }
  | '[' literals ']'            { $$ = build_literal(parser, @$, LITERAL_list, none, NULL);
                                  $$->list = $2; }
  ;
literals:
    single                      { $$ = list_of(parser, $1); }
  | literals ',' single         { $$ = list_add(parser, $1, $3); }
  ;
single:
    INTEGER                     { $$ = build_literal(parser, @$, LITERAL_integer, $1, NULL); }
  | FRACTION                    { $$ = build_literal(parser, @$, LITERAL_fraction, $1, NULL); }
  | INFINITE                    { $$ = build_literal(parser, @$, LITERAL_fraction, $1, NULL); }
  | STRING                      { $$ = build_literal(parser, @$, LITERAL_string, $1, NULL); }
  | '@' any_name                { $$ = build_literal(parser, @$, LITERAL_reference, $2, NULL); }
  | type                        { $$ = build_literal(parser, @$, LITERAL_type, none, $1); }
  | tensor                      { $$ = build_literal(parser, @$, LITERAL_tensor, none, $1); }
  | type '=' '[' tensor ',' tensor ']'
                                { SparseTensorProto *sparse;
                                  TRY(sparse = build_sparse(parser, @$, $1, none, $4, $6));
                                  $$ = build_literal(parser, @$, LITERAL_sparse, none, sparse); }
  | type any_name '=' '[' tensor ',' tensor ']'
                                { SparseTensorProto *sparse;
                                  TRY(sparse = build_sparse(parser, @$, $1, $2, $5, $7));
                                  $$ = build_literal(parser, @$, LITERAL_sparse, none, sparse); }
  | graph_name graph_rest       { PROTO_SET($2, name, $1);
                                  $2->base.begin = @1.begin;
                                  $$ = build_literal(parser, @$, LITERAL_graph, none, $2); }
  ;

/* ---- Graphs ------------------------------------------------------------------------------ */

graph_name: NAME | INFINITE | STRING ;

graph:
    any_name graph_rest         { $$ = $2; PROTO_SET($$, name, $1); $$->base.begin = @1.begin; }
  ;
graph_rest:
    graph_inputs ARROW '(' graph_outputs ')' graph_values nodes
                                { TRY($$ = build_graph(parser, @$, none, $1, $4, $6, $7)); }
  ;
graph_inputs:
    %empty                      { $$ = NULL; }
  | '(' ')'                     { $$ = NULL; }
  | '(' initialisable ')'       { $$ = $2; }
  ;
graph_outputs:
    %empty                      { $$ = NULL; }
  | declarations
  ;
graph_values:
    %empty                      { $$ = NULL; }
  | '<' '>'                     { $$ = NULL; }
  | '<' initialisable '>'       { $$ = $2; }
  ;
nodes:
    '{'                         { TRY(build_enter_graph(parser, @1)); }
    node_list '}'               { parser->graph_depth--; $$ = $3; }
  ;
node_list:
    %empty                      { $$ = list_of(parser, NULL); }
  | node_list node              { $$ = list_add(parser, $1, $2); }
  ;
node:
    label names '=' dotted overload attributes '(' names ')'
                                { TRY($$ = build_node(parser, @$, $1, $2, $4, $5, $8, $6)); }
  | label names '=' dotted overload '(' names ')' attributes_opt
                                { TRY($$ = build_node(parser, @$, $1, $2, $4, $5, $7, $9)); }
  ;
label:
    %empty                      { $$ = (TnString){NULL, 0}; }
  | '[' ']'                     { $$ = (TnString){NULL, 0}; }
  | '[' any_name ']'            { $$ = $2; }
  ;
overload:
    %empty                      { $$ = (TnString){NULL, 0}; }
  | ':' any_name                { $$ = $2; }
  ;

/* ---- Functions and models ---------------------------------------------------------------- */

header:
    %empty                      { $$ = NULL; }
  | '<' '>'                     { $$ = NULL; }
  | '<' header_items '>'        { $$ = $2; }
  ;
header_items:
    header_item                 { $$ = list_of(parser, $1); }
  | header_items ',' header_item
                                { $$ = list_add(parser, $1, $3); }
  ;
header_item:
    name ':' header_value       { $$ = build_header_item(parser, @1, $1, $3); }
  ;
header_value:
    INTEGER                     { $$ = build_literal(parser, @$, LITERAL_integer, $1, NULL); }
  | STRING                      { $$ = build_literal(parser, @$, LITERAL_string, $1, NULL); }
  | '[' ']'                     { $$ = build_literal(parser, @$, LITERAL_list, none, NULL);
                                  $$->list = list_of(parser, NULL); }
  | '[' pairs ']'               { $$ = build_literal(parser, @$, LITERAL_list, none, NULL);
                                  $$->list = $2; }
  ;

function:
    header any_name function_attributes '(' function_io ')' ARROW '(' function_io ')'
    function_values nodes
                                { TRY($$ = build_function(parser, @$, $1, $2, $3, $5, $9, $11,
                                                          $12)); }
  ;
function_io:
    %empty                      { $$ = NULL; }
  | declarations
  ;
function_attributes:
    %empty                      { $$ = NULL; }
  | '<' '>'                     { $$ = NULL; }
  | '<' function_attribute_list '>'
                                { $$ = $2; }
  ;
function_attribute_list:
    function_attribute          { $$ = list_of(parser, $1); }
  | function_attribute_list ',' function_attribute
                                { $$ = list_add(parser, $1, $3); }
  ;
function_attribute:
    any_name                    { $$ = build_attribute_name(parser, @$, $1); }
  | any_name annotation '=' value
                                { TRY($$ = build_attribute(parser, @$, $1, $2, $4)); }
  | any_name '=' value          { TRY($$ = build_attribute(parser, @$, $1, none, $3)); }
  ;
function_values:
    %empty                      { $$ = NULL; }
  | '<' '>'                     { $$ = NULL; }
  | '<' declarations '>'        { $$ = $2; }
  ;

model:
    header graph functions      { TRY($$ = build_model(parser, @$, $1, $2, $3)); }
  ;
functions:
    %empty                      { $$ = list_of(parser, NULL); }
  | functions function          { $$ = list_add(parser, $1, $2); }
  ;

%%

static int grammar_lex(GRAMMAR_STYPE *value, TextRange *range, TextParser *parser)
{
    static const int starts[] = {START_MODEL, START_GRAPH, START_FUNCTION,
                                 START_NODES, START_TYPE,  START_TENSOR};
    if (parser->start < 0) {
        parser->previous = parser->last;
        int token = scanner_lex(value, range, parser->scanner);
        parser->last = token == NAME ? *range : (TextRange){0, 0};
        for (int64_t i = parser->comments.count; i > 0 && !parser->comments.items[i - 1].is_aimed;
             i--) {
            parser->comments.items[i - 1].target = range->begin;
            parser->comments.items[i - 1].is_aimed = true;
        }
        return token;
    }
    int token = starts[parser->start];
    parser->start = -1;
    *range = (TextRange){0, 0};
    return token;
}

/* "memory exhausted": the stack is full. */
static void grammar_error(TextRange *range, TextParser *parser, const char *message)
{
    (void)message;
    parser_error(parser, *range, "this is nested too deeply");
}

/* The tokens that could stand here, as few words as say it: all that are names, types or numbers
 * count as one. Answers how many are left. */
static int name_expected(const yypcontext_t *context, const char *names[YYNTOKENS])
{
    yysymbol_kind_t expected[YYNTOKENS];
    bool has[YYNTOKENS] = {false};
    int count = yypcontext_expected_tokens(context, expected, YYNTOKENS), named = 0;
    for (int i = 0; i < count; i++)
        has[expected[i]] = true;
    bool any_name = has[YYSYMBOL_NAME] && has[YYSYMBOL_SEQ];
    bool type = !any_name && has[YYSYMBOL_ELEMENT] && has[YYSYMBOL_SEQ];
    if (has[YYSYMBOL_INTEGER] && has[YYSYMBOL_FRACTION])
        has[YYSYMBOL_INTEGER] = has[YYSYMBOL_INFINITE] = false;
    if (any_name || has[YYSYMBOL_NAME])
        has[YYSYMBOL_INFINITE] = false;
    if (any_name || type) {
        has[YYSYMBOL_ELEMENT] = has[YYSYMBOL_SEQ] = has[YYSYMBOL_MAP] = false;
        has[YYSYMBOL_OPTIONAL] = has[YYSYMBOL_SPARSE] = has[YYSYMBOL_OPAQUE] = false;
    }
    if (type)
        names[named++] = "a type";
    for (int i = 0; i < count; i++) {
        if (has[expected[i]])
            names[named++] = yysymbol_name(expected[i]);
    }
    return named;
}

static void append_source(Text *message, const TextParser *parser, TextRange range)
{
    size_t length = range.end - range.begin;
    text_append(message, "'");
    text_append_bytes(message, parser->source->data + range.begin, length < 40 ? length : 40);
    text_append(message, length < 40 ? "'" : "...'");
}

static int yyreport_syntax_error(const yypcontext_t *context, TextParser *parser)
{
    enum { SHOWN = 9 };
    const char *names[YYNTOKENS];
    int count = name_expected(context, names);
    TextRange range = *yypcontext_location(context);
    Text found = text_create(parser->arena), expected = text_create(parser->arena);
    Text message = text_create(parser->arena);
    bool may_declare = false; /* "x =": a value without a type may stand before this */
    if (yypcontext_token(context) == YYSYMBOL_YYEOF)
        text_append(&found, "the end of the text");
    else
        append_source(&found, parser, range);
    text_format(&message, "found %s", found.data);
    for (int i = 0; i < count && count <= SHOWN; i++) {
        text_append(&expected, i == 0 ? "" : i == count - 1 ? " or " : ", ");
        text_append(&expected, names[i]);
        may_declare |= i == 0 && names[i][1] == ',';
    }
    if (expected.length)
        text_format(&message, ", expected %s", expected.data);
    bool after_name = parser->previous.end > parser->previous.begin;
    bool two_names = yypcontext_token(context) == YYSYMBOL_NAME && may_declare && count == 4;
    bool is_shape = range.end == range.begin + 1 && parser->source->data[range.begin] == '[';
    if (after_name && (two_names || (is_shape && may_declare))) { /* "flaot x", "flaot[2] x" */
        text_append(&message, "; ");
        append_source(&message, parser, parser->previous);
        text_append(&message, " is no type");
    }
    parser_error(parser, range, "%s", message.data);
    diagnostic_set_mismatch(parser->diagnostics, found.data,
                            expected.length ? expected.data : NULL);
    return 0;
}
