/* SPDX-License-Identifier: Apache-2.0
 *
 * A pattern is parsed by recursive descent straight into a program of four instructions; repetition
 * {m,n} writes its operand again. Matching keeps the set of instructions that are alive, one
 * character at a time.
 */
#include "runtime/host/regex.h"

#include <string.h>

enum { MOST_INSTRUCTIONS = 1 << 16, MOST_REPEATS = 1000, MOST_DEPTH = 200, SET_RANGES = 32 };

typedef enum Code {
    CODE_set,   /* one character in the set */
    CODE_split, /* go on at x and at y */
    CODE_begin, /* at the beginning of the text */
    CODE_end,
    CODE_edge,   /* between a word character and one that is none */
    CODE_inside, /* anywhere else */
    CODE_match,
} Code;

typedef struct CharacterSet {
    int count;
    bool negated;
    uint32_t low[SET_RANGES], high[SET_RANGES];
} CharacterSet;

typedef struct Instruction {
    Code code;
    int32_t x, y; /* split: targets; set: number of the set */
} Instruction;

struct Regex {
    int32_t instruction_count, instruction_capacity, set_count, set_capacity;
    Instruction *instructions;
    CharacterSet *sets;
    int32_t *current, *next, *stack;
    uint32_t *marks, generation;
};

typedef struct Parser {
    Regex *regex;
    const char *at, *end, *wrong;
    int depth;
    bool fold_case, dot_all;
} Parser;

static int64_t instruction_limit(TnString pattern)
{
    int64_t limit = 64 + 16 * pattern.length;
    if (pattern.length && memchr(pattern.data, '{', (size_t)pattern.length))
        limit = MOST_INSTRUCTIONS;
    return limit < MOST_INSTRUCTIONS ? limit : MOST_INSTRUCTIONS;
}

int64_t regex_bytes(TnString pattern)
{
    int64_t limit = instruction_limit(pattern);
    return (int64_t)sizeof(Regex) + 64 +
           limit * (int64_t)(sizeof(Instruction) + 6 * sizeof(int32_t)) +
           (pattern.length + 1) * (int64_t)sizeof(CharacterSet);
}

/* ---- Parsing ----------------------------------------------------------------------------- */

static void parse_alternatives(Parser *p);

static int32_t emit(Parser *p, Code code, int32_t x, int32_t y)
{
    Regex *regex = p->regex;
    if (regex->instruction_count == regex->instruction_capacity) {
        p->wrong = "it is too large";
        return 0;
    }
    regex->instructions[regex->instruction_count] = (Instruction){code, x, y};
    return regex->instruction_count++;
}

static bool peek(const Parser *p, char c)
{
    return p->at < p->end && *p->at == c;
}

static bool accept(Parser *p, const char *text)
{
    size_t length = strlen(text);
    if ((size_t)(p->end - p->at) < length || memcmp(p->at, text, length) != 0)
        return false;
    p->at += length;
    return true;
}

static uint32_t decode(const char **at, const char *end)
{
    const unsigned char *s = (const unsigned char *)*at;
    int64_t left = end - *at;
    int more = *s < 0xc0 ? 0 : *s < 0xe0 ? 1 : *s < 0xf0 ? 2 : 3;
    uint32_t c = more ? *s & (0x3fu >> more) : *s;
    if (more >= left)
        more = 0;
    for (int i = 1; i <= more; i++)
        c = c << 6 | (s[i] & 0x3f);
    *at += more + 1;
    return c;
}

static void add_range(Parser *p, CharacterSet *set, uint32_t low, uint32_t high)
{
    if (set->count == SET_RANGES) {
        p->wrong = "a class has too many ranges";
        return;
    }
    set->low[set->count] = low;
    set->high[set->count++] = high;
}

