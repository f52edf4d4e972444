/* SPDX-License-Identifier: Apache-2.0
 *
 * From a model to a program: import, passes, code.
 */
#include "codegen/api/api.h"
#include "codegen/api/cache.h"
#include "codegen/tuning.h"

#include "passes/model_text.h"
#include "passes/run.h"
#include "runtime/element.h"

#include <stdlib.h>
#include <string.h>

static ImportOptions import_options(Arena *arena, const TnCompileOptions *options)
{
    FreedWeight *freed = ARENA_ARRAY(arena, FreedWeight, options->replaceable_count + 1);
    for (int i = 0; i < options->replaceable_count; i++)
        freed[i].name = options->replaceable[i];
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
                           .freed = freed,
                           .freed_count = options->replaceable_count,
                           .dim_count = options->size_count,
                           .shape_count = options->shape_count,
                           .constant_count = options->value_count};
}

static void set_growing(Arena *arena, const TnCompileOptions *options, CompileSettings *settings)
{
    GrowingState *growing = ARENA_ARRAY(arena, GrowingState, options->state_count + 1);
    for (int i = 0; i < options->state_count; i++)
        if (options->states[i].capacity)
            growing[settings->growing_count++] = (GrowingState){
                options->states[i].past, options->states[i].present, options->states[i].capacity};
    settings->growing = growing;
}

static bool rank_is_valid(int rank)
{
    return rank >= 0 && rank <= TN_MAX_RANK;
}

static const Backend *find_backend(const char *name)
{
    static const Backend *const backends[] = {&backend_llvm, &backend_interpreter};
    for (size_t i = 0; i < COUNT_OF(backends); i++)
        if (!name || !strcmp(name, backends[i]->name))
            return backends[i];
    return NULL;
}

static bool is_strict(const TnCompileOptions *options)
{
    return options->math && !strcmp(options->math, "strict");
}

static bool options_are_valid(const TnCompileOptions *options)
{
    if (!options->allocator.allocate != !options->allocator.release)
        return false;
    for (int i = 0; i < options->replaceable_count; i++)
        if (!options->replaceable[i])
            return false;
    for (int i = 0; i < options->state_count; i++)
        if (!options->states[i].past || !options->states[i].present ||
            options->states[i].capacity < 0)
            return false;
    for (int i = 0; i < options->shape_count; i++)
        if (!rank_is_valid(options->shapes[i].rank))
            return false;
    for (int i = 0; i < options->value_count; i++) {
        const TnTensor *tensor = &options->values[i].tensor;
        if (!rank_is_valid(tensor->rank) || !element_is_valid(tensor->element) ||
            memory_tensor_bytes(tensor) < 0)
            return false;
    }
    if (options->math && !is_strict(options) && strcmp(options->math, "default") != 0)
        return false;
    return find_backend(options->backend) != NULL;
}

/* ---- Reports ----------------------------------------------------------------------------- */

static bool wants(const TnCompileOptions *options, TnReport report)
{
    return options->reports & (unsigned)report;
}

static void set_report(TnProgram *made, TnReport report, const Text *text)
{
    made->reports[__builtin_ctz((unsigned)report)] = text->data ? text->data : "";
}

static void report_passes(TnProgram *made, const TnCompileOptions *options, const Model *model,
                          const RunReport *run)
{
    Text passes = text_create(made->arena), why = text_create(made->arena);
    Text json = text_create(made->arena), graph = text_create(made->arena);
    if (wants(options, TN_REPORT_PASSES)) {
        report_print_statistics(run, false, &passes);
        set_report(made, TN_REPORT_PASSES, &passes);
    }
    if (wants(options, TN_REPORT_EXPLANATIONS)) {
        report_print_explanations(run, &why);
        set_report(made, TN_REPORT_EXPLANATIONS, &why);
    }
    if (wants(options, TN_REPORT_EXPLANATIONS_JSON)) {
        report_print_explanations_json(run, &json);
        set_report(made, TN_REPORT_EXPLANATIONS_JSON, &json);
    }
    if (wants(options, TN_REPORT_MODEL) && model_print(model, MODEL_ELEMENTS_SHOWN, &graph))
        set_report(made, TN_REPORT_MODEL, &graph);
}

