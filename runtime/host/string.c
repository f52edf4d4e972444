/* SPDX-License-Identifier: Apache-2.0
 *
 * Operators on strings. Elements are bytes in UTF-8; a result's characters lie in the run's memory
 * or are those of an operand.
 */
#include "runtime/element.h"
#include "runtime/format.h"
#include "runtime/host/host.h"
#include "runtime/host/regex.h"
#include "runtime/real.h"
#include "runtime/strings.h"

#include <math.h>
#include <string.h>

static const TnString *strings_of(const TnTensor *tensor)
{
    return tensor->data;
}

/* A copy of bytes that outlives the call; data NULL where there is no memory. */
static TnString keep(HostCall *call, const char *data, int64_t length)
{
    char *copy = host_allocate(call, length + 1);
    if (copy) {
        memcpy(copy, data, (size_t)length);
        copy[length] = '\0';
    }
    return (TnString){copy, length};
}

/* ---- Broadcasting two operands ----------------------------------------------------------- */

typedef struct Pair {
    int rank;
    int64_t dims[TN_MAX_RANK], steps[2][TN_MAX_RANK], count;
} Pair;

static bool pair_operands(HostCall *call, Pair *pair)
{
    const TnTensor *a = host_tensor(call, 0), *b = host_tensor(call, 1);
    *pair = (Pair){.rank = a->rank > b->rank ? a->rank : b->rank, .count = 1};
    int64_t step_a = 1, step_b = 1;
    for (int d = pair->rank - 1; d >= 0; d--) {
        int da = d - (pair->rank - a->rank), db = d - (pair->rank - b->rank);
        int64_t size_a = da < 0 ? 1 : a->dims[da], size_b = db < 0 ? 1 : b->dims[db];
        if (size_a != size_b && size_a != 1 && size_b != 1) {
            host_error(call, "sizes %lld and %lld do not broadcast", (long long)size_a,
                       (long long)size_b);
            return false;
        }
        pair->dims[d] = size_a == 1 ? size_b : size_a;
        pair->steps[0][d] = size_a == 1 ? 0 : step_a;
        pair->steps[1][d] = size_b == 1 ? 0 : step_b;
        step_a *= size_a;
        step_b *= size_b;
        pair->count *= pair->dims[d];
    }
    return true;
}

/* Where element i of the result reads operand `which`. */
static int64_t pair_offset(const Pair *pair, int64_t i, int which)
{
    int64_t offset = 0;
    for (int d = pair->rank - 1; d >= 0; d--) {
        offset += i % pair->dims[d] * pair->steps[which][d];
        i /= pair->dims[d];
    }
    return offset;
}

TnStatus host_string_concat(HostCall *call)
{
    Pair pair;
    if (!pair_operands(call, &pair))
        return call->status;
    TnString *y = host_output(call, 0, pair.rank, pair.dims);
    for (int64_t i = 0; y && i < pair.count; i++) {
        TnString a = strings_of(host_tensor(call, 0))[pair_offset(&pair, i, 0)];
        TnString b = strings_of(host_tensor(call, 1))[pair_offset(&pair, i, 1)];
        char *data = host_allocate(call, a.length + b.length + 1);
        if (!data)
            return call->status;
        memcpy(data, a.data, (size_t)a.length);
        memcpy(data + a.length, b.data, (size_t)b.length);
        y[i] = (TnString){data, a.length + b.length};
    }
    return y ? TN_OK : call->status;
}

TnStatus host_string_equal(HostCall *call)
{
    Pair pair;
    if (!pair_operands(call, &pair))
        return call->status;
    bool *y = host_output(call, 0, pair.rank, pair.dims);
    for (int64_t i = 0; y && i < pair.count; i++)
        y[i] = string_equal(strings_of(host_tensor(call, 0))[pair_offset(&pair, i, 0)],
                            strings_of(host_tensor(call, 1))[pair_offset(&pair, i, 1)]);
    return y ? TN_OK : call->status;
}

/* ---- StringSplit ------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next part of `rest`, or false at the end. Without a delimiter, runs of blanks separate and
 * those at the ends do not count; at the `last` part what is left is one piece. */
static bool next_part(TnString *rest, TnString delimiter, bool last, TnString *part)
{
    if (!rest->data)
        return false;
    const char *at = rest->data, *end = at + rest->length;
    if (delimiter.length == 0) {
        while (at < end && is_blank(*at))
            at++;
        if (at == end)
            return false;
        const char *stop = at;
        while (stop < end && (last || !is_blank(*stop)))
            stop++;
        *part = (TnString){at, stop - at};
        *rest = (TnString){stop, end - stop};
        return true;
    }
    const char *stop = last || rest->length == 0 ? NULL
                                                 : memmem(at, (size_t)(end - at), delimiter.data,
                                                          (size_t)delimiter.length);
    *part = (TnString){at, (stop ? stop : end) - at};
    *rest = stop ? (TnString){stop + delimiter.length, end - stop - delimiter.length}
                 : (TnString){NULL, 0};
    return true;
}

