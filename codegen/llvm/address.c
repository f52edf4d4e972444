/* SPDX-License-Identifier: Apache-2.0
 *
 * Indices and addresses.
 *
 * An address is a chain of pointers, one for each loop that moves it, each computed in the setup
 * block of that loop and frozen: otherwise loop strength reduction would look through it and keep a
 * pointer for each row of a tile. What unrolled loops add is an immediate offset.
 *
 * Indices that depend on loads or on unrolled axes are computed where they stand, all others in the
 * setup block of the innermost loop that they mention.
 */
#include "emitter.h"

#include <assert.h>

static const LoopBinding *binding_of(const Emitter *em, const Expr *axis)
{
    const LoopBinding *binding = map_get_pointer(&em->bindings, axis->object);
    assert(binding && "an axis outside its loop");
    return binding;
}

bool mentions_lane(const Emitter *em, const Expr *e)
{
    return em->source->lane && expr_contains_axis(e, em->source->lane);
}

enum { HERE = -1 };

/* The loop in whose setup block an index can be computed, or HERE. */
static int depth_of(const Emitter *em, const Expr *e)
{
    if (e->kind == EXPR_to_index || e->kind == EXPR_select)
        return HERE;
    if (e->kind == EXPR_axis && e->object == em->source->lane)
        return 0;
    if (e->kind == EXPR_axis) {
        const LoopBinding *binding = binding_of(em, e);
        return binding->value ? binding->depth : HERE;
    }
    int depth = 0;
    for (int i = 0; i < e->count; i++) {
        int inner = depth_of(em, e->src[i]);
        if (inner == HERE)
            return HERE;
        depth = inner > depth ? inner : depth;
    }
    return depth;
}

static Llvm find_hoisted(const Emitter *em, const Tensor *tensor, const Expr *e)
{
    for (int64_t i = em->hoisted.count - 1; i >= 0; i--)
        if (em->hoisted.items[i].expr == e && em->hoisted.items[i].tensor == tensor)
            return em->hoisted.items[i].value;
    return NULL;
}

/* ---- Numbers ----------------------------------------------------------------------------- */

static bool is_power_of_two(int64_t n)
{
    return n > 0 && (n & (n - 1)) == 0;
}

static int log2_of(int64_t n)
{
    return __builtin_ctzll((uint64_t)n);
}

/* Rounded down, and what is left; a and b are of one type, scalar or vector. A divisor is positive
 * wherever its value matters, but may be 0 where a loop around it runs zero times. */
static Llvm emit_division(Emitter *em, const Expr *e, Llvm a, Llvm b)
{
    LLVMBuilderRef builder = em->builder;
    bool quotient = e->kind == EXPR_quotient;
    int64_t divisor, lower, upper;
    expr_bounds(e->src[0], &lower, &upper);
    if (expr_known(e->src[1], &divisor)) {
        if (is_power_of_two(divisor) && quotient)
            return LLVMBuildAShr(builder, a, constant_like(em, a, log2_of(divisor)), "");
        if (is_power_of_two(divisor))
            return LLVMBuildAnd(builder, a, constant_like(em, a, divisor - 1), "");
    } else {
        Llvm args[] = {b, constant_like(em, b, 1)};
        b = emit_intrinsic(em, "llvm.smax", LLVMTypeOf(b), args, 2);
    }
    if (lower >= 0)
        return (quotient ? LLVMBuildUDiv : LLVMBuildURem)(builder, a, b, "");
    Llvm rest = LLVMBuildSRem(builder, a, b, "");
    Llvm below = LLVMBuildICmp(builder, LLVMIntSLT, rest, constant_like(em, rest, 0), "");
    if (!quotient)
        return LLVMBuildSelect(builder, below, LLVMBuildAdd(builder, rest, b, ""), rest, "");
    Llvm down = LLVMBuildSExt(builder, below, LLVMTypeOf(a), "");
    return LLVMBuildAdd(builder, LLVMBuildSDiv(builder, a, b, ""), down, "");
}

/* A value as an index of the given scalar type. */
static Llvm emit_to_index(Emitter *em, const Expr *e, LLVMTypeRef type)
{
    const Expr *source = e->src[0];
    Llvm value = emit_value(em, source);
    LLVMTypeRef to = type_like(em, type, value);
    unsigned have = LLVMGetIntTypeWidth(is_vector(value) ? LLVMGetElementType(LLVMTypeOf(value))
                                                         : LLVMTypeOf(value));
    if (have >= LLVMGetIntTypeWidth(type))
        return LLVMBuildTrunc(em->builder, value, to, "");
    if (element_kind(source->type) == ELEMENT_KIND_SIGNED)
        return LLVMBuildSExt(em->builder, value, to, "");
    return LLVMBuildZExt(em->builder, value, to, "");
}

