/* SPDX-License-Identifier: Apache-2.0
 *
 * The CPU backend: schedules for nests, LLVM for machine code.
 */
#include "codegen/backend.h"

#include "codegen/math.h"
#include "codegen/schedule.h"
#include "jit.h"

static bool has_operation(const Target *target, ExprKind kind, TnElementType type)
{
    if (type != TN_FLOAT && type != TN_DOUBLE)
        return true;
    switch (kind) {
    case EXPR_exp:
    case EXPR_log:
    case EXPR_log1p:
    case EXPR_expm1:
    case EXPR_sin:
    case EXPR_cos:
    case EXPR_tan:
    case EXPR_asin:
    case EXPR_acos:
    case EXPR_atan:
    case EXPR_sinh:
    case EXPR_cosh:
    case EXPR_tanh:
    case EXPR_asinh:
    case EXPR_acosh:
    case EXPR_atanh:
    case EXPR_erf:
    case EXPR_power:
    case EXPR_atan2: return false;
    case EXPR_fma: return target->has_fma;
    case EXPR_scale2: return type == TN_FLOAT && target->vector_bytes == 64;
    default: return true;
    }
}

static bool target_has_operation(ExprKind kind, TnElementType type, const void *target)
{
    return has_operation(target, kind, type);
}

static void lower_math(const Target *target, ExprPool *pool, Nest *nest)
{
    for (; nest; nest = nest->next) {
        if (nest->value)
            nest->value = math_lower(pool, nest->value, target_has_operation, target);
        if (nest->condition)
            nest->condition = math_lower(pool, nest->condition, target_has_operation, target);
        lower_math(target, pool, nest->body);
        lower_math(target, pool, nest->otherwise);
    }
}

static Phase *schedule(const Target *target, Arena *arena, const Kernel *kernel, int *phase_count,
                       Diagnostics *diagnostics)
{
    (void)diagnostics;
    FunctionList functions = {0};
    schedule_kernel(target, arena, kernel, &functions);
    Phase *phases = ARENA_ARRAY(arena, Phase, functions.count + 1);
    for (int64_t i = 0; i < functions.count; i++) {
        lower_math(target, kernel->pool, functions.items[i]->nest);
        phases[i] = (Phase){.kernel = kernel, .function = functions.items[i]};
    }
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

const Backend backend_llvm = {"llvm", has_operation, schedule, compile, destroy};
