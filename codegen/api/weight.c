/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights of a live program. One that may be replaced is an input of the inner program. A run takes
 * hold of the values that it begins with; a value that was replaced is released by the last run
 * that holds it.
 */
#include "codegen/api/api.h"

#include "runtime/allocator.h"

/* ---- Holding ----------------------------------------------------------------------------- */

/* Under the lock. */
static void let_go(TnProgram *program, HeldWeight *held)
{
    if (held && --held->users == 0)
        allocator_release(&program->allocator, held, sizeof *held + held->bytes);
}

void context_hold_weights(TnContext *context)
{
    TnProgram *program = (TnProgram *)context->program;
    if (!program->weight_count)
        return;
    pthread_mutex_lock(&program->lock);
    for (int i = 0; i < program->weight_count; i++) {
        FreeWeight *weight = &program->weights[i];
        context->held[i] = weight->held;
        if (weight->held)
            weight->held->users++;
        if (weight->input < 0)
            continue;
        TnValue *input = &context->inputs[weight->input];
        *input = (TnValue){.kind = TN_TENSOR, .tensor = weight->original};
        if (weight->held)
            input->tensor.data = weight->held->data;
    }
    pthread_mutex_unlock(&program->lock);
}

void context_release_weights(TnContext *context)
{
    TnProgram *program = (TnProgram *)context->program;
    if (!program->weight_count)
        return;
    pthread_mutex_lock(&program->lock);
    for (int i = 0; i < program->weight_count; i++)
        let_go(program, context->held[i]);
    pthread_mutex_unlock(&program->lock);
}

void program_release_weights(TnProgram *program)
{
    for (int i = 0; i < program->weight_count; i++)
        let_go(program, program->weights[i].held);
}

/* ---- Replacing --------------------------------------------------------------------------- */

static TnStatus refuse(const char **why, const char *reason)
{
    if (why)
        *why = reason;
    return TN_BAD_ARGUMENT;
}

static bool fits(const TnTensor *a, const TnTensor *b)
{
    if (a->element != b->element || a->rank != b->rank)
        return false;
    for (int d = 0; d < a->rank; d++)
        if (a->dims[d] != b->dims[d])
            return false;
    return true;
}

TnStatus tn_program_set_weight(TnProgram *program, const char *name, const TnTensor *tensor,
                               const char **why)
{
    FreeWeight *weight = NULL;
    HeldWeight *made = NULL;
    if (why)
        *why = "";
    if (!program || !name)
        return refuse(why, "a null pointer");
    for (int i = 0; i < program->weight_count; i++)
        if (!strcmp(program->weights[i].name, name))
            weight = &program->weights[i];
    if (!weight)
        return refuse(why, "no weight of that name was declared replaceable when the program was "
                           "compiled: it may be folded into others, or packed");
    if (tensor && !fits(tensor, &weight->original))
        return refuse(why, "the tensor has another type or shape than the weight");
    if (tensor) {
        size_t bytes = (size_t)memory_tensor_bytes(tensor);
        if (bytes && !tensor->data)
            return refuse(why, "the tensor has no data");
        made = allocator_take(&program->allocator, sizeof *made + bytes, 64);
        if (!made)
            return TN_OUT_OF_MEMORY;
        made->users = 1;
        made->bytes = bytes;
        if (bytes)
            memcpy(made->data, tensor->data, bytes);
    }
    pthread_mutex_lock(&program->lock);
    let_go(program, weight->held);
    weight->held = made;
    pthread_mutex_unlock(&program->lock);
    return TN_OK;
}
