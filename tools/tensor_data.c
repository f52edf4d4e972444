/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor_data.h"

#include "messages.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool tensor_data_allocate(TensorData *tensor, TnElementType element, int rank, const int64_t *dims)
{
    int64_t bytes = (int64_t)element_bytes(element);
    *tensor = (TensorData){.element = element, .rank = rank, .count = 1};
    for (int d = 0; d < rank; d++) {
        tensor->dims[d] = dims[d];
        if (__builtin_mul_overflow(tensor->count, dims[d], &tensor->count))
            tensor->count = -1;
    }
    if (tensor->count < 0 || __builtin_mul_overflow(tensor->count, bytes, &bytes) ||
        !(tensor->data = calloc(1, (size_t)bytes + 64))) {
        char shape[SHAPE_TEXT_BYTES];
        tell(SEVERITY_ERROR, NULL, "a tensor of %s[%s] does not fit in memory",
             element_name(element), shape_text(rank, dims, shape));
        return false;
    }
    return true;
}

void tensor_data_free(TensorData *tensor)
{
    free(tensor->data);
    *tensor = (TensorData){0};
}

int64_t tensor_elements(const TnTensor *tensor)
{
    int64_t count = 1;
    for (int d = 0; d < tensor->rank; d++)
        count *= tensor->dims[d];
    return count;
}

bool shape_parse(const char *text, int *rank, int64_t *dims)
{
    *rank = 0;
    if (strcmp(text, "scalar") == 0)
        return true;
    for (;;) {
        char *end;
        errno = 0;
        if (!isdigit((unsigned char)*text) || *rank == MAX_RANK)
            return false;
        dims[(*rank)++] = strtoll(text, &end, 10);
        if (errno || (*end && *end != 'x'))
            return false;
        if (!*end)
            return true;
        text = end + 1;
    }
}

const char *shape_text(int rank, const int64_t *dims, char text[SHAPE_TEXT_BYTES])
{
    int length = 0;
    text[0] = 0;
    for (int d = 0; d < rank; d++)
        length += snprintf(text + length, (size_t)(SHAPE_TEXT_BYTES - length), "%s%lld",
                           d ? ", " : "", (long long)dims[d]);
    return text;
}

bool wrong_file(const char *path, const char *why)
{
    tell(SEVERITY_ERROR, path, "%s", why);
    return false;
}

void *file_read(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    char *data = NULL;
    size_t capacity = 0;
    *length = 0;
    while (file && !feof(file) && !ferror(file)) {
        if (*length + 1 >= capacity) {
            char *larger = realloc(data, capacity = capacity * 2 + 4096);
            if (!larger)
                break;
            data = larger;
        }
        *length += fread(data + *length, 1, capacity - *length - 1, file);
    }
    if (!file || ferror(file) || !feof(file)) {
        wrong_file(path, file ? "could not be read" : strerror(errno));
        free(data);
        data = NULL;
    } else {
        data[*length] = '\0';
    }
    if (file)
        fclose(file);
    return data;
}

/* ---- .npy: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html -------- */

static const struct {
    TnElementType element;
    const char *code;
} npy_types[] = {
    {TN_FLOAT, "f4"},     {TN_DOUBLE, "f8"},      {TN_FLOAT16, "f2"}, {TN_INT8, "i1"},
    {TN_INT16, "i2"},     {TN_INT32, "i4"},       {TN_INT64, "i8"},   {TN_UINT8, "u1"},
    {TN_UINT16, "u2"},    {TN_UINT32, "u4"},      {TN_UINT64, "u8"},  {TN_BOOL, "b1"},
    {TN_COMPLEX64, "c8"}, {TN_COMPLEX128, "c16"},
};

static const char *npy_code(TnElementType element)
{
    for (size_t i = 0; i < sizeof npy_types / sizeof *npy_types; i++)
        if (npy_types[i].element == element)
            return npy_types[i].code;
    return NULL;
}

bool npy_can_write(TnElementType element)
{
    return npy_code(element) != NULL;
}

