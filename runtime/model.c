/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/model.h"

#include "runtime/cpu.h"
#include "runtime/format.h"
#include "runtime/run_internal.h"

#include <string.h>

/* At the arena's begin. The stamp says that this processor has been looked at: asking it takes
 * longer than a small model, and nothing outside of the arena may remember the answer. */
typedef struct ModelRun {
    uint64_t stamp[2];
    const TnArtifactInfo *model;
    const Program *program; /* of the variant for this processor */
    const char *inputs;
    Run run;
} ModelRun;

static int64_t tables_offset(void)
{
    return ((int64_t)sizeof(ModelRun) + 15) / 16 * 16;
}

static int64_t values_offset(const Program *program)
{
    return tables_offset() + run_table_bytes(program);
}

int64_t model_head_bytes(const Program *program)
{
    int64_t values = (int64_t)program->input_count + program->output_count;
    int64_t pointers = program->input_count;
    return memory_align(values_offset(program) + values * (int64_t)sizeof(TnValue) +
                        pointers * (int64_t)sizeof(void *));
}

int64_t model_arena_bytes(const Program *program, int64_t planned, int threads)
{
    int64_t bytes = model_head_bytes(program), workers;
    if (planned < 0 || !memory_product(memory_align(program->worker_scratch), threads, &workers) ||
        __builtin_add_overflow(bytes, planned, &bytes) ||
        __builtin_add_overflow(bytes, workers, &bytes) ||
        __builtin_add_overflow(bytes, program->has_tail ? RUN_FIRST_TAIL_BYTES : 0, &bytes))
        return -1;
    return bytes;
}

/* ---- What went wrong --------------------------------------------------------------------- */

static TnStatus answer(const TnRunOptions *options, TnStatus status, const char *message)
{
    if (options->message && options->message_bytes)
        format_text(options->message, options->message_bytes, "%s", message);
    return status;
}

static TnStatus too_small(const TnRunOptions *options, size_t have, int64_t needed)
{
    char text[100];
    if (options->arena_needed)
        *options->arena_needed = (size_t)needed;
    format_text(text, sizeof text, "the arena has %zu bytes, %lld are needed", have,
                (long long)needed);
    return answer(options, TN_ARENA_TOO_SMALL, text);
}

const TnArtifactVariant *model_variant(const TnArtifactInfo *model, uint64_t *missing)
{
    uint64_t there = 0;
    *missing = 0;
    for (int i = 0; i < model->variant_count; i++) {
        const TnArtifactVariant *variant = &model->variants[i];
        if (variant->cpu_features && !there)
            there = cpu_features();
        *missing = variant->cpu_features & ~there;
        if (!*missing)
            return variant;
    }
    return NULL;
}

static TnStatus check_processor(ModelRun *m, const TnArtifactInfo *model,
                                const TnRunOptions *options)
{
    uint64_t place = (uint64_t)(uintptr_t)m ^ (uint64_t)(uintptr_t)model << 7;
    uint64_t stamp[2] = {place ^ 0x54656e6f6e206d6f, ~place * 0x9e3779b97f4a7c15u};
    if (m->stamp[0] == stamp[0] && m->stamp[1] == stamp[1])
        return TN_OK;
    uint64_t missing;
    const TnArtifactVariant *variant = model_variant(model, &missing);
    if (!variant) {
        char text[100];
        format_text(text, sizeof text, "the processor lacks %s, which the model was compiled for",
                    cpu_feature_name(missing & -missing));
        return answer(options, TN_UNSUPPORTED, text);
    }
    m->program = variant->program;
    m->stamp[0] = stamp[0];
    m->stamp[1] = stamp[1];
    return TN_OK;
}

/* ---- Inputs ------------------------------------------------------------------------------ */

