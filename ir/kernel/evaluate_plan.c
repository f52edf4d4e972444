/* SPDX-License-Identifier: Apache-2.0
 *
 * From a compute to loops and instructions: which axis is the row, in which order the others nest,
 * and one instruction for each distinct node of its expressions. See evaluate.h.
 */
#include "ir/kernel/evaluate.h"

#include "ir/support/array.h"
#include "ir/support/hash.h"

#include <assert.h>
#include <string.h>

struct PlanBuilder {
    Arena *arena;
    ExprPool *pool;
    ComputePlan *plan;
    Map registers; /* Expr -> register + 1 */
    ARRAY(RegisterInfo) infos;
    ARRAY(Instruction) instructions;
};

/* ---- Choosing the row -------------------------------------------------------------------- */

typedef struct RowCost {
    ExprPool *pool;
    const Axis *axis;
    int64_t cost;
} RowCost;

/* 0: the same element or neighbours; 1: a few elements apart; 4: lines apart, or wherever. */
static int64_t offset_cost(ExprPool *pool, const Expr *offset, const Axis *axis)
{
    int64_t step = expr_coefficient(offset, axis);
    const Expr *rest = expr_minus(pool, offset, expr_scale(pool, expr_axis(pool, axis), step));
    if (expr_contains_axis(rest, axis))
        return 4;
    step = step < 0 ? -step : step;
    return step <= 1 ? 0 : step <= 8 ? 1 : 4;
}

static void add_load_cost(void *user, const Expr *e)
{
    RowCost *row = user;
    if (e->kind == EXPR_load)
        row->cost +=
            4 * offset_cost(row->pool, tensor_offset(row->pool, e->object, e->src), row->axis);
}

/* Short rows cost more an element, and so do rows that are not as memory lies. */
static int64_t row_cost(ExprPool *pool, const Compute *compute, const Axis *axis, bool is_reduce)
{
    RowCost row = {.pool = pool, .axis = axis};
    expr_walk(pool, compute->body, add_load_cost, &row);
    if (!is_reduce) {
        const Expr *indices[MAX_RANK];
        for (int d = 0; d < compute->axis_count; d++)
            indices[d] = expr_axis(pool, compute->axes[d]);
        row.cost += 2 * offset_cost(pool, tensor_offset(pool, compute->out, indices), axis);
    }
    int64_t extent;
    if (expr_known(axis->extent, &extent))
        row.cost += extent < 4 ? 24 : extent < 8 ? 10 : extent < 32 ? 3 : 0;
    return row.cost;
}

static bool is_single(const Axis *axis)
{
    return expr_is(axis->extent, 1);
}

static const Axis *choose_row(ExprPool *pool, const Compute *compute)
{
    const Axis *best = NULL;
    int64_t best_cost = INT64_MAX;
    bool ordered = compute->kind == COMPUTE_scatter;
    for (int i = compute->axis_count - 1; i >= 0; i--) {
        const Axis *axis = compute->axes[i];
        bool is_scanned = compute->kind == COMPUTE_scan && i == compute->scan_dim;
        if (is_single(axis))
            continue;
        if (ordered)
            return axis;
        int64_t cost = row_cost(pool, compute, axis, false) + (is_scanned ? 20 : 0);
        if (cost < best_cost)
            best_cost = cost, best = axis;
    }
    for (int i = compute->reduce_count - 1; i >= 0; i--) {
        const Axis *axis = compute->reduce_axes[i];
        if (is_single(axis))
            continue;
        int64_t cost = row_cost(pool, compute, axis, true) + 1;
        if (cost < best_cost)
            best_cost = cost, best = axis;
    }
    return best;
}

/* ---- Loops ------------------------------------------------------------------------------- */

static void add_loop(PlanBuilder *b, const Axis *axis, bool is_row)
{
    ComputePlan *plan = b->plan;
    if (is_row)
        plan->row = plan->loop_count;
    plan->loops[plan->loop_count++] = (Loop){.axis = axis, .is_row = is_row};
}

