/* SPDX-License-Identifier: Apache-2.0
 *
 * What a call offers to host functions.
 */
#include "runtime/host/host.h"

#include "runtime/element.h"
#include "runtime/format.h"
#include "runtime/memory.h"

#include <string.h>

const TnTensor *host_tensor(const HostCall *call, int i)
{
    const TnValue *value = host_value(call, i);
    return value && value->kind == TN_TENSOR ? &value->tensor : NULL;
}

const TnValue *host_value(const HostCall *call, int i)
{
    return i < call->input_count ? call->inputs[i] : NULL;
}

int64_t tensor_count(const TnTensor *tensor)
{
    int64_t count = 1;
    for (int d = 0; d < tensor->rank; d++)
        count *= tensor->dims[d];
    return count;
}

size_t tensor_bytes(const TnTensor *tensor)
{
    return (size_t)tensor_count(tensor) * element_bytes(tensor->element);
}

int64_t tensor_int64(const TnTensor *tensor, int64_t i)
{
    const char *data = tensor->data;
    return element_to_int64(tensor->element, data + (size_t)i * element_bytes(tensor->element));
}

static const HostAttribute *find_attribute(const HostCall *call, const char *name)
{
    static const HostAttribute none;
    for (int i = 0; i < call->attribute_count; i++)
        if (!strcmp(call->attributes[i].name, name))
            return &call->attributes[i];
    return &none;
}

int64_t host_int(const HostCall *call, const char *name)
{
    return find_attribute(call, name)->integer;
}

float host_float(const HostCall *call, const char *name)
{
    return find_attribute(call, name)->real;
}

TnString host_string(const HostCall *call, const char *name)
{
    return find_attribute(call, name)->string;
}

IntList host_ints(const HostCall *call, const char *name)
{
    return find_attribute(call, name)->integers;
}

FloatList host_floats(const HostCall *call, const char *name)
{
    return find_attribute(call, name)->reals;
}

StringList host_strings(const HostCall *call, const char *name)
{
    return find_attribute(call, name)->strings;
}

const TnTensor *host_tensor_attribute(const HostCall *call, const char *name)
{
    return find_attribute(call, name)->tensor;
}

void *host_output(HostCall *call, int i, int rank, const int64_t *dims)
{
    TnTensor *tensor = &call->outputs[i].tensor;
    if (tensor->data) {
        bool fits = rank == tensor->rank;
        for (int d = 0; fits && d < rank; d++)
            fits = dims[d] == tensor->dims[d];
        if (fits)
            return tensor->data;
        call->status = host_error(call, "result %d has other sizes than were inferred", i);
        call->status = TN_INTERNAL;
        return NULL;
    }
    tensor->rank = rank;
    for (int d = 0; d < rank; d++)
        tensor->dims[d] = dims[d];
    int64_t bytes = memory_tensor_bytes(tensor);
    if (bytes < 0) {
        call->status = host_error(call, "result %d is too large", i);
        return NULL;
    }
    tensor->data = host_allocate(call, bytes);
    return tensor->data;
}

bool host_wanted(const HostCall *call, int i)
{
    return i < call->output_count && call->outputs[i].kind != TN_ABSENT;
}

void host_set_output(HostCall *call, int i, const TnValue *value)
{
    call->outputs[i] = *value;
}

void *host_allocate(HostCall *call, int64_t bytes)
{
    void *result = memory_tail(call->memory, bytes);
    if (!result)
        call->status = TN_ARENA_TOO_SMALL;
    return result;
}

void *host_scratch(HostCall *call, int64_t bytes)
{
    void *result = memory_scratch(call->memory, bytes);
    if (!result)
        call->status = TN_ARENA_TOO_SMALL;
    return result;
}

const TnValue *host_keep(HostCall *call, const TnTensor *tensor)
{
    TnValue *value = host_allocate(call, sizeof *value);
    if (!value)
        return NULL;
    *value = (TnValue){.kind = TN_TENSOR};
    if (!memory_copy_tensor(call->memory, tensor, &value->tensor)) {
        call->status = TN_ARENA_TOO_SMALL;
        return NULL;
    }
    return value;
}

const TnValue *host_collect(HostCall *call, TnValueKind kind, int64_t count,
                            const TnValue *const *items)
{
    TnValue *value = host_allocate(call, sizeof *value);
    const TnValue **list = host_allocate(call, count * (int64_t)sizeof *list);
    if (!value || !list)
        return NULL;
    if (count)
        memcpy(list, items, (size_t)count * sizeof *list);
    *value = (TnValue){.kind = kind, .count = count, .items = list};
    return value;
}

TnStatus host_error(HostCall *call, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    format_list(call->error, sizeof call->error, format, list);
    va_end(list);
    return call->status = TN_BAD_ARGUMENT;
}
