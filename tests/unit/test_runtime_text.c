/* SPDX-License-Identifier: Apache-2.0
 *
 * The runtime as one piece of C: with every host function it compiles without a warning, and needs
 * nothing from outside; without them it is smaller.
 */
#include "codegen/c/runtime_text.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"

static const char *const all_roots[] = {
    "model_enter",
    "TnArtifactInfo",
    "Program",
#define HOST(name) "host_" #name,
#include "runtime/host/host.def"
};

static RuntimeText text_of(Arena *arena, int count)
{
    return runtime_text(arena, all_roots, count, &(Map){0});
}

static void test_reach(void **state)
{
    Arena *arena = ((Fixture *)*state)->arena;
    RuntimeText few = text_of(arena, 3), all = text_of(arena, COUNT_OF(all_roots));
    assert_non_null(strstr(few.text.data, "static TnStatus model_enter("));
    assert_non_null(strstr(few.text.data, "struct Program {"));
    assert_null(strstr(few.text.data, "host_top_k"));
    assert_null(strstr(few.text.data, "#include \""));
    assert_non_null(strstr(all.text.data, "static TnStatus host_top_k("));
    assert_true(2 * few.text.length < all.text.length);
    assert_string_equal(text_of(arena, 3).text.data, few.text.data);
}

/* Compiles the text, and lists what the object needs from outside. */
static void compile(Arena *arena, const char *compiler, const char *text)
{
    char folder[] = "/tmp/tenon-text-XXXXXX", line[200];
    assert_non_null(mkdtemp(folder));
    FILE *file = fopen(arena_format(arena, "%s/runtime.c", folder), "w");
    assert_non_null(file);
    fprintf(file, "%s\nextern void *const entries[];\nvoid *const entries[] = {", text);
    for (size_t i = 0; i < COUNT_OF(all_roots); i++)
        if (strstr(text, arena_format(arena, " %s(", all_roots[i])))
            fprintf(file, "(void *)%s, ", all_roots[i]);
    fprintf(file, "0};\n");
    fclose(file);
    const char *command = arena_format(
        arena, "cd %s && %s -std=c17 -Wall -Wextra -Werror -c runtime.c", folder, compiler);
    int status = system(command);
    FILE *names = popen(arena_format(arena, "nm -u %s/runtime.o", folder), "r");
    while (status == 0 && fgets(line, sizeof line, names))
        if (!strstr(line, " mem") && !strstr(line, "_GLOBAL_OFFSET_TABLE_"))
            fail_msg("%s: the runtime needs %s", compiler, line);
    pclose(names);
    assert_int_equal(system(arena_format(arena, "rm -r %s", folder)), 0);
    assert_int_equal(status, 0);
}

/* Cases that do not occur are left out, with the functions that they alone call. */
static void test_cases(void **state)
{
    Arena *arena = ((Fixture *)*state)->arena;
    Map never = map_create(arena);
    map_set(&never, "STEP_loop", (void *)1);
    map_set(&never, "STEP_if", (void *)1);
    RuntimeText all = text_of(arena, 3), some = runtime_text(arena, all_roots, 3, &never);
    assert_non_null(strstr(all.text.data, "run_loop(run, step)"));
    assert_null(strstr(all.text.data, "default: break;\n    }\n    return run_fail"));
    assert_null(strstr(some.text.data, "run_loop"));
    assert_null(strstr(some.text.data, "case STEP_if"));
    assert_non_null(strstr(some.text.data, "    case STEP_halo: return run_halo(run, step);\n"
                                           "    default: break;\n    }\n    return run_fail"));
    compile(arena, "cc", some.text.data);
}

static void test_compilers(void **state)
{
    static const char *const compilers[] = {"gcc", "clang-19"};
    Arena *arena = ((Fixture *)*state)->arena;
    RuntimeText all = text_of(arena, COUNT_OF(all_roots));
    for (size_t i = 0; i < COUNT_OF(compilers); i++)
        if (system(arena_format(arena, "%s --version > /dev/null 2>&1", compilers[i])) == 0)
            compile(arena, compilers[i], all.text.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reach, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cases, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_compilers, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
