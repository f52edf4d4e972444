/* SPDX-License-Identifier: Apache-2.0
 *
 * What most unit tests need: arenas and diagnostics of their own. Include it last.
 */
#ifndef TESTS_UNIT_FIXTURE_H
#define TESTS_UNIT_FIXTURE_H

#include "ir/support/diagnostic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct Fixture {
    Boundary boundary;
    Arena *arena, *scratch;
    Diagnostics *diagnostics;
} Fixture;

static int set_up(void **state)
{
    Fixture *fixture = calloc(1, sizeof *fixture);
    if (setjmp(fixture->boundary.jump))
        abort();
    fixture->arena = arena_create(&fixture->boundary);
    fixture->scratch = arena_create(&fixture->boundary);
    fixture->diagnostics = diagnostics_create(fixture->arena);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;
    arena_destroy(fixture->scratch);
    arena_destroy(fixture->arena);
    free(fixture);
    return 0;
}

#endif
