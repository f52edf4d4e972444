/* SPDX-License-Identifier: Apache-2.0
 *
 * tenon check: a model alone (imported, verified and compiled, not run), with data (compared with
 * the expected outputs), or a whole folder of tests in the layout of ONNX's own. Each test of a
 * suite runs in a process of its own, so that a crash or a hang is one failure and not the end.
 */
#include "compare.h"
#include "messages.h"
#include "session.h"

#include "frontend/tensor_file.h"
#include "ir/support/array.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEST_SECONDS = 900, MOST_JOBS = 64 };

typedef enum Outcome { OUTCOME_passed, OUTCOME_failed, OUTCOME_skipped } Outcome;

static const char *const outcome_names[] = {"passed", "failed", "skipped"};

/* What a test's process tells its parent. */
typedef struct Verdict {
    Outcome outcome;
    int64_t milliseconds;
    char reason[1000];
} Verdict;

static void decide(Verdict *verdict, Outcome outcome, const char *reason)
{
    verdict->outcome = outcome;
    snprintf(verdict->reason, sizeof verdict->reason, "%s", reason);
}

static Tolerance tolerance_of(const Options *options)
{
    return (Tolerance){.rtol = option_real(options, OPTION_rtol, 1e-3),
                       .atol = option_real(options, OPTION_atol, 1e-7),
                       .atol_max = option_real(options, OPTION_atol_max, 0)};
}

/* ---- One test ---------------------------------------------------------------------------- */

static bool is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static bool is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

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

