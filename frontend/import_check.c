/* SPDX-License-Identifier: Apache-2.0
 *
 * What a model asks for and whether it can be had: IR and operator set versions, the table of
 * functions, and every operator of every graph, so that a user sees at once all that is missing.
 * Also counts what the calls of functions expand to, before anything is expanded.
 */
#include "frontend/importer.h"
#include "frontend/opset/upgrade.h"
#include "ir/support/nearest.h"

#include <string.h>

#define FAIL(importer, location, ...) error_at((importer)->diagnostics, (location), __VA_ARGS__)

/* ---- Versions ------------------------------------------------------------------------------ */

static const struct {
    const char *domain;
    int64_t newest;
} known_domains[] = {
    {"", NEWEST_OPSET},     {"ai.onnx.ml", 5},       {"ai.onnx.preview.training", 1},
    {"ai.onnx.preview", 1}, {"ai.onnx.training", 1}, {"tenon", 1},
};

static bool check_import(Importer *importer, const OperatorSetIdProto *import, const char *path)
{
    Location location = import_location(importer, &import->base, path);
    TnString domain = proto_domain(import->domain);
    const char *name = domain.length
                           ? arena_string(importer->arena, domain.data, (size_t)domain.length)
                           : "ai.onnx";
    if (import->version < 1)
        return FAIL(importer, location, "the operator set %s has version %lld", name,
                    (long long)import->version);
    for (size_t i = 0; i < COUNT_OF(known_domains); i++)
        if (proto_equals(domain, known_domains[i].domain) &&
            import->version > known_domains[i].newest)
            return unsupported_at(importer->diagnostics, location,
                                  "version %lld of the operator set %s; the newest known is %lld",
                                  (long long)import->version, name,
                                  (long long)known_domains[i].newest);
    return true;
}

static bool check_imports(Importer *importer, Imports imports, const char *path)
{
    for (int64_t i = 0; i < imports.count; i++) {
        const OperatorSetIdProto *import = imports.items[i];
        const char *own = import_path(importer, path, "opset_import", i);
        if (!check_import(importer, import, own))
            return false;
        int64_t first = opset_imports_version(imports.items, imports.count, import->domain);
        if (first != import->version)
            return FAIL(importer, import_location(importer, &import->base, own),
                        "the operator set '%.*s' is imported in versions %lld and %lld",
                        (int)import->domain.length, import->domain.data, (long long)first,
                        (long long)import->version);
    }
    return true;
}

static bool check_versions(Importer *importer)
{
    const ModelProto *proto = importer->document->model;
    Location location = import_location(importer, &proto->base, NULL);
    if (!proto->graph)
        return FAIL(importer, location, "the model has no graph");
    if (!proto->has_ir_version && location.source && !location.source->is_binary)
        return FAIL(importer, location,
                    "the model has no ir_version; a text begins with one and with operator sets: "
                    "<ir_version: 10, opset_import: [\"\" : 21]>");
    if (!proto->has_ir_version || proto->ir_version < 1)
        return FAIL(importer, location, "the model has no valid IR version");
    if (proto->ir_version > NEWEST_IR_VERSION)
        return unsupported_at(importer->diagnostics, location,
                              "IR version %lld; the newest known is %d",
                              (long long)proto->ir_version, NEWEST_IR_VERSION);
    if (proto->ir_version >= 3 && !proto->opset_import.count)
        return FAIL(importer, location, "the model imports no operator set");
    return check_imports(importer, (Imports){proto->opset_import.items, proto->opset_import.count},
                         "");
}

/* ---- Functions ----------------------------------------------------------------------------- */

static const char *function_key(Arena *arena, TnString domain, TnString name, TnString overload,
                                size_t *length)
{
    Text text = text_create(arena);
    domain = proto_domain(domain);
    text_append_bytes(&text, domain.data, (size_t)domain.length);
    text_append_bytes(&text, "", 1);
    text_append_bytes(&text, name.data, (size_t)name.length);
    text_append_bytes(&text, "", 1);
    text_append_bytes(&text, overload.data, (size_t)overload.length);
    *length = text.length;
    return text.data;
}

Function *import_find_function(const Importer *importer, const NodeProto *node)
{
    size_t length;
    if (!importer->functions.count)
        return NULL;
    const char *key =
        function_key(importer->arena, node->domain, node->op_type, node->overload, &length);
    return map_get_bytes(&importer->functions, key, length);
}

