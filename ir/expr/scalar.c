/* SPDX-License-Identifier: Apache-2.0
 *
 * Scalar operations on bit patterns: expr.def's columns, once for each type.
 */
#include "ir/expr/scalar.h"
#include "runtime/bits.h"

#include <assert.h>
#include <string.h>

#define none 0

typedef enum Column {
    COLUMN_NONE = 0,
    COLUMN_FLOATS = 1,
    COLUMN_INTEGERS = 2,
    COLUMN_BOTH = 3
} Column;

/* Whether a column's text is the word none: it alone is a macro here. */
#define TEXT_OF(...)   #__VA_ARGS__
#define EXISTS_IN(...) (TEXT_OF(__VA_ARGS__)[0] != '0')

static Column columns(ExprKind kind)
{
    switch ((int)kind) {
#define COLUMN_OF(floats, integers)                                                                \
    (Column)((EXISTS_IN(floats) ? COLUMN_FLOATS : 0) | (EXISTS_IN(integers) ? COLUMN_INTEGERS : 0))
        /* clang-format off */
#define UNARY(name, cost, floats, integers)                                                              \
    case EXPR_##name: return COLUMN_OF(floats, integers);
#define BINARY(name, cost, floats, integers)                                                             \
    case EXPR_##name: return COLUMN_OF(floats, integers);
#define COMPARE(name, meaning)                                                                     \
    case EXPR_##name: return COLUMN_BOTH;
#include "expr.def"
    /* clang-format on */
    case EXPR_fma: return COLUMN_FLOATS;
    }
    return COLUMN_NONE;
}

bool scalar_exists(ExprKind kind, TnElementType type)
{
    if (type == TN_BOOL)
        return kind == EXPR_not || kind == EXPR_and || kind == EXPR_or || kind == EXPR_xor ||
               kind == EXPR_maximum || kind == EXPR_minimum || kind == EXPR_equal ||
               kind == EXPR_not_equal || kind == EXPR_less || kind == EXPR_less_equal;
    Column column = columns(kind);
    return type == TN_FLOAT || type == TN_DOUBLE ? column & COLUMN_FLOATS
                                                 : column & COLUMN_INTEGERS;
}

#define FLOATS(floats, integers)   floats
#define INTEGERS(floats, integers) integers

#define MATH(name)                 name##f
#define SCALAR_TYPE                float
#define SCALAR_NAME(f)             f##_float
#define SCALAR_COLUMN              FLOATS
#include "scalar.inc"
#undef MATH

#define MATH(name)     name
#define SCALAR_TYPE    double
#define SCALAR_NAME(f) f##_double
#define SCALAR_COLUMN  FLOATS
#include "scalar.inc"

#define SCALAR_TYPE    int8_t
#define SCALAR_NAME(f) f##_int8
#define SCALAR_COLUMN  INTEGERS
#include "scalar.inc"

#define SCALAR_TYPE    int16_t
#define SCALAR_NAME(f) f##_int16
#define SCALAR_COLUMN  INTEGERS
#include "scalar.inc"

#define SCALAR_TYPE    int32_t
#define SCALAR_NAME(f) f##_int32
#define SCALAR_COLUMN  INTEGERS
#include "scalar.inc"

#define SCALAR_TYPE    int64_t
#define SCALAR_NAME(f) f##_int64
#define SCALAR_COLUMN  INTEGERS
#include "scalar.inc"

#define SCALAR_TYPE    uint8_t
#define SCALAR_NAME(f) f##_uint8
#define SCALAR_COLUMN  INTEGERS
#include "scalar.inc"

#define SCALAR_TYPE    uint16_t
#define SCALAR_NAME(f) f##_uint16
#define SCALAR_COLUMN  INTEGERS
#include "scalar.inc"

#define SCALAR_TYPE    uint32_t
#define SCALAR_NAME(f) f##_uint32
#define SCALAR_COLUMN  INTEGERS
#include "scalar.inc"

#define SCALAR_TYPE    uint64_t
#define SCALAR_NAME(f) f##_uint64
#define SCALAR_COLUMN  INTEGERS
#include "scalar.inc"

/* The compute types but bool: CASE(enumerator, suffix, bits as C value, C value as bits). */
#define INTEGER_TYPES(CASE)                                                                        \
    CASE(TN_INT8, int8, (int8_t), (uint8_t))                                                       \
    CASE(TN_INT16, int16, (int16_t), (uint16_t))                                                   \
    CASE(TN_INT32, int32, (int32_t), (uint32_t))                                                   \
    CASE(TN_INT64, int64, (int64_t), (uint64_t))                                                   \
    CASE(TN_UINT8, uint8, (uint8_t), (uint8_t))                                                    \
    CASE(TN_UINT16, uint16, (uint16_t), (uint16_t))                                                \
    CASE(TN_UINT32, uint32, (uint32_t), (uint32_t))                                                \
    CASE(TN_UINT64, uint64, (uint64_t), (uint64_t))
