/* SPDX-License-Identifier: Apache-2.0
 *
 * Saving and loading programs through the public interface.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tenon.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char text[] = "<ir_version: 10, opset_import: [\"\" : 21]>\n"
                           "linear (float[N, 3] x) => (float[N, 2] y) {\n"
                           "  w = Constant <value = float[3, 2] {1, 2, 3, 4, 5, 6}> ()\n"
                           "  h = MatMul (x, w)\n"
                           "  y = Tanh (h)\n"
                           "}\n";

static char folder[64], path[128], weights[128];

static void open_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/tenon-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/linear.so", folder);
    snprintf(weights, sizeof weights, "%s/linear.weights", folder);
}

static void close_folder(void)
{
    unlink(path);
    unlink(weights);
    rmdir(folder);
}

static TnProgram *compile(void)
{
    TnModel *model = NULL;
    TnProgram *program = NULL;
    assert_int_equal(tn_model_parse(text, strlen(text), "linear", NULL, &model), TN_OK);
    assert_int_equal(tn_compile(model, NULL, &program), TN_OK);
    tn_model_destroy(model);
    return program;
}

static void run(const TnProgram *program, float y[4])
{
    float x[] = {0.1f, 0.2f, 0.3f, -0.1f, 0, 0.1f};
    TnContext *context = NULL;
    TnValue input = {TN_TENSOR, {TN_FLOAT, 2, {2, 3}, x}, 0, NULL};
    TnValue output = {TN_TENSOR, {TN_FLOAT, 2, {2, 2}, y}, 0, NULL};
    assert_int_equal(tn_context_create(program, NULL, &context), TN_OK);
    assert_int_equal(tn_run(context, 1, &input, 1, &output), TN_OK);
    tn_context_destroy(context);
}

static void test_same_bits(void **state)
{
    float made[4], loaded[4];
    TnProgram *program = compile(), *other = NULL;
    TnPort port;
    (void)state;
    open_folder();
    run(program, made);
    assert_int_equal(tn_program_save(program, path, NULL), TN_OK);
    run(program, loaded); /* saving does not disturb it */
    assert_memory_equal(made, loaded, sizeof made);
    tn_program_destroy(program);
    assert_int_equal(tn_program_load(path, NULL, &other), TN_OK);
    assert_int_equal(tn_program_input(other, 0, &port), TN_OK);
    assert_string_equal(port.type, "float[N, 3]");
    run(other, loaded);
    assert_memory_equal(made, loaded, sizeof made);
    assert_int_equal(tn_program_save(other, path, NULL), TN_BAD_ARGUMENT);
    tn_program_destroy(other);
    close_folder();
}

static void test_weights_apart(void **state)
{
    float made[4], loaded[4];
    TnProgram *program = compile(), *other = NULL;
    TnSaveOptions options = {.size = sizeof options, .weights = weights};
    (void)state;
    open_folder();
    run(program, made);
    assert_int_equal(tn_program_save(program, path, &options), TN_OK);
    assert_int_equal(tn_program_load(path, NULL, &other), TN_OK);
    run(other, loaded);
    assert_memory_equal(made, loaded, sizeof made);
    tn_program_destroy(other);
    assert_int_equal(truncate(weights, 8), 0);
    assert_int_equal(tn_program_load(path, NULL, &other), TN_INVALID_MODEL);
    assert_null(other);
    tn_program_destroy(program);
    close_folder();
}

static void take_text(void *user, TnSeverity severity, const char *words)
{
    (void)severity;
    snprintf(user, 400, "%s", words);
}

static void test_refusals(void **state)
{
    char said[400] = "";
    TnProgram *program = compile(), *other = program;
    TnOpenOptions options = {.size = sizeof options, .log = take_text, .log_user = said};
    (void)state;
    open_folder();
    assert_int_equal(tn_program_save(program, "model.exe", NULL), TN_BAD_ARGUMENT);
    assert_int_equal(tn_program_save(program, NULL, NULL), TN_BAD_ARGUMENT);
    assert_int_equal(tn_program_load(path, &options, &other), TN_IO);
    assert_null(other);
    assert_non_null(strstr(said, "No such file"));
    assert_int_equal(tn_program_save(program, path, NULL), TN_OK);
    assert_int_equal(truncate(path, 5000), 0);
    assert_int_equal(tn_program_load(path, &options, &other), TN_INVALID_MODEL);
    assert_non_null(strstr(said, "damaged"));
    tn_program_destroy(program);
    close_folder();
}

/* ---- Weights ----------------------------------------------------------------------------- */

