/* SPDX-License-Identifier: Apache-2.0
 *
 * Inputs from pictures, sounds and text.
 */
#include "messages.h"
#include "tensor_data.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

static bool wrong(const char *path, const char *why)
{
    tell(SEVERITY_ERROR, path, "%s", why);
    return false;
}

/* ---- Pictures ---------------------------------------------------------------------------- */

/* Rows of RGB bytes. */
typedef struct Picture {
    int width, height;
    unsigned char *pixels;
} Picture;

static bool png_load(const char *path, Picture *picture)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    if (!png_image_begin_read_from_file(&image, path))
        return wrong(path, image.message);
    image.format = PNG_FORMAT_RGB;
    picture->pixels = malloc(PNG_IMAGE_SIZE(image));
    if (!picture->pixels || !png_image_finish_read(&image, NULL, picture->pixels, 0, NULL)) {
        png_image_free(&image);
        return wrong(path, picture->pixels ? image.message : "out of memory");
    }
    picture->width = (int)image.width;
    picture->height = (int)image.height;
    return true;
}

typedef struct JpegError {
    struct jpeg_error_mgr base;
    jmp_buf jump;
} JpegError;

static void jpeg_failed(j_common_ptr info)
{
    longjmp(((JpegError *)info->err)->jump, 1);
}

static bool jpeg_load(const char *path, Picture *picture)
{
    struct jpeg_decompress_struct info;
    JpegError error;
    FILE *file = fopen(path, "rb");
    if (!file)
        return wrong(path, strerror(errno));
    info.err = jpeg_std_error(&error.base);
    error.base.error_exit = jpeg_failed;
    if (setjmp(error.jump)) {
        char message[JMSG_LENGTH_MAX];
        error.base.format_message((j_common_ptr)&info, message);
        jpeg_destroy_decompress(&info);
        fclose(file);
        return wrong(path, message);
    }
    jpeg_create_decompress(&info);
    jpeg_stdio_src(&info, file);
    jpeg_read_header(&info, TRUE);
    info.out_color_space = JCS_RGB;
    jpeg_start_decompress(&info);
    picture->width = (int)info.output_width;
    picture->height = (int)info.output_height;
    picture->pixels = malloc((size_t)picture->width * (size_t)picture->height * 3);
    while (picture->pixels && info.output_scanline < info.output_height) {
        unsigned char *row = picture->pixels + (size_t)info.output_scanline * picture->width * 3;
        jpeg_read_scanlines(&info, &row, 1);
    }
    jpeg_destroy_decompress(&info);
    fclose(file);
    return picture->pixels != NULL || wrong(path, "out of memory");
}

/* The colour c at a place between pixels, pixel centres being at halves; edges are repeated. */
static double sample(const Picture *picture, double x, double y, int c)
{
    x = fmin(fmax(x - 0.5, 0), picture->width - 1);
    y = fmin(fmax(y - 0.5, 0), picture->height - 1);
    int x0 = (int)x, y0 = (int)y;
    int x1 = x0 + (x0 + 1 < picture->width), y1 = y0 + (y0 + 1 < picture->height);
    double fx = x - x0, fy = y - y0;
    const unsigned char *p = picture->pixels + c;
#define PIXEL(px, py) p[((size_t)(py)*picture->width + (size_t)(px)) * 3]
    return (PIXEL(x0, y0) * (1 - fx) + PIXEL(x1, y0) * fx) * (1 - fy) +
           (PIXEL(x0, y1) * (1 - fx) + PIXEL(x1, y1) * fx) * fy;
#undef PIXEL
}

/* Which dimensions are channel, height and width; -1: there is none. */
typedef struct Axes {
    int channel, height, width;
} Axes;

static bool picture_axes(const WantedInput *wanted, Axes *axes)
{
    int rank = wanted->rank;
    const int64_t *dims = wanted->dims;
    if (rank == 2)
        *axes = (Axes){-1, 0, 1};
    else if (rank < 3 || rank > 4 || (rank == 4 && dims[0] > 1))
        return false;
    else if (dims[rank - 1] == 1 || dims[rank - 1] == 3)
        *axes = (Axes){rank - 1, rank - 3, rank - 2};
    else
        *axes = (Axes){rank - 3, rank - 2, rank - 1};
    int64_t channels = axes->channel < 0 ? 1 : dims[axes->channel];
    return channels == 1 || channels == 3 || channels == -1;
}

