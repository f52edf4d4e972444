/* SPDX-License-Identifier: Apache-2.0
 *
 * Types. A dimension is a number, a name, an expression over names ("2 * N + 1"), or unknown: not
 * said, or -1 as some exporters write it. A name that no expression can be is a symbol all the
 * same.
 *
 * Sizes of the main graph's inputs give the symbols their values when a program is entered, so an
 * expression is taken for one only where its symbols stand alone in some input's shape, or follow
 * from it: 2*N tells N.
 */
#include "frontend/importer.h"

#include <string.h>

#define FAIL(importer, location, ...) error_at((importer)->diagnostics, (location), __VA_ARGS__)

/* The size that a dimension's name stands for, with the numbers of the options put into it. */
static const Expr *named_size(Importer *importer, const char *text)
{
    const ImportOptions *options = importer->options;
    ExprPool *pool = importer->model->pool;
    const Expr *size = expr_parse_size(pool, text);
    if (!size)
        size = expr_symbol(pool, text);
    for (int i = 0; i < options->dim_count; i++) {
        const char *symbol = options->dims[i].symbol;
        const Expr *number = expr_integer(pool, options->dims[i].size);
        const Expr *given =
            !strcmp(symbol, text)
                ? number
                : expr_substitute_symbol(pool, size, expr_symbol(pool, symbol)->object, number);
        importer->dims_found[i] |= given != size;
        size = given;
    }
    return size;
}

static const Expr *unknown_size(Importer *importer, const char *hint, int dimension)
{
    return named_size(importer, arena_format(importer->arena, "%s_%d", hint, dimension));
}

/* NULL after a diagnostic. */
static const Expr *import_dim(Importer *importer, const TensorShapeProtoDimension *dim,
                              const char *hint, int dimension, Location location)
{
    if (dim->has_dim_value) {
        if (dim->dim_value == -1)
            return unknown_size(importer, hint, dimension);
        if (dim->dim_value < 0 || dim->dim_value > SIZE_LIMIT) {
            FAIL(importer, location, "dimension %d of '%s' is %lld", dimension, hint,
                 (long long)dim->dim_value);
            return NULL;
        }
        return expr_integer(importer->model->pool, dim->dim_value);
    }
    if (!dim->has_dim_param || dim->dim_param.length == 0 || proto_equals(dim->dim_param, "?"))
        return unknown_size(importer, hint, dimension);
    const char *text = import_name(importer, dim->dim_param, location);
    return text ? named_size(importer, text) : NULL;
}

static const Type *import_tensor_type(Importer *importer, const TypeProtoTensor *proto,
                                      const char *hint, Location location)
{
    const Expr *dims[MAX_RANK];
    if (!element_is_valid(proto->elem_type)) {
        FAIL(importer, location, "the element type of '%s', %d, is not one of ONNX's", hint,
             proto->elem_type);
        return NULL;
    }
    TnElementType element = (TnElementType)proto->elem_type;
    if (!proto->shape)
        return type_unranked(importer->arena, element);
    int64_t rank = proto->shape->dim.count;
    if (rank > MAX_RANK) {
        unsupported_at(importer->diagnostics, location, "'%s' has rank %lld; ranks up to %d are",
                       hint, (long long)rank, MAX_RANK);
        return NULL;
    }
    int64_t count = 1;
    for (int d = 0; d < rank; d++) {
        int64_t size;
        dims[d] = import_dim(importer, proto->shape->dim.items[d], hint, d, location);
        if (!dims[d])
            return NULL;
        if (expr_known(dims[d], &size) && __builtin_mul_overflow(count, size ? size : 1, &count)) {
            FAIL(importer, location, "the element count of '%s' overflows", hint);
            return NULL;
        }
    }
    return type_tensor(importer->arena, element, (int)rank, dims);
}

static const char *rare_kind(const TypeProto *proto)
{
    if (proto->map_type)
        return "map";
    if (proto->opaque_type)
        return "opaque type";
    return proto->sparse_tensor_type ? "sparse tensor" : NULL;
}

