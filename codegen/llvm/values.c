/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations on values, on scalars or on vectors: whichever the operands are.
 *
 * What LLVM would hand to a library, lane by lane (exp, sin, ...), is called by its C name; the
 * processor-independent lowering of functions to polynomials happens before (codegen/math.c), so
 * only the rare functions get here.
 */
#include "emitter.h"

#include <assert.h>
#include <string.h>

bool is_vector(Llvm value)
{
    return LLVMGetTypeKind(LLVMTypeOf(value)) == LLVMVectorTypeKind;
}

LLVMTypeRef type_like(Emitter *em, LLVMTypeRef scalar, Llvm like)
{
    return is_vector(like) ? LLVMVectorType(scalar, em->lanes) : scalar;
}

Llvm constant_int(Emitter *em, LLVMTypeRef type, int64_t value)
{
    (void)em;
    return LLVMConstInt(type, (unsigned long long)value, true);
}

Llvm constant_lanes(Emitter *em, LLVMTypeRef element, const int64_t *values)
{
    Llvm lanes[MAX_LANES];
    for (unsigned l = 0; l < em->lanes; l++)
        lanes[l] = LLVMConstInt(element, (unsigned long long)values[l], true);
    return LLVMConstVector(lanes, em->lanes);
}

static Llvm repeat(Emitter *em, Llvm constant, bool vector)
{
    Llvm lanes[MAX_LANES];
    if (!vector)
        return constant;
    for (unsigned l = 0; l < em->lanes; l++)
        lanes[l] = constant;
    return LLVMConstVector(lanes, em->lanes);
}

static LLVMTypeRef scalar_type(Llvm value)
{
    LLVMTypeRef type = LLVMTypeOf(value);
    return is_vector(value) ? LLVMGetElementType(type) : type;
}

Llvm constant_like(Emitter *em, Llvm value, int64_t number)
{
    return repeat(em, constant_int(em, scalar_type(value), number), is_vector(value));
}

Llvm real_like(Emitter *em, Llvm value, double number)
{
    return repeat(em, LLVMConstReal(scalar_type(value), number), is_vector(value));
}

Llvm splat(Emitter *em, Llvm scalar)
{
    if (em->lanes == 1 || is_vector(scalar))
        return scalar;
    if (LLVMIsConstant(scalar))
        return repeat(em, scalar, true);
    Llvm poison = LLVMGetPoison(LLVMVectorType(LLVMTypeOf(scalar), em->lanes));
    Llvm first =
        LLVMBuildInsertElement(em->builder, poison, scalar, constant_int(em, em->i32, 0), "");
    Llvm zeros = LLVMConstNull(LLVMVectorType(em->i32, em->lanes));
    return LLVMBuildShuffleVector(em->builder, first, poison, zeros, "");
}

Llvm both_masks(Emitter *em, Llvm a, Llvm b)
{
    return !a ? b : !b ? a : LLVMBuildAnd(em->builder, a, b, "");
}

Llvm emit_overloaded(Emitter *em, const char *name, LLVMTypeRef *types, unsigned type_count,
                     Llvm *args, unsigned count)
{
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    Llvm callee = LLVMGetIntrinsicDeclaration(em->module, id, types, type_count);
    LLVMTypeRef type = LLVMIntrinsicGetType(em->context, id, types, type_count);
    return LLVMBuildCall2(em->builder, type, callee, args, count, "");
}

Llvm emit_intrinsic(Emitter *em, const char *name, LLVMTypeRef type, Llvm *args, unsigned count)
{
    return emit_overloaded(em, name, &type, type ? 1 : 0, args, count);
}

/* ---- Functions of the C library ---------------------------------------------------------- */

