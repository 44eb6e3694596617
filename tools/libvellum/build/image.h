/* SPDX-License-Identifier: MIT */
/*
 * Kernel files: a Linux bzImage (its compressed payload is what counts), an ELF file, or a compressed ELF file.
 *
 * vl_image_open maps the file, finds the payload and reads the segments from its first bytes; vl_image_expand then
 * writes the whole ELF file to a sink, which the caller can arrange so that segments land where the guest wants them.
 */
#ifndef VL_BUILD_IMAGE_H
#define VL_BUILD_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/stat.h>

#include "build/elf.h"
#include "build/expand.h"

struct vl_image {
    char name[512];             /* the path, for messages */
    const uint8_t *file;        /* the mapped file */
    size_t file_size;
    const uint8_t *payload;     /* in it */
    size_t payload_size;
    enum vl_method method;
    size_t expanded_size;       /* room to expand into; for some files an upper bound */
    struct stat identity;       /* of the file */
    const uint8_t *cached;      /* the expanded file, packed and mapped, when the cache has it; then it is used */
    size_t cached_size;
    int cached_fd;
    struct vl_elf elf;
};

#define VL_IMAGE_MAX (1ul << 30)        /* no kernel expands to more */

/* 0, or a told -errno: no such file, not a kernel, truncated, an unknown compression, 32-bit. */
int vl_image_open(struct vl_image *image, const char *path);
void vl_image_close(struct vl_image *image);

/* Is this a compressed kernel that the cache does not have? */
bool vl_image_wants_keeping(const struct vl_image *image);

/* Put the expansion of a compressed kernel into the cache. `size` is what vl_image_expand returned. 0 or -errno, not told. */
int vl_image_keep(const struct vl_image *image, const struct vl_sink *sink, size_t size);

/*
 * Expand all into a sink with room for expanded_size bytes. Returns the true size, or a told -errno; -EBADMSG, not told:
 * the cache's form is damaged, and the output worthless.
 */
long vl_image_expand(const struct vl_image *image, struct vl_sink *sink);

/* The cache's form has turned out to be damaged: the kernel's file is what there is. */
void vl_image_forget_cached(struct vl_image *image);

/* After -EBADMSG: go back to the kernel's file. expanded_size may change. 0 or a told -errno. */
int vl_image_drop_cached(struct vl_image *image);

#endif
