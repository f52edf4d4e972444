/* SPDX-License-Identifier: Apache-2.0
 *
 * The public interface: states that contexts keep from run to run, and weights that change while a
 * program lives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tenon.h"

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char message[512];

static void remember(void *user, const TnDiagnostic *diagnostic)
{
    (void)user;
    if (diagnostic->severity == TN_ERROR)
        strncpy(message, diagnostic->message, sizeof message - 1);
}

static void keep_note(void *user, TnSeverity severity, const char *text)
{
    if (severity == TN_NOTE)
        strncat(user, text, 511 - strlen(user));
}

static TnModel *parse(const char *source)
{
    TnModel *model = NULL;
    assert_int_equal(tn_model_parse(source, strlen(source), "net", NULL, &model), TN_OK);
    return model;
}

static TnStatus compile(TnModel *model, int count, const TnState *states, TnProgram **program)
{
    TnCompileOptions options = {
        .size = sizeof options, .diagnose = remember, .states = states, .state_count = count};
    message[0] = 0;
    return tn_compile(model, &options, program);
}

static TnValue vector(int64_t count, const void *data)
{
    return (TnValue){TN_TENSOR, {TN_FLOAT, 1, {count}, (void *)data}, 0, NULL};
}

static const float *floats(const TnTensor *tensor, int64_t count)
{
    assert_true(tensor->element == TN_FLOAT && tensor->rank == 1 && tensor->dims[0] == count);
    return tensor->data;
}

/* ---- States -------------------------------------------------------------------------------- */

static const char running_sum[] =
    "<ir_version: 10, opset_import: [\"\" : 21]>\n"
    "net (float[2] past, float[2] x) => (float[2] y, float[2] present) {\n"
    "  present = Add (past, x)\n"
    "  y = Mul (present, x)\n"
    "}\n";

static void test_keeps_a_state(void **state)
{
    (void)state;
    float first[] = {10, 20}, x[] = {1, 2};
    TnTensor initial = {TN_FLOAT, 1, {2}, first};
    TnState pair = {"past", "present", &initial, 0};
    TnModel *model = parse(running_sum);
    TnProgram *program = NULL;
    TnContext *a = NULL, *b = NULL;
    TnPort port;
    TnTensor value;
    assert_int_equal(compile(model, 1, &pair, &program), TN_OK);
    first[0] = first[1] = 0; /* it was copied */
    assert_int_equal(tn_program_input_count(program), 1);
    assert_int_equal(tn_program_output_count(program), 1);
    assert_int_equal(tn_program_input(program, 0, &port), TN_OK);
    assert_string_equal(port.name, "x");
    assert_int_equal(tn_program_output(program, 0, &port), TN_OK);
    assert_string_equal(port.name, "y");
    assert_int_equal(tn_program_state_count(program), 1);
    assert_int_equal(tn_program_state(program, 0, &port), TN_OK);
    assert_string_equal(port.name, "past");
    assert_int_equal(tn_context_create(program, NULL, &a), TN_OK);
    assert_int_equal(tn_context_create(program, NULL, &b), TN_OK);
    TnValue input = vector(2, x), y = {0};
    for (int i = 1; i <= 3; i++) {
        y = (TnValue){0};
        assert_int_equal(tn_run(a, 1, &input, 1, &y), TN_OK);
        assert_true(floats(&y.tensor, 2)[0] == 10.0f + (float)i);
        assert_true(floats(&y.tensor, 2)[1] == 2 * (20.0f + 2 * (float)i));
        assert_int_equal(tn_context_state(a, 0, &value), TN_OK);
        assert_true(floats(&value, 2)[0] == 10.0f + (float)i);
    }
    y = (TnValue){0};
    assert_int_equal(tn_run(b, 1, &input, 1, &y), TN_OK); /* the other one began at the beginning */
    assert_true(floats(&y.tensor, 2)[0] == 11);
    float other[] = {100, 100};
    TnTensor set = {TN_FLOAT, 1, {2}, other};
    assert_int_equal(tn_context_set_state(a, 0, &set), TN_OK);
    assert_int_equal(tn_run(a, 1, &input, 1, &y), TN_OK);
    assert_true(floats(&y.tensor, 2)[0] == 101);
    assert_int_equal(tn_context_reset(a), TN_OK);
    assert_int_equal(tn_run(a, 1, &input, 1, &y), TN_OK);
    assert_true(floats(&y.tensor, 2)[0] == 11);
    set.dims[0] = 3;
    assert_int_equal(tn_context_set_state(a, 0, &set), TN_BAD_ARGUMENT);
    assert_int_equal(tn_context_state(a, 1, &value), TN_BAD_ARGUMENT);
    assert_int_equal(tn_run(a, 2, &input, 1, &y), TN_BAD_ARGUMENT);
    tn_context_destroy(a);
    tn_context_destroy(b);
    tn_program_destroy(program);
    tn_model_destroy(model);
}

