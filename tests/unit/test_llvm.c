/* SPDX-License-Identifier: Apache-2.0
 *
 * Kernels built by hand, compiled, and compared with the interpreter's results; the same bits for
 * one and for several parts of the parallel axis.
 */
#include "codegen/backend.h"
#include "codegen/llvm/jit.h"
#include "codegen/overwrite.h"
#include "codegen/packing.h"
#include "codegen/winograd.h"
#include "ir/support/array.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MAX_SLOTS = 24 };

/* Of the vectors that tests ask for; 0: the host's. */
static int vector_bytes;

typedef struct Test {
    Boundary boundary;
    Arena *arena;
    ExprPool *pool;
    Kernel *kernel;
    Target target;
    int64_t sizes[16];
    uint64_t random;
    double tolerance;
    int64_t index_limit; /* integer inputs are below it */
} Test;

static Test test_begin(void)
{
    Test t = {.random = 1, .tolerance = 1e-5, .index_limit = 100};
    t.arena = arena_create(NULL);
    t.pool = expr_pool_create(t.arena);
    t.kernel = kernel_create(t.pool, "test");
    target_host(&t.target);
    if (vector_bytes) {
        t.target.vector_bytes = vector_bytes;
        t.target.vector_registers = 16;
    }
    return t;
}

static uint64_t next_random(Test *t)
{
    t->random ^= t->random << 13;
    t->random ^= t->random >> 7;
    t->random ^= t->random << 17;
    return t->random >> 11;
}

static const Expr *number(Test *t, int64_t value)
{
    return expr_integer(t->pool, value);
}

/* dims ends with -1 */
static Tensor *tensor(Test *t, const char *name, TensorRole role, TnElementType type, ...)
{
    const Expr *shape[MAX_RANK];
    int rank = 0;
    va_list list;
    va_start(list, type);
    for (int64_t dim; (dim = va_arg(list, int)) >= 0;)
        shape[rank++] = number(t, dim);
    va_end(list);
    return kernel_tensor(t->kernel, name, role, type, rank, shape);
}

static void fill(Test *t, const Tensor *tensor_, void *data, int64_t count)
{
    TnElementType type = tensor_->element;
    size_t bytes = element_bytes(type);
    for (int64_t i = 0; i < count; i++) {
        void *at = (char *)data + (size_t)i * bytes;
        uint64_t bits = next_random(t);
        if (element_kind(type) == ELEMENT_KIND_FLOAT && element_bits(type) > 8)
            element_from_double(type, (double)(bits % 4001) / 1000 - 2, true, at);
        else if (element_kind(type) == ELEMENT_KIND_FLOAT)
            *(uint8_t *)at = (uint8_t)(bits & ((1u << element_bits(type)) - 1));
        else if (type == TN_BOOL)
            *(uint8_t *)at = bits & 1;
        else
            element_from_int64(type, (int64_t)(bits % (uint64_t)t->index_limit), at);
    }
}

typedef struct Memory {
    void *data[MAX_SLOTS];
    int64_t counts[MAX_SLOTS];
} Memory;

static Memory memory_create(Test *t)
{
    Memory m = {0};
    assert_true(t->kernel->tensor_count <= MAX_SLOTS);
    for (int i = 0; i < t->kernel->tensor_count; i++) {
        const Tensor *tensor_ = t->kernel->tensors[i];
        m.counts[i] = expr_evaluate(tensor_->length, t->sizes);
        /* exact: a sanitizer sees what reaches too far */
        m.data[i] = calloc(1, (size_t)m.counts[i] * element_bytes(tensor_->element) + 1);
    }
    return m;
}

static Memory memory_copy(Test *t, const Memory *from)
{
    Memory m = memory_create(t);
    for (int i = 0; i < t->kernel->tensor_count; i++)
        memcpy(m.data[i], from->data[i],
               (size_t)m.counts[i] * element_bytes(t->kernel->tensors[i]->element));
    return m;
}

static void memory_destroy(Test *t, Memory *m)
{
    for (int i = 0; i < t->kernel->tensor_count; i++)
        free(m->data[i]);
}

/* Negative parts: as many, the last one first. */
static void run_phase(Test *t, const Phase *phase, Memory *m, int parts)
{
    bool backward = parts < 0;
    parts = backward ? -parts : parts;
    const Function *f = phase->function;
    void *data[MAX_SLOTS + 8], *packed[8];
    int packed_count = 0;
    for (int i = 0; i < f->tensor_count; i++)
        data[i] = i < t->kernel->tensor_count ? m->data[i] : NULL;
    for (const Packing *p = f->packings; p; p = p->next) {
        void *to = aligned_alloc(64, (packing_bytes(p) + 63) / 64 * 64 + 64);
        PackingPlan plan;
        assert_true(packing_plan(t->pool, p, &plan));
        memset(to, 0, packing_bytes(p));
        packing_run(&plan, m->data[p->source->slot], to);
        data[p->packed->slot] = packed[packed_count++] = to;
    }
    void *scratch = aligned_alloc(64, (size_t)(f->scratch_bytes + 127) / 64 * 64);
    int64_t extent = expr_evaluate(function_turns(t->pool, f), t->sizes);
    for (int part = 0; part < parts; part++) {
        memset(scratch, 0xff, (size_t)f->scratch_bytes);
        int64_t number = backward ? parts - 1 - part : part;
        int64_t begin = extent * number / parts, end = extent * (number + 1) / parts;
        if (f->parallel || part == 0)
            phase->code(data, t->sizes, begin, end, scratch);
    }
    free(scratch);
    while (packed_count)
        free(packed[--packed_count]);
}