/* The ranges that are in none of `text`, pairs of first and last character. */
static void add_pairs(Parser *p, CharacterSet *set, const char *text, bool negated)
{
    uint32_t next = 0;
    for (; *text; text += 2) {
        if (!negated)
            add_range(p, set, (unsigned char)text[0], (unsigned char)text[1]);
        else if ((unsigned char)text[0] > next)
            add_range(p, set, next, (unsigned char)text[0] - 1u);
        next = (unsigned char)text[1] + 1u;
    }
    if (negated)
        add_range(p, set, next, 0x10ffff);
}

/* \d \D \w \W \s \S; pairs are in ascending order. */
static bool add_class_escape(Parser *p, CharacterSet *set, char c)
{
    switch (c) {
    case 'd':
    case 'D': add_pairs(p, set, "09", c == 'D'); return true;
    case 'w':
    case 'W': add_pairs(p, set, "09AZ__az", c == 'W'); return true;
    case 's':
    case 'S': add_pairs(p, set, "\t\n\f\r  ", c == 'S'); return true;
    default: return false;
    }
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The character after a backslash, which has been read. */
static uint32_t parse_escape(Parser *p)
{
    static const char names[] = "nrtfva", meanings[] = "\n\r\t\f\v\a";
    if (p->at == p->end) {
        p->wrong = "it ends in a backslash";
        return 0;
    }
    char c = *p->at;
    const char *found = strchr(names, c);
    if (c && found) {
        p->at++;
        return (unsigned char)meanings[found - names];
    }
    if (c == 'x') {
        uint32_t value = 0;
        p->at++;
        bool braces = accept(p, "{");
        for (int i = 0; p->at < p->end && hex_digit(*p->at) >= 0 && i < (braces ? 6 : 2); i++)
            value = value << 4 | (uint32_t)hex_digit(*p->at++);
        if (braces && !accept(p, "}"))
            p->wrong = "\\x{ is not closed";
        return value;
    }
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
        p->wrong = "an escape is not known, or looks around";
        return 0;
    }
    return decode(&p->at, p->end);
}

static bool parse_named_class(Parser *p, CharacterSet *set)
{
    static const struct {
        const char *name, *pairs;
    } classes[] = {{"alnum", "09AZaz"},
                   {"alpha", "AZaz"},
                   {"digit", "09"},
                   {"lower", "az"},
                   {"upper", "AZ"},
                   {"space", "\t\r  "},
                   {"blank", "\t\t  "},
                   {"punct", "!/:@[`{~"},
                   {"word", "09AZ__az"},
                   {"print", " ~"},
                   {"graph", "!~"},
                   {"xdigit", "09AFaf"},
                   {"cntrl", "\x01\x1f\x7f\x7f"}};
    if (!accept(p, "[:"))
        return false;
    bool negated = accept(p, "^");
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        const char *start = p->at;
        if (accept(p, classes[i].name) && accept(p, ":]")) {
            add_pairs(p, set, classes[i].pairs, negated);
            return true;
        }
        p->at = start;
    }
    p->wrong = "a [:class:] is not known";
    return true;
}

/* After '['. */
static void parse_class(Parser *p, CharacterSet *set)
{
    set->negated = accept(p, "^");
    bool first = true;
    while (!p->wrong && p->at < p->end && (first || *p->at != ']')) {
        first = false;
        if (parse_named_class(p, set))
            continue;
        bool escaped = accept(p, "\\");
        if (escaped && p->at < p->end && add_class_escape(p, set, *p->at)) {
            p->at++;
            continue;
        }
        uint32_t low = escaped ? parse_escape(p) : decode(&p->at, p->end), high = low;
        if (p->end - p->at > 1 && p->at[0] == '-' && p->at[1] != ']') {
            p->at++;
            high = accept(p, "\\") ? parse_escape(p) : decode(&p->at, p->end);
        }
        if (high < low)
            p->wrong = "a range is backwards";
        add_range(p, set, low, high);
    }
    if (!accept(p, "]") && !p->wrong)
        p->wrong = "a [ is not closed";
}

