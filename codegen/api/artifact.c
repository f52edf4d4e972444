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
    if (program->state_count || program->weight_count) {
        unsupported_at(diagnostics, (Location){0},
                       "saving a program with states or replaceable weights");
        return TN_UNSUPPORTED;
    }
    compile_settings_default(&settings);
    settings.moves_constants = true;
    settings.writes_c = request.form == ARTIFACT_c;
    TnStatus status = program_lower(program->graph, &settings, &lowered, diagnostics);
    ArtifactPart part = {.lowered = &lowered, .settings = &settings};
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
    pthread_mutex_lock(&program->lock);
    budget_start(&program->budget, 0, NULL, NULL); /* that of tn_compile() is spent */
    if (!setjmp(program->boundary.jump)) {
        Diagnostics *diagnostics = diagnostics_create(program->arena);
        status = save(program, path, &options, diagnostics);
        api_tell(&listener, program->arena, diagnostics, 0);
    }
    pthread_mutex_unlock(&program->lock);
    return status;
}

/* ---- Loading ----------------------------------------------------------------------------- */

static TnStatus load(TnProgram *made, const char *path, const TnOpenOptions *options,
                     Diagnostics *diagnostics)
{
    TnCompileOptions none = {.size = sizeof none};
    Artifact *artifact;
    char message[600];
    TnStatus status =
        artifact_load(path, options->weights, image_layout(), &artifact, message, sizeof message);
    if (status != TN_OK) {
        error_at(diagnostics, (Location){0}, "%s", message);
        return status;
    }
    made->program = artifact_program(artifact);
    program_list_steps(made);
    return program_set_ports(made, &none, NULL, diagnostics);
}

TnStatus tn_program_load(const char *path, const TnOpenOptions *given, TnProgram **program)
{
    TnOpenOptions options = {.size = sizeof options};
    api_copy_options(&options, sizeof options, given);
    if (!path || !program)
        return TN_BAD_ARGUMENT;
    *program = NULL;
    TnProgram *made = calloc(1, sizeof *made);
    if (!made)
        return TN_OUT_OF_MEMORY;
    pthread_mutex_init(&made->lock, NULL);
    Listener listener = {options.log, options.log_user, options.diagnose, options.diagnose_user};
    volatile TnStatus status = TN_OUT_OF_MEMORY;
    if (!setjmp(made->boundary.jump)) {
        made->arena = arena_create_for(&made->boundary, NULL, NULL);
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
