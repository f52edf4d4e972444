/* SPDX-License-Identifier: Apache-2.0
 *
 * The public interface: compiled programs kept on disk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tenon.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/tenon_cache_XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

/* Calls visit with each file's path; answers how many there are. */
static int each_file(void (*visit)(const char *path))
{
    int count = 0;
    DIR *open_folder = opendir(folder);
    for (struct dirent *file; open_folder && (file = readdir(open_folder));) {
        char path[512];
        if (file->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, file->d_name);
        count++;
        if (visit)
            visit(path);
    }
    if (open_folder)
        closedir(open_folder);
    return count;
}

static void remove_file(const char *path)
{
    unlink(path);
}

static int remove_folder(void **state)
{
    (void)state;
    each_file(remove_file);
    return rmdir(folder);
}

/* y = x * factor, where N is left open or not. Whether it came from the cache. */
static bool compile_and_run(int factor, int64_t size, const TnCache *cache, const char *backend)
{
    char text[512];
    float x[] = {1, 2, 3};
    TnModel *model = NULL;
    TnProgram *program = NULL;
    TnContext *context = NULL;
    TnSymbolSize symbol = {"N", size};
    TnCompileOptions options = {.size = sizeof options,
                                .backend = backend,
                                .sizes = &symbol,
                                .size_count = size > 0,
                                .cache = cache};
    TnProgramInfo info = {.size = sizeof info};
    snprintf(text, sizeof text,
             "<ir_version: 10, opset_import: [\"\" : 21]>\n"
             "net (float[N] x) => (float[N] y) <float w = {%d}> { h = Exp (x)  l = Log (h)  y = "
             "Mul (l, w) }\n",
             factor);
    assert_int_equal(tn_model_parse(text, strlen(text), "net", NULL, &model), TN_OK);
    assert_int_equal(tn_compile(model, &options, &program), TN_OK);
    tn_model_destroy(model);
    assert_int_equal(tn_program_info(program, &info), TN_OK);
    assert_true(info.kernel_count > 0);
    assert_int_equal(tn_context_create(program, NULL, &context), TN_OK);
    TnValue input = {TN_TENSOR, {TN_FLOAT, 1, {3}, x}, 0, NULL}, y = {0};
    assert_int_equal(tn_run(context, 1, &input, 1, &y), TN_OK);
    for (int i = 0; i < 3; i++) {
        float error = ((float *)y.tensor.data)[i] - (float)factor * x[i];
        assert_true(error < 1e-4f * (float)factor && error > -1e-4f * (float)factor);
    }
    tn_context_destroy(context);
    tn_program_destroy(program);
    return info.from_cache;
}

static void test_keeps_programs(void **state)
{
    (void)state;
    TnCache cache = {.folder = folder};
    assert_false(compile_and_run(2, 0, &cache, NULL));
    assert_int_equal(each_file(NULL), 1);
    assert_true(compile_and_run(2, 0, &cache, NULL));
    assert_int_equal(each_file(NULL), 1);
    /* What makes another program makes another entry. */
    assert_false(compile_and_run(3, 0, &cache, NULL));
    assert_false(compile_and_run(2, 3, &cache, NULL));
    assert_int_equal(each_file(NULL), 3);
    assert_true(compile_and_run(3, 0, &cache, NULL));
    assert_true(compile_and_run(2, 3, &cache, NULL));
    /* The interpreter has no code to keep; nor is there any without a folder. */
    assert_false(compile_and_run(2, 0, &cache, "interpreter"));
    assert_false(compile_and_run(2, 0, NULL, NULL));
    assert_int_equal(each_file(NULL), 3);
}

static void damage(const char *path)
{
    struct stat status;
    int file = open(path, O_RDWR);
    assert_true(file >= 0 && fstat(file, &status) == 0);
    char byte = 0;
    assert_int_equal(pread(file, &byte, 1, status.st_size / 2), 1);
    byte = (char)~byte;
    assert_int_equal(pwrite(file, &byte, 1, status.st_size / 2), 1);
    close(file);
}

static void cut(const char *path)
{
    assert_int_equal(truncate(path, 100), 0);
}

static void test_makes_damaged_entries_again(void **state)
{
    (void)state;
    TnCache cache = {.folder = folder};
    void (*const harms[])(const char *) = {damage, cut};
    for (size_t i = 0; i < 2; i++) {
        assert_false(compile_and_run(5 + (int)i, 0, &cache, NULL));
        each_file(harms[i]);
        assert_false(compile_and_run(5 + (int)i, 0, &cache, NULL));
        assert_true(compile_and_run(5 + (int)i, 0, &cache, NULL));
        each_file(remove_file);
    }
}

static int64_t total;
static const char *oldest;