/* Adds the other case of each ASCII letter in the set. */
static void fold(Parser *p, CharacterSet *set)
{
    int count = set->count;
    for (int i = 0; i < count; i++)
        for (int shift = -32; shift <= 32; shift += 64) {
            uint32_t first = shift < 0 ? 'a' : 'A', last = shift < 0 ? 'z' : 'Z';
            uint32_t low = set->low[i] > first ? set->low[i] : first;
            uint32_t high = set->high[i] < last ? set->high[i] : last;
            if (low <= high)
                add_range(p, set, low + (uint32_t)shift, high + (uint32_t)shift);
        }
}

static void emit_set(Parser *p, const CharacterSet *set)
{
    Regex *regex = p->regex;
    CharacterSet *copy = &regex->sets[regex->set_count];
    *copy = *set;
    if (p->fold_case)
        fold(p, copy);
    emit(p, CODE_set, regex->set_count++, 0);
}

/* After '(': a group, captured or not, with flags or not. */
static void parse_group(Parser *p)
{
    bool fold_case = p->fold_case, dot_all = p->dot_all;
    if (accept(p, "?")) {
        if (accept(p, "P<") || accept(p, "<")) {
            while (p->at < p->end && *p->at != '>')
                p->at++;
            if (!accept(p, ">"))
                p->wrong = "a group's name is not closed";
        } else {
            bool value = true;
            for (; p->at < p->end && strchr("imsU-", *p->at) && *p->at; p->at++) {
                if (*p->at == '-')
                    value = false;
                else if (*p->at == 'i')
                    p->fold_case = value;
                else if (*p->at == 's')
                    p->dot_all = value;
            }
            if (accept(p, ")"))
                return; /* flags for what follows */
            if (!accept(p, ":"))
                p->wrong = "(? begins nothing that is known";
        }
    }
    parse_alternatives(p);
    if (!accept(p, ")") && !p->wrong)
        p->wrong = "a ( is not closed";
    p->fold_case = fold_case;
    p->dot_all = dot_all;
}

static void parse_atom(Parser *p)
{
    CharacterSet set = {0};
    if (accept(p, "(")) {
        parse_group(p);
    } else if (accept(p, "[")) {
        parse_class(p, &set);
        emit_set(p, &set);
    } else if (accept(p, ".")) {
        set.negated = true;
        if (!p->dot_all)
            add_range(p, &set, '\n', '\n');
        emit_set(p, &set);
    } else if (accept(p, "^") || accept(p, "\\A")) {
        emit(p, CODE_begin, 0, 0);
    } else if (accept(p, "$") || accept(p, "\\z")) {
        emit(p, CODE_end, 0, 0);
    } else if (accept(p, "\\b")) {
        emit(p, CODE_edge, 0, 0);
    } else if (accept(p, "\\B")) {
        emit(p, CODE_inside, 0, 0);
    } else if (accept(p, "\\")) {
        if (p->at < p->end && add_class_escape(p, &set, *p->at)) {
            p->at++;
        } else {
            uint32_t c = parse_escape(p);
            add_range(p, &set, c, c);
        }
        emit_set(p, &set);
    } else if (peek(p, '*') || peek(p, '+') || peek(p, '?')) {
        p->wrong = "a repetition has nothing to repeat";
    } else {
        uint32_t c = decode(&p->at, p->end);
        add_range(p, &set, c, c);
        emit_set(p, &set);
    }
}

static bool parse_number(Parser *p, int *number)
{
    const char *start = p->at;
    *number = 0;
    while (p->at < p->end && *p->at >= '0' && *p->at <= '9' && *number <= MOST_REPEATS)
        *number = *number * 10 + (*p->at++ - '0');
    return p->at > start;
}

/* {m}, {m,} or {m,n}; most is -1 where there is no end. Anything else is text. */
static bool parse_counts(Parser *p, int *least, int *most)
{
    const char *start = p->at;
    if (accept(p, "{") && parse_number(p, least)) {
        *most = *least;
        if (accept(p, ",") && !parse_number(p, most))
            *most = -1;
        if (accept(p, "}")) {
            if (*least > MOST_REPEATS || *most > MOST_REPEATS || (*most >= 0 && *most < *least))
                p->wrong = "a {count} is out of range";
            return true;
        }
    }
    p->at = start;
    return false;
}

