/* SPDX-License-Identifier: Apache-2.0
 *
 * Small floats, with ONNX's Cast semantics and runtime/element.c's results.
 *
 * They are sign, exponent, mantissa; codes are ordered as their magnitudes are. Reading one is
 * integer arithmetic on its bits, or for a denormal a multiplication of the mantissa by the quantum
 * (exact, also where the processor flushes denormals). Writing one rounds the magnitude's bits to
 * nearest even, a carry landing in the exponent by itself; a denormal's mantissa is what the
 * addition of 2^23 quanta leaves in the low bits.
 */
#include "small_float.h"

enum { FLOAT_MANTISSA = 23, FLOAT_BIAS = 127, FLOAT_INFINITY = 0x7f800000, FLOAT_NAN = 0x7fc00000 };

bool is_small_float(TnElementType type)
{
    return element_small_float(type) || type == TN_FLOAT8E8M0;
}

static double power_of_two(int exponent)
{
    double value = 1;
    for (; exponent > 0; exponent--)
        value *= 2;
    for (; exponent < 0; exponent++)
        value /= 2;
    return value;
}

/* ---- Small pieces ------------------------------------------------------------------------ */

static void *with_number(WordMath *m, WordOperation operation, void *a, uint32_t b)
{
    return m->operation(m, operation, a, m->number(m, b));
}

static void *select_number(WordMath *m, void *condition, uint32_t number, void *otherwise)
{
    return m->select(m, condition, m->number(m, number), otherwise);
}

static void *plus(WordMath *m, void *a, void *b)
{
    return m->operation(m, WORD_add, a, b);
}

static void * or (WordMath * m, void *a, void *b)
{
    return m->operation(m, WORD_or, a, b);
}

/* ---- Reading ----------------------------------------------------------------------------- */

static void *read_e8m0(WordMath *m, void *code)
{
    void *normal = with_number(m, WORD_shift_left, code, FLOAT_MANTISSA);
    void *bits = select_number(m, with_number(m, WORD_equal, code, 0), 0x400000, normal);
    bits = select_number(m, with_number(m, WORD_equal, code, 0xff), FLOAT_NAN, bits);
    return m->from_bits(m, bits);
}

/* Infinity, or which NaN, of codes beyond the largest. */
static void *read_special(WordMath *m, const SmallFloat *format, void *code)
{
    void *high = with_number(m, WORD_shift_left, code, 23 - (uint32_t)format->mantissa_bits);
    void *payload = with_number(m, WORD_and, high, 0x7fffff);
    payload = with_number(m, WORD_or, payload, FLOAT_NAN);
    if (!format->infinity)
        return payload;
    void *is_infinity = with_number(m, WORD_equal, code, format->infinity);
    return select_number(m, is_infinity, FLOAT_INFINITY, payload);
}

void *small_float_read(WordMath *m, TnElementType type, void *word)
{
    if (type == TN_BFLOAT16)
        return m->from_bits(m, with_number(m, WORD_shift_left, word, 16));
    if (type == TN_FLOAT8E8M0)
        return read_e8m0(m, word);
    const SmallFloat *format = element_small_float(type);
    uint32_t mantissa = (uint32_t)format->mantissa_bits, sign_bit = (uint32_t)format->bits - 1;
    void *code = with_number(m, WORD_and, word, (1u << sign_bit) - 1);
    void *sign = with_number(m, WORD_and, word, 1u << sign_bit);
    sign = with_number(m, WORD_shift_left, sign, 31 - sign_bit);
    void *normal = with_number(m, WORD_shift_left, code, FLOAT_MANTISSA - mantissa);
    normal =
        with_number(m, WORD_add, normal, (uint32_t)(FLOAT_BIAS - format->bias) << FLOAT_MANTISSA);
    double quantum = power_of_two(1 - format->bias - format->mantissa_bits);
    void *denormal = m->to_bits(m, m->multiply(m, code, quantum));
    void *is_denormal = with_number(m, WORD_below, code, 1u << mantissa);
    void *bits = m->select(m, is_denormal, denormal, normal);
    if (format->largest < (1u << sign_bit) - 1)
        bits = m->select(m, with_number(m, WORD_above, code, format->largest),
                         read_special(m, format, code), bits);
    bits = or (m, bits, sign);
    if (format->unsigned_zero)
        bits = select_number(m, with_number(m, WORD_equal, word, 1u << sign_bit), FLOAT_NAN, bits);
    return m->from_bits(m, bits);
}

/* ---- Writing ----------------------------------------------------------------------------- */

