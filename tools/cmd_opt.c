/* SPDX-License-Identifier: Apache-2.0
 *
 * tenon opt: the developers' workbench. Runs passes over a model and prints it.
 */
#include "session.h"

#include "frontend/text/text.h"

#include <errno.h>
#include <string.h>

static bool write_result(Session *session)
{
    const char *path = option_text(session->options, OPTION_write, NULL);
    if (path && strcmp(path, "-") != 0)
        return model_save(session->arena, session->model, path, NULL, session->diagnostics) ||
               session_fail(session, TN_IO, NULL);
    Document *document = model_export(session->arena, session->model, NULL, session->diagnostics);
    if (!document)
        return session_fail(session, TN_UNSUPPORTED, NULL);
    Text text = text_create(session->arena);
    text_write(document, &text, &(WriteOptions){.element_limit = path ? 0 : 16});
    fputs(text.data, stdout);
    return true;
}

static bool optimize(Session *session)
{
    const Options *options = session->options;
    const char *pipeline = option_text(options, OPTION_passes, NULL);
    if (!pipeline)
        wrong_usage("'opt' needs --passes=PIPELINE");
    if (!session_read(session, options->arguments[0]) || !session_import(session))
        return false;
    if (session_optimize(session, pipeline))
        return write_result(session);
    session_reproduce(session, pipeline);
    return false;
}

int command_opt(const Options *options)
{
    return session_run(options, 1, optimize);
}
