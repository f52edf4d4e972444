/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

#include "ir/support/array.h"
#include "messages.h"
#include "passes/model_text.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * (int64_t)1000000000 + time.tv_nsec;
}

static int64_t progress_shown_ns;

void show_progress(const char *format, ...)
{
    static int64_t started_ns;
    int64_t now = now_ns();
    if (!started_ns)
        started_ns = now;
    if (!isatty(2) || now - started_ns < 1000000000 || now - progress_shown_ns < 100000000)
        return;
    progress_shown_ns = now;
    va_list list;
    va_start(list, format);
    fputs("\r\033[K", stderr);
    vfprintf(stderr, format, list);
    va_end(list);
}

void clear_progress(void)
{
    if (progress_shown_ns)
        fputs("\r\033[K", stderr);
    progress_shown_ns = 0;
}

bool session_open(Session *session, const Options *options)
{
    *session = (Session){.options = options, .status = EXIT_GOOD};
    session->arena = arena_create(&session->boundary);
    session->scratch = arena_create(&session->boundary);
    if (session->arena && session->scratch)
        return true;
    session_no_memory();
    session_close(session);
    return false;
}

void session_close(Session *session)
{
    if (session->program && session->program->destroy)
        session->program->destroy(session->program);
    if (session->library)
        dlclose(session->library);
    thread_pool_destroy(session->pool);
    arena_destroy(session->scratch);
    arena_destroy(session->arena);
}

int session_no_memory(void)
{
    tell(SEVERITY_ERROR, NULL, "out of memory");
    return EXIT_WRONG_MODEL;
}

int session_run(const Options *options, int files, bool (*command)(Session *session))
{
    Session session;
    need_arguments(options, files, files, files == 1 ? "one model" : "two files");
    if (!session_open(&session, options))
        return EXIT_WRONG_MODEL;
    int status = setjmp(session.boundary.jump) ? session_no_memory()
                 : command(&session)           ? EXIT_GOOD
                                               : session.status;
    session_close(&session);
    return status;
}

void session_report(Session *session)
{
    clear_progress();
    for (; !session->quiet && session->diagnostics && session->shown < session->diagnostics->count;
         session->shown++) {
        tell_diagnostic(&session->diagnostics->items[session->shown], session->path,
                        session->arena);
    }
}

bool session_fail(Session *session, TnStatus status, const char *format, ...)
{
    session_report(session);
    session->status = status == TN_INTERNAL ? EXIT_OUR_BUG : EXIT_WRONG_MODEL;
    if (!format)
        return false;
    va_list list;
    va_start(list, format);
    const char *message = arena_format_list(session->arena, format, list);
    va_end(list);
    if (session->quiet)
        error_at(session->diagnostics, (Location){0}, "%s", message);
    else
        tell(SEVERITY_ERROR, session->path, "%s", message);
    return false;
}

/* ---- Options ----------------------------------------------------------------------------- */

/* "NAME=VALUE" cut at the last '=' or ':'. */
static const char *cut(Arena *arena, const char *text, char at, const char **value,
                       const char *option)
{
    const char *found = strrchr(text, at);
    if (!found || found == text || !found[1])
        wrong_usage("option '--%s' needs NAME%cVALUE, not '%s'", option, at, text);
    *value = found + 1;
    return arena_string(arena, text, (size_t)(found - text));
}

static void read_sizes(Session *session, ImportOptions *import)
{
    ARRAY(DimSetting) dims = {0};
    ARRAY(ShapeSetting) shapes = {0};
    const char *text, *value;
    for (int i = 0; (text = option_each(session->options, OPTION_dim, i)); i++) {
        DimSetting dim = {.symbol = cut(session->arena, text, '=', &value, "dim")};
        char *end;
        dim.size = strtoll(value, &end, 10);
        if (*end || dim.size < 0)
            wrong_usage("option '--dim' needs a size, not '%s'", value);
        array_push(session->arena, &dims, dim);
    }
    for (int i = 0; i < session->size_count; i++)
        array_push(session->arena, &dims, session->sizes[i]);
    for (int i = 0; (text = option_each(session->options, OPTION_shape, i)); i++) {
        ShapeSetting shape = {.input = cut(session->arena, text, ':', &value, "shape")};
        if (!shape_parse(value, &shape.rank, shape.dims))
            wrong_usage("option '--shape' needs sizes as in 1x3x224x224, or 'scalar', not '%s'",
                        value);
        array_push(session->arena, &shapes, shape);
    }
    import->dims = dims.items;
    import->dim_count = (int)dims.count;
    import->shapes = shapes.items;
    import->shape_count = (int)shapes.count;
}

const char *session_pipeline(const Session *session)
{
    const char *given = option_text(session->options, OPTION_passes, NULL);
    if (given)
        return given;
    int64_t level = option_integer(session->options, OPTION_level, 2);
    return level == 0 ? "@required" : level == 1 ? "@unfused" : "@default";
}