static void add_size(const char *path)
{
    struct stat status;
    total += stat(path, &status) == 0 ? status.st_size : 0;
}

static void make_old(const char *path)
{
    struct timespec times[2] = {{1000, 0}, {1000, 0}};
    if (!oldest)
        oldest = strdup(path);
    if (!strcmp(path, oldest))
        utimensat(AT_FDCWD, path, times, 0);
}

static void test_lets_go_what_was_used_longest_ago(void **state)
{
    (void)state;
    TnCache cache = {.folder = folder};
    total = 0;
    for (int i = 1; i <= 3; i++)
        assert_false(compile_and_run(10 * i, 0, &cache, NULL));
    each_file(add_size);
    each_file(make_old);
    cache.limit = total + total / 6; /* room for three and a half */
    assert_false(compile_and_run(40, 0, &cache, NULL));
    assert_int_equal(each_file(NULL), 3);
    assert_int_not_equal(access(oldest, F_OK), 0);
    assert_true(compile_and_run(40, 0, &cache, NULL));
    cache.limit = 1; /* the newest stays, whatever its size */
    assert_false(compile_and_run(50, 0, &cache, NULL));
    assert_int_equal(each_file(NULL), 1);
    assert_true(compile_and_run(50, 0, &cache, NULL));
    free((void *)oldest);
}

static void check_entry(const char *path)
{
    TnProgram *program = NULL;
    assert_int_equal(tn_program_load(path, NULL, &program), TN_OK);
    tn_program_destroy(program);
}

/* Whenever a process is killed while it compiles, there is a whole entry or none, and nothing else.
 */
static void test_killed_processes_leave_whole_entries(void **state)
{
    (void)state;
    enum { KILLS = 12, LONGEST_US = 40000 };
    TnCache cache = {.folder = folder};
    for (int i = 0; i < KILLS; i++) {
        pid_t child = fork();
        if (child == 0) {
            compile_and_run(100 + i, 0, &cache, NULL);
            _exit(0);
        }
        assert_true(child > 0);
        usleep((useconds_t)(i * LONGEST_US / KILLS));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        each_file(check_entry);
    }
    int kept = each_file(NULL);
    for (int i = 0; i < KILLS; i++)
        kept -= compile_and_run(100 + i, 0, &cache, NULL);
    assert_int_equal(kept, 0); /* what was left was theirs, and is used */
    assert_int_equal(each_file(NULL), KILLS);
}

/* States belong to the handle, not to what is kept. */
static void test_kept_programs_have_states(void **state)
{
    (void)state;
    static const char sum[] = "<ir_version: 10, opset_import: [\"\" : 21]>\n"
                              "net (float[1] past, float[1] x) => (float[1] present) {\n"
                              "  present = Add (past, x)\n"
                              "}\n";
    TnCache cache = {.folder = folder};
    TnState pair = {"past", "present", NULL, 0};
    TnCompileOptions options = {
        .size = sizeof options, .states = &pair, .state_count = 1, .cache = &cache};
    float x[] = {2};
    for (int round = 0; round < 2; round++) {
        TnProgramInfo info = {.size = sizeof info};
        TnModel *model = NULL;
        TnProgram *program = NULL;
        TnContext *context = NULL;
        TnTensor value;
        TnValue input = {TN_TENSOR, {TN_FLOAT, 1, {1}, x}, 0, NULL};
        assert_int_equal(tn_model_parse(sum, strlen(sum), "net", NULL, &model), TN_OK);
        assert_int_equal(tn_compile(model, &options, &program), TN_OK);
        assert_int_equal(tn_program_info(program, &info), TN_OK);
        assert_int_equal(info.from_cache, round);
        assert_int_equal(tn_context_create(program, NULL, &context), TN_OK);
        for (int i = 1; i <= 3; i++) {
            assert_int_equal(tn_run(context, 1, &input, 0, NULL), TN_OK);
            assert_int_equal(tn_context_state(context, 0, &value), TN_OK);
            assert_true(*(float *)value.data == 2.0f * (float)i);
        }
        tn_context_destroy(context);
        tn_program_destroy(program);
        tn_model_destroy(model);
    }
}

static void test_does_without_where_it_cannot(void **state)
{
    (void)state;
    TnCache cache = {.folder = "/proc/nowhere/at/all"};
    assert_false(compile_and_run(2, 0, &cache, NULL));
    assert_false(compile_and_run(2, 0, &cache, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keeps_programs, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_makes_damaged_entries_again, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(test_lets_go_what_was_used_longest_ago, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(test_killed_processes_leave_whole_entries, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(test_kept_programs_have_states, make_folder, remove_folder),
        cmocka_unit_test(test_does_without_where_it_cannot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
