/* SPDX-License-Identifier: Apache-2.0
 *
 * The header of a compiled model, and an example that uses it.
 */
#include "codegen/artifact/capacity.h"
#include "codegen/artifact/interface.h"

#include "runtime/model.h"
#include "runtime/selftest.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

/* include/tenon_model.h, which every header contains. */
static const struct {
    const char *name, *text;
} embedded[] = {
#include "codegen/artifact/tenon_model.inc"
};

/* ---- Sizes in C -------------------------------------------------------------------------- */

static void write_call(const char *function, const Expr *e, const char *const *names, Text *text)
{
    text_format(text, "%s(", function);
    for (int i = 0; i < e->count; i++) {
        text_append(text, i ? ", " : "");
        size_write_c(e->src[i], names, text);
    }
    text_append(text, ")");
}

static void write_operator(const char *operator_, const Expr *e, const char *const *names,
                           Text *text)
{
    text_append(text, "(");
    for (int i = 0; i < e->count; i++) {
        text_append(text, i ? operator_ : "");
        size_write_c(e->src[i], names, text);
    }
    text_append(text, ")");
}

static void write_linear(const Expr *e, const char *const *names, Text *text)
{
    text_append(text, "(");
    for (int i = 0; i < e->count; i++) {
        text_append(text, i ? " + " : "");
        if (e->factors[i] != 1)
            text_format(text, "%" PRId64 " * ", e->factors[i]);
        size_write_c(e->src[i], names, text);
    }
    if (e->integer)
        text_format(text, " + %" PRId64, e->integer);
    text_append(text, ")");
}

void size_write_c(const Expr *e, const char *const *names, Text *text)
{
    switch ((int)e->kind) {
    case EXPR_integer: text_format(text, "%" PRId64, e->integer); return;
    case EXPR_constant: text_format(text, "%" PRId64, (int64_t)e->bits); return;
    case EXPR_symbol: text_append(text, names[((const Symbol *)e->object)->id]); return;
    case EXPR_linear: write_linear(e, names, text); return;
    case EXPR_times: write_operator(" * ", e, names, text); return;
    case EXPR_quotient: write_call("tn_floor_divide", e, names, text); return;
    case EXPR_modulus: write_call("tn_floor_modulo", e, names, text); return;
    case EXPR_larger: write_call("tn_larger", e, names, text); return;
    case EXPR_smaller: write_call("tn_smaller", e, names, text); return;
    case EXPR_less: write_operator(" < ", e, names, text); return;
    case EXPR_less_equal: write_operator(" <= ", e, names, text); return;
    case EXPR_equal: write_operator(" == ", e, names, text); return;
    case EXPR_not_equal:
    case EXPR_xor: write_operator(" != ", e, names, text); return;
    case EXPR_and: write_operator(" && ", e, names, text); return;
    case EXPR_or: write_operator(" || ", e, names, text); return;
    case EXPR_not: write_operator("", e, names, text); return;
    case EXPR_select:
        text_append(text, "(");
        size_write_c(e->src[0], names, text);
        text_append(text, " ? ");
        size_write_c(e->src[1], names, text);
        text_append(text, " : ");
        size_write_c(e->src[2], names, text);
        text_append(text, ")");
        return;
    }
}

/* The C names of a part's symbols, by their numbers there. */
static const char **names_in(const Interface *f, const Lowered *lowered)
{
    const Program *program = lowered->program;
    const char **names =
        ARENA_ARRAY(f->lowered->model->arena, const char *, program->symbol_count + 1);
    for (int s = 0; s < program->symbol_count; s++)
        for (int i = 0; i < f->size_count && lowered->is_entry[s]; i++)
            if (!strcmp(f->sizes[i].symbol->name, program->symbols[s].name))
                names[s] = f->sizes[i].c_name;
    return names;
}

static const char **names_of(const Interface *f)
{
    return names_in(f, f->lowered);
}

typedef struct Mentioned {
    const char *const *names;
    const Interface *interface;
    bool *used; /* by the interface's sizes */
} Mentioned;

static void mention_name(const Mentioned *mentioned, const char *name)
{
    for (int i = 0; name && i < mentioned->interface->size_count; i++)
        mentioned->used[i] |= !strcmp(mentioned->interface->sizes[i].c_name, name);
}