static bool add_functions(Importer *importer)
{
    const ModelProto *proto = importer->document->model;
    for (int64_t i = 0; i < proto->functions.count; i++) {
        const FunctionProto *function = proto->functions.items[i];
        const char *path = import_path(importer, "", "functions", i);
        size_t length;
        const char *key = function_key(importer->arena, function->domain, function->name,
                                       function->overload, &length);
        Location location = import_location(importer, &function->base, path);
        if (!function->name.length)
            return FAIL(importer, location, "a function without name");
        if (map_get_bytes(&importer->functions, key, length))
            return FAIL(importer, location, "function '%.*s' is defined twice",
                        (int)function->name.length, function->name.data);
        Function *entry = ARENA_NEW(importer->arena, Function);
        *entry = (Function){.proto = function, .path = path};
        map_set_bytes(&importer->functions, key, length, entry);
        if (!check_imports(importer,
                           (Imports){function->opset_import.items, function->opset_import.count},
                           path))
            return false;
    }
    return true;
}

/* ---- Operators ----------------------------------------------------------------------------- */

/* What is missing, and how often. */
typedef struct Missing {
    Location location; /* of the first */
    const char *what;
    int64_t count;
    bool is_unknown; /* an operator that no version has */
} Missing;

typedef struct Check {
    Importer *importer;
    Map missing; /* what -> Missing */
    int depth;
} Check;

static Missing *note_missing(Check *check, const NodeProto *node, const char *path,
                             const char *what)
{
    Missing *missing = map_get(&check->missing, what);
    if (!missing) {
        missing = ARENA_NEW(check->importer->arena, Missing);
        missing->location = import_location(check->importer, &node->base, path);
        if (node->name.length)
            missing->location.node =
                arena_string(check->importer->arena, node->name.data, (size_t)node->name.length);
        missing->location.op =
            arena_string(check->importer->arena, node->op_type.data, (size_t)node->op_type.length);
        missing->what = what;
        map_set(&check->missing, what, missing);
    }
    missing->count++;
    return missing;
}

int64_t import_version(const Importer *importer, Imports imports, TnString domain)
{
    const ModelProto *model = importer->document->model;
    int64_t version = opset_imports_version(imports.items, imports.count, domain);
    if (!version)
        version =
            opset_imports_version(model->opset_import.items, model->opset_import.count, domain);
    if (!version && model->ir_version < 3 && !proto_domain(domain).length)
        version = 1;
    return version;
}

static void check_operator(Check *check, Imports imports, const NodeProto *node, const char *path)
{
    Importer *importer = check->importer;
    Arena *arena = importer->arena;
    TnString domain = proto_domain(node->domain);
    int64_t version = import_version(importer, imports, domain);
    const char *name =
        arena_format(arena, "%.*s%s%.*s", (int)domain.length, domain.data, domain.length ? "." : "",
                     (int)node->op_type.length, node->op_type.data);
    if (!node->op_type.length)
        note_missing(check, node, path, "a node without operator");
    else if (import_find_function(importer, node) || node_proto_is_constant(node))
        return;
    else if (!version)
        note_missing(check, node, path,
                     arena_format(arena, "%s: its operator set is not imported", name));
    else if (!upgrade_find(domain, node->op_type, version)) {
        const OpDef *op = document_find_operator(importer->document, domain, node->op_type);
        if (!op)
            note_missing(
                check, node, path,
                arena_format(arena, "%s-%lld: no such operator is known", name, (long long)version))
                ->is_unknown = true;
        else if (version < op->first)
            note_missing(check, node, path,
                         arena_format(arena, "%s-%lld: versions from %d on are", name,
                                      (long long)version, op->first));
    }
}

static bool check_nodes(Check *check, Imports imports, NodeProto *const *nodes, int64_t count,
                        const char *path);

static bool check_sub_graphs(Check *check, Imports imports, const NodeProto *node, const char *path)
{
    Importer *importer = check->importer;
    for (int64_t i = 0; i < node->attribute.count; i++) {
        const AttributeProto *attribute = node->attribute.items[i];
        const char *own = import_path(importer, path, "attribute", i);
        if (attribute->g &&
            !check_nodes(check, imports, attribute->g->node.items, attribute->g->node.count,
                         arena_format(importer->arena, "%s.g", own)))
            return false;
    }
    return true;
}

static bool check_nodes(Check *check, Imports imports, NodeProto *const *nodes, int64_t count,
                        const char *path)
{
    Importer *importer = check->importer;
    if (++check->depth > MAX_REGION_DEPTH)
        return unsupported_at(importer->diagnostics,
                              import_location(importer, &importer->document->model->base, path),
                              "graphs nested deeper than %d", MAX_REGION_DEPTH);
    for (int64_t i = 0; i < count; i++) {
        bool has_graph = false;
        for (int64_t a = 0; a < nodes[i]->attribute.count; a++)
            has_graph |= nodes[i]->attribute.items[a]->g != NULL;
        const char *own = import_path(importer, path, "node", i);
        check_operator(check, imports, nodes[i], own);
        if (has_graph && !check_sub_graphs(check, imports, nodes[i], own))
            return false;
    }
    check->depth--;
    return true;
}

