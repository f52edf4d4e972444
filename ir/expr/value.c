/* SPDX-License-Identifier: Apache-2.0
 *
 * Values: constants, scalar operations, conversions, memory.
 *
 * Only identities that hold to the last bit are used: x + 0.0 stays (it turns -0 into 0), x - 0.0
 * and x * 1.0 do not; what depends on NaN stays. Constants stand on the right of commutative
 * operations; otherwise the operand that was made first stands on the left.
 */
#include "pool.h"
#include "scalar.h"

#include "ir/kernel/nest.h"

#include <assert.h>
#include <string.h>

static bool is_float(TnElementType type)
{
    return type == TN_FLOAT || type == TN_DOUBLE;
}

static bool is_constant(const Expr *e)
{
    return e->kind == EXPR_constant;
}

/* Whether e is that number, the sign of zero included. */
static bool is_number(const Expr *e, double value)
{
    return is_constant(e) && e->bits == scalar_from_double(e->type, value);
}

static bool is_all_ones(const Expr *e)
{
    return is_constant(e) && !is_float(e->type) && e->type != TN_BOOL &&
           e->bits == scalar_from_int64(e->type, -1);
}

/* ---- Constants --------------------------------------------------------------------------- */

const Expr *expr_bits(ExprPool *pool, TnElementType type, uint64_t bits)
{
    assert(type != EXPR_INDEX);
    return pool_intern(pool, &(Expr){.kind = EXPR_constant, .type = type, .bits = bits});
}

const Expr *expr_real(ExprPool *pool, TnElementType type, double value)
{
    assert(element_compute_type(type) == type);
    return expr_bits(pool, type, scalar_from_double(type, value));
}

const Expr *expr_whole(ExprPool *pool, TnElementType type, int64_t value)
{
    assert(element_compute_type(type) == type);
    return expr_bits(pool, type, scalar_from_int64(type, value));
}

const Expr *expr_lowest(ExprPool *pool, TnElementType type)
{
    if (is_float(type))
        return expr_real(pool, type, -INFINITY);
    if (element_kind(type) != ELEMENT_KIND_SIGNED)
        return expr_bits(pool, type, 0);
    return expr_bits(pool, type, (uint64_t)1 << (element_bits(type) - 1));
}

const Expr *expr_highest(ExprPool *pool, TnElementType type)
{
    if (is_float(type))
        return expr_real(pool, type, INFINITY);
    if (type == TN_BOOL)
        return expr_bool(pool, true);
    int bits = element_bits(type) - (element_kind(type) == ELEMENT_KIND_SIGNED);
    return expr_bits(pool, type, UINT64_MAX >> (64 - bits));
}

bool expr_is_constant(const Expr *e, double *value)
{
    if (!is_constant(e))
        return false;
    *value = scalar_to_double(e->type, e->bits);
    return true;
}

/* ---- Unary operations -------------------------------------------------------------------- */

static bool is_rounding(ExprKind kind)
{
    return kind == EXPR_floor || kind == EXPR_ceil || kind == EXPR_trunc || kind == EXPR_round;
}

/* The simpler form of an operation on a value that is not constant; or NULL. */
static const Expr *simplify_unary(ExprKind kind, const Expr *a)
{
    if (is_rounding(kind) && is_rounding(a->kind))
        return a;
    if (is_rounding(kind) && a->kind == EXPR_convert && !is_float(a->src[0]->type))
        return a;
    if (kind == EXPR_negate && a->kind == EXPR_negate)
        return a->src[0];
    if (kind == EXPR_not && a->kind == EXPR_not)
        return a->src[0];
    if (kind == EXPR_absolute &&
        (a->kind == EXPR_absolute || element_kind(a->type) == ELEMENT_KIND_UNSIGNED))
        return a;
    return NULL;
}

const Expr *expr_unary(ExprPool *pool, ExprKind kind, const Expr *a)
{
    assert(scalar_exists(kind, a->type));
    if (kind == EXPR_not && a->type == TN_BOOL)
        return expr_not(pool, a);
    if (is_constant(a))
        return expr_bits(pool, a->type, scalar_unary(kind, a->type, a->bits));
    if (kind == EXPR_absolute && a->kind == EXPR_negate &&
        element_kind(a->type) != ELEMENT_KIND_UNSIGNED)
        return expr_unary(pool, kind, a->src[0]);
    const Expr *simpler = simplify_unary(kind, a);
    return simpler
               ? simpler
               : pool_intern(pool, &(Expr){.kind = kind, .type = a->type, .count = 1, .src = &a});
}

