/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs: what a compiled model is, and all that running it needs.
 *
 * A program is immutable and may be run from many threads, each with a context of its own. It is a
 * tree of blocks; a block is a list of steps over numbered buffers and a table of sizes.
 *
 * Sizes. The table has one int64 for each symbol of the compiler, by its id, and after them one for
 * each size that is computed. Symbols get their values from the shapes of the inputs (when a run is
 * entered), from the elements of a tensor (STEP_bind), or from what a host function made. A
 * STEP_size computes the sizes that follow from them, so that all other steps only look sizes up.
 *
 * Buffers. Planned ones have an offset in the arena that is a size; dynamic ones, whose size
 * follows from data, get memory at the arena's tail when they are made; constants point to the
 * program's own or the model's bytes; inputs to the caller's. Buffers of sequences and optionals
 * hold a pointer to a TnValue. Views share their operand's buffer.
 */
#ifndef RUNTIME_PROGRAM_H
#define RUNTIME_PROGRAM_H

#include "runtime/host/host.h"
#include "runtime/threads.h"

/* A number, or a slot in the table of sizes. */
typedef struct Size {
    int32_t slot; /* -1: the number */
    int64_t number;
} Size;

static inline Size size_number(int64_t number)
{
    return (Size){.slot = -1, .number = number};
}
static inline Size size_slot(int32_t slot)
{
    return (Size){.slot = slot};
}

static inline int64_t size_get(Size size, const int64_t *sizes)
{
    return size.slot < 0 ? size.number : sizes[size.slot];
}

/* ---- Size code --------------------------------------------------------------------------- */

/* Overflow and division by something not positive make a size invalid, which ends the run. */
typedef enum SizeOperation {
    SIZE_add,
    SIZE_multiply,
    SIZE_quotient, /* rounded down */
    SIZE_modulus,
    SIZE_larger,
    SIZE_smaller,
    SIZE_less,
    SIZE_less_equal,
    SIZE_equal,
    SIZE_not_equal,
    SIZE_and,
    SIZE_or,
    SIZE_not,
    SIZE_select, /* a ? b : c */
} SizeOperation;

typedef struct SizeInstruction {
    SizeOperation operation;
    int32_t target; /* slot */
    Size a, b, c;
} SizeInstruction;

/* ---- Values and buffers ------------------------------------------------------------------ */

typedef enum BufferKind {
    BUFFER_planned,
    BUFFER_dynamic,
    BUFFER_constant, /* `constant` points to it */
    BUFFER_weight,   /* at `offset` of the program's weights */
    BUFFER_input,    /* the caller's memory */
    BUFFER_value,    /* points to a TnValue: a sequence or an optional */
} BufferKind;

typedef struct Buffer {
    BufferKind kind;
    const void *constant;
    Size offset, bytes; /* planned, weight; bytes of a constant, too */
    bool is_string;     /* a constant of strings: an array of TnString */
    bool is_output;     /* planned, unless the caller gives memory for it */
} Buffer;

/* A value of the graph at run time. */
typedef struct ProgramValue {
    TnValueKind kind; /* TN_ABSENT: an operand that is not there */
    int32_t buffer;
    TnElementType element;
    int rank;
    Size dims[TN_MAX_RANK];
} ProgramValue;

/* ---- Steps ------------------------------------------------------------------------------- */

/* Machine code of a kernel, or part of one: begin <= x < end of its parallel loop. */
typedef void PhaseCode(void *const *data, const int64_t *sizes, int64_t begin, int64_t end,
                       void *scratch);
/* The same for a kernel that is interpreted. */
typedef void PhaseEvaluate(const void *kernel, void *const *data, const int64_t *sizes,
                           int64_t begin, int64_t end, void *scratch);

