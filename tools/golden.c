/* SPDX-License-Identifier: Apache-2.0 */
#include "golden.h"

#include "inputs.h"

#include <string.h>

/* A copy that outlives the run; false and a diagnostic for what is no tensor. */
static bool keep(Session *session, const char *name, const TnValue *value, TnTensor *kept)
{
    if (value->kind != TN_TENSOR)
        return session_fail(session, TN_UNSUPPORTED,
                            "--embed-selftest with '%s', which is no tensor", name);
    int64_t bytes = memory_tensor_bytes(&value->tensor);
    *kept = value->tensor;
    kept->data = bytes ? arena_copy(session->arena, value->tensor.data, (size_t)bytes) : NULL;
    if (value->tensor.element != TN_STRING)
        return true;
    TnString *strings = kept->data;
    for (int64_t i = 0; i < bytes / (int64_t)sizeof *strings; i++)
        strings[i].data = arena_copy(session->arena, strings[i].data, (size_t)strings[i].length);
    return true;
}

static bool run_golden(Session *session, ArtifactRequest *request)
{
    const Program *program = session->program;
    TnValue *inputs = ARENA_ARRAY(session->arena, TnValue, program->input_count + 1);
    TnValue *outputs = ARENA_ARRAY(session->arena, TnValue, program->output_count + 1);
    TnTensor *given = ARENA_ARRAY(session->arena, TnTensor, program->input_count + 1);
    TnTensor *made = ARENA_ARRAY(session->arena, TnTensor, program->output_count + 1);
    if (!inputs_prepare(session, inputs))
        return false;
    Run *run = run_create(program, session_parallel(session));
    if (!run)
        return session_fail(session, TN_OUT_OF_MEMORY, "out of memory");
    TnStatus status =
        run_program(run, program->input_count, inputs, program->output_count, outputs);
    bool done = status == TN_OK || session_fail(session, status, "%s", run->error);
    for (int i = 0; done && i < program->input_count; i++)
        done = keep(session, program->inputs[i].name, &inputs[i], &given[i]);
    for (int i = 0; done && i < program->output_count; i++)
        done = keep(session, program->outputs[i].name, &outputs[i], &made[i]);
    run_destroy(run);
    request->golden_inputs = given;
    request->golden_outputs = made;
    return done;
}

bool session_golden(Session *session, ArtifactRequest *request)
{
    Session again = *session;
    CompileSettings settings;
    again.is_again = true;
    compile_settings_default(&settings);
    settings.backend = &backend_interpreter;
    settings.parallel = session_parallel(session);
    again.pool = session->pool;
    bool done = session_import(&again) && session_optimize(&again, session_pipeline(session)) &&
                session_limit(&again);
    if (done) {
        TnStatus status =
            program_compile(again.model, &settings, &again.program, again.diagnostics);
        done = status == TN_OK || session_fail(&again, status, NULL);
    }
    if (done)
        done = run_golden(&again, request);
    program_destroy(again.program);
    session->status = again.status;
    return done;
}
