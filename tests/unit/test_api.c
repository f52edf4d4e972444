/* SPDX-License-Identifier: Apache-2.0
 *
 * The public interface, as a host program uses it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tenon.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char linear[] = "<ir_version: 10, opset_import: [\"\" : 21]>\n"
                             "linear (float[N, 3] x, int64[2] shape) => (float[A, B] y) {\n"
                             "  w = Constant <value = float[3, 2] {1, 2, 3, 4, 5, 6}> ()\n"
                             "  h = MatMul (x, w)\n"
                             "  t = Tanh (h)\n"
                             "  y = Reshape (t, shape)\n"
                             "}\n";

static TnModel *parse(const char *text)
{
    TnModel *model = NULL;
    assert_int_equal(tn_model_parse(text, strlen(text), "linear", NULL, &model), TN_OK);
    return model;
}

static TnProgram *compile(TnModel *model, const char *backend)
{
    TnProgram *program = NULL;
    TnCompileOptions options = {.size = sizeof options, .backend = backend};
    assert_int_equal(tn_compile(model, &options, &program), TN_OK);
    return program;
}

static TnValue tensor(TnElementType element, int rank, int64_t a, int64_t b, void *data)
{
    return (TnValue){.kind = TN_TENSOR,
                     .tensor = {.element = element, .rank = rank, .dims = {a, b}, .data = data}};
}

static void check_runs(const char *backend)
{
    float x[] = {0.1f, 0.2f, 0.3f, -0.1f, 0, 0.1f};
    int64_t shape[] = {1, 4};
    TnModel *model = parse(linear);
    TnProgram *program = compile(model, backend);
    tn_model_destroy(model); /* the program holds on to what it needs */
    TnPort port;
    assert_int_equal(tn_program_input_count(program), 2);
    assert_int_equal(tn_program_input(program, 0, &port), TN_OK);
    assert_string_equal(port.name, "x");
    assert_string_equal(port.type, "float[N, 3]");
    assert_true(port.dims[0] == -1 && port.dims[1] == 3);
    assert_int_equal(tn_program_output(program, 1, &port), TN_BAD_ARGUMENT);
    TnContext *context = NULL;
    TnContextOptions options = {.size = sizeof options, .parallel = {.threads = 2}};
    assert_int_equal(tn_context_create(program, &options, &context), TN_OK);
    TnValue inputs[] = {tensor(TN_FLOAT, 2, 2, 3, x), tensor(TN_INT64, 1, 2, 0, shape)}, y = {0};
    assert_int_equal(tn_run(context, 2, inputs, 1, &y), TN_OK);
    assert_true(y.tensor.rank == 2 && y.tensor.dims[0] == 1 && y.tensor.dims[1] == 4);
    const double sums[] = {2.2, 2.8, 0.4, 0.4};
    for (int i = 0; i < 4; i++)
        assert_true(fabs(((float *)y.tensor.data)[i] - tanh(sums[i])) < 1e-6);
    inputs[0].tensor.rank = 1;
    assert_int_equal(tn_run(context, 2, inputs, 1, &y), TN_BAD_ARGUMENT);
    assert_non_null(strstr(tn_context_error(context), "'x'"));
    tn_context_destroy(context);
    tn_program_destroy(program);
}

static void test_runs_with_each_backend(void **state)
{
    (void)state;
    check_runs("interpreter");
    check_runs("llvm");
}

static void test_compiles_for_known_sizes_and_values(void **state)
{
    (void)state;
    int64_t shape[] = {4, 1};
    TnModel *model = parse(linear);
    TnProgram *program = NULL;
    TnSymbolSize size = {"N", 2};
    TnInputValue value = {"shape", tensor(TN_INT64, 1, 2, 0, shape).tensor};
    TnCompileOptions options = {.size = sizeof options,
                                .backend = "interpreter",
                                .sizes = &size,
                                .size_count = 1,
                                .values = &value,
                                .value_count = 1};
    TnPort port;
    assert_int_equal(tn_compile(model, &options, &program), TN_OK);
    assert_int_equal(tn_program_input_count(program), 1);
    assert_int_equal(tn_program_output(program, 0, &port), TN_OK);
    assert_true(port.dims[0] == 4 && port.dims[1] == 1);
    tn_program_destroy(program);
    tn_model_destroy(model);
}

static const char halves[] = "<ir_version: 10, opset_import: [\"\" : 21]>\n"
                             "g (float[\"2*N\"] x, float[\"7 - K\"] y) => (float[2, M] z) {\n"
                             "  shape = Constant <value = int64[2] {2, -1}> ()\n"
                             "  z = Reshape (x, shape)\n"
                             "}\n";

