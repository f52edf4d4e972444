/* SPDX-License-Identifier: Apache-2.0
 *
 * The public interface: models built in memory and models changed.
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

typedef struct Host {
    char message[512], node[64]; /* of the last error */
    char text[1 << 14];
    size_t length;
} Host;

static Host host;

static void remember(void *user, const TnDiagnostic *diagnostic)
{
    Host *h = user;
    if (diagnostic->severity != TN_ERROR)
        return;
    strncpy(h->message, diagnostic->message, sizeof h->message - 1);
    strncpy(h->node, diagnostic->node ? diagnostic->node : "", sizeof h->node - 1);
}

static TnLoadOptions options(void)
{
    memset(&host, 0, sizeof host);
    return (TnLoadOptions){
        .size = sizeof(TnLoadOptions), .diagnose = remember, .diagnose_user = &host};
}

static TnModel *create(const char *name)
{
    TnLoadOptions load = options();
    TnModel *model = NULL;
    assert_int_equal(tn_model_create(name, &load, &model), TN_OK);
    return model;
}

static TnModel *parse(const char *text)
{
    TnLoadOptions load = options();
    TnModel *model = NULL;
    assert_int_equal(tn_model_parse(text, strlen(text), "text", &load, &model), TN_OK);
    return model;
}

static bool put(void *user, const void *data, size_t length)
{
    Host *h = user;
    if (length > sizeof h->text - 1 - h->length)
        return false;
    memcpy(h->text + h->length, data, length);
    h->length += length;
    h->text[h->length] = 0;
    return true;
}

static const char *print(const TnModel *model)
{
    host.length = 0;
    assert_int_equal(tn_model_write(model, TN_TEXT, put, &host), TN_OK);
    return host.text;
}

/* What the model makes of x; all its values are float vectors. */
static void check_run(TnModel *model, int count, const float *x, const double *expected)
{
    TnProgram *program = NULL;
    TnContext *context = NULL;
    TnValue input = {TN_TENSOR, {TN_FLOAT, 1, {count}, (void *)x}, 0, NULL}, y = {0};
    assert_int_equal(tn_compile(model, NULL, &program), TN_OK);
    assert_int_equal(tn_context_create(program, NULL, &context), TN_OK);
    assert_int_equal(tn_run(context, 1, &input, 1, &y), TN_OK);
    assert_true(y.tensor.rank == 1 && y.tensor.dims[0] == count);
    for (int i = 0; i < count; i++)
        assert_true(fabs(((float *)y.tensor.data)[i] - expected[i]) < 1e-5);
    tn_context_destroy(context);
    tn_program_destroy(program);
}

#define FAILS(call, status, part)                                                                  \
    do {                                                                                           \
        host.message[0] = 0;                                                                       \
        assert_int_equal((call), (status));                                                        \
        if (!strstr(host.message, part))                                                           \
            fail_msg("'%s' does not speak of '%s'", host.message, part);                           \
    } while (0)

/* ---- Building ------------------------------------------------------------------------------ */

static void test_a_built_model_is_like_one_read(void **state)
{
    (void)state;
    float w[] = {2, 3};
    TnTensor weights = {TN_FLOAT, 1, {2}, w};
    TnModel *model = create("net");
    TnGraph *graph = tn_model_graph(model);
    TnNode *node = NULL;
    const char *in[] = {"x", "w"}, *out[] = {"h"};
    assert_int_equal(tn_model_set_opset(model, "", 21), TN_OK);
    assert_int_equal(tn_graph_add_input(graph, "x", "float[2]"), TN_OK);
    assert_int_equal(tn_graph_add_constant(graph, "w", &weights), TN_OK);
    w[0] = w[1] = 0; /* it was copied */
    assert_int_equal(tn_graph_add_node(graph, "Mul", "product", 2, in, 1, out, &node), TN_OK);
    assert_int_equal(
        tn_graph_add_node(graph, "LeakyRelu", NULL, 1, out, 1, (const char *[]){"y"}, &node),
        TN_OK);
    assert_int_equal(tn_node_set_float(node, "alpha", 0.5f), TN_OK);
    assert_int_equal(tn_graph_add_output(graph, "y", "float[2]"), TN_OK);
    check_run(model, 2, (float[]){1, -1}, (double[]){2, -1.5});
    TnModel *read = parse("<ir_version: 10, producer_name: \"tenon\", opset_import: [\"\" : 21]>\n"
                          "net (float[2] x) => (float[2] y) <float[2] w = {2, 3}> {\n"
                          "  [product] h = Mul (x, w)\n"
                          "  y = LeakyRelu <alpha = 0.5> (h)\n"
                          "}\n");
    char *built = strdup(print(model));
    assert_string_equal(built, print(read));
    free(built);
    /* What was built is seen. */
    TnModelInfo info = {.size = sizeof info};
    TnPort port;
    assert_int_equal(tn_model_info(model, &info), TN_OK);
    assert_true(info.node_count == 2 && info.weight_count == 1 && info.opset == 21);
    assert_int_equal(tn_model_input(model, 0, &port), TN_OK);
    assert_string_equal(port.type, "float[2]");
    tn_model_destroy(read);
    tn_model_destroy(model);
}

