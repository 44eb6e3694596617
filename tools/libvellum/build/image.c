/* SPDX-License-Identifier: MIT */
#include "build/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/late.h"
#include "base/log.h"
#include "build/cache.h"
#include "build/packed.h"

/* Offsets in a bzImage's setup header: Linux, Documentation/x86/boot.rst. */
#define BZ_SETUP_SECTS 0x1f1
#define BZ_MAGIC 0x202                  /* "HdrS" */
#define BZ_VERSION 0x206
#define BZ_PAYLOAD_OFFSET 0x248
#define BZ_PAYLOAD_LENGTH 0x24c
#define BZ_HEADER_END 0x250

static uint32_t u32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, 4);
    return v;
}

static int map_file(struct vl_image *image, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    void *p;
    int rc;

    snprintf(image->name, sizeof(image->name), "%s", path);
    if (fd < 0)
        return vl_fail_errno("%s: cannot open the kernel", path);
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        close(fd);
        return vl_fail(-EINVAL, "%s: the kernel is not a regular file", path);
    }
    if (st.st_size < 64 || (uint64_t)st.st_size > VL_IMAGE_MAX) {
        close(fd);
        return vl_fail(-EINVAL, "%s: a file of %lld bytes is no kernel", path, (long long)st.st_size);
    }
    p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    rc = p == MAP_FAILED ? vl_fail_errno("%s: cannot map the kernel", path) : 0;
    close(fd);
    if (rc)
        return rc;
    image->file = p;
    image->file_size = (size_t)st.st_size;
    image->identity = st;
    return 0;
}

/* Narrow the image to a bzImage's payload. The kernel's build puts the payload's expanded size into its last 4 bytes. */
static int find_payload(struct vl_image *image)
{
    const uint8_t *f = image->file;
    uint64_t start, length;

    image->payload = f;
    image->payload_size = image->file_size;
    if (image->file_size < BZ_HEADER_END || memcmp(f + BZ_MAGIC, "HdrS", 4))
        return 0;
    if (f[BZ_VERSION + 1] < 2 || (f[BZ_VERSION + 1] == 2 && f[BZ_VERSION] < 8))
        return vl_fail(-EINVAL, "%s: this bzImage is too old to say where its kernel is (boot protocol %u.%02u, "
                       "2.08 is wanted)", image->name, f[BZ_VERSION + 1], f[BZ_VERSION]);
    start = ((f[BZ_SETUP_SECTS] ? f[BZ_SETUP_SECTS] : 4) + 1) * 512ull + u32(f + BZ_PAYLOAD_OFFSET);
    length = u32(f + BZ_PAYLOAD_LENGTH);
    if (length < 64 || start > image->file_size || length > image->file_size - start)
        return vl_fail(-EINVAL, "%s: the bzImage is truncated: its payload is %llu bytes at %llu, the file has %zu",
                       image->name, (unsigned long long)length, (unsigned long long)start, image->file_size);
    image->payload = f + start;
    image->payload_size = length;
    image->expanded_size = u32(f + start + length - 4);
    return 0;
}

/* How much memory the expansion gets when the file does not say: gzip says at its end, others are guessed upwards. */
static void guess_size(struct vl_image *image)
{
    if (image->method == VL_METHOD_NONE)
        image->expanded_size = image->payload_size;
    else if (image->payload == image->file)
        image->expanded_size = image->method == VL_METHOD_GZIP ? u32(image->payload + image->payload_size - 4)
                                                               : image->payload_size * 16;
    if (image->expanded_size > VL_IMAGE_MAX)
        image->expanded_size = VL_IMAGE_MAX;
    if (image->expanded_size < VL_ELF_HEAD)
        image->expanded_size = VL_ELF_HEAD;
}

