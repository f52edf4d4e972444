/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/selftest.h"

#include "runtime/checksum.h"
#include "runtime/element.h"
#include "runtime/format.h"
#include "runtime/memory.h"
#include "runtime/model.h"

#include <string.h>

typedef struct Selftest {
    const TnArtifactInfo *model;
    TnRunOptions options;
    char *inputs, *outputs;
} Selftest;

static TnStatus damaged(const Selftest *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static TnStatus damaged(const Selftest *t, const char *format, ...)
{
    va_list list;
    if (t->options.message && t->options.message_bytes) {
        va_start(list, format);
        format_list(t->options.message, t->options.message_bytes, format, list);
        va_end(list);
    }
    return TN_INVALID_MODEL;
}

static int64_t round_up(int64_t bytes)
{
    return (bytes + MEMORY_ALIGNMENT - 1) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
}

int64_t selftest_head_bytes(const TnArtifactInfo *model)
{
    return round_up((int64_t)model->inputs_size) + round_up((int64_t)model->outputs_size);
}

/* ---- Weights ----------------------------------------------------------------------------- */

static TnStatus check_weights(const Selftest *t)
{
    const Program *program = t->model->program;
    const char *weights = t->model->has_weights ? program->weights : t->options.weights;
    size_t bytes = (size_t)t->model->weight_bytes - SELFTEST_SUM_BYTES;
    unsigned char made[CHECKSUM_BYTES];
    Checksum sum;
    if (!weights)
        return TN_OK; /* the run says so */
    checksum_begin(&sum);
    checksum_add(&sum, weights, bytes);
    checksum_end(&sum, made);
    return memcmp(made, weights + bytes, sizeof made) ? damaged(t, "the weights are damaged")
                                                      : TN_OK;
}

/* ---- Results ----------------------------------------------------------------------------- */

static double magnitude(double x)
{
    return x < 0 ? -x : x;
}

/* What a type's own rounding may change, relative to the largest result. */
static double type_tolerance(TnElementType element, double rtol)
{
    double least = 0;
    if (element == TN_FLOAT16)
        least = 0x1p-7;
    else if (element == TN_BFLOAT16)
        least = 0x1p-4;
    else if (element_bytes(element) == 1 && element_kind(element) == ELEMENT_KIND_FLOAT)
        least = 0x1p-1;
    return rtol > least ? rtol : least;
}

/* Complex numbers are two real ones. */
static TnElementType part_type(TnElementType element)
{
    return element == TN_COMPLEX64 ? TN_FLOAT : element == TN_COMPLEX128 ? TN_DOUBLE : element;
}

static TnStatus check_floats(const Selftest *t, const TnArtifactPort *port,
                             const TnTensor *expected, const char *made)
{
    TnElementType type = part_type(port->element);
    size_t each = element_bytes(type);
    size_t count = (size_t)memory_tensor_bytes(expected) / each;
    const char *right = expected->data;
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        double x = magnitude(element_to_double(type, right + i * each));
        if (x > largest && x - x == 0) /* finite */
            largest = x;
    }
    double allowed = t->model->atol + type_tolerance(type, t->model->rtol) * largest;
    for (size_t i = 0; i < count; i++) {
        double a = element_to_double(type, made + i * each),
               b = element_to_double(type, right + i * each);
        bool same = a == b || (a != a && b != b) || magnitude(a - b) <= allowed;
        if (!same)
            return damaged(
                t, "output '%s' is wrong in element %zu: by %lld times what is allowed", port->name,
                i,
                (long long)(magnitude(a - b) / allowed < 1e9 ? magnitude(a - b) / allowed : 1e9));
    }
    return TN_OK;
}