/* Copies the instructions begin .. end to the end of the program. */
static void emit_again(Parser *p, int32_t begin, int32_t end)
{
    int32_t shift = p->regex->instruction_count - begin;
    for (int32_t i = begin; i < end && !p->wrong; i++) {
        Instruction in = p->regex->instructions[i];
        bool split = in.code == CODE_split;
        emit(p, in.code, split ? in.x + shift : in.x, split ? in.y + shift : in.y);
    }
}

/* Moves begin .. end down by one, to make room for an instruction in front. */
static void make_room(Parser *p, int32_t begin)
{
    Regex *regex = p->regex;
    int32_t end = regex->instruction_count;
    emit(p, CODE_match, 0, 0);
    if (p->wrong)
        return;
    for (int32_t i = end; i > begin; i--) {
        regex->instructions[i] = regex->instructions[i - 1];
        if (regex->instructions[i].code == CODE_split) {
            regex->instructions[i].x++;
            regex->instructions[i].y++;
        }
    }
}

/* The operand from `begin` on, zero or one time; or with `loop`, any number of times. */
static void make_optional(Parser *p, int32_t begin, bool loop)
{
    make_room(p, begin);
    if (loop)
        emit(p, CODE_split, begin, p->regex->instruction_count + 1);
    p->regex->instructions[begin] =
        (Instruction){CODE_split, begin + 1, p->regex->instruction_count};
}

static void repeat(Parser *p, int32_t begin, int least, int most)
{
    int32_t end = p->regex->instruction_count;
    for (int i = 1; i < least && !p->wrong; i++)
        emit_again(p, begin, end);
    if (most == least) {
        if (most == 0)
            p->regex->instruction_count = begin;
        return;
    }
    if (most < 0 && least == 0) {
        make_optional(p, begin, true);
    } else if (most < 0) {
        emit(p, CODE_split, p->regex->instruction_count - (end - begin),
             p->regex->instruction_count + 1);
    } else {
        if (least == 0)
            make_optional(p, begin, false), end++;
        int32_t source = least == 0 ? begin + 1 : begin;
        for (int i = least == 0 ? 1 : least; i < most && !p->wrong; i++) {
            int32_t again = p->regex->instruction_count;
            emit_again(p, source, end);
            make_optional(p, again, false);
        }
    }
}

static void parse_sequence(Parser *p)
{
    while (!p->wrong && p->at < p->end && *p->at != '|' && *p->at != ')') {
        int32_t begin = p->regex->instruction_count;
        int least, most;
        parse_atom(p);
        while (!p->wrong) {
            if (accept(p, "*"))
                least = 0, most = -1;
            else if (accept(p, "+"))
                least = 1, most = -1;
            else if (accept(p, "?"))
                least = 0, most = 1;
            else if (!parse_counts(p, &least, &most))
                break;
            if (!p->wrong)
                repeat(p, begin, least, most);
            accept(p, "?"); /* not greedy */
        }
    }
}

/* a|b|c: split a, else; a; jump; else: split b, else; b; jump; else: c. Until the end is known,
 * each jump names the one before it. */
static void parse_alternatives(Parser *p)
{
    Instruction *instructions = p->regex->instructions;
    if (++p->depth > MOST_DEPTH) {
        p->wrong = "groups are nested too deeply";
        return;
    }
    int32_t begin = p->regex->instruction_count, last = -1;
    parse_sequence(p);
    while (!p->wrong && accept(p, "|")) {
        make_room(p, begin);
        int32_t jump = emit(p, CODE_split, last, last);
        if (p->wrong)
            return;
        instructions[begin] = (Instruction){CODE_split, begin + 1, jump + 1};
        last = jump;
        begin = p->regex->instruction_count;
        parse_sequence(p);
    }
    while (last >= 0) {
        int32_t before = instructions[last].x;
        instructions[last] =
            (Instruction){CODE_split, p->regex->instruction_count, p->regex->instruction_count};
        last = before;
    }
    p->depth--;
}

