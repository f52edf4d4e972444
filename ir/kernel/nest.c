/* SPDX-License-Identifier: Apache-2.0
 *
 * Building and printing nests.
 */
#include "nest.h"

#include "ir/support/array.h"

#include <assert.h>
#include <inttypes.h>

NestBuilder nest_builder(ExprPool *pool)
{
    return (NestBuilder){.pool = pool};
}

/* The builder may be moved between calls, so its own address is taken late. */
static Nest *append(NestBuilder *b, NestKind kind)
{
    Nest *nest = ARENA_NEW(expr_pool_arena(b->pool), Nest);
    nest->kind = kind;
    if (!b->tail)
        b->first = nest;
    else
        *b->tail = nest;
    b->tail = &nest->next;
    return nest;
}

static void open(NestBuilder *b, Nest *nest)
{
    assert(b->depth < (int)COUNT_OF(b->open));
    b->open[b->depth++] = nest;
}

void nest_open(NestBuilder *b, const Axis *axis, LoopKind loop)
{
    if (expr_is(axis->extent, 1)) { /* to be closed all the same */
        open(b, NULL);
        return;
    }
    Nest *nest = append(b, NEST_for);
    nest->axis = axis;
    nest->loop = loop;
    open(b, nest);
    b->tail = &nest->body;
}

void nest_open_if(NestBuilder *b, const Expr *condition)
{
    assert(condition->type == TN_BOOL);
    if (condition->kind == EXPR_constant && condition->bits) { /* to be closed all the same */
        open(b, NULL);
        return;
    }
    Nest *nest = append(b, NEST_if);
    nest->condition = condition;
    open(b, nest);
    b->tail = &nest->body;
}

void nest_otherwise(NestBuilder *b)
{
    assert(b->depth > 0 && b->open[b->depth - 1] && b->open[b->depth - 1]->kind == NEST_if);
    b->tail = &b->open[b->depth - 1]->otherwise;
}

void nest_close(NestBuilder *b)
{
    assert(b->depth > 0);
    Nest *nest = b->open[--b->depth];
    if (nest)
        b->tail = &nest->next;
}

const Array *nest_array(NestBuilder *b, const char *name, TnElementType type, int count)
{
    assert(element_compute_type(type) == type);
    Array *array = ARENA_NEW(expr_pool_arena(b->pool), Array);
    *array = (Array){name, type, count, b->array_count++};
    return array;
}

void nest_set(NestBuilder *b, const Array *array, const Expr *index, const Expr *value)
{
    assert(value->type == array->type && index->type == EXPR_INDEX);
    Nest *nest = append(b, NEST_set);
    nest->array = array;
    nest->index = index;
    nest->value = value;
}

void nest_store(NestBuilder *b, const Tensor *tensor, const Expr *offset, const Expr *value,
                const Expr *condition)
{
    assert(offset->type == EXPR_INDEX);
    assert(value->type == tensor->element || value->type == element_compute_type(tensor->element));
    bool known;
    if (condition && condition->kind == EXPR_constant) {
        known = condition->bits != 0;
        if (!known)
            return;
        condition = NULL;
    }
    Nest *nest = append(b, NEST_store);
    nest->tensor = tensor;
    nest->index = offset;
    nest->value = value;
    nest->condition = condition;
}

void nest_transpose(NestBuilder *b, const Array *array)
{
    append(b, NEST_transpose)->array = array;
}

void nest_barrier(NestBuilder *b)
{
    append(b, NEST_barrier);
}

void nest_prefetch(NestBuilder *b, const Tensor *tensor, const Expr *offset, int locality,
                   bool write)
{
    Nest *nest = append(b, NEST_prefetch);
    nest->tensor = tensor;
    nest->index = offset;
    nest->locality = locality;
    nest->write = write;
}

/* ---- Reading ----------------------------------------------------------------------------- */

static bool touches_in(ExprPool *pool, const Expr *e, const Tensor *tensor)
{
    return e && expr_reads(pool, e, tensor);
}

bool nest_touches(ExprPool *pool, const Nest *nest, const Tensor *tensor)
{
    for (; nest; nest = nest->next)
        if (nest->tensor == tensor || touches_in(pool, nest->condition, tensor) ||
            touches_in(pool, nest->index, tensor) || touches_in(pool, nest->value, tensor) ||
            nest_touches(pool, nest->body, tensor) || nest_touches(pool, nest->otherwise, tensor))
            return true;
    return false;
}