/* The smallest power of two that is not below |value|. */
static void *write_e8m0(WordMath *m, void *magnitude, bool saturate)
{
    void *exponent = with_number(m, WORD_shift_right, magnitude, FLOAT_MANTISSA);
    void *mantissa = with_number(m, WORD_and, magnitude, 0x7fffff);
    void *exact =
        select_number(m, with_number(m, WORD_equal, exponent, 0), 0x400000, m->number(m, 0));
    void *more = m->operation(m, WORD_above, mantissa, exact);
    void *code = plus(m, exponent, select_number(m, more, 1, m->number(m, 0)));
    void *over = with_number(m, WORD_above, code, 0xfe);
    code = select_number(m, over, saturate ? 0xfe : 0xff, code);
    return select_number(m, with_number(m, WORD_above, magnitude, FLOAT_INFINITY - 1), 0xff, code);
}

static void *write_bfloat16(WordMath *m, void *bits, void *is_nan)
{
    void *high = with_number(m, WORD_shift_right, bits, 16);
    void *odd = with_number(m, WORD_and, high, 1);
    void *rounded = plus(m, with_number(m, WORD_add, bits, 0x7fff), odd);
    rounded = with_number(m, WORD_shift_right, rounded, 16);
    return m->select(m, is_nan, with_number(m, WORD_or, high, 0x40), rounded);
}

/* The code of a magnitude, not yet cut to the largest. */
static void *round_magnitude(WordMath *m, void *magnitude, const SmallFloat *format)
{
    uint32_t shift = 23 - (uint32_t)format->mantissa_bits;
    int exponent = 24 - format->bias - format->mantissa_bits;
    void *odd = with_number(m, WORD_shift_right, magnitude, shift);
    odd = with_number(m, WORD_and, odd, 1);
    void *up = plus(m, with_number(m, WORD_add, magnitude, (1u << (shift - 1)) - 1), odd);
    void *normal = with_number(m, WORD_shift_right, up, shift);
    normal = with_number(m, WORD_add, normal,
                         0 - ((uint32_t)(FLOAT_BIAS - format->bias) << format->mantissa_bits));
    void *denormal = m->add(m, m->from_bits(m, magnitude), power_of_two(exponent));
    denormal = with_number(m, WORD_add, m->to_bits(m, denormal),
                           0 - ((uint32_t)(FLOAT_BIAS + exponent) << FLOAT_MANTISSA));
    void *is_small =
        with_number(m, WORD_below, magnitude, (uint32_t)(128 - format->bias) << FLOAT_MANTISSA);
    return m->select(m, is_small, denormal, normal);
}

/* The code of NaN, with what of its payload there is place for. */
static void *write_nan(WordMath *m, const SmallFloat *format, void *magnitude, void *sign)
{
    void *nan = with_number(m, WORD_or, sign, format->nan);
    if (!format->infinity)
        return nan;
    void *payload =
        with_number(m, WORD_shift_right, magnitude, 23 - (uint32_t)format->mantissa_bits);
    return or (m, nan, with_number(m, WORD_and, payload, (1u << format->mantissa_bits) - 1));
}

void *small_float_write(WordMath *m, TnElementType type, void *real, bool saturate)
{
    void *bits = m->to_bits(m, real), *magnitude = with_number(m, WORD_and, bits, 0x7fffffff);
    if (type == TN_FLOAT8E8M0)
        return write_e8m0(m, magnitude, saturate);
    void *is_nan = with_number(m, WORD_above, magnitude, FLOAT_INFINITY);
    if (type == TN_BFLOAT16)
        return write_bfloat16(m, bits, is_nan);
    const SmallFloat *format = element_small_float(type);
    uint32_t sign_bit = (uint32_t)format->bits - 1;
    void *sign = with_number(m, WORD_shift_right, bits, 31 - sign_bit);
    sign = with_number(m, WORD_and, sign, 1u << sign_bit);
    void *code = round_magnitude(m, magnitude, format);
    bool cut = saturate && type != TN_FLOAT16;
    uint32_t beyond = cut || (!format->infinity && !format->nan) ? format->largest
                      : format->infinity                         ? format->infinity
                                                                 : format->nan;
    code = select_number(m, with_number(m, WORD_above, code, format->largest), beyond, code);
    if (format->unsigned_zero) {
        void *has_no_sign = m->either(m, with_number(m, WORD_equal, code, 0),
                                      with_number(m, WORD_equal, code, format->nan));
        code = m->select(m, has_no_sign, code, or (m, code, sign));
        return select_number(m, is_nan, format->nan, code);
    }
    code = or (m, code, sign);
    if (!format->nan)
        return select_number(m, is_nan, 1u << sign_bit, code);
    return m->select(m, is_nan, write_nan(m, format, magnitude, sign), code);
}