static void test_a_failed_run_leaves_the_state(void **state)
{
    (void)state;
    float x[] = {1, 2};
    TnState pair = {"past", "present", NULL, 0};
    TnModel *model = parse(running_sum);
    TnProgram *program = NULL;
    TnContext *context = NULL;
    TnTensor value;
    assert_int_equal(compile(model, 1, &pair, &program), TN_OK);
    assert_int_equal(tn_context_create(program, NULL, &context), TN_OK);
    TnValue input = vector(2, x), y = {0};
    assert_int_equal(tn_run(context, 1, &input, 1, &y), TN_OK);
    tn_context_cancel(context);
    assert_int_equal(tn_run(context, 1, &input, 1, &y), TN_CANCELLED);
    assert_int_equal(tn_context_state(context, 0, &value), TN_OK);
    assert_true(floats(&value, 2)[1] == 2);
    assert_int_equal(tn_run(context, 1, &input, 1, &y), TN_OK);
    assert_int_equal(tn_context_state(context, 0, &value), TN_OK);
    assert_true(floats(&value, 2)[1] == 4);
    tn_context_destroy(context);
    tn_program_destroy(program);
    tn_model_destroy(model);
}

/* A cache that gets one row longer with each run, beside a count of the rows. */
static const char cache[] = "<ir_version: 10, opset_import: [\"\" : 21]>\n"
                            "net (float[P, 2] past, int64[1] count, float[1, 2] row) => (float[1, "
                            "2] sum, float[Q, 2] present,\n"
                            "     int64[1] next) {\n"
                            "  present = Concat <axis = 0> (past, row)\n"
                            "  axes = Constant <value = int64[1] {0}> ()\n"
                            "  sum = ReduceSum (present, axes)\n"
                            "  one = Constant <value = int64[1] {1}> ()\n"
                            "  next = Add (count, one)\n"
                            "}\n";

static void test_caches_grow(void **state)
{
    (void)state;
    float row[] = {1, 2};
    TnTensor empty = {TN_FLOAT, 2, {0, 2}, NULL};
    TnState pairs[] = {{"past", "present", &empty, 0}, {"count", "next", NULL, 0}};
    TnModel *model = parse(cache);
    TnProgram *program = NULL;
    TnContext *context = NULL;
    TnTensor value;
    assert_int_equal(compile(model, 2, pairs, &program), TN_OK);
    assert_int_equal(tn_context_create(program, NULL, &context), TN_OK);
    TnValue input = {TN_TENSOR, {TN_FLOAT, 2, {1, 2}, row}, 0, NULL};
    for (int i = 1; i <= 100; i++) {
        TnValue sum = {0};
        row[0] = (float)i;
        assert_int_equal(tn_run(context, 1, &input, 1, &sum), TN_OK);
        assert_true(((float *)sum.tensor.data)[0] == (float)(i * (i + 1) / 2));
        assert_int_equal(tn_context_state(context, 0, &value), TN_OK);
        assert_true(value.dims[0] == i && ((float *)value.data)[2 * (i - 1)] == (float)i);
    }
    assert_int_equal(tn_context_state(context, 1, &value), TN_OK);
    assert_int_equal(((int64_t *)value.data)[0], 100);
    assert_int_equal(tn_context_reset(context), TN_OK);
    assert_int_equal(tn_context_state(context, 0, &value), TN_OK);
    assert_true(value.dims[0] == 0);
    tn_context_destroy(context);
    tn_program_destroy(program);
    /* Sizes that nobody told must be set before the first run. */
    pairs[0].initial = NULL;
    assert_int_equal(compile(model, 2, pairs, &program), TN_OK);
    assert_int_equal(tn_context_create(program, NULL, &context), TN_OK);
    TnValue sum = {0};
    assert_int_equal(tn_run(context, 1, &input, 1, &sum), TN_BAD_ARGUMENT);
    assert_non_null(strstr(tn_context_error(context), "'past' has no value yet"));
    assert_int_equal(tn_context_state(context, 0, &value), TN_BAD_ARGUMENT);
    TnTensor zeros = {TN_FLOAT, 2, {3, 2}, NULL};
    assert_int_equal(tn_context_set_state(context, 0, &zeros), TN_OK);
    int64_t bytes = 0;
    assert_int_equal(tn_context_arena_bytes(context, 1, &input, &bytes), TN_OK);
    assert_int_equal(tn_run(context, 1, &input, 1, &sum), TN_OK);
    assert_int_equal(tn_context_state(context, 0, &value), TN_OK);
    assert_true(value.dims[0] == 4);
    tn_context_destroy(context);
    tn_program_destroy(program);
    tn_model_destroy(model);
}

