/* SPDX-License-Identifier: Apache-2.0
 *
 * Small integer tensors as lists of indices: see elements.h.
 */
#include "ir/ops/elements.h"

#include "ir/graph/constant.h"
#include "ir/support/array.h"

#include <math.h>
#include <stdlib.h>

bool elements_may_be_known(TnElementType element)
{
    return element == TN_INT64 || element == TN_INT32 || element == TN_BOOL ||
           element == TN_FLOAT || element == TN_DOUBLE;
}

/* A small float constant, if all its elements are whole numbers. */
static const Expr *const *whole_numbers(const Model *model, const Constant *constant,
                                        int64_t *count)
{
    bool is_float = constant->element == TN_FLOAT || constant->element == TN_DOUBLE;
    if (!is_float || constant->count > ELEMENTS_LIMIT)
        return NULL;
    const Expr **elements = ARENA_ARRAY(model->arena, const Expr *, constant->count + 1);
    for (int64_t i = 0; i < constant->count; i++) {
        double number = constant_get_double(constant, i);
        if (!(fabs(number) <= 0x1p24) || number != floor(number) ||
            (number == 0 && signbit(number)))
            return NULL;
        elements[i] = expr_integer(model->pool, (int64_t)number);
    }
    *count = constant->count;
    return elements;
}

const Expr *const *known_elements(const Node *node, int i, int64_t *count)
{
    const Value *value = operand(node, i);
    if (!value)
        return NULL;
    if (!value->elements)
        return value->constant ? whole_numbers(node->graph->model, value->constant, count) : NULL;
    *count = value->element_count;
    return value->elements;
}

bool known_integers(ExprPool *pool, const Node *node, int i, IntList *list)
{
    int64_t count;
    const Expr *const *elements = known_elements(node, i, &count);
    if (!elements)
        return false;
    int64_t *items = ARENA_ARRAY(expr_pool_arena(pool), int64_t, count + 1);
    for (int64_t k = 0; k < count; k++) {
        if (!expr_known(elements[k], &items[k]))
            return false;
    }
    *list = (IntList){count, items};
    return true;
}

bool infer_integers(InferContext *context, const Node *node, int i, IntList *list)
{
    if (known_integers(context->pool, node, i, list))
        return true;
    const Constant *constant = infer_constant(context, node, i);
    if (!constant)
        return false;
    int64_t *items = ARENA_ARRAY(context->arena, int64_t, constant->count + 1);
    for (int64_t k = 0; k < constant->count; k++)
        items[k] = constant_get_int64(constant, k);
    *list = (IntList){constant->count, items};
    return true;
}

const Expr *const *infer_sizes(InferContext *context, const Node *node, int i, int64_t *count)
{
    int64_t own_count;
    const Expr *const *elements = infer_elements(context, node, i, &own_count);
    if (!elements)
        return NULL;
    for (int64_t k = 0; k < own_count; k++) {
        int64_t size;
        if (elements[k]->kind == EXPR_symbol) {
            symbol_restrict(context->pool, elements[k], 0, SIZE_LIMIT);
        } else if (expr_known(elements[k], &size) && size < 0) {
            infer_error(context, node, "a size cannot be negative: element %lld is %lld",
                        (long long)k, (long long)size);
            return NULL;
        }
    }
    if (count)
        *count = own_count;
    return elements;
}

const Expr *infer_one_size(InferContext *context, const Node *node, int i)
{
    int64_t count, known;
    const Expr *const *elements = infer_elements(context, node, i, &count);
    if (!elements)
        return NULL;
    if (count != 1 || (expr_known(elements[0], &known) && known < 0)) {
        infer_error(context, node, "%s must be one number, 0 or more", node->op->operands[i].name);
        return NULL;
    }
    return expr_larger(context->pool, elements[0], expr_integer(context->pool, 0));
}

bool result_may_have_elements(const Node *node, int i, int64_t *count)
{
    const Type *type = result(node, i)->type;
    if (!type_is_tensor(type) || !elements_may_be_known(type->element) || !type_is_static(type))
        return false;
    *count = 1;
    for (int d = 0; d < type->rank; d++) {
        int64_t size = 0;
        expr_known(type->dims[d], &size);
        if (size > ELEMENTS_LIMIT)
            return false;
        *count *= size;
        if (*count > ELEMENTS_LIMIT)
            return false;
    }
    return true;
}

