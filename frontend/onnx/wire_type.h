/* SPDX-License-Identifier: Apache-2.0
 *
 * What a tag of the protocol buffers' wire format says of the bytes after it.
 */
#ifndef FRONTEND_ONNX_WIRE_TYPE_H
#define FRONTEND_ONNX_WIRE_TYPE_H

#include "frontend/document.h"

typedef enum WireType {
    WIRE_varint = 0,
    WIRE_fixed64 = 1,
    WIRE_length = 2,
    WIRE_group_begin = 3,
    WIRE_group_end = 4,
    WIRE_fixed32 = 5,
} WireType;

/* Of one item of a field. */
static inline WireType wire_type(FieldKind kind)
{
    switch (kind) {
    case FIELD_int32:
    case FIELD_int64:
    case FIELD_uint64: return WIRE_varint;
    case FIELD_float: return WIRE_fixed32;
    case FIELD_double: return WIRE_fixed64;
    case FIELD_string:
    case FIELD_bytes:
    case FIELD_message: return WIRE_length;
    }
    return WIRE_length;
}

#endif
