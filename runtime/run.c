/* SPDX-License-Identifier: Apache-2.0
 *
 * A run: bind the inputs' sizes, compute what follows from them, lay out the arena, walk the steps,
 * hand out the results.
 */
#include "runtime/run_internal.h"

#include "runtime/element.h"
#include "runtime/format.h"

#include <math.h>
#include <string.h>

TnStatus run_fail(Run *run, TnStatus status, const Step *step, const char *format, ...)
{
    int length = 0;
    if (step && step->name)
        length = format_text(run->error, sizeof run->error, "%s%s'%s': ",
                          step->operator? step->operator: "", step->operator? " " : "", step->name);
    if (length < 0 || (size_t)length >= sizeof run->error)
        length = 0;
    va_list list;
    va_start(list, format);
    format_list(run->error + length, sizeof run->error - (size_t)length, format, list);
    va_end(list);
    return status;
}

TnStatus run_no_memory(Run *run)
{
    run->arena_needed = run->memory.needed;
    return run_fail(run, TN_ARENA_TOO_SMALL, NULL, "the arena has %lld bytes, %lld are needed",
                    (long long)run->arena_bytes, (long long)run->arena_needed);
}

/* ---- Tables ------------------------------------------------------------------------------ */

/* Room for `count` things of so many bytes; where it begins. */
static int64_t reserve(int64_t *bytes, int64_t count, size_t each)
{
    int64_t begin = *bytes;
    *bytes += (count * (int64_t)each + 15) / 16 * 16;
    return begin;
}

typedef struct Tables {
    int64_t data, sizes, pointers, values, operands, bytes;
} Tables;

static Tables tables_of(const Program *program)
{
    Tables t = {0};
    int64_t pointers = (int64_t)program->pointer_count + 1;
    t.data = reserve(&t.bytes, (int64_t)program->buffer_count + 1, sizeof(void *));
    t.sizes = reserve(&t.bytes, (int64_t)program->size_count + 1, sizeof(int64_t));
    t.pointers = reserve(&t.bytes, pointers, sizeof(void *));
    t.values = reserve(&t.bytes, pointers, sizeof(TnValue));
    t.operands = reserve(&t.bytes, pointers, sizeof(TnValue *));
    return t;
}

