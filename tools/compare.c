/* SPDX-License-Identifier: Apache-2.0 */
#include "compare.h"

#include "runtime/element.h"
#include "tensor_data.h"

#include <math.h>
#include <string.h>

Tolerance tolerance_of(const Options *options)
{
    return (Tolerance){.rtol = option_real(options, OPTION_rtol, 1e-3),
                       .atol = option_real(options, OPTION_atol, 1e-7),
                       .atol_max = option_real(options, OPTION_atol_max, 0)};
}

static void append_shape(Text *text, const TnTensor *tensor)
{
    text_format(text, "%s[", element_name(tensor->element));
    for (int d = 0; d < tensor->rank; d++)
        text_format(text, "%s%lld", d ? ", " : "", (long long)tensor->dims[d]);
    text_append(text, "]");
}

static const char *kind_name(TnValueKind kind)
{
    static const char *const names[] = {"nothing", "a tensor", "a sequence", "an optional"};
    return names[kind];
}

static bool same_types(const TnTensor *a, const TnTensor *e, Text *why)
{
    bool same = a->element == e->element && a->rank == e->rank;
    for (int d = 0; same && d < a->rank; d++)
        same = a->dims[d] == e->dims[d];
    if (!same) {
        text_append(why, "is ");
        append_shape(why, a);
        text_append(why, ", expected ");
        append_shape(why, e);
    }
    return same;
}

/* What differs at element i, as a multiple of what is allowed; 0: nothing. */
typedef struct Worst {
    double excess;
    int64_t at, wrong;
} Worst;

static void judge(Worst *worst, int64_t at, double actual, double expected, double allowed)
{
    double excess = 0;
    if (isnan(actual) || isnan(expected) || isinf(actual) || isinf(expected))
        excess = actual == expected || (isnan(actual) && isnan(expected)) ? 0 : INFINITY;
    else if (fabs(actual - expected) > allowed)
        excess = fabs(actual - expected) / (allowed > 0 ? allowed : 1e-300);
    worst->wrong += excess > 0;
    if (excess > worst->excess) {
        worst->excess = excess;
        worst->at = at;
    }
}

/* Element i as a double; complex numbers have two. */
static double number_at(const TnTensor *tensor, int64_t i, int part)
{
    const char *at = (const char *)tensor->data + (size_t)i * element_bytes(tensor->element);
    if (tensor->element == TN_COMPLEX64)
        return ((const float *)at)[part];
    if (tensor->element == TN_COMPLEX128)
        return ((const double *)at)[part];
    return element_kind(tensor->element) == ELEMENT_KIND_FLOAT
               ? element_to_double(tensor->element, at)
           : tensor->element == TN_UINT64 ? (double)(uint64_t)element_to_int64(TN_UINT64, at)
                                          : (double)element_to_int64(tensor->element, at);
}

static void describe(Text *why, const TnTensor *a, const TnTensor *e, const Worst *worst)
{
    int64_t index[16] = {0}, rest = worst->at;
    for (int d = e->rank - 1; d >= 0; d--) {
        index[d] = rest % e->dims[d];
        rest /= e->dims[d];
    }
    text_append(why, "element [");
    for (int d = 0; d < e->rank; d++)
        text_format(why, "%s%lld", d ? ", " : "", (long long)index[d]);
    if (e->element == TN_STRING) {
        text_append(why, "] is ");
        const TnString *strings = a->data, *wanted = e->data;
        text_append_quoted(why, strings[worst->at].data, (size_t)strings[worst->at].length);
        text_append(why, ", expected ");
        text_append_quoted(why, wanted[worst->at].data, (size_t)wanted[worst->at].length);
    } else {
        double actual = number_at(a, worst->at, 0), expected = number_at(e, worst->at, 0);
        text_format(why, "] is %.9g, expected %.9g", actual, expected);
        if (isfinite(worst->excess))
            text_format(why, " (off by %.3g, %.3g times what is allowed)", fabs(actual - expected),
                        worst->excess);
    }
    text_format(why, "; %lld of %lld elements are wrong", (long long)worst->wrong,
                (long long)tensor_elements(e));
}

