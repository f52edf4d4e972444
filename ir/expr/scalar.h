/* SPDX-License-Identifier: Apache-2.0
 *
 * What the columns of expr.def mean in C, for whoever evaluates scalars: helpers that dispatch on
 * their first operand's type, and operations on bit patterns for constant folding.
 *
 * To use a column, declare `a` and `b` of the C type at hand and define MATH(name) as the function
 * of <math.h> for it: `name##f` for float, `name` for double. Everything is total: nothing traps,
 * shifts and overflows are defined.
 */
#ifndef IR_EXPR_SCALAR_H
#define IR_EXPR_SCALAR_H

#include "ir/expr/expr.h"

#include <math.h>

/* SCALAR_INTEGER(suffix, C type, unsigned C type, minimum or 0, bits) */
#define SCALAR_INTEGERS(SCALAR_INTEGER)                                                            \
    SCALAR_INTEGER(int8, int8_t, uint8_t, INT8_MIN, 8)                                             \
    SCALAR_INTEGER(int16, int16_t, uint16_t, INT16_MIN, 16)                                        \
    SCALAR_INTEGER(int32, int32_t, uint32_t, INT32_MIN, 32)                                        \
    SCALAR_INTEGER(int64, int64_t, uint64_t, INT64_MIN, 64)                                        \
    SCALAR_INTEGER(uint8, uint8_t, uint8_t, 0, 8)                                                  \
    SCALAR_INTEGER(uint16, uint16_t, uint16_t, 0, 16)                                              \
    SCALAR_INTEGER(uint32, uint32_t, uint32_t, 0, 32)                                              \
    SCALAR_INTEGER(uint64, uint64_t, uint64_t, 0, 64)

/* Arithmetic goes through uint64_t, so that neither promotion to int nor overflow is undefined. */
#define SCALAR_HELPERS(suffix, Type, Unsigned, lowest, width)                                      \
    static inline Type wrap_add_##suffix(Type a, Type b)                                           \
    {                                                                                              \
        return (Type)((uint64_t)a + (uint64_t)b);                                                  \
    }                                                                                              \
    static inline Type wrap_subtract_##suffix(Type a, Type b)                                      \
    {                                                                                              \
        return (Type)((uint64_t)a - (uint64_t)b);                                                  \
    }                                                                                              \
    static inline Type wrap_multiply_##suffix(Type a, Type b)                                      \
    {                                                                                              \
        return (Type)((uint64_t)a * (uint64_t)b);                                                  \
    }                                                                                              \
    static inline Type wrap_negate_##suffix(Type a)                                                \
    {                                                                                              \
        return (Type)(0 - (uint64_t)a);                                                            \
    }                                                                                              \
    static inline Type wrap_absolute_##suffix(Type a)                                              \
    {                                                                                              \
        return lowest != 0 && a < 1 ? wrap_negate_##suffix(a) : a;                                 \
    }                                                                                              \
    static inline bool divides_plainly_##suffix(Type a, Type b)                                    \
    {                                                                                              \
        return b != 0 && !(lowest != 0 && a == (Type)lowest && b == (Type)-1);                     \
    }                                                                                              \
    static inline Type safe_divide_##suffix(Type a, Type b)                                        \
    {                                                                                              \
        return divides_plainly_##suffix(a, b) ? (Type)(a / b) : b == 0 ? 0 : a;                    \
    }                                                                                              \
    static inline Type safe_remainder_##suffix(Type a, Type b)                                     \
    {                                                                                              \
        return divides_plainly_##suffix(a, b) ? (Type)(a % b) : 0;                                 \
    }                                                                                              \
    static inline Type floor_modulo_##suffix(Type a, Type b)                                       \
    {                                                                                              \
        Type rest = safe_remainder_##suffix(a, b);                                                 \
        return lowest != 0 && rest != 0 && (rest ^ b) < (Type)1 ? (Type)(rest + b) : rest;         \
    }                                                                                              \
    static inline Type integer_power_##suffix(Type a, Type b)                                      \
    {                                                                                              \
        if (lowest != 0 && b < (Type)1 && b != 0) /* 1 / a^-b, toward zero */                      \
            return a == 1 ? 1 : a == (Type)-1 ? (b & 1 ? a : 1) : 0;                               \
        uint64_t result = 1, square = (uint64_t)a;                                                 \
        for (uint64_t rest = (uint64_t)b; rest; rest >>= 1) {                                      \
            result *= rest & 1 ? square : 1;                                                       \
            square *= square;                                                                      \
        }                                                                                          \
        return (Type)result;                                                                       \
    }                                                                                              \
    static inline bool shifts_inside_##suffix(Type b)                                              \
    {                                                                                              \
        return (uint64_t)b < width;                                                                \
    }                                                                                              \
    static inline Type safe_shift_left_##suffix(Type a, Type b)                                    \
    {                                                                                              \
        return shifts_inside_##suffix(b) ? (Type)((uint64_t)a << b) : 0;                           \
    }                                                                                              \
    static inline Type safe_shift_right_##suffix(Type a, Type b)                                   \
    {                                                                                              \
        return shifts_inside_##suffix(b)              ? (Type)(a >> b)                             \
               : lowest != 0 && a != 0 && a < (Type)1 ? (Type)-1                                   \
                                                      : 0;                                         \
    }
