/* SPDX-License-Identifier: Apache-2.0
 *
 * A program under construction: what lower.c, lower_control.c, lower_value.c and size_code.c share.
 *
 * Sizes. A symbol is *bound* from the step on that gives it its value. Sizes of entry symbols,
 * which the inputs bind, are computed in the entry block, once; all others in the block that needs
 * them, as late as possible. Scopes follow blocks: what is computed or bound in a branch or a
 * loop's body is not known outside.
 *
 * Positions. Steps are numbered in the order in which they are made, bodies within their loop;
 * buffers live from their first to their last position.
 */
#ifndef CODEGEN_BUILDER_H
#define CODEGEN_BUILDER_H

#include "codegen/compile.h"
#include "ir/graph/constant.h"
#include "ir/ops/op.h"
#include "ir/support/array.h"

/* A buffer and what planning has to know of it. */
typedef struct BufferPlan {
    BufferKind kind;
    const void *constant;
    int64_t constant_bytes;
    bool is_string;    /* constant */
    const Expr *bytes; /* planned */
    int64_t first, last;
    bool is_output;
    bool is_borrowed; /* dynamic: may point into a planned buffer */
    bool begins_late; /* made by the first phase that uses it, not by the kernel's first */
} BufferPlan;

/* A dimension of an input that is an expression and tells a symbol; see input_sizes.c. */
typedef struct InputSize {
    int input, dim;
    const Expr *size, *given; /* as declared; the symbol that gets what the caller gives */
    struct InputSize *next;
} InputSize;

/* A result may lie where an operand does, if nothing else needs the operand after `last`. */
typedef struct InPlace {
    int32_t result, operand; /* buffers */
    int64_t first, last;     /* positions of the kernel */
} InPlace;

typedef ARRAY(Step) StepList;

/* The kernel of a node or of a group. By slot: which Value a tensor is, NULL for temporaries; and
 * whether it is a copy of the value in a layout of its own. */
typedef struct KernelOfNode {
    Kernel *kernel;
    Value **values;
    bool *is_copy;
} KernelOfNode;

typedef struct Scope {
    struct Scope *outer;
    Map sizes;  /* Expr -> slot + 1, of what was computed here */
    Map values; /* Value -> ProgramValue */
    StepList steps;
    ARRAY(SizeInstruction) pending; /* size code that the next step needs */
    ARRAY(int) bound;               /* symbols to forget at the end */
} Scope;

typedef struct Builder {
    Model *model;
    Arena *arena;
    ExprPool *pool;
    const CompileSettings *settings;
    Diagnostics *diagnostics;
    bool failed;
    int symbol_count;
    int slot_count;
    bool *is_bound, *is_entry; /* by symbol */
    Map entry_sizes;           /* Expr -> slot + 1 */
    ARRAY(SizeInstruction) entry_code;
    StepList entry_binds;
    ARRAY(CheckStep) entry_checks;
    bool *checked;       /* by assumption */
    const Graph *branch; /* the innermost region of an If under way; or NULL */
    Scope *scope;
    int64_t position;
    ARRAY(BufferPlan) buffers;
    ARRAY(InPlace) in_place;
    ARRAY(AppendedState) appended;
    InputSize *input_sizes;
    ARRAY(Phase *) phases;
    Map constants; /* bytes -> buffer + 1 */
    Map bindings;  /* Value -> Binding */
    Map kernels;   /* Node -> KernelOfNode, of the nodes that kernels carry out */
    Map copies;    /* Value -> buffer + 1, of its copy in another layout */
    int64_t worker_scratch;
    const Expr *arena_bytes; /* of the plan */
    bool has_tail;
    int32_t pointer_count;
    void *packed; /* PackedConstants */
} Builder;

/* ---- size_code.c ------------------------------------------------------------------------- */

/* Where the size is found when the next step runs. An error, and 0, if a symbol in it is not bound.
 */
Size size_of(Builder *b, const Expr *e);
bool size_is_bound(Builder *b, const Expr *e); /* all its symbols are */
bool size_is_entry(Builder *b, const Expr *e); /* all its symbols are bound by the inputs */
/* When the program is entered the symbol gets that size of bound ones. */
void symbol_bind_entry_to(Builder *b, int symbol, const Expr *size);
/* From here on the symbol has a value. */
void symbol_bind(Builder *b, int symbol);
void symbol_bind_entry(Builder *b, int symbol);
/* The symbol's number, if e is a symbol that is not bound yet; -1. */
int symbol_unbound(Builder *b, const Expr *e);
/* Checks that became possible: assumptions all of whose symbols are bound. */
void emit_assumptions(Builder *b);
void emit_check(Builder *b, const Expr *condition, const char *message);

