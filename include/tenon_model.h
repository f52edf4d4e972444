/* SPDX-License-Identifier: Apache-2.0
 *
 * The ABI of compiled models.
 *
 * A compiled model (tenon compile m.onnx -o m.so | m.o | m.a | m.c) is code, tables and weights
 * that import nothing. Its own header, which tenon compile writes, declares its inputs, its outputs
 * and NAME_run(); this header has the types that all models share, with each other and with the
 * library (tenon.h). It needs no library, and works with C11 and C++, freestanding too.
 *
 * A model's file exports
 *
 *     NAME_run    runs it: in the caller's memory alone, on the caller's threads
 *     NAME_model  a TnArtifactInfo: what the file says of itself
 *
 * and nothing else, but for NAME_selftest where that was asked for. It allocates nothing, starts no
 * thread, writes to no global.
 */
#ifndef TENON_MODEL_H
#define TENON_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
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

/* ---- Compiled models --------------------------------------------------------------------- */

/* Grows with every change of this section that is not an addition at the end of a struct. */
enum { TN_ARTIFACT_ABI = 2 };

/* How to run a compiled model; zeroed but for `size`, or no options at all: on the calling thread,
 * with the weights that are in its file. */
typedef struct TnRunOptions {
    size_t size;                 /* sizeof(TnRunOptions): options may be added at the end */
    TnParallelFor *parallel_for; /* the host's parallel loop; NULL: the calling thread alone */
    void *user;                  /* what parallel_for is called with */
    int threads;                 /* how many pieces run at the same time at most */
    const void *weights;         /* of a model compiled with --weights: that file's bytes, aligned
                                    to 64; NULL: they are in the model's file */
    const volatile bool *cancel; /* looked at between steps: true ends the run; or NULL */
    char *message;               /* receives what went wrong, in words, terminated; or NULL */
    size_t message_bytes;
    size_t *arena_needed; /* receives the bytes that would do where the arena is too small; or
                             NULL */
} TnRunOptions;

/* An input or an output of a compiled model, and where it lies in NAME_inputs or NAME_outputs. */
typedef struct TnArtifactPort {
    const char *name; /* as in the model */
    const char *type; /* "float[N, 3]" */
    TnValueKind kind;
    TnElementType element;
    int rank;
    int64_t dims[TN_MAX_RANK]; /* -1: known when running */
    size_t data;               /* offset of the pointer; of the TnValue that is no tensor */
    size_t sizes;    /* output: offset of int64_t NAME_dims[rank]; SIZE_MAX: there is none,
                        the sizes follow from those of the inputs */
    size_t capacity; /* output: offset of size_t NAME_bytes; SIZE_MAX: none */
    bool has_own;    /* input: a weight that may be replaced; NULL: the model's own value */
} TnArtifactPort;

/* A size that the caller gives: int64_t in NAME_inputs. */
typedef struct TnArtifactSize {
    const char *name;
    int slot;             /* the library's own number for it */
    int64_t lower, upper; /* both inclusive */
    size_t offset;
} TnArtifactSize;

/* The code of a compiled model for one kind of processor. */
typedef struct TnArtifactVariant {
    const char *cpu, *features;
    uint64_t cpu_features; /* what the processor must have, TN_CPU_... */
    const void *program;   /* the library's own tables */
} TnArtifactVariant;

/* An input and an output that are the two ends of a state: what a run makes of it, the next one
 * takes. The caller keeps the value, in two pieces of memory that change places; or, where it has a
 * capacity, in one, which the input points to and which has room for `capacity` of dimension
 * `axis`: element [a, i, b] lies at (a * capacity + i) * B + b. The run appends to it. */
typedef struct TnArtifactState {
    int past, present;       /* numbers of the input and the output */
    const TnTensor *initial; /* what the first run takes, data NULL: zeros; NULL: the caller's */
    int axis;
    int64_t capacity; /* 0: two pieces of memory */
} TnArtifactState;