static Llvm emit_extremum(Emitter *em, const Expr *e, Llvm a, Llvm b)
{
    Llvm args[] = {a, b};
    return emit_intrinsic(em, e->kind == EXPR_larger ? "llvm.smax" : "llvm.smin", LLVMTypeOf(a),
                          args, 2);
}

static Llvm emit_arithmetic(Emitter *em, const Expr *e, Llvm a, Llvm b)
{
    if (e->kind == EXPR_times)
        return LLVMBuildMul(em->builder, a, b, "");
    return e->kind == EXPR_larger || e->kind == EXPR_smaller ? emit_extremum(em, e, a, b)
                                                             : emit_division(em, e, a, b);
}

static Llvm emit_symbol(Emitter *em, const Expr *e)
{
    const Symbol *symbol = e->object;
    Llvm slot = constant_int(em, em->i64, symbol->id), sizes = LLVMGetParam(em->function, 1);
    Llvm at = LLVMBuildInBoundsGEP2(em->builder, em->i64, sizes, &slot, 1, "");
    return LLVMBuildLoad2(em->builder, em->i64, at, symbol->name);
}

static Llvm emit_index_here(Emitter *em, const Expr *e)
{
    LLVMBuilderRef builder = em->builder;
    switch (e->kind) {
    case EXPR_integer: return constant_int(em, em->i64, e->integer);
    case EXPR_axis: {
        const LoopBinding *binding = binding_of(em, e);
        return binding->value ? binding->value : constant_int(em, em->i64, binding->number);
    }
    case EXPR_symbol: return emit_symbol(em, e);
    case EXPR_linear: {
        Llvm total = NULL;
        for (int i = 0; i < e->count; i++) {
            Llvm term = emit_index(em, e->src[i]);
            if (e->factors[i] != 1)
                term = LLVMBuildMul(builder, term, constant_int(em, em->i64, e->factors[i]), "");
            total = total ? LLVMBuildAdd(builder, total, term, "") : term;
        }
        Llvm integer = constant_int(em, em->i64, e->integer);
        return e->integer ? LLVMBuildAdd(builder, total, integer, "") : total;
    }
    case EXPR_times:
    case EXPR_quotient:
    case EXPR_modulus:
    case EXPR_larger:
    case EXPR_smaller: {
        Llvm a = emit_index(em, e->src[0]), b = emit_index(em, e->src[1]);
        return emit_arithmetic(em, e, a, b);
    }
    case EXPR_to_index: return emit_to_index(em, e, em->i64);
    case EXPR_select: {
        Llvm condition = emit_value(em, e->src[0]);
        Llvm a = emit_index(em, e->src[1]), b = emit_index(em, e->src[2]);
        return LLVMBuildSelect(builder, condition, a, b, "");
    }
    default: assert(!"not an index"); return NULL;
    }
}

Llvm emit_index(Emitter *em, const Expr *e)
{
    if (e->count == 0 && e->kind != EXPR_symbol)
        return emit_index_here(em, e);
    int depth = depth_of(em, e);
    if (depth == HERE)
        return emit_index_here(em, e);
    Llvm value = find_hoisted(em, NULL, e);
    if (value)
        return value;
    LLVMBasicBlockRef here = LLVMGetInsertBlock(em->builder);
    LLVMPositionBuilderAtEnd(em->builder, em->setup[depth]);
    value = emit_index_here(em, e);
    LLVMPositionBuilderAtEnd(em->builder, here);
    array_push(em->arena, &em->hoisted, (Hoisted){NULL, e, value, depth});
    return value;
}

int64_t emit_cell_number(Emitter *em, const Expr *index)
{
    Llvm number = emit_index(em, index); /* all its axes are unrolled: the builder folds it */
    assert(LLVMIsAConstantInt(number));
    return LLVMConstIntGetSExtValue(number);
}

/* ---- Numbers a lane ---------------------------------------------------------------------- */

