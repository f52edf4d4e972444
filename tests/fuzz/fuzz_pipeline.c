/* SPDX-License-Identifier: Apache-2.0
 *
 * Any text as a pipeline: an error, or steps whose printed form reads back as itself. It is run,
 * verified after each pass, over the model that follows in the next lines, which is then compiled;
 * where none follows, over one of a few small models, whose results must stay what they are without
 * it.
 */
#include "compiling.h"
#include "frontend/load.h"
#include "runtime/run.h"

#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_PORTS = 8, LONGEST_PIPELINE = 256, LARGEST_MODEL = 4096 };

#define HEADER "<ir_version: 10, opset_import: [\"\" : 21]>\n"
static const char *const models[] = {
    HEADER
    "layers (float[N, 2, 5, 5] x) => (float[N, 3] y, float16[N, 75] h)\n"
    "<float[3, 2, 3, 3] w = {1, 2, 3, 1, 2, 3, 1, 2, 3, 0.5, -1, 2, 0.5, -1, 2, 0.5, -1, 2,\n"
    "  1, 1, 1, 2, 2, 2, 3, 3, 3, 1, 0, 1, 0, 1, 0, 1, 0, 1, -1, -2, -3, 1, 2, 3, 1, 2, 3,\n"
    "  1, 1, 2, 2, 3, 3, 4, 4, 5}, float[3] s = {1, 0.5, 2}, float[3] b = {0, 1, -1},\n"
    "  float[3] m = {0, 0.1, 0.2}, float[3] v = {1, 2, 0.5}> {\n"
    "  pads = Constant <value = int64[8] {0, 0, 1, 1, 0, 0, 1, 1}> ()\n"
    "  p = Pad <mode = \"constant\"> (x, pads)\n"
    "  c = Conv (p, w)\n"
    "  n = BatchNormalization (c, s, b, m, v)\n"
    "  r = Relu (n)\n"
    "  a = GlobalAveragePool (r)\n"
    "  f = Flatten (a)\n"
    "  y = Softmax (f)\n"
    "  t = Transpose <perm = [0, 2, 3, 1]> (r)\n"
    "  q = Cast <to = 10> (t)\n"
    "  u = Mul (q, q)\n"
    "  h = Flatten (u)\n"
    "}\n",
    HEADER
    "control (float[2, 3] x, int64 k, bool go) => (float[2, 3] a, float[p, 3] d, float[3] z)\n"
    "<float[2, 3] one = {1, 1, 1, 1, 1, 1}, bool yes = {1}> {\n"
    "  axis = Constant <value = int64[1] {0}> ()\n"
    "  e = Exp (x)\n"
    "  e2 = Exp (x)\n"
    "  a = If (go) <then_branch = t () => (float[2, 3] r) { r = Add (e, e2) },\n"
    "    else_branch = o () => (float[2, 3] l) { l = Sub (e, one) }>\n"
    "  d = Loop (k, yes, x) <body = b (int64 i, bool c, float[m, 3] s) =>\n"
    "    (bool g, float[n, 3] w) { g = Identity (c) w = Concat <axis = 0> (s, one) }>\n"
    "  z0 = ReduceMean <keepdims = 0> (x, axis)\n"
    "  z = Scan <num_scan_inputs = 1, body = f (float[3] t0, float[3] i0) => (float[3] o0)\n"
    "    { o0 = Add (t0, i0) }> (z0, e)\n"
    "}\n",
    HEADER "moves (float[A, B, 4] x, int8[A, 3] q) => (float[4, C] y, int32[A, 2] z, int64[3] s)\n"
           "<int64[2] shape = {4, -1}, int8[3, 2] w = {1, 2, 3, -4, 5, -6}, float half = {0.5}> {\n"
           "  two = Constant <value_int = 2> ()\n"
           "  nought = Constant <value_ints = [0]> ()\n"
           "  t = Transpose <perm = [2, 0, 1]> (x)\n"
           "  v = Mul (t, half)\n"
           "  s = Shape (t)\n"
           "  last = Gather (s, two)\n"
           "  last1 = Unsqueeze (last, nought)\n"
           "  many = Expand (half, last1)\n"
           "  one = Div (many, many)\n"
           "  n = LayerNormalization (v, one)\n"
           "  y = Reshape (n, shape)\n"
           "  z = MatMulInteger (q, w)\n"
           "}\n",
};

/* ---- Running ----------------------------------------------------------------------------- */

typedef struct Results {
    Run *run;
    int count;
    TnValue values[MOST_PORTS];
} Results;

/* Sizes that are not known are 2. */
static void make_input(Arena *arena, const Port *port, TnValue *value)
{
    int64_t count = 1;
    TnTensor *tensor = &value->tensor;
    *value = (TnValue){.kind = TN_TENSOR,
                       .tensor = {.element = port->value.element, .rank = port->value.rank}};
    for (int d = 0; d < tensor->rank; d++) {
        Size dim = port->value.dims[d];
        static const int64_t conv[] = {2, 2, 5, 5}, moves[] = {2, 2, 4}, rows[] = {2, 3};
        const int64_t *known = tensor->rank == 4 ? conv : tensor->rank == 3 ? moves : rows;
        tensor->dims[d] = dim.slot < 0 ? dim.number : known[d];
        count *= tensor->dims[d];
    }
    size_t bytes = element_bytes(tensor->element);
    tensor->data = arena_try(arena, (size_t)count * bytes + 1);
    for (int64_t i = 0; i < count; i++)
        element_from_double(tensor->element, (double)(i * 7 % 5) - (count > 1), true,
                            (char *)tensor->data + (size_t)i * bytes);
}

