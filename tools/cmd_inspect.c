/* SPDX-License-Identifier: Apache-2.0
 *
 * tenon inspect: what a model takes and gives, what it is made of, and what it needs to run.
 */
#include "messages.h"
#include "session.h"

#include "ir/graph/constant.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef struct Census {
    const OpDef **ops;
    int64_t *counts;
    int64_t kinds, nodes, constant_bytes;
} Census;

static void take_census(const Graph *graph, Census *census)
{
    for (int i = 0; i < graph->constant_count; i++)
        census->constant_bytes += (int64_t)constant_bytes(graph->constants[i]->constant);
    FOR_EACH_NODE (node, graph) {
        int64_t at = 0;
        while (at < census->kinds && census->ops[at] != node->op)
            at++;
        if (at == census->kinds)
            census->ops[census->kinds++] = node->op;
        census->counts[at]++;
        census->nodes++;
        for (int r = 0; r < node->region_count; r++)
            take_census(node->regions[r], census);
    }
}

static int64_t count_kernels(const Block *block)
{
    int64_t count = 0;
    for (int64_t i = 0; i < block->step_count; i++)
        count += block->steps[i].kind == STEP_phase;
    return count;
}

static json_t *ports_json(int count, const Port *ports)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "name", ports[i].name, "type",
                                              ports[i].type ? ports[i].type : ""));
    return list;
}

static void print_json(const Session *session, const Census *census)
{
    const Model *model = session->model;
    const Program *program = session->program;
    double flops = program_flops(program);
    json_t *operators = json_object();
    for (int64_t i = 0; i < census->kinds; i++)
        json_object_set_new(operators, census->ops[i]->name, json_integer(census->counts[i]));
    json_t *json = json_pack(
        "{s:s, s:s, s:I, s:o, s:o, s:I, s:o, s:I, s:I, s:o, s:s}", "model", session->path,
        "producer", model->producer_name ? model->producer_name : "", "ir_version",
        (json_int_t)model->ir_version, "inputs", ports_json(program->input_count, program->inputs),
        "outputs", ports_json(program->output_count, program->outputs), "nodes",
        (json_int_t)census->nodes, "operators", operators, "constant_bytes",
        (json_int_t)census->constant_bytes, "kernels", (json_int_t)count_kernels(&program->main),
        "flops", flops < 0 ? json_null() : json_integer((json_int_t)flops), "arena",
        program->arena_formula ? program->arena_formula : "");
    print_listing(json);
}

static void print_report(const Session *session, const Census *census)
{
    const Model *model = session->model;
    const Program *program = session->program;
    double flops = program_flops(program);
    printf("%s: IR version %lld", session->path, (long long)model->ir_version);
    if (model->producer_name && *model->producer_name)
        printf(", made by %s%s%s", model->producer_name,
               model->producer_version && *model->producer_version ? " " : "",
               model->producer_version ? model->producer_version : "");
    printf("\n");
    for (int i = 0; i < program->input_count; i++)
        printf("  input   %s: %s\n", program->inputs[i].name, program->inputs[i].type);
    for (int i = 0; i < program->output_count; i++)
        printf("  output  %s: %s\n", program->outputs[i].name, program->outputs[i].type);
    printf("%lld nodes at the newest opset:", (long long)census->nodes);
    for (int64_t i = 0; i < census->kinds; i++)
        printf("%s %s %lld", i ? "," : "", census->ops[i]->name, (long long)census->counts[i]);
    printf("\n%.4g KiB of constants; compiled: %lld kernels, %.4g KiB of packed constants\n",
           (double)census->constant_bytes / 0x1p10, (long long)count_kernels(&program->main),
           (double)program->packed_bytes / 0x1p10);
    if (flops < 0)
        printf("operations: a matter of the open sizes (--dim, --shape)\n");
    else
        printf("operations: %.4g GFLOP\n", flops / 1e9);
    printf("arena: %s bytes%s\n", program->arena_formula ? program->arena_formula : "0",
           program->has_tail ? ", and what data decides" : "");
}

/* ---- Compiled models --------------------------------------------------------------------- */

static json_t *artifact_ports(int count, const TnArtifactPort *ports)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:s}", "name", ports[i].name, "type", ports[i].type));
    return list;
}