SCALAR_INTEGERS(SCALAR_HELPERS)
#undef SCALAR_HELPERS

static inline float nan_maximum_float(float a, float b)
{
    return a > b || a != a ? a : b;
}
static inline float nan_minimum_float(float a, float b)
{
    return a < b || a != a ? a : b;
}
static inline double nan_maximum_double(double a, double b)
{
    return a > b || a != a ? a : b;
}
static inline double nan_minimum_double(double a, double b)
{
    return a < b || a != a ? a : b;
}

/* a - floor(a / b) * b; a zero has the sign of b, an infinite b gives a or b. */
static inline float floor_modulo_float(float a, float b)
{
    float rest = fmodf(a, b);
    if (rest == 0)
        return copysignf(rest, b);
    return (rest < 0) != (b < 0) ? rest + b : rest;
}
static inline double floor_modulo_double(double a, double b)
{
    double rest = fmod(a, b);
    if (rest == 0)
        return copysign(rest, b);
    return (rest < 0) != (b < 0) ? rest + b : rest;
}

/* a * 2^b, rounded once, for whole b; beyond +-5000 all is zero or infinity. */
static inline int scale2_exponent(double b)
{
    return b > 5000 ? 5000 : b > -5000 ? (int)b : -5000;
}
static inline float scale2f(float a, float b)
{
    return b != b ? b : ldexpf(a, scale2_exponent((double)b));
}
static inline double scale2(double a, double b)
{
    return b != b ? b : ldexp(a, scale2_exponent(b));
}

#define SCALAR_CASES(name)                                                                         \
    int8_t:                                                                                        \
    name##_int8,                                                                                   \
        int16_t : name##_int16,                                                                    \
                  int32_t : name##_int32,                                                          \
                            int64_t : name##_int64,                                                \
                                      uint8_t : name##_uint8,                                      \
                                                uint16_t : name##_uint16,                          \
                                                           uint32_t : name##_uint32,               \
                                                                      uint64_t : name##_uint64
#define wrap_add(a, b)         _Generic((a), SCALAR_CASES(wrap_add))(a, b)
#define wrap_subtract(a, b)    _Generic((a), SCALAR_CASES(wrap_subtract))(a, b)
#define wrap_multiply(a, b)    _Generic((a), SCALAR_CASES(wrap_multiply))(a, b)
#define wrap_negate(a)         _Generic((a), SCALAR_CASES(wrap_negate))(a)
#define wrap_absolute(a)       _Generic((a), SCALAR_CASES(wrap_absolute))(a)
#define safe_divide(a, b)      _Generic((a), SCALAR_CASES(safe_divide))(a, b)
#define safe_remainder(a, b)   _Generic((a), SCALAR_CASES(safe_remainder))(a, b)
#define integer_power(a, b)    _Generic((a), SCALAR_CASES(integer_power))(a, b)
#define safe_shift_left(a, b)  _Generic((a), SCALAR_CASES(safe_shift_left))(a, b)
#define safe_shift_right(a, b) _Generic((a), SCALAR_CASES(safe_shift_right))(a, b)
#define floor_modulo(a, b)                                                                         \
    _Generic((a), float                                                                            \
             : floor_modulo_float, double                                                          \
             : floor_modulo_double, SCALAR_CASES(floor_modulo))(a, b)
#define nan_maximum(a, b)                                                                          \
    _Generic((a), float : nan_maximum_float, double : nan_maximum_double)(a, b)
#define nan_minimum(a, b)                                                                          \
    _Generic((a), float : nan_minimum_float, double : nan_minimum_double)(a, b)

/* ---- On bit patterns --------------------------------------------------------------------- */

/* Operands and results are elements' bits, zero-extended, as in Expr.bits. The types are compute
 * types. */
bool scalar_exists(ExprKind kind, TnElementType type); /* whether expr.def has that operation */
uint64_t scalar_unary(ExprKind kind, TnElementType type, uint64_t a);
uint64_t scalar_binary(ExprKind kind, TnElementType type, uint64_t a, uint64_t b);
bool scalar_compare(ExprKind kind, TnElementType type, uint64_t a, uint64_t b);
uint64_t scalar_fma(TnElementType type, uint64_t a, uint64_t b, uint64_t c);
/* Between any two types, the small ones included. */
uint64_t scalar_convert(TnElementType to, TnElementType from, bool saturate, uint64_t a);

double scalar_to_double(TnElementType type, uint64_t bits);
int64_t scalar_to_int64(TnElementType type, uint64_t bits);
uint64_t scalar_from_double(TnElementType type, double value);
uint64_t scalar_from_int64(TnElementType type, int64_t value);

#endif