const Type *import_type(Importer *importer, const TypeProto *proto, const char *hint,
                        Location location)
{
    const char *rare = rare_kind(proto);
    if (proto->tensor_type)
        return import_tensor_type(importer, proto->tensor_type, hint, location);
    if (rare) {
        unsupported_at(importer->diagnostics, location, "'%s' is a %s", hint, rare);
        return NULL;
    }
    bool is_sequence = proto->sequence_type;
    if (!is_sequence && !proto->optional_type) {
        FAIL(importer, location, "'%s' has no type", hint);
        return NULL;
    }
    const TypeProto *inner =
        is_sequence ? proto->sequence_type->elem_type : proto->optional_type->elem_type;
    if (!inner) {
        FAIL(importer, location, "'%s': a %s of nothing", hint,
             is_sequence ? "sequence" : "optional");
        return NULL;
    }
    if (inner->optional_type) {
        unsupported_at(importer->diagnostics, location, "'%s' is a %s of optionals", hint,
                       is_sequence ? "sequence" : "optional");
        return NULL;
    }
    const Type *type = import_type(importer, inner, hint, location);
    if (!type)
        return NULL;
    type = type_of_items(importer->arena, type);
    return is_sequence ? type_sequence(importer->arena, type)
                       : type_optional(importer->arena, type);
}

/* ---- Inputs of the main graph -------------------------------------------------------------- */

static bool apply_shape(Importer *importer, const ShapeSetting *setting, const Type **type,
                        Location location)
{
    const Expr *dims[MAX_RANK];
    const Type *declared = *type;
    if (!type_is_tensor(declared))
        return FAIL(importer, location, "'%s' gets a shape and is not a tensor", setting->input);
    if (declared->rank >= 0 && declared->rank != setting->rank)
        return FAIL(importer, location, "'%s' has rank %d and gets a shape of rank %d",
                    setting->input, declared->rank, setting->rank);
    for (int d = 0; d < setting->rank; d++) {
        int64_t wanted = setting->dims[d], known;
        if (wanted > SIZE_LIMIT)
            return FAIL(importer, location, "'%s' gets the size %lld", setting->input,
                        (long long)wanted);
        if (wanted < 0)
            dims[d] =
                declared->rank >= 0 ? declared->dims[d] : unknown_size(importer, setting->input, d);
        else if (declared->rank >= 0 && expr_known(declared->dims[d], &known) && known != wanted)
            return FAIL(importer, location, "dimension %d of '%s' is %lld and gets the size %lld",
                        d, setting->input, (long long)known, (long long)wanted);
        else
            dims[d] = expr_integer(importer->model->pool, wanted);
    }
    *type = type_tensor(importer->arena, declared->element, setting->rank, dims);
    return true;
}

/* A symbol that a shape setting gave a number has it in all inputs. */
static void substitute(Importer *importer, const Type **types, int64_t count, const Expr *symbol,
                       const Expr *by)
{
    for (int64_t i = 0; i < count; i++) {
        if (!type_is_tensor(types[i]))
            continue;
        const Expr *dims[MAX_RANK];
        for (int d = 0; d < types[i]->rank; d++)
            dims[d] = expr_substitute_symbol(importer->model->pool, types[i]->dims[d],
                                             symbol->object, by);
        if (types[i]->rank > 0)
            types[i] = type_tensor(importer->arena, types[i]->element, types[i]->rank, dims);
    }
}

static const char *list_inputs(Importer *importer, const GraphProto *proto)
{
    Text names = text_create(importer->arena);
    for (int64_t i = 0; i < proto->input.count; i++) {
        TnString name = proto->input.items[i]->name;
        text_format(&names, "%s'%.*s'", i ? ", " : "", (int)name.length, name.data);
    }
    return names.data;
}

static bool apply_shapes(Importer *importer, const GraphProto *proto, const Type **types)
{
    const ImportOptions *options = importer->options;
    for (int s = 0; s < options->shape_count; s++) {
        const ShapeSetting *setting = &options->shapes[s];
        int64_t i = 0;
        while (i < proto->input.count && !proto_equals(proto->input.items[i]->name, setting->input))
            i++;
        if (i == proto->input.count)
            return FAIL(importer, ((Location){0}),
                        "there is no input '%s' to get a shape; the model's inputs are %s",
                        setting->input, list_inputs(importer, proto));
        const Type *before = types[i];
        if (!apply_shape(importer, setting, &types[i], (Location){0}))
            return false;
        for (int d = 0; d < before->rank; d++)
            if (before->dims[d]->kind == EXPR_symbol && expr_known(types[i]->dims[d], NULL))
                substitute(importer, types, proto->input.count, before->dims[d], types[i]->dims[d]);
    }
    return true;
}

typedef struct SymbolCheck {
    const Map *known;
    const Expr *unknown; /* the last one */
    int unknown_count;
} SymbolCheck;

