/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that appear whole or not at all: without a name, and in a root without /proc, where a name
 * is needed from the beginning.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ir/support/new_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];
static Boundary boundary;

static int open_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/tenon-new-file-XXXXXX");
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

/* The names in the current folder, in order, with a blank behind each. */
static const char *names(void)
{
    static char text[512];
    struct dirent **entries;
    int count = scandir(".", &entries, NULL, alphasort);
    text[0] = 0;
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.')
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s ", entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return text;
}

static const char *bytes_of(const char *name)
{
    static char text[64];
    int file = open(name, O_RDONLY);
    ssize_t length = file >= 0 ? read(file, text, sizeof text - 1) : 0;
    text[length > 0 ? length : 0] = 0;
    if (file >= 0)
        close(file);
    return text;
}

static int close_folder(void **state)
{
    (void)state;
    char name[16];
    while (sscanf(names(), "%15s", name) == 1)
        if (unlink(name) != 0)
            return -1;
    return chdir("/") == 0 ? rmdir(folder) : -1;
}

static NewFile *make(Arena *arena, const char *path, const char *text)
{
    NewFile *file = new_file_open(arena, path);
    if (file && write(file->descriptor, text, strlen(text)) != (ssize_t)strlen(text))
        return NULL;
    return file;
}

/* ---- Without a name ---------------------------------------------------------------------- */

static void test_appears_when_it_is_done(void **state)
{
    (void)state;
    Arena *arena = arena_create(&boundary);
    NewFile *file = make(arena, "y", "first");
    assert_non_null(file);
    if (!file->temporary)
        assert_string_equal(names(), "");
    assert_true(new_file_commit(file));
    assert_string_equal(names(), "y ");
    NewFile *second = make(arena, "y", "second"), *dropped = make(arena, "y", "dropped");
    assert_string_equal(bytes_of("y"), "first");
    assert_true(new_file_commit(second));
    assert_string_equal(bytes_of("y"), "second");
    new_file_drop(dropped);
    make(arena, "z", "goes with the arena");
    arena_destroy(arena);
    assert_string_equal(names(), "y ");
    assert_string_equal(bytes_of("y"), "second");
}

static void test_folder_in_the_way(void **state)
{
    (void)state;
    Arena *arena = arena_create(&boundary);
    assert_null(make(arena, "nowhere/y", "text"));
    assert_int_equal(errno, ENOENT);
    NewFile *file = make(arena, "./.", "text");
    assert_true(!file || !new_file_commit(file));
    arena_destroy(arena);
    assert_string_equal(names(), "");
}

/* ---- With one ---------------------------------------------------------------------------- */

/* In a process of its own; how often something was wrong, by the line. */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            print_error("%s:%d: %s; there are: %s\n", __FILE__, __LINE__, #condition, names());    \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

static int in_bare_root(void)
{
    Arena *arena = arena_create(&boundary);
    NewFile *first = make(arena, "y", "first"), *second = make(arena, "y", "second");
    EXPECT(first && second && first->temporary && second->temporary);
    EXPECT(!strcmp(names(), "y.part y.part1 "));
    EXPECT(new_file_commit(first) && !strcmp(names(), "y y.part1 "));
    EXPECT(!strcmp(bytes_of("y"), "first"));
    EXPECT(new_file_commit(second) && !strcmp(names(), "y "));
    EXPECT(!strcmp(bytes_of("y"), "second"));
    make(arena, "y", "dropped with the arena");
    arena_destroy(arena);
    EXPECT(!strcmp(names(), "y "));
    pid_t child = fork();
    if (child == 0) {
        make(arena_create(&boundary), "y", "what a killed process leaves behind");
        raise(SIGKILL);
    }
    EXPECT(child > 0 && waitpid(child, NULL, 0) == child);
    EXPECT(!strcmp(names(), "y y.part ") && !strcmp(bytes_of("y"), "second"));
    arena = arena_create(&boundary);
    NewFile *third = make(arena, "y", "third");
    EXPECT(third && new_file_commit(third) && !strcmp(names(), "y "));
    EXPECT(!strcmp(bytes_of("y"), "third"));
    arena_destroy(arena);
    return 0;
}

static void test_root_without_proc(void **state)
{
    (void)state;
    enum { NOT_ALLOWED = 77 };
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(chroot(".") == 0 ? in_bare_root() : NOT_ALLOWED);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NOT_ALLOWED) {
        print_message("skipped: the root folder cannot be changed here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_folder, close_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_appears_when_it_is_done),
        TEST(test_folder_in_the_way),
        TEST(test_root_without_proc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
