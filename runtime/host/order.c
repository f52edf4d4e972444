/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/host/order.h"

#include "runtime/bits.h"
#include "runtime/element.h"

#include <string.h>

uint64_t order_key(TnElementType type, const void *element)
{
    const uint64_t top = (uint64_t)1 << 63;
    if (element_kind(type) != ELEMENT_KIND_FLOAT) {
        uint64_t value = (uint64_t)element_to_int64(type, element);
        return element_kind(type) == ELEMENT_KIND_SIGNED ? value ^ top : value;
    }
    double value = element_to_double(type, element);
    if (value != value)
        return UINT64_MAX;
    value += 0.0; /* -0 becomes 0 */
    uint64_t bits = double_to_bits(value);
    return bits & top ? ~bits : bits | top;
}

void order_sort(int64_t *positions, int64_t *scratch, int64_t count, OrderBefore *before,
                const void *context)
{
    int64_t *from = positions, *to = scratch;
    for (int64_t width = 1; width < count; width *= 2) {
        for (int64_t begin = 0; begin < count; begin += 2 * width) {
            int64_t middle = begin + width < count ? begin + width : count;
            int64_t end = begin + 2 * width < count ? begin + 2 * width : count;
            int64_t a = begin, b = middle;
            for (int64_t out = begin; out < end; out++) {
                bool take_b = a == middle || (b < end && before(context, from[b], from[a]));
                to[out] = take_b ? from[b++] : from[a++];
            }
        }
        int64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != positions)
        memcpy(positions, from, (size_t)count * sizeof *positions);
}

int order_compare_strings(TnString a, TnString b)
{
    int64_t shorter = a.length < b.length ? a.length : b.length;
    int order = shorter ? memcmp(a.data, b.data, (size_t)shorter) : 0;
    return order ? order : (a.length > b.length) - (a.length < b.length);
}
