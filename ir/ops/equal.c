/* SPDX-License-Identifier: Apache-2.0
 *
 * Equal: numbers and bools by an expression, strings by a host function.
 */
#include "ir/ops/formula.h"
#include "ir/support/array.h"

#define TYPES_COMPARED (TYPES_NUMBER | TYPES_BOOL | TYPES_STRING)

static const OperandDef operands[] = {
    {.name = "A", .types = TYPES_COMPARED, .group = 'T'},
    {.name = "B", .types = TYPES_COMPARED, .group = 'T'},
};
static const OperandDef results[] = {{.name = "C", .types = TYPES_BOOL}};

static const Expr *index_equal(ExprPool *pool, const Expr *a, const Expr *b)
{
    return expr_select(pool, expr_compare(pool, EXPR_equal, a, b), expr_integer(pool, 1),
                       expr_integer(pool, 0));
}

static bool infer(InferContext *context, Node *node)
{
    return infer_formula(context, node, index_equal);
}

static const Expr *formula(const Formula *f)
{
    return COMPARE(equal, X, Y);
}

static void lower(Lowering *l)
{
    lower_formula(l, formula);
}

const OpDef op_equal = {
    .name = "Equal",
    .domain = "",
    .summary = "x = y",
    .since = 19,
    .first = 1,
    .traits = TRAIT_elementwise | TRAIT_commutative,
    OPERANDS(operands),
    RESULTS(results),
    .infer = infer,
    .lower = lower,
    .host = "string_equal",
};
