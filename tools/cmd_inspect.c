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
        printf(", made by %s %s", model->producer_name,
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

static bool inspect(Session *session)
{
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