/* Outer axes; the row, if it is one of out's; then what is folded: the scanned or the summed axes,
 * of which the row may be the last. */
static void plan_loops(PlanBuilder *b, const Axis *row)
{
    ComputePlan *plan = b->plan;
    const Compute *compute = plan->compute;
    const Axis *scanned = compute->kind == COMPUTE_scan ? compute->axes[compute->scan_dim] : NULL;
    bool row_is_reduced = row && row == scanned;
    for (int i = 0; i < compute->reduce_count; i++)
        row_is_reduced |= row && compute->reduce_axes[i] == row;
    for (int i = 0; i < compute->axis_count; i++)
        if (compute->axes[i] != row && compute->axes[i] != scanned && !is_single(compute->axes[i]))
            add_loop(b, compute->axes[i], false);
    if (!row_is_reduced)
        add_loop(b, row, true);
    plan->reduce_begin = plan->loop_count;
    for (int i = 0; i < compute->reduce_count; i++)
        if (compute->reduce_axes[i] != row && !is_single(compute->reduce_axes[i]))
            add_loop(b, compute->reduce_axes[i], false);
    if (scanned && scanned != row && !is_single(scanned))
        add_loop(b, scanned, false);
    if (row_is_reduced)
        add_loop(b, row, true);
    for (int i = 0; i < plan->loop_count; i++) {
        Loop *loop = &plan->loops[i];
        loop->is_reverse = loop->axis && loop->axis == scanned && compute->reverse;
    }
}

/* ---- Instructions ------------------------------------------------------------------------ */

static Action action_of(const Expr *e)
{
    switch (e->kind) {
    case EXPR_integer: return ACTION_integer;
    case EXPR_symbol: return ACTION_symbol;
    case EXPR_axis: return ACTION_axis;
    case EXPR_constant: return ACTION_constant;
    case EXPR_linear: return ACTION_linear;
    case EXPR_times: return ACTION_times;
    case EXPR_quotient: return ACTION_quotient;
    case EXPR_modulus: return ACTION_modulus;
    case EXPR_larger: return ACTION_larger;
    case EXPR_smaller: return ACTION_smaller;
    case EXPR_to_index: return ACTION_to_index;
    case EXPR_from_index: return ACTION_from_index;
    case EXPR_convert: return ACTION_convert;
    case EXPR_bitcast: return ACTION_bitcast;
    case EXPR_load: return ACTION_load;
    case EXPR_fma: return ACTION_fma;
    case EXPR_dot4: return ACTION_dot4;
    case EXPR_select: return e->type == EXPR_INDEX ? ACTION_select_index : ACTION_select;
#define UNARY(name, cost, floats, integers)  case EXPR_##name:
#define BINARY(name, cost, floats, integers) case EXPR_##name:
#define COMPARE(name, meaning)
#include "ir/expr/expr.def"
        return ACTION_operation;
#define UNARY(name, cost, floats, integers)
#define BINARY(name, cost, floats, integers)
#define COMPARE(name, meaning) case EXPR_##name:
#include "ir/expr/expr.def"
        return e->src[0]->type == EXPR_INDEX ? ACTION_compare_index : ACTION_operation;
    case EXPR_fetch:
    case EXPR_cell:
    case EXPR_across_sum:
    case EXPR_across_max:
    case EXPR_across_min:
    case EXPR_KIND_COUNT: break;
    }
    assert(!"an expression of nests in a kernel");
    return ACTION_integer;
}

static TnElementType value_type(const Expr *e)
{
    return e->type == EXPR_INDEX ? EXPR_INDEX : element_compute_type(e->type);
}

static int emit(PlanBuilder *b, Instruction instruction)
{
    for (int i = 0; i < instruction.source_count; i++) {
        const RegisterInfo *source = &b->infos.items[instruction.sources[i]];
        instruction.is_row |= source->is_row;
        if (source->level > instruction.level)
            instruction.level = source->level;
    }
    instruction.target = (int)b->infos.count;
    array_push(b->arena, &b->infos,
               (RegisterInfo){.type = instruction.type,
                              .is_row = instruction.is_row,
                              .level = instruction.level});
    array_push(b->arena, &b->instructions, instruction);
    return instruction.target;
}

