/* SPDX-License-Identifier: MIT */
#include "build/expand.h"

#include <bzlib.h>
#include <errno.h>
#include <limits.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "build/lz4.h"

#define LZMA_MEMORY (256u << 20)        /* what a dictionary may need: xz -9 needs 64 MiB */

static const struct { uint8_t bytes[6]; uint8_t len; enum vl_method method; const char *name; } methods[] = {
    { { 0x7f, 'E', 'L', 'F' }, 4, VL_METHOD_NONE, "none" },
    { { 0x1f, 0x8b, 0x08 }, 3, VL_METHOD_GZIP, "gzip" },
    { { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, VL_METHOD_XZ, "xz" },
    { { 0x5d, 0, 0 }, 3, VL_METHOD_LZMA, "lzma" },
    { { 0x28, 0xb5, 0x2f, 0xfd }, 4, VL_METHOD_ZSTD, "zstd" },
    { { 0x02, 0x21, 0x4c, 0x18 }, 4, VL_METHOD_LZ4, "lz4" },
    { { 'B', 'Z', 'h' }, 3, VL_METHOD_BZIP2, "bzip2" },
    { { 0x89, 'L', 'Z', 'O', 0, 0x0d }, 6, VL_METHOD_LZO, "lzo" },
};

enum vl_method vl_method_of(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (len >= methods[i].len && !memcmp(data, methods[i].bytes, methods[i].len))
            return methods[i].method;
    return VL_METHOD_UNKNOWN;
}

const char *vl_method_name(enum vl_method method)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (methods[i].method == method)
            return methods[i].name;
    return "an unknown method";
}

/* What a stream decoder says at the end, as our result. */
static long verdict(bool ended, bool full, bool head, size_t produced)
{
    if (ended || (full && head))
        return (long)produced;
    return full ? -EFBIG : -EINVAL;
}

static long expand_gzip(const uint8_t *in, size_t len, uint8_t *out, size_t room, bool head)
{
    z_stream z = { .next_in = (uint8_t *)in, .avail_in = (uInt)len, .next_out = out, .avail_out = (uInt)room };
    uint8_t spare[1];
    bool full;
    int rc;

    if (len > UINT_MAX || room > UINT_MAX)
        return -EFBIG;
    if (inflateInit2(&z, 15 + 16) != Z_OK)
        return -ENOMEM;
    rc = inflate(&z, Z_FINISH);
    full = z.avail_out == 0;
    if (rc == Z_BUF_ERROR && full && !head) {   /* does it end exactly here? */
        z.next_out = spare;
        z.avail_out = 1;
        rc = inflate(&z, Z_FINISH);
        full = z.avail_out == 0;
    }
    inflateEnd(&z);
    if (rc == Z_DATA_ERROR)
        return -EINVAL;
    return verdict(rc == Z_STREAM_END, full, head, z.total_out);
}

static long expand_xz(enum vl_method method, const uint8_t *in, size_t len, uint8_t *out, size_t room, bool head)
{
    lzma_stream s = LZMA_STREAM_INIT;
    uint8_t spare[1];
    lzma_ret rc;
    bool full;

    rc = method == VL_METHOD_XZ ? lzma_stream_decoder(&s, LZMA_MEMORY, 0) : lzma_alone_decoder(&s, LZMA_MEMORY);
    if (rc != LZMA_OK)
        return -ENOMEM;
    s.next_in = in;
    s.avail_in = len;
    s.next_out = out;
    s.avail_out = room;
    do
        rc = lzma_code(&s, s.avail_in ? LZMA_RUN : LZMA_FINISH);
    while (rc == LZMA_OK && s.avail_out && s.avail_in);
    full = s.avail_out == 0;
    if (rc == LZMA_OK && !(full && head)) {     /* the end marker may be all that is left */
        s.next_out = spare;
        s.avail_out = full ? 1 : 0;
        rc = lzma_code(&s, LZMA_FINISH);
        full = full && s.avail_out == 0;
    }
    lzma_end(&s);
    if (rc == LZMA_MEMLIMIT_ERROR || rc == LZMA_MEM_ERROR)
        return -ENOMEM;
    if (rc != LZMA_OK && rc != LZMA_STREAM_END && rc != LZMA_BUF_ERROR)
        return -EINVAL;
    return verdict(rc == LZMA_STREAM_END, full, head, s.total_out);
}

