/* SPDX-License-Identifier: Apache-2.0
 *
 * The public interface in wrong hands: NULL for every pointer, and values that contradict
 * themselves. Each is a status, with words where there is somebody to say them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tenon.h"

#include <stdlib.h>
#include <string.h>

#define BAD(call) assert_int_equal((call), TN_BAD_ARGUMENT)

/* ---- NULL -------------------------------------------------------------------------------- */

static void test_null_models(void **state)
{
    (void)state;
    TnModel *model = NULL;
    TnPort port;
    TnModelInfo info = {.size = sizeof info};
    int64_t count;
    BAD(tn_model_load(NULL, NULL, &model));
    BAD(tn_model_load("x.onnx", NULL, NULL));
    BAD(tn_model_parse(NULL, 3, NULL, NULL, &model));
    BAD(tn_model_parse("x", 1, NULL, NULL, NULL));
    BAD(tn_model_create(NULL, NULL, NULL));
    BAD(tn_model_input(NULL, 0, &port));
    BAD(tn_model_output(NULL, 0, &port));
    BAD(tn_model_info(NULL, &info));
    BAD(tn_model_write(NULL, TN_TEXT, NULL, NULL));
    BAD(tn_model_print(NULL, 0, NULL, NULL));
    BAD(tn_model_save(NULL, "x.onnx"));
    BAD(tn_model_check(NULL));
    BAD(tn_model_set_opset(NULL, "", 21));
    BAD(tn_model_add_function(NULL, "x"));
    BAD(tn_model_add_operator(NULL, NULL));
    assert_int_equal(tn_model_input_count(NULL), 0);
    assert_int_equal(tn_model_output_count(NULL), 0);
    assert_null(tn_model_symbol(NULL, 0));
    assert_null(tn_model_operator(NULL, 0, &count));
    assert_null(tn_model_graph(NULL));
    tn_model_destroy(NULL);
}

static void test_null_graphs(void **state)
{
    (void)state;
    BAD(tn_graph_add_input(NULL, "x", "float[3]"));
    BAD(tn_graph_add_output(NULL, "x", NULL));
    BAD(tn_graph_remove_input(NULL, "x"));
    BAD(tn_graph_remove_output(NULL, "x"));
    BAD(tn_graph_add_constant(NULL, "x", NULL));
    BAD(tn_graph_set_constant(NULL, "x", NULL));
    BAD(tn_graph_replace(NULL, "x", "y"));
    BAD(tn_graph_add_node(NULL, "Relu", NULL, 0, NULL, 0, NULL, NULL));
    BAD(tn_graph_add_text(NULL, "x"));
    BAD(tn_node_set_input(NULL, 0, "x"));
    BAD(tn_node_remove(NULL));
    BAD(tn_node_move(NULL, NULL));
    BAD(tn_node_set_int(NULL, "a", 1));
    BAD(tn_node_set_float(NULL, "a", 1));
    BAD(tn_node_set_string(NULL, "a", "b"));
    BAD(tn_node_set_ints(NULL, "a", 0, NULL));
    BAD(tn_node_set_floats(NULL, "a", 0, NULL));
    BAD(tn_node_set_strings(NULL, "a", 0, NULL));
    BAD(tn_node_set_tensor(NULL, "a", NULL));
    BAD(tn_node_add_graph(NULL, "a", NULL));
    BAD(tn_node_remove_attribute(NULL, "a"));
    assert_int_equal(tn_graph_node_count(NULL), 0);
    assert_null(tn_graph_node(NULL, 0));
    assert_null(tn_graph_find_node(NULL, "x"));
    assert_null(tn_node_op_type(NULL));
    assert_null(tn_node_name(NULL));
    assert_null(tn_node_input(NULL, 0));
    assert_null(tn_node_output(NULL, 0));
}

