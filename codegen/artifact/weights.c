/* SPDX-License-Identifier: Apache-2.0 */
#include "codegen/artifact/weights.h"

#include "codegen/pack.h"
#include "ir/support/array.h"
#include "ir/support/hash.h"

#include <string.h>

enum { WEIGHT_ALIGNMENT = 64 };

typedef struct Plan {
    Arena *arena;
    Buffer *buffers;
    ARRAY(Weight) items;
    Map by_hash; /* hash and bytes -> weight number + 1, the first of them */
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

/* An equal constant that has a place already, or a new one. Two different constants whose hashes
 * are equal both get a place. */
static int64_t place(Plan *plan, const void *source, int64_t bytes)
{
    Key *key = ARENA_NEW(plan->arena, Key);
    *key = (Key){hash_bytes(source, (size_t)bytes, 0), bytes};
    plan->hash = hash_combine(plan->hash, key->hash);
    intptr_t known = (intptr_t)map_get_bytes(&plan->by_hash, key, sizeof *key);
    if (known && !memcmp(plan->items.items[known - 1].source, source, (size_t)bytes))
        return known - 1;
    int64_t made = add(plan, (Weight){.bytes = bytes, .source = source});
    if (!known)
        map_set_bytes(&plan->by_hash, key, sizeof *key, (void *)(intptr_t)(made + 1));
    return made;
}

static void move(Plan *plan, int32_t buffer, int64_t weight)
{
    plan->buffers[buffer].kind = BUFFER_weight;
    plan->buffers[buffer].constant = NULL;
    plan->buffers[buffer].offset = size_number(plan->items.items[weight].offset);
    plan->buffers[buffer].bytes = size_number(plan->items.items[weight].bytes);
}

Weights *weights_plan(const Lowered *lowered)
{
    Program *program = lowered->program;
    Plan plan = {.arena = lowered->model->arena, .buffers = program->buffers};
    plan.by_hash = map_create(plan.arena);
    for (int64_t i = 0; i < packed_count(lowered->packed); i++)
        move(&plan, packed_buffer_of(lowered->packed, i),
             add(&plan, (Weight){.bytes = packed_bytes(lowered->packed, i), .packed = i}));
    for (int32_t i = 0; i < program->buffer_count; i++) {
        Buffer *buffer = &program->buffers[i];
        if (buffer->kind == BUFFER_constant && !buffer->is_string)
            move(&plan, i,
                 buffer->bytes.number ? place(&plan, buffer->constant, buffer->bytes.number)
                                      : add(&plan, (Weight){.bytes = 0, .source = program}));
    }
    if (plan.bytes == 0)
        plan.bytes = WEIGHT_ALIGNMENT; /* so that there is a place to point to */
    program->weight_bytes = plan.bytes;
    Weights *weights = ARENA_NEW(plan.arena, Weights);
    *weights = (Weights){.lowered = lowered,
                         .items = plan.items.items,
                         .count = plan.items.count,
                         .bytes = plan.bytes,
                         .hash = plan.hash};
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
        packed_write(writing->weights->lowered->packed, weight->packed, to);
    else if (weight->bytes)
        memcpy(to, weight->source, (size_t)weight->bytes);
}

void weights_write(const Weights *weights, const Parallel *parallel, char *memory)
{
    Writing writing = {weights, memory};
    parallel_run(parallel, weights->count, write_weight, &writing);
}