/* ---- Checking ---------------------------------------------------------------------------- */

TnStatus tn_model_check(TnModel *model)
{
    Boundary boundary;
    volatile TnStatus status = TN_OUT_OF_MEMORY;
    if (!model)
        return TN_BAD_ARGUMENT;
    Arena *volatile arena = arena_create_for(&boundary, &model->allocator, NULL);
    if (arena && !setjmp(boundary.jump)) {
        ImportNeeds needs = {0};
        Diagnostics *diagnostics = diagnostics_create(arena);
        bool good = model_import(arena, model->document, NULL, &needs, diagnostics) != NULL;
        api_tell(&model->listener, arena, diagnostics, 0);
        status = good ? TN_OK : diagnostics_status(diagnostics);
    }
    arena_destroy(arena);
    return status;
}

/* ---- Compiling --------------------------------------------------------------------------- */

static TnStatus optimize(TnProgram *made, const TnCompileOptions *options, Model *model,
                         Arena *scratch)
{
    RunReport report;
    RunOptions run = run_options_default();
    run.pipeline = options->pipeline;
    run.explain =
        wants(options, TN_REPORT_EXPLANATIONS) || wants(options, TN_REPORT_EXPLANATIONS_JSON);
    TnStatus status = passes_run(model, &run, scratch, &report);
    if (status == TN_OK)
        report_passes(made, options, model, &report);
    return status;
}

static Parallel compile_parallel(TnProgram *made, const TnParallel *given)
{
    Parallel parallel = {
        .run = given->parallel_for, .user = given->user, .threads = given->threads};
    if (parallel.run || parallel.threads <= 1)
        return parallel;
    made->pool = thread_pool_create(parallel.threads);
    return thread_pool_parallel(made->pool);
}

static bool is_weight(const GraphProto *graph, const char *name)
{
    for (int64_t i = 0; graph && i < graph->initializer.count; i++)
        if (proto_equals(graph->initializer.items[i]->name, name))
            return true;
    return false;
}

static bool check_replaceable(const TnModel *model, const TnCompileOptions *options,
                              Diagnostics *diagnostics)
{
    for (int i = 0; i < options->replaceable_count; i++)
        if (!is_weight(model->document->model->graph, options->replaceable[i]))
            return error_at(diagnostics, (Location){0}, "replaceable: there is no weight '%s'",
                            options->replaceable[i]);
    return true;
}

/* The inner program is there. */
static TnStatus finish(TnProgram *made, const TnCompileOptions *options, const FreedWeight *freed,
                       Diagnostics *diagnostics)
{
    program_list_steps(made);
    return program_set_ports(made, options, freed, diagnostics);
}

static TnStatus build(TnProgram *made, const TnCompileOptions *options, Arena *scratch,
                      Diagnostics *diagnostics)
{
    ImportNeeds needs = {0};
    CompileSettings settings;
    CacheEntry entry;
    if (!check_replaceable(made->model, options, diagnostics))
        return TN_BAD_ARGUMENT;
    compile_settings_default(&settings);
    settings.backend = find_backend(options->backend);
    settings.target.quick = options->quick;
    set_growing(made->arena, options, &settings);
    settings.target.strict = is_strict(options);
    bool is_kept = cache_open(&entry, made->arena, made->model, options, &settings);
    if (is_kept && (made->program = cache_load(&entry)) != NULL) {
        made->from_cache = true;
        return finish(made, options, NULL, diagnostics);
    }
    ImportOptions import = import_options(made->arena, options);
    Model *model = model_import(made->arena, made->model->document, &import, &needs, diagnostics);
    for (int64_t i = 0; !model && options->needs_value && i < needs.count; i++)
        options->needs_value(options->needs_value_user, needs.inputs[i]);
    if (!model)
        return diagnostics_status(diagnostics);
    TnStatus status = optimize(made, options, model, scratch);
    if (status != TN_OK)
        return status;
    Listing listing = listing_create(made->arena);
    Text steps = text_create(made->arena);
    settings.parallel = compile_parallel(made, &options->parallel);
    settings.listing = wants(options, TN_REPORT_KERNELS) ? &listing : NULL;
    if (options->tuning) {
        TuningScope scope = tuning_scope(made->arena, model, &settings.target);
        settings.target.tuning = tuning_read(made->arena, options->tuning, &scope, diagnostics);
    }
    made->graph = model;
    if (is_kept && !options->quick &&
        (made->program = cache_make(&entry, model, &settings)) != NULL)
        return finish(made, options, NULL, diagnostics);
    status = program_compile(model, &settings, &made->program, diagnostics);
    if (status != TN_OK)
        return status;
    atomic_store(&made->is_quick, options->quick && settings.backend == &backend_llvm);
    if (wants(options, TN_REPORT_KERNELS))
        set_report(made, TN_REPORT_KERNELS, &listing.text);
    if (wants(options, TN_REPORT_STEPS)) {
        program_print(made->program, &steps);
        set_report(made, TN_REPORT_STEPS, &steps);
    }
    return finish(made, options, import.freed, diagnostics);
}

