/* SPDX-License-Identifier: Apache-2.0
 *
 * Hash-consing: the table of expressions, symbols, axes, and the facts kept with each node.
 */
#include "pool.h"

#include <assert.h>
#include <string.h>

enum { FIRST_SLOTS = 2048, FIRST_SET_BUCKETS = 64 };

ExprPool *expr_pool_create(Arena *arena)
{
    ExprPool *pool = ARENA_NEW(arena, ExprPool);
    pool->arena = arena;
    pool->slot_count = FIRST_SLOTS;
    pool->slots = ARENA_ARRAY(arena, PoolSlot, FIRST_SLOTS);
    pool->symbols_by_name = map_create(arena);
    pool->set_bucket_count = FIRST_SET_BUCKETS;
    pool->set_buckets = ARENA_ARRAY(arena, const IdSet *, FIRST_SET_BUCKETS);
    pool->empty_set = ARENA_NEW(arena, IdSet);
    pool->cache = ARENA_ARRAY(arena, CacheEntry, CACHE_SIZE);
    return pool;
}

Arena *expr_pool_arena(const ExprPool *pool)
{
    return pool->arena;
}

int expr_pool_symbol_count(const ExprPool *pool)
{
    return (int)pool->symbols.count;
}

const Symbol *expr_pool_symbol(const ExprPool *pool, int id)
{
    return pool->symbols.items[id]->object;
}

/* ---- Sets of ids ------------------------------------------------------------------------- */

