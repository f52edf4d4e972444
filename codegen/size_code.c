/* SPDX-License-Identifier: Apache-2.0
 *
 * From size expressions to instructions over the table of sizes; see builder.h.
 */
#include "codegen/builder.h"

#include <assert.h>

/* ---- What is bound ----------------------------------------------------------------------- */

typedef struct Question {
    Builder *builder;
    bool entry, answer;
} Question;

static void look_at_symbol(void *user, const Expr *e)
{
    Question *q = user;
    if (e->kind != EXPR_symbol)
        return;
    int id = ((const Symbol *)e->object)->id;
    bool known = id < q->builder->symbol_count &&
                 (q->entry ? q->builder->is_entry[id] : q->builder->is_bound[id]);
    q->answer &= known;
}

static bool ask(Builder *b, const Expr *e, bool entry)
{
    Question question = {b, entry, true};
    expr_walk(b->pool, e, look_at_symbol, &question);
    return question.answer;
}

bool size_is_bound(Builder *b, const Expr *e)
{
    return ask(b, e, false);
}

bool size_is_entry(Builder *b, const Expr *e)
{
    return ask(b, e, true);
}

void symbol_bind(Builder *b, int symbol)
{
    if (b->is_bound[symbol])
        return;
    b->is_bound[symbol] = true;
    array_push(b->arena, &b->scope->bound, symbol);
}

void symbol_bind_entry(Builder *b, int symbol)
{
    b->is_bound[symbol] = b->is_entry[symbol] = true;
}

int symbol_unbound(Builder *b, const Expr *e)
{
    if (e->kind != EXPR_symbol)
        return -1;
    int id = ((const Symbol *)e->object)->id;
    return id < b->symbol_count && !b->is_bound[id] ? id : -1;
}

/* ---- Instructions ------------------------------------------------------------------------ */

static Size size_in(Builder *b, const Expr *e, bool entry);

static Size emit(Builder *b, bool entry, SizeInstruction instruction)
{
    instruction.target = b->slot_count++;
    if (entry)
        array_push(b->arena, &b->entry_code, instruction);
    else
        array_push(b->arena, &b->scope->pending, instruction);
    return size_slot(instruction.target);
}

static Size emit_linear(Builder *b, const Expr *e, bool entry)
{
    Size sum = size_number(e->integer);
    for (int i = 0; i < e->count; i++) {
        Size term = size_in(b, e->src[i], entry);
        if (e->factors[i] != 1)
            term =
                emit(b, entry,
                     (SizeInstruction){
                         .operation = SIZE_multiply, .a = term, .b = size_number(e->factors[i])});
        bool is_first = i == 0 && e->integer == 0;
        sum = is_first
                  ? term
                  : emit(b, entry, (SizeInstruction){.operation = SIZE_add, .a = sum, .b = term});
    }
    return sum;
}

static SizeOperation operation_of(const Expr *e)
{
    switch ((int)e->kind) {
    case EXPR_times: return SIZE_multiply;
    case EXPR_quotient: return SIZE_quotient;
    case EXPR_modulus: return SIZE_modulus;
    case EXPR_larger: return SIZE_larger;
    case EXPR_smaller: return SIZE_smaller;
    case EXPR_less: return SIZE_less;
    case EXPR_less_equal: return SIZE_less_equal;
    case EXPR_equal: return SIZE_equal;
    case EXPR_not_equal:
    case EXPR_xor: return SIZE_not_equal;
    case EXPR_and: return SIZE_and;
    case EXPR_or: return SIZE_or;
    case EXPR_not: return SIZE_not;
    case EXPR_select: return SIZE_select;
    }
    assert(!"an expression that is no size");
    return SIZE_add;
}

