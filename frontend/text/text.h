/* SPDX-License-Identifier: Apache-2.0
 *
 * ONNX's textual syntax: reader and writer of documents (docs/text-format.md).
 *
 * What the readers make refers to the source's bytes, which must outlive it. They report every
 * mistake with its place and answer false or NULL. Memory comes from the arena.
 */
#ifndef FRONTEND_TEXT_TEXT_H
#define FRONTEND_TEXT_TEXT_H

#include "frontend/document.h"
#include "ir/support/text.h"

/* Sets the document's model and source, not its path. */
bool text_parse(Arena *arena, const Source *source, Document *document, Diagnostics *diagnostics);
/* One graph "g (float x) => (y) { … }", function, node list "y = Relu (x) …" (into the nodes of a
 * graph that says nothing else), type, or tensor. */
GraphProto *text_parse_graph(Arena *arena, const Source *source, Diagnostics *diagnostics);
FunctionProto *text_parse_function(Arena *arena, const Source *source, Diagnostics *diagnostics);
GraphProto *text_parse_nodes(Arena *arena, const Source *source, Diagnostics *diagnostics);
TypeProto *text_parse_type(Arena *arena, const Source *source, Diagnostics *diagnostics);
TensorProto *text_parse_tensor(Arena *arena, const Source *source, Diagnostics *diagnostics);

typedef struct WriteOptions {
    /* Tensors of more bytes than this, outside nodes' attributes, are left to `external`; 0: none
     * are. */
    int64_t external_threshold;
    /* Stores a tensor's raw bytes (as a file holds them) beside the text and says where: the
     * location, which must outlive the writing, and the offset in it. false: write the elements. */
    bool (*external)(void *user, const TensorProto *tensor, const void *data, int64_t bytes,
                     TnString *location, int64_t *offset);
    void *user;
    /* Elements after this many are left out and "..." stands for them, for readers who are human;
     * what is written then cannot be read back. 0: all are written. */
    int64_t element_limit;
} WriteOptions;

/* The canonical text of a document: reading it gives the same document, tensor data in raw form.
 * options may be NULL. */
void text_write(const Document *document, Text *text, const WriteOptions *options);
void text_write_model(const ModelProto *model, Text *text, const WriteOptions *options);
void text_write_graph(const GraphProto *graph, Text *text, const WriteOptions *options);
void text_write_function(const FunctionProto *function, Text *text, const WriteOptions *options);
/* Without a line's end. */
void text_write_node(const NodeProto *node, Text *text, const WriteOptions *options);
void text_write_type(const TypeProto *type, Text *text);
void text_write_tensor(const TensorProto *tensor, Text *text, const WriteOptions *options);

#endif
