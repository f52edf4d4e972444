/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of passes, and what a pass asks of its driver.
 */
#include "passes/pass.h"
#include "ir/support/array.h"
#include "passes/state.h"

#include <assert.h>
#include <string.h>

const PassDef pass_table[] = {
#define PASS(function, name, scope, summary) {name, SCOPE_##scope, summary, pass_##function},
#define OPTION(pass, name, default_value, doc)
#include "passes/passes.def"
};
const int pass_table_count = (int)COUNT_OF(pass_table);

const OptionDef pass_option_table[] = {
#define PASS(function, name, scope, summary)
#define OPTION(pass, name, default_value, doc) {pass, name, default_value, doc},
#include "passes/passes.def"
};
const int pass_option_table_count = (int)COUNT_OF(pass_option_table);

const PassDef *pass_find(const char *name, size_t length)
{
    for (int i = 0; i < pass_table_count; i++)
        if (strlen(pass_table[i].name) == length && !memcmp(pass_table[i].name, name, length))
            return &pass_table[i];
    return NULL;
}

bool pass_allows(const Pass *pass)
{
    int64_t most = pass->run->options->bisect;
    return most < 0 || pass->run->report->changes < most;
}

void pass_count(Pass *pass, const char *rule)
{
    RunReport *report = pass->run->report;
    PassStatistics *statistics = pass->run->statistics;
    pass->changes++;
    report->changes++;
    statistics->changes++;
    if (pass->run->options->bisect >= 0)
        report->last_change = arena_format(report->arena, "%s: %s", pass->def->name, rule);
    for (int i = 0; i < statistics->rule_count; i++) {
        if (!strcmp(statistics->rules[i].rule, rule)) {
            statistics->rules[i].count++;
            return;
        }
    }
    if (statistics->rule_count == statistics->rule_capacity) {
        int64_t capacity = statistics->rule_capacity;
        statistics->rules = array_grow(report->arena, statistics->rules, statistics->rule_count,
                                       &capacity, sizeof *statistics->rules);
        statistics->rule_capacity = (int)capacity;
    }
    statistics->rules[statistics->rule_count++] = (RuleCount){rule, 1};
}

bool pass_infer_again(Pass *pass, Node *node, bool *changed)
{
    const Type **types = ARENA_ARRAY(pass->scratch, const Type *, node->result_count + 1);
    for (int i = 0; i < node->result_count; i++)
        types[i] = result(node, i)->type;
    if (!node_infer(pass->infer, node))
        return false;
    for (int i = 0; i < node->result_count; i++)
        *changed |= !type_equal(types[i], result(node, i)->type);
    return true;
}

PassResult pass_result(const Pass *pass, int64_t before)
{
    return pass->changes == before ? PASS_UNCHANGED : PASS_CHANGED;
}

int64_t pass_option(const Pass *pass, const char *name)
{
    for (const PassOption *option = pass->options; option; option = option->next)
        if (!strcmp(option->name, name))
            return option->value;
    for (int i = 0; i < pass_option_table_count; i++) {
        const OptionDef *def = &pass_option_table[i];
        if (!strcmp(def->pass, pass->def->name) && !strcmp(def->name, name))
            return def->default_value;
    }
    assert(!"an option that passes.def does not list");
    return 0;
}

const Constant *run_input_value(const Pass *pass, const char *name)
{
    const RunOptions *options = pass->run->options;
    for (int i = 0; i < options->input_count; i++)
        if (!strcmp(options->inputs[i].name, name))
            return options->inputs[i].constant;
    return NULL;
}

bool pass_explains(const Pass *pass)
{
    return pass->run->options->explain;
}

void pass_explain(Pass *pass, const char *subject, bool done, const char *reason, int figure_count,
                  const Figure *figures)
{
    if (!pass_explains(pass))
        return;
    RunReport *report = pass->run->report;
    if (report->explanation_count == report->explanation_capacity)
        report->explanations =
            array_grow(report->arena, report->explanations, report->explanation_count,
                       &report->explanation_capacity, sizeof *report->explanations);
    Explanation *e = &report->explanations[report->explanation_count++];
    *e = (Explanation){
        .pass = pass->def->name,
        .subject = arena_string(report->arena, subject, strlen(subject)),
        .done = done,
        .reason = arena_string(report->arena, reason, strlen(reason)),
        .figure_count = figure_count < FIGURES_MAX ? figure_count : FIGURES_MAX,
    };
    for (int i = 0; i < e->figure_count; i++)
        e->figures[i] = figures[i];
}
