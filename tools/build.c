/* SPDX-License-Identifier: Apache-2.0
 *
 * The second half of a session: from the optimised model to a program.
 */
#include "c_route.h"
#include "folder.h"
#include "golden.h"
#include "inputs.h"
#include "messages.h"
#include "parts.h"

#include "codegen/artifact/artifact.h"
#include "codegen/artifact/image.h"
#include "frontend/load.h"
#include "ir/support/array.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file's choices of tiles, tenon tune's own, or a list of what there is to choose from, for
 * --explain. */
static void choose_tuning(Session *session, Target *target)
{
    const char *path = option_text(session->options, OPTION_tuning, NULL);
    target->tuning = session->tuning;
    if (path || session->tuning)
        session->tuning_scope = tuning_scope(session->arena, session->model, target);
    if (path && !session->tuning)
        target->tuning =
            tuning_read(session->arena, path, &session->tuning_scope, session->diagnostics);
    if (!target->tuning && option_given(session->options, OPTION_explain))
        target->tuning = tuning_create(session->arena);
}

/* How to compile, by the options; false after saying what is wrong with them. */
static bool read_settings(Session *session, CompileSettings *settings, bool artifact)
{
    const Options *options = session->options;
    compile_settings_default(settings);
    settings->parallel = session_parallel(session);
    settings->split_kernels =
        option_given(options, OPTION_split_kernels) || option_integer(options, OPTION_level, 2) < 2;
    const char *triple = option_text(options, OPTION_target, NULL);
    const char *cpu = option_text(options, OPTION_mcpu, NULL);
    const char *features = option_text(options, OPTION_mattr, NULL);
    if (cpu && strchr(cpu, ',') && artifact)
        cpu = NULL; /* session_parts() */
    if ((triple || cpu || features) && !target_named(session->arena, triple, cpu, features,
                                                     &settings->target, session->diagnostics))
        return session_fail(session, TN_UNSUPPORTED, NULL);
    settings->target.strict = !strcmp(option_text(options, OPTION_math, "default"), "strict");
    if (!session_limit(session))
        return false;
    choose_tuning(session, &settings->target);
    return true;
}

static void explain_tiles(const Session *session, const CompileSettings *settings)
{
    if (option_given(session->options, OPTION_explain) && !session->is_again)
        tell_tiles(settings->target.tuning, session->arena);
}

/* Kernels, nests and steps, to stderr, where the options ask for them. */
static void print_program(const Listing *listing, const Program *program)
{
    Text text = listing->text;
    program_print(program, &text);
    fputs(text.data, stderr);
}

bool session_compile_to(Session *session, const ArtifactRequest *request)
{
    int64_t begin = now_ns();
    CompileSettings settings;
    Parts parts;
    Listing listing = listing_create(session->arena);
    if (!read_settings(session, &settings, true))
        return false;
    if (request->form == ARTIFACT_graph)
        return model_save(session->arena, session->model, request->path, NULL,
                          session->diagnostics) ||
               session_fail(session, TN_IO, NULL);
    settings.moves_constants = true;
    settings.writes_c = request->form == ARTIFACT_c;
    if (option_given(session->options, OPTION_print_kernels))
        settings.listing = &listing;
    if (!session_parts(session, &settings, &parts))
        return false;
    if (settings.listing)
        print_program(&listing, parts.items[0].lowered->program);
    ArtifactRequest whole = *request;
    if (option_given(session->options, OPTION_embed_selftest) && !session_golden(session, &whole))
        return false;
    TnStatus status = artifact_write(parts.items, parts.count, &whole, session->diagnostics);
    session->compile_ns = now_ns() - begin;
    explain_tiles(session, &settings);
    return status == TN_OK || session_fail(session, status, NULL);
}

bool session_load(Session *session, const char *path)
{
    Artifact *artifact;
    char message[600];
    int64_t begin = now_ns();
    session->path = path;
    if (!session->diagnostics)
        session->diagnostics = diagnostics_create(session->arena);
    ArtifactOptions options = {.layout = image_layout(),
                               .weights = option_text(session->options, OPTION_weights, NULL)};
    TnStatus status = artifact_load(path, &options, &artifact, message, sizeof message);
    session->load_ns = now_ns() - begin;
    if (status != TN_OK) {
        error_at(session->diagnostics, (Location){0}, "%s", message);
        return session_fail(session, status, NULL);
    }
    session->artifact = artifact;
    session->program = artifact_program(artifact);
    return true;
}

/* Through a file: compiled to a shared library in a temporary folder, which is loaded and removed.
 */
static bool compile_via_so(Session *session)
{
    const char *folder = temporary_folder(session->arena, "tenon");
    if (!folder)
        return session_fail(session, TN_IO, "no temporary folder can be made (TMPDIR)");
    const char *path = arena_format(session->arena, "%s/model.so", folder), *own = session->path;
    ArtifactRequest request = {.path = path, .form = ARTIFACT_shared};
    int64_t load_ns = session->load_ns;
    bool done = session_compile_to(session, &request) && session_load(session, path);
    session->path = own;
    session->load_ns = load_ns;
    unlink(path);
    rmdir(folder);
    return done;
}

/* The file's stem with another ending, in the current folder. */
static const char *named_here(Session *session, const char *ending)
{
    const char *slash = strrchr(session->path, '/'), *name = slash ? slash + 1 : session->path;
    return arena_format(session->arena, "%.*s%s", (int)strcspn(name, "."), name, ending);
}

/* -g: as a library with debugging information that the dynamic loader brings, which debuggers
 * watch. What they show as its source stays in the current folder. */
