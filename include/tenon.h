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
 * Statuses, element types and values, which compiled models share, are in tenon_model.h. Here
 * follow: what a host may bring (DLPack, threads, memory, files, messages); models, read, built and
 * edited; operators of the host; compiling; programs; running, with states. "Models", "Compiling"
 * and "Running" are the story; the rest can wait until it is needed.
 *
 * Threads. Models and programs are immutable once they are made and may be used from many threads
 * at once. A context runs one thing at a time: each thread has its own. Where a function may be
 * called while another one runs, it says so.
 *
 * Ownership. What is called create, load, parse or compile makes an object that its destroy ends;
 * destroy accepts NULL. Pointers that are handed in are borrowed for the time of the call unless
 * the function says more. Texts that are handed out live as long as the object that was asked;
 * those that tell of a model, until it is edited.
 *
 * A NULL where a pointer has to be is TN_BAD_ARGUMENT; of a handle that is NULL, counts are 0 and
 * texts NULL.
 *
 * Structs that begin with `size` may grow at the end: set it to the struct's sizeof, zero what you
 * do not use, and programs that were built against an older header go on working.
 *
 * The library starts no thread that it was not asked for, prints nothing, reads no environment
 * variable and keeps no global state. All functions are there since 0.1 unless they say otherwise.
 */
#ifndef TENON_H
#define TENON_H

#include "tenon_model.h"

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

/* ---- DLPack ------------------------------------------------------------------------------ */

/* DLPack's DLTensor (https://dmlc.github.io/dlpack, versions 0.2 to 1.x), layout for layout, so
 * that a host casts a pointer to one and needs no header of anybody's. */
typedef struct TnDlTensor {
    void *data;
    struct {
        int32_t type, id; /* type 1: the CPU */
    } device;
    int32_t ndim;
    struct {
        uint8_t code, bits; /* code 0: int, 1: unsigned, 2: float, 4: bfloat, 5: complex, 6: bool */
        uint16_t lanes;
    } dtype;
    int64_t *shape;
    int64_t *strides; /* in elements; NULL: row major without gaps */
    uint64_t byte_offset;
} TnDlTensor;

/* The same memory as a tensor. TN_UNSUPPORTED: not on the CPU, lanes, or an element type that
 * Tenon does not have. TN_BAD_ARGUMENT: more than TN_MAX_RANK dimensions, a negative one, data not
 * aligned to its element, or strides other than row major without gaps (those of dimensions of size
 * 1, and of tensors without elements, do not matter). *why, unless `why` is NULL, gets a sentence
 * that lives for ever. */
TN_API TN_MUST_USE TnStatus tn_tensor_from_dlpack(const TnDlTensor *from, TnTensor *to,
                                                  const char **why);
/* The other way round; to->shape points at from->dims, and strides are NULL. TN_UNSUPPORTED for
 * strings, elements of fewer than 8 bits and floats that DLPack has no code for. */
TN_API TN_MUST_USE TnStatus tn_tensor_to_dlpack(const TnTensor *from, TnDlTensor *to);

/* ---- Threads ----------------------------------------------------------------------------- */

/* Where the library may run in parallel. Zeroed: on the calling thread alone. Results have the same
 * bits whatever is chosen here. */
typedef struct TnParallel {
    TnParallelFor *parallel_for; /* the host's own; NULL: threads of the library, if any */
    void *user;
    int threads; /* how many work at once, the caller included; 0: one */
} TnParallel;

/* ---- Memory ------------------------------------------------------------------------------ */

/* Where memory comes from. Zeroed: the C library. A model, a program or a context that was given an
 * allocator takes from it all that grows with the model or its data: documents, graphs, packed
 * weights, arenas. The rest is small (the object itself), or LLVM's while it compiles. */
typedef struct TnAllocator {
    /* `bytes` of memory, not cleared, aligned to `alignment`, a power of two; NULL: there is none,
     * and the call at hand answers TN_OUT_OF_MEMORY. Called on the thread that calls the library.
     */
    void *(*allocate)(void *user, size_t bytes, size_t alignment);
    /* Takes it back; `bytes` as they were asked for. Must be there if `allocate` is. */
    void (*release)(void *user, void *data, size_t bytes);
    void *user;
} TnAllocator;

/* ---- Files ------------------------------------------------------------------------------- */

/* Reads files in the host's stead: to decrypt, to unpack, to fetch from an archive. `name` is the
 * path of the model or the location of external data as the model has it, which nobody has looked
 * at: what it may reach is the host's to decide. */