bool set_contains(const IdSet *set, int id)
{
    int low = 0, high = set->count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (set->ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < set->count && set->ids[low] == id;
}

static void grow_sets(ExprPool *pool)
{
    int64_t count = pool->set_bucket_count * 4;
    const IdSet **buckets = ARENA_ARRAY(pool->arena, const IdSet *, count);
    for (int64_t i = 0; i < pool->set_bucket_count; i++)
        for (const IdSet *set = pool->set_buckets[i], *next; set; set = next) {
            IdSet *moved = (IdSet *)set;
            next = set->next_in_bucket;
            moved->next_in_bucket = buckets[set->hash & (uint64_t)(count - 1)];
            buckets[set->hash & (uint64_t)(count - 1)] = moved;
        }
    pool->set_buckets = buckets;
    pool->set_bucket_count = count;
}

static const IdSet *set_intern(ExprPool *pool, const int *ids, int count)
{
    size_t bytes = (size_t)count * sizeof *ids;
    uint64_t hash = hash_bytes(ids, bytes, 1);
    const IdSet **bucket = &pool->set_buckets[hash & (uint64_t)(pool->set_bucket_count - 1)];
    for (const IdSet *set = *bucket; set; set = set->next_in_bucket)
        if (set->hash == hash && set->count == count && memcmp(set->ids, ids, bytes) == 0)
            return set;
    IdSet *set = ARENA_NEW(pool->arena, IdSet);
    *set = (IdSet){count, arena_copy(pool->arena, ids, bytes), hash, *bucket};
    *bucket = set;
    if (++pool->set_count > 2 * pool->set_bucket_count)
        grow_sets(pool);
    return set;
}

static bool set_includes(const IdSet *set, const IdSet *part)
{
    if (part->count > set->count)
        return false;
    for (int i = 0, j = 0; i < part->count; i++, j++) {
        while (j < set->count && set->ids[j] < part->ids[i])
            j++;
        if (j == set->count || set->ids[j] != part->ids[i])
            return false;
    }
    return true;
}

static const IdSet *set_union(ExprPool *pool, const IdSet *a, const IdSet *b)
{
    if (a == b || set_includes(a, b))
        return a;
    if (set_includes(b, a))
        return b;
    int local[64], *ids = local, count = 0;
    if (a->count + b->count > (int)COUNT_OF(local))
        ids = ARENA_ARRAY(pool->arena, int, a->count + b->count);
    for (int i = 0, j = 0; i < a->count || j < b->count;) {
        bool from_a = j == b->count || (i < a->count && a->ids[i] <= b->ids[j]);
        int id = from_a ? a->ids[i] : b->ids[j];
        i += i < a->count && a->ids[i] == id;
        j += j < b->count && b->ids[j] == id;
        ids[count++] = id;
    }
    return set_intern(pool, ids, count);
}

/* ---- The table --------------------------------------------------------------------------- */

static uint64_t hash_key(const Expr *e)
{
    uint64_t hash = hash_combine((uint64_t)e->kind << 16 | (uint64_t)e->type << 8 | e->has_fill,
                                 (uint64_t)e->integer);
    if (e->bits | (uintptr_t)e->object)
        hash = hash_combine(hash, e->bits ^ (uintptr_t)e->object);
    for (int i = 0; i < e->count; i++) {
        uint64_t factor = e->factors ? (uint64_t)e->factors[i] : 0;
        hash = (hash ^ (uint64_t)e->src[i]->id ^ factor << 32 ^ factor >> 32) *
               UINT64_C(0xff51afd7ed558ccd);
        hash ^= hash >> 33;
    }
    return hash;
}

static bool is_equal(const Expr *a, const Expr *b)
{
    size_t count = (size_t)a->count;
    return a->kind == b->kind && a->type == b->type && a->has_fill == b->has_fill &&
           a->count == b->count && a->integer == b->integer && a->bits == b->bits &&
           a->object == b->object &&
           (count == 0 || memcmp(a->src, b->src, count * sizeof *a->src) == 0) &&
           (!a->factors || memcmp(a->factors, b->factors, count * sizeof *a->factors) == 0);
}

static void grow_slots(ExprPool *pool)
{
    pool->slot_count *= 2;
    pool->slots = ARENA_ARRAY(pool->arena, PoolSlot, pool->slot_count);
    uint64_t mask = (uint64_t)pool->slot_count - 1;
    for (int64_t i = 0; i < pool->nodes.count; i++) {
        uint64_t hash = pool->nodes.items[i]->hash, at = hash & mask;
        while (pool->slots[at].number)
            at = (at + 1) & mask;
        pool->slots[at] = (PoolSlot){(uint32_t)(hash >> 32), (uint32_t)i + 1};
    }
}

/* The slot of an expression that is equal to the key, or where it belongs. */
static PoolSlot *find_slot(const ExprPool *pool, const Expr *key, uint64_t hash)
{
    uint64_t mask = (uint64_t)pool->slot_count - 1, at = hash & mask;
    for (; pool->slots[at].number; at = (at + 1) & mask) {
        const PoolSlot *slot = &pool->slots[at];
        if (slot->hash == (uint32_t)(hash >> 32) &&
            is_equal(&pool->nodes.items[slot->number - 1]->e, key))
            break;
    }
    return &pool->slots[at];
}

/* The sets, kinds and size, from the operands'. */
static void node_gather(ExprPool *pool, Node *node)
{
    const Expr *e = &node->e;
    node->axes = node->symbols = pool->empty_set;
    node->kinds[e->kind / 64] |= (uint64_t)1 << e->kind % 64;
    node->tree_size = 1;
    if (e->kind == EXPR_axis) {
        const Axis *axis = e->object;
        node->axes = set_intern(pool, &axis->id, 1);
        node->symbolic = axis->extent->kind != EXPR_integer;
    }
    if (e->kind == EXPR_symbol) {
        node->symbols = set_intern(pool, &((const Symbol *)e->object)->id, 1);
        node->symbolic = true;
    }
    for (int i = 0; i < e->count; i++) {
        const Node *operand = node_of(e->src[i]);
        node->axes = set_union(pool, node->axes, operand->axes);
        node->symbols = set_union(pool, node->symbols, operand->symbols);
        node->symbolic |= operand->symbolic;
        node->kinds[0] |= operand->kinds[0];
        node->kinds[1] |= operand->kinds[1];
        if (__builtin_add_overflow(node->tree_size, operand->tree_size, &node->tree_size))
            node->tree_size = UINT32_MAX;
    }
}

const Expr *pool_intern(ExprPool *pool, const Expr *key)
{
    static_assert(EXPR_KIND_COUNT <= 128, "Node.kinds has two words");
    uint64_t hash = hash_key(key);
    PoolSlot *slot = find_slot(pool, key, hash);
    if (slot->number)
        return &pool->nodes.items[slot->number - 1]->e;

    size_t src_bytes = (size_t)key->count * sizeof *key->src;
    size_t factor_bytes = key->factors ? (size_t)key->count * sizeof *key->factors : 0;
    Node *node = arena_allocate(pool->arena, sizeof *node + src_bytes + factor_bytes);
    node->e = *key;
    node->hash = hash;
    char *tail = (char *)(node + 1);
    if (key->count) {
        node->e.src = memcpy(tail, key->src, src_bytes);
        if (key->factors)
            node->e.factors = memcpy(tail + src_bytes, key->factors, factor_bytes);
    }
    node->e.id = (int)pool->nodes.count;
    *slot = (PoolSlot){(uint32_t)(hash >> 32), (uint32_t)node->e.id + 1};
    node_gather(pool, node);
    if (key->type == EXPR_INDEX)
        node_measure(node);
    array_push(pool->arena, &pool->nodes, node);
    if (3 * pool->nodes.count > 2 * pool->slot_count)
        grow_slots(pool);
    return &node->e;
}

static CacheEntry *cache_entry(ExprPool *pool, ExprKind kind, const Expr *a, const Expr *b)
{
    uint64_t hash =
        ((uint64_t)a->id * 0x9e3779b97f4a7c15u ^ (uint64_t)b->id) * UINT64_C(0xff51afd7ed558ccd) +
        (uint64_t)kind * UINT64_C(0xd6e8feb86659fd93);
    return &pool->cache[hash >> 52];
}

const Expr *pool_recall(ExprPool *pool, ExprKind kind, const Expr *a, const Expr *b)
{
    const CacheEntry *entry = cache_entry(pool, kind, a, b);
    return entry->kind == kind && entry->a == a && entry->b == b ? entry->result : NULL;
}

const Expr *pool_remember(ExprPool *pool, ExprKind kind, const Expr *a, const Expr *b,
                          const Expr *result)
{
    static_assert(CACHE_SIZE == 1 << 12, "cache_entry takes the top 12 bits");
    *cache_entry(pool, kind, a, b) = (CacheEntry){kind, a, b, result};
    return result;
}

/* ---- Leaves ------------------------------------------------------------------------------ */

const Expr *expr_integer(ExprPool *pool, int64_t value)
{
    if (value > EXPR_LIMIT || value < -EXPR_LIMIT)
        value = value > 0 ? EXPR_LIMIT : -EXPR_LIMIT;
    return pool_intern(pool, &(Expr){.kind = EXPR_integer, .integer = value});
}

static const Expr *add_symbol(ExprPool *pool, const char *name, int64_t lower, int64_t upper)
{
    Symbol *symbol = ARENA_NEW(pool->arena, Symbol);
    *symbol = (Symbol){
        .name = arena_string(pool->arena, name, strlen(name)),
        .id = (int)pool->symbols.count,
        .lower = lower,
        .upper = upper,
    };
    const Expr *e = pool_intern(pool, &(Expr){.kind = EXPR_symbol, .object = symbol});
    map_set(&pool->symbols_by_name, symbol->name, (void *)e);
    array_push(pool->arena, &pool->symbols, e);
    return e;
}

const Expr *expr_new_symbol(ExprPool *pool, const char *name, int64_t lower, int64_t upper)
{
    return map_get(&pool->symbols_by_name, name) ? NULL : add_symbol(pool, name, lower, upper);
}

const Expr *expr_symbol(ExprPool *pool, const char *name)
{
    return expr_symbol_between(pool, name, 0, SIZE_LIMIT);
}

const Expr *expr_symbol_between(ExprPool *pool, const char *name, int64_t lower, int64_t upper)
{
    const Expr *known = map_get(&pool->symbols_by_name, name);
    return known ? known : add_symbol(pool, name, lower, upper);
}

void symbol_limit(const Expr *symbol, const Expr *limit)
{
    assert(symbol->kind == EXPR_symbol);
    ((Symbol *)symbol->object)->limit = limit;
}

/* Facts already kept with expressions become sharper; ids are in topological order. */
void symbol_restrict(ExprPool *pool, const Expr *symbol, int64_t lower, int64_t upper)
{
    assert(symbol->kind == EXPR_symbol);
    Symbol *changed = (Symbol *)symbol->object;
    if (lower <= changed->lower && upper >= changed->upper)
        return;
    changed->lower = lower > changed->lower ? lower : changed->lower;
    changed->upper = upper < changed->upper ? upper : changed->upper;
    if (changed->upper < changed->lower)
        changed->upper = changed->lower;
    for (int64_t i = symbol->id; i < pool->nodes.count; i++)
        if (pool->nodes.items[i]->symbolic && pool->nodes.items[i]->e.type == EXPR_INDEX)
            node_measure(pool->nodes.items[i]);
    memset(pool->cache, 0, CACHE_SIZE * sizeof *pool->cache);
}

Axis *axis_create(ExprPool *pool, const char *name, const Expr *extent)
{
    assert(extent->type == EXPR_INDEX);
    Axis *axis = ARENA_NEW(pool->arena, Axis);
    *axis = (Axis){.name = name, .extent = extent, .id = pool->axis_count++};
    return axis;
}

const Expr *expr_axis(ExprPool *pool, const Axis *axis)
{
    if (expr_is(axis->extent, 1))
        return expr_integer(pool, 0);
    return pool_intern(pool, &(Expr){.kind = EXPR_axis, .object = axis});
}

bool expr_known(const Expr *e, int64_t *value)
{
    if (e->kind != EXPR_integer)
        return false;
    if (value)
        *value = e->integer;
    return true;
}

bool expr_is(const Expr *e, int64_t value)
{
    return e->kind == EXPR_integer && e->integer == value;
}