static Llvm call_library(Emitter *em, const char *name, TnElementType type, Llvm *args,
                         unsigned count)
{
    LLVMTypeRef scalar = value_type(em, type), types[] = {scalar, scalar, scalar};
    LLVMTypeRef function_type = LLVMFunctionType(scalar, types, count, false);
    char symbol[32];
    size_t length = strlen(name);
    memcpy(symbol, name, length + 1);
    if (type == TN_FLOAT)
        memcpy(symbol + length, "f", 2);
    Llvm callee = LLVMGetNamedFunction(em->module, symbol);
    if (!callee)
        callee = LLVMAddFunction(em->module, symbol, function_type);
    if (!is_vector(args[0]))
        return LLVMBuildCall2(em->builder, function_type, callee, args, count, "");
    Llvm result = LLVMGetPoison(LLVMTypeOf(args[0]));
    for (unsigned l = 0; l < em->lanes; l++) {
        Llvm lane = constant_int(em, em->i32, l), own[3];
        for (unsigned i = 0; i < count; i++)
            own[i] = LLVMBuildExtractElement(em->builder, args[i], lane, "");
        Llvm value = LLVMBuildCall2(em->builder, function_type, callee, own, count, "");
        result = LLVMBuildInsertElement(em->builder, result, value, lane, "");
    }
    return result;
}

/* ---- Floats ------------------------------------------------------------------------------ */

/* 2^n for a whole n within the exponents of normal numbers. */
static Llvm power_of_two(Emitter *em, Llvm n, bool is_double)
{
    int mantissa_bits = is_double ? 52 : 23, bias = is_double ? 1023 : 127;
    n = LLVMBuildAdd(em->builder, n, constant_like(em, n, bias), "");
    n = LLVMBuildShl(em->builder, n, constant_like(em, n, mantissa_bits), "");
    return LLVMBuildBitCast(em->builder, n, type_like(em, is_double ? em->f64 : em->f32, n), "");
}

/* a * 2^b in two steps, so that neither factor overflows. */
static Llvm emit_scale2(Emitter *em, TnElementType type, Llvm a, Llvm b)
{
    LLVMBuilderRef builder = em->builder;
    bool is_double = type == TN_DOUBLE;
    if (em->lanes == 16 && !is_double && is_vector(a) && em->target->vector_bytes == 64) {
        Llvm args[] = {a, b, a, LLVMConstAllOnes(em->i16), constant_int(em, em->i32, 4)};
        return emit_intrinsic(em, "llvm.x86.avx512.mask.scalef.ps.512", NULL, args, 5);
    }
    int limit = is_double ? 2098 : 278; /* beyond it everything is zero or infinity */
    LLVMTypeRef whole = type_like(em, is_double ? em->i64 : em->i32, b);
    Llvm above = LLVMBuildFCmp(builder, LLVMRealOGT, b, real_like(em, b, limit), "");
    Llvm below = LLVMBuildFCmp(builder, LLVMRealOGT, real_like(em, b, -limit), b, "");
    Llvm cut = LLVMBuildSelect(builder, above, real_like(em, b, limit), b, "");
    cut = LLVMBuildSelect(builder, below, real_like(em, b, -limit), cut, "");
    Llvm is_number = LLVMBuildFCmp(builder, LLVMRealORD, b, b, "");
    cut = LLVMBuildSelect(builder, is_number, cut, real_like(em, b, 0), "");
    Llvm n = LLVMBuildFPToSI(builder, cut, whole, ""), value = a;
    /* thirds stay within the exponents: the factors are at most 2^700 and 2^93 */
    Llvm third = LLVMBuildSDiv(builder, n, constant_like(em, n, 3), "");
    Llvm rest = LLVMBuildSub(builder, n, LLVMBuildAdd(builder, third, third, ""), "");
    value = LLVMBuildFMul(builder, value, power_of_two(em, third, is_double), "");
    value = LLVMBuildFMul(builder, value, power_of_two(em, third, is_double), "");
    value = LLVMBuildFMul(builder, value, power_of_two(em, rest, is_double), "");
    return LLVMBuildSelect(builder, is_number, value, b, "");
}

