/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to the importer: its state, and the parts that it is made of.
 */
#ifndef FRONTEND_IMPORTER_H
#define FRONTEND_IMPORTER_H

#include "frontend/import.h"
#include "frontend/onnx/external_data.h"
#include "ir/ops/op.h"

enum {
    MAX_EXPANDED_NODES = 1 << 16, /* that calls of functions may grow to */
    MAX_CALL_DEPTH = 64,
    MAX_REGION_DEPTH = 64,
    MAX_PULLED_NODES = 512, /* each infers its If again */
};

/* Which versions of the operator sets a model or a function speaks. */
typedef struct Imports {
    OperatorSetIdProto *const *items;
    int64_t count;
} Imports;

/* A model-local function. */
typedef struct Function {
    const FunctionProto *proto;
    const char *path; /* "functions[2]" */
    bool active;      /* being inlined: a call would be recursion */
    int64_t nodes;    /* with all calls expanded; 0: not counted yet */
} Function;

/* The names that a graph, or a function's body, can see. A function's scope has no parent and
 * shares the graph of its caller; a region's has a graph of its own; that of a branch whose
 * condition is known shares the graph of its parent. */
typedef struct Scope Scope;
struct Scope {
    Scope *parent;
    Graph *graph;
    Imports imports;
    const void *body;       /* the GraphProto or FunctionProto */
    const char *path;       /* of that: "graph.node[3].attribute[0].g" */
    Map values;             /* name -> Value, or &absent_value */
    Map initializers;       /* name -> Constant, not yet a Value */
    Map captures;           /* outer Value -> the region's input */
    const Map *attributes;  /* of the function called: name -> AttributeProto; or NULL */
    Scope *const *siblings; /* of the same node's regions, this one included */
    int sibling_count, depth;
    NodeProto *const *nodes;
    int64_t node_count;
};

/* Stands for an optional input of a function that the call leaves out. */
extern const Value absent_value;

typedef struct Importer {
    Arena *arena;
    Model *model;
    const Document *document;
    const ImportOptions *options;
    bool *dims_found; /* which of the options' dims some size has */
    Diagnostics *diagnostics;
    InferContext context;
    ExternalData external;
    Map functions;   /* "domain\0name\0overload" -> Function */
    Map value_notes; /* body and name of a value -> what is noted of its symbols */
    int pull_count;  /* nodes that moved into branches */
} Importer;

/* Where a message stands. `path` is used for binary documents alone. */
Location import_location(Importer *importer, const Message *message, const char *path);
/* A name as the graph keeps it; NULL after a diagnostic if it holds a NUL byte. */
const char *import_name(Importer *importer, TnString name, Location location);
/* "path.field[i]" */
const char *import_path(Importer *importer, const char *path, const char *field, int64_t i);

/* ---- Notes: import_notes.c ----------------------------------------------------------------- */

/* NULL where there are none but Tenon's own. */
const Notes *import_notes(Importer *importer, TnString doc, int64_t property_count,
                          StringStringEntryProto *const *properties);
/* Those of values, once the graph is made. */
void import_value_notes(Importer *importer, Graph *graph, int64_t count,
                        ValueInfoProto *const *infos);
/* Those of a graph and its values, once it is made. */
void import_graph_notes(Importer *importer, Graph *graph, const GraphProto *proto);

/* ---- Symbols: import_symbols.c ------------------------------------------------------------- */

/* Whether the key is that of a note which is read here. */
bool import_is_own_note(TnString key);
/* Takes the names that such notes of the document give; once the inputs have theirs, and before
 * anything is inferred. The depth of graphs must have been checked. */
bool import_reserve_symbols(Importer *importer);
/* A value that the scope's body calls so, and that is not inferred yet, gets the symbols that notes
 * say are its own. */
void import_claim_symbols(Importer *importer, const Scope *scope, Value *value, const char *name);
/* The same value, once it is inferred: its elements become symbols if a note says so. False after a
 * diagnostic. */
bool import_bind_elements(Importer *importer, const Scope *scope, Value *value, const char *name);
/* What notes on a graph, whose nodes are there, say that it assumes; false after a diagnostic. */
bool import_assumptions(Importer *importer, const Graph *graph, const GraphProto *proto);

/* ---- Types: import_type.c ------------------------------------------------------------------ */

/* Unknown sizes become symbols called <hint>_<dimension>. NULL after a diagnostic. A tensor without
 * shape is unranked. */
const Type *import_type(Importer *importer, const TypeProto *proto, const char *hint,
                        Location location);
/* The types of the main graph's inputs, as the options change them; NULL after a diagnostic. */
const Type **import_input_types(Importer *importer, const GraphProto *proto);

/* ---- Support: import_check.c --------------------------------------------------------------- */

/* Versions of the model and its functions, and every node of every graph: lists all that is not
 * supported. Fills importer->functions. */
bool import_check(Importer *importer);
/* The version of a domain's operator set, 0 if neither the imports nor the model's have it. */
int64_t import_version(const Importer *importer, Imports imports, TnString domain);
Function *import_find_function(const Importer *importer, const NodeProto *node);

