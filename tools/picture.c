/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures as inputs: .png and .jpg.
 */
#include "messages.h"
#include "tensor_data.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jpeglib.h>
#include <png.h>

/* Rows of RGB bytes. */
typedef struct Picture {
    int width, height;
    unsigned char *pixels;
} Picture;

static bool png_load(const char *path, Picture *picture)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    if (!png_image_begin_read_from_file(&image, path))
        return wrong_file(path, image.message);
    image.format = PNG_FORMAT_RGB;
    picture->pixels = malloc(PNG_IMAGE_SIZE(image));
    if (!picture->pixels || !png_image_finish_read(&image, NULL, picture->pixels, 0, NULL)) {
        png_image_free(&image);
        return wrong_file(path, picture->pixels ? image.message : "out of memory");
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
        return wrong_file(path, strerror(errno));
    info.err = jpeg_std_error(&error.base);
    error.base.error_exit = jpeg_failed;
    if (setjmp(error.jump)) {
        char message[JMSG_LENGTH_MAX];
        error.base.format_message((j_common_ptr)&info, message);
        jpeg_destroy_decompress(&info);
        fclose(file);
        return wrong_file(path, message);
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
    return picture->pixels != NULL || wrong_file(path, "out of memory");
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
    bool good = ending && strcasecmp(ending, ".png") == 0 ? png_load(path, &picture)
                                                          : jpeg_load(path, &picture);
    good = good && picture_to_tensor(path, &picture, wanted, tensor);
    free(picture.pixels);
    return good;
}