static void compare(Test *t, const Memory *expected, const Memory *actual, double tolerance)
{
    for (int i = 0; i < t->kernel->tensor_count; i++) {
        const Tensor *tensor_ = t->kernel->tensors[i];
        size_t bytes = element_bytes(tensor_->element);
        if (tensor_->role != TENSOR_output)
            continue;
        double largest = 0;
        for (int64_t e = 0; e < expected->counts[i]; e++) {
            double x = fabs(
                element_to_double(tensor_->element, (char *)expected->data[i] + (size_t)e * bytes));
            largest = isfinite(x) && x > largest ? x : largest;
        }
        for (int64_t e = 0; e < expected->counts[i]; e++) {
            char *x = (char *)expected->data[i] + (size_t)e * bytes;
            char *y = (char *)actual->data[i] + (size_t)e * bytes;
            if (memcmp(x, y, bytes) == 0)
                continue;
            double a = element_to_double(tensor_->element, x);
            double b = element_to_double(tensor_->element, y);
            if ((isnan(a) && isnan(b)) || a == b || fabs(a - b) <= tolerance * largest)
                continue;
            Text text = text_create(t->arena);
            kernel_print(t->kernel, &text);
            fail_msg("%s: %s[%lld] is %.9g, expected %.9g", text.data, tensor_->name, (long long)e,
                     b, a);
        }
    }
}

#include "in_place.h"
#ifdef TESTS_C
#include "through_c.h"
#endif

static void check_phases(Test *t, Phase *phases, int count);

/* Schedules, compiles and compares; ends the test. */
static void check(Test *t)
{
    const char *wrong = kernel_verify(t->kernel);
    if (wrong)
        fail_msg("%s", wrong);
    int count;
    Phase *phases = backend_llvm.schedule(&t->target, t->arena, t->kernel, &count,
                                          diagnostics_create(t->arena));
    assert_non_null(phases);
    check_phases(t, phases, count);
}

static void check_phases(Test *t, Phase *phases, int count)
{
    Diagnostics *diagnostics = diagnostics_create(t->arena);
    Phase **list = ARENA_ARRAY(t->arena, Phase *, count + 1);
    for (int i = 0; i < count; i++)
        list[i] = &phases[i];
    if (getenv("PRINT")) {
        Text text = text_create(t->arena);
        kernel_print(t->kernel, &text);
        for (int i = 0; i < count; i++)
            function_print(phases[i].function, NULL, &text);
        puts(text.data);
    }
    void *module;
    Parallel alone = {.threads = 1};
    TnStatus status =
        backend_llvm.compile(&t->target, &alone, t->arena, list, count, &module, diagnostics);
    if (status != TN_OK)
        fail_msg("%s", diagnostics->count ? diagnostics->items[0].message : "no code");

    Memory expected = memory_create(t);
    for (int i = 0; i < t->kernel->tensor_count; i++) {
        TensorRole role = t->kernel->tensors[i]->role;
        if (role == TENSOR_input || role == TENSOR_constant)
            fill(t, t->kernel->tensors[i], expected.data[i], expected.counts[i]);
    }
    Memory whole = memory_copy(t, &expected), parts = memory_copy(t, &expected);
    Memory inputs = memory_copy(t, &expected);
    const Evaluator *evaluator = evaluator_create(t->arena, t->kernel);
    void *scratch = aligned_alloc(64, (evaluator_scratch_bytes(evaluator) + 127) / 64 * 64);
    evaluator_run(evaluator, t->sizes, expected.data, scratch, 0, -1);
    for (int i = 0; i < count; i++)
        run_phase(t, &phases[i], &whole, 1);
    for (int i = 0; i < count; i++)
        run_phase(t, &phases[i], &parts, 3);
    compare(t, &expected, &whole, t->tolerance);
    compare(t, &whole, &parts, 0);
    for (int i = 0; i < t->kernel->tensor_count; i++) /* zeros of both signs differ */
        assert_memory_equal(whole.data[i], parts.data[i],
                            (size_t)whole.counts[i] *
                                element_bytes(t->kernel->tensors[i]->element));
    check_in_place(t, phases, count, &inputs, &whole);
#ifdef TESTS_C
    check_c(t, list, count, &inputs, &whole);
#endif
    free(scratch);
    memory_destroy(t, &inputs);
    memory_destroy(t, &expected);
    memory_destroy(t, &whole);
    memory_destroy(t, &parts);
    backend_llvm.destroy(module);
    arena_destroy(t->arena);
}

static const Expr *at(Test *t, const Compute *compute, int i)
{
    return compute_axis(t->kernel, compute, i);
}

static const Expr *load(Test *t, const Tensor *x, ...)
{
    const Expr *indices[MAX_RANK];
    va_list list;
    va_start(list, x);
    for (int d = 0; d < x->rank; d++)
        indices[d] = va_arg(list, const Expr *);
    va_end(list);
    return expr_load(t->pool, x, indices);
}

static const Expr *plus(Test *t, const Expr *a, const Expr *b)
{
    return expr_binary(t->pool, EXPR_add, a, b);
}

static const Expr *times(Test *t, const Expr *a, const Expr *b)
{
    return expr_binary(t->pool, EXPR_multiply, a, b);
}

/* ---- Element types ----------------------------------------------------------------------- */

static bool has_numbers(TnElementType type)
{
    return type != TN_UNDEFINED && type != TN_STRING && type != TN_COMPLEX64 &&
           type != TN_COMPLEX128;
}

