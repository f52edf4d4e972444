/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of canonicalize: arithmetic that does nothing, and cheaper arithmetic with the same bits.
 */
#include "ir/graph/constant.h"
#include "ir/support/array.h"
#include "passes/rules.h"

#include <math.h>
#include <stdlib.h>

/* x = x */
RULE(identity_away, identity)
{
    return operand(node, 0);
}

static bool same_operator(const Node *a, const Node *b)
{
    return a->op == b->op && a->operand_count == 1 && b->operand_count == 1 &&
           (!a->op->attribute_count || attributes_equal(a->op->attributes, a->op->attribute_count,
                                                        a->attributes, b->attributes));
}

/* f(f(x)) = x for an involution, f(x) for an idempotent operator */
RULE_ANY(applied_twice)
{
    if (!(node->op->traits & (TRAIT_involution | TRAIT_idempotent)) || node->operand_count != 1)
        return NULL;
    const Node *inner = operand_node(node, 0, node->op);
    if (!inner || !same_operator(node, inner))
        return NULL;
    return node->op->traits & TRAIT_involution ? operand(inner, 0) : operand(node, 0);
}

/* x * 1 = x, unless the 1 makes the shape larger: the types tell */
RULE(multiply_by_one, mul)
{
    if (is_uniform(node, 1, 1))
        return operand(node, 0);
    return is_uniform(node, 0, 1) ? operand(node, 1) : NULL;
}

/* x / 1 = x */
RULE(divide_by_one, div)
{
    return is_uniform(node, 1, 1) ? operand(node, 0) : NULL;
}

/* x^1 = x */
RULE(power_of_one, pow)
{
    return is_uniform(node, 1, 1) ? operand(node, 0) : NULL;
}

static bool is_zero_of_sign(const Node *node, int i, bool negative)
{
    if (!is_uniform(node, i, 0))
        return false;
    bool is_float = element_kind(operand(node, i)->type->element) == ELEMENT_KIND_FLOAT;
    return !is_float || signbit(constant_get_double(operand(node, i)->constant, 0)) == negative;
}

/* x + 0 = x for integers, x + -0 = x for floats: -0 + 0 would be 0 */
RULE(add_zero, add)
{
    if (is_zero_of_sign(node, 1, true))
        return operand(node, 0);
    return is_zero_of_sign(node, 0, true) ? operand(node, 1) : NULL;
}

/* x - 0 = x */
RULE(subtract_zero, sub)
{
    return is_zero_of_sign(node, 1, false) ? operand(node, 0) : NULL;
}

/* Whether x / c and x * (1 / c) are the same number before rounding: c is a power of two, and so is
 * its reciprocal in the type. */
static bool has_exact_reciprocal(const Constant *constant)
{
    if (constant->count == 0 || constant->count > 1 << 16)
        return false;
    int most = constant->element == TN_FLOAT     ? 126
               : constant->element == TN_DOUBLE  ? 1022
               : constant->element == TN_FLOAT16 ? 14
                                                 : 0;
    for (int64_t i = 0; i < constant->count; i++) {
        int exponent;
        double value = constant_get_double(constant, i);
        if (!isfinite(value) || fabs(frexp(value, &exponent)) != 0.5 || abs(exponent - 1) > most)
            return false;
    }
    return most > 0;
}

/* x / c = x * (1 / c), c a power of two */
RULE(divide_by_power_of_two, div)
{
    const Value *divisor = operand(node, 1);
    if (!divisor->constant || !has_exact_reciprocal(divisor->constant))
        return NULL;
    const Constant *constant = divisor->constant;
    void *data;
    Constant *reciprocal = constant_allocate(pass->model->arena, constant->element, constant->rank,
                                             constant->dims, &data);
    size_t bytes = element_bytes(constant->element);
    for (int64_t i = 0; i < constant->count; i++)
        element_from_double(constant->element, 1 / constant_get_double(constant, i), false,
                            (char *)data + (size_t)i * bytes);
    Editor editor = rewrite_editor(pass, node);
    Value *factor = edit_constant(&editor, reciprocal, divisor->name);
    return edit(&editor, &op_mul, NULL, 2, operand(node, 0), factor);
}

