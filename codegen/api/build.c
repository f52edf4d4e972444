/* SPDX-License-Identifier: Apache-2.0
 *
 * Building and editing models: frontend/draft.h behind the handles. A TnGraph is an DraftGraph, a
 * TnNode an DraftNode.
 */
#include "codegen/api/api.h"

#include <stdlib.h>

static DraftGraph *graph_of(const TnGraph *graph)
{
    return (DraftGraph *)graph;
}

static DraftNode *node_of(const TnNode *node)
{
    return (DraftNode *)node;
}

static TnModel *model_of(const DraftGraph *graph)
{
    return graph->draft->user;
}

/* ---- Edits ------------------------------------------------------------------------------- */

Draft *model_draft(TnModel *model)
{
    if (model->draft)
        return model->draft;
    model->diagnostics = diagnostics_create(model->arena);
    Draft *draft = draft_open(model->arena, model->document, model->diagnostics);
    draft->user = model;
    return model->draft = draft;
}

TnStatus model_edited(TnModel *model, bool done)
{
    if (done) {
        atomic_store(&model->stale, true);
        return TN_OK;
    }
    api_tell(&model->listener, model->arena, model->diagnostics, 0);
    TnStatus status = diagnostics_status(model->diagnostics);
    *model->diagnostics = (Diagnostics){.arena = model->arena};
    return status == TN_INVALID_MODEL ? TN_BAD_ARGUMENT : status;
}

/* Runs an edit, which may end at the model's boundary. */
#define EDIT(model_, done)                                                                         \
    do {                                                                                           \
        TnModel *edited = (model_);                                                                \
        if (setjmp(edited->boundary.jump))                                                         \
            return TN_OUT_OF_MEMORY;                                                               \
        return model_edited(edited, (done));                                                       \
    } while (0)

/* ---- The model --------------------------------------------------------------------------- */

static TnStatus fill(TnModel *model)
{
    if (setjmp(model->boundary.jump))
        return TN_OUT_OF_MEMORY;
    model->document = draft_new_document(model->arena, model->name);
    model->document->reader = model->reader.read ? &model->reader : NULL;
    return TN_OK;
}

TnStatus tn_model_create(const char *name, const TnLoadOptions *options, TnModel **model)
{
    TnStatus status = model_make(name, options, model);
    if (status != TN_OK)
        return status;
    status = fill(*model);
    if (status != TN_OK) {
        tn_model_destroy(*model);
        *model = NULL;
    }
    return status;
}

TnGraph *tn_model_graph(TnModel *model)
{
    if (!model || !model->document->model->graph || setjmp(model->boundary.jump))
        return NULL;
    return (TnGraph *)draft_graph(model_draft(model), model->document->model->graph, NULL);
}

TnStatus tn_model_set_opset(TnModel *model, const char *domain, int64_t version)
{
    if (!model || !domain)
        return TN_BAD_ARGUMENT;
    EDIT(model, draft_set_opset(model_draft(model), domain, version));
}

TnStatus tn_model_add_function(TnModel *model, const char *text)
{
    if (!model || !text)
        return TN_BAD_ARGUMENT;
    EDIT(model, draft_add_function(model_draft(model), text));
}

/* ---- Graphs ------------------------------------------------------------------------------ */

TnStatus tn_graph_add_input(TnGraph *graph, const char *name, const char *type)
{
    if (!graph || !name || !type)
        return TN_BAD_ARGUMENT;
    EDIT(model_of(graph_of(graph)), draft_add_input(graph_of(graph), name, type));
}

TnStatus tn_graph_add_output(TnGraph *graph, const char *name, const char *type)
{
    if (!graph || !name)
        return TN_BAD_ARGUMENT;
    EDIT(model_of(graph_of(graph)), draft_add_output(graph_of(graph), name, type));
}

TnStatus tn_graph_remove_input(TnGraph *graph, const char *name)
{
    if (!graph || !name)
        return TN_BAD_ARGUMENT;
    EDIT(model_of(graph_of(graph)), draft_remove_input(graph_of(graph), name));
}

TnStatus tn_graph_remove_output(TnGraph *graph, const char *name)
{
    if (!graph || !name)
        return TN_BAD_ARGUMENT;
    EDIT(model_of(graph_of(graph)), draft_remove_output(graph_of(graph), name));
}

TnStatus tn_graph_add_constant(TnGraph *graph, const char *name, const TnTensor *tensor)
{
    if (!graph || !name || !tensor)
        return TN_BAD_ARGUMENT;
    EDIT(model_of(graph_of(graph)), draft_set_constant(graph_of(graph), name, tensor, false));
}

TnStatus tn_graph_set_constant(TnGraph *graph, const char *name, const TnTensor *tensor)
{
    if (!graph || !name || !tensor)
        return TN_BAD_ARGUMENT;
    EDIT(model_of(graph_of(graph)), draft_set_constant(graph_of(graph), name, tensor, true));
}