int64_t run_table_bytes(const Program *program)
{
    int64_t most = tables_of(program).bytes;
    for (int32_t i = 0; i < program->special_count; i++) {
        int64_t bytes = run_table_bytes(program->specials[i].program);
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* From now on the run is one of this program. */
static void take_program(Run *run, const Program *program)
{
    Tables t = tables_of(program);
    memset(run->tables, 0, (size_t)t.bytes);
    run->program = program;
    run->data = (void **)(void *)(run->tables + t.data);
    run->sizes = (int64_t *)(void *)(run->tables + t.sizes);
    run->pointers = (void **)(void *)(run->tables + t.pointers);
    run->values = (TnValue *)(void *)(run->tables + t.values);
    run->operands = (const TnValue **)(void *)(run->tables + t.operands);
}

void run_open(Run *run, const Program *program, Parallel parallel, void *tables)
{
    memset(run, 0, sizeof *run);
    run->general = program;
    run->tables = tables;
    run->parallel = parallel;
    if (run->parallel.threads < 1)
        run->parallel.threads = 1;
    run->weights = program->weights;
    take_program(run, program);
}

void run_use_arena(Run *run, void *arena, int64_t bytes)
{
    uintptr_t misaligned = (uintptr_t)arena % MEMORY_ALIGNMENT;
    int64_t skip = misaligned ? MEMORY_ALIGNMENT - (int64_t)misaligned : 0;
    run->arena = arena && skip < bytes ? (char *)arena + skip : arena;
    run->arena_bytes = arena && skip < bytes ? bytes - skip : 0;
}

/* ---- Inputs ------------------------------------------------------------------------------ */

TnStatus run_bind_symbol(Run *run, const Step *step, int32_t symbol, int64_t value)
{
    const SymbolRange *range = &run->program->symbols[symbol];
    if (value < range->lower || value > range->upper)
        return run_fail(run, TN_BAD_ARGUMENT, step, "size %s is %lld, not between %lld and %lld",
                        range->name, (long long)value, (long long)range->lower,
                        (long long)range->upper);
    run->sizes[symbol] = value;
    return TN_OK;
}

static TnStatus check_dim(Run *run, const Port *port, int d, int64_t size)
{
    int64_t expected = size_get(port->value.dims[d], run->sizes);
    if (size == expected)
        return TN_OK;
    return run_fail(run, TN_BAD_ARGUMENT, NULL,
                    "input '%s' has size %lld in dimension %d, expected %lld (%s)", port->name,
                    (long long)size, d, (long long)expected, port->type);
}

/* Elements lie where a type of C of their size would: no stricter than any processor asks. */
static bool is_aligned(const TnTensor *tensor)
{
    size_t bytes = element_bytes(tensor->element);
    return (uintptr_t)tensor->data % (bytes < sizeof(int64_t) ? bytes : sizeof(int64_t)) == 0;
}

static TnStatus bind_tensor(Run *run, const Port *port, const TnTensor *tensor)
{
    if (tensor->element != port->value.element)
        return run_fail(run, TN_BAD_ARGUMENT, NULL, "input '%s' has elements of type %s, not %s",
                        port->name,
                        element_is_valid(tensor->element) ? element_name(tensor->element) : "?",
                        element_name(port->value.element));
    if (tensor->rank != port->value.rank)
        return run_fail(run, TN_BAD_ARGUMENT, NULL, "input '%s' has %d dimensions; it is %s",
                        port->name, tensor->rank, port->type);
    if (memory_tensor_bytes(tensor) < 0)
        return run_fail(run, TN_BAD_ARGUMENT, NULL, "input '%s' has invalid dimensions",
                        port->name);
    if (!tensor->data && memory_tensor_bytes(tensor) > 0)
        return run_fail(run, TN_BAD_ARGUMENT, NULL, "input '%s' has no data", port->name);
    if (!is_aligned(tensor))
        return run_fail(run, TN_BAD_ARGUMENT, NULL,
                        "the data of input '%s' is not aligned to its "
                        "elements",
                        port->name);
    for (int d = 0; d < tensor->rank; d++) {
        Size expected = port->value.dims[d];
        TnStatus status = TN_OK;
        if (port->binds >> d & 1)
            status = run_bind_symbol(run, NULL, expected.slot, tensor->dims[d]);
        else if (expected.slot < 0)
            status = check_dim(run, port, d, tensor->dims[d]);
        if (status != TN_OK)
            return status;
    }
    run->data[port->value.buffer] = tensor->data ? tensor->data : (void *)run->program;
    return TN_OK;
}

/* A sequence or an optional of the caller's is one as deep as it goes. element: of its tensors;
 * TN_UNDEFINED: any. */
static bool value_is_whole(const TnValue *value, TnElementType element, int depth)
{
    enum { DEEPEST = 8 };
    if (!value || depth > DEEPEST)
        return false;
    if (value->kind == TN_TENSOR) {
        const TnTensor *tensor = &value->tensor;
        if (!element_is_valid(tensor->element) || (element && tensor->element != element) ||
            tensor->rank < 0 || tensor->rank > TN_MAX_RANK)
            return false;
        int64_t bytes = memory_tensor_bytes(tensor);
        return bytes >= 0 && (tensor->data || !bytes) && is_aligned(tensor);
    }
    bool whole = value->kind == TN_SEQUENCE
                     ? value->count >= 0
                     : value->kind == TN_OPTIONAL && value->count >= 0 && value->count <= 1;
    for (int64_t i = 0; whole && i < value->count; i++)
        whole = value->items && value_is_whole(value->items[i], element, depth + 1);
    return whole;
}

static TnStatus bind_inputs(Run *run, int count, const TnValue *inputs)
{
    const Program *program = run->program;
    if (count != program->input_count)
        return run_fail(run, TN_BAD_ARGUMENT, NULL, "%d inputs are given, %d expected", count,
                        program->input_count);
    for (int i = 0; i < count; i++) {
        const Port *port = &program->inputs[i];
        if (inputs[i].kind != port->value.kind)
            return run_fail(run, TN_BAD_ARGUMENT, NULL, "input '%s' is missing or no %s",
                            port->name, port->type);
        if (port->value.kind != TN_TENSOR) {
            if (!value_is_whole(&inputs[i], port->value.element, 0))
                return run_fail(run, TN_BAD_ARGUMENT, NULL,
                                "input '%s' is no %s: an item is missing or malformed", port->name,
                                port->type);
            run->data[port->value.buffer] = (void *)&inputs[i];
            continue;
        }
        TnStatus status = bind_tensor(run, port, &inputs[i].tensor);
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

/* Every dimension is what the program takes it for. */
static TnStatus check_inputs(Run *run, const TnValue *inputs)
{
    for (int i = 0; i < run->program->input_count; i++) {
        const Port *port = &run->program->inputs[i];
        if (port->value.kind != TN_TENSOR)
            continue;
        for (int d = 0; d < port->value.rank; d++) {
            TnStatus status = check_dim(run, port, d, inputs[i].tensor.dims[d]);
            if (status != TN_OK)
                return status;
        }
    }
    return TN_OK;
}

/* The special program for the sizes there are, or NULL. */
static const Program *special_program(const Run *run)
{
    for (int32_t i = 0; i < run->program->special_count; i++) {
        const SpecialProgram *special = &run->program->specials[i];
        bool fits = true;
        for (int32_t k = 0; k < special->count; k++)
            fits = fits && run->sizes[special->sizes[k].target] == special->sizes[k].source.number;
        if (fits)
            return special->program;
    }
    return NULL;
}

static TnStatus enter_program(Run *run, int count, const TnValue *inputs)
{
    TnStatus status = bind_inputs(run, count, inputs);
    if (status == TN_OK)
        status = run_block(run, &run->program->entry);
    return status == TN_OK ? check_inputs(run, inputs) : status;
}

static TnStatus enter(Run *run, int count, const TnValue *inputs)
{
    run->error[0] = 0;
    if (run->program != run->general)
        take_program(run, run->general);
    TnStatus status = enter_program(run, count, inputs);
    const Program *special = status == TN_OK ? special_program(run) : NULL;
    if (!special)
        return status;
    take_program(run, special);
    return enter_program(run, count, inputs);
}

static TnStatus enter_sizes(Run *run, const void *const *inputs, RunBinder *bind, void *user)
{
    TnStatus status = bind(user, run);
    for (int i = 0; i < run->program->input_count; i++)
        run->data[run->program->inputs[i].value.buffer] = (void *)inputs[i];
    return status == TN_OK ? run_block(run, &run->program->entry) : status;
}

TnStatus run_enter_sizes(Run *run, const void *const *inputs, RunBinder *bind, void *user)
{
    run->error[0] = 0;
    TnStatus status = enter_sizes(run, inputs, bind, user);
    const Program *special = status == TN_OK ? special_program(run) : NULL;
    if (!special)
        return status;
    take_program(run, special);
    return enter_sizes(run, inputs, bind, user);
}

/* ---- Memory ------------------------------------------------------------------------------ */

static bool fixed_bytes(const Run *run, int64_t *planned, int64_t *workers)
{
    int64_t each = memory_align(run->program->worker_scratch);
    *planned = size_get(run->program->arena, run->sizes);
    return *planned >= 0 && *planned < INT64_MAX / 4 &&
           memory_product(each, run->parallel.threads, workers) && *workers < INT64_MAX / 4;
}

/* Makes sure that the arena holds what is planned, and sets the buffers' pointers. */
static TnStatus lay_out(Run *run)
{
    const Program *program = run->program;
    int64_t planned, workers;
    if (!fixed_bytes(run, &planned, &workers))
        return run_fail(run, TN_BAD_ARGUMENT, NULL, "the inputs' sizes need too much memory");
    int64_t needed = planned + workers + (program->has_tail ? RUN_FIRST_TAIL_BYTES : 0);
    if (!run->arena || run->arena_bytes < needed) {
        if (!run->grow) {
            run->memory.needed = needed;
            return run_no_memory(run);
        }
        TnStatus status = run->grow(run, needed > 0 ? needed : MEMORY_ALIGNMENT);
        if (status != TN_OK)
            return status;
    }
    int64_t end = run->arena_bytes / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
    run->planned_bytes = planned;
    run->worker_scratch = run->arena + end - workers;
    int64_t tail = memory_align(planned);
    run->memory = (HostMemory){.base = run->arena,
                               .tail = tail,
                               .top = end - workers,
                               .initial_top = end - workers,
                               .reserve = run->arena_bytes - (end - workers)};
    for (int32_t i = 0; i < program->buffer_count; i++) {
        const Buffer *buffer = &program->buffers[i];
        if (buffer->kind == BUFFER_constant)
            run->data[i] = (void *)buffer->constant;
        else if (buffer->kind == BUFFER_weight)
            run->data[i] = (char *)run->weights + buffer->offset.number;
        else if (buffer->kind == BUFFER_planned)
            run->data[i] = run->arena + size_get(buffer->offset, run->sizes);
        else if (buffer->kind != BUFFER_input)
            run->data[i] = NULL;
    }
    return TN_OK;
}

/* ---- Outputs ----------------------------------------------------------------------------- */

static TnStatus check_output(Run *run, const Port *port, const TnTensor *given,
                             const TnTensor *made)
{
    bool fits = given->element == made->element && given->rank == made->rank && given->data;
    for (int d = 0; fits && d < made->rank; d++)
        fits = given->dims[d] == made->dims[d];
    if (!fits)
        return run_fail(run, TN_BAD_ARGUMENT, NULL,
                        "the memory given for output '%s' has another type or shape than %s",
                        port->name, port->type);
    if (!is_aligned(given))
        return run_fail(run, TN_BAD_ARGUMENT, NULL,
                        "the memory given for output '%s' is not aligned to its elements",
                        port->name);
    return TN_OK;
}

/* An output that is appended to an input lies where that does. */
static TnStatus check_appended(Run *run, const TnValue *outputs)
{
    const Program *program = run->program;
    for (int32_t i = 0; i < program->appended_count; i++) {
        const AppendedState *state = &program->appended[i];
        const Port *port = &program->outputs[state->output];
        const TnValue *given = &outputs[state->output];
        if (given->kind != TN_ABSENT && given->tensor.data != run->data[port->value.buffer])
            return run_fail(run, TN_BAD_ARGUMENT, NULL,
                            "output '%s' lies in the memory of input '%s', which it adds to",
                            port->name, program->inputs[state->input].name);
    }
    return TN_OK;
}

/* Planned outputs go straight into the caller's memory. */
static TnStatus place_outputs(Run *run, int count, const TnValue *outputs)
{
    const Program *program = run->program;
    if (count != program->output_count)
        return run_fail(run, TN_BAD_ARGUMENT, NULL, "%d outputs are given, %d expected", count,
                        program->output_count);
    for (int i = 0; i < count; i++) {
        const Port *port = &program->outputs[i];
        if (outputs[i].kind == TN_ABSENT || port->value.kind != TN_TENSOR)
            continue;
        const Buffer *buffer = &program->buffers[port->value.buffer];
        if (buffer->kind != BUFFER_planned || !buffer->is_output)
            continue;
        TnTensor made = run_tensor(run, &port->value);
        TnStatus status = check_output(run, port, &outputs[i].tensor, &made);
        if (status != TN_OK)
            return status;
        run->data[port->value.buffer] = outputs[i].tensor.data;
    }
    return check_appended(run, outputs);
}

static TnStatus hand_out(Run *run, const Port *port, TnValue *output)
{
    if (port->value.kind != TN_TENSOR) {
        *output = *(const TnValue *)run->data[port->value.buffer];
        return TN_OK;
    }
    TnTensor made = run_tensor(run, &port->value);
    if (output->kind == TN_TENSOR && output->tensor.data != made.data) {
        TnStatus status = check_output(run, port, &output->tensor, &made);
        if (status != TN_OK)
            return status;
        int64_t bytes = memory_tensor_bytes(&made);
        if (bytes > 0)
            memcpy(output->tensor.data, made.data, (size_t)bytes);
        return TN_OK;
    }
    *output = (TnValue){.kind = TN_TENSOR, .tensor = made};
    return TN_OK;
}

/* ---- Running ----------------------------------------------------------------------------- */

TnStatus run_block(Run *run, const Block *block)
{
    for (int64_t i = 0; i < block->step_count; i++) {
        int64_t together = 0;
        if (run_is_cancelled(run))
            return run_fail(run, TN_CANCELLED, NULL, "cancelled");
        TnStatus status = TN_OK;
        if (run->together && !run->observer)
            status = run->together(run, block, i, &together);
        if (status == TN_OK && together == 0)
            status = run_step(run, &block->steps[i]);
        if (status != TN_OK)
            return status;
        i += together > 0 ? together - 1 : 0;
    }
    return TN_OK;
}

static TnStatus run_once(Run *run, int output_count, TnValue *outputs)
{
    TnStatus status = lay_out(run);
    if (status == TN_OK)
        status = place_outputs(run, output_count, outputs);
    if (status == TN_OK)
        status = run_block(run, &run->program->main);
    return status;
}

TnStatus run_program(Run *run, int input_count, const TnValue *inputs, int output_count,
                     TnValue *outputs)
{
    TnStatus status = enter(run, input_count, inputs);
    if (status != TN_OK)
        return status;
    /* What the tail needs shows only while running: begin again with twice the memory. */
    while ((status = run_once(run, output_count, outputs)) == TN_ARENA_TOO_SMALL && run->grow) {
        int64_t twice = run->arena_bytes < INT64_MAX / 4 ? 2 * run->arena_bytes : INT64_MAX / 2;
        TnStatus grown = run->grow(run, run->memory.needed > twice ? run->memory.needed : twice);
        if (grown != TN_OK)
            return grown;
        grown = enter(run, input_count, inputs);
        if (grown != TN_OK)
            return grown;
    }
    for (int i = 0; status == TN_OK && i < output_count; i++)
        status = hand_out(run, &run->program->outputs[i], &outputs[i]);
    return status;
}

TnStatus run_arena_bytes(Run *run, int input_count, const TnValue *inputs, int64_t *bytes)
{
    int64_t planned, workers;
    TnStatus status = enter(run, input_count, inputs);
    if (status != TN_OK)
        return status;
    if (!fixed_bytes(run, &planned, &workers))
        return run_fail(run, TN_BAD_ARGUMENT, NULL, "the inputs' sizes need too much memory");
    *bytes = planned + workers + (run->program->has_tail ? RUN_FIRST_TAIL_BYTES : 0);
    return TN_OK;
}

/* ---- Figures ----------------------------------------------------------------------------- */

/* NaN where the size is not known. */
static double number(Size size, const int64_t *sizes)
{
    return size.slot < 0 || sizes ? (double)size_get(size, sizes) : (double)NAN;
}

static double flops_of(const Block *block, const int64_t *sizes)
{
    double total = 0;
    for (int64_t i = 0; i < block->step_count; i++) {
        const Step *step = &block->steps[i];
        if (step->kind == STEP_phase)
            total += number(step->phase.flops, sizes);
        else if (step->kind == STEP_loop)
            total += (step->loop.is_scan ? number(step->loop.length, sizes) : 1) *
                     flops_of(step->loop.body, sizes);
    }
    return total;
}

double program_flops(const Program *program)
{
    double total = flops_of(&program->main, NULL);
    return isnan(total) ? -1 : total;
}

double run_flops(const Run *run)
{
    return flops_of(&run->program->main, run->sizes);
}

static double buffer_bytes(const Run *run, int32_t buffer)
{
    const Program *program = run->program;
    const Buffer *found = &program->buffers[buffer];
    if (found->kind == BUFFER_planned || found->kind == BUFFER_constant ||
        found->kind == BUFFER_weight)
        return (double)size_get(found->bytes, run->sizes);
    for (int32_t i = 0; found->kind == BUFFER_input && i < program->input_count; i++)
        if (program->inputs[i].value.buffer == buffer && program->inputs[i].value.kind == TN_TENSOR)
            return (double)run_bytes(run, &program->inputs[i].value);
    return 0;
}

double step_bytes(const Run *run, const Step *step)
{
    double total = 0;
    for (int32_t i = 0; step->kind == STEP_phase && i < step->phase.buffer_count; i++) {
        bool again = step->phase.buffers[i] < 0;
        for (int32_t j = 0; j < i && !again; j++)
            again = step->phase.buffers[j] == step->phase.buffers[i];
        total += again ? 0 : buffer_bytes(run, step->phase.buffers[i]);
    }
    return total;
}

const char *step_kind_name(const Step *step)
{
    static const char *const names[] = {
        [STEP_phase] = "kernel",      [STEP_host] = "host",   [STEP_size] = "sizes",
        [STEP_bind] = "bind",         [STEP_check] = "check", [STEP_assign] = "assign",
        [STEP_allocate] = "allocate", [STEP_halo] = "halo",   [STEP_if] = "if",
        [STEP_loop] = "loop"};
    return names[step->kind];
}