/* ---- Binary operations ------------------------------------------------------------------- */

/* Whether operands may change places; max and min of floats may not, for the sake of zeros. */
static bool is_commutative(ExprKind kind, TnElementType type)
{
    switch ((int)kind) {
    case EXPR_add:
    case EXPR_multiply:
    case EXPR_and:
    case EXPR_or:
    case EXPR_xor: return true;
    case EXPR_maximum:
    case EXPR_minimum: return !is_float(type);
    }
    return false;
}

/* Whether operands may be grouped in another way: integers wrap alike. */
static bool is_associative(ExprKind kind, TnElementType type)
{
    return !is_float(type) && is_commutative(kind, type);
}

/* x op x */
static const Expr *simplify_same(ExprPool *pool, ExprKind kind, const Expr *a)
{
    switch ((int)kind) {
    case EXPR_maximum:
    case EXPR_minimum:
    case EXPR_and:
    case EXPR_or:
    case EXPR_copysign: return a;
    case EXPR_xor: return expr_bits(pool, a->type, 0);
    case EXPR_subtract: return is_float(a->type) ? NULL : expr_bits(pool, a->type, 0);
    }
    return NULL;
}

/* Multiplying by 1 / b is dividing by b where b is a power of two, 1 / b being normal. */
static const Expr *divide_by_power(ExprPool *pool, const Expr *a, const Expr *b)
{
    int exponent;
    double value = scalar_to_double(b->type, b->bits);
    if (!isfinite(value) || value == 0 || fabs(frexp(value, &exponent)) != 0.5)
        return NULL;
    int limit = b->type == TN_FLOAT ? 125 : 1021;
    if (exponent > limit || exponent < -limit)
        return NULL;
    return expr_binary(pool, EXPR_multiply, a, expr_real(pool, b->type, 1 / value));
}

static const Expr *simplify_float(ExprPool *pool, ExprKind kind, const Expr *a, const Expr *b)
{
    switch ((int)kind) {
    case EXPR_add: return is_number(b, -0.0) ? a : NULL;
    case EXPR_subtract: return is_number(b, 0.0) ? a : NULL;
    case EXPR_multiply: return is_number(b, 1) ? a : NULL;
    case EXPR_divide: return is_number(b, 1) ? a : divide_by_power(pool, a, b);
    case EXPR_scale2: return is_number(b, 0) ? a : NULL;
    case EXPR_power:
        if (is_number(b, 0) || is_number(b, -0.0))
            return expr_real(pool, a->type, 1);
        if (is_number(b, 2))
            return expr_binary(pool, EXPR_multiply, a, a);
        if (is_number(b, -1))
            return expr_binary(pool, EXPR_divide, expr_real(pool, a->type, 1), a);
        return is_number(b, 1) ? a : NULL;
    }
    return NULL;
}

static const Expr *simplify_integer(ExprPool *pool, ExprKind kind, const Expr *a, const Expr *b)
{
    bool zero = b->bits == 0, one = b->bits == 1 && b->type != TN_BOOL;
    switch ((int)kind) {
    case EXPR_add:
    case EXPR_subtract:
    case EXPR_shift_left:
    case EXPR_shift_right: return zero ? a : NULL;
    case EXPR_xor:
        if (b->type == TN_BOOL && !zero)
            return expr_not(pool, a);
        return zero ? a : NULL;
    case EXPR_multiply: return zero ? b : one ? a : NULL;
    case EXPR_divide: return zero ? b : one ? a : NULL;
    case EXPR_remainder:
    case EXPR_modulo: return zero || one ? expr_bits(pool, a->type, 0) : NULL;
    case EXPR_power: return zero ? expr_whole(pool, a->type, 1) : one ? a : NULL;
    case EXPR_and: return zero ? b : is_all_ones(b) ? a : NULL;
    case EXPR_or: return zero ? a : is_all_ones(b) ? b : NULL;
    case EXPR_maximum:
        return b == expr_lowest(pool, b->type) ? a : b == expr_highest(pool, b->type) ? b : NULL;
    case EXPR_minimum:
        return b == expr_highest(pool, b->type) ? a : b == expr_lowest(pool, b->type) ? b : NULL;
    }
    return NULL;
}