typedef struct TnReader {
    int64_t (*length)(void *user, const char *name); /* in bytes; -1: there is no such file */
    /* Fills data with `length` bytes from `offset` on, which lie within the file; false: cannot. */
    bool (*read)(void *user, const char *name, int64_t offset, void *data, int64_t length);
    void *user;
} TnReader;

/* Takes the next bytes of something that is written. false: stop, with TN_IO. */
typedef bool TnWriter(void *user, const void *data, size_t length);

/* ---- Messages ---------------------------------------------------------------------------- */

TN_API const char *tn_version(void);                /* "0.1.0" */
TN_API const char *tn_status_text(TnStatus status); /* "the model is malformed" */

typedef enum TnSeverity { TN_ERROR, TN_WARNING, TN_NOTE } TnSeverity;

/* Receives what there is to say of a model: what was found, what was expected, where. The text ends
 * with a newline and is gone after the call. */
typedef void TnLog(void *user, TnSeverity severity, const char *text);

/* The same as data. What is not known is NULL, 0 or, of byte offsets, -1. */
typedef struct TnDiagnostic {
    size_t size; /* of the struct that the library passes */
    TnSeverity severity;
    const char *message; /* without the place */
    const char *text;    /* with place and excerpt, as a TnLog has it */
    const char *file;    /* a path, or the name given to tn_model_parse() */
    int line, column;    /* in a text, from 1 on; columns are bytes */
    int64_t begin, end;  /* the place in bytes from the file's beginning */
    const char *path;    /* in a binary model: "graph.node[3].attribute[0]" */
    const char *node;    /* the node's name, or that of its first output */
} TnDiagnostic;

/* Receives diagnostics, which are gone after the call. */
typedef void TnDiagnose(void *user, const TnDiagnostic *diagnostic);

/* ---- Models ------------------------------------------------------------------------------ */

typedef struct TnModel TnModel;

typedef struct TnLoadOptions {
    size_t size; /* sizeof(TnLoadOptions) */
    TnLog *log;
    void *log_user;
    TnDiagnose *diagnose;
    void *diagnose_user;
    /* NULL functions: the file system. Else used by this call, and by each compilation of the model
     * for external data; must outlive the model and its programs. */
    TnReader reader;
    TnAllocator allocator; /* must outlive the model and its programs */
} TnLoadOptions;

/* Reads a model: ONNX's binary form, or its textual one (.onnxtxt). Large tensors stay in the file,
 * which is mapped and must not change. options may be NULL. On failure *model is NULL: TN_IO,
 * TN_INVALID_MODEL, TN_UNSUPPORTED, TN_OUT_OF_MEMORY. */
TN_API TN_MUST_USE TnStatus tn_model_load(const char *path, const TnLoadOptions *options,
                                          TnModel **model);
/* The same from memory, which must outlive the model and its programs. `name` is what messages call
 * it; or NULL. */
TN_API TN_MUST_USE TnStatus tn_model_parse(const void *data, size_t length, const char *name,
                                           const TnLoadOptions *options, TnModel **model);
/* Accepts NULL. Programs made of the model stay good. */
TN_API void tn_model_destroy(TnModel *model);

/* An input or an output. */
typedef struct TnPort {
    const char *name;
    const char *type; /* "float[N, 3]"; "" where a model does not say */
    TnValueKind kind;
    TnElementType element;
    int rank;                  /* of a model's: -1 where it does not say */
    int64_t dims[TN_MAX_RANK]; /* -1 where only running tells */
} TnPort;

/* What the model says that it takes and gives, before anything is compiled. Inputs that have a
 * default (an initializer of their name) are constants and not among them. BAD_ARGUMENT where there
 * is none. */
TN_API int tn_model_input_count(const TnModel *model);
TN_API int tn_model_output_count(const TnModel *model);
TN_API TN_MUST_USE TnStatus tn_model_input(const TnModel *model, int i, TnPort *port);
TN_API TN_MUST_USE TnStatus tn_model_output(const TnModel *model, int i, TnPort *port);
/* The symbolic sizes that inputs are declared with, in order; NULL where there is none. */
TN_API const char *tn_model_symbol(const TnModel *model, int i);

typedef struct TnModelInfo {
    size_t size;                           /* sizeof(TnModelInfo) */
    const char *name;                      /* of the graph */
    const char *producer;                  /* "pytorch 2.4"; or "" */
    int64_t ir_version, opset;             /* opset of ai.onnx; 0: none */
    int64_t node_count;                    /* those of sub-graphs included */
    int64_t weight_count, weight_elements; /* of the main graph's initializers */
    int operator_count;                    /* different ones */
} TnModelInfo;