int64_t broadcast_position(const Type *whole, int64_t flat, const Type *part)
{
    int64_t position = 0, stride = 1;
    for (int d = whole->rank - 1, p = part->rank - 1; d >= 0 && p >= 0; d--, p--) {
        int64_t extent = 1, size = 1;
        expr_known(whole->dims[d], &extent);
        expr_known(part->dims[p], &size);
        if (extent == 0)
            return 0;
        position += size == 1 ? 0 : flat % extent * stride;
        flat /= extent;
        stride *= size;
    }
    return position;
}

/* Numbers that do not wrap, nor lose bits, nor are a zero that may have a sign. */
bool element_is_exact(const Expr *e, TnElementType type)
{
    int64_t number, limit = type == TN_INT32 ? INT32_MAX : type == TN_INT64 ? (int64_t)1 << 61 : 0;
    if (!e || !expr_known(e, &number))
        return e != NULL;
    if (element_kind(type) == ELEMENT_KIND_FLOAT)
        return number != 0 && llabs(number) <= 1 << 24;
    return type == TN_BOOL || (number >= -limit && number <= limit);
}

bool element_is_number(const Expr *e)
{
    int64_t number;
    return expr_known(e, &number) && number < EXPR_LIMIT && number > -EXPR_LIMIT;
}

/* Arithmetic on what is beyond all numbers says nothing; its order does. */
static bool is_followed(IndexFunction *f, const Expr *e)
{
    return f == expr_larger || f == expr_smaller || !expr_known(e, NULL) || element_is_number(e);
}

void propagate_elementwise(InferContext *context, Node *node, IndexFunction *f)
{
    int64_t count, a_count, b_count = 0;
    if (!f || !result_may_have_elements(node, 0, &count))
        return;
    const Expr *const *a = known_elements(node, 0, &a_count);
    const Expr *const *b = NULL;
    if (node->operand_count > 1 && a)
        b = known_elements(node, 1, &b_count);
    if (!a || (node->operand_count > 1 && !b))
        return;
    const Type *type = result(node, 0)->type;
    const Expr **elements = ARENA_ARRAY(context->arena, const Expr *, count + 1);
    for (int64_t i = 0; i < count; i++) {
        const Expr *x = a[broadcast_position(type, i, operand_type(node, 0))];
        const Expr *y = b ? b[broadcast_position(type, i, operand_type(node, 1))] : NULL;
        if (!is_followed(f, x) || (y && !is_followed(f, y)))
            return;
        elements[i] = f(context->pool, x, y);
        if (!element_is_exact(elements[i], type->element))
            return;
    }
    infer_set_elements(context, node, 0, elements, count);
}

void propagate_copy(InferContext *context, Node *node)
{
    int64_t count, known_count;
    if (!result_may_have_elements(node, 0, &count))
        return;
    const Expr *const *known = known_elements(node, 0, &known_count);
    if (known && known_count == count)
        infer_set_elements(context, node, 0, known, count);
}

bool infer_nonempty(InferContext *context, const Node *node, const Expr *extent, const char *what)
{
    ExprPool *pool = context->pool;
    int64_t lower, upper;
    expr_bounds(extent, &lower, &upper);
    if (lower >= 1)
        return true;
    const Type *type = result(node, 0)->type;
    const Expr *reads = type_element_count(pool, type);
    const Expr *condition =
        expr_either(pool, expr_compare(pool, EXPR_less, expr_integer(pool, 0), extent),
                    expr_compare(pool, EXPR_equal, reads, expr_integer(pool, 0)));
    double value;
    if (expr_is_constant(condition, &value) && value == 0)
        return infer_error(context, node, "%s is empty, and elements of it are needed", what);
    model_assume(context->model, condition,
                 arena_format(context->arena, "%s%s%s%s: %s must not be empty", node->op->name,
                              node->name ? " '" : "", node->name ? node->name : "",
                              node->name ? "'" : "", what));
    return true;
}

const Expr *constant_value(ExprPool *pool, const Constant *constant, int64_t i)
{
    TnElementType type = element_compute_type(constant->element);
    switch (element_kind(type)) {
    case ELEMENT_KIND_FLOAT: return expr_real(pool, type, constant_get_double(constant, i));
    case ELEMENT_KIND_BOOL: return expr_bool(pool, constant_get_int64(constant, i) != 0);
    default: return expr_whole(pool, type, constant_get_int64(constant, i));
    }
}

const Expr *zero_value(ExprPool *pool, TnElementType element)
{
    return expr_bits(pool, element_compute_type(element), 0);
}

const Expr *positive_size(ExprPool *pool, const Expr *size)
{
    return expr_larger(pool, size, expr_integer(pool, 1));
}
