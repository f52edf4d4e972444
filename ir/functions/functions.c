/* SPDX-License-Identifier: Apache-2.0 */
#include "ir/functions/functions.h"

#include "ir/support/array.h"

#include <string.h>

static const struct {
    const char *name, *text;
} functions[] = {
#include "ir/functions/embedded.inc"
};

const char *function_text(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(functions); i++)
        if (strcmp(functions[i].name, name) == 0)
            return functions[i].text;
    return NULL;
}
