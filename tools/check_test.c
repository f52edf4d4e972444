/* SPDX-License-Identifier: Apache-2.0
 *
 * One test: its model compiled for each of its data sets, run, and compared.
 */
#include "check_test.h"

#include "folder.h"
#include "session.h"

#include "frontend/tensor_file.h"

#include <stdlib.h>
#include <string.h>

void verdict_set(Verdict *verdict, Outcome outcome, const char *reason)
{
    verdict->outcome = outcome;
    snprintf(verdict->reason, sizeof verdict->reason, "%s", reason);
}

/* ---- Data -------------------------------------------------------------------------------- */

static TypeKind kind_of_type(const TypeProto *type)
{
    return type && type->has_sequence_type   ? TYPE_sequence
           : type && type->has_optional_type ? TYPE_optional
                                             : TYPE_tensor;
}

/* The values of a data set, in the order of the model's inputs or outputs. */
typedef struct DataSet {
    int input_count, output_count;
    const char **input_names, **output_names;
    const TnValue **inputs, **outputs; /* NULL: no file */
} DataSet;

static bool is_initializer(const GraphProto *graph, const char *name)
{
    for (int64_t i = 0; i < graph->initializer.count; i++)
        if (proto_equals(graph->initializer.items[i]->name, name))
            return true;
    return false;
}

/* Reads input_K.pb or output_K.pb for each value that the document lists. */
static int read_values(Session *session, const char *folder, const char *what,
                       ValueInfoProto *const *infos, int64_t info_count, bool skip_initializers,
                       const char ***names, const TnValue ***values)
{
    const GraphProto *graph = session->document->model->graph;
    int count = 0;
    *names = ARENA_ARRAY(session->arena, const char *, info_count + 1);
    *values = ARENA_ARRAY(session->arena, const TnValue *, info_count + 1);
    for (int64_t i = 0; i < info_count; i++) {
        const TnString own = infos[i]->name;
        const char *name = arena_string(session->arena, own.data, (size_t)own.length);
        if (skip_initializers && is_initializer(graph, name))
            continue;
        const char *path = arena_format(session->arena, "%s/%s_%d.pb", folder, what, count);
        (*names)[count] = name;
        if (is_file(path)) {
            (*values)[count] = tensor_file_read(session->arena, path, kind_of_type(infos[i]->type),
                                                NULL, session->diagnostics);
            if (!(*values)[count])
                return -1;
        }
        count++;
    }
    return count;
}

static bool read_data(Session *session, const char *folder, DataSet *data)
{
    const GraphProto *graph = session->document->model->graph;
    data->input_count = read_values(session, folder, "input", graph->input.items,
                                    graph->input.count, true, &data->input_names, &data->inputs);
    data->output_count =
        read_values(session, folder, "output", graph->output.items, graph->output.count, false,
                    &data->output_names, &data->outputs);
    if (data->input_count < 0 || data->output_count < 0)
        return false;
    for (int i = 0; i < data->output_count; i++)
        if (data->outputs[i])
            return true;
    return error_at(session->diagnostics, (Location){0},
                    "'%s' holds no output_N.pb and no test_data_set_N", folder);
}

/* An InputFinder. */
static const TnValue *find_input(Session *session, const char *name, const void *user)
{
    const DataSet *data = user;
    (void)session;
    for (int i = 0; i < data->input_count; i++)
        if (strcmp(data->input_names[i], name) == 0)
            return data->inputs[i];
    return NULL;
}

/* ---- Judging ----------------------------------------------------------------------------- */

/* A random operator of the graph, or NULL. */
static const OpDef *random_operator(const Graph *graph)
{
    FOR_EACH_NODE (node, graph) {
        if (node->op->traits & TRAIT_random)
            return node->op;
        for (int r = 0; r < node->region_count; r++) {
            const OpDef *inner = random_operator(node->regions[r]);
            if (inner)
                return inner;
        }
    }
    return NULL;
}

