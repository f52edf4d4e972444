/* SPDX-License-Identifier: Apache-2.0
 *
 * Folders of tests. Each test runs in a process of its own, so that a crash or a hang is one
 * failure and not the end.
 */
#include "suite.h"

#include "check_test.h"
#include "folder.h"
#include "messages.h"
#include "session.h"

#include "ir/support/array.h"

#include <fnmatch.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEST_SECONDS = 900 };

static const char *const outcome_names[] = {"passed", "failed", "skipped"};

typedef struct Test {
    char *folder, *name; /* name: the path beneath the suite */
    Tolerance tolerance;
    pid_t process;
    int pipe;
    int64_t started_ns;
    Verdict verdict;
} Test;

/* A line of --overrides. */
typedef struct Override {
    char *pattern;
    Tolerance tolerance; /* below 0: not said */
} Override;

typedef struct Suite {
    const Options *options;
    Test *tests;
    int count, capacity;
    Override *overrides;
    int override_count;
    int counts[3]; /* by outcome */
} Suite;

static void *enlarge(void *items, size_t bytes)
{
    void *larger = realloc(items, bytes);
    if (!larger)
        abort();
    return larger;
}

/* ---- Finding ----------------------------------------------------------------------------- */

static bool is_wanted(const Options *options, const char *name)
{
    const char *filter = option_text(options, OPTION_filter, NULL), *last = strrchr(name, '/');
    return !filter || fnmatch(filter, name, 0) == 0 ||
           fnmatch(filter, last ? last + 1 : name, 0) == 0;
}

static void add_test(Suite *suite, const char *folder, const char *name)
{
    if (suite->count == suite->capacity) {
        suite->capacity = suite->capacity * 2 + 64;
        suite->tests = enlarge(suite->tests, sizeof *suite->tests * (size_t)suite->capacity);
    }
    suite->tests[suite->count++] =
        (Test){.folder = strdup(folder), .name = strdup(name), .pipe = -1};
}

/* All folders that hold a model.onnx; nothing beneath one of them is looked at. */
static void find_tests(Suite *suite, const char *folder, const char *name)
{
    char *model = join_path(folder, "model.onnx");
    bool is_test = is_file(model);
    int count = 0;
    char **names = is_test ? NULL : list_folder(folder, "", &count);
    free(model);
    if (is_test && is_wanted(suite->options, name))
        add_test(suite, folder, name);
    for (int i = 0; i < count; i++) {
        char *path = join_path(folder, names[i]);
        char *beneath = *name ? join_path(name, names[i]) : strdup(names[i]);
        if (is_folder(path))
            find_tests(suite, path, beneath);
        free(beneath);
        free(path);
    }
    free_names(names, count);
}

static int compare_tests(const void *a, const void *b)
{
    return strcmp(((const Test *)a)->name, ((const Test *)b)->name);
}

/* ---- Tolerances -------------------------------------------------------------------------- */

/* "rtol=2e-3" */
static bool read_setting(const char *setting, Tolerance *tolerance)
{
    const struct {
        const char *name;
        double *target;
    } known[] = {{"rtol=", &tolerance->rtol},
                 {"atol=", &tolerance->atol},
                 {"atol-max=", &tolerance->atol_max}};
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        size_t length = strlen(known[i].name);
        char *end;
        if (strncmp(setting, known[i].name, length) != 0)
            continue;
        *known[i].target = strtod(setting + length, &end);
        return setting[length] && !*end && *known[i].target >= 0;
    }
    return false;
}

/* PATTERN <tab> SETTING...; the text is cut up. */
static bool read_override(char *line, Override *read)
{
    char *rest = strchr(line, '\t');
    int count = 0;
    if (!rest)
        return false;
    *rest++ = '\0';
    *read = (Override){.pattern = line, .tolerance = {-1, -1, -1}};
    for (char *setting; (setting = strsep(&rest, " \t"));)
        if (*setting && (count++, !read_setting(setting, &read->tolerance)))
            return false;
    return count > 0;
}

/* The lines of --overrides; `text` must outlive them. */
static bool read_overrides(Suite *suite, const char *path, char *text)
{
    for (int number = 1; text && *text; number++) {
        char *line = strsep(&text, "\n");
        Override override;
        if (!*line || *line == '#')
            continue;
        if (!read_override(line, &override)) {
            tell(SEVERITY_ERROR, path,
                 "line %d: expected NAME <tab> with rtol=R, atol=A or atol-max=F after it", number);
            return false;
        }
        size_t bytes = sizeof override * (size_t)(suite->override_count + 1);
        suite->overrides = enlarge(suite->overrides, bytes);
        suite->overrides[suite->override_count++] = override;
    }
    return true;
}