static void mention(void *user, const Expr *e)
{
    const Mentioned *mentioned = user;
    if (e->kind == EXPR_symbol)
        mention_name(mentioned, mentioned->names[((const Symbol *)e->object)->id]);
}

/* "int64_t N, int64_t M": the sizes that were mentioned, in order; whether there are any. */
static bool write_mentioned(const Mentioned *mentioned, Text *text, bool more)
{
    bool any = more;
    for (int i = 0; i < mentioned->interface->size_count; i++)
        if (mentioned->used[i]) {
            text_format(text, "%sint64_t %s", any ? ", " : "",
                        mentioned->interface->sizes[i].c_name);
            any = true;
        }
    return any;
}

static bool *none_used(const Interface *f)
{
    return ARENA_ARRAY(f->lowered->model->arena, bool, f->size_count + 1);
}

/* The sizes in some expressions of the first part. */
static bool write_parameters(const Interface *f, int count, const Expr *const *exprs, Text *text,
                             bool more)
{
    Mentioned mentioned = {names_of(f), f, none_used(f)};
    for (int i = 0; i < count; i++)
        expr_walk(f->lowered->model->pool, exprs[i], mention, &mentioned);
    return write_mentioned(&mentioned, text, more);
}

/* ---- Structs ----------------------------------------------------------------------------- */

/* Text within a comment. */
static void append_quietly(Text *text, const char *words)
{
    for (; *words; words++)
        text_format(
            text, "%c",
            (words[0] == '*' && words[1] == '/') || iscntrl((unsigned char)*words) ? '.' : *words);
}

static void write_port(Text *text, const InterfacePort *port, const char *note)
{
    text_format(text, "    %s%s; /* ", port->c_type, port->c_name);
    if (strcmp(port->c_name, port->port->name) != 0) {
        text_append(text, "'");
        append_quietly(text, port->port->name);
        text_append(text, "': ");
    }
    append_quietly(text, port->port->type);
    TnElementType element = port->port->element;
    if (element == TN_COMPLEX64 || element == TN_COMPLEX128)
        text_append(text, ", real and imaginary parts in turn");
    else if (element == TN_FLOAT16 || element == TN_BFLOAT16)
        text_append(text, ", the bits of each number");
    text_format(text, "%s */\n", note);
}

static void write_inputs(const Interface *f, Text *text)
{
    text_append(text, "/* Tensors are row major, without gaps. The model only reads them, but for "
                      "states with a capacity. */\n");
    text_format(text, "typedef struct %s_inputs {\n", f->name);
    for (int i = 0; i < f->info.input_count; i++)
        write_port(text, &f->inputs[i],
                   f->inputs[i].port->has_own ? ", a weight; NULL: the model's own" : "");
    for (int i = 0; i < f->size_count; i++)
        if (f->sizes[i].size)
            text_format(text, "    int64_t %s; /* %" PRId64 " .. %" PRId64 " */\n",
                        f->sizes[i].c_name, f->sizes[i].size->lower, f->sizes[i].size->upper);
    if (f->info.inputs_size == 0)
        text_append(text, "    char none; /* the model has no inputs */\n");
    text_format(text, "} %s_inputs;\n\n", f->name);
}

/* "[batch, 12, 1024, 64]": what memory with room for a state is like. */
static void write_room(const TnArtifactState *state, const InterfacePort *port, Text *text)
{
    for (int d = 0; d < port->type->rank; d++) {
        text_append(text, d ? ", " : "[");
        if (d == state->axis)
            text_format(text, "%" PRId64, state->capacity);
        else
            expr_print(port->type->dims[d], text);
    }
    text_append(text, "]");
}

static void write_states(const Interface *f, Text *text)
{
    if (!f->info.state_count)
        return;
    text_append(text,
                "/* States: what a run makes is what the next one takes. The caller keeps two "
                "pieces of memory for\n * each, which change places; or, where a capacity is said, "
                "one with room for so much, laid out as a full\n * one would be, to which a run "
                "appends: the input points to it, the output is NULL or the same.\n *\n");
    for (int i = 0; i < f->info.state_count; i++) {
        const TnArtifactState *state = &f->info.states[i];
        text_format(text, " *     inputs.%s takes outputs.%s; the first run takes %s",
                    f->inputs[state->past].c_name, f->outputs[state->present].c_name,
                    !state->initial        ? "what the caller begins with"
                    : state->initial->data ? "what the states of the TnArtifactInfo say"
                                           : "zeros");
        if (state->capacity) {
            text_append(text, "; room for ");
            write_room(state, &f->inputs[state->past], text);
        }
        text_append(text, "\n");
    }
    text_append(text, " */\n");
}

