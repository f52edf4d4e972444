/* SPDX-License-Identifier: Apache-2.0
 *
 * LabelEncoder: each element of X is looked up among keys, and the value at its place, or the
 * default, taken. Keys and values lie in lists of attributes, or in tensors; the keys are sorted
 * once a call. A key that is not a number finds one; of equal keys the first counts.
 */
#include "runtime/element.h"
#include "runtime/host/host.h"
#include "runtime/host/order.h"

#include <string.h>

/* Keys, values or the elements of X. */
typedef struct Labels {
    TnElementType element;
    int64_t count;
    const void *data;
} Labels;

static Labels labels_of_tensor(const TnTensor *tensor)
{
    return (Labels){tensor->element, tensor_count(tensor), tensor->data};
}

/* "keys" or "values", in whichever of their four forms. */
static Labels find_labels(const HostCall *call, const char *const names[4])
{
    StringList strings = host_strings(call, names[0]);
    IntList integers = host_ints(call, names[1]);
    FloatList reals = host_floats(call, names[2]);
    const TnTensor *tensor = host_tensor_attribute(call, names[3]);
    return strings.count    ? (Labels){TN_STRING, strings.count, strings.items}
           : integers.count ? (Labels){TN_INT64, integers.count, integers.items}
           : reals.count    ? (Labels){TN_FLOAT, reals.count, reals.items}
           : tensor         ? labels_of_tensor(tensor)
                            : (Labels){TN_UNDEFINED, 0, NULL};
}

/* ---- Looking up -------------------------------------------------------------------------- */

static int compare_labels(const Labels *a, int64_t i, const Labels *b, int64_t j)
{
    size_t bytes = element_bytes(a->element);
    const void *x = (const char *)a->data + (size_t)i * bytes;
    const void *y = (const char *)b->data + (size_t)j * bytes;
    if (a->element == TN_STRING)
        return order_compare_strings(*(const TnString *)x, *(const TnString *)y);
    uint64_t first = order_key(a->element, x), second = order_key(a->element, y);
    return (first > second) - (first < second);
}

static bool key_before(const void *context, int64_t a, int64_t b)
{
    return compare_labels(context, a, context, b) < 0;
}

/* The first key that is equal to element i of X; -1: none is. `sorted` are the keys in order. */
static int64_t look_up(const Labels *keys, const int64_t *sorted, const Labels *x, int64_t i)
{
    int64_t low = 0, high = keys->count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (compare_labels(keys, sorted[middle], x, i) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < keys->count && compare_labels(keys, sorted[low], x, i) == 0 ? sorted[low] : -1;
}

static void set_default(const HostCall *call, TnElementType element, void *to)
{
    const TnTensor *tensor = host_tensor_attribute(call, "default_tensor");
    if (tensor && tensor_count(tensor) == 1 && tensor->element == element)
        memcpy(to, tensor->data, element_bytes(element));
    else if (element == TN_STRING)
        *(TnString *)to = host_string(call, "default_string");
    else if (element == TN_FLOAT)
        *(float *)to = host_float(call, "default_float");
    else if (element == TN_DOUBLE)
        *(double *)to = (double)host_float(call, "default_float");
    else if (element == TN_INT64)
        *(int64_t *)to = host_int(call, "default_int64");
    else if (element == TN_INT32)
        *(int32_t *)to = (int32_t)host_int(call, "default_int64");
    else
        *(int16_t *)to = (int16_t)host_int(call, "default_int64");
}

TnStatus host_label_encoder(HostCall *call)
{
    static const char *const key_names[] = {"keys_strings", "keys_int64s", "keys_floats",
                                            "keys_tensor"};
    static const char *const value_names[] = {"values_strings", "values_int64s", "values_floats",
                                              "values_tensor"};
    const TnTensor *x = host_tensor(call, 0);
    Labels elements = labels_of_tensor(x), keys = find_labels(call, key_names);
    Labels values = find_labels(call, value_names);
    size_t bytes = element_bytes(values.element);
    char *y = host_output(call, 0, x->rank, x->dims);
    int64_t *sorted = host_scratch(call, (keys.count + 1) * (int64_t)sizeof *sorted);
    int64_t *spare = host_scratch(call, (keys.count + 1) * (int64_t)sizeof *spare);
    if (!y || !sorted || !spare)
        return call->status;
    for (int64_t i = 0; i < keys.count; i++)
        sorted[i] = i;
    order_sort(sorted, spare, keys.count, key_before, &keys);
    for (int64_t i = 0; i < elements.count; i++) {
        int64_t at = look_up(&keys, sorted, &elements, i);
        if (at < 0)
            set_default(call, values.element, y + (size_t)i * bytes);
        else
            memcpy(y + (size_t)i * bytes, (const char *)values.data + (size_t)at * bytes, bytes);
    }
    return TN_OK;
}
