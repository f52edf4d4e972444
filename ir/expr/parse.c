/* SPDX-License-Identifier: Apache-2.0
 *
 * Sizes, and conditions on them, from text, as expr_print writes them and as people do:
 *
 *     condition = relation { ("&" | "|") relation }
 *     relation  = sum [ ("==" | "!=" | "<=" | "<") sum ]
 *     sum       = product { ("+" | "-") product }
 *     product   = unary { ("*" | "/" | "%") unary }         "/" rounds down
 *     unary     = ["-"] primary
 *     primary   = number | name | 'any name' | "(" condition ")" | "floor(" sum ")"
 *               | ("max" | "min") "(" sum { "," sum } ")" | "not(" condition ")"
 *               | "select(" condition "," sum "," sum ")"
 *
 * What is a condition and what a size is told while reading, so that brackets need no second look.
 * The text is read twice, the first time without a pool: a text that is neither makes no symbols.
 */
#include "pool.h"

#include <ctype.h>
#include <string.h>

enum { MAX_DEPTH = 64, MAX_NAME = 256 };

typedef struct Parser {
    ExprPool *pool; /* NULL: only check */
    const char *at;
    int depth;
    bool failed;
    bool is_condition; /* what was read last */
} Parser;

static const Expr *parse_condition(Parser *p);
static const Expr *parse_sum(Parser *p);

static void skip_spaces(Parser *p)
{
    while (*p->at == ' ' || *p->at == '\t')
        p->at++;
}

static bool accept(Parser *p, char c)
{
    skip_spaces(p);
    if (*p->at != c)
        return false;
    p->at++;
    return true;
}

static void expect(Parser *p, char c)
{
    if (!accept(p, c))
        p->failed = true;
}

static bool accept_word(Parser *p, const char *word)
{
    skip_spaces(p);
    size_t length = strlen(word);
    if (strncmp(p->at, word, length) != 0)
        return false;
    p->at += length;
    return true;
}

/* What was read last must be of this sort. */
static void expect_sort(Parser *p, bool is_condition)
{
    if (p->is_condition != is_condition)
        p->failed = true;
}

static const Expr *parse_number(Parser *p)
{
    int64_t value = 0;
    for (; isdigit((unsigned char)*p->at); p->at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *p->at - '0', &value))
            p->failed = true;
    if (value > EXPR_LIMIT)
        p->failed = true;
    return p->pool ? expr_integer(p->pool, value) : NULL;
}

/* A word, or anything in quotes; false if there is none. */
static bool parse_name(Parser *p, char *name, bool *is_quoted)
{
    size_t length = 0;
    *is_quoted = *p->at == '\'';
    if (*is_quoted) {
        for (p->at++; *p->at && *p->at != '\''; p->at++) {
            if (*p->at == '\\' && p->at[1])
                p->at++;
            if (length + 1 >= MAX_NAME)
                return false;
            name[length++] = *p->at;
        }
        name[length] = 0;
        return *p->at++ == '\'';
    }
    while (isalnum((unsigned char)*p->at) || *p->at == '_' || *p->at == '.') {
        if (length + 1 >= MAX_NAME)
            return false;
        name[length++] = *p->at++;
    }
    name[length] = 0;
    return length > 0;
}

static const Expr *parse_choice(Parser *p, bool larger)
{
    const Expr *result = parse_sum(p);
    while (!p->failed && accept(p, ',')) {
        const Expr *next = parse_sum(p);
        if (p->pool && !p->failed)
            result = (larger ? expr_larger : expr_smaller)(p->pool, result, next);
    }
    expect(p, ')');
    return result;
}

static const Expr *parse_not(Parser *p)
{
    const Expr *condition = parse_condition(p);
    expect_sort(p, true);
    expect(p, ')');
    return p->pool && !p->failed ? expr_not(p->pool, condition) : NULL;
}

static const Expr *parse_select(Parser *p)
{
    const Expr *condition = parse_condition(p);
    expect_sort(p, true);
    expect(p, ',');
    const Expr *a = parse_sum(p);
    expect(p, ',');
    const Expr *b = parse_sum(p);
    expect(p, ')');
    return p->pool && !p->failed ? expr_select(p->pool, condition, a, b) : NULL;
}

/* The name was a function's. */
static const Expr *parse_call(Parser *p, const char *name)
{
    if (p->failed)
        return NULL;
    if (!strcmp(name, "not"))
        return parse_not(p);
    if (!strcmp(name, "select"))
        return parse_select(p);
    if (strcmp(name, "floor") != 0)
        return parse_choice(p, !strcmp(name, "max"));
    const Expr *result = parse_sum(p);
    expect(p, ')');
    return result;
}