TN_API TN_MUST_USE TnStatus tn_model_info(const TnModel *model, TnModelInfo *info);
/* The i-th of the different operators, in order of first use ("Conv", "com.acme.Swish"), and how
 * many nodes have it; NULL where there is none. count may be NULL. */
TN_API const char *tn_model_operator(const TnModel *model, int i, int64_t *count);

typedef enum TnFormat {
    TN_BINARY = 0, /* .onnx */
    TN_TEXT = 1,   /* .onnxtxt */
} TnFormat;

/* Writes the model as it was read, piece by piece. External data stays where it is and is referred
 * to. */
TN_API TN_MUST_USE TnStatus tn_model_write(const TnModel *model, TnFormat format, TnWriter *writer,
                                           void *user);
/* Text to look at: of tensors with more than `elements` elements only the first ones are written,
 * and "...", which cannot be read back. 0: all are. */
TN_API TN_MUST_USE TnStatus tn_model_print(const TnModel *model, int64_t elements, TnWriter *writer,
                                           void *user);
/* Into a file, which appears whole or not at all: text where the path ends in .onnxtxt or .txt
 * (large tensors then lie beside it in PATH.weights), else binary. */
TN_API TN_MUST_USE TnStatus tn_model_save(const TnModel *model, const char *path);

/* ---- Building and editing ---------------------------------------------------------------- */

/* A model can be made in memory, and one that was read can be changed: both are the same thing, and
 * both can be compiled, written and looked at. As in a file, names tie a graph together: an input,
 * a constant and each output of a node make a value of a name that is given once; nodes read values
 * by name and stand in an order in which they can be computed.
 *
 *     tn_model_create("net", NULL, &model);
 *     graph = tn_model_graph(model);
 *     tn_graph_add_input(graph, "x", "float[N, 3]");
 *     tn_graph_add_constant(graph, "w", &weights);
 *     tn_graph_add_text(graph, "h = MatMul (x, w)  y = Softmax <axis = -1> (h)");
 *     tn_graph_add_output(graph, "y", NULL);
 *
 * Names, operators, their attributes and the number of their operands are checked at once, types
 * when the model is checked or compiled. What is wrong goes to the listeners that the model was
 * made with. A call that fails changes nothing. All that is handed in is copied.
 *
 * While a model is edited no other thread may use it; programs made of it before stay as they are.
 * Graphs and nodes are the model's: they are good until it is destroyed, removed nodes until they
 * are removed. */
typedef struct TnGraph TnGraph;
typedef struct TnNode TnNode;

/* An empty model of the newest operator set. options may be NULL. */
TN_API TN_MUST_USE TnStatus tn_model_create(const char *name, const TnLoadOptions *options,
                                            TnModel **model);
TN_API TnGraph *tn_model_graph(TnModel *model); /* NULL if there is no memory */
/* Which version of an operator set the model speaks; domain "" is ai.onnx. Other runtimes may want
 * a lower one than the newest: then only operators as they were in that version may be used. */
TN_API TN_MUST_USE TnStatus tn_model_set_opset(TnModel *model, const char *domain, int64_t version);
/* A model-local function, in ONNX's textual syntax:
 *     <domain: "acme", opset_import: ["" : 21]> Swish (x) => (y) { s = Sigmoid (x) y = Mul (x, s) }
 * Nodes call it as "acme.Swish"; it is inlined when the model is compiled. */
TN_API TN_MUST_USE TnStatus tn_model_add_function(TnModel *model, const char *text);
/* Everything that compiling would find wrong with types and shapes. */
TN_API TN_MUST_USE TnStatus tn_model_check(TnModel *model);

/* type: "float[N, 3]", as in ONNX's textual syntax; sizes may be names. */
TN_API TN_MUST_USE TnStatus tn_graph_add_input(TnGraph *graph, const char *name, const char *type);
/* A value that is there becomes an output. type may be NULL. */
TN_API TN_MUST_USE TnStatus tn_graph_add_output(TnGraph *graph, const char *name, const char *type);
TN_API TN_MUST_USE TnStatus tn_graph_remove_input(TnGraph *graph, const char *name);
TN_API TN_MUST_USE TnStatus tn_graph_remove_output(TnGraph *graph, const char *name);
TN_API TN_MUST_USE TnStatus tn_graph_add_constant(TnGraph *graph, const char *name,
                                                  const TnTensor *tensor);
