/* SPDX-License-Identifier: Apache-2.0
 *
 * A process that wants one result: start MODEL [CACHE FOLDER]. MODEL is a compiled model (.so), or
 * an ONNX model that is compiled with a cache. Inputs are zeros, open sizes are 1. Prints the
 * milliseconds from the beginning of main() to the result.
 */
#include "tenon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}

static void need(TnStatus status, const char *what)
{
    if (status == TN_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, tn_status_text(status));
    exit(1);
}

static TnProgram *open_program(const char *path, const char *folder)
{
    TnProgram *program;
    TnModel *model;
    if (!folder) {
        need(tn_program_load(path, NULL, &program), "tn_program_load");
        return program;
    }
    TnCache cache = {.folder = folder};
    TnCompileOptions options = {.size = sizeof options, .cache = &cache};
    need(tn_model_load(path, NULL, &model), "tn_model_load");
    need(tn_compile(model, &options, &program), "tn_compile");
    tn_model_destroy(model);
    return program;
}

/* Zeros; elements of every type have at most 16 bytes. */
static TnValue input_of(const TnProgram *program, int i)
{
    TnPort port;
    need(tn_program_input(program, i, &port), "tn_program_input");
    TnValue value = {TN_TENSOR, {port.element, port.rank, {0}, NULL}, 0, NULL};
    size_t count = 1;
    for (int d = 0; d < port.rank; d++) {
        value.tensor.dims[d] = port.dims[d] < 0 ? 1 : port.dims[d];
        count *= (size_t)value.tensor.dims[d];
    }
    value.tensor.data = calloc(count + 1, 16);
    return value;
}

int main(int argc, char **argv)
{
    double begin = now_ms();
    TnContext *context;
    TnValue inputs[16], outputs[16];
    if (argc < 2)
        return 2;
    TnProgram *program = open_program(argv[1], argc > 2 ? argv[2] : NULL);
    int input_count = tn_program_input_count(program);
    int output_count = tn_program_output_count(program);
    if (input_count > 16 || output_count > 16)
        return 2;
    double opened = now_ms();
    need(tn_context_create(program, NULL, &context), "tn_context_create");
    memset(outputs, 0, sizeof outputs);
    for (int i = 0; i < input_count; i++)
        inputs[i] = input_of(program, i);
    if (tn_run(context, input_count, inputs, output_count, outputs) != TN_OK) {
        fprintf(stderr, "%s\n", tn_context_error(context));
        return 1;
    }
    double done = now_ms();
    TnProgramInfo info = {.size = sizeof info};
    need(tn_program_info(program, &info), "tn_program_info");
    printf("%.2f %.2f %s\n", opened - begin, done - begin, info.from_cache ? "cached" : "compiled");
    return 0;
}