/* Casts between all pairs of types. */
static void test_conversions(void **state)
{
    (void)state;
    for (int from = 1; from < ELEMENT_TYPE_COUNT; from++) {
        Test t = test_begin();
        if (!has_numbers(from)) {
            arena_destroy(t.arena);
            continue;
        }
        Tensor *x = tensor(&t, "x", TENSOR_input, from, 300, -1);
        for (int to = 1; to < ELEMENT_TYPE_COUNT && t.kernel->tensor_count < MAX_SLOTS; to++) {
            if (!has_numbers(to))
                continue;
            Tensor *y = tensor(&t, arena_format(t.arena, "y%d", to), TENSOR_output, to, 300, -1);
            Compute *map = kernel_map(t.kernel, y);
            const Expr *value = load(&t, x, at(&t, map, 0));
            map->body = value->type == (TnElementType)to
                            ? value
                            : expr_convert_with(t.pool, to, value, to % 2);
        }
        t.tolerance = 0;
        check(&t);
    }
}

static void test_integer_arithmetic(void **state)
{
    (void)state;
    static const ExprKind kinds[] = {EXPR_add,        EXPR_subtract,   EXPR_multiply, EXPR_divide,
                                     EXPR_remainder,  EXPR_modulo,     EXPR_power,    EXPR_maximum,
                                     EXPR_minimum,    EXPR_and,        EXPR_or,       EXPR_xor,
                                     EXPR_shift_left, EXPR_shift_right};
    static const TnElementType types[] = {TN_INT8,  TN_UINT8,  TN_INT16, TN_UINT16,
                                          TN_INT32, TN_UINT32, TN_INT64, TN_UINT64};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        Test t = test_begin();
        Tensor *x = tensor(&t, "x", TENSOR_input, types[i], 77, -1);
        Tensor *z = tensor(&t, "z", TENSOR_input, types[i], 77, -1);
        for (size_t k = 0; k < COUNT_OF(kinds); k++) {
            Tensor *y =
                tensor(&t, arena_format(t.arena, "y%zu", k), TENSOR_output, types[i], 77, -1);
            Compute *map = kernel_map(t.kernel, y);
            const Expr *a = load(&t, x, at(&t, map, 0)), *b = load(&t, z, at(&t, map, 0));
            /* some zeros, negative numbers and large ones */
            a = expr_binary(t.pool, EXPR_subtract, a, expr_whole(t.pool, types[i], 50));
            b = expr_binary(t.pool, EXPR_remainder,
                            expr_binary(t.pool, EXPR_subtract, b, expr_whole(t.pool, types[i], 40)),
                            expr_whole(t.pool, types[i], 9));
            map->body = expr_binary(t.pool, kinds[k], a, b);
        }
        check(&t);
    }
}

static void test_float_arithmetic(void **state)
{
    (void)state;
    static const ExprKind kinds[] = {EXPR_add,       EXPR_subtract, EXPR_multiply, EXPR_divide,
                                     EXPR_remainder, EXPR_modulo,   EXPR_maximum,  EXPR_minimum,
                                     EXPR_copysign,  EXPR_scale2};
    static const ExprKind unary[] = {EXPR_negate, EXPR_absolute, EXPR_sqrt,  EXPR_floor,
                                     EXPR_ceil,   EXPR_trunc,    EXPR_round, EXPR_exp};
    for (int type = TN_FLOAT; type <= TN_DOUBLE; type += TN_DOUBLE - TN_FLOAT) {
        Test t = test_begin();
        Tensor *x = tensor(&t, "x", TENSOR_input, type, 50, -1);
        Tensor *z = tensor(&t, "z", TENSOR_input, type, 50, -1);
        for (size_t k = 0; k < COUNT_OF(kinds) + COUNT_OF(unary); k++) {
            bool is_binary = k < COUNT_OF(kinds);
            Tensor *y = tensor(&t, arena_format(t.arena, "y%zu", k), TENSOR_output, type, 50, -1);
            Compute *map = kernel_map(t.kernel, y);
            const Expr *a = load(&t, x, at(&t, map, 0)), *b = load(&t, z, at(&t, map, 0));
            if (is_binary && kinds[k] == EXPR_scale2)
                b = expr_unary(t.pool, EXPR_round, b);
            map->body = is_binary ? expr_binary(t.pool, kinds[k], a, b)
                                  : expr_unary(t.pool, unary[k - COUNT_OF(kinds)], a);
        }
        check(&t);
    }
}

/* Functions that are lowered to polynomials, scaled so that some arguments are far out. */
static void test_functions(void **state)
{
    (void)state;
    static const ExprKind unary[] = {
#define MATH_UNARY(name, single, twice, from, to) EXPR_##name,
#define MATH_BINARY(name, single, twice)
#include "codegen/math.def"
    };
    for (int type = TN_FLOAT; type <= TN_DOUBLE; type += TN_DOUBLE - TN_FLOAT) {
        for (int round = 0; round < 4; round++) {
            int part = round % 2;
            Test t = test_begin();
            if (round >= 2 && t.target.vector_bytes > 16)
                t.target.vector_bytes = t.target.vector_bytes > 32 ? 32 : 16;
            Tensor *x = tensor(&t, "x", TENSOR_input, type, 67, -1);
            for (size_t k = (size_t)part; k < COUNT_OF(unary); k += 2) {
                Tensor *y = tensor(&t, expr_kind_name(unary[k]), TENSOR_output, type, 67, -1);
                Compute *map = kernel_map(t.kernel, y);
                const Expr *a = load(&t, x, at(&t, map, 0));
                map->body = expr_unary(t.pool, unary[k], a);
            }
            Tensor *far = tensor(&t, "far", TENSOR_output, type, 67, -1);
            Compute *map = kernel_map(t.kernel, far);
            const Expr *a = load(&t, x, at(&t, map, 0));
            const Expr *b = times(&t, a, expr_real(t.pool, type, 12345678));
            map->body = plus(&t, expr_unary(t.pool, part ? EXPR_sin : EXPR_tanh, b),
                             expr_binary(t.pool, part ? EXPR_atan2 : EXPR_power,
                                         expr_unary(t.pool, EXPR_absolute, b), a));
            t.tolerance = type == TN_FLOAT ? 5e-7 : 1e-14;
            check(&t);
        }
    }
}

