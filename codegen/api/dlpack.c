/* SPDX-License-Identifier: Apache-2.0
 *
 * DLPack's descriptors and ours.
 */
#include "codegen/api/api.h"

#include "runtime/element.h"

#include <string.h>

enum { DEVICE_CPU = 1 };

typedef struct DlType {
    uint8_t code, bits;
    TnElementType element;
} DlType;

/* Codes 7 and on, of small floats, are those of DLPack 1.1. */
static const DlType types[] = {
    {0, 8, TN_INT8},
    {0, 16, TN_INT16},
    {0, 32, TN_INT32},
    {0, 64, TN_INT64},
    {1, 8, TN_UINT8},
    {1, 16, TN_UINT16},
    {1, 32, TN_UINT32},
    {1, 64, TN_UINT64},
    {2, 16, TN_FLOAT16},
    {2, 32, TN_FLOAT},
    {2, 64, TN_DOUBLE},
    {4, 16, TN_BFLOAT16},
    {5, 64, TN_COMPLEX64},
    {5, 128, TN_COMPLEX128},
    {6, 8, TN_BOOL},
    {10, 8, TN_FLOAT8E4M3FN},
    {11, 8, TN_FLOAT8E4M3FNUZ},
    {12, 8, TN_FLOAT8E5M2},
    {13, 8, TN_FLOAT8E5M2FNUZ},
    {14, 8, TN_FLOAT8E8M0},
};

static TnStatus refuse(TnStatus status, const char **why, const char *reason)
{
    if (why)
        *why = reason;
    return status;
}

static bool is_row_major(const TnDlTensor *from)
{
    int64_t expected = 1;
    for (int d = 0; d < from->ndim; d++)
        if (from->shape[d] == 0)
            return true;
    for (int d = from->ndim - 1; d >= 0 && from->strides; d--) {
        if (from->shape[d] != 1 && from->strides[d] != expected)
            return false;
        if (__builtin_mul_overflow(expected, from->shape[d], &expected))
            return false;
    }
    return true;
}

static TnElementType element_of(const TnDlTensor *from)
{
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (types[i].code == from->dtype.code && types[i].bits == from->dtype.bits)
            return types[i].element;
    return TN_UNDEFINED;
}

TnStatus tn_tensor_from_dlpack(const TnDlTensor *from, TnTensor *to, const char **why)
{
    if (why)
        *why = "";
    if (!from || !to || (from->ndim > 0 && !from->shape))
        return refuse(TN_BAD_ARGUMENT, why, "a null pointer");
    if (from->device.type != DEVICE_CPU)
        return refuse(TN_UNSUPPORTED, why, "the tensor is not in the memory of the CPU");
    if (from->dtype.lanes != 1)
        return refuse(TN_UNSUPPORTED, why, "elements of several lanes");
    TnTensor made = {.element = element_of(from), .rank = from->ndim};
    if (made.element == TN_UNDEFINED)
        return refuse(TN_UNSUPPORTED, why, "an element type that Tenon does not have");
    if (from->ndim < 0 || from->ndim > TN_MAX_RANK)
        return refuse(TN_BAD_ARGUMENT, why, "more dimensions than TN_MAX_RANK");
    for (int d = 0; d < from->ndim; d++) {
        if (from->shape[d] < 0)
            return refuse(TN_BAD_ARGUMENT, why, "a negative dimension");
        made.dims[d] = from->shape[d];
    }
    if (!is_row_major(from))
        return refuse(TN_BAD_ARGUMENT, why, "strides that are not row major without gaps");
    made.data = from->data ? (char *)from->data + from->byte_offset : NULL;
    size_t alignment = element_bytes(made.element);
    if (made.element == TN_COMPLEX64 || made.element == TN_COMPLEX128)
        alignment /= 2;
    if ((uintptr_t)made.data % alignment)
        return refuse(TN_BAD_ARGUMENT, why, "data that is not aligned to its element");
    *to = made;
    return TN_OK;
}

TnStatus tn_tensor_to_dlpack(const TnTensor *from, TnDlTensor *to)
{
    if (!from || !to)
        return TN_BAD_ARGUMENT;
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (types[i].element != from->element)
            continue;
        *to = (TnDlTensor){.data = from->data, .ndim = from->rank, .shape = (int64_t *)from->dims};
        to->device.type = DEVICE_CPU;
        to->dtype.code = types[i].code;
        to->dtype.bits = types[i].bits;
        to->dtype.lanes = 1;
        return TN_OK;
    }
    return TN_UNSUPPORTED;
}
