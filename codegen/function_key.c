/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of functions: the nest written out, every expression once, numbered as it is met.
 */
#include "function_key.h"

#include "ir/support/hash.h"

#include <inttypes.h>

typedef struct Writer {
    const Function *function;
    Text text;
    Map numbers; /* of expressions and axes: 1, 2, ... */
    int64_t count;
} Writer;

static int64_t number_of(Writer *w, const void *object)
{
    int64_t known = (int64_t)(intptr_t)map_get_pointer(&w->numbers, object);
    if (known)
        return known;
    map_set_pointer(&w->numbers, object, (void *)(intptr_t)++w->count);
    return w->count;
}

static void write_tensor(Writer *w, const Tensor *tensor)
{
    const Function *f = w->function;
    for (int i = 0; i < f->tensor_count; i++)
        if (f->tensors[i] == tensor)
            text_format(&w->text, " t%d:%d", i, (int)tensor->element);
    for (int i = 0; i < f->scratch_count; i++)
        if (f->scratch[i] == tensor)
            text_format(&w->text, " s%" PRId64 ":%d", f->scratch_offsets[i], (int)tensor->element);
}

static int64_t write_expr(Writer *w, const Expr *e);

static int64_t write_axis(Writer *w, const Axis *axis)
{
    int64_t extent = write_expr(w, axis->extent), number = number_of(w, axis);
    text_format(&w->text, " a%" PRId64 "<%" PRId64, number, extent);
    return number;
}

static void write_object(Writer *w, const Expr *e)
{
    switch ((int)e->kind) {
    case EXPR_symbol: text_format(&w->text, " y%d", ((const Symbol *)e->object)->id); break;
    case EXPR_axis: text_format(&w->text, " a%" PRId64, number_of(w, e->object)); break;
    case EXPR_fetch: write_tensor(w, e->object); break;
    case EXPR_cell: text_format(&w->text, " c%d", ((const Array *)e->object)->id); break;
    }
}

/* Operands first; answers the expression's number. */
static int64_t write_expr(Writer *w, const Expr *e)
{
    if (!e)
        return 0;
    if (map_get_pointer(&w->numbers, e))
        return number_of(w, e);
    for (int i = 0; i < e->count; i++)
        write_expr(w, e->src[i]);
    text_format(&w->text, "\n%" PRId64 "=%d %d %d %" PRId64 " %" PRIx64, number_of(w, e),
                (int)e->kind, (int)e->type, e->has_fill, e->integer, e->bits);
    write_object(w, e);
    for (int i = 0; i < e->count; i++)
        text_format(&w->text, " %" PRId64 "*%" PRId64, e->factors ? e->factors[i] : 1,
                    number_of(w, e->src[i]));
    return number_of(w, e);
}

static void write_nest(Writer *w, const Nest *nest)
{
    for (; nest; nest = nest->next) {
        if (nest->axis)
            write_axis(w, nest->axis);
        int64_t condition = write_expr(w, nest->condition), index = write_expr(w, nest->index);
        int64_t value = write_expr(w, nest->value);
        text_format(&w->text, "\n(%d %d %d %d %" PRId64 " %" PRId64 " %" PRId64, (int)nest->kind,
                    (int)nest->loop, nest->locality, nest->write, condition, index, value);
        if (nest->axis)
            text_format(&w->text, " a%" PRId64, number_of(w, nest->axis));
        if (nest->array)
            text_format(&w->text, " c%d:%d:%d", nest->array->id, nest->array->count,
                        (int)nest->array->type);
        if (nest->tensor)
            write_tensor(w, nest->tensor);
        write_nest(w, nest->body);
        text_append(&w->text, "|");
        write_nest(w, nest->otherwise);
        text_append(&w->text, ")");
    }
}

const char *function_key(ExprPool *pool, const Function *function)
{
    Arena *arena = expr_pool_arena(pool);
    Writer w = {.function = function, .text = text_create(arena), .numbers = map_create(arena)};
    if (function->lane)
        write_axis(&w, function->lane);
    if (function->parallel)
        write_axis(&w, function->parallel);
    if (function->parallel_inner)
        write_axis(&w, function->parallel_inner);
    text_format(&w.text, " flushes %d", function->flushes_denormals);
    write_nest(&w, function->nest);
    return w.text.data;
}

FunctionSharing function_sharing(Arena *arena, const char *suffix)
{
    return (FunctionSharing){.arena = arena, .suffix = suffix, .by_key = map_create(arena)};
}

/* Where the phase's function is in the list. */
static int add_function(FunctionSharing *s, Phase *phase)
{
    Function *function = phase->function;
    const char *key = s->apart ? NULL : function_key(phase->kernel->pool, function);
    int known = key ? (int)(intptr_t)map_get(&s->by_key, key) - 1 : -1, number = s->phase_count++;
    if (known < 0) {
        known = (int)s->functions.count;
        function->name = arena_format(s->arena, "%s.%d%s", function->name, number, s->suffix);
        array_push(s->arena, &s->functions, function);
        if (key)
            map_set(&s->by_key, key, (void *)(intptr_t)(known + 1));
    }
    phase->symbol = s->functions.items[known]->name;
    return known;
}

void functions_add(FunctionSharing *sharing, Phase *const *phases, int count)
{
    for (int i = 0; i < count; i++)
        add_function(sharing, phases[i]);
}

int functions_share(Arena *arena, Phase *const *phases, int count, const Function **functions,
                    int *chosen)
{
    FunctionSharing sharing = function_sharing(arena, "");
    for (int i = 0; i < count; i++)
        chosen[i] = add_function(&sharing, phases[i]);
    for (int64_t i = 0; i < sharing.functions.count; i++)
        functions[i] = sharing.functions.items[i];
    return (int)sharing.functions.count;
}