static Results run(Arena *arena, const Program *program, const Diagnostics *diagnostics)
{
    TnValue inputs[MOST_PORTS];
    Results results = {.run = run_create(program, (Parallel){.threads = 1}),
                       .count = program->output_count};
    for (int i = 0; i < program->input_count; i++)
        make_input(arena, &program->inputs[i], &inputs[i]);
    if (results.run && run_program(results.run, program->input_count, inputs, results.count,
                                   results.values) != TN_OK)
        fuzz_fail(diagnostics, results.run->error);
    return results;
}

static bool is_near(const TnTensor *a, const TnTensor *b)
{
    bool same = a->element == b->element && a->rank == b->rank;
    int64_t count = 1;
    for (int d = 0; same && d < a->rank; d++) {
        same = a->dims[d] == b->dims[d];
        count *= a->dims[d];
    }
    double tolerance = a->element == TN_FLOAT16 ? 4e-3 : 1e-4;
    size_t bytes = element_bytes(a->element);
    for (int64_t i = 0; same && i < count; i++) {
        double x = element_to_double(a->element, (const char *)a->data + (size_t)i * bytes);
        double y = element_to_double(b->element, (const char *)b->data + (size_t)i * bytes);
        same = (isnan(x) && isnan(y)) || x == y || fabs(x - y) <= tolerance * (1 + fabs(y));
    }
    return same;
}

/* ---- Pipelines --------------------------------------------------------------------------- */

static Model *import(Arena *arena, const char *text, Diagnostics *diagnostics)
{
    Document *document = document_parse(arena, "fuzz", text, strlen(text), diagnostics);
    Model *model = document ? model_import(arena, document, NULL, NULL, diagnostics) : NULL;
    if (!model && !diagnostics->error_count)
        fuzz_fail(diagnostics, "failed without a word");
    return model;
}

static Program *build(Arena *arena, Arena *scratch, const char *text, const char *pipeline,
                      bool roundtrip, Diagnostics *diagnostics)
{
    Model *model = import(arena, text, diagnostics);
    if (!model || !fuzz_optimise(model, pipeline, roundtrip, scratch) ||
        !fuzz_optimise(model, "@required", roundtrip, scratch))
        return NULL;
    return fuzz_compile(model);
}

static void compare(Arena *arena, Arena *scratch, const char *text, const char *pipeline)
{
    Diagnostics *diagnostics = diagnostics_create(arena);
    Program *plain = build(arena, scratch, text, "", false, diagnostics);
    if (!plain)
        fuzz_fail(diagnostics, "a model of this file");
    Program *optimised = build(arena, scratch, text, pipeline, false, diagnostics);
    if (optimised) {
        Results expected = run(arena, plain, diagnostics);
        Results found = run(arena, optimised, diagnostics);
        for (int i = 0; i < expected.count; i++)
            if (!is_near(&found.values[i].tensor, &expected.values[i].tensor))
                fuzz_fail(diagnostics, optimised->outputs[i].name);
        run_destroy(expected.run);
        run_destroy(found.run);
    }
}

static bool check_text(Arena *arena, const char *given)
{
    Diagnostics *diagnostics = diagnostics_create(arena);
    const PipelineStep *steps, *again;
    if (!pipeline_parse(arena, given, diagnostics, &steps)) {
        if (diagnostics->error_count == 0)
            abort(); /* failed without a word */
        return false;
    }
    bool in_order = pipeline_check_order(steps, diagnostics);
    Text first = text_create(arena), second = text_create(arena);
    pipeline_print(steps, &first);
    if (!pipeline_parse(arena, first.data, diagnostics, &again))
        abort();
    pipeline_print(again, &second);
    if (strcmp(first.data, second.data) != 0)
        abort();
    return in_order;
}

static void check(Arena *arena, Arena *scratch, char *given)
{
    char *model = strchr(given, '\n');
    if (model)
        *model++ = 0;
    if (!check_text(arena, given) || strlen(given) > LONGEST_PIPELINE)
        return;
    if (model && *model && strlen(model) <= LARGEST_MODEL)
        build(arena, scratch, model, given, true, diagnostics_create(arena));
    else
        compare(arena, scratch, models[strlen(given) % COUNT_OF(models)], given);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Boundary boundary;
    Arena *volatile arena = arena_create(&boundary);
    if (arena && setjmp(boundary.jump) == 0) {
        Arena *scratch = arena_create_child(arena);
        if (scratch)
            check(arena, scratch, arena_string(arena, (const char *)data, size));
    }
    arena_destroy(arena);
    return 0;
}
