/* SPDX-License-Identifier: Apache-2.0
 *
 * Nests to LLVM IR. The emitter knows loops, registers and addresses, no operators: what it is
 * given is what comes out, vector by vector.
 *
 * Cells of register arrays are SSA values. A loop that sets a cell which had a value before gets a
 * phi for it; a value that is first set inside a loop or a branch ends with it.
 */
#include "emitter.h"

#include <assert.h>
#include <string.h>

static void emit_nest(Emitter *em, const Nest *nest);

/* What is built from here on belongs to the statement, or to the function. */
static void emit_place(Emitter *em, const void *statement)
{
    if (em->debug)
        debug_place(em->debug, em->builder, em->scope, statement);
}

LLVMBasicBlockRef emit_block(Emitter *em, const char *name)
{
    return LLVMAppendBasicBlockInContext(em->context, em->function, name);
}

/* ---- Cells ------------------------------------------------------------------------------- */

static bool nest_sets(const Nest *nest, int array)
{
    for (; nest; nest = nest->next) {
        if ((nest->kind == NEST_set || nest->kind == NEST_transpose) && nest->array->id == array)
            return true;
        if (nest_sets(nest->body, array) || nest_sets(nest->otherwise, array))
            return true;
    }
    return false;
}

static Llvm *cells_of(Emitter *em, const Array *array)
{
    if (!em->cells[array->id]) {
        em->cells[array->id] = ARENA_ARRAY(em->arena, Llvm, array->count);
        em->cell_counts[array->id] = array->count;
    }
    return em->cells[array->id];
}

typedef ARRAY(Llvm *) CellList;

/* The cells that a loop or branch changes and that already have a value: they need phis. */
static CellList changed_cells(Emitter *em, const Nest *nest)
{
    CellList cells = {0};
    for (int a = 0; a < em->source->array_count; a++) {
        if (!nest_sets(nest, a))
            continue;
        for (int i = 0; i < em->cell_counts[a]; i++)
            if (em->cells[a][i])
                array_push(em->arena, &cells, &em->cells[a][i]);
    }
    return cells;
}

/* Values that were first set in the nest end with it; those of `kept` stay. */
static void forget_new_cells(Emitter *em, const Nest *nest, const CellList *kept)
{
    Llvm *values = ARENA_ARRAY(em->arena, Llvm, kept->count + 1);
    for (int64_t i = 0; i < kept->count; i++)
        values[i] = *kept->items[i];
    for (int a = 0; a < em->source->array_count; a++)
        if (nest_sets(nest, a))
            for (int i = 0; i < em->cell_counts[a]; i++)
                em->cells[a][i] = NULL;
    for (int64_t i = 0; i < kept->count; i++)
        *kept->items[i] = values[i];
}

/* Lanes that the mask leaves out keep what the cell had. */
static void emit_set(Emitter *em, const Nest *nest)
{
    Llvm *cell = &cells_of(em, nest->array)[emit_cell_number(em, nest->index)];
    Llvm value = splat(em, emit_value(em, nest->value));
    *cell = em->mask && *cell ? LLVMBuildSelect(em->builder, em->mask, value, *cell, "") : value;
}

/* Swaps the off-diagonal blocks of 1, 2, 4, ... lanes. */
static void emit_transpose(Emitter *em, Llvm *rows)
{
    int64_t low[MAX_LANES], high[MAX_LANES], lanes = em->lanes;
    for (int64_t s = 1; s < lanes; s *= 2) {
        for (int64_t l = 0; l < lanes; l++) {
            low[l] = l & s ? lanes + l - s : l;
            high[l] = l & s ? lanes + l : l + s;
        }
        for (int64_t i = 0; i < lanes; i++) {
            if (i & s)
                continue;
            Llvm a = rows[i], b = rows[i + s];
            rows[i] =
                LLVMBuildShuffleVector(em->builder, a, b, constant_lanes(em, em->i32, low), "");
            rows[i + s] =
                LLVMBuildShuffleVector(em->builder, a, b, constant_lanes(em, em->i32, high), "");
        }
    }
}

/* ---- Loops ------------------------------------------------------------------------------- */

