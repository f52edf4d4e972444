/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of numbers and strings, as attributes hold them. Borrowed, immutable.
 */
#ifndef RUNTIME_LIST_H
#define RUNTIME_LIST_H

#include "tenon.h"

typedef struct IntList {
    int64_t count;
    const int64_t *items;
} IntList;

typedef struct FloatList {
    int64_t count;
    const float *items;
} FloatList;

typedef struct StringList {
    int64_t count;
    const TnString *items;
} StringList;

#endif
