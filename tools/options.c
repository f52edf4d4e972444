/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "messages.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *arguments, *summary;
} commands[] = {
#define COMMAND(name, arguments, summary) {#name, arguments, summary},
#include "commands.def"
};

#define ON(command) (1u << COMMAND_##command)
static const struct {
    const char *name;
    char letter;
    const char *argument;
    unsigned commands;
    const char *help;
} table[] = {
#define OPTION(name, text, letter, argument, commands, help)                                       \
    {text, letter, argument, commands, help},
#include "options.def"
};

/* The command whose options are read; COMMAND_COUNT before that is known. */
static CommandKind current = COMMAND_COUNT;

void wrong_usage(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    char message[512];
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    tell(SEVERITY_ERROR, NULL, "%s; see 'tenon help%s%s'", message,
         current == COMMAND_COUNT ? "" : " ",
         current == COMMAND_COUNT ? "" : commands[current].name);
    exit(EXIT_WRONG_USAGE);
}

CommandKind command_find(const char *name)
{
    int command = 0;
    while (command < COMMAND_COUNT && strcmp(commands[command].name, name) != 0)
        command++;
    if (command == COMMAND_COUNT)
        wrong_usage("there is no command '%s'", name);
    return (CommandKind)command;
}

const char *command_name(CommandKind command)
{
    return commands[command].name;
}

void print_usage(FILE *file)
{
    fputs("tenon: a compiler for deep-learning models\n\nusage: tenon COMMAND ...\n\n", file);
    for (int i = 0; i < COMMAND_COUNT; i++)
        fprintf(file, "  %-8s %s\n", commands[i].name, commands[i].summary);
    fputs("\nA MODEL is an ONNX file (.onnx) or ONNX text (.onnxtxt).\n"
          "Exit status: 0 good, 1 the model or the request is wrong, 2 wrong usage, 3 a bug in "
          "tenon.\n"
          "'tenon help COMMAND' lists a command's options.\n",
          file);
}

void print_command_help(CommandKind command, FILE *file)
{
    const char *arguments = commands[command].arguments;
    fprintf(file, "usage: tenon %s%s%s\n\n%s\n\n", commands[command].name, *arguments ? " " : "",
            arguments, commands[command].summary);
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (!(table[i].commands & 1u << command))
            continue;
        char left[64];
        snprintf(left, sizeof left, "%c%c%s --%s%s%s", table[i].letter ? '-' : ' ',
                 table[i].letter ? table[i].letter : ' ', table[i].letter ? "," : " ",
                 table[i].name, table[i].argument ? " " : "",
                 table[i].argument ? table[i].argument : "");
        fprintf(file, "  %-34s %s\n", left, table[i].help);
    }
}

/* The option of that name or letter that the command has, -1 if none. */
static int find(CommandKind command, const char *name, size_t length, char letter)
{
    for (int i = 0; i < OPTION_COUNT; i++)
        if (table[i].commands & 1u << command &&
            (name ? strlen(table[i].name) == length && memcmp(table[i].name, name, length) == 0
                  : table[i].letter == letter))
            return i;
    return -1;
}

static void add(Options *options, int kind, const char *value)
{
    options->occurrences[options->occurrence_count++] =
        (struct Occurrence){(OptionKind)kind, value};
}

/* Reads the option at argv[*i], and its argument, which may be in argv[*i + 1]. */
static void parse_one(Options *options, int argc, char **argv, int *i)
{
    const char *text = argv[*i], *value = NULL, *end;
    bool is_long = text[1] == '-';
    if (is_long) {
        value = strchr(text, '=');
        end = value ? value++ : text + strlen(text);
    } else {
        end = text + 2;
        value = *end ? end + (*end == '=') : NULL;
    }
    int kind = is_long ? find(options->command, text + 2, (size_t)(end - text) - 2, 0)
                       : find(options->command, NULL, 0, text[1]);
    if (kind < 0)
        wrong_usage("'%s' has no option '%.*s'", command_name(options->command), (int)(end - text),
                    text);
    if (!table[kind].argument && value)
        wrong_usage("option '--%s' takes no argument", table[kind].name);
    if (table[kind].argument && !value) {
        if (*i + 1 == argc)
            wrong_usage("option '--%s' needs an argument: %s", table[kind].name,
                        table[kind].argument);
        value = argv[++*i];
    }
    if (kind == OPTION_diagnostics && strcmp(value, "json") != 0 && strcmp(value, "text") != 0)
        wrong_usage("'--diagnostics' is text or json, not '%s'", value);
    add(options, kind, value);
}

bool options_parse(Options *options, int argc, char **argv)
{
    *options = (Options){.command = COMMAND_help};
    options->arguments = calloc((size_t)argc + 1, sizeof *options->arguments);
    options->occurrences = calloc((size_t)argc + 1, sizeof *options->occurrences);
    if (!options->arguments || !options->occurrences) {
        tell(SEVERITY_ERROR, NULL, "out of memory");
        return false;
    }
    if (argc < 2) {
        print_usage(stderr);
        return false;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return true;
    if (strcmp(name, "--version") == 0)
        name = "version";
    options->command = current = command_find(name);
    bool only_arguments = false;
    for (int i = 2; i < argc; i++) {
        if (only_arguments || argv[i][0] != '-' || argv[i][1] == '\0')
            options->arguments[options->argument_count++] = argv[i];
        else if (strcmp(argv[i], "--") == 0)
            only_arguments = true;
        else
            parse_one(options, argc, argv, &i);
    }
    return true;
}

void options_free(Options *options)
{
    free(options->arguments);
    free(options->occurrences);
}

bool option_given(const Options *options, OptionKind kind)
{
    return option_each(options, kind, 0) != NULL;
}

const char *option_each(const Options *options, OptionKind kind, int i)
{
    for (int at = 0; at < options->occurrence_count; at++)
        if (options->occurrences[at].kind == kind && i-- == 0)
            return options->occurrences[at].value ? options->occurrences[at].value : "";
    return NULL;
}

const char *option_text(const Options *options, OptionKind kind, const char *otherwise)
{
    for (int at = options->occurrence_count - 1; at >= 0; at--)
        if (options->occurrences[at].kind == kind)
            return options->occurrences[at].value;
    return otherwise;
}

int64_t option_integer(const Options *options, OptionKind kind, int64_t otherwise)
{
    const char *text = option_text(options, kind, NULL);
    if (!text)
        return otherwise;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno)
        wrong_usage("option '--%s' needs a whole number, not '%s'", table[kind].name, text);
    return value;
}

double option_real(const Options *options, OptionKind kind, double otherwise)
{
    const char *text = option_text(options, kind, NULL);
    if (!text)
        return otherwise;
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= 0))
        wrong_usage("option '--%s' needs a number of at least 0, not '%s'", table[kind].name, text);
    return value;
}