static void test_null_programs(void **state)
{
    (void)state;
    TnProgram *program;
    TnContext *context;
    TnPort port;
    TnStep step;
    TnSymbol symbol;
    TnProgramInfo info = {.size = sizeof info};
    TnTensor tensor;
    TnValue value = {0};
    int64_t number, other;
    BAD(tn_compile(NULL, NULL, &program));
    BAD(tn_program_save(NULL, "x.so", NULL));
    BAD(tn_program_load(NULL, NULL, &program));
    BAD(tn_program_load("x.so", NULL, NULL));
    BAD(tn_program_input(NULL, 0, &port));
    BAD(tn_program_output(NULL, 0, &port));
    BAD(tn_program_state(NULL, 0, &port));
    BAD(tn_program_step(NULL, 0, &step));
    BAD(tn_program_symbol(NULL, 0, &symbol));
    BAD(tn_program_info(NULL, &info));
    BAD(tn_program_set_weight(NULL, "w", NULL, NULL));
    BAD(tn_context_create(NULL, NULL, &context));
    BAD(tn_run(NULL, 1, &value, 1, &value));
    BAD(tn_context_step_time(NULL, 0, &number, &other));
    BAD(tn_context_state(NULL, 0, &tensor));
    BAD(tn_context_set_state(NULL, 0, &tensor));
    BAD(tn_context_reset(NULL));
    BAD(tn_context_arena_bytes(NULL, 1, &value, &number));
    assert_int_equal(tn_program_input_count(NULL), 0);
    assert_int_equal(tn_program_output_count(NULL), 0);
    assert_int_equal(tn_program_state_count(NULL), 0);
    assert_int_equal(tn_program_symbol_count(NULL), 0);
    assert_null(tn_program_arena_formula(NULL));
    assert_null(tn_program_report(NULL, TN_REPORT_STEPS));
    assert_int_equal(tn_context_arena_needed(NULL), 0);
    assert_true(tn_context_flops(NULL) == 0);
    assert_non_null(tn_context_error(NULL));
    tn_context_cancel(NULL);
    tn_context_cancel_clear(NULL);
    tn_context_set_arena(NULL, NULL, 0);
    tn_context_destroy(NULL);
    tn_program_destroy(NULL);
}

/* ---- Values ------------------------------------------------------------------------------ */

typedef struct Fixture {
    TnProgram *program;
    TnContext *context;
} Fixture;

static Fixture make(const char *text)
{
    TnModel *model = NULL;
    Fixture f = {0};
    assert_int_equal(tn_model_parse(text, strlen(text), "test", NULL, &model), TN_OK);
    assert_int_equal(tn_compile(model, NULL, &f.program), TN_OK);
    tn_model_destroy(model);
    assert_int_equal(tn_context_create(f.program, NULL, &f.context), TN_OK);
    return f;
}

static void drop(Fixture f)
{
    tn_context_destroy(f.context);
    tn_program_destroy(f.program);
}

static const char relu[] = "<ir_version: 10, opset_import: [\"\" : 21]>\n"
                           "f (float[N, 3] x) => (float[N, 3] y) { y = Relu (x) }\n";

static void refuse(TnContext *context, int inputs, const TnValue *input, int outputs,
                   TnValue *output, const char *why)
{
    BAD(tn_run(context, inputs, input, outputs, output));
    if (!strstr(tn_context_error(context), why))
        fail_msg("'%s' lacks '%s'", tn_context_error(context), why);
}

