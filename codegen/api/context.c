/* SPDX-License-Identifier: Apache-2.0
 *
 * Running.
 */
#include "codegen/api/api.h"

#include "runtime/allocator.h"
#include "runtime/run_internal.h"

/* ---- Life -------------------------------------------------------------------------------- */

static void note_time(void *user, const Step *step, int64_t nanoseconds)
{
    TnContext *context = user;
    intptr_t number = (intptr_t)map_get_pointer(&context->program->step_numbers, step);
    if (!number)
        return;
    context->times[number - 1].runs++;
    context->times[number - 1].nanoseconds += nanoseconds;
}

static bool open_profile(TnContext *context)
{
    context->times = allocator_zeroed(&context->allocator, (size_t)context->program->step_count + 1,
                                      sizeof *context->times);
    context->run->observer = note_time;
    context->run->observer_user = context;
    return context->times != NULL;
}

/* Whether the inner program has ports that callers do not see. */
static bool has_hidden_ports(const TnProgram *program)
{
    return program->state_count || program->weight_count;
}

static bool open_ports(TnContext *context)
{
    const TnProgram *program = context->program;
    const TnAllocator *allocator = &context->allocator;
    context->inputs = allocator_zeroed(allocator, (size_t)program->program->input_count + 1,
                                       sizeof *context->inputs);
    context->outputs = allocator_zeroed(allocator, (size_t)program->program->output_count + 1,
                                        sizeof *context->outputs);
    context->held =
        allocator_zeroed(allocator, (size_t)program->weight_count + 1, sizeof *context->held);
    return context->inputs && context->outputs && context->held &&
           context_open_states(context) == TN_OK;
}

static void close_ports(TnContext *context)
{
    const TnProgram *program = context->program;
    const TnAllocator *allocator = &context->allocator;
    context_close_states(context);
    allocator_release(allocator, context->inputs,
                      ((size_t)program->program->input_count + 1) * sizeof *context->inputs);
    allocator_release(allocator, context->outputs,
                      ((size_t)program->program->output_count + 1) * sizeof *context->outputs);
    allocator_release(allocator, context->held,
                      ((size_t)program->weight_count + 1) * sizeof *context->held);
}

static bool open_context(TnContext *context, const TnContextOptions *options)
{
    Parallel parallel = {.run = options->parallel.parallel_for,
                         .user = options->parallel.user,
                         .threads = options->parallel.threads};
    if (!parallel.run && parallel.threads > 1) {
        context->pool = thread_pool_create(parallel.threads);
        if (!context->pool)
            return false;
        parallel = thread_pool_parallel(context->pool);
    }
    context->run = run_create_with(&context->allocator, context->program->program, parallel);
    if (!context->run)
        return false;
    context->run->cancelled = &context->cancelled;
    if (has_hidden_ports(context->program) && !open_ports(context))
        return false;
    return !options->profile || open_profile(context);
}

TnStatus tn_context_create(const TnProgram *program, const TnContextOptions *given,
                           TnContext **context)
{
    TnContextOptions options = {.size = sizeof options};
    api_copy_options(&options, sizeof options, given);
    if (!context)
        return TN_BAD_ARGUMENT;
    *context = NULL;
    if (!program || options.parallel.threads < 0 ||
        !options.allocator.allocate != !options.allocator.release)
        return TN_BAD_ARGUMENT;
    TnContext *made = allocator_zeroed(&options.allocator, 1, sizeof *made);
    if (!made)
        return TN_OUT_OF_MEMORY;
    made->program = program;
    made->allocator = options.allocator;
    atomic_init(&made->cancelled, false);
    if (!open_context(made, &options)) {
        tn_context_destroy(made);
        return TN_OUT_OF_MEMORY;
    }
    *context = made;
    return TN_OK;
}

void tn_context_destroy(TnContext *context)
{
    if (!context)
        return;
    TnAllocator allocator = context->allocator;
    if (has_hidden_ports(context->program))
        close_ports(context);
    run_destroy(context->run);
    thread_pool_destroy(context->pool);
    allocator_release(&allocator, context->times,
                      ((size_t)context->program->step_count + 1) * sizeof *context->times);
    allocator_release(&allocator, context, sizeof *context);
}

/* ---- Running ----------------------------------------------------------------------------- */

