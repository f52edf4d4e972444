/* SPDX-License-Identifier: Apache-2.0
 *
 * Floats of fewer than 32 bits: what they are, and how their codes become floats and floats their
 * codes, in operations on words of 32 bits that every emitter has.
 */
#ifndef CODEGEN_SMALL_FLOAT_H
#define CODEGEN_SMALL_FLOAT_H

#include "runtime/element.h"

typedef enum WordOperation {
    WORD_and,
    WORD_or,
    WORD_add,
    WORD_shift_left,
    WORD_shift_right, /* zeros come in */
    WORD_equal,       /* these give a condition */
    WORD_above,       /* without a sign */
    WORD_below,
} WordOperation;

/* Where the operations go: values are the emitter's own, words of 32 bits without a sign, floats
 * and conditions. */
typedef struct WordMath WordMath;
struct WordMath {
    void *(*number)(WordMath *math, uint32_t value);
    void *(*operation)(WordMath *math, WordOperation operation, void *a, void *b);
    void *(*select)(WordMath *math, void *condition, void *a, void *b); /* of two words */
    void *(*either)(WordMath *math, void *a, void *b);                  /* of two conditions */
    void *(*to_bits)(WordMath *math, void *real);
    void *(*from_bits)(WordMath *math, void *word);
    void *(*multiply)(WordMath *math, void *word, double by); /* a count below 2^31, as a float */
    void *(*add)(WordMath *math, void *real, double to);
};

/* Whether the type is one that these functions know. */
bool is_small_float(TnElementType type);
/* A code, zero-extended to a word, as a float. */
void *small_float_read(WordMath *math, TnElementType type, void *code);
/* A float as a code in the low bits of a word; the bits above are zero. */
void *small_float_write(WordMath *math, TnElementType type, void *real, bool saturate);

#endif