/* ---- States with a capacity ---------------------------------------------------------------- */

/* Attention over a cache in which heads and batch lie outside of the axis that grows; the cache is
 * read as it is, with batch and heads merged, and with a dimension more. */
static const char heads[] =
    "<ir_version: 10, opset_import: [\"\" : 21]>\n"
    "net (float[B, 3, 1, 4] x, float[B, 3, P, 4] past) => (float[B, 3, 1, 4] y, float[M, Q, 4] z,\n"
    "     float[B, 3, 1, Q, 4] w, float[B, 3, Q, 4] present)\n"
    "<int64[3] merged = {-1, 0, 4}, int64[1] two = {2}, float tenth = {0.1}> {\n"
    "  new = Mul (x, tenth)\n"
    "  present = Concat <axis = -2> (past, new)\n"
    "  keys = Transpose <perm = [0, 1, 3, 2]> (present)\n"
    "  scores = MatMul (x, keys)\n"
    "  weights = Softmax <axis = -1> (scores)\n"
    "  y = MatMul (weights, present)\n"
    "  shape = Shape (present)\n"
    "  start = Constant <value = int64[1] {2}> ()\n"
    "  end = Constant <value = int64[1] {3}> ()\n"
    "  length = Slice (shape, start, end)\n"
    "  four = Constant <value = int64[1] {4}> ()\n"
    "  any = Constant <value = int64[1] {-1}> ()\n"
    "  flat = Concat <axis = 0> (any, length, four)\n"
    "  folded = Reshape (present, flat)\n"
    "  z = Neg (folded)\n"
    "  wide = Unsqueeze (present, two)\n"
    "  w = Abs (wide)\n"
    "}\n";

enum { BATCH = 2, HEADS = 3, WIDTH = 4, ROOM = 7 };

static TnProgram *compile_heads(int64_t capacity, const char *backend, int appended)
{
    TnTensor empty = {TN_FLOAT, 4, {BATCH, HEADS, 0, WIDTH}, NULL};
    TnState pair = {"past", "present", &empty, capacity};
    TnCompileOptions options = {.size = sizeof options,
                                .backend = backend,
                                .diagnose = remember,
                                .states = &pair,
                                .state_count = 1};
    TnModel *model = parse(heads);
    TnProgram *program = NULL;
    TnProgramInfo info = {.size = sizeof info};
    message[0] = 0;
    assert_int_equal(tn_compile(model, &options, &program), TN_OK);
    assert_int_equal(tn_program_info(program, &info), TN_OK);
    assert_int_equal(info.appended_states, appended);
    tn_model_destroy(model);
    return program;
}

/* Runs a context for a step, and copies what it gave: y, z, w and the state. */
static TnStatus step_heads(TnContext *context, int step, float *made, int64_t *count)
{
    float x[BATCH * HEADS * WIDTH];
    for (int i = 0; i < BATCH * HEADS * WIDTH; i++)
        x[i] = (float)((i * 7 + step * 11) % 13) - 5;
    TnValue input = {TN_TENSOR, {TN_FLOAT, 4, {BATCH, HEADS, 1, WIDTH}, x}, 0, NULL};
    TnValue outputs[3] = {{0}};
    TnTensor state;
    TnStatus status = tn_run(context, 1, &input, 3, outputs);
    if (status != TN_OK)
        return status;
    assert_int_equal(tn_context_state(context, 0, &state), TN_OK);
    const TnTensor *all[] = {&outputs[0].tensor, &outputs[1].tensor, &outputs[2].tensor, &state};
    *count = 0;
    for (int i = 0; i < 4; i++) {
        int64_t elements = 1;
        for (int d = 0; d < all[i]->rank; d++)
            elements *= all[i]->dims[d];
        memcpy(made + *count, all[i]->data, (size_t)elements * sizeof *made);
        *count += elements;
    }
    assert_int_equal(state.dims[2], step);
    return TN_OK;
}