/* [{"N": 1}, {"N": 8}] */
static json_t *specialized_json(const Program *program)
{
    json_t *list = json_array();
    for (int32_t i = 0; i < program->special_count; i++) {
        const SpecialProgram *special = &program->specials[i];
        json_t *sizes = json_object();
        for (int32_t k = 0; k < special->count; k++)
            json_object_set_new(sizes, program->symbols[special->sizes[k].target].name,
                                json_integer((json_int_t)special->sizes[k].source.number));
        json_array_append_new(list, sizes);
    }
    return list;
}

static json_t *variants_json(const TnArtifactInfo *model)
{
    json_t *list = json_array();
    for (int i = 0; i < model->variant_count; i++)
        json_array_append_new(list, json_string(model->variants[i].cpu));
    return list;
}

static void print_artifact_json(const Session *session, const TnArtifactInfo *model)
{
    json_t *sizes = json_array();
    for (int i = 0; i < model->size_count; i++)
        json_array_append_new(sizes, json_pack("{s:s, s:I, s:I}", "name", model->sizes[i].name,
                                               "lower", (json_int_t)model->sizes[i].lower, "upper",
                                               (json_int_t)model->sizes[i].upper));
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:i, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:s, s:I, s:b, s:I}",
        "file", session->path, "name", model->name, "generator", model->generator, "abi",
        (int)model->abi, "target", model->triple, "cpu", artifact_variant(session->artifact)->cpu,
        "processors", variants_json(model), "specialized", specialized_json(session->program),
        "inputs", artifact_ports(model->input_count, model->inputs), "outputs",
        artifact_ports(model->output_count, model->outputs), "sizes", sizes, "arena_bytes",
        (json_int_t)model->arena_bytes, "thread_bytes", (json_int_t)model->thread_bytes,
        "arena_formula", model->arena_formula, "weight_bytes", (json_int_t)model->weight_bytes,
        "has_weights", (int)model->has_weights, "kernels",
        (json_int_t)count_kernels(&session->program->main));
    print_listing(json);
}

static void print_artifact(const Session *session, const TnArtifactInfo *model)
{
    printf("%s: '%s', compiled by %s for %s (", session->path, model->name, model->generator,
           model->triple);
    for (int i = 0; i < model->variant_count; i++)
        printf("%s%s", i ? ", " : "", model->variants[i].cpu);
    printf(")\n");
    for (int i = 0; i < model->input_count; i++)
        printf("  input   %s: %s\n", model->inputs[i].name, model->inputs[i].type);
    for (int i = 0; i < model->output_count; i++)
        printf("  output  %s: %s\n", model->outputs[i].name, model->outputs[i].type);
    for (int i = 0; i < model->size_count; i++)
        printf("  size    %s: %lld .. %lld\n", model->sizes[i].name,
               (long long)model->sizes[i].lower, (long long)model->sizes[i].upper);
    for (int32_t i = 0; i < session->program->special_count; i++) {
        const SpecialProgram *special = &session->program->specials[i];
        printf("  fast   ");
        for (int32_t k = 0; k < special->count; k++)
            printf(" %s=%lld", session->program->symbols[special->sizes[k].target].name,
                   (long long)special->sizes[k].source.number);
        printf("\n");
    }
    printf("%lld kernels, %.3f MiB of weights %s\n",
           (long long)count_kernels(&session->program->main), (double)model->weight_bytes / 0x1p20,
           model->has_weights ? "in the file" : model->weights_file);
    printf("arena: %s bytes, and %lld for each thread%s\n", model->arena_formula,
           (long long)model->thread_bytes, model->is_open_ended ? ", and what data decides" : "");
}

static bool inspect_artifact(Session *session)
{
    if (!session_load(session, session->options->arguments[0]))
        return false;
    const TnArtifactInfo *model = artifact_model(session->artifact);
    if (option_given(session->options, OPTION_json))
        print_artifact_json(session, model);
    else
        print_artifact(session, model);
    return true;
}

static bool inspect(Session *session)
{
    if (artifact_is_one(session->options->arguments[0]))
        return inspect_artifact(session);
    Census census = {.ops = ARENA_ARRAY(session->arena, const OpDef *, op_count),
                     .counts = ARENA_ARRAY(session->arena, int64_t, op_count)};
    if (!session_read(session, session->options->arguments[0]) || !session_import(session))
        return false;
    take_census(session->model->graph, &census);
    if (!session_optimize(session, session_pipeline(session)) || !session_compile(session))
        return false;
    if (option_given(session->options, OPTION_json))
        print_json(session, &census);
    else
        print_report(session, &census);
    return true;
}

int command_inspect(const Options *options)
{
    return session_run(options, 1, inspect);
}
