/* SPDX-License-Identifier: Apache-2.0
 *
 * The graph IR: values flowing through operators (nodes), in SSA form.
 *
 * A Graph is a list of nodes in a valid execution order, with inputs, constants and outputs.
 * Operands are Use objects threaded on the used value, so replacing a value everywhere is one short
 * loop and needs no side tables. A region (the body of If, Loop, Scan, or a fused group) is a Graph
 * of its own and is closed: what an ONNX body captures from outside is an extra operand of the node
 * and an extra input of the region, in order of first use (the writers open it again). Constants
 * are the exception: a region has its own, which share their bytes with those outside.
 *
 * Everything belongs to the model's arena and dies with it; a removed node is unlinked, not freed.
 */
#ifndef IR_GRAPH_GRAPH_H
#define IR_GRAPH_GRAPH_H

#include "ir/expr/expr.h"
#include "ir/graph/type.h"
#include "ir/support/diagnostic.h"
#include "ir/support/hash.h"
#include "ir/support/intern.h"

typedef struct Model Model;
typedef struct Graph Graph;
typedef struct Node Node;
typedef struct Value Value;
typedef struct Use Use;
typedef struct OpDef OpDef;
typedef struct Constant Constant; /* ir/graph/constant.h */

/* What a model's author wrote beside a thing, and Tenon carries along: ONNX's doc_string and
 * metadata_props. */
typedef struct Property {
    const char *key, *value;
} Property;

typedef struct Notes {
    const char *doc; /* or NULL */
    const Property *properties;
    int property_count;
} Notes;

/* What only running tells of a value, a size or an element of it, and the symbol that inference
 * made for it. The symbol is called after the value when it is made, and keeps its name whatever
 * the value is called later. */
typedef struct ValueSymbol {
    const char *what; /* which one of the value's: "count", "0" */
    const Expr *symbol;
    struct ValueSymbol *next;
} ValueSymbol;

/* What does not follow from the nodes, files say in properties. Of a value, where the name of a
 * symbol does not follow from the value's: this and `what` are the key. */
#define SYMBOL_PROPERTY "tenon.symbol."
/* Of a value whose elements are symbols, where no reader would make them so: how many. */
#define ELEMENTS_PROPERTY "tenon.elements"
/* Of a graph: what is assumed in it. The condition is the rest of the key, the message the value.
 */
#define ASSUMPTION_PROPERTY "tenon.assume."

typedef enum ValueKind { VALUE_input, VALUE_constant, VALUE_result } ValueKind;

struct Value {
    ValueKind kind;
    const char *name; /* unique in its graph; never NULL once the value is in a graph */
    Graph *graph;
    Node *producer; /* of a result */
    int index;      /* among the producer's results, or the graph's inputs */
    const Type *type;
    const Constant *constant; /* of a constant */
    /* What is known of a small integer tensor's elements, as indices over symbols, row major; or
     * NULL. Shape arithmetic flows through it. */
    const Expr *const *elements;
    int64_t element_count;
    ValueSymbol *symbols;
    Use *first_use;
    const Notes *notes; /* or NULL */
};

struct Use {
    Value *value; /* NULL: an optional operand that is absent */
    Node *user;
    int index;
    Use *next, **link; /* list of all uses of value; link is what points at this use */
};

struct Node {
    const OpDef *op;
    const char *name; /* the user's name, which errors and profiles speak of; or NULL */
    Graph *graph;
    int operand_count, result_count, region_count;
    int capture_count; /* how many of the last operands its regions capture */
    Use *operands;
    Value *
        *results; /* results[i] is never NULL; an absent optional output has name "" and no uses */
    Graph **regions;
    void *attributes; /* the operator's own attribute struct */
    Location location;
    const Notes *notes; /* or NULL */
    Node *prev, *next;
    int id; /* set by graph_number() */
};

struct Graph {
    Model *model;
    Node *owner; /* the node whose region this is; NULL: the main graph, or a function's body */
    const char *name;
    int input_count, input_capacity, constant_count, constant_capacity, output_count,
        output_capacity;
    Value **inputs;
    Value **constants;
    Use *outputs; /* output_count Uses whose user is NULL: uses of the values that leave */
    const char **output_names;
    Node *first, *last;
    int node_count;
    Map names;          /* name -> Value; NULL where it is free again */
    Map name_counters;  /* hint -> last number tried, so that inventing names takes constant time */
    const Notes *notes; /* or NULL */
};

/* A condition on sizes that inference could not decide; checked when the program is entered. */
typedef struct Assumption {
    const Expr *condition; /* a bool over symbols */
    const char *message;   /* "Add 'add_1': sizes N and M must be equal" */
    const Graph
        *branch; /* the region of an If that it is about: checked where that is run; NULL: all */
} Assumption;

/* An integer tensor whose elements became symbols: after `value` is computed (or at entry, for an
 * input), element i is assigned to symbols[i]. */
typedef struct Binding {
    Value *value;
    const Expr *const *symbols;
    int64_t count;
} Binding;

struct Model {
    Arena *arena;
    ExprPool *pool;
    Interner *names;
    Diagnostics *diagnostics;
    Graph *graph;
    int64_t ir_version, model_version;
    const char *producer_name, *producer_version, *domain;
    const Notes *notes; /* or NULL */
    Assumption *assumptions;
    int64_t assumption_count, assumption_capacity;
    const Graph *branch; /* what is assumed now is about this region of an If; NULL: about all */
    Binding *bindings;
    int64_t binding_count, binding_capacity;
    const Source *source;
    Map symbol_owners; /* symbol made by inference -> the Value that it tells of */
};