static void test_builds_with_symbolic_sizes_and_text(void **state)
{
    (void)state;
    TnModel *model = create("net");
    TnGraph *graph = tn_model_graph(model);
    assert_int_equal(tn_graph_add_input(graph, "x", "float[N]"), TN_OK);
    assert_int_equal(
        tn_graph_add_text(graph, "a = Exp (x)\n[sum] s = ReduceSum <keepdims = 1> (a)"), TN_OK);
    assert_int_equal(tn_graph_add_text(graph, "y = Div (a, s)"), TN_OK);
    assert_int_equal(tn_graph_add_output(graph, "y", NULL), TN_OK);
    assert_int_equal(tn_model_check(model), TN_OK);
    check_run(model, 2, (float[]){0, 0}, (double[]){0.5, 0.5});
    check_run(model, 4, (float[]){1, 1, 1, 1}, (double[]){0.25, 0.25, 0.25, 0.25});
    tn_model_destroy(model);
}

static void test_builds_bodies(void **state)
{
    (void)state;
    TnModel *model = create("net");
    TnGraph *graph = tn_model_graph(model), *then_branch = NULL, *else_branch = NULL;
    TnNode *node = NULL;
    const char *condition[] = {"positive"}, *y[] = {"y"};
    assert_int_equal(tn_graph_add_input(graph, "x", "float[2]"), TN_OK);
    assert_int_equal(tn_graph_add_text(graph, "total = ReduceSum <keepdims = 0> (x)\n"
                                              "zero = Constant <value = float {0}> ()\n"
                                              "positive = Greater (total, zero)"),
                     TN_OK);
    assert_int_equal(tn_graph_add_node(graph, "If", "choice", 1, condition, 1, y, &node), TN_OK);
    assert_int_equal(tn_node_add_graph(node, "then_branch", &then_branch), TN_OK);
    assert_int_equal(tn_node_add_graph(node, "else_branch", &else_branch), TN_OK);
    assert_int_equal(tn_graph_add_text(then_branch, "doubled = Add (x, x)"), TN_OK);
    assert_int_equal(tn_graph_add_output(then_branch, "doubled", NULL), TN_OK);
    assert_int_equal(tn_graph_add_text(else_branch, "turned = Neg (x)"), TN_OK);
    assert_int_equal(tn_graph_add_output(else_branch, "turned", NULL), TN_OK);
    assert_int_equal(tn_graph_add_output(graph, "y", NULL), TN_OK);
    check_run(model, 2, (float[]){1, 2}, (double[]){2, 4});
    check_run(model, 2, (float[]){1, -2}, (double[]){-1, 2});
    FAILS(tn_graph_add_text(then_branch, "x = Neg (x)"), TN_BAD_ARGUMENT, "'x' is there already");
    FAILS(tn_node_add_graph(node, "body", &then_branch), TN_BAD_ARGUMENT, "no attribute 'body'");
    tn_model_destroy(model);
}

