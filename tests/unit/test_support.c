/* SPDX-License-Identifier: Apache-2.0
 *
 * Arenas, maps, text and positions.
 */
#include "ir/support/array.h"
#include "ir/support/diagnostic.h"
#include "ir/support/intern.h"
#include "ir/support/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void allocations_are_zeroed_and_released(void **state)
{
    (void)state;
    Boundary boundary;
    Arena *arena = arena_create(&boundary);
    if (setjmp(boundary.jump))
        fail();
    ArenaMark mark = arena_mark(arena);
    for (size_t bytes = 1; bytes < 300000; bytes = bytes * 3 + 1) {
        unsigned char *data = arena_allocate(arena, bytes);
        assert_int_equal((uintptr_t)data % 16, 0);
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(data[i], 0);
        memset(data, 0xff, bytes);
    }
    arena_release(arena, mark);
    assert_int_equal(arena_bytes(arena), 0);
    assert_null(arena_try(arena, SIZE_MAX / 2));
    arena_destroy(arena);
}

static void a_failed_allocation_lands_at_the_boundary(void **state)
{
    (void)state;
    Boundary boundary;
    Arena *arena = arena_create(&boundary);
    if (setjmp(boundary.jump) == 0) {
        arena_allocate_array(arena, SIZE_MAX / 2, 3);
        fail();
    }
    arena_destroy(arena);
}

static void count_call(void *user)
{
    ++*(int *)user;
}

static void children_are_destroyed_with_their_parent(void **state)
{
    (void)state;
    Boundary boundary;
    int calls = 0;
    Arena *parent = arena_create(&boundary);
    Arena *children[3];
    for (int i = 0; i < 3; i++) {
        children[i] = arena_create_child(parent);
        arena_defer(children[i], count_call, &calls);
    }
    arena_destroy(children[1]);
    assert_int_equal(calls, 1);
    arena_destroy(children[2]);
    assert_int_equal(calls, 2);
    arena_defer(arena_create_child(children[0]), count_call, &calls);
    arena_destroy(parent);
    assert_int_equal(calls, 4);
}

static void maps_find_what_was_set(void **state)
{
    (void)state;
    Boundary boundary;
    Arena *arena = arena_create(&boundary);
    Map map = map_create(arena);
    assert_null(map_get(&map, "absent"));
    for (intptr_t i = 0; i < 1000; i++)
        map_set(&map, arena_format(arena, "key %d", (int)i), (void *)(i + 1));
    map_set(&map, "key 7", (void *)(intptr_t)70);
    map_set(&map, "", (void *)(intptr_t)5);
    assert_int_equal((intptr_t)map_get(&map, "key 7"), 70);
    assert_int_equal((intptr_t)map_get(&map, "key 999"), 1000);
    assert_int_equal((intptr_t)map_get(&map, ""), 5);
    assert_null(map_get(&map, "key 1000"));
    for (int i = 0; i < 1000; i++)
        assert_string_equal(map.entries[i].key, arena_format(arena, "key %d", i));
    Interner names = interner_create(arena);
    assert_ptr_equal(intern(&names, "abc"), intern_bytes(&names, "abcd", 3));
    arena_destroy(arena);
}

static void floats_read_back(void **state)
{
    (void)state;
    static const float floats[] = {0,        1,       -1,    0.1F, 1e-45F, 3.4028235e38F,
                                   16777216, 1.5e10F, -2e-7F};
    Boundary boundary;
    Arena *arena = arena_create(&boundary);
    for (size_t i = 0; i < COUNT_OF(floats); i++) {
        Text text = text_create(arena);
        text_append_float(&text, floats[i]);
        assert_true(strtof(text.data, NULL) == floats[i]);
        assert_non_null(strpbrk(text.data, ".e"));
    }
    Text text = text_create(arena);
    text_append_quoted(&text, "a\"b\\c", 5);
    assert_string_equal(text.data, "\"a\\\"b\\\\c\"");
    arena_destroy(arena);
}

static void diagnostics_show_the_place(void **state)
{
    (void)state;
    Boundary boundary;
    Arena *arena = arena_create(&boundary);
    Source source = {.name = "m.onnxtxt", .data = "g ()\n\tRelu (x)\n", .length = 15};
    Diagnostics *diagnostics = diagnostics_create(arena);
    assert_false(error_at(diagnostics, (Location){.source = &source, .begin = 6, .end = 10},
                          "%s is wrong", "this"));
    assert_false(unsupported_at(diagnostics, (Location){.node = "n"}, "Foo-3"));
    Text text = text_create(arena);
    for (int i = 0; i < 2; i++)
        diagnostic_render(&diagnostics->items[i], &text);
    assert_string_equal(text.data, "m.onnxtxt:2:2: error: this is wrong\n  \tRelu (x)\n  \t^~~~\n"
                                   "node 'n': error: not supported: Foo-3\n");
    assert_true(diagnostics->unsupported);
    assert_int_equal(diagnostics->error_count, 2);
    assert_int_equal(diagnostics_status(diagnostics), TN_UNSUPPORTED);
    errno = ENOENT;
    assert_false(system_error_at(diagnostics, (Location){0}, "file '%s'", "w"));
    assert_string_equal(diagnostics->items[2].message, "file 'w': No such file or directory");
    assert_int_equal(diagnostics_status(diagnostics), TN_IO);
    assert_false(no_memory_at(diagnostics, (Location){0}, "%d bytes", 7));
    assert_string_equal(diagnostics->items[3].message, "out of memory for 7 bytes");
    assert_int_equal(diagnostics_status(diagnostics), TN_OUT_OF_MEMORY);
    arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_are_zeroed_and_released),
        cmocka_unit_test(a_failed_allocation_lands_at_the_boundary),
        cmocka_unit_test(children_are_destroyed_with_their_parent),
        cmocka_unit_test(maps_find_what_was_set),
        cmocka_unit_test(floats_read_back),
        cmocka_unit_test(diagnostics_show_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