/* Inputs and what they give, by port: NAME_selftest() (--embed-selftest). */
typedef struct TnArtifactSelftest {
    const TnTensor *inputs, *outputs;
    const int64_t *sizes; /* by TnArtifactInfo.sizes */
    int input_count, output_count, size_count;
} TnArtifactSelftest;

typedef struct TnArtifactInfo {
    char magic[8]; /* "TNMODEL" */
    uint32_t abi;  /* TN_ARTIFACT_ABI */
    uint32_t size; /* sizeof(TnArtifactInfo) */
    const char *name;
    const char *generator; /* "tenon 0.1.0" */
    const char *triple;
    const char *cpu, *features; /* of the variant that asks least of the processor, as all below */
    uint64_t model_hash;        /* of the program for the first variant, weights included */
    uint64_t layout;            /* of the tables behind `program`: equal ones may be read */
    uint64_t cpu_features;      /* what the processor must have, TN_CPU_... */
    int64_t arena_bytes;       /* for one thread; -1: it depends on sizes, see NAME_arena_bytes() */
    int64_t thread_bytes;      /* more for each further thread */
    const char *arena_formula; /* of the part that depends on sizes: "64*N + 1024" */
    int64_t weight_bytes;
    const char *weights_file; /* the file's name, where they are in one of their own; or NULL */
    bool has_weights;         /* in this file; else the caller gives them */
    bool is_open_ended;       /* data decides how much memory is needed beyond arena_bytes */
    double rtol, atol;        /* that a comparison with another implementation should allow */
    int input_count, output_count, size_count;
    const TnArtifactPort *inputs, *outputs;
    const TnArtifactSize *sizes;
    size_t inputs_size, outputs_size; /* sizeof(NAME_inputs), sizeof(NAME_outputs) */
    const void *program;              /* the library's own tables */
    TnStatus (*run)(const void *inputs, void *outputs, void *arena, size_t arena_bytes,
                    const TnRunOptions *options);
    int variant_count; /* the first one that the processor can run is the one that runs */
    const TnArtifactVariant *variants;
    int state_count;
    const TnArtifactState *states;
    const TnArtifactSelftest *selftest; /* or NULL */
} TnArtifactInfo;

/* TnArtifactInfo.cpu_features: what the processor must have, and the system must have enabled. */
#define TN_CPU_SSE41  ((uint64_t)1 << 0)
#define TN_CPU_AVX    ((uint64_t)1 << 1)
#define TN_CPU_AVX2   ((uint64_t)1 << 2)
#define TN_CPU_FMA    ((uint64_t)1 << 3)
#define TN_CPU_F16C   ((uint64_t)1 << 4)
#define TN_CPU_BMI2   ((uint64_t)1 << 5) /* and BMI, LZCNT */
#define TN_CPU_AVX512 ((uint64_t)1 << 6) /* F, BW, DQ, VL, CD */
#define TN_CPU_VNNI   ((uint64_t)1 << 7) /* AVX512-VNNI */

/* ---- Words ------------------------------------------------------------------------------- */

static inline const char *tn_status_words(TnStatus status)
{
    switch (status) {
    case TN_OK: return "success";
    case TN_INVALID_MODEL: return "the model is malformed";
    case TN_UNSUPPORTED: return "the model uses something not implemented";
    case TN_BAD_ARGUMENT: return "an argument breaks the documented contract";
    case TN_OUT_OF_MEMORY: return "out of memory";
    case TN_IO: return "a file could not be read or written";
    case TN_ARENA_TOO_SMALL: return "the arena is too small";
    case TN_CANCELLED: return "cancelled";
    case TN_INTERNAL: return "a bug in Tenon";
    }
    return "unknown status";
}

/* ---- Arithmetic of sizes, for generated headers ------------------------------------------ */

static inline int64_t tn_floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}
static inline int64_t tn_floor_modulo(int64_t a, int64_t b)
{
    return a % b < 0 ? a % b + b : a % b;
}
static inline int64_t tn_larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}
static inline int64_t tn_smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#ifdef __cplusplus
}
#endif
#endif