#define COMPUTE_TYPES(CASE)                                                                        \
    CASE(TN_FLOAT, float, float_from_bits, float_to_bits)                                          \
    CASE(TN_DOUBLE, double, double_from_bits, double_to_bits)                                      \
    INTEGER_TYPES(CASE)

uint64_t scalar_unary(ExprKind kind, TnElementType type, uint64_t a)
{
    assert(scalar_exists(kind, type));
    if (type == TN_BOOL)
        return !a;
    switch ((int)type) {
#define CASE(enumerator, suffix, from_bits, to_bits)                                               \
    case enumerator: return to_bits(unary_##suffix(kind, from_bits(a)));
        COMPUTE_TYPES(CASE)
#undef CASE
    }
    return 0;
}

uint64_t scalar_binary(ExprKind kind, TnElementType type, uint64_t a, uint64_t b)
{
    assert(scalar_exists(kind, type));
    if (type == TN_BOOL)
        return binary_uint8(kind, (uint8_t)a, (uint8_t)b);
    switch ((int)type) {
#define CASE(enumerator, suffix, from_bits, to_bits)                                               \
    case enumerator: return to_bits(binary_##suffix(kind, from_bits(a), from_bits(b)));
        COMPUTE_TYPES(CASE)
#undef CASE
    }
    return 0;
}

bool scalar_compare(ExprKind kind, TnElementType type, uint64_t a, uint64_t b)
{
    if (type == TN_BOOL)
        return compare_uint8(kind, (uint8_t)a, (uint8_t)b);
    switch ((int)type) {
#define CASE(enumerator, suffix, from_bits, to_bits)                                               \
    case enumerator: return compare_##suffix(kind, from_bits(a), from_bits(b));
        COMPUTE_TYPES(CASE)
#undef CASE
    }
    return false;
}

uint64_t scalar_fma(TnElementType type, uint64_t a, uint64_t b, uint64_t c)
{
    assert(type == TN_FLOAT || type == TN_DOUBLE);
    return type == TN_FLOAT
               ? float_to_bits(fmaf(float_from_bits(a), float_from_bits(b), float_from_bits(c)))
               : double_to_bits(fma(double_from_bits(a), double_from_bits(b), double_from_bits(c)));
}

/* An element in memory, from its bits and back: little-endian hosts only, as all of Tenon. */
typedef union Cell {
    uint64_t bits;
    unsigned char bytes[16];
} Cell;

double scalar_to_double(TnElementType type, uint64_t bits)
{
    return element_to_double(type, &(Cell){.bits = bits});
}

int64_t scalar_to_int64(TnElementType type, uint64_t bits)
{
    return element_to_int64(type, &(Cell){.bits = bits});
}

uint64_t scalar_from_double(TnElementType type, double value)
{
    Cell cell = {0};
    element_from_double(type, value, true, &cell);
    return cell.bits;
}

uint64_t scalar_from_int64(TnElementType type, int64_t value)
{
    Cell cell = {0};
    element_from_int64(type, value, &cell);
    return cell.bits;
}

/* The narrowing from uint64 rounds from the unsigned value. */
static uint64_t uint64_to_float(TnElementType to, bool saturate, uint64_t a)
{
    Cell cell = {0};
    if (to == TN_FLOAT)
        return float_to_bits((float)a);
    uint64_t low = a & 0xfff; /* to odd, so that the second rounding is the only one */
    double value = to == TN_DOUBLE || a < (uint64_t)1 << 53
                       ? (double)a
                       : (double)((a & ~(uint64_t)0xfff) | (low ? 0x800 : 0));
    element_from_double(to, value, saturate, &cell);
    return cell.bits;
}

uint64_t scalar_convert(TnElementType to, TnElementType from, bool saturate, uint64_t a)
{
    ElementKind source = element_kind(from), target = element_kind(to);
    if (to == from)
        return a;
    if (source == ELEMENT_KIND_FLOAT) {
        Cell cell = {0};
        element_from_double(to, scalar_to_double(from, a), saturate, &cell);
        return cell.bits;
    }
    if (from == TN_UINT64 && target == ELEMENT_KIND_FLOAT)
        return uint64_to_float(to, saturate, a);
    if (target == ELEMENT_KIND_FLOAT) {
        int64_t value = scalar_to_int64(from, a);
        Cell cell = {0};
        if (value > -(INT64_C(1) << 53) && value < INT64_C(1) << 53)
            element_from_double(to, (double)value, saturate, &cell);
        else
            element_from_int64(to, value, &cell);
        return cell.bits;
    }
    return scalar_from_int64(to, scalar_to_int64(from, a));
}
