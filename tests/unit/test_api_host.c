/* SPDX-License-Identifier: Apache-2.0
 *
 * The public interface: what a host brings and asks for: memory of its own, descriptors of tensors,
 * an end to runs and compilations that take too long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tenon.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static TnModel *parse(const char *source, const TnLoadOptions *options)
{
    TnModel *model = NULL;
    assert_int_equal(tn_model_parse(source, strlen(source), "net", options, &model), TN_OK);
    return model;
}

static const char layered[] =
    "<ir_version: 10, opset_import: [\"\" : 21]>\n"
    "net (float[N, 4] x) => (float[N, 4] y)\n"
    "<float[4, 4] w = {1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 4}> {\n"
    "  a = MatMul (x, w)\n"
    "  b = Softmax (a)\n"
    "  y = MatMul (b, w)\n"
    "}\n";

/* ---- Memory -------------------------------------------------------------------------------- */

typedef struct Bank {
    int64_t live, peak, calls, refuse_after;
} Bank;

static void *bank_allocate(void *user, size_t bytes, size_t alignment)
{
    Bank *bank = user;
    if (bank->calls++ >= bank->refuse_after)
        return NULL;
    bank->live += (int64_t)bytes;
    bank->peak = bank->live > bank->peak ? bank->live : bank->peak;
    assert_true(alignment && !(alignment & (alignment - 1)));
    void *data = aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    memset(data, 0xa5, bytes);
    return data;
}

static void bank_release(void *user, void *data, size_t bytes)
{
    Bank *bank = user;
    bank->live -= (int64_t)bytes;
    free(data);
}

/* Load, compile, run; the status of the first that fails. */
static TnStatus go_through(Bank *bank)
{
    TnAllocator allocator = {bank_allocate, bank_release, bank};
    TnLoadOptions load = {.size = sizeof load, .allocator = allocator};
    TnCompileOptions compile = {
        .size = sizeof compile, .allocator = allocator, .backend = "interpreter"};
    TnContextOptions options = {.size = sizeof options, .allocator = allocator, .profile = true};
    float x[4] = {1, 1, 1, 1};
    TnValue input = {TN_TENSOR, {TN_FLOAT, 2, {1, 4}, x}, 0, NULL}, y = {0};
    TnModel *model = NULL;
    TnProgram *program = NULL;
    TnContext *context = NULL;
    TnStatus status = tn_model_parse(layered, sizeof layered - 1, "net", &load, &model);
    if (status == TN_OK)
        status = tn_compile(model, &compile, &program);
    if (status == TN_OK)
        status = tn_context_create(program, &options, &context);
    if (status == TN_OK)
        status = tn_run(context, 1, &input, 1, &y);
    tn_context_destroy(context);
    tn_program_destroy(program);
    tn_model_destroy(model);
    return status;
}

static void test_takes_memory_from_the_host(void **state)
{
    (void)state;
    Bank bank = {.refuse_after = INT64_MAX};
    assert_int_equal(go_through(&bank), TN_OK);
    assert_int_equal(bank.live, 0);
    assert_true(bank.peak > 1 << 16);
    int64_t calls = bank.calls;
    for (int64_t i = 0; i < calls; i++) {
        bank = (Bank){.refuse_after = i};
        assert_int_equal(go_through(&bank), TN_OUT_OF_MEMORY);
        assert_int_equal(bank.live, 0);
    }
}

static void test_wants_both_functions_of_an_allocator(void **state)
{
    (void)state;
    Bank bank = {0};
    TnModel *model = NULL;
    TnLoadOptions load = {.size = sizeof load, .allocator = {bank_allocate, NULL, &bank}};
    assert_int_equal(tn_model_parse(layered, sizeof layered - 1, NULL, &load, &model),
                     TN_BAD_ARGUMENT);
}

/* ---- DLPack -------------------------------------------------------------------------------- */