/* ---- Maps -------------------------------------------------------------------------------- */

static void check_map(int64_t rows, int64_t columns, bool transposed, TnElementType type)
{
    Test t = test_begin();
    Tensor *x = transposed ? tensor(&t, "x", TENSOR_input, type, (int)columns, (int)rows, -1)
                           : tensor(&t, "x", TENSOR_input, type, (int)rows, (int)columns, -1);
    Tensor *bias = tensor(&t, "bias", TENSOR_input, type, (int)columns, -1);
    Tensor *y = tensor(&t, "y", TENSOR_output, type, (int)rows, (int)columns, -1);
    Compute *map = kernel_map(t.kernel, y);
    const Expr *i = at(&t, map, 0), *j = at(&t, map, 1);
    const Expr *value = transposed ? load(&t, x, j, i) : load(&t, x, i, j);
    map->body = plus(&t, value, load(&t, bias, j));
    check(&t);
}

static void test_maps(void **state)
{
    (void)state;
    static const int64_t sizes[] = {0, 1, 3, 16, 37, 100};
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        for (size_t j = 0; j < COUNT_OF(sizes); j++)
            check_map(sizes[i], sizes[j], (i + j) % 3 == 0, (i + j) % 2 ? TN_FLOAT : TN_INT16);
}

static void test_symbolic_sizes(void **state)
{
    (void)state;
    for (int64_t n = 0; n < 70; n += 23) {
        Test t = test_begin();
        const Expr *rows = expr_symbol(t.pool, "rows"), *columns = expr_symbol(t.pool, "columns");
        const Expr *shape[] = {rows, columns};
        t.sizes[0] = 5;
        t.sizes[1] = n;
        Tensor *x = kernel_tensor(t.kernel, "x", TENSOR_input, TN_FLOAT, 2, shape);
        Tensor *y = kernel_tensor(t.kernel, "y", TENSOR_output, TN_FLOAT, 2, shape);
        Tensor *s = kernel_tensor(t.kernel, "s", TENSOR_output, TN_FLOAT, 1, shape);
        Compute *map = kernel_map(t.kernel, y);
        map->body = expr_unary(t.pool, EXPR_negate, load(&t, x, at(&t, map, 0), at(&t, map, 1)));
        Compute *sum = kernel_reduce(t.kernel, s, COMBINE_sum);
        const Expr *r = compute_reduce_axis(t.kernel, sum, columns);
        sum->body = load(&t, x, at(&t, sum, 0), r);
        check(&t);
    }
}

/* y[i] = x[i - 2] or 7, reversed, gathered, chosen by range */
static void test_fills_and_gathers(void **state)
{
    (void)state;
    static const TnElementType types[] = {TN_FLOAT, TN_FLOAT16, TN_UINT8,
                                          TN_INT64, TN_BOOL,    TN_FLOAT8E4M3FN};
    for (size_t k = 0; k < COUNT_OF(types); k++) {
        Test t = test_begin();
        TnElementType type = types[k], compute = element_compute_type(type);
        const Expr *filling = type == TN_BOOL ? expr_bool(t.pool, true)
                              : element_kind(type) == ELEMENT_KIND_FLOAT
                                  ? expr_real(t.pool, compute, 7)
                                  : expr_whole(t.pool, compute, 7);
        Tensor *x = tensor(&t, "x", TENSOR_input, type, 61, -1);
        Tensor *index = tensor(&t, "index", TENSOR_input, TN_INT32, 61, -1);
        Tensor *padded = tensor(&t, "padded", TENSOR_output, type, 65, -1);
        Tensor *reversed = tensor(&t, "reversed", TENSOR_output, type, 61, -1);
        Tensor *gathered = tensor(&t, "gathered", TENSOR_output, type, 61, -1);
        Tensor *strided = tensor(&t, "strided", TENSOR_output, type, 20, -1);
        Tensor *divided = tensor(&t, "divided", TENSOR_output, type, 121, -1);
        t.index_limit = 61;
        Compute *map = kernel_map(t.kernel, padded);
        const Expr *from[] = {expr_plus_integer(t.pool, at(&t, map, 0), -2)};
        map->body = expr_load_or(t.pool, x, from, filling);
        map = kernel_map(t.kernel, reversed);
        map->body = load(&t, x, expr_minus(t.pool, number(&t, 60), at(&t, map, 0)));
        map = kernel_map(t.kernel, gathered);
        map->body = load(&t, x, expr_to_index(t.pool, load(&t, index, at(&t, map, 0))));
        map = kernel_map(t.kernel, strided);
        map->body = load(&t, x, expr_scale(t.pool, at(&t, map, 0), 3));
        map = kernel_map(t.kernel, divided);
        map->body = load(&t, x, expr_quotient(t.pool, at(&t, map, 0), number(&t, 2)));
        check(&t);
    }
}

/* ---- Reductions -------------------------------------------------------------------------- */

