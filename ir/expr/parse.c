/* SPDX-License-Identifier: Apache-2.0
 *
 * Sizes from text, as expr_print writes them and as people do:
 *
 *     sum      = product { ("+" | "-") product }
 *     product  = unary { ("*" | "/" | "%") unary }         "/" rounds down
 *     unary    = ["-"] primary
 *     primary  = number | name | 'any name' | "(" sum ")" | "floor(" sum ")"
 *              | ("max" | "min") "(" sum { "," sum } ")"
 *
 * The text is read twice, the first time without a pool: a text that is not a size makes no
 * symbols.
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
} Parser;

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

static const Expr *parse_word(Parser *p)
{
    char name[MAX_NAME];
    bool is_quoted;
    if (!parse_name(p, name, &is_quoted)) {
        p->failed = true;
        return NULL;
    }
    bool larger = strcmp(name, "max") == 0, smaller = strcmp(name, "min") == 0;
    bool rounds = strcmp(name, "floor") == 0;
    if (is_quoted || !(larger || smaller || rounds))
        return p->pool ? expr_symbol(p->pool, name) : NULL;
    expect(p, '(');
    if (p->failed)
        return NULL;
    if (!rounds)
        return parse_choice(p, larger);
    const Expr *result = parse_sum(p);
    expect(p, ')');
    return result;
}

static const Expr *parse_primary(Parser *p)
{
    skip_spaces(p);
    if (isdigit((unsigned char)*p->at))
        return parse_number(p);
    if (!accept(p, '('))
        return parse_word(p);
    const Expr *result = parse_sum(p);
    expect(p, ')');
    return result;
}

static const Expr *parse_unary(Parser *p)
{
    bool negative = accept(p, '-');
    const Expr *result = parse_primary(p);
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
        const Expr *right = operand(p);
        if (!p->failed)
            result = apply(p, operator, result, right);
    }
}

static const Expr *parse_product(Parser *p)
{
    return parse_operators(p, "*/%", parse_unary);
}

static const Expr *parse_sum(Parser *p)
{
    if (p->failed || ++p->depth > MAX_DEPTH) {
        p->failed = true;
        return NULL;
    }
    const Expr *result = parse_operators(p, "+-", parse_product);
    p->depth--;
    return result;
}

const Expr *expr_parse_size(ExprPool *pool, const char *text)
{
    const Expr *result = NULL;
    for (int pass = 0; pass < 2; pass++) {
        Parser parser = {.pool = pass ? pool : NULL, .at = text};
        result = parse_sum(&parser);
        skip_spaces(&parser);
        if (parser.failed || *parser.at)
            return NULL;
    }
    return result;
}
