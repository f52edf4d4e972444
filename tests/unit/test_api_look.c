/* SPDX-License-Identifier: Apache-2.0
 *
 * The public interface: loading through the host's functions, diagnostics as data, and what there
 * is to see of models, programs and runs.
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

static const char text[] =
    "<ir_version: 10, opset_import: [\"\" : 21], producer_name: \"hand\">\n"
    "net (float[N, 3] x, float[N, 2] bias) => (float[N, 2] y, float[N, 2] z)\n"
    "<float[3, 2] w = {1, 2, 3, 4, 5, 6}> {\n"
    "  h = MatMul (x, w)\n"
    "  [sum] s = Add (h, bias)\n"
    "  y = Tanh (s)\n"
    "  z = Tanh (h)\n"
    "}\n";

static TnModel *parse(const char *source)
{
    TnModel *model = NULL;
    assert_int_equal(tn_model_parse(source, strlen(source), "net", NULL, &model), TN_OK);
    return model;
}

/* ---- Reading through the host -------------------------------------------------------------- */

/* Two files that lie in memory, each byte with its bits turned round. */
typedef struct Vault {
    const char *names[2];
    const void *data[2];
    int64_t lengths[2];
    int reads;
    bool broken; /* reading weights fails */
} Vault;

static int find(const Vault *vault, const char *name)
{
    for (int i = 0; i < 2; i++)
        if (vault->names[i] && !strcmp(vault->names[i], name))
            return i;
    return -1;
}

static int64_t vault_length(void *user, const char *name)
{
    const Vault *vault = user;
    int i = find(vault, name);
    return i < 0 ? -1 : vault->lengths[i];
}

static bool vault_read(void *user, const char *name, int64_t offset, void *data, int64_t length)
{
    Vault *vault = user;
    int i = find(vault, name);
    if (i < 0)
        return false;
    const unsigned char *from = (const unsigned char *)vault->data[i] + offset;
    vault->reads++;
    if (i == 1 && vault->broken)
        return false;
    for (int64_t k = 0; k < length; k++)
        ((unsigned char *)data)[k] = (unsigned char)~from[k];
    return true;
}

static unsigned char *turn_round(const void *data, size_t length)
{
    unsigned char *turned = malloc(length);
    for (size_t i = 0; i < length; i++)
        turned[i] = (unsigned char)~((const unsigned char *)data)[i];
    return turned;
}

static void remember(void *user, const TnDiagnostic *diagnostic)
{
    TnDiagnostic *kept = user;
    if (diagnostic->severity != TN_ERROR || kept->message)
        return;
    *kept = *diagnostic;
    kept->message = strdup(diagnostic->message);
    kept->text = strdup(diagnostic->text);
    kept->file = diagnostic->file ? strdup(diagnostic->file) : NULL;
    kept->node = diagnostic->node ? strdup(diagnostic->node) : NULL;
    kept->path = diagnostic->path ? strdup(diagnostic->path) : NULL;
}

static void forget(TnDiagnostic *kept)
{
    free((void *)kept->message);
    free((void *)kept->text);
    free((void *)kept->file);
    free((void *)kept->node);
    free((void *)kept->path);
    *kept = (TnDiagnostic){0};
}

static const char outside[] = "<ir_version: 10, opset_import: [\"\" : 21]>\n"
                              "net (float[2] x) => (float[2] y)\n"
                              "<float[2] w = [\"location\" : \"safe/w.bin\", \"offset\" : \"4\", "
                              "\"length\" : \"8\"]> { y = Mul (x, w) }\n";

