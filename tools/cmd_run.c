/* SPDX-License-Identifier: Apache-2.0
 *
 * tenon run: compiles a model in process and runs it once. With -o each output becomes a file,
 * INDEX_NAME.npy (.pb where NumPy has no type for it); without, a table is printed.
 */
#include "inputs.h"
#include "perf.h"

#include "frontend/tensor_file.h"
#include "tensor_data.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_SHOWN = 64 };

static void append_element(Text *text, TnElementType element, const void *data)
{
    switch (element_kind(element)) {
    case ELEMENT_KIND_STRING: {
        const TnString *string = data;
        text_append_quoted(text, string->data, (size_t)string->length);
        return;
    }
    case ELEMENT_KIND_FLOAT:
        if (element == TN_DOUBLE)
            text_append_double(text, element_to_double(element, data));
        else
            text_append_float(text, (float)element_to_double(element, data));
        return;
    case ELEMENT_KIND_COMPLEX: {
        double parts[2];
        if (element == TN_COMPLEX64)
            parts[0] = ((const float *)data)[0], parts[1] = ((const float *)data)[1];
        else
            memcpy(parts, data, sizeof parts);
        text_append_double(text, parts[0]);
        text_append(text, "+");
        text_append_double(text, parts[1]);
        text_append(text, "i");
        return;
    }
    default: text_format(text, "%lld", (long long)element_to_int64(element, data));
    }
}

/* "float[2, 3] {0.5, 1.0, ...}" */
static void append_tensor(Text *text, const TnTensor *tensor)
{
    int64_t count = tensor_elements(tensor);
    text_append(text, element_name(tensor->element));
    for (int d = 0; d < tensor->rank; d++)
        text_format(text, "%s%lld%s", d ? ", " : "[", (long long)tensor->dims[d],
                    d + 1 == tensor->rank ? "]" : "");
    text_append(text, " {");
    for (int64_t i = 0; i < count && i < MOST_SHOWN; i++) {
        text_append(text, i ? ", " : "");
        append_element(text, tensor->element,
                       (const char *)tensor->data + (size_t)i * element_bytes(tensor->element));
    }
    text_append(text, count > MOST_SHOWN ? ", ...}" : "}");
}

static void append_value(Text *text, const TnValue *value)
{
    if (value->kind == TN_TENSOR) {
        append_tensor(text, &value->tensor);
        return;
    }
    text_append(text, value->kind == TN_OPTIONAL ? "optional (" : "sequence (");
    for (int64_t i = 0; i < value->count; i++) {
        text_append(text, i ? ", " : "");
        append_value(text, value->items[i]);
    }
    text_append(text, ")");
}

/* The name as part of a file name. */
static const char *file_name(Arena *arena, const char *folder, int index, const char *name,
                             const char *ending)
{
    char *safe = arena_string(arena, name, strlen(name));
    for (char *c = safe; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
            *c = '_';
    return arena_format(arena, "%s/%d_%s.%s", folder, index, safe, ending);
}

static bool write_outputs(Session *session, const TnValue *outputs)
{
    const char *folder = option_text(session->options, OPTION_output, NULL);
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return session_fail(session, TN_IO, "the output folder '%s' cannot be made: %s", folder,
                            strerror(errno));
    const char **written =
        ARENA_ARRAY(session->arena, const char *, session->program->output_count + 1);
    for (int i = 0; i < session->program->output_count; i++) {
        const char *name = session->program->outputs[i].name;
        const TnTensor *tensor = &outputs[i].tensor;
        bool as_npy = outputs[i].kind == TN_TENSOR && npy_can_write(tensor->element);
        written[i] = file_name(session->arena, folder, i, name, as_npy ? "npy" : "pb");
        bool good;
        if (as_npy) {
            TensorData data = {.element = tensor->element,
                               .rank = tensor->rank,
                               .count = tensor_elements(tensor),
                               .data = tensor->data};
            memcpy(data.dims, tensor->dims, sizeof *data.dims * (size_t)tensor->rank);
            good = npy_write(session->arena, written[i], &data, session->diagnostics);
        } else {
            good = tensor_file_write(session->arena, written[i], name, &outputs[i],
                                     session->diagnostics);
        }
        if (good)
            continue;
        for (int j = 0; j < i; j++)
            unlink(written[j]);
        return session_fail(session, TN_IO, NULL);
    }
    return true;
}

static bool run(Session *session)
{
    if (!session_build(session, session->options->arguments[0]) || !perf_tell(session))
        return false;
    const Program *program = session->program;
    TnValue *inputs = ARENA_ARRAY(session->arena, TnValue, program->input_count + 1);
    TnValue *outputs = ARENA_ARRAY(session->arena, TnValue, program->output_count + 1);
    if (!inputs_prepare(session, inputs))
        return false;
    Run *state = run_create(program, session_parallel(session));
    if (!state)
        return session_fail(session, TN_OUT_OF_MEMORY, "out of memory");
    TnStatus status =
        run_program(state, program->input_count, inputs, program->output_count, outputs);
    bool good = status == TN_OK || session_fail(session, status, "%s", state->error);
    if (good && option_given(session->options, OPTION_output))
        good = write_outputs(session, outputs);
    else if (good)
        for (int i = 0; i < program->output_count; i++) {
            Text text = text_create(session->arena);
            append_value(&text, &outputs[i]);
            printf("%s: %s\n", program->outputs[i].name, text.data);
        }
    run_destroy(state);
    return good;
}

int command_run(const Options *options)
{
    return session_run(options, 1, run);
}
