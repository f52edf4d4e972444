/* SPDX-License-Identifier: Apache-2.0
 *
 * Loop and Scan.
 *
 * Before an iteration its slices of the scanned operands are put in place; after it the slices of
 * the scanned results are appended, then the carried values move from `next` to `state`. Where the
 * number of iterations is not known beforehand, a scanned result grows by doubling at the tail.
 */
#include "runtime/run_internal.h"

#include "runtime/element.h"

#include <string.h>

/* Where slice t lies in the whole: `outer` runs of `bytes`, `stride` apart. */
typedef struct SliceShape {
    int64_t outer, bytes, stride;
} SliceShape;

static bool slice_shape(const TnTensor *slice, int axis, int64_t length, SliceShape *shape)
{
    shape->outer = 1;
    shape->bytes = (int64_t)element_bytes(slice->element);
    if (memory_tensor_bytes(slice) < 0)
        return false;
    for (int d = 0; d < slice->rank; d++)
        if (d < axis)
            shape->outer *= slice->dims[d];
        else
            shape->bytes *= slice->dims[d];
    return memory_product(shape->bytes, length, &shape->stride);
}

static void copy_slice(const SliceShape *shape, char *whole, char *slice, int64_t t, bool into)
{
    for (int64_t i = 0; i < shape->outer && shape->bytes > 0; i++) {
        char *part = whole + i * shape->stride + t * shape->bytes;
        char *own = slice + i * shape->bytes;
        memcpy(into ? part : own, into ? own : part, (size_t)shape->bytes);
    }
}

/* ---- Operands ---------------------------------------------------------------------------- */

static TnStatus place_inputs(Run *run, const Step *step, int64_t t)
{
    const LoopStep *loop = &step->loop;
    int64_t length = size_get(loop->length, run->sizes);
    for (int32_t i = 0; i < loop->input_count; i++) {
        const LoopSlice *input = &loop->inputs[i];
        TnTensor slice = run_tensor(run, &input->slice), whole = run_tensor(run, &input->whole);
        SliceShape shape;
        if (whole.dims[input->axis] != length)
            return run_fail(run, TN_BAD_ARGUMENT, step, "scanned inputs have different lengths");
        if (!slice_shape(&slice, input->axis, length, &shape))
            return run_fail(run, TN_BAD_ARGUMENT, step, "a size overflows");
        int64_t at = input->reverse ? length - 1 - t : t;
        if (input->by_pointer)
            run->data[input->slice.buffer] = (char *)whole.data + at * shape.bytes;
        else
            copy_slice(&shape, whole.data, slice.data, at, false);
    }
    return TN_OK;
}

/* ---- Results ----------------------------------------------------------------------------- */

/* The state of a dynamic result is kept in its buffer's memory: capacity, then the slices. */
typedef struct Growing {
    int64_t capacity; /* slices */
    int64_t slice_bytes;
} Growing;

enum { GROWING_HEADER = MEMORY_ALIGNMENT };

static Growing *growing_of(void *data)
{
    return (Growing *)(void *)((char *)data - GROWING_HEADER);
}

void run_growing_extent(void *data, char **begin, char **end)
{
    const Growing *growing = growing_of(data);
    *begin = (char *)data - GROWING_HEADER;
    *end = (char *)data + growing->capacity * growing->slice_bytes;
}

/* Room for one more slice after `count`; for a Scan all at once. */
static TnStatus make_room(Run *run, const Step *step, const LoopSlice *output,
                          const SliceShape *shape, int64_t count)
{
    void **data = &run->data[output->whole.buffer];
    Growing *old = *data ? growing_of(*data) : NULL;
    int64_t each = shape->outer * shape->bytes, bytes;
    if (old && old->slice_bytes != each)
        return run_fail(run, TN_BAD_ARGUMENT, step,
                        "a scanned output changes its shape from one iteration to the next");
    if (old && count < old->capacity)
        return TN_OK;
    int64_t capacity = step->loop.is_scan ? size_get(step->loop.length, run->sizes)
                       : old              ? 2 * old->capacity
                                          : 8;
    if (!memory_product(capacity, each, &bytes) || bytes > INT64_MAX - GROWING_HEADER)
        return run_fail(run, TN_BAD_ARGUMENT, step, "a size overflows");
    char *memory = memory_tail(&run->memory, bytes + GROWING_HEADER);
    if (!memory)
        return run_no_memory(run);
    *(Growing *)(void *)memory = (Growing){.capacity = capacity, .slice_bytes = each};
    if (old && count > 0 && each > 0)
        memcpy(memory + GROWING_HEADER, *data, (size_t)(count * each));
    *data = memory + GROWING_HEADER;
    return TN_OK;
}

static TnStatus append_outputs(Run *run, const Step *step, int64_t t)
{
    const LoopStep *loop = &step->loop;
    for (int32_t i = 0; i < loop->output_count; i++) {
        const LoopSlice *output = &loop->outputs[i];
        TnTensor slice = run_tensor(run, &output->slice);
        SliceShape shape;
        int64_t length = loop->is_scan ? size_get(loop->length, run->sizes) : 1;
        if (!slice_shape(&slice, output->axis, length, &shape))
            return run_fail(run, TN_BAD_ARGUMENT, step, "a size overflows");
        if (output->is_dynamic) {
            TnStatus status = make_room(run, step, output, &shape, t);
            if (status != TN_OK)
                return status;
        } else if (!loop->is_scan && t >= size_get(output->whole.dims[0], run->sizes)) {
            return run_fail(run, TN_INTERNAL, step, "more iterations than inferred");
        }
        for (int d = 0; d < slice.rank; d++) {
            int at = d < output->axis ? d : d + 1;
            if (output->binds >> at & 1)
                run->sizes[output->whole.dims[at].slot] = slice.dims[d];
        }
        copy_slice(&shape, run->data[output->whole.buffer], slice.data,
                   output->reverse ? length - 1 - t : t, true);
    }
    return TN_OK;
}

