/* SPDX-License-Identifier: Apache-2.0
 *
 * Tenon: a graph compiler for deep-learning models.
 *
 * This header is the whole public interface; what is not in it is not API. In short (examples/run.c
 * is the same with its errors handled):
 *
 *     TnModel *model;
 *     TnProgram *program;
 *     TnContext *context;
 *     float x[3] = {1, 2, 3};
 *     TnValue input = {TN_TENSOR, {TN_FLOAT, 1, {3}, x}}, output = {TN_ABSENT};
 *
 *     tn_model_load("model.onnx", NULL, &model);
 *     tn_compile(model, NULL, &program);
 *     tn_context_create(program, NULL, &context);
 *     tn_run(context, 1, &input, 1, &output);
 *     use(output.tensor.data);
 *
 *     tn_context_destroy(context);
 *     tn_program_destroy(program);
 *     tn_model_destroy(model);
 *
 * Models and programs are immutable and may be used from many threads at once. A context runs one
 * thing at a time: each thread has its own. The library starts no thread that it was not asked for,
 * prints nothing, and keeps no global state.
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

/* Where the library may run in parallel. Zeroed: on the calling thread alone. Results have the same
 * bits whatever is chosen here. */
typedef struct TnParallel {
    TnParallelFor *parallel_for; /* the host's own; NULL: threads of the library, if any */
    void *user;
    int threads; /* how many work at once, the caller included; 0: one */
} TnParallel;

/* ---- Messages ---------------------------------------------------------------------------- */

TN_API const char *tn_version(void);                /* "0.1.0" */
TN_API const char *tn_status_text(TnStatus status); /* "the model is malformed" */

typedef enum TnSeverity { TN_ERROR, TN_WARNING, TN_NOTE } TnSeverity;

/* Receives what there is to say of a model: what was found, what was expected, where. The text ends
 * with a newline and is gone after the call. */
typedef void TnLog(void *user, TnSeverity severity, const char *text);

/* ---- Models ------------------------------------------------------------------------------ */

typedef struct TnModel TnModel;

typedef struct TnLoadOptions {
    size_t size; /* sizeof(TnLoadOptions): options may be added at the end */
    TnLog *log;
    void *log_user;
} TnLoadOptions;

/* Reads a model: ONNX's binary form, or its textual one (.onnxtxt). Large tensors stay in the file,
 * which is mapped and must not change. options may be NULL. On failure *model is NULL. */
TN_API TN_MUST_USE TnStatus tn_model_load(const char *path, const TnLoadOptions *options,
                                          TnModel **model);
/* The same from memory, which must outlive the model and its programs. `name` is what messages call
 * it; or NULL. */
TN_API TN_MUST_USE TnStatus tn_model_parse(const void *data, size_t length, const char *name,
                                           const TnLoadOptions *options, TnModel **model);
/* Accepts NULL. Programs made of the model stay good. */
TN_API void tn_model_destroy(TnModel *model);

/* ---- Compiling --------------------------------------------------------------------------- */

typedef struct TnProgram TnProgram;

/* A symbolic size of the model gets a number. */
typedef struct TnSymbolSize {
    const char *symbol;
    int64_t size;
} TnSymbolSize;

/* The shape of an input; -1 where it is to stay as the model says. */
typedef struct TnInputShape {
    const char *input;
    int rank;
    int64_t dims[TN_MAX_RANK];
} TnInputShape;

/* The value of an input that is known now: the program is compiled for it, and it is no input any
 * more. The data must outlive the program. */
typedef struct TnInputValue {
    const char *input;
    TnTensor tensor;
} TnInputValue;

typedef struct TnCompileOptions {
    size_t size; /* sizeof(TnCompileOptions) */
    TnLog *log;
    void *log_user;
    const char *backend;  /* "llvm", "interpreter"; NULL: "llvm" */
    const char *pipeline; /* passes, as tenon opt takes them; NULL: "@default" */
    TnParallel parallel;
    const TnSymbolSize *sizes;
    const TnInputShape *shapes;
    const TnInputValue *values;
    int size_count, shape_count, value_count;
} TnCompileOptions;

/* options may be NULL. The model may be destroyed afterwards. On failure *program is NULL and the
 * log has the reasons. */
TN_API TN_MUST_USE TnStatus tn_compile(TnModel *model, const TnCompileOptions *options,
                                       TnProgram **program);
/* Accepts NULL. Its contexts must have been destroyed. */
TN_API void tn_program_destroy(TnProgram *program);

/* An input or an output. */
typedef struct TnPort {
    const char *name;
    const char *type; /* "float[N, 3]" */
    TnValueKind kind;
    TnElementType element;
    int rank;
    int64_t dims[TN_MAX_RANK]; /* -1 where only running tells */
} TnPort;

TN_API int tn_program_input_count(const TnProgram *program);
TN_API int tn_program_output_count(const TnProgram *program);
/* BAD_ARGUMENT where there is none. The texts live as long as the program. */
TN_API TN_MUST_USE TnStatus tn_program_input(const TnProgram *program, int i, TnPort *port);
TN_API TN_MUST_USE TnStatus tn_program_output(const TnProgram *program, int i, TnPort *port);
/* Bytes of memory for intermediate values, as a formula in the symbolic sizes: "64*N + 1024". */
TN_API const char *tn_program_arena_formula(const TnProgram *program);

/* ---- Running ----------------------------------------------------------------------------- */

typedef struct TnContext TnContext;

typedef struct TnContextOptions {
    size_t size; /* sizeof(TnContextOptions) */
    TnParallel parallel;
} TnContextOptions;

/* options may be NULL. The program must outlive its contexts. */
TN_API TN_MUST_USE TnStatus tn_context_create(const TnProgram *program,
                                              const TnContextOptions *options, TnContext **context);
TN_API void tn_context_destroy(TnContext *context); /* accepts NULL */

/* Runs the program. inputs[i]: its i-th input. outputs[i]: absent, or a tensor with dims and data
 * of the caller's, which is filled in place. On return outputs hold what was made, in the context's
 * memory (or the caller's) until its next run. */
TN_API TN_MUST_USE TnStatus tn_run(TnContext *context, int input_count, const TnValue *inputs,
                                   int output_count, TnValue *outputs);
/* What was wrong with the last run, in words. */
TN_API const char *tn_context_error(const TnContext *context);

/* The caller's memory for intermediate values, instead of the context's own; NULL: its own again. A
 * run that needs more answers TN_ARENA_TOO_SMALL, and tn_context_arena_needed() how much. */
TN_API void tn_context_set_arena(TnContext *context, void *arena, size_t bytes);
TN_API int64_t tn_context_arena_needed(const TnContext *context);
/* How large an arena should be to begin with, for inputs of these sizes. Inputs whose elements
 * decide sizes need their data. */
TN_API TN_MUST_USE TnStatus tn_context_arena_bytes(TnContext *context, int input_count,
                                                   const TnValue *inputs, int64_t *bytes);

#ifdef __cplusplus
}
#endif
#endif
