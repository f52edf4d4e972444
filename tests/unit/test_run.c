/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole programs through the interpreter: symbolic sizes, control flow, outputs given by the
 * caller, arenas, and what a run must refuse.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codegen/compile.h"
#include "frontend/load.h"
#include "runtime/run.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct Fixture {
    Boundary boundary;
    Arena *arena;
    Diagnostics *diagnostics;
    Program *program;
    Run *run;
} Fixture;

static Fixture fixture;

static void release(void)
{
    run_destroy(fixture.run);
    program_destroy(fixture.program);
    arena_destroy(fixture.arena);
    memset(&fixture, 0, sizeof fixture);
}

static int tear_down(void **state)
{
    (void)state;
    release();
    return 0;
}

static void print_diagnostics(void)
{
    Text text = text_create(fixture.arena);
    for (int64_t i = 0; i < fixture.diagnostics->count; i++)
        diagnostic_render(&fixture.diagnostics->items[i], &text);
    print_message("%s\n", text.data);
}

static TnStatus try_compile(const char *text)
{
    release();
    fixture.arena = arena_create(&fixture.boundary);
    fixture.diagnostics = diagnostics_create(fixture.arena);
    Document *document =
        document_parse(fixture.arena, "test", text, strlen(text), fixture.diagnostics);
    Model *model =
        document ? model_import(fixture.arena, document, NULL, NULL, fixture.diagnostics) : NULL;
    if (!model)
        print_diagnostics();
    assert_non_null(model);
    CompileSettings settings = {.backend = &backend_interpreter, .parallel = {.threads = 1}};
    return program_compile(model, &settings, &fixture.program, fixture.diagnostics);
}

static void compile(const char *text)
{
    TnStatus status = try_compile(text);
    if (status != TN_OK)
        print_diagnostics();
    assert_int_equal(status, TN_OK);
    fixture.run = run_create(fixture.program, (Parallel){.threads = 1});
    assert_non_null(fixture.run);
}

static TnValue floats(float *data, int rank, int64_t a, int64_t b)
{
    return (TnValue){.kind = TN_TENSOR,
                     .tensor = {.element = TN_FLOAT, .rank = rank, .dims = {a, b}, .data = data}};
}

static TnValue integers(int64_t *data, int rank, int64_t a)
{
    return (TnValue){.kind = TN_TENSOR,
                     .tensor = {.element = TN_INT64, .rank = rank, .dims = {a}, .data = data}};
}

static TnStatus run(int input_count, const TnValue *inputs, int output_count, TnValue *outputs)
{
    return run_program(fixture.run, input_count, inputs, output_count, outputs);
}

static void run_well(int input_count, const TnValue *inputs, int output_count, TnValue *outputs)
{
    TnStatus status = run(input_count, inputs, output_count, outputs);
    if (status != TN_OK)
        print_message("%s\n", fixture.run->error);
    assert_int_equal(status, TN_OK);
}

#define HEADER "<ir_version: 10, opset_import: [\"\" : 21]>\n"

/* ---- Sizes and memory -------------------------------------------------------------------- */

static const char matmul[] = HEADER "g (float[N, 3] x, float[3, 2] w) => (float[N, 2] y) {\n"
                                    "  h = MatMul (x, w)\n"
                                    "  y = Relu (h)\n"
                                    "}\n";

static void test_any_size_with_one_program(void **state)
{
    (void)state;
    float x[] = {1, 2, 3, -4, -5, -6, 7, 8, 9}, w[] = {1, 0, 0, 1, 1, 1};
    compile(matmul);
    for (int64_t n = 0; n <= 3; n++) {
        TnValue inputs[] = {floats(x, 2, n, 3), floats(w, 2, 3, 2)}, y = {0};
        run_well(2, inputs, 1, &y);
        assert_int_equal(y.tensor.dims[0], n);
        const float expected[] = {4, 5, 0, 0, 16, 17};
        assert_memory_equal(y.tensor.data, expected, (size_t)n * 2 * sizeof(float));
    }
}

