/* SPDX-License-Identifier: Apache-2.0
 *
 * Indices: written where they stand; the compiler moves them out of loops. They never overflow.
 */
#include "emitter.h"

#include <assert.h>
#include <inttypes.h>

bool c_mentions_lane(const CEmitter *em, const Expr *e)
{
    return em->source->lane && expr_contains_axis(e, em->source->lane);
}

static CValue index_value(const char *text, Precedence precedence, bool is_vector)
{
    return (CValue){text, precedence, EXPR_INDEX, is_vector};
}

static CValue number(CEmitter *em, int64_t value)
{
    bool small = value > -INT32_MAX && value < INT32_MAX;
    const char *text = small ? arena_format(em->arena, "%" PRId64, value)
                             : arena_format(em->arena, "INT64_C(%" PRId64 ")", value);
    return index_value(text, small && value < 0 ? UNARY : PRIMARY, false);
}

static const char *symbol_name(CEmitter *em, const Symbol *symbol)
{
    const char *name = map_get_pointer(&em->symbols, symbol);
    if (!name) {
        name = c_name(em, symbol->name);
        map_set_pointer(&em->symbols, symbol, (void *)name);
    }
    return name;
}

/* ---- What scalars and lanes share -------------------------------------------------------- */

typedef CValue IndexWriter(CEmitter *em, const Expr *e);

/* factor * atom, after the sign. */
static void append_term(CEmitter *em, Text *text, CValue atom, int64_t factor)
{
    if (factor == 1)
        text_append(text, c_operand(em, atom, MULTIPLICATIVE));
    else
        text_format(text, "%s * %s", c_operand(em, number(em, factor), UNARY),
                    c_operand(em, atom, UNARY));
}

static CValue sum(CEmitter *em, const Expr *e, IndexWriter *write)
{
    Text text = text_create(em->arena);
    bool is_vector = false;
    bool starts_negative = e->integer > 0 && e->factors[0] < 0;
    if (starts_negative)
        text_append(&text, number(em, e->integer).text);
    for (int i = 0; i < e->count; i++) {
        int64_t factor = e->factors[i];
        if (text.length)
            text_append(&text, factor < 0 ? " - " : " + ");
        else if (factor < 0)
            text_append(&text, "-");
        CValue atom = write(em, e->src[i]);
        append_term(em, &text, atom, factor < 0 ? -factor : factor);
        is_vector |= atom.is_vector;
    }
    if (e->integer && !starts_negative)
        text_format(&text, " %c %s", e->integer < 0 ? '-' : '+',
                    number(em, e->integer < 0 ? -e->integer : e->integer).text);
    bool is_product = e->count == 1 && !e->integer;
    return index_value(text.data,
                       !is_product           ? ADDITIVE
                       : e->factors[0] == -1 ? UNARY
                                             : MULTIPLICATIVE,
                       is_vector);
}

static CValue call_binary(CEmitter *em, const char *helper, CValue a, CValue b)
{
    bool is_vector = a.is_vector || b.is_vector;
    CValue operands[] = {is_vector ? c_splat(em, a) : a, is_vector ? c_splat(em, b) : b};
    const char *name = c_helper(em->unit, helper, TN_INT64, is_vector ? em->lanes : 1);
    return c_call(em, EXPR_INDEX, is_vector, name, 2, operands);
}

/* Rounded down, and what is left. A divisor is positive wherever its value matters, but may be 0
 * where a loop around it runs zero times. */
static CValue division(CEmitter *em, const Expr *e, IndexWriter *write)
{
    int64_t lower, upper, divisor;
    expr_bounds(e->src[0], &lower, &upper);
    bool quotient = e->kind == EXPR_quotient;
    CValue a = write(em, e->src[0]), b = write(em, e->src[1]);
    bool is_vector = a.is_vector || b.is_vector;
    if (lower >= 0 && expr_known(e->src[1], &divisor) && divisor > 0) {
        const char *text = arena_format(em->arena, "%s %c %s", c_operand(em, a, MULTIPLICATIVE),
                                        quotient ? '/' : '%', c_operand(em, b, UNARY));
        return index_value(text, MULTIPLICATIVE, is_vector);
    }
    return call_binary(em, quotient ? "floor_quotient" : "floor_modulus", a, b);
}

static CValue extremum(CEmitter *em, const Expr *e, IndexWriter *write)
{
    CValue a = write(em, e->src[0]), b = write(em, e->src[1]);
    return call_binary(em, e->kind == EXPR_larger ? "larger" : "smaller", a, b);
}

static CValue product(CEmitter *em, const Expr *e, IndexWriter *write)
{
    CValue a = write(em, e->src[0]), b = write(em, e->src[1]);
    const char *text = arena_format(em->arena, "%s * %s", c_operand(em, a, MULTIPLICATIVE),
                                    c_operand(em, b, UNARY));
    return index_value(text, MULTIPLICATIVE, a.is_vector || b.is_vector);
}

/* An integer value as an index. */
static CValue to_index(CEmitter *em, const Expr *e)
{
    CValue value = c_value(em, e->src[0]);
    value = c_convert(em, value, value.type, TN_INT64, false);
    value.type = EXPR_INDEX;
    return value;
}

/* ---- Scalars ----------------------------------------------------------------------------- */

