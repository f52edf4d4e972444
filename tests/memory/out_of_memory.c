/* SPDX-License-Identifier: Apache-2.0
 *
 * Loads, compiles and runs models with each allocation of the library failing once, then with all
 * from each on: every time the answer is a status that says so, nothing stays behind, and the next
 * time it works.
 *
 *     out_of_memory BACKEND STRIDE MODEL...
 *
 * STRIDE 1 tries every allocation, larger ones every so many.
 */
#include "failing.h"
#include "runtime/element.h"
#include "tenon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PORTS = 16, SIZE = 2 };

typedef struct Inputs {
    int count;
    TnValue values[MOST_PORTS];
} Inputs;

typedef struct Outcome {
    TnStatus status;
    uint64_t hash; /* of the outputs */
    int messages;
} Outcome;

/* ---- What goes in ------------------------------------------------------------------------ */

static void fill(TnTensor *tensor, int64_t count)
{
    static const char *const texts[] = {"one two", "", "three"};
    size_t bytes = element_bytes(tensor->element);
    tensor->data = calloc((size_t)count + 1, bytes);
    for (int64_t i = 0; i < count; i++) {
        const char *text = texts[i % 3];
        char *at = (char *)tensor->data + (size_t)i * bytes;
        if (tensor->element == TN_STRING)
            *(TnString *)(void *)at = (TnString){text, (int64_t)strlen(text)};
        else
            element_from_double(tensor->element, (double)(i % 3), true, at);
    }
}

static void make_inputs(const TnProgram *program, Inputs *inputs)
{
    TnPort port;
    inputs->count = tn_program_input_count(program);
    for (int i = 0; i < inputs->count && tn_program_input(program, i, &port) == TN_OK; i++) {
        int64_t count = 1;
        TnTensor tensor = {.element = port.element, .rank = port.rank};
        for (int d = 0; d < port.rank; d++)
            count *= tensor.dims[d] = port.dims[d] < 0 ? SIZE : port.dims[d];
        fill(&tensor, count);
        inputs->values[i] = (TnValue){.kind = TN_TENSOR, .tensor = tensor};
    }
}

static void free_inputs(Inputs *inputs)
{
    for (int i = 0; i < inputs->count; i++)
        free(inputs->values[i].tensor.data);
}

/* ---- What comes out ---------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, const void *data, size_t bytes)
{
    const unsigned char *at = data;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ at[i]) * 0x100000001b3;
    return hash;
}

static uint64_t hash_value(uint64_t hash, const TnValue *value)
{
    hash = mix(hash, &value->kind, sizeof value->kind);
    if (value->kind != TN_TENSOR) {
        for (int64_t i = 0; i < value->count; i++)
            hash = hash_value(hash, value->items[i]);
        return hash;
    }
    const TnTensor *tensor = &value->tensor;
    int64_t count = 1;
    for (int d = 0; d < tensor->rank; d++)
        count *= tensor->dims[d];
    hash = mix(hash, tensor->dims, (size_t)tensor->rank * sizeof *tensor->dims);
    if (tensor->element != TN_STRING)
        return mix(hash, tensor->data, (size_t)count * element_bytes(tensor->element));
    const TnString *strings = tensor->data;
    for (int64_t i = 0; i < count; i++)
        hash = mix(hash, strings[i].data, (size_t)strings[i].length);
    return hash;
}

/* ---- From the file to the results -------------------------------------------------------- */

static void count_message(void *user, TnSeverity severity, const char *text)
{
    Outcome *outcome = user;
    outcome->messages += severity == TN_ERROR && text[0];
}

static TnStatus run(const TnProgram *program, const Inputs *inputs, Outcome *outcome)
{
    TnValue outputs[MOST_PORTS] = {{0}};
    TnContext *context = NULL;
    TnContextOptions options = {.size = sizeof options, .parallel = {.threads = 2}};
    int count = tn_program_output_count(program);
    TnStatus status = tn_context_create(program, &options, &context);
    outcome->hash = 0xcbf29ce484222325;
    if (status == TN_OK)
        status = tn_run(context, inputs->count, inputs->values, count, outputs);
    for (int i = 0; status == TN_OK && i < count; i++)
        outcome->hash = hash_value(outcome->hash, &outputs[i]);
    tn_context_destroy(context);
    return status;
}

static Outcome load_compile_run(const char *path, const char *backend)
{
    Outcome outcome = {0};
    Inputs inputs = {0};
    TnModel *model = NULL;
    TnProgram *program = NULL;
    TnLoadOptions load = {.size = sizeof load, .log = count_message, .log_user = &outcome};
    TnCompileOptions options = {.size = sizeof options,
                                .log = count_message,
                                .log_user = &outcome,
                                .backend = backend,
                                .parallel = {.threads = 2}};
    outcome.status = tn_model_load(path, &load, &model);
    if (outcome.status == TN_OK)
        outcome.status = tn_compile(model, &options, &program);
    if (outcome.status == TN_OK) {
        make_inputs(program, &inputs);
        outcome.status = run(program, &inputs, &outcome);
    }
    free_inputs(&inputs);
    tn_program_destroy(program);
    tn_model_destroy(model);
    return outcome;
}

/* ---- Failing ----------------------------------------------------------------------------- */

/* An allocation that can be done without may fail unseen: then the results must be right. */
static bool is_clean(const Outcome *expected, const Outcome *found, const Failing *failing)
{
    if (failing->live || failing->live_files)
        return false;
    if (found->status == TN_OK)
        return found->hash == expected->hash;
    return failing->has_failed &&
           (found->status == TN_OUT_OF_MEMORY || (failing->was_a_file && found->status == TN_IO));
}

static Outcome attempt(const char *path, const char *backend, int64_t at, bool after,
                       Failing *failing)
{
    failing_begin(at, after);
    Outcome outcome = load_compile_run(path, backend);
    *failing = failing_end();
    return outcome;
}

static int check(const char *path, const char *backend, int64_t stride)
{
    Failing failing;
    int failures = 0;
    Outcome expected = attempt(path, backend, 0, false, &failing);
    if (expected.status != TN_OK || failing.live || failing.live_files) {
        printf("%s: without a failure: %s, %lld blocks and %lld files stay\n", path,
               tn_status_text(expected.status), (long long)failing.live,
               (long long)failing.live_files);
        return 1;
    }
    int64_t calls = failing.calls, tried = 0;
    for (int64_t at = 1; at <= calls; at += stride)
        for (int after = 0; after < 2; after++, tried++) {
            Outcome found = attempt(path, backend, at, after, &failing);
            if (is_clean(&expected, &found, &failing))
                continue;
            failures++;
            printf("%s: allocation %lld of %lld%s: %s, %lld blocks and %lld files stay%s\n", path,
                   (long long)at, (long long)calls, after ? " and all after" : "",
                   tn_status_text(found.status), (long long)failing.live,
                   (long long)failing.live_files,
                   found.status == TN_OK && found.hash != expected.hash ? ", other results" : "");
        }
    printf("%s, %s: %lld allocations, %lld failures tried, %d not clean\n", path, backend,
           (long long)calls, (long long)tried, failures);
    return failures;
}

int main(int argc, char **argv)
{
    int failures = 0;
    if (argc < 4) {
        fprintf(stderr, "usage: %s BACKEND STRIDE MODEL...\n", argv[0]);
        return 2;
    }
    for (int i = 3; i < argc; i++)
        failures += check(argv[i], argv[1], atoll(argv[2]));
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