static bool compile_for_debugger(Session *session)
{
    const char *folder = temporary_folder(session->arena, "tenon");
    const TnArtifactInfo *info = NULL;
    if (!folder)
        return session_fail(session, TN_IO, "no temporary folder can be made (TMPDIR)");
    const char *path = arena_format(session->arena, "%s/model.so", folder);
    ArtifactRequest request = {
        .path = path, .form = ARTIFACT_shared, .source = named_here(session, ".kernels")};
    bool done = session_compile_to(session, &request);
    if (done)
        session->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (session->library)
        info = dlsym(session->library, "model_model");
    unlink(path);
    rmdir(folder);
    if (info)
        session->program = (Program *)(uintptr_t)info->program;
    return info || (done && session_fail(session, TN_INTERNAL, "the library cannot be loaded"));
}

/* The same through C and a compiler of the system. */
static bool compile_via_c(Session *session)
{
    const char *folder = temporary_folder(session->arena, "tenon-c");
    const TnArtifactInfo *info = NULL;
    if (option_given(session->options, OPTION_cc))
        c_route_compiler(option_text(session->options, OPTION_cc, ""));
    if (!folder)
        return session_fail(session, TN_IO, "no temporary folder can be made (TMPDIR)");
    ArtifactRequest request = {.path = arena_format(session->arena, "%s/model.c", folder),
                               .form = ARTIFACT_c};
    bool done = session_compile_to(session, &request);
    TnStatus status = TN_OK;
    if (done)
        status =
            c_route_build(session->arena, folder, "model", &session->library, session->diagnostics);
    if (session->library)
        info = dlsym(session->library, "model_model");
    c_route_clean(session->arena, folder, "model");
    if (info)
        session->program = (Program *)(uintptr_t)info->program;
    if (info || !done)
        return info != NULL;
    return session_fail(session, status == TN_OK ? TN_INTERNAL : status, NULL);
}

bool session_compile(Session *session)
{
    const Options *options = session->options;
    int64_t begin = now_ns();
    const char *via = option_text(options, OPTION_via, "jit");
    CompileSettings settings;
    if (option_given(options, OPTION_debug) && strcmp(via, "jit") != 0 && strcmp(via, "so") != 0)
        wrong_usage("option '--debug' is about machine code, not about --via %s", via);
    if (option_given(options, OPTION_debug))
        return compile_for_debugger(session);
    if (strcmp(via, "so") == 0)
        return compile_via_so(session);
    if (strcmp(via, "c") == 0)
        return compile_via_c(session);
    if (!read_settings(session, &settings, false))
        return false;
    if (strcmp(via, "interpreter") == 0)
        settings.backend = &backend_interpreter;
    Listing listing = listing_create(session->arena);
    if (option_given(options, OPTION_print_kernels))
        settings.listing = &listing;
    Text choices = text_create(session->arena);
    if (option_given(options, OPTION_explain))
        settings.choices = &choices;
    TnStatus status =
        program_compile(session->model, &settings, &session->program, session->diagnostics);
    fputs(choices.data, stderr);
    session->compile_ns = now_ns() - begin;
    explain_tiles(session, &settings);
    if (status == TN_OK && settings.listing)
        print_program(&listing, session->program);
    else
        fputs(listing.text.data, stderr);
    return status == TN_OK || session_fail(session, status, NULL);
}

/* One attempt, with the constants that are known so far. */
static bool build_once(Session *session)
{
    session->needs.count = 0;
    if (!session_import(session) || !session_optimize(session, session_pipeline(session)))
        return false;
    return session->request ? session_compile_to(session, session->request)
                            : session_compile(session);
}

/* Binds the inputs that must be constants; false if there are none, or one is given nothing. */
static bool bind_inputs(Session *session, InputFinder *find, const void *user)
{
    ARRAY(ConstantSetting) constants = {0};
    for (int i = 0; i < session->constant_count; i++)
        array_push(session->arena, &constants, session->constants[i]);
    for (int64_t i = 0; i < session->needs.count; i++) {
        const char *name = session->needs.inputs[i];
        const TnValue *value = find(session, name, user);
        if (!value || value->kind != TN_TENSOR)
            return false;
        const TnTensor *tensor = &value->tensor;
        Constant *constant = constant_create(session->arena, tensor->element, tensor->rank,
                                             tensor->dims, tensor->data);
        if (!constant)
            return false;
        array_push(session->arena, &constants, (ConstantSetting){name, constant});
    }
    session->constants = constants.items;
    session->constant_count = (int)constants.count;
    return session->needs.count > 0;
}

bool session_build_with(Session *session, InputFinder *find, const void *user)
{
    enum { ATTEMPTS = 4 };
    /* The first attempts keep their complaints to themselves if giving values can help. */
    bool quiet = session->quiet;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        int64_t before = session->diagnostics->count;
        session->quiet = true;
        session->status = EXIT_GOOD;
        bool good = build_once(session);
        session->quiet = quiet;
        if (good || session->needs.count == 0 || !bind_inputs(session, find, user)) {
            session_report(session);
            session_reproduce(session, session_pipeline(session));
            return good;
        }
        session->shown = session->diagnostics->count = before;
        session->diagnostics->error_count = 0;
        session->diagnostics->unsupported = false;
    }
    session_report(session);
    return false;
}

bool session_build(Session *session, const char *path)
{
    if (!session->request && artifact_is_one(path))
        return session_load(session, path);
    return session_read(session, path) && session_build_with(session, inputs_find, NULL);
}

void session_set_dynamic(Session *session)
{
    if (option_given(session->options, OPTION_dynamic))
        session->prefix = "make-dynamic{ones = 1}";
}