static void test_reads_through_the_host(void **state)
{
    (void)state;
    float weights[] = {0, 2, 3}, x[] = {10, 100};
    Vault vault = {{"model.onnxtxt", "safe/w.bin"},
                   {turn_round(outside, sizeof outside - 1), turn_round(weights, sizeof weights)},
                   {sizeof outside - 1, sizeof weights},
                   0,
                   false};
    TnDiagnostic said = {0};
    TnLoadOptions load = {.size = sizeof load,
                          .reader = {vault_length, vault_read, &vault},
                          .diagnose = remember,
                          .diagnose_user = &said};
    TnModel *model = NULL;
    TnProgram *program = NULL;
    TnContext *context = NULL;
    assert_int_equal(tn_model_load("other.onnx", &load, &model), TN_IO);
    assert_int_equal(tn_model_load("model.onnxtxt", &load, &model), TN_OK);
    assert_int_equal(vault.reads, 1);
    assert_int_equal(tn_compile(model, NULL, &program), TN_OK);
    assert_int_equal(vault.reads, 2);
    assert_int_equal(tn_context_create(program, NULL, &context), TN_OK);
    TnValue input = {TN_TENSOR, {TN_FLOAT, 1, {2}, x}, 0, NULL}, y = {0};
    assert_int_equal(tn_run(context, 1, &input, 1, &y), TN_OK);
    assert_true(((float *)y.tensor.data)[0] == 20 && ((float *)y.tensor.data)[1] == 300);
    tn_context_destroy(context);
    tn_program_destroy(program);
    /* What goes wrong is said of the weight that it happened to. */
    TnCompileOptions options = {
        .size = sizeof options, .diagnose = remember, .diagnose_user = &said};
    vault.broken = true;
    assert_int_equal(tn_compile(model, &options, &program), TN_IO);
    assert_non_null(strstr(said.message, "cannot read 8 bytes at offset 4 of 'safe/w.bin'"));
    assert_string_equal(said.node, "w");
    forget(&said);
    vault.lengths[1] = 8;
    assert_int_equal(tn_compile(model, &options, &program), TN_INVALID_MODEL);
    assert_non_null(strstr(said.message, "beyond the end"));
    forget(&said);
    tn_model_destroy(model);
    free((void *)vault.data[0]);
    free((void *)vault.data[1]);
}

/* ---- Diagnostics --------------------------------------------------------------------------- */

static void test_gives_diagnostics_as_data(void **state)
{
    (void)state;
    static const char broken[] = "<ir_version: 10, opset_import: [\"\" : 21]>\n"
                                 "net (float[2, 3] x) => (float[2, 3] y) {\n"
                                 "  [product] y = MatMul (x, x)\n"
                                 "}\n";
    TnDiagnostic said = {0};
    TnLoadOptions load = {.size = sizeof load, .diagnose = remember, .diagnose_user = &said};
    TnModel *model = NULL;
    TnProgram *program = NULL;
    assert_int_equal(tn_model_parse("net (float x =>", 15, "short", &load, &model),
                     TN_INVALID_MODEL);
    assert_string_equal(said.file, "short");
    assert_int_equal(said.line, 1);
    assert_true(said.column > 10 && said.begin == said.column - 1);
    forget(&said);
    assert_int_equal(tn_model_parse(broken, strlen(broken), "broken", &load, &model), TN_OK);
    TnCompileOptions options = {
        .size = sizeof options, .diagnose = remember, .diagnose_user = &said};
    assert_int_equal(tn_compile(model, &options, &program), TN_INVALID_MODEL);
    assert_string_equal(said.node, "product");
    assert_int_equal(said.line, 3);
    assert_null(said.path);
    assert_int_equal(strncmp(broken + said.begin, "[product]", 9), 0);
    assert_non_null(strstr(said.text, said.message));
    forget(&said);
    tn_model_destroy(model);
}

typedef struct Sink {
    char data[1 << 14];
    size_t length, limit;
} Sink;

static bool sink_put(void *user, const void *data, size_t length)
{
    Sink *sink = user;
    if (length > sizeof sink->data - 1 - sink->length || sink->length >= sink->limit)
        return false;
    memcpy(sink->data + sink->length, data, length);
    sink->length += length;
    sink->data[sink->length] = 0;
    return true;
}

static void test_gives_places_in_binary_models(void **state)
{
    (void)state;
    Sink sink = {.limit = SIZE_MAX};
    TnDiagnostic said = {0};
    TnLoadOptions load = {.size = sizeof load, .diagnose = remember, .diagnose_user = &said};
    TnModel *model = parse("<ir_version: 10, opset_import: [\"\" : 21]>\n"
                           "net (float[2, 3] x) => (y) { [product] y = MatMul (x, x) }\n");
    TnProgram *program = NULL;
    assert_int_equal(tn_model_write(model, TN_BINARY, sink_put, &sink), TN_OK);
    tn_model_destroy(model);
    assert_int_equal(tn_model_parse(sink.data, sink.length - 3, "cut", &load, &model),
                     TN_INVALID_MODEL);
    assert_true(said.begin > 0 && said.line == 0);
    forget(&said);
    assert_int_equal(tn_model_parse(sink.data, sink.length, "whole", NULL, &model), TN_OK);
    TnCompileOptions options = {
        .size = sizeof options, .diagnose = remember, .diagnose_user = &said};
    assert_int_equal(tn_compile(model, &options, &program), TN_INVALID_MODEL);
    assert_string_equal(said.path, "graph.node[0]");
    assert_string_equal(said.node, "product");
    forget(&said);
    tn_model_destroy(model);
}

/* ---- Models -------------------------------------------------------------------------------- */