static void compare_heads(const TnProgram *program, const TnProgram *plain)
{
    float made[2048], expected[2048];
    int64_t count, expected_count;
    TnContext *a = NULL, *b = NULL;
    TnTensor value;
    assert_int_equal(tn_context_create(program, NULL, &a), TN_OK);
    assert_int_equal(tn_context_create(plain, NULL, &b), TN_OK);
    for (int round = 0; round < 2; round++) {
        for (int step = 1; step <= ROOM; step++) {
            assert_int_equal(step_heads(a, step, made, &count), TN_OK);
            assert_int_equal(step_heads(b, step, expected, &expected_count), TN_OK);
            assert_int_equal(count, expected_count);
            for (int64_t i = 0; i < count; i++) /* sums of four, and a softmax, in other orders */
                assert_true(fabsf(made[i] - expected[i]) <=
                            16 * FLT_EPSILON * (1 + fabsf(expected[i])));
        }
        /* Full: nothing is lost. */
        assert_int_equal(step_heads(a, ROOM + 1, made, &count), TN_BAD_ARGUMENT);
        assert_non_null(strstr(tn_context_error(a), "longer than its capacity, 7"));
        assert_int_equal(tn_context_state(a, 0, &value), TN_OK);
        assert_int_equal(value.dims[2], ROOM);
        assert_memory_equal(value.data, expected + expected_count - BATCH * HEADS * ROOM * WIDTH,
                            BATCH * HEADS * ROOM * WIDTH * sizeof(float));
        /* What was looked at can be set again, and what a new context has. */
        assert_int_equal(tn_context_set_state(a, 0, &value), TN_OK);
        value.dims[2]++;
        assert_int_equal(tn_context_set_state(a, 0, &value), TN_BAD_ARGUMENT);
        assert_int_equal(tn_context_reset(a), TN_OK);
        assert_int_equal(tn_context_reset(b), TN_OK);
    }
    tn_context_destroy(a);
    tn_context_destroy(b);
}

static void test_appends_to_a_state(void **state)
{
    (void)state;
    static const char *const backends[] = {"llvm", "interpreter"};
    for (int i = 0; i < 2; i++) {
        TnProgram *plain = compile_heads(0, backends[i], 0);
        TnProgram *program = compile_heads(ROOM, backends[i], 1);
        assert_string_equal(message, "");
        compare_heads(program, plain);
        if (i == 0) {
            TnProgram *loaded = NULL;
            char path[] = "/tmp/tenon-state-XXXXXX.so";
            int file = mkstemps(path, 3);
            assert_true(file >= 0);
            close(file);
            assert_int_equal(tn_program_save(program, path, NULL), TN_OK);
            assert_int_equal(tn_program_load(path, NULL, &loaded), TN_OK);
            unlink(path);
            compare_heads(loaded, plain);
            tn_program_destroy(loaded);
        }
        tn_program_destroy(program);
        tn_program_destroy(plain);
    }
}

static void test_refuses_capacities_that_are_none(void **state)
{
    (void)state;
    TnTensor rows = {TN_FLOAT, 4, {BATCH, HEADS, ROOM + 1, WIDTH}, NULL};
    TnState pair = {"past", "present", &rows, ROOM};
    TnModel *model = parse(heads);
    TnProgram *program = NULL;
    assert_int_equal(compile(model, 1, &pair, &program), TN_BAD_ARGUMENT);
    assert_non_null(strstr(message, "the first value of state 'past'"));
    assert_null(program);
    pair.capacity = -1;
    assert_int_equal(compile(model, 1, &pair, &program), TN_BAD_ARGUMENT);
    /* As much as there is room for is no longer a start. */
    pair.capacity = ROOM + 1;
    assert_int_equal(compile(model, 1, &pair, &program), TN_OK);
    TnContext *context = NULL;
    float made[2048];
    int64_t count;
    assert_int_equal(tn_context_create(program, NULL, &context), TN_OK);
    assert_int_equal(step_heads(context, ROOM + 2, made, &count), TN_BAD_ARGUMENT);
    tn_context_destroy(context);
    tn_program_destroy(program);
    /* More than any memory: the context says so. */
    pair.capacity = INT64_MAX / 64;
    rows.dims[2] = 0;
    assert_int_equal(compile(model, 1, &pair, &program), TN_OK);
    assert_int_equal(tn_context_create(program, NULL, &context), TN_OUT_OF_MEMORY);
    assert_null(context);
    tn_program_destroy(program);
    tn_model_destroy(model);
}

