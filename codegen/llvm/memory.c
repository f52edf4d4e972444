/* SPDX-License-Identifier: Apache-2.0
 *
 * Loads and stores. What the offset does over the lanes decides: one scalar for all, a vector, one
 * or two vectors and a shuffle where the lanes stay close together, else a gather or scatter.
 *
 * No memory is touched where a mask or the condition of a fetch is false: vectors are masked, and
 * scalars read the spare instead. A scalar under a mask of lanes is read if any lane is active; who
 * builds a nest sees to it that one is.
 */
#include "emitter.h"

#include <assert.h>

/* A fetch or store taken apart. */
typedef struct Access {
    const Tensor *tensor;
    const Expr *offset;
    LaneShape shape;
    int64_t steps[MAX_LANES];
    LLVMTypeRef element; /* in memory */
    Llvm mask;           /* a vector, or NULL */
} Access;

static void set_alignment(const Access *access, Llvm instruction)
{
    unsigned bytes = (unsigned)element_bytes(access->tensor->element);
    LLVMSetAlignment(instruction, bytes < 8 ? bytes : 8);
}

static Access access_of(Emitter *em, const Tensor *tensor, const Expr *offset)
{
    Access access = {
        .tensor = tensor, .offset = offset, .element = memory_type(em, tensor->element)};
    access.shape = mentions_lane(em, offset) ? lane_shape(em, offset, access.steps) : LANES_same;
    return access;
}

static LLVMTypeRef vector_of(const Emitter *em, const Access *access)
{
    return LLVMVectorType(access->element, em->lanes);
}

static Llvm all_lanes(Emitter *em)
{
    return LLVMConstAllOnes(LLVMVectorType(em->i1, em->lanes));
}

static Llvm any_lane(Emitter *em, Llvm mask)
{
    return emit_intrinsic(em, "llvm.vector.reduce.or", LLVMTypeOf(mask), &mask, 1);
}

static Llvm masked_load(Emitter *em, const Access *access, Llvm pointer, Llvm mask, Llvm otherwise)
{
    LLVMTypeRef types[] = {vector_of(em, access), em->pointer};
    Llvm args[] = {pointer,
                   constant_int(em, em->i32, (int64_t)element_bytes(access->tensor->element)), mask,
                   otherwise};
    return emit_overloaded(em, "llvm.masked.load", types, 2, args, 4);
}

static Llvm vector_load(Emitter *em, const Access *access, Llvm pointer, Llvm mask, Llvm otherwise)
{
    if (mask)
        return masked_load(em, access, pointer, mask, otherwise);
    Llvm load = LLVMBuildLoad2(em->builder, vector_of(em, access), pointer, "");
    set_alignment(access, load);
    return load;
}

static Llvm scalar_load(Emitter *em, const Access *access, Llvm pointer)
{
    Llvm load = LLVMBuildLoad2(em->builder, access->element, pointer, "");
    set_alignment(access, load);
    return load;
}

/* ---- Lanes apart ------------------------------------------------------------------------- */

static Llvm lane_pointers(Emitter *em, const Access *access)
{
    Llvm base = emit_address(em, access->tensor, access->offset), index;
    if (access->shape == LANES_steps)
        index = constant_lanes(em, em->i64, access->steps);
    else
        index = emit_lane_offset(em, access->offset);
    return LLVMBuildGEP2(em->builder, access->element, base, &index, 1, "");
}

/* Whether the processor may have an instruction for it; smaller elements become branches. */
static bool is_wide(const Access *access)
{
    return element_bytes(access->tensor->element) >= 4;
}

static Llvm without_masked(Emitter *em, const Access *access, Llvm pointers)
{
    if (!access->mask)
        return pointers;
    return LLVMBuildSelect(em->builder, access->mask, pointers, splat(em, em->spare), "");
}

