/* SPDX-License-Identifier: Apache-2.0
 *
 * Unique: distinct elements, or slices along an axis, sorted or in order of first occurrence.
 */
#include "runtime/element.h"
#include "runtime/host/host.h"
#include "runtime/host/order.h"

#include <string.h>

/* `length` slices of outer * inner elements each. */
typedef struct Slices {
    const TnTensor *x;
    int64_t outer, length, inner;
} Slices;

static int compare_elements(const TnTensor *x, int64_t a, int64_t b)
{
    if (x->element == TN_STRING) {
        const TnString *strings = x->data;
        return order_compare_strings(strings[a], strings[b]);
    }
    size_t size = element_bytes(x->element);
    uint64_t ka = order_key(x->element, (const char *)x->data + (size_t)a * size);
    uint64_t kb = order_key(x->element, (const char *)x->data + (size_t)b * size);
    return (ka > kb) - (ka < kb);
}

static int compare_slices(const Slices *s, int64_t a, int64_t b)
{
    for (int64_t o = 0; o < s->outer; o++)
        for (int64_t i = 0; i < s->inner; i++) {
            int order = compare_elements(s->x, (o * s->length + a) * s->inner + i,
                                         (o * s->length + b) * s->inner + i);
            if (order)
                return order;
        }
    return 0;
}

static bool slice_before(const void *context, int64_t a, int64_t b)
{
    return compare_slices(context, a, b) < 0;
}

static bool position_before(const void *context, int64_t a, int64_t b)
{
    const int64_t *first = context;
    return first[a] < first[b];
}

/* What was found: group g, numbered in the order of the result, first stands at first[g]. */
typedef struct Groups {
    int64_t count, *first, *size, *of; /* of[slice] = group */
} Groups;

static bool find_groups(HostCall *call, const Slices *s, bool sorted, Groups *groups)
{
    int64_t bytes = s->length * (int64_t)sizeof(int64_t);
    int64_t *positions = host_scratch(call, bytes), *spare = host_scratch(call, bytes);
    groups->first = host_scratch(call, bytes);
    groups->size = host_scratch(call, bytes);
    groups->of = host_scratch(call, bytes);
    if (!positions || !spare || !groups->first || !groups->size || !groups->of)
        return false;
    for (int64_t i = 0; i < s->length; i++)
        positions[i] = i;
    order_sort(positions, spare, s->length, slice_before, s);
    groups->count = 0;
    for (int64_t i = 0; i < s->length; i++) {
        if (i == 0 || compare_slices(s, positions[i - 1], positions[i]) != 0) {
            groups->first[groups->count] = positions[i];
            groups->size[groups->count++] = 0;
        }
        groups->of[positions[i]] = groups->count - 1;
        groups->size[groups->count - 1]++;
    }
    if (sorted)
        return true;
    /* Renumber the groups by where they first stand. */
    int64_t *order = positions, *rank = host_scratch(call, bytes);
    int64_t *first = host_scratch(call, bytes), *size = host_scratch(call, bytes);
    if (!rank || !first || !size)
        return false;
    for (int64_t g = 0; g < groups->count; g++)
        order[g] = g;
    order_sort(order, spare, groups->count, position_before, groups->first);
    for (int64_t g = 0; g < groups->count; g++) {
        rank[order[g]] = g;
        first[g] = groups->first[order[g]];
        size[g] = groups->size[order[g]];
    }
    for (int64_t i = 0; i < s->length; i++)
        groups->of[i] = rank[groups->of[i]];
    groups->first = first;
    groups->size = size;
    return true;
}

TnStatus host_unique(HostCall *call)
{
    const TnTensor *x = host_tensor(call, 0);
    int64_t axis = host_int(call, "axis");
    bool flat = axis == INT64_MIN;
    axis += !flat && axis < 0 ? x->rank : 0;
    Slices s = {x, 1, flat ? tensor_count(x) : x->dims[axis], 1};
    for (int d = 0; !flat && d < x->rank; d++)
        *(d < axis ? &s.outer : &s.inner) *= d == axis ? 1 : x->dims[d];
    Groups groups;
    if (!find_groups(call, &s, host_int(call, "sorted") != 0, &groups))
        return call->status;
    int64_t dims[TN_MAX_RANK];
    memcpy(dims, x->dims, sizeof dims);
    dims[flat ? 0 : axis] = groups.count;
    char *y = host_output(call, 0, flat ? 1 : x->rank, dims);
    int64_t *indices = host_output(call, 1, 1, &groups.count);
    int64_t *inverse = host_output(call, 2, 1, &s.length);
    int64_t *counts = host_output(call, 3, 1, &groups.count);
    if (!y || !indices || !inverse || !counts)
        return call->status;
    size_t size = element_bytes(x->element);
    for (int64_t o = 0; o < s.outer; o++)
        for (int64_t g = 0; g < groups.count; g++)
            memcpy(y + (size_t)((o * groups.count + g) * s.inner) * size,
                   (const char *)x->data +
                       (size_t)((o * s.length + groups.first[g]) * s.inner) * size,
                   (size_t)s.inner * size);
    memcpy(indices, groups.first, (size_t)groups.count * 8);
    memcpy(counts, groups.size, (size_t)groups.count * 8);
    memcpy(inverse, groups.of, (size_t)s.length * 8);
    return TN_OK;
}
