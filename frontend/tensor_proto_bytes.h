/* SPDX-License-Identifier: Apache-2.0
 *
 * The data of a tensor message, whichever of its fields holds it.
 */
#ifndef FRONTEND_TENSOR_PROTO_BYTES_H
#define FRONTEND_TENSOR_PROTO_BYTES_H

#include "frontend/document.h"

/* The elements as raw_data holds them: row-major, little-endian, elements of fewer than 8 bits
 * packed. A view of the document where it has raw data, else made in the arena. Empty for strings,
 * for data outside the document, and where there is none. The length is what the fields give, not
 * what the shape asks for. */
TnString tensor_proto_bytes(Arena *arena, const TensorProto *tensor);

#endif
