/* SPDX-License-Identifier: Apache-2.0
 *
 * The CPU backend: schedules for nests, LLVM for machine code.
 */
#include "codegen/backend.h"

#include "codegen/function_key.h"
#include "codegen/schedule.h"
#include "ir/support/budget.h"
#include "ir/support/hash.h"
#include "jit.h"

static Phase *schedule(const Target *target, Arena *arena, const Kernel *kernel, int *phase_count,
                       Diagnostics *diagnostics)
{
    (void)diagnostics;
    FunctionList functions = {0};
    schedule_kernel(target, arena, kernel, &functions);
    Phase *phases = ARENA_ARRAY(arena, Phase, functions.count + 1);
    for (int64_t i = 0; i < functions.count; i++)
        phases[i] = (Phase){.kernel = kernel, .function = functions.items[i]};
    *phase_count = (int)functions.count;
    return phases;
}

/* Functions that are the same code are compiled once: which of them stands for each phase. */
static int choose_functions(Arena *arena, Phase *const *phases, int count,
                            const Function **functions, int *chosen)
{
    Map by_key = map_create(arena);
    int unique = 0;
    for (int i = 0; i < count; i++) {
        Function *function = phases[i]->function;
        const char *key = function_key(phases[i]->kernel->pool, function);
        chosen[i] = (int)(intptr_t)map_get(&by_key, key) - 1;
        if (chosen[i] >= 0)
            continue;
        function->name = arena_format(arena, "%s.%d", function->name, i);
        map_set(&by_key, key, (void *)(intptr_t)(unique + 1));
        functions[unique] = function;
        chosen[i] = unique++;
    }
    return unique;
}

static TnStatus compile(const Target *target, const Parallel *parallel, Arena *arena,
                        Phase *const *phases, int count, void **module, Diagnostics *diagnostics)
{
    const Function **functions = ARENA_ARRAY(arena, const Function *, count + 1);
    KernelFunction **addresses = ARENA_ARRAY(arena, KernelFunction *, count + 1);
    int *chosen = ARENA_ARRAY(arena, int, count + 1);
    *module = NULL;
    if (count == 0)
        return TN_OK;
    int unique = choose_functions(arena, phases, count, functions, chosen);
    *module = jit_compile(target, parallel, phases[0]->kernel->pool, functions, unique, addresses,
                          diagnostics);
    if (!*module)
        return budget_is_spent(arena_budget(arena)) ? TN_CANCELLED : TN_INTERNAL;
    for (int i = 0; i < count; i++)
        phases[i]->code = addresses[chosen[i]];
    return TN_OK;
}

static void destroy(void *module)
{
    jit_destroy(module);
}

const Backend backend_llvm = {"llvm", true, target_has_operation, schedule, compile, destroy};
