/* SPDX-License-Identifier: Apache-2.0
 *
 * The main graph of a document, and what is said of the model as a whole.
 */
#include "frontend/importer.h"

#include <string.h>

#define FAIL(importer, location, ...) error_at((importer)->diagnostics, (location), __VA_ARGS__)

/* ---- Inputs -------------------------------------------------------------------------------- */

static const Constant *setting_for(const ImportOptions *options, const char *input)
{
    for (int i = 0; i < options->constant_count; i++)
        if (!strcmp(options->constants[i].input, input))
            return options->constants[i].constant;
    return NULL;
}

/* A default, or a value that the options give, must be of the declared type. */
static bool check_default(Importer *importer, const char *name, const Type *type,
                          const Constant *constant, Location location)
{
    bool fits = type_is_tensor(type) && type->element == constant->element &&
                (type->rank < 0 || type->rank == constant->rank);
    for (int d = 0; fits && d < type->rank; d++) {
        int64_t size;
        fits = !expr_known(type->dims[d], &size) || size == constant->dims[d];
    }
    if (fits)
        return true;
    const Expr *dims[MAX_RANK];
    for (int d = 0; d < constant->rank; d++)
        dims[d] = expr_integer(importer->model->pool, constant->dims[d]);
    const Type *own = type_tensor(importer->arena, constant->element, constant->rank, dims);
    return FAIL(importer, location, "input '%s' is declared as %s, and its value is a %s", name,
                type_text(importer->arena, type), type_text(importer->arena, own));
}

static bool import_input(Importer *importer, Scope *scope, const ValueInfoProto *proto,
                         const Type *type, int64_t i)
{
    Location location =
        import_location(importer, &proto->base, import_path(importer, scope->path, "input", i));
    const char *name = import_name(importer, proto->name, location);
    if (!name)
        return false;
    if (!name[0])
        return FAIL(importer, location, "an input without name");
    const Constant *given = setting_for(importer->options, name);
    const Constant *constant = given ? given : map_get(&scope->initializers, name);
    if (constant) {
        if (!check_default(importer, name, type, constant, location))
            return false;
        map_set(&scope->initializers, name, (void *)constant);
        return true;
    }
    if (type_is_tensor(type) && type->rank < 0)
        return unsupported_at(importer->diagnostics, location,
                              "the rank of input '%s' is not known; give it a shape", name);
    Value *value = graph_add_input(scope->graph, name, type);
    return scope_define(importer, scope, name, value, location);
}

static bool import_inputs(Importer *importer, Scope *scope, const GraphProto *proto)
{
    Map seen = map_create(importer->arena);
    const Type **types = import_input_types(importer, proto);
    for (int64_t i = 0; types && i < proto->input.count; i++) {
        const ValueInfoProto *input = proto->input.items[i];
        TnString name = input->name;
        if (map_get_bytes(&seen, name.data, (size_t)name.length))
            return FAIL(
                importer,
                import_location(importer, &input->base, import_path(importer, "graph", "input", i)),
                "input '%.*s' is declared twice", (int)name.length, name.data);
        map_set_bytes(&seen, name.data, (size_t)name.length, importer);
        if (!import_input(importer, scope, input, types[i], i))
            return false;
    }
    return types != NULL;
}

/* Sizes that the inputs have by now; symbols of their elements come next. */
static bool import_symbols(Importer *importer, const Scope *scope)
{
    if (!import_reserve_symbols(importer))
        return false;
    for (int i = 0; i < scope->graph->input_count; i++) {
        Value *input = scope->graph->inputs[i];
        import_claim_symbols(importer, scope, input, input->name);
        if (!import_bind_elements(importer, scope, input, input->name))
            return false;
    }
    return true;
}

static bool free_weights(Importer *importer, Scope *scope)
{
    for (int i = 0; i < importer->options->freed_count; i++) {
        FreedWeight *weight = &importer->options->freed[i];
        const char *name = intern_bytes(importer->model->names, weight->name, strlen(weight->name));
        const Constant *constant = map_get(&scope->initializers, name);
        if (!constant)
            return FAIL(importer, (Location){.node = name}, "there is no weight '%s'", name);
        const Expr *dims[MAX_RANK];
        for (int d = 0; d < constant->rank; d++)
            dims[d] = expr_integer(importer->model->pool, constant->dims[d]);
        const Type *type = type_tensor(importer->arena, constant->element, constant->rank, dims);
        weight->constant = constant;
        map_set(&scope->initializers, name, NULL);
        if (!scope_define(importer, scope, name, graph_add_input(scope->graph, name, type),
                          (Location){.node = name}))
            return false;
    }
    return true;
}

/* ---- Outputs ------------------------------------------------------------------------------- */

/* Kinds and element types must agree with what was declared; sizes are only warned of, as exporters
 * often leave stale ones behind. */
