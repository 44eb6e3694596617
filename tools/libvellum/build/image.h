/* SPDX-License-Identifier: MIT */
/*
 * Kernel files: a Linux bzImage (its compressed payload is what counts), an ELF file, or a compressed ELF file.
 *
 * vl_image_open maps the file, finds the payload and reads the segments from its first bytes; vl_image_expand then
 * writes the whole ELF file to a sink, which the caller can arrange so that segments land where the guest wants them.
 */
#ifndef VL_BUILD_IMAGE_H
#define VL_BUILD_IMAGE_H

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
    const uint8_t *cached;      /* the expanded file, mapped, when the cache has it; then it is the payload */
    size_t cached_size;
    struct vl_elf elf;
};

#define VL_IMAGE_MAX (1ul << 30)        /* no kernel expands to more */

/* 0, or a told -errno: no such file, not a kernel, truncated, an unknown compression, 32-bit. */
int vl_image_open(struct vl_image *image, const char *path);
void vl_image_close(struct vl_image *image);

/* Put the expansion of a compressed kernel into the cache. `size` is what vl_image_expand returned. */
void vl_image_keep(const struct vl_image *image, const struct vl_sink *sink, size_t size);

/* Expand all into a sink with room for expanded_size bytes. Returns the true size, or a told -errno. */
long vl_image_expand(const struct vl_image *image, struct vl_sink *sink);

#endif