static void test_reads_dlpack(void **state)
{
    (void)state;
    float data[8] = {0};
    int64_t shape[] = {2, 1, 3}, strides[] = {3, 77, 1};
    TnDlTensor from = {
        .data = data, .device = {1, 0}, .ndim = 3, .dtype = {2, 32, 1}, .shape = shape};
    TnTensor to;
    const char *why = NULL;
    assert_int_equal(tn_tensor_from_dlpack(&from, &to, &why), TN_OK);
    assert_true(to.element == TN_FLOAT && to.rank == 3 && to.dims[2] == 3 && to.data == data);
    from.strides = strides; /* that of a dimension of size 1 says nothing */
    from.byte_offset = 8;
    assert_int_equal(tn_tensor_from_dlpack(&from, &to, NULL), TN_OK);
    assert_true(to.data == data + 2);
    strides[0] = 4;
    assert_int_equal(tn_tensor_from_dlpack(&from, &to, &why), TN_BAD_ARGUMENT);
    assert_non_null(strstr(why, "strides"));
    shape[2] = 0; /* no elements: nor do any strides */
    assert_int_equal(tn_tensor_from_dlpack(&from, &to, NULL), TN_OK);
    shape[2] = 3, strides[0] = 3, from.byte_offset = 2;
    assert_int_equal(tn_tensor_from_dlpack(&from, &to, &why), TN_BAD_ARGUMENT);
    assert_non_null(strstr(why, "aligned"));
    from.byte_offset = 0, from.device.type = 2;
    assert_int_equal(tn_tensor_from_dlpack(&from, &to, &why), TN_UNSUPPORTED);
    from.device.type = 1, from.dtype.lanes = 4;
    assert_int_equal(tn_tensor_from_dlpack(&from, &to, &why), TN_UNSUPPORTED);
    from.dtype.lanes = 1, from.dtype.bits = 24;
    assert_int_equal(tn_tensor_from_dlpack(&from, &to, &why), TN_UNSUPPORTED);
    from.dtype.bits = 32, from.ndim = TN_MAX_RANK + 1;
    assert_int_equal(tn_tensor_from_dlpack(&from, &to, &why), TN_BAD_ARGUMENT);
    from.ndim = 3, shape[0] = -1;
    assert_int_equal(tn_tensor_from_dlpack(&from, &to, &why), TN_BAD_ARGUMENT);
    assert_int_equal(tn_tensor_from_dlpack(NULL, &to, &why), TN_BAD_ARGUMENT);
}

static void test_dlpack_goes_both_ways(void **state)
{
    (void)state;
    int passed = 0;
    for (int element = TN_FLOAT; element <= TN_FLOAT6E3M2; element++) {
        _Alignas(16) char data[16];
        TnTensor from = {(TnElementType)element, 1, {1}, data}, back;
        TnDlTensor dl;
        if (tn_tensor_to_dlpack(&from, &dl) != TN_OK)
            continue;
        assert_int_equal(tn_tensor_from_dlpack(&dl, &back, NULL), TN_OK);
        assert_true(back.element == from.element && back.rank == 1 && back.dims[0] == 1);
        passed++;
    }
    assert_int_equal(passed, 20);
}

/* ---- Endings ------------------------------------------------------------------------------- */

/* Runs until somebody stops it. */
static const char endless[] =
    "<ir_version: 10, opset_import: [\"\" : 21]>\n"
    "net (float[4] x) => (float[4] y) {\n"
    "  n = Constant <value = int64 {4611686018427387904}> ()\n"
    "  go = Constant <value = bool {1}> ()\n"
    "  y = Loop (n, go, x) <body = body (int64 i, bool c, float[4] a) => (bool d, float[4] b) {\n"
    "    d = Identity (c)\n"
    "    b = Sin (a)\n"
    "  }>\n"
    "}\n";

static void *cancel(void *user)
{
    tn_context_cancel(user);
    return NULL;
}

