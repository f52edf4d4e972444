/* SPDX-License-Identifier: Apache-2.0
 *
 * Conversions between element types, with ONNX's Cast semantics and runtime/element.c's results.
 *
 * The small floats are sign, exponent, mantissa; codes are ordered as their magnitudes are. Reading
 * one is integer arithmetic on its bits, or for a denormal a multiplication of the mantissa by the
 * quantum (exact, also where the processor flushes denormals). Writing one rounds the magnitude's
 * bits to nearest even, a carry landing in the exponent by itself; a denormal's mantissa is what
 * the addition of 2^23 quanta leaves in the low bits. A double is rounded to odd on its way through
 * float, so that rounding twice is rounding once.
 */
#include "emitter.h"

#include <assert.h>
#include <string.h>

typedef struct SmallFloat {
    int bits, mantissa_bits, bias;
    int64_t largest;    /* the code of the largest finite number */
    int64_t infinity;   /* 0: there is none */
    int64_t nan;        /* of positive sign; 0: there is none, and NaN becomes -0 */
    bool unsigned_zero; /* the code of -0 is NaN */
} SmallFloat;

static const SmallFloat small_floats[ELEMENT_TYPE_COUNT] = {
    [TN_FLOAT16] = {16, 10, 15, 0x7bff, 0x7c00, 0x7e00, false},
    [TN_BFLOAT16] = {16, 7, 127, 0x7f7f, 0x7f80, 0x7fc0, false},
    [TN_FLOAT8E4M3FN] = {8, 3, 7, 0x7e, 0, 0x7f, false},
    [TN_FLOAT8E4M3FNUZ] = {8, 3, 8, 0x7f, 0, 0x80, true},
    [TN_FLOAT8E5M2] = {8, 2, 15, 0x7b, 0x7c, 0x7f, false},
    [TN_FLOAT8E5M2FNUZ] = {8, 2, 16, 0x7f, 0, 0x80, true},
    [TN_FLOAT4E2M1] = {4, 1, 1, 0x7, 0, 0, false},
    [TN_FLOAT6E2M3] = {6, 3, 1, 0x1f, 0, 0, false},
    [TN_FLOAT6E3M2] = {6, 2, 3, 0x1f, 0, 0, false},
};

static bool is_real(TnElementType type)
{
    return type == TN_FLOAT || type == TN_DOUBLE;
}

static bool is_signed(TnElementType type)
{
    return element_kind(type) == ELEMENT_KIND_SIGNED;
}

LLVMTypeRef value_type(Emitter *em, TnElementType type)
{
    if (type == TN_BOOL)
        return em->i1;
    if (type == TN_FLOAT)
        return em->f32;
    if (type == TN_DOUBLE)
        return em->f64;
    switch (element_bytes(type)) {
    case 1: return em->i8;
    case 2: return em->i16;
    case 4: return em->i32;
    default: return em->i64;
    }
}

LLVMTypeRef memory_type(Emitter *em, TnElementType type)
{
    return type == TN_BOOL ? em->i8 : value_type(em, type);
}

/* ---- Small pieces ------------------------------------------------------------------------ */

static Llvm compare(Emitter *em, LLVMIntPredicate predicate, Llvm a, int64_t b)
{
    return LLVMBuildICmp(em->builder, predicate, a, constant_like(em, a, b), "");
}

static Llvm select_number(Emitter *em, Llvm condition, int64_t number, Llvm otherwise)
{
    return LLVMBuildSelect(em->builder, condition, constant_like(em, otherwise, number), otherwise,
                           "");
}

static Llvm and_number(Emitter *em, Llvm a, int64_t number)
{
    return LLVMBuildAnd(em->builder, a, constant_like(em, a, number), "");
}

static Llvm or_number(Emitter *em, Llvm a, int64_t number)
{
    return LLVMBuildOr(em->builder, a, constant_like(em, a, number), "");
}

static Llvm add_number(Emitter *em, Llvm a, int64_t number)
{
    return LLVMBuildAdd(em->builder, a, constant_like(em, a, number), "");
}

static Llvm shift_up(Emitter *em, Llvm a, int by)
{
    return LLVMBuildShl(em->builder, a, constant_like(em, a, by), "");
}

static Llvm shift_down(Emitter *em, Llvm a, int by)
{
    return LLVMBuildLShr(em->builder, a, constant_like(em, a, by), "");
}

static Llvm bits_of(Emitter *em, Llvm value)
{
    return LLVMBuildBitCast(em->builder, value, type_like(em, em->i32, value), "");
}

static Llvm float_of(Emitter *em, Llvm bits)
{
    return LLVMBuildBitCast(em->builder, bits, type_like(em, em->f32, bits), "");
}