static void test_inputs_are_checked(void **state)
{
    (void)state;
    float x[12] = {0}, w[6] = {0};
    compile(matmul);
    TnValue y = {0}, good = floats(w, 2, 3, 2);
    TnValue cases[] = {floats(x, 2, 2, 4), floats(x, 1, 3, 0), floats(x, 2, -1, 3),
                       integers((int64_t[]){1, 2, 3}, 1, 3), floats(NULL, 2, 2, 3)};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        TnValue inputs[] = {cases[i], good};
        assert_int_equal(run(2, inputs, 1, &y), TN_BAD_ARGUMENT);
        assert_true(fixture.run->error[0]);
    }
    assert_int_equal(run(1, &good, 1, &y), TN_BAD_ARGUMENT);
    TnValue huge[] = {floats(x, 2, (int64_t)1 << 47, 3), good};
    assert_int_not_equal(run(2, huge, 1, &y), TN_OK);
}

static void test_outputs_in_the_callers_memory(void **state)
{
    (void)state;
    float x[] = {1, 2, 3}, w[] = {1, 0, 0, 1, 1, 1}, memory[2] = {0};
    compile(matmul);
    TnValue inputs[] = {floats(x, 2, 1, 3), floats(w, 2, 3, 2)}, y = floats(memory, 2, 1, 2);
    run_well(2, inputs, 1, &y);
    assert_ptr_equal(y.tensor.data, memory);
    assert_true(memory[0] == 4 && memory[1] == 5);
    TnValue wrong = floats(memory, 2, 2, 1);
    assert_int_equal(run(2, inputs, 1, &wrong), TN_BAD_ARGUMENT);
}

static void test_the_callers_arena(void **state)
{
    (void)state;
    float x[300] = {0}, w[] = {1, 0, 0, 1, 1, 1};
    compile(matmul);
    TnValue inputs[] = {floats(x, 2, 100, 3), floats(w, 2, 3, 2)}, y = {0};
    int64_t bytes = 0;
    assert_int_equal(run_arena_bytes(fixture.run, 2, inputs, &bytes), TN_OK);
    assert_true(bytes > 800);
    char *arena = malloc((size_t)bytes + 64);
    run_set_arena(fixture.run, arena, 100);
    assert_int_equal(run(2, inputs, 1, &y), TN_ARENA_TOO_SMALL);
    assert_true(fixture.run->arena_needed >= bytes);
    run_set_arena(fixture.run, arena, bytes + 64);
    run_well(2, inputs, 1, &y);
    assert_true((char *)y.tensor.data >= arena && (char *)y.tensor.data < arena + bytes + 64);
    run_set_arena(fixture.run, NULL, 0);
    free(arena);
}

static void test_outputs_that_are_inputs_or_each_other(void **state)
{
    (void)state;
    float x[] = {1, -2};
    compile(HEADER "g (float[2] x) => (float[2] a, float[2] b, float[1, 2] c) {\n"
                   "  a = Relu (x)\n"
                   "  b = Identity (a)\n"
                   "  axes = Constant <value_ints = [0]> ()\n"
                   "  c = Unsqueeze (x, axes)\n"
                   "}\n");
    TnValue input = floats(x, 1, 2, 0), outputs[3] = {{0}};
    run_well(1, &input, 3, outputs);
    const float relu[] = {1, 0};
    assert_memory_equal(outputs[0].tensor.data, relu, sizeof relu);
    assert_memory_equal(outputs[1].tensor.data, relu, sizeof relu);
    assert_memory_equal(outputs[2].tensor.data, x, sizeof x);
    assert_ptr_not_equal(outputs[0].tensor.data, outputs[1].tensor.data);
}

/* A shape that is an input's data. */
static void test_sizes_from_data(void **state)
{
    (void)state;
    float x[] = {1, 2, 3, 4, 5, 6};
    compile(HEADER "g (float[6] x, int64[2] shape) => (float[A, B] y) {\n"
                   "  r = Reshape (x, shape)\n"
                   "  y = Transpose <perm = [1, 0]> (r)\n"
                   "}\n");
    TnValue inputs[] = {floats(x, 1, 6, 0), integers((int64_t[]){2, 3}, 1, 2)}, y = {0};
    run_well(2, inputs, 1, &y);
    const float expected[] = {1, 4, 2, 5, 3, 6};
    assert_int_equal(y.tensor.dims[0], 3);
    assert_memory_equal(y.tensor.data, expected, sizeof expected);
    inputs[1] = integers((int64_t[]){4, 4}, 1, 2);
    assert_int_equal(run(2, inputs, 1, &y), TN_BAD_ARGUMENT);
}

