/* SPDX-License-Identifier: Apache-2.0
 *
 * Expressions as text. What is shared within a large expression is written out once,
 * "%1:exp(x[i0])", and otherwise called by its number: the length of the text is that of the DAG.
 */
#include "pool.h"

#include "ir/kernel/nest.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

enum {
    SMALL_TREE = 64,   /* up to this size, all is written out */
    LARGE_INDEX = 4096 /* so are indices up to this one, so that they read back */
};

static const char *const names[EXPR_KIND_COUNT] = {
    [EXPR_integer] = "integer",
    [EXPR_symbol] = "symbol",
    [EXPR_axis] = "axis",
    [EXPR_constant] = "constant",
    [EXPR_linear] = "linear",
    [EXPR_times] = "times",
    [EXPR_quotient] = "quotient",
    [EXPR_modulus] = "modulus",
    [EXPR_larger] = "max",
    [EXPR_smaller] = "min",
    [EXPR_to_index] = "index",
    [EXPR_from_index] = "from_index",
    [EXPR_convert] = "convert",
    [EXPR_bitcast] = "bitcast",
    [EXPR_load] = "load",
    [EXPR_fetch] = "fetch",
    [EXPR_cell] = "cell",
#define UNARY(name, cost, floats, integers)  [EXPR_##name] = #name,
#define BINARY(name, cost, floats, integers) [EXPR_##name] = #name,
#define COMPARE(name, meaning)               [EXPR_##name] = #name,
#include "expr.def"
    [EXPR_fma] = "fma",
    [EXPR_select] = "select",
    [EXPR_dot4] = "dot4",
    [EXPR_across_sum] = "across_sum",
    [EXPR_across_max] = "across_max",
    [EXPR_across_min] = "across_min",
};

const char *expr_kind_name(ExprKind kind)
{
    return names[kind];
}

/* How tightly an operator binds. */
typedef enum Level {
    LEVEL_NONE,
    LEVEL_LOGIC,
    LEVEL_COMPARE,
    LEVEL_BITS,
    LEVEL_ADD,
    LEVEL_MULTIPLY,
    LEVEL_UNARY,
} Level;

typedef struct Infix {
    const char *text;
    Level level;
} Infix;

static const Infix infixes[EXPR_KIND_COUNT] = {
    [EXPR_add] = {" + ", LEVEL_ADD},
    [EXPR_subtract] = {" - ", LEVEL_ADD},
    [EXPR_multiply] = {" * ", LEVEL_MULTIPLY},
    [EXPR_divide] = {" / ", LEVEL_MULTIPLY},
    [EXPR_and] = {" & ", LEVEL_LOGIC},
    [EXPR_or] = {" | ", LEVEL_LOGIC},
    [EXPR_xor] = {" ^ ", LEVEL_LOGIC},
    [EXPR_shift_left] = {" << ", LEVEL_BITS},
    [EXPR_shift_right] = {" >> ", LEVEL_BITS},
    [EXPR_less] = {" < ", LEVEL_COMPARE},
    [EXPR_less_equal] = {" <= ", LEVEL_COMPARE},
    [EXPR_equal] = {" == ", LEVEL_COMPARE},
    [EXPR_not_equal] = {" != ", LEVEL_COMPARE},
};

typedef struct Printer {
    Text *text;
    bool shares, shares_indices;
    Map uses; /* shared values: to their number + 1, first 1 for "not written yet" */
    intptr_t last_number;
} Printer;

static void print(Printer *p, const Expr *e, Level around);

/* ---- Indices ----------------------------------------------------------------------------- */

static void print_terms(Printer *p, const Expr *e, bool negative, bool *is_first)
{
    for (int i = 0; i < e->count; i++) {
        int64_t factor = negative ? -e->factors[i] : e->factors[i];
        if (factor < 0)
            continue;
        if (negative || !*is_first)
            text_append(p->text, *is_first ? "-" : negative ? " - " : " + ");
        *is_first = false;
        if (factor != 1)
            text_format(p->text, "%" PRId64 "*", factor);
        /* 2*K*M reads as 2*(K*M), 2*a % b does not as 2*(a % b) */
        bool is_bare = e->factors[i] == 1 || e->src[i]->kind == EXPR_times;
        print(p, e->src[i], is_bare ? LEVEL_ADD : LEVEL_MULTIPLY);
    }
}

