/* SPDX-License-Identifier: Apache-2.0
 *
 * Formulas: element-wise operators said as one expression over the operands' elements.
 *
 * The macros read X, Y, Z: the operands' elements, values of their compute types; K(number): a
 * constant of the type that the formula computes in, which is X's. They need a Formula *f in scope.
 */
#ifndef IR_OPS_FORMULA_H
#define IR_OPS_FORMULA_H

#include "ir/ops/elements.h"

typedef struct Formula {
    ExprPool *pool;
    TnElementType type;     /* computed in: the compute type of operand 0 */
    TnElementType result;   /* the compute type of the result */
    const void *attributes; /* of the node */
    const Expr *src[4];     /* NULL: an operand that is absent */
} Formula;

typedef const Expr *FormulaFunction(const Formula *f);

/* Broadcast of all operands (at most 4 in formulas). The result's element type is the only one that
 * its table allows, or that of the first operand of its group. Also sets elements by `on_indices`,
 * which may be NULL. */
bool infer_formula(InferContext *context, Node *node, IndexFunction *on_indices);
void lower_formula(Lowering *l, FormulaFunction *formula);

#define X                       (f->src[0])
#define Y                       (f->src[1])
#define Z                       (f->src[2])
#define K(number)               expr_real(f->pool, f->type, (number))
#define CALL(kind, a)           expr_unary(f->pool, EXPR_##kind, (a))
#define BINARY(kind, a, b)      expr_binary(f->pool, EXPR_##kind, (a), (b))
#define ADD(a, b)               BINARY(add, a, b)
#define SUBTRACT(a, b)          BINARY(subtract, a, b)
#define MULTIPLY(a, b)          BINARY(multiply, a, b)
#define DIVIDE(a, b)            BINARY(divide, a, b)
#define MAXIMUM(a, b)           BINARY(maximum, a, b)
#define MINIMUM(a, b)           BINARY(minimum, a, b)
#define COMPARE(kind, a, b)     expr_compare(f->pool, EXPR_##kind, (a), (b))
#define LESS(a, b)              COMPARE(less, a, b)
#define SELECT(condition, a, b) expr_select(f->pool, (condition), (a), (b))

static inline const Expr *sigmoid(const Formula *f, const Expr *x)
{
    return DIVIDE(K(1), ADD(K(1), CALL(exp, CALL(negate, x))));
}

/* log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)), which cannot overflow. */
static inline const Expr *softplus(const Formula *f, const Expr *x)
{
    return ADD(MAXIMUM(x, K(0)), CALL(log1p, CALL(exp, CALL(negate, CALL(absolute, x)))));
}

#endif
