/* SPDX-License-Identifier: Apache-2.0
 *
 * Element types: facts and conversions.
 *
 * The small floats share one description: a code is sign, exponent, mantissa from the top; codes
 * with exponent 0 are denormal; codes are ordered as their magnitudes are. So rounding is integer
 * arithmetic on the magnitude, a carry out of the mantissa lands in the exponent by itself, and
 * overflow is "the code is beyond the largest finite one".
 */
#include "runtime/element.h"
#include "runtime/bits.h"

#include <assert.h>
#include <math.h>
#include <string.h>

typedef struct ElementFacts {
    const char *name;
    int bits;
    size_t bytes;
    ElementKind kind;
} ElementFacts;

static const ElementFacts facts[ELEMENT_TYPE_COUNT] = {
    [TN_UNDEFINED] = {"undefined", 0, 0, ELEMENT_KIND_NONE},
#define ELEMENT(name, enumerator, bits, bytes, kind) [TN_##enumerator] = {name, bits, bytes, kind},
#include "element.def"
};

bool element_is_valid(int64_t number)
{
    return number > 0 && number < ELEMENT_TYPE_COUNT;
}

const char *element_name(TnElementType type)
{
    assert((int)type < ELEMENT_TYPE_COUNT);
    return facts[type].name;
}

TnElementType element_by_name(const char *name)
{
    for (int i = 1; i < ELEMENT_TYPE_COUNT; i++)
        if (strcmp(facts[i].name, name) == 0)
            return (TnElementType)i;
    return TN_UNDEFINED;
}

ElementKind element_kind(TnElementType type)
{
    return facts[type].kind;
}

int element_bits(TnElementType type)
{
    return facts[type].bits;
}

size_t element_bytes(TnElementType type)
{
    return facts[type].bytes;
}

bool element_packed_bytes(TnElementType type, int64_t count, int64_t *bytes)
{
    int64_t bits;
    if (facts[type].bits == 0 || count < 0)
        return false;
    if (facts[type].bits >= 8)
        return !__builtin_mul_overflow(count, (int64_t)facts[type].bytes, bytes);
    if (__builtin_mul_overflow(count, (int64_t)facts[type].bits, &bits))
        return false;
    *bytes = bits / 8 + (bits % 8 != 0);
    return true;
}

TnElementType element_compute_type(TnElementType type)
{
    switch (facts[type].kind) {
    case ELEMENT_KIND_FLOAT: return facts[type].bits < 32 ? TN_FLOAT : type;
    case ELEMENT_KIND_SIGNED: return facts[type].bits < 8 ? TN_INT8 : type;
    case ELEMENT_KIND_UNSIGNED: return facts[type].bits < 8 ? TN_UINT8 : type;
    case ELEMENT_KIND_NONE:
    case ELEMENT_KIND_BOOL:
    case ELEMENT_KIND_COMPLEX:
    case ELEMENT_KIND_STRING: break;
    }
    return type;
}

/* ---- Packing ----------------------------------------------------------------------------- */

/* The low `bits` of value as memory holds them: sign-extended for signed types. */
static uint8_t extend(TnElementType type, unsigned value)
{
    unsigned sign = 1u << (facts[type].bits - 1);
    return (uint8_t)(facts[type].kind == ELEMENT_KIND_SIGNED ? (value ^ sign) - sign : value);
}

void element_unpack(TnElementType type, int64_t count, const void *packed, void *elements)
{
    int bits = facts[type].bits;
    if (count <= 0)
        return;
    if (bits >= 8) {
        memcpy(elements, packed, (size_t)count * facts[type].bytes);
        return;
    }
    const uint8_t *from = packed;
    uint8_t *to = elements;
    unsigned mask = (1u << bits) - 1, waiting = 0;
    int waiting_bits = 0;
    for (int64_t i = 0; i < count; i++) {
        if (waiting_bits < bits) {
            waiting |= (unsigned)*from++ << waiting_bits;
            waiting_bits += 8;
        }
        to[i] = extend(type, waiting & mask);
        waiting >>= bits;
        waiting_bits -= bits;
    }
}