static void test_cancels_runs(void **state)
{
    (void)state;
    float x[4] = {1, 2, 3, 4};
    TnModel *model = parse(endless, NULL);
    TnProgram *program = NULL;
    TnContext *context = NULL;
    pthread_t other;
    TnValue input = {TN_TENSOR, {TN_FLOAT, 1, {4}, x}, 0, NULL}, y = {0};
    assert_int_equal(tn_compile(model, NULL, &program), TN_OK);
    assert_int_equal(tn_context_create(program, NULL, &context), TN_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&other, NULL, cancel, context), 0);
        assert_int_equal(tn_run(context, 1, &input, 1, &y), TN_CANCELLED);
        pthread_join(other, NULL);
    }
    assert_string_equal(tn_context_error(context), "cancelled");
    tn_context_destroy(context);
    tn_program_destroy(program);
    tn_model_destroy(model);
}

static void test_forgets_a_request(void **state)
{
    (void)state;
    float x[4] = {1, 2, 3, 4};
    TnModel *model = parse(layered, NULL);
    TnProgram *program = NULL;
    TnContext *context = NULL;
    TnValue input = {TN_TENSOR, {TN_FLOAT, 2, {1, 4}, x}, 0, NULL}, y = {0};
    assert_int_equal(tn_compile(model, NULL, &program), TN_OK);
    assert_int_equal(tn_context_create(program, NULL, &context), TN_OK);
    tn_context_cancel(context);
    assert_int_equal(tn_run(context, 1, &input, 1, &y), TN_CANCELLED);
    assert_int_equal(tn_run(context, 1, &input, 1, &y), TN_OK);
    tn_context_cancel(context);
    tn_context_cancel_clear(context);
    assert_int_equal(tn_run(context, 1, &input, 1, &y), TN_OK);
    tn_context_destroy(context);
    tn_program_destroy(program);
    tn_model_destroy(model);
}

static bool count_down(void *user)
{
    int *left = user;
    return (*left)-- > 0;
}

static void test_stops_compiling(void **state)
{
    (void)state;
    TnModel *model = parse(layered, NULL);
    TnProgram *program = NULL;
    int left = 1 << 30;
    TnCompileOptions options = {
        .size = sizeof options, .proceed = count_down, .proceed_user = &left};
    assert_int_equal(tn_compile(model, &options, &program), TN_OK);
    tn_program_destroy(program);
    int asked = (1 << 30) - left;
    assert_true(asked > 10);
    for (int i = 0; i < asked; i++) {
        left = i;
        assert_int_equal(tn_compile(model, &options, &program), TN_CANCELLED);
        assert_null(program);
    }
    options.proceed = NULL;
    options.seconds = 1e-9;
    assert_int_equal(tn_compile(model, &options, &program), TN_CANCELLED);
    options.seconds = 1e6;
    assert_int_equal(tn_compile(model, &options, &program), TN_OK);
    tn_program_destroy(program);
    tn_model_destroy(model);
}

/* ---- Two tiers ----------------------------------------------------------------------------- */

/* Something of everything that has code: a branch, a loop, contractions, reductions. */
static const char tiered[] =
    "<ir_version: 10, opset_import: [\"\" : 21]>\n"
    "net (float[N, 32] x, bool flip) => (float[N, 32] y)\n"
    "<int64[2] square = {32, 32}, float half = {0.5}, int64 three = {3}, bool yes = {1}> {\n"
    "  w = Expand (half, square)\n"
    "  a = MatMul (x, w)\n"
    "  b = If (flip) <then_branch = t () => (float[N, 32] p) { p = Tanh (a) },\n"
    "      else_branch = e () => (float[N, 32] q) { q = Exp (a) }>\n"
    "  c = Loop (three, yes, b) <body = l (int64 i, bool go, float[N, 32] s) => (bool on,\n"
    "      float[N, 32] r) { on = Identity (go) m = Softmax (s) r = Add (m, x) }>\n"
    "  y = Erf (c)\n"
    "}\n";

enum { ROWS = 33, COLUMNS = 32 };