static Llvm gather(Emitter *em, const Access *access)
{
    LLVMTypeRef vector = vector_of(em, access);
    Llvm pointers = lane_pointers(em, access), value = LLVMGetPoison(vector);
    int64_t bytes = (int64_t)element_bytes(access->tensor->element);
    if (is_wide(access)) {
        LLVMTypeRef types[] = {vector, LLVMTypeOf(pointers)};
        Llvm args[] = {pointers, constant_int(em, em->i32, bytes),
                       access->mask ? access->mask : all_lanes(em), LLVMConstNull(vector)};
        return emit_overloaded(em, "llvm.masked.gather", types, 2, args, 4);
    }
    pointers = without_masked(em, access, pointers);
    for (unsigned l = 0; l < em->lanes; l++) {
        Llvm lane = constant_int(em, em->i32, l);
        Llvm pointer = LLVMBuildExtractElement(em->builder, pointers, lane, "");
        value =
            LLVMBuildInsertElement(em->builder, value, scalar_load(em, access, pointer), lane, "");
    }
    return value;
}

/* Lanes that lie within two vectors: loads and a shuffle, reading no more than the lanes span. */
static Llvm load_close(Emitter *em, const Access *access, int64_t first, int64_t last)
{
    int64_t lanes = em->lanes, span = last - first;
    int64_t low[MAX_LANES], high[MAX_LANES], places[MAX_LANES];
    for (int64_t l = 0; l < lanes; l++) {
        low[l] = l <= span;
        high[l] = l + lanes <= span;
        places[l] = access->steps[l] - first;
    }
    const Expr *from = expr_plus_integer(em->pool, access->offset, first);
    Llvm pointer = emit_address(em, access->tensor, from),
         none = LLVMConstNull(vector_of(em, access));
    Llvm a = vector_load(em, access, pointer,
                         span < lanes - 1 ? constant_lanes(em, em->i1, low) : NULL, none);
    Llvm b = none;
    if (span >= lanes) {
        pointer = emit_address(em, access->tensor, expr_plus_integer(em->pool, from, lanes));
        b = vector_load(em, access, pointer,
                        span < 2 * lanes - 1 ? constant_lanes(em, em->i1, high) : NULL, none);
    }
    return LLVMBuildShuffleVector(em->builder, a, b, constant_lanes(em, em->i32, places), "");
}

static Llvm load_apart(Emitter *em, const Access *access)
{
    int64_t first = access->steps[0], last = access->steps[0];
    for (unsigned l = 1; l < em->lanes && access->shape == LANES_steps; l++) {
        first = access->steps[l] < first ? access->steps[l] : first;
        last = access->steps[l] > last ? access->steps[l] : last;
    }
    if (access->shape == LANES_steps && !access->mask && last - first < 2 * (int64_t)em->lanes)
        return load_close(em, access, first, last);
    return gather(em, access);
}

/* ---- Fetch ------------------------------------------------------------------------------- */

static bool is_zero(Llvm value)
{
    return LLVMIsConstant(value) && LLVMIsNull(value);
}

static Llvm fetch_scalar(Emitter *em, const Access *access, Llvm inside)
{
    Llvm pointer = emit_address(em, access->tensor, access->offset);
    if (inside && is_vector(inside))
        inside = any_lane(em, inside);
    if (inside)
        pointer = LLVMBuildSelect(em->builder, inside, pointer, em->spare, "");
    return scalar_load(em, access, pointer);
}

Llvm emit_fetch(Emitter *em, const Expr *e)
{
    const Tensor *tensor = e->object;
    TnElementType compute = element_compute_type(tensor->element);
    Access access = access_of(em, tensor, e->src[0]);
    Llvm inside = e->has_fill ? emit_value(em, e->src[1]) : NULL, value;
    Llvm fill = e->has_fill ? emit_value(em, e->src[2]) : NULL;
    if (access.shape == LANES_same) {
        value = fetch_scalar(em, &access, inside);
        value = emit_convert(em, value, tensor->element, compute, false);
    } else {
        access.mask = both_masks(em, em->mask, inside ? splat(em, inside) : NULL);
        Llvm otherwise = LLVMConstNull(vector_of(em, &access));
        /* What is not read may be the fill at once. */
        bool filled = inside && access.shape == LANES_contiguous && tensor->element != TN_BOOL &&
                      tensor->element == compute;
        if (filled)
            otherwise = splat(em, fill);
        if (access.shape == LANES_contiguous)
            value = vector_load(em, &access, emit_address(em, tensor, e->src[0]), access.mask,
                                otherwise);
        else
            value = load_apart(em, &access);
        value = emit_convert(em, value, tensor->element, compute, false);
        bool zeros = inside && is_zero(fill) && tensor->element != TN_FLOAT8E8M0 && access.mask &&
                     (access.shape == LANES_contiguous || is_wide(&access));
        if (filled || zeros)
            return value;
    }
    if (!inside)
        return value;
    if (is_vector(inside) || is_vector(value) || is_vector(fill)) {
        value = splat(em, value);
        fill = splat(em, fill);
    }
    return LLVMBuildSelect(em->builder, inside, value, fill, "");
}

