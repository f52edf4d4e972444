/* SPDX-License-Identifier: Apache-2.0
 *
 * Builds a model in memory, a layer of a network with an operator of the program's own behind it,
 * runs it, and prints it in ONNX's textual syntax.
 *
 *     build
 */
#include "tenon.h"

#include <stdio.h>
#include <stdlib.h>

static void print_message(void *user, TnSeverity severity, const char *text)
{
    (void)severity;
    fputs(text, user);
}

static bool print_text(void *user, const void *data, size_t length)
{
    return fwrite(data, 1, length, user) == length;
}

/* ---- An operator: y = the larger of x and the attribute `floor` ------------------------------ */

static TnStatus compute_floor(void *user, TnCall *call)
{
    const TnTensor *x = tn_call_input(call, 0);
    const float *from = x->data, lowest = tn_call_float(call, "floor");
    float *to = tn_call_output(call, 0, x->rank, x->dims);
    int64_t count = 1;
    (void)user;
    if (!to)
        return tn_call_status(call);
    for (int d = 0; d < x->rank; d++)
        count *= x->dims[d];
    for (int64_t i = 0; i < count; i++)
        to[i] = from[i] < lowest ? lowest : from[i];
    return TN_OK;
}

static const TnAttribute attributes[] = {{.name = "floor", .kind = TN_ATTRIBUTE_FLOAT}};

static const TnOperator floor_operator = {.size = sizeof floor_operator,
                                          .domain = "example",
                                          .name = "Floor",
                                          .since = 1,
                                          .min_inputs = 1,
                                          .max_inputs = 1,
                                          .outputs = 1,
                                          .attributes = attributes,
                                          .attribute_count = 1,
                                          .compute = compute_floor};

/* ---- The model ------------------------------------------------------------------------------ */

static TnStatus build(TnModel *model)
{
    static float weights[] = {1, -1, 2, -2, 3, -3};
    static const TnTensor tensor = {TN_FLOAT, 2, {3, 2}, weights};
    static const char *const inputs[] = {"product"}, *const outputs[] = {"y"};
    TnGraph *graph = tn_model_graph(model);
    TnNode *node = NULL;
    TnStatus status = tn_model_add_operator(model, &floor_operator);
    if (status == TN_OK)
        status = tn_graph_add_input(graph, "x", "float[N, 3]");
    if (status == TN_OK)
        status = tn_graph_add_constant(graph, "weights", &tensor);
    if (status == TN_OK)
        status = tn_graph_add_text(graph, "product = MatMul (x, weights)");
    if (status == TN_OK)
        status = tn_graph_add_node(graph, "example.Floor", "floor", 1, inputs, 1, outputs, &node);
    if (status == TN_OK)
        status = tn_node_set_float(node, "floor", -4);
    if (status == TN_OK)
        status = tn_graph_add_output(graph, "y", "float[N, 2]");
    return status;
}

static TnStatus run(TnModel *model)
{
    TnCompileOptions options = {.size = sizeof options, .log = print_message, .log_user = stderr};
    TnProgram *program = NULL;
    TnContext *context = NULL;
    float x[] = {1, 1, 1}, y[2] = {0};
    TnValue input = {TN_TENSOR, {TN_FLOAT, 2, {1, 3}, x}, 0, NULL};
    TnValue output = {TN_TENSOR, {TN_FLOAT, 2, {1, 2}, y}, 0, NULL};
    TnStatus status = tn_compile(model, &options, &program);
    if (status == TN_OK)
        status = tn_context_create(program, NULL, &context);
    if (status == TN_OK)
        status = tn_run(context, 1, &input, 1, &output);
    if (status == TN_OK)
        printf("y = %g, %g\n", (double)y[0], (double)y[1]); /* 6, -4 */
    else if (context)
        fprintf(stderr, "%s\n", tn_context_error(context));
    tn_context_destroy(context);
    tn_program_destroy(program);
    return status == TN_OK && (y[0] != 6 || y[1] != -4) ? TN_INTERNAL : status;
}

int main(void)
{
    TnLoadOptions options = {.size = sizeof options, .log = print_message, .log_user = stderr};
    TnModel *model = NULL;
    TnStatus status = tn_model_create("layer", &options, &model);
    if (status == TN_OK)
        status = build(model);
    if (status == TN_OK)
        status = run(model);
    if (status == TN_OK)
        status = tn_model_write(model, TN_TEXT, print_text, stdout);
    if (status != TN_OK)
        fprintf(stderr, "%s\n", tn_status_text(status));
    tn_model_destroy(model);
    return status == TN_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