Parallel session_parallel(Session *session)
{
    if (session->pool)
        return thread_pool_parallel(session->pool);
    int64_t threads = option_integer(session->options, OPTION_threads, 1);
    int allowed = thread_processors();
    if (threads > allowed)
        tell(SEVERITY_NOTE, NULL,
             "this process may use %d processor%s: running on %d thread%s, not %lld", allowed,
             allowed > 1 ? "s" : "", allowed, allowed > 1 ? "s" : "", (long long)threads);
    if (threads == 0 || threads > allowed)
        threads = allowed;
    if (threads > 1)
        session->pool = thread_pool_create((int)threads);
    return thread_pool_parallel(session->pool);
}

/* ---- Steps ------------------------------------------------------------------------------- */

bool session_read(Session *session, const char *path)
{
    int64_t begin = now_ns();
    session->path = path;
    session->diagnostics = diagnostics_create(session->arena);
    session->document = document_load(session->arena, path, session->diagnostics);
    session->load_ns = now_ns() - begin;
    return session->document != NULL || session_fail(session, TN_INVALID_MODEL, NULL);
}

bool session_import(Session *session)
{
    int64_t begin = now_ns();
    ImportOptions import = {.constants = session->constants,
                            .constant_count = session->constant_count};
    read_sizes(session, &import);
    session->model = model_import(session->arena, session->document, &import, &session->needs,
                                  session->diagnostics);
    session->load_ns += now_ns() - begin;
    return session->model != NULL || session_fail(session, TN_INVALID_MODEL, NULL);
}

static void dump(void *user, const char *pass, bool before, const char *text)
{
    (void)user;
    fprintf(stderr, "# %s %s\n%s", before ? "before" : "after", pass, text);
}

static void print_reports(Session *session)
{
    const Options *options = session->options;
    bool times = option_given(options, OPTION_time_passes);
    if (session->replays)
        return;
    if (times || option_given(options, OPTION_stats))
        tell_statistics(&session->report, times, session->arena);
    if (option_given(options, OPTION_explain))
        tell_explanations(&session->report, session->arena);
    if (option_given(options, OPTION_bisect) && session->report.last_change)
        tell_bisection(&session->report);
}

bool session_optimize(Session *session, const char *pipeline)
{
    const Options *options = session->options;
    int64_t begin = now_ns();
    RunOptions run = run_options_default();
    run.pipeline = session->prefix && *pipeline
                       ? arena_format(session->arena, "%s, %s", session->prefix, pipeline)
                   : session->prefix ? session->prefix
                                     : pipeline;
    run.verify_each = option_given(options, OPTION_verify_each);
    run.roundtrip_each = option_given(options, OPTION_roundtrip_each);
    if (!session->is_again) {
        run.print_before = option_text(options, OPTION_print_before, NULL);
        run.print_after = option_text(options, OPTION_print_after, NULL);
    }
    run.stop_after = option_text(options, OPTION_stop_after, NULL);
    run.bisect = option_integer(options, OPTION_bisect, -1);
    run.explain = option_given(options, OPTION_explain);
    run.reproduce = session->replays;
    run.dump = session->replays ? NULL : dump;
    TnStatus status = passes_run(session->model, &run, session->scratch, &session->report);
    session->passes_ns = now_ns() - begin;
    if (!session->is_again)
        print_reports(session);
    if (status == TN_OK)
        return true;
    if (session->report.needed_count) {
        session->needs.count = session->report.needed_count;
        session->needs.inputs = ARENA_ARRAY(session->arena, const char *, session->needs.count);
        for (int64_t i = 0; i < session->needs.count; i++)
            session->needs.inputs[i] = session->report.needed[i]->name;
    }
    return session_fail(session, status, NULL);
}

/* ---- Our bugs ---------------------------------------------------------------------------- */

/* The optimised model, under the command that cannot compile it. */
static const char *print_uncompiled(Session *session)
{
    static const struct {
        OptionKind kind;
        const char *name;
    } kept[] = {{OPTION_via, "via"},
                {OPTION_cc, "cc"},
                {OPTION_target, "target"},
                {OPTION_mcpu, "mcpu"},
                {OPTION_mattr, "mattr"}};
    Text text = text_create(session->arena);
    text_append(&text, "# RUN: tenon check --passes=");
    for (size_t i = 0; i < COUNT_OF(kept); i++)
        if (option_given(session->options, kept[i].kind))
            text_format(&text, " --%s '%s'", kept[i].name,
                        option_text(session->options, kept[i].kind, ""));
    text_append(&text, " %s\n");
    return model_print(session->model, 0, &text) ? text.data : NULL;
}

void session_reproduce(Session *session, const char *pipeline)
{
    const char *path = "repro.onnxtxt", *text;
    bool quiet = session->quiet;
    int64_t count = session->diagnostics->count;
    if (quiet || session->status != EXIT_OUR_BUG)
        return;
    session->quiet = session->replays = true;
    bool is_optimized = session_import(session) && session_optimize(session, pipeline);
    text = is_optimized ? print_uncompiled(session) : session->report.reproducer;
    session->diagnostics->count = count;
    session->quiet = session->replays = false;
    FILE *file = text ? fopen(path, "wb") : NULL;
    bool good = file && fputs(text, file) >= 0;
    if (file && fclose(file) == 0 && good)
        tell(SEVERITY_NOTE, NULL, "%s holds the model %s", path,
             is_optimized ? "that could not be compiled" : "before the pass that failed");
}
