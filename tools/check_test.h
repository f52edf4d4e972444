/* SPDX-License-Identifier: Apache-2.0
 *
 * One test: a model, and folders with inputs and what the outputs should be.
 */
#ifndef TOOLS_CHECK_TEST_H
#define TOOLS_CHECK_TEST_H

#include "compare.h"
#include "options.h"

typedef enum Outcome { OUTCOME_passed, OUTCOME_failed, OUTCOME_skipped } Outcome;

/* Plain bytes: a test's process tells its parent. */
typedef struct Verdict {
    Outcome outcome;
    int64_t milliseconds;
    char reason[1000];
} Verdict;

void verdict_set(Verdict *verdict, Outcome outcome, const char *reason);

/* Checks all folders test_data_set_* beneath `folder`, or the folder itself if it has none, up to
 * the first that does not pass. Prints nothing. */
void check_test(const Options *options, const char *model, const char *folder,
                const Tolerance *tolerance, Verdict *verdict);

#endif