/* A simpler form where b is constant and a is not; or NULL. */
static const Expr *simplify_with_constant(ExprPool *pool, ExprKind kind, const Expr *a,
                                          const Expr *b)
{
    const Expr *simpler =
        is_float(a->type) ? simplify_float(pool, kind, a, b) : simplify_integer(pool, kind, a, b);
    if (simpler || !is_associative(kind, a->type) || a->kind != kind || !is_constant(a->src[1]))
        return simpler;
    uint64_t both = scalar_binary(kind, a->type, a->src[1]->bits, b->bits);
    return expr_binary(pool, kind, a->src[0], expr_bits(pool, a->type, both));
}

const Expr *expr_binary(ExprPool *pool, ExprKind kind, const Expr *a, const Expr *b)
{
    assert(a->type == b->type && scalar_exists(kind, a->type));
    if (a->type == TN_BOOL && (kind == EXPR_and || kind == EXPR_minimum))
        return expr_both(pool, a, b);
    if (a->type == TN_BOOL && (kind == EXPR_or || kind == EXPR_maximum))
        return expr_either(pool, a, b);
    if (is_constant(a) && is_constant(b))
        return expr_bits(pool, a->type, scalar_binary(kind, a->type, a->bits, b->bits));
    if (is_commutative(kind, a->type))
        expr_sort(&a, &b);
    const Expr *simpler = NULL;
    if (a == b)
        simpler = simplify_same(pool, kind, a);
    else if (is_constant(b))
        simpler = simplify_with_constant(pool, kind, a, b);
    if (simpler)
        return simpler;
    const Expr *src[] = {a, b};
    return pool_intern(pool, &(Expr){.kind = kind, .type = a->type, .count = 2, .src = src});
}

const Expr *expr_fma(ExprPool *pool, const Expr *a, const Expr *b, const Expr *c)
{
    assert(a->type == b->type && a->type == c->type && is_float(a->type));
    expr_sort(&a, &b);
    if (is_constant(a) && is_constant(b) && is_constant(c))
        return expr_bits(pool, a->type, scalar_fma(a->type, a->bits, b->bits, c->bits));
    if (is_number(b, 1))
        return expr_binary(pool, EXPR_add, a, c);
    if (is_number(c, -0.0))
        return expr_binary(pool, EXPR_multiply, a, b);
    const Expr *src[] = {a, b, c};
    return pool_intern(pool, &(Expr){.kind = EXPR_fma, .type = a->type, .count = 3, .src = src});
}

const Expr *expr_dot4(ExprPool *pool, const Expr *a, const Expr *b, const Expr *c)
{
    const Expr *src[] = {a, b, c};
    return pool_intern(pool, &(Expr){.kind = EXPR_dot4, .type = c->type, .count = 3, .src = src});
}

const Expr *expr_across(ExprPool *pool, ExprKind kind, const Expr *a)
{
    assert(kind == EXPR_across_sum || kind == EXPR_across_max || kind == EXPR_across_min);
    return pool_intern(pool, &(Expr){.kind = kind, .type = a->type, .count = 1, .src = &a});
}

/* ---- Conversions ------------------------------------------------------------------------- */

static bool is_small(TnElementType type)
{
    return element_compute_type(type) != type;
}

/* Whether every number of `from` is one of `to`. */
static bool is_exact_in(TnElementType from, TnElementType to)
{
    ElementKind source = element_kind(from), target = element_kind(to);
    if (from == TN_BOOL)
        return target != ELEMENT_KIND_BOOL;
    if (target == ELEMENT_KIND_BOOL)
        return false;
    int bits = element_bits(from) - (source == ELEMENT_KIND_SIGNED);
    if (source == ELEMENT_KIND_FLOAT)
        return (from == TN_FLOAT && to == TN_DOUBLE) || (is_small(from) && is_float(to));
    if (target == ELEMENT_KIND_FLOAT)
        return is_float(to) && bits <= (to == TN_FLOAT ? 24 : 53);
    if (source == ELEMENT_KIND_SIGNED && target == ELEMENT_KIND_UNSIGNED)
        return false;
    return bits <= element_bits(to) - (target == ELEMENT_KIND_SIGNED);
}

