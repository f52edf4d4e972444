/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators: what one says about itself. ops.def lists them; op_<name>, in the file of its name or
 * of its family, says everything. Exactly one of lower, decompose, function, host and control gives
 * an operator's meaning; constant folding, the interpreter and all generated code derive from it.
 */
#ifndef IR_OPS_OP_H
#define IR_OPS_OP_H

#include "ir/graph/attribute.h"
#include "ir/graph/graph.h"
#include "ir/kernel/kernel.h"
#include "ir/ops/edit.h"
#include "runtime/host/host.h"

/* Sets of element types, by bit. */
#define TYPE_BIT(type) ((uint32_t)1 << (type))
#define TYPES_FLOAT                                                                                \
    (TYPE_BIT(TN_FLOAT) | TYPE_BIT(TN_DOUBLE) | TYPE_BIT(TN_FLOAT16) | TYPE_BIT(TN_BFLOAT16))
#define TYPES_SIGNED                                                                               \
    (TYPE_BIT(TN_INT8) | TYPE_BIT(TN_INT16) | TYPE_BIT(TN_INT32) | TYPE_BIT(TN_INT64))
#define TYPES_UNSIGNED                                                                             \
    (TYPE_BIT(TN_UINT8) | TYPE_BIT(TN_UINT16) | TYPE_BIT(TN_UINT32) | TYPE_BIT(TN_UINT64))
#define TYPES_INTEGER (TYPES_SIGNED | TYPES_UNSIGNED)
#define TYPES_NUMBER  (TYPES_FLOAT | TYPES_INTEGER)
#define TYPES_INDEX   (TYPE_BIT(TN_INT32) | TYPE_BIT(TN_INT64))
#define TYPES_BOOL    TYPE_BIT(TN_BOOL)
#define TYPES_STRING  TYPE_BIT(TN_STRING)
#define TYPES_SMALL                                                                                \
    (TYPE_BIT(TN_FLOAT8E4M3FN) | TYPE_BIT(TN_FLOAT8E4M3FNUZ) | TYPE_BIT(TN_FLOAT8E5M2) |           \
     TYPE_BIT(TN_FLOAT8E5M2FNUZ) | TYPE_BIT(TN_UINT4) | TYPE_BIT(TN_INT4) |                        \
     TYPE_BIT(TN_FLOAT4E2M1) | TYPE_BIT(TN_FLOAT8E8M0) | TYPE_BIT(TN_UINT2) | TYPE_BIT(TN_INT2) |  \
     TYPE_BIT(TN_FLOAT6E2M3) | TYPE_BIT(TN_FLOAT6E3M2))
#define TYPES_COMPLEX (TYPE_BIT(TN_COMPLEX64) | TYPE_BIT(TN_COMPLEX128))
#define TYPES_TENSOR                                                                               \
    (TYPES_NUMBER | TYPES_BOOL | TYPES_STRING | TYPES_SMALL | TYPES_COMPLEX) /* any tensor */
#define TYPES_ANY 0 /* sequences and optionals, too */

/* One operand or result. Operands that share a letter in `group` have one element type. */
typedef struct OperandDef {
    const char *name;
    uint32_t types; /* allowed element types; TYPES_ANY: the operator checks */
    char group;     /* 'T', ...; 0: alone */
    bool optional;
    bool variadic; /* the last one only: any number of them, at least min_variadic */
    int min_variadic;
} OperandDef;

typedef enum OpTraits {
    TRAIT_commutative = 1 << 0,
    TRAIT_elementwise = 1 << 1,    /* out[i] depends on the broadcast operands' element i alone */
    TRAIT_view = 1 << 2,           /* the result is the first operand's bytes in another shape */
    TRAIT_random = 1 << 3,         /* results are drawn, not determined */
    TRAIT_data_dependent = 1 << 4, /* a result's size depends on operands' data */
    TRAIT_idempotent = 1 << 5,     /* f(f(x)) = f(x) */
    TRAIT_involution = 1 << 6,     /* f(f(x)) = x */
} OpTraits;

typedef enum ControlKind {
    CONTROL_none,
    CONTROL_if,
    CONTROL_loop,
    CONTROL_scan,
    CONTROL_group
} ControlKind;

/* ---- Inference --------------------------------------------------------------------------- */

/* What an infer() works with. It sets node->results[i]->type (infer_set) and, where cheap, the
 * elements of small integer results (infer_set_elements). */