static void test_builds_with_functions(void **state)
{
    (void)state;
    static const char swish[] = "<domain: \"acme\", opset_import: [\"\" : 21]>\n"
                                "Swish (x) => (y) { s = Sigmoid (x) y = Mul (x, s) }\n";
    TnModel *model = create("net");
    TnGraph *graph = tn_model_graph(model);
    const char *x[] = {"x"}, *y[] = {"y"};
    assert_int_equal(tn_graph_add_input(graph, "x", "float[2]"), TN_OK);
    FAILS(tn_graph_add_node(graph, "acme.Swish", NULL, 1, x, 1, y, NULL), TN_UNSUPPORTED,
          "acme.Swish");
    assert_int_equal(tn_model_add_function(model, swish), TN_OK);
    assert_int_equal(tn_graph_add_node(graph, "acme.Swish", NULL, 1, x, 1, y, NULL), TN_OK);
    assert_int_equal(tn_graph_add_output(graph, "y", NULL), TN_OK);
    FAILS(tn_model_add_function(model, swish), TN_BAD_ARGUMENT, "'Swish' is there already");
    FAILS(tn_model_add_function(model, "Broken (x) => {"), TN_BAD_ARGUMENT, "");
    check_run(model, 2, (float[]){0, 2}, (double[]){0, 2 / (1 + exp(-2))});
    tn_model_destroy(model);
}

