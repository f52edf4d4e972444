/* SPDX-License-Identifier: Apache-2.0
 *
 * One program, run by eight threads at once: the program is shared, each thread has a context of
 * its own, and each its own batch size. What a thread gets does not depend on the others.
 *
 *     threads model.onnx
 *
 * The model has one input and one output, both tensors of floats.
 */
#include "tenon.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 8, RUNS = 200 };

typedef struct Job {
    const TnProgram *program;
    int64_t batch;
    TnStatus status;
    char error[256];
    float *first; /* the result of the first run; all others must be the same bits */
    size_t bytes;
    int differing;
} Job;

static void print_message(void *user, TnSeverity severity, const char *text)
{
    (void)severity;
    fputs(text, user);
}

/* Sizes that the model leaves open are the batch. */
static int64_t element_count(TnTensor *tensor, int64_t batch)
{
    int64_t count = 1;
    for (int d = 0; d < tensor->rank; d++) {
        if (tensor->dims[d] < 0)
            tensor->dims[d] = batch;
        count *= tensor->dims[d];
    }
    return count;
}

static TnStatus make_input(const Job *job, TnValue *input)
{
    TnPort port;
    TnStatus status = tn_program_input(job->program, 0, &port);
    if (status != TN_OK || port.kind != TN_TENSOR || port.element != TN_FLOAT)
        return TN_BAD_ARGUMENT;
    *input = (TnValue){.kind = TN_TENSOR, .tensor = {.element = TN_FLOAT, .rank = port.rank}};
    memcpy(input->tensor.dims, port.dims, sizeof port.dims);
    int64_t count = element_count(&input->tensor, job->batch);
    float *data = malloc((size_t)(count + 1) * sizeof *data);
    if (!data)
        return TN_OUT_OF_MEMORY;
    for (int64_t i = 0; i < count; i++)
        data[i] = (float)((i + job->batch) % 17 - 8) / 4;
    input->tensor.data = data;
    return TN_OK;
}

/* Keeps the first result, and compares all others with it. */
static TnStatus take_result(Job *job, TnTensor *result)
{
    size_t bytes = (size_t)element_count(result, job->batch) * sizeof(float);
    if (job->first) {
        job->differing += bytes != job->bytes || memcmp(job->first, result->data, bytes) != 0;
        return TN_OK;
    }
    job->bytes = bytes;
    job->first = malloc(bytes + 1);
    if (!job->first)
        return TN_OUT_OF_MEMORY;
    memcpy(job->first, result->data, bytes);
    return TN_OK;
}

static void *run(void *user)
{
    Job *job = user;
    TnContext *context = NULL;
    TnValue input = {0};
    job->status = make_input(job, &input);
    if (job->status == TN_OK)
        job->status = tn_context_create(job->program, NULL, &context);
    for (int i = 0; job->status == TN_OK && i < RUNS; i++) {
        TnValue output = {0};
        job->status = tn_run(context, 1, &input, 1, &output);
        if (job->status == TN_OK)
            job->status = take_result(job, &output.tensor);
        else
            snprintf(job->error, sizeof job->error, "%s", tn_context_error(context));
    }
    tn_context_destroy(context);
    free(input.tensor.data);
    return NULL;
}

static int run_all(const TnProgram *program)
{
    Job jobs[THREADS];
    pthread_t threads[THREADS];
    int started = 0, failures = 0;
    for (int i = 0; i < THREADS; i++)
        jobs[i] = (Job){.program = program, .batch = 1 + i};
    while (started < THREADS && !pthread_create(&threads[started], NULL, run, &jobs[started]))
        started++;
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < started; i++) {
        const Job *job = &jobs[i];
        if (job->status != TN_OK)
            printf("thread %d: %s: %s\n", i, tn_status_text(job->status), job->error);
        else
            printf("thread %d: batch %lld, %d runs, first element %g, %d differ\n", i,
                   (long long)job->batch, RUNS, job->bytes ? (double)job->first[0] : 0,
                   job->differing);
        failures += job->status != TN_OK || job->differing;
        free(job->first);
    }
    return started == THREADS && failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    TnModel *model = NULL;
    TnProgram *program = NULL;
    int exit_status = EXIT_FAILURE;
    if (argc != 2) {
        fprintf(stderr, "usage: %s MODEL\n", argv[0]);
        return 2;
    }
    TnLoadOptions load = {.size = sizeof load, .log = print_message, .log_user = stderr};
    TnCompileOptions options = {.size = sizeof options, .log = print_message, .log_user = stderr};
    TnStatus status = tn_model_load(argv[1], &load, &model);
    if (status == TN_OK)
        status = tn_compile(model, &options, &program);
    tn_model_destroy(model); /* the program holds on to what it needs of it */
    if (status != TN_OK)
        fprintf(stderr, "%s: %s\n", argv[1], tn_status_text(status));
    else if (tn_program_input_count(program) != 1 || tn_program_output_count(program) != 1)
        fprintf(stderr, "%s: one input and one output are expected\n", argv[1]);
    else
        exit_status = run_all(program);
    tn_program_destroy(program);
    return exit_status;
}
