/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line, from options.def and commands.def.
 */
#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef enum CommandKind {
#define COMMAND(name, arguments, summary) COMMAND_##name,
#include "commands.def"
    COMMAND_COUNT
} CommandKind;

typedef enum OptionKind {
#define OPTION(name, ...) OPTION_##name,
#include "options.def"
    OPTION_COUNT
} OptionKind;

/* Exit statuses, the same for all commands. */
enum { EXIT_GOOD = 0, EXIT_WRONG_MODEL = 1, EXIT_WRONG_USAGE = 2, EXIT_OUR_BUG = 3 };

typedef struct Options {
    CommandKind command;
    int argument_count;
    const char **arguments; /* what is not an option */
    int occurrence_count;
    struct Occurrence {
        OptionKind kind;
        const char *value; /* NULL for a flag */
    } * occurrences;       /* in the order of the command line */
} Options;

/* Reads argv[1..]. Wrong usage does not come back (wrong_usage()); false: there is nothing to do,
 * and that was said. */
bool options_parse(Options *options, int argc, char **argv);
void options_free(Options *options);

bool option_given(const Options *options, OptionKind kind);
/* The last one given, else `otherwise`. */
const char *option_text(const Options *options, OptionKind kind, const char *otherwise);
/* Numbers of options whose arguments options.def says to be such. */
int64_t option_integer(const Options *options, OptionKind kind, int64_t otherwise);
double option_real(const Options *options, OptionKind kind, double otherwise);
/* The i-th occurrence, NULL after the last. */
const char *option_each(const Options *options, OptionKind kind, int i);

const char *command_name(CommandKind command);
/* The command of that name; another name is wrong usage. */
CommandKind command_find(const char *name);
void print_usage(FILE *file);
void print_command_help(CommandKind command, FILE *file);
/* Another count of arguments is wrong usage; `what` is what they should be: "one model". */
void need_arguments(const Options *options, int least, int most, const char *what);
/* The option means something only where `others` are given; alone it is wrong usage. */
void only_with(const Options *options, OptionKind kind, const char *others, bool is_there);
/* Says so, and where to read more, and exits with status 2. */
_Noreturn void wrong_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define COMMAND(name, arguments, summary) int command_##name(const Options *options);
#include "commands.def"

#endif
