/* SPDX-License-Identifier: Apache-2.0
 *
 * A tensor of the driver's own: read from a file, drawn at random, or to be written.
 */
#ifndef TOOLS_TENSOR_DATA_H
#define TOOLS_TENSOR_DATA_H

#include "frontend/onnx/file.h"
#include "ir/expr/expr.h"

#include <stdio.h>

typedef struct TensorData {
    TnElementType element;
    int rank;
    int64_t dims[MAX_RANK];
    int64_t count;
    void *data; /* as in memory; owned */
} TensorData;

/* With zeroed memory; false and a message if the size overflows or there is no memory. */
bool tensor_data_allocate(TensorData *tensor, TnElementType element, int rank, const int64_t *dims);
void tensor_data_free(TensorData *tensor);
int64_t tensor_elements(const TnTensor *tensor);
/* "2x3x4", "scalar" for rank 0; answers false if the text is no shape. */
bool shape_parse(const char *text, int *rank, int64_t *dims);
/* "2, 3, 4" in `text`, which has room for any rank; answers it. */
enum { SHAPE_TEXT_BYTES = MAX_RANK * 24 };
const char *shape_text(int rank, const int64_t *dims, char text[SHAPE_TEXT_BYTES]);

/* Says why a file cannot be used; answers false. */
bool wrong_file(const char *path, const char *why);
/* The bytes of a file and a zero behind them, to be freed; NULL after a message. */
void *file_read(const char *path, size_t *length);

/* NumPy's .npy, versions 1 to 3, little-endian, C order. Reading prints why it fails. Types that
 * NumPy lacks (bfloat16, float8, int4, ...) cannot be written: npy_can_write() says so. A file is
 * written whole or not at all. */
bool npy_read(const char *path, TensorData *tensor);
bool npy_can_write(TnElementType element);
bool npy_write(Arena *arena, const char *path, const TensorData *tensor, Diagnostics *diagnostics);

/* What the model expects where a picture or a sound is given: dims has -1 for sizes that the file
 * may choose; element is a float or uint8. */
typedef struct WantedInput {
    const char *name;
    TnElementType element;
    int rank;
    int64_t dims[MAX_RANK];
} WantedInput;

/* A .png or .jpg as [1, C, H, W], [C, H, W], [1, H, W, C], [H, W, C] or [H, W], C being 1 or 3
 * where the wanted shape says so; scaled (bilinear) to the wanted size; floats lie in 0..1. */
bool image_read(const char *path, const WantedInput *wanted, TensorData *tensor);
/* A .wav (PCM 8, 16, 24, 32 bits or float) as [samples], [1, samples] or [channels, samples],
 * floats in -1..1. */
bool wav_read(const char *path, const WantedInput *wanted, TensorData *tensor);
/* Numbers separated by blanks or commas, in the wanted shape or as a vector; for a string input the
 * lines of the file. */
bool text_read(const char *path, const WantedInput *wanted, TensorData *tensor);

#endif