static void check_reduce(Combine combine, TnElementType type, int rows, int middle, int columns,
                         int axis)
{
    Test t = test_begin();
    int dims[] = {rows, middle, columns, -1, -1};
    Tensor *x = tensor(&t, "x", TENSOR_input, type, rows, middle, columns, -1);
    for (int d = axis; d < 3; d++)
        dims[d] = dims[d + 1];
    Tensor *y = tensor(&t, "y", TENSOR_output, type, dims[0], dims[1], -1);
    Compute *reduce = kernel_reduce(t.kernel, y, combine);
    const Expr *r = compute_reduce_axis(t.kernel, reduce, x->shape[axis]), *i = at(&t, reduce, 0);
    const Expr *j = at(&t, reduce, 1);
    reduce->body = axis == 0   ? load(&t, x, r, i, j)
                   : axis == 1 ? load(&t, x, i, r, j)
                               : load(&t, x, i, j, r);
    check(&t);
}

static void test_reductions(void **state)
{
    (void)state;
    static const Combine combines[] = {COMBINE_sum, COMBINE_product, COMBINE_max, COMBINE_min};
    static const TnElementType types[] = {TN_FLOAT, TN_INT32, TN_FLOAT16, TN_DOUBLE};
    for (size_t c = 0; c < COUNT_OF(combines); c++)
        for (size_t k = 0; k < COUNT_OF(types); k++)
            for (int axis = 0; axis < 3; axis++) {
                bool half = types[k] == TN_FLOAT16;
                check_reduce(combines[c], types[k], 3, half ? 2 : 5, half ? 8 : 75, axis);
            }
    check_reduce(COMBINE_and, TN_BOOL, 5, 3, 33, 2);
    check_reduce(COMBINE_or, TN_BOOL, 5, 3, 3, 2);
    check_reduce(COMBINE_sum, TN_FLOAT, 3, 0, 5, 1);
    check_reduce(COMBINE_max, TN_FLOAT, 3, 5, 0, 2);
    check_reduce(COMBINE_max, TN_FLOAT, 3, 1, 1, 2);
    check_reduce(COMBINE_max, TN_FLOAT, 1, 1, 300, 1);
}

static void test_nan(void **state)
{
    (void)state;
    Test t = test_begin();
    Tensor *x = tensor(&t, "x", TENSOR_input, TN_FLOAT, 100, -1);
    Tensor *y = tensor(&t, "y", TENSOR_output, TN_FLOAT, -1);
    Tensor *z = tensor(&t, "z", TENSOR_output, TN_FLOAT, 100, -1);
    Compute *reduce = kernel_reduce(t.kernel, y, COMBINE_max), *map = kernel_map(t.kernel, z);
    /* the square root of a negative number is NaN */
    const Expr *r = compute_reduce_axis(t.kernel, reduce, number(&t, 100));
    reduce->body = expr_unary(t.pool, EXPR_sqrt, load(&t, x, r));
    const Expr *root = expr_unary(t.pool, EXPR_sqrt, load(&t, x, at(&t, map, 0)));
    map->body =
        expr_binary(t.pool, EXPR_minimum,
                    expr_binary(t.pool, EXPR_maximum, root, expr_real(t.pool, TN_FLOAT, 0.5)),
                    expr_real(t.pool, TN_FLOAT, 1));
    check(&t);
}

/* A 3x3 window with padding and stride. */
static void check_window(Combine combine, int height, int width, int stride)
{
    Test t = test_begin();
    Tensor *x = tensor(&t, "x", TENSOR_input, TN_FLOAT, 2, height, width, -1);
    Tensor *y = tensor(&t, "y", TENSOR_output, TN_FLOAT, 2, (height - 1) / stride + 1,
                       (width - 1) / stride + 1, -1);
    Compute *reduce = kernel_reduce(t.kernel, y, combine);
    const Expr *ky = compute_reduce_axis(t.kernel, reduce, number(&t, 3));
    const Expr *kx = compute_reduce_axis(t.kernel, reduce, number(&t, 3));
    const Expr *indices[] = {at(&t, reduce, 0),
                             expr_plus(t.pool, expr_scale(t.pool, at(&t, reduce, 1), stride),
                                       expr_plus_integer(t.pool, ky, -1)),
                             expr_plus(t.pool, expr_scale(t.pool, at(&t, reduce, 2), stride),
                                       expr_plus_integer(t.pool, kx, -1))};
    reduce->body = expr_load_or(t.pool, x, indices, combine_neutral(t.pool, combine, TN_FLOAT));
    check(&t);
}

static void test_windows(void **state)
{
    (void)state;
    check_window(COMBINE_max, 17, 33, 1);
    check_window(COMBINE_max, 17, 33, 2);
    check_window(COMBINE_sum, 9, 9, 1);
    check_window(COMBINE_sum, 5, 130, 3);
}

/* ---- Scans and scatters ------------------------------------------------------------------ */

static void test_scans(void **state)
{
    (void)state;
    for (int variant = 0; variant < 8; variant++) {
        Test t = test_begin();
        int dim = variant & 1;
        Tensor *x = tensor(&t, "x", TENSOR_input, TN_INT32, 19, 23, -1);
        Tensor *y = tensor(&t, "y", TENSOR_output, TN_INT32, 19, 23, -1);
        Compute *scan = kernel_scan(t.kernel, y, COMBINE_sum, dim);
        scan->reverse = variant & 2;
        scan->exclusive = variant & 4;
        scan->body = load(&t, x, at(&t, scan, 0), at(&t, scan, 1));
        check(&t);
    }
}