static TnStatus compile(TnProgram *made, const TnCompileOptions *options)
{
    bool has_budget = options->seconds > 0 || options->proceed || options->quick;
    budget_start(&made->budget, options->seconds, options->proceed, options->proceed_user);
    Listener listener = {options->log, options->log_user, options->diagnose,
                         options->diagnose_user};
    Arena *volatile scratch = NULL;
    volatile TnStatus status = TN_OUT_OF_MEMORY;
    if (!setjmp(made->boundary.jump)) {
        made->arena =
            arena_create_for(&made->boundary, &made->allocator, has_budget ? &made->budget : NULL);
        scratch = made->arena ? arena_create_child(made->arena) : NULL;
        if (scratch) {
            Diagnostics *diagnostics = diagnostics_create(made->arena);
            status = build(made, options, scratch, diagnostics);
            api_tell(&listener, made->arena, diagnostics, 0);
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
    api_copy_options(&options, sizeof options, given);
    if (!program)
        return TN_BAD_ARGUMENT;
    *program = NULL;
    if (!model || !options_are_valid(&options))
        return TN_BAD_ARGUMENT;
    TnProgram *made = calloc(1, sizeof *made);
    if (!made)
        return TN_OUT_OF_MEMORY;
    made->allocator = options.allocator;
    pthread_mutex_init(&made->lock, NULL);
    pthread_mutex_init(&made->building, NULL);
    made->model = model_hold(model);
    TnStatus status = compile(made, &options);
    if (status != TN_OK)
        tn_program_destroy(made);
    else
        *program = made;
    return status;
}

TnStatus tn_program_optimize(TnProgram *program, const TnOptimizeOptions *given)
{
    TnOptimizeOptions options = {.size = sizeof options};
    api_copy_options(&options, sizeof options, given);
    if (!program || options.parallel.threads < 0)
        return TN_BAD_ARGUMENT;
    volatile TnStatus status = TN_OUT_OF_MEMORY;
    pthread_mutex_lock(&program->building);
    if (!atomic_load(&program->is_quick)) {
        status = TN_OK;
    } else if (!setjmp(program->boundary.jump)) {
        budget_start(&program->budget, options.seconds, options.proceed, options.proceed_user);
        Parallel parallel = compile_parallel(program, &options.parallel);
        status = program_recompile(program->program, &parallel, diagnostics_create(program->arena));
        atomic_store(&program->is_quick, status != TN_OK);
    }
    thread_pool_destroy(program->pool);
    program->pool = NULL;
    pthread_mutex_unlock(&program->building);
    return status;
}

void tn_program_destroy(TnProgram *program)
{
    if (!program)
        return;
    program_release_weights(program);
    pthread_mutex_destroy(&program->lock);
    pthread_mutex_destroy(&program->building);
    program_destroy(program->program);
    arena_destroy(program->arena);
    tn_model_destroy(program->model);
    free(program);
}
