/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "messages.h"

#include "ir/support/nearest.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
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
    bool is_of_command = current != COMMAND_COUNT && current != COMMAND_help;
    tell(SEVERITY_ERROR, NULL, "%s; see 'tenon help%s%s'", message, is_of_command ? " " : "",
         is_of_command ? commands[current].name : "");
    exit(EXIT_WRONG_USAGE);
}

/* "; did you mean '--threads'?" */
static const char *did_you_mean(const Nearest *nearest, const char *prefix)
{
    static char text[80];
    if (!nearest->name)
        return "";
    snprintf(text, sizeof text, "; did you mean '%s%s'?", prefix, nearest->name);
    return text;
}

CommandKind command_find(const char *name)
{
    int command = 0;
    while (command < COMMAND_COUNT && strcmp(commands[command].name, name) != 0)
        command++;
    if (command == COMMAND_COUNT) {
        Nearest nearest = nearest_to(name);
        for (int i = 0; i < COMMAND_COUNT; i++)
            nearest_consider(&nearest, commands[i].name);
        wrong_usage("there is no command '%s'%s", name, did_you_mean(&nearest, ""));
    }
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

static void refuse_option(CommandKind command, const char *text, int length)
{
    char word[80];
    snprintf(word, sizeof word, "%.*s", length, text);
    Nearest nearest = nearest_to(word + strspn(word, "-"));
    for (int i = 0; i < OPTION_COUNT; i++)
        if (table[i].commands & 1u << command)
            nearest_consider(&nearest, table[i].name);
    wrong_usage("'%s' has no option '%.*s'%s", command_name(command), length, text,
                did_you_mean(&nearest, "--"));
}

static void add(Options *options, int kind, const char *value)
{
    options->occurrences[options->occurrence_count++] =
        (struct Occurrence){(OptionKind)kind, value};
}

/* ---- Arguments --------------------------------------------------------------------------- */

static bool is_whole(const char *text)
{
    char *end;
    errno = 0;
    return strtoll(text, &end, 10) >= 0 && end != text && !*end && !errno;
}

static bool is_real(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    return value >= 0 && isfinite(value) && end != text && !*end;
}

static bool has_word(const char *words, const char *sought)
{
    for (const char *word = words; word; word = strchr(word, '|') ? strchr(word, '|') + 1 : NULL)
        if (strcspn(word, "|") == strlen(sought) && !strncmp(word, sought, strlen(sought)))
            return true;
    return false;
}

/* "jit, so or c" for "jit|so|c". */
static const char *list_words(const char *words, char *list, size_t size)
{
    size_t used = 0;
    list[0] = 0;
    while (*words && used < size) {
        size_t length = strcspn(words, "|");
        const char *next = words + length + (words[length] == '|');
        const char *joint = used == 0 ? "" : *next ? ", " : " or ";
        used += (size_t)snprintf(list + used, size - used, "%s%.*s", joint, (int)length, words);
        words = next;
    }
    return list;
}

/* Whether the value is what the table's name for the argument says (options.def). */
static void check_argument(int kind, const char *value)
{
    const char *name = table[kind].name, *argument = table[kind].argument;
    long long least, most;
    char words[128];
    if (!strcmp(argument, "N") && !is_whole(value))
        wrong_usage("option '--%s' needs a whole number of at least 0, not '%s'", name, value);
    if (!argument[1] && strchr("SRAF", *argument) && !is_real(value))
        wrong_usage("option '--%s' needs a number of at least 0, not '%s'", name, value);
    if (sscanf(argument, "%lld..%lld", &least, &most) == 2 &&
        (!is_whole(value) || strtoll(value, NULL, 10) < least || strtoll(value, NULL, 10) > most))
        wrong_usage("option '--%s' needs a number from %lld to %lld, not '%s'", name, least, most,
                    value);
    if (islower((unsigned char)*argument) && !has_word(argument, value))
        wrong_usage("option '--%s' is %s, not '%s'", name,
                    list_words(argument, words, sizeof words), value);
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
        refuse_option(options->command, text, (int)(end - text));
    if (!table[kind].argument && value)
        wrong_usage("option '--%s' takes no argument", table[kind].name);
    if (table[kind].argument && !value) {
        if (*i + 1 == argc)
            wrong_usage("option '--%s' needs an argument: %s", table[kind].name,
                        table[kind].argument);
        value = argv[++*i];
    }
    if (value)
        check_argument(kind, value);
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
    return text ? strtoll(text, NULL, 10) : otherwise;
}

double option_real(const Options *options, OptionKind kind, double otherwise)
{
    const char *text = option_text(options, kind, NULL);
    return text ? strtod(text, NULL) : otherwise;
}

void need_arguments(const Options *options, int least, int most, const char *what)
{
    if (options->argument_count < least || options->argument_count > most)
        wrong_usage("'%s' needs %s, not %d", command_name(options->command), what,
                    options->argument_count);
}

void only_with(const Options *options, OptionKind kind, const char *others, bool is_there)
{
    if (option_given(options, kind) && !is_there)
        wrong_usage("option '--%s' needs %s, too", table[kind].name, others);
}
