/* SPDX-License-Identifier: Apache-2.0
 *
 * Sequences and optionals. Both are immutable; a new one shares the items of the old one.
 */
#include "runtime/element.h"
#include "runtime/host/host.h"

#include <string.h>

static TnStatus finish(HostCall *call, const TnValue *value)
{
    if (!value)
        return call->status;
    host_set_output(call, 0, value);
    return TN_OK;
}

/* An operand as an item: a tensor is copied, the rest is shared. */
static const TnValue *item_of(HostCall *call, int i)
{
    const TnTensor *tensor = host_tensor(call, i);
    return tensor ? host_keep(call, tensor) : host_value(call, i);
}

/* Copies a tensor to output i, whose sizes it decides. */
static TnStatus give_tensor(HostCall *call, int i, const TnTensor *tensor)
{
    void *data = host_output(call, i, tensor->rank, tensor->dims);
    if (!data)
        return call->status;
    memcpy(data, tensor->data, tensor_bytes(tensor));
    return TN_OK;
}

static TnStatus give(HostCall *call, const TnValue *value)
{
    return value->kind == TN_TENSOR ? give_tensor(call, 0, &value->tensor) : finish(call, value);
}

/* The position operand counted from the front; false where it is outside 0 .. limit-1. */
static bool position(HostCall *call, int i, int64_t count, int64_t limit, int64_t *at)
{
    const TnTensor *tensor = host_tensor(call, i);
    *at = tensor_int64(tensor, 0);
    if (*at < -count || *at >= limit) {
        host_error(call, "position %lld is outside of a sequence of %lld", (long long)*at,
                   (long long)count);
        return false;
    }
    *at += *at < 0 ? count : 0;
    return true;
}

TnStatus host_sequence_empty(HostCall *call)
{
    return finish(call, host_collect(call, TN_SEQUENCE, 0, NULL));
}

TnStatus host_sequence_construct(HostCall *call)
{
    const TnValue **items = host_scratch(call, call->input_count * (int64_t)sizeof *items);
    if (!items)
        return call->status;
    for (int i = 0; i < call->input_count; i++)
        if (!(items[i] = item_of(call, i)))
            return call->status;
    return finish(call, host_collect(call, TN_SEQUENCE, call->input_count, items));
}

TnStatus host_sequence_length(HostCall *call)
{
    int64_t *y = host_output(call, 0, 0, NULL);
    if (!y)
        return call->status;
    *y = host_value(call, 0)->count;
    return TN_OK;
}

TnStatus host_sequence_at(HostCall *call)
{
    const TnValue *sequence = host_value(call, 0);
    int64_t at;
    if (!position(call, 1, sequence->count, sequence->count, &at))
        return call->status;
    return give(call, sequence->items[at]);
}

TnStatus host_sequence_insert(HostCall *call)
{
    const TnValue *sequence = host_value(call, 0);
    int64_t count = sequence->count, at = count;
    if (call->input_count > 2 && host_tensor(call, 2) && !position(call, 2, count, count + 1, &at))
        return call->status;
    const TnValue **items = host_scratch(call, (count + 1) * (int64_t)sizeof *items);
    const TnValue *item = item_of(call, 1);
    if (!items || !item)
        return call->status;
    for (int64_t i = 0; i <= count; i++)
        items[i] = i == at ? item : sequence->items[i - (i > at)];
    return finish(call, host_collect(call, TN_SEQUENCE, count + 1, items));
}

TnStatus host_sequence_erase(HostCall *call)
{
    const TnValue *sequence = host_value(call, 0);
    int64_t count = sequence->count, at = count - 1;
    if (count == 0)
        return host_error(call, "nothing can be erased from an empty sequence");
    if (call->input_count > 1 && host_tensor(call, 1) && !position(call, 1, count, count, &at))
        return call->status;
    const TnValue **items = host_scratch(call, count * (int64_t)sizeof *items);
    if (!items)
        return call->status;
    for (int64_t i = 0; i + 1 < count; i++)
        items[i] = sequence->items[i + (i >= at)];
    return finish(call, host_collect(call, TN_SEQUENCE, count - 1, items));
}

/* ---- Concatenating and splitting --------------------------------------------------------- */