static void test_sets_attributes_of_all_kinds(void **state)
{
    (void)state;
    float values[] = {5, 6};
    TnTensor tensor = {TN_FLOAT, 1, {2}, values};
    TnModel *model = create("net");
    TnGraph *graph = tn_model_graph(model);
    TnNode *node = NULL;
    const char *none[] = {""}, *x[] = {"x"};
    assert_int_equal(tn_graph_add_input(graph, "x", "float[1, 1, 4]"), TN_OK);
    assert_int_equal(
        tn_graph_add_node(graph, "Constant", NULL, 0, NULL, 1, (const char *[]){"c"}, &node),
        TN_OK);
    assert_int_equal(tn_node_set_tensor(node, "value", &tensor), TN_OK);
    assert_int_equal(
        tn_graph_add_node(graph, "MaxPool", "pool", 1, x, 1, (const char *[]){"p"}, &node), TN_OK);
    assert_int_equal(tn_node_set_ints(node, "kernel_shape", 1, (int64_t[]){2}), TN_OK);
    assert_int_equal(tn_node_set_string(node, "auto_pad", "SAME_UPPER"), TN_OK);
    assert_int_equal(tn_node_set_int(node, "ceil_mode", 1), TN_OK);
    assert_int_equal(tn_node_remove_attribute(node, "ceil_mode"), TN_OK);
    assert_int_equal(tn_node_set_int(node, "__note", 7), TN_OK);
    assert_int_equal(
        tn_graph_add_node(graph, "Constant", NULL, 0, none, 1, (const char *[]){"s"}, &node),
        TN_OK);
    assert_int_equal(tn_node_set_strings(node, "value_strings", 1, (const char *[]){"a"}), TN_OK);
    assert_int_equal(
        tn_graph_add_node(graph, "Constant", NULL, 0, none, 1, (const char *[]){"f"}, &node),
        TN_OK);
    assert_int_equal(tn_node_set_floats(node, "value_floats", 2, values), TN_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(
            tn_graph_add_output(graph, ((const char *[]){"c", "p", "s", "f"})[i], NULL), TN_OK);
    assert_int_equal(tn_model_check(model), TN_OK);
    const char *text = print(model);
    assert_non_null(strstr(text, "kernel_shape = [2]"));
    assert_non_null(strstr(text, "auto_pad = \"SAME_UPPER\""));
    assert_null(strstr(text, "ceil_mode"));
    node = tn_graph_find_node(graph, "pool");
    FAILS(tn_node_set_int(node, "kernel_size", 1), TN_BAD_ARGUMENT, "no attribute 'kernel_size'");
    assert_string_equal(host.node, "pool");
    FAILS(tn_node_set_float(node, "kernel_shape", 1), TN_BAD_ARGUMENT, "of type ints, not float");
    FAILS(tn_node_remove_attribute(node, "ceil_mode"), TN_BAD_ARGUMENT, "ceil_mode");
    tn_model_destroy(model);
}

static void test_names_what_is_wrong_at_once(void **state)
{
    (void)state;
    TnModel *model = create("net");
    TnGraph *graph = tn_model_graph(model);
    const char *x[] = {"x", "x", "x"}, *y[] = {"y"}, *z[] = {"z"};
    assert_int_equal(tn_graph_add_input(graph, "x", "float[2]"), TN_OK);
    FAILS(tn_graph_add_input(graph, "x", "float[2]"), TN_BAD_ARGUMENT, "'x' is there already");
    FAILS(tn_graph_add_input(graph, "q", "flaot[2]"), TN_BAD_ARGUMENT, "flaot");
    FAILS(tn_graph_add_node(graph, "Rleu", "r", 1, x, 1, y, NULL), TN_UNSUPPORTED, "Rleu");
    assert_string_equal(host.node, "r");
    FAILS(tn_graph_add_node(graph, "Relu", "r", 1, z, 1, y, NULL), TN_BAD_ARGUMENT,
          "nothing makes the value 'z'");
    FAILS(tn_graph_add_node(graph, "Relu", "r", 1, x, 1, x, NULL), TN_BAD_ARGUMENT,
          "'x' is there already");
    FAILS(tn_graph_add_node(graph, "Relu", "r", 2, x, 1, y, NULL), TN_BAD_ARGUMENT,
          "at most 1 inputs, not 2");
    FAILS(tn_graph_add_node(graph, "Add", "r", 1, x, 1, y, NULL), TN_BAD_ARGUMENT,
          "needs the input");
    FAILS(tn_graph_add_output(graph, "z", NULL), TN_BAD_ARGUMENT, "'z'");
    FAILS(tn_graph_add_text(graph, "a = Neg (x)\nb = Neg (missing)"), TN_BAD_ARGUMENT, "'missing'");
    FAILS(tn_graph_add_text(graph, "a = = Neg (x)"), TN_BAD_ARGUMENT, "");
    FAILS(tn_model_set_opset(model, "", 1000), TN_BAD_ARGUMENT, "newest known");
    assert_int_equal(tn_graph_node_count(graph), 0);
    /* What types alone show is found by a check. */
    assert_int_equal(
        tn_graph_add_text(graph, "[m] a = MatMul (x, x)\n[bad] b = Concat <axis = 4> (x, x)"),
        TN_OK);
    assert_int_equal(tn_graph_add_output(graph, "b", NULL), TN_OK);
    FAILS(tn_model_check(model), TN_INVALID_MODEL, "axis");
    assert_string_equal(host.node, "bad");
    tn_model_destroy(model);
}

/* ---- Changing ------------------------------------------------------------------------------ */

static const char chain[] = "<ir_version: 10, opset_import: [\"\" : 21]>\n"
                            "net (float[2] x) => (float[2] y) <float[2] w = {2, 3}> {\n"
                            "  [first] a = Mul (x, w)\n"
                            "  [second] b = Neg (a)\n"
                            "  [third] y = Abs (b)\n"
                            "}\n";

static void test_changes_models(void **state)
{
    (void)state;
    float w[] = {10, 20};
    TnTensor weights = {TN_FLOAT, 1, {2}, w};
    TnModel *model = parse(chain);
    TnGraph *graph = tn_model_graph(model);
    TnProgram *before = NULL;
    assert_int_equal(tn_compile(model, NULL, &before), TN_OK);
    assert_int_equal(tn_graph_node_count(graph), 3);
    TnNode *second = tn_graph_find_node(graph, "second");
    assert_ptr_equal(second, tn_graph_node(graph, 1));
    assert_ptr_equal(second, tn_graph_find_node(graph, "b"));
    assert_string_equal(tn_node_op_type(second), "Neg");
    assert_string_equal(tn_node_name(second), "second");
    assert_string_equal(tn_node_input(second, 0), "a");
    assert_null(tn_node_input(second, 1));
    assert_string_equal(tn_node_output(second, 0), "b");
    FAILS(tn_node_remove(second), TN_BAD_ARGUMENT, "'b' is used by 'third'");
    assert_int_equal(tn_graph_replace(graph, "b", "a"), TN_OK);
    assert_int_equal(tn_node_remove(second), TN_OK);
    assert_null(tn_graph_find_node(graph, "b"));
    check_run(model, 2, (float[]){1, -1}, (double[]){2, 3});
    FAILS(tn_graph_set_constant(graph, "v", &weights), TN_BAD_ARGUMENT, "no constant 'v'");
    assert_int_equal(tn_graph_set_constant(graph, "w", &weights), TN_OK);
    check_run(model, 2, (float[]){1, -1}, (double[]){10, 20});
    /* A node in between: made at the end, moved to its place. */
    TnNode *node = NULL;
    assert_int_equal(tn_graph_add_node(graph, "Exp", "fourth", 1, (const char *[]){"x"}, 1,
                                       (const char *[]){"e"}, &node),
                     TN_OK);
    TnNode *first = tn_graph_find_node(graph, "first");
    FAILS(tn_node_set_input(first, 0, "e"), TN_BAD_ARGUMENT, "'e' is made after the node");
    assert_int_equal(tn_node_move(node, first), TN_OK);
    assert_int_equal(tn_node_set_input(first, 0, "e"), TN_OK);
    FAILS(tn_node_move(node, NULL), TN_BAD_ARGUMENT, "'first' needs what the node makes");
    FAILS(tn_node_move(first, node), TN_BAD_ARGUMENT, "needs what 'fourth' makes");
    check_run(model, 2, (float[]){0, 1}, (double[]){10, 20 * exp(1)});
    FAILS(tn_graph_remove_input(graph, "x"), TN_BAD_ARGUMENT, "'x' is used by 'fourth'");
    FAILS(tn_graph_remove_output(graph, "a"), TN_BAD_ARGUMENT, "no output 'a'");
    /* The program made before is as it was. */
    TnContext *context = NULL;
    float x[] = {1, -1};
    TnValue input = {TN_TENSOR, {TN_FLOAT, 1, {2}, x}, 0, NULL}, y = {0};
    assert_int_equal(tn_context_create(before, NULL, &context), TN_OK);
    assert_int_equal(tn_run(context, 1, &input, 1, &y), TN_OK);
    assert_true(((float *)y.tensor.data)[0] == 2 && ((float *)y.tensor.data)[1] == 3);
    tn_context_destroy(context);
    tn_program_destroy(before);
    tn_model_destroy(model);
}

static void test_adds_outputs_to_models_that_were_read(void **state)
{
    (void)state;
    TnModel *model = parse(chain);
    TnGraph *graph = tn_model_graph(model);
    assert_int_equal(tn_model_output_count(model), 1);
    assert_int_equal(tn_graph_add_output(graph, "a", NULL), TN_OK);
    assert_int_equal(tn_model_output_count(model), 2);
    assert_int_equal(tn_graph_remove_output(graph, "y"), TN_OK);
    assert_int_equal(tn_model_output_count(model), 1);
    assert_int_equal(tn_node_remove(tn_graph_find_node(graph, "third")), TN_OK);
    check_run(model, 2, (float[]){1, -1}, (double[]){2, -3});
    /* Errors in what was added have a node and no place in the file. */
    assert_int_equal(tn_graph_add_text(graph, "[odd] c = Concat <axis = 7> (a, a)"), TN_OK);
    assert_int_equal(tn_graph_add_output(graph, "c", NULL), TN_OK);
    FAILS(tn_model_check(model), TN_INVALID_MODEL, "axis");
    assert_string_equal(host.node, "odd");
    tn_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_built_model_is_like_one_read),
        cmocka_unit_test(test_builds_with_symbolic_sizes_and_text),
        cmocka_unit_test(test_builds_bodies),
        cmocka_unit_test(test_builds_with_functions),
        cmocka_unit_test(test_sets_attributes_of_all_kinds),
        cmocka_unit_test(test_names_what_is_wrong_at_once),
        cmocka_unit_test(test_changes_models),
        cmocka_unit_test(test_adds_outputs_to_models_that_were_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
