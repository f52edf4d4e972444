/* SPDX-License-Identifier: Apache-2.0
 *
 * The CPU backend: schedules for nests, LLVM for machine code.
 */
#include "codegen/backend.h"

#include "codegen/function_key.h"
#include "codegen/schedule.h"
#include "ir/support/budget.h"
#include "jit.h"

static TnStatus compile(const Target *target, const Parallel *parallel, Arena *arena,
                        Phase *const *phases, int count, void **module, Diagnostics *diagnostics)
{
    const Function **functions = ARENA_ARRAY(arena, const Function *, count + 1);
    KernelFunction **addresses = ARENA_ARRAY(arena, KernelFunction *, count + 1);
    int *chosen = ARENA_ARRAY(arena, int, count + 1);
    *module = NULL;
    if (count == 0)
        return TN_OK;
    int unique = functions_share(arena, phases, count, functions, chosen);
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

const Backend backend_llvm = {"llvm",  true, target_has_operation, schedule_phases, compile,
                              destroy, true};
