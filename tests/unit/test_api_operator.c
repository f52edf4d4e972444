/* SPDX-License-Identifier: Apache-2.0
 *
 * The public interface: operators that the host writes in C.
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

static char message[512], node[64];

static void remember(void *user, const TnDiagnostic *diagnostic)
{
    (void)user;
    if (diagnostic->severity != TN_ERROR)
        return;
    strncpy(message, diagnostic->message, sizeof message - 1);
    strncpy(node, diagnostic->node ? diagnostic->node : "", sizeof node - 1);
}

static TnModel *parse(const char *source)
{
    TnLoadOptions load = {.size = sizeof load, .diagnose = remember};
    TnModel *model = NULL;
    assert_int_equal(tn_model_parse(source, strlen(source), "net", &load, &model), TN_OK);
    return model;
}

static int64_t count_of(const TnTensor *tensor)
{
    int64_t count = 1;
    for (int d = 0; d < tensor->rank; d++)
        count *= tensor->dims[d];
    return count;
}

/* ---- Repeat: each element of a vector several times ---------------------------------------- */

typedef struct Counter {
    int inferred, computed;
    bool lies; /* makes another size than it said */
} Counter;

static TnStatus infer_repeat(void *user, TnCall *call)
{
    Counter *counter = user;
    TnType type;
    char size[128];
    counter->inferred++;
    if (tn_call_input_type(call, 0, &type) != TN_OK || type.rank != 1)
        return tn_call_fail(call, "it takes vectors");
    snprintf(size, sizeof size, "%lld*(%s)", (long long)tn_call_int(call, "times"), type.dims[0]);
    type.dims[0] = size;
    return tn_call_set_type(call, 0, &type);
}

static TnStatus compute_repeat(void *user, TnCall *call)
{
    Counter *counter = user;
    const TnTensor *x = tn_call_input(call, 0);
    int64_t times = tn_call_int(call, "times");
    int64_t size = x->dims[0] * times + counter->lies;
    float *y = tn_call_output(call, 0, 1, &size), scale = tn_call_float(call, "scale");
    if (!y)
        return tn_call_status(call);
    counter->computed++;
    for (int64_t i = 0; i < x->dims[0] * times; i++)
        y[i] = scale * ((const float *)x->data)[i / times];
    return TN_OK;
}

static const TnAttribute repeat_attributes[] = {
    {"times", TN_ATTRIBUTE_INT, true, 0, 0},
    {"scale", TN_ATTRIBUTE_FLOAT, false, 0, 1},
    {"weights", TN_ATTRIBUTE_FLOATS, false, 0, 0},
    {"note", TN_ATTRIBUTE_STRING, false, 0, 0},
};

static TnOperator repeat_operator(Counter *counter)
{
    return (TnOperator){.size = sizeof(TnOperator),
                        .domain = "acme",
                        .name = "Repeat",
                        .since = 1,
                        .min_inputs = 1,
                        .max_inputs = 1,
                        .outputs = 1,
                        .attributes = repeat_attributes,
                        .attribute_count = 4,
                        .infer = infer_repeat,
                        .compute = compute_repeat,
                        .user = counter};
}

static const char repeating[] = "<ir_version: 10, opset_import: [\"\" : 21, \"acme\" : 1]>\n"
                                "net (float[N] x) => (float[M] y) {\n"
                                "  a = Neg (x)\n"
                                "  [again] b = acme.Repeat <times = 3, scale = 2.0> (a)\n"
                                "  y = Abs (b)\n"
                                "}\n";

static TnStatus run_once(TnModel *model, const char *backend, int64_t count, float *x, float *y,
                         int64_t y_count)
{
    TnCompileOptions options = {.size = sizeof options, .backend = backend, .diagnose = remember};
    TnProgram *program = NULL;
    TnContext *context = NULL;
    message[0] = node[0] = 0;
    TnStatus status = tn_compile(model, &options, &program);
    if (status == TN_OK)
        status = tn_context_create(program, NULL, &context);
    TnValue input = {TN_TENSOR, {TN_FLOAT, 1, {count}, x}, 0, NULL}, output = {0};
    if (context) {
        status = tn_run(context, 1, &input, 1, &output);
        if (status != TN_OK)
            strncpy(message, tn_context_error(context), sizeof message - 1);
    }
    if (status == TN_OK) {
        assert_int_equal(count_of(&output.tensor), y_count);
        memcpy(y, output.tensor.data, (size_t)y_count * sizeof *y);
    }
    tn_context_destroy(context);
    tn_program_destroy(program);
    return status;
}