/* ---- builder.c --------------------------------------------------------------------------- */

Scope *scope_open(Builder *b);
/* The block of the innermost scope, which ends. */
Block *scope_close(Builder *b);
/* Appends a step, after the size code that it needs, and advances the position. */
Step *append_step(Builder *b, const Step *step);
int32_t add_buffer(Builder *b, BufferPlan plan);
void touch_buffer(Builder *b, int32_t buffer); /* it is used at the position */
/* The position is the first of one that begins late. */
void begin_buffer(Builder *b, int32_t buffer);
void touch_value(Builder *b, const ProgramValue *value);

bool dims_are_entry(Builder *b, const Type *type);
const Expr *type_bytes(Builder *b, const Type *type); /* of a ranked tensor */
/* A value of the type in a buffer of its own: planned, dynamic or a value's. Its sizes need not be
 * bound: dims are set where they are, by program_value_dims() else. */
ProgramValue new_value(Builder *b, const Type *type);
/* The same in `bytes` of memory instead of what a row-major tensor takes. */
ProgramValue new_tensor(Builder *b, const Type *type, const Expr *bytes);
void program_value_dims(Builder *b, const Type *type, ProgramValue *value);
/* Dimensions that are symbols without a value: bit d. */
uint32_t unbound_dims(Builder *b, const Type *type);
/* Whether the value has been made, or brought in; one that only sizes needed is not. */
bool value_is_made(const Builder *b, const Value *value);
/* By node number: whether the graph's results need what the node makes. Numbers the nodes. */
bool *find_needed_nodes(Builder *b, Graph *graph);
ProgramValue value_of(Builder *b, Value *value); /* absent for NULL */
/* Says where a value is, and reads its elements into symbols where inference asked for that. */
void define_value(Builder *b, Value *value, ProgramValue where);
/* Gives symbols their values whose tensors have become constants. */
void bind_constants(Builder *b);
bool buffer_is_planned(const Builder *b, int32_t buffer);
/* Whether both are planned and of one size. */
bool can_share_memory(const Builder *b, int32_t result, int32_t operand);
/* Whether a pointer to its memory stays good outside the block that made it. */
bool buffer_is_shareable(const Builder *b, int32_t buffer);
void emit_assign(Builder *b, const char *name, ProgramValue to, ProgramValue from);
/* Gives the symbols in `type` that have no value yet the sizes of another value, and checks the
 * other dimensions. With `binds` the pairs are collected instead of a step appended. */
typedef ARRAY(Bind) BindList;
void bind_dims(Builder *b, const Node *node, const Type *type, const Type *from_type,
               const ProgramValue *from, BindList *binds);

/* ---- lower.c, lower_control.c ------------------------------------------------------------ */

void lower_graph_nodes(Builder *b, Graph *graph);
void lower_control(Builder *b, Node *node);

/* ---- input_sizes.c ----------------------------------------------------------------------- */

/* Before there is a builder: the symbols are new ones of the model's pool. */
InputSize *input_sizes_find(Model *model);
/* After all inputs' own symbols are bound: those that follow from expressions, and checks. */
void input_sizes_bind(Builder *b, const Graph *graph);

/* ---- kernel_of_node.c -------------------------------------------------------------------- */

KernelOfNode kernel_of_node(ExprPool *pool, const Node *node);

/* ---- select_layouts.c -------------------------------------------------------------------- */

/* Sets the layouts of the tensors of b->kernels, so that all kernels that touch a value agree. */
void select_layouts(Builder *b, Graph *graph);

/* ---- append_states.c --------------------------------------------------------------------- */

/* Lets the growing states of the settings be appended to where they lie, as far as b->kernels
 * allow it: layouts with room, kernels that make the new part alone. needed: by node number. */
void append_states(Builder *b, Graph *graph, const bool *needed);
/* The state whose present value it is; or NULL. */
const AppendedState *appended_output(const Builder *b, const Value *value);

/* ---- pack.c ------------------------------------------------------------------------------ */

/* The buffer that holds a packing of a constant. */
int32_t packed_buffer(Builder *b, const Packing *packing);

#endif