/* Whether all that is computed on the way fits 32 bits. */
static bool fits_32_bits(const Expr *e)
{
    int64_t lower, upper;
    if (e->type != EXPR_INDEX)
        return true;
    expr_bounds(e, &lower, &upper);
    if (lower <= INT32_MIN || upper >= INT32_MAX)
        return false;
    int64_t sum = 0;
    for (int i = 0; i < e->count; i++) {
        if (!fits_32_bits(e->src[i]))
            return false;
        if (e->kind != EXPR_linear)
            continue;
        int64_t largest, term;
        expr_bounds(e->src[i], &lower, &upper);
        largest = -lower > upper ? -lower : upper;
        if (__builtin_mul_overflow(largest, e->factors[i] < 0 ? -e->factors[i] : e->factors[i],
                                   &term) ||
            term >= INT32_MAX || (sum += term) >= INT32_MAX)
            return false;
    }
    return true;
}

static Llvm lane_numbers(Emitter *em, LLVMTypeRef type)
{
    int64_t numbers[MAX_LANES];
    for (unsigned l = 0; l < em->lanes; l++)
        numbers[l] = l;
    return constant_lanes(em, type, numbers);
}

static Llvm emit_lanes(Emitter *em, const Expr *e, LLVMTypeRef type);

static Llvm emit_lane_sum(Emitter *em, const Expr *e, LLVMTypeRef type)
{
    LLVMBuilderRef builder = em->builder;
    const Expr *rest = expr_integer(em->pool, e->integer); /* the same in all lanes */
    Llvm total = NULL;
    for (int i = 0; i < e->count; i++) {
        if (!mentions_lane(em, e->src[i])) {
            rest = expr_plus(em->pool, rest, expr_scale(em->pool, e->src[i], e->factors[i]));
            continue;
        }
        Llvm term = emit_lanes(em, e->src[i], type);
        if (e->factors[i] != 1)
            term = LLVMBuildMul(builder, term, constant_like(em, term, e->factors[i]), "");
        total = total ? LLVMBuildAdd(builder, total, term, "") : term;
    }
    return expr_is(rest, 0) ? total : LLVMBuildAdd(builder, total, emit_lanes(em, rest, type), "");
}

/* A vector of `type` for any index. */
static Llvm emit_lanes(Emitter *em, const Expr *e, LLVMTypeRef type)
{
    if (!mentions_lane(em, e)) {
        Llvm scalar = emit_index(em, e);
        return splat(em, type == em->i64 ? scalar : LLVMBuildTrunc(em->builder, scalar, type, ""));
    }
    switch (e->kind) {
    case EXPR_axis: return lane_numbers(em, type);
    case EXPR_linear: return emit_lane_sum(em, e, type);
    case EXPR_times:
    case EXPR_quotient:
    case EXPR_modulus:
    case EXPR_larger:
    case EXPR_smaller: {
        Llvm a = emit_lanes(em, e->src[0], type), b = emit_lanes(em, e->src[1], type);
        return emit_arithmetic(em, e, a, b);
    }
    case EXPR_to_index: return splat(em, emit_to_index(em, e, type));
    case EXPR_select: {
        Llvm condition = emit_value(em, e->src[0]);
        Llvm a = emit_lanes(em, e->src[1], type), b = emit_lanes(em, e->src[2], type);
        return LLVMBuildSelect(em->builder, condition, a, b, "");
    }
    default: assert(!"not an index"); return NULL;
    }
}

Llvm emit_lane_index(Emitter *em, const Expr *e)
{
    return emit_lanes(em, e, fits_32_bits(e) ? em->i32 : em->i64);
}

/* ---- Comparisons ------------------------------------------------------------------------- */

static LLVMIntPredicate predicate_of(ExprKind kind)
{
    switch (kind) {
    case EXPR_less: return LLVMIntSLT;
    case EXPR_less_equal: return LLVMIntSLE;
    case EXPR_equal: return LLVMIntEQ;
    case EXPR_not_equal: return LLVMIntNE;
    default: assert(!"not a comparison"); return LLVMIntEQ;
    }
}

/* lane * step + rest for constants `step`: the usual condition of an edge. */
static bool lane_is_linear(Emitter *em, const Expr *e, int64_t *step, const Expr **rest)
{
    *step = expr_coefficient(e, em->source->lane);
    *rest =
        expr_minus(em->pool, e, expr_scale(em->pool, expr_axis(em->pool, em->source->lane), *step));
    return !mentions_lane(em, *rest);
}

