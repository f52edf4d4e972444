/* SPDX-License-Identifier: Apache-2.0
 *
 * Conversions between element types, with ONNX's Cast semantics and runtime/element.c's results.
 */
#include "codegen/small_float.h"
#include "emitter.h"

static bool is_real(TnElementType type)
{
    return type == TN_FLOAT || type == TN_DOUBLE;
}

static bool is_signed(TnElementType type)
{
    return element_kind(type) == ELEMENT_KIND_SIGNED;
}

static int lanes_of(const CEmitter *em, CValue value)
{
    return value.is_vector ? em->lanes : 1;
}

static CValue call(CEmitter *em, const char *function, CValue value, TnElementType type)
{
    return c_call(em, type, value.is_vector, function, 1, &value);
}

/* As C converts: between floats, from integers, and to fewer bits. */
static CValue cast(CEmitter *em, CValue value, TnElementType to)
{
    const char *type = c_type(em->unit, c_memory_type(to), lanes_of(em, value));
    if (value.is_vector)
        return c_atom(arena_format(em->arena, "__builtin_convertvector(%s, %s)", value.text, type),
                      to, true);
    return (CValue)
    {
        arena_format(em->arena, "(%s)%s", type, c_operand(em, value, UNARY)), UNARY
        , to, false
    };
}

/* Lanes of a condition as numbers 0 and 1. */
static CValue from_bool(CEmitter *em, CValue value, TnElementType to)
{
    if (value.is_vector) {
        value.text = arena_format(em->arena, "%s & 1", c_operand(em, value, UNARY));
        value.precedence = BITWISE;
    }
    return cast(em, value, to);
}

static CValue to_bool(CEmitter *em, CValue value, TnElementType from)
{
    const char *text = arena_format(em->arena, "%s != 0", c_operand(em, value, ADDITIVE));
    if (!value.is_vector)
        return (CValue){text, EQUALITY, TN_BOOL, false};
    if (element_bytes(from) == 4)
        return (CValue){text, EQUALITY, TN_BOOL, true};
    return c_atom(arena_format(em->arena, "__builtin_convertvector(%s, %s)", text,
                               c_type(em->unit, TN_BOOL, em->lanes)),
                  TN_BOOL, true);
}

/* Keeps the low bits of a 4- or 2-bit integer, in its byte. */
static CValue wrap_small_integer(CEmitter *em, CValue value, TnElementType to)
{
    if (element_bits(to) >= 8)
        return value;
    const char *helper = element_bits(to) == 4 ? "wrap_4_bits" : "wrap_2_bits";
    value.type = c_memory_type(to);
    return call(em, c_helper(em->unit, helper, value.type, lanes_of(em, value)), value, to);
}

static CValue real_to_integer(CEmitter *em, CValue value, TnElementType from, TnElementType to)
{
    TnElementType wide = element_bits(to) < 8 ? TN_INT32 : to;
    value = call(em, c_helper_between(em->unit, "saturate", wide, from, lanes_of(em, value)), value,
                 wide);
    if (wide == to)
        return value;
    return wrap_small_integer(em, cast(em, value, to), to);
}

/* Between types that have arithmetic, or to an integer that has none. */
static CValue convert_number(CEmitter *em, CValue value, TnElementType from, TnElementType to)
{
    if (to == TN_BOOL)
        return to_bool(em, value, from);
    if (from == TN_BOOL)
        return from_bool(em, value, to);
    if (is_real(from) && !is_real(to))
        return real_to_integer(em, value, from, to);
    if (!is_real(from) && !is_real(to) && element_bytes(from) == element_bytes(to) &&
        is_signed(from) == is_signed(to))
        return wrap_small_integer(em, value, to);
    value = cast(em, value, to);
    return is_real(to) ? value : wrap_small_integer(em, value, to);
}

static CValue write_small(CEmitter *em, CValue value, TnElementType from, TnElementType to,
                          bool saturate)
{
    int lanes = lanes_of(em, value);
    if (from == TN_DOUBLE)
        value = call(em, c_helper_between(em->unit, "odd_float", TN_FLOAT, TN_DOUBLE, lanes), value,
                     TN_FLOAT);
    return call(em, c_helper_write(em->unit, to, saturate, lanes), value, to);
}

CValue c_convert(CEmitter *em, CValue value, TnElementType from, TnElementType to, bool saturate)
{
    if (from == to)
        return value;
    if (is_small_float(from)) {
        value = call(em, c_helper_read(em->unit, from, lanes_of(em, value)), value, TN_FLOAT);
        from = TN_FLOAT;
    } else {
        from = element_compute_type(from);
    }
    if (is_small_float(to)) {
        if (!is_real(from)) {
            value = convert_number(em, value, from, TN_DOUBLE);
            from = TN_DOUBLE;
        }
        return write_small(em, value, from, to, saturate);
    }
    value.type = from;
    if (from != to)
        value = convert_number(em, value, from, to);
    value.type = to;
    return value;
}