/* ---- Control flow ------------------------------------------------------------------------ */

static void test_if_with_branches_of_different_sizes(void **state)
{
    (void)state;
    float x[] = {1, 2, 3};
    compile(HEADER "g (bool c, float[N] x) => (float[M] y) {\n"
                   "  y = If (c) <\n"
                   "    then_branch = t () => (float[K] a) { a = Concat <axis = 0> (x, x) },\n"
                   "    else_branch = e () => (float[L] b) { b = Neg (x) }\n"
                   "  >\n"
                   "}\n");
    for (uint8_t c = 0; c < 2; c++) {
        TnValue inputs[] = {
            {.kind = TN_TENSOR, .tensor = {.element = TN_BOOL, .rank = 0, .data = &c}},
            floats(x, 1, 3, 0)};
        TnValue y = {0};
        run_well(2, inputs, 1, &y);
        assert_int_equal(y.tensor.dims[0], c ? 6 : 3);
        const float *out = y.tensor.data;
        assert_true(out[2] == (c ? 3 : -3));
    }
}

static const char loop[] =
    HEADER "g (int64 m, float[2] x) => (float[2] last, float[T, 2] all) {\n"
           "  c = Constant <value = bool {1}> ()\n"
           "  last, all = Loop (m, c, x) <body = b (int64 i, bool go, float[2] s)\n"
           "      => (bool next, float[2] t, float[2] row) {\n"
           "    next = Identity (go)\n"
           "    f = Cast <to = 1> (i)\n"
           "    t = Add (s, f)\n"
           "    row = Mul (t, x)\n"
           "  }>\n"
           "}\n";

static void test_loop_carries_and_stacks(void **state)
{
    (void)state;
    float x[] = {1, 2};
    compile(loop);
    for (int64_t m = 0; m < 5; m++) {
        TnValue inputs[] = {integers(&m, 0, 0), floats(x, 1, 2, 0)}, outputs[2] = {{0}};
        run_well(2, inputs, 2, outputs);
        float state_value = 0;
        assert_int_equal(outputs[1].tensor.dims[0], m);
        for (int64_t i = 0; i < m; i++) {
            state_value += (float)i;
            const float *row = (const float *)outputs[1].tensor.data + 2 * i;
            assert_true(row[0] == 1 + state_value && row[1] == 2 * (2 + state_value));
        }
        assert_true(((float *)outputs[0].tensor.data)[1] == 2 + state_value);
    }
}

/* A carried value that grows, two that change places, and an end that only data tells. */
static void test_loop_with_changing_sizes(void **state)
{
    (void)state;
    float x[] = {1, 2, 3};
    compile(HEADER
            "g (float[N] x, float limit) => (float[M] grown, float a, float b, int64[T] steps) {\n"
            "  c = Constant <value = bool {1}> ()\n"
            "  zero = Constant <value = float {0}> ()\n"
            "  one = Constant <value = float {1}> ()\n"
            "  axes = Constant <value_ints = [0]> ()\n"
            "  grown, a, b, steps = Loop (, c, x, zero, one) <body = body (int64 i, bool go,\n"
            "      float[K] s, float p, float q) => (bool next, float[L] t, float r, float u,\n"
            "      int64 at) {\n"
            "    sum = Add (p, q)\n"
            "    r = Identity (q)\n"
            "    u = Identity (p)\n"
            "    last = Unsqueeze (sum, axes)\n"
            "    t = Concat <axis = 0> (s, last)\n"
            "    f = Cast <to = 1> (i)\n"
            "    next = Less (f, limit)\n"
            "    at = Identity (i)\n"
            "  }>\n"
            "}\n");
    float limit = 20;
    TnValue inputs[] = {
        floats(x, 1, 3, 0),
        {.kind = TN_TENSOR, .tensor = {.element = TN_FLOAT, .rank = 0, .data = &limit}}};
    TnValue outputs[4] = {{0}};
    run_well(2, inputs, 4, outputs);
    assert_int_equal(outputs[0].tensor.dims[0], 3 + 21);
    const float *grown = outputs[0].tensor.data;
    assert_true(grown[0] == 1 && grown[2] == 3 && grown[3] == 1 && grown[23] == 1);
    assert_true(*(float *)outputs[1].tensor.data == 1 && *(float *)outputs[2].tensor.data == 0);
    assert_int_equal(outputs[3].tensor.dims[0], 21);
    assert_int_equal(((int64_t *)outputs[3].tensor.data)[20], 20);
}