static void test_scatters(void **state)
{
    (void)state;
    for (int variant = 0; variant < 6; variant++) {
        Test t = test_begin();
        Tensor *x = tensor(&t, "x", TENSOR_input, TN_FLOAT, 30, 40, -1);
        Tensor *updates = tensor(&t, "updates", TENSOR_input, TN_FLOAT, 9, 40, -1);
        Tensor *index = tensor(&t, "index", TENSOR_input, TN_INT64, 9, 40, -1);
        Tensor *y = tensor(&t, "y", TENSOR_output, TN_FLOAT, 30, 40, -1);
        bool slices = variant % 2;
        t.index_limit = 33; /* some are out of range */
        Compute *map = kernel_map(t.kernel, y);
        map->body = load(&t, x, at(&t, map, 0), at(&t, map, 1));
        const Expr *extents[] = {number(&t, 9), number(&t, 40)};
        static const Combine combines[] = {COMBINE_none, COMBINE_sum, COMBINE_max};
        Compute *scatter = kernel_scatter(t.kernel, y, combines[variant / 2], 2, extents);
        const Expr *i = at(&t, scatter, 0), *j = at(&t, scatter, 1);
        const Expr *where = load(&t, index, i, slices ? number(&t, 3) : j);
        scatter->target[0] = expr_to_index(t.pool, where);
        scatter->target[1] = j;
        scatter->body = load(&t, updates, i, j);
        check(&t);
    }
}

/* ---- Rows -------------------------------------------------------------------------------- */

/* Softmax along one axis of a rank-3 tensor, as the operator is lowered. */
static void check_softmax(const Expr *const *shape, Test *t, int axis)
{
    ExprPool *pool = t->pool;
    const Expr *reduced[] = {shape[0], shape[1], shape[2]}, *own[3];
    reduced[axis] = number(t, 1);
    Tensor *x = kernel_tensor(t->kernel, "x", TENSOR_input, TN_FLOAT, 3, shape);
    Tensor *most = kernel_tensor(t->kernel, "most", TENSOR_temporary, TN_FLOAT, 3, reduced);
    Tensor *e = kernel_tensor(t->kernel, "e", TENSOR_temporary, TN_FLOAT, 3, shape);
    Tensor *sum = kernel_tensor(t->kernel, "sum", TENSOR_temporary, TN_FLOAT, 3, reduced);
    Tensor *y = kernel_tensor(t->kernel, "y", TENSOR_output, TN_FLOAT, 3, shape);
    for (int step = 0; step < 4; step++) {
        bool reduces = step % 2 == 0;
        Compute *c =
            reduces ? kernel_reduce(t->kernel, step ? sum : most, step ? COMBINE_sum : COMBINE_max)
                    : kernel_map(t->kernel, step == 1 ? e : y);
        const Expr *indices[3];
        for (int d = 0; d < 3; d++)
            own[d] = indices[d] = at(t, c, d);
        if (reduces)
            indices[axis] = compute_reduce_axis(t->kernel, c, shape[axis]);
        own[axis] = number(t, 0);
        const Expr *from_x = expr_load(pool, x, indices), *from_e = expr_load(pool, e, indices);
        if (step == 0)
            c->body = from_x;
        else if (step == 1)
            c->body =
                expr_unary(pool, EXPR_exp,
                           expr_binary(pool, EXPR_subtract, from_x, expr_load(pool, most, own)));
        else if (step == 2)
            c->body = from_e;
        else
            c->body = expr_binary(pool, EXPR_divide, from_e, expr_load(pool, sum, own));
    }
    check(t);
}

static void test_softmax(void **state)
{
    (void)state;
    static const int shapes[][3] = {{3, 5, 37}, {1, 9, 100}, {4, 6, 1}, {2, 7, 64}};
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        for (int axis = 0; axis < 3; axis++) {
            Test t = test_begin();
            const Expr *shape[] = {number(&t, shapes[i][0]), number(&t, shapes[i][1]),
                                   number(&t, shapes[i][2])};
            check_softmax(shape, &t, axis);
        }
    for (int length = 0; length < 80; length += 26) {
        Test t = test_begin();
        const Expr *s = expr_symbol(t.pool, "s"), *shape[] = {number(&t, 3), s, s};
        t.sizes[0] = length;
        check_softmax(shape, &t, 2);
    }
}

/* Mean and mean square of each row, then both in one map: two outputs. */
static void test_layer_normalization(void **state)
{
    (void)state;
    for (int columns = 1; columns < 200; columns += 66) {
        Test t = test_begin();
        ExprPool *pool = t.pool;
        Tensor *x = tensor(&t, "x", TENSOR_input, TN_FLOAT, 4, 5, columns, -1);
        Tensor *scale = tensor(&t, "scale", TENSOR_input, TN_FLOAT, columns, -1);
        Tensor *mean = tensor(&t, "mean", TENSOR_output, TN_FLOAT, 4, 5, 1, -1);
        Tensor *square = tensor(&t, "square", TENSOR_temporary, TN_FLOAT, 4, 5, 1, -1);
        Tensor *y = tensor(&t, "y", TENSOR_output, TN_FLOAT, 4, 5, columns, -1);
        const Expr *share = expr_real(pool, TN_FLOAT, 1.0 / columns);
        Compute *first = kernel_reduce(t.kernel, mean, COMBINE_sum);
        const Expr *r = compute_reduce_axis(t.kernel, first, number(&t, columns));
        first->body = times(&t, load(&t, x, at(&t, first, 0), at(&t, first, 1), r), share);
        Compute *second = kernel_reduce(t.kernel, square, COMBINE_sum);
        r = compute_reduce_axis(t.kernel, second, number(&t, columns));
        const Expr *value = load(&t, x, at(&t, second, 0), at(&t, second, 1), r);
        second->body = times(&t, times(&t, value, value), share);
        Compute *map = kernel_map(t.kernel, y);
        const Expr *i = at(&t, map, 0), *j = at(&t, map, 1), *k = at(&t, map, 2);
        const Expr *zero = number(&t, 0), *m = load(&t, mean, i, j, zero);
        const Expr *variance =
            expr_binary(pool, EXPR_subtract, load(&t, square, i, j, zero), times(&t, m, m));
        variance = plus(&t, variance, expr_real(pool, TN_FLOAT, 0.01));
        value = expr_binary(pool, EXPR_divide,
                            expr_binary(pool, EXPR_subtract, load(&t, x, i, j, k), m),
                            expr_unary(pool, EXPR_sqrt, variance));
        map->body = times(&t, value, load(&t, scale, k));
        check(&t);
    }
}

