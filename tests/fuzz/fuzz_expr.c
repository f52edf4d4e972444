/* SPDX-License-Identifier: Apache-2.0
 *
 * Any text as a size: nothing, or an expression whose printed form reads back as the same pointer
 * and whose bounds hold for values of its symbols.
 *
 * Bytes that begin with a control byte are a program of a stack machine. It builds each expression
 * over symbols and axes, and beside it the same with numbers in their places, where the builders do
 * nothing but arithmetic, and in plain C for indices. Putting the numbers into the expression must
 * give what was built with them.
 */
#include "ir/expr/expr.h"
#include "ir/support/array.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Values of all symbols are `value`; bounds that are saturated say nothing. */
static void check_bounds(ExprPool *pool, const Expr *e, int64_t value)
{
    enum { MOST_SYMBOLS = 256 };
    int64_t sizes[MOST_SYMBOLS], lower, upper;
    if (expr_pool_symbol_count(pool) > MOST_SYMBOLS)
        return;
    for (int i = 0; i < MOST_SYMBOLS; i++)
        sizes[i] = value;
    expr_bounds(e, &lower, &upper);
    if (lower <= -EXPR_LIMIT || upper >= EXPR_LIMIT)
        return; /* it may overflow */
    int64_t found = expr_evaluate(e, sizes);
    if (found < lower || found > upper)
        abort();
}

static void check_text(Arena *arena, const char *given)
{
    ExprPool *pool = expr_pool_create(arena);
    const Expr *e = expr_parse_size(pool, given);
    if (!e)
        return;
    Text text = text_create(arena);
    expr_print(e, &text);
    if (expr_parse_size(pool, text.data) != e)
        abort();
    check_bounds(pool, e, 1);
    check_bounds(pool, e, 7);
    check_bounds(pool, e, 4096);
}

/* ---- The machine ------------------------------------------------------------------------- */

/* Leaves: symbols, an axis of a known extent and one of extent N; each assignment gives them
 * values. */
enum { LEAVES = 5, ASSIGNMENTS = 4, DEPTH = 24, MOST_CODE = 192 };
static const int64_t assignments[ASSIGNMENTS][LEAVES] = {
    {0, 1, -100, 0, 0},
    {7, 6, 3, 4, 5},
    {64, 64, 100, 2, 63},
    {1000, 33, -1, 3, 17},
};
static const char *const leaf_names[LEAVES] = {"A", "N", "S", "i", "j"};
/* Indices beyond may overflow on the way; the machine drops them. */
#define LARGEST_INDEX ((int64_t)1 << 18)

typedef struct Slot {
    const Expr *e;
    const Expr *with[ASSIGNMENTS];
    int64_t plain[ASSIGNMENTS]; /* of indices and conditions */
} Slot;

typedef struct Machine {
    ExprPool *pool;
    const Expr *leaves[LEAVES];
    Slot stack[DEPTH];
    int depth;
} Machine;

typedef struct Numbers {
    const Machine *machine;
    int assignment;
} Numbers;

static const Expr *put_number(void *user, const Expr *e)
{
    const Numbers *numbers = user;
    for (int i = 0; i < LEAVES; i++)
        if (e == numbers->machine->leaves[i])
            return expr_integer(numbers->machine->pool, assignments[numbers->assignment][i]);
    return e;
}

static bool is_nan(const Expr *e)
{
    double value;
    return (e->type == TN_FLOAT || e->type == TN_DOUBLE) && expr_is_constant(e, &value) &&
           isnan(value);
}

static void fail(const Machine *m, const Slot *slot, int assignment, const char *what)
{
    Text text = text_create(expr_pool_arena(m->pool));
    text_format(&text, "%s, assignment %d: ", what, assignment);
    expr_print(slot->e, &text);
    text_append(&text, "  is not  ");
    expr_print(slot->with[assignment], &text);
    fprintf(stderr, "%s\n", text.data);
    abort();
}

static void check_slot(Machine *m, const Slot *slot)
{
    int64_t lower, upper, known;
    bool is_index = slot->e->type == EXPR_INDEX;
    if (is_index)
        expr_bounds(slot->e, &lower, &upper);
    for (int k = 0; k < ASSIGNMENTS; k++) {
        Numbers numbers = {m, k};
        const Expr *with = expr_rewrite(m->pool, slot->e, put_number, &numbers);
        if (with != slot->with[k] && !(is_nan(with) && is_nan(slot->with[k])))
            fail(m, slot, k, "numbers put in");
        if (!is_index)
            continue;
        if (!expr_known(with, &known) || known != slot->plain[k])
            fail(m, slot, k, "in plain C");
        if (known < lower || known > upper)
            fail(m, slot, k, "bounds");
    }
}

/* Takes `popped` slots off and, unless an index is too large, puts the slot on. */
static void push(Machine *m, int popped, Slot slot)
{
    m->depth -= popped;
    for (int k = 0; k < ASSIGNMENTS; k++)
        if (slot.e->type == EXPR_INDEX &&
            (slot.plain[k] > LARGEST_INDEX || slot.plain[k] < -LARGEST_INDEX))
            return;
    check_slot(m, &slot);
    if (m->depth < DEPTH)
        m->stack[m->depth++] = slot;
}