/* Whether T(U(x)) is T(x), x being of type `from`. */
static bool can_skip(TnElementType from, TnElementType through, TnElementType to)
{
    if (is_small(from) || is_small(through))
        return from == to && is_exact_in(from, through);
    /* Integers wrap where floats saturate. */
    bool differs = element_kind(through) == ELEMENT_KIND_FLOAT &&
                   element_kind(from) != ELEMENT_KIND_FLOAT &&
                   element_kind(to) != ELEMENT_KIND_FLOAT && !is_exact_in(from, to);
    if (is_exact_in(from, through))
        return !differs || to == TN_BOOL;
    bool all_integers = element_kind(from) != ELEMENT_KIND_FLOAT &&
                        element_kind(through) != ELEMENT_KIND_FLOAT &&
                        element_kind(to) != ELEMENT_KIND_FLOAT;
    return all_integers && through != TN_BOOL && to != TN_BOOL &&
           element_bits(to) <= element_bits(through);
}

static const Expr *intern_convert(ExprPool *pool, TnElementType type, const Expr *a, bool saturate)
{
    bool matters = element_kind(type) == ELEMENT_KIND_FLOAT && element_bits(type) <= 8;
    Expr key = {.kind = EXPR_convert, .type = type, .count = 1, .src = &a};
    key.integer = matters && saturate;
    return pool_intern(pool, &key);
}

/* A double as the float that rounds on to any small float as the double would: to odd. */
static const Expr *double_to_odd_float(ExprPool *pool, const Expr *a)
{
    const Expr *nearest = expr_convert(pool, TN_FLOAT, a);
    const Expr *back = expr_convert(pool, TN_DOUBLE, nearest);
    const Expr *bits = expr_bitcast(pool, TN_INT32, nearest), *one = expr_whole(pool, TN_INT32, 1);
    const Expr *is_beyond = expr_compare(pool, EXPR_less, expr_unary(pool, EXPR_absolute, a),
                                         expr_unary(pool, EXPR_absolute, back));
    const Expr *toward_zero =
        expr_select(pool, is_beyond, expr_binary(pool, EXPR_subtract, bits, one), bits);
    const Expr *odd = expr_binary(pool, EXPR_or, toward_zero, one);
    return expr_bitcast(pool, TN_FLOAT,
                        expr_select(pool, expr_compare(pool, EXPR_equal, a, back), bits, odd));
}

/* The step before a conversion to a type without arithmetic. */
static const Expr *approach_small(ExprPool *pool, TnElementType type, const Expr *a)
{
    if (element_kind(type) != ELEMENT_KIND_FLOAT) {
        const Expr *whole = is_float(a->type) ? expr_convert(pool, TN_INT32, a) : a;
        return expr_convert(pool, element_compute_type(type), whole);
    }
    return a->type == TN_DOUBLE ? double_to_odd_float(pool, a) : expr_convert(pool, TN_FLOAT, a);
}

const Expr *expr_convert_with(ExprPool *pool, TnElementType type, const Expr *a, bool saturate)
{
    assert(a->type != EXPR_INDEX && type != EXPR_INDEX);
    if (a->type == type)
        return a;
    if (is_constant(a))
        return expr_bits(pool, type, scalar_convert(type, a->type, saturate, a->bits));
    if (a->kind == EXPR_convert && can_skip(a->src[0]->type, a->type, type))
        return expr_convert_with(pool, type, a->src[0], saturate);
    if (type == TN_BOOL && !is_small(a->type))
        return expr_compare(pool, EXPR_not_equal, a, expr_bits(pool, a->type, 0));
    if (is_small(a->type) && element_compute_type(a->type) != type)
        return expr_convert_with(
            pool, type, intern_convert(pool, element_compute_type(a->type), a, false), saturate);
    if (is_small(type) && element_compute_type(type) != a->type)
        return intern_convert(pool, type, approach_small(pool, type, a), saturate);
    return intern_convert(pool, type, a, saturate);
}

const Expr *expr_convert(ExprPool *pool, TnElementType type, const Expr *a)
{
    return expr_convert_with(pool, type, a, true);
}

const Expr *expr_bitcast(ExprPool *pool, TnElementType type, const Expr *a)
{
    assert(element_bits(type) == element_bits(a->type));
    if (a->kind == EXPR_bitcast)
        a = a->src[0];
    if (a->type == type)
        return a;
    if (is_constant(a))
        return expr_bits(pool, type, a->bits);
    return pool_intern(pool, &(Expr){.kind = EXPR_bitcast, .type = type, .count = 1, .src = &a});
}

/* Whether all values of an index are numbers of the integer type. */
static bool fits(const Expr *index, TnElementType type)
{
    int64_t lower, upper;
    expr_bounds(index, &lower, &upper);
    int bits = element_bits(type);
    if (type == TN_BOOL || bits > 62)
        return type != TN_BOOL && (lower >= 0 || type == TN_INT64) && lower > -EXPR_LIMIT &&
               upper < EXPR_LIMIT;
    if (element_kind(type) == ELEMENT_KIND_UNSIGNED)
        return lower >= 0 && upper < INT64_C(1) << bits;
    return lower >= -(INT64_C(1) << (bits - 1)) && upper < INT64_C(1) << (bits - 1);
}