void element_pack(TnElementType type, int64_t count, const void *elements, void *packed)
{
    int bits = facts[type].bits;
    if (count <= 0)
        return;
    if (bits >= 8) {
        memcpy(packed, elements, (size_t)count * facts[type].bytes);
        return;
    }
    const uint8_t *from = elements;
    uint8_t *to = packed;
    unsigned mask = (1u << bits) - 1, waiting = 0;
    int waiting_bits = 0;
    for (int64_t i = 0; i < count; i++) {
        waiting |= (from[i] & mask) << waiting_bits;
        waiting_bits += bits;
        if (waiting_bits >= 8) {
            *to++ = (uint8_t)waiting;
            waiting >>= 8;
            waiting_bits -= 8;
        }
    }
    if (waiting_bits > 0)
        *to = (uint8_t)waiting;
}

/* ---- Small floats ------------------------------------------------------------------------ */

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

const SmallFloat *element_small_float(TnElementType type)
{
    return small_floats[type].bits ? &small_floats[type] : NULL;
}

static float e8m0_to_float(uint32_t bits)
{
    if (bits == 0xff)
        return float_from_bits(0x7fc00000);
    return float_from_bits(bits == 0 ? 0x00400000 : bits << 23);
}

float element_small_to_float(TnElementType type, uint32_t bits)
{
    if (type == TN_BFLOAT16)
        return float_from_bits(bits << 16);
    if (type == TN_FLOAT8E8M0)
        return e8m0_to_float(bits & 0xff);
    const SmallFloat *format = element_small_float(type);
    assert(format);
    uint32_t sign_bit = 1u << (format->bits - 1), code = bits & (sign_bit - 1);
    uint32_t sign = bits & sign_bit ? 0x80000000 : 0;
    if (format->unsigned_zero && sign && code == 0)
        return float_from_bits(0x7fc00000);
    if (code > format->largest) { /* the mantissa says infinity, or which NaN */
        uint32_t payload = code << (23 - format->mantissa_bits) & 0x7fffff;
        return float_from_bits(
            sign | 0x7f800000 |
            (format->infinity && code == format->infinity ? 0 : payload | 0x400000));
    }
    uint32_t mantissa = code & ((1u << format->mantissa_bits) - 1);
    int exponent = (int)(code >> format->mantissa_bits);
    if (exponent > 0)
        return float_from_bits(sign | (uint32_t)(exponent - format->bias + 127) << 23 |
                               mantissa << (23 - format->mantissa_bits));
    float quantum =
        float_from_bits((uint32_t)(1 - format->bias - format->mantissa_bits + 127) << 23);
    return copysignf((float)mantissa * quantum, sign ? -1.f : 1.f);
}

/* The smallest power of two that is not below |value|, as Cast's round_mode "up". */
static uint32_t double_to_e8m0(double value, bool saturate)
{
    if (!isfinite(value))
        return 0xff;
    int exponent;
    double fraction = frexp(fabs(value), &exponent); /* in [0.5, 1) */
    if (fraction == 0)
        return 0;
    int code = exponent + 127 - (fraction == 0.5);
    if (code > 0xfe)
        return saturate ? 0xfe : 0xff;
    return code < 0 ? 0 : (uint32_t)code;
}

static uint32_t double_to_small(TnElementType type, double value, bool saturate)
{
    if (type == TN_FLOAT8E8M0)
        return double_to_e8m0(value, saturate);
    const SmallFloat *format = element_small_float(type);
    assert(format);
    uint64_t bits = double_to_bits(value);
    uint32_t sign = (uint32_t)(bits >> 63) << (format->bits - 1);
    uint64_t magnitude = bits & 0x7fffffffffffffff;
    int mantissa_bits = format->mantissa_bits;
    if (magnitude > 0x7ff0000000000000) { /* NaN */
        if (format->infinity)
            return sign | format->nan |
                   (uint32_t)(bits >> (52 - mantissa_bits) & ((1u << mantissa_bits) - 1));
        if (format->unsigned_zero)
            return format->nan;
        return format->nan ? sign | format->nan : 1u << (format->bits - 1);
    }

    /* mantissa * 2^(exponent - 52), and what of it is left above the quantum. */
    int exponent = (int)(magnitude >> 52) - 1023;
    uint64_t mantissa = magnitude & 0xfffffffffffff;
    if (exponent > -1023)
        mantissa |= (uint64_t)1 << 52;
    int lowest = 1 - format->bias, field = exponent - lowest;
    int shift = 52 - mantissa_bits + (field < 0 ? -field : 0);
    uint64_t code = 0;
    if (shift < 64) {
        uint64_t rest = mantissa & (((uint64_t)1 << shift) - 1), half = (uint64_t)1 << (shift - 1);
        code = mantissa >> shift;
        code += rest > half || (rest == half && (code & 1));
        if (field > 0)
            code += (uint64_t)field << mantissa_bits;
    }
    if (code > format->largest) {
        bool rounds_away = type == TN_FLOAT16 || type == TN_BFLOAT16;
        bool has_escape = format->infinity || format->nan;
        if ((saturate && !rounds_away) || !has_escape)
            code = format->largest;
        else
            code = format->infinity ? format->infinity : format->nan;
    }
    if (format->unsigned_zero && (code == 0 || code == format->nan))
        return (uint32_t)code;
    return sign | (uint32_t)code;
}