/* Another value for a constant (an initializer) that is there. */
TN_API TN_MUST_USE TnStatus tn_graph_set_constant(TnGraph *graph, const char *name,
                                                  const TnTensor *tensor);
/* Nodes that read `name` read `by` from now on, those of bodies included. */
TN_API TN_MUST_USE TnStatus tn_graph_replace(TnGraph *graph, const char *name, const char *by);

/* A node at the end. op_type: "Conv", "acme.Swish". name: what messages and profiles call it; or
 * NULL. Inputs that are left out, and outputs that nobody wants, are "". *node may be used to set
 * attributes; `node` may be NULL. */
TN_API TN_MUST_USE TnStatus tn_graph_add_node(TnGraph *graph, const char *op_type, const char *name,
                                              int input_count, const char *const *inputs,
                                              int output_count, const char *const *outputs,
                                              TnNode **node);
/* Nodes in ONNX's textual syntax, attributes and bodies included; all of them or none. */
TN_API TN_MUST_USE TnStatus tn_graph_add_text(TnGraph *graph, const char *text);
TN_API int tn_graph_node_count(const TnGraph *graph);
TN_API TnNode *tn_graph_node(TnGraph *graph, int i); /* NULL: there is none */
/* By its name or by that of a value that it makes; NULL: there is none. */
TN_API TnNode *tn_graph_find_node(TnGraph *graph, const char *name);

/* "Conv", "acme.Swish". The texts live as long as the model. */
TN_API const char *tn_node_op_type(const TnNode *node);
TN_API const char *tn_node_name(const TnNode *node);          /* "" if it has none */
TN_API const char *tn_node_input(const TnNode *node, int i);  /* NULL after the last one */
TN_API const char *tn_node_output(const TnNode *node, int i); /* NULL after the last one */
/* i may be one more than there are: a new operand. */
TN_API TN_MUST_USE TnStatus tn_node_set_input(TnNode *node, int i, const char *name);
/* Its outputs must not be used any more. The handle ends here. */
TN_API TN_MUST_USE TnStatus tn_node_remove(TnNode *node);
/* To another place in the order, before a node or (NULL) to the end. */
TN_API TN_MUST_USE TnStatus tn_node_move(TnNode *node, TnNode *before);

/* Attributes, by ONNX's names; a value that is there is replaced. */
TN_API TN_MUST_USE TnStatus tn_node_set_int(TnNode *node, const char *name, int64_t value);
TN_API TN_MUST_USE TnStatus tn_node_set_float(TnNode *node, const char *name, float value);
TN_API TN_MUST_USE TnStatus tn_node_set_string(TnNode *node, const char *name, const char *value);
TN_API TN_MUST_USE TnStatus tn_node_set_ints(TnNode *node, const char *name, int count,
                                             const int64_t *values);
TN_API TN_MUST_USE TnStatus tn_node_set_floats(TnNode *node, const char *name, int count,
                                               const float *values);
TN_API TN_MUST_USE TnStatus tn_node_set_strings(TnNode *node, const char *name, int count,
                                                const char *const *values);
TN_API TN_MUST_USE TnStatus tn_node_set_tensor(TnNode *node, const char *name,
                                               const TnTensor *tensor);
/* An empty graph as an attribute: "then_branch", "body". It sees the names of the graphs around. */
TN_API TN_MUST_USE TnStatus tn_node_add_graph(TnNode *node, const char *name, TnGraph **graph);
TN_API TN_MUST_USE TnStatus tn_node_remove_attribute(TnNode *node, const char *name);

/* ---- Operators of the host --------------------------------------------------------------- */

/* What no ONNX operator says can be written in C. An operator of the host's has a name, rules for
 * the types of its results, and a function that computes them. (Where ONNX's operators say it, a
 * function in text is better: tn_model_add_function(). It is compiled and fused like everything
 * else.) */

typedef enum TnAttributeKind {
    TN_ATTRIBUTE_INT,
    TN_ATTRIBUTE_FLOAT,
    TN_ATTRIBUTE_STRING,
    TN_ATTRIBUTE_INTS,
    TN_ATTRIBUTE_FLOATS,
    TN_ATTRIBUTE_STRINGS,
    TN_ATTRIBUTE_TENSOR,
} TnAttributeKind;

typedef struct TnAttribute {
    const char *name;
    TnAttributeKind kind;
    bool required;
    int64_t default_int;
    float default_float;
} TnAttribute;

/* A tensor's type while compiling. dims[d]: "3", "N", "2*N + 1". */
typedef struct TnType {
    TnElementType element;
    int rank;
    const char *dims[TN_MAX_RANK];
} TnType;

