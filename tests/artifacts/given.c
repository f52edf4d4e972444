/* SPDX-License-Identifier: Apache-2.0
 *
 * A host without a C library for any model whose tensors are all of known sizes: runs it on the
 * given inputs and ends with status 0 if all results are as expected. given.py writes given_data.h:
 * MODEL, the blobs, and which of them is what.
 */
#include "bare.h"
#include "given_data.h"

static double magnitude(double x)
{
    return x < 0 ? -x : x;
}

/* Within the tolerances of the model; other types bit for bit. */
static bool agrees(TnElementType element, const char *made, const char *expected, size_t bytes)
{
    if (element == TN_FLOAT || element == TN_DOUBLE) {
        size_t each = element == TN_FLOAT ? sizeof(float) : sizeof(double);
        for (size_t i = 0; i < bytes / each; i++) {
            double a = each == 4 ? (double)((const float *)(const void *)made)[i]
                                 : ((const double *)(const void *)made)[i];
            double b = each == 4 ? (double)((const float *)(const void *)expected)[i]
                                 : ((const double *)(const void *)expected)[i];
            if (a != b && !(a != a && b != b) &&
                !(magnitude(a - b) <= MODEL.atol + MODEL.rtol * magnitude(b)))
                return false;
        }
        return true;
    }
    for (size_t i = 0; i < bytes; i++)
        if (made[i] != expected[i])
            return false;
    return true;
}

static _Alignas(64) char arena[ARENA_BYTES];
static _Alignas(8) char inputs[sizeof(GIVEN_INPUTS)], outputs[sizeof(GIVEN_OUTPUTS)];

static void start(void)
{
    for (int i = 0; i < MODEL.input_count; i++)
        *(const void **)(void *)(inputs + MODEL.inputs[i].data) = given_inputs[i].data;
    TnStatus status = MODEL.run(inputs, outputs, arena, sizeof arena, NULL);
    if (status != TN_OK)
        leave(100 + (long)status);
    for (int i = 0; i < MODEL.output_count; i++) {
        const char *made = *(const char **)(void *)(outputs + MODEL.outputs[i].data);
        if (!agrees(MODEL.outputs[i].element, made, given_outputs[i].data, given_outputs[i].bytes))
            leave(10 + i);
    }
    leave(0);
}