static TnProgram *compile_tier(TnModel *model, bool quick, const char *cache)
{
    TnCache folder = {.folder = cache};
    TnCompileOptions options = {
        .size = sizeof options, .quick = quick, .cache = cache ? &folder : NULL};
    TnProgram *program = NULL;
    assert_int_equal(tn_compile(model, &options, &program), TN_OK);
    return program;
}

static bool is_quick(const TnProgram *program)
{
    TnProgramInfo info = {.size = sizeof info};
    assert_int_equal(tn_program_info(program, &info), TN_OK);
    return info.is_quick;
}

static void run_tiered(TnContext *context, bool flip, float *made)
{
    float x[ROWS * COLUMNS];
    for (int i = 0; i < ROWS * COLUMNS; i++)
        x[i] = (float)(i % 17) / 8 - 1;
    TnValue inputs[] = {{TN_TENSOR, {TN_FLOAT, 2, {ROWS, COLUMNS}, x}, 0, NULL},
                        {TN_TENSOR, {TN_BOOL, 0, {0}, &flip}, 0, NULL}};
    TnValue y = {TN_TENSOR, {TN_FLOAT, 2, {ROWS, COLUMNS}, made}, 0, NULL};
    assert_int_equal(tn_run(context, 2, inputs, 1, &y), TN_OK);
}

typedef struct Optimizer {
    TnProgram *program;
    TnStatus status;
    atomic_bool done;
} Optimizer;

static void *optimize(void *user)
{
    Optimizer *optimizer = user;
    optimizer->status = tn_program_optimize(optimizer->program, NULL);
    atomic_store(&optimizer->done, true);
    return NULL;
}

static bool refuse(void *user)
{
    (void)user;
    return false;
}

static void test_quick_code_gives_way_to_fast_code(void **state)
{
    (void)state;
    float expected[2][ROWS * COLUMNS], made[ROWS * COLUMNS];
    TnModel *model = parse(tiered, NULL);
    TnProgram *fast = compile_tier(model, false, NULL), *quick = compile_tier(model, true, NULL);
    TnContext *a = NULL, *b = NULL;
    TnOptimizeOptions impatient = {.size = sizeof impatient, .proceed = refuse};
    pthread_t thread;
    tn_model_destroy(model);
    assert_true(!is_quick(fast) && is_quick(quick));
    assert_int_equal(tn_program_optimize(fast, NULL), TN_OK);
    assert_int_equal(tn_program_optimize(NULL, NULL), TN_BAD_ARGUMENT);
    assert_int_equal(tn_program_optimize(quick, &impatient), TN_CANCELLED);
    assert_true(is_quick(quick));
    assert_int_equal(tn_context_create(fast, NULL, &a), TN_OK);
    assert_int_equal(tn_context_create(quick, NULL, &b), TN_OK);
    for (int flip = 0; flip < 2; flip++)
        run_tiered(a, flip, expected[flip]);
    Optimizer optimizer = {.program = quick};
    atomic_init(&optimizer.done, false);
    assert_int_equal(pthread_create(&thread, NULL, optimize, &optimizer), 0);
    for (int round = 0, after = 0; after < 2; round++) {
        after += atomic_load(&optimizer.done);
        run_tiered(b, round % 2, made);
        assert_memory_equal(made, expected[round % 2], sizeof made);
    }
    pthread_join(thread, NULL);
    assert_int_equal(optimizer.status, TN_OK);
    assert_false(is_quick(quick));
    assert_int_equal(tn_program_optimize(quick, NULL), TN_OK);
    tn_context_destroy(a);
    tn_context_destroy(b);
    tn_program_destroy(fast);
    tn_program_destroy(quick);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_memory_from_the_host),
        cmocka_unit_test(test_wants_both_functions_of_an_allocator),
        cmocka_unit_test(test_reads_dlpack),
        cmocka_unit_test(test_dlpack_goes_both_ways),
        cmocka_unit_test(test_cancels_runs),
        cmocka_unit_test(test_forgets_a_request),
        cmocka_unit_test(test_quick_code_gives_way_to_fast_code),
        cmocka_unit_test(test_stops_compiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