/* Negative terms last. */
static void print_linear(Printer *p, const Expr *e)
{
    bool is_first = true;
    print_terms(p, e, false, &is_first);
    print_terms(p, e, true, &is_first);
    if (e->integer)
        text_format(p->text, e->integer < 0 ? " - %" PRId64 : " + %" PRId64,
                    e->integer < 0 ? -e->integer : e->integer);
}

/* Products hang to the left. */
static void print_times(Printer *p, const Expr *e)
{
    print(p, e->src[0], e->src[0]->kind == EXPR_times ? LEVEL_NONE : LEVEL_MULTIPLY);
    text_append(p->text, "*");
    print(p, e->src[1], LEVEL_MULTIPLY);
}

static void print_choice(Printer *p, const Expr *e)
{
    text_format(p->text, "%s(", names[e->kind]);
    print(p, e->src[0], LEVEL_NONE);
    text_append(p->text, ", ");
    print(p, e->src[1], LEVEL_NONE);
    text_append(p->text, ")");
}

static bool is_word(const char *name)
{
    if (!isalpha((unsigned char)*name) && *name != '_')
        return false;
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '_' && *c != '.')
            return false;
    return strcmp(name, "max") != 0 && strcmp(name, "min") != 0 && strcmp(name, "floor") != 0;
}

static void print_symbol(Printer *p, const char *name)
{
    if (is_word(name)) {
        text_append(p->text, name);
        return;
    }
    text_append(p->text, "'");
    for (const char *c = name; *c; c++)
        text_format(p->text, *c == '\'' || *c == '\\' ? "\\%c" : "%c", *c);
    text_append(p->text, "'");
}

/* ---- Values ------------------------------------------------------------------------------ */

static void print_constant(Printer *p, const Expr *e)
{
    union {
        uint64_t bits;
        float f;
        double d;
    } cell = {.bits = e->bits};
    if (e->type == TN_BOOL)
        text_append(p->text, e->bits ? "true" : "false");
    else if (e->type == TN_FLOAT)
        text_append_float(p->text, cell.f);
    else if (e->type == TN_DOUBLE)
        text_append_double(p->text, cell.d);
    else if (e->type == TN_UINT64)
        text_format(p->text, "%" PRIu64, e->bits);
    else if (e->type == TN_STRING || element_kind(e->type) == ELEMENT_KIND_COMPLEX)
        text_format(p->text, "%s(%" PRIu64 ")", element_name(e->type), e->bits);
    else if (element_kind(e->type) == ELEMENT_KIND_FLOAT)
        text_append_float(p->text, element_small_to_float(e->type, (uint32_t)e->bits));
    else
        text_format(p->text, "%" PRId64, element_to_int64(e->type, &cell));
}

static void print_list(Printer *p, const Expr *e, const char *open, int count, const char *close)
{
    text_append(p->text, open);
    for (int i = 0; i < count; i++) {
        text_append(p->text, i ? ", " : "");
        print(p, e->src[i], LEVEL_NONE);
    }
    text_append(p->text, close);
}

static void print_load(Printer *p, const Expr *e)
{
    text_append(p->text, ((const Tensor *)e->object)->name);
    print_list(p, e, "[", e->count - e->has_fill, "");
    if (e->has_fill) {
        text_append(p->text, " else ");
        print(p, e->src[e->count - 1], LEVEL_NONE);
    }
    text_append(p->text, "]");
}

static void print_fetch(Printer *p, const Expr *e)
{
    text_append(p->text, ((const Tensor *)e->object)->name);
    print_list(p, e, "[", 1, "");
    if (e->has_fill) {
        text_append(p->text, " if ");
        print(p, e->src[1], LEVEL_NONE);
        text_append(p->text, " else ");
        print(p, e->src[2], LEVEL_NONE);
    }
    text_append(p->text, "]");
}

static void print_infix(Printer *p, const Expr *e, Level around)
{
    Infix infix = infixes[e->kind];
    text_append(p->text, infix.level <= around ? "(" : "");
    /* On the left the same level may stand bare: a - b - c. */
    Level left = infix.level == LEVEL_COMPARE ? infix.level : infix.level - 1;
    print(p, e->src[0], left);
    text_append(p->text, infix.text);
    print(p, e->src[1], infix.level);
    text_append(p->text, infix.level <= around ? ")" : "");
}

