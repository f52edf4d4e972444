/* SPDX-License-Identifier: Apache-2.0
 *
 * One node of a document: a constant, a call of a function, a node that an upgrade rule rewrites,
 * or an operator as the tables have it.
 */
#include "frontend/importer.h"
#include "frontend/onnx/tensor.h"
#include "frontend/opset/upgrade.h"

#include <string.h>

#define FAIL(importer, location, ...) error_at((importer)->diagnostics, (location), __VA_ARGS__)

/* No machine that compiles a model has memory for a tensor of more. */
#define MAX_TENSOR_BYTES ((int64_t)1 << 40)

/* The upgrade comes first: rules get a pointer to it, upgrade_finish() the rest. */
typedef struct NodeImport {
    Upgrade upgrade;
    Importer *importer;
    Scope *scope;
    const char *path;
} NodeImport;

static int trimmed_count(const TnString *names, int64_t count)
{
    while (count > 0 && names[count - 1].length == 0)
        count--;
    return (int)count;
}

/* ---- Operands and results ------------------------------------------------------------------ */

static bool find_operands(Importer *importer, Scope *scope, int64_t index, const NodeProto *proto,
                          Location location, Value **operands)
{
    for (int64_t i = 0; i < proto->input.count; i++) {
        const char *name = import_name(importer, proto->input.items[i], location);
        if (!name)
            return false;
        if (!name[0])
            continue;
        Value *value = scope_find(scope, name);
        if (!value)
            return import_report_missing(importer, scope, index, name, location);
        operands[i] = value == &absent_value ? NULL : value;
    }
    return true;
}

/* A result takes the document's name, unless it is a value that was there before. */
static void name_result(const Scope *scope, const NodeProto *proto, Value *const *operands,
                        Value *value, const char *name)
{
    if (value->kind != VALUE_result || value->graph != scope->graph || !strcmp(value->name, name))
        return;
    for (int64_t i = 0; i < proto->input.count; i++)
        if (operands[i] == value)
            return;
    value_rename(value, name);
}

static bool define_results(Importer *importer, Scope *scope, const NodeProto *proto,
                           Location location, Value *const *operands, Value *const *results)
{
    for (int64_t i = 0; i < proto->output.count; i++) {
        const char *name = import_name(importer, proto->output.items[i], location);
        if (!name)
            return false;
        if (!name[0])
            continue;
        if (!results[i])
            return FAIL(importer, location, "%.*s does not make the output '%s'",
                        (int)proto->op_type.length, proto->op_type.data, name);
        name_result(scope, proto, operands, results[i], name);
        if (!scope_define(importer, scope, name, results[i], location))
            return false;
    }
    return true;
}

static bool check_size(Importer *importer, const Value *value, Location location)
{
    const Type *type = value->type;
    int64_t bytes = 1, size;
    bool fits = true, is_empty = false;
    if (!type_is_tensor(type))
        return true;
    for (int d = 0; d < type->rank; d++) {
        if (!expr_known(type->dims[d], &size))
            continue;
        if (size < 0)
            return FAIL(importer, location, "'%s' is a %s, which has a negative size", value->name,
                        type_text(importer->arena, type));
        is_empty = is_empty || size == 0;
        fits = fits && !__builtin_mul_overflow(bytes, size, &bytes);
    }
    fits = fits && !__builtin_mul_overflow(bytes, (int64_t)element_bytes(type->element), &bytes);
    if (is_empty || (fits && bytes <= MAX_TENSOR_BYTES))
        return true;
    return FAIL(importer, location, "'%s' is a %s, which is more than 1 TiB", value->name,
                type_text(importer->arena, type));
}

/* ---- Operators ----------------------------------------------------------------------------- */

static bool name_new_results(NodeImport *import, Node *node, const NodeProto *proto,
                             Location location)
{
    for (int i = 0; i < node->result_count; i++) {
        const char *name = import_name(import->importer, proto->output.items[i], location);
        if (!name)
            return false;
        value_rename(node->results[i], name);
        import_claim_symbols(import->importer, import->scope, node->results[i], name);
        import->upgrade.results[i] = name[0] ? node->results[i] : NULL;
    }
    return true;
}

static bool bind_result(NodeImport *import, Value *value, TnString name)
{
    return !name.length ||
           import_bind_elements(import->importer, import->scope, value,
                                import_name(import->importer, name, import->upgrade.location));
}

/* Without absent ones at the end. Where captures will follow, all that the operator names are
 * there, so that each stands at its place. */
static Value *const *trim_operands(Arena *arena, const OpDef *op, int *count,
                                   Value *const *operands)
{
    int named = op->operand_count;
    while (*count > 0 && !operands[*count - 1])
        --*count;
    if (named > 0 && op->operands[named - 1].variadic)
        named--;
    if (op->region_count == 0 || *count >= named)
        return operands;
    Value **padded = ARENA_ARRAY(arena, Value *, named);
    for (int i = 0; i < *count; i++)
        padded[i] = operands[i];
    *count = named;
    return padded;
}