static void test_computes_by_the_host(void **state)
{
    (void)state;
    Counter counter = {0};
    TnOperator op = repeat_operator(&counter);
    TnModel *model = parse(repeating);
    float x[] = {1, -2}, y[6] = {0};
    assert_int_equal(run_once(model, "llvm", 2, x, y, 6), TN_UNSUPPORTED);
    assert_non_null(strstr(message, "acme.Repeat"));
    assert_int_equal(tn_model_add_operator(model, &op), TN_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(run_once(model, i ? "interpreter" : "llvm", 2, x, y, 6), TN_OK);
        for (int k = 0; k < 6; k++)
            assert_true(y[k] == (k < 3 ? 2 : 4));
    }
    assert_int_equal(counter.computed, 2);
    assert_true(counter.inferred >= 2);
    /* It is known by name to those who build. */
    TnGraph *graph = tn_model_graph(model);
    TnNode *more = NULL;
    assert_int_equal(tn_graph_add_node(graph, "acme.Repeat", "more", 1, (const char *[]){"x"}, 1,
                                       (const char *[]){"z"}, &more),
                     TN_OK);
    assert_int_equal(tn_node_set_int(more, "tims", 3), TN_BAD_ARGUMENT);
    assert_non_null(strstr(message, "no attribute 'tims'"));
    assert_int_equal(tn_model_check(model), TN_INVALID_MODEL);
    assert_non_null(strstr(message, "'times'"));
    assert_string_equal(node, "more");
    tn_model_destroy(model);
}

static void test_sizes_are_checked(void **state)
{
    (void)state;
    Counter counter = {.lies = true};
    TnOperator op = repeat_operator(&counter);
    TnModel *model = parse(repeating);
    float x[] = {1, -2}, y[6];
    assert_int_equal(tn_model_add_operator(model, &op), TN_OK);
    assert_int_not_equal(run_once(model, "llvm", 2, x, y, 6), TN_OK);
    assert_non_null(strstr(message, "Repeat 'again'"));
    tn_model_destroy(model);
}

static void test_failures_have_the_nodes_name(void **state)
{
    (void)state;
    Counter counter = {0};
    TnOperator op = repeat_operator(&counter);
    TnModel *model = parse("<ir_version: 10, opset_import: [\"\" : 21, \"acme\" : 1]>\n"
                           "net (float[N, 2] x) => (float[M] y) {\n"
                           "  [again] y = acme.Repeat <times = 3> (x)\n"
                           "}\n");
    float x[] = {1, -2}, y[6];
    assert_int_equal(tn_model_add_operator(model, &op), TN_OK);
    assert_int_equal(run_once(model, "llvm", 2, x, y, 6), TN_INVALID_MODEL);
    assert_non_null(strstr(message, "it takes vectors"));
    assert_string_equal(node, "again");
    tn_model_destroy(model);
}

/* ---- Positive: what data decides ----------------------------------------------------------- */

static TnStatus infer_positive(void *user, TnCall *call)
{
    TnType type;
    (void)user;
    if (tn_call_input_type(call, 0, &type) != TN_OK)
        return TN_BAD_ARGUMENT;
    type.rank = 1;
    type.dims[0] = NULL;
    return tn_call_set_type(call, 0, &type);
}

static TnStatus compute_positive(void *user, TnCall *call)
{
    const TnTensor *x = tn_call_input(call, 0);
    const float *data = x->data;
    int64_t count = count_of(x), kept = 0;
    const bool *fails = user;
    if (*fails)
        return tn_call_fail(call, "not today");
    float *found = tn_call_scratch(call, count * (int64_t)sizeof *found);
    if (!found)
        return tn_call_status(call);
    for (int64_t i = 0; i < count; i++)
        if (data[i] > 0)
            found[kept++] = data[i];
    float *y = tn_call_output(call, 0, 1, &kept);
    if (!y)
        return tn_call_status(call);
    memcpy(y, found, (size_t)kept * sizeof *y);
    return TN_OK;
}

