/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations on values, on scalars or on vectors: whichever the operands are.
 *
 * C's operators are used where they mean the same; everything else is a helper: integers that wrap,
 * divisions that do not trap, rounding once.
 */
#include "emitter.h"
#include "runtime/bits.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum { LONG_EXPRESSION = 64, WORTH_A_NAME = 14 };

static bool is_float(TnElementType type)
{
    return type == TN_FLOAT || type == TN_DOUBLE;
}

static bool is_signed(TnElementType type)
{
    return element_kind(type) == ELEMENT_KIND_SIGNED;
}

/* ---- Text -------------------------------------------------------------------------------- */

CValue c_atom(const char *text, TnElementType type, bool is_vector)
{
    return (CValue){text, PRIMARY, type, is_vector};
}

const char *c_operand(CEmitter *em, CValue value, Precedence most)
{
    return value.precedence <= most ? value.text : arena_format(em->arena, "(%s)", value.text);
}

CValue c_call(CEmitter *em, TnElementType type, bool is_vector, const char *function, int count,
              const CValue *arguments)
{
    Text text = text_create(em->arena);
    text_format(&text, "%s(", function);
    for (int i = 0; i < count; i++)
        text_format(&text, "%s%s", i ? ", " : "", arguments[i].text);
    text_append(&text, ")");
    return c_atom(text.data, type, is_vector);
}

static TnElementType type_of(CValue value)
{
    return value.type == EXPR_INDEX ? TN_INT64 : c_memory_type(value.type);
}

CValue c_splat(CEmitter *em, CValue value)
{
    if (em->lanes == 1 || value.is_vector)
        return value;
    if (value.type == TN_BOOL) {
        const char *text = arena_format(em->arena, "-%s", c_operand(em, value, PRIMARY));
        value = (CValue)
        {
            text, UNARY
            , TN_INT32, false
        };
        CValue lanes =
            c_call(em, TN_BOOL, true, c_helper(em->unit, "splat", TN_INT32, em->lanes), 1, &value);
        return lanes;
    }
    return c_call(em, value.type, true, c_helper(em->unit, "splat", type_of(value), em->lanes), 1,
                  &value);
}

