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

/* The samples of all channels, a frame after the other. */
typedef struct Sound {
    int channels, bits;
    bool is_float;
    const unsigned char *samples;
    int64_t frames;
} Sound;

enum { FORMAT_PCM = 1, FORMAT_FLOAT = 3, FORMAT_EXTENSIBLE = 0xfffe };

/* The chunks "fmt " and "data"; others are passed over, and one that is cut ends with the file. */
static bool wav_parse(const char *path, const unsigned char *data, size_t length, Sound *sound)
{
    if (length < 12 || memcmp(data, "RIFF", 4) != 0 || memcmp(data + 8, "WAVE", 4) != 0)
        return wrong_file(path, "is not a RIFF WAVE file");
    int format = 0;
    size_t bytes = 0;
    for (size_t at = 12; at + 8 <= length;) {
        size_t size = little(data + at + 4, 4);
        if (size > length - at - 8)
            size = length - at - 8;
        if (memcmp(data + at, "fmt ", 4) == 0 && size >= 16) {
            format = (int)little(data + at + 8, 2);
            sound->channels = (int)little(data + at + 10, 2);
            sound->bits = (int)little(data + at + 22, 2);
            if (format == FORMAT_EXTENSIBLE && size >= 26)
                format = (int)little(data + at + 32, 2);
        } else if (memcmp(data + at, "data", 4) == 0) {
            sound->samples = data + at + 8;
            bytes = size;
        }
        at += 8 + size + (size & 1);
    }
    int bits = sound->bits;
    sound->is_float = format == FORMAT_FLOAT && bits == 32;
    bool is_pcm = format == FORMAT_PCM && (bits == 8 || bits == 16 || bits == 24 || bits == 32);
    if (!sound->samples || sound->channels < 1 || !(sound->is_float || is_pcm))
        return wrong_file(path, "is no PCM or float sound");
    sound->frames = (int64_t)(bytes / (size_t)(bits / 8) / (size_t)sound->channels);
    return true;
}

static double wav_sample(const Sound *sound, int64_t frame, int channel)
{
    int bytes = sound->bits / 8;
    const unsigned char *at = sound->samples + (frame * sound->channels + channel) * bytes;
    if (sound->is_float) {
        float value;
        memcpy(&value, at, sizeof value);
        return value;
    }
    if (sound->bits == 8)
        return (at[0] - 128) / 128.0;
    int32_t value = (int32_t)(little(at, bytes) << (32 - sound->bits));
    return value / 2147483648.0;
}

static double mean_of_channels(const Sound *sound, int64_t frame)
{
    double sum = 0;
    for (int c = 0; c < sound->channels; c++)
        sum += wav_sample(sound, frame, c);
    return sum / sound->channels;
}

/* A row for each channel where the shape asks for it, else one row; cut, or filled up with zeros.
 */
static bool sound_to_tensor(const char *path, const Sound *sound, const WantedInput *wanted,
                            TensorData *tensor)
{
    int rank = wanted->rank > 0 ? wanted->rank : 1;
    int64_t dims[MAX_RANK];
    bool by_channel = rank > 1 && wanted->dims[rank - 2] == sound->channels;
    int64_t length = wanted->rank > 0 ? wanted->dims[rank - 1] : -1;
    for (int d = 0; d < rank; d++)
        dims[d] = 1;
    dims[rank - 1] = length = length >= 0 ? length : sound->frames;
    if (by_channel)
        dims[rank - 2] = sound->channels;
    if (element_kind(wanted->element) != ELEMENT_KIND_FLOAT)
        return wrong_file(path, "a sound can only be given to an input of floats");
    if (!tensor_data_allocate(tensor, wanted->element, rank, dims))
        return false;
    char *out = tensor->data;
    for (int64_t row = 0; row < (by_channel ? sound->channels : 1); row++)
        for (int64_t i = 0; i < length; i++, out += element_bytes(wanted->element))
            if (i < sound->frames)
                element_from_double(wanted->element,
                                    by_channel ? wav_sample(sound, i, (int)row)
                                               : mean_of_channels(sound, i),
                                    true, out);
    return true;
}

bool wav_read(const char *path, const WantedInput *wanted, TensorData *tensor)
{
    size_t length;
    unsigned char *data = file_read(path, &length);
    Sound sound = {0};
    bool good = data && wav_parse(path, data, length, &sound) &&
                sound_to_tensor(path, &sound, wanted, tensor);
    free(data);
    return good;
}
