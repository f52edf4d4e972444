/* SPDX-License-Identifier: Apache-2.0 */
#include "codegen/artifact/interface.h"

#include "codegen/artifact/capacity.h"
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

/* Whether the inputs' sizes, and elements, decide all sizes of a type. */
static bool follows_from_inputs(const Lowered *lowered, const Type *type)
{
    for (int d = 0; d < type->rank; d++)
        if (!size_is_of_inputs(lowered, type->dims[d]))
            return false;
    return true;
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

/* Whether runs write to it: a state that they append to. */
static bool is_appended(const Program *program, int input)
{
    for (int32_t i = 0; i < program->appended_count; i++)
        if (program->appended[i].input == input)
            return true;
    return false;
}

static bool is_freed(const Lowered *lowered, int input)
{
    for (int i = 0; i < lowered->freed_count; i++)
        if (lowered->freed[i].input == input)
            return true;
    return false;
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
        ports[i].has_own = is_freed(f->lowered, i);
        port->port = &ports[i];
        port->type = f->lowered->model->graph->inputs[i]->type;
        port->c_name = unique_name(arena, &taken, program->inputs[i].name);
        port->c_type = ports[i].kind != TN_TENSOR
                           ? "const TnValue *"
                           : arena_format(arena, "%s%s *", is_appended(program, i) ? "" : "const ",
                                          element_c_type(ports[i].element));
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
                                 .slot = f->info.size_count - 1,
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

/* ---- Parts ------------------------------------------------------------------------------- */

/* The slot of a size of that name that the inputs bind; -1: it is a number here. */
static int32_t slot_of(const Program *program, const char *name)
{
    for (int i = 0; i < program->input_count; i++)
        for (int d = 0; d < program->inputs[i].value.rank; d++) {
            int32_t slot = program->inputs[i].value.dims[d].slot;
            if (program->inputs[i].binds >> d & 1 && !strcmp(program->symbols[slot].name, name))
                return slot;
        }
    return -1;
}

static void set_given(const Interface *f, Arena *arena, Program *program)
{
    int32_t *given = ARENA_ARRAY(arena, int32_t, f->info.size_count + 1);
    for (int i = 0; i < f->info.size_count; i++)
        given[i] = slot_of(program, f->info.sizes[i].name);
    program->given = given;
    program->given_count = f->info.size_count;
}

static SpecialProgram special_of(Arena *arena, const Program *general, const ArtifactPart *part)
{
    Bind *sizes = ARENA_ARRAY(arena, Bind, part->size_count);
    for (int i = 0; i < part->size_count; i++)
        sizes[i] = (Bind){.target = slot_of(general, part->sizes[i].symbol),
                          .source = size_number(part->sizes[i].size)};
    return (SpecialProgram){part->size_count, sizes, part->lowered->program};
}

/* Those for certain sizes belong to the one for all sizes before them. */
static void link_parts(Interface *f, Arena *arena)
{
    TnArtifactVariant *variants = ARENA_ARRAY(arena, TnArtifactVariant, f->part_count);
    for (int i = 0; i < f->part_count; i++) {
        Program *general = f->parts[i].lowered->program;
        set_given(f, arena, general);
        if (f->parts[i].size_count)
            continue;
        SpecialProgram *specials = ARENA_ARRAY(arena, SpecialProgram, f->part_count);
        for (int k = i + 1; k < f->part_count && f->parts[k].size_count; k++)
            specials[general->special_count++] = special_of(arena, general, &f->parts[k]);
        general->specials = specials;
        TnArtifactVariant *variant = &variants[f->info.variant_count++];
        variant->program = general;
        target_describe(arena, &f->parts[i].settings->target, &f->info.triple, &variant->cpu,
                        &variant->features, &variant->cpu_features);
        f->info.program = general;
        f->info.cpu = variant->cpu;
        f->info.features = variant->features;
        f->info.cpu_features = variant->cpu_features;
    }
    f->info.variants = variants;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* An arena does for every part. */
static void measure_parts(Interface *f)
{
    for (int i = 0; i < f->part_count; i++) {
        const Program *program = f->parts[i].lowered->program;
        bool is_known = program->arena.slot < 0 && f->info.arena_bytes >= 0;
        f->info.thread_bytes =
            larger(f->info.thread_bytes, (program->worker_scratch + 63) / 64 * 64);
        f->info.is_open_ended |= program->has_tail;
        f->info.arena_bytes =
            is_known
                ? larger(f->info.arena_bytes, model_arena_bytes(program, program->arena.number, 0))
                : -1;
    }
    if (f->info.arena_bytes >= 0)
        f->info.arena_bytes += f->info.thread_bytes;
}

/* ---- The whole --------------------------------------------------------------------------- */

static uint64_t model_hash(const Lowered *lowered, const Weights *weights)
{
    Text text = text_create(lowered->model->arena);
    program_print(lowered->program, &text);
    return hash_combine(hash_bytes(text.data, text.length, 0), weights->hash);
}

Interface *interface_create(Arena *arena, const ArtifactPart *parts, int part_count,
                            const Weights *weights, const char *name, bool has_weights)
{
    const Lowered *lowered = parts[0].lowered;
    Interface *f = ARENA_NEW(arena, Interface);
    f->name = name;
    f->part_count = part_count;
    f->parts = parts;
    f->lowered = lowered;
    f->info = (TnArtifactInfo){.magic = "TNMODEL",
                               .abi = TN_ARTIFACT_ABI,
                               .size = sizeof(TnArtifactInfo),
                               .name = name,
                               .generator = arena_format(arena, "tenon %s", tn_version()),
                               .model_hash = model_hash(lowered, weights),
                               .layout = image_layout(),
                               .arena_formula = lowered->program->arena_formula,
                               .weight_bytes = weights->bytes,
                               .has_weights = has_weights,
                               .rtol = 1e-3,
                               .atol = 1e-5};
    add_inputs(f, arena);
    add_outputs(f, arena);
    link_parts(f, arena);
    measure_parts(f);
    return f;
}

/* The size of that slot in some inputs. */
static int64_t size_in(const Program *program, int32_t slot, const TnTensor *inputs)
{
    for (int i = 0; i < program->input_count; i++)
        for (int d = 0; d < program->inputs[i].value.rank; d++)
            if (program->inputs[i].binds >> d & 1 && program->inputs[i].value.dims[d].slot == slot)
                return inputs[i].dims[d];
    return 0;
}

void interface_add_selftest(Interface *f, const TnTensor *inputs, const TnTensor *outputs)
{
    Arena *arena = f->lowered->model->arena;
    const Program *program = f->lowered->program;
    TnArtifactSelftest *test = ARENA_NEW(arena, TnArtifactSelftest);
    int64_t *sizes = ARENA_ARRAY(arena, int64_t, f->info.size_count + 1);
    for (int i = 0; i < f->info.size_count; i++)
        sizes[i] = size_in(program, program->given[i], inputs);
    *test = (TnArtifactSelftest){.inputs = inputs,
                                 .outputs = outputs,
                                 .sizes = sizes,
                                 .input_count = f->info.input_count,
                                 .output_count = f->info.output_count,
                                 .size_count = f->info.size_count};
    f->info.selftest = test;
}
