/* SPDX-License-Identifier: Apache-2.0
 *
 * Which operator set a model needs: the lowest that has a form of each node that means the same
 * (export_form.c). A form that an older set has may be gone from a newer one, so the search goes up
 * until a whole walk over the nodes finds no misfit.
 */
#include "frontend/exporter.h"
#include "frontend/import.h"

enum {
    OLDEST_IR_VERSION = 4, /* before, initializers had to be inputs, too */
};

/* The writers put an Identity before an output that no node of the graph makes: as if it were a
 * node of the graph. */
static const char *identity_misfit(Arena *arena, const Graph *graph, int output, int64_t opset)
{
    Value *value = graph_output(graph, output);
    Use use = {.value = value};
    Value *results[] = {value};
    Node node = {.op = &op_identity,
                 .operand_count = 1,
                 .result_count = 1,
                 .operands = &use,
                 .results = results};
    return value->kind == VALUE_result ? NULL : export_misfit(arena, &node, opset);
}

/* The lowest opset from `opset` on that has forms of all nodes, as far as one walk tells. */
static int64_t raise_opset(Arena *arena, const Graph *graph, int64_t opset, bool older_forms)
{
    FOR_EACH_NODE (node, graph) {
        while (opset < NEWEST_OPSET && (export_misfit(arena, node, opset) ||
                                        (!older_forms && export_changes_form(node, opset))))
            opset++;
        for (int i = 0; i < node->region_count; i++)
            opset = raise_opset(arena, node->regions[i], opset, older_forms);
    }
    for (int i = 0; i < graph->output_count; i++)
        while (opset < NEWEST_OPSET && identity_misfit(arena, graph, i, opset))
            opset++;
    return opset;
}

static void report_misfits(Arena *arena, const Graph *graph, int64_t opset,
                           Diagnostics *diagnostics)
{
    FOR_EACH_NODE (node, graph) {
        const char *misfit = export_misfit(arena, node, opset);
        int64_t lowest = opset;
        while (lowest < NEWEST_OPSET && export_misfit(arena, node, lowest))
            lowest++;
        if (misfit && lowest > opset)
            unsupported_at(diagnostics, node_location(node),
                           "%s in opset %lld: %s; opset %lld has it", node->op->name,
                           (long long)opset, misfit, (long long)lowest);
        else if (misfit)
            unsupported_at(diagnostics, node_location(node), "%s in opset %lld: %s", node->op->name,
                           (long long)opset, misfit);
        for (int i = 0; i < node->region_count; i++)
            report_misfits(arena, node->regions[i], opset, diagnostics);
    }
    for (int i = 0; i < graph->output_count; i++) {
        const char *misfit = identity_misfit(arena, graph, i, opset);
        if (misfit)
            unsupported_at(diagnostics, (Location){0},
                           "output '%s' in opset %lld: it needs an Identity: %s",
                           graph->output_names[i], (long long)opset, misfit);
    }
}

int64_t export_opset(const Model *model, const ExportOptions *options, Diagnostics *diagnostics)
{
    Arena *arena = diagnostics->arena;
    int64_t errors = diagnostics->error_count, wanted = options->opset;
    if (wanted && (wanted < OLDEST_WRITTEN_OPSET || wanted > NEWEST_OPSET)) {
        unsupported_at(diagnostics, (Location){0}, "writing opset %lld; %d to %d are",
                       (long long)wanted, OLDEST_WRITTEN_OPSET, NEWEST_OPSET);
        return 0;
    }
    if (wanted)
        report_misfits(arena, model->graph, wanted, diagnostics);
    if (diagnostics->error_count > errors)
        return 0;
    int64_t opset = wanted                 ? wanted
                    : options->older_forms ? OLDEST_WRITTEN_OPSET
                                           : OLDEST_DUMPED_OPSET;
    for (int64_t before = 0; before != opset && !wanted;) {
        before = opset;
        opset = raise_opset(arena, model->graph, opset, options->older_forms);
    }
    return opset;
}

int64_t export_ir_version(int64_t opset, bool has_functions)
{
    static const struct {
        int64_t opset, ir_version;
    } releases[] = {{28, 14},
                    {25, 13},
                    {24, 12},
                    {23, 11},
                    {21, 10},
                    {19, 9},
                    {15, 8},
                    {12, 7},
                    {11, 6},
                    {10, 5},
                    {0, OLDEST_IR_VERSION}};
    size_t i = 0;
    while (opset < releases[i].opset)
        i++;
    return has_functions && releases[i].ir_version < 8 ? 8 : releases[i].ir_version;
}