/* A node at work: while its types are inferred, or while it runs. */
typedef struct TnCall TnCall;

typedef struct TnOperator {
    size_t size;                         /* sizeof(TnOperator) */
    const char *domain, *name;           /* "acme", "Swish" */
    int since;                           /* the domain's version it came with; at least 1 */
    int min_inputs, max_inputs, outputs; /* outputs: 1 to 64 */
    const TnAttribute *attributes;
    int attribute_count;
    /* Sets the type of each output: tn_call_input_type(), tn_call_set_type(). May be called several
     * times for a node. NULL: all outputs have the type of the first input. */
    TnStatus (*infer)(void *user, TnCall *call);
    /* Fills the outputs: tn_call_input(), tn_call_output(). Runs on the thread that called
     * tn_run(), for several contexts at once if the host has them. May be called again where its
     * first call asked for more memory than there was. A status other than TN_OK ends the run with
     * it. */
    TnStatus (*compute)(void *user, TnCall *call);
    void *user;
} TnOperator;

/* The model knows the operator from now on; `user` and the functions must outlive the model and its
 * programs, the rest is copied. TN_BAD_ARGUMENT where the name is taken, by an operator or a
 * function. The model must not be compiled meanwhile. Nodes of the operator are never computed
 * ahead of time, merged or moved out of branches: the function is called for each of them in each
 * run. */
TN_API TN_MUST_USE TnStatus tn_model_add_operator(TnModel *model, const TnOperator *op);

/* In both functions. */
TN_API int tn_call_input_count(const TnCall *call);
TN_API int tn_call_output_count(const TnCall *call);
/* The node's attribute, or its default; 0, "", NULL where there is none. Lists live as long as the
 * program. */
TN_API int64_t tn_call_int(const TnCall *call, const char *name);
TN_API float tn_call_float(const TnCall *call, const char *name);
TN_API TnString tn_call_string(const TnCall *call, const char *name);
TN_API const int64_t *tn_call_ints(const TnCall *call, const char *name, int64_t *count);
TN_API const float *tn_call_floats(const TnCall *call, const char *name, int64_t *count);
TN_API const TnString *tn_call_strings(const TnCall *call, const char *name, int64_t *count);
TN_API const TnTensor *tn_call_tensor(const TnCall *call, const char *name);
/* Says what is wrong; messages add the node's name. Answers TN_BAD_ARGUMENT, so that a function can
 * end in "return tn_call_fail(call, ...)". */
TN_API TnStatus tn_call_fail(TnCall *call, const char *message);

/* In infer(). BAD_ARGUMENT: the input is absent or no tensor. The texts live as long as the call.
 */
TN_API TN_MUST_USE TnStatus tn_call_input_type(TnCall *call, int i, TnType *type);
/* A size that is NULL is known only when compute() has run. */
TN_API TN_MUST_USE TnStatus tn_call_set_type(TnCall *call, int i, const TnType *type);

/* In compute(). NULL: an optional input that is not there. */
TN_API const TnTensor *tn_call_input(const TnCall *call, int i);
/* Whether anybody reads output i. One that nobody reads may be left alone. */
TN_API bool tn_call_wants(const TnCall *call, int i);
/* Memory for output i, aligned to 64, not cleared. NULL: answer tn_call_status() at once. */
TN_API void *tn_call_output(TnCall *call, int i, int rank, const int64_t *dims);
/* Memory for the time of the call; the same. */
TN_API void *tn_call_scratch(TnCall *call, int64_t bytes);
TN_API TnStatus tn_call_status(const TnCall *call);

/* ---- Compiling --------------------------------------------------------------------------- */

typedef struct TnProgram TnProgram;

/* What compiling can tell of itself. */
typedef enum TnReport {
    TN_REPORT_STEPS = 1 << 0,        /* the program: buffers and steps */
    TN_REPORT_KERNELS = 1 << 1,      /* kernels and their loop nests */
    TN_REPORT_MODEL = 1 << 2,        /* the optimised model in ONNX's textual syntax */
    TN_REPORT_EXPLANATIONS = 1 << 3, /* what was fused or folded, what not, and why */
    TN_REPORT_EXPLANATIONS_JSON = 1 << 4,
    TN_REPORT_PASSES = 1 << 5, /* how often each pass and rule changed something */
} TnReport;

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

/* An input and an output that are the two ends of a state: a KV cache, the state of a recurrent
 * network. Neither is an input or an output of the program any more: each context keeps the value,
 * hands it to a run as `past` and takes `present` in its place when the run ends well. */