static void test_scan_along_any_axis(void **state)
{
    (void)state;
    float x[] = {1, 2, 3, 4, 5, 6}, zero[2] = {0};
    compile(HEADER "g (float[2] s, float[2, T] x) => (float[2] last, float[2, T] sums) {\n"
                   "  last, sums = Scan <num_scan_inputs = 1, scan_input_axes = [1],\n"
                   "      scan_output_axes = [1], scan_input_directions = [1],\n"
                   "      scan_output_directions = [1], body = b (float[2] p, float[2] v)\n"
                   "      => (float[2] q, float[2] out) {\n"
                   "    q = Add (p, v)\n"
                   "    out = Identity (q)\n"
                   "  }> (s, x)\n"
                   "}\n");
    TnValue inputs[] = {floats(zero, 1, 2, 0), floats(x, 2, 2, 3)}, outputs[2] = {{0}};
    run_well(2, inputs, 2, outputs);
    const float expected[] = {6, 5, 3, 15, 11, 6};
    assert_memory_equal(outputs[1].tensor.data, expected, sizeof expected);
    assert_true(((float *)outputs[0].tensor.data)[1] == 15);
}

/* ---- Threads ----------------------------------------------------------------------------- */

static void test_same_bits_on_any_number_of_threads(void **state)
{
    (void)state;
    enum { ROWS = 200, INNER = 3 };
    static float x[ROWS * INNER];
    float w[] = {0.1f, 0.7f, -0.3f, 1.9f, 2.2f, -0.4f}, first[ROWS * 2];
    for (int i = 0; i < ROWS * INNER; i++)
        x[i] = (float)(i % 17) / 7 - 1;
    compile(matmul);
    TnValue inputs[] = {floats(x, 2, ROWS, 3), floats(w, 2, 3, 2)};
    for (int threads = 1; threads <= 4; threads++) {
        ThreadPool *pool = thread_pool_create(threads);
        Run *own = run_create(fixture.program, thread_pool_parallel(pool));
        TnValue y = {0};
        assert_int_equal(run_program(own, 2, inputs, 1, &y), TN_OK);
        if (threads == 1)
            memcpy(first, y.tensor.data, sizeof first);
        else
            assert_memory_equal(y.tensor.data, first, sizeof first);
        run_destroy(own);
        thread_pool_destroy(pool);
    }
}

/* Large kernels, tiny ones between them, and a loop that has both. */
static const char chain[] =
    HEADER "g (float[N, 64] x, float[64, 64] w) => (float[N, 64] y) {\n"
           "  turns = Constant <value = int64 {3}> ()\n"
           "  go = Constant <value = bool {1}> ()\n"
           "  a = MatMul (x, w)\n"
           "  b = Softmax (a)\n"
           "  small = ReduceSum <keepdims = 1> (w)\n"
           "  tiny = Sqrt (small)\n"
           "  c = Add (b, tiny)\n"
           "  y = Loop <body = step (int64 i, bool on, float[N, 64] p) => (bool next, float[N, 64] "
           "q) {\n"
           "    next = Identity (on)\n"
           "    d = MatMul (p, w)\n"
           "    q = Tanh (d)\n"
           "  }> (turns, go, c)\n"
           "}\n";

enum { CHAIN_ROWS = 96, CHAIN_COLUMNS = 64 };

static int shared_phases(const Block *block, const int64_t *sizes)
{
    int count = 0;
    for (int64_t i = 0; i < block->step_count; i++) {
        const Step *step = &block->steps[i];
        count += step->kind == STEP_phase && phase_pieces(&step->phase, sizes) > 1;
        if (step->kind == STEP_loop)
            count += shared_phases(step->loop.body, sizes);
    }
    return count;
}