static bool make_node(NodeImport *import, const OpDef *op, const NodeProto *proto,
                      int operand_count, Value *const *operands)
{
    Importer *importer = import->importer;
    Location location = import->upgrade.location;
    void *attributes = arena_allocate(importer->arena, op->attributes_size + 1);
    if (!import_attributes(importer, op, proto, import->path, attributes))
        return false;
    operands = trim_operands(importer->arena, op, &operand_count, operands);
    int result_count = trimmed_count(proto->output.items, proto->output.count);
    Node *node = graph_insert(import->scope->graph, NULL, op, operand_count, operands, result_count,
                              attributes, op->region_count);
    node->location = location;
    node->name = location.node;
    node->notes = import_notes(importer, proto->doc_string, proto->metadata_props.count,
                               proto->metadata_props.items);
    if (!name_new_results(import, node, proto, location))
        return false;
    Misfit misfit = {0};
    Diagnostics before = *importer->diagnostics;
    if (op->region_count &&
        !import_regions(importer, import->scope, node, proto, import->path, &misfit))
        return false;
    if (misfit.why)
        return import_take_other(importer, import->scope, node, &misfit, &before, result_count,
                                 import->upgrade.results);
    if (!node_infer(&importer->context, node))
        return false;
    for (int i = 0; i < node->result_count; i++)
        if (!bind_result(import, node->results[i], proto->output.items[i]))
            return false;
    for (int i = 0; i < node->result_count; i++)
        if (!check_size(importer, node->results[i], location)) {
            importer->context.failed = true;
            return false;
        }
    return true;
}

bool upgrade_finish(Upgrade *upgrade, const NodeProto *node, int operand_count,
                    Value *const *operands)
{
    NodeImport *import = (NodeImport *)upgrade;
    if (upgrade->editor->failed)
        return false;
    const OpDef *op =
        document_find_operator(import->importer->document, node->domain, node->op_type);
    if (!op)
        return unsupported_at(import->importer->diagnostics, upgrade->location,
                              "%.*s: no such operator is known", (int)node->op_type.length,
                              node->op_type.data);
    return make_node(import, op, node, operand_count, operands);
}

const Constant *upgrade_tensor(Upgrade *upgrade, const TensorProto *tensor)
{
    Importer *importer = upgrade->importer;
    return tensor_import(importer->arena, tensor, upgrade->location, &importer->external,
                         importer->diagnostics);
}

static bool import_operator(Importer *importer, Scope *scope, const NodeProto *proto,
                            const char *path, Location location, Value **operands, Value **results)
{
    int64_t version = import_version(importer, scope->imports, proto->domain);
    Editor editor = edit_at_end(&importer->context, scope->graph);
    Node pattern = {.name = location.node, .location = location};
    editor.model = &pattern;
    NodeImport import = {
        .upgrade =
            {
                .editor = &editor,
                .node = proto,
                .version = version,
                .location = location,
                .operand_count = trimmed_count(proto->input.items, proto->input.count),
                .operands = operands,
                .result_count = trimmed_count(proto->output.items, proto->output.count),
                .results = results,
                .importer = importer,
            },
        .importer = importer,
        .scope = scope,
        .path = path,
    };
    UpgradeRule *rule = upgrade_find(proto_domain(proto->domain), proto->op_type, version);
    if (rule)
        return rule(&import.upgrade) && !editor.failed;
    return upgrade_finish(&import.upgrade, proto, import.upgrade.operand_count, operands);
}

bool import_make(Importer *importer, Scope *scope, const NodeProto *proto, const char *path,
                 Location location, int operand_count, Value **operands, Value **results)
{
    Function *function = import_find_function(importer, proto);
    if (function)
        return import_call(importer, scope, function, proto, path, operand_count, operands,
                           results);
    PulledNode pulled = {proto, path, location, operand_count, operands};
    if (import_needs_pull(scope, &pulled))
        return import_pull(importer, scope, &pulled, results);
    const AttributeProto *branch = import_taken_branch(proto, operand_count, operands);
    if (branch)
        return import_branch(importer, scope, proto, branch, path, results);
    return import_operator(importer, scope, proto, path, location, operands, results);
}

static bool import_constant(Importer *importer, Scope *scope, const NodeProto *proto,
                            const char *path, Location location)
{
    const Constant *constant = import_constant_node(importer, proto, path);
    const char *name = constant ? import_name(importer, proto->output.items[0], location) : NULL;
    if (!name)
        return false;
    if (!name[0])
        return true;
    return scope_define_constant(importer, scope, name, constant, location);
}

bool import_node(Importer *importer, Scope *scope, int64_t index, const char *path)
{
    const NodeProto *proto = import_resolve_references(importer, scope, scope->nodes[index]);
    Location location = import_location(importer, &proto->base, path);
    location.op = arena_string(importer->arena, proto->op_type.data, (size_t)proto->op_type.length);
    if (proto->name.length)
        location.node = import_name(importer, proto->name, location);
    if (proto->name.length && !location.node)
        return false;
    if (node_proto_is_constant(proto) && !import_find_function(importer, proto))
        return import_constant(importer, scope, proto, path, location);
    Value **operands = ARENA_ARRAY(importer->arena, Value *, proto->input.count + 1);
    Value **results = ARENA_ARRAY(importer->arena, Value *, proto->output.count + 1);
    if (!find_operands(importer, scope, index, proto, location, operands))
        return false;
    int operand_count = trimmed_count(proto->input.items, proto->input.count);
    bool ok = import_make(importer, scope, proto, path, location, operand_count, operands, results);
    return ok && define_results(importer, scope, proto, location, operands, results);
}