static LoopBinding *bind(Emitter *em, const Axis *axis)
{
    LoopBinding *binding = map_get_pointer(&em->bindings, axis);
    if (!binding) {
        binding = ARENA_NEW(em->arena, LoopBinding);
        map_set_pointer(&em->bindings, axis, binding);
    }
    return binding;
}

static void emit_unrolled(Emitter *em, const Nest *nest)
{
    int64_t count;
    bool known = expr_known(nest->axis->extent, &count);
    assert(known && "an unrolled loop of unknown extent");
    (void)known;
    for (int64_t i = 0; i < count; i++) {
        *bind(em, nest->axis) = (LoopBinding){.number = i};
        emit_nest(em, nest->body);
    }
}

/* What was computed in the setup block of the loop that closes is gone with it. */
static void close_setup(Emitter *em)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < em->hoisted.count; i++)
        if (em->hoisted.items[i].depth < em->depth)
            em->hoisted.items[kept++] = em->hoisted.items[i];
    em->hoisted.count = kept;
    em->depth--;
}

static Llvm smaller_of(Emitter *em, Llvm a, Llvm b)
{
    return LLVMBuildSelect(em->builder, LLVMBuildICmp(em->builder, LLVMIntSLT, a, b, ""), a, b, "");
}

/* The turns of a loop that are to be run: all, or its share of the function's part. */
static void loop_range(Emitter *em, const Nest *nest, Llvm *first, Llvm *end)
{
    LLVMBuilderRef b = em->builder;
    const Function *function = em->source;
    Llvm zero = constant_int(em, em->i64, 0);
    *first = zero;
    *end = emit_index(em, nest->axis->extent);
    if (nest->loop != LOOP_parallel || !function_shares(function, nest->axis))
        return;
    *first = LLVMGetParam(em->function, 2);
    Llvm last = LLVMGetParam(em->function, 3);
    if (!function->parallel_inner) {
        *end = last;
    } else if (nest->axis == function->parallel) { /* the turns that have some of the part */
        Llvm inner = emit_index(em, function->parallel_inner->extent);
        Llvm some = LLVMBuildICmp(b, LLVMIntSLT, *first, last, "");
        Llvm before = LLVMBuildNSWSub(b, last, constant_int(em, em->i64, 1), "");
        Llvm until = LLVMBuildNSWAdd(b, LLVMBuildUDiv(b, before, inner, ""),
                                     constant_int(em, em->i64, 1), "");
        *end = LLVMBuildSelect(b, some, until, zero, "");
        *first = LLVMBuildUDiv(b, *first, inner, "");
    } else {
        const LoopBinding *outer = bind(em, function->parallel);
        Llvm done = LLVMBuildNSWMul(b, outer->value, *end, "");
        Llvm from = LLVMBuildNSWSub(b, *first, done, "");
        *first = LLVMBuildSelect(b, LLVMBuildICmp(b, LLVMIntSLT, from, zero, ""), zero, from, "");
        *end = smaller_of(em, LLVMBuildNSWSub(b, last, done, ""), *end);
    }
}