typedef struct TnState {
    const char *past, *present;
    /* What a new context starts with; read by tn_compile(). NULL: zeros, where all sizes are known;
     * else tn_context_set_state() has to be called before the first run. data NULL: zeros. */
    const TnTensor *initial;
    /* Of a state that each run makes longer, by adding to the end of one axis (a KV cache): how
     * long it may get. There is memory for so much from the beginning, and a run writes what it
     * adds, nothing else. A run that would go beyond answers TN_BAD_ARGUMENT. 0: as long as there
     * is memory; each run then writes the whole state anew. Where a model does not allow for it
     * (something but machine code reads the state, say) each run copies, too, and a note in the
     * log says why. */
    int64_t capacity;
} TnState;

/* A folder in which compiled programs are kept, as shared libraries, for other processes and later
 * ones, by a checksum of the model, the options, the processor and the version. (External data
 * counts by where it lies, its size and its time.) Entries appear whole or not at all; a damaged
 * one is made again; those that were used longest ago make room for new ones. Several processes may
 * share a folder. Nothing that goes wrong with it makes compiling fail.
 *
 * A program is not kept if it has replaceable weights or operators of the host's, reads external
 * data through the host, takes a tuning, is to have reports, or is not LLVM's. */
typedef struct TnCache {
    const char
        *folder;   /* made if it is not there; what lies in it is run: nobody else may write it */
    int64_t limit; /* bytes that it may have; 0: 1 GiB */
} TnCache;

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
    TnDiagnose *diagnose;
    void *diagnose_user;
    TnAllocator allocator; /* must outlive the program */
    unsigned reports;      /* TnReport bits: what tn_program_report() should have */
    /* A budget: where it is spent, compiling ends with TN_CANCELLED. It is looked at between
     * passes, nodes and groups of functions. */
    double seconds;              /* 0: as long as it takes */
    bool (*proceed)(void *user); /* on the calling thread, often; false: stop; or NULL */
    void *proceed_user;
    const TnState *states;
    /* Weights (initializers of the main graph) that tn_program_set_weight() may replace: nothing is
     * computed from them, and they are not rearranged, before the program runs. That has a price in
     * speed. */
    const char *const *replaceable;
    int state_count, replaceable_count;
    /* Hears, where compiling answers TN_UNSUPPORTED for want of them, of the inputs whose values
     * decide the model's structure, by name: with those among `values` it may succeed. Or NULL. */
    void (*needs_value)(void *user, const char *input);
    void *needs_value_user;
    const TnCache *cache; /* NULL: none */
    /* Code soon rather than fast code: runs compute the same bits, and take several times as long,
     * until tn_program_optimize() has done the rest. The cache is looked into, and not added to. */
    bool quick;
    /* "strict": no sum is restated in a way that rounds otherwise (Winograd's for convolutions);
     * NULL or "default": where that is faster. */
    const char *math;
    /* A file that `tenon tune` has written for this model, compiled with the same sizes and passes
     * on this machine: which tiles to take. One that is not, or is damaged, is a warning, and tiles
     * are chosen as without it; no file changes a result. NULL: none. */
    const char *tuning;
} TnCompileOptions;

/* options may be NULL. The model may be destroyed afterwards. On failure *program is NULL and the
 * log has the reasons: TN_INVALID_MODEL, TN_UNSUPPORTED, TN_BAD_ARGUMENT, TN_CANCELLED,
 * TN_OUT_OF_MEMORY. */
TN_API TN_MUST_USE TnStatus tn_compile(TnModel *model, const TnCompileOptions *options,
                                       TnProgram **program);
/* Accepts NULL. Its contexts must have been destroyed. */
TN_API void tn_program_destroy(TnProgram *program);

typedef struct TnOptimizeOptions {
    size_t size; /* sizeof(TnOptimizeOptions) */
    TnParallel parallel;
    double seconds;              /* as in TnCompileOptions */
    bool (*proceed)(void *user); /* the same */
    void *proceed_user;
} TnOptimizeOptions;

/* Gives a program that was compiled with `quick` the code that it would have without: a host
 * answers its first requests at once, and calls this on a thread that it can spare.
 *
 *     options.quick = true;
 *     tn_compile(model, &options, &program);
 *     ... on another thread: tn_program_optimize(program, NULL);
 *
 * May be called on any thread while contexts of the program run: they change over between two
 * steps, and no result tells which code it is of. It ends before the program is destroyed. options
 * may be NULL. TN_OK at once where there is nothing to do. TN_CANCELLED, TN_OUT_OF_MEMORY,
 * TN_INTERNAL: the program is as it was, and the call may be made again. */