uint32_t element_float_to_small(TnElementType type, float value, bool saturate)
{
    if (type == TN_BFLOAT16) {
        uint32_t bits = float_to_bits(value);
        if ((bits & 0x7fffffff) > 0x7f800000)
            return bits >> 16 | 0x40;
        return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    }
    return double_to_small(type, (double)value, saturate);
}

/* ---- Single elements --------------------------------------------------------------------- */

/* Toward zero, saturating; NaN gives 0. */
static int64_t double_to_range(double value, int64_t lowest, int64_t highest)
{
    if (isnan(value))
        return 0;
    if (value >= (double)highest)
        return highest;
    return value <= (double)lowest ? lowest : (int64_t)value;
}

static uint64_t double_to_uint64(double value)
{
    if (!(value > 0))
        return 0;
    return value >= 0x1p64 ? UINT64_MAX : (uint64_t)value;
}

#define READ(Type)         (*(const Type *)element)
#define WRITE(Type, value) (*(Type *)element = (Type)(value))

double element_to_double(TnElementType type, const void *element)
{
    switch (type) {
    case TN_FLOAT:
    case TN_COMPLEX64: return (double)READ(float);
    case TN_DOUBLE:
    case TN_COMPLEX128: return READ(double);
    case TN_UINT64: return (double)READ(uint64_t);
    case TN_FLOAT16:
    case TN_BFLOAT16: return (double)element_small_to_float(type, READ(uint16_t));
    case TN_FLOAT8E4M3FN:
    case TN_FLOAT8E4M3FNUZ:
    case TN_FLOAT8E5M2:
    case TN_FLOAT8E5M2FNUZ:
    case TN_FLOAT8E8M0:
    case TN_FLOAT4E2M1:
    case TN_FLOAT6E2M3:
    case TN_FLOAT6E3M2: return (double)element_small_to_float(type, READ(uint8_t));
    case TN_UINT8:
    case TN_INT8:
    case TN_UINT16:
    case TN_INT16:
    case TN_INT32:
    case TN_INT64:
    case TN_BOOL:
    case TN_UINT32:
    case TN_UINT4:
    case TN_INT4:
    case TN_UINT2:
    case TN_INT2: return (double)element_to_int64(type, element);
    case TN_UNDEFINED:
    case TN_STRING: break;
    }
    assert(!"an element type without numbers");
    return 0;
}

int64_t element_to_int64(TnElementType type, const void *element)
{
    switch (type) {
    case TN_UINT8:
    case TN_BOOL:
    case TN_UINT4:
    case TN_UINT2: return READ(uint8_t);
    case TN_INT8:
    case TN_INT4:
    case TN_INT2: return READ(int8_t);
    case TN_UINT16: return READ(uint16_t);
    case TN_INT16: return READ(int16_t);
    case TN_INT32: return READ(int32_t);
    case TN_UINT32: return READ(uint32_t);
    case TN_INT64: return READ(int64_t);
    case TN_UINT64: return (int64_t)READ(uint64_t);
    case TN_FLOAT:
    case TN_DOUBLE:
    case TN_COMPLEX64:
    case TN_COMPLEX128:
    case TN_FLOAT16:
    case TN_BFLOAT16:
    case TN_FLOAT8E4M3FN:
    case TN_FLOAT8E4M3FNUZ:
    case TN_FLOAT8E5M2:
    case TN_FLOAT8E5M2FNUZ:
    case TN_FLOAT8E8M0:
    case TN_FLOAT4E2M1:
    case TN_FLOAT6E2M3:
    case TN_FLOAT6E3M2:
        return double_to_range(element_to_double(type, element), INT64_MIN, INT64_MAX);
    case TN_UNDEFINED:
    case TN_STRING: break;
    }
    assert(!"an element type without numbers");
    return 0;
}