static void emit_loop(Emitter *em, const Nest *nest)
{
    LLVMBuilderRef b = em->builder;
    CellList cells = changed_cells(em, nest->body);
    Llvm *before = ARENA_ARRAY(em->arena, Llvm, cells.count + 1);
    Llvm *phis = ARENA_ARRAY(em->arena, Llvm, cells.count + 1);
    Llvm first, end;
    int64_t lower, upper;
    loop_range(em, nest, &first, &end);
    expr_bounds(nest->axis->extent, &lower, &upper);
    bool certain = lower > 0 && nest->loop != LOOP_parallel;

    LLVMBasicBlockRef from = LLVMGetInsertBlock(b), setup = emit_block(em, nest->axis->name);
    LLVMBasicBlockRef body = emit_block(em, "body"), exit = emit_block(em, "exit");
    if (certain)
        LLVMBuildBr(b, setup);
    else
        LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntSLT, first, end, ""), setup, exit);
    LLVMPositionBuilderAtEnd(b, setup);
    Llvm counter = LLVMBuildPhi(b, em->i64, nest->axis->name);
    LLVMAddIncoming(counter, &first, &from, 1);
    for (int64_t i = 0; i < cells.count; i++) {
        before[i] = *cells.items[i];
        *cells.items[i] = phis[i] = LLVMBuildPhi(b, LLVMTypeOf(before[i]), "");
        LLVMAddIncoming(phis[i], &before[i], &from, 1);
    }
    assert(em->depth + 1 < MAX_LOOP_DEPTH);
    em->setup[++em->depth] = setup;
    *bind(em, nest->axis) = (LoopBinding){.value = counter, .depth = em->depth};
    LLVMPositionBuilderAtEnd(b, body);
    emit_nest(em, nest->body);
    emit_place(em, nest);
    LLVMBasicBlockRef latch = LLVMGetInsertBlock(b);
    Llvm next = LLVMBuildNSWAdd(b, counter, constant_int(em, em->i64, 1), "");
    LLVMBuildCondBr(b, LLVMBuildICmp(b, LLVMIntSLT, next, end, ""), setup, exit);
    LLVMAddIncoming(counter, &next, &latch, 1);
    LLVMPositionBuilderAtEnd(b, setup);
    LLVMBuildBr(b, body);

    LLVMPositionBuilderAtEnd(b, exit);
    for (int64_t i = 0; i < cells.count; i++) {
        Llvm last = *cells.items[i];
        LLVMAddIncoming(phis[i], &last, &latch, 1);
        if (certain)
            continue;
        Llvm merged = LLVMBuildPhi(b, LLVMTypeOf(last), "");
        LLVMAddIncoming(merged, &before[i], &from, 1);
        LLVMAddIncoming(merged, &last, &latch, 1);
        *cells.items[i] = merged;
    }
    forget_new_cells(em, nest->body, &cells);
    close_setup(em);
}

/* ---- Branches ---------------------------------------------------------------------------- */

static void emit_masked(Emitter *em, const Nest *nest, Llvm condition)
{
    Llvm outer = em->mask;
    em->mask = both_masks(em, outer, condition);
    emit_nest(em, nest->body);
    em->mask = outer;
    if (!nest->otherwise)
        return;
    em->mask = both_masks(em, outer, LLVMBuildNot(em->builder, condition, ""));
    emit_nest(em, nest->otherwise);
    em->mask = outer;
}

typedef struct CellState {
    Llvm **cells;
} CellState;

static CellState save_cells(Emitter *em)
{
    CellState state = {ARENA_ARRAY(em->arena, Llvm *, em->source->array_count + 1)};
    for (int a = 0; a < em->source->array_count; a++) {
        size_t bytes = (size_t)em->cell_counts[a] * sizeof(Llvm);
        if (em->cells[a] && bytes)
            state.cells[a] = arena_copy(em->arena, em->cells[a], bytes);
    }
    return state;
}

static void restore_cells(Emitter *em, const CellState *state)
{
    for (int a = 0; a < em->source->array_count; a++) {
        size_t bytes = (size_t)em->cell_counts[a] * sizeof(Llvm);
        if (em->cells[a] && state->cells[a])
            memcpy(em->cells[a], state->cells[a], bytes);
        else if (em->cells[a])
            memset(em->cells[a], 0, bytes);
    }
}

/* Cells that both ways give a value keep it. */
static void merge_cells(Emitter *em, const CellState *yes, LLVMBasicBlockRef yes_end,
                        LLVMBasicBlockRef no_end)
{
    for (int a = 0; a < em->source->array_count; a++) {
        for (int i = 0; em->cells[a] && i < em->cell_counts[a]; i++) {
            Llvm pair[] = {yes->cells[a] ? yes->cells[a][i] : NULL, em->cells[a][i]};
            LLVMBasicBlockRef ends[] = {yes_end, no_end};
            if (pair[0] == pair[1])
                continue;
            em->cells[a][i] = NULL;
            if (!pair[0] || !pair[1])
                continue;
            em->cells[a][i] = LLVMBuildPhi(em->builder, LLVMTypeOf(pair[0]), "");
            LLVMAddIncoming(em->cells[a][i], pair, ends, 2);
        }
    }
}