TN_API TN_MUST_USE TnStatus tn_program_optimize(TnProgram *program,
                                                const TnOptimizeOptions *options);

typedef struct TnSaveOptions {
    size_t size; /* sizeof(TnSaveOptions) */
    TnLog *log;
    void *log_user;
    TnDiagnose *diagnose;
    void *diagnose_user;
    const char *name;    /* prefix of what the file exports; NULL: the file's stem */
    const char *header;  /* where to write its C header; NULL: nowhere */
    const char *weights; /* a file of their own for the weights; NULL: they are in the file */
} TnSaveOptions;

/* Writes the program as a compiled model (tenon_model.h): what the path ends in says whether as a
 * shared library (.so), an object (.o), an archive (.a), C (.c), assembly (.s) or LLVM's language
 * (.ll).
 * tn_program_load() reads shared libraries; C programs link and run all but the last two without
 * any library. Files appear whole or not at all. Runs may go on meanwhile. options may be NULL.
 *
 * States are an input and an output of the compiled model each (TnArtifactInfo.states says which),
 * and states again when it is loaded. Weights that may be replaced are inputs, NULL for the model's
 * own value, and weights again when it is loaded; those that nothing reads are left out, and values
 * that tn_program_set_weight() gave. Of operators of the host's a shared library has the names:
 * they are given again when it is loaded.
 *
 * TN_BAD_ARGUMENT: another ending, a name that is no identifier, a program that was loaded itself.
 * TN_UNSUPPORTED: operators of the host's in another form than a shared library. TN_INTERNAL,
 * TN_IO, TN_OUT_OF_MEMORY. */
TN_API TN_MUST_USE TnStatus tn_program_save(TnProgram *program, const char *path,
                                            const TnSaveOptions *options);

typedef struct TnOpenOptions {
    size_t size; /* sizeof(TnOpenOptions) */
    TnLog *log;
    void *log_user;
    TnDiagnose *diagnose;
    void *diagnose_user;
    const char *weights; /* of a model saved with them apart; NULL: beside it, as it was saved */
    /* Reads that file of weights, to decrypt it, say; it is asked for the path that the library
     * would open, while tn_program_load() works. NULL functions: the file is mapped. */
    TnReader reader;
    TnAllocator allocator; /* must outlive the program */
    /* The operators of the host's that the model was compiled with, by their names: compute(), the
     * numbers of inputs and outputs and `user` count. The list is copied; what it points to must
     * outlive the program. */
    const TnOperator *operators;
    int operator_count;
    bool trust_weights; /* do not compare them with their checksum, which reads all of them */
} TnOpenOptions;

/* A program from a shared library that tn_program_save() or `tenon compile` has written, for this
 * processor and this version of Tenon; states and their first values are as they were. Nothing of
 * the file runs before its checksum has been found good; it is mapped, not read, and must not
 * change. On failure *program is NULL: TN_IO, TN_INVALID_MODEL (it or its weights are damaged, or
 * it is no compiled model), TN_UNSUPPORTED (another version, architecture or processor, or an
 * operator that is not given), TN_OUT_OF_MEMORY. */
TN_API TN_MUST_USE TnStatus tn_program_load(const char *path, const TnOpenOptions *options,
                                            TnProgram **program);

/* ---- Programs ---------------------------------------------------------------------------- */

TN_API int tn_program_input_count(const TnProgram *program);
TN_API int tn_program_output_count(const TnProgram *program);
/* BAD_ARGUMENT where there is none. The texts live as long as the program. */
TN_API TN_MUST_USE TnStatus tn_program_input(const TnProgram *program, int i, TnPort *port);
TN_API TN_MUST_USE TnStatus tn_program_output(const TnProgram *program, int i, TnPort *port);
/* The i-th of the states that it was compiled with, by the input's name and type. */
TN_API int tn_program_state_count(const TnProgram *program);
TN_API TN_MUST_USE TnStatus tn_program_state(const TnProgram *program, int i, TnPort *port);
/* Another value for a weight that was declared replaceable: of the same type and shape; copied.
 * NULL: the model's own again. Runs under way go on with the value that they began with; later
 * ones, of all contexts, have the new one. May be called from any thread at any time.
 * TN_BAD_ARGUMENT, and a sentence that lives for ever in *why (unless `why` is NULL), where it
 * cannot be. */