static bool picture_to_tensor(const char *path, const Picture *picture, const WantedInput *wanted,
                              TensorData *tensor)
{
    Axes axes;
    if (!picture_axes(wanted, &axes) ||
        (element_kind(wanted->element) != ELEMENT_KIND_FLOAT && wanted->element != TN_UINT8)) {
        char shape[SHAPE_TEXT_BYTES];
        tell(SEVERITY_ERROR, path, "input '%s' is %s[%s], which is no picture of 1 or 3 channels",
             wanted->name, element_name(wanted->element),
             shape_text(wanted->rank, wanted->dims, shape));
        return false;
    }
    int64_t dims[MAX_RANK];
    for (int d = 0; d < wanted->rank; d++)
        dims[d] = wanted->dims[d] >= 0 ? wanted->dims[d]
                  : d == axes.height   ? picture->height
                  : d == axes.width    ? picture->width
                  : d == axes.channel  ? 3
                                       : 1;
    if (!tensor_data_allocate(tensor, wanted->element, wanted->rank, dims))
        return false;
    int64_t strides[MAX_RANK], stride = 1;
    for (int d = wanted->rank - 1; d >= 0; d--)
        strides[d] = stride, stride *= dims[d];
    int64_t channels = axes.channel < 0 ? 1 : dims[axes.channel];
    int64_t height = dims[axes.height], width = dims[axes.width];
    bool is_byte = wanted->element == TN_UINT8;
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++)
            for (int64_t c = 0; c < channels; c++) {
                double px = (x + 0.5) * picture->width / width;
                double py = (y + 0.5) * picture->height / height;
                double value = channels == 3 ? sample(picture, px, py, (int)c)
                                             : 0.299 * sample(picture, px, py, 0) +
                                                   0.587 * sample(picture, px, py, 1) +
                                                   0.114 * sample(picture, px, py, 2);
                int64_t at = y * strides[axes.height] + x * strides[axes.width] +
                             (axes.channel < 0 ? 0 : c * strides[axes.channel]);
                element_from_double(wanted->element, is_byte ? nearbyint(value) : value / 255, true,
                                    (char *)tensor->data +
                                        (size_t)at * element_bytes(wanted->element));
            }
    return true;
}

bool image_read(const char *path, const WantedInput *wanted, TensorData *tensor)
{
    Picture picture = {0};
    const char *ending = strrchr(path, '.');
    bool good = ending && strcmp(ending, ".png") == 0 ? png_load(path, &picture)
                                                      : jpeg_load(path, &picture);
    good = good && picture_to_tensor(path, &picture, wanted, tensor);
    free(picture.pixels);
    return good;
}

/* ---- Sounds: RIFF WAVE ------------------------------------------------------------------- */

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
        return wrong(path, "is not a RIFF WAVE file");
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
        return wrong(path, "is no PCM or float sound");
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
        return wrong(path, "a sound can only be given to an input of floats");
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

static void *read_all(const char *path, size_t *length)
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
        wrong(path, file ? "could not be read" : strerror(errno));
        free(data);
        data = NULL;
    } else {
        data[*length] = '\0';
    }
    if (file)
        fclose(file);
    return data;
}

bool wav_read(const char *path, const WantedInput *wanted, TensorData *tensor)
{
    size_t length;
    unsigned char *data = read_all(path, &length);
    bool good = data && wav_decode(path, data, length, wanted, tensor);
    free(data);
    return good;
}

/* ---- Text -------------------------------------------------------------------------------- */

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
    char *text = read_all(path, &length);
    bool good =
        text && (wanted->element == TN_STRING ? lines_to_tensor(text, length, wanted, tensor)
                                              : numbers_to_tensor(path, text, wanted, tensor));
    free(text);
    return good;
}
