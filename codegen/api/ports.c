/* SPDX-License-Identifier: Apache-2.0
 *
 * The inputs and outputs of a program as callers see them. The inner program has more: the two ends
 * of each state, which the contexts keep, and an input for each weight that may be replaced.
 */
#include "codegen/api/api.h"

#include "runtime/element.h"

#include <stdlib.h>

/* ---- Sorting ----------------------------------------------------------------------------- */

static int find_port(const Port *ports, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(ports[i].name, name))
            return i;
    return -1;
}

static bool sizes_agree(const ProgramValue *past, const ProgramValue *present)
{
    if (past->kind != TN_TENSOR || present->kind != TN_TENSOR ||
        past->element != present->element || past->rank != present->rank ||
        past->element == TN_STRING)
        return false;
    for (int d = 0; d < past->rank; d++)
        if (past->dims[d].slot < 0 && present->dims[d].slot < 0 &&
            past->dims[d].number != present->dims[d].number)
            return false;
    return true;
}

/* The tensor of a state's first value: the caller's, copied, or zeros of a known shape. */
static bool set_initial(TnProgram *program, StatePair *pair, const TnTensor *given,
                        Diagnostics *diagnostics)
{
    const Port *past = &program->program->inputs[pair->input];
    TnTensor initial = {.element = past->value.element, .rank = past->value.rank};
    bool fits = !given || (given->element == initial.element && given->rank == initial.rank);
    pair->has_initial = true;
    for (int d = 0; d < initial.rank && fits; d++) {
        Size size = past->value.dims[d];
        initial.dims[d] = given ? given->dims[d] : size.number;
        pair->has_initial &= given || size.slot < 0;
        fits = initial.dims[d] >= 0 && (size.slot >= 0 || size.number == initial.dims[d]);
    }
    fits = fits && (!pair->capacity || initial.dims[pair->axis] <= pair->capacity);
    int64_t bytes = fits && pair->has_initial ? memory_tensor_bytes(&initial) : 0;
    if (!fits || bytes < 0)
        return error_at(diagnostics, (Location){.node = past->name},
                        "the first value of state '%s' is not of its type, %s", past->name,
                        past->type);
    if (!pair->has_initial)
        return true;
    initial.data = arena_try(program->arena, (size_t)bytes + 1);
    if (!initial.data)
        return no_memory_at(diagnostics, (Location){.node = past->name}, "state '%s'", past->name);
    if (given && given->data && bytes)
        memcpy(initial.data, given->data, (size_t)bytes);
    pair->initial = initial;
    return true;
}

/* Where the program appends to the state in place. */
static void set_room(StatePair *pair, const Program *inner)
{
    for (int32_t i = 0; i < inner->appended_count; i++) {
        if (inner->appended[i].input != pair->input)
            continue;
        pair->axis = inner->appended[i].axis;
        pair->capacity = inner->appended[i].capacity;
    }
}

static bool set_states(TnProgram *program, const TnCompileOptions *options, bool *hidden_inputs,
                       bool *hidden_outputs, Diagnostics *diagnostics)
{
    const Program *inner = program->program;
    program->states = ARENA_ARRAY(program->arena, StatePair, options->state_count + 1);
    for (int i = 0; i < options->state_count; i++) {
        const TnState *state = &options->states[i];
        StatePair *pair = &program->states[program->state_count++];
        pair->input = find_port(inner->inputs, inner->input_count, state->past);
        pair->output = find_port(inner->outputs, inner->output_count, state->present);
        Location location = {.node = state->past};
        if (pair->input < 0 || hidden_inputs[pair->input])
            return error_at(diagnostics, location, "state: there is no input '%s'", state->past);
        if (pair->output < 0 || hidden_outputs[pair->output])
            return error_at(diagnostics, location, "state: there is no output '%s'",
                            state->present);
        hidden_inputs[pair->input] = hidden_outputs[pair->output] = true;
        set_room(pair, inner);
        const Port *past = &inner->inputs[pair->input], *present = &inner->outputs[pair->output];
        if (!sizes_agree(&past->value, &present->value))
            return error_at(diagnostics, location,
                            "state: input '%s' is %s and output '%s' is %s; they cannot be the "
                            "same",
                            state->past, past->type, state->present, present->type);
        if (!set_initial(program, pair, state->initial, diagnostics))
            return false;
    }
    return true;
}