/* a > b or a is NaN ? a : b; where one operand is a number for certain, a single instruction. */
static Llvm emit_float_extremum(Emitter *em, bool maximum, Llvm a, Llvm b)
{
    LLVMBuilderRef builder = em->builder;
    LLVMRealPredicate predicate = maximum ? LLVMRealOGT : LLVMRealOLT;
    if (LLVMIsConstant(b) && !LLVMIsConstant(a)) {
        Llvm swap = a;
        a = b, b = swap;
    }
    Llvm better = LLVMBuildFCmp(builder, predicate, a, b, "");
    Llvm result = LLVMBuildSelect(builder, better, a, b, "");
    if (LLVMIsConstant(a)) /* NaN constants are folded away before */
        return result;
    Llvm is_nan = LLVMBuildFCmp(builder, LLVMRealUNO, a, a, "");
    return LLVMBuildSelect(builder, is_nan, a, result, "");
}

static Llvm emit_float_modulo(Emitter *em, Llvm a, Llvm b)
{
    LLVMBuilderRef builder = em->builder;
    Llvm rest = LLVMBuildFRem(builder, a, b, ""), zero = real_like(em, a, 0), args[] = {rest, b};
    Llvm signed_zero = emit_intrinsic(em, "llvm.copysign", LLVMTypeOf(a), args, 2);
    Llvm is_below = LLVMBuildFCmp(builder, LLVMRealOLT, rest, zero, "");
    Llvm divides_by_below = LLVMBuildFCmp(builder, LLVMRealOLT, b, zero, "");
    Llvm differ = LLVMBuildXor(builder, is_below, divides_by_below, "");
    Llvm moved = LLVMBuildFAdd(builder, rest, b, "");
    Llvm is_zero = LLVMBuildFCmp(builder, LLVMRealOEQ, rest, zero, "");
    return LLVMBuildSelect(builder, is_zero, signed_zero,
                           LLVMBuildSelect(builder, differ, moved, rest, ""), "");
}

static Llvm emit_float_binary(Emitter *em, ExprKind kind, TnElementType type, Llvm *src)
{
    LLVMBuilderRef builder = em->builder;
    LLVMTypeRef shape = LLVMTypeOf(src[0]);
    switch (kind) {
    case EXPR_add: return LLVMBuildFAdd(builder, src[0], src[1], "");
    case EXPR_subtract: return LLVMBuildFSub(builder, src[0], src[1], "");
    case EXPR_multiply: return LLVMBuildFMul(builder, src[0], src[1], "");
    case EXPR_divide: return LLVMBuildFDiv(builder, src[0], src[1], "");
    case EXPR_remainder: return LLVMBuildFRem(builder, src[0], src[1], "");
    case EXPR_modulo: return emit_float_modulo(em, src[0], src[1]);
    case EXPR_maximum: return emit_float_extremum(em, true, src[0], src[1]);
    case EXPR_minimum: return emit_float_extremum(em, false, src[0], src[1]);
    case EXPR_copysign: return emit_intrinsic(em, "llvm.copysign", shape, src, 2);
    case EXPR_scale2: return emit_scale2(em, type, src[0], src[1]);
    case EXPR_power: return call_library(em, "pow", type, src, 2);
    case EXPR_atan2: return call_library(em, "atan2", type, src, 2);
    default: assert(!"no such operation on floats"); return NULL;
    }
}

static Llvm emit_float_unary(Emitter *em, ExprKind kind, TnElementType type, Llvm *src)
{
    LLVMTypeRef shape = LLVMTypeOf(src[0]);
    switch (kind) {
    case EXPR_negate: return LLVMBuildFNeg(em->builder, src[0], "");
    case EXPR_absolute: return emit_intrinsic(em, "llvm.fabs", shape, src, 1);
    case EXPR_sqrt: return emit_intrinsic(em, "llvm.sqrt", shape, src, 1);
    case EXPR_floor: return emit_intrinsic(em, "llvm.floor", shape, src, 1);
    case EXPR_ceil: return emit_intrinsic(em, "llvm.ceil", shape, src, 1);
    case EXPR_trunc: return emit_intrinsic(em, "llvm.trunc", shape, src, 1);
    case EXPR_round: return emit_intrinsic(em, "llvm.rint", shape, src, 1);
    default: return call_library(em, expr_kind_name(kind), type, src, 1);
    }
}

