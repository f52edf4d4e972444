/* SPDX-License-Identifier: Apache-2.0
 *
 * Loads and stores. What the offset does over the lanes decides: one scalar for all, a vector, else
 * a gather or scatter.
 *
 * No memory is touched where a mask or the condition of a fetch is false. A scalar under a mask of
 * lanes is read if any lane is active; who builds a nest sees to it that one is.
 */
#include "emitter.h"

#include <assert.h>
#include <string.h>

/* An offset taken apart: what all lanes share, and what differs. */
typedef struct Access {
    const Tensor *tensor;
    TnElementType element; /* in memory */
    const Expr *shared, *lanes;
    bool is_vector, is_contiguous;
} Access;

static Access access_of(CEmitter *em, const Tensor *tensor, const Expr *offset)
{
    ExprPool *pool = em->pool;
    Access access = {.tensor = tensor, .element = c_memory_type(tensor->element), .shared = offset};
    if (!c_mentions_lane(em, offset))
        return access;
    access.is_vector = true;
    access.shared = access.lanes = expr_integer(pool, 0);
    if (offset->kind != EXPR_linear) {
        access.lanes = offset;
    } else {
        access.shared = expr_integer(pool, offset->integer);
        for (int i = 0; i < offset->count; i++) {
            const Expr *term = expr_scale(pool, offset->src[i], offset->factors[i]);
            const Expr **part = c_mentions_lane(em, term) ? &access.lanes : &access.shared;
            *part = expr_plus(pool, *part, term);
        }
    }
    access.is_contiguous = access.lanes == expr_axis(pool, em->source->lane);
    return access;
}

static const char *tensor_name(CEmitter *em, const Tensor *tensor)
{
    const char *name = map_get_pointer(&em->tensors, tensor);
    if (!name) {
        name = map_get_pointer(&em->reserved, tensor);
        name = name ? name : c_name(em, tensor->name);
        map_set_pointer(&em->tensors, tensor, (void *)name);
    }
    return name;
}

/* tensor[index], or its address. */
static CValue element(CEmitter *em, const Access *access, bool address)
{
    enum { LONG = 56 };
    const CValue *known = map_get_pointer(&em->values, access->shared);
    CValue index = known ? *known : c_index(em, access->shared);
    if (!known && strlen(index.text) > LONG) {
        CValue *bound = ARENA_NEW(em->arena, CValue);
        *bound = index = c_bind(em, index, "at");
        map_set_pointer(&em->values, access->shared, bound);
    }
    const char *name = tensor_name(em, access->tensor);
    if (address && expr_is(access->shared, 0))
        return c_atom(name, EXPR_INDEX, false);
    return c_atom(arena_format(em->arena, "%s%s[%s]", address ? "&" : "", name, index.text),
                  access->element, false);
}

static CValue call_load(CEmitter *em, const Access *access, CValue mask, CValue otherwise)
{
    CUnit *unit = em->unit;
    CValue pointer = element(em, access, true);
    bool masked = mask.text != NULL;
    CValue arguments[3];
    int count = 0;
    if (masked)
        arguments[count++] = mask;
    arguments[count++] = pointer;
    if (!access->is_contiguous)
        arguments[count++] = c_lane_index(em, access->lanes);
    else if (masked)
        arguments[count++] = otherwise;
    const char *helper = access->is_contiguous ? (masked ? "load_where" : "load")
                                               : (masked ? "gather_where" : "gather");
    return c_call(em, access->element, true, c_helper(unit, helper, access->element, em->lanes),
                  count, arguments);
}

/* What memory holds, as the value of its compute type. */
static CValue converted(CEmitter *em, CValue value, const Tensor *tensor)
{
    if (tensor->element == TN_BOOL) {
        const char *text = arena_format(em->arena, "%s != 0", value.text);
        value = (CValue){text, EQUALITY, TN_BOOL, value.is_vector};
        if (!value.is_vector)
            return value;
        text = arena_format(em->arena, "__builtin_convertvector(%s, %s)", text,
                            c_type(em->unit, TN_BOOL, em->lanes));
        return c_atom(text, TN_BOOL, true);
    }
    value.type = tensor->element;
    return c_convert(em, value, tensor->element, element_compute_type(tensor->element), false);
}

static CValue current_mask(CEmitter *em)
{
    return em->mask ? c_atom(em->mask, TN_BOOL, true) : (CValue){0};
}

