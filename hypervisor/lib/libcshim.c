/* SPDX-License-Identifier: MIT */
/*
 * What zlib, liblzma and libzstd ask of a C library, and stand-ins for parts of them that a kernel's payload never needs
 * but that would be linked along. Linked before the libraries, so that their own versions stay in the archives. Not part of
 * host builds.
 *
 *   - Memory: decompress.c gives each library an allocator, so malloc() is reached by no path that is used. It fails.
 *   - zlib's crc32() has 13 KiB of tables; it is the same function as liblzma's.
 *   - liblzma chooses between versions of lzma_crc64() in a constructor, which nobody runs here.
 *   - libzstd's decoders for formats before 0.8 take 90 KiB. No kernel was ever packed with those.
 */
#include <lzma.h>

#include <hv/console.h>
#include <hv/lib.h>

void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void free(void *p);
void __stack_chk_fail(void) __noreturn;

void *malloc(size_t size)
{
    (void)size;
    return NULL;
}

void *calloc(size_t n, size_t size)
{
    (void)n;
    (void)size;
    return NULL;
}

void free(void *p)
{
    (void)p;
}

void __stack_chk_fail(void)
{
    panic("a decompressor overran its stack");
}

/* --- zlib --- */

unsigned long crc32(unsigned long crc, const uint8_t *buf, unsigned int len);

unsigned long crc32(unsigned long crc, const uint8_t *buf, unsigned int len)
{
    return buf ? lzma_crc32(buf, len, (uint32_t)crc) : 0;
}

/* --- liblzma --- */

#define CRC64_POLY 0xc96c5795d7870f42   /* ECMA-182, reflected */

uint64_t lzma_crc64(const uint8_t *buf, size_t size, uint64_t crc)
{
    uint64_t table[16];

    for (unsigned int i = 0; i < 16; i++) {
        table[i] = i;
        for (unsigned int bit = 0; bit < 4; bit++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? CRC64_POLY : 0);
    }
    crc = ~crc;
    while (size--) {
        crc ^= *buf++;
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

/* --- libzstd: its weak tracing hooks, whose absence cannot be expressed at our address, trace nothing --- */

unsigned long long ZSTD_trace_decompress_begin(const void *dctx);
void ZSTD_trace_decompress_end(unsigned long long ctx, const void *trace);

unsigned long long ZSTD_trace_decompress_begin(const void *dctx)
{
    (void)dctx;
    return 0;           /* do not call the end hook */
}

void ZSTD_trace_decompress_end(unsigned long long ctx, const void *trace)
{
    (void)ctx;
    (void)trace;
}

/* The old formats are "not supported": as in the library, an error is a size close below zero. */

#define ZSTD_ERROR_VERSION_UNSUPPORTED ((size_t)-12)

static void refuse_size(size_t *compressed, unsigned long long *bound)
{
    *compressed = ZSTD_ERROR_VERSION_UNSUPPORTED;
    *bound = -2ULL;
}

#define REFUSE(v)                                                                                           \
    void *ZSTDv##v##_createDCtx(void);                                                                      \
    size_t ZSTDv##v##_freeDCtx(void *d);                                                                    \
    size_t ZSTDv##v##_getFrameParams(void *p, const void *src, size_t size);                                \
    size_t ZSTDv##v##_decompress_usingDict(void *d);                                                        \
    void ZSTDv##v##_findFrameSizeInfoLegacy(const void *src, size_t size, size_t *c, unsigned long long *b); \
    void *ZBUFFv##v##_createDCtx(void);                                                                     \
    size_t ZBUFFv##v##_freeDCtx(void *d);                                                                   \
    size_t ZBUFFv##v##_decompressInitDictionary(void *d);                                                   \
    size_t ZBUFFv##v##_decompressContinue(void *d);                                                         \
    void *ZSTDv##v##_createDCtx(void) { return NULL; }                                                      \
    size_t ZSTDv##v##_freeDCtx(void *d) { (void)d; return 0; }                                              \
    size_t ZSTDv##v##_getFrameParams(void *p, const void *src, size_t size)                                 \
    {                                                                                                       \
        (void)p; (void)src; (void)size;                                                                     \
        return ZSTD_ERROR_VERSION_UNSUPPORTED;                                                              \
    }                                                                                                       \
    size_t ZSTDv##v##_decompress_usingDict(void *d) { (void)d; return ZSTD_ERROR_VERSION_UNSUPPORTED; }     \
    void ZSTDv##v##_findFrameSizeInfoLegacy(const void *src, size_t size, size_t *c, unsigned long long *b) \
    {                                                                                                       \
        (void)src; (void)size;                                                                              \
        refuse_size(c, b);                                                                                  \
    }                                                                                                       \
    void *ZBUFFv##v##_createDCtx(void) { return NULL; }                                                     \
    size_t ZBUFFv##v##_freeDCtx(void *d) { (void)d; return 0; }                                             \
    size_t ZBUFFv##v##_decompressInitDictionary(void *d) { (void)d; return ZSTD_ERROR_VERSION_UNSUPPORTED; } \
    size_t ZBUFFv##v##_decompressContinue(void *d) { (void)d; return ZSTD_ERROR_VERSION_UNSUPPORTED; }

REFUSE(05)
REFUSE(06)
REFUSE(07)
