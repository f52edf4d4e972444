/* SPDX-License-Identifier: Apache-2.0
 *
 * Decimal and binary, exactly: a double is a whole number of at most 2,200 bits times a power of
 * ten, so its digits come from dividing large integers, and a decimal is rounded by comparing it
 * with the numbers halfway between doubles.
 */
#include "runtime/real.h"
#include "runtime/bits.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* ---- Large integers ---------------------------------------------------------------------- */

enum {
    MOST_LIMBS = 180,  /* 5,760 bits */
    MOST_DIGITS = 800, /* of a decimal that are looked at; the rest is only "not zero" */
};

typedef struct Large {
    int count;
    uint32_t limbs[MOST_LIMBS]; /* lowest first */
} Large;

static void large_set(Large *a, uint64_t value)
{
    a->count = 0;
    for (; value; value >>= 32)
        a->limbs[a->count++] = (uint32_t)value;
}

/* a = a * factor + addend; what does not fit is dropped, which callers rule out. */
static void large_multiply(Large *a, uint32_t factor, uint32_t addend)
{
    uint64_t carry = addend;
    for (int i = 0; i < a->count; i++) {
        carry += (uint64_t)a->limbs[i] * factor;
        a->limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry && a->count < MOST_LIMBS)
        a->limbs[a->count++] = (uint32_t)carry;
}

static void large_multiply_power(Large *a, uint32_t base, int power)
{
    for (; power > 0; power--)
        large_multiply(a, base, 0);
}

static void large_multiply_ten(Large *a, int power)
{
    for (; power >= 9; power -= 9)
        large_multiply(a, 1000000000, 0);
    large_multiply_power(a, 10, power);
}

static void large_shift(Large *a, int bits)
{
    for (; bits >= 31; bits -= 31)
        large_multiply(a, (uint32_t)1 << 31, 0);
    large_multiply(a, (uint32_t)1 << bits, 0);
}

