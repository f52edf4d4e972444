/* SPDX-License-Identifier: Apache-2.0
 *
 * tenon check: a model alone (imported, verified and compiled, not run), with data (compared with
 * the expected outputs), or a whole folder of tests.
 */
#include "check_test.h"
#include "folder.h"
#include "messages.h"
#include "session.h"
#include "suite.h"

static bool check_model(Session *session)
{
    session_set_dynamic(session);
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
    check_test(options, path, data, &tolerance, &verdict);
    if (verdict.outcome == OUTCOME_failed)
        tell(SEVERITY_ERROR, path, "%s", verdict.reason);
    if (verdict.outcome == OUTCOME_skipped)
        printf("skipped: %s\n", verdict.reason);
    else
        printf("%s\n", verdict.outcome == OUTCOME_passed ? "passed" : "failed");
    return verdict.outcome == OUTCOME_failed ? EXIT_WRONG_MODEL : EXIT_GOOD;
}

int command_check(const Options *options)
{
    const char *suite = option_text(options, OPTION_suite, NULL);
    const char *data = option_text(options, OPTION_data, NULL);
    only_with(options, OPTION_filter, "--suite", suite);
    only_with(options, OPTION_jobs, "--suite", suite);
    only_with(options, OPTION_report, "--suite", suite);
    only_with(options, OPTION_overrides, "--suite", suite);
    only_with(options, OPTION_rtol, "--suite or --data", suite || data);
    only_with(options, OPTION_atol, "--suite or --data", suite || data);
    only_with(options, OPTION_atol_max, "--suite or --data", suite || data);
    if (suite && options->argument_count == 0 && !data)
        return check_suite(options, suite);
    if (suite || options->argument_count != 1)
        wrong_usage("'check' needs one model, or --suite DIR");
    return data ? check_data(options, options->arguments[0], data)
                : session_run(options, 1, check_model);
}