static void print_bracketed(Printer *p, const Expr *e, Level level, Level around,
                            void (*inside)(Printer *p, const Expr *e))
{
    text_append(p->text, level <= around ? "(" : "");
    inside(p, e);
    text_append(p->text, level <= around ? ")" : "");
}

static void print_modulus(Printer *p, const Expr *e)
{
    print(p, e->src[0], LEVEL_MULTIPLY);
    text_append(p->text, " % ");
    print(p, e->src[1], LEVEL_MULTIPLY);
}

static void print_node(Printer *p, const Expr *e, Level around)
{
    if (infixes[e->kind].text) {
        print_infix(p, e, around);
        return;
    }
    switch ((int)e->kind) {
    case EXPR_integer: text_format(p->text, "%" PRId64, e->integer); return;
    case EXPR_symbol: print_symbol(p, ((const Symbol *)e->object)->name); return;
    case EXPR_axis: text_append(p->text, ((const Axis *)e->object)->name); return;
    case EXPR_constant: print_constant(p, e); return;
    case EXPR_linear: {
        bool one_term = e->count == 1 && e->integer == 0;
        print_bracketed(p, e, one_term ? LEVEL_MULTIPLY : LEVEL_ADD, around, print_linear);
        return;
    }
    case EXPR_times: print_bracketed(p, e, LEVEL_MULTIPLY, around, print_times); return;
    case EXPR_modulus: print_bracketed(p, e, LEVEL_MULTIPLY, around, print_modulus); return;
    case EXPR_quotient:
        text_append(p->text, "floor(");
        print(p, e->src[0], LEVEL_MULTIPLY - 1);
        text_append(p->text, " / ");
        print(p, e->src[1], LEVEL_MULTIPLY);
        text_append(p->text, ")");
        return;
    case EXPR_larger:
    case EXPR_smaller: print_choice(p, e); return;
    case EXPR_load: print_load(p, e); return;
    case EXPR_fetch: print_fetch(p, e); return;
    case EXPR_cell:
        text_append(p->text, ((const Array *)e->object)->name);
        print_list(p, e, "[", 1, "]");
        return;
    case EXPR_from_index:
    case EXPR_convert:
        text_format(p->text, "%s%s", element_name(e->type), e->integer ? ".saturate" : "");
        break;
    case EXPR_bitcast: text_format(p->text, "bitcast.%s", element_name(e->type)); break;
    default: text_append(p->text, names[e->kind]); break;
    }
    print_list(p, e, "(", e->count, ")");
}

static void print(Printer *p, const Expr *e, Level around)
{
    intptr_t number = p->shares ? (intptr_t)map_get_pointer(&p->uses, e) : 0;
    if (number < 2) { /* used once */
        print_node(p, e, around);
        return;
    }
    if (number > 2) {
        text_format(p->text, "%%%d", (int)number - 2);
        return;
    }
    map_set_pointer(&p->uses, e, (void *)(++p->last_number + 2));
    text_format(p->text, "%%%d:", (int)p->last_number);
    print_node(p, e, LEVEL_UNARY);
}

/* Marks values that are used more than once with a 2, others with a 1. Those that are no longer
 * than their number are not shared, nor are indices that must read back. */
static void count_uses(Printer *p, const Expr *e)
{
    bool is_kept = e->type == EXPR_INDEX && !p->shares_indices;
    if (e->count == 0 || is_kept || node_of(e)->tree_size < 4)
        return;
    if (map_get_pointer(&p->uses, e)) {
        map_set_pointer(&p->uses, e, (void *)(intptr_t)2);
        return;
    }
    map_set_pointer(&p->uses, e, (void *)(intptr_t)1);
    for (int i = 0; i < e->count; i++)
        count_uses(p, e->src[i]);
}

void expr_print(const Expr *e, Text *text)
{
    Printer printer = {.text = text};
    uint32_t size = node_of(e)->tree_size;
    printer.shares_indices = size > LARGE_INDEX;
    if (size > (e->type == EXPR_INDEX ? (uint32_t)LARGE_INDEX : (uint32_t)SMALL_TREE)) {
        printer.shares = true;
        printer.uses = map_create(text->arena);
        count_uses(&printer, e);
    }
    print(&printer, e, LEVEL_NONE);
}
