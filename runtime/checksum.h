/* SPDX-License-Identifier: Apache-2.0
 *
 * A checksum of 128 bits that shows damage to a file. It is no signature: who can write the file
 * can write its checksum.
 */
#ifndef RUNTIME_CHECKSUM_H
#define RUNTIME_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

enum { CHECKSUM_BYTES = 16 };

typedef struct Checksum {
    uint64_t a, b, length;
} Checksum;

/* The same sum whatever the pieces, as long as all but the last have a multiple of 8 bytes. */
void checksum_begin(Checksum *sum);
void checksum_add(Checksum *sum, const void *data, size_t bytes);
void checksum_end(const Checksum *sum, unsigned char result[CHECKSUM_BYTES]);

#endif