static void push_leaf(Machine *m, int leaf)
{
    Slot slot = {.e = m->leaves[leaf]};
    for (int k = 0; k < ASSIGNMENTS; k++) {
        slot.plain[k] = assignments[k][leaf];
        slot.with[k] = expr_integer(m->pool, slot.plain[k]);
    }
    push(m, 0, slot);
}

static void push_integer(Machine *m, int64_t value)
{
    Slot slot = {.e = expr_integer(m->pool, value)};
    for (int k = 0; k < ASSIGNMENTS; k++) {
        slot.plain[k] = value;
        slot.with[k] = slot.e;
    }
    push(m, 0, slot);
}

/* ---- Operations on indices --------------------------------------------------------------- */

typedef enum IndexOperation {
    PLUS,
    MINUS,
    TIMES,
    QUOTIENT,
    MODULUS,
    LARGER,
    SMALLER
} IndexOperation;

static const Expr *build_index(ExprPool *pool, IndexOperation operation, const Expr *a,
                               const Expr *b)
{
    switch (operation) {
    case PLUS: return expr_plus(pool, a, b);
    case MINUS: return expr_minus(pool, a, b);
    case TIMES: return expr_times(pool, a, b);
    case QUOTIENT: return expr_quotient(pool, a, b);
    case MODULUS: return expr_modulus(pool, a, b);
    case LARGER: return expr_larger(pool, a, b);
    case SMALLER: return expr_smaller(pool, a, b);
    }
    return a;
}

static int64_t plain_index(IndexOperation operation, int64_t a, int64_t b)
{
    switch (operation) {
    case PLUS: return a + b;
    case MINUS: return a - b;
    case TIMES: return a * b;
    case QUOTIENT: return a / b - (a % b < 0);
    case MODULUS: return a % b < 0 ? a % b + b : a % b;
    case LARGER: return a > b ? a : b;
    case SMALLER: return a < b ? a : b;
    }
    return 0;
}

static void index_operation(Machine *m, IndexOperation operation)
{
    const Slot *a = &m->stack[m->depth - 2], *b = a + 1;
    if (a->e->type != EXPR_INDEX || b->e->type != EXPR_INDEX)
        return;
    for (int k = 0; k < ASSIGNMENTS; k++)
        if (b->plain[k] <= 0 && (operation == QUOTIENT || operation == MODULUS))
            return;
    Slot slot = {.e = build_index(m->pool, operation, a->e, b->e)};
    for (int k = 0; k < ASSIGNMENTS; k++) {
        slot.with[k] = build_index(m->pool, operation, a->with[k], b->with[k]);
        slot.plain[k] = plain_index(operation, a->plain[k], b->plain[k]);
    }
    push(m, 2, slot);
}

static void to_index(Machine *m)
{
    const Slot *a = &m->stack[m->depth - 1];
    if (a->e->type == EXPR_INDEX || a->e->type == TN_FLOAT || a->e->type == TN_DOUBLE ||
        a->e->type == TN_BOOL)
        return;
    Slot slot = {.e = expr_to_index(m->pool, a->e)};
    for (int k = 0; k < ASSIGNMENTS; k++) {
        slot.with[k] = expr_to_index(m->pool, a->with[k]);
        if (!expr_known(slot.with[k], &slot.plain[k]))
            fail(m, &slot, k, "no number");
    }
    push(m, 1, slot);
}

/* ---- Operations on values ---------------------------------------------------------------- */

static const TnElementType types[] = {TN_INT8,   TN_UINT8, TN_INT32,  TN_INT64,
                                      TN_UINT64, TN_FLOAT, TN_DOUBLE, TN_BOOL};

static const Expr *to_value(ExprPool *pool, TnElementType type, const Expr *a)
{
    return a->type == EXPR_INDEX ? expr_from_index(pool, type, a) : expr_convert(pool, type, a);
}

static void convert(Machine *m, TnElementType type)
{
    const Slot *a = &m->stack[m->depth - 1];
    if (type == TN_BOOL && a->e->type == EXPR_INDEX)
        return;
    Slot slot = {.e = to_value(m->pool, type, a->e)};
    for (int k = 0; k < ASSIGNMENTS; k++)
        slot.with[k] = to_value(m->pool, type, a->with[k]);
    push(m, 1, slot);
}

static bool has_operation(ExprKind kind, TnElementType type)
{
    bool is_logical = kind == EXPR_and || kind == EXPR_or || kind == EXPR_xor;
    bool is_shift = kind == EXPR_shift_left || kind == EXPR_shift_right;
    if (type == TN_BOOL)
        return is_logical;
    return type == TN_FLOAT || type == TN_DOUBLE ? !is_logical && !is_shift : true;
}