typedef struct Chain {
    float x[CHAIN_ROWS * CHAIN_COLUMNS], w[CHAIN_COLUMNS * CHAIN_COLUMNS];
    float alone[CHAIN_ROWS * CHAIN_COLUMNS];
    TnValue inputs[2];
} Chain;

static void compile_chain(Chain *c)
{
    for (int i = 0; i < CHAIN_ROWS * CHAIN_COLUMNS; i++)
        c->x[i] = (float)(i % 17) / 7 - 1;
    for (int i = 0; i < CHAIN_COLUMNS * CHAIN_COLUMNS; i++)
        c->w[i] = (float)(i % 23) / 90;
    compile(chain);
    c->inputs[0] = floats(c->x, 2, CHAIN_ROWS, CHAIN_COLUMNS);
    c->inputs[1] = floats(c->w, 2, CHAIN_COLUMNS, CHAIN_COLUMNS);
    TnValue y = {0};
    run_well(2, c->inputs, 1, &y);
    memcpy(c->alone, y.tensor.data, sizeof c->alone);
    assert_in_range(shared_phases(&fixture.program->main, fixture.run->sizes), 3, 100);
}

static void run_chain(Chain *c, int threads, int runs)
{
    ThreadPool *pool = thread_pool_create(threads);
    Run *own = run_create(fixture.program, thread_pool_parallel(pool));
    for (int i = 0; i < runs; i++) {
        TnValue y = {0};
        assert_int_equal(run_program(own, 2, c->inputs, 1, &y), TN_OK);
        assert_memory_equal(y.tensor.data, c->alone, sizeof c->alone);
    }
    run_destroy(own);
    thread_pool_destroy(pool);
}

static void test_threads_walk_the_steps_together(void **state)
{
    (void)state;
    static Chain c;
    compile_chain(&c);
    for (int threads = 2; threads <= 5; threads++)
        run_chain(&c, threads, 20);
}

static atomic_bool neighbour_ends;

static void *be_busy(void *user)
{
    (void)user;
    while (!atomic_load(&neighbour_ends))
        continue;
    return NULL;
}

/* As many of them as there are processors take half of each. */
static void test_busy_neighbours_change_nothing(void **state)
{
    (void)state;
    enum { MOST = 16 };
    static Chain c;
    pthread_t neighbours[MOST];
    int count = thread_processors() < MOST ? thread_processors() : MOST;
    compile_chain(&c);
    atomic_store(&neighbour_ends, false);
    for (int i = 0; i < count; i++)
        assert_int_equal(pthread_create(&neighbours[i], NULL, be_busy, NULL), 0);
    run_chain(&c, 3, 10);
    atomic_store(&neighbour_ends, true);
    for (int i = 0; i < count; i++)
        pthread_join(neighbours[i], NULL);
}

/* Another thread asks to stop while threads are at it. */
static void test_cancelled_together(void **state)
{
    (void)state;
    static Chain c;
    atomic_bool cancelled = true;
    compile_chain(&c);
    ThreadPool *pool = thread_pool_create(3);
    Run *own = run_create(fixture.program, thread_pool_parallel(pool));
    TnValue y = {0};
    own->cancelled = &cancelled;
    assert_int_equal(run_program(own, 2, c.inputs, 1, &y), TN_CANCELLED);
    atomic_store(&cancelled, false);
    y = (TnValue){0};
    assert_int_equal(run_program(own, 2, c.inputs, 1, &y), TN_OK);
    assert_memory_equal(y.tensor.data, c.alone, sizeof c.alone);
    run_destroy(own);
    thread_pool_destroy(pool);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_any_size_with_one_program),
        TEST(test_inputs_are_checked),
        TEST(test_outputs_in_the_callers_memory),
        TEST(test_the_callers_arena),
        TEST(test_outputs_that_are_inputs_or_each_other),
        TEST(test_sizes_from_data),
        TEST(test_if_with_branches_of_different_sizes),
        TEST(test_loop_carries_and_stacks),
        TEST(test_loop_with_changing_sizes),
        TEST(test_scan_along_any_axis),
        TEST(test_same_bits_on_any_number_of_threads),
        TEST(test_threads_walk_the_steps_together),
        TEST(test_busy_neighbours_change_nothing),
        TEST(test_cancelled_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
