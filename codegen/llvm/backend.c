/* SPDX-License-Identifier: Apache-2.0
 *
 * The CPU backend: schedules for nests, LLVM for machine code.
 */
#include "codegen/backend.h"

#include "codegen/schedule.h"
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

static TnStatus compile(const Target *target, Arena *arena, Phase *const *phases, int count,
                        void **module, Diagnostics *diagnostics)
{
    const Function **functions = ARENA_ARRAY(arena, const Function *, count + 1);
    KernelFunction **addresses = ARENA_ARRAY(arena, KernelFunction *, count + 1);
    *module = NULL;
    if (count == 0)
        return TN_OK;
    for (int i = 0; i < count; i++) {
        Function *function = phases[i]->function;
        function->name = arena_format(arena, "%s.%d", function->name, i);
        functions[i] = function;
    }
    *module =
        jit_compile(target, phases[0]->kernel->pool, functions, count, addresses, diagnostics);
    if (!*module)
        return TN_INTERNAL;
    for (int i = 0; i < count; i++)
        phases[i]->code = addresses[i];
    return TN_OK;
}

static void destroy(void *module)
{
    jit_destroy(module);
}

const Backend backend_llvm = {"llvm", target_has_operation, schedule, compile, destroy};
