/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernels and nests of programs as text, and where in it each statement is: what people read
 * (--print-kernels, --emit kernels) is the source that debuggers show.
 */
#ifndef CODEGEN_LISTING_H
#define CODEGEN_LISTING_H

#include "codegen/backend.h"
#include "ir/support/hash.h"

typedef struct Listing {
    Text text;
    Map places; /* Nest, Function -> byte of the text + 1 */
} Listing;

Listing listing_create(Arena *arena);
/* Each kernel, and below it the functions of its phases; a function that another phase has printed
 * already is named only. */
void listing_add(Listing *listing, Phase *const *phases, int64_t count);

/* The text as a source file. */
typedef struct SourceLines {
    const char *file; /* its name, without a folder */
    Map numbers;      /* Nest, Function -> line, from 1 */
} SourceLines;

/* file must outlive it. */
SourceLines *listing_lines(const Listing *listing, const char *file);
/* Of a Nest or Function; 0: it is not in the text. */
unsigned source_line(const SourceLines *lines, const void *statement);

#endif