TnStatus host_concat_from_sequence(HostCall *call)
{
    const TnValue *sequence = host_value(call, 0);
    bool is_new = host_int(call, "new_axis") != 0;
    if (sequence->count == 0)
        return host_error(call, "an empty sequence cannot be concatenated");
    const TnTensor *first = &sequence->items[0]->tensor;
    int rank = first->rank + is_new;
    int64_t axis = host_int(call, "axis"), dims[TN_MAX_RANK], total = 0, outer = 1;
    axis += axis < 0 ? rank : 0;
    if (axis < 0 || axis >= rank || rank > TN_MAX_RANK)
        return host_error(call, "axis %lld is outside of rank %d", (long long)axis, rank);
    for (int d = 0; d < rank; d++)
        dims[d] = is_new && d == axis ? 1 : first->dims[d - (is_new && d > axis)];
    for (int64_t i = 0; i < sequence->count; i++) {
        const TnTensor *item = &sequence->items[i]->tensor;
        bool fits = item->rank == first->rank && item->element == first->element;
        for (int d = 0; fits && d < item->rank; d++)
            fits = item->dims[d] == first->dims[d] || (!is_new && d == axis);
        if (!fits)
            return host_error(call, "item %lld has another shape or type than the first",
                              (long long)i);
        total += is_new ? 1 : item->dims[axis];
    }
    dims[axis] = total;
    char *y = host_output(call, 0, rank, dims);
    if (!y)
        return call->status;
    for (int d = 0; d < axis; d++)
        outer *= dims[d];
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < sequence->count; i++) {
            const TnTensor *item = &sequence->items[i]->tensor;
            size_t bytes = tensor_bytes(item) / (size_t)outer;
            memcpy(y, (const char *)item->data + (size_t)o * bytes, bytes);
            y += bytes;
        }
    return TN_OK;
}

/* The part begin .. begin + length of the axis as an item; without the axis if it is dropped. */
static const TnValue *slice(HostCall *call, const TnTensor *x, int axis, int64_t begin,
                            int64_t length, bool drop)
{
    TnTensor part = {.element = x->element};
    int64_t outer = 1, inner = 1;
    for (int d = 0; d < x->rank; d++) {
        if (d != axis || !drop)
            part.dims[part.rank++] = d == axis ? length : x->dims[d];
        *(d < axis ? &outer : &inner) *= d == axis ? 1 : x->dims[d];
    }
    size_t step = (size_t)inner * element_bytes(x->element), bytes = step * (size_t)length;
    char *data = host_scratch(call, (int64_t)(bytes * (size_t)outer));
    part.data = data;
    if (!data)
        return NULL;
    for (int64_t o = 0; o < outer; o++)
        memcpy(data + (size_t)o * bytes,
               (const char *)x->data + (size_t)(o * x->dims[axis] + begin) * step, bytes);
    return host_keep(call, &part);
}

TnStatus host_split_to_sequence(HostCall *call)
{
    const TnTensor *x = host_tensor(call, 0);
    const TnTensor *split = call->input_count > 1 ? host_tensor(call, 1) : NULL;
    int64_t axis = host_int(call, "axis");
    axis += axis < 0 ? x->rank : 0;
    int64_t length = x->dims[axis], step = 1, count = length;
    bool drop = !split && host_int(call, "keepdims") == 0;
    if (split && split->rank == 0) {
        step = tensor_int64(split, 0);
        if (step <= 0)
            return host_error(call, "parts of %lld are asked for", (long long)step);
        count = (length + step - 1) / step;
    } else if (split) {
        count = split->dims[0];
    }
    const TnValue **items = host_scratch(call, count * (int64_t)sizeof *items);
    if (!items)
        return call->status;
    int64_t begin = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t part = split && split->rank > 0 ? tensor_int64(split, i) : step;
        if (split && split->rank == 0 && part > length - begin)
            part = length - begin;
        if (part < 0 || part > length - begin)
            return host_error(call, "the parts exceed the axis, which has %lld elements",
                              (long long)length);
        if (!(items[i] = slice(call, x, (int)axis, begin, part, drop)))
            return call->status;
        begin += part;
    }
    if (begin != length)
        return host_error(call, "the parts sum to %lld; the axis has %lld elements",
                          (long long)begin, (long long)length);
    return finish(call, host_collect(call, TN_SEQUENCE, count, items));
}

/* ---- Optionals --------------------------------------------------------------------------- */

TnStatus host_optional(HostCall *call)
{
    bool has_item = call->input_count > 0 && call->inputs[0];
    const TnValue *item = has_item ? item_of(call, 0) : NULL;
    if (has_item && !item)
        return call->status;
    return finish(call, host_collect(call, TN_OPTIONAL, has_item, &item));
}

TnStatus host_optional_has_element(HostCall *call)
{
    bool *y = host_output(call, 0, 0, NULL);
    if (!y)
        return call->status;
    const TnValue *value = call->input_count > 0 ? call->inputs[0] : NULL;
    *y = value && (value->kind != TN_OPTIONAL || value->count == 1);
    return TN_OK;
}

TnStatus host_optional_get_element(HostCall *call)
{
    const TnValue *value = call->inputs[0];
    if (value->kind != TN_OPTIONAL)
        return give(call, value);
    if (value->count == 0)
        return host_error(call, "the optional is empty");
    return give(call, value->items[0]);
}