static bool tensors_agree(const TnTensor *a, const TnTensor *e, const Tolerance *tolerance,
                          Text *why)
{
    if (!same_types(a, e, why))
        return false;
    int64_t count = tensor_elements(e);
    double rtol = tolerance->rtol, atol = tolerance->atol, largest = 0;
    bool is_complex = element_kind(e->element) == ELEMENT_KIND_COMPLEX;
    if (e->element == TN_BFLOAT16 && rtol < 0x1p-6)
        rtol = 0x1p-6;
    Worst worst = {0};
    if (e->element == TN_STRING) {
        const TnString *strings = a->data, *wanted = e->data;
        for (int64_t i = 0; i < count; i++)
            judge(&worst, i,
                  strings[i].length != wanted[i].length ||
                      memcmp(strings[i].data, wanted[i].data, (size_t)wanted[i].length) != 0,
                  0, 0);
    } else {
        for (int64_t i = 0; i < count && tolerance->atol_max > 0; i++)
            for (int part = 0; part <= is_complex; part++) {
                double size = fabs(number_at(e, i, part));
                largest = isfinite(size) && size > largest ? size : largest;
            }
        if (tolerance->atol_max * largest > atol)
            atol = tolerance->atol_max * largest;
        for (int64_t i = 0; i < count; i++)
            for (int part = 0; part <= is_complex; part++) {
                double expected = number_at(e, i, part);
                judge(&worst, i, number_at(a, i, part), expected, atol + rtol * fabs(expected));
            }
    }
    if (worst.wrong)
        describe(why, a, e, &worst);
    return worst.wrong == 0;
}

/* Whether the draws of a are of the kind of those of e; see compare.h. */
static bool draws_alike(const TnTensor *a, const TnTensor *e, Text *why)
{
    enum { FEW = 8 }; /* to tell how wide the range is */
    double least = INFINITY, most = -INFINITY;
    int64_t count = tensor_elements(e);
    if (!same_types(a, e, why))
        return false;
    if (e->element == TN_STRING || element_kind(e->element) == ELEMENT_KIND_COMPLEX)
        return true;
    for (int64_t i = 0; i < count; i++) {
        double expected = number_at(e, i, 0);
        if (!isfinite(expected)) /* then anything may be */
            return true;
        least = fmin(least, expected);
        most = fmax(most, expected);
    }
    double slack = count < FEW ? fmax(1, fmax(fabs(least), fabs(most))) : 4 * (most - least);
    for (int64_t i = 0; i < count; i++) {
        double actual = number_at(a, i, 0);
        if (actual >= least - slack && actual <= most + slack)
            continue;
        text_format(why, "a draw is %.9g, those expected lie from %.9g to %.9g", actual, least,
                    most);
        return false;
    }
    return true;
}

static bool compare(const TnValue *actual, const TnValue *expected, const Tolerance *tolerance,
                    Text *why)
{
    if (actual->kind != expected->kind) {
        text_format(why, "is %s, expected %s", kind_name(actual->kind), kind_name(expected->kind));
        return false;
    }
    if (expected->kind == TN_TENSOR)
        return tolerance ? tensors_agree(&actual->tensor, &expected->tensor, tolerance, why)
                         : draws_alike(&actual->tensor, &expected->tensor, why);
    if (actual->count != expected->count) {
        text_format(why, "has %lld items, expected %lld", (long long)actual->count,
                    (long long)expected->count);
        return false;
    }
    for (int64_t i = 0; i < expected->count; i++) {
        size_t before = why->length;
        text_format(why, "item %lld: ", (long long)i);
        if (!compare(actual->items[i], expected->items[i], tolerance, why))
            return false;
        why->data[why->length = before] = '\0';
    }
    return true;
}

bool values_agree(const TnValue *actual, const TnValue *expected, const Tolerance *tolerance,
                  Text *why)
{
    return compare(actual, expected, tolerance, why);
}

bool values_alike(const TnValue *actual, const TnValue *expected, Text *why)
{
    return compare(actual, expected, NULL, why);
}