typedef struct PhaseStep {
    PhaseCode *code;         /* NULL: evaluate */
    PhaseEvaluate *evaluate; /* with `kernel` */
    const void *kernel;      /* the compiler's, of machine code */
    int32_t buffer_count;
    const int32_t *buffers; /* the kernel's pointers, in order */
    bool is_parallel;
    Size extent; /* of the parallel loop */
    double cost; /* of one of its steps, in cycles, a guess */
    Size flops;  /* of the whole kernel, as its operators state them; on its first phase */
} PhaseStep;

/* How many pieces threads share a phase in, with these sizes; 1: it runs on one thread. It depends
 * on the work alone, never on the number of threads. */
int64_t phase_pieces(const PhaseStep *phase, const int64_t *sizes);

typedef struct HostStep {
    HostFunction *function;
    void *user; /* of functions that the program's host gave */
    /* "acme.Swish", of such a function, which a loaded program is bound to; NULL: the function is
     * of this folder. */
    const char *operator_name;
    int32_t input_count, output_count, attribute_count;
    const ProgramValue *inputs, *outputs;
    /* Bit d of binds[i]: dimension d of output i is a symbol that this step gives its value. Other
     * dimensions are checked, but for those that are number -1. */
    const uint32_t *binds;
    const HostAttribute *attributes;
} HostStep;

typedef struct SizeStep {
    int32_t count;
    const SizeInstruction *instructions;
} SizeStep;

/* Gives a symbol its value: a size, or an element of an integer tensor. One out of the symbol's
 * range ends the run with TN_BAD_ARGUMENT. */
typedef struct Bind {
    int32_t target;
    Size source;
} Bind;

typedef struct BindStep {
    int32_t count;
    const Bind *binds;
    /* TN_TENSOR: bind i takes element i of it, and `source` is not used. */
    ProgramValue tensor;
    const char *what; /* "input 'x'", for the message */
} BindStep;

typedef struct CheckStep {
    Size condition; /* 0: the run ends with TN_BAD_ARGUMENT */
    const char *message;
} CheckStep;

/* to = from, of the same sizes: copies bytes, or for a dynamic one hands the pointer over where
 * from's memory outlives it. */
typedef struct AssignStep {
    ProgramValue to, from;
    bool share; /* `from` lives at least as long as `to`: a pointer will do */
} AssignStep;

/* Memory at the tail for a dynamic buffer. */
typedef struct AllocateStep {
    int32_t buffer;
    Size bytes;
} AllocateStep;

typedef struct Block Block;

/* A dimension of a tensor in memory, outermost first: `extent` elements, of which `halo` before and
 * after are no elements of the tensor. */
typedef struct HaloDim {
    Size extent;
    int64_t halo;
} HaloDim;

/* Fills a buffer's halo with an element. */
typedef struct HaloStep {
    int32_t buffer, rank, element_bytes;
    uint64_t element; /* its bits */
    const HaloDim *dims;
    Size inner; /* elements that dims[rank - 1] counts at a time */
} HaloStep;

typedef struct IfStep {
    ProgramValue condition;
    const Block *branches[2]; /* then, else; each assigns the results at its end */
} IfStep;

/* An operand or result of Loop and Scan that is cut in slices along `axis`, one for each iteration.
 */
typedef struct LoopSlice {
    ProgramValue whole, slice; /* dims of `slice` are those of one slice */
    int axis;
    bool reverse;
    bool by_pointer;      /* an operand's slice is a pointer into the whole */
    bool is_dynamic;      /* a result whose memory is taken while the loop runs */
    int32_t count_symbol; /* result: gets the number of slices; -1: none */
    uint32_t binds; /* result: bit d: dimension d of `whole` is a symbol, which gets the slice's */
} LoopSlice;

/* A value that goes from one iteration to the next. `state` is assigned before the step. */
typedef struct LoopState {
    ProgramValue state; /* read by the body, and the result */
    ProgramValue next;  /* made by the body; may be `state` itself, not another state */
    bool by_pointer;    /* dynamic, or a sequence or optional */
} LoopState;