TnStatus tn_graph_replace(TnGraph *graph, const char *name, const char *by)
{
    if (!graph || !name || !by)
        return TN_BAD_ARGUMENT;
    EDIT(model_of(graph_of(graph)), draft_replace(graph_of(graph), name, by));
}

/* ---- Nodes ------------------------------------------------------------------------------- */

static bool add_node(TnGraph *graph, const char *op_type, const char *name, int input_count,
                     const char *const *inputs, int output_count, const char *const *outputs,
                     TnNode **node)
{
    DraftNode *made =
        draft_add_node(graph_of(graph), op_type, name, input_count, inputs, output_count, outputs);
    if (node)
        *node = (TnNode *)made;
    return made != NULL;
}

TnStatus tn_graph_add_node(TnGraph *graph, const char *op_type, const char *name, int input_count,
                           const char *const *inputs, int output_count, const char *const *outputs,
                           TnNode **node)
{
    if (node)
        *node = NULL;
    if (!graph || !op_type || input_count < 0 || output_count < 0 || (input_count && !inputs) ||
        (output_count && !outputs))
        return TN_BAD_ARGUMENT;
    EDIT(model_of(graph_of(graph)),
         add_node(graph, op_type, name, input_count, inputs, output_count, outputs, node));
}

TnStatus tn_graph_add_text(TnGraph *graph, const char *text)
{
    if (!graph || !text)
        return TN_BAD_ARGUMENT;
    EDIT(model_of(graph_of(graph)), draft_add_text(graph_of(graph), text));
}

int tn_graph_node_count(const TnGraph *graph)
{
    return graph ? (int)graph_of(graph)->proto->node.count : 0;
}

TnNode *tn_graph_node(TnGraph *graph, int i)
{
    GraphProto *proto = graph ? graph_of(graph)->proto : NULL;
    if (!proto || i < 0 || i >= proto->node.count ||
        setjmp(model_of(graph_of(graph))->boundary.jump))
        return NULL;
    return (TnNode *)draft_node(graph_of(graph), proto->node.items[i]);
}

TnNode *tn_graph_find_node(TnGraph *graph, const char *name)
{
    if (!graph || !name || setjmp(model_of(graph_of(graph))->boundary.jump))
        return NULL;
    return (TnNode *)draft_find_node(graph_of(graph), name);
}

static const char *text_of(const TnNode *node, TnString string)
{
    if (setjmp(model_of(node_of(node)->graph)->boundary.jump))
        return NULL;
    return arena_string(model_of(node_of(node)->graph)->arena, string.data ? string.data : "",
                        (size_t)string.length);
}

const char *tn_node_op_type(const TnNode *node)
{
    if (!node)
        return NULL;
    const NodeProto *proto = node_of(node)->proto;
    TnModel *model = model_of(node_of(node)->graph);
    TnString domain = proto_domain(proto->domain);
    if (setjmp(model->boundary.jump))
        return NULL;
    return arena_format(model->arena, "%.*s%s%.*s", (int)domain.length, domain.data,
                        domain.length ? "." : "", (int)proto->op_type.length, proto->op_type.data);
}

const char *tn_node_name(const TnNode *node)
{
    return node ? text_of(node, node_of(node)->proto->name) : NULL;
}

const char *tn_node_input(const TnNode *node, int i)
{
    const NodeProto *proto = node ? node_of(node)->proto : NULL;
    return proto && i >= 0 && i < proto->input.count ? text_of(node, proto->input.items[i]) : NULL;
}

const char *tn_node_output(const TnNode *node, int i)
{
    const NodeProto *proto = node ? node_of(node)->proto : NULL;
    return proto && i >= 0 && i < proto->output.count ? text_of(node, proto->output.items[i])
                                                      : NULL;
}

TnStatus tn_node_set_input(TnNode *node, int i, const char *name)
{
    if (!node || !name)
        return TN_BAD_ARGUMENT;
    EDIT(model_of(node_of(node)->graph), draft_set_node_input(node_of(node), i, name));
}

TnStatus tn_node_remove(TnNode *node)
{
    if (!node)
        return TN_BAD_ARGUMENT;
    EDIT(model_of(node_of(node)->graph), draft_remove_node(node_of(node)));
}

TnStatus tn_node_move(TnNode *node, TnNode *before)
{
    if (!node)
        return TN_BAD_ARGUMENT;
    EDIT(model_of(node_of(node)->graph), draft_move_node(node_of(node), node_of(before)));
}

/* ---- Attributes -------------------------------------------------------------------------- */

static TnString copy_text(Arena *arena, const char *text)
{
    return proto_string(arena_string(arena, text, strlen(text)));
}

static bool set_int(DraftNode *node, const char *name, int64_t value)
{
    AttributeProto *made = draft_attribute(node, name, PROTO_ATTRIBUTE_INT);
    if (made)
        PROTO_SET(made, i, value);
    return made != NULL;
}

