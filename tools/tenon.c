/* SPDX-License-Identifier: Apache-2.0
 *
 * tenon: one driver with sub-commands. Each command is a file, cmd_<name>.c.
 */
#include "messages.h"
#include "options.h"

#include "frontend/import.h"
#include "tenon.h"

#include <signal.h>

int command_version(const Options *options)
{
    need_arguments(options, 0, 0, "no argument");
    if (!option_given(options, OPTION_json)) {
        printf("tenon %d.%d.%d\n", TN_VERSION_MAJOR, TN_VERSION_MINOR, TN_VERSION_PATCH);
        return EXIT_GOOD;
    }
    json_t *json =
        json_pack("{s:s, s:{s:i, s:i, s:i}, s:{s:i, s:i}}", "name", "tenon", "version", "major",
                  TN_VERSION_MAJOR, "minor", TN_VERSION_MINOR, "patch", TN_VERSION_PATCH, "onnx",
                  "opset", NEWEST_OPSET, "ir_version", NEWEST_IR_VERSION);
    return print_listing(json);
}

int command_help(const Options *options)
{
    need_arguments(options, 0, 1, "the name of one command");
    if (options->argument_count == 0)
        print_usage(stdout);
    else
        print_command_help(command_find(options->arguments[0]), stdout);
    return EXIT_GOOD;
}

int main(int argc, char **argv)
{
    static int (*const functions[])(const Options *) = {
#define COMMAND(name, arguments, summary) command_##name,
#include "commands.def"
    };
    Options options;
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error with a message */
    messages_choose_form(argc, argv);
    int status = EXIT_WRONG_USAGE;
    if (options_parse(&options, argc, argv)) {
        if (option_given(&options, OPTION_help)) {
            print_command_help(options.command, stdout);
            status = EXIT_GOOD;
        } else {
            status = functions[options.command](&options);
        }
    }
    options_free(&options);
    if (fflush(stdout) != 0 && status == EXIT_GOOD) {
        tell(SEVERITY_ERROR, NULL, "stdout could not be written");
        status = EXIT_WRONG_MODEL;
    }
    return status;
}