/* 0 < lane * step + rest, without vectors of 64 bits: rest is cut to what lanes can tell apart. */
static Llvm compare_with_lanes(Emitter *em, LLVMIntPredicate predicate, const Expr *rest,
                               int64_t step)
{
    const int64_t limit = INT64_C(1) << 30;
    int64_t steps[MAX_LANES], lower, upper;
    for (unsigned l = 0; l < em->lanes; l++)
        steps[l] = -step * l;
    expr_bounds(rest, &lower, &upper);
    Llvm value = emit_index(em, rest);
    if (lower < -limit || upper > limit) {
        Llvm low[] = {value, constant_int(em, em->i64, -limit)};
        value = emit_intrinsic(em, "llvm.smax", em->i64, low, 2);
        Llvm high[] = {value, constant_int(em, em->i64, limit)};
        value = emit_intrinsic(em, "llvm.smin", em->i64, high, 2);
    }
    value = splat(em, LLVMBuildTrunc(em->builder, value, em->i32, ""));
    return LLVMBuildICmp(em->builder, predicate, constant_lanes(em, em->i32, steps), value, "");
}

static Llvm compare_here(Emitter *em, ExprKind kind, const Expr *a, const Expr *b)
{
    LLVMIntPredicate predicate = predicate_of(kind);
    const Expr *difference = expr_minus(em->pool, b, a), *rest;
    int64_t step, furthest = INT64_C(1) << 24;
    if (!mentions_lane(em, a) && !mentions_lane(em, b)) {
        Llvm left = emit_index(em, a), right = emit_index(em, b);
        return LLVMBuildICmp(em->builder, predicate, left, right, "");
    }
    if (lane_is_linear(em, difference, &step, &rest) && step > -furthest && step < furthest)
        return compare_with_lanes(em, predicate, rest, step);
    LLVMTypeRef type = fits_32_bits(a) && fits_32_bits(b) ? em->i32 : em->i64;
    Llvm left = emit_lanes(em, a, type), right = emit_lanes(em, b, type);
    return LLVMBuildICmp(em->builder, predicate, left, right, "");
}

Llvm emit_index_compare(Emitter *em, const Expr *e)
{
    int depth = depth_of(em, e);
    if (depth == HERE)
        return compare_here(em, e->kind, e->src[0], e->src[1]);
    Llvm value = find_hoisted(em, NULL, e);
    if (value)
        return value;
    LLVMBasicBlockRef here = LLVMGetInsertBlock(em->builder);
    LLVMPositionBuilderAtEnd(em->builder, em->setup[depth]);
    value = compare_here(em, e->kind, e->src[0], e->src[1]);
    LLVMPositionBuilderAtEnd(em->builder, here);
    array_push(em->arena, &em->hoisted, (Hoisted){NULL, e, value, depth});
    return value;
}

/* ---- Addresses --------------------------------------------------------------------------- */

/* The terms of an index: factor * atom. A lone atom is one term. */
typedef struct Terms {
    int count;
    const Expr *const *atoms;
    const int64_t *factors;
    int64_t integer;
} Terms;

static Terms terms_of(const Expr *const *e)
{
    static const int64_t one = 1;
    if ((*e)->kind == EXPR_linear)
        return (Terms){(*e)->count, (*e)->src, (*e)->factors, (*e)->integer};
    if ((*e)->kind == EXPR_integer)
        return (Terms){.integer = (*e)->integer};
    return (Terms){1, e, &one, 0};
}

/* The value of an index for one lane, where nothing but constants, unrolled axes and the lane
 * occur. */
static bool evaluate_lane(const Emitter *em, const Expr *e, int64_t lane, int64_t *value)
{
    int64_t a, b;
    switch (e->kind) {
    case EXPR_integer: *value = e->integer; return true;
    case EXPR_axis: {
        if (e->object == em->source->lane) {
            *value = lane;
            return true;
        }
        const LoopBinding *binding = binding_of(em, e);
        *value = binding->number;
        return !binding->value;
    }
    case EXPR_linear:
        *value = e->integer;
        for (int i = 0; i < e->count; i++) {
            if (!evaluate_lane(em, e->src[i], lane, &a))
                return false;
            *value += a * e->factors[i];
        }
        return true;
    case EXPR_times:
    case EXPR_quotient:
    case EXPR_modulus:
    case EXPR_larger:
    case EXPR_smaller:
        if (!evaluate_lane(em, e->src[0], lane, &a) || !evaluate_lane(em, e->src[1], lane, &b))
            return false;
        break;
    default: return false;
    }
    switch (e->kind) {
    case EXPR_times: *value = a * b; return true;
    case EXPR_larger: *value = a > b ? a : b; return true;
    case EXPR_smaller: *value = a < b ? a : b; return true;
    default: break;
    }
    if (b <= 0)
        return false;
    int64_t quotient = a / b - (a % b < 0);
    *value = e->kind == EXPR_quotient ? quotient : a - quotient * b;
    return true;
}