static void change_byte(const char *name, long from_end, unsigned char by)
{
    FILE *file = fopen(name, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, from_end, SEEK_END), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, from_end, SEEK_END), 0);
    assert_int_not_equal(fputc(byte ^ by, file), EOF);
    assert_int_equal(fclose(file), 0);
}

static void test_damaged_weights(void **state)
{
    char said[400] = "";
    TnProgram *program = compile(), *other = NULL;
    TnSaveOptions apart = {.size = sizeof apart, .weights = weights};
    TnOpenOptions options = {.size = sizeof options, .log = take_text, .log_user = said};
    (void)state;
    open_folder();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tn_program_save(program, path, i ? &apart : NULL), TN_OK);
        change_byte(i ? weights : path, -60, 1);
        assert_int_equal(tn_program_load(path, &options, &other), TN_INVALID_MODEL);
        assert_non_null(strstr(said, "weights"));
        options.trust_weights = true;
        assert_int_equal(tn_program_load(path, &options, &other), TN_OK);
        tn_program_destroy(other);
        options.trust_weights = false;
    }
    tn_program_destroy(program);
    close_folder();
}

typedef struct Cellar {
    int asked;
    bool has_key, is_gone;
} Cellar;

static int64_t cellar_length(void *user, const char *name)
{
    const Cellar *cellar = user;
    FILE *file = cellar->is_gone ? NULL : fopen(name, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        return -1;
    int64_t length = ftell(file);
    fclose(file);
    return length;
}

static bool cellar_read(void *user, const char *name, int64_t offset, void *data, int64_t length)
{
    Cellar *cellar = user;
    FILE *file = fopen(name, "rb");
    bool good = file && fseek(file, offset, SEEK_SET) == 0 &&
                fread(data, 1, (size_t)length, file) == (size_t)length;
    for (int64_t i = 0; good && i < length; i++)
        ((unsigned char *)data)[i] ^= cellar->has_key ? 0x5a : 0;
    if (file)
        fclose(file);
    cellar->asked++;
    return good;
}

/* Weights that are decrypted when they are read. */
static void test_weights_are_read_by_the_host(void **state)
{
    float made[4], loaded[4];
    char said[400] = "";
    Cellar cellar = {.has_key = true};
    TnProgram *program = compile(), *other = NULL;
    TnSaveOptions apart = {.size = sizeof apart, .weights = weights};
    TnOpenOptions options = {.size = sizeof options,
                             .log = take_text,
                             .log_user = said,
                             .reader = {cellar_length, cellar_read, &cellar}};
    (void)state;
    open_folder();
    run(program, made);
    assert_int_equal(tn_program_save(program, path, &apart), TN_OK);
    tn_program_destroy(program);
    for (long i = 1; i <= cellar_length(&cellar, weights); i++)
        change_byte(weights, -i, 0x5a);
    assert_int_equal(tn_program_load(path, NULL, &other), TN_INVALID_MODEL); /* still encrypted */
    assert_int_equal(tn_program_load(path, &options, &other), TN_OK);
    assert_int_equal(cellar.asked, 1);
    run(other, loaded);
    assert_memory_equal(made, loaded, sizeof made);
    tn_program_destroy(other);
    cellar.has_key = false;
    assert_int_equal(tn_program_load(path, &options, &other), TN_INVALID_MODEL);
    cellar.is_gone = true;
    assert_int_equal(tn_program_load(path, &options, &other), TN_IO);
    assert_non_null(strstr(said, "no such file"));
    options.reader.length = NULL;
    assert_int_equal(tn_program_load(path, &options, &other), TN_BAD_ARGUMENT);
    close_folder();
}

/* ---- States ------------------------------------------------------------------------------ */

/* y = cache with x behind it; the sums of the cache count the runs. */
static const char cache_text[] = "<ir_version: 10, opset_import: [\"\" : 21]>\n"
                                 "decode (float[P, 2] past, float[1, 2] x, float[2] count)\n"
                                 "    => (float[Q, 2] present, float[2] y, float[2] next) {\n"
                                 "  one = Constant <value = float[2] {1, 1}> ()\n"
                                 "  axes = Constant <value = int64[1] {0}> ()\n"
                                 "  present = Concat <axis = 0> (past, x)\n"
                                 "  y = ReduceSum <keepdims = 0> (present, axes)\n"
                                 "  next = Add (count, one)\n"
                                 "}\n";

static bool file_says(const char *name, const char *words)
{
    static char content[1 << 16];
    FILE *file = fopen(name, "rb");
    size_t length = file ? fread(content, 1, sizeof content - 1, file) : 0;
    content[length] = 0;
    if (file)
        fclose(file);
    return strstr(content, words) != NULL;
}

static TnProgram *compile_states(void)
{
    float seven[] = {7, 7};
    TnTensor count = {TN_FLOAT, 1, {2}, seven}, empty = {TN_FLOAT, 2, {0, 2}, NULL};
    TnState states[] = {{"past", "present", &empty, 0}, {"count", "next", &count, 0}};
    TnCompileOptions options = {.size = sizeof options, .states = states, .state_count = 2};
    TnModel *model = NULL;
    TnProgram *program = NULL;
    assert_int_equal(tn_model_parse(cache_text, strlen(cache_text), "decode", NULL, &model), TN_OK);
    assert_int_equal(tn_compile(model, &options, &program), TN_OK);
    tn_model_destroy(model);
    return program;
}

static void decode(const TnProgram *program, int rounds, float y[2], float count[2])
{
    TnContext *context = NULL;
    TnTensor value;
    assert_int_equal(tn_program_input_count(program), 1);
    assert_int_equal(tn_program_output_count(program), 1);
    assert_int_equal(tn_program_state_count(program), 2);
    assert_int_equal(tn_context_create(program, NULL, &context), TN_OK);
    for (int i = 1; i <= rounds; i++) {
        float x[] = {(float)i, 0.5f};
        TnValue in = {TN_TENSOR, {TN_FLOAT, 2, {1, 2}, x}, 0, NULL};
        TnValue out = {TN_TENSOR, {TN_FLOAT, 1, {2}, y}, 0, NULL};
        assert_int_equal(tn_run(context, 1, &in, 1, &out), TN_OK);
    }
    assert_int_equal(tn_context_state(context, 0, &value), TN_OK);
    assert_int_equal(value.dims[0], rounds);
    assert_int_equal(tn_context_state(context, 1, &value), TN_OK);
    memcpy(count, value.data, 2 * sizeof *count);
    tn_context_destroy(context);
}

static void test_states_are_kept(void **state)
{
    float y[2], count[2];
    TnProgram *program = compile_states(), *other = NULL;
    (void)state;
    open_folder();
    decode(program, 9, y, count);
    assert_true(y[0] == 45 && y[1] == 4.5f && count[0] == 16);
    TnSaveOptions save = {.size = sizeof save, .header = weights};
    assert_int_equal(tn_program_save(program, path, &save), TN_OK);
    assert_true(file_says(weights, "inputs.past takes outputs.present"));
    tn_program_destroy(program);
    assert_int_equal(tn_program_load(path, NULL, &other), TN_OK);
    for (int i = 0; i < 2; i++) { /* each context begins anew */
        decode(other, 9, y, count);
        assert_true(y[0] == 45 && y[1] == 4.5f && count[0] == 16 && count[1] == 16);
    }
    tn_program_destroy(other);
    close_folder();
}

/* ---- Weights that may be replaced, optionals ------------------------------------------------- */

static const char replaceable_text[] =
    "<ir_version: 10, opset_import: [\"\" : 21]>\n"
    "net (float[2] x) => (float[2] y)\n"
    "<float[2] w = {1, 2}, float[2] v = {10, 10}, float[2] same = {1, 2}> {\n"
    "  s = Mul (x, w)\n"
    "  t = Mul (s, same)\n"
    "  y = Add (t, v)\n"
    "}\n";

static void expect_product(const TnProgram *program, float first, float second)
{
    float x[] = {3, 5}, y[2];
    TnContext *context = NULL;
    TnValue in = {TN_TENSOR, {TN_FLOAT, 1, {2}, x}, 0, NULL};
    TnValue out = {TN_TENSOR, {TN_FLOAT, 1, {2}, y}, 0, NULL};
    assert_int_equal(tn_program_input_count(program), 1);
    assert_int_equal(tn_context_create(program, NULL, &context), TN_OK);
    assert_int_equal(tn_run(context, 1, &in, 1, &out), TN_OK);
    assert_true(y[0] == first && y[1] == second);
    tn_context_destroy(context);
}

/* As a C program calls the file: a pointer for each input, in the order of the model's. */
static void expect_product_of_file(const float *w, float first, float second)
{
    _Alignas(64) static char arena[1 << 16];
    float x[] = {3, 5}, y[2] = {0};
    void *file = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(file);
    const TnArtifactInfo *model = dlsym(file, "net_model");
    const void *inputs[3] = {NULL};
    void *outputs[1] = {y};
    assert_non_null(model);
    assert_int_equal(model->input_count, 3);
    for (int i = 0; i < 3; i++) {
        const char *name = model->inputs[i].name;
        assert_int_equal(model->inputs[i].data, (size_t)i * sizeof(void *));
        assert_int_equal(model->inputs[i].has_own, strcmp(name, "x") != 0);
        inputs[i] = !strcmp(name, "x") ? x : !strcmp(name, "w") ? w : NULL;
    }
    assert_int_equal(model->run(inputs, outputs, arena, sizeof arena, NULL), TN_OK);
    assert_true(y[0] == first && y[1] == second);
    dlclose(file);
}

static void test_replaceable_weights_are_kept(void **state)
{
    static const char *const names[] = {"w", "v"};
    TnCompileOptions options = {
        .size = sizeof options, .replaceable = names, .replaceable_count = 2};
    TnSaveOptions save = {.size = sizeof save, .name = "net", .header = weights};
    float two[] = {2, 2};
    TnTensor other = {TN_FLOAT, 1, {2}, two};
    TnModel *model = NULL;
    TnProgram *program = NULL, *loaded = NULL;
    (void)state;
    open_folder();
    assert_int_equal(
        tn_model_parse(replaceable_text, strlen(replaceable_text), "net", NULL, &model), TN_OK);
    assert_int_equal(tn_compile(model, &options, &program), TN_OK);
    tn_model_destroy(model);
    assert_int_equal(tn_program_set_weight(program, "v", &other, NULL), TN_OK);
    expect_product(program, 5, 22);
    assert_int_equal(tn_program_save(program, path, &save), TN_OK);
    assert_true(file_says(weights, "const float *w; /* float[2], a weight; NULL: the model's own"));
    tn_program_destroy(program);
    assert_int_equal(tn_program_load(path, NULL, &loaded), TN_OK);
    expect_product(loaded, 13, 30);
    assert_int_equal(tn_program_set_weight(loaded, "w", &other, NULL), TN_OK);
    expect_product(loaded, 16, 30);
    assert_int_equal(tn_program_set_weight(loaded, "w", NULL, NULL), TN_OK);
    expect_product(loaded, 13, 30);
    assert_int_equal(tn_program_set_weight(loaded, "same", &other, NULL), TN_BAD_ARGUMENT);
    tn_program_destroy(loaded);
    expect_product_of_file(NULL, 13, 30);
    expect_product_of_file(two, 16, 30);
    close_folder();
}

/* The optional that is given comes back, and a sequence; or nothing does. */
static void test_optionals_are_values(void **state)
{
    static const char optional_text[] =
        "<ir_version: 10, opset_import: [\"\" : 21]>\n"
        "net (optional(float[2]) x) => (bool there, optional(float[2]) y, seq(bool) z) {\n"
        "  there = OptionalHasElement (x)\n"
        "  y = Identity (x)\n"
        "  z = SequenceConstruct (there, there)\n"
        "}\n";
    float two[] = {2, 3};
    TnValue item = {TN_TENSOR, {TN_FLOAT, 1, {2}, two}, 0, NULL}, *items[] = {&item};
    TnModel *model = NULL;
    TnProgram *programs[2] = {NULL};
    TnPort port;
    (void)state;
    open_folder();
    assert_int_equal(tn_model_parse(optional_text, strlen(optional_text), "net", NULL, &model),
                     TN_OK);
    assert_int_equal(tn_compile(model, NULL, &programs[0]), TN_OK);
    tn_model_destroy(model);
    assert_int_equal(tn_program_save(programs[0], path, NULL), TN_OK);
    assert_int_equal(tn_program_load(path, NULL, &programs[1]), TN_OK);
    for (int i = 0; i < 2; i++) {
        TnContext *context = NULL;
        assert_int_equal(tn_program_input(programs[i], 0, &port), TN_OK);
        assert_int_equal(port.kind, TN_OPTIONAL);
        assert_string_equal(port.type, "optional(float[2])");
        assert_int_equal(tn_context_create(programs[i], NULL, &context), TN_OK);
        for (int count = 0; count < 2; count++) {
            TnValue in = {TN_OPTIONAL, {0}, count, (void *)items}, out[3] = {{0}};
            assert_int_equal(tn_run(context, 1, &in, 3, out), TN_OK);
            assert_int_equal(*(bool *)out[0].tensor.data, count);
            assert_true(out[1].kind == TN_OPTIONAL && out[1].count == count);
            if (count)
                assert_true(((float *)out[1].items[0]->tensor.data)[1] == 3);
            assert_true(out[2].kind == TN_SEQUENCE && out[2].count == 2);
            assert_int_equal(*(bool *)out[2].items[1]->tensor.data, count);
        }
        tn_context_destroy(context);
        tn_program_destroy(programs[i]);
    }
    close_folder();
}

/* ---- Operators of the host --------------------------------------------------------------- */

static TnStatus scale(void *user, TnCall *call)
{
    const TnTensor *x = tn_call_input(call, 0);
    float *y = tn_call_output(call, 0, x->rank, x->dims), by = tn_call_float(call, "by");
    if (!y)
        return tn_call_status(call);
    for (int64_t i = 0; i < x->dims[0]; i++)
        y[i] = ((const float *)x->data)[i] * by;
    ++*(int *)user;
    return TN_OK;
}

static const char scale_text[] =
    "<ir_version: 10, opset_import: [\"\" : 21, \"acme\" : 1]>\n"
    "net (float[N] x, bool c) => (float[N] y) {\n"
    "  h = acme.Scale <by = 3.0> (x)\n"
    "  k = If (c) <then_branch = t () => (float[N] r) { r = acme.Scale <by = 2.0> (h) },\n"
    "              else_branch = e () => (float[N] r) { r = Neg (h) }>\n"
    "  y = Add (k, x)\n"
    "}\n";

static void run_scale(const TnProgram *program, float y[2])
{
    float x[] = {1, -2};
    bool c = true;
    TnContext *context = NULL;
    TnValue in[] = {{TN_TENSOR, {TN_FLOAT, 1, {2}, x}, 0, NULL},
                    {TN_TENSOR, {TN_BOOL, 0, {0}, &c}, 0, NULL}};
    TnValue out = {TN_TENSOR, {TN_FLOAT, 1, {2}, y}, 0, NULL};
    assert_int_equal(tn_context_create(program, NULL, &context), TN_OK);
    assert_int_equal(tn_run(context, 2, in, 1, &out), TN_OK);
    tn_context_destroy(context);
}

static void test_operators_are_bound_by_name(void **state)
{
    static const TnAttribute by = {.name = "by", .kind = TN_ATTRIBUTE_FLOAT, .default_float = 1};
    char said[400] = "";
    int calls = 0;
    float y[2];
    TnOperator ops[] = {{.size = sizeof *ops,
                         .domain = "acme",
                         .name = "Other",
                         .since = 1,
                         .min_inputs = 1,
                         .max_inputs = 1,
                         .outputs = 1,
                         .compute = scale},
                        {.size = sizeof *ops,
                         .domain = "acme",
                         .name = "Scale",
                         .since = 1,
                         .min_inputs = 1,
                         .max_inputs = 1,
                         .outputs = 1,
                         .attributes = &by,
                         .attribute_count = 1,
                         .compute = scale,
                         .user = &calls}};
    TnModel *model = NULL;
    TnProgram *program = NULL, *other = NULL;
    TnOpenOptions options = {.size = sizeof options, .log = take_text, .log_user = said};
    (void)state;
    open_folder();
    assert_int_equal(tn_model_parse("", 0, "empty", NULL, &model), TN_INVALID_MODEL);
    assert_int_equal(tn_model_create("net", NULL, &model), TN_OK);
    tn_model_destroy(model);
    assert_int_equal(tn_model_parse(scale_text, strlen(scale_text), "net", NULL, &model), TN_OK);
    assert_int_equal(tn_model_add_operator(model, &ops[1]), TN_OK);
    assert_int_equal(tn_compile(model, NULL, &program), TN_OK);
    tn_model_destroy(model);
    assert_int_equal(tn_program_save(program, path, NULL), TN_OK);
    char object[140];
    snprintf(object, sizeof object, "%s.o", path);
    assert_int_equal(tn_program_save(program, object, NULL), TN_UNSUPPORTED);
    tn_program_destroy(program);

    assert_int_equal(tn_program_load(path, &options, &other), TN_UNSUPPORTED);
    assert_non_null(strstr(said, "acme.Scale"));
    options.operators = ops;
    options.operator_count = 2;
    assert_int_equal(tn_program_load(path, &options, &other), TN_OK);
    run_scale(other, y);
    assert_true(y[0] == 7 && y[1] == -14 && calls == 2);
    tn_program_destroy(other);
    ops[1].min_inputs = ops[1].max_inputs = 2;
    assert_int_equal(tn_program_load(path, &options, &other), TN_UNSUPPORTED);
    assert_non_null(strstr(said, "another number of inputs"));
    close_folder();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_weights_apart),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_damaged_weights),
        cmocka_unit_test(test_weights_are_read_by_the_host),
        cmocka_unit_test(test_states_are_kept),
        cmocka_unit_test(test_replaceable_weights_are_kept),
        cmocka_unit_test(test_optionals_are_values),
        cmocka_unit_test(test_operators_are_bound_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