static void emit_if(Emitter *em, const Nest *nest)
{
    LLVMBuilderRef b = em->builder;
    Llvm condition = emit_value(em, nest->condition);
    if (is_vector(condition)) {
        emit_masked(em, nest, condition);
        return;
    }
    if (LLVMIsAConstantInt(condition)) {
        emit_nest(em, LLVMConstIntGetZExtValue(condition) ? nest->body : nest->otherwise);
        return;
    }
    CellState before = save_cells(em);
    LLVMBasicBlockRef yes = emit_block(em, "then"), no = emit_block(em, "else");
    LLVMBasicBlockRef join = emit_block(em, "join");
    LLVMBuildCondBr(b, condition, yes, no);
    LLVMPositionBuilderAtEnd(b, yes);
    emit_nest(em, nest->body);
    LLVMBasicBlockRef yes_end = LLVMGetInsertBlock(b);
    LLVMBuildBr(b, join);
    CellState after = save_cells(em);
    restore_cells(em, &before);
    LLVMPositionBuilderAtEnd(b, no);
    emit_nest(em, nest->otherwise);
    LLVMBasicBlockRef no_end = LLVMGetInsertBlock(b);
    LLVMBuildBr(b, join);
    LLVMPositionBuilderAtEnd(b, join);
    merge_cells(em, &after, yes_end, no_end);
}

/* ---- Statements -------------------------------------------------------------------------- */

static void emit_nest(Emitter *em, const Nest *nest)
{
    for (; nest; nest = nest->next) {
        emit_place(em, nest);
        em->statement++;
        em->memo_used = 0;
        switch (nest->kind) {
        case NEST_for:
            if (nest->loop == LOOP_unrolled)
                emit_unrolled(em, nest);
            else
                emit_loop(em, nest);
            break;
        case NEST_if: emit_if(em, nest); break;
        case NEST_set: emit_set(em, nest); break;
        case NEST_store: emit_store(em, nest); break;
        case NEST_transpose: emit_transpose(em, cells_of(em, nest->array)); break;
        case NEST_barrier:
            LLVMBuildFence(em->builder, LLVMAtomicOrderingSequentiallyConsistent, true, "");
            break;
        case NEST_prefetch: emit_prefetch(em, nest); break;
        }
    }
}

/* ---- Functions --------------------------------------------------------------------------- */

static void bind_types(Emitter *em)
{
    em->i1 = LLVMInt1TypeInContext(em->context);
    em->i8 = LLVMInt8TypeInContext(em->context);
    em->i16 = LLVMInt16TypeInContext(em->context);
    em->i32 = LLVMInt32TypeInContext(em->context);
    em->i64 = LLVMInt64TypeInContext(em->context);
    em->f16 = LLVMHalfTypeInContext(em->context);
    em->f32 = LLVMFloatTypeInContext(em->context);
    em->f64 = LLVMDoubleTypeInContext(em->context);
    em->pointer = LLVMPointerTypeInContext(em->context, 0);
    em->nothing = LLVMVoidTypeInContext(em->context);
}

static void bind_pointers(Emitter *em)
{
    const Function *source = em->source;
    Llvm data = LLVMGetParam(em->function, 0), scratch = LLVMGetParam(em->function, 4);
    for (int i = 0; i < source->tensor_count; i++) {
        Llvm slot = constant_int(em, em->i64, i);
        Llvm at = LLVMBuildGEP2(em->builder, em->pointer, data, &slot, 1, "");
        Llvm pointer = LLVMBuildLoad2(em->builder, em->pointer, at, source->tensors[i]->name);
        map_set_pointer(&em->pointers, source->tensors[i], pointer);
    }
    for (int i = 0; i < source->scratch_count; i++) {
        Llvm offset = constant_int(em, em->i64, source->scratch_offsets[i]);
        Llvm pointer = LLVMBuildGEP2(em->builder, em->i8, scratch, &offset, 1, "");
        map_set_pointer(&em->pointers, source->scratch[i], pointer);
    }
}