TnStatus host_string_split(HostCall *call)
{
    const TnTensor *x = host_tensor(call, 0);
    TnString delimiter = host_string(call, "delimiter");
    int64_t most = host_int(call, "maxsplit"), count = tensor_count(x), widest = 0;
    most = most == INT64_MIN || most < 0 ? INT64_MAX : most;
    int64_t *counts = host_output(call, 1, x->rank, x->dims);
    if (!counts)
        return call->status;
    for (int64_t i = 0; i < count; i++) {
        TnString rest = strings_of(x)[i], part;
        counts[i] = 0;
        if (rest.length > 0)
            while (next_part(&rest, delimiter, counts[i] == most, &part))
                counts[i]++;
        widest = counts[i] > widest ? counts[i] : widest;
    }
    if (x->rank == TN_MAX_RANK)
        return host_error(call, "the result has more than %d dimensions", TN_MAX_RANK);
    int64_t dims[TN_MAX_RANK];
    memcpy(dims, x->dims, sizeof dims);
    dims[x->rank] = widest;
    TnString *y = host_output(call, 0, x->rank + 1, dims);
    if (!y)
        return call->status;
    for (int64_t i = 0; i < count; i++) {
        TnString rest = strings_of(x)[i];
        for (int64_t j = 0; j < widest; j++) {
            y[i * widest + j] = (TnString){"", 0};
            if (j < counts[i])
                next_part(&rest, delimiter, j == most, &y[i * widest + j]);
        }
    }
    return TN_OK;
}

/* ---- RegexFullMatch ---------------------------------------------------------------------- */

TnStatus host_regex_full_match(HostCall *call)
{
    const TnTensor *x = host_tensor(call, 0);
    TnString pattern = host_string(call, "pattern");
    int64_t bytes = regex_bytes(pattern);
    void *memory = host_scratch(call, bytes);
    bool *y = host_output(call, 0, x->rank, x->dims);
    if (!memory || !y)
        return call->status;
    Regex *regex;
    const char *wrong = regex_compile(pattern, memory, bytes, &regex);
    if (wrong)
        return host_error(call, "pattern '%.*s': %s", (int)pattern.length, pattern.data, wrong);
    int64_t count = tensor_count(x);
    for (int64_t i = 0; i < count; i++)
        y[i] = regex_matches(regex, strings_of(x)[i]);
    return TN_OK;
}

/* ---- StringNormalizer -------------------------------------------------------------------- */

/* Simple case mapping of the scripts that have one to one pairs in rows: Latin, Greek, Cyrillic,
 * Armenian (Unicode 15, UnicodeData.txt). */
