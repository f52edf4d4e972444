/* SPDX-License-Identifier: Apache-2.0
 *
 * Conversions between element types, with ONNX's Cast semantics and runtime/element.c's results.
 *
 * Small floats are computed as words of 32 bits (codegen/small_float.c). A double is rounded to odd
 * on its way through float, so that rounding twice is rounding once.
 */
#include "codegen/small_float.h"
#include "emitter.h"

#include <assert.h>
#include <string.h>

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
    case 16: return LLVMInt128TypeInContext(em->context); /* strings and complex doubles: moved */
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

static Llvm shift_up(Emitter *em, Llvm a, int by)
{
    return LLVMBuildShl(em->builder, a, constant_like(em, a, by), "");
}

static Llvm bits_of(Emitter *em, Llvm value)
{
    return LLVMBuildBitCast(em->builder, value, type_like(em, em->i32, value), "");
}

static Llvm float_of(Emitter *em, Llvm bits)
{
    return LLVMBuildBitCast(em->builder, bits, type_like(em, em->f32, bits), "");
}

/* ---- Words ------------------------------------------------------------------------------- */

typedef struct LlvmMath {
    WordMath math;
    Emitter *em;
    Llvm like; /* a scalar or a vector, as all words are */
} LlvmMath;

static void *word_number(WordMath *math, uint32_t value)
{
    LlvmMath *m = (LlvmMath *)math;
    Llvm number = LLVMConstInt(m->em->i32, value, false);
    return is_vector(m->like) ? splat(m->em, number) : number;
}

static void *word_operation(WordMath *math, WordOperation operation, void *a, void *b)
{
    LLVMBuilderRef builder = ((LlvmMath *)math)->em->builder;
    switch (operation) {
    case WORD_and: return LLVMBuildAnd(builder, a, b, "");
    case WORD_or: return LLVMBuildOr(builder, a, b, "");
    case WORD_add: return LLVMBuildAdd(builder, a, b, "");
    case WORD_shift_left: return LLVMBuildShl(builder, a, b, "");
    case WORD_shift_right: return LLVMBuildLShr(builder, a, b, "");
    case WORD_equal: return LLVMBuildICmp(builder, LLVMIntEQ, a, b, "");
    case WORD_above: return LLVMBuildICmp(builder, LLVMIntUGT, a, b, "");
    case WORD_below: return LLVMBuildICmp(builder, LLVMIntULT, a, b, "");
    }
    return NULL;
}

static void *word_select(WordMath *math, void *condition, void *a, void *b)
{
    return LLVMBuildSelect(((LlvmMath *)math)->em->builder, condition, a, b, "");
}

static void *word_either(WordMath *math, void *a, void *b)
{
    return LLVMBuildOr(((LlvmMath *)math)->em->builder, a, b, "");
}

static void *word_to_bits(WordMath *math, void *real)
{
    return bits_of(((LlvmMath *)math)->em, real);
}

static void *word_from_bits(WordMath *math, void *word)
{
    return float_of(((LlvmMath *)math)->em, word);
}

static void *word_multiply(WordMath *math, void *word, double by)
{
    Emitter *em = ((LlvmMath *)math)->em;
    Llvm count = LLVMBuildSIToFP(em->builder, word, type_like(em, em->f32, word), "");
    return LLVMBuildFMul(em->builder, count, real_like(em, count, by), "");
}

static void *word_add(WordMath *math, void *real, double to)
{
    Emitter *em = ((LlvmMath *)math)->em;
    return LLVMBuildFAdd(em->builder, real, real_like(em, real, to), "");
}

static LlvmMath word_math(Emitter *em, Llvm like)
{
    return (LlvmMath){{word_number, word_operation, word_select, word_either, word_to_bits,
                       word_from_bits, word_multiply, word_add},
                      em,
                      like};
}

/* ---- Small floats ------------------------------------------------------------------------ */

static Llvm read_small(Emitter *em, Llvm value, TnElementType type)
{
    LLVMBuilderRef b = em->builder;
    if (type == TN_FLOAT16 && em->has_f16c) {
        Llvm half = LLVMBuildBitCast(b, value, type_like(em, em->f16, value), "");
        return LLVMBuildFPExt(b, half, type_like(em, em->f32, value), "");
    }
    LlvmMath math = word_math(em, value);
    Llvm word = LLVMBuildZExt(b, value, type_like(em, em->i32, value), "");
    return small_float_read(&math.math, type, word);
}

/* Rounded toward zero with the last bit set where that lost something. */
static Llvm double_to_odd_float(Emitter *em, Llvm value)
{
    LLVMBuilderRef b = em->builder;
    Llvm near = LLVMBuildFPTrunc(b, value, type_like(em, em->f32, value), "");
    Llvm again = LLVMBuildFPExt(b, near, LLVMTypeOf(value), ""), bits = bits_of(em, near);
    LLVMTypeRef wide = LLVMTypeOf(bits);
    Llvm inexact = LLVMBuildFCmp(b, LLVMRealONE, again, value, "");
    Llvm rounded = emit_intrinsic(em, "llvm.fabs", LLVMTypeOf(value), &again, 1);
    Llvm exact = emit_intrinsic(em, "llvm.fabs", LLVMTypeOf(value), &value, 1);
    Llvm far = LLVMBuildFCmp(b, LLVMRealOGT, rounded, exact, "");
    bits = LLVMBuildSub(b, bits, LLVMBuildZExt(b, far, wide, ""), "");
    return float_of(em, LLVMBuildOr(b, bits, LLVMBuildZExt(b, inexact, wide, ""), ""));
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
    LlvmMath math = word_math(em, value);
    Llvm code = small_float_write(&math.math, to, value, saturate);
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
    Llvm number = emit_overloaded(em, name, types, 2, &value, 1);
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
    if (is_small_float(from)) {
        value = read_small(em, value, from);
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
    return from == to ? value : convert_number(em, value, from, to);
}