/* ---- Integers ---------------------------------------------------------------------------- */

static Llvm is_number(Emitter *em, Llvm value, int64_t number)
{
    return LLVMBuildICmp(em->builder, LLVMIntEQ, value, constant_like(em, value, number), "");
}

/* x / 0 = 0 and x % 0 = 0; the minimum divided by -1 wraps. */
static Llvm emit_safe_division(Emitter *em, bool quotient, bool sign, Llvm a, Llvm b)
{
    LLVMBuilderRef builder = em->builder;
    Llvm zero = constant_like(em, a, 0), by_zero = is_number(em, b, 0), result;
    Llvm special = by_zero, by_minus_one = NULL;
    if (sign) {
        by_minus_one = is_number(em, b, -1);
        special = LLVMBuildOr(builder, by_zero, by_minus_one, "");
    }
    Llvm plain = LLVMBuildSelect(builder, special, constant_like(em, b, 1), b, "");
    if (!quotient) {
        result = (sign ? LLVMBuildSRem : LLVMBuildURem)(builder, a, plain, "");
        return LLVMBuildSelect(builder, special, zero, result, "");
    }
    result = (sign ? LLVMBuildSDiv : LLVMBuildUDiv)(builder, a, plain, "");
    if (sign)
        result = LLVMBuildSelect(builder, by_minus_one, LLVMBuildNeg(builder, a, ""), result, "");
    return LLVMBuildSelect(builder, by_zero, zero, result, "");
}

/* The sign of b. */
static Llvm emit_floor_modulo(Emitter *em, bool sign, Llvm a, Llvm b)
{
    LLVMBuilderRef builder = em->builder;
    Llvm rest = emit_safe_division(em, false, sign, a, b), zero = constant_like(em, a, 0);
    if (!sign)
        return rest;
    Llvm differ = LLVMBuildICmp(builder, LLVMIntSLT, LLVMBuildXor(builder, rest, b, ""), zero, "");
    differ = LLVMBuildAnd(builder, differ, LLVMBuildNot(builder, is_number(em, rest, 0), ""), "");
    return LLVMBuildSelect(builder, differ, LLVMBuildAdd(builder, rest, b, ""), rest, "");
}

/* By squaring; 1 / a^-b rounds toward zero. */
static Llvm emit_integer_power(Emitter *em, TnElementType type, Llvm a, Llvm b)
{
    LLVMBuilderRef builder = em->builder;
    Llvm one = constant_like(em, a, 1), zero = constant_like(em, a, 0), result = one, square = a;
    int bits = element_bits(type);
    for (int i = 0; i < bits; i++) {
        Llvm bit = LLVMBuildAnd(builder, b, constant_like(em, b, (int64_t)(UINT64_C(1) << i)), "");
        Llvm set = LLVMBuildNot(builder, is_number(em, bit, 0), "");
        Llvm more = LLVMBuildMul(builder, result, square, "");
        result = LLVMBuildSelect(builder, set, more, result, "");
        square = LLVMBuildMul(builder, square, square, "");
    }
    if (!is_signed(type))
        return result;
    Llvm odd = is_number(em, LLVMBuildAnd(builder, b, one, ""), 1);
    Llvm inverse = LLVMBuildSelect(builder, odd, a, one, "");
    inverse = LLVMBuildSelect(builder, is_number(em, a, -1), inverse, zero, "");
    inverse = LLVMBuildSelect(builder, is_number(em, a, 1), one, inverse, "");
    Llvm negative = LLVMBuildICmp(builder, LLVMIntSLT, b, zero, "");
    return LLVMBuildSelect(builder, negative, inverse, result, "");
}

