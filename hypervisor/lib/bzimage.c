/* SPDX-License-Identifier: MIT */
/*
 * Linux's bzImage, by Documentation/x86/boot.rst of the kernel ("The Linux/x86 Boot Protocol"): where its compressed ELF
 * kernel is. The image is as the boot loader read it from disk; every field is checked against its size.
 */
#include <hv/lib.h>

/* The real-mode kernel header: offsets in the file. */
enum {
    HDR_SETUP_SECTS    = 0x1f1,     /* 512-byte sectors of set-up code, besides the first; 0 means 4 */
    HDR_BOOT_FLAG      = 0x1fe,
    HDR_MAGIC          = 0x202,
    HDR_VERSION        = 0x206,
    HDR_PAYLOAD_OFFSET = 0x248,     /* from the protected-mode code; since 2.08 */
    HDR_PAYLOAD_LENGTH = 0x24c,
    HDR_END            = 0x250,
};
#define BOOT_FLAG          0xaa55u
#define VERSION_PAYLOAD    0x0208u
#define SECTOR             512u
#define DEFAULT_SETUP      4u

static uint32_t le(const uint8_t *p, unsigned int bytes)
{
    uint32_t v = 0;

    while (bytes--)
        v = v << 8 | p[bytes];
    return v;
}

int bzimage_payload(const void *image, size_t size, const void **payload, size_t *payload_size)
{
    const uint8_t *h = image;
    uint64_t start, len;

    if (size < HDR_END || le(h + HDR_BOOT_FLAG, 2) != BOOT_FLAG || memcmp(h + HDR_MAGIC, "HdrS", 4) != 0 ||
        le(h + HDR_VERSION, 2) < VERSION_PAYLOAD)
        return -XEN_EINVAL;
    start = h[HDR_SETUP_SECTS] ? h[HDR_SETUP_SECTS] : DEFAULT_SETUP;
    start = (start + 1) * SECTOR + le(h + HDR_PAYLOAD_OFFSET, 4);
    len = le(h + HDR_PAYLOAD_LENGTH, 4);
    if (len == 0 || start > size || len > size - start)
        return -XEN_EINVAL;
    *payload = h + start;
    *payload_size = len;
    return 0;
}

int bzimage_unpacked_size(const void *payload, size_t payload_size, size_t *size)
{
    const uint8_t *p = payload;

    /* gzip's own trailer ends with it; for the other methods the kernel's build appends it in the same form. */
    if (payload_size < 4)
        return -XEN_EINVAL;
    *size = le(p + payload_size - 4, 4);
    return *size ? 0 : -XEN_EINVAL;
}