static TnStatus bind_sizes(void *user, Run *run)
{
    const ModelRun *m = user;
    for (int i = 0; i < run->program->given_count; i++) {
        const TnArtifactSize *size = &m->model->sizes[i];
        int64_t value = *(const int64_t *)(const void *)(m->inputs + size->offset);
        if (run->program->given[i] < 0)
            continue;
        TnStatus status = run_bind_symbol(run, NULL, run->program->given[i], value);
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

/* What the caller gives; of a weight that may be replaced, and is not, the model's own value. */
static const void *input_pointer(const ModelRun *m, int i)
{
    const Program *program = m->run.program;
    const void *given = *(const void *const *)(const void *)(m->inputs + m->model->inputs[i].data);
    for (int32_t k = 0; !given && k < program->replaceable_count; k++)
        if (program->replaceable[k].input == i)
            given = (const char *)m->run.weights + program->replaceable[k].offset;
    return given;
}

static TnStatus take_inputs(ModelRun *m, TnValue *inputs, const void **pointers)
{
    Run *run = &m->run;
    const Program *program = run->program;
    for (int i = 0; i < program->input_count; i++) {
        const Port *port = &program->inputs[i];
        const void *data = input_pointer(m, i);
        if (!data && port->value.kind != TN_TENSOR)
            return run_fail(run, TN_BAD_ARGUMENT, NULL, "input '%s' is NULL", port->name);
        pointers[i] = data ? data : (const void *)program;
    }
    TnStatus status = run_enter_sizes(run, pointers, bind_sizes, m);
    program = run->program;
    for (int i = 0; status == TN_OK && i < program->input_count; i++) {
        const Port *port = &program->inputs[i];
        if (port->value.kind != TN_TENSOR) {
            inputs[i] = *(const TnValue *)pointers[i];
            continue;
        }
        inputs[i] = (TnValue){.kind = TN_TENSOR, .tensor = run_tensor(run, &port->value)};
        inputs[i].tensor.data = (void *)(uintptr_t)input_pointer(m, i);
        if (!inputs[i].tensor.data && memory_tensor_bytes(&inputs[i].tensor) != 0)
            return run_fail(run, TN_BAD_ARGUMENT, NULL, "input '%s' is NULL", port->name);
    }
    return status;
}

/* ---- Outputs ----------------------------------------------------------------------------- */

/* Outputs whose sizes follow from the inputs' are made in the caller's memory. */
static void offer_outputs(const ModelRun *m, char *outputs, TnValue *values)
{
    for (int i = 0; i < m->model->output_count; i++) {
        const TnArtifactPort *port = &m->model->outputs[i];
        values[i] = (TnValue){.kind = TN_ABSENT};
        if (port->kind != TN_TENSOR || port->sizes != SIZE_MAX)
            continue;
        void *data = *(void **)(void *)(outputs + port->data);
        if (!data)
            continue;
        values[i].kind = TN_TENSOR;
        values[i].tensor = run_tensor(&m->run, &m->run.program->outputs[i].value);
        values[i].tensor.data = data;
    }
}

static TnStatus hand_out(ModelRun *m, int i, char *outputs, const TnValue *made)
{
    const TnArtifactPort *port = &m->model->outputs[i];
    if (port->kind != TN_TENSOR) {
        *(TnValue *)(void *)(outputs + port->data) = *made;
        return TN_OK;
    }
    void **data = (void **)(void *)(outputs + port->data);
    if (port->sizes == SIZE_MAX) {
        *data = made->tensor.data;
        return TN_OK;
    }
    int64_t bytes = memory_tensor_bytes(&made->tensor),
            *sizes = (int64_t *)(void *)(outputs + port->sizes);
    for (int d = 0; d < made->tensor.rank; d++)
        sizes[d] = made->tensor.dims[d];
    if (!*data) {
        *data = made->tensor.data;
        return TN_OK;
    }
    size_t capacity = *(const size_t *)(const void *)(outputs + port->capacity);
    if ((uint64_t)bytes > capacity)
        return run_fail(&m->run, TN_BAD_ARGUMENT, NULL,
                        "output '%s' has %lld bytes, the memory given for it %zu", port->name,
                        (long long)bytes, capacity);
    if (bytes)
        memcpy(*data, made->tensor.data, (size_t)bytes);
    return TN_OK;
}

/* ---- Running ----------------------------------------------------------------------------- */

static TnStatus run_model(ModelRun *m, char *outputs)
{
    const Program *program = m->program;
    TnValue *values = (TnValue *)(void *)((char *)m + values_offset(program));
    TnValue *results = values + program->input_count;
    const void **pointers = (const void **)(void *)(results + program->output_count);
    TnStatus status = take_inputs(m, values, pointers);
    if (status != TN_OK)
        return status;
    offer_outputs(m, outputs, results);
    status = run_program(&m->run, program->input_count, values, program->output_count, results);
    for (int i = 0; status == TN_OK && i < program->output_count; i++)
        status = hand_out(m, i, outputs, &results[i]);
    return status;
}

static Parallel parallel_of(const TnRunOptions *options)
{
    bool alone = !options->parallel_for || options->threads < 2;
    return (Parallel){.run = alone ? NULL : options->parallel_for,
                      .user = options->user,
                      .threads = alone ? 1 : options->threads};
}

static int64_t least_bytes(const TnArtifactInfo *model, const Program *program)
{
    int64_t head = model_head_bytes(program);
    return model->arena_bytes > head ? model->arena_bytes : head;
}

TnStatus model_enter(const TnArtifactInfo *model, const void *inputs, void *outputs, void *arena,
                     size_t arena_bytes, const TnRunOptions *given)
{
    TnRunOptions options = {0};
    if (given)
        memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    if ((!inputs && model->inputs_size) || (!outputs && model->outputs_size))
        return answer(&options, TN_BAD_ARGUMENT, "inputs or outputs are NULL");
    if ((uintptr_t)arena % MEMORY_ALIGNMENT)
        return answer(&options, TN_BAD_ARGUMENT, "the arena is not aligned to 64 bytes");
    if (!arena || arena_bytes < sizeof(ModelRun) || arena_bytes > INT64_MAX)
        return too_small(&options, arena ? arena_bytes : 0, least_bytes(model, model->program));
    if (!model->has_weights && model->weight_bytes &&
        (!options.weights || (uintptr_t)options.weights % MEMORY_ALIGNMENT))
        return answer(&options, TN_BAD_ARGUMENT,
                      "the model's weights are in a file of their own: options.weights must point "
                      "to its bytes, aligned to 64");
    ModelRun *m = arena;
    TnStatus status = check_processor(m, model, &options);
    if (status != TN_OK)
        return status;
    const Program *program = m->program;
    int64_t head = model_head_bytes(program);
    if (arena_bytes < (size_t)head)
        return too_small(&options, arena_bytes, least_bytes(model, program));
    run_open(&m->run, program, parallel_of(&options), (char *)arena + tables_offset());
    m->model = model;
    m->inputs = inputs;
    /* The caller's flag is one byte that another thread may set at any time, as ours is. */
    m->run.cancelled = (const atomic_bool *)(const void *)(uintptr_t)options.cancel;
    if (!model->has_weights)
        m->run.weights = options.weights;
    run_use_arena(&m->run, (char *)arena + head, (int64_t)arena_bytes - head);
    status = run_model(m, outputs);
    if (status == TN_ARENA_TOO_SMALL)
        return too_small(&options, arena_bytes, m->run.arena_needed + head);
    return status == TN_OK ? TN_OK : answer(&options, status, m->run.error);
}