/* ---- Contractions ------------------------------------------------------------------------ */

typedef struct Product {
    int batch, m, n, k;
    bool a_transposed, b_transposed, a_constant, b_constant, heavy;
} Product;

static void check_product(const Product *p)
{
    Test t = test_begin();
    TensorRole a_role = p->a_constant ? TENSOR_constant : TENSOR_input;
    TensorRole b_role = p->b_constant ? TENSOR_constant : TENSOR_input;
    Tensor *a = p->a_transposed ? tensor(&t, "a", a_role, TN_FLOAT, p->batch, p->k, p->m, -1)
                                : tensor(&t, "a", a_role, TN_FLOAT, p->batch, p->m, p->k, -1);
    Tensor *b = p->b_transposed ? tensor(&t, "b", b_role, TN_FLOAT, p->batch, p->n, p->k, -1)
                                : tensor(&t, "b", b_role, TN_FLOAT, p->batch, p->k, p->n, -1);
    Tensor *bias = tensor(&t, "bias", TENSOR_input, TN_FLOAT, p->n, -1);
    Tensor *sum = tensor(&t, "sum", TENSOR_temporary, TN_FLOAT, p->batch, p->m, p->n, -1);
    Tensor *y = tensor(&t, "y", TENSOR_output, TN_FLOAT, p->batch, p->m, p->n, -1);
    Compute *reduce = kernel_reduce(t.kernel, sum, COMBINE_sum);
    const Expr *h = at(&t, reduce, 0), *i = at(&t, reduce, 1), *j = at(&t, reduce, 2);
    const Expr *k = compute_reduce_axis(t.kernel, reduce, number(&t, p->k));
    reduce->body = times(&t, p->a_transposed ? load(&t, a, h, k, i) : load(&t, a, h, i, k),
                         p->b_transposed ? load(&t, b, h, j, k) : load(&t, b, h, k, j));
    Compute *map = kernel_map(t.kernel, y);
    const Expr *value = load(&t, sum, at(&t, map, 0), at(&t, map, 1), at(&t, map, 2));
    value = plus(&t, value, load(&t, bias, at(&t, map, 2)));
    for (int n = 0; p->heavy && n < 10; n++)
        value = plus(&t, times(&t, value, value), expr_real(t.pool, TN_FLOAT, -0.5));
    map->body = expr_binary(t.pool, EXPR_maximum, value, expr_real(t.pool, TN_FLOAT, 0));
    if (p->heavy)
        map->body = expr_binary(t.pool, EXPR_minimum, map->body, expr_real(t.pool, TN_FLOAT, 1));
    t.tolerance = p->heavy ? 2 : 1e-5; /* chaotic by design: only that it runs */
    check(&t);
}

static void test_products(void **state)
{
    (void)state;
    static const Product products[] = {
        {.batch = 1, .m = 64, .n = 64, .k = 64, .b_constant = true},
        {.batch = 1, .m = 37, .n = 45, .k = 19, .b_constant = true},
        {.batch = 1, .m = 37, .n = 45, .k = 19},
        {.batch = 1, .m = 100, .n = 200, .k = 30, .b_transposed = true},
        {.batch = 1,
         .m = 30,
         .n = 17,
         .k = 50,
         .a_transposed = true,
         .b_transposed = true,
         .b_constant = true},
        {.batch = 3, .m = 29, .n = 50, .k = 33},
        {.batch = 3, .m = 60, .n = 40, .k = 16, .b_transposed = true},
        {.batch = 1, .m = 1, .n = 300, .k = 70, .b_constant = true},
        {.batch = 1, .m = 2, .n = 33, .k = 70, .b_constant = true},
        {.batch = 1, .m = 70, .n = 1, .k = 33, .b_constant = true},
        {.batch = 1, .m = 13, .n = 100, .k = 40, .a_constant = true},
        {.batch = 1, .m = 64, .n = 196, .k = 128, .a_constant = true},
        {.batch = 2, .m = 5, .n = 7, .k = 3},
        {.batch = 1, .m = 1, .n = 1, .k = 100},
        {.batch = 1, .m = 20, .n = 40, .k = 1},
        {.batch = 1, .m = 40, .n = 60, .k = 24, .b_constant = true, .heavy = true},
    };
    for (size_t i = 0; i < COUNT_OF(products); i++)
        check_product(&products[i]);
}

static void test_symbolic_rows(void **state)
{
    (void)state;
    for (int64_t rows = 0; rows < 60; rows += 7) {
        Test t = test_begin();
        const Expr *m = expr_symbol(t.pool, "m"), *shape_a[] = {m, number(&t, 31)};
        const Expr *shape_y[] = {m, number(&t, 50)};
        t.sizes[0] = rows;
        Tensor *a = kernel_tensor(t.kernel, "a", TENSOR_input, TN_FLOAT, 2, shape_a);
        Tensor *b = tensor(&t, "b", TENSOR_constant, TN_FLOAT, 31, 50, -1);
        Tensor *y = kernel_tensor(t.kernel, "y", TENSOR_output, TN_FLOAT, 2, shape_y);
        Compute *reduce = kernel_reduce(t.kernel, y, COMBINE_sum);
        const Expr *k = compute_reduce_axis(t.kernel, reduce, number(&t, 31));
        reduce->body =
            times(&t, load(&t, a, at(&t, reduce, 0), k), load(&t, b, k, at(&t, reduce, 1)));
        check(&t);
    }
}