static Llvm emit_safe_shift(Emitter *em, ExprKind kind, TnElementType type, Llvm a, Llvm b)
{
    LLVMBuilderRef builder = em->builder;
    int bits = element_bits(type);
    Llvm zero = constant_like(em, a, 0), width = constant_like(em, b, bits);
    Llvm inside = LLVMBuildICmp(builder, LLVMIntULT, b, width, "");
    Llvm by = LLVMBuildSelect(builder, inside, b, zero, "");
    if (kind == EXPR_shift_left)
        return LLVMBuildSelect(builder, inside, LLVMBuildShl(builder, a, by, ""), zero, "");
    if (!is_signed(type))
        return LLVMBuildSelect(builder, inside, LLVMBuildLShr(builder, a, by, ""), zero, "");
    Llvm sign = LLVMBuildAShr(builder, a, constant_like(em, a, bits - 1), "");
    return LLVMBuildSelect(builder, inside, LLVMBuildAShr(builder, a, by, ""), sign, "");
}

static Llvm emit_integer_binary(Emitter *em, ExprKind kind, TnElementType type, Llvm *src)
{
    LLVMBuilderRef builder = em->builder;
    LLVMTypeRef shape = LLVMTypeOf(src[0]);
    bool sign = is_signed(type), is_bool = type == TN_BOOL;
    switch (kind) {
    case EXPR_add: return LLVMBuildAdd(builder, src[0], src[1], "");
    case EXPR_subtract: return LLVMBuildSub(builder, src[0], src[1], "");
    case EXPR_multiply: return LLVMBuildMul(builder, src[0], src[1], "");
    case EXPR_divide: return emit_safe_division(em, true, sign, src[0], src[1]);
    case EXPR_remainder: return emit_safe_division(em, false, sign, src[0], src[1]);
    case EXPR_modulo: return emit_floor_modulo(em, sign, src[0], src[1]);
    case EXPR_power: return emit_integer_power(em, type, src[0], src[1]);
    case EXPR_maximum:
        return is_bool ? LLVMBuildOr(builder, src[0], src[1], "")
                       : emit_intrinsic(em, sign ? "llvm.smax" : "llvm.umax", shape, src, 2);
    case EXPR_minimum:
        return is_bool ? LLVMBuildAnd(builder, src[0], src[1], "")
                       : emit_intrinsic(em, sign ? "llvm.smin" : "llvm.umin", shape, src, 2);
    case EXPR_and: return LLVMBuildAnd(builder, src[0], src[1], "");
    case EXPR_or: return LLVMBuildOr(builder, src[0], src[1], "");
    case EXPR_xor: return LLVMBuildXor(builder, src[0], src[1], "");
    case EXPR_shift_left:
    case EXPR_shift_right: return emit_safe_shift(em, kind, type, src[0], src[1]);
    default: assert(!"no such operation on integers"); return NULL;
    }
}

static Llvm emit_integer_unary(Emitter *em, ExprKind kind, TnElementType type, Llvm a)
{
    LLVMBuilderRef builder = em->builder;
    Llvm zero = LLVMConstNull(LLVMTypeOf(a));
    switch (kind) {
    case EXPR_negate: return LLVMBuildNeg(builder, a, "");
    case EXPR_not: return LLVMBuildNot(builder, a, "");
    case EXPR_absolute: {
        if (!is_signed(type))
            return a;
        Llvm negative = LLVMBuildICmp(builder, LLVMIntSLT, a, zero, "");
        return LLVMBuildSelect(builder, negative, LLVMBuildNeg(builder, a, ""), a, "");
    }
    default: assert(!"no such operation on integers"); return NULL;
    }
}

/* ---- Both -------------------------------------------------------------------------------- */

