/* SPDX-License-Identifier: Apache-2.0
 *
 * Tenon: a graph compiler for deep-learning models.
 *
 * This header is the whole public interface; what is not in it is not API.
 */
#ifndef TENON_H
#define TENON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TN_VERSION_MAJOR 0
#define TN_VERSION_MINOR 1
#define TN_VERSION_PATCH 0

#if defined(__GNUC__)
#define TN_API      __attribute__((visibility("default")))
#define TN_MUST_USE __attribute__((warn_unused_result))
#else
#define TN_API
#define TN_MUST_USE
#endif

/* ---- Status ------------------------------------------------------------------------------ */

/* What a fallible call answers. The reasons in words go to the diagnostics. */
typedef enum TnStatus {
    TN_OK = 0,
    TN_INVALID_MODEL = 1, /* the model is malformed, or contradicts itself */
    TN_UNSUPPORTED = 2,   /* the model is legal, and uses something not implemented */
    TN_BAD_ARGUMENT = 3,  /* the caller broke a documented contract: name, type, shape, range */
    TN_OUT_OF_MEMORY = 4,
    TN_IO = 5,              /* a file could not be read or written */
    TN_ARENA_TOO_SMALL = 6, /* run again with an arena of the size that the context now reports */
    TN_CANCELLED = 7,
    TN_INTERNAL = 8, /* a bug in Tenon; please report it */
} TnStatus;

/* ---- Element types ----------------------------------------------------------------------- */

/* ONNX's TensorProto.DataType, number for number. In memory an element of fewer than 8 bits takes
 * one byte of its own; files hold them packed. A string element is a TnString. */
typedef enum TnElementType {
    TN_UNDEFINED = 0,
    TN_FLOAT = 1,
    TN_UINT8 = 2,
    TN_INT8 = 3,
    TN_UINT16 = 4,
    TN_INT16 = 5,
    TN_INT32 = 6,
    TN_INT64 = 7,
    TN_STRING = 8,
    TN_BOOL = 9,
    TN_FLOAT16 = 10,
    TN_DOUBLE = 11,
    TN_UINT32 = 12,
    TN_UINT64 = 13,
    TN_COMPLEX64 = 14,
    TN_COMPLEX128 = 15,
    TN_BFLOAT16 = 16,
    TN_FLOAT8E4M3FN = 17,
    TN_FLOAT8E4M3FNUZ = 18,
    TN_FLOAT8E5M2 = 19,
    TN_FLOAT8E5M2FNUZ = 20,
    TN_UINT4 = 21,
    TN_INT4 = 22,
    TN_FLOAT4E2M1 = 23,
    TN_FLOAT8E8M0 = 24,
    TN_UINT2 = 25,
    TN_INT2 = 26,
    TN_FLOAT6E2M3 = 27,
    TN_FLOAT6E3M2 = 28,
} TnElementType;

/* One element of a string tensor: bytes, which may include NUL; not terminated. */
typedef struct TnString {
    const char *data;
    int64_t length;
} TnString;

/* ---- Values ------------------------------------------------------------------------------ */

enum { TN_MAX_RANK = 10 };

/* A tensor: row major, without gaps; data aligned to its element. Borrowed. */
typedef struct TnTensor {
    TnElementType element;
    int rank;
    int64_t dims[TN_MAX_RANK];
    void *data;
} TnTensor;

typedef enum TnValueKind {
    TN_ABSENT = 0, /* an optional operand that is not there; an output to be allocated */
    TN_TENSOR = 1,
    TN_SEQUENCE = 2,
    TN_OPTIONAL = 3, /* one item or none */
} TnValueKind;

/* What flows into and out of a model. Sequences and optionals hold items; both are immutable. */
typedef struct TnValue TnValue;
struct TnValue {
    TnValueKind kind;
    TnTensor tensor;
    int64_t count;
    const TnValue *const *items;
};

/* ---- Threads ----------------------------------------------------------------------------- */

/* One piece of a parallel loop. */
typedef void TnPiece(void *context, int64_t piece, int worker);
/* The host's parallel loop: calls piece(context, i, worker) once for each 0 <= i < count, on any
 * threads, where 0 <= worker < the number of threads promised and no two pieces that run at the
 * same time have the same worker. Returns when all are done. */
typedef void TnParallelFor(void *user, int64_t count, TnPiece *piece, void *context);

#ifdef __cplusplus
}
#endif
#endif
