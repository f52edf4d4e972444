/* SPDX-License-Identifier: Apache-2.0
 *
 * Element types: facts from element.def, and conversion of single elements.
 */
#ifndef RUNTIME_ELEMENT_H
#define RUNTIME_ELEMENT_H

#include "tenon.h"

typedef enum ElementKind {
    ELEMENT_KIND_NONE,
    ELEMENT_KIND_FLOAT, /* binary floating point of any width */
    ELEMENT_KIND_SIGNED,
    ELEMENT_KIND_UNSIGNED,
    ELEMENT_KIND_BOOL,
    ELEMENT_KIND_COMPLEX,
    ELEMENT_KIND_STRING,
} ElementKind;

enum { ELEMENT_TYPE_COUNT = 29 }; /* TN_UNDEFINED included */

bool element_is_valid(int64_t number); /* whether an ONNX data type number is one that we know */
const char *element_name(TnElementType type); /* "float", as in ONNX's textual syntax */
/* TN_UNDEFINED if no type is called so. */
TnElementType element_by_name(const char *name);
ElementKind element_kind(TnElementType type);
int element_bits(TnElementType type);     /* in a file; 0 for strings */
size_t element_bytes(TnElementType type); /* in memory */
/* Bytes of `count` elements as a file holds them, packed; false if that overflows. */
bool element_packed_bytes(TnElementType type, int64_t count, int64_t *bytes);
/* Whether arithmetic is done in another type: float for the floats of fewer than 32 bits. */
TnElementType element_compute_type(TnElementType type);

/* Between a file's packed form and memory's one element per byte, where integers of fewer than 8
 * bits are sign- or zero-extended and floats of fewer are their code; a copy for other types. */
void element_unpack(TnElementType type, int64_t count, const void *packed, void *elements);
void element_pack(TnElementType type, int64_t count, const void *elements, void *packed);

/* One element of memory as double / int64, and back, with ONNX's Cast semantics: floats round once,
 * to nearest even (float8e8m0: up); out-of-range float8 values saturate when `saturate` is set,
 * else become NaN or infinity; float to integer truncates, saturates, and takes NaN as 0 (to 4 and
 * 2 bits: to int32 first, which then wraps); integer to integer wraps. Of complex numbers the real
 * part. */
double element_to_double(TnElementType type, const void *element);
int64_t element_to_int64(TnElementType type, const void *element);
void element_from_double(TnElementType type, double value, bool saturate, void *element);
void element_from_int64(TnElementType type, int64_t value, void *element);

/* How a float of fewer than 32 bits is made of sign, exponent and mantissa; a code is what follows
 * the sign. */
typedef struct SmallFloat {
    int bits, mantissa_bits, bias;
    uint32_t largest;   /* the code of the largest finite number */
    uint32_t infinity;  /* 0: there is none */
    uint32_t nan;       /* of positive sign; 0: there is none, and NaN becomes -0 */
    bool unsigned_zero; /* the code of -0 is NaN */
} SmallFloat;

/* NULL for other types, and for float8e8m0, which is an exponent alone. */
const SmallFloat *element_small_float(TnElementType type);

/* Bit patterns of small floats to float and back, round to nearest even. */
float element_small_to_float(TnElementType type, uint32_t bits);
uint32_t element_float_to_small(TnElementType type, float value, bool saturate);

#endif
