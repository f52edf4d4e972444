/* SPDX-License-Identifier: Apache-2.0
 *
 * Einsum: one axis for each label of the equation. Labels of the result are parallel, the others
 * are summed: a single reduce of a product of one load per operand, whatever the equation. "..."
 * stands for labels of its own, aligned from the right among the operands and broadcast. A label
 * that occurs twice in a term reads a diagonal.
 */
#include "ir/ops/lowering.h"

#include <ctype.h>
#include <string.h>

typedef struct EinsumAttributes {
    TnString equation;
} EinsumAttributes;

enum { MAX_TERMS = 16, ELLIPSIS = -1, LABEL_COUNT = 52 + MAX_RANK };

/* Labels: 0-25 upper case, 26-51 lower case (the order of an implicit result), 52 on the axes of
 * the ellipsis, counted from its right end. */
typedef struct Equation {
    int term_count; /* operands */
    int rank[MAX_TERMS + 1];
    int labels[MAX_TERMS + 1][MAX_RANK]; /* [term_count] is the result */
    int ellipsis_rank;
    const Expr *sizes[LABEL_COUNT];
    const char *error;
} Equation;

/* Labels as they are written, "..." as ELLIPSIS. */
typedef struct Term {
    int count;
    int labels[3 * MAX_RANK];
} Term;

static int label_of(char c)
{
    return isupper((unsigned char)c) ? c - 'A' : 26 + c - 'a';
}

/* Reads up to ',' or '-' or the end. */
static const char *read_term(const char *at, const char *end, Term *term, Equation *e)
{
    term->count = 0;
    for (; at < end && *at != ',' && *at != '-'; at++) {
        if (isspace((unsigned char)*at))
            continue;
        if (term->count == 2 * MAX_RANK) {
            e->error = "a term is too long";
            return end;
        }
        if (end - at >= 3 && memcmp(at, "...", 3) == 0) {
            term->labels[term->count++] = ELLIPSIS;
            at += 2;
        } else if (isalpha((unsigned char)*at)) {
            term->labels[term->count++] = label_of(*at);
        } else {
            e->error = "the equation contains something that is no letter, ',', '->' or '...'";
            return end;
        }
    }
    return at;
}

/* Replaces the ellipsis, which covers `covered` axes, by labels. */
static void expand(Equation *e, int which, const Term *term, int covered)
{
    int rank = 0;
    for (int i = 0; i < term->count; i++) {
        int width = term->labels[i] == ELLIPSIS ? covered : 1;
        if (rank + width > MAX_RANK) {
            e->error = "a term has too many axes";
            return;
        }
        for (int j = 0; j < width; j++)
            e->labels[which][rank++] =
                term->labels[i] == ELLIPSIS ? 52 + covered - 1 - j : term->labels[i];
    }
    e->rank[which] = rank;
}

static int ellipses(const Term *term)
{
    int count = 0;
    for (int i = 0; i < term->count; i++)
        count += term->labels[i] == ELLIPSIS;
    return count;
}

/* Without "->": the ellipsis, then the letters that occur once, in order. */
static Term implicit_result(const Term *terms, int count)
{
    int uses[52] = {0};
    Term result = {0};
    bool has_ellipsis = false;
    for (int t = 0; t < count; t++)
        for (int i = 0; i < terms[t].count; i++) {
            if (terms[t].labels[i] == ELLIPSIS)
                has_ellipsis = true;
            else
                uses[terms[t].labels[i]]++;
        }
    if (has_ellipsis)
        result.labels[result.count++] = ELLIPSIS;
    for (int label = 0; label < 52 && result.count < 2 * MAX_RANK; label++)
        if (uses[label] == 1)
            result.labels[result.count++] = label;
    return result;
}

static Equation equation_parse(TnString text, int operand_count, const int *ranks)
{
    Equation e = {.term_count = operand_count};
    const char *at = text.data, *end = text.data + text.length;
    Term terms[MAX_TERMS + 1] = {0};
    if (operand_count > MAX_TERMS) {
        e.error = "there are too many operands";
        return e;
    }
    for (int t = 0; t < operand_count && !e.error; t++) {
        at = read_term(at, end, &terms[t], &e);
        bool is_last = t == operand_count - 1;
        if (is_last ? at < end && *at != '-' : at == end || *at != ',')
            e.error = "the equation must have one term for each operand";
        at += !is_last;
    }
    if (!e.error && at < end) {
        if (end - at < 2 || at[1] != '>')
            e.error = "expected '->'";
        else if (read_term(at + 2, end, &terms[operand_count], &e) != end)
            e.error = "expected one result after '->'";
    } else if (!e.error) {
        terms[operand_count] = implicit_result(terms, operand_count);
    }
    for (int t = 0; t < operand_count && !e.error; t++) {
        int dots = ellipses(&terms[t]), covered = ranks[t] - (terms[t].count - dots);
        if (dots > 1 || covered < 0 || (dots == 0 && covered > 0)) {
            e.error = "a term does not fit its operand's rank";
            return e;
        }
        if (covered > e.ellipsis_rank)
            e.ellipsis_rank = covered;
        expand(&e, t, &terms[t], dots ? covered : 0);
    }
    if (!e.error && ellipses(&terms[operand_count]) > 1)
        e.error = "the result has more than one '...'";
    if (!e.error)
        expand(&e, operand_count, &terms[operand_count], e.ellipsis_rank);
    return e;
}