static int emit_axis(PlanBuilder *b, const Expr *e)
{
    const ComputePlan *plan = b->plan;
    for (int i = 0; i < plan->loop_count; i++)
        if (plan->loops[i].axis == e->object)
            return emit(b, (Instruction){.action = ACTION_axis,
                                         .e = e,
                                         .type = EXPR_INDEX,
                                         .loop = i,
                                         .level = i + 1,
                                         .is_row = plan->loops[i].is_row});
    /* An axis of extent 1 that was not folded: 0. */
    return plan_register(b, expr_integer(b->pool, 0));
}

void plan_access(PlanBuilder *b, const Tensor *tensor, const Expr *const *indices, Access *access)
{
    *access = (Access){.tensor = tensor, .rank = tensor->rank, .offset = -1, .fill = -1};
    const Expr *stride = expr_integer(b->pool, 1);
    for (int d = tensor->rank - 1; d >= 0; d--) {
        access->index[d] = plan_register(b, indices[d]);
        access->extent[d] = plan_register(b, tensor->shape[d]);
        access->stride[d] = plan_register(b, stride);
        stride = expr_times(b->pool, stride, tensor->shape[d]);
    }
    if (!tensor_is_row_major(tensor))
        access->offset = plan_register(b, tensor_offset(b->pool, tensor, indices));
}

/* The registers of a load or store, as sources of an instruction. */
static int access_sources(const Access *access, int *sources)
{
    int count = 0;
    for (int d = 0; d < access->rank; d++)
        sources[count++] = access->index[d];
    if (access->offset >= 0)
        sources[count++] = access->offset;
    if (access->fill >= 0)
        sources[count++] = access->fill;
    return count;
}

static int emit_load(PlanBuilder *b, const Expr *e)
{
    Access *access = ARENA_NEW(b->arena, Access);
    plan_access(b, e->object, e->src, access);
    if (e->has_fill)
        access->fill = plan_register(b, e->src[access->rank]);
    int *sources = ARENA_ARRAY(b->arena, int, MAX_RANK + 2);
    int count = access_sources(access, sources);
    return emit(b, (Instruction){.action = ACTION_load,
                                 .e = e,
                                 .type = value_type(e),
                                 .source_count = count,
                                 .sources = sources,
                                 .access = access});
}

static int emit_sources(PlanBuilder *b, Instruction instruction)
{
    const Expr *e = instruction.e;
    int *sources = ARENA_ARRAY(b->arena, int, e->count + 1);
    for (int i = 0; i < e->count; i++)
        sources[i] = plan_register(b, e->src[i]);
    instruction.sources = sources;
    instruction.source_count = e->count;
    return emit(b, instruction);
}

static int emit_from(PlanBuilder *b, Instruction instruction, int source)
{
    int *sources = ARENA_ARRAY(b->arena, int, 1);
    *sources = source;
    instruction.sources = sources;
    instruction.source_count = 1;
    return emit(b, instruction);
}

/* A value that is already rounded to a type without arithmetic is kept in the compute type. */
static int emit_convert(PlanBuilder *b, const Expr *e)
{
    int source = plan_register(b, e->src[0]);
    TnElementType type = value_type(e);
    if (type != value_type(e->src[0]))
        source =
            emit_from(b, (Instruction){.action = ACTION_convert, .e = e, .type = type}, source);
    if (type != e->type && e->type != e->src[0]->type)
        source = emit_from(b, (Instruction){.action = ACTION_round, .e = e, .type = type}, source);
    return source;
}

