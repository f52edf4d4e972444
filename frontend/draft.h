/* SPDX-License-Identifier: Apache-2.0
 *
 * Editing documents: values and nodes come and go by name, and what contradicts the names or the
 * tables of operators is an error at once. Types are left to import.
 *
 * Every function checks first and changes the document only where all is well; else it answers
 * false or NULL after a diagnostic that names the node or the value. All that is handed in is
 * copied to the draft's arena, which is the document's.
 */
#ifndef FRONTEND_DRAFT_H
#define FRONTEND_DRAFT_H

#include "frontend/document.h"
#include "ir/ops/op.h"
#include "ir/support/hash.h"

typedef struct DraftGraph DraftGraph;
typedef struct DraftNode DraftNode;

typedef struct Draft {
    Arena *arena;
    Document *document;
    Diagnostics *diagnostics;
    Map graphs; /* GraphProto -> DraftGraph */
    Map nodes;  /* NodeProto -> DraftNode */
    void *user;
} Draft;

/* The main graph, or a body. */
struct DraftGraph {
    Draft *draft;
    GraphProto *proto;
    DraftGraph *outer; /* whose names a body sees, too; or NULL */
    Map names;         /* name -> what makes it, or `outer` of a name that is free again */
};

struct DraftNode {
    DraftGraph *graph; /* NULL: the node was removed */
    NodeProto *proto;
};

Draft *draft_open(Arena *arena, Document *document, Diagnostics *diagnostics);
/* An empty model of one graph, at the newest operator set. */
Document *draft_new_document(Arena *arena, const char *name);
DraftGraph *draft_graph(Draft *draft, GraphProto *proto, DraftGraph *outer);
DraftNode *draft_node(DraftGraph *graph, NodeProto *proto);

/* ---- The model --------------------------------------------------------------------------- */

/* The operator set of a domain, in a version. The IR version follows that of ai.onnx. */
bool draft_set_opset(Draft *draft, const char *domain, int64_t version);
bool draft_add_function(Draft *draft, const char *text);
/* An operator of the host's, which must outlive the document. */
bool draft_add_operator(Draft *draft, const OpDef *op);

/* ---- Graphs ------------------------------------------------------------------------------ */

bool draft_add_input(DraftGraph *graph, const char *name, const char *type);
bool draft_add_output(DraftGraph *graph, const char *name, const char *type); /* type: or NULL */
bool draft_remove_input(DraftGraph *graph, const char *name);
bool draft_remove_output(DraftGraph *graph, const char *name);
/* An initializer; with `replace`, one that is there gets another value. */
bool draft_set_constant(DraftGraph *graph, const char *name, const TnTensor *tensor, bool replace);
/* Whoever reads `name` reads `by` from now on; so do outputs, under their old names. */
bool draft_replace(DraftGraph *graph, const char *name, const char *by);
DraftNode *draft_add_node(DraftGraph *graph, const char *op_type, const char *name, int input_count,
                          const char *const *inputs, int output_count, const char *const *outputs);
bool draft_add_text(DraftGraph *graph, const char *text);
/* The node of that name, or that makes the value of that name; NULL. */
DraftNode *draft_find_node(DraftGraph *graph, const char *name);

/* ---- Nodes ------------------------------------------------------------------------------- */

bool draft_remove_node(DraftNode *node);                  /* what it makes must not be used */
bool draft_move_node(DraftNode *node, DraftNode *before); /* NULL: to the end */
bool draft_set_node_input(DraftNode *node, int i, const char *name);
/* A new attribute of the node, or NULL; any of its name before is gone. */
AttributeProto *draft_attribute(DraftNode *node, const char *name, ProtoAttributeType type);
bool draft_remove_attribute(DraftNode *node, const char *name);
DraftGraph *draft_add_body(DraftNode *node, const char *attribute);
/* A copy of the tensor as a message; NULL after a diagnostic. */
TensorProto *draft_tensor(Draft *draft, const char *name, const TnTensor *tensor);

#endif
