/* SPDX-License-Identifier: Apache-2.0
 *
 * The public interface of include/tenon.h.
 *
 * A model is a document; each compilation imports it anew, with its own sizes and values, into an
 * arena of its own, which then belongs to the program. The bytes of weights stay the document's, so
 * a program holds on to its model. Memory that ends while compiling leads back here by longjmp.
 */
#include "codegen/compile.h"
#include "frontend/load.h"
#include "ir/support/array.h"
#include "passes/run.h"
#include "runtime/run.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct TnModel {
    atomic_int users;
    Boundary boundary;
    Arena *arena;
    Document *document;
    char *name;
};

struct TnProgram {
    Boundary boundary;
    Arena *arena;
    TnModel *model;
    Program *program;
    ThreadPool *pool; /* while compiling */
};

struct TnContext {
    Run *run;
    ThreadPool *pool;
};

const char *tn_version(void)
{
#define TEXT(x)                      #x
#define VERSION(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)
    return VERSION(TN_VERSION_MAJOR, TN_VERSION_MINOR, TN_VERSION_PATCH);
#undef VERSION
#undef TEXT
}

const char *tn_status_text(TnStatus status)
{
    switch (status) {
    case TN_OK: return "success";
    case TN_INVALID_MODEL: return "the model is malformed";
    case TN_UNSUPPORTED: return "the model uses something not implemented";
    case TN_BAD_ARGUMENT: return "an argument breaks the documented contract";
    case TN_OUT_OF_MEMORY: return "out of memory";
    case TN_IO: return "a file could not be read or written";
    case TN_ARENA_TOO_SMALL: return "the arena is too small";
    case TN_CANCELLED: return "cancelled";
    case TN_INTERNAL: return "a bug in Tenon";
    }
    return "unknown status";
}

/* Options of an older caller may be shorter than ours. */
static void copy_options(void *own, size_t own_size, const void *given)
{
    size_t size;
    if (!given)
        return;
    memcpy(&size, given, sizeof size);
    memcpy(own, given, size < own_size ? size : own_size);
}

static void send_diagnostics(Arena *arena, const Diagnostics *diagnostics, TnLog *log, void *user)
{
    for (int64_t i = 0; log && i < diagnostics->count; i++) {
        Text text = text_create(arena);
        const Diagnostic *diagnostic = &diagnostics->items[i];
        diagnostic_render(diagnostic, &text);
        log(user,
            diagnostic->severity == SEVERITY_ERROR     ? TN_ERROR
            : diagnostic->severity == SEVERITY_WARNING ? TN_WARNING
                                                       : TN_NOTE,
            text.data);
    }
}

/* ---- Models ------------------------------------------------------------------------------ */

static TnModel *model_hold(TnModel *model)
{
    atomic_fetch_add(&model->users, 1);
    return model;
}

void tn_model_destroy(TnModel *model)
{
    if (!model || atomic_fetch_sub(&model->users, 1) > 1)
        return;
    arena_destroy(model->arena);
    free(model->name);
    free(model);
}

/* From a file where data is NULL. */
static TnStatus read_model(TnModel *model, const void *data, size_t length,
                           const TnLoadOptions *options)
{
    if (setjmp(model->boundary.jump))
        return TN_OUT_OF_MEMORY;
    model->arena = arena_create(&model->boundary);
    if (!model->arena)
        return TN_OUT_OF_MEMORY;
    Diagnostics *diagnostics = diagnostics_create(model->arena);
    model->document = data ? document_parse(model->arena, model->name, data, length, diagnostics)
                           : document_load(model->arena, model->name, diagnostics);
    send_diagnostics(model->arena, diagnostics, options->log, options->log_user);
    return model->document ? TN_OK : diagnostics_status(diagnostics);
}

static TnStatus make_model(const char *name, const void *data, size_t length,
                           const TnLoadOptions *given, TnModel **model)
{
    TnLoadOptions options = {.size = sizeof options};
    copy_options(&options, sizeof options, given);
    *model = NULL;
    TnModel *made = calloc(1, sizeof *made);
    if (!made)
        return TN_OUT_OF_MEMORY;
    atomic_init(&made->users, 1);
    made->name = strdup(name);
    TnStatus status = made->name ? read_model(made, data, length, &options) : TN_OUT_OF_MEMORY;
    if (status != TN_OK)
        tn_model_destroy(made);
    else
        *model = made;
    return status;
}

