/* SPDX-License-Identifier: MIT */
/* Unpacking a kernel's payload with zlib, liblzma and libzstd, linked from their static libraries, and with lz4.c. Runs
 * once, at boot. The libraries were built for user programs, so while decompress() runs CR4.OSFXSR is set, CR0.TS and
 * CR0.EM are clear, no guest's FPU state is in the registers, the FS base points at a readable page (the canary is read
 * from %fs:0x28), interrupts are off, and the stack has 16 KiB left. All memory comes from the caller's arena and is
 * never given back: xz needs the stream's dictionary (32 MiB in Linux's kernels) and 64 KiB, zstd some 160 KiB, gzip 48
 * KiB, lz4 nothing. */
#define Z_SOLO                      /* zlib without its use of the C library */
#define ZSTD_STATIC_LINKING_ONLY    /* ZSTD_initStaticDCtx() */
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>
#include <hv/lib.h>

struct arena { char *p; size_t left; bool exhausted; };

static void *arena_alloc(struct arena *a, size_t n, size_t size)
{
    size_t bytes, skip = -(uintptr_t)a->p & 15;
    char *p = a->p + skip;
    if (__builtin_mul_overflow(n, size, &bytes) || skip > a->left || bytes > a->left - skip) {
        a->exhausted = true;
        return NULL;
    }
    a->p = p + bytes;
    a->left -= skip + bytes;
    return p;
}

/* What the arena gives is never taken back. */
static void keep(void *arena __unused, void *p __unused) { }
static voidpf z_alloc(voidpf arena, uInt n, uInt size) { return arena_alloc(arena, n, size); }
static void *xz_alloc(void *arena, size_t n, size_t size) { return arena_alloc(arena, n, size); }

static long unpack_gzip(void *dst, size_t dst_size, const void *src, size_t src_size, struct arena *a)
{
    z_stream z = { .zalloc = z_alloc, .zfree = keep, .opaque = a, .next_in = (z_const Bytef *)(uintptr_t)src,
                   .avail_in = (uInt)min_t(size_t, src_size, UINT32_MAX), .next_out = dst,
                   .avail_out = (uInt)min_t(size_t, dst_size, UINT32_MAX) };
    if (inflateInit2(&z, MAX_WBITS + 16) != Z_OK)       /* 16: a gzip header and trailer are required, and checked */
        return -XEN_ENOMEM;
    int rc = inflate(&z, Z_FINISH);
    if (rc == Z_STREAM_END)
        return (long)z.total_out;
    return rc == Z_BUF_ERROR && z.avail_out == 0 ? -XEN_ENOSPC : -XEN_EINVAL;
}

static long unpack_xz(void *dst, size_t dst_size, const void *src, size_t src_size, struct arena *a)
{
    const lzma_allocator allocator = { xz_alloc, keep, a };
    uint64_t memlimit = UINT64_MAX;
    size_t in_pos = 0, out_pos = 0;
    switch (lzma_stream_buffer_decode(&memlimit, LZMA_TELL_UNSUPPORTED_CHECK, &allocator,
                                      src, &in_pos, src_size, dst, &out_pos, dst_size)) {
    case LZMA_OK:            return (long)out_pos;
    case LZMA_BUF_ERROR:     return -XEN_ENOSPC;
    case LZMA_OPTIONS_ERROR: case LZMA_UNSUPPORTED_CHECK: return -XEN_EOPNOTSUPP;
    default:                 return -XEN_EINVAL;
    }
}

static long unpack_zstd(void *dst, size_t dst_size, const void *src, size_t src_size, struct arena *a)
{
    size_t ctx_size = ZSTD_estimateDCtxSize();
    void *ctx = arena_alloc(a, 1, ctx_size);
    ZSTD_DCtx *d = ctx ? ZSTD_initStaticDCtx(ctx, ctx_size) : NULL;
    if (!d)
        return -XEN_ENOMEM;
    /* The unpacked size that the kernel's build appends is no part of the frame. */
    size_t frame = ZSTD_findFrameCompressedSize(src, src_size);
    if (ZSTD_isError(frame))
        return -XEN_EINVAL;
    size_t n = ZSTD_decompressDCtx(d, dst, dst_size, src, frame);
    if (!ZSTD_isError(n))
        return (long)n;
    switch (ZSTD_getErrorCode(n)) {
    case ZSTD_error_dstSize_tooSmall: return -XEN_ENOSPC;
    case ZSTD_error_version_unsupported: return -XEN_EOPNOTSUPP;
    default: return -XEN_EINVAL;
    }
}

static long unpack_lz4(void *dst, size_t dst_size, const void *src, size_t src_size, struct arena *a __unused)
{
    return lz4_legacy(dst, dst_size, src, src_size);
}

static const struct method {
    const char *name, *magic;
    size_t magic_size;
    long (*unpack)(void *dst, size_t dst_size, const void *src, size_t src_size, struct arena *a);
} methods[] = {
    { "gzip", "\x1f\x8b", 2, unpack_gzip },
    { "xz", "\xfd" "7zXZ\0", 6, unpack_xz },
    { "zstd", "\x28\xb5\x2f\xfd", 4, unpack_zstd },
    { "lz4", "\x02\x21\x4c\x18", 4, unpack_lz4 },
};

static const struct method *find_method(const void *src, size_t src_size)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(methods); i++)
        if (src_size > methods[i].magic_size && memcmp(src, methods[i].magic, methods[i].magic_size) == 0)
            return &methods[i];
    return NULL;
}

const char *decompress_method(const void *src, size_t src_size)
{
    const struct method *m = find_method(src, src_size);
    return m ? m->name : NULL;
}

long decompress(void *dst, size_t dst_size, const void *src, size_t src_size, void *arena, size_t arena_size)
{
    const struct method *m = find_method(src, src_size);
    struct arena a = { arena, arena_size, false };
    if (!m)
        return -XEN_EOPNOTSUPP;
    long n = m->unpack(dst, dst_size, src, src_size, &a);
    return n < 0 && a.exhausted ? -XEN_ENOMEM : n;
}