const Expr *expr_to_index(ExprPool *pool, const Expr *value)
{
    assert(!is_float(value->type) && !is_small(value->type));
    if (is_constant(value)) {
        int64_t number = scalar_to_int64(value->type, value->bits);
        bool beyond = value->type == TN_UINT64 && number < 0;
        return expr_integer(pool, beyond ? EXPR_LIMIT : number);
    }
    if (value->kind == EXPR_from_index && fits(value->src[0], value->type))
        return value->src[0];
    if (value->kind == EXPR_convert && !is_float(value->src[0]->type) &&
        !is_small(value->src[0]->type) && is_exact_in(value->src[0]->type, value->type))
        return expr_to_index(pool, value->src[0]);
    if (value->kind == EXPR_select)
        return expr_select(pool, value->src[0], expr_to_index(pool, value->src[1]),
                           expr_to_index(pool, value->src[2]));
    return pool_intern(pool, &(Expr){.kind = EXPR_to_index, .count = 1, .src = &value});
}

const Expr *expr_from_index(ExprPool *pool, TnElementType type, const Expr *index)
{
    assert(index->type == EXPR_INDEX && type != EXPR_INDEX);
    if (is_small(type))
        return expr_convert(pool, type, expr_from_index(pool, element_compute_type(type), index));
    if (index->kind == EXPR_integer)
        return expr_whole(pool, type, index->integer);
    if (type == TN_BOOL)
        return expr_compare(pool, EXPR_not_equal, index, expr_integer(pool, 0));
    if (index->kind == EXPR_to_index)
        return expr_convert(pool, type, index->src[0]);
    return pool_intern(pool,
                       &(Expr){.kind = EXPR_from_index, .type = type, .count = 1, .src = &index});
}

/* ---- Memory ------------------------------------------------------------------------------ */

static const Expr *intern_load(ExprPool *pool, const struct Tensor *tensor, TnElementType type,
                               int rank, const Expr *const *indices, const Expr *fill)
{
    const Expr *src[MAX_RANK + 1];
    for (int d = 0; d < rank; d++)
        src[d] = indices[d];
    if (fill)
        src[rank] = fill;
    return pool_intern(pool, &(Expr){.kind = EXPR_load,
                                     .type = type,
                                     .object = tensor,
                                     .has_fill = fill != NULL,
                                     .count = rank + (fill != NULL),
                                     .src = src});
}

const Expr *expr_load(ExprPool *pool, const struct Tensor *tensor, const Expr *const *indices)
{
    return intern_load(pool, tensor, element_compute_type(tensor->element), tensor->rank, indices,
                       NULL);
}

const Expr *expr_load_or(ExprPool *pool, const struct Tensor *tensor, const Expr *const *indices,
                         const Expr *fill)
{
    TnElementType type = element_compute_type(tensor->element);
    assert(fill->type == type);
    const Expr *inside = expr_bool(pool, true);
    for (int d = 0; d < tensor->rank; d++)
        inside = expr_both(pool, inside, expr_inside(pool, indices[d], tensor->shape[d]));
    if (is_constant(inside))
        return inside->bits ? intern_load(pool, tensor, type, tensor->rank, indices, NULL) : fill;
    return intern_load(pool, tensor, type, tensor->rank, indices, fill);
}

const Expr *expr_fetch(ExprPool *pool, const struct Tensor *tensor, const Expr *offset,
                       const Expr *inside, const Expr *fill)
{
    TnElementType type = element_compute_type(tensor->element);
    if (inside && is_constant(inside)) {
        if (!inside->bits)
            return fill;
        inside = NULL;
    }
    const Expr *src[] = {offset, inside, fill};
    return pool_intern(pool, &(Expr){.kind = EXPR_fetch,
                                     .type = type,
                                     .object = tensor,
                                     .has_fill = inside != NULL,
                                     .count = inside ? 3 : 1,
                                     .src = src});
}

const Expr *expr_cell(ExprPool *pool, const struct Array *array, const Expr *index)
{
    return pool_intern(
        pool,
        &(Expr){
            .kind = EXPR_cell, .type = array->type, .object = array, .count = 1, .src = &index});
}
