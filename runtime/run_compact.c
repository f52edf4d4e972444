/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the iterations of a loop: what an iteration has taken at the tail is given back, but for
 * the states and results that live on, which move down to where the loop began.
 *
 * Live memory may overlap (a state that is a slice of another), so pieces that touch move together.
 * Strings, sequences and optionals point into the tail from elsewhere: loops that carry them keep
 * all they take until they end.
 */
#include "runtime/run_internal.h"

#include <string.h>

typedef struct Live {
    char *begin, *end;
    void **pointer; /* into it */
} Live;

static bool is_plain(const ProgramValue *value)
{
    return value->kind == TN_TENSOR && value->element != TN_STRING;
}

static bool is_movable(const LoopStep *loop)
{
    bool movable = true;
    for (int32_t i = 0; i < loop->carried_count; i++)
        movable = movable && is_plain(&loop->carried[i].state);
    for (int32_t i = 0; i < loop->output_count; i++)
        movable = movable && is_plain(&loop->outputs[i].whole);
    return movable;
}

/* By address; few, and nearly in order. */
static void insert(Live *live, int32_t *count, Live piece)
{
    int32_t i = (*count)++;
    for (; i > 0 && live[i - 1].begin > piece.begin; i--)
        live[i] = live[i - 1];
    live[i] = piece;
}

static void collect(Run *run, const LoopStep *loop, int64_t base, Live *live, int32_t *count)
{
    const char *lowest = run->memory.base + base;
    for (int32_t i = 0; i < loop->carried_count + loop->output_count; i++) {
        bool is_state = i < loop->carried_count;
        const LoopSlice *output = is_state ? NULL : &loop->outputs[i - loop->carried_count];
        if (is_state ? !loop->carried[i].by_pointer : !output->is_dynamic)
            continue;
        const ProgramValue *value = is_state ? &loop->carried[i].state : &output->whole;
        Live piece = {.pointer = &run->data[value->buffer]};
        piece.begin = *piece.pointer;
        if (!piece.begin || piece.begin < lowest ||
            piece.begin >= run->memory.base + run->memory.tail)
            continue;
        if (is_state)
            piece.end = piece.begin + run_bytes(run, &loop->carried[i].next);
        else
            run_growing_extent(piece.begin, &piece.begin, &piece.end);
        insert(live, count, piece);
    }
}

/* Moves pieces first .. last, which begin at `from`, to `to`. */
static void move_pieces(Live *first, Live *last, char *from, const char *end, char *to)
{
    if (to == from)
        return;
    memmove(to, from, (size_t)(end - from));
    for (Live *piece = first; piece < last; piece++)
        *piece->pointer = (char *)*piece->pointer - (from - to);
}

void run_compact(Run *run, const LoopStep *loop, int64_t base)
{
    int64_t top = run->memory.top;
    if (run->memory.tail == base || !is_movable(loop))
        return;
    int64_t most = loop->carried_count + loop->output_count;
    Live *live = memory_scratch(&run->memory, (most + 1) * (int64_t)sizeof *live);
    if (!live)
        return; /* another time */
    int32_t count = 0;
    collect(run, loop, base, live, &count);
    int64_t tail = base;
    for (int32_t i = 0, next; i < count; i = next) {
        /* A unit of alignment is not torn apart. */
        int64_t begin = (live[i].begin - run->memory.base) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
        char *from = run->memory.base + begin, *end = live[i].end;
        for (next = i + 1; next < count && live[next].begin <= end + MEMORY_ALIGNMENT; next++)
            end = live[next].end > end ? live[next].end : end;
        move_pieces(&live[i], &live[next], from, end, run->memory.base + tail);
        tail += memory_align(end - from);
    }
    run->memory.tail = tail;
    run->memory.top = top;
}
