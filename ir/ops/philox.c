/* SPDX-License-Identifier: Apache-2.0
 *
 * Philox 4x32-10; see philox.h.
 */
#include "ir/ops/philox.h"
#include "runtime/bits.h"

#include <math.h>
#include <string.h>

uint64_t philox_key_of_integer(const Node *node, int64_t seed)
{
    if (seed != ATTRIBUTE_ABSENT)
        return (uint64_t)seed;
    const char *name = result(node, 0)->name;
    return hash_bytes(name, strlen(name), 0);
}

uint64_t philox_key(const Node *node, float seed)
{
    if (isnan(seed))
        return philox_key_of_integer(node, ATTRIBUTE_ABSENT);
    return float_to_bits(seed);
}

static const Expr *word(ExprPool *pool, uint32_t value)
{
    return expr_bits(pool, TN_UINT32, value);
}

/* The high and the low word of multiplier * value. */
static const Expr *multiply(ExprPool *pool, uint32_t multiplier, const Expr *value,
                            const Expr **high)
{
    const Expr *wide = product_of(pool, expr_convert(pool, TN_UINT64, value),
                                  expr_bits(pool, TN_UINT64, multiplier));
    const Expr *shifted = expr_binary(pool, EXPR_shift_right, wide, expr_bits(pool, TN_UINT64, 32));
    *high = expr_convert(pool, TN_UINT32, shifted);
    return expr_convert(pool, TN_UINT32, wide);
}

static const Expr *xor3(ExprPool *pool, const Expr *a, const Expr *b, uint32_t c)
{
    return expr_binary(pool, EXPR_xor, expr_binary(pool, EXPR_xor, a, b), word(pool, c));
}

void philox(ExprPool *pool, uint64_t key, const Expr *element, const Expr **words)
{
    enum { ROUNDS = 10 };
    const Expr *number = expr_from_index(pool, TN_UINT64, element);
    const Expr *upper = expr_binary(pool, EXPR_shift_right, number, expr_bits(pool, TN_UINT64, 32));
    uint32_t low_key = (uint32_t)key, high_key = (uint32_t)(key >> 32);
    words[0] = expr_convert(pool, TN_UINT32, number);
    words[1] = expr_convert(pool, TN_UINT32, upper);
    words[2] = words[3] = word(pool, 0);
    for (int round = 0; round < ROUNDS; round++) {
        const Expr *high0, *high2;
        const Expr *low0 = multiply(pool, 0xD2511F53, words[0], &high0);
        const Expr *low2 = multiply(pool, 0xCD9E8D57, words[2], &high2);
        words[0] = xor3(pool, high2, words[1], low_key);
        words[2] = xor3(pool, high0, words[3], high_key);
        words[1] = low2;
        words[3] = low0;
        low_key += 0x9E3779B9;
        high_key += 0xBB67AE85;
    }
}

/* The upper bits of a word, or of two for double, plus `added`, as a fraction of 1. */
static const Expr *fraction(ExprPool *pool, const Expr *low, const Expr *high, TnElementType type,
                            uint64_t added)
{
    int bits = type == TN_DOUBLE ? 53 : 24;
    const Expr *number = expr_convert(pool, TN_UINT64, high);
    number = expr_binary(pool, EXPR_shift_left, number, expr_bits(pool, TN_UINT64, 32));
    number = expr_binary(pool, EXPR_or, number, expr_convert(pool, TN_UINT64, low));
    number = expr_binary(pool, EXPR_shift_right, number,
                         expr_bits(pool, TN_UINT64, (uint64_t)(64 - bits)));
    number = sum_of(pool, number, expr_bits(pool, TN_UINT64, added));
    return product_of(pool, expr_convert(pool, type, number),
                      expr_real(pool, type, ldexp(1, -bits)));
}

const Expr *philox_uniform(ExprPool *pool, uint64_t key, const Expr *element, TnElementType type)
{
    const Expr *words[4];
    philox(pool, key, element, words);
    return fraction(pool, words[0], words[1], type, 0);
}

const Expr *philox_normal(ExprPool *pool, uint64_t key, const Expr *element, TnElementType type)
{
    const Expr *words[4];
    philox(pool, key, element, words);
    const Expr *radius = expr_unary(pool, EXPR_log, fraction(pool, words[0], words[1], type, 1));
    radius = expr_unary(pool, EXPR_sqrt, product_of(pool, radius, expr_real(pool, type, -2)));
    const Expr *angle = product_of(pool, fraction(pool, words[2], words[3], type, 0),
                                   expr_real(pool, type, 6.283185307179586));
    return product_of(pool, radius, expr_unary(pool, EXPR_cos, angle));
}
