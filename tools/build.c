/* SPDX-License-Identifier: Apache-2.0
 *
 * The second half of a session: from the optimised model to a program.
 */
#include "c_route.h"
#include "inputs.h"

#include "codegen/compile.h"

#include <stdlib.h>
#include <string.h>

/* --max NAME=N: the symbol that only running tells is at most N; a run that exceeds it fails. */
static bool limit_symbols(Session *session)
{
    ExprPool *pool = session->model->pool;
    const char *text;
    for (int i = 0; (text = option_each(session->options, OPTION_max, i)); i++) {
        const char *at = strrchr(text, '=');
        char *end = NULL;
        long long most = at ? strtoll(at + 1, &end, 10) : 0;
        if (!at || end == at + 1 || *end || most < 0)
            wrong_usage("option '--max' needs NAME=N, not '%s'", text);
        const char *name = arena_string(session->arena, text, (size_t)(at - text));
        int symbol = expr_pool_symbol_count(pool);
        while (symbol-- && strcmp(expr_pool_symbol(pool, symbol)->name, name) != 0)
            ;
        if (symbol < 0)
            return session_fail(session, TN_BAD_ARGUMENT, "there is no size '%s' (--max %s)", name,
                                text);
        symbol_restrict(pool, expr_symbol(pool, name), 0, most);
    }
    return true;
}

bool session_compile(Session *session)
{
    const Options *options = session->options;
    int64_t begin = now_ns();
    const char *via = option_text(options, OPTION_via, "jit");
    CompileSettings settings;
    compile_settings_default(&settings);
    if (strcmp(via, "interpreter") == 0)
        settings.backend = &backend_interpreter;
    else if (strcmp(via, "jit") == 0)
        settings.backend = &backend_llvm;
    else if (strcmp(via, "c") == 0)
        settings.backend = &backend_c;
    else
        wrong_usage("option '--via' is jit, c or interpreter, not '%s'", via);
    if (option_given(options, OPTION_cc))
        c_route_compiler(option_text(options, OPTION_cc, ""));
    if (strcmp(option_text(options, OPTION_device, "cpu"), "cpu") != 0)
        wrong_usage("option '--device' knows cpu, not '%s'",
                    option_text(options, OPTION_device, ""));
    settings.parallel = session_parallel(session);
    settings.split_kernels =
        option_given(options, OPTION_split_kernels) || option_integer(options, OPTION_level, 2) < 2;
    if (!limit_symbols(session))
        return false;
    Text listing = text_create(session->arena);
    if (option_given(options, OPTION_print_kernels))
        settings.listing = &listing;
    TnStatus status =
        program_compile(session->model, &settings, &session->program, session->diagnostics);
    session->compile_ns = now_ns() - begin;
    if (settings.listing) {
        if (status == TN_OK)
            program_print(session->program, &listing);
        fputs(listing.data, stderr);
    }
    return status == TN_OK || session_fail(session, status, NULL);
}

/* One attempt, with the constants that are known so far. */
static bool build_once(Session *session)
{
    session->needs.count = 0;
    return session_import(session) && session_optimize(session, session_pipeline(session)) &&
           session_compile(session);
}

bool session_build(Session *session, const char *path)
{
    if (!session_read(session, path))
        return false;
    /* The first attempts keep their complaints to themselves if giving values can help. */
    bool quiet = session->quiet;
    for (int attempt = 0; attempt < 4; attempt++) {
        int64_t before = session->diagnostics->count;
        session->quiet = true;
        session->status = EXIT_GOOD;
        bool good = build_once(session);
        session->quiet = quiet;
        if (good || session->needs.count == 0 || !inputs_specialize(session)) {
            session_report(session);
            return good;
        }
        session->shown = session->diagnostics->count = before;
        session->diagnostics->error_count = 0;
        session->diagnostics->unsupported = false;
    }
    session_report(session);
    return false;
}