/* Loop and Scan. */
typedef struct LoopStep {
    ProgramValue trip_count; /* Loop: an int64 scalar, or absent */
    ProgramValue condition;  /* Loop: a bool scalar, or absent */
    Size length;             /* Scan: the number of iterations */
    bool is_scan;
    int32_t iteration, condition_in; /* Loop: buffers of the body's first two inputs */
    ProgramValue condition_out;
    int32_t carried_count, input_count, output_count, bind_count;
    const LoopState *carried;
    const LoopSlice *inputs, *outputs;
    const Bind *binds; /* sizes of the next states, all at once after each iteration */
    const Block *body;
} LoopStep;

typedef enum StepKind {
    STEP_phase,
    STEP_host,
    STEP_size,
    STEP_bind,
    STEP_check,
    STEP_assign,
    STEP_allocate,
    STEP_halo,
    STEP_if,
    STEP_loop,
} StepKind;

typedef struct Step {
    StepKind kind;
    const char *name;     /* the node's, for profiles and messages */
    const char *operator; /* "Conv"; or NULL */
    union {
        PhaseStep phase;
        HostStep host;
        SizeStep size;
        BindStep bind;
        CheckStep check;
        AssignStep assign;
        AllocateStep allocate;
        HaloStep halo;
        IfStep branch;
        LoopStep loop;
    };
} Step;

struct Block {
    int64_t step_count;
    Step *steps;
};

/* ---- Programs ---------------------------------------------------------------------------- */

/* Computes the sizes that follow from others; false where one overflows or divides by something
 * that is not positive. */
bool sizes_follow(const SizeStep *step, int64_t *sizes);

/* An input or an output. */
typedef struct Port {
    const char *name;
    ProgramValue value;
    uint32_t binds;   /* input: bit d: dimension d is a symbol that gets its value here */
    const char *type; /* "float[N, 3]" */
} Port;

typedef struct SymbolRange {
    const char *name;
    int64_t lower, upper;
} SymbolRange;

/* An output that is an input with something added to the end of an axis, in the input's memory: it
 * has room for `capacity` of that axis. Both are row major but for that. */
typedef struct AppendedState {
    int32_t input, output, axis;
    int64_t capacity;
} AppendedState;

/* An input that is a weight which may be replaced: the model's own value lies among the weights. */
typedef struct ReplaceableWeight {
    int32_t input;
    int64_t offset;
} ReplaceableWeight;

typedef struct Program Program;

/* The same model compiled for certain sizes, over the same weights. */
typedef struct SpecialProgram {
    int32_t count;
    const Bind
        *sizes; /* it runs where each of these symbols of the general program has the number */
    const Program *program;
} SpecialProgram;

struct Program {
    Block entry; /* runs before there is memory: binds, sizes, checks */
    Block main;
    int32_t buffer_count, size_count, symbol_count, input_count, output_count;
    Buffer *buffers;
    Port *inputs, *outputs;
    SymbolRange *symbols; /* the first sizes */
    Size arena;           /* bytes of the planned buffers, after `entry` */
    const char *arena_formula;
    int64_t worker_scratch; /* bytes for each worker */
    bool has_tail;          /* whether running may take memory beyond `arena` */
    int32_t pointer_count;  /* buffers, or operands and results, of the step with most of them */
    int64_t packed_bytes;
    const void *weights;  /* of the buffers BUFFER_weight, aligned to 64 */
    int64_t weight_bytes; /* of them; in this process, of all constants that are read as they are */
    void *owner;          /* code, packed constants, arenas */
    void (*destroy)(Program *program);
    int32_t appended_count;
    const AppendedState *appended;
    int32_t replaceable_count; /* of compiled models */
    const ReplaceableWeight *replaceable;
    int32_t special_count; /* the first one that fits runs instead, once `entry` has run */
    const SpecialProgram *specials;
    int32_t
        given_count; /* compiled models: the slots of the sizes that NAME_inputs has, in order; */
    const int32_t *given; /* -1: it is a number in this program */
};

#endif