/* Min(x) = Max(x) = Sum(x) = Mean(x) = x */
static Value *of_one(const Node *node)
{
    return node->operand_count == 1 ? operand(node, 0) : NULL;
}
RULE(min_of_one, min)
{
    return of_one(node);
}
RULE(max_of_one, max)
{
    return of_one(node);
}
RULE(sum_of_one, sum)
{
    return of_one(node);
}
RULE(mean_of_one, mean)
{
    return of_one(node);
}

/* Where(true, x, y) = x, Where(false, x, y) = y */
RULE(where_constant, where)
{
    if (is_uniform(node, 0, 1))
        return operand(node, 1);
    return is_uniform(node, 0, 0) ? operand(node, 2) : NULL;
}

/* Where(c, x, x) = x */
RULE(where_same, where)
{
    return operand(node, 1) == operand(node, 2) ? operand(node, 1) : NULL;
}

/* ---- Conversions ------------------------------------------------------------------------- */

static TnElementType cast_type(const Node *node)
{
    return result(node, 0)->type->element;
}

/* Cast(x) = x */
RULE(cast_away, cast)
{
    return operand_type(node, 0)->element == cast_type(node) ? operand(node, 0) : NULL;
}

/* Bits of the largest whole number such that all up to it are exact; 0 where the type is none of
 * the usual ones. */
static int exact_bits(TnElementType type)
{
    switch (element_kind(type)) {
    case ELEMENT_KIND_BOOL: return 1;
    case ELEMENT_KIND_SIGNED: return element_bits(type) - 1;
    case ELEMENT_KIND_UNSIGNED: return element_bits(type);
    case ELEMENT_KIND_FLOAT:
        return type == TN_DOUBLE     ? 53
               : type == TN_FLOAT    ? 24
               : type == TN_FLOAT16  ? 11
               : type == TN_BFLOAT16 ? 8
                                     : 0;
    case ELEMENT_KIND_NONE:
    case ELEMENT_KIND_COMPLEX:
    case ELEMENT_KIND_STRING: break;
    }
    return 0;
}

/* Whether every value of `from` is one of `to`. */
static bool holds_all(TnElementType from, TnElementType to)
{
    ElementKind a = element_kind(from), b = element_kind(to);
    if (!exact_bits(from) || !exact_bits(to) || b == ELEMENT_KIND_BOOL)
        return from == to;
    if (a == ELEMENT_KIND_FLOAT)
        return b == ELEMENT_KIND_FLOAT &&
               (from == to || to == TN_DOUBLE ||
                (to == TN_FLOAT && (from == TN_FLOAT16 || from == TN_BFLOAT16)));
    if (a == ELEMENT_KIND_SIGNED && b == ELEMENT_KIND_UNSIGNED)
        return false;
    return exact_bits(from) <= exact_bits(to);
}

/* An integer that is cast to an integer wraps, a float saturates. */
static bool casts_alike(TnElementType from, TnElementType through, TnElementType to)
{
    bool whole = element_kind(from) != ELEMENT_KIND_FLOAT;
    return whole == (element_kind(through) != ELEMENT_KIND_FLOAT) ||
           element_kind(to) == ELEMENT_KIND_FLOAT || element_kind(to) == ELEMENT_KIND_BOOL ||
           holds_all(from, to);
}

/* Cast(Cast(x)) = Cast(x) where the inner one loses nothing */
RULE(cast_of_cast, cast)
{
    const Node *inner = operand_node(node, 0, &op_cast);
    TnElementType from = inner ? operand_type(inner, 0)->element : TN_UNDEFINED;
    if (!inner || !holds_all(from, cast_type(inner)) ||
        !casts_alike(from, cast_type(inner), cast_type(node)))
        return NULL;
    Editor editor = rewrite_editor(pass, node);
    return edit(&editor, &op_cast, node->attributes, 1, operand(inner, 0));
}

static const Rule *const rules[] = {
    &rule_cast_away,       &rule_cast_of_cast,
    &rule_identity_away,   &rule_applied_twice,
    &rule_multiply_by_one, &rule_divide_by_one,
    &rule_power_of_one,    &rule_add_zero,
    &rule_subtract_zero,   &rule_divide_by_power_of_two,
    &rule_min_of_one,      &rule_max_of_one,
    &rule_sum_of_one,      &rule_mean_of_one,
    &rule_where_constant,  &rule_where_same,
};

const RuleSet arithmetic_rules = {rules, (int)COUNT_OF(rules)};