static Size emit_new(Builder *b, const Expr *e, bool entry)
{
    SizeInstruction instruction = {.a = size_number(0), .b = size_number(0), .c = size_number(0)};
    if (e->kind == EXPR_linear)
        return emit_linear(b, e, entry);
    instruction.operation = operation_of(e);
    Size *operands[] = {&instruction.a, &instruction.b, &instruction.c};
    for (int i = 0; i < e->count; i++)
        *operands[i] = size_in(b, e->src[i], entry);
    return emit(b, entry, instruction);
}

static intptr_t find_slot(const Builder *b, const Expr *e)
{
    intptr_t slot = (intptr_t)map_get_pointer(&b->entry_sizes, e);
    for (const Scope *scope = b->scope; scope && !slot; scope = scope->outer)
        slot = (intptr_t)map_get_pointer(&scope->sizes, e);
    return slot;
}

static Size size_in(Builder *b, const Expr *e, bool entry)
{
    if (e->kind == EXPR_integer)
        return size_number(e->integer);
    if (e->kind == EXPR_constant)
        return size_number((int64_t)e->bits);
    if (e->kind == EXPR_symbol)
        return size_slot(((const Symbol *)e->object)->id);
    /* Parts of what is computed late may be known early. */
    if (!entry && size_is_entry(b, e))
        entry = true;
    intptr_t known = find_slot(b, e);
    if (known)
        return size_slot((int32_t)(known - 1));
    Size size = emit_new(b, e, entry);
    if (size.slot >= 0)
        map_set_pointer(entry ? &b->entry_sizes : &b->scope->sizes, e,
                        (void *)(intptr_t)(size.slot + 1));
    return size;
}

Size size_of(Builder *b, const Expr *e)
{
    if (!size_is_bound(b, e)) {
        if (!b->failed) {
            Text text = text_create(b->arena);
            expr_print(e, &text);
            error_at(b->diagnostics, (Location){0},
                     "the size %s is needed before anything tells it", text.data);
        }
        b->failed = true;
        return size_number(0);
    }
    return size_in(b, e, size_is_entry(b, e));
}

void symbol_bind_entry_to(Builder *b, int symbol, const Expr *size)
{
    Bind *bind = ARENA_NEW(b->arena, Bind);
    *bind = (Bind){.target = symbol, .source = size_of(b, size)};
    if (b->entry_code.count)
        array_push(b->arena, &b->entry_binds,
                   (Step){.kind = STEP_size,
                          .size = {.count = (int32_t)b->entry_code.count,
                                   .instructions = b->entry_code.items}});
    memset(&b->entry_code, 0, sizeof b->entry_code);
    array_push(b->arena, &b->entry_binds,
               (Step){.kind = STEP_bind, .bind = {.count = 1, .binds = bind}});
    symbol_bind_entry(b, symbol);
}

/* ---- Checks ------------------------------------------------------------------------------ */

void emit_check(Builder *b, const Expr *condition, const char *message)
{
    double value;
    if (expr_is_constant(condition, &value) && value != 0)
        return;
    bool entry = size_is_entry(b, condition) && !b->branch;
    CheckStep check = {.condition = size_of(b, condition), .message = message};
    if (entry)
        array_push(b->arena, &b->entry_checks, check);
    else
        append_step(b, &(Step){.kind = STEP_check, .check = check});
}

/* Whether an assumption is about what is being lowered. */
static bool concerns(const Builder *b, const Assumption *assumption)
{
    const Graph *branch = assumption->branch ? b->branch : NULL;
    while (branch && branch != assumption->branch)
        branch = graph_branch(branch->owner->graph);
    return branch == assumption->branch;
}

void emit_assumptions(Builder *b)
{
    for (int64_t i = 0; i < b->model->assumption_count; i++) {
        const Assumption *assumption = &b->model->assumptions[i];
        if (b->checked[i] || !concerns(b, assumption) || !size_is_bound(b, assumption->condition))
            continue;
        /* In a scope it is checked whenever the scope is entered. */
        b->checked[i] = true;
        emit_check(b, assumption->condition, assumption->message);
    }
}
