/* SPDX-License-Identifier: Apache-2.0
 *
 * tenon compile: a model becomes a library and a header, which need nothing.
 */
#include "session.h"

#include <string.h>

static ArtifactForm read_form(const Options *options, const char *path)
{
    ArtifactForm form;
    char ending[16];
    const char *emit = option_text(options, OPTION_emit, NULL);
    if (emit && !strcmp(emit, "graph"))
        return ARTIFACT_graph;
    if (emit)
        snprintf(ending, sizeof ending, "x.%s", emit);
    if (!artifact_form_of(emit ? ending : path, &form))
        wrong_usage(
            "'%s' ends in none of .so, .o, .a, .s, .ll, .c, .kernels, .onnxtxt; say what it "
            "is with --emit",
            path);
    return form;
}

/* The output's path with another ending. */
static const char *beside(Arena *arena, const char *path, const char *ending)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    size_t length = dot && (!slash || dot > slash) ? (size_t)(dot - path) : strlen(path);
    return arena_format(arena, "%.*s%s", (int)length, path, ending);
}

static bool compile(Session *session)
{
    const Options *options = session->options;
    const char *path = option_text(options, OPTION_artifact, NULL);
    if (!path)
        wrong_usage("'compile' needs -o FILE");
    ArtifactRequest request = {.path = path,
                               .name = option_text(options, OPTION_name, NULL),
                               .header = option_text(options, OPTION_header, NULL),
                               .example = option_text(options, OPTION_example, NULL),
                               .weights = option_text(options, OPTION_weights, NULL),
                               .form = read_form(options, path)};
    bool is_code = request.form == ARTIFACT_shared || request.form == ARTIFACT_object ||
                   request.form == ARTIFACT_archive || request.form == ARTIFACT_c;
    if (!request.header && is_code)
        request.header = beside(session->arena, path, ".h");
    if (option_given(options, OPTION_debug))
        request.source = beside(session->arena, path, ".kernels");
    session->request = &request;
    return session_build(session, options->arguments[0]);
}

int command_compile(const Options *options)
{
    return session_run(options, 1, compile);
}