TN_API TN_MUST_USE TnStatus tn_program_set_weight(TnProgram *program, const char *name,
                                                  const TnTensor *tensor, const char **why);
/* Bytes of memory for intermediate values, as a formula in the symbolic sizes: "64*N + 1024". */
TN_API const char *tn_program_arena_formula(const TnProgram *program);
/* The report of that kind, or NULL where compiling was not asked for it. */
TN_API const char *tn_program_report(const TnProgram *program, TnReport report);

/* A size that the program is open in, by the model's name for it, and the range in which it works:
 * runs check it. */
typedef struct TnSymbol {
    const char *name;
    int64_t lower, upper;
} TnSymbol;

TN_API int tn_program_symbol_count(const TnProgram *program);
TN_API TN_MUST_USE TnStatus tn_program_symbol(const TnProgram *program, int i, TnSymbol *symbol);

typedef struct TnProgramInfo {
    size_t size;            /* sizeof(TnProgramInfo) */
    int step_count;         /* all of them, those inside of branches and loops included */
    int kernel_count;       /* of these, pieces of machine code */
    int64_t weight_bytes;   /* of constants that are read as they are */
    int64_t packed_bytes;   /* of constants in a layout of the program's own */
    int64_t worker_bytes;   /* of scratch memory for each thread that runs */
    bool needs_more_memory; /* than the arena formula says: sizes follow from data */
    bool from_cache;        /* it was compiled before (TnCompileOptions.cache) */
    bool is_quick;          /* its code waits for tn_program_optimize() */
    int appended_states;    /* how many states runs append to where they lie (TnState.capacity) */
} TnProgramInfo;

TN_API TN_MUST_USE TnStatus tn_program_info(const TnProgram *program, TnProgramInfo *info);

/* A step of the program, in order; those of branches and bodies follow their If or Loop. */
typedef struct TnStep {
    const char *name;    /* the node's, or that of its first output; or "" */
    const char *op_type; /* "Conv"; "group" where several were fused; or "" */
    const char *kind;    /* "kernel", "host", "if", "loop", "sizes", "assign", ... */
    int depth;           /* 0: of the program itself; 1: inside of a branch or a body; ... */
} TnStep;

TN_API TN_MUST_USE TnStatus tn_program_step(const TnProgram *program, int i, TnStep *step);

/* ---- Running ----------------------------------------------------------------------------- */

typedef struct TnContext TnContext;

typedef struct TnContextOptions {
    size_t size; /* sizeof(TnContextOptions) */
    TnParallel parallel;
    TnAllocator allocator; /* must outlive the context */
    bool profile;          /* take the time of each step (see tn_context_step_time) */
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

/* Asks the run under way, or if there is none the next one, to end with TN_CANCELLED. It ends
 * between two pieces of work, each of which is short; the request is then forgotten. May be called
 * from any thread and from a signal handler, while the context runs. */
TN_API void tn_context_cancel(TnContext *context);
/* Takes a request back that no run has seen yet. The same rules. */
TN_API void tn_context_cancel_clear(TnContext *context);

/* Of a context made with `profile`: how often the program's i-th step ran since the context was
 * made, and for how long in all. The time of an If or a Loop includes its steps. */
TN_API TN_MUST_USE TnStatus tn_context_step_time(const TnContext *context, int i, int64_t *runs,
                                                 int64_t *nanoseconds);
/* Floating-point operations of the last run as the operators state them: branches are not counted,
 * a Loop's body once. */
TN_API double tn_context_flops(const TnContext *context);

/* ---- State ------------------------------------------------------------------------------- */

/* The states that the program was compiled with (TnState), numbered as tn_program_state() does. A
 * run reads a state from one piece of memory and writes it to another; when it ends well they
 * change places, and nothing is copied. One with a capacity has one piece, to which a run appends.
 * A run that fails leaves the states as they were. */

/* The value of a state, as the last run that ended well left it, or as it was set. In the context's
 * memory until its next run, reset or set_state. TN_BAD_ARGUMENT where it has none yet. One with a
 * capacity is copied together by the call: TN_OUT_OF_MEMORY. */
TN_API TN_MUST_USE TnStatus tn_context_state(const TnContext *context, int i, TnTensor *value);
/* Another value, of the input's type; copied. data NULL: zeros. */
TN_API TN_MUST_USE TnStatus tn_context_set_state(TnContext *context, int i, const TnTensor *value);
/* All states as a new context has them. */
TN_API TN_MUST_USE TnStatus tn_context_reset(TnContext *context);

/* ---- Memory of runs ---------------------------------------------------------------------- */

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
