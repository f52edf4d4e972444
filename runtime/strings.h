/* SPDX-License-Identifier: Apache-2.0
 *
 * Strings that say their length.
 */
#ifndef RUNTIME_STRINGS_H
#define RUNTIME_STRINGS_H

#include "tenon_model.h"

#include <stdbool.h>
#include <string.h>

static inline bool string_equal(TnString a, TnString b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, (size_t)a.length) == 0);
}

#endif