/* What went wrong, in one line. */
static void explain(Session *session, const char *stage, Verdict *verdict)
{
    const Diagnostics *diagnostics = session->diagnostics;
    bool unsupported = diagnostics->unsupported;
    Text text = text_create(session->arena);
    if (!unsupported)
        text_append(&text, stage);
    int shown = 0;
    for (int64_t i = 0; i < diagnostics->count && shown < 3; i++) {
        const Diagnostic *diagnostic = &diagnostics->items[i];
        if (diagnostic->severity != SEVERITY_ERROR ||
            (unsupported && strncmp(diagnostic->message, "not supported:", 14) != 0))
            continue;
        text_append(&text, shown++ ? "; " : "");
        text_append(&text, diagnostic->message);
        if (diagnostic->location.node && *diagnostic->location.node)
            text_format(&text, " (node '%s')", diagnostic->location.node);
    }
    verdict_set(verdict, unsupported ? OUTCOME_skipped : OUTCOME_failed, text.data);
}

static bool compare_outputs(Session *session, const DataSet *data, const TnValue *outputs,
                            const Tolerance *tolerance, Verdict *verdict)
{
    const Program *program = session->program;
    const OpDef *random = random_operator(session->model->graph);
    if (program->output_count != data->output_count) {
        verdict_set(verdict, OUTCOME_failed, "the program has another number of outputs");
        return false;
    }
    for (int i = 0; i < program->output_count; i++) {
        Text why = text_create(session->arena);
        text_format(&why, "output '%s': ", program->outputs[i].name);
        if (!data->outputs[i])
            continue;
        if (random ? values_alike(&outputs[i], data->outputs[i], &why)
                   : values_agree(&outputs[i], data->outputs[i], tolerance, &why))
            continue;
        verdict_set(verdict, OUTCOME_failed, why.data);
        return false;
    }
    if (random)
        verdict_set(verdict, OUTCOME_skipped,
                    arena_format(session->arena,
                                 "random (%s): types, shapes and ranges were compared",
                                 random->name));
    return true;
}

static bool run_data(Session *session, const DataSet *data, const Tolerance *tolerance,
                     Verdict *verdict)
{
    const Program *program = session->program;
    TnValue *inputs = ARENA_ARRAY(session->arena, TnValue, program->input_count + 1);
    TnValue *outputs = ARENA_ARRAY(session->arena, TnValue, program->output_count + 1);
    for (int p = 0; p < program->input_count; p++)
        for (int i = 0; i < data->input_count; i++)
            if (strcmp(program->inputs[p].name, data->input_names[i]) == 0 && data->inputs[i])
                inputs[p] = *data->inputs[i];
    Run *state = run_create(program, session_parallel(session));
    if (!state) {
        verdict_set(verdict, OUTCOME_failed, "out of memory");
        return false;
    }
    TnStatus status =
        run_program(state, program->input_count, inputs, program->output_count, outputs);
    bool good = status == TN_OK;
    if (good)
        good = compare_outputs(session, data, outputs, tolerance, verdict);
    else
        verdict_set(verdict, OUTCOME_failed,
                    arena_format(session->arena, "running it: %s", state->error));
    run_destroy(state);
    return good;
}

/* A model and one data set. */
static bool check_set(const Options *options, const char *model, const char *folder,
                      const Tolerance *tolerance, Verdict *verdict)
{
    Session session;
    DataSet data;
    volatile bool good = false;
    if (!session_open(&session, options)) {
        verdict_set(verdict, OUTCOME_failed, "out of memory");
        return false;
    }
    if (setjmp(session.boundary.jump)) {
        verdict_set(verdict, OUTCOME_failed, "out of memory");
    } else {
        session.quiet = true;
        session_set_dynamic(&session);
        if (!session_read(&session, model))
            explain(&session, "reading it: ", verdict);
        else if (!read_data(&session, folder, &data))
            explain(&session, "reading its data: ", verdict);
        else if (!session_build_with(&session, find_input, &data))
            explain(&session, "compiling it: ", verdict);
        else
            good = run_data(&session, &data, tolerance, verdict);
    }
    session_close(&session);
    return good;
}

void check_test(const Options *options, const char *model, const char *folder,
                const Tolerance *tolerance, Verdict *verdict)
{
    int count;
    char **sets = list_folder(folder, "test_data_set_", &count);
    int64_t begin = now_ns();
    verdict->outcome = OUTCOME_passed;
    if (count == 0)
        check_set(options, model, folder, tolerance, verdict);
    for (int i = 0; i < count; i++) {
        char *path = join_path(folder, sets[i]);
        bool good = check_set(options, model, path, tolerance, verdict);
        free(path);
        if (!good)
            break;
    }
    verdict->milliseconds = (now_ns() - begin) / 1000000;
    free_names(sets, count);
}
