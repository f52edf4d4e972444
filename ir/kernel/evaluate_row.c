/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations on rows. The table of expr.def is instantiated once for each compute type; all else is
 * by the width of the elements. Compiled with -O3, so that the loops become vector code, and with
 * -fwrapv, because integers wrap.
 */
#include "ir/kernel/evaluate_row.h"

#include "ir/expr/scalar.h"

#include <assert.h>
#include <string.h>

typedef void RowConversion(int64_t n, void *out, const void *a);

#define none 0

/* Toward zero, to the nearest end of the range where out of it, NaN to 0. */
#define CLAMP(Type, suffix, lowest, above)                                                         \
    static inline Type clamp_##suffix(double a)                                                    \
    {                                                                                              \
        return a >= (above) ? (Type)((lowest) == 0 ? (Type)-1 : (Type) ~(uint64_t)(lowest))        \
               : a >= (double)(lowest) ? (Type)a                                                   \
               : a != a                ? 0                                                         \
                                       : (Type)(lowest);                                                          \
    }
CLAMP(int8_t, int8, INT8_MIN, 0x1p7)
CLAMP(int16_t, int16, INT16_MIN, 0x1p15)
CLAMP(int32_t, int32, INT32_MIN, 0x1p31)
CLAMP(int64_t, int64, INT64_MIN, 0x1p63)
CLAMP(uint8_t, uint8, 0, 0x1p8)
CLAMP(uint16_t, uint16, 0, 0x1p16)
CLAMP(uint32_t, uint32, 0, 0x1p32)
CLAMP(uint64_t, uint64, 0, 0x1p64)

#define MATH(name) name##f
#define TYPE       float
#define NAME(x)    float_##x
#define FLOATS     1
#include "ir/kernel/evaluate_type.inc"

#undef MATH
#define MATH(name) name
#define TYPE       double
#define NAME(x)    double_##x
#define FLOATS     1
#include "ir/kernel/evaluate_type.inc"

#define TYPE    int8_t
#define NAME(x) int8_##x
#define FLOATS  0
#include "ir/kernel/evaluate_type.inc"

#define TYPE    int16_t
#define NAME(x) int16_##x
#define FLOATS  0
#include "ir/kernel/evaluate_type.inc"

#define TYPE    int32_t
#define NAME(x) int32_##x
#define FLOATS  0
#include "ir/kernel/evaluate_type.inc"

#define TYPE    int64_t
#define NAME(x) int64_##x
#define FLOATS  0
#include "ir/kernel/evaluate_type.inc"

#define TYPE    uint8_t
#define NAME(x) uint8_##x
#define FLOATS  0
#include "ir/kernel/evaluate_type.inc"

#define TYPE    uint16_t
#define NAME(x) uint16_##x
#define FLOATS  0
#include "ir/kernel/evaluate_type.inc"

#define TYPE    uint32_t
#define NAME(x) uint32_##x
#define FLOATS  0
#include "ir/kernel/evaluate_type.inc"

#define TYPE    uint64_t
#define NAME(x) uint64_##x
#define FLOATS  0
#include "ir/kernel/evaluate_type.inc"

static RowOperation *const *const tables[ELEMENT_TYPE_COUNT] = {
    [EXPR_INDEX] = int64_table, [TN_FLOAT] = float_table,   [TN_DOUBLE] = double_table,
    [TN_INT8] = int8_table,     [TN_INT16] = int16_table,   [TN_INT32] = int32_table,
    [TN_INT64] = int64_table,   [TN_UINT8] = uint8_table,   [TN_UINT16] = uint16_table,
    [TN_UINT32] = uint32_table, [TN_UINT64] = uint64_table, [TN_BOOL] = uint8_table,
};

static RowConversion *const *const conversions[ELEMENT_TYPE_COUNT] = {
    [EXPR_INDEX] = int64_conversions, [TN_FLOAT] = float_conversions,
    [TN_DOUBLE] = double_conversions, [TN_INT8] = int8_conversions,
    [TN_INT16] = int16_conversions,   [TN_INT32] = int32_conversions,
    [TN_INT64] = int64_conversions,   [TN_UINT8] = uint8_conversions,
    [TN_UINT16] = uint16_conversions, [TN_UINT32] = uint32_conversions,
    [TN_UINT64] = uint64_conversions, [TN_BOOL] = uint8_conversions,
};

static void bool_not(int64_t n, void *out, const void *a, const void *b, int uniform)
{
    uint8_t *to = out;
    const uint8_t *from = a;
    (void)b, (void)uniform;
    for (int64_t i = 0; i < n; i++)
        to[i] = !from[i];
}

RowOperation *row_unary(ExprKind kind, TnElementType type)
{
    if (kind == EXPR_not && type == TN_BOOL)
        return bool_not;
    return tables[type] ? tables[type][kind] : NULL;
}

RowOperation *row_binary(ExprKind kind, TnElementType type)
{
    return tables[type] ? tables[type][kind] : NULL;
}

void row_convert(TnElementType to, TnElementType from, int64_t n, void *out, const void *a)
{
    conversions[from][to == EXPR_INDEX ? TN_INT64 : to](n, out, a);
}