/* Sizes of dynamic results that no iteration has made. */
static TnStatus finish_outputs(Run *run, const Step *step, int64_t iterations)
{
    const LoopStep *loop = &step->loop;
    for (int32_t i = 0; i < loop->output_count; i++) {
        const LoopSlice *output = &loop->outputs[i];
        if (output->count_symbol >= 0) {
            TnStatus status = run_bind_symbol(run, step, output->count_symbol, iterations);
            if (status != TN_OK)
                return status;
        } else if (size_get(output->whole.dims[output->axis], run->sizes) != iterations) {
            return run_fail(run, TN_INTERNAL, step, "%lld iterations, another number was inferred",
                            (long long)iterations);
        }
        if (iterations > 0)
            continue;
        for (int d = 0; d < output->whole.rank; d++)
            if (output->binds >> d & 1)
                run->sizes[output->whole.dims[d].slot] = 0;
        if (output->is_dynamic) {
            run->data[output->whole.buffer] = memory_tail(&run->memory, 0);
            if (!run->data[output->whole.buffer])
                return run_no_memory(run);
        }
    }
    return TN_OK;
}

/* ---- LoopState values ---------------------------------------------------------------------- */

/* Memory that the next iteration may write again: the planned part of the arena. */
static bool is_reused(const Run *run, const void *data)
{
    const char *at = data;
    return at >= run->arena && at < run->arena + run->planned_bytes;
}

static TnStatus move_state(Run *run, const Step *step, const LoopState *moved)
{
    int32_t to = moved->state.buffer, from = moved->next.buffer;
    if (to == from)
        return TN_OK;
    if (moved->state.kind != TN_TENSOR || (moved->by_pointer && !is_reused(run, run->data[from]))) {
        run->data[to] = run->data[from];
        return TN_OK;
    }
    int64_t bytes = run_bytes(run, &moved->next);
    if (bytes < 0)
        return run_fail(run, TN_BAD_ARGUMENT, step, "a size overflows");
    if (moved->by_pointer) {
        run->data[to] = memory_tail(&run->memory, bytes);
        if (!run->data[to])
            return run_no_memory(run);
    }
    if (bytes > 0)
        memcpy(run->data[to], run->data[from], (size_t)bytes);
    return TN_OK;
}

/* Sizes of all next states first, because the new value of one may be made of another's old one. */
static TnStatus bind_states(Run *run, const Step *step)
{
    const LoopStep *loop = &step->loop;
    int64_t *values = memory_scratch(&run->memory, loop->bind_count * (int64_t)sizeof *values);
    if (!values)
        return run_no_memory(run);
    for (int32_t i = 0; i < loop->bind_count; i++)
        values[i] = size_get(loop->binds[i].source, run->sizes);
    for (int32_t i = 0; i < loop->bind_count; i++) {
        TnStatus status = run_bind_symbol(run, step, loop->binds[i].target, values[i]);
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

static TnStatus commit(Run *run, const Step *step, int64_t t, int64_t base)
{
    const LoopStep *loop = &step->loop;
    int64_t top = run->memory.top;
    TnStatus status = append_outputs(run, step, t);
    for (int32_t i = 0; status == TN_OK && i < loop->carried_count; i++)
        status = move_state(run, step, &loop->carried[i]);
    if (status == TN_OK)
        run_compact(run, loop, base);
    if (status == TN_OK && loop->bind_count)
        status = bind_states(run, step);
    run->memory.top = top;
    return status;
}

/* ---- The loop ---------------------------------------------------------------------------- */

static int64_t trip_count(const Run *run, const LoopStep *loop)
{
    if (loop->is_scan)
        return size_get(loop->length, run->sizes);
    if (loop->trip_count.kind == TN_ABSENT)
        return INT64_MAX;
    TnTensor tensor = run_tensor(run, &loop->trip_count);
    return tensor_int64(&tensor, 0);
}

static bool read_condition(const Run *run, const ProgramValue *condition)
{
    return condition->kind == TN_ABSENT || *(const uint8_t *)run->data[condition->buffer];
}

TnStatus run_loop(Run *run, const Step *step)
{
    const LoopStep *loop = &step->loop;
    int64_t count = trip_count(run, loop), t = 0;
    bool go_on = read_condition(run, &loop->condition);
    int64_t base = run->memory.tail; /* what is beyond belongs to the loop */
    for (int32_t i = 0; i < loop->output_count; i++)
        if (loop->outputs[i].is_dynamic)
            run->data[loop->outputs[i].whole.buffer] = NULL;
    for (; t < count && go_on; t++) {
        if (loop->iteration >= 0)
            *(int64_t *)run->data[loop->iteration] = t;
        if (loop->condition_in >= 0)
            *(uint8_t *)run->data[loop->condition_in] = go_on;
        TnStatus status = place_inputs(run, step, t);
        if (status == TN_OK)
            status = run_block(run, loop->body);
        if (status != TN_OK)
            return status;
        go_on = read_condition(run, &loop->condition_out);
        status = commit(run, step, t, base);
        if (status != TN_OK)
            return status;
    }
    return finish_outputs(run, step, t);
}
