/* SPDX-License-Identifier: Apache-2.0
 *
 * Saving programs as compiled models, and loading them.
 *
 * A program that was compiled here is lowered once more for a file: its graph is still there. One
 * that was loaded has no model, and cannot be saved again (its file is the saved form).
 */
#include "codegen/api/api.h"

#include "codegen/artifact/artifact.h"
#include "codegen/artifact/image.h"
#include "runtime/artifact.h"

#include <stdlib.h>
#include <string.h>

/* ---- Saving ------------------------------------------------------------------------------ */

/* The first value of a state, which takes no room in the file where it is zeros. */
static const TnTensor *initial_value(Arena *arena, const StatePair *pair)
{
    if (!pair->has_initial)
        return NULL;
    TnTensor *initial = arena_copy(arena, &pair->initial, sizeof pair->initial);
    const char *data = initial->data;
    int64_t bytes = memory_tensor_bytes(initial), zeros = 0;
    while (zeros < bytes && !data[zeros])
        zeros++;
    if (zeros == bytes)
        initial->data = NULL;
    return initial;
}

static const ArtifactState *list_states(const TnProgram *program)
{
    ArtifactState *states = ARENA_ARRAY(program->arena, ArtifactState, program->state_count + 1);
    for (int i = 0; i < program->state_count; i++) {
        const StatePair *pair = &program->states[i];
        states[i] = (ArtifactState){.past = program->program->inputs[pair->input].name,
                                    .present = program->program->outputs[pair->output].name,
                                    .initial = initial_value(program->arena, pair)};
    }
    return states;
}

/* What runs appended to where it lay in this process they do in the file. */
static void set_growing(const TnProgram *program, CompileSettings *settings)
{
    GrowingState *growing = ARENA_ARRAY(program->arena, GrowingState, program->state_count + 1);
    for (int i = 0; i < program->state_count; i++) {
        const StatePair *pair = &program->states[i];
        if (pair->capacity)
            growing[settings->growing_count++] =
                (GrowingState){program->program->inputs[pair->input].name,
                               program->program->outputs[pair->output].name, pair->capacity};
    }
    settings->growing = growing;
}

/* The model's own values of the weights that may be replaced, where anything reads them. */
static void set_freed(const TnProgram *program, Lowered *lowered)
{
    FreedInput *freed = ARENA_ARRAY(program->arena, FreedInput, program->weight_count + 1);
    for (int i = 0; i < program->weight_count; i++) {
        const FreeWeight *weight = &program->weights[i];
        if (weight->input >= 0)
            freed[lowered->freed_count++] = (FreedInput){weight->input, weight->original.data,
                                                         memory_tensor_bytes(&weight->original)};
    }
    lowered->freed = freed;
}

static TnStatus save(TnProgram *program, const char *path, const TnSaveOptions *options,
                     Diagnostics *diagnostics)
{
    CompileSettings settings;
    Lowered lowered;
    ArtifactRequest request = {.path = path,
                               .name = options->name,
                               .header = options->header,
                               .weights = options->weights};
    if (!artifact_form_of(path, &request.form)) {
        error_at(diagnostics, (Location){0}, "'%s' ends in none of .so, .o, .a, .c, .s, .ll", path);
        return TN_BAD_ARGUMENT;
    }
    request.states = list_states(program);
    request.state_count = program->state_count;
    compile_settings_default(&settings);
    settings.moves_constants = true;
    settings.writes_c = request.form == ARTIFACT_c;
    set_growing(program, &settings);
    TnStatus status = program_lower(program->graph, &settings, &lowered, diagnostics);
    ArtifactPart part = {.lowered = &lowered, .settings = &settings};
    if (status == TN_OK)
        set_freed(program, &lowered);
    return status == TN_OK ? artifact_write(&part, 1, &request, diagnostics) : status;
}