static void check_halves(const char *backend)
{
    float x[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    TnModel *model = parse(halves);
    TnProgram *program = compile(model, backend);
    TnContext *context = NULL;
    TnPort port;
    assert_int_equal(tn_program_input(program, 0, &port), TN_OK);
    assert_string_equal(port.type, "float[\"2*N\"]");
    assert_int_equal(tn_context_create(program, NULL, &context), TN_OK);
    TnValue inputs[] = {tensor(TN_FLOAT, 1, 6, 0, x), tensor(TN_FLOAT, 1, 7, 0, x)}, z = {0};
    assert_int_equal(tn_run(context, 2, inputs, 1, &z), TN_OK);
    assert_true(z.tensor.dims[0] == 2 && z.tensor.dims[1] == 3);
    assert_memory_equal(z.tensor.data, x, 6 * sizeof *x);
    inputs[0].tensor.dims[0] = 5;
    assert_int_equal(tn_run(context, 2, inputs, 1, &z), TN_BAD_ARGUMENT);
    assert_non_null(strstr(tn_context_error(context), "'x' is float[\"2*N\"]"));
    inputs[0].tensor.dims[0] = 6;
    inputs[1].tensor.dims[0] = 8; /* K would be -1 */
    assert_int_equal(tn_run(context, 2, inputs, 1, &z), TN_BAD_ARGUMENT);
    assert_non_null(strstr(tn_context_error(context), "size K is -1"));
    tn_context_destroy(context);
    tn_program_destroy(program);
    tn_model_destroy(model);
}

static void test_sizes_follow_from_expressions(void **state)
{
    (void)state;
    check_halves("interpreter");
    check_halves("llvm");
}

/* The states take turns, shrink, and are slices of larger ones; a result grows. */
static const char growing[] =
    "<ir_version: 10, opset_import: [\"\" : 21]>\n"
    "g (float[4] x, int64 trips) => (float[A] a, float[B] b, float[T, 2] seen) {\n"
    "  yes = Constant <value = bool {1}> ()\n"
    "  one = Constant <value = int64[1] {1}> ()\n"
    "  two = Constant <value = int64[1] {2}> ()\n"
    "  six = Constant <value = int64[1] {6}> ()\n"
    "  zero = Constant <value = int64[1] {0}> ()\n"
    "  a, b, seen = Loop (trips, yes, x, x) <body = body\n"
    "    (int64 i, bool go, float[m] s, float[n] t) => (bool still, float[k] u, float[l] v, "
    "float[2] w) {\n"
    "    still = Identity (go)\n"
    "    both = Concat <axis = 0> (s, t)\n"
    "    r = Cast <to = 1> (i)\n"
    "    more = Add (both, r)\n"
    "    u = Slice (more, one, six)\n"
    "    v = Slice (more, zero, two)\n"
    "    w = Slice (more, zero, two)\n"
    "  }>\n"
    "}\n";

/* Without giving back what each iteration takes, this would need megabytes. */
static void check_loop(const char *backend)
{
    enum { TRIPS = 3000, ARENA = 160 << 10 };
    float x[] = {1, 2, 3, 4};
    int64_t trips = TRIPS;
    TnModel *model = parse(growing);
    TnProgram *program = compile(model, backend);
    TnContext *context = NULL;
    assert_int_equal(tn_context_create(program, NULL, &context), TN_OK);
    void *arena = aligned_alloc(64, ARENA);
    tn_context_set_arena(context, arena, ARENA);
    TnValue inputs[] = {tensor(TN_FLOAT, 1, 4, 0, x), tensor(TN_INT64, 0, 0, 0, &trips)};
    TnValue outputs[3] = {{0}};
    if (tn_run(context, 2, inputs, 3, outputs) != TN_OK)
        fail_msg("%s", tn_context_error(context));
    float s[16] = {1, 2, 3, 4}, t[16] = {1, 2, 3, 4};
    int64_t m = 4, n = 4;
    const float *seen = outputs[2].tensor.data;
    for (int64_t i = 0; i < TRIPS; i++) {
        float both[32];
        memcpy(both, s, (size_t)m * sizeof *s);
        memcpy(both + m, t, (size_t)n * sizeof *t);
        int64_t count = m + n, end = count < 6 ? count : 6;
        for (int64_t k = 0; k < count; k++)
            both[k] += (float)i;
        assert_memory_equal(&seen[2 * i], both, 2 * sizeof *both);
        m = end - 1;
        n = count < 2 ? count : 2;
        memcpy(s, both + 1, (size_t)m * sizeof *s);
        memcpy(t, both, (size_t)n * sizeof *t);
    }
    assert_true(outputs[0].tensor.dims[0] == m && outputs[1].tensor.dims[0] == n);
    assert_memory_equal(outputs[0].tensor.data, s, (size_t)m * sizeof *s);
    assert_memory_equal(outputs[1].tensor.data, t, (size_t)n * sizeof *t);
    tn_context_destroy(context);
    tn_program_destroy(program);
    tn_model_destroy(model);
    free(arena);
}

static void test_loops_give_memory_back(void **state)
{
    (void)state;
    check_loop("interpreter");
    check_loop("llvm");
}

static void remember(void *user, TnSeverity severity, const char *text)
{
    if (severity == TN_ERROR)
        strncpy(user, text, 255);
}

static void test_says_what_is_wrong(void **state)
{
    (void)state;
    char message[256] = "";
    TnModel *model = NULL;
    TnProgram *program = NULL;
    TnLoadOptions load = {.size = sizeof load, .log = remember, .log_user = message};
    assert_int_equal(tn_model_load("/nowhere/at/all.onnx", &load, &model), TN_IO);
    assert_null(model);
    assert_int_equal(tn_model_parse("g (float x =>", 13, "bad", &load, &model), TN_INVALID_MODEL);
    assert_non_null(strstr(message, "bad:1:"));
    const char *text = "<ir_version: 10, opset_import: [\"\" : 21]>\n"
                       "g (float[2, 3] x) => (float[2, 3] y) { y = MatMul (x, x) }\n";
    assert_int_equal(tn_model_parse(text, strlen(text), "mismatch", &load, &model), TN_OK);
    TnCompileOptions options = {.size = sizeof options, .log = remember, .log_user = message};
    assert_int_equal(tn_compile(model, &options, &program), TN_INVALID_MODEL);
    assert_null(program);
    assert_non_null(strstr(message, "MatMul"));
    options.backend = "quantum";
    assert_int_equal(tn_compile(model, &options, &program), TN_BAD_ARGUMENT);
    tn_model_destroy(model);
    tn_model_destroy(NULL);
    tn_program_destroy(NULL);
    tn_context_destroy(NULL);
}

/* ---- Weights anywhere in memory ---------------------------------------------------------- */

typedef struct Bytes {
    char data[4096];
    size_t count;
} Bytes;

static bool append(void *user, const void *data, size_t length)
{
    Bytes *bytes = user;
    if (length > sizeof bytes->data - bytes->count)
        return false;
    memcpy(bytes->data + bytes->count, data, length);
    bytes->count += length;
    return true;
}

/* Weights stay where the model's bytes are, so they begin at any address. */
static void test_weights_lie_at_any_address(void **state)
{
    (void)state;
    static const char text[] = "<ir_version: 10, opset_import: [\"\" : 21]>\n"
                               "scaled (float[1, 2] x) => (float[3] y)\n"
                               "<float half = {0.5}, float[2] w = {3, 5}, int64[1] shape = {3},\n"
                               " float[3, 2] m = {1, 0, 0, 1, 1, 1}>\n"
                               "{ a = Mul (x, half)  b = Add (a, w)\n"
                               "  c = Gemm <transB = 1> (b, m)  y = Reshape (c, shape) }\n";
    Bytes written = {.count = 0};
    TnModel *model = parse(text);
    assert_int_equal(tn_model_write(model, TN_BINARY, append, &written), TN_OK);
    tn_model_destroy(model);
    _Alignas(16) char memory[sizeof written.data + 16];
    for (int at = 0; at < 16; at++) {
        memcpy(memory + at, written.data, written.count);
        assert_int_equal(tn_model_parse(memory + at, written.count, NULL, NULL, &model), TN_OK);
        TnProgram *program = compile(model, at % 2 ? "interpreter" : NULL);
        TnContext *context = NULL;
        assert_int_equal(tn_context_create(program, NULL, &context), TN_OK);
        float x[] = {1, 2};
        TnValue input = tensor(TN_FLOAT, 2, 1, 2, x), y = {0};
        assert_int_equal(tn_run(context, 1, &input, 1, &y), TN_OK);
        const float *result = y.tensor.data;
        assert_true(result[0] == 3.5f && result[1] == 6.0f && result[2] == 9.5f);
        tn_context_destroy(context);
        tn_program_destroy(program);
        tn_model_destroy(model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_with_each_backend),
        cmocka_unit_test(test_compiles_for_known_sizes_and_values),
        cmocka_unit_test(test_loops_give_memory_back),
        cmocka_unit_test(test_sizes_follow_from_expressions),
        cmocka_unit_test(test_says_what_is_wrong),
        cmocka_unit_test(test_weights_lie_at_any_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
