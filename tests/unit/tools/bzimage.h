/* SPDX-License-Identifier: MIT */
/* Kernels as Linux's build packs them. */
#ifndef TESTS_UNIT_TOOLS_BZIMAGE_H
#define TESTS_UNIT_TOOLS_BZIMAGE_H

#include <lz4hc.h>
#include <stdint.h>
#include <string.h>

#define PAYLOAD_OFFSET 0x100u
#define PAYLOAD_AT (2 * 512 + PAYLOAD_OFFSET)

/* lz4's legacy format. Returns the length. */
static inline size_t pack_lz4(const uint8_t *in, size_t len, uint8_t *out, size_t room)
{
    const size_t block = 8 << 20;
    size_t used = 4;

    memcpy(out, "\x02\x21\x4c\x18", 4);
    for (size_t at = 0; at < len; at += block) {
        int part = (int)(len - at < block ? len - at : block);
        int n = LZ4_compress_HC((const char *)in + at, (char *)out + used + 4, part, (int)(room - used - 4), 9);

        memcpy(out + used, &n, 4);
        used += 4 + (size_t)n;
    }
    return used;
}

/*
 * A bzImage around a payload of `length` bytes at out + PAYLOAD_AT: before it a setup header of the right shape, behind it
 * its expanded size, for which there must be room. Returns the image's length.
 */
static inline size_t wrap_bzimage(uint8_t *out, size_t length, uint32_t expanded)
{
    uint32_t offset = PAYLOAD_OFFSET, with_size = (uint32_t)length + 4;

    memset(out, 0, PAYLOAD_AT);
    out[0x1f1] = 1;
    memcpy(out + 0x1fe, "\x55\xaa", 2);
    memcpy(out + 0x202, "HdrS\x0f\x02", 6);
    memcpy(out + PAYLOAD_AT + length, &expanded, 4);
    memcpy(out + 0x248, &offset, 4);
    memcpy(out + 0x24c, &with_size, 4);
    return PAYLOAD_AT + with_size;
}

#endif
