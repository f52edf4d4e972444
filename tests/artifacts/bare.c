/* SPDX-License-Identifier: Apache-2.0
 *
 * A host without a C library: linked with -nostdlib -static, it runs `image` and `found` and ends
 * with status 0 if they compute what they should.
 */
#include "bare.h"
#include "found.h"
#include "image.h"

static _Alignas(64) char arena[1 << 20];
static float picture[3 * 16 * 16];

static void start(void)
{
    float y[8], sum = 0, x[8] = {0, 1, 0, 2, 0, 0, 3, 0};
    image_inputs inputs = {.x = picture};
    image_outputs outputs = {.y = y};
    found_inputs ask = {.x = x};
    found_outputs told = {0};
    for (int i = 0; i < 3 * 16 * 16; i++)
        picture[i] = (float)(i % 17) / 16;
    if (sizeof arena < IMAGE_ARENA_BYTES || sizeof arena < FOUND_ARENA_BYTES)
        leave(2);
    if (image_run(&inputs, &outputs, arena, sizeof arena, 0) != TN_OK)
        leave(3);
    for (int i = 0; i < 8; i++)
        sum += y[i];
    if (!(sum > 0.999f && sum < 1.001f))
        leave(4);
    if (found_run(&ask, &told, arena, sizeof arena, 0) != TN_OK || told.at_dims[1] != 3 ||
        told.at[2] != 6)
        leave(5);
    leave(0);
}