TnStatus tn_program_save(TnProgram *program, const char *path, const TnSaveOptions *given)
{
    TnSaveOptions options = {.size = sizeof options};
    api_copy_options(&options, sizeof options, given);
    if (!program || !path || !program->graph)
        return TN_BAD_ARGUMENT;
    Listener listener = {options.log, options.log_user, options.diagnose, options.diagnose_user};
    volatile TnStatus status = TN_OUT_OF_MEMORY;
    pthread_mutex_lock(&program->building);
    budget_start(&program->budget, 0, NULL, NULL); /* that of tn_compile() is spent */
    if (!setjmp(program->boundary.jump)) {
        Diagnostics *diagnostics = diagnostics_create(program->arena);
        status = save(program, path, &options, diagnostics);
        api_tell(&listener, program->arena, diagnostics, 0);
    }
    pthread_mutex_unlock(&program->building);
    return status;
}

/* ---- Loading ----------------------------------------------------------------------------- */

typedef struct OperatorBinding {
    Arena *arena;
    const TnOpenOptions *options;
} OperatorBinding;

static bool bind(void *user, HostStep *step, const char **reason)
{
    const OperatorBinding *binding = user;
    for (int i = 0; i < binding->options->operator_count; i++) {
        TnOperator op = {.size = sizeof op};
        api_copy_options(&op, sizeof op, &binding->options->operators[i]);
        if (operator_is_called(&op, step->operator_name))
            return operator_bind(binding->arena, &op, step, reason);
    }
    return false;
}

/* The states that the file tells of, as tn_compile() would have been told. */
static void take_states(Arena *arena, const TnArtifactInfo *info, TnCompileOptions *options)
{
    TnState *states = ARENA_ARRAY(arena, TnState, info->state_count + 1);
    for (int i = 0; i < info->state_count; i++)
        states[i] = (TnState){.past = info->inputs[info->states[i].past].name,
                              .present = info->outputs[info->states[i].present].name,
                              .initial = info->states[i].initial};
    options->states = states;
    options->state_count = info->state_count;
}

static TnStatus load(TnProgram *made, const char *path, const TnOpenOptions *options,
                     Diagnostics *diagnostics)
{
    TnCompileOptions seen = {.size = sizeof seen};
    OperatorBinding binding = {made->arena, options};
    ArtifactOptions open = {.layout = image_layout(),
                            .weights = options->weights,
                            .trusts_weights = options->trust_weights,
                            .reader = options->reader,
                            .allocator = options->allocator,
                            .bind = bind,
                            .bind_user = &binding};
    Artifact *artifact;
    char message[600];
    TnStatus status = artifact_load(path, &open, &artifact, message, sizeof message);
    if (status != TN_OK) {
        error_at(diagnostics, (Location){0}, "%s", message);
        return status;
    }
    made->program = artifact_program(artifact);
    program_list_steps(made);
    take_states(made->arena, artifact_model(artifact), &seen);
    return program_set_ports(made, &seen, NULL, diagnostics);
}

TnStatus tn_program_load(const char *path, const TnOpenOptions *given, TnProgram **program)
{
    TnOpenOptions options = {.size = sizeof options};
    api_copy_options(&options, sizeof options, given);
    if (!program)
        return TN_BAD_ARGUMENT;
    *program = NULL;
    if (!path || !options.reader.length != !options.reader.read ||
        !options.allocator.allocate != !options.allocator.release || options.operator_count < 0 ||
        (options.operator_count && !options.operators))
        return TN_BAD_ARGUMENT;
    TnProgram *made = calloc(1, sizeof *made);
    if (!made)
        return TN_OUT_OF_MEMORY;
    made->allocator = options.allocator;
    pthread_mutex_init(&made->lock, NULL);
    pthread_mutex_init(&made->building, NULL);
    Listener listener = {options.log, options.log_user, options.diagnose, options.diagnose_user};
    volatile TnStatus status = TN_OUT_OF_MEMORY;
    if (!setjmp(made->boundary.jump)) {
        made->arena = arena_create_for(&made->boundary, &made->allocator, NULL);
        if (made->arena) {
            Diagnostics *diagnostics = diagnostics_create(made->arena);
            status = load(made, path, &options, diagnostics);
            api_tell(&listener, made->arena, diagnostics, 0);
        }
    }
    if (status != TN_OK)
        tn_program_destroy(made);
    else
        *program = made;
    return status;
}