Model *model_create(Arena *arena, Diagnostics *diagnostics);

/* ---- Building ---------------------------------------------------------------------------- */

Graph *graph_create(Model *model, Node *owner, const char *name);
/* The name is made unique in the graph if it is taken, invented if NULL. */
Value *graph_add_input(Graph *graph, const char *name, const Type *type);
Value *graph_add_constant(Graph *graph, const char *name, const Constant *constant);
void graph_add_output(Graph *graph, Value *value, const char *name);
Value *graph_find(const Graph *graph, const char *name); /* NULL if there is none */
const char *graph_fresh_name(Graph *graph, const char *hint);

/* A node at the end of the graph, or before `before`. operands[i] may be NULL (absent). The
 * attribute struct is copied; NULL gives the defaults. Results have no type until the node is
 * inferred; their names are invented. Regions are created empty. */
Node *graph_insert(Graph *graph, Node *before, const OpDef *op, int operand_count,
                   Value *const *operands, int result_count, const void *attributes,
                   int region_count);

/* ---- Editing ----------------------------------------------------------------------------- */

void node_set_operand(Node *node, int i, Value *value);
void node_add_operand(Node *node, Value *value);
void node_remove_operand(Node *node, int i); /* the ones after it move up */
Value *node_add_result(Node *node, const char *name);
void node_remove_result(Node *node, int i); /* must be unused; the ones after it move up */
/* Unlinks a node; its results must be unused. */
void node_remove(Node *node);
void node_move_before(Node *node, Node *before); /* NULL: to the end */
/* Constants that the node's regions capture become constants of the regions; answers how many. */
int node_own_constants(Node *node);
void value_replace_uses(Value *old_value, Value *new_value);
/* The same, and the new value, which was made for that, takes the name of the old one and its
 * symbols. */
void value_replace(Value *old_value, Value *new_value);
void use_set(Use *use, Value *value);              /* one use, of a node or an output */
void value_rename(Value *value, const char *name); /* made unique */
/* The symbol that tells what of the value; NULL: there is none. */
const Expr *value_symbol(const Value *value, const char *what);
/* From now on the symbol tells what of the value, and nothing of another one. */
void value_set_symbol(Value *value, const char *what, const Expr *symbol);
int value_use_count(const Value *value);
bool value_is_output(const Value *value);     /* of its graph */
void graph_remove_input(Graph *graph, int i); /* must be unused */
void graph_remove_output(Graph *graph, int i);
/* Constants in order of first use, unused ones removed; answers how many these were. */
int graph_order_constants(Graph *graph);
void graph_number(Graph *graph); /* gives nodes ids 0 .. node_count-1 */
/* A deep copy, in `model`, which may be another one: sizes are then rewritten to its pool's symbols
 * of the same names. The bytes of constants and the sources of locations are shared. */
Graph *graph_clone(Graph *graph, Model *model, Node *owner);
Model *model_clone(const Model *model, Arena *arena);
/* Copies the nodes of `from` before `before` of another graph of the same model, inputs[i] standing
 * for input i; outputs[i] receives what output i became. */
void graph_inline(Graph *from, Graph *to, Node *before, Value *const *inputs, Value **outputs);
/* Moves nodes, in order of execution, into the region of a new tenon.group before `before`, which
 * must come after what they use and before their other users. Constants are copied, other operands
 * from outside become operands of the group, values with users outside its results. */
Node *graph_outline(Graph *graph, Node *const *nodes, int count, Node *before);

#define FOR_EACH_NODE(node, graph) for (Node *node = (graph)->first; node; node = node->next)
/* Removing `node` is fine. */
#define FOR_EACH_NODE_SAFE(node, graph)                                                            \
    for (Node *node = (graph)->first, *node##_next; node && (node##_next = node->next, 1);         \
         node = node##_next)
#define FOR_EACH_USE(use, value) for (Use *use = (value)->first_use; use; use = use->next)

static inline Value *operand(const Node *node, int i)
{
    return i < node->operand_count ? node->operands[i].value : NULL;
}
static inline Value *result(const Node *node, int i)
{
    return node->results[i];
}
static inline Value *graph_output(const Graph *graph, int i)
{
    return graph->outputs[i].value;
}

/* ---- Checking ---------------------------------------------------------------------------- */

/* Rules that every graph obeys: use lists are consistent, operands are defined before use and in
 * the same graph, names are unique, arity and types fit, regions are closed. Reports all
 * violations. */
bool graph_verify(const Graph *graph, Diagnostics *diagnostics);
bool model_verify(const Model *model, Diagnostics *diagnostics);

/* The innermost region of an If that the graph is or lies in; NULL: none. */
const Graph *graph_branch(const Graph *graph);
/* Records an assumption about model->branch once; ignores one that is known to hold. */
void model_assume(Model *model, const Expr *condition, const char *message);
/* The same; the message is this one from now on. */
void model_assume_as(Model *model, const Expr *condition, const char *message);
/* Whether all symbols of the condition are sizes of inputs or tell what else is not known of values
 * that are there. */
bool model_may_check(const Model *model, const Expr *condition);
/* How many elements of the value became symbols; -1: none did. */
int64_t value_bound_count(const Value *value);
/* Whether an assumption speaks of the value's elements: they must be computed, used or not. */
bool value_is_assumed(const Value *value);

/* Where a node is, for a diagnostic: its name or its first result's, and the source. */
Location node_location(const Node *node);

#endif
