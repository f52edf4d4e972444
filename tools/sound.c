/* SPDX-License-Identifier: Apache-2.0
 *
 * Sounds as inputs: RIFF WAVE, PCM of 8 to 32 bits or floats.
 */
#include "tensor_data.h"

#include <stdlib.h>
#include <string.h>

static uint32_t little(const unsigned char *bytes, int count)
{
    uint32_t value = 0;
    for (int i = count - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

static double wav_sample(const unsigned char *at, int bits, bool is_float)
{
    if (is_float) {
        float value;
        memcpy(&value, at, sizeof value);
        return value;
    }
    if (bits == 8)
        return (at[0] - 128) / 128.0;
    int32_t value = (int32_t)(little(at, bits / 8) << (32 - bits));
    return value / 2147483648.0;
}

static bool wav_decode(const char *path, const unsigned char *data, size_t length,
                       const WantedInput *wanted, TensorData *tensor)
{
    if (length < 12 || memcmp(data, "RIFF", 4) != 0 || memcmp(data + 8, "WAVE", 4) != 0)
        return wrong_file(path, "is not a RIFF WAVE file");
    int format = 0, channels = 0, bits = 0;
    const unsigned char *samples = NULL;
    size_t bytes = 0;
    for (size_t at = 12; at + 8 <= length;) {
        size_t size = little(data + at + 4, 4);
        if (size > length - at - 8)
            size = length - at - 8;
        if (memcmp(data + at, "fmt ", 4) == 0 && size >= 16) {
            format = (int)little(data + at + 8, 2);
            channels = (int)little(data + at + 10, 2);
            bits = (int)little(data + at + 22, 2);
            if (format == 0xfffe && size >= 26)
                format = (int)little(data + at + 32, 2);
        } else if (memcmp(data + at, "data", 4) == 0) {
            samples = data + at + 8, bytes = size;
        }
        at += 8 + size + (size & 1);
    }
    bool is_float = format == 3 && bits == 32;
    bool is_pcm = format == 1 && (bits == 8 || bits == 16 || bits == 24 || bits == 32);
    if (!samples || channels < 1 || !(is_float || is_pcm))
        return wrong_file(path, "is no PCM or float sound");
    int64_t count = (int64_t)(bytes / (size_t)(bits / 8) / (size_t)channels);
    int rank = wanted->rank > 0 ? wanted->rank : 1;
    int64_t dims[MAX_RANK];
    for (int d = 0; d < rank; d++)
        dims[d] = 1;
    int64_t rows = rank > 1 && (wanted->dims[rank - 2] == channels) ? channels : 1;
    int64_t wanted_count = wanted->rank > 0 ? wanted->dims[rank - 1] : -1;
    dims[rank - 1] = wanted_count >= 0 ? wanted_count : count;
    if (rank > 1)
        dims[rank - 2] = rows;
    if (element_kind(wanted->element) != ELEMENT_KIND_FLOAT)
        return wrong_file(path, "a sound can only be given to an input of floats");
    if (!tensor_data_allocate(tensor, wanted->element, rank, dims))
        return false;
    for (int64_t row = 0; row < rows; row++)
        for (int64_t i = 0; i < dims[rank - 1] && i < count; i++) {
            double value = 0; /* one row: the mean of all channels */
            for (int c = 0; c < channels; c++)
                if (rows == 1 || c == row)
                    value += wav_sample(samples + (size_t)(i * channels + c) * (size_t)(bits / 8),
                                        bits, is_float);
            element_from_double(wanted->element, rows == 1 ? value / channels : value, true,
                                (char *)tensor->data + (size_t)(row * dims[rank - 1] + i) *
                                                           element_bytes(wanted->element));
        }
    return true;
}

bool wav_read(const char *path, const WantedInput *wanted, TensorData *tensor)
{
    size_t length;
    unsigned char *data = file_read(path, &length);
    bool good = data && wav_decode(path, data, length, wanted, tensor);
    free(data);
    return good;
}
