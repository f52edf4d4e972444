/* SPDX-License-Identifier: Apache-2.0
 *
 * tenon convert: a model from one form to the other, imported (so at the newest opset) and exported
 * again (at the lowest opset that means the same).
 */
#include "session.h"

static bool convert(Session *session)
{
    const Options *options = session->options;
    ExportOptions export = {.opset = option_integer(options, OPTION_opset, 0)};
    if (!session_read(session, options->arguments[0]) || !session_import(session))
        return false;
    return model_save(session->arena, session->model, options->arguments[1], &export,
                      session->diagnostics) ||
           session_fail(session, TN_IO, NULL);
}

int command_convert(const Options *options)
{
    Session session;
    if (options->argument_count != 2)
        wrong_usage("'convert' needs two files, not %d", options->argument_count);
    if (!session_open(&session, options))
        return EXIT_WRONG_MODEL;
    int status = setjmp(session.boundary.jump) ? session_no_memory()
                 : convert(&session)           ? EXIT_GOOD
                                               : session.status;
    session_close(&session);
    return status;
}
