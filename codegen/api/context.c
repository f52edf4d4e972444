/* SPDX-License-Identifier: Apache-2.0
 *
 * Running.
 */
#include "codegen/api/api.h"

#include "runtime/allocator.h"

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
    run_destroy(context->run);
    thread_pool_destroy(context->pool);
    allocator_release(&allocator, context->times,
                      ((size_t)context->program->step_count + 1) * sizeof *context->times);
    allocator_release(&allocator, context, sizeof *context);
}

/* ---- Running ----------------------------------------------------------------------------- */

TnStatus tn_run(TnContext *context, int input_count, const TnValue *inputs, int output_count,
                TnValue *outputs)
{
    TnStatus status = run_program(context->run, input_count, inputs, output_count, outputs);
    if (status == TN_CANCELLED)
        atomic_store(&context->cancelled, false);
    return status;
}

const char *tn_context_error(const TnContext *context)
{
    return context->run->error;
}

void tn_context_cancel(TnContext *context)
{
    atomic_store(&context->cancelled, true);
}

void tn_context_cancel_clear(TnContext *context)
{
    atomic_store(&context->cancelled, false);
}

/* ---- Memory ------------------------------------------------------------------------------ */

void tn_context_set_arena(TnContext *context, void *arena, size_t bytes)
{
    run_set_arena(context->run, arena, bytes < INT64_MAX ? (int64_t)bytes : INT64_MAX);
}

int64_t tn_context_arena_needed(const TnContext *context)
{
    return context->run->arena_needed;
}

TnStatus tn_context_arena_bytes(TnContext *context, int input_count, const TnValue *inputs,
                                int64_t *bytes)
{
    return run_arena_bytes(context->run, input_count, inputs, bytes);
}

/* ---- Figures ----------------------------------------------------------------------------- */

TnStatus tn_context_step_time(const TnContext *context, int i, int64_t *runs, int64_t *nanoseconds)
{
    if (!context->times || i < 0 || i >= context->program->step_count || !runs || !nanoseconds)
        return TN_BAD_ARGUMENT;
    *runs = context->times[i].runs;
    *nanoseconds = context->times[i].nanoseconds;
    return TN_OK;
}

double tn_context_flops(const TnContext *context)
{
    return run_flops(context->run);
}