/* ---- Printing ---------------------------------------------------------------------------- */

static void print_at(const char *name, const Expr *index, Text *text)
{
    text_format(text, "%s[", name);
    expr_print(index, text);
    text_append(text, "]");
}

/* What a loop's head and an if's head say. */
static void print_head(const Nest *nest, Text *text)
{
    static const char *const words[] = {
        [LOOP_serial] = "", [LOOP_parallel] = "parallel ", [LOOP_unrolled] = "unrolled "};
    if (nest->kind == NEST_if) {
        text_append(text, "if ");
        expr_print(nest->condition, text);
        return;
    }
    text_format(text, "for %s%s < ", words[nest->loop], nest->axis->name);
    expr_print(nest->axis->extent, text);
}

static void print_statement(const Nest *nest, Text *text)
{
    switch (nest->kind) {
    case NEST_for:
    case NEST_if: print_head(nest, text); return;
    case NEST_set:
        print_at(nest->array->name, nest->index, text);
        text_append(text, " = ");
        expr_print(nest->value, text);
        return;
    case NEST_store:
        print_at(nest->tensor->name, nest->index, text);
        text_append(text, " = ");
        expr_print(nest->value, text);
        if (nest->condition) {
            text_append(text, " if ");
            expr_print(nest->condition, text);
        }
        return;
    case NEST_transpose: text_format(text, "transpose %s", nest->array->name); return;
    case NEST_barrier: text_append(text, "barrier"); return;
    case NEST_prefetch:
        text_append(text, nest->write ? "prefetch write " : "prefetch ");
        print_at(nest->tensor->name, nest->index, text);
        text_format(text, " into %d", nest->locality);
        return;
    }
}

static void note_place(Map *places, const void *statement, const Text *text)
{
    if (places)
        map_set_pointer(places, statement, (void *)(uintptr_t)(text->length + 1));
}

void nest_print(const Nest *nest, int indent, Map *places, Text *text)
{
    for (; nest; nest = nest->next) {
        note_place(places, nest, text);
        text_format(text, "%*s", 2 * indent, "");
        print_statement(nest, text);
        text_append(text, "\n");
        nest_print(nest->body, indent + 1, places, text);
        if (nest->otherwise) {
            text_format(text, "%*selse\n", 2 * indent, "");
            nest_print(nest->otherwise, indent + 1, places, text);
        }
    }
}

static void print_packing(const Packing *packing, Text *text)
{
    text_append(text, "  pack ");
    print_at(packing->packed->name, packing->to, text);
    text_append(text, " = ");
    print_at(packing->source->name, packing->from, text);
    for (int i = 0; i < packing->guard_count; i++) {
        text_append(text, i ? " & " : " if ");
        expr_print(packing->guards[i], text);
    }
    for (int i = 0; i < packing->axis_count; i++) {
        text_format(text, "%s%s < ", i ? ", " : "   for ", packing->axes[i]->name);
        expr_print(packing->axes[i]->extent, text);
    }
    text_append(text, "\n");
}

const Expr *function_turns(ExprPool *pool, const Function *function)
{
    const Axis *outer = function->parallel, *inner = function->parallel_inner;
    if (!outer)
        return expr_integer(pool, 1);
    return inner ? expr_times(pool, outer->extent, inner->extent) : outer->extent;
}

void function_print(const Function *function, Map *places, Text *text)
{
    note_place(places, function, text);
    text_format(text, "function %s (", function->name);
    for (int i = 0; i < function->tensor_count; i++) {
        const Tensor *tensor = function->tensors[i];
        text_format(text, "%s%s: %s[", i ? ", " : "", tensor->name, element_name(tensor->element));
        expr_print(tensor->length, text);
        text_append(text, "]");
    }
    text_append(text, ")");
    if (function->lane) {
        text_format(text, " lane %s < ", function->lane->name);
        expr_print(function->lane->extent, text);
    }
    text_append(text, "\n");
    if (function->choice)
        text_format(text, "  %s\n", function->choice);
    for (int i = 0; i < function->scratch_count; i++) {
        const Tensor *tensor = function->scratch[i];
        text_format(text, "  scratch %s: %s[", tensor->name, element_name(tensor->element));
        expr_print(tensor->length, text);
        text_format(text, "] at %" PRId64 "\n", function->scratch_offsets[i]);
    }
    for (const Packing *packing = function->packings; packing; packing = packing->next)
        print_packing(packing, text);
    nest_print(function->nest, 1, places, text);
}