void row_round(TnElementType to, bool saturate, int64_t n, void *row)
{
    if (element_compute_type(to) == TN_FLOAT) {
        float *values = row;
        for (int64_t i = 0; i < n; i++)
            values[i] = element_small_to_float(to, element_float_to_small(to, values[i], saturate));
    } else if (element_bits(to) < 8) {
        int8_t *values = row;
        for (int64_t i = 0; i < n; i++)
            element_from_int64(to, values[i], &values[i]);
    }
}

#define AT(row, i, bit) ((row)[uniform & (bit) ? 0 : (i)])

void row_fma(TnElementType type, int64_t n, void *out, const void *a, const void *b, const void *c,
             int uniform)
{
    if (type == TN_FLOAT) {
        const float *x = a, *y = b, *z = c;
        for (int64_t i = 0; i < n; i++)
            ((float *)out)[i] =
                fmaf(AT(x, i, ROW_UNIFORM_A), AT(y, i, ROW_UNIFORM_B), AT(z, i, ROW_UNIFORM_C));
    } else {
        const double *x = a, *y = b, *z = c;
        for (int64_t i = 0; i < n; i++)
            ((double *)out)[i] =
                fma(AT(x, i, ROW_UNIFORM_A), AT(y, i, ROW_UNIFORM_B), AT(z, i, ROW_UNIFORM_C));
    }
}

void row_dot4(int64_t n, void *out, const void *a, const void *b, const void *c, int uniform)
{
    const uint32_t *x = a, *y = b;
    const int32_t *z = c;
    for (int64_t i = 0; i < n; i++) {
        uint32_t u = AT(x, i, ROW_UNIFORM_A), s = AT(y, i, ROW_UNIFORM_B);
        int32_t sum = AT(z, i, ROW_UNIFORM_C);
        for (int k = 0; k < 32; k += 8)
            sum += (int32_t)(u >> k & 255) * (int8_t)(s >> k & 255);
        ((int32_t *)out)[i] = sum;
    }
}

/* ---- By width ---------------------------------------------------------------------------- */

typedef struct Wide {
    uint64_t halves[2];
} Wide;

/* Calls DO(C type) for the element's size. */
#define BY_WIDTH(type, DO)                                                                         \
    switch (type == EXPR_INDEX ? 8 : element_bytes(type)) {                                        \
    case 1: DO(uint8_t); break;                                                                    \
    case 2: DO(uint16_t); break;                                                                   \
    case 4: DO(uint32_t); break;                                                                   \
    case 8: DO(uint64_t); break;                                                                   \
    case 16: DO(Wide); break;                                                                      \
    }

void row_select(TnElementType type, int64_t n, void *out, const void *condition, const void *a,
                const void *b, int uniform)
{
    const uint8_t *which = condition;
#define SELECT(Type)                                                                               \
    {                                                                                              \
        const Type *x = a, *y = b;                                                                 \
        Type *to = out;                                                                            \
        if (!(uniform & (ROW_UNIFORM_A | ROW_UNIFORM_B | ROW_UNIFORM_C)))                          \
            for (int64_t i = 0; i < n; i++)                                                        \
                to[i] = which[i] ? x[i] : y[i];                                                    \
        else                                                                                       \
            for (int64_t i = 0; i < n; i++)                                                        \
                to[i] = AT(which, i, ROW_UNIFORM_A) ? AT(x, i, ROW_UNIFORM_B)                      \
                                                    : AT(y, i, ROW_UNIFORM_C);                     \
    }
    BY_WIDTH(type, SELECT)
}

void row_fill(TnElementType type, int64_t n, void *out, const void *value)
{
#define FILL(Type)                                                                                 \
    {                                                                                              \
        Type one = *(const Type *)value, *to = out;                                                \
        for (int64_t i = 0; i < n; i++)                                                            \
            to[i] = one;                                                                           \
    }
    BY_WIDTH(type, FILL)
}

/* ---- Memory ------------------------------------------------------------------------------ */

static bool is_small_float(TnElementType element)
{
    return element_kind(element) == ELEMENT_KIND_FLOAT && element_bits(element) < 32;
}

static uint32_t read_small(TnElementType element, const void *memory, int64_t i)
{
    return element_bytes(element) == 2 ? ((const uint16_t *)memory)[i]
                                       : ((const uint8_t *)memory)[i];
}

static void write_small(TnElementType element, void *memory, int64_t i, float value)
{
    uint32_t bits = element_float_to_small(element, value, false);
    if (element_bytes(element) == 2)
        ((uint16_t *)memory)[i] = (uint16_t)bits;
    else
        ((uint8_t *)memory)[i] = (uint8_t)bits;
}

void row_load(TnElementType element, int64_t n, void *out, const void *memory, int64_t step)
{
    if (is_small_float(element)) {
        float *to = out;
        for (int64_t i = 0; i < n; i++)
            to[i] = element_small_to_float(element, read_small(element, memory, i * step));
        return;
    }
#define LOAD(Type)                                                                                 \
    {                                                                                              \
        const Type *from = memory;                                                                 \
        Type *to = out;                                                                            \
        if (step == 1)                                                                             \
            memcpy(to, from, (size_t)n * sizeof *to);                                              \
        else                                                                                       \
            for (int64_t i = 0; i < n; i++)                                                        \
                to[i] = from[i * step];                                                            \
    }
    BY_WIDTH(element, LOAD)
}

