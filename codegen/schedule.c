/* SPDX-License-Identifier: Apache-2.0
 *
 * The choice of a schedule for each compute, and what schedules share.
 */
#include "codegen/math.h"
#include "contraction.h"
#include "runtime/memory.h"
#include "winograd.h"

#include <assert.h>

/* ---- Functions --------------------------------------------------------------------------- */

void function_add_tensor(Arena *arena, Function *function, const Tensor *tensor)
{
    if (function->tensor_count == function->tensor_capacity) {
        int capacity = 2 * function->tensor_capacity + 8;
        const Tensor **tensors = ARENA_ARRAY(arena, const Tensor *, capacity);
        for (int i = 0; i < function->tensor_count; i++)
            tensors[i] = function->tensors[i];
        function->tensors = tensors;
        function->tensor_capacity = capacity;
    }
    function->tensors[function->tensor_count++] = tensor;
}

Function *function_create(const Kernel *kernel, const char *name)
{
    Arena *arena = expr_pool_arena(kernel->pool);
    Function *function = ARENA_NEW(arena, Function);
    function->name = function->node = name;
    for (int i = 0; i < kernel->tensor_count; i++)
        function_add_tensor(arena, function, kernel->tensors[i]);
    return function;
}

void function_add_scratch(Function *function, Tensor *tensor)
{
    assert(function->scratch_count < (int)COUNT_OF(function->scratch));
    int64_t length = extent_or(tensor->length, 0);
    function->scratch_offsets[function->scratch_count] = function->scratch_bytes;
    function->scratch[function->scratch_count++] = tensor;
    function->scratch_bytes += memory_align(length * (int64_t)element_bytes(tensor->element));
}

const Tensor *function_scratch(ExprPool *pool, Function *function, const char *name,
                               TnElementType element, int64_t length)
{
    for (int i = 0; i < function->scratch_count; i++)
        if (strcmp(function->scratch[i]->name, name) == 0)
            return function->scratch[i];
    Tensor *tensor = ARENA_NEW(expr_pool_arena(pool), Tensor);
    tensor->name = name;
    tensor->role = TENSOR_scratch;
    tensor->element = element;
    tensor->slot = -1;
    tensor->length = expr_integer(pool, length);
    function_add_scratch(function, tensor);
    return tensor;
}

/* ---- Loads ------------------------------------------------------------------------------- */

/* Where the index may leave the tensor and its halo of that fill, the condition that it does not.
 */
static const Expr *inside_dimension(ExprPool *pool, const Tensor *tensor, int d, const Expr *index,
                                    const Expr *fill)
{
    int64_t halo = fill == tensor->layout.fill ? tensor->layout.halo[d] : 0;
    if (halo && tensor_halo_covers(pool, tensor, d, index, halo))
        return expr_bool(pool, true);
    return expr_inside(pool, index, tensor->shape[d]);
}

static bool is_true(const Expr *e)
{
    return e->kind == EXPR_constant && e->bits == 1;
}

static const Expr *lower_load(void *user, const Expr *e)
{
    ExprPool *pool = user;
    if (e->kind != EXPR_load)
        return e;
    const Tensor *tensor = e->object;
    const Expr *offset = tensor_offset(pool, tensor, e->src);
    if (!e->has_fill)
        return expr_fetch(pool, tensor, offset, NULL, NULL);
    const Expr *inside = expr_bool(pool, true);
    for (int d = 0; d < tensor->rank; d++)
        inside = expr_both(pool, inside,
                           inside_dimension(pool, tensor, d, e->src[d], e->src[tensor->rank]));
    if (is_true(inside))
        return expr_fetch(pool, tensor, offset, NULL, NULL);
    return expr_fetch(pool, tensor, offset, inside, e->src[tensor->rank]);
}

const Expr *lower_loads(ExprPool *pool, const Expr *value)
{
    return expr_rewrite(pool, value, lower_load, pool);
}

bool target_has_operation(const Target *target, ExprKind kind, TnElementType type)
{
    if (type != TN_FLOAT && type != TN_DOUBLE)
        return true;
    switch ((int)kind) {
    case EXPR_exp:
    case EXPR_log:
    case EXPR_log1p:
    case EXPR_expm1:
    case EXPR_sin:
    case EXPR_cos:
    case EXPR_tan:
    case EXPR_asin:
    case EXPR_acos:
    case EXPR_atan:
    case EXPR_sinh:
    case EXPR_cosh:
    case EXPR_tanh:
    case EXPR_asinh:
    case EXPR_acosh:
    case EXPR_atanh:
    case EXPR_erf:
    case EXPR_power:
    case EXPR_atan2:
    case EXPR_remainder:
    case EXPR_modulo: return false;
    case EXPR_fma: return target->has_fma;
    case EXPR_scale2: return type == TN_FLOAT && target->vector_bytes == 64;
    default: return true;
    }
}

