/* SPDX-License-Identifier: Apache-2.0
 *
 * Host functions: operators that index expressions cannot say (sort, unique, strings, sequences).
 *
 * All have one signature and are listed in host.def. A function reads call->inputs, asks for the
 * memory of each output with the sizes that it found (host_output), fills it, and answers TN_OK. It
 * keeps no state, allocates only through the call, and answers the status at once where an
 * allocation gives NULL:
 *
 *     TnStatus host_reverse(HostCall *call)
 *     {
 *         const TnTensor *x = host_tensor(call, 0);
 *         float *y = host_output(call, 0, x->rank, x->dims);
 *         if (!y)
 *             return call->status;
 *         ...
 *         return TN_OK;
 *     }
 *
 * Sequences and optionals are immutable TnValues in the run's memory; a new sequence shares the
 * items of the old one. A tensor that becomes an item is copied first (host_keep), because its
 * memory is used again after its last reader.
 */
#ifndef RUNTIME_HOST_HOST_H
#define RUNTIME_HOST_HOST_H

#include "runtime/list.h"

typedef enum HostAttributeKind {
    HOST_ATTRIBUTE_int, /* also choices (the position) and element types */
    HOST_ATTRIBUTE_float,
    HOST_ATTRIBUTE_string,
    HOST_ATTRIBUTE_ints,
    HOST_ATTRIBUTE_floats,
    HOST_ATTRIBUTE_strings,
    HOST_ATTRIBUTE_tensor,
} HostAttributeKind;

/* An attribute of the node, under ONNX's name. */
typedef struct HostAttribute {
    const char *name;
    HostAttributeKind kind;
    int64_t integer;
    float real;
    TnString string;
    IntList integers;
    FloatList reals;
    StringList strings;
    const TnTensor *tensor; /* NULL: absent */
} HostAttribute;

typedef struct HostMemory HostMemory; /* runtime/memory.h */

typedef struct HostCall {
    int input_count, output_count, attribute_count;
    const TnValue *const *inputs; /* NULL: an optional operand that is absent */
    /* Outputs have kind, and tensors element and rank, from inference before the call. */
    TnValue *outputs;
    const HostAttribute *attributes;
    HostMemory *memory;
    void *user;      /* of functions that the program's host gave */
    TnStatus status; /* of the last allocation that gave NULL, or of host_error */
    char error[256];
} HostCall;

typedef TnStatus HostFunction(HostCall *call);

#define HOST(name) HostFunction host_##name;
#include "runtime/host/host.def"

/* NULL if there is no function of that name. */
HostFunction *host_find(const char *name);
const char *host_name(HostFunction *function);

/* ---- Operands ---------------------------------------------------------------------------- */

/* NULL where the operand is absent or no tensor. */
const TnTensor *host_tensor(const HostCall *call, int i);
/* Sequence or optional. NULL where absent. */
const TnValue *host_value(const HostCall *call, int i);
int64_t tensor_count(const TnTensor *tensor); /* elements */
size_t tensor_bytes(const TnTensor *tensor);
/* Element i of an integer or bool tensor. */
int64_t tensor_int64(const TnTensor *tensor, int64_t i);

/* The attributes; what is absent is 0, empty, NULL. */
int64_t host_int(const HostCall *call, const char *name);
float host_float(const HostCall *call, const char *name);
TnString host_string(const HostCall *call, const char *name);
IntList host_ints(const HostCall *call, const char *name);
FloatList host_floats(const HostCall *call, const char *name);
StringList host_strings(const HostCall *call, const char *name);
const TnTensor *host_tensor_attribute(const HostCall *call, const char *name);

/* ---- Results ----------------------------------------------------------------------------- */

/* Memory for output i with these sizes, aligned to 64, not cleared. To be asked for once for each
 * output, also for one that nobody wants. NULL where the arena is too small (call->status says so)
 * or the sizes contradict what inference promised. */
void *host_output(HostCall *call, int i, int rank, const int64_t *dims);
/* Whether anybody reads output i. */
bool host_wanted(const HostCall *call, int i);
/* For sequences and optionals: makes output i this value. */
void host_set_output(HostCall *call, int i, const TnValue *value);

/* Memory that lives as long as the results, aligned to 64; NULL: answer call->status. */
void *host_allocate(HostCall *call, int64_t bytes);
/* Memory for the time of this call. */
void *host_scratch(HostCall *call, int64_t bytes);
/* A copy of a tensor, as an item for a sequence or an optional. */
const TnValue *host_keep(HostCall *call, const TnTensor *tensor);
/* A sequence or an optional (count 0 or 1) of items. The list of pointers is copied. */
const TnValue *host_collect(HostCall *call, TnValueKind kind, int64_t count,
                            const TnValue *const *items);

/* Reports what is wrong with the data; answers TN_BAD_ARGUMENT. */
TnStatus host_error(HostCall *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