static int plan_new_register(PlanBuilder *b, const Expr *e)
{
    Instruction instruction = {.action = action_of(e), .e = e, .type = value_type(e)};
    switch (instruction.action) {
    case ACTION_axis: return emit_axis(b, e);
    case ACTION_load: return emit_load(b, e);
    case ACTION_convert: return emit_convert(b, e);
    case ACTION_bitcast:
        if (e->type == value_type(e) && e->src[0]->type == value_type(e->src[0]))
            return plan_register(b, e->src[0]);
        break;
    case ACTION_operation:
        instruction.operation = e->count == 1 ? row_unary(e->kind, value_type(e->src[0]))
                                              : row_binary(e->kind, value_type(e->src[0]));
        break;
    case ACTION_compare_index: instruction.operation = row_binary(e->kind, EXPR_INDEX); break;
    case ACTION_integer:
    case ACTION_symbol:
    case ACTION_linear:
    case ACTION_times:
    case ACTION_quotient:
    case ACTION_modulus:
    case ACTION_larger:
    case ACTION_smaller:
    case ACTION_select_index:
    case ACTION_to_index:
    case ACTION_constant:
    case ACTION_from_index:
    case ACTION_fma:
    case ACTION_dot4:
    case ACTION_select:
    case ACTION_round: break;
    }
    return emit_sources(b, instruction);
}

int plan_register(PlanBuilder *b, const Expr *e)
{
    intptr_t known = (intptr_t)map_get_pointer(&b->registers, e);
    if (known)
        return (int)(known - 1);
    int reg = plan_new_register(b, e);
    map_set_pointer(&b->registers, e, (void *)(intptr_t)(reg + 1));
    return reg;
}

/* ---- Putting it together ----------------------------------------------------------------- */

/* A stable sort by level. Operands come before their users, as they were emitted. */
static void sort_by_level(PlanBuilder *b)
{
    ComputePlan *plan = b->plan;
    int64_t count = b->instructions.count, next = 0;
    plan->instructions = ARENA_ARRAY(b->arena, Instruction, count + 1);
    plan->instruction_count = (int)count;
    for (int level = 0; level <= plan->loop_count; level++) {
        plan->level_begin[level] = (int)next;
        for (int64_t i = 0; i < count; i++)
            if (b->instructions.items[i].level == level)
                plan->instructions[next++] = b->instructions.items[i];
    }
    plan->level_begin[plan->loop_count + 1] = (int)next;
    assert(next == count);
}

static int64_t round_up(int64_t value, int64_t to)
{
    return (value + to - 1) / to * to;
}

/* Rows are as long as the first levels of cache allow. */
static void choose_chunk(PlanBuilder *b)
{
    ComputePlan *plan = b->plan;
    int64_t rows = 1, extent, chunk;
    for (int64_t i = 0; i < b->infos.count; i++)
        rows += b->infos.items[i].is_row;
    chunk = 131072 / (8 * rows) / 16 * 16;
    chunk = chunk < 64 ? 64 : chunk > EVALUATE_MAX_CHUNK ? EVALUATE_MAX_CHUNK : chunk;
    const Axis *row = plan->loops[plan->row].axis;
    if (!row)
        chunk = 1;
    else if (expr_known(row->extent, &extent) && extent < chunk)
        chunk = extent > 1 ? extent : 1;
    plan->chunk = (int)chunk;
}

static void place_registers(PlanBuilder *b)
{
    ComputePlan *plan = b->plan;
    size_t offset = 0;
    plan->register_count = (int)b->infos.count;
    plan->registers = b->infos.items;
    for (int i = 0; i < plan->register_count; i++) {
        RegisterInfo *info = &plan->registers[i];
        size_t bytes = info->type == EXPR_INDEX ? sizeof(int64_t) : element_bytes(info->type);
        info->offset = offset;
        if (info->is_row)
            bytes *= (size_t)plan->chunk;
        else if (info->type == EXPR_INDEX)
            bytes = 0;
        offset += (size_t)round_up((int64_t)bytes, 64);
    }
    plan->frame_bytes = offset;
}