static bool has_operation(ExprKind kind, TnElementType type, const void *context)
{
    return target_has_operation(context, kind, type);
}

const Expr *lower_value(const Target *target, ExprPool *pool, const Expr *value)
{
    return math_lower(pool, lower_loads(pool, value), has_operation, target);
}

/* ---- Axes -------------------------------------------------------------------------------- */

/* Adds what e = times(times(axis, x), y) says of the axis: its coefficient, or false if the axis
 * occurs in another way. */
static bool product_coefficient(ExprPool *pool, const Expr *e, const Axis *axis,
                                const Expr **coefficient)
{
    if (e->kind == EXPR_axis && e->object == axis) {
        *coefficient = expr_integer(pool, 1);
        return true;
    }
    if (e->kind != EXPR_times)
        return false;
    bool first = expr_contains_axis(e->src[0], axis), second = expr_contains_axis(e->src[1], axis);
    const Expr *inner;
    if (first == second || !product_coefficient(pool, e->src[second], axis, &inner))
        return false;
    *coefficient = expr_times(pool, inner, e->src[!second]);
    return true;
}

/* The terms of a sum that hold one of the axes directly must move by outer = extent * inner; what
 * holds them deeper is asked in turn. */
static bool index_fusable(ExprPool *pool, const Expr *e, const Axis *outer, const Axis *inner)
{
    const int64_t one = 1;
    bool linear = e->kind == EXPR_linear;
    const Expr *const *atoms = linear ? e->src : &e, *sums[2];
    const Axis *axes[] = {outer, inner};
    sums[0] = sums[1] = expr_integer(pool, 0);
    for (int i = 0; i < (linear ? e->count : 1); i++) {
        const Expr *atom = atoms[i], *coefficient;
        int64_t factor = linear ? e->factors[i] : one;
        bool direct = false;
        for (int a = 0; a < 2 && !direct; a++) {
            bool other = expr_contains_axis(atom, axes[!a]);
            direct = !other && product_coefficient(pool, atom, axes[a], &coefficient);
            if (direct)
                sums[a] = expr_plus(pool, sums[a], expr_scale(pool, coefficient, factor));
        }
        for (int s = 0; !direct && s < atom->count; s++)
            if (atom->src[s]->type == EXPR_INDEX &&
                !index_fusable(pool, atom->src[s], outer, inner))
                return false;
    }
    return sums[0] == expr_times(pool, sums[1], inner->extent);
}

typedef struct Fusion {
    ExprPool *pool;
    const Axis *outer, *inner;
    bool possible;
} Fusion;

/* Each index that a value asks for, once: values share their parts. */
static void check_indices(void *user, const Expr *e)
{
    Fusion *fusion = user;
    for (int i = 0; fusion->possible && e->type != EXPR_INDEX && i < e->count; i++)
        if (e->src[i]->type == EXPR_INDEX)
            fusion->possible = index_fusable(fusion->pool, e->src[i], fusion->outer, fusion->inner);
}

bool axes_fusable(ExprPool *pool, const Expr *e, const Axis *outer, const Axis *inner)
{
    if (!expr_contains_axis(e, outer) && !expr_contains_axis(e, inner))
        return true;
    if (e->type == EXPR_INDEX && !index_fusable(pool, e, outer, inner))
        return false;
    Fusion fusion = {pool, outer, inner, true};
    expr_walk(pool, e, check_indices, &fusion);
    return fusion.possible;
}

const Expr *index_step(ExprPool *pool, const Expr *e, const Axis *axis)
{
    bool linear = e->kind == EXPR_linear;
    const Expr *const *atoms = linear ? e->src : &e;
    const Expr *step = expr_integer(pool, 0), *coefficient;
    for (int i = 0; i < (linear ? e->count : 1); i++) {
        if (!expr_contains_axis(atoms[i], axis))
            continue;
        if (!product_coefficient(pool, atoms[i], axis, &coefficient))
            return NULL;
        step = expr_plus(pool, step, expr_scale(pool, coefficient, linear ? e->factors[i] : 1));
    }
    return step;
}

int64_t extent_or(const Expr *extent, int64_t otherwise)
{
    int64_t value;
    return expr_known(extent, &value) ? value : otherwise;
}

/* The turns that a loop has at the least. */
static int64_t least_turns(const Axis *axis)
{
    int64_t lower, upper;
    expr_bounds(axis->extent, &lower, &upper);
    return lower;
}

enum {
    LONG = 4,    /* enough for threads to share, if there are few of them */
    ENOUGH = 16, /* that the last piece of one thread alone does not matter */
};