TnStatus tn_node_set_int(TnNode *node, const char *name, int64_t value)
{
    if (!node || !name)
        return TN_BAD_ARGUMENT;
    EDIT(model_of(node_of(node)->graph), set_int(node_of(node), name, value));
}

static bool set_float(DraftNode *node, const char *name, float value)
{
    AttributeProto *made = draft_attribute(node, name, PROTO_ATTRIBUTE_FLOAT);
    if (made)
        PROTO_SET(made, f, value);
    return made != NULL;
}

TnStatus tn_node_set_float(TnNode *node, const char *name, float value)
{
    if (!node || !name)
        return TN_BAD_ARGUMENT;
    EDIT(model_of(node_of(node)->graph), set_float(node_of(node), name, value));
}

static bool set_string(DraftNode *node, const char *name, const char *value)
{
    TnString copy = copy_text(node->graph->draft->arena, value);
    AttributeProto *made = draft_attribute(node, name, PROTO_ATTRIBUTE_STRING);
    if (made)
        PROTO_SET(made, s, copy);
    return made != NULL;
}

TnStatus tn_node_set_string(TnNode *node, const char *name, const char *value)
{
    if (!node || !name || !value)
        return TN_BAD_ARGUMENT;
    EDIT(model_of(node_of(node)->graph), set_string(node_of(node), name, value));
}

static bool set_ints(DraftNode *node, const char *name, int count, const int64_t *values)
{
    AttributeProto *made = draft_attribute(node, name, PROTO_ATTRIBUTE_INTS);
    for (int i = 0; made && i < count; i++)
        array_push(node->graph->draft->arena, &made->ints, values[i]);
    return made != NULL;
}

TnStatus tn_node_set_ints(TnNode *node, const char *name, int count, const int64_t *values)
{
    if (!node || !name || count < 0 || (count && !values))
        return TN_BAD_ARGUMENT;
    EDIT(model_of(node_of(node)->graph), set_ints(node_of(node), name, count, values));
}

static bool set_floats(DraftNode *node, const char *name, int count, const float *values)
{
    AttributeProto *made = draft_attribute(node, name, PROTO_ATTRIBUTE_FLOATS);
    for (int i = 0; made && i < count; i++)
        array_push(node->graph->draft->arena, &made->floats, values[i]);
    return made != NULL;
}

TnStatus tn_node_set_floats(TnNode *node, const char *name, int count, const float *values)
{
    if (!node || !name || count < 0 || (count && !values))
        return TN_BAD_ARGUMENT;
    EDIT(model_of(node_of(node)->graph), set_floats(node_of(node), name, count, values));
}

static bool set_strings(DraftNode *node, const char *name, int count, const char *const *values)
{
    Arena *arena = node->graph->draft->arena;
    AttributeProto *made = draft_attribute(node, name, PROTO_ATTRIBUTE_STRINGS);
    for (int i = 0; made && i < count; i++)
        array_push(arena, &made->strings, copy_text(arena, values[i]));
    return made != NULL;
}

TnStatus tn_node_set_strings(TnNode *node, const char *name, int count, const char *const *values)
{
    if (!node || !name || count < 0 || (count && !values))
        return TN_BAD_ARGUMENT;
    for (int i = 0; i < count; i++)
        if (!values[i])
            return TN_BAD_ARGUMENT;
    EDIT(model_of(node_of(node)->graph), set_strings(node_of(node), name, count, values));
}

static bool set_tensor(DraftNode *node, const char *name, const TnTensor *tensor)
{
    TensorProto *proto = draft_tensor(node->graph->draft, "", tensor);
    AttributeProto *made = proto ? draft_attribute(node, name, PROTO_ATTRIBUTE_TENSOR) : NULL;
    if (made)
        PROTO_SET(made, t, proto);
    return made != NULL;
}

TnStatus tn_node_set_tensor(TnNode *node, const char *name, const TnTensor *tensor)
{
    if (!node || !name || !tensor)
        return TN_BAD_ARGUMENT;
    EDIT(model_of(node_of(node)->graph), set_tensor(node_of(node), name, tensor));
}

TnStatus tn_node_add_graph(TnNode *node, const char *name, TnGraph **graph)
{
    if (!graph)
        return TN_BAD_ARGUMENT;
    *graph = NULL;
    if (!node || !name)
        return TN_BAD_ARGUMENT;
    EDIT(model_of(node_of(node)->graph),
         (*graph = (TnGraph *)draft_add_body(node_of(node), name)) != NULL);
}

TnStatus tn_node_remove_attribute(TnNode *node, const char *name)
{
    if (!node || !name)
        return TN_BAD_ARGUMENT;
    EDIT(model_of(node_of(node)->graph), draft_remove_attribute(node_of(node), name));
}