TnStatus tn_model_load(const char *path, const TnLoadOptions *options, TnModel **model)
{
    if (!path || !model)
        return TN_BAD_ARGUMENT;
    *model = NULL;
    if (access(path, R_OK) != 0)
        return TN_IO;
    return make_model(path, NULL, 0, options, model);
}

TnStatus tn_model_parse(const void *data, size_t length, const char *name,
                        const TnLoadOptions *options, TnModel **model)
{
    if (!data || !model)
        return TN_BAD_ARGUMENT;
    return make_model(name ? name : "<memory>", data, length, options, model);
}

/* ---- Compiling --------------------------------------------------------------------------- */

static ImportOptions import_options(Arena *arena, const TnCompileOptions *options)
{
    DimSetting *dims = ARENA_ARRAY(arena, DimSetting, options->size_count + 1);
    ShapeSetting *shapes = ARENA_ARRAY(arena, ShapeSetting, options->shape_count + 1);
    ConstantSetting *constants = ARENA_ARRAY(arena, ConstantSetting, options->value_count + 1);
    for (int i = 0; i < options->size_count; i++)
        dims[i] = (DimSetting){options->sizes[i].symbol, options->sizes[i].size};
    for (int i = 0; i < options->shape_count; i++) {
        const TnInputShape *from = &options->shapes[i];
        shapes[i] = (ShapeSetting){.input = from->input, .rank = from->rank};
        memcpy(shapes[i].dims, from->dims, sizeof from->dims);
    }
    for (int i = 0; i < options->value_count; i++) {
        const TnTensor *tensor = &options->values[i].tensor;
        constants[i].input = options->values[i].input;
        constants[i].constant =
            constant_create(arena, tensor->element, tensor->rank, tensor->dims, tensor->data);
    }
    return (ImportOptions){.dims = dims,
                           .shapes = shapes,
                           .constants = constants,
                           .dim_count = options->size_count,
                           .shape_count = options->shape_count,
                           .constant_count = options->value_count};
}

static bool rank_is_valid(int rank)
{
    return rank >= 0 && rank <= TN_MAX_RANK;
}

static bool options_are_valid(const TnCompileOptions *options)
{
    for (int i = 0; i < options->shape_count; i++)
        if (!rank_is_valid(options->shapes[i].rank))
            return false;
    for (int i = 0; i < options->value_count; i++) {
        const TnTensor *tensor = &options->values[i].tensor;
        if (!rank_is_valid(tensor->rank) || !element_is_valid(tensor->element) ||
            memory_tensor_bytes(tensor) < 0)
            return false;
    }
    return true;
}

static const Backend *find_backend(const char *name)
{
    static const Backend *const backends[] = {&backend_llvm, &backend_interpreter};
    for (size_t i = 0; i < COUNT_OF(backends); i++)
        if (!name || !strcmp(name, backends[i]->name))
            return backends[i];
    return NULL;
}

static TnStatus build(TnProgram *made, const TnCompileOptions *options, Arena *scratch,
                      Diagnostics *diagnostics)
{
    ImportNeeds needs = {0};
    RunReport report;
    CompileSettings settings;
    ImportOptions import = import_options(made->arena, options);
    Model *model = model_import(made->arena, made->model->document, &import, &needs, diagnostics);
    if (!model)
        return diagnostics_status(diagnostics);
    RunOptions run = run_options_default();
    run.pipeline = options->pipeline;
    TnStatus status = passes_run(model, &run, scratch, &report);
    if (status != TN_OK)
        return status;
    compile_settings_default(&settings);
    settings.backend = find_backend(options->backend);
    settings.parallel = (Parallel){.run = options->parallel.parallel_for,
                                   .user = options->parallel.user,
                                   .threads = options->parallel.threads};
    if (!settings.parallel.run && options->parallel.threads > 1) {
        made->pool = thread_pool_create(options->parallel.threads);
        settings.parallel = thread_pool_parallel(made->pool);
    }
    return program_compile(model, &settings, &made->program, diagnostics);
}

static TnStatus compile(TnProgram *made, const TnCompileOptions *options)
{
    Arena *volatile scratch = NULL;
    volatile TnStatus status = TN_OUT_OF_MEMORY;
    if (!setjmp(made->boundary.jump)) {
        made->arena = arena_create(&made->boundary);
        scratch = arena_create(&made->boundary);
        if (made->arena && scratch) {
            Diagnostics *diagnostics = diagnostics_create(made->arena);
            status = build(made, options, scratch, diagnostics);
            send_diagnostics(made->arena, diagnostics, options->log, options->log_user);
        }
    }
    arena_destroy(scratch);
    thread_pool_destroy(made->pool);
    made->pool = NULL;
    return status;
}

