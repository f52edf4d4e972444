/* SPDX-License-Identifier: Apache-2.0
 *
 * Two lanes of multiply and rotate, one word at a time, which differ in their constants.
 */
#include "runtime/checksum.h"

#include <string.h>

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static uint64_t finish(uint64_t x)
{
    x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
    x = (x ^ x >> 29) * 0x9e3779b97f4a7c15u;
    return x ^ x >> 32;
}

static void mix(Checksum *sum, uint64_t word)
{
    sum->a = rotate((sum->a ^ word) * 0x9e3779b97f4a7c15u, 29);
    sum->b = rotate(sum->b + word, 37) * 0xc2b2ae3d27d4eb4fu;
}

void checksum_begin(Checksum *sum)
{
    *sum = (Checksum){.a = 0x243f6a8885a308d3u, .b = 0x13198a2e03707344u};
}

void checksum_add(Checksum *sum, const void *data, size_t bytes)
{
    const char *at = data;
    uint64_t word;
    sum->length += bytes;
    for (; bytes >= sizeof word; bytes -= sizeof word, at += sizeof word) {
        memcpy(&word, at, sizeof word);
        mix(sum, word);
    }
    if (bytes) {
        word = 0;
        memcpy(&word, at, bytes);
        mix(sum, word);
    }
}

void checksum_end(const Checksum *sum, unsigned char result[CHECKSUM_BYTES])
{
    uint64_t words[] = {finish(sum->a ^ sum->length), finish(sum->b + sum->a)};
    memcpy(result, words, sizeof words);
}
