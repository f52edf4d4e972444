/* SPDX-License-Identifier: Apache-2.0 */
#include "c_route.h"

#include "folder.h"

#include "codegen/c/unit.h"
#include "codegen/function_key.h"
#include "codegen/schedule.h"
#include "ir/support/array.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *compiler = "cc -O1";

void c_route_compiler(const char *command)
{
    compiler = command;
}

/* What a kernel does, for the comment above it. */
static const char *comment_of(Arena *arena, const Phase *phase)
{
    Text text = text_create(arena);
    kernel_print(phase->kernel, &text);
    return text.data;
}

static bool write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    bool good = file && fputs(text, file) >= 0;
    return file && fclose(file) == 0 && good;
}

enum { CANNOT_BE_RUN = 126, CANNOT_BE_FOUND = 127 }; /* a shell's statuses */

TnStatus c_route_build(Arena *arena, const char *folder, const char *stem, void **library,
                       Diagnostics *diagnostics)
{
    const char *object = arena_format(arena, "%s/%s.so", folder, stem);
    const char *command = arena_format(
        arena, "cd %s && %s -std=c17 -Wall -Wextra -Werror -Wno-psabi -shared -fPIC -o %s.so %s.c",
        folder, compiler, stem, stem);
    int status = system(command);
    *library = status == 0 ? dlopen(object, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (*library)
        return TN_OK;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : status;
    if (code == CANNOT_BE_RUN || code == CANNOT_BE_FOUND)
        error_at(diagnostics, (Location){0}, "the compiler '%s' cannot be run", compiler);
    else
        error_at(diagnostics, (Location){0}, "internal error: '%s' fails with %d", command, code);
    return code == CANNOT_BE_RUN || code == CANNOT_BE_FOUND ? TN_IO : TN_INTERNAL;
}

void c_route_clean(Arena *arena, const char *folder, const char *stem)
{
    static const char *const endings[] = {"c", "so", "weights"};
    if (getenv("TENON_KEEP"))
        return;
    for (size_t i = 0; i < COUNT_OF(endings); i++)
        unlink(arena_format(arena, "%s/%s.%s", folder, stem, endings[i]));
    rmdir(folder);
}

static TnStatus compile(const Target *target, const Parallel *parallel, Arena *arena,
                        Phase *const *phases, int count, void **module, Diagnostics *diagnostics)
{
    const Function **functions = ARENA_ARRAY(arena, const Function *, count + 1);
    const char **names = ARENA_ARRAY(arena, const char *, count + 1);
    int *chosen = ARENA_ARRAY(arena, int, count + 1), written = 0;
    const char *folder;
    (void)parallel;
    *module = NULL;
    if (count == 0)
        return TN_OK;
    functions_share(arena, phases, count, functions, chosen);
    CUnit *unit = c_unit_create(arena, target, &dialect_c);
    for (int i = 0; i < count; i++)
        if (chosen[i] == written)
            names[written++] = c_unit_function(unit, phases[i]->kernel->pool, phases[i]->function,
                                               comment_of(arena, phases[i]), true);
    Text text = text_create(arena);
    c_unit_write(unit, &text);
    if (!(folder = temporary_folder(arena, "tenon-c"))) {
        error_at(diagnostics, (Location){0}, "no temporary folder can be made (TMPDIR)");
        return TN_IO;
    }
    TnStatus status = TN_IO;
    if (write_file(arena_format(arena, "%s/kernels.c", folder), text.data))
        status = c_route_build(arena, folder, "kernels", module, diagnostics);
    c_route_clean(arena, folder, "kernels");
    for (int i = 0; i < count && *module; i++) {
        void *address = dlsym(*module, names[chosen[i]]);
        memcpy(&phases[i]->code, &address, sizeof address);
    }
    return status;
}

static void destroy(void *module)
{
    if (module)
        dlclose(module);
}

const Backend backend_c = {"c",     true, target_has_operation, schedule_phases, compile,
                           destroy, false};
