/* SPDX-License-Identifier: Apache-2.0
 *
 * A body is called as a model's own function is: by a NodeProto whose attributes are the node's.
 * The importer appends its nodes to the graph; from there they move before the node.
 */
#include "frontend/function.h"

#include "frontend/exporter.h"
#include "frontend/importer.h"
#include "frontend/text/text.h"
#include "ir/functions/functions.h"
#include "ir/support/array.h"

#include <string.h>

static const FunctionProto *parse_body(InferContext *context, const Node *node)
{
    const char *name = node->op->function, *text = function_text(name);
    if (!text) {
        infer_error(context, node, "there is no body '%s'", name);
        return NULL;
    }
    Source *source = ARENA_NEW(context->arena, Source);
    *source = (Source){.name = arena_format(context->arena, "ir/functions/%s.onnxtxt", name),
                       .data = text,
                       .length = strlen(text)};
    return text_parse_function(context->arena, source, context->diagnostics);
}

static bool has_default(const FunctionProto *body, const char *attribute)
{
    for (int64_t i = 0; i < body->attribute_proto.count; i++)
        if (proto_equals(body->attribute_proto.items[i]->name, attribute))
            return true;
    return false;
}

/* The call that the node stands for; NULL if there is no memory. The body's own defaults come
 * before the operator's, which may be that an attribute is absent. */
static NodeProto *make_call(Arena *arena, const FunctionProto *body, const Node *node)
{
    NodeProto *call = MESSAGE_NEW(arena, NodeProto);
    PROTO_SET(call, domain, proto_string(node->op->domain));
    PROTO_SET(call, op_type, proto_string(node->op->name));
    for (int i = 0; i < node->op->attribute_count; i++) {
        const AttributeDef *def = &node->op->attributes[i];
        if (has_default(body, def->name) && attribute_is_default(def, node->attributes))
            continue;
        AttributeProto *attribute = export_attribute(arena, def, node->attributes);
        if (!attribute)
            return NULL;
        array_push(arena, &call->attribute, attribute);
    }
    for (int i = 0; i < node->result_count; i++)
        array_push(arena, &call->output, proto_string(node->results[i]->name));
    return call;
}

static void move_before(Node *node, Node *last)
{
    for (Node *made = last->next, *next; made; made = next) {
        next = made->next;
        made->name = node->name;
        made->location = node->location;
        node_move_before(made, node);
    }
}

bool function_expand(InferContext *context, Node *node, Value **results)
{
    static const ImportOptions options = {0};
    const FunctionProto *body = parse_body(context, node);
    NodeProto *call = body ? make_call(context->arena, body, node) : NULL;
    if (!call)
        return false;
    Importer importer = {
        .arena = context->arena,
        .model = context->model,
        .document = &(Document){0},
        .options = &options,
        .diagnostics = context->diagnostics,
        .context = *context,
        .functions = map_create(context->arena),
    };
    Scope scope = {.graph = node->graph};
    Function function = {.proto = body, .path = node->op->function};
    Value **operands = ARENA_ARRAY(context->arena, Value *, node->operand_count + 1);
    for (int i = 0; i < node->operand_count; i++)
        operands[i] = operand(node, i);
    Node *last = node->graph->last;
    bool good = import_call(&importer, &scope, &function, call, node->op->function,
                            node->operand_count, operands, results);
    move_before(node, last);
    return good;
}
