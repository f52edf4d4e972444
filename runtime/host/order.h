/* SPDX-License-Identifier: Apache-2.0
 *
 * Sorting for host functions: order-preserving keys and a stable merge sort of positions.
 */
#ifndef RUNTIME_HOST_ORDER_H
#define RUNTIME_HOST_ORDER_H

#include "tenon.h"

/* A number that orders as the element does. All NaNs are one, above infinity; -0 equals 0. Not for
 * strings and complex numbers. */
uint64_t order_key(TnElementType type, const void *element);

/* Whether position a belongs strictly before position b. */
typedef bool OrderBefore(const void *context, int64_t a, int64_t b);
/* Sorts positions; those that are equal keep their order. `scratch` has room for `count`. */
void order_sort(int64_t *positions, int64_t *scratch, int64_t count, OrderBefore *before,
                const void *context);
/* Of byte strings, as unsigned bytes: < 0, 0, > 0. */
int order_compare_strings(TnString a, TnString b);

#endif