CValue c_bind(CEmitter *em, CValue value, const char *wanted)
{
    bool is_name = true;
    for (const char *c = value.text; *c; c++)
        is_name &= *c == '_' || (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
                   (*c >= 'A' && *c <= 'Z');
    if (is_name)
        return value;
    const char *name =
        wanted ? c_name(em, wanted) : c_name(em, arena_format(em->arena, "t%d", ++em->temporaries));
    TnElementType type =
        value.type == EXPR_INDEX || value.type == TN_BOOL ? value.type : c_memory_type(value.type);
    c_line(em, "const %s %s = %s;", c_type(em->unit, type, value.is_vector ? em->lanes : 1), name,
           value.text);
    return c_atom(name, value.type, value.is_vector);
}

/* ---- Conditions -------------------------------------------------------------------------- */

CValue c_both(CEmitter *em, CValue a, CValue b)
{
    bool is_vector = a.is_vector || b.is_vector;
    if (is_vector)
        a = c_splat(em, a), b = c_splat(em, b);
    Precedence most = is_vector ? UNARY : EQUALITY;
    const char *text = arena_format(em->arena, "%s %s %s", c_operand(em, a, most),
                                    is_vector ? "&" : "&&", c_operand(em, b, most));
    return (CValue){text, is_vector ? BITWISE : LOGICAL_AND, TN_BOOL, is_vector};
}

static TnElementType signed_of_width(size_t bytes)
{
    return bytes == 1 ? TN_INT8 : bytes == 2 ? TN_INT16 : bytes == 4 ? TN_INT32 : TN_INT64;
}

CValue c_widen_mask(CEmitter *em, CValue mask, TnElementType type)
{
    if (type == TN_BOOL || element_bytes(type) == 4)
        return mask;
    const char *text =
        arena_format(em->arena, "__builtin_convertvector(%s, %s)", mask.text,
                     c_type(em->unit, signed_of_width(element_bytes(type)), em->lanes));
    return c_atom(text, TN_BOOL, true);
}

/* The result of a comparison of vectors of a type, as a condition. */
static CValue narrow_mask(CEmitter *em, CValue mask, TnElementType type)
{
    if (type == TN_BOOL || element_bytes(type) == 4)
        return mask;
    const char *text = arena_format(em->arena, "__builtin_convertvector(%s, %s)", mask.text,
                                    c_type(em->unit, TN_BOOL, em->lanes));
    return c_atom(text, TN_BOOL, true);
}

CValue c_select(CEmitter *em, CValue condition, CValue a, CValue b)
{
    TnElementType type = a.type == TN_BOOL ? TN_BOOL : type_of(a);
    bool is_vector = condition.is_vector || a.is_vector || b.is_vector;
    if (is_vector)
        a = c_splat(em, a), b = c_splat(em, b);
    if (!condition.is_vector) {
        const char *text =
            arena_format(em->arena, "%s ? %s : %s", c_operand(em, condition, LOGICAL_OR),
                         c_operand(em, a, ADDITIVE), c_operand(em, b, ADDITIVE));
        return (CValue){text, CONDITIONAL, a.type, is_vector};
    }
    CValue arguments[] = {c_widen_mask(em, condition, type), a, b};
    return c_call(em, a.type, true,
                  c_helper(em->unit, "select", type == TN_BOOL ? TN_INT32 : type, em->lanes), 3,
                  arguments);
}

/* ---- Constants --------------------------------------------------------------------------- */

static CValue float_constant(CEmitter *em, TnElementType type, uint64_t bits)
{
    Text text = text_create(em->arena);
    double value =
        type == TN_FLOAT ? (double)float_from_bits((uint32_t)bits) : double_from_bits(bits);
    const char *suffix = type == TN_FLOAT ? "f" : "";
    bool negative = bits >> (type == TN_FLOAT ? 31 : 63);
    if (value != value) {
        bool is_single = type == TN_FLOAT;
        const char *hex = is_single ? arena_format(em->arena, "0x%" PRIx64 "u", bits)
                                    : arena_format(em->arena, "UINT64_C(0x%" PRIx64 ")", bits);
        CValue word = c_atom(hex, is_single ? TN_UINT32 : TN_UINT64, false);
        return c_call(em, type, false, c_helper_between(em->unit, "bits", type, word.type, 1), 1,
                      &word);
    }
    if (value - value != 0)
        text_format(&text, "%s__builtin_inf%s()", negative ? "-" : "", suffix);
    else if (type == TN_FLOAT)
        text_append_float(&text, (float)value);
    else
        text_append_double(&text, value);
    if (value - value == 0)
        text_append(&text, suffix);
    return (CValue)
    {
        text.data, negative ? UNARY : PRIMARY, type, false
    };
}

static CValue integer_constant(CEmitter *em, TnElementType type, uint64_t bits)
{
    Arena *arena = em->arena;
    int width = element_bits(type);
    int64_t value = (int64_t)bits;
    if (type == TN_BOOL)
        return c_atom(bits ? "true" : "false", TN_BOOL, false);
    if (type == TN_UINT64)
        return c_atom(arena_format(arena, "UINT64_C(%" PRIu64 ")", bits), type, false);
    if (!is_signed(type))
        return c_atom(arena_format(arena, "%" PRIu64 "%s", bits, width == 32 ? "u" : ""), type,
                      false);
    if (width < 64)
        value = (int64_t)(bits << (64 - width)) >> (64 - width);
    if (width >= 32 && value == (width == 64 ? INT64_MIN : INT32_MIN))
        return c_atom(arena_format(arena, "INT%d_MIN", width), type, false);
    const char *text = width == 64 ? arena_format(arena, "INT64_C(%" PRId64 ")", value)
                                   : arena_format(arena, "%" PRId64, value);
    return (CValue)
    {
        text, value < 0 && width < 64 ? UNARY : PRIMARY, type, false
    };
}

static CValue constant(CEmitter *em, const Expr *e)
{
    TnElementType type = c_memory_type(e->type);
    if (e->type == TN_BOOL)
        return integer_constant(em, TN_BOOL, e->bits);
    return is_float(type) ? float_constant(em, type, e->bits) : integer_constant(em, type, e->bits);
}

/* ---- Operators --------------------------------------------------------------------------- */

typedef struct Operator {
    const char *sign;
    Precedence precedence, left, right; /* of the result; the most of the operands */
} Operator;

static const Operator operators[EXPR_KIND_COUNT] = {
    [EXPR_add] = {"+", ADDITIVE, ADDITIVE, MULTIPLICATIVE},
    [EXPR_subtract] = {"-", ADDITIVE, ADDITIVE, MULTIPLICATIVE},
    [EXPR_multiply] = {"*", MULTIPLICATIVE, MULTIPLICATIVE, UNARY},
    [EXPR_divide] = {"/", MULTIPLICATIVE, MULTIPLICATIVE, UNARY},
    [EXPR_and] = {"&", BITWISE, UNARY, UNARY},
    [EXPR_or] = {"|", BITWISE, UNARY, UNARY},
    [EXPR_xor] = {"^", BITWISE, UNARY, UNARY},
    [EXPR_less] = {"<", RELATIONAL, ADDITIVE, ADDITIVE},
    [EXPR_less_equal] = {"<=", RELATIONAL, ADDITIVE, ADDITIVE},
    [EXPR_equal] = {"==", EQUALITY, ADDITIVE, ADDITIVE},
    [EXPR_not_equal] = {"!=", EQUALITY, ADDITIVE, ADDITIVE},
};

static bool is_compare(ExprKind kind)
{
    return kind == EXPR_less || kind == EXPR_less_equal || kind == EXPR_equal ||
           kind == EXPR_not_equal;
}

/* Whether C's operator means the same: no promotion, no undefined overflow. */
static bool has_operator(ExprKind kind, TnElementType type, bool is_vector)
{
    if (!operators[kind].sign)
        return false;
    if (is_compare(kind))
        return true;
    if (is_float(type))
        return true;
    if (kind == EXPR_divide || (!is_vector && element_bytes(type) < 4))
        return false;
    bool is_bitwise = kind == EXPR_and || kind == EXPR_or || kind == EXPR_xor;
    return is_bitwise || !is_signed(type);
}

const char *c_binary_text(CUnit *unit, ExprKind kind, TnElementType type, int lanes, const char *a,
                          const char *b)
{
    if (has_operator(kind, type, lanes > 1))
        return arena_format(unit->arena, "%s %s %s", a, operators[kind].sign, b);
    return arena_format(unit->arena, "%s(%s, %s)",
                        c_helper(unit, expr_kind_name(kind), type, lanes), a, b);
}

/* Scalars beside vectors stay what they are where C widens them. */
static CValue infix(CEmitter *em, ExprKind kind, CValue a, CValue b, TnElementType result)
{
    const Operator *o = &operators[kind];
    bool is_vector = a.is_vector || b.is_vector;
    if (is_vector && !is_float(a.type))
        a = c_splat(em, a), b = c_splat(em, b);
    const char *text = arena_format(em->arena, "%s %s %s", c_operand(em, a, o->left), o->sign,
                                    c_operand(em, b, o->right));
    return (CValue){text, o->precedence, result, is_vector};
}

static CValue call_on(CEmitter *em, const char *helper, int count, const CValue *src)
{
    CValue arguments[3];
    bool is_vector = false;
    for (int i = 0; i < count; i++)
        is_vector |= src[i].is_vector;
    for (int i = 0; i < count; i++)
        arguments[i] = is_vector ? c_splat(em, src[i]) : src[i];
    const char *name = c_helper(em->unit, helper, type_of(src[0]), is_vector ? em->lanes : 1);
    return c_call(em, src[0].type, is_vector, name, count, arguments);
}

static CValue prefix(CEmitter *em, const char *sign, CValue a)
{
    const char *text = arena_format(em->arena, "%s%s", sign, c_operand(em, a, PRIMARY));
    return (CValue)
    {
        text, UNARY
        , a.type, a.is_vector
    };
}

/* ---- bool -------------------------------------------------------------------------------- */

/* Scalars are 0 or 1, lanes 0 or -1: order turns round. */
static CValue bool_binary(CEmitter *em, ExprKind kind, CValue a, CValue b)
{
    bool is_vector = a.is_vector || b.is_vector;
    if (is_vector)
        a = c_splat(em, a), b = c_splat(em, b);
    switch ((int)kind) {
    case EXPR_and:
    case EXPR_multiply:
    case EXPR_minimum: return c_both(em, a, b);
    case EXPR_or:
    case EXPR_maximum: {
        Precedence most = is_vector ? UNARY : EQUALITY;
        const char *text = arena_format(em->arena, "%s %s %s", c_operand(em, a, most),
                                        is_vector ? "|" : "||", c_operand(em, b, most));
        return (CValue){text, is_vector ? BITWISE : LOGICAL_OR, TN_BOOL, is_vector};
    }
    case EXPR_xor:
    case EXPR_add:
    case EXPR_subtract: kind = is_vector ? EXPR_xor : EXPR_not_equal; break;
    case EXPR_less:
    case EXPR_less_equal:
        if (is_vector) {
            CValue swap = a;
            a = b, b = swap;
        }
        break;
    default: break;
    }
    assert(operators[kind].sign && "no such operation on bools");
    return infix(em, kind, a, b, TN_BOOL);
}

/* ---- Numbers ----------------------------------------------------------------------------- */

static CValue compare(CEmitter *em, ExprKind kind, CValue a, CValue b)
{
    TnElementType type = a.type;
    if (type == TN_BOOL)
        return bool_binary(em, kind, a, b);
    CValue mask = infix(em, kind, a, b, TN_BOOL);
    return mask.is_vector ? narrow_mask(em, mask, type) : mask;
}

/* Where one operand is a number for certain, the test for NaN is left out. */
static CValue float_extremum(CEmitter *em, const Expr *e, CValue a, CValue b)
{
    bool maximum = e->kind == EXPR_maximum;
    bool first = e->src[0]->kind == EXPR_constant, second = e->src[1]->kind == EXPR_constant;
    CValue pair[] = {second && !first ? b : a, second && !first ? a : b};
    bool plain = first || second;
    return call_on(em,
                   maximum ? (plain ? "larger" : "maximum")
                   : plain ? "smaller"
                           : "minimum",
                   2, pair);
}

static CValue scale2(CEmitter *em, CValue *src)
{
    bool is_vector = src[0].is_vector || src[1].is_vector;
    bool native = em->lanes == 16 && src[0].type == TN_FLOAT && is_vector &&
                  em->unit->target->vector_bytes == 64;
    return call_on(em, native ? "scalef" : "scale2", 2, src);
}

static CValue operation(CEmitter *em, const Expr *e, CValue *src)
{
    TnElementType type = src[0].type;
    if (is_compare(e->kind))
        return compare(em, e->kind, src[0], src[1]);
    if (e->kind == EXPR_negate && is_float(type))
        return prefix(em, "-", src[0]);
    if (e->kind == EXPR_not && type == TN_BOOL)
        return prefix(em, src[0].is_vector ? "~" : "!", src[0]);
    if (e->kind == EXPR_scale2)
        return scale2(em, src);
    if (e->count == 2 && type == TN_BOOL)
        return bool_binary(em, e->kind, src[0], src[1]);
    if (is_float(type) && (e->kind == EXPR_maximum || e->kind == EXPR_minimum))
        return float_extremum(em, e, src[0], src[1]);
    if (e->count == 2 && has_operator(e->kind, type, src[0].is_vector || src[1].is_vector))
        return infix(em, e->kind, src[0], src[1], type);
    return call_on(em, expr_kind_name(e->kind), e->count, src);
}

static CValue across(CEmitter *em, const Expr *e, CValue value)
{
    if (em->lanes == 1)
        return value;
    value = c_splat(em, value);
    return c_call(em, e->type, false, c_helper_across(em->unit, e->kind, type_of(value), em->lanes),
                  1, &value);
}

static CValue bitcast(CEmitter *em, const Expr *e, CValue value)
{
    CValue source = value;
    TnElementType to = c_memory_type(e->type), from = type_of(value);
    if (to == from) {
        value.type = e->type;
        return value;
    }
    return c_call(em, e->type, source.is_vector,
                  c_helper_between(em->unit, "bits", to, from, value.is_vector ? em->lanes : 1), 1,
                  &source);
}

static CValue from_index(CEmitter *em, const Expr *e)
{
    CValue index =
        c_mentions_lane(em, e->src[0]) ? c_lane_index(em, e->src[0]) : c_index(em, e->src[0]);
    index.type = TN_INT64;
    return c_convert(em, index, TN_INT64, e->type, false);
}

/* ---- The walk ---------------------------------------------------------------------------- */

static void count_uses(CEmitter *em, const Expr *e)
{
    intptr_t uses = (intptr_t)map_get_pointer(&em->uses, e);
    map_set_pointer(&em->uses, e, (void *)(uses + 1));
    if (uses)
        return;
    for (int i = 0; i < e->count; i++)
        count_uses(em, e->src[i]);
}

void c_begin_statement(CEmitter *em, const Expr *const *roots, int count)
{
    em->values = map_create(em->arena);
    em->uses = map_create(em->arena);
    for (int i = 0; i < count; i++)
        if (roots[i])
            count_uses(em, roots[i]);
}

/* Operands, the longest of them named until the expression fits a line. */
static void read_operands(CEmitter *em, const Expr *e, CValue *src)
{
    size_t total = 0;
    for (int i = 0; i < e->count; i++) {
        src[i] = c_value(em, e->src[i]);
        total += strlen(src[i].text);
    }
    while (total > LONG_EXPRESSION) {
        int longest = 0;
        for (int i = 1; i < e->count; i++)
            if (strlen(src[i].text) > strlen(src[longest].text))
                longest = i;
        size_t length = strlen(src[longest].text);
        if (length < WORTH_A_NAME)
            break;
        src[longest] = c_bind(em, src[longest], NULL);
        total = total - length + strlen(src[longest].text);
        if (strlen(src[longest].text) == length)
            break;
    }
}

static CValue new_value(CEmitter *em, const Expr *e)
{
    CValue src[3];
    if (e->kind == EXPR_fetch)
        return c_fetch(em, e);
    if (e->kind == EXPR_from_index)
        return from_index(em, e);
    if (is_compare(e->kind) && e->src[0]->type == EXPR_INDEX)
        return c_index_compare(em, e);
    assert(e->count >= 1 && e->count <= 3);
    read_operands(em, e, src);
    switch ((int)e->kind) {
    case EXPR_convert: return c_convert(em, src[0], e->src[0]->type, e->type, e->integer != 0);
    case EXPR_bitcast: return bitcast(em, e, src[0]);
    case EXPR_across_sum:
    case EXPR_across_max:
    case EXPR_across_min: return across(em, e, src[0]);
    case EXPR_fma: return call_on(em, "fma", 3, src);
    case EXPR_dot4: return call_on(em, "dot4", 3, src);
    case EXPR_select: return c_select(em, src[0], src[1], src[2]);
    default: return operation(em, e, src);
    }
}

static CValue cell(CEmitter *em, const Expr *e)
{
    const Array *array = e->object;
    const char *name = em->cells[array->id];
    assert(name && "a cell that was not set");
    if (array->count > 1)
        name = arena_format(em->arena, "%s[%s]", name, c_index(em, e->src[0]).text);
    return c_atom(name, array->type, em->lanes > 1);
}

CValue c_value(CEmitter *em, const Expr *e)
{
    assert(e->type != EXPR_INDEX);
    if (e->kind == EXPR_constant)
        return constant(em, e);
    if (e->kind == EXPR_cell)
        return cell(em, e);
    CValue *known = map_get_pointer(&em->values, e);
    if (known)
        return *known;
    CValue value = new_value(em, e);
    if ((intptr_t)map_get_pointer(&em->uses, e) > 1)
        value = c_bind(em, value, NULL);
    known = ARENA_NEW(em->arena, CValue);
    *known = value;
    map_set_pointer(&em->values, e, known);
    return value;
}
