/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the text writer share. Private to the text frontend.
 */
#ifndef FRONTEND_TEXT_WRITE_H
#define FRONTEND_TEXT_WRITE_H

#include "frontend/text/text.h"

/* Lines are filled up to here where there is a choice. */
enum { LINE_WIDTH = 100 };

typedef struct Writer {
    Text *text;
    const WriteOptions *options; /* never NULL */
    int indent;                  /* of the current line, in columns */
} Writer;

void write_string(Writer *writer, TnString string); /* in quotes */
/* Bare where it can be, else in quotes. Type words count as names only where `words` is set. */
void write_name(Writer *writer, TnString name, bool words);
void write_new_line(Writer *writer);
size_t write_column(const Writer *writer); /* of the end of the text */
bool is_writable(const TypeProto *type);   /* whether the syntax can say the type */
void write_type(Writer *writer, const TypeProto *type);
void write_shape(Writer *writer, const TensorShapeProto *shape);
/* "float[2]" and, after whatever the caller puts between, "{1.0, 2.0}" or "[…]". */
void write_tensor_type(Writer *writer, const TensorProto *tensor);
void write_tensor_data(Writer *writer, const TensorProto *tensor, bool is_initializer);

#endif
