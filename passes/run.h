/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a pipeline over a model. The driver never prints: what it has to say goes to callbacks
 * and into a report.
 */
#ifndef PASSES_RUN_H
#define PASSES_RUN_H

#include "passes/pipeline.h"

/* A value that an input is bound to (specialize-inputs). */
typedef struct InputValue {
    const char *name;
    const Constant *constant;
} InputValue;

typedef struct RunOptions {
    const char *pipeline; /* text; NULL: "@default" */
    bool verify_each;     /* the model after each pass; and that "unchanged" is the truth */
    bool roundtrip_each;  /* model -> text -> model -> text gives the same text */
    const char *print_before, *print_after; /* a pass, "all", "change" (after alone); or NULL */
    const char *stop_after;                 /* a pass; or NULL */
    int64_t bisect;                         /* run only that many changes; -1: all */
    bool explain;
    bool reproduce; /* on failure, make the report's reproducer */
    /* Receives what print_before and print_after ask for; of large tensors only the beginning. */
    void (*dump)(void *user, const char *pass, bool before, const char *text);
    void *dump_user;
    const InputValue *inputs;
    int input_count;
} RunOptions;

RunOptions run_options_default(void);

typedef struct RuleCount {
    const char *rule;
    int64_t count;
} RuleCount;

/* One pass, all its runs together; in order of first run. */
typedef struct PassStatistics {
    const PassDef *def;
    int64_t runs, changes, nanoseconds;
    int rule_count, rule_capacity;
    RuleCount *rules;
} PassStatistics;

typedef struct RunReport {
    Arena *arena;
    PassStatistics *passes;
    int64_t pass_count, pass_capacity;
    Explanation *explanations;
    int64_t explanation_count, explanation_capacity;
    int64_t changes;         /* in all: the number that bisection searches */
    const char *last_change; /* "canonicalize: transpose_of_transpose", the last one made */
    const char *failed_pass; /* NULL if all went well */
    const char *reproducer;  /* a test file that fails as this run did; or NULL */
    /* Graph inputs that inference wants to know the values of. */
    Value **needed;
    int64_t needed_count;
} RunReport;

/* Runs the pipeline. The report lives in the model's arena. `scratch` is left as it was found. */
TnStatus passes_run(Model *model, const RunOptions *options, Arena *scratch, RunReport *report);

/* "canonicalize        12 changes   0.4 ms" and the rules below it. */
void report_print_statistics(const RunReport *report, bool times, Text *text);
void report_print_explanations(const RunReport *report, Text *text);
void report_print_explanations_json(const RunReport *report, Text *text);

/* The values that inputs are bound to. */
const Constant *run_input_value(const Pass *pass, const char *name);

#endif