LaneShape lane_shape(Emitter *em, const Expr *offset, int64_t *steps)
{
    Terms terms = terms_of(&offset);
    bool same = true, contiguous = true;
    for (unsigned l = 0; l < em->lanes; l++) {
        steps[l] = 0;
        for (int i = 0; i < terms.count; i++) {
            int64_t value;
            if (!mentions_lane(em, terms.atoms[i]))
                continue;
            if (!evaluate_lane(em, terms.atoms[i], l, &value))
                return LANES_general;
            steps[l] += terms.factors[i] * value;
        }
        same &= steps[l] == 0;
        contiguous &= steps[l] == l;
    }
    return same ? LANES_same : contiguous && em->lanes > 1 ? LANES_contiguous : LANES_steps;
}

static Llvm element_pointer(Emitter *em, const Tensor *tensor, Llvm pointer, Llvm index)
{
    LLVMTypeRef type = memory_type(em, tensor->element);
    return LLVMBuildGEP2(em->builder, type, pointer, &index, 1, "");
}

/* The pointer `outer` + step, in the setup block of loop `depth`; `prefix` is its whole offset. */
static Llvm base_pointer(Emitter *em, const Tensor *tensor, Llvm outer, const Expr *prefix,
                         const Expr *step, int depth)
{
    Llvm pointer = find_hoisted(em, tensor, prefix);
    if (pointer)
        return pointer;
    Llvm index = emit_index(em, step);
    LLVMBasicBlockRef here = LLVMGetInsertBlock(em->builder);
    LLVMPositionBuilderAtEnd(em->builder, em->setup[depth]);
    pointer = LLVMBuildFreeze(em->builder, element_pointer(em, tensor, outer, index), "");
    LLVMPositionBuilderAtEnd(em->builder, here);
    array_push(em->arena, &em->hoisted, (Hoisted){tensor, prefix, pointer, depth});
    return pointer;
}

Llvm emit_address(Emitter *em, const Tensor *tensor, const Expr *offset)
{
    ExprPool *pool = em->pool;
    Terms terms = terms_of(&offset);
    int64_t number = terms.integer;
    const Expr *prefix = expr_integer(pool, 0), *steps[MAX_LOOP_DEPTH] = {0}, *late = prefix;
    for (int i = 0; i < terms.count; i++) {
        const Expr *atom = terms.atoms[i], *term = expr_scale(pool, atom, terms.factors[i]);
        if (mentions_lane(em, atom))
            continue;
        int64_t value;
        int depth = depth_of(em, atom);
        if (depth == HERE && evaluate_lane(em, atom, 0, &value))
            number += terms.factors[i] * value;
        else if (depth == HERE)
            late = expr_plus(pool, late, term);
        else
            steps[depth] = steps[depth] ? expr_plus(pool, steps[depth], term) : term;
    }
    Llvm pointer = map_get_pointer(&em->pointers, tensor);
    assert(pointer && "a tensor that the function does not have");
    for (int depth = 0; depth <= em->depth; depth++) {
        if (!steps[depth])
            continue;
        prefix = expr_plus(pool, prefix, steps[depth]);
        pointer = base_pointer(em, tensor, pointer, prefix, steps[depth], depth);
    }
    if (!expr_is(late, 0))
        pointer = element_pointer(em, tensor, pointer, emit_index(em, late));
    return number ? element_pointer(em, tensor, pointer, constant_int(em, em->i64, number))
                  : pointer;
}

Llvm emit_lane_offset(Emitter *em, const Expr *offset)
{
    ExprPool *pool = em->pool;
    Terms terms = terms_of(&offset);
    const Expr *lanes = expr_integer(pool, 0);
    for (int i = 0; i < terms.count; i++)
        if (mentions_lane(em, terms.atoms[i]))
            lanes = expr_plus(pool, lanes, expr_scale(pool, terms.atoms[i], terms.factors[i]));
    int depth = depth_of(em, lanes);
    if (depth == HERE)
        return emit_lane_index(em, lanes);
    /* marked as the lane's, so that it is not taken for a scalar */
    const Tensor *mark = (const Tensor *)em->source->lane;
    Llvm value = find_hoisted(em, mark, lanes);
    if (value)
        return value;
    LLVMBasicBlockRef here = LLVMGetInsertBlock(em->builder);
    LLVMPositionBuilderAtEnd(em->builder, em->setup[depth]);
    value = emit_lane_index(em, lanes);
    LLVMPositionBuilderAtEnd(em->builder, here);
    array_push(em->arena, &em->hoisted, (Hoisted){mark, lanes, value, depth});
    return value;
}