static CValue fetch_scalar(CEmitter *em, const Access *access, CValue inside, CValue fill)
{
    CValue value = converted(em, element(em, access, false), access->tensor);
    if (!inside.text)
        return value;
    if (!inside.is_vector)
        return c_select(em, inside, value, fill);
    inside = c_bind(em, inside, "inside");
    CValue any =
        c_call(em, TN_BOOL, false, c_helper(em->unit, "any_lane", TN_INT32, em->lanes), 1, &inside);
    CValue zero = c_convert(em, c_atom("0", TN_INT32, false), TN_INT32, value.type, false);
    return c_select(em, inside, c_select(em, any, value, zero), fill);
}

static bool is_zero(const Expr *e)
{
    return e->kind == EXPR_constant && e->bits == 0;
}

CValue c_fetch(CEmitter *em, const Expr *e)
{
    const Tensor *tensor = e->object;
    TnElementType compute = element_compute_type(tensor->element);
    Access access = access_of(em, tensor, e->src[0]);
    CValue inside = {0}, fill = {0};
    if (e->has_fill) {
        inside = c_value(em, e->src[1]);
        fill = c_value(em, e->src[2]);
    }
    if (!access.is_vector)
        return fetch_scalar(em, &access, inside, fill);
    CValue mask = current_mask(em), otherwise = c_atom("0", access.element, false);
    if (e->has_fill) {
        inside = c_bind(em, c_splat(em, inside), "inside");
        mask = mask.text ? c_both(em, mask, inside) : inside;
    }
    /* What is not read may be the fill at once. */
    bool filled = e->has_fill && access.is_contiguous && tensor->element != TN_BOOL &&
                  tensor->element == compute;
    if (mask.text && access.is_contiguous)
        otherwise = c_splat(em, filled ? fill : otherwise);
    CValue value = converted(em, call_load(em, &access, mask, otherwise), tensor);
    bool zeros = e->has_fill && is_zero(e->src[2]) && tensor->element != TN_FLOAT8E8M0;
    if (filled || zeros || !e->has_fill)
        return value;
    return c_select(em, inside, value, fill);
}

/* ---- Store ------------------------------------------------------------------------------- */

static CValue value_to_store(CEmitter *em, const Nest *nest)
{
    CValue value = c_value(em, nest->value);
    value = c_convert(em, value, nest->value->type, nest->tensor->element, true);
    if (nest->tensor->element != TN_BOOL)
        return value;
    if (!value.is_vector) { /* 0 or 1 already, and a byte in memory */
        value.type = TN_UINT8;
        return value;
    }
    const char *text =
        arena_format(em->arena, "__builtin_convertvector(%s & 1, %s)", c_operand(em, value, UNARY),
                     c_type(em->unit, TN_UINT8, em->lanes));
    return c_atom(text, TN_UINT8, true);
}

static void store_lanes(CEmitter *em, const Access *access, CValue mask, CValue value)
{
    CValue arguments[4];
    int count = 0;
    bool masked = mask.text != NULL;
    if (masked)
        arguments[count++] = mask;
    arguments[count++] = element(em, access, true);
    if (!access->is_contiguous)
        arguments[count++] = c_bind(em, c_lane_index(em, access->lanes), "places");
    arguments[count++] = c_splat(em, value);
    const char *helper = access->is_contiguous ? (masked ? "store_where" : "store")
                                               : (masked ? "scatter_where" : "scatter");
    const char *name = c_helper(em->unit, helper, access->element, em->lanes);
    c_line(em, "%s;", c_call(em, access->element, true, name, count, arguments).text);
}

static void store_here(CEmitter *em, const Nest *nest, CValue condition)
{
    Access access = access_of(em, nest->tensor, nest->index);
    CValue value = value_to_store(em, nest), mask = current_mask(em);
    if (access.is_vector) {
        if (condition.text)
            mask = mask.text ? c_both(em, mask, condition) : condition;
        store_lanes(em, &access, mask, value);
        return;
    }
    CValue to = element(em, &access, false);
    if (value.is_vector)
        value = c_atom(arena_format(em->arena, "%s[0]", c_operand(em, value, PRIMARY)), value.type,
                       false);
    c_line(em, "%s = %s;", to.text, value.text);
}

void c_store(CEmitter *em, const Nest *nest)
{
    CValue condition = {0};
    map_set_pointer(&em->written, nest->tensor, (void *)nest->tensor);
    if (nest->condition)
        condition = c_value(em, nest->condition);
    if (!condition.text || condition.is_vector) {
        store_here(em, nest, condition);
        return;
    }
    c_line(em, "if (%s) {", condition.text);
    em->depth++;
    store_here(em, nest, (CValue){0});
    em->depth--;
    c_line(em, "}");
}

void c_prefetch(CEmitter *em, const Nest *nest)
{
    Access access = access_of(em, nest->tensor, nest->index);
    c_line(em, "__builtin_prefetch(%s, %d, %d);", element(em, &access, true).text, nest->write,
           nest->locality);
}
