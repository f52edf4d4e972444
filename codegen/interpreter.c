/* SPDX-License-Identifier: Apache-2.0
 *
 * The interpreter as a backend: every compute of a kernel is a phase of its own, so that threads
 * share its outermost axis.
 */
#include "codegen/backend.h"

static bool has_operation(const Target *target, ExprKind kind, TnElementType type)
{
    (void)target, (void)kind, (void)type;
    return true;
}

static void add_cost(void *user, const Expr *e)
{
    *(double *)user += expr_kind_cost(e->kind);
}

/* A cycle for each element, and what its operations cost. */
static double step_cost(ExprPool *pool, const Compute *compute, const Axis *parallel)
{
    double cost = 1;
    expr_walk(pool, compute->body, add_cost, &cost);
    for (int i = 0; i < compute->axis_count; i++)
        if (compute->axes[i] != parallel)
            cost *= expr_estimate(pool, compute->axes[i]->extent);
    for (int i = 0; i < compute->reduce_count; i++)
        cost *= expr_estimate(pool, compute->reduce_axes[i]->extent);
    return cost;
}

static Phase *schedule(const Target *target, Arena *arena, const Kernel *kernel, int *phase_count,
                       Diagnostics *diagnostics)
{
    (void)target, (void)diagnostics;
    Phase *phases = ARENA_ARRAY(arena, Phase, kernel->compute_count + 1);
    for (int i = 0; i < kernel->compute_count; i++) {
        const Kernel *single = kernel_single(kernel, i);
        phases[i].kernel = single;
        phases[i].evaluator = evaluator_create(arena, single);
        phases[i].cost =
            step_cost(kernel->pool, kernel->computes[i], evaluator_parallel(phases[i].evaluator));
    }
    *phase_count = kernel->compute_count;
    return phases;
}

static TnStatus compile(const Target *target, const Parallel *parallel, Arena *arena,
                        Phase *const *phases, int count, void **module, Diagnostics *diagnostics)
{
    (void)target, (void)parallel, (void)arena, (void)phases, (void)count, (void)diagnostics;
    *module = NULL;
    return TN_OK;
}

static void destroy(void *module)
{
    (void)module;
}

const Backend backend_interpreter = {"interpreter", false,   has_operation, schedule,
                                     compile,       destroy, true};
