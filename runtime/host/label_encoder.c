/* SPDX-License-Identifier: Apache-2.0
 *
 * LabelEncoder: each element of X is looked up among keys, and the value at its place, or the
 * default, taken. Keys and values lie in lists of attributes, or in tensors; the keys are sorted
 * once a call. A key that is not a number finds one; of equal keys the first counts.
 */
#include "runtime/element.h"
#include "runtime/host/host.h"

#include <stdlib.h>
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

typedef struct Label {
    TnString string;
    int64_t integer;
    double real;
    int64_t index;
} Label;

static Label label_at(const Labels *labels, int64_t i)
{
    Label label = {.index = i};
    const char *at = (const char *)labels->data + (size_t)i * element_bytes(labels->element);
    if (labels->element == TN_STRING)
        label.string = *(const TnString *)at;
    else if (labels->element == TN_FLOAT)
        label.real = (double)*(const float *)at;
    else if (labels->element == TN_DOUBLE)
        label.real = *(const double *)at;
    else if (labels->element == TN_INT64)
        label.integer = *(const int64_t *)at;
    else if (labels->element == TN_INT32)
        label.integer = *(const int32_t *)at;
    else
        label.integer = *(const int16_t *)at;
    return label;
}

static int compare_labels(const Label *a, const Label *b)
{
    int64_t shorter = a->string.length < b->string.length ? a->string.length : b->string.length;
    int order = shorter ? memcmp(a->string.data, b->string.data, (size_t)shorter) : 0;
    if (order)
        return order;
    if (a->string.length != b->string.length)
        return a->string.length < b->string.length ? -1 : 1;
    if (a->integer != b->integer)
        return a->integer < b->integer ? -1 : 1;
    bool a_is_number = a->real == a->real, b_is_number = b->real == b->real;
    if (!a_is_number || !b_is_number)
        return a_is_number - b_is_number;
    return (a->real > b->real) - (a->real < b->real);
}

static int compare_keys(const void *a, const void *b)
{
    const Label *x = a, *y = b;
    int order = compare_labels(x, y);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* The place of the first key that is equal; -1: none is. */
static int64_t look_up(const Label *keys, int64_t count, const Label *wanted)
{
    int64_t low = 0, high = count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (compare_labels(&keys[middle], wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && compare_labels(&keys[low], wanted) == 0 ? keys[low].index : -1;
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
    Label *sorted = host_scratch(call, (int64_t)sizeof *sorted * (keys.count + 1));
    if (!y || !sorted)
        return call->status;
    for (int64_t i = 0; i < keys.count; i++)
        sorted[i] = label_at(&keys, i);
    qsort(sorted, (size_t)keys.count, sizeof *sorted, compare_keys);
    for (int64_t i = 0; i < elements.count; i++) {
        Label wanted = label_at(&elements, i);
        int64_t at = look_up(sorted, keys.count, &wanted);
        if (at < 0)
            set_default(call, values.element, y + (size_t)i * bytes);
        else
            memcpy(y + (size_t)i * bytes, (const char *)values.data + (size_t)at * bytes, bytes);
    }
    return TN_OK;
}
