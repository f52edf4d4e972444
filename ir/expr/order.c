/* SPDX-License-Identifier: Apache-2.0
 *
 * The order of operands where mathematics leaves it open: sums, products, sums of products,
 * equalities, choices.
 *
 * It follows from what the expressions say, never from when they were made: C does not tell in
 * which order arguments are evaluated, so expressions of one source are made in another order by
 * another compiler, and what Tenon prints and emits must not tell which compiler built it. Leaves
 * come first: symbols by name, axes by age; what is made of them follows by kind and then by
 * operands, and constants are last. Both sides are walked down the first pair of operands that
 * differs, so it costs at most the depth.
 */
#include "pool.h"

#include "ir/kernel/nest.h"

#include <string.h>

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

/* Tensors of one kernel by position; scratch of a function, which has none, by name. */
static int compare_tensors(const Tensor *a, const Tensor *b)
{
    int order = COMPARE(a->slot, b->slot);
    return order ? order : strcmp(a->name, b->name);
}

static int compare_objects(ExprKind kind, const void *a, const void *b)
{
    if (a == b)
        return 0;
    switch (kind) {
    case EXPR_symbol: return strcmp(((const Symbol *)a)->name, ((const Symbol *)b)->name);
    case EXPR_axis: return COMPARE(((const Axis *)a)->id, ((const Axis *)b)->id);
    case EXPR_cell: return COMPARE(((const Array *)a)->id, ((const Array *)b)->id);
    default: return compare_tensors(a, b);
    }
}

static bool is_constant(const Expr *e)
{
    return e->kind == EXPR_constant || e->kind == EXPR_integer;
}

/* All but the operands. */
static int compare_heads(const Expr *a, const Expr *b)
{
    int order = COMPARE(is_constant(a), is_constant(b));
    order = order ? order : COMPARE(a->kind, b->kind);
    order = order ? order : COMPARE(a->type, b->type);
    order = order ? order : compare_objects(a->kind, a->object, b->object);
    order = order ? order : COMPARE(a->integer, b->integer);
    order = order ? order : COMPARE(a->bits, b->bits);
    order = order ? order : COMPARE(a->has_fill, b->has_fill);
    order = order ? order : COMPARE(a->count, b->count);
    for (int i = 0; !order && a->factors && i < a->count; i++)
        order = COMPARE(a->factors[i], b->factors[i]);
    return order;
}

int expr_order(const Expr *a, const Expr *b)
{
    while (a != b) {
        int order = compare_heads(a, b), i = 0;
        if (order)
            return order;
        while (i < a->count && a->src[i] == b->src[i])
            i++;
        if (i == a->count) /* tensors of two kernels */
            return COMPARE(a->id, b->id);
        a = a->src[i];
        b = b->src[i];
    }
    return 0;
}