/* a = a / divisor; the rest. */
static uint32_t large_divide(Large *a, uint32_t divisor)
{
    uint64_t rest = 0;
    for (int i = a->count - 1; i >= 0; i--) {
        rest = rest << 32 | a->limbs[i];
        a->limbs[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    while (a->count && !a->limbs[a->count - 1])
        a->count--;
    return (uint32_t)rest;
}

static int large_compare(const Large *a, const Large *b)
{
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    for (int i = a->count - 1; i >= 0; i--)
        if (a->limbs[i] != b->limbs[i])
            return a->limbs[i] < b->limbs[i] ? -1 : 1;
    return 0;
}

/* ---- To decimal -------------------------------------------------------------------------- */

/* |value| = mantissa * 2^exponent */
static uint64_t split(uint64_t bits, int *exponent)
{
    uint64_t mantissa = bits & (((uint64_t)1 << 52) - 1);
    int field = (int)(bits >> 52 & 0x7ff);
    *exponent = (field ? field : 1) - 1075;
    return field ? mantissa | (uint64_t)1 << 52 : mantissa;
}

/* Rounds the digits to `count`, half to even; whether a carry came out at the top, which makes them
 * 1000... */
static bool round_digits(char *digits, int have, int count)
{
    bool rest = false;
    for (int i = count + 1; i < have; i++)
        rest |= digits[i] != '0';
    char next = count < have ? digits[count] : '0';
    bool odd = (digits[count - 1] - '0') % 2 != 0;
    if (next < '5' || (next == '5' && !rest && !odd))
        return false;
    int i = count - 1;
    for (; i >= 0 && digits[i] == '9'; i--)
        digits[i] = '0';
    if (i >= 0) {
        digits[i]++;
        return false;
    }
    digits[0] = '1';
    return true;
}

void real_digits(double value, int count, char *digits, int *exponent)
{
    char all[9 * MOST_LIMBS];
    int binary, have = 0, point = 0;
    Large number;
    large_set(&number, split(double_to_bits(value), &binary));
    if (!number.count) {
        memset(digits, '0', (size_t)count);
        *exponent = 0;
        return;
    }
    if (binary >= 0) {
        large_shift(&number, binary);
    } else {
        point = -binary; /* m / 2^k = m 5^k / 10^k */
        for (int left = point; left > 0; left -= 13)
            if (left >= 13)
                large_multiply(&number, 1220703125, 0);
            else
                large_multiply_power(&number, 5, left);
    }
    int at = (int)sizeof all;
    while (number.count) {
        uint32_t nine = large_divide(&number, 1000000000);
        for (int i = 0; i < 9; i++, nine /= 10)
            all[--at] = (char)('0' + nine % 10);
    }
    while (all[at] == '0')
        at++;
    have = (int)sizeof all - at;
    *exponent = have - 1 - point;
    bool carried = round_digits(all + at, have, count);
    *exponent += carried;
    for (int i = 0; i < count; i++)
        digits[i] = i < have ? all[at + i] : '0';
}

/* ---- From decimal ------------------------------------------------------------------------ */

typedef struct Decimal {
    int count, exponent; /* 0.d1 d2 d3 ... * 10^exponent, d1 not 0 */
    char digits[MOST_DIGITS];
    bool rest; /* further digits that are not 0 */
} Decimal;

static void add_digit(Decimal *d, char c, bool after_point)
{
    if (d->count == 0 && c == '0') {
        d->exponent -= after_point;
        return;
    }
    if (d->count < MOST_DIGITS)
        d->digits[d->count++] = c;
    else
        d->rest |= c != '0';
    d->exponent += !after_point;
}

/* The decimal compared with mantissa * 2^binary. */
static int compare_decimal(const Decimal *d, uint64_t mantissa, int binary)
{
    Large a, b;
    int ten = d->exponent - d->count; /* the digits as an integer, times 10^ten */
    large_set(&a, 0);
    a.count = 1;
    a.limbs[0] = 0;
    for (int i = 0; i < d->count; i++)
        large_multiply(&a, 10, (uint32_t)(d->digits[i] - '0'));
    while (a.count && !a.limbs[a.count - 1])
        a.count--;
    large_set(&b, mantissa);
    if (ten >= 0)
        large_multiply_ten(&a, ten);
    else
        large_multiply_ten(&b, -ten);
    if (binary >= 0)
        large_shift(&b, binary);
    else
        large_shift(&a, -binary);
    int order = large_compare(&a, &b);
    return order ? order : d->rest;
}

/* The largest double, as bits, that is not above the decimal, then the nearer of it and the next.
 * Doubles of one sign are ordered as their bits are. */
static double round_decimal(const Decimal *d)
{
    uint64_t low = 0, high = (uint64_t)0x7ff << 52;
    int binary;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2, mantissa = split(middle, &binary);
        if (compare_decimal(d, mantissa, binary) >= 0)
            low = middle;
        else
            high = middle;
    }
    uint64_t mantissa = split(low, &binary);
    int order = compare_decimal(d, 2 * mantissa + 1, binary - 1);
    return double_from_bits(order > 0 || (order == 0 && (mantissa & 1)) ? low + 1 : low);
}

static double decimal_value(const Decimal *d)
{
    if (d->count == 0 || d->exponent < -330)
        return 0;
    if (d->exponent > 310)
        return (double)INFINITY;
    int ten = d->exponent - d->count;
    if (d->count > 15 || ten < -22 || ten > 22)
        return round_decimal(d);
    /* Both the digits and the power of ten are exact: one rounding. */
    uint64_t whole = 0;
    double power = 1;
    for (int i = 0; i < d->count; i++)
        whole = whole * 10 + (uint64_t)(d->digits[i] - '0');
    for (int i = 0; i < (ten < 0 ? -ten : ten); i++)
        power *= 10;
    return ten < 0 ? (double)whole / power : (double)whole * power;
}

static bool begins_with(const char *text, const char *end, const char *word)
{
    for (; *word; text++, word++)
        if (text == end || (*text | 0x20) != *word)
            return false;
    return true;
}

static const char *read_exponent(const char *at, const char *end, int *exponent)
{
    bool negative = at < end && *at == '-';
    int value = 0;
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        value = value < 100000 ? value * 10 + (*at - '0') : value;
    *exponent += negative ? -value : value;
    return at;
}

double real_parse(const char *text, size_t length)
{
    const char *at = text, *end = text + length;
    Decimal d = {0};
    while (at < end && (*at == ' ' || (*at >= '\t' && *at <= '\r')))
        at++;
    bool negative = at < end && *at == '-', seen = false;
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (begins_with(at, end, "nan"))
        return negative ? -(double)NAN : (double)NAN;
    if (begins_with(at, end, "inf"))
        return negative ? -(double)INFINITY : (double)INFINITY;
    for (; at < end && *at >= '0' && *at <= '9'; at++, seen = true)
        add_digit(&d, *at, false);
    if (at < end && *at == '.')
        for (at++; at < end && *at >= '0' && *at <= '9'; at++, seen = true)
            add_digit(&d, *at, true);
    if (seen && end - at >= 2 && (*at | 0x20) == 'e')
        read_exponent(at + 1, end, &d.exponent);
    double value = decimal_value(&d);
    return negative ? -value : value;
}

/* ---- Sine and cosine --------------------------------------------------------------------- */

/* x + x^3 P(x^2), Taylor's series to x^19: what is left is below 2^-67 of x. */
double real_sin(double x)
{
    double z = x * x;
    double p = -1.0 / 121645100408832000;
    p = 1.0 / 355687428096000 + z * p;
    p = -1.0 / 1307674368000 + z * p;
    p = 1.0 / 6227020800 + z * p;
    p = -1.0 / 39916800 + z * p;
    p = 1.0 / 362880 + z * p;
    p = -1.0 / 5040 + z * p;
    p = 1.0 / 120 + z * p;
    p = -1.0 / 6 + z * p;
    return x + x * z * p;
}

/* 1 - x^2 / 2 + x^4 Q(x^2); what 1 - x^2 / 2 loses is added again. */
double real_cos(double x)
{
    double z = x * x, half = 0.5 * z;
    double q = 1.0 / 2432902008176640000;
    q = -1.0 / 6402373705728000 + z * q;
    q = 1.0 / 20922789888000 + z * q;
    q = -1.0 / 87178291200 + z * q;
    q = 1.0 / 479001600 + z * q;
    q = -1.0 / 3628800 + z * q;
    q = 1.0 / 40320 + z * q;
    q = -1.0 / 720 + z * q;
    q = 1.0 / 24 + z * q;
    double whole = 1 - half;
    return whole + (((1 - whole) - half) + z * z * q);
}