/* "; did you mean Relu?" */
static const char *similar_operator(Arena *arena, const char *name)
{
    Nearest nearest = nearest_to(name);
    for (int i = 0; i < op_count; i++)
        nearest_consider(&nearest, op_table[i]->name);
    return nearest.name ? arena_format(arena, "; did you mean %s?", nearest.name) : "";
}

static bool report_missing(const Check *check)
{
    enum { MOST_HINTS = 16 };
    Arena *arena = check->importer->arena;
    for (int64_t i = 0; i < check->missing.count; i++) {
        const Missing *missing = check->missing.entries[i].value;
        const char *hint = missing->is_unknown && i < MOST_HINTS
                               ? similar_operator(arena, missing->location.op)
                               : "";
        const char *nodes = missing->count == 1
                                ? ""
                                : arena_format(arena, " (%lld nodes)", (long long)missing->count);
        unsupported_at(check->importer->diagnostics, missing->location, "%s%s%s", missing->what,
                       nodes, hint);
    }
    return check->missing.count == 0;
}

/* ---- Expansion ----------------------------------------------------------------------------- */

static int64_t count_nodes(Importer *importer, NodeProto *const *nodes, int64_t count, int depth);

/* The nodes of a function with all its calls expanded; -1 after a diagnostic: recursion. */
static int64_t count_function(Importer *importer, Function *function, int depth)
{
    const FunctionProto *proto = function->proto;
    Location location = import_location(importer, &proto->base, function->path);
    if (function->active || depth > MAX_CALL_DEPTH) {
        FAIL(importer, location,
             function->active ? "function '%.*s' calls itself"
                              : "function '%.*s' is called through too many others",
             (int)proto->name.length, proto->name.data);
        return -1;
    }
    if (function->nodes)
        return function->nodes;
    function->active = true;
    int64_t nodes = count_nodes(importer, proto->node.items, proto->node.count, depth + 1);
    function->active = false;
    if (nodes >= 0)
        function->nodes = nodes + 1;
    return nodes < 0 ? -1 : function->nodes;
}

static int64_t count_nodes(Importer *importer, NodeProto *const *nodes, int64_t count, int depth)
{
    int64_t total = count;
    for (int64_t i = 0; i < count; i++) {
        Function *function = import_find_function(importer, nodes[i]);
        int64_t more = function ? count_function(importer, function, depth) : 0;
        for (int64_t a = 0; more >= 0 && a < nodes[i]->attribute.count; a++) {
            const GraphProto *graph = nodes[i]->attribute.items[a]->g;
            int64_t inner =
                graph ? count_nodes(importer, graph->node.items, graph->node.count, depth) : 0;
            more = inner < 0 ? -1 : more + inner;
        }
        if (more < 0)
            return -1;
        total += more;
        if (total > INT32_MAX)
            total = INT32_MAX;
    }
    return total;
}

static bool check_expansion(Importer *importer)
{
    const ModelProto *proto = importer->document->model;
    for (int64_t i = 0; i < importer->functions.count; i++)
        if (count_function(importer, importer->functions.entries[i].value, 0) < 0)
            return false;
    int64_t written = proto->graph->node.count;
    int64_t total = count_nodes(importer, proto->graph->node.items, written, 0);
    if (total < 0)
        return false;
    if (total > MAX_EXPANDED_NODES + 4 * written && importer->functions.count)
        return unsupported_at(importer->diagnostics, import_location(importer, &proto->base, NULL),
                              "calls of functions that expand to more than %d nodes",
                              MAX_EXPANDED_NODES);
    return true;
}

bool import_check(Importer *importer)
{
    const ModelProto *proto = importer->document->model;
    Check check = {importer, map_create(importer->arena), 0};
    Imports imports = {proto->opset_import.items, proto->opset_import.count};
    if (!check_versions(importer) || !add_functions(importer) ||
        !check_nodes(&check, imports, proto->graph->node.items, proto->graph->node.count, "graph"))
        return false;
    for (int64_t i = 0; i < importer->functions.count; i++) {
        const Function *function = importer->functions.entries[i].value;
        const FunctionProto *body = function->proto;
        Imports own = {body->opset_import.items, body->opset_import.count};
        if (!check_nodes(&check, own, body->node.items, body->node.count, function->path))
            return false;
    }
    return report_missing(&check) && check_expansion(importer);
}