void element_from_double(TnElementType type, double value, bool saturate, void *element)
{
    switch (type) {
    case TN_FLOAT: WRITE(float, value); return;
    case TN_DOUBLE: WRITE(double, value); return;
    case TN_COMPLEX64: memcpy(element, (float[]){(float)value, 0}, 2 * sizeof(float)); return;
    case TN_COMPLEX128: memcpy(element, (double[]){value, 0}, 2 * sizeof(double)); return;
    case TN_BOOL: WRITE(uint8_t, value != 0); return; /* NaN is true */
    case TN_UINT8: WRITE(uint8_t, double_to_range(value, 0, UINT8_MAX)); return;
    case TN_INT8: WRITE(int8_t, double_to_range(value, INT8_MIN, INT8_MAX)); return;
    case TN_UINT16: WRITE(uint16_t, double_to_range(value, 0, UINT16_MAX)); return;
    case TN_INT16: WRITE(int16_t, double_to_range(value, INT16_MIN, INT16_MAX)); return;
    case TN_INT32: WRITE(int32_t, double_to_range(value, INT32_MIN, INT32_MAX)); return;
    case TN_UINT32: WRITE(uint32_t, double_to_range(value, 0, UINT32_MAX)); return;
    case TN_INT64: WRITE(int64_t, double_to_range(value, INT64_MIN, INT64_MAX)); return;
    case TN_UINT64: WRITE(uint64_t, double_to_uint64(value)); return;
    case TN_UINT4:
    case TN_INT4:
    case TN_UINT2:
    case TN_INT2:
        element_from_int64(type, double_to_range(value, INT32_MIN, INT32_MAX), element);
        return;
    case TN_FLOAT16:
    case TN_BFLOAT16: WRITE(uint16_t, double_to_small(type, value, saturate)); return;
    case TN_FLOAT8E4M3FN:
    case TN_FLOAT8E4M3FNUZ:
    case TN_FLOAT8E5M2:
    case TN_FLOAT8E5M2FNUZ:
    case TN_FLOAT8E8M0:
    case TN_FLOAT4E2M1:
    case TN_FLOAT6E2M3:
    case TN_FLOAT6E3M2: WRITE(uint8_t, double_to_small(type, value, saturate)); return;
    case TN_UNDEFINED:
    case TN_STRING: break;
    }
    assert(!"an element type without numbers");
}

/* The number as a double, rounded to odd, so that rounding it again to fewer bits is exact. */
static double int64_to_sticky_double(int64_t value)
{
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
    if (magnitude >= (uint64_t)1 << 53)
        magnitude = (magnitude & ~(uint64_t)0xfff) | (magnitude & 0xfff ? 0x800 : 0);
    return value < 0 ? -(double)magnitude : (double)magnitude;
}

void element_from_int64(TnElementType type, int64_t value, void *element)
{
    switch (type) {
    case TN_UINT8: WRITE(uint8_t, value); return;
    case TN_INT8: WRITE(int8_t, value); return;
    case TN_UINT16: WRITE(uint16_t, value); return;
    case TN_INT16: WRITE(int16_t, value); return;
    case TN_INT32: WRITE(int32_t, value); return;
    case TN_UINT32: WRITE(uint32_t, value); return;
    case TN_INT64: WRITE(int64_t, value); return;
    case TN_UINT64: WRITE(uint64_t, value); return;
    case TN_BOOL: WRITE(uint8_t, value != 0); return;
    case TN_UINT4:
    case TN_INT4:
    case TN_UINT2:
    case TN_INT2:
        WRITE(uint8_t, extend(type, (unsigned)value & ((1u << facts[type].bits) - 1)));
        return;
    case TN_FLOAT: WRITE(float, value); return;
    case TN_DOUBLE: WRITE(double, value); return;
    case TN_COMPLEX64:
    case TN_COMPLEX128:
    case TN_FLOAT16:
    case TN_BFLOAT16:
    case TN_FLOAT8E4M3FN:
    case TN_FLOAT8E4M3FNUZ:
    case TN_FLOAT8E5M2:
    case TN_FLOAT8E5M2FNUZ:
    case TN_FLOAT8E8M0:
    case TN_FLOAT4E2M1:
    case TN_FLOAT6E2M3:
    case TN_FLOAT6E3M2:
        element_from_double(type, int64_to_sticky_double(value), true, element);
        return;
    case TN_UNDEFINED:
    case TN_STRING: break;
    }
    assert(!"an element type without numbers");
}