static Equation parse_node(const Node *node)
{
    const EinsumAttributes *attributes = node->attributes;
    int ranks[MAX_TERMS] = {0};
    for (int i = 0; i < node->operand_count && i < MAX_TERMS; i++)
        ranks[i] = operand_type(node, i)->rank;
    return equation_parse(attributes->equation, node->operand_count, ranks);
}

/* One size for each label, of those of all operands. */
static bool find_sizes(InferContext *context, const Node *node, Equation *e)
{
    for (int t = 0; t < e->term_count; t++)
        for (int d = 0; d < e->rank[t]; d++) {
            const Expr **size = &e->sizes[e->labels[t][d]];
            const Expr *other = operand_type(node, t)->dims[d];
            if (!*size || expr_is(*size, 1))
                *size = other;
            else if (!expr_is(other, 1))
                *size = infer_equal(context, node, *size, other, "sizes of one label");
            if (!*size)
                return false;
        }
    return true;
}

static bool infer(InferContext *context, Node *node)
{
    Equation e = parse_node(node);
    if (e.error) {
        const EinsumAttributes *attributes = node->attributes;
        return infer_error(context, node, "equation \"%.*s\": %s", (int)attributes->equation.length,
                           attributes->equation.data, e.error);
    }
    if (!find_sizes(context, node, &e))
        return false;
    const Expr *dims[MAX_RANK];
    const int *labels = e.labels[e.term_count];
    for (int d = 0; d < e.rank[e.term_count]; d++) {
        if (!e.sizes[labels[d]])
            return infer_error(context, node, "the result has a label that no operand has");
        for (int other = 0; other < d; other++)
            if (labels[other] == labels[d])
                return infer_error(context, node, "the result has a label twice");
        dims[d] = e.sizes[labels[d]];
    }
    infer_set(context, node, 0, operand_type(node, 0)->element, e.rank[e.term_count], dims);
    return true;
}

static void lower(Lowering *l)
{
    Equation e = parse_node(l->node);
    const Tensor *y = l->out[0];
    const Expr *index[LABEL_COUNT] = {NULL};
    for (int t = 0; t < e.term_count; t++)
        for (int d = 0; d < e.rank[t]; d++) {
            const Expr **size = &e.sizes[e.labels[t][d]], *other = l->in[t]->shape[d];
            int64_t number;
            if (!*size || expr_is(*size, 1) || (expr_known(other, &number) && number != 1))
                *size = other;
        }
    bool has_sum = false;
    for (int d = 0; d < e.rank[e.term_count]; d++)
        index[e.labels[e.term_count][d]] = y->shape[d];
    for (int label = 0; label < LABEL_COUNT; label++)
        has_sum |= e.sizes[label] && !index[label];
    Compute *compute =
        has_sum ? kernel_reduce(l->kernel, y, COMBINE_sum) : kernel_map(l->kernel, y);
    for (int d = 0; d < e.rank[e.term_count]; d++)
        index[e.labels[e.term_count][d]] = compute_axis(l->kernel, compute, d);
    for (int label = 0; label < LABEL_COUNT; label++)
        if (e.sizes[label] && !index[label])
            index[label] = compute_reduce_axis(l->kernel, compute, e.sizes[label]);
    const Expr *product = NULL;
    for (int t = 0; t < e.term_count; t++) {
        const Expr *at[MAX_RANK];
        for (int d = 0; d < e.rank[t]; d++) {
            int label = e.labels[t][d];
            at[d] = expr_is(l->in[t]->shape[d], 1) ? expr_integer(l->pool, 0) : index[label];
        }
        const Expr *load = expr_load(l->pool, l->in[t], at);
        product = product ? product_of(l->pool, product, load) : load;
    }
    compute->body = product;
}

static const OperandDef operands[] = {
    {.name = "Inputs", .types = TYPES_NUMBER, .group = 'T', .variadic = true, .min_variadic = 1},
};
static const OperandDef results[] = {{.name = "Output", .types = TYPES_NUMBER, .group = 'T'}};
static const AttributeDef attributes[] = {
    ATTRIBUTE_REQUIRED(EinsumAttributes, equation, string, "as NumPy's einsum"),
};

const OpDef op_einsum = {
    .name = "Einsum",
    .domain = "",
    .summary = "sum of products of the operands' elements, by an equation of axis labels",
    .since = 28,
    .first = 12,
    OPERANDS(operands),
    RESULTS(results),
    ATTRIBUTES(attributes, EinsumAttributes),
    .infer = infer,
    .lower = lower,
};