static void binary(Machine *m, ExprKind kind)
{
    const Slot *a = &m->stack[m->depth - 2], *b = a + 1;
    if (a->e->type == EXPR_INDEX || a->e->type != b->e->type || !has_operation(kind, a->e->type))
        return;
    Slot slot = {.e = expr_binary(m->pool, kind, a->e, b->e)};
    for (int k = 0; k < ASSIGNMENTS; k++)
        slot.with[k] = expr_binary(m->pool, kind, a->with[k], b->with[k]);
    push(m, 2, slot);
}

static void unary(Machine *m, ExprKind kind)
{
    const Slot *a = &m->stack[m->depth - 1];
    if (a->e->type == EXPR_INDEX || (a->e->type == TN_BOOL) != (kind == EXPR_not))
        return;
    Slot slot = {.e = expr_unary(m->pool, kind, a->e)};
    for (int k = 0; k < ASSIGNMENTS; k++)
        slot.with[k] = expr_unary(m->pool, kind, a->with[k]);
    push(m, 1, slot);
}

static void compare(Machine *m, ExprKind kind)
{
    const Slot *a = &m->stack[m->depth - 2], *b = a + 1;
    if (a->e->type != b->e->type)
        return;
    Slot slot = {.e = expr_compare(m->pool, kind, a->e, b->e)};
    for (int k = 0; k < ASSIGNMENTS; k++)
        slot.with[k] = expr_compare(m->pool, kind, a->with[k], b->with[k]);
    push(m, 2, slot);
}

static void select_one(Machine *m)
{
    const Slot *a = &m->stack[m->depth - 3], *b = a + 1, *c = a + 2;
    if (a->e->type != TN_BOOL || b->e->type != c->e->type)
        return;
    Slot slot = {.e = expr_select(m->pool, a->e, b->e, c->e)};
    for (int k = 0; k < ASSIGNMENTS; k++) {
        slot.with[k] = expr_select(m->pool, a->with[k], b->with[k], c->with[k]);
        slot.plain[k] = a->with[k]->bits ? b->plain[k] : c->plain[k];
    }
    push(m, 3, slot);
}

static void copy(Machine *m, int from_top)
{
    if (from_top < m->depth)
        push(m, 0, m->stack[m->depth - 1 - from_top]);
}

/* ---- Programs ---------------------------------------------------------------------------- */

static void step(Machine *m, uint8_t code, uint8_t argument)
{
    static const ExprKind binaries[] = {
        EXPR_add,    EXPR_subtract, EXPR_multiply,   EXPR_divide,     EXPR_remainder,
        EXPR_modulo, EXPR_power,    EXPR_maximum,    EXPR_minimum,    EXPR_and,
        EXPR_or,     EXPR_xor,      EXPR_shift_left, EXPR_shift_right};
    static const ExprKind unaries[] = {EXPR_negate, EXPR_absolute, EXPR_not};
    static const ExprKind compares[] = {EXPR_less, EXPR_less_equal, EXPR_equal, EXPR_not_equal};
    switch (code % 10) {
    case 0: push_leaf(m, argument % LEAVES); return;
    case 1: push_integer(m, (int8_t)argument); return;
    case 2: copy(m, argument % DEPTH); return;
    }
    if (m->depth >= 1 && code % 10 == 3)
        convert(m, types[argument % COUNT_OF(types)]);
    else if (m->depth >= 1 && code % 10 == 4)
        unary(m, unaries[argument % COUNT_OF(unaries)]);
    else if (m->depth >= 1 && code % 10 == 5)
        to_index(m);
    else if (m->depth >= 2 && code % 10 == 6)
        index_operation(m, (IndexOperation)(argument % (SMALLER + 1)));
    else if (m->depth >= 2 && code % 10 == 7)
        binary(m, binaries[argument % COUNT_OF(binaries)]);
    else if (m->depth >= 2 && code % 10 == 8)
        compare(m, compares[argument % COUNT_OF(compares)]);
    else if (m->depth >= 3 && code % 10 == 9)
        select_one(m);
}

static void run_machine(Arena *arena, const uint8_t *data, size_t size)
{
    Machine m = {.pool = expr_pool_create(arena)};
    m.leaves[0] = expr_symbol(m.pool, leaf_names[0]);
    m.leaves[1] = expr_symbol_between(m.pool, leaf_names[1], 1, 1 << 20);
    m.leaves[2] = expr_symbol_between(m.pool, leaf_names[2], -100, 100);
    m.leaves[3] = expr_axis(m.pool, axis_create(m.pool, leaf_names[3], expr_integer(m.pool, 5)));
    m.leaves[4] = expr_axis(m.pool, axis_create(m.pool, leaf_names[4], m.leaves[1]));
    for (size_t i = 0; i + 1 < size && i < MOST_CODE; i += 2)
        step(&m, data[i], data[i + 1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Boundary boundary;
    Arena *volatile arena = arena_create(&boundary);
    if (arena && setjmp(boundary.jump) == 0) {
        if (size && data[0] < ' ')
            run_machine(arena, data + 1, size - 1);
        else if (size < 4096)
            check_text(arena, arena_string(arena, (const char *)data, size));
    }
    arena_destroy(arena);
    return 0;
}
