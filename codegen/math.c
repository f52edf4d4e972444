/* SPDX-License-Identifier: Apache-2.0
 *
 * Which operations are rewritten: the table math.def, applied bottom-up over the DAG. What a
 * rewriting brings in is built of operations that are there, so that nothing is visited twice.
 */
#include "math.h"

#include "math_builder.h"

static const Expr *lower_node(void *user, const Expr *e)
{
    Math m = *(const Math *)user;
    if ((e->type != TN_FLOAT && e->type != TN_DOUBLE) ||
        m.has_operation(e->kind, e->type, m.context))
        return e;
    m.type = e->type;
    switch ((int)e->kind) {
        /* clang-format off */
#define MATH_UNARY(name, single, twice, from, to)                                                  \
    case EXPR_##name: return math_##name(&m, e->src[0]);
#define MATH_BINARY(name, single, twice)                                                           \
    case EXPR_##name: return math_##name(&m, e->src[0], e->src[1]);
#include "math.def"
        /* clang-format on */
    case EXPR_fma: {
        Pair product = product_of(&m, e->src[0], e->src[1]);
        Pair sum = sum_of(&m, product.high, e->src[2]);
        return plus(&m, sum.high, plus(&m, sum.low, product.low));
    }
    }
    return e;
}

const Expr *math_lower(ExprPool *pool, const Expr *e,
                       bool (*has_operation)(ExprKind kind, TnElementType type,
                                             const void *context),
                       const void *context)
{
    Math m = {.pool = pool, .has_operation = has_operation, .context = context};
    return expr_rewrite(pool, e, lower_node, &m);
}