static bool check_output(Importer *importer, const ValueInfoProto *proto, const Value *value,
                         const char *name, Location location)
{
    if (!proto->type ||
        !(proto->type->tensor_type || proto->type->sequence_type || proto->type->optional_type))
        return true;
    const Type *declared = import_type(importer, proto->type, name, location);
    if (!declared)
        return false;
    const Type *a = declared, *b = value->type;
    while (a && b && a->kind == b->kind && a->kind != TYPE_tensor) {
        a = a->inner;
        b = b->inner;
    }
    if (a && b && (a->kind != b->kind || a->element != b->element))
        return FAIL(importer, location, "output '%s' is declared as %s, and is a %s", name,
                    type_text(importer->arena, declared), type_text(importer->arena, value->type));
    bool differs = a && b && a->rank >= 0 && b->rank >= 0 && a->rank != b->rank;
    for (int d = 0; a && b && !differs && d < a->rank && d < b->rank; d++) {
        int64_t x, y;
        differs = a->dims[d] && b->dims[d] && expr_known(a->dims[d], &x) &&
                  expr_known(b->dims[d], &y) && x != y;
    }
    if (differs)
        diagnose(importer->diagnostics, SEVERITY_WARNING, location,
                 "output '%s' is declared as %s, and is a %s", name,
                 type_text(importer->arena, declared), type_text(importer->arena, value->type));
    return true;
}

static bool import_outputs(Importer *importer, Scope *scope, const GraphProto *proto)
{
    Map seen = map_create(importer->arena);
    if (!proto->output.count)
        return FAIL(importer, import_location(importer, &proto->base, "graph"),
                    "the graph has no outputs");
    for (int64_t i = 0; i < proto->output.count; i++) {
        const ValueInfoProto *output = proto->output.items[i];
        Location location = import_location(importer, &output->base,
                                            import_path(importer, scope->path, "output", i));
        const char *name = import_name(importer, output->name, location);
        if (!name)
            return false;
        if (map_get(&seen, name))
            return FAIL(importer, location, "output '%s' is declared twice", name);
        map_set(&seen, name, importer);
        Value *value = name[0] ? scope_find(scope, name) : NULL;
        if (!value)
            return import_report_missing(importer, scope, -1, name, location);
        if (!check_output(importer, output, value, name, location))
            return false;
        graph_add_output(scope->graph, value, name);
    }
    return true;
}

/* ---- The model ----------------------------------------------------------------------------- */

static const char *optional_string(Importer *importer, TnString text)
{
    return text.length ? arena_string(importer->arena, text.data, (size_t)text.length) : NULL;
}

static void import_facts(Importer *importer)
{
    Model *model = importer->model;
    const ModelProto *proto = importer->document->model;
    model->ir_version = proto->ir_version;
    model->model_version = proto->model_version;
    model->producer_name = optional_string(importer, proto->producer_name);
    model->producer_version = optional_string(importer, proto->producer_version);
    model->domain = optional_string(importer, proto->domain);
    model->notes = import_notes(importer, proto->doc_string, proto->metadata_props.count,
                                proto->metadata_props.items);
    model->source = importer->document->source;
}

static bool import_graph(Importer *importer)
{
    const ModelProto *model = importer->document->model;
    const GraphProto *proto = model->graph;
    Graph *graph = importer->model->graph;
    Scope scope = {
        .graph = graph,
        .imports = {model->opset_import.items, model->opset_import.count},
        .body = proto,
        .path = "graph",
        .values = map_create(importer->arena),
        .initializers = map_create(importer->arena),
        .captures = map_create(importer->arena),
        .nodes = proto->node.items,
        .node_count = proto->node.count,
    };
    const char *name =
        import_name(importer, proto->name, import_location(importer, &proto->base, "graph"));
    if (!name)
        return false;
    if (name[0])
        graph->name = name;
    if (!import_initializers(importer, &scope, proto) || !import_inputs(importer, &scope, proto) ||
        !import_symbols(importer, &scope) || !free_weights(importer, &scope) ||
        !import_nodes(importer, &scope, scope.path) || !import_outputs(importer, &scope, proto) ||
        !import_drop_unranked(importer, graph) || !import_assumptions(importer, graph, proto))
        return false;
    graph_order_constants(graph);
    import_graph_notes(importer, graph, proto);
    return true;
}

/* Import infers each node as it makes it. Where a later one has made symbols of elements, the types
 * of those before it are said by these symbols now: the next one to read the model sees the same.
 */
static bool infer_again(Importer *importer)
{
    bool good = true;
    while (good && importer->context.bound_late) {
        importer->context.bound_late = false;
        good = graph_infer(&importer->context, importer->model->graph);
    }
    return good;
}

static void note_needs(const Importer *importer, ImportNeeds *needs)
{
    const InferContext *context = &importer->context;
    needs->count = 0;
    needs->inputs = ARENA_ARRAY(importer->arena, const char *, context->needed_count + 1);
    for (int64_t i = 0; i < context->needed_count; i++)
        needs->inputs[needs->count++] = context->needed[i]->name;
}

Model *model_import(Arena *arena, const Document *document, const ImportOptions *options,
                    ImportNeeds *needs, Diagnostics *diagnostics)
{
    static const ImportOptions defaults = {0};
    if (!options)
        options = &defaults;
    Model *model = model_create(arena, diagnostics);
    Importer importer = {
        .arena = arena,
        .model = model,
        .document = document,
        .options = options,
        .dims_found = ARENA_ARRAY(arena, bool, options->dim_count + 1),
        .diagnostics = diagnostics,
        .context = {.model = model,
                    .pool = model->pool,
                    .arena = arena,
                    .diagnostics = diagnostics},
        .external = external_data_create(arena, document->path, options->allow_links,
                                         options->copy_data, diagnostics),
        .functions = map_create(arena),
        .value_notes = map_create(arena),
    };
    importer.external.reader = document->reader;
    import_facts(&importer);
    bool ok = import_check(&importer) && import_graph(&importer) && infer_again(&importer);
    if (needs)
        note_needs(&importer, needs);
    return ok ? model : NULL;
}