/* ---- Reading small floats ---------------------------------------------------------------- */

static double power_of_two(int exponent)
{
    double value = 1;
    for (; exponent > 0; exponent--)
        value *= 2;
    for (; exponent < 0; exponent++)
        value /= 2;
    return value;
}

static Llvm read_e8m0(Emitter *em, Llvm code)
{
    Llvm bits =
        select_number(em, compare(em, LLVMIntEQ, code, 0), 0x400000, shift_up(em, code, 23));
    return float_of(em, select_number(em, compare(em, LLVMIntEQ, code, 0xff), 0x7fc00000, bits));
}

static Llvm read_small(Emitter *em, Llvm value, TnElementType type)
{
    LLVMBuilderRef b = em->builder;
    LLVMTypeRef wide = type_like(em, em->i32, value);
    if (type == TN_FLOAT16 && em->has_f16c) {
        Llvm half = LLVMBuildBitCast(b, value, type_like(em, em->f16, value), "");
        return LLVMBuildFPExt(b, half, type_like(em, em->f32, value), "");
    }
    Llvm word = LLVMBuildZExt(b, value, wide, "");
    if (type == TN_BFLOAT16)
        return float_of(em, shift_up(em, word, 16));
    if (type == TN_FLOAT8E8M0)
        return read_e8m0(em, word);
    const SmallFloat *format = &small_floats[type];
    int m = format->mantissa_bits, sign_bit = format->bits - 1;
    Llvm code = and_number(em, word, (1 << sign_bit) - 1);
    Llvm sign = shift_up(em, and_number(em, word, 1 << sign_bit), 31 - sign_bit);

    Llvm normal = add_number(em, shift_up(em, code, 23 - m), (int64_t)(127 - format->bias) << 23);
    Llvm count = LLVMBuildSIToFP(b, code, type_like(em, em->f32, value), "");
    Llvm quantum = real_like(em, count, power_of_two(1 - format->bias - m));
    Llvm denormal = bits_of(em, LLVMBuildFMul(b, count, quantum, ""));
    Llvm bits = LLVMBuildSelect(b, compare(em, LLVMIntULT, code, 1 << m), denormal, normal, "");
    if (format->largest < (1 << sign_bit) - 1) { /* infinity, or which NaN */
        Llvm payload =
            or_number(em, and_number(em, shift_up(em, code, 23 - m), 0x7fffff), 0x7fc00000);
        if (format->infinity)
            payload = select_number(em, compare(em, LLVMIntEQ, code, format->infinity), 0x7f800000,
                                    payload);
        bits =
            LLVMBuildSelect(b, compare(em, LLVMIntUGT, code, format->largest), payload, bits, "");
    }
    bits = LLVMBuildOr(b, bits, sign, "");
    if (format->unsigned_zero)
        bits = select_number(em, compare(em, LLVMIntEQ, word, 1 << sign_bit), 0x7fc00000, bits);
    return float_of(em, bits);
}

/* ---- Writing small floats ---------------------------------------------------------------- */

/* Rounded toward zero with the last bit set where that lost something. */
static Llvm double_to_odd_float(Emitter *em, Llvm value)
{
    LLVMBuilderRef b = em->builder;
    Llvm near = LLVMBuildFPTrunc(b, value, type_like(em, em->f32, value), "");
    Llvm again = LLVMBuildFPExt(b, near, LLVMTypeOf(value), ""), bits = bits_of(em, near);
    LLVMTypeRef wide = LLVMTypeOf(bits);
    Llvm inexact = LLVMBuildFCmp(b, LLVMRealONE, again, value, "");
    Llvm far =
        LLVMBuildFCmp(b, LLVMRealOGT, emit_intrinsic(em, "llvm.fabs", LLVMTypeOf(value), &again, 1),
                      emit_intrinsic(em, "llvm.fabs", LLVMTypeOf(value), &value, 1), "");
    bits = LLVMBuildSub(b, bits, LLVMBuildZExt(b, far, wide, ""), "");
    return float_of(em, LLVMBuildOr(b, bits, LLVMBuildZExt(b, inexact, wide, ""), ""));
}