static void set_tolerances(Suite *suite)
{
    for (int i = 0; i < suite->count; i++) {
        Tolerance *own = &suite->tests[i].tolerance;
        *own = tolerance_of(suite->options);
        for (int k = 0; k < suite->override_count; k++) {
            const Tolerance *said = &suite->overrides[k].tolerance;
            if (fnmatch(suite->overrides[k].pattern, suite->tests[i].name, 0) != 0)
                continue;
            own->rtol = said->rtol >= 0 ? said->rtol : own->rtol;
            own->atol = said->atol >= 0 ? said->atol : own->atol;
            own->atol_max = said->atol_max >= 0 ? said->atol_max : own->atol_max;
        }
    }
}

/* ---- Running ----------------------------------------------------------------------------- */

static void start_test(const Options *options, Test *test)
{
    int ends[2];
    fflush(stdout);
    fflush(stderr);
    test->started_ns = now_ns();
    if (pipe(ends) != 0 || (test->process = fork()) < 0) {
        verdict_set(&test->verdict, OUTCOME_failed, "no process could be started");
        test->process = 0;
        return;
    }
    if (test->process == 0) {
        char *model = join_path(test->folder, "model.onnx");
        close(ends[0]);
        alarm(TEST_SECONDS);
        Verdict verdict = {0};
        check_test(options, model, test->folder, &test->tolerance, &verdict);
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

static void run_tests(Suite *suite, int jobs)
{
    int next = 0, done = 0, running_count = 0;
    Test **running = enlarge(NULL, sizeof *running * (size_t)jobs);
    struct pollfd *polls = enlarge(NULL, sizeof *polls * (size_t)jobs);
    while (done < suite->count) {
        while (running_count < jobs && next < suite->count) {
            Test *test = &suite->tests[next++];
            start_test(suite->options, test);
            if (test->process)
                running[running_count++] = test;
            else
                done++;
        }
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
    free(running);
    free(polls);
}

/* ---- Reports ----------------------------------------------------------------------------- */

static void print_verdicts(Suite *suite)
{
    for (int i = 0; i < suite->count; i++) {
        const Test *test = &suite->tests[i];
        Outcome outcome = test->verdict.outcome;
        suite->counts[outcome]++;
        if (outcome != OUTCOME_passed)
            printf("%s %s: %s\n", outcome == OUTCOME_failed ? "FAILED" : "skipped", test->name,
                   test->verdict.reason);
    }
}

static bool write_report(const Suite *suite, const char *path)
{
    json_t *tests = json_array();
    for (int i = 0; i < suite->count; i++) {
        const Test *test = &suite->tests[i];
        json_array_append_new(tests,
                              json_pack("{s:o, s:s, s:o, s:I}", "name", text_json(test->name),
                                        "outcome", outcome_names[test->verdict.outcome], "reason",
                                        text_json(test->verdict.reason), "milliseconds",
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

static bool run_suite(Suite *suite, const char *folder)
{
    const char *report = option_text(suite->options, OPTION_report, NULL);
    find_tests(suite, folder, "");
    if (suite->count)
        qsort(suite->tests, (size_t)suite->count, sizeof *suite->tests, compare_tests);
    set_tolerances(suite);
    run_tests(suite, (int)option_integer(suite->options, OPTION_jobs, thread_processors()));
    print_verdicts(suite);
    bool good = suite->counts[OUTCOME_failed] == 0 && suite->count > 0;
    if (suite->count == 0)
        tell(SEVERITY_ERROR, NULL, "no tests beneath '%s'", folder);
    if (report)
        good = write_report(suite, report) && good;
    printf("%d passed, %d failed, %d skipped\n", suite->counts[OUTCOME_passed],
           suite->counts[OUTCOME_failed], suite->counts[OUTCOME_skipped]);
    return good;
}

int check_suite(const Options *options, const char *folder)
{
    Suite suite = {.options = options};
    const char *overrides = option_text(options, OPTION_overrides, NULL);
    size_t length;
    if (!is_folder(folder)) {
        tell(SEVERITY_ERROR, NULL, "there is no folder '%s'", folder);
        return EXIT_WRONG_MODEL;
    }
    char *text = overrides ? file_read(overrides, &length) : NULL;
    bool good = (!overrides || (text && read_overrides(&suite, overrides, text))) &&
                run_suite(&suite, folder);
    for (int i = 0; i < suite.count; i++) {
        free(suite.tests[i].name);
        free(suite.tests[i].folder);
    }
    free(suite.tests);
    free(suite.overrides);
    free(text);
    return good ? EXIT_GOOD : EXIT_WRONG_MODEL;
}
