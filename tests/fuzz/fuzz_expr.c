/* SPDX-License-Identifier: Apache-2.0
 *
 * Any text as a size: nothing, or an expression whose printed form reads back as the same pointer
 * and whose bounds hold for values of its symbols.
 */
#include "ir/expr/expr.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Values of all symbols are `value`; bounds that are saturated say nothing. */
static void check_bounds(ExprPool *pool, const Expr *e, int64_t value)
{
    enum { MOST_SYMBOLS = 256 };
    int64_t sizes[MOST_SYMBOLS], lower, upper;
    if (expr_pool_symbol_count(pool) > MOST_SYMBOLS)
        return;
    for (int i = 0; i < MOST_SYMBOLS; i++)
        sizes[i] = value;
    expr_bounds(e, &lower, &upper);
    if (lower <= -EXPR_LIMIT || upper >= EXPR_LIMIT)
        return; /* it may overflow */
    int64_t found = expr_evaluate(e, sizes);
    if (found < lower || found > upper)
        abort();
}

static void check(Arena *arena, const char *given)
{
    ExprPool *pool = expr_pool_create(arena);
    const Expr *e = expr_parse_size(pool, given);
    if (!e)
        return;
    Text text = text_create(arena);
    expr_print(e, &text);
    if (expr_parse_size(pool, text.data) != e)
        abort();
    check_bounds(pool, e, 1);
    check_bounds(pool, e, 7);
    check_bounds(pool, e, 4096);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Boundary boundary;
    Arena *volatile arena = NULL;
    if (setjmp(boundary.jump) == 0) {
        arena = arena_create(&boundary);
        if (arena && size < 4096)
            check(arena, arena_string(arena, (const char *)data, size));
    }
    arena_destroy(arena);
    return 0;
}