/* max, min and floor are no names; not and select are, unless a bracket follows. */
static bool is_call(Parser *p, const char *name)
{
    if (!strcmp(name, "max") || !strcmp(name, "min") || !strcmp(name, "floor")) {
        expect(p, '(');
        return true;
    }
    return (!strcmp(name, "not") || !strcmp(name, "select")) && accept(p, '(');
}

static const Expr *parse_word(Parser *p)
{
    char name[MAX_NAME];
    bool is_quoted;
    if (!parse_name(p, name, &is_quoted)) {
        p->failed = true;
        return NULL;
    }
    p->is_condition = false;
    if (is_quoted || !is_call(p, name))
        return p->pool ? expr_symbol(p->pool, name) : NULL;
    const Expr *result = parse_call(p, name);
    p->is_condition = !strcmp(name, "not");
    return result;
}

static const Expr *parse_primary(Parser *p)
{
    skip_spaces(p);
    if (isdigit((unsigned char)*p->at)) {
        p->is_condition = false;
        return parse_number(p);
    }
    if (!accept(p, '('))
        return parse_word(p);
    const Expr *result = parse_condition(p);
    expect(p, ')');
    return result;
}

static const Expr *parse_unary(Parser *p)
{
    bool negative = accept(p, '-');
    const Expr *result = parse_primary(p);
    if (negative)
        expect_sort(p, false);
    return negative && p->pool && !p->failed ? expr_scale(p->pool, result, -1) : result;
}

static const Expr *apply(Parser *p, char operator, const Expr * a, const Expr *b)
{
    if (!p->pool)
        return NULL;
    switch (operator) {
    case '+': return expr_plus(p->pool, a, b);
    case '-': return expr_minus(p->pool, a, b);
    case '*': return expr_times(p->pool, a, b);
    }
    if (node_of(b)->upper <= 0)
        p->failed = true;
    return operator== '/' ? expr_quotient(p->pool, a, b) : expr_modulus(p->pool, a, b);
}

static const Expr *parse_operators(Parser *p, const char *operators,
                                   const Expr *(*operand)(Parser *p))
{
    const Expr *result = operand(p);
    for (;;) {
        skip_spaces(p);
        char operator= * p->at;
        if (p->failed || !operator|| !strchr(operators, operator))
            return result;
        p->at++;
        expect_sort(p, false);
        const Expr *right = operand(p);
        expect_sort(p, false);
        if (!p->failed)
            result = apply(p, operator, result, right);
    }
}

static const Expr *parse_product(Parser *p)
{
    return parse_operators(p, "*/%", parse_unary);
}

/* A sum, or a condition in brackets. */
static const Expr *parse_operand(Parser *p)
{
    return parse_operators(p, "+-", parse_product);
}

static const Expr *parse_sum(Parser *p)
{
    if (p->failed || ++p->depth > MAX_DEPTH) {
        p->failed = true;
        return NULL;
    }
    const Expr *result = parse_operand(p);
    expect_sort(p, false);
    p->depth--;
    return result;
}

static const Expr *parse_relation(Parser *p)
{
    static const struct {
        const char *text;
        ExprKind kind;
    } signs[] = {
        {"==", EXPR_equal}, {"!=", EXPR_not_equal}, {"<=", EXPR_less_equal}, {"<", EXPR_less}};
    const Expr *left = parse_operand(p);
    for (size_t i = 0; i < sizeof signs / sizeof *signs && !p->failed; i++) {
        if (!accept_word(p, signs[i].text))
            continue;
        expect_sort(p, false);
        const Expr *right = parse_operand(p);
        expect_sort(p, false);
        p->is_condition = true;
        return p->pool && !p->failed ? expr_compare(p->pool, signs[i].kind, left, right) : NULL;
    }
    return left;
}

static const Expr *parse_condition(Parser *p)
{
    if (p->failed || ++p->depth > MAX_DEPTH) {
        p->failed = true;
        return NULL;
    }
    const Expr *result = parse_relation(p);
    while (!p->failed) {
        bool both = accept(p, '&');
        if (!both && !accept(p, '|'))
            break;
        expect_sort(p, true);
        const Expr *right = parse_relation(p);
        expect_sort(p, true);
        if (p->pool && !p->failed)
            result = (both ? expr_both : expr_either)(p->pool, result, right);
    }
    p->depth--;
    return result;
}

static const Expr *parse(ExprPool *pool, const char *text, bool is_condition)
{
    const Expr *result = NULL;
    for (int pass = 0; pass < 2; pass++) {
        Parser parser = {.pool = pass ? pool : NULL, .at = text};
        result = parse_condition(&parser);
        expect_sort(&parser, is_condition);
        skip_spaces(&parser);
        if (parser.failed || *parser.at)
            return NULL;
    }
    return result;
}

const Expr *expr_parse_size(ExprPool *pool, const char *text)
{
    return parse(pool, text, false);
}

const Expr *expr_parse_condition(ExprPool *pool, const char *text)
{
    return parse(pool, text, true);
}
