/* SPDX-License-Identifier: Apache-2.0 */
#include "codegen/artifact/weights.h"

#include "ir/support/array.h"
#include "ir/support/hash.h"
#include "runtime/checksum.h"
#include "runtime/selftest.h"

#include <string.h>

enum { WEIGHT_ALIGNMENT = 64 };

typedef struct Plan {
    Arena *arena;
    ARRAY(Weight) items;
    Map by_hash;   /* Key -> weight number + 1, the first of them */
    Map by_source; /* of packed constants -> its hash, in memory */
    int64_t bytes;
    uint64_t hash;
} Plan;

typedef struct Key {
    uint64_t hash;
    int64_t bytes;
} Key;

static int64_t add(Plan *plan, Weight weight)
{
    weight.offset = plan->bytes;
    plan->bytes += (weight.bytes + WEIGHT_ALIGNMENT - 1) / WEIGHT_ALIGNMENT * WEIGHT_ALIGNMENT;
    array_push(plan->arena, &plan->items, weight);
    return plan->items.count - 1;
}

static int64_t source_bytes(const Tensor *source)
{
    int64_t length = 0;
    expr_known(source->length, &length);
    return length * (int64_t)element_bytes(source->element);
}

static bool same_packed(const Weight *a, const Weight *b)
{
    const Tensor *from = packed_source(a->packed, a->index),
                 *other = packed_source(b->packed, b->index);
    int64_t bytes = source_bytes(from);
    return !strcmp(packed_movement(a->packed, a->index), packed_movement(b->packed, b->index)) &&
           bytes == source_bytes(other) &&
           (from->values == other->values || !memcmp(from->values, other->values, (size_t)bytes));
}

static bool same(const Weight *a, const Weight *b)
{
    if (!a->source || !b->source)
        return !a->source && !b->source && same_packed(a, b);
    return !memcmp(a->source, b->source, (size_t)a->bytes);
}

/* An equal constant that has a place already, or a new one. Two different constants whose hashes
 * are equal both get a place. */
static int64_t place(Plan *plan, const Weight *weight, uint64_t hash)
{
    Key *key = ARENA_NEW(plan->arena, Key);
    *key = (Key){hash, weight->bytes};
    plan->hash = hash_combine(plan->hash, hash);
    intptr_t known = (intptr_t)map_get_bytes(&plan->by_hash, key, sizeof *key);
    if (known && same(&plan->items.items[known - 1], weight))
        return known - 1;
    int64_t made = add(plan, *weight);
    if (!known)
        map_set_bytes(&plan->by_hash, key, sizeof *key, (void *)(intptr_t)(made + 1));
    return made;
}

static int64_t place_packed(Plan *plan, const PackedConstants *packed, int64_t i)
{
    const Tensor *source = packed_source(packed, i);
    const char *movement = packed_movement(packed, i);
    uint64_t *hash = map_get_pointer(&plan->by_source, source->values);
    if (!hash) {
        hash = ARENA_NEW(plan->arena, uint64_t);
        *hash = hash_bytes(source->values, (size_t)source_bytes(source), 0);
        map_set_pointer(&plan->by_source, source->values, hash);
    }
    Weight weight = {.bytes = packed_bytes(packed, i), .packed = packed, .index = i};
    return place(plan, &weight, hash_bytes(movement, strlen(movement), *hash));
}

static int64_t place_plain(Plan *plan, const Buffer *buffer, const void *anything)
{
    Weight weight = {.bytes = buffer->bytes.number, .source = buffer->constant};
    if (weight.bytes)
        return place(plan, &weight, hash_bytes(weight.source, (size_t)weight.bytes, 0));
    weight.source = anything;
    return add(plan, weight);
}

static void move(const Plan *plan, Buffer *buffer, int64_t weight)
{
    buffer->kind = BUFFER_weight;
    buffer->constant = NULL;
    buffer->offset = size_number(plan->items.items[weight].offset);
    buffer->bytes = size_number(plan->items.items[weight].bytes);
}

static void plan_program(Plan *plan, const Lowered *lowered)
{
    Program *program = lowered->program;
    for (int64_t i = 0; i < packed_count(lowered->packed); i++)
        move(plan, &program->buffers[packed_buffer_of(lowered->packed, i)],
             place_packed(plan, lowered->packed, i));
    for (int32_t i = 0; i < program->buffer_count; i++) {
        Buffer *buffer = &program->buffers[i];
        if (buffer->kind == BUFFER_constant && !buffer->is_string)
            move(plan, buffer, place_plain(plan, buffer, program));
    }
}

static void plan_freed(Plan *plan, const Lowered *lowered)
{
    ReplaceableWeight *made = ARENA_ARRAY(plan->arena, ReplaceableWeight, lowered->freed_count + 1);
    for (int i = 0; i < lowered->freed_count; i++) {
        const FreedInput *freed = &lowered->freed[i];
        Weight weight = {.bytes = freed->bytes, .source = freed->data};
        int64_t number =
            freed->bytes ? place(plan, &weight, hash_bytes(freed->data, (size_t)freed->bytes, 0))
                         : add(plan, (Weight){.source = lowered});
        made[i] = (ReplaceableWeight){freed->input, plan->items.items[number].offset};
    }
    lowered->program->replaceable = made;
    lowered->program->replaceable_count = lowered->freed_count;
}

Weights *weights_plan(Arena *arena, const Lowered *const *lowered, int count, bool has_sum)
{
    Plan plan = {.arena = arena, .by_hash = map_create(arena), .by_source = map_create(arena)};
    for (int i = 0; i < count; i++) {
        plan_program(&plan, lowered[i]);
        plan_freed(&plan, lowered[i]);
    }
    if (plan.bytes == 0)
        plan.bytes = WEIGHT_ALIGNMENT; /* so that there is a place to point to */
    plan.bytes += has_sum ? SELFTEST_SUM_BYTES : 0;
    for (int i = 0; i < count; i++)
        lowered[i]->program->weight_bytes = plan.bytes;
    Weights *weights = ARENA_NEW(arena, Weights);
    *weights = (Weights){.items = plan.items.items,
                         .count = plan.items.count,
                         .bytes = plan.bytes,
                         .hash = plan.hash,
                         .has_sum = has_sum};
    return weights;
}

typedef struct Writing {
    const Weights *weights;
    char *memory;
} Writing;

static void write_weight(void *context, int64_t i, int worker)
{
    const Writing *writing = context;
    const Weight *weight = &writing->weights->items[i];
    char *to = writing->memory + weight->offset;
    (void)worker;
    if (!weight->source)
        packed_write(weight->packed, weight->index, to);
    else if (weight->bytes)
        memcpy(to, weight->source, (size_t)weight->bytes);
}

void weights_write(const Weights *weights, const Parallel *parallel, char *memory)
{
    Writing writing = {weights, memory};
    parallel_run(parallel, weights->count, write_weight, &writing);
    if (weights->has_sum) {
        size_t bytes = (size_t)weights->bytes - SELFTEST_SUM_BYTES;
        Checksum sum;
        checksum_begin(&sum);
        checksum_add(&sum, memory, bytes);
        checksum_end(&sum, (unsigned char *)memory + bytes);
    }
}
