/* SPDX-License-Identifier: MIT */
/* The LZ4 block format (lz4_Block_format.md of the LZ4 project) and the "legacy frame" of `lz4 -l`, which Linux uses
 * for its kernels: a magic number, then chunks of at most 8 MiB once unpacked, each after its packed length. Not
 * liblz4's decoder: its one object file carries all encoders along, 55 KiB for these hundred lines. */
#include <hv/lib.h>

#define MIN_MATCH  4
#define MAX_NIBBLE 15           /* in a token: more length bytes follow */
#define CHUNK_HEAD 4

struct cursor { const uint8_t *p, *end; };

/* A length that may go on in further bytes, each 255 but the last. False: the input ends in it. */
static bool read_length(struct cursor *in, size_t *len)
{
    for (uint8_t b = *len == MAX_NIBBLE ? 255 : 0; b == 255; *len += b) {
        if (in->p == in->end)
            return false;
        b = *in->p++;           /* at most 255 times the input's size: the sum cannot overflow */
    }
    return true;
}

/* Copies n bytes from `offset` bytes back; when offset < n the source grows with what is written. */
static void copy_match(uint8_t *d, size_t offset, size_t n)
{
    while (n) {
        size_t part = min(offset, n);   /* does not overlap; the next round may copy twice as much */
        memcpy(d, d - offset, part);
        d += part;
        n -= part;
        offset += part;
    }
}

long lz4_block(void *dst, size_t dst_size, const void *src, size_t src_size)
{
    struct cursor in = { src, (const uint8_t *)src + src_size };
    uint8_t *out = dst, *out_end = out + dst_size;
    while (in.p != in.end) {
        uint8_t token = *in.p++;
        size_t literals = token >> 4, match = token & MAX_NIBBLE;
        if (!read_length(&in, &literals) || literals > (size_t)(in.end - in.p))
            return -XEN_EINVAL;
        if (literals > (size_t)(out_end - out))
            return -XEN_ENOSPC;
        memcpy(out, in.p, literals);
        out += literals;
        in.p += literals;
        if (in.p == in.end)             /* the last sequence has no match */
            return out - (uint8_t *)dst;
        if (in.end - in.p < 2)
            return -XEN_EINVAL;
        size_t offset = in.p[0] | (size_t)in.p[1] << 8;
        in.p += 2;
        if (!read_length(&in, &match) || offset == 0 || offset > (size_t)(out - (uint8_t *)dst))
            return -XEN_EINVAL;
        match += MIN_MATCH;
        if (match > (size_t)(out_end - out))
            return -XEN_ENOSPC;
        copy_match(out, offset, match);
        out += match;
    }
    return -XEN_EINVAL;                 /* an empty input, or one that ends in a match */
}

static uint32_t le32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

long lz4_legacy(void *dst, size_t dst_size, const void *src, size_t src_size)
{
    const uint8_t *p = src;
    size_t left = src_size, done = 0;
    if (left < CHUNK_HEAD || le32(p) != LZ4_LEGACY_MAGIC)
        return -XEN_EINVAL;
    p += CHUNK_HEAD;
    left -= CHUNK_HEAD;
    /* The kernel's build appends the unpacked size: four bytes that no chunk follows. */
    while (left > CHUNK_HEAD) {
        size_t size = le32(p);
        p += CHUNK_HEAD;
        left -= CHUNK_HEAD;
        if (size == LZ4_LEGACY_MAGIC)   /* another frame */
            continue;
        if (size == 0 || size > left)
            return -XEN_EINVAL;
        long n = lz4_block((uint8_t *)dst + done, min(dst_size - done, (size_t)LZ4_LEGACY_CHUNK), p, size);
        if (n == -XEN_ENOSPC && dst_size - done >= LZ4_LEGACY_CHUNK)
            return -XEN_EINVAL;         /* more than a chunk may hold */
        if (n < 0)
            return n;
        done += (size_t)n;
        p += size;
        left -= size;
    }
    if (left != 0 && (left != CHUNK_HEAD || le32(p) != (uint32_t)done))
        return -XEN_EINVAL;
    return (long)done;
}
