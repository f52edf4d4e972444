/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a model on zeros, with sizes of 1 where the model leaves them open, and says what comes out.
 *
 *     run model.onnx
 */
#include "tenon.h"

#include <stdio.h>
#include <stdlib.h>

static void print_message(void *user, TnSeverity severity, const char *text)
{
    (void)severity;
    fputs(text, user);
}

static size_t element_size(TnElementType element)
{
    switch (element) {
    case TN_DOUBLE:
    case TN_INT64:
    case TN_UINT64:
    case TN_COMPLEX64: return 8;
    case TN_FLOAT:
    case TN_INT32:
    case TN_UINT32: return 4;
    case TN_FLOAT16:
    case TN_BFLOAT16:
    case TN_INT16:
    case TN_UINT16: return 2;
    case TN_STRING:
    case TN_COMPLEX128: return 16;
    default: return 1;
    }
}

static TnValue zeros(const TnPort *port)
{
    TnValue value = {port->kind, {port->element, port->rank, {0}, NULL}, 0, NULL};
    size_t bytes = element_size(port->element);
    for (int d = 0; d < port->rank; d++) {
        value.tensor.dims[d] = port->dims[d] < 0 ? 1 : port->dims[d];
        bytes *= (size_t)value.tensor.dims[d];
    }
    value.tensor.data = calloc(bytes + 1, 1);
    return value;
}

static int run(TnProgram *program)
{
    int input_count = tn_program_input_count(program);
    int output_count = tn_program_output_count(program);
    TnValue *inputs = calloc((size_t)input_count + 1, sizeof *inputs);
    TnValue *outputs = calloc((size_t)output_count + 1, sizeof *outputs);
    TnContext *context = NULL;
    TnPort port;
    for (int i = 0; i < input_count; i++)
        if (tn_program_input(program, i, &port) == TN_OK) {
            printf("input %s: %s\n", port.name, port.type);
            inputs[i] = zeros(&port);
        }
    TnStatus status = tn_context_create(program, NULL, &context);
    if (status == TN_OK)
        status = tn_run(context, input_count, inputs, output_count, outputs);
    if (status != TN_OK)
        fprintf(stderr, "%s: %s\n", tn_status_text(status),
                context ? tn_context_error(context) : "");
    for (int i = 0; status == TN_OK && i < output_count; i++)
        if (tn_program_output(program, i, &port) == TN_OK) {
            printf("output %s: %s", port.name, port.type);
            for (int d = 0; d < outputs[i].tensor.rank; d++)
                printf("%s%lld", d ? " x " : ", here ", (long long)outputs[i].tensor.dims[d]);
            printf("\n");
        }
    tn_context_destroy(context);
    for (int i = 0; i < input_count; i++)
        free(inputs[i].tensor.data);
    free(inputs);
    free(outputs);
    return status == TN_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    TnModel *model = NULL;
    TnProgram *program = NULL;
    if (argc != 2) {
        fprintf(stderr, "usage: %s MODEL\n", argv[0]);
        return 2;
    }
    TnLoadOptions load = {.size = sizeof load, .log = print_message, .log_user = stderr};
    TnCompileOptions options = {.size = sizeof options, .log = print_message, .log_user = stderr};
    TnStatus status = tn_model_load(argv[1], &load, &model);
    if (status == TN_OK)
        status = tn_compile(model, &options, &program);
    int exit_status = EXIT_FAILURE;
    if (status == TN_OK)
        exit_status = run(program);
    else
        fprintf(stderr, "%s: %s\n", argv[1], tn_status_text(status));
    tn_program_destroy(program);
    tn_model_destroy(model);
    return exit_status;
}
