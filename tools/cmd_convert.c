/* SPDX-License-Identifier: Apache-2.0
 *
 * tenon convert: a model from one form to the other, imported (so at the newest opset) and exported
 * again (at the lowest opset that means the same); or its document as it is.
 */
#include "session.h"

static bool convert(Session *session)
{
    const Options *options = session->options;
    ExportOptions export = {.opset = option_integer(options, OPTION_opset, 0), .older_forms = true};
    if (!session_read(session, options->arguments[0]))
        return false;
    if (option_given(options, OPTION_as_is))
        return document_save(session->arena, session->document, options->arguments[1],
                             session->diagnostics) ||
               session_fail(session, TN_IO, NULL);
    if (!session_import(session))
        return false;
    return model_save(session->arena, session->model, options->arguments[1], &export,
                      session->diagnostics) ||
           session_fail(session, TN_IO, NULL);
}

int command_convert(const Options *options)
{
    if (option_given(options, OPTION_as_is) && option_given(options, OPTION_opset))
        wrong_usage("'--as-is' keeps the opset, so '--opset' cannot ask for one");
    return session_run(options, 2, convert);
}
