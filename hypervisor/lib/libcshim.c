/* SPDX-License-Identifier: MIT */
/* What zlib, liblzma and libzstd ask of a C library, and stand-ins for parts of them that would be linked along. Linked
 * before the libraries. decompress.c gives each library an allocator: malloc() is reached by no path that is used. */
#include <lzma.h>
#include <hv/console.h>
#include <hv/lib.h>

void *malloc(size_t size __unused) { return NULL; }
void *calloc(size_t n __unused, size_t size __unused) { return NULL; }
void free(void *p __unused) { }
void __stack_chk_fail(void) { panic("a decompressor overran its stack"); }

/* zlib's has 13 KiB of tables; it is the same function as liblzma's. */
unsigned long crc32(unsigned long crc, const uint8_t *buf, unsigned int len)
{
    return buf ? lzma_crc32(buf, len, (uint32_t)crc) : 0;
}

#define CRC64_POLY 0xc96c5795d7870f42   /* ECMA-182, reflected */

/* liblzma chooses between versions in a constructor, which nobody runs here. */
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

/* libzstd's weak tracing hooks: their absence cannot be expressed at our address. A begin of 0: no end is called. */
unsigned long long ZSTD_trace_decompress_begin(const void *dctx __unused) { return 0; }
void ZSTD_trace_decompress_end(unsigned long long ctx __unused, const void *trace __unused) { }

/* libzstd's decoders of formats before 0.8 take 90 KiB: these say "version not supported" as the library does. */
#define VERSION_UNSUPPORTED ((size_t)-12)
void *zstd_old_create(void) { return NULL; }
size_t zstd_old_refuse(void) { return VERSION_UNSUPPORTED; }
void zstd_old_refuse_size(const void *src __unused, size_t size __unused, size_t *compressed, unsigned long long *bound)
{
    *compressed = VERSION_UNSUPPORTED;
    *bound = -2ULL;
}
#define ALIAS(name, of) ".globl " name "; .set " name ", " of "\n"
#define OLD_FORMAT(v) \
    ALIAS("ZSTDv" v "_createDCtx", "zstd_old_create") \
    ALIAS("ZBUFFv" v "_createDCtx", "zstd_old_create") \
    ALIAS("ZSTDv" v "_freeDCtx", "zstd_old_refuse") \
    ALIAS("ZSTDv" v "_getFrameParams", "zstd_old_refuse") \
    ALIAS("ZSTDv" v "_decompress_usingDict", "zstd_old_refuse") \
    ALIAS("ZSTDv" v "_findFrameSizeInfoLegacy", "zstd_old_refuse_size") \
    ALIAS("ZBUFFv" v "_freeDCtx", "zstd_old_refuse") \
    ALIAS("ZBUFFv" v "_decompressInitDictionary", "zstd_old_refuse") \
    ALIAS("ZBUFFv" v "_decompressContinue", "zstd_old_refuse")
__asm__(OLD_FORMAT("05") OLD_FORMAT("06") OLD_FORMAT("07"));
