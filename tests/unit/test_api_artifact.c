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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_weights_apart),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