static TnElementType carried_type(const Compute *compute)
{
    TnElementType type = compute->accumulate != TN_UNDEFINED
                             ? element_compute_type(compute->accumulate)
                             : element_compute_type(compute->out->element);
    bool is_sum = compute->combine == COMBINE_sum || compute->combine == COMBINE_product;
    /* A scatter combines in memory. */
    return type == TN_FLOAT && is_sum && compute->kind != COMPUTE_scatter ? TN_DOUBLE : type;
}

static void mark_cut(ComputePlan *plan, const Axis *parallel)
{
    for (int i = 0; i < plan->loop_count; i++)
        plan->loops[i].is_cut = parallel && plan->loops[i].axis == parallel;
}

/* The first axis of out that is a loop, if parts of it may be done apart. */
const Axis *plan_cut_axis(const Compute *compute)
{
    if (compute->kind == COMPUTE_scatter)
        return NULL;
    for (int d = 0; d < compute->axis_count; d++)
        if (!is_single(compute->axes[d]))
            return compute->kind == COMPUTE_scan && d == compute->scan_dim ? NULL
                                                                           : compute->axes[d];
    return NULL;
}

static void plan_body(PlanBuilder *b)
{
    ComputePlan *plan = b->plan;
    const Compute *compute = plan->compute;
    for (int i = 0; i < plan->loop_count; i++)
        plan->loops[i].extent = plan_register(b, plan->loops[i].axis ? plan->loops[i].axis->extent
                                                                     : expr_integer(b->pool, 1));
    plan->body = plan_register(b, compute->body);
    const Expr *indices[MAX_RANK];
    for (int d = 0; d < compute->out->rank; d++)
        indices[d] = compute->kind == COMPUTE_scatter ? compute->target[d]
                                                      : expr_axis(b->pool, compute->axes[d]);
    plan_access(b, compute->out, indices, &plan->out);
}

void compute_plan(Arena *arena, ExprPool *pool, const Compute *compute, ComputePlan *plan)
{
    *plan = (ComputePlan){.compute = compute, .row = -1};
    PlanBuilder b = {.arena = arena, .pool = pool, .plan = plan, .registers = map_create(arena)};
    plan->carried = carried_type(compute);
    plan->body_type = value_type(compute->body);
    if (compute->combine != COMBINE_none) {
        plan->combine = row_binary(combine_operation(compute->combine), plan->carried);
        plan->neutral = combine_neutral(pool, compute->combine, plan->carried);
    }
    const Axis *row = choose_row(pool, compute);
    if (!product_plan(&b, arena, pool, row, plan)) {
        plan_loops(&b, row);
        mark_cut(plan, plan_cut_axis(compute));
        plan_body(&b);
    }
    choose_chunk(&b);
    place_registers(&b);
    sort_by_level(&b);
}

Evaluator *evaluator_create(Arena *arena, const Kernel *kernel)
{
    Evaluator *evaluator = ARENA_NEW(arena, Evaluator);
    evaluator->kernel = kernel;
    evaluator->plan_count = kernel->compute_count;
    evaluator->plans = ARENA_ARRAY(arena, ComputePlan, kernel->compute_count + 1);
    if (kernel->compute_count == 1)
        evaluator->parallel = plan_cut_axis(kernel->computes[0]);
    for (int i = 0; i < kernel->compute_count; i++) {
        ComputePlan *plan = &evaluator->plans[i];
        compute_plan(arena, kernel->pool, kernel->computes[i], plan);
        size_t bytes = (size_t)plan->register_count * sizeof(Cell) + plan->frame_bytes + 256 +
                       4 * sizeof(int64_t) * EVALUATE_MAX_CHUNK + product_scratch_bytes(plan);
        if (bytes > evaluator->scratch_bytes)
            evaluator->scratch_bytes = bytes;
    }
    return evaluator;
}

size_t evaluator_scratch_bytes(const Evaluator *evaluator)
{
    return evaluator->scratch_bytes;
}

const Axis *evaluator_parallel(const Evaluator *evaluator)
{
    return evaluator->parallel;
}