typedef struct InferContext {
    Model *model;
    ExprPool *pool;
    Arena *arena;
    Diagnostics *diagnostics;
    /* Graph inputs whose values must be known at compile time: filled by infer_constant(). */
    Value **needed;
    int64_t needed_count, needed_capacity;
    /* Elements of a value became symbols after nodes that read it were inferred: inferring these
     * again would tell more. */
    bool bound_late;
    bool failed; /* a node could not be inferred, since somebody set this to false */
} InferContext;

/* Reports against the node and answers false. */
bool infer_error(InferContext *context, const Node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool infer_unsupported(InferContext *context, const Node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void infer_set(InferContext *context, Node *node, int result, TnElementType element, int rank,
               const Expr *const *dims);
void infer_set_type(Node *node, int result, const Type *type);
void infer_set_elements(InferContext *context, Node *node, int result, const Expr *const *elements,
                        int64_t count);

/* The tensor type of an operand whose presence and rank the caller relies on. */
const Type *operand_type(const Node *node, int i);
/* A result's element type, where the operator's table or the operand of the same group says it;
 * else TN_UNDEFINED. */
TnElementType element_of_result(const Node *node, const OperandDef *result);
/* The operand's constant, or NULL where it is absent or not constant. */
const Constant *operand_constant(const Node *node, int i);
/* A value all of whose elements are known numbers, as a constant; else NULL. */
Constant *elements_constant(Model *model, const Value *value);
/* The constant of an operand that decides the structure of the node (axes, a mode). Where it is not
 * constant: an error, and the graph inputs that it hangs from are noted in context->needed, so that
 * a host that knows their values can compile for these. */
const Constant *infer_constant(InferContext *context, const Node *node, int i);
/* The elements of an integer operand as indices: known numbers, expressions over sizes, or symbols
 * made now and bound to the operand's elements at run time. Needs a static element count of at most
 * 1024; else an error. *count may be NULL. */
const Expr *const *infer_elements(InferContext *context, const Node *node, int i, int64_t *count);
/* The elements of an integer tensor become symbols now, as a reader would make them so later.
 * False: it is not one that may have so many. */
bool infer_bind_elements(InferContext *context, Value *value, int64_t count);
/* Axis a of a tensor of that rank, -rank <= a < rank, as 0 <= axis < rank; error otherwise. */
bool infer_axis(InferContext *context, const Node *node, int64_t a, int rank, int *axis);
/* The axes from an optional constant operand or all of them if absent; sorted, unique. */
bool infer_axes(InferContext *context, const Node *node, IntList axes, int rank, bool *is_axis);
/* The shape of operands broadcast together, as NumPy does. Unequal symbolic sizes give their
 * maximum, with an assumption that the smaller is 1. */
bool infer_broadcast(InferContext *context, const Node *node, int count, const Type *const *types,
                     int *rank, const Expr **dims);
/* a and b must be equal: the one that is simpler, an assumption where it is not provable, NULL and
 * an error where it is false. */
const Expr *infer_equal(InferContext *context, const Node *node, const Expr *a, const Expr *b,
                        const char *what);
/* A size that only running tells, named after the result: 0 <= size <= upper (NULL: no bound). */
const Expr *infer_fresh_size(InferContext *context, Node *node, int result, const char *what,
                             const Expr *upper);

/* A type of items whose sizes are known: where one is NULL, the symbol of infer_fresh_size(), with
 * the dimension behind `what`. */
const Type *infer_item_sizes(InferContext *context, Node *node, int result, const char *what,
                             const Type *item);

/* Shared infer functions. */
bool infer_same_as_first(InferContext *context, Node *node); /* type of operand 0 */
bool infer_elementwise(InferContext *context,
                       Node *node); /* broadcast, element type of operand 0 */

/* ---- Lowering ---------------------------------------------------------------------------- */

/* What a lower() works with. in[i] is NULL where an optional operand is absent. */
typedef struct Lowering {
    ExprPool *pool;
    Kernel *kernel;
    const Node *node;
    const Tensor *const *in;
    const Tensor *const *out;
} Lowering;

/* The tensor's element at the axes of a compute broadcast from the right, as NumPy does. */
const Expr *lower_broadcast(const Lowering *l, const Tensor *tensor, int rank,
                            const Expr *const *indices);
/* A temporary of the kernel; its element type should be a compute type. */
const Tensor *lower_temporary(const Lowering *l, const char *name, TnElementType element, int rank,
                              const Expr *const *shape);
/* The axes of a compute as indices: dims[0 .. axis_count). */
void lower_indices(const Lowering *l, const Compute *compute, const Expr **indices);
/* The row-major number of an element, and back to indices. */
const Expr *lower_flatten(ExprPool *pool, int rank, const Expr *const *shape,
                          const Expr *const *indices);
void lower_unflatten(ExprPool *pool, const Expr *flat, int rank, const Expr *const *shape,
                     const Expr **indices);
/* An index read from an integer tensor: negative ones count from the end, and the result is clamped
 * to 0 .. extent-1, so that no data can make a kernel read outside. */
const Expr *lower_data_index(ExprPool *pool, const Expr *value, const Expr *extent);

/* A kernel of the node alone, whose operator has lower() and whose operands and results are tensors
 * of known rank: a tensor for each distinct operand, in order, then one for each wanted result. */
Kernel *node_lower(ExprPool *pool, const Node *node);

/* ---- Definition -------------------------------------------------------------------------- */

struct OpDef {
    const char *name;    /* ONNX's spelling: "LayerNormalization" */
    const char *domain;  /* "" is ai.onnx */
    const char *summary; /* one line, the formula */
    int since;           /* the newest version of the operator that is implemented */
    int first;           /* the oldest version that opset/ can upgrade from */
    OpTraits traits;
    const OperandDef *operands;
    int operand_count;
    const OperandDef *results;
    int result_count;
    const AttributeDef *attributes;
    int attribute_count;
    size_t attributes_size;
    int region_count;

    /* Sets the result types; on a mismatch reports why and answers false. Arity, element types and
     * groups have been checked against the tables before. */
    bool (*infer)(InferContext *context, Node *node);
    /* Gives the inputs of the node's regions the types that its operands suggest, so that bodies
     * can be inferred while they are made; infer() does it again. NULL: they capture only. */
    bool (*seed_regions)(InferContext *context, Node *node);

    /* Exactly one of these. */
    void (*lower)(Lowering *l); /* index expressions */
    /* In terms of other operators, inserted at the editor; results[i] replaces result i. false:
     * this instance stays as it is, and has another of these meanings. */
    bool (*decompose)(Editor *editor, const Node *node, Value **results);
    const char *function; /* the name of a body in ir/functions/<function>.onnxtxt */
    /* A function of runtime/host/host.def. Beside another meaning: for instances that have strings,
     * sequences or optionals among operands or results. */
    const char *host;
    ControlKind control;
    /* Instead of one by name: a function that the program's host gave, and what it is called with.
     */
    HostFunction *host_function;
    void *host_user;
};

#define OPERANDS(array) .operands = (array), .operand_count = (int)COUNT_OF(array)
#define RESULTS(array)  .results = (array), .result_count = (int)COUNT_OF(array)
#define ATTRIBUTES(array, Struct)                                                                  \
    .attributes = (array), .attribute_count = (int)COUNT_OF(array),                                \
    .attributes_size = sizeof(Struct)

#define OP(name) extern const OpDef op_##name;
#include "ir/ops/ops.def"

/* All operators, in the order of ops.def. */
extern const OpDef *const op_table[];
extern const int op_count;
/* NULL if there is none. Domain "ai.onnx" is "". */
const OpDef *op_find(const char *domain, const char *name);

/* Whether a host function gives the meaning of this node: its operator has no other, or it has
 * strings, sequences or optionals. */
bool node_uses_host(const Node *node);

/* Attributes by name, for code outside of the operator's own file. The attribute must exist and be
 * of that kind. */
void *op_attribute(const OpDef *op, void *attributes, const char *name); /* the field */
void *op_attributes(Arena *arena, const OpDef *op); /* a struct of defaults, to be changed */
int64_t node_int(const Node *node, const char *name);
float node_float(const Node *node, const char *name);
IntList node_ints(const Node *node, const char *name);
bool node_choice_is(const Node *node, const char *name, const char *choice);

/* Whether the node's arity, element types and groups are those of its operator's tables. */
bool node_check(const Node *node, Diagnostics *diagnostics);
bool node_check_operands(const Node *node, Diagnostics *diagnostics); /* without the results */
/* Checks arity, element types and groups, then op->infer. Sets nothing when it answers false. Where
 * the rank of a tensor operand is not known yet, the results get no rank either. */
bool node_infer(InferContext *context, Node *node);
/* All nodes of a graph in order; regions are inferred by their operators' infer(). */
bool graph_infer(InferContext *context, Graph *graph);

#endif
