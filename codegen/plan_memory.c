/* SPDX-License-Identifier: Apache-2.0
 *
 * Interval colouring of an arena; see plan_memory.h.
 */
#include "codegen/plan_memory.h"

#include "ir/support/array.h"
#include "runtime/memory.h"

#include <stdlib.h>

typedef struct Placed {
    int64_t offset, end;
    int64_t first, last;
} Placed;

typedef struct Planner {
    ExprPool *pool;
    Arena *arena;
    PlanItem *items;
    ARRAY(Placed) placed; /* by offset */
} Planner;

/* ---- Known sizes ------------------------------------------------------------------------- */

typedef struct Order {
    int64_t bytes, index;
} Order;

static int compare_orders(const void *a, const void *b)
{
    const Order *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static void insert_placed(Planner *p, Placed placed)
{
    array_push(p->arena, &p->placed, placed);
    int64_t i = p->placed.count - 1;
    for (; i > 0 && p->placed.items[i - 1].offset > placed.offset; i--)
        p->placed.items[i] = p->placed.items[i - 1];
    p->placed.items[i] = placed;
}

/* The lowest gap among those placed that live at the same time. */
static int64_t find_offset(const Planner *p, const PlanItem *item, int64_t bytes)
{
    int64_t offset = 0;
    for (int64_t i = 0; i < p->placed.count; i++) {
        const Placed *other = &p->placed.items[i];
        if (other->first > item->last || other->last < item->first)
            continue;
        if (other->offset >= offset + bytes)
            break;
        if (other->end > offset)
            offset = other->end;
    }
    return offset;
}

/* The bytes of all buffers of known size; -1 if they are too many. */
static int64_t place_known(Planner *p, int64_t count)
{
    ARRAY(Order) order = {0};
    int64_t total = 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t bytes;
        if (!expr_known(p->items[i].bytes, &bytes))
            continue;
        if (bytes < 0 || bytes >= EXPR_LIMIT / 2)
            return -1;
        array_push(p->arena, &order, (Order){memory_align(bytes), i});
    }
    if (order.count)
        qsort(order.items, (size_t)order.count, sizeof *order.items, compare_orders);
    for (int64_t i = 0; i < order.count; i++) {
        PlanItem *item = &p->items[order.items[i].index];
        int64_t bytes = order.items[i].bytes, offset = find_offset(p, item, bytes);
        if (offset >= EXPR_LIMIT / 2)
            return -1;
        item->offset = expr_integer(p->pool, offset);
        if (bytes > 0)
            insert_placed(p, (Placed){offset, offset + bytes, item->first, item->last});
        if (offset + bytes > total)
            total = offset + bytes;
    }
    return total;
}

/* ---- Symbolic sizes ---------------------------------------------------------------------- */

typedef struct Slot {
    const Expr *bytes;
    int64_t last; /* of its latest user */
    ARRAY(int64_t) members;
} Slot;

typedef ARRAY(Slot) SlotList;

static const Expr *round_up_expr(ExprPool *pool, const Expr *bytes)
{
    const Expr *unit = expr_integer(pool, MEMORY_ALIGNMENT);
    return expr_scale(pool, expr_round_up_quotient(pool, bytes, unit), MEMORY_ALIGNMENT);
}

/* A free slot, best of the same size, else the one whose size is nearest; NULL if none is free. */
static Slot *find_slot(Planner *p, SlotList *slots, const PlanItem *item, const Expr *bytes)
{
    Slot *best = NULL;
    double wanted = expr_estimate(p->pool, bytes), best_distance = 0;
    for (int64_t i = 0; i < slots->count; i++) {
        Slot *slot = &slots->items[i];
        if (slot->last >= item->first)
            continue;
        if (slot->bytes == bytes)
            return slot;
        double distance = expr_estimate(p->pool, slot->bytes) - wanted;
        distance = distance < 0 ? -distance : distance;
        if (!best || distance < best_distance) {
            best = slot;
            best_distance = distance;
        }
    }
    return best;
}

static const Expr *place_symbolic(Planner *p, int64_t count, const Expr *total)
{
    SlotList slots = {0};
    ARRAY(Order) order = {0};
    for (int64_t i = 0; i < count; i++)
        if (!expr_known(p->items[i].bytes, NULL))
            array_push(p->arena, &order, (Order){-p->items[i].first, i});
    if (order.count)
        qsort(order.items, (size_t)order.count, sizeof *order.items, compare_orders);
    for (int64_t i = 0; i < order.count; i++) {
        const PlanItem *item = &p->items[order.items[i].index];
        const Expr *bytes = round_up_expr(p->pool, item->bytes);
        Slot *slot = find_slot(p, &slots, item, bytes);
        if (!slot) {
            array_push(p->arena, &slots, (Slot){.bytes = bytes});
            slot = &slots.items[slots.count - 1];
        }
        slot->bytes = expr_larger(p->pool, slot->bytes, bytes);
        slot->last = item->last;
        array_push(p->arena, &slot->members, order.items[i].index);
    }
    for (int64_t i = 0; i < slots.count; i++) {
        for (int64_t k = 0; k < slots.items[i].members.count; k++)
            p->items[slots.items[i].members.items[k]].offset = total;
        total = expr_plus(p->pool, total, slots.items[i].bytes);
    }
    return total;
}

const Expr *plan_memory(ExprPool *pool, Arena *arena, PlanItem *items, int64_t count)
{
    Planner planner = {.pool = pool, .arena = arena, .items = items};
    int64_t known = place_known(&planner, count);
    return known < 0 ? NULL : place_symbolic(&planner, count, expr_integer(pool, known));
}
