/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking at programs.
 */
#include "codegen/api/api.h"

/* ---- Steps ------------------------------------------------------------------------------- */

static int count_steps(const Block *block)
{
    int count = 0;
    for (int64_t i = 0; i < block->step_count; i++) {
        const Step *step = &block->steps[i];
        count++;
        if (step->kind == STEP_if)
            count += count_steps(step->branch.branches[0]) + count_steps(step->branch.branches[1]);
        else if (step->kind == STEP_loop)
            count += count_steps(step->loop.body);
    }
    return count;
}

static void list_block(TnProgram *program, const Block *block, int depth)
{
    for (int64_t i = 0; i < block->step_count; i++) {
        const Step *step = &block->steps[i];
        program->steps[program->step_count++] = (StepEntry){step, depth};
        program->kernel_count += step->kind == STEP_phase;
        map_set_pointer(&program->step_numbers, step, (void *)(intptr_t)program->step_count);
        if (step->kind == STEP_if) {
            list_block(program, step->branch.branches[0], depth + 1);
            list_block(program, step->branch.branches[1], depth + 1);
        } else if (step->kind == STEP_loop) {
            list_block(program, step->loop.body, depth + 1);
        }
    }
}

void program_list_steps(TnProgram *program)
{
    const Program *inner = program->program;
    int count = count_steps(&inner->entry) + count_steps(&inner->main);
    program->steps = ARENA_ARRAY(program->arena, StepEntry, count + 1);
    program->step_numbers = map_create(program->arena);
    program->step_count = program->kernel_count = 0;
    list_block(program, &inner->entry, 0);
    list_block(program, &inner->main, 0);
}

TnStatus tn_program_step(const TnProgram *program, int i, TnStep *step)
{
    if (!program || i < 0 || i >= program->step_count || !step)
        return TN_BAD_ARGUMENT;
    const Step *from = program->steps[i].step;
    *step = (TnStep){.name = from->name ? from->name : "",
                     .op_type = from->operator? from->operator: "",
                     .kind = step_kind_name(from),
                     .depth = program->steps[i].depth };
    return TN_OK;
}

/* ---- Facts ------------------------------------------------------------------------------- */

const char *tn_program_arena_formula(const TnProgram *program)
{
    return program ? program->program->arena_formula : NULL;
}

const char *tn_program_report(const TnProgram *program, TnReport report)
{
    for (size_t i = 0; program && i < COUNT_OF(program->reports); i++)
        if ((unsigned)report == 1u << i)
            return program->reports[i];
    return NULL;
}

int tn_program_symbol_count(const TnProgram *program)
{
    return program ? program->program->symbol_count : 0;
}

TnStatus tn_program_symbol(const TnProgram *program, int i, TnSymbol *symbol)
{
    if (!program || i < 0 || i >= program->program->symbol_count || !symbol)
        return TN_BAD_ARGUMENT;
    const SymbolRange *range = &program->program->symbols[i];
    *symbol = (TnSymbol){range->name, range->lower, range->upper};
    return TN_OK;
}

TnStatus tn_program_info(const TnProgram *program, TnProgramInfo *info)
{
    if (!program || !info)
        return TN_BAD_ARGUMENT;
    const Program *inner = program->program;
    TnProgramInfo own = {.size = sizeof own,
                         .step_count = program->step_count,
                         .kernel_count = program->kernel_count,
                         .weight_bytes = inner->weight_bytes,
                         .packed_bytes = inner->packed_bytes,
                         .worker_bytes = inner->worker_scratch,
                         .needs_more_memory = inner->has_tail,
                         .from_cache = program->from_cache,
                         .is_quick = atomic_load(&program->is_quick),
                         .appended_states = inner->appended_count};
    api_give(info, &own, sizeof own);
    return TN_OK;
}
