/* SPDX-License-Identifier: Apache-2.0
 *
 * Two lanes of multiply and rotate, one word at a time, which differ in their constants. Long
 * pieces go through eight lanes at once, which wait for the memory and not for each other; these
 * are what the two get to see.
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

enum { LANES = 8, STRIPE_BYTES = LANES * sizeof(uint64_t), LONG_BYTES = 16 * STRIPE_BYTES };

/* The stripes of a long piece; how many bytes they were. */
static size_t mix_stripes(Checksum *sum, const char *at, size_t bytes)
{
    uint64_t lanes[LANES], words[LANES];
    size_t done = 0;
    for (int i = 0; i < LANES; i++)
        lanes[i] = (i % 2 ? sum->b : sum->a) + (uint64_t)i;
    for (; bytes - done >= STRIPE_BYTES; done += STRIPE_BYTES) {
        memcpy(words, at + done, sizeof words);
        for (int i = 0; i < LANES; i++)
            lanes[i] = rotate((lanes[i] ^ words[i]) * 0x9e3779b97f4a7c15u, 29);
    }
    for (int i = 0; i < LANES; i++)
        mix(sum, lanes[i]);
    return done;
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
    if (bytes >= LONG_BYTES) {
        size_t done = mix_stripes(sum, at, bytes);
        at += done;
        bytes -= done;
    }
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