static const char *upper(Arena *arena, const char *name)
{
    char *copy = arena_string(arena, name, strlen(name));
    for (char *c = copy; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return copy;
}

/* Bytes that a result has at most, whatever the data; NULL where there is no bound. */
static const Expr *capacity_of(const Interface *f, const InterfacePort *port)
{
    ExprPool *pool = f->lowered->model->pool;
    const Expr *elements = capacity_elements(f->lowered, port->type);
    int64_t lower, upper;
    if (!elements)
        return NULL;
    const Expr *bytes = expr_scale(pool, elements, (int64_t)element_bytes(port->port->element));
    expr_bounds(bytes, &lower, &upper);
    return expr_known(bytes, &upper) && upper >= SIZE_LIMIT ? NULL : bytes;
}

/* "FOUND_AT_CAPACITY" for results whose sizes depend on data; found_at_capacity(N) where it follows
 * from the inputs' sizes. */
static void write_capacity(const Interface *f, const InterfacePort *port, const Expr *bytes,
                           Text *text)
{
    Arena *arena = f->lowered->model->arena;
    int64_t number;
    text_format(text, "/* Bytes that do for '%s' whatever the data: %s_outputs.%s_bytes. */\n",
                port->c_name, f->name, port->c_name);
    if (expr_known(bytes, &number)) {
        text_format(text, "#define %s_%s_CAPACITY ((size_t)%" PRId64 ")\n", upper(arena, f->name),
                    upper(arena, port->c_name), number);
        return;
    }
    text_format(text, "static inline size_t %s_%s_capacity(", f->name, port->c_name);
    write_parameters(f, 1, &bytes, text, false);
    text_append(text, ")\n{\n    return (size_t)");
    size_write_c(bytes, names_of(f), text);
    text_append(text, ";\n}\n");
}

static void write_capacities(const Interface *f, Text *text)
{
    for (int i = 0; i < f->info.output_count; i++) {
        const InterfacePort *port = &f->outputs[i];
        const Expr *bytes = port->port->sizes == SIZE_MAX ? NULL : capacity_of(f, port);
        if (bytes)
            write_capacity(f, port, bytes, text);
    }
}

static void write_outputs(const Interface *f, Text *text)
{
    text_append(text,
                "/* Before a run: the caller's memory, or NULL. After it: where the result is; "
                "what was NULL\n * lies in the arena, and is good until that is used "
                "again. */\n");
    text_format(text, "typedef struct %s_outputs {\n", f->name);
    for (int i = 0; i < f->info.output_count; i++) {
        const InterfacePort *port = &f->outputs[i];
        write_port(text, port, "");
        if (port->port->sizes == SIZE_MAX)
            continue;
        text_format(text, "    size_t %s_bytes; /* given: what the caller's memory holds */\n",
                    port->c_name);
        text_format(text, "    int64_t %s_dims[%d]; /* made: the sizes, which data decides */\n",
                    port->c_name, port->port->rank);
    }
    if (f->info.outputs_size == 0)
        text_append(text, "    char none; /* the model has no outputs */\n");
    text_format(text, "} %s_outputs;\n\n", f->name);
}

static void write_asserts(const Interface *f, Text *text)
{
    text_append(text, "#ifdef __cplusplus\n#define TN_ASSERT_LAYOUT static_assert\n#else\n"
                      "#define TN_ASSERT_LAYOUT _Static_assert\n#endif\n");
    if (f->info.inputs_size)
        text_format(text, "TN_ASSERT_LAYOUT(sizeof(%s_inputs) == %zu, \"%s_inputs has gaps\");\n",
                    f->name, f->info.inputs_size, f->name);
    if (f->info.outputs_size)
        text_format(text, "TN_ASSERT_LAYOUT(sizeof(%s_outputs) == %zu, \"%s_outputs has gaps\");\n",
                    f->name, f->info.outputs_size, f->name);
    for (int i = 0; i < f->info.output_count; i++)
        text_format(text, "TN_ASSERT_LAYOUT(offsetof(%s_outputs, %s) == %zu, \"%s_outputs.%s\");\n",
                    f->name, f->outputs[i].c_name, f->outputs[i].port->data, f->name,
                    f->outputs[i].c_name);
    text_append(text, "#undef TN_ASSERT_LAYOUT\n\n");
}

/* ---- Sizes of memory --------------------------------------------------------------------- */

static const char *size_c_name(const Interface *f, const char *name)
{
    for (int i = 0; i < f->size_count; i++)
        if (!strcmp(f->sizes[i].symbol->name, name))
            return f->sizes[i].c_name;
    return NULL;
}

/* What the arenas of all parts depend on. */
static bool *arena_sizes(const Interface *f)
{
    Mentioned mentioned = {.interface = f, .used = none_used(f)};
    for (int i = 0; i < f->part_count; i++) {
        const ArtifactPart *part = &f->parts[i];
        mentioned.names = names_in(f, part->lowered);
        expr_walk(part->lowered->model->pool, part->lowered->arena, mention, &mentioned);
        for (int k = 0; k < part->size_count; k++)
            mention_name(&mentioned, size_c_name(f, part->sizes[k].symbol));
    }
    return mentioned.used;
}

static void write_arena_parameters(const Interface *f, Text *text)
{
    Mentioned mentioned = {.interface = f, .used = arena_sizes(f)};
    write_mentioned(&mentioned, text, true);
}

/* "    if (N == 1)\n" */
static void write_condition(const Interface *f, const ArtifactPart *part, Text *text)
{
    for (int k = 0; k < part->size_count; k++)
        text_format(text, "%s%s == %" PRId64, k ? " && " : "    if (",
                    size_c_name(f, part->sizes[k].symbol), part->sizes[k].size);
    if (part->size_count)
        text_append(text, ")\n    ");
}

static void write_arena_function(const Interface *f, Text *text)
{
    text_format(text, "static inline size_t %s_arena_bytes(int threads", f->name);
    write_arena_parameters(f, text);
    text_append(text, ")\n{\n");
    for (int i = 0; i < f->part_count; i++) {
        const Lowered *lowered = f->parts[i].lowered;
        write_condition(f, &f->parts[i], text);
        text_format(text,
                    i ? "    bytes = tn_larger(bytes, %" PRId64 " + "
                      : "    int64_t bytes = %" PRId64 " + ",
                    model_arena_bytes(lowered->program, 0, 0));
        size_write_c(lowered->arena, names_in(f, lowered), text);
        text_append(text, i ? ");\n" : ";\n");
    }
    text_format(text, "    return (size_t)(bytes + (int64_t)threads * %" PRId64 ");\n}\n\n",
                f->info.thread_bytes);
}

static void write_arena(const Interface *f, Text *text)
{
    Arena *arena = f->lowered->model->arena;
    text_append(text, "/* Bytes of the arena, which must be aligned to 64: for intermediate values "
                      "and all that a run\n * remembers.");
    text_append(text, f->info.is_open_ended
                          ? " What data decides may need more: then the run answers\n * "
                            "TN_ARENA_TOO_SMALL and says in options.arena_needed how much; come "
                            "again. */\n"
                          : " */\n");
    if (f->info.arena_bytes >= 0) {
        const char *name = upper(arena, f->name);
        text_format(text, "#define %s_ARENA_BYTES ((size_t)%" PRId64 ")\n", name,
                    f->info.arena_bytes);
        text_format(text,
                    "#define %s_ARENA_BYTES_FOR(threads) \\\n    ((size_t)(%" PRId64
                    " + (int64_t)(threads) * %" PRId64 "))\n",
                    name, f->info.arena_bytes - f->info.thread_bytes, f->info.thread_bytes);
    }
    write_arena_function(f, text);
}

static void write_shape(const Interface *f, const InterfacePort *port, Text *text)
{
    const char **names = names_of(f);
    const Type *type = port->type;
    bool is_known = port->port->sizes == SIZE_MAX && port->port->kind == TN_TENSOR;
    if (!is_known)
        return;
    text_format(text, "static inline size_t %s_%s_elements(", f->name, port->c_name);
    if (!write_parameters(f, type->rank, type->dims, text, false))
        text_append(text, "void");
    text_append(text, ")\n{\n    return (size_t)(");
    for (int d = 0; d < type->rank; d++) {
        text_append(text, d ? " * " : "");
        size_write_c(type->dims[d], names, text);
    }
    text_append(text, type->rank ? ");\n}\n" : "1);\n}\n");
    if (type->rank == 0)
        return;
    text_format(text, "static inline void %s_%s_dims(int64_t dims[%d]", f->name, port->c_name,
                type->rank);
    write_parameters(f, type->rank, type->dims, text, true);
    text_append(text, ")\n{\n");
    for (int d = 0; d < type->rank; d++) {
        text_format(text, "    dims[%d] = ", d);
        size_write_c(type->dims[d], names, text);
        text_append(text, ";\n");
    }
    text_append(text, "}\n");
}

/* "    dense_arena_bytes(1, 4)" */
static void write_selftest_arena(const Interface *f, Text *text)
{
    bool *used = arena_sizes(f);
    text_format(text, "%s_arena_bytes(1", f->name);
    for (int i = 0; i < f->size_count; i++) {
        const InterfaceSize *size = &f->sizes[i];
        if (used[i])
            text_format(text, ", %" PRId64,
                        size->size ? f->info.selftest->sizes[size->size - f->info.sizes]
                                   : size->symbol->lower);
    }
    text_append(text, ")");
}

static void write_selftest(const Interface *f, Text *text)
{
    text_format(text,
                "/* Looks whether the weights are what they were, and runs the model on numbers "
                "whose results are\n * in the file, too: TN_OK, or TN_INVALID_MODEL and in "
                "options.message what is wrong. An arena of\n * %s_selftest_arena_bytes()%s. */\n"
                "TnStatus %s_selftest(void *arena, size_t arena_bytes, const TnRunOptions "
                "*options);\n"
                "static inline size_t %s_selftest_arena_bytes(void)\n{\n    return (size_t)%" PRId64
                " + ",
                f->name, f->info.is_open_ended ? " may be too small, as for a run" : " will do",
                f->name, f->name, selftest_head_bytes(&f->info));
    write_selftest_arena(f, text);
    text_append(text, ";\n}\n\n");
}

/* ---- The header -------------------------------------------------------------------------- */

void header_write(const Interface *f, Text *text)
{
    const char *guard = upper(f->lowered->model->arena, f->name);
    text_format(text, "/* %s: a model compiled by %s. Made by it; not to be edited.\n *\n", f->name,
                f->info.generator);
    text_format(
        text,
        " *     %s_inputs inputs = {...};\n *     %s_outputs outputs = {...};\n"
        " *     TnStatus status = %s_run(&inputs, &outputs, arena, arena_bytes, NULL);\n *\n"
        " * The model allocates nothing and keeps nothing: several threads may run it at "
        "once, each with an\n * arena of its own. tn_status_words() says what a status "
        "means, options.message what went wrong.\n */\n",
        f->name, f->name, f->name);
    text_format(text, "#ifndef TENON_MODEL_%s_H\n#define TENON_MODEL_%s_H\n\n", guard, guard);
    text_append(text, embedded[0].text);
    text_append(text, "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    write_inputs(f, text);
    write_capacities(f, text);
    write_outputs(f, text);
    write_states(f, text);
    write_asserts(f, text);
    write_arena(f, text);
    text_append(text, "/* Sizes of inputs and outputs. */\n");
    for (int i = 0; i < f->info.input_count; i++)
        write_shape(f, &f->inputs[i], text);
    for (int i = 0; i < f->info.output_count; i++)
        write_shape(f, &f->outputs[i], text);
    if (!f->info.has_weights)
        text_format(text,
                    "\n/* The model's weights are in a file of their own, of this size: "
                    "options.weights. */\nenum { %s_NEEDS_WEIGHTS = 1 };\nstatic inline "
                    "size_t %s_weight_bytes(void)\n{\n    return (size_t)%" PRId64 ";\n}\n",
                    guard, f->name, f->info.weight_bytes);
    text_format(text,
                "\n/* Runs the model. options may be NULL%s. */\n"
                "TnStatus %s_run(const %s_inputs *inputs, %s_outputs *outputs, void *arena,\n"
                "    size_t arena_bytes, const TnRunOptions *options);\n\n"
                "/* What the file says of itself. */\nextern const TnArtifactInfo %s_model;\n\n",
                f->info.has_weights ? "" : " no more than options->weights", f->name, f->name,
                f->name, f->name);
    if (f->info.selftest)
        write_selftest(f, text);
    text_append(text, "#ifdef __cplusplus\n}\n#endif\n#endif\n");
}

/* ---- The example ------------------------------------------------------------------------- */

void example_write(const Interface *f, const char *header, Text *text)
{
    const char *name = f->name;
    text_format(
        text,
        "/* Runs %s once, on zeroes. Made by %s as a place to begin. */\n#include \"%s\"\n\n"
        "#include <stdio.h>\n#include <stdlib.h>\n\n"
        "static void *zeroes(size_t bytes)\n{\n"
        "    size_t rounded = (bytes + 64) / 64 * 64;\n"
        "    char *memory = (char *)aligned_alloc(64, rounded);\n"
        "    for (size_t i = 0; memory && i < rounded; i++)\n        memory[i] = 0;\n"
        "    return memory;\n}\n\nint main(void)\n{\n",
        name, f->info.generator, header);
    for (int i = 0; i < f->size_count; i++) {
        const Symbol *symbol = f->sizes[i].symbol;
        text_format(text, "    const int64_t %s = %" PRId64 ";\n    (void)%s;\n",
                    f->sizes[i].c_name,
                    symbol->lower > 1   ? symbol->lower
                    : symbol->upper < 1 ? symbol->upper
                                        : 1,
                    f->sizes[i].c_name);
    }
    text_format(text, "    %s_inputs inputs = {0};\n    %s_outputs outputs = {0};\n", name, name);
    for (int i = 0; i < f->info.input_count; i++) {
        const InterfacePort *port = &f->inputs[i];
        if (port->port->kind != TN_TENSOR) {
            text_format(text,
                        "    static const TnValue empty_%s = {.kind = %s};\n"
                        "    inputs.%s = &empty_%s;\n",
                        port->c_name,
                        port->port->kind == TN_SEQUENCE ? "TN_SEQUENCE" : "TN_OPTIONAL",
                        port->c_name, port->c_name);
            continue;
        }
        text_format(text, "    inputs.%s = zeroes(sizeof *inputs.%s * %s_%s_elements(",
                    port->c_name, port->c_name, name, port->c_name);
        Text parameters = text_create(f->lowered->model->arena);
        write_parameters(f, port->type->rank, port->type->dims, &parameters, false);
        for (const char *at = parameters.data; at && *at;) { /* the names alone */
            if (!strncmp(at, "int64_t ", 8))
                at += 8;
            text_format(text, "%c", *at++);
        }
        text_append(text, "));\n");
    }
    for (int i = 0; i < f->size_count; i++)
        if (f->sizes[i].size)
            text_format(text, "    inputs.%s = %s;\n", f->sizes[i].c_name, f->sizes[i].c_name);
    text_format(text, "    size_t bytes = %s_arena_bytes(1", name);
    Text parameters = text_create(f->lowered->model->arena);
    write_arena_parameters(f, &parameters);
    for (const char *at = parameters.data; at && *at;) {
        if (!strncmp(at, "int64_t ", 8))
            at += 8;
        text_format(text, "%c", *at++);
    }
    text_append(text,
                "), needed = 0;\n    char message[200] = \"\";\n    TnStatus status;\n    do "
                "{\n        bytes = needed > bytes ? needed : bytes;\n"
                "        void *arena = zeroes(bytes);\n"
                "        TnRunOptions options = {.size = sizeof options, .message = message,\n"
                "            .message_bytes = sizeof message, .arena_needed = &needed};\n");
    text_format(text, "        status = %s_run(&inputs, &outputs, arena, bytes, &options);\n",
                name);
    text_append(text, "    } while (status == TN_ARENA_TOO_SMALL && needed > bytes);\n"
                      "    printf(\"%s %s\\n\", tn_status_words(status), message);\n"
                      "    return status != TN_OK;\n}\n");
}
