/* SPDX-License-Identifier: Apache-2.0 */
#include "codegen/flops.h"

typedef struct Count {
    int64_t operations;
} Count;

static void count_operation(void *user, const Expr *e)
{
    Count *count = user;
    if (element_kind(e->type) != ELEMENT_KIND_FLOAT)
        return;
    switch (e->kind) {
#define UNARY(name, cost, floats, integers)  case EXPR_##name:
#define BINARY(name, cost, floats, integers) case EXPR_##name:
#define COMPARE(name, meaning)
#include "ir/expr/expr.def"
        count->operations++;
        return;
    case EXPR_fma: count->operations += 2; return;
    default: return;
    }
}

/* How often the body of a compute is evaluated. */
static const Expr *iterations(ExprPool *pool, const Compute *compute)
{
    const Expr *count = expr_integer(pool, 1);
    for (int i = 0; i < compute->axis_count; i++)
        count = expr_times(pool, count, compute->axes[i]->extent);
    for (int i = 0; i < compute->reduce_count; i++)
        count = expr_times(pool, count, compute->reduce_axes[i]->extent);
    return count;
}

const Expr *kernel_flops(const Kernel *kernel)
{
    const Expr *total = expr_integer(kernel->pool, 0);
    for (int i = 0; i < kernel->compute_count; i++) {
        const Compute *compute = kernel->computes[i];
        Count count = {0};
        expr_walk(kernel->pool, compute->body, count_operation, &count);
        bool combines = compute->combine != COMBINE_none &&
                        element_kind(compute->body->type) == ELEMENT_KIND_FLOAT;
        const Expr *times = iterations(kernel->pool, compute);
        total = expr_plus(kernel->pool, total,
                          expr_scale(kernel->pool, times, count.operations + combines));
    }
    return total;
}