TnStatus tn_compile(TnModel *model, const TnCompileOptions *given, TnProgram **program)
{
    TnCompileOptions options = {.size = sizeof options};
    copy_options(&options, sizeof options, given);
    if (!program)
        return TN_BAD_ARGUMENT;
    *program = NULL;
    if (!model || !find_backend(options.backend) || !options_are_valid(&options))
        return TN_BAD_ARGUMENT;
    TnProgram *made = calloc(1, sizeof *made);
    if (!made)
        return TN_OUT_OF_MEMORY;
    made->model = model_hold(model);
    TnStatus status = compile(made, &options);
    if (status != TN_OK)
        tn_program_destroy(made);
    else
        *program = made;
    return status;
}

void tn_program_destroy(TnProgram *program)
{
    if (!program)
        return;
    program_destroy(program->program);
    arena_destroy(program->arena);
    tn_model_destroy(program->model);
    free(program);
}

/* ---- Looking at programs ----------------------------------------------------------------- */

int tn_program_input_count(const TnProgram *program)
{
    return program->program->input_count;
}

int tn_program_output_count(const TnProgram *program)
{
    return program->program->output_count;
}

static TnStatus describe(const Port *ports, int count, int i, TnPort *port)
{
    if (i < 0 || i >= count)
        return TN_BAD_ARGUMENT;
    const ProgramValue *value = &ports[i].value;
    *port = (TnPort){.name = ports[i].name,
                     .type = ports[i].type,
                     .kind = value->kind,
                     .element = value->element,
                     .rank = value->rank};
    for (int d = 0; d < value->rank; d++)
        port->dims[d] = value->dims[d].slot < 0 ? value->dims[d].number : -1;
    return TN_OK;
}

TnStatus tn_program_input(const TnProgram *program, int i, TnPort *port)
{
    return describe(program->program->inputs, program->program->input_count, i, port);
}

TnStatus tn_program_output(const TnProgram *program, int i, TnPort *port)
{
    return describe(program->program->outputs, program->program->output_count, i, port);
}

const char *tn_program_arena_formula(const TnProgram *program)
{
    return program->program->arena_formula;
}

/* ---- Running ----------------------------------------------------------------------------- */

TnStatus tn_context_create(const TnProgram *program, const TnContextOptions *given,
                           TnContext **context)
{
    TnContextOptions options = {.size = sizeof options};
    copy_options(&options, sizeof options, given);
    if (!context)
        return TN_BAD_ARGUMENT;
    *context = NULL;
    if (!program || options.parallel.threads < 0)
        return TN_BAD_ARGUMENT;
    TnContext *made = calloc(1, sizeof *made);
    if (!made)
        return TN_OUT_OF_MEMORY;
    Parallel parallel = {.run = options.parallel.parallel_for,
                         .user = options.parallel.user,
                         .threads = options.parallel.threads};
    if (!parallel.run && parallel.threads > 1) {
        made->pool = thread_pool_create(parallel.threads);
        if (made->pool)
            parallel = thread_pool_parallel(made->pool);
        else
            made->run = NULL;
    }
    if (parallel.run || parallel.threads <= 1)
        made->run = run_create(program->program, parallel);
    if (!made->run) {
        tn_context_destroy(made);
        return TN_OUT_OF_MEMORY;
    }
    *context = made;
    return TN_OK;
}

void tn_context_destroy(TnContext *context)
{
    if (!context)
        return;
    run_destroy(context->run);
    thread_pool_destroy(context->pool);
    free(context);
}

TnStatus tn_run(TnContext *context, int input_count, const TnValue *inputs, int output_count,
                TnValue *outputs)
{
    return run_program(context->run, input_count, inputs, output_count, outputs);
}

const char *tn_context_error(const TnContext *context)
{
    return context->run->error;
}

void tn_context_set_arena(TnContext *context, void *arena, size_t bytes)
{
    run_set_arena(context->run, arena, bytes < INT64_MAX ? (int64_t)bytes : INT64_MAX);
}

int64_t tn_context_arena_needed(const TnContext *context)
{
    return context->run->arena_needed;
}

TnStatus tn_context_arena_bytes(TnContext *context, int input_count, const TnValue *inputs,
                                int64_t *bytes)
{
    return run_arena_bytes(context->run, input_count, inputs, bytes);
}