static void test_shows_models(void **state)
{
    (void)state;
    TnModel *model = parse(text);
    TnModelInfo info = {.size = sizeof info};
    TnPort port;
    int64_t count = 0;
    assert_int_equal(tn_model_input_count(model), 2);
    assert_int_equal(tn_model_output_count(model), 2);
    assert_int_equal(tn_model_input(model, 1, &port), TN_OK);
    assert_string_equal(port.name, "bias");
    assert_string_equal(port.type, "float[N, 2]");
    assert_true(port.rank == 2 && port.dims[0] == -1 && port.dims[1] == 2);
    assert_int_equal(tn_model_input(model, 2, &port), TN_BAD_ARGUMENT);
    assert_string_equal(tn_model_symbol(model, 0), "N");
    assert_null(tn_model_symbol(model, 1));
    assert_int_equal(tn_model_info(model, &info), TN_OK);
    assert_string_equal(info.name, "net");
    assert_string_equal(info.producer, "hand");
    assert_true(info.opset == 21 && info.ir_version == 10 && info.node_count == 4);
    assert_true(info.weight_count == 1 && info.weight_elements == 6 && info.operator_count == 3);
    assert_string_equal(tn_model_operator(model, 2, &count), "Tanh");
    assert_int_equal(count, 2);
    assert_null(tn_model_operator(model, 3, &count));
    /* A caller of an older header gets what it knows of. */
    TnModelInfo old = {.size = offsetof(TnModelInfo, opset), .opset = -5};
    assert_int_equal(tn_model_info(model, &old), TN_OK);
    assert_true(old.ir_version == 10 && old.opset == -5);
    tn_model_destroy(model);
}

static void test_writes_models(void **state)
{
    (void)state;
    Sink first = {.limit = SIZE_MAX}, second = first, binary = first, refused = {.limit = 0};
    TnModel *model = parse(text), *again = NULL;
    assert_int_equal(tn_model_write(model, TN_TEXT, sink_put, &first), TN_OK);
    assert_int_equal(tn_model_write(model, TN_BINARY, sink_put, &binary), TN_OK);
    assert_int_equal(tn_model_write(model, TN_TEXT, sink_put, &refused), TN_IO);
    tn_model_destroy(model);
    assert_int_equal(tn_model_parse(binary.data, binary.length, "b", NULL, &again), TN_OK);
    assert_int_equal(tn_model_write(again, TN_TEXT, sink_put, &second), TN_OK);
    assert_string_equal(first.data, second.data);
    second.length = 0;
    assert_int_equal(tn_model_print(again, 2, sink_put, &second), TN_OK);
    assert_non_null(strstr(second.data, "..."));
    tn_model_destroy(again);
}

static void test_saves_models(void **state)
{
    (void)state;
    char path[] = "/tmp/tenon_XXXXXX.onnx";
    int file = mkstemps(path, 5);
    assert_true(file >= 0);
    TnModel *model = parse(text), *again = NULL;
    assert_int_equal(tn_model_save(model, path), TN_OK);
    assert_int_equal(tn_model_load(path, NULL, &again), TN_OK);
    assert_int_equal(tn_model_input_count(again), 2);
    assert_int_equal(tn_model_save(model, "/nowhere/at/all.onnx"), TN_IO);
    tn_model_destroy(again);
    tn_model_destroy(model);
    remove(path);
}

/* ---- Programs ------------------------------------------------------------------------------ */

static void test_shows_programs(void **state)
{
    (void)state;
    TnModel *model = parse(text);
    TnProgram *program = NULL;
    TnCompileOptions options = {.size = sizeof options,
                                .reports = TN_REPORT_STEPS | TN_REPORT_KERNELS | TN_REPORT_MODEL |
                                           TN_REPORT_EXPLANATIONS | TN_REPORT_EXPLANATIONS_JSON};
    TnProgramInfo info = {.size = sizeof info};
    TnSymbol symbol;
    TnStep step;
    assert_int_equal(tn_compile(model, &options, &program), TN_OK);
    assert_int_equal(tn_program_info(program, &info), TN_OK);
    assert_true(info.kernel_count > 0 && info.step_count >= info.kernel_count);
    assert_true(info.packed_bytes + info.weight_bytes >= 24);
    assert_int_equal(tn_program_symbol_count(program), 1);
    assert_int_equal(tn_program_symbol(program, 0, &symbol), TN_OK);
    assert_string_equal(symbol.name, "N");
    assert_true(symbol.lower <= 1 && symbol.upper > 1000);
    int kernels = 0;
    for (int i = 0; i < info.step_count; i++) {
        assert_int_equal(tn_program_step(program, i, &step), TN_OK);
        kernels += !strcmp(step.kind, "kernel");
    }
    assert_int_equal(kernels, info.kernel_count);
    assert_int_equal(tn_program_step(program, info.step_count, &step), TN_BAD_ARGUMENT);
    assert_non_null(strstr(tn_program_report(program, TN_REPORT_STEPS), "phase"));
    assert_non_null(strstr(tn_program_report(program, TN_REPORT_KERNELS), "kernel"));
    assert_non_null(strstr(tn_program_report(program, TN_REPORT_MODEL), "ir_version"));
    assert_non_null(strstr(tn_program_report(program, TN_REPORT_EXPLANATIONS), "sum"));
    assert_int_equal(tn_program_report(program, TN_REPORT_EXPLANATIONS_JSON)[0], '[');
    assert_null(tn_program_report(program, TN_REPORT_PASSES));
    tn_program_destroy(program);
    tn_model_destroy(model);
}