void row_gather(TnElementType element, int64_t n, void *out, const void *memory,
                const int64_t *offsets, const void *fill, bool uniform_fill)
{
    if (is_small_float(element)) {
        float *to = out;
        const float *other = fill;
        for (int64_t i = 0; i < n; i++)
            to[i] = offsets[i] >= 0
                        ? element_small_to_float(element, read_small(element, memory, offsets[i]))
                        : other[uniform_fill ? 0 : i];
        return;
    }
#define GATHER(Type)                                                                               \
    {                                                                                              \
        const Type *from = memory, *other = fill;                                                  \
        Type *to = out;                                                                            \
        for (int64_t i = 0; i < n; i++)                                                            \
            to[i] = offsets[i] >= 0 ? from[offsets[i]] : other[uniform_fill ? 0 : i];              \
    }
    BY_WIDTH(element, GATHER)
}

void row_store(TnElementType element, int64_t n, void *memory, int64_t step, const void *row,
               bool uniform)
{
    if (is_small_float(element)) {
        const float *from = row;
        for (int64_t i = 0; i < n; i++)
            write_small(element, memory, i * step, from[uniform ? 0 : i]);
        return;
    }
#define STORE(Type)                                                                                \
    {                                                                                              \
        const Type *from = row;                                                                    \
        Type *to = memory;                                                                         \
        if (step == 1 && !uniform)                                                                 \
            memcpy(to, from, (size_t)n * sizeof *to);                                              \
        else                                                                                       \
            for (int64_t i = 0; i < n; i++)                                                        \
                to[i * step] = from[uniform ? 0 : i];                                              \
    }
    BY_WIDTH(element, STORE)
}

void row_scatter(TnElementType element, int64_t n, void *memory, const int64_t *offsets,
                 const void *row, bool uniform)
{
    if (is_small_float(element)) {
        const float *from = row;
        for (int64_t i = 0; i < n; i++)
            if (offsets[i] >= 0)
                write_small(element, memory, offsets[i], from[uniform ? 0 : i]);
        return;
    }
#define SCATTER(Type)                                                                              \
    {                                                                                              \
        const Type *from = row;                                                                    \
        Type *to = memory;                                                                         \
        for (int64_t i = 0; i < n; i++)                                                            \
            if (offsets[i] >= 0)                                                                   \
                to[offsets[i]] = from[uniform ? 0 : i];                                            \
    }
    BY_WIDTH(element, SCATTER)
}

/* ---- Combining --------------------------------------------------------------------------- */

ExprKind combine_operation(Combine combine)
{
    switch (combine) {
    case COMBINE_sum: return EXPR_add;
    case COMBINE_product: return EXPR_multiply;
    case COMBINE_max: return EXPR_maximum;
    case COMBINE_min: return EXPR_minimum;
    case COMBINE_and: return EXPR_and;
    case COMBINE_or: return EXPR_or;
    case COMBINE_none:
    case COMBINE_COUNT: break;
    }
    assert(!"a combination without an operation");
    return EXPR_add;
}

void row_add_widened(int64_t n, double *values, const float *row)
{
    for (int64_t i = 0; i < n; i++)
        values[i] += row[i];
}

/* Eight sums, then pairs: the same tree whatever the vector width. */
#define SUM_TREE(Type, row, n, total)                                                              \
    {                                                                                              \
        const Type *from = row;                                                                    \
        double sums[8] = {0};                                                                      \
        int64_t i = 0;                                                                             \
        for (; i + 8 <= (n); i += 8)                                                               \
            for (int k = 0; k < 8; k++)                                                            \
                sums[k] += from[i + k];                                                            \
        for (; i < (n); i++)                                                                       \
            sums[i % 8] += from[i];                                                                \
        total = ((sums[0] + sums[4]) + (sums[2] + sums[6])) +                                      \
                ((sums[1] + sums[5]) + (sums[3] + sums[7]));                                       \
    }

void row_fold(Combine combine, TnElementType carried, TnElementType type, int64_t n, void *value,
              const void *row)
{
    if (combine == COMBINE_sum && carried == TN_DOUBLE) {
        double total;
        if (type == TN_FLOAT)
            SUM_TREE(float, row, n, total)
        else
            SUM_TREE(double, row, n, total)
        *(double *)value += total;
        return;
    }
    RowOperation *operation = row_binary(combine_operation(combine), carried);
    const char *from = row;
    size_t bytes = element_bytes(carried);
    for (int64_t i = 0; i < n; i++) {
        double wide;
        const void *element = from + (size_t)i * bytes;
        if (type != carried) {
            row_convert(carried, type, 1, &wide, from + (size_t)i * element_bytes(type));
            element = &wide;
        }
        operation(1, value, value, element, 0);
    }
}