static void test_tensors(void **state)
{
    (void)state;
    Fixture f = make(relu);
    float x[8] = {1, -2, 3}, y[8];
    int64_t bytes;
    const TnValue good = {TN_TENSOR, {TN_FLOAT, 2, {1, 3}, x}, 0, NULL};
    TnValue in = good, out = {TN_TENSOR, {TN_FLOAT, 2, {1, 3}, y}, 0, NULL};
    assert_int_equal(tn_run(f.context, 1, &in, 1, &out), TN_OK);
    assert_true(y[0] == 1 && y[1] == 0 && y[2] == 3);
    refuse(f.context, 0, NULL, 1, &out, "0 inputs");
    refuse(f.context, 1, NULL, 1, &out, "NULL");
    refuse(f.context, 1, &in, 1, NULL, "NULL");
    refuse(f.context, -1, &in, 1, &out, "NULL");
    refuse(f.context, 2, &in, 1, &out, "2 inputs");
    BAD(tn_context_arena_bytes(f.context, 1, NULL, &bytes));
    BAD(tn_context_arena_bytes(f.context, 1, &in, NULL));
    in.kind = TN_ABSENT;
    refuse(f.context, 1, &in, 1, &out, "missing");
    in.kind = (TnValueKind)77;
    refuse(f.context, 1, &in, 1, &out, "missing");
    in = good;
    in.tensor.element = (TnElementType)99;
    refuse(f.context, 1, &in, 1, &out, "elements");
    in = good;
    in.tensor.rank = 1000;
    refuse(f.context, 1, &in, 1, &out, "dimensions");
    in = good;
    in.tensor.data = NULL;
    refuse(f.context, 1, &in, 1, &out, "no data");
    in = good;
    in.tensor.dims[0] = -1;
    refuse(f.context, 1, &in, 1, &out, "invalid dimensions");
    in.tensor.dims[0] = INT64_MAX;
    refuse(f.context, 1, &in, 1, &out, "invalid dimensions");
    in = good;
    in.tensor.dims[1] = 4;
    refuse(f.context, 1, &in, 1, &out, "dimension 1");
    in = good;
    in.tensor.data = (char *)x + 1;
    refuse(f.context, 1, &in, 1, &out, "aligned");
    in = good;
    out.tensor.data = (char *)y + 2;
    refuse(f.context, 1, &in, 1, &out, "aligned");
    out.tensor.data = y;
    out.tensor.dims[0] = 2;
    refuse(f.context, 1, &in, 1, &out, "shape");
    out.tensor.dims[0] = 1;
    assert_int_equal(tn_run(f.context, 1, &in, 1, &out), TN_OK);
    drop(f);
}

static void test_sequences(void **state)
{
    (void)state;
    Fixture f = make("<ir_version: 10, opset_import: [\"\" : 21]>\n"
                     "f (seq(float[N]) s, int64 at) => (float[M] y) { y = SequenceAt (s, at) }\n");
    float x[2] = {3, 4};
    int64_t at = 0;
    TnValue item = {TN_TENSOR, {TN_FLOAT, 1, {2}, x}, 0, NULL}, out = {0};
    const TnValue *items[] = {&item};
    TnValue in[2] = {{.kind = TN_SEQUENCE, .count = 1, .items = items},
                     {TN_TENSOR, {TN_INT64, 0, {0}, &at}, 0, NULL}};
    assert_int_equal(tn_run(f.context, 2, in, 1, &out), TN_OK);
    assert_true(((float *)out.tensor.data)[1] == 4);
    at = 5;
    out.kind = TN_ABSENT;
    BAD(tn_run(f.context, 2, in, 1, &out));
    at = 0;
    in[0].items = NULL;
    refuse(f.context, 2, in, 1, &out, "malformed");
    items[0] = NULL;
    in[0].items = items;
    refuse(f.context, 2, in, 1, &out, "malformed");
    items[0] = &item;
    in[0].count = -1;
    refuse(f.context, 2, in, 1, &out, "malformed");
    in[0].count = 1;
    item.tensor.data = NULL;
    refuse(f.context, 2, in, 1, &out, "malformed");
    item.tensor.data = x;
    item.tensor.rank = 99;
    refuse(f.context, 2, in, 1, &out, "malformed");
    item.tensor.rank = 1;
    item.tensor.element = TN_INT64; /* not what the model says */
    out.kind = TN_ABSENT;
    BAD(tn_run(f.context, 2, in, 1, &out));
    item.tensor.element = TN_FLOAT;
    items[0] = &in[0]; /* itself */
    refuse(f.context, 2, in, 1, &out, "malformed");
    drop(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_null_models),   cmocka_unit_test(test_null_graphs),
        cmocka_unit_test(test_null_programs), cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_sequences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