/* Memory in pages of its own, so that they can be locked. */
enum { PAGE = 4096, PAGES = 8 };
static char *locked;

static void *take_pages(void *user, size_t bytes, size_t alignment)
{
    (void)user;
    (void)alignment;
    char *made = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(made != MAP_FAILED);
    if (bytes == (size_t)PAGES * PAGE)
        locked = made;
    return made;
}

static void give_pages(void *user, void *data, size_t bytes)
{
    (void)user;
    munmap(data, bytes);
}

/* The past value lies in pages that cannot be written while the program runs. */
static void test_writes_only_what_it_appends(void **state)
{
    (void)state;
    static const char pages[] = "<ir_version: 10, opset_import: [\"\" : 21]>\n"
                                "net (float[P, 1024] past, float[1, 1024] x) => (float[1024] y,\n"
                                "     float[Q, 1024] present)\n"
                                "<int64[1] axes = {0}> {\n"
                                "  present = Concat <axis = 0> (past, x)\n"
                                "  y = ReduceSum <keepdims = 0> (present, axes)\n"
                                "}\n";
    static float x[1024];
    TnTensor empty = {TN_FLOAT, 2, {0, 1024}, NULL};
    TnState pair = {"past", "present", &empty, PAGES};
    TnContextOptions options = {.size = sizeof options,
                                .allocator = {.allocate = take_pages, .release = give_pages}};
    TnModel *model = parse(pages);
    TnProgram *program = NULL;
    TnContext *context = NULL;
    assert_int_equal(compile(model, 1, &pair, &program), TN_OK);
    assert_int_equal(tn_context_create(program, &options, &context), TN_OK);
    for (int i = 1; i <= PAGES; i++) {
        TnValue input = {TN_TENSOR, {TN_FLOAT, 2, {1, 1024}, x}, 0, NULL}, y = {0};
        x[5] = (float)i;
        if (i > 1)
            assert_int_equal(mprotect(locked, (size_t)(i - 1) * PAGE, PROT_READ), 0);
        assert_int_equal(tn_run(context, 1, &input, 1, &y), TN_OK);
        assert_true(((float *)y.tensor.data)[5] == (float)(i * (i + 1) / 2));
    }
    tn_context_destroy(context);
    tn_program_destroy(program);
    tn_model_destroy(model);
}

