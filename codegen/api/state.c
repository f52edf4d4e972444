/* SPDX-License-Identifier: Apache-2.0
 *
 * States of a context. Each has two pieces of memory: a run reads the past value from one and
 * writes the present one into the other; where it ends well they change places, so that nothing is
 * copied, and where it does not the past value is still there. Memory grows by half more than is
 * needed, as caches do that get longer with each run. Only a present value whose sizes follow from
 * data is made in the run's arena and copied.
 *
 * A state that has a capacity, and that the program appends to, has one piece with room for all of
 * it, in which rows of the axis lie as if it were full: a run adds to it behind the past value.
 */
#include "codegen/api/api.h"

#include "runtime/allocator.h"
#include "runtime/element.h"
#include "runtime/run_internal.h"

/* ---- Memory ------------------------------------------------------------------------------ */

static bool reserve(const TnContext *context, ContextState *state, int which, size_t bytes)
{
    if (state->memory[which] && state->capacity[which] >= bytes)
        return true;
    size_t capacity = state->memory[which] && bytes < SIZE_MAX / 2 ? bytes + bytes / 2 : bytes;
    char *memory = allocator_take(&context->allocator, capacity ? capacity : 64, 64);
    if (!memory)
        return false;
    allocator_release(&context->allocator, state->memory[which],
                      state->capacity[which] ? state->capacity[which] : 64);
    state->memory[which] = memory;
    state->capacity[which] = capacity;
    return true;
}

/* The tensor that the state's memory would be, were it full. */
static TnTensor whole_of(const StatePair *pair, const TnTensor *value)
{
    TnTensor whole = *value;
    whole.dims[pair->axis] = pair->capacity;
    return whole;
}

/* Between a tensor and memory with room in which it lies: each step of the dimensions outside the
 * axis is one piece in both. */
static void copy_pieces(const StatePair *pair, const TnTensor *value, char *to, const char *from,
                        bool is_roomy_to)
{
    size_t pieces = 1, own = element_bytes(value->element), room;
    for (int d = 0; d < pair->axis; d++)
        pieces *= (size_t)value->dims[d];
    for (int d = pair->axis + 1; d < value->rank; d++)
        own *= (size_t)value->dims[d];
    room = own * (size_t)pair->capacity;
    own *= (size_t)value->dims[pair->axis];
    for (size_t i = 0; own && i < pieces; i++) {
        char *piece = to + i * (is_roomy_to ? room : own);
        if (from)
            memcpy(piece, from + i * (is_roomy_to ? own : room), own);
        else
            memset(piece, 0, own);
    }
}

/* The same for a state that runs append to. */
static TnStatus set_appended(TnContext *context, const StatePair *pair, ContextState *state,
                             const TnTensor *tensor)
{
    TnTensor whole = whole_of(pair, tensor);
    int64_t bytes = memory_tensor_bytes(&whole);
    if (bytes < 0 || tensor->dims[pair->axis] > pair->capacity)
        return TN_BAD_ARGUMENT;
    if (!reserve(context, state, 0, (size_t)bytes))
        return TN_OUT_OF_MEMORY;
    copy_pieces(pair, tensor, state->memory[0], tensor->data, true);
    state->value = *tensor;
    state->value.data = state->memory[0];
    state->is_set = true;
    return TN_OK;
}

/* A copy of the tensor becomes the state's value. */
static TnStatus set_value(TnContext *context, const StatePair *pair, ContextState *state,
                          const TnTensor *tensor)
{
    int64_t bytes = memory_tensor_bytes(tensor);
    int other = !state->current;
    if (pair->capacity)
        return set_appended(context, pair, state, tensor);
    if (bytes < 0)
        return TN_BAD_ARGUMENT;
    if (!reserve(context, state, other, (size_t)bytes))
        return TN_OUT_OF_MEMORY;
    if (tensor->data)
        memcpy(state->memory[other], tensor->data, (size_t)bytes);
    else
        memset(state->memory[other], 0, (size_t)bytes);
    state->current = other;
    state->value = *tensor;
    state->value.data = state->memory[other];
    state->is_set = true;
    return TN_OK;
}