static int first_parallel(const Axis *const *axes, int count)
{
    int open = -1, longest = -1;
    for (int i = 0; i < count; i++) {
        int64_t turns = least_turns(axes[i]);
        if (turns >= LONG)
            return i;
        if (open < 0 && extent_or(axes[i]->extent, -1) < 0)
            open = i;
        if (longest < 0 || turns > least_turns(axes[longest]))
            longest = i;
    }
    return open >= 0 ? open : longest;
}

/* The loop that makes enough turns together with axes[first], else the longest one, else one that
 * may be long; -1: none. */
static int second_parallel(const Axis *const *axes, int count, int first)
{
    int64_t turns = least_turns(axes[first]), most = 1;
    int longest = -1;
    if (turns >= ENOUGH)
        return -1;
    for (int i = 0; i < count; i++) {
        int64_t here = least_turns(axes[i]);
        if (i == first)
            continue;
        if (i > first && here * turns >= ENOUGH)
            return i;
        if (here > most || (longest < 0 && extent_or(axes[i]->extent, -1) < 0)) {
            most = here;
            longest = i;
        }
    }
    return longest;
}

void choose_parallel(Function *function, const Axis *const *axes, int count, int cheap)
{
    int first = first_parallel(axes, cheap), second;
    if (first >= 0 && least_turns(axes[first]) >= LONG)
        count = cheap;
    first = first_parallel(axes, count);
    if (first < 0)
        return;
    second = second_parallel(axes, count, first);
    int outer = second >= 0 && second < first ? second : first;
    int inner = second > first ? second : first;
    if (inner == outer || least_turns(axes[inner]) < 1) { /* parts of a pair are divided by it */
        function->parallel = axes[first];
        return;
    }
    function->parallel = axes[outer];
    function->parallel_inner = axes[inner];
}

LoopKind loop_kind(const Function *function, const Axis *axis)
{
    return function_shares(function, axis) ? LOOP_parallel : LOOP_serial;
}

int target_lanes(const Target *target)
{
    return target->vector_bytes / 4;
}

/* ---- Weight ------------------------------------------------------------------------------ */

static void add_weight(void *user, const Expr *e)
{
    int *weight = user;
    switch ((int)e->kind) {
#define UNARY(name, cost, floats, integers)  case EXPR_##name:
#define BINARY(name, cost, floats, integers) case EXPR_##name:
#define COMPARE(name, meaning)               case EXPR_##name:
#include "ir/expr/expr.def"
    case EXPR_fma:
    case EXPR_select:
    case EXPR_convert: *weight += 1; break;
    }
}

int expr_weight(ExprPool *pool, const Expr *e)
{
    int weight = 0;
    expr_walk(pool, e, add_weight, &weight);
    return weight;
}

/* ---- Choice ------------------------------------------------------------------------------ */

/* A reduction that takes all that follows it as its epilogue needs no sweep. */
static bool is_attached_whole(const Kernel *kernel, int first)
{
    return kernel->computes[first]->kind == COMPUTE_reduce &&
           first + epilogue_collect(kernel, first).compute_count == kernel->compute_count;
}

bool kernel_is_wide(const Kernel *kernel)
{
    for (int i = 0; i < kernel->tensor_count; i++)
        if (element_bytes(kernel->tensors[i]->element) > 8)
            return true;
    return false;
}

void schedule_kernel(const Target *target, Arena *arena, const Kernel *kernel,
                     FunctionList *functions)
{
    int count;
    for (int i = 0; i < kernel->compute_count; i += count) {
        Contraction contraction;
        Function *function;
        if (contraction_analyse(kernel, i, target, &contraction)) {
            function = winograd_schedule(kernel, i, target, &contraction, &count);
            if (!function) {
                Tiling tiling = tiling_choose(&contraction, target);
                function = contraction_schedule(&contraction, target, &tiling);
                count = contraction.compute_count;
            }
        } else if (is_attached_whole(kernel, i) || kernel_is_wide(kernel) ||
                   !(function = schedule_sweep(target, kernel, i, &count))) {
            function = schedule_generic(target, kernel, i, &count);
        }
        array_push(arena, functions, function);
    }
}

Phase *schedule_phases(const Target *target, Arena *arena, const Kernel *kernel, int *phase_count,
                       Diagnostics *diagnostics)
{
    (void)diagnostics;
    FunctionList functions = {0};
    schedule_kernel(target, arena, kernel, &functions);
    Phase *phases = ARENA_ARRAY(arena, Phase, functions.count + 1);
    for (int64_t i = 0; i < functions.count; i++)
        phases[i] = (Phase){.kernel = kernel, .function = functions.items[i]};
    *phase_count = (int)functions.count;
    return phases;
}