/* Attention with run-time length: q k^T, then p v. */
static void test_symbolic_attention(void **state)
{
    (void)state;
    for (int64_t length = 1; length < 100; length += 31) {
        Test t = test_begin();
        const Expr *s = expr_symbol(t.pool, "s"), *heads = number(&t, 3), *depth = number(&t, 20);
        const Expr *shape[] = {heads, s, depth}, *square[] = {heads, s, s};
        t.sizes[0] = length;
        Tensor *q = kernel_tensor(t.kernel, "q", TENSOR_input, TN_FLOAT, 3, shape);
        Tensor *key = kernel_tensor(t.kernel, "k", TENSOR_input, TN_FLOAT, 3, shape);
        Tensor *v = kernel_tensor(t.kernel, "v", TENSOR_input, TN_FLOAT, 3, shape);
        Tensor *p = kernel_tensor(t.kernel, "p", TENSOR_output, TN_FLOAT, 3, square);
        Tensor *y = kernel_tensor(t.kernel, "y", TENSOR_output, TN_FLOAT, 3, shape);
        Compute *scores = kernel_reduce(t.kernel, p, COMBINE_sum);
        const Expr *r = compute_reduce_axis(t.kernel, scores, depth), *h = at(&t, scores, 0);
        scores->body =
            times(&t, load(&t, q, h, at(&t, scores, 1), r), load(&t, key, h, at(&t, scores, 2), r));
        Compute *out = kernel_reduce(t.kernel, y, COMBINE_sum);
        r = compute_reduce_axis(t.kernel, out, s);
        h = at(&t, out, 0);
        out->body = times(&t, load(&t, p, h, at(&t, out, 1), r), load(&t, v, h, r, at(&t, out, 2)));
        check(&t);
    }
}

#include "convolution_tests.h"

/* Narrower vectors than the host's, as on other processors. */
static void test_narrow_vectors(void **state)
{
    static const Product product = {.batch = 2, .m = 37, .n = 45, .k = 19, .b_transposed = true};
    static const Convolution convolution = {1, 1, 5, 40, 13, 13, 3, 1, 1, 1, false};
    for (vector_bytes = 16; vector_bytes <= 32; vector_bytes *= 2) {
        check_product(&product);
        check_convolution(&convolution, NULL);
        check_reduce(COMBINE_sum, TN_FLOAT, 3, 5, 75, 2);
        check_window(COMBINE_max, 17, 33, 2);
        test_fills_and_gathers(state);
        test_layer_normalization(state);
        test_float_arithmetic(state);
    }
    vector_bytes = 0;
}

/* The register tile must stay in registers: no vector is spilled to the stack. */
static void test_no_spills(void **state)
{
    (void)state;
    Test t = test_begin();
    Tensor *a = tensor(&t, "a", TENSOR_input, TN_FLOAT, 512, 512, -1);
    Tensor *b = tensor(&t, "b", TENSOR_constant, TN_FLOAT, 512, 512, -1);
    Tensor *y = tensor(&t, "y", TENSOR_output, TN_FLOAT, 512, 512, -1);
    Compute *reduce = kernel_reduce(t.kernel, y, COMBINE_sum);
    const Expr *k = compute_reduce_axis(t.kernel, reduce, number(&t, 512));
    reduce->body = times(&t, load(&t, a, at(&t, reduce, 0), k), load(&t, b, k, at(&t, reduce, 1)));
    t.target.triple = "x86_64-unknown-linux-gnu";
    t.target.cpu = "skylake-avx512";
    t.target.features = "";
    t.target.vector_bytes = 64;
    t.target.vector_registers = 32;
    t.target.has_fma = true;
    Diagnostics *diagnostics = diagnostics_create(t.arena);
    int count;
    Phase *phases = backend_llvm.schedule(&t.target, t.arena, t.kernel, &count, diagnostics);
    assert_int_equal(count, 1);
    const Function *function = phases[0].function;
    char *text = jit_assembly(&t.target, t.pool, &function, 1, diagnostics);
    if (text) { /* LLVM may lack the target elsewhere */
        int products = 0;
        char *rest;
        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
            products += strstr(line, "vfmadd") != NULL;
            if (strstr(line, "zmm") && strstr(line, "(%rsp)"))
                fail_msg("a vector is spilled: %s", line);
        }
        assert_true(products > 40);
    }
    arena_destroy(t.arena);
}

#include "in_place_tests.h"

/* test_c COMPILER...: "gcc -O2" */
int main(int count, char **arguments)
{
    (void)count, (void)arguments;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversions),
        cmocka_unit_test(test_integer_arithmetic),
        cmocka_unit_test(test_float_arithmetic),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_maps),
        cmocka_unit_test(test_symbolic_sizes),
        cmocka_unit_test(test_fills_and_gathers),
        cmocka_unit_test(test_reductions),
        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_scans),
        cmocka_unit_test(test_scatters),
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_layer_normalization),
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_symbolic_rows),
        cmocka_unit_test(test_symbolic_attention),
        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_winograd),
        cmocka_unit_test(test_narrow_vectors),
        cmocka_unit_test(test_no_spills),
        cmocka_unit_test(test_in_place),
    };
    cmocka_set_test_filter(getenv("ONLY"));
#ifdef TESTS_C
    if (!find_compilers(count - 1, arguments + 1))
        return 77;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    printf("%lld elements have the same bits, %lld are NaNs of other bits\n", (long long)same_bits,
           (long long)other_nans);
    return failed;
#else
    return cmocka_run_group_tests(tests, NULL, NULL);
#endif
}
