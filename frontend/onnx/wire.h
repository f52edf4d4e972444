/* SPDX-License-Identifier: Apache-2.0
 *
 * Protocol buffers: messages of the schema from bytes and to bytes.
 *
 * The reader copies nothing but numbers: strings and bytes of the document are views into the
 * source, which must outlive it. Memory stays proportional to the source, nesting ends at
 * WIRE_MAX_DEPTH, and every error names the byte and the path of the message:
 * "graph.node[3].attribute[0]". Bytes that no schema explains are kept, and written again.
 */
#ifndef FRONTEND_ONNX_WIRE_H
#define FRONTEND_ONNX_WIRE_H

#include "frontend/document.h"

enum { WIRE_MAX_DEPTH = 100 };

/* A message that is the whole source; NULL after a diagnostic. The caller knows its type from the
 * kind: NodeProto for MESSAGE_NodeProto. */
void *wire_read(Arena *arena, MessageKind kind, const Source *source, Diagnostics *diagnostics);

/* Takes bytes in order; answers false to stop. */
typedef bool WireSink(void *user, const void *data, size_t length);

/* Fields in order of their numbers, then the unknown ones. False if the sink stopped. */
bool wire_write(Arena *arena, MessageKind kind, const void *message, WireSink *sink, void *user);
/* The bytes in one piece; NULL if there is no memory. */
void *wire_write_bytes(Arena *arena, MessageKind kind, const void *message, size_t *length);

#endif