static void test_takes_the_time_of_steps(void **state)
{
    (void)state;
    float x[6] = {0}, bias[4] = {0};
    TnModel *model = parse(text);
    TnProgram *program = NULL;
    TnContext *context = NULL;
    TnContextOptions options = {.size = sizeof options, .profile = true};
    TnProgramInfo info = {.size = sizeof info};
    TnValue inputs[] = {{TN_TENSOR, {TN_FLOAT, 2, {2, 3}, x}, 0, NULL},
                        {TN_TENSOR, {TN_FLOAT, 2, {2, 2}, bias}, 0, NULL}};
    TnValue outputs[2] = {{0}};
    assert_int_equal(tn_compile(model, NULL, &program), TN_OK);
    assert_int_equal(tn_program_info(program, &info), TN_OK);
    assert_int_equal(tn_context_create(program, &options, &context), TN_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(tn_run(context, 2, inputs, 2, outputs), TN_OK);
    int64_t runs = 0, nanoseconds = 0, total = 0;
    for (int i = 0; i < info.step_count; i++) {
        assert_int_equal(tn_context_step_time(context, i, &runs, &nanoseconds), TN_OK);
        assert_int_equal(runs, 3);
        total += nanoseconds;
    }
    assert_true(total > 0);
    /* 2 x 2 sums of 3 products, 4 additions, 8 hyperbolic tangents at least */
    assert_true(tn_context_flops(context) >= 2 * 2 * 3 * 2 + 4 + 8);
    assert_int_equal(tn_context_step_time(context, -1, &runs, &nanoseconds), TN_BAD_ARGUMENT);
    tn_context_destroy(context);
    assert_int_equal(tn_context_create(program, NULL, &context), TN_OK);
    assert_int_equal(tn_context_step_time(context, 0, &runs, &nanoseconds), TN_BAD_ARGUMENT);
    tn_context_destroy(context);
    tn_program_destroy(program);
    tn_model_destroy(model);
}

/* ---- Values that decide structure -------------------------------------------------------- */

static void note_name(void *user, const char *input)
{
    char *names = user; /* of 64 bytes */
    size_t used = strlen(names);
    snprintf(names + used, 64 - used, "%s ", input);
}

static void test_names_the_inputs_whose_values_decide(void **state)
{
    static const char source[] =
        "<ir_version: 10, opset_import: [\"\" : 21]>\n"
        "g (float[2, 3] x, int64[1] axes) => (float[M, K] y) { y = ReduceSum (x, axes) }\n";
    char names[64] = "";
    int64_t axis = 1;
    TnModel *model = parse(source);
    TnProgram *program;
    TnInputValue value = {"axes", {TN_INT64, 1, {1}, &axis}};
    TnCompileOptions options = {.size = sizeof options,
                                .backend = "interpreter",
                                .needs_value = note_name,
                                .needs_value_user = names};
    (void)state;
    assert_int_equal(tn_compile(model, &options, &program), TN_UNSUPPORTED);
    assert_string_equal(names, "axes ");
    names[0] = 0;
    options.values = &value;
    options.value_count = 1;
    assert_int_equal(tn_compile(model, &options, &program), TN_OK);
    assert_string_equal(names, "");
    assert_int_equal(tn_program_input_count(program), 1);
    tn_program_destroy(program);
    tn_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_through_the_host),
        cmocka_unit_test(test_gives_diagnostics_as_data),
        cmocka_unit_test(test_gives_places_in_binary_models),
        cmocka_unit_test(test_shows_models),
        cmocka_unit_test(test_writes_models),
        cmocka_unit_test(test_saves_models),
        cmocka_unit_test(test_shows_programs),
        cmocka_unit_test(test_takes_the_time_of_steps),
        cmocka_unit_test(test_names_the_inputs_whose_values_decide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
