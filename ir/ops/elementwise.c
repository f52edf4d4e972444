/* SPDX-License-Identifier: Apache-2.0
 *
 * Element-wise operators without attributes: definitions made from the rows of elementwise.def.
 */
#include "ir/ops/formula.h"
#include "ir/support/array.h"

/* ---- On indices -------------------------------------------------------------------------- */

static const Expr *index_absolute(ExprPool *pool, const Expr *a, const Expr *b)
{
    (void)b;
    return expr_larger(pool, a, expr_scale(pool, a, -1));
}

static const Expr *index_negate(ExprPool *pool, const Expr *a, const Expr *b)
{
    (void)b;
    return expr_scale(pool, a, -1);
}

static const Expr *index_relu(ExprPool *pool, const Expr *a, const Expr *b)
{
    (void)b;
    return expr_larger(pool, a, expr_integer(pool, 0));
}

/* Whole numbers, rounded. */
static const Expr *index_same(ExprPool *pool, const Expr *a, const Expr *b)
{
    (void)pool;
    (void)b;
    return a;
}

/* Toward zero, while quotients are rounded down: the two differ below zero. */
static const Expr *index_divide(ExprPool *pool, const Expr *a, const Expr *b)
{
    int64_t a_lower, a_upper, b_lower, b_upper, x, y;
    if (expr_known(a, &x) && expr_known(b, &y) && y != 0 && !(y == -1 && x == INT64_MIN))
        return expr_integer(pool, x / y);
    expr_bounds(a, &a_lower, &a_upper);
    expr_bounds(b, &b_lower, &b_upper);
    if (b_lower < 1)
        return NULL;
    const Expr *down = expr_quotient(pool, a, b), *zero = expr_integer(pool, 0);
    if (a_lower >= 0)
        return down;
    if (a_lower > -b_lower) /* N - 1 halved: at worst -1 is, which gives 0 */
        return expr_larger(pool, down, zero);
    const Expr *up = expr_scale(pool, expr_quotient(pool, expr_scale(pool, a, -1), b), -1);
    return expr_select(pool, expr_compare(pool, EXPR_less, a, zero), up, down);
}

/* Of floats, only where nothing is left. */
static const Expr *index_divide_exactly(ExprPool *pool, const Expr *a, const Expr *b)
{
    int64_t divisor;
    if (!expr_known(b, &divisor) || divisor < 1 || !expr_divisible(a, divisor))
        return NULL;
    return expr_quotient(pool, a, b);
}

static IndexFunction *division(const Node *node)
{
    bool is_float = element_kind(operand_type(node, 0)->element) == ELEMENT_KIND_FLOAT;
    return is_float ? index_divide_exactly : index_divide;
}

/* Bools are 0 and 1. */
static const Expr *truth(ExprPool *pool, const Expr *condition)
{
    return expr_select(pool, condition, expr_integer(pool, 1), expr_integer(pool, 0));
}

static const Expr *index_less(ExprPool *pool, const Expr *a, const Expr *b)
{
    return truth(pool, expr_compare(pool, EXPR_less, a, b));
}

static const Expr *index_less_or_equal(ExprPool *pool, const Expr *a, const Expr *b)
{
    return truth(pool, expr_compare(pool, EXPR_less_equal, a, b));
}

static const Expr *index_greater(ExprPool *pool, const Expr *a, const Expr *b)
{
    return index_less(pool, b, a);
}

static const Expr *index_greater_or_equal(ExprPool *pool, const Expr *a, const Expr *b)
{
    return index_less_or_equal(pool, b, a);
}

static const Expr *index_not(ExprPool *pool, const Expr *a, const Expr *b)
{
    (void)b;
    return expr_minus(pool, expr_integer(pool, 1), a);
}

static const Expr *index_and(ExprPool *pool, const Expr *a, const Expr *b)
{
    return expr_smaller(pool, a, b);
}

static const Expr *index_or(ExprPool *pool, const Expr *a, const Expr *b)
{
    return expr_larger(pool, a, b);
}

static const Expr *index_xor(ExprPool *pool, const Expr *a, const Expr *b)
{
    return truth(pool, expr_compare(pool, EXPR_not_equal, a, b));
}

/* ---- Definitions ------------------------------------------------------------------------- */

#define SAME 0
#define RESULT_TYPES(operand_types, result_types)                                                  \
    ((result_types) == SAME ? (operand_types) : (result_types))
#define RESULT_GROUP(result_types) ((result_types) == SAME ? 'T' : 0)

#define DEFINITION(name_, onnx_name, first_, since_, traits_, operand_types, result_types,         \
                   summary_, formula, on_indices)                                                  \
    static const Expr *formula_##name_(const Formula *f)                                           \
    {                                                                                              \
        return formula;                                                                            \
    }                                                                                              \
    static bool infer_##name_(InferContext *context, Node *node)                                   \
    {                                                                                              \
        return infer_formula(context, node, on_indices);                                           \
    }                                                                                              \
    static void lower_##name_(Lowering *l)                                                         \
    {                                                                                              \
        lower_formula(l, formula_##name_);                                                         \
    }                                                                                              \
    static const OperandDef results_##name_[] = {                                                  \
        {.name = "z",                                                                              \
         .types = RESULT_TYPES(operand_types, result_types),                                       \
         .group = RESULT_GROUP(result_types)},                                                     \
    };                                                                                             \
    const OpDef op_##name_ = {                                                                     \
        .name = (onnx_name),                                                                       \
        .domain = "",                                                                              \
        .summary = (summary_),                                                                     \
        .since = (since_),                                                                         \
        .first = (first_),                                                                         \
        .traits = TRAIT_elementwise | (traits_),                                                   \
        OPERANDS(operands_##name_),                                                                \
        RESULTS(results_##name_),                                                                  \
        .infer = infer_##name_,                                                                    \
        .lower = lower_##name_,                                                                    \
    };

#define UNARY_ROW(name_, onnx_name, first_, since_, traits_, types_, ...)                          \
    static const OperandDef operands_##name_[] = {{.name = "x", .types = (types_), .group = 'T'}}; \
    DEFINITION(name_, onnx_name, first_, since_, traits_, types_, __VA_ARGS__)
#define BINARY_ROW(name_, onnx_name, first_, since_, traits_, types_, ...)                         \
    static const OperandDef operands_##name_[] = {                                                 \
        {.name = "x", .types = (types_), .group = 'T'},                                            \
        {.name = "y", .types = (types_), .group = 'T'},                                            \
    };                                                                                             \
    DEFINITION(name_, onnx_name, first_, since_, traits_, types_, __VA_ARGS__)

#include "ir/ops/elementwise.def"