/* The smallest power of two that is not below |value|. */
static Llvm write_e8m0(Emitter *em, Llvm magnitude, bool saturate)
{
    LLVMBuilderRef b = em->builder;
    Llvm exponent = shift_down(em, magnitude, 23), mantissa = and_number(em, magnitude, 0x7fffff);
    Llvm exact = select_number(em, compare(em, LLVMIntEQ, exponent, 0), 0x400000,
                               constant_like(em, mantissa, 0));
    Llvm more = LLVMBuildICmp(b, LLVMIntUGT, mantissa, exact, "");
    Llvm code = LLVMBuildAdd(b, exponent, LLVMBuildZExt(b, more, LLVMTypeOf(exponent), ""), "");
    Llvm over = compare(em, LLVMIntUGT, code, 0xfe);
    code = select_number(em, over, saturate ? 0xfe : 0xff, code);
    return select_number(em, compare(em, LLVMIntUGE, magnitude, 0x7f800000), 0xff, code);
}

static Llvm write_bfloat16(Emitter *em, Llvm bits, Llvm is_nan)
{
    LLVMBuilderRef b = em->builder;
    Llvm odd = and_number(em, shift_down(em, bits, 16), 1);
    Llvm rounded = shift_down(em, LLVMBuildAdd(b, add_number(em, bits, 0x7fff), odd, ""), 16);
    Llvm quiet = or_number(em, shift_down(em, bits, 16), 0x40);
    return LLVMBuildSelect(b, is_nan, quiet, rounded, "");
}

/* The code of a magnitude, not yet cut to the largest. */
static Llvm round_magnitude(Emitter *em, Llvm magnitude, const SmallFloat *format)
{
    LLVMBuilderRef b = em->builder;
    int shift = 23 - format->mantissa_bits;
    Llvm odd = and_number(em, shift_down(em, magnitude, shift), 1);
    Llvm up = LLVMBuildAdd(b, add_number(em, magnitude, (1 << (shift - 1)) - 1), odd, "");
    Llvm normal = add_number(em, shift_down(em, up, shift),
                             -((int64_t)(127 - format->bias) << format->mantissa_bits));
    int exponent = 24 - format->bias - format->mantissa_bits;
    Llvm value = float_of(em, magnitude), magic = real_like(em, value, power_of_two(exponent));
    Llvm denormal = bits_of(em, LLVMBuildFAdd(b, value, magic, ""));
    denormal = add_number(em, denormal, -((int64_t)(127 + exponent) << 23));
    Llvm small = compare(em, LLVMIntULT, magnitude, (int64_t)(128 - format->bias) << 23);
    return LLVMBuildSelect(b, small, denormal, normal, "");
}

static Llvm write_code(Emitter *em, Llvm bits, TnElementType type, bool saturate)
{
    LLVMBuilderRef b = em->builder;
    const SmallFloat *format = &small_floats[type];
    int sign_bit = format->bits - 1;
    Llvm magnitude = and_number(em, bits, 0x7fffffff);
    Llvm is_nan = compare(em, LLVMIntUGT, magnitude, 0x7f800000);
    if (type == TN_FLOAT8E8M0)
        return write_e8m0(em, magnitude, saturate);
    if (type == TN_BFLOAT16)
        return write_bfloat16(em, bits, is_nan);
    Llvm sign = and_number(em, shift_down(em, bits, 31 - sign_bit), 1 << sign_bit);
    Llvm code = round_magnitude(em, magnitude, format);
    bool cut = saturate && type != TN_FLOAT16;
    int64_t beyond = cut || (!format->infinity && !format->nan) ? format->largest
                     : format->infinity                         ? format->infinity
                                                                : format->nan;
    code = select_number(em, compare(em, LLVMIntUGT, code, format->largest), beyond, code);
    if (format->unsigned_zero) {
        Llvm unsigned_code = LLVMBuildOr(b, compare(em, LLVMIntEQ, code, 0),
                                         compare(em, LLVMIntEQ, code, format->nan), "");
        code = LLVMBuildSelect(b, unsigned_code, code, LLVMBuildOr(b, code, sign, ""), "");
        return select_number(em, is_nan, format->nan, code);
    }
    code = LLVMBuildOr(b, code, sign, "");
    if (!format->nan)
        return select_number(em, is_nan, 1 << sign_bit, code);
    Llvm nan = or_number(em, sign, format->nan);
    if (format->infinity) {
        Llvm payload = shift_down(em, magnitude, 23 - format->mantissa_bits);
        payload = and_number(em, payload, (1 << format->mantissa_bits) - 1);
        nan = LLVMBuildOr(b, nan, payload, "");
    }
    return LLVMBuildSelect(b, is_nan, nan, code, "");
}

static Llvm write_small(Emitter *em, Llvm value, TnElementType from, TnElementType to,
                        bool saturate)
{
    if (from == TN_DOUBLE)
        value = double_to_odd_float(em, value);
    if (to == TN_FLOAT16 && em->has_f16c) {
        Llvm half = LLVMBuildFPTrunc(em->builder, value, type_like(em, em->f16, value), "");
        return LLVMBuildBitCast(em->builder, half, type_like(em, em->i16, value), "");
    }
    Llvm code = write_code(em, bits_of(em, value), to, saturate);
    return LLVMBuildTrunc(em->builder, code, type_like(em, value_type(em, to), code), "");
}