/* ---- Store ------------------------------------------------------------------------------- */

static void scatter(Emitter *em, const Access *access, Llvm value)
{
    Llvm pointers = lane_pointers(em, access);
    int64_t bytes = (int64_t)element_bytes(access->tensor->element);
    if (is_wide(access)) {
        LLVMTypeRef types[] = {LLVMTypeOf(value), LLVMTypeOf(pointers)};
        Llvm args[] = {value, pointers, constant_int(em, em->i32, bytes),
                       access->mask ? access->mask : all_lanes(em)};
        emit_overloaded(em, "llvm.masked.scatter", types, 2, args, 4);
        return;
    }
    pointers = without_masked(em, access, pointers);
    for (unsigned l = 0; l < em->lanes; l++) {
        Llvm lane = constant_int(em, em->i32, l);
        Llvm element = LLVMBuildExtractElement(em->builder, value, lane, "");
        Llvm pointer = LLVMBuildExtractElement(em->builder, pointers, lane, "");
        set_alignment(access, LLVMBuildStore(em->builder, element, pointer));
    }
}

static void store_value(Emitter *em, const Access *access, Llvm value)
{
    if (access->shape == LANES_same) {
        if (is_vector(value))
            value = LLVMBuildExtractElement(em->builder, value, constant_int(em, em->i32, 0), "");
        Llvm pointer = emit_address(em, access->tensor, access->offset);
        set_alignment(access, LLVMBuildStore(em->builder, value, pointer));
        return;
    }
    value = splat(em, value);
    if (access->shape != LANES_contiguous) {
        scatter(em, access, value);
        return;
    }
    Llvm pointer = emit_address(em, access->tensor, access->offset);
    if (!access->mask) {
        set_alignment(access, LLVMBuildStore(em->builder, value, pointer));
        return;
    }
    LLVMTypeRef types[] = {LLVMTypeOf(value), em->pointer};
    Llvm args[] = {value, pointer,
                   constant_int(em, em->i32, (int64_t)element_bytes(access->tensor->element)),
                   access->mask};
    emit_overloaded(em, "llvm.masked.store", types, 2, args, 4);
}

void emit_store(Emitter *em, const Nest *nest)
{
    const Tensor *tensor = nest->tensor;
    Llvm condition = nest->condition ? emit_value(em, nest->condition) : NULL;
    LLVMBasicBlockRef after = NULL;
    if (condition && !is_vector(condition)) {
        LLVMBasicBlockRef inside = emit_block(em, "store");
        after = emit_block(em, "stored");
        LLVMBuildCondBr(em->builder, condition, inside, after);
        LLVMPositionBuilderAtEnd(em->builder, inside);
        condition = NULL;
    }
    Access access = access_of(em, tensor, nest->index);
    access.mask = both_masks(em, em->mask, condition);
    Llvm value = emit_value(em, nest->value);
    value = emit_convert(em, value, nest->value->type, tensor->element, true);
    if (tensor->element == TN_BOOL)
        value = LLVMBuildZExt(em->builder, value, type_like(em, em->i8, value), "");
    store_value(em, &access, value);
    if (after) {
        LLVMBuildBr(em->builder, after);
        LLVMPositionBuilderAtEnd(em->builder, after);
    }
}

void emit_prefetch(Emitter *em, const Nest *nest)
{
    Llvm args[] = {emit_address(em, nest->tensor, nest->index),
                   constant_int(em, em->i32, nest->write),
                   constant_int(em, em->i32, nest->locality), constant_int(em, em->i32, 1)};
    emit_intrinsic(em, "llvm.prefetch", em->pointer, args, 4);
}