static long expand_zstd(const uint8_t *in, size_t len, uint8_t *out, size_t room, bool head)
{
    ZSTD_DStream *z = ZSTD_createDStream();
    ZSTD_inBuffer src = { in, len, 0 };
    ZSTD_outBuffer dst = { out, room, 0 };
    size_t rc;

    if (!z)
        return -ENOMEM;
    ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, 27);     /* the kernel's --ultra -22 uses 128 MiB windows */
    do
        rc = ZSTD_decompressStream(z, &dst, &src);
    while (!ZSTD_isError(rc) && rc && src.pos < src.size && dst.pos < dst.size);
    ZSTD_freeDStream(z);
    if (ZSTD_isError(rc))
        return -EINVAL;
    return verdict(rc == 0, dst.pos == dst.size, head, dst.pos);
}

static long expand_bzip2(const uint8_t *in, size_t len, uint8_t *out, size_t room, bool head)
{
    bz_stream z = { .next_in = (char *)in, .avail_in = (unsigned)len, .next_out = (char *)out,
                    .avail_out = (unsigned)room };
    bool full;
    int rc;

    if (len > UINT_MAX || room > UINT_MAX)
        return -EFBIG;
    if (BZ2_bzDecompressInit(&z, 0, 0) != BZ_OK)
        return -ENOMEM;
    do
        rc = BZ2_bzDecompress(&z);
    while (rc == BZ_OK && z.avail_in && z.avail_out);
    if (rc == BZ_OK && !z.avail_out && !head)   /* all output is there; the checksum may still be in the input */
        rc = BZ2_bzDecompress(&z);
    full = z.avail_out == 0;
    BZ2_bzDecompressEnd(&z);
    if (rc != BZ_OK && rc != BZ_STREAM_END)
        return -EINVAL;
    return verdict(rc == BZ_STREAM_END, full, head, room - z.avail_out);
}

/* Is a run of bytes zero? Most that are not say so in their first words. */
static bool is_zero(const uint8_t *p, size_t len)
{
    return !len || (!*p && !memcmp(p, p + 1, len - 1));
}

/*
 * Copy `n` bytes to addresses that have the same place in a page. Not memcpy: its string instruction for large blocks
 * moves a byte a step on processors that are emulated, which made this a third of a guest's creation there.
 */
static void copy_words(uint8_t *to, const uint8_t *from, size_t n)
{
    typedef long long words __attribute__((vector_size(16), aligned(1), may_alias));
    size_t at = 0;

    for (; at + 4 * sizeof(words) <= n; at += 4 * sizeof(words)) {
        const words *f = (const words *)(from + at);
        words a = f[0], b = f[1], c = f[2], d = f[3], *t = (words *)(to + at);

        t[0] = a;
        t[1] = b;
        t[2] = c;
        t[3] = d;
    }
    memcpy(to + at, from + at, n - at);
}

/* No compression: pages are copied, and those that are zero left out where the sink allows it. */
static long copy_plain(struct vl_sink *sink, const uint8_t *in, size_t len, bool head)
{
    if (len > sink->size && !head)
        return -EFBIG;
    if (len > sink->size)
        len = sink->size;
    for (size_t at = 0; at < len;) {
        size_t n = len - at < VL_SINK_PAGE ? len - at : VL_SINK_PAGE;
        int rc;

        if (sink->skipped && at == sink->ready && n == VL_SINK_PAGE && is_zero(in + at, n)) {
            sink->skipped[at / VL_SINK_PAGE / 8] |= (uint8_t)(1u << at / VL_SINK_PAGE % 8);
            at += n;
            sink->ready = at;
            continue;
        }
        rc = vl_sink_reach(sink, at);
        if (rc)
            return rc;
        n = len - at < sink->ready - at ? len - at : sink->ready - at;
        copy_words(sink->base + at, in + at, n);
        at += n;
    }
    return (long)len;
}

static long expand_whole(enum vl_method method, const uint8_t *in, size_t len, uint8_t *out, size_t room, bool head)
{
    switch (method) {
    case VL_METHOD_GZIP:
        return expand_gzip(in, len, out, room, head);
    case VL_METHOD_XZ:
    case VL_METHOD_LZMA:
        return expand_xz(method, in, len, out, room, head);
    case VL_METHOD_ZSTD:
        return expand_zstd(in, len, out, room, head);
    case VL_METHOD_BZIP2:
        return expand_bzip2(in, len, out, room, head);
    default:
        return -EOPNOTSUPP;
    }
}

long vl_expand(enum vl_method method, const uint8_t *in, size_t len, struct vl_sink *sink, bool head)
{
    int rc;

    if (method == VL_METHOD_NONE)
        return copy_plain(sink, in, len, head);
    if (method == VL_METHOD_LZ4)
        return vl_lz4_legacy(sink, in, len, head);
    /* The libraries want all of the room at once. */
    rc = sink->size ? vl_sink_reach(sink, sink->size - 1) : 0;
    return rc ? rc : expand_whole(method, in, len, sink->base, sink->size, head);
}
