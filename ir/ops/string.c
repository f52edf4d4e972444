/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators on strings: host functions.
 */
#include "ir/ops/op.h"
#include "ir/support/array.h"

static const OperandDef one_string[] = {{.name = "X", .types = TYPES_STRING}};
static const OperandDef string_result[] = {{.name = "Y", .types = TYPES_STRING}};

/* ---- StringConcat ------------------------------------------------------------------------ */

static const OperandDef two_strings[] = {
    {.name = "X", .types = TYPES_STRING},
    {.name = "Y", .types = TYPES_STRING},
};

static const OperandDef concat_result[] = {{.name = "Z", .types = TYPES_STRING}};

const OpDef op_string_concat = {
    .name = "StringConcat",
    .domain = "",
    .summary = "x followed by y, broadcast",
    .since = 20,
    .first = 20,
    OPERANDS(two_strings),
    RESULTS(concat_result),
    .infer = infer_elementwise,
    .host = "string_concat",
};

/* ---- StringSplit ------------------------------------------------------------------------- */

typedef struct SplitAttributes {
    TnString delimiter;
    int64_t maxsplit;
} SplitAttributes;

static const AttributeDef split_attributes[] = {
    ATTRIBUTE_OPTIONAL(SplitAttributes, delimiter, string, "absent or empty: runs of blanks"),
    ATTRIBUTE_INT(SplitAttributes, maxsplit, ATTRIBUTE_ABSENT, "splits at most; absent: no limit"),
};

static const OperandDef split_results[] = {
    {.name = "Y", .types = TYPES_STRING},
    {.name = "Z", .types = TYPE_BIT(TN_INT64)},
};

static bool infer_split(InferContext *context, Node *node)
{
    const Type *x = operand_type(node, 0);
    const Expr *dims[MAX_RANK];
    if (x->rank == MAX_RANK)
        return infer_unsupported(context, node, "a result of rank %d", x->rank + 1);
    for (int d = 0; d < x->rank; d++)
        dims[d] = x->dims[d];
    dims[x->rank] = infer_fresh_size(context, node, 0, "parts", NULL);
    infer_set(context, node, 0, TN_STRING, x->rank + 1, dims);
    if (node->result_count > 1)
        infer_set(context, node, 1, TN_INT64, x->rank, x->dims);
    return true;
}

const OpDef op_string_split = {
    .name = "StringSplit",
    .domain = "",
    .summary = "The parts of each string between delimiters, filled up with empty strings",
    .since = 20,
    .first = 20,
    .traits = TRAIT_data_dependent,
    OPERANDS(one_string),
    RESULTS(split_results),
    ATTRIBUTES(split_attributes, SplitAttributes),
    .infer = infer_split,
    .host = "string_split",
};

/* ---- RegexFullMatch ---------------------------------------------------------------------- */

typedef struct RegexAttributes {
    TnString pattern;
} RegexAttributes;

static const AttributeDef regex_attributes[] = {
    ATTRIBUTE_OPTIONAL(RegexAttributes, pattern, string, "in RE2's syntax"),
};

static const OperandDef regex_results[] = {{.name = "Y", .types = TYPES_BOOL}};

static bool infer_regex(InferContext *context, Node *node)
{
    const Type *x = operand_type(node, 0);
    infer_set(context, node, 0, TN_BOOL, x->rank, x->dims);
    return true;
}

const OpDef op_regex_full_match = {
    .name = "RegexFullMatch",
    .domain = "",
    .summary = "Whether the whole string matches a regular expression",
    .since = 20,
    .first = 20,
    OPERANDS(one_string),
    RESULTS(regex_results),
    ATTRIBUTES(regex_attributes, RegexAttributes),
    .infer = infer_regex,
    .host = "regex_full_match",
};

/* ---- StringNormalizer -------------------------------------------------------------------- */

typedef struct NormalizerAttributes {
    int case_change_action;
    int64_t is_case_sensitive;
    TnString locale;
    StringList stopwords;
} NormalizerAttributes;

static const AttributeDef normalizer_attributes[] = {
    ATTRIBUTE_CHOICE(NormalizerAttributes, case_change_action, "NONE|LOWER|UPPER", 0,
                     "what to do to letters"),
    ATTRIBUTE_INT(NormalizerAttributes, is_case_sensitive, 0,
                  "whether stop words are compared as they are"),
    ATTRIBUTE_OPTIONAL(NormalizerAttributes, locale, string, "not used: simple case mapping"),
    ATTRIBUTE_OPTIONAL(NormalizerAttributes, stopwords, strings, "words to leave out"),
};

static bool infer_normalizer(InferContext *context, Node *node)
{
    const Type *x = operand_type(node, 0);
    if (x->rank != 1 && x->rank != 2)
        return infer_error(context, node, "X must be [C] or [1, C], not of rank %d", x->rank);
    const Expr *one = expr_integer(context->pool, 1);
    if (x->rank == 2 && !infer_equal(context, node, x->dims[0], one, "rows of X"))
        return false;
    const Expr *most = expr_larger(context->pool, x->dims[x->rank - 1], one);
    const Expr *kept = infer_fresh_size(context, node, 0, "count", most);
    const Expr *dims[] = {x->rank == 1 ? kept : one, kept};
    infer_set(context, node, 0, TN_STRING, x->rank, dims);
    return true;
}

