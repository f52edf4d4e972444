/* SPDX-License-Identifier: Apache-2.0
 *
 * A decoder that remembers: a cache of keys and values as states of a context, to which each step
 * appends a row, and an operator of the host's own. The program is compiled, saved with its states
 * and the name of its operator, loaded again, and both are asked the same.
 *
 *     decode
 */
#define _DEFAULT_SOURCE /* mkstemps() */
#include "tenon.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WIDTH = 4, STEPS = 6, ROWS = 64 };

/* One head of attention over all steps so far; acme.Cap keeps scores within a limit. */
static const char text[] = "<ir_version: 10, opset_import: [\"\" : 21, \"acme\" : 1]>\n"
                           "decoder (float[1, 4] x, float[P, 4] past_k, float[P, 4] past_v)\n"
                           "    => (float[1, 4] y, float[Q, 4] k, float[Q, 4] v) {\n"
                           "  half = Constant <value = float {0.5}> ()\n"
                           "  new_v = Mul (x, half)\n"
                           "  k = Concat <axis = 0> (past_k, x)\n"
                           "  v = Concat <axis = 0> (past_v, new_v)\n"
                           "  k_t = Transpose <perm = [1, 0]> (k)\n"
                           "  scores = MatMul (x, k_t)\n"
                           "  capped = acme.Cap <limit = 2.0> (scores)\n"
                           "  weights = Softmax <axis = -1> (capped)\n"
                           "  y = MatMul (weights, v)\n"
                           "}\n";

static void need(TnStatus status, const char *what)
{
    if (status == TN_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, tn_status_text(status));
    exit(1);
}

static void print(void *user, TnSeverity severity, const char *words)
{
    (void)user;
    (void)severity;
    fputs(words, stderr);
}

/* ---- The operator ------------------------------------------------------------------------ */

/* limit * tanh(x / limit). Results have the type of the input, as `infer` is not given. */
static TnStatus cap(void *user, TnCall *call)
{
    const TnTensor *x = tn_call_input(call, 0);
    float limit = tn_call_float(call, "limit");
    float *y = tn_call_output(call, 0, x->rank, x->dims);
    int64_t count = 1;
    (void)user;
    if (!y)
        return tn_call_status(call);
    if (x->element != TN_FLOAT)
        return tn_call_fail(call, "only floats can be capped");
    for (int d = 0; d < x->rank; d++)
        count *= x->dims[d];
    for (int64_t i = 0; i < count; i++)
        y[i] = limit * tanhf(((const float *)x->data)[i] / limit);
    return TN_OK;
}

static const TnAttribute limit = {
    .name = "limit", .kind = TN_ATTRIBUTE_FLOAT, .default_float = 1.0f};
static const TnOperator cap_operator = {.size = sizeof cap_operator,
                                        .domain = "acme",
                                        .name = "Cap",
                                        .since = 1,
                                        .min_inputs = 1,
                                        .max_inputs = 1,
                                        .outputs = 1,
                                        .attributes = &limit,
                                        .attribute_count = 1,
                                        .compute = cap};

/* ---- The program ------------------------------------------------------------------------- */

static TnProgram *compile(void)
{
    /* The first run finds no rows: P is 0. */
    static const TnTensor empty = {.element = TN_FLOAT, .rank = 2, .dims = {0, WIDTH}};
    const TnState states[] = {{"past_k", "k", &empty, ROWS}, {"past_v", "v", &empty, ROWS}};
    TnLoadOptions load = {.size = sizeof load, .log = print};
    TnCompileOptions options = {
        .size = sizeof options, .log = print, .states = states, .state_count = 2};
    TnModel *model;
    TnProgram *program;
    need(tn_model_parse(text, strlen(text), "decoder", &load, &model), "parse");
    need(tn_model_add_operator(model, &cap_operator), "operator");
    need(tn_compile(model, &options, &program), "compile");
    tn_model_destroy(model);
    return program;
}

static TnProgram *through_a_file(TnProgram *program)
{
    const char *folder = getenv("TMPDIR");
    char path[4096];
    TnOpenOptions options = {
        .size = sizeof options, .log = print, .operators = &cap_operator, .operator_count = 1};
    TnProgram *loaded;
    snprintf(path, sizeof path, "%s/tenon-decode-XXXXXX.so", folder ? folder : "/tmp");
    int file = mkstemps(path, 3);
    if (file < 0)
        exit(1);
    close(file);
    need(tn_program_save(program, path, NULL), "save");
    need(tn_program_load(path, &options, &loaded), "load");
    unlink(path);
    return loaded;
}

/* ---- Running ----------------------------------------------------------------------------- */

/* What the caller sees is x and y; the cache is the context's. */
static void decode(const TnProgram *program, float y[WIDTH])
{
    TnContext *context;
    TnTensor rows;
    need(tn_context_create(program, NULL, &context), "context");
    for (int step = 0; step < STEPS; step++) {
        float x[WIDTH] = {(float)step, 1, 0.5f, -1};
        const TnValue input = {.kind = TN_TENSOR, .tensor = {TN_FLOAT, 2, {1, WIDTH}, x}};
        TnValue output = {.kind = TN_TENSOR, .tensor = {TN_FLOAT, 2, {1, WIDTH}, y}};
        if (tn_run(context, 1, &input, 1, &output) != TN_OK) {
            fprintf(stderr, "%s\n", tn_context_error(context));
            exit(1);
        }
    }
    need(tn_context_state(context, 0, &rows), "state");
    printf("%lld rows: %g %g %g %g\n", (long long)rows.dims[0], y[0], y[1], y[2], y[3]);
    tn_context_destroy(context);
}

int main(void)
{
    float compiled[WIDTH], saved[WIDTH];
    TnProgram *program = compile(), *loaded = through_a_file(program);
    decode(program, compiled);
    decode(loaded, saved);
    tn_program_destroy(loaded);
    tn_program_destroy(program);
    return memcmp(compiled, saved, sizeof saved) != 0;
}