TnStatus tn_context_reset(TnContext *context)
{
    if (!context)
        return TN_BAD_ARGUMENT;
    for (int i = 0; i < context->program->state_count; i++) {
        const StatePair *pair = &context->program->states[i];
        context->states[i].is_set = false;
        TnStatus status = pair->has_initial
                              ? set_value(context, pair, &context->states[i], &pair->initial)
                              : TN_OK;
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

TnStatus context_open_states(TnContext *context)
{
    context->states = allocator_zeroed(
        &context->allocator, (size_t)context->program->state_count + 1, sizeof *context->states);
    return context->states ? tn_context_reset(context) : TN_OUT_OF_MEMORY;
}

void context_close_states(TnContext *context)
{
    for (int i = 0; context->states && i < context->program->state_count; i++)
        for (int k = 0; k < 2; k++)
            allocator_release(&context->allocator, context->states[i].memory[k],
                              context->states[i].capacity[k] ? context->states[i].capacity[k] : 64);
    allocator_release(&context->allocator, context->states,
                      ((size_t)context->program->state_count + 1) * sizeof *context->states);
}

/* ---- Runs -------------------------------------------------------------------------------- */

/* Whether the output can be made in memory that the run is given. */
static bool is_placed(const Program *inner, const Port *port)
{
    const Buffer *buffer = &inner->buffers[port->value.buffer];
    return buffer->kind == BUFFER_planned && buffer->is_output;
}

static bool is_static(const Port *port)
{
    for (int d = 0; d < port->value.rank; d++)
        if (port->value.dims[d].slot >= 0)
            return false;
    return true;
}

/* Memory for what the run will make; its sizes must be known. */
static TnStatus lend(TnContext *context, ContextState *state, const Port *port, TnValue *output)
{
    TnTensor tensor = run_tensor(context->run, &port->value);
    int64_t bytes = memory_tensor_bytes(&tensor);
    if (bytes < 0 || !reserve(context, state, !state->current, (size_t)bytes))
        return run_fail(context->run, bytes < 0 ? TN_BAD_ARGUMENT : TN_OUT_OF_MEMORY, NULL,
                        "no memory for the state '%s' of %lld bytes", port->name, (long long)bytes);
    *output = (TnValue){.kind = TN_TENSOR, .tensor = tensor};
    output->tensor.data = state->memory[!state->current];
    return TN_OK;
}

TnStatus context_lend_states(TnContext *context)
{
    const TnProgram *program = context->program;
    const Program *inner = program->program;
    bool sizes_known = true;
    for (int i = 0; i < program->state_count; i++) {
        const StatePair *pair = &program->states[i];
        if (!context->states[i].is_set)
            return run_fail(context->run, TN_BAD_ARGUMENT, NULL, "the state '%s' has no value yet",
                            inner->inputs[pair->input].name);
        context->inputs[pair->input] =
            (TnValue){.kind = TN_TENSOR, .tensor = context->states[i].value};
        context->outputs[pair->output] = (TnValue){.kind = TN_ABSENT};
        sizes_known &= is_static(&inner->outputs[pair->output]);
    }
    int64_t bytes;
    TnStatus status =
        sizes_known ? TN_OK
                    : run_arena_bytes(context->run, inner->input_count, context->inputs, &bytes);
    for (int i = 0; i < program->state_count && status == TN_OK; i++) {
        int output = program->states[i].output;
        if (!program->states[i].capacity && is_placed(inner, &inner->outputs[output]))
            status = lend(context, &context->states[i], &inner->outputs[output],
                          &context->outputs[output]);
    }
    return status;
}

/* What was made lies in the memory that was lent, or in the run's: then it is copied. */
TnStatus context_take_states(TnContext *context)
{
    const TnProgram *program = context->program;
    for (int i = 0; i < program->state_count; i++) { /* all or none */
        ContextState *state = &context->states[i];
        const TnTensor *made = &context->outputs[program->states[i].output].tensor;
        if (!program->states[i].capacity && made->data != state->memory[!state->current] &&
            !reserve(context, state, !state->current, (size_t)memory_tensor_bytes(made)))
            return run_fail(context->run, TN_OUT_OF_MEMORY, NULL,
                            "no memory for the states after the run");
    }
    for (int i = 0; i < program->state_count; i++) {
        ContextState *state = &context->states[i];
        const TnTensor *made = &context->outputs[program->states[i].output].tensor;
        char *own = state->memory[!state->current];
        state->value = *made;
        if (program->states[i].capacity)
            continue;
        if (made->data != own)
            memcpy(own, made->data, (size_t)memory_tensor_bytes(made));
        state->current = !state->current;
        state->value.data = own;
    }
    return TN_OK;
}

/* ---- Access ------------------------------------------------------------------------------ */

TnStatus tn_context_state(const TnContext *context, int i, TnTensor *value)
{
    if (!context || i < 0 || i >= context->program->state_count || !value ||
        !context->states[i].is_set)
        return TN_BAD_ARGUMENT;
    const StatePair *pair = &context->program->states[i];
    ContextState *state = &context->states[i];
    *value = state->value;
    if (!pair->capacity)
        return TN_OK;
    if (!reserve(context, state, 1, (size_t)memory_tensor_bytes(value)))
        return TN_OUT_OF_MEMORY;
    copy_pieces(pair, value, state->memory[1], state->value.data, false);
    value->data = state->memory[1];
    return TN_OK;
}

TnStatus tn_context_set_state(TnContext *context, int i, const TnTensor *value)
{
    if (!context || i < 0 || i >= context->program->state_count || !value)
        return TN_BAD_ARGUMENT;
    const ProgramValue *past =
        &context->program->program->inputs[context->program->states[i].input].value;
    bool fits = value->element == past->element && value->rank == past->rank;
    for (int d = 0; fits && d < past->rank; d++)
        fits = value->dims[d] >= 0 &&
               (past->dims[d].slot >= 0 || past->dims[d].number == value->dims[d]);
    return fits ? set_value(context, &context->program->states[i], &context->states[i], value)
                : TN_BAD_ARGUMENT;
}
