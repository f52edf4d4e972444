/* SPDX-License-Identifier: Apache-2.0
 *
 * What an operation costs, roughly.
 */
#include "ir/expr/expr.h"

static const unsigned char costs[EXPR_KIND_COUNT] = {
    [EXPR_convert] = 1,
#define UNARY(name, cost, floats, integers)  [EXPR_##name] = cost,
#define BINARY(name, cost, floats, integers) [EXPR_##name] = cost,
#define COMPARE(name, meaning)               [EXPR_##name] = 1,
#include "expr.def"
    [EXPR_fma] = 1,        [EXPR_select] = 1,     [EXPR_dot4] = 1,
    [EXPR_across_sum] = 1, [EXPR_across_max] = 1, [EXPR_across_min] = 1,
};

int expr_kind_cost(ExprKind kind)
{
    return costs[kind];
}
