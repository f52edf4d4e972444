/* SPDX-License-Identifier: Apache-2.0 */
#include "codegen/artifact/interface.h"

#include "codegen/artifact/image.h"
#include "runtime/model.h"
#include "tenon.h"

#include <ctype.h>
#include <string.h>

/* ---- Names ------------------------------------------------------------------------------- */

static bool is_keyword(const char *text)
{
    static const char *const words[] = {
        "alignas",  "alignof",  "and",       "asm",       "auto",      "bitand",   "bitor",
        "bool",     "break",    "case",      "catch",     "char",      "class",    "compl",
        "concept",  "const",    "constexpr", "continue",  "decltype",  "default",  "delete",
        "do",       "double",   "else",      "enum",      "explicit",  "export",   "extern",
        "false",    "float",    "for",       "friend",    "goto",      "if",       "inline",
        "int",      "long",     "mutable",   "namespace", "new",       "noexcept", "not",
        "nullptr",  "operator", "or",        "private",   "protected", "public",   "register",
        "requires", "restrict", "return",    "short",     "signed",    "sizeof",   "static",
        "struct",   "switch",   "template",  "this",      "throw",     "true",     "try",
        "typedef",  "typeid",   "typename",  "union",     "unsigned",  "using",    "virtual",
        "void",     "volatile", "while",     "xor",       "NULL",      "main",     "errno",
        "threads",  "dims",     "unix",      "linux"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (!strcmp(text, words[i]))
            return true;
    return false;
}

const char *port_identifier(Arena *arena, const char *text)
{
    Text name = text_create(arena);
    if (!isalpha((unsigned char)*text) && *text != '_')
        text_append(&name, "_");
    for (; *text; text++)
        text_format(&name, "%c", isalnum((unsigned char)*text) ? *text : '_');
    /* Two underscores at the begin, or one and a capital, are the compiler's. */
    if (name.data[0] == '_' && (name.data[1] == '_' || isupper((unsigned char)name.data[1])))
        return arena_format(arena, "v%s", name.data);
    return is_keyword(name.data) ? arena_format(arena, "%s_", name.data) : name.data;
}

/* A name that no other has; with it Y_dims and Y_bytes are taken. */
static const char *unique_name(Arena *arena, Map *taken, const char *text)
{
    const char *base = port_identifier(arena, text), *name = base;
    for (int i = 2; map_get(taken, name) || map_get(taken, arena_format(arena, "%s_dims", name)) ||
                    map_get(taken, arena_format(arena, "%s_bytes", name));
         i++)
        name = arena_format(arena, "%s_%d", base, i);
    map_set(taken, name, taken);
    map_set(taken, arena_format(arena, "%s_dims", name), taken);
    map_set(taken, arena_format(arena, "%s_bytes", name), taken);
    return name;
}

static const char *element_c_type(TnElementType element)
{
    switch (element) {
    case TN_FLOAT:
    case TN_COMPLEX64: return "float";
    case TN_DOUBLE:
    case TN_COMPLEX128: return "double";
    case TN_BOOL: return "bool";
    case TN_STRING: return "TnString";
    case TN_INT8:
    case TN_INT4:
    case TN_INT2: return "int8_t";
    case TN_INT16: return "int16_t";
    case TN_INT32: return "int32_t";
    case TN_INT64: return "int64_t";
    case TN_UINT16:
    case TN_FLOAT16:
    case TN_BFLOAT16: return "uint16_t";
    case TN_UINT32: return "uint32_t";
    case TN_UINT64: return "uint64_t";
    default: return "uint8_t";
    }
}

/* ---- Ports ------------------------------------------------------------------------------- */

typedef struct EntryQuestion {
    const Lowered *lowered;
    bool answer;
} EntryQuestion;

static void look_at_symbol(void *user, const Expr *e)
{
    EntryQuestion *question = user;
    if (e->kind == EXPR_symbol)
        question->answer &= question->lowered->is_entry[((const Symbol *)e->object)->id];
}

/* Whether the inputs' sizes, and elements, decide all sizes of a type. */
static bool follows_from_inputs(const Lowered *lowered, const Type *type)
{
    EntryQuestion question = {lowered, true};
    for (int d = 0; d < type->rank; d++)
        expr_walk(lowered->model->pool, type->dims[d], look_at_symbol, &question);
    return question.answer;
}

static TnArtifactPort model_port(const Port *port)
{
    TnArtifactPort made = {.name = port->name,
                           .type = port->type,
                           .kind = port->value.kind,
                           .element = port->value.element,
                           .rank = port->value.rank,
                           .sizes = SIZE_MAX,
                           .capacity = SIZE_MAX};
    for (int d = 0; d < made.rank; d++)
        made.dims[d] = port->value.dims[d].slot < 0 ? port->value.dims[d].number : -1;
    return made;
}

static size_t take(size_t *size, size_t bytes)
{
    size_t at = *size;
    *size += bytes;
    return at;
}

static void add_inputs(Interface *f, Arena *arena)
{
    const Program *program = f->lowered->program;
    TnArtifactPort *ports = ARENA_ARRAY(arena, TnArtifactPort, program->input_count + 1);
    Map taken = map_create(arena);
    f->inputs = ARENA_ARRAY(arena, InterfacePort, program->input_count + 1);
    for (int i = 0; i < program->input_count; i++) {
        InterfacePort *port = &f->inputs[i];
        ports[i] = model_port(&program->inputs[i]);
        ports[i].data = take(&f->info.inputs_size, sizeof(void *));
        port->port = &ports[i];
        port->type = f->lowered->model->graph->inputs[i]->type;
        port->c_name = unique_name(arena, &taken, program->inputs[i].name);
        port->c_type = ports[i].kind != TN_TENSOR
                           ? "const TnValue *"
                           : arena_format(arena, "const %s *", element_c_type(ports[i].element));
    }
    f->info.input_count = program->input_count;
    f->info.inputs = ports;
    uint32_t *bound = ARENA_ARRAY(arena, uint32_t, program->symbol_count + 1);
    for (int i = 0; i < program->input_count; i++)
        for (int d = 0; d < program->inputs[i].value.rank; d++)
            if (program->inputs[i].binds >> d & 1)
                bound[program->inputs[i].value.dims[d].slot] = 1;
    TnArtifactSize *sizes = ARENA_ARRAY(arena, TnArtifactSize, program->symbol_count + 1);
    f->sizes = ARENA_ARRAY(arena, InterfaceSize, program->symbol_count + 1);
    for (int s = 0; s < program->symbol_count; s++) {
        const SymbolRange *range = &program->symbols[s];
        InterfaceSize *size = &f->sizes[f->size_count];
        if (!f->lowered->is_entry[s])
            continue;
        *size = (InterfaceSize){.c_name = unique_name(arena, &taken, range->name),
                                .symbol = expr_pool_symbol(f->lowered->model->pool, s)};
        f->size_count++;
        if (!bound[s])
            continue;
        TnArtifactSize *made = &sizes[f->info.size_count++];
        *made = (TnArtifactSize){.name = range->name,
                                 .slot = s,
                                 .lower = range->lower,
                                 .upper = range->upper,
                                 .offset = take(&f->info.inputs_size, sizeof(int64_t))};
        size->size = made;
    }
    f->info.sizes = sizes;
}

static void add_outputs(Interface *f, Arena *arena)
{
    const Program *program = f->lowered->program;
    TnArtifactPort *ports = ARENA_ARRAY(arena, TnArtifactPort, program->output_count + 1);
    Map taken = map_create(arena);
    f->outputs = ARENA_ARRAY(arena, InterfacePort, program->output_count + 1);
    for (int i = 0; i < program->output_count; i++) {
        InterfacePort *port = &f->outputs[i];
        TnArtifactPort *made = &ports[i];
        bool is_tensor = program->outputs[i].value.kind == TN_TENSOR;
        *made = model_port(&program->outputs[i]);
        port->port = made;
        port->type = graph_output(f->lowered->model->graph, i)->type;
        port->c_name = unique_name(arena, &taken, program->outputs[i].name);
        port->c_type =
            is_tensor ? arena_format(arena, "%s *", element_c_type(made->element)) : "TnValue ";
        made->data = take(&f->info.outputs_size, is_tensor ? sizeof(void *) : sizeof(TnValue));
        if (!is_tensor || follows_from_inputs(f->lowered, port->type))
            continue;
        made->capacity = take(&f->info.outputs_size, sizeof(size_t));
        made->sizes = take(&f->info.outputs_size, (size_t)made->rank * sizeof(int64_t));
    }
    f->info.output_count = program->output_count;
    f->info.outputs = ports;
}

/* ---- The whole --------------------------------------------------------------------------- */

static uint64_t model_hash(const Lowered *lowered, const Weights *weights)
{
    Text text = text_create(lowered->model->arena);
    program_print(lowered->program, &text);
    return hash_combine(hash_bytes(text.data, text.length, 0), weights->hash);
}

Interface *interface_create(const Lowered *lowered, const Weights *weights, const char *name,
                            bool has_weights)
{
    Arena *arena = lowered->model->arena;
    const Program *program = lowered->program;
    Interface *f = ARENA_NEW(arena, Interface);
    f->name = name;
    f->lowered = lowered;
    f->info = (TnArtifactInfo){.magic = "TNMODEL",
                               .abi = TN_ARTIFACT_ABI,
                               .size = sizeof(TnArtifactInfo),
                               .name = name,
                               .generator = arena_format(arena, "tenon %s", tn_version()),
                               .model_hash = model_hash(lowered, weights),
                               .layout = image_layout(),
                               .arena_formula = program->arena_formula,
                               .weight_bytes = weights->bytes,
                               .has_weights = has_weights,
                               .is_open_ended = program->has_tail,
                               .rtol = 1e-3,
                               .atol = 1e-5,
                               .program = program};
    f->info.thread_bytes = (program->worker_scratch + 63) / 64 * 64;
    f->info.arena_bytes =
        program->arena.slot < 0 ? model_arena_bytes(program, program->arena.number, 1) : -1;
    add_inputs(f, arena);
    add_outputs(f, arena);
    return f;
}