static bool is_initializer(const GraphProto *graph, TnString name)
{
    for (int64_t i = 0; i < graph->initializer.count; i++) {
        TnString other = graph->initializer.items[i]->name;
        if (other.length == name.length && memcmp(other.data, name.data, (size_t)name.length) == 0)
            return true;
    }
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
    int file = 0;
    for (int64_t i = 0; i < info_count; i++) {
        TnString name = infos[i]->name;
        char *path = arena_format(session->arena, "%s/%s_%d.pb", folder, what, file);
        if (skip_initializers && is_initializer(graph, name))
            continue;
        file++;
        (*names)[count] = arena_string(session->arena, name.data, (size_t)name.length);
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

/* Binds the inputs that the model's structure hangs from to the values of the data set. */
static bool specialize(Session *session, const DataSet *data)
{
    ARRAY(ConstantSetting) constants = {0};
    for (int i = 0; i < session->constant_count; i++)
        array_push(session->arena, &constants, session->constants[i]);
    for (int64_t n = 0; n < session->needs.count; n++) {
        const TnValue *value = NULL;
        for (int i = 0; i < data->input_count; i++)
            if (strcmp(data->input_names[i], session->needs.inputs[n]) == 0)
                value = data->inputs[i];
        if (!value || value->kind != TN_TENSOR)
            return false;
        const TnTensor *tensor = &value->tensor;
        Constant *constant = constant_create(session->arena, tensor->element, tensor->rank,
                                             tensor->dims, tensor->data);
        if (!constant)
            return false;
        array_push(session->arena, &constants,
                   (ConstantSetting){session->needs.inputs[n], constant});
    }
    session->constants = constants.items;
    session->constant_count = (int)constants.count;
    return session->needs.count > 0;
}

/* Compiles for a data set; several attempts where inputs must become constants. */
static bool build_for(Session *session, const DataSet *data)
{
    for (int attempt = 0; attempt < 4; attempt++) {
        session->needs.count = 0;
        session->status = EXIT_GOOD;
        if (session_import(session) && session_optimize(session, session_pipeline(session)) &&
            session_compile(session))
            return true;
        if (session->needs.count == 0 || !data || !specialize(session, data))
            return false;
        session->diagnostics = diagnostics_create(session->arena);
    }
    return false;
}

static bool graph_is_random(const Graph *graph)
{
    FOR_EACH_NODE (node, graph) {
        if (node->op->traits & TRAIT_random)
            return true;
        for (int r = 0; r < node->region_count; r++)
            if (graph_is_random(node->regions[r]))
                return true;
    }
    return false;
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
    decide(verdict, unsupported ? OUTCOME_skipped : OUTCOME_failed, text.data);
}

static bool compare_outputs(Session *session, const DataSet *data, const TnValue *outputs,
                            const Tolerance *tolerance, Verdict *verdict)
{
    const Program *program = session->program;
    bool random = graph_is_random(session->model->graph);
    if (program->output_count != data->output_count) {
        decide(verdict, OUTCOME_failed, "the program has another number of outputs");
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
        decide(verdict, OUTCOME_failed, why.data);
        return false;
    }
    if (random)
        decide(verdict, OUTCOME_skipped, "random: only types and shapes were compared");
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
        decide(verdict, OUTCOME_failed, "out of memory");
        return false;
    }
    TnStatus status =
        run_program(state, program->input_count, inputs, program->output_count, outputs);
    bool good = status == TN_OK;
    if (good)
        good = compare_outputs(session, data, outputs, tolerance, verdict);
    else
        decide(verdict, OUTCOME_failed,
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
        decide(verdict, OUTCOME_failed, "out of memory");
        return false;
    }
    if (setjmp(session.boundary.jump)) {
        decide(verdict, OUTCOME_failed, "out of memory");
    } else {
        session.quiet = true;
        session.prefix = option_given(options, OPTION_dynamic) ? "make-dynamic{ones = 1}" : NULL;
        if (!session_read(&session, model))
            explain(&session, "reading it: ", verdict);
        else if (!read_data(&session, folder, &data))
            explain(&session, "reading its data: ", verdict);
        else if (!build_for(&session, &data))
            explain(&session, "compiling it: ", verdict);
        else
            good = run_data(&session, &data, tolerance, verdict);
    }
    session_close(&session);
    return good;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The folder's entries that begin so, sorted; to be freed. */
static char **list_folder(const char *folder, const char *prefix, int *count)
{
    DIR *directory = opendir(folder);
    char **names = NULL;
    *count = 0;
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        if (entry->d_name[0] == '.' || strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        char **larger = realloc(names, sizeof *names * (size_t)(*count + 1));
        if (!larger)
            break;
        names = larger;
        names[(*count)++] = strdup(entry->d_name);
    }
    if (directory)
        closedir(directory);
    if (*count)
        qsort(names, (size_t)*count, sizeof *names, compare_names);
    return names;
}

static void free_names(char **names, int count)
{
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

static char *join_path(const char *folder, const char *name)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        abort();
    return path;
}

/* All data sets beneath `folder`, or the folder itself if it is one. */
static void check_sets(const Options *options, const char *model, const char *folder,
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

/* ---- Suites ------------------------------------------------------------------------------ */

typedef struct Test {
    char *folder, *name; /* name: the path beneath the suite */
    pid_t process;
    int pipe;
    int64_t started_ns;
    Verdict verdict;
} Test;

typedef struct Suite {
    Test *tests;
    int count, capacity;
    int counts[3];
} Suite;

static void find_tests(Suite *suite, const Options *options, const char *folder, const char *name)
{
    char *model = join_path(folder, "model.onnx");
    const char *filter = option_text(options, OPTION_filter, NULL);
    const char *last = strrchr(name, '/');
    if (is_file(model)) {
        if (!filter || fnmatch(filter, name, 0) == 0 ||
            fnmatch(filter, last ? last + 1 : name, 0) == 0) {
            if (suite->count == suite->capacity) {
                suite->capacity = suite->capacity * 2 + 64;
                suite->tests =
                    realloc(suite->tests, sizeof *suite->tests * (size_t)suite->capacity);
                if (!suite->tests)
                    abort();
            }
            suite->tests[suite->count++] =
                (Test){.folder = strdup(folder), .name = strdup(name), .pipe = -1};
        }
    } else {
        int count;
        char **names = list_folder(folder, "", &count);
        for (int i = 0; i < count; i++) {
            char *path = join_path(folder, names[i]);
            char *beneath = *name ? join_path(name, names[i]) : strdup(names[i]);
            if (is_folder(path))
                find_tests(suite, options, path, beneath);
            free(beneath);
            free(path);
        }
        free_names(names, count);
    }
    free(model);
}

/* Settings of --overrides: lines of PATTERN <tab> rtol=R atol=A atol-max=F. */
static void override(const Options *options, const char *name, Tolerance *tolerance)
{
    const char *path = option_text(options, OPTION_overrides, NULL);
    char line[1024];
    if (!path)
        return;
    FILE *file = fopen(path, "r");
    if (!file)
        wrong_usage("the overrides '%s' cannot be read", path);
    while (fgets(line, sizeof line, file)) {
        char *rest = strpbrk(line, "\t\n");
        if (line[0] == '#' || !rest || *rest != '\t')
            continue;
        *rest++ = '\0';
        if (fnmatch(line, name, 0) != 0)
            continue;
        for (char *setting = strtok_r(rest, " \t\n", &rest); setting;
             setting = strtok_r(NULL, " \t\n", &rest)) {
            char *value = strchr(setting, '=');
            double *target = !value                                  ? NULL
                             : strncmp(setting, "rtol=", 5) == 0     ? &tolerance->rtol
                             : strncmp(setting, "atol=", 5) == 0     ? &tolerance->atol
                             : strncmp(setting, "atol-max=", 9) == 0 ? &tolerance->atol_max
                                                                     : NULL;
            if (!target)
                wrong_usage("'%s' of the overrides says '%s'", path, setting);
            *target = strtod(value + 1, NULL);
        }
    }
    fclose(file);
}

static void start_test(const Options *options, Test *test)
{
    int ends[2];
    fflush(stdout);
    fflush(stderr);
    test->started_ns = now_ns();
    if (pipe(ends) != 0 || (test->process = fork()) < 0) {
        decide(&test->verdict, OUTCOME_failed, "no process could be started");
        test->process = 0;
        return;
    }
    if (test->process == 0) {
        Tolerance tolerance = tolerance_of(options);
        char *model = join_path(test->folder, "model.onnx");
        close(ends[0]);
        alarm(TEST_SECONDS);
        override(options, test->name, &tolerance);
        Verdict verdict = {0};
        check_sets(options, model, test->folder, &tolerance, &verdict);
        ssize_t written = write(ends[1], &verdict, sizeof verdict);
        _exit(written == sizeof verdict ? 0 : 1);
    }
    close(ends[1]);
    test->pipe = ends[0];
}

static void finish_test(Test *test)
{
    size_t got = 0;
    int status;
    while (got < sizeof test->verdict) {
        ssize_t more = read(test->pipe, (char *)&test->verdict + got, sizeof test->verdict - got);
        if (more <= 0)
            break;
        got += (size_t)more;
    }
    close(test->pipe);
    test->pipe = -1;
    waitpid(test->process, &status, 0);
    if (got == sizeof test->verdict)
        return;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        snprintf(test->verdict.reason, sizeof test->verdict.reason, "ran for more than %d s",
                 TEST_SECONDS);
    else if (WIFSIGNALED(status))
        snprintf(test->verdict.reason, sizeof test->verdict.reason, "crashed: %s",
                 strsignal(WTERMSIG(status)));
    else
        snprintf(test->verdict.reason, sizeof test->verdict.reason,
                 "its process ended with status %d", WEXITSTATUS(status));
    test->verdict.outcome = OUTCOME_failed;
    test->verdict.milliseconds = (now_ns() - test->started_ns) / 1000000;
}

static void run_suite(Suite *suite, const Options *options, int jobs)
{
    int next = 0, done = 0;
    Test *running[MOST_JOBS];
    int running_count = 0;
    while (done < suite->count) {
        while (running_count < jobs && next < suite->count) {
            Test *test = &suite->tests[next++];
            start_test(options, test);
            if (test->process)
                running[running_count++] = test;
            else
                done++;
        }
        struct pollfd polls[MOST_JOBS];
        for (int i = 0; i < running_count; i++)
            polls[i] = (struct pollfd){.fd = running[i]->pipe, .events = POLLIN};
        if (running_count && poll(polls, (nfds_t)running_count, 200) > 0)
            for (int i = running_count - 1; i >= 0; i--)
                if (polls[i].revents) {
                    finish_test(running[i]);
                    running[i] = running[--running_count];
                    done++;
                }
        show_progress("%d of %d tests", done, suite->count);
    }
    clear_progress();
}

static int compare_tests(const void *a, const void *b)
{
    return strcmp(((const Test *)a)->name, ((const Test *)b)->name);
}

static bool write_report(const Suite *suite, const char *path)
{
    json_t *tests = json_array();
    for (int i = 0; i < suite->count; i++) {
        const Test *test = &suite->tests[i];
        json_array_append_new(tests, json_pack("{s:s, s:s, s:s, s:I}", "name", test->name,
                                               "outcome", outcome_names[test->verdict.outcome],
                                               "reason", test->verdict.reason, "milliseconds",
                                               (json_int_t)test->verdict.milliseconds));
    }
    json_t *report = json_pack("{s:i, s:i, s:i, s:o}", "passed", suite->counts[OUTCOME_passed],
                               "failed", suite->counts[OUTCOME_failed], "skipped",
                               suite->counts[OUTCOME_skipped], "tests", tests);
    bool good = report && json_dump_file(report, path, JSON_INDENT(1)) == 0;
    json_decref(report);
    if (!good)
        tell(SEVERITY_ERROR, NULL, "the report '%s' could not be written", path);
    return good;
}

static int check_suite(const Options *options, const char *folder)
{
    Suite suite = {0};
    int64_t jobs = option_integer(options, OPTION_jobs, thread_processors());
    const char *report = option_text(options, OPTION_report, NULL);
    if (jobs < 1 || jobs > MOST_JOBS)
        wrong_usage("option '--jobs' needs a number from 1 to %d", MOST_JOBS);
    if (!is_folder(folder)) {
        tell(SEVERITY_ERROR, NULL, "there is no folder '%s'", folder);
        return EXIT_WRONG_MODEL;
    }
    find_tests(&suite, options, folder, "");
    qsort(suite.tests, (size_t)suite.count, sizeof *suite.tests, compare_tests);
    run_suite(&suite, options, (int)jobs);
    for (int i = 0; i < suite.count; i++) {
        const Test *test = &suite.tests[i];
        Outcome outcome = test->verdict.outcome;
        suite.counts[outcome]++;
        if (outcome != OUTCOME_passed)
            printf("%s %s: %s\n", outcome == OUTCOME_failed ? "FAILED" : "skipped", test->name,
                   test->verdict.reason);
    }
    bool good = suite.counts[OUTCOME_failed] == 0 && suite.count > 0;
    if (suite.count == 0)
        tell(SEVERITY_ERROR, NULL, "no tests beneath '%s'", folder);
    if (report)
        good = write_report(&suite, report) && good;
    printf("%d passed, %d failed, %d skipped\n", suite.counts[OUTCOME_passed],
           suite.counts[OUTCOME_failed], suite.counts[OUTCOME_skipped]);
    for (int i = 0; i < suite.count; i++) {
        free(suite.tests[i].name);
        free(suite.tests[i].folder);
    }
    free(suite.tests);
    return good ? EXIT_GOOD : EXIT_WRONG_MODEL;
}

/* ---- The command ------------------------------------------------------------------------- */

static bool check_model(Session *session)
{
    bool dynamic = option_given(session->options, OPTION_dynamic);
    session->prefix = dynamic ? "make-dynamic{ones = 1}" : NULL;
    if (!session_build(session, session->options->arguments[0]))
        return false;
    printf("passed: imported, verified and compiled; not run (--data DIR, or 'tenon run')\n");
    return true;
}

static int check_data(const Options *options, const char *path, const char *data)
{
    if (!is_folder(data)) {
        tell(SEVERITY_ERROR, NULL, "there is no folder '%s'", data);
        return EXIT_WRONG_MODEL;
    }
    Verdict verdict = {0};
    Tolerance tolerance = tolerance_of(options);
    check_sets(options, path, data, &tolerance, &verdict);
    if (verdict.outcome == OUTCOME_failed)
        tell(SEVERITY_ERROR, path, "%s", verdict.reason);
    printf("%s%s%s\n", outcome_names[verdict.outcome],
           verdict.outcome == OUTCOME_skipped ? ": " : "",
           verdict.outcome == OUTCOME_skipped ? verdict.reason : "");
    return verdict.outcome == OUTCOME_failed ? EXIT_WRONG_MODEL : EXIT_GOOD;
}

int command_check(const Options *options)
{
    const char *suite = option_text(options, OPTION_suite, NULL);
    const char *data = option_text(options, OPTION_data, NULL);
    if (suite && options->argument_count == 0)
        return check_suite(options, suite);
    if (suite || options->argument_count != 1)
        wrong_usage("'check' needs one model, or --suite DIR");
    return data ? check_data(options, options->arguments[0], data)
                : session_run(options, 1, check_model);
}
