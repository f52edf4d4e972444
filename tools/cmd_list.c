/* SPDX-License-Identifier: Apache-2.0
 *
 * tenon ops and tenon passes: what the tables say. docs/operators.md and docs/passes.md are these
 * listings.
 */
#include "ir/ops/op.h"
#include "messages.h"
#include "options.h"
#include "passes/pipeline.h"

#include <jansson.h>
#include <string.h>
#include <strings.h>

static const char *meaning(const OpDef *op)
{
    return op->lower                       ? "kernel"
           : op->decompose || op->function ? "other operators"
           : op->host                      ? "host function"
           : op->control != CONTROL_none   ? "control flow"
                                           : "view";
}

static bool is_asked(const Options *options, const char *name)
{
    for (int i = 0; i < options->argument_count; i++)
        if (strcasecmp(options->arguments[i], name) == 0)
            return true;
    return options->argument_count == 0;
}

/* A name that the table does not have is an error: says so and answers true. */
static bool unknown_name(const Options *options, bool (*is_known)(const char *), const char *what)
{
    bool unknown = false;
    for (int i = 0; i < options->argument_count; i++)
        if (!is_known(options->arguments[i])) {
            tell(SEVERITY_ERROR, NULL, "there is no %s '%s'", what, options->arguments[i]);
            unknown = true;
        }
    return unknown;
}

static bool is_operator(const char *name)
{
    for (int i = 0; i < op_count; i++)
        if (strcasecmp(op_table[i]->name, name) == 0)
            return true;
    return false;
}

static json_t *operands_json(const OperandDef *defs, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{s:s, s:b, s:b}", "name", defs[i].name, "optional",
                                              defs[i].optional, "variadic", defs[i].variadic));
    return list;
}

static json_t *operator_json(const OpDef *op)
{
    json_t *attributes = json_array();
    for (int i = 0; i < op->attribute_count; i++)
        json_array_append_new(attributes,
                              json_pack("{s:s, s:s, s:b}", "name", op->attributes[i].name, "doc",
                                        op->attributes[i].doc ? op->attributes[i].doc : "",
                                        "required", op->attributes[i].required));
    return json_pack("{s:s, s:s, s:i, s:i, s:s, s:s, s:o, s:o, s:o}", "name", op->name, "domain",
                     op->domain, "since", op->since, "first", op->first, "meaning", meaning(op),
                     "summary", op->summary, "operands",
                     operands_json(op->operands, op->operand_count), "results",
                     operands_json(op->results, op->result_count), "attributes", attributes);
}

static void print_operands(const char *title, const OperandDef *defs, int count)
{
    for (int i = 0; i < count; i++)
        printf("    %-9s %s%s%s\n", i ? "" : title, defs[i].name,
               defs[i].optional ? " (optional)" : "", defs[i].variadic ? " (any number)" : "");
}

static void print_operator(const OpDef *op, bool in_full)
{
    char name[80];
    snprintf(name, sizeof name, "%s%s%s", op->domain, op->domain[0] ? "." : "", op->name);
    printf("%-33s %3d-%-3d %-15s %s\n", name, op->first, op->since, meaning(op), op->summary);
    if (!in_full)
        return;
    print_operands("operands", op->operands, op->operand_count);
    print_operands("results", op->results, op->result_count);
    for (int i = 0; i < op->attribute_count; i++)
        printf("    %-9s %s%s: %s\n", i ? "" : "attributes", op->attributes[i].name,
               op->attributes[i].required ? " (required)" : "",
               op->attributes[i].doc ? op->attributes[i].doc : "");
}

int command_ops(const Options *options)
{
    if (unknown_name(options, is_operator, "operator"))
        return EXIT_WRONG_MODEL;
    json_t *list = json_array();
    bool as_json = option_given(options, OPTION_json);
    for (int i = 0; i < op_count; i++) {
        if (!is_asked(options, op_table[i]->name))
            continue;
        if (as_json)
            json_array_append_new(list, operator_json(op_table[i]));
        else
            print_operator(op_table[i], options->argument_count > 0);
    }
    if (as_json)
        return print_listing(json_pack("{s:o}", "operators", list));
    json_decref(list);
    return EXIT_GOOD;
}

static bool is_pass(const char *name)
{
    return pass_find(name, strlen(name)) || pipeline_find(name);
}

int command_passes(const Options *options)
{
    if (unknown_name(options, is_pass, "pass"))
        return EXIT_WRONG_MODEL;
    bool as_json = option_given(options, OPTION_json);
    json_t *passes = json_array(), *pipelines = json_object();
    for (int i = 0; i < pass_table_count; i++) {
        const PassDef *pass = &pass_table[i];
        if (!is_asked(options, pass->name))
            continue;
        json_t *pass_options = json_object();
        if (!as_json)
            printf("%-24s %s\n", pass->name, pass->summary);
        for (int o = 0; o < pass_option_table_count; o++) {
            const OptionDef *option = &pass_option_table[o];
            if (strcmp(option->pass, pass->name) != 0)
                continue;
            json_object_set_new(pass_options, option->name,
                                json_pack("{s:I, s:s}", "default",
                                          (json_int_t)option->default_value, "doc", option->doc));
            if (!as_json)
                printf("    %s = %lld: %s\n", option->name, (long long)option->default_value,
                       option->doc);
        }
        json_array_append_new(passes, json_pack("{s:s, s:s, s:o}", "name", pass->name, "summary",
                                                pass->summary, "options", pass_options));
    }
    for (int i = 0; i < pipeline_count; i++) {
        if (!is_asked(options, pipeline_table[i].name))
            continue;
        json_object_set_new(pipelines, pipeline_table[i].name, json_string(pipeline_table[i].text));
        if (!as_json)
            printf("@%-23s %s\n", pipeline_table[i].name, pipeline_table[i].text);
    }
    json_t *all = json_pack("{s:o, s:o}", "passes", passes, "pipelines", pipelines);
    if (as_json)
        return print_listing(all);
    json_decref(all);
    return EXIT_GOOD;
}