static void *take(char **memory, size_t bytes)
{
    void *taken = *memory;
    *memory += (bytes + 15) / 16 * 16;
    return taken;
}

const char *regex_compile(TnString pattern, void *memory, int64_t bytes, Regex **result)
{
    memset(memory, 0, (size_t)bytes);
    char *at = memory;
    Regex *regex = *result = take(&at, sizeof *regex);
    size_t limit = (size_t)instruction_limit(pattern) - 32;
    regex->instruction_capacity = (int32_t)limit;
    regex->sets = take(&at, (size_t)(pattern.length + 1) * sizeof *regex->sets);
    regex->instructions = take(&at, limit * sizeof *regex->instructions);
    regex->current = take(&at, limit * sizeof(int32_t));
    regex->next = take(&at, limit * sizeof(int32_t));
    regex->stack = take(&at, 2 * limit * sizeof(int32_t));
    regex->marks = take(&at, limit * sizeof(uint32_t));
    Parser p = {.regex = regex, .at = pattern.data, .end = pattern.data + pattern.length};
    parse_alternatives(&p);
    if (!p.wrong && p.at < p.end)
        p.wrong = "a ) has no (";
    if (!p.wrong)
        emit(&p, CODE_match, 0, 0);
    return p.wrong;
}

/* ---- Matching ---------------------------------------------------------------------------- */

static bool in_set(const CharacterSet *set, uint32_t c)
{
    for (int i = 0; i < set->count; i++)
        if (c >= set->low[i] && c <= set->high[i])
            return !set->negated;
    return set->negated;
}

/* A place in the text, between two bytes. */
typedef struct Place {
    const char *begin, *at, *end;
} Place;

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool holds(Code code, Place place)
{
    bool before = place.at > place.begin && is_word(place.at[-1]);
    bool after = place.at < place.end && is_word(*place.at);
    switch (code) {
    case CODE_begin: return place.at == place.begin;
    case CODE_end: return place.at == place.end;
    case CODE_edge: return before != after;
    case CODE_inside: return before == after;
    case CODE_set:
    case CODE_split:
    case CODE_match: break;
    }
    return false;
}

/* Adds what is reachable from `start` without reading; answers the new count. */
static int32_t add_thread(Regex *regex, int32_t *list, int32_t count, int32_t start, Place place)
{
    int32_t depth = 0;
    regex->stack[depth++] = start;
    while (depth) {
        int32_t at = regex->stack[--depth];
        if (regex->marks[at] == regex->generation)
            continue;
        regex->marks[at] = regex->generation;
        const Instruction *in = &regex->instructions[at];
        if (in->code == CODE_split) {
            regex->stack[depth++] = in->y;
            regex->stack[depth++] = in->x;
        } else if (in->code == CODE_set || in->code == CODE_match) {
            list[count++] = at;
        } else if (holds(in->code, place)) {
            regex->stack[depth++] = at + 1;
        }
    }
    return count;
}

bool regex_matches(Regex *regex, TnString text)
{
    const char *at = text.data, *end = text.data + text.length;
    memset(regex->marks, 0, (size_t)regex->instruction_capacity * sizeof *regex->marks);
    regex->generation = 1;
    int32_t count = add_thread(regex, regex->current, 0, 0, (Place){at, at, end});
    while (at < end && count) {
        uint32_t c = decode(&at, end);
        int32_t next = 0;
        regex->generation++;
        for (int32_t i = 0; i < count; i++) {
            const Instruction *in = &regex->instructions[regex->current[i]];
            if (in->code == CODE_set && in_set(&regex->sets[in->x], c))
                next = add_thread(regex, regex->next, next, regex->current[i] + 1,
                                  (Place){text.data, at, end});
        }
        int32_t *swap = regex->current;
        regex->current = regex->next;
        regex->next = swap;
        count = next;
    }
    for (int32_t i = 0; i < count && at == end; i++)
        if (regex->instructions[regex->current[i]].code == CODE_match)
            return true;
    return false;
}