static TnStatus check_counts(TnContext *context, int input_count, int output_count)
{
    const TnProgram *program = context->program;
    if (input_count != program->input_count)
        return run_fail(context->run, TN_BAD_ARGUMENT, NULL, "%d inputs are given, %d expected",
                        input_count, program->input_count);
    if (output_count != program->output_count)
        return run_fail(context->run, TN_BAD_ARGUMENT, NULL, "%d outputs are given, %d expected",
                        output_count, program->output_count);
    return TN_OK;
}

static void set_inputs(TnContext *context, const TnValue *inputs)
{
    for (int i = 0; i < context->program->input_count; i++)
        context->inputs[context->program->inputs[i]] = inputs[i];
}

static TnStatus run_inner(TnContext *context, TnValue *outputs)
{
    const TnProgram *program = context->program;
    const Program *inner = program->program;
    for (int i = 0; i < program->output_count; i++)
        context->outputs[program->outputs[i]] = outputs[i];
    TnStatus status = context_lend_states(context);
    if (status == TN_OK)
        status = run_program(context->run, inner->input_count, context->inputs, inner->output_count,
                             context->outputs);
    if (status == TN_OK)
        status = context_take_states(context);
    for (int i = 0; i < program->output_count && status == TN_OK; i++)
        outputs[i] = context->outputs[program->outputs[i]];
    return status;
}

TnStatus tn_run(TnContext *context, int input_count, const TnValue *inputs, int output_count,
                TnValue *outputs)
{
    TnStatus status;
    if (!context)
        return TN_BAD_ARGUMENT;
    if (input_count < 0 || output_count < 0 || (input_count && !inputs) ||
        (output_count && !outputs))
        return run_fail(context->run, TN_BAD_ARGUMENT, NULL, "inputs or outputs are NULL");
    if (!has_hidden_ports(context->program)) {
        status = run_program(context->run, input_count, inputs, output_count, outputs);
    } else {
        status = check_counts(context, input_count, output_count);
        if (status != TN_OK)
            return status;
        set_inputs(context, inputs);
        context_hold_weights(context);
        status = run_inner(context, outputs);
        context_release_weights(context);
    }
    if (status == TN_CANCELLED)
        atomic_store(&context->cancelled, false);
    return status;
}

const char *tn_context_error(const TnContext *context)
{
    return context ? context->run->error : "there is no context";
}

void tn_context_cancel(TnContext *context)
{
    if (context)
        atomic_store(&context->cancelled, true);
}

void tn_context_cancel_clear(TnContext *context)
{
    if (context)
        atomic_store(&context->cancelled, false);
}

/* ---- Memory ------------------------------------------------------------------------------ */

void tn_context_set_arena(TnContext *context, void *arena, size_t bytes)
{
    if (context)
        run_set_arena(context->run, arena, bytes < INT64_MAX ? (int64_t)bytes : INT64_MAX);
}

int64_t tn_context_arena_needed(const TnContext *context)
{
    return context ? context->run->arena_needed : 0;
}

TnStatus tn_context_arena_bytes(TnContext *context, int input_count, const TnValue *inputs,
                                int64_t *bytes)
{
    if (!context || !bytes)
        return TN_BAD_ARGUMENT;
    if (input_count < 0 || (input_count && !inputs))
        return run_fail(context->run, TN_BAD_ARGUMENT, NULL, "inputs are NULL");
    if (!has_hidden_ports(context->program))
        return run_arena_bytes(context->run, input_count, inputs, bytes);
    TnStatus status = check_counts(context, input_count, context->program->output_count);
    if (status != TN_OK)
        return status;
    set_inputs(context, inputs);
    context_hold_weights(context);
    status = context_lend_states(context);
    if (status == TN_OK)
        status = run_arena_bytes(context->run, context->program->program->input_count,
                                 context->inputs, bytes);
    context_release_weights(context);
    return status;
}

/* ---- Figures ----------------------------------------------------------------------------- */

TnStatus tn_context_step_time(const TnContext *context, int i, int64_t *runs, int64_t *nanoseconds)
{
    if (!context || !context->times || i < 0 || i >= context->program->step_count || !runs ||
        !nanoseconds)
        return TN_BAD_ARGUMENT;
    *runs = context->times[i].runs;
    *nanoseconds = context->times[i].nanoseconds;
    return TN_OK;
}

double tn_context_flops(const TnContext *context)
{
    return context ? run_flops(context->run) : 0;
}