static void check_symbol(void *user, const Expr *e)
{
    SymbolCheck *check = user;
    if (e->kind != EXPR_symbol || map_get_pointer(check->known, e))
        return;
    check->unknown = e;
    check->unknown_count++;
}

static SymbolCheck check_symbols(ExprPool *pool, const Map *known, const Expr *size)
{
    SymbolCheck check = {.known = known};
    expr_walk(pool, size, check_symbol, &check);
    return check;
}

/* Notes the symbols that one dimension tells, given those that are known; answers how many. */
static int learn_symbols(Importer *importer, const Type **types, int64_t count, Map *known)
{
    ExprPool *pool = importer->model->pool;
    int learnt = 0;
    for (int64_t i = 0; i < count; i++)
        for (int d = 0; type_is_tensor(types[i]) && d < types[i]->rank; d++) {
            SymbolCheck check = check_symbols(pool, known, types[i]->dims[d]);
            int64_t factor;
            const Expr *rest;
            if (check.unknown_count != 1 ||
                !expr_split_symbol(pool, types[i]->dims[d], check.unknown->object, &factor, &rest))
                continue;
            map_set_pointer(known, check.unknown, importer);
            learnt++;
        }
    return learnt;
}

/* Expressions that leave symbols untold become symbols of their own. */
static void name_free_expressions(Importer *importer, const Type **types, int64_t count)
{
    ExprPool *pool = importer->model->pool;
    Map known = map_create(importer->arena);
    while (learn_symbols(importer, types, count, &known))
        continue;
    for (int64_t i = 0; i < count; i++) {
        const Expr *dims[MAX_RANK];
        bool changed = false;
        for (int d = 0; type_is_tensor(types[i]) && d < types[i]->rank; d++) {
            SymbolCheck check = check_symbols(pool, &known, types[i]->dims[d]);
            dims[d] = types[i]->dims[d];
            if (check.unknown_count && dims[d]->kind != EXPR_symbol) {
                Text text = text_create(importer->arena);
                expr_print(dims[d], &text);
                dims[d] = expr_symbol(pool, text.data);
                changed = true;
            }
        }
        if (changed)
            types[i] = type_tensor(importer->arena, types[i]->element, types[i]->rank, dims);
    }
}

/* The symbols among the sizes of types, each once. */
typedef struct SymbolList {
    Map seen;
    Text names;
} SymbolList;

static void add_symbol(void *user, const Expr *e)
{
    SymbolList *list = user;
    if (e->kind != EXPR_symbol || map_get_pointer(&list->seen, e))
        return;
    text_format(&list->names, "%s'%s'", list->seen.count ? ", " : "",
                ((const Symbol *)e->object)->name);
    map_set_pointer(&list->seen, e, list);
}

/* Every size that the options give must be one of the inputs'. */
static bool check_dims(Importer *importer, const Type **types, int64_t count)
{
    int missing = 0;
    while (missing < importer->options->dim_count && importer->dims_found[missing])
        missing++;
    if (missing == importer->options->dim_count)
        return true;
    SymbolList list = {map_create(importer->arena), text_create(importer->arena)};
    for (int64_t i = 0; i < count; i++)
        for (int d = 0; type_is_tensor(types[i]) && d < types[i]->rank; d++)
            expr_walk(importer->model->pool, types[i]->dims[d], add_symbol, &list);
    return FAIL(importer, ((Location){0}), "no input has the size '%s'; open are %s",
                importer->options->dims[missing].symbol,
                list.seen.count ? list.names.data : "none");
}

const Type **import_input_types(Importer *importer, const GraphProto *proto)
{
    const Type **types = ARENA_ARRAY(importer->arena, const Type *, proto->input.count + 1);
    for (int64_t i = 0; i < proto->input.count; i++) {
        const ValueInfoProto *input = proto->input.items[i];
        Location location =
            import_location(importer, &input->base, import_path(importer, "graph", "input", i));
        const char *name = import_name(importer, input->name, location);
        if (!name)
            return NULL;
        if (!input->type) {
            FAIL(importer, location, "input '%s' has no type", name);
            return NULL;
        }
        types[i] = import_type(importer, input->type, name, location);
        if (!types[i])
            return NULL;
    }
    if (!check_dims(importer, types, proto->input.count) || !apply_shapes(importer, proto, types))
        return NULL;
    name_free_expressions(importer, types, proto->input.count);
    return types;
}
