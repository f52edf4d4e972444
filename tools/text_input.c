/* SPDX-License-Identifier: Apache-2.0
 *
 * Text as input: numbers, or lines as strings.
 */
#include "messages.h"
#include "tensor_data.h"

#include <stdlib.h>
#include <string.h>

static const char *skip_separators(const char *at)
{
    return at + strspn(at, " \t\r\n,;");
}

/* Lines, each one string. The strings point into `text`, which the tensor then owns in its tail. */
static bool lines_to_tensor(char *text, size_t length, const WantedInput *wanted,
                            TensorData *tensor)
{
    int64_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += text[i] == '\n' || i + 1 == length;
    int64_t dims[] = {count};
    bool as_wanted = wanted->rank == 0 && count == 1;
    if (!tensor_data_allocate(tensor, TN_STRING, as_wanted ? 0 : 1, dims))
        return false;
    size_t table = (size_t)count * sizeof(TnString);
    char *memory = realloc(tensor->data, table + length + 1);
    if (!memory)
        return false;
    tensor->data = memory;
    char *copy = memory + table;
    memcpy(copy, text, length + 1);
    for (int64_t i = 0; i < count; i++) {
        size_t line = strcspn(copy, "\n");
        ((TnString *)tensor->data)[i] = (TnString){copy, (int64_t)line};
        copy += line + 1;
    }
    return true;
}

static bool numbers_to_tensor(const char *path, const char *text, const WantedInput *wanted,
                              TensorData *tensor)
{
    int64_t count = 0, known = 1, unknown = -1, dims[MAX_RANK];
    for (const char *at = skip_separators(text); *at; at = skip_separators(at), count++) {
        char *end;
        strtod(at, &end);
        if (end == at) {
            tell(SEVERITY_ERROR, path, "'%.20s' is not a number", at);
            return false;
        }
        at = end;
    }
    for (int d = 0; d < wanted->rank; d++) {
        dims[d] = wanted->dims[d];
        if (dims[d] < 0 && unknown < 0)
            unknown = d;
        else
            known *= dims[d] = dims[d] < 0 ? 1 : dims[d];
    }
    if (unknown >= 0 && known > 0)
        known *= dims[unknown] = count / known;
    if (known != count) {
        tell(SEVERITY_ERROR, path, "has %lld numbers; input '%s' needs %lld", (long long)count,
             wanted->name, (long long)known);
        return false;
    }
    if (!tensor_data_allocate(tensor, wanted->element, wanted->rank, dims))
        return false;
    char *out = tensor->data;
    for (const char *at = skip_separators(text); *at; at = skip_separators(at)) {
        char *end;
        if (element_kind(wanted->element) == ELEMENT_KIND_FLOAT)
            element_from_double(wanted->element, strtod(at, &end), true, out);
        else
            element_from_int64(wanted->element, strtoll(at, &end, 10), out);
        out += element_bytes(wanted->element);
        at = end > at ? end : at + 1;
    }
    return true;
}

bool text_read(const char *path, const WantedInput *wanted, TensorData *tensor)
{
    size_t length;
    char *text = file_read(path, &length);
    bool good =
        text && (wanted->element == TN_STRING ? lines_to_tensor(text, length, wanted, tensor)
                                              : numbers_to_tensor(path, text, wanted, tensor));
    free(text);
    return good;
}