/* Reads {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } */
static bool npy_header(const char *path, const char *header, TensorData *tensor)
{
    const char *descr = strstr(header, "'descr':"), *shape = strstr(header, "'shape':");
    if (!descr || !shape || !(descr = strchr(descr + 8, '\'')) || !(shape = strchr(shape, '(')))
        return wrong_file(path, "not a NumPy array of one element type");
    if (strstr(header, "'fortran_order': True"))
        return wrong_file(path, "is in Fortran order; C order is expected");
    char order = descr[1];
    TnElementType element = TN_UNDEFINED;
    for (size_t i = 0; i < sizeof npy_types / sizeof *npy_types; i++) {
        size_t length = strlen(npy_types[i].code);
        if (strncmp(descr + 2, npy_types[i].code, length) == 0 && descr[2 + length] == '\'')
            element = npy_types[i].element;
    }
    if (element == TN_UNDEFINED || order == '>') {
        tell(SEVERITY_ERROR, path, "element type %.6s is not one that can be read", descr);
        return false;
    }
    int rank = 0;
    int64_t dims[MAX_RANK];
    for (const char *at = shape + 1; *at && *at != ')'; at++) {
        if (!isdigit((unsigned char)*at))
            continue;
        char *end;
        if (rank == MAX_RANK)
            return wrong_file(path, "has too many dimensions");
        dims[rank++] = strtoll(at, &end, 10);
        at = end - 1;
    }
    return tensor_data_allocate(tensor, element, rank, dims);
}

static bool npy_read_from(FILE *file, const char *path, TensorData *tensor)
{
    unsigned char start[12];
    if (fread(start, 1, 10, file) != 10 || memcmp(start, "\x93NUMPY", 6) != 0)
        return wrong_file(path, "is not a .npy file");
    size_t length = start[8] | (size_t)start[9] << 8;
    if (start[6] > 1) {
        if (fread(start + 10, 1, 2, file) != 2)
            return wrong_file(path, "ends in its header");
        length |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
    }
    char *header = length < 1 << 20 ? calloc(1, length + 1) : NULL;
    bool good = header && fread(header, 1, length, file) == length;
    good = good ? npy_header(path, header, tensor) : wrong_file(path, "ends in its header");
    free(header);
    if (!good)
        return false;
    size_t bytes = (size_t)tensor->count * element_bytes(tensor->element);
    if (fread(tensor->data, 1, bytes, file) != bytes) {
        tensor_data_free(tensor);
        return wrong_file(path, "ends before the last element");
    }
    return true;
}

bool npy_read(const char *path, TensorData *tensor)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return wrong_file(path, strerror(errno));
    bool good = npy_read_from(file, path, tensor);
    fclose(file);
    return good;
}

bool npy_write(Arena *arena, const char *path, const TensorData *tensor, Diagnostics *diagnostics)
{
    char shape[MAX_RANK * 24 + 8] = "(", header[MAX_RANK * 24 + 128];
    size_t used = 1;
    for (int d = 0; d < tensor->rank; d++)
        used += (size_t)snprintf(shape + used, sizeof shape - used, "%lld, ",
                                 (long long)tensor->dims[d]);
    if (tensor->rank > 1)
        shape[strlen(shape) - 2] = '\0';
    const char *code = npy_code(tensor->element);
    int length =
        snprintf(header, sizeof header, "{'descr': '%c%s', 'fortran_order': False, 'shape': %s), }",
                 element_bytes(tensor->element) > 1 ? '<' : '|', code, shape);
    int padded = (10 + length + 1 + 63) / 64 * 64 - 10;
    memset(header + length, ' ', (size_t)(padded - length));
    header[padded - 1] = '\n';
    unsigned char start[10] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)padded, (unsigned char)(padded >> 8)};
    FileWriter writer;
    size_t bytes = (size_t)tensor->count * element_bytes(tensor->element);
    if (!file_writer_open(&writer, arena, path, diagnostics))
        return false;
    bool good = file_writer_put(&writer, start, sizeof start) &&
                file_writer_put(&writer, header, (size_t)padded) &&
                file_writer_put(&writer, tensor->data, bytes);
    return file_writer_close(&writer, good);
}