/* Bytes are results of rounding, mostly: they may be one off. */
static TnStatus check_integers(const Selftest *t, const TnArtifactPort *port,
                               const TnTensor *expected, const char *made)
{
    size_t each = element_bytes(port->element);
    size_t count = (size_t)memory_tensor_bytes(expected) / each;
    int64_t allowed = port->element == TN_INT8 || port->element == TN_UINT8;
    for (size_t i = 0; i < count; i++) {
        int64_t a = element_to_int64(port->element, made + i * each);
        int64_t b = element_to_int64(port->element, (const char *)expected->data + i * each);
        int64_t off = a > b ? a - b : b - a;
        if (off > allowed)
            return damaged(t, "output '%s' is %lld in element %zu, not %lld", port->name,
                           (long long)a, i, (long long)b);
    }
    return TN_OK;
}

static TnStatus check_strings(const Selftest *t, const TnArtifactPort *port,
                              const TnTensor *expected, const TnString *made)
{
    const TnString *right = expected->data;
    size_t count = (size_t)memory_tensor_bytes(expected) / sizeof *right;
    for (size_t i = 0; i < count; i++)
        if (made[i].length != right[i].length ||
            (right[i].length && memcmp(made[i].data, right[i].data, (size_t)right[i].length)))
            return damaged(t, "output '%s' is another text in element %zu", port->name, i);
    return TN_OK;
}

static TnStatus check_output(const Selftest *t, int i)
{
    const TnArtifactPort *port = &t->model->outputs[i];
    const TnTensor *expected = &t->model->selftest->outputs[i];
    const char *made = *(char *const *)(const void *)(t->outputs + port->data);
    if (port->sizes != SIZE_MAX) {
        const int64_t *dims = (const int64_t *)(const void *)(t->outputs + port->sizes);
        for (int d = 0; d < expected->rank; d++)
            if (dims[d] != expected->dims[d])
                return damaged(t, "output '%s' has size %lld in dimension %d, not %lld", port->name,
                               (long long)dims[d], d, (long long)expected->dims[d]);
    }
    if (memory_tensor_bytes(expected) == 0)
        return TN_OK;
    switch (element_kind(port->element)) {
    case ELEMENT_KIND_STRING: return check_strings(t, port, expected, (const void *)made);
    case ELEMENT_KIND_FLOAT:
    case ELEMENT_KIND_COMPLEX: return check_floats(t, port, expected, made);
    default: return check_integers(t, port, expected, made);
    }
}

/* ---- The whole --------------------------------------------------------------------------- */

static void set_inputs(const Selftest *t)
{
    const TnArtifactSelftest *test = t->model->selftest;
    for (int i = 0; i < t->model->input_count; i++)
        memcpy(t->inputs + t->model->inputs[i].data, &test->inputs[i].data, sizeof(void *));
    for (int i = 0; i < t->model->size_count; i++)
        memcpy(t->inputs + t->model->sizes[i].offset, &test->sizes[i], sizeof(int64_t));
}

TnStatus selftest_enter(const TnArtifactInfo *model, void *arena, size_t arena_bytes,
                        const TnRunOptions *given)
{
    Selftest t = {.model = model};
    size_t head = (size_t)selftest_head_bytes(model), needed = 0;
    if (given)
        memcpy(&t.options, given, given->size < sizeof t.options ? given->size : sizeof t.options);
    t.options.size = sizeof t.options;
    size_t *told = t.options.arena_needed;
    t.options.arena_needed = &needed;
    bool has_room = arena && arena_bytes > head && (uintptr_t)arena % MEMORY_ALIGNMENT == 0;
    if (!has_room) { /* the run says what is wrong with it before it looks at anything else */
        char nothing[1] = {0};
        TnStatus answer = model->run(nothing, nothing, arena, 0, &t.options);
        if (answer == TN_ARENA_TOO_SMALL && told)
            *told = needed + head;
        return answer;
    }
    t.inputs = arena;
    t.outputs = t.inputs + round_up((int64_t)model->inputs_size);
    memset(arena, 0, head);
    set_inputs(&t);
    TnStatus status = check_weights(&t);
    if (status == TN_OK)
        status =
            model->run(t.inputs, t.outputs, (char *)arena + head, arena_bytes - head, &t.options);
    if (status == TN_ARENA_TOO_SMALL && told)
        *told = needed + head;
    for (int i = 0; status == TN_OK && i < model->output_count; i++)
        status = check_output(&t, i);
    return status;
}