static void add_attribute(Emitter *em, const char *name)
{
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    LLVMAddAttributeAtIndex(em->function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                            LLVMCreateEnumAttribute(em->context, kind, 0));
}

/* Sets the processor's mode in which denormals are zero, at the builder's place; answers where the
 * mode before is kept, or NULL. */
static Llvm emit_flush_mode(Emitter *em)
{
    enum { FLUSH_TO_ZERO = 0x8000, DENORMALS_ARE_ZERO = 0x40 };
    if (!em->source->flushes_denormals || strncmp(em->target->triple, "x86_64", 6) != 0)
        return NULL;
    Llvm before = LLVMBuildAlloca(em->builder, em->i32, "mode");
    Llvm during = LLVMBuildAlloca(em->builder, em->i32, "flush");
    emit_intrinsic(em, "llvm.x86.sse.stmxcsr", NULL, &before, 1);
    Llvm mode = LLVMBuildLoad2(em->builder, em->i32, before, "");
    Llvm flags = constant_int(em, em->i32, FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
    LLVMBuildStore(em->builder, LLVMBuildOr(em->builder, mode, flags, ""), during);
    emit_intrinsic(em, "llvm.x86.sse.ldmxcsr", NULL, &during, 1);
    return before;
}

/* void name(void *const *data, const int64_t *sizes, int64_t begin, int64_t end, void *scratch) */
static void emit_body(Emitter *em)
{
    LLVMTypeRef parameters[] = {em->pointer, em->pointer, em->i64, em->i64, em->pointer};
    LLVMTypeRef type = LLVMFunctionType(em->nothing, parameters, 5, false);
    em->function = LLVMAddFunction(em->module, em->source->name, type);
    add_attribute(em, "nounwind");
    LLVMBasicBlockRef entry = em->setup[0] = emit_block(em, "entry"),
                      start = emit_block(em, "start");
    LLVMPositionBuilderAtEnd(em->builder, entry);
    if (em->debug)
        em->scope = debug_function(em->debug, em->function, entry, em->source);
    emit_place(em, em->source);
    em->spare = LLVMBuildAlloca(em->builder, LLVMInt128TypeInContext(em->context), "spare");
    Llvm mode = emit_flush_mode(em);
    bind_pointers(em);
    LLVMPositionBuilderAtEnd(em->builder, start);
    emit_nest(em, em->source->nest);
    emit_place(em, em->source);
    if (mode)
        emit_intrinsic(em, "llvm.x86.sse.ldmxcsr", NULL, &mode, 1);
    LLVMBuildRetVoid(em->builder);
    LLVMPositionBuilderAtEnd(em->builder, entry);
    LLVMBuildBr(em->builder, start);
}

static void dispose_builder(void *user)
{
    Emitter *em = user;
    if (em->builder)
        LLVMDisposeBuilder(em->builder);
    em->builder = NULL;
}

void emit_function(LLVMModuleRef module, const Target *target, ExprPool *pool,
                   const Function *function, DebugUnit *debug)
{
    Arena *arena = expr_pool_arena(pool);
    Emitter *em = ARENA_NEW(arena, Emitter);
    em->source = function;
    em->debug = debug;
    em->pool = pool;
    em->target = target;
    em->arena = arena;
    em->module = module;
    em->context = LLVMGetModuleContext(module);
    em->builder = LLVMCreateBuilderInContext(em->context);
    arena_defer(arena, dispose_builder, em);
    em->has_f16c = target->features && strstr(target->features, "+f16c");
    int64_t lanes = 1;
    if (function->lane)
        expr_known(function->lane->extent, &lanes);
    assert(lanes >= 1 && lanes <= MAX_LANES);
    em->lanes = (unsigned)lanes;
    em->bindings = map_create(arena);
    em->pointers = map_create(arena);
    em->cells = ARENA_ARRAY(arena, Llvm *, function->array_count + 1);
    em->cell_counts = ARENA_ARRAY(arena, int, function->array_count + 1);
    em->memo_mask = 255;
    em->memo = ARENA_ARRAY(arena, Memo, em->memo_mask + 1);
    bind_types(em);
    emit_body(em);
    dispose_builder(em);
}