static int tell_expand_error(const struct vl_image *image, long rc)
{
    if (rc == -ECANCELED)       /* by the sink, which has told why */
        return (int)rc;
    if (rc == -EOPNOTSUPP)
        return vl_fail((int)rc, "%s: the kernel is compressed with %s, which is not supported (gzip, xz, lzma, zstd, "
                       "lz4, bzip2 are)", image->name, vl_method_name(image->method));
    if (rc == -ENOMEM)
        return vl_fail((int)rc, "%s: not enough memory to expand the kernel (%s)", image->name,
                       vl_method_name(image->method));
    if (rc == -EFBIG)
        return vl_fail((int)rc, "%s: the kernel's %s payload expands to more than the %zu bytes it should",
                       image->name, vl_method_name(image->method), image->expanded_size);
    return vl_fail((int)rc, "%s: the kernel's %s payload is damaged or truncated", image->name,
                   vl_method_name(image->method));
}

/* Of the payload, or of the packed form that the cache has of it. */
static long expand(const struct vl_image *image, struct vl_sink *sink, bool head)
{
    if (image->cached)
        return vl_packed_expand(sink, image->cached, image->cached_fd, head);
    return vl_expand(image->method, image->payload, image->payload_size, sink, head);
}

static int read_head(struct vl_image *image)
{
    uint8_t *head = vl_xmalloc(VL_ELF_HEAD);
    struct vl_sink sink = { .base = head, .size = VL_ELF_HEAD, .ready = VL_ELF_HEAD };
    long n = expand(image, &sink, true);
    int rc = n < 0 ? tell_expand_error(image, n)
                   : vl_elf_read(&image->elf, image->name, head, (size_t)n,
                                 image->method == VL_METHOD_NONE ? image->payload_size : image->expanded_size);

    free(head);
    return rc;
}

/* An expansion that is kept takes the place of the payload's. */
static void look_in_cache(struct vl_image *image)
{
    image->cached = vl_cache_find(&image->identity, image->file, image->file_size, &image->cached_size,
                                  &image->cached_fd);
    if (!image->cached)
        return;
    image->expanded_size = vl_packed_size(image->cached);
}

int vl_image_open(struct vl_image *image, const char *path)
{
    int rc;

    memset(image, 0, sizeof(*image));
    rc = map_file(image, path);
    if (rc)
        return rc;
    rc = find_payload(image);
    if (!rc) {
        image->method = vl_method_of(image->payload, image->payload_size);
        if (image->method == VL_METHOD_UNKNOWN)
            rc = vl_fail(-EINVAL, image->payload == image->file
                         ? "%s: this is no kernel: neither a bzImage nor ELF, nor ELF compressed by a method we know"
                         : "%s: the kernel is compressed with an unknown method (gzip, xz, lzma, zstd, lz4, bzip2 are "
                           "supported)", image->name);
    }
    if (!rc && image->method != VL_METHOD_NONE)
        look_in_cache(image);
    if (!rc) {
        if (!image->cached)
            guess_size(image);
        rc = read_head(image);
    }
    if (rc)
        vl_image_close(image);
    return rc;
}

void vl_image_forget_cached(struct vl_image *image)
{
    if (image->cached)
        close(image->cached_fd);
    vl_late_unmap(image->cached, image->cached_size);
    image->cached = NULL;
}

void vl_image_close(struct vl_image *image)
{
    vl_late_unmap(image->file, image->file_size);
    vl_image_forget_cached(image);
    image->file = NULL;
}

bool vl_image_wants_keeping(const struct vl_image *image)
{
    return !image->cached && image->method != VL_METHOD_NONE;
}

int vl_image_keep(const struct vl_image *image, const struct vl_sink *sink, size_t size)
{
    return vl_cache_keep(&image->identity, image->file, image->file_size, sink->base,
                         vl_elf_needed(&image->elf, sink->base, size));
}

int vl_image_drop_cached(struct vl_image *image)
{
    vl_note("%s: what %s keeps of this kernel is damaged; it is expanded again", image->name, vl_cache_folder());
    vl_cache_drop(&image->identity);
    vl_image_forget_cached(image);
    find_payload(image);
    guess_size(image);
    return read_head(image);
}

long vl_image_expand(const struct vl_image *image, struct vl_sink *sink)
{
    long n = expand(image, sink, false);

    return n < 0 && n != -EBADMSG ? tell_expand_error(image, n) : n;
}