const OpDef op_string_normalizer = {
    .name = "StringNormalizer",
    .domain = "",
    .summary = "Strings without stop words, in lower or upper case",
    .since = 10,
    .first = 10,
    .traits = TRAIT_data_dependent,
    OPERANDS(one_string),
    RESULTS(string_result),
    ATTRIBUTES(normalizer_attributes, NormalizerAttributes),
    .infer = infer_normalizer,
    .host = "string_normalizer",
};

/* ---- TfIdfVectorizer --------------------------------------------------------------------- */

typedef struct TfIdfAttributes {
    int64_t max_gram_length, max_skip_count, min_gram_length;
    int mode;
    IntList ngram_counts, ngram_indexes, pool_int64s;
    StringList pool_strings;
    FloatList weights;
} TfIdfAttributes;

static const AttributeDef tf_idf_attributes[] = {
    ATTRIBUTE_INT_REQUIRED(TfIdfAttributes, max_gram_length, "items of the longest n-gram"),
    ATTRIBUTE_INT_REQUIRED(TfIdfAttributes, max_skip_count, "items left out between two of a gram"),
    ATTRIBUTE_INT_REQUIRED(TfIdfAttributes, min_gram_length, "items of the shortest n-gram"),
    ATTRIBUTE_CHOICE(TfIdfAttributes, mode, "TF|IDF|TFIDF", -1, "count, weight, or their product"),
    ATTRIBUTE_REQUIRED(TfIdfAttributes, ngram_counts, ints, "where the n-grams begin in the pool"),
    ATTRIBUTE_REQUIRED(TfIdfAttributes, ngram_indexes, ints, "where each n-gram is counted"),
    ATTRIBUTE_OPTIONAL(TfIdfAttributes, pool_int64s, ints, "the n-grams"),
    ATTRIBUTE_OPTIONAL(TfIdfAttributes, pool_strings, strings, "the n-grams"),
    ATTRIBUTE_OPTIONAL(TfIdfAttributes, weights, floats, "of the n-grams"),
};

static const OperandDef tf_idf_operands[] = {
    {.name = "X", .types = TYPES_STRING | TYPES_INDEX},
};

static const OperandDef tf_idf_results[] = {{.name = "Y", .types = TYPE_BIT(TN_FLOAT)}};

/* What the host function relies on: positions that ascend in the pool, a target for each n-gram. */
static bool check_pool(InferContext *context, Node *node, const TfIdfAttributes *a, int64_t pool)
{
    int64_t grams = 0, previous = 0;
    for (int64_t n = 1; n <= a->ngram_counts.count; n++) {
        int64_t begin = a->ngram_counts.items[n - 1];
        int64_t end = n < a->ngram_counts.count ? a->ngram_counts.items[n] : pool;
        if (begin < previous || begin > pool || end > pool || end < begin)
            return infer_error(context, node, "ngram_counts do not ascend within the pool of %lld",
                               (long long)pool);
        grams += (end - begin) / n;
        previous = begin;
    }
    if (grams > a->ngram_indexes.count)
        return infer_error(context, node, "%lld n-grams have %lld ngram_indexes", (long long)grams,
                           (long long)a->ngram_indexes.count);
    for (int64_t i = 0; i < a->ngram_indexes.count; i++)
        if (a->ngram_indexes.items[i] < 0 || a->ngram_indexes.items[i] > 1 << 24)
            return infer_error(context, node, "ngram_indexes has %lld",
                               (long long)a->ngram_indexes.items[i]);
    return true;
}

static bool infer_tf_idf(InferContext *context, Node *node)
{
    const TfIdfAttributes *attributes = node->attributes;
    const Type *x = operand_type(node, 0);
    int64_t width = 0, pool = x->element == TN_STRING ? attributes->pool_strings.count
                                                      : attributes->pool_int64s.count;
    if (x->rank > 2)
        return infer_error(context, node, "X must be [C] or [N, C], not of rank %d", x->rank);
    if (!check_pool(context, node, attributes, pool))
        return false;
    for (int64_t i = 0; i < attributes->ngram_indexes.count; i++)
        if (attributes->ngram_indexes.items[i] >= width)
            width = attributes->ngram_indexes.items[i] + 1;
    const Expr *columns = expr_integer(context->pool, width);
    const Expr *dims[] = {x->rank == 2 ? x->dims[0] : columns, columns};
    infer_set(context, node, 0, TN_FLOAT, x->rank == 2 ? 2 : 1, dims);
    return true;
}

const OpDef op_tf_idf_vectorizer = {
    .name = "TfIdfVectorizer",
    .domain = "",
    .summary = "How often each n-gram of a pool occurs, counted or weighted",
    .since = 9,
    .first = 9,
    OPERANDS(tf_idf_operands),
    RESULTS(tf_idf_results),
    ATTRIBUTES(tf_idf_attributes, TfIdfAttributes),
    .infer = infer_tf_idf,
    .host = "tf_idf_vectorizer",
};