static Llvm emit_compare(Emitter *em, ExprKind kind, TnElementType type, Llvm a, Llvm b)
{
    bool sign = is_signed(type);
    switch (kind) {
    case EXPR_less:
        return is_real(type) ? LLVMBuildFCmp(em->builder, LLVMRealOLT, a, b, "")
                             : LLVMBuildICmp(em->builder, sign ? LLVMIntSLT : LLVMIntULT, a, b, "");
    case EXPR_less_equal:
        return is_real(type) ? LLVMBuildFCmp(em->builder, LLVMRealOLE, a, b, "")
                             : LLVMBuildICmp(em->builder, sign ? LLVMIntSLE : LLVMIntULE, a, b, "");
    case EXPR_equal:
        return is_real(type) ? LLVMBuildFCmp(em->builder, LLVMRealOEQ, a, b, "")
                             : LLVMBuildICmp(em->builder, LLVMIntEQ, a, b, "");
    case EXPR_not_equal:
        return is_real(type) ? LLVMBuildFCmp(em->builder, LLVMRealUNE, a, b, "")
                             : LLVMBuildICmp(em->builder, LLVMIntNE, a, b, "");
    default: assert(!"not a comparison"); return NULL;
    }
}

static bool is_compare(ExprKind kind)
{
    switch ((int)kind) {
#define UNARY(name, cost, floats, integers)
#define BINARY(name, cost, floats, integers)
#define COMPARE(name, meaning) case EXPR_##name:
#include "ir/expr/expr.def"
        return true;
    }
    return false;
}

/* Halves, quarters, ...: one fixed tree. */
static Llvm emit_across(Emitter *em, const Expr *e, Llvm value)
{
    ExprKind kind = e->kind == EXPR_across_sum   ? EXPR_add
                    : e->kind == EXPR_across_max ? EXPR_maximum
                                                 : EXPR_minimum;
    if (em->lanes == 1)
        return value;
    value = splat(em, value);
    for (unsigned half = em->lanes / 2; half; half /= 2) {
        int64_t lanes[MAX_LANES];
        for (unsigned l = 0; l < em->lanes; l++)
            lanes[l] = l ^ half;
        Llvm pair[] = {value, LLVMBuildShuffleVector(em->builder, value, value,
                                                     constant_lanes(em, em->i32, lanes), "")};
        value = is_real(e->type) ? emit_float_binary(em, kind, e->type, pair)
                                 : emit_integer_binary(em, kind, e->type, pair);
    }
    return LLVMBuildExtractElement(em->builder, value, constant_int(em, em->i32, 0), "");
}

/* Words of four bytes: the first unsigned, the second signed. */
static Llvm emit_dot4(Emitter *em, Llvm a, Llvm b, Llvm sum)
{
    LLVMBuilderRef builder = em->builder;
    for (int byte = 0; byte < 4; byte++) {
        Llvm low = LLVMBuildLShr(builder, a, constant_like(em, a, 8 * byte), "");
        low = LLVMBuildAnd(builder, low, constant_like(em, a, 255), "");
        Llvm high = LLVMBuildShl(builder, b, constant_like(em, b, 24 - 8 * byte), "");
        high = LLVMBuildAShr(builder, high, constant_like(em, b, 24), "");
        sum = LLVMBuildAdd(builder, sum, LLVMBuildMul(builder, low, high, ""), "");
    }
    return sum;
}

static Llvm emit_fma(Emitter *em, Llvm *src)
{
    return emit_intrinsic(em, "llvm.fma", LLVMTypeOf(src[0]), src, 3);
}

static Llvm emit_from_index(Emitter *em, const Expr *e)
{
    TnElementType as = element_bytes(e->type) > 4 || is_real(e->type) ? TN_INT64 : TN_INT32;
    if (!mentions_lane(em, e->src[0]))
        return emit_convert(em, emit_index(em, e->src[0]), TN_INT64, e->type, false);
    Llvm index = emit_lane_index(em, e->src[0]);
    LLVMTypeRef type = LLVMVectorType(as == TN_INT64 ? em->i64 : em->i32, em->lanes);
    if (LLVMGetElementType(LLVMTypeOf(index)) == em->i32)
        as = TN_INT32;
    else if (LLVMTypeOf(index) != type)
        index = LLVMBuildTrunc(em->builder, index, type, "");
    return emit_convert(em, index, as, e->type, false);
}

