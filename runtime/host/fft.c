/* SPDX-License-Identifier: Apache-2.0
 *
 * DFT: the discrete Fourier transform along an axis, in O(n log n) for lengths whose prime factors
 * are small, O(n p) for the largest prime factor p otherwise. As in NumPy, whose results ONNX
 * expects, complex floats are computed in float, doubles and real operands in double.
 */
#include "runtime/element.h"
#include "runtime/host/host.h"
#include "runtime/real.h"

#include <string.h>

#define PI 3.141592653589793238462643383279502884

/* exp(2 pi i k / n), 0 <= k < n, from sines and cosines of an eighth of the circle. */
static void root_of_unity(int64_t k, int64_t n, double *re, double *im)
{
    int64_t octant = 8 * k / n, x = 8 * k;
    double angle = 2 * PI / (double)n;
    if (x < 2 * n) {
        bool high = octant == 1; /* near the imaginary axis */
        double turned = high ? angle * ((double)n / 4 - (double)k) : angle * (double)k;
        *re = high ? real_sin(turned) : real_cos(turned);
        *im = high ? real_cos(turned) : real_sin(turned);
        return;
    }
    double rest_re, rest_im;
    if (4 * k == n || 4 * k == 2 * n || 4 * k == 3 * n) { /* exact */
        *re = 4 * k == 2 * n ? -1 : 0;
        *im = 4 * k == n ? 1 : 4 * k == 3 * n ? -1 : 0;
        return;
    }
    if (x < 4 * n) { /* the mirror image at the imaginary axis */
        double mirrored = angle * ((double)n / 2 - (double)k);
        bool high = octant == 2;
        double turned = high ? angle * ((double)k - (double)n / 4) : mirrored;
        *re = high ? -real_sin(turned) : -real_cos(turned);
        *im = high ? real_cos(turned) : real_sin(turned);
        return;
    }
    root_of_unity(n - k, n, &rest_re, &rest_im);
    *re = rest_re;
    *im = -rest_im;
}

#define REAL    float
#define NAME(x) float_##x
#include "runtime/host/fft.inc"
#undef REAL
#undef NAME
#define REAL    double
#define NAME(x) double_##x
#include "runtime/host/fft.inc"
#undef REAL
#undef NAME

/* Fours first, then a two in front, then odd factors. */
static int factorize(int64_t n, int64_t *radices)
{
    int count = 0;
    while (n % 4 == 0)
        radices[count++] = 4, n /= 4;
    if (n % 2 == 0) {
        n /= 2;
        radices[count++] = radices[0];
        radices[0] = 2;
    }
    for (int64_t divisor = 3; divisor * divisor <= n; divisor += 2)
        while (n % divisor == 0)
            radices[count++] = divisor, n /= divisor;
    if (n > 1)
        radices[count++] = n;
    return count;
}

/* One transform and where its numbers lie. */
typedef struct Line {
    const TnTensor *x, *y;
    int64_t length, available, bins, x_step, y_step; /* steps between points, in elements */
    bool inverse, hermitian;
    int64_t radices[64];
    int radix_count;
    void *data, *other, *roots;
} Line;

static double element_at(const TnTensor *tensor, int64_t at)
{
    return element_to_double(tensor->element, (const char *)tensor->data +
                                                  (size_t)at * element_bytes(tensor->element));
}

/* Point k of the operand; beyond its end zero, or for a real result what symmetry says. */
static void point_of(const Line *line, int64_t base, int64_t k, double *re, double *im)
{
    int64_t parts = line->x->dims[line->x->rank - 1], stored = k;
    bool mirrored = line->hermitian && 2 * k > line->length;
    if (mirrored)
        stored = line->length - k;
    *re = *im = 0;
    if (stored >= line->available)
        return;
    *re = element_at(line->x, base + stored * line->x_step);
    *im = parts == 2 ? element_at(line->x, base + stored * line->x_step + 1) : 0;
    *im = mirrored ? -*im : *im;
}

static void put(const Line *line, int64_t at, double value)
{
    element_from_double(line->y->element, value, false,
                        (char *)line->y->data + (size_t)at * element_bytes(line->y->element));
}