/* A state with a capacity that cannot be appended to works as one without. */
static void test_says_why_a_state_is_copied(void **state)
{
    (void)state;
    static const struct {
        const char *nodes, *says;
    } cases[] = {
        {"present = Concat <axis = 0> (row, past)", "added to the end of one axis"},
        {"present = Concat <axis = 0> (past, row) places = NonZero (present)",
         "something else than machine code reads it"},
        {"present = Concat <axis = 0> (past, row) flat = Reshape (present, any) z = Softmax <axis "
         "= 0> (flat)",
         "read in another shape"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char source[1024], notes[512] = "";
        float row[] = {1, 2};
        snprintf(source, sizeof source,
                 "<ir_version: 10, opset_import: [\"\" : 21]>\n"
                 "net (float[P, 2] past, float[1, 2] row) => (float[Q, 2] present%s)\n"
                 "<int64[1] any = {-1}> {\n  %s\n}\n",
                 strstr(cases[i].nodes, "NonZero")   ? ", int64[2, Z] places"
                 : strstr(cases[i].nodes, "Softmax") ? ", float[Z] z"
                                                     : "",
                 cases[i].nodes);
        TnTensor empty = {TN_FLOAT, 2, {0, 2}, NULL}, value;
        TnState pair = {"past", "present", &empty, 10};
        TnCompileOptions options = {.size = sizeof options,
                                    .log = keep_note,
                                    .log_user = notes,
                                    .states = &pair,
                                    .state_count = 1};
        TnModel *model = parse(source);
        TnProgram *program = NULL;
        TnContext *context = NULL;
        assert_int_equal(tn_compile(model, &options, &program), TN_OK);
        assert_non_null(strstr(notes, "the state 'past' is copied by each run"));
        assert_non_null(strstr(notes, cases[i].says));
        assert_int_equal(tn_context_create(program, NULL, &context), TN_OK);
        TnValue input = {TN_TENSOR, {TN_FLOAT, 2, {1, 2}, row}, 0, NULL}, others[1];
        int outputs = tn_program_output_count(program);
        for (int k = 1; k <= 12; k++) {
            others[0] = (TnValue){0};
            assert_int_equal(tn_run(context, 1, &input, outputs, others), TN_OK);
        }
        assert_int_equal(tn_context_state(context, 0, &value), TN_OK);
        assert_int_equal(value.dims[0], 12);
        tn_context_destroy(context);
        tn_program_destroy(program);
        tn_model_destroy(model);
    }
}

/* What data decides the size of is made in the run's memory and copied. */
static void test_states_whose_sizes_follow_from_data(void **state)
{
    (void)state;
    static const char sieve[] =
        "<ir_version: 10, opset_import: [\"\" : 21]>\n"
        "net (float[P] past, float limit) => (float[2] y, float[Q] present) {\n"
        "  keep = Less (past, limit)\n"
        "  present = Compress (past, keep)\n"
        "  y = Constant <value = float[2] {0, 0}> ()\n"
        "}\n";
    float first[] = {1, 2, 3, 4}, limit = 3.5f;
    TnTensor initial = {TN_FLOAT, 1, {4}, first}, value;
    TnState pair = {"past", "present", &initial, 0};
    TnModel *model = parse(sieve);
    TnProgram *program = NULL;
    TnContext *context = NULL;
    assert_int_equal(compile(model, 1, &pair, &program), TN_OK);
    assert_int_equal(tn_context_create(program, NULL, &context), TN_OK);
    TnValue input = {TN_TENSOR, {TN_FLOAT, 0, {0}, &limit}, 0, NULL}, y = {0};
    for (int i = 3; i >= 0; i--) {
        assert_int_equal(tn_run(context, 1, &input, 1, &y), TN_OK);
        assert_int_equal(tn_context_state(context, 0, &value), TN_OK);
        assert_true(value.dims[0] == i);
        for (int k = 0; k < i; k++)
            assert_true(((float *)value.data)[k] == (float)(k + 1));
        limit -= 1;
        y = (TnValue){0};
    }
    tn_context_destroy(context);
    tn_program_destroy(program);
    tn_model_destroy(model);
}

static void test_refuses_states_that_are_none(void **state)
{
    (void)state;
    static const char other[] = "<ir_version: 10, opset_import: [\"\" : 21]>\n"
                                "net (float[2] a, float[3] b) => (float[2] c, float[3] d) {\n"
                                "  c = Neg (a)\n"
                                "  d = Neg (b)\n"
                                "}\n";
    TnModel *model = parse(other);
    TnProgram *program = NULL;
    TnTensor wrong = {TN_INT64, 1, {2}, NULL};
    const struct {
        TnState states[2];
        int count;
        const char *says;
    } cases[] = {
        {{{"x", "c", NULL, 0}}, 1, "no input 'x'"},
        {{{"a", "y", NULL, 0}}, 1, "no output 'y'"},
        {{{"a", "d", NULL, 0}}, 1, "cannot be the same"},
        {{{"a", "c", NULL, 0}, {"a", "c", NULL, 0}}, 2, "no input 'a'"},
        {{{"a", "c", &wrong, 0}}, 1, "not of its type, float[2]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(compile(model, cases[i].count, cases[i].states, &program),
                         TN_BAD_ARGUMENT);
        assert_non_null(strstr(message, cases[i].says));
    }
    tn_model_destroy(model);
}

/* ---- Weights ------------------------------------------------------------------------------- */

static const char weighted[] =
    "<ir_version: 10, opset_import: [\"\" : 21]>\n"
    "net (float[2] x) => (float[2] y)\n"
    "<float[2] w = {1, 2}, float[2] v = {10, 10}, float[2] unused = {0, 0}> {\n"
    "  d = Add (w, w)\n"
    "  s = Mul (x, d)\n"
    "  y = Add (s, v)\n"
    "}\n";

typedef struct Racer {
    TnProgram *program;
    bool ok;
} Racer;

/* Whatever the weight is, both elements come from the same one. */
static void *race(void *user)
{
    Racer *racer = user;
    float x[] = {1, 1};
    TnContext *context = NULL;
    TnValue input = vector(2, x);
    if (tn_context_create(racer->program, NULL, &context) != TN_OK)
        return NULL;
    racer->ok = true;
    for (int i = 0; i < 2000; i++) {
        TnValue y = {0};
        racer->ok &= tn_run(context, 1, &input, 1, &y) == TN_OK;
        const float *made = y.tensor.data;
        racer->ok &= made && made[1] - 10 == 2 * (made[0] - 10);
    }
    tn_context_destroy(context);
    return NULL;
}

static void test_replaces_weights(void **state)
{
    (void)state;
    const char *names[] = {"w", "unused"}, *why = NULL;
    float x[] = {1, 1}, w[] = {5, 10};
    TnTensor tensor = {TN_FLOAT, 1, {2}, w};
    TnCompileOptions options = {
        .size = sizeof options, .replaceable = names, .replaceable_count = 2};
    TnModel *model = parse(weighted);
    TnProgram *program = NULL;
    TnContext *context = NULL;
    TnValue input = vector(2, x), y = {0};
    assert_int_equal(tn_compile(model, &options, &program), TN_OK);
    tn_model_destroy(model);
    assert_int_equal(tn_program_input_count(program), 1);
    assert_int_equal(tn_context_create(program, NULL, &context), TN_OK);
    assert_int_equal(tn_run(context, 1, &input, 1, &y), TN_OK);
    assert_true(floats(&y.tensor, 2)[0] == 12 && floats(&y.tensor, 2)[1] == 14);
    assert_int_equal(tn_program_set_weight(program, "w", &tensor, &why), TN_OK);
    w[0] = w[1] = 0; /* it was copied */
    assert_int_equal(tn_run(context, 1, &input, 1, &y), TN_OK);
    assert_true(floats(&y.tensor, 2)[0] == 20 && floats(&y.tensor, 2)[1] == 30);
    assert_int_equal(tn_program_set_weight(program, "unused", &tensor, &why), TN_OK);
    assert_int_equal(tn_program_set_weight(program, "v", &tensor, &why), TN_BAD_ARGUMENT);
    assert_non_null(strstr(why, "declared replaceable"));
    tensor.dims[0] = 3;
    assert_int_equal(tn_program_set_weight(program, "w", &tensor, &why), TN_BAD_ARGUMENT);
    assert_non_null(strstr(why, "type or shape"));
    assert_int_equal(tn_program_set_weight(program, "w", NULL, NULL), TN_OK);
    assert_int_equal(tn_run(context, 1, &input, 1, &y), TN_OK);
    assert_true(floats(&y.tensor, 2)[0] == 12);
    tn_context_destroy(context);
    /* While others run. */
    Racer racers[2] = {{program, false}, {program, false}};
    pthread_t threads[2];
    tensor.dims[0] = 2;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    for (int i = 0; i < 2000; i++) {
        w[0] = (float)(i % 100), w[1] = 2 * w[0];
        assert_int_equal(tn_program_set_weight(program, "w", &tensor, NULL), TN_OK);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_true(racers[i].ok);
    }
    tn_program_destroy(program);
}

static void test_names_weights_that_are_not_there(void **state)
{
    (void)state;
    const char *names[] = {"z"};
    TnCompileOptions options = {
        .size = sizeof options, .diagnose = remember, .replaceable = names, .replaceable_count = 1};
    TnModel *model = parse(weighted);
    TnProgram *program = NULL;
    assert_int_equal(tn_compile(model, &options, &program), TN_BAD_ARGUMENT);
    assert_non_null(strstr(message, "there is no weight 'z'"));
    tn_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_a_state),
        cmocka_unit_test(test_a_failed_run_leaves_the_state),
        cmocka_unit_test(test_caches_grow),
        cmocka_unit_test(test_appends_to_a_state),
        cmocka_unit_test(test_refuses_capacities_that_are_none),
        cmocka_unit_test(test_writes_only_what_it_appends),
        cmocka_unit_test(test_says_why_a_state_is_copied),
        cmocka_unit_test(test_states_whose_sizes_follow_from_data),
        cmocka_unit_test(test_refuses_states_that_are_none),
        cmocka_unit_test(test_replaces_weights),
        cmocka_unit_test(test_names_weights_that_are_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