static Llvm emit_constant(Emitter *em, const Expr *e)
{
    LLVMTypeRef type = value_type(em, e->type);
    if (!is_real(e->type))
        return LLVMConstInt(type, e->bits, false);
    LLVMTypeRef bits = e->type == TN_FLOAT ? em->i32 : em->i64;
    return LLVMConstBitCast(LLVMConstInt(bits, e->bits, false), type);
}

static Llvm emit_operation(Emitter *em, const Expr *e, Llvm *src)
{
    TnElementType type = e->src[0]->type;
    switch ((int)e->kind) {
    case EXPR_convert: return emit_convert(em, src[0], type, e->type, e->integer != 0);
    case EXPR_bitcast:
        return LLVMBuildBitCast(em->builder, src[0], type_like(em, value_type(em, e->type), src[0]),
                                "");
    case EXPR_across_sum:
    case EXPR_across_max:
    case EXPR_across_min: return emit_across(em, e, src[0]);
    case EXPR_fma: return emit_fma(em, src);
    case EXPR_dot4: return emit_dot4(em, src[0], src[1], src[2]);
    case EXPR_select: return LLVMBuildSelect(em->builder, src[0], src[1], src[2], "");
    }
    if (is_compare(e->kind))
        return emit_compare(em, e->kind, type, src[0], src[1]);
    if (e->count == 1)
        return is_real(type) ? emit_float_unary(em, e->kind, type, src)
                             : emit_integer_unary(em, e->kind, type, src[0]);
    return is_real(type) ? emit_float_binary(em, e->kind, type, src)
                         : emit_integer_binary(em, e->kind, type, src);
}

/* ---- The walk ---------------------------------------------------------------------------- */

static Memo *memo_slot(Emitter *em, const Expr *e)
{
    uint32_t at = (uint32_t)e->id & em->memo_mask;
    while (em->memo[at].statement == em->statement && em->memo[at].expr != e)
        at = (at + 1) & em->memo_mask;
    return &em->memo[at];
}

static void memo_grow(Emitter *em)
{
    Memo *old = em->memo;
    uint32_t count = em->memo_mask + 1;
    em->memo = ARENA_ARRAY(em->arena, Memo, 2 * count);
    em->memo_mask = 2 * count - 1;
    for (uint32_t i = 0; i < count; i++)
        if (old[i].statement == em->statement)
            *memo_slot(em, old[i].expr) = old[i];
}

static void memo_set(Emitter *em, const Expr *e, Llvm value)
{
    if (2 * ++em->memo_used > em->memo_mask)
        memo_grow(em);
    *memo_slot(em, e) = (Memo){e, value, em->statement};
}

static Llvm emit_new_value(Emitter *em, const Expr *e)
{
    Llvm src[3];
    bool vector = false;
    if (e->kind == EXPR_fetch)
        return emit_fetch(em, e);
    if (e->kind == EXPR_from_index)
        return emit_from_index(em, e);
    if (is_compare(e->kind) && e->src[0]->type == EXPR_INDEX)
        return emit_index_compare(em, e);
    for (int i = 0; i < e->count; i++) {
        src[i] = emit_value(em, e->src[i]);
        vector |= is_vector(src[i]);
    }
    for (int i = 0; vector && i < e->count; i++)
        if (!(e->kind == EXPR_select && i == 0)) /* a condition may stay one bit for all */
            src[i] = splat(em, src[i]);
    return emit_operation(em, e, src);
}

Llvm emit_value(Emitter *em, const Expr *e)
{
    assert(e->type != EXPR_INDEX);
    if (e->kind == EXPR_constant)
        return emit_constant(em, e);
    if (e->kind == EXPR_cell) {
        const Array *array = e->object;
        Llvm value = em->cells[array->id][emit_cell_number(em, e->src[0])];
        assert(value && "a cell that was not set");
        return value;
    }
    Memo *memo = memo_slot(em, e);
    if (memo->statement == em->statement)
        return memo->value;
    Llvm value = emit_new_value(em, e);
    memo_set(em, e, value);
    return value;
}