static uint32_t change_case(uint32_t c, bool upper)
{
    static const struct {
        uint32_t first, last; /* capitals */
        int distance;         /* 1: capitals and small letters alternate */
    } rows[] = {{'A', 'Z', 32},     {0xc0, 0xd6, 32},    {0xd8, 0xde, 32},   {0x100, 0x12e, 1},
                {0x132, 0x136, 1},  {0x139, 0x147, -1},  {0x14a, 0x176, 1},  {0x391, 0x3a1, 32},
                {0x3a3, 0x3ab, 32}, {0x400, 0x40f, 80},  {0x410, 0x42f, 32}, {0x460, 0x480, 1},
                {0x531, 0x556, 48}, {0x1e00, 0x1e94, 1}, {0x1ea0, 0x1efe, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t first = rows[i].first, last = rows[i].last;
        bool alternates = rows[i].distance == 1 || rows[i].distance == -1;
        uint32_t distance = alternates ? 1 : (uint32_t)rows[i].distance;
        bool capital = c >= first && c <= last && (!alternates || (c - first) % 2 == 0);
        bool small =
            c >= first + distance && c <= last + distance && (!alternates || (c - first) % 2 == 1);
        if (!upper && capital)
            return c + distance;
        if (upper && small)
            return c - distance;
    }
    return c;
}

/* Characters outside of the two-byte range of UTF-8 keep their bytes unless the mapping above knows
 * them; no mapping changes the number of bytes. */
static TnString with_case(HostCall *call, TnString text, bool upper)
{
    TnString copy = keep(call, text.data, text.length);
    unsigned char *at = (unsigned char *)copy.data, *end = at + text.length;
    while (copy.data && at < end) {
        if (*at < 0x80) {
            *at = (unsigned char)change_case(*at, upper);
            at++;
        } else if ((*at & 0xe0) == 0xc0 && end - at >= 2) {
            uint32_t c = change_case((*at & 0x1fu) << 6 | (at[1] & 0x3f), upper);
            at[0] = (unsigned char)(0xc0 | c >> 6);
            at[1] = (unsigned char)(0x80 | (c & 0x3f));
            at += 2;
        } else if ((*at & 0xf0) == 0xe0 && end - at >= 3) {
            uint32_t c =
                change_case((*at & 0xfu) << 12 | (at[1] & 0x3fu) << 6 | (at[2] & 0x3f), upper);
            at[0] = (unsigned char)(0xe0 | c >> 12);
            at[1] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
            at[2] = (unsigned char)(0x80 | (c & 0x3f));
            at += 3;
        } else {
            at++;
        }
    }
    return copy;
}

TnStatus host_string_normalizer(HostCall *call)
{
    enum { CASE_NONE, CASE_LOWER, CASE_UPPER };
    const TnTensor *x = host_tensor(call, 0);
    StringList stop = host_strings(call, "stopwords");
    int64_t action = host_int(call, "case_change_action"), count = tensor_count(x), kept = 0;
    bool exact = host_int(call, "is_case_sensitive") != 0;
    TnString *list = host_scratch(call, (count + 1) * (int64_t)sizeof *list);
    TnString *words = host_scratch(call, (stop.count + 1) * (int64_t)sizeof *words);
    if (!list || !words)
        return call->status;
    for (int64_t w = 0; w < stop.count; w++)
        words[w] = exact ? stop.items[w] : with_case(call, stop.items[w], false);
    for (int64_t i = 0; i < count; i++) {
        TnString text = strings_of(x)[i];
        TnString folded = exact ? text : with_case(call, text, false);
        bool stops = false;
        for (int64_t w = 0; w < stop.count && !stops; w++)
            stops = string_equal(folded, words[w]);
        if (!stops)
            list[kept++] = action == CASE_NONE ? text : with_case(call, text, action == CASE_UPPER);
        if (call->status != TN_OK)
            return call->status;
    }
    if (call->status != TN_OK)
        return call->status;
    if (kept == 0)
        list[kept++] = (TnString){"", 0};
    TnString *y = host_output(call, 0, x->rank, x->rank == 1 ? &kept : (int64_t[]){1, kept});
    if (!y)
        return call->status;
    memcpy(y, list, (size_t)kept * sizeof *y);
    return TN_OK;
}

/* ---- TfIdfVectorizer --------------------------------------------------------------------- */

/* Whether the n items of x from `at`, `step` apart, are the n-gram whose first item in the pool is
 * `entry`. */
static bool gram_matches(HostCall *call, const TnTensor *x, int64_t at, int64_t step, int64_t entry,
                         int64_t n)
{
    IntList integers = host_ints(call, "pool_int64s");
    StringList texts = host_strings(call, "pool_strings");
    for (int64_t i = 0; i < n; i++) {
        int64_t from = at + i * step;
        if (x->element == TN_STRING ? !string_equal(strings_of(x)[from], texts.items[entry + i])
                                    : tensor_int64(x, from) != integers.items[entry + i])
            return false;
    }
    return true;
}

/* Counts the n-grams of one row of x. */
static void count_grams(HostCall *call, const TnTensor *x, int64_t row, int64_t length, float *y)
{
    IntList starts = host_ints(call, "ngram_counts"), targets = host_ints(call, "ngram_indexes");
    int64_t shortest = host_int(call, "min_gram_length"),
            longest = host_int(call, "max_gram_length");
    int64_t most_skips = host_int(call, "max_skip_count");
    int64_t pool = x->element == TN_STRING ? host_strings(call, "pool_strings").count
                                           : host_ints(call, "pool_int64s").count;
    int64_t gram = 0;
    for (int64_t n = 1; n <= starts.count; n++) {
        int64_t begin = starts.items[n - 1], end = n < starts.count ? starts.items[n] : pool;
        for (int64_t entry = begin; entry + n <= end; entry += n, gram++) {
            if (n < shortest || n > longest)
                continue;
            for (int64_t skip = 0; skip <= (n == 1 ? 0 : most_skips); skip++)
                for (int64_t at = 0; at + (n - 1) * (skip + 1) < length; at++)
                    if (gram_matches(call, x, row * length + at, skip + 1, entry, n))
                        y[targets.items[gram]] += 1;
        }
    }
}

TnStatus host_tf_idf_vectorizer(HostCall *call)
{
    enum { MODE_TF, MODE_IDF, MODE_TFIDF };
    const TnTensor *x = host_tensor(call, 0);
    IntList targets = host_ints(call, "ngram_indexes");
    FloatList weights = host_floats(call, "weights");
    int64_t width = 0, mode = host_int(call, "mode");
    for (int64_t i = 0; i < targets.count; i++)
        width = targets.items[i] >= width ? targets.items[i] + 1 : width;
    int64_t rows = x->rank == 2 ? x->dims[0] : 1;
    int64_t length = x->rank == 0 ? 1 : x->dims[x->rank - 1];
    int64_t dims[] = {rows, width};
    float *y = x->rank == 2 ? host_output(call, 0, 2, dims) : host_output(call, 0, 1, dims + 1);
    if (!y)
        return call->status;
    memset(y, 0, (size_t)(rows * width) * sizeof *y);
    for (int64_t row = 0; row < rows; row++) {
        float *counts = y + row * width;
        count_grams(call, x, row, length, counts);
        for (int64_t i = 0; i < targets.count && mode != MODE_TF; i++) {
            float weight = i < weights.count ? weights.items[i] : 1,
                  *count = &counts[targets.items[i]];
            *count = mode == MODE_IDF ? (*count > 0 ? weight : 0) : *count * weight;
        }
    }
    return TN_OK;
}

/* ---- Cast -------------------------------------------------------------------------------- */

static double number_of(TnString text)
{
    return real_parse(text.data, (size_t)text.length);
}

/* digits as d.ddde+XX, of at least two digits. */
static int print_scientific(char *buffer, const char *digits, int count, int exponent)
{
    int length = 0, magnitude = exponent < 0 ? -exponent : exponent;
    for (int i = 0; i < count; i++) {
        buffer[length++] = digits[i];
        if (i == 0 && count > 1)
            buffer[length++] = '.';
    }
    buffer[length++] = 'e';
    buffer[length++] = exponent < 0 ? '-' : '+';
    if (magnitude >= 100)
        buffer[length++] = (char)('0' + magnitude / 100);
    buffer[length++] = (char)('0' + magnitude / 10 % 10);
    buffer[length++] = (char)('0' + magnitude % 10);
    return length;
}

/* The same as ddd.ddd, at least one digit after the point; -4 <= exponent < 16. */
static int print_fixed(char *buffer, const char *digits, int count, int exponent)
{
    int length = 0;
    for (int place = exponent > 0 ? exponent : 0; place >= 0 || exponent - place < count; place--) {
        int i = exponent - place;
        buffer[length++] = i >= 0 && i < count ? digits[i] : '0';
        if (place == 0)
            buffer[length++] = '.';
    }
    if (buffer[length - 1] == '.')
        buffer[length++] = '0';
    return length;
}

/* As NumPy prints a number: the shortest digits that read back in the element's type. */
static int print_number(TnElementType type, const void *element, char *buffer, size_t size)
{
    if (type == TN_BOOL)
        return format_text(buffer, size, "%s", *(const bool *)element ? "True" : "False");
    if (type == TN_UINT64)
        return format_text(buffer, size, "%llu",
                           (unsigned long long)element_to_int64(type, element));
    if (element_kind(type) != ELEMENT_KIND_FLOAT)
        return format_text(buffer, size, "%lld", (long long)element_to_int64(type, element));
    double value = element_to_double(type, element);
    if (isnan(value) || isinf(value))
        return format_text(buffer, size, "%s", isnan(value) ? "NaN" : value > 0 ? "INF" : "-INF");
    int count = 1, exponent, sign = signbit(value) ? 1 : 0, length;
    char digits[17];
    buffer[0] = '-';
    for (; count <= 17; count++) {
        union {
            double d;
            char bytes[8];
        } again = {0};
        real_digits(value, count, digits, &exponent);
        length = sign + print_scientific(buffer + sign, digits, count, exponent);
        element_from_double(type, real_parse(buffer, (size_t)length), true, again.bytes);
        if (count == 17 || element_to_double(type, again.bytes) == value)
            break;
    }
    if (exponent < -4 || exponent >= 16)
        return length;
    return sign + print_fixed(buffer + sign, digits, count, exponent);
}

/* To a string, or from one. */
TnStatus host_cast_string(HostCall *call)
{
    const TnTensor *x = host_tensor(call, 0);
    TnElementType to = call->outputs[0].tensor.element;
    int64_t count = tensor_count(x);
    char *y = host_output(call, 0, x->rank, x->dims);
    if (!y)
        return call->status;
    for (int64_t i = 0; i < count; i++, y += element_bytes(to)) {
        const char *element = (const char *)x->data + (size_t)i * element_bytes(x->element);
        char buffer[64];
        if (to != TN_STRING && element_kind(to) == ELEMENT_KIND_FLOAT) {
            element_from_double(to, number_of(strings_of(x)[i]), true, y);
        } else if (to != TN_STRING) {
            element_from_int64(to, (int64_t)number_of(strings_of(x)[i]), y);
        } else if (x->element == TN_STRING) {
            *(TnString *)y = strings_of(x)[i];
        } else {
            int length = print_number(x->element, element, buffer, sizeof buffer);
            TnString text = keep(call, buffer, length);
            if (!text.data)
                return call->status;
            *(TnString *)y = text;
        }
    }
    return TN_OK;
}