/* Tensors want their elements aligned, which bytes in a file need not be. */
static bool set_weights(TnProgram *program, int count, const FreedWeight *freed,
                        bool *hidden_inputs, Diagnostics *diagnostics)
{
    const Program *inner = program->program;
    program->weights = ARENA_ARRAY(program->arena, FreeWeight, count + 1);
    for (int i = 0; i < count; i++) {
        const Constant *constant = freed[i].constant;
        FreeWeight *weight = &program->weights[program->weight_count++];
        weight->name = arena_string(program->arena, freed[i].name, strlen(freed[i].name));
        weight->input = find_port(inner->inputs, inner->input_count, weight->name);
        weight->original = (TnTensor){
            .element = constant->element, .rank = constant->rank, .data = (void *)constant->data};
        memcpy(weight->original.dims, constant->dims, sizeof constant->dims);
        if (constant->element == TN_STRING)
            return unsupported_at(diagnostics, (Location){.node = weight->name},
                                  "replacing a tensor of strings");
        size_t bytes = constant_bytes(constant);
        if ((uintptr_t)constant->data % element_bytes(constant->element)) {
            void *copy = arena_try(program->arena, bytes);
            if (!copy)
                return no_memory_at(diagnostics, (Location){.node = weight->name}, "weight '%s'",
                                    weight->name);
            weight->original.data = memcpy(copy, constant->data, bytes);
        }
        if (weight->input >= 0)
            hidden_inputs[weight->input] = true;
    }
    return true;
}

/* The same of a program that was loaded. */
static void take_weights(TnProgram *program, bool *hidden_inputs)
{
    const Program *inner = program->program;
    program->weight_count = inner->replaceable_count;
    program->weights = ARENA_ARRAY(program->arena, FreeWeight, inner->replaceable_count + 1);
    for (int i = 0; i < program->weight_count; i++) {
        const ReplaceableWeight *from = &inner->replaceable[i];
        const Port *port = &inner->inputs[from->input];
        FreeWeight *weight = &program->weights[i];
        *weight = (FreeWeight){.name = port->name, .input = from->input};
        weight->original = (TnTensor){.element = port->value.element,
                                      .rank = port->value.rank,
                                      .data = (char *)(uintptr_t)inner->weights + from->offset};
        for (int d = 0; d < port->value.rank; d++)
            weight->original.dims[d] = port->value.dims[d].number;
        hidden_inputs[from->input] = true;
    }
}

static int *list_visible(Arena *arena, const bool *hidden, int count, int *visible_count)
{
    int *visible = ARENA_ARRAY(arena, int, count + 1);
    for (int i = 0; i < count; i++)
        if (!hidden[i])
            visible[(*visible_count)++] = i;
    return visible;
}

TnStatus program_set_ports(TnProgram *program, const TnCompileOptions *options,
                           const FreedWeight *freed, Diagnostics *diagnostics)
{
    const Program *inner = program->program;
    bool *hidden_inputs = ARENA_ARRAY(program->arena, bool, inner->input_count + 1);
    bool *hidden_outputs = ARENA_ARRAY(program->arena, bool, inner->output_count + 1);
    if (inner->replaceable_count)
        take_weights(program, hidden_inputs);
    else if (!set_weights(program, options->replaceable_count, freed, hidden_inputs, diagnostics))
        return diagnostics_status(diagnostics);
    if (!set_states(program, options, hidden_inputs, hidden_outputs, diagnostics))
        return diagnostics->out_of_memory ? TN_OUT_OF_MEMORY : TN_BAD_ARGUMENT;
    program->inputs =
        list_visible(program->arena, hidden_inputs, inner->input_count, &program->input_count);
    program->outputs =
        list_visible(program->arena, hidden_outputs, inner->output_count, &program->output_count);
    return TN_OK;
}

/* ---- Asking ------------------------------------------------------------------------------ */

int tn_program_input_count(const TnProgram *program)
{
    return program ? program->input_count : 0;
}

int tn_program_output_count(const TnProgram *program)
{
    return program ? program->output_count : 0;
}

int tn_program_state_count(const TnProgram *program)
{
    return program ? program->state_count : 0;
}

static void describe(const Port *from, TnPort *port)
{
    const ProgramValue *value = &from->value;
    *port = (TnPort){.name = from->name,
                     .type = from->type,
                     .kind = value->kind,
                     .element = value->element,
                     .rank = value->rank};
    for (int d = 0; d < value->rank; d++)
        port->dims[d] = value->dims[d].slot < 0 ? value->dims[d].number : -1;
}

TnStatus tn_program_input(const TnProgram *program, int i, TnPort *port)
{
    if (!program || i < 0 || i >= program->input_count || !port)
        return TN_BAD_ARGUMENT;
    describe(&program->program->inputs[program->inputs[i]], port);
    return TN_OK;
}

TnStatus tn_program_output(const TnProgram *program, int i, TnPort *port)
{
    if (!program || i < 0 || i >= program->output_count || !port)
        return TN_BAD_ARGUMENT;
    describe(&program->program->outputs[program->outputs[i]], port);
    return TN_OK;
}

TnStatus tn_program_state(const TnProgram *program, int i, TnPort *port)
{
    if (!program || i < 0 || i >= program->state_count || !port)
        return TN_BAD_ARGUMENT;
    describe(&program->program->inputs[program->states[i].input], port);
    return TN_OK;
}