static void run_float(Line *line, int64_t from, int64_t to)
{
    float_Complex *data = line->data;
    float scale = line->inverse ? (float)(1.0 / (double)line->length) : 1;
    int64_t parts = line->y->dims[line->y->rank - 1];
    for (int64_t k = 0; k < line->length; k++) {
        double re, im;
        point_of(line, from, k, &re, &im);
        data[k] = (float_Complex){(float)re, (float)im};
    }
    float_transform(line->length, line->radices, line->radix_count, data, line->other, line->roots,
                    line->inverse);
    for (int64_t k = 0; k < line->bins; k++) {
        put(line, to + k * line->y_step, (double)(data[k].re * scale));
        if (parts == 2)
            put(line, to + k * line->y_step + 1, (double)(data[k].im * scale));
    }
}

static void run_double(Line *line, int64_t from, int64_t to)
{
    double_Complex *data = line->data;
    double scale = line->inverse ? 1.0 / (double)line->length : 1;
    int64_t parts = line->y->dims[line->y->rank - 1];
    for (int64_t k = 0; k < line->length; k++)
        point_of(line, from, k, &data[k].re, &data[k].im);
    double_transform(line->length, line->radices, line->radix_count, data, line->other, line->roots,
                     line->inverse);
    for (int64_t k = 0; k < line->bins; k++) {
        put(line, to + k * line->y_step, data[k].re * scale);
        if (parts == 2)
            put(line, to + k * line->y_step + 1, data[k].im * scale);
    }
}

TnStatus host_dft(HostCall *call)
{
    const TnTensor *x = host_tensor(call, 0);
    const TnTensor *given = call->input_count > 1 ? host_tensor(call, 1) : NULL;
    const TnTensor *axis_operand = call->input_count > 2 ? host_tensor(call, 2) : NULL;
    int64_t axis = axis_operand ? tensor_int64(axis_operand, 0) : -2;
    bool onesided = host_int(call, "onesided") != 0;
    Line line = {.x = x, .inverse = host_int(call, "inverse") != 0};
    axis += axis < 0 ? x->rank : 0;
    line.available = x->dims[axis];
    line.hermitian = line.inverse && onesided;
    line.length = given            ? tensor_int64(given, 0)
                  : line.hermitian ? 2 * (line.available - 1)
                                   : line.available;
    if (line.length < 1)
        return host_error(call, "a transform of %lld points", (long long)line.length);
    line.bins = onesided && !line.hermitian ? line.length / 2 + 1 : line.length;
    int64_t dims[TN_MAX_RANK], outer = 1, inner = 1;
    memcpy(dims, x->dims, sizeof dims);
    dims[axis] = line.bins;
    dims[x->rank - 1] = line.hermitian ? 1 : 2;
    for (int d = 0; d < x->rank - 1; d++)
        *(d < axis ? &outer : &inner) *= d == axis ? 1 : x->dims[d];
    void *data = host_output(call, 0, x->rank, dims);
    line.radix_count = factorize(line.length, line.radices);
    bool wide = x->element == TN_DOUBLE || x->dims[x->rank - 1] == 1;
    int64_t bytes = wide ? (int64_t)sizeof(double_Complex) : (int64_t)sizeof(float_Complex);
    line.data = host_scratch(call, line.length * bytes);
    line.other = host_scratch(call, line.length * bytes);
    line.roots = host_scratch(call, 2 * line.length * bytes);
    if (!data || !line.data || !line.other || !line.roots)
        return call->status;
    line.y = &call->outputs[0].tensor;
    int64_t x_parts = x->dims[x->rank - 1], y_parts = dims[x->rank - 1];
    line.x_step = inner * x_parts;
    line.y_step = inner * y_parts;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++) {
            int64_t from = o * line.available * line.x_step + i * x_parts;
            int64_t to = o * line.bins * line.y_step + i * y_parts;
            if (wide)
                run_double(&line, from, to);
            else
                run_float(&line, from, to);
        }
    return TN_OK;
}