/* ---- Attributes: import_attribute.c -------------------------------------------------------- */

/* Fills the operator's struct; regions are only counted. */
bool import_attributes(Importer *importer, const OpDef *op, const NodeProto *node, const char *path,
                       void *attributes);
/* The node with references to a function's attributes replaced by what the call gives. */
const NodeProto *import_resolve_references(Importer *importer, const Scope *scope,
                                           const NodeProto *node);
/* The value of a Constant node; NULL after a diagnostic. */
const Constant *import_constant_node(Importer *importer, const NodeProto *node, const char *path);
ProtoAttributeType import_attribute_type(const AttributeProto *attribute);

/* ---- Graphs: import_graph.c ---------------------------------------------------------------- */

/* The value of that name, made available in the scope's graph; NULL if nobody makes it, and
 * &absent_value for an absent input of a function. */
Value *scope_find(Scope *scope, const char *name);
/* False after a diagnostic if the name is taken. */
bool scope_define(Importer *importer, Scope *scope, const char *name, Value *value,
                  Location location);
/* The same for a constant, which becomes a Value of each graph that uses it, at its first use. */
bool scope_define_constant(Importer *importer, Scope *scope, const char *name,
                           const Constant *constant, Location location);
/* A value of the graph around a region, in the region: a constant of its own, or a captured input.
 */
Value *scope_import_value(Scope *scope, Value *outer);
bool import_initializers(Importer *importer, Scope *scope, const GraphProto *proto);
/* The nodes of scope->nodes, in order. */
bool import_nodes(Importer *importer, Scope *scope, const char *field_path);
/* Why a name is not there, as an error at the location. */
bool import_report_missing(Importer *importer, Scope *scope, int64_t node, const char *name,
                           Location location);

/* ---- Nodes: import_node.c ------------------------------------------------------------------ */

bool import_node(Importer *importer, Scope *scope, int64_t index, const char *path);
/* The same once the operands are values; results[i] for each output that is wanted. */
bool import_make(Importer *importer, Scope *scope, const NodeProto *proto, const char *path,
                 Location location, int operand_count, Value **operands, Value **results);

/* ---- Regions: import_region.c -------------------------------------------------------------- */

/* Why a branch of an If cannot be run. */
typedef struct Misfit {
    int region;
    const char *why; /* NULL: all branches can be */
} Misfit;

/* A scope in `parent` (NULL: a function's) whose body the caller sets. */
Scope *scope_create(Importer *importer, Graph *graph, Scope *parent, const char *path);
/* Fills the regions of a new node from its graph attributes. Where *misfit is set, the caller must
 * take the other branch. */
bool import_regions(Importer *importer, Scope *scope, Node *node, const NodeProto *proto,
                    const char *path, Misfit *misfit);
/* One of them, once it has its formal inputs. */
bool import_region(Importer *importer, Scope *scope, const GraphProto *graph);
/* Inlines a call, or makes a tenon.group of it. results[i]: the values of the function's outputs.
 */
bool import_call(Importer *importer, Scope *scope, Function *function, const NodeProto *proto,
                 const char *path, int operand_count, Value *const *operands, Value **results);

/* ---- Branches that take the place of an If: import_branch.c --------------------------------- */

/* The branch that an If takes, where its condition is known: its nodes take the If's place, and the
 * other branch is not looked at (its types need not fit). NULL: the condition is not known. */
const AttributeProto *import_taken_branch(const NodeProto *proto, int operand_count,
                                          Value *const *operands);
bool import_branch(Importer *importer, Scope *scope, const NodeProto *proto,
                   const AttributeProto *branch, const char *path, Value **results);
/* Imports both; one that inference refuses becomes the misfit, and its errors stay until the other
 * is taken. False where that cannot be. */
bool import_branches(Importer *importer, Scope *const *scopes, const GraphProto *const *graphs,
                     Misfit *misfit);
/* The first error after `before`, for a message about a misfit. */
const char *import_misfit_text(Importer *importer, const Diagnostics *before);
/* Puts the other region in the place of the If, under an assumption on the condition, and takes
 * what was reported after `before` back. results[]: what its last `count` outputs became. False,
 * with nothing taken back, if the condition cannot say so. */
bool import_take_other(Importer *importer, Scope *scope, Node *branch, const Misfit *misfit,
                       const Diagnostics *before, int count, Value **results);

/* ---- Values of unknown rank: import_pull.c -------------------------------------------------- */

typedef struct PulledNode {
    const NodeProto *proto;
    const char *path;
    Location location;
    int operand_count;
    Value *const *operands;
} PulledNode;

/* Whether a node must move into the branches of an If, for what it or its bodies read. */
bool import_needs_pull(const Scope *scope, const PulledNode *pulled);
/* Moves it there. */
bool import_pull(Importer *importer, Scope *scope, const PulledNode *pulled, Value **results);
/* Drops results of unknown rank; false after a diagnostic where one is needed. */
bool import_drop_unranked(Importer *importer, Graph *graph);

#endif