CValue c_index(CEmitter *em, const Expr *e)
{
    switch ((int)e->kind) {
    case EXPR_integer: return number(em, e->integer);
    case EXPR_axis: {
        const char *name = map_get_pointer(&em->axes, e->object);
        assert(name && "an axis outside its loop");
        return index_value(name, PRIMARY, false);
    }
    case EXPR_symbol: return index_value(symbol_name(em, e->object), PRIMARY, false);
    case EXPR_linear: return sum(em, e, c_index);
    case EXPR_times: return product(em, e, c_index);
    case EXPR_quotient:
    case EXPR_modulus: return division(em, e, c_index);
    case EXPR_larger:
    case EXPR_smaller: return extremum(em, e, c_index);
    case EXPR_to_index: return to_index(em, e);
    case EXPR_select: {
        const char *condition = c_operand(em, c_value(em, e->src[0]), LOGICAL_OR);
        const char *a = c_operand(em, c_index(em, e->src[1]), ADDITIVE);
        const char *b = c_operand(em, c_index(em, e->src[2]), ADDITIVE);
        return index_value(arena_format(em->arena, "%s ? %s : %s", condition, a, b), CONDITIONAL,
                           false);
    }
    default: assert(!"not an index"); return number(em, 0);
    }
}

/* ---- Lanes ------------------------------------------------------------------------------- */

/* A vector, or a scalar where lanes agree. */
static CValue lane_or_scalar(CEmitter *em, const Expr *e)
{
    if (!c_mentions_lane(em, e))
        return c_index(em, e);
    switch ((int)e->kind) {
    case EXPR_axis:
        if (e->object != em->source->lane)
            return c_index(em, e);
        return c_call(em, EXPR_INDEX, true, c_helper(em->unit, "lanes", TN_INT64, em->lanes), 0,
                      NULL);
    case EXPR_linear: return sum(em, e, lane_or_scalar);
    case EXPR_times: return product(em, e, lane_or_scalar);
    case EXPR_quotient:
    case EXPR_modulus: return division(em, e, lane_or_scalar);
    case EXPR_larger:
    case EXPR_smaller: return extremum(em, e, lane_or_scalar);
    case EXPR_to_index: return to_index(em, e);
    case EXPR_select: {
        CValue a = lane_or_scalar(em, e->src[1]), b = lane_or_scalar(em, e->src[2]);
        return c_select(em, c_value(em, e->src[0]), a, b);
    }
    default: return c_index(em, e);
    }
}

CValue c_lane_index(CEmitter *em, const Expr *e)
{
    return c_splat(em, lane_or_scalar(em, e));
}

/* ---- Comparisons ------------------------------------------------------------------------- */

static const char *sign_of(ExprKind kind)
{
    return kind == EXPR_less         ? "<"
           : kind == EXPR_less_equal ? "<="
           : kind == EXPR_equal      ? "=="
                                     : "!=";
}

static Precedence rank_of(ExprKind kind)
{
    return kind == EXPR_less || kind == EXPR_less_equal ? RELATIONAL : EQUALITY;
}

/* 0 < lane * step + rest, without vectors of 64 bits: rest is cut to what lanes can tell apart. */
static CValue compare_with_lanes(CEmitter *em, ExprKind kind, const Expr *rest, int64_t step)
{
    const int64_t limit = INT64_C(1) << 30;
    int64_t lower, upper;
    expr_bounds(rest, &lower, &upper);
    CValue value = c_index(em, rest);
    if (lower < -limit || upper > limit) {
        const char *clamp = c_helper(em->unit, "clamp_index", TN_INT32, 1);
        value = c_call(em, TN_INT32, false, clamp, 1, &value);
    } else if (lower != upper) {
        const char *cut = arena_format(em->arena, "(%s)%s", c_type(em->unit, TN_INT32, 1),
                                       c_operand(em, value, UNARY));
        value = c_atom(cut, TN_INT32, false);
    }
    const char *lanes =
        arena_format(em->arena, "%s()", c_helper(em->unit, "lanes", TN_INT32, em->lanes));
    if (step != -1)
        lanes = arena_format(em->arena, "%s * %" PRId64, lanes, -step);
    const char *text =
        arena_format(em->arena, "%s %s %s", lanes, sign_of(kind), c_operand(em, value, ADDITIVE));
    return (CValue){text, rank_of(kind), TN_BOOL, true};
}

CValue c_index_compare(CEmitter *em, const Expr *e)
{
    const Expr *a = e->src[0], *b = e->src[1];
    int64_t furthest = INT64_C(1) << 24;
    if (em->source->lane && (c_mentions_lane(em, a) || c_mentions_lane(em, b))) {
        const Expr *difference = expr_minus(em->pool, b, a);
        int64_t step = expr_coefficient(difference, em->source->lane);
        const Expr *lane = expr_scale(em->pool, expr_axis(em->pool, em->source->lane), step);
        const Expr *rest = expr_minus(em->pool, difference, lane);
        if (!c_mentions_lane(em, rest) && step > -furthest && step < furthest)
            return compare_with_lanes(em, e->kind, rest, step);
    }
    CValue x = em->lanes > 1 ? lane_or_scalar(em, a) : c_index(em, a);
    CValue y = em->lanes > 1 ? lane_or_scalar(em, b) : c_index(em, b);
    bool is_vector = x.is_vector || y.is_vector;
    if (is_vector)
        x = c_splat(em, x), y = c_splat(em, y);
    const char *text = arena_format(em->arena, "%s %s %s", c_operand(em, x, ADDITIVE),
                                    sign_of(e->kind), c_operand(em, y, ADDITIVE));
    if (!is_vector)
        return (CValue){text, rank_of(e->kind), TN_BOOL, false};
    const char *to = c_type(em->unit, TN_BOOL, em->lanes);
    text = arena_format(em->arena, "__builtin_convertvector(%s, %s)", text, to);
    return c_atom(text, TN_BOOL, true);
}
