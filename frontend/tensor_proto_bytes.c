/* SPDX-License-Identifier: Apache-2.0
 *
 * Typed fields of a tensor as raw bytes. ONNX keeps floats in float_data, doubles in double_data
 * (complex numbers as pairs), 64-bit integers and uint32 in fields of theirs, and everything else
 * in int32_data: bit patterns of small floats, packed bytes of 4- and 2-bit elements, but single
 * elements of 6 bits.
 */
#include "frontend/tensor_proto_bytes.h"

#include "runtime/element.h"

#include <string.h>

/* The low bytes of each number; machines are little-endian. */
static TnString narrow(Arena *arena, const void *numbers, int64_t count, size_t from, size_t to)
{
    char *bytes = arena_allocate_array(arena, (size_t)count, to);
    for (int64_t i = 0; i < count; i++)
        memcpy(bytes + (size_t)i * to, (const char *)numbers + (size_t)i * from, to);
    return (TnString){bytes, count * (int64_t)to};
}

static TnString from_int32(Arena *arena, const TensorProto *tensor, TnElementType element)
{
    int64_t count = tensor->int32_data.count;
    int bits = element_bits(element);
    TnString bytes = narrow(arena, tensor->int32_data.items, count, sizeof(int32_t),
                            bits < 8 ? 1 : (size_t)bits / 8);
    if (bits != 6)
        return bytes;
    int64_t packed_bytes = 0;
    element_packed_bytes(element, count, &packed_bytes);
    char *packed = arena_allocate(arena, (size_t)packed_bytes);
    element_pack(element, count, bytes.data, packed);
    return (TnString){packed, packed_bytes};
}

TnString tensor_proto_bytes(Arena *arena, const TensorProto *tensor)
{
    if (tensor->has_raw_data)
        return tensor->raw_data;
    if (!element_is_valid(tensor->data_type))
        return (TnString){"", 0};
    TnElementType element = (TnElementType)tensor->data_type;
    switch (element) {
    case TN_STRING:
    case TN_UNDEFINED: return (TnString){"", 0};
    case TN_FLOAT:
    case TN_COMPLEX64:
        return (TnString){(const char *)tensor->float_data.items,
                          tensor->float_data.count * (int64_t)sizeof(float)};
    case TN_DOUBLE:
    case TN_COMPLEX128:
        return (TnString){(const char *)tensor->double_data.items,
                          tensor->double_data.count * (int64_t)sizeof(double)};
    case TN_INT64:
        return (TnString){(const char *)tensor->int64_data.items,
                          tensor->int64_data.count * (int64_t)sizeof(int64_t)};
    case TN_UINT64:
        return (TnString){(const char *)tensor->uint64_data.items,
                          tensor->uint64_data.count * (int64_t)sizeof(uint64_t)};
    case TN_UINT32:
        return narrow(arena, tensor->uint64_data.items, tensor->uint64_data.count, sizeof(uint64_t),
                      sizeof(uint32_t));
    default: return from_int32(arena, tensor, element);
    }
}