static void test_sizes_may_follow_from_data(void **state)
{
    (void)state;
    bool fails = false;
    enum { MANY = 100000 };
    TnOperator op = {.size = sizeof op,
                     .domain = "acme",
                     .name = "Positive",
                     .since = 1,
                     .min_inputs = 1,
                     .max_inputs = 1,
                     .outputs = 1,
                     .infer = infer_positive,
                     .compute = compute_positive,
                     .user = &fails};
    TnModel *model = parse("<ir_version: 10, opset_import: [\"\" : 21, \"acme\" : 1]>\n"
                           "net (float[N] x) => (float[M] y) {\n"
                           "  [sieve] p = acme.Positive (x)\n"
                           "  y = Add (p, p)\n"
                           "}\n");
    float *x = malloc(MANY * sizeof *x), *y = malloc(MANY * sizeof *y);
    for (int i = 0; i < MANY; i++)
        x[i] = i % 2 ? -1.0f : (float)i;
    assert_int_equal(tn_model_add_operator(model, &op), TN_OK);
    assert_int_equal(run_once(model, "llvm", MANY, x, y, MANY / 2 - 1), TN_OK);
    for (int i = 0; i < MANY / 2 - 1; i++)
        assert_true(y[i] == 4.0f * (float)(i + 1));
    fails = true;
    assert_int_equal(run_once(model, "llvm", 4, x, y, 1), TN_BAD_ARGUMENT);
    assert_non_null(strstr(message, "Positive 'sieve': not today"));
    free(x);
    free(y);
    tn_model_destroy(model);
}

/* ---- Registering --------------------------------------------------------------------------- */

static TnStatus compute_nothing(void *user, TnCall *call)
{
    (void)user, (void)call;
    return TN_OK;
}

static void test_refuses_operators_that_clash(void **state)
{
    (void)state;
    Counter counter = {0};
    TnOperator op = repeat_operator(&counter);
    TnModel *model = parse(repeating);
    assert_int_equal(tn_model_add_operator(model, &op), TN_OK);
    assert_int_equal(tn_model_add_operator(model, &op), TN_BAD_ARGUMENT);
    assert_non_null(strstr(message, "'acme.Repeat' is there already"));
    op.name = "Conv";
    op.domain = "ai.onnx";
    assert_int_equal(tn_model_add_operator(model, &op), TN_BAD_ARGUMENT);
    op.domain = "acme";
    op.since = 2; /* the model imports version 1 */
    assert_int_equal(tn_model_add_operator(model, &op), TN_BAD_ARGUMENT);
    assert_non_null(strstr(message, "version 1"));
    op.since = 1;
    op.compute = NULL;
    assert_int_equal(tn_model_add_operator(model, &op), TN_BAD_ARGUMENT);
    assert_int_equal(tn_model_add_function(model, "<domain: \"acme\", opset_import: [\"\" : 21]>\n"
                                                  "Repeat (x) => (y) { y = Neg (x) }\n"),
                     TN_BAD_ARGUMENT);
    assert_non_null(strstr(message, "'Repeat' is an operator"));
    tn_model_destroy(model);
}

static void test_wants_all_outputs(void **state)
{
    (void)state;
    TnOperator op = {.size = sizeof op,
                     .domain = "acme",
                     .name = "Idle",
                     .since = 1,
                     .min_inputs = 1,
                     .max_inputs = 1,
                     .outputs = 1,
                     .compute = compute_nothing};
    float x[] = {1}, y[1];
    TnModel *model = parse("<ir_version: 10, opset_import: [\"\" : 21, \"acme\" : 1]>\n"
                           "net (float[N] x) => (float[M] y) {\n"
                           "  c = Constant <value = float[1] {1}> ()\n"
                           "  s = Add (x, c)\n"
                           "  t = acme.Idle (s)\n"
                           "  y = Neg (t)\n"
                           "}\n");
    assert_int_equal(tn_model_add_operator(model, &op), TN_OK);
    assert_int_equal(run_once(model, "llvm", 1, x, y, 1), TN_BAD_ARGUMENT);
    assert_non_null(strstr(message, "has not made output 0"));
    tn_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_computes_by_the_host),
        cmocka_unit_test(test_sizes_are_checked),
        cmocka_unit_test(test_failures_have_the_nodes_name),
        cmocka_unit_test(test_sizes_may_follow_from_data),
        cmocka_unit_test(test_refuses_operators_that_clash),
        cmocka_unit_test(test_wants_all_outputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
