/* SPDX-License-Identifier: Apache-2.0
 *
 * Structured comments: what ONNX's textual syntax cannot say, in comments that ONNX's own reader
 * skips. Private to the text frontend.
 *
 *     #@ doc_string: "the first layer\nof two"
 *     #@ metadata_props: ["source" : "mlp.py:12"]
 *     h = MatMul (x, w)
 *
 * A comment that begins with "#@" is about the outermost message whose text begins right after it
 * and says one of its fields, by the names of the schema (comment.def); a path leads into
 * sub-messages that have no text of their own to stand before: "#@
 * type.tensor_type.shape.dim[0].denotation: …". Values are numbers, strings (with the escapes \n,
 * \xHH, \" and \\, as a comment is one line), lists "[a, b]", and messages "{field: value, …}"; a
 * key with a string is written "key" : "value".
 */
#ifndef FRONTEND_TEXT_COMMENT_H
#define FRONTEND_TEXT_COMMENT_H

#include "frontend/text/build.h"
#include "frontend/text/write.h"

typedef enum CommentRole { ROLE_text, ROLE_comment, ROLE_item } CommentRole;

/* Who says the field, by comment.def. */
CommentRole comment_role(MessageKind kind, const FieldDef *field);

/* Sets what the parser's comments say in the messages of a document, or of a part of one. False
 * after a diagnostic: a comment that stands before nothing, or says what cannot be. */
bool comments_apply(TextParser *parser, MessageKind kind, void *message);

/* Whether anything of the message needs a comment. */
bool has_comments(MessageKind kind, const void *message);
/* The comments of a message, a line each; the writer is at the begin of a line and is again. */
void write_comments(Writer *writer, MessageKind kind, const void *message);

#endif