/* ---- Integers ---------------------------------------------------------------------------- */

/* Keeps the low bits of a 4- or 2-bit integer, in its byte. */
static Llvm wrap_small_integer(Emitter *em, Llvm value, TnElementType to)
{
    int spare = 8 - element_bits(to);
    if (spare <= 0 || to == TN_BOOL)
        return value;
    value = shift_up(em, value, spare);
    return (is_signed(to) ? LLVMBuildAShr : LLVMBuildLShr)(em->builder, value,
                                                           constant_like(em, value, spare), "");
}

static Llvm real_to_integer(Emitter *em, Llvm value, TnElementType to)
{
    LLVMTypeRef wide = type_like(em, value_type(em, to), value);
    if (element_bits(to) < 8) /* these wrap */
        wide = type_like(em, em->i32, value);
    LLVMTypeRef types[] = {wide, LLVMTypeOf(value)};
    bool keeps_sign = is_signed(to) || element_bits(to) < 8;
    const char *name = keeps_sign ? "llvm.fptosi.sat" : "llvm.fptoui.sat";
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    Llvm callee = LLVMGetIntrinsicDeclaration(em->module, id, types, 2);
    Llvm number = LLVMBuildCall2(em->builder, LLVMIntrinsicGetType(em->context, id, types, 2),
                                 callee, &value, 1, "");
    if (element_bits(to) < 8)
        number = LLVMBuildTrunc(em->builder, number, type_like(em, em->i8, value), "");
    return wrap_small_integer(em, number, to);
}

static Llvm integer_to_integer(Emitter *em, Llvm value, TnElementType from, TnElementType to)
{
    LLVMTypeRef type = type_like(em, value_type(em, to), value);
    size_t have = from == TN_BOOL ? 0 : element_bytes(from), want = element_bytes(to);
    if (have < want)
        value = is_signed(from) ? LLVMBuildSExt(em->builder, value, type, "")
                                : LLVMBuildZExt(em->builder, value, type, "");
    else if (have > want)
        value = LLVMBuildTrunc(em->builder, value, type, "");
    return wrap_small_integer(em, value, to);
}

/* Between types that have arithmetic, or to an integer that has none. */
static Llvm convert_number(Emitter *em, Llvm value, TnElementType from, TnElementType to)
{
    LLVMBuilderRef b = em->builder;
    LLVMTypeRef type = type_like(em, value_type(em, to), value);
    if (to == TN_BOOL) {
        Llvm zero = LLVMConstNull(LLVMTypeOf(value));
        return is_real(from) ? LLVMBuildFCmp(b, LLVMRealUNE, value, zero, "")
                             : LLVMBuildICmp(b, LLVMIntNE, value, zero, "");
    }
    if (is_real(from) && is_real(to))
        return from < to ? LLVMBuildFPExt(b, value, type, "")
                         : LLVMBuildFPTrunc(b, value, type, "");
    if (is_real(to))
        return is_signed(from) ? LLVMBuildSIToFP(b, value, type, "")
                               : LLVMBuildUIToFP(b, value, type, "");
    if (is_real(from))
        return real_to_integer(em, value, to);
    return integer_to_integer(em, value, from, to);
}

/* ---- All types --------------------------------------------------------------------------- */

/* Memory's byte of a bool is a value's bit. */
static Llvm read_bool(Emitter *em, Llvm value)
{
    LLVMTypeRef type = LLVMTypeOf(value);
    LLVMTypeRef element = is_vector(value) ? LLVMGetElementType(type) : type;
    return element == em->i1 ? value : compare(em, LLVMIntNE, value, 0);
}

Llvm emit_convert(Emitter *em, Llvm value, TnElementType from, TnElementType to, bool saturate)
{
    if (from == TN_BOOL)
        value = read_bool(em, value);
    if (from == to)
        return value;
    if (small_floats[from].bits || from == TN_FLOAT8E8M0) {
        value = read_small(em, value, from);
        from = TN_FLOAT;
    } else {
        from = element_compute_type(from);
    }
    if (small_floats[to].bits || to == TN_FLOAT8E8M0) {
        if (!is_real(from)) {
            value = convert_number(em, value, from, TN_DOUBLE);
            from = TN_DOUBLE;
        }
        return write_small(em, value, from, to, saturate);
    }
    return from == to ? value : convert_number(em, value, from, to);
}
